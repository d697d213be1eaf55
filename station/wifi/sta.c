#include "station/wifi/sta_private.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"

#define PROBE_WAIT_US 100000u
#define PROBE_WAIT_MAX_US 400000u
/*
 * A request that was acknowledged will be answered: a second association request, in the queue of a slow access point
 * behind the first one, tears down the keys that were agreed meanwhile. Seen with hostapd 2.10 on a loaded machine.
 */
#define RESPONSE_WAIT_US 1000000u
#define RESPONSE_WAIT_MAX_US 2000000u
#define M1_WAIT_US 5000000u	 /* and for each later message; access points repeat theirs after 100 ms, then 1 s */
#define OPEN_US 400000u		 /* chosen: answers of slow devices come within that */
#define REFUSED_WAIT_US 1000000u /* "try again later" without saying when */
#define REFUSED_WAIT_MAX_US 5000000u
#define QUERY_WAIT_US 201000u /* dot11AssociationSAQueryRetryTimeout, 201 TU as others have it */
#define QUERIES_MAX 5	      /* dot11AssociationSAQueryMaximumTimeout 1000 TU */
#define ATTEMPTS_MAX 3
#define REFUSED_M2_MAX 3
#define REFUSED_M2_MIN 2 /* one frame that nobody signs says nothing: it has asked again, having had our M2 */

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* --- what the BSS offers, 12.6.2: protected management frames wherever they are, else the least that it takes --- */

bool sta_protects(const struct ieee80211_rsn *rsn)
{
	return (rsn->capabilities & (IEEE80211_MFPC | IEEE80211_MFPR)) &&
	       rsn->group_management == IEEE80211_CIPHER_BIP_CMAC;
}

/* The cipher that we would have to speak, by name; NULL: we speak what it wants, or the keys are agreed otherwise. */
static const char *foreign_cipher(const struct ieee80211_rsn *rsn)
{
	if (!(rsn->pairwise & IEEE80211_BIT(IEEE80211_CIPHER_CCMP)))
		return rsn->pairwise ? ieee80211_cipher_name((uint8_t)__builtin_ctz(rsn->pairwise)) : "none";
	if (rsn->group != IEEE80211_CIPHER_CCMP && rsn->group != IEEE80211_CIPHER_TKIP &&
	    rsn->group != IEEE80211_CIPHER_NO_GROUP)
		return ieee80211_cipher_name(rsn->group);
	return (rsn->capabilities & IEEE80211_MFPR) && !sta_protects(rsn) ? ieee80211_cipher_name(rsn->group_management)
									  : NULL;
}

static bool choose(struct sta *sta)
{
	const struct ieee80211_rsn *rsn = &sta->config.rsn;
	const uint32_t psk = IEEE80211_BIT(IEEE80211_AKM_PSK), psk_sha256 = IEEE80211_BIT(IEEE80211_AKM_PSK_SHA256);

	sta->pmf = sta_protects(rsn);
	if (!(rsn->akm & (psk | psk_sha256)) || foreign_cipher(rsn))
		return false;
	sta->akm = (rsn->akm & psk_sha256) && (sta->pmf || !(rsn->akm & psk)) ? IEEE80211_AKM_PSK_SHA256
									      : IEEE80211_AKM_PSK;
	return true;
}

void sta_put_rsn(const struct sta *sta, struct mr_wr *w)
{
	const struct ieee80211_rsn rsn = {
		.group = sta->config.rsn.group,
		.group_management = IEEE80211_CIPHER_BIP_CMAC,
		.pairwise = IEEE80211_BIT(IEEE80211_CIPHER_CCMP),
		.akm = IEEE80211_BIT(sta->akm),
		.capabilities = sta->pmf ? IEEE80211_MFPC : 0,
	};

	ieee80211_put_rsn(w, &rsn);
}

/* --- states --- */

static const char *const names[] = {
	[STA_NEW] = "new",
	[STA_PROBING] = "probing",
	[STA_AUTHENTICATING] = "authenticating",
	[STA_ASSOCIATING] = "associating",
	[STA_HANDSHAKING] = "handshaking",
	[STA_AUTHORIZED] = "authorized",
};

/* What may follow a state. Thrown out, or unanswered, it authenticates again from wherever it was. */
static const uint8_t follows[] = {
	[STA_NEW] = BIT(STA_PROBING) | BIT(STA_AUTHENTICATING),
	[STA_PROBING] = BIT(STA_AUTHENTICATING) | BIT(STA_AUTHORIZED),
	[STA_AUTHENTICATING] = BIT(STA_ASSOCIATING),
	[STA_ASSOCIATING] = BIT(STA_HANDSHAKING) | BIT(STA_AUTHORIZED) | BIT(STA_AUTHENTICATING),
	[STA_HANDSHAKING] = BIT(STA_AUTHORIZED) | BIT(STA_HANDSHAKING) | BIT(STA_AUTHENTICATING),
	[STA_AUTHORIZED] = BIT(STA_HANDSHAKING) | BIT(STA_AUTHENTICATING),
};

bool sta_up(const struct sta *sta) { return sta->state == STA_AUTHORIZED; }
enum sta_state sta_state(const struct sta *sta) { return sta->state; }
const struct sta_counts *sta_counts(const struct sta *sta) { return &sta->counts; }
void sta_heard(struct sta *sta) { sta->silent_us = 0; }

static enum sta_kind kind_of(enum sta_state state)
{
	switch (state) {
	case STA_PROBING: return KIND_PROBE;
	case STA_AUTHENTICATING: return KIND_AUTHENTICATION;
	case STA_ASSOCIATING: return KIND_ASSOCIATION;
	case STA_NEW:
	case STA_HANDSHAKING:
	case STA_AUTHORIZED: break;
	}
	return KIND_NONE;
}

/* The only writer of `state`. Where there is something to ask, the deadline is set when it has gone out (sta_sent). */
static void enter(struct sta *sta, enum sta_state state, uint64_t now_us, const char *why, ...)
	__attribute__((format(printf, 4, 5)));

static void enter(struct sta *sta, enum sta_state state, uint64_t now_us, const char *why, ...)
{
	const uint16_t asking = BIT(KIND_PROBE) | BIT(KIND_AUTHENTICATION) | BIT(KIND_ASSOCIATION);
	va_list args;

	assert(follows[sta->state] & BIT(state));
	va_start(args, why);
	log_vchange(sta->config.tag, LOG_STA, LOG_DEBUG, names[sta->state], names[state], why, args);
	va_end(args);
	sta->state = state;
	sta->wait_us = state == STA_PROBING ? PROBE_WAIT_US : RESPONSE_WAIT_US;
	sta->deadline_us = UINT64_MAX;
	sta->refused = false;
	sta->waited_us = 0;
	sta->pending &= (uint16_t)~asking;
	if (BIT(sta->flight.kind) & asking)
		sta->flight.again = false; /* answered, though its acknowledgement was lost */
	switch (state) {
	case STA_NEW: break;
	case STA_PROBING:
	case STA_AUTHENTICATING:
	case STA_ASSOCIATING:
		sta->pending |= (uint16_t)BIT(kind_of(state));
		sta->requests = sta->responses = 0;
		break;
	case STA_HANDSHAKING: sta->deadline_us = now_us + M1_WAIT_US; break;
	case STA_AUTHORIZED:
		sta->was_up = true;
		sta->told = false;
		sta->keepalive_us = sta->config.ibss ? UINT64_MAX : now_us + STA_KEEPALIVE_US;
		break;
	}
}

/* It is over: the result for the caller. The state stays what it was, for the caller destroys it. */
static int over(const struct sta *sta, int cause, const char *why, ...) __attribute__((format(printf, 3, 4)));

static int over(const struct sta *sta, int cause, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	log_vchange(sta->config.tag, LOG_STA, LOG_INFO, names[sta->state], mr_cause_name(cause), why, args);
	va_end(args);
	return -cause;
}

/* --- life --- */

struct sta *sta_create(const struct sta_config *config, uint64_t now_us)
{
	struct sta *sta = calloc(1, sizeof(*sta));

	assert(!(config->qos && config->ibss) && !(config->wsc_len > 0 && (config->secure || config->ibss)));
	assert(config->ssid_len <= IEEE80211_SSID_MAX && config->sequence && config->entropy);
	if (!sta)
		return NULL;
	sta->config = *config;
	sta->queue_end = &sta->queue;
	sta->hold_us = sta->query_us = sta->keepalive_us = UINT64_MAX;
	if (!config->ibss)
		mr_copy(sta->config.peer, config->bssid, 6);
	if (config->ibss || (config->secure && !config->rsn.akm))
		enter(sta, STA_PROBING, now_us, "is it there, and what does it demand");
	else
		enter(sta, STA_AUTHENTICATING, now_us, "its beacons have said what it demands");
	/* Keys are for access points: an ad-hoc network that announces an RSN is not one that we can be safe in. */
	sta->unsupported = config->secure && (config->ibss || (config->rsn.akm && !choose(sta)));
	if (sta->unsupported)
		sta->deadline_us = now_us;
	return sta;
}

static void drop_keys(struct sta *sta)
{
	wpa_sta_wipe(&sta->wpa);
	OPENSSL_cleanse(&sta->pairwise, sizeof(sta->pairwise));
	OPENSSL_cleanse(&sta->next, sizeof(sta->next));
	OPENSSL_cleanse(sta->gtk, sizeof(sta->gtk));
	OPENSSL_cleanse(sta->igtk, sizeof(sta->igtk));
	sta_msdu_free(sta->answer);
	sta->answer = NULL;
	defragment_drop(&sta->defragment);
}

void sta_destroy(struct sta *sta)
{
	if (!sta)
		return;
	drop_keys(sta);
	sta_drop_queue(sta);
	OPENSSL_cleanse(sta, sizeof(*sta));
	free(sta);
}

/* From the beginning. enum sta_event, or -(cause) when it was tried often enough. */
static int begin_again(struct sta *sta, int cause, uint64_t now_us, const char *why)
{
	bool up = sta_up(sta);

	if (++sta->attempts > ATTEMPTS_MAX)
		return over(sta, cause, "%s, %u times without having been of use", why, sta->attempts);
	drop_keys(sta);
	sta_drop_queue(sta);
	sta->flight.again = sta->flight.busy = false; /* what is in the air is of the past */
	sta->pending = 0;
	sta->m2_acked = sta->queries = 0;
	sta->hold_us = sta->query_us = sta->keepalive_us = UINT64_MAX;
	sta->seen_data.valid = sta->seen_management.valid = false;
	enter(sta, STA_AUTHENTICATING, now_us, "%s", why);
	return up ? STA_DOWN : STA_NOTHING;
}

static int gave_up(const struct sta *sta)
{
	return over(sta, sta->was_up ? MR_CAUSE_LINK_LOST : MR_CAUSE_NO_ANSWER, "silent for %llu ms",
		    (unsigned long long)sta->silent_us / 1000);
}

static int port_opens(struct sta *sta, struct sta_out *out, uint64_t now_us, const char *why)
{
	assert(!sta->config.secure || sta->wpa.established);
	enter(sta, STA_AUTHORIZED, now_us, "%s", why);
	out->event = STA_UP;
	return 0;
}

static int as_event(int result, struct sta_out *out)
{
	if (result < 0)
		return result;
	out->event = (enum sta_event)result;
	return 0;
}

/* --- management --- */

/* Probe responses; beacons do as well. */
static int on_beacon(struct sta *sta, uint8_t kind, struct mr_rd mpdu, const struct radio_rx *rx, struct sta_out *out,
		     uint64_t now_us)
{
	struct ieee80211_network n;

	bool joined = sta->config.ibss && sta_up(sta);

	if ((sta->state != STA_PROBING && !joined) || !ieee80211_network_of(mpdu, rx, &n) ||
	    n.ibss != sta->config.ibss ||
	    (!n.hidden && (n.ssid_len != sta->config.ssid_len || !mr_equal(n.ssid, sta->config.ssid, n.ssid_len))))
		return 0;
	if (!joined)
		sta_heard(sta); /* a beacon is no answer to one who has joined */
	if (sta->config.ibss) {
		if (n.privacy)
			return over(sta, MR_CAUSE_UNSUPPORTED, "the ad-hoc network is encrypted");
		mr_copy(sta->config.bssid, n.bssid, 6); /* IBSSs of one name merge, and change it, 11.1.4 */
		return joined ? 0 : port_opens(sta, out, now_us, "a beacon of the ad-hoc network");
	}
	sta->config.rsn = n.rsn;
	if (!choose(sta))
		return over(sta, MR_CAUSE_UNSUPPORTED, "its beacon demands %s, cipher %s",
			    ieee80211_security_name((enum ieee80211_security)n.security),
			    foreign_cipher(&n.rsn) ? foreign_cipher(&n.rsn) : "as ours");
	enter(sta, STA_AUTHENTICATING, now_us, "its %s says what it demands", ieee80211_kind_name(kind));
	return 0;
}

/* Refused: for good, or to be tried again after `wait_us` (0: for good). */
static int refused(struct sta *sta, uint16_t status, uint64_t wait_us, uint64_t now_us)
{
	sta->silent_us += wait_us;
	if (wait_us == 0 || sta->silent_us >= sta->config.patience_us)
		return over(sta, MR_CAUSE_ASSOCIATION_REFUSED, "status %u, %s", status, ieee80211_status_words(status));
	log_write(sta->config.tag, LOG_STA, LOG_DEBUG, "%s: refused for %llu ms (status %u, %s)", names[sta->state],
		  (unsigned long long)wait_us / 1000, status, ieee80211_status_words(status));
	sta->pending &= (uint16_t)~BIT(kind_of(sta->state));
	sta->refused = true;
	sta->deadline_us = now_us + wait_us;
	return 0;
}

static uint64_t comes_back_us(uint16_t status, struct mr_rd elements)
{
	struct ieee80211_elements e;
	uint64_t wait_us = REFUSED_WAIT_US;

	if (status != IEEE80211_TOO_MANY_STAS && status != IEEE80211_TRY_AGAIN_LATER)
		return 0;
	(void)ieee80211_elements_parse(elements, &e);
	if (e.timeout.at && mr_rd_u8(&e.timeout) == 3) /* association comeback */
		wait_us = 1024 * (uint64_t)mr_rd_le32(&e.timeout) + 10000;
	return least(wait_us, REFUSED_WAIT_MAX_US);
}

static int on_authentication(struct sta *sta, struct mr_rd body, uint64_t now_us)
{
	struct ieee80211_authentication a;

	if (sta->state != STA_AUTHENTICATING || !ieee80211_authentication_parse(body, &a) || a.transaction != 2)
		return 0;
	if (a.status == IEEE80211_UNKNOWN_ALGORITHM || a.algorithm != IEEE80211_OPEN_SYSTEM)
		return over(sta, MR_CAUSE_UNSUPPORTED, "open system authentication: algorithm %u, status %u, %s",
			    a.algorithm, a.status, ieee80211_status_words(a.status));
	if (a.status != IEEE80211_SUCCESS)
		return refused(sta, a.status, comes_back_us(a.status, a.rest), now_us);
	sta_heard(sta);
	enter(sta, STA_ASSOCIATING, now_us, "authenticated");
	return 0;
}

static int begin_handshake(struct sta *sta, uint64_t now_us, const char *why, unsigned aid)
{
	uint8_t rsne[WPA_RSNE_MAX];
	struct mr_wr w = mr_wr_over(rsne, sizeof(rsne));

	assert(sta->config.secure);
	sta_put_rsn(sta, &w);
	assert(!w.bad);
	wpa_sta_init(&sta->wpa, sta->akm, sta->config.pmk, sta->config.bssid, sta->config.own, &sta->config.rsn,
		     mr_wr_written(&w), sta->pmf, sta->config.entropy);
	sta->wpa.tag = sta->config.tag;
	enter(sta, STA_HANDSHAKING, now_us, "%s, aid %u", why, aid);
	return 0;
}

/* It has answered a request of ours that we had given up, and with that it has begun its handshake again. */
static int associated_again(struct sta *sta, unsigned aid, struct sta_out *out, uint64_t now_us)
{
	bool up = sta_up(sta);

	sta->responses++;
	if (up)
		sta_drop_queue(sta);
	out->event = up ? STA_DOWN : STA_NOTHING;
	drop_keys(sta);
	sta->flight.again = sta->flight.busy = false; /* an answer of the handshake before must not go any more */
	sta->pending &= (uint16_t)~BIT(KIND_EAPOL);
	return begin_handshake(sta, now_us, "a late response: it has associated us again", aid);
}

static int on_association(struct sta *sta, struct mr_rd body, struct sta_out *out, uint64_t now_us)
{
	struct ieee80211_association_response r;

	if (sta->state < STA_ASSOCIATING || !ieee80211_association_response_parse(body, &r))
		return 0;
	if (sta->state > STA_ASSOCIATING)
		return sta->config.secure && !(sta->pmf && sta->pairwise.in_use) && r.status == IEEE80211_SUCCESS &&
				       sta->responses < sta->requests
			       ? associated_again(sta, r.aid, out, now_us)
			       : 0;
	sta->responses++;
	if (r.status != IEEE80211_SUCCESS)
		return refused(sta, r.status, comes_back_us(r.status, r.elements), now_us);
	sta_heard(sta);
	return sta->config.secure ? begin_handshake(sta, now_us, "associated", r.aid)
				  : port_opens(sta, out, now_us, "associated, the network is open");
}

static bool means_passphrase(uint16_t reason)
{
	return reason == IEEE80211_INVALID_AUTHENTICATION || reason == IEEE80211_MIC_FAILURE ||
	       reason == IEEE80211_4WAY_TIMEOUT || reason == IEEE80211_8021X_FAILED;
}

static bool forgot_us(uint16_t reason)
{
	return reason == IEEE80211_NOT_AUTHENTICATED || reason == IEEE80211_NOT_ASSOCIATED;
}

/* Deauthentication and Disassociation, 11.3.4.5, 11.3.5.7. With PMF in use the unprotected ones only make us
 * ask, 11.13. */
static int on_farewell(struct sta *sta, uint8_t kind, struct mr_rd body, bool sealed, struct sta_out *out,
		       uint64_t now_us)
{
	uint16_t reason;
	char why[120] = "";

	if (!ieee80211_reason_parse(body, &reason) || sta->state < STA_ASSOCIATING || sta->config.ibss)
		return 0;
	if (log_wants(sta->config.tag, LOG_STA, LOG_INFO))
		snprintf(why, sizeof(why), "%s, reason %u, %s", ieee80211_kind_name(kind), reason,
			 ieee80211_reason_words(reason));
	if (sta->pmf && sta_up(sta) && !sealed) {
		log_write(sta->config.tag, LOG_STA, LOG_DEBUG, "%s in the clear: not believed", why);
		if (forgot_us(reason))
			sta_query(sta, now_us);
		return 0;
	}
	if (sta->state == STA_HANDSHAKING && sta->m2_acked >= REFUSED_M2_MIN && means_passphrase(reason))
		return over(sta, MR_CAUSE_PASSPHRASE_REFUSED, "%s, after it had our M2", why);
	out->reason = reason;
	return as_event(begin_again(sta, sta->was_up ? MR_CAUSE_LINK_LOST : MR_CAUSE_ASSOCIATION_REFUSED, now_us, why),
			out);
}

#define CATEGORY_SA_QUERY 8 /* table 9-51 */
enum sa_query { SA_QUERY_REQUEST = 0, SA_QUERY_RESPONSE = 1 };

void sta_query(struct sta *sta, uint64_t now_us)
{
	uint8_t id[2];

	if (sta->query_us != UINT64_MAX)
		return; /* asking already */
	entropy_fill(sta->config.entropy, id, sizeof(id));
	sta->query_id = (uint16_t)(id[0] | id[1] << 8);
	sta->queries = 1;
	sta->query_us = now_us + QUERY_WAIT_US;
	sta->pending |= BIT(KIND_SA_REQUEST);
	log_write(sta->config.tag, LOG_STA, LOG_DEBUG, "SA query: does it still have our association");
}

static void on_action(struct sta *sta, struct mr_rd body, bool sealed)
{
	uint8_t category = mr_rd_u8(&body), action = mr_rd_u8(&body);
	uint16_t id = mr_rd_le16(&body);

	if (body.bad || category != CATEGORY_SA_QUERY || !sealed || !sta->pmf || !sta_up(sta))
		return;
	if (action == SA_QUERY_REQUEST) {
		sta->peer_query_id = id;
		sta->pending |= BIT(KIND_SA_RESPONSE);
	} else if (action == SA_QUERY_RESPONSE && sta->query_us != UINT64_MAX && id == sta->query_id) {
		sta->query_us = UINT64_MAX;
		sta->pending &= (uint16_t)~BIT(KIND_SA_REQUEST);
		sta_heard(sta);
		log_write(sta->config.tag, LOG_STA, LOG_DEBUG, "SA query: it does");
	}
}

int sta_on_management(struct sta *sta, const struct ieee80211_header *h, struct mr_rd mpdu, struct mr_rd body,
		      bool sealed, const struct radio_rx *rx, struct sta_out *out, uint64_t now_us)
{
	switch ((enum ieee80211_kind)h->kind) {
	case IEEE80211_BEACON:
	case IEEE80211_PROBE_RESPONSE: return on_beacon(sta, h->kind, mpdu, rx, out, now_us);
	case IEEE80211_AUTHENTICATION: return on_authentication(sta, body, now_us);
	case IEEE80211_ASSOCIATION_RESPONSE: return on_association(sta, body, out, now_us);
	case IEEE80211_DEAUTHENTICATION:
	case IEEE80211_DISASSOCIATION: return on_farewell(sta, h->kind, body, sealed, out, now_us);
	case IEEE80211_ACTION: on_action(sta, body, sealed); return 0;
	case IEEE80211_ASSOCIATION_REQUEST:
	case IEEE80211_REASSOCIATION_REQUEST:
	case IEEE80211_REASSOCIATION_RESPONSE:
	case IEEE80211_PROBE_REQUEST:
	case IEEE80211_PS_POLL:
	case IEEE80211_DATA:
	case IEEE80211_NULL:
	case IEEE80211_QOS_DATA:
	case IEEE80211_QOS_NULL: break;
	}
	return 0;
}

/* --- the handshake --- */

static void install_group(struct sta *sta)
{
	const struct wpa_group *g = &sta->wpa.group;

	if (sta->wpa.new_gtk && g->gtk_id >= 1 && g->gtk_id <= 3) {
		struct sta_group *slot = &sta->gtk[g->gtk_id - 1];

		mr_copy(slot->key, g->gtk, g->gtk_len);
		slot->tkip = g->gtk_len == TKIP_KEY_LEN;
		slot->pn = g->pn;
		slot->valid = true;
	}
	if (sta->wpa.new_igtk && (g->igtk_id == 4 || g->igtk_id == 5)) {
		struct sta_group *slot = &sta->igtk[g->igtk_id - 4];

		mr_copy(slot->key, g->igtk, 16);
		slot->pn = g->ipn;
		slot->valid = true;
	}
}

static int answer(struct sta *sta, const struct mr_wr *w, bool sealed, bool promotes, uint64_t now_us)
{
	struct sta_msdu *m = sta_msdu(EAPOL_ETHERTYPE, w->buf, w->len);

	if (!m)
		return -MR_CAUSE_NO_MEMORY;
	sta_msdu_free(sta->answer);
	sta->answer = m;
	sta->answer_plain = !sealed;
	sta->answer_promotes = promotes;
	sta->answer_is_m2 = !sta->wpa.established;
	sta->pending |= BIT(KIND_EAPOL);
	if (sta->flight.kind == KIND_EAPOL)
		sta->flight.again = sta->flight.busy = false; /* an answer to something older */
	sta->waited_us = 0;
	if (sta->state == STA_HANDSHAKING)
		sta->deadline_us = now_us + M1_WAIT_US;
	return 0;
}

int sta_on_eapol(struct sta *sta, struct mr_rd pdu, bool sealed, struct sta_out *out, uint64_t now_us)
{
	uint8_t bytes[EAPOL_MAX];
	struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
	int event = wpa_sta_receive(&sta->wpa, pdu, &w), result;

	if (event < 0)
		return over(sta, -event, "the 4-way handshake");
	if (event == WPA_NOTHING)
		return 0;
	if (!sta->wpa.established && sta->m2_acked >= REFUSED_M2_MAX)
		return over(sta, MR_CAUSE_PASSPHRASE_REFUSED, "M1 once more, and %u times it had our M2",
			    sta->m2_acked);
	sta_heard(sta);
	if (event == WPA_ESTABLISHED) {
		sta->next = (struct sta_pairwise){ .valid = true };
		mr_copy(sta->next.tk, sta->wpa.ptk.tk, 16);
	}
	install_group(sta);
	result = answer(sta, &w, sealed, sta->next.valid && sta->wpa.established && !sta->wpa.wanted, now_us);
	if (result == 0 && event == WPA_ESTABLISHED && sta->state == STA_HANDSHAKING)
		return port_opens(sta, out, now_us, "M3 is true");
	return result;
}

/* --- time --- */

uint64_t sta_deadline_us(const struct sta *sta)
{
	uint64_t us = least(least(sta->deadline_us, sta->hold_us), sta->query_us);

	if (sta->left)
		return UINT64_MAX;
	if (sta->flight.again && !sta->flight.busy && !sta->flight.ripe)
		us = least(us, sta->flight.again_us);
	return sta->parked ? us : least(us, sta->keepalive_us);
}

uint64_t sta_due_us(const struct sta *sta) { return sta->state == STA_AUTHORIZED ? sta->query_us : sta->deadline_us; }

static bool is_joining(const struct sta *sta) { return sta->state > STA_PROBING && sta->state < STA_AUTHORIZED; }

static uint64_t wait_of(const struct sta *sta) { return sta->state == STA_HANDSHAKING ? M1_WAIT_US : sta->wait_us; }

/*
 * An answer is awaited, and has not come for so long that it is hardly on its way: the other end is not at work with
 * us, or does not take our key and says nothing.
 */
static bool is_waited_for_in_vain(const struct sta *sta, uint64_t now_us)
{
	return is_joining(sta) && sta->deadline_us != UINT64_MAX &&
	       (sta->refused || now_us + wait_of(sta) >= sta->deadline_us + OPEN_US);
}

bool sta_unsafe(const struct sta *sta, uint64_t now_us)
{
	return !sta->left && ((is_joining(sta) && !is_waited_for_in_vain(sta, now_us)) || sta->answer ||
			      sta->next.valid || sta->query_us != UINT64_MAX);
}

static int handshake_overdue(struct sta *sta, uint64_t now_us)
{
	const char *awaited = sta->wpa.m1 == 0 ? "M1 did not come" : "M3 did not come";

	sta->silent_us += M1_WAIT_US;
	if (sta->m2_acked > 0 && sta->wpa.m1 > 1)
		return over(sta, MR_CAUSE_PASSPHRASE_REFUSED,
			    "it had our M2 %u times, asked again (%u M1s) and said no more", sta->m2_acked,
			    sta->wpa.m1);
	if (sta->silent_us >= sta->config.patience_us)
		return over(sta, MR_CAUSE_HANDSHAKE_TIMEOUT, "%s", awaited);
	return begin_again(sta, MR_CAUSE_HANDSHAKE_TIMEOUT, now_us, awaited);
}

static int state_overdue(struct sta *sta, uint64_t now_us)
{
	sta->deadline_us = UINT64_MAX;
	if (sta->state == STA_HANDSHAKING)
		return handshake_overdue(sta, now_us);
	if (sta->state == STA_AUTHORIZED)
		return STA_NOTHING;
	sta->silent_us += sta->refused ? 0 : sta->wait_us;
	if (sta->silent_us >= sta->config.patience_us)
		return gave_up(sta);
	log_write(sta->config.tag, LOG_STA, LOG_TRACE, "%s: no answer after %llu ms, asks again", names[sta->state],
		  (unsigned long long)sta->wait_us / 1000);
	sta->wait_us = least(2 * sta->wait_us, sta->state == STA_PROBING ? PROBE_WAIT_MAX_US : RESPONSE_WAIT_MAX_US);
	sta->pending |= (uint16_t)BIT(kind_of(sta->state));
	return STA_NOTHING;
}

static int query_overdue(struct sta *sta, uint64_t now_us)
{
	if (sta->queries >= QUERIES_MAX)
		return begin_again(sta, MR_CAUSE_LINK_LOST, now_us, "no answer to our SA queries");
	sta->queries++;
	sta->query_us = now_us + QUERY_WAIT_US;
	sta->pending |= BIT(KIND_SA_REQUEST);
	return STA_NOTHING;
}

int sta_expire(struct sta *sta, uint64_t now_us)
{
	if (sta->left)
		return STA_NOTHING;
	if (sta->unsupported)
		return over(sta, MR_CAUSE_UNSUPPORTED, "%s%s",
			    sta->config.ibss		       ? "an ad-hoc network with keys"
			    : foreign_cipher(&sta->config.rsn) ? "its beacons demand a cipher that we do not speak: "
							       : "its beacons demand what we do not speak",
			    !sta->config.ibss && foreign_cipher(&sta->config.rsn) ? foreign_cipher(&sta->config.rsn)
										  : "");
	sta_ripen(sta, now_us);
	if (now_us >= sta->hold_us)
		sta->hold_us = UINT64_MAX;
	if (sta->silent_us >= sta->config.patience_us)
		return gave_up(sta);
	if (now_us >= sta->keepalive_us && !sta->parked) {
		sta->pending |= BIT(KIND_NULL);
		sta->keepalive_us = now_us + STA_KEEPALIVE_US;
	}
	if (now_us >= sta->query_us)
		return query_overdue(sta, now_us);
	return now_us >= sta->deadline_us ? state_overdue(sta, now_us) : STA_NOTHING;
}

/* --- the radio comes and goes --- */

void sta_park(struct sta *sta, uint64_t now_us)
{
	/* The silence up to here counts: the radio may come and go for ever. */
	sta->waited_us = 0;
	if (is_waited_for_in_vain(sta, now_us) && !sta->refused) {
		sta->waited_us = now_us + wait_of(sta) - sta->deadline_us;
		sta->silent_us += sta->state < STA_HANDSHAKING ? sta->waited_us : 0;
	}
	sta->parked = true;
	if (sta_up(sta) && !sta->config.ibss && !sta->told)
		sta->pending |= BIT(KIND_NULL);
}

void sta_resume(struct sta *sta, uint64_t now_us)
{
	struct sta_flight *f = &sta->flight;

	if (f->busy) { /* its report will not come, or is of no use */
		f->busy = false;
		f->again = f->kind == KIND_EAPOL || f->kind == KIND_DATA || f->kind == KIND_NULL;
	}
	f->ripe = f->again;
	if (sta_up(sta) && !sta->config.ibss && (sta->parked || sta->told))
		sta->pending |= BIT(KIND_NULL);
	sta->parked = false;
	/* One that was waited for in vain before keeps its deadline. */
	if (sta->state >= STA_HANDSHAKING && sta->deadline_us <= now_us && sta->waited_us == 0)
		sta->deadline_us = sta->state == STA_HANDSHAKING ? now_us + M1_WAIT_US : UINT64_MAX;
	if (sta->state < STA_HANDSHAKING && !(is_joining(sta) && sta->refused)) {
		sta->deadline_us = UINT64_MAX;
		sta->pending |= (uint16_t)BIT(kind_of(sta->state));
	}
	sta->waited_us = 0;
	if (sta->query_us != UINT64_MAX)
		sta->query_us = now_us + QUERY_WAIT_US;
}

void sta_leave(struct sta *sta, uint64_t now_us)
{
	(void)now_us;
	sta->pending = sta->config.ibss || sta->state < STA_ASSOCIATING ? 0 : (uint16_t)BIT(KIND_LEAVE);
	sta->left = sta->pending == 0;
	sta->flight.again = sta->flight.busy = false; /* what is in the air may arrive, and matters no more */
}
