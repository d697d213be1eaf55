/*
 * millrace methods: what each method is, what it needs, what it protects and what it does not. Everything comes from
 * the table of methods.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "station/command/command.h"
#include "station/method/method.h"

struct word {
	unsigned bit;
	const char *name, *sentence;
};

static const struct word flags[] = {
	{ METHOD_DEVICE_AP, "device-ap", "the device makes a network, and the station joins it" },
	{ METHOD_OWN_BSS, "own-bss", "the station makes a network, and the device joins it" },
	{ METHOD_BROADCAST, "broadcast", "one transmission serves every device that listens" },
	{ METHOD_EXCLUSIVE, "exclusive", "one device at a time, on all channels" },
	{ METHOD_NO_REQUESTS, "foreign", "the device carries no agent of ours: no key, certificate or receipt" },
	{ METHOD_WEAK, "weak", "others in reach can read or guess what is delivered: a job must say weak-ok" },
	{ METHOD_STEERED, "steered", "devices can be called over to another channel" },
	{ METHOD_BECOMES_AP, "becomes-ap", "the device is given settings of an access point, and is seen to be it" },
};

static const struct word needs[] = {
	{ METHOD_NEEDS_PASSPHRASE, "passphrase", "" },
	{ METHOD_NEEDS_PIN, "pin", "" },
	{ METHOD_NEEDS_SETUP_CODE, "setup-code", "" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static json_t *words_of(const struct word *words, size_t count, unsigned bits)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		if (bits & words[i].bit)
			(void)json_array_append_new(list, json_string(words[i].name));
	return list;
}

static json_t *as_json(const struct method *m)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "name", m->name, "reach", m->reach,
			 "device_to_station", m->device_to_station, "station_to_device", m->station_to_device,
			 "listener_learns", m->listener, "credentials_by",
			 m->delivery ? "its own delivery" : "the CREDENTIALS request", "flags",
			 words_of(flags, COUNT(flags), m->flags), "needs", words_of(needs, COUNT(needs), m->needs));
}

static void print_json(const struct method *only)
{
	json_t *list = json_array();

	for (size_t i = 0; method_table[i]; i++)
		if (!only || method_table[i] == only)
			(void)json_array_append_new(list, as_json(method_table[i]));
	(void)json_dumpf(list, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(list);
}

static void print_method(const struct method *m)
{
	printf("%s\n", m->name);
	printf("  reached by           %s\n", m->reach);
	printf("  credentials go by    %s\n", m->delivery ? "a delivery of its own" : "a request over that link");
	printf("  the device proves    %s\n", m->device_to_station);
	printf("  the station proves   %s\n", m->station_to_device);
	printf("  who listens learns   %s\n", m->listener);
	printf("  needs of a device    ");
	for (size_t i = 0, n = 0; i < COUNT(needs); i++)
		if (m->needs & needs[i].bit)
			printf("%s%s", n++ ? ", " : "", needs[i].name);
	printf("%s\n", m->needs ? ", from the label or the record" : "nothing beforehand");
	for (size_t i = 0; i < COUNT(flags); i++)
		if (m->flags & flags[i].bit)
			printf("  %-20s %s\n", flags[i].name, flags[i].sentence);
}

int command_methods(int argc, char **argv)
{
	static const struct command self = {
		"methods", "[METHOD]", "What each method is, what it needs, what it protects and what it does not.",
		command_methods
	};
	bool json = false;
	const struct option_row rows[] = { { "--json", NULL, "a list of objects", NULL, &json },
					   { NULL, NULL, NULL, NULL, NULL } };
	const struct method *only = NULL;
	const char *name = NULL, *nearest;
	const char *names[32] = { NULL };
	size_t count = 0;
	int status = command_options(&self, rows, argc, argv, &name, 1, &count);

	if (status >= 0)
		return status;
	if (count == 1 && !(only = method_find(name, strlen(name)))) {
		for (size_t i = 0; method_name(i) && i + 1 < COUNT(names); i++)
			names[i] = method_name(i);
		nearest = command_nearest(name, names);
		fprintf(stderr, "millrace methods: no such method \"%s\"%s%s%s; millrace methods lists them\n", name,
			nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
		return EXIT_UNUSABLE;
	}
	if (json)
		print_json(only);
	for (size_t i = 0; !json && method_table[i]; i++)
		if (!only || method_table[i] == only) {
			if (i > 0 && !only)
				putchar('\n');
			print_method(method_table[i]);
		}
	return EXIT_ALL_WELL;
}
