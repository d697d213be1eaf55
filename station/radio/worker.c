#include "station/radio/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* --- the jobs --- */

static int fail(struct control_job *job, int error, const char *why)
{
	snprintf(job->error, sizeof(job->error), "%s", why);
	return error;
}

static int bring_up(struct control *control, struct control_job *job)
{
	struct setup *setup = &control->setup;
	struct sysfs_phy where;
	int result;

	setup_down(setup);
	assert(control->own.count >= 1);
	if (!sysfs_find(control->where.path, control->where.mac, &where))
		return fail(job, -ENODEV, "not plugged in");
	if (where.rfkill_hard)
		return fail(job, -ERFKILL, "blocked by rfkill (switch)");
	if (where.rfkill_soft)
		return fail(job, -ERFKILL, "blocked by rfkill (software)");
	result = setup_up(setup, where.index, control->rung, control->own.at[0], &control->claim);
	if (result < 0)
		return fail(job, result, setup->error);
	result = nl80211_phys(setup->nl, where.index, control->phy, 1);
	if (result == 1)
		result = packet_open(&job->packet, setup->plain.name, control->own.at[0], job->error,
				     sizeof(job->error));
	else if (result >= 0)
		result = -ENODEV;
	if (result < 0)
		setup_down(setup);
	return result;
}

static int acknowledge(struct control *control, struct control_job *job)
{
	struct setup *setup = &control->setup;
	int result = setup_acknowledge(setup, &control->own);

	if (result < 0) {
		fail(job, result, setup->error);
		control->own.count = 1;
		(void)setup_acknowledge(setup, &control->own);
	}
	return result;
}

static int refresh(struct control *control)
{
	struct setup *setup = &control->setup;

	return setup->nl && nl80211_phys(setup->nl, setup->phy, control->phy, 1) == 1 ? 0 : -ENODEV;
}

static void do_job(struct control *control, struct control_job *job)
{
	uint64_t since_us = clock_us();

	job->packet = NULL;
	job->error[0] = '\0';
	switch (job->kind) {
	case CONTROL_TUNE:
		job->result = setup_tune(&control->setup, job->freq_mhz);
		if (job->result < 0)
			fail(job, job->result, control->setup.error);
		break;
	case CONTROL_ACKNOWLEDGE: job->result = acknowledge(control, job); break;
	case CONTROL_REFRESH: job->result = refresh(control); break;
	case CONTROL_UP: job->result = bring_up(control, job); break;
	case CONTROL_QUIT: job->result = 0; break;
	}
	job->took_us = (uint32_t)(clock_us() - since_us);
}

const struct control_job *control_do(struct control *control, enum control_kind kind, uint16_t freq_mhz)
{
	assert(!control->runs);
	control->job.kind = kind;
	control->job.freq_mhz = freq_mhz;
	do_job(control, &control->job);
	return &control->job;
}

/* --- the thread --- */

static void *run(void *ctx)
{
	struct control *control = ctx;
	uint64_t one = 1;
	bool quit;

	do {
		pthread_mutex_lock(&control->mutex);
		while (!control->posted)
			pthread_cond_wait(&control->cond, &control->mutex);
		pthread_mutex_unlock(&control->mutex);
		quit = control->job.kind == CONTROL_QUIT;
		do_job(control, &control->job);
		pthread_mutex_lock(&control->mutex);
		control->posted = false;
		pthread_cond_broadcast(&control->cond);
		pthread_mutex_unlock(&control->mutex);
		(void)!write(control->wake_fd, &one, sizeof(one));
	} while (!quit);
	return NULL;
}

void control_post(struct control *control, enum control_kind kind, uint16_t freq_mhz)
{
	assert(!control->runs);
	control->runs = true;
	control->job.kind = kind;
	control->job.freq_mhz = freq_mhz;
	pthread_mutex_lock(&control->mutex);
	control->posted = true;
	pthread_cond_broadcast(&control->cond);
	pthread_mutex_unlock(&control->mutex);
}

static void wait_for_job(struct control *control)
{
	pthread_mutex_lock(&control->mutex);
	while (control->posted)
		pthread_cond_wait(&control->cond, &control->mutex);
	pthread_mutex_unlock(&control->mutex);
}

int control_fd(const struct control *control) { return control->wake_fd; }

bool control_take(struct control *control, struct control_job *out)
{
	uint64_t count;

	if (read(control->wake_fd, &count, sizeof(count)) != (ssize_t)sizeof(count) || !control->runs)
		return false;
	wait_for_job(control);
	control->runs = false;
	*out = control->job;
	control->job.packet = NULL;
	return true;
}

void control_drop(struct control *control)
{
	if (!control->runs)
		return;
	wait_for_job(control);
	packet_close(control->job.packet);
	control->job.packet = NULL;
	control->runs = false;
}

/* Signals are the loop's, whether it has asked for them yet or not. */
int control_start(struct control *control)
{
	sigset_t all, before;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = -pthread_create(&control->thread, NULL, run, control);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	control->thread_runs = result == 0;
	return result;
}

void control_stop(struct control *control)
{
	if (!control->thread_runs)
		return;
	control_drop(control);
	control_post(control, CONTROL_QUIT, 0);
	pthread_join(control->thread, NULL);
	control->thread_runs = control->runs = false;
}

int control_init(struct control *control, const struct sysfs_phy *where, enum setup_rung rung,
		 const uint8_t mac[static 6])
{
	*control = (struct control){ .where = *where, .rung = rung, .claim.fd = -1 };
	radio_addresses_set(&control->own, mac, NULL, 0);
	pthread_mutex_init(&control->mutex, NULL);
	pthread_cond_init(&control->cond, NULL);
	control->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	control->phy = calloc(1, sizeof(*control->phy));
	return control->wake_fd < 0 ? -errno : control->phy ? 0 : -ENOMEM;
}

void control_wipe(struct control *control)
{
	setup_down(&control->setup);
	claim_release(&control->claim);
	if (control->wake_fd >= 0)
		close(control->wake_fd);
	pthread_mutex_destroy(&control->mutex);
	pthread_cond_destroy(&control->cond);
	free(control->phy);
}
