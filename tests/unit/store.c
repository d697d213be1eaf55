/*
 * The two slots: the newest intact one counts, whatever became of the other; sections come and go without harm to
 * their neighbours.
 *
 * links: agent/core/store.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/store.h"

/* Storage that reads as noise until it is written, as a chip from another product may. */
struct flash {
	uint8_t slot[MR_STORE_SLOTS][MR_STORE_MAX];
	unsigned writes, reads;
	bool read_fails, write_fails, lies; /* lies: a write reports success and does nothing */
};

static void port_work(void *ctx, enum mr_work kind, size_t n)
{
	(void)ctx;
	(void)kind;
	(void)n;
}

static bool port_read(void *ctx, unsigned slot, uint8_t *out, size_t len)
{
	struct flash *f = ctx;

	assert_true(slot < MR_STORE_SLOTS && len <= MR_STORE_MAX);
	f->reads++;
	if (!f->read_fails)
		memcpy(out, f->slot[slot], len);
	return !f->read_fails;
}

static bool port_write(void *ctx, unsigned slot, const uint8_t *bytes, size_t len)
{
	struct flash *f = ctx;

	assert_true(slot < MR_STORE_SLOTS && len <= MR_STORE_MAX);
	f->writes++;
	if (!f->write_fails && !f->lies)
		memcpy(f->slot[slot], bytes, len);
	return !f->write_fails;
}

static struct mr_port port_make(struct flash *f, uint8_t fill)
{
	memset(f, 0, sizeof(*f));
	memset(f->slot, fill, sizeof(f->slot));
	return (struct mr_port){ .ctx = f, .work = port_work, .store_read = port_read, .store_write = port_write };
}

static bool add(struct mr_store *s, enum mr_section type, const void *bytes, size_t len)
{
	struct mr_wr w = mr_store_open(s, type);

	mr_wr_bytes(&w, bytes, len);
	return mr_store_close(s, &w);
}

static void assert_section(const struct mr_store *s, enum mr_section type, const char *want)
{
	struct mr_rd found = mr_store_find(s, type);

	assert_false(found.bad);
	assert_int_equal(found.left, strlen(want));
	assert_memory_equal(found.at, want, strlen(want));
}

static void a_storage_never_written_is_an_empty_store(void **state)
{
	static const uint8_t fills[] = { 0, 0xff, 0x4d };
	struct flash f;
	struct mr_store s;

	(void)state;
	for (size_t i = 0; i < sizeof(fills); i++) {
		struct mr_port port = port_make(&f, fills[i]);

		mr_store_load(&s, &port);
		assert_int_equal(s.generation, 0);
		assert_false(mr_store_has(&s, MR_SECTION_KEY));
		assert_true(mr_store_reload(&s, &port));
		f.read_fails = true;
		mr_store_load(&s, &port);
		assert_int_equal(s.generation, 0);
	}
}

static void what_was_saved_is_there_after_a_restart_and_the_slots_take_turns(void **state)
{
	struct flash f;
	struct mr_port port = port_make(&f, 0xff);
	struct mr_store s;
	char text[] = "release 0";

	(void)state;
	mr_store_load(&s, &port);
	for (unsigned i = 1; i <= 9; i++) {
		text[8] = (char)('0' + i);
		mr_store_drop(&s, MR_SECTION_IDENTITY);
		assert_true(add(&s, MR_SECTION_IDENTITY, text, strlen(text)));
		assert_true(mr_store_save(&s, &port));
		assert_int_equal(s.slot, (i + 1) % 2);
		memset(&s, 0xa5, sizeof(s));
		mr_store_load(&s, &port);
		assert_int_equal(s.generation, i);
		assert_section(&s, MR_SECTION_IDENTITY, text);
		assert_true(mr_store_reload(&s, &port));
	}
}

static void a_slot_with_any_bit_wrong_does_not_count(void **state)
{
	struct flash f;
	struct mr_port port = port_make(&f, 0xff);
	struct mr_store s;
	size_t whole;

	(void)state;
	mr_store_load(&s, &port);
	assert_true(add(&s, MR_SECTION_KEY, "old", 3));
	assert_true(mr_store_save(&s, &port));
	mr_store_drop(&s, MR_SECTION_KEY);
	assert_true(add(&s, MR_SECTION_KEY, "new", 3));
	assert_true(mr_store_save(&s, &port));
	whole = s.len + MR_STORE_CHECKSUM_LEN;
	for (size_t bit = 0; bit < 8 * whole; bit++) {
		f.slot[1][bit / 8] ^= (uint8_t)(1 << bit % 8);
		mr_store_load(&s, &port);
		assert_section(&s, MR_SECTION_KEY, "old");
		f.slot[1][bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	mr_store_load(&s, &port);
	assert_section(&s, MR_SECTION_KEY, "new");
	/* Both gone: empty, not half of something. */
	f.slot[0][20] ^= 1;
	f.slot[1][20] ^= 1;
	mr_store_load(&s, &port);
	assert_int_equal(s.generation, 0);
	assert_false(mr_store_has(&s, MR_SECTION_KEY));
}

static void a_write_that_did_not_take_is_noticed_and_undone(void **state)
{
	struct flash f;
	struct mr_port port = port_make(&f, 0xff);
	struct mr_store s;

	(void)state;
	mr_store_load(&s, &port);
	assert_true(add(&s, MR_SECTION_KEY, "old", 3));
	assert_true(mr_store_save(&s, &port));
	f.lies = true;
	mr_store_drop(&s, MR_SECTION_KEY);
	assert_true(add(&s, MR_SECTION_KEY, "new", 3));
	assert_false(mr_store_save(&s, &port));
	assert_section(&s, MR_SECTION_KEY, "old");
	f.lies = false;
	f.write_fails = true;
	assert_true(add(&s, MR_SECTION_SEAL, "seal", 4));
	assert_false(mr_store_save(&s, &port));
	assert_false(mr_store_has(&s, MR_SECTION_SEAL));
	f.write_fails = false;
	assert_true(add(&s, MR_SECTION_SEAL, "seal", 4));
	assert_true(mr_store_save(&s, &port));
	assert_section(&s, MR_SECTION_KEY, "old");
	assert_section(&s, MR_SECTION_SEAL, "seal");
}

static void a_slot_that_changed_underneath_is_noticed_on_reload(void **state)
{
	struct flash f;
	struct mr_port port = port_make(&f, 0xff);
	struct mr_store s;

	(void)state;
	mr_store_load(&s, &port);
	assert_true(add(&s, MR_SECTION_KEY, "key", 3));
	assert_true(mr_store_save(&s, &port));
	assert_true(mr_store_reload(&s, &port));
	f.slot[0][15] ^= 1;
	assert_false(mr_store_reload(&s, &port));
	assert_false(mr_store_has(&s, MR_SECTION_KEY));
}

static void sections_come_and_go_without_harm_to_their_neighbours(void **state)
{
	struct flash f;
	struct mr_port port = port_make(&f, 0xff);
	struct mr_store s;

	(void)state;
	mr_store_load(&s, &port);
	assert_true(add(&s, MR_SECTION_KEY, "key", 3));
	assert_true(add(&s, MR_SECTION_PREPARED_IDENTITY, "identity two", 12));
	assert_true(add(&s, MR_SECTION_RELEASED, "", 0));
	assert_true(add(&s, MR_SECTION_IDENTITY, "identity one", 12));
	assert_true(mr_store_has(&s, MR_SECTION_RELEASED));
	mr_store_rename(&s, MR_SECTION_PREPARED_IDENTITY, MR_SECTION_IDENTITY);
	assert_section(&s, MR_SECTION_IDENTITY, "identity two");
	assert_false(mr_store_has(&s, MR_SECTION_PREPARED_IDENTITY));
	assert_section(&s, MR_SECTION_KEY, "key");
	mr_store_rename(&s, MR_SECTION_PREPARED_IDENTITY, MR_SECTION_IDENTITY); /* nothing to rename */
	assert_section(&s, MR_SECTION_IDENTITY, "identity two");
	mr_store_drop(&s, MR_SECTION_KEY);
	mr_store_drop(&s, MR_SECTION_KEY);
	assert_false(mr_store_has(&s, MR_SECTION_KEY));
	assert_section(&s, MR_SECTION_IDENTITY, "identity two");
	mr_store_drop(&s, MR_SECTION_IDENTITY);
	mr_store_drop(&s, MR_SECTION_RELEASED);
	assert_int_equal(s.len, MR_STORE_HEAD_LEN);
	/* What was dropped is gone from RAM too: it may have been a secret. */
	for (size_t i = MR_STORE_HEAD_LEN; i < sizeof(s.image); i++)
		assert_int_equal(s.image[i], 0);
}

static void a_section_that_does_not_fit_leaves_the_image_as_it_was(void **state)
{
	static const uint8_t much[MR_STORE_MAX];
	const size_t room = MR_STORE_MAX - MR_STORE_HEAD_LEN - MR_STORE_CHECKSUM_LEN - 3;
	struct flash f;
	struct mr_port port = port_make(&f, 0xff);
	struct mr_store s;
	size_t len;

	(void)state;
	mr_store_load(&s, &port);
	assert_false(add(&s, MR_SECTION_KEY, much, room + 1));
	assert_int_equal(s.len, MR_STORE_HEAD_LEN);
	assert_true(add(&s, MR_SECTION_KEY, much, room));
	len = s.len;
	assert_false(add(&s, MR_SECTION_SEAL, "", 0));
	assert_int_equal(s.len, len);
	assert_true(mr_store_save(&s, &port));
	mr_store_load(&s, &port);
	assert_int_equal(s.len, len);
}

static void a_value_is_found_by_its_attribute(void **state)
{
	static const uint8_t section[] = { 6, 2, 0, 'B', '7', 19, 0, 0, 20, 1, 0, 1, 21, 9, 0, 'c', 'u', 't' };
	struct mr_rd in = mr_rd_over(section, sizeof(section)), found;

	(void)state;
	found = mr_store_value(in, 6);
	assert_int_equal(found.left, 2);
	assert_memory_equal(found.at, "B7", 2);
	found = mr_store_value(in, 19);
	assert_true(!found.bad && found.left == 0);
	assert_int_equal(mr_store_value(in, 20).at[0], 1);
	assert_true(mr_store_value(in, 21).bad);
	assert_true(mr_store_value(in, 22).bad);
	assert_true(mr_store_value((struct mr_rd){ .bad = true }, 6).bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_storage_never_written_is_an_empty_store),
		cmocka_unit_test(what_was_saved_is_there_after_a_restart_and_the_slots_take_turns),
		cmocka_unit_test(a_slot_with_any_bit_wrong_does_not_count),
		cmocka_unit_test(a_write_that_did_not_take_is_noticed_and_undone),
		cmocka_unit_test(a_slot_that_changed_underneath_is_noticed_on_reload),
		cmocka_unit_test(sections_come_and_go_without_harm_to_their_neighbours),
		cmocka_unit_test(a_section_that_does_not_fit_leaves_the_image_as_it_was),
		cmocka_unit_test(a_value_is_found_by_its_attribute),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
