/*
 * Our side of a device's BSS, against an access point in the same process (sta_ap.h): it joins, moves data, parks,
 * loses what can be lost, and believes nothing that it should not.
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

#include "tests/support/voice.h"
#include "tests/unit/sta_ap.h"

static const unsigned every_way[] = { OPEN,
				      SECURE,
				      SECURE | SHA256,
				      SECURE | PMF,
				      SECURE | SHA256 | PMF,
				      SECURE | PMF | OFFERED,
				      SECURE | UNKNOWN,
				      SECURE | HIDDEN | UNKNOWN,
				      HIDDEN };

static void it_joins_and_data_goes_both_ways(void **state)
{
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(every_way) / sizeof(every_way[0]); i++) {
		open_world(&w, every_way[i], 1);
		run(&w, w.now_us + 300000);
		assert_int_equal(w.ups, 1);
		assert_true(sta_up(w.sta) && !sta_unsafe(w.sta, w.now_us));
		assert_true(w.ap.probes == 0 || every_way[i] & UNKNOWN);
		both_ways(&w);
		assert_int_equal(w.over, 0);
		close_world(&w);
	}
}

/* A fifth of all frames and of all acknowledgements lost: everything arrives, once, in order, and no packet number is
 * used twice. */
static void it_joins_and_moves_data_through_loss(void **state)
{
	struct world w;

	(void)state;
	for (uint32_t seed = 1; seed <= 40; seed++) {
		open_world(&w, every_way[seed % (sizeof(every_way) / sizeof(every_way[0]))], seed);
		w.loss_percent = 20;
		run(&w, w.now_us + 6000000);
		if (w.ups < 1)
			fail_msg("seed %u: not up, %d", seed, w.over);
		for (uint8_t i = 0; i < 20; i++) {
			assert_int_equal(sta_send(w.sta, NULL, 0x0800, &i, 1), 0);
			run(&w, w.now_us + 2000000);
			if (w.ap.msdus != i + 1u || w.ap.msdu[0] != i)
				fail_msg("seed %u, MSDU %u: %u came, last %u", seed, i, w.ap.msdus, w.ap.msdu[0]);
		}
		assert_int_equal(w.ap.replays, 0);
		assert_int_equal(w.ap.plain_data, 0);
		close_world(&w);
	}
}

static void a_wrong_passphrase_is_seen(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, SECURE, 1);
	w.ap.pmk[0] = 8;
	run(&w, w.now_us + 10000000);
	assert_int_equal(w.over, -MR_CAUSE_PASSPHRASE_REFUSED);
	assert_int_equal(w.ups, 0);
	close_world(&w);
}

/*
 * Whatever one frame says that nobody signs, right after M2: it costs time, and is no verdict. The access point holds
 * the key, and the STA joins.
 */
static void one_forged_farewell_after_m2_ends_nothing(void **state)
{
	static const uint16_t reasons[] = { IEEE80211_INVALID_AUTHENTICATION, IEEE80211_MIC_FAILURE,
					    IEEE80211_4WAY_TIMEOUT, IEEE80211_8021X_FAILED };
	uint8_t frame[RADIO_FRAME_MAX], what;
	struct world w;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		open_world(&w, SECURE, 1);
		for (int n = 0; n < 2; n++) { /* authentication, association; M1 comes with its response */
			len = sta_pull(w.sta, frame, false, &what, w.now_us);
			ap_receive(&w.ap, frame, len, w.now_us);
			sta_sent(w.sta, what, true, 1, w.now_us);
			ap_to_air(&w);
		}
		assert_int_equal(sta_state(w.sta), STA_HANDSHAKING);
		len = sta_pull(w.sta, frame, false, &what, w.now_us);
		assert_true(len > 0); /* M2: it arrives, and before M3 comes somebody else speaks */
		sta_sent(w.sta, what, true, 1, w.now_us);
		ap_farewell(&w.ap, IEEE80211_DEAUTHENTICATION, reasons[i], false);
		run(&w, w.now_us + 3000000);
		assert_int_equal(w.over, 0);
		assert_int_equal(w.ups, 1);
		both_ways(&w);
		close_world(&w);
	}
}

/* One line for each change of state, with the reason; the 4-way handshake beside it. No key is in them. */
static void the_log_tells_how_it_joined(void **state)
{
	struct voice v;
	struct world w;

	(void)state;
	open_world_heard(&w, SECURE | UNKNOWN, 1, voice_open(&v, LOG_DEBUG));
	run(&w, w.now_us + 300000);
	assert_int_equal(w.ups, 1);
	assert_string_equal(voice_text(&v), "sta: new -> probing (is it there, and what does it demand)\n"
					    "sta: probing -> authenticating (its probe response says what it demands)\n"
					    "sta: authenticating -> associating (authenticated)\n"
					    "sta: associating -> handshaking (associated, aid 5)\n"
					    "wpa: M1 -> M2 (replay counter 1, M1s of this association: 1)\n"
					    "wpa: M3 -> M4 (replay counter 2, keys agreed, group key 1)\n"
					    "sta: handshaking -> authorized (M3 is true)\n");
	close_world(&w);
	voice_close(&v);
}

static void the_log_tells_why_it_did_not_join(void **state)
{
	struct voice v;
	struct world w;

	(void)state;
	open_world_heard(&w, SECURE, 1, voice_open(&v, LOG_INFO));
	w.ap.pmk[0] = 8;
	run(&w, w.now_us + 10000000);
	assert_string_equal(voice_text(&v), "sta: handshaking -> passphrase-refused (deauthentication, reason 2, prior "
					    "authentication not valid, after it had our M2)\n");
	close_world(&w);
	voice_close(&v);

	open_world_heard(&w, OPEN, 1, voice_open(&v, LOG_DEBUG));
	w.ap.association_status = 17;
	w.ap.comeback_tu = 0;
	run(&w, w.now_us + 60000000);
	assert_int_equal(w.over, -MR_CAUSE_ASSOCIATION_REFUSED);
	assert_true(voice_says(&v, "sta: associating: refused for 1000 ms (status 17, too many STAs)\n"));
	assert_true(voice_says(&v, "sta: associating -> association-refused (status 17, too many STAs)\n"));
	close_world(&w);
	voice_close(&v);

	open_world_heard(&w, SECURE, 1, voice_open(&v, LOG_DEBUG));
	run(&w, w.now_us + 300000);
	for (int i = 0; i < 5 && w.over == 0; i++) {
		ap_farewell(&w.ap, IEEE80211_DEAUTHENTICATION, IEEE80211_NOT_ASSOCIATED, false);
		run(&w, w.now_us + 300000);
	}
	assert_int_equal(w.over, -MR_CAUSE_LINK_LOST);
	assert_true(voice_says(&v, "sta: authorized -> authenticating (deauthentication, reason 7, class 3 frame from "
				   "a STA that is not associated)\n"));
	assert_true(voice_says(&v, "sta: authorized -> link-lost (deauthentication, reason 7, class 3 frame from a STA "
				   "that is not associated, 4 times without having been of use)\n"));
	close_world(&w);
	voice_close(&v);
}

static void no_m1_is_a_handshake_timeout(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, SECURE, 1);
	w.ap.no_eapol = true;
	run(&w, w.now_us + 60000000);
	assert_int_equal(w.over, -MR_CAUSE_HANDSHAKE_TIMEOUT);
	assert_true(w.ap.associations > 1 && w.ups == 0); /* it has tried from the beginning, too */
	close_world(&w);
}

static void silence_ends_it_after_patience(void **state)
{
	struct world w;

	(void)state;
	for (int deaf = 0; deaf < 2; deaf++) {
		uint64_t begun_us;

		open_world(&w, OPEN, 1);
		begun_us = w.now_us;
		w.ap.silent = true;
		w.ap.deaf = deaf;
		run(&w, w.now_us + 60000000);
		assert_int_equal(w.over, -MR_CAUSE_NO_ANSWER);
		assert_in_range(w.now_us - begun_us, 19000000, 23000000);
		close_world(&w);
	}
}

static void a_device_that_vanishes_is_lost_after_patience(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, SECURE, 1);
	run(&w, w.now_us + 300000);
	both_ways(&w);
	w.ap.deaf = true;
	for (int i = 0; i < 300 && w.over == 0; i++) {
		(void)sta_send(w.sta, NULL, 0x0800, "?", 1);
		run(&w, w.now_us + 200000);
	}
	assert_int_equal(w.over, -MR_CAUSE_LINK_LOST);
	close_world(&w);
}

static void the_queue_is_bounded_and_waits_for_the_link(void **state)
{
	uint8_t bytes[STA_MSDU_MAX + 1] = { 0 };
	struct world w;
	size_t before;

	(void)state;
	open_world(&w, SECURE, 1);
	before = sta_memory(w.sta);
	assert_int_equal(sta_send(w.sta, NULL, 0x0800, bytes, sizeof(bytes)), -MR_CAUSE_TOO_LONG);
	for (int i = 0; i < STA_QUEUE_MAX; i++)
		assert_int_equal(sta_send(w.sta, NULL, 0x0800, bytes, STA_MSDU_MAX), 0);
	assert_int_equal(sta_send(w.sta, NULL, 0x0800, bytes, 1), -MR_CAUSE_NO_MEMORY);
	assert_true(sta_memory(w.sta) > before + STA_QUEUE_MAX * STA_MSDU_MAX);
	run(&w, w.now_us + 1000000);
	assert_int_equal(w.ap.msdus, STA_QUEUE_MAX);
	assert_int_equal(sta_queued(w.sta), 0);
	assert_int_equal(sta_memory(w.sta), before);
	close_world(&w);
}

/* Up, and nothing to be said. */
static void bring_up(struct world *w, unsigned how)
{
	open_world(w, how, 1);
	run(w, w->now_us + 300000);
	assert_int_equal(w->ups, 1);
	both_ways(w);
	run(w, w->now_us + 100000);
}

static void what_goes_again_has_the_same_octets(void **state)
{
	uint8_t first[RADIO_FRAME_MAX], again[RADIO_FRAME_MAX], what;
	struct world w;
	size_t len;

	(void)state;
	bring_up(&w, SECURE);
	assert_int_equal(sta_send(w.sta, NULL, 0x0800, "x", 1), 0);
	len = sta_pull(w.sta, first, false, &what, w.now_us);
	assert_true(len > 0);
	assert_int_equal(sta_pull(w.sta, again, false, &what, w.now_us), 0); /* one at a time */
	sta_sent(w.sta, (uint8_t)(what + 1), true, 1, w.now_us);	     /* a report about something else */
	assert_int_equal(sta_queued(w.sta), 1);
	sta_sent(w.sta, what, false, 0, w.now_us); /* it did not even go out */
	assert_false(sta_ready(w.sta));
	w.now_us = sta_deadline_us(w.sta);
	assert_int_equal(sta_expire(w.sta, w.now_us), STA_NOTHING);
	assert_int_equal(sta_pull(w.sta, again, false, &what, w.now_us), len);
	assert_memory_equal(again, first, len);
	sta_sent(w.sta, what, false, 4, w.now_us);
	w.now_us = sta_deadline_us(w.sta);
	assert_int_equal(sta_pull(w.sta, again, false, &what, w.now_us), len);
	assert_int_equal(again[1], first[1] | IEEE80211_RETRY);
	again[1] = first[1];
	assert_memory_equal(again, first, len);
	sta_sent(w.sta, what, true, 1, w.now_us);
	assert_int_equal(sta_queued(w.sta), 0);
	close_world(&w);
}

static void data_that_does_not_get_through_is_given_up(void **state)
{
	struct world w;

	(void)state;
	bring_up(&w, OPEN);
	w.ap.deaf = true;
	assert_int_equal(sta_send(w.sta, NULL, 0x0800, "x", 1), 0);
	run(&w, w.now_us + 3000000);
	assert_int_equal(sta_queued(w.sta), 0);
	assert_int_equal(sta_counts(w.sta)->lost, 1);
	assert_int_equal(w.over, 0);
	w.ap.deaf = false;
	both_ways(&w);
	close_world(&w);
}

static void thrown_out_it_comes_back(void **state)
{
	struct world w;

	(void)state;
	for (int secure = 0; secure < 2; secure++) {
		bring_up(&w, secure ? SECURE : OPEN);
		ap_farewell(&w.ap, secure ? IEEE80211_DISASSOCIATION : IEEE80211_DEAUTHENTICATION, IEEE80211_INACTIVE,
			    false);
		ap_forget(&w.ap);
		run(&w, w.now_us + 1000000);
		assert_true(w.downs == 1 && w.ups == 2);
		assert_int_equal(w.reason, IEEE80211_INACTIVE);
		both_ways(&w);
		ap_forget(&w.ap); /* it restarts, and says nothing until it is asked */
		assert_int_equal(sta_send(w.sta, NULL, 0x0800, "x", 1), 0);
		run(&w, w.now_us + 1000000);
		assert_true(w.downs == 2 && w.ups == 3);
		both_ways(&w);
		close_world(&w);
	}
}

static void thrown_out_again_and_again_it_is_lost(void **state)
{
	struct world w;

	(void)state;
	bring_up(&w, OPEN);
	for (int i = 0; i < 10 && w.over == 0; i++) {
		ap_farewell(&w.ap, IEEE80211_DEAUTHENTICATION, IEEE80211_UNSPECIFIED, false);
		run(&w, w.now_us + 1000000);
	}
	assert_int_equal(w.over, -MR_CAUSE_LINK_LOST);
	assert_int_equal(w.downs, 3);
	close_world(&w);
}

static void farewells_of_others_do_not_count(void **state)
{
	struct world w;
	size_t len;

	(void)state;
	bring_up(&w, OPEN);
	ap_farewell(&w.ap, IEEE80211_DEAUTHENTICATION, IEEE80211_UNSPECIFIED, false);
	len = w.ap.out[0].len;
	for (size_t at = 4; at < 22; at++) { /* to another, from another, of another BSS */
		w.ap.out[0].bytes[at] ^= 0x10;
		hear(&w, w.ap.out[0].bytes, len);
		w.ap.out[0].bytes[at] ^= 0x10;
	}
	assert_true(sta_up(w.sta));
	for (size_t cut = 0; cut < len; cut++)
		hear(&w, w.ap.out[0].bytes, cut);
	assert_true(sta_up(w.sta));
	hear(&w, w.ap.out[0].bytes, len);
	assert_false(sta_up(w.sta));
	close_world(&w);
}

/*
 * A slow access point has our first association request in its queue when the second one comes. It answers the first,
 * agrees on keys, then answers the second and throws the keys away.
 */
static void an_answer_to_a_request_given_up_begins_the_handshake_again(void **state)
{
	static struct air_frame kept[AIR_FRAMES];
	uint8_t first[RADIO_FRAME_MAX], second[RADIO_FRAME_MAX], what;
	struct world w;
	size_t first_len, second_len;

	(void)state;
	open_world(&w, SECURE, 1);
	while (sta_state(w.sta) != STA_ASSOCIATING) {
		sta_to_air(&w);
		ap_to_air(&w);
	}
	first_len = sta_pull(w.sta, first, false, &what, w.now_us);
	assert_int_equal(first[0], IEEE80211_ASSOCIATION_REQUEST);
	sta_sent(w.sta, what, true, 1, w.now_us);
	w.now_us = sta_deadline_us(w.sta);
	assert_int_equal(sta_expire(w.sta, w.now_us), STA_NOTHING);
	second_len = sta_pull(w.sta, second, false, &what, w.now_us);
	assert_int_equal(second[0], IEEE80211_ASSOCIATION_REQUEST);
	sta_sent(w.sta, what, true, 1, w.now_us);
	ap_receive(&w.ap, first, first_len, w.now_us);
	run(&w, w.now_us + 200000);
	assert_int_equal(w.ups, 1);
	both_ways(&w);
	ap_receive(&w.ap, second, second_len, w.now_us);
	memcpy(kept, w.ap.out, sizeof(kept));
	run(&w, w.now_us + 500000);
	assert_true(w.downs == 1 && w.ups == 2);
	both_ways(&w);
	hear(&w, kept[0].bytes, kept[0].len); /* once more is once too often: there was no third request */
	assert_true(sta_up(w.sta));
	close_world(&w);
}

/* The same, with the answer to M1 under way, or missed and to go again: it is of the handshake that is thrown away. */
static void an_answer_under_way_does_not_outlive_its_handshake(void **state)
{
	uint8_t first[RADIO_FRAME_MAX], second[RADIO_FRAME_MAX], m2[RADIO_FRAME_MAX], what;
	size_t first_len, second_len;
	struct world w;

	(void)state;
	for (int missed = 0; missed < 2; missed++) {
		open_world(&w, SECURE, 1);
		while (sta_state(w.sta) != STA_ASSOCIATING) {
			sta_to_air(&w);
			ap_to_air(&w);
		}
		first_len = sta_pull(w.sta, first, false, &what, w.now_us);
		sta_sent(w.sta, what, true, 1, w.now_us);
		w.now_us = sta_deadline_us(w.sta);
		assert_int_equal(sta_expire(w.sta, w.now_us), STA_NOTHING);
		second_len = sta_pull(w.sta, second, false, &what, w.now_us);
		sta_sent(w.sta, what, true, 1, w.now_us);
		ap_receive(&w.ap, first, first_len, w.now_us);
		while (!sta_ready(w.sta))
			ap_to_air(&w);
		assert_true(sta_pull(w.sta, m2, false, &what, w.now_us) > 0);
		assert_int_equal(m2[0], IEEE80211_DATA);
		if (missed)
			sta_sent(w.sta, what, false, 8, w.now_us);
		ap_receive(&w.ap, second, second_len, w.now_us);
		for (size_t i = 0; i < AIR_FRAMES; i++) /* the association response alone */
			if (w.ap.out[i].len > 0 && w.ap.out[i].bytes[0] == IEEE80211_ASSOCIATION_RESPONSE)
				hear(&w, w.ap.out[i].bytes, w.ap.out[i].len);
		w.now_us += 50000;
		assert_int_equal(sta_pull(w.sta, m2, false, &what, w.now_us), 0);
		run(&w, w.now_us + 1000000);
		assert_true(sta_up(w.sta));
		both_ways(&w);
		close_world(&w);
	}
}

static void refusals_are_told_apart(void **state)
{
	static const struct {
		uint16_t authentication, association, comeback_tu;
		int over;
	} cases[] = {
		{ IEEE80211_REFUSED, 0, 0, -MR_CAUSE_ASSOCIATION_REFUSED },
		{ IEEE80211_UNKNOWN_ALGORITHM, 0, 0, -MR_CAUSE_UNSUPPORTED },
		{ 0, IEEE80211_REFUSED, 0, -MR_CAUSE_ASSOCIATION_REFUSED },
		{ 0, IEEE80211_TOO_MANY_STAS, 0, 0 },
		{ 0, IEEE80211_TRY_AGAIN_LATER, 500, 0 },
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_world(&w, OPEN, 1);
		w.ap.authentication_status = cases[i].authentication;
		w.ap.association_status = cases[i].association;
		w.ap.comeback_tu = cases[i].comeback_tu;
		run(&w, w.now_us + 400000);
		assert_int_equal(w.over, cases[i].over);
		if (cases[i].over == 0) { /* it has room later */
			assert_int_equal(w.ap.associations, 1);
			w.ap.association_status = 0;
			run(&w, w.now_us + 1000000);
			assert_int_equal(w.ups, 1);
		}
		close_world(&w);
	}
	open_world(&w, OPEN, 1); /* and one that never has */
	w.ap.association_status = IEEE80211_TOO_MANY_STAS;
	run(&w, w.now_us + 60000000);
	assert_int_equal(w.over, -MR_CAUSE_ASSOCIATION_REFUSED);
	assert_true(w.ap.associations > 5);
	close_world(&w);
}

static void what_we_do_not_speak_is_said_at_once(void **state)
{
	static const char *const said[] = { "demand what we do not speak", "we do not speak: TKIP",
					    "we do not speak: unknown", "we do not speak: BIP-GMAC" };
	struct world w;
	struct voice v;
	struct ieee80211_rsn rsn;

	(void)state;
	for (int how = 0; how < 4; how++) {
		open_world_heard(&w, SECURE, 1, voice_open(&v, LOG_INFO));
		rsn = ap_rsn(&w.ap);
		rsn.akm = how == 0 ? IEEE80211_BIT(IEEE80211_AKM_SAE) : rsn.akm;
		rsn.pairwise = how == 1 ? IEEE80211_BIT(IEEE80211_CIPHER_TKIP) : rsn.pairwise;
		rsn.group = how == 2 ? IEEE80211_CIPHER_UNKNOWN : rsn.group;
		if (how == 3) {
			rsn.capabilities = IEEE80211_MFPR | IEEE80211_MFPC;
			rsn.group_management = 11;
		}
		w.config.rsn = rsn;
		sta_destroy(w.sta);
		w.sta = sta_create(&w.config, w.now_us);
		run(&w, w.now_us + 100000);
		assert_int_equal(w.over, -MR_CAUSE_UNSUPPORTED);
		assert_int_equal(w.ap.authentications, 0);
		assert_non_null(strstr(voice_text(&v), said[how])); /* by the cipher's name */
		close_world(&w);
		voice_close(&v);
	}
	open_world(&w, SECURE | UNKNOWN, 1); /* a key is expected, the access point is open: no */
	w.ap.secure = false;
	run(&w, w.now_us + 1000000);
	assert_int_equal(w.over, -MR_CAUSE_UNSUPPORTED);
	close_world(&w);
}

static void parked_it_is_silent_and_the_access_point_knows(void **state)
{
	uint8_t frame[RADIO_FRAME_MAX], what;
	struct world w;

	(void)state;
	bring_up(&w, SECURE);
	assert_int_equal(sta_send(w.sta, NULL, 0x0800, "later", 5), 0);
	sta_park(w.sta, w.now_us);
	run(&w, w.now_us + 100000);
	assert_true(w.ap.sleeping && w.ap.nulls == 1);
	assert_false(sta_ready(w.sta) || sta_unsafe(w.sta, w.now_us));
	assert_int_equal(sta_queued(w.sta), 1);
	assert_true(sta_deadline_us(w.sta) == UINT64_MAX);
	assert_int_equal(sta_pull(w.sta, frame, false, &what, w.now_us + 60000000), 0);
	w.now_us += 60000000;
	sta_resume(w.sta, w.now_us);
	run(&w, w.now_us + 100000);
	assert_false(w.ap.sleeping);
	assert_int_equal(w.ap.nulls, 2);
	assert_int_equal(sta_queued(w.sta), 0);
	assert_int_equal(w.over, 0);
	both_ways(&w);
	close_world(&w);
}

/* `hold`: management may go, data waits, and nothing is lost. */
static void a_radio_about_to_leave_gets_no_data(void **state)
{
	uint8_t frame[RADIO_FRAME_MAX], what;
	struct world w;

	(void)state;
	bring_up(&w, OPEN);
	assert_int_equal(sta_send(w.sta, NULL, 0x0800, "x", 1), 0);
	assert_int_equal(sta_pull(w.sta, frame, true, &what, w.now_us), 0);
	assert_true(sta_pull(w.sta, frame, false, &what, w.now_us) > 0);
	sta_resume(w.sta, w.now_us); /* the radio went away with it, and is back */
	sta_sent(w.sta, what, true, 1, w.now_us);
	assert_int_equal(sta_queued(w.sta), 1);
	run(&w, w.now_us + 100000);
	assert_int_equal(sta_queued(w.sta), 0);
	both_ways(&w);
	close_world(&w);
}

/* Nor does it hold a radio on his channel who does not answer; he is asked again when it is back. */
static void who_does_not_answer_holds_no_radio(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, SECURE, 1);
	w.ap.silent = true;
	run(&w, w.now_us + 250000);
	assert_true(sta_unsafe(w.sta, w.now_us));
	run(&w, w.now_us + 450000);
	assert_false(sta_unsafe(w.sta, w.now_us));
	sta_park(w.sta, w.now_us);
	w.now_us += 1000000;
	sta_resume(w.sta, w.now_us);
	assert_true(sta_unsafe(w.sta, w.now_us));
	w.ap.silent = false;
	run(&w, w.now_us + 500000);
	assert_int_equal(w.ups, 1);
	both_ways(&w);
	close_world(&w);
}

static void a_radio_that_was_away_costs_no_patience(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, SECURE, 1);
	w.ap.silent = true;
	run(&w, w.now_us + 250000);
	assert_true(sta_unsafe(w.sta, w.now_us));
	w.now_us += 3600000000u;
	sta_resume(w.sta, w.now_us);
	w.ap.silent = false;
	run(&w, w.now_us + 500000);
	assert_int_equal(w.ups, 1);
	close_world(&w);
}

static void it_says_goodbye(void **state)
{
	static const unsigned ways[] = { OPEN, SECURE, SECURE | PMF };
	struct world w;

	(void)state;
	for (int i = 0; i < 3; i++) {
		bring_up(&w, ways[i]);
		assert_int_equal(sta_send(w.sta, NULL, 0x0800, "never", 5), 0);
		sta_leave(w.sta, w.now_us);
		w.ap.deaf = i == 2;
		run(&w, w.now_us + 1000000);
		assert_int_equal(w.ap.leaves, i == 2 ? 0 : 1);
		assert_false(sta_ready(w.sta));
		assert_true(sta_deadline_us(w.sta) == UINT64_MAX);
		close_world(&w);
	}
	open_world(&w, OPEN, 1);
	sta_leave(w.sta, w.now_us);
	assert_false(sta_ready(w.sta)); /* nobody to take leave of */
	close_world(&w);
}

static void silence_is_kept_alive_and_a_dead_device_found(void **state)
{
	struct world w;

	(void)state;
	bring_up(&w, SECURE);
	run(&w, w.now_us + 100000000);
	assert_int_equal(w.ap.nulls, 3);
	w.ap.deaf = true;
	run(&w, w.now_us + 100000000);
	assert_int_equal(w.over, -MR_CAUSE_LINK_LOST);
	close_world(&w);
}

/* --- IBSS --- */

static void ibss_hear(struct world *w, uint8_t kind, const uint8_t *to, const uint8_t *bssid)
{
	struct ieee80211_header h = { .kind = kind, .address2 = { 2, 0, 0, 0, 7, 7 } };
	struct ieee80211_beacon b = { .interval_tu = 100, .capability = IEEE80211_IBSS };
	uint8_t frame[256];
	struct mr_wr f = mr_wr_over(frame, sizeof(frame));

	memcpy(h.address1, to, 6);
	memcpy(h.address3, bssid, 6);
	ieee80211_header_build(&f, &h);
	if (kind == IEEE80211_DATA) {
		ieee80211_put_snap(&f, 0x0800);
		mr_wr_bytes(&f, "hello", 5);
	} else {
		ieee80211_beacon_build(&f, &b);
		ieee80211_put_ssid(&f, w->config.ssid, w->config.ssid_len);
	}
	hear(w, frame, f.len);
}

/* A beacon may say RSN without Privacy, in an ad-hoc network of the awaited name: nobody has keys there. */
static void an_ibss_is_not_joined_where_a_key_was_expected(void **state)
{
	static const uint8_t peer[6] = { 2, 0, 0, 0, 7, 7 }, all[6] = { 255, 255, 255, 255, 255, 255 };
	struct eapol_key key = { .protocol = 2, .info = EAPOL_HMAC_SHA1 | EAPOL_PAIRWISE | EAPOL_ACK, .replay = 1 };
	struct ieee80211_header h = { .kind = IEEE80211_DATA };
	uint8_t frame[256], pdu[EAPOL_MAX];
	struct mr_wr m1 = mr_wr_over(pdu, sizeof(pdu)), f = mr_wr_over(frame, sizeof(frame));
	struct world w;

	(void)state;
	open_world(&w, SECURE, 1);
	sta_destroy(w.sta);
	w.config.ibss = true;
	memcpy(w.config.peer, peer, 6);
	w.sta = sta_create(&w.config, w.now_us);
	ibss_hear(&w, IEEE80211_BEACON, all, w.config.bssid);
	memcpy(h.address1, w.config.own, 6);
	memcpy(h.address2, peer, 6);
	memcpy(h.address3, w.config.bssid, 6);
	ieee80211_header_build(&f, &h);
	ieee80211_put_snap(&f, EAPOL_ETHERTYPE);
	eapol_key_build(&m1, &key);
	mr_wr_bytes(&f, pdu, m1.len);
	hear(&w, frame, f.len);
	assert_int_equal(w.ups, 0);
	assert_true(sta_deadline_us(w.sta) <= w.now_us);
	assert_int_equal(sta_expire(w.sta, w.now_us), -MR_CAUSE_UNSUPPORTED);
	close_world(&w);
}

static void an_ibss_is_joined_by_its_beacon(void **state)
{
	static const uint8_t peer[6] = { 2, 0, 0, 0, 7, 7 }, merged[6] = { 0x62, 1, 2, 3, 4, 5 },
			     all[6] = { 255, 255, 255, 255, 255, 255 };
	uint8_t frame[RADIO_FRAME_MAX], what, again[6];
	struct ieee80211_header h;
	struct mr_rd in;
	struct world w;
	size_t len;

	(void)state;
	open_world(&w, OPEN, 1);
	sta_destroy(w.sta);
	w.config.ibss = true;
	memcpy(w.config.peer, peer, 6);
	w.sta = sta_create(&w.config, w.now_us);
	len = sta_pull(w.sta, frame, false, &what, w.now_us);
	in = mr_rd_over(frame, len);
	assert_true(ieee80211_header_parse(&in, &h) && h.kind == IEEE80211_PROBE_REQUEST &&
		    ieee80211_is_group(h.address1));
	sta_sent(w.sta, what, false, 1, w.now_us);
	ibss_hear(&w, IEEE80211_DATA, w.config.own, w.config.bssid);
	assert_int_equal(w.msdus, 0);
	ibss_hear(&w, IEEE80211_BEACON, all,
		  merged); /* the device has merged with another IBSS: its BSSID is that one's */
	assert_int_equal(w.ups, 1);
	assert_int_equal(sta_send(w.sta, NULL, 0x0800, "x", 1), 0);
	len = sta_pull(w.sta, frame, false, &what, w.now_us);
	in = mr_rd_over(frame, len);
	assert_true(ieee80211_header_parse(&in, &h) && h.kind == IEEE80211_DATA && h.flags == 0);
	assert_memory_equal(h.address1, peer, 6);
	assert_memory_equal(h.address2, w.config.own, 6);
	assert_memory_equal(h.address3, merged, 6);
	sta_sent(w.sta, what, true, 1, w.now_us);
	assert_int_equal(sta_send(w.sta, all, 0x0806, "who", 3), 0);
	len = sta_pull(w.sta, frame, false, &what, w.now_us);
	assert_memory_equal(frame + 4, all, 6);
	sta_sent(w.sta, what, false, 1, w.now_us); /* nobody acknowledges that */
	assert_int_equal(sta_queued(w.sta), 0);
	ibss_hear(&w, IEEE80211_DATA, w.config.own, w.config.bssid); /* of the IBSS before */
	assert_int_equal(w.msdus, 0);
	ibss_hear(&w, IEEE80211_DATA, w.config.own, merged);
	ibss_hear(&w, IEEE80211_DATA, all, merged);
	assert_int_equal(w.msdus, 2);
	assert_memory_equal(w.src, peer, 6);
	memcpy(again, merged, 6);
	again[5]++;
	ibss_hear(&w, IEEE80211_BEACON, all, again); /* it looked around, and made its network anew */
	assert_int_equal(w.ups, 1);
	ibss_hear(&w, IEEE80211_DATA, w.config.own, merged);
	assert_int_equal(w.msdus, 2);
	ibss_hear(&w, IEEE80211_DATA, w.config.own, again);
	assert_int_equal(w.msdus, 3);
	assert_int_equal(sta_send(w.sta, NULL, 0x0800, "y", 1), 0);
	len = sta_pull(w.sta, frame, false, &what, w.now_us);
	assert_true(len > 0);
	assert_memory_equal(frame + 16, again, 6);
	sta_sent(w.sta, what, true, 1, w.now_us);
	ap_farewell(&w.ap, IEEE80211_DEAUTHENTICATION, 3, false);
	sta_park(w.sta, w.now_us);
	assert_false(sta_ready(w.sta)); /* nobody keeps frames for us */
	sta_leave(w.sta, w.now_us);
	assert_false(sta_ready(w.sta));
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_joins_and_data_goes_both_ways),
		cmocka_unit_test(it_joins_and_moves_data_through_loss),
		cmocka_unit_test(a_wrong_passphrase_is_seen),
		cmocka_unit_test(the_log_tells_how_it_joined),
		cmocka_unit_test(the_log_tells_why_it_did_not_join),
		cmocka_unit_test(no_m1_is_a_handshake_timeout),
		cmocka_unit_test(silence_ends_it_after_patience),
		cmocka_unit_test(a_device_that_vanishes_is_lost_after_patience),
		cmocka_unit_test(the_queue_is_bounded_and_waits_for_the_link),
		cmocka_unit_test(what_goes_again_has_the_same_octets),
		cmocka_unit_test(data_that_does_not_get_through_is_given_up),
		cmocka_unit_test(thrown_out_it_comes_back),
		cmocka_unit_test(thrown_out_again_and_again_it_is_lost),
		cmocka_unit_test(farewells_of_others_do_not_count),
		cmocka_unit_test(an_answer_to_a_request_given_up_begins_the_handshake_again),
		cmocka_unit_test(an_answer_under_way_does_not_outlive_its_handshake),
		cmocka_unit_test(refusals_are_told_apart),
		cmocka_unit_test(one_forged_farewell_after_m2_ends_nothing),
		cmocka_unit_test(what_we_do_not_speak_is_said_at_once),
		cmocka_unit_test(parked_it_is_silent_and_the_access_point_knows),
		cmocka_unit_test(a_radio_about_to_leave_gets_no_data),
		cmocka_unit_test(who_does_not_answer_holds_no_radio),
		cmocka_unit_test(a_radio_that_was_away_costs_no_patience),
		cmocka_unit_test(it_says_goodbye),
		cmocka_unit_test(silence_is_kept_alive_and_a_dead_device_found),
		cmocka_unit_test(an_ibss_is_joined_by_its_beacon),
		cmocka_unit_test(an_ibss_is_not_joined_where_a_key_was_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
