/* `millrace dashboard`: the operator's screen, for a station that runs somewhere on this machine. */
#include <stdio.h>
#include <stdlib.h>

#include "station/command/command.h"
#include "station/control/settings.h"
#include "station/dashboard/dashboard.h"

/* How the scanners are set up. Settings that were named must be good; the usual ones are the station's to mind. */
static bool load_scanner(const char *path, struct scanner_setup *out)
{
	static struct settings settings;
	struct job_errors errors = { 0 };

	if (settings_load(path, &settings, &errors)) {
		*out = settings.scanner;
		return true;
	}
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.text[i]);
	return !path;
}

int command_dashboard(int argc, char **argv)
{
	static const struct command self = { "dashboard", "", "the operator's screen of a running station",
					     command_dashboard };
	struct dashboard_options o = { 0 };
	const char *palette = NULL, *no_color = getenv("NO_COLOR"), *settings = NULL;
	const struct option_row rows[] = {
		{ "--control", "FILE", "the station's control socket, instead of the usual places", &o.socket, NULL },
		{ "--socket", "FILE", "the same", &o.socket, NULL },
		{ "--settings", "FILE", "settings with the scanner's prefix and suffix (/etc/millrace/station.yaml)",
		  &settings, NULL },
		{ "--palette", "NAME", "default, colour-blind or mono", &palette, NULL },
		{ "--of-run", NULL, "as millrace run opens it: Ctrl-C is the run's", NULL, &o.of_run },
		{ "--ascii", NULL, "nothing but ASCII, whatever the locale says", NULL, &o.ascii },
		{ 0 },
	};
	char error[400];
	int status = command_options(&self, rows, argc, argv, NULL, 0, NULL);

	if (status >= 0)
		return status;
	if (!load_scanner(settings, &o.scanner))
		return EXIT_UNUSABLE;
	if (no_color && *no_color)
		o.palette = PALETTE_MONO;
	else if (!palette)
		palette = getenv("MILLRACE_PALETTE");
	if (palette && *palette && !palette_find(palette, &o.palette)) {
		fprintf(stderr, "millrace dashboard: palette \"%s\": default, colour-blind or mono is wanted\n",
			palette);
		return EXIT_UNUSABLE;
	}
	if (dashboard_run(&o, error, sizeof(error)) != 0) {
		fprintf(stderr, "millrace dashboard: %s\n", error);
		return EXIT_UNUSABLE;
	}
	return EXIT_ALL_WELL;
}
