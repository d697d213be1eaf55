/*
 * Numbers as a person writes them: "30ms", "-62dBm", "1.5GiB". Exact: no floating point on the way, a value that is not
 * a whole number of base units is refused rather than rounded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct value_number {
	bool negative;
	bool overflow;	   /* more digits than anything here can mean */
	uint64_t digits;   /* without the point */
	unsigned decimals; /* digits after it */
	const char *unit;  /* into the text; one space before it is allowed */
	size_t unit_len;
};
/* false: not a number. */
bool value_number_parse(const char *text, size_t len, struct value_number *out);

struct value_unit {
	const char *name;
	uint64_t factor; /* in base units */
};
/* Rows end with an empty one. */
extern const struct value_unit value_durations[], value_validities[], value_sizes[], value_signals[], value_percents[],
	value_metres[], value_none[];

enum value_result { VALUE_GOOD, VALUE_NO_NUMBER, VALUE_NO_UNIT, VALUE_WRONG_UNIT, VALUE_TOO_FINE, VALUE_TOO_BIG };
/* In base units. VALUE_WRONG_UNIT is also any unit with value_none; VALUE_TOO_FINE: not a whole number of base units.
 */
enum value_result value_integer(const char *text, size_t len, const struct value_unit *units, __int128 *out);
enum value_result value_decimal(const char *text, size_t len, const struct value_unit *units, double *out);
