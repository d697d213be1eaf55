/*
 * What the swarm draws: every kind of fault that a job can have, each struck by every method it is for; and whatever it
 * draws is a job that is good, and comes back from a capsule as it was.
 *
 * links: all tests/swarm/plan.c tests/swarm/disk.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "station/job/job.h"
#include "station/job/keys.h"
#include "tests/swarm/plan.h"

#define SEEDS 3000u
#define METHODS_MAX 16

struct drawn {
	unsigned methods[METHODS_MAX], faults[64];
};

static struct drawn draw_all(void)
{
	struct drawn drawn = { 0 };
	struct plan plan;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		plan_draw(&plan, seed);
		for (size_t m = 0; plan_methods[m]; m++)
			drawn.methods[m] += strcmp(plan_methods[m], plan.method) == 0;
		for (size_t i = 0; i < plan.fault_count; i++)
			drawn.faults[plan.faults[i].kind - plan_fault_kinds]++;
	}
	return drawn;
}

static void every_kind_of_fault_is_drawn(void **state)
{
	const struct key *key = job_key("simulation.faults[].kind", NODE_SCALAR);
	const struct drawn drawn = draw_all();
	size_t count = 0;

	(void)state;
	assert_non_null(key);
	for (const char *word; (word = key->words(count)); count++) {
		size_t i = 0;

		while (i < plan_fault_kind_count && strcmp(plan_fault_kinds[i].kind, word) != 0)
			i++;
		if (i == plan_fault_kind_count || drawn.faults[i] < SEEDS / 200)
			fail_msg("%s is not drawn", word);
	}
	assert_int_equal(count, plan_fault_kind_count);
}

static void every_method_is_drawn(void **state)
{
	const struct drawn drawn = draw_all();

	(void)state;
	for (size_t m = 0; plan_methods[m]; m++)
		assert_true(drawn.methods[m] > SEEDS / 20);
}

static void what_is_drawn_is_a_job_that_is_good(void **state)
{
	char job_path[] = "/tmp/millrace-plan-XXXXXX.yaml", labels[sizeof(job_path)];
	int fd = mkstemps(job_path, 5);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(labels, sizeof(labels), "%.*s.csv", (int)strlen(job_path) - 5, job_path);
	for (uint64_t seed = 0; seed < SEEDS / 10; seed++) {
		struct job_errors errors = { 0 };
		struct plan plan;
		struct job *job;

		plan_draw(&plan, seed);
		assert_true(plan_write_job(&plan, job_path, labels));
		job = job_load(job_path, &errors);
		if (!job)
			fail_msg("seed %llu: %s", (unsigned long long)seed, errors.text[0]);
		assert_int_equal(job->sim_fault_count, plan.fault_count);
		assert_int_equal(job->sim_devices, plan.devices);
		job_destroy(job);
	}
	(void)unlink(job_path);
	(void)unlink(labels);
}

static void a_capsule_brings_back_what_was_drawn(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS / 10; seed++) {
		struct plan plan, again;
		char text[2][4096] = { "", "" };
		unsigned line = 0;
		FILE *f;

		plan_draw(&plan, seed);
		f = fmemopen(text[0], sizeof(text[0]), "w");
		plan_write(&plan, f);
		fclose(f);
		f = fmemopen(text[0], strlen(text[0]), "r");
		assert_int_equal(plan_read(&again, f, &line), 1);
		fclose(f);
		f = fmemopen(text[1], sizeof(text[1]), "w");
		plan_write(&again, f);
		fclose(f);
		assert_string_equal(text[0], text[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_fault_is_drawn),
		cmocka_unit_test(every_method_is_drawn),
		cmocka_unit_test(what_is_drawn_is_a_job_that_is_good),
		cmocka_unit_test(a_capsule_brings_back_what_was_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
