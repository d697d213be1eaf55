/*
 * Who holds an adapter, and what is given back when a holder dies. No radio needed.
 *
 * links: station/radio/claim.c station/radio/nl80211.c agent/wire/channel.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "station/radio/claim.h"

struct given {
	unsigned count;
	char name[32];
};

static void on_given(void *ctx, const char *interface, int error)
{
	struct given *given = ctx;

	(void)error;
	given->count++;
	snprintf(given->name, sizeof(given->name), "%s", interface);
}

static int setup_folder(void **state)
{
	static char path[] = "/tmp/millrace-claim.XXXXXX";
	char *made = strdup(path);

	if (!made || !mkdtemp(made) || setenv("RUNTIME_DIRECTORY", made, 1) < 0)
		return -1;
	*state = made;
	return 0;
}

static int remove_folder(void **state)
{
	int result = rmdir(*state); /* fails when a test left a file behind */

	free(*state);
	return result;
}

static void an_adapter_is_held_once_and_again_after_release(void **state)
{
	struct claim first, second;
	char error[128];
	(void)state;

	assert_int_equal(claim_take(&first, "1-1.2", error, sizeof(error)), 0);
	assert_int_equal(claim_take(&second, "1-1.2", error, sizeof(error)), -EBUSY);
	assert_non_null(strstr(error, "another process"));
	assert_int_equal(claim_holder("1-1.2"), getpid());
	assert_int_equal(claim_holder("1-1.3"), 0);
	claim_release(&first);
	assert_int_equal(claim_holder("1-1.2"), 0);
	assert_int_equal(claim_take(&second, "1-1.2", error, sizeof(error)), 0);
	claim_release(&second);
}

/* A child takes the adapter, notes an interface and is killed. */
static pid_t holder_that_dies(const char *adapter)
{
	int ready[2];
	char octet;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct claim claim;
		char error[128];

		if (claim_take(&claim, adapter, error, sizeof(error)) == 0 && claim_note(&claim, "nosuchif0") == 0)
			(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &octet, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void what_a_killed_holder_took_is_given_back(void **state)
{
	struct given given = { 0 };
	pid_t pid = holder_that_dies("1-2");
	(void)state;

	assert_int_equal(claim_holder("1-2"), pid);
	claims_restore(on_given, &given);
	assert_int_equal(given.count, 0); /* it lives */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	claims_restore(on_given, &given);
	assert_int_equal(given.count, 1);
	assert_string_equal(given.name, "nosuchif0");
	claims_restore(on_given, &given);
	assert_int_equal(given.count, 1); /* once */
}

static void a_path_with_a_slash_stays_inside_the_folder(void **state)
{
	struct claim claim;
	char error[128];
	(void)state;

	assert_int_equal(claim_take(&claim, "../../etc/x", error, sizeof(error)), 0);
	assert_null(strstr(claim.path + strlen(*state), "/../"));
	claim_release(&claim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_adapter_is_held_once_and_again_after_release),
		cmocka_unit_test(what_a_killed_holder_took_is_given_back),
		cmocka_unit_test(a_path_with_a_slash_stays_inside_the_folder),
	};

	return cmocka_run_group_tests(tests, setup_folder, remove_folder);
}
