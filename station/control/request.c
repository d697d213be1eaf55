#include "station/control/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/text.h"
#include "station/base/log.h"
#include "station/control/model.h"
#include "station/yaml/words.h"
#include "station/label/book.h"

#define DEPTH_MAX 8 /* levels of JSON; chosen: requests have two */
#define ID_MAX 64u  /* octets; chosen: a UUID has 36 */

const char *role_name(enum role role)
{
	static const char *const names[] = { "none", "observer", "operator", "lead" };

	return names[role];
}

bool role_parse(const char *name, enum role *out)
{
	for (int i = ROLE_NONE; i <= ROLE_LEAD; i++)
		if (strcmp(name, role_name((enum role)i)) == 0) {
			*out = (enum role)i;
			return true;
		}
	return false;
}

static const struct {
	const char *name;
	enum role role;
} requests[REQUEST_COUNT] = {
#define REQUEST_ROW(NAME, name, role) [REQUEST_##NAME] = { (name), ROLE_##role },
	REQUESTS(REQUEST_ROW)
#undef REQUEST_ROW
};

const char *request_name(enum request_kind kind) { return requests[kind].name; }
enum role request_role(enum request_kind kind) { return requests[kind].role; }

void refuse(struct refusal *why, const char *name, const char *remedy, const char *format, ...)
{
	va_list args;

	why->name = name;
	snprintf(why->remedy, sizeof(why->remedy), "%s", remedy);
	va_start(args, format);
	vsnprintf(why->sentence, sizeof(why->sentence), format, args);
	va_end(args);
}

/* --- the keys --- */

enum key_shape { AS_TEXT, AS_NUMBER, AS_YESNO, AS_UNITS, AS_PARTS };

#define OF(NAME) (1u << REQUEST_##NAME)
#define UNITS_OF (OF(RETRY) | OF(QUARANTINE) | OF(RELEASE))

/* Which request takes which key, and which needs it. */
static const struct key {
	const char *name;
	enum key_shape shape;
	unsigned takes, needs;
	size_t least, most; /* octets of a text; value of a number */
	size_t at;	    /* in struct request */
} keys[] = {
	{ "client", AS_TEXT, OF(HELLO), 0, 0, 80, offsetof(struct request, text) },
	{ "badge", AS_TEXT, OF(BADGE), OF(BADGE), 0, TEXT_BADGE_MAX, offsetof(struct request, text) },
	{ "text", AS_TEXT, OF(FIND), OF(FIND), 1, 64, offsetof(struct request, text) },
	{ "job", AS_TEXT, OF(RUN), OF(RUN), 1, 4096, offsetof(struct request, text) },
	{ "job", AS_NUMBER, OF(CANCEL), OF(CANCEL), 1, INT32_MAX, offsetof(struct request, number) },
	{ "db", AS_TEXT, OF(RUN), 0, 1, 4096, offsetof(struct request, db) },
	{ "stay", AS_YESNO, OF(RUN), 0, 0, 0, offsetof(struct request, stay) },
	{ "text", AS_TEXT, OF(SCAN), OF(SCAN), 1, SCAN_TEXT_MAX, offsetof(struct request, text) },
	{ "strict", AS_YESNO, OF(SCAN), 0, 0, 0, offsetof(struct request, strict) },
	{ "serial", AS_TEXT, OF(SCAN) | OF(LABEL), OF(LABEL), 1, 32, offsetof(struct request, serial) },
	{ "lot", AS_TEXT, OF(SCAN) | OF(LABEL), OF(LABEL), 1, 64, offsetof(struct request, lot) },
	{ "template", AS_TEXT, OF(LABEL), OF(LABEL), 1, 39, offsetof(struct request, template) },
	{ "kind", AS_TEXT, OF(LABEL), OF(LABEL), 4, 5, offsetof(struct request, form) },
	{ "digest", AS_TEXT, OF(LABEL), OF(LABEL), 64, 64, offsetof(struct request, digest) },
	{ "secret", AS_YESNO, OF(LABEL), OF(LABEL), 0, 0, offsetof(struct request, secret) },
	{ "label", AS_NUMBER, OF(LABELLED), OF(LABELLED), 1, INT32_MAX, offsetof(struct request, number) },
	{ "state", AS_TEXT, OF(LABELLED), OF(LABELLED), 4, 7, offsetof(struct request, state) },
	{ "state", AS_TEXT, OF(PRINTER), OF(PRINTER), 2, 4, offsetof(struct request, state) },
	{ "text", AS_TEXT, OF(PRINTER), 0, 0, 200, offsetof(struct request, text) },
	{ "banner", AS_NUMBER, OF(ACK), OF(ACK), 1, INT32_MAX, offsetof(struct request, number) },
	{ "rate", AS_NUMBER, OF(SUBSCRIBE), 0, 1, REQUEST_RATE_MAX, offsetof(struct request, rate) },
	{ "parts", AS_PARTS, OF(SUBSCRIBE), 0, 0, 0, 0 },
	{ "unit", AS_UNITS, UNITS_OF | OF(DEVICE), 0, 0, 0, 0 },
	{ "units", AS_UNITS, UNITS_OF, 0, 0, 0, 0 },
	{ "serial", AS_TEXT, UNITS_OF | OF(DEVICE), 0, 1, 64, offsetof(struct request, serial) },
	{ "mac", AS_TEXT, UNITS_OF | OF(DEVICE), 0, 17, 17, offsetof(struct request, mac) },
	{ "reason", AS_TEXT, UNITS_OF | OF(PAUSE) | OF(RESUME) | OF(STOP) | OF(ABORT) | OF(ACK) | OF(LABEL),
	  OF(PAUSE) | OF(STOP) | OF(ABORT) | OF(QUARANTINE) | OF(RELEASE), 1, TEXT_REASON_MAX,
	  offsetof(struct request, reason) },
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

struct quote {
	char text[60];
};

static struct quote quote(const char *text)
{
	struct quote q = { 0 };
	size_t len = strlen(text);

	(void)log_escape(q.text, sizeof(q.text), text, len);
	return q;
}

/* What cannot be shown has no business in a log line, on a screen or on record. */
static bool printable(const char *text, size_t len) { return strlen(text) == len && !text_wrong(text, len); }

static bool take_text(const struct key *key, json_t *value, struct request *out, struct refusal *why)
{
	const char *text = json_string_value(value);
	size_t len = text ? json_string_length(value) : 0;

	if (!text || len < key->least || len > key->most || !printable(text, len)) {
		refuse(why, "wrong-value", "",
		       "\"%s\" is a text of %zu to %zu octets without characters that do not show", key->name,
		       key->least, key->most);
		return false;
	}
	memcpy((char *)out + key->at, &text, sizeof(text));
	return true;
}

static bool take_number(const struct key *key, json_t *value, struct request *out, struct refusal *why)
{
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < (json_int_t)key->least || n > (json_int_t)key->most) {
		refuse(why, "wrong-value", "", "\"%s\" is a whole number from %zu to %zu", key->name, key->least,
		       key->most);
		return false;
	}
	if (key->at == offsetof(struct request, rate))
		out->rate = (unsigned)n;
	else
		out->number = n;
	return true;
}

static bool take_units(const struct key *key, json_t *value, struct request *out, struct refusal *why)
{
	bool list = json_is_array(value) && key->name[4] != '\0';
	size_t count = list ? json_array_size(value) : 1;

	if (count == 0 || count > REQUEST_UNITS_MAX || (!list && !json_is_integer(value)))
		goto wrong;
	free(out->units);
	out->units = calloc(count, sizeof(*out->units));
	for (size_t i = 0; out->units && i < count; i++) {
		json_t *one = list ? json_array_get(value, i) : value;

		if (!json_is_integer(one) || json_integer_value(one) < 1)
			goto wrong;
		out->units[i] = json_integer_value(one);
	}
	out->unit_count = out->units ? count : 0;
	return true;
wrong:
	refuse(why, "wrong-value", "", "\"unit\" is the number of a unit, \"units\" a list of 1 to %u such numbers",
	       REQUEST_UNITS_MAX);
	return false;
}

static bool take_parts(json_t *value, struct request *out, struct refusal *why)
{
	static const char *const names[] = {
#define PART_NAME(NAME, name) (name),
		MODEL_PARTS(PART_NAME)
#undef PART_NAME
	};
	size_t i;

	for (size_t n = 0; json_is_array(value) && n < json_array_size(value); n++) {
		const char *name = json_string_value(json_array_get(value, n));

		for (i = 0; i < MODEL_PART_COUNT && !(name && strcmp(names[i], name) == 0); i++)
			;
		if (i == MODEL_PART_COUNT) {
			out->parts = 0;
			break;
		}
		out->parts |= 1u << i;
	}
	if (out->parts == 0)
		refuse(why, "wrong-value", "",
		       "\"parts\" is a list of: header, radios, channels, pareto, banners, log, units");
	return out->parts != 0;
}

static const struct key *find_key(const char *name, enum request_kind kind)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].name, name) == 0 && keys[i].takes >> kind & 1)
			return &keys[i];
	return NULL;
}

static bool take_key(const char *name, json_t *value, struct request *out, struct refusal *why)
{
	const struct key *key = find_key(name, out->kind);

	if (!key) {
		const char *names[KEY_COUNT + 1] = { NULL }, *nearest;
		char remedy[80] = "";
		size_t n = 0;

		for (size_t i = 0; i < KEY_COUNT; i++)
			if (keys[i].takes >> out->kind & 1)
				names[n++] = keys[i].name;
		nearest = words_nearest(name, names);
		if (nearest)
			snprintf(remedy, sizeof(remedy), "did you mean \"%s\"?", nearest);
		refuse(why, "unknown-key", remedy, "\"%s\" takes no key \"%s\"", request_name(out->kind),
		       quote(name).text);
		return false;
	}
	switch (key->shape) {
	case AS_TEXT: return take_text(key, value, out, why);
	case AS_NUMBER: return take_number(key, value, out, why);
	case AS_UNITS: return take_units(key, value, out, why);
	case AS_PARTS: return take_parts(value, out, why);
	case AS_YESNO:
		if (!json_is_boolean(value)) {
			refuse(why, "wrong-value", "", "\"%s\" is true or false", key->name);
			return false;
		}
		*(bool *)((char *)out + key->at) = json_is_true(value);
		return true;
	}
	return false;
}

static bool whole(const struct request *r, json_t *tree, struct refusal *why)
{
	int which = (r->unit_count > 0) + (r->serial != NULL) + (r->mac != NULL);

	for (size_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].needs >> r->kind & 1 && find_key(keys[i].name, r->kind) == &keys[i] &&
		    !json_object_get(tree, keys[i].name)) {
			bool reason = strcmp(keys[i].name, "reason") == 0;

			refuse(why, reason ? "no-reason" : "missing-key", reason ? "say why, for the record" : "",
			       "\"%s\" needs the key \"%s\"", request_name(r->kind), keys[i].name);
			return false;
		}
	if ((UNITS_OF | OF(DEVICE)) >> r->kind & 1 && which != 1) {
		refuse(why, which ? "wrong-value" : "missing-key", "", "\"%s\" wants one of unit, %sserial, mac",
		       request_name(r->kind), r->kind == REQUEST_DEVICE ? "" : "units, ");
		return false;
	}
	return true;
}

/* --- the line --- */

static bool too_deep(const char *line, size_t len)
{
	unsigned depth = 0;
	bool text = false;

	for (size_t i = 0; i < len; i++) {
		if (text && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			text = !text;
		else if (!text && (line[i] == '{' || line[i] == '['))
			depth++;
		else if (!text && (line[i] == '}' || line[i] == ']') && depth > 0)
			depth--;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

static bool good_id(json_t *id)
{
	if (json_is_integer(id))
		return json_integer_value(id) >= 0;
	return json_is_string(id) && json_string_length(id) <= ID_MAX &&
	       printable(json_string_value(id), json_string_length(id));
}

static bool find_kind(const char *name, enum request_kind *out, struct refusal *why)
{
	const char *names[REQUEST_COUNT + 1] = { NULL }, *nearest;
	char remedy[80] = "";

	for (size_t i = 0; i < REQUEST_COUNT; i++) {
		names[i] = requests[i].name;
		if (strcmp(names[i], name) == 0) {
			*out = (enum request_kind)i;
			return true;
		}
	}
	nearest = words_nearest(name, names);
	if (nearest)
		snprintf(remedy, sizeof(remedy), "did you mean \"%s\"?", nearest);
	refuse(why, "unknown-request", remedy, "there is no request \"%s\"", quote(name).text);
	return false;
}

static bool read_tree(struct request *out, struct refusal *why)
{
	json_t *version = json_object_get(out->tree, "millrace"), *id = json_object_get(out->tree, "id");
	const char *name = json_string_value(json_object_get(out->tree, "do"));

	if (version && !(json_is_integer(version) && json_integer_value(version) == 1)) {
		refuse(why, "version", "use version 1", "this station speaks version 1");
		return false;
	}
	if (!id || !good_id(id)) {
		refuse(why, id ? "wrong-value" : "missing-key", "",
		       "\"id\" is a whole number from 0, or a text of up to %u octets", ID_MAX);
		return false;
	}
	out->id = id;
	if (!name) {
		refuse(why, "missing-key", "", "\"do\" says what is wanted");
		return false;
	}
	if (!find_kind(name, &out->kind, why))
		return false;
	for (void *at = json_object_iter(out->tree); at; at = json_object_iter_next(out->tree, at)) {
		const char *key = json_object_iter_key(at);

		if (strcmp(key, "id") != 0 && strcmp(key, "do") != 0 && strcmp(key, "millrace") != 0 &&
		    !take_key(key, json_object_iter_value(at), out, why))
			return false;
	}
	return whole(out, out->tree, why);
}

bool request_parse(const char *line, size_t len, struct request *out, struct refusal *why, bool *fatal)
{
	json_error_t error;

	*out = (struct request){ .number = -1 };
	*why = (struct refusal){ 0 };
	*fatal = true;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len > REQUEST_LINE_MAX) {
		refuse(why, "too-long", "", "a request has at most %u octets", REQUEST_LINE_MAX);
		return false;
	}
	if (too_deep(line, len)) {
		refuse(why, "not-json", "", "nested deeper than any request");
		return false;
	}
	out->tree = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(out->tree)) {
		refuse(why, "not-json", "send one JSON object per line", "%s%s",
		       out->tree ? "not an object" : "not JSON: ", out->tree ? "" : quote(error.text).text);
		return false;
	}
	*fatal = false;
	return read_tree(out, why);
}

void request_free(struct request *request)
{
	json_decref(request->tree);
	free(request->units);
	*request = (struct request){ 0 };
}
