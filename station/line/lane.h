/*
 * One radio: where it is, what it sends next, when it leaves. It knows radios, channels and whose turn it is; what is
 * called, probed or broadcast is the voice of the methods. Devices are told to hold their answers before a radio goes;
 * what a session wants to send waits until a radio is on its channel again.
 */
#pragma once

#include "station/line/session.h"

enum lane_state { LANE_LOST, LANE_UNTUNED, LANE_TUNING, LANE_HERE, LANE_LEAVING };
const char *lane_state_name(enum lane_state state);

/* Layout is ours. */
struct lane {
	struct line *line;
	struct radio *radio;
	size_t index;
	enum lane_state state; /* enter() in lane.c is the only writer */
	struct log_place place;
	struct log_tag tag;
	struct channel *channel; /* where it is or goes */
	struct channel *go;	 /* LEAVING: where next */
	unsigned in_flight;
	bool leave_said;
	uint64_t arrived_us;
	uint64_t channels;	 /* mask */
	struct loop_timer timer; /* look at the schedule again, speak again */
	uint64_t look_us;
	uint64_t switches;
};

/* 0, or -(cause) with a sentence: too many radios, or a channel that none of them may serve. */
int lanes_create(struct line *line, char *error, size_t error_len);
void lanes_start(struct line *line);
void lanes_end(struct line *line);
void lanes_record(struct line *line); /* at the end of the run */
void lanes_kick(struct line *line);   /* something has changed: each looks at the schedule soon */

struct channel *lane_channel(struct line *line, uint16_t freq_mhz); /* NULL: not of this job */
/* Where a device that announced itself at home is to have its session. */
struct channel *lane_place(struct line *line, struct channel *home);
/* A step that must be alone in the whole RF space may begin for this session, on its channel. */
bool lane_may_begin_exclusive(const struct session *s);
/* The session's list is that of `to` from now on. false: it is there already, or `to` is NULL. */
bool lane_move(struct session *s, struct channel *to);
void lane_join(struct session *s, struct channel *to); /* it was on none */
void lane_part(struct session *s);
/* Its association ends: the device is told, now or when a radio is on the channel again. Before link_wipe. */
void lane_farewell(struct session *s);
/* Farewells are still to be sent by radios that are where they belong, or have not been reported. */
bool lanes_say_farewell(const struct line *line);
/* A voice of the channel has something to say before the time that it named. */
void lane_speak(struct channel *channel, const struct method_ops *ops);
/* The session may have something to say, or another deadline: a radio that is there is given it. */
void lane_touch(struct session *s);
