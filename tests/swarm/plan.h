/*
 * What one seed of the swarm is: a lot, its devices and their neighbours, what goes wrong with them, and how often
 * and in which ways the station dies before it is allowed to finish. Drawn from the seed, or read from a capsule:
 *
 *	lot
 *	seed 17                     of the simulation too
 *	method mixed                direct, micro-ap, pin, https, wps-..., sealed, listeners (sniffer mode), wac;
 *	                            mixed: labels name one for each device
 *	devices 24
 *	...                         one key a line, as plan_keys in plan.c has them; times in ms, shares in percent
 *	fault power-cut count 3 operation commit after 20 off 500
 *	life killed at 57           by SIGKILL, after so many events of the line; or stopped (SIGINT), aborted (twice)
 *	life disk torn log 12 more 0 seed 991
 *	life whole                  the last one is always
 *	end
 *
 * Lines that begin with # are for people.
 */
#pragma once

#include <stdio.h>

#include "tests/swarm/disk.h"

#define PLAN_FAULTS_MAX 5
#define PLAN_LIVES_MAX 5 /* the last of them whole */

/* X(NAME, "name") */
#define PLAN_LIVES(X)                                                                                                  \
	X(WHOLE, "whole")                                                                                              \
	X(KILLED, "killed")                                                                                            \
	X(STOPPED, "stopped")                                                                                          \
	X(ABORTED, "aborted")                                                                                          \
	X(DISK, "disk")
enum plan_life_kind {
#define PLAN_LIFE(NAME, name) LIFE_##NAME,
	PLAN_LIVES(PLAN_LIFE)
#undef PLAN_LIFE
		LIFE_KIND_COUNT
};
const char *plan_life_name(enum plan_life_kind kind);

/* A row of the table of faults; `of` says where the simulation takes it. */
enum plan_whose { OF_DEVICES, OF_NEIGHBOURS };
struct plan_fault_kind {
	const char *kind; /* as in a job */
	enum plan_whose whose;
	const char *methods;	/* NULL: all; else those with which it can strike */
	const char *operations; /* at which it strikes, NULL: none; a question mark: or by the clock */
	bool off;		/* takes the key `off` */
	unsigned count_max, after_max_ms;
	unsigned spoils; /* devices that need not pass, for each that is struck; 0: it is odd, and no fault */
	bool foreign;	 /* devices that are enrolled by WPS have it too */
};
extern const struct plan_fault_kind plan_fault_kinds[];
extern const size_t plan_fault_kind_count;

struct plan_fault {
	const struct plan_fault_kind *kind;
	unsigned count;
	char operation[16]; /* "": none */
	unsigned after_ms, off_ms;
};

struct plan_life {
	enum plan_life_kind kind;
	unsigned at; /* KILLED, STOPPED, ABORTED: events of the line */
	struct disk_fault disk;
};

struct plan {
	uint64_t seed;
	char method[16], channels[24], profile[16], chip[16];
	unsigned devices, radios, loss, burst, arrival_ms, attempts, odd, one_by_one;
	struct plan_fault faults[PLAN_FAULTS_MAX];
	size_t fault_count;
	struct plan_life lives[PLAN_LIVES_MAX];
	size_t life_count; /* at least one */
};

extern const char *const plan_methods[]; /* NULL-terminated */

void plan_draw(struct plan *plan, uint64_t seed);
/* Foreign devices: no agent of ours, no flash to look at, no identity. */
bool plan_is_foreign(const struct plan *plan);
/* How many devices of it have no fault that could cost them. */
unsigned plan_whole_devices(const struct plan *plan);

void plan_write(const struct plan *plan, FILE *to);
/* The next lot of a file. 1: there is one; 0: the file ends; -1: `line` is the number of one that is no such line. */
int plan_read(struct plan *plan, FILE *from, unsigned *line);

/* The job of the simulation, and beside it, at `labels`, the labels of a mixed tray. false: errno says why. */
bool plan_write_job(const struct plan *plan, const char *path, const char *labels);
/* The address of the i-th device of a mixed tray. */
void plan_mixed_mac(const struct plan *plan, size_t i, uint8_t mac[static 6]);
