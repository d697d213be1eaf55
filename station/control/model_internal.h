/* What the files of the model share; nobody else includes it. Layouts are ours. */
#pragma once

#include "agent/wire/cause.h"
#include "station/base/map.h"
#include "station/control/model.h"

#define LOG_KEPT 512u	  /* lines; chosen: what a late client is shown of the past */
#define LOG_SENT 100u	  /* in one line */
#define PARETO_MAX 64	  /* pairs of cause and step; chosen: above what a lot has seen */
#define BANNERS_MAX 256	  /* chosen: nobody reads as many; more are in the log */
#define MOMENTS_MAX 128u  /* kept of a unit */
#define ROWS_SENT 200u	  /* of devices in one line; chosen: the rest follows in the next */
#define STRIP 60u	  /* cells of STRIP_US */
#define STRIP_US 1000000u /* a cell is a second */
#define CADENCE_BUCKETS 90u
#define CADENCE_BUCKET_US 10000000u /* 15 minutes in all */

/* Something that happened to a unit. Names are static or the radio's. */
struct moment {
	uint64_t at_us, duration_us;
	enum line_event_kind kind;
	const char *step, *radio;
	int cause;
	uint16_t freq_mhz;
	int16_t rssi_dbm;
	uint16_t attempt;
	enum journal_unit_state state;
	char *text; /* of an order: who, what, why; NULL */
};

enum first { FIRST_OPEN, FIRST_PASSED, FIRST_FAILED, FIRST_UNKNOWN };

/* a unit */
struct row {
	const struct unit *unit;
	int64_t id;
	uint64_t version;
	struct row *prev, *next; /* by version */
	char *json;		 /* as of json_version */
	size_t json_len;
	uint64_t json_version;
	uint64_t since_us, first_us, outcome_us;
	const char *step, *radio; /* where it ended last; on which radio */
	uint16_t freq_mhz;
	int cause;
	enum first first;
	uint64_t pareto; /* mask: rows of the pareto that it is in */
	char by[LINE_ACTOR_MAX + 1];
	struct moment *moments;
	unsigned moment_count, moment_room;
};

struct lane_row {
	uint64_t version;
	char *json;
	uint64_t here_us;  /* the strip is up to date until then */
	uint16_t freq_mhz; /* since then; 0: nowhere */
	uint16_t strip[STRIP];
	uint64_t cell; /* number of the open cell */
	struct {
		uint16_t freq_mhz;
		uint64_t us;
	} dwell[8];		    /* in it */
	uint64_t air_us, air_at_us; /* a second ago, or more */
	double airtime;
	unsigned passed, failed;
	double rssi;
	bool has_rssi;
};

struct cell {
	unsigned passed, failed;
	double rssi;
};
struct channel_row {
	uint64_t version;
	char *json;
	struct cell *cells; /* one for each radio */
};

struct pareto_row {
	int cause;
	const char *step;
	unsigned attempts, units;
};

struct banner {
	int64_t number, unit;
	const char *kind; /* static */
	uint64_t at_us;
	int cause;
	char detail[64]; /* of a guard: its name */
	char sentence[200],
		text[200]; /* what it is, "" when `cause` or the guard says it; of a hold and a label: what to do */
};

struct log_entry {
	uint64_t n, at_us;
	const char *level, *radio;
	int64_t unit;
	char text[240];
	char *json; /* made when somebody wants it */
};

struct model {
	struct model_options o;
	uint64_t version; /* of the last change */
	struct map by_id;
	struct row *oldest, *newest;
	size_t row_count;
	struct lane_row *lanes;
	size_t lane_count;
	struct channel_row *channels;
	size_t channel_count;
	struct pareto_row pareto[PARETO_MAX];
	size_t pareto_count;
	struct banner banners[BANNERS_MAX];
	size_t banner_count;
	int64_t next_banner;
	struct log_entry *log;	     /* ring of LOG_KEPT */
	uint64_t log_n;		     /* of the newest; 0: none */
	unsigned in_flight, waiting; /* as the header last had them */
	enum line_run run;
	uint64_t header_version, pareto_version, banners_version;
	char *header, *pareto_json, *banners_json;
	uint64_t header_of, pareto_of, banners_of; /* versions of these texts */
	json_t *jobs;
	unsigned clients;
	struct {
		uint64_t client;
		const char *state; /* NULL: there is none */
		char text[201];
	} printer;
	/* What the last client was told, behind the part that is its own: the next one often needs the same. */
	struct text shared;
	struct model_cursor shared_from, shared_to;
	unsigned shared_parts;
	unsigned first_passed, first_failed;
	uint64_t failed_attempts, orders;
	unsigned passes[CADENCE_BUCKETS];
	uint64_t bucket; /* number of the newest one */
};

/* model.c */
uint64_t model_now_us(const struct model *m);
double model_fpy(const struct model *m); /* below 0: not known */
double model_cadence_us(const struct model *m, uint64_t now_us);

/* rows.c: texts of rows and parts, new or as they were; NULL: no memory */
json_t *row_object(const struct model *m, const struct row *row);
char *lane_json(const struct model *m, size_t i);
char *channel_json(const struct model *m, size_t i);
json_t *header_object(const struct model *m);
json_t *banners_object(const struct model *m);
