#include "station/world/listener.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "station/wifi/sta.h"
#include "station/wifi/wpa.h"

#define DWELL_US 100000u   /* of the receivers that are known: 50 to 400 ms */
#define GUIDED_US 4000000u /* how long it stays where it heard a pattern */
#define UNITS_US 10000000u /* and where a unit of a scheme came */
#define OFF_US 1000000u
#define CONNECT_US 300000u /* chosen: a small chip starts its STA, and computes the key: 4096 rounds, twice */
#define SEEK_US 120000u	   /* on a channel, for a beacon of the network */
#define PATIENCE_US 4000000u
#define ACK_EVERY_US 100000u
#define ACKS 30u
#define CHATTER_US 4000000u /* what a device says on a network that it has joined */
#define RATE_6M 12u
#define IP_AT (IEEE80211_HEADER_LEN + IEEE80211_SNAP_LEN)

/* A firmware knows one scheme. */
static const struct mr_smart_coder *const coders[MR_SMART_COUNT][2] = {
	[MR_SMART_ESPTOUCH1] = { &mr_smart_esptouch1 }, [MR_SMART_ESPTOUCH2] = { &mr_smart_esptouch2 },
	[MR_SMART_AIRKISS] = { &mr_smart_airkiss },	[MR_SMART_CC3000] = { &mr_smart_cc3000 },
	[MR_SMART_EZCONNECT] = { &mr_smart_ezconnect },
};

enum state { OFF, LISTENING, CONNECTING, SEEKING, JOINING, JOINED };

struct listener {
	struct listener_config config;
	struct air *air;
	struct loop *loop;
	struct air_node *node;
	struct entropy *entropy;
	struct loop_timer timer;
	enum state state;
	size_t channel;
	uint64_t stay_us, next_us; /* it listens here until then; what comes next on a network */
	struct mr_smart_listener ears;
	struct mr_smart_settings settings;
	struct sta *sta;
	struct sta_config sta_config;
	uint16_t sequence;
	unsigned acks;
	bool in_air, struck;
};

static void pump(struct listener *l);

static void tune(struct listener *l) { (void)air_tune(l->node, l->config.channels[l->channel]); }

static void listen(struct listener *l, uint64_t now_us)
{
	l->state = LISTENING;
	mr_smart_forget(&l->ears);
	tune(l);
	l->stay_us = now_us + l->config.dwell_us;
	loop_at(l->loop, &l->timer, l->stay_us);
}

static void turn_off(struct listener *l, uint64_t now_us)
{
	sta_destroy(l->sta);
	l->sta = NULL;
	l->in_air = false;
	l->state = OFF;
	air_power(l->node, false);
	loop_at(l->loop, &l->timer, l->config.once ? now_us + OFF_US : LOOP_NEVER);
}

/* --- what it overhears --- */

static bool fault_strikes(struct listener *l)
{
	bool strikes = l->config.fault == LISTENER_VANISHES && !(l->config.once && l->struck);

	l->struck |= strikes;
	return strikes;
}

static void has_all(struct listener *l, uint64_t now_us)
{
	if (mr_smart_take(&l->ears, &l->settings) == MR_SMART_NONE)
		return;
	if (l->config.decoded)
		l->config.decoded(l->config.ctx, now_us);
	if (fault_strikes(l)) {
		turn_off(l, now_us);
		return;
	}
	l->state = CONNECTING;
	loop_at(l->loop, &l->timer, l->config.fault == LISTENER_NO_JOIN ? LOOP_NEVER : now_us + CONNECT_US);
}

static void overhear(struct listener *l, struct mr_rd mpdu, uint64_t now_us)
{
	struct mr_overheard frame;
	uint64_t until_us = l->stay_us;

	if (l->config.fault == LISTENER_DEAF || !mr_overheard_parse(mpdu, &frame))
		return;
	switch (mr_smart_hear(&l->ears, &frame, now_us)) {
	case MR_SMART_NOTHING: return;
	case MR_SMART_GUIDE: until_us = now_us + GUIDED_US; break;
	case MR_SMART_PROGRESS: until_us = now_us + UNITS_US; break;
	case MR_SMART_COMPLETE: has_all(l, now_us); return;
	}
	if (until_us > l->stay_us) {
		l->stay_us = until_us;
		loop_at(l->loop, &l->timer, until_us);
	}
}

/* --- the network --- */

static void seek(struct listener *l, uint64_t now_us)
{
	l->state = SEEKING;
	loop_at(l->loop, &l->timer, now_us + SEEK_US);
}

static void on_beacon(struct listener *l, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct ieee80211_network n;
	char passphrase[MR_SMART_PASSPHRASE_MAX + 1] = "";

	if (!ieee80211_network_of(mpdu, rx, &n) || n.ssid_len != l->settings.ssid_len ||
	    memcmp(n.ssid, l->settings.ssid, n.ssid_len) != 0)
		return;
	memcpy(passphrase, l->settings.passphrase, l->settings.passphrase_len);
	l->sta_config = (struct sta_config){ .secure = l->settings.passphrase_len > 0,
					     .ssid_len = l->settings.ssid_len,
					     .freq_mhz = rx->freq_mhz,
					     .rsn = n.rsn,
					     .patience_us = PATIENCE_US,
					     .entropy = l->entropy,
					     .sequence = &l->sequence };
	memcpy(l->sta_config.own, l->config.mac, 6);
	memcpy(l->sta_config.bssid, n.bssid, 6);
	memcpy(l->sta_config.ssid, n.ssid, n.ssid_len);
	if (l->sta_config.secure && !wpa_psk(passphrase, n.ssid, n.ssid_len, l->sta_config.pmk))
		return; /* what it was told is no passphrase */
	mr_wipe(passphrase, sizeof(passphrase));
	l->sta = sta_create(&l->sta_config, rx->time_us);
	if (!l->sta)
		abort(); /* the simulation itself has run out of memory: nothing sensible is left to do */
	l->state = JOINING;
}

static void sta_over(struct listener *l, uint64_t now_us)
{
	sta_destroy(l->sta);
	l->sta = NULL;
	l->in_air = false;
	seek(l, now_us);
}

/* Behind LLC/SNAP; an IPv4 packet of UDP to everybody. */
static void say(struct listener *l, uint16_t port, const void *payload, size_t len)
{
	uint8_t buf[512];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_overheard_out o = { .source_ip = { 192, 168, 77, l->config.mac[5] },
				      .destination_ip = { 255, 255, 255, 255 },
				      .source_port = port,
				      .port = port,
				      .payload = payload,
				      .payload_len = len,
				      .length = (uint16_t)len };

	assert(len <= 300);
	if (mr_overheard_build(&w, &o))
		(void)sta_send(l->sta, ieee80211_broadcast, 0x0800, buf + IP_AT, w.len - IP_AT);
}

/* false: its scheme has no acknowledgement. */
static bool acknowledge(struct listener *l)
{
	struct mr_smart_ack ack;
	uint8_t text[11] = { 0, 0, 0, 0, 0, 0, 0, 192, 168, 77, l->config.mac[5] };

	mr_smart_ack_of(l->config.scheme, &l->settings, &ack);
	if (!ack.port)
		return false;
	text[0] = ack.token;
	memcpy(text + 1, l->config.mac, 6);
	say(l, ack.port, text, ack.octets < sizeof(text) ? ack.octets : sizeof(text));
	return true;
}

static void speak(struct listener *l, uint64_t now_us)
{
	static const uint8_t discover[240] = { 1, 1, 6 };

	if (l->acks < ACKS && l->config.fault != LISTENER_SILENT && acknowledge(l)) {
		l->acks++;
		l->next_us = now_us + ACK_EVERY_US;
		return;
	}
	say(l, 67, discover, sizeof(discover));
	l->next_us = now_us + CHATTER_US;
}

/* --- the chip --- */

static void pump(struct listener *l)
{
	uint64_t now_us = loop_now_us(l->loop), at_us;
	struct radio_tx tx = { .rate_500kbps = RATE_6M, .retries = 7 };
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len;

	if (!l->sta)
		return;
	if (!l->in_air && (len = sta_pull(l->sta, frame, false, &what, now_us)) > 0) {
		tx.cookie = 1u + what;
		l->in_air = air_send(l->node, mr_rd_over(frame, len), &tx) == 0;
		if (!l->in_air)
			sta_sent(l->sta, what, false, 0, now_us);
	}
	at_us = sta_deadline_us(l->sta);
	if (l->state == JOINED && l->next_us < at_us)
		at_us = l->next_us;
	loop_at(l->loop, &l->timer, at_us);
}

static void on_sta(struct listener *l, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct sta_out out = { .event = STA_NOTHING };

	if (sta_receive(l->sta, mpdu, rx, &out, rx->time_us) < 0) {
		sta_over(l, rx->time_us);
	} else if (out.event == STA_UP && l->state == JOINING) {
		l->state = JOINED;
		l->acks = 0;
		l->next_us = rx->time_us + 2 * ACK_EVERY_US;
	}
	mr_wipe(out.bytes, sizeof(out.bytes));
}

static void on_received(void *ctx, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct listener *l = ctx;

	if (l->state == LISTENING)
		overhear(l, mpdu, rx->time_us);
	else if (l->state == SEEKING)
		on_beacon(l, mpdu, rx);
	if (l->sta && mpdu.left >= 16 && mr_equal(mpdu.at + 10, l->sta_config.bssid, 6))
		on_sta(l, mpdu, rx);
	pump(l);
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct listener *l = ctx;

	if (cookie == 0)
		return;
	l->in_air = false;
	if (l->sta)
		sta_sent(l->sta, (uint8_t)(cookie - 1), acked, tries, loop_now_us(l->loop));
	pump(l);
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct listener *l = ctx;

	switch (l->state) {
	case OFF:
		air_power(l->node, true);
		listen(l, now_us);
		return;
	case LISTENING:
	case SEEKING:
		l->channel = (l->channel + 1) % l->config.channel_count;
		if (l->state == LISTENING) {
			listen(l, now_us);
		} else {
			tune(l);
			seek(l, now_us);
		}
		return;
	case CONNECTING: seek(l, now_us); return;
	case JOINED:
		if (now_us >= l->next_us)
			speak(l, now_us);
		break;
	case JOINING: break;
	}
	if (l->sta && sta_expire(l->sta, now_us) < 0)
		sta_over(l, now_us);
	pump(l);
}

struct listener *listener_create(struct air *air, const struct listener_config *config)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct air_node_config node = { .x_m = config->x_m,
					.y_m = config->y_m,
					.tx_dbm = config->tx_dbm,
					.extra_loss_db = config->extra_loss_db,
					.promiscuous = true,
					.acknowledges = true,
					.ctx = l,
					.received = on_received,
					.status = on_status };

	assert(config->scheme > MR_SMART_NONE && config->scheme < MR_SMART_COUNT);
	assert(config->channel_count > 0 && config->first < config->channel_count);
	if (!l)
		return NULL;
	l->config = *config;
	l->channel = config->first;
	if (!l->config.dwell_us)
		l->config.dwell_us = DWELL_US;
	l->ears.coders = coders[config->scheme];
	l->ears.key_len = config->key_len;
	memcpy(l->ears.key, config->key, sizeof(l->ears.key));
	memcpy(node.mac, config->mac, 6);
	l->air = air;
	l->loop = air_loop(air);
	l->timer = (struct loop_timer){ .fn = on_timer, .ctx = l, .at_us = LOOP_NEVER };
	l->entropy = entropy_create_seeded(config->seed, "listener");
	l->node = l->entropy ? air_add_node(air, &node) : NULL;
	if (!l->node) {
		listener_destroy(l);
		return NULL;
	}
	air_power(l->node, false);
	loop_at(l->loop, &l->timer, config->power_on_us);
	return l;
}

void listener_destroy(struct listener *l)
{
	if (!l)
		return;
	if (l->node)
		air_node_detach(l->node);
	loop_cancel(l->loop, &l->timer);
	sta_destroy(l->sta);
	entropy_destroy(l->entropy);
	mr_wipe(l, sizeof(*l));
	free(l);
}
