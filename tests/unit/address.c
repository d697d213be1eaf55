/*
 * The addresses that adapters can acknowledge beside the station's own, by the rules of their drivers, retold here.
 *
 * links: station/radio/address.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "station/radio/radio.h"

static const uint8_t local[6] = { 0x02, 0x4d, 0x53, 0, 0, 1 }, global[6] = { 0x00, 0xc0, 0xca, 0x12, 0x34, 0x56 };
static const uint8_t odd[6] = { 0xd4, 0x6e, 0x0e, 0xff, 0xff, 0xff }, high[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xfe };
static const uint8_t *const stations[] = { local, global, odd, high };

static void they_are_local_of_one_receiver_and_each_another(void **state)
{
	(void)state;
	for (size_t s = 0; s < 4; s++) {
		struct radio_addresses own;
		uint8_t further[RADIO_ADDRESSES_MAX - 1][6];

		for (size_t n = 1; n < RADIO_ADDRESSES_MAX; n++) {
			radio_address(stations[s], n, further[n - 1]);
			assert_int_equal(further[n - 1][0] & 3, 2);
			assert_memory_equal(further[n - 1] + 1, stations[s] + 1, 5);
		}
		/* Which refuses an address that it has. */
		radio_addresses_set(&own, stations[s], (const uint8_t(*)[6])further, RADIO_ADDRESSES_MAX - 1);
		assert_int_equal(own.count, RADIO_ADDRESSES_MAX);
	}
}

/* mt76x02_add_interface: the slot of an address once the first interface has set the chip's. */
static unsigned slot_of(const uint8_t chip[6], const uint8_t address[6])
{
	return address[0] & 2 ? 1u + ((unsigned)(chip[0] ^ address[0]) >> 2 & 7) : 0;
}

static void mt76_has_a_slot_for_each_or_refuses_the_last(void **state)
{
	(void)state;
	for (size_t s = 0; s < 4; s++) {
		unsigned taken = 1u << slot_of(stations[s], stations[s]);

		for (size_t n = 1; n < RADIO_ADDRESSES_MAX; n++) {
			uint8_t address[6];
			unsigned slot;

			radio_address(stations[s], n, address);
			slot = slot_of(stations[s], address);
			assert_false(taken >> slot & 1);
			taken |= 1u << slot;
			/* What the chip compares: all octets but these bits of the first. */
			assert_int_equal((address[0] ^ stations[s][0]) & 0xe1, 0);
		}
		/* Slot 8 exists for managed interfaces only. */
		assert_int_equal(taken, stations[s][0] & 2 ? 0x1fe : 0xff);
	}
}

/* ath9k answers to all addresses that are the same under a mask of the bits in which its own differ. */
static void a_mask_of_their_bits_covers_few_strangers(void **state)
{
	(void)state;
	for (size_t s = 0; s < 4; s++) {
		uint8_t differ = 0;

		for (size_t n = 1; n < RADIO_ADDRESSES_MAX; n++) {
			uint8_t address[6];

			radio_address(stations[s], n, address);
			differ |= address[0] ^ stations[s][0];
		}
		assert_true(__builtin_popcount(differ) <= 4);
	}
}

static void a_set_has_its_own_first_and_nothing_that_was_not_put_in(void **state)
{
	struct radio_addresses own;
	uint8_t further[2][6];

	(void)state;
	radio_address(local, 3, further[0]);
	radio_address(local, 1, further[1]);
	radio_addresses_set(&own, local, (const uint8_t(*)[6])further, 2);
	assert_int_equal(own.count, 3);
	assert_memory_equal(own.at[0], local, 6);
	assert_memory_equal(own.at[1], further[0], 6);
	for (size_t i = 0; i < 2; i++)
		assert_true(radio_addresses_have(&own, further[i]));
	assert_true(radio_addresses_have(&own, local));
	assert_false(radio_addresses_have(&own, global));
	radio_addresses_set(&own, local, NULL, 0);
	assert_int_equal(own.count, 1);
	assert_false(radio_addresses_have(&own, further[0]));
	assert_false(radio_addresses_have(&own, own.at[1])); /* room, not a member */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_local_of_one_receiver_and_each_another),
		cmocka_unit_test(mt76_has_a_slot_for_each_or_refuses_the_last),
		cmocka_unit_test(a_mask_of_their_bits_covers_few_strangers),
		cmocka_unit_test(a_set_has_its_own_first_and_nothing_that_was_not_put_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
