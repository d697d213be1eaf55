/*
 * The CA's key from its file: signs at once, in the caller's thread. The context is set up once; a signature
 * then costs what the curve costs.
 */
#include <assert.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/identity/identity.h"
#include "station/identity/private.h"

struct signer_file {
	struct signer signer; /* first: the seam */
	EVP_PKEY_CTX *key;
};

static int sign(struct signer *signer, const uint8_t *tbs, size_t len, signer_done_fn *done, void *ctx)
{
	struct signer_file *file = (struct signer_file *)signer;
	uint8_t hash[32], sig[80];
	size_t sig_len = sizeof(sig);

	assert(file->key && len > 0 && len <= IDENTITY_CERT_MAX);
	if (!mr_sha256(tbs, len, hash) || EVP_PKEY_sign(file->key, sig, &sig_len, hash, sizeof(hash)) != 1) {
		ERR_clear_error();
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	assert(sig_len <= SIGNATURE_MAX);
	done(ctx, 0, sig, sig_len);
	return 0;
}

static void close_file(struct signer *signer)
{
	struct signer_file *file = (struct signer_file *)signer;

	EVP_PKEY_CTX_free(file->key);
	free(file);
}

struct signer *signer_create_file(struct identity *identity)
{
	struct signer_file *file = calloc(1, sizeof(*file));

	assert(identity->issuing_key); /* not of identity_open_pins, nor apart */
	if (!file)
		return NULL;
	file->signer = (struct signer){ .sign = sign, .close = close_file, .kind = "file" };
	file->key = EVP_PKEY_CTX_new(identity->issuing_key, NULL);
	if (!file->key || EVP_PKEY_sign_init(file->key) != 1) {
		close_file(&file->signer);
		return NULL;
	}
	return &file->signer;
}

struct signer *signer_create(struct identity *identity, struct loop *loop)
{
	return identity->apart ? identity->apart->signer(identity->apart, loop) : signer_create_file(identity);
}
