#include "agent/wire/overheard.h"

/* IEEE 802.11-2020 9.2.4.1, the two octets of Frame Control as one little-endian number. */
enum {
	FC_VERSION_AND_TYPE = 0x000f,
	FC_DATA = 0x0008,
	FC_SUBTYPE = 0x00f0,
	FC_QOS = 0x0080, /* of the subtypes with a body and nothing else in them: 0 and 8 */
	FC_TO_DS = 0x0100,
	FC_FROM_DS = 0x0200,
	FC_MORE_FRAGMENTS = 0x0400,
	FC_RETRY = 0x0800,
	FC_PROTECTED = 0x4000,
	FC_ORDER = 0x8000, /* in QoS data: an HT Control field follows */
};
#define QOS_AMSDU 0x80
#define HT_CONTROL_LEN 4

#define IP_HEADER_LEN 20
#define UDP_HEADER_LEN 8
#define IP_UDP 17

static const uint8_t llc_snap_ipv4[8] = { 0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00 };

/* RFC 791 and 768. Leaves payload and port as they are when it is something else, a fragment, or not whole. */
static void open_body(struct mr_rd body, struct mr_overheard *out)
{
	uint8_t start[sizeof(llc_snap_ipv4)];
	struct mr_rd ip, payload;
	uint16_t total, fragment, port, udp_len;
	uint8_t version_ihl, protocol;

	mr_rd_copy(&body, start, sizeof(start));
	version_ihl = mr_rd_u8(&body);
	mr_rd_skip(&body, 1);
	total = mr_rd_be16(&body);
	if (body.bad || !mr_equal(start, llc_snap_ipv4, sizeof(start)) || version_ihl >> 4 != 4 ||
	    (version_ihl & 15) < 5 || total < 4 * (version_ihl & 15))
		return;
	ip = mr_rd_sub(&body, total - 4u); /* behind it may be padding of an Ethernet */
	mr_rd_skip(&ip, 2);
	fragment = mr_rd_be16(&ip);
	mr_rd_skip(&ip, 1);
	protocol = mr_rd_u8(&ip);
	mr_rd_skip(&ip, 4u * (version_ihl & 15) - 10 + 2);
	port = mr_rd_be16(&ip);
	udp_len = mr_rd_be16(&ip);
	mr_rd_skip(&ip, 2);
	if (ip.bad || protocol != IP_UDP || (fragment & 0x3fff) != 0 || udp_len < UDP_HEADER_LEN)
		return;
	payload = mr_rd_sub(&ip, udp_len - (size_t)UDP_HEADER_LEN);
	if (payload.bad)
		return;
	out->payload = payload;
	out->port = port;
}

bool mr_overheard_parse(struct mr_rd mpdu, struct mr_overheard *out)
{
	size_t octets = mpdu.left;
	uint16_t fc = mr_rd_le16(&mpdu), sequence_control;
	uint8_t address[3][6], qos;

	*out = (struct mr_overheard){ 0 };
	if ((fc & FC_VERSION_AND_TYPE) != FC_DATA || (fc & FC_SUBTYPE & ~FC_QOS) != 0 || fc & FC_MORE_FRAGMENTS ||
	    !(fc & FC_TO_DS) == !(fc & FC_FROM_DS))
		return false;
	mr_rd_skip(&mpdu, 2);
	for (int i = 0; i < 3; i++)
		mr_rd_copy(&mpdu, address[i], 6);
	sequence_control = mr_rd_le16(&mpdu);
	out->from_ds = fc & FC_FROM_DS;
	out->qos = fc & FC_QOS;
	out->protected = fc & FC_PROTECTED;
	out->retry = fc & FC_RETRY;
	out->sequence = sequence_control >> 4;
	if (out->qos) {
		qos = (uint8_t)mr_rd_le16(&mpdu);
		if (qos & QOS_AMSDU)
			return false;
	}
	/* Some frames of a STA have it and others not: left out, they are all as long as their payload tells. */
	if (out->qos && fc & FC_ORDER) {
		mr_rd_skip(&mpdu, HT_CONTROL_LEN);
		octets -= HT_CONTROL_LEN;
	}
	if (mpdu.bad || mpdu.left == 0 || octets > UINT16_MAX || (sequence_control & 15) != 0)
		return false;
	mr_copy(out->bssid, address[out->from_ds ? 1 : 0], 6);
	mr_copy(out->source, address[out->from_ds ? 2 : 1], 6);
	mr_copy(out->destination, address[out->from_ds ? 0 : 2], 6);
	out->octets = (uint16_t)octets;
	if (!out->protected)
		open_body(mpdu, out);
	return true;
}

/* RFC 1071, over an even number of octets. */
static uint16_t checksum(struct mr_rd bytes)
{
	uint32_t sum = 0;

	while (bytes.left > 0)
		sum += mr_rd_be16(&bytes);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void ip_header(struct mr_wr *w, const struct mr_overheard_out *out, uint16_t sum)
{
	mr_wr_be16(w, 0x4500);
	mr_wr_be16(w, (uint16_t)(IP_HEADER_LEN + UDP_HEADER_LEN + out->length));
	mr_wr_be16(w, out->sequence); /* identification */
	mr_wr_be16(w, 0);
	mr_wr_u8(w, 64); /* TTL */
	mr_wr_u8(w, IP_UDP);
	mr_wr_be16(w, sum);
	mr_wr_bytes(w, out->source_ip, 4);
	mr_wr_bytes(w, out->destination_ip, 4);
}

bool mr_overheard_build(struct mr_wr *w, const struct mr_overheard_out *out)
{
	uint8_t header[IP_HEADER_LEN], *rest;
	struct mr_wr ip = mr_wr_over(header, sizeof(header));

	if (out->length > MR_OVERHEARD_PAYLOAD_MAX || out->payload_len > out->length) {
		w->bad = true;
		return false;
	}
	mr_wr_le16(w, FC_DATA | (out->from_ds ? FC_FROM_DS : FC_TO_DS));
	mr_wr_le16(w, 0); /* duration */
	mr_wr_bytes(w, out->from_ds ? out->destination : out->bssid, 6);
	mr_wr_bytes(w, out->from_ds ? out->bssid : out->source, 6);
	mr_wr_bytes(w, out->from_ds ? out->source : out->destination, 6);
	mr_wr_le16(w, (uint16_t)(out->sequence << 4));
	mr_wr_bytes(w, llc_snap_ipv4, sizeof(llc_snap_ipv4));
	ip_header(&ip, out, 0);
	ip_header(w, out, checksum(mr_wr_written(&ip)));
	mr_wr_be16(w, out->source_port);
	mr_wr_be16(w, out->port);
	mr_wr_be16(w, (uint16_t)(UDP_HEADER_LEN + out->length));
	mr_wr_be16(w, 0);
	mr_wr_bytes(w, out->payload, out->payload_len);
	rest = mr_wr_room(w, out->length - out->payload_len);
	for (size_t i = 0; rest && i < out->length - out->payload_len; i++)
		rest[i] = '1';
	return !w->bad;
}

void mr_overheard_group(const uint8_t ip[static 4], uint8_t destination[static 6])
{
	static const uint8_t group[3] = { 0x01, 0x00, 0x5e };

	for (int i = 0; i < 6; i++)
		destination[i] = 0xff;
	if (ip[0] >> 4 != 14)
		return;
	mr_copy(destination, group, 3);
	destination[3] = ip[1] & 0x7f;
	destination[4] = ip[2];
	destination[5] = ip[3];
}
