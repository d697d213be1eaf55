#include "station/world/network.h"

#include <stdlib.h>
#include <string.h>

#include "station/base/map.h"

#define TX_QUEUE 256u		   /* frames; chosen: an access point's, for all its STAs */
#define ROUTER_ADDRESS 0x0a4d0001u /* 10.77.0.1 */
#define ROUTER_MASK 0xffffff00u
#define LEASE_S 86400u

struct network {
	struct loop *loop;
	struct air_node *node;
	struct entropy *entropy;
	struct soft_ap *ap;
	struct loop_timer timer;
	struct ip_if *net;  /* of a router; NULL: it is none */
	struct map refused; /* by MAC; the value only says that it is there */
	uint64_t joins;
};

static void rearm(struct network *n)
{
	uint64_t at_us = soft_ap_deadline_us(n->ap);

	if (n->timer.at_us != at_us || n->timer.slot == 0)
		loop_at(n->loop, &n->timer, at_us);
}

static bool on_send(void *ctx, struct mr_rd frame, const struct radio_tx *tx)
{
	return air_send(((struct network *)ctx)->node, frame, tx) == 0;
}

/* What a STA sends ends here, but at a router. */
static void on_msdu(void *ctx, const uint8_t dst[static 6], const uint8_t src[static 6], uint16_t ethertype,
		    struct mr_rd payload)
{
	struct network *n = ctx;

	if (!n->net)
		return;
	if (!mr_equal(dst, soft_ap_bssid(n->ap), 6))
		(void)soft_ap_relay(n->ap, dst, src, ethertype, payload.at, payload.left);
	if (mr_equal(dst, soft_ap_bssid(n->ap), 6) || ieee80211_is_group(dst))
		ip_if_input(n->net, dst, ethertype, payload.at, payload.left);
}

static void on_output(void *ctx, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload, size_t len)
{
	struct network *n = ctx;

	(void)soft_ap_send(n->ap, dst, ethertype, payload, len, loop_now_us(n->loop));
	rearm(n);
}

static bool become_router(struct network *n, struct ip_stack *ip, const uint8_t mac[static 6])
{
	static const struct ip_if_events events = { on_output, NULL };

	n->net = ip_if_create(ip, mac, &events, n);
	if (!n->net)
		return false;
	ip_if_static(n->net, ROUTER_ADDRESS, ROUTER_MASK, 0);
	ip_if_serve_dhcp(n->net, ROUTER_ADDRESS + 1, DHCP_LEASES_MAX, LEASE_S);
	return true;
}

static bool on_admits(void *ctx, const uint8_t mac[static 6])
{
	return map_get(&((struct network *)ctx)->refused, map_key_mac(mac)) == NULL;
}

static void on_joined(void *ctx, const uint8_t mac[static 6])
{
	(void)mac;
	((struct network *)ctx)->joins++;
}

static void on_received(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	struct network *n = ctx;

	soft_ap_receive(n->ap, frame, rx->time_us);
	rearm(n);
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct network *n = ctx;

	(void)tries;
	soft_ap_sent(n->ap, cookie, acked, loop_now_us(n->loop));
	rearm(n);
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct network *n = ctx;

	soft_ap_expire(n->ap, now_us);
	rearm(n);
}

struct network *network_create(struct air *air, const struct network_config *config)
{
	struct network *n = calloc(1, sizeof(*n));
	struct air_node_config node = { .x_m = config->x_m,
					.y_m = config->y_m,
					.tx_dbm = config->tx_dbm,
					.acknowledges = true,
					.tx_queue_max = TX_QUEUE,
					.ctx = n,
					.received = on_received,
					.status = on_status };
	struct soft_ap_events events = { n, on_send, on_msdu, on_admits, on_joined, NULL, NULL };

	if (!n)
		return NULL;
	memcpy(node.mac, config->bss.mac, 6);
	n->loop = air_loop(air);
	n->timer = (struct loop_timer){ .fn = on_timer, .ctx = n, .at_us = LOOP_NEVER };
	n->entropy = entropy_create_seeded(config->seed, "network");
	if (n->entropy)
		n->ap = soft_ap_create(&config->bss, &events, n->entropy, loop_now_us(n->loop));
	if (n->ap)
		n->node = air_add_node(air, &node);
	if (!n->node || air_tune(n->node, config->bss.freq_mhz) != 0 ||
	    (config->ip && !become_router(n, config->ip, config->bss.mac))) {
		network_destroy(n);
		return NULL;
	}
	air_skip_beacons(n->node, true);
	rearm(n);
	return n;
}

void network_destroy(struct network *n)
{
	if (!n)
		return;
	if (n->node)
		air_node_detach(n->node);
	loop_cancel(n->loop, &n->timer);
	ip_if_destroy(n->net);
	soft_ap_destroy(n->ap);
	entropy_destroy(n->entropy);
	map_free(&n->refused);
	free(n);
}

bool network_refuse(struct network *n, const uint8_t mac[static 6])
{
	return map_put(&n->refused, map_key_mac(mac), n);
}
size_t network_stas(const struct network *n) { return soft_ap_stas(n->ap); }
uint64_t network_joins(const struct network *n) { return n->joins; }

/* --- neighbours --- */

/* Names as towns have them, then names that test a program that shows them: control characters, escapes, markup,
 * formats, broken UTF-8, one that fills the field, one octet of zero. */
#define NAME(text, security)                                                                                           \
	{                                                                                                              \
		(const uint8_t *)(text), sizeof(text) - 1, (security), false, false                                    \
	}
static const struct {
	const uint8_t *ssid;
	uint8_t len, security;
	bool hidden, ibss;
} names[] = {
	NAME("Guest", IEEE80211_OPEN),
	NAME("office-5", IEEE80211_WPA2_PSK),
	NAME("Plant IoT", IEEE80211_WPA2_WPA3),
	{ (const uint8_t *)"backstage", 9, IEEE80211_WPA2_PSK, true, false },
	NAME("corp", IEEE80211_ENTERPRISE),
	NAME("Caf\xc3\xa9 \xe2\x98\x95", IEEE80211_OWE),
	NAME("newest", IEEE80211_WPA3_SAE),
	NAME("\x1b[2J\x1b[31mred\x07", IEEE80211_OPEN),
	NAME("oldest", IEEE80211_WEP),
	NAME("'; DROP TABLE unit; --", IEEE80211_WPA2_PSK),
	NAME("before wpa2", IEEE80211_WPA),
	{ (const uint8_t *)"to-go", 5, IEEE80211_OPEN, false, true },
	NAME("%s%n%s%n", IEEE80211_OPEN),
	NAME("<b>&amp;\"name\"</b>", IEEE80211_WPA2_PSK),
	NAME("\xff\xfe\x80\xc0 broken", IEEE80211_OPEN),
	NAME("exactly thirty-two octets long!!", IEEE80211_WPA2_PSK),
	NAME("\0", IEEE80211_OPEN),
	NAME("two\nlines\r\tand a tab", IEEE80211_ENTERPRISE),
};
#undef NAME
#define NAMES (sizeof(names) / sizeof(names[0]))

void network_neighbour(struct network_config *config, uint64_t seed, unsigned i, const uint16_t *channels,
		       size_t channel_count, double floor_m)
{
	struct entropy *entropy = entropy_create_seeded(seed + i, "neighbour");
	uint8_t name = (uint8_t)(i % NAMES);
	struct soft_ap_config *bss = &config->bss;
	double around;

	if (!entropy)
		abort(); /* the simulation itself has run out of memory */
	around = floor_m / 2 + 10 + (double)entropy_below(entropy, 30);
	*config = (struct network_config){ .x_m = entropy_below(entropy, 2) ? floor_m / 2 + around
									    : floor_m / 2 - around,
					   .y_m = (double)entropy_below(entropy, 60),
					   .tx_dbm = 17,
					   .seed = seed + i };
	*bss = (struct soft_ap_config){ .mac = { 0x06, 0x4e, 0x42, 0, (uint8_t)(i >> 8), (uint8_t)i },
					.ssid_len = names[name].len,
					.hidden = names[name].hidden,
					.ibss = names[name].ibss,
					.security = names[name].security,
					.stas_max = 0,
					.freq_mhz = channels[entropy_below(entropy, channel_count)] };
	memcpy(bss->ssid, names[name].ssid, names[name].len);
	entropy_destroy(entropy);
}
