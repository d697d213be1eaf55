/*
 * The signer's side of its channels, with keys of a fixed seed. Input: a channel, then one request as it lies in a
 * packet. Whatever is signed as a certificate is one that OpenSSL reads, of our issuer and profile, and no CA; whatever
 * is refused has a sentence; no answer holds a private key.
 *
 * links: station/identity/signer_desk.c station/identity/signer_file.c station/identity/certificate.c
 * links: station/identity/identity.c station/identity/keyfile.c station/identity/ceremony.c
 * links: station/identity/pin.c station/identity/serial.c station/base/entropy.c
 * links: station/base/log.c agent/wire/hkdf.c agent/wire/cause.c agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/wire/cause.h"
#include "station/identity/ceremony.h"
#include "station/identity/private.h"
#include "station/identity/signer_desk.h"

#define NOW_US (INT64_C(1795426245) * 1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(int good)
{
	if (!good)
		abort();
}

static struct mr_wr set_up(uint8_t room[static 600], const char *dir)
{
	struct mr_wr out = mr_wr_over(room, 600);

	signer_put_head(&out, &(struct signer_head){ .kind = SIGNER_SET_UP });
	signer_put_text(&out, dir);
	mr_wr_le64(&out, (uint64_t)NOW_US);
	signer_put_text(&out, "Acme");
	signer_put_text(&out, "AC-100");
	signer_put_text(&out, "1.3.6.1.4.1.32473.1");
	mr_wr_le64(&out, 86400);
	mr_wr_u8(&out, 1);
	signer_put_text(&out, "AC-100");
	mr_wr_u8(&out, 1);
	mr_wr_le64(&out, 1);
	signer_put_text(&out, "fuzz");
	return out;
}

/* A folder of keys that is the same in every run, so that seeds hold; it is gone again when they are open. */
static void open_desk(struct signer_desk *desk)
{
	char dir[] = "/tmp/millrace-fuzz-XXXXXX", error[300], command[64];
	const struct ceremony plan = { .dir = dir, .root_days = 20, .issuing_days = 10, .utc_us = NOW_US };
	struct entropy *entropy = entropy_create_seeded(1, "fuzz");
	uint8_t request[600], answer[SIGNER_MESSAGE_MAX];
	struct mr_wr in, out = mr_wr_over(answer, sizeof(answer));

	must(mkdtemp(dir) != NULL && entropy != NULL);
	entropy_lend_to_openssl(entropy);
	must(ceremony_init(&plan, entropy, error, sizeof(error)) == 0);
	in = set_up(request, dir);
	signer_desk_init(desk);
	must(signer_desk_answer(desk, SIGNER_LINE, mr_wr_written(&in), &out) && desk->signer && signer_desk_try(desk));
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	must(system(command) == 0); /* NOLINT(cert-env33-c): a path that we made */
	entropy_destroy(entropy);
}

/* A TBSCertificate becomes a certificate around it, for OpenSSL to read. */
static void is_of_the_profile(const struct signer_desk *desk, struct mr_rd tbs, struct mr_rd sig)
{
	uint8_t der[IDENTITY_CERT_MAX + 100];
	struct mr_wr out = mr_wr_over(der, sizeof(der));
	const uint8_t *at = der, *issuer_at = desk->identity->issuer_der;
	X509 *issuer = d2i_X509(NULL, &issuer_at, (long)desk->identity->issuer_der_len), *certificate;
	char name[100];

	mr_wr_u8(&out, 0x30);
	mr_wr_u8(&out, 0x82);
	mr_wr_be16(&out, (uint16_t)(tbs.left + sizeof(ecdsa_with_sha256) + 3 + sig.left));
	mr_wr_bytes(&out, tbs.at, tbs.left);
	mr_wr_bytes(&out, ecdsa_with_sha256, sizeof(ecdsa_with_sha256));
	mr_wr_u8(&out, 0x03);
	mr_wr_u8(&out, (uint8_t)(sig.left + 1));
	mr_wr_u8(&out, 0);
	mr_wr_bytes(&out, sig.at, sig.left);
	certificate = d2i_X509(NULL, &at, (long)out.len);
	must(!out.bad && certificate && at == der + out.len);
	must(X509_verify(certificate, X509_get0_pubkey(issuer)) == 1);
	must(X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuer)) == 0);
	must(X509_check_ca(certificate) == 0 && X509_get_key_usage(certificate) == KU_DIGITAL_SIGNATURE);
	must(X509_NAME_entry_count(X509_get_subject_name(certificate)) == 3);
	must(X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof(name)) == 6 &&
	     strcmp(name, "AC-100") == 0);
	X509_free(certificate);
	X509_free(issuer);
	ERR_clear_error();
}

static int holds(const uint8_t *bytes, size_t len, const uint8_t *secret)
{
	return memmem(bytes, len, secret, 16) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct signer_desk desk; /* one for all inputs: they leave no state */
	uint8_t room[SIGNER_MESSAGE_MAX];
	struct mr_wr out = mr_wr_over(room, sizeof(room));
	struct mr_rd answer, request;
	struct signer_head head;

	if (!desk.signer)
		open_desk(&desk);
	if (len < 1 || len > SIGNER_MESSAGE_MAX)
		return 0;
	request = mr_rd_over(data + 1, len - 1);
	if (!signer_desk_answer(&desk, (enum signer_channel)(data[0] % SIGNER_CHANNELS), request, &out))
		return 0;
	answer = mr_wr_written(&out);
	must(signer_get_answer(&answer, &head));
	must(head.cause == 0 || (answer.left > 2 && mr_rd_le16(&answer) == answer.left));
	if (head.kind == SIGNER_CERTIFICATE && head.cause == 0)
		is_of_the_profile(&desk, mr_rd_over(data + 7, len - 7), answer);
	must(!holds(room, out.len, desk.identity->pin_seal_key) && !holds(room, out.len, desk.identity->label_key) &&
	     !holds(room, out.len, desk.identity->pin_lookup_key));
	return 0;
}
