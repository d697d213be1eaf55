/*
 * Devices that make an access point, or an ad-hoc network, of their own: which of the networks that are heard are ours,
 * what opens them, and the link through them. micro-ap, pin and https differ only in what protects requests.
 */
#include "station/method/access_point.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/wire/channel.h"
#include "station/ip/tls.h"
#include "station/line/admission.h"
#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/recipe.h"

#define AGAIN_US 1000000u      /* a device whose link failed is left alone for this time */
#define TELLS_MAX 3u	       /* chosen: links in vain to one that has passed */
#define FOREIGN_ROUNDS 100000u /* of PBKDF2, for a PIN of somebody else's: a tenth of a second of a thread */
#define PROBE_EVERY_US 1000000u
#define PROBE_US 30000u	    /* access points answer a probe request within that */
#define VERDICT_US 2000000u /* a segment may be lost, or the device has closed the connection */
#define RATE_1M 2u
#define RATE_6M 12u
#define JOIN_US 1000000u /* from JOIN to being joined, until something is learned from what is seen and reported */
#define AWAY_US 2000000u /* from JOIN to being an access point again; the same */

/* --- begin and end --- */

static int begin(struct line *line, void **state, char *error, size_t error_len)
{
	struct access_points *a = calloc(1, sizeof(*a));
	size_t issuer_len;
	const uint8_t *issuer = identity_issuer_der(line->o.identity, &issuer_len);

	*state = a;
	line->join_us = JOIN_US;
	line->away_us = AWAY_US;
	if (a) {
		a->bss = (struct bss_station){ .loop = line->loop,
					       .entropy = line->o.entropy,
					       .ip = line->o.ip,
					       .psk = line->target.pool,
					       .sequence = &line->station.sequence,
					       .trust = tls_trust_create(mr_rd_over(issuer, issuer_len)),
					       .any = tls_trust_create(mr_rd_over(NULL, 0)) };
		memcpy(a->bss.mac, line->station.mac, 6);
	}
	if (a && a->bss.psk && a->bss.ip && a->bss.trust && a->bss.any)
		return 0;
	snprintf(error, error_len, "no memory is left for links through access points");
	return -MR_CAUSE_NO_MEMORY;
}

static void end(struct line *line, void *state)
{
	struct access_points *a = state;

	(void)line;
	if (!a)
		return;
	tls_trust_destroy(a->bss.trust);
	tls_trust_destroy(a->bss.any);
	access_point_labels_end(a);
	map_free(&a->by_bssid);
	free(a);
}

/* --- which networks are ours --- */

/* A network that may be a device's, while it is looked at. Secret. */
struct candidate {
	const struct method *method;
	const void *key;   /* of its label */
	struct unit *unit; /* that is known by its address; NULL: none */
	struct access access;
	size_t place; /* among the candidates of its label */
};

/* Our keys are for access points: an ad-hoc network may only be open. */
static bool security_fits(const struct method *method, const struct ieee80211_network *n)
{
	if (method->protection == METHOD_BY_WPA2)
		return !n->ibss && (n->security == IEEE80211_WPA2_PSK || n->security == IEEE80211_WPA2_WPA3);
	return n->security == IEEE80211_OPEN;
}

/* What opens this access point, by its label. NULL: it opens; else what is wrong, for the list of sightings. */
static const char *by_label(struct line *line, const uint8_t from[static 6], const struct ieee80211_network *n,
			    const char *serial, struct candidate *out)
{
	const struct roster_row *row = line->o.roster ? roster_find(line->o.roster, from, n->ssid, n->ssid_len, serial)
						      : NULL;

	if (!row)
		return "not-on-label-list";
	out->key = row;
	out->method = row->method ? row->method : line->job->method;
	if (out->method->protection == METHOD_BY_WPA2 && !row->passphrase[0])
		return "no-passphrase";
	if (out->method->needs & METHOD_NEEDS_PIN && !row->pin[0])
		return "no-pin";
	memcpy(out->access.passphrase, row->passphrase, sizeof(out->access.passphrase));
	memcpy(out->access.pin, row->pin, sizeof(out->access.pin));
	if (n->hidden) {
		out->access.network.ssid_len = row->ssid_len;
		memcpy(out->access.network.ssid, row->ssid, row->ssid_len);
		if (!row->ssid_len)
			out->access.network.ssid_len = (uint8_t)roster_ssid_make(line->job->ap_ssid, row->serial, from,
										 out->access.network.ssid);
		out->access.named = row->ssid_len > 0;
	}
	return NULL;
}

/* What opens it, by what an earlier step has put on record under the serial number in its SSID. */
static const char *by_record(struct line *line, const char *serial, struct candidate *out)
{
	const struct unit *u = serial[0] ? unit_of_serial(line, serial) : out->unit;

	out->method = line->job->method;
	out->access.from_record = true;
	out->key = u;
	if (out->method->needs == 0)
		return NULL;
	if (!u || out->method->protection == METHOD_BY_WPA2 || u->pin_sealed_len == 0)
		return "no-secret-on-record";
	if (pin_open(line->o.identity, line->job->product, u->serial, u->pin_sealed, u->pin_sealed_len,
		     out->access.pin) != 0)
		return "secret-does-not-open";
	memcpy(out->access.serial, u->serial, sizeof(out->access.serial));
	return NULL;
}

static const char nobody_s[] = ""; /* hidden, and not on the list: it is somebody's, and no sighting */

/* The verdict names what it has, for the list of sightings; the words are told once, for who looks into the log. */
static const char *other_security(const struct line *line, const uint8_t from[static 6],
				  const struct ieee80211_network *n, const struct method *method)
{
	static const struct {
		const char *verdict, *words;
	} rows[] = {
		[IEEE80211_OPEN] = { "other-security-open", "no security" },
		[IEEE80211_WEP] = { "other-security-wep", "WEP" },
		[IEEE80211_WPA] = { "other-security-wpa", "WPA of before RSN alone, TKIP as a rule" },
		[IEEE80211_WPA2_PSK] = { "other-security-wpa2", "WPA2 with a passphrase" },
		[IEEE80211_WPA2_WPA3] = { "other-security-wpa2-wpa3", "WPA2 and WPA3 with a passphrase" },
		[IEEE80211_WPA3_SAE] = { "other-security-sae", "WPA3 alone, key management SAE" },
		[IEEE80211_OWE] = { "other-security-owe", "OWE" },
		[IEEE80211_ENTERPRISE] = { "other-security-enterprise", "IEEE 802.1X" },
		[IEEE80211_OTHER] = { "other-security-unknown",
				      "an RSN element with key management or ciphers unknown here" },
	};
	struct log_tag tag = { .log = line->o.log };

	assert(n->security < sizeof(rows) / sizeof(rows[0]));
	memcpy(tag.mac, from, 6);
	if (!map_get(&line->stranger_map, map_key_mac(from)))
		log_write(&tag, LOG_METHOD, LOG_INFO, "is not opened: its network has %s, and %s wants %s",
			  rows[n->security].words, method->name,
			  n->ibss && method->protection == METHOD_BY_WPA2 ? "an access point"
			  : method->protection == METHOD_BY_WPA2	  ? "WPA2 with CCMP"
									  : "an open one");
	return rows[n->security].verdict;
}

/* What a network that is named like a device's needs to be one of ours; NULL, or what it lacks. */
static const char *look_up(struct line *line, const uint8_t from[static 6], const struct ieee80211_network *n,
			   const struct radio_rx *rx, const char *serial, struct candidate *c)
{
	const struct job *job = line->job;
	bool record = job->ap_secrets == JOB_SECRETS_RECORD;
	const char *wrong = NULL;
	uint8_t id[8];

	if (!record)
		wrong = by_label(line, from, n, serial, c);
	if (wrong && n->hidden)
		return nobody_s;
	unit_id_of_mac(from, id);
	if (!unit_id_valid(id, from) || ieee80211_is_group(n->bssid))
		return "bad-identity";
	if (!wrong && rx->rssi_dbm < job->min_rssi_dbm)
		wrong = "weak";
	if (!wrong && record)
		wrong = by_record(line, serial, c);
	if (!wrong && !security_fits(c->method, n))
		wrong = other_security(line, from, n, c->method);
	if (!wrong && !(c->unit && c->unit->same_batch) && line->named >= job->quantity)
		wrong = "beyond-quantity";
	return wrong;
}

/* Its place among those of its label, and a unit that goes by its address until it says who it is. NULL, or what is
 * wrong. */
static const char *take_place(struct line *line, struct access_points *points, const uint8_t from[static 6],
			      struct candidate *c)
{
	/* With no secret to have, and nothing on record, nobody else is meant. */
	const char *wrong = c->key ? access_point_label(points, c->key, c->unit, from, &c->access.label, &c->place)
				   : NULL;
	uint8_t id[8];

	if (wrong || c->unit)
		return wrong;
	if (points->unnamed >= UNNAMED_MAX)
		return "crowded";
	unit_id_of_mac(from, id);
	if (unit_of_id(line, id)) /* it is another's own id */
		return "bad-identity";
	c->unit = unit_meet(line, id, from);
	if (!c->unit)
		return "crowded";
	c->unit->unnamed = true;
	points->unnamed++;
	return NULL;
}

/* It is one of ours: what opens it is kept. false: no memory. */
static bool keep(struct access_points *points, const uint8_t from[static 6], const struct candidate *c)
{
	struct unit *u = c->unit;

	assert(!u->session && (!u->settled || unit_asks_again(u)) && !u->alias);
	assert(!c->access.label || c->place < CANDIDATES_MAX);
	if (!u->way && !(u->way = malloc(sizeof(c->access))))
		return false;
	u->method = c->method;
	memcpy(u->way, &c->access, sizeof(c->access));
	memcpy(access_of(u)->peer, from, 6);
	if (c->access.label)
		c->access.label->of[c->place] = u;
	return map_put(&points->by_bssid, map_key_mac(from), u);
}

/*
 * Settled, and there is nothing that it should still be told: an access point says only that it is up, so one that has
 * passed is told so until it has answered, a few times.
 */
static bool is_over(const struct unit *u)
{
	return u->settled && (!unit_asks_again(u) || u->told || u->handshakes_failed >= TELLS_MAX);
}

/* A network that is named like a device's, and is not known as one of ours. NULL: it is none of ours, for now. */
static struct unit *newcomer(struct line *line, struct access_points *points, const uint8_t from[static 6],
			     const struct ieee80211_network *n, const struct radio_rx *rx)
{
	const struct job *job = line->job;
	struct candidate c = { .access.network = *n };
	const char *wrong;
	char serial[33] = "";
	bool kept = false;

	if (n->hidden ? job->ap_secrets == JOB_SECRETS_RECORD
		      : !roster_ssid_match(job->ap_ssid, n->ssid, n->ssid_len, from, serial))
		return NULL;
	c.unit = unit_of_mac(line, from);
	if (c.unit && ((is_over(c.unit) && !unit_is_unanswered(c.unit)) || c.unit->session || c.unit->alias))
		return NULL;
	wrong = look_up(line, from, n, rx, serial, &c);
	if (!wrong)
		wrong = take_place(line, points, from, &c);
	if (!wrong)
		kept = (!c.unit->settled || unit_asks_again(c.unit) || unit_reopen(line, c.unit)) &&
		       keep(points, from, &c);
	OPENSSL_cleanse(&c.access, sizeof(c.access));
	if (wrong && wrong != nobody_s)
		line_stranger(line, from, rx, wrong);
	return kept ? c.unit : NULL;
}

static bool may_come(const struct line *line, struct unit *u, uint64_t now_us)
{
	return !u->session && !is_over(u) && !u->waiting && now_us >= access_of(u)->again_us && !line->draining &&
	       (u->same_batch || line->named < line->job->quantity) && access_point_turn(u, now_us);
}

/* Its access point is up, and nobody is at work with it: it is admitted like a device that calls. */
static void announce(struct line *line, struct unit *u, struct channel *c, const struct ieee80211_network *n)
{
	struct access *a = access_of(u);
	uint64_t now_us = loop_now_us(line->loop);

	assert(!u->session && !is_over(u) && !u->waiting);
	if (!n->hidden) {
		a->network = *n;
	} else {
		a->other_name ^= u->handshakes_failed > a->failed; /* it did not answer to that name */
		access_point_name(line, u);
	}
	a->failed = u->handshakes_failed;
	a->again_us = now_us + AGAIN_US;
	u->hello_us = now_us;
	admission_enqueue(line, u, c);
	admission_fill(line);
}

/* A device takes another name once, with its serial number. One that goes back to the old name is two devices. */
static void note_name(struct line *line, struct unit *u, const struct ieee80211_network *n, const struct radio_rx *rx)
{
	struct access *a = access_of(u);

	if (n->hidden || (a->name.len == n->ssid_len && mr_equal(a->name.ssid, n->ssid, n->ssid_len)))
		return;
	if (a->before.len > 0 && a->before.len == n->ssid_len && mr_equal(a->before.ssid, n->ssid, n->ssid_len))
		unit_shares_address(line, u, rx);
	a->before = a->name;
	a->name.len = n->ssid_len;
	memcpy(a->name.ssid, n->ssid, n->ssid_len);
}

/*
 * An access point with a session goes to another channel: it says so in the beacons before (11.8.8), or it is heard
 * there. Its session goes with it. Nothing moves for one that is on its way to its network and back.
 */
static void follow(struct session *s, const struct ieee80211_network *n)
{
	bool goes = n->switch_mhz && n->switch_beacons <= 1;
	struct channel *to = lane_channel(s->line, goes ? n->switch_mhz : n->freq_mhz);

	if (s->phase == PHASE_JOINING || !to || to == s->channel || !(s->unit->method->flags & METHOD_DEVICE_AP))
		return;
	log_write(&s->tag, LOG_SESSION, LOG_INFO, "its access point %s channel %u", goes ? "goes to" : "is on",
		  mr_mhz_to_channel(to->freq_mhz));
	access_of(s->unit)->network.freq_mhz = to->freq_mhz;
	if (lane_move(s, to)) {
		if (to->lane) /* which is there already, and does not arrive */
			link_resume(s->link, session_now(s));
		lanes_kick(s->line);
	}
	lane_touch(s);
}

/*
 * What opened one that was given back, that failed behind SEAL, or that has passed and may not know it, is forgotten:
 * it is found again like a newcomer's.
 */
static bool lost_way(const struct unit *u, const uint8_t from[static 6])
{
	return !u->way && mr_equal(u->mac, from, 6) && (!u->settled || unit_is_unanswered(u) || unit_asks_again(u));
}

static void network(struct line *line, void *state, struct lane *lane, const uint8_t from[static 6],
		    const struct ieee80211_network *n, const struct radio_rx *rx)
{
	struct access_points *points = state;
	struct unit *u = map_get(&points->by_bssid, map_key_mac(from));
	uint64_t now_us = loop_now_us(line->loop);

	if (u && u->alias)
		u = u->alias;
	if ((!u || lost_way(u, from)) && !line_stranger_rests(line, from))
		u = newcomer(line, points, from, n, rx);
	if (!u)
		return;
	/* It is another address of a device that is reached by one, or claims to be. */
	if (is_over(u) || !u->way || !mr_equal(access_of(u)->peer, from, 6))
		return;
	u->rssi_dbm = rx->rssi_dbm;
	access_of(u)->heard_us = now_us;
	note_name(line, u, n, rx);
	if (u->first_heard_us == 0)
		unit_greet(line, u, rx);
	if (u->session && u->way)
		follow(u->session, n);
	if (u->session)
		access_point_beacon(u->session, n, rx);
	else if (may_come(line, u, now_us))
		announce(line, u, lane->channel, n);
}

/* --- the voice: networks answer at once, instead of with their next beacon. IEEE 802.11-2020 11.1.4.3 --- */

static void speak(struct line *line, void *state, struct channel *c, enum method_occasion why, struct mr_wr *out,
		  struct radio_tx *tx, uint64_t *next_us)
{
	struct ieee80211_header header = { .kind = IEEE80211_PROBE_REQUEST, .sequence = line->station.sequence };
	uint64_t now_us = loop_now_us(line->loop);

	(void)state;
	*next_us = now_us + PROBE_EVERY_US;
	if (why != METHOD_PRESENT || !(units_unheard(line, c) > 0) || !units_admitted(line))
		return;
	tx->rate_500kbps = mr_band(c->freq_mhz) == MR_BAND_2GHZ ? RATE_1M : RATE_6M;
	memset(header.address1, 0xff, 6);
	memcpy(header.address2, line->station.mac, 6);
	memset(header.address3, 0xff, 6);
	ieee80211_header_build(out, &header);
	ieee80211_put_ssid(out, NULL, 0);
	ieee80211_put_rates(out, c->freq_mhz);
	line->station.sequence = (line->station.sequence + 1) & 0xfff;
	c->window_end_us = now_us + PROBE_US;
}

/* --- sessions --- */

static void on_event(void *ctx, enum api_event event, struct mr_rd message, int cause)
{
	struct session *s = ctx;

	switch (event) {
	case API_UP: recipe_linked(s); return;
	case API_RESPONSE:
		/* Prepared, it takes effect with COMMIT, whose answer a power cut may take: it is known before that. */
		if (s->phase == PHASE_ASK_IDENTITY)
			access_point_give_pin(s);
		session_answer(s, message);
		return;
	case API_CHANGED: lane_touch(s); return;
	case API_ENDED:
		if (!access_point_not_yet_back(s))
			session_end(s, cause);
		return;
	}
}

static enum api_protection protection_of(const struct method *method)
{
	return method->protection == METHOD_BY_WPA2  ? API_WPA2
	       : method->protection == METHOD_BY_PIN ? API_PIN
						     : API_TLS;
}

/* A device names its own number, and nobody vouches for it. Without PINs of its own a job says nothing about them. */
static uint32_t most_rounds(const struct job *job, const struct unit *u)
{
	uint32_t most = job->has_pin ? job->pin.iterations : FOREIGN_ROUNDS;

	return u->pin_iterations > most ? u->pin_iterations : most;
}

static enum method_opened open(struct line *line, void *state, struct unit *u, struct channel *home)
{
	const struct access_points *points = state;
	const struct access *a = access_of(u);
	struct api_config config = { .station = &points->bss,
				     .protection = protection_of(u->method),
				     .passphrase = a->passphrase,
				     .pin = a->pin,
				     .serial = a->serial[0] ? a->serial : u->serial,
				     .any_certificate = line->job->ap_certificate == JOB_CERTIFICATE_PINNED,
				     .pin_iterations = most_rounds(line->job, u),
				     .patience_us = line->job->patience_us,
				     .event = on_event };
	struct link *link = api_create(&config);
	uint8_t id[8];
	struct session *s = link ? session_create(line, u, id) : NULL;
	int result;

	assert(u->way && !u->session && !u->alias);
	if (!s) {
		if (link)
			link_wipe(link);
		return METHOD_NO_ROOM;
	}
	s->link = link;
	api_set_context(link, s);
	session_go(s, home);
	access_point_give_pin(s);
	result = api_start(link, &a->network, a->peer);
	if (result != 0)
		session_end(s, -result);
	else
		lane_touch(s);
	return METHOD_OPENED;
}

/* Frames of the device to us or to a group; beacons too where an ad-hoc network is kept together by them. */
static bool hear(struct line *line, void *state, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx)
{
	const struct access_points *points = state;
	struct mr_rd in = mpdu;
	struct ieee80211_header header;
	struct unit *u;
	struct session *s;

	(void)lane;
	if (!ieee80211_header_parse(&in, &header))
		return false;
	u = map_get(&points->by_bssid, map_key_mac(header.address2));
	if (u && u->alias)
		u = u->alias;
	s = u ? u->session : NULL;
	if (!s || !(u->method->flags & METHOD_DEVICE_AP) ||
	    (u->way && !mr_equal(access_of(u)->peer, header.address2, 6)) ||
	    (header.kind == IEEE80211_BEACON && !(u->way && access_of(u)->network.ibss)) ||
	    !(mr_equal(header.address1, line->station.mac, 6) || ieee80211_is_group(header.address1)))
		return false;
	assert(s->unit == u);
	u->rssi_dbm = rx->rssi_dbm;
	s->overdue = false;
	api_receive(s->link, mpdu, rx, session_now(s));
	lane_touch(s);
	return true;
}

static void opened(struct session *s)
{
	const struct access *a = access_of(s->unit);
	const struct api_evidence *e = api_evidence(s->link);
	bool secret = s->unit->method->needs != 0;
	struct journal_record r = { .kind = JOURNAL_LINK,
				    .link = { .attempt = s->attempt,
					      .unit = s->unit->id,
					      .n = ++s->links,
					      .method = s->unit->method->name,
					      .ad_hoc = a->network.ibss,
					      .ssid = { a->network.ssid, a->network.ssid_len },
					      .freq_mhz = a->network.freq_mhz,
					      .security = e->security,
					      .secret = !secret		 ? "none"
							: a->from_record ? "record"
									 : "label",
					      .cipher = e->cipher,
					      .has_certificate = e->has_certificate,
					      .join_us = e->join_us,
					      .address_us = e->address_us,
					      .connect_us = e->connect_us,
					      .secure_us = e->secure_us,
					      .at_us = line_utc_us(s->line) } };

	assert(s->unit->session == s && s->unit->way);
	access_point_named(s);
	memcpy(r.link.bssid, a->network.bssid, 6);
	memcpy(r.link.certificate_sha256, e->certificate_sha256, 32);
	line_submit(s->line, &r);
}

const struct method_ops access_point_ops = {
	.begin = begin,
	.end = end,
	.network = network,
	.hear = hear,
	.speak = speak,
	.open = open,
	.forget = access_point_forget,
	.opened = opened,
	.away = access_point_away,
	.back = access_point_back,
	.expired = access_point_expired,
	.verdict_us = VERDICT_US,
};
