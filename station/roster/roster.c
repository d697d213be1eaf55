#include "station/roster/roster.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "agent/wire/cursor.h"
#include "station/base/map.h"
#include "station/base/secret_file.h"
#include "station/base/text_file.h"
#include "station/identity/identity.h"
#include "agent/wire/wsc_pin.h"
#include "station/method/method.h"

#define SIZE_MAX_OCTETS (32u << 20) /* chosen: ROSTER_MAX devices with some 300 octets each */
#define FIELD_MAX 80		    /* octets of a field: the longest value has 64 */
#define WHY_MAX 160

enum column { COLUMN_SERIAL, COLUMN_MAC, COLUMN_SSID, COLUMN_METHOD, COLUMN_PASSPHRASE, COLUMN_PIN, COLUMN_COUNT };
static const char *const column_names[COLUMN_COUNT] = { "serial", "mac", "ssid", "method", "passphrase", "pin" };

struct roster {
	struct roster_row *rows;
	size_t count, room;
	struct map by_mac, by_serial, by_ssid; /* texts by 64 bits of their SHA-256 */
};

/* --- SSIDs --- */

/* The one place in braces: its begin and end; false: none. */
static bool place_of(const char *pattern, const char **open, const char **close)
{
	*open = strchr(pattern, '{');
	*close = *open ? strchr(*open, '}') : NULL;
	return *close != NULL;
}

static bool place_is(const char *open, const char *close, const char *name)
{
	return (size_t)(close - open - 1) == strlen(name) && strncmp(open + 1, name, strlen(name)) == 0;
}

const char *roster_ssid_valid(const char *pattern)
{
	const char *open, *close;

	if (strlen(pattern) > 32 + strlen("{serial}") - 1)
		return "no SSID is that long; 32 octets are";
	if (!place_of(pattern, &open, &close))
		return strpbrk(pattern, "{}") ? "a brace stands alone" : NULL;
	if (!place_is(open, close, "serial") && !place_is(open, close, "mac"))
		return "what stands in braces is neither serial nor mac";
	return strpbrk(close + 1, "{}") ? "one place in braces is all that is allowed" : NULL;
}

static const char tail_digits[] = "0123456789ABCDEF";

static void mac_tail(const uint8_t mac[static 6], char out[static 7])
{
	for (int i = 0; i < 3; i++) {
		out[2 * i] = tail_digits[mac[3 + i] >> 4];
		out[2 * i + 1] = tail_digits[mac[3 + i] & 15];
	}
	out[6] = '\0';
}

static bool same_tail(const uint8_t *text, const char *tail)
{
	for (int i = 0; i < 6; i++)
		if ((text[i] >= 'a' && text[i] <= 'f' ? text[i] - 32 : text[i]) != tail[i])
			return false;
	return true;
}

bool roster_ssid_match(const char *pattern, const uint8_t *ssid, size_t len, const uint8_t bssid[static 6],
		       char serial[static 33])
{
	const char *open, *close;
	size_t before, after, middle;
	char tail[7];

	serial[0] = '\0';
	if (!place_of(pattern, &open, &close))
		return len == strlen(pattern) && memcmp(ssid, pattern, len) == 0;
	before = (size_t)(open - pattern);
	after = strlen(close + 1);
	if (len < before + after || memcmp(ssid, pattern, before) != 0 ||
	    memcmp(ssid + len - after, close + 1, after) != 0)
		return false;
	middle = len - before - after;
	if (place_is(open, close, "mac")) {
		mac_tail(bssid, tail);
		return middle == 6 && same_tail(ssid + before, tail);
	}
	if (middle < 1 || middle > 32)
		return false;
	memcpy(serial, ssid + before, middle);
	serial[middle] = '\0';
	if (strlen(serial) == middle && serial_is_valid(serial))
		return true;
	serial[0] = '\0';
	return false;
}

size_t roster_ssid_make(const char *pattern, const char *serial, const uint8_t mac[static 6], uint8_t ssid[static 32])
{
	const char *open, *close;
	char text[128], tail[7];
	size_t len;

	if (!place_of(pattern, &open, &close)) {
		snprintf(text, sizeof(text), "%s", pattern);
	} else {
		mac_tail(mac, tail);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(open - pattern), pattern,
			 place_is(open, close, "mac") ? tail : serial, close + 1);
	}
	len = strlen(text) < 32 ? strlen(text) : 32;
	memcpy(ssid, text, len);
	return len;
}

/* --- values --- */

bool roster_passphrase_valid(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
		if (len == 64 && !strchr("0123456789abcdefABCDEF", text[i]))
			return false;
	}
	return len >= 8 && len <= 64;
}

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static bool mac_of(const char *text, size_t len, uint8_t mac[static 6])
{
	if (len != 17)
		return false;
	for (int i = 0; i < 6; i++) {
		int high = digit(text[3 * i]), low = digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':' && text[3 * i + 2] != '-'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return !(mac[0] & 1);
}

/* "not a method ...; allowed: micro-ap, pin, https" */
static const char *no_method(char *room, size_t cap)
{
	char names[120];

	snprintf(room, cap, "not a method of access points; allowed: %s",
		 method_names(METHOD_DEVICE_AP, names, sizeof(names)));
	return room;
}

/* NULL, or what is wrong: a text of its own, or one in `why`. */
static const char *store_field(struct roster_row *row, enum column column, const char *text, size_t len,
			       char why[static WHY_MAX])
{
	if (len == 0)
		return NULL;
	switch (column) {
	case COLUMN_SERIAL:
		memcpy(row->serial, text, len < 32 ? len : 32);
		return len <= 32 && serial_is_valid(row->serial)
			       ? NULL
			       : "not a serial number; allowed: 1 to 32 of A-Z a-z 0-9 . _ -";
	case COLUMN_MAC:
		row->has_mac = mac_of(text, len, row->mac);
		return row->has_mac ? NULL : "not a device's MAC; allowed: as 02:4d:52:00:00:07";
	case COLUMN_SSID:
		if (len > 32)
			return "an SSID has at most 32 octets";
		memcpy(row->ssid, text, len);
		row->ssid_len = (uint8_t)len;
		return NULL;
	case COLUMN_METHOD:
		row->method = method_find(text, len);
		return row->method && (row->method->flags & METHOD_DEVICE_AP ||
				       row->method->devices == METHOD_ENROLLEES)
			       ? NULL
			       : no_method(why, WHY_MAX);
	case COLUMN_PASSPHRASE:
		if (!roster_passphrase_valid(text, len))
			return "not a passphrase; allowed: 8 to 63 printable ASCII characters, or 64 hexadecimal "
			       "digits";
		memcpy(row->passphrase, text, len);
		return NULL;
	case COLUMN_PIN:
		if (len < 4 || len > 16 || strspn(text, "0123456789") < len)
			return "not a PIN; allowed: 4 to 16 digits";
		memcpy(row->pin, text, len);
		return NULL;
	case COLUMN_COUNT: break;
	}
	return "no such column";
}

/* --- the file --- */

struct reader {
	const char *path, *at, *end;
	unsigned long line;
	char field[FIELD_MAX];
	size_t len;
	bool last;	   /* of its line */
	char why[WHY_MAX]; /* room for what is wrong with it */
};

/* RFC 4180: a field, quoted or not. NULL, or what is wrong. */
static const char *next_field(struct reader *r)
{
	bool quoted = r->at < r->end && *r->at == '"';

	r->len = 0;
	if (quoted)
		r->at++;
	for (;; r->at++) {
		size_t line_end = text_line_end(r->at, r->end);

		if (r->at == r->end || (line_end && !quoted))
			break;
		if (quoted && *r->at == '"') {
			if (r->at + 1 == r->end || r->at[1] != '"') {
				r->at++;
				quoted = false;
				break;
			}
			r->at++;
		} else if (!quoted && *r->at == ',') {
			break;
		} else if (line_end) {
			return "a quoted field runs over the end of its line";
		}
		if (r->len == sizeof(r->field) - 1)
			return "a field is too long";
		r->field[r->len++] = *r->at;
	}
	if (quoted)
		return "a quote is not closed";
	r->field[r->len] = '\0';
	r->last = r->at == r->end || text_line_end(r->at, r->end) > 0;
	if (!r->last && *r->at != ',')
		return "something stands behind a quoted field";
	r->at += r->at == r->end ? 0 : r->last ? text_line_end(r->at, r->end) : 1;
	return NULL;
}

static uint64_t text_key(const void *text, size_t len)
{
	uint8_t hash[32] = { 0 };

	(void)mr_sha256(text, len, hash);
	return map_key_octets(hash);
}

static struct roster_row *new_row(struct roster *r)
{
	if (r->count == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		struct roster_row *rows = OPENSSL_clear_realloc(r->rows, r->room * sizeof(*rows), room * sizeof(*rows));

		if (!rows)
			return NULL;
		r->rows = rows;
		r->room = room;
	}
	memset(&r->rows[r->count], 0, sizeof(r->rows[0]));
	return &r->rows[r->count++];
}

static const char *index_one(struct map *map, uint64_t key, struct roster_row *row, bool *memory)
{
	if (map_get(map, key))
		return "this device stands in the list already";
	*memory = *memory && map_put(map, key, row);
	return NULL;
}

/* After all rows are read: they do not move any more. */
static const char *index_rows(struct roster *r, size_t *at, bool *memory)
{
	const char *wrong = NULL;

	for (*at = 0; *at < r->count && !wrong && *memory; ++*at) {
		struct roster_row *row = &r->rows[*at];

		if (row->has_mac)
			wrong = index_one(&r->by_mac, map_key_mac(row->mac), row, memory);
		if (!wrong && row->serial[0])
			wrong = index_one(&r->by_serial, text_key(row->serial, strlen(row->serial)), row, memory);
		if (!wrong && row->ssid_len &&
		    !row->has_mac) /* several devices may share an SSID when their MACs tell them apart */
			wrong = index_one(&r->by_ssid, text_key(row->ssid, row->ssid_len), row, memory);
	}
	return wrong;
}

static const char *read_header(struct reader *r, enum column *columns, size_t *count)
{
	const char *wrong = NULL;
	unsigned seen = 0;

	for (*count = 0; !wrong && (*count == 0 || !r->last); ++*count) {
		int c = 0;

		wrong = next_field(r);
		while (c < COLUMN_COUNT && strcasecmp(column_names[c], r->field) != 0)
			c++;
		if (!wrong && (c == COLUMN_COUNT || *count == COLUMN_COUNT || (seen & 1u << c)))
			wrong = "the first line names the columns; allowed, each once: serial, mac, ssid, method, "
				"passphrase, pin";
		if (!wrong)
			columns[*count] = (enum column)c;
		seen |= 1u << c;
	}
	if (!wrong && !(seen & (1u << COLUMN_SERIAL | 1u << COLUMN_MAC | 1u << COLUMN_SSID)))
		wrong = "nothing tells which device a line is about; one of the columns serial, mac, ssid is needed";
	return wrong;
}

static const char *read_row(struct reader *r, const enum column *columns, size_t count, struct roster_row *row)
{
	const char *wrong = NULL;

	for (size_t i = 0; !wrong && (i == 0 || !r->last); i++) {
		wrong = next_field(r);
		if (!wrong && i >= count)
			wrong = "more fields than columns";
		if (!wrong)
			wrong = store_field(row, columns[i], r->field, r->len, r->why);
		if (!wrong && r->last && i + 1 < count)
			wrong = "fewer fields than columns";
	}
	if (!wrong && !row->serial[0] && !row->has_mac && !row->ssid_len)
		wrong = "nothing tells which device this is; give its serial, mac or ssid";
	return wrong;
}

static bool skip_line(struct reader *r)
{
	if (*r->at != '#' && !text_line_end(r->at, r->end))
		return false;
	while (r->at < r->end && !text_line_end(r->at, r->end))
		r->at++;
	r->at += text_line_end(r->at, r->end);
	return true;
}

int roster_parse(struct roster **out, const char *path, const char *text, size_t len, char *error, size_t error_len)
{
	struct reader r = { .path = path, .at = text + text_mark_len(text, len), .end = text + len, .line = 1 };
	enum column columns[COLUMN_COUNT + 1];
	size_t column_count = 0, at = 0;
	struct roster *roster = calloc(1, sizeof(*roster));
	const char *wrong = NULL;
	bool memory = roster != NULL;

	*out = NULL;
	for (; memory && !wrong && r.at < r.end; r.line++) {
		struct roster_row *row;

		if (skip_line(&r))
			continue;
		if (column_count == 0) {
			wrong = read_header(&r, columns, &column_count);
		} else if (roster->count == ROSTER_MAX) {
			wrong = "the list is too long; 100000 devices are allowed";
		} else {
			row = new_row(roster);
			memory = row != NULL;
			if (row)
				wrong = read_row(&r, columns, column_count, row);
		}
		if (wrong)
			break;
	}
	OPENSSL_cleanse(r.field, sizeof(r.field));
	if (memory && !wrong && roster->count == 0)
		wrong = column_count ? "no device follows the header" : "empty; the first line names the columns";
	if (memory && !wrong && (wrong = index_rows(roster, &at, &memory)))
		snprintf(error, error_len, "%s: device %zu: %s", path, at, wrong);
	else if (wrong)
		snprintf(error, error_len, "%s:%lu: %s", path, r.line, wrong);
	else if (!memory)
		snprintf(error, error_len, "%s: no memory is left for this list", path);
	if (wrong || !memory) {
		roster_destroy(roster);
		return memory ? -MR_CAUSE_BAD_REQUEST : -MR_CAUSE_NO_MEMORY;
	}
	*out = roster;
	return 0;
}

int roster_load(struct roster **out, const struct reach *reach, const char *path, char *error, size_t error_len)
{
	char *text = NULL;
	size_t len;
	int result = secret_file_read(reach, path, SIZE_MAX_OCTETS,
				      "credentials.access_point.labels names the CSV of the devices' labels", &text,
				      &len, error, error_len);

	*out = NULL;
	if (result != 0)
		return result;
	result = roster_parse(out, path, text, len, error, error_len);
	OPENSSL_clear_free(text, len);
	return result;
}

bool roster_simulated_id(const char *product, uint64_t seed, size_t count, uint8_t id[static 32])
{
	uint64_t of[2] = { seed, count };
	const struct mr_piece pieces[] = { { product, strlen(product) }, { of, sizeof(of) } };

	return mr_sha256_pieces(pieces, 2, id);
}

void roster_simulated_mac(const uint8_t id[static 32], size_t i, uint8_t mac[static 6])
{
	mac[0] = 0x06; /* locally administered, IEEE 802-2014 8.4; 02:4d:53 and 02:4d:54 are others of the simulation */
	mac[1] = id[0];
	mac[2] = id[1];
	mac[3] = (uint8_t)(i >> 16);
	mac[4] = (uint8_t)(i >> 8);
	mac[5] = (uint8_t)i;
}

struct roster *roster_simulated(const char *product, uint64_t seed, size_t count)
{
	struct roster *r = calloc(1, sizeof(*r));
	uint8_t id[32];
	bool memory = r && roster_simulated_id(product, seed, count, id);
	size_t at;

	for (size_t i = 0; memory && i < count; i++) {
		uint64_t of[2] = { seed, i };
		struct roster_row *row = new_row(r);
		uint8_t hash[32];

		memory = row && mr_hmac_sha256("millrace simulated label", 24, of, sizeof(of), hash);
		if (!memory)
			break;
		row->has_mac = true;
		roster_simulated_mac(id, i, row->mac);
		for (int k = 0; k < 8; k++)
			row->pin[k] = (char)('0' + hash[k] % 10);
		/* Good for WPS too. */
		row->pin[7] = mr_wsc_pin_check_digit(row->pin);
		for (int k = 0; k < 8; k++)
			snprintf(row->passphrase + 2 * k, 3, "%02x", hash[8 + k]);
	}
	if (memory)
		(void)index_rows(r, &at, &memory);
	if (memory)
		return r;
	roster_destroy(r);
	return NULL;
}

void roster_destroy(struct roster *r)
{
	if (!r)
		return;
	OPENSSL_clear_free(r->rows, r->room * sizeof(*r->rows));
	map_free(&r->by_mac);
	map_free(&r->by_serial);
	map_free(&r->by_ssid);
	free(r);
}

size_t roster_count(const struct roster *r) { return r->count; }
const struct roster_row *roster_row(const struct roster *r, size_t i) { return &r->rows[i]; }

const struct roster_row *roster_find(const struct roster *r, const uint8_t bssid[static 6], const uint8_t *ssid,
				     size_t ssid_len, const char *serial)
{
	const struct roster_row *row = map_get(&r->by_mac, map_key_mac(bssid));

	if (row && row->ssid_len && ssid_len && (row->ssid_len != ssid_len || memcmp(row->ssid, ssid, ssid_len) != 0))
		return NULL; /* the address is on the list, under another name */
	if (!row && ssid_len)
		row = map_get(&r->by_ssid, text_key(ssid, ssid_len));
	if (!row && serial[0])
		row = map_get(&r->by_serial, text_key(serial, strlen(serial)));
	return row;
}
