/*
 * Pre-shared keys, off the loop and remembered.
 *
 * links: station/wifi/psk.c station/base/loop.c station/base/map.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "station/wifi/psk.h"

/* IEEE 802.11-2020 J.4.2, test case 1 and 3. */
static const uint8_t ieee[32] = { 0xf4, 0x2c, 0x6f, 0xc5, 0x2d, 0xf0, 0xeb, 0xef, 0x9e, 0xbb, 0x4b,
				  0x90, 0xb3, 0x8a, 0x5f, 0x90, 0x2e, 0x83, 0xfe, 0x1b, 0x13, 0x5a,
				  0x70, 0xe2, 0x3a, 0xed, 0x76, 0x2e, 0x97, 0x10, 0xa1, 0x2e };

struct asked {
	struct psk_request request;
	struct loop *loop;
	unsigned answers, *left;
	uint8_t psk[32];
	uint64_t at_us;
};

static void done(void *ctx, const uint8_t psk[static 32])
{
	struct asked *a = ctx;

	a->answers++;
	a->at_us = loop_now_us(a->loop);
	memcpy(a->psk, psk, 32);
	if (a->left && --*a->left == 0)
		loop_stop(a->loop);
}

static void ask(struct psk_pool *pool, struct loop *loop, struct asked *a, unsigned *left, const char *ssid,
		const char *passphrase)
{
	*a = (struct asked){ .request = { .done = done, .ctx = a }, .loop = loop, .left = left };
	psk_ask(pool, &a->request, (const uint8_t *)ssid, strlen(ssid), passphrase);
}

static void the_standards_vector_comes_out(struct loop *loop)
{
	struct psk_pool *pool = psk_create(loop);
	struct asked a, b, c, d;
	unsigned left = 4;

	assert_non_null(pool);
	ask(pool, loop, &a, &left, "IEEE", "password");
	ask(pool, loop, &b, &left, "IEEF", "password");
	ask(pool, loop, &c, &left, "IEEE", "password");
	ask(pool, loop, &d, &left, "any", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710A12E");
	assert_int_equal(a.answers, 0); /* never from inside */
	loop_run(loop);
	assert_memory_equal(a.psk, ieee, 32);
	assert_memory_not_equal(b.psk, ieee, 32);
	assert_memory_equal(c.psk, ieee, 32);
	assert_memory_equal(d.psk, ieee, 32);
	left = 1;
	ask(pool, loop, &a, &left, "IEEE", "password");
	loop_run(loop);
	assert_memory_equal(a.psk, ieee, 32);
	psk_destroy(pool);
}

static void it_is_worked_out_in_a_thread(void **state)
{
	struct loop *loop = loop_create_real();

	(void)state;
	the_standards_vector_comes_out(loop);
	loop_destroy(loop);
}

static void on_the_virtual_clock_it_takes_no_time(void **state)
{
	struct loop *loop = loop_create_virtual(0);

	(void)state;
	the_standards_vector_comes_out(loop);
	assert_int_equal(loop_now_us(loop), 0);
	loop_destroy(loop);
}

static void a_cancelled_request_is_not_answered_and_keeps_nothing(void **state)
{
	struct loop *loop = loop_create_real();
	struct psk_pool *pool = psk_create(loop);
	struct asked many[8];
	unsigned left = 4;
	uint8_t zeros[65] = { 0 };

	(void)state;
	for (int i = 0; i < 8; i++) {
		char ssid[2] = { (char)('a' + i), 0 };

		ask(pool, loop, &many[i], i % 2 ? &left : NULL, ssid, "passphrase");
	}
	for (int i = 0; i < 8; i += 2)
		psk_cancel(pool, &many[i].request);
	loop_run(loop);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(many[i].answers, i % 2);
		assert_memory_equal(many[i].request.passphrase, zeros, 65);
		assert_memory_equal(many[i].request.psk, zeros, 32);
	}
	psk_destroy(pool);
	loop_destroy(loop);
}

static void a_pool_may_go_while_work_is_left(void **state)
{
	struct loop *loop = loop_create_real();
	struct psk_pool *pool = psk_create(loop);
	struct asked many[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		ask(pool, loop, &many[i], NULL, "x", "passphrase");
	psk_destroy(pool);
	for (int i = 0; i < 16; i++)
		assert_int_equal(many[i].answers, 0);
	loop_destroy(loop);
}

/* The known vector of PBKDF2-HMAC-SHA256 ("password", "salt", one round), with a thread and without. */
static void what_pins_are_stretched_to_comes_out(struct loop *loop)
{
	static const uint8_t known[32] = { 0x12, 0x0f, 0xb6, 0xcf, 0xfc, 0xf8, 0xb3, 0x2c, 0x43, 0xe7, 0x22,
					   0x52, 0x56, 0xc4, 0xf8, 0x37, 0xa8, 0x65, 0x48, 0xc9, 0x2c, 0xcc,
					   0x35, 0x48, 0x08, 0x05, 0x98, 0x7c, 0xb7, 0x0b, 0xe1, 0x7b };
	struct psk_pool *pool = psk_create(loop);
	unsigned left = 2;
	struct asked a = { .request = { .done = done, .ctx = &a }, .loop = loop, .left = &left }, b = a;

	assert_non_null(pool);
	b.request.ctx = &b;
	psk_stretch(pool, &a.request, mr_rd_over("password", 8), mr_rd_over("salt", 4), 1);
	psk_stretch(pool, &b.request, mr_rd_over("password", 8), mr_rd_over("salt", 4), 2);
	assert_int_equal(a.answers, 0);
	loop_run(loop);
	assert_memory_equal(a.psk, known, 32);
	assert_memory_not_equal(b.psk, known, 32);
	psk_stretch(pool, &a.request, mr_rd_over("password", 8), mr_rd_over("salt", 4), 100000);
	psk_cancel(pool, &a.request);
	assert_int_equal(a.request.text[0], 0);
	psk_destroy(pool);
	loop_destroy(loop);
}

static void pins_are_stretched_off_the_loop_and_on_the_virtual_clock(void **state)
{
	(void)state;
	what_pins_are_stretched_to_comes_out(loop_create_virtual(1700000000000000));
	what_pins_are_stretched_to_comes_out(loop_create_real());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_worked_out_in_a_thread),
		cmocka_unit_test(on_the_virtual_clock_it_takes_no_time),
		cmocka_unit_test(a_cancelled_request_is_not_answered_and_keeps_nothing),
		cmocka_unit_test(a_pool_may_go_while_work_is_left),
		cmocka_unit_test(pins_are_stretched_off_the_loop_and_on_the_virtual_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
