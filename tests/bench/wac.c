/*
 * Wireless Accessory Configuration on the simulated air. `make bench`; wac OUT.json [PREFIX]: appends to OUT.json.
 *
 *   wac.per_minute_N   accessories a minute, one radio and one channel, with at most N in hand; median of three lots
 *   wac.overlap_16     that of 16 over that of 1: while one coprocessor signs, the others are served
 *
 * A coprocessor takes 0.5 to 1 s for its signature, drawn for each; joins, addresses and the confirmation on the
 * network are in the figure.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "station/identity/ceremony.h"
#include "station/run/batch.h"
#include "tests/support/figures.h"

#define DEVICES 48u
#define OVERLAP_AIM 8.0

static void die(const char *what)
{
	fprintf(stderr, "bench: wac: %s\n", what);
	exit(2);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static double per_minute(const char *dir, unsigned in_hand, unsigned seed)
{
	static const char text[] = "format: 1\n"
				   "batch: {lot: \"b\", product: \"Plug\", quantity: %u, test: true}\n"
				   "credentials: {method: wac, weak-ok: true, ssid: \"hall\", security: wpa2, "
				   "wac: {accept: test-ca}}\n"
				   "recipe: [credentials, verify]\n"
				   "radios: {simulated: 1, profile: mt7612u}\nchannels: [6]\n"
				   "admission: {max_in_flight: %u, quiet: 100s}\n"
				   "guards: {consecutive_fail: off, disk_free: 1MiB}\n"
				   "simulation: {devices: %u, seed: %u, loss: 2%%}\n";
	struct job_errors errors = { 0 };
	struct batch_result result = { 0 };
	char job[1000], db[128], keys[128], error[512];
	struct batch_options o = { .db = db, .keys = keys, .operator= "bench" };

	snprintf(job, sizeof(job), text, DEVICES, in_hand, DEVICES, seed);
	snprintf(db, sizeof(db), "%s/%u-%u.db", dir, in_hand, seed);
	snprintf(keys, sizeof(keys), "%s/keys", dir);
	o.job = job_parse("bench.yaml", job, strlen(job), &errors);
	if (!o.job)
		die(errors.text[0]);
	if (batch_run(&o, &result, error, sizeof(error)) != 0)
		die(error);
	job_destroy((struct job *)(uintptr_t)o.job);
	if (result.summary.passed < DEVICES)
		die("an accessory did not pass");
	return DEVICES * 60e6 / (double)result.summary.makespan_us;
}

static void measure(struct figures *f, const char *dir)
{
	double one = 0;
	char name[40];

	for (unsigned n = 1; n <= 32; n *= 2) {
		double lots[3];

		for (unsigned i = 0; i < 3; i++)
			lots[i] = per_minute(dir, n, i + 1);
		figures_sort(lots, 3);
		snprintf(name, sizeof(name), "wac.per_minute_%u", n);
		figures_report(f, name, lots[1], "devices/min", -1, false);
		if (n == 1)
			one = lots[1];
		if (n == 16)
			figures_report(f, "wac.overlap_16", lots[1] / one, "times", OVERLAP_AIM, false);
	}
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/millrace-bench-wac-XXXXXX", keys[80], error[512];
	struct entropy *entropy = entropy_create_kernel();
	struct ceremony c = { .dir = keys,
			      .organization = "Bench",
			      .root_days = 3650,
			      .issuing_days = 3650,
			      .utc_us = BATCH_SIM_UTC_US };
	struct figures f;

	if (argc < 2)
		die("usage: wac OUT.json [PREFIX]");
	figures_go_on(&f, argv[1], argc > 2 ? argv[2] : "");
	if (figures_wanted(&f, "wac.per") || figures_wanted(&f, "wac.overlap")) {
		if (!mkdtemp(dir))
			die("no folder can be made");
		snprintf(keys, sizeof(keys), "%s/keys", dir);
		if (ceremony_init(&c, entropy, error, sizeof(error)) != 0)
			die(error);
		measure(&f, dir);
		nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
	entropy_destroy(entropy);
	return figures_end(&f) ? 0 : 2;
}
