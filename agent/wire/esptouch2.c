/*
 * ESP-Touch, the second. A message is groups of six octets, the head first; a group goes as eight planes of six bits,
 * bit i of its octets in plane i, octet 0 on top.
 *
 *	1048			sync
 *	1072 + G - 1		number of groups, the head too
 *	128 + s			the group s behind the head comes, three times
 *	i << 7 | 0x40 | d	plane i
 *
 *	head		sync, count, sync, count, then
 *	  0 S   1 P   2 R, each with 0x80 when an octet of it has it   3 CRC-8 of the BSSID
 *	  4 bit 0 IPv4, bits 1 and 2 enum security, bits 3 and 4 port, bits 6 and 7 version   5 CRC-8 of the five
 *	fives		five octets and their CRC-8
 *	sixes		six octets below 0x80; plane 7 is the low half dozen of bits of their CRC-8
 *
 *	in clear	passphrase and reserved data in sixes; when either has an octet above, one behind the other
 *	encrypted	both, PKCS#7, AES-128-CBC, in fives; 20 octets of IV in fives, of which 16 count
 *	then		the SSID, always in clear
 */
#include "agent/port/crypto_wsc.h"
#include "agent/wire/smartconfig_coder.h"

enum {
	SYNC = 1048,
	COUNT_FIRST = 1072,
	SEQUENCE_FIRST = 128,
	PLANES_END = 1024,
	PLANE_BIT = 0x40,
	SEQUENCES = 3,
	PLANES = 8,
	IV_LEN = 16,
	IV_SENT = 20,
	CIPHERTEXT_MAX = 144,
};

enum { SSID_LEN, PASSPHRASE_LEN, RESERVED_LEN, BSSID_CRC, FLAGS, HEAD_CRC, HEAD_LEN };
enum security { IN_CLEAR, ZERO_IV, RANDOM_IV };
enum flags { IPV4 = 1, VERSION = 0xc0 };

/*
 * The app sends at this pace for the first half of its 90 s and then one frame in 100 ms. Here devices come to the
 * line at any time: the pace stays.
 */
#define GAP_US 15000

#define HIGH 0x80 /* of a length in the head: an octet of it has it, too */

/* --- the layout, as the head has it --- */

struct field {
	uint8_t octets;
	bool fives;
};
enum { PASSPHRASE, RESERVED, IV, SSID, FIELDS }; /* passphrase: with the reserved data in sixes, or the ciphertext */

static unsigned groups_of(const struct field *field)
{
	return (field->octets + (field->fives ? 4u : 5u)) / (field->fives ? 5 : 6);
}

/* false: no head of a message that could be sent. */
static bool lay_out(const uint8_t head[static HEAD_LEN], struct field out[static FIELDS])
{
	unsigned ssid = head[SSID_LEN] & 0x7f, passphrase = head[PASSPHRASE_LEN] & 0x7f,
		 reserved = head[RESERVED_LEN] & 0x7f;
	unsigned security = head[FLAGS] >> 1 & 3;

	for (int i = 0; i < FIELDS; i++)
		out[i] = (struct field){ 0 };
	if (mr_crc8(0, head, HEAD_CRC) != head[HEAD_CRC] || ssid == 0 || ssid > MR_SMART_SSID_MAX ||
	    passphrase > MR_SMART_PASSPHRASE_MAX || reserved > MR_SMART_RESERVED_MAX || security > RANDOM_IV ||
	    head[FLAGS] & VERSION)
		return false;
	out[SSID] = (struct field){ (uint8_t)ssid, head[SSID_LEN] & HIGH };
	if (security != IN_CLEAR && passphrase + reserved > 0) {
		out[PASSPHRASE] = (struct field){ (uint8_t)((passphrase + reserved) / 16 * 16 + 16), true };
		if (security == RANDOM_IV)
			out[IV] = (struct field){ IV_SENT, true };
	} else if (!((head[PASSPHRASE_LEN] | head[RESERVED_LEN]) & HIGH)) {
		out[PASSPHRASE] = (struct field){ (uint8_t)(passphrase + reserved), false };
	} else {
		out[PASSPHRASE] = (struct field){ (uint8_t)passphrase, head[PASSPHRASE_LEN] & HIGH };
		out[RESERVED] = (struct field){ (uint8_t)reserved, head[RESERVED_LEN] & HIGH };
	}
	return true;
}

/* With the head. */
static unsigned total_of(const struct field fields[static FIELDS])
{
	unsigned total = 1;

	for (int i = 0; i < FIELDS; i++)
		total += groups_of(&fields[i]);
	return total;
}

/* --- sending --- */

/* Planes of a group of five octets and a CRC, or of six and the CRC in plane 7. */
static void put_group(struct mr_wr *w, const uint8_t octets[static 6], bool fives)
{
	uint8_t crc = mr_crc8(0, octets, fives ? 5 : 6);

	for (unsigned i = 0; i < PLANES; i++) {
		uint8_t plane = 0;

		for (unsigned k = 0; k < 6; k++)
			plane = (uint8_t)(plane | ((fives && k == 5 ? crc : octets[k]) >> i & 1) << (5 - k));
		mr_wr_u8(w, !fives && i == 7 ? crc & 0x3f : plane);
	}
}

static void put_field(struct mr_wr *w, struct mr_rd octets, const struct field *field)
{
	unsigned each = field->fives ? 5 : 6;

	while (octets.left > 0) {
		uint8_t group[6] = { 0 };

		mr_rd_copy(&octets, group, octets.left < each ? octets.left : each);
		put_group(w, group, field->fives);
	}
}

static uint8_t high_bit(const uint8_t *octets, size_t len)
{
	uint8_t high = 0;

	for (size_t i = 0; i < len; i++)
		high |= octets[i] & HIGH;
	return high;
}

static void head_of(const struct mr_smart_settings *s, uint8_t head[static HEAD_LEN])
{
	static const uint8_t no_iv[IV_SENT];
	unsigned security = IN_CLEAR;

	if (s->key_len > 0 && s->passphrase_len + s->reserved_len > 0)
		security = mr_equal(s->iv, no_iv, IV_SENT) ? ZERO_IV : RANDOM_IV;
	head[SSID_LEN] = s->ssid_len | high_bit(s->ssid, s->ssid_len);
	head[PASSPHRASE_LEN] = s->passphrase_len | high_bit(s->passphrase, s->passphrase_len);
	head[RESERVED_LEN] = s->reserved_len | high_bit(s->reserved, s->reserved_len);
	head[BSSID_CRC] = mr_crc8(0, s->bssid, 6);
	head[FLAGS] = (uint8_t)(IPV4 | security << 1 | (unsigned)s->token << 3);
	head[HEAD_CRC] = mr_crc8(0, head, HEAD_CRC);
}

static bool begin(struct mr_smart_sender *sender)
{
	const struct mr_smart_settings *s = &sender->settings;
	uint8_t head[HEAD_LEN], text[CIPHERTEXT_MAX];
	struct mr_wr w = mr_wr_over(sender->body, sizeof(sender->body)), t = mr_wr_over(text, sizeof(text));
	struct field fields[FIELDS];
	bool ok;

	head_of(s, head);
	ok = lay_out(head, fields);
	mr_wr_bytes(&t, s->passphrase, s->passphrase_len);
	mr_wr_bytes(&t, s->reserved, s->reserved_len);
	if (head[FLAGS] >> 1 & 3) {
		uint8_t padding = (uint8_t)(fields[PASSPHRASE].octets - t.len);

		for (unsigned i = 0; i < padding; i++)
			mr_wr_u8(&t, padding);
		ok = ok && !t.bad && mr_aes128_cbc_encrypt(s->key, s->iv, text, t.len, text);
	}
	put_group(&w, head, true);
	put_field(&w, mr_rd_over(text, fields[PASSPHRASE].octets), &fields[PASSPHRASE]);
	put_field(&w, mr_rd_over(text + s->passphrase_len, fields[RESERVED].octets), &fields[RESERVED]);
	put_field(&w, mr_rd_over(s->iv, fields[IV].octets), &fields[IV]);
	put_field(&w, mr_rd_over(s->ssid, s->ssid_len), &fields[SSID]);
	sender->body_len = w.len;
	mr_wipe(text, sizeof(text));
	return ok && !w.bad;
}

/* The head has one frame more than the others. */
static void next(struct mr_smart_sender *sender, struct mr_smart_frame *out)
{
	unsigned at = sender->at, group = at < 12 ? 0 : (at - 1) / 11, place = at < 12 ? at : (at - 1) % 11;
	unsigned lead = group == 0 ? 4 : SEQUENCES, groups = (unsigned)(sender->body_len / PLANES);

	out->gap_us = GAP_US;
	if (place >= lead)
		out->length = (uint16_t)((place - lead) << 7 | PLANE_BIT | sender->body[PLANES * group + place - lead]);
	else if (group == 0)
		out->length = (uint16_t)(place % 2 == 0 ? SYNC : COUNT_FIRST + groups - 1);
	else
		out->length = (uint16_t)(SEQUENCE_FIRST + group - 1);
	out->ends_round = at == 11 * groups;
	sender->at = out->ends_round ? 0 : at + 1;
}

static const char *refuses(const struct mr_smart_settings *settings)
{
	return settings->token > 3 ? "its port index is 0 to 3" : NULL;
}

const struct mr_smart_script mr_smart_esptouch2_script = {
	.scheme = MR_SMART_ESPTOUCH2,
	.key_min = 16,
	.key_max = 16,
	.refuses = refuses,
	.begin = begin,
	.next = next,
};

/* --- listening --- */

static bool is_count(int sync, int length)
{
	return length - sync >= COUNT_FIRST - SYNC && length - sync < COUNT_FIRST - SYNC + MR_ESPTOUCH2_GROUPS;
}

static bool begins(const struct mr_overheard *frame)
{
	return mr_smart_may_be(frame, SYNC, SYNC) ||
	       mr_smart_may_be(frame, COUNT_FIRST, COUNT_FIRST + MR_ESPTOUCH2_GROUPS - 1);
}

/* Three in a row of: sync, count, sync, count. */
static bool guides(const struct mr_smart_stream *stream, const struct mr_overheard *frame, uint16_t *offset)
{
	const uint16_t *last = stream->last;
	uint16_t sync = last[0] < last[1] ? last[0] : last[1], count = last[0] < last[1] ? last[1] : last[0];

	*offset = (uint16_t)(sync - SYNC);
	return stream->last_count >= 3 && last[2] == last[0] && is_count(sync, count) &&
	       mr_smart_offset(frame, sync - SYNC);
}

#define HEARD 0x40
#define SURE 0x80

static bool plane_complete(const uint8_t planes[static PLANES])
{
	for (int i = 0; i < PLANES; i++)
		if (!(planes[i] & SURE))
			return false;
	return true;
}

/* Octets 0 to 5, or 4 and the CRC; bit 7 is 0 in sixes. */
static void octets_of(const uint8_t planes[static PLANES], bool fives, uint8_t out[static 6])
{
	for (unsigned k = 0; k < 6; k++) {
		out[k] = 0;
		for (unsigned i = 0; i < (fives ? 8u : 7u); i++)
			out[k] = (uint8_t)(out[k] | (planes[i] >> (5 - k) & 1) << i);
	}
}

static bool group_is_whole(const uint8_t planes[static PLANES], bool fives)
{
	uint8_t octets[6];

	octets_of(planes, fives, octets);
	if (fives)
		return mr_crc8(0, octets, 5) == octets[5];
	return (mr_crc8(0, octets, 6) & 0x3f) == (planes[7] & 0x3f);
}

/* false: the head is not there yet, or is none. */
static bool layout_heard(const struct mr_esptouch2_state *s, uint8_t head[static HEAD_LEN],
			 struct field fields[static FIELDS])
{
	octets_of(s->planes[0], true, head);
	return plane_complete(s->planes[0]) && lay_out(head, fields);
}

/* Forgets the groups whose check fails. */
static bool all_groups_are_whole(struct mr_esptouch2_state *s)
{
	uint8_t head[HEAD_LEN];
	struct field fields[FIELDS];
	unsigned group = 1;
	bool whole = true;

	if (!plane_complete(s->planes[0]))
		return false;
	if (!layout_heard(s, head, fields) || (s->groups > 0 && s->groups != total_of(fields))) {
		mr_wipe(s->planes[0], PLANES);
		s->groups = 0;
		return false;
	}
	for (int i = 0; i < FIELDS; i++)
		for (unsigned k = groups_of(&fields[i]); k > 0; k--, group++) {
			bool complete = plane_complete(s->planes[group]);

			if (complete && !group_is_whole(s->planes[group], fields[i].fives))
				mr_wipe(s->planes[group], PLANES);
			whole = whole && plane_complete(s->planes[group]);
		}
	return whole;
}

/* A group comes, or its planes begin anew. */
static void enter(struct mr_esptouch2_state *s, unsigned group)
{
	s->group = group < MR_ESPTOUCH2_GROUPS ? (uint8_t)(1 + group) : 0;
	s->planes_heard = 0;
	s->since = 0;
}

/*
 * Behind another plane it is as many frames behind as planes; behind what leads a group as many as stand between, and
 * those are fewer than up to the next group's planes, even when all that leads that one was lost.
 */
static bool in_its_place(const struct mr_esptouch2_state *s, unsigned plane)
{
	unsigned lead = s->group == 1 ? 4 : SEQUENCES;

	if (s->planes_heard > 0)
		return s->since == plane + 1 - s->planes_heard;
	return s->since > plane && s->since <= plane + lead;
}

static enum mr_smart_result hear_plane(struct mr_esptouch2_state *s, unsigned plane, uint8_t bits)
{
	bool sure = in_its_place(s, plane);
	enum mr_cell put;
	uint8_t *cell;

	if (s->group == 0 || plane < s->planes_heard) {
		s->group = 0; /* all that led this group was lost */
		return MR_SMART_NOTHING;
	}
	cell = &s->planes[s->group - 1][plane];
	s->planes_heard = (uint8_t)(plane + 1);
	s->since = 0;
	put = mr_cell_judge(*cell & HEARD, *cell & SURE, (*cell & 0x3f) == bits, sure);
	if (put == MR_CELL_SAME)
		return MR_SMART_NOTHING;
	if (put == MR_CELL_CHANGED)
		mr_wipe(s->planes, sizeof(s->planes));
	*cell = (uint8_t)(HEARD | bits | (sure || put == MR_CELL_SURER ? SURE : 0));
	return all_groups_are_whole(s) ? MR_SMART_COMPLETE : MR_SMART_PROGRESS;
}

static enum mr_smart_result hear(union mr_smart_state *state, const struct mr_smart_heard *heard)
{
	struct mr_esptouch2_state *s = &state->esptouch2;
	unsigned length = heard->length, since = s->since + heard->step;

	s->since = heard->step == 0 || since > UINT8_MAX ? UINT8_MAX : (uint8_t)since;
	if (length == SYNC) {
		enter(s, 0);
	} else if (length >= COUNT_FIRST && length < COUNT_FIRST + MR_ESPTOUCH2_GROUPS) {
		enter(s, 0);
		s->groups = (uint8_t)(length - COUNT_FIRST + 1);
	} else if (length < PLANES_END && length & PLANE_BIT) {
		return hear_plane(s, length >> 7, length & 0x3f);
	} else if (length >= SEQUENCE_FIRST && length < SEQUENCE_FIRST + 64) {
		enter(s, 1 + length - SEQUENCE_FIRST);
	}
	return MR_SMART_NOTHING;
}

static void get_field(const struct mr_esptouch2_state *s, unsigned *group, const struct field *field, struct mr_wr *out)
{
	unsigned each = field->fives ? 5 : 6, left = field->octets;

	for (; left > 0; (*group)++) {
		uint8_t octets[6];
		unsigned n = left < each ? left : each;

		octets_of(s->planes[*group], field->fives, octets);
		mr_wr_bytes(out, octets, n);
		left -= n;
	}
}

/* RFC 5652 6.3, and of the length that the head says. */
static bool decrypt(const struct mr_smart_key *key, const uint8_t iv[static IV_LEN], uint8_t *text, size_t len,
		    size_t plain_len)
{
	size_t padding = len - plain_len;
	bool ok = key->len == 16 && mr_aes128_cbc_decrypt(key->octets, iv, text, len, text);

	for (size_t i = plain_len; ok && i < len; i++)
		ok = text[i] == padding;
	return ok;
}

static bool finish(const union mr_smart_state *state, const struct mr_smart_key *key, const struct mr_overheard *frame,
		   struct mr_smart_settings *out)
{
	const struct mr_esptouch2_state *s = &state->esptouch2;
	uint8_t head[HEAD_LEN], text[CIPHERTEXT_MAX];
	struct mr_wr w = mr_wr_over(text, sizeof(text)), iv = mr_wr_over(out->iv, sizeof(out->iv)),
		     ssid = mr_wr_over(out->ssid, sizeof(out->ssid));
	struct mr_rd in;
	struct field fields[FIELDS];
	unsigned group = 1;
	bool ok = layout_heard(s, head, fields), encrypted;

	out->ssid_len = head[SSID_LEN] & 0x7f;
	out->passphrase_len = head[PASSPHRASE_LEN] & 0x7f;
	out->reserved_len = head[RESERVED_LEN] & 0x7f;
	out->token = head[FLAGS] >> 3 & 3;
	get_field(s, &group, &fields[PASSPHRASE], &w);
	get_field(s, &group, &fields[RESERVED], &w);
	get_field(s, &group, &fields[IV], &iv);
	get_field(s, &group, &fields[SSID], &ssid);
	encrypted = (head[FLAGS] >> 1 & 3) && w.len > 0;
	ok = ok && !w.bad && !ssid.bad;
	ok = ok && (encrypted ? decrypt(key, out->iv, text, w.len, (size_t)out->passphrase_len + out->reserved_len)
			      : key->len == 0 || w.len == 0);
	in = mr_wr_written(&w);
	mr_rd_copy(&in, out->passphrase, out->passphrase_len);
	mr_rd_copy(&in, out->reserved, out->reserved_len);
	/* The BSSID itself is not sent. In a phone's network it is that of the frames. */
	if (mr_crc8(0, frame->bssid, 6) == head[BSSID_CRC])
		mr_copy(out->bssid, frame->bssid, 6);
	mr_wipe(text, sizeof(text));
	return ok;
}

static unsigned units(const union mr_smart_state *state, unsigned *of)
{
	const struct mr_esptouch2_state *s = &state->esptouch2;
	uint8_t head[HEAD_LEN];
	struct field fields[FIELDS];
	unsigned count = 0;

	*of = layout_heard(s, head, fields) ? total_of(fields) : s->groups;
	for (unsigned i = 0; i < (*of > 0 ? *of : MR_ESPTOUCH2_GROUPS); i++)
		count += plane_complete(s->planes[i]);
	return count;
}

const struct mr_smart_coder mr_smart_esptouch2 = {
	.scheme = MR_SMART_ESPTOUCH2,
	.keyed = true,
	.begins = begins,
	.guides = guides,
	.hear = hear,
	.finish = finish,
	.units = units,
};
