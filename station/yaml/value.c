#include "station/yaml/value.h"

#include <string.h>

const struct value_unit value_durations[] = { { "us", 1 },	   { "ms", 1000 },	{ "s", 1000000 },
					      { "min", 60000000 }, { "h", 3600000000 }, { NULL, 0 } };
/* In seconds. A year is 365 days: what certificates of devices count is the day, and nobody waits for the leap. */
const struct value_unit value_validities[] = { { "days", 86400 }, { "years", 365 * 86400 }, { NULL, 0 } };
const struct value_unit value_sizes[] = {
	{ "KiB", 1u << 10 }, { "MiB", 1u << 20 }, { "GiB", 1u << 30 }, { "TiB", UINT64_C(1) << 40 }, { NULL, 0 }
};
const struct value_unit value_signals[] = { { "dBm", 1 }, { NULL, 0 } };
const struct value_unit value_percents[] = { { "%", 1 }, { NULL, 0 } };
const struct value_unit value_metres[] = { { "m", 1 }, { NULL, 0 } };
const struct value_unit value_none[] = { { NULL, 0 } };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool value_number_parse(const char *text, size_t len, struct value_number *out)
{
	size_t i = 0;
	bool point = false, any = false;

	*out = (struct value_number){ 0 };
	if (i < len && (text[i] == '-' || text[i] == '+'))
		out->negative = text[i++] == '-';
	for (; i < len; i++) {
		if (text[i] == '.' && !point && any && i + 1 < len && is_digit(text[i + 1])) {
			point = true;
			continue;
		}
		if (!is_digit(text[i]))
			break;
		any = true;
		if (__builtin_mul_overflow(out->digits, UINT64_C(10), &out->digits) ||
		    __builtin_add_overflow(out->digits, (uint64_t)(text[i] - '0'), &out->digits))
			out->overflow = true;
		out->decimals += point;
	}
	if (!any)
		return false;
	if (i + 1 < len && text[i] == ' ')
		i++;
	out->unit = text + i;
	out->unit_len = len - i;
	for (; i < len; i++) /* "2019-11-01" and "1,5" are no numbers with a unit */
		if (is_digit(text[i]) || text[i] == '-' || text[i] == ',' || text[i] == ':')
			return false;
	return true;
}

static enum value_result unit_factor(const struct value_number *n, const struct value_unit *units, uint64_t *factor)
{
	if (!units->name) {
		*factor = 1;
		return n->unit_len ? VALUE_WRONG_UNIT : VALUE_GOOD;
	}
	if (!n->unit_len)
		return VALUE_NO_UNIT;
	for (; units->name; units++) {
		if (strlen(units->name) == n->unit_len && memcmp(units->name, n->unit, n->unit_len) == 0) {
			*factor = units->factor;
			return VALUE_GOOD;
		}
	}
	return VALUE_WRONG_UNIT;
}

enum value_result value_integer(const char *text, size_t len, const struct value_unit *units, __int128 *out)
{
	struct value_number n;
	enum value_result result;
	uint64_t factor = 1;
	__int128 value;

	if (!value_number_parse(text, len, &n))
		return VALUE_NO_NUMBER;
	result = unit_factor(&n, units, &factor);
	if (result == VALUE_GOOD && n.overflow)
		result = VALUE_TOO_BIG;
	if (result != VALUE_GOOD)
		return result;
	value = (__int128)n.digits * factor; /* below 2^64 * 2^42 */
	for (; n.decimals > 0; n.decimals--) {
		if (value % 10)
			return VALUE_TOO_FINE;
		value /= 10;
	}
	*out = n.negative ? -value : value;
	return VALUE_GOOD;
}

enum value_result value_decimal(const char *text, size_t len, const struct value_unit *units, double *out)
{
	struct value_number n;
	enum value_result result;
	uint64_t factor = 1;
	double value, scale = 1;

	if (!value_number_parse(text, len, &n))
		return VALUE_NO_NUMBER;
	result = unit_factor(&n, units, &factor);
	if (result != VALUE_GOOD)
		return result;
	for (; n.decimals > 0; n.decimals--)
		scale *= 10;
	value = (double)n.digits * (double)factor / scale;
	*out = n.negative ? -value : value;
	return VALUE_GOOD;
}
