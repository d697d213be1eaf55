#include "agent/port/linux/radio.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/nl80211.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/port/linux/netlink.h"
#include "agent/wire/channel.h"
#include "agent/wire/frame.h"

#define REPORT_US 250000 /* after this long the kernel has dropped the frame silently */
#define RATE_6MBPS 12
#define RETRIES 4
#define RADIOTAP_LEN 14
#define FRAME_ROOM 4096
#define READS_MAX 64

__attribute__((format(printf, 2, 3))) static bool fail(struct mr_linux_radio *radio, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(radio->error, sizeof(radio->error), format, args);
	va_end(args);
	return false;
}

/* --- interfaces --------------------------------------------------------------------------------------------------- */

static int with_interface(const char *name, unsigned long call, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return -errno;
	(void)snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
	if (ioctl(fd, call, request) < 0)
		error = -errno;
	close(fd);
	return error;
}

static int set_up(const char *name, bool up)
{
	struct ifreq request = { .ifr_flags = 0 };
	int error = with_interface(name, SIOCGIFFLAGS, &request);

	if (error < 0)
		return error;
	request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	return with_interface(name, SIOCSIFFLAGS, &request);
}

static bool is_up(const char *name)
{
	struct ifreq request = { .ifr_flags = 0 };

	return with_interface(name, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP);
}

static int set_mac(const char *name, const uint8_t mac[static 6])
{
	struct ifreq request = { .ifr_flags = 0 };
	/* The address has the interface's own hardware type, radiotap's. */
	int error = with_interface(name, SIOCGIFHWADDR, &request);

	if (error < 0)
		return error;
	memcpy(request.ifr_hwaddr.sa_data, mac, 6);
	return with_interface(name, SIOCSIFHWADDR, &request);
}

static bool read_text(const char *path, char *out, int cap)
{
	FILE *from = fopen(path, "r");
	bool got = from && fgets(out, cap, from);

	if (from)
		fclose(from);
	return got;
}

static bool phy_of(const char *name, uint32_t *phy)
{
	char path[128], text[16];

	(void)snprintf(path, sizeof(path), "/sys/class/net/%.32s/phy80211/index", name);
	if (!read_text(path, text, sizeof(text))) {
		(void)snprintf(path, sizeof(path), "/sys/class/ieee80211/%.32s/index", name);
		if (!read_text(path, text, sizeof(text)))
			return false;
	}
	*phy = (uint32_t)strtoul(text, NULL, 10);
	return true;
}

static bool own_mac(uint32_t phy, uint8_t mac[static 6])
{
	char path[128], text[32];
	unsigned m[6];

	(void)snprintf(path, sizeof(path), "/sys/class/ieee80211/phy%u/macaddress", phy);
	if (!read_text(path, text, sizeof(text)) ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
		return false;
	for (size_t i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	return true;
}

/* The kernel tunes a monitor only while nothing else of the chip is up (K4). */
static void take_down_others(struct mr_linux_radio *radio)
{
	struct dirent *entry;
	DIR *dir = opendir("/sys/class/net");

	while (dir && (entry = readdir(dir))) {
		uint32_t phy;

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(radio->others[0]) ||
		    !phy_of(entry->d_name, &phy) || phy != radio->phy || !is_up(entry->d_name))
			continue;
		(void)set_up(entry->d_name, false);
		if (radio->other_count < MR_LINUX_RADIO_OTHERS)
			(void)snprintf(radio->others[radio->other_count++], sizeof(radio->others[0]), "%.15s",
				       entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* --- nl80211 ------------------------------------------------------------------------------------------------------ */

static int call(struct mr_linux_radio *radio, struct mr_netlink_request *request, mr_netlink_fn *fn, void *ctx)
{
	return mr_netlink_call(radio->netlink_fd, &radio->sequence, request, fn, ctx);
}

static int add_monitor(struct mr_linux_radio *radio, const char *name, bool active, int *index)
{
	uint16_t flag[2] = { 4, active ? NL80211_MNTR_FLAG_ACTIVE : NL80211_MNTR_FLAG_OTHER_BSS };
	struct mr_netlink_request request;
	int error;

	mr_netlink_begin(&request, radio->family, NL80211_CMD_NEW_INTERFACE, 0);
	mr_netlink_put_u32(&request, NL80211_ATTR_WIPHY, radio->phy);
	mr_netlink_put(&request, NL80211_ATTR_IFNAME, name, strlen(name) + 1);
	mr_netlink_put_u32(&request, NL80211_ATTR_IFTYPE, NL80211_IFTYPE_MONITOR);
	mr_netlink_put(&request, NL80211_ATTR_MNTR_FLAGS | (1 << 15), flag, sizeof(flag)); /* a nest of one flag */
	/* When this process ends, in whatever way, the kernel takes the interface away. */
	mr_netlink_put(&request, NL80211_ATTR_SOCKET_OWNER, NULL, 0);
	error = call(radio, &request, NULL, NULL);
	*index = error < 0 ? 0 : (int)if_nametoindex(name);
	return error;
}

struct channel_query {
	uint16_t freq_mhz;
	bool found, may_send;
};

static void look_at_channel(struct channel_query *query, const uint8_t *at, size_t left)
{
	struct mr_netlink_attribute a;
	uint32_t freq_mhz = 0;
	bool forbidden = false;

	while (mr_netlink_next(&at, &left, &a)) {
		if (a.type == NL80211_FREQUENCY_ATTR_FREQ)
			freq_mhz = mr_netlink_u32(&a);
		forbidden |= a.type == NL80211_FREQUENCY_ATTR_DISABLED || a.type == NL80211_FREQUENCY_ATTR_NO_IR ||
			     a.type == NL80211_FREQUENCY_ATTR_RADAR;
	}
	if (freq_mhz == query->freq_mhz) {
		query->found = true;
		query->may_send = !forbidden;
	}
}

static void on_phy(void *ctx, uint8_t command, const uint8_t *at, size_t left)
{
	struct mr_netlink_attribute bands, band, part, channel;

	(void)command;
	while (mr_netlink_next(&at, &left, &bands)) {
		if (bands.type != NL80211_ATTR_WIPHY_BANDS)
			continue;
		while (mr_netlink_next(&bands.value, &bands.len, &band))
			while (mr_netlink_next(&band.value, &band.len, &part))
				while (part.type == NL80211_BAND_ATTR_FREQS &&
				       mr_netlink_next(&part.value, &part.len, &channel))
					look_at_channel(ctx, channel.value, channel.len);
	}
}

/* The kernel does not stop a monitor from sending on radar channels: we do. */
static bool may_send_on(struct mr_linux_radio *radio, uint16_t freq_mhz)
{
	struct channel_query query = { .freq_mhz = freq_mhz };
	struct mr_netlink_request request;

	mr_netlink_begin(&request, radio->family, NL80211_CMD_GET_WIPHY, 0x300 /* NLM_F_DUMP */);
	mr_netlink_put(&request, NL80211_ATTR_SPLIT_WIPHY_DUMP, NULL, 0);
	mr_netlink_put_u32(&request, NL80211_ATTR_WIPHY, radio->phy);
	return call(radio, &request, on_phy, &query) == 0 && query.found && query.may_send;
}

static int set_channel(struct mr_linux_radio *radio, uint16_t freq_mhz)
{
	struct mr_netlink_request request;

	mr_netlink_begin(&request, radio->family, NL80211_CMD_SET_CHANNEL, 0);
	mr_netlink_put_u32(&request, NL80211_ATTR_IFINDEX, (uint32_t)radio->plain_index);
	mr_netlink_put_u32(&request, NL80211_ATTR_WIPHY_FREQ, freq_mhz);
	mr_netlink_put_u32(&request, NL80211_ATTR_CHANNEL_WIDTH, NL80211_CHAN_WIDTH_20_NOHT);
	mr_netlink_put_u32(&request, NL80211_ATTR_CENTER_FREQ1, freq_mhz);
	return call(radio, &request, NULL, NULL);
}

/* The passive monitor first: the kernel gives the channel to the first that comes up (K1). */
static int raise_both(struct mr_linux_radio *radio)
{
	int error = set_up(radio->plain, true);

	return error < 0 || radio->active_index == 0 ? error : set_up(radio->active, true);
}

/* --- packets ------------------------------------------------------------------------------------------------------ */

/*
 * Frames to this device, reports on its own, action frames to all; data frames to groups, if they are wanted.
 * Radiotap's length is little-endian, at octet 2.
 */
static int set_filter(int fd, const uint8_t mac[static 6], bool groups)
{
	uint32_t high = (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
	uint32_t low = (uint32_t)mac[4] << 8 | mac[5];
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 3),
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 8),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 2),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_X, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, 4), /* 6: address 1 */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 2),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 8),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 15, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 4), /* 10: to a group? */
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, groups ? 1 : 0, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0), /* data, with QoS or not */
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x7f),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x08, 10, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, 4), /* 15: to all? */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffffffff, 0, 4),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 8),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffff, 0, 2),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xd0, 4, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, 10), /* 21: address 2 */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 14),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff), /* 25 */
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static bool open_packets(struct mr_linux_radio *radio)
{
	struct sockaddr_ll here = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = radio->plain_index };
	int on = 1;

	radio->packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (radio->packet_fd < 0 || set_filter(radio->packet_fd, radio->mac, false) < 0 ||
	    bind(radio->packet_fd, (const struct sockaddr *)&here, sizeof(here)) < 0)
		return fail(radio, "can't open a packet socket: %s", strerror(errno));
	(void)setsockopt(radio->packet_fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	return true;
}

bool mr_linux_radio_hear_groups(struct mr_linux_radio *radio)
{
	if (set_filter(radio->packet_fd, radio->mac, true) < 0)
		return fail(radio, "can't hear frames to groups: %s", strerror(errno));
	return true;
}

bool mr_linux_radio_open(struct mr_linux_radio *radio, const char *name, const uint8_t *mac)
{
	int family, error;

	memset(radio, 0, sizeof(*radio));
	radio->packet_fd = -1;
	radio->netlink_fd = mr_netlink_open();
	if (radio->netlink_fd < 0)
		return fail(radio, "can't open a netlink socket: %s", strerror(-radio->netlink_fd));
	family = mr_netlink_nl80211(radio->netlink_fd, &radio->sequence);
	if (family < 0)
		return fail(radio, "no wireless stack is loaded");
	radio->family = (uint16_t)family;
	if (!phy_of(name, &radio->phy) || !own_mac(radio->phy, radio->mac))
		return fail(radio, "%.32s is no wireless interface or chip", name);
	if (mac)
		memcpy(radio->mac, mac, 6);
	(void)snprintf(radio->plain, sizeof(radio->plain), "mrd%up", radio->phy);
	(void)snprintf(radio->active, sizeof(radio->active), "mrd%ua", radio->phy);
	take_down_others(radio);
	error = add_monitor(radio, radio->plain, false, &radio->plain_index);
	/* Without an active monitor nobody gets acknowledgements, but repetition may still do. */
	if (error == 0 && add_monitor(radio, radio->active, true, &radio->active_index) == 0)
		error = set_mac(radio->active, radio->mac);
	if (error == 0)
		error = raise_both(radio);
	if (error < 0)
		return fail(radio, "can't set up monitors on %.32s: %s%s", name, strerror(-error),
			    error == -EPERM ? " (needs CAP_NET_ADMIN and CAP_NET_RAW)" : "");
	return open_packets(radio);
}

void mr_linux_radio_close(struct mr_linux_radio *radio)
{
	if (radio->packet_fd >= 0)
		close(radio->packet_fd);
	if (radio->netlink_fd >= 0)
		close(radio->netlink_fd); /* the monitors go with it */
	radio->packet_fd = radio->netlink_fd = -1;
	for (size_t i = 0; i < radio->other_count; i++)
		(void)set_up(radio->others[i], true);
	radio->other_count = 0;
}

bool mr_linux_radio_tune(struct mr_linux_radio *radio, uint16_t freq_mhz)
{
	bool to_5ghz = mr_band(freq_mhz) == MR_BAND_5GHZ;

	radio->freq_mhz = 0;
	radio->may_send = may_send_on(radio, freq_mhz);
	if (!radio->may_send || set_channel(radio, freq_mhz) < 0)
		return false;
	/* Rates and rules are those of the band in which the monitors came up, before kernel 6.9 (K2). */
	if (!radio->band_known || to_5ghz != radio->band_5ghz) {
		if (radio->active_index > 0)
			(void)set_up(radio->active, false);
		(void)set_up(radio->plain, false);
		if (raise_both(radio) < 0)
			return false;
		radio->band_known = true;
		radio->band_5ghz = to_5ghz;
	}
	radio->freq_mhz = freq_mhz;
	return true;
}

bool mr_linux_radio_send(struct mr_linux_radio *radio, const uint8_t *frame, size_t len, uint32_t cookie,
			 uint64_t now_us)
{
	/* Radiotap: rate, TX flags (the sequence number is ours), retries. */
	static const uint8_t head[RADIOTAP_LEN] = { 0,		0, RADIOTAP_LEN, 0, 0x04,   0x80, 0x02, 0,
						    RATE_6MBPS, 0, 0x10,	 0, RETRIES };
	uint8_t bytes[RADIOTAP_LEN + MR_FRAME_MAX];
	size_t free = 0;

	if (radio->freq_mhz == 0 || !radio->may_send || len < MR_HEADER_LEN || len > MR_FRAME_MAX)
		return false;
	while (free < MR_LINUX_RADIO_PENDING && radio->pending[free].used)
		free++;
	if (free == MR_LINUX_RADIO_PENDING)
		return false;
	memcpy(bytes, head, sizeof(head));
	memcpy(bytes + RADIOTAP_LEN, frame, len);
	if (send(radio->packet_fd, bytes, RADIOTAP_LEN + len, 0) < 0)
		return false;
	radio->pending[free].used = true;
	radio->pending[free].cookie = cookie;
	radio->pending[free].sent_us = now_us;
	memcpy(radio->pending[free].receiver, frame + 4, 6);
	memcpy(radio->pending[free].sequence, frame + 22, 2);
	return true;
}

struct facts {
	uint16_t freq_mhz;
	int rssi_dbm;
	bool status, failed, fcs, bad_fcs;
};

/* radiotap.org: the fields up to bit 17 by alignment and size; what comes later is not needed. */
static bool parse_radiotap(struct mr_rd in, struct facts *out, struct mr_rd *frame)
{
	static const uint8_t align[18] = { 8, 1, 1, 2, 2, 1, 1, 2, 2, 2, 1, 1, 1, 1, 2, 2, 1, 1 };
	static const uint8_t size[18] = { 8, 1, 1, 4, 2, 1, 1, 2, 2, 2, 1, 1, 1, 1, 2, 2, 1, 1 };
	const uint8_t *start = in.at;
	struct mr_rd whole = in, header;
	uint32_t present, more;

	memset(out, 0, sizeof(*out));
	mr_rd_skip(&in, 2);
	header = mr_rd_sub(&whole, mr_rd_le16(&in));
	mr_rd_skip(&header, 4);
	present = more = mr_rd_le32(&header);
	while (more >> 31 & 1 && !header.bad)
		more = mr_rd_le32(&header);
	if (header.bad)
		return false;
	for (unsigned bit = 0; bit < 18; bit++) {
		size_t past = (size_t)(header.at - start) % align[bit];
		struct mr_rd value;

		if (!(present >> bit & 1))
			continue;
		if (past > 0)
			mr_rd_skip(&header, align[bit] - past);
		value = mr_rd_sub(&header, size[bit]);
		if (value.bad)
			return false;
		if (bit == 1) {
			uint8_t flags = mr_rd_u8(&value);

			out->fcs = flags & 0x10;
			out->bad_fcs = flags & 0x40;
		} else if (bit == 3) {
			out->freq_mhz = mr_rd_le16(&value);
		} else if (bit == 5) {
			out->rssi_dbm = (int8_t)mr_rd_u8(&value);
		} else if (bit == 15) {
			out->status = true;
			out->failed = mr_rd_le16(&value) & 1;
		}
	}
	if (out->fcs && whole.left < 4)
		return false;
	*frame = mr_rd_over(whole.at, whole.left - (out->fcs ? 4 : 0));
	return frame->left >= MR_HEADER_LEN;
}

static void report(struct mr_linux_radio *radio, size_t i, bool acked)
{
	radio->pending[i].used = false;
	radio->events.sent(radio->events.ctx, radio->pending[i].cookie, acked);
}

static void on_packet(struct mr_linux_radio *radio, const uint8_t *bytes, size_t len)
{
	struct mr_rd frame;
	struct facts facts;

	if (!parse_radiotap(mr_rd_over(bytes, len), &facts, &frame) || facts.bad_fcs)
		return;
	if (facts.status) {
		for (size_t i = 0; i < MR_LINUX_RADIO_PENDING; i++)
			if (radio->pending[i].used && mr_equal(radio->pending[i].receiver, frame.at + 4, 6) &&
			    mr_equal(radio->pending[i].sequence, frame.at + 22, 2)) {
				report(radio, i, !facts.failed);
				return;
			}
		return;
	}
	/* Old kernels also hand over what was heard on the channel of the start (K3). */
	if (radio->freq_mhz == 0 || (facts.freq_mhz != 0 && facts.freq_mhz != radio->freq_mhz))
		return;
	radio->events.received(radio->events.ctx, frame, facts.rssi_dbm);
}

bool mr_linux_radio_work(struct mr_linux_radio *radio, uint64_t now_us)
{
	uint8_t bytes[FRAME_ROOM];

	for (unsigned n = 0; n < READS_MAX; n++) {
		ssize_t got = recv(radio->packet_fd, bytes, sizeof(bytes), MSG_TRUNC);

		if (got < 0) {
			if (errno == EAGAIN || errno == EINTR)
				break;
			/* Our own band changes leave this error on the socket once. */
			if (errno == ENETDOWN && is_up(radio->plain))
				continue;
			return fail(radio, "the radio is gone: %s", strerror(errno));
		}
		if ((size_t)got <= sizeof(bytes))
			on_packet(radio, bytes, (size_t)got);
	}
	for (size_t i = 0; i < MR_LINUX_RADIO_PENDING; i++)
		if (radio->pending[i].used && radio->pending[i].sent_us + REPORT_US <= now_us)
			report(radio, i, false);
	return true;
}

uint64_t mr_linux_radio_deadline_us(const struct mr_linux_radio *radio)
{
	uint64_t first_us = UINT64_MAX;

	for (size_t i = 0; i < MR_LINUX_RADIO_PENDING; i++)
		if (radio->pending[i].used && radio->pending[i].sent_us + REPORT_US < first_us)
			first_us = radio->pending[i].sent_us + REPORT_US;
	return first_us;
}
