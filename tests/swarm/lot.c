#include "tests/swarm/lot.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOSS_EASY 5u	 /* percent; chosen: an open floor */
#define ATTEMPTS_EASY 3u /* the default of jobs */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static void clear(const char *dir)
{
	if (nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
		abort();
}

static void place_make(const struct bench *bench, const struct plan *plan, struct place *place)
{
	snprintf(place->dir, sizeof(place->dir), "%s", bench->dir);
	snprintf(place->keys, sizeof(place->keys), "%s", bench->keys);
	snprintf(place->job, sizeof(place->job), "%s/job.yaml", place->dir);
	snprintf(place->labels, sizeof(place->labels), "%s/labels.csv", place->dir);
	snprintf(place->db, sizeof(place->db), "%s/record.db", place->dir);
	place->log[0] = '\0';
	if (bench->keeps)
		snprintf(place->log, sizeof(place->log), "%s/log", place->dir);
	snprintf(place->flash, sizeof(place->flash), "%s.simulated-flash", place->db);
	clear(place->dir);
	if (mkdir(place->dir, 0700) != 0 || !plan_write_job(plan, place->job, place->labels)) {
		perror(place->dir);
		abort();
	}
}

/* The oracle is a process too: an assertion in what it asks is a finding like others. */
static void look(const struct bench *bench, const struct place *place, const struct plan *plan,
		 const struct plan_life *life, bool honest)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		alarm(600);
		oracle_record(place, plan, life, bench->news, honest, bench->findings);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	if (!WIFEXITED(status))
		find(bench->findings, "oracle", "ended by signal %d", WTERMSIG(status));
}

static void count_life(const struct bench *bench, const struct plan_life *life)
{
	struct tally *t = bench->tally;

	if (!t)
		return;
	t->lives++;
	t->kinds_drawn[life->kind]++;
	t->kinds_struck[life->kind] += bench->news->struck || (life->kind == LIFE_WHOLE && bench->news->end == ENDED);
	if (life->kind != LIFE_DISK)
		return;
	t->disks_drawn[life->disk.kind]++;
	t->disks_struck[life->disk.kind] += bench->news->struck;
	t->lost += bench->news->disk.lost;
}

static void count_lot(const struct bench *bench, const struct plan *plan, const bool struck[PLAN_FAULTS_MAX])
{
	struct tally *t = bench->tally;

	if (!t)
		return;
	t->lots++;
	t->failures += bench->findings->count > 0;
	t->passed += bench->news->told_count;
	for (size_t i = 0; plan_methods[i]; i++)
		t->methods[i] += strcmp(plan_methods[i], plan->method) == 0;
	for (size_t i = 0; i < plan->fault_count; i++) {
		size_t kind = (size_t)(plan->faults[i].kind - plan_fault_kinds);

		t->faults_drawn[kind]++;
		t->faults_struck[kind] += struck[i];
	}
}

static void say(const struct bench *bench, const struct plan_life *life)
{
	static const char *const ends[] = { "ended", "died", "was refused", "crashed", "hung" };
	const struct life_news *n = bench->news;

	if (!bench->talks)
		return;
	printf("life %s%s%s: %s after %u events, %.3f s; told %u so far; %u syncs of the log, %u of the "
	       "file%s%s%s%s%s\n",
	       plan_life_name(life->kind), life->kind == LIFE_DISK ? " " : "",
	       life->kind == LIFE_DISK ? disk_kind_name(life->disk.kind) : "", ends[n->end], n->events,
	       (double)n->now_us / 1e6, n->told_count, n->disk.syncs[DISK_LOG], n->disk.syncs[DISK_FILE],
	       n->struck ? "; struck" : "", n->disk.lost ? "; lost" : "", n->error[0] || n->failure[0] ? ": " : "",
	       n->error, n->failure);
	fflush(stdout);
}

static void note_print(struct lot_print *print, const struct life_news *news)
{
	unsigned i = print->lives++;

	print->life[i].end = news->end;
	print->life[i].events = news->events;
	print->life[i].now_us = news->now_us;
	print->life[i].passed = news->told_count;
	memcpy(print->life[i].syncs, news->disk.syncs, sizeof(news->disk.syncs));
}

/* Only devices without a fault and without oddities, on air that is good enough, with tries enough. */
static bool is_easy(const struct plan *plan)
{
	bool easy = plan->loss <= LOSS_EASY && plan->attempts >= ATTEMPTS_EASY && plan->odd == 0;

	/* The station is an access point that has to acknowledge, and the only witness of a join. */
	if (plan_is_foreign(plan))
		easy = easy && strstr("ideal mt7612u mt7610u", plan->profile);
	for (size_t i = 0; i < plan->fault_count; i++)
		easy = easy && plan->faults[i].kind->whose != OF_DEVICES;
	return easy;
}

/* Who has no fault of its own is served in the end. Where that is not certain it is counted, and said. */
static void check_served(const struct bench *bench, const struct plan *plan)
{
	unsigned whole = plan_whole_devices(plan), passed = bench->findings->passed;

	if (passed >= whole)
		return;
	/* A life that begins anew waits admission.quiet for those whose turn on the line comes much later. */
	if (plan->arrival_ms > 0 && plan->life_count > 1)
		return;
	if (is_easy(plan))
		find(bench->findings, "unserved", "%u of %u whole devices have passed", passed, whole);
	if (!bench->tally)
		return;
	bench->tally->whole_missing++;
	printf("seed %llu: %u of %u whole devices have passed; %u %% loss\n", (unsigned long long)plan->seed, passed,
	       whole, plan->loss);
	fflush(stdout);
}

void lot_run(const struct bench *bench, const struct plan *plan, struct lot_print *print)
{
	bool struck[PLAN_FAULTS_MAX] = { false }, lost = false;
	struct place place;

	*print = (struct lot_print){ 0 };
	memset(bench->news, 0, sizeof(*bench->news));
	memset(bench->findings, 0, sizeof(*bench->findings));
	place_make(bench, plan, &place);
	for (size_t i = 0; i < plan->life_count && bench->findings->count == 0; i++) {
		const struct plan_life *life = &plan->lives[i];
		bool lost_before = lost;

		life_run(&place, plan, life, bench->news);
		say(bench, life);
		note_print(print, bench->news);
		count_life(bench, life);
		if (lost_before && bench->news->end == REFUSED) /* a disk lied, and FILE.lock knows better */
			break;
		lost = lost || bench->news->disk.lost;
		oracle_end(life, bench->news, bench->findings);
		look(bench, &place, plan, life, !lost || lost_before);
		oracle_struck(&place, plan, bench->news->now_us, struck);
	}
	if (bench->findings->count == 0 && !lost)
		check_served(bench, plan);
	count_lot(bench, plan, struck);
	if (!bench->keeps)
		clear(place.dir);
}

/* --- smaller --- */

/* The k-th way to make it smaller. false: it is none here; `ways` is behind the last. */
static bool smaller_life(struct plan *plan, size_t i, unsigned way)
{
	struct plan_life *life = &plan->lives[i];
	unsigned *n = life->kind == LIFE_DISK ? &life->disk.nth : &life->at;

	switch (way) {
	case 0:
		memmove(life, life + 1, (plan->life_count - i - 1) * sizeof(*life));
		plan->life_count--;
		return true;
	case 1: *n = *n / 2; return *n > 0;
	case 2: *n = *n - 1; return *n > 0;
	case 3: life->disk.more /= 2; return life->kind == LIFE_DISK && life->disk.more > 0;
	default: return false;
	}
}

static bool smaller_fault(struct plan *plan, size_t i, unsigned way)
{
	struct plan_fault *fault = &plan->faults[i];

	switch (way) {
	case 0:
		memmove(fault, fault + 1, (plan->fault_count - i - 1) * sizeof(*fault));
		plan->fault_count--;
		return true;
	case 1: fault->count /= 2; return fault->count > 0;
	case 2: fault->after_ms /= 2; return fault->after_ms > 0;
	default: return false;
	}
}

static bool set(unsigned *value, unsigned to)
{
	bool other = *value != to;

	*value = to;
	return other;
}

static bool set_text(char *text, size_t len, const char *to)
{
	bool other = strcmp(text, to) != 0;

	snprintf(text, len, "%s", to);
	return other;
}

static bool smaller_lot(struct plan *plan, unsigned way)
{
	switch (way) {
	case 0: return set(&plan->devices, plan->devices / 2);
	case 1: return set(&plan->devices, plan->devices * 3 / 4);
	case 2: return set(&plan->devices, plan->devices - 1);
	case 3: return set(&plan->loss, 0);
	case 4: return set(&plan->burst, 1);
	case 5: return set(&plan->odd, 0);
	case 6: return set(&plan->one_by_one, 0);
	case 7: return set(&plan->radios, 1);
	case 8: return set(&plan->arrival_ms, 0);
	case 9: return set_text(plan->channels, sizeof(plan->channels), "6");
	case 10: return set_text(plan->profile, sizeof(plan->profile), "ideal");
	case 11: return set_text(plan->chip, sizeof(plan->chip), "esp32");
	default: return false;
	}
}

#define LOT_WAYS 12u
#define FAULT_WAYS 3u
#define LIFE_WAYS 4u

/* The way-th smaller lot. -1: there are no more ways; 0: this way leads nowhere; 1: `out` is it. */
static int smaller(const struct plan *plan, unsigned way, struct plan *out)
{
	size_t faults = plan->fault_count * FAULT_WAYS, lives = (plan->life_count - 1) * LIFE_WAYS;
	unsigned struck = 0;
	bool made;

	*out = *plan;
	if (way < lives)
		made = smaller_life(out, way / LIFE_WAYS, way % LIFE_WAYS);
	else if (way < lives + faults)
		made = smaller_fault(out, (way - lives) / FAULT_WAYS, (unsigned)(way - lives) % FAULT_WAYS);
	else if (way < lives + faults + LOT_WAYS)
		made = smaller_lot(out, (unsigned)(way - lives - faults));
	else
		return -1;
	for (size_t i = 0; i < out->fault_count; i++)
		struck += out->faults[i].kind->whose == OF_DEVICES ? out->faults[i].count : 0;
	return made && out->devices > 0 && struck <= out->devices;
}

static void first_word(const struct findings *findings, char word[static 32])
{
	size_t len = strcspn(findings->text[0], ":");

	snprintf(word, 32, "%.*s", (int)len, findings->text[0]);
}

void lot_shrink(const struct bench *bench, struct plan *plan, unsigned runs_max)
{
	struct bench quiet = *bench;
	char word[32], now[32];
	struct lot_print print;
	struct plan next;
	int way_is;

	first_word(bench->findings, word);
	quiet.tally = NULL;
	quiet.talks = false;
	for (unsigned way = 0; (way_is = smaller(plan, way, &next)) >= 0 && runs_max > 0; way++) {
		if (way_is == 0)
			continue;
		runs_max--;
		lot_run(&quiet, &next, &print);
		first_word(quiet.findings, now);
		if (quiet.findings->count == 0 || strcmp(word, now) != 0)
			continue;
		*plan = next;
		way = UINT32_MAX; /* from the first way again */
	}
	lot_run(&quiet, plan, &print); /* so that the findings are the small lot's */
}
