/* What the files of the schemes share with the listener (smartconfig.c) and the sender (smartconfig_send.c). */
#pragma once

#include "agent/wire/crc.h"
#include "agent/wire/smartconfig.h"

/* A frame as a scheme sees it. */
struct mr_smart_heard {
	const struct mr_overheard *frame;
	uint16_t length; /* of its payload */
	uint8_t step;	 /* how much its sequence number is above the one heard before; 0: not known */
};

struct mr_smart_key {
	const uint8_t *octets;
	uint8_t len;
};

/* A scheme at its receiving end. */
struct mr_smart_coder {
	enum mr_smart_scheme scheme;
	bool unicast; /* it is sent to one address, and its frames look as a STA's other traffic does */
	bool keyed;   /* it may be sent with a key */
	/* May its pattern begin with this frame? The answer to most is no, and then nobody follows their sender. */
	bool (*begins)(const struct mr_overheard *frame);
	/* Do the last frames of the stream, of which this is the newest, have its pattern? `offset`: then above the
	 * payload. */
	bool (*guides)(const struct mr_smart_stream *stream, const struct mr_overheard *frame, uint16_t *offset);
	/* MR_SMART_COMPLETE: it is worth to ask `finish`. */
	enum mr_smart_result (*hear)(union mr_smart_state *state, const struct mr_smart_heard *heard);
	/* The total check. `frame`: the last one. */
	bool (*finish)(const union mr_smart_state *state, const struct mr_smart_key *key,
		       const struct mr_overheard *frame, struct mr_smart_settings *out);
	unsigned (*units)(const union mr_smart_state *state, unsigned *of); /* how many it has */
};

/* A scheme at its sending end. */
struct mr_smart_script {
	enum mr_smart_scheme scheme;
	size_t key_min, key_max; /* octets; 0: none */
	/* What mr_smart_refuses has not looked at; may be NULL. */
	const char *(*refuses)(const struct mr_smart_settings *settings);
	bool (*begin)(struct mr_smart_sender *sender);
	/* Length, gap, end of a round; destination and port are there already: broadcast, 7001. */
	void (*next)(struct mr_smart_sender *sender, struct mr_smart_frame *out);
};
extern const struct mr_smart_script mr_smart_esptouch1_script, mr_smart_esptouch2_script, mr_smart_airkiss_script,
	mr_smart_cc3000_script, mr_smart_ezconnect_script;

/*
 * Can a frame of this kind be as much longer than its payload? Open, WEP, TKIP, CCMP-128, or 256 bits; two octets more
 * with QoS, and four where a chip counts the FCS.
 */
bool mr_smart_offset(const struct mr_overheard *frame, int offset);
/* May its payload be of `first` to `last` octets? */
bool mr_smart_may_be(const struct mr_overheard *frame, int first, int last);

/* --- cells (smartconfig_state.h) --- */

static inline bool mr_cell_is(const uint8_t *set, unsigned i) { return set[i / 8] >> i % 8 & 1; }
static inline void mr_cell_set(uint8_t *set, unsigned i, bool on)
{
	set[i / 8] = (uint8_t)((set[i / 8] & ~(1u << i % 8)) | (unsigned)on << i % 8);
}

/* What becomes of a cell: nothing; it has a value, or is surer of it; it was sure of another. */
enum mr_cell { MR_CELL_SAME, MR_CELL_NEW, MR_CELL_SURER, MR_CELL_CHANGED };

/* What is sure gives way only to what is sure; and then the sender has begun another message. */
static inline enum mr_cell mr_cell_judge(bool have, bool was_sure, bool same, bool sure)
{
	if (have && same)
		return was_sure ? MR_CELL_SAME : MR_CELL_SURER;
	if (have && was_sure)
		return sure ? MR_CELL_CHANGED : MR_CELL_SAME;
	return MR_CELL_NEW;
}

/* Puts `n` octets into cell `i` of `values`, which are `count`. When it was sure of another value, the others are
 * forgotten. */
struct mr_cells {
	uint8_t *values, *have, *sure;
	size_t n, count;
};
enum mr_cell mr_cell_put(const struct mr_cells *cells, unsigned i, const uint8_t *value, bool is_sure);
unsigned mr_cells_set(const uint8_t *set, unsigned n); /* of the first n */
