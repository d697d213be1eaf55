/* The listener: who is followed, what is a repetition, which scheme it is. */
#include "agent/wire/smartconfig.h"

#include "agent/wire/smartconfig_coder.h"

/* Without anything new for so long, a sender that was recognised is no better than any other. */
#define HOLD_US 10000000u
/* After so long a pattern of another scheme is believed. */
#define CHANGE_US 2000000u

static const struct {
	const char *name;
	size_t len;
} names[MR_SMART_COUNT] = {
	[MR_SMART_ESPTOUCH1] = { "esptouch-v1", 11 }, [MR_SMART_ESPTOUCH2] = { "esptouch-v2", 11 },
	[MR_SMART_AIRKISS] = { "airkiss", 7 },	      [MR_SMART_CC3000] = { "cc3000", 6 },
	[MR_SMART_EZCONNECT] = { "ezconnect", 9 },
};

const char *mr_smart_name(enum mr_smart_scheme scheme)
{
	return (unsigned)scheme < MR_SMART_COUNT ? names[scheme].name : NULL;
}

enum mr_smart_scheme mr_smart_named(const char *name, size_t len)
{
	for (unsigned i = 1; i < MR_SMART_COUNT; i++)
		if (len == names[i].len && mr_equal(name, names[i].name, len))
			return (enum mr_smart_scheme)i;
	return MR_SMART_NONE;
}

void mr_smart_ack_of(enum mr_smart_scheme scheme, const struct mr_smart_settings *settings, struct mr_smart_ack *out)
{
	*out = (struct mr_smart_ack){ 0 };
	switch (scheme) {
	case MR_SMART_ESPTOUCH1: *out = (struct mr_smart_ack){ .port = 18266, .octets = 11 }; break;
	case MR_SMART_ESPTOUCH2:
		*out = (struct mr_smart_ack){ .port = (uint16_t)(18266 + 10000 * (settings->token & 3)), .octets = 7 };
		break;
	case MR_SMART_AIRKISS: *out = (struct mr_smart_ack){ .port = 10000, .octets = 7, .wake_port = 10001 }; break;
	case MR_SMART_CC3000: /* it is announced by mDNS */
	case MR_SMART_EZCONNECT:
	case MR_SMART_NONE:
	case MR_SMART_COUNT: return;
	}
	out->token = settings->token;
}

/* --- lengths --- */

/* IEEE 802.11-2020 12.3.2, 12.5.2, 12.5.3, 12.5.5: 24 octets of header, 8 of LLC/SNAP, 28 of IP and UDP, the cipher's.
 */
static const uint8_t open_bases[] = { MR_OVERHEARD_BASE };
static const uint8_t protected_bases[] = { MR_OVERHEARD_BASE + 8, MR_OVERHEARD_BASE + 16, MR_OVERHEARD_BASE + 20,
					   MR_OVERHEARD_BASE + 24 };

bool mr_smart_offset(const struct mr_overheard *frame, int offset)
{
	const uint8_t *bases = frame->protected ? protected_bases : open_bases;
	size_t count = frame->protected ? sizeof(protected_bases) : sizeof(open_bases);

	offset -= frame->qos ? 2 : 0;
	for (size_t i = 0; i < count; i++)
		if (offset == bases[i] || offset == bases[i] + 4)
			return true;
	return false;
}

bool mr_smart_may_be(const struct mr_overheard *frame, int first, int last)
{
	for (int length = first; length <= last; length++)
		if (mr_smart_offset(frame, frame->octets - length))
			return true;
	return false;
}

/* --- cells --- */

enum mr_cell mr_cell_put(const struct mr_cells *cells, unsigned i, const uint8_t *value, bool is_sure)
{
	uint8_t *at = cells->values + cells->n * i;
	enum mr_cell put = mr_cell_judge(mr_cell_is(cells->have, i), mr_cell_is(cells->sure, i),
					 mr_equal(at, value, cells->n), is_sure);

	if (put == MR_CELL_CHANGED) {
		mr_wipe(cells->have, MR_SMART_CELLS(cells->count));
		mr_wipe(cells->sure, MR_SMART_CELLS(cells->count));
	}
	if (put == MR_CELL_SAME)
		return put;
	mr_copy(at, value, cells->n);
	mr_cell_set(cells->have, i, true);
	mr_cell_set(cells->sure, i, is_sure || put == MR_CELL_SURER);
	return put;
}

unsigned mr_cells_set(const uint8_t *set, unsigned n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += mr_cell_is(set, i);
	return count;
}

/* --- streams --- */

static bool same_stream(const struct mr_smart_stream *s, const struct mr_overheard *frame)
{
	return s->used && s->from_ds == frame->from_ds && s->qos == frame->qos && s->protected == frame->protected &&
	       s->group == (frame->destination[0] & 1) && mr_equal(s->bssid, frame->bssid, 6) &&
	       mr_equal(s->source, frame->source, 6);
}

static bool listens(const struct mr_smart_listener *listener, const struct mr_smart_coder *coder,
		    const struct mr_overheard *frame)
{
	return (listener->key_len == 0 || coder->keyed) && (coder->unicast || frame->destination[0] & 1);
}

static bool may_begin(const struct mr_smart_listener *listener, const struct mr_overheard *frame)
{
	for (const struct mr_smart_coder *const *coder = listener->coders; *coder; coder++)
		if (listens(listener, *coder, frame) && (*coder)->begins(frame))
			return true;
	return false;
}

/* The one that is missed least: unused, never recognised, recognised long ago. NULL: all are busy. */
static struct mr_smart_stream *spare(struct mr_smart_listener *listener, uint64_t now_us)
{
	struct mr_smart_stream *best = NULL;

	for (int i = 0; i < MR_SMART_STREAMS; i++) {
		struct mr_smart_stream *s = &listener->streams[i];

		if (!s->used)
			return s;
		if (s->coder && now_us - s->useful_us < HOLD_US)
			continue;
		if (!best || s->heard_us < best->heard_us)
			best = s;
	}
	return best;
}

static struct mr_smart_stream *follow(struct mr_smart_listener *listener, const struct mr_overheard *frame,
				      uint64_t now_us)
{
	struct mr_smart_stream *s;

	for (int i = 0; i < MR_SMART_STREAMS; i++)
		if (same_stream(&listener->streams[i], frame))
			return &listener->streams[i];
	s = may_begin(listener, frame) ? spare(listener, now_us) : NULL;
	if (!s)
		return NULL;
	mr_wipe(s, sizeof(*s));
	mr_copy(s->bssid, frame->bssid, 6);
	mr_copy(s->source, frame->source, 6);
	s->used = true;
	s->from_ds = frame->from_ds;
	s->qos = frame->qos;
	s->protected = frame->protected;
	s->group = frame->destination[0] & 1;
	s->numbered = true;
	s->stride = 1;
	s->sequence = frame->sequence;
	return s;
}

enum order { ORDER_NEXT, ORDER_LATE, ORDER_REPEATED };

/* 0: it is no whole number of strides. */
static uint8_t in_strides(const struct mr_smart_stream *s, uint8_t step)
{
	return (uint8_t)(step % s->stride == 0 ? step / s->stride : 0);
}

/* In a pattern nothing is lost: equal steps in it are the stride. */
static void learn_stride(struct mr_smart_stream *s)
{
	uint8_t step = s->steps[0];

	if (step > 0 && s->steps[1] == step && s->steps[2] == step)
		s->stride = step;
}

/*
 * IEEE 802.11-2020 10.3.2.14. A repeated frame has the number of the first, and is longer under way than others of its
 * block. Some senders have one number for all that they inject: then nothing is dropped that is not called a retry.
 */
static enum order place(struct mr_smart_stream *s, const struct mr_overheard *frame, uint8_t *step)
{
	unsigned ahead = (frame->sequence - s->sequence) & 0xfff, behind = (s->sequence - frame->sequence) & 0xfff;

	*step = 0;
	if (ahead == 0 && s->window != 0) {
		bool same = frame->octets == s->last[0] && mr_equal(frame->destination, s->destination, 6);

		s->numbered = s->numbered && (frame->retry || same);
		return s->numbered || frame->retry ? ORDER_REPEATED : ORDER_NEXT;
	}
	if (behind < 32 && behind > 0 && s->numbered) {
		bool heard = s->window >> behind & 1;

		s->window |= (uint32_t)1 << behind;
		return heard ? ORDER_REPEATED : ORDER_LATE;
	}
	if (s->window != 0 && s->numbered && ahead < 256)
		*step = (uint8_t)ahead;
	s->window = (ahead < 32 ? s->window << ahead : 0) | 1;
	s->sequence = frame->sequence;
	return ORDER_NEXT;
}

static void remember(struct mr_smart_stream *s, uint16_t octets, uint8_t step)
{
	const uint8_t size = sizeof(s->last) / sizeof(s->last[0]);

	for (int i = size - 1; i > 0; i--) {
		s->last[i] = s->last[i - 1];
		s->steps[i] = s->steps[i - 1];
	}
	s->last[0] = octets;
	s->steps[0] = step;
	if (s->last_count < size)
		s->last_count++;
}

/* --- patterns --- */

/* What comes before this frame and is remembered may be of the message already. */
static void recall(struct mr_smart_stream *s, const struct mr_overheard *frame)
{
	for (int i = s->last_count - 1; i > 0; i--) {
		struct mr_smart_heard heard = { frame, (uint16_t)(s->last[i] - s->offset), in_strides(s, s->steps[i]) };

		if (s->last[i] >= s->offset)
			(void)s->coder->hear(&s->state, &heard);
	}
}

/* A pattern of the scheme that it is in already changes nothing, unless the frames have become longer. */
static bool recognise(struct mr_smart_listener *listener, struct mr_smart_stream *s, const struct mr_overheard *frame,
		      uint64_t now_us)
{
	for (const struct mr_smart_coder *const *coder = listener->coders; *coder; coder++) {
		uint16_t offset = 0;

		if (!listens(listener, *coder, frame) || !(*coder)->guides(s, frame, &offset))
			continue;
		if (s->coder && s->coder != *coder && now_us - s->useful_us < CHANGE_US)
			continue;
		learn_stride(s);
		s->useful_us = now_us;
		if (s->coder == *coder && s->offset == offset)
			return true;
		mr_wipe(&s->state, sizeof(s->state));
		s->coder = *coder;
		s->offset = offset;
		recall(s, frame);
		return true;
	}
	return false;
}

static enum mr_smart_result finish(struct mr_smart_listener *listener, struct mr_smart_stream *s,
				   const struct mr_overheard *frame)
{
	const struct mr_smart_key key = { listener->key, listener->key_len };
	struct mr_smart_settings settings = { 0 };
	bool ok = s->coder->finish(&s->state, &key, frame, &settings);

	mr_wipe(&s->state, sizeof(s->state));
	if (ok) {
		s->state.settings = settings;
		listener->complete = (uint8_t)(1 + (s - listener->streams));
	} else {
		listener->spoilt++;
	}
	mr_wipe(&settings, sizeof(settings));
	return ok ? MR_SMART_COMPLETE : MR_SMART_NOTHING;
}

enum mr_smart_result mr_smart_hear(struct mr_smart_listener *listener, const struct mr_overheard *frame,
				   uint64_t now_us)
{
	struct mr_smart_stream *s;
	struct mr_smart_heard heard = { .frame = frame };
	enum mr_smart_result result = MR_SMART_NOTHING;
	enum order order;
	bool guide;

	listener->frames++;
	if (listener->complete)
		return MR_SMART_COMPLETE;
	s = follow(listener, frame, now_us);
	if (!s)
		return MR_SMART_NOTHING;
	s->heard_us = now_us;
	order = place(s, frame, &heard.step);
	if (order == ORDER_REPEATED)
		listener->repeats++;
	if (order != ORDER_NEXT)
		return MR_SMART_NOTHING;
	remember(s, frame->octets, heard.step);
	mr_copy(s->destination, frame->destination, 6);
	guide = recognise(listener, s, frame, now_us);
	if (s->coder && frame->octets >= s->offset) {
		heard.length = (uint16_t)(frame->octets - s->offset);
		heard.step = in_strides(s, heard.step);
		result = s->coder->hear(&s->state, &heard);
	}
	if (result == MR_SMART_PROGRESS || result == MR_SMART_COMPLETE)
		s->useful_us = now_us;
	if (result == MR_SMART_COMPLETE)
		result = finish(listener, s, frame);
	return result == MR_SMART_NOTHING && guide ? MR_SMART_GUIDE : result;
}

enum mr_smart_scheme mr_smart_take(struct mr_smart_listener *listener, struct mr_smart_settings *out)
{
	struct mr_smart_stream *s;
	enum mr_smart_scheme scheme;

	if (!listener->complete)
		return MR_SMART_NONE;
	s = &listener->streams[listener->complete - 1];
	scheme = s->coder->scheme;
	*out = s->state.settings;
	mr_wipe(s, sizeof(*s));
	listener->complete = 0;
	return scheme;
}

void mr_smart_forget(struct mr_smart_listener *listener)
{
	mr_wipe(listener->streams, sizeof(listener->streams));
	listener->complete = 0;
}

void mr_smart_progress(const struct mr_smart_listener *listener, enum mr_smart_scheme *scheme, unsigned *have,
		       unsigned *of)
{
	*scheme = MR_SMART_NONE;
	*have = *of = 0;
	for (int i = 0; i < MR_SMART_STREAMS; i++) {
		const struct mr_smart_stream *s = &listener->streams[i];
		unsigned units, total = 0;

		if (!s->used || !s->coder || listener->complete == i + 1)
			continue;
		units = s->coder->units(&s->state, &total);
		if (*scheme != MR_SMART_NONE && units <= *have)
			continue;
		*scheme = s->coder->scheme;
		*have = units;
		*of = total;
	}
}

enum mr_smart_scheme mr_smart_scheme_of(const struct mr_smart_stream *stream, unsigned *have, unsigned *of)
{
	unsigned units, total = 0;

	if (!stream->used || !stream->coder)
		return MR_SMART_NONE;
	if (have && of) {
		units = stream->coder->units(&stream->state, &total);
		*have = units;
		*of = total;
	}
	return stream->coder->scheme;
}
