#include "station/control/model_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/base/log.h"

uint64_t model_now_us(const struct model *m)
{
	struct line_view view;

	if (!m->o.line)
		return 0;
	line_look(m->o.line, &view);
	return view.now_us;
}

/* --- rows --- */

static void unlink_row(struct model *m, struct row *row)
{
	if (row->prev)
		row->prev->next = row->next;
	else
		m->oldest = row->next;
	if (row->next)
		row->next->prev = row->prev;
	else
		m->newest = row->prev;
}

static void append_row(struct model *m, struct row *row)
{
	row->prev = m->newest;
	row->next = NULL;
	if (m->newest)
		m->newest->next = row;
	else
		m->oldest = row;
	m->newest = row;
}

static void touch(struct model *m, struct row *row)
{
	row->version = ++m->version;
	unlink_row(m, row);
	append_row(m, row);
}

static struct row *row_new(struct model *m, const struct unit *unit)
{
	struct row *row = calloc(1, sizeof(*row));

	if (!row || !map_put(&m->by_id, (uint64_t)line_unit_id(unit), row)) {
		free(row);
		return NULL;
	}
	row->unit = unit;
	row->id = line_unit_id(unit);
	row->version = ++m->version;
	append_row(m, row);
	m->row_count++;
	return row;
}

static void row_free(struct row *row)
{
	for (unsigned i = 0; i < row->moment_count; i++)
		free(row->moments[i].text);
	free(row->moments);
	free(row->json);
	free(row);
}

/* A new unit is appended to the line's list; the event that tells of it is its first. */
static struct row *row_of(struct model *m, int64_t id)
{
	struct row *row = map_get(&m->by_id, (uint64_t)id);

	for (size_t i = line_unit_room(m->o.line); !row && i-- > 0;) {
		const struct unit *unit = line_unit_at(m->o.line, i);

		if (unit && line_unit_id(unit) == id)
			row = row_new(m, unit);
	}
	return row;
}

const struct unit *model_unit(const struct model *m, int64_t id)
{
	const struct row *row = id > 0 ? map_get(&m->by_id, (uint64_t)id) : NULL;

	return row ? row->unit : NULL;
}

/* --- the log, banners, what happened to a unit --- */

static void say(struct model *m, const struct line_event *e, const char *level, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void say(struct model *m, const struct line_event *e, const char *level, const char *format, ...)
{
	struct log_entry *entry = &m->log[m->log_n++ % LOG_KEPT];
	va_list args;

	free(entry->json);
	*entry = (struct log_entry){
		.n = m->log_n, .at_us = e->now_us, .level = level, .radio = e->radio, .unit = e->unit
	};
	va_start(args, format);
	vsnprintf(entry->text, sizeof(entry->text), format, args);
	va_end(args);
	m->version++;
}

static void raise_banner(struct model *m, const struct line_event *e, const char *kind)
{
	struct banner *b;

	if (m->banner_count == BANNERS_MAX)
		return; /* this many wait already; the log has this one too */
	b = &m->banners[m->banner_count++];
	*b = (struct banner){
		.number = ++m->next_banner, .unit = e->unit, .kind = kind, .at_us = e->now_us, .cause = e->cause
	};
	if (e->kind == LINE_GUARD) {
		snprintf(b->detail, sizeof(b->detail), "%s", e->detail);
		snprintf(b->text, sizeof(b->text), "%s", e->reason ? e->reason : "");
	}
	if (e->kind == LINE_HOLD)
		snprintf(b->text, sizeof(b->text), "%s", e->detail);
	m->banners_version = ++m->version;
}

void model_warn(struct model *m, const char *kind, const char *cause, int64_t unit, const char *sentence,
		const char *remedy)
{
	struct banner *b;

	if (m->banner_count == BANNERS_MAX)
		return;
	raise_banner(m, &(struct line_event){ .unit = unit, .now_us = model_now_us(m) }, kind);
	b = &m->banners[m->banner_count - 1];
	snprintf(b->detail, sizeof(b->detail), "%s", cause);
	snprintf(b->sentence, sizeof(b->sentence), "%s", sentence);
	snprintf(b->text, sizeof(b->text), "%s", remedy);
	m->header_version = ++m->version;
}

/* It may have had the network's credentials from our broadcast. One banner at a time: the log has each. */
static void warn_of_joiner(struct model *m, const char *mac)
{
	char sentence[120];

	for (size_t i = 0; i < m->banner_count; i++)
		if (strcmp(m->banners[i].kind, "stranger") == 0)
			return;
	snprintf(sentence, sizeof(sentence), "%s, which is not on the list, joins the network that is broadcast", mac);
	model_warn(m, "stranger", LINE_JOINED_UNLISTED, 0, sentence,
		   "find it; if it is not yours, give the network another passphrase");
}

static void remember(struct row *row, const struct line_event *e)
{
	struct moment *at;

	if (row->moment_count == row->moment_room && row->moment_room < MOMENTS_MAX) {
		unsigned room = row->moment_room ? row->moment_room * 2 : 8;
		struct moment *grown = realloc(row->moments, room * sizeof(*grown));

		if (!grown)
			return;
		row->moments = grown;
		row->moment_room = room;
	}
	if (row->moment_count == MOMENTS_MAX) {
		free(row->moments[0].text);
		memmove(row->moments, row->moments + 1, (MOMENTS_MAX - 1) * sizeof(*row->moments));
		row->moment_count--;
	}
	at = &row->moments[row->moment_count++];
	*at = (struct moment){ .at_us = e->now_us,
			       .duration_us = e->duration_us,
			       .kind = e->kind,
			       .step = e->step,
			       .radio = e->radio,
			       .cause = e->cause,
			       .freq_mhz = e->freq_mhz,
			       .rssi_dbm = (int16_t)e->rssi_dbm,
			       .attempt = (uint16_t)e->attempt,
			       .state = e->state };
	if ((e->kind == LINE_ORDER || e->kind == LINE_LABEL) &&
	    asprintf(&at->text, "%s by %s%s%s", e->detail, e->actor, *e->reason ? ": " : "", e->reason) < 0)
		at->text = NULL;
}

/* --- figures --- */

static size_t lane_index(const struct model *m, const char *radio)
{
	struct line_lane_view view;

	for (size_t i = 0; radio && i < m->lane_count; i++) {
		line_lane_look(m->o.line, i, &view);
		if (view.radio == radio || strcmp(view.radio, radio) == 0)
			return i;
	}
	return SIZE_MAX;
}

static struct channel_row *channel_row(struct model *m, uint16_t freq_mhz)
{
	struct line_channel_view view;

	for (size_t i = 0; i < m->channel_count; i++) {
		line_channel_look(m->o.line, i, &view);
		if (view.freq_mhz == freq_mhz)
			return &m->channels[i];
	}
	return NULL;
}

static void mean(double *rssi, bool first, int value) { *rssi = first ? value : *rssi + (value - *rssi) / 16; }

/* An attempt has ended on a radio and a channel. */
static void count_end(struct model *m, const struct row *row, const struct line_event *e, bool passed)
{
	size_t lane = lane_index(m, row->radio);
	struct channel_row *c = channel_row(m, row->freq_mhz);

	if (lane == SIZE_MAX)
		return;
	m->lanes[lane].passed += passed;
	m->lanes[lane].failed += !passed;
	if (e->rssi_dbm) {
		mean(&m->lanes[lane].rssi, !m->lanes[lane].has_rssi, e->rssi_dbm);
		m->lanes[lane].has_rssi = true;
	}
	if (c) {
		struct cell *cell = &c->cells[lane];

		if (e->rssi_dbm)
			mean(&cell->rssi, cell->passed + cell->failed == 0, e->rssi_dbm);
		cell->passed += passed;
		cell->failed += !passed;
	}
}

static void count_cause(struct model *m, struct row *row, const struct line_event *e)
{
	size_t i = 0;

	m->failed_attempts++;
	while (i < m->pareto_count && !(m->pareto[i].cause == e->cause && strcmp(m->pareto[i].step, e->step) == 0))
		i++;
	if (i == m->pareto_count) {
		if (m->pareto_count == PARETO_MAX)
			return;
		m->pareto[m->pareto_count++] = (struct pareto_row){ .cause = e->cause, .step = e->step };
	}
	m->pareto[i].attempts++;
	if (!(row->pareto & 1ull << i))
		m->pareto[i].units++;
	row->pareto |= 1ull << i;
	m->pareto_version = ++m->version;
}

/* FPY: the first attempt that says something about the product (docs/audit.md). */
static void count_first(struct model *m, struct row *row, bool passed)
{
	if (row->first != FIRST_OPEN)
		return;
	row->first = passed ? FIRST_PASSED : FIRST_FAILED;
	m->first_passed += passed;
	m->first_failed += !passed;
}

static void advance_buckets(struct model *m, uint64_t now_us)
{
	uint64_t to = now_us / CADENCE_BUCKET_US;

	if (to >= m->bucket + CADENCE_BUCKETS)
		memset(m->passes, 0, sizeof(m->passes));
	else
		for (uint64_t b = m->bucket + 1; b <= to; b++)
			m->passes[b % CADENCE_BUCKETS] = 0;
	if (to > m->bucket)
		m->bucket = to;
}

double model_fpy(const struct model *m)
{
	unsigned n = m->first_passed + m->first_failed;

	return n ? (double)m->first_passed / n : -1;
}

double model_cadence_us(const struct model *m, uint64_t now_us)
{
	uint64_t window_us = CADENCE_BUCKETS * (uint64_t)CADENCE_BUCKET_US;
	unsigned passes = 0;

	for (size_t i = 0; i < CADENCE_BUCKETS; i++)
		passes += m->passes[i];
	if (passes == 0)
		return -1;
	return (double)(now_us < window_us ? now_us : window_us) / passes;
}

void model_totals(const struct model *m, struct model_totals *out)
{
	*out = (struct model_totals){ .attempts_failed = m->failed_attempts,
				      .orders = m->orders,
				      .log_lines = m->log_n,
				      .fpy = model_fpy(m),
				      .cadence_us = model_cadence_us(m, model_now_us(m)) };
}

/* --- the strip of a radio: where it spent most of each second --- */

static void close_cell(struct lane_row *lane)
{
	size_t best = 0;

	for (size_t i = 1; i < sizeof(lane->dwell) / sizeof(lane->dwell[0]); i++)
		if (lane->dwell[i].us > lane->dwell[best].us)
			best = i;
	lane->strip[lane->cell % STRIP] = lane->dwell[best].us ? lane->dwell[best].freq_mhz : 0;
	memset(lane->dwell, 0, sizeof(lane->dwell));
	lane->cell++;
}

static void dwell(struct lane_row *lane, uint64_t us)
{
	size_t i = 0, last = sizeof(lane->dwell) / sizeof(lane->dwell[0]) - 1;

	while (i < last && lane->dwell[i].us && lane->dwell[i].freq_mhz != lane->freq_mhz)
		i++;
	lane->dwell[i].freq_mhz = lane->freq_mhz;
	lane->dwell[i].us += us;
}

static void advance_strip(struct lane_row *lane, uint64_t now_us)
{
	if (now_us / STRIP_US > lane->cell + STRIP) { /* a virtual clock may jump */
		memset(lane->dwell, 0, sizeof(lane->dwell));
		for (size_t i = 0; i < STRIP; i++)
			lane->strip[i] = lane->freq_mhz;
		lane->cell = now_us / STRIP_US;
		lane->here_us = lane->cell * STRIP_US;
	}
	while (lane->here_us < now_us) {
		uint64_t end_us = (lane->cell + 1) * STRIP_US, to_us = now_us < end_us ? now_us : end_us;

		dwell(lane, to_us - lane->here_us);
		lane->here_us = to_us;
		if (to_us == end_us)
			close_cell(lane);
	}
}

static void on_radio(struct model *m, const struct line_event *e)
{
	size_t i = lane_index(m, e->radio);

	if (i != SIZE_MAX) {
		advance_strip(&m->lanes[i], e->now_us);
		m->lanes[i].freq_mhz = e->cause ? 0 : e->freq_mhz;
	}
	if (e->cause)
		say(m, e, "warn", "%s: %s", e->radio, e->detail);
	else if (strcmp(e->detail, "tuned") != 0)
		say(m, e, "info", "%s: %s", e->radio, e->detail);
}

/* --- events --- */

static void mac_text(char out[static 18], const uint8_t mac[static 6])
{
	snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void on_unit_state(struct model *m, struct row *row, const struct line_event *e, const char *name)
{
	row->since_us = e->now_us;
	row->cause = e->state == UNIT_PASSED ? 0 : e->cause;
	row->outcome_us = e->state == UNIT_SEEN ? 0 : e->now_us;
	switch (e->state) {
	case UNIT_PASSED:
		count_end(m, row, e, true);
		count_first(m, row, true);
		advance_buckets(m, e->now_us);
		m->passes[m->bucket % CADENCE_BUCKETS]++;
		say(m, e, "info", "%s PASS %.2f s", name, (double)e->duration_us / 1e6);
		return;
	case UNIT_SEEN:
		say(m, e, "warn", "%s RETRY %s: %s", name, mr_cause_name(e->cause), mr_cause_sentence(e->cause));
		return;
	case UNIT_QUARANTINED:
		if (mr_cause_class(e->cause) == MR_CLASS_SECURITY)
			raise_banner(m, e, "security");
		break;
	case UNIT_EXPECTED:
	case UNIT_ACTIVE:
	case UNIT_FAILED:
	case UNIT_HELD: break;
	}
	say(m, e, "error", "%s %s %s: %s; %s", name,
	    e->state == UNIT_QUARANTINED ? "QUARANTINE"
	    : e->state == UNIT_HELD	 ? "HELD"
					 : "FAIL",
	    mr_cause_name(e->cause), mr_cause_sentence(e->cause), mr_cause_remedy(e->cause));
}

static void on_step(struct model *m, struct row *row, const struct line_event *e)
{
	enum mr_cause_class class = mr_cause_class(e->cause);

	row->since_us = e->now_us;
	row->step = e->step;
	if (!e->cause)
		return;
	row->cause = e->cause;
	count_end(m, row, e, false);
	count_cause(m, row, e);
	if (class == MR_CLASS_AIR || class == MR_CLASS_DEVICE || class == MR_CLASS_SECURITY)
		count_first(m, row, false);
}

static void say_label(struct model *m, const struct line_event *e, const char *name)
{
	bool wrong = *e->reason;

	say(m, e, wrong ? "warn" : "info", "label%s%s %s by %s%s%s", *name ? " of " : "", name, e->detail, e->actor,
	    wrong ? ": " : "", e->reason);
}

static void on_unit(struct model *m, const struct line_event *e)
{
	struct row *row = row_of(m, e->unit);
	char mac[18];
	const char *name = e->serial && e->serial[0] ? e->serial : mac;

	if (!row)
		return;
	mac_text(mac, e->mac);
	if (e->radio)
		row->radio = e->radio;
	if (e->freq_mhz)
		row->freq_mhz = e->freq_mhz;
	if (e->kind == LINE_UNIT_SEEN)
		row->first_us = row->since_us = e->now_us;
	if (e->kind == LINE_ATTEMPT) {
		row->since_us = e->now_us;
		row->step = NULL;
	}
	if (e->kind == LINE_STEP)
		on_step(m, row, e);
	if (e->kind == LINE_UNIT_STATE)
		on_unit_state(m, row, e, name);
	if (e->kind == LINE_LABEL)
		say_label(m, e, name);
	if (e->kind == LINE_ORDER) {
		if (e->moved) {
			snprintf(row->by, sizeof(row->by), "%s", e->actor);
			row->since_us = e->now_us;
			row->outcome_us = e->state == UNIT_SEEN ? 0 : e->now_us;
		}
		say(m, e, "info", "%s %s by %s: %s", name, e->detail, e->actor, e->reason);
	}
	remember(row, e);
	touch(m, row);
}

void model_event(struct model *m, const struct line_event *e)
{
	char mac[18];

	m->header_version = ++m->version;
	m->orders += e->kind == LINE_ORDER;
	switch (e->kind) {
	case LINE_UNIT_SEEN:
	case LINE_ATTEMPT:
	case LINE_STEP:
	case LINE_UNIT_STATE: on_unit(m, e); return;
	case LINE_LABEL:
		if (e->unit)
			on_unit(m, e);
		else
			say_label(m, e, "");
		return;
	case LINE_ORDER:
		if (e->unit)
			on_unit(m, e);
		else
			say(m, e, "info", "%s by %s: %s", e->detail, e->actor, e->reason);
		return;
	case LINE_STRANGER:
		mac_text(mac, e->mac);
		say(m, e, "warn", "%s stranger: %s (%d dBm)", mac, e->detail, e->rssi_dbm);
		if (strcmp(e->detail, LINE_JOINED_UNLISTED) == 0)
			warn_of_joiner(m, mac);
		return;
	case LINE_RADIO: on_radio(m, e); return;
	case LINE_GUARD:
		raise_banner(m, e, "guard");
		say(m, e, "error", "GUARD %s: no new devices are admitted", e->detail);
		return;
	case LINE_HOLD:
		raise_banner(m, e, "hold");
		say(m, e, "error", "HOLD %s: %s", mr_cause_sentence(e->cause), e->detail);
		return;
	}
}

/* --- what has no events --- */

/* Takes `json`. */
static void replace(struct model *m, char **old, char *json, uint64_t *version)
{
	if (json && *old && strcmp(json, *old) == 0) {
		free(json);
		return;
	}
	if (!json)
		return;
	free(*old);
	*old = json;
	*version = ++m->version;
}

void model_sample(struct model *m)
{
	struct line_view now;
	uint64_t now_us;

	if (!m->o.line)
		return;
	line_look(m->o.line, &now);
	now_us = now.now_us;
	if (now.in_flight != m->in_flight || now.waiting != m->waiting || now.run != m->run)
		m->header_version = ++m->version;
	m->in_flight = now.in_flight;
	m->waiting = now.waiting;
	m->run = now.run;
	advance_buckets(m, now_us);
	for (size_t i = 0; i < m->lane_count; i++) {
		struct lane_row *lane = &m->lanes[i];
		struct line_lane_view view;

		line_lane_look(m->o.line, i, &view);
		advance_strip(lane, now_us);
		if (now_us >= lane->air_at_us + STRIP_US) {
			lane->airtime = (double)(view.health.airtime_us - lane->air_us) /
					(double)(now_us - lane->air_at_us);
			lane->air_us = view.health.airtime_us;
			lane->air_at_us = now_us;
		}
		replace(m, &lane->json, lane_json(m, i), &lane->version);
	}
	for (size_t i = 0; i < m->channel_count; i++)
		replace(m, &m->channels[i].json, channel_json(m, i), &m->channels[i].version);
}

void model_beside(struct model *m, json_t *jobs, unsigned clients)
{
	json_decref(m->jobs);
	m->jobs = jobs;
	m->clients = clients;
	m->header_version = ++m->version;
}

bool model_printer(struct model *m, uint64_t client, const char *state, const char *text)
{
	static const char *const states[] = { "ok", "warn", "bad", "none" }, *const levels[] = { "info", "warn",
												 "error", "info" };
	const char *before = m->printer.state ? m->printer.state : "none";
	size_t i = 0;

	while (i < 4 && strcmp(states[i], state) != 0)
		i++;
	if (i == 4)
		return false;
	if (strcmp(before, state) != 0 || (i > 0 && strcmp(m->printer.text, text) != 0))
		say(m, &(struct line_event){ .now_us = model_now_us(m) }, levels[i], "label printer %s%s%s", state,
		    *text ? ": " : "", text);
	m->printer.client = client;
	m->printer.state = i < 3 ? states[i] : NULL;
	snprintf(m->printer.text, sizeof(m->printer.text), "%s", text);
	m->header_version = ++m->version;
	return true;
}

void model_client_gone(struct model *m, uint64_t client)
{
	struct line_view now;

	if (!m->printer.state || m->printer.client != client)
		return;
	line_look(m->o.line, &now);
	if (now.run != LINE_RUN_ENDED) /* then it has done its work */
		(void)model_printer(m, client, "bad",
				    "nobody prints labels any more: start millrace labels --follow again");
}

/* --- banners --- */

static size_t find_banner(const struct model *m, int64_t number)
{
	size_t i = 0;

	while (i < m->banner_count && m->banners[i].number != number)
		i++;
	return i;
}

bool model_banner(const struct model *m, int64_t number, char subject[static 80], int64_t *unit)
{
	size_t i = find_banner(m, number);

	if (i == m->banner_count)
		return false;
	*unit = m->banners[i].unit;
	if (m->banners[i].unit)
		snprintf(subject, 80, "unit %lld", (long long)m->banners[i].unit);
	else if (m->banners[i].detail[0])
		snprintf(subject, 80, "%s %s", m->banners[i].kind, m->banners[i].detail);
	else
		snprintf(subject, 80, "%s %s", m->banners[i].kind, mr_cause_name(m->banners[i].cause));
	return true;
}

void model_acknowledge(struct model *m, int64_t number)
{
	size_t i = find_banner(m, number);

	if (i == m->banner_count)
		return;
	memmove(&m->banners[i], &m->banners[i + 1], (m->banner_count - i - 1) * sizeof(m->banners[0]));
	m->banner_count--;
	m->banners_version = m->header_version = ++m->version;
}

bool model_guard_unseen(const struct model *m)
{
	for (size_t i = 0; i < m->banner_count; i++)
		if (strcmp(m->banners[i].kind, "guard") == 0)
			return true;
	return false;
}

/* --- begin and end --- */

/* Units of earlier sessions of this lot: their outcomes are valid, their first attempts are not this session's. */
static bool load(struct model *m)
{
	struct line_unit_view view;

	for (size_t i = 0; i < line_unit_room(m->o.line); i++) {
		const struct unit *unit = line_unit_at(m->o.line, i);
		struct row *row = unit ? row_new(m, unit) : NULL;

		if (unit && !row)
			return false;
		if (!row)
			continue;
		line_unit_look(m->o.line, unit, &view);
		row->first = view.attempt > 0 ? FIRST_UNKNOWN : FIRST_OPEN;
	}
	return true;
}

struct model *model_create(const struct model_options *options)
{
	struct model *m = calloc(1, sizeof(*m));
	bool good;

	if (!m)
		return NULL;
	m->o = *options;
	m->version = m->header_version = m->pareto_version = m->banners_version = 1;
	m->log = calloc(LOG_KEPT, sizeof(*m->log));
	good = m->log != NULL;
	if (good && m->o.line) {
		m->lane_count = line_lane_count(m->o.line);
		m->channel_count = line_channel_count(m->o.line);
		m->lanes = calloc(m->lane_count, sizeof(*m->lanes));
		m->channels = calloc(m->channel_count, sizeof(*m->channels));
		good = m->lanes && m->channels;
		for (size_t i = 0; good && i < m->channel_count; i++)
			good = (m->channels[i].cells = calloc(m->lane_count, sizeof(struct cell))) != NULL;
		good = good && load(m);
	}
	if (!good) {
		model_destroy(m);
		return NULL;
	}
	model_sample(m);
	return m;
}

void model_destroy(struct model *m)
{
	if (!m)
		return;
	for (struct row *row = m->oldest, *next; row; row = next) {
		next = row->next;
		row_free(row);
	}
	for (size_t i = 0; m->lanes && i < m->lane_count; i++)
		free(m->lanes[i].json);
	for (size_t i = 0; m->channels && i < m->channel_count; i++) {
		free(m->channels[i].json);
		free(m->channels[i].cells);
	}
	map_free(&m->by_id);
	free(m->lanes);
	free(m->channels);
	for (size_t i = 0; m->log && i < LOG_KEPT; i++)
		free(m->log[i].json);
	free(m->log);
	text_free(&m->shared);
	free(m->header);
	free(m->pareto_json);
	free(m->banners_json);
	json_decref(m->jobs);
	free(m);
}
