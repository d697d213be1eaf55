#include "station/radio/monitor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "agent/wire/cause.h"
#include "agent/wire/channel.h"
#include "station/base/log.h"
#include "station/base/loop.h"
#include "station/radio/worker.h"
#include "station/radio/hearing.h"
#include "station/radio/quirks.h"

#define QUEUE_MAX 256
/* Frames that the driver has at a time: what an urgent frame may have to wait for. */
#define WINDOW 8
#define WINDOW_BULK 3
#define STATUS_TIMEOUT_US 250000
#define SILENT_MAX 3	   /* statuses missing in a row after which an adapter counts as wedged */
#define RETRY_SEND_US 2000 /* the driver's queue was full */
#define READ_MAX 256	   /* frames per turn of the loop */
#define HEALTH_US 1000000
#define SEEK_US 300000 /* a lost adapter is looked for this often */
#define FRAME_HEAD 24

enum state {
	HERE,
	DRAINING, /* a tune waits for the frames before it */
	MOVING,
	LEAVING, /* gone, not yet told */
	GONE,
};

struct slot {
	uint8_t frame[RADIO_FRAME_MAX];
	size_t len;
	struct radio_tx tx;
	uint64_t sent_us;
	bool acked;
	unsigned tries;
	struct slot *next;
};

struct list {
	struct slot *head, **tail;
};

struct monitor {
	struct radio radio;
	struct loop *loop;
	struct log_place place; /* its name, and where it is */
	struct log_tag tag;
	unsigned quirks;
	struct control control;
	struct setup at; /* the loop's own copy of its setup, as the last job left it */
	struct packet *packet;
	struct nl80211_events *events;
	int rfkill_fd;

	enum state state;
	bool hold; /* the rules have changed: nothing is sent before they are read */
	bool want_refresh, told_missing;
	uint16_t asked_mhz, drain_mhz; /* of the tune under way; where we are until it starts */
	struct list queue[3], in_flight, done, free;
	size_t in_flight_count;
	unsigned hear; /* enum radio_hear */
	struct radio_addresses own;
	bool own_due, own_changed; /* `acknowledging` is to be told; no job has been asked for this list yet */
	bool reports;		   /* has ever given a status */
	unsigned silent;
	struct radio_health health;
	uint64_t packet_dropped, packet_garbage; /* of the present packet, already in health */
	struct loop_timer tick, deliver, watch;
	struct slot *slots;
};

static struct monitor *of(const struct radio *radio) { return (struct monitor *)(uintptr_t)radio; }

/* --- lists of slots ----------------------------------------------------------------------------------------------- */

static void list_init(struct list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void list_add(struct list *list, struct slot *slot)
{
	slot->next = NULL;
	*list->tail = slot;
	list->tail = &slot->next;
}

static struct slot *list_remove(struct list *list, struct slot **at)
{
	struct slot *slot = *at;

	*at = slot->next;
	if (!*at)
		list->tail = at;
	return slot;
}

static struct slot *list_take(struct list *list) { return list->head ? list_remove(list, &list->head) : NULL; }

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* --- sending ------------------------------------------------------------------------------------------------------ */

static bool is_group(const struct slot *slot) { return slot->frame[4] & 1; }

static const struct radio_channel *channel_of(const struct radio *radio, uint16_t freq_mhz)
{
	for (size_t i = 0; i < radio->caps.channel_count; i++)
		if (radio->caps.channels[i].freq_mhz == freq_mhz)
			return &radio->caps.channels[i];
	return NULL;
}

static bool may_send(const struct radio *radio, uint16_t freq_mhz)
{
	const struct radio_channel *channel = channel_of(radio, freq_mhz);

	return channel && channel->flags == 0;
}

/* IEEE 802.11-2020 15.3.4 and 17.4.3: DSSS with the long preamble, or OFDM; FCS included. */
static uint32_t airtime_us(size_t len, uint8_t rate_500kbps, uint16_t freq_mhz)
{
	uint32_t bits = (uint32_t)(len + 4) * 8;

	if (rate_500kbps == 2 || rate_500kbps == 4 || rate_500kbps == 11 || rate_500kbps == 22)
		return 192 + (2 * bits + rate_500kbps - 1) / rate_500kbps;
	if (rate_500kbps == 0)
		return 0;
	return 20 + 4 * ((22 + bits + 2u * rate_500kbps - 1) / (2u * rate_500kbps)) +
	       (mr_band(freq_mhz) == MR_BAND_2GHZ ? 6 : 0);
}

static void deliver_soon(struct monitor *m) { loop_at(m->loop, &m->deliver, loop_now_us(m->loop)); }

/* 0: nowhere, or under way. */
static void set_freq(struct monitor *m, uint16_t freq_mhz)
{
	m->radio.freq_mhz = freq_mhz;
	m->place.channel = mr_mhz_to_channel(freq_mhz);
}

#define BIT(state) (1u << (state))

static void enter(struct monitor *m, enum state state, enum log_level level, const char *why, ...)
	__attribute__((format(printf, 4, 5)));

/* The only writer of `state`. */
static void enter(struct monitor *m, enum state state, enum log_level level, const char *why, ...)
{
	static const char *const names[] = {
		[HERE] = "here", [DRAINING] = "draining", [MOVING] = "moving", [LEAVING] = "leaving", [GONE] = "gone"
	};
	static const uint8_t follows[] = { [HERE] = BIT(DRAINING) | BIT(LEAVING),
					   [DRAINING] = BIT(MOVING) | BIT(LEAVING),
					   [MOVING] = BIT(HERE) | BIT(LEAVING),
					   [LEAVING] = BIT(GONE),
					   [GONE] = BIT(HERE) };
	va_list args;

	assert(follows[m->state] & BIT(state));
	va_start(args, why);
	log_vchange(&m->tag, LOG_RADIO, level, names[m->state], names[state], why, args);
	va_end(args);
	m->state = state;
}

static void leave(struct monitor *m, const char *why)
{
	if (m->state == LEAVING || m->state == GONE)
		return;
	enter(m, LEAVING, LOG_WARN, "gone: %s", why);
	set_freq(m, 0);
	deliver_soon(m);
}

static void finish(struct monitor *m, struct slot *slot, bool acked, unsigned tries)
{
	assert(!acked || tries > 0);
	slot->acked = acked;
	slot->tries = tries;
	if (tries == 0)
		m->health.dropped++;
	else if (!is_group(slot)) {
		m->health.acked += acked;
		m->health.unacked += !acked;
		m->health.retries += tries - 1;
	}
	list_add(&m->done, slot);
	deliver_soon(m);
}

static void drop_queue(struct monitor *m)
{
	struct slot *slot;

	for (size_t i = 0; i < 3; i++)
		while ((slot = list_take(&m->queue[i])))
			finish(m, slot, false, 0);
}

static struct list *next_queue(struct monitor *m)
{
	for (size_t i = 0; i < 3; i++)
		if (m->queue[i].head)
			return i == RADIO_BULK && m->in_flight_count >= WINDOW_BULK ? NULL : &m->queue[i];
	return NULL;
}

static void start_tune(struct monitor *m)
{
	if (m->control.runs || m->in_flight.head || next_queue(m))
		return;
	assert(m->state == DRAINING && m->asked_mhz != 0);
	m->state = MOVING;
	control_post(&m->control, CONTROL_TUNE, m->asked_mhz);
}

static bool is_cck(uint8_t rate_500kbps)
{
	return rate_500kbps == 2 || rate_500kbps == 4 || rate_500kbps == 11 || rate_500kbps == 22;
}

/* Gives the driver what it may have; no events from here. */
static void pump(struct monitor *m)
{
	uint16_t freq_mhz = m->state == DRAINING ? m->drain_mhz : m->radio.freq_mhz;
	/* The loop's time does not advance during a callback, and some callbacks take long. */
	uint64_t now_us = clock_us(), wait_us = UINT64_MAX;
	struct list *queue;

	if ((m->state != HERE && m->state != DRAINING) || m->hold)
		return;
	while (m->in_flight_count < WINDOW && (queue = next_queue(m))) {
		struct slot *slot = queue->head;
		uint8_t rate = slot->tx.rate_500kbps;
		int error;

		if (mr_band(freq_mhz) == MR_BAND_5GHZ && is_cck(rate))
			rate = 12; /* 5 GHz has no DSSS: its lowest rate is 6 Mb/s */
		error = packet_send(m->packet, mr_rd_over(slot->frame, slot->len), rate,
				    is_group(slot) ? 0 : slot->tx.retries);
		/* A tune that took the interfaces down and up again left an error on the socket; now it is told. */
		if (error == -EAGAIN || error == -ENOBUFS || (error == -ENETDOWN && !setup_has_fallen(&m->at))) {
			wait_us = RETRY_SEND_US;
			break;
		}
		if (error == -ENETDOWN || error == -ENXIO || error == -ENODEV) {
			leave(m, strerror(-error));
			return;
		}
		list_remove(queue, &queue->head);
		if (error < 0) {
			log_write(&m->tag, LOG_RADIO, LOG_WARN, "cannot send %zu octets: %s", slot->len,
				  strerror(-error));
			finish(m, slot, false, 0);
			continue;
		}
		m->health.sent++;
		m->health.airtime_us += airtime_us(slot->len, rate, freq_mhz);
		if (!radio_addresses_have(&m->own,
					  slot->frame + 10)) { /* in another's name: the filter knows no report */
			finish(m, slot, false, 1);
			continue;
		}
		slot->sent_us = now_us;
		list_add(&m->in_flight, slot);
		m->in_flight_count++;
	}
	assert(m->in_flight_count <= WINDOW && (m->in_flight.head == NULL) == (m->in_flight_count == 0));
	if (wait_us == UINT64_MAX && m->in_flight.head)
		wait_us = STATUS_TIMEOUT_US;
	if (wait_us == UINT64_MAX)
		loop_cancel(m->loop, &m->tick);
	else if (wait_us == RETRY_SEND_US || m->tick.slot == 0)
		loop_at(m->loop, &m->tick, loop_now_us(m->loop) + wait_us);
	if (m->state == DRAINING)
		start_tune(m);
}

static int monitor_send(struct radio *radio, struct mr_rd frame, const struct radio_tx *tx)
{
	struct monitor *m = of(radio);
	struct slot *slot;

	if (m->state != HERE || radio->freq_mhz == 0 || !may_send(radio, radio->freq_mhz))
		return -MR_CAUSE_RADIO_GONE;
	if (frame.left < FRAME_HEAD || frame.left > RADIO_FRAME_MAX)
		return -MR_CAUSE_BAD_REQUEST;
	slot = list_take(&m->free);
	if (!slot)
		return -MR_CAUSE_NO_MEMORY;
	mr_copy(slot->frame, frame.at, frame.left);
	slot->len = frame.left;
	slot->tx = *tx;
	list_add(&m->queue[tx->priority <= RADIO_BULK ? tx->priority : RADIO_BULK], slot);
	pump(m);
	return 0;
}

static int monitor_tune(struct radio *radio, uint16_t freq_mhz)
{
	struct monitor *m = of(radio);
	const struct radio_channel *channel = channel_of(radio, freq_mhz);

	if (m->state == LEAVING || m->state == GONE)
		return -MR_CAUSE_RADIO_GONE;
	if (m->asked_mhz != 0 || !channel || (channel->flags & RADIO_DISABLED))
		return -MR_CAUSE_BAD_REQUEST;
	m->asked_mhz = freq_mhz;
	m->drain_mhz = radio->freq_mhz;
	enter(m, DRAINING, LOG_DEBUG, "to channel %u, %zu frames are with the driver", mr_mhz_to_channel(freq_mhz),
	      m->in_flight_count);
	set_freq(m, 0);
	start_tune(m);
	return 0;
}

static int monitor_hear(struct radio *radio, unsigned hear)
{
	struct monitor *m = of(radio);

	/* One that is gone hears when it is back. */
	if (m->packet && packet_hear(m->packet, &m->own, hear) < 0)
		return -MR_CAUSE_NO_MEMORY;
	m->hear = hear;
	return 0;
}

/* Has the control thread see to the list of addresses, as soon as it is free. */
static void acknowledge_soon(struct monitor *m)
{
	if (!m->own_changed || m->control.runs)
		return;
	m->own_changed = false;
	m->control.own = m->own;
	control_post(&m->control, CONTROL_ACKNOWLEDGE, 0);
}

static int monitor_acknowledge(struct radio *radio, const uint8_t (*addresses)[6], size_t count)
{
	struct monitor *m = of(radio);
	struct radio_addresses own;

	if (m->state == LEAVING || m->state == GONE)
		return -MR_CAUSE_RADIO_GONE;
	assert(m->packet);
	if (count > 0 && count >= radio->caps.acknowledged_max)
		return -MR_CAUSE_UNSUPPORTED;
	radio_addresses_set(&own, radio->caps.mac, addresses, count);
	if (packet_hear(m->packet, &own, m->hear) < 0)
		return -MR_CAUSE_NO_MEMORY;
	m->own = own;
	m->own_due = m->own_changed = true;
	acknowledge_soon(m);
	return 0;
}

/* --- receiving ---------------------------------------------------------------------------------------------------- */

/* Frames of one receiver stay in order, so the oldest is meant when the driver renumbered them. */
static struct slot **match(struct monitor *m, const uint8_t *frame)
{
	struct slot **oldest = NULL;

	for (struct slot **at = &m->in_flight.head; *at; at = &(*at)->next) {
		if ((*at)->frame[0] != frame[0] || !mr_equal((*at)->frame + 4, frame + 4, 12))
			continue;
		if (mr_equal((*at)->frame + 22, frame + 22, 2))
			return at;
		if (!oldest)
			oldest = at;
	}
	return m->quirks & QUIRK_OWN_SEQUENCE ? oldest : NULL;
}

static void on_status_frame(struct monitor *m, const struct radiotap *about, const uint8_t *frame)
{
	struct slot **at = match(m, frame), *slot;

	m->reports = true;
	m->silent = 0;
	if (!at)
		return; /* reported after we had given it up */
	assert(m->in_flight_count > 0);
	slot = list_remove(&m->in_flight, at);
	m->in_flight_count--;
	finish(m, slot, !is_group(slot) && !about->failed, about->retries + 1u);
}

static void on_frame(void *ctx, const struct radiotap *about, struct mr_rd frame)
{
	struct monitor *m = ctx;
	uint16_t here_mhz = m->state == DRAINING ? m->drain_mhz : m->radio.freq_mhz;
	struct radio_rx rx = { .rssi_dbm = about->rssi_dbm, .rate_500kbps = about->rate_500kbps };

	if (frame.left < FRAME_HEAD) {
		m->health.garbage++;
		return;
	}
	if (radio_addresses_have(&m->own, frame.at + 10)) {
		if (about->status)
			on_status_frame(m, about, frame.at);
		return; /* or another of our radios, overheard */
	}
	if (about->status || m->state == LEAVING || m->state == GONE)
		return;
	/* Frames from before the filter was set. */
	if (!hearing_wants(&m->own, m->hear, frame))
		return;
	/* Before 6.9 the kernel also hands over what was heard on the channel of the start (K3). */
	rx.freq_mhz = about->freq_mhz ? about->freq_mhz : here_mhz;
	if (here_mhz == 0 || rx.freq_mhz != here_mhz)
		return;
	rx.time_us = loop_now_us(m->loop);
	m->health.received++;
	if (m->radio.events.received)
		m->radio.events.received(m->radio.events.ctx, &m->radio, frame, &rx);
}

/* Statuses that never came: the kernel dropped the frame silently, or the adapter is wedged. */
static void on_tick(void *ctx, uint64_t loop_us)
{
	struct monitor *m = ctx;
	uint64_t now_us = clock_us();

	(void)loop_us;
	/* Statuses that waited in the ring while the loop was busy are not late. */
	if (m->packet && !m->control.runs)
		(void)packet_read(m->packet, READ_MAX, on_frame, m);
	while (m->in_flight.head && m->in_flight.head->sent_us + STATUS_TIMEOUT_US <= now_us) {
		struct slot *slot = list_take(&m->in_flight);
		/* The kernel is silent about frames that new rules forbid; the filter about those from an old address.
		 */
		bool expected = !m->hold && may_send(&m->radio, m->radio.freq_mhz) &&
				radio_addresses_have(&m->own, slot->frame + 10);

		assert(m->in_flight_count > 0);
		m->in_flight_count--;
		finish(m, slot, false, 0);
		m->silent = expected ? m->silent + 1 : 0;
	}
	if (m->reports && m->silent >= SILENT_MAX) {
		m->silent = 0;
		leave(m, "it no longer reports on frames (wedged)");
		return;
	}
	pump(m);
}

static bool present(const struct monitor *m) { return m->state != LEAVING && m->state != GONE; }

/* A tune may take interfaces down and up again: what counts is how they are when no job runs. */
static void check_interfaces(struct monitor *m)
{
	if (!m->control.runs && present(m) && setup_has_fallen(&m->at))
		leave(m, "its interface went down");
}

static void on_packets(void *ctx, uint32_t epoll_events)
{
	struct monitor *m = ctx;
	int got = packet_read(m->packet, READ_MAX, on_frame, m);

	/* A tune may take the interfaces down and up again: the error is left behind on the socket. */
	if (got < 0 || (got == 0 && (epoll_events & (EPOLLERR | EPOLLHUP))))
		check_interfaces(m);
	pump(m);
}

/* --- coming and going --------------------------------------------------------------------------------------------- */

static void seek(struct monitor *m)
{
	if (m->state == GONE && !m->control.runs)
		control_post(&m->control, CONTROL_UP, 0);
}

static void on_watch(void *ctx, uint64_t now_us)
{
	struct monitor *m = ctx;
	struct packet_counts counts;

	if (m->state == GONE)
		seek(m);
	else if (m->packet) {
		packet_count(m->packet, &counts);
		if (counts.dropped > m->packet_dropped)
			log_write(&m->tag, LOG_RADIO, LOG_WARN,
				  "%llu frames heard but lost: this machine is too slow for the channel",
				  (unsigned long long)(counts.dropped - m->packet_dropped));
		m->health.dropped += counts.dropped - m->packet_dropped;
		m->health.garbage += counts.garbage - m->packet_garbage;
		m->packet_dropped = counts.dropped;
		m->packet_garbage = counts.garbage;
	}
	loop_at(m->loop, &m->watch, now_us + (m->state == GONE ? SEEK_US : HEALTH_US));
}

/* The packet and setup objects belong to the loop again: no job runs. */
static void let_go_of_packet(struct monitor *m)
{
	if (!m->packet)
		return;
	loop_unwatch(m->loop, packet_fd(m->packet));
	packet_close(m->packet);
	m->packet = NULL;
}

static void tell_acknowledging(struct monitor *m, int cause)
{
	assert(m->own_due);
	m->own_due = m->own_changed = false;
	if (m->radio.events.acknowledging)
		m->radio.events.acknowledging(m->radio.events.ctx, &m->radio, cause);
}

static void tell_gone(struct monitor *m)
{
	struct slot *slot;
	uint16_t asked_mhz = m->asked_mhz;

	assert(m->state == LEAVING);
	while ((slot = list_take(&m->in_flight)))
		finish(m, slot, false, 0);
	m->in_flight_count = 0;
	drop_queue(m);
	while ((slot = list_take(&m->done))) {
		struct radio_events *e = &m->radio.events;

		if (e->status)
			e->status(e->ctx, &m->radio, slot->tx.cookie, slot->acked, slot->tries);
		list_add(&m->free, slot);
	}
	loop_cancel(m->loop, &m->tick);
	loop_cancel(m->loop, &m->deliver);
	m->asked_mhz = 0;
	m->hold = m->want_refresh = m->told_missing = false;
	enter(m, GONE, LOG_DEBUG, "what was pending is reported");
	let_go_of_packet(m);
	loop_at(m->loop, &m->watch, loop_now_us(m->loop) + SEEK_US);
	if (asked_mhz != 0 && m->radio.events.tuned)
		m->radio.events.tuned(m->radio.events.ctx, &m->radio, asked_mhz, -MR_CAUSE_RADIO_GONE);
	if (m->own_due)
		tell_acknowledging(m, -MR_CAUSE_RADIO_GONE);
	/* The user may close the radio in this call. */
	if (m->radio.events.gone)
		m->radio.events.gone(m->radio.events.ctx, &m->radio);
}

static void on_deliver(void *ctx, uint64_t now_us)
{
	struct monitor *m = ctx;
	struct radio_events *e = &m->radio.events;
	struct slot *slot;

	(void)now_us;
	while ((slot = list_take(&m->done))) {
		uint64_t cookie = slot->tx.cookie;
		unsigned tries = slot->tries;
		bool acked = slot->acked;

		/* Free before the call, which may well send the next frame. */
		list_add(&m->free, slot);
		if (e->status)
			e->status(e->ctx, &m->radio, cookie, acked, tries);
	}
	if (m->state == LEAVING) {
		tell_gone(m);
		return;
	}
	pump(m);
}

static void adopt_channels(struct monitor *m)
{
	const struct nl80211_phy *phy = m->control.phy;

	m->radio.caps.channel_count = phy->channel_count;
	memcpy(m->radio.caps.channels, phy->channels, sizeof(m->radio.caps.channels));
}

/* After CONTROL_UP: its packet object, and what its interfaces are. */
static int adopt_packet(struct monitor *m, struct packet *packet)
{
	int error;

	m->at = m->control.setup;
	m->packet = packet;
	m->packet_dropped = m->packet_garbage = 0;
	error = m->hear || m->own.count > 1 ? packet_hear(packet, &m->own, m->hear) : 0;
	return error < 0 ? error : loop_watch(m->loop, packet_fd(packet), EPOLLIN, on_packets, m);
}

/* The user may close the radio in `back`, so that comes last; not in `tuned` or `acknowledging`. */
static void after_tune(struct monitor *m, const struct control_job *job)
{
	uint16_t freq_mhz = m->asked_mhz;
	uint32_t before_us = m->radio.caps.switch_us;
	int cause = 0;

	if (m->state != MOVING)
		return; /* gone meanwhile, and told */
	assert(m->asked_mhz != 0 && m->radio.freq_mhz == 0);
	if (job->result == -ENODEV || job->result == -ENETDOWN || job->result == -ENOENT) {
		leave(m, job->error);
		return;
	}
	m->asked_mhz = 0;
	if (job->result < 0) {
		cause = job->result == -EINVAL ? -MR_CAUSE_BAD_REQUEST : -MR_CAUSE_RADIO_GONE;
		set_freq(m, job->result == -EINVAL ? m->drain_mhz : 0);
		enter(m, HERE, LOG_WARN, "%s", job->error);
	} else {
		set_freq(m, freq_mhz);
		enter(m, HERE, LOG_DEBUG, "%u us", job->took_us);
		m->radio.caps.switch_us = before_us ? (before_us * 7 + job->took_us) / 8 : job->took_us;
		m->health.switches++;
	}
	if (m->radio.events.tuned)
		m->radio.events.tuned(m->radio.events.ctx, &m->radio, freq_mhz, cause);
}

static void after_refresh(struct monitor *m)
{
	uint16_t freq_mhz = m->state == DRAINING ? m->drain_mhz : m->radio.freq_mhz;

	if (m->control.runs)
		return; /* they changed again */
	m->hold = false;
	if (m->state != HERE && m->state != DRAINING)
		return;
	if (freq_mhz != 0 && !may_send(&m->radio, freq_mhz)) {
		log_write(&m->tag, LOG_RADIO, LOG_WARN, "the rules no longer allow sending on %u MHz", freq_mhz);
		drop_queue(m);
	}
	pump(m);
}

static void after_acknowledge(struct monitor *m, const struct control_job *job)
{
	if (!present(m))
		return; /* and told */
	if (job->result == -ENODEV || job->result == -ENETDOWN || job->result == -ENOENT) {
		leave(m, job->error);
		return;
	}
	/* Meanwhile another list may have been asked for: then that one's answer counts. */
	if (!m->own_changed && job->result < 0) {
		log_write(&m->tag, LOG_RADIO, LOG_WARN, "%s", job->error);
		m->own.count = 1;
		(void)packet_hear(m->packet, &m->own, m->hear);
	}
	if (!m->own_changed)
		tell_acknowledging(m, job->result < 0 ? -MR_CAUSE_UNSUPPORTED : 0);
	pump(m);
}

static void after_up(struct monitor *m, const struct control_job *job)
{
	if (job->result < 0) {
		if (!m->told_missing && job->result != -ENODEV)
			log_write(&m->tag, LOG_RADIO, LOG_WARN, "stays away: %s", job->error);
		m->told_missing = job->result != -ENODEV;
		return;
	}
	if (adopt_packet(m, job->packet) < 0) {
		let_go_of_packet(m);
		return;
	}
	enter(m, HERE, LOG_INFO, "back");
	m->told_missing = false;
	m->silent = 0;
	loop_at(m->loop, &m->watch, loop_now_us(m->loop) + HEALTH_US);
	m->own_due = m->own_changed = m->own.count > 1;
	acknowledge_soon(m); /* before anybody tunes */
	if (m->radio.events.back)
		m->radio.events.back(m->radio.events.ctx, &m->radio);
}

static void refresh(struct monitor *m)
{
	if (!present(m))
		return;
	m->hold = m->want_refresh = true;
	if (m->control.runs)
		return;
	m->want_refresh = false;
	control_post(&m->control, CONTROL_REFRESH, 0);
}

static void on_wake(void *ctx, uint32_t epoll_events)
{
	struct monitor *m = ctx;
	struct control_job job;

	(void)epoll_events;
	if (!control_take(&m->control, &job))
		return;
	if ((job.kind == CONTROL_REFRESH || job.kind == CONTROL_UP) && job.result == 0)
		adopt_channels(m);
	m->at = m->control.setup;
	check_interfaces(m);
	if (m->want_refresh)
		refresh(m);
	switch (job.kind) {
	case CONTROL_TUNE: after_tune(m, &job); break;
	case CONTROL_ACKNOWLEDGE: after_acknowledge(m, &job); break;
	case CONTROL_REFRESH: after_refresh(m); break;
	case CONTROL_UP: after_up(m, &job); return; /* the radio may be closed */
	case CONTROL_QUIT: return;
	}
	if (present(m))
		acknowledge_soon(m);
}

static void on_event(void *ctx, const struct nl80211_event *event)
{
	struct monitor *m = ctx;

	switch (event->kind) {
	case NL80211_PHY_NEW: seek(m); break;
	case NL80211_PHY_GONE:
		if (present(m) && event->phy == m->at.phy)
			leave(m, "unplugged");
		break;
	case NL80211_INTERFACE_GONE:
	case NL80211_INTERFACE_DOWN:
		if (event->ifindex != 0 && setup_has(&m->at, event->ifindex))
			check_interfaces(m);
		break;
	case NL80211_REGULATORY:
		if (event->phy == UINT32_MAX || event->phy == m->at.phy)
			refresh(m);
		break;
	case NL80211_LOST:
		check_interfaces(m);
		refresh(m);
		seek(m);
		break;
	}
}

static void on_events(void *ctx, uint32_t epoll_events)
{
	struct monitor *m = ctx;

	(void)epoll_events;
	nl80211_events_read(m->events, on_event, m);
}

static void on_rfkill(void *ctx, uint32_t epoll_events)
{
	struct monitor *m = ctx;
	char event[16];

	(void)epoll_events;
	while (read(m->rfkill_fd, event, sizeof(event)) > 0)
		;
	seek(m);
}

/* --- opening and closing ------------------------------------------------------------------------------------------ */

static void monitor_health(const struct radio *radio, struct radio_health *out) { *out = of(radio)->health; }

static void monitor_close(struct radio *radio)
{
	struct monitor *m = of(radio);

	control_stop(&m->control);
	loop_cancel(m->loop, &m->tick);
	loop_cancel(m->loop, &m->deliver);
	loop_cancel(m->loop, &m->watch);
	let_go_of_packet(m);
	if (m->events) {
		loop_unwatch(m->loop, nl80211_events_fd(m->events));
		loop_unwatch(m->loop, nl80211_links_fd(m->events));
		nl80211_events_close(m->events);
	}
	if (m->rfkill_fd >= 0) {
		loop_unwatch(m->loop, m->rfkill_fd);
		close(m->rfkill_fd);
	}
	loop_unwatch(m->loop, control_fd(&m->control));
	control_wipe(&m->control);
	free(m->slots);
	free(m);
}

static const struct radio_ops ops = { monitor_tune,	   monitor_send,   monitor_hear,
				      monitor_acknowledge, monitor_health, monitor_close };

/* In the caller's thread, while the control thread has nothing to do. */
static int come_up(struct monitor *m, char *error, size_t error_len)
{
	const struct control_job *job = control_do(&m->control, CONTROL_UP, 0);

	if (job->result < 0) {
		snprintf(error, error_len, "%s", job->error);
		return job->result;
	}
	adopt_channels(m);
	m->radio.caps.acknowledges = m->control.rung != SETUP_PLAIN;
	m->radio.caps.acknowledged_max = m->radio.caps.acknowledges ? 1 : 0;
	return adopt_packet(m, job->packet);
}

int monitor_change_rung(struct radio *radio, enum setup_rung rung, char *error, size_t error_len)
{
	struct monitor *m = of(radio);

	assert(m->state == HERE);
	/* New rules may be on their way; they are read anew here. */
	control_drop(&m->control);
	m->hold = m->want_refresh = false;
	let_go_of_packet(m);
	m->control.rung = rung;
	return come_up(m, error, error_len);
}

void monitor_match_by_receiver(struct radio *radio) { of(radio)->quirks |= QUIRK_OWN_SEQUENCE; }
struct setup *monitor_setup(struct radio *radio) { return &of(radio)->control.setup; }
struct packet *monitor_packet(struct radio *radio) { return of(radio)->packet; }

static int watch_all(struct monitor *m)
{
	int result = nl80211_events_open(&m->events);

	if (result < 0)
		return result;
	if (loop_watch(m->loop, control_fd(&m->control), EPOLLIN, on_wake, m) < 0 ||
	    loop_watch(m->loop, nl80211_events_fd(m->events), EPOLLIN, on_events, m) < 0 ||
	    loop_watch(m->loop, nl80211_links_fd(m->events), EPOLLIN, on_events, m) < 0)
		return -errno;
	/* Only for speed, and not everybody's to read: a blocked adapter is looked for anyway. */
	m->rfkill_fd = open("/dev/rfkill", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (m->rfkill_fd >= 0)
		(void)loop_watch(m->loop, m->rfkill_fd, EPOLLIN, on_rfkill, m);
	return 0;
}

static struct monitor *create(const struct monitor_options *options)
{
	struct monitor *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->slots = calloc(QUEUE_MAX, sizeof(*m->slots));
	if (control_init(&m->control, &options->where, options->rung, options->mac) < 0 || !m->slots) {
		control_wipe(&m->control);
		free(m->slots);
		free(m);
		return NULL;
	}
	m->radio.ops = &ops;
	m->loop = options->loop;
	m->tag = (struct log_tag){ .log = options->log, .place = &m->place };
	m->quirks = options->quirks;
	m->rfkill_fd = -1;
	snprintf(m->radio.caps.name, sizeof(m->radio.caps.name), "%s", options->name);
	m->place.radio = m->radio.caps.name;
	snprintf(m->radio.caps.path, sizeof(m->radio.caps.path), "%s", options->where.path);
	snprintf(m->radio.caps.driver, sizeof(m->radio.caps.driver), "%s", options->where.driver);
	memcpy(m->radio.caps.mac, options->mac, 6);
	radio_addresses_set(&m->own, options->mac, NULL, 0);
	m->radio.caps.truthful_status = !(options->quirks & QUIRK_STATUS_LIES);
	m->radio.caps.hears_others = true;
	for (size_t i = 0; i < 3; i++)
		list_init(&m->queue[i]);
	list_init(&m->in_flight);
	list_init(&m->done);
	list_init(&m->free);
	for (size_t i = 0; i < QUEUE_MAX; i++)
		list_add(&m->free, &m->slots[i]);
	m->tick = (struct loop_timer){ .fn = on_tick, .ctx = m, .at_us = LOOP_NEVER };
	m->deliver = (struct loop_timer){ .fn = on_deliver, .ctx = m, .at_us = LOOP_NEVER };
	m->watch = (struct loop_timer){ .fn = on_watch, .ctx = m, .at_us = LOOP_NEVER };
	return m;
}

int monitor_open(struct radio **out, const struct monitor_options *options, char *error, size_t error_len)
{
	struct monitor *m = create(options);
	int result;

	if (!m) {
		snprintf(error, error_len, "no memory");
		return -ENOMEM;
	}
	result = claim_take(&m->control.claim, options->where.path, error, error_len);
	if (result == 0) {
		result = watch_all(m);
		if (result < 0)
			snprintf(error, error_len, "can't listen for changes of the wireless stack: %s",
				 strerror(-result));
	}
	if (result == 0)
		result = come_up(m, error, error_len);
	if (result == 0) {
		result = control_start(&m->control);
		if (result < 0)
			snprintf(error, error_len, "no control thread: %s", strerror(-result));
	}
	if (result < 0) {
		monitor_close(&m->radio);
		return result;
	}
	loop_at(m->loop, &m->watch, loop_now_us(m->loop) + HEALTH_US);
	*out = &m->radio;
	return 0;
}
