/* Answers about one device, or a few: what the live line knows. What it knew in earlier sessions is the record's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/x509.h>

#include "agent/wire/channel.h"
#include "station/control/model_internal.h"

#define FOUND_MAX 50 /* chosen: more than a person reads */

json_t *model_status(struct model *m)
{
	json_t *radios = json_array();

	model_sample(m);
	for (size_t i = 0; i < m->lane_count; i++)
		(void)json_array_append_new(radios,
					    m->lanes[i].json ? json_loads(m->lanes[i].json, 0, NULL) : json_null());
	return json_pack("{s:o, s:o, s:o}", "header", header_object(m), "radios", radios, "banners", banners_object(m));
}

static void mac_text(char out[static 18], const uint8_t mac[static 6])
{
	snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void names(const struct model *m, const struct row *row, const char **serial, char mac[static 18])
{
	struct line_unit_view v;

	line_unit_look(m->o.line, row->unit, &v);
	*serial = v.serial;
	mac_text(mac, v.mac);
}

const struct unit *model_by_name(const struct model *m, const char *name)
{
	const struct unit *alike = NULL;
	unsigned count = 0;
	const char *serial;
	char mac[18];

	for (const struct row *row = m->oldest; row && name[0]; row = row->next) {
		names(m, row, &serial, mac);
		if (strcmp(serial, name) == 0 || strcasecmp(mac, name) == 0)
			return row->unit;
		if (strcasecmp(serial, name) == 0) {
			alike = row->unit;
			count++;
		}
	}
	return count == 1 ? alike : NULL; /* of several that differ in that alone, none is meant */
}

static bool starts_or_ends(const char *text, const char *part)
{
	size_t len = strlen(text), part_len = strlen(part);

	return part_len > 0 && part_len <= len &&
	       (strncasecmp(text, part, part_len) == 0 || strcasecmp(text + len - part_len, part) == 0);
}

json_t *model_find(struct model *m, const char *text)
{
	json_t *list = json_array();
	const char *serial;
	char mac[18];

	for (const struct row *row = m->oldest; row && json_array_size(list) < FOUND_MAX; row = row->next) {
		names(m, row, &serial, mac);
		if (starts_or_ends(serial, text) || starts_or_ends(mac, text))
			(void)json_array_append_new(list, row_object(m, row));
	}
	return json_pack("{s:o}", "units", list);
}

/* --- a certificate in words; it is public --- */

static json_t *name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	json_t *text = NULL;
	char *at;
	long len;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		len = BIO_get_mem_data(bio, &at);
		text = json_stringn(at, (size_t)len);
	}
	BIO_free(bio);
	return text ? text : json_string("");
}

static json_t *time_text(const ASN1_TIME *time)
{
	char text[32] = "";
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) == 1)
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(strcmp(text, "9999-12-31T23:59:59Z") == 0 ? "never" : text);
}

static json_t *serial_text(const X509 *certificate)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char *hex = n ? BN_bn2hex(n) : NULL;
	json_t *text = json_string(hex ? hex : "");

	OPENSSL_free(hex);
	BN_free(n);
	return text;
}

static json_t *certificate_object(const uint8_t *der, size_t len)
{
	X509 *certificate = d2i_X509(NULL, &der, (long)len);
	unsigned char hash[32];
	unsigned hash_len = 0;
	char hex[65] = "";
	json_t *o = NULL;

	if (!certificate)
		return NULL;
	if (X509_digest(certificate, EVP_sha256(), hash, &hash_len))
		for (unsigned i = 0; i < hash_len; i++)
			snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:s}", "subject", name_text(X509_get_subject_name(certificate)),
		      "issuer", name_text(X509_get_issuer_name(certificate)), "serial", serial_text(certificate),
		      "not_before", time_text(X509_get0_notBefore(certificate)), "not_after",
		      time_text(X509_get0_notAfter(certificate)), "sha256", hex);
	X509_free(certificate);
	return o;
}

/* --- its timeline --- */

static json_t *moment_object(const struct moment *at)
{
	static const char *const kinds[] = {
		[LINE_UNIT_SEEN] = "seen",   [LINE_ATTEMPT] = "attempt", [LINE_STEP] = "step",
		[LINE_UNIT_STATE] = "state", [LINE_ORDER] = "order",	 [LINE_LABEL] = "label"
	};
	static const char *const states[] = { "expected", "seen", "active", "passed", "failed", "quarantined", "held" };
	json_t *o = json_pack("{s:I, s:s}", "at_us", (json_int_t)at->at_us, "event", kinds[at->kind]);

	if (!o)
		return NULL;
	if (at->attempt)
		(void)json_object_set_new(o, "attempt", json_integer(at->attempt));
	if (at->step)
		(void)json_object_set_new(o, "step", json_string(at->step));
	if (at->duration_us)
		(void)json_object_set_new(o, "duration_us", json_integer((json_int_t)at->duration_us));
	if (at->cause)
		(void)json_object_set_new(o, "cause", json_string(mr_cause_name(at->cause)));
	if (at->kind == LINE_UNIT_STATE || at->kind == LINE_ORDER)
		(void)json_object_set_new(o, "state", json_string(states[at->state]));
	if (at->radio)
		(void)json_object_set_new(o, "radio", json_string(at->radio));
	if (at->freq_mhz)
		(void)json_object_set_new(o, "channel", json_integer(mr_mhz_to_channel(at->freq_mhz)));
	if (at->rssi_dbm)
		(void)json_object_set_new(o, "rssi", json_integer(at->rssi_dbm));
	if (at->text)
		(void)json_object_set_new(o, "text", json_string(at->text));
	return o;
}

json_t *model_device(struct model *m, const struct unit *unit)
{
	const struct row *row = map_get(&m->by_id, (uint64_t)line_unit_id(unit));
	json_t *o = json_object(), *timeline = json_array(), *certificate;
	struct line_unit_view v;
	char id[17];

	if (!row || !o || !timeline) {
		json_decref(o);
		json_decref(timeline);
		return NULL;
	}
	line_unit_look(m->o.line, unit, &v);
	for (int i = 0; i < 8; i++)
		snprintf(id + 2 * i, 3, "%02x", v.device_id[i]);
	for (unsigned i = 0; i < row->moment_count; i++)
		(void)json_array_append_new(timeline, moment_object(&row->moments[i]));
	(void)json_object_set_new(o, "unit", row_object(m, row));
	if (!v.agentless) /* a foreign device has none of its own */
		(void)json_object_set_new(o, "device_id", json_string(id));
	if (v.home_mhz)
		(void)json_object_set_new(o, "home", json_integer(mr_mhz_to_channel(v.home_mhz)));
	(void)json_object_set_new(o, "sealed", json_boolean(v.sealed));
	(void)json_object_set_new(o, "timeline", timeline);
	if (v.has_session)
		(void)json_object_set_new(o, "link",
					  json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "phase", v.phase, "frames_sent",
						    (int)v.frames_sent, "frames_received", (int)v.frames_received,
						    "retries", (int)v.retries, "octets", (int)v.octets, "misses",
						    (int)v.misses));
	certificate = v.certificate ? certificate_object(v.certificate, v.certificate_len) : NULL;
	if (certificate)
		(void)json_object_set_new(o, "certificate", certificate);
	return o;
}
