/*
 * A batch in progress: units are admitted as they call, go through the recipe in sessions, are retried, quarantined
 * or passed, all on record. One object per run; everything happens in the loop's thread.
 *
 *	line_create -> line_start -> loop_run ... ended() -> line_summarize -> line_destroy
 */
#pragma once

#include "db/journal.h"
#include "db/text.h"
#include "station/base/entropy.h"
#include "station/base/log.h"
#include "station/base/loop.h"
#include "station/identity/identity.h"
#include "station/roster/roster.h"
#include "station/job/job.h"
#include "station/radio/radio.h"
#include "station/schedule/schedule.h"

struct line;
struct ip_stack;

enum line_event_kind {
	LINE_UNIT_SEEN,	 /* a device answered for the first time */
	LINE_ATTEMPT,	 /* a session has begun */
	LINE_STEP,	 /* a step ended */
	LINE_UNIT_STATE, /* passed, failed, quarantined, to be retried (state SEEN with a cause), held */
	LINE_STRANGER,	 /* heard, but not ours */
	LINE_RADIO,	 /* tuned, gone, back */
	LINE_GUARD,	 /* admission stopped by a guard */
	LINE_HOLD,	 /* the record or the signer fails: `detail` says what to do */
	LINE_ORDER,	 /* what a person wanted has taken effect: `detail` is its name */
	LINE_LABEL,	 /* a label of a unit: `detail` is "queued", "sent", "printed", or the verdict of a scan */
};

/* Of LINE_STRANGER: it joined the network of the job while that was broadcast, and is nobody's. */
#define LINE_JOINED_UNLISTED "joined-unlisted"

struct line_event {
	enum line_event_kind kind;
	uint64_t now_us;
	int64_t unit;	    /* 0: none */
	const char *serial; /* "" before one is assigned */
	uint8_t mac[6];
	unsigned attempt; /* number within the unit */
	const char *step;
	enum journal_unit_state state;
	int cause; /* enum mr_cause */
	uint64_t duration_us;
	const char *radio;
	uint16_t freq_mhz;
	int rssi_dbm;
	const char *detail;	    /* LINE_GUARD: its name */
	const char *actor, *reason; /* LINE_ORDER, LINE_LABEL; LINE_GUARD: `reason` in words */
	bool moved; /* LINE_ORDER: the unit has another state by it; UNIT_SEEN: its outcome is taken back */
};

struct line_options {
	struct loop *loop;
	const struct log *log;
	const struct job *job;
	struct identity *identity;
	struct signer *signer;
	struct entropy *entropy;
	struct journal *journal; /* opened, not yet begun */
	const char *record_path; /* of the journal, for guards.disk_free; NULL: the disk is not watched */
	const char *operator, * software;
	uint64_t seed; /* for the record; 0 on real radios */
	bool clock_ok;
	struct radio **radios; /* the caller's; their events are set by the line */
	size_t radio_count;
	const struct schedule_policy *policy;
	const struct roster *roster; /* labels of devices with access points; NULL: none */
	struct ip_stack *ip;	     /* for those; NULL: none */
	const char *mfi_trust;	     /* file of authorities for accessories' coprocessors; NULL: none are wanted */
	/* When the device was first able to hear a call; NULL (real radios): when it was first heard. */
	uint64_t (*release_us)(void *ctx, const uint8_t device_id[static 8]);
	void *ctx;
	void (*event)(void *ctx, const struct line_event *event);
	void (*ended)(void *ctx); /* from a timer; the loop may be stopped here */
	/* Somebody is there who can help: a guard pauses the line instead of ending the run. NULL: nobody. */
	bool (*attended)(void *ctx);
	bool stay; /* does not end when all have an outcome: until line_stop */
};

/* 0, or -(enum mr_cause) with a sentence in `error`. Begins the batch in the journal and loads what it knows. */
int line_create(struct line **out, const struct line_options *options, char *error, size_t error_len);
void line_destroy(struct line *line);
void line_start(struct line *line);
/* After ended(): radios, strangers and the batch's end go on record. */
void line_finish(struct line *line);

/*
 * What must be true of a line between two events: each unit is in one place, counts equal their lists, a channel's lane
 * points back, nobody is asked to seal what is not on the disk. Asserts; grows with the number of units.
 */
void line_check(const struct line *line);

/* First: no new sessions, the devices in flight finish. Second: what is open is recorded as aborted. */
void line_stop(struct line *line, bool now);

/*
 * What a person wants of a running line. It goes on record first (JOURNAL_AUDIT: who, what, why) and takes effect when
 * that is durable; then `done` is called, once, from the loop. LINE_REFUSED and below are said again at that time: the
 * unit may have passed meanwhile. Texts are copied. WAIT leaves nothing on record: `done` is called when all that was
 * recorded before it is durable, so that who reads the record sees it.
 */
#define LINE_ORDERS(X)                                                                                                 \
	X(PAUSE, "line-pause")                                                                                         \
	X(RESUME, "line-resume")                                                                                       \
	X(STOP, "line-stop")                                                                                           \
	X(ABORT, "line-abort")                                                                                         \
	X(RETRY, "unit-retry")                                                                                         \
	X(QUARANTINE, "unit-quarantine")                                                                               \
	X(RELEASE, "unit-release")                                                                                     \
	X(ACKNOWLEDGE, "banner-acknowledge")                                                                           \
	X(BADGE, "badge")                                                                                              \
	X(LABEL, "label")                                                                                              \
	X(WAIT, "wait")

enum line_order_kind {
#define LINE_ORDER_ENUM(NAME, action) LINE_ORDER_##NAME,
	LINE_ORDERS(LINE_ORDER_ENUM)
#undef LINE_ORDER_ENUM
		LINE_ORDER_COUNT
};

enum line_order_result {
	LINE_DONE,
	LINE_REFUSED = -1,   /* not in this state of the line or the unit; `why` of line_order_check says it */
	LINE_NO_UNIT = -2,   /* this batch has no such unit */
	LINE_NO_RECORD = -3, /* the journal does not take it: nothing was done */
	LINE_NO_MEMORY = -4,
};

#define LINE_ACTOR_MAX TEXT_ACTOR_MAX
#define LINE_REASON_MAX TEXT_REASON_MAX

struct line_order {
	enum line_order_kind kind;
	int64_t unit;		    /* RETRY, QUARANTINE, RELEASE; ACKNOWLEDGE, LABEL: what it is about, 0: nothing */
	const char *actor, *reason; /* UTF-8, non-empty actor; longer ones are cut */
	const char *subject;	    /* ACKNOWLEDGE: "guard consecutive_fail"; NULL: the unit or the batch */
	/* LABEL: these go on record, in this order, in place of a row of the chain; `happened`, static, is the event's
	 * detail. */
	const struct journal_record *records;
	size_t record_count;
	const char *happened;
	void (*done)(void *ctx, int result); /* NULL: nobody waits */
	void *ctx;
};

/* Would it be refused now? LINE_DONE: no. `why`: half a sentence, static. */
int line_order_check(const struct line *line, const struct line_order *order, const char **why);
/* LINE_DONE: on its way, `done` follows; else refused, and `done` is not called. */
int line_order(struct line *line, const struct line_order *order);

struct line_summary {
	const char *lot;
	int64_t batch;
	unsigned quantity, seen, passed, failed, quarantined, held, unfinished, in_flight, missing, strangers;
	unsigned passed_before; /* in earlier sessions of this batch */
	unsigned first_pass;	/* passed at their first finished attempt */
	unsigned retries;	/* attempts after the first */
	uint64_t makespan_us;	/* until the last outcome */
	struct schedule_bound bound;
	uint64_t chain_p50_us, chain_p95_us; /* session time of passed units */
	uint64_t frames, octets, switches;
	unsigned consecutive_fail;
	bool resumed, stopped, held_up;
	const char *policy;
	size_t session_octets; /* memory of one session at its largest, without the agent */
	const char *failure;   /* the journal's, NULL while it works */
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
