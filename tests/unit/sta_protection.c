/*
 * What the STA may believe: replays, frames in the clear, keys installed again, changed keys, group frames, protected
 * management, fragments, and frames cut anywhere.
 *
 * links: station/wifi/sta.c station/wifi/sta_send.c station/wifi/sta_receive.c station/wifi/defragment.c
 * links: station/wifi/wpa.c station/wifi/wpa_sta.c station/wifi/wpa_ap.c station/wifi/eapol.c
 * links: station/wifi/ccmp.c station/wifi/tkip.c station/wifi/aes.c station/wifi/ieee80211.c agent/wire/channel.c
 * links: station/base/entropy.c
 * links: station/base/log.c agent/wire/cause.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "station/wifi/defragment.h"
#include "tests/unit/sta_ap.h"

static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };

static void bring_up(struct world *w, unsigned how)
{
	open_world(w, how, 1);
	run(w, w->now_us + 300000);
	assert_int_equal(w->ups, 1);
	both_ways(w);
	run(w, w->now_us + 100000);
}

/* The frame that the access point would send next, taken off its queue. */
static struct air_frame taken(struct world *w)
{
	assert_int_equal(w->ap.out_count, 1);
	w->ap.out_count = 0;
	return w->ap.out[0];
}

static void a_frame_is_delivered_once(void **state)
{
	struct air_frame f;
	struct world w;
	unsigned before;

	(void)state;
	for (int secure = 0; secure < 2; secure++) {
		bring_up(&w, secure ? SECURE : OPEN);
		before = w.msdus;
		ap_data(&w.ap, w.ap.client, w.ap.bssid, 0x0800, "x", 1, secure);
		f = taken(&w);
		hear(&w, f.bytes, f.len);
		assert_int_equal(w.msdus, before + 1);
		f.bytes[1] |= IEEE80211_RETRY; /* our acknowledgement was lost */
		hear(&w, f.bytes, f.len);
		assert_int_equal(w.msdus, before + 1);
		assert_int_equal(sta_counts(w.sta)->duplicates, 1);
		if (secure) {
			f.bytes[1] &= (uint8_t)~IEEE80211_RETRY;
			f.bytes[22] ^= 0x40; /* somebody replays it, with another number */
			hear(&w, f.bytes, f.len);
			assert_int_equal(w.msdus, before + 1);
			assert_int_equal(sta_counts(w.sta)->replays, 1);
		}
		both_ways(&w);
		close_world(&w);
	}
}

static void with_a_key_nothing_in_the_clear_counts(void **state)
{
	struct world w;
	unsigned before;

	(void)state;
	bring_up(&w, SECURE);
	before = w.msdus;
	ap_data(&w.ap, w.ap.client, w.ap.bssid, 0x0800, "x", 1, false);
	ap_data(&w.ap, everybody, w.ap.bssid, 0x0806, "x", 1, false);
	ap_data(&w.ap, w.ap.client, w.ap.bssid, EAPOL_ETHERTYPE, "x", 1, false);
	run(&w, w.now_us + 100000);
	assert_int_equal(w.msdus, before);
	assert_int_equal(sta_counts(w.sta)->ignored, 3);
	both_ways(&w);
	close_world(&w);
}

static void changed_frames_do_not_count(void **state)
{
	struct air_frame f;
	struct world w;
	unsigned before;

	(void)state;
	bring_up(&w, SECURE);
	before = w.msdus;
	ap_data(&w.ap, w.ap.client, w.ap.bssid, 0x0800, "x", 1, true);
	f = taken(&w);
	for (size_t i = 24; i < f.len; i++) {
		uint8_t bit = i == 27 ? 0x40 : 1; /* the key id */

		if (i == 26) /* reserved, and not covered */
			continue;
		f.bytes[i] ^= bit;
		hear(&w, f.bytes, f.len);
		f.bytes[i] ^= bit;
	}
	for (size_t cut = 0; cut < f.len; cut++)
		hear(&w, f.bytes, cut);
	assert_int_equal(w.msdus, before);
	hear(&w, f.bytes, f.len);
	assert_int_equal(w.msdus, before + 1);
	close_world(&w);
}

static void broadcasts_come_under_the_group_key_once(void **state)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 9, 9 };
	struct air_frame f;
	struct world w;
	unsigned before;

	(void)state;
	bring_up(&w, SECURE);
	before = w.msdus;
	ap_data(&w.ap, everybody, other, 0x0806, "who has", 7, true);
	f = taken(&w);
	hear(&w, f.bytes, f.len);
	assert_int_equal(w.msdus, before + 1);
	assert_memory_equal(w.src, other, 6);
	assert_memory_equal(w.out.dst, everybody, 6);
	hear(&w, f.bytes, f.len);
	assert_int_equal(w.msdus, before + 1);
	w.ap.group.pn = 499; /* before what M3 said was the last one */
	ap_data(&w.ap, everybody, other, 0x0806, "old", 3, true);
	ap_data(&w.ap, everybody, w.config.own, 0x0806, "our own, relayed", 16, true);
	w.ap.group.gtk_id = 3; /* a key that nobody gave us */
	ap_data(&w.ap, everybody, other, 0x0806, "x", 1, true);
	run(&w, w.now_us + 100000);
	assert_int_equal(w.msdus, before + 1);
	close_world(&w);
}

/* M4 is lost; meanwhile data came under the new key. M3 comes again, and what was replayed before is still refused. */
static void a_repeated_m3_does_not_reset_counters(void **state)
{
	uint8_t bytes[EAPOL_MAX];
	struct mr_wr m = mr_wr_over(bytes, sizeof(bytes));
	struct air_frame f, g;
	struct world w;
	uint64_t used;
	unsigned before;

	(void)state;
	bring_up(&w, SECURE);
	before = w.msdus;
	ap_data(&w.ap, w.ap.client, w.ap.bssid, 0x0800, "x", 1, true);
	f = taken(&w);
	hear(&w, f.bytes, f.len);
	ap_data(&w.ap, everybody, w.ap.bssid, 0x0800, "x", 1, true);
	g = taken(&w);
	hear(&w, g.bytes, g.len);
	assert_int_equal(w.msdus, before + 2);
	used = w.ap.rx_pn;
	w.ap.wpa.state = WPA_AP_M3; /* as if M4 had never come */
	w.ap.wpa.trial = w.ap.wpa.ptk;
	w.ap.wpa.deadline_us = w.now_us;
	w.ap.wpa.tries = 0;
	assert_int_equal(wpa_ap_expire(&w.ap.wpa, &m, w.now_us), WPA_ANSWER);
	ap_eapol(&w.ap, &m);
	run(&w, w.now_us + 200000);
	assert_int_equal(w.ap.wpa.state, WPA_AP_UP);
	assert_int_equal(w.ups, 1);
	f.bytes[22] ^= 0x40;
	hear(&w, f.bytes, f.len);
	hear(&w, g.bytes, g.len);
	assert_int_equal(w.msdus, before + 2);
	w.ap.tx_pn = 100; /* this access point has begun again with M4 */
	both_ways(&w);
	assert_true(w.ap.rx_pn > used); /* we have not */
	close_world(&w);
}

static void pairwise_keys_change_while_data_moves(void **state)
{
	uint8_t bytes[EAPOL_MAX];
	struct mr_wr m;
	struct world w;

	(void)state;
	for (uint32_t loss = 0; loss <= 20; loss += 10) {
		bring_up(&w, SECURE);
		w.loss_percent = loss;
		for (int i = 0; i < 5; i++) {
			struct wpa_ptk before = w.ap.wpa.ptk;
			unsigned msdus = w.ap.msdus;

			for (int k = 0; k < 5; k++)
				assert_int_equal(sta_send(w.sta, NULL, 0x0800, "under way", 9), 0);
			m = mr_wr_over(bytes, sizeof(bytes));
			wpa_ap_start(&w.ap.wpa, &m, w.now_us);
			ap_eapol(&w.ap, &m);
			run(&w, w.now_us + 5000000);
			assert_memory_not_equal(&w.ap.wpa.ptk, &before, sizeof(before));
			assert_int_equal(w.ap.wpa.state, WPA_AP_UP);
			if (loss == 0)
				assert_int_equal(w.ap.msdus, msdus + 5);
			w.loss_percent = 0;
			both_ways(&w);
			w.loss_percent = loss;
		}
		assert_int_equal(w.ups, 1);
		assert_int_equal(w.downs, 0);
		assert_int_equal(w.ap.plain_data, 0);
		assert_int_equal(w.ap.replays, 0);
		assert_false(sta_unsafe(w.sta, w.now_us));
		close_world(&w);
	}
}

/*
 * Our M4 arrives and its acknowledgement does not; the access point goes on under the new key, and with that we do. M4
 * is sent again under the new key then, and no packet number of the old one may come with it: the same number would be
 * used once more by a later frame (12.5.3.3.2: never twice under one key).
 */
static void an_m4_that_goes_again_under_the_new_key_has_a_new_packet_number(void **state)
{
	uint8_t bytes[EAPOL_MAX], frame[RADIO_FRAME_MAX], what = 0;
	struct mr_wr m = mr_wr_over(bytes, sizeof(bytes));
	struct ccmp_info info = { 0 };
	struct world w;
	size_t len = 0;

	(void)state;
	bring_up(&w, SECURE);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(sta_send(w.sta, NULL, 0x0800, "used up", 7), 0);
		run(&w, w.now_us + 10000);
	}
	wpa_ap_start(&w.ap.wpa, &m, w.now_us);
	ap_eapol(&w.ap, &m);
	ap_to_air(&w);
	for (int i = 0; i < 2; i++) { /* M2, M4 */
		len = sta_pull(w.sta, frame, false, &what, w.now_us);
		assert_true(len > 0 && ccmp_peek(mr_rd_over(frame, len), &info));
		ap_receive(&w.ap, frame, len, w.now_us);
		sta_sent(w.sta, what, i == 0, 4, w.now_us);
		ap_to_air(&w);
	}
	assert_int_equal(w.ap.wpa.state, WPA_AP_UP);
	assert_true(info.pn > 20);
	ap_data(&w.ap, w.ap.client, w.ap.bssid, 0x0800, "under the new key", 17, true);
	ap_to_air(&w);
	w.now_us += 1000000;
	len = sta_pull(w.sta, frame, false, &what, w.now_us);
	assert_true(len > 0 && ccmp_peek(mr_rd_over(frame, len), &info));
	assert_int_equal(info.pn, 1);
	sta_sent(w.sta, what, true, 1, w.now_us);
	both_ways(&w);
	close_world(&w);
}

static void group_keys_change(void **state)
{
	uint8_t bytes[EAPOL_MAX];
	struct mr_wr m = mr_wr_over(bytes, sizeof(bytes));
	struct world w;
	unsigned before;

	(void)state;
	bring_up(&w, SECURE);
	before = w.msdus;
	memset(w.ap.group.gtk, 0x77, 16);
	w.ap.group.gtk_id = 2;
	w.ap.group.pn = 0;
	wpa_ap_regroup(&w.ap.wpa, &m, w.now_us);
	ap_eapol(&w.ap, &m);
	run(&w, w.now_us + 100000);
	assert_int_equal(w.ap.wpa.state, WPA_AP_UP);
	ap_data(&w.ap, everybody, w.ap.bssid, 0x0800, "x", 1, true);
	run(&w, w.now_us + 100000);
	assert_int_equal(w.msdus, before + 1);
	close_world(&w);
}

/* --- protected management --- */

static void unprotected_farewells(unsigned how)
{
	struct world w;

	bring_up(&w, SECURE | PMF | how);
	ap_farewell(&w.ap, IEEE80211_DEAUTHENTICATION, IEEE80211_LEAVING, false);
	ap_farewell(&w.ap, IEEE80211_DISASSOCIATION, IEEE80211_INACTIVE, false);
	run(&w, w.now_us + 100000);
	assert_true(sta_up(w.sta) && w.ap.sa_requests == 0);
	ap_farewell(&w.ap, IEEE80211_DEAUTHENTICATION, IEEE80211_NOT_ASSOCIATED, false); /* perhaps it restarted */
	run(&w, w.now_us + 2000000);
	assert_true(sta_up(w.sta) && w.ap.sa_requests == 1); /* no: it answered */
	both_ways(&w);
	assert_int_equal(w.downs, 0);
	ap_farewell(&w.ap, IEEE80211_DEAUTHENTICATION, IEEE80211_LEAVING, true);
	ap_to_air(&w);
	assert_false(sta_up(w.sta));
	assert_int_equal(w.downs, 1);
	close_world(&w);
}

/* Whether it demands protection or only offers it. */
static void unprotected_farewells_do_not_count_with_pmf(void **state)
{
	(void)state;
	unprotected_farewells(0);
	unprotected_farewells(OFFERED);
}

static void a_restarted_access_point_is_found_out_by_asking(void **state)
{
	struct world w;

	(void)state;
	bring_up(&w, SECURE | PMF | SHA256);
	ap_forget(&w.ap);
	assert_int_equal(sta_send(w.sta, NULL, 0x0800, "x", 1), 0);
	w.ap.out_count = 0;
	run(&w, w.now_us + 900000);
	assert_int_equal(w.downs, 0);
	assert_true(sta_unsafe(w.sta, w.now_us));
	run(&w, w.now_us + 2000000);
	assert_true(w.downs == 1 && w.ups == 2);
	both_ways(&w);
	close_world(&w);
}

static void queries_are_answered_when_they_are_protected(void **state)
{
	struct world w;

	(void)state;
	bring_up(&w, SECURE | PMF);
	ap_sa(&w.ap, 0, 0x1234, false);
	run(&w, w.now_us + 100000);
	assert_int_equal(w.ap.sa_responses, 0);
	ap_sa(&w.ap, 0, 0x1234, true);
	ap_sa(&w.ap, 1, 0x1234, true); /* an answer to nothing */
	run(&w, w.now_us + 100000);
	assert_int_equal(w.ap.sa_responses, 1);
	both_ways(&w);
	close_world(&w);
}

static void a_broadcast_farewell_needs_its_mic(void **state)
{
	struct world w;
	struct mr_wr f;
	uint8_t igtk[16] = { 0x62 };

	(void)state;
	bring_up(&w, SECURE | PMF);
	for (int i = 0; i < 4; i++) {
		f = ap_room(&w.ap);
		ap_header(&w.ap, &f, IEEE80211_DEAUTHENTICATION, 0, everybody);
		mr_wr_le16(&f, IEEE80211_LEAVING);
		if (i > 0)
			assert_true(bip_protect(igtk, (struct bip_info){ i == 1 ? 600 : 601, i == 2 ? 5 : 4 }, &f));
		ap_send(&w.ap, &f);
		ap_to_air(&w);
		assert_int_equal(sta_up(w.sta), i < 3); /* without; an old number; a key that we have not; true */
	}
	close_world(&w);
}

/* --- fragments --- */

struct piece {
	const char *text;
	uint8_t fragment;
	bool more, sealed;
	uint64_t pn;
	uint16_t sequence;
};

static void send_piece(struct world *w, const struct piece *p)
{
	struct ieee80211_header h = {
		.kind = IEEE80211_DATA, .flags = IEEE80211_FROM_DS, .sequence = p->sequence, .fragment = p->fragment
	};
	uint8_t plain[256], sealed[256];
	struct mr_wr f = mr_wr_over(plain, sizeof(plain));

	memcpy(h.address1, w->ap.client, 6);
	memcpy(h.address2, w->ap.bssid, 6);
	memcpy(h.address3, w->ap.bssid, 6);
	if (p->more)
		h.flags |= IEEE80211_MORE_FRAGMENTS;
	ieee80211_header_build(&f, &h);
	if (p->fragment == 0)
		ieee80211_put_snap(&f, 0x0800);
	mr_wr_bytes(&f, p->text, strlen(p->text));
	if (p->sealed)
		hear(w, sealed,
		     ccmp_seal(w->ap.wpa.ptk.tk, (struct ccmp_info){ p->pn, 0 }, mr_wr_written(&f), sealed,
			       sizeof(sealed)));
	else
		hear(w, plain, f.len);
}

static void fragments_become_one(void **state)
{
	static const struct piece pieces[] = { { "one, ", 0, true, true, 1001, 9 },
					       { "two, ", 1, true, true, 1002, 9 },
					       { "three", 2, false, true, 1003, 9 } };
	struct world w;
	size_t before;

	(void)state;
	bring_up(&w, SECURE);
	before = sta_memory(w.sta);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(w.msdus, 1);
		send_piece(&w, &pieces[i]);
	}
	assert_int_equal(w.msdus, 2);
	assert_int_equal(w.msdu_len, 15);
	assert_memory_equal(w.msdu, "one, two, three", 15);
	assert_true(sta_memory(w.sta) - before == IEEE80211_MSDU_MAX);
	send_piece(&w, &(struct piece){ "four", 3, false, true, 1004, 9 }); /* behind the last */
	assert_int_equal(w.msdus, 2);
	assert_true(sta_memory(w.sta) == before);
	close_world(&w);
}

static void fragments_that_do_not_belong_together_are_dropped(void **state)
{
	static const struct piece first = { "one, ", 0, true, true, 1001, 9 };
	static const struct piece second[] = {
		{ "two", 1, false, true, 1003, 9 },  /* a packet number left out */
		{ "two", 1, false, true, 1002, 10 }, /* of another MSDU */
		{ "two", 2, false, true, 1002, 9 },  /* one left out */
		{ "two", 1, false, false, 0, 9 },    /* in the clear */
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++) {
		bring_up(&w, SECURE);
		send_piece(&w, &first);
		send_piece(&w, &second[i]);
		assert_int_equal(w.msdus, 1);
		close_world(&w);
	}
	bring_up(&w, SECURE);
	send_piece(&w, &first);
	w.now_us += DEFRAGMENT_LIFETIME_US + 1;
	send_piece(&w, &(struct piece){ "two", 1, false, true, 1002, 9 });
	assert_int_equal(w.msdus, 1);
	w.ap.tx_pn = 2000;
	both_ways(&w);
	close_world(&w);
}

static void an_msdu_longer_than_any_is_dropped(void **state)
{
	char text[201];
	struct world w;

	(void)state;
	memset(text, 'x', 200);
	text[200] = 0;
	bring_up(&w, OPEN);
	for (uint8_t i = 0; i < 15; i++)
		send_piece(&w, &(struct piece){ text, i, i < 14, false, 0, 9 });
	assert_int_equal(w.msdus, 1);
	for (uint8_t i = 0; i < 10; i++)
		send_piece(&w, &(struct piece){ text, i, i < 9, false, 0, 10 });
	assert_int_equal(w.msdus, 2);
	assert_int_equal(w.msdu_len, 2000);
	close_world(&w);
}

/* --- hostile --- */

/*
 * Every data frame of a join is heard cut at each length before it is heard whole, and management frames cut inside
 * header and fixed fields. (A management frame cut between two elements is another one, which is why nobody may do
 * without the MICs.)
 */
static void cut_frames_do_not_disturb_a_join(void **state)
{
	struct world w;

	(void)state;
	for (int way = 0; way < 3; way++) {
		open_world(&w, way == 0 ? OPEN : way == 1 ? SECURE | UNKNOWN : SECURE | PMF | SHA256, 1);
		w.dice = 99;
		for (int step = 0; step < 50 && w.ups == 0; step++) {
			sta_to_air(&w);
			for (size_t i = 0; i < w.ap.out_count; i++) {
				struct air_frame *f = &w.ap.out[i];

				for (size_t cut = 0; cut < (f->bytes[0] == IEEE80211_DATA ? f->len : 30); cut++)
					hear(&w, f->bytes, cut);
			}
			ap_to_air(&w);
			w.now_us += 30000;
			(void)sta_expire(w.sta, w.now_us);
		}
		assert_int_equal(w.over, 0);
		assert_int_equal(w.ups, 1);
		both_ways(&w);
		close_world(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_delivered_once),
		cmocka_unit_test(with_a_key_nothing_in_the_clear_counts),
		cmocka_unit_test(changed_frames_do_not_count),
		cmocka_unit_test(broadcasts_come_under_the_group_key_once),
		cmocka_unit_test(a_repeated_m3_does_not_reset_counters),
		cmocka_unit_test(pairwise_keys_change_while_data_moves),
		cmocka_unit_test(an_m4_that_goes_again_under_the_new_key_has_a_new_packet_number),
		cmocka_unit_test(group_keys_change),
		cmocka_unit_test(unprotected_farewells_do_not_count_with_pmf),
		cmocka_unit_test(a_restarted_access_point_is_found_out_by_asking),
		cmocka_unit_test(queries_are_answered_when_they_are_protected),
		cmocka_unit_test(a_broadcast_farewell_needs_its_mic),
		cmocka_unit_test(fragments_become_one),
		cmocka_unit_test(fragments_that_do_not_belong_together_are_dropped),
		cmocka_unit_test(an_msdu_longer_than_any_is_dropped),
		cmocka_unit_test(cut_frames_do_not_disturb_a_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
