/*
 * What accessories and controllers send: the first octet chooses Apple's element, the response to /auth-setup, the two
 * messages of /config. What parses lies in the input, and is written again as something that parses alike. What is
 * signed, and who has signed it, is looked at with the certificate of the input.
 *
 * links: agent/wire/apple_ie.c agent/wire/mfi_sap.c agent/wire/wac.c agent/wire/cause.c
 * links: station/identity/mfi_chain.c station/identity/mfi_test.c station/identity/keyfile.c
 * links: agent/port/linux/crypto_openssl.c agent/port/linux/crypto_wac_openssl.c
 */
#include <assert.h>
#include <string.h>

#include "agent/wire/apple_ie.h"
#include "agent/wire/mfi_sap.h"
#include "agent/wire/wac.h"
#include "station/identity/mfi_chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool same(struct mr_rd a, struct mr_rd b)
{
	return (a.at != NULL) == (b.at != NULL) && a.left == b.left && (a.left == 0 || memcmp(a.at, b.at, a.left) == 0);
}

static void element(struct mr_rd in)
{
	uint8_t octets[MR_APPLE_IE_MAX];
	struct mr_wr w = mr_wr_over(octets, sizeof(octets));
	struct mr_apple_ie ie, again;

	if (!mr_apple_ie_parse(in, &ie))
		return;
	for (unsigned flag = 0; flag < 40; flag++)
		(void)mr_apple_ie_flag(&ie, (enum mr_apple_flag)flag);
	mr_apple_ie_build(&ie, &w);
	if (w.bad || w.len <= 6) /* longer than an element can be; or of unknown parts alone */
		return;
	assert(mr_apple_ie_parse(mr_rd_over(octets + 6, w.len - 6), &again));
	assert(same(ie.name, again.name) && same(ie.device_id, again.device_id) && same(ie.flags, again.flags));
	assert(again.odd == 0);
}

static void auth_setup(struct mr_rd in)
{
	static const uint8_t message[MR_MFI_MESSAGE_LEN];
	static struct mfi_trust *nobody;
	struct mr_mfi_response r;
	struct mfi_verdict v;
	const uint8_t *key;

	if (mr_mfi_request_parse(in, &key))
		assert(key == in.at + 1);
	if (!mr_mfi_response_parse(in, &r))
		return;
	assert(r.certificate.left <= MR_MFI_CERTIFICATE_MAX && r.signature.left <= MR_MFI_RSA_LEN);
	if (!nobody)
		nobody = mfi_trust_none();
	assert(nobody);
	(void)mfi_verify(nobody, MFI_ACCEPT_ANY, r.certificate, message, r.signature, &v);
	assert(!v.chains && strlen(v.subject) <= MFI_TEXT_MAX && strlen(v.serial) <= 64);
	assert(!mfi_verify(nobody, MFI_ACCEPT_TEST_CA, r.certificate, message, r.signature, &v));
}

static void config(struct mr_rd in, bool response)
{
	uint8_t octets[4096];
	struct mr_wr w = mr_wr_over(octets, sizeof(octets));
	struct mr_wac_request request, request_again;
	struct mr_wac_response answer, answer_again;

	if (response && mr_wac_response_parse(in, &answer)) {
		mr_wac_response_build(&answer, &w);
		assert(!w.bad && mr_wac_response_parse(mr_wr_written(&w), &answer_again));
		assert(same(answer.name, answer_again.name) && same(answer.serial, answer_again.serial));
	} else if (!response && mr_wac_request_parse(in, &request)) {
		assert(request.ssid.left >= 1 && request.ssid.left <= 32);
		assert(!request.passphrase.at || (request.passphrase.left >= 8 && request.passphrase.left <= 63));
		mr_wac_request_build(&request, &w);
		assert(!w.bad && mr_wac_request_parse(mr_wr_written(&w), &request_again));
		assert(same(request.ssid, request_again.ssid) && same(request.passphrase, request_again.passphrase));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct mr_rd in = mr_rd_over(bytes, len);

	switch (mr_rd_u8(&in) % 4) {
	case 0: element(in); break;
	case 1: auth_setup(in); break;
	case 2: config(in, false); break;
	default: config(in, true); break;
	}
	return 0;
}
