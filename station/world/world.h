/*
 * The simulated factory of a job: its air, its radios, its devices, its troubles. Everything the job's `simulation:`
 * says, from one seed.
 *
 *	world_create -> world_radios -> loop_run -> world_destroy (after the line)
 */
#pragma once

#include "station/air/air.h"
#include "station/world/device.h"
#include "station/identity/identity.h"
#include "station/job/job.h"

struct accessory_config;
struct network;
struct world;

/* What simulated accessories need beside the job. */
struct world_accessories {
	const char *mfi; /* folder of their emulated coprocessors */
	void *ctx;
	void (*adjust)(void *ctx, size_t i, struct accessory_config *config); /* NULL: as the job says */
};

/*
 * NULL with a sentence in `error`. `radios`: how many, 0: as the job says. `flash`: the file that keeps what the
 * devices store, for a batch that is continued later; NULL: nothing is kept. `roster` and `ip`: what the devices'
 * labels say and the station's own IP stack, both for methods of access points, else NULL; they outlive the world.
 * `accessories`: for METHOD_ACCESSORIES, else not looked at.
 */
struct world *world_create(struct loop *loop, const struct job *job, struct identity *identity, uint64_t seed,
			   unsigned radios, const char *flash, const struct roster *roster, struct ip_stack *ip,
			   const struct world_accessories *accessories, char *error, size_t error_len);
void world_destroy(struct world *world);

struct radio **world_radios(struct world *world, size_t *count);
struct air *world_air(struct world *world);
/* line_options.release_us: ctx is the world. UINT64_MAX: no such device. */
uint64_t world_release_us(void *world, const uint8_t device_id[static 8]);
/* A person at the line switches the device of this address off and on. */
void world_restart(struct world *world, const uint8_t mac[static 6]);
