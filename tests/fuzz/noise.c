/*
 * Any octets as handshake messages and as a sealed fragment. First octet: which, and where a true message is changed
 * instead. Nothing but the true message may be accepted.
 *
 * links: agent/wire/noise.c agent/wire/hkdf.c agent/port/linux/crypto_openssl.c
 */
#include <assert.h>
#include <string.h>

#include "agent/port/crypto.h"
#include "agent/wire/noise.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define CAP 2048

static const uint8_t psk[32] = { 1 }, s_priv[32] = { 2 }, e_device[32] = { 3 }, e_station[32] = { 4 };
static const uint8_t prologue[MR_PROLOGUE_LEN] = { 5 };

/* What the fuzzer wants read: its own octets, or the true message with its octets laid over by exclusive or. */
static size_t altered(const uint8_t *bytes, size_t len, bool over, const struct mr_wr *truth, uint8_t out[CAP])
{
	size_t n = over ? truth->len : len;

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)((i < len ? bytes[i] : 0) ^ (over ? truth->buf[i] : 0));
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint8_t s_pub[32], one[128], two[128], in[CAP], out[CAP];
	struct mr_wr w1 = mr_wr_over(one, sizeof(one)), w2 = mr_wr_over(two, sizeof(two));
	struct mr_wr payload = mr_wr_over(out, sizeof(out));
	struct mr_noise device, station, before;
	struct mr_noise_keys keys;
	uint8_t kind;
	size_t n;
	bool same, ok;

	if (len == 0 || len > CAP)
		return 0;
	kind = *bytes++;
	len--;
	ok = mr_x25519_public(s_priv, s_pub) && mr_noise_init(&device, prologue, sizeof(prologue), s_pub) &&
	     mr_noise_init(&station, prologue, sizeof(prologue), s_pub) &&
	     mr_noise_write_1(&device, psk, e_device, s_pub, mr_rd_over("what I am", 9), &w1);
	assert(ok);
	if ((kind & 3) == 0) {
		before = station;
		n = altered(bytes, len, kind & 4, &w1, in);
		same = n == w1.len && !memcmp(in, one, n);
		assert(mr_noise_read_1(&station, psk, s_priv, mr_rd_over(in, n), &payload) == same);
		assert(same ? payload.len == 9 : payload.len == 0 && !memcmp(&before, &station, sizeof(before)));
		return 0;
	}
	ok = mr_noise_read_1(&station, psk, s_priv, mr_wr_written(&w1), &payload) &&
	     mr_noise_write_2(&station, e_station, mr_rd_over("lease", 5), &w2, &keys);
	assert(ok);
	if ((kind & 3) == 1) {
		before = device;
		payload = mr_wr_over(out, sizeof(out));
		n = altered(bytes, len, kind & 4, &w2, in);
		same = n == w2.len && !memcmp(in, two, n);
		assert(mr_noise_read_2(&device, mr_rd_over(in, n), &payload, &keys) == same);
		assert(same ? payload.len == 5 : payload.len == 0 && !memcmp(&before, &device, sizeof(before)));
		return 0;
	}
	w2 = mr_wr_over(two, sizeof(two));
	ok = mr_noise_seal(keys.to_device, 16, prologue, 11, "request", 7, mr_wr_room(&w2, 7 + 16));
	assert(ok);
	n = altered(bytes, len, kind & 4, &w2, in);
	same = n == w2.len && !memcmp(in, two, n);
	assert(mr_noise_open(keys.to_device, 16, prologue, 11, in, n, out) == same);
	return 0;
}
