#include "station/base/entropy.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* RAND_set_rand_method is the only way in OpenSSL 3.0 to make ECDSA's nonces repeat; deprecated, without successor
 * there. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define BLOCK 4096 /* octets drawn at a time; chosen: one call of OpenSSL serves hundreds of draws */

struct entropy {
	EVP_CIPHER_CTX *ctr; /* NULL: the kernel's */
	uint8_t block[BLOCK];
	size_t used;
};

struct entropy *entropy_create_kernel(void)
{
	struct entropy *e = calloc(1, sizeof(*e));

	if (e)
		e->used = BLOCK;
	return e;
}

struct entropy *entropy_create_seeded(uint64_t seed, const char *label)
{
	struct entropy *e = entropy_create_kernel();
	uint8_t key[32];
	char text[96];
	int len = snprintf(text, sizeof(text), "millrace seed %016llx %s", (unsigned long long)seed, label);

	if (!e || len < 0 || (size_t)len >= sizeof(text) ||
	    !EVP_Q_digest(NULL, "SHA256", NULL, text, (size_t)len, key, NULL) || !(e->ctr = EVP_CIPHER_CTX_new()) ||
	    !EVP_EncryptInit_ex2(e->ctr, EVP_aes_256_ctr(), key, (const uint8_t[16]){ 0 }, NULL)) {
		entropy_destroy(e);
		return NULL;
	}
	return e;
}

void entropy_destroy(struct entropy *e)
{
	if (!e)
		return;
	EVP_CIPHER_CTX_free(e->ctr);
	OPENSSL_cleanse(e, sizeof(*e));
	free(e);
}

static void refill(struct entropy *e)
{
	int len = 0;

	if (e->ctr) {
		memset(e->block, 0, BLOCK);
		if (!EVP_EncryptUpdate(e->ctr, e->block, &len, e->block, BLOCK) || len != BLOCK)
			abort();
	} else {
		for (size_t got = 0; got < BLOCK;) {
			ssize_t n = getrandom(e->block + got, BLOCK - got, 0);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0) {
				fputs("millrace: the kernel gives no random octets; stopping\n", stderr);
				abort();
			}
			got += (size_t)n;
		}
	}
	e->used = 0;
}

void entropy_fill(struct entropy *e, void *out, size_t len)
{
	uint8_t *to = out;

	while (len > 0) {
		if (e->used == BLOCK)
			refill(e);
		size_t n = BLOCK - e->used < len ? BLOCK - e->used : len;

		memcpy(to, e->block + e->used, n);
		OPENSSL_cleanse(e->block + e->used, n);
		e->used += n;
		to += n;
		len -= n;
	}
}

uint64_t entropy_below(struct entropy *e, uint64_t bound)
{
	uint64_t v, limit;

	assert(bound > 0);
	limit = UINT64_MAX - UINT64_MAX % bound;
	do
		entropy_fill(e, &v, sizeof(v));
	while (v >= limit);
	return v % bound;
}

/*
 * OpenSSL's RAND_METHOD has no context argument: the one place where a pointer outside an object cannot be avoided.
 * It belongs to the lending thread; other threads (the journal's signatures) go on with the kernel's octets, or the
 * order in which threads draw would decide what a run looks like.
 */
static _Thread_local struct entropy *lent;

static int lent_bytes(unsigned char *out, int len)
{
	if (lent)
		entropy_fill(lent, out, (size_t)len);
	else
		for (int got = 0; got < len;) {
			ssize_t n = getrandom(out + got, (size_t)(len - got), 0);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return 0;
			got += (int)n;
		}
	return 1;
}

static int lent_status(void) { return 1; }

void entropy_lend_to_openssl(struct entropy *e)
{
	static const RAND_METHOD method = { .bytes = lent_bytes, .pseudorand = lent_bytes, .status = lent_status };

	lent = e;
	(void)RAND_set_rand_method(e ? &method : NULL);
}

struct entropy *entropy_lent_pause(void)
{
	struct entropy *paused = lent;

	lent = NULL;
	return paused;
}

void entropy_lent_resume(struct entropy *paused) { lent = paused; }
