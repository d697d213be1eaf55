/*
 * The networks that a scan found, strongest first, each once. Where there are more than room: those of the name that is
 * looked for, then the strongest. Memory as it is needed.
 */
#pragma once

#include "station/wifi/ieee80211.h"

#define FOUND_MAX 64u /* networks; chosen: more than a floor in a town has */

/* zero it to begin; layout is ours */
struct found {
	struct ieee80211_network *at;
	size_t count, room;
	uint8_t ssid[IEEE80211_SSID_MAX], ssid_len; /* that is looked for; of length 0: none in particular */
};

/* What the next look is for; at most IEEE80211_SSID_MAX octets. */
void found_want(struct found *found, const uint8_t *ssid, size_t ssid_len);

/* One beacon or probe response. A network that hides keeps the name that it once gave; the best level counts. */
void found_note(struct found *found, const struct ieee80211_network *network);
void found_clear(struct found *found); /* gives the memory back */
