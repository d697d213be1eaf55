#include "station/base/log.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_LEN 1024 /* octets, the end included */
#define LINE_END 4u	  /* "..." where it was cut, and the line feed */
#define WORD_SHOWN_MAX 16 /* octets of a wrong word that are shown */

/* --- names --- */

static const char *const level_names[] = {
#define LEVEL_NAME(NAME, name) name,
	LOG_LEVELS(LEVEL_NAME)
#undef LEVEL_NAME
};

static const char *const module_names[] = {
#define MODULE_NAME(NAME, name, sentence) name,
	LOG_MODULES(MODULE_NAME)
#undef MODULE_NAME
};

static const char *const module_sentences[] = {
#define MODULE_SENTENCE(NAME, name, sentence) sentence,
	LOG_MODULES(MODULE_SENTENCE)
#undef MODULE_SENTENCE
};

const char *log_level_name(enum log_level level)
{
	assert(level < LOG_LEVEL_COUNT);
	return level_names[level];
}

const char *log_module_name(enum log_module module)
{
	assert(module < LOG_MODULE_COUNT);
	return module_names[module];
}

const char *log_module_sentence(enum log_module module)
{
	assert(module < LOG_MODULE_COUNT);
	return module_sentences[module];
}

/* --- levels --- */

void log_level_all(struct log *log, enum log_level level)
{
	assert(level < LOG_LEVEL_COUNT);
	memset(log->level, (int)level, sizeof(log->level));
}

/* The place of a word of `len` octets in a list; -1: it is not in it. */
static int find(const char *const *list, size_t count, const char *word, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == len && memcmp(list[i], word, len) == 0)
			return (int)i;
	return -1;
}

static void refuse(char *error, size_t error_len, const char *what, const char *word, size_t len,
		   const char *const *allowed, size_t count)
{
	char shown[4 * WORD_SHOWN_MAX + 1];
	size_t at;

	log_escape(shown, sizeof(shown), word, len < WORD_SHOWN_MAX ? len : WORD_SHOWN_MAX);
	at = (size_t)snprintf(error, error_len, "there is no %s \"%s\"; allowed: ", what, shown);
	for (size_t i = 0; i < count && at < error_len; i++)
		at += (size_t)snprintf(error + at, error_len - at, "%s%s", i ? ", " : "", allowed[i]);
}

#define OTHERS LOG_MODULE_COUNT /* the place of those that are not named */

/* One item, LEVEL or MODULE=LEVEL, into the place of its module; -1 there: no level yet. */
static bool read_item(const char *item, size_t len, int levels[static OTHERS + 1], char *error, size_t error_len)
{
	size_t name_len = strcspn(item, "=,");
	bool named = name_len < len;
	const char *word = named ? item + name_len + 1 : item;
	size_t word_len = len - (size_t)(word - item);
	int module = named ? find(module_names, LOG_MODULE_COUNT, item, name_len) : OTHERS;
	int level = find(level_names, LOG_LEVEL_COUNT, word, word_len);

	if (module < 0)
		refuse(error, error_len, "module", item, name_len, module_names, LOG_MODULE_COUNT);
	else if (level < 0)
		refuse(error, error_len, "level", word, word_len, level_names, LOG_LEVEL_COUNT);
	else if (levels[module] >= 0)
		snprintf(error, error_len, "two levels for %s; allowed: one for each module, and one for all others",
			 named ? module_names[module] : "all others");
	else {
		levels[module] = level;
		return true;
	}
	return false;
}

bool log_levels_parse(struct log *log, const char *text, enum log_level others, char *error, size_t error_len)
{
	int levels[OTHERS + 1];

	for (size_t i = 0; i <= OTHERS; i++)
		levels[i] = -1;
	for (size_t len;; text += len + 1) {
		len = strcspn(text, ",");
		if (!read_item(text, len, levels, error, error_len))
			return false;
		if (!text[len])
			break;
	}
	if (levels[OTHERS] < 0)
		levels[OTHERS] = (int)others;
	for (size_t i = 0; i < LOG_MODULE_COUNT; i++)
		log->level[i] = (uint8_t)(levels[i] >= 0 ? levels[i] : levels[OTHERS]);
	return true;
}

/* --- octets from outside --- */

/* Writes what is printable as it is, the rest as \xNN, while it fits; gives the octets written. No NUL is added. */
static size_t escape(char *out, size_t cap, const void *bytes, size_t len, bool backslash_too, size_t *taken)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *b = bytes;
	size_t n = 0, i;

	for (i = 0; i < len; i++) {
		if (b[i] >= 0x20 && b[i] < 0x7f && !(backslash_too && b[i] == '\\')) {
			if (n + 1 > cap)
				break;
			out[n++] = (char)b[i];
		} else {
			if (n + 4 > cap)
				break;
			out[n++] = '\\';
			out[n++] = 'x';
			out[n++] = hex[b[i] >> 4];
			out[n++] = hex[b[i] & 15];
		}
	}
	*taken = i;
	return n;
}

char *log_escape(char *out, size_t cap, const void *bytes, size_t len)
{
	size_t taken;

	if (cap > 0)
		out[escape(out, cap - 1, bytes, len, true, &taken)] = '\0';
	return out;
}

/* --- lines --- */

struct line {
	char text[LINE_MAX_LEN];
	size_t len;
	bool cut;
};

/* What does not fit is cut; room for the line's end is kept. */
static void vput(struct line *line, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void vput(struct line *line, const char *format, va_list args)
{
	char raw[LINE_MAX_LEN];
	int len = vsnprintf(raw, sizeof(raw), format, args);
	size_t want = len < 0 ? 0 : (size_t)len < sizeof(raw) ? (size_t)len : sizeof(raw) - 1;
	size_t room = sizeof(line->text) - LINE_END - line->len, taken;

	if (line->cut)
		return;
	line->len += escape(line->text + line->len, room, raw, want, false, &taken);
	line->cut = len < 0 || taken < (size_t)len;
	assert(line->len <= sizeof(line->text) - LINE_END);
}

static void put(struct line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vput(line, format, args);
	va_end(args);
}

static void put_times(struct line *line, const struct log *log)
{
	uint64_t utc_us, now_us;
	time_t seconds;
	struct tm tm;

	if (!log->utc_us || !log->now_us)
		return;
	utc_us = log->utc_us(log->clock);
	now_us = log->now_us(log->clock);
	seconds = (time_t)(utc_us / 1000000u);
	if (gmtime_r(&seconds, &tm))
		put(line, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		    tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(utc_us % 1000000u));
	put(line, "%llu.%06u ", (unsigned long long)(now_us / 1000000u), (unsigned)(now_us % 1000000u));
}

static void begin(struct line *line, const struct log_tag *tag, enum log_module module, enum log_level level)
{
	static const uint8_t nobody[6];
	const uint8_t *m = tag->mac;

	assert(module < LOG_MODULE_COUNT && level < LOG_LEVEL_COUNT);
	line->len = 0;
	line->cut = false;
	put_times(line, tag->log);
	if (level <= LOG_WARN)
		put(line, "%s ", level_names[level]);
	if (tag->place && tag->place->radio)
		put(line, "%s ", tag->place->radio);
	if (tag->place && tag->place->channel)
		put(line, "ch%u ", tag->place->channel);
	if (memcmp(m, nobody, sizeof(nobody)) != 0)
		put(line, "%02x:%02x:%02x:%02x:%02x:%02x ", m[0], m[1], m[2], m[3], m[4], m[5]);
	put(line, "%s: ", module_names[module]);
}

/* In one piece, so that a process that dies leaves whole lines. */
static void end(struct line *line, const struct log *log)
{
	if (line->cut) {
		memcpy(line->text + line->len, "...", 3);
		line->len += 3;
	}
	line->text[line->len++] = '\n';
	assert(line->len <= sizeof(line->text));
	(void)fwrite(line->text, 1, line->len, log->to);
}

void log_line(const struct log_tag *tag, enum log_module module, enum log_level level, const char *format, ...)
{
	struct line line;
	va_list args;

	if (!log_wants(tag, module, level))
		return;
	begin(&line, tag, module, level);
	va_start(args, format);
	vput(&line, format, args);
	va_end(args);
	end(&line, tag->log);
}

void log_vchange(const struct log_tag *tag, enum log_module module, enum log_level level, const char *from,
		 const char *to, const char *why, va_list args)
{
	struct line line;

	if (!log_wants(tag, module, level))
		return;
	begin(&line, tag, module, level);
	put(&line, "%s -> %s (", from, to);
	vput(&line, why, args);
	put(&line, ")");
	end(&line, tag->log);
}

void log_change(const struct log_tag *tag, enum log_module module, enum log_level level, const char *from,
		const char *to, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	log_vchange(tag, module, level, from, to, why, args);
	va_end(args);
}
