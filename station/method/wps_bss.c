#include "station/method/wps_bss.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/cause.h"
#include "agent/wire/eap.h"
#include "station/base/map.h"
#include "station/wifi/eapol.h"
#include "station/wifi/soft_ap.h"

#define REPEAT_FIRST_US 300000u /* hostap waits 5 s, which a line has not */
#define REPEATS_MAX 4u		/* 0.3, 0.6, 1.2, 2.4 s: 4.5 s of silence end a run */
#define ADMISSION_US 25000000u	/* a supplicant gives up 30 s after its M1 */
#define FAREWELL_US 10000u	/* hostapd's wait between EAP-Failure and Deauthentication */
#define INTERVAL_TU 100u

/* A frame that waits for the radio. */
struct waiting_frame {
	struct waiting_frame *next;
	struct radio_tx tx;
	size_t len;
	uint8_t bytes[];
};

/* REFUSING: our NACK is out, its answer is awaited. CLOSING: EAP-Failure is out, the deauthentication follows. */
enum run_state { RUN_IDENTIFYING, RUN_ASKED, RUN_ENROLLING, RUN_REFUSING, RUN_CLOSING };

/* One STA that came to be enrolled. */
struct run {
	struct run *next;
	uint8_t mac[6];
	struct wps_registrar *registrar;
	struct mr_eap eap;
	enum run_state state;
	bool begun; /* M2 was sent */
	unsigned repeats;
	uint64_t deadline_us;
};

struct wps_bss {
	struct wps_bss_config config;
	struct wps_bss_events events;
	struct soft_ap_wsc wsc;
	struct soft_ap *ap;
	struct run *runs;
	size_t count;
	struct waiting_frame *first, **last;
	size_t waiting;
};

static struct run *find(const struct wps_bss *bss, const uint8_t mac[static 6])
{
	struct run *run = bss->runs;

	while (run && !mr_equal(run->mac, mac, 6))
		run = run->next;
	return run;
}

/* --- the element --- */

static void put_selected(const struct wps_bss *bss, struct mr_wr *w, bool button)
{
	mr_wsc_put_number(w, MR_WSC_SELECTED_REGISTRAR, 1);
	mr_wsc_put_number(w, MR_WSC_PASSWORD_ID, button ? MR_WSC_BUTTON : MR_WSC_PIN);
	mr_wsc_put_number(w, MR_WSC_SELECTED_METHODS, button ? MR_WSC_PUSH_BUTTON : bss->config.device->methods);
}

static void put_element(void *ctx, enum ieee80211_kind kind, const uint8_t *sta, struct mr_wr *w)
{
	static const uint8_t anyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct wps_bss *bss = ctx;
	bool button = sta && kind == IEEE80211_PROBE_RESPONSE && bss->events.button(bss->events.ctx, sta);
	bool active = button || bss->config.pins;

	mr_wsc_put_number(w, MR_WSC_VERSION, 0x10);
	if (kind == IEEE80211_ASSOCIATION_RESPONSE) {
		mr_wsc_put_number(w, MR_WSC_RESPONSE_TYPE, 3); /* an access point */
		mr_wsc_put_version2(w, NULL, 0, false);
		return;
	}
	mr_wsc_put_number(w, MR_WSC_STATE, MR_WSC_CONFIGURED);
	if (active)
		put_selected(bss, w, button);
	if (kind == IEEE80211_PROBE_RESPONSE) {
		mr_wsc_put_number(w, MR_WSC_RESPONSE_TYPE, 3);
		mr_wsc_put(w, MR_WSC_UUID_E, bss->config.device->uuid, 16);
		mr_wsc_put_names(w, bss->config.device);
		mr_wsc_put_number(w, MR_WSC_CONFIG_METHODS, bss->config.device->methods & ~MR_WSC_PUSH_BUTTON);
	}
	mr_wsc_put_version2(w, button ? sta : anyone, active ? 1 : 0, false);
}

static void on_probed(void *ctx, const uint8_t sta[static 6], struct mr_rd wsc)
{
	struct wps_bss *bss = ctx;
	struct mr_wsc m;

	if (!mr_wsc_parse(wsc, &m))
		return;
	if (mr_wsc_number(&m, MR_WSC_PASSWORD_ID, MR_WSC_PIN) == MR_WSC_BUTTON)
		bss->events.probed(bss->events.ctx, sta, true);
	else if (m.wants_to_enroll)
		bss->events.probed(bss->events.ctx, sta, false);
}

/* --- runs --- */

static void remove_run(struct wps_bss *bss, struct run *run)
{
	struct run **at = &bss->runs;

	while (*at != run)
		at = &(*at)->next;
	*at = run->next;
	assert(bss->count > 0);
	bss->count--;
	wps_registrar_destroy(run->registrar);
	mr_eap_wipe(&run->eap);
	free(run);
}

static bool is_open(const struct run *run) { return run->state < RUN_REFUSING; }

/* Tells the owner, once: the rest of the run is politeness. */
static void end(struct wps_bss *bss, struct run *run, enum run_state to, int cause)
{
	struct wps_bss_end how = { .cause = cause,
				   .exposed = wps_registrar_exposed(run->registrar),
				   .weakness = wps_registrar_weakness(run->registrar),
				   .begun = run->begun };
	uint8_t mac[6];

	assert(is_open(run) && to >= RUN_REFUSING);
	run->state = to;
	memcpy(mac, run->mac, 6);
	bss->events.ended(bss->events.ctx, mac, &how);
}

static bool enrolls(void *ctx, const uint8_t sta[static 6], struct mr_rd wsc)
{
	struct wps_bss *bss = ctx;
	struct mr_wsc m;

	(void)sta;
	return bss->count < WPS_BSS_STAS_MAX && mr_wsc_parse(wsc, &m) &&
	       mr_wsc_number(&m, MR_WSC_REQUEST_TYPE, MR_WSC_ENROLLEE) <= MR_WSC_ENROLLEE;
}

static void send_eapol(struct wps_bss *bss, struct run *run, const struct mr_wr *packet)
{
	uint8_t buf[4 + MR_EAP_PACKET_MAX];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	if (packet->bad || packet->len == 0)
		return;
	eapol_build(&w, EAPOL_VERSION_2, EAPOL_EAP, packet);
	(void)soft_ap_send_eapol(bss->ap, run->mac, mr_wr_written(&w));
}

/* A new packet of ours is out: an answer is due. */
static void awaits(struct run *run, uint64_t now_us)
{
	run->repeats = 0;
	run->deadline_us = now_us + REPEAT_FIRST_US;
}

/* EAP-Failure, by which every run ends; then the association. */
static void close_run(struct wps_bss *bss, struct run *run, uint64_t now_us)
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr packet = mr_wr_over(buf, sizeof(buf));

	assert(!is_open(run));
	run->state = RUN_CLOSING;
	mr_eap_fail(&run->eap, &packet);
	send_eapol(bss, run, &packet);
	run->deadline_us = now_us + FAREWELL_US;
}

static void send_answer(struct wps_bss *bss, struct run *run, uint8_t op, struct mr_rd message, uint64_t now_us)
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr packet = mr_wr_over(buf, sizeof(buf));

	mr_eap_send(&run->eap, (enum mr_eap_op)op, message, &packet);
	send_eapol(bss, run, &packet);
	awaits(run, now_us);
}

static void begin(struct wps_bss *bss, const uint8_t mac[static 6], uint64_t now_us)
{
	struct run *run = calloc(1, sizeof(*run)), **at = &bss->runs;
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr packet = mr_wr_over(buf, sizeof(buf));

	if (run)
		run->registrar = wps_registrar_create(bss->config.device, false, bss->config.entropy, bss->config.tag);
	if (!run || !run->registrar) { /* it associates again, and there may be memory by then */
		free(run);
		return;
	}
	memcpy(run->mac, mac, 6);
	mr_eap_init(&run->eap, true, MR_EAP_STRANGER, 0);
	while (*at)
		at = &(*at)->next;
	*at = run;
	bss->count++;
	mr_eap_start(&run->eap, &packet);
	send_eapol(bss, run, &packet);
	awaits(run, now_us);
}

static void on_identity(struct wps_bss *bss, struct run *run, uint64_t now_us)
{
	if (run->eap.role == MR_EAP_ENROLLEE) {
		send_answer(bss, run, MR_EAP_START, (struct mr_rd){ 0 }, now_us);
		return;
	}
	end(bss, run, RUN_CLOSING, MR_CAUSE_UNSUPPORTED);
	close_run(bss, run, now_us);
}

static void on_message(struct wps_bss *bss, struct run *run, const struct mr_eap_message *m, uint64_t now_us)
{
	struct wps_answer answer;
	enum wps_event event = wps_registrar_receive(run->registrar, m->op, m->message, &answer);
	uint8_t mac[6];

	memcpy(mac, run->mac, 6);
	switch (event) {
	case WPS_IGNORED: return;
	case WPS_ASKED:
		run->state = RUN_ASKED;
		run->deadline_us = now_us + ADMISSION_US;
		bss->events.asked(bss->events.ctx, mac, wps_registrar_enrollee(run->registrar));
		return;
	case WPS_ANSWER:
		if (bss->events.shown)
			bss->events.shown(bss->events.ctx, mac, wps_registrar_exposed(run->registrar));
		send_answer(bss, run, answer.op, answer.message, now_us);
		return;
	case WPS_DONE:
	case WPS_FAILED:
		/* A NACK of ours is a request of its own; EAP-Failure follows the answer, or the silence. */
		end(bss, run, m->op == MR_EAP_MSG ? RUN_REFUSING : RUN_CLOSING,
		    event == WPS_DONE ? MR_CAUSE_OK : wps_registrar_cause(run->registrar));
		if (run->state == RUN_REFUSING)
			send_answer(bss, run, answer.op, answer.message, now_us);
		else
			close_run(bss, run, now_us);
		return;
	}
}

static void on_eap(struct wps_bss *bss, struct run *run, struct mr_rd packet, uint64_t now_us)
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr reply = mr_wr_over(buf, sizeof(buf));
	struct mr_eap_message message;

	switch (mr_eap_receive(&run->eap, packet, &message, &reply)) {
	case MR_EAP_IGNORED:
	case MR_EAP_OVER: return;
	case MR_EAP_ANSWERED:
		send_eapol(bss, run, &reply);
		awaits(run, now_us);
		return;
	case MR_EAP_IDENTITY: on_identity(bss, run, now_us); return;
	case MR_EAP_MESSAGE:
		if (is_open(run))
			on_message(bss, run, &message, now_us);
		else if (run->state == RUN_REFUSING) /* it has heard our NACK */
			close_run(bss, run, now_us);
		return;
	}
}

/* EAPOL-Start before M1: it did not hear the identity asked for, or comes late. */
static void on_start(struct wps_bss *bss, struct run *run, uint64_t now_us)
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr packet = mr_wr_over(buf, sizeof(buf));

	if (run->state != RUN_IDENTIFYING)
		return;
	mr_eap_init(&run->eap, true, MR_EAP_STRANGER, 0);
	mr_eap_start(&run->eap, &packet);
	send_eapol(bss, run, &packet);
	awaits(run, now_us);
}

static void on_eapol(void *ctx, const uint8_t sta[static 6], struct mr_rd pdu, uint64_t now_us)
{
	struct wps_bss *bss = ctx;
	struct run *run = find(bss, sta);
	struct mr_rd body = pdu;

	if (!pdu.at) { /* it is associated */
		if (run)
			remove_run(bss, run);
		begin(bss, sta, now_us);
		return;
	}
	if (!run)
		return;
	switch (eapol_type(&body)) {
	case EAPOL_START: on_start(bss, run, now_us); return;
	case EAPOL_EAP:
		mr_rd_skip(&body, 4);
		if (!body.bad)
			on_eap(bss, run, body, now_us);
		return;
	default: return;
	}
}

static void on_left(void *ctx, const uint8_t sta[static 6], int reason)
{
	struct wps_bss *bss = ctx;
	struct run *run = find(bss, sta);

	(void)reason;
	if (!run)
		return;
	if (is_open(run))
		end(bss, run, RUN_CLOSING, MR_CAUSE_LINK_LOST);
	remove_run(bss, run);
}

/* --- what the owner says --- */

const struct wps_enrollee *wps_bss_asks(const struct wps_bss *bss, const uint8_t mac[static 6])
{
	const struct run *run = find(bss, mac);

	return run && run->state == RUN_ASKED ? wps_registrar_enrollee(run->registrar) : NULL;
}

bool wps_bss_admit(struct wps_bss *bss, const uint8_t mac[static 6], const char *pin,
		   const struct mr_wsc_credential *credential, uint64_t now_us)
{
	struct run *run = wps_bss_asks(bss, mac) ? find(bss, mac) : NULL;
	struct wps_answer answer;

	if (!run)
		return false;
	if (!wps_registrar_admit(run->registrar, pin, credential, &answer)) {
		end(bss, run, RUN_CLOSING, MR_CAUSE_NO_MEMORY);
		close_run(bss, run, now_us);
		return false;
	}
	run->begun = true;
	run->state = RUN_ENROLLING;
	send_answer(bss, run, answer.op, answer.message, now_us);
	return true;
}

void wps_bss_decline(struct wps_bss *bss, const uint8_t mac[static 6], enum mr_wsc_error why, uint64_t now_us)
{
	struct run *run = wps_bss_asks(bss, mac) ? find(bss, mac) : NULL;
	struct wps_answer answer;

	if (!run)
		return;
	wps_registrar_decline(run->registrar, why, &answer);
	run->state = RUN_ENROLLING;
	send_answer(bss, run, answer.op, answer.message, now_us);
}

void wps_bss_dismiss(struct wps_bss *bss, const uint8_t mac[static 6], int cause, uint64_t now_us)
{
	struct run *run = find(bss, mac);

	if (!run || !is_open(run))
		return;
	end(bss, run, RUN_CLOSING, cause);
	close_run(bss, run, now_us);
}

/* --- time --- */

static void repeat(struct wps_bss *bss, struct run *run, uint64_t now_us)
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr packet = mr_wr_over(buf, sizeof(buf));

	mr_eap_repeat(&run->eap, &packet);
	send_eapol(bss, run, &packet);
	run->deadline_us = now_us + ((uint64_t)REPEAT_FIRST_US << ++run->repeats);
}

static void overdue(struct wps_bss *bss, struct run *run, uint64_t now_us)
{
	switch (run->state) {
	case RUN_IDENTIFYING:
	case RUN_ENROLLING:
		if (run->repeats < REPEATS_MAX) {
			repeat(bss, run, now_us);
			return;
		}
		end(bss, run, RUN_CLOSING, MR_CAUSE_NO_ANSWER);
		close_run(bss, run, now_us);
		return;
	case RUN_ASKED: end(bss, run, RUN_CLOSING, MR_CAUSE_NO_ANSWER); /* fall through */
	case RUN_REFUSING: close_run(bss, run, now_us); return;
	case RUN_CLOSING: soft_ap_dismiss(bss->ap, run->mac, IEEE80211_8021X_FAILED, now_us); return; /* on_left */
	}
}

void wps_bss_expire(struct wps_bss *bss, uint64_t now_us)
{
	struct run *next;

	for (struct run *run = bss->runs; run; run = next) {
		next = run->next;
		if (now_us >= run->deadline_us)
			overdue(bss, run, now_us);
	}
	soft_ap_expire(bss->ap, now_us);
}

uint64_t wps_bss_deadline_us(const struct wps_bss *bss)
{
	uint64_t at_us = soft_ap_deadline_us(bss->ap);

	for (const struct run *run = bss->runs; run; run = run->next)
		if (run->deadline_us < at_us)
			at_us = run->deadline_us;
	return bss->first ? 0 : at_us;
}

/* --- frames --- */

static bool queue(void *ctx, struct mr_rd frame, const struct radio_tx *tx)
{
	struct wps_bss *bss = ctx;
	struct waiting_frame *w = bss->waiting < WPS_BSS_FRAMES_MAX ? malloc(sizeof(*w) + frame.left) : NULL;

	if (!w)
		return false;
	*w = (struct waiting_frame){ .tx = *tx, .len = frame.left };
	memcpy(w->bytes, frame.at, frame.left);
	*bss->last = w;
	bss->last = &w->next;
	bss->waiting++;
	return true;
}

static struct waiting_frame *take(struct wps_bss *bss)
{
	struct waiting_frame *w = bss->first;

	if (!w)
		return NULL;
	bss->first = w->next;
	if (!bss->first)
		bss->last = &bss->first;
	assert(bss->waiting > 0);
	bss->waiting--;
	return w;
}

/* Reports of the radio do not come back to a voice: what was handed over counts as sent. EAP repeats what was lost. */
size_t wps_bss_pull(struct wps_bss *bss, uint8_t *frame, struct radio_tx *tx, uint64_t now_us)
{
	struct waiting_frame *w = take(bss);
	size_t len;

	if (!w)
		return 0;
	len = w->len;
	assert(len <= RADIO_FRAME_MAX);
	memcpy(frame, w->bytes, len);
	*tx = w->tx;
	soft_ap_sent(bss->ap, w->tx.cookie, true, now_us);
	free(w);
	return len;
}

void wps_bss_pause(struct wps_bss *bss)
{
	struct waiting_frame *w;

	while ((w = take(bss))) {
		soft_ap_sent(bss->ap, w->tx.cookie, false, 0);
		free(w);
	}
}

void wps_bss_receive(struct wps_bss *bss, struct mr_rd mpdu, uint64_t now_us)
{
	soft_ap_receive(bss->ap, mpdu, now_us);
}

static void no_data(void *ctx, const uint8_t dst[static 6], const uint8_t src[static 6], uint16_t ethertype,
		    struct mr_rd payload)
{
	(void)ctx, (void)dst, (void)src, (void)ethertype, (void)payload;
}

static bool nobody(void *ctx, const uint8_t mac[static 6]) { return (void)ctx, (void)mac, false; }

struct wps_bss *wps_bss_create(const struct wps_bss_config *config, const struct wps_bss_events *events,
			       uint64_t now_us)
{
	struct wps_bss *bss = calloc(1, sizeof(*bss));
	struct soft_ap_config ap = { .ssid_len = config->ssid_len,
				     .security = IEEE80211_OPEN,
				     .freq_mhz = config->freq_mhz,
				     .interval_tu = INTERVAL_TU,
				     .stas_max = WPS_BSS_STAS_MAX,
				     .tag = config->tag };
	struct soft_ap_events ap_events = { .ctx = bss, .send = queue, .received = no_data, .admits = nobody };

	if (!bss)
		return NULL;
	bss->config = *config;
	bss->events = *events;
	bss->last = &bss->first;
	bss->wsc = (struct soft_ap_wsc){ .ctx = bss,
					 .element = put_element,
					 .probed = on_probed,
					 .enrolls = enrolls,
					 .eapol = on_eapol,
					 .left = on_left };
	memcpy(ap.mac, config->mac, 6);
	memcpy(ap.ssid, config->ssid, config->ssid_len);
	ap.wsc = &bss->wsc;
	bss->ap = soft_ap_create(&ap, &ap_events, config->entropy, now_us);
	if (!bss->ap) {
		free(bss);
		return NULL;
	}
	return bss;
}

void wps_bss_destroy(struct wps_bss *bss)
{
	if (!bss)
		return;
	while (bss->runs) {
		if (is_open(bss->runs))
			end(bss, bss->runs, RUN_CLOSING, MR_CAUSE_STOPPED);
		remove_run(bss, bss->runs);
	}
	soft_ap_destroy(bss->ap);
	for (struct waiting_frame *w; (w = take(bss));)
		free(w);
	free(bss);
}

size_t wps_bss_runs(const struct wps_bss *bss)
{
	size_t open = 0;

	for (const struct run *run = bss->runs; run; run = run->next)
		open += is_open(run);
	return open;
}

size_t wps_bss_memory(const struct wps_bss *bss)
{
	size_t octets = sizeof(*bss) + bss->count * (sizeof(struct run) + wps_registrar_memory());

	for (const struct waiting_frame *w = bss->first; w; w = w->next)
		octets += sizeof(*w) + w->len;
	return octets;
}
