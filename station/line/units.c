#include "station/line/units.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "db/check.h"
#include "station/line/events.h"
#include "station/line/guards.h"

#define WATCH_US LINE_WATCH_US
#define REOPENED_MAX 2u	      /* chosen: what is heard may be somebody else in its place, and the run is to end */
#define UNHEARD_US 120000000u /* chosen: a radio has been on each channel by then, or never will be */
#define CALL_US 1000000u      /* devices that wait call about once in that time */
#define RETURNED UINT64_MAX   /* unit.return_by_us: called again, not yet out of the list */

bool unit_id_valid(const uint8_t device_id[static 8], const uint8_t mac[static 6])
{
	static const uint8_t zeros[8], ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return !(mac[0] & 1) && !mr_equal(mac, zeros, 6) && !mr_equal(device_id, zeros, 8) &&
	       !mr_equal(device_id, ones, 8);
}

/* IEEE 802 EUI-64 of the address: what a device goes by that does not say its own id, or not yet. */
void unit_id_of_mac(const uint8_t mac[static 6], uint8_t id[static 8])
{
	memcpy(id, mac, 3);
	id[3] = 0xff;
	id[4] = 0xfe;
	memcpy(id + 5, mac + 3, 3);
}

/* NULL: no memory. It has no number and no address yet. */
static struct unit *unit_new(struct line *line, const uint8_t device_id[static 8])
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
	assert(line->unit_count < line->unit_room);
	u = calloc(1, sizeof(*u));
	if (!u || !map_put(&line->by_device, map_key_octets(device_id), u)) {
		free(u);
		return NULL;
	}
	memcpy(u->device_id, device_id, 8);
	u->method = line->job->method;
	line->units[line->unit_count++] = u;
	return u;
}

struct unit *unit_meet(struct line *line, const uint8_t device_id[static 8], const uint8_t mac[static 6])
{
	struct unit *u = unit_new(line, device_id);

	if (!u)
		return NULL;
	u->id = line->next_unit++;
	memcpy(u->mac, mac, 6);
	(void)map_put(&line->by_mac, map_key_mac(mac), u);
	return u;
}

bool unit_rename(struct line *line, struct unit *u, const uint8_t device_id[static 8])
{
	assert(!u->on_record);
	map_remove(&line->by_device, map_key_octets(u->device_id));
	memcpy(u->device_id, device_id, 8);
	return map_put(&line->by_device, map_key_octets(device_id), u);
}

void unit_forget(struct unit *u)
{
	if (u->method->ops->forget)
		u->method->ops->forget(u);
	assert(!u->way);
}

void unit_free(struct unit *u)
{
	unit_forget(u);
	free(u->certificate);
	free(u);
}

/* --- what the record has of it --- */

static void take_secrets(struct unit *u, const struct journal_resume *r)
{
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
}

/* A unit of this batch: outcomes of earlier sessions stay; what was only begun is to go on. */
static void take_state(struct line *line, struct unit *u)
{
	line->seen++;
	line->named++;
	if ((u->state != UNIT_PASSED && u->state != UNIT_FAILED && u->state != UNIT_QUARANTINED) ||
	    unit_is_unanswered(u)) {
		unit_absent(line, u, line->job->lease_us + LINE_RECALL_US);
		return;
	}
	u->settled = true;
	line->settled++;
	line->passed += u->state == UNIT_PASSED;
	line->failed += u->state == UNIT_FAILED;
	line->quarantined += u->state == UNIT_QUARANTINED;
}

void units_resume(void *ctx, const struct journal_resume *r)
{
	struct line *line = ctx;
	uint8_t id[8];
	struct unit *u;

	if (r->agentless)
		unit_id_of_mac(r->mac, id);
	else
		memcpy(id, r->device_id, 8);
	u = unit_new(line, id);
	if (!u)
		return;
	u->id = r->unit;
	memcpy(u->mac, r->mac, 6);
	(void)map_put(&line->by_mac, map_key_mac(u->mac), u);
	u->state = r->state;
	u->attempts = r->attempts;
	u->counted = r->counted;
	u->device_faults = r->device_faults;
	u->identity_txn = r->identity_txn;
	u->credentials_txn = r->same_batch && r->credentials_phase == PHASE_COMMITTED ? r->credentials_txn : 0;
	u->earlier_credentials_txn = r->credentials_phase == PHASE_COMMITTED ? r->credentials_txn : 0;
	u->seal_txn = r->seal_txn;
	u->seal_asked = r->seal_txn && r->seal_phase != PHASE_INTENT;
	u->on_record = true;
	u->same_batch = r->same_batch;
	u->has_certificate = r->has_certificate;
	u->has_receipt = r->has_receipt;
	u->pin_shown[0] = r->pin_shown[0];
	u->pin_shown[1] = r->pin_shown[1];
	u->next_kind = r->attempts ? ATTEMPT_RESUME : ATTEMPT_FIRST;
	take_secrets(u, r);
	if (u->has_certificate)
		(void)map_put(&line->keys, map_key_octets(u->spki_sha256), u);
	if (u->same_batch)
		take_state(line, u);
}

/* A unit of another lot, as the record has it; NULL: there is none. */
static struct unit *recall(struct line *line, enum journal_find by, const void *key, size_t len)
{
	int64_t number = journal_find(line->o.journal, by, key, len);
	size_t before = line->unit_count;

	if (number <= 0)
		return NULL;
	for (size_t i = 0; i < line->unit_count; i++)
		if (line->units[i]->id == number)
			return line->units[i];
	if (journal_read(line->o.journal, number, units_resume, line) != 0)
		return NULL;
	return line->unit_count > before ? line->units[before] : NULL;
}

struct unit *unit_of_id(struct line *line, const uint8_t device_id[static 8])
{
	struct unit *u = map_get(&line->by_device, map_key_octets(device_id));
	uint8_t mac[6], id[8];

	if (!u)
		u = recall(line, JOURNAL_BY_DEVICE_ID, device_id, 8);
	if (u)
		return u;
	/* Units that have none go by their address. */
	memcpy(mac, device_id, 3);
	memcpy(mac + 3, device_id + 5, 3);
	unit_id_of_mac(mac, id);
	u = mr_equal(id, device_id, 8) ? unit_of_mac(line, mac) : NULL;
	return u && mr_equal(u->device_id, device_id, 8) ? u : NULL;
}

struct unit *unit_of_mac(struct line *line, const uint8_t mac[static 6])
{
	struct unit *u = map_get(&line->by_mac, map_key_mac(mac));

	return u ? u : recall(line, JOURNAL_BY_MAC, mac, 6);
}

struct unit *unit_of_serial(struct line *line, const char *serial)
{
	for (size_t i = 0; i < line->unit_count; i++)
		if (strcmp(line->units[i]->serial, serial) == 0)
			return line->units[i];
	return recall(line, JOURNAL_BY_SERIAL, serial, strlen(serial));
}

bool unit_key_taken(const struct line *line, const struct unit *u, const uint8_t spki[static 32])
{
	const struct unit *other = map_get(&line->keys, map_key_octets(spki));
	int64_t number = other ? other->id : journal_find(line->o.journal, JOURNAL_BY_PUBLIC_KEY, spki, 32);

	return number > 0 && number != u->id;
}

/* What is the unit's own in an event is filled in. */
static void unit_event(struct line *line, const struct unit *u, struct line_event e)
{
	e.unit = u->id;
	e.serial = u->serial;
	memcpy(e.mac, u->mac, 6);
	e.rssi_dbm = u->rssi_dbm;
	line_event(line, &e);
}

/* It is one of this batch's from now on: it has said who it is, or something has become of it. */
static void join_batch(struct line *line, struct unit *u, uint16_t freq_mhz)
{
	if (u->same_batch)
		return;
	u->same_batch = true;
	line->seen++;
	line->named += !u->unnamed;
	line->last_new_us = loop_now_us(line->loop);
	unit_event(line, u, (struct line_event){ .kind = LINE_UNIT_SEEN, .freq_mhz = freq_mhz });
}

void unit_greet(struct line *line, struct unit *u, const struct radio_rx *rx)
{
	uint64_t now_us = loop_now_us(line->loop);

	u->first_heard_us = now_us;
	u->release_us = line->o.release_us ? line->o.release_us(line->o.ctx, u->device_id) : now_us;
	if (u->release_us == UINT64_MAX) /* by its provisional id: it will say who it is */
		u->release_us = now_us;
	if (!u->unnamed)
		join_batch(line, u, rx->freq_mhz);
}

/* --- who is awaited --- */

static unsigned *absent_at(struct line *line, struct unit *u) { return u->home ? &u->home->absent : &line->homeless; }

void unit_absent(struct line *line, struct unit *u, uint64_t by_us)
{
	assert(by_us != 0 && by_us != RETURNED);
	if (u->return_by_us == RETURNED || u->return_by_us == 0)
		++*absent_at(line, u);
	if (u->return_by_us == 0) { /* else it is still in the list */
		u->next_absent = line->absent;
		line->absent = u;
	}
	u->absent_us = loop_now_us(line->loop);
	u->return_by_us = by_us;
}

/* Its place in the list is cleared by the next look at the list. */
void unit_returned(struct line *line, struct unit *u)
{
	if (u->return_by_us == 0 || u->return_by_us == RETURNED)
		return;
	assert(*absent_at(line, u) > 0);
	u->return_by_us = RETURNED;
	--*absent_at(line, u);
}

void unit_unqueue(struct unit *u)
{
	struct channel *home = u->home;
	struct unit **at = home ? &home->waiting : NULL, *before = NULL;

	if (!u->waiting)
		return;
	assert(home && home->waiting_count > 0);
	for (; *at != u; at = &(*at)->next_waiting)
		before = *at;
	*at = u->next_waiting;
	if (home->waiting_tail == u)
		home->waiting_tail = before;
	home->waiting_count--;
	u->waiting = false;
	u->next_waiting = NULL;
}

void unit_take(struct line *line, struct unit *u)
{
	assert(!u->session && !u->alias);
	unit_returned(line, u);
	unit_unqueue(u);
}

bool unit_asks_again(const struct unit *u) { return u->settled && u->state == UNIT_PASSED && u->has_receipt; }

bool unit_is_unanswered(const struct unit *u) { return u->state == UNIT_FAILED && u->seal_asked && !u->has_receipt; }

bool unit_reopen(struct line *line, struct unit *u)
{
	if (!u->settled || !unit_is_unanswered(u) || u->reopened >= REOPENED_MAX || !units_admitted(line))
		return false;
	unit_unsettle(line, u);
	u->state = UNIT_SEEN;
	u->next_kind = ATTEMPT_RESUME;
	u->handshakes_failed = 0;
	u->reopened++;
	line->retries++;
	unit_record_state(line, u, UNIT_SEEN, 0);
	unit_event(line, u,
		   (struct line_event){ .kind = LINE_UNIT_STATE,
					.attempt = u->attempts,
					.state = UNIT_SEEN,
					.cause = u->last_cause,
					.moved = true });
	unit_absent(line, u, loop_now_us(line->loop) + line->job->lease_us + LINE_RECALL_US);
	return true;
}

/* A unit that left in mid-recipe and did not call again in time. */
static void give_up(struct line *line, struct unit *u)
{
	int cause = unit_cause(u, u->last_cause ? u->last_cause : MR_CAUSE_NO_ANSWER);

	u->prescribed_us += line->job->lease_us;
	unit_record_state(line, u, UNIT_FAILED, cause);
	unit_settle(line, u, UNIT_FAILED, cause);
}

/* No radio has been on its channel since: that it is not heard is no silence of its own. */
static bool nobody_listens(const struct unit *u, uint64_t now_us)
{
	return u->home && !u->home->lane && u->home->left_us < u->absent_us + CALL_US &&
	       now_us < u->absent_us + UNHEARD_US;
}

void units_look(struct line *line, uint64_t now_us)
{
	bool deaf = !line->draining && !units_admitted(line); /* full: nobody is called, so nobody can come in time */

	for (struct unit **at = &line->absent; *at;) {
		struct unit *u = *at;

		if (u->return_by_us != RETURNED && (deaf || nobody_listens(u, now_us)))
			u->return_by_us += WATCH_US;
		/* Called, but was never invited while others had their turn: that is no silence of its own. */
		if (u->return_by_us != RETURNED && u->attempts == 0 && line->session_count > 0 &&
		    now_us >= u->return_by_us)
			u->return_by_us = now_us + LINE_RECALL_US;
		if (u->return_by_us != RETURNED && now_us < u->return_by_us) {
			at = &u->next_absent;
			continue;
		}
		*at = u->next_absent;
		u->next_absent = NULL;
		if (u->return_by_us != RETURNED) {
			unit_returned(line, u);
			give_up(line, u);
		}
		u->return_by_us = 0;
	}
}

/* --- what became of it --- */

void unit_shares_address(struct line *line, struct unit *u, const struct radio_rx *rx)
{
	line_stranger(line, u->mac, rx, mr_cause_name(MR_CAUSE_DUPLICATE_ADDRESS));
	u->shared_address = true;
}

int unit_cause(const struct unit *u, int cause)
{
	bool air = mr_cause_class(cause) == MR_CLASS_AIR || cause == MR_CAUSE_DEVICE_RESTARTED;

	return u->shared_address && air ? MR_CAUSE_DUPLICATE_ADDRESS : cause;
}

static void count(struct line *line, enum journal_unit_state state, int by)
{
	unsigned *of = state == UNIT_PASSED	   ? &line->passed
		       : state == UNIT_FAILED	   ? &line->failed
		       : state == UNIT_QUARANTINED ? &line->quarantined
		       : state == UNIT_HELD	   ? &line->held
						   : NULL;

	assert(of && (by > 0 || (*of > 0 && line->settled > 0)));
	*of += (unsigned)by;
	line->settled += (unsigned)by;
}

const char *unit_state_name(enum journal_unit_state state)
{
	static const char *const names[] = { "expected", "seen", "active", "passed", "failed", "quarantined", "held" };

	assert((size_t)state < sizeof(names) / sizeof(names[0]));
	return names[state];
}

/* The outcome, for the log. */
static void tell(const struct line *line, const struct unit *u, enum journal_unit_state state, int cause)
{
	struct log_tag tag = { .log = line->o.log, .place = u->home ? &u->home->place : NULL };

	memcpy(tag.mac, u->mac, 6);
	log_write(&tag, LOG_LINE, LOG_INFO, "unit %lld %s, attempt %u: %s%s%s", (long long)u->id,
		  u->serial[0] ? u->serial : "without a serial number", u->attempts, unit_state_name(state),
		  cause ? ", " : "", cause ? mr_cause_name(cause) : "");
}

void unit_settle(struct line *line, struct unit *u, enum journal_unit_state state, int cause)
{
	uint64_t now_us = loop_now_us(line->loop);
	bool bad = state == UNIT_FAILED || state == UNIT_QUARANTINED;

	assert(!u->settled && !u->alias);
	join_batch(line, u, u->home ? u->home->freq_mhz : 0);
	tell(line, u, state, cause);
	unit_returned(line, u);
	unit_unqueue(u);
	u->settled = true;
	u->state = state;
	u->last_cause = cause;
	u->outcome_us = now_us;
	if (!u->unnamed)
		line->last_outcome_us = now_us;
	unit_forget(u);
	count(line, state, 1);
	unit_event(line, u,
		   (struct line_event){ .kind = LINE_UNIT_STATE,
					.attempt = u->attempts,
					.state = state,
					.cause = cause,
					.duration_us = now_us - u->first_heard_us });
	/* What a person puts aside says nothing about the line, nor does what strangers do. */
	if (mr_cause_class(cause) != MR_CLASS_OPERATOR && !u->unnamed)
		guard_outcome(line, bad);
}

void unit_unsettle(struct line *line, struct unit *u)
{
	if (!u->settled)
		return;
	u->settled = false;
	u->outcome_us = 0;
	count(line, u->state, -1);
}

static void copy_text(char *out, size_t cap, const struct mr_message *m, enum mr_attribute id)
{
	size_t len = m && m->has[id] ? m->value[id].left : 0;

	(void)log_escape(out, cap, len ? m->value[id].at : NULL, len);
}

/* It has said who it is. */
static void unit_named(struct line *line, struct unit *u)
{
	if (!u->unnamed)
		return;
	u->unnamed = false;
	line->named += u->same_batch;
	join_batch(line, u, u->home ? u->home->freq_mhz : 0);
}

bool unit_record(struct line *line, struct unit *u, const struct mr_message *m)
{
	char product[132], hw_rev[68], firmware[132];
	struct journal_record r = { .kind = JOURNAL_UNIT };

	if (u->on_record)
		return true;
	copy_text(product, sizeof(product), m, MR_AT_PRODUCT);
	copy_text(hw_rev, sizeof(hw_rev), m, MR_AT_HW_REV);
	copy_text(firmware, sizeof(firmware), m, MR_AT_FIRMWARE);
	r.unit = (struct journal_unit){
		.unit = u->id, .product = product, .hw_rev = hw_rev, .firmware = firmware, .at_us = line_utc_us(line)
	};
	r.unit.agentless = u->method->flags & METHOD_NO_REQUESTS;
	if (!r.unit.agentless)
		memcpy(r.unit.device_id, u->device_id, 8);
	memcpy(r.unit.mac, u->mac, 6);
	if (journal_check(&r)) {
		log_write(LOG_STATION(line->o.log), LOG_JOURNAL, LOG_ERROR, "a device is refused: %s",
			  journal_check(&r));
		return false;
	}
	line_submit(line, &r);
	u->on_record = true;
	unit_named(line, u);
	return true;
}

void unit_record_state(struct line *line, struct unit *u, enum journal_unit_state state, int cause)
{
	/* It has not said yet who it is: that it was there, and why it was refused, is all that is known. */
	if (!u->on_record && (u->unnamed || !unit_record(line, u, NULL))) {
		line_stranger(
			line, u->mac,
			&(struct radio_rx){ .freq_mhz = u->home ? u->home->freq_mhz : 0, .rssi_dbm = u->rssi_dbm },
			mr_cause_name(cause));
		return;
	}
	line_submit(line, &(struct journal_record){ .kind = JOURNAL_UNIT_STATE,
						    .unit_state = { .unit = u->id,
								    .state = state,
								    .cause = line_cause(cause),
								    .at_us = line_utc_us(line) } });
}

/* --- how many are expected --- */

static bool admits(const struct line *line) { return !line->ended && !line->draining && !line->control.paused; }

bool units_admitted(const struct line *line) { return admits(line) && line->session_count < line->job->max_in_flight; }

bool units_room_for(const struct line *line, const struct unit *u)
{
	const unsigned costs_no_air = METHOD_BROADCAST | METHOD_NO_REQUESTS;

	return (u->method->flags & costs_no_air) == costs_no_air ? admits(line) : units_admitted(line);
}

bool units_pending(const struct line *line)
{
	for (size_t i = 0; i < line->unit_count; i++) {
		const struct unit *u = line->units[i];

		if (u->unnamed && !u->settled && (u->session || u->waiting || u->return_by_us != 0))
			return true;
	}
	return false;
}

double units_unheard(const struct line *line, const struct channel *channel)
{
	double fresh = line->job->quantity > line->named ? (double)(line->job->quantity - line->named) : 0;

	if (line->draining || line->control.paused)
		return 0;
	return (fresh + line->homeless) / (double)line->channel_count + channel->absent + channel->waiting_count;
}
