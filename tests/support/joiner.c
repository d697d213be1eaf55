#include "tests/support/joiner.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "station/wifi/wpa.h"

#define JOINED_US 10000000u /* chosen: a person looks at the lamp, and at the screen */

static void pump(struct joiner *j)
{
	struct loop *loop = air_loop(j->air);
	struct radio_tx tx = { .rate_500kbps = 12, .retries = 7 };
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len;

	if (!j->sta)
		return;
	if (!j->in_air && (len = sta_pull(j->sta, frame, false, &what, loop_now_us(loop))) > 0) {
		tx.cookie = 1 + what;
		j->in_air = air_send(j->node, mr_rd_over(frame, len), &tx) == 0;
		if (!j->in_air)
			sta_sent(j->sta, what, false, 0, loop_now_us(loop));
	}
	loop_at(loop, &j->timer, sta_deadline_us(j->sta));
}

/* It gives up, and begins anew with the next beacon. */
static void over(struct joiner *j)
{
	sta_destroy(j->sta);
	j->sta = NULL;
	j->in_air = false;
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct joiner *j = ctx;

	if (j->sta && sta_expire(j->sta, now_us) < 0)
		over(j);
	pump(j);
}

static void restart(struct joiner *j)
{
	over(j);
	j->wants = j->joined = false;
}

static void on_beacon(struct joiner *j, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct ieee80211_network n;

	if (!ieee80211_network_of(mpdu, rx, &n) || n.ssid_len != j->config.ssid_len ||
	    memcmp(n.ssid, j->config.ssid, n.ssid_len) != 0)
		return;
	memcpy(j->config.bssid, n.bssid, 6);
	j->config.rsn = n.rsn;
	j->config.freq_mhz = rx->freq_mhz;
	j->sta = sta_create(&j->config, rx->time_us);
	assert_non_null(j->sta);
}

static void on_received(void *ctx, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct joiner *j = ctx;
	struct sta_out out = { .event = STA_NOTHING };
	int result;

	j->frames++;
	if (j->joined && rx->time_us >= j->joined_us + JOINED_US)
		restart(j);
	if (!j->wants && j->heard)
		j->heard(j, mpdu, rx);
	if (j->wants && !j->sta && !j->joined)
		on_beacon(j, mpdu, rx);
	if (j->sta && mpdu.left >= 16 && memcmp(mpdu.at + 10, j->config.bssid, 6) == 0) {
		result = sta_receive(j->sta, mpdu, rx, &out, rx->time_us);
		if (result < 0)
			over(j);
		else if (out.event == STA_UP && !j->joined) {
			j->joined = true;
			j->joined_us = rx->time_us;
		}
		mr_wipe(out.bytes, sizeof(out.bytes));
	}
	pump(j);
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct joiner *j = ctx;

	if (cookie == 0)
		return;
	j->in_air = false;
	if (j->sta)
		sta_sent(j->sta, (uint8_t)(cookie - 1), acked, tries, loop_now_us(air_loop(j->air)));
	pump(j);
}

void joiner_create(struct joiner *j, struct air *air, const uint8_t mac[static 6], uint16_t freq_mhz, uint64_t seed)
{
	struct air_node_config node = { .x_m = 2,
					.y_m = 3,
					.tx_dbm = 15,
					.promiscuous = true,
					.acknowledges = true,
					.ctx = j,
					.received = on_received,
					.status = on_status };

	j->air = air;
	j->freq_mhz = freq_mhz;
	memcpy(j->mac, mac, 6);
	memcpy(node.mac, mac, 6);
	j->entropy = entropy_create_seeded(seed, "joiner");
	j->timer = (struct loop_timer){ .fn = on_timer, .ctx = j, .at_us = LOOP_NEVER };
	j->node = air_add_node(air, &node);
	assert_non_null(j->entropy);
	assert_non_null(j->node);
	assert_int_equal(air_tune(j->node, freq_mhz), 0);
}

void joiner_join(struct joiner *j, const char *ssid, const char *passphrase)
{
	j->config = (struct sta_config){ .secure = true,
					 .ssid_len = (uint8_t)strlen(ssid),
					 .patience_us = 4000000,
					 .entropy = j->entropy,
					 .sequence = &j->sequence };
	memcpy(j->config.own, j->mac, 6);
	memcpy(j->config.ssid, ssid, strlen(ssid));
	assert_true(wpa_psk(passphrase, (const uint8_t *)ssid, strlen(ssid), j->config.pmk));
	j->wants = true;
}

void joiner_send(struct joiner *j, struct mr_rd mpdu)
{
	struct radio_tx tx = { .rate_500kbps = 12, .retries = 7 };

	(void)air_send(j->node, mpdu, &tx);
}

void joiner_destroy(struct joiner *j)
{
	sta_destroy(j->sta);
	entropy_destroy(j->entropy);
	j->sta = NULL;
	j->entropy = NULL;
}
