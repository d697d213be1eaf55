#include "station/yaml/complaint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COMPLAINTS_MAX (sizeof(((struct job_errors *)0)->text) / sizeof(((struct job_errors *)0)->text[0]))
#define FILE_SHOWN 120 /* octets of the file's name, its end; chosen: the message has room beside it */

void complaints_init(struct complaints *c, const char *file, struct job_errors *errors)
{
	size_t len = strlen(file);

	*c = (struct complaints){ .file = len > FILE_SHOWN ? file + len - FILE_SHOWN : file,
				  .errors = errors,
				  .what = "job",
				  .first_key = "batch",
				  .example = "config/jobs/minimal.yaml" };
	errors->count = 0;
	memset(errors->text, 0, sizeof(errors->text));
}

void complain(struct complaints *c, unsigned line, unsigned column, const char *format, ...)
{
	size_t n = c->errors->count;
	size_t room = sizeof(c->errors->text[0]);
	va_list args;
	int len;

	if (n == COMPLAINTS_MAX)
		return;
	c->order[n] = (uint64_t)line << 32 | column;
	len = snprintf(c->errors->text[n], room, "%s:%u:%u: ", c->file, line, column);
	if (len > 0 && (size_t)len < room) {
		va_start(args, format);
		vsnprintf(c->errors->text[n] + len, room - (size_t)len, format, args);
		va_end(args);
	}
	c->errors->count = n + 1;
}

void complaints_sort(struct complaints *c)
{
	char text[sizeof(c->errors->text[0])];

	for (size_t i = 1; i < c->errors->count; i++) { /* by insertion: stable, and there are twenty at most */
		uint64_t order = c->order[i];
		size_t at = i;

		memcpy(text, c->errors->text[i], sizeof(text));
		for (; at > 0 && c->order[at - 1] > order; at--) {
			c->order[at] = c->order[at - 1];
			memcpy(c->errors->text[at], c->errors->text[at - 1], sizeof(text));
		}
		c->order[at] = order;
		memcpy(c->errors->text[at], text, sizeof(text));
	}
}

struct quoted quoted(const char *text, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	struct quoted out = { "" };
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (at > 40) {
			memcpy(out.text + at, "...", 3);
			at += 3;
			break;
		}
		if (c >= 0x20 && c < 0x7f) {
			out.text[at++] = text[i];
			continue;
		}
		out.text[at++] = '\\';
		out.text[at++] = 'x';
		out.text[at++] = hex[c >> 4];
		out.text[at++] = hex[c & 15];
	}
	out.text[at] = '\0';
	return out;
}
