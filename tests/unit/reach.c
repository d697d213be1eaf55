/*
 * Which files a job may have read: judged by what was opened. Each way around it that is known: "..", symbolic links to
 * files and of folders, hard links, a folder whose name begins like an allowed one, what is no regular file.
 *
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/base/reach.h"

struct hut {
	char dir[64], error[700];
	struct reach reach;
};

static char *at(const struct hut *h, const char *name)
{
	static char path[4][200];
	static unsigned n;
	char *out = path[n++ % 4];

	snprintf(out, sizeof(path[0]), "%s/%s", h->dir, name);
	return out;
}

static void put(const struct hut *h, const char *name, const char *text)
{
	FILE *f = fopen(at(h, name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	struct hut *h = calloc(1, sizeof(*h));

	strcpy(h->dir, "/tmp/millrace-reach-XXXXXX");
	if (!mkdtemp(h->dir))
		return -1;
	for (const char *const *name =
		     (const char *const[]){ "jobs", "jobs/lists", "jobs2", "keys", "keys/batch", NULL };
	     *name; name++)
		if (mkdir(at(h, *name), 0700) != 0)
			return -1;
	put(h, "jobs/a.txt", "A");
	put(h, "jobs/lists/b.txt", "B");
	put(h, "jobs2/c.txt", "secret words");
	put(h, "keys/pin.key", "secret words");
	put(h, "keys/batch/default.key", "secret words");
	put(h, "keys/notes.txt", "secret words");
	snprintf(h->reach.folder[0], REACH_PATH_MAX, "%s/jobs", h->dir);
	h->reach.count = 1;
	*state = h;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static int tear_down(void **state)
{
	struct hut *h = *state;

	nftw(h->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(h);
	return 0;
}

static bool opens(struct hut *h, const struct reach *reach, const char *path)
{
	char octet;
	int fd = reach_open(reach, path, "a hint", h->error, sizeof(h->error));
	bool read_it = fd >= 0 && read(fd, &octet, 1) == 1;

	if (fd >= 0)
		close(fd);
	assert_true(fd < 0 || read_it);
	assert_true(fd >= 0 || !strstr(h->error, "secret"));
	return fd >= 0;
}

static void refused(struct hut *h, const struct reach *reach, const char *path, const char *words)
{
	if (opens(h, reach, path))
		fail_msg("%s was opened", path);
	if (!strstr(h->error, words))
		fail_msg("%s: \"%s\" does not say \"%s\"", path, h->error, words);
}

static void what_lies_in_a_named_folder_is_opened(void **state)
{
	struct hut *h = *state;

	assert_true(opens(h, &h->reach, at(h, "jobs/a.txt")));
	assert_true(opens(h, &h->reach, at(h, "jobs/lists/b.txt")));
	assert_true(opens(h, &h->reach, at(h, "jobs/lists/../a.txt")));
	assert_true(opens(h, &h->reach, at(h, "jobs2/../jobs/a.txt")));
	assert_true(opens(h, NULL, at(h, "jobs2/c.txt")));
	assert_int_equal(symlink("lists/b.txt", at(h, "jobs/inside")), 0);
	assert_true(opens(h, &h->reach, at(h, "jobs/inside")));
	/* The folder itself may be named by a link. */
	assert_int_equal(symlink("jobs", at(h, "named")), 0);
	snprintf(h->reach.folder[0], REACH_PATH_MAX, "%s/named", h->dir);
	assert_true(opens(h, &h->reach, at(h, "jobs/a.txt")));
	h->reach.count = 2;
	snprintf(h->reach.folder[1], REACH_PATH_MAX, "%s/jobs2", h->dir);
	assert_true(opens(h, &h->reach, at(h, "jobs2/c.txt")));
}

static void what_lies_elsewhere_is_not(void **state)
{
	struct hut *h = *state;

	refused(h, &h->reach, at(h, "jobs2/c.txt"), "control.job_files");
	refused(h, &h->reach, at(h, "jobs/../jobs2/c.txt"), "control.job_files");
	refused(h, &h->reach, "/etc/passwd", "control.job_files");
	assert_int_equal(symlink("../jobs2/c.txt", at(h, "jobs/link")), 0);
	refused(h, &h->reach, at(h, "jobs/link"), "control.job_files");
	assert_int_equal(symlink("../jobs2", at(h, "jobs/folder")), 0);
	refused(h, &h->reach, at(h, "jobs/folder/c.txt"), "control.job_files");
	assert_int_equal(symlink("/proc/self/root", at(h, "jobs/slash")), 0);
	refused(h, &h->reach, at(h, "jobs/slash/etc/passwd"), "control.job_files");
	assert_int_equal(link(at(h, "jobs2/c.txt"), at(h, "jobs/hard")), 0);
	refused(h, &h->reach, at(h, "jobs/hard"), "2 names");
	/* A folder that is not there holds nothing. */
	snprintf(h->reach.folder[0], REACH_PATH_MAX, "%s/none", h->dir);
	refused(h, &h->reach, at(h, "jobs/a.txt"), "control.job_files");
}

static void nobody_reads_keys(void **state)
{
	struct hut *h = *state;
	const struct reach anywhere = { .count = 0 };
	struct reach all = { .folder = { "/" }, .count = 1 };
	const struct reach *const reaches[] = { NULL, &anywhere, &all };

	assert_int_equal(symlink("../keys/pin.key", at(h, "jobs/pin")), 0);
	for (size_t i = 0; i < 3; i++) {
		refused(h, reaches[i], at(h, "keys/pin.key"), "a folder of keys");
		refused(h, reaches[i], at(h, "keys/batch/default.key"), "a folder of keys");
		refused(h, reaches[i], at(h, "keys/notes.txt"), "a folder of keys");
		refused(h, reaches[i], at(h, "jobs/pin"), "a folder of keys");
		refused(h, reaches[i], at(h, "jobs/../keys/pin.key"), "a folder of keys");
	}
	/* Beside such a folder is not in it. */
	put(h, "beside.txt", "B");
	assert_true(opens(h, NULL, at(h, "beside.txt")));
}

static void what_is_no_regular_file_is_refused_and_nobody_waits_for_it(void **state)
{
	struct hut *h = *state;

	assert_int_equal(mkfifo(at(h, "jobs/fifo"), 0600), 0);
	refused(h, &h->reach, at(h, "jobs/fifo"), "not a regular file; a hint");
	refused(h, &h->reach, at(h, "jobs"), "not a regular file");
	refused(h, NULL, "/dev/null", "not a regular file");
	refused(h, &h->reach, at(h, "jobs/none"), "No such file or directory; a hint");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(what_lies_in_a_named_folder_is_opened),
		TEST(what_lies_elsewhere_is_not),
		TEST(nobody_reads_keys),
		TEST(what_is_no_regular_file_is_refused_and_nobody_waits_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
