/*
 * TI SmartConfig as the CC3000 has it: the SSID, then the passphrase, a code for each half octet, high half first.
 *
 *	tag		1399 SSID, 1459 passphrase
 *	length		28 + octets
 *	half octet	593 + ((p ^ k) & 15) << 4 | v		v its value, k its number, p the value before (first: 0)
 *	separators	3, then 23, behind each of them but the tags
 *
 * With a key the passphrase is 32 octets: AES-128-ECB of its length, itself, and zeros. There is no check sum; what is
 * checked is that each code names the one before it.
 */
#include "agent/port/crypto_smart.h"
#include "agent/wire/smartconfig_coder.h"

enum {
	TAG_SSID = 1399,
	TAG_PASSPHRASE = 1459,
	LENGTH_FIRST = 28,
	OCTETS_MAX = 32,
	NIBBLE_FIRST = 593,
	SEPARATOR_1 = 3,
	SEPARATOR_2 = 23,
};

/* The vendor does not pace. Radios that inject and chips that listen want a little air. */
#define GAP_US 2000
#define PAUSE_US 100000

enum { SSID, PASSPHRASE };

/* --- sending --- */

/* In the sender's body: SSID at 0, passphrase or its ciphertext at 32; octets of the latter at 64. */
enum { PASSPHRASE_AT = OCTETS_MAX, PASSPHRASE_LEN_AT = 2 * OCTETS_MAX };

static bool begin(struct mr_smart_sender *sender)
{
	const struct mr_smart_settings *s = &sender->settings;
	uint8_t *passphrase = sender->body + PASSPHRASE_AT;

	mr_copy(sender->body, s->ssid, s->ssid_len);
	sender->body_len = PASSPHRASE_LEN_AT + 1;
	if (s->key_len == 0) {
		mr_copy(passphrase, s->passphrase, s->passphrase_len);
		sender->body[PASSPHRASE_LEN_AT] = s->passphrase_len;
		return true;
	}
	passphrase[0] = s->passphrase_len;
	mr_copy(passphrase + 1, s->passphrase, s->passphrase_len);
	sender->body[PASSPHRASE_LEN_AT] = OCTETS_MAX;
	return mr_aes128_ecb_encrypt(s->key, passphrase, OCTETS_MAX, passphrase);
}

static uint8_t nibble(const uint8_t *octets, size_t k) { return k % 2 == 0 ? octets[k / 2] >> 4 : octets[k / 2] & 15; }

/* Frame `at` of a field of `len` octets. */
static uint16_t field_code(uint16_t tag, const uint8_t *octets, size_t len, size_t at)
{
	size_t k;
	uint8_t before;

	if (at == 0)
		return tag;
	if (at % 3 != 1)
		return at % 3 == 2 ? SEPARATOR_1 : SEPARATOR_2;
	if (at == 1)
		return (uint16_t)(LENGTH_FIRST + len);
	k = at / 3 - 1;
	before = k > 0 ? nibble(octets, k - 1) : 0;
	return (uint16_t)(NIBBLE_FIRST + (((before ^ k) & 15) << 4 | nibble(octets, k)));
}

static void next(struct mr_smart_sender *sender, struct mr_smart_frame *out)
{
	size_t ssid_len = sender->settings.ssid_len, passphrase_len = sender->body[PASSPHRASE_LEN_AT];
	size_t first = 4 + 6 * ssid_len, all = first + 4 + 6 * passphrase_len, at = sender->at;

	out->port = 15000;
	mr_zero(out->destination, 4);
	if (at < first)
		out->length = field_code(TAG_SSID, sender->body, ssid_len, at);
	else
		out->length = field_code(TAG_PASSPHRASE, sender->body + PASSPHRASE_AT, passphrase_len, at - first);
	out->ends_round = at == all - 1;
	out->gap_us = out->ends_round ? PAUSE_US : GAP_US;
	sender->at = out->ends_round ? 0 : sender->at + 1;
}

static const char *refuses(const struct mr_smart_settings *settings)
{
	if (settings->key_len > 0 && settings->passphrase_len >= OCTETS_MAX)
		return "a passphrase of 31 octets is the longest with a key";
	return settings->passphrase_len > OCTETS_MAX ? "a passphrase of 32 octets is the longest" : NULL;
}

const struct mr_smart_script mr_smart_cc3000_script = {
	.scheme = MR_SMART_CC3000,
	.key_min = 16,
	.key_max = 16,
	.refuses = refuses,
	.begin = begin,
	.next = next,
};

/* --- listening --- */

static bool is_length(int length) { return length >= LENGTH_FIRST && length <= LENGTH_FIRST + OCTETS_MAX; }
static bool is_nibble(int length) { return length >= NIBBLE_FIRST && length < NIBBLE_FIRST + 256; }

static bool begins(const struct mr_overheard *frame)
{
	return mr_smart_may_be(frame, SEPARATOR_1, SEPARATOR_1) || mr_smart_may_be(frame, TAG_SSID, TAG_SSID) ||
	       mr_smart_may_be(frame, TAG_PASSPHRASE, TAG_PASSPHRASE);
}

/* Both separators, a code, and both again. */
static bool guides(const struct mr_smart_stream *stream, const struct mr_overheard *frame, uint16_t *offset)
{
	const uint16_t *last = stream->last;
	int code = last[2] - last[1] + SEPARATOR_1;

	*offset = (uint16_t)(last[1] - SEPARATOR_1);
	return stream->last_count >= 5 && last[0] - last[1] == SEPARATOR_2 - SEPARATOR_1 && last[3] == last[0] &&
	       last[4] == last[1] && (is_length(code) || is_nibble(code)) &&
	       mr_smart_offset(frame, last[1] - SEPARATOR_1);
}

#define LOST UINT8_MAX
#define UNKNOWN UINT16_MAX
enum { PLACE_TAG, PLACE_LENGTH, PLACE_NIBBLES };
#define OUT_OF_ORDER 3 /* a separator was not heard */

static struct mr_cells cells_of(struct mr_cc3000_field *field)
{
	return (struct mr_cells){ field->codes, field->have, field->sure, 1, sizeof(field->codes) };
}

static bool field_is_whole(const struct mr_cc3000_field *field)
{
	return field->sure_len && mr_cells_set(field->sure, 2u * field->len) == 2u * field->len;
}

/* Of what came before another message nothing is kept. */
static enum mr_smart_result heard_cell(struct mr_cc3000_state *s, enum mr_cell put)
{
	if (put == MR_CELL_CHANGED)
		mr_wipe(&s->fields[s->field - 1 == SSID ? PASSPHRASE : SSID], sizeof(s->fields[0]));
	if (put == MR_CELL_SAME)
		return MR_SMART_NOTHING;
	return field_is_whole(&s->fields[SSID]) && field_is_whole(&s->fields[PASSPHRASE]) ? MR_SMART_COMPLETE
											  : MR_SMART_PROGRESS;
}

static void stand_at(struct mr_cc3000_state *s, uint8_t place, uint8_t previous)
{
	s->place = place;
	s->previous = previous;
	s->since = 0;
	s->separators = 0;
	if (place != LOST)
		s->furthest = place;
}

/* A frame that is heard and is none of the field's has a number all the same. */
static void leave_out(struct mr_cc3000_state *s)
{
	if (s->since != UNKNOWN && s->since > 0)
		s->since--;
}

static enum mr_smart_result hear_length(struct mr_cc3000_state *s, uint8_t len)
{
	struct mr_cc3000_field *field;
	struct mr_cells cell;
	enum mr_cell put;

	if (s->field == 0 || s->place != PLACE_TAG || s->separators != 0 || (s->field - 1 == SSID && len == 0)) {
		if (s->since == UNKNOWN || s->since % 3 == 1)
			s->field = 0; /* the tag before it was lost */
		else
			leave_out(s);
		return MR_SMART_NOTHING;
	}
	field = &s->fields[s->field - 1];
	cell = (struct mr_cells){ &field->len, &field->have_len, &field->sure_len, 1, 1 };
	put = mr_cell_put(&cell, 0, &len, s->since == 1);
	if (put == MR_CELL_CHANGED)
		mr_wipe(field->sure, sizeof(field->sure));
	stand_at(s, PLACE_LENGTH, 0);
	return heard_cell(s, put);
}

static bool names_previous(uint8_t code, uint8_t previous, unsigned k) { return code >> 4 == ((previous ^ k) & 15); }

/*
 * Which half octet is it? The next one when both separators came between, and by sequence numbers, of which three
 * belong to each. Where the place was lost, two neighbours say it but for multiples of 16, and we have not slept
 * through so many. -1: it cannot be said.
 */
static int number_of(struct mr_cc3000_state *s, uint8_t code, bool *sure)
{
	unsigned place = s->place == LOST ? s->furthest : s->place, lead = place == PLACE_TAG ? 1 : 0;
	int next = place <= PLACE_LENGTH ? 0 : (int)place - PLACE_NIBBLES + 1, ahead = (int)(s->since - lead) / 3 - 1;
	bool numbered = s->since != UNKNOWN && s->since > lead && (s->since - lead) % 3 == 0;

	s->shared = s->shared || (s->separators == 2 && (s->since == 4 + lead || s->since == 5 + lead));
	*sure = s->place != LOST && numbered && (ahead == 0 || !s->shared);
	if (*sure)
		return ahead > 0 || names_previous(code, s->previous, (unsigned)next) ? next + ahead : -1;
	if (s->separators != 2)
		return -1;
	if (s->place != LOST)
		return lead == 0 && names_previous(code, s->previous, (unsigned)next) ? next : -1;
	return next + ((((code >> 4) ^ s->previous) - next) & 15);
}

static enum mr_smart_result hear_nibble(struct mr_cc3000_state *s, uint8_t code)
{
	struct mr_cc3000_field *field;
	struct mr_cells cells;
	bool sure;
	int k;

	if (s->field == 0)
		return MR_SMART_NOTHING;
	field = &s->fields[s->field - 1];
	k = number_of(s, code, &sure);
	if (k < 0 && !s->shared && s->since != UNKNOWN && s->since % 3 == 1 && s->since > 4) {
		s->field = 0; /* a tag and a length were lost */
		return MR_SMART_NOTHING;
	}
	if (k < 0) { /* somebody else's, or the place is not what it seemed */
		if (s->separators == 2 || s->place == LOST || s->since == UNKNOWN || s->shared)
			stand_at(s, LOST, code & 15);
		else
			leave_out(s);
		return MR_SMART_NOTHING;
	}
	if (k >= 2 * OCTETS_MAX || (field->sure_len && k >= 2 * field->len)) {
		s->field = 0;
		return MR_SMART_NOTHING;
	}
	stand_at(s, (uint8_t)(PLACE_NIBBLES + k), code & 15);
	cells = cells_of(field);
	return heard_cell(s, mr_cell_put(&cells, (unsigned)k, &code, sure));
}

static enum mr_smart_result hear(union mr_smart_state *state, const struct mr_smart_heard *heard)
{
	struct mr_cc3000_state *s = &state->cc3000;
	unsigned since = s->since + heard->step;

	s->since = heard->step == 0 || since > UNKNOWN ? UNKNOWN : (uint16_t)since;
	if (heard->length == TAG_SSID || heard->length == TAG_PASSPHRASE) {
		s->field = heard->length == TAG_SSID ? 1 + SSID : 1 + PASSPHRASE;
		stand_at(s, PLACE_TAG, 0);
	} else if (is_length(heard->length)) {
		return hear_length(s, (uint8_t)(heard->length - LENGTH_FIRST));
	} else if (is_nibble(heard->length)) {
		return hear_nibble(s, (uint8_t)(heard->length - NIBBLE_FIRST));
	} else if (heard->length == SEPARATOR_1) {
		s->separators = s->separators == 0 ? 1 : OUT_OF_ORDER;
	} else if (heard->length == SEPARATOR_2) {
		s->separators = s->separators == 1 ? 2 : OUT_OF_ORDER;
	} else {
		leave_out(s);
	}
	return MR_SMART_NOTHING;
}

/* false: a code does not name the one before it. */
static bool octets_of(const struct mr_cc3000_field *field, uint8_t out[static OCTETS_MAX])
{
	uint8_t before = 0;

	for (unsigned k = 0; k < 2u * field->len; k++) {
		uint8_t code = field->codes[k];

		if (!names_previous(code, before, k))
			return false;
		before = code & 15;
		out[k / 2] = (uint8_t)(out[k / 2] << 4 | before);
	}
	return true;
}

static bool decrypt(const struct mr_smart_key *key, uint8_t text[static OCTETS_MAX], struct mr_smart_settings *out)
{
	if (key->len != 16 || !mr_aes128_ecb_decrypt(key->octets, text, OCTETS_MAX, text) || text[0] >= OCTETS_MAX)
		return false;
	for (unsigned i = 1u + text[0]; i < OCTETS_MAX; i++)
		if (text[i] != 0)
			return false;
	out->passphrase_len = text[0];
	mr_copy(out->passphrase, text + 1, text[0]);
	return true;
}

static bool finish(const union mr_smart_state *state, const struct mr_smart_key *key, const struct mr_overheard *frame,
		   struct mr_smart_settings *out)
{
	const struct mr_cc3000_field *fields = state->cc3000.fields;
	uint8_t text[OCTETS_MAX] = { 0 };
	bool ok = octets_of(&fields[SSID], out->ssid) && octets_of(&fields[PASSPHRASE], text);

	(void)frame;
	out->ssid_len = fields[SSID].len;
	if (key->len > 0) {
		ok = ok && fields[PASSPHRASE].len == OCTETS_MAX && decrypt(key, text, out);
	} else {
		out->passphrase_len = fields[PASSPHRASE].len;
		mr_copy(out->passphrase, text, OCTETS_MAX);
	}
	mr_wipe(text, sizeof(text));
	return ok;
}

static unsigned nibbles_of(const struct mr_cc3000_field *field)
{
	return mr_cells_set(field->sure, field->sure_len ? 2u * field->len : 2u * OCTETS_MAX);
}

static unsigned units(const union mr_smart_state *state, unsigned *of)
{
	const struct mr_cc3000_field *fields = state->cc3000.fields;
	bool known = fields[SSID].sure_len && fields[PASSPHRASE].sure_len;

	*of = known ? 2u * (fields[SSID].len + fields[PASSPHRASE].len) : 0;
	return nibbles_of(&fields[SSID]) + nibbles_of(&fields[PASSPHRASE]);
}

const struct mr_smart_coder mr_smart_cc3000 = {
	.scheme = MR_SMART_CC3000,
	.unicast = true,
	.keyed = true,
	.begins = begins,
	.guides = guides,
	.hear = hear,
	.finish = finish,
	.units = units,
};
