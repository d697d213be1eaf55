#include "station/identity/signer_desk.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "agent/wire/cause.h"
#include "station/identity/private.h"

void signer_desk_init(struct signer_desk *desk) { *desk = (struct signer_desk){ .identity = NULL }; }

void signer_desk_wipe(struct signer_desk *desk)
{
	if (desk->simulated)
		entropy_lend_to_openssl(NULL);
	if (desk->signer)
		desk->signer->close(desk->signer);
	identity_close(desk->identity);
	for (size_t i = 0; i < SIGNER_CHANNELS; i++)
		entropy_destroy(desk->entropy[i]);
	signer_desk_init(desk);
}

/* --- setting up --- */

struct set_up {
	char dir[PATH_MAX], label[96];
	int64_t utc_us;
	uint64_t seed;
};

/* An empty text is none, but for the common name. */
static bool read_set_up(struct signer_desk *desk, struct mr_rd in, struct set_up *set_up)
{
	signer_get_text(&in, set_up->dir, sizeof(set_up->dir));
	set_up->utc_us = (int64_t)mr_rd_le64(&in);
	signer_get_text(&in, desk->organization, sizeof(desk->organization));
	signer_get_text(&in, desk->common_name, sizeof(desk->common_name));
	signer_get_text(&in, desk->hw_type_oid, sizeof(desk->hw_type_oid));
	desk->profile = (struct identity_profile){
		.organization = desk->organization[0] ? desk->organization : NULL,
		.common_name = desk->common_name,
		.hw_type_oid = desk->hw_type_oid[0] ? desk->hw_type_oid : NULL,
		.validity_s = (int64_t)mr_rd_le64(&in),
		.subject_key_identifier = mr_rd_u8(&in) != 0,
	};
	signer_get_text(&in, desk->product, sizeof(desk->product));
	desk->simulated = mr_rd_u8(&in) != 0;
	set_up->seed = mr_rd_le64(&in);
	signer_get_text(&in, set_up->label, sizeof(set_up->label));
	return !in.bad && in.left == 0;
}

static bool open_entropy(struct signer_desk *desk, const struct set_up *set_up)
{
	char label[sizeof(set_up->label) + 24];
	bool ok = true;

	for (size_t i = 0; i < SIGNER_CHANNELS; i++) {
		(void)snprintf(label, sizeof(label), "signer %zu, %s", i, set_up->label);
		desk->entropy[i] = desk->simulated ? entropy_create_seeded(set_up->seed, label)
						   : entropy_create_kernel();
		ok = ok && desk->entropy[i];
	}
	return ok;
}

static int set_up(struct signer_desk *desk, struct mr_rd in, struct mr_wr *out, char *error, size_t error_len)
{
	struct set_up set_up;
	const char *wrong;
	int result;

	if (desk->identity)
		return -MR_CAUSE_OUT_OF_ORDER;
	if (!read_set_up(desk, in, &set_up))
		return -MR_CAUSE_BAD_REQUEST;
	wrong = identity_profile_wrong(&desk->profile);
	if (wrong) {
		(void)snprintf(error, error_len, "the job's certificate: %s", wrong);
		return -MR_CAUSE_BAD_REQUEST;
	}
	if (!open_entropy(desk, &set_up))
		return -MR_CAUSE_NO_MEMORY;
	result = identity_open_secrets(&desk->identity, set_up.dir, set_up.utc_us, error, error_len);
	if (result != 0)
		return result;
	desk->signer = signer_create_file(desk->identity);
	if (!desk->signer)
		return -MR_CAUSE_NO_MEMORY;
	signer_put_text(out, desk->identity->kek_id);
	signer_put_text(out, desk->identity->record_key_id);
	mr_wr_bytes(out, desk->identity->station_public, 32);
	return 0;
}

/* --- the kinds --- */

struct signature {
	uint8_t *at;
	size_t len;
	int result;
};

static void on_signed(void *ctx, int result, const uint8_t *sig, size_t sig_len)
{
	struct signature *signature = ctx;

	signature->result = result;
	signature->len = result == 0 ? sig_len : 0;
	mr_copy(signature->at, sig, signature->len);
}

static int certificate(struct signer_desk *desk, struct mr_rd in, struct mr_wr *out)
{
	uint8_t sig[SIGNATURE_MAX] = { 0 };
	struct signature signature = { .at = sig };
	int result;

	if (in.left > IDENTITY_CERT_MAX || !identity_tbs_fits(desk->identity, &desk->profile, in.at, in.left))
		return -MR_CAUSE_BAD_REQUEST;
	result = desk->signer->sign(desk->signer, in.at, in.left, on_signed, &signature);
	if (result == 0)
		result = signature.result;
	if (result == 0)
		mr_wr_bytes(out, sig, signature.len);
	return result;
}

static int sign_record(struct signer_desk *desk, struct mr_rd in, struct mr_wr *out)
{
	uint8_t hash[32], sig[SIGNATURE_MAX] = { 0 };
	size_t len = 0;
	int result;

	mr_rd_copy(&in, hash, sizeof(hash));
	if (in.bad || in.left > 0)
		return -MR_CAUSE_BAD_REQUEST;
	result = identity_sign_record(desk->identity, hash, sig, &len);
	mr_wr_bytes(out, sig, len);
	return result;
}

/* Product, serial number and the rest; the product is the job's. */
static bool read_unit(const struct signer_desk *desk, struct mr_rd *in, char serial[static IDENTITY_SERIAL_MAX + 1])
{
	char product[sizeof(desk->product)];

	signer_get_text(in, product, sizeof(product));
	signer_get_text(in, serial, IDENTITY_SERIAL_MAX + 1);
	return !in->bad && strcmp(product, desk->product) == 0;
}

static int seal(struct signer_desk *desk, struct mr_rd in, struct mr_wr *out)
{
	char serial[IDENTITY_SERIAL_MAX + 1], pin[IDENTITY_PIN_MAX];
	uint8_t sealed[PIN_SEALED_MAX] = { 0 };
	size_t len = 0;
	int result = -MR_CAUSE_BAD_REQUEST;
	bool ok = read_unit(desk, &in, serial);

	signer_get_text(&in, pin, sizeof(pin));
	if (ok && !in.bad && in.left == 0)
		result = pin_seal(desk->identity, desk->entropy[SIGNER_LINE], desk->product, serial, pin, sealed, &len);
	mr_wr_bytes(out, sealed, len);
	OPENSSL_cleanse(pin, sizeof(pin));
	return result;
}

static int open_pin(struct signer_desk *desk, struct mr_rd in, struct mr_wr *out)
{
	char serial[IDENTITY_SERIAL_MAX + 1], pin[IDENTITY_PIN_MAX] = "";
	int result = -MR_CAUSE_BAD_REQUEST;

	if (read_unit(desk, &in, serial))
		result = pin_open(desk->identity, desk->product, serial, in.at, in.left, pin);
	mr_wr_bytes(out, pin, strlen(pin));
	OPENSSL_cleanse(pin, sizeof(pin));
	return result;
}

static int lookup(struct signer_desk *desk, struct mr_rd in, struct mr_wr *out)
{
	char product[sizeof(desk->product)], pin[IDENTITY_PIN_MAX];
	int result = -MR_CAUSE_BAD_REQUEST;
	uint8_t value[32];

	signer_get_text(&in, product, sizeof(product));
	signer_get_text(&in, pin, sizeof(pin));
	if (!in.bad && in.left == 0 && strcmp(product, desk->product) == 0)
		result = pin_lookup(desk->identity, product, pin, value);
	if (result == 0)
		mr_wr_bytes(out, value, sizeof(value));
	OPENSSL_cleanse(pin, sizeof(pin));
	return result;
}

static int digest(struct signer_desk *desk, struct mr_rd in, struct mr_wr *out)
{
	uint8_t value[32];
	int result;

	if (in.left > SIGNER_TEXT_MAX)
		return -MR_CAUSE_TOO_LONG;
	result = pin_label_digest(desk->identity, (const char *)in.at, in.left, value);
	if (result == 0)
		mr_wr_bytes(out, value, sizeof(value));
	return result;
}

static int agree(struct signer_desk *desk, struct mr_rd in, struct mr_wr *out)
{
	uint8_t peer[32], shared[32];
	int result = -MR_CAUSE_BAD_REQUEST;

	mr_rd_copy(&in, peer, sizeof(peer));
	if (!in.bad && in.left == 0)
		result = identity_agree(desk->identity, peer, shared);
	if (result == 0)
		mr_wr_bytes(out, shared, sizeof(shared));
	mr_wipe(shared, sizeof(shared));
	return result;
}

static const struct {
	enum signer_channel channel;
	int (*fn)(struct signer_desk *desk, struct mr_rd in, struct mr_wr *out);
} kinds[] = {
	[SIGNER_SEAL] = { SIGNER_LINE, seal },
	[SIGNER_OPEN] = { SIGNER_LINE, open_pin },
	[SIGNER_LOOKUP] = { SIGNER_LINE, lookup },
	[SIGNER_DIGEST] = { SIGNER_LINE, digest },
	[SIGNER_AGREE] = { SIGNER_LINE, agree },
	[SIGNER_CERTIFICATE] = { SIGNER_CERTIFICATES, certificate },
	[SIGNER_SIGN_RECORD] = { SIGNER_RECORD, sign_record },
};

/* --- each key once --- */

struct probe {
	struct signer signer; /* first: the seam */
	struct signer_desk *desk;
};

static int sign_probe(struct signer *signer, const uint8_t *tbs, size_t len, signer_done_fn *done, void *ctx)
{
	struct signer_desk *desk = ((struct probe *)signer)->desk;

	if (!identity_tbs_fits(desk->identity, &desk->profile, tbs, len))
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	return desk->signer->sign(desk->signer, tbs, len, done, ctx);
}

static void on_issued(void *ctx, int result, const struct identity_certificate *issued)
{
	(void)issued;
	*(bool *)ctx = result == 0;
}

bool signer_desk_try(struct signer_desk *desk)
{
	struct probe probe = { .signer = { .sign = sign_probe }, .desk = desk };
	struct identity_csr csr = { .public_key = { 4 } };
	uint8_t sealed[PIN_SEALED_MAX], sig[SIGNATURE_MAX];
	struct entropy *entropy = desk->entropy[SIGNER_LINE];
	char pin[IDENTITY_PIN_MAX];
	bool issued = false;
	size_t len = 0;

	assert(desk->signer);
	if (desk->simulated)
		entropy_lend_to_openssl(entropy);
	return identity_issue(desk->identity, &probe.signer, entropy, &desk->profile, &csr, "TRIAL",
			      desk->identity->not_before_us, on_issued, &issued) == 0 &&
	       issued && identity_sign_record(desk->identity, csr.spki_sha256, sig, &len) == 0 &&
	       pin_seal(desk->identity, entropy, desk->product, "TRIAL", "48151623", sealed, &len) == 0 &&
	       pin_open(desk->identity, desk->product, "TRIAL", sealed, len, pin) == 0;
}

/* --- */

static int serve(struct signer_desk *desk, enum signer_channel channel, uint8_t kind, struct mr_rd in,
		 struct mr_wr *out, char *error, size_t error_len)
{
	if (kind == SIGNER_SET_UP && channel == SIGNER_LINE)
		return set_up(desk, in, out, error, error_len);
	if (kind >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[kind].fn || kinds[kind].channel != channel)
		return -MR_CAUSE_BAD_REQUEST;
	if (!desk->signer)
		return -MR_CAUSE_OUT_OF_ORDER;
	if (desk->simulated)
		entropy_lend_to_openssl(desk->entropy[channel]);
	return kinds[kind].fn(desk, in, out);
}

bool signer_desk_answer(struct signer_desk *desk, enum signer_channel channel, struct mr_rd request,
			struct mr_wr *answer)
{
	char error[SIGNER_SENTENCE_MAX] = "";
	struct signer_head head;
	struct mr_wr body;
	int result;

	assert(channel < SIGNER_CHANNELS && answer->len == 0 && answer->cap >= SIGNER_MESSAGE_MAX);
	if (!signer_get_head(&request, &head))
		return false;
	signer_put_answer(answer, &head);
	body = *answer;
	result = serve(desk, channel, head.kind, request, &body, error, sizeof(error));
	if (result == 0) {
		*answer = body;
	} else {
		head.cause = (uint16_t)-result;
		answer->len = 0;
		signer_put_answer(answer, &head);
		signer_put_text(answer, error[0] ? error : mr_cause_sentence(-result));
	}
	assert(!answer->bad);
	return true;
}
