/*
 * What the dashboard knows of the station: hello, the state and its changes, one device in full (docs/control.md).
 * Pure:
 * lines in, nothing out. What a line has wrong is left as it was; sizes are bounded, whatever the other end sends.
 *
 *	mirror_create -> { mirror_take ... read the fields } -> mirror_destroy
 *	mirror_freeze -> read -> mirror_destroy		(before the mirror it was made of)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "station/base/map.h"

#define MIRROR_UNITS_MAX 100000u
#define MIRROR_RADIOS_MAX 64u
#define MIRROR_CHANNELS_MAX 64u
#define MIRROR_PARETO_MAX 64u
#define MIRROR_BANNERS_MAX 64u
#define MIRROR_LOG_MAX 1024u
#define MIRROR_JOBS_MAX 20u
#define MIRROR_TIMELINE_MAX 128u
#define MIRROR_STRIP 60u
#define MIRROR_UNKNOWN INT64_MIN /* a time or number that is null or left out */

enum role { ROLE_OBSERVER, ROLE_OPERATOR, ROLE_LEAD };
enum run_state { RUN_IDLE, RUN_RUNNING, RUN_PAUSED, RUN_DRAINING, RUN_HELD, RUN_ENDED, RUN_STATES };
enum unit_is { UNIT_IS_SEEN, UNIT_IS_ACTIVE, UNIT_IS_PASSED, UNIT_IS_FAILED, UNIT_IS_ASIDE, UNIT_IS_HELD, UNIT_STATES };
enum health { HEALTH_OK, HEALTH_WARN, HEALTH_BAD };
enum { HEALTH_CLOCK, HEALTH_DATABASE, HEALTH_CA, HEALTH_RADIOS, HEALTH_PRINTER, HEALTHS };
enum {
	COUNT_SEEN,
	COUNT_IN_FLIGHT,
	COUNT_WAITING,
	COUNT_PASSED,
	COUNT_FAILED,
	COUNT_ASIDE,
	COUNT_HELD,
	COUNT_UNFINISHED,
	COUNT_MISSING,
	COUNT_STRANGERS,
	COUNT_RETRIES,
	COUNTS
};

struct header {
	enum run_state run;
	int64_t run_since_us;
	char run_by[64], run_reason[160], guard[64], sentence[240];
	int simulated; /* 1, 0; -1: nobody knows */
	double pace;
	char lot[80], product[80], hw_rev[40], work_order[80], job[256], job_sha256[65], policy[40], person[64];
	bool test, resumed;
	int64_t batch, quantity, counts[COUNTS], takt_us, cadence_us, eta_us, utc_us, clients;
	double fpy, final; /* below 0: not known yet */
	struct {
		bool there;
		enum health state;
		char text[120];
	} health[HEALTHS];
	struct {
		int64_t job, status;
		char path[160], lot[80], state[16], text[160];
	} jobs[MIRROR_JOBS_MAX];
	unsigned job_count;
	int64_t at_us; /* `now_us` of the line that brought it: the clock goes on from there */
};

struct radio_row {
	char radio[40], path[40], driver[32], state[16];
	int64_t channel, sessions, sent, acked, unacked, retries, received, dropped, rssi, passed, failed, switches,
		switch_us, away_us;
	double airtime;
	uint8_t strip[MIRROR_STRIP]; /* channel per second, the newest last; 0: none */
	unsigned strip_len;
};

struct channel_cell {
	const char *radio; /* an atom */
	int64_t passed, failed, rssi;
};

struct channel_row {
	int64_t channel, freq_mhz, sessions, waiting, unheard;
	char radio[40];
	struct channel_cell cells[MIRROR_RADIOS_MAX];
	unsigned cell_count;
};

/* The texts of few values are atoms: of the mirror that took them, and its frozen copies'. Never NULL. */
struct unit_row {
	int64_t unit, first_us, since_us, took_us;
	char serial[48], mac[18];
	uint8_t state; /* enum unit_is */
	int16_t rssi;  /* 0: none */
	uint16_t channel, done, of, attempt;
	bool agentless; /* a foreign device: its address is its name, and `not_proven` says what PASS does not mean */
	const char *wait, *step, *cause, *side, *sentence, *remedy, *radio, *by, *not_proven;
};

struct pareto_row {
	const char *side, *step, *cause, *sentence;
	int64_t attempts, units;
	double share, cumulative;
};

struct banner {
	int64_t banner, at_us, unit;
	char kind[16], cause[64], sentence[240], remedy[240], serial[48], mac[18];
};

struct log_row {
	int64_t n, at_us, unit;
	uint8_t level; /* enum health: info, warn, error */
	char text[200];
};

/* of a device's timeline */
struct moment {
	int64_t at_us, attempt, duration_us, channel, rssi;
	const char *event, *step, *cause, *state, *radio;
	char text[120];
};

struct detail {
	bool known;
	struct unit_row unit;
	struct moment timeline[MIRROR_TIMELINE_MAX];
	unsigned moments;
	bool link;
	int64_t frames_sent, frames_received, retries, misses, octets;
	char phase[40];
	bool certificate;
	char subject[160], issuer[160], cert_serial[64], not_before[40], not_after[40], sha256[65];
	char device_id[17];
	int64_t home;
	bool sealed;
};

struct atoms;

/* layout is ours */
struct mirror {
	struct atoms *atoms;
	bool frozen;			/* a copy: the atoms are not its own */
	bool greeted, complete, serves; /* complete: a whole state is here */
	char software[64], station[64], actor[80];
	enum role role;
	int simulated; /* of hello; the header's goes first */
	int64_t rate_max;
	bool was_full, more;
	int64_t now_us;
	struct header header;
	bool has_header;
	struct radio_row radios[MIRROR_RADIOS_MAX];
	unsigned radio_count;
	struct channel_row channels[MIRROR_CHANNELS_MAX];
	unsigned channel_count;
	struct unit_row *units;
	size_t unit_count, unit_room;
	struct map by_unit; /* number to place in `units`, plus one */
	struct pareto_row pareto[MIRROR_PARETO_MAX];
	unsigned pareto_count;
	struct banner banners[MIRROR_BANNERS_MAX];
	unsigned banner_count;
	struct log_row log[MIRROR_LOG_MAX];
	unsigned log_from, log_count;
	struct detail detail;
	uint64_t left_out; /* rows beyond the bounds */
	uint64_t changes;  /* counts up with everything that could be seen */
};

enum mirror_took {
	MIRROR_STRANGE, /* no line of this protocol: hang up */
	MIRROR_VERSION, /* of another version */
	MIRROR_IGNORED, /* of a type that we do not know: newer stations may send it */
	MIRROR_HELLO,	/* subscribe now */
	MIRROR_PART,	/* more of the same state follows: do not draw yet */
	MIRROR_STATE,	/* draw */
	MIRROR_ANSWER,	/* look at its id; mirror_answer_role, mirror_answer_device may take it */
	MIRROR_BYE,	/* `reason`, `sentence` */
};

struct mirror *mirror_create(void);
/* A copy that does not change; it shares the atoms. NULL: no memory. */
struct mirror *mirror_freeze(const struct mirror *mirror);
void mirror_destroy(struct mirror *mirror);

enum mirror_took mirror_take(struct mirror *mirror, const json_t *line);
/* The connection is gone: hello and role with it, the state stays to be looked at. */
void mirror_disconnected(struct mirror *mirror);
/* Results of `hello` and `badge`, and of `device`. */
void mirror_take_role(struct mirror *mirror, const json_t *result);
void mirror_take_device(struct mirror *mirror, const json_t *result);

const struct unit_row *mirror_unit(const struct mirror *mirror, int64_t unit);
const struct log_row *mirror_log(const struct mirror *mirror, unsigned i); /* 0: the oldest */
bool mirror_simulated(const struct mirror *mirror);
/* Microseconds since 1970 by the line's clock; MIRROR_UNKNOWN. */
int64_t mirror_utc_us(const struct mirror *mirror);
/* How long ago that was; MIRROR_UNKNOWN. */
int64_t mirror_span_us(const struct mirror *mirror, int64_t since_us);

const char *mirror_role_name(enum role role);
const char *run_name(enum run_state state); /* "RUNNING" */
const char *unit_word(enum unit_is state);  /* "PASS" */
/* Text of an object's key, "" when it is none. */
const char *mirror_text(const json_t *object, const char *key);
