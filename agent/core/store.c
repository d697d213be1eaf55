#include "agent/core/store.h"

#include "agent/core/assert.h"
#include "agent/port/crypto.h"

#define SECTION_HEAD_LEN 3

static const uint8_t magic[4] = { 'M', 'R', 'S', '1' };

static void empty(struct mr_store *s)
{
	mr_wipe(s->image, sizeof(s->image));
	s->len = MR_STORE_HEAD_LEN;
	s->generation = 0;
	s->slot = MR_STORE_SLOTS - 1; /* so that the first write goes to slot 0 */
}

static bool is_sound(const struct mr_store *s)
{
	return s->len >= MR_STORE_HEAD_LEN && s->len <= sizeof(s->image) - MR_STORE_CHECKSUM_LEN &&
	       s->slot < MR_STORE_SLOTS;
}

/* Is what lies in the image an intact slot? Then its length and generation are taken over. */
static bool accept(struct mr_store *s, const struct mr_port *port)
{
	struct mr_rd in = mr_rd_over(s->image, sizeof(s->image)), sections;
	const uint8_t *head = mr_rd_take(&in, sizeof(magic)), *claimed;
	uint32_t generation = mr_rd_le32(&in);
	uint8_t checksum[MR_STORE_CHECKSUM_LEN];
	size_t len;

	sections = mr_rd_sub(&in, mr_rd_le16(&in));
	len = MR_STORE_HEAD_LEN + sections.left;
	claimed = mr_rd_take(&in, sizeof(checksum));
	if (in.bad || !mr_equal(head, magic, sizeof(magic)))
		return false;
	port->work(port->ctx, MR_WORK_HASH, len);
	if (!mr_sha256(s->image, len, checksum) || !mr_equal(checksum, claimed, sizeof(checksum)))
		return false;
	while (sections.left > 0) {
		mr_rd_skip(&sections, 1);
		mr_rd_skip(&sections, mr_rd_le16(&sections));
	}
	if (sections.bad)
		return false;
	s->len = len;
	s->generation = generation;
	return true;
}

static bool read_slot(struct mr_store *s, const struct mr_port *port, unsigned slot, size_t len)
{
	mr_wipe(s->image, sizeof(s->image));
	port->work(port->ctx, MR_WORK_STORE_READ, len);
	if (!port->store_read(port->ctx, slot, s->image, len) || !accept(s, port))
		return false;
	s->slot = slot;
	return true;
}

void mr_store_load(struct mr_store *s, const struct mr_port *port)
{
	uint32_t newest = 0;
	unsigned slot = MR_STORE_SLOTS;

	for (unsigned i = 0; i < MR_STORE_SLOTS; i++) {
		if (!read_slot(s, port, i, sizeof(s->image)) || (slot < MR_STORE_SLOTS && s->generation < newest))
			continue;
		newest = s->generation;
		slot = i;
	}
	/* The newest may have been read first, and the image holds the one read last. */
	if (slot == MR_STORE_SLOTS || !read_slot(s, port, slot, sizeof(s->image)))
		empty(s);
}

bool mr_store_reload(struct mr_store *s, const struct mr_port *port)
{
	uint32_t generation = s->generation;
	size_t len = s->len;

	if (generation == 0)
		return true; /* nothing was ever written */
	if (read_slot(s, port, s->slot, len + MR_STORE_CHECKSUM_LEN) && s->generation == generation && s->len == len)
		return true;
	mr_store_load(s, port);
	return false;
}

bool mr_store_save(struct mr_store *s, const struct mr_port *port)
{
	struct mr_wr w = mr_wr_over(s->image, MR_STORE_HEAD_LEN);
	uint32_t generation = s->generation + 1;
	size_t len = s->len, whole = len + MR_STORE_CHECKSUM_LEN;
	unsigned slot = (s->slot + 1) % MR_STORE_SLOTS;

	MR_ASSERT(is_sound(s));
	mr_wr_bytes(&w, magic, sizeof(magic));
	mr_wr_le32(&w, generation);
	mr_wr_le16(&w, (uint16_t)(len - MR_STORE_HEAD_LEN));
	port->work(port->ctx, MR_WORK_HASH, len);
	if (mr_sha256(s->image, len, s->image + len)) {
		port->work(port->ctx, MR_WORK_STORE_WRITE, whole);
		if (port->store_write(port->ctx, slot, s->image, whole) && read_slot(s, port, slot, whole) &&
		    s->generation == generation && s->len == len)
			return true;
	}
	mr_store_load(s, port);
	return false;
}

/* Where a section begins, its head included; s->len when there is none. */
static size_t offset_of(const struct mr_store *s, enum mr_section type, size_t *section_len)
{
	struct mr_rd in = mr_rd_over(s->image, s->len);

	mr_rd_skip(&in, MR_STORE_HEAD_LEN);
	while (in.left > 0) {
		size_t at = s->len - in.left;
		uint8_t found = mr_rd_u8(&in);
		size_t len = mr_rd_le16(&in);

		mr_rd_skip(&in, len);
		if (!in.bad && found == type) {
			*section_len = SECTION_HEAD_LEN + len;
			return at;
		}
	}
	*section_len = 0;
	return s->len;
}

struct mr_rd mr_store_find(const struct mr_store *s, enum mr_section type)
{
	size_t len, at = offset_of(s, type, &len);

	if (len == 0)
		return (struct mr_rd){ .bad = true };
	return mr_rd_over(s->image + at + SECTION_HEAD_LEN, len - SECTION_HEAD_LEN);
}

bool mr_store_has(const struct mr_store *s, enum mr_section type) { return !mr_store_find(s, type).bad; }

void mr_store_drop(struct mr_store *s, enum mr_section type)
{
	size_t len, at = offset_of(s, type, &len);

	MR_ASSERT(is_sound(s) && at + len <= s->len);
	for (size_t i = at; i + len < s->len; i++)
		s->image[i] = s->image[i + len];
	mr_wipe(s->image + s->len - len, len);
	s->len -= len;
}

struct mr_wr mr_store_open(struct mr_store *s, enum mr_section type)
{
	struct mr_wr w = mr_wr_over(s->image + s->len, sizeof(s->image) - MR_STORE_CHECKSUM_LEN - s->len);

	MR_ASSERT(is_sound(s));
	mr_wr_u8(&w, (uint8_t)type);
	(void)mr_wr_open16(&w);
	return w;
}

bool mr_store_close(struct mr_store *s, const struct mr_wr *w)
{
	struct mr_wr whole = *w;

	MR_ASSERT(w->buf == s->image + s->len); /* nothing was dropped or added since mr_store_open */
	mr_wr_close_le16(&whole, 1);
	if (whole.bad) {
		mr_wipe(w->buf, w->len);
		return false;
	}
	s->len += whole.len;
	return true;
}

void mr_store_rename(struct mr_store *s, enum mr_section from, enum mr_section to)
{
	size_t len, at;

	if (!mr_store_has(s, from))
		return;
	mr_store_drop(s, to);
	at = offset_of(s, from, &len);
	s->image[at] = (uint8_t)to;
}

struct mr_rd mr_store_value(struct mr_rd section, uint8_t attribute)
{
	while (!section.bad && section.left > 0) {
		uint8_t id = mr_rd_u8(&section);
		struct mr_rd value = mr_rd_sub(&section, mr_rd_le16(&section));

		if (!section.bad && id == attribute)
			return value;
	}
	return (struct mr_rd){ .bad = true };
}
