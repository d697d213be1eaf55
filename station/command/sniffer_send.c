/*
 * `millrace sniffer send`: one bench device by hand, by a published scheme of sniffer mode. Whoever joins the network
 * while it is broadcast counts; with --device, that address alone.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/wire/smartconfig.h"
#include "station/command/by_hand.h"
#include "station/command/sniffer.h"

#define COMMAND "sniffer send"

struct send_options {
	const char *scheme, *device, *key;
	struct by_hand hand;
};

struct send_job {
	const struct send_options *o;
	int list; /* of its one device; -1: none */
};

static int unusable(const char *what, const char *remedy) { return by_hand_unusable(COMMAND, what, remedy); }

/* "esptouch-v1, esptouch-v2, ..." */
static const char *schemes(char *out, size_t cap)
{
	size_t len = 0;

	for (int i = MR_SMART_NONE + 1; i < MR_SMART_COUNT && len < cap; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? ", " : "",
					mr_smart_name((enum mr_smart_scheme)i));
	return out;
}

/* -1: go on; else the exit status. */
static int read_options(struct send_options *o, int argc, char **argv)
{
	static const struct command self = { COMMAND, "", "broadcast a network to one bench device, by hand",
					     sniffer_send };
	const struct option_row rows[] = {
		{ "--scheme", "NAME", "esptouch-v1, esptouch-v2, airkiss, cc3000, ezconnect", &o->scheme, NULL },
		{ "--device", "MAC", "its address; without it, whoever joins the network meanwhile", &o->device, NULL },
		{ "--scheme-key", "FILE", "the key that it shares, one line, readable by its owner only", &o->key,
		  NULL },
		BY_HAND_ROWS(&o->hand),
		{ 0 },
	};
	char names[120];
	int status = command_options(&self, rows, argc, argv, NULL, 0, NULL);

	if (status >= 0)
		return status;
	if (command_log_list(&o->hand.log))
		return EXIT_ALL_WELL;
	if (!o->scheme || mr_smart_named(o->scheme, strlen(o->scheme)) == MR_SMART_NONE) {
		fprintf(stderr, "millrace %s: %s; --scheme with one of %s\n", COMMAND,
			o->scheme ? "no such scheme" : "which scheme?", schemes(names, sizeof(names)));
		return EXIT_UNUSABLE;
	}
	return by_hand_network(&o->hand, COMMAND);
}

/* The list of this one device, which only this process can open; -1: none. */
static int write_list(const char *device)
{
	size_t len = strlen(device);
	int fd = memfd_create("device", MFD_CLOEXEC);

	if (fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, device, len) == (ssize_t)len)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void put_credentials(FILE *to, const void *ctx)
{
	const struct send_job *w = ctx;
	char *path = w->o->key ? realpath(w->o->key, NULL) : NULL;

	fprintf(to, "  method: sniffer\n  scheme: %s\n  weak-ok: true\n", w->o->scheme);
	if (w->o->key) {
		fputs("  scheme_key: ", to);
		by_hand_quote(to, path ? path : w->o->key);
		fputc('\n', to);
	}
	if (w->list < 0)
		fputs("  expect: 1\n", to);
	free(path);
}

int sniffer_send(int argc, char **argv)
{
	char person[PERSON_MAX], path[40];
	struct send_options o = { .hand = { .db = "millrace.db", .person = command_person(person) } };
	struct send_job what = { .o = &o, .list = -1 };
	struct job *job;
	int status = read_options(&o, argc, argv);

	if (status >= 0)
		return status;
	what.list = o.device ? write_list(o.device) : -1;
	if (o.device && what.list < 0)
		return unusable("no memory for the list of its device", "close other programs");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", what.list);
	if (what.list >= 0)
		o.hand.expect = path;
	job = by_hand_job(&o.hand, COMMAND, put_credentials, &what);
	status = job ? by_hand_run(&o.hand, COMMAND, o.device ? o.device : "whoever joins", job) : EXIT_UNUSABLE;
	if (what.list >= 0)
		close(what.list);
	job_destroy(job);
	return status;
}
