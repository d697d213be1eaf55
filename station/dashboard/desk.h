/*
 * The person's side of the screen: which screen, row, order, filter, tags; what is being asked; the scan line. Pure:
 * a key and a time in, requests for the station and wishes for the terminal out. No request is sent from here.
 *
 *	desk_create -> { desk_key | desk_expire | desk_state | desk_answer | desk_lost } ... view_build ->
 *		desk_destroy
 */
#pragma once

#include <jansson.h>

#include "station/dashboard/columns.h"
#include "station/dashboard/keys.h"
#include "station/dashboard/mirror.h"
#include "station/dashboard/scan.h"
#include "station/label/scanner.h"

#define DESK_REQUESTS_MAX 8u
#define DESK_PENDING_MAX 32u
#define DESK_UNITS_MAX 1000u /* of one request, as docs/control.md has it */
#define DESK_NOTE_US 8000000u
#define DESK_HAND_US 60000000u	/* a unit is in hand so long after its scan */
#define DESK_SILENT_US 3000000u /* the station says something each second: after this it is not live any more */
#define DESK_REFRESH_US 500000u /* the device in full is asked for so often at most */

enum asking { ASK_NOTHING, ASK_FIND, ASK_FILTER, ASK_REASON, ASK_SURE, ASK_MENU };

struct ask {
	enum asking what;
	enum act act;
	char text[200];	  /* typed */
	char reason[200]; /* given already, when we ask whether it is meant */
	int64_t *units;
	size_t unit_count;
	unsigned menu_row;
};

struct pending {
	int64_t id, unit;
	enum act act;
	bool badge, find, scan;
	char text[100]; /* what is looked for */
};

struct spot {
	unsigned cursor, top;
};

/* layout is ours */
struct desk {
	enum screen_kind screen, before; /* before: where Esc goes */
	struct spot places[SCREENS];
	int64_t selected;  /* unit; 0: the first row */
	int64_t device;	   /* unit of the device screen */
	uint64_t asked_us; /* when the device was last asked for */
	uint64_t seen_of_device;
	enum column sort;
	bool turned;
	char filter[100], search[100];
	struct map tags; /* unit to itself */
	uint32_t *order; /* set by desk_arrange: places in shown->units */
	size_t order_count, order_room;
	struct mirror *frozen; /* NULL: the tables live */
	unsigned left;	       /* first radio of the heat map */
	struct ask ask;
	struct scanner scanner; /* its setup is set by the owner of the desk */
	enum act late;		/* a command that waits: any key takes it back; ACT_NONE: none */
	int64_t late_banner;	/* that is meant */
	uint64_t late_us;	/* when it is done */
	int64_t hand;		/* unit whose own number was scanned last: the next label is held against it; 0: none */
	uint64_t hand_until_us;
	char note[320];
	enum meaning note_means;
	uint64_t note_until_us;
	bool mute;
	int64_t next_id, rung; /* rung: the last banner that the bell was for */
	struct pending pending[DESK_PENDING_MAX];
	bool up;	   /* connected, and a state is here */
	uint64_t heard_us; /* the last line of the station */
	unsigned silent_s; /* nothing was heard for so long; 0: it speaks */
	bool ended;	   /* the run is over, as it should be: not being connected is no trouble */
	char trouble[240]; /* what is wrong with the connection; "" */
	unsigned page;	   /* rows of the table, set by the view */
};

/* zero it first; requests belong to the caller */
struct desk_out {
	json_t *requests[DESK_REQUESTS_MAX];
	unsigned request_count;
	bool quit, bell, redraw;
	bool interrupt; /* Ctrl-C: it is for whoever has this terminal */
};

struct desk *desk_create(void);
void desk_destroy(struct desk *desk);

/* A key of the keyboard, which a scanner may be. `arg`: of KEYS_ROW, KEYS_SCREEN, KEYS_COLUMN, KEYS_MENU_ROW. */
void desk_key(struct desk *desk, struct mirror *mirror, uint32_t key, uint64_t arg, uint64_t now_us,
	      struct desk_out *out);
/* A click, as view_click has named it: no scanner sends one. */
void desk_click(struct desk *desk, struct mirror *mirror, uint32_t key, uint64_t arg, uint64_t now_us,
		struct desk_out *out);
/* When time alone changes something: keys that wait, notes that fade, the device to be asked for again. Keys that have
 * come before this moment are to be given first. */
uint64_t desk_deadline_us(const struct desk *desk, const struct mirror *mirror);
void desk_expire(struct desk *desk, struct mirror *mirror, uint64_t now_us, struct desk_out *out);
/* A line of the station has come, whatever it says. */
void desk_heard(struct desk *desk, uint64_t now_us);
/* After mirror_take said MIRROR_STATE. */
void desk_state(struct desk *desk, struct mirror *mirror, uint64_t now_us, struct desk_out *out);
/* After mirror_take said MIRROR_ANSWER. */
void desk_answer(struct desk *desk, struct mirror *mirror, const json_t *line, uint64_t now_us, struct desk_out *out);
/* The connection is gone, and why; the next state says that it stands again. `ended`: the run was over before. */
void desk_lost(struct desk *desk, const char *trouble, bool ended);
/* What is shown is as it is at the station. */
bool desk_is_live(const struct desk *desk);

/* What the tables show: the mirror, or the frozen copy. Sorts and filters, and keeps the cursor on its unit. */
const struct mirror *desk_arrange(struct desk *desk, const struct mirror *mirror);
/* The unit under the cursor; NULL: no row. After desk_arrange. */
const struct unit_row *desk_unit(const struct desk *desk, const struct mirror *shown);
bool desk_tagged(const struct desk *desk, int64_t unit);
void desk_note(struct desk *desk, enum meaning meaning, uint64_t now_us, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* --- between desk.c, ask.c and talk.c --- */

/* Begins what a key with a role asks for: a reason, a confirmation, or the request at once. */
void ask_begin(struct desk *desk, struct mirror *mirror, enum act act, uint64_t now_us, struct desk_out *out);
void ask_text(struct desk *desk, enum asking what, const char *text);
void ask_menu(struct desk *desk);
void ask_end(struct desk *desk);
/* A person's key while something is asked; `repeated`: one of several, as of a key held down. False: it is not for the
 * question. */
bool ask_key(struct desk *desk, struct mirror *mirror, uint32_t key, uint64_t arg, bool repeated, uint64_t now_us,
	     struct desk_out *out);
/* A question that takes text: what a person types is its. */
bool ask_takes_text(const struct desk *desk);
/* Something was scanned: questions for a text, a choice or a yes are over, one for a reason stays. */
void ask_scanned(struct desk *desk, uint64_t now_us);
/* The reasons that can be chosen by number; NULL-ended. */
const char *const *ask_reasons(enum act act);
/* Rows of the menu: what this role can do on this screen, and what it could with another badge. */
unsigned ask_menu_rows(const struct desk *desk, const struct key_row *rows[static ACTS]);
/* The banner that is shown; 0: none. */
int64_t talk_banner(const struct mirror *mirror);
/* Acknowledges this banner, if it is still there. */
void talk_ack(struct desk *desk, const struct mirror *mirror, int64_t banner, uint64_t now_us, struct desk_out *out);
/* Sends what was asked for. */
void talk_act(struct desk *desk, enum act act, const int64_t *units, size_t unit_count, const char *reason,
	      struct desk_out *out);
void talk_device(struct desk *desk, int64_t unit, uint64_t now_us, struct desk_out *out);
void talk_badge(struct desk *desk, const char *badge, struct desk_out *out);
/* What was scanned: a badge, a unit, a label. Labels are the station's to judge; an observer only looks their unit up.
 */
void talk_scanned(struct desk *desk, struct mirror *mirror, const char *text, uint64_t now_us, struct desk_out *out);
/* The unit in hand; NULL: none. */
const struct unit_row *talk_hand(const struct desk *desk, const struct mirror *mirror);
/* The unit whose whole number or MAC this is, small and capital letters alike; NULL: none, or not one alone. */
const struct unit_row *talk_known(const struct mirror *mirror, const char *text);
void desk_do(struct desk *desk, struct mirror *mirror, enum act act, uint64_t now_us, struct desk_out *out);
void desk_goto(struct desk *desk, struct mirror *mirror, enum screen_kind screen, uint64_t now_us,
	       struct desk_out *out);
void desk_select(struct desk *desk, const struct mirror *mirror, int64_t unit);
