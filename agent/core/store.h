/*
 * What the device keeps: one image in RAM, two slots in storage that are written in turn. A slot:
 *
 *   magic        "MRS1"
 *   generation   le32, one more with each write: the newest intact slot counts
 *   length       le16, octets of sections
 *   sections     type (u8), length (le16), content; at most one of a type, see enum mr_section
 *   checksum     SHA-256 of everything before it
 *
 * A write torn by a power cut fails the checksum, so the older slot still speaks: before the write or after it,
 * never between. After each write the slot is read back into the image: what the device says it has is what the
 * storage gave back.
 */
#pragma once

#include "agent/port/port.h"
#include "agent/wire/cursor.h"

#define MR_STORE_MAX 2816 /* octets of one storage slot */
#define MR_STORE_HEAD_LEN 10
#define MR_STORE_CHECKSUM_LEN 32

enum mr_section {
	MR_SECTION_RESTARTS = 1, /* le32 */
	MR_SECTION_KEY = 2,	 /* private 32, public 65 */
	MR_SECTION_IDENTITY = 3, /* attributes of the committed IDENTITY request */
	MR_SECTION_CREDENTIALS = 4,
	MR_SECTION_PREPARED_IDENTITY = 5, /* the same, not yet committed; one open transaction at most */
	MR_SECTION_PREPARED_CREDENTIALS = 6,
	MR_SECTION_SEAL = 7,	 /* txn 8, restarts at that time le32 */
	MR_SECTION_RELEASED = 8, /* empty: sealed and passed, silent for good */
	MR_SECTION_PIN = 9,	 /* wrong PINs in a row (u8); absent: 0 */
};

/* Layout is ours. Contains secrets. */
struct mr_store {
	uint8_t image[MR_STORE_MAX];
	size_t len; /* header and sections */
	uint32_t generation;
	unsigned slot; /* holds what the image holds */
};

/* The newest intact slot, or an empty image. */
void mr_store_load(struct mr_store *s, const struct mr_port *port);
/* Reads the current slot again. false: it is not what was written; the image is then what mr_store_load finds. */
bool mr_store_reload(struct mr_store *s, const struct mr_port *port);
/* Writes the image to the other slot and reads it back. false: as above, the change is lost. */
bool mr_store_save(struct mr_store *s, const struct mr_port *port);

/* The content of a section; `bad` when there is none. Points into the image: valid until the next change. */
struct mr_rd mr_store_find(const struct mr_store *s, enum mr_section type);
bool mr_store_has(const struct mr_store *s, enum mr_section type);
void mr_store_drop(struct mr_store *s, enum mr_section type);
/* A new section is written through the writer, then closed. false: does not fit; the image is as before. */
struct mr_wr mr_store_open(struct mr_store *s, enum mr_section type);
bool mr_store_close(struct mr_store *s, const struct mr_wr *w);
/* Gives section `from` the type `to`, whose former section goes. */
void mr_store_rename(struct mr_store *s, enum mr_section from, enum mr_section to);

/* A value in a section of attributes; `bad` when absent. */
struct mr_rd mr_store_value(struct mr_rd section, uint8_t attribute);
