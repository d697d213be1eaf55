/* What a delivery to an accessory leaves on record: whose certificate was seen, whether it was a real one, and what the
 * accessory said. docs/audit.md, "Evidence of a method". */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "station/method/wac_way.h"

static const char *accept_word(enum mfi_accept accept)
{
	return accept == MFI_ACCEPT_MFI ? "mfi" : accept == MFI_ACCEPT_TEST_CA ? "test-ca" : "any-signature";
}

/* As the verified chain has it, never by the accessory's own word. */
static const char *coprocessor_word(const struct mfi_verdict *v)
{
	return v->emulated ? "emulated" : v->chains ? "hardware" : "unknown";
}

static json_t *chain(const struct mfi_verdict *v)
{
	json_t *list = json_array();

	json_array_append_new(list, json_string(v->subject));
	json_array_append_new(list, json_string(v->chains ? v->authority : v->issuer));
	return list;
}

static void put_certificate(json_t *o, const struct mfi_verdict *v)
{
	char sha256[65];

	for (size_t i = 0; i < 32; i++)
		snprintf(sha256 + 2 * i, 3, "%02x", v->sha256[i]);
	json_object_set_new(o, "generation", json_string(v->generation == 2 ? "2.0" : "3.0"));
	json_object_set_new(o, "chain", chain(v));
	json_object_set_new(o, "chains", json_boolean(v->chains));
	json_object_set_new(o, "certificate_serial", json_string(v->serial));
	json_object_set_new(o, "certificate_sha256", json_string(sha256));
}

size_t wac_evidence(const struct session *s, const struct wac_said *said, char *out, size_t cap)
{
	const struct mfi_verdict *v = &said->verdict;
	json_t *claims = json_object(), *o = json_object();
	size_t len;

	json_object_set_new(claims, "name", json_string(said->name));
	json_object_set_new(claims, "model", json_string(said->model));
	json_object_set_new(claims, "serial", json_string(said->serial));
	json_object_set_new(claims, "firmware", json_string(said->firmware));
	json_object_set_new(o, "proved", json_string(v->chains ? "certificate" : "nothing"));
	json_object_set_new(o, "protocol", json_string("WAC, MFi-SAP"));
	json_object_set_new(o, "known_by", json_string("address"));
	json_object_set_new(o, "weak", json_true());
	json_object_set_new(o, "accept", json_string(accept_word((enum mfi_accept)s->line->job->wac_accept)));
	json_object_set_new(o, "coprocessor", json_string(coprocessor_word(v)));
	put_certificate(o, v);
	json_object_set_new(o, "seed", json_string(said->seed));
	json_object_set_new(o, "seed_after", json_string(said->seed_after));
	json_object_set_new(o, "confirmed", json_boolean(!said->unconfirmed));
	if (said->unconfirmed)
		json_object_set_new(o, "unconfirmed", json_string(said->unconfirmed));
	json_object_set_new(o, "claims", claims);
	len = json_dumpb(o, out, cap - 1, JSON_COMPACT);
	json_decref(o);
	assert(len > 0 && len < cap);
	out[len] = '\0';
	return len;
}
