#include "station/world/setup_ap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/wsc_enrollee.h"
#include "agent/wire/eap.h"
#include "station/wifi/eapol.h"
#include "station/wifi/soft_ap.h"
#include "station/wifi/wpa.h"

#define THINK_US 20000u	   /* as enrollee.c */
#define GROUP_US 250000u   /* the same */
#define REPEAT_US 3000000u /* hostapd's */
#define REPEATS_MAX 3u
#define RESTART_US 100000u /* hostapd's, from M8 */
#define DOWN_US 400000u	   /* chosen: a small chip brings its access point up again within that */
#define OFF_US 1000000u
#define FAREWELL_US 10000u
#define LOCK_EVERY 3u /* wrong PINs */
#define LOCK_US (60 * UINT64_C(1000000))
#define LOCK_FOREVER 10u
#define TX_QUEUE 64u

/* SERVING: with or without a registrar. ENDING: EAP-Failure is out. */
enum state { OFF, SERVING, ENDING, RESTARTING };

struct setup_ap {
	struct enrollee_config config;
	struct air *air;
	struct loop *loop;
	struct air_node *node;
	struct entropy *entropy;
	struct soft_ap_wsc wsc;
	struct soft_ap *ap;
	struct mr_wsc_device device;
	struct mr_wsc_credential bss; /* its present settings */
	struct loop_timer timer, think;
	enum state state;
	uint64_t state_us; /* it ends */
	bool struck, configured, silently_locked;
	unsigned failures;
	uint64_t locked_until_us;

	bool busy; /* with this registrar */
	uint8_t peer[6];
	struct mr_eap eap;
	struct mr_wsc_enrollee enrollee;
	unsigned repeats;
	uint64_t repeat_us;
	uint8_t packet[MR_EAP_PACKET_MAX]; /* received, being thought about */
	size_t packet_len;
};

static bool is_locked(const struct setup_ap *s)
{
	return s->silently_locked || s->failures >= LOCK_FOREVER || loop_now_us(s->loop) < s->locked_until_us;
}

static void rearm(struct setup_ap *s)
{
	uint64_t at_us = s->ap ? soft_ap_deadline_us(s->ap) : UINT64_MAX;

	if (s->busy && s->repeat_us < at_us)
		at_us = s->repeat_us;
	if (s->state_us < at_us)
		at_us = s->state_us;
	loop_at(s->loop, &s->timer, at_us);
}

static void enter(struct setup_ap *s, enum state state, uint64_t for_us)
{
	s->state = state;
	s->state_us = for_us == UINT64_MAX ? UINT64_MAX : loop_now_us(s->loop) + for_us;
}

/* --- what it says about itself --- */

static void put_element(void *ctx, enum ieee80211_kind kind, const uint8_t *sta, struct mr_wr *w)
{
	const struct setup_ap *s = ctx;

	(void)sta;
	mr_wsc_put_number(w, MR_WSC_VERSION, 0x10);
	if (kind != IEEE80211_ASSOCIATION_RESPONSE) {
		mr_wsc_put_number(w, MR_WSC_STATE, s->configured ? MR_WSC_CONFIGURED : MR_WSC_UNCONFIGURED);
		if (is_locked(s) && !s->silently_locked)
			mr_wsc_put_number(w, MR_WSC_SETUP_LOCKED, 1);
	}
	if (kind != IEEE80211_BEACON)
		mr_wsc_put_number(w, MR_WSC_RESPONSE_TYPE, 3);
	if (kind == IEEE80211_PROBE_RESPONSE) {
		mr_wsc_put(w, MR_WSC_UUID_E, s->device.uuid, 16);
		mr_wsc_put_names(w, &s->device);
		mr_wsc_put_number(w, MR_WSC_CONFIG_METHODS, s->device.methods);
	}
	mr_wsc_put_version2(w, NULL, 0, false);
}

static void on_probed(void *ctx, const uint8_t sta[static 6], struct mr_rd wsc) { (void)ctx, (void)sta, (void)wsc; }

static bool enrolls(void *ctx, const uint8_t sta[static 6], struct mr_rd wsc)
{
	const struct setup_ap *s = ctx;
	struct mr_wsc m;

	return s->state == SERVING && (!s->busy || mr_equal(s->peer, sta, 6)) && mr_wsc_parse(wsc, &m) &&
	       mr_wsc_number(&m, MR_WSC_REQUEST_TYPE, MR_WSC_ENROLLEE) == MR_WSC_REGISTRAR;
}

/* --- EAP --- */

static void say(struct setup_ap *s, const struct mr_wr *packet)
{
	uint8_t buf[4 + MR_EAP_PACKET_MAX];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	if (packet->bad || packet->len == 0)
		return;
	eapol_build(&w, EAPOL_VERSION_2, EAPOL_EAP, packet);
	(void)soft_ap_send_eapol(s->ap, s->peer, mr_wr_written(&w));
}

static void awaits(struct setup_ap *s)
{
	s->repeats = 0;
	s->repeat_us = loop_now_us(s->loop) + REPEAT_US;
}

static void end_run(struct setup_ap *s)
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr packet = mr_wr_over(buf, sizeof(buf));

	mr_eap_fail(&s->eap, &packet);
	say(s, &packet);
	s->repeat_us = UINT64_MAX;
	if (s->state == SERVING)
		enter(s, ENDING, FAREWELL_US);
}

static bool draw(void *ctx, uint8_t *out, size_t len)
{
	entropy_fill(ctx, out, len);
	return true;
}

static void begin_run(struct setup_ap *s, struct mr_wsc_answer *answer)
{
	struct mr_wsc_enrollee_config c = { .device = &s->device,
					    .pin = s->config.pin,
					    .own_bss = &s->bss,
					    .state = MR_WSC_UNCONFIGURED,
					    .random = draw,
					    .random_ctx = s->entropy };

	memcpy(c.mac, s->config.mac, 6);
	if (!mr_wsc_enrollee_begin(&s->enrollee, &c, answer))
		abort(); /* the simulation itself has run out of memory */
}

/* A NACK of its own, made where its enrollee has none to give. */
static struct mr_wsc_answer refusal(struct setup_ap *s, enum mr_wsc_error error)
{
	struct mr_wr w = mr_wr_over(s->enrollee.out, sizeof(s->enrollee.out));

	mr_wsc_begin(&w, MR_WSC_NACK);
	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, s->enrollee.nonce, 16);
	mr_wsc_put(&w, MR_WSC_REGISTRAR_NONCE, s->enrollee.registrar_nonce, 16);
	mr_wsc_put_number(&w, MR_WSC_CONFIG_ERROR, error);
	mr_wsc_put_version2(&w, NULL, 0, false);
	s->enrollee.state = MR_WSC_HAS_FAILED;
	return (struct mr_wsc_answer){ .op = MR_EAP_NACK, .message = mr_wr_written(&w) };
}

static bool strikes(struct setup_ap *s, uint8_t type)
{
	if (s->config.fault < ENROLLEE_STALLS || s->config.fault > ENROLLEE_REFUSES || type != s->config.at_message ||
	    (s->struck && s->config.once))
		return false;
	s->struck = true;
	return true;
}

static void switch_off(struct setup_ap *s)
{
	air_power(s->node, false);
	s->busy = false;
	soft_ap_destroy(s->ap);
	s->ap = NULL;
	enter(s, OFF, s->config.once ? OFF_US : UINT64_MAX);
}

static void count_failure(struct setup_ap *s, unsigned failures)
{
	s->failures += failures;
	if (s->failures >= LOCK_EVERY)
		s->locked_until_us = loop_now_us(s->loop) + (LOCK_US << (s->failures / LOCK_EVERY - 1));
}

/* false: there is nothing to be said. */
static bool on_message(struct setup_ap *s, const struct mr_eap_message *m, struct mr_wsc_answer *answer)
{
	struct mr_wsc parsed;
	uint8_t type;
	enum mr_wsc_enrollee_event event;

	if (!mr_wsc_parse(m->message, &parsed))
		return false;
	type = mr_wsc_type(&parsed);
	if (s->config.told)
		s->config.told(s->config.ctx, type);
	if (strikes(s, type)) {
		if (s->config.fault == ENROLLEE_VANISHES)
			switch_off(s);
		if (s->config.fault == ENROLLEE_REFUSES)
			*answer = refusal(s, MR_WSC_DEVICE_BUSY);
		return s->config.fault == ENROLLEE_REFUSES;
	}
	if (type == MR_WSC_M2 && is_locked(s)) {
		*answer = refusal(s, MR_WSC_LOCKED);
		return true;
	}
	if (s->enrollee.state >= MR_WSC_HAS_CREDENTIALS) { /* the answer to our NACK or Done */
		end_run(s);
		return false;
	}
	event = mr_wsc_enrollee_receive(&s->enrollee, m->op, m->message, answer);
	if (event == MR_WSC_ENDED)
		end_run(s);
	if (event == MR_WSC_ANSWER && s->enrollee.state == MR_WSC_HAS_FAILED && s->enrollee.error == MR_WSC_PASSWORD)
		count_failure(s, 1);
	if (event == MR_WSC_CREDENTIALS)
		enter(s, RESTARTING, RESTART_US);
	return event == MR_WSC_ANSWER || event == MR_WSC_CREDENTIALS;
}

static void on_packet(struct setup_ap *s, struct mr_rd packet)
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr reply = mr_wr_over(buf, sizeof(buf));
	struct mr_eap_message message;
	struct mr_wsc_answer answer = { 0 };

	switch (mr_eap_receive(&s->eap, packet, &message, &reply)) {
	case MR_EAP_IGNORED:
	case MR_EAP_OVER: return;
	case MR_EAP_ANSWERED: break;
	case MR_EAP_IDENTITY:
		if (s->eap.role != MR_EAP_REGISTRAR) {
			end_run(s);
			return;
		}
		begin_run(s, &answer);
		break;
	case MR_EAP_MESSAGE:
		if (!on_message(s, &message, &answer)) {
			s->repeat_us = UINT64_MAX; /* it stalls, or has ended */
			return;
		}
		break;
	}
	if (answer.op)
		mr_eap_send(&s->eap, (enum mr_eap_op)answer.op, answer.message, &reply);
	say(s, &reply);
	awaits(s);
}

static void on_thought(void *ctx, uint64_t now_us)
{
	struct setup_ap *s = ctx;

	(void)now_us;
	if (s->ap && s->busy && s->packet_len > 0)
		on_packet(s, mr_rd_over(s->packet, s->packet_len));
	s->packet_len = 0;
	rearm(s);
}

/* What the next packet costs: the group twice in a run, before M1 and before M3. */
static uint32_t cost_us(const struct setup_ap *s)
{
	bool group = s->enrollee.out_len == 0 || s->enrollee.state == MR_WSC_WAITS_M2;

	return group ? s->config.group_us : s->config.think_us;
}

static void ask_identity(struct setup_ap *s, const uint8_t sta[static 6])
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr packet = mr_wr_over(buf, sizeof(buf));

	s->busy = true;
	s->packet_len = 0;
	memcpy(s->peer, sta, 6);
	mr_wsc_enrollee_wipe(&s->enrollee);
	mr_eap_init(&s->eap, true, MR_EAP_STRANGER, 0);
	mr_eap_start(&s->eap, &packet);
	say(s, &packet);
	awaits(s);
}

static void on_eapol(void *ctx, const uint8_t sta[static 6], struct mr_rd pdu, uint64_t now_us)
{
	struct setup_ap *s = ctx;
	struct mr_rd body = pdu;

	if (s->busy && !mr_equal(s->peer, sta, 6))
		return;
	if (!pdu.at || eapol_type(&body) == EAPOL_START) {
		ask_identity(s, sta);
		return;
	}
	body = pdu;
	if (eapol_type(&body) != EAPOL_EAP)
		return;
	mr_rd_skip(&body, 4);
	if (body.bad || body.left > sizeof(s->packet) || !s->busy)
		return;
	if (s->packet_len == 0)
		loop_at(s->loop, &s->think, now_us + cost_us(s));
	memcpy(s->packet, body.at, body.left);
	s->packet_len = body.left;
}

static void on_left(void *ctx, const uint8_t sta[static 6], int reason)
{
	struct setup_ap *s = ctx;

	(void)reason;
	if (s->busy && mr_equal(s->peer, sta, 6)) {
		s->busy = false;
		s->packet_len = 0;
	}
}

/* --- the access point --- */

static bool on_send(void *ctx, struct mr_rd frame, const struct radio_tx *tx)
{
	return air_send(((struct setup_ap *)ctx)->node, frame, tx) == 0;
}

static void no_data(void *ctx, const uint8_t dst[static 6], const uint8_t src[static 6], uint16_t ethertype,
		    struct mr_rd payload)
{
	(void)ctx, (void)dst, (void)src, (void)ethertype, (void)payload;
}

static bool nobody(void *ctx, const uint8_t mac[static 6]) { return (void)ctx, (void)mac, false; }

static void bring_up(struct setup_ap *s)
{
	const struct mr_wsc_credential *c = &s->bss;
	struct soft_ap_config config = { .ssid_len = c->ssid_len,
					 .security = c->key_len > 0 ? IEEE80211_WPA2_PSK : IEEE80211_OPEN,
					 .freq_mhz = s->config.channels[0],
					 .stas_max = 4,
					 .wmm = true,
					 .wsc = &s->wsc };
	const struct soft_ap_events events = { .ctx = s, .send = on_send, .received = no_data, .admits = nobody };
	char text[65] = "";

	memcpy(config.mac, s->config.mac, 6);
	memcpy(config.ssid, c->ssid, c->ssid_len);
	memcpy(text, c->key, c->key_len);
	if (c->key_len > 0 && !wpa_psk(text, c->ssid, c->ssid_len, config.psk))
		abort();
	s->busy = false;
	s->ap = soft_ap_create(&config, &events, s->entropy, loop_now_us(s->loop));
	if (!s->ap)
		abort();
	mr_wipe(text, sizeof(text));
	mr_wipe(&config, sizeof(config));
	air_power(s->node, true);
	if (air_tune(s->node, s->config.channels[0]) != 0)
		abort();
	enter(s, SERVING, UINT64_MAX);
}

/* Its settings are those of M8 now, unless it never keeps them. Whoever is there is not told. */
static void take_settings(struct setup_ap *s)
{
	if (s->config.fault != ENROLLEE_NO_JOIN) {
		s->bss = s->enrollee.credential;
		s->configured = true;
	}
	mr_wsc_enrollee_wipe(&s->enrollee);
	switch_off(s);
	enter(s, OFF, DOWN_US);
}

static void state_is_over(struct setup_ap *s, uint64_t now_us)
{
	switch (s->state) {
	case OFF: bring_up(s); return;
	case SERVING: return;
	case ENDING:
		enter(s, SERVING, UINT64_MAX);
		soft_ap_dismiss(s->ap, s->peer, IEEE80211_8021X_FAILED, now_us);
		s->busy = false;
		return;
	case RESTARTING: take_settings(s); return;
	}
}

static void overdue(struct setup_ap *s, uint64_t now_us)
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr packet = mr_wr_over(buf, sizeof(buf));

	if (++s->repeats > REPEATS_MAX) {
		end_run(s);
		return;
	}
	mr_eap_repeat(&s->eap, &packet);
	say(s, &packet);
	s->repeat_us = now_us + REPEAT_US;
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct setup_ap *s = ctx;

	if (now_us >= s->state_us)
		state_is_over(s, now_us);
	if (s->ap && s->busy && now_us >= s->repeat_us)
		overdue(s, now_us);
	if (s->ap)
		soft_ap_expire(s->ap, now_us);
	rearm(s);
}

static void on_received(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	struct setup_ap *s = ctx;

	if (!s->ap)
		return;
	soft_ap_receive(s->ap, frame, rx->time_us);
	rearm(s);
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct setup_ap *s = ctx;

	(void)tries;
	if (!s->ap)
		return;
	soft_ap_sent(s->ap, cookie, acked, loop_now_us(s->loop));
	rearm(s);
}

/* --- from cradle to grave --- */

static bool describe(struct setup_ap *s)
{
	static const char name[] = "Widget-SETUP";

	s->device = (struct mr_wsc_device){ .manufacturer = "Simulated",
					    .model_name = "Access point",
					    .model_number = "1",
					    .serial = s->config.serial,
					    .name = "Simulated access point",
					    .device_type = { 0, 6, 0, 0x50, 0xf2, 4, 0, 1 },
					    .methods = MR_WSC_LABEL,
					    .rf_bands = 1 };
	s->bss = (struct mr_wsc_credential){ .ssid_len = sizeof(name) - 1,
					     .authentication = MR_WSC_OPEN,
					     .encryption = MR_WSC_NONE };
	memcpy(s->bss.ssid, name, sizeof(name) - 1);
	memcpy(s->bss.mac, s->config.mac, 6);
	return mr_wsc_uuid(s->config.mac, s->device.uuid);
}

struct setup_ap *setup_ap_create(struct air *air, const struct enrollee_config *config)
{
	struct setup_ap *s = calloc(1, sizeof(*s));
	struct air_node_config node = { .x_m = config->x_m,
					.y_m = config->y_m,
					.tx_dbm = config->tx_dbm,
					.extra_loss_db = config->extra_loss_db,
					.acknowledges = true,
					.tx_queue_max = TX_QUEUE,
					.ctx = s,
					.received = on_received,
					.status = on_status };

	assert(config->channel_count > 0);
	if (!s)
		return NULL;
	s->config = *config;
	if (!s->config.think_us)
		s->config.think_us = THINK_US;
	if (!s->config.group_us)
		s->config.group_us = GROUP_US;
	enrollee_spoil_pin(&s->config);
	memcpy(node.mac, config->mac, 6);
	s->air = air;
	s->loop = air_loop(air);
	s->timer = (struct loop_timer){ .fn = on_timer, .ctx = s, .at_us = LOOP_NEVER };
	s->think = (struct loop_timer){ .fn = on_thought, .ctx = s, .at_us = LOOP_NEVER };
	s->wsc = (struct soft_ap_wsc){ .ctx = s,
				       .element = put_element,
				       .probed = on_probed,
				       .enrolls = enrolls,
				       .eapol = on_eapol,
				       .left = on_left };
	s->entropy = entropy_create_seeded(config->seed, "setup ap");
	s->node = s->entropy && describe(s) ? air_add_node(air, &node) : NULL;
	if (!s->node) {
		setup_ap_destroy(s);
		return NULL;
	}
	air_power(s->node, false);
	air_skip_beacons(s->node, true);
	s->state_us = config->power_on_us;
	rearm(s);
	return s;
}

void setup_ap_destroy(struct setup_ap *s)
{
	if (!s)
		return;
	if (s->node)
		air_node_detach(s->node);
	loop_cancel(s->loop, &s->timer);
	loop_cancel(s->loop, &s->think);
	soft_ap_destroy(s->ap);
	entropy_destroy(s->entropy);
	mr_wipe(s, sizeof(*s));
	free(s);
}

void setup_ap_lock(struct setup_ap *s, unsigned failures) { count_failure(s, failures); }
void setup_ap_lock_silently(struct setup_ap *s) { s->silently_locked = true; }
