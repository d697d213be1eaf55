/*
 * The control socket of a station: clients that look on and order (docs/control.md). It lives as long as the station,
 * goes from loop to loop, and from run to run. Nothing here ever blocks, and no client can make the line wait.
 *
 *	control_open -> { control_attach(loop) -> control_begin(line) -> events ... -> control_end -> control_detach }
 *		... -> control_close
 */
#pragma once

#include <jansson.h>

#include "station/base/log.h"
#include "station/base/loop.h"
#include "station/control/model.h"
#include "station/control/settings.h"

#define CONTROL_CLIENTS_MAX 64u	    /* chosen: screens, scripts and a light tower of one line */
#define CONTROL_CLIENTS_OF_USER 32u /* half of them: one user does not shut the others out */
#define CONTROL_DROP_US 10000000u   /* a client that takes nothing for this long is dropped */

struct control;

struct control_options {
	const struct settings *settings; /* outlives it */
	const char *path;		 /* of the socket; NULL: the usual places */
	const char *software;		 /* "millrace 0.1.0" */
	const char *metrics;		 /* ADDRESS:PORT, or PORT of this machine alone; NULL: none */
	const struct log *log;
	uint64_t drop_us; /* 0: CONTROL_DROP_US */
	/* `millrace serve`; NULL: this station runs one job and takes no others */
	void *ctx;
	/* A job's number, or below zero with a sentence in `error`. */
	int64_t (*run)(void *ctx, const char *job, const char *db, bool stay, const char *actor, char *error,
		       size_t error_len);
	bool (*cancel)(void *ctx, int64_t job); /* false: no such job waits */
	json_t *(*jobs)(void *ctx);		/* the list, newest last; the caller's */
};

/* 0, or -(errno) with a sentence in `error`; -EADDRINUSE: another station has the socket. */
int control_open(struct control **out, const struct control_options *options, char *error, size_t error_len);
/* Says goodbye with a reason of docs/control.md ("ended", "stopped") and a sentence. */
void control_close(struct control *control, const char *reason, const char *sentence);
const char *control_path(const struct control *control);

/* With this loop from now on. 0, or -1 with errno. */
int control_attach(struct control *control, struct loop *loop);
void control_detach(struct control *control);

struct control_run {
	const struct job *job;
	struct line *line;
	bool simulated;
	double pace;		     /* 0: as fast as it goes */
	const char *record_path;     /* of the line's journal: labels are looked up there; copied. NULL: no labels */
	const struct identity *pins; /* outlives the run; recognises labels that say a PIN */
	const struct log *log;	     /* of the run, with its clock; NULL: that of control_options. Outlives it */
};
/* A run begins: subscribers get a full state. 0, or -1: no memory. */
int control_begin(struct control *control, const struct control_run *run);
void control_event(struct control *control, const struct line_event *event);
/* The run is over; before line_destroy. Clients see its last state. */
void control_ended(struct control *control);
/* After line_destroy: idle. */
void control_end(struct control *control);

/* Something was ordered, or is over: a virtual clock may have to run again, or to stop. */
void control_stand(struct control *control);
/* Somebody who may help is connected, or jobs are taken over the socket: then a guard waits for a person. */
bool control_attended(const struct control *control);
/* The list of jobs has changed. */
void control_jobs_changed(struct control *control);
