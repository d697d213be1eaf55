/*
 * The map from 64-bit keys to pointers, against a plain array, and its order against itself.
 *
 * links: station/base/map.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "station/base/map.h"

static void an_empty_map_has_nothing(void **state)
{
	struct map map = { 0 };

	(void)state;
	assert_null(map_get(&map, 0));
	map_remove(&map, 7);
	map_free(&map);
	map_free(&map);
}

static void a_second_value_replaces_the_first(void **state)
{
	struct map map = { 0 };
	int a, b;

	(void)state;
	assert_true(map_put(&map, 0, &a)); /* 0 and all ones are keys like others */
	assert_true(map_put(&map, UINT64_MAX, &b));
	assert_ptr_equal(map_get(&map, 0), &a);
	assert_true(map_put(&map, 0, &b));
	assert_ptr_equal(map_get(&map, 0), &b);
	assert_int_equal(map.count, 2);
	map_remove(&map, 0);
	assert_null(map_get(&map, 0));
	assert_ptr_equal(map_get(&map, UINT64_MAX), &b);
	assert_int_equal(map.count, 1);
	map_free(&map);
}

/* Few keys, many changes: probe chains form, wrap round the end and are closed again all the time. */
static void it_agrees_with_an_array_under_random_changes(void **state)
{
	enum { KEYS = 97 };
	static char values[KEYS];
	struct map map = { 0 };
	bool has[KEYS] = { false };
	size_t count = 0;
	uint64_t x = 0x5eed;

	(void)state;
	for (size_t i = 0; i < 100000; i++) {
		size_t k;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		k = x % KEYS;
		if (x >> 32 & 1) {
			assert_true(map_put(&map, k * 0x100000001u, &values[k]));
			count += !has[k];
			has[k] = true;
		} else {
			map_remove(&map, k * 0x100000001u);
			count -= has[k];
			has[k] = false;
		}
		assert_int_equal(map.count, count);
		k = x >> 40 & 63;
		assert_ptr_equal(map_get(&map, k * 0x100000001u), has[k] ? &values[k] : NULL);
		if (i % 1000 == 0)
			for (k = 0; k < KEYS; k++)
				assert_ptr_equal(map_get(&map, k * 0x100000001u), has[k] ? &values[k] : NULL);
	}
	map_free(&map);
}

static void ten_thousand_macs_in_a_row_are_all_found(void **state)
{
	static char values[10000];
	struct map map = { 0 };

	(void)state;
	for (size_t i = 0; i < 10000; i++) {
		const uint8_t mac[6] = { 2, 0x4d, 0x52, 0, (uint8_t)(i >> 8), (uint8_t)i };

		assert_true(map_put(&map, map_key_mac(mac), &values[i]));
	}
	assert_int_equal(map.count, 10000);
	assert_true(map.room >= 10000 && (map.room & (map.room - 1)) == 0);
	for (size_t i = 0; i < 10000; i++)
		assert_ptr_equal(map_get(&map, 0x024d52000000u + i), &values[i]);
	assert_null(map_get(&map, 0x024d52000000u + 10000));
	map_free(&map);
}

static void the_order_depends_on_keys_not_on_addresses(void **state)
{
	struct map a = { 0 }, b = { 0 };
	char here[100], there[100];

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		assert_true(map_put(&a, i * i, &here[i]));
		assert_true(map_put(&b, i * i, &there[99 - i]));
	}
	assert_int_equal(a.room, b.room);
	for (size_t i = 0; i < a.room; i++) {
		assert_int_equal(!a.slots[i].value, !b.slots[i].value);
		if (a.slots[i].value)
			assert_int_equal(a.slots[i].key, b.slots[i].key);
	}
	map_free(&a);
	map_free(&b);
}

static void a_mac_is_a_key_in_the_order_of_its_octets(void **state)
{
	static const uint8_t mac[6] = { 1, 2, 3, 4, 5, 0xff };

	(void)state;
	assert_int_equal(map_key_mac(mac), 0x0102030405ffu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(a_second_value_replaces_the_first),
		cmocka_unit_test(it_agrees_with_an_array_under_random_changes),
		cmocka_unit_test(ten_thousand_macs_in_a_row_are_all_found),
		cmocka_unit_test(the_order_depends_on_keys_not_on_addresses),
		cmocka_unit_test(a_mac_is_a_key_in_the_order_of_its_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
