/*
 * Sessions through a device's own BSS: the link comes up, the network for the device is picked from its scan list, the
 * device goes there and is watched, and it comes back. What is asked of it in between is the recipe's (recipe.c).
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "station/line/internal.h"
#include "station/ip/tls.h"

#define SCAN_ASKS 8u /* an empty scan list is asked for again, as often as this */
#define SCAN_AGAIN_US 1000000u
#define JOIN_SEEN_US 8000000u  /* after so long nobody waits on the network's channel any more */
#define JOIN_MAX_US 60000000u  /* from JOIN until the device stands as an access point again */
#define JOIN_US 1000000u       /* from JOIN to being joined; learned from what is seen and reported */
#define MOVING_US 50000u       /* of a radio, beside its switch time */
#define AWAY_US 2000000u       /* from JOIN to being an access point again: a little sooner is learned */
#define SILENT_US 350000u      /* beacons that are missing, one after the other: it is away */
#define BEACON_WAIT_US 250000u /* an access point that stands is heard in that time, if one of two beacons is lost */
#define LOOK_AGAIN_US 1000000u /* it was not back when it was looked for */

static uint64_t now(const struct session *s) { return loop_now_us(s->line->loop); }

/* It is not back yet: others are served, and it is looked for again. */
static void look_again(struct session *s)
{
	uint64_t due_us = now(s) + LOOK_AGAIN_US;

	bss_suspend(s->link, due_us, due_us + BEACON_WAIT_US, false);
}

/* --- beginning and end --- */

static void on_target_psk(void *ctx, const uint8_t psk[static 32])
{
	struct line *line = ctx;

	memcpy(line->target_psk, psk, 32);
	line->has_target_psk = true;
}

int access_prepare(struct line *line, char *error, size_t error_len)
{
	size_t issuer_len;
	const uint8_t *issuer = identity_issuer_der(line->o.identity, &issuer_len);

	line->join_us = JOIN_US;
	line->away_us = AWAY_US;
	line->bss = (struct bss_station){ .loop = line->loop,
					  .entropy = line->o.entropy,
					  .ip = line->o.ip,
					  .psk = psk_create(line->loop),
					  .sequence = &line->station.sequence,
					  .trust = tls_trust_create(mr_rd_over(issuer, issuer_len)),
					  .any = tls_trust_create(mr_rd_over(NULL, 0)) };
	memcpy(line->bss.mac, line->station.mac, 6);
	if (!line->bss.psk || !line->bss.ip || !line->bss.trust || !line->bss.any) {
		snprintf(error, error_len, "no memory is left for links through access points");
		return -MR_CAUSE_NO_MEMORY;
	}
	/* Who joins with WPA2 shows in message 2 that it holds the key. SAE shows nothing of the kind to others. */
	line->target_request = (struct psk_request){ .done = on_target_psk, .ctx = line };
	if (line->job->security == MR_SECURITY_WPA2)
		psk_ask(line->bss.psk, &line->target_request, line->job->ssid, line->job->ssid_len, line->passphrase);
	return 0;
}

void access_end(struct line *line)
{
	if (line->bss.psk)
		psk_cancel(line->bss.psk, &line->target_request);
	psk_destroy(line->bss.psk);
	tls_trust_destroy(line->bss.trust);
	tls_trust_destroy(line->bss.any);
	line->bss.psk = NULL;
	line->bss.trust = line->bss.any = NULL;
}

/* It did not let us in after its return: then what was heard may have been its access point before it went down. */
static bool not_yet_back(struct session *s)
{
	if (s->phase != PHASE_RETURNED || now(s) >= s->joining.asked_us + JOIN_MAX_US)
		return false;
	s->phase = PHASE_JOINING;
	s->joining.retry_us = now(s) + LOOK_AGAIN_US;
	look_again(s);
	session_touch(s);
	return true;
}

static void on_event(void *ctx, enum bss_event event, struct mr_rd message, int cause)
{
	struct session *s = ctx;

	switch (event) {
	case BSS_UP: recipe_linked(s); return;
	case BSS_RESPONSE: session_answer(s, message); return;
	case BSS_CHANGED: session_touch(s); return;
	case BSS_ENDED:
		if (!not_yet_back(s))
			session_end(s, cause);
		return;
	}
}

/* With its identity a device got a PIN, which from then on is the one that opens it. */
static void give_issued_pin(struct line *line, const struct unit *u, struct link *link)
{
	char pin[IDENTITY_PIN_MAX];

	if (u->access->method->needs & METHOD_NEEDS_PIN && u->pin_sealed_len > 0 &&
	    pin_open(line->o.identity, line->job->product, u->serial, u->pin_sealed, u->pin_sealed_len, pin) == 0)
		bss_issued(link, u->serial, pin);
	OPENSSL_cleanse(pin, sizeof(pin));
}

static enum access_method protection_of(const struct method *method)
{
	return method->protection == METHOD_BY_WPA2  ? ACCESS_MICRO_AP
	       : method->protection == METHOD_BY_PIN ? ACCESS_PIN
						     : ACCESS_HTTPS;
}

struct session *access_session(struct line *line, struct unit *unit, struct channel *channel)
{
	const struct access *a = unit->access;
	struct bss_config config = { .station = &line->bss,
				     .method = protection_of(a->method),
				     .passphrase = a->passphrase,
				     .pin = a->pin,
				     .serial = unit->serial,
				     .any_certificate = line->job->ap_certificate == JOB_CERTIFICATE_PINNED,
				     .patience_us = line->job->patience_us,
				     .event = on_event };
	struct link *link = bss_create(&config);
	struct session *s = link ? session_create_over(line, unit, channel, link) : NULL;
	int result;

	if (!s) {
		if (link)
			link_wipe(link);
		return NULL;
	}
	bss_set_context(link, s);
	give_issued_pin(line, unit, link);
	result = bss_start(link, &a->network, a->peer);
	if (result != 0)
		session_end(s, -result);
	else
		session_touch(s);
	return s;
}

void access_receive(struct session *s, struct mr_rd mpdu, const struct radio_rx *rx)
{
	s->unit->rssi_dbm = rx->rssi_dbm;
	s->overdue = false;
	bss_receive(s->link, mpdu, rx, now(s));
	session_touch(s);
}

/* --- who it is --- */

int access_identify(struct session *s, const uint8_t device_id[static 8])
{
	struct line *line = s->line;
	struct unit *u = s->unit, *known = line_unit(line, device_id);

	if (known == u)
		return 0;
	if (!known) { /* the record has never heard of it: from now on it goes by its own id */
		if (u->on_record)
			return MR_CAUSE_UNKNOWN_IDENTITY;
		map_remove(&line->by_device, map_key_octets(u->device_id));
		memcpy(u->device_id, device_id, 8);
		if (!map_put(&line->by_device, map_key_octets(device_id), u))
			return MR_CAUSE_NO_MEMORY;
		if (line->o.release_us)
			u->release_us = line->o.release_us(line->o.ctx, device_id);
		return 0;
	}
	/* Known by another address: its access point has one of its own. */
	if (u->on_record || known->session || known->alias || known->settled)
		return MR_CAUSE_DUPLICATE_DEVICE;
	known->access = u->access;
	known->home = u->home;
	known->rssi_dbm = u->rssi_dbm;
	u->access = NULL;
	u->alias = known;
	u->session = NULL;
	if (u->same_batch) {
		u->same_batch = false;
		line->seen--;
	}
	admission_greet(line, known,
			&(struct radio_rx){ .freq_mhz = s->channel->freq_mhz, .rssi_dbm = known->rssi_dbm });
	known->session = s;
	s->unit = known;
	return 0;
}

void access_opened(struct session *s)
{
	const struct access *a = s->unit->access;
	const struct bss_evidence *e = bss_evidence(s->link);
	bool secret = a->method->needs != 0;
	struct journal_record r = { .kind = JOURNAL_LINK,
				    .link = { .attempt = s->attempt,
					      .unit = s->unit->id,
					      .n = ++s->links,
					      .method = a->method->name,
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

	memcpy(r.link.bssid, a->network.bssid, 6);
	memcpy(r.link.certificate_sha256, e->certificate_sha256, 32);
	line_submit(s->line, &r);
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

int access_pick(struct session *s, const struct mr_message *m)
{
	const struct job *job = s->line->job;
	struct joining *j = &s->joining;
	bool other = false;

	if (m->cause == MR_CAUSE_UNSUPPORTED) {
		j->reason = "the device has no scan list";
		return 0;
	}
	j->asked = true;
	j->heard = (unsigned)m->network_count;
	j->candidates = 0;
	j->picked = false;
	for (size_t i = 0; i < m->network_count; i++) {
		struct mr_network n;

		if (!mr_network_read(m->networks[i], &n))
			return MR_CAUSE_BAD_RESPONSE;
		if (!is_of_job(job, &n))
			continue;
		if (!security_serves(job->security, n.security)) {
			other = true;
			continue;
		}
		j->candidates++;
		if (j->picked && n.rssi_dbm <= j->network.rssi_dbm)
			continue;
		j->network = n;
		j->picked = true;
	}
	if (j->picked) {
		j->reason = j->candidates > 1 ? "the strongest of those of the job" : "the only one of the job";
		return 0;
	}
	if (!other && ++j->asks < SCAN_ASKS) { /* it has only just begun to look around, or missed a beacon */
		s->again_us = now(s) + SCAN_AGAIN_US;
		session_rearm(s);
		return 0;
	}
	return MR_CAUSE_NETWORK_NOT_SEEN;
}

/* --- its way into the network --- */

static void watch(struct session *s, const struct mr_message *m)
{
	struct joining *j = &s->joining;
	const uint8_t *address = m->has[MR_AT_STA_ADDRESS] ? m->value[MR_AT_STA_ADDRESS].at : s->unit->access->peer;

	memcpy(j->address, address, 6);
	/* Two devices that claim one address would be each other's witness: neither is watched then. */
	j->watched = !map_get(&s->line->by_witness, map_key_mac(j->address)) &&
		     map_put(&s->line->by_witness, map_key_mac(j->address), s);
}

static void unwatch(struct session *s)
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

/* Can it be seen to join? Somebody has to be on that channel in time. */
static bool in_time(const struct line *line, const struct channel *there)
{
	bool yes = there->lane != NULL;

	for (size_t i = 0; !yes && i < line->lane_count; i++)
		yes = line->lanes[i].state != LANE_LOST && line->lanes[i].channels & 1ull << there->index &&
		      line->lanes[i].radio->caps.switch_us + MOVING_US < line->join_us;
	return yes;
}

static void move_to(struct session *s, struct channel *channel)
{
	if (session_move(s, channel))
		for (size_t i = 0; i < s->line->lane_count; i++)
			lane_kick(&s->line->lanes[i]);
	session_touch(s);
}

/* Nothing more is to be seen where it joins: it is awaited where its access point was, about when others came back. */
static void await_return(struct session *s)
{
	uint64_t due_us = s->joining.asked_us + s->line->away_us;

	if (due_us < now(s))
		due_us = now(s);
	s->joining.returning = true;
	bss_suspend(s->link, due_us, due_us + BEACON_WAIT_US, false);
	move_to(s, lane_channel(s->line, s->unit->access->network.freq_mhz));
}

/* Its radio stays where it joins, about as long as others took. */
static void await_sight(struct session *s)
{
	uint64_t most_us = 2 * s->line->join_us + BEACON_WAIT_US;

	bss_suspend(s->link, s->joining.asked_us,
		    s->joining.asked_us + (most_us < JOIN_SEEN_US ? most_us : JOIN_SEEN_US), true);
}

void access_join(struct session *s, const struct mr_message *m)
{
	uint64_t now_us = now(s);
	const struct ieee80211_network *target = &s->line->target;
	uint16_t freq_mhz = s->joining.picked ? s->joining.network.freq_mhz : target->heard_us ? target->freq_mhz : 0;
	struct channel *there = lane_channel(s->line, freq_mhz);

	s->phase = PHASE_JOINING;
	s->joining.asked_us = now_us;
	watch(s, m);
	if (!there || !in_time(s->line, there)) {
		await_return(s);
		return;
	}
	await_sight(s);
	move_to(s, there);
}

int access_expired(struct session *s, int cause)
{
	if (not_yet_back(s))
		return 0;
	if (s->phase != PHASE_JOINING || now(s) >= s->joining.asked_us + JOIN_MAX_US)
		return cause;
	if (s->joining.returning)
		look_again(s);
	else
		await_return(s);
	return 0;
}

/* Devices of a lot are alike: who is awaited now is awaited as long as the last ones took. */
static void learn_join(struct line *line, uint64_t took_us)
{
	line->join_us = line->joins++ > 0 ? (3 * line->join_us + took_us) / 4 : took_us;
	for (size_t i = 0; i < line->channel_count; i++)
		for (struct session *s = line->channels[i].sessions; s; s = s->next)
			if (s->phase == PHASE_JOINING && !s->joining.returning) {
				await_sight(s);
				session_touch(s);
			}
}

static void seen(struct session *s, enum journal_observed how)
{
	if (how <= s->joining.observed)
		return;
	if (s->joining.observed == OBSERVED_NO)
		learn_join(s->line, now(s) - s->joining.asked_us);
	s->joining.observed = how;
}

/* Message 2 of the 4-way handshake is signed with a key that only who knows the passphrase has. */
static void hear_key(struct session *s, const uint8_t aa[static 6], const uint8_t spa[static 6], bool from_ap,
		     struct mr_rd pdu)
{
	struct joining *j = &s->joining;

	if (!s->line->has_target_psk)
		return;
	if (!j->witness) {
		j->witness = calloc(1, sizeof(*j->witness));
		if (!j->witness)
			return;
		wpa_witness_init(j->witness, s->line->target_psk, aa, spa);
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

void access_witness(struct line *line, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct ieee80211_association_response response;
	struct ieee80211_header header;
	struct session *s;
	bool from_ap = true, open = line->job->security == MR_SECURITY_OPEN;
	uint16_t ethertype;

	(void)rx;
	if (!ieee80211_header_parse(&mpdu, &header))
		return;
	s = map_get(&line->by_witness, map_key_mac(header.address1));
	if (!s) {
		from_ap = false;
		s = map_get(&line->by_witness, map_key_mac(header.address2));
	}
	if (!s || s->phase != PHASE_JOINING)
		return;
	/* Only the network of the job counts, where its address is known. */
	if (line->target.heard_us && s->joining.picked && !mr_equal(s->joining.network.bssid, header.address3, 6) &&
	    !mr_equal(line->target.bssid, from_ap ? header.address2 : header.address1, 6))
		return;
	if (header.kind == IEEE80211_ASSOCIATION_RESPONSE && from_ap &&
	    ieee80211_association_response_parse(mpdu, &response) && response.status == IEEE80211_SUCCESS && open)
		seen(s, OBSERVED_SEEN);
	if (header.kind == IEEE80211_DATA && (header.flags & IEEE80211_PROTECTED) && !from_ap)
		seen(s, OBSERVED_SEEN); /* it has a key to encrypt with: the handshake is behind it */
	if (header.kind == IEEE80211_DATA && !(header.flags & IEEE80211_PROTECTED) &&
	    ieee80211_snap_parse(&mpdu, &ethertype) && ethertype == 0x888e)
		hear_key(s, from_ap ? header.address2 : header.address1, from_ap ? header.address1 : header.address2,
			 from_ap, mpdu);
	if (s->joining.observed == OBSERVED_KEY_VERIFIED ||
	    (s->joining.observed == OBSERVED_SEEN && !line->has_target_psk)) {
		unwatch(s);
		if (!s->joining.returning)
			await_return(s);
	}
}

void access_network(struct session *s, const struct ieee80211_network *network, const struct radio_rx *rx)
{
	uint64_t silent_us;
	int result;

	if (s->phase != PHASE_JOINING || !bss_suspended(s->link))
		return;
	/* It has not left yet while its beacons go on after JOIN: only an access point that was silent and came up anew
	 * is a return. */
	silent_us = now(s) - (s->joining.heard_us ? s->joining.heard_us : s->joining.asked_us);
	s->joining.heard_us = now(s);
	if (s->joining.retry_us ? now(s) < s->joining.retry_us : silent_us < SILENT_US)
		return;
	s->joining.away_us = now(s) - s->joining.asked_us;
	unwatch(s);
	session_move(s, lane_channel(s->line, rx->freq_mhz));
	if (!network->hidden)
		s->unit->access->network = *network;
	else
		networks_name(s->line, s->unit);
	s->phase = PHASE_RETURNED;
	give_issued_pin(s->line, s->unit, s->link);
	result = bss_start(s->link, &s->unit->access->network, s->unit->access->peer);
	if (result != 0)
		session_end(s, -result);
	else
		session_touch(s);
}

int access_joined(struct session *s, const struct mr_message *m)
{
	struct joining *j = &s->joining;

	access_opened(s);
	if (!m->has[MR_AT_JOIN] || !mr_join_read(m->value[MR_AT_JOIN], &j->report))
		return MR_CAUSE_BAD_RESPONSE;
	switch (j->report.state) {
	case MR_JOIN_JOINED:
		j->reported = true;
		if (j->observed == OBSERVED_NO)
			learn_join(s->line, j->report.took_ms * 1000ull);
		if (j->away_us < s->line->away_us) /* heard again at the latest then: the soonest of all counts */
			s->line->away_us = j->away_us;
		s->device_us += j->report.took_ms * 1000u;
		return 0;
	case MR_JOIN_FAILED:
		return j->report.cause && mr_cause_class(j->report.cause) == MR_CLASS_DEVICE ? j->report.cause
											     : MR_CAUSE_JOIN_FAILED;
	default: return MR_CAUSE_JOIN_TIMEOUT;
	}
}

void access_record(struct session *s)
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
						 .joined = j->reported,
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

void access_forget(struct session *s) { unwatch(s); }
