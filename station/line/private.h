/*
 * The line itself: what its rooms share. Each file of line/ includes this and the headers of those that it calls;
 * nobody outside line/ and method/ does. Calls go down this list, never up:
 *
 *	line       begins and ends a run, hands on what radios hear
 *	orders     what people want of it
 *	admission  who gets a session
 *	recipe     what a session asks of its device, step by step; with identity_step, verify_step, proof, joining
 *	session    one device in hand: its beginning, its timer, its end
 *	lane       one radio: where it is, what it sends next; talk: what a session has to say
 *	units      who is known, who is awaited, what became of them; guards, ending, tickets, events
 *
 * What has to go up goes through a pointer that somebody above has set: `room`, `heard`, `program`, the table of
 * methods.
 */
#pragma once

#include "agent/wire/cause.h"
#include "station/base/map.h"
#include "station/line/line.h"
#include "station/line/phase.h"
#include "station/line/tickets.h"
#include "station/link/action.h"
#include "station/method/method.h"
#include "station/roster/expected.h"
#include "station/wifi/ieee80211.h"
#include "station/wifi/psk.h"

#define CHANNELS_MAX 64 /* schedule_radio.channels has a bit for each */
#define RADIOS_MAX 64
#define VOICES_MAX 4		 /* reaches that the methods of one tray can have */
#define LINE_WATCH_US 250000u	 /* chosen: housekeeping: absent units, queued callers, the end */
#define LINE_RECALL_US 10000000u /* what a unit has beyond its lease to call again */

struct session_program;
struct farewell; /* lane.c */

/* A channel of the job. */
struct channel {
	size_t index;
	uint16_t freq_mhz;
	struct lane *lane; /* whose radio is here and tuned; NULL: none */
	struct log_place place;
	struct session *sessions;
	size_t session_count;
	uint64_t left_us;	/* when a radio last left; 0: never visited */
	uint64_t window_end_us; /* somebody may still answer the last call until then */
	uint64_t speak_at_us[VOICES_MAX];
	unsigned absent;		     /* units whose home this is and that are to call again */
	struct unit *waiting, *waiting_tail; /* callers without a session, first come first */
	unsigned waiting_count;
	struct farewell *farewells; /* last frames of sessions that are no more */
};

/* A reach in use: the operations that methods of this run share, and what they keep. */
struct voice {
	const struct method_ops *ops;
	void *state;
};

/* How the run goes, and who wanted it so. */
struct line_control {
	struct order *orders; /* not durable yet, in ticket order */
	bool paused;
	char by[LINE_ACTOR_MAX + 1], reason[LINE_REASON_MAX + 1]; /* of the pause or stop */
	uint64_t run_us;					  /* since when the run has the state it has */
	int hold_cause;
	char hold_detail[200];
};

/* The network that devices are given, as the station knows it. */
struct target {
	struct ieee80211_network network; /* as last heard; heard_us 0: never */
	uint8_t psk[32];
	bool has_psk;
	struct psk_pool *pool;
	struct psk_request request;
};

struct line {
	struct line_options o;
	const struct job *job;
	struct loop *loop;
	struct action_station station;
	struct journal_start start;
	struct tickets tickets;
	struct voice voices[VOICES_MAX];
	size_t voice_count;
	/* Of BSSs of our own: what all radios acknowledge beside their own address. Methods add theirs in begin(). */
	uint8_t addresses[RADIO_ADDRESSES_MAX][6];
	size_t address_count;
	struct lane *lanes;
	size_t lane_count;
	struct channel channels[CHANNELS_MAX];
	size_t channel_count;
	struct map by_device, by_mac, by_session, pins, keys, stranger_map;
	struct map by_witness; /* address that a device joins its network from -> session */
	struct target target;
	struct expected expected; /* of job.expect_file */
	struct unit **units;
	size_t unit_count, unit_room;
	struct unit *absent;
	unsigned homeless; /* of the absent: from an earlier session, they may call on any channel */
	size_t session_count;
	unsigned farewells;	    /* with radios, not reported */
	uint64_t farewell_until_us; /* the end of the run waits for them until then; 0: not yet */
	uint64_t cast_issue;	    /* of the sealed broadcast (agent/wire/sealed.h); 0: there is none */
	struct session *exclusive;  /* who delivers with the whole RF space to itself; NULL: nobody */
	struct stranger *strangers;
	int64_t next_unit, next_attempt;
	uint64_t next_txn, call_counter;
	struct loop_timer watch_timer, end_timer, hold_timer;
	bool draining, stopping, ended, held_up;
	const char *guard; /* the one that stopped admission */
	unsigned consecutive_fail;
	uint64_t disk_us, signer_us; /* when the disk and the signer are looked at next */
	unsigned settled, passed, failed, quarantined, held, first_pass, retries, seen;
	unsigned named; /* of those seen: that have said who they are. Only they count towards the quantity */
	uint64_t started_us, last_outcome_us, last_new_us;
	uint64_t
		weak_until_us; /* a device of ours that was too weak may have come nearer and called again until then */
	struct serial_pool *serials;
	char passphrase[65];
	struct identity_profile profile;
	uint64_t think_us[PHASE_COUNT]; /* learned 80 % quantile of the device's work per request */
	uint64_t join_us, away_us;	/* how long devices take to join their network, and are away for it: learned */
	unsigned joins;
	uint64_t *chains; /* session times of passed units, for the percentiles */
	size_t chain_count;
	uint8_t scratch[MR_MESSAGE_MAX], answer[MR_MESSAGE_MAX];
	bool limit_measured[JOB_LIST_MAX]; /* of the job's limits: some device of this session has reported it */
	size_t session_octets;
	uint64_t frames, octets;
	struct line_control control;
	/* Upwards: set by line.c. */
	void (*room)(struct line *line); /* a session has ended or a radio has arrived: somebody may be served */
	void (*heard)(struct line *line, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx);
	const struct session_program *program; /* of sessions: the recipe */
};

/*
 * An address for a BSS of ours, for a method's begin(): radio_address says which ones adapters can acknowledge.
 * false: all are given out.
 */
static inline bool line_own_address(struct line *line, uint8_t out[static 6])
{
	if (line->address_count + 1 >= RADIO_ADDRESSES_MAX)
		return false;
	radio_address(line->station.mac, line->address_count + 1, out);
	for (int i = 0; i < 6; i++)
		line->addresses[line->address_count][i] = out[i];
	line->address_count++;
	return true;
}

/* What `ops` made in begin() for this run; NULL: they are not in use, or keep nothing. */
static inline void *line_state(const struct line *line, const struct method_ops *ops)
{
	for (size_t i = 0; i < line->voice_count; i++)
		if (line->voices[i].ops == ops)
			return line->voices[i].state;
	return NULL;
}

static inline int64_t line_utc_us(const struct line *line) { return (int64_t)loop_utc_us(line->loop); }
