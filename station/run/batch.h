/*
 * One run of a job from opened keys to the summary, on whichever radios it names: what `run` shows, what the benchmark
 * and the tests measure.
 */
#pragma once

#include "station/line/line.h"

struct accessory_config;
struct air;
struct control;
struct world;

struct batch_options {
	const struct job *job;
	const char *db;	    /* path */
	const char *keys;   /* folder; NULL: a simulated CA beside the database */
	bool keys_inside;   /* the private keys stay in this process: for who measures what a process of their own costs
			     */
	const char *policy; /* NULL: the job's */
	const char *operator;
	const char *pcap; /* simulated air only */
	uint64_t seed;	  /* 0: the job's */
	int64_t utc_us;	  /* start of the simulated clock; 0: BATCH_SIM_UTC_US, or behind the record's last */
	unsigned radios;  /* simulated; 0: the job's */
	const struct log *log;
	void *ctx;
	void (*began)(void *ctx, struct line *line, bool simulated, uint64_t seed);
	void (*event)(void *ctx, const struct line_event *event);
	/* For tests: how the `i`th simulated accessory is, before it is made. NULL: as the job says. */
	void (*accessory)(void *ctx, size_t i, struct accessory_config *config);
	/* More of the simulated world, on its air, before the line begins. */
	void (*populate)(void *ctx, struct air *air);
	/* While that air is there still: what has to be taken off it. Also when populate was not called. */
	void (*depopulate)(void *ctx);
	/* After line_stop was asked for by a signal; `times` counts. */
	void (*interrupted)(void *ctx, unsigned times);
	bool signals;		 /* SIGINT, SIGTERM, SIGHUP and SIGPIPE stop the run (loop_signals) */
	struct control *control; /* opened, attached to no loop; NULL: nobody looks on */
	double pace;		 /* simulated: virtual seconds per second; 0: as fast as it goes */
	bool stay;		 /* does not end when all have an outcome, but when somebody stops it */
	bool check;		 /* simulated: what must hold of the line is looked at after each event */
	bool one_by_one;	 /* simulated: each record is a commit of its own (JOURNAL_ONE_BY_ONE) */
	bool meter;		 /* simulated: charge CPU time to station and world */
};

#define BATCH_SIM_UTC_US 1767225600000000 /* 2026-01-01T00:00:00Z: a simulated day is not today */

struct batch_result {
	struct line_summary summary;
	bool simulated, interrupted;
	uint64_t seed;
	uint64_t station_cpu_us, world_cpu_us; /* of the loop, with `meter`; 0 else */
	uint64_t onlookers_cpu_us;	       /* in addition, for the clients of the control socket */
	uint64_t journal_cpu_us;
	uint64_t signer_cpu_us; /* of the process that holds the keys, its start included; 0: there was none */
	uint64_t air_octets, air_frames, air_airtime_us, air_collisions;
	size_t device_octets;
	char failure[320];
};

/* 0; below zero: -(cause), `error` says what is unusable and the remedy. */
int batch_run(const struct batch_options *options, struct batch_result *result, char *error, size_t error_len);
