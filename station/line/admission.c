/*
 * Who gets a session: devices that call are queued by channel, first come first served, and invited while the job's
 * max_in_flight allows.
 */
#include <stdlib.h>
#include <string.h>

#include "station/line/internal.h"

#define CALLS_REMEMBERED 1000u	/* a HELLO may be this many calls (of all radios) behind */
#define HELLO_FRESH_US 8000000u /* a device waits about 10 s for its invitation */

bool admission_open(const struct line *line)
{
	return !line->draining && !line->control.paused && line->session_count < line->job->max_in_flight;
}

double admission_unheard(const struct line *line, const struct channel *channel)
{
	double fresh = line->job->quantity > line->seen ? (double)(line->job->quantity - line->seen) : 0;

	if (line->draining || line->control.paused)
		return 0;
	return (fresh + line->homeless) / (double)line->channel_count + channel->absent + channel->waiting_count;
}

void admission_enqueue(struct unit *unit, struct channel *home)
{
	unit->waiting = true;
	unit->next_waiting = NULL;
	if (home->waiting_tail)
		home->waiting_tail->next_waiting = unit;
	else
		home->waiting = unit;
	home->waiting_tail = unit;
	home->waiting_count++;
}

static struct unit *dequeue(struct channel *home)
{
	struct unit *u = home->waiting;

	if (!u)
		return NULL;
	home->waiting = u->next_waiting;
	if (!home->waiting)
		home->waiting_tail = NULL;
	home->waiting_count--;
	u->waiting = false;
	return u;
}

static void fill_channel(struct line *line, struct channel *home)
{
	uint64_t now_us = loop_now_us(line->loop);
	struct unit *u;

	while (home->waiting && admission_open(line) && home->lane && home->lane->state == LANE_HERE) {
		struct channel *target;

		u = dequeue(home);
		if (u->settled || u->session)
			continue;
		if (u->access) {
			if (!access_session(line, u, home)) {
				line_hold(line, MR_CAUSE_NO_MEMORY, mr_cause_remedy(MR_CAUSE_NO_MEMORY));
				return;
			}
			continue;
		}
		target = lane_place(line, home);
		if (now_us > u->hello_us + HELLO_FRESH_US) { /* it will have given up waiting; it calls again */
			line_absent(line, u, now_us + HELLO_FRESH_US + line->job->lease_us);
			continue;
		}
		u->session = session_create(line, u, home, target == home ? 0 : target->freq_mhz);
		if (!u->session) {
			line_hold(line, MR_CAUSE_NO_MEMORY, mr_cause_remedy(MR_CAUSE_NO_MEMORY));
			return;
		}
	}
}

void admission_fill(struct line *line)
{
	for (size_t i = 0; i < line->channel_count; i++)
		fill_channel(line, &line->channels[i]);
}

static struct unit *newcomer(struct line *line, const struct mr_frame *frame, const struct radio_rx *rx)
{
	const uint8_t *mac = frame->header.sender;
	struct unit *u;

	static const uint8_t zeros[8], ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	/* The record takes no such identity, and one address stands for one unit. */
	if ((mac[0] & 1) || mr_equal(mac, zeros, 6) || mr_equal(frame->hello.device_id, zeros, 8) ||
	    mr_equal(frame->hello.device_id, ones, 8) || map_get(&line->by_mac, map_key_mac(mac))) {
		line_stranger(line, mac, rx, "bad-identity");
		return NULL;
	}
	if (rx->rssi_dbm < line->job->min_rssi_dbm) {
		line_stranger(line, mac, rx, "weak");
		return NULL;
	}
	if (line->job->expect_file[0] && !expected_has(&line->expected, frame->hello.device_id, mac)) {
		line_stranger(line, mac, rx, "not-expected");
		return NULL;
	}
	if (line->seen >= line->job->quantity) {
		line_stranger(line, mac, rx, "beyond-quantity");
		return NULL;
	}
	u = line_unit_new(line, frame->hello.device_id);
	if (!u)
		return NULL;
	u->id = line->next_unit++;
	(void)map_put(&line->by_mac, map_key_mac(mac), u);
	return u;
}

/* A unit of the database that this batch sees for the first time in this session. */
void admission_greet(struct line *line, struct unit *u, const struct radio_rx *rx)
{
	uint64_t now_us = loop_now_us(line->loop);

	u->first_heard_us = now_us;
	u->release_us = line->o.release_us ? line->o.release_us(line->o.ctx, u->device_id) : now_us;
	if (u->release_us == UINT64_MAX) /* by its provisional id: it will say who it is */
		u->release_us = now_us;
	if (!u->same_batch) {
		u->same_batch = true;
		line->seen++;
		line->last_new_us = now_us;
		line_event(line, &(struct line_event){
					 .kind = LINE_UNIT_SEEN,
					 .unit = u->id,
					 .serial = u->serial,
					 .mac = { u->mac[0], u->mac[1], u->mac[2], u->mac[3], u->mac[4], u->mac[5] },
					 .freq_mhz = rx->freq_mhz,
					 .rssi_dbm = rx->rssi_dbm });
	}
}

void admission_hello(struct line *line, struct lane *lane, const struct mr_frame *frame, const struct radio_rx *rx)
{
	const uint8_t *mac = frame->header.sender;
	struct unit *u;

	if (!mr_equal(frame->hello.batch_tag, line->station.batch_tag, 8) ||
	    !mr_frame_authentic(frame, line->station.call_key)) {
		line_stranger(line, mac, rx, "stranger");
		return;
	}
	/* An old HELLO, played again: anybody can send it. */
	if (frame->hello.counter > line->call_counter || frame->hello.counter + CALLS_REMEMBERED < line->call_counter) {
		line_stranger(line, mac, rx, "replayed");
		return;
	}
	lane->channel->window_answers++;
	u = line_unit(line, frame->hello.device_id);
	if (!u && !(u = newcomer(line, frame, rx)))
		return;
	if (u->first_heard_us == 0) {
		if (!u->on_record || u->same_batch)
			memcpy(u->mac, mac, 6);
		admission_greet(line, u, rx);
	}
	if (!mr_equal(u->mac, mac, 6)) {
		line_stranger(line, mac, rx, "duplicate-device");
		if (u->session)
			session_end(u->session, MR_CAUSE_DUPLICATE_DEVICE);
		else if (!u->settled) {
			line_record_state(line, u, UNIT_QUARANTINED, MR_CAUSE_DUPLICATE_DEVICE);
			line_settle(line, u, UNIT_QUARANTINED, MR_CAUSE_DUPLICATE_DEVICE);
		}
		return;
	}
	u->rssi_dbm = rx->rssi_dbm;
	if (u->session) {
		/* It answers a call that is younger than its session: it has forgotten the session. */
		if (frame->hello.counter <= u->session->call_counter)
			return;
		session_end(u->session, MR_CAUSE_DEVICE_RESTARTED);
		if (u->settled || u->session)
			return;
	}
	memcpy(u->hello_nonce, frame->hello.nonce, 8);
	u->hello_us = loop_now_us(line->loop);
	line_returned(line, u);
	if (u->settled && !(u->state == UNIT_PASSED && u->has_receipt))
		return; /* failed and quarantined units wait for a person; sealed ones are told again that they passed
			 */
	u->home = lane->channel;
	if (!u->waiting)
		admission_enqueue(u, lane->channel);
	fill_channel(line, lane->channel);
}
