#include "station/method/wps_registrar.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/cause.h"
#include "agent/wire/eap.h"

#define BUTTON_PIN "00000000"
#define SAID_AGAIN_MAX 3u /* chosen: access points ask again once or twice */

enum state { ASKS_M1, ASKS_US, ASKS_M3, ASKS_M5, ASKS_M7, ASKS_DONE, ASKS_ACK, OVER };

struct wps_registrar {
	const struct mr_wsc_device *device;
	struct entropy *entropy;
	const struct log_tag *tag;
	bool access_point; /* the enrollee is one */
	enum state state;
	struct wps_enrollee enrollee;
	int cause;
	unsigned exposed; /* enum wps_half: opened by us, not yet answered by who knows it */
	const char *weakness;

	uint8_t nonce[16], enrollee_nonce[16], snonce[2][16], psk[2][16];
	uint8_t priv[32], public_key[MR_WSC_KEY_LEN], enrollee_key[MR_WSC_KEY_LEN];
	uint8_t enrollee_hash[2][MR_WSC_HASH_LEN], enrollee_snonce[2][16];
	struct mr_wsc_keys keys;
	struct mr_wsc_credential credential;

	unsigned said_again; /* times that `out` was given once more */
	size_t out_len, in_len;
	uint8_t out[MR_WSC_MESSAGE_MAX]; /* our last message, which the enrollee's next Authenticator covers */
	uint8_t in[MR_WSC_MESSAGE_MAX]; /* its last one, to which `out` is the answer; M1 waits here for the line's word
					 */
};

static const char *state_name(enum state state)
{
	static const char *const names[] = { "asks m1", "asks us",   "asks m3",	 "asks m5",
					     "asks m7", "asks done", "asks ack", "over" };

	return names[state];
}

/* The only writer of `state`. */
static void enter(struct wps_registrar *r, enum state state, const char *why)
{
	assert(r->state != OVER && state > r->state);
	log_state(r->tag, LOG_WPS, state_name(r->state), state_name(state), "%s", why);
	r->state = state;
}

struct wps_registrar *wps_registrar_create(const struct mr_wsc_device *device, bool access_point,
					   struct entropy *entropy, const struct log_tag *tag)
{
	struct wps_registrar *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->device = device;
	r->access_point = access_point;
	r->entropy = entropy;
	r->tag = tag;
	return r;
}

void wps_registrar_destroy(struct wps_registrar *r)
{
	if (!r)
		return;
	mr_wipe(r, sizeof(*r));
	free(r);
}

const struct wps_enrollee *wps_registrar_enrollee(const struct wps_registrar *r) { return &r->enrollee; }
unsigned wps_registrar_exposed(const struct wps_registrar *r) { return r->exposed; }
int wps_registrar_cause(const struct wps_registrar *r) { return r->cause; }
const char *wps_registrar_weakness(const struct wps_registrar *r) { return r->weakness; }
size_t wps_registrar_memory(void) { return sizeof(struct wps_registrar); }

/* --- out --- */

static struct mr_wr begin(struct wps_registrar *r, enum mr_wsc_type type)
{
	struct mr_wr w = mr_wr_over(r->out, sizeof(r->out));

	mr_wsc_begin(&w, type);
	return w;
}

static bool finish(struct wps_registrar *r, const struct mr_wr *w, enum mr_eap_op op, struct wps_answer *answer)
{
	assert(w->buf == r->out);
	r->out_len = w->bad ? 0 : w->len;
	*answer = (struct wps_answer){ .op = (uint8_t)op, .message = mr_rd_over(r->out, r->out_len) };
	return !w->bad;
}

static void put_plain(struct wps_registrar *r, enum mr_wsc_type type, enum mr_wsc_error error, enum mr_eap_op op,
		      struct wps_answer *answer)
{
	struct mr_wr w = begin(r, type);

	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, r->enrollee_nonce, 16);
	mr_wsc_put(&w, MR_WSC_REGISTRAR_NONCE, r->nonce, 16);
	if (type == MR_WSC_NACK)
		mr_wsc_put_number(&w, MR_WSC_CONFIG_ERROR, error);
	mr_wsc_put_version2(&w, NULL, 0, false);
	assert(!w.bad);
	(void)finish(r, &w, op, answer);
}

static enum wps_event fail(struct wps_registrar *r, int cause, enum mr_wsc_error error, const char *why,
			   struct wps_answer *answer)
{
	r->cause = cause;
	enter(r, OVER, why);
	put_plain(r, MR_WSC_NACK, error, MR_EAP_NACK, answer);
	return WPS_FAILED;
}

/* What M2 and M2D have alike behind their nonces and key. */
static void put_description(struct wps_registrar *r, struct mr_wr *w, enum mr_wsc_error error, bool names_password)
{
	mr_wsc_put_abilities(w, r->device, 0);
	mr_wsc_put_names(w, r->device);
	mr_wsc_put_number(w, MR_WSC_RF_BANDS, r->device->rf_bands);
	mr_wsc_put_number(w, MR_WSC_ASSOCIATION_STATE, 0);
	mr_wsc_put_number(w, MR_WSC_CONFIG_ERROR, error);
	if (names_password)
		mr_wsc_put_number(w, MR_WSC_PASSWORD_ID, r->enrollee.button ? MR_WSC_BUTTON : MR_WSC_PIN);
	mr_wsc_put_number(w, MR_WSC_OS_VERSION, r->device->os_version | 0x80000000u);
}

/* --- M1, M2 --- */

static void take_text(const struct mr_wsc *m, enum mr_wsc_attribute which, char *out, size_t cap)
{
	struct mr_rd text = m->value[which];
	size_t len = text.at && text.left < cap ? text.left : 0;

	if (len > 0)
		memcpy(out, text.at, len);
	/* An empty text is sent as a space. */
	out[len == 1 && out[0] == ' ' ? 0 : len] = '\0';
}

static enum wps_event on_m1(struct wps_registrar *r, const struct mr_wsc *m, struct mr_rd octets)
{
	struct mr_rd uuid = m->value[MR_WSC_UUID_E], mac = m->value[MR_WSC_MAC_ADDRESS],
		     nonce = m->value[MR_WSC_ENROLLEE_NONCE];
	struct wps_enrollee *e = &r->enrollee;

	mr_rd_copy(&uuid, e->uuid, sizeof(e->uuid));
	mr_rd_copy(&mac, e->mac, sizeof(e->mac));
	mr_rd_copy(&nonce, r->enrollee_nonce, sizeof(r->enrollee_nonce));
	if (uuid.bad || mac.bad || nonce.bad || !mr_wsc_public_key(m, r->enrollee_key) || octets.left > sizeof(r->in))
		return WPS_IGNORED;
	memcpy(r->in, octets.at, octets.left);
	r->in_len = octets.left;
	e->button = mr_wsc_number(m, MR_WSC_PASSWORD_ID, MR_WSC_PIN) == MR_WSC_BUTTON;
	e->methods = (uint16_t)mr_wsc_number(m, MR_WSC_CONFIG_METHODS, 0);
	take_text(m, MR_WSC_SERIAL_NUMBER, e->serial, sizeof(e->serial));
	take_text(m, MR_WSC_DEVICE_NAME, e->name, sizeof(e->name));
	take_text(m, MR_WSC_MODEL_NAME, e->model, sizeof(e->model));
	take_text(m, MR_WSC_MANUFACTURER, e->manufacturer, sizeof(e->manufacturer));
	enter(r, ASKS_US, e->button ? "by push button" : "by PIN");
	return WPS_ASKED;
}

static bool derive(struct wps_registrar *r, const char *pin)
{
	uint8_t shared[MR_WSC_KEY_LEN];
	bool ok = mr_modp1536(r->priv, r->enrollee_key, shared) &&
		  mr_wsc_derive(shared, r->enrollee_nonce, r->enrollee.mac, r->nonce, &r->keys) &&
		  mr_wsc_psk(&r->keys, pin, strlen(pin), r->psk[0], r->psk[1]);

	mr_wipe(shared, sizeof(shared));
	mr_wipe(r->priv, sizeof(r->priv));
	return ok;
}

bool wps_registrar_admit(struct wps_registrar *r, const char *pin, const struct mr_wsc_credential *credential,
			 struct wps_answer *answer)
{
	struct mr_wr w;

	assert(r->state == ASKS_US && r->enrollee.button == !pin);
	r->credential = *credential;
	entropy_fill(r->entropy, r->nonce, sizeof(r->nonce));
	entropy_fill(r->entropy, r->priv, sizeof(r->priv));
	entropy_fill(r->entropy, r->snonce, sizeof(r->snonce));
	if (!mr_modp1536_public(r->priv, r->public_key) ||
	    memcmp(r->public_key, r->enrollee_key, sizeof(r->public_key)) == 0 || !derive(r, pin ? pin : BUTTON_PIN))
		return false;
	w = begin(r, MR_WSC_M2);
	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, r->enrollee_nonce, 16);
	mr_wsc_put(&w, MR_WSC_REGISTRAR_NONCE, r->nonce, 16);
	mr_wsc_put(&w, MR_WSC_UUID_R, r->device->uuid, sizeof(r->device->uuid));
	mr_wsc_put(&w, MR_WSC_PUBLIC_KEY, r->public_key, sizeof(r->public_key));
	put_description(r, &w, MR_WSC_NO_ERROR, true);
	mr_wsc_sign(&w, &r->keys, mr_rd_over(r->in, r->in_len));
	enter(r, ASKS_M3, "admitted");
	return finish(r, &w, MR_EAP_MSG, answer);
}

void wps_registrar_decline(struct wps_registrar *r, enum mr_wsc_error why, struct wps_answer *answer)
{
	struct mr_wr w = begin(r, MR_WSC_M2D);

	assert(r->state == ASKS_US);
	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, r->enrollee_nonce, 16);
	mr_wsc_put(&w, MR_WSC_REGISTRAR_NONCE, r->nonce, 16); /* zeros, as hostapd's */
	mr_wsc_put(&w, MR_WSC_UUID_R, r->device->uuid, sizeof(r->device->uuid));
	put_description(r, &w, why, false);
	mr_wsc_put_version2(&w, NULL, 0, false);
	assert(!w.bad);
	(void)finish(r, &w, MR_EAP_MSG, answer);
	enter(r, ASKS_ACK, "declined");
}

/* --- M3 to M8 --- */

static bool put_half(struct wps_registrar *r, struct mr_wr *w, unsigned half)
{
	uint8_t buf[MR_WSC_SETTINGS_MAX], iv[16];
	struct mr_wr settings = mr_wr_over(buf, sizeof(buf));

	entropy_fill(r->entropy, iv, sizeof(iv));
	mr_wsc_put(&settings, half ? MR_WSC_R_SNONCE2 : MR_WSC_R_SNONCE1, r->snonce[half], 16);
	mr_wsc_put_settings(w, &r->keys, iv, &settings);
	/* From here on whoever has the key of this run can try that half off-line. */
	r->exposed |= half ? WPS_HALF_2 : WPS_HALF_1;
	return !w->bad;
}

static enum wps_event on_m3(struct wps_registrar *r, const struct mr_wsc *m, struct mr_rd octets,
			    struct wps_answer *answer)
{
	struct mr_wr w = begin(r, MR_WSC_M4);

	for (unsigned half = 0; half < 2; half++) {
		struct mr_rd hash = m->value[half ? MR_WSC_E_HASH2 : MR_WSC_E_HASH1];

		mr_rd_copy(&hash, r->enrollee_hash[half], MR_WSC_HASH_LEN);
		if (hash.bad)
			return fail(r, MR_CAUSE_BAD_RESPONSE, MR_WSC_DECRYPTION, "M3 lacks a hash", answer);
	}
	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, r->enrollee_nonce, 16);
	for (unsigned half = 0; half < 2; half++) {
		uint8_t hash[MR_WSC_HASH_LEN];

		if (!mr_wsc_commit(&r->keys, r->snonce[half], r->psk[half], r->enrollee_key, r->public_key, hash))
			w.bad = true;
		mr_wsc_put(&w, half ? MR_WSC_R_HASH2 : MR_WSC_R_HASH1, hash, sizeof(hash));
	}
	(void)put_half(r, &w, 0);
	mr_wsc_sign(&w, &r->keys, octets);
	if (!finish(r, &w, MR_EAP_MSG, answer))
		return fail(r, MR_CAUSE_NO_MEMORY, MR_WSC_DEVICE_BUSY, "the cryptography failed", answer);
	enter(r, ASKS_M5, "m4");
	return WPS_ANSWER;
}

static bool is_zero(const uint8_t octets[static 16])
{
	uint8_t any = 0;

	for (unsigned i = 0; i < 16; i++)
		any |= octets[i];
	return any == 0;
}

static void judge_nonces(struct wps_registrar *r, unsigned half)
{
	const uint8_t *one = r->enrollee_snonce[half];

	if (is_zero(one))
		r->weakness = "its secret nonce is zero";
	else if (memcmp(one, r->enrollee_nonce, 16) == 0)
		r->weakness = "its secret nonce is its public one";
	else if (half == 1 && memcmp(one, r->enrollee_snonce[0], 16) == 0)
		r->weakness = "its two secret nonces are alike";
}

/* M5 or M7: has it opened what it committed to in M3, and with the PIN's half that we know? */
static bool opened(struct wps_registrar *r, const struct mr_wsc *m, unsigned half)
{
	uint8_t buf[MR_WSC_SETTINGS_MAX], hash[MR_WSC_HASH_LEN];
	struct mr_wsc settings;
	bool good = mr_wsc_open_settings(m, &r->keys, buf, &settings);
	struct mr_rd snonce = good ? settings.value[half ? MR_WSC_E_SNONCE2 : MR_WSC_E_SNONCE1] : (struct mr_rd){ 0 };

	if (snonce.at) {
		mr_rd_copy(&snonce, r->enrollee_snonce[half], 16);
		judge_nonces(r, half);
		good = mr_wsc_commit(&r->keys, r->enrollee_snonce[half], r->psk[half], r->enrollee_key, r->public_key,
				     hash) &&
		       mr_equal_ct(hash, r->enrollee_hash[half], sizeof(hash));
	} else {
		good = false;
	}
	mr_wipe(buf, sizeof(buf));
	return good;
}

static enum wps_event on_m5(struct wps_registrar *r, const struct mr_wsc *m, struct mr_rd octets,
			    struct wps_answer *answer)
{
	struct mr_wr w;

	if (!opened(r, m, 0))
		return fail(r, MR_CAUSE_DISTURBED, MR_WSC_PASSWORD, "M5 opens another half", answer);
	r->exposed &= ~(unsigned)WPS_HALF_1;
	w = begin(r, MR_WSC_M6);
	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, r->enrollee_nonce, 16);
	(void)put_half(r, &w, 1);
	mr_wsc_sign(&w, &r->keys, octets);
	if (!finish(r, &w, MR_EAP_MSG, answer))
		return fail(r, MR_CAUSE_NO_MEMORY, MR_WSC_DEVICE_BUSY, "the cryptography failed", answer);
	enter(r, ASKS_M7, "m6");
	return WPS_ANSWER;
}

static enum wps_event on_m7(struct wps_registrar *r, const struct mr_wsc *m, struct mr_rd octets,
			    struct wps_answer *answer)
{
	uint8_t buf[MR_WSC_SETTINGS_MAX], iv[16];
	struct mr_wr settings = mr_wr_over(buf, sizeof(buf)), w;

	if (!opened(r, m, 1))
		return fail(r, MR_CAUSE_DISTURBED, MR_WSC_PASSWORD, "M7 opens another half", answer);
	r->exposed &= ~(unsigned)WPS_HALF_2;
	w = begin(r, MR_WSC_M8);
	entropy_fill(r->entropy, iv, sizeof(iv));
	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, r->enrollee_nonce, 16);
	memcpy(r->credential.mac, r->enrollee.mac, sizeof(r->credential.mac));
	mr_wsc_put_credential(&settings, &r->credential, r->access_point);
	mr_wsc_put_settings(&w, &r->keys, iv, &settings);
	mr_wsc_sign(&w, &r->keys, octets);
	mr_wipe(buf, sizeof(buf));
	mr_wipe(&r->credential, sizeof(r->credential));
	if (!finish(r, &w, MR_EAP_MSG, answer))
		return fail(r, MR_CAUSE_TOO_LONG, MR_WSC_DEVICE_BUSY, "the credentials do not fit", answer);
	enter(r, ASKS_DONE, "m8");
	return WPS_ANSWER;
}

/* --- the end of a run --- */

static enum wps_event on_done(struct wps_registrar *r, struct wps_answer *answer)
{
	*answer = (struct wps_answer){ 0 };
	if (r->access_point)
		put_plain(r, MR_WSC_ACK, MR_WSC_NO_ERROR, MR_EAP_ACK, answer);
	enter(r, OVER, "done");
	return WPS_DONE;
}

/* Nobody signs a NACK: a stranger's ends the run as the device's does, and what it says is only told. */
static enum wps_event on_nack(struct wps_registrar *r, const struct mr_wsc *m, struct wps_answer *answer)
{
	uint32_t error = mr_wsc_number(m, MR_WSC_CONFIG_ERROR, MR_WSC_NO_ERROR);

	if (!mr_wsc_is(m, MR_WSC_ENROLLEE_NONCE, r->enrollee_nonce, 16))
		return WPS_IGNORED;
	r->cause = error == MR_WSC_MULTIPLE_PBC ? MR_CAUSE_WPS_OVERLAP
		   : error == MR_WSC_LOCKED	? MR_CAUSE_WPS_LOCKED
						: MR_CAUSE_WPS_REFUSED;
	log_write(r->tag, LOG_WPS, LOG_DEBUG, "nack (%u)", (unsigned)error);
	enter(r, OVER, "refused by the device");
	put_plain(r, MR_WSC_NACK, MR_WSC_NO_ERROR, MR_EAP_NACK, answer);
	return WPS_FAILED;
}

/*
 * Access points ask again under a new identifier of EAP, with the message that they sent before: logs of reaver are
 * full of M1 behind M2 (t6x/reaver-wps-fork-t6x issues 39, 319, 327). A peer owes each request an answer: the same one.
 */
static bool is_repeat(const struct wps_registrar *r, struct mr_rd octets)
{
	return r->state >= ASKS_M3 && r->state <= ASKS_DONE && r->in_len > 0 && octets.left == r->in_len &&
	       mr_equal(octets.at, r->in, r->in_len);
}

static enum wps_event on_awaited(struct wps_registrar *r, const struct mr_wsc *m, struct mr_rd octets,
				 struct wps_answer *answer)
{
	switch (r->state) {
	case ASKS_M3: return on_m3(r, m, octets, answer);
	case ASKS_M5: return on_m5(r, m, octets, answer);
	default: return on_m7(r, m, octets, answer);
	}
}

static enum wps_event on_message(struct wps_registrar *r, const struct mr_wsc *m, struct mr_rd octets,
				 struct wps_answer *answer)
{
	static const uint8_t awaited[] = { [ASKS_M3] = MR_WSC_M3, [ASKS_M5] = MR_WSC_M5, [ASKS_M7] = MR_WSC_M7 };
	uint8_t type = mr_wsc_type(m);
	enum wps_event event;

	if (r->state == ASKS_M1)
		return type == MR_WSC_M1 ? on_m1(r, m, octets) : WPS_IGNORED;
	if (is_repeat(r, octets)) {
		if (++r->said_again > SAID_AGAIN_MAX) /* one that is stuck would go round for ever */
			return WPS_IGNORED;
		*answer = (struct wps_answer){ .op = MR_EAP_MSG, .message = mr_rd_over(r->out, r->out_len) };
		return WPS_ANSWER;
	}
	/* From M3 on a message bears our nonce and is true to the last octet, or it is another run's. */
	if (r->state < ASKS_M3 || r->state > ASKS_M7 || type != awaited[r->state] ||
	    !mr_wsc_is(m, MR_WSC_REGISTRAR_NONCE, r->nonce, 16) ||
	    !mr_wsc_verify(m, octets, &r->keys, mr_rd_over(r->out, r->out_len)))
		return WPS_IGNORED;
	event = on_awaited(r, m, octets, answer);
	r->said_again = 0;
	r->in_len = event == WPS_ANSWER && octets.left <= sizeof(r->in) ? octets.left : 0;
	memcpy(r->in, octets.at, r->in_len);
	return event;
}

enum wps_event wps_registrar_receive(struct wps_registrar *r, uint8_t op, struct mr_rd message,
				     struct wps_answer *answer)
{
	struct mr_wsc m;
	uint8_t type;

	*answer = (struct wps_answer){ 0 };
	if (r->state == OVER || !mr_wsc_parse(message, &m))
		return WPS_IGNORED;
	type = mr_wsc_type(&m);
	log_write(r->tag, LOG_WPS, LOG_TRACE, "%s, %zu octets", mr_wsc_type_name(type), message.left);
	switch (op) {
	case MR_EAP_MSG: return on_message(r, &m, message, answer);
	case MR_EAP_NACK: return type == MR_WSC_NACK && r->state > ASKS_US ? on_nack(r, &m, answer) : WPS_IGNORED;
	case MR_EAP_DONE:
		return type == MR_WSC_DONE && r->state == ASKS_DONE &&
				       mr_wsc_is(&m, MR_WSC_REGISTRAR_NONCE, r->nonce, 16)
			       ? on_done(r, answer)
			       : WPS_IGNORED;
	case MR_EAP_ACK:
		if (r->state != ASKS_ACK)
			return WPS_IGNORED;
		r->cause = MR_CAUSE_NOT_EXPECTED;
		enter(r, OVER, "it knows that it is declined");
		return WPS_FAILED;
	default: return WPS_IGNORED;
	}
}
