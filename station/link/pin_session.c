#include "station/link/pin_session.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "agent/wire/hkdf.h"

#define CONTEXT "millrace pin v1"
#define PROVER "station"
#define DRAWS_MAX 8
#define TAG_LEN 16

void pin_session_init(struct pin_session *p, const char *pin, struct entropy *entropy)
{
	*p = (struct pin_session){ .entropy = entropy };
	strncpy(p->pin, pin, sizeof(p->pin) - 1);
}

void pin_session_issued(struct pin_session *p, const char *serial, const char *pin)
{
	snprintf(p->issued_serial, sizeof(p->issued_serial), "%s", serial);
	snprintf(p->issued_pin, sizeof(p->issued_pin), "%s", pin);
}

void pin_session_wipe(struct pin_session *p)
{
	if (p->works)
		psk_cancel(p->pool, &p->stretch);
	OPENSSL_cleanse(p, sizeof(*p));
}

static const char *const steps[] = { [PIN_SESSION_DEVICE] = "device",
				     [PIN_SESSION_SALT] = "salt",
				     [PIN_SESSION_SHARE] = "share",
				     [PIN_SESSION_CONFIRM] = "confirm",
				     [PIN_SESSION_OPEN] = "open" };

/* The only writer of `step`: an exchange goes forward only; another one begins with pin_session_init. */
static void enter(struct pin_session *p, enum pin_session_step step, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

static void enter(struct pin_session *p, enum pin_session_step step, const char *why, ...)
{
	va_list args;

	assert(step == p->step + 1);
	va_start(args, why);
	log_vchange(p->tag, LOG_PIN, LOG_DEBUG, steps[p->step], steps[step], why, args);
	va_end(args);
	p->step = step;
}

/* It is over: the result for the caller. */
static int over(const struct pin_session *p, int cause, const char *why)
{
	log_state_at(p->tag, LOG_PIN, LOG_INFO, steps[p->step], mr_cause_name(cause), "%s", why);
	return -cause;
}

static void put_hex(struct mr_wr *w, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		mr_wr_u8(w, (uint8_t)digits[bytes[i] >> 4]);
		mr_wr_u8(w, (uint8_t)digits[bytes[i] & 15]);
	}
}

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Octets of a text of exactly 2 * len digits. */
static bool get_hex(const char *text, uint8_t *out, size_t len)
{
	if (!text || strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool text_of(const json_t *json, const char *key, char *out, size_t cap)
{
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || strlen(text) >= cap)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static int take_device(struct pin_session *p, const json_t *json)
{
	uint8_t id[8];

	if (!text_of(json, "device_id", p->device_id, sizeof(p->device_id)) || !get_hex(p->device_id, id, 8))
		return -MR_CAUSE_BAD_RESPONSE;
	for (size_t i = 0; i < 16; i++) /* the transcript has it in lower case */
		if (p->device_id[i] >= 'A' && p->device_id[i] <= 'F')
			p->device_id[i] = (char)(p->device_id[i] + 32);
	if (!json_is_null(json_object_get(json, "serial")) && json_object_get(json, "serial") &&
	    !text_of(json, "serial", p->serial, sizeof(p->serial)))
		return -MR_CAUSE_BAD_RESPONSE;
	/* Nobody vouches for what it says here; a lie leads to a PIN that is not its own, and no further. */
	if (p->issued_pin[0] && strcmp(p->serial, p->issued_serial) == 0)
		memcpy(p->pin, p->issued_pin, sizeof(p->pin));
	enter(p, PIN_SESSION_SALT, "device %s, %s; the PIN is %s", p->device_id,
	      p->serial[0] ? "with a serial number" : "without a serial number",
	      p->issued_pin[0] && strcmp(p->serial, p->issued_serial) == 0 ? "the one issued with that number"
									   : "that of its label or record");
	return 0;
}

static bool draw_share(struct pin_session *p)
{
	for (int i = 0; i < DRAWS_MAX; i++) {
		entropy_fill(p->entropy, p->x, sizeof(p->x));
		if (mr_spake2plus_prover_share(p->w0, p->x, p->share))
			return true;
	}
	return false;
}

/* The PIN is stretched, as the salt wants it. */
static int take_scalars(struct pin_session *p, const uint8_t halves[static PSK_WIDE_LEN])
{
	if (pin_prover_scalars(halves, p->w0, p->w1) != 0 || !draw_share(p))
		return -MR_CAUSE_BAD_RESPONSE;
	enter(p, PIN_SESSION_SHARE, "salt of %zu octets, %u iterations", p->salt_len, p->iterations);
	return 0;
}

static void on_stretched(void *ctx, const uint8_t halves[static PSK_WIDE_LEN])
{
	struct pin_session *p = ctx;

	p->works = false;
	p->worked(p->ctx, take_scalars(p, halves)); /* may wipe it */
}

static int stretch(struct pin_session *p)
{
	uint8_t text[PIN_TEXT_MAX];
	size_t len;
	int result;

	static_assert(PIN_TEXT_MAX <= PSK_TEXT_MAX, "it goes there");
	if (!p->pool) {
		result = pin_prover(p->pin, p->serial, p->salt, p->salt_len, p->iterations, p->w0, p->w1);
		if (result != 0 || !draw_share(p))
			return -MR_CAUSE_BAD_RESPONSE;
		enter(p, PIN_SESSION_SHARE, "salt of %zu octets, %u iterations", p->salt_len, p->iterations);
		return 0;
	}
	if (pin_prover_text(p->pin, p->serial, text, &len) != 0)
		return -MR_CAUSE_BAD_RESPONSE;
	p->works = true;
	p->stretch.done = on_stretched;
	p->stretch.ctx = p;
	psk_stretch(p->pool, &p->stretch, mr_rd_over(text, len), mr_rd_over(p->salt, p->salt_len), p->iterations);
	OPENSSL_cleanse(text, sizeof(text));
	return PIN_SESSION_WORKS;
}

static int take_salt(struct pin_session *p, const json_t *json)
{
	const char *salt = json_string_value(json_object_get(json, "salt"));
	json_int_t iterations = json_integer_value(json_object_get(json, "iterations"));

	if (json_is_true(json_object_get(json, "locked")))
		return over(p, MR_CAUSE_PIN_LOCKED, "it says that it is locked");
	p->salt_len = salt ? strlen(salt) / 2 : 0;
	if (p->salt_len < 16 || p->salt_len > sizeof(p->salt) || !get_hex(salt, p->salt, p->salt_len) ||
	    iterations < (json_int_t)IDENTITY_PIN_ITERATIONS_MIN ||
	    iterations > (json_int_t)IDENTITY_PIN_ITERATIONS_MAX)
		return -MR_CAUSE_BAD_RESPONSE;
	p->iterations = (uint32_t)iterations;
	if (p->iterations_max && p->iterations > p->iterations_max) {
		log_write(p->tag, LOG_PIN, LOG_INFO,
			  "it wants %u rounds of PBKDF2, and the job's identity.pin.iterations is %u", p->iterations,
			  p->iterations_max);
		return over(p, MR_CAUSE_UNSUPPORTED, "too many rounds");
	}
	return stretch(p);
}

static bool derive(struct pin_session *p, const uint8_t shared[static 32])
{
	uint8_t keys[64];
	bool ok = mr_hkdf_sha256(NULL, 0, shared, 32, (const uint8_t *)"millrace pin session", 20, keys,
				 sizeof(keys)) &&
		  mr_hkdf_sha256(NULL, 0, shared, 32, (const uint8_t *)"millrace pin binding", 20, p->binding,
				 sizeof(p->binding));

	memcpy(p->request_key, keys, 32);
	memcpy(p->response_key, keys + 32, 32);
	OPENSSL_cleanse(keys, sizeof(keys));
	return ok;
}

static int take_share(struct pin_session *p, const json_t *json)
{
	const struct mr_spake2plus_names names = { CONTEXT,	    PROVER,	    p->device_id,
						   strlen(CONTEXT), strlen(PROVER), strlen(p->device_id) };
	uint8_t share[MR_SPAKE2PLUS_SHARE_LEN], confirm[MR_SPAKE2PLUS_CONFIRM_LEN];
	struct mr_spake2plus_keys keys;
	int result = 0;

	if (!get_hex(json_string_value(json_object_get(json, "share")), share, sizeof(share)) ||
	    !get_hex(json_string_value(json_object_get(json, "confirm")), confirm, sizeof(confirm)) ||
	    !mr_spake2plus_prover_finish(&names, p->w0, p->w1, p->x, p->share, share, &keys))
		return -MR_CAUSE_BAD_RESPONSE;
	/* The device shows first that it knows the PIN's verifier: here a wrong PIN, or a stranger, is found out. */
	if (!mr_equal_ct(confirm, keys.theirs, sizeof(confirm)))
		result = over(p, MR_CAUSE_PIN_REFUSED, "its confirmation is of another PIN");
	else if (!derive(p, keys.shared))
		result = -MR_CAUSE_NO_MEMORY;
	memcpy(p->confirm, keys.own, sizeof(p->confirm));
	if (result == 0)
		enter(p, PIN_SESSION_CONFIRM, "it knows the PIN's verifier");
	OPENSSL_cleanse(&keys, sizeof(keys));
	OPENSSL_cleanse(p->w0, sizeof(p->w0));
	OPENSSL_cleanse(p->w1, sizeof(p->w1));
	OPENSSL_cleanse(p->x, sizeof(p->x));
	return result;
}

const char *pin_session_ask(struct pin_session *p, struct mr_wr *body)
{
	switch (p->step) {
	case PIN_SESSION_DEVICE: return "/v1/device";
	case PIN_SESSION_SALT: return "/v1/pin";
	case PIN_SESSION_SHARE:
		mr_wr_bytes(body, "share=", 6);
		put_hex(body, p->share, sizeof(p->share));
		return "/v1/pin";
	case PIN_SESSION_CONFIRM:
		mr_wr_bytes(body, "confirm=", 8);
		put_hex(body, p->confirm, sizeof(p->confirm));
		return "/v1/pin/confirm";
	case PIN_SESSION_OPEN: break;
	}
	return "/v1/pin/operation";
}

static int refused(unsigned status)
{
	switch (status) {
	case 423: return -MR_CAUSE_PIN_LOCKED;
	case 401:
	case 403: return -MR_CAUSE_DISTURBED; /* a wrong PIN shows in the device's confirmation, before this */
	case 404:
	case 409: return -MR_CAUSE_UNSUPPORTED;
	case 429:
	case 503: return -MR_CAUSE_NO_ANSWER;
	default: return -MR_CAUSE_BAD_RESPONSE;
	}
}

int pin_session_take(struct pin_session *p, unsigned status, struct mr_rd body)
{
	json_t *json;
	int result = -MR_CAUSE_BAD_RESPONSE;

	if (p->works)
		return result; /* nothing was asked */
	if (status < 200 || status > 299) {
		log_state_at(p->tag, LOG_PIN, LOG_INFO, steps[p->step], mr_cause_name(-refused(status)),
			     "HTTP status %u", status);
		return refused(status);
	}
	if (p->step == PIN_SESSION_CONFIRM) {
		enter(p, PIN_SESSION_OPEN, "it has accepted our confirmation");
		return 0;
	}
	json = json_loadb((const char *)body.at, body.left, JSON_REJECT_DUPLICATES, NULL);
	if (json && p->step == PIN_SESSION_DEVICE)
		result = take_device(p, json);
	else if (json && p->step == PIN_SESSION_SALT)
		result = take_salt(p, json);
	else if (json && p->step == PIN_SESSION_SHARE)
		result = take_share(p, json);
	json_decref(json);
	if (result == -MR_CAUSE_BAD_RESPONSE)
		(void)over(p, MR_CAUSE_BAD_RESPONSE, "its answer makes no sense here");
	return result;
}

static void nonce_of(uint64_t counter, uint8_t iv[static 12])
{
	struct mr_wr w = mr_wr_over(iv, 12);

	mr_wr_be32(&w, 0);
	mr_wr_be64(&w, counter);
}

bool pin_session_seal(struct pin_session *p, struct mr_rd message, struct mr_wr *out)
{
	uint8_t iv[12], *room;

	nonce_of(++p->counter, iv);
	mr_wr_be64(out, p->counter);
	room = mr_wr_room(out, message.left + TAG_LEN);
	return room && mr_aes_gcm_seal(p->request_key, iv, "request", 7, message.at, message.left, room);
}

bool pin_session_unseal(struct pin_session *p, struct mr_rd sealed, struct mr_wr *message)
{
	uint64_t counter = mr_rd_be64(&sealed);
	uint8_t iv[12], *room;

	if (sealed.bad || counter != p->counter || sealed.left < TAG_LEN)
		return false;
	nonce_of(counter, iv);
	room = mr_wr_room(message, sealed.left - TAG_LEN);
	return room && mr_aes_gcm_open(p->response_key, iv, "response", 8, sealed.at, sealed.left, room);
}
