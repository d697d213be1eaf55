/*
 * One device in hand: its unit, the channel it is on, its link, its beginning and its end. What is asked of the device
 * is the recipe's, which a session reaches through line->program.
 *
 *	a method opens: session_create -> session_go -> { frames, timers, answers } ... session_end | session_abort
 */
#pragma once

#include "station/line/joining.h"
#include "station/line/private.h"
#include "station/line/units.h"

/*
 * What a session does next is decided above it. `next` takes what a part of the recipe has come to: below zero
 * -(cause), which ends the attempt; RECIPE_WAITS; RECIPE_DONE; RECIPE_ASK(phase).
 */
enum { RECIPE_WAITS, RECIPE_DONE, RECIPE_ENDS, RECIPE_ASKS };
#define RECIPE_ASK(phase) (RECIPE_ASKS + (int)(phase))

struct session_program {
	void (*next)(struct session *s, int next);
	void (*durable)(void *session);					 /* what it waited for is on the disk */
	void (*again)(struct session *s);				 /* the time for asking once more has come */
	void (*response)(struct session *s, const struct mr_message *m); /* the device has answered */
	void (*delivered)(struct session *s);				 /* its own delivery is done */
};

/* Layout is ours. Contains secrets; wiped by session_destroy. */
struct session {
	struct line *line;
	struct unit *unit;
	struct channel *channel;     /* where its frames go */
	struct session *prev, *next; /* in the channel's list */
	struct loop_timer timer;
	struct log_tag tag;
	uint32_t number;	   /* of the session, in cookies and in `by_session` */
	struct link *link;	   /* &action.base, &none, or one of its own memory */
	struct action_link action; /* of METHOD_BY_FRAMES */
	struct link none;	   /* of devices that answer no requests */
	unsigned links;		   /* that came up in this attempt */
	struct {
		const struct delivery_ops *ops; /* NULL: none is under way */
		void *state;			/* the delivery's own */
	} delivery;
	struct joining joining;
	uint64_t again_us; /* ask once more at this instant; 0: no */
	enum phase phase;  /* session_enter is the only writer */
	size_t recipe_at;
	bool overdue; /* its deadline passed while no radio was there */
	bool open;    /* the attempt is on record */
	int64_t attempt;
	uint64_t call_counter; /* of the line when the session began */
	struct ticket ticket;
	unsigned step_seq;
	uint64_t begun_us, step_us, asked_us, ready_us, wait_us;
	uint64_t phase_us;	   /* since when the phase lasts */
	uint64_t attempt_until_us; /* whatever its link, its delivery and the device do meanwhile */
	uint32_t device_us, step_device_us, step_misses;
	uint32_t wait_radio_us, wait_ca_us, wait_journal_us;
	uint8_t stage;	   /* of the device, by its own word */
	uint8_t committed; /* what of that this attempt has put on record as committed */
	uint8_t device_key_id[32];
	bool device_has_key;
	uint8_t public_key[65];
	bool has_public_key;
	uint8_t identity_digest[32], credentials_digest[32], challenge[32];
	bool has_identity_digest, has_credentials_digest;
	bool by_cast;	     /* the device had its credentials from a broadcast */
	unsigned cast_asks;  /* it had not heard it when it was asked */
	bool intent_durable; /* that of the credentials: it went with the identity's record */
	char pin[IDENTITY_PIN_MAX];
	uint8_t verdict;
	uint64_t durable; /* what it waited for last is on the disk up to this ticket */
	bool refused;	  /* the record would not take what is to be written of it: it ends at once */
	bool signing;	  /* the signer has it: wait for its answer before it is freed */
	bool dead;
};

static inline uint64_t session_now(const struct session *s) { return loop_now_us(s->line->loop); }

/*
 * A session of the unit, which has none, with eight random octets in `id` whose first four are its number. The caller
 * gives it its link (s->link), then calls session_go. NULL: no memory.
 */
struct session *session_create(struct line *line, struct unit *unit, uint8_t id[static 8]);
/* It is on the channel from now on, and its link may speak. */
void session_go(struct session *s, struct channel *channel);
/*
 * The device says that it is another unit, which the record knows by another address: the session is that one's from
 * now on, and so is the way to the device. 0, or the cause that ends the session.
 */
int session_hand_over(struct session *s, struct unit *known);
void session_destroy(struct session *s);

void session_enter(struct session *s, enum phase phase);
/* Its link and its delivery are asked for their deadlines again, and may have something to say. */
void session_touch(struct session *s);
void session_await(struct session *s); /* program->durable follows when all submitted so far is on the disk */

void session_answer(struct session *s, struct mr_rd message); /* a response of the device, however it came */
/* A result of its delivery: goes on, is done, or ends the session. */
void session_delivery(struct session *s, int result);
void session_end_delivery(struct session *s); /* wiped; whoever waits for an exclusive turn is not told */
/* The most memory that a session took; `extra`: octets that its link does not know of. */
void session_note_memory(struct session *s, size_t extra);

void session_end(struct session *s, int cause); /* the attempt is over */
void session_refuse(struct session *s);		/* the same, from the loop: its record was refused */
void session_abort(struct session *s);		/* the run is stopped now */
void session_say_verdict(struct session *s, uint8_t verdict);

void session_event(struct session *s, struct line_event e);
void session_account(struct session *s);
void session_release(struct session *s); /* after session_destroy, when the signer has let go of it */
void session_record_step(struct session *s, enum journal_outcome outcome, int cause);
/* Intent or commit of something permanent. */
void session_record_transaction(struct session *s, const char *operation, uint64_t txn, enum journal_phase phase);
void session_record_end(struct session *s, enum journal_outcome outcome, int cause);
