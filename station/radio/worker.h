/*
 * What blocks about an adapter, on a thread of its own: making it ready, tuning, interfaces for further addresses,
 * reading the rules. One job at a time; when it is done control_fd becomes readable. While a job runs everything in
 * here is the thread's, else the owner's. The thread writes no log: job.error says what went wrong, and the owner
 * tells it.
 *
 *	control_init -> control_do ... -> control_start -> { control_post -> control_fd -> control_take } ...
 *		-> control_stop -> control_wipe
 */
#pragma once

#include <pthread.h>

#include "station/radio/claim.h"
#include "station/radio/packet.h"
#include "station/radio/setup.h"
#include "station/radio/sysfs.h"

enum control_kind {
	CONTROL_TUNE,	     /* to freq_mhz */
	CONTROL_ACKNOWLEDGE, /* frames to control.own; when one is refused, to the first of them alone */
	CONTROL_REFRESH,     /* read channels and rules again */
	CONTROL_UP,	     /* find the adapter, set it up for the first of control.own, open its frames */
	CONTROL_QUIT,
};

struct control_job {
	enum control_kind kind;
	uint16_t freq_mhz;
	/* results */
	int result; /* 0 or -errno */
	uint32_t took_us;
	struct packet *packet; /* of CONTROL_UP: belongs to the taker of the job */
	char error[160];
};

struct control {
	struct sysfs_phy where;
	enum setup_rung rung;
	struct radio_addresses own; /* set by the owner before a job that reads it */
	struct claim claim;
	struct setup setup;
	struct nl80211_phy *phy; /* as read by CONTROL_UP and CONTROL_REFRESH */
	struct control_job job;
	bool runs;   /* from post to take; only the owner looks at it */
	bool posted; /* under the mutex: the job is the thread's */
	bool thread_runs;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	int wake_fd;
};

/* 0 or -errno. control_wipe also after a failure. */
int control_init(struct control *control, const struct sysfs_phy *where, enum setup_rung rung,
		 const uint8_t mac[static 6]);
/* In the caller's thread, while no job runs. The results are valid until the next job. */
const struct control_job *control_do(struct control *control, enum control_kind kind, uint16_t freq_mhz);
int control_start(struct control *control); /* 0 or -errno */
/* Not while a job runs. */
void control_post(struct control *control, enum control_kind kind, uint16_t freq_mhz);
int control_fd(const struct control *control);
/* After control_fd was readable: true, the job is done and its results are in `out`; false: nothing to take. */
bool control_take(struct control *control, struct control_job *out);
/* Waits for the job that runs, if one does, and forgets it. */
void control_drop(struct control *control);
void control_stop(struct control *control); /* the thread ends */
void control_wipe(struct control *control); /* removes our interfaces, gives back what was taken */
