/*
 * The swarm: lots drawn from seeds, on the simulated air and a failing disk, until the time is up; both cores work.
 * What fails is made as small as it goes and written to a capsule, a text file that brings it back alone.
 * docs/testing.md is the manual.
 *
 *	swarm [--seconds N] [--count N] [--from SEED] [--list FILE] [--out DIR] [--workers N] [--twice] [--figures JSON]
 *	swarm --seed SEED | --capsule FILE [--keep]
 */
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "station/identity/ceremony.h"
#include "station/run/batch.h"
#include "tests/support/figures.h"
#include "tests/swarm/lot.h"
#include "tests/swarm/memo.h"

#define WORKERS_MAX 64u
#define LISTED_MAX 4096u
#define SHRINK_RUNS 120u
#define ENOUGH 60u /* so often drawn and never struck: it is no test */

struct options {
	const char *list, *out, *capsule, *figures;
	uint64_t from, seed;
	unsigned seconds, count, workers;
	bool one, twice, keep;
};

struct swarm {
	struct options o;
	char dir[48], keys[64];
	struct plan *listed;
	unsigned listed_count;
	uint64_t began_s;
	struct shared {
		struct tally tally;
		atomic_uint next;
	} * shared;
};

static uint64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

static void *share(size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED) {
		perror("swarm: memory");
		exit(2);
	}
	return at;
}

/* The same keys each time: a lot repeats only with them. */
static void make_keys(const struct swarm *swarm)
{
	struct entropy *entropy = entropy_create_seeded(1, "swarm keys");
	const struct ceremony ceremony = { .dir = swarm->keys,
					   .organization = "Swarm",
					   .root_days = 3650,
					   .issuing_days = 3650,
					   .utc_us = BATCH_SIM_UTC_US };
	char error[400] = "no memory";
	int result = -1;

	if (entropy) {
		entropy_lend_to_openssl(entropy);
		result = ceremony_init(&ceremony, entropy, error, sizeof(error));
		entropy_lend_to_openssl(NULL);
		entropy_destroy(entropy);
	}
	if (result != 0) {
		fprintf(stderr, "swarm: %s\n", error);
		exit(2);
	}
}

static struct plan *read_lots(const char *path, unsigned *count)
{
	struct plan *lots = calloc(LISTED_MAX, sizeof(*lots));
	FILE *f = fopen(path, "r");
	unsigned line = 0;
	int got = 1;

	*count = 0;
	if (!f || !lots) {
		fprintf(stderr, "swarm: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	while (got == 1 && *count < LISTED_MAX && (got = plan_read(&lots[*count], f, &line)) == 1)
		++*count;
	if (got < 0) {
		fprintf(stderr, "swarm: %s:%u: no line of a lot; tests/swarm/plan.h has what is allowed\n", path, line);
		exit(2);
	}
	fclose(f);
	return lots;
}

/* --- a worker --- */

static void write_findings(const struct findings *findings, FILE *to, const char *prefix)
{
	for (unsigned i = 0; i < findings->count && i < FINDINGS_MAX; i++)
		fprintf(to, "%s%s\n", prefix, findings->text[i]);
	if (findings->count > FINDINGS_MAX)
		fprintf(to, "%sand %u more\n", prefix, findings->count - FINDINGS_MAX);
}

static void write_capsule(const struct swarm *swarm, const struct findings *findings, const struct plan *small,
			  const struct plan *whole)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%llu.lot", swarm->o.out, (unsigned long long)whole->seed);
	f = fopen(path, "w");
	if (!f) {
		perror(path);
		return;
	}
	fprintf(f,
		"# Found with seed %llu; make swarm CAPSULE=FILE runs it again. Of %u devices, %zu faults, %zu "
		"lives:\n",
		(unsigned long long)whole->seed, whole->devices, whole->fault_count, whole->life_count);
	write_findings(findings, f, "# ");
	plan_write(small, f);
	fclose(f);
	printf("seed %llu: the smallest lot that shows it is in %s\n", (unsigned long long)whole->seed, path);
	fflush(stdout);
}

static void run_one(struct swarm *swarm, const struct bench *bench, const struct plan *plan)
{
	struct lot_print first, second;
	struct plan small = *plan;

	lot_run(bench, plan, &first);
	if (swarm->o.twice && bench->findings->count == 0) {
		struct bench again = *bench;

		again.tally = NULL;
		lot_run(&again, plan, &second);
		if (memcmp(&first, &second, sizeof(first)) != 0) {
			find(bench->findings, "unrepeatable", "the same lot went another way");
			bench->tally->failures++;
			write_capsule(swarm, bench->findings, plan, plan);
			return;
		}
	}
	if (bench->findings->count == 0)
		return;
	printf("seed %llu: %s\n", (unsigned long long)plan->seed, bench->findings->text[0]);
	fflush(stdout);
	if (!swarm->o.out)
		return;
	lot_shrink(bench, &small, SHRINK_RUNS);
	if (bench->findings->count > 0)
		write_capsule(swarm, bench->findings, &small, plan);
}

static void work(struct swarm *swarm, unsigned number)
{
	char dir[64];
	struct bench bench = { .dir = dir,
			       .keys = swarm->keys,
			       .news = share(sizeof(struct life_news)),
			       .findings = share(sizeof(struct findings)),
			       .tally = &swarm->shared->tally };

	snprintf(dir, sizeof(dir), "%s/%u", swarm->dir, number);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memo_open();
	for (;;) {
		unsigned n = swarm->shared->next++;
		struct plan plan;

		if (n < swarm->listed_count) {
			plan = swarm->listed[n];
		} else {
			n -= swarm->listed_count;
			if (swarm->o.count ? n >= swarm->o.count : now_s() >= swarm->began_s + swarm->o.seconds)
				_exit(0);
			plan_draw(&plan, swarm->o.from + n);
		}
		run_one(swarm, &bench, &plan);
	}
}

/* --- what came of it --- */

static unsigned say_table(const char *title, const char *(*name)(size_t), size_t count, const atomic_uint *drawn,
			  const atomic_uint *struck)
{
	unsigned idle = 0;

	printf("%s (drawn/struck):", title);
	for (size_t i = 0; i < count; i++) {
		printf(" %s %u/%u", name(i), drawn[i], struck[i]);
		if (drawn[i] < ENOUGH || struck[i] > 0)
			continue;
		printf(" NEVER");
		idle++;
	}
	printf("\n");
	return idle;
}

static const char *life_name(size_t i) { return plan_life_name((enum plan_life_kind)i); }
static const char *disk_name(size_t i) { return disk_kind_name((enum disk_kind)i); }
static const char *fault_name(size_t i) { return plan_fault_kinds[i].kind; }

static unsigned say_all(const struct swarm *swarm)
{
	const struct tally *t = &swarm->shared->tally;
	uint64_t s = now_s() - swarm->began_s;
	unsigned idle;

	printf("methods:");
	for (size_t i = 0; plan_methods[i]; i++)
		printf(" %s %u", plan_methods[i], t->methods[i]);
	printf("; devices told that they passed: %u; lots in which a whole device was not served: %u\n", t->passed,
	       t->whole_missing);
	idle = say_table("lives", life_name, LIFE_KIND_COUNT, t->kinds_drawn, t->kinds_struck);
	idle += say_table("disks", disk_name, DISK_KIND_COUNT, t->disks_drawn, t->disks_struck);
	idle += say_table("faults", fault_name, plan_fault_kind_count, t->faults_drawn, t->faults_struck);
	printf("%u seeds, %u lives, %u failures, %.1f seeds per minute; %u lives lost what their disk had promised to "
	       "keep\n",
	       t->lots, t->lives, t->failures, 60.0 * t->lots / (double)(s ? s : 1), t->lost);
	printf("%u passed, %u failed\n", t->lots - t->failures, t->failures + idle);
	return t->failures + idle;
}

/* For `make bench`. false: the file cannot be written. */
static bool report(const struct swarm *swarm)
{
	const struct tally *t = &swarm->shared->tally;
	uint64_t s = now_s() - swarm->began_s;
	struct figures figures;

	figures_go_on(&figures, swarm->o.figures, "");
	figures_report(&figures, "record.swarm_per_minute", 60.0 * t->lots / (double)(s ? s : 1), "seeds", -1, false);
	figures_report(&figures, "record.swarm_failures", t->failures, "seeds", 0, true);
	return figures_end(&figures);
}

static void progress(const struct swarm *swarm, uint64_t *said_s)
{
	const struct tally *t = &swarm->shared->tally;
	uint64_t now = now_s(), every = isatty(STDOUT_FILENO) ? 1 : 30;

	if (now < *said_s + every)
		return;
	*said_s = now;
	printf("%s%5llu s  %u seeds  %u lives  %u failures%s", every == 1 ? "\r" : "",
	       (unsigned long long)(now - swarm->began_s), t->lots, t->lives, t->failures, every == 1 ? " " : "\n");
	fflush(stdout);
}

static bool run_workers(struct swarm *swarm)
{
	const struct timespec second = { .tv_sec = 1 };
	uint64_t said_s = swarm->began_s;
	unsigned left = 0;
	bool whole = true;
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (; left < swarm->o.workers; left++) {
		pid_t pid = fork();

		if (pid < 0)
			abort();
		if (pid == 0) {
			sigprocmask(SIG_UNBLOCK, &child, NULL);
			work(swarm, left);
		}
	}
	while (left > 0) {
		(void)sigtimedwait(&child, NULL, &second);
		progress(swarm, &said_s);
		while (waitpid(-1, &status, WNOHANG) > 0) {
			left--;
			whole = whole && WIFEXITED(status) && WEXITSTATUS(status) == 0;
		}
	}
	return whole;
}

/* One lot, and every life of it in words. */
static int replay(struct swarm *swarm, const struct plan *plan)
{
	char dir[64];
	struct bench bench = { .dir = dir,
			       .keys = swarm->keys,
			       .news = share(sizeof(struct life_news)),
			       .findings = share(sizeof(struct findings)),
			       .tally = &swarm->shared->tally,
			       .talks = true,
			       .keeps = swarm->o.keep };
	struct lot_print print;

	snprintf(dir, sizeof(dir), "%s/one", swarm->dir);
	memo_open();
	plan_write(plan, stdout);
	lot_run(&bench, plan, &print);
	write_findings(bench.findings, stdout, "FOUND ");
	return bench.findings->count > 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static int usage(void)
{
	fprintf(stderr,
		"swarm [--seconds N] [--count N] [--from SEED] [--list FILE] [--out DIR] [--workers N] [--twice]\n"
		"	[--figures JSON]\n"
		"swarm --seed SEED | --capsule FILE [--keep]\n");
	return 2;
}

static bool read_options(struct options *o, int argc, char **argv)
{
	static const struct option rows[] = {
		{ "seconds", required_argument, NULL, 's' }, { "count", required_argument, NULL, 'n' },
		{ "from", required_argument, NULL, 'f' },    { "list", required_argument, NULL, 'l' },
		{ "out", required_argument, NULL, 'o' },     { "workers", required_argument, NULL, 'w' },
		{ "twice", no_argument, NULL, 't' },	     { "seed", required_argument, NULL, 'S' },
		{ "capsule", required_argument, NULL, 'c' }, { "keep", no_argument, NULL, 'k' },
		{ "figures", required_argument, NULL, 'F' }, { NULL, 0, NULL, 0 },
	};
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int c;

	*o = (struct options){ .seconds = 60,
			       .from = (uint64_t)time(NULL) * 100000,
			       .workers = cores > 0 ? (unsigned)cores : 1 };
	while ((c = getopt_long(argc, argv, "", rows, NULL)) != -1)
		switch (c) {
		case 's': o->seconds = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'n': o->count = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'f': o->from = strtoull(optarg, NULL, 0); break;
		case 'l': o->list = optarg; break;
		case 'o': o->out = optarg; break;
		case 'w': o->workers = (unsigned)strtoul(optarg, NULL, 10); break;
		case 't': o->twice = true; break;
		case 'k': o->keep = true; break;
		case 'F': o->figures = optarg; break;
		case 'S':
			o->seed = strtoull(optarg, NULL, 0);
			o->one = true;
			break;
		case 'c': o->capsule = optarg; break;
		default: return false;
		}
	return optind == argc && o->workers > 0 && o->workers <= WORKERS_MAX;
}

int main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	struct swarm swarm = { 0 };
	struct plan plan;
	int failed;

	if (!read_options(&swarm.o, argc, argv))
		return usage();
	snprintf(swarm.dir, sizeof(swarm.dir), "%.18s/millrace-swarm-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(swarm.dir)) {
		perror(swarm.dir);
		return 2;
	}
	snprintf(swarm.keys, sizeof(swarm.keys), "%s/keys", swarm.dir);
	make_keys(&swarm);
	swarm.shared = share(sizeof(*swarm.shared));
	swarm.began_s = now_s();
	if (swarm.o.list)
		swarm.listed = read_lots(swarm.o.list, &swarm.listed_count);
	if (swarm.o.capsule) {
		unsigned count;
		struct plan *lots = read_lots(swarm.o.capsule, &count);

		failed = 0;
		for (unsigned i = 0; i < count; i++)
			failed |= replay(&swarm, &lots[i]);
		free(lots);
	} else if (swarm.o.one) {
		plan_draw(&plan, swarm.o.seed);
		failed = replay(&swarm, &plan);
	} else {
		printf("swarm: seeds from %llu, after %u lots of the list\n", (unsigned long long)swarm.o.from,
		       swarm.listed_count);
		fflush(stdout);
		failed = !run_workers(&swarm);
		failed |= say_all(&swarm) > 0;
		failed |= swarm.o.figures && !report(&swarm);
	}
	free(swarm.listed);
	if (swarm.o.keep)
		printf("kept: %s\n", swarm.dir);
	else
		nftw(swarm.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return failed ? 1 : 0;
}
