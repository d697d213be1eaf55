#include "station/radio/setup.h"

#include <assert.h>
#include <errno.h>
#include <linux/nl80211.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/channel.h"
#include "station/radio/quirks.h"

#define KERNEL_6_9 0x0609
#define MTU 2304 /* IEEE 802.11-2020 9.2.4.7.1; the kernel's greatest */

const char *setup_rung_name(enum setup_rung rung)
{
	switch (rung) {
	case SETUP_ACTIVE: return "active monitor";
	case SETUP_ANCHOR: return "anchor access point";
	case SETUP_COMPANION: return "managed companion";
	case SETUP_PLAIN: return "plain monitor";
	case SETUP_RUNGS: break;
	}
	return "none";
}

bool setup_rung_possible(enum setup_rung rung, const struct nl80211_phy *phy, unsigned quirks, unsigned kernel)
{
	switch (rung) {
	case SETUP_ACTIVE: return phy->active_monitor && !(quirks & QUIRK_NO_ACTIVE);
	case SETUP_ANCHOR: return phy->access_point;
	/* From 6.9 on the managed interface drags the radio off its channel; with channel contexts it is deaf (K4). */
	case SETUP_COMPANION: return kernel < KERNEL_6_9 && phy->combination_channels <= 1;
	case SETUP_PLAIN: return true;
	case SETUP_RUNGS: break;
	}
	return false;
}

__attribute__((format(printf, 3, 4))) static int fail(struct setup *setup, int error, const char *format, ...)
{
	const char *words = setup->nl ? nl80211_words(setup->nl) : "";
	size_t used = 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(setup->error, sizeof(setup->error), format, args);
	va_end(args);
	if (n > 0)
		used = (size_t)n < sizeof(setup->error) ? (size_t)n : sizeof(setup->error) - 1;
	snprintf(setup->error + used, sizeof(setup->error) - used, ": %s%s%s", strerror(-error), words[0] ? ", " : "",
		 words);
	return error;
}

static uint8_t band_of(uint16_t freq_mhz) { return mr_band(freq_mhz) == MR_BAND_2GHZ ? NL80211_2GHZ : NL80211_5GHZ; }

/* An access point or a managed interface holds the channel: it is up only while nobody tunes. */
static bool holds_channel(const struct setup *setup)
{
	return setup->rung == SETUP_ANCHOR || setup->rung == SETUP_COMPANION;
}

bool setup_has(const struct setup *setup, int index)
{
	bool ours = index == setup->plain.index;

	for (size_t i = 0; i < RADIO_ADDRESSES_MAX; i++)
		ours |= index == setup->answering[i].at.index;
	return ours;
}

static bool has_our_name(const struct setup *setup, const char *name)
{
	bool ours = strcmp(name, setup->plain.name) == 0;

	for (size_t i = 0; i < RADIO_ADDRESSES_MAX; i++)
		ours |= strcmp(name, setup->answering[i].at.name) == 0;
	return ours;
}

/* The kernel refuses to tune a monitor while another interface of its phy is up (K4). */
static int take_down_others(struct setup *setup)
{
	struct nl80211_interface *list = calloc(NL80211_INTERFACES_MAX, sizeof(*list));
	int count, error = 0;

	if (!list)
		return -ENOMEM;
	count = nl80211_interfaces(setup->nl, list, NL80211_INTERFACES_MAX);
	for (int i = 0; i < count && error == 0; i++) {
		if (list[i].phy != setup->phy || list[i].ifindex == 0 || setup_has(setup, list[i].ifindex))
			continue;
		/* An interface by one of our names is what a holder of the claim before us could not remove. */
		if (has_our_name(setup, list[i].name)) {
			error = nl80211_delete(setup->nl, list[i].ifindex);
			continue;
		}
		if (interface_is_up(list[i].name) != 1)
			continue;
		if (setup->claim && setup->claim->fd >= 0)
			error = claim_note(setup->claim, list[i].name);
		if (error == 0)
			error = interface_up(list[i].name, false);
		if (error < 0)
			fail(setup, error, "can't take %s down", list[i].name);
	}
	free(list);
	return count < 0 ? fail(setup, count, "can't list the interfaces") : error;
}

static int add(struct setup *setup, struct setup_interface *at, uint32_t type, bool active)
{
	struct nl80211_add what = { .phy = setup->phy, .name = at->name, .type = type, .active = active };
	int got;

	assert(at->index == 0);
	got = nl80211_add(setup->nl, &what);
	if (got < 0)
		return fail(setup, got, "can't add %s", at->name);
	at->index = got;
	return 0;
}

static int bring_up(struct setup *setup, const struct setup_interface *at)
{
	int error = interface_up(at->name, true);

	return error < 0 ? fail(setup, error, "can't bring %s up", at->name) : 0;
}

static int bring_down(struct setup *setup, const struct setup_interface *at)
{
	int error = interface_up(at->name, false);

	return error < 0 ? fail(setup, error, "can't take %s down", at->name) : 0;
}

/* Everything up that answers to an address; with an access point its beacon too. */
static int raise_answering(struct setup *setup, size_t i)
{
	int error = bring_up(setup, &setup->answering[i].at);

	if (error < 0 || setup->rung != SETUP_ANCHOR)
		return error;
	assert(setup->freq_mhz != 0 && !setup->answering[i].anchored);
	error = nl80211_anchor_start(setup->nl, setup->answering[i].at.index, setup->answering[i].mac, setup->freq_mhz);
	if (error < 0)
		return fail(setup, error, "can't start the anchor at %u MHz", setup->freq_mhz);
	setup->answering[i].anchored = true;
	return 0;
}

static int lower_answering(struct setup *setup, size_t i)
{
	if (setup->answering[i].anchored)
		(void)nl80211_anchor_stop(setup->nl, setup->answering[i].at.index);
	setup->answering[i].anchored = false;
	return bring_down(setup, &setup->answering[i].at);
}

static int each_answering(struct setup *setup, int (*step)(struct setup *setup, size_t i))
{
	int error = 0;

	for (size_t i = 0; i < RADIO_ADDRESSES_MAX && error == 0; i++)
		if (setup->answering[i].at.index > 0)
			error = step(setup, i);
	return error;
}

static int raise_all(struct setup *setup)
{
	/* The kernel gives the channel to the first that comes up, and it must be the passive monitor. */
	int error = bring_up(setup, &setup->plain);

	return error == 0 && !holds_channel(setup) ? each_answering(setup, raise_answering) : error;
}

static void remove_answering(struct setup *setup, size_t i)
{
	assert(i < RADIO_ADDRESSES_MAX);
	if (setup->answering[i].at.index > 0)
		(void)nl80211_delete(setup->nl, setup->answering[i].at.index);
	setup->answering[i].at.index = 0;
	setup->answering[i].anchored = false;
}

/* An interface with that address. A further one is up already, if it may be now; the first waits for raise_all. */
static int add_answering(struct setup *setup, size_t i, const uint8_t mac[static 6])
{
	static const uint32_t types[SETUP_RUNGS] = {
		[SETUP_ACTIVE] = NL80211_IFTYPE_MONITOR,
		[SETUP_ANCHOR] = NL80211_IFTYPE_AP,
		[SETUP_COMPANION] = NL80211_IFTYPE_STATION,
	};
	int error;

	assert(setup->rung != SETUP_PLAIN);
	error = add(setup, &setup->answering[i].at, types[setup->rung], setup->rung == SETUP_ACTIVE);
	if (error < 0)
		return error;
	memcpy(setup->answering[i].mac, mac, 6);
	error = interface_set_mac(setup->answering[i].at.name, mac);
	if (error < 0)
		fail(setup, error,
		     i == 0 ? "the adapter does not take the station's address"
			    : "the adapter does not take a further address");
	else if (i > 0 && (setup->freq_mhz != 0 || !holds_channel(setup)))
		error = raise_answering(setup, i);
	if (error < 0)
		remove_answering(setup, i);
	return error;
}

/* Which interface has the address; RADIO_ADDRESSES_MAX: none. */
static size_t answering_as(const struct setup *setup, const uint8_t mac[static 6])
{
	size_t i = 0;

	while (i < RADIO_ADDRESSES_MAX &&
	       (setup->answering[i].at.index == 0 || memcmp(setup->answering[i].mac, mac, 6) != 0))
		i++;
	return i;
}

int setup_acknowledge(struct setup *setup, const struct radio_addresses *own)
{
	int error = 0;

	assert(own->count >= 1 && own->count <= RADIO_ADDRESSES_MAX);
	if (setup->plain.index == 0)
		return -ENODEV;
	if (own->count > 1 && (setup->rung == SETUP_PLAIN || setup->rung == SETUP_COMPANION))
		return fail(setup, -EOPNOTSUPP, "no further address as a %s", setup_rung_name(setup->rung));
	for (size_t i = 1; i < RADIO_ADDRESSES_MAX; i++)
		if (!radio_addresses_have(own, setup->answering[i].mac))
			remove_answering(setup, i);
	for (size_t n = 1; n < own->count && error == 0; n++) {
		size_t i = 1;

		if (answering_as(setup, own->at[n]) < RADIO_ADDRESSES_MAX)
			continue;
		while (setup->answering[i].at.index > 0)
			i++;
		assert(i < RADIO_ADDRESSES_MAX);
		error = add_answering(setup, i, own->at[n]);
	}
	return error;
}

bool setup_has_fallen(const struct setup *setup)
{
	/* What holds the channel comes up with the first tune. */
	bool answers = setup->rung != SETUP_PLAIN && (setup->freq_mhz != 0 || !holds_channel(setup));
	bool fallen = interface_is_up(setup->plain.name) != 1;

	for (size_t i = 0; answers && i < RADIO_ADDRESSES_MAX; i++)
		fallen |= setup->answering[i].at.index > 0 && interface_is_up(setup->answering[i].at.name) != 1;
	return fallen;
}

static void name_interfaces(struct setup *setup)
{
	snprintf(setup->plain.name, sizeof(setup->plain.name), "mr%up", setup->phy);
	snprintf(setup->answering[0].at.name, sizeof(setup->answering[0].at.name), "mr%ua", setup->phy);
	for (unsigned i = 1; i < RADIO_ADDRESSES_MAX; i++)
		snprintf(setup->answering[i].at.name, sizeof(setup->answering[i].at.name), "mr%ua%u", setup->phy, i);
}

static int add_all(struct setup *setup, const uint8_t mac[static 6])
{
	int error = take_down_others(setup);

	if (error == 0)
		error = add(setup, &setup->plain, NL80211_IFTYPE_MONITOR, false);
	if (error < 0)
		return error;
	/* A new interface takes 1,500 octets, radiotap header included: too few for the longest IP packets. */
	error = interface_set_mtu(setup->plain.name, MTU);
	if (error < 0)
		return fail(setup, error, "%s takes no frames of full length", setup->plain.name);
	if (setup->rung != SETUP_PLAIN)
		error = add_answering(setup, 0, mac);
	return error == 0 ? raise_all(setup) : error;
}

int setup_up(struct setup *setup, uint32_t phy, enum setup_rung rung, const uint8_t mac[static 6], struct claim *claim)
{
	int error;

	assert(rung < SETUP_RUNGS);
	*setup = (struct setup){ .phy = phy, .rung = rung, .claim = claim, .kernel = kernel_version() };
	name_interfaces(setup);
	error = nl80211_open(&setup->nl);
	if (error < 0)
		return fail(setup, error, "can't reach the wireless stack");
	error = add_all(setup, mac);
	if (error < 0) {
		char why[sizeof(setup->error)];

		memcpy(why, setup->error, sizeof(why));
		setup_down(setup);
		memcpy(setup->error, why, sizeof(why));
	}
	return error;
}

/* K2: before 6.9 injection goes by rates and rules of the band in which the interfaces came up. */
static int follow_band(struct setup *setup)
{
	uint8_t band = band_of(setup->freq_mhz);
	int error = 0;

	if (setup->kernel >= KERNEL_6_9 || band == setup->band_up)
		return 0;
	if (!holds_channel(setup))
		error = each_answering(setup, lower_answering);
	if (error == 0)
		error = bring_down(setup, &setup->plain);
	if (error == 0)
		error = raise_all(setup);
	if (error == 0)
		setup->band_up = band;
	return error;
}

static int set_channel(struct setup *setup, uint16_t freq_mhz)
{
	int error = nl80211_tune(setup->nl, setup->plain.index, freq_mhz);

	/* Someone (a network manager) brought another interface up. */
	if (error == -EBUSY && take_down_others(setup) == 0)
		error = nl80211_tune(setup->nl, setup->plain.index, freq_mhz);
	return error;
}

int setup_tune(struct setup *setup, uint16_t freq_mhz)
{
	int error = 0;

	assert(freq_mhz != 0);
	if (setup->plain.index == 0)
		return -ENODEV;
	if (holds_channel(setup))
		error = each_answering(setup, lower_answering);
	if (error < 0)
		return error;
	error = set_channel(setup, freq_mhz);
	if (error < 0) {
		if (holds_channel(setup) && setup->freq_mhz != 0) /* it stays where it was */
			(void)each_answering(setup, raise_answering);
		return fail(setup, error, "can't tune to %u MHz", freq_mhz);
	}
	setup->freq_mhz = freq_mhz;
	error = follow_band(setup);
	if (error == 0 && holds_channel(setup))
		error = each_answering(setup, raise_answering);
	return error;
}

void setup_down(struct setup *setup)
{
	for (size_t i = 0; setup->nl && i < RADIO_ADDRESSES_MAX; i++)
		remove_answering(setup, i);
	if (setup->nl && setup->plain.index > 0)
		(void)nl80211_delete(setup->nl, setup->plain.index);
	nl80211_close(setup->nl);
	setup->nl = NULL;
	setup->plain.index = 0;
	setup->freq_mhz = 0;
	setup->band_up = 0;
}
