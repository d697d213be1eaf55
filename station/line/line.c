#include "station/line/line.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/port/crypto.h"
#include "station/line/admission.h"
#include "station/line/ending.h"
#include "station/line/events.h"
#include "station/line/guards.h"
#include "station/line/identity_step.h"
#include "station/line/joining.h"
#include "station/line/lane.h"
#include "station/line/orders.h"
#include "station/line/recipe.h"

#define FAREWELL_US 100000u /* chosen: a frame to a device that is gone is given up before that */
#define FAREWELL_LOOK_US 5000u
#define THINK_US 150000u /* a device's work for a request, before any of its kind is known: a signature of an ESP32 */

/* --- what comes from below --- */

static void on_record_failed(void *ctx, const char *why, bool inside)
{
	struct line *line = ctx;

	if (!inside)
		orders_fail(line, LINE_NO_RECORD);
	line_hold(line, MR_CAUSE_JOURNAL_UNAVAILABLE, why);
}

/* Of the records that hold something which a device has said. */
static bool is_of(const struct journal_record *r, const struct session *s)
{
	switch (r->kind) {
	case JOURNAL_UNIT_STATE: return r->unit_state.unit == s->unit->id;
	case JOURNAL_ATTEMPT: return r->attempt.attempt == s->attempt;
	case JOURNAL_ATTEMPT_END: return r->attempt_end.attempt == s->attempt;
	case JOURNAL_STEP: return r->step.attempt == s->attempt;
	case JOURNAL_MEASUREMENT: return r->measurement.attempt == s->attempt;
	case JOURNAL_IDENTITY: return r->identity.unit == s->unit->id;
	case JOURNAL_CERT_STATE: return r->cert_state.unit == s->unit->id;
	case JOURNAL_TRANSACTION: return r->transaction.unit == s->unit->id;
	case JOURNAL_RECEIPT: return r->receipt.unit == s->unit->id;
	case JOURNAL_LINK: return r->link.unit == s->unit->id;
	case JOURNAL_DELIVERY: return r->delivery.unit == s->unit->id;
	case JOURNAL_NETWORK: return r->network.unit == s->unit->id;
	case JOURNAL_UNIT:
	case JOURNAL_SIGHTING:
	case JOURNAL_RADIO:
	case JOURNAL_GUARD:
	case JOURNAL_LABEL:
	case JOURNAL_LABEL_STATE:
	case JOURNAL_LABEL_SCAN:
	case JOURNAL_AUDIT:
	case JOURNAL_BATCH_END: break;
	}
	return false;
}

/* What the schema would refuse ends the unit whose it is, and not the journal. */
static void on_record_refused(void *ctx, const struct journal_record *record, const char *why)
{
	struct line *line = ctx;

	log_write(LOG_STATION(line->o.log), LOG_JOURNAL, LOG_ERROR, "a record is refused: %s", why);
	for (size_t i = 0; i < line->channel_count; i++)
		for (struct session *s = line->channels[i].sessions; s; s = s->next)
			if (is_of(record, s))
				session_refuse(s);
}

static void on_room(struct line *line)
{
	admission_fill(line);
	recipe_turn(line);
}

static void on_watch(void *ctx, uint64_t now_us)
{
	struct line *line = ctx;

	units_look(line, now_us);
	guard_disk(line, now_us);
	guard_signer(line, now_us);
	line_check(line);
	admission_fill(line);
	line_check_end(line);
	if (!line->ended)
		loop_at(line->loop, &line->watch_timer, now_us + LINE_WATCH_US);
}

static void on_hold(void *ctx, uint64_t now_us)
{
	(void)now_us;
	line_stop(ctx, true);
}

static void on_end(void *ctx, uint64_t now_us)
{
	struct line *line = ctx;

	/* Devices are told that their associations are over; not for longer than a radio takes that still works. */
	if (lanes_say_farewell(line) && line->farewell_until_us == 0)
		line->farewell_until_us = now_us + FAREWELL_US;
	if (lanes_say_farewell(line) && now_us < line->farewell_until_us) {
		loop_at(line->loop, &line->end_timer, now_us + FAREWELL_LOOK_US);
		return;
	}
	line->o.ended(line->o.ctx);
}

/* A frame: networks are told first, then whoever it belongs to takes it, and what is between others is witnessed. */
static void on_heard(struct line *line, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct ieee80211_header header;
	struct ieee80211_network network;
	struct mr_rd in = mpdu;
	bool whole = ieee80211_header_parse(&in, &header);

	if (whole && mr_equal(header.address2, line->station.mac, 6))
		return;
	if (whole && (header.kind == IEEE80211_BEACON || header.kind == IEEE80211_PROBE_RESPONSE) &&
	    ieee80211_network_of(mpdu, rx, &network) && network.freq_mhz == rx->freq_mhz) {
		joining_network(line, &network);
		for (size_t i = 0; i < line->voice_count; i++)
			if (line->voices[i].ops->network)
				line->voices[i].ops->network(line, line->voices[i].state, lane, header.address2,
							     &network, rx);
	}
	for (size_t i = 0; i < line->voice_count; i++)
		if (line->voices[i].ops->hear && line->voices[i].ops->hear(line, line->voices[i].state, lane, mpdu, rx))
			return;
	joining_hear(line, mpdu);
}

/* --- begin --- */

static int begin(struct line *line, char *error, size_t error_len)
{
	const struct job *job = line->job;
	char path[TEXT_MAX];
	struct journal_batch batch = {
		.lot = job->lot,
		.product = job->product,
		.hw_rev = job->hw_rev,
		.work_order = job->work_order,
		.quantity = job->quantity,
		.job = { job->bytes, job->len },
		/* A file may have any octets for a name. */
		.job_path = text_wrong(job->path, TEXT_MAX - 1)
				    ? log_escape(path, sizeof(path), job->path, strlen(job->path))
				    : job->path,
		.software = line->o.software,
		.policy = line->o.policy->name,
		.operator= line->o.operator,
		.seed = line->o.seed,
		.clock_ok = line->o.clock_ok,
		.test = job->test,
		.at_us = line_utc_us(line),
	};

	memcpy(batch.job_sha256, job->sha256, 32);
	if (journal_begin(line->o.journal, &batch, &line->start, units_resume, line, error, error_len) != 0)
		return -MR_CAUSE_JOURNAL_UNAVAILABLE;
	line->next_unit = line->start.next_unit;
	line->next_attempt = line->start.next_attempt;
	line->next_txn = line->start.next_transaction;
	/* A long past of the pool is passed by now, not when the first device waits. */
	if (job_has_step(job, JOB_IDENTITY))
		(void)identity_next_serial(line);
	return 0;
}

static int prepare_station(struct line *line, char *error, size_t error_len)
{
	const struct job *job = line->job;
	struct action_station *s = &line->station;
	uint8_t hash[32];

	s->agree = identity_agree;
	s->agree_ctx = line->o.identity;
	s->public_key = identity_station_public(line->o.identity);
	s->batch_key = identity_batch_key(line->o.identity);
	s->lease_s = (uint16_t)(job->lease_us / 1000000);
	memcpy(s->mac, line->o.radios[0]->caps.mac, 6);
	if (!mr_sha256(s->public_key, 32, hash)) {
		snprintf(error, error_len, "SHA-256 is not available from OpenSSL");
		return -MR_CAUSE_CRYPTO_FAILED;
	}
	memcpy(s->station_id, hash, 8);
	mr_batch_keys(s->batch_key, s->call_key, s->batch_tag);
	/* Grows over restarts too: devices ignore calls older than the last one they heard. */
	line->call_counter = loop_utc_us(line->loop);
	line->profile = job_profile(job);
	for (size_t i = 0; i < job->recipe_len; i++)
		if (job->recipe[i] == JOB_CREDENTIALS && job->security != MR_SECURITY_OPEN)
			return job_passphrase(job, line->passphrase, error, error_len);
	return 0;
}

static int begin_voice(struct line *line, const struct method_ops *ops, char *error, size_t error_len)
{
	struct voice *v = &line->voices[line->voice_count];

	assert(line->voice_count < VOICES_MAX);
	v->ops = ops;
	line->voice_count++;
	return ops->begin ? ops->begin(line, &v->state, error, error_len) : 0;
}

/* The reaches of this run: that of the job's method. Those that a label may name instead share it. */
static int begin_methods(struct line *line, char *error, size_t error_len)
{
	const struct method *method = line->job->method;
	int result;

	assert(method && method->ops);
	if (method->hears & RADIO_HEAR_JOINS && joining_prepare(line) != 0) {
		snprintf(error, error_len, "no memory is left for the witness of joins");
		return -MR_CAUSE_NO_MEMORY;
	}
	result = begin_voice(line, method->ops, error, error_len);
	return result == 0 && method->cast ? begin_voice(line, method->cast, error, error_len) : result;
}

static void wire(struct line *line)
{
	line->watch_timer = (struct loop_timer){ .fn = on_watch, .ctx = line, .at_us = LOOP_NEVER };
	line->end_timer = (struct loop_timer){ .fn = on_end, .ctx = line, .at_us = LOOP_NEVER };
	line->hold_timer = (struct loop_timer){ .fn = on_hold, .ctx = line, .at_us = LOOP_NEVER };
	line->room = on_room;
	line->heard = on_heard;
	line->program = &recipe_program;
	tickets_init(&line->tickets, line->loop, line->o.journal, on_record_failed, on_record_refused, line);
}

int line_create(struct line **out, const struct line_options *options, char *error, size_t error_len)
{
	struct line *line = calloc(1, sizeof(*line));
	const struct job *job = options->job;
	int result;

	*out = NULL;
	if (!line)
		return -MR_CAUSE_NO_MEMORY;
	line->o = *options;
	line->job = job;
	line->loop = options->loop;
	wire(line);
	line->started_us = loop_now_us(line->loop);
	for (size_t i = 0; i < PHASE_COUNT; i++)
		line->think_us[i] = THINK_US;
	if (job_has_step(job, JOB_IDENTITY)) /* nobody else is given a number */
		line->serials = job->serial_file[0]
					? serial_pool_file(job->reach, job->serial_file, error, error_len)
					: serial_pool_pattern(job->serial_pattern, job->serial_first, error, error_len);
	result = line->serials || !job_has_step(job, JOB_IDENTITY) ? 0 : -MR_CAUSE_POOL_EMPTY;
	if (!result && job->expect_file[0])
		result = expected_load(&line->expected, job->reach, job->expect_file, error, error_len);
	if (!result)
		result = prepare_station(line, error, error_len);
	if (!result)
		result = begin_methods(line, error, error_len);
	if (!result)
		result = lanes_create(line, error, error_len);
	if (!result)
		result = begin(line, error, error_len);
	line->chains = result ? NULL : calloc(job->quantity + 1u, sizeof(*line->chains));
	if (!result && !line->chains) {
		snprintf(error, error_len, "no memory for %u devices; lower batch.quantity", job->quantity);
		result = -MR_CAUSE_NO_MEMORY;
	}
	if (result) {
		line_destroy(line);
		return result;
	}
	*out = line;
	return 0;
}

void line_start(struct line *line)
{
	uint64_t now_us = loop_now_us(line->loop);

	tickets_watch(&line->tickets);
	line->last_new_us = now_us;
	loop_at(line->loop, &line->watch_timer, now_us + LINE_WATCH_US);
	lanes_start(line);
}

void line_finish(struct line *line)
{
	struct line_summary sum;
	bool stopped = line->stopping || line->guard || line->held_up;

	if (journal_failed(line->o.journal))
		return;
	line_record_strangers(line);
	lanes_record(line);
	line_summarize(line, &sum);
	line_submit(line,
		    &(struct journal_record){
			    .kind = JOURNAL_BATCH_END,
			    .batch_end = { .state = stopped || line->settled < line->job->quantity ? "stopped" : "done",
					   .makespan_us = sum.makespan_us,
					   .lower_bound_us = sum.bound.bound_us,
					   .policy = line->o.policy->name,
					   .at_us = line_utc_us(line) } });
	(void)journal_wait(line->o.journal, line->tickets.last);
}

static void free_maps(struct line *line)
{
	struct map *const maps[] = { &line->by_device, &line->by_mac, &line->by_session,  &line->by_witness,
				     &line->pins,      &line->keys,   &line->stranger_map };

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		map_free(maps[i]);
}

void line_destroy(struct line *line)
{
	if (!line)
		return;
	orders_fail(line, LINE_REFUSED);
	line->ended = true;
	for (size_t i = 0; i < line->channel_count; i++)
		while (line->channels[i].sessions)
			session_destroy(line->channels[i].sessions);
	tickets_end(&line->tickets);
	loop_cancel(line->loop, &line->watch_timer);
	loop_cancel(line->loop, &line->end_timer);
	loop_cancel(line->loop, &line->hold_timer);
	lanes_end(line);
	for (size_t i = 0; i < line->unit_count; i++)
		unit_free(line->units[i]);
	line_free_strangers(line);
	for (size_t i = 0; i < line->voice_count; i++)
		if (line->voices[i].ops->end)
			line->voices[i].ops->end(line, line->voices[i].state);
	joining_end(line);
	free_maps(line);
	expected_free(&line->expected);
	if (line->serials)
		serial_pool_destroy(line->serials);
	free(line->units);
	free(line->chains);
	OPENSSL_cleanse(line, sizeof(*line));
	free(line);
}
