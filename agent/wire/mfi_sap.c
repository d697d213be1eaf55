#include "agent/wire/mfi_sap.h"

#include "agent/port/crypto_wac.h"

#define VERSION 1u

/* SHA-1(label || shared), the first 16 octets. */
static bool derive(const char *label, size_t label_len, const uint8_t shared[static 32], uint8_t out[static 16])
{
	uint8_t text[8 + 32], digest[20];
	struct mr_wr w = mr_wr_over(text, sizeof(text));
	bool ok;

	mr_wr_bytes(&w, label, label_len);
	mr_wr_bytes(&w, shared, 32);
	ok = !w.bad && mr_sha1(text, w.len, digest);
	mr_copy(out, digest, 16);
	mr_wipe(text, sizeof(text));
	mr_wipe(digest, sizeof(digest));
	return ok;
}

bool mr_mfi_keys(const uint8_t shared[static 32], struct mr_mfi_stream *out)
{
	out->at = 0;
	return derive("AES-KEY", 7, shared, out->key) && derive("AES-IV", 6, shared, out->iv);
}

bool mr_mfi_crypt(struct mr_mfi_stream *s, const void *in, size_t len, uint8_t *out)
{
	if (!mr_aes128_ctr(s->key, s->iv, s->at, in, len, out))
		return false;
	s->at += len;
	return true;
}

void mr_mfi_request_build(const uint8_t public_key[static 32], struct mr_wr *w)
{
	mr_wr_u8(w, VERSION);
	mr_wr_bytes(w, public_key, 32);
}

bool mr_mfi_request_parse(struct mr_rd in, const uint8_t **public_key)
{
	bool known = in.left == MR_MFI_REQUEST_LEN && mr_rd_u8(&in) == VERSION;

	*public_key = known ? mr_rd_take(&in, 32) : NULL;
	return known && !in.bad;
}

void mr_mfi_response_build(const struct mr_mfi_response *r, struct mr_wr *w)
{
	mr_wr_bytes(w, r->public_key, 32);
	mr_wr_be32(w, (uint32_t)r->certificate.left);
	mr_wr_bytes(w, r->certificate.at, r->certificate.left);
	mr_wr_be32(w, (uint32_t)r->signature.left);
	mr_wr_bytes(w, r->signature.at, r->signature.left);
}

bool mr_mfi_response_parse(struct mr_rd in, struct mr_mfi_response *out)
{
	uint32_t certificate_len, signature_len;

	*out = (struct mr_mfi_response){ 0 };
	out->public_key = mr_rd_take(&in, 32);
	certificate_len = mr_rd_be32(&in);
	if (certificate_len == 0 || certificate_len > MR_MFI_CERTIFICATE_MAX)
		return false;
	out->certificate = mr_rd_sub(&in, certificate_len);
	signature_len = mr_rd_be32(&in);
	if (signature_len != MR_MFI_RSA_LEN && signature_len != MR_MFI_ECDSA_LEN)
		return false;
	out->signature = mr_rd_sub(&in, signature_len);
	return !in.bad && in.left == 0;
}

void mr_mfi_message(const uint8_t server[static 32], const uint8_t client[static 32],
		    uint8_t out[static MR_MFI_MESSAGE_LEN])
{
	mr_copy(out, server, 32);
	mr_copy(out + 32, client, 32);
}
