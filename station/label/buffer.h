/*
 * Octets that grow and may be secret: what is replaced or given back is wiped. Texts in it end with NUL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct label_buffer {
	char *at; /* NULL while empty */
	size_t len, cap;
	bool bad; /* no memory is left; what is there stays, nothing more is added */
};

void buffer_add(struct label_buffer *buffer, const void *bytes, size_t len);
void buffer_text(struct label_buffer *buffer, const char *text);
void buffer_print(struct label_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* XML 1.0 section 2.4: text as content or in an attribute. */
void buffer_xml(struct label_buffer *buffer, const char *text);
void buffer_wipe(struct label_buffer *buffer);
