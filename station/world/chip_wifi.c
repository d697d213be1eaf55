#include "station/world/chip_wifi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"
#include "agent/wire/channel.h"
#include "station/world/chip_server.h"
#include "station/world/found.h"
#include "station/wifi/soft_ap.h"
#include "station/wifi/sta.h"
#include "station/wifi/wpa.h"

#define STAS_MAX 4u		/* the default of ESP-IDF's access point */
#define OWN_ADDRESS 0xc0a80401u /* 192.168.4.1, as with most SDKs */
#define OWN_MASK 0xffffff00u
#define LEASE_S 7200u	       /* 120 minutes, the default of ESP-IDF's DHCP server */
#define IF_IDLE_US 10000000u   /* chosen: a station that comes back at once finds its interface */
#define DWELL_US 120000u       /* active scan: ESP-IDF's default is up to 120 ms a channel */
#define LIST_GOOD_US 30000000u /* a scan list this old still tells where a network is */
#define FINDS_MAX 2u	       /* scans for the network to join, at most */
/* Chosen: a join in silence is tried again until then; SDKs leave the number of tries to the application. */
#define TRY_FOR_US 15000000u
#define PATIENCE_US 2000000u /* chosen: silence of an access point until the next is tried */
#define DATA_RATE 48u	     /* 24 Mb/s, in 500 kb/s as all rates here */
#define BASIC_RATE_24 2u     /* 1 Mb/s */
#define RATE_6M 12u	     /* 6 Mb/s */
#define REKEY_US 200000u     /* of odd access points; chosen: a few times in each session, where others take an hour */
#define SWITCH_BEACONS 3u    /* that say so before the access point goes: ESP-IDF's default */
#define RETRIES 7u	     /* dot11ShortRetryLimit's default, 802.11-2020 annex C */
#define STA_COOKIE (UINT64_C(1) << 41) /* `what` below; SOFT_AP_COOKIE is the access point's */
#define PROBE_COOKIE (UINT64_C(1) << 42)
#define MSDU_COOKIE (UINT64_C(1) << 43) /* beside the access point's */

/* The channels that a small chip scans: all but those of radar. */
static const uint16_t channels[] = { 2412, 2417, 2422, 2427, 2432, 2437, 2442, 2447, 2452, 2457, 2462,
				     2467, 2472, 5180, 5200, 5220, 5240, 5745, 5765, 5785, 5805, 5825 };
#define CHANNELS_24 13u /* the first of them */
#define CHANNELS (sizeof(channels) / sizeof(channels[0]))

enum mode {
	MODE_NONE,     /* the radio is the agent's or the access point's */
	MODE_SCANNING, /* looks around for the agent */
	MODE_FINDING,  /* looks around for the network to join */
	MODE_JOINING,
	MODE_JOINED,
};

struct chip_wifi {
	struct chip_wifi_config config;
	struct entropy *entropy; /* while it is used: ten thousand of them would cost memory */
	unsigned drawn;		 /* generators so far, each with a label of its own */
	struct loop_timer timer;
	uint16_t freq_mhz; /* where the radio is; 0: on its way, or nowhere */
	uint16_t home_mhz; /* of the access point */
	struct soft_ap *ap;
	bool ibss, tls, wpa2, cck_only;
	struct ip_if *net;
	struct chip_server *server;
	unsigned in_air_msdus; /* to one STA, not reported yet */
	bool output, lost;     /* since the last answer: MSDUs left; one of them was not acknowledged */
	uint64_t idle_us;      /* the interface is destroyed then; UINT64_MAX: in use, or none */

	enum mode mode;
	bool scan_due;	   /* ordered, and the radio is still in use */
	size_t channel;	   /* index into channels[] while it looks around */
	uint64_t dwell_us; /* end of this channel; UINT64_MAX: on the way to it */
	struct found found;
	uint64_t found_us; /* when the list was finished; 0: never */

	struct chip_wifi_choice choice;
	struct mr_join join;
	struct sta *sta;
	struct sta_out *out;
	bool in_air; /* a frame of the STA */
	uint8_t psk[32];
	unsigned finds, tries;
	uint64_t until_us; /* no try begins after it */
	uint16_t sequence;
};

static uint64_t now_of(const struct chip_wifi *w) { return loop_now_us(w->config.loop); }

static void rearm(struct chip_wifi *w)
{
	uint64_t at_us = w->idle_us < w->dwell_us ? w->idle_us : w->dwell_us;

	if (w->ap && soft_ap_deadline_us(w->ap) < at_us)
		at_us = soft_ap_deadline_us(w->ap);
	if (w->sta && w->freq_mhz != 0 && sta_deadline_us(w->sta) < at_us)
		at_us = sta_deadline_us(w->sta);
	if (w->timer.at_us != at_us || w->timer.slot == 0)
		loop_at(w->config.loop, &w->timer, at_us);
}

static bool have_entropy(struct chip_wifi *w)
{
	char label[24];

	if (w->entropy)
		return true;
	snprintf(label, sizeof(label), "wifi %u", w->drawn++);
	w->entropy = entropy_create_seeded(w->config.seed, label);
	return w->entropy != NULL;
}

static void drop_entropy(struct chip_wifi *w)
{
	entropy_destroy(w->entropy);
	w->entropy = NULL;
}

/* The radio has a channel to tune to. */
static void go_to(struct chip_wifi *w, uint16_t freq_mhz)
{
	if (w->freq_mhz == freq_mhz) {
		chip_wifi_tuned(w, freq_mhz);
		return;
	}
	w->freq_mhz = 0;
	w->config.tune(w->config.ctx, freq_mhz);
}

static bool send(struct chip_wifi *w, struct mr_rd frame, uint8_t rate, uint8_t retries, uint64_t cookie)
{
	struct radio_tx tx = { .rate_500kbps = rate, .retries = retries, .priority = RADIO_NORMAL, .cookie = cookie };

	return air_send(w->config.node, frame, &tx) == 0;
}

/* --- the interface behind the access point --- */

static void drop_net(struct chip_wifi *w)
{
	chip_server_destroy(w->server);
	ip_if_destroy(w->net);
	w->server = NULL;
	w->net = NULL;
	w->idle_us = UINT64_MAX;
}

static void on_output(void *ctx, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload, size_t len)
{
	struct chip_wifi *w = ctx;

	w->output = true;
	if (w->ap)
		(void)soft_ap_send(w->ap, dst, ethertype, payload, len, now_of(w));
	rearm(w);
}

static void on_server(void *ctx)
{
	struct chip_wifi *w = ctx;

	w->config.changed(w->config.ctx);
}

static bool have_net(struct chip_wifi *w)
{
	static const struct ip_if_events events = { on_output, NULL };
	struct chip_server_config server = { .agent = w->config.agent,
					     .fault = w->config.fault,
					     .chip = w->config.chip,
					     .ctx = w,
					     .changed = on_server,
					     .link = w->tls    ? MR_LINK_TLS
						     : w->wpa2 ? MR_LINK_WPA2
							       : MR_LINK_OPEN };
	const uint8_t *mac = w->config.mac;

	if (w->net)
		return true;
	w->net = ip_if_create(w->config.ip, mac, &events, w);
	if (!w->net)
		return false;
	if (w->ibss) {
		ip_if_static(w->net, 0xa9fe0000u | (0x0100u + ((uint32_t)mac[4] << 8 | mac[5]) % 0xfe00u), 0xffff0000u,
			     0);
	} else {
		ip_if_static(w->net, OWN_ADDRESS, OWN_MASK, 0);
		ip_if_serve_dhcp(w->net, OWN_ADDRESS + 1, STAS_MAX, LEASE_S);
		ip_if_dhcp_manner(w->net, w->config.fault == DEVICE_FAULT_OTHER_GATEWAY	  ? DHCP_OTHER_GATEWAY
					  : w->config.fault == DEVICE_FAULT_DHCP_TERSE	  ? DHCP_TERSE
					  : w->config.fault == DEVICE_FAULT_DHCP_OVERLOAD ? DHCP_OVERLOADED
					  : w->config.fault == DEVICE_FAULT_DHCP_SLOW	  ? DHCP_SLOW
											  : DHCP_PLAIN);
	}
	w->server = chip_server_create(w->net, &server);
	w->idle_us = now_of(w) + IF_IDLE_US;
	if (!w->server)
		drop_net(w);
	return w->net != NULL;
}

/* --- the access point --- */

static bool on_ap_send(void *ctx, struct mr_rd frame, const struct radio_tx *tx)
{
	struct chip_wifi *w = ctx;
	bool to_one = (frame.at[0] == IEEE80211_DATA || frame.at[0] == IEEE80211_QOS_DATA) &&
		      !ieee80211_is_group(frame.at + 4);
	struct radio_tx marked = *tx;

	marked.cookie |= to_one ? MSDU_COOKIE : 0;
	if (w->mode != MODE_NONE || air_send(w->config.node, frame, &marked) != 0)
		return false;
	w->in_air_msdus += to_one;
	return true;
}

static void on_ap_received(void *ctx, const uint8_t dst[static 6], const uint8_t src[static 6], uint16_t ethertype,
			   struct mr_rd payload)
{
	struct chip_wifi *w = ctx;

	(void)src;
	if (!have_net(w))
		return;
	if (w->ibss)
		w->idle_us = now_of(w) + IF_IDLE_US;
	ip_if_input(w->net, dst, ethertype, payload.at, payload.left);
	chip_server_check(w->server, false);
}

static bool on_ap_admits(void *ctx, const uint8_t mac[static 6])
{
	(void)mac;
	return have_net(ctx);
}

static void on_ap_joined(void *ctx, const uint8_t mac[static 6])
{
	struct chip_wifi *w = ctx;

	(void)mac;
	w->idle_us = UINT64_MAX;
}

static void on_ap_left(void *ctx, const uint8_t mac[static 6], int reason)
{
	struct chip_wifi *w = ctx;

	(void)mac;
	(void)reason;
	if (w->ap && soft_ap_stas(w->ap) == 0)
		w->idle_us = now_of(w) + IF_IDLE_US;
	if (w->server) /* whoever has asked, and leaves, has its answer: no acknowledgement comes any more */
		chip_server_check(w->server, true);
}

static void on_ap_moves(void *ctx, uint16_t freq_mhz)
{
	struct chip_wifi *w = ctx;

	w->home_mhz = freq_mhz;
	if (w->mode == MODE_NONE)
		go_to(w, freq_mhz);
}

/* 802.11-2020 J.4.1; 64 digits are the key itself. The time that it takes is charged where the agent asks for it. */
static bool make_psk(const char *passphrase, const uint8_t *ssid, size_t ssid_len, uint8_t psk[static 32])
{
	size_t len;

	if (strlen(passphrase) != 64)
		return wpa_psk(passphrase, ssid, ssid_len, psk);
	return OPENSSL_hexstr2buf_ex(psk, 32, &len, passphrase, '\0') == 1 && len == 32;
}

/* It keeps its access point, and who is in it, while its radio is elsewhere. */
static bool stays(const struct chip_wifi *w)
{
	return w->config.odd && (w->config.mac[5] + 5u * w->config.mac[4]) % 4 == 1;
}

/* What access points of small devices are like that nobody here has made. The MAC decides, so that a restart changes
 * nothing. */
static void make_odd(const struct chip_wifi *w, struct soft_ap_config *c)
{
	static const uint16_t intervals[4] = { 100, 100, 400, 1000 };
	unsigned kind = w->config.mac[5] + 5u * w->config.mac[4];
	bool low = mr_band(c->freq_mhz) == MR_BAND_2GHZ;

	c->odd = (uint8_t)(kind % (SOFT_AP_ODD_MAX + 1));
	c->interval_tu = c->ibss ? 0 : intervals[kind % 4];
	c->wmm = kind % 3 == 1 && !c->ibss;
	c->pmf_capable = kind % 2 && w->wpa2;
	c->group_tkip = kind % 4 == 3 && w->wpa2;
	c->rekey_us = kind % 3 == 2 && w->wpa2 ? REKEY_US : 0;
	c->cck_only = kind % 5 == 2 && low;
	c->ht = c->wmm && !c->cck_only;
	c->stas_max = kind % 3 == 0 ? 1 : STAS_MAX;
}

static void take_down(struct chip_wifi *w)
{
	if (!w->ap)
		return;
	soft_ap_dismiss(w->ap, NULL, IEEE80211_LEAVING, now_of(w));
	soft_ap_destroy(w->ap);
	w->ap = NULL;
	drop_net(w);
	drop_entropy(w);
	rearm(w);
	w->config.changed(w->config.ctx);
}

void chip_wifi_access_point_up(struct chip_wifi *w, const struct mr_access_point *ap, uint16_t freq_mhz)
{
	struct soft_ap_config c = { .ssid_len = ap->ssid_len,
				    .ibss = ap->ibss,
				    .hidden = w->config.hidden,
				    .stas_max = STAS_MAX,
				    .freq_mhz = freq_mhz ? freq_mhz : ap->freq_mhz };
	struct soft_ap_events events = { w,	     on_ap_send, on_ap_received, on_ap_admits, on_ap_joined,
					 on_ap_left, on_ap_moves };

	if (w->ap && stays(w))
		return;
	take_down(w);
	w->ibss = ap->ibss;
	w->tls = ap->tls;
	w->wpa2 = ap->security == MR_SECURITY_WPA2;
	c.security = w->wpa2 ? IEEE80211_WPA2_PSK : IEEE80211_OPEN;
	memcpy(c.mac, w->config.mac, 6);
	memcpy(c.ssid, ap->ssid, ap->ssid_len);
	if (w->config.odd)
		make_odd(w, &c);
	w->cck_only = c.cck_only;
	if (have_entropy(w) && (!w->wpa2 || make_psk(ap->passphrase, c.ssid, c.ssid_len, c.psk)))
		w->ap = soft_ap_create(&c, &events, w->entropy, now_of(w));
	mr_wipe(&c, sizeof(c));
	if (!w->ap)
		return;
	w->home_mhz = freq_mhz ? freq_mhz : ap->freq_mhz;
	if (w->mode == MODE_NONE && w->freq_mhz != w->home_mhz)
		go_to(w, w->home_mhz);
	rearm(w);
}

void chip_wifi_access_point_anew(struct chip_wifi *w, const struct mr_access_point *ap, uint16_t freq_mhz)
{
	take_down(w);
	chip_wifi_access_point_up(w, ap, freq_mhz);
}

void chip_wifi_access_point_down(struct chip_wifi *w)
{
	if (!stays(w))
		take_down(w);
}

void chip_wifi_dismiss(struct chip_wifi *w)
{
	if (w->ap)
		soft_ap_dismiss(w->ap, NULL, IEEE80211_UNSPECIFIED, now_of(w));
	rearm(w);
}

void chip_wifi_switch(struct chip_wifi *w, uint16_t freq_mhz)
{
	if (w->ap && freq_mhz != w->home_mhz)
		soft_ap_switch(w->ap, freq_mhz, SWITCH_BEACONS);
}

/* --- looking around --- */

static void look_at(struct chip_wifi *w, size_t channel)
{
	w->channel = channel;
	w->dwell_us = UINT64_MAX;
	go_to(w, channels[channel]);
}

static void begin_looking(struct chip_wifi *w, enum mode mode)
{
	w->found.count = 0;
	w->mode = mode;
	air_skip_beacons(w->config.node, false);
	look_at(w, 0);
}

/* 11.1.4.3.2: on arrival, asks all, or those of the name that is looked for. */
static void probe(struct chip_wifi *w)
{
	struct ieee80211_header h = { .kind = IEEE80211_PROBE_REQUEST, .sequence = w->sequence++ & 0xfff };
	uint8_t frame[128];
	struct mr_wr f = mr_wr_over(frame, sizeof(frame));

	memcpy(h.address1, ieee80211_broadcast, 6);
	memcpy(h.address2, w->config.mac, 6);
	memcpy(h.address3, ieee80211_broadcast, 6);
	ieee80211_header_build(&f, &h);
	ieee80211_put_ssid(&f, w->found.ssid, w->found.ssid_len);
	ieee80211_put_rates(&f, w->freq_mhz);
	(void)send(w, mr_wr_written(&f), mr_band(w->freq_mhz) == MR_BAND_2GHZ ? BASIC_RATE_24 : RATE_6M, 0,
		   PROBE_COOKIE);
}

static enum mr_security security_of(const struct ieee80211_network *n)
{
	switch ((enum ieee80211_security)n->security) {
	case IEEE80211_OPEN: return MR_SECURITY_OPEN;
	case IEEE80211_WPA2_PSK:
	case IEEE80211_WPA2_WPA3: return MR_SECURITY_WPA2;
	case IEEE80211_WPA3_SAE: return MR_SECURITY_WPA3;
	case IEEE80211_WEP:
	case IEEE80211_WPA:
	case IEEE80211_OWE:
	case IEEE80211_ENTERPRISE:
	case IEEE80211_OTHER: break;
	}
	return MR_SECURITY_OTHER;
}

bool chip_wifi_network(const struct chip_wifi *w, unsigned i, struct mr_network *out)
{
	if (chip_wifi_is_scanning(w) || i >= w->found.count)
		return false;
	*out = (struct mr_network){ .freq_mhz = w->found.at[i].freq_mhz,
				    .rssi_dbm = w->found.at[i].rssi_dbm,
				    .security = (uint8_t)security_of(&w->found.at[i]),
				    .ssid_len = w->found.at[i].ssid_len };
	memcpy(out->bssid, w->found.at[i].bssid, 6);
	memcpy(out->ssid, w->found.at[i].ssid, w->found.at[i].ssid_len);
	return true;
}

bool chip_wifi_is_scanning(const struct chip_wifi *w) { return w->scan_due || w->mode == MODE_SCANNING; }

/* --- joining --- */

static void fail(struct chip_wifi *w, int cause)
{
	w->mode = MODE_NONE;
	w->join.state = MR_JOIN_FAILED;
	w->join.cause = (uint16_t)cause;
	w->config.changed(w->config.ctx);
}

static bool fits(const struct chip_wifi *w, const struct ieee80211_network *n)
{
	const struct chip_wifi_choice *c = &w->choice;

	return !n->ibss && n->ssid_len == c->ssid_len && memcmp(n->ssid, c->ssid, c->ssid_len) == 0 &&
	       (!c->chosen || memcmp(n->bssid, c->bssid, 6) == 0) && security_of(n) == c->security;
}

/* The `nth` access point of that name, strongest first; they take turns. */
static const struct ieee80211_network *candidate(const struct chip_wifi *w, unsigned nth)
{
	const struct ieee80211_network *of[FOUND_MAX];
	size_t count = 0;

	for (size_t i = 0; i < w->found.count; i++)
		if (fits(w, &w->found.at[i]))
			of[count++] = &w->found.at[i];
	return count > 0 ? of[nth % count] : NULL;
}

static void drop_sta(struct chip_wifi *w)
{
	sta_destroy(w->sta);
	w->sta = NULL;
	w->in_air = false;
}

/* The radio is there. */
static void associate(struct chip_wifi *w)
{
	const struct ieee80211_network *n = candidate(w, w->tries - 1);
	struct sta_config c = { .freq_mhz = w->freq_mhz,
				.secure = w->choice.security == MR_SECURITY_WPA2,
				.patience_us = PATIENCE_US,
				.entropy = w->entropy,
				.sequence = &w->sequence };

	if (n) {
		memcpy(c.own, w->config.mac, 6);
		memcpy(c.bssid, n->bssid, 6);
		memcpy(c.ssid, n->ssid, n->ssid_len);
		c.ssid_len = n->ssid_len;
		c.rsn = n->rsn;
		c.qos = n->wmm;
		memcpy(c.pmk, w->psk, 32);
		memcpy(w->join.bssid, n->bssid, 6);
		w->join.freq_mhz = n->freq_mhz;
		w->sta = sta_create(&c, now_of(w));
	}
	mr_wipe(&c, sizeof(c));
	if (!w->sta)
		fail(w, MR_CAUSE_JOIN_FAILED);
}

static void try_next(struct chip_wifi *w)
{
	const struct ieee80211_network *n = candidate(w, w->tries);

	w->tries++;
	w->mode = MODE_JOINING;
	if (n)
		go_to(w, n->freq_mhz);
	else
		fail(w, MR_CAUSE_NETWORK_NOT_SEEN);
}

/* Silence may be loss or a crowd: another try; a refusal stays one. */
static void on_sta_over(struct chip_wifi *w, int cause)
{
	drop_sta(w);
	if (w->mode == MODE_JOINING && now_of(w) < w->until_us &&
	    (cause == MR_CAUSE_NO_ANSWER || cause == MR_CAUSE_HANDSHAKE_TIMEOUT || cause == MR_CAUSE_LINK_LOST))
		try_next(w);
	else
		fail(w, cause);
}

static void pump(struct chip_wifi *w)
{
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len;

	while (w->sta && !w->in_air && w->freq_mhz != 0 && sta_ready(w->sta)) {
		len = sta_pull(w->sta, frame, false, &what, now_of(w));
		if (len == 0)
			return;
		w->in_air = send(w, mr_rd_over(frame, len), w->mode == MODE_JOINED ? DATA_RATE : RATE_6M, RETRIES,
				 STA_COOKIE | what);
		if (!w->in_air) {
			sta_sent(w->sta, what, false, 0, now_of(w));
			return;
		}
	}
}

static void sta_receives(struct chip_wifi *w, struct mr_rd frame, const struct radio_rx *rx)
{
	int result;

	if (!w->out)
		w->out = calloc(1, sizeof(*w->out));
	if (!w->out)
		return;
	result = sta_receive(w->sta, frame, rx, w->out, rx->time_us);
	if (result < 0) {
		on_sta_over(w, -result);
	} else if (w->out->event == STA_UP) {
		w->mode = MODE_JOINED;
		w->join.state = MR_JOIN_JOINED;
	}
	mr_wipe(w->out, offsetof(struct sta_out, bytes));
	pump(w);
}

void chip_wifi_join(struct chip_wifi *w, const struct chip_wifi_choice *choice)
{
	drop_sta(w);
	w->choice = *choice;
	w->join = (struct mr_join){ .state = MR_JOIN_JOINING };
	w->finds = w->tries = 0;
	w->until_us = now_of(w) + TRY_FOR_US;
	w->scan_due = false;
	if (choice->security != MR_SECURITY_OPEN && choice->security != MR_SECURITY_WPA2) {
		fail(w, MR_CAUSE_UNSUPPORTED);
		return;
	}
	if (!have_entropy(w) || (choice->security == MR_SECURITY_WPA2 &&
				 !make_psk(choice->passphrase, choice->ssid, choice->ssid_len, w->psk))) {
		fail(w, MR_CAUSE_JOIN_FAILED);
		return;
	}
	if (w->found_us != 0 && now_of(w) - w->found_us < LIST_GOOD_US && candidate(w, 0)) {
		air_skip_beacons(w->config.node, false);
		try_next(w);
	} else {
		found_want(&w->found, choice->ssid, choice->ssid_len);
		begin_looking(w, MODE_FINDING);
	}
	rearm(w);
}

void chip_wifi_leave(struct chip_wifi *w)
{
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len;

	if (w->sta && w->freq_mhz != 0) {
		sta_leave(w->sta, now_of(w));
		while ((len = sta_pull(w->sta, frame, false, &what, now_of(w))) > 0) {
			bool taken = send(w, mr_rd_over(frame, len), RATE_6M, RETRIES, PROBE_COOKIE);

			sta_sent(w->sta, what, taken, taken ? 1 : 0, now_of(w));
			if (!taken)
				break;
		}
	}
	drop_sta(w);
	free(w->out);
	w->out = NULL;
	w->mode = MODE_NONE;
	w->dwell_us = UINT64_MAX;
	w->join = (struct mr_join){ .state = MR_JOIN_IDLE };
	mr_wipe(w->psk, sizeof(w->psk));
	mr_wipe(&w->choice, sizeof(w->choice));
	found_clear(&w->found);
	w->found_us = 0;
	air_skip_beacons(w->config.node, true);
	if (w->ap && w->home_mhz)
		go_to(w, w->home_mhz);
	rearm(w);
	w->config.changed(w->config.ctx);
}

void chip_wifi_join_state(const struct chip_wifi *w, struct mr_join *out) { *out = w->join; }

/* --- the end of looking around --- */

static void end_looking(struct chip_wifi *w)
{
	enum mode mode = w->mode;

	w->found_us = now_of(w);
	w->dwell_us = UINT64_MAX;
	w->mode = MODE_NONE;
	if (mode == MODE_FINDING) {
		if (!candidate(w, 0) && ++w->finds < FINDS_MAX)
			begin_looking(w, MODE_FINDING);
		else
			try_next(w);
		return;
	}
	air_skip_beacons(w->config.node, true);
	if (w->home_mhz)
		go_to(w, w->home_mhz);
}

static void next_channel(struct chip_wifi *w)
{
	size_t count = w->config.five_ghz ? CHANNELS : CHANNELS_24;

	if (w->channel + 1 < count)
		look_at(w, w->channel + 1);
	else
		end_looking(w);
}

bool chip_wifi_order_scan(struct chip_wifi *w, const uint8_t *ssid, size_t ssid_len)
{
	w->scan_due = w->mode == MODE_NONE && ssid_len <= MR_SSID_MAX;
	if (w->scan_due)
		found_want(&w->found, ssid, ssid_len);
	return w->scan_due;
}

void chip_wifi_scan(struct chip_wifi *w)
{
	w->scan_due = false;
	if (w->mode != MODE_NONE)
		return;
	begin_looking(w, MODE_SCANNING);
	rearm(w);
}

/* --- the radio --- */

bool chip_wifi_is_away(const struct chip_wifi *w) { return w->mode != MODE_NONE; }

void chip_wifi_tuned(struct chip_wifi *w, uint16_t freq_mhz)
{
	w->freq_mhz = freq_mhz;
	switch (w->mode) {
	case MODE_NONE:
		if (w->ap) {
			w->home_mhz = freq_mhz;
			soft_ap_moved(w->ap, freq_mhz);
		}
		break;
	case MODE_SCANNING:
	case MODE_FINDING:
		if (freq_mhz == channels[w->channel]) {
			w->dwell_us = now_of(w) + DWELL_US;
			probe(w);
		} else {
			look_at(w, w->channel);
		}
		break;
	case MODE_JOINING:
		if (!w->sta)
			associate(w);
		pump(w);
		break;
	case MODE_JOINED: break;
	}
	rearm(w);
}

static bool ofdm(uint8_t rate) { return rate != 2 && rate != 4 && rate != 11 && rate != 22; }

void chip_wifi_receive(struct chip_wifi *w, struct mr_rd frame, const struct radio_rx *rx)
{
	struct ieee80211_network n;

	switch (w->mode) {
	case MODE_NONE:
		/* A receiver of 802.11b has no ear for OFDM. The medium acknowledges it all the same, so it is lost. */
		if (w->ap && !(w->cck_only && ofdm(rx->rate_500kbps)))
			soft_ap_receive(w->ap, frame, rx->time_us);
		break;
	case MODE_SCANNING:
	case MODE_FINDING:
		if (ieee80211_network_of(frame, rx, &n) && n.freq_mhz == rx->freq_mhz &&
		    (w->mode == MODE_SCANNING || fits(w, &n)))
			found_note(&w->found, &n);
		break;
	case MODE_JOINING:
	case MODE_JOINED:
		if (w->sta)
			sta_receives(w, frame, rx);
		break;
	}
	rearm(w);
}

/* Has the last answer arrived? The link says so when all of it was sent and acknowledged. */
static void on_msdu_sent(struct chip_wifi *w, bool acked)
{
	w->in_air_msdus -= w->in_air_msdus > 0;
	w->lost = w->lost || !acked;
	if (w->server && w->output && !w->lost && w->in_air_msdus == 0 && w->ap && !soft_ap_waits(w->ap))
		chip_server_check(w->server, true);
}

bool chip_wifi_sent(struct chip_wifi *w, uint64_t cookie, bool acked, unsigned tries)
{
	if (!(cookie & (SOFT_AP_COOKIE | STA_COOKIE | PROBE_COOKIE)))
		return false;
	if ((cookie & SOFT_AP_COOKIE) && w->ap)
		soft_ap_sent(w->ap, cookie, acked, now_of(w));
	if (cookie & MSDU_COOKIE)
		on_msdu_sent(w, acked);
	if ((cookie & STA_COOKIE) && w->sta && w->in_air) {
		w->in_air = false;
		sta_sent(w->sta, (uint8_t)cookie, acked, tries, now_of(w));
		pump(w);
	}
	rearm(w);
	return true;
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct chip_wifi *w = ctx;
	int result;

	if (w->ap && soft_ap_deadline_us(w->ap) <= now_us)
		soft_ap_expire(w->ap, now_us);
	if (w->idle_us <= now_us)
		drop_net(w);
	if (w->dwell_us <= now_us)
		next_channel(w);
	if (w->sta && sta_deadline_us(w->sta) <= now_us && w->freq_mhz != 0) {
		result = sta_expire(w->sta, now_us);
		if (result < 0)
			on_sta_over(w, -result);
		pump(w);
	}
	rearm(w);
	w->config.changed(w->config.ctx);
}

/* --- the core --- */

bool chip_wifi_wants_core(const struct chip_wifi *w, uint64_t now_us)
{
	return w->server && chip_server_wants_core(w->server, now_us);
}

uint64_t chip_wifi_core_deadline_us(const struct chip_wifi *w)
{
	return w->server ? chip_server_deadline_us(w->server) : UINT64_MAX;
}

void chip_wifi_work(struct chip_wifi *w) { chip_server_work(w->server); }

void chip_wifi_release(struct chip_wifi *w)
{
	w->output = w->lost = false;
	if (w->server)
		chip_server_release(w->server);
}

/* --- from cradle to grave --- */

struct chip_wifi *chip_wifi_create(const struct chip_wifi_config *config)
{
	struct chip_wifi *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->config = *config;
	w->timer = (struct loop_timer){ .fn = on_timer, .ctx = w, .at_us = LOOP_NEVER };
	w->idle_us = w->dwell_us = UINT64_MAX;
	return w;
}

void chip_wifi_power_off(struct chip_wifi *w)
{
	drop_net(w);
	soft_ap_destroy(w->ap);
	w->ap = NULL;
	drop_sta(w);
	drop_entropy(w);
	mr_wipe(w->psk, sizeof(w->psk));
	mr_wipe(&w->choice, sizeof(w->choice));
	found_clear(&w->found);
	w->found_us = 0;
	free(w->out);
	w->out = NULL;
	w->mode = MODE_NONE;
	w->scan_due = false;
	w->join = (struct mr_join){ .state = MR_JOIN_IDLE };
	w->freq_mhz = w->home_mhz = 0;
	w->in_air_msdus = 0;
	w->output = w->lost = false;
	w->dwell_us = UINT64_MAX;
	loop_cancel(w->config.loop, &w->timer);
}

void chip_wifi_destroy(struct chip_wifi *w)
{
	if (!w)
		return;
	chip_wifi_power_off(w);
	free(w);
}
