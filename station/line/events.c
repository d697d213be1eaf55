#include "station/line/events.h"

#include <stdlib.h>
#include <string.h>

#define RESTS_US 1000000u  /* chosen: who was refused is looked at once a second */
#define STRANGERS_MAX 4096 /* chosen: a flood of made-up addresses is counted by the radio, not kept one by one */

struct journal_cause line_cause(int cause)
{
	return (struct journal_cause){ cause, mr_cause_name(cause), mr_cause_class_name(mr_cause_class(cause)) };
}

void line_event(struct line *line, const struct line_event *event)
{
	struct line_event e = *event;

	e.now_us = loop_now_us(line->loop) - line->started_us;
	if (!e.serial)
		e.serial = "";
	if (line->o.event)
		line->o.event(line->o.ctx, &e);
}

void line_submit(struct line *line, const struct journal_record *record)
{
	(void)tickets_submit(&line->tickets, record);
}

void line_stranger(struct line *line, const uint8_t mac[static 6], const struct radio_rx *rx, const char *verdict)
{
	struct stranger *s = map_get(&line->stranger_map, map_key_mac(mac));
	uint64_t utc_us = loop_utc_us(line->loop);

	if (!s) {
		if (line->stranger_map.count >= STRANGERS_MAX || !(s = calloc(1, sizeof(*s))))
			return;
		memcpy(s->mac, mac, 6);
		s->verdict = verdict;
		s->freq_mhz = rx->freq_mhz;
		s->rssi_dbm = rx->rssi_dbm;
		s->first_us = utc_us;
		if (!map_put(&line->stranger_map, map_key_mac(mac), s)) {
			free(s);
			return;
		}
		s->next = line->strangers;
		line->strangers = s;
		line_event(line, &(struct line_event){ .kind = LINE_STRANGER,
						       .detail = verdict,
						       .freq_mhz = rx->freq_mhz,
						       .rssi_dbm = rx->rssi_dbm,
						       .mac = { mac[0], mac[1], mac[2], mac[3], mac[4], mac[5] } });
	}
	s->count++;
	s->last_us = utc_us;
	s->rests_us = loop_now_us(line->loop) + RESTS_US;
}

bool line_stranger_rests(const struct line *line, const uint8_t mac[static 6])
{
	const struct stranger *s = map_get(&line->stranger_map, map_key_mac(mac));

	return s && loop_now_us(line->loop) < s->rests_us;
}

void line_record_strangers(struct line *line)
{
	for (const struct stranger *s = line->strangers; s; s = s->next) {
		struct journal_record r = { .kind = JOURNAL_SIGHTING,
					    .sighting = { .freq_mhz = s->freq_mhz,
							  .rssi_dbm = s->rssi_dbm,
							  .verdict = s->verdict,
							  .count = s->count,
							  .first_us = (int64_t)s->first_us,
							  .last_us = (int64_t)s->last_us } };

		memcpy(r.sighting.mac, s->mac, 6);
		line_submit(line, &r);
	}
	line_free_strangers(line);
}

void line_free_strangers(struct line *line)
{
	for (struct stranger *s = line->strangers, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	line->strangers = NULL;
}
