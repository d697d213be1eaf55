/*
 * Serial numbers of a batch, handed out once each: from a counter between two texts, or from a list, which is the
 * file's text, cut at its line ends. What earlier lots have used is on record, where the caller looks.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/wire/cursor.h"
#include "station/base/log.h"
#include "station/base/reach.h"
#include "station/base/text_file.h"
#include "station/identity/identity.h"

#define FILE_SIZE_MAX (256U << 20) /* chosen: ten million serial numbers of 25 characters */
#define COUNTER_DIGITS_MAX 18	   /* 10^18 is the last power of ten in an int64_t */

struct pattern {
	char prefix[IDENTITY_SERIAL_MAX + 1], suffix[IDENTITY_SERIAL_MAX + 1];
	size_t digits;
	uint64_t next, limit; /* numbers from `next` to limit - 1 are left */
};

struct list {
	char *text;	 /* serials, each ending with NUL */
	uint32_t *start; /* offset in `text` of each */
	size_t count, next;
	uint32_t *slots; /* number of a line plus one; 0: free */
	size_t cap;	 /* a power of two */
};

struct serial_pool {
	bool is_list;
	struct pattern pattern;
	struct list list;
	char shown[IDENTITY_SERIAL_MAX + 1]; /* of a pattern, by the last peek or take */
};

static bool is_serial_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
	       c == '-';
}

static bool all_serial_characters(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_serial_character(text[i]))
			return false;
	return true;
}

bool serial_is_valid(const char *serial)
{
	size_t len = strnlen(serial, IDENTITY_SERIAL_MAX + 1);

	return len >= 1 && len <= IDENTITY_SERIAL_MAX && all_serial_characters(serial, len);
}

/* What the record takes for no serial number: db/check.c. */
static bool is_zeros(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != '0')
			return false;
	return true;
}

/* --- patterns --- */

static struct serial_pool *complain(char *error, size_t error_len, const char *pattern, const char *what)
{
	(void)snprintf(error, error_len, "the serial pattern \"%.60s\" %s; an example: AC1{07}", pattern, what);
	return NULL;
}

struct serial_pool *serial_pool_pattern(const char *pattern, uint64_t first, char *error, size_t error_len)
{
	const char *open = strchr(pattern, '{'), *close = open ? strchr(open, '}') : NULL;
	struct serial_pool *pool;
	size_t before, after;
	unsigned digits = 0;
	uint64_t limit = 1;

	if (!open || !close)
		return complain(error, error_len, pattern, "has no counter in braces");
	before = (size_t)(open - pattern);
	after = strlen(close + 1);
	if (close - open < 3 || close - open > 4 || open[1] != '0')
		return complain(error, error_len, pattern,
				"has a counter that is not {0N}, N digits with leading zeros");
	for (const char *at = open + 2; at < close; at++)
		digits = *at >= '0' && *at <= '9' ? digits * 10 + (unsigned)(*at - '0') : 1000;
	if (digits < 1 || digits > COUNTER_DIGITS_MAX)
		return complain(error, error_len, pattern, "has a counter that is not of 1 to 18 digits");
	if (!all_serial_characters(pattern, before) || !all_serial_characters(close + 1, after))
		return complain(error, error_len, pattern,
				"has a character outside A-Z a-z 0-9 . _ - around its counter");
	if (before + digits + after > IDENTITY_SERIAL_MAX)
		return complain(error, error_len, pattern, "gives serial numbers of more than 32 characters");
	for (unsigned i = 0; i < digits; i++)
		limit *= 10;
	if (first >= limit) {
		(void)snprintf(error, error_len, "the serial pattern \"%.60s\" counts to %llu and cannot start at %llu",
			       pattern, (unsigned long long)(limit - 1), (unsigned long long)first);
		return NULL;
	}
	if (first == 0 && is_zeros(pattern, before) && is_zeros(close + 1, after)) {
		(void)snprintf(
			error, error_len,
			"the serial pattern \"%.60s\" starts with a number of zeros, which goes on no record; set "
			"serial.first to 1",
			pattern);
		return NULL;
	}
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return complain(error, error_len, pattern, "finds no memory");
	mr_copy(pool->pattern.prefix, pattern, before);
	mr_copy(pool->pattern.suffix, close + 1, after);
	pool->pattern.digits = digits;
	pool->pattern.next = first;
	pool->pattern.limit = limit;
	return pool;
}

static const char *show_number(struct serial_pool *pool)
{
	struct pattern *p = &pool->pattern;
	struct mr_wr out = mr_wr_over(pool->shown, IDENTITY_SERIAL_MAX);
	char *digits;

	mr_wr_bytes(&out, p->prefix, strlen(p->prefix));
	digits = (char *)mr_wr_room(&out, p->digits);
	mr_wr_bytes(&out, p->suffix, strlen(p->suffix));
	assert(digits && !out.bad); /* serial_pool_pattern has measured it */
	pool->shown[out.len] = '\0';
	for (uint64_t i = p->digits, number = p->next; i > 0; i--, number /= 10)
		digits[i - 1] = (char)('0' + number % 10);
	return pool->shown;
}

/* --- lists --- */

/* FNV-1a */
static size_t hash_text(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return (size_t)(hash ^ hash >> 29);
}

/* Where the serial is, or where it would be put. */
static uint32_t *find_slot(const struct list *list, const char *serial)
{
	size_t at = hash_text(serial) & (list->cap - 1);

	assert(list->count < list->cap); /* a free slot ends the search */
	while (list->slots[at] != 0 && strcmp(list->text + list->start[list->slots[at] - 1], serial) != 0)
		at = (at + 1) & (list->cap - 1);
	return &list->slots[at];
}

/* over the text of a file, line by line */
struct cutter {
	const char *name;
	const char *at, *end;
	size_t line;
	bool csv;
	bool known;	 /* a line before this one was good: it is such a list */
	unsigned column; /* of the CSV: which one has the serial numbers */
	char *error;
	size_t error_len;
};

/* What is in a file that may be none of ours at all is not for a message, which goes to whoever named the file. */
static bool wrong_line(const struct cutter *cut, const char *what, const char *serial, size_t len)
{
	char shown[3 * IDENTITY_SERIAL_MAX];
	bool quoted = len > 0 && cut->known;

	(void)snprintf(cut->error, cut->error_len, "%s:%zu: %s%s%s%s", cut->name, cut->line, what,
		       quoted ? "; here: \"" : "", quoted ? log_escape(shown, sizeof(shown), serial, len) : "",
		       quoted ? "\"" : "");
	return false;
}

/* The field number `column` of a line of CSV; its quotes are taken off. false: the line has not so many. */
static bool pick(const char *line, const char *stop, unsigned column, const char **field, size_t *len)
{
	const char *begin = line, *at;

	for (;; begin = at + 1, column--) {
		bool quoted = false;

		for (at = begin; at < stop && (quoted || *at != ','); at++)
			quoted ^= *at == '"';
		if (column == 0)
			break;
		if (at == stop)
			return false;
	}
	if (at - begin >= 2 && *begin == '"' && at[-1] == '"') {
		begin++;
		at--;
	}
	*field = begin;
	*len = (size_t)(at - begin);
	return true;
}

/* The next line's serial, or its column in a CSV. False at the end. */
static bool next_line(struct cutter *cut, const char **serial, size_t *len)
{
	const char *stop = cut->at;

	if (cut->at == cut->end)
		return false;
	*serial = cut->at;
	while (stop < cut->end && !text_line_end(stop, cut->end))
		stop++;
	cut->at = stop + text_line_end(stop, cut->end);
	cut->line++;
	*len = (size_t)(stop - *serial);
	if (cut->csv && !pick(*serial, stop, cut->column, serial, len))
		*len = 0;
	return true;
}

/* "serial", "Serial Number", "SerialNumber", "serial_no", "S/N": what people and their programs call the column. */
static bool names_serials(const char *text, size_t len)
{
	static const char *const names[] = { "serial", "serialnumber", "serialno", "serialnr", "sn" };
	char plain[IDENTITY_SERIAL_MAX] = "";
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < sizeof(plain); i++)
		if (!strchr(" _-./#", text[i]))
			plain[n++] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], plain) == 0)
			return true;
	return false;
}

static bool has_digit(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] >= '0' && text[i] <= '9')
			return true;
	return false;
}

/*
 * A first line that names a column of serial numbers is a header: the file is a CSV. One that is none, and looks like
 * a header, is refused: its word would be the first device's serial number. false: refused.
 */
static bool skip_header(struct cutter *cut)
{
	struct cutter ahead = *cut, line = *cut;
	const char *first, *field, *second;
	size_t first_len, len, second_len;

	if (!next_line(&line, &first, &first_len))
		return true;
	ahead.csv = true;
	for (ahead.column = 0; pick(first, first + first_len, ahead.column, &field, &len); ahead.column++)
		if (names_serials(field, len)) {
			ahead.at = line.at;
			ahead.line = line.line;
			*cut = ahead;
			return true;
		}
	cut->line = 1;
	if (first_len > 2 && first_len <= IDENTITY_SERIAL_MAX && !has_digit(first, first_len) &&
	    next_line(&line, &second, &second_len) && has_digit(second, second_len))
		return wrong_line(
			cut,
			"this looks like a header, not a serial number; call the column serial, or remove the line",
			NULL, 0);
	cut->line = 0;
	return true;
}

static bool add_line(struct list *list, const struct cutter *cut, size_t *text_len, const char *serial, size_t len)
{
	char *to = list->text + *text_len;
	uint32_t *slot;

	if (len == 0)
		return wrong_line(cut, "there is no serial number here; remove the line", NULL, 0);
	if (len > IDENTITY_SERIAL_MAX)
		return wrong_line(cut, "a serial number has at most 32 characters", serial,
				  len > IDENTITY_SERIAL_MAX + 8 ? IDENTITY_SERIAL_MAX + 8 : len);
	if (!all_serial_characters(serial, len))
		return wrong_line(cut, "a serial number is made of A-Z a-z 0-9 . _ -", serial, len);
	if (is_zeros(serial, len))
		return wrong_line(cut, "a serial number of zeros goes on no record; remove the line", NULL, 0);
	mr_copy(to, serial, len);
	to[len] = '\0';
	list->start[list->count] = (uint32_t)*text_len;
	slot = find_slot(list, to);
	if (*slot != 0) {
		(void)snprintf(cut->error, cut->error_len,
			       "%s:%zu: the serial number \"%s\" stands in line %zu already", cut->name, cut->line, to,
			       *slot - 1 + (cut->csv ? 2 : (size_t)1));
		return false;
	}
	*slot = (uint32_t)++list->count;
	*text_len += len + 1;
	return true;
}

struct serial_pool *serial_pool_text(const char *name, const char *bytes, size_t len, char *error, size_t error_len)
{
	struct cutter cut = { .name = name, .at = bytes, .end = bytes + len, .error = error, .error_len = error_len };
	struct serial_pool *pool = calloc(1, sizeof(*pool));
	struct list *list = pool ? &pool->list : NULL;
	const char *serial;
	size_t serial_len, lines = 1, text_len = 0;
	bool ok = true;

	cut.at += text_mark_len(bytes, len);
	for (const char *at = cut.at; at < cut.end; at++)
		lines += *at == '\n' || *at == '\r';
	if (pool && len <= FILE_SIZE_MAX) {
		pool->is_list = true;
		for (list->cap = 64; list->cap < 2 * lines;)
			list->cap *= 2;
		list->text = malloc(len + 2);
		list->start = calloc(lines, sizeof(*list->start));
		list->slots = calloc(list->cap, sizeof(*list->slots));
	}
	if (!pool || !list->text || !list->start || !list->slots) {
		(void)snprintf(error, error_len, "%s: %s", name,
			       len > FILE_SIZE_MAX ? "is longer than 256 MiB" : "no memory for it");
		serial_pool_destroy(pool);
		return NULL;
	}
	ok = skip_header(&cut);
	cut.known = cut.csv;
	while (ok && next_line(&cut, &serial, &serial_len)) {
		ok = add_line(list, &cut, &text_len, serial, serial_len);
		cut.known = true;
	}
	if (ok && list->count == 0) {
		(void)snprintf(error, error_len, "%s: holds no serial numbers; it wants one a line", name);
		ok = false;
	}
	if (!ok) {
		serial_pool_destroy(pool);
		return NULL;
	}
	return pool;
}

static bool read_all(int fd, char *to, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, to + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

struct serial_pool *serial_pool_file(const struct reach *reach, const char *path, char *error, size_t error_len)
{
	int fd = reach_open(reach, path, "identity.serial.file names a list, a serial number a line", error, error_len);
	struct serial_pool *pool = NULL;
	struct stat st = { 0 };
	char *text = NULL;
	size_t len;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0) {
		(void)snprintf(error, error_len, "%s: %s", path, strerror(errno));
	} else if (st.st_size > (off_t)FILE_SIZE_MAX) {
		(void)snprintf(error, error_len, "%s: is longer than 256 MiB", path);
	} else {
		len = (size_t)st.st_size;
		text = malloc(len + 1);
		if (text && read_all(fd, text, len))
			pool = serial_pool_text(path, text, len, error, error_len);
		else
			(void)snprintf(error, error_len, "%s: %s", path,
				       text ? "could not be read whole" : "no memory for it");
	}
	free(text);
	(void)close(fd);
	return pool;
}

const char *serial_pool_peek(struct serial_pool *pool)
{
	const struct list *list = &pool->list;

	assert(pool->is_list ? list->next <= list->count : pool->pattern.next <= pool->pattern.limit);
	if (serial_pool_left(pool) == 0)
		return NULL;
	return pool->is_list ? list->text + list->start[list->next] : show_number(pool);
}

const char *serial_pool_take(struct serial_pool *pool)
{
	const char *serial = serial_pool_peek(pool);

	if (serial && pool->is_list)
		pool->list.next++;
	else if (serial)
		pool->pattern.next++;
	return serial;
}

uint64_t serial_pool_left(const struct serial_pool *pool)
{
	return pool->is_list ? pool->list.count - pool->list.next : pool->pattern.limit - pool->pattern.next;
}

void serial_pool_destroy(struct serial_pool *pool)
{
	if (!pool)
		return;
	free(pool->list.text);
	free(pool->list.start);
	free(pool->list.slots);
	free(pool);
}
