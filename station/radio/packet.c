#include "station/radio/packet.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "station/radio/hearing.h"

/* libpcap gives each slot of its ring room for a whole snap length: the default of 256 KiB leaves 8 slots. */
#define SNAP_LEN 4096
#define RING_BYTES (8 << 20)
/* Small, so that few frames are underway in the kernel when the channel is about to change. */
#define SEND_BYTES (64 << 10)

struct packet {
	pcap_t *pcap;
	packet_fn *fn;
	void *ctx;
	struct packet_counts counts;
};

/* Not pcap_setfilter: that shuts the socket for a moment, and a status that comes just then would be missed. */
int packet_hear(struct packet *packet, const struct radio_addresses *own, unsigned hear)
{
	struct bpf_program program;
	struct sock_fprog kernel;
	char text[HEARING_FILTER_MAX];
	int error = 0;

	hearing_filter(text, sizeof(text), own, hear);
	assert(strlen(text) < sizeof(text) - 1);
	if (pcap_compile(packet->pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return -EINVAL;
	kernel = (struct sock_fprog){ .len = (unsigned short)program.bf_len, .filter = (void *)program.bf_insns };
	if (setsockopt(pcap_fileno(packet->pcap), SOL_SOCKET, SO_ATTACH_FILTER, &kernel, sizeof(kernel)) < 0)
		error = -errno;
	pcap_freecode(&program);
	return error;
}

static int fail(struct packet *packet, int error, const char *why, char *text, size_t text_len)
{
	snprintf(text, text_len, "%s", why);
	packet_close(packet);
	return error;
}

int packet_open(struct packet **out, const char *interface, const uint8_t *mac, char *error, size_t error_len)
{
	struct packet *packet = calloc(1, sizeof(*packet));
	char text[PCAP_ERRBUF_SIZE] = "";
	struct radio_addresses own;
	int on = 1, bytes = SEND_BYTES, status;

	if (!packet)
		return -ENOMEM;
	packet->pcap = pcap_create(interface, text);
	if (!packet->pcap)
		return fail(packet, -ENODEV, text, error, error_len);
	pcap_set_snaplen(packet->pcap, SNAP_LEN);
	pcap_set_buffer_size(packet->pcap, RING_BYTES);
	pcap_set_immediate_mode(packet->pcap, 1);
	status = pcap_activate(packet->pcap);
	if (status < 0)
		return fail(packet, status == PCAP_ERROR_PERM_DENIED ? -EPERM : -ENODEV,
			    status == PCAP_ERROR ? pcap_geterr(packet->pcap) : pcap_statustostr(status), error,
			    error_len);
	if (pcap_datalink(packet->pcap) != DLT_IEEE802_11_RADIO)
		return fail(packet, -ENOTSUP, "the interface gives no radiotap header", error, error_len);
	if (pcap_setnonblock(packet->pcap, 1, text) < 0)
		return fail(packet, -EIO, text, error, error_len);
	if (mac)
		radio_addresses_set(&own, mac, NULL, 0);
	status = mac ? packet_hear(packet, &own, 0) : 0;
	if (status < 0)
		return fail(packet, status, "the kernel takes no filter", error, error_len);
	/* Our own frames as they leave are of no use: their status comes back by itself. */
	(void)setsockopt(pcap_fileno(packet->pcap), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	(void)setsockopt(pcap_fileno(packet->pcap), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	*out = packet;
	return 0;
}

void packet_close(struct packet *packet)
{
	if (!packet)
		return;
	if (packet->pcap)
		pcap_close(packet->pcap);
	free(packet);
}

int packet_fd(const struct packet *packet) { return pcap_get_selectable_fd(packet->pcap); }

int packet_send(struct packet *packet, struct mr_rd frame, uint8_t rate_500kbps, uint8_t retries)
{
	uint8_t buf[RADIOTAP_TX_LEN + RADIO_FRAME_MAX];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	radiotap_build_tx(&w, rate_500kbps, retries);
	mr_wr_bytes(&w, frame.at, frame.left);
	if (w.bad)
		return -EMSGSIZE;
	errno = 0;
	if (pcap_inject(packet->pcap, buf, w.len) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

static void on_packet(u_char *ctx, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct packet *packet = (struct packet *)(void *)ctx;
	struct radiotap about;
	struct mr_rd frame;

	if (header->caplen < header->len || !radiotap_parse(mr_rd_over(bytes, header->caplen), &about, &frame) ||
	    about.bad_fcs) {
		packet->counts.garbage++;
		return;
	}
	packet->fn(packet->ctx, &about, frame);
}

int packet_read(struct packet *packet, int max, packet_fn *fn, void *ctx)
{
	int got;

	packet->fn = fn;
	packet->ctx = ctx;
	got = pcap_dispatch(packet->pcap, max, on_packet, (u_char *)packet);
	return got < 0 ? -ENETDOWN : got;
}

void packet_count(struct packet *packet, struct packet_counts *out)
{
	struct pcap_stat stat;

	if (pcap_stats(packet->pcap, &stat) == 0)
		packet->counts.dropped = stat.ps_drop;
	*out = packet->counts;
}
