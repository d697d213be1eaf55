#include "station/line/joining.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/session.h"
#include "station/line/talk.h"

#define SCAN_MISSES 3u	       /* chosen: two scans missed it; in a crowded hall beacons collide */
#define SCAN_ASKS 8u	       /* chosen: an empty scan list is asked for again, as often as this */
#define SCAN_AGAIN_US 1800000u /* 13 channels of 120 ms, and what the answer needs to leave: nobody hears before */

/* --- the key, and who is watched --- */

static void on_psk(void *ctx, const uint8_t psk[static 32])
{
	struct target *t = ctx;

	memcpy(t->psk, psk, 32);
	t->has_psk = true;
}

int joining_prepare(struct line *line)
{
	struct target *t = &line->target;

	t->pool = psk_create(line->loop);
	if (!t->pool)
		return -MR_CAUSE_NO_MEMORY;
	/* Who joins with WPA2 shows in message 2 that it holds the key. SAE shows nothing of the kind to others. */
	t->request = (struct psk_request){ .done = on_psk, .ctx = t };
	if (line->job->security == MR_SECURITY_WPA2)
		psk_ask(t->pool, &t->request, line->job->ssid, line->job->ssid_len, line->passphrase);
	return 0;
}

void joining_end(struct line *line)
{
	struct target *t = &line->target;

	if (t->pool)
		psk_cancel(t->pool, &t->request);
	psk_destroy(t->pool);
	OPENSSL_cleanse(t, sizeof(*t));
}

void joining_watch(struct session *s, const uint8_t address[static 6], const struct joining_events *events)
{
	struct joining *j = &s->joining;

	memcpy(j->address, address, 6);
	j->events = events;
	/* Two devices that claim one address would be each other's witness: neither is watched then. */
	j->watched = !map_get(&s->line->by_witness, map_key_mac(j->address)) &&
		     map_put(&s->line->by_witness, map_key_mac(j->address), s);
}

void joining_unwatch(struct session *s)
{
	struct joining *j = &s->joining;

	if (j->watched)
		map_remove(&s->line->by_witness, map_key_mac(j->address));
	j->watched = false;
	if (j->witness) {
		wpa_witness_wipe(j->witness);
		free(j->witness);
		j->witness = NULL;
	}
}

/* It is an access point itself, and becomes that of the job where it is. */
static bool becomes(const struct session *s) { return s->unit->method->flags & METHOD_BECOMES_AP; }

struct channel *joining_channel(const struct session *s)
{
	const struct ieee80211_network *target = &s->line->target.network;
	uint16_t freq_mhz = s->joining.picked ? s->joining.network.freq_mhz : target->heard_us ? target->freq_mhz : 0;

	return becomes(s) ? s->channel : lane_channel(s->line, freq_mhz);
}

/* --- what is heard --- */

static const char *observed_name(enum journal_observed how)
{
	return how == OBSERVED_NO ? "not seen" : how == OBSERVED_SEEN ? "seen" : "key verified";
}

static void seen(struct session *s, enum journal_observed how)
{
	if (how <= s->joining.observed)
		return;
	if (s->joining.observed == OBSERVED_NO)
		s->joining.events->first(s);
	log_state(&s->tag, LOG_JOINING, observed_name(s->joining.observed), observed_name(how), "%s",
		  phase_name(s->phase));
	s->joining.observed = how;
}

/* Nothing more is to be seen of it. */
static void complete(struct session *s)
{
	joining_unwatch(s);
	s->joining.complete = true;
	s->joining.events->complete(s);
}

static bool is_secured_as(enum mr_security job, uint8_t announced)
{
	switch (job) {
	case MR_SECURITY_OPEN: return announced == IEEE80211_OPEN;
	case MR_SECURITY_WPA2: return announced == IEEE80211_WPA2_PSK || announced == IEEE80211_WPA2_WPA3;
	case MR_SECURITY_WPA3: return announced == IEEE80211_WPA3_SAE || announced == IEEE80211_WPA2_WPA3;
	case MR_SECURITY_OTHER: break;
	}
	return false;
}

/* What was delivered are settings of an access point: the device announces them as its own. Its key is not seen. */
static void hear_beacon(struct line *line, const struct ieee80211_network *n)
{
	struct session *s = map_get(&line->by_witness, map_key_mac(n->bssid));

	if (!s || !becomes(s) || s->phase != PHASE_JOINING || !is_secured_as(line->job->security, n->security))
		return;
	s->joining.network = (struct mr_network){ .freq_mhz = n->freq_mhz, .rssi_dbm = n->rssi_dbm };
	memcpy(s->joining.network.bssid, n->bssid, 6);
	s->joining.picked = true;
	s->joining.reason = "the device announces it as its own";
	seen(s, OBSERVED_SEEN);
	complete(s);
}

void joining_network(struct line *line, const struct ieee80211_network *n)
{
	struct ieee80211_network *target = &line->target.network;

	if (n->ibss || n->ssid_len != line->job->ssid_len || memcmp(n->ssid, line->job->ssid, n->ssid_len) != 0)
		return;
	if (target->heard_us == 0 || n->rssi_dbm > target->rssi_dbm || memcmp(n->bssid, target->bssid, 6) == 0)
		*target = *n;
	hear_beacon(line, n);
}

/* Message 2 of the 4-way handshake carries a MIC under a key that is made from the passphrase. */
static void hear_key(struct session *s, const uint8_t aa[static 6], const uint8_t spa[static 6], bool from_ap,
		     struct mr_rd pdu)
{
	struct joining *j = &s->joining;

	if (!s->line->target.has_psk)
		return;
	if (!j->witness) {
		j->witness = calloc(1, sizeof(*j->witness));
		if (!j->witness)
			return;
		wpa_witness_init(j->witness, s->line->target.psk, aa, spa);
	}
	if (!mr_equal(j->witness->aa, aa, 6) || !mr_equal(j->witness->spa, spa, 6))
		return; /* to another access point of that network: the first one counts */
	switch (wpa_witness_receive(j->witness, from_ap, pdu)) {
	case WPA_WITNESS_NOTHING:
	case WPA_WITNESS_WRONG:
	case WPA_WITNESS_HOLDS: return; /* that it holds the key is not yet that it was let in */
	case WPA_WITNESS_AGREED:
	case WPA_WITNESS_JOINED: seen(s, OBSERVED_KEY_VERIFIED); return;
	}
}

/* Only the network of the job counts, where its address is known. */
static bool of_the_job(const struct session *s, const struct ieee80211_header *header, bool from_ap)
{
	const struct ieee80211_network *target = &s->line->target.network;

	return !target->heard_us || !s->joining.picked || mr_equal(s->joining.network.bssid, header->address3, 6) ||
	       mr_equal(target->bssid, from_ap ? header->address2 : header->address1, 6);
}

/* It has no word of its own to be asked for. */
static bool foreign(const struct session *s) { return s->unit->method->flags & METHOD_NO_REQUESTS; }

/*
 * Message 4: the access point has taken message 2, else there was no message 3 to be answered. Seen, not verified: the
 * witness may have missed message 2, and without its nonce no MIC can be checked.
 */
static bool is_message_4(struct mr_rd pdu)
{
	struct eapol_key key;

	return eapol_type(&pdu) == EAPOL_KEY && eapol_key_parse(pdu, &key) && (key.info & EAPOL_PAIRWISE) &&
	       (key.info & EAPOL_MIC) && (key.info & EAPOL_SECURE) && !(key.info & EAPOL_ACK);
}

/* With or without QoS: every 802.11n network and device has it. An MSDU in a frame of its own: EAPOL always is. */
static bool carries_msdu(const struct ieee80211_header *header)
{
	return header->kind == IEEE80211_DATA || header->kind == IEEE80211_QOS_DATA;
}

/* Frames that only an admitted device sends, and the handshake itself. */
static void look_at(struct session *s, const struct ieee80211_header *header, struct mr_rd body, bool from_ap)
{
	bool open = s->line->job->security == MR_SECURITY_OPEN;
	struct ieee80211_association_response response;
	uint16_t ethertype;

	if (header->kind == IEEE80211_ASSOCIATION_RESPONSE && from_ap &&
	    ieee80211_association_response_parse(body, &response) && response.status == IEEE80211_SUCCESS && open)
		seen(s, OBSERVED_SEEN);
	if (carries_msdu(header) && (header->flags & IEEE80211_PROTECTED) && !from_ap)
		seen(s, OBSERVED_SEEN); /* it has a key to encrypt with: the handshake is behind it */
	if (carries_msdu(header) && !(header->flags & IEEE80211_PROTECTED) && ieee80211_snap_parse(&body, &ethertype) &&
	    ethertype == EAPOL_ETHERTYPE) {
		if (!from_ap && is_message_4(body))
			seen(s, OBSERVED_SEEN);
		hear_key(s, from_ap ? header->address2 : header->address1,
			 from_ap ? header->address1 : header->address2, from_ap, body);
	}
}

void joining_hear(struct line *line, struct mr_rd mpdu)
{
	struct ieee80211_header header;
	struct session *s;
	bool from_ap = true;

	if (line->by_witness.count == 0 || !ieee80211_header_parse(&mpdu, &header) ||
	    mr_equal(header.address1, line->station.mac, 6))
		return;
	s = map_get(&line->by_witness, map_key_mac(header.address1));
	if (!s) {
		from_ap = false;
		s = map_get(&line->by_witness, map_key_mac(header.address2));
	}
	if (!s || (s->phase != PHASE_JOINING && s->phase != PHASE_DELIVERING) || !of_the_job(s, &header, from_ap))
		return;
	look_at(s, &header, mpdu, from_ap);
	if (s->joining.observed == OBSERVED_KEY_VERIFIED ||
	    (s->joining.observed == OBSERVED_SEEN && !line->target.has_psk))
		complete(s);
}

/* --- which network it is given --- */

static bool is_of_job(const struct job *job, const struct mr_network *n)
{
	return n->ssid_len == job->ssid_len && memcmp(n->ssid, job->ssid, n->ssid_len) == 0;
}

/* A network with both WPA2 and WPA3 is called WPA2 in scan lists; it takes WPA3 credentials too. */
static bool security_serves(enum mr_security job, uint8_t network)
{
	return network == job || (job == MR_SECURITY_WPA3 && network == MR_SECURITY_WPA2);
}

/* The strongest of those that the job names. 0, or a cause. */
static int choose(struct session *s, const struct mr_message *m, bool *other)
{
	const struct job *job = s->line->job;
	struct joining *j = &s->joining;

	for (size_t i = 0; i < m->network_count; i++) {
		struct mr_network n;

		if (!mr_network_read(m->networks[i], &n))
			return MR_CAUSE_BAD_RESPONSE;
		if (!is_of_job(job, &n))
			continue;
		if (!security_serves(job->security, n.security)) {
			*other = true;
			continue;
		}
		j->candidates++;
		if (j->picked && n.rssi_dbm <= j->network.rssi_dbm)
			continue;
		j->network = n;
		j->picked = true;
	}
	return 0;
}

int joining_pick(struct session *s, const struct mr_message *m)
{
	struct joining *j = &s->joining;
	bool other = false;
	int cause;

	if (m->cause == MR_CAUSE_UNSUPPORTED) {
		j->reason = "the device has no scan list";
		return 0;
	}
	j->asked = true;
	j->heard = (unsigned)m->network_count;
	j->candidates = 0;
	j->picked = false;
	cause = choose(s, m, &other);
	if (cause)
		return cause;
	if (j->picked) {
		j->reason = j->candidates > 1 ? "the strongest of those of the job" : "the only one of the job";
		return 0;
	}
	/* It looks for that name alone when it joins, which is answered by fewer. */
	if (!other && j->heard > 0 && j->asks + 1 >= SCAN_MISSES && s->line->target.network.heard_us != 0) {
		j->reason = "the station hears it, the device does not";
		return 0;
	}
	if (!other && ++j->asks < SCAN_ASKS) { /* it has only just begun to look around, or missed a beacon */
		s->again_us = session_now(s) + SCAN_AGAIN_US;
		talk_rearm(s);
		return 0;
	}
	return MR_CAUSE_NETWORK_NOT_SEEN;
}

void joining_record(struct session *s)
{
	static const char *const securities[] = { "open", "wpa2", "wpa3" };
	const struct job *job = s->line->job;
	struct joining *j = &s->joining;
	struct journal_record r = { .kind = JOURNAL_NETWORK,
				    .network = { .attempt = s->attempt,
						 .unit = s->unit->id,
						 .ssid = { job->ssid, job->ssid_len },
						 .security = securities[job->security],
						 .heard = j->heard,
						 .candidates = j->candidates,
						 .picked = j->picked,
						 .freq_mhz = j->network.freq_mhz,
						 .rssi_dbm = j->network.rssi_dbm,
						 .reason = j->reason ? j->reason : "the job names it",
						 .joined = j->reported || (foreign(s) && j->observed != OBSERVED_NO),
						 .joined_us = j->report.took_ms * 1000u,
						 .observed = j->observed,
						 .reported = j->reported,
						 .at_us = line_utc_us(s->line) } };

	if (j->recorded)
		return;
	j->recorded = true;
	memcpy(r.network.bssid, j->network.bssid, 6);
	line_submit(s->line, &r);
}
