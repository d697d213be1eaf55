#include "agent/wire/apple_ie.h"

#define VENDOR 221u

const uint8_t mr_apple_oui[3] = { 0x00, 0xa0, 0x40 };

static bool keep(struct mr_rd *place, struct mr_rd value, size_t shortest, size_t longest)
{
	if (value.left < shortest || value.left > longest)
		return false;
	if (!place->at)
		*place = value;
	return true;
}

/* What later versions may add is no oddity. */
static bool take(struct mr_apple_ie *out, uint8_t id, struct mr_rd value)
{
	switch (id) {
#define TAKE(number, name, shortest, longest)                                                                          \
	case number: return keep(&out->name, value, (shortest), (longest));
		MR_APPLE_IE_ELEMENTS(TAKE)
#undef TAKE
	default: return true;
	}
}

bool mr_apple_ie_parse(struct mr_rd in, struct mr_apple_ie *out)
{
	unsigned taken = 0;

	*out = (struct mr_apple_ie){ 0 };
	while (in.left > 0) {
		uint8_t id = mr_rd_u8(&in);
		struct mr_rd value = mr_rd_sub(&in, mr_rd_u8(&in));

		if (in.bad || value.bad) {
			out->odd++;
			break;
		}
		if (take(out, id, value))
			taken++;
		else
			out->odd++;
	}
	return taken > 0;
}

bool mr_apple_ie_flag(const struct mr_apple_ie *ie, enum mr_apple_flag flag)
{
	size_t at = (size_t)flag / 8;

	return at < ie->flags.left && ie->flags.at[at] & 0x80u >> (unsigned)flag % 8;
}

static void put(struct mr_wr *w, uint8_t id, struct mr_rd value)
{
	if (!value.at)
		return;
	mr_wr_u8(w, id);
	mr_wr_u8(w, (uint8_t)value.left);
	mr_wr_bytes(w, value.at, value.left);
	w->bad |= value.left > 255;
}

void mr_apple_ie_build(const struct mr_apple_ie *ie, struct mr_wr *w)
{
	uint8_t body[255];
	struct mr_wr inner = mr_wr_over(body, sizeof(body));

	mr_wr_bytes(&inner, mr_apple_oui, sizeof(mr_apple_oui));
	mr_wr_u8(&inner, 0);
#define PUT(id, name, shortest, longest) put(&inner, (id), ie->name);
	MR_APPLE_IE_ELEMENTS(PUT)
#undef PUT
	w->bad |= inner.bad;
	mr_wr_u8(w, VENDOR);
	mr_wr_u8(w, (uint8_t)inner.len);
	mr_wr_bytes(w, body, inner.len);
}
