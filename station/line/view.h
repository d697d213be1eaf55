/*
 * A line as somebody sees it who looks on: numbers and names, nothing that changes it, and no secret. Texts and
 * pointers live as long as the line; everything is cheap enough to be asked sixty times a second.
 */
#pragma once

#include "station/line/line.h"

struct unit;

enum line_run { LINE_RUN_RUNNING, LINE_RUN_PAUSED, LINE_RUN_DRAINING, LINE_RUN_HELD, LINE_RUN_ENDED };
const char *line_run_name(enum line_run run);

struct line_view {
	enum line_run run;
	uint64_t run_us;	 /* since when; all times here since the line began */
	const char *by, *reason; /* of a pause or stop; "" */
	const char *guard;	 /* NULL: none was tripped */
	int hold_cause;		 /* enum mr_cause, 0: none */
	const char *hold_detail;
	int64_t batch;
	bool resumed, clock_ok, stays;
	const char *policy, *operator;
	const char *record_failure; /* NULL: it works */
	unsigned seen, in_flight, waiting, passed, failed, quarantined, held, unfinished, missing, strangers, retries,
		settled;
	uint64_t now_us, utc_us;
};
void line_look(const struct line *line, struct line_view *out);
/* Nothing in hand, nothing ordered, and nothing happens until somebody orders something: a simulated clock may stop
 * still. */
bool line_stands(const struct line *line);

struct line_unit_view {
	int64_t unit;
	uint8_t device_id[8], mac[6];
	const char *serial; /* "" before it has one */
	enum journal_unit_state state;
	bool queued, awaited; /* of SEEN: its turn comes; it is to call again */
	const char *step;     /* in hand; NULL: none */
	unsigned done, steps; /* of the recipe */
	unsigned attempt;
	int cause; /* of the last attempt that did not pass; 0: none */
	int rssi_dbm;
	uint16_t freq_mhz, home_mhz; /* of the session; where it called; 0: not known */
	const char *radio;	     /* of the session, NULL: none */
	uint64_t first_us;
	bool sealed;
	bool agentless; /* a foreign device, of whose agent nothing is on record: passed says that it was seen to join
			 */
	const uint8_t *certificate; /* DER; NULL: none */
	size_t certificate_len;
	/* of the link, while there is a session */
	bool has_session;
	const char *phase;
	uint32_t frames_sent, frames_received, retries, octets, misses;
};
/* Units of this lot, in the order in which they came; one stays where it is. */
size_t line_unit_room(const struct line *line);
const struct unit *line_unit_at(const struct line *line, size_t i); /* NULL: of another lot */
int64_t line_unit_id(const struct unit *unit);
void line_unit_look(const struct line *line, const struct unit *unit, struct line_unit_view *out);

struct line_lane_view {
	const char *radio, *path, *driver, *state; /* "here", "tuning", "leaving", "untuned", "lost" */
	uint16_t freq_mhz;			   /* where it is or goes; 0: nowhere */
	bool here, lost;
	size_t sessions;
	uint64_t switches;
	uint32_t switch_us;
	struct radio_health health;
};
size_t line_lane_count(const struct line *line);
void line_lane_look(const struct line *line, size_t i, struct line_lane_view *out);

struct line_channel_view {
	uint16_t freq_mhz;
	const char *radio; /* that is there; NULL: none */
	size_t sessions, waiting;
	double unheard; /* devices that are expected to call here */
};
size_t line_channel_count(const struct line *line);
void line_channel_look(const struct line *line, size_t i, struct line_channel_view *out);
