/*
 * A capture of the simulated air: pcap, DLT_IEEE802_11_RADIO, one record per try and per ACK in the order in which they
 * began. Fields by the radiotap registry (radiotap.org): TSFT 0, Flags 1, Rate 2, Channel 3, dBm antenna signal 5,
 * MCS 19. No FCS, and the Flags field says so.
 */
#include "agent/wire/channel.h"
#include "station/air/air_internal.h"

#include <math.h>
#include <pcap/pcap.h>

#include "agent/wire/cause.h"

#define RADIOTAP_MAX 40

struct capture {
	struct capture *next;
	pcap_t *format;
	FILE *to;
	uint16_t freq_mhz;
};

int air_capture(struct air *air, FILE *to, uint16_t freq_mhz)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture)
		return -MR_CAUSE_NO_MEMORY;
	capture->format = pcap_open_dead(DLT_IEEE802_11_RADIO, RADIO_FRAME_MAX + RADIOTAP_MAX);
	/* libpcap's dumper is the stream itself; it is not closed by us, since it is the caller's. */
	if (!capture->format || !pcap_dump_fopen(capture->format, to)) {
		if (capture->format)
			pcap_close(capture->format);
		free(capture);
		return -MR_CAUSE_NO_MEMORY;
	}
	capture->to = to;
	capture->freq_mhz = freq_mhz;
	capture->next = air->captures;
	air->captures = capture;
	return 0;
}

void capture_destroy_all(struct air *air)
{
	for (struct capture *capture = air->captures, *next; capture; capture = next) {
		next = capture->next;
		fflush(capture->to);
		pcap_close(capture->format);
		free(capture);
	}
	air->captures = NULL;
}

static void radiotap(struct mr_wr *w, const struct transmission *tx, double signal_dbm, bool short_preamble)
{
	bool ht = tx->rate & PHY_HT, dsss = phy_is_dsss(tx->rate),
	     five = mr_band(tx->channel->freq_mhz) == MR_BAND_5GHZ;
	uint8_t flags = dsss && tx->rate != 2 && short_preamble ? 0x02 : 0;

	mr_wr_u8(w, 0); /* version, pad */
	mr_wr_u8(w, 0);
	size_t mark = mr_wr_open16(w);

	mr_wr_le32(w, 1u << 0 | 1u << 1 | (ht ? 0 : 1u << 2) | 1u << 3 | 1u << 5 | (ht ? 1u << 19 : 0));
	mr_wr_le64(w, tx->start_us);
	mr_wr_u8(w, flags);
	mr_wr_u8(w, ht ? 0 : tx->rate); /* with MCS: padding, the channel field is aligned to 2 */
	mr_wr_le16(w, tx->channel->freq_mhz);
	mr_wr_le16(w, (uint16_t)((five ? 0x0100 : 0x0080) | (dsss ? 0x0020 : 0x0040)));
	mr_wr_u8(w, (uint8_t)(int8_t)fmax(-127, fmin(20, round(signal_dbm))));
	if (ht) { /* known: bandwidth, MCS, guard interval, format; all at their zeros */
		mr_wr_u8(w, 0x0f);
		mr_wr_u8(w, 0);
		mr_wr_u8(w, tx->rate & 7);
	}
	/* The length counts from the start of the header, not from behind itself. */
	w->buf[mark] = (uint8_t)w->len;
}

void capture_write(struct air *air, const struct transmission *tx)
{
	uint8_t record[RADIOTAP_MAX + RADIO_FRAME_MAX];
	struct mr_wr w = mr_wr_over(record, sizeof(record));
	const struct air_node origin = { .air = air, .id = tx->from->id }; /* no shadowing towards oneself */
	struct pcap_pkthdr head = { 0 };
	uint64_t utc_us;

	if (!air->captures)
		return;
	utc_us = loop_utc_us(air->loop);
	radiotap(&w, tx, medium_received_dbm(tx->channel, tx->from, &origin), air->config.short_preamble);
	mr_wr_bytes(&w, tx->frame ? tx->frame->bytes : tx->ack, tx->frame ? tx->frame->len : PHY_ACK_LEN);
	head.ts.tv_sec = (time_t)(utc_us / 1000000);
	head.ts.tv_usec = (suseconds_t)(utc_us % 1000000);
	head.caplen = head.len = (bpf_u_int32)w.len;
	for (struct capture *capture = air->captures; capture; capture = capture->next)
		if (capture->freq_mhz == 0 || capture->freq_mhz == tx->channel->freq_mhz)
			pcap_dump((u_char *)capture->to, &head, record);
}
