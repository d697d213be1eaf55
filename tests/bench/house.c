/*
 * The house: what its own rules cost, and whether they are kept. `make bench`; house OUT.json [PREFIX]: appends to
 * OUT.json.
 *
 *   house.asserts_*        asserts about our own state for each 1,000 lines of a room's .c files
 *   house.method_files     files of the station, beside its own, that name the method micro-ap: only the row may
 *   house.log_lines        lines for each device of config/jobs/demo.yaml at debug
 *   house.station_cpu_*    of the same job for each device: the loop's thread while it is the station, and the
 *                          journal's; without a log, with one at debug. Runs alternate, each in a process of its
 *                          own; medians
 *   house.log_off_*        what a log costs that nobody wants: places passed at trace, times the price of one
 *   house.program_*        the program as a whole, simulated air and devices included
 *
 * With BASELINE=path/to/millrace in the environment the program of another commit takes its turn in each round, with
 * the same keys and seeds: ratios of CPU and makespan are of one round each, and the median of them is the figure. Of
 * two programs that are the same they come out within 0.03 of 1 on a quiet machine, which is as far as they can be
 * read.
 */
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "station/base/log.h"
#include "station/identity/ceremony.h"
#include "station/run/batch.h"
#include "tests/support/figures.h"

#define ROUNDS 9
#define DEMO "config/jobs/demo.yaml"
#define PLACES 20000000u

struct house {
	char dir[64], keys[80];
	const char *program, *baseline;
	struct figures figures;
	unsigned runs;
};

static void die(const char *what)
{
	fprintf(stderr, "bench: house: %s\n", what);
	exit(2);
}

static double median(const double values[static ROUNDS])
{
	double sorted[ROUNDS];

	memcpy(sorted, values, sizeof(sorted));
	figures_sort(sorted, ROUNDS);
	return sorted[ROUNDS / 2];
}

/* --- the text of the rooms --- */

static bool is_word(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* `word` not as the end of a longer one: assert( and not static_assert(. */
static unsigned occurrences(const char *line, const char *word)
{
	unsigned n = 0;

	for (const char *at = line; (at = strstr(at, word)) != NULL; at += strlen(word))
		n += at == line || !is_word(at[-1]);
	return n;
}

struct counted {
	unsigned files, naming, lines, words;
};

static void count(const char *pattern, const char *word, struct counted *out)
{
	char line[1000];
	glob_t found;

	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *f = fopen(found.gl_pathv[i], "r");
		unsigned before = out->words;

		if (!f)
			die(found.gl_pathv[i]);
		while (fgets(line, sizeof(line), f)) {
			out->lines++;
			out->words += occurrences(line, word);
		}
		fclose(f);
		out->files++;
		out->naming += out->words > before;
	}
	globfree(&found);
}

static void read_rooms(struct house *h)
{
	static const struct {
		const char *name, *files;
	} rooms[] = {
		{ "house.asserts_line", "station/line/*.c" },
		{ "house.asserts_link", "station/link/*.c" },
		{ "house.asserts_method", "station/method/*.c" },
		{ "house.asserts_schedule", "station/schedule/*.c" },
		{ "house.asserts_identity", "station/identity/*.c" },
		{ "house.asserts_db", "db/*.c" },
	};
	struct counted named = { 0 };

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct counted c = { 0 };

		count(rooms[i].files, "assert(", &c);
		if (c.files == 0)
			die("run it at the root of the tree");
		figures_report(&h->figures, rooms[i].name, 1000.0 * c.words / c.lines, "/1000 lines", 12, false);
	}
	count("station/*/*.[ch]", "\"micro-ap\"", &named);
	figures_report(&h->figures, "house.method_files", named.naming, "files", 1, true);
}

/* --- the station alone --- */

struct measured {
	bool ok;
	unsigned devices;
	double cpu_us; /* for each device */
	size_t lines;
};

static size_t lines_of(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n = 0;

	for (int c; f && (c = getc(f)) != EOF;)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void run_here(struct house *h, int level, uint64_t seed, struct measured *out)
{
	struct job_errors errors = { 0 };
	struct job *job = job_load(DEMO, &errors);
	char db[120], path[120], error[512];
	struct log log = { .to = NULL };
	struct batch_options o = {
		.job = job, .db = db, .keys = h->keys, .operator= "bench", .meter = true, .seed = seed
	};
	struct batch_result r;

	if (!job)
		die(errors.text[0]);
	snprintf(db, sizeof(db), "%s/%u.db", h->dir, h->runs);
	snprintf(path, sizeof(path), "%s/%u.log", h->dir, h->runs);
	if (level >= 0) {
		log_level_all(&log, (enum log_level)level);
		log.to = fopen(path, "w");
		if (!log.to)
			die(path);
		o.log = &log;
	}
	if (batch_run(&o, &r, error, sizeof(error)) != 0)
		die(error);
	if (log.to)
		fclose(log.to);
	*out = (struct measured){ .ok = true,
				  .devices = r.summary.seen,
				  .cpu_us = (double)(r.station_cpu_us + r.journal_cpu_us) / r.summary.seen,
				  .lines = level < 0 ? 0 : lines_of(path) };
	job_destroy(job);
}

/* In a child of its own. `level` below zero: no log. */
static struct measured run(struct house *h, int level, uint64_t seed)
{
	struct measured out = { 0 };
	int ends[2], status;
	pid_t child = -1;

	h->runs++;
	if (pipe(ends) != 0 || (child = fork()) < 0)
		die("no pipe or process");
	if (child == 0) {
		run_here(h, level, seed, &out);
		_exit(write(ends[1], &out, sizeof(out)) == (ssize_t)sizeof(out) ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], &out, sizeof(out)) != (ssize_t)sizeof(out))
		out.ok = false;
	close(ends[0]);
	if (waitpid(child, &status, 0) != child || status != 0 || !out.ok)
		die("a batch did not run");
	return out;
}

/* The price of a place that would log, in nanoseconds: the loop with it less the loop without. */
static double price_of_a_place(void)
{
	static struct log log;
	struct log_tag tag = { .log = &log };
	struct log_tag *volatile seen = &tag; /* read again each time, as a machine reads its tag */
	double ns[2];

	for (int with = 0; with < 2; with++) {
		struct timespec from, to;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		for (unsigned i = 0; i < PLACES; i++) {
			const struct log_tag *at = seen;

			if (with)
				log_write(at, LOG_STA, LOG_DEBUG, "%u", i);
			__asm__ volatile("" : : "r"(at) : "memory");
		}
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		ns[with] = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
	}
	return ns[1] > ns[0] ? (ns[1] - ns[0]) / PLACES : 0;
}

static void measure_log(struct house *h)
{
	double off[ROUNDS], debug[ROUNDS], ratio[ROUNDS], price_ns = price_of_a_place();
	struct measured m = { 0 }, trace;

	for (int i = 0; i < ROUNDS; i++) {
		off[i] = run(h, -1, (uint64_t)i + 1).cpu_us;
		m = run(h, LOG_DEBUG, (uint64_t)i + 1);
		debug[i] = m.cpu_us;
		ratio[i] = debug[i] / off[i];
	}
	trace = run(h, LOG_TRACE, 1);
	figures_report(&h->figures, "house.log_lines", (double)m.lines / m.devices, "/device", -1, true);
	figures_report(&h->figures, "house.station_cpu_log_off", median(off), "us/device", -1, true);
	figures_report(&h->figures, "house.station_cpu_log_debug", median(debug), "us/device", -1, true);
	figures_report(&h->figures, "house.station_cpu_debug_ratio", median(ratio), "ratio", -1, true);
	figures_report(&h->figures, "house.log_off_places", (double)trace.lines / trace.devices, "/device", -1, true);
	figures_report(&h->figures, "house.log_off_price", price_ns, "ns", -1, true);
	figures_report(&h->figures, "house.log_off_share",
		       100 * price_ns * (double)trace.lines / trace.devices / 1000 / median(off), "% of CPU", 0.1,
		       true);
}

/* --- programs --- */

struct spent {
	double cpu_us, makespan_us;
};

static double makespan_of(const char *path)
{
	char line[2000];
	double found = 0;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "\"event\":\"summary\"") ? strstr(line, "\"makespan_us\":") : NULL;

		if (at)
			found = strtod(at + strlen("\"makespan_us\":"), NULL);
	}
	if (f)
		fclose(f);
	return found;
}

static struct spent run_program(struct house *h, const char *program, const char *level, int seed)
{
	char db[120], out[120], log[120], number[12];
	const char *const argv[] = { program, "run",	     DEMO,	     "--db",
				     db,      "--keys",	     h->keys,	     "--seed",
				     number,  "--json",	     "--no-compare", "--control",
				     "none",  "--operator",  "bench",	     level ? "--log" : NULL,
				     log,     "--log-level", level,	     NULL };
	struct rusage usage;
	struct spent spent;
	int status, fd;
	pid_t child;

	h->runs++;
	snprintf(db, sizeof(db), "%s/%u.db", h->dir, h->runs);
	snprintf(out, sizeof(out), "%s/%u.json", h->dir, h->runs);
	snprintf(log, sizeof(log), "%s/%u.log", h->dir, h->runs);
	snprintf(number, sizeof(number), "%d", seed);
	child = fork();
	if (child < 0)
		die("no process");
	if (child == 0) {
		fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
			_exit(3);
		execv(program, (char *const *)(uintptr_t)argv);
		_exit(3);
	}
	if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
		die(program);
	spent.cpu_us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
		       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	spent.makespan_us = makespan_of(out);
	if (spent.makespan_us <= 0)
		die("a run has no summary");
	return spent;
}

static void measure_programs(struct house *h)
{
	double off[ROUNDS], debug[ROUNDS], against[ROUNDS], debug_against[ROUNDS], makespan[ROUNDS];

	if (!h->program)
		die("MILLRACE_BIN names no program");
	for (int i = 0; i < ROUNDS; i++) {
		struct spent before = { 1, 1 }, now, talking;

		/* Who goes first changes: a machine that slows down is nobody's fault. */
		if (h->baseline && i % 2 == 0)
			before = run_program(h, h->baseline, NULL, i + 1);
		now = run_program(h, h->program, NULL, i + 1);
		talking = run_program(h, h->program, "debug", i + 1);
		if (h->baseline && i % 2 != 0)
			before = run_program(h, h->baseline, NULL, i + 1);
		off[i] = now.cpu_us;
		debug[i] = talking.cpu_us / now.cpu_us;
		against[i] = now.cpu_us / before.cpu_us;
		debug_against[i] = talking.cpu_us / before.cpu_us;
		makespan[i] = now.makespan_us / before.makespan_us;
	}
	figures_report(&h->figures, "house.program_cpu", median(off) / 1000, "ms", -1, true);
	figures_report(&h->figures, "house.program_cpu_debug_ratio", median(debug), "ratio", -1, true);
	if (!h->baseline)
		return;
	figures_report(&h->figures, "house.program_cpu_to_baseline", median(against), "ratio", -1, true);
	figures_report(&h->figures, "house.program_cpu_debug_to_baseline", median(debug_against), "ratio", -1, true);
	figures_report(&h->figures, "house.makespan_to_baseline", median(makespan), "ratio", -1, true);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

int main(int argc, char **argv)
{
	struct house h = { .dir = "/tmp/millrace-house-XXXXXX",
			   .program = getenv("MILLRACE_BIN"),
			   .baseline = getenv("BASELINE") };
	struct ceremony ceremony = {
		.organization = "Bench", .root_days = 3650, .issuing_days = 3650, .utc_us = BATCH_SIM_UTC_US
	};
	struct entropy *entropy = entropy_create_kernel();
	char error[512];

	if (argc < 2)
		die("usage: house OUT.json [PREFIX]");
	figures_go_on(&h.figures, argv[1], argc > 2 ? argv[2] : "");
	if (!figures_wanted(&h.figures, "house"))
		return figures_end(&h.figures) ? 0 : 2;
	if (h.baseline && !*h.baseline)
		h.baseline = NULL;
	if (!entropy || !mkdtemp(h.dir))
		die("no memory or no temporary folder");
	snprintf(h.keys, sizeof(h.keys), "%s/keys", h.dir);
	ceremony.dir = h.keys;
	if (ceremony_init(&ceremony, entropy, error, sizeof(error)) != 0)
		die(error);
	entropy_destroy(entropy);
	read_rooms(&h);
	if (figures_wanted(&h.figures, "house.log") || figures_wanted(&h.figures, "house.station_cpu"))
		measure_log(&h);
	if (figures_wanted(&h.figures, "house.program") || figures_wanted(&h.figures, "house.makespan"))
		measure_programs(&h);
	nftw(h.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return figures_end(&h.figures) ? 0 : 2;
}
