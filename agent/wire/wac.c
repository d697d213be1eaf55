#include "agent/wire/wac.h"

#include "agent/wire/tlv8.h"

/* One element in its place. False: it is there already, or of an impossible length. */
static bool keep(struct mr_rd *place, struct mr_rd value, size_t shortest, size_t longest)
{
	if (place->at || value.left < shortest || value.left > longest)
		return false;
	*place = value;
	return true;
}

static void put(struct mr_wr *w, uint8_t type, struct mr_rd value)
{
	if (value.at)
		mr_tlv8_put(w, type, value.at, value.left);
}

#define PUT(type, name, shortest, longest) put(w, (type), m->name);
#define KEEP(type, name, shortest, longest)                                                                            \
	case type: good = keep(&out->name, value, (shortest), (longest)); break;

/* Name, network, key: in the order in which the implementations at hand write them. */
void mr_wac_request_build(const struct mr_wac_request *m, struct mr_wr *w)
{
	put(w, 0x08, m->name);
	put(w, 0x0c, m->ssid);
	put(w, 0x0b, m->passphrase);
	put(w, 0x09, m->play_password);
}

bool mr_wac_request_parse(struct mr_rd in, struct mr_wac_request *out)
{
	struct mr_rd value;
	uint8_t type;
	bool good = true;

	*out = (struct mr_wac_request){ 0 };
	while (good && mr_tlv8_next(&in, &type, &value))
		switch (type) {
			MR_WAC_REQUEST(KEEP)
		default: break;
		}
	return good && !in.bad && out->ssid.at;
}

void mr_wac_response_build(const struct mr_wac_response *m, struct mr_wr *w) { MR_WAC_RESPONSE(PUT) }

bool mr_wac_response_parse(struct mr_rd in, struct mr_wac_response *out)
{
	struct mr_rd value;
	uint8_t type;
	bool good = true;

	*out = (struct mr_wac_response){ 0 };
	while (good && mr_tlv8_next(&in, &type, &value))
		switch (type) {
			MR_WAC_RESPONSE(KEEP)
		default: break;
		}
	return good && !in.bad;
}
