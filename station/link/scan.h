/*
 * The networks that radios hear: a bounded table, fed with every beacon and probe response, one entry for each sender. When it is full the
 * one heard longest ago makes room. And the frames that make networks show themselves.
 *
 *	scan_create -> { scan_heard } ... scan_at | scan_find | scan_named -> scan_destroy
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/link/ieee80211.h"

struct scan;

struct scan *scan_create(size_t networks_max);	/* 1 or more; NULL: no memory */
void scan_destroy(struct scan *scan);

/*
 * Any frame; only Beacons and Probe Responses count. The entry, new or brought up to date, until the next call; NULL: it was neither,
 * or malformed. A hidden network keeps the name that a probe response gave it.
 */
const struct ieee80211_network *scan_heard(struct scan *scan, struct mr_rd mpdu, const struct radio_rx *rx);

size_t scan_count(const struct scan *scan);
const struct ieee80211_network *scan_at(const struct scan *scan, size_t i);	/* in no particular order; NULL: no more */
/* The first at index *i or later that is on `freq_mhz` (0: anywhere) and was heard since; *i is moved behind it. NULL: no more. */
const struct ieee80211_network *scan_next(const struct scan *scan, size_t *i, uint16_t freq_mhz, uint64_t since_us);
const struct ieee80211_network *scan_find(const struct scan *scan, const uint8_t sender[static 6]);
/* The one of this name that is heard best; NULL: none. */
const struct ieee80211_network *scan_named(const struct scan *scan, const uint8_t *ssid, size_t ssid_len);
void scan_forget(struct scan *scan, uint64_t before_us);	/* those not heard since */

/*
 * A Probe Request, 9.3.3.9. `bssid` NULL: to everybody. `ssid_len` 0: whatever its name (hidden networks do not answer that).
 * `sequence`: shared by all that send from `own`. Octets in `frame`, 0: it does not fit. Unicast ones are acknowledged, not so
 * the others.
 */
size_t scan_probe(uint8_t *frame, size_t cap, const uint8_t own[static 6], uint16_t *sequence, const uint8_t *bssid,
		  const uint8_t *ssid, size_t ssid_len, uint16_t freq_mhz);
