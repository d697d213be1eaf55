/*
 * What the line tells: events for who looks on, records for the journal, strangers for the list of sightings.
 */
#pragma once

#include "station/line/private.h"

struct unit;

/* Somebody who is heard and is not ours, or not wanted. Addresses beyond 4096 are counted by the radio alone. */
struct stranger {
	uint8_t mac[6];
	const char *verdict;
	uint16_t freq_mhz;
	int rssi_dbm;
	unsigned count;
	uint64_t first_us, last_us;
	uint64_t rests_us; /* it is not looked at before this instant of the loop */
	struct stranger *next;
};

void line_event(struct line *line, const struct line_event *event);
/* To the journal; the line holds when it does not take it. */
void line_submit(struct line *line, const struct journal_record *record);
struct journal_cause line_cause(int cause);
void line_stranger(struct line *line, const uint8_t mac[static 6], const struct radio_rx *rx, const char *verdict);
/* It was looked at a moment ago. What it lacked then it may have now: it comes nearer, say, or a place is free. */
bool line_stranger_rests(const struct line *line, const uint8_t mac[static 6]);
/* At the end of the run: what was heard goes on record, and is freed. */
void line_record_strangers(struct line *line);
void line_free_strangers(struct line *line);
