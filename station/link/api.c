#include "station/link/api.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"
#include "agent/wire/frame.h"
#include "agent/wire/message.h"
#include "station/ip/dotted.h"
#include "station/ip/http_client.h"
#include "station/link/pin_session.h"

#define BODY_MAX (MR_MESSAGE_MAX + PIN_SESSION_OVERHEAD)
#define RECONNECTS_MAX                                                                                                 \
	4u		 /* of one request, and of coming up: it may close an idle connection, or restart its server   \
			  */
#define EXCHANGES_MAX 2u /* with one PIN, where the other end shows another: anybody may answer on an open network */
/* Whatever TCP, TLS or the device's octets do meanwhile, in patiences: chosen. */
#define UP_PATIENCES 8u	     /* from the network to a channel that is secured */
#define UP_US 10000000u	     /* beside them: an address from a slow server */
#define REQUEST_PATIENCES 5u /* of one request, beyond what its work takes */
#define TLS_FRAGMENT 1024u   /* octets of a record that a small device has room for */
#define LISTEN_BEACONS 5u    /* halves of its beacon intervals */
#define LISTEN_MAX_US 10000000u
#define BUSY_US 500000u	 /* a device that says 503 is asked again after it */
#define ANSWER_US 20000u /* about when a device answers a segment */
#define HTTP_PORT 80u
#define HTTPS_PORT 443u

enum state {
	SUSPENDED,
	JOINING, /* the floor below is at work */
	CONNECTING,
	SECURING, /* TLS handshake, or the PIN exchange */
	IDLE,
	ASKING,
	ENDED,
};

struct api {
	struct link base;
	struct bss bss;
	struct http_client http;
	const struct bss_station *station;
	enum api_protection protection;
	void *ctx;
	void (*event)(void *ctx, enum api_event event, struct mr_rd message, int cause);
	char pin[IDENTITY_PIN_MAX], serial[IDENTITY_SERIAL_MAX + 1];
	char issued_pin[IDENTITY_PIN_MAX], issued_serial[IDENTITY_SERIAL_MAX + 1];
	bool any_certificate;
	uint32_t pin_iterations;
	enum state state;
	struct pin_session *pin_session;
	uint8_t *request; /* the message, to be sent again over another connection */
	size_t request_len;
	unsigned reconnects, exchanges;
	bool was_up;  /* the other end has been authenticated once */
	bool is_busy; /* what it said last */
	uint8_t binding[32];
	uint64_t state_us, asked_us, expect_us, deadline_us;
	uint64_t again_us;  /* it was busy, or has hung up: it is asked again; UINT64_MAX: no */
	uint64_t must_us;   /* what is under way ends then, whatever has come meanwhile; UINT64_MAX: nothing is */
	uint64_t parked_us; /* since when no radio is there; 0: one is */
	uint64_t due_us, until_us; /* SUSPENDED */
	uint64_t listen_us;	   /* for the access point of a device that may be back */
	bool stay;		   /* SUSPENDED */
	struct loop_timer wake;
	bool up_due, response_due;
	int ended; /* a cause that has not been told yet */
	uint8_t answer[MR_MESSAGE_MAX];
	size_t answer_len;
	struct api_evidence evidence;
};

static const struct link_ops ops;

static struct api *of(struct link *base) { return (struct api *)base; }
static const struct api *of_const(const struct link *base) { return (const struct api *)base; }

static uint64_t now_of(const struct api *a) { return loop_now_us(a->station->loop); }

/* There is an event to tell, or a frame to send: from the loop, not from inside a call. */
static void wake(struct api *a)
{
	if (a->wake.slot == 0)
		loop_at(a->station->loop, &a->wake, now_of(a));
}

/* --- states --- */

#define BIT(state) (1u << (state))

static const char *const names[] = { [SUSPENDED] = "suspended", [JOINING] = "joining", [CONNECTING] = "connecting",
				     [SECURING] = "securing",	[IDLE] = "idle",       [ASKING] = "asking",
				     [ENDED] = "ended" };

/* What may follow a state. Each may be suspended or ended; a connection that was lost is made again. */
static const uint8_t follows[] = {
	[SUSPENDED] = BIT(SUSPENDED) | BIT(JOINING),
	[JOINING] = BIT(CONNECTING) | BIT(SUSPENDED) | BIT(ENDED),
	[CONNECTING] = BIT(SECURING) | BIT(CONNECTING) | BIT(SUSPENDED) | BIT(ENDED),
	[SECURING] = BIT(IDLE) | BIT(ASKING) | BIT(CONNECTING) | BIT(SUSPENDED) | BIT(ENDED),
	[IDLE] = BIT(ASKING) | BIT(SUSPENDED) | BIT(ENDED),
	[ASKING] = BIT(IDLE) | BIT(CONNECTING) | BIT(SECURING) | BIT(SUSPENDED) | BIT(ENDED),
	[ENDED] = BIT(SUSPENDED),
};

static void enter(struct api *a, enum state state, uint64_t deadline_us, const char *why, ...)
	__attribute__((format(printf, 4, 5)));
static void end(struct api *a, int cause, const char *why, ...) __attribute__((format(printf, 3, 4)));

static void venter(struct api *a, enum state state, uint64_t deadline_us, const char *why, va_list args)
	__attribute__((format(printf, 4, 0)));

/* The only writer of `state`. */
static void venter(struct api *a, enum state state, uint64_t deadline_us, const char *why, va_list args)
{
	assert(follows[a->state] & BIT(state));
	assert(a->request_len <= MR_MESSAGE_MAX && a->answer_len <= sizeof(a->answer));
	assert(state != IDLE || !a->request);
	assert(state != ASKING || a->request);
	log_vchange(a->base.tag, LOG_API, state == ENDED ? LOG_INFO : LOG_DEBUG, names[a->state],
		    state == ENDED ? mr_cause_name(a->ended) : names[state], why, args);
	a->state = state;
	a->state_us = now_of(a);
	a->deadline_us = deadline_us;
	if (state == IDLE || state == SUSPENDED || state == ENDED)
		a->must_us = a->again_us = UINT64_MAX;
}

static void enter(struct api *a, enum state state, uint64_t deadline_us, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	venter(a, state, deadline_us, why, args);
	va_end(args);
}

/* The link is over, which is told from the loop. The first cause counts. */
static void end(struct api *a, int cause, const char *why, ...)
{
	va_list args;

	assert(cause > 0);
	if (a->state == ENDED || a->state == SUSPENDED)
		return;
	a->ended = cause;
	va_start(args, why);
	venter(a, ENDED, UINT64_MAX, why, args);
	va_end(args);
	wake(a);
}

/* What can be said of the device when the other end was not authenticated: on an open network anybody can have been it.
 */
static int unproved(const struct api *a, int cause)
{
	enum mr_cause_class class = mr_cause_class(cause);

	return a->was_up && (class == MR_CLASS_DEVICE || class == MR_CLASS_SECURITY) ? MR_CAUSE_DISTURBED : cause;
}

/* Silence of the device ends it at this time. */
static uint64_t patience_until_us(const struct api *a) { return now_of(a) + a->base.patience_us; }

static uint32_t state_took_us(const struct api *a)
{
	uint64_t us = now_of(a) - a->state_us;

	assert(now_of(a) >= a->state_us);
	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* --- taking it down --- */

static void drop_request(struct api *a)
{
	if (a->request)
		OPENSSL_cleanse(a->request, a->request_len);
	free(a->request);
	a->request = NULL;
	a->request_len = 0;
}

static void drop_link(struct api *a)
{
	http_client_drop(&a->http);
	if (a->pin_session)
		pin_session_wipe(a->pin_session);
	free(a->pin_session);
	a->pin_session = NULL;
	bss_leave(&a->bss);
	drop_request(a);
	OPENSSL_cleanse(a->answer, a->answer_len);
	a->answer_len = 0;
	a->up_due = a->response_due = false;
}

/* --- asking --- */

static void connect_to(struct api *a);
static void begin_again(struct api *a, int cause, const char *why);
static void ask_pin_exchange(struct api *a);

/* The next message of the PIN exchange. */
static void go_on(struct api *a)
{
	a->deadline_us = patience_until_us(a);
	if (http_client_connected(&a->http))
		ask_pin_exchange(a);
	else
		connect_to(a);
}

static void ask(struct api *a, const char *path, const char *type, struct mr_rd body)
{
	const struct http_field fields[] = { { "Content-Type", type } };
	char host[16];
	const struct http_request request = { .method = type ? "POST" : "GET",
					      .host = host,
					      .target = path,
					      .fields = fields,
					      .field_count = type ? 1 : 0,
					      .body = body };

	snprintf(host, sizeof(host), DOTTED, DOTTED_OF(a->bss.address));
	if (!http_client_ask(&a->http, &request))
		end(a, MR_CAUSE_NO_MEMORY, "no room for a request of %zu octets", body.left);
}

static void ask_pin_exchange(struct api *a)
{
	uint8_t room[256];
	struct mr_wr w = mr_wr_over(room, sizeof(room));
	const char *path;

	if (a->pin_session->works) { /* which the bound of coming up ends, or of the request */
		a->deadline_us = UINT64_MAX;
		return;
	}
	path = pin_session_ask(a->pin_session, &w);
	ask(a, path, w.len ? "application/x-www-form-urlencoded" : NULL, mr_wr_written(&w));
}

/* Sends `request` over the channel that there is. */
static void send_request(struct api *a)
{
	struct mr_rd message = mr_rd_over(a->request, a->request_len);
	uint8_t sealed[BODY_MAX];
	struct mr_wr w = mr_wr_over(sealed, sizeof(sealed));

	assert(a->request);
	if (a->protection != API_PIN) {
		ask(a, "/v1/operation", "application/octet-stream", message);
		return;
	}
	if (!pin_session_seal(a->pin_session, message, &w))
		end(a, MR_CAUSE_TOO_LONG, "a request of %zu octets", message.left);
	else
		ask(a, "/v1/pin/operation", "application/octet-stream", mr_wr_written(&w));
}

/* The PIN is stretched; meanwhile the connection may have gone. */
static void on_worked(void *ctx, int result)
{
	struct api *a = ctx;

	if (result != 0)
		begin_again(a, -result, "the PIN cannot be stretched");
	else if (a->state == SECURING)
		go_on(a);
}

static void begin_pin_session(struct api *a)
{
	pin_session_wipe(a->pin_session);
	pin_session_init(a->pin_session, a->pin, a->station->entropy);
	a->pin_session->tag = a->base.tag;
	a->pin_session->iterations_max = a->pin_iterations;
	a->pin_session->pool = a->station->psk;
	a->pin_session->worked = on_worked;
	a->pin_session->ctx = a;
	pin_session_issued(a->pin_session, a->issued_serial, a->issued_pin);
}

static void secured(struct api *a)
{
	a->evidence.secure_us = state_took_us(a);
	a->base.binding = a->binding;
	a->was_up = true;
	a->is_busy = false;
	if (a->request) { /* the connection was lost in the middle of it */
		enter(a, ASKING, patience_until_us(a) + a->expect_us, "%s again; the request once more",
		      a->evidence.cipher);
		send_request(a);
		return;
	}
	enter(a, IDLE, UINT64_MAX, "%s", a->evidence.cipher);
	a->up_due = true;
	wake(a);
}

/* It, or a server in front of it, has no time now, whatever the method: the same once more, later. */
static void ask_later(struct api *a, const char *why)
{
	log_write(a->base.tag, LOG_API, LOG_DEBUG, "%s: once more in %u ms", why, BUSY_US / 1000);
	a->again_us = now_of(a) + BUSY_US;
	a->deadline_us = a->again_us + a->base.patience_us + a->expect_us;
}

static void ask_again(struct api *a)
{
	a->again_us = UINT64_MAX;
	if (!http_client_connected(&a->http))
		connect_to(a);
	else if (a->state == ASKING)
		send_request(a);
	else
		ask_pin_exchange(a);
}

/*
 * What has come over an open network is not the device's, as far as anybody can tell: what was under way begins again
 * over another connection, and only when that does not help either it is over.
 */
static void begin_again(struct api *a, int cause, const char *why)
{
	http_client_drop(&a->http);
	if (++a->reconnects > RECONNECTS_MAX) {
		end(a, unproved(a, cause), "%s, %u times", why, a->reconnects);
		return;
	}
	log_write(a->base.tag, LOG_API, LOG_INFO, "%s, and nobody vouches for it: once more", why);
	if (a->pin_session && a->pin_session->step != PIN_SESSION_OPEN)
		begin_pin_session(a);
	connect_to(a);
}

static void on_pin_answer(struct api *a, unsigned status, struct mr_rd body)
{
	int result = pin_session_take(a->pin_session, status, body);

	if (result == -MR_CAUSE_NO_MEMORY || (result == -MR_CAUSE_PIN_REFUSED && ++a->exchanges >= EXCHANGES_MAX)) {
		end(a, unproved(a, -result), "the PIN exchange");
	} else if (result == PIN_SESSION_WORKS) {
		a->deadline_us = UINT64_MAX;
	} else if (result != 0) {
		begin_again(a, -result, "the PIN exchange has failed");
	} else if (a->pin_session->step == PIN_SESSION_OPEN) {
		memcpy(a->binding, a->pin_session->binding, 32);
		secured(a);
	} else {
		go_on(a);
	}
}

/* Its key has expired: agree anew. */
static void agree_again(struct api *a)
{
	begin_pin_session(a);
	enter(a, SECURING, patience_until_us(a), "status 409: the key of the PIN exchange has expired");
	if (http_client_connected(&a->http))
		ask_pin_exchange(a);
	else
		connect_to(a);
}

/* An answer that is no response. */
static void on_refusal(struct api *a, unsigned status)
{
	char why[32];

	snprintf(why, sizeof(why), "status %u", status);
	if (status == 409 && a->protection == API_PIN && ++a->reconnects <= RECONNECTS_MAX)
		agree_again(a);
	else if (a->protection == API_PIN)
		begin_again(a, MR_CAUSE_DISTURBED, why);
	else
		end(a, status == 403 || status == 401 ? MR_CAUSE_UNSUPPORTED : MR_CAUSE_BAD_RESPONSE, "%s", why);
}

static void on_response(struct api *a, struct mr_rd body)
{
	struct mr_wr w = mr_wr_over(a->answer, sizeof(a->answer));

	if (a->protection == API_PIN && !pin_session_unseal(a->pin_session, body, &w)) {
		OPENSSL_cleanse(a->answer, sizeof(a->answer));
		begin_again(a, MR_CAUSE_DISTURBED, "a body that is not sealed with our key");
		return;
	}
	if (a->protection != API_PIN && (mr_wr_bytes(&w, body.at, body.left), w.bad)) {
		end(a, MR_CAUSE_BAD_RESPONSE, "a body of %zu octets that is too long", body.left);
		return;
	}
	a->answer_len = w.len;
	drop_request(a);
	a->base.misses = 0;
	a->is_busy = false;
	enter(a, IDLE, UINT64_MAX, "answered, %zu octets", w.len);
	a->response_due = true;
	wake(a);
}

static void on_answer(void *ctx, unsigned status, struct mr_rd body)
{
	struct api *a = ctx;

	if (a->state != SECURING && a->state != ASKING)
		return;
	a->is_busy = status == 503;
	if (a->is_busy) /* with somebody else, or with us over action frames */
		ask_later(a, "status 503: it is busy");
	else if (a->state == SECURING)
		on_pin_answer(a, status, body);
	else if (status != 200)
		on_refusal(a, status);
	else
		on_response(a, body);
}

/* --- the connection --- */

static void on_heard(void *ctx)
{
	struct api *a = ctx;

	if (a->state != ENDED)
		a->deadline_us = patience_until_us(a) + a->expect_us;
}

static void on_secured(void *ctx)
{
	struct api *a = ctx;
	const struct tls *tls = http_client_tls(&a->http);

	snprintf(a->evidence.cipher, sizeof(a->evidence.cipher), "%s %s", tls_version(tls), tls_cipher(tls));
	a->evidence.has_certificate = tls_leaf_sha256(tls, a->evidence.certificate_sha256);
	if (a->evidence.has_certificate && tls_channel_binding(tls, a->binding))
		secured(a);
	else
		end(a, MR_CAUSE_TLS_FAILED,
		    "its TLS library exports no value of the channel (RFC 5705), and nothing can be signed without");
}

static void begin_tls(struct api *a)
{
	struct tls_policy policy = { .serial = a->serial[0] && !a->any_certificate ? a->serial : NULL,
				     .utc_us = loop_utc_us(a->station->loop),
				     .fragment_len = TLS_FRAGMENT,
				     .tag = a->base.tag };

	if (!http_client_secure(&a->http, a->any_certificate ? a->station->any : a->station->trust, &policy))
		end(a, MR_CAUSE_NO_MEMORY, "no room for TLS");
}

static void begin_pin(struct api *a)
{
	if (a->pin_session && a->pin_session->step == PIN_SESSION_OPEN) {
		secured(a); /* the key outlives a connection */
		return;
	}
	if (a->pin_session && a->pin_session->step != PIN_SESSION_DEVICE) { /* in the middle of the exchange */
		ask_pin_exchange(a);
		return;
	}
	if (!a->pin_session && !(a->pin_session = calloc(1, sizeof(*a->pin_session)))) {
		end(a, MR_CAUSE_NO_MEMORY, "no room for the PIN exchange");
		return;
	}
	begin_pin_session(a);
	snprintf(a->evidence.cipher, sizeof(a->evidence.cipher), "SPAKE2+ P256-SHA256, AES-256-GCM");
	ask_pin_exchange(a);
}

static void on_connected(void *ctx)
{
	struct api *a = ctx;

	a->evidence.connect_us = state_took_us(a);
	enter(a, SECURING, patience_until_us(a), "connected");
	a->evidence.has_certificate = false;
	switch (a->protection) {
	case API_TLS: begin_tls(a); return;
	case API_PIN: begin_pin(a); return;
	case API_WPA2: break;
	}
	snprintf(a->evidence.cipher, sizeof(a->evidence.cipher), "CCMP-128");
	if (bss_binding(&a->bss, a->binding))
		secured(a);
	else
		end(a, MR_CAUSE_NO_MEMORY, "no digest of what opened its network");
}

static void on_failed(void *ctx, int cause, const char *why)
{
	struct api *a = ctx;

	if (a->protection == API_PIN && cause != MR_CAUSE_NO_MEMORY)
		begin_again(a, cause, why);
	else
		end(a, a->protection == API_TLS && a->state == SECURING ? unproved(a, cause) : cause, "%s", why);
}

static void on_closed(void *ctx, int cause)
{
	struct api *a = ctx;
	bool tls;

	if (a->state == ENDED)
		return;
	if (a->state == IDLE) { /* an idle connection may end: the next request makes another */
		log_write(a->base.tag, LOG_API, LOG_DEBUG, "the idle connection has ended");
		http_client_drop(&a->http);
		return;
	}
	if (a->again_us != UINT64_MAX) { /* it is to be asked later anyhow */
		http_client_drop(&a->http);
		return;
	}
	if (cause == 0 && http_client_finish(&a->http))
		return;
	if (a->state == SECURING && a->protection == API_TLS && !http_client_heard(&a->http)) {
		a->is_busy = true; /* how a server says 503 that has no words before the handshake */
		http_client_drop(&a->http);
		ask_later(a, "it hangs up before the TLS handshake: it is busy");
		return;
	}
	tls = a->state == SECURING && a->protection == API_TLS;
	http_client_drop(&a->http);
	if (++a->reconnects > RECONNECTS_MAX)
		end(a,
		    tls	    ? unproved(a, MR_CAUSE_TLS_FAILED)
		    : cause ? -cause
			    : MR_CAUSE_CONNECT_FAILED,
		    "lost %u connections%s", a->reconnects, tls ? ", the last one in the TLS handshake" : "");
	else if (a->reconnects > 1)
		ask_later(a, "another connection is lost");
	else
		connect_to(a);
}

static void connect_to(struct api *a)
{
	enter(a, CONNECTING, patience_until_us(a), "%s%s", a->request ? "to ask" : "to be secured",
	      a->reconnects ? ", again" : "");
	if (!http_client_connect(&a->http, a->bss.net, a->bss.address,
				 a->protection == API_TLS ? HTTPS_PORT : HTTP_PORT))
		end(a, MR_CAUSE_CONNECT_FAILED, "no connection can be made to that address");
	wake(a);
}

/* --- the floor below --- */

static void on_up(void *ctx)
{
	struct api *a = ctx;

	assert(a->bss.net);
	a->evidence.join_us = a->bss.join_us;
	a->evidence.address_us = a->bss.address_us;
	connect_to(a);
}

static void on_changed(void *ctx) { wake(ctx); }

static void on_ended(void *ctx, int cause) { end(ctx, cause, "its network or its address"); }

int api_start(struct link *base, const struct ieee80211_network *network, const uint8_t peer[static 6])
{
	struct api *a = of(base);
	int result;

	assert(a->state == SUSPENDED);
	drop_link(a);
	a->bss.tag = a->http.tag = base->tag;
	a->listen_us = LISTEN_BEACONS * 512u * (uint64_t)(network->interval_tu ? network->interval_tu : 100);
	if (a->listen_us > LISTEN_MAX_US)
		a->listen_us = LISTEN_MAX_US;
	base->rates = network->rates;
	base->basic = network->basic;
	a->reconnects = a->exchanges = 0;
	a->is_busy = false;
	a->must_us = now_of(a) + UP_US + UP_PATIENCES * base->patience_us;
	enter(a, JOINING, UINT64_MAX, "its network is there");
	result = bss_join(&a->bss, network, peer);
	if (result != 0) {
		enter(a, SUSPENDED, a->until_us, "%s", mr_cause_name(-result));
		return result;
	}
	a->evidence = (struct api_evidence){ .security = bss_security(&a->bss) };
	return a->state == ENDED ? -a->ended : 0;
}

void api_receive(struct link *base, struct mr_rd mpdu, const struct radio_rx *rx, uint64_t now_us)
{
	struct api *a = of(base);

	if (!a->bss.sta)
		return;
	base->frames_received++;
	base->octets += (uint32_t)mpdu.left;
	bss_receive(&a->bss, mpdu, rx, now_us);
}

/* --- the seam --- */

static void on_wake(void *ctx, uint64_t now_us)
{
	struct api *a = ctx;
	uint8_t answer[MR_MESSAGE_MAX];
	size_t len = a->answer_len;

	(void)now_us;
	if (a->ended) {
		int cause = a->ended;

		a->ended = 0;
		a->event(a->ctx, API_ENDED, mr_rd_over(NULL, 0), cause);
		return;
	}
	if (a->up_due) {
		a->up_due = false;
		a->event(a->ctx, API_UP, mr_rd_over(NULL, 0), 0);
		return;
	}
	if (a->response_due) {
		a->response_due = false;
		assert(len <= sizeof(answer));
		memcpy(answer, a->answer, len); /* the link may be gone when the event returns */
		OPENSSL_cleanse(a->answer, len);
		a->answer_len = 0;
		a->event(a->ctx, API_RESPONSE, mr_rd_over(answer, len), 0);
		OPENSSL_cleanse(answer, len);
		return;
	}
	a->event(a->ctx, API_CHANGED, mr_rd_over(NULL, 0), 0);
}

/* A secret or a number that is a line of text, from somebody who has checked its length. */
static void copy(char *to, size_t cap, const char *from)
{
	assert(!from || strlen(from) < cap);
	snprintf(to, cap, "%s", from ? from : "");
}

struct link *api_create(const struct api_config *config)
{
	static const struct bss_events bss_events = { on_up, on_changed, on_ended };
	static const struct http_client_events http_events = { on_connected, on_secured, on_heard,  on_answer,
							       on_closed,    on_failed,	 on_changed };
	struct api *a = OPENSSL_zalloc(sizeof(*a));

	if (!a)
		return NULL;
	a->base = (struct link){ .ops = &ops, .patience_us = config->patience_us };
	a->base.binding = a->binding;
	a->station = config->station;
	a->protection = config->protection;
	a->event = config->event;
	a->any_certificate = config->any_certificate;
	a->pin_iterations = config->pin_iterations;
	bss_init(&a->bss, config->station, config->protection == API_WPA2, config->passphrase, config->patience_us,
		 &bss_events, a);
	http_client_init(&a->http, BODY_MAX, &http_events, a);
	copy(a->pin, sizeof(a->pin), config->pin);
	copy(a->serial, sizeof(a->serial), config->serial);
	a->wake = (struct loop_timer){ .fn = on_wake, .ctx = a, .at_us = LOOP_NEVER };
	a->deadline_us = a->until_us = a->due_us = a->again_us = a->must_us = UINT64_MAX;
	return &a->base;
}

void api_set_context(struct link *link, void *ctx) { of(link)->ctx = ctx; }

void api_issued(struct link *link, const char *serial, const char *pin)
{
	struct api *a = of(link);

	copy(a->issued_serial, sizeof(a->issued_serial), serial);
	copy(a->issued_pin, sizeof(a->issued_pin), pin);
}

void api_suspend(struct link *link, uint64_t due_us, uint64_t until_us, bool stay)
{
	struct api *a = of(link);

	drop_link(a);
	a->ended = 0;
	a->until_us = until_us;
	a->due_us = due_us;
	a->stay = stay;
	enter(a, SUSPENDED, until_us, "it is elsewhere%s", stay ? ", and its radio waits" : "");
}

bool api_suspended(const struct link *link) { return of_const(link)->state == SUSPENDED; }
const struct api_evidence *api_evidence(const struct link *link) { return &of_const(link)->evidence; }

static size_t pull(struct link *base, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what, uint64_t now_us)
{
	size_t len = bss_pull(&of(base)->bss, frame, hold, what, now_us);

	assert(len <= RADIO_FRAME_MAX);
	if (len) {
		base->frames_sent++;
		base->octets += (uint32_t)len;
	}
	return len;
}

static bool ready(const struct link *base)
{
	const struct api *a = of_const(base);

	return a->state != ENDED && bss_ready(&a->bss);
}

static void sent(struct link *base, uint8_t what, bool acked, unsigned tries, uint64_t now_us)
{
	base->retries += tries > 1 ? tries - 1 : 0;
	base->misses = acked ? 0 : base->misses + 1;
	bss_sent(&of(base)->bss, what, acked, tries, now_us);
}

static bool up(const struct link *base)
{
	const struct api *a = of_const(base);

	return a->state == ENDED || a->bss.stage > BSS_JOINING;
}

static bool idle(const struct link *base) { return of_const(base)->state == IDLE; }

static int request(struct link *base, struct mr_rd message, uint64_t expect_us, uint64_t now_us)
{
	struct api *a = of(base);

	assert(a->state == IDLE && !a->request && message.left <= MR_MESSAGE_MAX);
	a->request = malloc(message.left + 1);
	if (!a->request)
		return -MR_CAUSE_NO_MEMORY;
	memcpy(a->request, message.at, message.left);
	a->request_len = message.left;
	a->asked_us = now_us;
	a->expect_us = expect_us;
	a->again_us = UINT64_MAX;
	a->reconnects = a->exchanges = 0;
	a->must_us = now_us + expect_us + REQUEST_PATIENCES * base->patience_us;
	enter(a, ASKING, now_us + expect_us + base->patience_us,
	      "a request of %zu octets, its work will take about %llu ms", message.left,
	      (unsigned long long)expect_us / 1000);
	if (http_client_connected(&a->http))
		send_request(a);
	else
		connect_to(a);
	return 0;
}

static void park(struct link *base, uint64_t now_us)
{
	of(base)->parked_us = now_us;
	bss_park(&of(base)->bss, now_us);
}

static void resume(struct link *base, uint64_t now_us)
{
	struct api *a = of(base);
	uint64_t silent_us = a->parked_us;

	bss_resume(&a->bss, now_us);
	if (a->state == SUSPENDED && a->until_us < now_us + a->listen_us)
		a->deadline_us = a->until_us = now_us + a->listen_us;
	/* The time that a busy device has asked for passes wherever our radio is. */
	if (a->again_us != UINT64_MAX && a->again_us > a->parked_us)
		silent_us = a->again_us < now_us ? a->again_us : now_us;
	if (a->parked_us && a->must_us != UINT64_MAX)
		a->must_us += now_us - silent_us;
	a->parked_us = 0;
	/* Silence while nobody listened is not the device's. */
	if (a->state >= CONNECTING && a->deadline_us != UINT64_MAX && a->deadline_us < now_us + base->patience_us)
		a->deadline_us = now_us + base->patience_us;
}

static uint64_t least(uint64_t x, uint64_t y) { return x < y ? x : y; }

static uint64_t deadline_us(const struct link *base)
{
	const struct api *a = of_const(base);

	if (a->state == ENDED)
		return UINT64_MAX;
	return least(least(a->deadline_us, bss_deadline_us(&a->bss)), least(a->again_us, a->must_us));
}

static int expire(struct link *base, uint64_t now_us)
{
	struct api *a = of(base);
	int result;

	if (a->state == ENDED)
		return 0; /* which is about to be told */
	if (a->state == SUSPENDED)
		return now_us >= a->until_us ? -MR_CAUSE_JOIN_TIMEOUT : 0;
	result = bss_expire(&a->bss, now_us);
	if (result < 0)
		return result;
	if (now_us >= a->must_us || now_us >= a->deadline_us) {
		int cause = a->is_busy ? MR_CAUSE_BUSY : MR_CAUSE_NO_ANSWER;

		log_state_at(base->tag, LOG_API, LOG_INFO, names[a->state], mr_cause_name(cause), "for %llu ms",
			     (unsigned long long)(now_us - a->state_us) / 1000);
		return -cause;
	}
	if (now_us >= a->again_us)
		ask_again(a);
	return 0;
}

static uint64_t due_us(const struct link *base)
{
	const struct api *a = of_const(base);

	if (a->state != SUSPENDED &&
	    a->again_us != UINT64_MAX) /* it was busy: nothing comes before it is asked again */
		return UINT64_MAX;
	switch (a->state) {
	case SUSPENDED: return a->due_us;
	case JOINING: return bss_due_us(&a->bss);
	case ASKING: return a->asked_us + a->expect_us;
	case CONNECTING:
	case SECURING: return a->state_us + ANSWER_US;
	case IDLE:
	case ENDED: break;
	}
	return UINT64_MAX;
}

static bool unsafe(const struct link *base)
{
	const struct api *a = of_const(base);

	return a->state == SUSPENDED ? a->stay : a->state != ENDED && bss_unsafe(&a->bss);
}

static size_t memory(const struct link *base)
{
	const struct api *a = of_const(base);

	return sizeof(*a) + bss_memory(&a->bss) + http_client_memory(&a->http) +
	       (a->pin_session ? sizeof(*a->pin_session) : 0) + a->request_len;
}

static size_t farewell(struct link *base, uint8_t frame[static RADIO_FRAME_MAX], uint64_t now_us)
{
	return bss_farewell(&of(base)->bss, frame, now_us);
}

static void wipe(struct link *base)
{
	struct api *a = of(base);

	drop_link(a);
	bss_wipe(&a->bss);
	loop_cancel(a->station->loop, &a->wake);
	OPENSSL_clear_free(a, sizeof(*a));
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
	.farewell = farewell,
	.wipe = wipe,
};
