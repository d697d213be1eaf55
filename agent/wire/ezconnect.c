/*
 * Marvell EZConnect in the form of 2015: the low 23 bits of a group address are seven of kind and number, and a pair of
 * octets, of which the first is the last of the address. Any length will do, under any cipher.
 *
 *	0x78 + n	"EZPR22"
 *	0x40 + n	of the SSID: length twice, CRC-32 (little-endian), octets, a zero for the odd one
 *	0x00 + n	of the passphrase: the same
 *
 * With a key the octets of the passphrase are AES-256-CBC, without an IV, of itself and zeros up to whole blocks; its
 * length is theirs, its CRC-32 the passphrase's. The key of that is PBKDF2 of the device's key and the SSID.
 */
#include "agent/port/crypto_smart.h"
#include "agent/wire/smartconfig_coder.h"

enum {
	FIRST_PASSPHRASE = 0x00,
	FIRST_SSID = 0x40,
	FIRST_PREAMBLE = 0x78,
	PREAMBLE_PAIRS = 3,
	HEADER_PAIRS = 3, /* length twice, CRC-32 */
	ROUNDS = 4096,
};

#define GAP_US 5000
#define LENGTH 16 /* of the payload; it says nothing */

static const uint8_t preamble[2 * PREAMBLE_PAIRS] = { 'E', 'Z', 'P', 'R', '2', '2' };
static const uint8_t no_iv[16];

static bool derive(const uint8_t *key, size_t key_len, const struct mr_smart_settings *s, uint8_t out[static 32])
{
	return mr_pbkdf2_hmac_sha1(key, key_len, s->ssid, s->ssid_len, ROUNDS, out, 32);
}

/* --- sending --- */

/* In the sender's body: preamble, SSID, passphrase, in pairs. */
static void put_field(struct mr_wr *w, const uint8_t *octets, size_t len, uint32_t crc)
{
	mr_wr_u8(w, (uint8_t)len);
	mr_wr_u8(w, (uint8_t)len);
	mr_wr_le32(w, crc);
	mr_wr_bytes(w, octets, len);
	if (len % 2 != 0)
		mr_wr_u8(w, 0);
}

static bool begin(struct mr_smart_sender *sender)
{
	const struct mr_smart_settings *s = &sender->settings;
	struct mr_wr w = mr_wr_over(sender->body, sizeof(sender->body));
	uint8_t key[32] = { 0 }, text[MR_SMART_PASSPHRASE_MAX] = { 0 };
	size_t len = s->passphrase_len;
	bool ok = true;

	mr_copy(text, s->passphrase, len);
	if (s->key_len > 0) {
		len = (len + 15) / 16 * 16;
		ok = derive(s->key, s->key_len, s, key) && mr_aes256_cbc_encrypt(key, no_iv, text, len, text);
	}
	mr_wr_bytes(&w, preamble, sizeof(preamble));
	put_field(&w, s->ssid, s->ssid_len, mr_crc32(s->ssid, s->ssid_len));
	put_field(&w, text, len, mr_crc32(s->passphrase, s->passphrase_len));
	sender->body_len = w.len;
	mr_wipe(key, sizeof(key));
	mr_wipe(text, sizeof(text));
	return ok && !w.bad;
}

static void next(struct mr_smart_sender *sender, struct mr_smart_frame *out)
{
	unsigned pair = sender->at, ssid_pairs = MR_EZCONNECT_PAIRS(sender->settings.ssid_len);
	uint8_t meta;

	if (pair < PREAMBLE_PAIRS)
		meta = (uint8_t)(FIRST_PREAMBLE + pair);
	else if (pair < PREAMBLE_PAIRS + ssid_pairs)
		meta = (uint8_t)(FIRST_SSID + pair - PREAMBLE_PAIRS);
	else
		meta = (uint8_t)(FIRST_PASSPHRASE + pair - PREAMBLE_PAIRS - ssid_pairs);
	out->length = LENGTH;
	out->gap_us = GAP_US;
	out->destination[0] = 239;
	out->destination[1] = meta;
	out->destination[2] = sender->body[2 * pair + 1];
	out->destination[3] = sender->body[2 * pair];
	sender->at++;
	out->ends_round = 2 * sender->at == sender->body_len;
	if (out->ends_round)
		sender->at = 0;
}

static const char *refuses(const struct mr_smart_settings *settings)
{
	if (settings->key_len > 0 && settings->passphrase_len > 0 &&
	    settings->passphrase[settings->passphrase_len - 1] == 0)
		return "a passphrase that ends with a zero cannot be sent with a key";
	return NULL;
}

const struct mr_smart_script mr_smart_ezconnect_script = {
	.scheme = MR_SMART_EZCONNECT,
	.key_min = 1,
	.key_max = MR_SMART_KEY_MAX,
	.refuses = refuses,
	.begin = begin,
	.next = next,
};

/* --- listening --- */

/* false: no group of IPv4. */
static bool coded(const struct mr_overheard *frame, uint8_t *meta, uint8_t pair[static 2])
{
	static const uint8_t group[3] = { 0x01, 0x00, 0x5e };

	*meta = frame->destination[3];
	pair[0] = frame->destination[5];
	pair[1] = frame->destination[4];
	return mr_equal(frame->destination, group, 3);
}

static bool begins(const struct mr_overheard *frame)
{
	uint8_t meta, pair[2];

	return coded(frame, &meta, pair) && meta >= FIRST_PREAMBLE && meta < FIRST_PREAMBLE + PREAMBLE_PAIRS &&
	       mr_equal(pair, preamble + 2 * (meta - FIRST_PREAMBLE), 2);
}

static bool guides(const struct mr_smart_stream *stream, const struct mr_overheard *frame, uint16_t *offset)
{
	(void)stream;
	*offset = 0;
	return begins(frame);
}

/* A pair says its place: it is sure. Other groups that look like a field's first pair are many, as mDNS's. */
static enum mr_cell put_pair(const struct mr_cells *field, unsigned n, const uint8_t pair[static 2],
			     unsigned octets_max)
{
	if (n >= MR_EZCONNECT_PAIRS(octets_max) || (n == 0 && (pair[0] != pair[1] || pair[0] > octets_max)))
		return MR_CELL_SAME;
	return mr_cell_put(field, n, pair, true);
}

/* All of its pairs are there. */
static unsigned pairs_of(const uint8_t *octets, const uint8_t *have)
{
	return mr_cell_is(have, 0) ? MR_EZCONNECT_PAIRS(octets[0]) : 0;
}

static bool whole(const uint8_t *octets, const uint8_t *have)
{
	unsigned pairs = pairs_of(octets, have);

	return pairs > 0 && mr_cells_set(have, pairs) == pairs;
}

static enum mr_smart_result hear(union mr_smart_state *state, const struct mr_smart_heard *heard)
{
	struct mr_ezconnect_state *s = &state->ezconnect;
	const struct mr_cells ssid = { s->ssid, s->have_ssid, s->have_ssid, 2, MR_EZCONNECT_PAIRS(MR_SMART_SSID_MAX) };
	const struct mr_cells passphrase = { s->passphrase, s->have_passphrase, s->have_passphrase, 2,
					     MR_EZCONNECT_PAIRS(MR_SMART_PASSPHRASE_MAX) };
	enum mr_cell put = MR_CELL_SAME;
	uint8_t meta, pair[2];

	if (!coded(heard->frame, &meta, pair))
		return MR_SMART_NOTHING;
	if (meta < FIRST_SSID)
		put = put_pair(&passphrase, meta - FIRST_PASSPHRASE, pair, MR_SMART_PASSPHRASE_MAX);
	else
		put = put_pair(&ssid, meta - FIRST_SSID, pair, MR_SMART_SSID_MAX);
	if (put == MR_CELL_CHANGED) /* and of the other field nothing is worth keeping */
		mr_wipe(meta < FIRST_SSID ? s->have_ssid : s->have_passphrase,
			meta < FIRST_SSID ? sizeof(s->have_ssid) : sizeof(s->have_passphrase));
	if (put == MR_CELL_SAME)
		return MR_SMART_NOTHING;
	return whole(s->ssid, s->have_ssid) && whole(s->passphrase, s->have_passphrase) ? MR_SMART_COMPLETE
											: MR_SMART_PROGRESS;
}

static bool get_field(const uint8_t *octets, uint8_t *out, uint8_t *len, uint32_t *crc)
{
	struct mr_rd in = mr_rd_over(octets, 2u * MR_EZCONNECT_PAIRS(octets[0]));

	*len = mr_rd_u8(&in);
	mr_rd_skip(&in, 1);
	*crc = mr_rd_le32(&in);
	mr_rd_copy(&in, out, *len);
	return !in.bad;
}

static bool decrypt(const struct mr_smart_key *key, struct mr_smart_settings *s)
{
	uint8_t derived[32];
	bool ok = s->passphrase_len % 16 == 0 && derive(key->octets, key->len, s, derived) &&
		  mr_aes256_cbc_decrypt(derived, no_iv, s->passphrase, s->passphrase_len, s->passphrase);

	while (ok && s->passphrase_len > 0 && s->passphrase[s->passphrase_len - 1] == 0)
		s->passphrase_len--;
	mr_wipe(derived, sizeof(derived));
	return ok;
}

static bool finish(const union mr_smart_state *state, const struct mr_smart_key *key, const struct mr_overheard *frame,
		   struct mr_smart_settings *out)
{
	const struct mr_ezconnect_state *s = &state->ezconnect;
	uint32_t ssid_crc, passphrase_crc;

	mr_copy(out->bssid, frame->bssid, 6);
	return get_field(s->ssid, out->ssid, &out->ssid_len, &ssid_crc) && out->ssid_len > 0 &&
	       mr_crc32(out->ssid, out->ssid_len) == ssid_crc &&
	       get_field(s->passphrase, out->passphrase, &out->passphrase_len, &passphrase_crc) &&
	       (key->len == 0 || decrypt(key, out)) && mr_crc32(out->passphrase, out->passphrase_len) == passphrase_crc;
}

static unsigned units(const union mr_smart_state *state, unsigned *of)
{
	const struct mr_ezconnect_state *s = &state->ezconnect;
	unsigned ssid = pairs_of(s->ssid, s->have_ssid), passphrase = pairs_of(s->passphrase, s->have_passphrase);

	*of = ssid > 0 && passphrase > 0 ? ssid + passphrase : 0;
	return mr_cells_set(s->have_ssid, ssid > 0 ? ssid : MR_EZCONNECT_PAIRS(MR_SMART_SSID_MAX)) +
	       mr_cells_set(s->have_passphrase,
			    passphrase > 0 ? passphrase : MR_EZCONNECT_PAIRS(MR_SMART_PASSPHRASE_MAX));
}

const struct mr_smart_coder mr_smart_ezconnect = {
	.scheme = MR_SMART_EZCONNECT,
	.keyed = true,
	.begins = begins,
	.guides = guides,
	.hear = hear,
	.finish = finish,
	.units = units,
};
