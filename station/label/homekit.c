#include <stdio.h>
#include <string.h>

#include "station/label/payload.h"

bool homekit_code_is_good(uint32_t code)
{
	return code >= 1 && code <= 99999998 && code % 11111111 != 0 && code != 12345678 && code != 87654321;
}

/* From the most significant bit: version 3, reserved 4, category 8, flags 4, code 27. */
const char *payload_homekit(const struct homekit_setup *setup, char *out, size_t cap)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	uint64_t value = (uint64_t)setup->category << 31 | (uint64_t)(setup->flags & 15) << 27 | setup->code;
	char number[10];

	*out = '\0';
	if (!homekit_code_is_good(setup->code))
		return "the PIN is none that HomeKit allows (eight digits, no trivial one)";
	if (strlen(setup->id) != 4 || strspn(setup->id, digits) != 4)
		return "a setup id has four characters of 0-9 A-Z";
	if (cap < sizeof("X-HM://") + 13)
		return "is too long for a label";
	for (size_t i = 9; i-- > 0; value /= 36)
		number[i] = digits[value % 36];
	number[9] = '\0';
	snprintf(out, cap, "X-HM://%s%s", number, setup->id);
	return NULL;
}

const char *payload_homekit_code(uint32_t code, char *out, size_t cap)
{
	*out = '\0';
	if (!homekit_code_is_good(code))
		return "the PIN is none that HomeKit allows (eight digits, no trivial one)";
	if (cap < sizeof("XXX-XX-XXX"))
		return "is too long for a label";
	snprintf(out, cap, "%03u-%02u-%03u", code / 100000, code / 1000 % 100, code % 1000);
	return NULL;
}
