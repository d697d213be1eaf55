/*
 * PINs: drawn, judged, sealed for the record, looked up, and turned into what a device may store.
 */
#include <assert.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <stdio.h>
#include <string.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "agent/wire/cursor.h"
#include "agent/wire/hkdf.h"
#include "agent/wire/wsc_pin.h"
#include "station/identity/identity.h"
#include "station/identity/keyfile.h"
#include "station/identity/private.h"

/* Octets: 256 bits and 64 more, so that the reduction shows no bias (RFC 9383 section 3.2). */
#define HALF 40

/* Each digit follows from the one before by the same step: 1234, 8901, 4321, 5555. */
static bool is_run(const char *pin, size_t len)
{
	int step = (pin[1] - pin[0] + 10) % 10;

	assert(len >= 2);
	if (step != 0 && step != 1 && step != 9)
		return false;
	for (size_t i = 2; i < len; i++)
		if ((pin[i] - pin[i - 1] + 10) % 10 != step)
			return false;
	return true;
}

/* 1212, 123123, 12341234 */
static bool repeats(const char *pin, size_t len)
{
	for (size_t period = 1; period <= len / 2; period++)
		if (len % period == 0 && memcmp(pin, pin + period, len - period) == 0)
			return true;
	return false;
}

/* 112233, 44332211: a run of doubled digits */
static bool is_doubled_run(const char *pin, size_t len)
{
	char half[IDENTITY_PIN_MAX];

	if (len % 2 != 0 || len / 2 >= sizeof(half))
		return false;
	for (size_t i = 0; i < len; i += 2) {
		if (pin[i] != pin[i + 1])
			return false;
		half[i / 2] = pin[i];
	}
	return is_run(half, len / 2);
}

bool pin_is_weak(const char *pin)
{
	/* 20202021: Matter's test code. 11223344 and its like are caught by rule; so is 12345670, the WPS
	 * default. */
	static const char *const published[] = { "20202021", "31415926", "314159", "27182818", "271828" };
	size_t len = strlen(pin);

	if (len < 6 || len >= IDENTITY_PIN_MAX)
		return true;
	for (size_t i = 0; i < len; i++)
		if (pin[i] < '0' || pin[i] > '9')
			return true;
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++)
		if (strcmp(pin, published[i]) == 0)
			return true;
	/* Without the last digit, too: it may be a checksum, as in 12345670. */
	return is_run(pin, len) || is_run(pin, len - 1) || repeats(pin, len) || is_doubled_run(pin, len);
}

void pin_generate(struct entropy *entropy, const struct pin_policy *policy, char pin[static IDENTITY_PIN_MAX])
{
	unsigned drawn = policy->wps_checksum ? policy->digits - 1 : policy->digits;
	uint64_t bound = 1;

	assert(policy->digits >= 6 && policy->digits < IDENTITY_PIN_MAX &&
	       (!policy->wps_checksum || policy->digits == 8));
	for (unsigned i = 0; i < drawn; i++)
		bound *= 10;
	/* The whole number is drawn at once: entropy_below rejects what would make some numbers likelier than
	 * others. */
	do {
		uint64_t number = entropy_below(entropy, bound);

		for (unsigned i = drawn; i > 0; i--) {
			pin[i - 1] = (char)('0' + number % 10);
			number /= 10;
		}
		if (policy->wps_checksum)
			pin[drawn] = mr_wsc_pin_check_digit(pin);
		pin[policy->digits] = '\0';
	} while (pin_is_weak(pin));
	assert(strlen(pin) == policy->digits);
}

bool pin_derive(const uint8_t pin_key[static 32], struct identity *identity)
{
	static const char seal[] = "millrace pin seal", lookup[] = "millrace pin lookup",
			  label[] = "millrace label digest", name[] = "millrace pin key id";
	uint8_t id[32];

	return mr_hkdf_sha256(NULL, 0, pin_key, 32, seal, sizeof(seal) - 1, identity->pin_seal_key, 32) &&
	       mr_hkdf_sha256(NULL, 0, pin_key, 32, lookup, sizeof(lookup) - 1, identity->pin_lookup_key, 32) &&
	       mr_hkdf_sha256(NULL, 0, pin_key, 32, label, sizeof(label) - 1, identity->label_key, 32) &&
	       mr_hkdf_sha256(NULL, 0, pin_key, 32, name, sizeof(name) - 1, id, sizeof(id)) &&
	       keyfile_id("pin-", id, sizeof(id), identity->kek_id);
}

static void put_text(struct mr_wr *out, const char *text)
{
	size_t len = strlen(text);

	if (len > UINT8_MAX) {
		out->bad = true;
		return;
	}
	mr_wr_u8(out, (uint8_t)len);
	mr_wr_bytes(out, text, len);
}

/* Kind, product and serial, each with its length: a sealed PIN opens for its own unit only. */
static struct mr_wr associated(uint8_t room[static 600], const char *product, const char *serial)
{
	struct mr_wr ad = mr_wr_over(room, 600);

	put_text(&ad, "pin");
	put_text(&ad, product);
	put_text(&ad, serial);
	return ad;
}

int pin_seal(const struct identity *identity, struct entropy *entropy, const char *product, const char *serial,
	     const char *pin, uint8_t out[static PIN_SEALED_MAX], size_t *len)
{
	uint8_t room[600];
	struct mr_wr ad = associated(room, product, serial);
	size_t pin_len = strlen(pin);

	assert(identity->kek_id[0] != '\0'); /* pin.key has been read */
	*len = 0;
	if (ad.bad || pin_len == 0 || pin_len >= IDENTITY_PIN_MAX)
		return -MR_CAUSE_TOO_LONG;
	if (identity->apart)
		return identity->apart->seal(identity->apart, product, serial, pin, out, len);
	entropy_fill(entropy, out, 12);
	if (!mr_aes_gcm_seal(identity->pin_seal_key, out, ad.buf, ad.len, pin, pin_len, out + 12))
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	*len = 12 + pin_len + 16;
	assert(*len < PIN_SEALED_MAX);
	return 0;
}

int pin_open(const struct identity *identity, const char *product, const char *serial, const uint8_t *sealed,
	     size_t len, char pin[static IDENTITY_PIN_MAX])
{
	uint8_t room[600], plain[IDENTITY_PIN_MAX];
	struct mr_wr ad = associated(room, product, serial);
	bool ok;

	assert(identity->kek_id[0] != '\0');
	pin[0] = '\0';
	if (ad.bad || len <= 12 + 16 || len >= PIN_SEALED_MAX)
		return -MR_CAUSE_DIGEST_MISMATCH;
	if (identity->apart)
		return identity->apart->open(identity->apart, product, serial, sealed, len, pin);
	ok = mr_aes_gcm_open(identity->pin_seal_key, sealed, ad.buf, ad.len, sealed + 12, len - 12, plain);
	if (ok) {
		mr_copy(pin, plain, len - 12 - 16);
		pin[len - 12 - 16] = '\0';
	}
	OPENSSL_cleanse(plain, sizeof(plain));
	return ok ? 0 : -MR_CAUSE_DIGEST_MISMATCH;
}

int pin_lookup(const struct identity *identity, const char *product, const char *pin, uint8_t out[static 32])
{
	uint8_t room[300 + IDENTITY_PIN_MAX];
	struct mr_wr text = mr_wr_over(room, sizeof(room));
	bool ok;

	assert(identity->kek_id[0] != '\0');
	if (identity->apart)
		return identity->apart->lookup(identity->apart, product, pin, out);
	put_text(&text, product);
	put_text(&text, pin);
	ok = !text.bad && mr_hmac_sha256(identity->pin_lookup_key, 32, text.buf, text.len, out);
	OPENSSL_cleanse(room, sizeof(room));
	if (!ok)
		mr_zero(out, 32);
	return ok ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

int pin_label_digest(const struct identity *identity, const char *text, size_t len, uint8_t out[static 32])
{
	assert(identity->kek_id[0] != '\0');
	if (identity->apart)
		return identity->apart->digest(identity->apart, text, len, out);
	if (mr_hmac_sha256(identity->label_key, 32, text, len, out))
		return 0;
	mr_zero(out, 32);
	return -MR_CAUSE_SIGNER_UNAVAILABLE;
}

/* RFC 9383 section 3.3: len(S) is eight octets, little-endian. */
static void put_counted(struct mr_wr *out, const char *text)
{
	size_t len = strlen(text);

	mr_wr_le64(out, len);
	mr_wr_bytes(out, text, len);
}

/* A half of the PBKDF's output, a big-endian number, modulo the group's order. */
static bool reduce(BIGNUM *w, const uint8_t half[static HALF], const BIGNUM *order, BN_CTX *ctx)
{
	BIGNUM *wide = BN_secure_new();
	bool ok = wide && BN_bin2bn(half, HALF, wide);

	if (ok) {
		BN_set_flags(wide, BN_FLG_CONSTTIME);
		ok = BN_mod(w, wide, order, ctx) == 1 && !BN_is_zero(w);
	}
	BN_clear_free(wide);
	return ok;
}

/* w0 and w1 from the two halves; L instead of w1 where `l` is wanted. */
static bool scalars_of(const uint8_t halves[static 2 * HALF], uint8_t w0[static 32], uint8_t *w1, uint8_t *l)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *a = BN_secure_new(), *b = BN_secure_new();
	EC_POINT *point = group ? EC_POINT_new(group) : NULL;
	bool ok = group && ctx && a && b && point;

	if (ok) {
		BN_set_flags(a, BN_FLG_CONSTTIME);
		BN_set_flags(b, BN_FLG_CONSTTIME);
	}
	ok = ok && reduce(a, halves, EC_GROUP_get0_order(group), ctx) &&
	     reduce(b, halves + HALF, EC_GROUP_get0_order(group), ctx) && BN_bn2binpad(a, w0, 32) == 32;
	if (ok && w1)
		ok = BN_bn2binpad(b, w1, 32) == 32;
	if (ok && l)
		ok = EC_POINT_mul(group, point, b, NULL, NULL, ctx) == 1 &&
		     EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, l, 65, ctx) == 65;
	EC_POINT_clear_free(point);
	BN_clear_free(a);
	BN_clear_free(b);
	BN_CTX_free(ctx);
	EC_GROUP_free(group);
	return ok;
}

int pin_prover_text(const char *pin, const char *serial, uint8_t text[static PIN_TEXT_MAX], size_t *len)
{
	struct mr_wr in = mr_wr_over(text, PIN_TEXT_MAX);

	put_counted(&in, pin);
	put_counted(&in, IDENTITY_PROVER);
	put_counted(&in, serial);
	*len = in.len;
	return in.bad ? -MR_CAUSE_TOO_LONG : 0;
}

int pin_prover_scalars(const uint8_t halves[static 80], uint8_t w0[static 32], uint8_t w1[static 32])
{
	static_assert(2 * HALF == 80, "identity.h says so");
	if (scalars_of(halves, w0, w1, NULL))
		return 0;
	ERR_clear_error();
	return -MR_CAUSE_SIGNER_UNAVAILABLE;
}

static int stretch(const char *pin, const char *serial, const uint8_t *salt, size_t salt_len, uint32_t iterations,
		   uint8_t w0[static 32], uint8_t *w1, uint8_t *l)
{
	uint8_t room[PIN_TEXT_MAX], halves[2 * HALF];
	size_t len = 0;
	bool ok;

	assert((w1 != NULL) != (l != NULL)); /* the prover's half or the verifier's, never both */
	if (pin_prover_text(pin, serial, room, &len) != 0 || iterations < IDENTITY_PIN_ITERATIONS_MIN ||
	    iterations > IDENTITY_PIN_ITERATIONS_MAX || salt_len < 16 || salt_len > 32)
		return -MR_CAUSE_TOO_LONG;
	ok = PKCS5_PBKDF2_HMAC((const char *)room, (int)len, salt, (int)salt_len, (int)iterations, EVP_sha256(),
			       sizeof(halves), halves) == 1 &&
	     scalars_of(halves, w0, w1, l);
	OPENSSL_cleanse(room, sizeof(room));
	OPENSSL_cleanse(halves, sizeof(halves));
	if (!ok) {
		OPENSSL_cleanse(w0, 32);
		if (w1)
			OPENSSL_cleanse(w1, 32);
		ERR_clear_error();
	}
	return ok ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

int pin_verifier(const char *pin, const char *serial, const uint8_t salt[static 16], uint32_t iterations,
		 uint8_t w0[static 32], uint8_t l[static 65])
{
	return stretch(pin, serial, salt, 16, iterations, w0, NULL, l);
}

int pin_prover(const char *pin, const char *serial, const uint8_t *salt, size_t salt_len, uint32_t iterations,
	       uint8_t w0[static 32], uint8_t w1[static 32])
{
	return stretch(pin, serial, salt, salt_len, iterations, w0, w1, NULL);
}
