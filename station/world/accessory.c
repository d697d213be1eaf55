#include "station/world/accessory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/apple_ie.h"
#include "station/wifi/soft_ap.h"
#include "station/wifi/sta.h"
#include "station/wifi/wpa.h"

#define ADDRESS 0xc0a80a01u /* 192.168.10.1, of each one of them */
#define MASK 0xffffff00u
#define LEASES 4u
#define LEASE_S 3600u
#define TX_QUEUE 64u
#define RATE_6M 12u
#define FIRST_SEED 7u
#define SIGN_MIN_US 500000u /* a real chip's: half a second to a whole one */
#define SIGN_SPREAD_US 500000u
#define LEAVES_US 200000u /* after /config, for its answer */
#define RADIO_US 100000u  /* from an access point to a STA */
#define OFF_US 1000000u
#define DWELL_US 60000u /* on a channel where it looks for its network */
#define JOIN_US 60000000u
#define JOIN_PATIENCE_US 2000000u
#define ANNOUNCE_US 1000000u /* RFC 6762 section 8.3: twice, a second apart */
#define CONFIRM_US 120000000u
#define QUIET_US 2000000u /* after /configured, for its answer: then nobody talks to it any more */

enum state { OFF, SETUP, CHANGING, SEEKING, JOINING, ADDRESSING, WAITING, CONFIRMED, QUIET };

struct accessory {
	struct accessory_config config;
	struct loop *loop;
	struct air_node *node;
	struct entropy *entropy;
	struct loop_timer timer;
	enum state state;
	uint64_t state_us; /* it ends */
	uint64_t announce_us;
	bool struck, vanishes;
	unsigned seed;
	uint8_t bssid[6], element[MR_APPLE_IE_MAX];
	size_t element_len;
	char device_id[18], host[24], serial[16];
	struct mr_mfi_model model;
	struct mr_mfi_bus bus;
	struct soft_ap *ap;
	struct ip_if *net;
	struct accessory_server *server;
	/* What /config gave it. */
	uint8_t ssid[32], ssid_len;
	char passphrase[64];
	struct sta *sta;
	struct sta_config sta_config;
	uint16_t sequence;
	size_t channel; /* index, being looked at */
	bool in_air;
	uint64_t give_up_us; /* joining */
};

static uint64_t now_of(const struct accessory *a) { return loop_now_us(a->loop); }
static void pump(struct accessory *a);

static void rearm(struct accessory *a)
{
	uint64_t at_us = a->ap ? soft_ap_deadline_us(a->ap) : UINT64_MAX;

	if (a->sta && sta_deadline_us(a->sta) < at_us)
		at_us = sta_deadline_us(a->sta);
	if (a->state_us < at_us)
		at_us = a->state_us;
	if (a->announce_us < at_us)
		at_us = a->announce_us;
	loop_at(a->loop, &a->timer, a->vanishes ? now_of(a) : at_us);
}

static void enter(struct accessory *a, enum state state, uint64_t for_us)
{
	a->state = state;
	a->state_us = for_us == UINT64_MAX ? UINT64_MAX : now_of(a) + for_us;
}

/* --- faults --- */

static bool strikes(struct accessory *a, enum accessory_fault fault, enum accessory_step step)
{
	if (a->config.fault != fault || a->config.at_step != step || (a->struck && a->config.once))
		return false;
	a->struck = true;
	return true;
}

/* Called from inside the server: what ends it waits for the timer. */
static bool on_step(void *ctx, enum accessory_step step)
{
	struct accessory *a = ctx;
	bool goes_on = true;

	if (strikes(a, ACCESSORY_VANISHES, step)) {
		a->vanishes = true;
		goes_on = false;
	} else if (strikes(a, ACCESSORY_STALLS, step)) {
		goes_on = false;
	} else if (step == ACCESSORY_CONFIRMED && a->state == WAITING) {
		enter(a, CONFIRMED, QUIET_US);
	} else if (step == ACCESSORY_ANSWERED && a->state == SETUP) {
		a->state_us = now_of(a) + LEAVES_US;
	}
	rearm(a);
	return goes_on;
}

/* --- its links --- */

static void drop_links(struct accessory *a)
{
	accessory_server_destroy(a->server);
	a->server = NULL;
	ip_if_destroy(a->net);
	a->net = NULL;
	soft_ap_destroy(a->ap);
	a->ap = NULL;
	sta_destroy(a->sta);
	a->sta = NULL;
	a->in_air = false;
	a->announce_us = UINT64_MAX;
}

static void on_config(void *ctx, const struct mr_wac_request *request)
{
	struct accessory *a = ctx;

	a->ssid_len = (uint8_t)request->ssid.left;
	memcpy(a->ssid, request->ssid.at, request->ssid.left);
	memset(a->passphrase, 0, sizeof(a->passphrase));
	if (request->passphrase.at)
		memcpy(a->passphrase, request->passphrase.at, request->passphrase.left);
	if (a->config.fault != ACCESSORY_SAME_SEED)
		a->seed++;
}

static bool serve(struct accessory *a, bool configured)
{
	struct accessory_server_config c = { .loop = a->loop,
					     .entropy = a->entropy,
					     .net = a->net,
					     .bus = a->bus,
					     .lie = a->config.lie,
					     .instance = a->config.name,
					     .host = a->host,
					     .device_id = a->device_id,
					     .model = "Plug1,1",
					     .serial = a->serial,
					     .port = (uint16_t)(80 + 8000 * (a->config.mac[5] % 2)),
					     .seed = a->seed,
					     .configured = configured,
					     .ctx = a,
					     .step = on_step,
					     .config = on_config };

	if (a->config.other_chip)
		c.other_certificate = mfi_test_certificate(a->config.other_chip);
	a->server = accessory_server_create(&c);
	return a->server != NULL;
}

/* --- the access point --- */

static bool on_ap_send(void *ctx, struct mr_rd frame, const struct radio_tx *tx)
{
	return air_send(((struct accessory *)ctx)->node, frame, tx) == 0;
}

static void on_ap_data(void *ctx, const uint8_t dst[static 6], const uint8_t src[static 6], uint16_t ethertype,
		       struct mr_rd payload)
{
	struct accessory *a = ctx;
	bool to_us = mr_equal(dst, a->bssid, 6) || ieee80211_is_group(dst);

	(void)src;
	if (a->net && to_us)
		ip_if_input(a->net, dst, ethertype, payload.at, payload.left);
}

static void on_ap_output(void *ctx, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload, size_t len)
{
	struct accessory *a = ctx;

	if (a->ap)
		(void)soft_ap_send(a->ap, dst, ethertype, payload, len, now_of(a));
	rearm(a);
}

static void on_ap_joined(void *ctx, const uint8_t mac[static 6])
{
	static const struct ip_if_events events = { on_ap_output, NULL };
	struct accessory *a = ctx;

	(void)mac;
	if (!on_step(a, ACCESSORY_ASSOCIATED) || a->net)
		return;
	a->net = ip_if_create(a->config.ip, a->bssid, &events, a);
	if (!a->net)
		return; /* whoever is there waits in vain for an address */
	ip_if_static(a->net, ADDRESS, MASK, 0);
	ip_if_serve_dhcp(a->net, ADDRESS + 1, LEASES, LEASE_S);
	if (!serve(a, false))
		abort();
}

static void on_ap_left(void *ctx, const uint8_t mac[static 6], int reason)
{
	struct accessory *a = ctx;

	(void)mac, (void)reason;
	if (soft_ap_stas(a->ap) > 0 || a->state_us != UINT64_MAX)
		return;
	accessory_server_destroy(a->server);
	a->server = NULL;
	ip_if_destroy(a->net);
	a->net = NULL;
}

static void set_up(struct accessory *a)
{
	struct soft_ap_config c = { .security = IEEE80211_OPEN,
				    .freq_mhz = a->config.freq_mhz,
				    .stas_max = 4,
				    .wmm = true,
				    .vendor = mr_rd_over(a->element, a->element_len) };
	const struct soft_ap_events events = {
		.ctx = a, .send = on_ap_send, .received = on_ap_data, .joined = on_ap_joined, .left = on_ap_left
	};
	char name[33];

	drop_links(a);
	air_power(a->node, true);
	snprintf(name, sizeof(name), "%.20s Setup %02X%02X", a->config.name, a->config.mac[4], a->config.mac[5]);
	memcpy(c.mac, a->bssid, 6);
	memcpy(c.ssid, name, strlen(name));
	c.ssid_len = (uint8_t)strlen(name);
	a->ap = soft_ap_create(&c, &events, a->entropy, now_of(a));
	if (!a->ap || air_tune(a->node, a->config.freq_mhz) != 0)
		abort();
	air_skip_beacons(a->node, true);
	mr_wipe(a->passphrase, sizeof(a->passphrase));
	enter(a, SETUP, UINT64_MAX);
}

static void switch_off(struct accessory *a)
{
	drop_links(a);
	air_power(a->node, false);
	a->vanishes = false;
	enter(a, OFF, a->config.once ? OFF_US : UINT64_MAX);
}

/* --- the network --- */

static void probe(struct accessory *a)
{
	struct radio_tx tx = { .rate_500kbps = RATE_6M };
	uint8_t buf[256];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct ieee80211_header h = { .kind = IEEE80211_PROBE_REQUEST, .sequence = a->sequence++ & 0xfff };

	memcpy(h.address1, ieee80211_broadcast, 6);
	memcpy(h.address2, a->config.mac, 6);
	memcpy(h.address3, ieee80211_broadcast, 6);
	ieee80211_header_build(&w, &h);
	ieee80211_put_ssid(&w, a->ssid, a->ssid_len);
	ieee80211_put_rates(&w, a->config.channels[a->channel]);
	if (!w.bad)
		(void)air_send(a->node, mr_wr_written(&w), &tx);
}

static void seek(struct accessory *a)
{
	drop_links(a);
	air_skip_beacons(a->node, false);
	a->channel = (a->channel + 1) % a->config.channel_count;
	(void)air_tune(a->node, a->config.channels[a->channel]);
	enter(a, SEEKING, DWELL_US);
}

static void join(struct accessory *a, const struct ieee80211_network *n)
{
	a->sta_config = (struct sta_config){ .freq_mhz = n->freq_mhz,
					     .ssid_len = n->ssid_len,
					     .rsn = n->rsn,
					     .rates = n->rates,
					     .secure = a->passphrase[0] != '\0',
					     .patience_us = JOIN_PATIENCE_US,
					     .entropy = a->entropy,
					     .sequence = &a->sequence };
	memcpy(a->sta_config.own, a->config.mac, 6);
	memcpy(a->sta_config.bssid, n->bssid, 6);
	memcpy(a->sta_config.ssid, n->ssid, n->ssid_len);
	if (a->sta_config.secure && !wpa_psk(a->passphrase, n->ssid, n->ssid_len, a->sta_config.pmk))
		abort();
	a->sta = sta_create(&a->sta_config, now_of(a));
	if (!a->sta)
		abort();
	air_skip_beacons(a->node, true);
	enter(a, JOINING, UINT64_MAX);
}

static void on_sta_output(void *ctx, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload,
			  size_t len)
{
	struct accessory *a = ctx;

	if (a->sta)
		(void)sta_send(a->sta, dst, ethertype, payload, len);
	pump(a);
}

static void on_address(void *ctx, int result, const struct ip_lease *lease)
{
	struct accessory *a = ctx;

	(void)lease;
	if (a->state != ADDRESSING || result != 0)
		return;
	if (!on_step(a, ACCESSORY_JOINED))
		return;
	if (!serve(a, true))
		abort();
	if (!a->config.unannounced) {
		accessory_server_announce(a->server);
		a->announce_us = now_of(a) + ANNOUNCE_US;
	}
	enter(a, WAITING, CONFIRM_US);
	rearm(a);
}

static void on_sta_up(struct accessory *a)
{
	static const struct ip_if_events events = { on_sta_output, on_address };

	if (a->net)
		return;
	a->net = ip_if_create(a->config.ip, a->config.mac, &events, a);
	if (!a->net)
		return;
	enter(a, ADDRESSING, UINT64_MAX);
	ip_if_dhcp(a->net, a->give_up_us);
}

static void on_network(struct accessory *a, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct ieee80211_network n;

	if (a->config.fault == ACCESSORY_NO_JOIN || !ieee80211_network_of(mpdu, rx, &n) || n.ssid_len != a->ssid_len ||
	    !mr_equal(n.ssid, a->ssid, n.ssid_len))
		return;
	join(a, &n);
}

static void on_sta_frame(struct accessory *a, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct sta_out out = { .event = STA_NOTHING };

	if (mpdu.left < 16 || !mr_equal(mpdu.at + 10, a->sta_config.bssid, 6))
		return;
	if (sta_receive(a->sta, mpdu, rx, &out, rx->time_us) < 0)
		seek(a);
	else if (out.event == STA_UP)
		on_sta_up(a);
	else if (out.event == STA_MSDU && a->net)
		ip_if_input(a->net, out.dst, out.ethertype, out.payload.at, out.payload.left);
	mr_wipe(out.bytes, sizeof(out.bytes));
}

static void pump(struct accessory *a)
{
	struct radio_tx tx = { .rate_500kbps = RATE_6M, .retries = 7 };
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len;

	if (a->sta && !a->in_air && (len = sta_pull(a->sta, frame, false, &what, now_of(a))) > 0) {
		tx.cookie = 1u + what;
		a->in_air = air_send(a->node, mr_rd_over(frame, len), &tx) == 0;
		if (!a->in_air)
			sta_sent(a->sta, what, false, 0, now_of(a));
	}
	rearm(a);
}

/* --- the radio --- */

static void on_received(void *ctx, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct accessory *a = ctx;

	if (a->vanishes)
		return;
	if (a->ap)
		soft_ap_receive(a->ap, mpdu, rx->time_us);
	else if (a->state == SEEKING)
		on_network(a, mpdu, rx);
	else if (a->sta)
		on_sta_frame(a, mpdu, rx);
	pump(a);
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct accessory *a = ctx;

	if (cookie & SOFT_AP_COOKIE) {
		if (a->ap)
			soft_ap_sent(a->ap, cookie, acked, now_of(a));
	} else if (cookie > 0) {
		if (a->sta && a->in_air)
			sta_sent(a->sta, (uint8_t)(cookie - 1), acked, tries, now_of(a));
		a->in_air = false;
	}
	pump(a);
}

static void on_tuned(void *ctx, uint16_t freq_mhz)
{
	struct accessory *a = ctx;

	(void)freq_mhz;
	if (a->state == SEEKING)
		probe(a);
}

/* --- time --- */

static void state_is_over(struct accessory *a)
{
	switch (a->state) {
	case OFF: set_up(a); return;
	case SETUP: /* its answer to /config has left */
		soft_ap_dismiss(a->ap, NULL, IEEE80211_LEAVING, now_of(a));
		enter(a, CHANGING, RADIO_US);
		return;
	case CHANGING:
		a->give_up_us = now_of(a) + JOIN_US;
		seek(a);
		return;
	case SEEKING:
		if (now_of(a) >= a->give_up_us)
			set_up(a);
		else
			seek(a);
		return;
	case WAITING: set_up(a); return; /* nobody has confirmed it */
	case CONFIRMED:
		accessory_server_destroy(a->server);
		a->server = NULL;
		ip_if_destroy(a->net);
		a->net = NULL;
		enter(a, QUIET, UINT64_MAX);
		return;
	case JOINING:
	case ADDRESSING:
	case QUIET: return;
	}
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct accessory *a = ctx;

	if (a->vanishes) {
		switch_off(a);
		rearm(a);
		return;
	}
	if (now_us >= a->state_us)
		state_is_over(a);
	if (now_us >= a->announce_us) {
		a->announce_us = UINT64_MAX;
		if (a->server)
			accessory_server_announce(a->server);
	}
	if (a->ap)
		soft_ap_expire(a->ap, now_us);
	if (a->sta && now_us >= sta_deadline_us(a->sta) && sta_expire(a->sta, now_us) < 0)
		seek(a);
	if ((a->state == JOINING || a->state == ADDRESSING) && now_us >= a->give_up_us)
		set_up(a);
	pump(a);
}

/* --- from cradle to grave --- */

static void describe(struct accessory *a)
{
	static const uint8_t flags[2] = { 0x60, 0x02 }; /* unconfigured, configures, 2.4 GHz */
	const uint8_t *m = a->config.mac;
	struct mr_apple_ie ie = { .flags = mr_rd_over(flags, 2),
				  .name = mr_rd_over(a->config.name, strlen(a->config.name)),
				  .manufacturer = mr_rd_over("Acme", 4),
				  .model = mr_rd_over("Plug1,1", 7),
				  .device_id = mr_rd_over(m, 6) };
	struct mr_wr w = mr_wr_over(a->element, sizeof(a->element));

	mr_apple_ie_build(&ie, &w);
	assert(!w.bad);
	a->element_len = w.len;
	snprintf(a->device_id, sizeof(a->device_id), "%02X:%02X:%02X:%02X:%02X:%02X", m[0], m[1], m[2], m[3], m[4],
		 m[5]);
	snprintf(a->host, sizeof(a->host), "plug-%02x%02x%02x", m[3], m[4], m[5]);
	snprintf(a->serial, sizeof(a->serial), "SN%02X%02X%02X", m[3], m[4], m[5]);
}

static bool model_signs(void *ctx, const uint8_t *digest, size_t digest_len, uint8_t *signature)
{
	return mfi_test_sign(((struct accessory *)ctx)->config.chip, digest, digest_len, signature);
}

static uint64_t model_now(void *ctx) { return now_of(ctx); }

static void open_chip(struct accessory *a)
{
	struct mr_mfi_model_config c = { .generation = (uint8_t)a->config.generation,
					 .sign_us = a->config.sign_us,
					 .access_us = 200,
					 .sign = model_signs,
					 .now_us = model_now,
					 .ctx = a };

	if (a->config.bus) {
		a->bus = *a->config.bus;
		return;
	}
	if (c.sign_us == 0)
		c.sign_us = SIGN_MIN_US + (uint32_t)entropy_below(a->entropy, SIGN_SPREAD_US);
	c.certificate = mfi_test_certificate(a->config.chip);
	a->bus = mr_mfi_model_open(&a->model, &c);
}

struct accessory *accessory_create(struct air *air, const struct accessory_config *config)
{
	struct accessory *a = calloc(1, sizeof(*a));
	struct air_node_config node = { .x_m = config->x_m,
					.y_m = config->y_m,
					.tx_dbm = config->tx_dbm,
					.extra_loss_db = config->extra_loss_db,
					.acknowledges = true,
					.tx_queue_max = TX_QUEUE,
					.ctx = a,
					.received = on_received,
					.status = on_status,
					.tuned = on_tuned };

	assert(config->channel_count > 0 && config->ip);
	if (!a)
		return NULL;
	a->config = *config;
	a->seed = FIRST_SEED;
	a->loop = air_loop(air);
	a->timer = (struct loop_timer){ .fn = on_timer, .ctx = a, .at_us = LOOP_NEVER };
	a->announce_us = UINT64_MAX;
	memcpy(node.mac, config->mac, 6);
	memcpy(a->bssid, config->mac, 6);
	if (config->other_bssid)
		a->bssid[0] ^= 0x08;
	describe(a);
	a->entropy = entropy_create_seeded(config->seed, "accessory");
	a->node = a->entropy ? air_add_node(air, &node) : NULL;
	if (!a->node) {
		accessory_destroy(a);
		return NULL;
	}
	open_chip(a);
	if (config->other_bssid)
		air_acknowledge(a->node, &a->bssid, 1);
	air_power(a->node, false);
	a->state_us = config->power_on_us;
	rearm(a);
	return a;
}

void accessory_destroy(struct accessory *a)
{
	if (!a)
		return;
	if (a->node)
		air_node_detach(a->node);
	loop_cancel(a->loop, &a->timer);
	drop_links(a);
	entropy_destroy(a->entropy);
	mr_wipe(a, sizeof(*a));
	free(a);
}
