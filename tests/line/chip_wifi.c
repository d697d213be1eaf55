/*
 * Simulated devices that are access points: the real agent behind 802.11, DHCP, TCP, TLS and HTTP on the simulated
 * air, and a station made of the station's own links, one for each device.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <malloc.h>
#include <openssl/evp.h>

#include "agent/wire/cause.h"
#include "agent/wire/frame.h"
#include "station/air/air.h"
#include "station/world/chip_wifi.h"
#include "station/world/device.h"
#include "station/world/network.h"
#include "station/ip/ip_stream.h"
#include "station/wifi/sta.h"
#include "station/ip/tls.h"
#include "station/wifi/wpa.h"

#define HOME_MHZ 2437
#define SECOND_US UINT64_C(1000000)
#define PASSPHRASE "a passphrase"

static const uint8_t station_key[32] = { 9 }, batch_key[32] = { 0xba, 0x7c };

struct factory {
	struct loop *loop;
	struct air *air;
	struct ip_stack *ip;
	struct entropy *entropy;
	struct tls_trust *trust;
	struct loop_timer end;
};

static void on_end(void *ctx, uint64_t now_us)
{
	(void)now_us;
	loop_stop(((struct factory *)ctx)->loop);
}

static void factory_open(struct factory *f, uint64_t seed, double loss)
{
	struct air_config air = { .seed = seed, .frame_loss = loss };

	*f = (struct factory){ .loop = loop_create_virtual(1700000000000000) };
	assert_non_null(f->loop);
	f->entropy = entropy_create_seeded(seed, "station");
	f->air = air_create(f->loop, &air);
	f->ip = ip_stack_create(f->loop, f->entropy, IP_IFS_MAX);
	f->trust = tls_trust_create(mr_rd_over(NULL, 0));
	f->end = (struct loop_timer){ .fn = on_end, .ctx = f, .at_us = LOOP_NEVER };
	assert_true(f->air && f->ip && f->trust);
	entropy_lend_to_openssl(f->entropy);
}

static void factory_close(struct factory *f)
{
	ip_stack_destroy(f->ip);
	air_destroy(f->air);
	tls_trust_destroy(f->trust);
	entropy_lend_to_openssl(NULL);
	entropy_destroy(f->entropy);
	loop_destroy(f->loop);
}

static void run_for(struct factory *f, uint64_t us)
{
	loop_at(f->loop, &f->end, loop_now_us(f->loop) + us);
	loop_run(f->loop);
}

/* --- devices --- */

static struct device_config config_of(uint8_t number, enum mr_ap_method method)
{
	static char ssids[256][8];
	struct device_config c = {
		.chip = "esp32", .tx_dbm = 15, .x_m = 1 + number % 8, .y_m = 1 + number / 8, .seed = number
	};
	struct mr_agent_config *a = &c.agent;

	snprintf(ssids[number], sizeof(ssids[number]), "AC-%u", number);
	memcpy(a->mac, (uint8_t[]){ 0x02, 0x4d, 0x52, 0, 0, number }, 6);
	memcpy(a->device_id, (uint8_t[]){ 0xd0, 0, 0, 0, 0, 0, 0, number }, 8);
	a->product = "box";
	a->hw_rev = "A";
	a->firmware = "1.0.0";
	a->station_key = station_key;
	a->batch_key = batch_key;
	a->ap = (struct mr_ap_config){ .method = method,
				       .ssid = ssids[number],
				       .ssid_is_whole = true,
				       .passphrase = PASSPHRASE,
				       .freq_mhz = HOME_MHZ };
	return c;
}

static struct device *place(struct factory *f, struct device_config *c)
{
	struct device *d;
	enum loop_side side = loop_enter(f->loop, LOOP_WORLD);

	c->ip = f->ip;
	d = device_create(f->air, f->loop, c);
	assert_non_null(d);
	(void)loop_enter(f->loop, side);
	return d;
}

/* --- a station's link to one device, each with a radio of its own --- */

struct reach {
	struct factory *f;
	struct air_node *node;
	uint8_t mac[6], peer[6], psk[32];
	char ssid[33];
	enum mr_ap_method method;
	const char *request;
	uint16_t sequence;
	bool seen, in_air, up, connected, closed;
	struct ieee80211_network network;
	struct sta *sta;
	struct ip_if *net;
	struct ip_stream *stream;
	struct tls *tls;
	struct loop_timer timer;
	int over; /* a cause */
	unsigned downs;
	uint64_t up_us, answered_us;
	char response[8192];
	size_t response_len;
};

static void pump(struct reach *r)
{
	uint8_t frame[RADIO_FRAME_MAX], what;
	struct radio_tx tx = { .rate_500kbps = 48, .retries = 7, .priority = RADIO_NORMAL };
	size_t len;

	if (!r->sta)
		return;
	if (!r->in_air && (len = sta_pull(r->sta, frame, false, &what, loop_now_us(r->f->loop))) > 0) {
		tx.cookie = what;
		r->in_air = air_send(r->node, mr_rd_over(frame, len), &tx) == 0;
		assert_true(r->in_air);
	}
	loop_at(r->f->loop, &r->timer, sta_deadline_us(r->sta));
}

static void flush_tls(struct reach *r)
{
	uint8_t out[4096];

	for (size_t len; (len = tls_take(r->tls, out, sizeof(out))) > 0;)
		assert_int_equal(ip_stream_write(r->stream, out, len), len);
}

static void ask(struct reach *r)
{
	size_t taken;

	if (r->tls) {
		assert_int_equal(tls_write(r->tls, r->request, strlen(r->request), &taken), 0);
		assert_int_equal(taken, strlen(r->request));
		flush_tls(r);
	} else {
		assert_int_equal(ip_stream_write(r->stream, r->request, strlen(r->request)), strlen(r->request));
	}
}

static void on_connected(void *ctx)
{
	struct reach *r = ctx;
	struct tls_policy policy = { .fragment_len = 1024 };

	r->connected = true;
	if (r->method == MR_AP_TLS) {
		r->tls = tls_create(r->f->trust, &policy);
		assert_non_null(r->tls);
		flush_tls(r);
	} else {
		ask(r);
	}
}

static void keep(struct reach *r, const void *bytes, size_t len)
{
	assert_true(r->response_len + len < sizeof(r->response));
	memcpy(r->response + r->response_len, bytes, len);
	r->response_len += len;
	r->answered_us = loop_now_us(r->f->loop);
}

static void on_stream(void *ctx, const uint8_t *bytes, size_t len)
{
	struct reach *r = ctx;
	uint8_t plain[4096];
	int event;

	if (!r->tls) {
		keep(r, bytes, len);
		return;
	}
	event = tls_receive(r->tls, bytes, len);
	flush_tls(r);
	if (event == TLS_UP)
		ask(r);
	assert_true(event >= 0);
	while (tls_read(r->tls, plain, sizeof(plain), &len) >= 0 && len > 0)
		keep(r, plain, len);
}

static void on_closed(void *ctx, int cause)
{
	struct reach *r = ctx;

	(void)cause;
	r->closed = true;
}

static void connect_to(struct reach *r, uint32_t address)
{
	static const struct ip_stream_events events = { on_connected, on_stream, NULL, on_closed };

	r->stream = ip_connect(r->net, address, r->method == MR_AP_TLS ? 443 : 80, &events, r);
	assert_non_null(r->stream);
}

static void on_output(void *ctx, const uint8_t *dst, uint16_t ethertype, const uint8_t *payload, size_t len)
{
	struct reach *r = ctx;

	(void)sta_send(r->sta, dst, ethertype, payload, len);
	pump(r);
}

static void on_address(void *ctx, int result, const struct ip_lease *lease)
{
	struct reach *r = ctx;

	assert_int_equal(result, 0);
	assert_int_equal(lease->server, 0xc0a80401);
	if (!r->stream)
		connect_to(r, lease->server);
}

static void on_up(struct reach *r)
{
	static const struct ip_if_events events = { on_output, on_address };

	r->up = true;
	r->over = 0;
	r->up_us = loop_now_us(r->f->loop);
	if (r->net)
		return;
	r->net = ip_if_create(r->f->ip, r->mac, &events, r);
	assert_non_null(r->net);
	if (r->method == MR_AP_IBSS) {
		uint32_t host = 0x0100u + (uint32_t)(r->peer[4] << 8 | r->peer[5]) % 0xfe00u;

		ip_if_static(r->net, 0xa9fe0000u | (host ^ 1), 0xffff0000u, 0);
		connect_to(r, 0xa9fe0000u | host);
	} else {
		ip_if_dhcp(r->net, loop_now_us(r->f->loop) + 30 * SECOND_US);
	}
}

static void begin_link(struct reach *r, struct mr_rd frame)
{
	struct sta_config c = { .freq_mhz = HOME_MHZ,
				.ibss = r->method == MR_AP_IBSS,
				.secure = r->method == MR_AP_WPA2,
				.rsn = r->network.rsn,
				.patience_us = 5 * SECOND_US,
				.entropy = r->f->entropy,
				.sequence = &r->sequence };

	memcpy(r->peer, frame.at + 10, 6);
	memcpy(c.own, r->mac, 6);
	memcpy(c.bssid, r->network.bssid, 6);
	memcpy(c.peer, r->peer, 6);
	memcpy(c.ssid, r->network.ssid, r->network.ssid_len);
	c.ssid_len = r->network.ssid_len;
	memcpy(c.pmk, r->psk, 32);
	r->sta = sta_create(&c, loop_now_us(r->f->loop));
	assert_non_null(r->sta);
}

static void on_event(struct reach *r, int event, const struct sta_out *out)
{
	if (event < 0) { /* begins anew with the next beacon */
		r->over = -event;
		sta_destroy(r->sta);
		r->sta = NULL;
		r->seen = r->up = false;
	} else if (event == STA_UP) {
		on_up(r);
	} else if (event == STA_DOWN) {
		r->downs++;
	} else if (event == STA_MSDU && r->net) {
		ip_if_input(r->net, out->dst, out->ethertype, out->payload.at, out->payload.left);
	}
}

static void on_heard(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	struct reach *r = ctx;
	struct sta_out out = { .event = STA_NOTHING };
	int result;

	if (!r->seen && ieee80211_network_of(frame, rx, &r->network) && r->network.ssid_len == strlen(r->ssid) &&
	    memcmp(r->network.ssid, r->ssid, r->network.ssid_len) == 0) {
		r->seen = true;
		begin_link(r, frame);
	}
	if (r->sta && frame.left >= 16 && memcmp(frame.at + 10, r->peer, 6) == 0) {
		result = sta_receive(r->sta, frame, rx, &out, rx->time_us);
		on_event(r, result < 0 ? result : (int)out.event, &out);
	}
	pump(r);
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct reach *r = ctx;

	r->in_air = false;
	if (r->sta)
		sta_sent(r->sta, (uint8_t)cookie, acked, tries, loop_now_us(r->f->loop));
	pump(r);
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct reach *r = ctx;

	if (r->sta)
		on_event(r, sta_expire(r->sta, now_us), NULL);
	pump(r);
}

#define GET "GET /v1/device HTTP/1.1\r\nHost: 192.168.4.1\r\n\r\n"

static struct reach *reach_open(struct factory *f, const struct device_config *d, const char *passphrase)
{
	struct reach *r = calloc(1, sizeof(*r));
	struct air_node_config node = { .x_m = d->x_m + 1,
					.y_m = d->y_m,
					.tx_dbm = 17,
					.acknowledges = true,
					.tx_queue_max = 8,
					.switch_us = 1000,
					.ctx = r,
					.received = on_heard,
					.status = on_status };

	assert_non_null(r);
	r->f = f;
	r->method = d->agent.ap.method;
	r->request = GET;
	snprintf(r->ssid, sizeof(r->ssid), "%s", d->agent.ap.ssid);
	memcpy(r->mac, (uint8_t[]){ 0x02, 0x4d, 0x53, 0, 1, d->agent.mac[5] }, 6);
	memcpy(node.mac, r->mac, 6);
	assert_true(wpa_psk(passphrase, (const uint8_t *)r->ssid, strlen(r->ssid), r->psk));
	r->timer = (struct loop_timer){ .fn = on_timer, .ctx = r, .at_us = LOOP_NEVER };
	r->node = air_add_node(f->air, &node);
	assert_non_null(r->node);
	assert_int_equal(air_tune(r->node, d->agent.channel_count ? d->agent.channels[0] : HOME_MHZ), 0);
	return r;
}

static void reach_close(struct reach *r)
{
	tls_destroy(r->tls);
	ip_if_destroy(r->net);
	sta_destroy(r->sta);
	loop_cancel(r->f->loop, &r->timer);
	air_node_detach(r->node);
	free(r);
}

static void assert_answered(const struct reach *r, const struct device_config *d)
{
	char id[40];

	snprintf(id, sizeof(id), "\"device_id\":\"d0000000000000%02x\"", d->agent.mac[5]);
	assert_int_equal(r->over, 0);
	assert_memory_equal(r->response, "HTTP/1.1 200", 12);
	assert_non_null(strstr(r->response, id));
}

/* --- one device --- */

static void asks_for_its_description(enum mr_ap_method method, double loss)
{
	struct device_config c = config_of(7, method);
	struct factory f;
	struct device *d;
	struct reach *r;

	factory_open(&f, 1, loss);
	d = place(&f, &c);
	r = reach_open(&f, &c, PASSPHRASE);
	run_for(&f, 20 * SECOND_US);
	assert_answered(r, &c);
	assert_int_equal(r->network.ibss, method == MR_AP_IBSS);
	assert_int_equal(r->network.security, method == MR_AP_WPA2 ? IEEE80211_WPA2_PSK : IEEE80211_OPEN);
	assert_true(r->answered_us < 3 * SECOND_US || loss > 0);
	reach_close(r);
	device_destroy(d);
	factory_close(&f);
}

static void a_device_is_asked_over_wpa2(void **state)
{
	(void)state;
	asks_for_its_description(MR_AP_WPA2, 0);
}

static void a_device_is_asked_over_an_open_network(void **state)
{
	(void)state;
	asks_for_its_description(MR_AP_PIN, 0);
}

static void a_device_is_asked_over_an_ad_hoc_network(void **state)
{
	(void)state;
	asks_for_its_description(MR_AP_IBSS, 0);
}

static void a_device_is_asked_over_tls(void **state)
{
	(void)state;
	asks_for_its_description(MR_AP_TLS, 0);
}

static void loss_delays_and_prevents_nothing(void **state)
{
	(void)state;
	asks_for_its_description(MR_AP_WPA2, 0.15);
	asks_for_its_description(MR_AP_TLS, 0.15);
	asks_for_its_description(MR_AP_IBSS, 0.15);
}

/* --- more of one device --- */

/* Another request over a new connection, and `us` for its answer. */
static void ask_again(struct reach *r, const char *request, uint64_t us)
{
	uint32_t address = 0xc0a80401;

	ip_stream_close(r->stream);
	tls_destroy(r->tls);
	r->tls = NULL;
	r->request = request;
	r->response_len = 0;
	memset(r->response, 0, sizeof(r->response));
	connect_to(r, address);
	run_for(r->f, us);
}

#define POST(body, len)                                                                                                \
	"POST /v1/credentials HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"              \
	"Content-Length: " len "\r\n\r\n" body
#define JOIN_PLANT POST("ssid=plant&security=wpa2&passphrase=plant+secret&join=1", "55")
#define NETWORKS "GET /v1/networks HTTP/1.1\r\nHost: a\r\n\r\n"
#define STATUS "GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n"

static struct network *plant(struct factory *f, uint16_t freq_mhz, const char *passphrase)
{
	struct network_config c = { .x_m = 5, .y_m = 12, .tx_dbm = 20, .seed = 3 };
	enum loop_side side = loop_enter(f->loop, LOOP_WORLD);
	struct network *n;

	c.bss = (struct soft_ap_config){ .mac = { 2, 0, 0, 0, 0, 1 },
					 .ssid = "plant",
					 .ssid_len = 5,
					 .freq_mhz = freq_mhz,
					 .security = IEEE80211_WPA2_PSK,
					 .stas_max = 100 };
	assert_true(wpa_psk(passphrase, c.bss.ssid, 5, c.bss.psk));
	n = network_create(f->air, &c);
	assert_non_null(n);
	(void)loop_enter(f->loop, side);
	return n;
}

/* Every kind of neighbour there is, where the device can hear them. */
static size_t neighbours(struct factory *f, struct network **out, size_t max)
{
	static const uint16_t channels[] = { 2412, 2437, 2462 };
	enum loop_side side = loop_enter(f->loop, LOOP_WORLD);

	for (unsigned i = 0; i < max; i++) {
		struct network_config c;

		network_neighbour(&c, 1, i, channels, 3, 12);
		c.x_m = 3 + i % 5;
		c.y_m = 3 + i / 5.0;
		out[i] = network_create(f->air, &c);
		assert_non_null(out[i]);
	}
	(void)loop_enter(f->loop, side);
	return max;
}

struct list {
	struct ieee80211_network heard[64];
	size_t count;
};

static void on_beacon(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	struct list *l = ctx;
	struct ieee80211_network n;

	if (!ieee80211_network_of(frame, rx, &n))
		return;
	for (size_t i = 0; i < l->count; i++)
		if (memcmp(l->heard[i].bssid, n.bssid, 6) == 0)
			return;
	assert_true(l->count < 64);
	l->heard[l->count++] = n;
}

static void neighbours_are_of_every_kind(void **state)
{
	static const uint16_t channels[] = { 2412, 2437, 2462 };
	struct network *others[36];
	unsigned securities = 0, hidden = 0, ibss = 0, odd = 0;
	struct list list = { 0 };
	struct factory f;

	(void)state;
	factory_open(&f, 15, 0);
	neighbours(&f, others, 36);
	for (size_t i = 0; i < 3; i++) {
		struct air_node_config node = { .mac = { 2, 0, 0, 0, 1, (uint8_t)i },
						.x_m = 5,
						.y_m = 5,
						.tx_dbm = 17,
						.ctx = &list,
						.received = on_beacon };

		assert_int_equal(air_tune(air_add_node(f.air, &node), channels[i]), 0);
	}
	run_for(&f, 2 * SECOND_US);
	assert_int_equal(list.count, 36);
	for (size_t i = 0; i < list.count; i++) {
		const struct ieee80211_network *n = &list.heard[i];
		bool plain = true;

		securities |= 1u << n->security;
		hidden += n->hidden;
		ibss += n->ibss;
		for (size_t k = 0; k < n->ssid_len; k++)
			plain = plain && n->ssid[k] >= 0x20 && n->ssid[k] < 0x7f;
		odd += !plain;
	}
	assert_int_equal(securities, 0xff); /* all but "other" */
	assert_true(hidden >= 2 && ibss >= 2 && odd >= 6);
	for (size_t i = 0; i < 36; i++)
		network_destroy(others[i]);
	factory_close(&f);
}

static void a_device_looks_around_and_goes_on_serving(void **state)
{
	struct device_config c = config_of(7, MR_AP_WPA2);
	struct network *others[6], *target;
	struct factory f;
	struct device *d;
	struct reach *r;

	(void)state;
	factory_open(&f, 2, 0);
	target = plant(&f, 2412, "plant secret");
	neighbours(&f, others, 6);
	d = place(&f, &c);
	r = reach_open(&f, &c, PASSPHRASE);
	run_for(&f, 3 * SECOND_US);
	assert_answered(r, &c);
	ask_again(r, NETWORKS, SECOND_US / 10);
	assert_non_null(strstr(r->response, "\"networks\":[]"));
	run_for(&f, 4 * SECOND_US);
	ask_again(r, NETWORKS, SECOND_US);
	assert_non_null(strstr(r->response, "\"ssid\":\"plant\""));
	assert_non_null(strstr(r->response, "\"ssid\":\"Guest\""));
	assert_non_null(strstr(r->response, "\"security\":\"open\""));
	assert_non_null(strstr(r->response, "\"security\":\"other\""));
	assert_null(strstr(r->response, "backstage")); /* it hides */
	assert_int_equal(network_joins(target), 0);
	reach_close(r);
	device_destroy(d);
	network_destroy(target);
	for (size_t i = 0; i < 6; i++)
		network_destroy(others[i]);
	factory_close(&f);
}

static void told_to_join(uint16_t freq_mhz, const char *passphrase, bool refused, const char *how)
{
	struct device_config c = config_of(7, MR_AP_WPA2);
	struct network *target;
	struct factory f;
	struct device *d;
	struct reach *r;

	factory_open(&f, 3, 0);
	c.five_ghz = freq_mhz > 3000;
	target = plant(&f, freq_mhz, passphrase);
	if (refused)
		assert_true(network_refuse(target, c.agent.mac));
	d = place(&f, &c);
	r = reach_open(&f, &c, PASSPHRASE);
	run_for(&f, 3 * SECOND_US);
	ask_again(r, JOIN_PLANT, SECOND_US / 10);
	assert_memory_equal(r->response, "HTTP/1.1 202", 12);
	run_for(&f, 30 * SECOND_US);
	assert_true(r->up);
	ask_again(r, STATUS, SECOND_US);
	if (!strstr(r->response, how))
		fail_msg("not %s but %s", how, r->response);
	assert_int_equal(network_joins(target), strstr(how, "joined") != NULL);
	assert_int_equal(network_stas(target), 0); /* it said good-bye */
	reach_close(r);
	device_destroy(d);
	network_destroy(target);
	factory_close(&f);
}

static void a_device_that_is_told_to_joins_and_comes_back_to_say_so(void **state)
{
	(void)state;
	told_to_join(2412, "plant secret", false, "\"state\":\"joined\",\"cause\":\"ok\"");
	told_to_join(HOME_MHZ, "plant secret", false, "\"state\":\"joined\",\"cause\":\"ok\"");
	told_to_join(5180, "plant secret", false, "\"state\":\"joined\",\"cause\":\"ok\"");
}

static void a_device_that_cannot_join_says_why(void **state)
{
	(void)state;
	told_to_join(2412, "another secret", false, "\"state\":\"failed\",\"cause\":\"passphrase-refused\"");
	told_to_join(2412, "plant secret", true, "\"state\":\"failed\",\"cause\":\"association-refused\"");
	told_to_join(2484, "plant secret", false, "\"state\":\"failed\",\"cause\":\"network-not-seen\"");
}

static void another_passphrase_is_not_let_in(void **state)
{
	struct device_config c = config_of(7, MR_AP_WPA2);
	struct factory f;
	struct device *d;
	struct reach *r;

	(void)state;
	factory_open(&f, 4, 0);
	d = place(&f, &c);
	r = reach_open(&f, &c, "not this passphrase");
	run_for(&f, 20 * SECOND_US);
	assert_int_equal(r->over, MR_CAUSE_PASSPHRASE_REFUSED);
	assert_true(r->response_len == 0 && !r->net);
	reach_close(r);
	device_destroy(d);
	factory_close(&f);
}

/* The answer to what costs the core a lot comes when the core is done, and the next one waits for it. */
static void answers_leave_when_the_core_is_done(void **state)
{
	uint64_t took_us[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct device_config c = config_of(7, MR_AP_TLS);
		struct factory f;
		struct device *d;
		struct reach *r;

		factory_open(&f, 5, 0);
		c.chip = i == 0 ? "cortex-m4" : "instant";
		d = place(&f, &c);
		r = reach_open(&f, &c, PASSPHRASE);
		run_for(&f, 5 * SECOND_US);
		assert_answered(r, &c);
		took_us[i] = r->answered_us - r->up_us;
		reach_close(r);
		device_destroy(d);
		factory_close(&f);
	}
	/* 18.9 M instructions of a handshake and 10 M for key and certificate, at 1.77 cycles each and 64 MHz. */
	assert_in_range(took_us[0] - took_us[1], 780000, 830000);
}

static void a_second_connection_is_refused_while_the_first_is_at_work(void **state)
{
	static const struct ip_stream_events events = { on_connected, on_stream, NULL, on_closed };
	struct device_config c = config_of(7, MR_AP_WPA2);
	struct reach *r, other = { 0 };
	struct factory f;
	struct device *d;

	(void)state;
	factory_open(&f, 6, 0);
	d = place(&f, &c);
	r = reach_open(&f, &c, PASSPHRASE);
	run_for(&f, 3 * SECOND_US);
	assert_answered(r, &c);
	ask_again(r, "GET /v1/device HT", SECOND_US / 10); /* half a request */
	other.f = &f;
	other.request = GET;
	other.stream = ip_connect(r->net, 0xc0a80401, 80, &events, &other);
	run_for(&f, SECOND_US);
	assert_memory_equal(other.response, "HTTP/1.1 503", 12);
	assert_true(other.closed);
	ip_stream_close(other.stream);
	assert_int_equal(ip_stream_write(r->stream, "TP/1.1\r\nHost: a\r\n\r\n", 20), 20);
	run_for(&f, SECOND_US);
	assert_answered(r, &c);
	memset(&other, 0, sizeof(other)); /* now the first one is idle, and gives way */
	other.f = &f;
	other.request = GET;
	other.stream = ip_connect(r->net, 0xc0a80401, 80, &events, &other);
	run_for(&f, SECOND_US);
	assert_answered(&other, &c);
	assert_true(r->closed);
	ip_stream_close(other.stream);
	reach_close(r);
	device_destroy(d);
	factory_close(&f);
}

/* --- action frames beside it --- */

struct caller {
	struct air_node *node;
	unsigned hellos;
};

static void on_hello(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	struct mr_frame f;

	(void)rx;
	((struct caller *)ctx)->hellos += mr_frame_parse(frame, &f) && f.type == MR_HELLO;
}

static void call(struct caller *c, const struct device *d)
{
	struct mr_frame f = { .type = MR_CALL };
	uint8_t buf[128], call_key[32], tag[8];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct radio_tx tx = { .rate_500kbps = 12, .priority = RADIO_NORMAL };

	mr_batch_keys(batch_key, call_key, tag);
	memset(f.header.receiver, 0xff, 6);
	memcpy(f.header.sender, (uint8_t[]){ 2, 0, 0, 0, 0, 9 }, 6);
	memcpy(f.call.batch_tag, tag, 8);
	memcpy(f.call.station_id, device_agent(d)->station_id, 8);
	f.call.counter = 1;
	f.call.flags = MR_CALL_PRESENT | MR_CALL_INVENTORY;
	f.call.slots = 1;
	f.call.slot_us = 400;
	assert_true(mr_frame_build(&w, &f, call_key));
	assert_int_equal(air_send(c->node, mr_wr_written(&w), &tx), 0);
}

static void a_device_with_a_channel_plan_answers_calls_beside_its_access_point(void **state)
{
	static const uint16_t plan[] = { 2462 };
	struct device_config c = config_of(7, MR_AP_WPA2);
	struct air_node_config node = { .mac = { 2, 0, 0, 0, 0, 9 },
					.x_m = 2,
					.y_m = 2,
					.tx_dbm = 17,
					.acknowledges = true,
					.received = on_hello };
	struct caller caller = { 0 };
	struct factory f;
	struct device *d;
	struct reach *r;

	(void)state;
	factory_open(&f, 14, 0);
	c.agent.channels = plan; /* the access point is where the agent is at home */
	c.agent.channel_count = 1;
	d = place(&f, &c);
	r = reach_open(&f, &c, PASSPHRASE);
	node.ctx = &caller;
	caller.node = air_add_node(f.air, &node);
	assert_int_equal(air_tune(caller.node, 2462), 0);
	run_for(&f, 3 * SECOND_US);
	assert_answered(r, &c);
	assert_int_equal(r->network.freq_mhz, 2462);
	call(&caller, d);
	run_for(&f, SECOND_US);
	assert_int_equal(caller.hellos, 1);
	ask_again(r, GET, SECOND_US);
	assert_answered(r, &c);
	reach_close(r);
	device_destroy(d);
	air_node_detach(caller.node);
	factory_close(&f);
}

/* --- faults --- */

static void thrown_out_once_the_station_comes_back(void **state)
{
	struct device_config c = config_of(7, MR_AP_WPA2);
	struct factory f;
	struct device *d;
	struct reach *r;

	(void)state;
	factory_open(&f, 7, 0);
	c.fault = DEVICE_FAULT_AP_DEAUTH;
	c.fault_delay_us = 2 * SECOND_US;
	d = place(&f, &c);
	r = reach_open(&f, &c, PASSPHRASE);
	run_for(&f, 2 * SECOND_US);
	assert_true(r->up && r->downs == 0);
	run_for(&f, 3 * SECOND_US);
	assert_true(r->up && r->downs == 1);
	r->response_len = 0;
	ask(r); /* over the same connection: TCP has not noticed */
	run_for(&f, 2 * SECOND_US);
	assert_answered(r, &c);
	reach_close(r);
	device_destroy(d);
	factory_close(&f);
}

static void a_device_without_power_is_silent_and_starts_anew(void **state)
{
	struct device_config c = config_of(7, MR_AP_TLS);
	struct factory f;
	struct device *d;
	struct reach *r;

	(void)state;
	factory_open(&f, 8, 0);
	c.fault = DEVICE_FAULT_POWER_CUT;
	c.fault_delay_us = 500000; /* in the middle of the TLS handshake */
	c.off_us = 20 * SECOND_US;
	c.chip = "cortex-m4";
	d = place(&f, &c);
	r = reach_open(&f, &c, PASSPHRASE);
	run_for(&f, 10 * SECOND_US);
	assert_false(device_powered(d));
	assert_int_equal(r->response_len, 0);
	run_for(&f, 15 * SECOND_US);
	assert_true(device_powered(d));
	ask_again(r, GET, 5 * SECOND_US);
	assert_answered(r, &c);
	reach_close(r);
	device_destroy(d);
	factory_close(&f);
}

/* Octets in use; 0 where the allocator does not say (AddressSanitizer's). */
static size_t heap(void) { return mallinfo2().uordblks; }

static void an_access_point_costs_memory_while_it_stands(void **state)
{
	struct device_config c = config_of(7, MR_AP_WPA2);
	size_t before, off, up, gone;
	struct factory f;
	struct device *d;

	(void)state;
	factory_open(&f, 16, 0);
	c.power_on_us = SECOND_US;
	c.fault = DEVICE_FAULT_VANISH;
	c.fault_delay_us = 5 * SECOND_US;
	before = heap();
	d = place(&f, &c);
	off = heap() - before;
	run_for(&f, 4 * SECOND_US);
	up = heap() - before;
	run_for(&f, 6 * SECOND_US);
	gone = heap() - before;
	printf("           %zu octets off, %zu standing, %zu gone; %zu of them the agent and its flash\n", off, up,
	       gone, sizeof(struct mr_agent) + MR_STORE_SLOTS * MR_STORE_MAX);
	assert_true(off < sizeof(struct mr_agent) + MR_STORE_SLOTS * MR_STORE_MAX + 5000);
	assert_true(up < off + 6000 && gone < off + 3000);
	device_destroy(d);
	factory_close(&f);
}

/* --- many --- */

static void sixty_at_once(uint64_t seed, FILE *pcap)
{
	static const enum mr_ap_method methods[] = { MR_AP_WPA2, MR_AP_PIN, MR_AP_IBSS, MR_AP_TLS };
	struct device_config c[60];
	struct device *d[60];
	struct reach *r[60];
	struct factory f;

	factory_open(&f, seed, 0);
	if (pcap)
		assert_int_equal(air_capture(f.air, pcap, 0), 0);
	for (uint8_t i = 0; i < 60; i++) {
		c[i] = config_of(i, methods[i % 4]);
		c[i].agent.ap.freq_mhz = HOME_MHZ;
		d[i] = place(&f, &c[i]);
		r[i] = reach_open(&f, &c[i], PASSPHRASE);
	}
	run_for(&f, 60 * SECOND_US);
	for (size_t i = 0; i < 60; i++) {
		assert_answered(r[i], &c[i]);
		reach_close(r[i]);
		device_destroy(d[i]);
	}
	factory_close(&f);
}

static void sixty_devices_answer_on_one_channel(void **state)
{
	(void)state;
	sixty_at_once(10, NULL);
}

/* What a process of its own, at addresses of its own, puts on the air: main below. */
static void hash_of_a_process(uint64_t seed, uint8_t out[static 32])
{
	char path[] = "/tmp/millrace-air-XXXXXX", number[24];
	uint8_t octets[4096];
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	FILE *pcap = fdopen(mkstemp(path), "rb");
	size_t n, total = 0;
	int status;
	pid_t child;

	assert_true(pcap && hash);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)seed);
	child = fork();
	if (child == 0) {
		execl("/proc/self/exe", "chip_wifi", number, path, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(unlink(path), 0);
	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	for (; (n = fread(octets, 1, sizeof(octets), pcap)) > 0; total += n)
		EVP_DigestUpdate(hash, octets, n);
	EVP_DigestFinal_ex(hash, out, NULL);
	EVP_MD_CTX_free(hash);
	fclose(pcap);
	assert_true(total > 1000000);
}

static void a_seed_puts_the_same_octets_on_the_air_in_two_processes(void **state)
{
	uint8_t a[32], b[32], c[32];

	(void)state;
	hash_of_a_process(11, a);
	hash_of_a_process(11, b);
	hash_of_a_process(12, c);
	assert_memory_equal(a, b, 32);
	assert_memory_not_equal(a, c, 32);
}

static void without_an_interface_left_a_device_refuses(void **state)
{
	struct device_config c = config_of(7, MR_AP_WPA2);
	static const struct ip_if_events events = { 0 };
	struct ip_if *taken[IP_IFS_MAX];
	struct factory f;
	struct device *d;
	struct reach *r;

	(void)state;
	factory_open(&f, 13, 0);
	for (size_t i = 0; i < IP_IFS_MAX; i++)
		assert_non_null(taken[i] = ip_if_create(f.ip, station_key, &events, NULL));
	d = place(&f, &c);
	r = reach_open(&f, &c, PASSPHRASE);
	run_for(&f, 5 * SECOND_US);
	assert_int_equal(r->over, MR_CAUSE_ASSOCIATION_REFUSED);
	ip_if_destroy(taken[0]);
	ip_if_destroy(taken[1]);
	run_for(&f, 5 * SECOND_US);
	assert_answered(r, &c);
	reach_close(r);
	device_destroy(d);
	factory_close(&f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_asked_over_wpa2),
		cmocka_unit_test(a_device_is_asked_over_an_open_network),
		cmocka_unit_test(a_device_is_asked_over_an_ad_hoc_network),
		cmocka_unit_test(a_device_is_asked_over_tls),
		cmocka_unit_test(loss_delays_and_prevents_nothing),
		cmocka_unit_test(neighbours_are_of_every_kind),
		cmocka_unit_test(a_device_looks_around_and_goes_on_serving),
		cmocka_unit_test(a_device_that_is_told_to_joins_and_comes_back_to_say_so),
		cmocka_unit_test(a_device_that_cannot_join_says_why),
		cmocka_unit_test(another_passphrase_is_not_let_in),
		cmocka_unit_test(answers_leave_when_the_core_is_done),
		cmocka_unit_test(a_second_connection_is_refused_while_the_first_is_at_work),
		cmocka_unit_test(a_device_with_a_channel_plan_answers_calls_beside_its_access_point),
		cmocka_unit_test(thrown_out_once_the_station_comes_back),
		cmocka_unit_test(a_device_without_power_is_silent_and_starts_anew),
		cmocka_unit_test(an_access_point_costs_memory_while_it_stands),
		cmocka_unit_test(sixty_devices_answer_on_one_channel),
		cmocka_unit_test(a_seed_puts_the_same_octets_on_the_air_in_two_processes),
		cmocka_unit_test(without_an_interface_left_a_device_refuses),
	};

	if (argc == 3) {
		FILE *pcap = fopen(argv[2], "wb");

		sixty_at_once(strtoull(argv[1], NULL, 0), pcap);
		return pcap && fclose(pcap) == 0 ? 0 : 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
