#include "station/radio/setup.h"

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

/* The kernel refuses to tune a monitor while another interface of its phy is up (K4). */
static int take_down_others(struct setup *setup)
{
	struct nl80211_interface *list = calloc(NL80211_INTERFACES_MAX, sizeof(*list));
	int count, error = 0;

	if (!list)
		return -ENOMEM;
	count = nl80211_interfaces(setup->nl, list, NL80211_INTERFACES_MAX);
	for (int i = 0; i < count && error == 0; i++) {
		if (list[i].phy != setup->phy || list[i].ifindex == 0 || list[i].ifindex == setup->plain_index ||
		    list[i].ifindex == setup->second_index)
			continue;
		/* An interface by one of our names is what a holder of the claim before us could not remove. */
		if (strcmp(list[i].name, setup->plain) == 0 || strcmp(list[i].name, setup->second) == 0) {
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

static int add(struct setup *setup, const char *name, uint32_t type, bool active, int *index)
{
	struct nl80211_add what = { .phy = setup->phy, .name = name, .type = type, .active = active };
	int got = nl80211_add(setup->nl, &what);

	if (got < 0)
		return fail(setup, got, "can't add %s", name);
	*index = got;
	return 0;
}

static int raise_plain(struct setup *setup)
{
	int error = interface_up(setup->plain, true);

	return error < 0 ? fail(setup, error, "can't bring %s up", setup->plain) : 0;
}

static int raise_second(struct setup *setup)
{
	int error;

	if (setup->second_index == 0)
		return 0;
	error = interface_up(setup->second, true);
	return error < 0 ? fail(setup, error, "can't bring %s up", setup->second) : 0;
}

static int raise_all(struct setup *setup)
{
	int error;

	/* The kernel gives the channel to the first that comes up, and it must be the passive monitor. */
	error = raise_plain(setup);
	if (error == 0 && setup->rung == SETUP_ACTIVE)
		error = raise_second(setup);
	return error;
}

int setup_up(struct setup *setup, uint32_t phy, enum setup_rung rung, const uint8_t mac[static 6], struct claim *claim)
{
	static const uint32_t second_type[SETUP_RUNGS] = {
		[SETUP_ACTIVE] = NL80211_IFTYPE_MONITOR,
		[SETUP_ANCHOR] = NL80211_IFTYPE_AP,
		[SETUP_COMPANION] = NL80211_IFTYPE_STATION,
	};
	int error;

	*setup = (struct setup){ .phy = phy, .rung = rung, .claim = claim, .kernel = kernel_version() };
	memcpy(setup->mac, mac, 6);
	snprintf(setup->plain, sizeof(setup->plain), "mr%up", phy);
	snprintf(setup->second, sizeof(setup->second), "mr%ua", phy);
	error = nl80211_open(&setup->nl);
	if (error < 0)
		return fail(setup, error, "can't reach the wireless stack");
	error = take_down_others(setup);
	if (error == 0)
		error = add(setup, setup->plain, NL80211_IFTYPE_MONITOR, false, &setup->plain_index);
	if (error == 0) {
		/* A new interface takes 1,500 octets with the radiotap header, too few for an IP packet of 1,500 in its
		 * frame. */
		error = interface_set_mtu(setup->plain, MTU);
		if (error < 0)
			fail(setup, error, "%s takes no frames of full length", setup->plain);
	}
	if (error == 0 && rung != SETUP_PLAIN) {
		error = add(setup, setup->second, second_type[rung], rung == SETUP_ACTIVE, &setup->second_index);
		if (error == 0) {
			error = interface_set_mac(setup->second, mac);
			if (error < 0)
				fail(setup, error, "the adapter does not take the station's address");
		}
	}
	if (error == 0)
		error = raise_all(setup);
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
	if (setup->second_index > 0)
		error = interface_up(setup->second, false);
	if (error == 0)
		error = interface_up(setup->plain, false);
	if (error == 0)
		error = raise_all(setup);
	if (error == 0)
		setup->band_up = band;
	return error;
}

static int set_channel(struct setup *setup, uint16_t freq_mhz)
{
	int error = nl80211_tune(setup->nl, setup->plain_index, freq_mhz);

	/* Someone (a network manager) brought another interface up. */
	if (error == -EBUSY && take_down_others(setup) == 0)
		error = nl80211_tune(setup->nl, setup->plain_index, freq_mhz);
	return error;
}

int setup_tune(struct setup *setup, uint16_t freq_mhz)
{
	int error;

	if (setup->plain_index == 0)
		return -ENODEV;
	if (setup->rung == SETUP_ANCHOR && setup->anchored) {
		(void)nl80211_anchor_stop(setup->nl, setup->second_index);
		setup->anchored = false;
	}
	if (setup->rung == SETUP_ANCHOR || setup->rung == SETUP_COMPANION) {
		error = interface_up(setup->second, false);
		if (error < 0)
			return fail(setup, error, "can't take %s down", setup->second);
	}
	error = set_channel(setup, freq_mhz);
	if (error < 0)
		return fail(setup, error, "can't tune to %u MHz", freq_mhz);
	setup->freq_mhz = freq_mhz;
	error = follow_band(setup);
	if (error < 0)
		return fail(setup, error, "can't change the band");
	if (setup->rung == SETUP_ANCHOR || setup->rung == SETUP_COMPANION)
		error = raise_second(setup);
	if (error == 0 && setup->rung == SETUP_ANCHOR) {
		error = nl80211_anchor_start(setup->nl, setup->second_index, setup->mac, freq_mhz);
		if (error < 0)
			return fail(setup, error, "can't start the anchor at %u MHz", freq_mhz);
		setup->anchored = true;
	}
	return error;
}

void setup_down(struct setup *setup)
{
	if (setup->nl && setup->second_index > 0)
		(void)nl80211_delete(setup->nl, setup->second_index);
	if (setup->nl && setup->plain_index > 0)
		(void)nl80211_delete(setup->nl, setup->plain_index);
	nl80211_close(setup->nl);
	setup->nl = NULL;
	setup->plain_index = setup->second_index = 0;
	setup->freq_mhz = 0;
	setup->band_up = 0;
	setup->anchored = false;
}
