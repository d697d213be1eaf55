/*
 * The payloads of a template, by name and as fields of texts. Only station/label looks inside.
 */
#pragma once

#include "station/label/template.h"

/* Its place among the payloads, or -1. */
int say_find(const struct label_template *template, const char *name);
/* A fields_payload_fn, ctx a struct label_template. "" : there is no payload of that name. */
const char *say_field(const void *ctx, const char *name, const char *part, const struct label_unit *unit,
		      struct label_buffer *out);
