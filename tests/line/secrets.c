/*
 * What a session knew is gone when it is over, whatever ended it, on the station's side and on the device's: nothing of
 * its keys, of what was typed or printed, is in the writable memory of the process, whether that is in use or was given
 * back. What lives longer has its place and no other: keys of the factory, passphrases of networks and labels.
 *
 * Nobody has to tell this test of a new secret: it stands between the program and its cryptography, and whatever is
 * used there as a key or comes out as one is on its list.
 *
 * links: tests/support/secrets.c
 * wraps: mr_hkdf_sha256 mr_hmac_sha256 mr_x25519 mr_x25519_public mr_aes_gcm_seal mr_aes_gcm_open mr_p256_public
 * wraps: mr_p256_sign mr_p256_mul mr_p256_muladd mr_noise_write_1 mr_noise_read_1 mr_noise_write_2 mr_noise_read_2
 * wraps: mr_spake2plus_prover_finish mr_spake2plus_verifier_finish wpa_psk wpa_ptk eapol_put_gtk aes_cmac aes_wrap
 * wraps: aes_unwrap aes_ccm_seal aes_ccm_open PKCS5_PBKDF2_HMAC SSL_CTX_new pin_generate pin_open pin_seal pin_lookup
 * wraps: mr_pin_share pin_prover_text wpa_sta_receive wpa_ap_receive pin_session_take
 * wraps: pin_verifier pin_prover_scalars job_passphrase roster_simulated identity_open device_create session_create
 * wraps: line_check
 */
#include "tests/line/hall.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "agent/core/pin.h"
#include "agent/port/crypto.h"
#include "agent/wire/frame.h"
#include "agent/wire/hkdf.h"
#include "agent/wire/noise.h"
#include "agent/wire/spake2plus.h"
#include "station/identity/private.h"
#include "station/line/session.h"
#include "station/line/units.h"
#include "station/link/pin_session.h"
#include "station/method/access_point.h"
#include "station/wifi/aes.h"
#include "station/wifi/wpa.h"
#include "station/world/device.h"
#include "tests/support/secrets.h"

#define VIA(method) "{method: " method ", ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}"
#define PINNED                                                                                                         \
	"{method: https, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\", certificate: pinned}}"

#define DEVICES 3
/* After the last session its device closes, too: that under a PIN after 120 s without a request. */
#define APART_US 40000000u
#define APART_PIN_US 150000000u
#define HOMES_MAX 4096
#define LEAKS_MAX 12 /* that are told of each run */

#if defined(__SANITIZE_ADDRESS__)
#define CAN_LOOK false /* it keeps what was given back, and has more mapped than anybody could look through */
#else
#define CAN_LOOK true
#endif

/* What goes on, for the functions that stand in between. One run at a time, in one thread. */
static struct {
	bool listening;
	struct line *line;
	struct device *devices[DEVICES];
	size_t device_count;
	unsigned turn; /* sessions so far: what is noted is of this one */
	bool open, begun, looked_at_home;
	size_t sessions; /* after the last turn */
	uint64_t over_us, apart_us;
	const char *method, *end;
	uintptr_t homes[HOMES_MAX]; /* where OF_RUN was before the first session */
	size_t home_count;
	unsigned leaks, looks;
	bool stop, noted; /* noted: in this turn */
} now;

static void note(const char *what, const void *at, size_t len)
{
	now.noted = true;
	if (now.listening)
		secrets_note(what, at, len, now.turn ? SECRET_OF_SESSION : SECRET_OF_RUN, now.turn);
}

static void note_of_run(const char *what, const void *at, size_t len)
{
	now.noted = true;
	if (now.listening)
		secrets_note(what, at, len, SECRET_OF_RUN, now.turn);
}

/* OpenSSL's numbers have their least significant octet first. */
static void note_number(const char *what, const uint8_t at[static 32])
{
	uint8_t turned[32];

	for (int i = 0; i < 32; i++)
		turned[i] = at[31 - i];
	note(what, at, 32);
	note(what, turned, 32);
	mr_wipe(turned, sizeof(turned));
}

static void leak(void *ctx, const struct secret_found *f);

/* Behind a function of ours that has made or used keys: it has wiped what it needed. Its caller's own are above. */
static void nothing_below(const char *of)
{
	if (now.listening)
		secrets_look_below(leak, (void *)(uintptr_t)of);
}

/* --- between the program and its cryptography --- */

#define BETWEEN(result, name, ...)                                                                                     \
	result __real_##name(__VA_ARGS__);                                                                             \
	result __wrap_##name(__VA_ARGS__);                                                                             \
	result __wrap_##name(__VA_ARGS__)

BETWEEN(bool, mr_hkdf_sha256, const void *salt, size_t salt_len, const void *ikm, size_t ikm_len, const void *info,
	size_t info_len, uint8_t *out, size_t len)
{
	bool ok = __real_mr_hkdf_sha256(salt, salt_len, ikm, ikm_len, info, info_len, out, len);
	nothing_below("behind mr_hkdf_sha256");
	bool binding = info_len >= 7 && memcmp((const char *)info + info_len - 7, "binding", 7) == 0;

	if (!salt) /* else it is Noise's, which mixes public keys in, too */
		note("what a key is derived from", ikm, ikm_len);
	for (size_t i = 0; !binding && len >= 16 && i < len; i += 32)
		note("a derived key", out + i, len - i < 32 ? len - i : 32);
	return ok;
}

BETWEEN(bool, mr_hmac_sha256, const void *key, size_t key_len, const void *bytes, size_t len, uint8_t out[static 32])
{
	if (key_len == 32 && memcmp(key, MR_NOISE_NAME, 32) != 0)
		note("a key of HMAC", key, key_len);
	return __real_mr_hmac_sha256(key, key_len, bytes, len, out);
}

BETWEEN(bool, mr_x25519, const uint8_t priv[static 32], const uint8_t peer[static 32], uint8_t out[static 32])
{
	bool ok = __real_mr_x25519(priv, peer, out);

	note("a private key of X25519", priv, 32);
	note("what X25519 agreed on", out, 32);
	return ok;
}

BETWEEN(bool, mr_x25519_public, const uint8_t priv[static 32], uint8_t pub[static 32])
{
	note("a private key of X25519", priv, 32);
	return __real_mr_x25519_public(priv, pub);
}

BETWEEN(bool, mr_aes_gcm_seal, const uint8_t key[static 32], const uint8_t iv[static 12], const void *ad, size_t ad_len,
	const void *in, size_t len, uint8_t *out)
{
	note("a key of AES-GCM", key, 32);
	return __real_mr_aes_gcm_seal(key, iv, ad, ad_len, in, len, out);
}

BETWEEN(bool, mr_aes_gcm_open, const uint8_t key[static 32], const uint8_t iv[static 12], const void *ad, size_t ad_len,
	const void *in, size_t len, uint8_t *out)
{
	note("a key of AES-GCM", key, 32);
	return __real_mr_aes_gcm_open(key, iv, ad, ad_len, in, len, out);
}

BETWEEN(bool, mr_p256_public, const uint8_t priv[static 32], uint8_t pub[static 65])
{
	note_number("a private key of P-256", priv);
	return __real_mr_p256_public(priv, pub);
}

BETWEEN(bool, mr_p256_sign, const uint8_t priv[static 32], const uint8_t digest[static 32], uint8_t sig[static 64])
{
	note_number("a private key of P-256", priv);
	return __real_mr_p256_sign(priv, digest, sig);
}

BETWEEN(bool, mr_p256_mul, const uint8_t point[static 65], const uint8_t scalar[static 32], uint8_t out[static 65])
{
	bool ok = __real_mr_p256_mul(point, scalar, out);

	note_number("a scalar of SPAKE2+", scalar);
	note("Z or V of SPAKE2+", out + 1, 64);
	return ok;
}

BETWEEN(bool, mr_p256_muladd, const uint8_t a[static 65], const uint8_t x[static 32], const uint8_t *b,
	const uint8_t y[static 32], uint8_t out[static 65])
{
	note_number("a scalar of SPAKE2+", x);
	note_number("a scalar of SPAKE2+", y);
	return __real_mr_p256_muladd(a, x, b, y, out);
}

static void note_noise(const struct mr_noise *s, const struct mr_noise_keys *keys)
{
	note("the chaining key of Noise", s->ck, 32);
	note("the key of Noise's handshake", s->k, 32);
	if (keys) {
		note("a key of the session", keys->to_station, 32);
		note("a key of the session", keys->to_device, 32);
	}
}

BETWEEN(bool, mr_noise_write_1, struct mr_noise *s, const uint8_t psk[static 32], const uint8_t e[static 32],
	const uint8_t rs[static 32], struct mr_rd payload, struct mr_wr *out)
{
	bool ok = __real_mr_noise_write_1(s, psk, e, rs, payload, out);

	nothing_below("behind mr_noise_write_1");
	note_noise(s, NULL);
	return ok;
}

BETWEEN(bool, mr_noise_read_1, struct mr_noise *s, const uint8_t psk[static 32], const uint8_t s_priv[static 32],
	struct mr_rd in, struct mr_wr *payload)
{
	bool ok = __real_mr_noise_read_1(s, psk, s_priv, in, payload);

	nothing_below("behind mr_noise_read_1");
	if (ok)
		note_noise(s, NULL);
	return ok;
}

BETWEEN(bool, mr_noise_write_2, struct mr_noise *s, const uint8_t e[static 32], struct mr_rd payload, struct mr_wr *out,
	struct mr_noise_keys *keys)
{
	bool ok = __real_mr_noise_write_2(s, e, payload, out, keys);

	nothing_below("behind mr_noise_write_2");
	note_noise(s, keys);
	return ok;
}

BETWEEN(bool, mr_noise_read_2, struct mr_noise *s, struct mr_rd in, struct mr_wr *payload, struct mr_noise_keys *keys)
{
	bool ok = __real_mr_noise_read_2(s, in, payload, keys);

	nothing_below("behind mr_noise_read_2");
	if (ok)
		note_noise(s, keys);
	return ok;
}

BETWEEN(bool, mr_spake2plus_prover_finish, const struct mr_spake2plus_names *names, const uint8_t w0[static 32],
	const uint8_t w1[static 32], const uint8_t x[static 32], const uint8_t share_p[static 65],
	const uint8_t share_v[static 65], struct mr_spake2plus_keys *keys)
{
	bool ok = __real_mr_spake2plus_prover_finish(names, w0, w1, x, share_p, share_v, keys);

	nothing_below("behind mr_spake2plus_prover_finish");
	note("K_shared of SPAKE2+", keys->shared, 32);
	return ok;
}

BETWEEN(bool, mr_spake2plus_verifier_finish, const struct mr_spake2plus_names *names, const uint8_t w0[static 32],
	const uint8_t l[static 65], const uint8_t y[static 32], const uint8_t share_p[static 65],
	const uint8_t share_v[static 65], struct mr_spake2plus_keys *keys)
{
	bool ok = __real_mr_spake2plus_verifier_finish(names, w0, l, y, share_p, share_v, keys);

	nothing_below("behind mr_spake2plus_verifier_finish");
	note("K_shared of SPAKE2+", keys->shared, 32);
	return ok;
}

BETWEEN(bool, wpa_psk, const char *passphrase, const uint8_t *ssid, size_t ssid_len, uint8_t psk[static 32])
{
	bool ok = __real_wpa_psk(passphrase, ssid, ssid_len, psk);

	note_of_run("a PSK", psk, 32);
	return ok;
}

BETWEEN(int, PKCS5_PBKDF2_HMAC, const char *pass, int pass_len, const unsigned char *salt, int salt_len, int rounds,
	const EVP_MD *digest, int len, unsigned char *out)
{
	int ok = __real_PKCS5_PBKDF2_HMAC(pass, pass_len, salt, salt_len, rounds, digest, len, out);

	if (len == 32)
		note_of_run("a PSK", out, 32);
	else
		note("what a PIN was stretched to", out, (size_t)len);
	return ok;
}

BETWEEN(bool, wpa_ptk, uint8_t akm, const uint8_t pmk[static 32], const uint8_t aa[static 6],
	const uint8_t spa[static 6], const uint8_t anonce[static 32], const uint8_t snonce[static 32],
	struct wpa_ptk *out)
{
	bool ok = __real_wpa_ptk(akm, pmk, aa, spa, anonce, snonce, out);

	nothing_below("behind wpa_ptk");
	note_of_run("a PSK", pmk, 32);
	note("a KCK", out->kck, 16);
	note("a KEK", out->kek, 16);
	note("a TK", out->tk, 16);
	return ok;
}

BETWEEN(int, wpa_sta_receive, struct wpa_sta *w, struct mr_rd pdu, struct mr_wr *answer)
{
	int event = __real_wpa_sta_receive(w, pdu, answer);

	nothing_below("behind wpa_sta_receive");
	return event;
}

BETWEEN(int, wpa_ap_receive, struct wpa_ap *w, struct mr_rd pdu, struct mr_wr *out, uint64_t now_us)
{
	int event = __real_wpa_ap_receive(w, pdu, out, now_us);

	nothing_below("behind wpa_ap_receive");
	return event;
}

BETWEEN(enum mr_pin_result, mr_pin_share, struct mr_agent *agent, const uint8_t theirs[static 65],
	uint8_t own[static 65], uint8_t confirm[static 32])
{
	enum mr_pin_result result = __real_mr_pin_share(agent, theirs, own, confirm);

	nothing_below("behind mr_pin_share");
	return result;
}

BETWEEN(int, pin_session_take, struct pin_session *p, unsigned status, struct mr_rd body)
{
	int result = __real_pin_session_take(p, status, body);

	nothing_below("behind pin_session_take");
	return result;
}

/* As long as its network is there, which is longer than a session. */
BETWEEN(void, eapol_put_gtk, struct mr_wr *w, uint8_t key_id, const uint8_t *gtk, size_t len)
{
	note_of_run("a GTK", gtk, len);
	__real_eapol_put_gtk(w, key_id, gtk, len);
}

BETWEEN(bool, aes_cmac, const uint8_t key[static 16], struct mr_rd a, struct mr_rd b, uint8_t out[static 16])
{
	note("a key of CMAC", key, 16);
	return __real_aes_cmac(key, a, b, out);
}

BETWEEN(bool, aes_wrap, const uint8_t kek[static 16], const uint8_t *plain, size_t len, uint8_t *wrapped)
{
	note("a KEK", kek, 16);
	return __real_aes_wrap(kek, plain, len, wrapped);
}

BETWEEN(bool, aes_unwrap, const uint8_t kek[static 16], const uint8_t *wrapped, size_t len, uint8_t *plain)
{
	note("a KEK", kek, 16);
	return __real_aes_unwrap(kek, wrapped, len, plain);
}

BETWEEN(bool, aes_ccm_seal, const uint8_t key[static 16], const uint8_t nonce[static 13], struct mr_rd ad,
	const uint8_t *in, size_t len, uint8_t *out)
{
	note("a TK", key, 16);
	return __real_aes_ccm_seal(key, nonce, ad, in, len, out);
}

BETWEEN(bool, aes_ccm_open, const uint8_t key[static 16], const uint8_t nonce[static 13], struct mr_rd ad,
	const uint8_t *in, size_t len, uint8_t *out)
{
	note("a TK", key, 16);
	return __real_aes_ccm_open(key, nonce, ad, in, len, out);
}

/* "LABEL RANDOM SECRET", the last two in hexadecimal. */
static void on_tls_secret(const SSL *ssl, const char *text)
{
	const char *hex = strrchr(text, ' ');
	uint8_t secret[64];
	size_t len = 0;

	(void)ssl;
	if (hex && OPENSSL_hexstr2buf_ex(secret, sizeof(secret), &len, hex + 1, '\0') == 1)
		note("a secret of TLS", secret, len);
	OPENSSL_cleanse(secret, sizeof(secret));
}

BETWEEN(SSL_CTX *, SSL_CTX_new, const SSL_METHOD *method)
{
	SSL_CTX *ctx = __real_SSL_CTX_new(method);

	SSL_CTX_set_keylog_callback(ctx, on_tls_secret);
	return ctx;
}

/* --- what people type, print and keep in files --- */

BETWEEN(void, pin_generate, struct entropy *entropy, const struct pin_policy *policy, char pin[static IDENTITY_PIN_MAX])
{
	__real_pin_generate(entropy, policy, pin);
	note("a PIN", pin, strlen(pin));
}

BETWEEN(int, pin_open, const struct identity *identity, const char *product, const char *serial, const uint8_t *sealed,
	size_t len, char pin[static IDENTITY_PIN_MAX])
{
	int result = __real_pin_open(identity, product, serial, sealed, len, pin);

	nothing_below("behind pin_open");
	note("a PIN", pin, result == 0 ? strlen(pin) : 0);
	return result;
}

BETWEEN(int, pin_seal, const struct identity *identity, struct entropy *entropy, const char *product,
	const char *serial, const char *pin, uint8_t out[static PIN_SEALED_MAX], size_t *len)
{
	int result = __real_pin_seal(identity, entropy, product, serial, pin, out, len);

	nothing_below("behind pin_seal");
	note("a PIN", pin, strlen(pin));
	return result;
}

BETWEEN(int, pin_lookup, const struct identity *identity, const char *product, const char *pin, uint8_t out[static 32])
{
	int result = __real_pin_lookup(identity, product, pin, out);

	nothing_below("behind pin_lookup");
	note("a PIN", pin, strlen(pin));
	return result;
}

BETWEEN(int, pin_prover_text, const char *pin, const char *serial, uint8_t text[static PIN_TEXT_MAX], size_t *len)
{
	note("a PIN", pin, strlen(pin));
	return __real_pin_prover_text(pin, serial, text, len);
}

BETWEEN(int, pin_prover_scalars, const uint8_t halves[static 80], uint8_t w0[static 32], uint8_t w1[static 32])
{
	int result = __real_pin_prover_scalars(halves, w0, w1);

	nothing_below("behind pin_prover_scalars");
	note_number("w0 of a PIN", w0);
	note_number("w1 of a PIN", w1);
	return result;
}

BETWEEN(int, pin_verifier, const char *pin, const char *serial, const uint8_t salt[static 16], uint32_t rounds,
	uint8_t w0[static 32], uint8_t l[static 65])
{
	int result = __real_pin_verifier(pin, serial, salt, rounds, w0, l);

	nothing_below("behind pin_verifier");
	note_number("w0 of a PIN", w0);
	return result;
}

BETWEEN(int, job_passphrase, const struct job *job, char out[static 65], char *error, size_t error_len)
{
	int result = __real_job_passphrase(job, out, error, error_len);

	nothing_below("behind job_passphrase");
	note_of_run("the network's passphrase", out, strlen(out));
	return result;
}

BETWEEN(struct roster *, roster_simulated, const char *product, uint64_t seed, size_t count)
{
	struct roster *roster = __real_roster_simulated(product, seed, count);

	for (size_t i = 0; i < count; i++) {
		const struct roster_row *row = roster_row(roster, i);

		note_of_run("a label's passphrase", row->passphrase, strlen(row->passphrase));
		note_of_run("a label's PIN", row->pin, strlen(row->pin));
	}
	return roster;
}

/* A private key of P-256 by its file: the number, and the lines of the text. */
static void note_key_file(const char *what, const char *dir, const char *name)
{
	char path[160], text[4096];
	size_t len;
	FILE *f;
	uint8_t octets[32];
	BIGNUM *d = NULL;
	BIO *in;
	EVP_PKEY *key;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	setbuf(f, NULL);
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = '\0';
	fclose(f);
	for (const char *line = strchr(text, '\n'); line && line[1] && line[1] != '-'; line = strchr(line + 1, '\n'))
		note_of_run(what, line + 1, strcspn(line + 1, "\n"));
	in = BIO_new_mem_buf(text, -1);
	key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	assert_int_equal(EVP_PKEY_get_bn_param(key, "priv", &d), 1);
	assert_int_equal(BN_bn2binpad(d, octets, 32), 32);
	note_number(what, octets);
	OPENSSL_cleanse(octets, sizeof(octets));
	BN_clear_free(d);
	EVP_PKEY_free(key);
	BIO_free(in);
	OPENSSL_cleanse(text, sizeof(text));
}

BETWEEN(int, identity_open, struct identity **out, const char *dir, const char *batch_key, int64_t utc_us, char *error,
	size_t error_len)
{
	int result = __real_identity_open(out, dir, batch_key, utc_us, error, error_len);
	uint8_t call_key[32], tag[8];

	assert_int_equal(result, 0);
	mr_batch_keys(identity_batch_key(*out), call_key, tag);
	note_of_run("the call key", call_key, 32);
	mr_wipe(call_key, sizeof(call_key));
	note_of_run("the batch key", identity_batch_key(*out), 32);
	note_of_run("the station's private key", (*out)->station_private, 32);
	note_key_file("the issuing CA's private key", dir, "issuing.key");
	note_key_file("the record's private key", dir, "record.key");
	return result;
}

/* --- looking --- */

static bool within(uintptr_t at, const void *from, size_t len)
{
	return at >= (uintptr_t)from && at - (uintptr_t)from < len;
}

/* What a device keeps: its flash and the image of it, the key of its TLS server, its config. */
static bool is_a_devices(uintptr_t at)
{
	for (size_t i = 0; i < now.device_count; i++) {
		const struct mr_agent *a = device_agent(now.devices[i]);

		if (within(at, a->store.image, a->store.len + MR_STORE_CHECKSUM_LEN) ||
		    within(at, &a->https, sizeof(a->https)) || within(at, a->call_key, sizeof(a->call_key)))
			return true;
	}
	return false;
}

static bool is_at_home(uintptr_t at)
{
	for (size_t i = 0; i < now.home_count; i++)
		if (now.homes[i] == at)
			return true;
	for (size_t i = 0; now.line && i < now.line->unit_count; i++)
		if (now.line->units[i]->way && within(at, now.line->units[i]->way, sizeof(struct access)))
			return true;
	return false;
}

/* These have homes that come and go with networks and their pools; the end of the run looks for them. */
static bool comes_and_goes(const char *what) { return strcmp(what, "a PSK") == 0 || strcmp(what, "a GTK") == 0; }

static void leak(void *ctx, const struct secret_found *f)
{
	if (strstr(f->where, ".simulated-flash"))
		return;
	/* The stack is nobody's home. */
	if (now.line && !strstr(f->where, "[stack]") &&
	    (is_a_devices(f->at) || (f->life == SECRET_OF_RUN && (comes_and_goes(f->what) || is_at_home(f->at)))))
		return;
	if (now.leaks++ < LEAKS_MAX)
		print_error("%s, %s, at %llu s, %s: %s of session %u: %s\n", now.method, now.end,
			    now.line ? (unsigned long long)loop_now_us(now.line->loop) / 1000000 : 0, (const char *)ctx,
			    f->what, f->turn, f->where);
}

static void home(void *ctx, const struct secret_found *f)
{
	(void)ctx;
	if (f->life != SECRET_OF_RUN || strstr(f->where, "[stack]"))
		return;
	assert_true(now.home_count < HOMES_MAX);
	now.homes[now.home_count++] = f->at;
}

static void look(const char *when)
{
	now.looks++;
	secrets_look(leak, (void *)(uintptr_t)when);
}

BETWEEN(struct device *, device_create, struct air *air, struct loop *loop, const struct device_config *config)
{
	struct device *device = __real_device_create(air, loop, config);

	assert_true(now.device_count < DEVICES);
	return now.devices[now.device_count++] = device;
}

BETWEEN(struct session *, session_create, struct line *line, struct unit *unit, uint8_t id[static 8])
{
	now.turn++;
	now.open = now.begun = true;
	return __real_session_create(line, unit, id);
}

/* After each turn of the loop: nothing of a secret is on the stack between two, in use or not, and nothing anywhere
 * when all is quiet. */
BETWEEN(void, line_check, const struct line *line)
{
	if (!now.looked_at_home) {
		now.line = (struct line *)(uintptr_t)line;
		now.looked_at_home = true;
		secrets_look(home, NULL);
	}
	if (line->session_count < now.sessions || (line->session_count == 0 && now.begun))
		now.over_us = loop_now_us(line->loop);
	if (now.noted)
		secrets_look_below(leak, (void *)(uintptr_t) "after a turn");
	now.noted = false;
	now.sessions = line->session_count;
	now.begun = false;
	if (now.open && line->session_count == 0 &&
	    loop_now_us(line->loop) >= now.over_us + now.apart_us - now.apart_us / 8) {
		now.open = false;
		look("when all was quiet");
	}
	if ((now.stop || loop_now_us(line->loop) >= (DEVICES + 1) * now.apart_us) && !line->stopping)
		line_stop(now.line, true);
	__real_line_check(line);
}

/* --- runs --- */

enum way { DIRECT = 1, WPA2 = 2, PIN = 4, TLS = 8, ALL = 15 };

struct end {
	const char *name, *faults;
	const char *stop_at; /* the run is stopped when the session has done this step */
	unsigned ways;	     /* that can end so */
	bool fatal;	     /* not all pass in the end */
};

static const struct end ends[] = {
	{ "pass", NULL, NULL, ALL, false },
	{ "self-test fails", "    - {kind: selftest, count: 2}\n", NULL, ALL, true },
	{ "device vanishes", "    - {kind: vanish, operation: credentials, count: 2}\n", NULL, ALL, true },
	{ "power cut", "    - {kind: power-cut, operation: key, count: 2, off: 300ms}\n", NULL, ALL, false },
	{ "flash fails", "    - {kind: storage, operation: credentials, count: 2}\n", NULL, ALL, true },
	{ "link is cut", "    - {kind: ap-deauth, operation: identity, count: 2}\n", NULL, WPA2 | PIN | TLS, false },
	{ "radio is lost", "    - {kind: radio-lost, after: 400ms, off: 3s}\n", NULL, ALL, false },
	{ "wrong secret", "    - {kind: wrong-secret, count: 2}\n", NULL, WPA2 | PIN, true },
	{ "network refuses", "    - {kind: no-join, count: 2}\n", NULL, WPA2 | PIN | TLS, true },
	{ "quarantine", "    - {kind: wrong-product, count: 2}\n", NULL, ALL, true },
	{ "stop at identity", NULL, "identity", ALL, true },
	{ "stop at credentials", NULL, "credentials", ALL, true },
};

static void stop_it(void *ctx, const struct line_event *event)
{
	const struct end *e = ctx;

	if (e->stop_at && event->kind == LINE_STEP && strcmp(event->step, e->stop_at) == 0)
		now.stop = true;
}

static void run_until(struct hall *hall, const char *method, const char *credentials, const struct end *e,
		      uint64_t seed)
{
	uint64_t apart_us = strcmp(method, "pin") == 0 ? APART_PIN_US : APART_US;
	struct batch_options o;
	struct run run;
	char arrival[16];

	snprintf(arrival, sizeof(arrival), "%llus", (unsigned long long)apart_us / 1000000);
	hall_job(hall, &run,
		 &(struct shape){ .devices = DEVICES,
				  .credentials = credentials,
				  .arrival = arrival,
				  .attempts = "2",
				  .faults = e->faults },
		 seed);
	memset(&now, 0, sizeof(now));
	now.method = method;
	now.end = e->name;
	now.apart_us = apart_us;
	secrets_forget();
	now.listening = true;
	o = hall_options(hall, &run);
	o.event = stop_it;
	o.stay = true;
	o.ctx = (void *)(uintptr_t)e;
	if (batch_run(&o, &run.result, run.error, sizeof(run.error)) != 0)
		fail_msg("%s", run.error);
	now.listening = false;
	now.line = NULL;
	look("when the run was over");
	if (!e->fatal && !e->stop_at)
		assert_int_equal(run.result.summary.passed, DEVICES);
	else
		assert_true(run.result.summary.passed < DEVICES);
	assert_true(secrets_count() > 20);
	assert_true(now.turn >= 1 && now.looks >= 1);
	hall_done(&run);
}

static void nothing_of_a_session_is_left(struct hall *hall, const char *method, const char *credentials, enum way way)
{
	uint64_t seed = hall_seed(100);
	unsigned leaks = 0;

	if (!CAN_LOOK)
		skip();

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (!(ends[i].ways & way))
			continue;
		run_until(hall, method, credentials, &ends[i], seed + i);
		leaks += now.leaks;
	}
	assert_int_equal(leaks, 0);
}

static void nothing_is_left_of_a_session_by_action_frames(void **state)
{
	nothing_of_a_session_is_left(*state, "direct", NULL, DIRECT);
}

static void nothing_is_left_of_a_session_behind_wpa2(void **state)
{
	nothing_of_a_session_is_left(*state, "micro-ap", VIA("micro-ap"), WPA2);
}

static void nothing_is_left_of_a_session_under_a_pin(void **state)
{
	nothing_of_a_session_is_left(*state, "pin", VIA("pin"), PIN);
}

static void nothing_is_left_of_a_session_under_tls(void **state)
{
	nothing_of_a_session_is_left(*state, "https", PINNED, TLS);
}

/* That the look finds what is there: in use, given back, below the stack's top; whole and by halves. */
static void __attribute__((noinline)) leave_on_stack(void)
{
	volatile char left[8192]; /* deep enough that who looks does not step on it */

	for (size_t i = 0; i < 32; i++)
		left[i] = "half of this is a secret, that is"[i];
	(void)left[0];
}

static void count_leak(void *ctx, const struct secret_found *f)
{
	(void)f;
	++*(unsigned *)ctx;
}

static void what_is_there_is_found(void **state)
{
	static char in_data[] = "a-secret-in-the-data-segment-0123";
	unsigned found = 0;
	char *heap;

	(void)state;
	if (!CAN_LOOK)
		skip();
	heap = malloc(64);
	secrets_forget();
	secrets_note("data", in_data, 32, SECRET_OF_RUN, 0);
	secrets_look(count_leak, &found);
	assert_int_equal(found, 2);
	memset(in_data, 0, 16);
	secrets_look(count_leak, &found);
	assert_int_equal(found, 3);
	memset(in_data, 0, sizeof(in_data));
	secrets_look(count_leak, &found);
	assert_int_equal(found, 3);
	assert_non_null(heap);
	for (int i = 0; i < 64; i++)
		heap[i] = (char)(i * 7 + 3);
	secrets_note("heap", heap + 32, 20, SECRET_OF_RUN, 0);
	free(heap);
	secrets_look(count_leak, &found);
	assert_true(found >= 5);
	{
		uint8_t text[16];

		for (int i = 0; i < 16; i++)
			text[i] = (uint8_t)("half of this is "[i]);
		secrets_forget();
		secrets_note("stack", text, 16, SECRET_OF_RUN, 0);
		mr_wipe(text, sizeof(text));
	}
	found = 0;
	leave_on_stack();
	secrets_look_below(count_leak, &found);
	assert_int_equal(found, 2);
	found = 0;
	secrets_look(count_leak, &found);
	assert_int_equal(found, 2);
}

static int begin(void **state)
{
	assert_true(mr_crypto_wipe_freed()); /* as main() does */
	secrets_begin();
	return hall_open(state);
}

static int end(void **state)
{
	secrets_end();
	return hall_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_is_found),
		cmocka_unit_test(nothing_is_left_of_a_session_by_action_frames),
		cmocka_unit_test(nothing_is_left_of_a_session_behind_wpa2),
		cmocka_unit_test(nothing_is_left_of_a_session_under_a_pin),
		cmocka_unit_test(nothing_is_left_of_a_session_under_tls),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
