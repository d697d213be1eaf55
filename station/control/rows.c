/* The state as JSON, by docs/control.md: its rows, its parts, and the lines that carry them to a client. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/channel.h"
#include "station/control/model_internal.h"

static void put(json_t *o, const char *key, json_t *value) { (void)json_object_set_new_nocheck(o, key, value); }
static void put_int(json_t *o, const char *key, uint64_t n) { put(o, key, json_integer((json_int_t)n)); }

/* Ours are UTF-8; one that was cut may end in half a character. */
static void put_text(json_t *o, const char *key, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	json_t *value = json_stringn(text ? text : "", len);

	for (int i = 0; !value && i < 4 && len > 0; i++)
		value = json_stringn(text, --len);
	put(o, key, value ? value : json_string("?"));
}

static void put_mac(json_t *o, const char *key, const uint8_t mac[static 6])
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	put(o, key, json_string(text));
}

/* Four decimals say enough, and keep a text the same while nothing changed that anybody could see. */
static json_t *rounded(double value)
{
	return json_real((double)(int64_t)(value * 10000 + (value < 0 ? -0.5 : 0.5)) / 10000);
}
static json_t *known(double value) { return value < 0 ? json_null() : rounded(value); }
static json_t *whole(double value) { return value < 0 ? json_null() : json_integer((json_int_t)value); }

static unsigned channel_of(uint16_t freq_mhz) { return freq_mhz ? mr_mhz_to_channel(freq_mhz) : 0; }

static char *dump(json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;

	json_decref(o);
	return text;
}

/* --- units --- */

static const char *state_name(enum journal_unit_state state)
{
	static const char *const names[] = { "expected", "seen", "active", "passed", "failed", "quarantined", "held" };

	return names[state];
}

static void put_cause(json_t *o, int cause)
{
	put_text(o, "cause", cause ? mr_cause_name(cause) : "");
	put_text(o, "side", cause ? mr_cause_class_name(mr_cause_class(cause)) : "");
	put_text(o, "sentence", cause ? mr_cause_sentence(cause) : "");
	put_text(o, "remedy", cause ? mr_cause_remedy(cause) : "");
}

/* What PASS does not mean of a foreign device: docs/audit.md has the same words of its record. */
static void put_agentless(json_t *o, const struct line_unit_view *v)
{
	put(o, "agentless", json_true());
	put_text(o, "not_proven",
		 v->state == UNIT_PASSED ? "seen to join; no key, no certificate, no receipt"
					 : "no key, no certificate, no receipt");
}

json_t *row_object(const struct model *m, const struct row *row)
{
	struct line_unit_view v;
	json_t *o = json_object();
	uint16_t freq_mhz;

	if (!o)
		return NULL;
	line_unit_look(m->o.line, row->unit, &v);
	freq_mhz = v.freq_mhz ? v.freq_mhz : row->freq_mhz;
	put_int(o, "unit", (uint64_t)v.unit);
	put_text(o, "serial", v.serial);
	put_mac(o, "mac", v.mac);
	put_text(o, "state", state_name(v.state));
	put_text(o, "wait", v.state != UNIT_SEEN ? "" : v.queued ? "queued" : v.awaited ? "awaited" : "");
	put_text(o, "step", v.step ? v.step : row->step);
	put_int(o, "done", v.state == UNIT_PASSED ? v.steps : v.done);
	put_int(o, "of", v.steps);
	put_int(o, "attempt", v.attempt);
	put_cause(o, v.state == UNIT_PASSED ? 0 : row->cause ? row->cause : v.cause);
	put_text(o, "radio", v.radio ? v.radio : row->radio);
	put_int(o, "channel", channel_of(freq_mhz));
	put(o, "rssi", v.rssi_dbm ? json_integer(v.rssi_dbm) : json_null());
	put_int(o, "first_us", row->first_us);
	put_int(o, "since_us", row->since_us);
	if (row->outcome_us)
		put_int(o, "took_us", row->outcome_us - row->first_us);
	put_text(o, "by", row->by);
	if (v.agentless)
		put_agentless(o, &v);
	return o;
}

static const char *row_json(const struct model *m, struct row *row)
{
	if (!row->json || row->json_version != row->version) {
		free(row->json);
		row->json = dump(row_object(m, row));
		row->json_len = row->json ? strlen(row->json) : 0;
		row->json_version = row->version;
	}
	return row->json;
}

/* --- radios and channels --- */

char *lane_json(const struct model *m, size_t i)
{
	const struct lane_row *lane = &m->lanes[i];
	struct line_lane_view v;
	json_t *o = json_object(), *strip = json_array();

	if (!o || !strip) {
		json_decref(o);
		json_decref(strip);
		return NULL;
	}
	line_lane_look(m->o.line, i, &v);
	put_text(o, "radio", v.radio);
	put_text(o, "path", v.path);
	put_text(o, "driver", v.driver);
	put_text(o, "state", v.state);
	put_int(o, "channel", channel_of(v.freq_mhz));
	put_int(o, "sessions", v.sessions);
	put(o, "airtime", rounded(lane->airtime));
	put_int(o, "sent", v.health.sent);
	put_int(o, "acked", v.health.acked);
	put_int(o, "unacked", v.health.unacked);
	put_int(o, "retries", v.health.retries);
	put_int(o, "received", v.health.received);
	put_int(o, "dropped", v.health.dropped);
	put(o, "rssi", lane->has_rssi ? json_integer((json_int_t)lane->rssi) : json_null());
	put_int(o, "passed", lane->passed);
	put_int(o, "failed", lane->failed);
	put_int(o, "switches", v.switches);
	put_int(o, "switch_us", v.switch_us);
	put_int(o, "away_us", v.switches * v.switch_us);
	for (uint64_t cell = lane->cell < STRIP ? 0 : lane->cell - STRIP; cell < lane->cell; cell++)
		(void)json_array_append_new(strip, json_integer(channel_of(lane->strip[cell % STRIP])));
	put(o, "strip", strip);
	return dump(o);
}

char *channel_json(const struct model *m, size_t i)
{
	const struct channel_row *c = &m->channels[i];
	struct line_channel_view v;
	json_t *o = json_object(), *cells = json_array();

	if (!o || !cells) {
		json_decref(o);
		json_decref(cells);
		return NULL;
	}
	line_channel_look(m->o.line, i, &v);
	put_int(o, "channel", channel_of(v.freq_mhz));
	put_int(o, "freq_mhz", v.freq_mhz);
	put_text(o, "radio", v.radio);
	put_int(o, "sessions", v.sessions);
	put_int(o, "waiting", v.waiting);
	put_int(o, "unheard", (uint64_t)(v.unheard + 0.5));
	for (size_t k = 0; k < m->lane_count; k++) {
		const struct cell *cell = &c->cells[k];
		struct line_lane_view lane;
		json_t *one;

		if (cell->passed + cell->failed == 0 || !(one = json_object()))
			continue;
		line_lane_look(m->o.line, k, &lane);
		put_text(one, "radio", lane.radio);
		put_int(one, "passed", cell->passed);
		put_int(one, "failed", cell->failed);
		put(one, "rssi", cell->rssi < 0 ? json_integer((json_int_t)cell->rssi) : json_null());
		(void)json_array_append_new(cells, one);
	}
	put(o, "cells", cells);
	return dump(o);
}

/* --- the header --- */

static const char *run_sentence(const struct line_view *v)
{
	if (v->run == LINE_RUN_HELD)
		return v->hold_detail;
	if (v->guard && v->run == LINE_RUN_PAUSED)
		return "too many devices failed in a row: find the reason, acknowledge, resume with a reason";
	if (v->guard)
		return "too many devices failed in a row: the devices in hand finish, then find the reason and run the "
		       "job again";
	if (v->run == LINE_RUN_PAUSED)
		return v->in_flight ? "no device is admitted; those in hand finish" : "no device is admitted";
	return v->run == LINE_RUN_DRAINING ? "the devices in hand finish, then the run ends" : "";
}

static json_t *run_object(const struct model *m, const struct line_view *v)
{
	json_t *o = json_object();

	put_text(o, "state", m->o.line ? line_run_name(v->run) : "idle");
	put_int(o, "since_us", m->o.line ? v->run_us : 0);
	put_text(o, "by", m->o.line ? v->by : "");
	put_text(o, "reason", m->o.line ? v->reason : "");
	if (m->o.line && v->guard)
		put_text(o, "guard", v->guard);
	put_text(o, "sentence", m->o.line ? run_sentence(v) : "waits for a job: millrace ctl run JOB.yaml");
	return o;
}

static json_t *health(const char *state, const char *text)
{
	json_t *o = json_object();

	put_text(o, "state", state);
	put_text(o, "text", text);
	return o;
}

static json_t *radios_health(const struct model *m)
{
	unsigned lost = 0;
	char text[60];

	for (size_t i = 0; i < m->lane_count; i++) {
		struct line_lane_view lane;

		line_lane_look(m->o.line, i, &lane);
		lost += lane.lost;
	}
	snprintf(text, sizeof(text), "%zu of %zu", m->lane_count - lost, m->lane_count);
	return health(lost == 0 ? "ok" : lost < m->lane_count ? "warn" : "bad", text);
}

static json_t *health_object(const struct model *m, const struct line_view *v)
{
	json_t *o = json_object();
	bool signer = v->hold_cause == MR_CAUSE_SIGNER_UNAVAILABLE || v->hold_cause == MR_CAUSE_CERTIFICATE_EXPIRED;

	put(o, "clock", v->clock_ok ? health("ok", "") : health("bad", "the clock of this machine was never set"));
	put(o, "database", v->record_failure ? health("bad", v->record_failure) : health("ok", ""));
	put(o, "ca", signer ? health("bad", mr_cause_sentence(v->hold_cause)) : health("ok", ""));
	put(o, "radios", radios_health(m));
	if (m->printer.state)
		put(o, "printer", health(m->printer.state, m->printer.text));
	return o;
}

static json_t *counts_object(const struct line_view *v)
{
	json_t *o = json_object();

	put_int(o, "seen", v->seen);
	put_int(o, "in_flight", v->in_flight);
	put_int(o, "waiting", v->waiting);
	put_int(o, "passed", v->passed);
	put_int(o, "failed", v->failed);
	put_int(o, "quarantined", v->quarantined);
	put_int(o, "held", v->held);
	put_int(o, "unfinished", v->unfinished);
	put_int(o, "missing", v->missing);
	put_int(o, "strangers", v->strangers);
	put_int(o, "retries", v->retries);
	return o;
}

static void put_lot(json_t *o, const struct model *m, const struct line_view *v)
{
	const struct job *job = m->o.job;
	double cadence_us = model_cadence_us(m, v->now_us);
	unsigned left = job->quantity > v->settled ? job->quantity - v->settled : 0;
	char sha256[65];

	for (int i = 0; i < 32; i++)
		snprintf(sha256 + 2 * i, 3, "%02x", job->sha256[i]);
	put_text(o, "lot", job->lot);
	put_text(o, "product", job->product);
	put_text(o, "hw_rev", job->hw_rev);
	put_text(o, "work_order", job->work_order);
	put(o, "test", json_boolean(job->test));
	put_text(o, "job", job->path);
	put_text(o, "job_sha256", sha256);
	put_text(o, "policy", v->policy);
	put_text(o, "operator", v->operator);
	put_int(o, "batch", (uint64_t)v->batch);
	put(o, "resumed", json_boolean(v->resumed));
	put_int(o, "quantity", job->quantity);
	put(o, "counts", counts_object(v));
	put(o, "fpy", known(model_fpy(m)));
	put(o, "final", v->settled ? rounded((double)v->passed / v->settled) : json_null());
	put_int(o, "takt_us", job->takt_us);
	put(o, "cadence_us", whole(cadence_us));
	put(o, "eta_us", whole(cadence_us < 0 ? -1 : cadence_us * left));
	put_int(o, "utc_us", v->utc_us);
	put(o, "health", health_object(m, v));
}

json_t *header_object(const struct model *m)
{
	struct line_view v = { 0 };
	json_t *o = json_object();

	if (!o)
		return NULL;
	if (m->o.line)
		line_look(m->o.line, &v);
	put(o, "run", run_object(m, &v));
	put(o, "simulated", m->o.line ? json_boolean(m->o.simulated) : json_null());
	put(o, "pace", json_real(m->o.pace));
	if (m->o.line)
		put_lot(o, m, &v);
	if (m->jobs)
		(void)json_object_set(o, "jobs", m->jobs);
	put_int(o, "clients", m->clients);
	return o;
}

/* --- pareto, banners, log --- */

static int by_attempts(const void *a, const void *b)
{
	const struct pareto_row *x = a, *y = b;

	if (x->attempts != y->attempts)
		return x->attempts < y->attempts ? 1 : -1;
	return x->cause != y->cause ? (x->cause > y->cause) - (x->cause < y->cause) : strcmp(x->step, y->step);
}

static json_t *pareto_object(const struct model *m)
{
	struct pareto_row sorted[PARETO_MAX];
	json_t *list = json_array();
	unsigned sum = 0, all = 0;

	memcpy(sorted, m->pareto, sizeof(sorted));
	qsort(sorted, m->pareto_count, sizeof(sorted[0]), by_attempts);
	for (size_t i = 0; i < m->pareto_count; i++)
		all += sorted[i].attempts;
	for (size_t i = 0; i < m->pareto_count; i++) {
		json_t *o = json_object();

		sum += sorted[i].attempts;
		put_text(o, "side", mr_cause_class_name(mr_cause_class(sorted[i].cause)));
		put_text(o, "step", sorted[i].step);
		put_text(o, "cause", mr_cause_name(sorted[i].cause));
		put_text(o, "sentence", mr_cause_sentence(sorted[i].cause));
		put_int(o, "attempts", sorted[i].attempts);
		put_int(o, "units", sorted[i].units);
		put(o, "share", rounded((double)sorted[i].attempts / all));
		put(o, "cumulative", rounded((double)sum / all));
		(void)json_array_append_new(list, o);
	}
	return list;
}

static void put_banner_unit(json_t *o, const struct model *m, int64_t unit)
{
	const struct unit *u = model_unit(m, unit);
	struct line_unit_view v;

	put_int(o, "unit", (uint64_t)unit);
	if (!u)
		return;
	line_unit_look(m->o.line, u, &v);
	put_text(o, "serial", v.serial);
	put_mac(o, "mac", v.mac);
}

json_t *banners_object(const struct model *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->banner_count; i++) {
		const struct banner *b = &m->banners[i];
		json_t *o = json_object();
		bool guard = strcmp(b->kind, "guard") == 0;

		put_int(o, "banner", (uint64_t)b->number);
		put_text(o, "kind", b->kind);
		put_int(o, "at_us", b->at_us);
		put_text(o, "cause", *b->detail ? b->detail : mr_cause_name(b->cause));
		put_text(o, "sentence",
			 guard		? "a guard has stopped the admission of devices"
			 : *b->sentence ? b->sentence
					: mr_cause_sentence(b->cause));
		put_text(o, "remedy",
			 guard && strcmp(b->detail, "consecutive_fail") == 0
				 ? "find out why so many devices fail before you go on"
			 : b->text[0] ? b->text
				      : mr_cause_remedy(b->cause));
		if (b->unit)
			put_banner_unit(o, m, b->unit);
		(void)json_array_append_new(list, o);
	}
	return list;
}

static const char *log_json(struct log_entry *e)
{
	json_t *o;

	if (e->json)
		return e->json;
	o = json_object();

	put_int(o, "n", e->n);
	put_int(o, "at_us", e->at_us);
	put_text(o, "level", e->level);
	if (e->unit)
		put_int(o, "unit", (uint64_t)e->unit);
	if (e->radio)
		put_text(o, "radio", e->radio);
	put_text(o, "text", e->text);
	e->json = dump(o);
	return e->json;
}

/* --- texts that grow --- */

static bool reserve(struct text *t, size_t more)
{
	size_t room = t->room ? t->room : 4096;
	char *grown;

	while (room < t->len + more + 1)
		room *= 2;
	if (room != t->room) {
		grown = realloc(t->at, room);
		if (!grown) {
			t->bad = true;
			return false;
		}
		t->at = grown;
		t->room = room;
	}
	return true;
}

void text_add(struct text *t, const char *at, size_t len)
{
	if (!at || !reserve(t, len))
		return;
	memcpy(t->at + t->len, at, len);
	t->len += len;
	t->at[t->len] = '\0';
}

void text_format(struct text *t, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || !reserve(t, (size_t)len))
		return;
	va_start(args, format);
	vsnprintf(t->at + t->len, t->room - t->len, format, args);
	va_end(args);
	t->len += (size_t)len;
}

void text_free(struct text *t)
{
	free(t->at);
	*t = (struct text){ 0 };
}

/* --- the lines of a client --- */

static bool has(unsigned parts, enum model_part part) { return parts >> part & 1; }

/* The oldest row that is newer than what the client has. Those that changed last are at the end. */
static struct row *first_after(const struct model *m, uint64_t version)
{
	struct row *found = NULL;

	if (version == 0)
		return m->oldest;
	for (struct row *row = m->newest; row && row->version > version; row = row->prev)
		found = row;
	return found;
}

static void add_part(struct text *out, const char *name, const char *json)
{
	text_format(out, ",\"%s\":", name);
	text_add(out, json, json ? strlen(json) : 0);
	if (!json)
		text_add(out, "null", 4);
}

static const char *cached(char **text, uint64_t *of, uint64_t version, const struct model *m,
			  json_t *(*make)(const struct model *))
{
	if (!*text || *of != version) {
		free(*text);
		*text = dump(make(m));
		*of = version;
	}
	return *text;
}

/* A list in a line: `comma` begins as what opens it, and one that got nothing is not there at all. */
static void add_item(struct text *out, const char **comma, const char *json, size_t len)
{
	text_add(out, *comma, strlen(*comma));
	text_add(out, json ? json : "null", json ? len : 4);
	*comma = ",";
}

static void add_end(struct text *out, const char *comma)
{
	if (comma[1] == '\0')
		text_add(out, "]", 1);
}

static void add_lanes(struct text *out, const struct model *m, uint64_t seen)
{
	const char *comma = ",\"radios\":[";

	for (size_t i = 0; i < m->lane_count; i++)
		if (m->lanes[i].version > seen && m->lanes[i].json)
			add_item(out, &comma, m->lanes[i].json, strlen(m->lanes[i].json));
	add_end(out, comma);
}

static void add_channels(struct text *out, const struct model *m, uint64_t seen)
{
	const char *comma = ",\"channels\":[";

	for (size_t i = 0; i < m->channel_count; i++)
		if (m->channels[i].version > seen && m->channels[i].json)
			add_item(out, &comma, m->channels[i].json, strlen(m->channels[i].json));
	add_end(out, comma);
}

static void add_log(struct text *out, const struct model *m, struct model_cursor *c)
{
	uint64_t from = m->log_n > LOG_SENT && c->log < m->log_n - LOG_SENT ? m->log_n - LOG_SENT : c->log;
	const char *comma = ",\"log\":[";

	for (uint64_t n = from; n < m->log_n; n++) {
		const char *json = log_json(&m->log[n % LOG_KEPT]);

		add_item(out, &comma, json, json ? strlen(json) : 0);
	}
	add_end(out, comma);
	c->log = m->log_n;
}

static void add_units(struct text *out, struct model *m, struct model_cursor *c)
{
	struct row *row = first_after(m, c->units);
	const char *comma = ",\"units\":[";

	for (unsigned n = 0; row && row->version <= c->until && n < ROWS_SENT; n++, row = row->next) {
		const char *json = row_json(m, row);

		add_item(out, &comma, json, row->json_len);
		c->units = row->version;
	}
	c->more = row && row->version <= c->until;
	if (!c->more)
		c->units = c->until;
	add_end(out, comma);
}

bool model_has_news(const struct model *m, const struct model_cursor *c, unsigned parts, uint64_t idle_us)
{
	if (!c->begun || c->more)
		return true;
	if (idle_us >= 1000000)
		return true;
	if (m->version == c->seen)
		return false;
	if (has(parts, MODEL_HEADER) && m->header_version > c->seen)
		return true;
	if (has(parts, MODEL_PARETO) && m->pareto_version > c->seen)
		return true;
	if (has(parts, MODEL_BANNERS) && m->banners_version > c->seen)
		return true;
	if (has(parts, MODEL_LOG) && m->log_n > c->log)
		return true;
	if (has(parts, MODEL_UNITS) && m->newest && m->newest->version > c->units)
		return true;
	for (size_t i = 0; has(parts, MODEL_RADIOS) && i < m->lane_count; i++)
		if (m->lanes[i].version > c->seen)
			return true;
	for (size_t i = 0; has(parts, MODEL_CHANNELS) && i < m->channel_count; i++)
		if (m->channels[i].version > c->seen)
			return true;
	return false;
}

/* The parts of a line from the cursor `c` on, which moves along. */
static void add_body(struct model *m, struct model_cursor *c, unsigned parts, struct text *out)
{
	bool continues = c->more;
	uint64_t seen = c->begun ? c->seen : 0;

	c->full = continues ? c->full : !c->begun;
	c->begun = true;
	if (!continues) {
		c->until = m->version;
		c->now_us = model_now_us(m);
	}
	text_format(out, "\"now_us\":%llu", (unsigned long long)c->now_us);
	if (!continues && has(parts, MODEL_HEADER) && m->header_version > seen)
		add_part(out, "header", cached(&m->header, &m->header_of, m->header_version, m, header_object));
	if (!continues && has(parts, MODEL_RADIOS))
		add_lanes(out, m, seen);
	if (!continues && has(parts, MODEL_CHANNELS))
		add_channels(out, m, seen);
	if (!continues && has(parts, MODEL_PARETO) && m->pareto_version > seen)
		add_part(out, "pareto", cached(&m->pareto_json, &m->pareto_of, m->pareto_version, m, pareto_object));
	if (!continues && has(parts, MODEL_BANNERS) && m->banners_version > seen)
		add_part(out, "banners",
			 cached(&m->banners_json, &m->banners_of, m->banners_version, m, banners_object));
	if (!continues && has(parts, MODEL_LOG) && m->log_n > c->log)
		add_log(out, m, c);
	if (has(parts, MODEL_UNITS))
		add_units(out, m, c);
	else
		c->more = false;
	text_add(out, "}\n", 2);
	if (!continues)
		c->seen = c->until;
}

static bool same_place(const struct model_cursor *a, const struct model_cursor *b)
{
	return a->begun == b->begun && a->more == b->more && a->full == b->full && a->seen == b->seen &&
	       a->units == b->units && a->until == b->until && a->log == b->log;
}

/* A new line is the last one's text again when nothing has happened since, a continued one in any case. */
static void take_body(struct model *m, struct model_cursor *c, unsigned parts)
{
	uint64_t seq = c->seq;

	if (m->shared.len > 0 && !m->shared.bad && parts == m->shared_parts && same_place(c, &m->shared_from) &&
	    (c->more || (m->shared_to.until == m->version && m->shared_to.now_us == model_now_us(m)))) {
		*c = m->shared_to;
		c->seq = seq;
		return;
	}
	m->shared_from = *c;
	m->shared_parts = parts;
	m->shared.len = 0;
	m->shared.bad = false;
	add_body(m, c, parts, &m->shared);
	m->shared_to = *c;
}

bool model_state(struct model *m, struct model_cursor *c, unsigned parts, struct text *out)
{
	take_body(m, c, parts);
	text_format(out, "{\"millrace\":1,\"type\":\"state\",\"seq\":%llu,\"full\":%s,\"more\":%s,",
		    (unsigned long long)++c->seq, c->full ? "true" : "false", c->more ? "true" : "false");
	text_add(out, m->shared.at, m->shared.len);
	out->bad |= m->shared.bad;
	return c->more;
}
