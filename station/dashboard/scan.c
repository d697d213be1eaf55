#include "station/dashboard/scan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "station/dashboard/keys.h"
#include "station/dashboard/text.h"

#define DIGITS_SHOWN 4u /* of a text of digits alone: it may be a PIN */
#define BADGE_MIN 3u
#define BADGE_MAX 10u

static bool printable(uint32_t key) { return key >= ' ' && key < KEYS_NONE && key != 0x7f; }

/* What no command begins with. */
static bool begins_scan(uint32_t key) { return (key >= '0' && key <= '9') || (key >= 'A' && key <= 'Z') || key == '{'; }

void scan_clear(struct scan *s)
{
	memset(s->text, 0, sizeof(s->text)); /* it may have been a PIN */
	*s = (struct scan){ 0 };
}

void scan_open(struct scan *s, uint64_t now_us)
{
	scan_clear(s);
	s->by_hand = true;
	s->last_us = now_us;
}

static void add(struct scan *s, uint32_t key)
{
	char octets[5];
	unsigned len = text_encode(key, octets);

	if (s->len + len >= SCAN_MAX) {
		s->overlong = true;
		return;
	}
	memcpy(s->text + s->len, octets, len + 1);
	s->len += len;
}

static bool standing(const struct scan *s) { return s->len > 0 || s->by_hand; }

/* A key while something stands on the line. */
static enum scan_took go_on(struct scan *s, uint32_t *key, uint64_t now_us)
{
	if (*key == KEYS_ENTER) {
		if (!s->overlong && s->len > 0)
			return SCAN_READY;
		scan_clear(s);
		return SCAN_LOST;
	}
	if (*key == KEYS_ESCAPE) {
		scan_clear(s);
		return SCAN_TAKEN;
	}
	if (*key == KEYS_BACKSPACE) {
		text_chop(s->text);
		s->len = strlen(s->text);
		s->last_us = now_us;
		return SCAN_TAKEN;
	}
	if (!printable(*key) && *key != KEYS_TAB)
		return SCAN_COMMAND; /* arrows and function keys are never scanned */
	add(s, *key == KEYS_TAB ? ' ' : *key);
	s->last_us = now_us;
	return SCAN_TAKEN;
}

enum scan_took scan_key(struct scan *s, uint32_t *key, uint64_t now_us, bool *again)
{
	bool fast = now_us - s->last_us < SCAN_GAP_US;

	*again = false;
	if (standing(s))
		return go_on(s, key, now_us);
	if (s->held) {
		uint32_t held = s->held;

		s->held = 0;
		if (fast && printable(*key) && *key != held) {
			s->burst = true;
			add(s, held);
			return go_on(s, key, now_us);
		}
		*again = true;
		*key = held;
		return SCAN_COMMAND;
	}
	if (printable(*key) && begins_scan(*key))
		return go_on(s, key, now_us);
	if (printable(*key) && *key != ' ') {
		s->held = *key;
		s->last_us = now_us;
		return SCAN_TAKEN;
	}
	return SCAN_COMMAND;
}

enum scan_took scan_expire(struct scan *s, uint32_t *key, uint64_t now_us)
{
	*key = KEYS_NONE;
	if (now_us < scan_deadline_us(s))
		return SCAN_TAKEN;
	if (s->held) {
		*key = s->held;
		s->held = 0;
		return SCAN_COMMAND;
	}
	scan_clear(s);
	return SCAN_LOST;
}

uint64_t scan_deadline_us(const struct scan *s)
{
	if (s->held)
		return s->last_us + SCAN_GAP_US;
	return standing(s) ? s->last_us + (s->burst ? SCAN_IDLE_US : SCAN_HAND_US) : UINT64_MAX;
}

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

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

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
