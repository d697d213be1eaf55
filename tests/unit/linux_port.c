/*
 * The Linux device's state folder and its netlink walk.
 *
 * links: agent/port/linux/state.c agent/port/linux/netlink.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/port/linux/netlink.h"
#include "agent/port/linux/state.h"

static void in_folder(char out[static 64])
{
	snprintf(out, 64, "/tmp/millrace-state.XXXXXX");
	assert_non_null(mkdtemp(out));
}

static void remove_all(const char *path)
{
	static const char *const names[] = { "lock", "slot0", "slot1", "slot0.new" };
	char name[96];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", path, names[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(path), 0);
}

static void what_was_written_is_read_and_a_slot_never_written_is_not(void **state)
{
	struct mr_state_folder folder;
	uint8_t bytes[100], back[120];
	char path[64];
	(void)state;

	in_folder(path);
	assert_true(mr_state_open(&folder, path));
	assert_false(mr_state_read(&folder, 0, back, sizeof(back)));
	memset(bytes, 0x5a, sizeof(bytes));
	assert_true(mr_state_write(&folder, 1, bytes, sizeof(bytes)));
	assert_true(mr_state_read(&folder, 1, back, sizeof(back)));
	assert_memory_equal(back, bytes, sizeof(bytes));
	assert_int_equal(back[100], 0);
	assert_false(mr_state_read(&folder, 0, back, sizeof(back)));
	mr_state_close(&folder);
	assert_true(mr_state_open(&folder, path));
	assert_true(mr_state_read(&folder, 1, back, 100));
	assert_memory_equal(back, bytes, sizeof(bytes));
	mr_state_close(&folder);
	remove_all(path);
}

static void a_write_that_never_ended_leaves_the_old_octets(void **state)
{
	struct mr_state_folder folder;
	uint8_t back[4];
	char path[64], name[96];
	int fd;
	(void)state;

	in_folder(path);
	assert_true(mr_state_open(&folder, path));
	assert_true(mr_state_write(&folder, 0, (const uint8_t *)"old!", 4));
	snprintf(name, sizeof(name), "%s/slot0.new", path);
	fd = open(name, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0 && write(fd, "ne", 2) == 2);
	close(fd);
	assert_true(mr_state_read(&folder, 0, back, sizeof(back)));
	assert_memory_equal(back, "old!", 4);
	assert_true(mr_state_write(&folder, 0, (const uint8_t *)"new!", 4));
	assert_true(mr_state_read(&folder, 0, back, sizeof(back)));
	assert_memory_equal(back, "new!", 4);
	mr_state_close(&folder);
	remove_all(path);
}

static void a_folder_belongs_to_one_agent(void **state)
{
	struct mr_state_folder first, second;
	char path[64];
	(void)state;

	in_folder(path);
	assert_true(mr_state_open(&first, path));
	assert_false(mr_state_open(&second, path));
	assert_non_null(strstr(second.error, "another agent"));
	mr_state_close(&first);
	assert_true(mr_state_open(&second, path));
	mr_state_close(&second);
	remove_all(path);
}

static void attributes_are_walked_and_a_cut_ends_the_walk(void **state)
{
	struct mr_netlink_request request;
	struct mr_netlink_attribute a;
	const uint8_t *at;
	size_t left, whole;
	(void)state;

	mr_netlink_begin(&request, 0x20, 1, 0);
	whole = request.len;
	mr_netlink_put_u32(&request, 7, 0xdeadbeef);
	mr_netlink_put(&request, 9, "odd", 3);
	assert_false(request.bad);
	at = request.bytes + whole;
	left = request.len - whole;
	assert_int_equal(left, 16);
	assert_true(mr_netlink_next(&at, &left, &a));
	assert_int_equal(a.type, 7);
	assert_int_equal(mr_netlink_u32(&a), 0xdeadbeef);
	assert_true(mr_netlink_next(&at, &left, &a));
	assert_int_equal(a.type, 9);
	assert_int_equal(a.len, 3);
	assert_int_equal(mr_netlink_u32(&a), 0); /* too short for a number */
	assert_false(mr_netlink_next(&at, &left, &a));
	for (size_t cut = 1; cut < 8; cut++) {
		at = request.bytes + whole;
		left = cut;
		assert_false(mr_netlink_next(&at, &left, &a));
	}
}

static void a_request_that_does_not_fit_is_bad(void **state)
{
	struct mr_netlink_request request;
	uint8_t big[MR_NETLINK_REQUEST_MAX] = { 0 };
	(void)state;

	mr_netlink_begin(&request, 0x20, 1, 0);
	mr_netlink_put(&request, 1, big, sizeof(big));
	assert_true(request.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_and_a_slot_never_written_is_not),
		cmocka_unit_test(a_write_that_never_ended_leaves_the_old_octets),
		cmocka_unit_test(a_folder_belongs_to_one_agent),
		cmocka_unit_test(attributes_are_walked_and_a_cut_ends_the_walk),
		cmocka_unit_test(a_request_that_does_not_fit_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
