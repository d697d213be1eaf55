/*
 * What a device says in the exchange of the PIN method, JSON or not, and what it claims to have sealed: refused, or the
 * next step. A device that has the PIN's verifier answers, too, as the script wants it: its true answers, or these with
 * octets changed. So the session opens if, and only if, the shares and confirmations were true, and then nothing is
 * unsealed that was not sealed with its key.
 *
 * Each step: a status, of which the bit 0x40 asks for the true answer; else a length and the octets. Then how many
 * octets of a true answer are changed, and which.
 *
 * links: station/link/pin_session.c station/wifi/psk.c station/base/map.c station/identity/pin.c
 * links: station/identity/identity.c station/identity/keyfile.c station/identity/ceremony.c
 * links: station/identity/certificate.c station/identity/serial.c station/identity/signer_file.c
 * links: agent/wire/cause.c station/base/entropy.c station/base/log.c station/base/loop.c agent/wire/message.c
 * links: agent/wire/spake2plus.c agent/wire/hkdf.c agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/port/crypto.h"
#include "agent/wire/hkdf.h"
#include "agent/wire/message.h"
#include "station/link/pin_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ROOM 2048u

static const char pin[] = "31946278", id[] = "0011223344556677";

/* The device's end. */
struct device {
	uint8_t salt[16], w0[32], l[65], y[32];
	struct mr_spake2plus_keys keys;
	uint8_t request_key[32], response_key[32];
	bool agreed, confirmed;
};

static struct device device;

static void hex(const uint8_t *octets, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", octets[i]);
}

static bool from_hex(struct mr_rd in, const char *name, uint8_t *out, size_t len)
{
	char digits[3] = "";
	unsigned octet;

	if (in.left != strlen(name) + 2 * len || !mr_equal(in.at, name, strlen(name)))
		return false;
	mr_rd_skip(&in, strlen(name));
	for (size_t i = 0; i < len; i++) {
		mr_rd_copy(&in, (uint8_t *)digits, 2);
		if (sscanf(digits, "%2x", &octet) != 1)
			return false;
		out[i] = (uint8_t)octet;
	}
	return true;
}

static size_t answer_share(struct mr_rd asked, char *out)
{
	static const char session[] = "millrace pin session";
	const struct mr_spake2plus_names names = { "millrace pin v1", "station", id, 15, 7, 16 };
	uint8_t theirs[65], own[65], both[64];
	char share[131], confirm[65];

	assert(from_hex(asked, "share=", theirs, 65));
	assert(mr_spake2plus_verifier_share(device.w0, device.y, own));
	assert(mr_spake2plus_verifier_finish(&names, device.w0, device.l, device.y, theirs, own, &device.keys));
	assert(mr_hkdf_sha256(NULL, 0, device.keys.shared, 32, session, sizeof(session) - 1, both, sizeof(both)));
	memcpy(device.request_key, both, 32);
	memcpy(device.response_key, both + 32, 32);
	hex(own, 65, share);
	hex(device.keys.own, 32, confirm);
	return (size_t)snprintf(out, ROOM, "{\"share\":\"%s\",\"confirm\":\"%s\"}", share, confirm);
}

/* What it says to what it was asked, truly. */
static size_t answer(const struct pin_session *p, struct mr_rd asked, char *out)
{
	uint8_t confirm[32];
	char salt[33];

	switch (p->step) {
	case PIN_SESSION_DEVICE:
		return (size_t)snprintf(out, ROOM, "{\"device_id\":\"%s\",\"product\":\"AC-100\",\"serial\":null}", id);
	case PIN_SESSION_SALT:
		hex(device.salt, 16, salt);
		return (size_t)snprintf(
			out, ROOM,
			"{\"salt\":\"%s\",\"iterations\":1000,\"tries_left\":10,\"locked\":false,\"retry_after_s\":0}",
			salt);
	case PIN_SESSION_SHARE: return answer_share(asked, out);
	case PIN_SESSION_CONFIRM:
		assert(from_hex(asked, "confirm=", confirm, 32));
		device.confirmed = mr_equal(confirm, device.keys.theirs, 32);
		assert(device.confirmed == device.agreed);
		return 0;
	case PIN_SESSION_OPEN: break;
	}
	return 0;
}

/* Is it another one afterwards? */
static bool change(struct mr_rd *in, uint8_t *octets, size_t len)
{
	unsigned count = mr_rd_u8(in) % 4u;
	uint8_t before[ROOM];

	memcpy(before, octets, len);
	for (unsigned i = 0; i < count && len > 0; i++) {
		size_t at = mr_rd_le16(in) % len;

		octets[at] ^= mr_rd_u8(in);
	}
	return !mr_equal(before, octets, len);
}

static int one_answer(struct pin_session *p, struct mr_rd *in)
{
	static const unsigned statuses[] = { 200, 403, 409, 423, 429, 501 };
	uint8_t room[ROOM], kind = mr_rd_u8(in);
	struct mr_wr body = mr_wr_over(room, sizeof(room));
	enum pin_session_step before = p->step;
	char text[ROOM];
	struct mr_rd said;
	bool is_true = false, asked = pin_session_ask(p, &body) && !body.bad;
	size_t most;
	int result;

	assert(asked);
	if (kind & 0x40) {
		size_t len = answer(p, mr_wr_written(&body), text);

		is_true = !change(in, (uint8_t *)text, len);
		said = mr_rd_over(text, len);
	} else {
		most = mr_rd_le16(in);
		said = mr_rd_sub(in, most < in->left ? most : in->left);
	}
	result = pin_session_take(p, statuses[(kind & 0x3f) % 6], said);
	assert(result <= 0 && (result < 0 || p->step == before + 1));
	assert(before != PIN_SESSION_SHARE || result < 0 || (kind & 0x40)); /* else it knows the PIN */
	if (before == PIN_SESSION_SHARE)
		device.agreed = result == 0;
	if (is_true && (kind & 0x3f) % 6 == 0)
		assert(result == 0 || before == PIN_SESSION_SHARE); /* after a salt or an id that is another */
	return result;
}

static void one_operation(struct pin_session *p, struct mr_rd *in)
{
	static const uint8_t request[] = "a request with a passphrase in it", response[] = "and what the device says";
	uint8_t sealed[ROOM], plain[ROOM], iv[12] = { 0 };
	struct mr_wr w = mr_wr_over(sealed, sizeof(sealed)), out = mr_wr_over(plain, sizeof(plain));
	bool changed;

	assert(pin_session_seal(p, mr_rd_over(request, sizeof(request)), &w) && !w.bad);
	memcpy(iv + 4, sealed, 8);
	assert(mr_aes_gcm_open(device.request_key, iv, "request", 7, sealed + 8, w.len - 8, plain));
	assert(mr_equal(plain, request, sizeof(request)));
	assert(mr_aes_gcm_seal(device.response_key, iv, "response", 8, response, sizeof(response), sealed + 8));
	changed = change(in, sealed, 8 + sizeof(response) + 16);
	assert(pin_session_unseal(p, mr_rd_over(sealed, 8 + sizeof(response) + 16), &out) == !changed);
	assert(changed || mr_equal(plain, response, sizeof(response)));
	assert(!pin_session_unseal(p, *in, &out));
}

static void make_device(void)
{
	memset(device.salt, 0x5a, sizeof(device.salt));
	memset(device.y, 0x11, sizeof(device.y));
	assert(pin_verifier(pin, "", device.salt, 1000, device.w0, device.l) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct entropy *entropy = entropy_create_seeded(1, "fuzz");
	struct mr_rd in = mr_rd_over(data, len);
	struct pin_session p;
	int result = 0;

	if (!device.w0[0] && !device.w0[1])
		make_device();
	device.agreed = device.confirmed = false;
	pin_session_init(&p, pin, entropy);
	pin_session_issued(&p, "AC10000001", "82940175");
	while (result == 0 && in.left > 0 && p.step != PIN_SESSION_OPEN)
		result = one_answer(&p, &in);
	assert(p.step != PIN_SESSION_OPEN || device.agreed);
	while (p.step == PIN_SESSION_OPEN && in.left > 0)
		one_operation(&p, &in);
	pin_session_wipe(&p);
	entropy_destroy(entropy);
	return 0;
}
