#include "station/link/bss.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"
#include "agent/wire/frame.h"
#include "agent/wire/message.h"
#include "station/ip/http.h"
#include "station/ip/ip_stream.h"
#include "station/link/pin_session.h"
#include "station/wifi/psk.h"
#include "station/wifi/sta.h"
#include "station/ip/tls.h"

#define BODY_MAX (MR_MESSAGE_MAX + PIN_SESSION_OVERHEAD)
#define HEAD_MAX 256u	   /* of our requests */
#define RECONNECTS_MAX 4u  /* of one request: the device may close an idle connection, or restart its server */
#define TLS_FRAGMENT 1024u /* octets of a record that a small device has room for */
#define LISTEN_US                                                                                                      \
	250000u /* for the access point of a device that may be back: beacons come every tenth of a second             \
		 */
#define HTTP_PORT 80u
#define HTTPS_PORT 443u

enum stage {
	STAGE_SUSPENDED,
	STAGE_KEYING,  /* the PSK is being worked out */
	STAGE_JOINING, /* authentication, association, 4-way handshake */
	STAGE_ADDRESS,
	STAGE_CONNECTING,
	STAGE_SECURING, /* TLS handshake, or the PIN exchange */
	STAGE_IDLE,
	STAGE_ASKING,
	STAGE_ENDED,
};

/* One response of HTTP, as it comes in. */
struct exchange {
	struct http_response response;
	uint8_t body[BODY_MAX];
};

struct bss {
	struct link base;
	const struct bss_station *station;
	enum access_method method;
	void *ctx;
	void (*event)(void *ctx, enum bss_event event, struct mr_rd message, int cause);
	char passphrase[65], pin[17], serial[33];
	char issued_pin[17], issued_serial[33];
	bool any_certificate;
	struct ieee80211_network network;
	uint8_t peer[6]; /* the device's address */
	enum stage stage;
	struct psk_request psk_request;
	uint8_t psk[32];
	struct sta *sta;
	struct ip_if *net;
	struct ip_stream *stream;
	uint32_t address; /* the device's */
	struct tls *tls;
	struct pin_session *pin_session;
	struct exchange *exchange; /* the HTTP exchange under way */
	uint8_t *request;	   /* the message, to be sent again over another connection */
	size_t request_len;
	uint8_t *out; /* octets that TCP has not taken yet */
	size_t out_len, out_at;
	unsigned reconnects;
	uint8_t binding[32];
	uint64_t stage_us, asked_us, expect_us, deadline_us, due_us, until_us;
	bool stay;
	struct loop_timer wake;
	bool up_due, response_due;
	int ended; /* a cause that is to be told */
	uint8_t answer[MR_MESSAGE_MAX];
	size_t answer_len;
	struct bss_evidence evidence;
};

static const struct link_ops ops;

static struct bss *of(struct link *base) { return (struct bss *)base; }
static const struct bss *of_const(const struct link *base) { return (const struct bss *)base; }

static uint64_t now_of(const struct bss *b) { return loop_now_us(b->station->loop); }

/* Something is to be told, or to be sent: from the loop, not from inside a call. */
static void wake(struct bss *b)
{
	if (b->wake.slot == 0)
		loop_at(b->station->loop, &b->wake, now_of(b));
}

static void enter(struct bss *b, enum stage stage)
{
	uint64_t now_us = now_of(b);

	b->stage = stage;
	b->stage_us = now_us;
	b->deadline_us = now_us + b->base.patience_us;
}

static uint32_t stage_took_us(const struct bss *b)
{
	uint64_t us = now_of(b) - b->stage_us;

	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* --- taking it down --- */

static void drop(uint8_t **buffer, size_t len)
{
	if (*buffer)
		OPENSSL_cleanse(*buffer, len);
	free(*buffer);
	*buffer = NULL;
}

static void drop_out(struct bss *b)
{
	drop(&b->out, b->out_len);
	b->out_len = b->out_at = 0;
}

static void drop_exchange(struct bss *b)
{
	OPENSSL_clear_free(b->exchange, sizeof(*b->exchange));
	b->exchange = NULL;
}

static void drop_connection(struct bss *b)
{
	ip_stream_abort(b->stream);
	b->stream = NULL;
	tls_destroy(b->tls);
	b->tls = NULL;
	drop_exchange(b);
	drop_out(b);
}

static void drop_link(struct bss *b)
{
	drop_connection(b);
	if (b->pin_session)
		pin_session_wipe(b->pin_session);
	free(b->pin_session);
	b->pin_session = NULL;
	ip_if_destroy(b->net);
	b->net = NULL;
	sta_destroy(b->sta);
	b->sta = NULL;
	psk_cancel(b->station->psk, &b->psk_request);
	drop(&b->request, b->request_len);
	b->request_len = 0;
	OPENSSL_cleanse(b->answer, b->answer_len);
	b->answer_len = 0;
	b->up_due = b->response_due = false;
}

static void end(struct bss *b, int cause)
{
	if (b->stage == STAGE_ENDED || b->stage == STAGE_SUSPENDED)
		return;
	b->stage = STAGE_ENDED;
	b->ended = cause;
	b->deadline_us = UINT64_MAX;
	wake(b);
}

/* --- HTTP --- */

static void connect_to(struct bss *b);

/* As much as TCP takes; the rest when it has room. */
static void flush(struct bss *b)
{
	if (b->stream && b->out_at < b->out_len)
		b->out_at += ip_stream_write(b->stream, b->out + b->out_at, b->out_len - b->out_at);
	if (b->out_at == b->out_len)
		drop_out(b);
	wake(b);
}

static bool append(struct bss *b, const uint8_t *bytes, size_t len)
{
	size_t left = b->out_len - b->out_at;
	uint8_t *out = malloc(left + len + 1);

	if (!out)
		return false;
	if (left)
		memcpy(out, b->out + b->out_at, left);
	memcpy(out + left, bytes, len);
	drop_out(b);
	b->out = out;
	b->out_len = left + len;
	return true;
}

/* What TLS wants to be sent. */
static bool take_records(struct bss *b)
{
	uint8_t room[2048];
	size_t len;

	while (b->tls && (len = tls_take(b->tls, room, sizeof(room))) > 0)
		if (!append(b, room, len))
			return false;
	return true;
}

/* A request is a few records: taken out as they are made, so that TLS always has room. */
static bool encrypt(struct bss *b, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t taken = 0;

		if (tls_write(b->tls, bytes, len, &taken) < 0 || !take_records(b) || taken == 0)
			return false;
		bytes += taken;
		len -= taken;
	}
	return true;
}

/* One request of HTTP/1.1 on the connection as it is. */
static void ask_http(struct bss *b, const char *path, const char *type, struct mr_rd body)
{
	uint8_t room[HEAD_MAX + BODY_MAX];
	struct mr_wr w = mr_wr_over(room, sizeof(room));
	const struct http_field fields[] = { { "Content-Type", type } };
	struct http_request request = { .method = type ? "POST" : "GET",
					.host = "192.168.4.1",
					.target = path,
					.fields = fields,
					.field_count = type ? 1 : 0,
					.body = body };
	bool ok;

	drop_exchange(b);
	b->exchange = OPENSSL_malloc(sizeof(*b->exchange));
	ok = b->exchange && http_request_write(&request, &w);
	if (b->exchange)
		http_response_init(&b->exchange->response, b->exchange->body, sizeof(b->exchange->body), false);
	if (ok && b->tls)
		ok = encrypt(b, room, w.len);
	else if (ok)
		ok = append(b, room, w.len);
	OPENSSL_cleanse(room, w.len);
	if (!ok)
		end(b, MR_CAUSE_NO_MEMORY);
	else
		flush(b);
}

static void ask_pin_exchange(struct bss *b)
{
	uint8_t room[256];
	struct mr_wr w = mr_wr_over(room, sizeof(room));
	const char *path = pin_session_ask(b->pin_session, &w);

	ask_http(b, path, w.len ? "application/x-www-form-urlencoded" : NULL, mr_wr_written(&w));
}

/* Sends `request` over the channel that stands. */
static void send_request(struct bss *b)
{
	struct mr_rd message = mr_rd_over(b->request, b->request_len);
	uint8_t sealed[BODY_MAX];
	struct mr_wr w = mr_wr_over(sealed, sizeof(sealed));

	if (b->method != ACCESS_PIN) {
		ask_http(b, "/v1/operation", "application/octet-stream", message);
		return;
	}
	if (!pin_session_seal(b->pin_session, message, &w))
		end(b, MR_CAUSE_TOO_LONG);
	else
		ask_http(b, "/v1/pin/operation", "application/octet-stream", mr_wr_written(&w));
}

static void begin_pin_session(struct bss *b)
{
	pin_session_init(b->pin_session, b->pin, b->station->entropy);
	pin_session_issued(b->pin_session, b->issued_serial, b->issued_pin);
}

static void secured(struct bss *b)
{
	b->evidence.secure_us = stage_took_us(b);
	b->base.binding = b->binding;
	b->reconnects = 0;
	if (b->request) { /* the connection was lost in the middle of it */
		enter(b, STAGE_ASKING);
		b->deadline_us = now_of(b) + b->expect_us + b->base.patience_us;
		send_request(b);
		return;
	}
	enter(b, STAGE_IDLE);
	b->deadline_us = UINT64_MAX;
	b->up_due = true;
	wake(b);
}

static void on_answer(struct bss *b, unsigned status, struct mr_rd body)
{
	struct mr_wr w = mr_wr_over(b->answer, sizeof(b->answer));
	int result;

	if (b->stage == STAGE_SECURING) {
		result = pin_session_take(b->pin_session, status, body);
		if (result != 0) {
			end(b, -result);
		} else if (b->pin_session->step == PIN_SESSION_OPEN) {
			memcpy(b->binding, b->pin_session->binding, 32);
			secured(b);
		} else {
			b->deadline_us = now_of(b) + b->base.patience_us;
			if (b->stream)
				ask_pin_exchange(b);
			else
				connect_to(b);
		}
		return;
	}
	if (b->stage != STAGE_ASKING)
		return;
	if (status == 503) { /* it is busy with somebody else, or with us over action frames: later */
		b->due_us = now_of(b) + 500000;
		return;
	}
	if (status == 409 && b->method == ACCESS_PIN &&
	    ++b->reconnects <= RECONNECTS_MAX) { /* its key has expired: agree anew */
		begin_pin_session(b);
		enter(b, STAGE_SECURING);
		if (b->stream)
			ask_pin_exchange(b);
		else
			connect_to(b);
		return;
	}
	if (status != 200) {
		end(b, status == 403 || status == 401 ? MR_CAUSE_UNSUPPORTED : MR_CAUSE_BAD_RESPONSE);
		return;
	}
	if (b->method == ACCESS_PIN ? !pin_session_unseal(b->pin_session, body, &w)
				    : (mr_wr_bytes(&w, body.at, body.left), w.bad)) {
		end(b, MR_CAUSE_BAD_RESPONSE);
		return;
	}
	b->answer_len = w.len;
	drop(&b->request, b->request_len);
	b->request_len = 0;
	b->base.misses = 0;
	enter(b, STAGE_IDLE);
	b->deadline_us = UINT64_MAX;
	b->response_due = true;
	wake(b);
}

static void finish_exchange(struct bss *b)
{
	struct exchange *x = b->exchange;

	b->exchange = NULL;
	if (!x->response.keep) { /* the next request makes another connection */
		ip_stream_close(b->stream);
		b->stream = NULL;
		tls_destroy(b->tls);
		b->tls = NULL;
		drop_out(b);
	}
	on_answer(b, x->response.status, mr_rd_over(x->body, x->response.body_len));
	OPENSSL_clear_free(x, sizeof(*x));
}

static void on_plain(struct bss *b, const uint8_t *bytes, size_t len)
{
	struct mr_rd in = mr_rd_over(bytes, len);
	int result;

	if (!b->exchange || b->stage == STAGE_ENDED)
		return;
	result = http_response_receive(&b->exchange->response, &in);
	if (result < 0) {
		end(b, -result);
		return;
	}
	b->deadline_us = now_of(b) + b->expect_us + b->base.patience_us;
	if (result == HTTP_DONE)
		finish_exchange(b);
}

/* --- TLS --- */

static bool is_up(struct bss *b)
{
	snprintf(b->evidence.cipher, sizeof(b->evidence.cipher), "%s %s", tls_version(b->tls), tls_cipher(b->tls));
	b->evidence.has_certificate = tls_leaf_sha256(b->tls, b->evidence.certificate_sha256);
	return b->evidence.has_certificate && tls_channel_binding(b->tls, b->binding);
}

static void read_plain(struct bss *b)
{
	uint8_t room[2048];
	size_t len = 0;
	int result;

	do {
		result = tls_read(b->tls, room, sizeof(room), &len);
		if (len > 0)
			on_plain(b, room, len);
	} while (b->tls && b->stage != STAGE_ENDED && result == TLS_NOTHING && len > 0);
	OPENSSL_cleanse(room, sizeof(room));
	if (result < 0)
		end(b, -result);
}

static void on_ciphertext(struct bss *b, const uint8_t *bytes, size_t len)
{
	int result = tls_receive(b->tls, bytes, len);

	if (!take_records(b))
		end(b, MR_CAUSE_NO_MEMORY);
	flush(b); /* an alert too */
	if (result < 0)
		end(b, -result);
	else if (result == TLS_UP && !is_up(b))
		end(b, MR_CAUSE_TLS_FAILED);
	else if (result == TLS_UP)
		secured(b);
	if (b->tls && b->stage != STAGE_ENDED)
		read_plain(b);
}

/* --- TCP --- */

static void on_connected(void *ctx)
{
	struct bss *b = ctx;
	struct tls_policy policy = { .serial = b->serial[0] && !b->any_certificate ? b->serial : NULL,
				     .utc_us = loop_utc_us(b->station->loop),
				     .fragment_len = TLS_FRAGMENT };

	b->evidence.connect_us = stage_took_us(b);
	enter(b, STAGE_SECURING);
	b->evidence.has_certificate = false;
	switch (b->method) {
	case ACCESS_HTTPS:
		b->tls = tls_create(b->any_certificate ? b->station->any : b->station->trust, &policy);
		if (!b->tls || !take_records(b))
			end(b, MR_CAUSE_NO_MEMORY);
		else
			flush(b);
		return;
	case ACCESS_PIN:
		if (b->pin_session && b->pin_session->step == PIN_SESSION_OPEN) {
			secured(b); /* the key outlives a connection */
			return;
		}
		if (b->pin_session && b->pin_session->step != PIN_SESSION_DEVICE) { /* in the middle of the exchange */
			ask_pin_exchange(b);
			return;
		}
		if (!b->pin_session && !(b->pin_session = calloc(1, sizeof(*b->pin_session)))) {
			end(b, MR_CAUSE_NO_MEMORY);
			return;
		}
		begin_pin_session(b);
		snprintf(b->evidence.cipher, sizeof(b->evidence.cipher), "SPAKE2+ P256-SHA256, AES-256-GCM");
		ask_pin_exchange(b);
		return;
	case ACCESS_MICRO_AP:
		memset(b->binding, 0, sizeof(b->binding));
		snprintf(b->evidence.cipher, sizeof(b->evidence.cipher), "CCMP-128");
		secured(b);
		return;
	case ACCESS_DIRECT:
	case ACCESS_METHOD_COUNT: break;
	}
	end(b, MR_CAUSE_UNSUPPORTED);
}

static void on_received(void *ctx, const uint8_t *bytes, size_t len)
{
	struct bss *b = ctx;

	if (!b->tls) {
		on_plain(b, bytes, len);
		return;
	}
	on_ciphertext(b, bytes, len);
}

static void on_sent(void *ctx) { flush(ctx); }

static void on_closed(void *ctx, int cause)
{
	struct bss *b = ctx;

	if (b->stage == STAGE_ENDED)
		return;
	if (b->stage == STAGE_IDLE) { /* an idle connection may end: the next request makes another */
		drop_connection(b);
		return;
	}
	if (b->stage == STAGE_SECURING && b->tls && cause == 0)
		cause = -MR_CAUSE_TLS_FAILED;
	if (b->stage == STAGE_SECURING && b->tls) {
		end(b, -cause);
		return;
	}
	if (b->exchange && cause == 0 && http_response_end(&b->exchange->response) == HTTP_DONE) {
		finish_exchange(b);
		return;
	}
	if (++b->reconnects > RECONNECTS_MAX) {
		end(b, cause ? -cause : MR_CAUSE_CONNECT_FAILED);
		return;
	}
	drop_connection(b);
	connect_to(b);
}

static void connect_to(struct bss *b)
{
	static const struct ip_stream_events events = { on_connected, on_received, on_sent, on_closed };

	enter(b, STAGE_CONNECTING);
	b->stream = ip_connect(b->net, b->address, b->method == ACCESS_HTTPS ? HTTPS_PORT : HTTP_PORT, &events, b);
	if (!b->stream)
		end(b, MR_CAUSE_CONNECT_FAILED);
	wake(b);
}

/* --- IP --- */

static void on_output(void *ctx, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload, size_t len)
{
	struct bss *b = ctx;

	if (b->sta)
		(void)sta_send(b->sta, dst, ethertype, payload, len); /* a full queue is a lost frame */
	wake(b);
}

static void on_address(void *ctx, int result, const struct ip_lease *lease)
{
	struct bss *b = ctx;

	if (b->stage != STAGE_ADDRESS) {
		if (result != 0)
			end(b, -result);
		return;
	}
	if (result != 0) {
		end(b, -result);
		return;
	}
	b->evidence.address_us = stage_took_us(b);
	b->address = lease->router ? lease->router : lease->server;
	connect_to(b);
}

/*
 * On an ad-hoc network there is no server of addresses: the device has a link-local one made of its MAC (RFC 3927), and
 * we the one beside it. docs/protocol.md, "HTTP".
 */
static void take_static_address(struct bss *b)
{
	const uint8_t *mac = b->peer;
	uint32_t host = 0x0100u + ((uint32_t)mac[4] << 8 | mac[5]) % 0xfe00u;

	b->address = 0xa9fe0000u | host;
	ip_if_static(b->net, 0xa9fe0000u | (host ^ 1u), 0xffff0000u, 0);
	connect_to(b);
}

static void on_associated(struct bss *b)
{
	static const struct ip_if_events events = { on_output, on_address };

	b->evidence.join_us = stage_took_us(b);
	b->net = ip_if_create(b->station->ip, b->station->mac, &events, b);
	if (!b->net) {
		end(b, MR_CAUSE_NO_MEMORY);
		return;
	}
	enter(b, STAGE_ADDRESS);
	if (b->network.ibss)
		take_static_address(b);
	else
		ip_if_dhcp(b->net, b->deadline_us);
	wake(b);
}

/* --- 802.11 --- */

static void associate(struct bss *b)
{
	const struct ieee80211_network *n = &b->network;
	struct sta_config config = { .ssid_len = n->ssid_len,
				     .freq_mhz = n->freq_mhz,
				     .ibss = n->ibss,
				     .secure = b->method == ACCESS_MICRO_AP,
				     .rsn = n->rsn,
				     .patience_us = b->base.patience_us,
				     .entropy = b->station->entropy,
				     .sequence = b->station->sequence };

	memcpy(config.own, b->station->mac, 6);
	memcpy(config.bssid, n->bssid, 6);
	memcpy(config.peer, b->peer, 6);
	memcpy(config.ssid, n->ssid, sizeof(config.ssid));
	memcpy(config.pmk, b->psk, 32);
	enter(b, STAGE_JOINING);
	b->deadline_us = UINT64_MAX; /* the STA has deadlines of its own */
	b->sta = sta_create(&config, now_of(b));
	OPENSSL_cleanse(&config, sizeof(config));
	if (!b->sta)
		end(b, MR_CAUSE_NO_MEMORY);
	wake(b);
}

static void on_psk(void *ctx, const uint8_t psk[static 32])
{
	struct bss *b = ctx;

	memcpy(b->psk, psk, 32);
	if (b->stage == STAGE_KEYING)
		associate(b);
}

int bss_start(struct link *base, const struct ieee80211_network *network, const uint8_t peer[static 6])
{
	struct bss *b = of(base);
	bool wpa2 = b->method == ACCESS_MICRO_AP;

	drop_link(b);
	b->network = *network;
	memcpy(b->peer, peer, 6);
	if (wpa2 ? network->security != IEEE80211_WPA2_PSK && network->security != IEEE80211_WPA2_WPA3
		 : network->security != IEEE80211_OPEN)
		return -MR_CAUSE_UNSUPPORTED;
	b->evidence = (struct bss_evidence){ .security = !wpa2 ? "open" : network->pmf_required ? "wpa2+pmf" : "wpa2" };
	enter(b, STAGE_KEYING);
	if (wpa2)
		psk_ask(b->station->psk, &b->psk_request, network->ssid, network->ssid_len, b->passphrase);
	else
		associate(b);
	return b->stage == STAGE_ENDED ? -b->ended : 0;
}

void bss_receive(struct link *base, struct mr_rd mpdu, const struct radio_rx *rx, uint64_t now_us)
{
	struct bss *b = of(base);
	struct sta_out out;
	int result;

	if (!b->sta)
		return;
	b->base.frames_received++;
	b->base.octets += (uint32_t)mpdu.left;
	result = sta_receive(b->sta, mpdu, rx, &out, now_us);
	if (result < 0) {
		end(b, -result);
		return;
	}
	switch (out.event) {
	case STA_NOTHING:
	case STA_DOWN: /* it joins again by itself, and TCP goes on where it was */ break;
	case STA_UP:
		if (b->stage == STAGE_JOINING)
			on_associated(b);
		break;
	case STA_MSDU:
		if (b->net)
			ip_if_input(b->net, out.dst, out.ethertype, out.payload.at, out.payload.left);
		break;
	}
	OPENSSL_cleanse(&out, sizeof(out));
}

/* --- the seam --- */

static void on_wake(void *ctx, uint64_t now_us)
{
	struct bss *b = ctx;
	uint8_t answer[MR_MESSAGE_MAX];
	size_t len = b->answer_len;

	(void)now_us;
	if (b->ended) {
		int cause = b->ended;

		b->ended = 0;
		b->event(b->ctx, BSS_ENDED, mr_rd_over(NULL, 0), cause);
		return;
	}
	if (b->up_due) {
		b->up_due = false;
		b->event(b->ctx, BSS_UP, mr_rd_over(NULL, 0), 0);
		return;
	}
	if (b->response_due) {
		b->response_due = false;
		memcpy(answer, b->answer, len); /* the link may be gone when the event returns */
		OPENSSL_cleanse(b->answer, len);
		b->answer_len = 0;
		b->event(b->ctx, BSS_RESPONSE, mr_rd_over(answer, len), 0);
		OPENSSL_cleanse(answer, len);
		return;
	}
	b->event(b->ctx, BSS_CHANGED, mr_rd_over(NULL, 0), 0);
}

struct link *bss_create(const struct bss_config *config)
{
	struct bss *b = OPENSSL_zalloc(sizeof(*b));

	if (!b)
		return NULL;
	b->base = (struct link){ .ops = &ops, .patience_us = config->patience_us };
	b->base.binding = b->binding;
	b->station = config->station;
	b->method = config->method;
	b->event = config->event;
	b->any_certificate = config->any_certificate;
	if (config->passphrase)
		strncpy(b->passphrase, config->passphrase, sizeof(b->passphrase) - 1);
	if (config->pin)
		strncpy(b->pin, config->pin, sizeof(b->pin) - 1);
	if (config->serial)
		strncpy(b->serial, config->serial, sizeof(b->serial) - 1);
	b->psk_request = (struct psk_request){ .done = on_psk, .ctx = b };
	b->wake = (struct loop_timer){ .fn = on_wake, .ctx = b, .at_us = LOOP_NEVER };
	b->deadline_us = b->until_us = b->due_us = UINT64_MAX;
	return &b->base;
}

void bss_set_context(struct link *link, void *ctx) { of(link)->ctx = ctx; }

void bss_issued(struct link *link, const char *serial, const char *pin)
{
	struct bss *b = of(link);

	snprintf(b->issued_serial, sizeof(b->issued_serial), "%s", serial);
	snprintf(b->issued_pin, sizeof(b->issued_pin), "%s", pin);
}

void bss_suspend(struct link *link, uint64_t due_us, uint64_t until_us, bool stay)
{
	struct bss *b = of(link);

	drop_link(b);
	b->ended = 0;
	b->stage = STAGE_SUSPENDED;
	b->deadline_us = b->until_us = until_us;
	b->due_us = due_us;
	b->stay = stay;
}

bool bss_suspended(const struct link *link) { return of_const(link)->stage == STAGE_SUSPENDED; }
const struct bss_evidence *bss_evidence(const struct link *link) { return &of_const(link)->evidence; }

static size_t pull(struct link *base, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what, uint64_t now_us)
{
	struct bss *b = of(base);
	size_t len = b->sta ? sta_pull(b->sta, frame, hold, what, now_us) : 0;

	if (len) {
		base->frames_sent++;
		base->octets += (uint32_t)len;
	}
	return len;
}

static bool ready(const struct link *base)
{
	const struct bss *b = of_const(base);

	return b->sta && b->stage != STAGE_ENDED && sta_ready(b->sta);
}

static void sent(struct link *base, uint8_t what, bool acked, unsigned tries, uint64_t now_us)
{
	struct bss *b = of(base);

	base->retries += tries > 1 ? tries - 1 : 0;
	base->misses = acked ? 0 : base->misses + 1;
	if (!b->sta)
		return;
	if (acked && b->stage > STAGE_JOINING && b->stage != STAGE_ENDED && b->stage != STAGE_IDLE)
		base->misses = 0;
	sta_sent(b->sta, what, acked, tries, now_us);
}

static bool up(const struct link *base) { return of_const(base)->stage > STAGE_JOINING; }
static bool idle(const struct link *base) { return of_const(base)->stage == STAGE_IDLE; }

static int request(struct link *base, struct mr_rd message, uint64_t expect_us, uint64_t now_us)
{
	struct bss *b = of(base);

	assert(b->stage == STAGE_IDLE);
	b->request = malloc(message.left + 1);
	if (!b->request)
		return -MR_CAUSE_NO_MEMORY;
	memcpy(b->request, message.at, message.left);
	b->request_len = message.left;
	enter(b, STAGE_ASKING);
	b->asked_us = now_us;
	b->expect_us = expect_us;
	b->due_us = UINT64_MAX;
	b->deadline_us = now_us + expect_us + base->patience_us;
	if (b->stream)
		send_request(b);
	else
		connect_to(b);
	return 0;
}

static void park(struct link *base, uint64_t now_us)
{
	struct bss *b = of(base);

	if (b->sta)
		sta_park(b->sta, now_us);
}

static void resume(struct link *base, uint64_t now_us)
{
	struct bss *b = of(base);

	if (b->sta)
		sta_resume(b->sta, now_us);
	if (b->stage == STAGE_SUSPENDED && b->until_us < now_us + LISTEN_US)
		b->deadline_us = b->until_us = now_us + LISTEN_US;
	/* Silence while nobody listened is not the device's. */
	if (b->stage > STAGE_KEYING && b->deadline_us != UINT64_MAX && b->deadline_us < now_us + base->patience_us)
		b->deadline_us = now_us + base->patience_us;
}

static uint64_t deadline_us(const struct link *base)
{
	const struct bss *b = of_const(base);
	uint64_t at_us = b->deadline_us;

	if (b->sta && b->stage != STAGE_ENDED && sta_deadline_us(b->sta) < at_us)
		at_us = sta_deadline_us(b->sta);
	if (b->stage == STAGE_ASKING && b->due_us < at_us)
		at_us = b->due_us;
	return at_us;
}

static int expire(struct link *base, uint64_t now_us)
{
	struct bss *b = of(base);
	int result = 0;

	if (b->stage == STAGE_SUSPENDED)
		return now_us >= b->until_us ? -MR_CAUSE_JOIN_TIMEOUT : 0;
	if (b->sta && now_us >= sta_deadline_us(b->sta))
		result = sta_expire(b->sta, now_us);
	if (result < 0)
		return result;
	if (b->stage == STAGE_ASKING && now_us >= b->due_us) { /* it was busy */
		b->due_us = UINT64_MAX;
		if (b->stream)
			send_request(b);
		else
			connect_to(b);
	}
	if (now_us < b->deadline_us)
		return 0;
	return b->stage == STAGE_JOINING ? -MR_CAUSE_HANDSHAKE_TIMEOUT : -MR_CAUSE_NO_ANSWER;
}

static uint64_t due_us(const struct link *base)
{
	const struct bss *b = of_const(base);

	switch (b->stage) {
	case STAGE_SUSPENDED: return b->due_us;
	case STAGE_ASKING: return b->asked_us + b->expect_us;
	case STAGE_KEYING:
	case STAGE_IDLE:
	case STAGE_ENDED: return UINT64_MAX;
	case STAGE_JOINING: return b->sta ? sta_due_us(b->sta) : UINT64_MAX;
	case STAGE_ADDRESS:
	case STAGE_CONNECTING:
	case STAGE_SECURING: break;
	}
	return b->stage_us + 20000;
}

static bool unsafe(const struct link *base)
{
	const struct bss *b = of_const(base);

	return b->stage == STAGE_SUSPENDED ? b->stay : b->stage == STAGE_JOINING && b->sta && sta_unsafe(b->sta);
}

static size_t memory(const struct link *base)
{
	const struct bss *b = of_const(base);

	return sizeof(*b) + (b->sta ? sta_memory(b->sta) : 0) + (b->pin_session ? sizeof(*b->pin_session) : 0) +
	       b->out_len + b->request_len;
}

static void wipe(struct link *base)
{
	struct bss *b = of(base);

	drop_link(b);
	loop_cancel(b->station->loop, &b->wake);
	OPENSSL_clear_free(b, sizeof(*b));
}

static const struct link_ops ops = {
	.pull = pull,
	.ready = ready,
	.sent = sent,
	.up = up,
	.idle = idle,
	.request = request,
	.park = park,
	.resume = resume,
	.deadline_us = deadline_us,
	.expire = expire,
	.due_us = due_us,
	.unsafe = unsafe,
	.memory = memory,
	.wipe = wipe,
};
