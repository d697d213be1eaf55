/*
 * What a radio hands over: the rule for a frame in hand against the standard's frame types, and the expression for the
 * kernel against that rule, run by libpcap itself.
 *
 * links: station/radio/hearing.c station/radio/address.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pcap/pcap.h>
#include <string.h>

#include "station/radio/hearing.h"
#include "station/radio/radio.h"

#define HEAR_ALL (RADIO_HEAR_NETWORKS | RADIO_HEAR_JOINS | RADIO_HEAR_GROUP | RADIO_HEAR_MEMBERS)
#define RADIOTAP_LEN 8
#define FRAME_LEN 64

static const uint8_t us[6] = { 0x02, 0x4d, 0x53, 0, 0, 1 }, device[6] = { 0x02, 0x4d, 0x52, 0, 0, 7 };
static const uint8_t other[6] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 }, all[6] = { 255, 255, 255, 255, 255, 255 };
static const uint8_t multicast[6] = { 0x01, 0, 0x5e, 0, 0, 0xfb };

/* One address, and as many as there may be. */
static const struct radio_addresses alone = { 1, { { 0x02, 0x4d, 0x53, 0, 0, 1 } } };

static struct radio_addresses many(void)
{
	struct radio_addresses own = alone;

	for (; own.count < RADIO_ADDRESSES_MAX; own.count++)
		radio_address(us, own.count, own.at[own.count]);
	return own;
}

static void make(uint8_t frame[static FRAME_LEN], uint8_t kind, const uint8_t to[6], const uint8_t from[6])
{
	memset(frame, 0, FRAME_LEN);
	frame[0] = kind;
	memcpy(frame + 4, to, 6);
	memcpy(frame + 10, from, 6);
	memcpy(frame + 16, from, 6);
}

static bool wants(unsigned hear, uint8_t kind, const uint8_t to[6], const uint8_t from[6])
{
	uint8_t frame[FRAME_LEN];

	make(frame, kind, to, from);
	return hearing_wants(&alone, hear, mr_rd_over(frame, sizeof(frame)));
}

/* With HT Control in its header, as 802.11ax STAs have it. */
static void make_eapol_htc(uint8_t frame[static FRAME_LEN], uint8_t kind, const uint8_t to[6], const uint8_t from[6])
{
	static const uint8_t head[] = { 0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0x8e, 2, 3 };

	make(frame, kind, to, from);
	frame[1] = 0x80;
	memcpy(frame + (kind == 0x88 ? 30 : 24), head, sizeof(head));
}

/* An EAPOL-Key frame's head: LLC, SNAP and Ethernet type after a header of 24 or 26 octets. */
static void make_eapol(uint8_t frame[static FRAME_LEN], uint8_t kind, const uint8_t to[6], const uint8_t from[6])
{
	static const uint8_t head[] = { 0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0x8e, 2, 3 };

	make(frame, kind, to, from);
	memcpy(frame + (kind == 0x88 ? 26 : 24), head, sizeof(head));
}

/* Encrypted data to an access point; `flags`: of the second octet. */
static void make_member(uint8_t frame[static FRAME_LEN], uint8_t kind, const uint8_t to[6], const uint8_t from[6])
{
	make(frame, kind, to, from);
	frame[1] = 0x41;
}

static void who_sends_encrypted_data_is_a_member(void **state)
{
	static const uint8_t kinds[] = { 0x08, 0x88, 0x48, 0xc8, 0xb0 };
	uint8_t frame[FRAME_LEN];

	(void)state;
	for (unsigned flags = 0; flags < 256; flags++)
		for (size_t i = 0; i < sizeof(kinds); i++) {
			make(frame, kinds[i], other, device);
			frame[1] = (uint8_t)flags;
			assert_int_equal(hearing_wants(&alone, RADIO_HEAR_MEMBERS, mr_rd_over(frame, sizeof(frame))),
					 i < 2 && (flags & 0x43) == 0x41);
		}
}

static void what_is_for_us_is_wanted_whatever_else_is_asked_for(void **state)
{
	static const uint8_t kinds[] = { 0xd0, 0x08, 0x88, 0x48, 0xb0, 0x00, 0x10, 0x40, 0x50, 0xa0, 0xc0, 0xe0 };

	(void)state;
	for (unsigned hear = 0; hear <= HEAR_ALL; hear++) {
		for (size_t i = 0; i < sizeof(kinds); i++)
			assert_true(wants(hear, kinds[i], us, device));
		assert_true(wants(hear, 0xd0, all, device));
		assert_false(wants(hear, 0xd4, us, device)); /* an ACK is the hardware's business */
		assert_false(wants(hear, 0xd0, multicast, device));
		assert_false(wants(hear, 0xd0, other, device));
		assert_false(wants(hear, 0x48, other, device));
	}
}

static void of_others_only_the_kinds_that_were_asked_for_are_wanted(void **state)
{
	static const struct {
		uint8_t kind;
		unsigned to_another, to_all;
	} rows[] = {
		{ 0x80, RADIO_HEAR_NETWORKS, RADIO_HEAR_NETWORKS },
		{ 0x50, RADIO_HEAR_NETWORKS, RADIO_HEAR_NETWORKS },
		{ 0x40, 0, RADIO_HEAR_NETWORKS },
		{ 0xb0, RADIO_HEAR_JOINS, RADIO_HEAR_JOINS },
		{ 0x00, RADIO_HEAR_JOINS, RADIO_HEAR_JOINS },
		{ 0x10, RADIO_HEAR_JOINS, RADIO_HEAR_JOINS },
		{ 0x20, RADIO_HEAR_JOINS, RADIO_HEAR_JOINS },
		{ 0x30, RADIO_HEAR_JOINS, RADIO_HEAR_JOINS },
		{ 0xa0, RADIO_HEAR_JOINS, RADIO_HEAR_JOINS },
		{ 0xc0, RADIO_HEAR_JOINS, RADIO_HEAR_JOINS },
		{ 0x08, 0, RADIO_HEAR_GROUP },
		{ 0x88, 0, RADIO_HEAR_GROUP },
		{ 0x48, 0, RADIO_HEAR_GROUP },
		{ 0x90, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned hear = 0; hear <= HEAR_ALL; hear++) {
			assert_int_equal(wants(hear, rows[i].kind, other, device), (hear & rows[i].to_another) != 0);
			assert_int_equal(wants(hear, rows[i].kind, all, device), (hear & rows[i].to_all) != 0);
			assert_int_equal(wants(hear, rows[i].kind, multicast, device), (hear & rows[i].to_all) != 0);
			assert_false(wants(hear, rows[i].kind, all, us));
		}
}

static void of_others_data_only_eapol_belongs_to_a_join(void **state)
{
	static const uint8_t kinds[] = { 0x08, 0x88 };
	uint8_t frame[FRAME_LEN];

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		size_t head_len = kinds[k] == 0x88 ? 26 : 24;

		for (size_t i = 0; i < 8; i++) {
			make_eapol(frame, kinds[k], other, device);
			frame[head_len + i] ^= 1;
			assert_false(hearing_wants(&alone, RADIO_HEAR_JOINS, mr_rd_over(frame, sizeof(frame))));
		}
		make_eapol(frame, kinds[k], other, device);
		assert_false(hearing_wants(&alone, RADIO_HEAR_NETWORKS, mr_rd_over(frame, sizeof(frame))));
		make_eapol_htc(frame, kinds[k], other, device);
		assert_true(hearing_wants(&alone, RADIO_HEAR_JOINS, mr_rd_over(frame, sizeof(frame))));
		make_eapol(frame, kinds[k], other, device);
		for (size_t len = 0; len <= FRAME_LEN; len++)
			assert_int_equal(hearing_wants(&alone, RADIO_HEAR_JOINS, mr_rd_over(frame, len)),
					 len >= head_len + 8);
	}
}

static void what_is_for_a_further_address_is_wanted_as_for_the_first(void **state)
{
	static const uint8_t kinds[] = { 0xd0, 0x08, 0x88, 0x48, 0xb0, 0x00, 0x10, 0x40, 0x50, 0xa0, 0xc0, 0xe0 };
	struct radio_addresses own = many();
	uint8_t frame[FRAME_LEN];

	(void)state;
	for (size_t n = 1; n < own.count; n++)
		for (size_t i = 0; i < sizeof(kinds); i++) {
			make(frame, kinds[i], own.at[n], device);
			assert_true(hearing_wants(&own, 0, mr_rd_over(frame, sizeof(frame))));
			assert_false(hearing_wants(&alone, 0, mr_rd_over(frame, sizeof(frame))));
			/* Of our own, overheard by another radio of ours, nothing. */
			make(frame, kinds[i], all, own.at[n]);
			assert_false(hearing_wants(&own, HEAR_ALL, mr_rd_over(frame, sizeof(frame))));
			make(frame, kinds[i], us, own.at[n]);
			assert_false(hearing_wants(&own, HEAR_ALL, mr_rd_over(frame, sizeof(frame))));
		}
}

/* The kernel's part, which libpcap runs here: every first octet, all sorts of ends. */
static void filter_agrees(const struct radio_addresses *own, unsigned hear, size_t *wanted, size_t *unwanted)
{
	static void (*const makers[])(uint8_t[static FRAME_LEN], uint8_t, const uint8_t[6],
				      const uint8_t[6]) = { make, make_eapol, make_eapol_htc, make_member };
	const uint8_t *const ends[] = { us, own->at[own->count - 1], device, other, all, multicast };
	pcap_t *pcap = pcap_open_dead(DLT_IEEE802_11_RADIO, 4096);
	struct pcap_pkthdr header = { .caplen = RADIOTAP_LEN + FRAME_LEN, .len = RADIOTAP_LEN + FRAME_LEN };
	uint8_t bytes[RADIOTAP_LEN + FRAME_LEN] = { 0, 0, RADIOTAP_LEN };
	uint8_t *frame = bytes + RADIOTAP_LEN;
	struct bpf_program program;
	char text[HEARING_FILTER_MAX];

	hearing_filter(text, sizeof(text), own, hear);
	assert_true(strlen(text) < sizeof(text) - 1);
	if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
		fail_msg("%s: %s", text, pcap_geterr(pcap));
	assert_true(program.bf_len < 4096); /* the kernel's limit, BPF_MAXINSNS */
	for (unsigned n = 0; n < 64 * 6 * 6 * 4; n++) {
		uint8_t kind = (uint8_t)(n % 64 << 2);
		const uint8_t *to = ends[n / 64 % 6], *from = ends[n / 384 % 6];
		bool want, control = (kind & 0x0c) == 0x04;

		makers[n / 2304](frame, kind, to, from);
		want = hearing_wants(own, hear, mr_rd_over(frame, FRAME_LEN)) ||
		       (radio_addresses_have(own, from) && !control);
		assert_int_equal(pcap_offline_filter(&program, &header, bytes) != 0, want);
		*(want ? wanted : unwanted) += 1;
	}
	pcap_freecode(&program);
	pcap_close(pcap);
}

static void the_filter_lets_pass_what_is_wanted_and_reports_on_our_own(void **state)
{
	struct radio_addresses full = many();
	size_t wanted = 0, unwanted = 0;

	(void)state;
	for (unsigned hear = 0; hear <= HEAR_ALL; hear++) {
		filter_agrees(&alone, hear, &wanted, &unwanted);
		filter_agrees(&full, hear, &wanted, &unwanted);
	}
	assert_true(wanted > 1000 && unwanted > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_sends_encrypted_data_is_a_member),
		cmocka_unit_test(what_is_for_us_is_wanted_whatever_else_is_asked_for),
		cmocka_unit_test(of_others_only_the_kinds_that_were_asked_for_are_wanted),
		cmocka_unit_test(of_others_data_only_eapol_belongs_to_a_join),
		cmocka_unit_test(what_is_for_a_further_address_is_wanted_as_for_the_first),
		cmocka_unit_test(the_filter_lets_pass_what_is_wanted_and_reports_on_our_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
