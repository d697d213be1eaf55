#include "station/label/buffer.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool room_for(struct label_buffer *buffer, size_t more)
{
	size_t cap = buffer->cap ? buffer->cap : 1024;
	char *grown;

	if (buffer->bad)
		return false;
	if (buffer->cap - buffer->len > more)
		return true;
	while (cap - buffer->len <= more)
		cap *= 2;
	/* Not realloc: the old octets would stay in freed memory. */
	grown = malloc(cap);
	if (!grown) {
		buffer->bad = true;
		return false;
	}
	if (buffer->at) {
		memcpy(grown, buffer->at, buffer->len);
		OPENSSL_cleanse(buffer->at, buffer->cap);
		free(buffer->at);
	}
	buffer->at = grown;
	buffer->cap = cap;
	return true;
}

void buffer_add(struct label_buffer *buffer, const void *bytes, size_t len)
{
	if (!room_for(buffer, len))
		return;
	memcpy(buffer->at + buffer->len, bytes, len);
	buffer->len += len;
	buffer->at[buffer->len] = '\0';
}

void buffer_text(struct label_buffer *buffer, const char *text) { buffer_add(buffer, text, strlen(text)); }

void buffer_print(struct label_buffer *buffer, const char *format, ...)
{
	va_list args, again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len >= 0 && room_for(buffer, (size_t)len)) {
		vsnprintf(buffer->at + buffer->len, buffer->cap - buffer->len, format, again);
		buffer->len += (size_t)len;
	}
	va_end(again);
}

void buffer_xml(struct label_buffer *buffer, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&': buffer_text(buffer, "&amp;"); break;
		case '<': buffer_text(buffer, "&lt;"); break;
		case '>': buffer_text(buffer, "&gt;"); break;
		case '"': buffer_text(buffer, "&quot;"); break;
		case '\'': buffer_text(buffer, "&#39;"); break;
		default:
			/* Control characters are no XML, not even as references. */
			if ((unsigned char)*text < 0x20 || *text == 0x7f)
				buffer_text(buffer, "\xef\xbf\xbd");
			else
				buffer_add(buffer, text, 1);
		}
}

void buffer_wipe(struct label_buffer *buffer)
{
	if (buffer->at)
		OPENSSL_cleanse(buffer->at, buffer->cap);
	free(buffer->at);
	*buffer = (struct label_buffer){ 0 };
}
