/*
 * Simulated devices that stand as access points: the real agent behind 802.11, DHCP, TCP, TLS and HTTP on the simulated air, and
 * a station made of the station's own links, one for each device.
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
#include <openssl/evp.h>

#include "agent/wire/cause.h"
#include "station/air/air.h"
#include "station/air/chip_wifi.h"
#include "station/air/device.h"
#include "station/link/ip_stream.h"
#include "station/link/sta.h"
#include "station/link/tls.h"
#include "station/link/wpa.h"

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
	struct device_config c = { .chip = "esp32", .tx_dbm = 15, .x_m = 1 + number % 8, .y_m = 1 + number / 8, .seed = number };
	struct mr_agent_config *a = &c.agent;

	snprintf(ssids[number], sizeof(ssids[number]), "AC-%u", number);
	memcpy(a->mac, (uint8_t[]){ 0x02, 0x4d, 0x52, 0, 0, number }, 6);
	memcpy(a->device_id, (uint8_t[]){ 0xd0, 0, 0, 0, 0, 0, 0, number }, 8);
	a->product = "box";
	a->hw_rev = "A";
	a->firmware = "1.0.0";
	a->station_key = station_key;
	a->batch_key = batch_key;
	a->ap = (struct mr_ap_config){ .method = method, .ssid = ssids[number], .ssid_is_whole = true, .passphrase = PASSPHRASE,
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
	int over;			/* a cause */
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
	struct sta_config c = { .freq_mhz = HOME_MHZ, .ibss = r->method == MR_AP_IBSS, .secure = r->method == MR_AP_WPA2,
				.rsn = r->network.rsn, .patience_us = 5 * SECOND_US, .entropy = r->f->entropy,
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
	if (event < 0) {
		r->over = -event;
		sta_destroy(r->sta);
		r->sta = NULL;
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
	struct air_node_config node = { .x_m = d->x_m + 1, .y_m = d->y_m, .tx_dbm = 17, .acknowledges = true, .tx_queue_max = 8,
					.switch_us = 1000, .ctx = r, .received = on_heard, .status = on_status };

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
	assert_int_equal(air_tune(r->node, HOME_MHZ), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_asked_over_wpa2),
		cmocka_unit_test(a_device_is_asked_over_an_open_network),
		cmocka_unit_test(a_device_is_asked_over_an_ad_hoc_network),
		cmocka_unit_test(a_device_is_asked_over_tls),
		cmocka_unit_test(loss_delays_and_prevents_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
