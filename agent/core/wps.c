#include "agent/core/wps.h"

#include "agent/core/assert.h"
#include "agent/core/method.h"
#include "agent/core/operation.h"
#include "agent/wire/channel.h"
#include "agent/wire/wsc_pin.h"

#define DWELL_US 110000	 /* on a channel: a beacon of 100 TU and a little; probe responses come sooner */
#define RESCAN_US 500000 /* wpa_supplicant's wait between two looks */
#define ANSWER_US 200000 /* chosen: to an authentication or association request */
#define ANSWER_TRIES 3u
#define START_US 2000000 /* wpa_supplicant's, before it says EAPOL-Start */
#define START_AGAIN_US 5000000
#define STARTS_MAX 3u
#define SILENCE_US 15000000	/* of a registrar in a run: hostapd repeats after 3 and 5 s, three times */
#define LAST_US 2000000		/* for EAP-Failure, after our last word */
#define WRONG_PAUSE_US 60000000 /* the first one, as for the PIN of the API (pin.h) */

/* IEEE 802.11-2016 9.2.4.1: the first octet of Frame Control, type and subtype. */
enum kind {
	ASSOCIATION_REQUEST = 0x00,
	ASSOCIATION_RESPONSE = 0x10,
	PROBE_REQUEST = 0x40,
	PROBE_RESPONSE = 0x50,
	BEACON = 0x80,
	DISASSOCIATION = 0xa0,
	AUTHENTICATION = 0xb0,
	DEAUTHENTICATION = 0xc0,
	DATA = 0x08,
	QOS_DATA = 0x88,
};
enum flags { TO_DS = 1, FROM_DS = 2, FRAGMENTS = 4, PROTECTED = 0x40 };
enum element { SSID = 0, RATES = 1, DS_CHANNEL = 3, MORE_RATES = 50, VENDOR = 221 };
enum eapol { EAPOL_EAP = 0, EAPOL_START = 1 };
#define REASON_LEAVING 3
#define CAPABILITY_ESS 0x0001
#define EAPOL_AT (MR_HEADER_LEN + sizeof(snap))
#define EAP_AT (EAPOL_AT + 4)

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t wsc_oui[4] = { 0x00, 0x50, 0xf2, 4 };
static const uint8_t snap[8] = { 0xaa, 0xaa, 0x03, 0, 0, 0, 0x88, 0x8e }; /* LLC, and the EtherType of EAPOL */

static uint64_t now(const struct mr_agent *agent) { return agent->port.now_us(agent->port.ctx); }

static bool by_button(const struct mr_wps *w) { return !w->pin; }

static size_t text_len(const char *text)
{
	size_t len = 0;

	while (text && text[len])
		len++;
	return len;
}

static bool has_radio(const struct mr_agent *agent) { return agent->holder == MR_HELD_BY_ENROLMENT; }

/* The only writer of `phase`. */
static void enter(struct mr_agent *agent, enum mr_wps_phase phase, uint64_t for_us)
{
	struct mr_wps *w = agent->config.wps;

	MR_ASSERT((phase >= MR_WPS_LOOKING) == has_radio(agent));
	w->phase = (uint8_t)phase;
	w->deadline_us = for_us == UINT64_MAX ? UINT64_MAX : now(agent) + for_us;
}

static bool is_needed(const struct mr_agent *agent)
{
	return !(mr_agent_stage(agent) & MR_STAGE_CREDENTIALS) && !mr_agent_finished(agent);
}

/* Gives the radio back to whoever else has one, for `for_us`; UINT64_MAX: for good. */
static void rest(struct mr_agent *agent, uint64_t for_us)
{
	struct mr_wps *w = agent->config.wps;
	bool had_radio = has_radio(agent);

	mr_eap_wipe(&w->eap);
	mr_wsc_enrollee_wipe(&w->enrollee);
	mr_agent_release(agent, MR_HELD_BY_ENROLMENT);
	enter(agent, for_us == UINT64_MAX || !is_needed(agent) ? MR_WPS_OFF : MR_WPS_RESTING,
	      is_needed(agent) ? for_us : UINT64_MAX);
	if (had_radio)
		mr_agent_tell(agent, MR_NEWS_RADIO_BACK);
}

/* A run has come to nothing. */
static void give_up(struct mr_agent *agent)
{
	struct mr_wps *w = agent->config.wps;
	bool wrong = w->phase >= MR_WPS_ENROLLING && w->enrollee.state == MR_WSC_HAS_FAILED &&
		     w->enrollee.error == MR_WSC_PASSWORD;

	mr_copy(w->refused_by, w->found.bssid, 6);
	if (wrong && !by_button(w))
		w->wrong++;
	if (w->wrong >= MR_WPS_WRONG_MAX)
		rest(agent, UINT64_MAX);
	else if (wrong && w->wrong >= MR_WPS_WRONG_FREE)
		rest(agent, (uint64_t)WRONG_PAUSE_US << (w->wrong - MR_WPS_WRONG_FREE));
	else
		rest(agent, RESCAN_US);
}

/* --- frames out --- */

static struct mr_wr open_frame(struct mr_agent *agent, enum kind kind, uint8_t flags, const uint8_t to[static 6])
{
	struct mr_wr f = mr_wr_over(agent->buf, sizeof(agent->buf));

	mr_wr_u8(&f, (uint8_t)kind);
	mr_wr_u8(&f, flags);
	mr_wr_le16(&f, 0);
	mr_wr_bytes(&f, to, 6);
	mr_wr_bytes(&f, agent->config.mac, 6);
	mr_wr_bytes(&f, to, 6); /* the BSSID, which is also whom data are for */
	mr_wr_le16(&f, 0);
	return f;
}

/* What finds no room is asked for again. */
static void transmit(struct mr_agent *agent, const struct mr_wr *f)
{
	MR_ASSERT(f->buf == agent->buf);
	if (!f->bad && f->len <= MR_FRAME_MAX)
		(void)mr_agent_transmit(agent, agent->buf, f->len, NULL);
}

static void put_element(struct mr_wr *f, enum element id, const void *octets, size_t len)
{
	mr_wr_u8(f, (uint8_t)id);
	mr_wr_u8(f, (uint8_t)len);
	mr_wr_bytes(f, octets, len);
}

/* Those of 802.11b and g, or of a. */
static void put_rates(struct mr_wr *f, uint16_t freq_mhz)
{
	static const uint8_t b[] = { 0x82, 0x84, 0x8b, 0x96, 0x0c, 0x12, 0x18, 0x24 }, g[] = { 0x30, 0x48, 0x60, 0x6c },
			     a[] = { 0x8c, 0x12, 0x98, 0x24, 0xb0, 0x48, 0x60, 0x6c };

	if (mr_band(freq_mhz) != MR_BAND_2GHZ) {
		put_element(f, RATES, a, sizeof(a));
		return;
	}
	put_element(f, RATES, b, sizeof(b));
	put_element(f, MORE_RATES, g, sizeof(g));
}

static size_t open_element(struct mr_wr *f)
{
	mr_wr_u8(f, VENDOR);
	mr_wr_u8(f, 0);
	mr_wr_bytes(f, wsc_oui, sizeof(wsc_oui));
	return f->len;
}

static void close_element(struct mr_wr *f, size_t mark)
{
	size_t len = f->len - mark + sizeof(wsc_oui);

	f->bad |= len > 255;
	if (!f->bad)
		f->buf[mark - sizeof(wsc_oui) - 1] = (uint8_t)len;
}

static void put_text(struct mr_wr *f, enum mr_wsc_attribute which, const char *text)
{
	size_t len = text_len(text);

	mr_wsc_put(f, which, len > 0 ? text : " ", len > 0 ? len : 1);
}

static void probe(struct mr_agent *agent)
{
	const struct mr_wps *w = agent->config.wps;
	struct mr_wr f = open_frame(agent, PROBE_REQUEST, 0, everybody);
	size_t mark;

	put_element(&f, SSID, "", 0);
	put_rates(&f, agent->freq_mhz);
	mark = open_element(&f);
	mr_wsc_put_number(&f, MR_WSC_VERSION, 0x10);
	mr_wsc_put_number(&f, MR_WSC_REQUEST_TYPE, MR_WSC_ENROLLEE);
	mr_wsc_put_number(&f, MR_WSC_CONFIG_METHODS, w->device.methods);
	mr_wsc_put(&f, MR_WSC_UUID_E, w->device.uuid, 16);
	mr_wsc_put(&f, MR_WSC_DEVICE_TYPE, w->device.device_type, 8);
	mr_wsc_put_number(&f, MR_WSC_RF_BANDS, w->device.rf_bands);
	mr_wsc_put_number(&f, MR_WSC_ASSOCIATION_STATE, 0);
	mr_wsc_put_number(&f, MR_WSC_CONFIG_ERROR, 0);
	mr_wsc_put_number(&f, MR_WSC_PASSWORD_ID, by_button(w) ? MR_WSC_BUTTON : MR_WSC_PIN);
	put_text(&f, MR_WSC_MANUFACTURER, w->device.manufacturer);
	put_text(&f, MR_WSC_MODEL_NAME, w->device.model_name);
	put_text(&f, MR_WSC_MODEL_NUMBER, w->device.model_number);
	put_text(&f, MR_WSC_DEVICE_NAME, w->device.name);
	mr_wsc_put_version2(&f, NULL, 0, true);
	close_element(&f, mark);
	transmit(agent, &f);
}

/* Open System: IEEE 802.11-2016 9.3.3.12. */
static void authenticate(struct mr_agent *agent)
{
	struct mr_wr f = open_frame(agent, AUTHENTICATION, 0, agent->config.wps->found.bssid);

	mr_wr_le16(&f, 0);
	mr_wr_le16(&f, 1);
	mr_wr_le16(&f, 0);
	transmit(agent, &f);
}

/* Without an RSN element, also where the network has WPA2: that is how a registrar tells an enrollee. */
static void associate(struct mr_agent *agent)
{
	const struct mr_wps_found *found = &agent->config.wps->found;
	struct mr_wr f = open_frame(agent, ASSOCIATION_REQUEST, 0, found->bssid);
	size_t mark;

	mr_wr_le16(&f, CAPABILITY_ESS);
	mr_wr_le16(&f, 10); /* Listen Interval; it never sleeps */
	put_element(&f, SSID, found->ssid, found->ssid_len);
	put_rates(&f, agent->freq_mhz);
	mark = open_element(&f);
	mr_wsc_put_number(&f, MR_WSC_VERSION, 0x10);
	mr_wsc_put_number(&f, MR_WSC_REQUEST_TYPE, MR_WSC_ENROLLEE);
	mr_wsc_put_version2(&f, NULL, 0, false);
	close_element(&f, mark);
	transmit(agent, &f);
}

static void leave(struct mr_agent *agent)
{
	struct mr_wr f = open_frame(agent, DEAUTHENTICATION, 0, agent->config.wps->found.bssid);

	mr_wr_le16(&f, REASON_LEAVING);
	transmit(agent, &f);
}

/* 802.1X-2010 11.3: version 1, type, length; the EAP packet lies behind it already. */
static void send_eapol(struct mr_agent *agent, enum eapol type, size_t packet_len)
{
	struct mr_wr f = open_frame(agent, DATA, TO_DS, agent->config.wps->found.bssid);

	mr_wr_bytes(&f, snap, sizeof(snap));
	mr_wr_u8(&f, 1);
	mr_wr_u8(&f, (uint8_t)type);
	mr_wr_be16(&f, (uint16_t)packet_len);
	MR_ASSERT(f.bad || f.len == EAP_AT);
	(void)mr_wr_room(&f, packet_len);
	transmit(agent, &f);
}

/* --- looking around --- */

static void take_end(struct mr_agent *agent);

static void look(struct mr_agent *agent)
{
	struct mr_wps *w = agent->config.wps;

	while (w->channel < agent->config.channel_count && !mr_agent_tune(agent, agent->config.channels[w->channel]))
		w->channel++; /* a channel that is forbidden here */
	if (w->channel >= agent->config.channel_count) {
		take_end(agent);
		return;
	}
	enter(agent, MR_WPS_LOOKING, DWELL_US);
	probe(agent);
}

/* Looks around, unless somebody else has the radio. */
static void begin(struct mr_agent *agent)
{
	struct mr_wps *w = agent->config.wps;

	if (!is_needed(agent) || (by_button(w) && now(agent) >= w->walk_end_us)) {
		rest(agent, UINT64_MAX);
		return;
	}
	if (!mr_agent_hold(agent, MR_HELD_BY_ENROLMENT)) {
		enter(agent, MR_WPS_RESTING, RESCAN_US);
		return;
	}
	w->channel = 0;
	w->has_found = w->overlaps = false;
	look(agent);
}

/* What elements of an access point say, as far as it concerns us; several of WSC are one, in their order. */
struct said {
	struct mr_rd ssid;
	unsigned channel; /* 0: not said */
	size_t wsc_len;
	uint8_t wsc[512];
};

static bool read_elements(struct mr_rd in, struct said *out)
{
	*out = (struct said){ .ssid = { 0 } };
	while (in.left >= 2) {
		uint8_t id = mr_rd_u8(&in);
		struct mr_rd body = mr_rd_sub(&in, mr_rd_u8(&in));

		if (body.bad)
			return false;
		if (id == SSID) {
			out->ssid = body;
		} else if (id == DS_CHANNEL && body.left == 1) {
			out->channel = body.at[0];
		} else if (id == VENDOR && body.left >= 4 && mr_equal(body.at, wsc_oui, 4)) {
			mr_rd_skip(&body, 4);
			if (body.left > sizeof(out->wsc) - out->wsc_len)
				return false;
			mr_copy(out->wsc + out->wsc_len, body.at, body.left);
			out->wsc_len += body.left;
		}
	}
	return out->ssid.at && out->ssid.left <= MR_SSID_MAX && out->wsc_len > 0;
}

static bool authorizes(const struct mr_agent *agent, struct mr_rd macs)
{
	const uint8_t *mac;

	while (macs.left >= 6 && (mac = mr_rd_take(&macs, 6)))
		if (mr_equal(mac, agent->config.mac, 6) || mr_equal(mac, everybody, 6))
			return true;
	return false;
}

/* Of version 2 a registrar with a PIN says whom it waits for, and Selected Registrar is not looked at. */
static bool waits_for_us(const struct mr_agent *agent, const struct mr_wsc *m)
{
	bool selected = mr_wsc_number(m, MR_WSC_SELECTED_REGISTRAR, 0) == 1;
	bool button = mr_wsc_number(m, MR_WSC_PASSWORD_ID, MR_WSC_PIN) == MR_WSC_BUTTON;

	if (by_button(agent->config.wps))
		return selected && button;
	return m->version2 ? authorizes(agent, m->authorized) : selected && !button;
}

/* Is it another access point than the one that was found, and not its other band? */
static bool is_another(const struct mr_wps *w, const struct mr_wps_found *n)
{
	return w->has_found && !mr_equal(w->found.bssid, n->bssid, 6) &&
	       !(n->has_uuid && w->found.has_uuid && mr_equal(w->found.uuid, n->uuid, 16));
}

static void note(struct mr_agent *agent, const uint8_t bssid[static 6], struct mr_rd body)
{
	struct mr_wps *w = agent->config.wps;
	struct mr_wps_found n = { .freq_mhz = agent->freq_mhz };
	struct said said;
	struct mr_wsc m;

	mr_rd_skip(&body, 12); /* Timestamp, Beacon Interval, Capability */
	if (body.bad || !read_elements(body, &said) || !mr_wsc_parse(mr_rd_over(said.wsc, said.wsc_len), &m) ||
	    !waits_for_us(agent, &m) ||
	    (said.channel != 0 && mr_channel_to_mhz(said.channel) != agent->freq_mhz)) /* the next one leaks over */
		return;
	mr_copy(n.bssid, bssid, 6);
	mr_copy(n.ssid, said.ssid.at, said.ssid.left);
	n.ssid_len = (uint8_t)said.ssid.left;
	n.has_uuid = m.value[MR_WSC_UUID_E].at != NULL;
	if (n.has_uuid)
		mr_copy(n.uuid, m.value[MR_WSC_UUID_E].at, 16);
	w->overlaps |= by_button(w) && is_another(w, &n);
	if (!w->has_found || mr_equal(w->found.bssid, n.bssid, 6) || mr_equal(w->found.bssid, w->refused_by, 6))
		w->found = n;
	w->has_found = true;
}

/* All channels have been looked at. */
static void take_end(struct mr_agent *agent)
{
	struct mr_wps *w = agent->config.wps;

	if (w->overlaps)
		rest(agent, UINT64_MAX); /* section 11.3: the button has to be pressed again */
	else if (!w->has_found || !mr_agent_tune(agent, w->found.freq_mhz))
		rest(agent, RESCAN_US);
	else {
		w->tries = 1;
		enter(agent, MR_WPS_AUTHENTICATING, ANSWER_US);
		authenticate(agent);
	}
}

/* --- a run --- */

static bool draw(void *ctx, uint8_t *out, size_t len)
{
	const struct mr_agent *agent = ctx;

	return agent->port.random(agent->port.ctx, out, len);
}

static bool begin_run(struct mr_agent *agent, struct mr_wsc_answer *answer)
{
	struct mr_wps *w = agent->config.wps;
	struct mr_wsc_enrollee_config config = { .device = &w->device,
						 .pin = w->pin,
						 .button = by_button(w),
						 .state = MR_WSC_UNCONFIGURED,
						 .random = draw,
						 .random_ctx = agent };

	mr_copy(config.mac, agent->config.mac, 6);
	agent->port.work(agent->port.ctx, MR_WORK_MODP1536, 0);
	return mr_wsc_enrollee_begin(&w->enrollee, &config, answer);
}

/* A request to the core, as a station would make it: in the buffer, and the response over it. */
static bool request(struct mr_agent *agent, const struct mr_wr *octets)
{
	struct mr_wr response = mr_wr_over(agent->buf, sizeof(agent->buf));
	struct mr_message m;

	MR_ASSERT(octets->buf == agent->buf);
	if (octets->bad)
		return false;
	mr_operation_run(agent, mr_wr_written(octets), &response);
	return mr_message_parse(mr_wr_written(&response), &m) && m.cause == MR_CAUSE_OK;
}

/* Section 7.2.2. A number that no station has given: eight random octets are another's with 2^-64. */
static bool store(struct mr_agent *agent, const struct mr_wsc_credential *c)
{
	bool open = c->authentication == MR_WSC_OPEN;
	struct mr_wr w = mr_wr_over(agent->buf, sizeof(agent->buf));
	uint8_t txn[8];

	if (!agent->port.random(agent->port.ctx, txn, sizeof(txn)))
		return false;
	mr_request_begin(&w, MR_OP_CREDENTIALS);
	mr_attribute_add(&w, MR_AT_TXN, txn, sizeof(txn));
	mr_attribute_add(&w, MR_AT_SSID, c->ssid, c->ssid_len);
	mr_attribute_add_u8(&w, MR_AT_SECURITY, open ? MR_SECURITY_OPEN : MR_SECURITY_WPA2);
	if (!open)
		mr_attribute_add(&w, MR_AT_PASSPHRASE, c->key, c->key_len);
	if (!request(agent, &w))
		return false;
	w = mr_wr_over(agent->buf, sizeof(agent->buf));
	mr_request_begin(&w, MR_OP_COMMIT);
	mr_attribute_add(&w, MR_AT_TXN, txn, sizeof(txn));
	return request(agent, &w);
}

/* What is stored is stored before the registrar hears so. false: nothing is to be said, and the run is over. */
static bool on_message(struct mr_agent *agent, const struct mr_eap_message *m, struct mr_wsc_answer *answer)
{
	struct mr_wps *w = agent->config.wps;

	if (m->op == MR_EAP_START)
		return begin_run(agent, answer);
	if (w->enrollee.state == MR_WSC_WAITS_M2)
		agent->port.work(agent->port.ctx, MR_WORK_MODP1536, 0);
	if (mr_wsc_enrollee_receive(&w->enrollee, m->op, m->message, answer) != MR_WSC_CREDENTIALS)
		return true;
	w->wrong = 0;
	return store(agent, &w->enrollee.credential);
}

static void on_eap(struct mr_agent *agent, struct mr_rd packet)
{
	struct mr_wps *w = agent->config.wps;
	struct mr_wr reply = mr_wr_over(agent->buf + EAP_AT, MR_EAP_PACKET_MAX);
	struct mr_wsc_answer answer = { 0 };
	struct mr_eap_message m;

	switch (mr_eap_receive(&w->eap, packet, &m, &reply)) {
	case MR_EAP_IGNORED: return;
	case MR_EAP_OVER:
		leave(agent);
		give_up(agent); /* or it has what it came for */
		return;
	case MR_EAP_IDENTITY:
	case MR_EAP_ANSWERED: break;
	case MR_EAP_MESSAGE:
		if (!on_message(agent, &m, &answer)) {
			leave(agent);
			give_up(agent);
			return;
		}
		if (answer.op != 0)
			mr_eap_send(&w->eap, (enum mr_eap_op)answer.op, answer.message, &reply);
		break;
	}
	if (!reply.bad && reply.len > 0)
		send_eapol(agent, EAPOL_EAP, reply.len);
	w->tries = STARTS_MAX; /* it need not be woken any more */
	if (w->enrollee.state >= MR_WSC_HAS_CREDENTIALS)
		enter(agent, MR_WPS_LEAVING, LAST_US);
	else
		enter(agent, MR_WPS_ENROLLING, SILENCE_US);
}

/* --- frames in --- */

/* IEEE 802.11-2016 9.3.3.6: Capability, Status, AID. */
static void on_association(struct mr_agent *agent, struct mr_rd body)
{
	struct mr_wps *w = agent->config.wps;

	mr_rd_skip(&body, 2);
	if (mr_rd_le16(&body) != 0 || body.bad) {
		give_up(agent);
		return;
	}
	mr_eap_init(&w->eap, false, MR_EAP_ENROLLEE, w->fragment_max);
	w->tries = 0;
	enter(agent, MR_WPS_ENROLLING, START_US);
}

static void on_authentication(struct mr_agent *agent, struct mr_rd body)
{
	uint16_t algorithm = mr_rd_le16(&body), number = mr_rd_le16(&body), status = mr_rd_le16(&body);

	if (body.bad || algorithm != 0 || number != 2)
		return;
	if (status != 0) {
		give_up(agent);
		return;
	}
	agent->config.wps->tries = 1;
	enter(agent, MR_WPS_ASSOCIATING, ANSWER_US);
	associate(agent);
}

static void on_data(struct mr_agent *agent, enum kind kind, struct mr_rd body)
{
	struct mr_rd packet;
	const uint8_t *head;
	uint8_t type;

	if (kind == QOS_DATA)
		mr_rd_skip(&body, 2);
	head = mr_rd_take(&body, sizeof(snap));
	mr_rd_skip(&body, 1); /* the version: 1, 2 and 3 are alike here */
	type = mr_rd_u8(&body);
	packet = mr_rd_sub(&body, mr_rd_be16(&body));
	if (!packet.bad && mr_equal(head, snap, sizeof(snap)) && type == EAPOL_EAP)
		on_eap(agent, packet);
}

static void on_frame(struct mr_agent *agent, enum kind kind, uint8_t flags, struct mr_rd body)
{
	enum mr_wps_phase phase = (enum mr_wps_phase)agent->config.wps->phase;

	switch (kind) {
	case AUTHENTICATION:
		if (phase == MR_WPS_AUTHENTICATING)
			on_authentication(agent, body);
		return;
	case ASSOCIATION_RESPONSE:
		if (phase == MR_WPS_ASSOCIATING)
			on_association(agent, body);
		return;
	case DISASSOCIATION:
	case DEAUTHENTICATION:
		if (phase >= MR_WPS_ASSOCIATING)
			give_up(agent);
		return;
	case DATA:
	case QOS_DATA:
		if (phase >= MR_WPS_ENROLLING && (flags & (TO_DS | FROM_DS)) == FROM_DS)
			on_data(agent, kind, body);
		return;
	default: return;
	}
}

static bool hear(struct mr_agent *agent, struct mr_rd mpdu)
{
	const struct mr_wps *w = agent->config.wps;
	uint8_t kind = mr_rd_u8(&mpdu), flags = mr_rd_u8(&mpdu);
	const uint8_t *to, *from, *bssid;

	mr_rd_skip(&mpdu, 2);
	to = mr_rd_take(&mpdu, 6);
	from = mr_rd_take(&mpdu, 6);
	bssid = mr_rd_take(&mpdu, 6);
	mr_rd_skip(&mpdu, 2);
	if (!w || !has_radio(agent) || mpdu.bad || (flags & (PROTECTED | FRAGMENTS)))
		return false;
	if (kind == BEACON || kind == PROBE_RESPONSE) {
		if (w->phase == MR_WPS_LOOKING && mr_equal(from, bssid, 6))
			note(agent, bssid, mpdu);
		return true;
	}
	if (w->phase <= MR_WPS_LOOKING || !mr_equal(from, w->found.bssid, 6) ||
	    !(mr_equal(to, agent->config.mac, 6) || mr_equal(to, everybody, 6)))
		return false;
	on_frame(agent, (enum kind)kind, flags, mpdu);
	return true;
}

/* --- time --- */

static void again(struct mr_agent *agent)
{
	struct mr_wps *w = agent->config.wps;

	if (w->tries >= ANSWER_TRIES) {
		give_up(agent);
		return;
	}
	w->tries++;
	enter(agent, (enum mr_wps_phase)w->phase, ANSWER_US);
	if (w->phase == MR_WPS_AUTHENTICATING)
		authenticate(agent);
	else
		associate(agent);
}

/* Section 6.2: an access point of before version 2 waits to be asked. */
static void on_silence(struct mr_agent *agent)
{
	struct mr_wps *w = agent->config.wps;

	if (w->tries >= STARTS_MAX) {
		leave(agent);
		give_up(agent);
		return;
	}
	w->tries++;
	enter(agent, MR_WPS_ENROLLING, START_AGAIN_US);
	send_eapol(agent, EAPOL_START, 0);
}

static void expire(struct mr_agent *agent)
{
	struct mr_wps *w = agent->config.wps;

	if (!w)
		return;
	if (agent->away && has_radio(agent))
		give_up(agent); /* the device was sent to a network meanwhile */
	if (agent->away || now(agent) < w->deadline_us)
		return;
	switch ((enum mr_wps_phase)w->phase) {
	case MR_WPS_OFF: return;
	case MR_WPS_RESTING: begin(agent); return;
	case MR_WPS_LOOKING:
		w->channel++;
		look(agent);
		return;
	case MR_WPS_AUTHENTICATING:
	case MR_WPS_ASSOCIATING: again(agent); return;
	case MR_WPS_ENROLLING: on_silence(agent); return;
	case MR_WPS_LEAVING:
		leave(agent);
		give_up(agent);
		return;
	}
}

static uint64_t deadline_us(const struct mr_agent *agent)
{
	const struct mr_wps *w = agent->config.wps;

	return w && !agent->away ? w->deadline_us : UINT64_MAX;
}

void mr_wps_press(struct mr_agent *agent)
{
	struct mr_wps *w = agent->config.wps;

	if (!w || !by_button(w) || has_radio(agent))
		return;
	w->walk_end_us = now(agent) + MR_WSC_WALK_US;
	rest(agent, 0);
}

static bool start(struct mr_agent *agent)
{
	static const uint8_t other[8] = { 0x00, 0xff, 0x00, 0x50, 0xf2, 4, 0, 1 };
	const struct mr_agent_config *c = &agent->config;
	struct mr_wps *w = c->wps;

	if (!w)
		return true;
	*w = (struct mr_wps){ .pin = w->pin, .manufacturer = w->manufacturer, .fragment_max = w->fragment_max };
	w->device = (struct mr_wsc_device){ .manufacturer = w->manufacturer ? w->manufacturer : "",
					    .model_name = c->product,
					    .model_number = c->hw_rev,
					    .serial = agent->serial,
					    .name = c->product,
					    .methods = by_button(w) ? MR_WSC_PUSH_BUTTON : MR_WSC_LABEL };
	mr_copy(w->device.device_type, other, sizeof(other));
	for (size_t i = 0; i < c->channel_count; i++)
		w->device.rf_bands |= mr_band(c->channels[i]) == MR_BAND_2GHZ ? 1 : 2;
	w->walk_end_us = now(agent) + MR_WSC_WALK_US;
	rest(agent, 0);
	return mr_wsc_uuid(c->mac, w->device.uuid);
}

static unsigned wants(const struct mr_agent_config *c, bool button)
{
	const struct mr_wps *w = c->wps;
	bool valid = w && by_button(w) == button && (button || mr_wsc_pin_valid(w->pin, text_len(w->pin))) &&
		     text_len(w->manufacturer) <= MR_WSC_MANUFACTURER_MAX && c->channels && c->channel_count > 0 &&
		     c->channel_count <= MR_CHANNELS_MAX;

	return valid ? MR_WANTS_OPEN_LINK : 0;
}

static unsigned wants_pin(const struct mr_agent_config *c) { return wants(c, false); }
static unsigned wants_pbc(const struct mr_agent_config *c) { return wants(c, true); }
static bool is_pin(const struct mr_agent *agent) { return agent->config.wps && !by_button(agent->config.wps); }
static bool is_pbc(const struct mr_agent *agent) { return agent->config.wps && by_button(agent->config.wps); }

const struct mr_method mr_part_wps = {
	.has_room = true, .start = start, .hear = hear, .expire = expire, .deadline_us = deadline_us
};
const struct mr_method mr_method_wps_pin = {
	.name = "wps-pin", .needs = &mr_part_wps, .has_room = true, .wants = wants_pin, .is_open = is_pin
};
const struct mr_method mr_method_wps_pbc = {
	.name = "wps-pbc", .needs = &mr_part_wps, .has_room = true, .wants = wants_pbc, .is_open = is_pbc
};
