#include "tests/swarm/memo.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#define ROWS 16384u
#define OUT_MAX 80 /* octets: two scalars of a PIN */

struct row {
	atomic_bool whole; /* set last: who writes may be killed */
	uint8_t key[32], out[OUT_MAX];
};

static struct row *rows; /* the function below has no other place */

void memo_open(void)
{
	rows = mmap(NULL, ROWS * sizeof(*rows), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rows == MAP_FAILED)
		abort();
}

typedef int pbkdf2_fn(const char *pass, int pass_len, const unsigned char *salt, int salt_len, int iter,
		      const EVP_MD *digest, int key_len, unsigned char *out);

static bool make_key(const char *pass, int pass_len, const unsigned char *salt, int salt_len, int iter,
		     const EVP_MD *digest, int key_len, uint8_t key[static 32])
{
	const int numbers[] = { pass_len, salt_len, iter, EVP_MD_get_type(digest), key_len };
	uint8_t text[512];
	size_t len = sizeof(numbers);

	if (pass_len < 0 || salt_len < 0 || len + (size_t)pass_len + (size_t)salt_len > sizeof(text))
		return false;
	memcpy(text, numbers, len);
	memcpy(text + len, pass, (size_t)pass_len);
	memcpy(text + len + pass_len, salt, (size_t)salt_len);
	return SHA256(text, len + (size_t)pass_len + (size_t)salt_len, key) != NULL;
}

/* In place of libcrypto's, which does the work. */
int PKCS5_PBKDF2_HMAC(const char *pass, int pass_len, const unsigned char *salt, int salt_len, int iter,
		      const EVP_MD *digest, int key_len, unsigned char *out)
{
	pbkdf2_fn *real = (pbkdf2_fn *)(uintptr_t)dlsym(RTLD_NEXT, "PKCS5_PBKDF2_HMAC");
	struct row *row;
	uint8_t key[32];
	int result;

	if (!real)
		abort();
	if (!rows || key_len > OUT_MAX || !make_key(pass, pass_len, salt, salt_len, iter, digest, key_len, key))
		return real(pass, pass_len, salt, salt_len, iter, digest, key_len, out);
	row = &rows[(256u * key[0] + key[1]) % ROWS];
	if (atomic_load(&row->whole) && memcmp(row->key, key, sizeof(key)) == 0) {
		memcpy(out, row->out, (size_t)key_len);
		return 1;
	}
	result = real(pass, pass_len, salt, salt_len, iter, digest, key_len, out);
	if (result == 1) {
		atomic_store(&row->whole, false);
		memcpy(row->key, key, sizeof(key));
		memcpy(row->out, out, (size_t)key_len);
		atomic_store(&row->whole, true);
	}
	return result;
}

int PKCS5_PBKDF2_HMAC_SHA1(const char *pass, int pass_len, const unsigned char *salt, int salt_len, int iter,
			   int key_len, unsigned char *out)
{
	return PKCS5_PBKDF2_HMAC(pass, pass_len, salt, salt_len, iter, EVP_sha1(), key_len, out);
}
