#include "station/radio/nl80211.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/nl80211.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/wire/channel.h"
#include "agent/wire/cursor.h"

/* libnl's 32 KiB overflow when dozens of phys are dumped or come and go together. */
#define SOCKET_BUFFER (1 << 20)
#define ANSWER_TIMEOUT_S 5
#define DUMP_TRIES 5	       /* a dump during which something changed is asked for again */
#define ANCHOR_BEACON_TU 10000 /* the longest that the kernel takes; 10.24 s */

struct nl80211 {
	struct nl_sock *sock;
	int family;
	char words[128];
};

typedef int reply_fn(struct nl_msg *msg, void *ctx);

/* libnl's own numbers for what went wrong before the kernel was asked. */
static int from_nle(int error)
{
	switch (-error) {
	case NLE_AGAIN: return -ETIMEDOUT;
	case NLE_NOMEM: return -ENOMEM;
	case NLE_PERM: return -EPERM;
	case NLE_OBJ_NOTFOUND: return -ENOENT;
	default: return -EIO;
	}
}

static struct nl_sock *socket_open(void)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	int on = 1;

	if (!sock)
		return NULL;
	if (genl_connect(sock) < 0) {
		nl_socket_free(sock);
		return NULL;
	}
	(void)nl_socket_set_buffer_size(sock, SOCKET_BUFFER, SOCKET_BUFFER);
	(void)setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	(void)setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return sock;
}

int nl80211_open(struct nl80211 **out)
{
	struct nl80211 *nl = calloc(1, sizeof(*nl));

	if (!nl)
		return -ENOMEM;
	nl->sock = socket_open();
	nl->family = nl->sock ? genl_ctrl_resolve(nl->sock, NL80211_GENL_NAME) : -NLE_NOMEM;
	if (nl->family < 0) {
		int error = from_nle(nl->family);

		nl80211_close(nl);
		return error;
	}
	*out = nl;
	return 0;
}

void nl80211_close(struct nl80211 *nl)
{
	if (!nl)
		return;
	nl_socket_free(nl->sock);
	free(nl);
}

const char *nl80211_words(const struct nl80211 *nl) { return nl->words; }

struct outcome {
	struct nl80211 *nl;
	bool done;
	int error;
};

static int on_error(struct sockaddr_nl *who, struct nlmsgerr *err, void *ctx)
{
	struct outcome *outcome = ctx;
	const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)((const char *)err - NLMSG_HDRLEN);
	size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(*err));

	(void)who;
	outcome->error = err->error;
	outcome->done = true;
	if ((header->nlmsg_flags & NLM_F_ACK_TLVS) && (header->nlmsg_flags & NLM_F_CAPPED) &&
	    header->nlmsg_len > head) {
		struct nlattr *words = nla_find((const struct nlattr *)(const void *)((const char *)header + head),
						(int)(header->nlmsg_len - head), NLMSGERR_ATTR_MSG);

		if (words)
			nla_strlcpy(outcome->nl->words, words, sizeof(outcome->nl->words));
	}
	return NL_STOP;
}

static int on_finish(struct nl_msg *msg, void *ctx)
{
	struct outcome *outcome = ctx;

	(void)msg;
	outcome->done = true;
	return NL_SKIP;
}

static struct nl_msg *request(struct nl80211 *nl, uint8_t command, int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (msg && !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0, flags, command, 0)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* Sends `msg` (and frees it), gives each answer to `reply`. */
static int transact(struct nl80211 *nl, struct nl_msg *msg, reply_fn *reply, void *ctx)
{
	struct outcome outcome = { .nl = nl };
	struct nl_cb *cb;
	int sent;

	if (!msg)
		return -ENOMEM;
	cb = nl_cb_alloc(NL_CB_DEFAULT);
	if (!cb) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	nl->words[0] = '\0';
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, &outcome);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, &outcome);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_finish, &outcome);
	if (reply)
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, reply, ctx);
	sent = nl_send_auto(nl->sock, msg);
	nlmsg_free(msg);
	if (sent < 0) {
		outcome.error = from_nle(sent);
		outcome.done = true;
	}
	while (!outcome.done) {
		int got = nl_recvmsgs(nl->sock, cb);

		if (got == -NLE_DUMP_INTR)
			outcome.error = -EAGAIN;
		else if (got < 0)
			outcome.error = outcome.error ? outcome.error : from_nle(got);
		if (got < 0 && !outcome.done)
			outcome.done = true;
	}
	nl_cb_put(cb);
	return outcome.error;
}

/* Numbers of the kernel have four octets, or the message, or the nest that they are in, is none of its. */
static const struct nla_policy policy[NL80211_ATTR_MAX + 1] = {
	[NL80211_ATTR_WIPHY] = { .type = NLA_U32 },
	[NL80211_ATTR_IFINDEX] = { .type = NLA_U32 },
	[NL80211_ATTR_IFTYPE] = { .type = NLA_U32 },
	[NL80211_ATTR_FEATURE_FLAGS] = { .type = NLA_U32 },
};

static const struct nla_policy frequency_policy[NL80211_FREQUENCY_ATTR_MAX + 1] = {
	[NL80211_FREQUENCY_ATTR_FREQ] = { .type = NLA_U32 },
	[NL80211_FREQUENCY_ATTR_MAX_TX_POWER] = { .type = NLA_U32 },
};

static const struct nla_policy combination_policy[MAX_NL80211_IFACE_COMB + 1] = {
	[NL80211_IFACE_COMB_NUM_CHANNELS] = { .type = NLA_U32 },
};

static const struct nla_policy limit_policy[MAX_NL80211_IFACE_LIMIT + 1] = {
	[NL80211_IFACE_LIMIT_MAX] = { .type = NLA_U32 },
};

/* The attributes of a message; false: it is cut, or a number in it is. */
static bool take_apart(struct nl_msg *msg, struct nlattr *tb[static NL80211_ATTR_MAX + 1], uint8_t *command)
{
	struct genlmsghdr *header = nlmsg_data(nlmsg_hdr(msg));

	if (!genlmsg_valid_hdr(nlmsg_hdr(msg), 0))
		return false;
	if (command)
		*command = header->cmd;
	return nla_parse(tb, NL80211_ATTR_MAX, genlmsg_attrdata(header, 0), genlmsg_attrlen(header, 0), policy) >= 0;
}

/* --- phys ------------------------------------------------------------------------------------------------------- */

struct phy_list {
	struct nl80211_phy *out;
	size_t count, max;
};

static struct nl80211_phy *phy_of(struct phy_list *list, uint32_t index)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->out[i].index == index)
			return &list->out[i];
	if (list->count == list->max)
		return NULL;
	list->out[list->count] = (struct nl80211_phy){ .index = index, .addresses = 1 };
	return &list->out[list->count++];
}

static bool has_type(struct nlattr *types, int type)
{
	struct nlattr *at;
	int left;

	nla_for_each_nested(at, types, left) if (nla_type(at) == type) return true;
	return false;
}

/* 2.4 and 5 GHz, 802.11-2020 annex E; what else a band lists is no channel of ours. */
static bool known_freq(uint32_t freq_mhz)
{
	return freq_mhz <= UINT16_MAX && mr_mhz_to_channel((uint16_t)freq_mhz) != 0;
}

static void take_channel(struct nl80211_phy *phy, struct nlattr *nested)
{
	struct nlattr *tb[NL80211_FREQUENCY_ATTR_MAX + 1];
	struct radio_channel channel = { 0 };
	uint32_t freq_mhz;

	if (nla_parse_nested(tb, NL80211_FREQUENCY_ATTR_MAX, nested, frequency_policy) < 0 ||
	    !tb[NL80211_FREQUENCY_ATTR_FREQ])
		return;
	freq_mhz = nla_get_u32(tb[NL80211_FREQUENCY_ATTR_FREQ]);
	if (!known_freq(freq_mhz))
		return;
	channel.freq_mhz = (uint16_t)freq_mhz;
	if (tb[NL80211_FREQUENCY_ATTR_DISABLED])
		channel.flags |= RADIO_DISABLED;
	if (tb[NL80211_FREQUENCY_ATTR_NO_IR])
		channel.flags |= RADIO_NO_IR;
	if (tb[NL80211_FREQUENCY_ATTR_RADAR])
		channel.flags |= RADIO_RADAR;
	if (tb[NL80211_FREQUENCY_ATTR_MAX_TX_POWER]) {
		uint32_t dbm = nla_get_u32(tb[NL80211_FREQUENCY_ATTR_MAX_TX_POWER]) / 100;

		channel.max_dbm = dbm > UINT8_MAX ? UINT8_MAX : (uint8_t)dbm;
	}
	for (size_t i = 0; i < phy->channel_count; i++)
		if (phy->channels[i].freq_mhz == channel.freq_mhz) {
			phy->channels[i] = channel;
			return;
		}
	if (phy->channel_count < RADIO_CHANNELS_MAX)
		phy->channels[phy->channel_count++] = channel;
}

static void take_bands(struct nl80211_phy *phy, struct nlattr *bands)
{
	struct nlattr *band, *freq;
	int bands_left, freqs_left;

	nla_for_each_nested(band, bands, bands_left)
	{
		struct nlattr *tb[NL80211_BAND_ATTR_MAX + 1];

		if (nla_parse_nested(tb, NL80211_BAND_ATTR_MAX, band, NULL) < 0)
			continue;
		switch (nla_type(band)) {
		case NL80211_BAND_2GHZ: phy->bands |= NL80211_2GHZ; break;
		case NL80211_BAND_5GHZ: phy->bands |= NL80211_5GHZ; break;
		case NL80211_BAND_6GHZ: phy->bands |= NL80211_6GHZ; break;
		default: break;
		}
		if (!tb[NL80211_BAND_ATTR_FREQS])
			continue;
		nla_for_each_nested(freq, tb[NL80211_BAND_ATTR_FREQS], freqs_left) take_channel(phy, freq);
	}
}

static const char *type_name(int type)
{
	switch (type) {
	case NL80211_IFTYPE_ADHOC: return "ad-hoc";
	case NL80211_IFTYPE_STATION: return "managed";
	case NL80211_IFTYPE_AP: return "AP";
	case NL80211_IFTYPE_MESH_POINT: return "mesh";
	case NL80211_IFTYPE_P2P_CLIENT: return "P2P-client";
	case NL80211_IFTYPE_P2P_GO: return "P2P-GO";
	case NL80211_IFTYPE_P2P_DEVICE: return "P2P-device";
	case NL80211_IFTYPE_MONITOR: return "monitor";
	default: return "other";
	}
}

static void take_combinations(struct nl80211_phy *phy, struct nlattr *combinations)
{
	struct nlattr *combination, *limit, *type;
	int combinations_left, limits_left, types_left;
	FILE *to = fmemopen(phy->combinations, sizeof(phy->combinations), "w");

	if (!to)
		return;
	setvbuf(to, NULL, _IONBF, 0);
	nla_for_each_nested(combination, combinations, combinations_left)
	{
		struct nlattr *tb[MAX_NL80211_IFACE_COMB + 1];
		unsigned channels;
		const char *between = "";

		if (nla_parse_nested(tb, MAX_NL80211_IFACE_COMB, combination, combination_policy) < 0 ||
		    !tb[NL80211_IFACE_COMB_LIMITS] || !tb[NL80211_IFACE_COMB_NUM_CHANNELS])
			continue;
		channels = nla_get_u32(tb[NL80211_IFACE_COMB_NUM_CHANNELS]);
		if (channels > phy->combination_channels)
			phy->combination_channels = channels;
		fputs(ftell(to) > 0 ? "; " : "", to);
		nla_for_each_nested(limit, tb[NL80211_IFACE_COMB_LIMITS], limits_left)
		{
			struct nlattr *lb[MAX_NL80211_IFACE_LIMIT + 1];
			const char *comma = "";

			if (nla_parse_nested(lb, MAX_NL80211_IFACE_LIMIT, limit, limit_policy) < 0 ||
			    !lb[NL80211_IFACE_LIMIT_MAX] || !lb[NL80211_IFACE_LIMIT_TYPES])
				continue;
			fprintf(to, "%s%ux{", between, nla_get_u32(lb[NL80211_IFACE_LIMIT_MAX]));
			nla_for_each_nested(type, lb[NL80211_IFACE_LIMIT_TYPES], types_left)
			{
				fprintf(to, "%s%s", comma, type_name(nla_type(type)));
				comma = ",";
			}
			fputs("}", to);
			between = " + ";
		}
		fprintf(to, " on %u channel%s", channels, channels == 1 ? "" : "s");
	}
	fclose(to);
	phy->combinations[sizeof(phy->combinations) - 1] = '\0';
}

/* A list, or a mask of the bits in which addresses may differ from the burnt-in one (addr_mask of struct wiphy). */
static void take_addresses(struct nl80211_phy *phy, struct nlattr *list, struct nlattr *mask)
{
	struct nlattr *at;
	unsigned listed = 0, bits = 0;
	int left;

	if (list)
		nla_for_each_nested(at, list, left) listed += nla_len(at) == 6;
	for (size_t i = 0; mask && nla_len(mask) == 6 && i < 6; i++)
		bits += (unsigned)__builtin_popcount(((const uint8_t *)nla_data(mask))[i]);
	for (unsigned of_mask = 1; bits > 0 && of_mask < RADIO_ADDRESSES_MAX; bits--)
		if (listed < (of_mask *= 2))
			listed = of_mask;
	/* More than we ever ask for is as much. */
	if (listed > RADIO_ADDRESSES_MAX)
		listed = RADIO_ADDRESSES_MAX;
	if (listed > phy->addresses)
		phy->addresses = listed;
}

static int on_phy(struct nl_msg *msg, void *ctx)
{
	struct nlattr *tb[NL80211_ATTR_MAX + 1], *at;
	struct nl80211_phy *phy;
	int left;

	if (!take_apart(msg, tb, NULL) || !tb[NL80211_ATTR_WIPHY])
		return NL_SKIP;
	phy = phy_of(ctx, nla_get_u32(tb[NL80211_ATTR_WIPHY]));
	if (!phy)
		return NL_SKIP;
	if (tb[NL80211_ATTR_WIPHY_NAME])
		nla_strlcpy(phy->name, tb[NL80211_ATTR_WIPHY_NAME], sizeof(phy->name));
	if (tb[NL80211_ATTR_SUPPORTED_IFTYPES]) {
		phy->monitor |= has_type(tb[NL80211_ATTR_SUPPORTED_IFTYPES], NL80211_IFTYPE_MONITOR);
		phy->access_point |= has_type(tb[NL80211_ATTR_SUPPORTED_IFTYPES], NL80211_IFTYPE_AP);
	}
	/* mac80211 makes its monitors in software, and what is made by mac80211 injects. */
	if (tb[NL80211_ATTR_SOFTWARE_IFTYPES])
		phy->inject |= has_type(tb[NL80211_ATTR_SOFTWARE_IFTYPES], NL80211_IFTYPE_MONITOR);
	if (tb[NL80211_ATTR_FEATURE_FLAGS]) {
		uint32_t flags = nla_get_u32(tb[NL80211_ATTR_FEATURE_FLAGS]);

		phy->active_monitor = flags & NL80211_FEATURE_ACTIVE_MONITOR;
		phy->mac_on_create = flags & NL80211_FEATURE_MAC_ON_CREATE;
	}
	if (tb[NL80211_ATTR_SUPPORTED_COMMANDS])
		nla_for_each_nested(at, tb[NL80211_ATTR_SUPPORTED_COMMANDS], left)
			phy->set_channel |= nla_len(at) >= 4 && nla_get_u32(at) == NL80211_CMD_SET_CHANNEL;
	if (tb[NL80211_ATTR_WIPHY_BANDS])
		take_bands(phy, tb[NL80211_ATTR_WIPHY_BANDS]);
	if (tb[NL80211_ATTR_INTERFACE_COMBINATIONS])
		take_combinations(phy, tb[NL80211_ATTR_INTERFACE_COMBINATIONS]);
	take_addresses(phy, tb[NL80211_ATTR_MAC_ADDRS], tb[NL80211_ATTR_MAC_MASK]);
	return NL_OK;
}

int nl80211_phys(struct nl80211 *nl, uint32_t index, struct nl80211_phy *out, size_t max)
{
	struct phy_list list;
	int error = -EAGAIN;

	for (unsigned i = 0; i < DUMP_TRIES && error == -EAGAIN; i++) {
		struct nl_msg *msg = request(nl, NL80211_CMD_GET_WIPHY, NLM_F_DUMP);

		if (!msg)
			return -ENOMEM;
		list = (struct phy_list){ .out = out, .max = max };
		nla_put_flag(msg, NL80211_ATTR_SPLIT_WIPHY_DUMP);
		if (index != UINT32_MAX)
			nla_put_u32(msg, NL80211_ATTR_WIPHY, index);
		error = transact(nl, msg, on_phy, &list);
	}
	return error < 0 ? error : (int)list.count;
}

/* --- interfaces ------------------------------------------------------------------------------------------------- */

struct interface_list {
	struct nl80211_interface *out;
	size_t count, max;
};

static bool take_interface(struct nl_msg *msg, struct nl80211_interface *out)
{
	struct nlattr *tb[NL80211_ATTR_MAX + 1];

	*out = (struct nl80211_interface){ 0 };
	if (!take_apart(msg, tb, NULL) || !tb[NL80211_ATTR_WIPHY])
		return false;
	out->phy = nla_get_u32(tb[NL80211_ATTR_WIPHY]);
	if (tb[NL80211_ATTR_IFINDEX])
		out->ifindex = (int)nla_get_u32(tb[NL80211_ATTR_IFINDEX]);
	if (tb[NL80211_ATTR_IFNAME])
		nla_strlcpy(out->name, tb[NL80211_ATTR_IFNAME], sizeof(out->name));
	if (tb[NL80211_ATTR_IFTYPE])
		out->type = nla_get_u32(tb[NL80211_ATTR_IFTYPE]);
	if (tb[NL80211_ATTR_MAC] && nla_len(tb[NL80211_ATTR_MAC]) == 6)
		memcpy(out->mac, nla_data(tb[NL80211_ATTR_MAC]), 6);
	return true;
}

static int on_interface(struct nl_msg *msg, void *ctx)
{
	struct interface_list *list = ctx;
	struct nl80211_interface interface;

	if (take_interface(msg, &interface) && list->count < list->max)
		list->out[list->count++] = interface;
	return NL_OK;
}

int nl80211_interfaces(struct nl80211 *nl, struct nl80211_interface *out, size_t max)
{
	struct interface_list list;
	int error = -EAGAIN;

	for (unsigned i = 0; i < DUMP_TRIES && error == -EAGAIN; i++) {
		list = (struct interface_list){ .out = out, .max = max };
		error = transact(nl, request(nl, NL80211_CMD_GET_INTERFACE, NLM_F_DUMP), on_interface, &list);
	}
	return error < 0 ? error : (int)list.count;
}

static int on_country(struct nl_msg *msg, void *ctx)
{
	struct nlattr *tb[NL80211_ATTR_MAX + 1];
	char *out = ctx;

	if (!take_apart(msg, tb, NULL) || !tb[NL80211_ATTR_REG_ALPHA2] || tb[NL80211_ATTR_WIPHY])
		return NL_SKIP;
	nla_strlcpy(out, tb[NL80211_ATTR_REG_ALPHA2], 3);
	return NL_OK;
}

int nl80211_country(struct nl80211 *nl, char out[static 3])
{
	memcpy(out, "00", 3);
	return transact(nl, request(nl, NL80211_CMD_GET_REG, 0), on_country, out);
}

static int on_added(struct nl_msg *msg, void *ctx)
{
	struct nl80211_interface interface;

	if (take_interface(msg, &interface))
		*(int *)ctx = interface.ifindex;
	return NL_OK;
}

int nl80211_add(struct nl80211 *nl, const struct nl80211_add *what)
{
	struct nl_msg *msg = request(nl, NL80211_CMD_NEW_INTERFACE, NLM_F_ACK);
	struct nlattr *flags;
	int ifindex = 0, error;

	if (!msg)
		return -ENOMEM;
	nla_put_u32(msg, NL80211_ATTR_WIPHY, what->phy);
	nla_put_string(msg, NL80211_ATTR_IFNAME, what->name);
	nla_put_u32(msg, NL80211_ATTR_IFTYPE, what->type);
	nla_put_flag(msg, NL80211_ATTR_SOCKET_OWNER);
	if (what->mac)
		nla_put(msg, NL80211_ATTR_MAC, 6, what->mac);
	if (what->type == NL80211_IFTYPE_MONITOR) {
		flags = nla_nest_start(msg, NL80211_ATTR_MNTR_FLAGS);
		if (!flags) {
			nlmsg_free(msg);
			return -ENOMEM;
		}
		nla_put_flag(msg, what->active ? NL80211_MNTR_FLAG_ACTIVE : NL80211_MNTR_FLAG_OTHER_BSS);
		nla_nest_end(msg, flags);
	}
	error = transact(nl, msg, on_added, &ifindex);
	if (error == 0 && ifindex == 0)
		ifindex = interface_index(what->name);
	return error < 0 ? error : ifindex;
}

static int on_interface_only(struct nl80211 *nl, uint8_t command, int ifindex)
{
	struct nl_msg *msg = request(nl, command, NLM_F_ACK);

	if (!msg)
		return -ENOMEM;
	nla_put_u32(msg, NL80211_ATTR_IFINDEX, (uint32_t)ifindex);
	return transact(nl, msg, NULL, NULL);
}

int nl80211_delete(struct nl80211 *nl, int ifindex)
{
	return on_interface_only(nl, NL80211_CMD_DEL_INTERFACE, ifindex);
}

static void put_channel(struct nl_msg *msg, uint16_t freq_mhz)
{
	nla_put_u32(msg, NL80211_ATTR_WIPHY_FREQ, freq_mhz);
	nla_put_u32(msg, NL80211_ATTR_CHANNEL_WIDTH, NL80211_CHAN_WIDTH_20_NOHT);
	nla_put_u32(msg, NL80211_ATTR_CENTER_FREQ1, freq_mhz);
}

int nl80211_tune(struct nl80211 *nl, int ifindex, uint16_t freq_mhz)
{
	struct nl_msg *msg = request(nl, NL80211_CMD_SET_CHANNEL, NLM_F_ACK);

	if (!msg)
		return -ENOMEM;
	nla_put_u32(msg, NL80211_ATTR_IFINDEX, (uint32_t)ifindex);
	put_channel(msg, freq_mhz);
	return transact(nl, msg, NULL, NULL);
}

int nl80211_anchor_start(struct nl80211 *nl, int ifindex, const uint8_t mac[static 6], uint16_t freq_mhz)
{
	static const char ssid[] = "millrace";
	struct nl_msg *msg = request(nl, NL80211_CMD_START_AP, NLM_F_ACK);
	uint8_t buf[64];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	if (!msg)
		return -ENOMEM;
	/* 802.11-2020 9.3.3.2: a beacon, up to the place of the TIM element. */
	mr_wr_le16(&w, 0x0080);
	mr_wr_le16(&w, 0);
	mr_wr_bytes(&w, "\xff\xff\xff\xff\xff\xff", 6);
	mr_wr_bytes(&w, mac, 6);
	mr_wr_bytes(&w, mac, 6);
	mr_wr_le16(&w, 0);
	mr_wr_le64(&w, 0); /* timestamp: the hardware's */
	mr_wr_le16(&w, ANCHOR_BEACON_TU);
	mr_wr_le16(&w, 0x0001);						 /* capabilities: ESS */
	mr_wr_le16(&w, 0x0000);						 /* SSID, hidden */
	mr_wr_bytes(&w, "\x01\x08\x8c\x12\x98\x24\xb0\x48\x60\x6c", 10); /* rates: 6 basic .. 54 Mb/s */
	nla_put_u32(msg, NL80211_ATTR_IFINDEX, (uint32_t)ifindex);
	nla_put(msg, NL80211_ATTR_BEACON_HEAD, (int)w.len, buf);
	nla_put_u32(msg, NL80211_ATTR_BEACON_INTERVAL, ANCHOR_BEACON_TU);
	nla_put_u32(msg, NL80211_ATTR_DTIM_PERIOD, 1);
	nla_put(msg, NL80211_ATTR_SSID, sizeof(ssid) - 1, ssid);
	nla_put_u32(msg, NL80211_ATTR_HIDDEN_SSID, NL80211_HIDDEN_SSID_ZERO_LEN);
	nla_put_u32(msg, NL80211_ATTR_AUTH_TYPE, NL80211_AUTHTYPE_OPEN_SYSTEM);
	put_channel(msg, freq_mhz);
	return transact(nl, msg, NULL, NULL);
}

int nl80211_anchor_stop(struct nl80211 *nl, int ifindex) { return on_interface_only(nl, NL80211_CMD_STOP_AP, ifindex); }

/* --- ordinary interface calls ------------------------------------------------------------------------------------ */

static int with_interface(const char *name, unsigned long call, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return -errno;
	snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
	if (ioctl(fd, call, request) < 0)
		error = -errno;
	close(fd);
	return error;
}

int interface_index(const char *name)
{
	struct ifreq r = { 0 };
	int error = with_interface(name, SIOCGIFINDEX, &r);

	return error < 0 ? error : r.ifr_ifindex;
}

int interface_is_up(const char *name)
{
	struct ifreq r = { 0 };
	int error = with_interface(name, SIOCGIFFLAGS, &r);

	return error < 0 ? error : (r.ifr_flags & IFF_UP) != 0;
}

int interface_up(const char *name, bool up)
{
	struct ifreq r = { 0 };
	int error = with_interface(name, SIOCGIFFLAGS, &r);

	if (error < 0)
		return error;
	r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
	return with_interface(name, SIOCSIFFLAGS, &r);
}

int interface_set_mac(const char *name, const uint8_t mac[static 6])
{
	struct ifreq r = { 0 };
	/* The type must be the one that the interface has: radiotap's for a monitor. */
	int error = with_interface(name, SIOCGIFHWADDR, &r);

	if (error < 0)
		return error;
	memcpy(r.ifr_hwaddr.sa_data, mac, 6);
	return with_interface(name, SIOCSIFHWADDR, &r);
}

int interface_set_mtu(const char *name, int octets)
{
	struct ifreq r = { .ifr_mtu = octets };

	return with_interface(name, SIOCSIFMTU, &r);
}

/* --- events ------------------------------------------------------------------------------------------------------ */

struct nl80211_events {
	struct nl_sock *sock; /* sequence numbers unchecked: it only listens */
	int links;
	nl80211_event_fn *fn;
	void *ctx;
};

static int on_event(struct nl_msg *msg, void *ctx)
{
	struct nl80211_events *events = ctx;
	struct nlattr *tb[NL80211_ATTR_MAX + 1];
	struct nl80211_event event = { .phy = UINT32_MAX };
	uint8_t command;

	if (!take_apart(msg, tb, &command))
		return NL_SKIP;
	if (tb[NL80211_ATTR_WIPHY])
		event.phy = nla_get_u32(tb[NL80211_ATTR_WIPHY]);
	if (tb[NL80211_ATTR_IFINDEX])
		event.ifindex = (int)nla_get_u32(tb[NL80211_ATTR_IFINDEX]);
	switch (command) {
	case NL80211_CMD_NEW_WIPHY: event.kind = NL80211_PHY_NEW; break;
	case NL80211_CMD_DEL_WIPHY: event.kind = NL80211_PHY_GONE; break;
	case NL80211_CMD_DEL_INTERFACE: event.kind = NL80211_INTERFACE_GONE; break;
	case NL80211_CMD_REG_CHANGE:
	case NL80211_CMD_WIPHY_REG_CHANGE: event.kind = NL80211_REGULATORY; break;
	default: return NL_SKIP;
	}
	events->fn(events->ctx, &event);
	return NL_OK;
}

int nl80211_events_open(struct nl80211_events **out)
{
	static const char *const groups[] = { NL80211_MULTICAST_GROUP_CONFIG, NL80211_MULTICAST_GROUP_REG };
	struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct nl80211_events *events = calloc(1, sizeof(*events));
	int size = SOCKET_BUFFER;

	if (!events)
		return -ENOMEM;
	events->links = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	events->sock = socket_open();
	if (events->links < 0 || !events->sock ||
	    bind(events->links, (const struct sockaddr *)&links, sizeof(links)) < 0)
		goto failed;
	(void)setsockopt(events->links, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = genl_ctrl_resolve_grp(events->sock, NL80211_GENL_NAME, groups[i]);

		if (group < 0 || nl_socket_add_membership(events->sock, group) < 0)
			goto failed;
	}
	nl_socket_disable_seq_check(events->sock);
	nl_socket_modify_cb(events->sock, NL_CB_VALID, NL_CB_CUSTOM, on_event, events);
	if (nl_socket_set_nonblocking(events->sock) < 0)
		goto failed;
	*out = events;
	return 0;
failed:
	nl80211_events_close(events);
	return -EIO;
}

void nl80211_events_close(struct nl80211_events *events)
{
	if (!events)
		return;
	if (events->links >= 0)
		close(events->links);
	nl_socket_free(events->sock);
	free(events);
}

int nl80211_events_fd(const struct nl80211_events *events) { return nl_socket_get_fd(events->sock); }
int nl80211_links_fd(const struct nl80211_events *events) { return events->links; }

static void read_links(struct nl80211_events *events)
{
	_Alignas(struct nlmsghdr) char buf[16384];
	ssize_t got;

	while ((got = recv(events->links, buf, sizeof(buf), 0)) > 0 || (got < 0 && errno == ENOBUFS)) {
		int left = (int)got;

		if (got < 0) {
			events->fn(events->ctx, &(struct nl80211_event){ NL80211_LOST, UINT32_MAX, 0 });
			continue;
		}
		for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)buf; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
			struct ifinfomsg *info = nlmsg_data(h);
			struct nl80211_event event = { NL80211_INTERFACE_DOWN, UINT32_MAX, 0 };

			if (nlmsg_datalen(h) < (int)sizeof(*info))
				continue;
			event.ifindex = info->ifi_index;
			if (h->nlmsg_type == RTM_DELLINK)
				event.kind = NL80211_INTERFACE_GONE;
			else if (h->nlmsg_type != RTM_NEWLINK || (info->ifi_flags & IFF_UP))
				continue;
			events->fn(events->ctx, &event);
		}
	}
}

void nl80211_events_read(struct nl80211_events *events, nl80211_event_fn *fn, void *ctx)
{
	int got;

	events->fn = fn;
	events->ctx = ctx;
	do {
		got = nl_recvmsgs_default(events->sock);
		if (got == -NLE_NOMEM) /* how libnl says ENOBUFS */
			fn(ctx, &(struct nl80211_event){ NL80211_LOST, UINT32_MAX, 0 });
	} while (got >= 0 || got == -NLE_NOMEM || got == -NLE_INTR);
	read_links(events);
}
