/*
 * The little of DER (ITU-T X.690 section 10) that a certificate request needs to be written and a certificate to be
 * walked: definite lengths up to 65535, tags of one octet.
 */
#pragma once

#include "agent/wire/cursor.h"

#define MR_DER_INTEGER 0x02
#define MR_DER_BIT_STRING 0x03
#define MR_DER_OID 0x06
#define MR_DER_UTF8_STRING 0x0c
#define MR_DER_PRINTABLE_STRING 0x13
#define MR_DER_SEQUENCE 0x30
#define MR_DER_SET 0x31
#define MR_DER_CONTEXT_0 0xa0 /* [0], constructed */

/* The content of the next element, which must have this tag; else `in` turns bad. */
struct mr_rd mr_der_take(struct mr_rd *in, uint8_t tag);

/* Writer: open returns a mark, close fills the length in (and moves the content when the length needs more room). */
size_t mr_der_open(struct mr_wr *w, uint8_t tag);
void mr_der_close(struct mr_wr *w, size_t mark);
void mr_der_add(struct mr_wr *w, uint8_t tag, const void *content, size_t len);
/* A non-negative INTEGER from big-endian octets. */
void mr_der_add_integer(struct mr_wr *w, const uint8_t *number, size_t len);
