/*
 * What the kernel says, or what a driver of nobody's has it say: answers to each of our requests and events, through
 * libnl's own loop. Each number is read from an attribute that has one; what is told of a phy and of interfaces is in
 * its bounds, and texts end.
 *
 * The input: one octet, what is asked; then what comes, each with its length before it.
 *
 * links: station/radio/nl80211.c agent/wire/channel.c
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/nl80211.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "agent/wire/cursor.h"
#include "station/radio/nl80211.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FAMILY 28

static struct mr_rd script;

/* --- in place of libnl's: there is no kernel --- */

int genl_connect(struct nl_sock *sock)
{
	(void)sock;
	return 0;
}

int genl_ctrl_resolve(struct nl_sock *sock, const char *name)
{
	(void)sock, (void)name;
	return FAMILY;
}

int genl_ctrl_resolve_grp(struct nl_sock *sock, const char *family, const char *group)
{
	(void)sock, (void)family, (void)group;
	return 1;
}

int nl_socket_add_membership(struct nl_sock *sock, int group)
{
	(void)sock, (void)group;
	return 0;
}

int nl_socket_set_nonblocking(const struct nl_sock *sock)
{
	(void)sock;
	return 0;
}

int nl_send_auto(struct nl_sock *sock, struct nl_msg *msg)
{
	assert(nlmsg_hdr(msg)->nlmsg_len > NLMSG_HDRLEN + GENL_HDRLEN - 1);
	(void)sock;
	return 1;
}

/* libnl's own reads past an attribute that is too short. */
uint32_t nla_get_u32(const struct nlattr *at)
{
	uint32_t value;

	assert(nla_len(at) >= 4);
	memcpy(&value, nla_data(at), 4);
	return value;
}

static int next_datagram(struct nl_sock *sock, struct sockaddr_nl *from, unsigned char **out, struct ucred **creds)
{
	size_t most = mr_rd_le16(&script) % 8192u, len = most < script.left ? most : script.left;
	struct mr_rd piece = mr_rd_sub(&script, len);

	(void)sock;
	memset(from, 0, sizeof(*from));
	if (creds)
		*creds = NULL;
	if (script.bad || len == 0)
		return -NLE_AGAIN;
	*out = malloc(len);
	assert(*out);
	mr_rd_copy(&piece, *out, len);
	return (int)len;
}

static int any_sequence(struct nl_msg *msg, void *ctx)
{
	(void)msg, (void)ctx;
	return NL_OK;
}

int nl_recvmsgs(struct nl_sock *sock, struct nl_cb *cb)
{
	nl_cb_overwrite_recv(cb, next_datagram);
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, any_sequence, NULL);
	return nl_recvmsgs_report(sock, cb);
}

int nl_recvmsgs_default(struct nl_sock *sock)
{
	struct nl_cb *cb = nl_socket_get_cb(sock);
	int got = nl_recvmsgs(sock, cb);

	nl_cb_put(cb);
	return got;
}

/* --- asking --- */

static bool ends(const char *text, size_t room) { return strnlen(text, room) < room; }

static void ask_phys(struct nl80211 *nl)
{
	static struct nl80211_phy phys[NL80211_PHYS_MAX];
	int count = nl80211_phys(nl, UINT32_MAX, phys, NL80211_PHYS_MAX);

	assert(count <= NL80211_PHYS_MAX);
	for (int i = 0; i < count; i++) {
		const struct nl80211_phy *p = &phys[i];

		assert(ends(p->name, sizeof(p->name)) && ends(p->combinations, sizeof(p->combinations)));
		assert(p->channel_count <= RADIO_CHANNELS_MAX && p->addresses >= 1 &&
		       p->addresses <= RADIO_ADDRESSES_MAX);
		for (size_t c = 0; c < p->channel_count; c++)
			for (size_t other = 0; other < c; other++)
				assert(p->channels[other].freq_mhz != p->channels[c].freq_mhz);
	}
}

static void ask_interfaces(struct nl80211 *nl)
{
	static struct nl80211_interface list[NL80211_INTERFACES_MAX];
	int count = nl80211_interfaces(nl, list, NL80211_INTERFACES_MAX);

	assert(count <= NL80211_INTERFACES_MAX);
	for (int i = 0; i < count; i++)
		assert(ends(list[i].name, sizeof(list[i].name)));
}

static void ask(struct nl80211 *nl, uint8_t what)
{
	const struct nl80211_add add = { .name = "fuzz", .type = NL80211_IFTYPE_MONITOR, .active = what & 0x80 };
	char country[3];

	switch (what % 6) {
	case 0: ask_phys(nl); break;
	case 1: ask_interfaces(nl); break;
	case 2:
		(void)nl80211_country(nl, country);
		assert(ends(country, sizeof(country)));
		break;
	case 3: (void)nl80211_add(nl, &add); break;
	case 4: (void)nl80211_tune(nl, 3, 2437); break;
	case 5: (void)nl80211_anchor_stop(nl, 3); break;
	}
	assert(strlen(nl80211_words(nl)) < 128);
}

static void on_event(void *ctx, const struct nl80211_event *event)
{
	(void)ctx;
	assert(event->kind <= NL80211_LOST);
}

static void listen_to_events(void)
{
	struct nl80211_events *events;

	assert(nl80211_events_open(&events) == 0);
	nl80211_events_read(events, on_event, NULL);
	nl80211_events_close(events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nl80211 *nl;
	uint8_t what;

	script = mr_rd_over(data, len);
	what = mr_rd_u8(&script);
	if (what % 8 == 7) {
		listen_to_events();
		return 0;
	}
	assert(nl80211_open(&nl) == 0);
	ask(nl, what);
	nl80211_close(nl);
	return 0;
}
