/*
 * Sniffer mode, published schemes: the voice of a channel sends the frames of one scheme, round after round, to every
 * device that listens; nobody answers. A device is seen to join the network of the job, which is all that there is to
 * be known of it. Those of the job's list have a session from the beginning, that waits; without a list, whoever begins
 * to join while it is broadcast is taken on, up to credentials.expect.
 *
 * Frames go out as if the network's access point had sent them (From DS, its BSSID), for devices compare the BSSID with
 * what their scan has found; what is broadcast unprotected in a protected BSS, its members drop.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "station/line/admission.h"
#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/recipe.h"
#include "station/method/target.h"
#include "station/wifi/eapol.h"

#define RATE_6M 12u /* radiotap units of 500 kb/s: the lowest of OFDM, which receivers of one stream hear */
#define LIST_EVERY_US 1000000u
#define TICK_US 500000u	    /* a session looks whether its device was seen to be let in */
#define STAY_US 250000u	    /* the radio stays from one frame to the next, and for what devices do then */
#define WINDOW_US 90000000u /* of an attempt: senders of the schemes themselves stop after 45 s to 90 s */
#define SOURCE_PORT 18266u
#define EXTENDED_IV 0x20u   /* of the octet with the key id: CCMP's and TKIP's headers */
#define NEW_KEY_FRAMES 100u /* chosen: acknowledgements of the schemes are 20 to 30, then a device asks for little */

extern const struct method_ops sniffer_ops;

/* The broadcast on one channel. */
struct cast {
	struct mr_smart_sender sender;
	bool begun;
	uint16_t sequence;
	uint64_t due_us; /* the next frame's instant, by the gaps of the scheme */
};

struct sniffer {
	struct mr_smart_settings settings;
	struct cast *casts[CHANNELS_MAX];
	uint64_t frames, list_us;
	uint32_t rounds;   /* on the channel that has had most */
	uint64_t since_us; /* the first frame; 0: none yet */
};

static struct sniffer *sniffer_of(const struct session *s) { return line_state(s->line, &sniffer_ops); }

static bool by_list(const struct line *line) { return line->job->expect_file[0] != '\0'; }

/* --- what is broadcast --- */

static int refused(enum mr_smart_scheme scheme, const char *why, char *error, size_t error_len)
{
	snprintf(error, error_len, "%s cannot carry this network: %s", mr_smart_name(scheme), why);
	return -MR_CAUSE_BAD_REQUEST;
}

static int begin(struct line *line, void **state, char *error, size_t error_len)
{
	const struct job *job = line->job;
	struct sniffer *sn = calloc(1, sizeof(*sn));
	struct mr_smart_settings *settings;
	const char *why;
	int result;

	*state = sn;
	if (!sn) {
		snprintf(error, error_len, "no memory is left for a broadcast");
		return -MR_CAUSE_NO_MEMORY;
	}
	settings = &sn->settings;
	settings->ssid_len = (uint8_t)job->ssid_len;
	memcpy(settings->ssid, job->ssid, job->ssid_len);
	settings->passphrase_len = (uint8_t)strlen(line->passphrase);
	memcpy(settings->passphrase, line->passphrase, settings->passphrase_len);
	entropy_fill(line->o.entropy, settings->iv, sizeof(settings->iv));
	if (job->scheme == MR_SMART_AIRKISS)
		entropy_fill(line->o.entropy, &settings->token, 1);
	result = job_scheme_key(job, settings, error, error_len);
	why = result == 0 ? mr_smart_refuses(job->scheme, settings) : NULL;
	return why ? refused(job->scheme, why, error, error_len) : result;
}

static void end(struct line *line, void *state)
{
	struct sniffer *sn = state;

	(void)line;
	for (size_t i = 0; sn && i < CHANNELS_MAX; i++)
		OPENSSL_clear_free(sn->casts[i], sizeof(struct cast));
	OPENSSL_clear_free(sn, sizeof(*sn));
}

/* From its beginning, with the guide. NULL: no memory, or the network is not known yet. */
static struct cast *cast_at(struct line *line, struct sniffer *sn, const struct channel *c)
{
	struct cast *cast = sn->casts[c->index];

	if (!cast)
		cast = sn->casts[c->index] = calloc(1, sizeof(*cast));
	if (!cast || cast->begun)
		return cast;
	memcpy(sn->settings.bssid, line->target.network.bssid, 6);
	cast->begun = mr_smart_begin(&cast->sender, line->job->scheme, &sn->settings);
	cast->due_us = loop_now_us(line->loop);
	return cast->begun ? cast : NULL;
}

/* Without a list: are there still devices of whom nothing is known? */
static bool wants_more(const struct line *line) { return !by_list(line) && line->named < line->job->expect; }

/* Somebody is to hear it who has not been seen to join. */
static bool somebody_listens(const struct line *line)
{
	if (line->draining || line->control.paused)
		return false;
	/* Those of earlier sessions too that have no outcome: they listen again, and nobody knows where they are. */
	if (!by_list(line) && line->settled < line->job->expect)
		return true;
	for (size_t i = 0; i < line->channel_count; i++)
		for (const struct session *s = line->channels[i].sessions; s; s = s->next)
			if (s->phase == PHASE_DELIVERING)
				return true;
	return false;
}

/* --- the voice --- */

static void put_frame(struct line *line, struct cast *cast, const struct mr_smart_frame *f, struct mr_wr *out)
{
	static const uint8_t ours[4] = { 0 };
	struct mr_overheard_out o = { .from_ds = true,
				      .sequence = cast->sequence,
				      .source_port = SOURCE_PORT,
				      .port = f->port,
				      .length = f->length };

	cast->sequence = (cast->sequence + 1) & 0xfff;
	memcpy(o.bssid, line->target.network.bssid, 6);
	memcpy(o.source, line->station.mac, 6);
	memcpy(o.source_ip, ours, 4);
	memcpy(o.destination_ip, f->destination, 4);
	if (memcmp(f->destination, ours, 4) == 0) /* the gateway: an address that is nobody's does */
		memcpy(o.destination, line->target.network.bssid, 6);
	else
		mr_overheard_group(f->destination, o.destination);
	(void)mr_overheard_build(out, &o);
}

static void say(struct line *line, struct sniffer *sn, struct channel *c, struct mr_wr *out, struct radio_tx *tx,
		uint64_t *next_us)
{
	uint64_t now_us = loop_now_us(line->loop);
	struct cast *cast = cast_at(line, sn, c);
	struct mr_smart_frame f;

	if (!cast)
		return;
	c->window_end_us = now_us + STAY_US;
	*next_us = cast->due_us;
	if (now_us < cast->due_us)
		return;
	mr_smart_next(&cast->sender, &f);
	put_frame(line, cast, &f, out);
	tx->rate_500kbps = RATE_6M;
	sn->frames++;
	if (sn->since_us == 0)
		sn->since_us = now_us;
	if (cast->sender.round > sn->rounds)
		sn->rounds = cast->sender.round;
	cast->due_us = now_us + f.gap_us;
	*next_us = cast->due_us;
}

static void speak(struct line *line, void *state, struct channel *c, enum method_occasion why, struct mr_wr *out,
		  struct radio_tx *tx, uint64_t *next_us)
{
	struct sniffer *sn = state;
	uint64_t now_us = loop_now_us(line->loop);

	*next_us = UINT64_MAX;
	if (why == METHOD_LEAVING) {
		if (sn->casts[c->index]) /* who is back begins with the guide: what was half heard is lost */
			sn->casts[c->index]->begun = false;
		return;
	}
	if (line->target.network.heard_us == 0) {
		target_look_for(line, c, next_us);
		return;
	}
	/* Elsewhere too, when there are radios for it: devices try one channel after the other. */
	if (!target_is_here(line, c) && line->lane_count < 2)
		return;
	*next_us = now_us + LIST_EVERY_US;
	if (by_list(line) && target_is_here(line, c) && now_us >= sn->list_us) {
		sn->list_us = now_us + LIST_EVERY_US;
		admission_listed(line, c);
	}
	if (somebody_listens(line))
		say(line, sn, c, out, tx, next_us);
}

/* --- who joins --- */

/*
 * Encrypted under a key that is new: its packet number, which is in clear, counts from 1 (802.11-2020 12.5.3.2). So a
 * join that was missed is told from a member that has been there all the time.
 */
static bool has_new_key(const struct ieee80211_header *h, struct mr_rd body)
{
	const uint8_t *ccmp = mr_rd_take(&body, 8);

	return ccmp && h->flags & IEEE80211_PROTECTED && ccmp[3] & EXTENDED_IV && ccmp[1] == 0 && ccmp[4] == 0 &&
	       ccmp[5] == 0 && ccmp[6] == 0 && ccmp[7] == 0 && ccmp[0] <= NEW_KEY_FRAMES;
}

/* An address that joins the network of the job, or has just done so. NULL: something else. */
static const uint8_t *who_joins(const struct line *line, struct mr_rd mpdu, struct ieee80211_header *h)
{
	uint16_t ethertype;

	if (!ieee80211_header_parse(&mpdu, h) || !mr_equal(h->address1, line->target.network.bssid, 6))
		return NULL;
	if (h->kind == IEEE80211_AUTHENTICATION || h->kind == IEEE80211_ASSOCIATION_REQUEST)
		return h->address2;
	if (h->kind != IEEE80211_DATA && h->kind != IEEE80211_QOS_DATA)
		return NULL;
	if (has_new_key(h, mpdu))
		return h->address2;
	return !(h->flags & IEEE80211_PROTECTED) && ieee80211_snap_parse(&mpdu, &ethertype) &&
			       ethertype == EAPOL_ETHERTYPE
		       ? h->address2
		       : NULL;
}

/* A sighting, and on the screen: it may have the credentials from us. */
static void unlisted(struct line *line, const uint8_t mac[static 6], const struct radio_rx *rx)
{
	if (!line_stranger_rests(line, mac))
		line_stranger(line, mac, rx, LINE_JOINED_UNLISTED);
}

static void take_on(struct line *line, struct lane *lane, const uint8_t mac[static 6], const struct radio_rx *rx)
{
	struct unit *u = map_get(&line->by_mac, map_key_mac(mac));
	uint8_t id[8];

	unit_id_of_mac(mac, id);
	if (!u && !wants_more(line)) {
		unlisted(line, mac, rx);
		return;
	}
	if (!u)
		u = admission_newcomer(line, id, mac, rx);
	if (!u || u->session || u->settled)
		return;
	if (u->first_heard_us == 0)
		unit_greet(line, u, rx);
	u->rssi_dbm = rx->rssi_dbm;
	admission_enqueue(line, u, lane->channel);
	admission_fill_channel(line, lane->channel);
}

static bool hear(struct line *line, void *state, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct sniffer *sn = state;
	struct ieee80211_header h;
	static const uint8_t no_id[8];
	const uint8_t *mac = target_is_here(line, lane->channel) ? who_joins(line, mpdu, &h) : NULL;
	struct unit *u;

	if (!mac || sn->since_us == 0)
		return false;
	if (!by_list(line))
		take_on(line, lane, mac, rx);
	else if (!expected_has(&line->expected, no_id, mac))
		unlisted(line, mac, rx);
	else if ((u = map_get(&line->by_mac, map_key_mac(mac))))
		u->rssi_dbm = rx->rssi_dbm;
	return false; /* the witness wants it too */
}

static enum method_opened open(struct line *line, void *state, struct unit *u, struct channel *home)
{
	(void)state;
	return recipe_open_foreign(line, u, home);
}

const struct method_ops sniffer_ops = { .begin = begin, .end = end, .hear = hear, .speak = speak, .open = open };

/* --- the delivery of one session: it waits --- */

struct waiting {
	uint32_t rounds; /* before it */
	uint64_t until_us, next_us, begun_us;
};

static int deliver(struct session *s)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w)
		return -MR_CAUSE_NO_MEMORY;
	s->delivery.state = w;
	w->rounds = by_list(s->line) ? sniffer_of(s)->rounds : 0; /* who joins has listened before */
	w->begun_us = session_now(s);
	w->until_us = w->begun_us + WINDOW_US;
	w->next_us = w->begun_us + TICK_US;
	lane_speak(s->channel, &sniffer_ops);
	return DELIVERY_GOES_ON;
}

static uint64_t deadline_us(const struct session *s) { return ((const struct waiting *)s->delivery.state)->next_us; }

static int expire(struct session *s, uint64_t now_us)
{
	struct waiting *w = s->delivery.state;

	if (s->joining.observed != OBSERVED_NO)
		return DELIVERY_DONE;
	w->next_us = now_us + TICK_US;
	return now_us >= w->until_us ? -MR_CAUSE_NO_ANSWER : DELIVERY_GOES_ON;
}

static size_t evidence(const struct session *s, char *out, size_t cap)
{
	const struct waiting *w = s->delivery.state;
	const struct sniffer *sn = sniffer_of(s);
	json_t *o = json_pack("{s:s s:s s:b s:b s:s s:I s:I s:I}", "proved", "nothing", "protocol",
			      mr_smart_name(s->line->job->scheme), "weak", true, "encrypted", sn->settings.key_len > 0,
			      "known_by", by_list(s->line) ? "address" : "join", "rounds",
			      (json_int_t)(sn->rounds - w->rounds), "frames", (json_int_t)sn->frames, "waited_ms",
			      (json_int_t)((session_now(s) - w->begun_us) / 1000));
	size_t len = o ? json_dumpb(o, out, cap - 1, JSON_COMPACT) : 0;

	json_decref(o);
	assert(len > 0 && len < cap);
	out[len] = '\0';
	return len;
}

static void ends(struct session *s)
{
	free(s->delivery.state);
	s->delivery.state = NULL;
}

const struct delivery_ops sniffer_delivery = {
	.begin = deliver, .deadline_us = deadline_us, .expire = expire, .evidence = evidence, .end = ends
};
