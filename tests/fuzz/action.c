/*
 * The link to one device against whatever comes, from every state it can be in: raw frames, true frames with octets
 * changed, true frames at the wrong time, reports, lost and late ones, time, requests. Whatever is given out as an
 * answer must be one that the device gave, whole and to this very question.
 *
 * links: station/link/action.c agent/wire/frame.c agent/wire/noise.c agent/wire/hkdf.c
 * links: agent/port/linux/crypto_openssl.c
 * links: station/base/log.c agent/wire/cause.c
 */
#include "agent/wire/cause.h"
#include "tests/unit/action_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct script {
	struct bench *b;
	struct mr_rd in;
	uint8_t fill[3 * MR_FRAGMENT_MAX];
	uint8_t what[4]; /* reports that are still to come */
	unsigned late, polls;
	size_t answer_len; /* the device's own answer to the question that is open; 0: not drawn yet */
};

static void check(const struct script *s, int event)
{
	const struct bench *b = s->b;
	const struct action_link *l = &b->link;

	assert(l->state <= ACTION_WAITING);
	assert(l->fragments <= MR_FRAGMENTS_MAX && l->in_fragments <= MR_FRAGMENTS_MAX);
	assert(!((l->to_send | l->in_air | l->lost | l->have) & ~7));
	assert((l->state != ACTION_ASKING && l->state != ACTION_WAITING) || (l->out && l->seq > 0));
	assert(l->state >= ACTION_ANSWERING || !l->out);
	assert(!l->have || l->in);
	assert(l->silent_us < l->base.patience_us || event < 0);
	if (event == ACTION_RESPONSE) {
		assert(l->state == ACTION_IDLE && b->message_len == s->answer_len);
		assert(memcmp(b->message, s->fill, b->message_len) == 0);
	} else if (event == ACTION_HANDSHAKE) {
		assert(l->noise && b->message_len == sizeof(STATUS) && memcmp(b->message, STATUS, sizeof(STATUS)) == 0);
	} else if (event == ACTION_RESTARTED) {
		assert(l->state == ACTION_WAITING || l->state == ACTION_ASKING);
		assert(s->polls >= 2);
	} else {
		assert(event == ACTION_NOTHING || event == -MR_CAUSE_NO_ANSWER ||
		       event == -MR_CAUSE_HANDSHAKE_TIMEOUT || event == -MR_CAUSE_BAD_RESPONSE ||
		       event == -MR_CAUSE_NO_MEMORY);
	}
}

/* What a true device might send in any state, at the right moment or not. */
static size_t true_frame(struct script *s, uint8_t frame[static MR_FRAME_MAX])
{
	struct bench *b = s->b;
	uint8_t kind = mr_rd_u8(&s->in), detail = mr_rd_u8(&s->in);

	switch (kind & 3) {
	case 0:
		if (b->link.state < ACTION_ANSWERING) /* a new one would end the old keys in this double */
			return device_handshake_1(b, frame);
		return 0;
	case 1:
		return device_progress(b, (enum mr_progress_state)(1 + (detail & 3)),
				       (uint16_t)(b->link.seq + (detail >> 7)), detail >> 2 & 7, mr_rd_le16(&s->in),
				       frame);
	default:
		if (b->link.state < ACTION_ASKING)
			return 0;
		if (!s->answer_len)
			s->answer_len = 1 + (kind >> 2) * 70u % sizeof(s->fill);
		return device_response(b, b->link.seq, s->fill, s->answer_len,
				       detail % ((unsigned)((s->answer_len + MR_FRAGMENT_MAX - 1) / MR_FRAGMENT_MAX)),
				       frame);
	}
}

static int receive(struct script *s, bool change)
{
	uint8_t frame[RADIO_FRAME_MAX];
	size_t len = true_frame(s, frame);

	if (change && len) {
		for (unsigned n = mr_rd_u8(&s->in) & 3; n > 0; n--) {
			uint16_t at = mr_rd_le16(&s->in);

			frame[at % len] ^= mr_rd_u8(&s->in);
		}
		len -= mr_rd_u8(&s->in) % len;
	}
	return bench_air(s->b, frame, len);
}

/* A head that gets past the parser, then the script's own octets. */
static int receive_raw(struct script *s)
{
	uint8_t frame[RADIO_FRAME_MAX], type = mr_rd_u8(&s->in), n = mr_rd_u8(&s->in);
	struct mr_rd body = mr_rd_sub(&s->in, n < s->in.left ? n : s->in.left);
	struct mr_frame f = { .type = MR_PROGRESS, .progress = { bench_session(s->b), 1, 1, 0, 0 } };
	size_t len = device_frame(s->b, &f, frame);

	if (type & 0x80) { /* the session's number stays */
		frame[MR_PREFIX_LEN - 1] = type & 15;
		if (body.left)
			memcpy(frame + MR_PREFIX_LEN + 4, body.at, body.left);
		len = MR_PREFIX_LEN + 4 + body.left;
	} else {
		if (body.left)
			memcpy(frame + MR_PREFIX_LEN - 1, body.at, body.left);
		len = MR_PREFIX_LEN - 1 + body.left;
	}
	return bench_air(s->b, frame, len);
}

static void pull(struct script *s, uint8_t detail)
{
	struct bench *b = s->b;
	uint8_t frame[RADIO_FRAME_MAX], what = 0;
	bool ready = link_ready(&b->link.base), poll = b->link.poll;
	size_t len = link_pull(&b->link.base, frame, detail & 1, &what, b->now_us);

	assert(len <= MR_FRAME_MAX && (len == 0 || ready));
	if (len == 0)
		return;
	s->polls += poll;
	if (detail & 2)
		(void)device_takes(b, frame, len);
	if (detail & 4 && s->late < sizeof(s->what))
		s->what[s->late++] = what;
	else
		link_sent(&b->link.base, what, detail & 8, 1 + (detail >> 4), b->now_us);
}

static int one_step(struct script *s)
{
	struct bench *b = s->b;
	uint8_t step = mr_rd_u8(&s->in);

	switch (step & 7) {
	case 0: return receive_raw(s);
	case 1: return receive(s, false);
	case 2: return receive(s, true);
	case 3: pull(s, step >> 3); return ACTION_NOTHING;
	case 4:
		if (s->late)
			link_sent(&b->link.base, s->what[--s->late], step & 8, 3, b->now_us);
		return ACTION_NOTHING;
	case 5:
		b->now_us += (uint64_t)(step >> 3) << (step >> 4);
		link_resume(&b->link.base, b->now_us);
		return ACTION_NOTHING;
	case 6:
		if (link_deadline_us(&b->link.base) != UINT64_MAX && b->now_us < link_deadline_us(&b->link.base))
			b->now_us = link_deadline_us(&b->link.base);
		return link_expire(&b->link.base, b->now_us);
	default:
		if (b->link.state != ACTION_IDLE)
			return ACTION_NOTHING;
		s->answer_len = 0;
		s->polls = 0;
		return link_request(&b->link.base, mr_rd_over(s->fill, 1 + step * 8u % MR_MESSAGE_MAX), step * 100u,
				    b->now_us);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct script s = { .b = bench_create(), .in = mr_rd_over(bytes, len) };
	int event = ACTION_NOTHING;

	for (size_t i = 0; i < sizeof(s.fill); i++)
		s.fill[i] = (uint8_t)(i * 7 + i / 256 + 1);
	switch (mr_rd_u8(&s.in) % 6) {
	case 0: break;
	case 1: bench_to_invited(s.b); break;
	case 2: bench_to_answering(s.b); break;
	case 3: bench_to_idle(s.b); break;
	case 4:
		bench_to_idle(s.b);
		bench_ask(s.b, s.fill, MR_MESSAGE_MAX, 1000);
		break;
	default: bench_to_waiting(s.b, s.fill, 100, 1000); break;
	}
	for (unsigned i = 0; i < 400 && s.in.left > 0 && event >= 0 && event != ACTION_RESTARTED; i++) {
		event = one_step(&s);
		check(&s, event);
		if (event == ACTION_HANDSHAKE)
			bench_accept(s.b);
	}
	bench_destroy(s.b);
	return 0;
}
