#include "tests/swarm/life.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "station/run/batch.h"

#define CPU_MAX_S 120u /* a lot of fifty takes about one */
#define REAL_MAX_S 900u

/* The life that this process is. */
struct child {
	const struct plan_life *life;
	struct life_news *news;
	struct disk *disk;
};

static void power_is_off(void *ctx)
{
	(void)ctx;
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void note_told(struct life_news *news, const uint8_t mac[static 6])
{
	for (unsigned i = 0; i < news->told_count; i++)
		if (memcmp(news->told[i], mac, 6) == 0)
			return;
	if (news->told_count < TOLD_MAX)
		memcpy(news->told[news->told_count++], mac, 6);
}

static void on_event(void *ctx, const struct line_event *event)
{
	struct child *child = ctx;
	const struct plan_life *life = child->life;

	child->news->events++;
	child->news->now_us = event->now_us;
	if (event->kind == LINE_UNIT_STATE && event->state == UNIT_PASSED)
		note_told(child->news, event->mac);
	if (life->kind == LIFE_WHOLE || life->kind == LIFE_DISK || child->news->events != life->at)
		return;
	child->news->struck = true;
	kill(getpid(), life->kind == LIFE_KILLED ? SIGKILL : SIGINT);
	if (life->kind == LIFE_ABORTED)
		kill(getpid(), SIGTERM);
}

static void bound(void)
{
	const struct rlimit cpu = { CPU_MAX_S, CPU_MAX_S + 1 }, none = { 0, 0 };

	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &none);
	alarm(REAL_MAX_S);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void live(const struct place *place, const struct plan *plan, struct child *child)
{
	struct job_errors errors = { 0 };
	struct batch_result result;
	struct job *job = job_load(place->job, &errors);
	struct log log = { .to = place->log[0] ? fopen(place->log, "a") : NULL };
	struct batch_options o = { .job = job,
				   .db = place->db,
				   .keys = place->keys,
				   .operator= "swarm",
				   .check = true,
				   .keys_inside = true,
				   .one_by_one = plan->one_by_one,
				   .signals = child->life->kind == LIFE_STOPPED || child->life->kind == LIFE_ABORTED,
				   .ctx = child,
				   .event = on_event };
	int cause;

	if (log.to) {
		setvbuf(log.to, NULL, _IOLBF, 0); /* it may be killed */
		log_level_all(&log, LOG_DEBUG);
		o.log = &log;
	}
	if (!job) {
		snprintf(child->news->error, sizeof(child->news->error), "%.500s", errors.text[0]);
		_exit(2);
	}
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* before the disk, which wakes SQLite up; as db/journal.c */
	child->disk = disk_create(&child->life->disk, &child->news->disk, power_is_off, NULL);
	if (!child->disk)
		abort();
	cause = batch_run(&o, &result, child->news->error, sizeof(child->news->error));
	child->news->summary = result.summary;
	snprintf(child->news->failure, sizeof(child->news->failure), "%s", result.failure);
	if (child->life->disk.kind == DISK_SYNC_ERROR && child->news->disk.struck)
		disk_power_off(child->disk);
	_exit(cause == 0 ? 0 : 2);
}

static enum life_end end_of(const struct plan_life *life, struct life_news *news, int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == 0 ? ENDED : WEXITSTATUS(status) == 2 ? REFUSED : CRASHED;
	news->signal = WTERMSIG(status);
	if (news->signal == SIGKILL && (life->kind == LIFE_KILLED || life->kind == LIFE_DISK) && news->struck)
		return DIED;
	return news->signal == SIGXCPU || news->signal == SIGALRM || news->signal == SIGKILL ? HUNG : CRASHED;
}

void life_run(const struct place *place, const struct plan *plan, const struct plan_life *life, struct life_news *news)
{
	struct life_news before = *news;
	struct child child = { .life = life, .news = news };
	int status;
	pid_t pid;

	memset(news, 0, sizeof(*news));
	news->told_count = before.told_count;
	memcpy(news->told, before.told, sizeof(before.told));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		bound();
		live(place, plan, &child);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	news->struck = news->struck || news->disk.struck;
	news->end = end_of(life, news, status);
}
