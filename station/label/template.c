/*
 * The reader of templates: one table of keys gives parsing, defaults, messages and the reference.
 */
#include "station/label/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/yaml/tree.h"
#include "station/yaml/value.h"
#include "station/yaml/words.h"
#include "station/label/payload.h"
#include "station/label/say.h"

#define OCTETS_MAX (64u << 10) /* chosen: those in config/labels have under 1 KiB */

enum type {
	TYPE_LENGTH,	    /* uint32_t, micrometres */
	TYPE_FIELDS,	    /* char[], text with fields */
	TYPE_PLAIN,	    /* char[], text without */
	TYPE_WORD,	    /* int, place in `words` */
	TYPE_SET,	    /* uint32_t, a list of `words`: bits of `values` */
	TYPE_YESNO,	    /* bool */
	TYPE_NUMBER,	    /* uint32_t, decimal or 0x */
	TYPE_PAYLOAD,	    /* int and char[]: a payload's name, or a text with fields */
	TYPE_DISCRIMINATOR, /* uint32_t, a number or `serial` */
};

struct row {
	const char *section, *name;
	enum type type;
	bool required;
	const char *fallback;
	uint32_t low, high; /* lengths: micrometres; numbers */
	const char *const *words;
	const uint32_t *values;
	size_t at, size;
	const char *sentence;
};

static const char *const payload_kinds[] = { "text", "wifi", "dpp", "esp", "matter", "homekit", NULL };
static const char *const item_kinds[] = { "text", "qr", "code128", "box", NULL };
static const char *const alignments[] = { "left", "center", "right", NULL };
static const char *const corrections[] = { "L", "M", "Q", "H", NULL };
static const char *const resolutions[] = { "203dpi", "300dpi", "600dpi", NULL };
static const unsigned dots_per_mm[] = { 8, 12, 24 };
static const char *const transports[] = { "softap", "ble", NULL };
static const char *const flows[] = { "standard", "user-intent", "custom", NULL };
static const char *const discoveries[] = { "softap", "ble", "ip", NULL };
static const uint32_t discovery_bits[] = { MATTER_SOFTAP, MATTER_BLE, MATTER_IP };
static const char *const homekit_ways[] = { "ip", "ble", "wac", NULL };
static const uint32_t homekit_bits[] = { HOMEKIT_IP, HOMEKIT_BLE, HOMEKIT_WAC };
/* Micrometres are written in "mm". */
static const struct value_unit lengths[] = { { "mm", 1000 }, { NULL, 0 } };

struct head {
	char name[33];
	uint32_t width, height;
	int resolution;
};

#define IN(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define P(field) IN(template_payload, field)
#define I(field) IN(template_item, field)

static const struct row rows[] = {
	{ "label", "name", TYPE_PLAIN, true, NULL, 1, 32, NULL, NULL, IN(head, name), "name on record" },
	{ "label", "width", TYPE_LENGTH, true, NULL, 5000, 220000, NULL, NULL, IN(head, width), "across the web" },
	{ "label", "height", TYPE_LENGTH, true, NULL, 5000, 500000, NULL, NULL, IN(head, height), "along the web" },
	{ "label", "resolution", TYPE_WORD, false, "203dpi", 0, 0, resolutions, NULL, IN(head, resolution),
	  "of the printer's head: 8, 12 or 24 dots a millimetre" },

	{ "payload text", "text", TYPE_FIELDS, true, NULL, 1, 199, NULL, NULL, P(text), "what the code says" },
	{ "payload wifi", "ssid", TYPE_FIELDS, true, NULL, 1, 199, NULL, NULL, P(ssid),
	  "name of the device's access point; never the PIN" },
	{ "payload wifi", "passphrase", TYPE_FIELDS, false, "", 0, 199, NULL, NULL, P(passphrase),
	  "has {pin} in it, or every device would share it; nothing: an open network" },
	{ "payload wifi", "hidden", TYPE_YESNO, false, "false", 0, 0, NULL, NULL, P(hidden),
	  "the access point hides its name" },
	{ "payload dpp", "channels", TYPE_PLAIN, false, "", 0, 199, NULL, NULL, P(channels),
	  "class/channel, with commas between" },
	{ "payload dpp", "mac", TYPE_YESNO, false, "true", 0, 0, NULL, NULL, P(mac),
	  "the device's address is part of it" },
	{ "payload dpp", "information", TYPE_FIELDS, false, "", 0, 199, NULL, NULL, P(information), "for people" },
	{ "payload esp", "name", TYPE_FIELDS, true, NULL, 1, 199, NULL, NULL, P(device), "the device's service name" },
	{ "payload esp", "username", TYPE_FIELDS, false, "", 0, 199, NULL, NULL, P(username), "of security 2" },
	{ "payload esp", "pop", TYPE_FIELDS, false, "", 0, 199, NULL, NULL, P(pop),
	  "proof of possession; has {pin} in it" },
	{ "payload esp", "transport", TYPE_WORD, false, "softap", 0, 0, transports, NULL, P(transport),
	  "how the application comes" },
	{ "payload matter", "vendor", TYPE_NUMBER, true, NULL, 1, 0xffff, NULL, NULL, P(vendor), "vendor id" },
	{ "payload matter", "product", TYPE_NUMBER, true, NULL, 1, 0xffff, NULL, NULL, P(product), "product id" },
	{ "payload matter", "flow", TYPE_WORD, false, "standard", 0, 0, flows, NULL, P(flow), "commissioning flow" },
	{ "payload matter", "discovery", TYPE_SET, false, "[ip]", 0, 0, discoveries, discovery_bits, P(discovery),
	  "where a new device is found" },
	{ "payload matter", "discriminator", TYPE_DISCRIMINATOR, false, "serial", 0, 4095, NULL, NULL, P(discriminator),
	  "`serial`: the number at its end modulo 4096, so neighbours differ" },
	{ "payload homekit", "category", TYPE_NUMBER, true, NULL, 1, 255, NULL, NULL, P(category),
	  "accessory category" },
	{ "payload homekit", "transports", TYPE_SET, false, "[ip]", 0, 0, homekit_ways, homekit_bits, P(transports),
	  "how it is reached; `wac` brings it into the network" },
	{ "payload homekit", "setup_id", TYPE_FIELDS, true, NULL, 1, 199, NULL, NULL, P(setup_id),
	  "four of 0-9 A-Z, another for each device: {serial:-4}" },

	{ "item", "x", TYPE_LENGTH, true, NULL, 0, 220000, NULL, NULL, I(x), "left edge, from the left" },
	{ "item", "y", TYPE_LENGTH, true, NULL, 0, 500000, NULL, NULL, I(y), "upper edge, from the top" },
	{ "item text", "text", TYPE_FIELDS, true, NULL, 1, 199, NULL, NULL, I(text), "what it says" },
	{ "item text", "size", TYPE_LENGTH, false, "2.5mm", 1000, 50000, NULL, NULL, I(size), "height of its line" },
	{ "item text", "width", TYPE_LENGTH, false, "0mm", 0, 220000, NULL, NULL, I(width),
	  "room for `align`; 0mm: as wide as it is" },
	{ "item text", "align", TYPE_WORD, false, "left", 0, 0, alignments, NULL, I(align), "within its width" },
	{ "item qr", "payload", TYPE_PAYLOAD, true, NULL, 1, 199, NULL, NULL, I(text),
	  "a payload's name, or a text with fields" },
	{ "item qr", "module", TYPE_LENGTH, false, "0.5mm", 100, 5000, NULL, NULL, I(module),
	  "side of one square: whole dots" },
	{ "item qr", "correction", TYPE_WORD, false, "M", 0, 0, corrections, NULL, I(correction),
	  "7, 15, 25 or 30 % may be damaged" },
	{ "item qr", "scan", TYPE_YESNO, false, "false", 0, 0, NULL, NULL, I(scan),
	  "this code is the one that is scanned back" },
	{ "item code128", "payload", TYPE_PAYLOAD, true, NULL, 1, 199, NULL, NULL, I(text),
	  "a payload's name, or a text with fields" },
	{ "item code128", "height", TYPE_LENGTH, false, "8mm", 2000, 100000, NULL, NULL, I(height), "of the bars" },
	{ "item code128", "module", TYPE_LENGTH, false, "0.25mm", 100, 2000, NULL, NULL, I(module),
	  "narrowest bar: whole dots" },
	{ "item code128", "scan", TYPE_YESNO, false, "false", 0, 0, NULL, NULL, I(scan),
	  "this code is the one that is scanned back" },
	{ "item box", "width", TYPE_LENGTH, true, NULL, 100, 220000, NULL, NULL, I(width), "outer width" },
	{ "item box", "height", TYPE_LENGTH, true, NULL, 100, 500000, NULL, NULL, I(height), "outer height" },
	{ "item box", "stroke", TYPE_LENGTH, false, "0.25mm", 100, 20000, NULL, NULL, I(stroke),
	  "thickness of its line" },
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

struct reader {
	struct label_template *template;
	struct complaints c;
};

static const char *kind_of(const struct node *node)
{
	return node->kind == NODE_LIST	   ? "a list"
	       : node->kind == NODE_MAP	   ? "a map"
	       : node->len || !node->plain ? "a value"
					   : "nothing";
}

static struct quoted shown(const struct node *node) { return quoted(node->text ? node->text : "", node->len); }

static void list_words(const char *const *words, char *out, size_t cap)
{
	size_t len = 0;

	*out = '\0';
	for (size_t i = 0; words[i] && len < cap; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s%s", i ? ", " : "", words[i]);
}

static int find_word(struct reader *r, const struct node *node, const char *what, const char *const *words)
{
	const char *near;
	char all[200];

	if (node->kind == NODE_SCALAR)
		for (int i = 0; words[i]; i++)
			if (strlen(words[i]) == node->len && memcmp(words[i], node->text, node->len) == 0)
				return i;
	list_words(words, all, sizeof(all));
	near = node->kind == NODE_SCALAR ? words_nearest(node->text, words) : NULL;
	complain(&r->c, node->line, node->column, "%s is %s%s%s; allowed: %s%s%s%s", what,
		 node->kind == NODE_SCALAR ? "\"" : "", node->kind == NODE_SCALAR ? shown(node).text : kind_of(node),
		 node->kind == NODE_SCALAR ? "\"" : "", all, near ? "; did you mean \"" : "", near ? near : "",
		 near ? "\"?" : "");
	return -1;
}

static bool number_of(const struct node *node, uint32_t *out)
{
	__int128 value;

	if (node->len > 2 && node->len < 11 && node->text[0] == '0' && (node->text[1] == 'x' || node->text[1] == 'X')) {
		char *end;

		*out = (uint32_t)strtoul(node->text + 2, &end, 16);
		return *end == '\0' && node->text[2] != '-' && node->text[2] != '+' && node->text[2] != ' ';
	}
	if (value_integer(node->text, node->len, value_none, &value) != VALUE_GOOD || value < 0 || value > UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

static void store_number(struct reader *r, const struct row *row, const struct node *node, uint32_t *out)
{
	if (row->type == TYPE_DISCRIMINATOR && strcmp(node->text, "serial") == 0) {
		*out = TEMPLATE_FROM_SERIAL;
		return;
	}
	if (!number_of(node, out) || *out < row->low || *out > row->high)
		complain(&r->c, node->line, node->column, "%s is \"%s\"; allowed: %u to %u%s, decimal or 0x", row->name,
			 shown(node).text, row->low, row->high, row->type == TYPE_DISCRIMINATOR ? " or serial" : "");
}

static void store_length(struct reader *r, const struct row *row, const struct node *node, uint32_t *out)
{
	__int128 value = 0;
	enum value_result got = value_integer(node->text, node->len, lengths, &value);

	if (got == VALUE_GOOD && value >= row->low && value <= row->high) {
		*out = (uint32_t)value;
		return;
	}
	complain(&r->c, node->line, node->column, "%s is \"%s\"%s; allowed: %gmm to %gmm", row->name, shown(node).text,
		 got == VALUE_NO_UNIT ? ", a number without its unit" : "", row->low / 1e3, row->high / 1e3);
}

/* Control characters have no place on paper, and none in a line of ZPL. */
static bool is_printable(const struct node *node)
{
	for (size_t i = 0; i < node->len; i++)
		if ((unsigned char)node->text[i] < 0x20 || node->text[i] == 0x7f)
			return false;
	return true;
}

static bool store_text(struct reader *r, const struct row *row, const struct node *node, char *out)
{
	size_t most = row->size - 1 < row->high ? row->size - 1 : row->high;

	if (node->len < row->low || node->len > most) {
		complain(&r->c, node->line, node->column, "%s has %zu octets; allowed: %u to %zu", row->name, node->len,
			 row->low, most);
		return false;
	}
	if (!is_printable(node)) {
		complain(&r->c, node->line, node->column, "%s is \"%s\"; allowed: text without control characters",
			 row->name, shown(node).text);
		return false;
	}
	memcpy(out, node->text, node->len);
	out[node->len] = '\0';
	return true;
}

static void store_set(struct reader *r, const struct row *row, const struct node *node, uint32_t *out)
{
	*out = 0;
	if (node->kind != NODE_LIST || node->count == 0) {
		char all[200];

		list_words(row->words, all, sizeof(all));
		complain(&r->c, node->line, node->column, "%s is %s; allowed: a list of %s", row->name,
			 node->kind == NODE_LIST ? "an empty list" : kind_of(node), all);
		return;
	}
	for (const struct node *item = node->child; item; item = item->next) {
		int word = find_word(r, item, row->name, row->words);

		if (word >= 0)
			*out |= row->values[word];
	}
}

static void store(struct reader *r, const struct row *row, const struct node *node, void *base)
{
	char *at = (char *)base + row->at;

	if (node->refused)
		return;
	if (node->kind != NODE_SCALAR && row->type != TYPE_SET) {
		complain(&r->c, node->line, node->column, "%s is %s; allowed: a single value", row->name,
			 kind_of(node));
		return;
	}
	switch (row->type) {
	case TYPE_LENGTH: store_length(r, row, node, (uint32_t *)(void *)at); break;
	case TYPE_FIELDS:
	case TYPE_PLAIN:
	case TYPE_PAYLOAD: (void)store_text(r, row, node, at); break;
	case TYPE_WORD: {
		int word = find_word(r, node, row->name, row->words);

		*(int *)(void *)at = word < 0 ? 0 : word;
		break;
	}
	case TYPE_SET: store_set(r, row, node, (uint32_t *)(void *)at); break;
	case TYPE_YESNO:
		*(bool *)(void *)at = strcmp(node->text, "true") == 0;
		if (strcmp(node->text, "true") != 0 && strcmp(node->text, "false") != 0)
			complain(&r->c, node->line, node->column, "%s is \"%s\"; allowed: true, false", row->name,
				 shown(node).text);
		break;
	case TYPE_NUMBER:
	case TYPE_DISCRIMINATOR: store_number(r, row, node, (uint32_t *)(void *)at); break;
	}
}

/* A default, written as in a file. */
static void store_fallback(struct reader *r, const struct row *row, void *base)
{
	struct node node = { .kind = NODE_SCALAR, .text = row->fallback, .len = strlen(row->fallback) }, list;

	if (row->type == TYPE_SET) { /* "[ip]": one word */
		static const char ip[] = "ip";

		node = (struct node){ .kind = NODE_SCALAR, .text = ip, .len = 2 };
		list = (struct node){ .kind = NODE_LIST, .count = 1, .child = &node };
		store(r, row, &list, base);
		return;
	}
	store(r, row, &node, base);
}

static const struct row *find_row(const char *const sections[2], const char *name, size_t len)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		for (size_t s = 0; s < 2; s++)
			if (sections[s] && strcmp(rows[i].section, sections[s]) == 0 && strlen(rows[i].name) == len &&
			    memcmp(rows[i].name, name, len) == 0)
				return &rows[i];
	return NULL;
}

static void complain_key(struct reader *r, const struct node *key, const char *const sections[2], bool kind)
{
	const char *names[32] = { NULL }, *near;
	size_t count = 0;
	char all[300];

	if (kind)
		names[count++] = "kind";
	for (size_t i = 0; i < ROW_COUNT && count < 31; i++)
		if ((sections[0] && strcmp(rows[i].section, sections[0]) == 0) ||
		    (sections[1] && strcmp(rows[i].section, sections[1]) == 0))
			names[count++] = rows[i].name;
	list_words(names, all, sizeof(all));
	near = words_nearest(key->text, names);
	complain(&r->c, key->line, key->column, "unknown key \"%s\"; allowed: %s%s%s%s", shown(key).text, all,
		 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* The keys of a map by the rows of one or two sections, with defaults for those that are not there. */
static void read_map(struct reader *r, const struct node *map, const char *const sections[2], bool kind, void *base)
{
	for (const struct node *value = map->child; value; value = value->next) {
		const struct row *row = value->key->kind == NODE_SCALAR
						? find_row(sections, value->key->text, value->key->len)
						: NULL;

		if (value->key->kind != NODE_SCALAR || (kind && strcmp(value->key->text, "kind") == 0))
			continue;
		if (row)
			store(r, row, value, base);
		else
			complain_key(r, value->key, sections, kind);
	}
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *row = &rows[i];

		if ((!sections[0] || strcmp(row->section, sections[0]) != 0) &&
		    (!sections[1] || strcmp(row->section, sections[1]) != 0))
			continue;
		if (tree_value(map, row->name, strlen(row->name)))
			continue;
		if (row->fallback)
			store_fallback(r, row, base);
		else if (row->required)
			complain(&r->c, map->line, map->column, "%s is missing: %s", row->name, row->sentence);
	}
}

static int read_kind(struct reader *r, const struct node *map, const char *const *kinds)
{
	const struct node *kind = tree_value(map, "kind", 4);
	char all[100];

	if (kind)
		return kind->refused ? -1 : find_word(r, kind, "kind", kinds);
	list_words(kinds, all, sizeof(all));
	complain(&r->c, map->line, map->column, "kind is missing; allowed: %s", all);
	return -1;
}

/* --- payloads --- */

static void add_fault(struct reader *r, const struct node *in, const char *key, const struct fields_fault *fault)
{
	const struct node *value = tree_value(in, key, strlen(key));
	/* Behind the quote, if there is one; escapes before the place would move it, and are rare. */
	unsigned column = value ? value->column + (unsigned)fault->at + !value->plain : in->column;

	complain(&r->c, value ? value->line : in->line, column, "%s: %s", key, fault->words);
}

static bool check_fields(struct reader *r, const struct node *in, const char *key, const char *text, bool *pin)
{
	struct fields_fault fault;

	if (fields_check(text, NULL, NULL, pin, &fault))
		return true;
	add_fault(r, in, key, &fault);
	return false;
}

static void check_payload(struct reader *r, const struct node *map, struct template_payload *p)
{
	bool in_public = false, in_secret = false;

	switch (p->kind) {
	case TEMPLATE_TEXT: check_fields(r, map, "text", p->text, &p->secret); break;
	case TEMPLATE_WIFI:
		if (check_fields(r, map, "ssid", p->ssid, &in_public) && in_public)
			complain(&r->c, map->line, map->column,
				 "ssid has the PIN in it, and is sent through the air; allowed: "
				 "a part of the serial number, as {serial:-4}");
		if (check_fields(r, map, "passphrase", p->passphrase, &in_secret) && *p->passphrase && !in_secret)
			complain(&r->c, map->line, map->column,
				 "passphrase is the same on every device; allowed: one with {pin} in it");
		p->secret = in_secret;
		break;
	case TEMPLATE_DPP:
		if (check_fields(r, map, "information", p->information, &in_public) && in_public)
			complain(&r->c, map->line, map->column,
				 "information has the PIN in it; allowed: other fields, for DPP needs no secret");
		break;
	case TEMPLATE_ESP:
		if (check_fields(r, map, "name", p->device, &in_public) &&
		    check_fields(r, map, "username", p->username, &in_public) && in_public)
			complain(&r->c, map->line, map->column,
				 "name or username has the PIN in it, and is sent through the air; allowed: "
				 "other fields");
		if (check_fields(r, map, "pop", p->pop, &in_secret) && *p->pop && !in_secret)
			complain(&r->c, map->line, map->column,
				 "pop is the same on every device; allowed: one with {pin} in it");
		p->secret = in_secret;
		break;
	case TEMPLATE_MATTER: p->secret = true; break;
	case TEMPLATE_HOMEKIT:
		if (check_fields(r, map, "setup_id", p->setup_id, &in_public) && in_public)
			complain(&r->c, map->line, map->column,
				 "setup_id has the PIN in it, and is sent through the air; allowed: {serial:-4}");
		p->secret = true;
		break;
	}
}

static bool is_name(const struct node *key)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return key->kind == NODE_SCALAR && key->len >= 1 && key->len <= 32 && strspn(key->text, allowed) == key->len;
}

static void read_payload(struct reader *r, const struct node *map)
{
	static const char *const sections[] = { "payload text", "payload wifi",	  "payload dpp",
						"payload esp",	"payload matter", "payload homekit" };
	struct template_payload *p = &r->template->payloads[r->template->payload_count];
	size_t before = r->c.errors->count;
	struct fields_fault fault;
	char field[40];
	int kind;

	if (map->refused)
		return;
	if (!is_name(map->key)) {
		complain(&r->c, map->key->line, map->key->column,
			 "a payload's name is \"%s\"; allowed: 1 to 32 of A-Z a-z 0-9 _ -", shown(map->key).text);
		return;
	}
	snprintf(field, sizeof(field), "{%.32s}", map->key->text);
	if (fields_check(field, NULL, NULL, NULL, &fault)) {
		complain(&r->c, map->key->line, map->key->column,
			 "a payload is named as the field %s; allowed: another name", field);
		return;
	}
	if (map->kind != NODE_MAP) {
		complain(&r->c, map->line, map->column, "payload \"%s\" is %s; allowed: {kind: ..., ...}",
			 map->key->text, kind_of(map));
		return;
	}
	if (r->template->payload_count == TEMPLATE_PAYLOADS_MAX) {
		complain(&r->c, map->line, map->column, "too many payloads; allowed: %d", TEMPLATE_PAYLOADS_MAX);
		return;
	}
	kind = read_kind(r, map, payload_kinds);
	if (kind < 0)
		return;
	*p = (struct template_payload){ .kind = (enum template_payload_kind)kind,
					.line = map->line,
					.column = map->column };
	memcpy(p->name, map->key->text, map->key->len);
	read_map(r, map, (const char *const[2]){ sections[kind], NULL }, true, p);
	if (r->c.errors->count == before)
		check_payload(r, map, p);
	r->template->payload_count++;
}

/* --- items --- */

/* Does a text say the PIN, by itself or through a payload? */
static bool says_secret(const struct label_template *template, const char *text)
{
	char mark[40];

	for (size_t i = 0; i < template->payload_count; i++) {
		if (!template->payloads[i].secret)
			continue;
		snprintf(mark, sizeof(mark), "{%s", template->payloads[i].name);
		for (const char *at = text; (at = strstr(at, mark)); at++)
			if (strchr(".:}", at[strlen(mark)]))
				return true;
	}
	return false;
}

static void check_module(struct reader *r, const struct node *map, const struct template_item *item)
{
	unsigned dots = r->template->dots_per_mm, exact = item->module * dots;

	if (exact % 1000 == 0 && exact)
		return;
	complain(&r->c, map->line, map->column,
		 "module is %gmm, %g dots of this printer; allowed: whole dots, %gmm or %gmm", item->module / 1e3,
		 exact / 1e3, (exact / 1000) * 1.0 / dots, (exact / 1000 + 1) * 1.0 / dots);
}

static void read_item(struct reader *r, const struct node *map)
{
	static const char *const sections[] = { "item text", "item qr", "item code128", "item box" };
	struct label_template *template = r->template;
	struct template_item *item = &template->items[template->item_count];
	size_t before = r->c.errors->count;
	struct fields_fault fault;
	bool pin = false;
	int kind;

	if (map->refused)
		return;
	if (map->kind != NODE_MAP) {
		complain(&r->c, map->line, map->column, "an item is %s; allowed: {kind: text, x: 2mm, y: 2mm, ...}",
			 kind_of(map));
		return;
	}
	if (template->item_count == TEMPLATE_ITEMS_MAX) {
		complain(&r->c, map->line, map->column, "too many items; allowed: %d", TEMPLATE_ITEMS_MAX);
		return;
	}
	kind = read_kind(r, map, item_kinds);
	if (kind < 0)
		return;
	*item = (struct template_item){
		.kind = (enum template_item_kind)kind, .line = map->line, .column = map->column, .payload = -1
	};
	read_map(r, map, (const char *const[2]){ "item", sections[kind] }, true, item);
	template->item_count++;
	if (r->c.errors->count != before || item->kind == ITEM_BOX)
		return;
	if (item->kind != ITEM_TEXT) {
		check_module(r, map, item);
		item->payload = say_find(template, item->text);
	}
	if (item->payload >= 0) {
		template->secret |= template->payloads[item->payload].secret;
	} else if (fields_check(item->text, say_field, template, &pin, &fault)) {
		template->secret |= pin || says_secret(template, item->text);
	} else {
		add_fault(r, map, item->kind == ITEM_TEXT ? "text" : "payload", &fault);
	}
}

/* The code that is scanned back: the one marked, else the first QR code, else the first code. */
static void choose_scan(struct reader *r)
{
	struct label_template *t = r->template;

	t->scan_item = -1;
	for (size_t i = 0; i < t->item_count; i++) {
		if (!t->items[i].scan)
			continue;
		if (t->scan_item >= 0)
			complain(&r->c, t->items[i].line, t->items[i].column,
				 "scan is true in two items; allowed: one code that is scanned back");
		t->scan_item = (int)i;
	}
	for (size_t i = 0; t->scan_item < 0 && i < t->item_count; i++)
		if (t->items[i].kind == ITEM_QR)
			t->scan_item = (int)i;
	for (size_t i = 0; t->scan_item < 0 && i < t->item_count; i++)
		if (t->items[i].kind == ITEM_CODE128)
			t->scan_item = (int)i;
}

/* --- the whole --- */

static void read_head(struct reader *r, const struct node *root)
{
	const struct node *format = tree_value(root, "format", 6), *label = tree_value(root, "label", 5);
	struct head head = { .width = 5000, .height = 5000 };

	if (!format || format->kind != NODE_SCALAR || strcmp(format->text, "1") != 0)
		complain(&r->c, format ? format->line : 1, format ? format->column : 1, "format is %s; allowed: 1",
			 format ? "another" : "missing");
	if (!label || label->kind != NODE_MAP) {
		complain(&r->c, label ? label->line : root->line, label ? label->column : root->column,
			 "label is %s; allowed: {name: ..., width: 50mm, height: 25mm}",
			 label ? kind_of(label) : "missing");
		return;
	}
	read_map(r, label, (const char *const[2]){ "label", NULL }, false, &head);
	memcpy(r->template->name, head.name, sizeof(head.name));
	r->template->width = head.width;
	r->template->height = head.height;
	r->template->dots_per_mm = dots_per_mm[head.resolution];
}

static void read_root(struct reader *r, const struct node *root)
{
	static const char *const names[] = { "format", "label", "payloads", "items", NULL };
	const struct node *payloads = tree_value(root, "payloads", 8), *items = tree_value(root, "items", 5);

	r->template->dots_per_mm = dots_per_mm[0];
	for (const struct node *value = root->child; value; value = value->next)
		if (value->key->kind == NODE_SCALAR)
			(void)find_word(r, value->key, "a key", names);
	read_head(r, root);
	if (payloads && payloads->kind != NODE_MAP)
		complain(&r->c, payloads->line, payloads->column, "payloads is %s; allowed: NAME: {kind: ..., ...}",
			 kind_of(payloads));
	for (const struct node *map = payloads && payloads->kind == NODE_MAP ? payloads->child : NULL; map;
	     map = map->next)
		read_payload(r, map);
	if (!items || items->kind != NODE_LIST || items->count == 0) {
		complain(&r->c, items ? items->line : root->line, items ? items->column : root->column,
			 "items is %s; allowed: a list of 1 to %d",
			 !items			    ? "missing"
			 : items->kind == NODE_LIST ? "an empty list"
						    : kind_of(items),
			 TEMPLATE_ITEMS_MAX);
		return;
	}
	for (const struct node *map = items->child; map; map = map->next)
		read_item(r, map);
	choose_scan(r);
}

struct label_template *template_parse(const char *path, const char *bytes, size_t len, struct job_errors *errors)
{
	struct reader r = { .template = calloc(1, sizeof(*r.template)) };
	struct tree *tree = NULL;

	complaints_init(&r.c, path, errors);
	r.c.what = "label template";
	r.c.first_key = "label";
	r.c.example = "config/labels/serial.yaml";
	if (!r.template || !(r.template->path = strdup(path)))
		complain(&r.c, 1, 1, "no memory to read the file");
	else if (len > OCTETS_MAX)
		complain(&r.c, 1, 1, "the file has %zu octets; allowed: %u", len, OCTETS_MAX);
	else if ((tree = tree_parse(bytes, len, &r.c)))
		read_root(&r, tree_root(tree));
	complaints_sort(&r.c);
	tree_destroy(tree);
	if (errors->count == 0)
		return r.template;
	template_destroy(r.template);
	return NULL;
}

struct label_template *template_load(const char *path, struct job_errors *errors)
{
	FILE *file = fopen(path, "re");
	struct label_template *template = NULL;
	struct complaints c;
	char *bytes = malloc(OCTETS_MAX + 1);
	size_t len = 0;

	if (file && bytes)
		len = fread(bytes, 1, OCTETS_MAX + 1, file);
	if (!file || !bytes || ferror(file)) {
		complaints_init(&c, path, errors);
		complain(&c, 1, 1, "cannot be read: %s; name a label template, as config/labels/serial.yaml",
			 bytes ? strerror(errno) : "no memory is left");
	} else {
		template = template_parse(path, bytes, len, errors);
	}
	if (file)
		fclose(file);
	free(bytes);
	return template;
}

void template_destroy(struct label_template *template)
{
	if (template)
		free(template->path);
	free(template);
}

bool template_reference(size_t line, char *out, size_t cap)
{
	const struct row *row = &rows[line];
	char allowed[200] = "";

	if (line >= ROW_COUNT)
		return false;
	switch (row->type) {
	case TYPE_LENGTH: snprintf(allowed, sizeof(allowed), "%gmm to %gmm", row->low / 1e3, row->high / 1e3); break;
	case TYPE_FIELDS: snprintf(allowed, sizeof(allowed), "text with fields"); break;
	case TYPE_PLAIN: snprintf(allowed, sizeof(allowed), "text"); break;
	case TYPE_SET:
	case TYPE_WORD: list_words(row->words, allowed, sizeof(allowed)); break;
	case TYPE_YESNO: snprintf(allowed, sizeof(allowed), "true, false"); break;
	case TYPE_NUMBER: snprintf(allowed, sizeof(allowed), "%u to %u", row->low, row->high); break;
	case TYPE_PAYLOAD: snprintf(allowed, sizeof(allowed), "a payload, or text with fields"); break;
	case TYPE_DISCRIMINATOR: snprintf(allowed, sizeof(allowed), "serial, 0 to 4095"); break;
	}
	snprintf(out, cap, "| %s | `%s` | %s | %s | %s |", row->section, row->name, allowed,
		 row->required	  ? "required"
		 : *row->fallback ? row->fallback
				  : "nothing",
		 row->sentence);
	return true;
}
