/*
 * Who else is on the air of a lot whose devices are access points: networks named like a device's or like nothing, with
 * any elements, answers to nobody's questions, frames of others' links. The station looks at each of them, and so does
 * the device, which lists the networks around and looks for its own. Strangers cost time, perhaps a device its turn,
 * never a verdict of the device's, never the record.
 *
 * The first octet: the method and the state of the list of labels. Each step: what kind of frame, from whom, with which
 * name, when; then its octets, with their length before them.
 *
 * links: all
 */
#include "tests/line/hall.h"

#include <assert.h>

#include "station/air/air.h"
#include "station/base/loop.h"
#include "station/wifi/ieee80211.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define STEPS_MAX 64u
#define UNTIL_US 4000000u

/* The first device of a simulated lot, and the station. */
static const uint8_t device[6] = { 0x06, 0x4d, 0, 0, 0, 1 };

static struct {
	struct hall *hall;
	struct mr_rd script;
	struct air *air;
	struct air_node *node;
	struct loop_timer timer;
	struct line *line;
	unsigned steps;
	uint16_t sequence;
} now;

static void leave(void) { (void)hall_close((void **)&now.hall); }

/* In place of the C library's: the disk is not what this is about. */
int fsync(int fd) { return fd < 0; }
int fdatasync(int fd) { return fd < 0; }

/* --- the stranger --- */

static size_t name(uint8_t how, uint8_t ssid[static 32], struct mr_rd *rest)
{
	size_t len;

	switch (how % 8) {
	case 0: return (size_t)snprintf((char *)ssid, 32, "AC-000001");
	case 1: return (size_t)snprintf((char *)ssid, 32, "AC-%06x", how);
	case 2: return (size_t)snprintf((char *)ssid, 32, "AC-T%06u", how >> 3);
	case 3: return (size_t)snprintf((char *)ssid, 32, "hall");
	case 4: return 0; /* hidden */
	default: break;
	}
	len = how >> 3 < 32 ? how >> 3 : 32u;
	len = len < rest->left ? len : rest->left;
	mr_rd_copy(rest, ssid, len);
	return len;
}

static void elements(struct mr_wr *w, uint8_t how, struct mr_rd *rest)
{
	const struct ieee80211_rsn rsn = { .group = how & 16 ? IEEE80211_CIPHER_TKIP : IEEE80211_CIPHER_CCMP,
					   .group_management = IEEE80211_CIPHER_BIP_CMAC,
					   .pairwise = IEEE80211_BIT(IEEE80211_CIPHER_CCMP),
					   .akm = how & 32 ? IEEE80211_BIT(IEEE80211_AKM_PSK) | IEEE80211_BIT(8)
							   : IEEE80211_BIT(IEEE80211_AKM_PSK),
					   .capabilities = how & 64 ? IEEE80211_MFPC : 0 };
	uint8_t ssid[32];
	size_t len = name(how, ssid, rest);

	ieee80211_put_ssid(w, ssid, len);
	if (how & 128)
		ieee80211_put_rates(w, 2437);
	ieee80211_put_ds(w, 2437);
	if (how & 8)
		ieee80211_put_rsn(w, &rsn);
}

static void build(struct mr_wr *w, uint8_t kind, uint8_t who, uint8_t how, struct mr_rd rest)
{
	static const uint8_t kinds[] = {
		IEEE80211_BEACON, IEEE80211_PROBE_RESPONSE, IEEE80211_AUTHENTICATION,  IEEE80211_ASSOCIATION_RESPONSE,
		IEEE80211_DATA,	  IEEE80211_ACTION,	    IEEE80211_DEAUTHENTICATION
	};
	struct ieee80211_header h = { .kind = kinds[kind % 7], .sequence = now.sequence++ & 0xfff };
	const struct ieee80211_beacon beacon = { .interval_tu = 100,
						 .capability = (uint16_t)(1 | (how & 8 ? 0x10 : 0)) };

	memcpy(h.address2, device, 6);
	if (who & 1) /* else in the device's name */
		memcpy(h.address2, (uint8_t[]){ 0x02, 0x77, who, 0, 0, (uint8_t)(who >> 4) }, 6);
	if (who & 2)
		h.address2[5] = 2;
	memcpy(h.address3, h.address2, 6);
	memset(h.address1, 0xff, 6);
	if (h.kind != IEEE80211_BEACON || (who & 4))
		memcpy(h.address1, (uint8_t[]){ 0x02, 0x4d, 0x53, 0, 0, 0 }, 6);
	h.flags = h.kind == IEEE80211_DATA ? IEEE80211_FROM_DS : 0;
	ieee80211_header_build(w, &h);
	if (h.kind == IEEE80211_BEACON || h.kind == IEEE80211_PROBE_RESPONSE) {
		ieee80211_beacon_build(w, &beacon);
		elements(w, how, &rest);
	}
	mr_wr_bytes(w, rest.at, rest.left);
}

static void on_step(void *ctx, uint64_t now_us)
{
	uint8_t kind = mr_rd_u8(&now.script), who = mr_rd_u8(&now.script), how = mr_rd_u8(&now.script);
	uint64_t wait_us = UINT64_C(1000) * mr_rd_u8(&now.script);
	size_t most = mr_rd_u8(&now.script), len = most < now.script.left ? most : now.script.left;
	struct radio_tx tx = { .rate_500kbps = 12, .priority = RADIO_NORMAL };
	uint8_t frame[RADIO_FRAME_MAX];
	struct mr_wr w = mr_wr_over(frame, sizeof(frame));

	(void)ctx;
	build(&w, kind, who, how, mr_rd_sub(&now.script, len));
	if (!w.bad)
		(void)air_send(now.node, mr_wr_written(&w), &tx);
	if (now.script.left > 0 && ++now.steps < STEPS_MAX)
		loop_at(air_loop(now.air), &now.timer, now_us + wait_us);
}

static void populate(void *ctx, struct air *air)
{
	const struct air_node_config config = { .mac = { 0x0a, 0, 0, 0, 0, 1 }, .x_m = 1, .y_m = 1, .tx_dbm = 20 };

	(void)ctx;
	now.air = air;
	now.node = air_add_node(air, &config);
	assert(now.node && air_tune(now.node, 2437) == 0);
	now.timer = (struct loop_timer){ .fn = on_step, .at_us = LOOP_NEVER };
	loop_at(air_loop(air), &now.timer, 20000);
}

/* --- the lot --- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const ways[] = {
		"{method: micro-ap, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}",
		"{method: pin, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}",
		"{method: https, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{serial}\"}}",
	};
	struct batch_options o;
	struct run run;
	uint8_t way;

	if (!now.hall) {
		assert(hall_open((void **)&now.hall) == 0);
		atexit(leave);
	}
	now.script = mr_rd_over(data, len);
	way = mr_rd_u8(&now.script);
	now.steps = 0;
	hall_job(now.hall, &run,
		 &(struct shape){ .devices = 1,
				  .credentials = ways[way % 3],
				  .patience = "1s",
				  .attempts = "1",
				  .faults = way & 0x80 ? "    - {kind: hidden, count: 1}\n" : NULL },
		 1);
	o = hall_options(now.hall, &run);
	o.populate = populate;
	assert(batch_run(&o, &run.result, run.error, sizeof(run.error)) == 0);
	assert(run.result.summary.passed <= 1 && !run.result.summary.failure);
	assert(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed'") == run.result.summary.passed);
	assert(hall_ask(&run, "SELECT count(*) FROM receipt") <= 1);
	assert(hall_ask(&run, "SELECT count(*) FROM unit WHERE cause_name IN ('pin-refused', 'certificate-refused', "
			      "'bad-signature', 'wrong-product', 'key-changed')") == 0);
	hall_done(&run);
	return 0;
}
