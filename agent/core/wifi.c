#include "agent/core/wifi.h"

#include "agent/core/assert.h"
#include "agent/core/method.h"
#include "agent/core/operation.h"

#define JOIN_US 30000000 /* unless the config says otherwise */
#define GRACE_US 1000000
#define JOIN_POLL_US 50000 /* how often the port is asked how far it is */
#define AP_RETRY_US 1000000
#define LEAVE_US 2000000       /* a response that nobody acknowledges has left by then */
#define LINGER_US 100000       /* after its acknowledgement: repeats, the end of the connection */
#define LOOK_EVERY_US 10000000 /* a scan list this old is made anew when asked for */

static uint64_t now(const struct mr_agent *agent) { return agent->port.now_us(agent->port.ctx); }

static size_t text_len(const char *text)
{
	size_t len = 0;

	while (text && text[len])
		len++;
	return len;
}

unsigned mr_wifi_wants(const struct mr_ap_config *ap)
{
	const struct mr_pin_verifier *pin = ap->pin;
	size_t len = ap->passphrase ? text_len(ap->passphrase) : 8;
	bool valid = ap->ssid && text_len(ap->ssid) <= MR_SSID_MAX && (ap->ssid[0] || !ap->ssid_is_whole) && len >= 8 &&
		     len <= 63 && (!pin || (pin->salt_len >= 16 && pin->salt_len <= sizeof(pin->salt)));

	return valid ? MR_WANTS_ACCESS_POINT : 0;
}

/* Too long together: the serial number is whole, its prefix is cut. */
static void put_name(const struct mr_agent *agent, struct mr_access_point *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *mac = agent->config.mac;
	size_t prefix = text_len(agent->config.ap.ssid), rest = 0;
	char tail[33];

	if (!agent->config.ap.ssid_is_whole && agent->serial[0]) {
		while (rest < sizeof(tail) - 1 && agent->serial[rest]) {
			tail[rest] = agent->serial[rest];
			rest++;
		}
	} else if (!agent->config.ap.ssid_is_whole) {
		for (size_t i = 3; i < 6; i++) {
			tail[rest++] = digits[mac[i] >> 4];
			tail[rest++] = digits[mac[i] & 15];
		}
	}
	if (prefix > MR_SSID_MAX - rest)
		prefix = MR_SSID_MAX - rest;
	mr_copy(out->ssid, agent->config.ap.ssid, prefix);
	mr_copy(out->ssid + prefix, tail, rest);
	out->ssid_len = (uint8_t)(prefix + rest);
}

static bool put_passphrase(const struct mr_agent *agent, struct mr_access_point *out)
{
	struct mr_rd own = mr_store_value(mr_store_find(&agent->store, MR_SECTION_IDENTITY), MR_AT_AP_PASSPHRASE);
	size_t len = own.left;

	if (own.bad) {
		len = text_len(agent->config.ap.passphrase);
		own = mr_rd_over(agent->config.ap.passphrase, len);
	}
	if (len < 8 || len >= sizeof(out->passphrase))
		return false;
	mr_rd_copy(&own, out->passphrase, len);
	return true;
}

bool mr_agent_access_point(const struct mr_agent *agent, struct mr_access_point *out)
{
	enum mr_ap_method method = agent->config.ap.method;

	*out = (struct mr_access_point){ .security = method == MR_AP_WPA2 ? MR_SECURITY_WPA2 : MR_SECURITY_OPEN,
					 .ibss = method == MR_AP_IBSS,
					 .tls = method == MR_AP_TLS,
					 .freq_mhz = agent->config.ap.freq_mhz };
	if (method == MR_AP_NONE || agent->away || (mr_agent_finished(agent) && agent->wifi.phase != MR_WIFI_CLOSING))
		return false;
	put_name(agent, out);
	return method != MR_AP_WPA2 || put_passphrase(agent, out);
}

/* The only writer of `phase` and `away`. */
static void enter(struct mr_agent *agent, enum mr_wifi_phase phase, uint64_t deadline_us)
{
	agent->away = phase == MR_WIFI_JOINING || phase == MR_WIFI_GRACE;
	MR_ASSERT(!agent->away || !agent->wifi.up); /* one radio */
	agent->wifi.phase = phase;
	agent->wifi.deadline_us = deadline_us;
}

static void put_up(struct mr_agent *agent)
{
	const struct mr_wifi *wifi = agent->port.wifi;
	struct mr_access_point ap;

	enter(agent, MR_WIFI_HOME, UINT64_MAX);
	if (!wifi || !mr_agent_access_point(agent, &ap))
		return;
	if (ap.security == MR_SECURITY_WPA2) {
		const struct mr_digest_field fields[] = { { ap.ssid, ap.ssid_len },
							  { ap.passphrase, text_len(ap.passphrase) } };

		agent->port.work(agent->port.ctx, MR_WORK_PBKDF2, 0);
		if (!mr_digest(agent->wifi.binding, "millrace wpa2", fields, 2))
			mr_zero(agent->wifi.binding, sizeof(agent->wifi.binding));
	}
	agent->wifi.up = wifi->access_point_up(agent->port.ctx, &ap);
	if (!agent->wifi.up)
		agent->wifi.deadline_us = now(agent) + AP_RETRY_US;
	mr_wipe(&ap, sizeof(ap));
}

static void take_down(struct mr_agent *agent)
{
	if (agent->wifi.up)
		agent->port.wifi->access_point_down(agent->port.ctx);
	agent->wifi.up = false;
}

static bool start(struct mr_agent *agent)
{
	agent->wifi.scan_us = UINT64_MAX;
	put_up(agent);
	return true;
}

/*
 * Will look around when the response has left, unless it did just now or is about to. A list that lacks what was wanted
 * (`missed`) is of no use, however new: some radios take seconds for a look.
 */
static void look(struct mr_agent *agent, bool missed)
{
	struct mr_wifi_state *w = &agent->wifi;

	if (w->phase != MR_WIFI_HOME || w->scan_us != UINT64_MAX || agent->port.wifi->scanning(agent->port.ctx) ||
	    (!missed && w->looked_us != 0 && now(agent) - w->looked_us < LOOK_EVERY_US))
		return;
	w->scan_us = now(agent) + LEAVE_US;
}

/* Will join the committed network when the response has left; `bssid` NULL: any of its access points. */
static void join(struct mr_agent *agent, const uint8_t *bssid)
{
	struct mr_wifi_state *w = &agent->wifi;

	if (w->phase != MR_WIFI_HOME) /* the same again: it is on its way */
		return;
	w->chosen = bssid != NULL;
	if (bssid)
		mr_copy(w->bssid, bssid, 6);
	agent->join = (struct mr_join){ .state = MR_JOIN_JOINING };
	w->scan_us = UINT64_MAX;
	enter(agent, MR_WIFI_DEPARTING, now(agent) + LEAVE_US);
}

/* The access point goes down when the response has left. */
static void on_finished(struct mr_agent *agent)
{
	if (agent->config.ap.method != MR_AP_NONE && mr_agent_finished(agent))
		enter(agent, MR_WIFI_CLOSING, now(agent) + LEAVE_US);
}

static void on_response_left(struct mr_agent *agent)
{
	struct mr_wifi_state *w = &agent->wifi;
	uint64_t soon_us = now(agent) + LINGER_US;

	if ((w->phase == MR_WIFI_DEPARTING || w->phase == MR_WIFI_CLOSING) && soon_us < w->deadline_us)
		w->deadline_us = soon_us;
	if (w->scan_us != UINT64_MAX && soon_us < w->scan_us)
		w->scan_us = soon_us;
}

static void told(struct mr_agent *agent, enum mr_news news)
{
	switch (news) {
	case MR_NEWS_RESPONSE_LEFT: on_response_left(agent); return;
	case MR_NEWS_FINISHED: on_finished(agent); return;
	case MR_NEWS_RADIO_BACK:
	case MR_NEWS_KEY_MADE: return;
	}
}

/* Keeps in mind how it went, and is an access point again so that it can be asked. */
static void come_back(struct mr_agent *agent, enum mr_join_state state, uint16_t cause)
{
	MR_ASSERT(agent->away);
	agent->port.wifi->leave(agent->port.ctx);
	if (agent->wifi.phase != MR_WIFI_GRACE) {
		agent->join.state = (uint8_t)state;
		agent->join.cause = cause;
		agent->join.took_ms = (uint32_t)((now(agent) - agent->wifi.began_us) / 1000);
	}
	put_up(agent);
	mr_agent_tell(agent, MR_NEWS_RADIO_BACK);
}

static void depart(struct mr_agent *agent)
{
	struct mr_rd section = mr_store_find(&agent->store, MR_SECTION_CREDENTIALS);
	struct mr_rd ssid = mr_store_value(section, MR_AT_SSID), passphrase = mr_store_value(section, MR_AT_PASSPHRASE);
	struct mr_rd security = mr_store_value(section, MR_AT_SECURITY);
	const struct mr_network_choice choice = {
		.ssid = ssid.at,
		.ssid_len = ssid.left,
		.security = mr_rd_u8(&security),
		.passphrase = passphrase.at,
		.passphrase_len = passphrase.bad ? 0 : passphrase.left,
		.bssid = agent->wifi.chosen ? agent->wifi.bssid : NULL,
	};

	take_down(agent);
	agent->wifi.began_us = now(agent);
	enter(agent, MR_WIFI_JOINING, agent->wifi.began_us + JOIN_POLL_US);
	if (choice.security == MR_SECURITY_WPA2)
		agent->port.work(agent->port.ctx, MR_WORK_PBKDF2, 0);
	if (ssid.bad || !agent->port.wifi->join(agent->port.ctx, &choice))
		come_back(agent, MR_JOIN_FAILED, MR_CAUSE_JOIN_FAILED);
}

static void look_how_it_goes(struct mr_agent *agent)
{
	uint64_t most_us = agent->config.ap.join_us ? agent->config.ap.join_us : JOIN_US;
	struct mr_wifi_state *w = &agent->wifi;
	struct mr_join seen = { 0 };

	agent->port.wifi->join_state(agent->port.ctx, &seen);
	mr_copy(agent->join.bssid, seen.bssid, 6);
	agent->join.freq_mhz = seen.freq_mhz;
	if (seen.state == MR_JOIN_JOINED) {
		agent->join.state = MR_JOIN_JOINED;
		agent->join.took_ms = (uint32_t)((now(agent) - w->began_us) / 1000);
		enter(agent, MR_WIFI_GRACE,
		      now(agent) + (agent->config.ap.grace_us ? agent->config.ap.grace_us : GRACE_US));
	} else if (seen.state == MR_JOIN_FAILED) {
		come_back(agent, MR_JOIN_FAILED, seen.cause ? seen.cause : MR_CAUSE_JOIN_FAILED);
	} else if (now(agent) - w->began_us >= most_us) {
		come_back(agent, MR_JOIN_FAILED, MR_CAUSE_JOIN_FAILED);
	} else {
		enter(agent, MR_WIFI_JOINING, now(agent) + JOIN_POLL_US);
	}
}

static void look_around(struct mr_agent *agent)
{
	struct mr_wifi_state *w = &agent->wifi;

	w->scan_us = UINT64_MAX;
	if (agent->port.wifi->scan(agent->port.ctx, w->wanted, w->wanted_len))
		w->looked_us = now(agent);
}

static void expire(struct mr_agent *agent)
{
	struct mr_wifi_state *w = &agent->wifi;

	if (now(agent) >= w->scan_us)
		look_around(agent);
	if (now(agent) < w->deadline_us)
		return;
	switch (w->phase) {
	case MR_WIFI_HOME: put_up(agent); return;
	case MR_WIFI_DEPARTING: depart(agent); return;
	case MR_WIFI_JOINING: look_how_it_goes(agent); return;
	case MR_WIFI_GRACE: come_back(agent, MR_JOIN_JOINED, MR_CAUSE_OK); return;
	case MR_WIFI_CLOSING:
		take_down(agent);
		enter(agent, MR_WIFI_HOME, UINT64_MAX);
		mr_agent_tell(agent, MR_NEWS_RADIO_BACK);
		return;
	}
}

static uint64_t deadline_us(const struct mr_agent *agent)
{
	return agent->wifi.scan_us < agent->wifi.deadline_us ? agent->wifi.scan_us : agent->wifi.deadline_us;
}

/* --- NETWORKS and JOIN --- */

static enum mr_cause on_networks(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	const struct mr_wifi *wifi = agent->port.wifi;
	struct mr_rd wanted = m->value[MR_AT_SSID];
	uint8_t *ssid = agent->wifi.wanted;
	struct mr_network network;
	size_t len = m->has[MR_AT_SSID] ? wanted.left : 0;
	bool found = len == 0;
	unsigned count = 0;

	mr_rd_copy(&wanted, ssid, len);
	agent->wifi.wanted_len = (uint8_t)len;
	mr_operation_answer(agent, m, w);
	/* In a hall full of access points the one that is asked for may be far from the strongest. */
	for (int others = len == 0 ? 1 : 0; others < 2; others++)
		for (unsigned i = 0; count < MR_NETWORKS_MAX && wifi->network(agent->port.ctx, i, &network); i++) {
			bool is_wanted = len > 0 && network.ssid_len == len && mr_equal(network.ssid, ssid, len);

			if (is_wanted == (others == 0)) {
				mr_network_add(w, &network);
				count++;
			}
			found |= is_wanted;
		}
	look(agent, !found);
	return MR_CAUSE_OK;
}

static enum mr_cause on_join(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	uint8_t mac[6];

	if (!mr_operation_has_txn(m))
		return MR_CAUSE_BAD_REQUEST;
	if (!mr_operation_is_of_txn(agent, MR_SECTION_CREDENTIALS, m))
		return MR_CAUSE_OUT_OF_ORDER;
	join(agent, m->value[MR_AT_BSSID].at);
	mr_operation_answer(agent, m, w);
	if (!agent->port.wifi->sta_address || !agent->port.wifi->sta_address(agent->port.ctx, mac))
		mr_copy(mac, agent->config.mac, sizeof(mac));
	mr_attribute_add(w, MR_AT_STA_ADDRESS, mac, sizeof(mac));
	return MR_CAUSE_OK;
}

static enum mr_cause run(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w)
{
	if (!agent->port.wifi)
		return MR_CAUSE_UNSUPPORTED;
	if (m->operation == MR_OP_NETWORKS)
		return on_networks(agent, m, w);
	return m->operation == MR_OP_JOIN ? on_join(agent, m, w) : MR_CAUSE_UNSUPPORTED;
}

const struct mr_method mr_part_wifi = { .has_room = MR_HAS_ROOM(wifi),
					.start = start,
					.expire = expire,
					.deadline_us = deadline_us,
					.told = told,
					.run = run };
