#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "agent/port/crypto.h"
#include "station/line/internal.h"

#define COMMIT_US 5000u	    /* virtual clock: a group commit every so often; a disk's fsync is 2 to 20 ms */
#define WATCH_US 250000u    /* housekeeping: absent units, queued callers, the end */
#define RETURNED UINT64_MAX /* unit.return_by_us: called again, not yet out of the list */
#define RECALL_US 10000000u /* what a unit has beyond its lease to call again */

int64_t line_utc_us(const struct line *line) { return (int64_t)loop_utc_us(line->loop); }

struct journal_cause line_cause(int cause)
{
	return (struct journal_cause){ cause, mr_cause_name(cause), mr_cause_class_name(mr_cause_class(cause)) };
}

void line_event(struct line *line, const struct line_event *event)
{
	struct line_event e = *event;

	e.now_us = loop_now_us(line->loop) - line->started_us;
	if (!e.serial)
		e.serial = "";
	if (line->o.event)
		line->o.event(line->o.ctx, &e);
}

struct unit *line_unit(struct line *line, const uint8_t device_id[static 8])
{
	return map_get(&line->by_device, map_key_octets(device_id));
}

void line_hold(struct line *line, int cause, const char *detail)
{
	if (line->held_up)
		return;
	line->held_up = true;
	line->draining = true;
	line->control.run_us = loop_now_us(line->loop);
	line->control.hold_cause = cause;
	snprintf(line->control.hold_detail, sizeof(line->control.hold_detail), "%s", detail);
	log_write(LOG_STATION(line->o.log), LOG_LINE, LOG_ERROR, "%s: %s", mr_cause_name(cause), detail);
	line_event(line, &(struct line_event){ .kind = LINE_HOLD, .cause = cause, .detail = detail });
	/* Without a record nothing goes on: the sessions end as if the power had gone, from outside their own calls. */
	if (cause == MR_CAUSE_JOURNAL_UNAVAILABLE)
		loop_at(line->loop, &line->hold_timer, loop_now_us(line->loop));
	line_check_end(line);
}

uint64_t line_submit(struct line *line, const struct journal_record *record)
{
	uint64_t ticket = journal_submit(line->o.journal, record);

	if (ticket == 0) {
		const char *why = journal_failed(line->o.journal);

		line_hold(line, MR_CAUSE_JOURNAL_UNAVAILABLE,
			  why ? why : mr_cause_remedy(MR_CAUSE_JOURNAL_UNAVAILABLE));
		return line->ticket;
	}
	line->ticket = ticket;
	return ticket;
}

/* --- durability: sessions wait in ticket order, which is the order in which they came --- */

static void go_on(struct line *line, uint64_t durable)
{
	for (;;) {
		struct session *s = line->tickets;

		/* An order takes effect in its place, and may end sessions of this list. */
		orders_durable(line, s && s->ticket <= durable ? s->ticket : durable);
		s = line->tickets;
		if (!s || s->ticket > durable) {
			orders_durable(line, durable);
			return;
		}
		line->tickets = s->next_ticket;
		if (!line->tickets)
			line->tickets_tail = NULL;
		s->next_ticket = NULL;
		s->ticket = 0;
		recipe_durable(s);
	}
}

static void on_ticket_timer(void *ctx, uint64_t now_us)
{
	struct line *line = ctx;
	const char *why;

	if (!loop_is_virtual(line->loop)) {
		go_on(line, journal_durable(line->o.journal));
		return;
	}
	/* Virtual time stands still while the disk works, so the order of events does not depend on the disk. */
	if ((line->tickets || line->control.orders) && journal_wait(line->o.journal, line->ticket) != 0) {
		why = journal_failed(line->o.journal);
		orders_fail(line, LINE_NO_RECORD);
		line_hold(line, MR_CAUSE_JOURNAL_UNAVAILABLE, why ? why : "the journal has stopped");
		return;
	}
	go_on(line, line->ticket);
	if (line->tickets || line->control.orders)
		loop_at(line->loop, &line->ticket_timer, now_us + COMMIT_US);
}

static void on_journal(void *ctx, uint32_t events)
{
	struct line *line = ctx;
	const char *why = journal_failed(line->o.journal);
	uint64_t n;

	(void)events;
	(void)!read(journal_fd(line->o.journal), &n, sizeof(n));
	go_on(line, journal_durable(line->o.journal));
	if (why) {
		orders_fail(line, LINE_NO_RECORD);
		line_hold(line, MR_CAUSE_JOURNAL_UNAVAILABLE, why);
	}
}

/*
 * Commits fall on multiples of COMMIT_US in virtual time: whoever comes in between shares the next one. In real time
 * the journal tells when it has written; nothing more comes from it for what it wrote before somebody waited.
 */
void line_await_commit(struct line *line)
{
	uint64_t now_us = loop_now_us(line->loop);

	if (line->ticket_timer.slot != 0)
		return;
	if (loop_is_virtual(line->loop))
		loop_at(line->loop, &line->ticket_timer, (now_us / COMMIT_US + 2) * COMMIT_US);
	else if (journal_durable(line->o.journal) >= line->ticket)
		loop_at(line->loop, &line->ticket_timer, now_us);
}

void line_await(struct session *s)
{
	struct line *line = s->line;

	assert(!s->next_ticket && s->ticket == 0);
	s->ticket = line->ticket;
	s->wait_us = loop_now_us(line->loop);
	if (line->tickets_tail)
		line->tickets_tail->next_ticket = s;
	else
		line->tickets = s;
	line->tickets_tail = s;
	line_await_commit(line);
}

void line_forget_ticket(struct line *line, struct session *s)
{
	struct session *before = NULL;

	for (struct session *t = line->tickets; t; before = t, t = t->next_ticket)
		if (t == s) {
			if (before)
				before->next_ticket = s->next_ticket;
			else
				line->tickets = s->next_ticket;
			if (line->tickets_tail == s)
				line->tickets_tail = before;
			return;
		}
}

/* --- units --- */

static unsigned *absent_at(struct line *line, struct unit *unit)
{
	return unit->home ? &unit->home->absent : &line->homeless;
}

void line_absent(struct line *line, struct unit *unit, uint64_t by_us)
{
	if (unit->return_by_us == RETURNED || unit->return_by_us == 0)
		++*absent_at(line, unit);
	if (unit->return_by_us == 0) { /* else it is still in the list */
		unit->next_absent = line->absent;
		line->absent = unit;
	}
	unit->return_by_us = by_us;
}

/* It called again. Its place in the list is cleared by the next look at the list. */
void line_returned(struct line *line, struct unit *unit)
{
	if (unit->return_by_us == 0 || unit->return_by_us == RETURNED)
		return;
	unit->return_by_us = RETURNED;
	--*absent_at(line, unit);
}

void line_settle(struct line *line, struct unit *unit, enum journal_unit_state state, int cause)
{
	uint64_t now_us = loop_now_us(line->loop);
	bool bad = state == UNIT_FAILED || state == UNIT_QUARANTINED;

	assert(!unit->settled);
	unit->settled = true;
	unit->state = state;
	unit->last_cause = cause;
	unit->outcome_us = now_us;
	line->last_outcome_us = now_us;
	line->settled++;
	networks_forget(unit);
	line->passed += state == UNIT_PASSED;
	line->failed += state == UNIT_FAILED;
	line->quarantined += state == UNIT_QUARANTINED;
	line->held += state == UNIT_HELD;
	line_event(line, &(struct line_event){ .kind = LINE_UNIT_STATE,
					       .unit = unit->id,
					       .serial = unit->serial,
					       .mac = { unit->mac[0], unit->mac[1], unit->mac[2], unit->mac[3],
							unit->mac[4], unit->mac[5] },
					       .attempt = unit->attempts,
					       .state = state,
					       .cause = cause,
					       .rssi_dbm = unit->rssi_dbm,
					       .duration_us = now_us - unit->first_heard_us });
	if (mr_cause_class(cause) != MR_CLASS_OPERATOR) /* what a person puts aside says nothing about the line */
		guard_outcome(line, bad);
}

static void copy_text(char *out, size_t cap, const struct mr_message *m, enum mr_attribute id)
{
	size_t len = m && m->has[id] ? m->value[id].left : 0;

	(void)log_escape(out, cap, len ? m->value[id].at : NULL, len);
}

void line_record_unit(struct line *line, struct unit *unit, const struct mr_message *m)
{
	char product[132], hw_rev[68], firmware[132];
	struct journal_record r = { .kind = JOURNAL_UNIT };

	if (unit->on_record)
		return;
	copy_text(product, sizeof(product), m, MR_AT_PRODUCT);
	copy_text(hw_rev, sizeof(hw_rev), m, MR_AT_HW_REV);
	copy_text(firmware, sizeof(firmware), m, MR_AT_FIRMWARE);
	r.unit = (struct journal_unit){
		.unit = unit->id, .product = product, .hw_rev = hw_rev, .firmware = firmware, .at_us = line_utc_us(line)
	};
	memcpy(r.unit.device_id, unit->device_id, 8);
	memcpy(r.unit.mac, unit->mac, 6);
	line_submit(line, &r);
	unit->on_record = true;
}

void line_record_state(struct line *line, struct unit *unit, enum journal_unit_state state, int cause)
{
	/* Reached by its access point it has not said yet who it is: that it was there is all that is known. */
	if (!unit->on_record && unit->access) {
		line_refused(line, unit, mr_cause_name(cause));
		return;
	}
	line_record_unit(line, unit, NULL);
	line_submit(line, &(struct journal_record){ .kind = JOURNAL_UNIT_STATE,
						    .unit_state = { .unit = unit->id,
								    .state = state,
								    .cause = line_cause(cause),
								    .at_us = line_utc_us(line) } });
}

/* A unit that left in mid-recipe and did not call again in time. */
static void give_up(struct line *line, struct unit *unit)
{
	int cause = unit->last_cause ? unit->last_cause : MR_CAUSE_NO_ANSWER;

	unit->prescribed_us += line->job->lease_us;
	line_record_state(line, unit, UNIT_FAILED, cause);
	line_settle(line, unit, UNIT_FAILED, cause);
}

static void on_watch(void *ctx, uint64_t now_us)
{
	struct line *line = ctx;
	bool deaf = !line->draining && !admission_open(line); /* full: nobody is called, so nobody can come in time */

	for (struct unit **at = &line->absent; *at;) {
		struct unit *u = *at;

		if (deaf && u->return_by_us != RETURNED)
			u->return_by_us += WATCH_US;
		/* Called, but was never invited while others had their turn: that is no silence of its own. */
		if (u->return_by_us != RETURNED && u->attempts == 0 && line->session_count > 0 &&
		    now_us >= u->return_by_us)
			u->return_by_us = now_us + RECALL_US;
		if (u->return_by_us != RETURNED && now_us < u->return_by_us) {
			at = &u->next_absent;
			continue;
		}
		*at = u->next_absent;
		u->next_absent = NULL;
		if (u->return_by_us != RETURNED) {
			line_returned(line, u);
			give_up(line, u);
		}
		u->return_by_us = 0;
	}
	guard_disk(line, now_us);
	admission_fill(line);
	line_check_end(line);
	if (!line->ended)
		loop_at(line->loop, &line->watch_timer, now_us + WATCH_US);
}

void line_stranger(struct line *line, const uint8_t mac[static 6], const struct radio_rx *rx, const char *verdict)
{
	struct stranger *s = map_get(&line->stranger_map, map_key_mac(mac));
	uint64_t utc_us = loop_utc_us(line->loop);

	if (!s) {
		if (line->stranger_map.count >= 4096 || !(s = calloc(1, sizeof(*s))))
			return; /* a flood of made-up addresses is counted by the radio, not kept one by one */
		memcpy(s->mac, mac, 6);
		s->verdict = verdict;
		s->freq_mhz = rx->freq_mhz;
		s->rssi_dbm = rx->rssi_dbm;
		s->first_us = utc_us;
		if (!map_put(&line->stranger_map, map_key_mac(mac), s)) {
			free(s);
			return;
		}
		s->next = line->strangers;
		line->strangers = s;
		line_event(line, &(struct line_event){ .kind = LINE_STRANGER,
						       .detail = verdict,
						       .freq_mhz = rx->freq_mhz,
						       .rssi_dbm = rx->rssi_dbm,
						       .mac = { mac[0], mac[1], mac[2], mac[3], mac[4], mac[5] } });
	}
	s->count++;
	s->last_us = utc_us;
}

void line_refused(struct line *line, struct unit *u, const char *why)
{
	line_stranger(line, u->mac,
		      &(struct radio_rx){ .freq_mhz = u->home ? u->home->freq_mhz : 0, .rssi_dbm = u->rssi_dbm }, why);
}

/* --- the end --- */

static void on_hold(void *ctx, uint64_t now_us)
{
	(void)now_us;
	line_stop(ctx, true);
}

static void on_end(void *ctx, uint64_t now_us)
{
	struct line *line = ctx;

	(void)now_us;
	line->o.ended(line->o.ctx);
}

void line_check_end(struct line *line)
{
	uint64_t now_us = loop_now_us(line->loop);
	bool all_known = line->seen >= line->job->quantity;
	bool quiet = line->job->quiet_us != 0 && now_us >= line->last_new_us + line->job->quiet_us;

	if (line->ended || line->session_count > 0 || !control_may_end(line))
		return;
	if (!line->draining && (line->settled < line->seen || !(all_known || quiet)))
		return;
	line->ended = true;
	loop_cancel(line->loop, &line->watch_timer);
	loop_at(line->loop, &line->end_timer, now_us);
}

void line_stop(struct line *line, bool now)
{
	if (!line->stopping)
		line->control.run_us = loop_now_us(line->loop);
	line->stopping = line->draining = true;
	if (now)
		for (size_t i = 0; i < line->channel_count; i++)
			while (line->channels[i].sessions)
				session_abort(line->channels[i].sessions);
	line_check_end(line);
}

/* --- begin --- */

struct unit *line_unit_new(struct line *line, const uint8_t device_id[static 8])
{
	struct unit *u;

	if (line->unit_count == line->unit_room) {
		size_t room = line->unit_room ? line->unit_room * 2 : 256;
		struct unit **units = realloc(line->units, room * sizeof(struct unit *));

		if (!units)
			return NULL;
		line->units = units;
		line->unit_room = room;
	}
	u = calloc(1, sizeof(*u));
	if (!u || !map_put(&line->by_device, map_key_octets(device_id), u)) {
		free(u);
		return NULL;
	}
	memcpy(u->device_id, device_id, 8);
	line->units[line->unit_count++] = u;
	return u;
}

static void on_resume(void *ctx, const struct journal_resume *r)
{
	struct line *line = ctx;
	struct unit *u = line_unit_new(line, r->device_id);

	if (!u)
		return;
	u->id = r->unit;
	memcpy(u->mac, r->mac, 6);
	(void)map_put(&line->by_mac, map_key_mac(u->mac), u);
	u->state = r->state;
	u->attempts = r->attempts;
	u->counted = r->counted;
	u->identity_txn = r->identity_txn;
	u->credentials_txn = r->same_batch && r->credentials_phase == PHASE_COMMITTED ? r->credentials_txn : 0;
	u->seal_txn = r->seal_txn;
	u->on_record = true;
	u->same_batch = r->same_batch;
	u->has_certificate = r->has_certificate;
	u->has_receipt = r->has_receipt;
	u->next_kind = r->attempts ? ATTEMPT_RESUME : ATTEMPT_FIRST;
	memcpy(u->spki_sha256, r->spki_sha256, 32);
	if (r->serial)
		strncpy(u->serial, r->serial, sizeof(u->serial) - 1);
	if (r->certificate.len && r->certificate.len <= IDENTITY_CERT_MAX &&
	    (u->certificate = malloc(r->certificate.len))) {
		memcpy(u->certificate, r->certificate.at, r->certificate.len);
		u->certificate_len = (uint16_t)r->certificate.len;
	}
	if (r->pin_sealed.len <= sizeof(u->pin_sealed) && r->pin_salt.len == sizeof(u->pin_salt)) {
		memcpy(u->pin_sealed, r->pin_sealed.at, r->pin_sealed.len);
		u->pin_sealed_len = (uint8_t)r->pin_sealed.len;
		memcpy(u->pin_salt, r->pin_salt.at, sizeof(u->pin_salt));
		u->pin_iterations = r->pin_iterations;
	}
	if (u->has_certificate)
		(void)map_put(&line->keys, map_key_octets(u->spki_sha256), u);

	if (u->same_batch) {
		line->seen++;
		/* Outcomes of earlier sessions stand; what was only begun is to go on. */
		if (u->state == UNIT_PASSED || u->state == UNIT_FAILED || u->state == UNIT_QUARANTINED) {
			u->settled = true;
			line->settled++;
			line->passed += u->state == UNIT_PASSED;
			line->failed += u->state == UNIT_FAILED;
			line->quarantined += u->state == UNIT_QUARANTINED;
		} else {
			line_absent(line, u, line->job->lease_us + RECALL_US);
		}
	}
}

static void on_serial(void *ctx, const char *serial) { serial_pool_mark_used(((struct line *)ctx)->serials, serial); }

static void on_pin(void *ctx, const uint8_t lookup[static 32])
{
	struct line *line = ctx;
	(void)map_put(&line->pins, map_key_octets(lookup), line);
}

static int begin(struct line *line, char *error, size_t error_len)
{
	const struct job *job = line->job;
	struct journal_batch batch = {
		.lot = job->lot,
		.product = job->product,
		.hw_rev = job->hw_rev,
		.work_order = job->work_order,
		.quantity = job->quantity,
		.job = { job->bytes, job->len },
		.job_path = job->path,
		.software = line->o.software,
		.policy = line->o.policy->name,
		.operator= line->o.operator,
		.seed = line->o.seed,
		.clock_ok = line->o.clock_ok,
		.test = job->test,
		.at_us = line_utc_us(line),
	};

	memcpy(batch.job_sha256, job->sha256, 32);
	if (journal_begin(line->o.journal, &batch, &line->start, on_resume, on_serial, on_pin, line, error,
			  error_len) != 0)
		return -MR_CAUSE_JOURNAL_UNAVAILABLE;
	line->next_unit = line->start.next_unit;
	line->next_attempt = line->start.next_attempt;
	line->next_txn = line->start.next_transaction;
	return 0;
}

static int prepare_station(struct line *line, char *error, size_t error_len)
{
	const struct job *job = line->job;
	struct action_station *s = &line->station;
	uint8_t hash[32];

	s->private_key = identity_station_private(line->o.identity);
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
	line->profile = (struct identity_profile){ .organization = job->organization[0] ? job->organization : NULL,
						   .common_name = job->product,
						   .validity_s = job->validity_s,
						   .subject_key_identifier = job->subject_key_identifier,
						   .hw_type_oid = job->hw_type_oid[0] ? job->hw_type_oid : NULL };
	for (size_t i = 0; i < job->recipe_len; i++)
		if (job->recipe[i] == JOB_CREDENTIALS && job->security != MR_SECURITY_OPEN)
			return job_passphrase(job, line->passphrase, error, error_len);
	return 0;
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
	line->ticket_timer = (struct loop_timer){ .fn = on_ticket_timer, .ctx = line, .at_us = LOOP_NEVER };
	line->watch_timer = (struct loop_timer){ .fn = on_watch, .ctx = line, .at_us = LOOP_NEVER };
	line->end_timer = (struct loop_timer){ .fn = on_end, .ctx = line, .at_us = LOOP_NEVER };
	line->hold_timer = (struct loop_timer){ .fn = on_hold, .ctx = line, .at_us = LOOP_NEVER };
	line->started_us = loop_now_us(line->loop);
	for (size_t i = 0; i < PHASE_COUNT; i++)
		line->think_us[i] = 150000;
	line->serials = job->serial_file[0]
				? serial_pool_file(job->serial_file, error, error_len)
				: serial_pool_pattern(job->serial_pattern, job->serial_first, error, error_len);
	result = line->serials ? 0 : -MR_CAUSE_POOL_EMPTY;
	if (!result && job->expect_file[0])
		result = expected_load(&line->expected, job->expect_file, error, error_len);
	if (!result)
		result = prepare_station(line, error, error_len);
	if (!result && job->method->flags & METHOD_DEVICE_AP)
		result = access_prepare(line, error, error_len);
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

	if (!loop_is_virtual(line->loop))
		(void)loop_watch(line->loop, journal_fd(line->o.journal), EPOLLIN, on_journal, line);
	line->last_new_us = now_us;
	loop_at(line->loop, &line->watch_timer, now_us + WATCH_US);
	lanes_start(line);
}

static void record_strangers(struct line *line)
{
	for (struct stranger *s = line->strangers, *next; s; s = next) {
		struct journal_record r = { .kind = JOURNAL_SIGHTING,
					    .sighting = { .freq_mhz = s->freq_mhz,
							  .rssi_dbm = s->rssi_dbm,
							  .verdict = s->verdict,
							  .count = s->count,
							  .first_us = (int64_t)s->first_us,
							  .last_us = (int64_t)s->last_us } };

		memcpy(r.sighting.mac, s->mac, 6);
		line_submit(line, &r);
		next = s->next;
		free(s);
	}
	line->strangers = NULL;
}

void line_finish(struct line *line)
{
	struct line_summary sum;
	bool stopped = line->stopping || line->guard || line->held_up;

	if (journal_failed(line->o.journal))
		return;
	record_strangers(line);
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
	(void)journal_wait(line->o.journal, line->ticket);
}

void line_destroy(struct line *line)
{
	if (!line)
		return;
	orders_fail(line, LINE_REFUSED);
	for (size_t i = 0; i < line->channel_count; i++)
		while (line->channels[i].sessions)
			session_destroy(line->channels[i].sessions);
	loop_cancel(line->loop, &line->ticket_timer);
	loop_cancel(line->loop, &line->watch_timer);
	loop_cancel(line->loop, &line->end_timer);
	loop_cancel(line->loop, &line->hold_timer);
	for (size_t i = 0; i < line->lane_count; i++)
		loop_cancel(line->loop, &line->lanes[i].timer);
	if (!loop_is_virtual(line->loop))
		loop_unwatch(line->loop, journal_fd(line->o.journal));
	for (size_t i = 0; i < line->unit_count; i++) {
		networks_forget(line->units[i]);
		free(line->units[i]->certificate);
		free(line->units[i]);
	}
	for (struct stranger *s = line->strangers, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	access_end(line);
	map_free(&line->by_device);
	map_free(&line->by_mac);
	map_free(&line->by_session);
	map_free(&line->by_bssid);
	map_free(&line->by_witness);
	map_free(&line->pins);
	map_free(&line->keys);
	map_free(&line->stranger_map);
	expected_free(&line->expected);
	if (line->serials)
		serial_pool_destroy(line->serials);
	free(line->units);
	free(line->lanes);
	free(line->chains);
	OPENSSL_cleanse(line, sizeof(*line));
	free(line);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct schedule_bound bound(const struct line *line)
{
	struct schedule_bound_unit *units = calloc(line->unit_count + 1, sizeof(*units));
	struct schedule_bound b = { 0 };
	size_t n = 0;

	if (!units)
		return b;
	for (size_t i = 0; i < line->unit_count; i++) {
		const struct unit *u = line->units[i];

		if (u->outcome_us == 0)
			continue;
		units[n++] = (struct schedule_bound_unit){ .release_us = u->release_us > line->started_us
										 ? u->release_us - line->started_us
										 : 0,
							   .chain_us = u->air_us + u->device_us + u->prescribed_us,
							   .air_us = u->air_us };
	}
	b = schedule_lower_bound(units, n, line->lane_count, line->channel_count);
	free(units);
	return b;
}

void line_summarize(const struct line *line, struct line_summary *out)
{
	*out = (struct line_summary){
		.lot = line->job->lot,
		.batch = line->start.batch,
		.quantity = line->job->quantity,
		.seen = line->seen,
		.passed = line->passed,
		.failed = line->failed,
		.quarantined = line->quarantined,
		.held = line->held,
		.unfinished = line->seen - line->settled,
		.in_flight = (unsigned)line->session_count,
		.missing = line->job->quantity > line->seen ? line->job->quantity - line->seen : 0,
		.strangers = (unsigned)line->stranger_map.count,
		.passed_before = line->start.passed,
		.first_pass = line->first_pass,
		.retries = line->retries,
		.makespan_us = line->last_outcome_us > line->started_us ? line->last_outcome_us - line->started_us : 0,
		.bound = bound(line),
		.consecutive_fail = line->consecutive_fail,
		.resumed = line->start.resumed,
		.stopped = line->stopping,
		.held_up = line->held_up,
		.policy = line->o.policy->name,
		.session_octets = line->session_octets,
		.frames = line->frames,
		.octets = line->octets,
		.failure = journal_failed(line->o.journal),
	};
	for (size_t i = 0; i < line->lane_count; i++)
		out->switches += line->lanes[i].switches;
	if (line->chain_count > 0) {
		uint64_t *sorted = malloc(line->chain_count * sizeof(*sorted));

		if (sorted) {
			memcpy(sorted, line->chains, line->chain_count * sizeof(*sorted));
			qsort(sorted, line->chain_count, sizeof(*sorted), by_value);
			out->chain_p50_us = sorted[line->chain_count / 2];
			out->chain_p95_us = sorted[line->chain_count * 95 / 100];
			free(sorted);
		}
	}
}
