/*
 * A station in a thread of its own, with a control socket in the hall's folder, and a client's view of it: what a
 * dashboard would do, over the real socket.
 */
#pragma once

#include "tests/line/hall.h"

#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "station/control/control.h"
#include "station/control/remote.h"

#define PATIENCE_MS 60000 /* of the tests: far beyond what anything here takes */

struct station {
	struct settings settings;
	struct control *control;
	struct control_options options;
	char path[100];
	struct batch_options batch;
	struct run *run;
	pthread_t thread;
	bool running;
	bool apart; /* the keys are in a process of their own; set before */
};

HALL void *station_main(void *ctx)
{
	struct station *s = ctx;

	if (batch_run(&s->batch, &s->run->result, s->run->error, sizeof(s->run->error)) != 0)
		print_error("station: %s\n", s->run->error);
	control_close(s->control, "ended", "the run is over");
	return NULL;
}

HALL void station_open(struct hall *hall, struct station *s, const char *settings)
{
	struct job_errors errors = { 0 };
	char error[400];

	if (settings && !settings_parse("settings", settings, strlen(settings), &s->settings, &errors))
		fail_msg("%s", errors.text[0]);
	if (!settings)
		settings_default(&s->settings);
	snprintf(s->path, sizeof(s->path), "%s/c%u.sock", hall->dir, hall->batches);
	s->options.settings = &s->settings;
	s->options.path = s->path;
	s->options.software = "hall";
	if (control_open(&s->control, &s->options, error, sizeof(error)) != 0)
		fail_msg("%s", error);
}

/* After hall_job. `settings` NULL: the default. The batch's pace, stay, ctx and populate are set before. */
HALL void station_start(struct hall *hall, struct station *s, struct run *run, const char *settings)
{
	double pace = s->batch.pace;
	bool stay = s->batch.stay;
	void *ctx = s->batch.ctx;
	void (*populate)(void *, struct air *) = s->batch.populate;

	station_open(hall, s, settings);
	s->run = run;
	s->batch = hall_options(hall, run);
	s->batch.control = s->control;
	s->batch.keys_inside = !s->apart;
	s->batch.pace = pace;
	s->batch.stay = stay;
	s->batch.ctx = ctx;
	s->batch.populate = populate;
	assert_int_equal(pthread_create(&s->thread, NULL, station_main, s), 0);
	s->running = true;
}

HALL void station_join(struct station *s)
{
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	s->running = false;
}

/* --- a client and what it holds --- */

struct screen {
	struct remote *remote;
	json_t *header, *units, *banners, *pareto; /* units: by number, as text */
	uint64_t seq;
	unsigned full;
	json_t *bye;
};

HALL void screen_open(struct screen *v, const struct station *s)
{
	char error[400];

	*v = (struct screen){ .units = json_object() };
	v->remote = remote_open(s->path, error, sizeof(error));
	if (!v->remote)
		fail_msg("%s", error);
}

HALL void screen_close(struct screen *v)
{
	remote_close(v->remote);
	json_decref(v->header);
	json_decref(v->units);
	json_decref(v->banners);
	json_decref(v->pareto);
	json_decref(v->bye);
}

/* An answer to a request as written; the caller's. */
HALL json_t *screen_ask(struct screen *v, const char *request)
{
	json_t *o = json_loads(request, 0, NULL), *answer;

	assert_non_null(o);
	answer = remote_ask(v->remote, o, PATIENCE_MS);
	if (!answer)
		fail_msg("no answer to %s", request);
	return answer;
}

HALL void screen_ok(struct screen *v, const char *request)
{
	json_t *answer = screen_ask(v, request);

	if (!json_is_true(json_object_get(answer, "ok")))
		fail_msg("%s: %s", request, json_dumps(answer, 0));
	json_decref(answer);
}

HALL void screen_refused(struct screen *v, const char *request, const char *name)
{
	json_t *answer = screen_ask(v, request), *error = json_object_get(answer, "error");
	const char *said = json_string_value(json_object_get(error, "name"));

	if (!said || strcmp(said, name) != 0)
		fail_msg("%s: %s, not %s", request, json_dumps(answer, 0), name);
	assert_true(json_string_length(json_object_get(error, "sentence")) > 0);
	json_decref(answer);
}

HALL void screen_replace(json_t **old, json_t *new)
{
	if (!new)
		return;
	json_decref(*old);
	*old = json_incref(new);
}

/* One line into the view. false: the end. */
HALL bool screen_read(struct screen *v)
{
	json_t *o = remote_read(v->remote, PATIENCE_MS), *row;
	const char *type = json_string_value(json_object_get(o, "type"));
	size_t i;

	if (!o)
		return false;
	if (strcmp(type, "bye") == 0)
		screen_replace(&v->bye, o);
	if (strcmp(type, "state") == 0) {
		assert_true((uint64_t)json_integer_value(json_object_get(o, "seq")) > v->seq);
		v->seq = (uint64_t)json_integer_value(json_object_get(o, "seq"));
		v->full += json_is_true(json_object_get(o, "full"));
		screen_replace(&v->header, json_object_get(o, "header"));
		screen_replace(&v->banners, json_object_get(o, "banners"));
		screen_replace(&v->pareto, json_object_get(o, "pareto"));
		json_array_foreach(json_object_get(o, "units"), i, row)
		{
			char name[24];

			snprintf(name, sizeof(name), "%lld",
				 (long long)json_integer_value(json_object_get(row, "unit")));
			json_object_set(v->units, name, row);
		}
	}
	json_decref(o);
	return true;
}

HALL json_int_t screen_count(const struct screen *v, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(v->header, "counts"), name));
}

HALL const char *screen_run(const struct screen *v)
{
	const char *state = json_string_value(json_object_get(json_object_get(v->header, "run"), "state"));

	return state ? state : "";
}

/* Reads until a unit has that state (any unit when 0); its number. */
HALL json_int_t screen_await(struct screen *v, json_int_t unit, const char *state, const char *cause)
{
	do {
		const char *key;
		json_t *row;

		json_object_foreach(v->units, key, row)
		{
			const char *is = json_string_value(json_object_get(row, "state"));
			const char *why = json_string_value(json_object_get(row, "cause"));
			json_int_t n = json_integer_value(json_object_get(row, "unit"));

			if ((unit == 0 || n == unit) && strcmp(is, state) == 0 && (!cause || strcmp(why, cause) == 0))
				return n;
		}
	} while (screen_read(v));
	fail_msg("unit %lld never became %s %s", (long long)unit, state, cause ? cause : "");
	return 0;
}

HALL void screen_await_run(struct screen *v, const char *state)
{
	while (strcmp(screen_run(v), state) != 0)
		if (!screen_read(v))
			fail_msg("the run never was %s; it is %s", state, screen_run(v));
}

HALL void screen_await_count(struct screen *v, const char *name, json_int_t least)
{
	while (screen_count(v, name) < least)
		if (!screen_read(v))
			fail_msg("%s never came to %lld", name, (long long)least);
}
