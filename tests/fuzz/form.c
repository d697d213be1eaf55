/*
 * Any octets as a form: each value read stays within its room, and is what another reading of the form finds; then any
 * octets as a text of JSON, which jansson must read back.
 *
 * links: agent/core/http.c agent/core/json.c
 */
#include <assert.h>
#include <string.h>

#include <jansson.h>

#include "agent/core/http.h"
#include "agent/core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void read_form(const uint8_t *bytes, size_t len)
{
	static const char *const names[] = { "ssid", "security", "passphrase", "join", "share", "confirm", "" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint8_t out[65], small[8];
		size_t got, less, cap = len > 0 ? bytes[0] % sizeof(small) : 0;
		enum mr_form found = mr_form_get(mr_rd_over(bytes, len), names[i], out, 64, &got);

		assert(got <= 64);
		memset(small, 0x5a, sizeof(small));
		if (found == MR_FORM_OK)
			assert((mr_form_get(mr_rd_over(bytes, len), names[i], small, cap, &less) == MR_FORM_OK) ==
			       (got <= cap));
		else
			assert(mr_form_get(mr_rd_over(bytes, len), names[i], small, cap, &less) != MR_FORM_OK ||
			       found == MR_FORM_BAD);
		assert(less <= cap && small[cap] == 0x5a);
	}
}

static void write_text(const uint8_t *bytes, size_t len)
{
	char text[1024];
	struct mr_json j = mr_json_over(text, sizeof(text));
	json_t *back;

	mr_json_open(&j, NULL, '[');
	mr_json_text(&j, NULL, bytes, len);
	mr_json_close(&j, ']');
	if (j.w.bad)
		return;
	back = json_loadb(text, j.w.len, JSON_ALLOW_NUL, NULL);
	assert(back);
	if (json_is_string(json_array_get(back, 0)))
		assert(json_string_length(json_array_get(back, 0)) == len &&
		       !memcmp(json_string_value(json_array_get(back, 0)), bytes, len));
	else /* not UTF-8: jansson thinks so as well */
		assert(!json_stringn((const char *)bytes, len));
	json_decref(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	read_form(bytes, len);
	write_text(bytes, len);
	return 0;
}
