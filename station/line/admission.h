/*
 * Who gets a session: units that have announced themselves are queued by channel, first come first served, and opened
 * while the job's max_in_flight allows.
 */
#pragma once

#include "station/line/private.h"
#include "station/line/units.h"

/* The unit has announced itself on the channel: it is queued, once. admission_fill follows, or admission_fill_channel.
 */
void admission_enqueue(struct line *line, struct unit *unit, struct channel *home);
void admission_fill_channel(struct line *line, struct channel *home);
void admission_fill(struct line *line);
/*
 * Devices that never announce themselves (they only listen): every one on the job's list that is neither settled nor in
 * hand is queued on the channel. For the voice of a method with METHOD_NO_REQUESTS, about once a second.
 */
void admission_listed(struct line *line, struct channel *home);
/*
 * A device that nobody has met, by the id that it gives: may it be a unit of this run? NULL: no, and a sighting says
 * why (a bad identity, too weak, not on the job's list, beyond the quantity), or there is no memory.
 */
struct unit *admission_newcomer(struct line *line, const uint8_t device_id[static 8], const uint8_t mac[static 6],
				const struct radio_rx *rx);
