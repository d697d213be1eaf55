/*
 * A device's certificate: IEEE 802.1AR-2018 IDevID, RFC 5280 section 4.1. The to-be-signed octets are written
 * straight in the order of the standard, around what identity_open has encoded of the issuer, so that a
 * certificate costs little more than its signature; tests have OpenSSL read, re-encode and verify them.
 *
 *	identity_issue: TBS -> signer -> TBS, algorithm, signature -> done
 */
#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/identity/der.h"
#include "station/identity/identity.h"
#include "station/identity/private.h"

#define OID_MAX 32 /* octets of an encoded object identifier */

/* What makes one certificate different from the next one of the same profile. */
struct particulars {
	uint8_t number[17]; /* the serial number of the certificate: a positive INTEGER in the shortest form */
	size_t number_len;
	const char *serial;	   /* of the device */
	const uint8_t *public_key; /* 65 octets */
	int64_t utc_us;
};

struct issue {
	struct issue *next;
	struct identity *identity;
	identity_issued_fn *done; /* NULL: forgotten */
	void *ctx;
	struct identity_certificate certificate;
	uint8_t tbs[IDENTITY_CERT_MAX];
	size_t tbs_len;
};

/* RFC 5280 section 4.2.1.3: critical, digitalSignature alone. */
static const uint8_t key_usage[] = { 0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01,
				     0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x07, 0x80 };
static const uint8_t oid_authority_key_identifier[] = { 0x55, 0x1d, 0x23 };
static const uint8_t oid_subject_key_identifier[] = { 0x55, 0x1d, 0x0e };
static const uint8_t oid_subject_alt_name[] = { 0x55, 0x1d, 0x11 };
static const uint8_t oid_hardware_module_name[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04 };
static const uint8_t oid_organization[] = { 0x55, 0x04, 0x0a };
static const uint8_t oid_common_name[] = { 0x55, 0x04, 0x03 };
static const uint8_t oid_serial_number[] = { 0x55, 0x04, 0x05 };

/* Octets of a UTF-8 sequence that begins so; 0: none does. */
static size_t sequence_len(uint8_t first)
{
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Well-formed UTF-8 (RFC 3629) without control characters. */
static bool is_text(const char *text, size_t len)
{
	const uint8_t *at = (const uint8_t *)text;

	while (len > 0) {
		uint32_t code = at[0];
		size_t n = code < 0x80 ? 1 : sequence_len(at[0]);

		if (n == 0 || n > len || code < 0x20 || code == 0x7f)
			return false;
		code &= n == 1 ? 0x7f : 0xffU >> (n + 1);
		for (size_t i = 1; i < n; i++) {
			if ((at[i] & 0xc0) != 0x80)
				return false;
			code = code << 6 | (at[i] & 0x3fU);
		}
		if ((n == 3 && code < 0x800) || (n == 4 && (code < 0x10000 || code > 0x10ffff)) ||
		    (code >= 0xd800 && code < 0xe000) || (n == 2 && code < 0xa0))
			return false;
		at += n;
		len -= n;
	}
	return true;
}

/* The contents of an OBJECT IDENTIFIER from "1.3.6.1..."; 0: not one, or too long. */
static size_t encode_oid(const char *text, uint8_t out[static OID_MAX])
{
	ASN1_OBJECT *object = OBJ_txt2obj(text, 1);
	size_t len = object ? OBJ_length(object) : 0;

	if (len > OID_MAX)
		len = 0;
	if (len > 0)
		mr_copy(out, OBJ_get0_data(object), len);
	ASN1_OBJECT_free(object);
	if (len == 0)
		ERR_clear_error();
	return len;
}

const char *identity_profile_wrong(const struct identity_profile *profile)
{
	const char *o = profile->organization, *cn = profile->common_name;
	uint8_t oid[OID_MAX];

	if (o && (o[0] == '\0' || strlen(o) > IDENTITY_NAME_MAX))
		return "the organization has 1 to 64 octets";
	if (o && !is_text(o, strlen(o)))
		return "the organization is not plain UTF-8 text";
	if (!cn || cn[0] == '\0' || strlen(cn) > IDENTITY_NAME_MAX)
		return "the common name has 1 to 64 octets";
	if (!is_text(cn, strlen(cn)))
		return "the common name is not plain UTF-8 text";
	if (profile->validity_s < 0 || profile->validity_s > INT64_C(3155760000))
		return "the validity is 0 (no expiry) or up to 100 years";
	if (profile->hw_type_oid && encode_oid(profile->hw_type_oid, oid) == 0)
		return "the hardware type is not an object identifier such as 1.3.6.1.4.1.32473.1";
	return NULL;
}

/* A positive INTEGER of up to 16 octets, in the shortest form, and as text. */
static void draw_serial_number(struct particulars *p, struct entropy *entropy, char hex[static 41])
{
	uint8_t octets[17]; /* a zero in front keeps it positive */
	size_t at;

	octets[0] = 0;
	do {
		entropy_fill(entropy, octets + 1, 16);
		for (at = 1; at < 17 && octets[at] == 0; at++)
			;
	} while (at == 17);
	hex[0] = '\0';
	for (size_t i = at; i < 17; i++)
		(void)snprintf(hex + 2 * (i - at), 3, "%02X", octets[i]);
	assert(strlen(hex) == 2 * (17 - at));
	if (octets[at] & 0x80)
		at--;
	p->number_len = 17 - at;
	mr_copy(p->number, octets + at, p->number_len);
}

/* RFC 5280 section 4.1.2.5: UTCTime through 2049, then GeneralizedTime. */
static void write_time(struct mr_wr *out, int64_t utc_us)
{
	time_t s = (time_t)(utc_us / 1000000);
	struct tm tm;
	char text[32];
	bool short_year;

	if (!gmtime_r(&s, &tm) || tm.tm_year + 1900 > 9999 || tm.tm_year < 50) {
		out->bad = true;
		return;
	}
	short_year = tm.tm_year < 150;
	(void)strftime(text, sizeof(text), short_year ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", &tm);
	der_write(out, short_year ? DER_UTC_TIME : DER_GENERALIZED_TIME, text, strlen(text));
}

static int64_t not_after_us(const struct identity_profile *profile, int64_t utc_us)
{
	return profile->validity_s > 0 ? utc_us / 1000000 * 1000000 + profile->validity_s * 1000000 : INT64_MAX;
}

static void write_validity(struct mr_wr *out, const struct identity_profile *profile, int64_t utc_us)
{
	static const char no_expiry[] = "99991231235959Z";
	size_t mark = der_open(out, DER_SEQUENCE);

	write_time(out, utc_us);
	if (profile->validity_s > 0)
		write_time(out, not_after_us(profile, utc_us));
	else
		der_write(out, DER_GENERALIZED_TIME, no_expiry, sizeof(no_expiry) - 1);
	der_close(out, mark);
}

/* RelativeDistinguishedName of one attribute. */
static void write_rdn(struct mr_wr *out, const uint8_t *oid, size_t oid_len, uint8_t tag, const char *value)
{
	size_t set = der_open(out, DER_SET), pair = der_open(out, DER_SEQUENCE);

	der_write(out, DER_OID, oid, oid_len);
	der_write(out, tag, value, strlen(value));
	der_close(out, pair);
	der_close(out, set);
}

/*
 * RFC 5280 appendix A.1 wants serialNumber as PrintableString, which lacks the underscore; a serial number
 * with one is a UTF8String, which every verifier reads.
 */
static void write_subject(struct mr_wr *out, const struct identity_profile *profile, const char *serial)
{
	size_t mark = der_open(out, DER_SEQUENCE);

	if (profile->organization)
		write_rdn(out, oid_organization, sizeof(oid_organization), DER_UTF8_STRING, profile->organization);
	write_rdn(out, oid_common_name, sizeof(oid_common_name), DER_UTF8_STRING, profile->common_name);
	write_rdn(out, oid_serial_number, sizeof(oid_serial_number),
		  strchr(serial, '_') ? DER_UTF8_STRING : DER_PRINTABLE_STRING, serial);
	der_close(out, mark);
}

static size_t open_extension(struct mr_wr *out, const uint8_t *oid, size_t oid_len, size_t *value)
{
	size_t mark = der_open(out, DER_SEQUENCE);

	der_write(out, DER_OID, oid, oid_len);
	*value = der_open(out, DER_OCTET_STRING);
	return mark;
}

static void close_extension(struct mr_wr *out, size_t mark, size_t value)
{
	der_close(out, value);
	der_close(out, mark);
}

static void write_authority_key_identifier(struct mr_wr *out, const struct identity *identity)
{
	size_t value,
		mark = open_extension(out, oid_authority_key_identifier, sizeof(oid_authority_key_identifier), &value);
	size_t sequence = der_open(out, DER_SEQUENCE);

	assert(identity->issuer_key_id_len > 0 && identity->issuer_key_id_len <= sizeof(identity->issuer_key_id));
	der_write(out, DER_CONTEXT, identity->issuer_key_id, identity->issuer_key_id_len);
	der_close(out, sequence);
	close_extension(out, mark, value);
}

/* RFC 7093 section 2, method 1: the leftmost 160 bits of SHA-256 over the public key. */
static void write_subject_key_identifier(struct mr_wr *out, const uint8_t point[static 65])
{
	size_t value,
		mark = open_extension(out, oid_subject_key_identifier, sizeof(oid_subject_key_identifier), &value);
	uint8_t hash[32];

	if (!mr_sha256(point, 65, hash))
		out->bad = true;
	der_write(out, DER_OCTET_STRING, hash, 20);
	close_extension(out, mark, value);
}

/* otherName hardwareModuleName: RFC 4108 section 5, as IEEE 802.1AR-2018 section 8.10.4 wants it. */
static void write_hardware_module_name(struct mr_wr *out, const char *hw_type_oid, const char *serial)
{
	uint8_t oid[OID_MAX];
	size_t oid_len = encode_oid(hw_type_oid, oid); /* 0: no memory, for identity_profile_wrong has read it */
	size_t value, mark = open_extension(out, oid_subject_alt_name, sizeof(oid_subject_alt_name), &value);
	size_t names = der_open(out, DER_SEQUENCE), other = der_open(out, DER_CONTEXT_CONSTRUCTED), explicit, sequence;

	if (oid_len == 0)
		out->bad = true;
	der_write(out, DER_OID, oid_hardware_module_name, sizeof(oid_hardware_module_name));
	explicit = der_open(out, DER_CONTEXT_CONSTRUCTED);
	sequence = der_open(out, DER_SEQUENCE);
	der_write(out, DER_OID, oid, oid_len);
	der_write(out, DER_OCTET_STRING, serial, strlen(serial));
	der_close(out, sequence);
	der_close(out, explicit);
	der_close(out, other);
	der_close(out, names);
	close_extension(out, mark, value);
}

static void write_extensions(struct mr_wr *out, const struct identity *identity, const struct identity_profile *profile,
			     const struct particulars *p)
{
	size_t explicit = der_open(out, DER_CONTEXT_CONSTRUCTED | 3), sequence = der_open(out, DER_SEQUENCE);

	write_authority_key_identifier(out, identity);
	if (profile->subject_key_identifier)
		write_subject_key_identifier(out, p->public_key);
	mr_wr_bytes(out, key_usage, sizeof(key_usage));
	if (profile->hw_type_oid)
		write_hardware_module_name(out, profile->hw_type_oid, p->serial);
	der_close(out, sequence);
	der_close(out, explicit);
}

/* RFC 5280 section 4.1: TBSCertificate. */
static void write_tbs(struct mr_wr *out, const struct identity *identity, const struct identity_profile *profile,
		      const struct particulars *p)
{
	static const uint8_t version_3[] = { 0xa0, 0x03, 0x02, 0x01, 0x02 };
	size_t mark = der_open(out, DER_SEQUENCE);

	mr_wr_bytes(out, version_3, sizeof(version_3));
	der_write(out, DER_INTEGER, p->number, p->number_len);
	mr_wr_bytes(out, ecdsa_with_sha256, sizeof(ecdsa_with_sha256));
	mr_wr_bytes(out, identity->issuer_subject, identity->issuer_subject_len);
	write_validity(out, profile, p->utc_us);
	write_subject(out, profile, p->serial);
	mr_wr_bytes(out, p256_spki, sizeof(p256_spki));
	mr_wr_bytes(out, p->public_key, 65);
	write_extensions(out, identity, profile, p);
	der_close(out, mark);
}

/* --- what a signer looks at --- */

static bool read_number(struct mr_rd *in, struct particulars *p)
{
	struct mr_rd number = der_read(in, DER_INTEGER, NULL);

	p->number_len = number.left;
	if (number.left == 0 || number.left > sizeof(p->number))
		return false;
	mr_rd_copy(&number, p->number, p->number_len);
	return p->number[0] < 0x80 && (p->number[0] > 0 || (p->number_len > 1 && p->number[1] >= 0x80));
}

/* What write_time has written: digits and a Z, to the second. */
static bool read_time(struct mr_rd in, uint8_t tag, int64_t *utc_us)
{
	const size_t year_len = tag == DER_UTC_TIME ? 2 : 4;
	unsigned values[6] = { 0 };
	struct tm tm;

	if (in.left != year_len + 11)
		return false;
	for (size_t i = 0; i < year_len + 10; i++) {
		uint8_t digit = mr_rd_u8(&in);
		unsigned *value = &values[i < year_len ? 0 : 1 + (i - year_len) / 2];

		if (digit < '0' || digit > '9')
			return false;
		*value = *value * 10 + (digit - '0');
	}
	if (tag == DER_UTC_TIME)
		values[0] += values[0] < 50 ? 2000 : 1900;
	tm = (struct tm){ .tm_year = (int)values[0] - 1900,
			  .tm_mon = (int)values[1] - 1,
			  .tm_mday = (int)values[2],
			  .tm_hour = (int)values[3],
			  .tm_min = (int)values[4],
			  .tm_sec = (int)values[5] };
	*utc_us = (int64_t)timegm(&tm) * 1000000;
	return true;
}

static bool read_not_before(struct mr_rd validity, int64_t *utc_us)
{
	uint8_t tag = validity.left > 0 ? validity.at[0] : 0;

	return (tag == DER_UTC_TIME || tag == DER_GENERALIZED_TIME) &&
	       read_time(der_read(&validity, tag, NULL), tag, utc_us);
}

/* The last attribute of the subject: the serial number of the device. */
static bool read_device(struct mr_rd subject, char serial[static IDENTITY_SERIAL_MAX + 1])
{
	struct mr_rd pair = { 0 }, set;
	uint8_t tag;
	size_t len;

	while (subject.left > 0) {
		set = der_read(&subject, DER_SET, NULL);
		pair = der_read(&set, DER_SEQUENCE, NULL);
	}
	(void)der_read(&pair, DER_OID, NULL);
	tag = pair.left > 0 ? pair.at[0] : 0;
	pair = der_read(&pair, tag, NULL);
	len = pair.left;
	if (pair.bad || len > IDENTITY_SERIAL_MAX)
		return false;
	mr_rd_copy(&pair, serial, len);
	serial[len] = '\0';
	return strlen(serial) == len && serial_is_valid(serial);
}

/*
 * The few values that differ between two certificates of the profile are read, and the whole is written again with
 * them. So there is no second opinion about what a certificate may say: every octet is as identity_issue writes it, or
 * it is refused.
 */
bool identity_tbs_fits(const struct identity *identity, const struct identity_profile *profile, const uint8_t *tbs,
		       size_t len)
{
	struct mr_rd in = mr_rd_over(tbs, len), body = der_read(&in, DER_SEQUENCE, NULL);
	char serial[IDENTITY_SERIAL_MAX + 1];
	struct particulars p = { .serial = serial };
	uint8_t again[IDENTITY_CERT_MAX];
	struct mr_wr out = mr_wr_over(again, sizeof(again));
	bool ok;

	mr_rd_skip(&body, 5); /* the version */
	ok = read_number(&body, &p);
	(void)der_read(&body, DER_SEQUENCE, NULL); /* the algorithm */
	(void)der_read(&body, DER_SEQUENCE, NULL); /* the issuer */
	ok = ok && read_not_before(der_read(&body, DER_SEQUENCE, NULL), &p.utc_us) &&
	     read_device(der_read(&body, DER_SEQUENCE, NULL), serial);
	mr_rd_skip(&body, sizeof(p256_spki));
	p.public_key = mr_rd_take(&body, 65);
	if (!ok || !p.public_key || p.public_key[0] != 4 || p.utc_us > identity->not_after_us ||
	    p.utc_us < identity->not_before_us)
		return false;
	write_tbs(&out, identity, profile, &p);
	return !out.bad && out.len == len && mr_equal(again, tbs, len);
}

/* --- issuing --- */

/* RFC 4514 section 2.4, in the order of the certificate. */
static void append_attribute(struct mr_wr *out, const char *name, const char *value)
{
	if (out->len > 0)
		mr_wr_bytes(out, ", ", 2);
	mr_wr_bytes(out, name, strlen(name));
	for (const char *at = value; *at; at++) {
		bool edge = (*at == ' ' && (at == value || at[1] == '\0')) || (*at == '#' && at == value);

		if (edge || strchr("\"+,;<>\\", *at))
			mr_wr_u8(out, '\\');
		mr_wr_u8(out, (uint8_t)*at);
	}
}

static bool subject_text(const struct identity_profile *profile, const char *serial,
			 char text[static IDENTITY_SUBJECT_MAX])
{
	struct mr_wr out = mr_wr_over(text, IDENTITY_SUBJECT_MAX - 1);

	if (profile->organization)
		append_attribute(&out, "O=", profile->organization);
	append_attribute(&out, "CN=", profile->common_name);
	append_attribute(&out, "serialNumber=", serial);
	assert(out.len < IDENTITY_SUBJECT_MAX);
	text[out.len] = '\0';
	return !out.bad;
}

static void unlink_issue(struct issue *issue)
{
	struct issue **at = &issue->identity->pending;

	while (*at && *at != issue)
		at = &(*at)->next;
	assert(*at); /* once in the list, from identity_issue to its signature */
	*at = issue->next;
}

/* RFC 5280 section 4.1.1: Certificate is TBS, algorithm, signature. */
static int assemble(struct issue *issue, const uint8_t *sig, size_t sig_len)
{
	struct identity_certificate *certificate = &issue->certificate;
	struct mr_wr out = mr_wr_over(certificate->der, sizeof(certificate->der));
	size_t mark = der_open(&out, DER_SEQUENCE), bits;

	assert(issue->tbs_len > 0 && issue->tbs_len <= sizeof(issue->tbs));
	if (sig_len < 8 || sig_len > SIGNATURE_MAX || sig[0] != DER_SEQUENCE || sig[1] != sig_len - 2)
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	mr_wr_bytes(&out, issue->tbs, issue->tbs_len);
	mr_wr_bytes(&out, ecdsa_with_sha256, sizeof(ecdsa_with_sha256));
	bits = der_open(&out, DER_BIT_STRING);
	mr_wr_u8(&out, 0);
	mr_wr_bytes(&out, sig, sig_len);
	der_close(&out, bits);
	der_close(&out, mark);
	assert(!out.bad); /* identity_issue has left room for it */
	certificate->len = out.len;
	return 0;
}

static void on_signed(void *ctx, int result, const uint8_t *sig, size_t sig_len)
{
	struct issue *issue = ctx;

	assert(result <= 0 && (result != 0 || sig));
	unlink_issue(issue);
	if (issue->done) {
		if (result == 0)
			result = assemble(issue, sig, sig_len);
		issue->done(issue->ctx, result, result == 0 ? &issue->certificate : NULL);
	}
	free(issue);
}

int identity_issue(struct identity *identity, struct signer *signer, struct entropy *entropy,
		   const struct identity_profile *profile, const struct identity_csr *csr, const char *serial,
		   int64_t utc_us, identity_issued_fn *done, void *ctx)
{
	struct particulars p = { .serial = serial, .public_key = csr->public_key, .utc_us = utc_us };
	struct issue *issue;
	struct mr_wr out;
	int result;

	assert(identity->issuer_subject_len > 0);
	if (identity_profile_wrong(profile) || !serial_is_valid(serial))
		return -MR_CAUSE_TOO_LONG;
	if (utc_us > identity->not_after_us || utc_us < identity->not_before_us)
		return -MR_CAUSE_CERTIFICATE_EXPIRED;
	issue = calloc(1, sizeof(*issue));
	if (!issue)
		return -MR_CAUSE_NO_MEMORY;
	issue->identity = identity;
	issue->done = done;
	issue->ctx = ctx;
	out = mr_wr_over(issue->tbs, sizeof(issue->tbs));
	draw_serial_number(&p, entropy, issue->certificate.serial_hex);
	write_tbs(&out, identity, profile, &p);
	issue->certificate.not_before_us = utc_us / 1000000 * 1000000;
	issue->certificate.not_after_us = not_after_us(profile, utc_us);
	issue->tbs_len = out.len;
	/* 20: the outer SEQUENCE (4), the algorithm (12), the BIT STRING (3) and its rounding. */
	if (out.bad || out.len + 20 + SIGNATURE_MAX > IDENTITY_CERT_MAX ||
	    !subject_text(profile, serial, issue->certificate.subject)) {
		free(issue);
		return -MR_CAUSE_TOO_LONG;
	}
	issue->next = identity->pending;
	identity->pending = issue;
	result = signer->sign(signer, issue->tbs, issue->tbs_len, on_signed, issue);
	if (result != 0) {
		unlink_issue(issue);
		free(issue);
	}
	return result;
}

void identity_issue_forget(struct identity *identity, void *ctx)
{
	for (struct issue *issue = identity->pending; issue; issue = issue->next)
		if (issue->ctx == ctx)
			issue->done = NULL;
}
