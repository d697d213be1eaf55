/*
 * A device's certificate: the profile of IEEE 802.1AR, field by field, with OpenSSL as the judge.
 *
 * links: station/identity/certificate.c station/identity/identity.c station/identity/keyfile.c
 * links: station/identity/ceremony.c station/identity/pin.c station/identity/serial.c
 * links: station/identity/signer_file.c station/base/entropy.c station/base/log.c agent/wire/hkdf.c
 * links: agent/wire/cause.c agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/wire/cause.h"
#include "station/identity/ceremony.h"
#include "station/identity/identity.h"

#define NOW_US (INT64_C(1795426245) * 1000000) /* 2026-11-23 09:30:45 UTC */

struct bench {
	char dir[64];
	struct entropy *entropy;
	struct identity *identity;
	struct signer *signer;
	struct identity_csr csr;
	EVP_PKEY *device;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct ceremony plan = {
		.dir = b->dir, .organization = "Acme", .root_days = 7300, .issuing_days = 1825, .utc_us = NOW_US
	};
	char error[300] = "";
	size_t len = 0;

	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/millrace-certificate-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->entropy = entropy_create_seeded(7, "certificate");
	if (ceremony_init(&plan, b->entropy, error, sizeof(error)) != 0 ||
	    identity_open(&b->identity, b->dir, "default", NOW_US, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	b->signer = signer_create_file(b->identity);
	assert_non_null(b->signer);
	b->device = EVP_EC_gen("P-256");
	assert_int_equal(EVP_PKEY_get_octet_string_param(b->device, "pub", b->csr.public_key, 65, &len), 1);
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	b->signer->close(b->signer);
	identity_close(b->identity);
	entropy_destroy(b->entropy);
	EVP_PKEY_free(b->device);
	(void)nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}

struct issued {
	unsigned calls;
	int result;
	struct identity_certificate certificate;
};

static void on_issued(void *ctx, int result, const struct identity_certificate *certificate)
{
	struct issued *issued = ctx;

	issued->calls++;
	issued->result = result;
	assert_int_equal(result == 0, certificate != NULL);
	if (certificate)
		issued->certificate = *certificate;
}

static X509 *issue(struct bench *b, const struct identity_profile *profile, const char *serial, int64_t utc_us,
		   struct identity_certificate *out)
{
	struct issued issued = { 0 };
	const uint8_t *at = issued.certificate.der;
	X509 *certificate;
	uint8_t *der = NULL;

	assert_int_equal(identity_issue(b->identity, b->signer, b->entropy, profile, &b->csr, serial, utc_us, on_issued,
					&issued),
			 0);
	assert_int_equal(issued.calls, 1);
	assert_int_equal(issued.result, 0);
	certificate = d2i_X509(NULL, &at, (long)issued.certificate.len);
	assert_non_null(certificate);
	assert_ptr_equal(at, issued.certificate.der + issued.certificate.len);
	/* What OpenSSL writes from what it read is what we wrote: the DER is canonical. The setter drops its
	 * cached copy. */
	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(i2d_re_X509_tbs(certificate, &der) > 0, 1);
	assert_non_null(memmem(issued.certificate.der, issued.certificate.len, der,
			       (size_t)i2d_re_X509_tbs(certificate, NULL)));
	OPENSSL_free(der);
	X509_free(certificate);
	at = issued.certificate.der;
	certificate = d2i_X509(NULL, &at, (long)issued.certificate.len);
	if (out)
		*out = issued.certificate;
	return certificate;
}

static X509 *load(const struct bench *b, const char *name)
{
	char path[128];
	FILE *file;
	X509 *certificate;

	(void)snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	file = fopen(path, "r");
	assert_non_null(file);
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	(void)fclose(file);
	assert_non_null(certificate);
	return certificate;
}

/* As `openssl verify -x509_strict -CAfile root.crt -untrusted issuing.crt` does. X509_V_OK or the reason. */
static int strict_verdict(const struct bench *b, X509 *certificate, time_t when)
{
	X509 *root = load(b, "root.crt"), *issuing = load(b, "issuing.crt");
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	int verdict;

	assert_int_equal(X509_STORE_add_cert(store, root), 1);
	assert_true(sk_X509_push(untrusted, issuing) > 0);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, certificate, untrusted), 1);
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
	X509_STORE_CTX_set_time(ctx, 0, when);
	verdict = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(untrusted);
	X509_free(issuing);
	X509_free(root);
	return verdict;
}

static const struct identity_profile plain = { .organization = "Acme", .common_name = "AC-100" };

static void openssl_verifies_every_profile_strictly_up_to_the_root(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < 16; i++) {
		const struct identity_profile profile = {
			.organization = i & 1 ? "Acme" : NULL,
			.common_name = "AC-100",
			.validity_s = i & 2 ? 86400 : 0,
			.subject_key_identifier = (i & 4) != 0,
			.hw_type_oid = i & 8 ? "1.3.6.1.4.1.32473.1.100" : NULL,
		};
		X509 *certificate = issue(b, &profile, "AC10000001", NOW_US, NULL);

		assert_string_equal(X509_verify_cert_error_string(strict_verdict(b, certificate, NOW_US / 1000000 + 1)),
				    "ok");
		X509_free(certificate);
	}
}

static void a_certificate_with_one_bit_changed_is_not_verified(void **state)
{
	struct bench *b = *state;
	struct identity_certificate c;
	X509 *certificate = issue(b, &plain, "AC10000001", NOW_US, &c);
	const uint8_t *at = c.der;
	uint8_t *serial = memmem(c.der, c.len, "AC10000001", 10);

	X509_free(certificate);
	assert_non_null(serial);
	serial[9] ^= 3;
	certificate = d2i_X509(NULL, &at, (long)c.len);
	assert_non_null(certificate);
	assert_int_equal(strict_verdict(b, certificate, NOW_US / 1000000 + 1), X509_V_ERR_CERT_SIGNATURE_FAILURE);
	X509_free(certificate);
}

static void another_factory_does_not_vouch_for_it(void **state)
{
	struct bench *b = *state;
	struct bench *other;
	void *other_state = NULL;
	X509 *certificate = issue(b, &plain, "AC10000001", NOW_US, NULL);

	assert_int_equal(begin(&other_state), 0);
	other = other_state;
	assert_int_equal(strict_verdict(other, certificate, NOW_US / 1000000 + 1),
			 X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
	X509_free(certificate);
	(void)end(&other_state);
}

static void the_fields_are_those_of_the_idevid_profile(void **state)
{
	struct bench *b = *state;
	struct identity_certificate c;
	X509 *certificate = issue(b, &plain, "AC10000001", NOW_US, &c), *issuing = load(b, "issuing.crt");
	char line[200];
	int critical = -1;
	ASN1_BIT_STRING *usage;
	AUTHORITY_KEYID *akid;

	assert_int_equal(X509_get_version(certificate), X509_VERSION_3);
	X509_NAME_oneline(X509_get_subject_name(certificate), line, sizeof(line));
	assert_string_equal(line, "/O=Acme/CN=AC-100/serialNumber=AC10000001");
	assert_string_equal(c.subject, "O=Acme, CN=AC-100, serialNumber=AC10000001");
	assert_int_equal(X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuing)), 0);
	assert_int_equal(X509_get_signature_nid(certificate), NID_ecdsa_with_SHA256);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate), b->device), 1);

	usage = X509_get_ext_d2i(certificate, NID_key_usage, &critical, NULL);
	assert_non_null(usage);
	assert_int_equal(critical, 1);
	assert_int_equal(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE);
	ASN1_BIT_STRING_free(usage);

	akid = X509_get_ext_d2i(certificate, NID_authority_key_identifier, &critical, NULL);
	assert_non_null(akid);
	assert_int_equal(critical, 0);
	assert_int_equal(ASN1_STRING_cmp(akid->keyid, X509_get0_subject_key_id(issuing)), 0);
	assert_null(akid->issuer);
	AUTHORITY_KEYID_free(akid);

	/* 802.1AR: no subjectKeyIdentifier unless asked for; a device is no CA and says nothing about it. */
	assert_int_equal(X509_get_ext_count(certificate), 2);
	assert_int_equal(X509_check_ca(certificate), 0);
	assert_null(X509_get0_subject_key_id(certificate));
	X509_free(issuing);
	X509_free(certificate);
}

static void without_validity_it_never_expires(void **state)
{
	struct bench *b = *state;
	struct identity_certificate c;
	X509 *certificate = issue(b, &plain, "AC10000001", NOW_US, &c);

	assert_int_equal(ASN1_STRING_type(X509_get0_notBefore(certificate)), V_ASN1_UTCTIME);
	assert_string_equal((const char *)ASN1_STRING_get0_data(X509_get0_notBefore(certificate)), "261123093045Z");
	assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(certificate)), V_ASN1_GENERALIZEDTIME);
	assert_string_equal((const char *)ASN1_STRING_get0_data(X509_get0_notAfter(certificate)), "99991231235959Z");
	assert_int_equal(c.not_before_us, NOW_US);
	assert_int_equal(c.not_after_us, INT64_MAX);
	X509_free(certificate);
}

static void years_from_2050_on_are_written_with_four_digits(void **state)
{
	struct bench *b = *state;
	const int64_t to_2049_end = INT64_C(2524607999) - NOW_US / 1000000;
	struct identity_profile profile = plain;
	struct identity_certificate c;
	X509 *certificate;

	profile.validity_s = to_2049_end;
	certificate = issue(b, &profile, "A", NOW_US, &c);
	assert_string_equal((const char *)ASN1_STRING_get0_data(X509_get0_notAfter(certificate)), "491231235959Z");
	assert_int_equal(c.not_after_us, INT64_C(2524607999000000));
	X509_free(certificate);

	profile.validity_s = to_2049_end + 1;
	certificate = issue(b, &profile, "A", NOW_US, &c);
	assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(certificate)), V_ASN1_GENERALIZEDTIME);
	assert_string_equal((const char *)ASN1_STRING_get0_data(X509_get0_notAfter(certificate)), "20500101000000Z");
	X509_free(certificate);
}

static void the_subject_key_identifier_comes_when_asked_for(void **state)
{
	struct bench *b = *state;
	struct identity_profile profile = plain;
	X509 *certificate;

	profile.subject_key_identifier = true;
	certificate = issue(b, &profile, "A", NOW_US, NULL);
	assert_non_null(X509_get0_subject_key_id(certificate));
	assert_int_equal(ASN1_STRING_length(X509_get0_subject_key_id(certificate)), 20);
	X509_free(certificate);
}

static void the_hardware_module_name_carries_type_and_serial_number(void **state)
{
	struct bench *b = *state;
	struct identity_profile profile = plain;
	X509 *certificate;
	GENERAL_NAMES *names;
	const GENERAL_NAME *name;
	ASN1_TYPE *value;
	/* RFC 4108 section 5: SEQUENCE { 1.3.6.1.4.1.32473.1, OCTET STRING "AC10000001" } */
	static const uint8_t expected[] = { 0x30, 0x17, 0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01,
					    0x81, 0xfd, 0x59, 0x01, 0x04, 0x0a, 'A',  'C',  '1',
					    '0',  '0',	'0',  '0',  '0',  '0',	'1' };
	char text[64];

	profile.hw_type_oid = "1.3.6.1.4.1.32473.1";
	certificate = issue(b, &profile, "AC10000001", NOW_US, NULL);
	names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(names), 1);
	name = sk_GENERAL_NAME_value(names, 0);
	assert_int_equal(name->type, GEN_OTHERNAME);
	assert_true(OBJ_obj2txt(text, sizeof(text), name->d.otherName->type_id, 1) > 0);
	assert_string_equal(text, "1.3.6.1.5.5.7.8.4");
	value = name->d.otherName->value;
	assert_int_equal(value->type, V_ASN1_SEQUENCE);
	assert_int_equal(value->value.sequence->length, sizeof(expected));
	assert_memory_equal(value->value.sequence->data, expected, sizeof(expected));
	GENERAL_NAMES_free(names);
	X509_free(certificate);
}

static void serial_numbers_are_positive_minimal_and_never_repeat(void **state)
{
	struct bench *b = *state;
	static char seen[300][41];

	for (unsigned i = 0; i < 300; i++) {
		struct identity_certificate c;
		X509 *certificate = issue(b, &plain, "A", NOW_US, &c);
		const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
		BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
		char *hex = BN_bn2hex(number);

		assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER); /* not V_ASN1_NEG_INTEGER */
		assert_true(BN_num_bits(number) > 64 && BN_num_bits(number) <= 128);
		assert_string_equal(hex, c.serial_hex);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(seen[j], c.serial_hex);
		memcpy(seen[i], c.serial_hex, sizeof(seen[i]));
		OPENSSL_free(hex);
		BN_free(number);
		X509_free(certificate);
	}
}

static void the_longest_names_fit_and_verify(void **state)
{
	struct bench *b = *state;
	char o[65], cn[65], serial[33];
	const struct identity_profile profile = { .organization = o,
						  .common_name = cn,
						  .subject_key_identifier = true,
						  .validity_s = 1,
						  .hw_type_oid = "1.3.6.1.4.1.4294967295.4294967295.4294967295" };
	struct identity_certificate c;
	X509 *certificate;

	memset(o, ',', 64); /* escaped in the text */
	memset(cn, 'C', 64);
	memset(serial, 'S', 32);
	o[64] = cn[64] = serial[32] = '\0';
	certificate = issue(b, &profile, serial, NOW_US, &c);
	assert_true(c.len <= IDENTITY_CERT_MAX);
	assert_int_equal(strict_verdict(b, certificate, NOW_US / 1000000), X509_V_OK);
	assert_true(strlen(c.subject) < sizeof(c.subject));
	X509_free(certificate);
}

static void a_serial_number_with_an_underscore_is_not_mislabelled_as_printable_string(void **state)
{
	struct bench *b = *state;
	X509 *certificate = issue(b, &plain, "AC_1", NOW_US, NULL);
	const X509_NAME *subject = X509_get_subject_name(certificate);
	const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, X509_NAME_entry_count(subject) - 1);

	assert_int_equal(ASN1_STRING_type(X509_NAME_ENTRY_get_data(entry)), V_ASN1_UTF8STRING);
	X509_free(certificate);
	certificate = issue(b, &plain, "AC-1", NOW_US, NULL);
	subject = X509_get_subject_name(certificate);
	entry = X509_NAME_get_entry(subject, X509_NAME_entry_count(subject) - 1);
	assert_int_equal(ASN1_STRING_type(X509_NAME_ENTRY_get_data(entry)), V_ASN1_PRINTABLESTRING);
	X509_free(certificate);
}

static void profiles_that_make_no_certificate_are_refused_before_the_signer_is_asked(void **state)
{
	struct bench *b = *state;
	char long_name[66];
	const struct identity_profile wrong[] = {
		{ .common_name = NULL },
		{ .common_name = "" },
		{ .common_name = long_name },
		{ .common_name = "x", .organization = "" },
		{ .common_name = "x", .organization = long_name },
		{ .common_name = "x\n" },
		{ .common_name = "x", .organization = "\xc3" },
		{ .common_name = "x", .organization = "\xc0\x80" },
		{ .common_name = "x", .organization = "\xed\xa0\x80" },
		{ .common_name = "x", .validity_s = -1 },
		{ .common_name = "x", .hw_type_oid = "millrace" },
		{ .common_name = "x", .hw_type_oid = "" },
		{ .common_name = "x", .hw_type_oid = "9.9.9" },
	};
	struct issued issued = { 0 };

	memset(long_name, 'x', 65);
	long_name[65] = '\0';
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_non_null(identity_profile_wrong(&wrong[i]));
		assert_int_equal(identity_issue(b->identity, b->signer, b->entropy, &wrong[i], &b->csr, "A", NOW_US,
						on_issued, &issued),
				 -MR_CAUSE_TOO_LONG);
	}
	assert_null(identity_profile_wrong(&(struct identity_profile){ .common_name = "Mühle 水車 \xf0\x9f\x8f\xad" }));
	for (const char *const *serial =
		     (const char *const[]){ "", "a b", "a/b", "012345678901234567890123456789012", NULL };
	     *serial; serial++)
		assert_int_equal(identity_issue(b->identity, b->signer, b->entropy, &plain, &b->csr, *serial, NOW_US,
						on_issued, &issued),
				 -MR_CAUSE_TOO_LONG);
	assert_int_equal(issued.calls, 0);
}

static void nothing_is_issued_outside_the_issuers_own_time(void **state)
{
	struct bench *b = *state;
	struct issued issued = { 0 };
	const int64_t end_us = identity_issuer_not_after_us(b->identity);

	assert_int_equal(identity_issue(b->identity, b->signer, b->entropy, &plain, &b->csr, "A", end_us + 1, on_issued,
					&issued),
			 -MR_CAUSE_CERTIFICATE_EXPIRED);
	assert_int_equal(identity_issue(b->identity, b->signer, b->entropy, &plain, &b->csr, "A",
					NOW_US - INT64_C(3) * 86400000000, on_issued, &issued),
			 -MR_CAUSE_CERTIFICATE_EXPIRED);
	assert_int_equal(issued.calls, 0);
	assert_int_equal(
		identity_issue(b->identity, b->signer, b->entropy, &plain, &b->csr, "A", end_us, on_issued, &issued),
		0);
	assert_int_equal(issued.calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssl_verifies_every_profile_strictly_up_to_the_root),
		cmocka_unit_test(a_certificate_with_one_bit_changed_is_not_verified),
		cmocka_unit_test(another_factory_does_not_vouch_for_it),
		cmocka_unit_test(the_fields_are_those_of_the_idevid_profile),
		cmocka_unit_test(without_validity_it_never_expires),
		cmocka_unit_test(years_from_2050_on_are_written_with_four_digits),
		cmocka_unit_test(the_subject_key_identifier_comes_when_asked_for),
		cmocka_unit_test(the_hardware_module_name_carries_type_and_serial_number),
		cmocka_unit_test(serial_numbers_are_positive_minimal_and_never_repeat),
		cmocka_unit_test(the_longest_names_fit_and_verify),
		cmocka_unit_test(a_serial_number_with_an_underscore_is_not_mislabelled_as_printable_string),
		cmocka_unit_test(profiles_that_make_no_certificate_are_refused_before_the_signer_is_asked),
		cmocka_unit_test(nothing_is_issued_outside_the_issuers_own_time),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
