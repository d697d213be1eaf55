#include "station/dashboard/scan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "station/dashboard/text.h"

#define DIGITS_SHOWN 4u /* of a text of digits alone: it may be a PIN */
#define BADGE_MIN 3u
#define BADGE_MAX 10u

bool scan_mac(const char *text, char out[static 18])
{
	unsigned digits = 0, at = 0;

	for (; *text; text++) {
		if (*text == ':' || *text == '-' || *text == '.')
			continue;
		if (!isxdigit((unsigned char)*text) || digits == 12)
			return false;
		if (digits > 0 && digits % 2 == 0)
			out[at++] = ':';
		out[at++] = (char)tolower((unsigned char)*text);
		digits++;
	}
	out[at] = '\0';
	return digits == 12;
}

static bool begins(const char *text, const char *with) { return strncasecmp(text, with, strlen(with)) == 0; }

/* Payloads that standards describe, and setup codes: all of them open something. */
static bool is_payload(const char *text)
{
	return begins(text, "WIFI:") || begins(text, "DPP:") || begins(text, "MT:") || begins(text, "X-HM:") ||
	       text[0] == '{' || strstr(text, "://");
}

enum scan_kind scan_route(const char *text)
{
	size_t len = strlen(text), digits = strspn(text, "0123456789");
	char mac[18];

	if (len == 0)
		return SCAN_NOTHING;
	if (is_payload(text) || strpbrk(text, " ;,|\t"))
		return SCAN_LABEL;
	if (begins(text, "BADGE:") || (digits == len && len >= BADGE_MIN && len <= BADGE_MAX))
		return SCAN_BADGE;
	return scan_mac(text, mac) ? SCAN_MAC : SCAN_SERIAL;
}

const char *scan_badge(const char *text) { return begins(text, "BADGE:") ? text + 6 : text; }

void scan_shown(const char *text, char *out, size_t cap)
{
	char plain[SCAN_MAX];
	size_t word = strcspn(text, " ;,|\t"), all = strlen(text), at;

	if (strspn(text, "0123456789") == all && all > DIGITS_SHOWN)
		word = DIGITS_SHOWN;
	if (is_payload(text) || begins(text, "WIF") || begins(text, "DP") || begins(text, "X-"))
		word = 0;
	text_copy(plain, sizeof(plain), text);
	if (word < sizeof(plain))
		plain[word] = '\0';
	text_copy(out, cap, plain);
	at = strlen(out);
	for (size_t i = word; i < all && i < word + 12 && at + 1 < cap; i++)
		out[at++] = text[i] == ' ' ? ' ' : '*';
	out[at] = '\0';
}

bool scan_label_serial(const char *text, char *out, size_t cap)
{
	size_t len = strcspn(text, " ;,|\t");

	if (is_payload(text) || len == 0 || len >= cap)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}
