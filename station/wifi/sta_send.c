/*
 * Frames as they go out, one at a time. A frame keeps its sequence and packet number until it is acknowledged or given
 * up, and is built (and sealed) anew each time it is pulled: the same numbers give the same octets, but for Retry and
 * Power Management.
 */
#include "agent/wire/channel.h"
#include "station/wifi/sta_private.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"

#define M2_APART_US 300000u
#define AGAIN_FIRST_US 20000u /* let a fade or a burst pass; the MAC has tried several times */
#define AGAIN_MAX_US 160000u
#define TRIES_MAX 8 /* of one data frame: about 0.8 s; TCP has its own ideas by then */
#define LEAVE_TRIES_MAX 3
#define OPENS_US 20000u	   /* hostapd opens the port a little after it has acknowledged M4 */
#define LISTEN_INTERVAL 10 /* beacons; how long we may be away */
#define NOT_SENT_US 5000u
#define DURATION 44u /* SIFS and ACK at 6 Mb/s; most hardware writes its own */

/* --- the queue --- */

struct sta_msdu *sta_msdu(uint16_t ethertype, const void *bytes, size_t len)
{
	struct sta_msdu *m = malloc(sizeof(*m) + len);

	if (!m)
		return NULL;
	*m = (struct sta_msdu){ .ethertype = ethertype, .len = (uint16_t)len };
	mr_copy(m->bytes, bytes, len);
	return m;
}

void sta_msdu_free(struct sta_msdu *m)
{
	if (m)
		OPENSSL_cleanse(m, sizeof(*m) + m->len);
	free(m);
}

static void pop(struct sta *sta)
{
	struct sta_msdu *m = sta->queue;

	assert(m && sta->queued > 0);
	sta->queue = m->next;
	if (!sta->queue)
		sta->queue_end = &sta->queue;
	sta->queued--;
	sta_msdu_free(m);
}

void sta_drop_queue(struct sta *sta)
{
	while (sta->queue)
		pop(sta);
	assert(sta->queued == 0 && sta->queue_end == &sta->queue);
}

int sta_send(struct sta *sta, const uint8_t *dst, uint16_t ethertype, const void *payload, size_t len)
{
	struct sta_msdu *m;

	if (len > STA_MSDU_MAX)
		return -MR_CAUSE_TOO_LONG;
	m = sta->queued < STA_QUEUE_MAX ? sta_msdu(ethertype, payload, len) : NULL;
	if (!m)
		return -MR_CAUSE_NO_MEMORY;
	mr_copy(m->dst, dst ? dst : sta->config.peer, 6);
	*sta->queue_end = m;
	sta->queue_end = &m->next;
	sta->queued++;
	assert(sta->queued <= STA_QUEUE_MAX);
	return 0;
}

size_t sta_queued(const struct sta *sta) { return sta->queued; }

size_t sta_memory(const struct sta *sta)
{
	size_t octets = sizeof(*sta) + (sta->defragment.bytes ? IEEE80211_MSDU_MAX : 0);

	for (const struct sta_msdu *m = sta->queue; m; m = m->next)
		octets += sizeof(*m) + m->len;
	return octets + (sta->answer ? sizeof(*sta->answer) + sta->answer->len : 0);
}

void sta_promote(struct sta *sta)
{
	struct sta_flight *f = &sta->flight;

	if (!sta->next.valid)
		return;
	sta->pairwise = sta->next;
	OPENSSL_cleanse(&sta->next, sizeof(sta->next));
	/* Packet numbers begin again with the key: one of the old key would be used a second time under this one. */
	if (f->kind == KIND_DATA || f->sealed)
		f->numbered = false;
}

/* --- what is next --- */

static const char *sta_kind_name(enum sta_kind kind)
{
	static const char *const names[] = {
		[KIND_LEAVE] = "deauthentication",
		[KIND_EAPOL] = "EAPOL",
		[KIND_SA_RESPONSE] = "SA query response",
		[KIND_SA_REQUEST] = "SA query",
		[KIND_NULL] = "null",
		[KIND_PROBE] = "probe request",
		[KIND_AUTHENTICATION] = "authentication",
		[KIND_ASSOCIATION] = "association request",
		[KIND_DATA] = "data",
		[KIND_NONE] = "nothing",
	};

	return names[kind];
}

static bool data_may_go(const struct sta *sta, bool hold)
{
	return sta->queue && !hold && !sta->parked && sta->state == STA_AUTHORIZED && sta->hold_us == UINT64_MAX &&
	       (!sta->config.secure || sta->pairwise.valid);
}

static enum sta_kind next_kind(const struct sta *sta, bool hold)
{
	const struct sta_flight *f = &sta->flight;
	unsigned first = KIND_NONE;

	if (sta->left || sta->unsupported || f->busy)
		return KIND_NONE;
	for (unsigned kind = KIND_NONE; kind-- > 0;)
		if (sta->pending & BIT(kind))
			first = kind;
	if (f->again && (first == KIND_NONE || first >= f->kind))
		return f->ripe && (f->kind != KIND_DATA || data_may_go(sta, hold)) ? (enum sta_kind)f->kind : KIND_NONE;
	if (first == KIND_NONE && data_may_go(sta, hold))
		return KIND_DATA;
	return (enum sta_kind)first;
}

bool sta_ready(const struct sta *sta) { return next_kind(sta, false) != KIND_NONE; }

/* --- building --- */

static struct ieee80211_header header(const struct sta *sta, uint8_t kind)
{
	const struct sta_config *c = &sta->config;
	struct ieee80211_header h = { .kind = kind, .duration = DURATION, .sequence = sta->flight.sequence };

	if (sta->flight.tries > 0)
		h.flags |= IEEE80211_RETRY;
	mr_copy(h.address1, c->bssid, 6);
	mr_copy(h.address2, c->own, 6);
	mr_copy(h.address3, c->bssid, 6);
	return h;
}

/* Every other one to everybody: some access points answer only those. In an IBSS nobody has the BSSID for an address.
 */
static void build_probe(const struct sta *sta, struct mr_wr *w)
{
	struct ieee80211_header h = header(sta, IEEE80211_PROBE_REQUEST);

	if (sta->config.ibss || sta->counts.sent % 2) {
		mr_copy(h.address1, ieee80211_broadcast, 6);
		mr_copy(h.address3, ieee80211_broadcast, 6);
		h.duration = 0;
	}
	ieee80211_header_build(w, &h);
	ieee80211_put_ssid(w, sta->config.ssid, sta->config.ssid_len);
	ieee80211_put_rates(w, sta->config.freq_mhz);
}

static void build_authentication(const struct sta *sta, struct mr_wr *w)
{
	const struct ieee80211_authentication a = { .algorithm = IEEE80211_OPEN_SYSTEM, .transaction = 1 };
	const struct ieee80211_header h = header(sta, IEEE80211_AUTHENTICATION);

	ieee80211_header_build(w, &h);
	ieee80211_authentication_build(w, &a);
}

static void put_wsc(const struct sta *sta, struct mr_wr *w)
{
	static const uint8_t oui[4] = { 0x00, 0x50, 0xf2, 4 };
	uint8_t body[sizeof(oui) + STA_WSC_MAX];

	mr_copy(body, oui, sizeof(oui));
	mr_copy(body + sizeof(oui), sta->config.wsc, sta->config.wsc_len);
	ieee80211_put_element(w, IEEE80211_VENDOR, body, sizeof(oui) + sta->config.wsc_len);
}

static void build_association(const struct sta *sta, struct mr_wr *w)
{
	const struct ieee80211_header h = header(sta, IEEE80211_ASSOCIATION_REQUEST);
	struct ieee80211_association_request r = { .capability = IEEE80211_ESS, .listen_interval = LISTEN_INTERVAL };

	if (sta->config.secure)
		r.capability |= IEEE80211_PRIVACY;
	if (mr_band(sta->config.freq_mhz) == MR_BAND_2GHZ)
		r.capability |= IEEE80211_SHORT_PREAMBLE | IEEE80211_SHORT_SLOT;
	ieee80211_header_build(w, &h);
	ieee80211_association_request_build(w, &r);
	ieee80211_put_ssid(w, sta->config.ssid, sta->config.ssid_len);
	ieee80211_put_rates_of(w, sta->config.freq_mhz, sta->config.rates);
	if (sta->config.secure)
		sta_put_rsn(sta, w);
	if (sta->config.wsc_len > 0)
		put_wsc(sta, w);
	if (sta->config.qos)
		ieee80211_put_wmm(w, false);
}

static void build_leave(const struct sta *sta, struct mr_wr *w)
{
	const struct ieee80211_header h = header(sta, IEEE80211_DEAUTHENTICATION);

	ieee80211_header_build(w, &h);
	mr_wr_le16(w, IEEE80211_LEAVING);
}

static void build_query(const struct sta *sta, bool response, struct mr_wr *w)
{
	const struct ieee80211_header h = header(sta, IEEE80211_ACTION);

	ieee80211_header_build(w, &h);
	mr_wr_u8(w, 8); /* SA Query, 9.6.9 */
	mr_wr_u8(w, response ? 1 : 0);
	mr_wr_le16(w, response ? sta->peer_query_id : sta->query_id);
}

static void build_null(const struct sta *sta, struct mr_wr *w)
{
	struct ieee80211_header h = header(sta, IEEE80211_NULL);

	h.flags |= IEEE80211_TO_DS;
	if (sta->parked)
		h.flags |= IEEE80211_POWER_MANAGEMENT;
	ieee80211_header_build(w, &h);
}

static void build_msdu(const struct sta *sta, const struct sta_msdu *m, struct mr_wr *w)
{
	struct ieee80211_header h = header(sta, sta->config.qos ? IEEE80211_QOS_DATA : IEEE80211_DATA);

	if (sta->config.ibss) {
		mr_copy(h.address1, m->dst, 6);
		if (ieee80211_is_group(m->dst)) {
			h.duration = 0;
			h.flags &= (uint8_t)~IEEE80211_RETRY;
		}
	} else {
		h.flags |= IEEE80211_TO_DS;
		mr_copy(h.address3, m->dst, 6);
	}
	ieee80211_header_build(w, &h);
	ieee80211_put_snap(w, m->ethertype);
	mr_wr_bytes(w, m->bytes, m->len);
}

static void build_answer(const struct sta *sta, struct mr_wr *w)
{
	struct sta_msdu *m = sta->answer;

	mr_copy(m->dst, sta->config.bssid, 6);
	build_msdu(sta, m, w);
}

static void build(const struct sta *sta, enum sta_kind kind, struct mr_wr *w)
{
	switch (kind) {
	case KIND_LEAVE: build_leave(sta, w); break;
	case KIND_EAPOL: build_answer(sta, w); break;
	case KIND_SA_RESPONSE: build_query(sta, true, w); break;
	case KIND_SA_REQUEST: build_query(sta, false, w); break;
	case KIND_NULL: build_null(sta, w); break;
	case KIND_PROBE: build_probe(sta, w); break;
	case KIND_AUTHENTICATION: build_authentication(sta, w); break;
	case KIND_ASSOCIATION: build_association(sta, w); break;
	case KIND_DATA: build_msdu(sta, sta->queue, w); break;
	case KIND_NONE: break;
	}
}

static bool to_be_sealed(const struct sta *sta, enum sta_kind kind)
{
	if (!sta->pairwise.valid)
		return false;
	switch (kind) {
	case KIND_EAPOL: return !sta->answer_plain;
	case KIND_DATA: return true;
	case KIND_LEAVE:
	case KIND_SA_RESPONSE:
	case KIND_SA_REQUEST: return sta->pmf;
	case KIND_NULL:
	case KIND_PROBE:
	case KIND_AUTHENTICATION:
	case KIND_ASSOCIATION:
	case KIND_NONE: break;
	}
	return false;
}

/* Chooses the numbers that stay the same when the frame is sent again. */
static void number(struct sta *sta, enum sta_kind kind)
{
	struct sta_flight *f = &sta->flight;
	bool fresh = !f->again || f->kind != kind;

	if (fresh && f->again && f->kind != KIND_DATA)
		sta->pending |= (uint16_t)BIT(f->kind); /* overtaken: later, with new numbers */
	if (fresh)
		f->tries = 0;
	f->kind = (uint8_t)kind;
	f->again = f->ripe = false;
	if (!fresh && f->numbered)
		return;
	assert(*sta->config.sequence <= 0xfff);
	f->sequence = *sta->config.sequence;
	*sta->config.sequence = (f->sequence + 1) & 0xfff;
	f->sealed = to_be_sealed(sta, kind);
	if (f->sealed)
		f->pn = ++sta->pairwise.tx_pn;
	sta->requests = (uint8_t)(sta->requests + (kind == KIND_ASSOCIATION && sta->requests < UINT8_MAX));
	f->numbered = true;
}

void sta_ripen(struct sta *sta, uint64_t now_us)
{
	struct sta_flight *f = &sta->flight;

	if (!f->again || f->ripe || now_us < f->again_us)
		return;
	f->ripe = true;
	sta->silent_us += f->silent_us;
}

size_t sta_pull(struct sta *sta, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what, uint64_t now_us)
{
	struct sta_flight *f = &sta->flight;
	uint8_t plain[RADIO_FRAME_MAX];
	struct mr_wr w = mr_wr_over(plain, sizeof(plain));
	enum sta_kind kind;
	size_t len;

	sta_ripen(sta, now_us);
	kind = next_kind(sta, hold);
	if (kind == KIND_NONE)
		return 0;
	number(sta, kind);
	assert(!f->busy && f->numbered && (!f->sealed || sta->pairwise.valid));
	sta->pending &= (uint16_t)~BIT(kind);
	build(sta, kind, &w);
	assert(!w.bad); /* all of it is ours, and its length bounded */
	if (f->sealed) {
		len = ccmp_seal(sta->pairwise.tk, (struct ccmp_info){ f->pn, 0 }, mr_wr_written(&w), frame,
				RADIO_FRAME_MAX);
	} else {
		len = w.len;
		mr_copy(frame, plain, len);
	}
	OPENSSL_cleanse(plain, w.len);
	assert(len <= RADIO_FRAME_MAX);
	f->busy = len > 0;
	f->group = ieee80211_is_group(frame + 4);
	*what = ++f->what;
	sta->counts.sent++;
	sta->counts.octets += (uint32_t)len;
	log_write(sta->config.tag, LOG_STA, LOG_TRACE, "sends %s, sequence %u, %zu octets%s", sta_kind_name(kind),
		  f->sequence, len, f->tries > 0 ? ", again" : "");
	return len;
}

/* --- the report --- */

static bool asks(enum sta_kind kind)
{
	return kind == KIND_PROBE || kind == KIND_AUTHENTICATION || kind == KIND_ASSOCIATION;
}

static bool still_asking(const struct sta *sta, enum sta_kind kind)
{
	return (kind == KIND_PROBE && sta->state == STA_PROBING) ||
	       (kind == KIND_AUTHENTICATION && sta->state == STA_AUTHENTICATING) ||
	       (kind == KIND_ASSOCIATION && sta->state == STA_ASSOCIATING);
}

static void answer_arrived(struct sta *sta, uint64_t now_us)
{
	assert(sta->answer);
	/* On a crowded channel M1s wait in the device's queue and come in a bunch, with M3 right behind them: only
	 * those count that were sent after it had time to look at our M2. */
	if (sta->answer_is_m2 && sta->m2_acked < UINT8_MAX &&
	    (sta->m2_acked == 0 || now_us >= sta->m2_acked_us + M2_APART_US)) {
		sta->m2_acked++;
		sta->m2_acked_us = now_us;
	}
	if (sta->answer_promotes) {
		sta_promote(sta);
		sta->hold_us = now_us + OPENS_US;
	}
	sta_msdu_free(sta->answer);
	sta->answer = NULL;
}

static void arrived(struct sta *sta, enum sta_kind kind, uint64_t now_us)
{
	if (kind == KIND_EAPOL && sta->answer)
		answer_arrived(sta, now_us);
	if (kind == KIND_DATA && sta->queue)
		pop(sta);
	if (kind == KIND_NULL && sta->told != sta->parked)
		log_write(sta->config.tag, LOG_STA, LOG_DEBUG, "power save: it knows that we %s",
			  sta->parked ? "are away" : "are back");
	if (kind == KIND_NULL)
		sta->told = sta->parked;
	if (kind == KIND_LEAVE)
		sta->left = true;
	if (asks(kind)) {
		sta->refused = false;
		sta->deadline_us = now_us + sta->wait_us;
	}
}

static uint64_t pause_us(unsigned tries)
{
	uint64_t us = (uint64_t)AGAIN_FIRST_US << (tries < 4 ? tries : 4);

	return us < AGAIN_MAX_US ? us : AGAIN_MAX_US;
}

static void given_up(struct sta *sta, enum sta_kind kind)
{
	log_write(sta->config.tag, LOG_STA, LOG_DEBUG, "%s given up, not acknowledged after %u tries",
		  sta_kind_name(kind), sta->flight.tries);
	if (kind == KIND_DATA && sta->queue) {
		pop(sta);
		sta->counts.lost++;
	}
	if (kind == KIND_LEAVE)
		sta->left = true;
}

/* Data is sent for a while, queries by their own timer, the rest until patience is over. */
static unsigned tries_max(enum sta_kind kind)
{
	switch (kind) {
	case KIND_LEAVE: return LEAVE_TRIES_MAX;
	case KIND_EAPOL:
	case KIND_NULL:
	case KIND_PROBE:
	case KIND_AUTHENTICATION:
	case KIND_ASSOCIATION: return UINT8_MAX;
	case KIND_DATA:
	case KIND_SA_RESPONSE: return TRIES_MAX;
	case KIND_SA_REQUEST:
	case KIND_NONE: break;
	}
	return 0;
}

static void missed(struct sta *sta, enum sta_kind kind, uint64_t now_us)
{
	struct sta_flight *f = &sta->flight;
	uint64_t us = pause_us(f->tries);

	if (tries_max(kind) == 0)
		return;
	f->tries = (uint8_t)(f->tries + (f->tries < UINT8_MAX - 1));
	if (f->tries >= tries_max(kind)) {
		given_up(sta, kind);
		return;
	}
	sta->counts.retries++;
	f->again = true;
	f->ripe = false;
	f->again_us = now_us + us;
	f->silent_us = us;
}

/* Never sent: the same again, soon; nobody's silence. */
static void not_sent(struct sta *sta, enum sta_kind kind, uint64_t now_us)
{
	if (kind == KIND_SA_REQUEST) {
		sta->pending |= (uint16_t)BIT(kind);
		return;
	}
	sta->flight.again = true;
	sta->flight.ripe = false;
	sta->flight.again_us = now_us + NOT_SENT_US;
	sta->flight.silent_us = 0;
}

void sta_sent(struct sta *sta, uint8_t what, bool acked, unsigned tries, uint64_t now_us)
{
	struct sta_flight *f = &sta->flight;
	enum sta_kind kind = (enum sta_kind)f->kind;

	if (!f->busy || f->what != what)
		return;
	f->busy = false;
	log_write(sta->config.tag, LOG_STA, LOG_TRACE, "%s %s, %u tries", sta_kind_name(kind),
		  tries == 0 ? "never went out"
		  : f->group ? "went out"
		  : acked    ? "acknowledged"
			     : "not acknowledged",
		  tries);
	if (acked && !asks(kind))
		sta_heard(sta);
	if (acked && sta->keepalive_us != UINT64_MAX)
		sta->keepalive_us = now_us + STA_KEEPALIVE_US;
	if (asks(kind) && !still_asking(sta, kind))
		return; /* answered before we knew that it had arrived */
	if (tries == 0)
		not_sent(sta, kind, now_us);
	else if (acked || f->group)
		arrived(sta, kind, now_us);
	else
		missed(sta, kind, now_us);
}
