/*
 * Texts with fields, as "SN {serial}": what a template says about a unit that is not known yet. {{ and }} are braces.
 *
 *	{serial} {mac} {mac_plain} {device_id} {lot} {product} {hw_rev} {firmware} {date} {week} {pin}
 *	{serial:-4} the last four characters; {pin:4} in groups of four
 *	{NAME} {NAME.manual} {NAME.code}: what a payload of the template says, its manual code
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/label/buffer.h"

/* what a label can say about a unit; wipe it: the PIN is in it */
struct label_unit {
	int64_t unit;
	const char *serial, *lot, *product, *hw_rev, *firmware;
	uint8_t mac[6], device_id[8];
	int64_t passed_us; /* UTC: {date}, {week} */
	char pin[17];	   /* "": not opened, or none */
	uint8_t key[65];   /* of the certificate; 0 first: none */
};

/* The text of {NAME} and {NAME.part}. NULL: good, the text was added; else half a sentence. `out` NULL: only whether
 * there is such a one. `part` is "" without a dot. */
typedef const char *fields_payload_fn(const void *ctx, const char *name, const char *part,
				      const struct label_unit *unit, struct label_buffer *out);

struct fields_fault {
	size_t at;	 /* octets into the text */
	char words[200]; /* half a sentence, with what is allowed */
};

/* Is it well formed, and are its fields there? `pin`: set when it says the PIN; never cleared. `payload` NULL: no
 * payloads. */
bool fields_check(const char *text, fields_payload_fn *payload, const void *ctx, bool *pin, struct fields_fault *fault);
bool fields_expand(const char *text, const struct label_unit *unit, fields_payload_fn *payload, const void *ctx,
		   struct label_buffer *out, struct fields_fault *fault);
