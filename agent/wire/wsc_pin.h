/* PINs of Wi-Fi Simple Configuration, section 7.4.1: seven digits and one that checks them, or four digits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Of the first seven digits: weighted 3 and 1 in turn, from the left; the eighth makes the sum a multiple of 10. */
static inline char mr_wsc_pin_check_digit(const char *digits)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < 7; i++)
		sum += (unsigned)(digits[i] - '0') * (i % 2 == 0 ? 3 : 1);
	return (char)('0' + (10 - sum % 10) % 10);
}

/* 8 digits of which the last is the check digit, or 4 digits. */
static inline bool mr_wsc_pin_valid(const char *pin, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (pin[i] < '0' || pin[i] > '9')
			return false;
	return len == 4 || (len == 8 && pin[7] == mr_wsc_pin_check_digit(pin));
}
