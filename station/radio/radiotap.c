#include "station/radio/radiotap.h"

enum {
	TSFT = 0,
	FLAGS = 1,
	RATE = 2,
	CHANNEL = 3,
	DBM_ANTSIGNAL = 5,
	TX_FLAGS = 15,
	DATA_RETRIES = 17,
	RADIOTAP_NAMESPACE = 29,
	VENDOR_NAMESPACE = 30,
	EXTENDED = 31
};
enum { FLAG_FCS = 0x10, FLAG_BAD_FCS = 0x40 };
enum { TX_FAILED = 0x01, TX_NOSEQNO = 0x10 };
#define FCS_LEN 4
#define WORDS_MAX 8 /* present words; more than one only with several antennas */

/* radiotap.org/fields: alignment and octets of each field by its bit. 0: a field newer than this table. */
static const struct {
	uint8_t align, size;
} fields[32] = {
	[0] = { 8, 8 },	  [1] = { 1, 1 },  [2] = { 1, 1 },  [3] = { 2, 4 },   [4] = { 2, 2 },	[5] = { 1, 1 },
	[6] = { 1, 1 },	  [7] = { 2, 2 },  [8] = { 2, 2 },  [9] = { 2, 2 },   [10] = { 1, 1 },	[11] = { 1, 1 },
	[12] = { 1, 1 },  [13] = { 1, 1 }, [14] = { 2, 2 }, [15] = { 2, 2 },  [16] = { 1, 1 },	[17] = { 1, 1 },
	[18] = { 4, 8 },  [19] = { 1, 3 }, [20] = { 4, 8 }, [21] = { 2, 12 }, [22] = { 8, 12 }, [23] = { 2, 12 },
	[24] = { 2, 12 }, [25] = { 2, 6 }, [26] = { 1, 1 }, [27] = { 2, 4 },
};

static void take_field(unsigned bit, struct mr_rd value, struct radiotap *out, bool *fcs)
{
	uint8_t flags;

	switch (bit) {
	case FLAGS:
		flags = mr_rd_u8(&value);
		*fcs = flags & FLAG_FCS;
		out->bad_fcs = flags & FLAG_BAD_FCS;
		break;
	case RATE: out->rate_500kbps = mr_rd_u8(&value); break;
	case CHANNEL: out->freq_mhz = mr_rd_le16(&value); break;
	case DBM_ANTSIGNAL:
		/* The first one is the whole radio's; those of the antennas follow in later words. */
		if (out->rssi_dbm == 0)
			out->rssi_dbm = (int8_t)mr_rd_u8(&value);
		break;
	case TX_FLAGS:
		out->status = true;
		out->failed = mr_rd_le16(&value) & TX_FAILED;
		break;
	case DATA_RETRIES: out->retries = mr_rd_u8(&value); break;
	default: break;
	}
}

/* The fields of one present word. false: a field that the table lacks; what follows can't be found. */
static bool take_word(uint32_t present, const uint8_t *start, struct mr_rd *body, struct radiotap *out, bool *fcs)
{
	for (unsigned bit = 0; bit < RADIOTAP_NAMESPACE; bit++) {
		size_t past;

		if (!(present >> bit & 1))
			continue;
		if (fields[bit].size == 0)
			return false;
		past = (size_t)(body->at - start) % fields[bit].align;
		if (past > 0)
			mr_rd_skip(body, fields[bit].align - past);
		struct mr_rd value = mr_rd_sub(body, fields[bit].size);

		if (value.bad)
			return false;
		take_field(bit, value, out, fcs);
	}
	return true;
}

bool radiotap_parse(struct mr_rd in, struct radiotap *out, struct mr_rd *frame)
{
	const uint8_t *start = in.at;
	struct mr_rd whole = in, header;
	uint32_t words[WORDS_MAX];
	size_t count = 0;
	bool fcs = false;

	*out = (struct radiotap){ 0 };
	uint8_t version = mr_rd_u8(&in);

	mr_rd_skip(&in, 1);
	uint16_t len = mr_rd_le16(&in);

	if (in.bad || version != 0 || len < 8)
		return false;
	header = mr_rd_sub(&whole, len);
	if (header.bad)
		return false;
	mr_rd_skip(&header, 4);
	do {
		if (count == WORDS_MAX)
			return false;
		words[count] = mr_rd_le32(&header);
	} while (words[count++] >> EXTENDED & 1);
	if (header.bad)
		return false;
	for (size_t i = 0; i < count; i++) {
		/* A vendor's fields have lengths of their own; nobody whom we know puts ours after them. */
		if (!take_word(words[i], start, &header, out, &fcs) || (words[i] >> VENDOR_NAMESPACE & 1))
			break;
	}
	if (fcs && whole.left < FCS_LEN)
		return false;
	*frame = mr_rd_over(whole.at, whole.left - (fcs ? FCS_LEN : 0));
	return true;
}

void radiotap_build_tx(struct mr_wr *out, uint8_t rate_500kbps, uint8_t retries)
{
	uint32_t present = 1u << RATE | 1u << TX_FLAGS | 1u << DATA_RETRIES;

	mr_wr_u8(out, 0);
	mr_wr_u8(out, 0);
	mr_wr_le16(out, RADIOTAP_TX_LEN);
	mr_wr_le32(out, present);
	mr_wr_u8(out, rate_500kbps);
	mr_wr_u8(out, 0); /* TX flags are aligned to 2 */
	mr_wr_le16(out, TX_NOSEQNO);
	mr_wr_u8(out, retries);
	mr_wr_u8(out, 0); /* even length, as a courtesy to drivers that copy the frame */
}
