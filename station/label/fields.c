#include "station/label/fields.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "station/base/log.h"
#include "station/yaml/words.h"

#define NAME_MAX_ 40 /* octets; chosen: names of fields and payloads are words */

struct field {
	char name[NAME_MAX_], part[NAME_MAX_];
	int tail;	/* how many characters of its end; 0: all */
	unsigned group; /* in groups of this many; 0: not */
};

static const char *const names[] = { "serial", "mac",	   "mac_plain", "device_id", "lot", "product",
				     "hw_rev", "firmware", "date",	"week",	     "pin", NULL };

__attribute__((format(printf, 3, 4))) static bool wrong(struct fields_fault *fault, size_t at, const char *format, ...)
{
	va_list args;

	fault->at = at;
	va_start(args, format);
	vsnprintf(fault->words, sizeof(fault->words), format, args);
	va_end(args);
	return false;
}

static bool is_known(const char *name)
{
	for (size_t i = 0; names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool read_modifier(struct field *field, const char *text, size_t len, size_t at, struct fields_fault *fault)
{
	bool tail = len > 0 && text[0] == '-';
	unsigned value = 0;

	for (size_t i = tail; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || value > 99)
			len = 0;
		else
			value = 10 * value + (unsigned)(text[i] - '0');
	}
	if (len <= tail || value < 1 || value > 32)
		return wrong(fault, at,
			     "after the colon; allowed: {serial:-4} for the last four, {pin:4} for groups of four");
	if (tail)
		field->tail = (int)value;
	else
		field->group = value;
	return true;
}

/* The inside of braces: name[.part][:modifier] */
static bool read_field(struct field *field, const char *text, size_t len, size_t at, struct fields_fault *fault)
{
	const char *colon = memchr(text, ':', len), *dot;
	size_t name_len = colon ? (size_t)(colon - text) : len, part_len = 0;

	*field = (struct field){ .name = "" };
	dot = memchr(text, '.', name_len);
	if (dot) {
		part_len = name_len - (size_t)(dot - text) - 1;
		name_len = (size_t)(dot - text);
	}
	if (name_len == 0 || name_len >= NAME_MAX_ || part_len >= NAME_MAX_ || (dot && part_len == 0))
		return wrong(fault, at, "a field has a name; allowed: as {serial}, {{ for a brace");
	memcpy(field->name, text, name_len);
	if (dot)
		memcpy(field->part, dot + 1, part_len);
	return !colon ||
	       read_modifier(field, colon + 1, (size_t)(text + len - colon) - 1, at + (size_t)(colon - text), fault);
}

static bool no_such(const struct field *field, size_t at, struct fields_fault *fault)
{
	const char *near = words_nearest(field->name, names);
	char name[80];

	log_escape(name, sizeof(name), field->name, strlen(field->name));
	return wrong(fault, at,
		     "there is no field \"%.40s\"; allowed: serial, mac, mac_plain, device_id, lot, product, hw_rev, "
		     "firmware, date, week, pin, payloads%s%s%s",
		     name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static void add_date(struct label_buffer *out, int64_t at_us, const char *format)
{
	time_t seconds = (time_t)(at_us / 1000000);
	char text[24] = "";
	struct tm day;

	if (gmtime_r(&seconds, &day))
		strftime(text, sizeof(text), format, &day);
	buffer_text(out, text);
}

static void add_octets(struct label_buffer *out, const uint8_t *octets, size_t len, const char *between, bool capitals)
{
	for (size_t i = 0; i < len; i++)
		buffer_print(out, capitals ? "%s%02X" : "%s%02x", i ? between : "", octets[i]);
}

static const char *add_value(const struct field *field, const struct label_unit *unit, struct label_buffer *out)
{
	const char *name = field->name;

	if (strcmp(name, "serial") == 0)
		buffer_text(out, unit->serial);
	else if (strcmp(name, "mac") == 0)
		add_octets(out, unit->mac, 6, ":", false);
	else if (strcmp(name, "mac_plain") == 0)
		add_octets(out, unit->mac, 6, "", true);
	else if (strcmp(name, "device_id") == 0)
		add_octets(out, unit->device_id, 8, "", false);
	else if (strcmp(name, "lot") == 0)
		buffer_text(out, unit->lot);
	else if (strcmp(name, "product") == 0)
		buffer_text(out, unit->product);
	else if (strcmp(name, "hw_rev") == 0)
		buffer_text(out, unit->hw_rev);
	else if (strcmp(name, "firmware") == 0)
		buffer_text(out, unit->firmware);
	else if (strcmp(name, "date") == 0)
		add_date(out, unit->passed_us, "%Y-%m-%d");
	else if (strcmp(name, "week") == 0)
		add_date(out, unit->passed_us, "%gW%V");
	else if (!*unit->pin)
		return "the unit has no PIN on record";
	else
		buffer_text(out, unit->pin);
	return NULL;
}

static bool is_continuation(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

/* Whole characters of UTF-8, counted from the end or in groups. */
static void add_modified(struct label_buffer *out, const struct field *field, const char *value, size_t len)
{
	size_t from = 0, count = 0;

	if (field->tail) {
		for (from = len; from > 0 && count < (size_t)field->tail;)
			if (!is_continuation(value[--from]))
				count++;
	}
	count = 0;
	for (size_t i = from; i < len; i++) {
		if (!is_continuation(value[i])) {
			if (field->group && count && count % field->group == 0)
				buffer_text(out, " ");
			count++;
		}
		buffer_add(out, value + i, 1);
	}
}

struct walk {
	const struct label_unit *unit; /* NULL: only a look */
	fields_payload_fn *payload;
	const void *ctx;
	struct label_buffer *out;
	bool *pin;
};

static bool on_field(const struct walk *walk, const struct field *field, size_t at, struct fields_fault *fault)
{
	bool known = is_known(field->name) && !*field->part;
	struct label_buffer value = { 0 };
	const char *why = NULL;

	if (!walk->unit) {
		if (known && walk->pin && strcmp(field->name, "pin") == 0)
			*walk->pin = true;
		if (known)
			return true;
		if (!walk->payload)
			return no_such(field, at, fault);
		why = walk->payload(walk->ctx, field->name, field->part, NULL, NULL);
		return !why || (*why ? wrong(fault, at, "%s", why) : no_such(field, at, fault));
	}
	why = known	      ? add_value(field, walk->unit, &value)
	      : walk->payload ? walk->payload(walk->ctx, field->name, field->part, walk->unit, &value)
			      : "there is no such field";
	if (!why && value.bad)
		why = "no memory is left";
	if (!why && value.len)
		add_modified(walk->out, field, value.at, value.len);
	buffer_wipe(&value);
	return why ? wrong(fault, at, "{%s}: %s", field->name, why) : true;
}

static bool walk_text(const struct walk *walk, const char *text, struct fields_fault *fault)
{
	for (size_t i = 0; text[i];) {
		size_t plain = strcspn(text + i, "{}"), len;
		struct field field;

		if (walk->out)
			buffer_add(walk->out, text + i, plain);
		i += plain;
		if (!text[i])
			break;
		if (text[i + 1] == text[i]) {
			if (walk->out)
				buffer_add(walk->out, text + i, 1);
			i += 2;
			continue;
		}
		if (text[i] == '}')
			return wrong(fault, i, "a brace closes and none is open; allowed: }} for a brace");
		len = strcspn(text + i + 1, "{}");
		if (text[i + 1 + len] != '}')
			return wrong(fault, i,
				     "a brace opens and none closes it; allowed: as {serial}, {{ for a brace");
		if (!read_field(&field, text + i + 1, len, i, fault) || !on_field(walk, &field, i, fault))
			return false;
		i += len + 2;
	}
	if (walk->out && walk->out->bad)
		return wrong(fault, 0, "no memory is left");
	return true;
}

bool fields_check(const char *text, fields_payload_fn *payload, const void *ctx, bool *pin, struct fields_fault *fault)
{
	const struct walk walk = { .payload = payload, .ctx = ctx, .pin = pin };

	return walk_text(&walk, text, fault);
}

bool fields_expand(const char *text, const struct label_unit *unit, fields_payload_fn *payload, const void *ctx,
		   struct label_buffer *out, struct fields_fault *fault)
{
	const struct walk walk = { .unit = unit, .payload = payload, .ctx = ctx, .out = out };

	return walk_text(&walk, text, fault);
}
