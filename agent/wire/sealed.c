#include "agent/wire/sealed.h"

#include "agent/port/crypto.h"
#include "agent/wire/hkdf.h"

#define VERSION 0x10
#define CLEAR_LEN 11 /* version and size, issue, lifetime */
#define TAG_LEN 16
#define INNER_MAX (MR_SEALED_MAX - CLEAR_LEN - TAG_LEN)
#define SIZE_LEAST 1 /* in units of 32 octets, less one */
#define SIZE_MOST 3

/* --- the message --- */

static size_t octets_of(unsigned size) { return 32 * (size + 1u); }

/* The octets of the message that begins here; 0: none does. */
static size_t message_len(const uint8_t *message, size_t len)
{
	unsigned size = len > 0 ? message[0] ^ VERSION : 0;

	return size >= SIZE_LEAST && size <= SIZE_MOST && len >= octets_of(size) ? octets_of(size) : 0;
}

static bool is_sendable(const struct mr_sealed *m)
{
	bool secret = m->security != MR_SECURITY_OPEN;

	return m->issue != 0 && m->lifetime_s != 0 && m->ssid_len >= 1 && m->ssid_len <= MR_SSID_MAX &&
	       m->security <= MR_SECURITY_WPA3 && m->passphrase_len >= (secret ? 8 : 0) &&
	       m->passphrase_len <= (secret ? MR_SEALED_PASSPHRASE_MAX : 0);
}

static bool derive(const uint8_t batch_key[static 32], uint64_t issue, uint8_t key[static 32], uint8_t iv[static 12])
{
	struct mr_wr w = mr_wr_over(iv, 12);

	mr_wr_be32(&w, 0);
	mr_wr_be64(&w, issue);
	return mr_hkdf_sha256("", 0, batch_key, 32, "millrace sealed", 15, key, 32);
}

bool mr_sealed_seal(const uint8_t batch_key[static 32], const struct mr_sealed *in, uint8_t out[static MR_SEALED_MAX],
		    size_t *len)
{
	uint8_t inner[INNER_MAX], key[32], iv[12];
	struct mr_wr clear = mr_wr_over(out, CLEAR_LEN), secret = mr_wr_over(inner, sizeof(inner));
	unsigned size = SIZE_LEAST;
	bool ok;

	*len = 0;
	mr_zero(out, MR_SEALED_MAX);
	if (!is_sendable(in))
		return false;
	while (octets_of(size) < CLEAR_LEN + 3u + in->ssid_len + in->passphrase_len + TAG_LEN)
		size++;
	mr_wr_u8(&clear, (uint8_t)(VERSION | size));
	mr_wr_le64(&clear, in->issue);
	mr_wr_le16(&clear, in->lifetime_s);
	mr_zero(inner, sizeof(inner));
	mr_wr_u8(&secret, in->security);
	mr_wr_u8(&secret, in->ssid_len);
	mr_wr_u8(&secret, in->passphrase_len);
	mr_wr_bytes(&secret, in->ssid, in->ssid_len);
	mr_wr_bytes(&secret, in->passphrase, in->passphrase_len);
	ok = derive(batch_key, in->issue, key, iv) &&
	     mr_aes_gcm_seal(key, iv, out, CLEAR_LEN, inner, octets_of(size) - CLEAR_LEN - TAG_LEN, out + CLEAR_LEN);
	*len = ok ? octets_of(size) : 0;
	mr_wipe(key, sizeof(key));
	mr_wipe(inner, sizeof(inner));
	return ok;
}

static bool read_inner(struct mr_rd in, struct mr_sealed *out)
{
	out->security = mr_rd_u8(&in);
	out->ssid_len = mr_rd_u8(&in);
	out->passphrase_len = mr_rd_u8(&in);
	if (out->ssid_len > sizeof(out->ssid) || out->passphrase_len > sizeof(out->passphrase))
		return false;
	mr_rd_copy(&in, out->ssid, out->ssid_len);
	mr_rd_copy(&in, out->passphrase, out->passphrase_len);
	return !in.bad && is_sendable(out);
}

bool mr_sealed_open(const uint8_t batch_key[static 32], const uint8_t *message, size_t len, struct mr_sealed *out)
{
	struct mr_rd in = mr_rd_over(message, len);
	uint8_t inner[INNER_MAX], key[32], iv[12];
	bool ok;

	*out = (struct mr_sealed){ 0 };
	if (len == 0 || message_len(message, len) != len)
		return false;
	mr_rd_skip(&in, 1);
	out->issue = mr_rd_le64(&in);
	out->lifetime_s = mr_rd_le16(&in);
	ok = derive(batch_key, out->issue, key, iv) &&
	     mr_aes_gcm_open(key, iv, message, CLEAR_LEN, in.at, in.left, inner) &&
	     read_inner(mr_rd_over(inner, in.left - TAG_LEN), out);
	mr_wipe(key, sizeof(key));
	mr_wipe(inner, sizeof(inner));
	if (!ok)
		mr_wipe(out, sizeof(*out));
	return ok;
}

bool mr_sealed_issue(const uint8_t *message, size_t len, uint64_t *issue)
{
	struct mr_rd in = mr_rd_over(message, len);

	mr_rd_skip(&in, 1);
	*issue = mr_rd_le64(&in);
	return len > 0 && message_len(message, len) == len && *issue != 0;
}

/* --- how a message lies in frames --- */

#define ANNOUNCEMENT 127 /* instead of a number */
#define CHECK_BITS 14

#define HEADER_ROUND 131
#define HEADER_GROUP 33

#define LENGTH_GROUPS 8
#define LENGTH_GROUP 33
#define LENGTH_ROUND (LENGTH_GROUPS * LENGTH_GROUP)
#define INDEX_AT 16 /* in a group */
#define PHASES 11   /* LENGTH_ROUND is a multiple of it */
#define POINTS 124
#define BITS 7

#define LENGTH_INDEX (PHASES << BITS)
#define LENGTH_SYNC MR_OVERHEARD_PAYLOAD_MAX
/* In front of the payload, octets: sheets of the published schemes have the same. All are even: headers of 24 and 26
 * octets, LLC and SNAP, IPv4, UDP; what encryption adds; HT control; an FCS that was counted. The longest base
 * with the longest index is shorter than a sync frame with the shortest base. */
#define BASE_LEAST MR_OVERHEARD_BASE
#define BASE_MOST (MR_OVERHEARD_BASE + 30)

/* What the first two octets of the tag, less two bits, say of the message. */
static uint16_t check_of(const uint8_t *message, size_t len)
{
	const uint8_t *tag = message + len - TAG_LEN;

	return (uint16_t)((tag[0] << 8 | tag[1]) >> (16 - CHECK_BITS));
}

static size_t halves_of(unsigned size) { return size == SIZE_LEAST ? 1 : 2; }

/* Symbols of 7 bits in each half. */
static size_t half_of(unsigned size)
{
	size_t symbols = (8 * octets_of(size) + BITS - 1) / BITS;

	return (symbols + halves_of(size) - 1) / halves_of(size);
}

/* Between 8 bits and 7: both ways the most significant bit comes first. */
static void repack(const uint8_t *from, size_t from_bits, size_t from_count, uint8_t *to, size_t to_bits,
		   size_t to_count)
{
	unsigned held = 0, bits = 0;
	size_t at = 0;

	for (size_t i = 0; i < to_count; i++) {
		while (bits < to_bits) {
			held = held << from_bits | (at < from_count ? from[at] : 0u);
			bits += (unsigned)from_bits;
			at++;
		}
		bits -= (unsigned)to_bits;
		to[i] = (uint8_t)(held >> bits & ((1u << to_bits) - 1));
	}
}

/* --- sending --- */

void mr_sealed_begin(struct mr_sealed_sender *sender, const uint8_t *message, size_t len, enum mr_sealed_form form)
{
	*sender = (struct mr_sealed_sender){ .form = form };
	sender->len = (uint8_t)message_len(message, len);
	mr_copy(sender->message, message, sender->len);
	repack(message, 8, sender->len, sender->symbols, BITS, sizeof(sender->symbols));
}

static unsigned size_of(const struct mr_sealed_sender *sender) { return sender->len / 32u - 1; }

static void address(const struct mr_sealed_sender *sender, uint8_t out[static 4])
{
	uint32_t at = sender->at;
	uint8_t number = (uint8_t)(at - at / HEADER_GROUP - 1);
	uint16_t said = (uint16_t)((size_of(sender) - SIZE_LEAST) << CHECK_BITS |
				   check_of(sender->message, sender->len));

	out[0] = 239; /* RFC 2365: administratively scoped */
	if (at % HEADER_GROUP == 0) {
		out[1] = ANNOUNCEMENT;
		out[2] = (uint8_t)(said >> 8);
		out[3] = (uint8_t)said;
		return;
	}
	out[1] = number;
	for (size_t lane = 0; lane < 2; lane++)
		out[2 + lane] = mr_erasure_value(MR_ERASURE_GF256, sender->message + lane, sender->len / 2u, 2, number);
}

/* The symbol of a place in the round, from 0 to 247: which half, and which point of it. */
static void place(unsigned size, size_t position, size_t *half, uint8_t *point)
{
	size_t at = position % LENGTH_GROUP;
	size_t i = position / LENGTH_GROUP * (LENGTH_GROUP - 2) + at - (at > INDEX_AT ? 2 : 1);

	*half = i % halves_of(size);
	*point = (uint8_t)(i / halves_of(size) % POINTS);
}

static size_t length(const struct mr_sealed_sender *sender)
{
	unsigned size = size_of(sender);
	size_t position = sender->round, half, k = half_of(size);
	uint8_t point;

	if (position % LENGTH_GROUP == 0)
		return LENGTH_SYNC;
	if (position % LENGTH_GROUP == INDEX_AT)
		return LENGTH_INDEX + (size - SIZE_LEAST) * LENGTH_GROUPS + position / LENGTH_GROUP;
	place(size, position, &half, &point);
	return position % PHASES << BITS | mr_erasure_value(MR_ERASURE_GF128, sender->symbols + half * k, k, 1, point);
}

void mr_sealed_next(struct mr_sealed_sender *sender, struct mr_sealed_frame *out)
{
	bool by_length = sender->form == MR_SEALED_BY_LENGTHS;

	*out = (struct mr_sealed_frame){ .payload = sender->message, .gap_us = MR_SEALED_GAP_US };
	address(sender, out->destination);
	out->length = by_length ? length(sender) : sender->len;
	out->payload_len = out->length >= sender->len ? sender->len : 0;
	sender->at = (sender->at + 1) % HEADER_ROUND;
	sender->round = (sender->round + 1) % LENGTH_ROUND;
	out->ends_round = by_length ? sender->round == 0 : sender->at == 0;
}

/* --- listening: from whom --- */

#define SILENCE_US 1000000
#define BEGINNING_US 100000 /* the same for one that has hardly begun: stray frames to groups are common */
#define BEGINNING_FRAMES 4
#define IDLE_MOST 128	/* frames with nothing new: about a round */
#define FAILURES_MOST 2 /* the first may have been spoiled */
#define PASSED_US 2000000
#define AGAIN_US 10000000

static void lose_place(struct mr_sealed_listener *l)
{
	l->placed = false;
	l->raw_count = 0;
}

static void collect_anew(struct mr_sealed_listener *l)
{
	if (l->done_us != 0)
		l->failures = 0;
	lose_place(l);
	mr_zero(l->halves, sizeof(l->halves));
	l->size = 0;
	l->check = 0;
	l->done_us = 0;
	l->idle = 0;
}

static void leave(struct mr_sealed_listener *l)
{
	collect_anew(l);
	mr_zero(&l->source, sizeof(l->source));
	l->frames = 0;
	l->failures = 0;
	l->base = 0;
}

static void pass_over(struct mr_sealed_listener *l, uint64_t now_us)
{
	size_t oldest = 0;

	for (size_t i = 1; i < MR_SEALED_PASSED_MAX; i++)
		if (l->passed[i].until_us < l->passed[oldest].until_us)
			oldest = i;
	mr_copy(l->passed[oldest].address, l->source.address, 6);
	l->passed[oldest].until_us = now_us + PASSED_US;
	leave(l);
}

static bool is_passed_over(const struct mr_sealed_listener *l, const uint8_t address[static 6], uint64_t now_us)
{
	for (size_t i = 0; i < MR_SEALED_PASSED_MAX; i++)
		if (now_us < l->passed[i].until_us && mr_equal(l->passed[i].address, address, 6))
			return true;
	return false;
}

static void fail(struct mr_sealed_listener *l)
{
	l->done_us = 0;
	collect_anew(l);
	if (l->failures < FAILURES_MOST)
		l->failures++;
}

static bool is_source(const struct mr_sealed_listener *l, const struct mr_overheard *frame, enum mr_sealed_form form)
{
	return l->source.taken && mr_equal(l->source.address, frame->source, 6) &&
	       mr_equal(l->source.bssid, frame->bssid, 6) && l->source.from_ds == frame->from_ds &&
	       l->source.qos == frame->qos && l->source.protected == frame->protected && l->source.form == form;
}

/* It brings nothing, or nothing for us: who else speaks has a turn. Alone it goes on. */
static bool is_barren(const struct mr_sealed_listener *l)
{
	return l->source.taken && (l->idle > IDLE_MOST || l->failures == FAILURES_MOST);
}

static bool is_silent(const struct mr_sealed_listener *l, uint64_t now_us)
{
	return now_us - l->heard_us > (l->frames < BEGINNING_FRAMES ? BEGINNING_US : SILENCE_US);
}

/* Is it the turn of whoever sent this? */
static bool follow(struct mr_sealed_listener *l, const struct mr_overheard *frame, enum mr_sealed_form form,
		   uint64_t now_us)
{
	if (is_source(l, frame, form) && now_us - l->heard_us <= SILENCE_US)
		return true;
	if (is_passed_over(l, frame->source, now_us) || (l->source.taken && !is_silent(l, now_us) && !is_barren(l)))
		return false;
	if (is_barren(l))
		pass_over(l, now_us);
	leave(l);
	mr_copy(l->source.address, frame->source, 6);
	mr_copy(l->source.bssid, frame->bssid, 6);
	l->source.taken = true;
	l->source.from_ds = frame->from_ds;
	l->source.qos = frame->qos;
	l->source.protected = frame->protected;
	l->source.form = form;
	return true;
}

/* --- listening: what --- */

/* By headers the message lies as it is in the sums; by lengths it is put together in place, for symbols are read
 * faster than octets are written. */
static enum mr_sealed_heard give_out(struct mr_sealed_listener *l, uint64_t now_us, struct mr_rd *message)
{
	const uint8_t *at = l->halves[0].sum;

	size_t len = octets_of(l->size);

	if (message_len(at, len) != len || (l->source.form == MR_SEALED_BY_HEADERS && l->check != check_of(at, len))) {
		fail(l);
		return MR_SEALED_PART;
	}
	*message = mr_rd_over(at, len);
	l->done_us = now_us + AGAIN_US;
	return MR_SEALED_MESSAGE;
}

/* What was collected before the first announcement counts, for it may well be of the same message. */
static void on_announcement(struct mr_sealed_listener *l, uint16_t said)
{
	uint8_t size = (uint8_t)((said >> CHECK_BITS) + SIZE_LEAST);
	uint16_t check = said & ((1u << CHECK_BITS) - 1);

	if (size > SIZE_MOST || (size == l->size && check == l->check))
		return;
	if (l->size != 0 || l->halves[0].have > octets_of(size) / 2)
		collect_anew(l);
	l->size = size;
	l->check = check;
}

/*
 * No announcement was heard yet, but one more symbol than the message has shows it too: it lies on the polynomial of
 * those before. By chance it does so once in 65536 times, and then the tag is wrong.
 */
static void guess_size(struct mr_sealed_listener *l)
{
	for (uint8_t size = SIZE_LEAST; size <= SIZE_MOST && l->size == 0; size++) {
		size_t k = octets_of(size) / 2;

		if (l->halves[0].have == (k < mr_erasure_room(2) ? k + 1 : k)) {
			l->size = size;
			l->check = check_of(l->halves[0].sum, octets_of(size));
		}
	}
}

static void on_symbol(struct mr_sealed_listener *l, uint8_t number, const uint8_t value[static 2])
{
	switch (mr_erasure_take(&l->halves[0], MR_ERASURE_GF256, 2, number, value)) {
	case MR_ERASURE_NEW: l->idle = 0; return;
	case MR_ERASURE_AGREES: guess_size(l); return;
	case MR_ERASURE_KNOWN: return;
	case MR_ERASURE_CONTRADICTS: fail(l); return;
	}
}

static enum mr_sealed_heard on_address(struct mr_sealed_listener *l, const uint8_t symbol[static 3], uint64_t now_us,
				       struct mr_rd *message)
{
	if (symbol[0] == ANNOUNCEMENT)
		on_announcement(l, (uint16_t)(symbol[1] << 8 | symbol[2]));
	else if (l->done_us == 0 && symbol[0] < ANNOUNCEMENT)
		on_symbol(l, symbol[0], symbol + 1);
	if (l->done_us == 0 && l->size != 0 && l->halves[0].have >= octets_of(l->size) / 2)
		return give_out(l, now_us, message);
	return MR_SEALED_PART;
}

/* A length that can be one of ours with this base? */
static bool is_in_range(const struct mr_sealed_listener *l, uint16_t octets)
{
	size_t n = octets - l->base;

	return octets >= l->base && (n == LENGTH_SYNC || n < LENGTH_INDEX + SIZE_MOST * LENGTH_GROUPS);
}

static bool is_index(const struct mr_sealed_listener *l, uint16_t octets)
{
	return octets >= l->base + LENGTH_INDEX && octets < l->base + LENGTH_INDEX + SIZE_MOST * LENGTH_GROUPS;
}

static bool is_sync(const struct mr_sealed_listener *l, uint16_t octets) { return octets == l->base + LENGTH_SYNC; }

static size_t index_position(const struct mr_sealed_listener *l, uint16_t octets)
{
	return (size_t)(octets - l->base - LENGTH_INDEX) % LENGTH_GROUPS * LENGTH_GROUP + INDEX_AT;
}

/* Does a frame of this length stand there in the round? */
static bool fits(const struct mr_sealed_listener *l, uint16_t octets, size_t position)
{
	if (is_sync(l, octets))
		return position % LENGTH_GROUP == 0;
	if (is_index(l, octets))
		return position == index_position(l, octets);
	return position % LENGTH_GROUP != 0 && position % LENGTH_GROUP != INDEX_AT &&
	       position % PHASES == (size_t)(octets - l->base) >> BITS;
}

/* The nearest place after (step 1) or before `from` where it fits, less than a turn of the phases away; else none. */
static bool find_place(const struct mr_sealed_listener *l, uint16_t octets, size_t *position, bool back)
{
	for (size_t i = 1; i <= PHASES; i++) {
		size_t at = (*position + (back ? LENGTH_ROUND - i : i)) % LENGTH_ROUND;

		if (fits(l, octets, at)) {
			*position = at;
			return true;
		}
	}
	return false;
}

static bool take_length(struct mr_sealed_listener *l, uint16_t octets, size_t position)
{
	uint8_t point, value = (uint8_t)((octets - l->base) & ((1 << BITS) - 1));
	size_t half;

	if (is_sync(l, octets) || is_index(l, octets))
		return true;
	place(l->size, position, &half, &point);
	if (l->halves[half].have >= half_of(l->size))
		return true;
	switch (mr_erasure_take(&l->halves[half], MR_ERASURE_GF128, 1, point, &value)) {
	case MR_ERASURE_NEW:
	case MR_ERASURE_AGREES: l->idle = 0; return true;
	case MR_ERASURE_KNOWN: return true;
	case MR_ERASURE_CONTRADICTS: break;
	}
	return false;
}

/* Takes the frames that were kept, from one whose place is known: backwards to the oldest, or on to the newest. */
static bool take_raw(struct mr_sealed_listener *l, size_t from, size_t position, bool back)
{
	for (size_t i = from; back ? i-- > 0 : ++i < l->raw_count;)
		if (!find_place(l, l->raw[i], &position, back) || !take_length(l, l->raw[i], position))
			return false;
	l->position = (uint16_t)position;
	return true;
}

static void set_size(struct mr_sealed_listener *l, uint16_t octets)
{
	uint8_t size = (uint8_t)((octets - l->base - LENGTH_INDEX) / LENGTH_GROUPS + SIZE_LEAST);

	if (l->size != size)
		mr_zero(l->halves, sizeof(l->halves));
	l->size = size;
}

/* Once a frame that says where it is has been heard, all that was kept has its place too. */
static void place_raw(struct mr_sealed_listener *l)
{
	for (size_t i = l->raw_count; i-- > 0;) {
		if (!is_index(l, l->raw[i]))
			continue;
		set_size(l, l->raw[i]);
		if (take_raw(l, i, index_position(l, l->raw[i]), true) &&
		    take_raw(l, i, index_position(l, l->raw[i]), false)) {
			l->placed = true;
			l->raw_count = 0;
		} else {
			collect_anew(l);
		}
		return;
	}
}

static void keep_raw(struct mr_sealed_listener *l, uint16_t octets)
{
	if (l->raw_count == MR_SEALED_RAW_MAX) {
		l->raw_count--;
		for (size_t i = 0; i < l->raw_count; i++)
			l->raw[i] = l->raw[i + 1];
	}
	l->raw[l->raw_count++] = octets;
}

static void find_base(struct mr_sealed_listener *l, uint16_t octets)
{
	uint16_t base = octets > LENGTH_SYNC ? (uint16_t)(octets - LENGTH_SYNC) : 0;

	if (l->base == 0 && base >= BASE_LEAST && base <= BASE_MOST && base % 2 == 0)
		l->base = base;
}

static bool all_halves(const struct mr_sealed_listener *l)
{
	for (size_t half = 0; half < halves_of(l->size); half++)
		if (l->halves[half].have < half_of(l->size))
			return false;
	return true;
}

static void put_together(struct mr_sealed_listener *l)
{
	uint8_t symbols[2 * MR_ERASURE_SYMBOLS_MAX] = { 0 };
	size_t k = half_of(l->size);

	for (size_t half = 0; half < halves_of(l->size); half++)
		mr_copy(symbols + half * k, l->halves[half].sum, k);
	repack(symbols, BITS, sizeof(symbols), l->halves[0].sum, 8, octets_of(l->size));
}

/* The place of one whose predecessor has one. false: a frame of another message, or too many were lost. */
static bool step(struct mr_sealed_listener *l, uint16_t octets)
{
	size_t position = l->position;

	if (!find_place(l, octets, &position, false))
		return false;
	if (is_index(l, octets))
		set_size(l, octets);
	l->position = (uint16_t)position;
	return take_length(l, octets, position);
}

static enum mr_sealed_heard on_length(struct mr_sealed_listener *l, uint16_t octets, uint64_t now_us,
				      struct mr_rd *message)
{
	find_base(l, octets);
	if (l->done_us != 0 || (l->base != 0 && !is_in_range(l, octets)))
		return MR_SEALED_PART;
	if (l->placed && !step(l, octets))
		collect_anew(l);
	if (!l->placed) {
		keep_raw(l, octets);
		if (l->base != 0)
			place_raw(l);
	}
	if (!l->placed || !all_halves(l))
		return MR_SEALED_PART;
	put_together(l);
	return give_out(l, now_us, message);
}

/* A payload that was refused before is not given out again. */
static bool is_payload(const struct mr_sealed_listener *l, const struct mr_overheard *frame, struct mr_rd *message)
{
	size_t len = frame->port == MR_SEALED_PORT ? message_len(frame->payload.at, frame->payload.left) : 0;

	*message = mr_rd_over(frame->payload.at, len);
	return len > 0 && !mr_equal(l->refused, frame->payload.at, len);
}

/* The phases would make of one frame that was heard twice two with ten lost ones between. */
static bool is_repetition(const struct mr_sealed_listener *l, const struct mr_overheard *frame)
{
	return l->source.form == MR_SEALED_BY_LENGTHS && l->frames > 0 && frame->sequence == l->sequence &&
	       frame->octets == l->octets;
}

enum mr_sealed_heard mr_sealed_hear(struct mr_sealed_listener *l, const struct mr_overheard *frame, uint64_t now_us,
				    struct mr_rd *message)
{
	static const uint8_t group[3] = { 0x01, 0x00, 0x5e };
	enum mr_sealed_form form = mr_equal(frame->destination, group, 3) ? MR_SEALED_BY_HEADERS : MR_SEALED_BY_LENGTHS;
	uint64_t silent_us;

	if (is_payload(l, frame, message))
		return MR_SEALED_MESSAGE;
	*message = mr_rd_over(NULL, 0);
	if (!(frame->destination[0] & 1) || (frame->port != 0 && frame->port != MR_SEALED_PORT) ||
	    !follow(l, frame, form, now_us))
		return MR_SEALED_FOREIGN;
	if (is_repetition(l, frame))
		return MR_SEALED_PART;
	silent_us = l->frames > 0 ? now_us - l->heard_us : 0;
	if (silent_us > (PHASES - 1) * MR_SEALED_GAP_US)
		lose_place(l);
	if (l->done_us != 0 && now_us >= l->done_us)
		collect_anew(l);
	l->heard_us = now_us;
	l->sequence = frame->sequence;
	l->octets = frame->octets;
	l->idle++;
	if (l->frames < BEGINNING_FRAMES)
		l->frames++;
	return form == MR_SEALED_BY_HEADERS ? on_address(l, frame->destination + 3, now_us, message)
					    : on_length(l, frame->octets, now_us, message);
}

void mr_sealed_refuse(struct mr_sealed_listener *l, struct mr_rd message)
{
	if (message.at == l->halves[0].sum)
		fail(l);
	else
		mr_copy(l->refused, message.at, message.left < sizeof(l->refused) ? message.left : sizeof(l->refused));
}
