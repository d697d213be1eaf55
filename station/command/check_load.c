/*
 * What a batch asks of the air, the sessions and the signer, from the frames that each step exchanges: an estimate that
 * errs on the fast side (no losses, no collisions, no channel changes), so that "too slow" is certain and "fast enough"
 * is not a promise. What a run really took is in its summary.
 */
#include "station/command/check.h"

#include <stdio.h>
#include <string.h>

#include "agent/port/sim/profile.h"
#include "station/air/air.h"
#include "station/radio/radio.h"

#define RATE_24M 48u   /* the fastest that a session uses */
#define BACKOFF_US 68u /* IEEE 802.11-2020 10.3.3: half of CWmin 15, slots of 9 us */

/* Octets of the frames that a step exchanges, docs/protocol.md: requests and responses, 0 ends. */
static const uint16_t session_frames[] = { 60, 120, 110, 40, 40, 0 }; /* share of a call, hello, handshake, finish */
static const uint16_t step_frames[JOB_STEP_COUNT][12] = {
	[JOB_IDENTIFY] = { 60, 190 },
	[JOB_SELFTEST] = { 60, 160 },
	[JOB_IDENTITY] = { 90, 420, 1400, 120, 110, 70, 80, 70 },
	[JOB_CREDENTIALS] = { 170, 110, 70, 80 },
	[JOB_VERIFY] = { 95, 190 },
	[JOB_SEAL] = { 105, 300, 70, 70 },
};

static uint64_t air_of(const uint16_t *frames, uint16_t freq_mhz)
{
	uint64_t us = 0;

	for (; *frames; frames++)
		us += air_exchange_us(freq_mhz, RATE_24M, *frames) + BACKOFF_US;
	return us;
}

/* One device's own work by a chip profile: two stores per committed step, a signature per signed answer. */
static uint64_t work_of(const struct job *job, const struct mr_chip_profile *chip)
{
	uint64_t us = 3ull * chip->x25519_us;

	for (size_t i = 0; i < job->recipe_len; i++) {
		switch (job->recipe[i]) {
		case JOB_IDENTIFY: break;
		case JOB_SELFTEST: us += chip->selftest_us; break;
		case JOB_IDENTITY:
			us += chip->keygen_us + chip->sign_us + chip->verify_us + 2ull * chip->erase_us;
			break;
		case JOB_CREDENTIALS: us += 2ull * chip->erase_us; break;
		case JOB_VERIFY: us += chip->sign_us; break;
		case JOB_SEAL: us += chip->sign_us + chip->erase_us; break;
		case JOB_STEP_COUNT: break;
		}
	}
	return us;
}

static uint64_t simulated_work(const struct job *job)
{
	uint64_t us = 0;

	for (size_t i = 0; i < job->sim_chip_count; i++) {
		const struct mr_chip_profile *chip = mr_chip_profile_named(job->sim_chips[i].profile);

		if (chip)
			us += work_of(job, chip) * job->sim_chips[i].percent / 100;
	}
	return us;
}

struct pace {
	double us_per_device;
	const char *by;
};

static void slower(struct pace *pace, double us_per_device, const char *by)
{
	if (us_per_device > pace->us_per_device)
		*pace = (struct pace){ us_per_device, by };
}

void check_load(const struct check_context *context)
{
	const struct job *job = context->job;
	size_t served = context->radios < job->channel_count ? context->radios : job->channel_count;
	uint64_t air_us = 0, work_us = simulated_work(job);
	struct pace pace = { 0, "" };
	char work[48] = "";

	if (served == 0)
		return; /* without a radio there is nothing to estimate, and check_radios has said so */
	for (size_t i = 0; i < job->channel_count; i++) {
		air_us += air_of(session_frames, job->channels[i]);
		for (size_t step = 0; step < job->recipe_len; step++)
			air_us += air_of(step_frames[job->recipe[step]], job->channels[i]);
	}
	air_us /= job->channel_count;
	slower(&pace, (double)air_us / (1 - job->sim_bystander_share) / (double)served, "the air");
	slower(&pace, (double)(air_us + work_us) / job->max_in_flight, "admission.max_in_flight");
	slower(&pace, (double)job->signer_us, "the signer");
	slower(&pace, (double)job->sim_arrival_us, "the devices' arrival");
	if (work_us)
		snprintf(work, sizeof(work), " and %.0f ms of its own work", (double)work_us / 1e3);
	check_add(context->report, "load", CHECK_OK, NULL,
		  "%.1f ms of air%s per device; at best %.0f devices a minute, limited "
		  "by %s",
		  (double)air_us / 1e3, work, 60e6 / pace.us_per_device, pace.by);
	if (job->takt_us && pace.us_per_device > (double)job->takt_us)
		check_add(context->report, "takt", CHECK_FAIL, "raise batch.takt, or what limits it",
			  "one device per %.1f ms is wanted, %s gives one per %.1f ms", (double)job->takt_us / 1e3,
			  pace.by, pace.us_per_device / 1e3);
	if (job->radios_simulated && job->sim_devices < job->quantity)
		check_add(context->report, "quantity", CHECK_WARN, "raise simulation.devices, or lower batch.quantity",
			  "%u simulated devices for a batch of %u: it stays open", job->sim_devices, job->quantity);
}
