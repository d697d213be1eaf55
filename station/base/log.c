#include "station/base/log.h"

void log_write(const struct log *log, enum log_level level, const char *format, ...)
{
	static const char *const names[] = { "error: ", "warn: ", "", "" };
	uint64_t now_us;
	va_list args;

	if (!log || !log->to || level > log->level)
		return;
	if (log->now_us) {
		now_us = log->now_us(log->clock);
		fprintf(log->to, "%llu.%06llu ", (unsigned long long)(now_us / 1000000u),
			(unsigned long long)(now_us % 1000000u));
	}
	fputs(names[level], log->to);
	va_start(args, format);
	vfprintf(log->to, format, args);
	va_end(args);
	fputc('\n', log->to);
}

char *log_escape(char *out, size_t cap, const void *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *b = bytes;
	size_t n = 0;

	if (cap == 0)
		return out;
	for (size_t i = 0; i < len; i++) {
		if (b[i] >= 0x20 && b[i] < 0x7f && b[i] != '\\') {
			if (n + 1 >= cap)
				break;
			out[n++] = (char)b[i];
		} else {
			if (n + 4 >= cap)
				break;
			out[n++] = '\\';
			out[n++] = 'x';
			out[n++] = hex[b[i] >> 4];
			out[n++] = hex[b[i] & 15];
		}
	}
	out[n] = '\0';
	return out;
}
