#include "agent/core/operation.h"

#include "agent/core/csr.h"
#include "agent/core/method.h"
#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "agent/wire/hkdf.h"

static bool value_is(const struct mr_message *m, enum mr_attribute id, const uint8_t *want, size_t len)
{
	return m->has[id] && m->value[id].left == len && mr_equal(m->value[id].at, want, len);
}

uint8_t mr_agent_stage(const struct mr_agent *agent)
{
	const struct mr_store *s = &agent->store;

	return (uint8_t)((mr_store_has(s, MR_SECTION_KEY) ? MR_STAGE_KEY : 0) |
			 (mr_store_has(s, MR_SECTION_IDENTITY) ? MR_STAGE_IDENTITY : 0) |
			 (mr_store_has(s, MR_SECTION_CREDENTIALS) ? MR_STAGE_CREDENTIALS : 0) |
			 (mr_store_has(s, MR_SECTION_SEAL) ? MR_STAGE_SEALED : 0));
}

void mr_operation_refresh(struct mr_agent *agent)
{
	struct mr_rd serial = mr_store_value(mr_store_find(&agent->store, MR_SECTION_IDENTITY), MR_AT_SERIAL);
	size_t len = serial.left < sizeof(agent->serial) ? serial.left : 0;

	mr_zero(agent->serial, sizeof(agent->serial));
	mr_rd_copy(&serial, agent->serial, len);
}

enum mr_cause mr_operation_save(struct mr_agent *agent)
{
	struct mr_wr w;
	bool ok;

	mr_store_drop(&agent->store, MR_SECTION_RESTARTS);
	w = mr_store_open(&agent->store, MR_SECTION_RESTARTS);
	mr_wr_le32(&w, agent->restarts);
	ok = mr_store_close(&agent->store, &w);
	if (!ok) {
		mr_store_load(&agent->store, &agent->port);
		mr_operation_refresh(agent);
		return MR_CAUSE_TOO_LONG;
	}
	ok = mr_store_save(&agent->store, &agent->port);
	mr_operation_refresh(agent);
	return ok ? MR_CAUSE_OK : MR_CAUSE_STORAGE_FAILED;
}

void mr_operation_answer(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	mr_wipe(agent->buf, sizeof(agent->buf));
	*w = mr_wr_over(w->buf, w->cap);
	mr_response_begin(w, (enum mr_operation)m->operation);
}

/* `priv` and `pub` point into the store. */
static bool key_of(const struct mr_agent *agent, const uint8_t **priv, const uint8_t **pub)
{
	struct mr_rd key = mr_store_find(&agent->store, MR_SECTION_KEY);

	*priv = mr_rd_take(&key, 32);
	*pub = mr_rd_take(&key, 65);
	return *pub != NULL;
}

static bool sign(struct mr_agent *agent, const uint8_t hash[static 32], uint8_t sig[static 64])
{
	const uint8_t *priv, *pub;

	if (!key_of(agent, &priv, &pub))
		return false;
	agent->port.work(agent->port.ctx, MR_WORK_P256_SIGN, 0);
	return mr_p256_sign(priv, hash, sig);
}

static struct mr_digest_field field(struct mr_rd value)
{
	return (struct mr_digest_field){ value.at, value.bad ? 0 : value.left };
}

/* Over a section as the storage gave it back; no octets when there is no such section. */
static bool section_digest(struct mr_agent *agent, enum mr_section type, uint8_t out[static 32], size_t *len)
{
	static const uint8_t identity[] = { MR_AT_TXN,	  MR_AT_SERIAL,	  MR_AT_CERTIFICATE,
					    MR_AT_ISSUER, MR_AT_PIN_SALT, MR_AT_PIN_ITERATIONS,
					    MR_AT_PIN_W0, MR_AT_PIN_L,	  MR_AT_AP_PASSPHRASE };
	static const uint8_t credentials[] = { MR_AT_TXN, MR_AT_SSID, MR_AT_SECURITY, MR_AT_PASSPHRASE };
	bool is_identity = type == MR_SECTION_IDENTITY || type == MR_SECTION_PREPARED_IDENTITY;
	const uint8_t *ids = is_identity ? identity : credentials;
	size_t count = is_identity ? sizeof(identity) : sizeof(credentials);
	struct mr_rd section = mr_store_find(&agent->store, type);
	struct mr_digest_field fields[MR_DIGEST_FIELDS_MAX];

	*len = 0;
	if (section.bad)
		return true;
	for (size_t i = 0; i < count; i++)
		fields[i] = field(mr_store_value(section, ids[i]));
	agent->port.work(agent->port.ctx, MR_WORK_HASH, section.left);
	*len = 32;
	return mr_digest(out, is_identity ? "millrace identity" : "millrace credentials", fields, count);
}

static bool state_digest(struct mr_agent *agent, uint8_t out[static 32])
{
	uint8_t at[1] = { mr_agent_stage(agent) }, identity[32], credentials[32];
	size_t identity_len, credentials_len;
	bool ok = section_digest(agent, MR_SECTION_IDENTITY, identity, &identity_len) &&
		  section_digest(agent, MR_SECTION_CREDENTIALS, credentials, &credentials_len);
	const struct mr_digest_field fields[] = { { at, 1 },
						  { identity, ok ? identity_len : 0 },
						  { credentials, ok ? credentials_len : 0 } };

	return ok && mr_digest(out, "millrace state", fields, 3);
}

static void add_text(struct mr_wr *w, enum mr_attribute id, const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	mr_attribute_add(w, id, text, len);
}

/* The description of the device, without a signature. */
static void describe(struct mr_agent *agent, struct mr_wr *w)
{
	static const struct {
		enum mr_section section;
		enum mr_operation operation;
	} open[] = { { MR_SECTION_PREPARED_IDENTITY, MR_OP_IDENTITY },
		     { MR_SECTION_PREPARED_CREDENTIALS, MR_OP_CREDENTIALS } };
	const uint8_t *priv, *pub;

	mr_attribute_add(w, MR_AT_DEVICE_ID, agent->config.device_id, 8);
	add_text(w, MR_AT_PRODUCT, agent->config.product);
	add_text(w, MR_AT_HW_REV, agent->config.hw_rev);
	add_text(w, MR_AT_FIRMWARE, agent->config.firmware);
	mr_attribute_add_u8(w, MR_AT_STAGE, mr_agent_stage(agent));
	if (agent->serial[0])
		add_text(w, MR_AT_SERIAL, agent->serial);
	if (key_of(agent, &priv, &pub)) {
		uint8_t spki[MR_SPKI_LEN], id[32];

		mr_spki(spki, pub);
		agent->port.work(agent->port.ctx, MR_WORK_HASH, sizeof(spki));
		if (mr_sha256(spki, sizeof(spki), id))
			mr_attribute_add(w, MR_AT_KEY_ID, id, sizeof(id));
	}
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		struct mr_rd txn = mr_store_value(mr_store_find(&agent->store, open[i].section), MR_AT_TXN);

		if (txn.bad)
			continue;
		mr_attribute_add(w, MR_AT_TXN, txn.at, txn.left);
		mr_attribute_add_u8(w, MR_AT_TXN_OPERATION, (uint8_t)open[i].operation);
	}
	mr_attribute_add_u32(w, MR_AT_RESTARTS, agent->restarts);
	if (agent->join.state != MR_JOIN_IDLE)
		mr_join_add(w, &agent->join);
}

void mr_operation_introduce(struct mr_agent *agent, struct mr_wr *w)
{
	mr_response_begin(w, MR_OP_STATUS);
	describe(agent, w);
	mr_response_end(w, MR_CAUSE_OK, 0);
}

static enum mr_cause on_status(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	struct mr_digest_field fields[3] = { { agent->binding, 32 } };
	struct mr_rd asked = m->value[MR_AT_CHALLENGE], said;
	uint8_t challenge[32], hash[32], sig[64];

	fields[1] = (struct mr_digest_field){ challenge, m->has[MR_AT_CHALLENGE] ? sizeof(challenge) : 0 };
	mr_rd_copy(&asked, challenge, fields[1].len); /* the answer takes the place of the request */
	mr_operation_answer(agent, m, w);
	describe(agent, w);
	mr_attribute_add_u8(w, MR_AT_PROTOCOL, MR_PROTOCOL);
	if (!mr_store_has(&agent->store, MR_SECTION_KEY))
		return MR_CAUSE_OK;
	said = mr_wr_written(w);
	mr_rd_skip(&said, MR_RESPONSE_HEAD_LEN);
	fields[2] = field(said);
	agent->port.work(agent->port.ctx, MR_WORK_HASH, said.left);
	if (!mr_digest(hash, "millrace status 2", fields, 3) || !sign(agent, hash, sig))
		return MR_CAUSE_CRYPTO_FAILED;
	mr_attribute_add(w, MR_AT_SIGNATURE, sig, sizeof(sig));
	return MR_CAUSE_OK;
}

static enum mr_cause on_selftest(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	enum mr_cause cause = MR_CAUSE_OK;
	const char *name = "";

	mr_operation_answer(agent, m, w);
	agent->port.work(agent->port.ctx, MR_WORK_SELFTEST, 0);
	for (uint8_t i = 0; i < MR_SELFTEST_ITEMS_MAX; i++) {
		struct mr_selftest_item item = { .index = i };

		if (!agent->port.selftest(agent->port.ctx, i, &name, &item.value, &item.passed))
			break;
		for (size_t n = 0; n < sizeof(item.name) - 1 && name[n]; n++)
			item.name[n] = name[n];
		mr_selftest_item_add(w, &item);
		if (!item.passed)
			cause = MR_CAUSE_SELFTEST_FAILED;
	}
	return cause;
}

/*
 * The private key: HKDF over the device's own random octets, salted with the station's. Either of them being good
 * makes the key good: a device with a poor generator is helped by the station, and the station, which does not know
 * the device's octets, learns nothing.
 */
static enum mr_cause make_key(struct mr_agent *agent, struct mr_rd entropy)
{
	struct mr_wr info, w = mr_store_open(&agent->store, MR_SECTION_KEY);
	uint8_t text[32], own[32], *priv = mr_wr_room(&w, 32), *pub = mr_wr_room(&w, 65);
	bool ok = false;

	if (!pub)
		return MR_CAUSE_TOO_LONG;
	if (!agent->port.random(agent->port.ctx, own, sizeof(own)))
		return MR_CAUSE_CRYPTO_FAILED;
	for (uint8_t draw = 0; !ok && draw < KEY_DRAWS_MAX; draw++) {
		info = mr_wr_over(text, sizeof(text));
		mr_wr_bytes(&info, "millrace device key", 19);
		mr_wr_bytes(&info, agent->config.device_id, 8);
		mr_wr_u8(&info, draw);
		agent->port.work(agent->port.ctx, MR_WORK_HASH, 2 * 64);
		agent->port.work(agent->port.ctx, MR_WORK_P256_KEYGEN, 0);
		ok = mr_hkdf_sha256(entropy.at, entropy.left, own, sizeof(own), text, info.len, priv, 32) &&
		     mr_p256_public(priv, pub);
	}
	mr_wipe(own, sizeof(own));
	if (!ok) {
		mr_wipe(priv, 32);
		return MR_CAUSE_CRYPTO_FAILED;
	}
	mr_agent_tell(agent, MR_NEWS_KEY_MADE);
	return mr_store_close(&agent->store, &w) ? mr_operation_save(agent) : MR_CAUSE_TOO_LONG;
}

static enum mr_cause on_key(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	enum mr_cause cause = MR_CAUSE_OK;
	const uint8_t *priv, *pub;
	size_t mark;

	if (mr_store_has(&agent->store, MR_SECTION_SEAL))
		return MR_CAUSE_OUT_OF_ORDER;
	if (!mr_store_has(&agent->store, MR_SECTION_KEY)) {
		if (!m->has[MR_AT_ENTROPY])
			return MR_CAUSE_BAD_REQUEST;
		cause = make_key(agent, m->value[MR_AT_ENTROPY]);
	}
	if (cause != MR_CAUSE_OK)
		return cause;
	mr_operation_answer(agent, m, w);
	mr_wr_u8(w, MR_AT_CSR);
	mark = mr_wr_open16(w);
	agent->port.work(agent->port.ctx, MR_WORK_P256_SIGN, 0);
	if (!key_of(agent, &priv, &pub) || !mr_csr_write(w, agent->config.product, agent->config.device_id, priv, pub))
		return MR_CAUSE_CRYPTO_FAILED;
	mr_wr_close_le16(w, mark);
	return MR_CAUSE_OK;
}

bool mr_operation_has_txn(const struct mr_message *m)
{
	static const uint8_t none[8];

	return m->has[MR_AT_TXN] && !value_is(m, MR_AT_TXN, none, sizeof(none));
}

bool mr_operation_is_of_txn(const struct mr_agent *agent, enum mr_section type, const struct mr_message *m)
{
	struct mr_rd txn = mr_store_value(mr_store_find(&agent->store, type), MR_AT_TXN);

	return !txn.bad && value_is(m, MR_AT_TXN, txn.at, txn.left);
}

/* Stores the listed attributes of the request as the one open transaction. */
static enum mr_cause prepare(struct mr_agent *agent, const struct mr_message *m, enum mr_section type,
			     const uint8_t *ids, size_t count)
{
	struct mr_wr w;

	mr_store_drop(&agent->store, MR_SECTION_PREPARED_IDENTITY);
	mr_store_drop(&agent->store, MR_SECTION_PREPARED_CREDENTIALS);
	w = mr_store_open(&agent->store, type);
	for (size_t i = 0; i < count; i++)
		if (m->has[ids[i]])
			mr_attribute_add(&w, (enum mr_attribute)ids[i], m->value[ids[i]].at, m->value[ids[i]].left);
	if (!mr_store_close(&agent->store, &w)) {
		(void)mr_store_reload(&agent->store, &agent->port);
		return MR_CAUSE_TOO_LONG;
	}
	return mr_operation_save(agent);
}

static enum mr_cause answer_digest(struct mr_agent *agent, const struct mr_message *m, enum mr_section type,
				   struct mr_wr *w)
{
	uint8_t digest[32];
	size_t len;

	if (!section_digest(agent, type, digest, &len) || len == 0)
		return MR_CAUSE_CRYPTO_FAILED;
	mr_operation_answer(agent, m, w);
	mr_attribute_add(w, MR_AT_DIGEST, digest, sizeof(digest));
	return MR_CAUSE_OK;
}

/* IEEE 802.11-2016 J.4.1: 8 to 63 printable characters; or 64 hexadecimal digits, the key itself. */
static bool passphrase_is_valid(struct mr_rd in)
{
	bool key = in.left == 64;

	while (in.left > 0) {
		uint8_t c = mr_rd_u8(&in);
		bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

		if (c < ' ' || c > '~' || (key && !digit))
			return false;
	}
	return !in.bad;
}

static bool identity_is_whole(const struct mr_message *m)
{
	bool pin = m->has[MR_AT_PIN_SALT];

	if (m->has[MR_AT_AP_PASSPHRASE] && !passphrase_is_valid(m->value[MR_AT_AP_PASSPHRASE]))
		return false;
	return m->has[MR_AT_SERIAL] && m->has[MR_AT_CERTIFICATE] && m->has[MR_AT_ISSUER] &&
	       m->has[MR_AT_PIN_ITERATIONS] == pin && m->has[MR_AT_PIN_W0] == pin && m->has[MR_AT_PIN_L] == pin;
}

static bool serial_is_printable(struct mr_rd serial)
{
	while (serial.left > 0) {
		uint8_t c = mr_rd_u8(&serial);

		if (c <= ' ' || c > '~')
			return false;
	}
	return !serial.bad;
}

static enum mr_cause on_identity(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	static const uint8_t ids[] = { MR_AT_TXN,    MR_AT_SERIAL,   MR_AT_CERTIFICATE,
				       MR_AT_ISSUER, MR_AT_PIN_SALT, MR_AT_PIN_ITERATIONS,
				       MR_AT_PIN_W0, MR_AT_PIN_L,    MR_AT_AP_PASSPHRASE };
	const uint8_t *priv, *pub;
	enum mr_cause cause;

	if (!mr_operation_has_txn(m) || !identity_is_whole(m) || !serial_is_printable(m->value[MR_AT_SERIAL]))
		return MR_CAUSE_BAD_REQUEST;
	if (mr_operation_is_of_txn(agent, MR_SECTION_IDENTITY, m))
		return answer_digest(agent, m, MR_SECTION_IDENTITY, w);
	if (mr_store_has(&agent->store, MR_SECTION_SEAL) || !key_of(agent, &priv, &pub))
		return MR_CAUSE_OUT_OF_ORDER;
	if (!mr_certificate_is_for(m->value[MR_AT_CERTIFICATE], pub))
		return MR_CAUSE_BAD_REQUEST;
	cause = prepare(agent, m, MR_SECTION_PREPARED_IDENTITY, ids, sizeof(ids));
	return cause != MR_CAUSE_OK ? cause : answer_digest(agent, m, MR_SECTION_PREPARED_IDENTITY, w);
}

static bool credentials_are_whole(const struct mr_message *m)
{
	bool secret = m->has[MR_AT_PASSPHRASE];

	if (!m->has[MR_AT_SSID] || !m->has[MR_AT_SECURITY] || m->value[MR_AT_SECURITY].at[0] > MR_SECURITY_WPA3)
		return false;
	if (secret != (m->value[MR_AT_SECURITY].at[0] != MR_SECURITY_OPEN))
		return false;
	return !secret || passphrase_is_valid(m->value[MR_AT_PASSPHRASE]);
}

static enum mr_cause on_credentials(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	static const uint8_t ids[] = { MR_AT_TXN, MR_AT_SSID, MR_AT_SECURITY, MR_AT_PASSPHRASE };
	enum mr_cause cause;

	if (!mr_operation_has_txn(m) || !credentials_are_whole(m))
		return MR_CAUSE_BAD_REQUEST;
	if (mr_operation_is_of_txn(agent, MR_SECTION_CREDENTIALS, m))
		return answer_digest(agent, m, MR_SECTION_CREDENTIALS, w);
	if (mr_store_has(&agent->store, MR_SECTION_SEAL))
		return MR_CAUSE_OUT_OF_ORDER;
	cause = prepare(agent, m, MR_SECTION_PREPARED_CREDENTIALS, ids, sizeof(ids));
	return cause != MR_CAUSE_OK ? cause : answer_digest(agent, m, MR_SECTION_PREPARED_CREDENTIALS, w);
}

/* Some row of the image hears broadcasts, or none does. */
static enum mr_cause recall(struct mr_agent *agent, uint64_t issue, struct mr_sealed *out)
{
	for (size_t i = 0; agent->config.methods[i]; i++)
		if (agent->config.methods[i]->recall)
			return agent->config.methods[i]->recall(agent, issue, out);
	return MR_CAUSE_UNSUPPORTED;
}

static void put_value(struct mr_message *m, enum mr_attribute id, const void *value, size_t len)
{
	m->has[id] = len > 0;
	m->value[id] = mr_rd_over(value, len);
}

/* From here on it is as if the request had brought the network itself. What was committed needs no broadcast. */
static enum mr_cause on_issue(struct mr_agent *agent, struct mr_message *m, struct mr_wr *w)
{
	struct mr_sealed heard;
	struct mr_rd issue = m->value[MR_AT_ISSUE];
	enum mr_cause cause;

	if (!mr_operation_has_txn(m) || m->has[MR_AT_SSID] || m->has[MR_AT_SECURITY] || m->has[MR_AT_PASSPHRASE])
		return MR_CAUSE_BAD_REQUEST;
	if (mr_operation_is_of_txn(agent, MR_SECTION_CREDENTIALS, m))
		return answer_digest(agent, m, MR_SECTION_CREDENTIALS, w);
	if (mr_store_has(&agent->store, MR_SECTION_SEAL))
		return MR_CAUSE_OUT_OF_ORDER;
	cause = recall(agent, mr_rd_le64(&issue), &heard);
	if (cause != MR_CAUSE_OK)
		return cause;
	put_value(m, MR_AT_SSID, heard.ssid, heard.ssid_len);
	put_value(m, MR_AT_SECURITY, &heard.security, 1);
	put_value(m, MR_AT_PASSPHRASE, heard.passphrase, heard.passphrase_len);
	cause = on_credentials(agent, m, w);
	mr_wipe(&heard, sizeof(heard));
	return cause;
}

static enum mr_cause on_commit(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	enum mr_cause cause = MR_CAUSE_OK;

	if (!mr_operation_has_txn(m))
		return MR_CAUSE_BAD_REQUEST;
	if (mr_operation_is_of_txn(agent, MR_SECTION_PREPARED_IDENTITY, m)) {
		mr_store_rename(&agent->store, MR_SECTION_PREPARED_IDENTITY, MR_SECTION_IDENTITY);
		mr_store_drop(&agent->store, MR_SECTION_PIN); /* the tries were at another PIN */
		cause = mr_operation_save(agent);
	} else if (mr_operation_is_of_txn(agent, MR_SECTION_PREPARED_CREDENTIALS, m)) {
		mr_store_rename(&agent->store, MR_SECTION_PREPARED_CREDENTIALS, MR_SECTION_CREDENTIALS);
		cause = mr_operation_save(agent);
	} else if (!mr_operation_is_of_txn(agent, MR_SECTION_IDENTITY, m) &&
		   !mr_operation_is_of_txn(agent, MR_SECTION_CREDENTIALS, m)) {
		cause = MR_CAUSE_OUT_OF_ORDER;
	}
	if (cause != MR_CAUSE_OK)
		return cause;
	mr_operation_answer(agent, m, w);
	mr_attribute_add_u8(w, MR_AT_STAGE, mr_agent_stage(agent));
	return MR_CAUSE_OK;
}

static enum mr_cause on_verify(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	uint8_t state[32], hash[32], sig[64];
	struct mr_digest_field fields[] = { { agent->binding, 32 }, field(m->value[MR_AT_CHALLENGE]), { state, 32 } };

	if (!m->has[MR_AT_CHALLENGE])
		return MR_CAUSE_BAD_REQUEST;
	if (!mr_store_has(&agent->store, MR_SECTION_KEY))
		return MR_CAUSE_OUT_OF_ORDER;
	if (!mr_store_reload(&agent->store, &agent->port)) {
		mr_operation_refresh(agent);
		return MR_CAUSE_STORAGE_FAILED;
	}
	if (!state_digest(agent, state) || !mr_digest(hash, "millrace verify", fields, 3) || !sign(agent, hash, sig))
		return MR_CAUSE_CRYPTO_FAILED;
	mr_operation_answer(agent, m, w);
	mr_attribute_add(w, MR_AT_DIGEST, state, sizeof(state));
	mr_attribute_add(w, MR_AT_SIGNATURE, sig, sizeof(sig));
	return MR_CAUSE_OK;
}

/* From the store alone, so that a repeated SEAL gives the same receipt, after a restart too. */
static bool receipt(struct mr_agent *agent, struct mr_wr *w)
{
	struct mr_rd seal = mr_store_find(&agent->store, MR_SECTION_SEAL);
	struct mr_rd serial = mr_store_value(mr_store_find(&agent->store, MR_SECTION_IDENTITY), MR_AT_SERIAL);
	const uint8_t *txn = mr_rd_take(&seal, 8), *restarts = mr_rd_take(&seal, 4);
	uint8_t state[32];

	if (!restarts || serial.bad || !state_digest(agent, state))
		return false;
	mr_wr_u8(w, 1);
	mr_wr_bytes(w, agent->batch_tag, 8);
	mr_wr_bytes(w, agent->config.device_id, 8);
	mr_wr_u8(w, mr_agent_stage(agent));
	mr_wr_bytes(w, txn, 8);
	mr_wr_bytes(w, state, sizeof(state));
	mr_wr_bytes(w, restarts, 4);
	mr_wr_u8(w, (uint8_t)serial.left);
	mr_wr_bytes(w, serial.at, serial.left);
	return !w->bad;
}

static enum mr_cause lock(struct mr_agent *agent, const struct mr_message *m)
{
	const uint8_t whole = MR_STAGE_KEY | MR_STAGE_IDENTITY | MR_STAGE_CREDENTIALS;
	struct mr_wr w;

	if ((mr_agent_stage(agent) & whole) != whole)
		return MR_CAUSE_OUT_OF_ORDER;
	mr_store_drop(&agent->store, MR_SECTION_PREPARED_IDENTITY);
	mr_store_drop(&agent->store, MR_SECTION_PREPARED_CREDENTIALS);
	w = mr_store_open(&agent->store, MR_SECTION_SEAL);
	mr_wr_bytes(&w, m->value[MR_AT_TXN].at, m->value[MR_AT_TXN].left);
	mr_wr_le32(&w, agent->restarts);
	if (!mr_store_close(&agent->store, &w)) {
		(void)mr_store_reload(&agent->store, &agent->port);
		return MR_CAUSE_TOO_LONG;
	}
	return mr_operation_save(agent);
}

static enum mr_cause on_seal(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	struct mr_rd seal = mr_store_find(&agent->store, MR_SECTION_SEAL);
	uint8_t text[160], hash[32], sig[64];
	struct mr_wr r = mr_wr_over(text, sizeof(text));
	struct mr_digest_field fields[] = { field(m->value[MR_AT_CHALLENGE]), { text, 0 } };
	enum mr_cause cause = MR_CAUSE_OK;

	if (!mr_operation_has_txn(m) || !m->has[MR_AT_CHALLENGE])
		return MR_CAUSE_BAD_REQUEST;
	if (seal.bad)
		cause = lock(agent, m);
	else if (!value_is(m, MR_AT_TXN, seal.at, 8))
		cause = MR_CAUSE_OUT_OF_ORDER;
	if (cause != MR_CAUSE_OK)
		return cause;
	if (!receipt(agent, &r))
		return MR_CAUSE_CRYPTO_FAILED;
	fields[1].len = r.len;
	if (!mr_digest(hash, "millrace receipt", fields, 2) || !sign(agent, hash, sig))
		return MR_CAUSE_CRYPTO_FAILED;
	mr_operation_answer(agent, m, w);
	mr_attribute_add(w, MR_AT_RECEIPT, text, r.len);
	mr_attribute_add(w, MR_AT_SIGNATURE, sig, sizeof(sig));
	return MR_CAUSE_OK;
}

static enum mr_cause on_finish(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	enum mr_cause cause = MR_CAUSE_OK;
	int verdict = m->has[MR_AT_VERDICT] ? m->value[MR_AT_VERDICT].at[0] : MR_VERDICT_NONE;

	if (verdict == MR_VERDICT_NONE || verdict > MR_VERDICT_QUARANTINE)
		return MR_CAUSE_BAD_REQUEST;
	if (verdict == MR_VERDICT_PASS && mr_store_has(&agent->store, MR_SECTION_SEAL) &&
	    !mr_store_has(&agent->store, MR_SECTION_RELEASED)) {
		struct mr_wr released = mr_store_open(&agent->store, MR_SECTION_RELEASED);

		cause = mr_store_close(&agent->store, &released) ? mr_operation_save(agent) : MR_CAUSE_TOO_LONG;
	}
	if (cause != MR_CAUSE_OK)
		return cause;
	agent->verdict = verdict;
	agent->port.indicate(agent->port.ctx, verdict);
	mr_agent_tell(agent, MR_NEWS_FINISHED);
	mr_operation_answer(agent, m, w);
	return MR_CAUSE_OK;
}

/* What is not the core's belongs to a row of the image, or to none. */
static enum mr_cause run_elsewhere(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	enum mr_cause cause = MR_CAUSE_UNSUPPORTED;

	for (size_t i = 0; agent->config.methods[i] && cause == MR_CAUSE_UNSUPPORTED; i++)
		if (agent->config.methods[i]->run)
			cause = agent->config.methods[i]->run(agent, m, w);
	return cause;
}

static enum mr_cause run(struct mr_agent *agent, struct mr_message *m, struct mr_wr *w)
{
	if (agent->port.operation)
		agent->port.operation(agent->port.ctx, m->operation);
	switch ((enum mr_operation)m->operation) {
	case MR_OP_STATUS: return on_status(agent, m, w);
	case MR_OP_SELFTEST: return on_selftest(agent, m, w);
	case MR_OP_KEY: return on_key(agent, m, w);
	case MR_OP_IDENTITY: return on_identity(agent, m, w);
	case MR_OP_CREDENTIALS: return m->has[MR_AT_ISSUE] ? on_issue(agent, m, w) : on_credentials(agent, m, w);
	case MR_OP_COMMIT: return on_commit(agent, m, w);
	case MR_OP_VERIFY: return on_verify(agent, m, w);
	case MR_OP_SEAL: return on_seal(agent, m, w);
	case MR_OP_FINISH: return on_finish(agent, m, w);
	case MR_OP_NETWORKS:
	case MR_OP_JOIN: return run_elsewhere(agent, m, w);
	}
	return MR_CAUSE_BAD_REQUEST;
}

/* A refusal carries its cause only; a self-test that failed carries its items as well. */
static bool carries_values(enum mr_cause cause) { return cause == MR_CAUSE_OK || cause == MR_CAUSE_SELFTEST_FAILED; }

void mr_operation_run(struct mr_agent *agent, struct mr_rd request, struct mr_wr *w)
{
	uint64_t from_us = agent->port.now_us(agent->port.ctx), busy_us;
	enum mr_cause cause = MR_CAUSE_BAD_REQUEST;
	struct mr_message m;

	if (mr_message_parse(request, &m) && !m.response)
		cause = run(agent, &m, w);
	if (w->bad)
		cause = MR_CAUSE_TOO_LONG;
	if (!carries_values(cause))
		mr_operation_answer(agent, &m, w);
	busy_us = agent->port.now_us(agent->port.ctx) - from_us;
	mr_response_end(w, (uint16_t)cause, busy_us < UINT32_MAX ? (uint32_t)busy_us : UINT32_MAX);
}
