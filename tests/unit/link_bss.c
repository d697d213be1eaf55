/*
 * 802.11 and IP to a device in its own BSS, with nothing around it: which network is joined with what, who the device
 * is by whichever server of addresses, how long each stage may take, and what is told to the floor above in which
 * order. The STA, the interface and the pool of keys are this file's own and say what they are told to.
 *
 * links: station/link/bss.c station/base/loop.c station/base/log.c agent/wire/cause.c agent/wire/channel.c
 * links: agent/wire/message.c station/wifi/ieee80211.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "agent/wire/message.h"
#include "station/link/bss.h"
#include "station/wifi/sta.h"

#define PATIENCE_US UINT64_C(4000000)
#define ADDRESS_US UINT64_C(8000000)
#define PASSPHRASE "a passphrase"

static const uint8_t peer[6] = { 2, 0, 0, 0, 0x12, 0x34 }, own[6] = { 2, 0, 0, 0, 0, 9 };
static const struct radio_rx rx = { 0 };

static struct {
	struct loop *loop;
	struct loop_timer timer;
	uint16_t sequence;
	struct bss_station station;
	struct ieee80211_network network;
	struct bss bss;
	/* the STA */
	struct sta_config sta;
	bool no_sta, ready, sta_unsafe;
	int received;
	struct sta_out out;
	uint64_t sta_deadline_us, sta_due_us;
	int expired;
	unsigned stas, sent, reports, parked, resumed, farewells;
	/* the interface */
	const struct ip_if_events *net;
	bool no_net;
	unsigned nets, inputs;
	uint64_t dhcp_until_us;
	uint32_t address, mask, router;
	/* the pool */
	struct psk_request *asked;
	/* what was told */
	unsigned up, changed, ended;
	int cause;
	enum bss_stage stage_when_up;
} w;

struct sta *sta_create(const struct sta_config *config, uint64_t now_us)
{
	assert_int_equal(now_us, loop_now_us(w.loop));
	w.sta = *config;
	if (w.no_sta)
		return NULL;
	w.stas++;
	return (struct sta *)&w.sta;
}
void sta_destroy(struct sta *sta) { w.stas -= sta != NULL; }
size_t sta_pull(struct sta *sta, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what, uint64_t now_us)
{
	(void)sta, (void)frame;
	assert_false(hold);
	assert_int_equal(now_us, loop_now_us(w.loop));
	*what = 7;
	return w.farewells ? 26 : 300;
}
bool sta_ready(const struct sta *sta) { return (void)sta, w.ready; }
void sta_sent(struct sta *sta, uint8_t what, bool acked, unsigned tries, uint64_t now_us)
{
	(void)sta;
	assert_true(acked);
	assert_int_equal(tries, 3);
	assert_int_equal(now_us, loop_now_us(w.loop));
	assert_int_equal(what, 7);
	w.reports++;
}
int sta_receive(struct sta *sta, struct mr_rd mpdu, const struct radio_rx *with, struct sta_out *out, uint64_t now_us)
{
	(void)sta, (void)mpdu;
	assert_ptr_equal(with, &rx);
	assert_int_equal(now_us, loop_now_us(w.loop));
	*out = w.out;
	return w.received;
}
int sta_send(struct sta *sta, const uint8_t *dst, uint16_t ethertype, const void *payload, size_t len)
{
	(void)sta, (void)dst, (void)ethertype, (void)payload, (void)len;
	w.sent++;
	return 0;
}
uint64_t sta_deadline_us(const struct sta *sta) { return (void)sta, w.sta_deadline_us; }
int sta_expire(struct sta *sta, uint64_t now_us) { return (void)sta, (void)now_us, w.expired; }
uint64_t sta_due_us(const struct sta *sta) { return (void)sta, w.sta_due_us; }
bool sta_unsafe(const struct sta *sta, uint64_t now_us) { return (void)sta, (void)now_us, w.sta_unsafe; }
void sta_park(struct sta *sta, uint64_t now_us)
{
	(void)sta;
	assert_int_equal(now_us, loop_now_us(w.loop));
	w.parked++;
}
void sta_resume(struct sta *sta, uint64_t now_us)
{
	(void)sta;
	assert_int_equal(now_us, loop_now_us(w.loop));
	w.resumed++;
}
void sta_leave(struct sta *sta, uint64_t now_us)
{
	(void)sta;
	assert_int_equal(now_us, loop_now_us(w.loop));
	w.farewells++;
}
bool sta_protects(const struct ieee80211_rsn *rsn) { return rsn->capabilities != 0; }
size_t sta_memory(const struct sta *sta) { return (void)sta, 500; }

struct ip_if *ip_if_create(struct ip_stack *stack, const uint8_t mac[static 6], const struct ip_if_events *events,
			   void *ctx)
{
	(void)stack;
	assert_memory_equal(mac, own, 6);
	assert_ptr_equal(ctx, &w.bss);
	w.net = events;
	if (w.no_net)
		return NULL;
	w.nets++;
	return (struct ip_if *)&w.net;
}
void ip_if_destroy(struct ip_if *net) { w.nets -= net != NULL; }
void ip_if_log(struct ip_if *net, const struct log_tag *tag) { (void)net, (void)tag; }
void ip_if_input(struct ip_if *net, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload, size_t len)
{
	(void)net, (void)dst, (void)payload;
	assert_int_equal(ethertype, 0x0800);
	assert_int_equal(len, 4);
	w.inputs++;
}
void ip_if_dhcp(struct ip_if *net, uint64_t give_up_us) { (void)net, w.dhcp_until_us = give_up_us; }
void ip_if_static(struct ip_if *net, uint32_t address, uint32_t mask, uint32_t router)
{
	(void)net;
	w.address = address;
	w.mask = mask;
	w.router = router;
}

void psk_ask(struct psk_pool *pool, struct psk_request *request, const uint8_t *ssid, size_t ssid_len,
	     const char *passphrase)
{
	(void)pool;
	assert_int_equal(ssid_len, 4);
	assert_memory_equal(ssid, "AC-1", 4);
	assert_string_equal(passphrase, PASSPHRASE);
	w.asked = request;
}
void psk_cancel(struct psk_pool *pool, struct psk_request *request) { (void)pool, (void)request, w.asked = NULL; }

static void on_up(void *ctx)
{
	assert_ptr_equal(ctx, &w);
	w.stage_when_up = w.bss.stage;
	w.up++;
}
static void on_changed(void *ctx) { (void)ctx, w.changed++; }
static void on_ended(void *ctx, int cause)
{
	(void)ctx;
	w.ended++;
	w.cause = cause;
}

/* --- --- */

static uint64_t now(void) { return loop_now_us(w.loop); }
static void on_timer(void *ctx, uint64_t now_us) { (void)ctx, (void)now_us, loop_stop(w.loop); }
static void pass(uint64_t us)
{
	w.timer.fn = on_timer;
	loop_at(w.loop, &w.timer, now() + us);
	loop_run(w.loop);
}

static void make(bool secure, uint64_t patience_us)
{
	static const struct bss_events events = { on_up, on_changed, on_ended };

	memset(&w, 0, sizeof(w));
	w.loop = loop_create_virtual(0);
	w.station = (struct bss_station){ .loop = w.loop, .sequence = &w.sequence };
	memcpy(w.station.mac, own, 6);
	w.network = (struct ieee80211_network){ .ssid = "AC-1",
						.ssid_len = 4,
						.bssid = { 2, 0, 0, 0, 0, 5 },
						.freq_mhz = 2437,
						.rates = 0xabc,
						.security = secure ? IEEE80211_WPA2_PSK : IEEE80211_OPEN };
	w.sta_deadline_us = w.sta_due_us = UINT64_MAX;
	bss_init(&w.bss, &w.station, secure, secure ? PASSPHRASE : NULL, patience_us, &events, &w);
	pass(1000);
}

static int done(void **state)
{
	(void)state;
	bss_wipe(&w.bss);
	assert_int_equal(w.stas, 0);
	assert_int_equal(w.nets, 0);
	loop_destroy(w.loop);
	return 0;
}

static void hear(enum sta_event event)
{
	w.out.event = event;
	bss_receive(&w.bss, mr_rd_over("", 0), &rx, now());
}

static void join(void) { assert_int_equal(bss_join(&w.bss, &w.network, peer), 0); }

static void lease(uint32_t from, uint32_t server, uint32_t router)
{
	const struct ip_lease given = { .from = from, .server = server, .router = router };

	w.net->address(&w.bss, 0, &given);
}

static void a_secure_network_is_joined_with_the_key_of_its_passphrase(void **state)
{
	static const uint8_t key[32] = { 1, 2, 3 };
	const struct mr_digest_field fields[] = { { "AC-1", 4 }, { PASSPHRASE, strlen(PASSPHRASE) } };
	uint8_t binding[32], want[32];

	(void)state;
	make(true, PATIENCE_US);
	assert_string_equal(bss_security(&w.bss), "wpa2");
	join();
	assert_int_equal(w.bss.stage, BSS_KEYING);
	assert_int_equal(bss_deadline_us(&w.bss), now() + PATIENCE_US);
	assert_int_equal(w.stas, 0);
	w.asked->done(w.asked->ctx, key);
	assert_int_equal(w.bss.stage, BSS_JOINING);
	assert_int_equal(w.changed, 1);
	assert_memory_equal(w.sta.pmk, key, 32);
	assert_memory_equal(w.sta.bssid, w.network.bssid, 6);
	assert_memory_equal(w.sta.own, own, 6);
	assert_memory_equal(w.sta.peer, peer, 6);
	assert_memory_equal(w.sta.ssid, "AC-1", 4);
	assert_int_equal(w.sta.ssid_len, 4);
	assert_int_equal(w.sta.freq_mhz, 2437);
	assert_int_equal(w.sta.rates, 0xabc);
	assert_true(w.sta.secure && !w.sta.ibss);
	assert_int_equal(w.sta.patience_us, PATIENCE_US);
	assert_ptr_equal(w.sta.sequence, &w.sequence);
	assert_int_equal(bss_deadline_us(&w.bss), UINT64_MAX); /* the STA has its own */
	pass(70);
	hear(STA_UP);
	assert_int_equal(w.bss.stage, BSS_ADDRESSING);
	assert_int_equal(w.bss.join_us, 70);
	assert_int_equal(w.up, 0);
	assert_int_equal(bss_deadline_us(&w.bss), now() + ADDRESS_US); /* a server may ping first */
	assert_int_equal(w.dhcp_until_us, now() + ADDRESS_US);
	assert_int_equal(bss_due_us(&w.bss), now() + 20000);
	pass(80);
	lease(0xC0A80401, 0, 0);
	assert_int_equal(w.up, 1);
	assert_int_equal(w.stage_when_up, BSS_UP);
	assert_int_equal(w.bss.address, 0xC0A80401);
	assert_int_equal(w.bss.address_us, 80);
	assert_int_equal(bss_deadline_us(&w.bss), UINT64_MAX);
	assert_int_equal(bss_due_us(&w.bss), UINT64_MAX);
	lease(0xC0A80499, 0, 0); /* renewed, by whom ever: nothing changes */
	assert_int_equal(w.up, 1);
	assert_int_equal(w.bss.address, 0xC0A80401);
	assert_true(bss_binding(&w.bss, binding));
	assert_true(mr_digest(want, "millrace wpa2", fields, 2));
	assert_memory_equal(binding, want, 32);
}

static void the_device_is_who_answered(void **state)
{
	static const struct {
		uint32_t from, server, router, device;
	} all[] = { { 1, 2, 3, 1 }, { 0, 2, 3, 2 }, { 0, 0, 3, 3 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		make(false, PATIENCE_US);
		join();
		hear(STA_UP);
		lease(all[i].from, all[i].server, all[i].router);
		assert_int_equal(w.bss.address, all[i].device);
		if (i < 2)
			done(NULL);
	}
}

static void an_ad_hoc_network_has_addresses_made_of_the_devices(void **state)
{
	(void)state;
	make(false, PATIENCE_US);
	w.network.ibss = true;
	join();
	assert_true(w.sta.ibss && !w.sta.secure);
	hear(STA_UP);
	assert_int_equal(w.up, 1);
	assert_int_equal(w.stage_when_up, BSS_UP);
	assert_int_equal(w.bss.address, 0xa9fe0000u + 0x0100 + 0x1234);
	assert_int_equal(w.address, w.bss.address ^ 1);
	assert_int_equal(w.mask, 0xffff0000u);
	assert_int_equal(w.router, 0);
	assert_int_equal(w.dhcp_until_us, 0);
}

static void a_network_that_does_not_fit_is_not_joined(void **state)
{
	static const struct {
		bool secure, ibss;
		enum ieee80211_security is;
		bool fits;
	} all[] = { { true, false, IEEE80211_WPA2_PSK, true },	 { true, false, IEEE80211_WPA2_WPA3, true },
		    { true, false, IEEE80211_OPEN, false },	 { true, false, IEEE80211_WPA3_SAE, false },
		    { true, true, IEEE80211_WPA2_PSK, false },	 { true, false, IEEE80211_WEP, false },
		    { false, false, IEEE80211_OPEN, true },	 { false, true, IEEE80211_OPEN, true },
		    { false, false, IEEE80211_WPA2_PSK, false }, { false, false, IEEE80211_OWE, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		make(all[i].secure, PATIENCE_US);
		w.network.security = (uint8_t)all[i].is;
		w.network.ibss = all[i].ibss;
		assert_int_equal(bss_join(&w.bss, &w.network, peer), all[i].fits ? 0 : -MR_CAUSE_UNSUPPORTED);
		assert_int_equal(w.bss.stage == BSS_AWAY, !all[i].fits);
		assert_int_equal(w.ended, 0);
		if (i + 1 < sizeof(all) / sizeof(all[0]))
			done(NULL);
	}
}

static void each_stage_has_an_end(void **state)
{
	(void)state;
	make(true, PATIENCE_US);
	join();
	assert_int_equal(bss_expire(&w.bss, now() + PATIENCE_US - 1), 0);
	assert_int_equal(bss_expire(&w.bss, now() + PATIENCE_US), -MR_CAUSE_NO_ANSWER);
	done(NULL);

	make(false, PATIENCE_US);
	join();
	w.sta_deadline_us = now() + 50;
	w.expired = -MR_CAUSE_ASSOCIATION_REFUSED;
	assert_int_equal(bss_deadline_us(&w.bss), now() + 50);
	assert_int_equal(bss_expire(&w.bss, now() + 49), 0);
	assert_int_equal(bss_expire(&w.bss, now() + 50), -MR_CAUSE_ASSOCIATION_REFUSED);
	w.expired = STA_DOWN; /* it goes on by itself */
	assert_int_equal(bss_expire(&w.bss, now() + 50), 0);
	done(NULL);

	make(false, 3 * ADDRESS_US); /* a longer patience is not cut */
	join();
	hear(STA_UP);
	assert_int_equal(bss_deadline_us(&w.bss), now() + 3 * ADDRESS_US);
	/* Silence while nobody listened is not the device's. */
	pass(ADDRESS_US);
	bss_park(&w.bss, now());
	bss_resume(&w.bss, now());
	assert_int_equal(w.parked + w.resumed, 2);
	assert_int_equal(bss_deadline_us(&w.bss), now() + 3 * ADDRESS_US);
	assert_int_equal(bss_expire(&w.bss, now() + 3 * ADDRESS_US), -MR_CAUSE_NO_ANSWER);
}

static void what_ends_it_is_told_once(void **state)
{
	(void)state;
	make(false, PATIENCE_US);
	join();
	w.ready = true;
	assert_true(bss_ready(&w.bss));
	w.received = -MR_CAUSE_LINK_LOST;
	hear(STA_NOTHING);
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, MR_CAUSE_LINK_LOST);
	assert_false(bss_ready(&w.bss));
	hear(STA_NOTHING);
	assert_int_equal(w.ended, 1);
	assert_int_equal(bss_deadline_us(&w.bss), UINT64_MAX);
	done(NULL);

	make(false, PATIENCE_US);
	join();
	hear(STA_UP);
	w.net->address(&w.bss, -MR_CAUSE_ADDRESS_TIMEOUT, NULL);
	assert_int_equal(w.cause, MR_CAUSE_ADDRESS_TIMEOUT);
	assert_int_equal(w.up, 0);
	done(NULL);

	make(false, PATIENCE_US);
	w.no_sta = true;
	join();
	assert_int_equal(w.cause, MR_CAUSE_NO_MEMORY);
	done(NULL);

	make(false, PATIENCE_US);
	join();
	w.no_net = true;
	hear(STA_UP);
	assert_int_equal(w.cause, MR_CAUSE_NO_MEMORY);
	assert_int_equal(w.ended, 1);
}

static void packets_go_both_ways_while_it_is_there(void **state)
{
	uint8_t frame[RADIO_FRAME_MAX], what = 0;

	(void)state;
	make(false, PATIENCE_US);
	assert_int_equal(bss_pull(&w.bss, frame, false, &what, now()), 0);
	assert_int_equal(bss_farewell(&w.bss, frame, now()), 0);
	assert_int_equal(bss_memory(&w.bss), 0);
	bss_sent(&w.bss, 7, true, 3, now());
	assert_int_equal(w.reports, 0);
	join();
	w.sta_due_us = 1234;
	w.sta_unsafe = true;
	assert_int_equal(bss_due_us(&w.bss), 1234);
	assert_true(bss_unsafe(&w.bss));
	assert_int_equal(bss_pull(&w.bss, frame, false, &what, now()), 300);
	bss_sent(&w.bss, what, true, 3, now());
	assert_int_equal(w.reports, 1);
	assert_int_equal(bss_memory(&w.bss), 500);
	w.out.ethertype = 0x0800;
	w.out.payload = mr_rd_over("data", 4);
	hear(STA_MSDU); /* there is no interface yet */
	assert_int_equal(w.inputs, 0);
	w.out.payload = mr_rd_over("", 0);
	hear(STA_UP);
	assert_false(bss_unsafe(&w.bss));
	w.out.payload = mr_rd_over("data", 4);
	hear(STA_MSDU);
	assert_int_equal(w.inputs, 1);
	w.changed = 0;
	w.net->output(&w.bss, peer, 0x0800, frame, 10);
	assert_int_equal(w.sent, 1);
	assert_int_equal(w.changed, 1);
	hear(STA_DOWN); /* it joins again by itself, and what is above goes on */
	hear(STA_UP);
	assert_int_equal(w.nets, 1);
	assert_int_equal(w.ended, 0);
	assert_int_equal(bss_farewell(&w.bss, frame, now()), 26);
	bss_leave(&w.bss);
	assert_int_equal(w.stas + w.nets, 0);
	assert_int_equal(w.bss.address, 0);
	assert_int_equal(w.bss.stage, BSS_AWAY);
	join(); /* and again, from the start */
	assert_int_equal(w.bss.stage, BSS_JOINING);
	assert_int_equal(w.bss.join_us + w.bss.address_us, 0);
}

static void a_key_that_comes_too_late_joins_nothing(void **state)
{
	static const uint8_t key[32] = { 1 };
	struct psk_request *asked;

	(void)state;
	make(true, PATIENCE_US);
	w.network.rsn.capabilities = 1;
	join();
	assert_string_equal(bss_security(&w.bss), "wpa2+pmf");
	asked = w.asked;
	bss_leave(&w.bss);
	assert_null(w.asked); /* nobody waits for it any more */
	asked->done(asked->ctx, key);
	assert_int_equal(w.stas, 0);
	assert_int_equal(w.bss.stage, BSS_AWAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_teardown(test, done)
		T(a_secure_network_is_joined_with_the_key_of_its_passphrase),
		T(the_device_is_who_answered),
		T(an_ad_hoc_network_has_addresses_made_of_the_devices),
		T(a_network_that_does_not_fit_is_not_joined),
		T(each_stage_has_an_end),
		T(what_ends_it_is_told_once),
		T(packets_go_both_ways_while_it_is_there),
		T(a_key_that_comes_too_late_joins_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
