#include "station/dashboard/mirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/dashboard/atoms.h"
#include "station/dashboard/text.h"

#define TIME_MAX ((int64_t)1 << 60) /* microseconds: 36,000 years */

static const char *const run_words[RUN_STATES] = { "idle", "running", "paused", "draining", "held", "ended" };
static const char *const run_names[RUN_STATES] = { "IDLE", "RUNNING", "PAUSED", "STOPPING", "HELD", "ENDED" };
static const char *const unit_words_wire[UNIT_STATES] = { "seen", "active", "passed", "failed", "quarantined", "held" };
static const char *const unit_words[UNIT_STATES] = { "seen", "active", "PASS", "FAIL", "QUAR", "HELD" };
static const char *const roles[] = { "observer", "operator", "lead" };
static const char *const levels[] = { "info", "warn", "error" };
static const char *const healths[] = { "ok", "warn", "bad" };
static const char *const health_keys[HEALTHS] = { "clock", "database", "ca", "radios", "printer" };
static const char *const count_keys[COUNTS] = { "seen", "in_flight",  "waiting", "passed",    "failed", "quarantined",
						"held", "unfinished", "missing", "strangers", "retries" };

const char *mirror_role_name(enum role role) { return roles[role]; }
const char *run_name(enum run_state state) { return run_names[state]; }
const char *unit_word(enum unit_is state) { return unit_words[state]; }

/* --- fields --- */

const char *mirror_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void take_text(const json_t *o, const char *key, char *out, size_t cap)
{
	text_copy(out, cap, mirror_text(o, key));
}

#define TEXT(o, key, field) take_text(o, key, field, sizeof(field))

static int64_t integer_or(const json_t *o, const char *key, int64_t otherwise)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? (int64_t)json_integer_value(v) : otherwise;
}

static int64_t within(const json_t *o, const char *key, int64_t most)
{
	int64_t v = integer_or(o, key, 0);

	return v < 0 ? 0 : v > most ? most : v;
}

static double number_or(const json_t *o, const char *key, double otherwise)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : otherwise;
}

/* A time or a span: what is no sane one is unknown, so that differences never overflow. */
static int64_t time_of(const json_t *o, const char *key)
{
	int64_t v = integer_or(o, key, MIRROR_UNKNOWN);

	return v < 0 || v > TIME_MAX ? MIRROR_UNKNOWN : v;
}

static int64_t rssi_of(const json_t *o)
{
	int64_t v = integer_or(o, "rssi", MIRROR_UNKNOWN);

	return v < -200 || v > 100 ? MIRROR_UNKNOWN : v;
}

static unsigned word_of(const char *const *words, unsigned count, const char *word, unsigned otherwise)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return otherwise;
}

static const char *atom(struct mirror *m, const json_t *o, const char *key)
{
	return atoms_get(m->atoms, mirror_text(o, key));
}

/* --- rows --- */

static void take_health(struct header *h, const json_t *o)
{
	for (unsigned i = 0; i < HEALTHS; i++) {
		const json_t *one = json_object_get(o, health_keys[i]);

		h->health[i].there = json_is_object(one);
		h->health[i].state = (enum health)word_of(healths, 3, mirror_text(one, "state"),
							  one ? HEALTH_WARN : HEALTH_OK);
		TEXT(one, "text", h->health[i].text);
	}
}

static void take_jobs(struct header *h, const json_t *list)
{
	size_t i;
	const json_t *o;

	h->job_count = 0;
	json_array_foreach(list, i, o)
	{
		if (h->job_count == MIRROR_JOBS_MAX)
			break;
		h->jobs[h->job_count].job = integer_or(o, "job", 0);
		h->jobs[h->job_count].status = integer_or(o, "status", MIRROR_UNKNOWN);
		TEXT(o, "path", h->jobs[h->job_count].path);
		TEXT(o, "lot", h->jobs[h->job_count].lot);
		TEXT(o, "state", h->jobs[h->job_count].state);
		TEXT(o, "text", h->jobs[h->job_count].text);
		h->job_count++;
	}
}

static int truth(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_true(v) ? 1 : json_is_false(v) ? 0 : -1;
}

static void take_header(struct mirror *m, const json_t *o)
{
	const json_t *run = json_object_get(o, "run"), *counts = json_object_get(o, "counts");
	struct header *h = &m->header;

	*h = (struct header){ .at_us = m->now_us };
	h->run = (enum run_state)word_of(run_words, RUN_STATES, mirror_text(run, "state"), RUN_IDLE);
	h->run_since_us = time_of(run, "since_us");
	TEXT(run, "by", h->run_by);
	TEXT(run, "reason", h->run_reason);
	TEXT(run, "guard", h->guard);
	TEXT(run, "sentence", h->sentence);
	h->simulated = truth(o, "simulated");
	h->pace = number_or(o, "pace", 1);
	TEXT(o, "lot", h->lot);
	TEXT(o, "product", h->product);
	TEXT(o, "hw_rev", h->hw_rev);
	TEXT(o, "work_order", h->work_order);
	TEXT(o, "job", h->job);
	TEXT(o, "job_sha256", h->job_sha256);
	TEXT(o, "policy", h->policy);
	TEXT(o, "operator", h->person);
	h->test = truth(o, "test") == 1;
	h->resumed = truth(o, "resumed") == 1;
	h->batch = integer_or(o, "batch", 0);
	h->quantity = within(o, "quantity", INT32_MAX);
	for (unsigned i = 0; i < COUNTS; i++)
		h->counts[i] = within(counts, count_keys[i], INT32_MAX);
	h->fpy = number_or(o, "fpy", -1);
	h->final = number_or(o, "final", -1);
	h->takt_us = within(o, "takt_us", TIME_MAX);
	h->cadence_us = time_of(o, "cadence_us");
	h->eta_us = time_of(o, "eta_us");
	h->utc_us = time_of(o, "utc_us");
	h->clients = within(o, "clients", INT32_MAX);
	take_health(h, json_object_get(o, "health"));
	take_jobs(h, json_object_get(o, "jobs"));
	m->has_header = true;
}

static void take_radio(struct mirror *m, const json_t *o)
{
	const json_t *strip = json_object_get(o, "strip");
	const char *name = mirror_text(o, "radio");
	struct radio_row *r = NULL;
	size_t len = json_array_size(strip);

	for (unsigned i = 0; i < m->radio_count && !r; i++)
		if (strncmp(m->radios[i].radio, name, sizeof(m->radios[i].radio) - 1) == 0)
			r = &m->radios[i];
	if (!r && m->radio_count == MIRROR_RADIOS_MAX) {
		m->left_out++;
		return;
	}
	if (!r)
		r = &m->radios[m->radio_count++];
	*r = (struct radio_row){ .rssi = rssi_of(o), .airtime = number_or(o, "airtime", 0) };
	TEXT(o, "radio", r->radio);
	TEXT(o, "path", r->path);
	TEXT(o, "driver", r->driver);
	TEXT(o, "state", r->state);
	r->channel = within(o, "channel", 255);
	r->sessions = within(o, "sessions", INT32_MAX);
	r->sent = within(o, "sent", INT64_MAX);
	r->acked = within(o, "acked", INT64_MAX);
	r->unacked = within(o, "unacked", INT64_MAX);
	r->retries = within(o, "retries", INT64_MAX);
	r->received = within(o, "received", INT64_MAX);
	r->dropped = within(o, "dropped", INT64_MAX);
	r->passed = within(o, "passed", INT32_MAX);
	r->failed = within(o, "failed", INT32_MAX);
	r->switches = within(o, "switches", INT64_MAX);
	r->switch_us = within(o, "switch_us", INT64_MAX);
	r->away_us = within(o, "away_us", INT64_MAX);
	for (size_t i = len > MIRROR_STRIP ? len - MIRROR_STRIP : 0; i < len; i++) {
		json_int_t channel = json_integer_value(json_array_get(strip, i));

		r->strip[r->strip_len++] = channel > 0 && channel < 256 ? (uint8_t)channel : 0;
	}
}

static void take_channel(struct mirror *m, const json_t *o)
{
	const json_t *cells = json_object_get(o, "cells"), *cell;
	int64_t channel = within(o, "channel", 255);
	struct channel_row *c = NULL;
	size_t i;

	for (unsigned k = 0; k < m->channel_count && !c; k++)
		if (m->channels[k].channel == channel)
			c = &m->channels[k];
	if (!c && m->channel_count == MIRROR_CHANNELS_MAX) {
		m->left_out++;
		return;
	}
	if (!c)
		c = &m->channels[m->channel_count++];
	*c = (struct channel_row){ .channel = channel, .freq_mhz = within(o, "freq_mhz", 100000) };
	c->sessions = within(o, "sessions", INT32_MAX);
	c->waiting = within(o, "waiting", INT32_MAX);
	c->unheard = within(o, "unheard", INT32_MAX);
	TEXT(o, "radio", c->radio);
	json_array_foreach(cells, i, cell) if (c->cell_count < MIRROR_RADIOS_MAX) c->cells[c->cell_count++] =
		(struct channel_cell){ atom(m, cell, "radio"), within(cell, "passed", INT32_MAX),
				       within(cell, "failed", INT32_MAX), rssi_of(cell) };
}

static void fill_unit(struct mirror *m, struct unit_row *u, const json_t *o)
{
	int64_t rssi = rssi_of(o);

	*u = (struct unit_row){
		.unit = integer_or(o, "unit", 0),
		.first_us = time_of(o, "first_us"),
		.since_us = time_of(o, "since_us"),
		.took_us = time_of(o, "took_us"),
		.state = (uint8_t)word_of(unit_words_wire, UNIT_STATES, mirror_text(o, "state"), UNIT_IS_SEEN),
		.rssi = rssi == MIRROR_UNKNOWN ? (int16_t)0 : (int16_t)rssi,
		.channel = (uint16_t)within(o, "channel", 255),
		.done = (uint16_t)within(o, "done", 999),
		.of = (uint16_t)within(o, "of", 999),
		.attempt = (uint16_t)within(o, "attempt", 999),
		.wait = atom(m, o, "wait"),
		.step = atom(m, o, "step"),
		.cause = atom(m, o, "cause"),
		.side = atom(m, o, "side"),
		.sentence = atom(m, o, "sentence"),
		.remedy = atom(m, o, "remedy"),
		.radio = atom(m, o, "radio"),
		.by = atom(m, o, "by"),
		.agentless = truth(o, "agentless") == 1,
		.not_proven = atom(m, o, "not_proven"),
	};
	TEXT(o, "serial", u->serial);
	TEXT(o, "mac", u->mac);
}

static void take_unit(struct mirror *m, const json_t *o)
{
	int64_t number = integer_or(o, "unit", 0);
	size_t place = (size_t)(uintptr_t)map_get(&m->by_unit, (uint64_t)number);

	if (number <= 0)
		return;
	if (place == 0) {
		if (m->unit_count == MIRROR_UNITS_MAX) {
			m->left_out++;
			return;
		}
		if (m->unit_count == m->unit_room) {
			size_t more = m->unit_room ? m->unit_room * 2 : 256;
			struct unit_row *units = realloc(m->units, more * sizeof(*units));

			if (!units) {
				m->left_out++;
				return;
			}
			m->units = units;
			m->unit_room = more;
		}
		place = m->unit_count + 1;
		/* Places begin at 1: the map takes no NULL. */
		if (!map_put(&m->by_unit, (uint64_t)number, (void *)(uintptr_t)place)) {
			m->left_out++;
			return;
		}
		m->unit_count++;
	}
	fill_unit(m, &m->units[place - 1], o);
}

static void take_pareto(struct mirror *m, const json_t *list)
{
	const json_t *o;
	size_t i;

	m->pareto_count = 0;
	json_array_foreach(list, i, o) if (m->pareto_count < MIRROR_PARETO_MAX)
		m->pareto[m->pareto_count++] = (struct pareto_row){ atom(m, o, "side"),
								    atom(m, o, "step"),
								    atom(m, o, "cause"),
								    atom(m, o, "sentence"),
								    within(o, "attempts", INT32_MAX),
								    within(o, "units", INT32_MAX),
								    number_or(o, "share", 0),
								    number_or(o, "cumulative", 0) };
}

static void take_banners(struct mirror *m, const json_t *list)
{
	const json_t *o;
	size_t i;

	m->banner_count = 0;
	json_array_foreach(list, i, o)
	{
		struct banner *b;

		if (m->banner_count == MIRROR_BANNERS_MAX)
			break;
		b = &m->banners[m->banner_count++];
		*b = (struct banner){ .banner = integer_or(o, "banner", 0),
				      .at_us = time_of(o, "at_us"),
				      .unit = integer_or(o, "unit", 0) };
		TEXT(o, "kind", b->kind);
		TEXT(o, "cause", b->cause);
		TEXT(o, "sentence", b->sentence);
		TEXT(o, "remedy", b->remedy);
		TEXT(o, "serial", b->serial);
		TEXT(o, "mac", b->mac);
	}
}

static void take_log(struct mirror *m, const json_t *o)
{
	struct log_row *row = &m->log[(m->log_from + m->log_count) % MIRROR_LOG_MAX];

	if (m->log_count == MIRROR_LOG_MAX)
		m->log_from = (m->log_from + 1) % MIRROR_LOG_MAX;
	else
		m->log_count++;
	*row = (struct log_row){ .n = integer_or(o, "n", 0),
				 .at_us = time_of(o, "at_us"),
				 .unit = integer_or(o, "unit", 0),
				 .level = (uint8_t)word_of(levels, 3, mirror_text(o, "level"), HEALTH_OK) };
	TEXT(o, "text", row->text);
}

/* --- lines --- */

static void reset(struct mirror *m)
{
	free(m->units);
	m->units = NULL;
	m->unit_count = m->unit_room = 0;
	map_free(&m->by_unit);
	m->by_unit = (struct map){ 0 };
	m->radio_count = m->channel_count = m->pareto_count = m->banner_count = m->log_from = m->log_count = 0;
	m->header = (struct header){ .simulated = -1,
				     .fpy = -1,
				     .final = -1,
				     .cadence_us = MIRROR_UNKNOWN,
				     .eta_us = MIRROR_UNKNOWN,
				     .utc_us = MIRROR_UNKNOWN };
	m->has_header = m->complete = false;
	m->detail = (struct detail){ 0 };
	m->left_out = 0;
}

static void each(struct mirror *m, const json_t *list, void (*take)(struct mirror *, const json_t *))
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o) if (json_is_object(o)) take(m, o);
}

static enum mirror_took take_state(struct mirror *m, const json_t *line)
{
	bool full = json_is_true(json_object_get(line, "full"));
	const json_t *part;

	/* A whole state that does not go on with one begun before is a new one. */
	if (full && (!m->was_full || !m->more))
		reset(m);
	m->was_full = full;
	m->more = json_is_true(json_object_get(line, "more"));
	if (time_of(line, "now_us") != MIRROR_UNKNOWN)
		m->now_us = time_of(line, "now_us");
	if (json_is_object(part = json_object_get(line, "header")))
		take_header(m, part);
	each(m, json_object_get(line, "radios"), take_radio);
	each(m, json_object_get(line, "channels"), take_channel);
	each(m, json_object_get(line, "units"), take_unit);
	if (json_is_array(part = json_object_get(line, "pareto")))
		take_pareto(m, part);
	if (json_is_array(part = json_object_get(line, "banners")))
		take_banners(m, part);
	each(m, json_object_get(line, "log"), take_log);
	m->changes++;
	if (m->more)
		return MIRROR_PART;
	m->complete = true;
	return MIRROR_STATE;
}

void mirror_take_role(struct mirror *m, const json_t *result)
{
	m->role = (enum role)word_of(roles, 3, mirror_text(result, "role"), ROLE_OBSERVER);
	TEXT(result, "actor", m->actor);
	m->changes++;
}

static enum mirror_took take_hello(struct mirror *m, const json_t *line)
{
	TEXT(line, "software", m->software);
	TEXT(line, "station", m->station);
	m->simulated = truth(line, "simulated");
	m->serves = truth(line, "serves") == 1;
	m->rate_max = within(line, "rate_max", 1000);
	m->greeted = true;
	m->was_full = m->more = false;
	mirror_take_role(m, line);
	return MIRROR_HELLO;
}

enum mirror_took mirror_take(struct mirror *m, const json_t *line)
{
	const json_t *version = json_object_get(line, "millrace");
	const char *type = mirror_text(line, "type");

	if (!json_is_object(line) || !json_is_integer(version))
		return MIRROR_STRANGE;
	if (json_integer_value(version) != 1)
		return MIRROR_VERSION;
	if (strcmp(type, "hello") == 0)
		return take_hello(m, line);
	if (!m->greeted && strcmp(type, "bye") != 0)
		return MIRROR_STRANGE;
	if (strcmp(type, "state") == 0)
		return take_state(m, line);
	if (strcmp(type, "answer") == 0)
		return MIRROR_ANSWER;
	return strcmp(type, "bye") == 0 ? MIRROR_BYE : MIRROR_IGNORED;
}

static void take_moment(struct mirror *m, const json_t *o)
{
	struct detail *d = &m->detail;
	struct moment *at;

	if (d->moments == MIRROR_TIMELINE_MAX)
		return;
	at = &d->timeline[d->moments++];
	*at = (struct moment){ time_of(o, "at_us"),
			       within(o, "attempt", 999),
			       time_of(o, "duration_us"),
			       within(o, "channel", 255),
			       rssi_of(o),
			       atom(m, o, "event"),
			       atom(m, o, "step"),
			       atom(m, o, "cause"),
			       atom(m, o, "state"),
			       atom(m, o, "radio"),
			       "" };
	TEXT(o, "text", at->text);
}

void mirror_take_device(struct mirror *m, const json_t *result)
{
	const json_t *unit = json_object_get(result, "unit"), *link = json_object_get(result, "link");
	const json_t *cert = json_object_get(result, "certificate");
	struct detail *d = &m->detail;

	if (!json_is_object(unit))
		return;
	*d = (struct detail){ .known = true, .link = json_is_object(link), .certificate = json_is_object(cert) };
	fill_unit(m, &d->unit, unit);
	each(m, json_object_get(result, "timeline"), take_moment);
	d->frames_sent = within(link, "frames_sent", INT64_MAX);
	d->frames_received = within(link, "frames_received", INT64_MAX);
	d->retries = within(link, "retries", INT64_MAX);
	d->misses = within(link, "misses", INT64_MAX);
	d->octets = within(link, "octets", INT64_MAX);
	TEXT(link, "phase", d->phase);
	TEXT(cert, "subject", d->subject);
	TEXT(cert, "issuer", d->issuer);
	TEXT(cert, "serial", d->cert_serial);
	TEXT(cert, "not_before", d->not_before);
	TEXT(cert, "not_after", d->not_after);
	TEXT(cert, "sha256", d->sha256);
	TEXT(result, "device_id", d->device_id);
	d->home = within(result, "home", 255);
	d->sealed = truth(result, "sealed") == 1;
	m->changes++;
}

void mirror_disconnected(struct mirror *m)
{
	m->greeted = m->was_full = m->more = false;
	m->role = ROLE_OBSERVER;
	m->actor[0] = '\0';
	m->changes++;
}

/* --- the object --- */

struct mirror *mirror_create(void)
{
	struct mirror *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->atoms = atoms_create();
	m->simulated = -1;
	reset(m);
	if (!m->atoms) {
		mirror_destroy(m);
		return NULL;
	}
	return m;
}

struct mirror *mirror_freeze(const struct mirror *from)
{
	struct mirror *m = malloc(sizeof(*m));

	if (!m)
		return NULL;
	*m = *from;
	m->frozen = true;
	m->by_unit = (struct map){ 0 };
	m->unit_room = from->unit_count;
	m->units = malloc(from->unit_count * sizeof(*m->units) + 1);
	if (!m->units) {
		mirror_destroy(m);
		return NULL;
	}
	if (from->unit_count > 0)
		memcpy(m->units, from->units, from->unit_count * sizeof(*m->units));
	for (size_t i = 0; i < m->unit_count; i++)
		if (!map_put(&m->by_unit, (uint64_t)m->units[i].unit, (void *)(uintptr_t)(i + 1))) {
			mirror_destroy(m);
			return NULL;
		}
	return m;
}

void mirror_destroy(struct mirror *m)
{
	if (!m)
		return;
	free(m->units);
	map_free(&m->by_unit);
	if (!m->frozen)
		atoms_destroy(m->atoms);
	free(m);
}

const struct unit_row *mirror_unit(const struct mirror *m, int64_t unit)
{
	size_t place = unit > 0 ? (size_t)(uintptr_t)map_get(&m->by_unit, (uint64_t)unit) : 0;

	return place > 0 ? &m->units[place - 1] : NULL;
}

const struct log_row *mirror_log(const struct mirror *m, unsigned i)
{
	return &m->log[(m->log_from + i) % MIRROR_LOG_MAX];
}

bool mirror_simulated(const struct mirror *m)
{
	return m->has_header && m->header.simulated >= 0 ? m->header.simulated == 1 : m->simulated == 1;
}

int64_t mirror_utc_us(const struct mirror *m)
{
	const struct header *h = &m->header;

	return h->utc_us == MIRROR_UNKNOWN ? MIRROR_UNKNOWN : h->utc_us + (m->now_us - h->at_us);
}

int64_t mirror_span_us(const struct mirror *m, int64_t since_us)
{
	return since_us == MIRROR_UNKNOWN ? MIRROR_UNKNOWN : m->now_us > since_us ? m->now_us - since_us : 0;
}
