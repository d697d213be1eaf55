/*
 * Keys by published vectors; the handshakes with our two ends against each other, because one end's mistake is the
 * other's complaint; what repeats, lies or is old; and the witness with an M2 that others captured.
 *
 * links: station/wifi/wpa.c station/wifi/wpa_sta.c station/wifi/wpa_ap.c station/wifi/wpa_witness.c
 * links: station/wifi/eapol.c station/wifi/aes.c station/wifi/ieee80211.c agent/wire/channel.c
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

#include "agent/wire/cause.h"
#include "station/wifi/wpa.h"
#include "tests/unit/captured.h"
#include "tests/unit/hex.h"

static const uint8_t aa[6] = { 2, 0, 0, 0, 1, 0 }, spa[6] = { 2, 0, 0, 0, 2, 0 };
static const uint8_t rsne_psk[] = { 48, 20, 1, 0, 0, 15, 172, 4, 1, 0, 0, 15, 172, 4, 1, 0, 0, 15, 172, 2, 0, 0 };
static const uint8_t rsne_sha256[] = { 48, 20, 1, 0, 0, 15, 172, 4, 1, 0, 0, 15, 172, 4, 1, 0, 0, 15, 172, 6, 0xc0, 0 };

/* Both ends, and the message that is under way. */
struct pair {
	struct entropy *entropy;
	uint8_t pmk[32], bytes[EAPOL_MAX], kept[EAPOL_MAX];
	struct wpa_group group;
	struct wpa_sta sta;
	struct wpa_ap ap;
	struct mr_wr message;
	uint64_t now_us;
};

static struct mr_wr *fresh(struct pair *p)
{
	p->message = mr_wr_over(p->bytes, sizeof(p->bytes));
	return &p->message;
}

static struct mr_rd keep(struct pair *p)
{
	memcpy(p->kept, p->bytes, p->message.len);
	return mr_rd_over(p->kept, p->message.len);
}

static void open_pair(struct pair *p, bool sha256)
{
	const uint8_t *rsne = sha256 ? rsne_sha256 : rsne_psk;
	uint8_t akm = sha256 ? IEEE80211_AKM_PSK_SHA256 : IEEE80211_AKM_PSK;
	struct ieee80211_rsn rsn;

	*p = (struct pair){ .pmk = { 7 }, .group = { { 0x61 }, { 0x62 }, 16, 1, sha256 ? 4 : 0, 500, 600 } };
	p->entropy = entropy_create_seeded(1, "wpa");
	assert_non_null(p->entropy);
	assert_true(ieee80211_rsn_parse(mr_rd_over(rsne + 2, 20), &rsn));
	wpa_sta_init(&p->sta, akm, p->pmk, aa, spa, &rsn, mr_rd_over(rsne, 22), sha256, p->entropy);
	wpa_ap_init(&p->ap, akm, p->pmk, aa, spa, mr_rd_over(rsne, 22), &rsn, sha256, &p->group, p->entropy);
}

static void close_pair(struct pair *p)
{
	wpa_sta_wipe(&p->sta);
	wpa_ap_wipe(&p->ap);
	entropy_destroy(p->entropy);
}

static int to_sta(struct pair *p)
{
	struct mr_rd in = keep(p);

	return wpa_sta_receive(&p->sta, in, fresh(p));
}

static int to_ap(struct pair *p)
{
	struct mr_rd in = keep(p);

	return wpa_ap_receive(&p->ap, in, fresh(p), p->now_us);
}

static void shake(struct pair *p)
{
	wpa_ap_start(&p->ap, fresh(p), p->now_us);
	assert_int_equal(to_sta(p), WPA_ANSWER);
	assert_int_equal(to_ap(p), WPA_ANSWER);
	assert_int_equal(to_sta(p), WPA_ESTABLISHED);
	assert_int_equal(to_ap(p), WPA_ESTABLISHED);
	assert_memory_equal(&p->sta.ptk, &p->ap.ptk, sizeof(p->sta.ptk));
	assert_true(p->ap.deadline_us == UINT64_MAX);
}

static void passphrases_give_the_keys_of_annex_j(void **state)
{
	static const struct {
		const char *passphrase, *ssid, *psk;
	} vectors[] = {
		/* J.4.2 */
		{ "password", "IEEE", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e" },
		{ "ThisIsAPassword", "ThisIsASSID",
		  "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ",
		  "becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62" },
	};
	uint8_t psk[32], expected[32];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		hex(vectors[i].psk, expected, 32);
		assert_true(
			wpa_psk(vectors[i].passphrase, (const uint8_t *)vectors[i].ssid, strlen(vectors[i].ssid), psk));
		assert_memory_equal(psk, expected, 32);
	}
	assert_false(wpa_psk("seven77", (const uint8_t *)"x", 1, psk));
	assert_false(wpa_psk("0123456789012345678901234567890123456789012345678901234567890123", (const uint8_t *)"x",
			     1, psk));
}

/* The PRF by J.3; the rest was computed with Python's hmac from the text of the clauses. */
static void functions_and_transient_keys_are_as_computed_elsewhere(void **state)
{
	uint8_t key[20], out[48], expected[48], pmk[32], anonce[32], snonce[32];
	struct wpa_ptk ptk;

	(void)state;
	memset(key, 0x0b, sizeof(key));
	assert_true(wpa_prf_sha1(key, 20, "prefix", mr_rd_over("Hi There", 8), out, 24));
	hex("bcd4c650b30b9684951829e0d75f9d54b862175ed9f00606", expected, 24);
	assert_memory_equal(out, expected, 24);
	for (uint8_t i = 0; i < 32; i++) {
		pmk[i] = i;
		anonce[i] = (uint8_t)(0x80 + i);
		snonce[i] = (uint8_t)(0x40 + i);
	}
	assert_true(wpa_ptk(IEEE80211_AKM_PSK, pmk, aa, spa, anonce, snonce, &ptk));
	hex("ce0a9216ac8d9c28681311acbbdd0a6fc56a519e755f043e4ac731c028a8164b8e812aeaf6c9eb593780fb8f5d50fde9",
	    expected, 48);
	assert_memory_equal(&ptk, expected, 48);
	assert_true(wpa_ptk(IEEE80211_AKM_PSK_SHA256, pmk, aa, spa, anonce, snonce, &ptk));
	hex("c7bfc5ff318e185aed39b0b4cb0c70e3d65a1256c0901ebce14f487f11f037517f933988aa54e14a162c16b1e27d43e5",
	    expected, 48);
	assert_memory_equal(&ptk, expected, 48);
}

static void both_ends_agree(void **state)
{
	struct pair p;

	(void)state;
	for (int sha256 = 0; sha256 < 2; sha256++) {
		open_pair(&p, sha256);
		shake(&p);
		assert_memory_equal(p.sta.group.gtk, p.group.gtk, 16);
		assert_true(p.sta.group.gtk_id == 1 && p.sta.group.pn == 500);
		assert_int_equal(p.sta.group.igtk_id, sha256 ? 4 : 0);
		if (sha256)
			assert_memory_equal(p.sta.group.igtk, p.group.igtk, 16);
		close_pair(&p);
	}
}

static void a_repeated_m1_has_the_same_snonce_and_a_later_handshake_another(void **state)
{
	struct pair p;
	uint8_t first[32];

	(void)state;
	open_pair(&p, false);
	wpa_ap_start(&p.ap, fresh(&p), 0);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	memcpy(first, p.sta.snonce, 32);
	p.now_us = p.ap.deadline_us;
	assert_int_equal(wpa_ap_expire(&p.ap, fresh(&p), p.now_us), WPA_ANSWER);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	assert_memory_equal(p.sta.snonce, first, 32);
	assert_int_equal(p.sta.m1_same, 1);
	assert_int_equal(to_ap(&p), WPA_ANSWER);
	assert_int_equal(to_sta(&p), WPA_ESTABLISHED);
	assert_int_equal(to_ap(&p), WPA_ESTABLISHED);
	shake(&p); /* new keys */
	assert_memory_not_equal(p.sta.snonce, first, 32);
	close_pair(&p);
}

/* M2 to the first M1 may arrive when the second one is under way. */
static void an_answer_to_an_earlier_m1_is_good(void **state)
{
	struct pair p;
	uint8_t m2[EAPOL_MAX];
	size_t m2_len;

	(void)state;
	open_pair(&p, false);
	wpa_ap_start(&p.ap, fresh(&p), 0);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	m2_len = p.message.len;
	memcpy(m2, p.bytes, m2_len);
	assert_int_equal(wpa_ap_expire(&p.ap, fresh(&p), p.ap.deadline_us), WPA_ANSWER);
	assert_int_equal(wpa_ap_receive(&p.ap, mr_rd_over(m2, m2_len), fresh(&p), 0), WPA_ANSWER);
	assert_int_equal(wpa_ap_receive(&p.ap, mr_rd_over(m2, m2_len), fresh(&p), 0), WPA_NOTHING); /* and only once */
	close_pair(&p);
}

static void a_repeated_m3_is_answered_and_installs_nothing(void **state)
{
	struct pair p;
	struct wpa_ptk ptk;

	(void)state;
	open_pair(&p, true);
	wpa_ap_start(&p.ap, fresh(&p), 0);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	assert_int_equal(to_ap(&p), WPA_ANSWER);
	assert_int_equal(to_sta(&p), WPA_ESTABLISHED);
	ptk = p.sta.ptk;
	p.sta.group.pn = 700;	      /* heard since */
	for (int i = 0; i < 2; i++) { /* M4 is lost */
		assert_int_equal(wpa_ap_expire(&p.ap, fresh(&p), p.ap.deadline_us), WPA_ANSWER);
		assert_int_equal(to_sta(&p), WPA_ANSWER);
		assert_false(p.sta.new_gtk || p.sta.new_igtk);
		assert_true(p.sta.group.pn == 700);
		assert_memory_equal(&p.sta.ptk, &ptk, sizeof(ptk));
	}
	assert_int_equal(to_ap(&p), WPA_ESTABLISHED);
	close_pair(&p);
}

static void an_old_m3_is_not_answered(void **state)
{
	struct pair p;
	uint8_t m3[EAPOL_MAX];
	size_t m3_len;

	(void)state;
	open_pair(&p, false);
	wpa_ap_start(&p.ap, fresh(&p), 0);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	assert_int_equal(to_ap(&p), WPA_ANSWER);
	m3_len = p.message.len;
	memcpy(m3, p.bytes, m3_len);
	assert_int_equal(to_sta(&p), WPA_ESTABLISHED);
	assert_int_equal(wpa_sta_receive(&p.sta, mr_rd_over(m3, m3_len), fresh(&p)), WPA_NOTHING);
	assert_int_equal(p.message.len, 0);
	close_pair(&p);
}

/* Forged M1s between M2 and M3 have another ANonce and any counter; the handshake goes on as if nothing had been. */
static void forged_m1s_do_no_harm(void **state)
{
	struct pair p;
	uint8_t m3[EAPOL_MAX], forged[EAPOL_MAX];
	struct mr_wr w = mr_wr_over(forged, sizeof(forged));
	struct eapol_key key = { .protocol = 2,
				 .info = EAPOL_HMAC_SHA1 | EAPOL_PAIRWISE | EAPOL_ACK,
				 .key_len = 16,
				 .replay = UINT64_MAX,
				 .nonce = { 0xba, 0xd0 } };
	size_t m3_len;

	(void)state;
	eapol_key_build(&w, &key);
	open_pair(&p, false);
	wpa_ap_start(&p.ap, fresh(&p), 0);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	assert_int_equal(to_ap(&p), WPA_ANSWER);
	m3_len = p.message.len;
	memcpy(m3, p.bytes, m3_len);
	assert_int_equal(wpa_sta_receive(&p.sta, mr_wr_written(&w), fresh(&p)), WPA_ANSWER);
	assert_int_equal(wpa_sta_receive(&p.sta, mr_rd_over(m3, m3_len), fresh(&p)), WPA_ESTABLISHED);
	assert_int_equal(to_ap(&p), WPA_ESTABLISHED);
	/* and while the keys are in use: a repeated M3 is answered still */
	assert_int_equal(wpa_sta_receive(&p.sta, mr_wr_written(&w), fresh(&p)), WPA_ANSWER);
	close_pair(&p);
}

static void a_message_changed_or_cut_anywhere_does_nothing(void **state)
{
	struct pair p;
	uint8_t m[EAPOL_MAX];
	size_t len;
	struct mr_wr w;

	(void)state;
	open_pair(&p, true);
	wpa_ap_start(&p.ap, fresh(&p), 0);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	len = p.message.len;
	memcpy(m, p.bytes, len);
	for (size_t i = 0; i < len; i++) {
		m[i] ^= 1;
		assert_int_equal(wpa_ap_receive(&p.ap, mr_rd_over(m, len), fresh(&p), 0), WPA_NOTHING);
		m[i] ^= 1;
		assert_int_equal(wpa_ap_receive(&p.ap, mr_rd_over(m, i), fresh(&p), 0), WPA_NOTHING);
	}
	assert_true(p.ap.bad_mics > 0);
	assert_int_equal(wpa_ap_receive(&p.ap, mr_rd_over(m, len), fresh(&p), 0), WPA_ANSWER);
	len = p.message.len;
	memcpy(m, p.bytes, len);
	for (size_t i = 0; i < len; i++) {
		struct wpa_sta before = p.sta;

		uint8_t bit = i == 5 ? 2 : 1; /* without its "MIC" bit it is an M1, and answered as one */

		w = mr_wr_over(p.bytes, sizeof(p.bytes));
		m[i] ^= bit;
		assert_int_equal(wpa_sta_receive(&p.sta, mr_rd_over(m, len), &w), WPA_NOTHING);
		m[i] ^= bit;
		assert_int_equal(wpa_sta_receive(&p.sta, mr_rd_over(m, i), &w), WPA_NOTHING);
		assert_true(w.len == 0 && !p.sta.established && before.replay == p.sta.replay);
	}
	w = mr_wr_over(p.bytes, sizeof(p.bytes));
	assert_int_equal(wpa_sta_receive(&p.sta, mr_rd_over(m, len), &w), WPA_ESTABLISHED);
	close_pair(&p);
}

static void an_m3_that_contradicts_the_beacons_ends_it(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, false);
	p.sta.rsn.pairwise |= IEEE80211_BIT(IEEE80211_CIPHER_TKIP); /* the beacon that we heard */
	wpa_ap_start(&p.ap, fresh(&p), 0);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	assert_int_equal(to_ap(&p), WPA_ANSWER);
	assert_int_equal(to_sta(&p), -MR_CAUSE_ASSOCIATION_REFUSED);
	assert_false(p.sta.established);
	close_pair(&p);
	open_pair(&p, false);
	p.ap.rsn.capabilities ^= IEEE80211_MFPC; /* the association request that it heard */
	wpa_ap_start(&p.ap, fresh(&p), 0);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	assert_int_equal(to_ap(&p), -MR_CAUSE_ASSOCIATION_REFUSED);
	close_pair(&p);
}

static void protected_management_needs_its_key(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, true);
	p.group.igtk_id = 0;
	wpa_ap_start(&p.ap, fresh(&p), 0);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	assert_int_equal(to_ap(&p), WPA_ANSWER);
	assert_int_equal(to_sta(&p), WPA_NOTHING);
	close_pair(&p);
}

static void a_wrong_passphrase_is_told_from_silence(void **state)
{
	struct pair p;
	int r = WPA_ANSWER;
	unsigned m1s = 1;

	(void)state;
	for (int wrong = 0; wrong < 2; wrong++) {
		uint8_t other[32] = { 8 };

		open_pair(&p, false);
		p.sta.pmk = other;
		wpa_ap_start(&p.ap, fresh(&p), 0);
		for (m1s = 0, r = WPA_ANSWER; r == WPA_ANSWER; m1s++) {
			if (wrong) {
				assert_int_equal(to_sta(&p), WPA_ANSWER);
				assert_int_equal(to_ap(&p), WPA_NOTHING);
			}
			assert_int_equal(wpa_ap_expire(&p.ap, fresh(&p), p.ap.deadline_us - 1), WPA_NOTHING);
			r = wpa_ap_expire(&p.ap, fresh(&p), p.ap.deadline_us);
		}
		assert_int_equal(m1s, 4);
		assert_int_equal(r, wrong ? -MR_CAUSE_PASSPHRASE_REFUSED : -MR_CAUSE_HANDSHAKE_TIMEOUT);
		close_pair(&p);
	}
}

static void group_keys_change(void **state)
{
	struct pair p;
	uint8_t old[EAPOL_MAX];
	size_t old_len;

	(void)state;
	open_pair(&p, true);
	wpa_ap_regroup(&p.ap, fresh(&p), 0);
	assert_int_equal(p.message.len, 0); /* not before it is up */
	shake(&p);
	memset(p.group.gtk, 0x71, 16);
	p.group.gtk_id = 2;
	p.group.pn = 0;
	wpa_ap_regroup(&p.ap, fresh(&p), 0);
	old_len = p.message.len;
	memcpy(old, p.bytes, old_len);
	p.bytes[EAPOL_KEY_LEN] ^= 1;
	assert_int_equal(to_sta(&p), WPA_NOTHING);
	assert_int_equal(wpa_sta_receive(&p.sta, mr_rd_over(old, old_len), fresh(&p)), WPA_GROUP);
	assert_true(p.sta.new_gtk && !p.sta.new_igtk);
	assert_memory_equal(p.sta.group.gtk, p.group.gtk, 16);
	assert_int_equal(p.sta.group.gtk_id, 2);
	/* our answer is lost; the key is in use, the message comes again with a new counter */
	p.sta.group.pn = 9;
	assert_int_equal(wpa_ap_expire(&p.ap, fresh(&p), p.ap.deadline_us), WPA_ANSWER);
	assert_int_equal(to_sta(&p), WPA_ANSWER);
	assert_false(p.sta.new_gtk);
	assert_true(p.sta.group.pn == 9);
	assert_int_equal(to_ap(&p), WPA_GROUP);
	assert_int_equal(p.ap.state, WPA_AP_UP);
	assert_int_equal(wpa_sta_receive(&p.sta, mr_rd_over(old, old_len), fresh(&p)), WPA_NOTHING); /* replayed */
	close_pair(&p);
}

/* hashcat's published example for mode 22000: an M2 captured from another product's supplicant. */
static void the_witness_judges_a_captured_m2(void **state)
{
	static const char m2_text[] =
		"0103007502010a0000000000000000000148ce2ccba9c1fda130ff2fbbfb4fd3b063d1a93920b0f7df54a5cbf787b16171"
		"00000000000000000000000000000000000000000000000000000000000000000"
		"24022795224bffca545276c3762686f"
		"001630140100000fac040100000fac040100000fac028000";
	uint8_t m2[160], m1[EAPOL_MAX], ap[6], sta[6], pmk[32];
	struct mr_wr w = mr_wr_over(m1, sizeof(m1));
	struct eapol_key key = { .protocol = 2, .info = EAPOL_HMAC_SHA1 | EAPOL_PAIRWISE | EAPOL_ACK, .replay = 1 };
	struct wpa_witness witness;
	size_t len = hex(m2_text, m2, sizeof(m2));

	(void)state;
	hex("6466b38ec3fc", ap, 6);
	hex("225edc49b7aa", sta, 6);
	hex("10e3be3b005a629e89de088d6a2fdc489db83ad4764f2d186b9cde15446e972e", key.nonce, 32);
	eapol_key_build(&w, &key);
	assert_true(wpa_psk("hashcat?", (const uint8_t *)"TP-LINK_HASHCAT_TEST", 20, pmk));
	wpa_witness_init(&witness, pmk, ap, sta);
	assert_int_equal(wpa_witness_receive(&witness, true, mr_wr_written(&w)), WPA_WITNESS_NOTHING);
	assert_int_equal(wpa_witness_receive(&witness, false, mr_rd_over(m2, len)), WPA_WITNESS_WRONG);
	assert_true(wpa_psk("hashcat!", (const uint8_t *)"TP-LINK_HASHCAT_TEST", 20, pmk));
	wpa_witness_init(&witness, pmk, ap, sta);
	assert_int_equal(wpa_witness_receive(&witness, false, mr_rd_over(m2, len)),
			 WPA_WITNESS_NOTHING); /* M1 not heard */
	assert_int_equal(wpa_witness_receive(&witness, true, mr_wr_written(&w)), WPA_WITNESS_NOTHING);
	assert_int_equal(wpa_witness_receive(&witness, false, mr_wr_written(&w)),
			 WPA_WITNESS_NOTHING); /* M1 from a STA */
	assert_int_equal(wpa_witness_receive(&witness, false, mr_rd_over(m2, len)), WPA_WITNESS_HOLDS);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(wpa_witness_receive(&witness, false, mr_rd_over(m2, cut)), WPA_WITNESS_NOTHING);
	wpa_witness_wipe(&witness);
}

/* hostapd's and wpa_supplicant's, from the capture: every MIC, and what M3 brings. */
static void a_captured_handshake_is_understood(void **state)
{
	static const enum wpa_witness_event expected[4] = { WPA_WITNESS_NOTHING, WPA_WITNESS_HOLDS, WPA_WITNESS_AGREED,
							    WPA_WITNESS_JOINED };
	static const uint8_t ap[6] = { 2, 0, 0, 0, 1, 0 }, sta[6] = { 2, 0, 0, 0, 2, 0 };
	uint8_t frame[512], pmk[32], plain[EAPOL_DATA_MAX];
	struct wpa_witness w;
	struct eapol_data data;
	struct eapol_key key;

	(void)state;
	assert_true(wpa_psk("correct horse 42", (const uint8_t *)"FactorySetup", 12, pmk));
	wpa_witness_init(&w, pmk, ap, sta);
	for (int i = 0; i < 4; i++) {
		size_t len = hex(captured_handshake[i], frame, sizeof(frame));
		struct mr_rd pdu = mr_rd_over(frame + 32, len - 32);

		assert_int_equal(wpa_witness_receive(&w, i % 2 == 0, pdu), expected[i]);
		if (i != 2)
			continue;
		assert_true(eapol_key_parse(pdu, &key));
		len = eapol_unwrap(w.ptk.kek, key.data, plain);
		assert_true(len > 0 && eapol_data_parse(mr_rd_over(plain, len), &data));
		assert_int_equal(data.rsn.left, 20);
		assert_true(data.gtk.left == 16 && data.gtk_id == 1 && !data.igtk.at);
	}
	wpa_witness_wipe(&w);
}

/* A whole handshake, each subset of its four messages heard. */
static void the_witness_proves_with_m2_and_one_of_m1_and_m3(void **state)
{
	uint8_t m[4][EAPOL_MAX];
	size_t len[4];
	struct pair p;

	(void)state;
	for (int sha256 = 0; sha256 < 2; sha256++) {
		open_pair(&p, sha256);
		wpa_ap_start(&p.ap, fresh(&p), 0);
		for (int i = 0; i < 4; i++) {
			len[i] = p.message.len;
			memcpy(m[i], p.bytes, len[i]);
			assert_true((i % 2 == 0 ? to_sta(&p) : to_ap(&p)) > 0);
		}
		for (unsigned heard = 0; heard < 16; heard++) {
			enum wpa_witness_event most = WPA_WITNESS_NOTHING;
			unsigned expected = WPA_WITNESS_NOTHING;
			struct wpa_witness w;

			wpa_witness_init(&w, p.pmk, aa, spa);
			for (unsigned i = 0; i < 4; i++) {
				enum wpa_witness_event e =
					heard & 1u << i ? wpa_witness_receive(&w, i % 2 == 0, mr_rd_over(m[i], len[i]))
							: WPA_WITNESS_NOTHING;

				most = e > most ? e : most;
			}
			if ((heard & 3) == 3)
				expected = WPA_WITNESS_HOLDS;
			if ((heard & 6) == 6)
				expected = WPA_WITNESS_AGREED;
			if (expected && heard & 8)
				expected = WPA_WITNESS_JOINED;
			assert_int_equal(most, expected);
			wpa_witness_wipe(&w);
		}
		close_pair(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passphrases_give_the_keys_of_annex_j),
		cmocka_unit_test(functions_and_transient_keys_are_as_computed_elsewhere),
		cmocka_unit_test(both_ends_agree),
		cmocka_unit_test(a_repeated_m1_has_the_same_snonce_and_a_later_handshake_another),
		cmocka_unit_test(an_answer_to_an_earlier_m1_is_good),
		cmocka_unit_test(a_repeated_m3_is_answered_and_installs_nothing),
		cmocka_unit_test(an_old_m3_is_not_answered),
		cmocka_unit_test(forged_m1s_do_no_harm),
		cmocka_unit_test(a_message_changed_or_cut_anywhere_does_nothing),
		cmocka_unit_test(an_m3_that_contradicts_the_beacons_ends_it),
		cmocka_unit_test(protected_management_needs_its_key),
		cmocka_unit_test(a_wrong_passphrase_is_told_from_silence),
		cmocka_unit_test(group_keys_change),
		cmocka_unit_test(the_witness_judges_a_captured_m2),
		cmocka_unit_test(a_captured_handshake_is_understood),
		cmocka_unit_test(the_witness_proves_with_m2_and_one_of_m1_and_m3),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
