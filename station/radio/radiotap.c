#include "station/radio/radiotap.h"

enum {
	TSFT = 0,
	FLAGS = 1,
	RATE = 2,
	CHANNEL = 3,
	DBM_ANTSIGNAL = 5,
	TX_FLAGS = 15,
	DATA_RETRIES = 17,
	/* In every word of the bitmap, whatever its other bits mean: */
	RADIOTAP_NAMESPACE = 29,
	VENDOR_NAMESPACE = 30,
	EXTENDED = 31
};
enum { FLAG_FCS = 0x10, FLAG_BAD_FCS = 0x40 };
enum { TX_FAILED = 0x01, TX_NOSEQNO = 0x10 };
#define FCS_LEN 4
#define FIELDS 32 /* of the table */
#define WORD_BITS 32

/* radiotap.org/fields: alignment and octets of each field by its bit. 0: a field newer than this table. */
static const struct {
	uint8_t align, size;
} fields[FIELDS] = {
	[0] = { 8, 8 },	  [1] = { 1, 1 },  [2] = { 1, 1 },  [3] = { 2, 4 },   [4] = { 2, 2 },	[5] = { 1, 1 },
	[6] = { 1, 1 },	  [7] = { 2, 2 },  [8] = { 2, 2 },  [9] = { 2, 2 },   [10] = { 1, 1 },	[11] = { 1, 1 },
	[12] = { 1, 1 },  [13] = { 1, 1 }, [14] = { 2, 2 }, [15] = { 2, 2 },  [16] = { 1, 1 },	[17] = { 1, 1 },
	[18] = { 4, 8 },  [19] = { 1, 3 }, [20] = { 4, 8 }, [21] = { 2, 12 }, [22] = { 8, 12 }, [23] = { 2, 12 },
	[24] = { 2, 12 }, [25] = { 2, 6 }, [26] = { 1, 1 }, [27] = { 2, 4 },
};

struct walk {
	const uint8_t *start; /* of the header: what fields are aligned to */
	struct mr_rd body;    /* the fields not yet read */
	struct radiotap *out;
	uint32_t seen; /* bits of fields that have been read */
	bool fcs;
};

static void take_field(struct walk *walk, unsigned field, struct mr_rd value)
{
	struct radiotap *out = walk->out;
	uint8_t flags;

	/* The first of a kind is the whole radio's; those of its antennas follow in later words. */
	if (walk->seen >> field & 1)
		return;
	walk->seen |= 1u << field;
	switch (field) {
	case FLAGS:
		flags = mr_rd_u8(&value);
		walk->fcs = flags & FLAG_FCS;
		out->bad_fcs = flags & FLAG_BAD_FCS;
		break;
	case RATE: out->rate_500kbps = mr_rd_u8(&value); break;
	case CHANNEL: out->freq_mhz = mr_rd_le16(&value); break;
	case DBM_ANTSIGNAL: out->rssi_dbm = (int8_t)mr_rd_u8(&value); break;
	case TX_FLAGS:
		out->status = true;
		out->failed = mr_rd_le16(&value) & TX_FAILED;
		break;
	case DATA_RETRIES: out->retries = mr_rd_u8(&value); break;
	default: break;
	}
}

static struct mr_rd next_field(struct walk *walk, uint8_t align, size_t size)
{
	size_t past = (size_t)(walk->body.at - walk->start) % align;

	if (past > 0)
		mr_rd_skip(&walk->body, align - past);
	return mr_rd_sub(&walk->body, size);
}

/*
 * The fields of one word of the bitmap whose first bit is number `base`. false: one that the table lacks, and so of a
 * length that nobody here knows: where the fields behind it are can't be told.
 */
static bool take_word(struct walk *walk, uint32_t present, size_t base)
{
	for (unsigned bit = 0; bit < RADIOTAP_NAMESPACE; bit++) {
		struct mr_rd value;

		if (!(present >> bit & 1))
			continue;
		if (base > 0 || fields[bit].size == 0)
			return false;
		value = next_field(walk, fields[bit].align, fields[bit].size);
		if (value.bad)
			return false;
		take_field(walk, bit, value);
	}
	return true;
}

/* OUI, a number of the vendor's, and how many octets of fields follow that are the vendor's own. false: cut short. */
static bool skip_vendor(struct walk *walk)
{
	struct mr_rd head = next_field(walk, 2, 6);

	mr_rd_skip(&head, 4);
	mr_rd_skip(&walk->body, mr_rd_le16(&head));
	return !walk->body.bad;
}

/*
 * radiotap.org, "Extended presence masks" and "Vendor namespaces": the bits of a further word go on counting, 32 and
 * up, but for a word that follows bit 29 or 30: then they count from 0 again, as fields of radiotap or of a vendor.
 */
static void take_words(struct walk *walk, struct mr_rd words)
{
	bool ours = true;
	size_t base = 0;
	uint32_t word;

	do {
		bool vendor;

		word = mr_rd_le32(&words);
		vendor = word >> VENDOR_NAMESPACE & 1;
		if ((ours && !take_word(walk, word, base)) || (vendor && !skip_vendor(walk)))
			return;
		if (vendor || word >> RADIOTAP_NAMESPACE & 1) {
			ours = !vendor;
			base = 0;
		} else {
			base += WORD_BITS;
		}
	} while (word >> EXTENDED & 1);
}

bool radiotap_parse(struct mr_rd in, struct radiotap *out, struct mr_rd *frame)
{
	struct walk walk = { .start = in.at, .out = out };
	struct mr_rd whole = in, words;
	uint8_t version = mr_rd_u8(&in);
	uint16_t len;

	*out = (struct radiotap){ 0 };
	mr_rd_skip(&in, 1);
	len = mr_rd_le16(&in);
	if (in.bad || version != 0 || len < 8)
		return false;
	walk.body = mr_rd_sub(&whole, len);
	mr_rd_skip(&walk.body, 4);
	words = walk.body;
	while (mr_rd_le32(&walk.body) >> EXTENDED & 1)
		;
	if (walk.body.bad)
		return false;
	take_words(&walk, words);
	if (walk.fcs && whole.left < FCS_LEN)
		return false;
	*frame = mr_rd_over(whole.at, whole.left - (walk.fcs ? FCS_LEN : 0));
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
