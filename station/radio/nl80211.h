/*
 * nl80211 and the network interface calls beside it, blocking: each request runs in the driver, up to half a second
 * on some adapters, so radios call from their own control thread. All return 0 (or an ifindex) or -errno.
 *
 *	nl80211_open -> requests -> nl80211_close (the kernel then deletes interfaces added with `owned`)
 *	nl80211_events_open -> watch the descriptors -> nl80211_events_read -> nl80211_events_close
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/radio/radio.h"

#define NL80211_NAME_MAX 32
#define NL80211_PHYS_MAX 64
#define NL80211_INTERFACES_MAX 256
#define NL80211_COMBINATION_MAX 160

struct nl80211;

enum nl80211_bands { NL80211_2GHZ = 1, NL80211_5GHZ = 2, NL80211_6GHZ = 4 };

/* One radio chip as the kernel describes it. */
struct nl80211_phy {
	uint32_t index;
	char name[NL80211_NAME_MAX];
	bool monitor, access_point, active_monitor, inject, mac_on_create, set_channel;
	uint8_t bands;		       /* enum nl80211_bands */
	unsigned combination_channels; /* most channels at once by its interface combinations; 0: not said */
	/* How many addresses its driver claims for interfaces at once, by list or by mask; at least 1. */
	unsigned addresses;
	char combinations[NL80211_COMBINATION_MAX]; /* "2x{managed,AP} 1 channel; ..." */
	size_t channel_count;
	struct radio_channel channels[RADIO_CHANNELS_MAX];
};

struct nl80211_interface {
	uint32_t phy;
	int ifindex; /* 0: no network interface (P2P device) */
	char name[NL80211_NAME_MAX];
	uint32_t type; /* enum nl80211_iftype */
	uint8_t mac[6];
};

/* -ENOENT: no wireless stack is loaded. */
int nl80211_open(struct nl80211 **out);
void nl80211_close(struct nl80211 *nl);
/* The kernel's own words on the last refusal; "" when it had none. */
const char *nl80211_words(const struct nl80211 *nl);

/* Every phy, or the one whose index is given (UINT32_MAX: all). Gives how many, or -errno. */
int nl80211_phys(struct nl80211 *nl, uint32_t index, struct nl80211_phy *out, size_t max);
int nl80211_interfaces(struct nl80211 *nl, struct nl80211_interface *out, size_t max);
/* The regulatory domain in force: "00", "US". */
int nl80211_country(struct nl80211 *nl, char out[static 3]);

struct nl80211_add {
	uint32_t phy;
	const char *name;
	uint32_t type;	    /* enum nl80211_iftype */
	bool active;	    /* monitors: acknowledge frames to its address */
	const uint8_t *mac; /* NULL: the driver's choice */
};

/* Owned by this connection: when it closes, a killed process included, the kernel deletes the interface. */
int nl80211_add(struct nl80211 *nl, const struct nl80211_add *what);
int nl80211_delete(struct nl80211 *nl, int ifindex);
/* 20 MHz without HT. -EBUSY: another interface holds the channel; -EINVAL: not a channel of this radio. */
int nl80211_tune(struct nl80211 *nl, int ifindex, uint16_t freq_mhz);
/* A hidden access point that beacons every 10 s: it is there for its acknowledgements only. */
int nl80211_anchor_start(struct nl80211 *nl, int ifindex, const uint8_t mac[static 6], uint16_t freq_mhz);
int nl80211_anchor_stop(struct nl80211 *nl, int ifindex);

/* Ordinary interface calls (no netlink needed). */
int interface_index(const char *name);
int interface_up(const char *name, bool up);
int interface_is_up(const char *name); /* 1, 0, or -errno */
int interface_set_mac(const char *name, const uint8_t mac[static 6]);
int interface_set_mtu(const char *name, int octets);

/* What happens to phys and interfaces. */
enum nl80211_event_kind {
	NL80211_PHY_NEW,
	NL80211_PHY_GONE,
	NL80211_INTERFACE_GONE,
	NL80211_INTERFACE_DOWN,
	NL80211_REGULATORY,
	NL80211_LOST /* events were lost: look at everything again */
};

struct nl80211_event {
	enum nl80211_event_kind kind;
	uint32_t phy; /* UINT32_MAX: not said */
	int ifindex;  /* 0: not said */
};

typedef void nl80211_event_fn(void *ctx, const struct nl80211_event *event);

struct nl80211_events;

int nl80211_events_open(struct nl80211_events **out);
void nl80211_events_close(struct nl80211_events *events);
int nl80211_events_fd(const struct nl80211_events *events); /* nl80211's groups */
int nl80211_links_fd(const struct nl80211_events *events);  /* interfaces going up and down */
void nl80211_events_read(struct nl80211_events *events, nl80211_event_fn *fn, void *ctx);
