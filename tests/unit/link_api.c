/*
 * Requests over HTTP to a device through its own BSS, with nothing below and nothing beside: what is done when the
 * floor below comes up, answers, is busy, hangs up, trickles or says nothing, to the microsecond; and which cause it
 * ends with. The network, the connection, TLS and the PIN exchange are this file's own and say what they are told to.
 *
 * links: station/link/api.c station/base/loop.c station/base/log.c agent/wire/cause.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/wire/cause.h"
#include "agent/wire/frame.h"
#include "station/ip/http_client.h"
#include "station/link/api.h"
#include "station/link/pin_session.h"

#define PATIENCE_US UINT64_C(4000000)
#define BUSY_US 500000u
#define EXPECT_US 30000u
#define ADDRESS 0xC0A80401u
#define REQUEST "a request"
#define UP_US (UINT64_C(10000000) + 8 * PATIENCE_US)
#define REQUEST_US (EXPECT_US + 5 * PATIENCE_US)

static const uint8_t peer[6] = { 2, 0, 0, 0, 0, 1 };

/* --- what is around it --- */

static struct {
	struct loop *loop;
	struct loop_timer timer;
	struct bss_station station;
	struct ieee80211_network network;
	struct link *link;
	/* of the network */
	struct bss *bss;
	int join_result;
	bool bss_ready, bss_unsafe, no_digest;
	size_t bss_frame_len;
	uint64_t bss_due_us, bss_deadline_us;
	unsigned joined, left, parked, resumed, received;
	/* of the connection */
	struct http_client *http;
	bool connected, no_connection, no_room, heard, finishes, is_tls, no_certificate, no_binding;
	unsigned connects, drops, asks, secures;
	uint16_t port;
	char method[8], target[64], host[16], type[48];
	uint8_t body[64];
	size_t body_len;
	struct tls_trust *trust;
	char tls_serial[40];
	bool tls_any_serial;
	size_t tls_fragment;
	/* of the PIN exchange */
	struct pin_session *pin;
	int pin_result;
	enum pin_session_step pin_step;
	bool unsealed_badly, seals_badly;
	unsigned pin_begun, pin_asked, pin_wiped;
	/* what came of it */
	unsigned up, responses, changed, ended;
	int cause;
	uint8_t response[32];
	size_t response_len;
} w;

void bss_init(struct bss *bss, const struct bss_station *station, bool secure, const char *passphrase,
	      uint64_t patience_us, const struct bss_events *events, void *ctx)
{
	(void)secure, (void)passphrase;
	assert_int_equal(patience_us, PATIENCE_US);
	*bss = (struct bss){ .station = station, .events = events, .ctx = ctx };
	w.bss = bss;
}
void bss_wipe(struct bss *bss) { (void)bss; }
int bss_join(struct bss *bss, const struct ieee80211_network *network, const uint8_t to[static 6])
{
	assert_ptr_equal(network, &w.network);
	assert_memory_equal(to, peer, 6);
	w.joined++;
	if (w.join_result == 0) {
		bss->stage = BSS_JOINING;
		bss->sta = (struct sta *)&w;
	}
	return w.join_result;
}
void bss_leave(struct bss *bss)
{
	bss->stage = BSS_AWAY;
	bss->sta = NULL;
	w.left++;
}
void bss_receive(struct bss *bss, struct mr_rd mpdu, const struct radio_rx *rx, uint64_t now_us)
{
	(void)bss, (void)mpdu, (void)rx;
	assert_int_equal(now_us, loop_now_us(w.loop));
	w.received++;
}
size_t bss_pull(struct bss *bss, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what, uint64_t now_us)
{
	(void)bss, (void)frame, (void)hold, (void)what;
	assert_int_equal(now_us, loop_now_us(w.loop));
	return w.bss_frame_len;
}
bool bss_ready(const struct bss *bss) { return (void)bss, w.bss_ready; }
void bss_sent(struct bss *bss, uint8_t what, bool acked, unsigned tries, uint64_t now_us)
{
	(void)bss, (void)what, (void)acked, (void)tries;
	assert_int_equal(now_us, loop_now_us(w.loop));
}
void bss_park(struct bss *bss, uint64_t now_us)
{
	(void)bss;
	assert_int_equal(now_us, loop_now_us(w.loop));
	w.parked++;
}
void bss_resume(struct bss *bss, uint64_t now_us)
{
	(void)bss;
	assert_int_equal(now_us, loop_now_us(w.loop));
	w.resumed++;
}
uint64_t bss_deadline_us(const struct bss *bss) { return (void)bss, w.bss_deadline_us; }
int bss_expire(struct bss *bss, uint64_t now_us)
{
	(void)bss;
	return now_us >= w.bss_deadline_us ? -MR_CAUSE_LINK_LOST : 0;
}
uint64_t bss_due_us(const struct bss *bss) { return (void)bss, w.bss_due_us; }
bool bss_unsafe(const struct bss *bss) { return (void)bss, w.bss_unsafe; }
size_t bss_memory(const struct bss *bss) { return (void)bss, 1000; }
size_t bss_farewell(struct bss *bss, uint8_t frame[static RADIO_FRAME_MAX], uint64_t now_us)
{
	return (void)bss, (void)frame, (void)now_us, 26;
}
bool bss_binding(const struct bss *bss, uint8_t out[static 32])
{
	(void)bss;
	memset(out, 0xb1, 32);
	return !w.no_digest;
}
const char *bss_security(const struct bss *bss) { return (void)bss, "wpa2"; }

void http_client_init(struct http_client *c, size_t body_max, const struct http_client_events *events, void *ctx)
{
	*c = (struct http_client){ .events = events, .ctx = ctx, .body_max = body_max };
	w.http = c;
}
void http_client_drop(struct http_client *c)
{
	(void)c;
	w.connected = w.heard = false;
	w.drops++;
}
bool http_client_connect(struct http_client *c, struct ip_if *net, uint32_t address, uint16_t port)
{
	(void)c;
	assert_false(w.connected);
	assert_ptr_equal(net, &w);
	assert_int_equal(address, ADDRESS);
	w.port = port;
	w.connects++;
	return !w.no_connection;
}
bool http_client_connected(const struct http_client *c) { return (void)c, w.connected; }
bool http_client_secure(struct http_client *c, struct tls_trust *trust, const struct tls_policy *policy)
{
	(void)c;
	w.secures++;
	w.trust = trust;
	w.tls_any_serial = !policy->serial;
	snprintf(w.tls_serial, sizeof(w.tls_serial), "%s", policy->serial ? policy->serial : "");
	w.tls_fragment = policy->fragment_len;
	assert_int_equal(policy->utc_us, loop_utc_us(w.loop));
	return !w.no_room;
}
bool http_client_heard(const struct http_client *c) { return (void)c, w.heard; }
const struct tls *http_client_tls(const struct http_client *c) { return (void)c, (const struct tls *)&w; }
bool http_client_ask(struct http_client *c, const struct http_request *r)
{
	(void)c;
	assert_true(w.connected);
	w.asks++;
	snprintf(w.method, sizeof(w.method), "%s", r->method);
	snprintf(w.target, sizeof(w.target), "%s", r->target);
	snprintf(w.host, sizeof(w.host), "%s", r->host);
	snprintf(w.type, sizeof(w.type), "%s", r->field_count ? r->fields[0].value : "");
	assert_true(r->body.left <= sizeof(w.body));
	w.body_len = r->body.left;
	if (r->body.left)
		memcpy(w.body, r->body.at, r->body.left);
	return !w.no_room;
}
bool http_client_finish(struct http_client *c) { return (void)c, w.finishes; }
size_t http_client_memory(const struct http_client *c) { return (void)c, 200; }

const char *tls_version(const struct tls *tls) { return (void)tls, "TLSv1.3"; }
const char *tls_cipher(const struct tls *tls) { return (void)tls, "TLS_AES_128_GCM_SHA256"; }
bool tls_channel_binding(const struct tls *tls, uint8_t out[static TLS_BINDING_LEN])
{
	(void)tls;
	memset(out, 0xb2, TLS_BINDING_LEN);
	return !w.no_binding;
}
bool tls_leaf_sha256(const struct tls *tls, uint8_t out[static 32])
{
	(void)tls;
	memset(out, 0xce, 32);
	return !w.no_certificate;
}

void pin_session_init(struct pin_session *p, const char *pin, struct entropy *entropy)
{
	*p = (struct pin_session){ .entropy = entropy };
	assert_string_equal(pin, "12345670");
	w.pin = p;
	w.pin_begun++;
}
void pin_session_issued(struct pin_session *p, const char *serial, const char *pin)
{
	snprintf(p->issued_serial, sizeof(p->issued_serial), "%s", serial);
	snprintf(p->issued_pin, sizeof(p->issued_pin), "%s", pin);
}
void pin_session_wipe(struct pin_session *p) { (void)p, w.pin_wiped++; }
const char *pin_session_ask(struct pin_session *p, struct mr_wr *body)
{
	w.pin_asked++;
	if (p->step == PIN_SESSION_DEVICE)
		return "/v1/device";
	mr_wr_bytes(body, "share", 5);
	return "/v1/pin/share";
}
int pin_session_take(struct pin_session *p, unsigned status, struct mr_rd body)
{
	(void)status, (void)body;
	p->step = w.pin_step;
	p->works = w.pin_result == PIN_SESSION_WORKS;
	if (p->step == PIN_SESSION_OPEN)
		memset(p->binding, 0xb3, 32);
	return w.pin_result;
}
bool pin_session_seal(struct pin_session *p, struct mr_rd message, struct mr_wr *out)
{
	assert_int_equal(p->step, PIN_SESSION_OPEN);
	mr_wr_bytes(out, "sealed:", 7);
	mr_wr_bytes(out, message.at, message.left);
	return !w.seals_badly;
}
bool pin_session_unseal(struct pin_session *p, struct mr_rd sealed, struct mr_wr *message)
{
	(void)p;
	mr_wr_bytes(message, sealed.at, sealed.left);
	return !w.unsealed_badly;
}

static void on_event(void *ctx, enum api_event event, struct mr_rd message, int cause)
{
	assert_ptr_equal(ctx, &w);
	switch (event) {
	case API_UP: w.up++; break;
	case API_RESPONSE:
		w.responses++;
		assert_true(message.left <= sizeof(w.response));
		memcpy(w.response, message.at, message.left);
		w.response_len = message.left;
		break;
	case API_CHANGED: w.changed++; break;
	case API_ENDED:
		w.ended++;
		w.cause = cause;
		break;
	}
}

/* --- time, and the ways through it --- */

static uint64_t now(void) { return loop_now_us(w.loop); }
static void on_timer(void *ctx, uint64_t now_us) { (void)ctx, (void)now_us, loop_stop(w.loop); }

/* What the link has to say comes from the loop, after this. */
static void pass(uint64_t us)
{
	w.timer.fn = on_timer;
	loop_at(w.loop, &w.timer, now() + us);
	loop_run(w.loop);
}

static void make(enum api_protection protection, const char *serial, bool any)
{
	const struct api_config config = { .station = &w.station,
					   .protection = protection,
					   .passphrase = "a passphrase",
					   .pin = "12345670",
					   .serial = serial,
					   .any_certificate = any,
					   .pin_iterations = 2000,
					   .patience_us = PATIENCE_US,
					   .event = on_event };

	memset(&w, 0, sizeof(w));
	w.loop = loop_create_virtual(1000000);
	w.station = (struct bss_station){ .loop = w.loop,
					  .trust = (struct tls_trust *)&w.trust,
					  .any = (struct tls_trust *)&w.tls_any_serial };
	w.network.interval_tu = 100;
	w.bss_due_us = w.bss_deadline_us = UINT64_MAX;
	w.link = api_create(&config);
	assert_non_null(w.link);
	api_set_context(w.link, &w);
}

static int done(void **state)
{
	(void)state;
	link_wipe(w.link);
	loop_destroy(w.loop);
	return 0;
}

static void join(void)
{
	assert_int_equal(api_start(w.link, &w.network, peer), 0);
	w.bss->net = (struct ip_if *)&w;
	w.bss->address = ADDRESS;
	w.bss->join_us = 111;
	w.bss->address_us = 222;
	w.bss->stage = BSS_UP;
	w.bss->events->up(w.bss->ctx);
}

static void connected(void)
{
	w.connected = true;
	w.http->events->connected(w.http->ctx);
}

static void answered(unsigned status, const char *body)
{
	w.http->events->answered(w.http->ctx, status, mr_rd_over(body, strlen(body)));
}

static void closed(int cause) { w.http->events->closed(w.http->ctx, cause); }

/* To a link that is up and takes requests. */
static void come_up(enum api_protection protection)
{
	make(protection, "", false);
	join();
	connected();
	if (protection == API_TLS)
		w.http->events->secured(w.http->ctx);
	if (protection == API_PIN) {
		w.pin_step = PIN_SESSION_OPEN;
		answered(200, "");
	}
	pass(0);
	assert_int_equal(w.up, 1);
	assert_true(link_idle(w.link) && link_up(w.link));
}

static void ask(void)
{
	assert_int_equal(link_request(w.link, mr_rd_over(REQUEST, strlen(REQUEST)), EXPECT_US, now()), 0);
	assert_false(link_idle(w.link));
}

/* Time passes until the deadline, which is then; what link_expire says. */
static int expire_after(uint64_t us)
{
	assert_int_equal(link_deadline_us(w.link), now() + us);
	assert_int_equal(us ? link_expire(w.link, now() + us - 1) : 0, 0);
	pass(us);
	return link_expire(w.link, now());
}

static void assert_ended(int cause)
{
	pass(0);
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, cause);
	assert_int_equal(link_deadline_us(w.link), UINT64_MAX);
	assert_int_equal(link_expire(w.link, now() + 1000 * PATIENCE_US), 0); /* it has been told */
	assert_false(link_ready(w.link) || link_unsafe(w.link));
}

/* --- the way through --- */

static void a_request_goes_to_the_device_and_its_answer_comes_back(void **state)
{
	const struct api_evidence *e;

	(void)state;
	make(API_WPA2, "", false);
	assert_true(api_suspended(w.link));
	assert_int_equal(api_start(w.link, &w.network, peer), 0);
	assert_false(api_suspended(w.link));
	assert_false(link_up(w.link));
	w.bss_due_us = 77;
	assert_int_equal(link_due_us(w.link), 77);
	w.bss->net = (struct ip_if *)&w;
	w.bss->address = ADDRESS;
	w.bss->join_us = 111;
	w.bss->address_us = 222;
	w.bss->stage = BSS_UP;
	w.bss->events->up(w.bss->ctx);
	assert_int_equal(w.connects, 1);
	assert_int_equal(w.port, 80);
	assert_int_equal(link_deadline_us(w.link), now() + PATIENCE_US);
	assert_int_equal(link_due_us(w.link), now() + 20000);
	pass(333);
	connected();
	assert_int_equal(w.up, 0); /* from the loop */
	pass(0);
	assert_int_equal(w.up, 1);
	e = api_evidence(w.link);
	assert_string_equal(e->security, "wpa2");
	assert_string_equal(e->cipher, "CCMP-128");
	assert_false(e->has_certificate);
	assert_int_equal(e->join_us, 111);
	assert_int_equal(e->address_us, 222);
	assert_int_equal(e->connect_us, 333);
	assert_int_equal(w.link->binding[0], 0xb1);
	assert_int_equal(link_deadline_us(w.link), UINT64_MAX);
	assert_int_equal(link_due_us(w.link), UINT64_MAX);
	ask();
	assert_int_equal(link_due_us(w.link), now() + EXPECT_US);
	assert_string_equal(w.method, "POST");
	assert_string_equal(w.target, "/v1/operation");
	assert_string_equal(w.host, "192.168.4.1");
	assert_string_equal(w.type, "application/octet-stream");
	assert_int_equal(w.body_len, strlen(REQUEST));
	assert_memory_equal(w.body, REQUEST, w.body_len);
	pass(10);
	answered(200, "an answer");
	assert_int_equal(w.responses, 0);
	assert_true(link_idle(w.link));
	pass(0);
	assert_int_equal(w.responses, 1);
	assert_int_equal(w.response_len, 9);
	assert_memory_equal(w.response, "an answer", 9);
	assert_int_equal(link_deadline_us(w.link), UINT64_MAX);
	answered(200, "another that nobody asked for");
	pass(0);
	assert_int_equal(w.responses, 1);
}

static void tls_is_asked_for_what_the_job_demands(void **state)
{
	(void)state;
	make(API_TLS, "AC0000001", false);
	join();
	assert_int_equal(w.port, 443);
	connected();
	assert_int_equal(w.secures, 1);
	assert_ptr_equal(w.trust, w.station.trust);
	assert_string_equal(w.tls_serial, "AC0000001");
	assert_int_equal(w.tls_fragment, 1024);
	pass(444);
	w.http->events->secured(w.http->ctx);
	assert_int_equal(api_evidence(w.link)->secure_us, 444);
	assert_string_equal(api_evidence(w.link)->cipher, "TLSv1.3 TLS_AES_128_GCM_SHA256");
	assert_true(api_evidence(w.link)->has_certificate);
	assert_int_equal(api_evidence(w.link)->certificate_sha256[31], 0xce);
	assert_int_equal(w.link->binding[31], 0xb2);
	done(NULL);

	make(API_TLS, "AC0000001", true); /* any certificate: its name is not looked at */
	join();
	connected();
	assert_ptr_equal(w.trust, w.station.any);
	assert_true(w.tls_any_serial);
	done(NULL);

	make(API_TLS, "", false);
	join();
	connected();
	assert_ptr_equal(w.trust, w.station.trust);
	assert_true(w.tls_any_serial);
}

static void a_channel_that_nothing_can_be_bound_to_is_none(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		make(i < 2 ? API_TLS : API_WPA2, "", false);
		w.no_binding = i == 0;
		w.no_certificate = i == 1;
		w.no_digest = i == 2;
		join();
		connected();
		if (i < 2)
			w.http->events->secured(w.http->ctx);
		assert_ended(i < 2 ? MR_CAUSE_TLS_FAILED : MR_CAUSE_NO_MEMORY);
		assert_int_equal(w.up, 0);
		if (i < 2)
			done(NULL);
	}
}

/* --- busy, slow, silent --- */

static void a_busy_device_is_asked_again_half_a_second_later(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		static const enum api_protection all[] = { API_WPA2, API_PIN, API_TLS };

		come_up(all[i]);
		ask();
		w.asks = 0;
		answered(503, "busy");
		assert_int_equal(link_due_us(w.link), UINT64_MAX); /* nothing comes before */
		assert_int_equal(expire_after(BUSY_US), 0);
		assert_int_equal(w.asks, 1);
		assert_string_equal(w.target, i == 1 ? "/v1/pin/operation" : "/v1/operation");
		assert_int_equal(link_deadline_us(w.link), now() + PATIENCE_US + EXPECT_US);
		answered(503, "busy");
		closed(0); /* it is asked later anyhow, over another connection */
		assert_int_equal(w.ended + w.asks, 1);
		w.connects = 0;
		assert_int_equal(expire_after(BUSY_US), 0);
		assert_int_equal(w.connects, 1);
		connected();
		if (i == 2)
			w.http->events->secured(w.http->ctx);
		assert_int_equal(w.asks, 2);
		answered(200, "ok");
		pass(0);
		assert_int_equal(w.responses, 1);
		if (i < 2)
			done(NULL);
	}
}

static void one_that_stays_busy_ends_as_that_when_its_time_is_over(void **state)
{
	uint64_t until_us;
	int result = 0;

	(void)state;
	come_up(API_WPA2);
	until_us = now() + REQUEST_US;
	ask();
	while (result == 0 && now() <= until_us) {
		answered(503, "busy");
		pass(link_deadline_us(w.link) - now());
		result = link_expire(w.link, now());
	}
	assert_int_equal(result, -MR_CAUSE_BUSY);
	assert_int_equal(now(), until_us);
	done(NULL);

	/* Another request begins with a clean slate. */
	come_up(API_WPA2);
	ask();
	answered(503, "busy");
	assert_int_equal(expire_after(BUSY_US), 0);
	answered(200, "ok");
	pass(0);
	ask();
	assert_int_equal(expire_after(EXPECT_US + PATIENCE_US), -MR_CAUSE_NO_ANSWER);
}

static void silence_ends_it_after_the_patience_and_the_work(void **state)
{
	(void)state;
	come_up(API_WPA2);
	ask();
	assert_int_equal(expire_after(EXPECT_US + PATIENCE_US), -MR_CAUSE_NO_ANSWER);
	done(NULL);

	make(API_TLS, "", false);
	join();
	assert_int_equal(expire_after(PATIENCE_US), -MR_CAUSE_NO_ANSWER);
	done(NULL);

	make(API_TLS, "", false);
	join();
	pass(1000);
	connected();
	assert_int_equal(expire_after(PATIENCE_US), -MR_CAUSE_NO_ANSWER);
	done(NULL);

	make(API_WPA2, "", false); /* the floor below has a patience of its own */
	assert_int_equal(api_start(w.link, &w.network, peer), 0);
	w.bss_deadline_us = now() + 1234;
	assert_int_equal(expire_after(1234), -MR_CAUSE_LINK_LOST);
}

/* Signs of life of a lower layer never extend the patience of a higher one. */
static void what_trickles_moves_no_bound(void **state)
{
	uint64_t until_us;
	int result = 0;

	(void)state;
	come_up(API_WPA2);
	until_us = now() + REQUEST_US;
	ask();
	while (result == 0 && now() <= until_us) {
		w.http->events->heard(w.http->ctx);
		pass(link_deadline_us(w.link) - now() < 1000000 ? link_deadline_us(w.link) - now() : 1000000);
		result = link_expire(w.link, now());
	}
	assert_int_equal(result, -MR_CAUSE_NO_ANSWER);
	assert_int_equal(now(), until_us);
	done(NULL);

	make(API_TLS, "", false);
	until_us = now() + UP_US;
	join();
	connected();
	for (result = 0; result == 0 && now() <= until_us;) {
		w.http->events->heard(w.http->ctx);
		pass(link_deadline_us(w.link) - now() < 1000000 ? link_deadline_us(w.link) - now() : 1000000);
		result = link_expire(w.link, now());
	}
	assert_int_equal(result, -MR_CAUSE_NO_ANSWER);
	assert_int_equal(now(), until_us);
}

/* --- connections that are lost --- */

static void a_lost_connection_is_made_again_four_times(void **state)
{
	(void)state;
	for (int cause = 0; cause <= MR_CAUSE_LINK_LOST; cause += MR_CAUSE_LINK_LOST) {
		come_up(API_WPA2);
		ask();
		w.connects = w.asks = 0;
		closed(-cause); /* at once: it may have been an idle one */
		assert_int_equal(w.connects, 1);
		connected();
		assert_int_equal(w.asks, 1);
		assert_string_equal(w.target, "/v1/operation");
		for (unsigned i = 2; i <= 4; i++) {
			closed(-cause);
			assert_int_equal(w.connects, i - 1);
			assert_int_equal(expire_after(BUSY_US), 0);
			assert_int_equal(w.connects, i);
			connected();
			assert_int_equal(w.asks, i);
		}
		assert_int_equal(w.up, 1); /* it comes up once */
		closed(-cause);
		assert_ended(cause ? cause : MR_CAUSE_CONNECT_FAILED);
		assert_int_equal(w.connects, 4);
		if (cause == 0)
			done(NULL);
	}
}

static void each_request_has_its_own_count_of_connections(void **state)
{
	(void)state;
	come_up(API_WPA2);
	for (int i = 0; i < 12; i++) {
		ask();
		closed(0);
		connected();
		answered(200, "ok");
		pass(0);
	}
	assert_int_equal(w.responses, 12);
	assert_int_equal(w.ended, 0);
}

static void an_answer_may_end_with_its_connection(void **state)
{
	(void)state;
	come_up(API_WPA2);
	ask();
	w.finishes = true;
	w.connects = 0;
	closed(0);
	assert_int_equal(w.connects, 0);
	closed(-MR_CAUSE_LINK_LOST); /* a reset is no end of an answer */
	assert_int_equal(w.connects, 1);
}

static void an_idle_connection_may_end_and_the_next_request_makes_another(void **state)
{
	(void)state;
	come_up(API_WPA2);
	w.connects = w.asks = 0;
	closed(0);
	assert_int_equal(w.connects, 0);
	assert_true(link_idle(w.link));
	ask();
	assert_int_equal(w.connects, 1);
	assert_int_equal(w.asks, 0);
	connected();
	assert_int_equal(w.asks, 1);
}

static void a_tls_server_that_hangs_up_before_it_speaks_is_busy(void **state)
{
	(void)state;
	make(API_TLS, "", false);
	join();
	for (int i = 0; i < 8; i++) { /* as often as there is time */
		connected();
		w.connects = 0;
		closed(-MR_CAUSE_LINK_LOST);
		assert_int_equal(w.connects, 0);
		assert_int_equal(expire_after(BUSY_US), 0);
		assert_int_equal(w.connects, 1);
	}
	assert_int_equal(w.ended, 0);
	connected();
	for (int i = 1; i <= 5; i++) { /* in the middle of the handshake it is a failure */
		w.heard = true;
		closed(-MR_CAUSE_LINK_LOST);
		if (i == 5)
			break;
		if (i > 1)
			assert_int_equal(expire_after(BUSY_US), 0);
		connected();
	}
	assert_ended(MR_CAUSE_TLS_FAILED);
}

/* On an open network anybody can have been the other end, once the device has been there. */
static void what_nobody_vouches_for_is_no_verdict_on_the_device(void **state)
{
	(void)state;
	make(API_TLS, "", false);
	join();
	connected();
	w.http->events->failed(w.http->ctx, MR_CAUSE_TLS_FAILED, "no certificate");
	assert_ended(MR_CAUSE_TLS_FAILED);
	done(NULL);

	come_up(API_TLS);
	ask();
	closed(0);
	connected();
	w.http->events->failed(w.http->ctx, MR_CAUSE_TLS_FAILED, "no certificate");
	assert_ended(MR_CAUSE_DISTURBED);
	done(NULL);

	come_up(API_TLS); /* what is the air's stays the air's */
	ask();
	closed(0);
	connected();
	w.http->events->failed(w.http->ctx, MR_CAUSE_CERTIFICATE_REFUSED, "another certificate");
	assert_ended(MR_CAUSE_CERTIFICATE_REFUSED);
	done(NULL);

	come_up(API_TLS); /* within the channel it is the device's own word */
	ask();
	w.http->events->failed(w.http->ctx, MR_CAUSE_BAD_RESPONSE, "no HTTP");
	assert_ended(MR_CAUSE_BAD_RESPONSE);
}

/* --- refusals --- */

static void an_answer_that_is_no_response_has_its_cause(void **state)
{
	static const struct {
		unsigned status;
		int cause;
	} all[] = { { 401, MR_CAUSE_UNSUPPORTED },  { 403, MR_CAUSE_UNSUPPORTED },  { 404, MR_CAUSE_BAD_RESPONSE },
		    { 409, MR_CAUSE_BAD_RESPONSE }, { 500, MR_CAUSE_BAD_RESPONSE }, { 201, MR_CAUSE_BAD_RESPONSE } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		come_up(i % 2 ? API_TLS : API_WPA2);
		ask();
		answered(all[i].status, "no");
		assert_ended(all[i].cause);
		assert_int_equal(w.responses, 0);
		if (i + 1 < sizeof(all) / sizeof(all[0]))
			done(NULL);
	}
}

static void a_response_is_as_long_as_a_message_may_be_and_no_longer(void **state)
{
	static char body[MR_MESSAGE_MAX + 2];

	(void)state;
	memset(body, 'x', sizeof(body) - 1);
	come_up(API_WPA2);
	ask();
	answered(200, body);
	assert_ended(MR_CAUSE_BAD_RESPONSE);
}

static void the_first_cause_counts(void **state)
{
	(void)state;
	come_up(API_WPA2);
	ask();
	answered(404, "");
	w.bss->events->ended(w.bss->ctx, MR_CAUSE_LINK_LOST);
	closed(0);
	w.http->events->heard(w.http->ctx);
	answered(200, "too late");
	assert_ended(MR_CAUSE_BAD_RESPONSE);
	pass(PATIENCE_US);
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.responses, 0);
	done(NULL);

	come_up(API_WPA2);
	w.bss->events->ended(w.bss->ctx, MR_CAUSE_LINK_LOST);
	assert_ended(MR_CAUSE_LINK_LOST);
}

/* --- by PIN --- */

static void a_pin_is_agreed_on_and_requests_are_sealed(void **state)
{
	(void)state;
	make(API_PIN, "", false);
	api_issued(w.link, "AC0000009", "87654325");
	join();
	assert_int_equal(w.port, 80);
	connected();
	assert_int_equal(w.pin_begun, 1);
	assert_string_equal(w.method, "GET"); /* it has no body */
	assert_string_equal(w.target, "/v1/device");
	assert_string_equal(w.type, "");
	assert_int_equal(w.pin->iterations_max, 2000);
	assert_string_equal(w.pin->issued_serial, "AC0000009");
	assert_string_equal(w.pin->issued_pin, "87654325");
	w.pin_step = PIN_SESSION_SHARE;
	pass(5);
	answered(200, "");
	assert_string_equal(w.method, "POST");
	assert_string_equal(w.target, "/v1/pin/share");
	assert_string_equal(w.type, "application/x-www-form-urlencoded");
	assert_int_equal(link_deadline_us(w.link), now() + PATIENCE_US);
	closed(0); /* in the middle of the exchange it goes on where it was */
	connected();
	assert_int_equal(w.pin_begun, 1);
	assert_string_equal(w.target, "/v1/pin/share");
	w.pin_step = PIN_SESSION_OPEN;
	answered(200, "");
	pass(0);
	assert_int_equal(w.up, 1);
	assert_string_equal(api_evidence(w.link)->cipher, "SPAKE2+ P256-SHA256, AES-256-GCM");
	assert_int_equal(w.link->binding[0], 0xb3);
	ask();
	assert_string_equal(w.target, "/v1/pin/operation");
	assert_int_equal(w.body_len, strlen("sealed:" REQUEST));
	closed(0); /* the key outlives a connection */
	connected();
	assert_int_equal(w.pin_begun, 1);
	assert_string_equal(w.target, "/v1/pin/operation");
	answered(200, "opened");
	pass(0);
	assert_int_equal(w.responses, 1);
	assert_memory_equal(w.response, "opened", 6);
}

static void a_pin_that_is_refused_is_tried_once_more(void **state)
{
	static const struct {
		int result, cause;
		unsigned tries;
	} all[] = { { -MR_CAUSE_PIN_REFUSED, MR_CAUSE_PIN_REFUSED, 2 },
		    { -MR_CAUSE_NO_MEMORY, MR_CAUSE_NO_MEMORY, 1 },
		    { -MR_CAUSE_PIN_LOCKED, MR_CAUSE_PIN_LOCKED, 5 },
		    { -MR_CAUSE_UNSUPPORTED, MR_CAUSE_UNSUPPORTED, 5 } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		unsigned tries = 0;

		make(API_PIN, "", false);
		join();
		w.pin_step = PIN_SESSION_CONFIRM;
		w.pin_result = all[i].result;
		while (w.ended == 0 && tries < 9) {
			connected();
			assert_int_equal(w.asks, ++tries);
			assert_string_equal(w.target, "/v1/device"); /* from its start, with another share */
			assert_true(w.pin_begun >= tries);
			answered(200, "");
			pass(0);
		}
		assert_int_equal(tries, all[i].tries);
		assert_ended(all[i].cause);
		if (i + 1 < sizeof(all) / sizeof(all[0]))
			done(NULL);
	}
}

static void the_work_for_a_pin_is_waited_for_and_bounded(void **state)
{
	(void)state;
	make(API_PIN, "", false);
	join();
	connected();
	w.pin_step = PIN_SESSION_SHARE;
	w.pin_result = PIN_SESSION_WORKS;
	answered(200, "");
	assert_int_equal(link_deadline_us(w.link), UP_US); /* of coming up, which began at 0 */
	pass(1000000);
	w.asks = 0;
	w.pin->works = false;
	w.pin_result = 0;
	w.pin->worked(w.pin->ctx, 0);
	assert_int_equal(w.asks, 1);
	assert_int_equal(link_deadline_us(w.link), now() + PATIENCE_US);
	w.pin_result = PIN_SESSION_WORKS;
	answered(200, "");
	closed(0);
	connected();
	assert_int_equal(w.asks, 1); /* nothing is to be asked yet */
	w.http->events->closed(w.http->ctx, 0);
	w.pin->works = false;
	w.connects = 0;
	w.pin->worked(w.pin->ctx, -MR_CAUSE_NO_MEMORY);
	assert_int_equal(w.connects, 1);
	assert_int_equal(w.pin_begun, 2);
}

static void a_key_that_has_expired_is_agreed_anew_and_the_request_goes_again(void **state)
{
	(void)state;
	come_up(API_PIN);
	ask();
	w.asks = 0;
	answered(409, "");
	assert_int_equal(w.pin_begun, 2);
	assert_string_equal(w.target, "/v1/device"); /* over the same connection */
	answered(200, "");
	assert_string_equal(w.target, "/v1/pin/operation");
	assert_int_equal(w.up, 1);
	w.connected = false;
	w.connects = 0;
	answered(409, "");
	assert_int_equal(w.connects, 1);
	connected();
	answered(200, "");
	for (int i = 3; i <= 4; i++) {
		answered(409, "");
		answered(200, "");
	}
	answered(409, "");
	assert_ended(MR_CAUSE_DISTURBED);
}

static void forged_answers_over_an_open_network_end_as_disturbed(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		unsigned times = 0;

		come_up(API_PIN);
		ask();
		w.unsealed_badly = i == 0;
		while (w.ended == 0 && times++ < 9) {
			answered(i == 0 ? 200 : 403, "forged");
			pass(0);
			if (w.ended == 0)
				connected();
		}
		assert_int_equal(times, 5);
		assert_int_equal(w.responses, 0);
		assert_int_equal(w.pin_begun, 1); /* whose key it is does not change */
		assert_ended(MR_CAUSE_DISTURBED);
		if (i == 0)
			done(NULL);
	}
}

static void what_cannot_be_sent_ends_it(void **state)
{
	(void)state;
	come_up(API_WPA2);
	w.no_room = true;
	ask();
	assert_ended(MR_CAUSE_NO_MEMORY);
	done(NULL);

	come_up(API_PIN);
	w.seals_badly = true;
	ask();
	assert_ended(MR_CAUSE_TOO_LONG);
	done(NULL);

	make(API_WPA2, "", false);
	w.no_connection = true;
	join();
	assert_ended(MR_CAUSE_CONNECT_FAILED);
	done(NULL);

	make(API_TLS, "", false);
	join();
	w.no_room = true;
	connected();
	assert_ended(MR_CAUSE_NO_MEMORY);
}

/* --- the radio goes and comes --- */

static void silence_while_no_radio_listens_is_not_the_devices(void **state)
{
	uint64_t asked_us;

	(void)state;
	come_up(API_WPA2);
	asked_us = now();
	ask();
	pass(1000);
	link_park(w.link, now());
	pass(3 * PATIENCE_US);
	link_resume(w.link, now());
	assert_int_equal(w.parked, 1);
	assert_int_equal(w.resumed, 1);
	assert_int_equal(link_deadline_us(w.link), now() + PATIENCE_US);
	/* The bound of the request has moved by the time away, and by no more. */
	for (int i = 0; i < 4; i++) {
		pass(PATIENCE_US - 1000);
		w.http->events->heard(w.http->ctx);
	}
	pass(4000);
	w.http->events->heard(w.http->ctx);
	assert_int_equal(link_deadline_us(w.link), asked_us + REQUEST_US + 3 * PATIENCE_US);
}

/* The time that a busy device has asked for passes wherever our radio is. */
static void a_busy_device_is_not_owed_the_time_away(void **state)
{
	uint64_t asked_us;

	(void)state;
	come_up(API_WPA2);
	pass(1000);
	asked_us = now();
	ask();
	answered(503, "");
	link_park(w.link, now());
	pass(BUSY_US + 700);
	link_resume(w.link, now());
	assert_int_equal(link_expire(w.link, now()), 0); /* asked again, at once */
	assert_int_equal(w.asks, 2);
	for (int i = 0; i < 5; i++) {
		w.http->events->heard(w.http->ctx);
		if (link_deadline_us(w.link) == asked_us + REQUEST_US + 700)
			return;
		pass(PATIENCE_US - 1000);
	}
	fail();
}

static void one_that_is_away_is_waited_for_until_its_time(void **state)
{
	(void)state;
	come_up(API_WPA2);
	ask();
	w.left = 0;
	api_suspend(w.link, now() + 500, now() + 9000, true);
	assert_true(api_suspended(w.link) && link_unsafe(w.link));
	assert_int_equal(w.left, 1);
	assert_int_equal(link_due_us(w.link), now() + 500);
	assert_int_equal(expire_after(9000), -MR_CAUSE_JOIN_TIMEOUT);
	api_suspend(w.link, now() + 500, now() + 9000, false);
	assert_false(link_unsafe(w.link));
	/* A radio that has just come listens for some beacons. */
	link_resume(w.link, now());
	assert_int_equal(link_expire(w.link, now() + 9000), 0);
	assert_int_equal(link_deadline_us(w.link), now() + 5 * 512 * 100);
	assert_int_equal(expire_after(5 * 512 * 100), -MR_CAUSE_JOIN_TIMEOUT);
	/* It comes up again, as at first. */
	assert_int_equal(api_start(w.link, &w.network, peer), 0);
	assert_int_equal(w.ended, 0);
	done(NULL);

	/* Beacons may be rare, but not too rare. */
	come_up(API_WPA2);
	w.network.interval_tu = 50000;
	assert_int_equal((api_suspend(w.link, UINT64_MAX, now(), false), api_start(w.link, &w.network, peer)), 0);
	api_suspend(w.link, UINT64_MAX, now(), false);
	link_resume(w.link, now());
	assert_int_equal(link_deadline_us(w.link), now() + 10000000);
}

static void a_network_that_does_not_fit_is_refused_at_once(void **state)
{
	(void)state;
	make(API_WPA2, "", false);
	w.join_result = -MR_CAUSE_UNSUPPORTED;
	assert_int_equal(api_start(w.link, &w.network, peer), -MR_CAUSE_UNSUPPORTED);
	assert_true(api_suspended(w.link));
	w.join_result = 0;
	assert_int_equal(api_start(w.link, &w.network, peer), 0);
	assert_int_equal(w.joined, 2);
}

static void frames_are_counted(void **state)
{
	uint8_t frame[RADIO_FRAME_MAX], what = 0;
	const struct radio_rx rx = { 0 };

	(void)state;
	come_up(API_WPA2);
	w.bss_ready = w.bss_unsafe = true;
	assert_true(link_ready(w.link) && link_unsafe(w.link));
	w.bss_frame_len = 100;
	assert_int_equal(link_pull(w.link, frame, false, &what, now()), 100);
	w.bss_frame_len = 0;
	assert_int_equal(link_pull(w.link, frame, false, &what, now()), 0);
	assert_int_equal(w.link->frames_sent, 1);
	api_receive(w.link, mr_rd_over(frame, 40), &rx, now());
	assert_int_equal(w.received, 1);
	assert_int_equal(w.link->frames_received, 1);
	assert_int_equal(w.link->octets, 140);
	link_sent(w.link, what, false, 7, now());
	link_sent(w.link, what, false, 1, now());
	assert_int_equal(w.link->retries, 6);
	assert_int_equal(w.link->misses, 2);
	link_sent(w.link, what, true, 2, now());
	assert_int_equal(w.link->retries, 7);
	assert_int_equal(w.link->misses, 0);
	assert_int_equal(link_farewell(w.link, frame, now()), 26);
	api_suspend(w.link, UINT64_MAX, UINT64_MAX, false); /* nothing of it is heard any more */
	api_receive(w.link, mr_rd_over(frame, 40), &rx, now());
	assert_int_equal(w.received, 1);
	assert_int_equal(w.link->frames_received, 1);
}

static void its_memory_is_what_it_holds(void **state)
{
	size_t idle;

	(void)state;
	come_up(API_WPA2);
	idle = link_memory(w.link);
	assert_true(idle > 1200);
	ask();
	assert_int_equal(link_memory(w.link), idle + strlen(REQUEST));
	answered(200, "");
	assert_int_equal(link_memory(w.link), idle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_teardown(test, done)
		T(a_request_goes_to_the_device_and_its_answer_comes_back),
		T(tls_is_asked_for_what_the_job_demands),
		T(a_channel_that_nothing_can_be_bound_to_is_none),
		T(a_busy_device_is_asked_again_half_a_second_later),
		T(one_that_stays_busy_ends_as_that_when_its_time_is_over),
		T(silence_ends_it_after_the_patience_and_the_work),
		T(what_trickles_moves_no_bound),
		T(a_lost_connection_is_made_again_four_times),
		T(each_request_has_its_own_count_of_connections),
		T(an_answer_may_end_with_its_connection),
		T(an_idle_connection_may_end_and_the_next_request_makes_another),
		T(a_tls_server_that_hangs_up_before_it_speaks_is_busy),
		T(what_nobody_vouches_for_is_no_verdict_on_the_device),
		T(an_answer_that_is_no_response_has_its_cause),
		T(a_response_is_as_long_as_a_message_may_be_and_no_longer),
		T(the_first_cause_counts),
		T(a_pin_is_agreed_on_and_requests_are_sealed),
		T(a_pin_that_is_refused_is_tried_once_more),
		T(the_work_for_a_pin_is_waited_for_and_bounded),
		T(a_key_that_has_expired_is_agreed_anew_and_the_request_goes_again),
		T(forged_answers_over_an_open_network_end_as_disturbed),
		T(what_cannot_be_sent_ends_it),
		T(silence_while_no_radio_listens_is_not_the_devices),
		T(a_busy_device_is_not_owed_the_time_away),
		T(one_that_is_away_is_waited_for_until_its_time),
		T(a_network_that_does_not_fit_is_refused_at_once),
		T(frames_are_counted),
		T(its_memory_is_what_it_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
