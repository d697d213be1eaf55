/*
 * 802.11 frames: what hostapd and wpa_supplicant sent, read and built again; each cut; elements, RSN and TIM as the
 * clauses have them; networks of every kind of security.
 *
 * links: station/wifi/ieee80211.c agent/wire/channel.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "station/wifi/ieee80211.h"
#include "tests/unit/captured.h"
#include "tests/unit/hex.h"

static const struct radio_rx rx = { .freq_mhz = 2442, .rssi_dbm = -48, .time_us = 77 };
static const uint8_t oui_wsc[3] = { 0x00, 0x50, 0xf2 };

static const char *const captures[] = {
	captured_beacon,	   captured_beacon_pin,		 captured_authentication_1,
	captured_authentication_2, captured_association_request, captured_association_response,
	captured_deauthentication
};
#define CAPTURES (sizeof(captures) / sizeof(captures[0]))

static void headers_read_as_they_are_written(void **state)
{
	uint8_t frame[512], again[512];
	struct ieee80211_header h;

	(void)state;
	for (size_t i = 0; i < CAPTURES; i++) {
		size_t len = hex(captures[i], frame, sizeof(frame));
		struct mr_rd in = mr_rd_over(frame, len);
		struct mr_wr w = mr_wr_over(again, sizeof(again));

		assert_true(ieee80211_header_parse(&in, &h));
		assert_int_equal(in.left, len - 24);
		ieee80211_header_build(&w, &h);
		assert_int_equal(w.len, 24);
		assert_memory_equal(again, frame, 24);
		for (size_t cut = 0; cut < 24; cut++) {
			in = mr_rd_over(frame, cut);
			assert_false(ieee80211_header_parse(&in, &h));
		}
	}
}

static void every_kind_of_header_has_its_length(void **state)
{
	static const struct {
		uint8_t kind, flags;
		size_t len;
	} kinds[] = {
		{ IEEE80211_DATA, 0, 24 },
		{ IEEE80211_DATA, IEEE80211_TO_DS, 24 },
		{ IEEE80211_QOS_DATA, IEEE80211_FROM_DS, 26 },
		{ IEEE80211_DATA, IEEE80211_TO_DS | IEEE80211_FROM_DS, 30 },
		{ IEEE80211_QOS_DATA, IEEE80211_TO_DS | IEEE80211_FROM_DS, 32 },
		{ IEEE80211_QOS_DATA, IEEE80211_TO_DS | IEEE80211_ORDER, 30 },
		{ IEEE80211_DATA, IEEE80211_ORDER, 24 },
		{ IEEE80211_ACTION, IEEE80211_ORDER, 28 },
		{ IEEE80211_ACTION, IEEE80211_TO_DS | IEEE80211_FROM_DS, 24 },
		{ IEEE80211_PS_POLL, 0, 16 },
	};
	uint8_t frame[40];
	struct ieee80211_header h = { .duration = 0xc005,
				      .address1 = { 1 },
				      .address2 = { 2 },
				      .address3 = { 3 },
				      .address4 = { 4 },
				      .sequence = 4095,
				      .fragment = 15,
				      .qos = 7 },
				out;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct mr_wr w = mr_wr_over(frame, sizeof(frame));
		struct mr_rd in;

		h.kind = kinds[i].kind;
		h.flags = kinds[i].flags;
		ieee80211_header_build(&w, &h);
		assert_int_equal(w.len, kinds[i].len);
		in = mr_wr_written(&w);
		assert_true(ieee80211_header_parse(&in, &out));
		assert_int_equal(in.left, 0);
		assert_int_equal(out.duration, h.duration);
		for (size_t cut = 0; cut < w.len; cut++) {
			in = mr_rd_over(frame, cut);
			assert_false(ieee80211_header_parse(&in, &out));
		}
	}
	frame[0] = 0x09; /* version 1 */
	assert_false(ieee80211_header_parse(&(struct mr_rd){ frame, 32, false }, &out));
	frame[0] = 0xd4; /* ACK */
	assert_false(ieee80211_header_parse(&(struct mr_rd){ frame, 32, false }, &out));
	frame[0] = 0x0c; /* extension */
	assert_false(ieee80211_header_parse(&(struct mr_rd){ frame, 32, false }, &out));
}

static void addresses_mean_what_the_ds_bits_say(void **state)
{
	struct ieee80211_header h = {
		.kind = IEEE80211_DATA, .address1 = { 1 }, .address2 = { 2 }, .address3 = { 3 }, .address4 = { 4 }
	};

	(void)state;
	assert_true(ieee80211_da(&h)[0] == 1 && ieee80211_sa(&h)[0] == 2 && ieee80211_bssid(&h)[0] == 3);
	h.flags = IEEE80211_FROM_DS;
	assert_true(ieee80211_da(&h)[0] == 1 && ieee80211_bssid(&h)[0] == 2 && ieee80211_sa(&h)[0] == 3);
	h.flags = IEEE80211_TO_DS;
	assert_true(ieee80211_bssid(&h)[0] == 1 && ieee80211_sa(&h)[0] == 2 && ieee80211_da(&h)[0] == 3);
	h.flags = IEEE80211_TO_DS | IEEE80211_FROM_DS;
	assert_true(ieee80211_da(&h)[0] == 3 && ieee80211_sa(&h)[0] == 4 && !ieee80211_bssid(&h));
	h = (struct ieee80211_header){ .kind = IEEE80211_PS_POLL, .address1 = { 1 }, .address2 = { 2 } };
	assert_true(ieee80211_bssid(&h)[0] == 1 && ieee80211_sa(&h)[0] == 2 && !ieee80211_da(&h));
}

static void a_captured_beacon_is_a_network(void **state)
{
	uint8_t frame[512];
	size_t len = hex(captured_beacon_pin, frame, sizeof(frame));
	struct ieee80211_network n;

	(void)state;
	assert_true(ieee80211_network_of(mr_rd_over(frame, len), &rx, &n));
	assert_int_equal(n.ssid_len, 12);
	assert_memory_equal(n.ssid, "FactorySetup", 12);
	assert_int_equal(n.freq_mhz, 2437); /* by its DS parameter; heard beside it */
	assert_int_equal(n.interval_tu, 100);
	assert_int_equal(n.security, IEEE80211_WPA2_PSK);
	assert_true(n.privacy && n.wsc && !n.hidden && !n.ibss && !n.wpa && !n.pmf_capable);
	assert_int_equal(n.rsn.akm, IEEE80211_BIT(IEEE80211_AKM_PSK));
	assert_int_equal(n.rsn.group, IEEE80211_CIPHER_CCMP);
	assert_true(n.rssi_dbm == -48 && n.heard_us == 77);
}

static void a_beacon_cut_inside_an_element_is_what_came_before(void **state)
{
	uint8_t frame[512];
	size_t len = hex(captured_beacon_pin, frame, sizeof(frame)), whole = 0;
	struct ieee80211_network n;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		assert_int_equal(ieee80211_network_of(mr_rd_over(frame, cut), &rx, &n), cut >= 36);
		whole += cut >= 36 && n.odd == 0;
		assert_true(cut < 36 || (n.odd <= 2 && n.security != IEEE80211_OPEN));
	}
	assert_int_equal(whole, 10); /* no element at all, or up to one of the others */
	for (size_t i = 0; i < CAPTURES; i++) {
		size_t other = hex(captures[i], frame, sizeof(frame));

		assert_int_equal(ieee80211_network_of(mr_rd_over(frame, other), &rx, &n), i < 2);
	}
}

static void captured_bodies_read_as_they_are_written(void **state)
{
	uint8_t frame[512], again[512];
	struct ieee80211_header h;
	struct ieee80211_beacon b;
	struct ieee80211_authentication a;
	struct ieee80211_association_request q;
	struct ieee80211_association_response r;
	struct ieee80211_elements e;
	uint16_t reason;

	(void)state;
	for (size_t i = 0; i < CAPTURES; i++) {
		size_t len = hex(captures[i], frame, sizeof(frame));
		struct mr_rd body = mr_rd_over(frame, len);
		struct mr_wr w = mr_wr_over(again, sizeof(again));
		bool parsed = ieee80211_header_parse(&body, &h);

		switch (h.kind) {
		case IEEE80211_BEACON:
			parsed = parsed && ieee80211_beacon_parse(body, &b);
			ieee80211_beacon_build(&w, &b);
			assert_false(ieee80211_beacon_parse(mr_rd_over(body.at, 11), &b));
			break;
		case IEEE80211_AUTHENTICATION:
			parsed = parsed && ieee80211_authentication_parse(body, &a);
			ieee80211_authentication_build(&w, &a);
			assert_int_equal(a.transaction, i - 1);
			assert_false(ieee80211_authentication_parse(mr_rd_over(body.at, 5), &a));
			break;
		case IEEE80211_ASSOCIATION_REQUEST:
			parsed = parsed && ieee80211_association_request_parse(body, false, &q);
			ieee80211_association_request_build(&w, &q);
			assert_true(ieee80211_elements_parse(q.elements, &e) && e.rsn.left == 20 && e.rates.left == 8);
			assert_false(ieee80211_association_request_parse(mr_rd_over(body.at, 3), false, &q));
			assert_false(ieee80211_association_request_parse(mr_rd_over(body.at, 9), true, &q));
			break;
		case IEEE80211_ASSOCIATION_RESPONSE:
			parsed = parsed && ieee80211_association_response_parse(body, &r);
			ieee80211_association_response_build(&w, &r);
			assert_int_equal(r.aid, 1);
			assert_false(ieee80211_association_response_parse(mr_rd_over(body.at, 5), &r));
			break;
		default:
			parsed = parsed && ieee80211_reason_parse(body, &reason);
			assert_int_equal(reason, IEEE80211_8021X_FAILED);
			mr_wr_le16(&w, reason);
			assert_false(ieee80211_reason_parse(mr_rd_over(body.at, 1), &reason));
		}
		assert_true(parsed);
		assert_int_equal(w.len, body.left);
		assert_memory_equal(again, body.at, w.len);
	}
}

static void an_element_of_impossible_length_is_odd(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "", true },
		{ "00", false },
		{ "0001", false },
		{ "000141", true },
		{ "0000", true },
		{ "00210102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021", false }, /* SSID of 33 */
		{ "030106", true },
		{ "0300", false },
		{ "03020607", false },
		{ "050100", true },
		{ "0500", false },
		{ "2a0100", true },
		{ "3800", false },
		{ "38050300010000", true },
		{ "3001 01", true }, /* an RSN is there: whether it can be read is asked of ieee80211_rsn_parse */
		{ "30020100", true },
		{ "dd00", true },
		{ "dd030050f2", true },
		{ "dd040050f201", true },
		{ "ff0101", true },
		{ "07ff00", false },
	};
	uint8_t bytes[64];
	struct ieee80211_elements e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = hex(cases[i].text, bytes, sizeof(bytes));

		if (ieee80211_elements_parse(mr_rd_over(bytes, len), &e) != cases[i].good)
			fail_msg("%s", cases[i].text);
	}
	assert_true(ieee80211_elements_parse(mr_rd_over("\0\1A\0\1B", 6), &e));
	assert_int_equal(e.ssid.at[0], 'A'); /* the first counts */
}

/* What is whole is used, whatever is odd beside it, and the odd is counted: a beacon with each of these tails. */
static void one_odd_element_hides_no_network(void **state)
{
	static const struct {
		const char *tail;
		unsigned odd;
	} tails[] = {
		{ "", 0 },
		{ "2a00", 1 },	 /* ERP without its octet */
		{ "380100", 1 }, /* a time-out interval of one octet */
		{ "dd180050f202", 1 },
		{ "2841414141414141", 1 }, /* longer than the frame */
		{ "07", 1 },
		{ "7a1c9bd4", 1 }, /* an FCS left on */
		{ "0021414141", 1 },
		{ "2a00380100030200", 3 },
		{ "3001ff", 0 }, /* a second RSN: the first counts */
	};
	static const char beacon[] = "80000000ffffffffffff02a1b2c3d40102a1b2c3d401100000000000000000006400110000094143"
				     "2d303030303031010482848b96030106";
	static const char rsn[] = "30140100000fac040100000fac040100000fac020000";
	struct ieee80211_network n;
	uint8_t frame[256];

	(void)state;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		size_t len = hex(beacon, frame, sizeof(frame));

		len += hex(rsn, frame + len, sizeof(frame) - len);
		len += hex(tails[i].tail, frame + len, sizeof(frame) - len);
		if (!ieee80211_network_of(mr_rd_over(frame, len), &rx, &n) || n.odd != tails[i].odd)
			fail_msg("%s: odd %u", tails[i].tail, n.odd);
		assert_true(n.ssid_len == 9 && memcmp(n.ssid, "AC-000001", 9) == 0);
		assert_int_equal(n.security, IEEE80211_WPA2_PSK);
	}
	for (size_t cut = 0; cut <= 20; cut++) { /* an RSN is never taken for none, however little of it is there */
		size_t len = hex(beacon, frame, sizeof(frame));
		size_t at = len;

		len += hex(rsn, frame + len, sizeof(frame) - len);
		frame[at + 1] = (uint8_t)cut;
		assert_true(ieee80211_network_of(mr_rd_over(frame, at + 2 + cut), &rx, &n));
		assert_true(n.security == IEEE80211_OTHER || n.security == IEEE80211_ENTERPRISE ||
			    n.security == IEEE80211_WPA2_PSK);
		assert_int_equal(n.security == IEEE80211_WPA2_PSK, cut >= 18);
	}
}

/* 9.4.2.18 and 9.4.2.52: where it goes, and when; one that is cut says nothing. */
static void a_channel_switch_is_read(void **state)
{
	static const struct {
		const char *tail;
		uint16_t mhz;
		uint8_t beacons;
	} rows[] = {
		{ "", 0, 0 },	       { "2503000b03", 2462, 3 }, { "3c040051 0600", 2437, 0 },
		{ "250200 0b", 0, 0 }, { "2503012401", 5180, 1 }, { "3c0300510b", 0, 0 },
	};
	static const char beacon[] = "80000000ffffffffffff02a1b2c3d40102a1b2c3d401100000000000000000006400110000094143"
				     "2d303030303031010482848b96030106";
	struct ieee80211_network n;
	uint8_t frame[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = hex(beacon, frame, sizeof(frame));

		len += hex(rows[i].tail, frame + len, sizeof(frame) - len);
		assert_true(ieee80211_network_of(mr_rd_over(frame, len), &rx, &n));
		assert_int_equal(n.switch_mhz, rows[i].mhz);
		assert_int_equal(n.switch_beacons, rows[i].beacons);
	}
}

/* 10.6: the fastest that both have and that the signal allows; never one that the BSS has not. */
static void a_rate_is_one_of_the_bss(void **state)
{
	static const uint8_t every[] = { 2, 4, 11, 12, 18, 22, 24, 36, 48, 72, 96, 108 };
	uint8_t bytes[64];
	struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
	const uint16_t b = ieee80211_rate_bit(2) | ieee80211_rate_bit(4) | ieee80211_rate_bit(0x8b) |
			   ieee80211_rate_bit(0x96);

	(void)state;
	assert_int_equal(ieee80211_rate_bit(0xff), 0); /* BSS membership selectors are none */
	assert_int_equal(ieee80211_rate_bit(0x82), ieee80211_rate_bit(2));
	assert_int_equal(ieee80211_rate_of(b, 48), 22);
	assert_int_equal(ieee80211_rate_of(b, 12), 11);
	assert_int_equal(ieee80211_rate_of(ieee80211_rate_bit(108), 12), 108); /* it has no slower one */
	assert_int_equal(ieee80211_rate_of(0, 48), 48);
	for (unsigned set = 1; set < 4096; set++)
		for (size_t i = 0; i < sizeof(every); i++)
			assert_true(ieee80211_rate_bit(ieee80211_rate_of((uint16_t)set, every[i])) & set);
	ieee80211_put_rates_of(&w, 2437, b);
	assert_int_equal(w.len, 6); /* Supported Rates of four; no Extended ones are left */
	assert_memory_equal(bytes, "\x01\x04\x82\x84\x8b\x96", 6);
}

static void vendor_elements_are_found_by_type(void **state)
{
	static const uint8_t elements[] = { 221,  5,   0, 0x50, 0xf2, 1,    9, 221, 3, 0,   0x50,
					    0xf2, 221, 6, 0,	0x50, 0xf2, 4, 7,   8, 221, 9 };
	struct mr_rd v = ieee80211_vendor(mr_rd_over(elements, sizeof(elements)), oui_wsc, 4);

	(void)state;
	assert_int_equal(v.left, 2);
	assert_int_equal(v.at[0], 7);
	assert_null(ieee80211_vendor(mr_rd_over(elements, sizeof(elements)), oui_wsc, 5).at);
	assert_null(ieee80211_vendor(mr_rd_over(elements, 14), oui_wsc, 4).at);
}

static void snap_headers_of_both_kinds_are_taken(void **state)
{
	uint8_t bytes[8];
	struct mr_wr w;
	struct mr_rd in;
	uint16_t ethertype;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		static const uint16_t types[] = { 0x0800, 0x8137, 0x888e };

		w = mr_wr_over(bytes, sizeof(bytes));
		ieee80211_put_snap(&w, types[i]);
		assert_int_equal(w.len, IEEE80211_SNAP_LEN);
		assert_int_equal(bytes[5], types[i] == 0x8137 ? 0xf8 : 0);
		in = mr_rd_over(bytes, 8);
		assert_true(ieee80211_snap_parse(&in, &ethertype));
		assert_int_equal(ethertype, types[i]);
		for (size_t cut = 0; cut < 8; cut++) {
			in = mr_rd_over(bytes, cut);
			assert_false(ieee80211_snap_parse(&in, &ethertype));
		}
	}
	bytes[2] = 4;
	in = mr_rd_over(bytes, 8);
	assert_false(ieee80211_snap_parse(&in, &ethertype));
}

static void a_tim_tells_who_has_something(void **state)
{
	uint8_t bitmap[251] = { 0 }, bytes[260];
	struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
	struct mr_rd tim;

	(void)state;
	ieee80211_put_tim(&w, 0, 3, false, NULL); /* nobody: one octet of zeros */
	assert_int_equal(w.len, 2 + 4);
	assert_memory_equal(bytes, "\x05\x04\x00\x03\x00\x00", 6);
	for (unsigned aid = 1; aid <= 2007; aid++) {
		memset(bitmap, 0, sizeof(bitmap));
		bitmap[aid / 8] = (uint8_t)(1 << aid % 8);
		w = mr_wr_over(bytes, sizeof(bytes));
		ieee80211_put_tim(&w, 1, 3, aid % 2, bitmap);
		assert_true(w.len <= 7);
		tim = mr_rd_over(bytes + 2, w.len - 2);
		assert_true(ieee80211_tim_has(tim, (uint16_t)aid));
		assert_false(ieee80211_tim_has(tim, (uint16_t)(aid + 1)) ||
			     (aid > 1 && ieee80211_tim_has(tim, (uint16_t)(aid - 1))));
		assert_int_equal(ieee80211_tim_has(tim, 0), aid % 2);
		for (size_t cut = 0; cut < tim.left; cut++)
			(void)ieee80211_tim_has(mr_rd_over(tim.at, cut), (uint16_t)aid);
	}
	bitmap[0] = 2;
	bitmap[250] = 0x40;
	w = mr_wr_over(bytes, sizeof(bytes));
	ieee80211_put_tim(&w, 1, 3, false, bitmap);
	tim = mr_rd_over(bytes + 2, w.len - 2);
	assert_true(w.len == 2 + 3 + 251 && ieee80211_tim_has(tim, 1) && ieee80211_tim_has(tim, 2006) &&
		    !ieee80211_tim_has(tim, 500));
	assert_false(ieee80211_tim_has(tim, 65535));
}

static void rsn_elements_read_as_they_are_written(void **state)
{
	struct ieee80211_rsn rsn = { .group = IEEE80211_CIPHER_TKIP,
				     .group_management = 11,
				     .pairwise = IEEE80211_BIT(IEEE80211_CIPHER_CCMP) |
						 IEEE80211_BIT(IEEE80211_CIPHER_TKIP),
				     .akm = IEEE80211_BIT(IEEE80211_AKM_PSK) | IEEE80211_BIT(IEEE80211_AKM_SAE),
				     .capabilities = IEEE80211_MFPC | IEEE80211_MFPR },
			     out;
	uint8_t bytes[64];
	struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
	unsigned good = 0;

	(void)state;
	ieee80211_put_rsn(&w, &rsn);
	assert_int_equal(w.len, 2 + bytes[1]);
	assert_true(ieee80211_rsn_parse(mr_rd_over(bytes + 2, bytes[1]), &out));
	assert_memory_equal(&out, &rsn, sizeof(rsn));
	for (uint8_t cut = 0; cut < bytes[1]; cut++)
		good += ieee80211_rsn_parse(mr_rd_over(bytes + 2, cut), &out);
	assert_int_equal(good, 11); /* each field but the version may be left out, from the end; behind the AKMs, cut */
	assert_true(ieee80211_rsn_parse(mr_rd_over(bytes + 2, 27), &out));
	assert_true(out.odd && out.capabilities == 0 && out.akm == rsn.akm && out.pairwise == rsn.pairwise);
	assert_true(ieee80211_rsn_parse(mr_rd_over("\x01\x00", 2), &out));
	assert_true(out.group == IEEE80211_CIPHER_CCMP && out.akm == IEEE80211_BIT(IEEE80211_AKM_8021X));
	assert_false(ieee80211_rsn_parse(mr_rd_over("\x02\x00", 2), &out));
	assert_false(ieee80211_rsn_parse(mr_rd_over("\x01\x00\x00\x0f\xac\x04\xff\xff\x00\x0f\xac\x04", 12), &out));
	assert_true(ieee80211_rsn_parse(mr_rd_over("\x01\x00\x00\x50\xf2\x02", 6), &out));
	assert_int_equal(out.group, IEEE80211_CIPHER_UNKNOWN);
}

/* A beacon of an RSN element (NULL: none), a WPA element or not, privacy or not. */
static enum ieee80211_security security(const struct ieee80211_rsn *rsn, bool wpa, uint16_t capability,
					struct ieee80211_network *n)
{
	static const uint8_t wpa_body[] = { 0x00, 0x50, 0xf2, 1, 1, 0, 0x00, 0x50, 0xf2, 2 };
	struct ieee80211_header h = { .kind = IEEE80211_BEACON };
	struct ieee80211_beacon b = { .interval_tu = 100, .capability = capability };
	uint8_t frame[256];
	struct mr_wr w = mr_wr_over(frame, sizeof(frame));

	ieee80211_header_build(&w, &h);
	ieee80211_beacon_build(&w, &b);
	ieee80211_put_ssid(&w, (const uint8_t *)"\0\0\0\0", 4);
	if (rsn)
		ieee80211_put_rsn(&w, rsn);
	if (wpa)
		ieee80211_put_element(&w, IEEE80211_VENDOR, wpa_body, sizeof(wpa_body));
	assert_true(ieee80211_network_of(mr_wr_written(&w), &rx, n));
	assert_true(n->hidden && n->ssid_len == 0 && n->freq_mhz == 2442);
	return (enum ieee80211_security)n->security;
}

static void each_security_is_recognised(void **state)
{
	static const struct {
		uint32_t akm;
		enum ieee80211_security security;
	} akms[] = {
		{ IEEE80211_BIT(IEEE80211_AKM_PSK), IEEE80211_WPA2_PSK },
		{ IEEE80211_BIT(IEEE80211_AKM_PSK_SHA256), IEEE80211_WPA2_PSK },
		{ IEEE80211_BIT(IEEE80211_AKM_PSK) | IEEE80211_BIT(IEEE80211_AKM_SAE), IEEE80211_WPA2_WPA3 },
		{ IEEE80211_BIT(IEEE80211_AKM_SAE), IEEE80211_WPA3_SAE },
		{ IEEE80211_BIT(IEEE80211_AKM_OWE), IEEE80211_OWE },
		{ IEEE80211_BIT(IEEE80211_AKM_8021X), IEEE80211_ENTERPRISE },
		{ IEEE80211_BIT(IEEE80211_AKM_8021X_SHA256), IEEE80211_ENTERPRISE },
		{ IEEE80211_BIT(12), IEEE80211_OTHER },
	};
	struct ieee80211_rsn rsn = {
		.group = 4, .group_management = 6, .pairwise = 1u << 4, .capabilities = IEEE80211_MFPC
	};
	struct ieee80211_network n;

	(void)state;
	assert_int_equal(security(NULL, false, IEEE80211_ESS, &n), IEEE80211_OPEN);
	assert_int_equal(security(NULL, false, IEEE80211_ESS | IEEE80211_PRIVACY, &n), IEEE80211_WEP);
	assert_int_equal(security(NULL, true, IEEE80211_ESS | IEEE80211_PRIVACY, &n), IEEE80211_WPA);
	assert_int_equal(security(NULL, false, IEEE80211_IBSS, &n), IEEE80211_OPEN);
	assert_true(n.ibss);
	for (size_t i = 0; i < sizeof(akms) / sizeof(akms[0]); i++) {
		rsn.akm = akms[i].akm;
		assert_int_equal(security(&rsn, i % 2, IEEE80211_ESS | IEEE80211_PRIVACY, &n), akms[i].security);
		assert_true(n.pmf_capable && !n.pmf_required && n.wpa == i % 2);
		assert_string_not_equal(ieee80211_security_name(akms[i].security), "open");
	}
	rsn.capabilities |= IEEE80211_MFPR;
	(void)security(&rsn, false, IEEE80211_ESS, &n);
	assert_true(n.pmf_required);
}

static void rates_are_those_of_the_band(void **state)
{
	uint8_t bytes[64];
	struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
	struct ieee80211_elements e;

	(void)state;
	ieee80211_put_rates(&w, 2412);
	ieee80211_put_ds(&w, 2484);
	assert_true(ieee80211_elements_parse(mr_wr_written(&w), &e));
	assert_true(e.rates.left == 8 && e.extended_rates.left == 4 && e.rates.at[0] == 0x82 && e.ds.at[0] == 14);
	w = mr_wr_over(bytes, sizeof(bytes));
	ieee80211_put_rates(&w, 5180);
	ieee80211_put_ds(&w, 5180);
	assert_true(ieee80211_elements_parse(mr_wr_written(&w), &e));
	assert_true(e.rates.left == 8 && !e.extended_rates.at && !e.ds.at && e.rates.at[0] == 0x8c);
}

static void what_does_not_fit_is_marked(void **state)
{
	uint8_t small[10], big[300] = { 0 };
	struct mr_wr w = mr_wr_over(small, sizeof(small));

	(void)state;
	ieee80211_put_rates(&w, 2412);
	assert_true(w.bad);
	w = mr_wr_over(big, sizeof(big));
	ieee80211_put_ssid(&w, big, 33);
	assert_true(w.bad);
	w = mr_wr_over(big, sizeof(big));
	ieee80211_put_element(&w, 221, big, 256);
	assert_true(w.bad);
}

static void numbers_have_words(void **state)
{
	(void)state;
	assert_string_equal(ieee80211_reason_words(IEEE80211_4WAY_TIMEOUT), "4-way handshake timeout");
	assert_string_equal(ieee80211_reason_words(65535), "unknown");
	assert_string_equal(ieee80211_status_words(IEEE80211_TRY_AGAIN_LATER), "try again later");
	assert_string_equal(ieee80211_status_words(8), "unknown");
	assert_string_equal(ieee80211_kind_name(IEEE80211_DISASSOCIATION), "disassociation");
	assert_string_equal(ieee80211_kind_name(0xff), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_words),
		cmocka_unit_test(headers_read_as_they_are_written),
		cmocka_unit_test(every_kind_of_header_has_its_length),
		cmocka_unit_test(addresses_mean_what_the_ds_bits_say),
		cmocka_unit_test(a_captured_beacon_is_a_network),
		cmocka_unit_test(a_beacon_cut_inside_an_element_is_what_came_before),
		cmocka_unit_test(captured_bodies_read_as_they_are_written),
		cmocka_unit_test(an_element_of_impossible_length_is_odd),
		cmocka_unit_test(one_odd_element_hides_no_network),
		cmocka_unit_test(a_channel_switch_is_read),
		cmocka_unit_test(a_rate_is_one_of_the_bss),
		cmocka_unit_test(vendor_elements_are_found_by_type),
		cmocka_unit_test(snap_headers_of_both_kinds_are_taken),
		cmocka_unit_test(a_tim_tells_who_has_something),
		cmocka_unit_test(rsn_elements_read_as_they_are_written),
		cmocka_unit_test(each_security_is_recognised),
		cmocka_unit_test(rates_are_those_of_the_band),
		cmocka_unit_test(what_does_not_fit_is_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
