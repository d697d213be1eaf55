/*
 * What a scanner can do that it must not: generated codes at 2 to 60 ms a character in five framings, in virtual time,
 * on the line and in each kind of question (tests/support/scans.h). `make bench`; scans OUT.json [PREFIX]: appends.
 *   outside.scan_commands   keys that were taken for a person's, and scans that changed anything
 *   outside.scan_wrong      scans that found a unit whose number they are not
 *   outside.scan_served     share of those with the number of a unit that found it
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/scans.h"

static void report(json_t *list, const char *prefix, const char *name, double value, const char *unit, double target,
		   bool lower)
{
	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return;
	json_array_append_new(list, json_pack("{s:s, s:f, s:s, s:f, s:s}", "name", name, "value", value, "unit", unit,
					      "target", target, "better", lower ? "lower" : "higher"));
	printf("%-46s %14.3f %-10s %s %g%s\n", name, value, unit, lower ? "<=" : ">=", target,
	       (lower ? value <= target : value >= target) ? "" : "  MISSED");
}

int main(int argc, char **argv)
{
	const char *prefix = argc > 2 ? argv[2] : "", *ours = "outside.scan";
	size_t len = strlen(prefix) < strlen(ours) ? strlen(prefix) : strlen(ours);
	struct scans_result r = { 0 };
	json_t *list;

	if (argc < 2) {
		fputs("usage: scans OUT.json [PREFIX]\n", stderr);
		return 2;
	}
	if (strncmp(ours, prefix, len) != 0)
		return 0;
	for (unsigned number = 0; number < SCANS_CODES; number++) {
		struct scans_code code;

		scans_code(number, &code);
		for (unsigned speed = 0; speed < SCANS_SPEEDS; speed++)
			for (unsigned framing = 0; framing < SCANS_FRAMINGS; framing++)
				for (unsigned where = 0; where < SCANS_WHERE; where++)
					scans_try(&code, speed, framing, where, &r);
	}
	scans_end();
	list = json_load_file(argv[1], 0, NULL);
	if (!json_is_array(list)) {
		json_decref(list);
		list = json_array();
	}
	report(list, prefix, "outside.scan_commands", r.keys + r.commands, "scans", 0, true);
	report(list, prefix, "outside.scan_wrong", r.wrong, "scans", 0, true);
	report(list, prefix, "outside.scan_served", r.to_find ? (double)r.found / r.to_find : 0, "share", 1, false);
	if (*r.first)
		fprintf(stderr, "bench: scans: %s\n", r.first);
	if (json_dump_file(list, argv[1], JSON_INDENT(1)) != 0) {
		fputs("bench: scans: the figures cannot be written\n", stderr);
		return 2;
	}
	json_decref(list);
	return 0;
}
