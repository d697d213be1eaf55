#include "station/roster/expected.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/wire/cause.h"
#include "station/base/text_file.h"

#define LINE_LONGEST 64 /* octets of one line, its end included: the longest value has 17 */

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* `count` octets as pairs of digits, with `between` (0: nothing) between the pairs, and nothing behind them. */
static bool octets(const char *text, char between, uint8_t *out, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int high = digit(*text), low;

		if (high < 0 || (low = digit(text[1])) < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
		text += 2;
		if (between && i + 1 < count && *text++ != between)
			return false;
	}
	return *text == '\0';
}

static bool keep(struct expected *e, const uint8_t mac[static 6])
{
	if (e->list_count == e->list_room) {
		size_t room = e->list_room ? 2 * e->list_room : 64;
		uint8_t(*list)[6] = realloc(e->list, room * sizeof(*list));

		if (!list)
			return false;
		e->list = list;
		e->list_room = room;
	}
	memcpy(e->list[e->list_count++], mac, 6);
	return true;
}

static bool add(struct expected *e, const char *text, bool *memory)
{
	uint8_t value[8];

	if (octets(text, 0, value, 8))
		*memory = map_put(&e->ids, map_key_octets(value), e);
	else if (octets(text, ':', value, 6))
		*memory = map_get(&e->macs, map_key_mac(value)) ||
			  (keep(e, value) && map_put(&e->macs, map_key_mac(value), e));
	else
		return false;
	return *memory;
}

/* A line without its end, which is LF, CR LF or a CR alone. false: none is left. `whole`: it was not too long. */
static bool next_line(FILE *from, char line[static LINE_LONGEST], bool *whole)
{
	size_t len = 0;
	int c = getc(from);

	if (c == EOF)
		return false;
	*whole = true;
	for (; c != EOF && c != '\n' && c != '\r'; c = getc(from)) {
		*whole = *whole && c != 0 && len + 1 < LINE_LONGEST;
		if (*whole)
			line[len++] = (char)c;
	}
	line[len] = '\0';
	if (c == '\r' && (c = getc(from)) != '\n' && c != EOF)
		ungetc(c, from);
	return true;
}

int expected_load(struct expected *e, const struct reach *reach, const char *path, char *error, size_t error_len)
{
	int fd = reach_open(reach, path, "admission.expect names the list of expected devices", error, error_len);
	FILE *from = fd < 0 ? NULL : fdopen(fd, "r");
	char line[LINE_LONGEST];
	bool memory = true, whole;
	int result = 0;

	if (fd < 0)
		return -MR_CAUSE_BAD_REQUEST;
	if (!from) {
		snprintf(error, error_len, "%s: no memory is left for this list", path);
		close(fd);
		return -MR_CAUSE_NO_MEMORY;
	}
	for (unsigned long n = 1; result == 0 && next_line(from, line, &whole); n++) {
		const char *text = line + (n == 1 ? text_mark_len(line, strlen(line)) : 0);

		if (whole && (text[0] == '\0' || text[0] == '#'))
			continue;
		if (!whole || !add(e, text, &memory)) {
			snprintf(error, error_len,
				 memory ? "%s:%lu: not a device; allowed: 16 hexadecimal digits, or a MAC such as "
					  "02:4d:52:00:00:07"
					: "%s:%lu: no memory is left for this list",
				 path, n);
			result = memory ? -MR_CAUSE_BAD_REQUEST : -MR_CAUSE_NO_MEMORY;
		}
	}
	if (result == 0 && e->ids.count + e->macs.count == 0) {
		snprintf(error, error_len, "%s: names no device; put one device id or MAC a line", path);
		result = -MR_CAUSE_BAD_REQUEST;
	}
	fclose(from);
	return result;
}

bool expected_has(const struct expected *e, const uint8_t device_id[static 8], const uint8_t mac[static 6])
{
	return map_get(&e->ids, map_key_octets(device_id)) || map_get(&e->macs, map_key_mac(mac));
}

void expected_free(struct expected *e)
{
	map_free(&e->ids);
	map_free(&e->macs);
	free(e->list);
	e->list = NULL;
	e->list_count = e->list_room = 0;
}
