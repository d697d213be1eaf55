#include "agent/core/wifi.h"

#include "agent/wire/cause.h"

#define JOIN_US 30000000 /* unless the config says otherwise */
#define GRACE_US 1000000
#define JOIN_POLL_US 50000 /* how often the port is asked how far it is */
#define STAND_RETRY_US 1000000
#define LEAVE_US 2000000       /* a response that nobody acknowledges has left by then */
#define LINGER_US 100000       /* after its acknowledgement: repeats, the end of the connection */
#define LOOK_EVERY_US 10000000 /* a scan list this old is made anew when asked for */
#define LOOK_AGAIN_US 2000000  /* the same, when what was asked for is not in it */

static uint64_t now(const struct mr_agent *agent) { return agent->port.now_us(agent->port.ctx); }

static size_t text_len(const char *text)
{
	size_t len = 0;

	while (text && text[len])
		len++;
	return len;
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
	if (method == MR_AP_NONE || mr_wifi_is_away(agent) ||
	    (mr_agent_finished(agent) && agent->wifi.phase != MR_WIFI_CLOSING))
		return false;
	put_name(agent, out);
	return method != MR_AP_WPA2 || put_passphrase(agent, out);
}

bool mr_wifi_is_away(const struct mr_agent *agent)
{
	return agent->wifi.phase == MR_WIFI_JOINING || agent->wifi.phase == MR_WIFI_GRACE;
}

/* The only writer of `phase`. */
static void enter(struct mr_agent *agent, enum mr_wifi_phase phase, uint64_t deadline_us)
{
	agent->wifi.phase = phase;
	agent->wifi.deadline_us = deadline_us;
}

static void stand(struct mr_agent *agent)
{
	const struct mr_wifi *wifi = agent->port.wifi;
	struct mr_access_point ap;

	enter(agent, MR_WIFI_STANDING, UINT64_MAX);
	if (!wifi || !mr_agent_access_point(agent, &ap))
		return;
	if (ap.security == MR_SECURITY_WPA2)
		agent->port.work(agent->port.ctx, MR_WORK_PBKDF2, 0);
	agent->wifi.up = wifi->access_point_up(agent->port.ctx, &ap);
	if (!agent->wifi.up)
		agent->wifi.deadline_us = now(agent) + STAND_RETRY_US;
	mr_wipe(&ap, sizeof(ap));
}

static void step_down(struct mr_agent *agent)
{
	if (agent->wifi.up)
		agent->port.wifi->access_point_down(agent->port.ctx);
	agent->wifi.up = false;
}

void mr_wifi_start(struct mr_agent *agent)
{
	agent->wifi.scan_us = UINT64_MAX;
	stand(agent);
}

void mr_wifi_look(struct mr_agent *agent, bool missed)
{
	struct mr_wifi_state *w = &agent->wifi;
	uint64_t old_us = missed ? LOOK_AGAIN_US : LOOK_EVERY_US;

	if (w->phase != MR_WIFI_STANDING || w->scan_us != UINT64_MAX || agent->port.wifi->scanning(agent->port.ctx) ||
	    (w->looked_us != 0 && now(agent) - w->looked_us < old_us))
		return;
	w->scan_us = now(agent) + LEAVE_US;
}

void mr_wifi_join(struct mr_agent *agent, const uint8_t *bssid)
{
	struct mr_wifi_state *w = &agent->wifi;

	if (w->phase != MR_WIFI_STANDING) /* the same again: it is on its way */
		return;
	w->chosen = bssid != NULL;
	if (bssid)
		mr_copy(w->bssid, bssid, 6);
	w->join = (struct mr_join){ .state = MR_JOIN_JOINING };
	w->scan_us = UINT64_MAX;
	enter(agent, MR_WIFI_DEPARTING, now(agent) + LEAVE_US);
}

void mr_wifi_finish(struct mr_agent *agent)
{
	if (agent->config.ap.method != MR_AP_NONE && mr_agent_finished(agent))
		enter(agent, MR_WIFI_CLOSING, now(agent) + LEAVE_US);
}

void mr_wifi_response_left(struct mr_agent *agent)
{
	struct mr_wifi_state *w = &agent->wifi;
	uint64_t soon_us = now(agent) + LINGER_US;

	if ((w->phase == MR_WIFI_DEPARTING || w->phase == MR_WIFI_CLOSING) && soon_us < w->deadline_us)
		w->deadline_us = soon_us;
	if (w->scan_us != UINT64_MAX && soon_us < w->scan_us)
		w->scan_us = soon_us;
}

/* Reports how it went, and stands as an access point again so that it can be asked. */
static void come_back(struct mr_agent *agent, enum mr_join_state state, uint16_t cause)
{
	struct mr_wifi_state *w = &agent->wifi;

	agent->port.wifi->leave(agent->port.ctx);
	if (w->phase != MR_WIFI_GRACE) {
		w->join.state = (uint8_t)state;
		w->join.cause = cause;
		w->join.took_ms = (uint32_t)((now(agent) - w->began_us) / 1000);
	}
	stand(agent);
	mr_agent_radio_back(agent);
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

	step_down(agent);
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
	mr_copy(w->join.bssid, seen.bssid, 6);
	w->join.freq_mhz = seen.freq_mhz;
	if (seen.state == MR_JOIN_JOINED) {
		w->join.state = MR_JOIN_JOINED;
		w->join.took_ms = (uint32_t)((now(agent) - w->began_us) / 1000);
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
	agent->wifi.scan_us = UINT64_MAX;
	if (agent->port.wifi->scan(agent->port.ctx))
		agent->wifi.looked_us = now(agent);
}

void mr_wifi_expire(struct mr_agent *agent)
{
	struct mr_wifi_state *w = &agent->wifi;

	if (now(agent) >= w->scan_us)
		look_around(agent);
	if (now(agent) < w->deadline_us)
		return;
	switch (w->phase) {
	case MR_WIFI_STANDING: stand(agent); return;
	case MR_WIFI_DEPARTING: depart(agent); return;
	case MR_WIFI_JOINING: look_how_it_goes(agent); return;
	case MR_WIFI_GRACE: come_back(agent, MR_JOIN_JOINED, MR_CAUSE_OK); return;
	case MR_WIFI_CLOSING:
		step_down(agent);
		enter(agent, MR_WIFI_STANDING, UINT64_MAX);
		mr_agent_radio_back(agent);
		return;
	}
}

uint64_t mr_wifi_deadline_us(const struct mr_agent *agent)
{
	return agent->wifi.scan_us < agent->wifi.deadline_us ? agent->wifi.scan_us : agent->wifi.deadline_us;
}
