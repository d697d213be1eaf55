/*
 * One radio: where it is, what it sends next, when it calls, when it leaves. Devices are told to hold their answers
 * before a radio goes; what a session wants to send waits until a radio is on its channel again.
 */
#include <stdlib.h>
#include <string.h>

#include "station/line/internal.h"

#define RATE_6M 12u /* radiotap units of 500 kb/s */
#define RATE_12M 24u
#define RATE_24M 48u
#define MAC_RETRIES 7u
#define CALL_EVERY_US 100000u /* while somebody is still expected */
#define CALL_IDLE_US 1000000u
#define SLOT_US 400u	 /* one HELLO at 6 Mb/s with backoff, SIFS and ACK */
#define ANSWER_US 25000u /* the slowest chip's time to check a call and make its HELLO */
#define SLOTS_MIN 8u
#define SLOTS_MAX 512u
#define DRAIN_US 20000u
#define PROBE_US 30000u /* access points answer a probe request within that */
#define RATE_1M 2u
#define GONE_US 100000u /* a radio that is going away tells so soon */

enum cookie_kind { COOKIE_SESSION, COOKIE_CALL, COOKIE_LEAVE };

struct channel *lane_channel(struct line *line, uint16_t freq_mhz)
{
	for (size_t i = 0; i < line->channel_count; i++)
		if (line->channels[i].freq_mhz == freq_mhz)
			return &line->channels[i];
	return NULL;
}

/* --- the view for the policy --- */

struct view {
	struct schedule_view v;
	struct schedule_channel channels[CHANNELS_MAX];
	struct schedule_radio radios[RADIOS_MAX];
};

static void view_channel(const struct line *line, const struct channel *c, struct schedule_channel *out)
{
	*out = (struct schedule_channel){ .freq_mhz = c->freq_mhz,
					  .owner = SCHEDULE_NONE,
					  .sessions = c->session_count,
					  .ready_since_us = SCHEDULE_NEVER,
					  .next_due_us = SCHEDULE_NEVER,
					  .window_end_us = c->window_end_us,
					  .left_us = c->left_us,
					  .unheard = admission_unheard(line, c) };
	for (const struct session *s = c->sessions; s; s = s->next) {
		uint64_t remaining_us = session_remaining_us(s), due_us = link_due_us(s->link);

		if (link_ready(s->link) || s->overdue) {
			out->ready++;
			out->ready_air_us += 1000;
			if (s->ready_us < out->ready_since_us)
				out->ready_since_us = s->ready_us;
		} else if (due_us < out->next_due_us) {
			out->next_due_us = due_us;
		}
		if (remaining_us > out->remaining_us)
			out->remaining_us = remaining_us;
		out->unsafe |= link_unsafe(s->link);
	}
}

static void look(struct line *line, struct view *out, bool sessions)
{
	out->v = (struct schedule_view){ .now_us = loop_now_us(line->loop),
					 .channels = out->channels,
					 .channel_count = line->channel_count,
					 .radios = out->radios,
					 .radio_count = line->lane_count,
					 .steer = line->job->steer && line->job->method->flags & METHOD_STEERED };
	for (size_t i = 0; i < line->channel_count; i++) {
		const struct channel *c = &line->channels[i];

		if (sessions)
			view_channel(line, c, &out->channels[i]);
		else
			out->channels[i] = (struct schedule_channel){ .freq_mhz = c->freq_mhz,
								      .owner = SCHEDULE_NONE,
								      .sessions = c->session_count };
	}
	for (size_t i = 0; i < line->lane_count; i++) {
		const struct lane *l = &line->lanes[i];

		out->radios[i] = (struct schedule_radio){ .usable = l->state != LANE_LOST,
							  .moving = l->state == LANE_TUNING || l->state == LANE_LEAVING,
							  .freq_mhz = l->state == LANE_HERE && l->channel
									      ? l->channel->freq_mhz
									      : 0,
							  .arrived_us = l->arrived_us,
							  .switch_us = l->radio->caps.switch_us,
							  .channels = l->channels };
		if (l->state == LANE_LEAVING && l->go)
			out->channels[l->go->index].owner = i;
		if (l->channel && l->state != LANE_LOST)
			out->channels[l->channel->index].owner = i;
	}
}

struct channel *lane_place(struct line *line, struct channel *home)
{
	struct view view;
	size_t to;

	look(line, &view, false);
	to = line->o.policy->place(&view.v, home->index);
	return &line->channels[to];
}

/* --- sending --- */

static uint8_t rate_for(int rssi_dbm)
{
	/* Sensitivity of 802.11a/g receivers (IEEE 802.11-2020 table 17-18) is -82 dBm at 6, -79 at 12, -74 at 24 Mb/s;
	 * the margins leave room for fading. */
	return rssi_dbm > -60 ? RATE_24M : rssi_dbm > -68 ? RATE_12M : RATE_6M;
}

static bool put(struct lane *lane, struct mr_rd frame, struct radio_tx *tx)
{
	struct line *line = lane->line;

	if (radio_send(lane->radio, frame, tx) != 0)
		return false;
	lane->in_flight++;
	line->frames++;
	line->octets += frame.left;
	return true;
}

/* Networks answer at once, instead of with their next beacon. IEEE 802.11-2020 11.1.4.3. */
static bool probe(struct lane *lane)
{
	struct line *line = lane->line;
	struct channel *c = lane->channel;
	uint8_t buf[128];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct ieee80211_header header = { .kind = IEEE80211_PROBE_REQUEST, .sequence = line->station.sequence };
	struct radio_tx tx = { .rate_500kbps = c->freq_mhz < 3000 ? RATE_1M : RATE_6M,
			       .priority = RADIO_URGENT,
			       .cookie = (uint64_t)COOKIE_CALL << 56 };
	uint64_t now_us = loop_now_us(line->loop);

	memset(header.address1, 0xff, 6);
	memcpy(header.address2, line->station.mac, 6);
	memset(header.address3, 0xff, 6);
	ieee80211_header_build(&w, &header);
	ieee80211_put_ssid(&w, NULL, 0);
	ieee80211_put_rates(&w, c->freq_mhz);
	line->station.sequence = (line->station.sequence + 1) & 0xfff;
	if (w.bad || !put(lane, mr_wr_written(&w), &tx))
		return false;
	c->window_end_us = now_us + PROBE_US;
	c->next_call_us = now_us + CALL_IDLE_US;
	return true;
}

static bool call(struct lane *lane, bool present)
{
	struct line *line = lane->line;
	struct channel *c = lane->channel;
	struct mr_frame f = { .type = MR_CALL };
	uint8_t buf[128];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct radio_tx tx = { .rate_500kbps = RATE_6M,
			       .priority = RADIO_URGENT,
			       .cookie = (uint64_t)(present ? COOKIE_CALL : COOKIE_LEAVE) << 56 };
	uint64_t now_us = loop_now_us(line->loop);
	double unheard = admission_unheard(line, c);
	bool inventory = present && unheard > 0 && admission_open(line) && now_us >= c->window_end_us;

	if (line->job->method->flags & METHOD_DEVICE_AP) {
		if (present && unheard > 0 && admission_open(line))
			return probe(lane);
		c->next_call_us = now_us + CALL_IDLE_US;
		return false;
	}
	memset(f.header.receiver, 0xff, 6);
	memcpy(f.header.sender, line->station.mac, 6);
	f.header.sequence = line->station.sequence;
	line->station.sequence = (line->station.sequence + 1) & 0xfff;
	memcpy(f.call.station_id, line->station.station_id, 8);
	memcpy(f.call.batch_tag, line->station.batch_tag, 8);
	f.call.counter = ++line->call_counter;
	f.call.flags = (uint8_t)((present ? MR_CALL_PRESENT : 0) | (inventory ? MR_CALL_INVENTORY : 0));
	if (inventory) {
		/* Schoute's estimate, coarsely: many answers, more slots; few, fewer. */
		if (c->slots == 0)
			c->slots = unheard < SLOTS_MIN	 ? SLOTS_MIN
				   : unheard > SLOTS_MAX ? SLOTS_MAX
							 : (unsigned)unheard;
		else if (c->window_answers * 2 >= c->slots && c->slots < SLOTS_MAX)
			c->slots *= 2;
		else if (c->window_answers * 8 < c->slots && c->slots > SLOTS_MIN)
			c->slots /= 2;
		f.call.slots = (uint16_t)c->slots;
		f.call.slot_us = SLOT_US;
	}
	if (!mr_frame_build(&w, &f, line->station.call_key) || !put(lane, mr_wr_written(&w), &tx))
		return false;
	if (inventory) {
		c->window_answers = 0;
		c->window_end_us = now_us + (uint64_t)c->slots * SLOT_US + ANSWER_US;
	}
	c->next_call_us = now_us + (unheard > 0 ? CALL_EVERY_US : CALL_IDLE_US);
	if (c->next_call_us < c->window_end_us)
		c->next_call_us = c->window_end_us;
	return true;
}

/* Handshakes first; then who has the longest way to go: the makespan is the last one's. */
static struct session *next_session(const struct channel *c)
{
	struct session *best = NULL;
	uint64_t best_us = 0;

	for (struct session *s = c->sessions; s; s = s->next) {
		uint64_t us;

		if (!link_ready(s->link))
			continue;
		us = !link_up(s->link) ? UINT64_MAX : session_remaining_us(s) + 1;
		if (us > best_us) {
			best = s;
			best_us = us;
		}
	}
	return best;
}

/* The next frame of a session to the radio. false: there is none, or no room for it. */
static bool send_of(struct lane *lane, struct session *s, bool hold)
{
	struct radio_tx tx = { .retries = MAC_RETRIES, .priority = RADIO_NORMAL };
	uint64_t now_us = loop_now_us(lane->line->loop);
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len = link_pull(s->link, frame, hold, &what, now_us);

	if (len == 0)
		return false;
	tx.rate_500kbps = s->link->misses > 0 || !link_up(s->link) ? RATE_6M : rate_for(s->unit->rssi_dbm);
	tx.cookie = (uint64_t)COOKIE_SESSION << 56 | (uint64_t)s->number << 8 | what;
	if (frame[4] & 1) /* to a group: nobody acknowledges it */
		tx.retries = 0;
	if (now_us > s->ready_us && s->ready_us)
		s->wait_radio_us += (uint32_t)(now_us - s->ready_us);
	if (put(lane, mr_rd_over(frame, len), &tx))
		return true;
	/* As if nobody had acknowledged it: the link sends it again. */
	link_sent(s->link, what, false, 0, now_us);
	session_rearm(s);
	return false;
}

void lane_pump(struct lane *lane)
{
	struct line *line = lane->line;
	uint64_t now_us = loop_now_us(line->loop);

	if (lane->state != LANE_HERE)
		return;
	if (now_us >= lane->channel->next_call_us && lane->in_flight < LANE_QUEUE)
		(void)call(lane, true);
	while (lane->in_flight < LANE_QUEUE) {
		struct session *s = next_session(lane->channel);

		if (!s || !send_of(lane, s, false))
			break;
	}
}

/* --- moving --- */

/* What has to be said to devices before the radio goes: their access points keep what comes meanwhile. */
static void park(struct lane *lane)
{
	struct session *s = lane->channel->sessions;

	while (s && lane->in_flight < LANE_QUEUE) {
		if (!s->by_access || !send_of(lane, s, true))
			s = s->next;
	}
}

static void rearm(struct lane *lane)
{
	uint64_t at_us = lane->look_us;

	if (lane->state == LANE_HERE && lane->channel->next_call_us < at_us)
		at_us = lane->channel->next_call_us;
	loop_at(lane->line->loop, &lane->timer, at_us);
}

static void arrive(struct lane *lane, uint64_t now_us)
{
	lane->state = LANE_HERE;
	lane->arrived_us = now_us;
	lane->channel->lane = lane;
	lane->channel->next_call_us = now_us;
	lane->channel->window_end_us = 0;
	for (struct session *s = lane->channel->sessions; s; s = s->next) {
		link_resume(s->link, now_us);
		s->overdue = false;
		session_rearm(s);
	}
	lane_pump(lane);
	admission_fill(lane->line);
}

/* A radio that went away says nothing about the channel: it may serve it when it is back. */
static void refused(struct lane *lane, int cause)
{
	if (cause != MR_CAUSE_RADIO_GONE)
		lane->channels &= ~(1ull << lane->channel->index);
	lane->channel = NULL;
	lane->state = LANE_UNTUNED;
	lane->look_us = loop_now_us(lane->line->loop) + (cause == MR_CAUSE_RADIO_GONE ? GONE_US : 0);
	rearm(lane);
}

static void go(struct lane *lane, struct channel *to)
{
	struct line *line = lane->line;
	int result;

	lane->channel = to;
	lane->go = NULL;
	lane->state = LANE_TUNING;
	result = radio_tune(lane->radio, to->freq_mhz);
	if (result != 0) {
		log_write(LOG_STATION(line->o.log), LOG_LANE, LOG_WARN, "%s: does not tune to %u MHz",
			  lane->radio->caps.name, to->freq_mhz);
		refused(lane, -result);
	}
}

static void leave(struct lane *lane)
{
	struct channel *c = lane->channel;

	uint64_t now_us = loop_now_us(lane->line->loop);

	if (!lane->leave_said) {
		lane->leave_said = true;
		for (struct session *s = c->sessions; s; s = s->next)
			link_park(s->link, now_us);
		if (call(lane, false))
			return;
	}
	park(lane);
	if (lane->in_flight > 0)
		return; /* asked again by every report */
	c->lane = NULL;
	c->left_us = loop_now_us(lane->line->loop);
	lane->switches++;
	go(lane, lane->go);
}

static void decide(struct lane *lane)
{
	struct line *line = lane->line;
	struct schedule_decision d;
	struct view view;

	lane->look_us = LOOP_NEVER;
	if (lane->state != LANE_HERE && lane->state != LANE_UNTUNED)
		return;
	look(line, &view, true);
	d = line->o.policy->decide(&view.v, lane->index);
	if (d.go == SCHEDULE_NONE || &line->channels[d.go] == lane->channel) {
		lane->look_us = d.look_again_us;
		return;
	}
	log_write(LOG_STATION(line->o.log), LOG_LANE, LOG_DEBUG, "%s ch%u: goes to ch%u (%s)", lane->radio->caps.name,
		  lane->channel ? radio_channel_of_freq(lane->channel->freq_mhz) : 0,
		  radio_channel_of_freq(line->channels[d.go].freq_mhz), d.reason);
	if (lane->state == LANE_UNTUNED) {
		go(lane, &line->channels[d.go]);
		return;
	}
	lane->go = &line->channels[d.go];
	lane->state = LANE_LEAVING;
	lane->leave_said = false;
	leave(lane);
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct lane *lane = ctx;

	if (lane->line->ended)
		return;
	if (now_us >= lane->look_us)
		decide(lane);
	lane_pump(lane);
	if (lane->state == LANE_HERE && lane->channel->next_call_us <= now_us)
		lane->channel->next_call_us = now_us + DRAIN_US; /* the queue was full: the reports pump too */
	rearm(lane);
}

void lane_kick(struct lane *lane)
{
	lane->look_us = loop_now_us(lane->line->loop);
	rearm(lane);
}

/* --- what the radio says --- */

/* A frame of plain 802.11: of a device's BSS, of a network, or of a device that joins one. */
static void on_other(struct line *line, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct mr_rd in = mpdu;
	struct ieee80211_header header;
	const struct unit *u;

	if (!ieee80211_header_parse(&in, &header) || mr_equal(header.address2, line->station.mac, 6))
		return;
	if (header.kind == IEEE80211_BEACON || header.kind == IEEE80211_PROBE_RESPONSE)
		networks_heard(line, lane, mpdu, rx);
	u = map_get(&line->by_bssid, map_key_mac(header.address2));
	if (u && u->alias)
		u = u->alias;
	if (u && u->session && u->session->by_access &&
	    (header.kind != IEEE80211_BEACON || (u->access && u->access->network.ibss)) &&
	    (mr_equal(header.address1, line->station.mac, 6) || ieee80211_is_group(header.address1)))
		access_receive(u->session, mpdu, rx);
	else if (!mr_equal(header.address1, line->station.mac, 6))
		access_witness(line, mpdu, rx);
}

static void on_received(void *ctx, struct radio *radio, struct mr_rd in, const struct radio_rx *rx)
{
	struct line *line = ctx;
	struct lane *lane = &line->lanes[radio->index];
	struct mr_frame frame;
	struct session *s = NULL;

	if (lane->state != LANE_HERE || rx->freq_mhz != lane->channel->freq_mhz || line->ended)
		return;
	if (!mr_frame_parse(in, &frame)) {
		if (line->job->method->flags & METHOD_DEVICE_AP)
			on_other(line, lane, in, rx);
		return;
	}
	if (!mr_equal(frame.header.receiver, line->station.mac, 6))
		return;
	if (frame.type == MR_HELLO) {
		admission_hello(line, lane, &frame, rx);
		return;
	}
	if (frame.type == MR_HANDSHAKE_1) {
		struct mr_rd id = mr_rd_over(frame.handshake.session_id, 8);

		s = map_get(&line->by_session, mr_rd_le32(&id));
	} else if (frame.type == MR_DATA) {
		s = map_get(&line->by_session, frame.data.session);
	} else if (frame.type == MR_PROGRESS) {
		s = map_get(&line->by_session, frame.progress.session);
	}
	if (s && mr_equal(s->unit->mac, frame.header.sender, 6))
		session_receive(s, &frame, rx);
}

static void on_status(void *ctx, struct radio *radio, uint64_t cookie, bool acked, unsigned tries)
{
	struct line *line = ctx;
	struct lane *lane = &line->lanes[radio->index];
	struct session *s;

	if (lane->in_flight > 0)
		lane->in_flight--;
	if (line->ended)
		return;
	if (cookie >> 56 == COOKIE_SESSION) {
		s = map_get(&line->by_session, cookie >> 8 & 0xffffffffu);
		if (s)
			session_sent(s, (uint8_t)cookie, acked, tries);
	}
	if (lane->state == LANE_LEAVING)
		leave(lane);
	else
		lane_pump(lane);
}

static void on_tuned(void *ctx, struct radio *radio, uint16_t freq_mhz, int cause)
{
	struct line *line = ctx;
	struct lane *lane = &line->lanes[radio->index];

	if (lane->state != LANE_TUNING || line->ended)
		return;
	line_event(line, &(struct line_event){ .kind = LINE_RADIO,
					       .radio = radio->caps.name,
					       .freq_mhz = freq_mhz,
					       .cause = -cause,
					       .detail = cause ? "does not tune" : "tuned" });
	if (cause) {
		refused(lane, -cause);
		return;
	}
	arrive(lane, loop_now_us(line->loop));
	lane->look_us = loop_now_us(line->loop);
	rearm(lane);
}

static void on_gone(void *ctx, struct radio *radio)
{
	struct line *line = ctx;
	struct lane *lane = &line->lanes[radio->index];

	if (lane->channel && lane->channel->lane == lane) {
		lane->channel->lane = NULL;
		lane->channel->left_us = loop_now_us(line->loop);
	}
	lane->state = LANE_LOST;
	lane->channel = lane->go = NULL;
	lane->in_flight = 0;
	lane->look_us = LOOP_NEVER;
	log_write(LOG_STATION(line->o.log), LOG_LANE, LOG_WARN, "%s: gone; its devices move to other radios",
		  radio->caps.name);
	line_event(line, &(struct line_event){ .kind = LINE_RADIO,
					       .radio = radio->caps.name,
					       .cause = MR_CAUSE_RADIO_GONE,
					       .detail = "gone" });
	for (size_t i = 0; i < line->lane_count; i++)
		lane_kick(&line->lanes[i]);
}

static void on_back(void *ctx, struct radio *radio)
{
	struct line *line = ctx;
	struct lane *lane = &line->lanes[radio->index];

	lane->state = LANE_UNTUNED;
	line_event(line, &(struct line_event){ .kind = LINE_RADIO, .radio = radio->caps.name, .detail = "back" });
	lane_kick(lane);
}

/* --- begin and end --- */

static void allow(struct line *line, struct lane *lane)
{
	const struct radio_caps *caps = &lane->radio->caps;

	for (size_t i = 0; i < line->channel_count; i++)
		for (size_t k = 0; k < caps->channel_count; k++)
			if (caps->channels[k].freq_mhz == line->channels[i].freq_mhz && caps->channels[k].flags == 0)
				lane->channels |= 1ull << i;
}

int lanes_create(struct line *line, char *error, size_t error_len)
{
	uint64_t served = 0;

	line->channel_count = line->job->channel_count;
	for (size_t i = 0; i < line->channel_count; i++) {
		line->channels[i].index = i;
		line->channels[i].freq_mhz = line->job->channels[i];
	}
	line->lanes = calloc(line->o.radio_count, sizeof(*line->lanes));
	if (!line->lanes || line->o.radio_count == 0 || line->o.radio_count > RADIOS_MAX) {
		snprintf(error, error_len, "%zu radios; 1 to %d can be driven", line->o.radio_count, RADIOS_MAX);
		return -MR_CAUSE_RADIO_GONE;
	}
	line->lane_count = line->o.radio_count;
	for (size_t i = 0; i < line->lane_count; i++) {
		struct lane *lane = &line->lanes[i];

		lane->line = line;
		lane->radio = line->o.radios[i];
		lane->index = lane->radio->index = i;
		lane->state = LANE_UNTUNED;
		lane->timer = (struct loop_timer){ .fn = on_timer, .ctx = lane, .at_us = LOOP_NEVER };
		if (line->job->method->flags & METHOD_DEVICE_AP)
			(void)radio_hear(lane->radio, RADIO_HEAR_NETWORKS | RADIO_HEAR_JOINS | RADIO_HEAR_GROUP);
		lane->radio->events = (struct radio_events){ line, on_received, on_status, on_tuned, on_gone, on_back };
		allow(line, lane);
		served |= lane->channels;
	}
	for (size_t i = 0; i < line->channel_count; i++)
		if (!(served & 1ull << i)) {
			snprintf(error, error_len,
				 "channel %u: no radio may transmit on it here (regulatory domain, radar or hardware); "
				 "remove it from channels:",
				 radio_channel_of_freq(line->channels[i].freq_mhz));
			return -MR_CAUSE_RADIO_GONE;
		}
	return 0;
}

void lanes_start(struct line *line)
{
	for (size_t i = 0; i < line->lane_count; i++) {
		decide(&line->lanes[i]);
		rearm(&line->lanes[i]);
	}
}

void lanes_record(struct line *line)
{
	for (size_t i = 0; i < line->lane_count; i++) {
		const struct radio_caps *caps = &line->lanes[i].radio->caps;
		struct radio_health h = { 0 };
		struct journal_record r = { .kind = JOURNAL_RADIO };

		radio_health(line->lanes[i].radio, &h);
		r.radio = (struct journal_radio){ .radio = caps->name,
						  .path = caps->path,
						  .driver = caps->driver,
						  .simulated = caps->simulated,
						  .sent = h.sent,
						  .acked = h.acked,
						  .unacked = h.unacked,
						  .retries = h.retries,
						  .received = h.received,
						  .dropped = h.dropped,
						  .garbage = h.garbage,
						  .switches = line->lanes[i].switches,
						  .airtime_us = h.airtime_us,
						  .switch_us = caps->switch_us };
		memcpy(r.radio.mac, caps->mac, 6);
		line_submit(line, &r);
	}
}

size_t line_radios(const struct line *line, struct line_radio_view *out, size_t max)
{
	size_t n = line->lane_count < max ? line->lane_count : max;

	for (size_t i = 0; i < n; i++) {
		const struct lane *l = &line->lanes[i];
		struct radio_health h = { 0 };

		radio_health(l->radio, &h);
		out[i] = (struct line_radio_view){ .name = l->radio->caps.name,
						   .freq_mhz = l->channel ? l->channel->freq_mhz : 0,
						   .usable = l->state != LANE_LOST,
						   .moving = l->state == LANE_TUNING,
						   .sessions = l->channel ? l->channel->session_count : 0,
						   .airtime_us = h.airtime_us };
	}
	return n;
}
