#include "station/line/lane.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/channel.h"
#include "station/line/events.h"
#include "station/line/talk.h"

#define RATE_6M 12u /* radiotap units of 500 kb/s */
#define RATE_12M 24u
#define RATE_24M 48u
#define LANE_QUEUE 2	      /* frames handed to a radio before its report: few, so that the choice stays ours */
#define MAC_RETRIES 7u	      /* dot11ShortRetryLimit, IEEE 802.11-2020 annex C */
#define DRAIN_US 20000u	      /* chosen: the queue was full when a voice's time came; a report comes before that */
#define GONE_US 100000u	      /* a radio that is going away tells so soon */
#define EXCLUSIVE_US 2000000u /* chosen: other channels can do without a radio for so much of an exclusive step */
#define READY_AIR_US 1000u    /* of a frame and its answer, for the policy */

enum cookie_kind { COOKIE_LINK, COOKIE_DELIVERY, COOKIE_VOICE, COOKIE_FAREWELL };

const char *lane_state_name(enum lane_state state)
{
	static const char *const names[] = { "lost", "untuned", "tuning", "here", "leaving" };

	return names[state];
}

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
					  .unheard = units_unheard(line, c) };
	for (const struct session *s = c->sessions; s; s = s->next) {
		uint64_t remaining_us = talk_remaining_us(s), due_us = link_due_us(s->link);

		if (talk_ready(s) || s->overdue) {
			out->ready++;
			out->ready_air_us += READY_AIR_US;
			if (s->ready_us < out->ready_since_us)
				out->ready_since_us = s->ready_us;
		} else if (due_us < out->next_due_us) {
			out->next_due_us = due_us;
		}
		if (remaining_us > out->remaining_us)
			out->remaining_us = remaining_us;
		out->unsafe |= link_unsafe(s->link);
		out->exclusive |= s == line->exclusive;
		if (s->phase == PHASE_DELIVERING && s->unit->method->flags & METHOD_BROADCAST)
			out->serves++;
		/* Nobody reports what a foreign device does: it has to be seen, and does it once. */
		if (s->phase == PHASE_JOINING && s->unit->method->flags & METHOD_NO_REQUESTS) {
			out->attend_by_us = s->joining.asked_us;
			out->unsafe = true;
		}
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

bool lane_may_begin_exclusive(const struct session *s)
{
	struct view view;

	look(s->line, &view, true);
	return !s->line->exclusive &&
	       schedule_may_begin_exclusive(&view.v, s->channel->index, session_now(s) + EXCLUSIVE_US);
}

/* --- sending --- */

static uint8_t rate_for(int rssi_dbm)
{
	/* Sensitivity of 802.11a/g receivers (IEEE 802.11-2020 table 17-18) is -82 dBm at 6, -79 at 12, -74 at 24 Mb/s;
	 * the margins leave room for fading. */
	return rssi_dbm > -60 ? RATE_24M : rssi_dbm > -68 ? RATE_12M : RATE_6M;
}

/*
 * IEEE 802.11-2020 10.6: management at one of the BSS's basic rates, its own rates for the rest. A receiver of 802.11b
 * hears nothing else, and some never acknowledge what is not a basic rate.
 */
static uint8_t rate_of(const struct session *s, const uint8_t *frame)
{
	bool slow = s->link->misses > 0 || !link_up(s->link), management = s->link->basic && (frame[0] & 0x0c) == 0;
	uint8_t wanted = slow || management ? RATE_6M : rate_for(s->unit->rssi_dbm);

	return ieee80211_rate_of(management ? s->link->basic : s->link->rates, wanted);
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

/*
 * The voices of the channel say what is due. false: none has put a frame on the air.
 */
static bool speak(struct lane *lane, enum method_occasion why)
{
	struct line *line = lane->line;
	struct channel *c = lane->channel;
	uint64_t now_us = loop_now_us(line->loop);
	bool spoken = false;

	for (size_t i = 0; i < line->voice_count; i++) {
		const struct voice *v = &line->voices[i];
		uint8_t frame[RADIO_FRAME_MAX];
		struct mr_wr w = mr_wr_over(frame, sizeof(frame));
		struct radio_tx tx = { .rate_500kbps = RATE_6M, .priority = RADIO_URGENT };

		if (!v->ops->speak) {
			c->speak_at_us[i] = LOOP_NEVER;
			continue;
		}
		if (why == METHOD_PRESENT && (now_us < c->speak_at_us[i] || lane->in_flight >= LANE_QUEUE))
			continue;
		v->ops->speak(line, v->state, c, why, &w, &tx, &c->speak_at_us[i]);
		tx.cookie = (uint64_t)COOKIE_VOICE << 56;
		if (w.bad || w.len == 0)
			continue;
		if (put(lane, mr_wr_written(&w), &tx))
			spoken = true;
		else
			c->speak_at_us[i] = now_us;
	}
	return spoken;
}

static uint64_t voices_due_us(const struct lane *lane)
{
	uint64_t at_us = LOOP_NEVER;

	for (size_t i = 0; i < lane->line->voice_count; i++)
		if (lane->channel->speak_at_us[i] < at_us)
			at_us = lane->channel->speak_at_us[i];
	return at_us;
}

/* Handshakes first; then who has the longest way to go: the makespan is the last one's. */
static struct session *next_session(const struct channel *c)
{
	struct session *best = NULL;
	uint64_t best_us = 0;

	for (struct session *s = c->sessions; s; s = s->next) {
		uint64_t us;

		if (!talk_ready(s))
			continue;
		us = !link_up(s->link) ? UINT64_MAX : talk_remaining_us(s) + 1;
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
	uint64_t now_us = loop_now_us(lane->line->loop), kind_of;
	uint8_t frame[RADIO_FRAME_MAX], what;
	enum talk_kind kind;
	size_t len;

	tx.rate_500kbps = rate_of(s, (const uint8_t[1]){ IEEE80211_DATA });
	kind = talk_pull(s, frame, &len, hold, &what, &tx);
	if (kind == TALK_NONE)
		return false;
	if (kind == TALK_LINK) /* what was pulled may have changed that */
		tx.rate_500kbps = rate_of(s, frame);
	kind_of = kind == TALK_LINK ? COOKIE_LINK : COOKIE_DELIVERY;
	tx.cookie = kind_of << 56 | (uint64_t)s->number << 8 | what;
	if (frame[4] & 1) /* to a group: nobody acknowledges it */
		tx.retries = 0;
	if (now_us > s->ready_us && s->ready_us)
		s->wait_radio_us += (uint32_t)(now_us - s->ready_us);
	if (put(lane, mr_rd_over(frame, len), &tx))
		return true;
	talk_not_sent(s, kind, what);
	return false;
}

/* --- farewells: the session is no more, the frame is --- */

struct farewell {
	struct farewell *next;
	uint8_t rate_500kbps;
	size_t len;
	uint8_t bytes[];
};

/* As far as the radio takes them. */
static void say_farewells(struct lane *lane)
{
	struct farewell *f;

	while ((f = lane->channel->farewells)) {
		struct radio_tx tx = { .rate_500kbps = f->rate_500kbps,
				       .retries = MAC_RETRIES,
				       .priority = RADIO_NORMAL,
				       .cookie = (uint64_t)COOKIE_FAREWELL << 56 };

		if (!put(lane, mr_rd_over(f->bytes, f->len), &tx))
			return;
		lane->line->farewells++;
		lane->channel->farewells = f->next;
		free(f);
	}
}

void lane_farewell(struct session *s)
{
	struct farewell **end = &s->channel->farewells, *f;
	struct lane *lane = s->channel->lane;
	uint8_t frame[RADIO_FRAME_MAX];
	size_t len = link_farewell(s->link, frame, session_now(s));

	if (len == 0 || !(f = malloc(sizeof(*f) + len)))
		return;
	*f = (struct farewell){ .rate_500kbps = rate_of(s, frame), .len = len };
	memcpy(f->bytes, frame, len);
	while (*end)
		end = &(*end)->next;
	*end = f;
	if (lane && (lane->state == LANE_HERE || lane->state == LANE_LEAVING))
		say_farewells(lane);
}

bool lanes_say_farewell(const struct line *line)
{
	bool waits = line->farewells > 0;

	for (size_t i = 0; !waits && i < line->channel_count; i++)
		waits = line->channels[i].farewells && line->channels[i].lane;
	return waits;
}

/* What there is to be said, as far as the radio has room. */
static void pump(struct lane *lane)
{
	if (lane->state != LANE_HERE)
		return;
	say_farewells(lane);
	while (speak(lane, METHOD_PRESENT) && lane->in_flight < LANE_QUEUE)
		;
	while (lane->in_flight < LANE_QUEUE) {
		struct session *s = next_session(lane->channel);

		if (!s || !send_of(lane, s, false))
			break;
	}
}

/* --- sessions on a channel --- */

void lane_join(struct session *s, struct channel *c)
{
	assert(!s->channel && !s->prev && !s->next);
	s->channel = c;
	s->tag.place = &c->place;
	s->next = c->sessions;
	if (c->sessions)
		c->sessions->prev = s;
	c->sessions = s;
	c->session_count++;
}

void lane_part(struct session *s)
{
	assert(s->channel && s->channel->session_count > 0);
	if (s->prev)
		s->prev->next = s->next;
	else
		s->channel->sessions = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->channel->session_count--;
	s->channel = NULL;
	s->tag.place = NULL;
	s->prev = s->next = NULL;
}

bool lane_move(struct session *s, struct channel *to)
{
	if (!to || to == s->channel)
		return false;
	lane_part(s);
	lane_join(s, to);
	return true;
}

void lane_touch(struct session *s)
{
	talk_touch(s);
	if (s->channel->lane && talk_ready(s))
		pump(s->channel->lane);
}

/* --- moving --- */

/* The only writer of a lane's state. */
static void enter(struct lane *lane, enum lane_state state, const char *why)
{
	assert(state != LANE_LEAVING || (lane->state == LANE_HERE && lane->go));
	assert(lane->channel || (state != LANE_HERE && state != LANE_TUNING));
	lane->place.channel = lane->channel ? mr_mhz_to_channel(lane->channel->freq_mhz) : 0;
	log_state(&lane->tag, LOG_LANE, lane_state_name(lane->state), lane_state_name(state), "%s", why);
	if (state == LANE_HERE)
		lane->channel->lane = lane;
	else if (state != LANE_LEAVING && lane->channel && lane->channel->lane == lane)
		lane->channel->lane = NULL;
	if (lane->channel)
		lane->channel->place.radio = lane->channel->lane ? lane->channel->lane->radio->caps.name : NULL;
	lane->state = state;
}

/* What has to be said to devices before the radio goes: their access points keep what comes meanwhile. */
static void park(struct lane *lane)
{
	struct session *s = lane->channel->sessions;

	while (s && lane->in_flight < LANE_QUEUE) {
		if (!(s->unit->method->flags & METHOD_DEVICE_AP) || !send_of(lane, s, true))
			s = s->next;
	}
}

static void rearm(struct lane *lane)
{
	uint64_t at_us = lane->look_us;

	if (lane->state == LANE_HERE && voices_due_us(lane) < at_us)
		at_us = voices_due_us(lane);
	loop_at(lane->line->loop, &lane->timer, at_us);
}

void lane_speak(struct channel *c, const struct method_ops *ops)
{
	struct lane *lane = c->lane;
	const struct line *line;

	if (!lane || lane->state != LANE_HERE)
		return;
	line = lane->line;
	for (size_t i = 0; i < line->voice_count; i++)
		if (line->voices[i].ops == ops)
			c->speak_at_us[i] = loop_now_us(line->loop);
	rearm(lane);
}

static void arrive(struct lane *lane, uint64_t now_us)
{
	enter(lane, LANE_HERE, "tuned");
	lane->arrived_us = now_us;
	for (size_t i = 0; i < lane->line->voice_count; i++)
		lane->channel->speak_at_us[i] = now_us;
	lane->channel->window_end_us = 0;
	for (struct session *s = lane->channel->sessions; s; s = s->next) {
		link_resume(s->link, now_us);
		s->overdue = false;
		talk_rearm(s);
	}
	pump(lane);
	lane->line->room(lane->line);
}

/* A radio that went away says nothing about the channel: it may serve it when it is back. */
static void refused(struct lane *lane, int cause)
{
	if (cause != MR_CAUSE_RADIO_GONE)
		lane->channels &= ~(1ull << lane->channel->index);
	enter(lane, LANE_UNTUNED, mr_cause_name(cause));
	lane->channel = NULL;
	lane->look_us = loop_now_us(lane->line->loop) + (cause == MR_CAUSE_RADIO_GONE ? GONE_US : 0);
	rearm(lane);
}

static void go(struct lane *lane, struct channel *to, const char *why)
{
	int result;

	assert(!lane->channel || lane->state != LANE_HERE);
	lane->channel = to;
	lane->go = NULL;
	enter(lane, LANE_TUNING, why);
	result = radio_tune(lane->radio, to->freq_mhz);
	if (result != 0) {
		log_write(&lane->tag, LOG_LANE, LOG_WARN, "does not tune to %u MHz", to->freq_mhz);
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
		if (speak(lane, METHOD_LEAVING))
			return;
	}
	park(lane);
	if (lane->in_flight > 0)
		return; /* asked again by every report */
	c->left_us = loop_now_us(lane->line->loop);
	lane->switches++;
	enter(lane, LANE_UNTUNED, "all that was under way is reported");
	lane->channel = NULL;
	go(lane, lane->go, "its way on");
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
	log_write(&lane->tag, LOG_SCHEDULE, LOG_DEBUG, "goes to ch%u (%s)",
		  mr_mhz_to_channel(line->channels[d.go].freq_mhz), d.reason);
	if (lane->state == LANE_UNTUNED) {
		go(lane, &line->channels[d.go], d.reason);
		return;
	}
	lane->go = &line->channels[d.go];
	lane->leave_said = false;
	enter(lane, LANE_LEAVING, d.reason);
	leave(lane);
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct lane *lane = ctx;

	if (lane->line->ended)
		return;
	if (now_us >= lane->look_us)
		decide(lane);
	pump(lane);
	for (size_t i = 0; lane->state == LANE_HERE && i < lane->line->voice_count; i++)
		if (lane->channel->speak_at_us[i] <= now_us) /* the queue was full: the reports pump too */
			lane->channel->speak_at_us[i] = now_us + DRAIN_US;
	rearm(lane);
}

static void kick(struct lane *lane)
{
	lane->look_us = loop_now_us(lane->line->loop);
	rearm(lane);
}

void lanes_kick(struct line *line)
{
	for (size_t i = 0; i < line->lane_count; i++)
		kick(&line->lanes[i]);
}

/* --- what the radio says --- */

static void on_received(void *ctx, struct radio *radio, struct mr_rd in, const struct radio_rx *rx)
{
	struct line *line = ctx;
	struct lane *lane = &line->lanes[radio->index];

	if (lane->state == LANE_HERE && rx->freq_mhz == lane->channel->freq_mhz && !line->ended)
		line->heard(line, lane, in, rx);
}

/* The radio's report on a frame of a session, which may end by it. */
static void report(struct session *s, enum cookie_kind kind, uint8_t what, bool acked, unsigned tries)
{
	const struct method_ops *ops = s->unit->method->ops;

	if (kind == COOKIE_LINK && ops->sent) {
		ops->sent(s, what, acked, tries);
		return;
	}
	if (kind == COOKIE_LINK)
		link_sent(s->link, what, acked, tries, session_now(s));
	else if (s->delivery.ops && s->delivery.ops->sent)
		s->delivery.ops->sent(s, acked, tries);
	lane_touch(s);
}

static void on_status(void *ctx, struct radio *radio, uint64_t cookie, bool acked, unsigned tries)
{
	struct line *line = ctx;
	struct lane *lane = &line->lanes[radio->index];
	struct session *s;

	if (lane->in_flight > 0)
		lane->in_flight--;
	if (cookie >> 56 == COOKIE_FAREWELL && line->farewells > 0)
		line->farewells--;
	if (line->ended) {
		if (lane->state == LANE_HERE)
			say_farewells(lane);
		return;
	}
	if (cookie >> 56 == COOKIE_LINK || cookie >> 56 == COOKIE_DELIVERY) {
		s = map_get(&line->by_session, cookie >> 8 & 0xffffffffu);
		if (s)
			report(s, (enum cookie_kind)(cookie >> 56), (uint8_t)cookie, acked, tries);
	}
	if (lane->state == LANE_LEAVING)
		leave(lane);
	else
		pump(lane);
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

	if (lane->channel && lane->channel->lane == lane)
		lane->channel->left_us = loop_now_us(line->loop);
	enter(lane, LANE_LOST, "the radio is gone");
	lane->channel = lane->go = NULL;
	lane->in_flight = 0;
	lane->look_us = LOOP_NEVER;
	log_write(&lane->tag, LOG_LANE, LOG_WARN, "the radio is gone; its devices move to other radios");
	line_event(line, &(struct line_event){ .kind = LINE_RADIO,
					       .radio = radio->caps.name,
					       .cause = MR_CAUSE_RADIO_GONE,
					       .detail = "gone" });
	lanes_kick(line);
}

static void on_back(void *ctx, struct radio *radio)
{
	struct line *line = ctx;
	struct lane *lane = &line->lanes[radio->index];

	enter(lane, LANE_UNTUNED, "the radio is back");
	line_event(line, &(struct line_event){ .kind = LINE_RADIO, .radio = radio->caps.name, .detail = "back" });
	kick(lane);
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

/* An adapter that cannot have all of them serves with its own address alone, and says so. */
static void acknowledge(struct lane *lane)
{
	const struct line *line = lane->line;

	if (radio_acknowledge(lane->radio, (const uint8_t(*)[6])line->addresses, line->address_count) != 0)
		log_write(&lane->tag, LOG_LANE, LOG_WARN, "acknowledges %u addresses, the methods of this job want %zu",
			  lane->radio->caps.acknowledged_max, line->address_count + 1);
}

int lanes_create(struct line *line, char *error, size_t error_len)
{
	unsigned hears = line->job->method->hears; /* those that a label may name in its place hear the same */
	uint64_t served = 0;

	line->channel_count = line->job->channel_count;
	for (size_t i = 0; i < line->channel_count; i++) {
		line->channels[i].index = i;
		line->channels[i].freq_mhz = line->job->channels[i];
		line->channels[i].place.channel = mr_mhz_to_channel(line->job->channels[i]);
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
		lane->place.radio = lane->radio->caps.name;
		lane->tag = (struct log_tag){ .log = line->o.log, .place = &lane->place };
		lane->timer = (struct loop_timer){ .fn = on_timer, .ctx = lane, .at_us = LOOP_NEVER };
		if (hears)
			(void)radio_hear(lane->radio, hears);
		if (line->address_count > 0)
			acknowledge(lane);
		lane->radio->events = (struct radio_events){ line,    on_received, on_status, on_tuned,
							     on_gone, on_back,	   NULL };
		allow(line, lane);
		served |= lane->channels;
	}
	for (size_t i = 0; i < line->channel_count; i++)
		if (!(served & 1ull << i)) {
			snprintf(error, error_len,
				 "channel %u: no radio may transmit on it here (regulatory domain, radar or hardware); "
				 "remove it from channels:",
				 mr_mhz_to_channel(line->channels[i].freq_mhz));
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

void lanes_end(struct line *line)
{
	for (size_t i = 0; i < line->lane_count; i++)
		loop_cancel(line->loop, &line->lanes[i].timer);
	for (size_t i = 0; i < line->channel_count; i++)
		for (struct farewell *f; (f = line->channels[i].farewells);) {
			line->channels[i].farewells = f->next;
			free(f);
		}
	free(line->lanes);
	line->lanes = NULL;
	line->lane_count = 0;
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
