/* The networks that a scan found: the strongest, strongest first, each once. Memory as it is needed. */
#pragma once

#include "station/wifi/ieee80211.h"

#define FOUND_MAX 64u /* networks; chosen: more than a floor in a town has */

/* zero it to begin; layout is ours */
struct found {
	struct ieee80211_network *at;
	size_t count, room;
};

/* One beacon or probe response. A network that hides keeps the name that it once gave; the best level counts. */
void found_note(struct found *found, const struct ieee80211_network *network);
void found_clear(struct found *found); /* gives the memory back */
