/*
 * Random octets: the seeded generator against AES-256-CTR computed apart from it, separate streams, uniform numbers,
 * and what OpenSSL draws when it is lent to.
 *
 * links: station/base/entropy.c
 */
#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cmocka.h>

#include "station/base/entropy.h"

/* The counter blocks, one by one, under ECB: NIST SP 800-38A 6.5 in other words. */
static void counter_mode(const char *text, size_t len, uint8_t *out, size_t blocks)
{
	uint8_t key[32], counter[16] = { 0 };
	EVP_CIPHER_CTX *ecb = EVP_CIPHER_CTX_new();
	int n;

	assert_true(EVP_Q_digest(NULL, "SHA256", NULL, text, len, key, NULL));
	assert_true(EVP_EncryptInit_ex2(ecb, EVP_aes_256_ecb(), key, NULL, NULL));
	for (size_t i = 0; i < blocks; i++) {
		counter[14] = (uint8_t)(i >> 8);
		counter[15] = (uint8_t)i;
		assert_true(EVP_EncryptUpdate(ecb, out + 16 * i, &n, counter, 16) && n == 16);
	}
	EVP_CIPHER_CTX_free(ecb);
}

static void the_seeded_stream_is_aes_256_in_counter_mode(void **state)
{
	static const char text[] = "millrace seed 000000005eed0007 device 17";
	static uint8_t want[10000], got[10000];
	struct entropy *e = entropy_create_seeded(0x5eed0007, "device 17");

	(void)state;
	counter_mode(text, sizeof(text) - 1, want, sizeof(want) / 16);
	/* In pieces of every size, over the edge of the block inside. */
	for (size_t at = 0, n = 1; at < sizeof(got); at += n, n = n * 3 % 701 + 1) {
		if (n > sizeof(got) - at)
			n = sizeof(got) - at;
		entropy_fill(e, got + at, n);
	}
	assert_memory_equal(got, want, sizeof(got));
	entropy_destroy(e);
}

static void seed_and_label_separate_streams(void **state)
{
	static const struct {
		uint64_t seed;
		const char *label;
	} who[] = {
		{ 1, "station" }, { 2, "station" },  { 1, "air" },	 { 1ull << 63, "station" },
		{ 1, "" },	  { 1, "device 1" }, { 1, "device 11" },
	};
	uint8_t first[7][32];

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		struct entropy *e = entropy_create_seeded(who[i].seed, who[i].label);

		entropy_fill(e, first[i], 32);
		entropy_destroy(e);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(first[i], first[k], 32);
	}
}

static void a_label_that_does_not_fit_is_refused_not_cut(void **state)
{
	char label[200];

	(void)state;
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	assert_null(entropy_create_seeded(1, label));
	entropy_destroy(NULL);
}

static void the_kernels_octets_do_not_repeat(void **state)
{
	struct entropy *a = entropy_create_kernel(), *b = entropy_create_kernel();
	uint8_t x[64], y[64], z[64];

	(void)state;
	entropy_fill(a, x, sizeof(x));
	entropy_fill(a, y, sizeof(y));
	entropy_fill(b, z, sizeof(z));
	assert_memory_not_equal(x, y, sizeof(x));
	assert_memory_not_equal(x, z, sizeof(x));
	assert_memory_not_equal(y, z, sizeof(y));
	entropy_destroy(a);
	entropy_destroy(b);
}

static void on_alarm(int signal) { (void)signal; }

/* A handled signal may end getrandom early; that is no lack of entropy. */
static void a_signal_in_the_middle_does_no_harm(void **state)
{
	struct sigaction act = { .sa_handler = on_alarm }, old;
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, off = { 0 };
	struct entropy *e = entropy_create_kernel();
	uint8_t out[4096];

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &act, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (int i = 0; i < 2000; i++)
		entropy_fill(e, out, sizeof(out));
	assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
	entropy_destroy(e);
}

static void numbers_below_a_bound_are_uniform(void **state)
{
	struct entropy *e = entropy_create_seeded(7, "numbers");
	static const uint64_t bounds[] = { 1, 2, 3, 6, 7, 10 };

	(void)state;
	for (size_t b = 0; b < sizeof(bounds) / sizeof(bounds[0]); b++) {
		unsigned seen[10] = { 0 };

		for (unsigned i = 0; i < 6000; i++) {
			uint64_t v = entropy_below(e, bounds[b]);

			assert_true(v < bounds[b]);
			seen[v]++;
		}
		for (size_t v = 0; v < bounds[b]; v++) { /* 6 standard deviations at the least */
			double mean = 6000.0 / (double)bounds[b];

			assert_true(seen[v] > mean * 0.75 && seen[v] < mean * 1.25);
		}
	}
	/* Two thirds of the range: without rejection the lower half of it would come twice as often. */
	unsigned low = 0;

	for (unsigned i = 0; i < 6000; i++)
		low += entropy_below(e, 0xaaaaaaaaaaaaaaaau) < 0x5555555555555555u;
	assert_true(low > 2700 && low < 3300);
	entropy_destroy(e);
}

static void *draw(void *out)
{
	assert(RAND_bytes(out, 32) == 1);
	return NULL;
}

static void openssl_draws_from_the_lent_stream_in_the_lending_thread_only(void **state)
{
	uint8_t want[64], got[64], again[32], other[32], after[32];
	struct entropy *e = entropy_create_seeded(3, "station");
	pthread_t thread;

	(void)state;
	entropy_fill(e, want, sizeof(want));
	entropy_destroy(e);
	e = entropy_create_seeded(3, "station");
	entropy_lend_to_openssl(e);
	assert_int_equal(RAND_bytes(got, 32), 1);
	assert_int_equal(RAND_status(), 1);
	assert_int_equal(pthread_create(&thread, NULL, draw, other), 0); /* must not move the lent stream on */
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(RAND_bytes(got + 32, 32), 1);
	assert_memory_equal(got, want, sizeof(got));
	assert_memory_not_equal(other, want + 32, 32);
	entropy_lend_to_openssl(NULL);
	assert_int_equal(RAND_bytes(after, 32), 1);
	entropy_fill(e, again, 32);
	assert_memory_not_equal(after, again, 32);
	entropy_destroy(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_seeded_stream_is_aes_256_in_counter_mode),
		cmocka_unit_test(seed_and_label_separate_streams),
		cmocka_unit_test(a_label_that_does_not_fit_is_refused_not_cut),
		cmocka_unit_test(the_kernels_octets_do_not_repeat),
		cmocka_unit_test(a_signal_in_the_middle_does_no_harm),
		cmocka_unit_test(numbers_below_a_bound_are_uniform),
		cmocka_unit_test(openssl_draws_from_the_lent_stream_in_the_lending_thread_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
