/*
 * The settings of a station: who is what to it; and where its socket lies.
 *
 * links: station/control/settings.c station/control/request.c station/control/place.c station/base/log.c
 * links: station/yaml/words.c station/yaml/tree.c station/yaml/complaint.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/control/place.h"
#include "station/control/settings.h"

static bool parse(const char *text, struct settings *s, struct job_errors *errors)
{
	return settings_parse("station.yaml", text, strlen(text), s, errors);
}

static void wrong(const char *text, const char *place, const char *words)
{
	static struct settings s;
	struct job_errors errors = { 0 };

	assert_false(parse(text, &s, &errors));
	if (!strstr(errors.text[0], place) || !strstr(errors.text[0], words))
		fail_msg("\"%s\": %s; wanted %s and %s", text, errors.text[0], place, words);
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
	(void)state;
	wrong("control: {}\n", "station.yaml:1:1", "format: 1");
	wrong("format: 1\ncontrl: {}\n", "station.yaml:2:1", "did you mean \"control\"");
	wrong("format: 1\ncontrol: {scoket: a}\n", "station.yaml:2:11", "did you mean \"socket\"");
	wrong("format: 1\ncontrol: {jobs: jobs}\n", "station.yaml:2:", "begins with /");
	wrong("format: 1\ncontrol: {job_files: /lists}\n", "station.yaml:2:", "[/etc/millrace/lists]");
	wrong("format: 1\ncontrol: {job_files: [/a, lists]}\n", "station.yaml:2:27", "begins with /");
	wrong("format: 1\ncontrol: {others: king}\n", "station.yaml:2:", "observer");
	wrong("format: 1\ncontrol: {users: {nobody-is-called-this: lead}}\n", "station.yaml:2:", "does not know");
	wrong("format: 1\ncontrol: {users: [a]}\n", "station.yaml:2:", "NAME: ROLE");
	wrong("format: 1\nbadges: [{badge: \"1\", name: A}]\n", "station.yaml:2:", "role");
	wrong("format: 1\nbadges: [{badge: \"1\", name: A, role: lead}, {badge: \"1\", name: B, role: lead}]\n",
	      "station.yaml:2:", "twice");
	wrong("format: 1\nbadges: 7\n", "station.yaml:2:", "badge");
	wrong("format: 1\nformat: 1\n", "station.yaml:2:", "");
	wrong("format: 1\n[a, b]: c\n", "station.yaml:2:1", "a key is a word, not a list");
	wrong("format: 1\ncontrol: {{a: b}: c}\n", "station.yaml:2:11", "a key is a word, not a map");
	wrong("format: 1\ncontrol: {users: {[a]: lead}}\n", "station.yaml:2:", "a key is a word, not a list");
	wrong("format: 1\nscanner: {[a]: tab}\n", "station.yaml:2:", "a key is a word, not a list");
	wrong("format: 1\nbadges: [{[a]: tab}]\n", "station.yaml:2:", "badge, name and role");
	wrong("format: 1\nscanner: 7\n", "station.yaml:2:", "prefix, suffix");
	wrong("format: 1\nscanner: {sufix: tab}\n", "station.yaml:2:11", "did you mean \"suffix\"");
	wrong("format: 1\nscanner: {prefix: \"\\x02\"}\n", "station.yaml:2:", "none, stx, soh");
	wrong("format: 1\nscanner: {suffix: \"123456789\"}\n", "station.yaml:2:", "1 to 8 octets");
	wrong("format: 1\nscanner: {suffix: \"\"}\n", "station.yaml:2:", "1 to 8 octets");
	wrong("format: 1\nbadges: [{badge: \"ana\", name: A, role: lead}, {badge: \"ANA\", name: B, role: lead}]\n",
	      "station.yaml:2:", "twice");
}

static void what_a_scanner_sends_is_told_in_words_or_as_it_is(void **state)
{
	static const struct {
		const char *text, *prefix, *suffix;
		bool silence;
	} all[] = {
		{ "format: 1\n", "", "", false },
		{ "format: 1\nscanner: {}\n", "", "", false },
		{ "format: 1\nscanner: {prefix: none, suffix: enter}\n", "", "", false },
		{ "format: 1\nscanner: {prefix: stx, suffix: etx}\n", "", "", false },
		{ "format: 1\nscanner: {prefix: soh, suffix: tab}\n", "\001", "\t", false },
		{ "format: 1\nscanner: {suffix: none}\n", "", "", true },
		{ "format: 1\nscanner: {prefix: \"~\", suffix: \"#;\"}\n", "~", "#;", false },
	};
	static struct settings s;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct job_errors errors = { 0 };

		assert_true(parse(all[i].text, &s, &errors));
		assert_string_equal(s.scanner.prefix, all[i].prefix);
		assert_string_equal(s.scanner.suffix, all[i].suffix);
		assert_int_equal(s.scanner.silence, all[i].silence);
	}
}

static void files_of_jobs_lie_beside_them_or_where_the_settings_say(void **state)
{
	static struct settings s;
	struct job_errors errors = { 0 };
	char text[900] = "format: 1\ncontrol:\n  jobs: /j\n  job_files:\n";

	(void)state;
	assert_true(parse("format: 1\n", &s, &errors));
	assert_false(s.has_job_files);
	assert_int_equal(s.files.count, 0);
	assert_true(parse("format: 1\ncontrol: {jobs: /j}\n", &s, &errors));
	assert_false(s.has_job_files);
	assert_int_equal(s.files.count, 1);
	assert_string_equal(s.files.folder[0], "/j");
	assert_true(parse("format: 1\ncontrol: {job_files: [/a, /b], jobs: /j}\n", &s, &errors));
	assert_true(s.has_job_files);
	assert_int_equal(s.files.count, 3);
	assert_string_equal(s.files.folder[1], "/b");
	for (unsigned i = 1; i < REACH_FOLDERS_MAX; i++)
		strcat(text, "  - /a\n");
	assert_true(parse(text, &s, &errors));
	strcat(text, "  - /a\n");
	assert_false(parse(text, &s, &errors));
}

static void the_highest_of_the_rules_counts_and_strangers_get_the_rest(void **state)
{
	static struct settings s;
	struct job_errors errors = { 0 };
	const gid_t both[] = { 700, 701 }, other[] = { 702 };
	const char *name;

	(void)state;
	assert_true(parse(
		"format: 1\ncontrol: {others: none, users: {1234: observer}, groups: {700: operator, 701: lead}}\n"
		"badges: [{badge: \"0417\", name: \"Ana\", role: operator}]\n",
		&s, &errors));
	assert_int_equal(settings_role(&s, 1234, other, 1, &name), ROLE_OBSERVER);
	assert_string_equal(name, "1234");
	assert_int_equal(settings_role(&s, 1234, both, 1, &name), ROLE_OPERATOR);
	assert_int_equal(settings_role(&s, 1234, both, 2, &name), ROLE_LEAD);
	assert_int_equal(settings_role(&s, 99, both, 2, &name), ROLE_LEAD);
	assert_null(name);
	assert_int_equal(settings_role(&s, 99, other, 1, &name), ROLE_NONE);
	assert_int_equal(settings_role(&s, 0, other, 1, &name), ROLE_NONE); /* root too: the file says who */
	assert_null(settings_badge(&s, "417"));
	assert_null(settings_badge(&s, ""));
	assert_int_equal(settings_badge(&s, "0417")->role, ROLE_OPERATOR);
}

static void without_settings_the_own_user_leads_and_others_look(void **state)
{
	static struct settings s;
	const gid_t gid = 4000000;
	const char *name;

	(void)state;
	settings_default(&s);
	assert_int_equal(settings_role(&s, geteuid(), &gid, 1, &name), ROLE_LEAD);
	assert_int_equal(settings_role(&s, 0, &gid, 1, &name), ROLE_LEAD);
	assert_int_equal(settings_role(&s, 4000001, &gid, 1, &name), ROLE_OBSERVER);
}

static void the_example_is_good(void **state)
{
	static struct settings s;
	struct job_errors errors = { 0 };

	(void)state;
	if (!settings_load("config/station.yaml", &s, &errors))
		fail_msg("%s", errors.text[0]);
	assert_int_equal(s.badge_count, 2);
	assert_string_equal(s.metrics, "127.0.0.1:9464");
}

static void a_file_that_is_asked_for_must_be_there(void **state)
{
	static struct settings s;
	struct job_errors errors = { 0 };

	(void)state;
	assert_false(settings_load("/nowhere/station.yaml", &s, &errors));
	assert_non_null(strstr(errors.text[0], "/nowhere/station.yaml"));
}

/* --- the socket's place --- */

static void a_socket_is_the_groups_and_nobody_elses(void **state)
{
	char dir[] = "/tmp/millrace-place-XXXXXX", path[64], error[300];
	struct place a, b;
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/c.sock", dir);
	assert_true(place_connect(path, error, sizeof(error)) < 0);
	assert_int_equal(place_listen(&a, path, NULL, error, sizeof(error)), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	/* A second station does not take it over, and says so. */
	assert_int_equal(place_listen(&b, path, NULL, error, sizeof(error)), -EADDRINUSE);
	assert_non_null(strstr(error, "another station"));
	fd = place_connect(path, error, sizeof(error));
	assert_true(fd >= 0);
	close(fd);
	place_close(&a);
	assert_int_equal(access(path, F_OK), -1);
	/* Something that is no socket is left alone. */
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(place_listen(&b, path, NULL, error, sizeof(error)), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	snprintf(path, sizeof(path), "%s/c.sock.lock", dir);
	unlink(path);
	rmdir(dir);
}

static void what_a_killed_station_left_is_replaced(void **state)
{
	char dir[] = "/tmp/millrace-place-XXXXXX", path[64], error[300];
	struct place a, b;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/c.sock", dir);
	assert_int_equal(place_listen(&a, path, NULL, error, sizeof(error)), 0);
	close(a.fd); /* as a kill would: the socket stays, the lock does not */
	close(a.lock_fd);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(place_listen(&b, path, NULL, error, sizeof(error)), 0);
	place_close(&b);
	snprintf(path, sizeof(path), "%s/c.sock.lock", dir);
	unlink(path);
	rmdir(dir);
}

static void a_path_that_no_socket_can_have_is_refused(void **state)
{
	char path[200], error[300] = "";
	struct place place;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(place_listen(&place, path, NULL, error, sizeof(error)), -ENAMETOOLONG);
	assert_non_null(strstr(error, "shorter"));
	assert_true(place_connect(path, error, sizeof(error)) < 0);
}

/* Where a user has no folder for such things, one in /tmp is his own or is not used. */
static void the_last_place_is_the_users_own(void **state)
{
	char folder[64], place[PLACE_MAX];

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/millrace-%u", 54321u);
	if (geteuid() != 0)
		skip();
	(void)rmdir(folder);
	assert_int_equal(seteuid(54321), 0);
	assert_true(place_usual(3, place));
	assert_string_equal(place, "/tmp/millrace-54321/control.sock");
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_true(place_usual(3, place));
	assert_string_equal(place, "/tmp/millrace-54321/control.sock");
	assert_int_equal(chmod(folder, 0777), 0);
	assert_true(place_usual(3, place));
	assert_string_equal(place, "");
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(seteuid(0), 0);
	/* Somebody else's, and a link to one. */
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(seteuid(54321), 0);
	assert_true(place_usual(3, place));
	assert_string_equal(place, "");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(symlink("/tmp", folder), 0);
	assert_int_equal(seteuid(54321), 0);
	assert_true(place_usual(3, place));
	assert_string_equal(place, "");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(unlink(folder), 0);
	assert_false(place_usual(4, place));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_named_with_its_place),
		cmocka_unit_test(what_a_scanner_sends_is_told_in_words_or_as_it_is),
		cmocka_unit_test(files_of_jobs_lie_beside_them_or_where_the_settings_say),
		cmocka_unit_test(the_highest_of_the_rules_counts_and_strangers_get_the_rest),
		cmocka_unit_test(without_settings_the_own_user_leads_and_others_look),
		cmocka_unit_test(the_example_is_good),
		cmocka_unit_test(a_file_that_is_asked_for_must_be_there),
		cmocka_unit_test(the_last_place_is_the_users_own),
		cmocka_unit_test(a_socket_is_the_groups_and_nobody_elses),
		cmocka_unit_test(what_a_killed_station_left_is_replaced),
		cmocka_unit_test(a_path_that_no_socket_can_have_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
