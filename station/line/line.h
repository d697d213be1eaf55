/*
 * A batch in progress: units are admitted as they call, go through the recipe in sessions, are retried, quarantined or
 * passed, all on record. One object per run; everything happens in the loop's thread.
 *
 *	line_create -> line_start -> loop_run ... ended() -> line_summarize -> line_destroy
 */
#pragma once

#include "db/journal.h"
#include "station/base/entropy.h"
#include "station/base/log.h"
#include "station/base/loop.h"
#include "station/identity/identity.h"
#include "station/identity/roster.h"
#include "station/job/job.h"
#include "station/radio/radio.h"
#include "station/schedule/schedule.h"

struct line;
struct ip_stack;

enum line_event_kind {
	LINE_UNIT_SEEN,		/* a device answered for the first time */
	LINE_ATTEMPT,		/* a session stands */
	LINE_STEP,		/* a step ended */
	LINE_UNIT_STATE,	/* passed, failed, quarantined, to be retried (state SEEN with a cause), held */
	LINE_STRANGER,		/* heard, but not ours */
	LINE_RADIO,		/* tuned, gone, back */
	LINE_GUARD,		/* admission stopped by a guard */
	LINE_HOLD,		/* the record or the signer fails: `detail` says what to do */
};

struct line_event {
	enum line_event_kind kind;
	uint64_t now_us;
	int64_t unit;			/* 0: none */
	const char *serial;		/* "" before one is assigned */
	uint8_t mac[6];
	unsigned attempt;		/* number within the unit */
	const char *step;
	enum journal_unit_state state;
	int cause;			/* enum mr_cause */
	uint64_t duration_us;
	const char *radio;
	uint16_t freq_mhz;
	int rssi_dbm;
	const char *detail;		/* LINE_GUARD: its name */
	const char *reason;		/* LINE_GUARD: in words */
};

struct line_options {
	struct loop *loop;
	const struct log *log;
	const struct job *job;
	struct identity *identity;
	struct signer *signer;
	struct entropy *entropy;
	struct journal *journal;	/* opened, not yet begun */
	const char *record_path;	/* of the journal, for guards.disk_free; NULL: the disk is not watched */
	const char *operator, *software;
	uint64_t seed;			/* for the record; 0 on real radios */
	bool clock_ok;
	struct radio **radios;		/* the caller's; their events are set by the line */
	size_t radio_count;
	const struct schedule_policy *policy;
	const struct roster *roster;	/* labels of devices with access points; NULL: none */
	struct ip_stack *ip;		/* for those; NULL: none */
	/* When the device was first able to hear a call; NULL (real radios): when it was first heard. */
	uint64_t (*release_us)(void *ctx, const uint8_t device_id[static 8]);
	void *ctx;
	void (*event)(void *ctx, const struct line_event *event);
	void (*ended)(void *ctx);	/* from a timer; the loop may be stopped here */
};

/* 0, or -(enum mr_cause) with a sentence in `error`. Begins the batch in the journal and loads what it knows. */
int line_create(struct line **out, const struct line_options *options, char *error, size_t error_len);
void line_destroy(struct line *line);
void line_start(struct line *line);
/* After ended(): radios, strangers and the batch's end go on record. */
void line_finish(struct line *line);

/* First: no new sessions, the devices in flight finish. Second: what is open is recorded as aborted. */
void line_stop(struct line *line, bool now);

struct line_summary {
	const char *lot;
	int64_t batch;
	unsigned quantity, seen, passed, failed, quarantined, held, unfinished, in_flight, missing, strangers;
	unsigned passed_before;		/* in earlier sessions of this batch */
	unsigned first_pass;		/* passed at their first finished attempt */
	unsigned retries;		/* attempts after the first */
	uint64_t makespan_us;		/* until the last outcome */
	struct schedule_bound bound;
	uint64_t chain_p50_us, chain_p95_us;	/* session time of passed units */
	uint64_t frames, octets, switches;
	unsigned consecutive_fail;
	bool resumed, stopped, held_up;
	const char *policy;
	size_t session_octets;		/* memory of one session at its largest, without the agent */
	const char *failure;		/* the journal's, NULL while it works */
};
void line_summarize(const struct line *line, struct line_summary *out);

/* A radio as the screens show it. */
struct line_radio_view {
	const char *name;
	uint16_t freq_mhz;
	bool usable, moving;
	size_t sessions;
	uint64_t airtime_us;
};
size_t line_radios(const struct line *line, struct line_radio_view *out, size_t max);
