#include "agent/core/wsc_enrollee.h"

#include "agent/core/assert.h"
#include "agent/wire/eap.h"

#define BUTTON_PIN "00000000"

/* The only writer of `state`. */
static void enter(struct mr_wsc_enrollee *e, enum mr_wsc_enrollee_state state)
{
	MR_ASSERT(e->state < MR_WSC_HAS_CREDENTIALS && (uint8_t)state > e->state);
	e->state = (uint8_t)state;
}

static bool draw(struct mr_wsc_enrollee *e, uint8_t *out, size_t len)
{
	return e->config.random(e->config.random_ctx, out, len);
}

static struct mr_wr begin(struct mr_wsc_enrollee *e, enum mr_wsc_type type)
{
	struct mr_wr w = mr_wr_over(e->out, sizeof(e->out));

	mr_wsc_begin(&w, type);
	return w;
}

/* false: entropy or cryptography failed meanwhile; what there is must not leave. */
static bool finish(struct mr_wsc_enrollee *e, const struct mr_wr *w, enum mr_eap_op op, struct mr_wsc_answer *answer)
{
	MR_ASSERT(w->buf == e->out);
	e->out_len = w->bad ? 0 : (uint16_t)w->len;
	*answer = (struct mr_wsc_answer){ .op = (uint8_t)op, .message = mr_rd_over(e->out, e->out_len) };
	return !w->bad;
}

/* ACK, NACK and Done bear both nonces and no Authenticator. */
static void plain(struct mr_wsc_enrollee *e, enum mr_wsc_type type, enum mr_eap_op op, struct mr_wsc_answer *answer)
{
	struct mr_wr w = begin(e, type);

	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, e->nonce, 16);
	mr_wsc_put(&w, MR_WSC_REGISTRAR_NONCE, e->registrar_nonce, 16);
	if (type == MR_WSC_NACK)
		mr_wsc_put_number(&w, MR_WSC_CONFIG_ERROR, e->error);
	mr_wsc_put_version2(&w, NULL, 0, false);
	MR_ASSERT(!w.bad);
	(void)finish(e, &w, op, answer);
}

static enum mr_wsc_enrollee_event refuse(struct mr_wsc_enrollee *e, enum mr_wsc_error error,
					 struct mr_wsc_answer *answer)
{
	e->error = (uint8_t)error;
	enter(e, MR_WSC_HAS_FAILED);
	plain(e, MR_WSC_NACK, MR_EAP_NACK, answer);
	return MR_WSC_ANSWER;
}

static bool put_m1(struct mr_wsc_enrollee *e, struct mr_wsc_answer *answer)
{
	const struct mr_wsc_device *device = e->config.device;
	struct mr_wr w = begin(e, MR_WSC_M1);

	mr_wsc_put(&w, MR_WSC_UUID_E, device->uuid, sizeof(device->uuid));
	mr_wsc_put(&w, MR_WSC_MAC_ADDRESS, e->config.mac, sizeof(e->config.mac));
	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, e->nonce, 16);
	mr_wsc_put(&w, MR_WSC_PUBLIC_KEY, e->public_key, sizeof(e->public_key));
	mr_wsc_put_abilities(&w, device, e->config.state);
	mr_wsc_put_names(&w, device);
	mr_wsc_put_number(&w, MR_WSC_RF_BANDS, device->rf_bands);
	mr_wsc_put_number(&w, MR_WSC_ASSOCIATION_STATE, 0);
	mr_wsc_put_number(&w, MR_WSC_PASSWORD_ID, e->config.button ? MR_WSC_BUTTON : MR_WSC_PIN);
	mr_wsc_put_number(&w, MR_WSC_CONFIG_ERROR, MR_WSC_NO_ERROR);
	mr_wsc_put_number(&w, MR_WSC_OS_VERSION, device->os_version | 0x80000000u);
	mr_wsc_put_version2(&w, NULL, 0, false);
	return finish(e, &w, MR_EAP_MSG, answer);
}

bool mr_wsc_enrollee_begin(struct mr_wsc_enrollee *e, const struct mr_wsc_enrollee_config *config,
			   struct mr_wsc_answer *answer)
{
	mr_wipe(e, sizeof(*e));
	e->config = *config;
	if (!draw(e, e->nonce, sizeof(e->nonce)) || !draw(e, e->priv, sizeof(e->priv)) || !draw(e, e->snonce[0], 16) ||
	    !draw(e, e->snonce[1], 16) || !mr_modp1536_public(e->priv, e->public_key) || !put_m1(e, answer)) {
		mr_wsc_enrollee_wipe(e);
		return false;
	}
	return true;
}

void mr_wsc_enrollee_wipe(struct mr_wsc_enrollee *e) { mr_wipe(e, sizeof(*e)); }

/* --- M2 to M8 --- */

static size_t pin_len(const char *pin)
{
	size_t len = 0;

	while (len < MR_WSC_PIN_MAX && pin[len])
		len++;
	return len;
}

static bool derive(struct mr_wsc_enrollee *e)
{
	const char *pin = e->config.button ? BUTTON_PIN : e->config.pin;
	uint8_t shared[MR_WSC_KEY_LEN];
	bool ok = mr_modp1536(e->priv, e->registrar_key, shared) &&
		  mr_wsc_derive(shared, e->nonce, e->config.mac, e->registrar_nonce, &e->keys) &&
		  mr_wsc_psk(&e->keys, pin, pin_len(pin), e->psk[0], e->psk[1]);

	mr_wipe(shared, sizeof(shared));
	mr_wipe(e->priv, sizeof(e->priv));
	return ok;
}

/* A message that goes with this run: of that type, with our nonce, and true to the last octet. */
static bool is_true(const struct mr_wsc_enrollee *e, const struct mr_wsc *m, struct mr_rd octets)
{
	return mr_wsc_verify(m, octets, &e->keys, mr_rd_over(e->out, e->out_len));
}

static bool put_m3(struct mr_wsc_enrollee *e, struct mr_rd previous, struct mr_wsc_answer *answer)
{
	struct mr_wr w = begin(e, MR_WSC_M3);

	mr_wsc_put(&w, MR_WSC_REGISTRAR_NONCE, e->registrar_nonce, 16);
	for (unsigned half = 0; half < 2; half++) {
		uint8_t hash[MR_WSC_HASH_LEN];

		if (!mr_wsc_commit(&e->keys, e->snonce[half], e->psk[half], e->public_key, e->registrar_key, hash))
			w.bad = true;
		mr_wsc_put(&w, half ? MR_WSC_E_HASH2 : MR_WSC_E_HASH1, hash, sizeof(hash));
	}
	mr_wsc_sign(&w, &e->keys, previous);
	return finish(e, &w, MR_EAP_MSG, answer);
}

static enum mr_wsc_enrollee_event on_m2(struct mr_wsc_enrollee *e, const struct mr_wsc *m, struct mr_rd octets,
					struct mr_wsc_answer *answer)
{
	struct mr_rd nonce = m->value[MR_WSC_REGISTRAR_NONCE];

	mr_rd_copy(&nonce, e->registrar_nonce, sizeof(e->registrar_nonce));
	/* Its key sent back to us would make both sides' commitments alike. */
	if (nonce.bad || !mr_wsc_public_key(m, e->registrar_key) ||
	    mr_equal(e->registrar_key, e->public_key, MR_WSC_KEY_LEN) || !derive(e) || !is_true(e, m, octets) ||
	    !put_m3(e, octets, answer))
		return refuse(e, MR_WSC_DECRYPTION, answer);
	enter(e, MR_WSC_WAITS_M4);
	return MR_WSC_ANSWER;
}

/* The registrar has no PIN for us, or will not: it says why. The device may come again. */
static enum mr_wsc_enrollee_event on_m2d(struct mr_wsc_enrollee *e, const struct mr_wsc *m,
					 struct mr_wsc_answer *answer)
{
	struct mr_rd nonce = m->value[MR_WSC_REGISTRAR_NONCE];

	mr_rd_copy(&nonce, e->registrar_nonce, sizeof(e->registrar_nonce));
	e->error = (uint8_t)mr_wsc_number(m, MR_WSC_CONFIG_ERROR, MR_WSC_NO_ERROR);
	enter(e, MR_WSC_HAS_FAILED);
	plain(e, MR_WSC_ACK, MR_EAP_ACK, answer);
	return MR_WSC_ANSWER;
}

/* Does the half of the PIN that the registrar opens agree with what it committed to, and with ours? */
static bool opens(struct mr_wsc_enrollee *e, const struct mr_wsc *settings, unsigned half)
{
	struct mr_rd snonce = settings->value[half ? MR_WSC_R_SNONCE2 : MR_WSC_R_SNONCE1];
	uint8_t hash[MR_WSC_HASH_LEN];

	return snonce.at && mr_wsc_commit(&e->keys, snonce.at, e->psk[half], e->public_key, e->registrar_key, hash) &&
	       mr_equal_ct(hash, e->registrar_hash[half], sizeof(hash));
}

/* M5 and M7: our half, now that the registrar has shown that it knows it. */
static bool put_half(struct mr_wsc_enrollee *e, unsigned half, struct mr_rd previous, struct mr_wsc_answer *answer)
{
	struct mr_wr w = begin(e, half ? MR_WSC_M7 : MR_WSC_M5);
	uint8_t buf[MR_WSC_SETTINGS_MAX], iv[16];
	struct mr_wr settings = mr_wr_over(buf, sizeof(buf));

	mr_wsc_put(&w, MR_WSC_REGISTRAR_NONCE, e->registrar_nonce, 16);
	mr_wsc_put(&settings, half ? MR_WSC_E_SNONCE2 : MR_WSC_E_SNONCE1, e->snonce[half], 16);
	if (half && e->config.own_bss)
		mr_wsc_put_credential(&settings, e->config.own_bss, true);
	if (!draw(e, iv, sizeof(iv)))
		w.bad = true;
	mr_wsc_put_settings(&w, &e->keys, iv, &settings);
	mr_wsc_sign(&w, &e->keys, previous);
	return finish(e, &w, MR_EAP_MSG, answer);
}

static enum mr_wsc_enrollee_event on_half(struct mr_wsc_enrollee *e, const struct mr_wsc *m, struct mr_rd octets,
					  unsigned half, struct mr_wsc_answer *answer)
{
	uint8_t buf[MR_WSC_SETTINGS_MAX];
	struct mr_wsc settings;
	enum mr_wsc_error error = MR_WSC_NO_ERROR;

	if (!mr_wsc_open_settings(m, &e->keys, buf, &settings))
		error = MR_WSC_DECRYPTION;
	else if (!opens(e, &settings, half))
		error = MR_WSC_PASSWORD;
	mr_wipe(buf, sizeof(buf));
	if (error == MR_WSC_NO_ERROR && !put_half(e, half, octets, answer))
		error = MR_WSC_DECRYPTION;
	if (error != MR_WSC_NO_ERROR)
		return refuse(e, error, answer);
	enter(e, half ? MR_WSC_WAITS_M8 : MR_WSC_WAITS_M6);
	return MR_WSC_ANSWER;
}

static enum mr_wsc_enrollee_event on_m4(struct mr_wsc_enrollee *e, const struct mr_wsc *m, struct mr_rd octets,
					struct mr_wsc_answer *answer)
{
	for (unsigned half = 0; half < 2; half++) {
		struct mr_rd hash = m->value[half ? MR_WSC_R_HASH2 : MR_WSC_R_HASH1];

		mr_rd_copy(&hash, e->registrar_hash[half], sizeof(e->registrar_hash[half]));
		if (hash.bad)
			return refuse(e, MR_WSC_DECRYPTION, answer);
	}
	return on_half(e, m, octets, 0, answer);
}

static enum mr_wsc_enrollee_event on_m8(struct mr_wsc_enrollee *e, const struct mr_wsc *m, struct mr_wsc_answer *answer)
{
	uint8_t buf[MR_WSC_SETTINGS_MAX];
	struct mr_wsc settings;
	bool good = mr_wsc_open_settings(m, &e->keys, buf, &settings) &&
		    mr_wsc_credential(mr_rd_over(buf, settings.unsigned_len), &e->credential);

	mr_wipe(buf, sizeof(buf));
	if (!good)
		return refuse(e, MR_WSC_DECRYPTION, answer);
	enter(e, MR_WSC_HAS_CREDENTIALS);
	plain(e, MR_WSC_DONE, MR_EAP_DONE, answer);
	return MR_WSC_CREDENTIALS;
}

/* The registrar gives up. In the middle of a run, and of this run: nobody signs it, so it costs the attempt and no
 * more. */
static enum mr_wsc_enrollee_event on_nack(struct mr_wsc_enrollee *e, const struct mr_wsc *m,
					  struct mr_wsc_answer *answer)
{
	uint32_t error = mr_wsc_number(m, MR_WSC_CONFIG_ERROR, MR_WSC_NO_ERROR);

	if (!mr_wsc_is(m, MR_WSC_ENROLLEE_NONCE, e->nonce, sizeof(e->nonce)))
		return MR_WSC_IGNORED;
	(void)refuse(e, MR_WSC_NO_ERROR, answer);
	e->error = (uint8_t)error;
	return e->config.own_bss ? MR_WSC_ENDED : MR_WSC_ANSWER;
}

enum mr_wsc_enrollee_event mr_wsc_enrollee_receive(struct mr_wsc_enrollee *e, uint8_t op, struct mr_rd message,
						   struct mr_wsc_answer *answer)
{
	static const uint8_t awaited[] = { [MR_WSC_WAITS_M2] = MR_WSC_M2,
					   [MR_WSC_WAITS_M4] = MR_WSC_M4,
					   [MR_WSC_WAITS_M6] = MR_WSC_M6,
					   [MR_WSC_WAITS_M8] = MR_WSC_M8 };
	struct mr_wsc m;
	uint8_t type;

	if (e->state >= MR_WSC_HAS_CREDENTIALS || !mr_wsc_parse(message, &m))
		return MR_WSC_IGNORED;
	type = mr_wsc_type(&m);
	if (op == MR_EAP_NACK)
		return type == MR_WSC_NACK ? on_nack(e, &m, answer) : MR_WSC_IGNORED;
	/* Another run's: two stations on one channel hear each other's. */
	if (op != MR_EAP_MSG || !mr_wsc_is(&m, MR_WSC_ENROLLEE_NONCE, e->nonce, sizeof(e->nonce)))
		return MR_WSC_IGNORED;
	if (e->state == MR_WSC_WAITS_M2 && type == MR_WSC_M2D)
		return on_m2d(e, &m, answer);
	if (type != awaited[e->state])
		return MR_WSC_IGNORED;
	if (type != MR_WSC_M2 && !is_true(e, &m, message))
		return MR_WSC_IGNORED;
	switch (type) {
	case MR_WSC_M2: return on_m2(e, &m, message, answer);
	case MR_WSC_M4: return on_m4(e, &m, message, answer);
	case MR_WSC_M6: return on_half(e, &m, message, 1, answer);
	default: return on_m8(e, &m, answer);
	}
}
