#include "tests/support/scans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "station/dashboard/desk.h"

#define UNITS 240u

const uint64_t scans_speeds_us[SCANS_SPEEDS] = { 2000,	5000,  8000,  10000, 15000, 20000,
						 25000, 30000, 40000, 45000, 50000, 60000 };
const char *const scans_framings[SCANS_FRAMINGS] = { "CR", "CR LF", "Tab", "STX ETX", "none" };
const char *const scans_where[SCANS_WHERE] = { "line", "reason", "sure", "menu", "filter" };

static uint64_t draw(uint64_t *x, uint64_t below)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (*x >> 11) % below;
}

/* Serial numbers of the lot: some begin with the letters of commands, some are the beginning or the end of others. */
static void serial_of(unsigned unit, char *out, size_t cap)
{
	static const char letters[] = "puaeyoqvxzjk";

	switch (unit % 6) {
	case 0: snprintf(out, cap, "AC1%07u", unit); break;
	case 1: snprintf(out, cap, "%c%c%08u", letters[unit % 12], letters[unit % 12], unit * 7919); break;
	case 2: snprintf(out, cap, "%c%u-%04u", letters[unit / 6 % 12], unit % 10, unit); break;
	case 3: snprintf(out, cap, "%012u", unit * 104729); break;
	case 4: snprintf(out, cap, "AC1%07u", unit - 4 + 10 * 1000000); break;
	default: snprintf(out, cap, "%c%cAB%u", letters[unit % 12], letters[unit / 12 % 12], unit); break;
	}
}

static void put(struct scans_code *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct scans_code *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	out->len = (size_t)vsnprintf(out->octets, sizeof(out->octets), format, args);
	va_end(args);
}

static void turn_case(char *text)
{
	for (; *text; text++)
		if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))
			*text ^= 0x20;
}

/* Whose number it is: the whole of it, or the first word of a label; small and capital letters alike; or a MAC. */
static void expect(struct scans_code *code)
{
	const char *text = code->octets[0] == ']' ? code->octets + 3 : code->octets;
	size_t word = strcspn(text, " ");
	char serial[40], mac[18];

	for (unsigned unit = 0; unit < UNITS; unit++) {
		serial_of(unit, serial, sizeof(serial));
		snprintf(mac, sizeof(mac), "06:4d:52:00:00:%02x", unit);
		if ((strlen(serial) == word && strncasecmp(serial, text, word) == 0 && word > 0) ||
		    strcasecmp(mac, text) == 0)
			memcpy(code->unit, serial, sizeof(serial));
	}
}

void scans_code(unsigned number, struct scans_code *out)
{
	static const char commands[] = "hxpswirueqyoatzldcfgkjvbn", signs[] = "!+-\\/[]<>:?", odd[] = "a1.Z/9-b x_%$";
	uint64_t x = 0x5eed + number * 7919u;
	unsigned unit = (unsigned)draw(&x, UNITS), n = (unsigned)draw(&x, 100000000);
	char serial[40], c = commands[number / 20 * 5 % 25 + number % 5];

	*out = (struct scans_code){ .len = 0 };
	for (unsigned i = 0; i < 20; i++)
		(void)draw(&x, 2);
	serial_of(unit, serial, sizeof(serial));
	switch (number % 20) {
	case 0:
	case 1:
	case 2: break;
	case 3: put(out, "%c%c%u", c, c, n); break;
	case 4: put(out, "%c%c%c%c", c, c, c, c == 'p' ? 'u' : 'p'); break;
	case 5: put(out, "y%u", n); break;
	case 6: put(out, "%.*u", (int)(3 + n % 6), n % 1000); break;
	case 7: put(out, "%08u%05u", n, n % 99999); break;
	case 8: put(out, "WIFI:T:WPA;S:AC-100-%04u;P:%08u;;", n % 10000, n); break;
	case 9: put(out, "DPP:C:81/1;K:MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgAC%u;;", n); break;
	case 10: put(out, "MT:Y.K90%uKA0648G00", n); break;
	case 11: put(out, "{\"ver\":\"v1\",\"name\":\"%c%u\",\"pop\":\"%u\"}", c, n, n); break;
	case 12: put(out, "%s %08u", serial, n); break;
	case 13: put(out, "]C1%s", serial); break;
	case 14: put(out, "%.4s\035%s", serial, serial + 4); break;
	case 15: put(out, "%c%u%c", signs[number / 20 % (sizeof(signs) - 1)], n, signs[n % (sizeof(signs) - 1)]); break;
	case 16: turn_case(serial); break; /* Caps Lock */
	case 17: put(out, "%c%.*s", c, (int)(3 + n % 9), odd); break;
	case 18: put(out, "%s:4d:52:00:00:%02X", n % 2 ? "06" : "02", unit); break;
	default: put(out, "%.*s", (int)(1 + n % 6), serial + n % 3); break; /* a part of a number */
	}
	if (out->len == 0)
		put(out, "%s", serial);
	expect(out);
}

/* --- a desk --- */

static void tell(struct mirror *m, json_t *line)
{
	(void)mirror_take(m, line);
	json_decref(line);
}

/* The lot, and a station that runs; it is only read, so one is enough. */
static struct mirror *lot;

static void open_lot(void)
{
	json_t *units = json_array();
	char serial[40], mac[18];

	lot = mirror_create();
	for (unsigned i = 0; i < UNITS; i++) {
		serial_of(i, serial, sizeof(serial));
		snprintf(mac, sizeof(mac), "06:4d:52:00:00:%02x", i);
		json_array_append_new(units,
				      json_pack("{s:i, s:s, s:s, s:s, s:I}", "unit", (int)i + 1, "serial", serial,
						"mac", mac, "state", "passed", "since_us", (json_int_t)(i * 1000000)));
	}
	tell(lot, json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:i}", "millrace", 1, "type", "hello", "software",
			    "x", "station", "x", "role", "lead", "actor", "0021 Rui", "simulated", 0, "serves", 0,
			    "rate_max", 60));
	tell(lot, json_pack("{s:i, s:s, s:b, s:b, s:i, s:{s:{s:s}, s:b}, s:o, s:[{s:i, s:s, s:i, s:s, s:s, s:s}]}",
			    "millrace", 1, "type", "state", "full", 1, "more", 0, "now_us", 600000000, "header", "run",
			    "state", "running", "simulated", 0, "units", units, "banners", "banner", 7, "kind",
			    "security", "at_us", 1, "cause", "duplicate-key", "sentence", "x", "remedy", "y"));
}

void scans_end(void)
{
	mirror_destroy(lot);
	lot = NULL;
}

static void forget(struct desk_out *out)
{
	for (unsigned i = 0; i < out->request_count; i++)
		json_decref(out->requests[i]);
	*out = (struct desk_out){ 0 };
}

struct sending {
	struct mirror *mirror;
	struct desk *desk;
	struct desk_out out;
	uint64_t now_us, x;
};

/* The same keys to a machine of its own, which is asked what it takes for a person's. */
static void count_keys(const struct sending *s, struct scanner *twin, uint32_t key, struct scans_result *result)
{
	bool again = true;

	while (again) {
		uint32_t k = key;
		enum scanner_took took = scanner_key(twin, &k, s->now_us, &again);

		result->keys += took == SCANNER_KEY;
		if (took == SCANNER_READY)
			scanner_clear(twin);
	}
}

static void expire(struct sending *s, struct scanner *twin, uint64_t until_us, struct scans_result *result)
{
	uint32_t key;

	while (scanner_deadline_us(twin) <= until_us) {
		enum scanner_took took = scanner_expire(twin, &key, until_us);

		result->keys += took == SCANNER_KEY;
		if (took == SCANNER_READY)
			scanner_clear(twin);
	}
	while (desk_deadline_us(s->desk, s->mirror) <= until_us) {
		s->now_us = desk_deadline_us(s->desk, s->mirror) > s->now_us ? desk_deadline_us(s->desk, s->mirror)
									     : s->now_us;
		desk_expire(s->desk, s->mirror, s->now_us, &s->out);
	}
	s->now_us = until_us;
}

static void person(struct sending *s, uint32_t key)
{
	desk_key(s->desk, s->mirror, key, 0, s->now_us, &s->out);
	s->now_us += 1000000;
	while (desk_deadline_us(s->desk, s->mirror) <= s->now_us)
		desk_expire(s->desk, s->mirror, s->now_us, &s->out);
}

static void prepare(struct sending *s, unsigned where)
{
	switch (where) {
	case 1: person(s, KEYS_F5); break;
	case 2:
		person(s, KEYS_F9);
		person(s, '1');
		person(s, KEYS_ENTER);
		break;
	case 3: person(s, KEYS_F2); break;
	case 4: person(s, KEYS_F4); break;
	default: break;
	}
	forget(&s->out);
}

static size_t frame(const struct scans_code *code, unsigned framing, char *out)
{
	static const char *const before[SCANS_FRAMINGS] = { "", "", "", "\002", "" };
	static const char *const behind[SCANS_FRAMINGS] = { "\r", "\r\n", "\t", "\003", "" };
	size_t len = strlen(before[framing]);

	memcpy(out, before[framing], len);
	memcpy(out + len, code->octets, code->len);
	len += code->len;
	memcpy(out + len, behind[framing], strlen(behind[framing]));
	return len + strlen(behind[framing]);
}

static void judge(const struct sending *s, const struct scans_code *code, unsigned where, int64_t before,
		  const char *name, struct scans_result *r)
{
	static const char *const harmless[] = { "badge", "find", "scan" };
	const struct desk *d = s->desk;
	const struct unit_row *u = d->selected ? mirror_unit(s->mirror, d->selected) : NULL;
	unsigned commands = d->screen != SCREEN_LINE || d->frozen || d->tags.count > 0 || d->mute ||
			    d->sort != COL_RECENT || d->turned || *d->filter || s->out.quit || s->out.redraw ||
			    s->out.interrupt || d->late != ACT_NONE;
	bool wrong = d->selected != before && (!*code->unit || !u || strcmp(u->serial, code->unit) != 0);

	for (unsigned i = 0; i < s->out.request_count; i++) {
		const char *what = mirror_text(s->out.requests[i], "do");
		bool known = false;

		for (size_t k = 0; k < sizeof(harmless) / sizeof(harmless[0]); k++)
			known |= strcmp(what, harmless[k]) == 0;
		commands += !known;
	}
	/* A question for a reason stays, without a letter in it; the others are over. */
	commands += where == 1 ? d->ask.what != ASK_REASON || *d->ask.text : d->ask.what != ASK_NOTHING;
	r->commands += commands;
	r->wrong += wrong;
	r->scans++;
	r->to_find += *code->unit != '\0';
	r->found += *code->unit && u && strcmp(u->serial, code->unit) == 0;
	if (!*r->first && (commands || wrong))
		snprintf(r->first, sizeof(r->first), "%s: %s \"%s\"", name,
			 wrong ? "finds a wrong unit" : "is a command", d->note);
}

void scans_try(const struct scans_code *code, unsigned speed, unsigned framing, unsigned where,
	       struct scans_result *result)
{
	struct sending s = { .now_us = 1000000, .x = 0xfeed + speed * 977u + framing * 31u + code->len };
	struct scanner twin = { .typing = where == 1 || where == 4 };
	char sent[200], name[200];
	size_t len = frame(code, framing, sent);
	int64_t before;

	/* Without any end, one or two characters cannot be told from a person's: docs/operator.md says so. */
	if (framing == SCANS_FRAMINGS - 1 && code->len < 3)
		return;
	if (!lot)
		open_lot();
	s.mirror = lot;
	s.desk = desk_create();
	desk_state(s.desk, s.mirror, s.now_us, &s.out);
	s.desk->scanner.setup.silence = twin.setup.silence = framing == 4;
	prepare(&s, where);
	before = s.desk->selected;
	snprintf(name, sizeof(name), "\"%s\" at %llu ms, %s, on %s", code->octets,
		 (unsigned long long)(scans_speeds_us[speed] / 1000), scans_framings[framing], scans_where[where]);
	for (size_t i = 0; i < len; i++) {
		uint64_t gap_us = scans_speeds_us[speed] * (80 + draw(&s.x, 41)) / 100;
		uint32_t key = sent[i] == '\r' ? (uint32_t)KEYS_ENTER : (uint32_t)(unsigned char)sent[i];

		expire(&s, &twin, s.now_us + gap_us, result);
		desk_key(s.desk, s.mirror, key, 0, s.now_us, &s.out);
		count_keys(&s, &twin, key, result);
	}
	expire(&s, &twin, s.now_us + 2000000, result);
	judge(&s, code, where, before, name, result);
	forget(&s.out);
	desk_destroy(s.desk);
}

void scans_all(struct scans_result *r)
{
	for (unsigned number = 0; number < SCANS_CODES; number++) {
		struct scans_code code;

		scans_code(number, &code);
		for (unsigned speed = 0; speed < SCANS_SPEEDS; speed++)
			for (unsigned framing = 0; framing < SCANS_FRAMINGS; framing++)
				for (unsigned where = 0; where < SCANS_WHERE; where++)
					scans_try(&code, speed, framing, where, r);
	}
	scans_end();
}
