/*
 * What a scanner can do that it must not: generated codes at 2 to 60 ms a character in five framings, in virtual time,
 * on the line and in each kind of question (tests/support/scans.h). `make bench`; scans OUT.json [PREFIX]: appends.
 *   outside.scan_commands   keys that were taken for a person's, and scans that changed anything
 *   outside.scan_wrong      scans that found a unit whose number they are not
 *   outside.scan_served     share of those with the number of a unit that found it
 */
#include <stdio.h>

#include "tests/support/figures.h"
#include "tests/support/scans.h"

int main(int argc, char **argv)
{
	struct scans_result r = { 0 };
	struct figures figures;

	if (argc < 2) {
		fputs("usage: scans OUT.json [PREFIX]\n", stderr);
		return 2;
	}
	figures_go_on(&figures, argv[1], argc > 2 ? argv[2] : "");
	if (!figures_wanted(&figures, "outside.scan"))
		return figures_end(&figures) ? 0 : 2;
	scans_all(&r);
	figures_report(&figures, "outside.scan_commands", r.keys + r.commands, "scans", 0, true);
	figures_report(&figures, "outside.scan_wrong", r.wrong, "scans", 0, true);
	figures_report(&figures, "outside.scan_served", r.to_find ? (double)r.found / r.to_find : 0, "share", 1, false);
	if (*r.first)
		fprintf(stderr, "bench: scans: %s\n", r.first);
	return figures_end(&figures) ? 0 : 2;
}
