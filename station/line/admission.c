#include "station/line/admission.h"

#include <assert.h>

#include "station/line/ending.h"
#include "station/line/events.h"
#include "station/line/lane.h"

void admission_enqueue(struct line *line, struct unit *u, struct channel *home)
{
	assert(!u->alias && !u->session);
	unit_returned(line, u);
	if (u->waiting && u->home == home) /* it keeps its place */
		return;
	unit_unqueue(u);
	u->home = home;
	u->waiting = true;
	if (home->waiting_tail)
		home->waiting_tail->next_waiting = u;
	else
		home->waiting = u;
	home->waiting_tail = u;
	home->waiting_count++;
}

/* One that has passed and is sealed is told so once more: it would not call if it knew. */
static bool may_open(const struct unit *u) { return !u->session && (!u->settled || unit_asks_again(u)); }

void admission_fill_channel(struct line *line, struct channel *home)
{
	while (home->waiting && units_room_for(line, home->waiting) && home->lane && home->lane->state == LANE_HERE) {
		struct unit *u = home->waiting;
		const struct method_ops *ops = u->method->ops;

		unit_unqueue(u);
		if (!may_open(u))
			continue;
		if (ops->open(line, line_state(line, ops), u, home) == METHOD_NO_ROOM) {
			line_hold(line, MR_CAUSE_NO_MEMORY, mr_cause_remedy(MR_CAUSE_NO_MEMORY));
			return;
		}
	}
}

void admission_fill(struct line *line)
{
	for (size_t i = 0; i < line->channel_count; i++)
		admission_fill_channel(line, &line->channels[i]);
}

void admission_listed(struct line *line, struct channel *home)
{
	const struct expected *e = &line->expected;
	struct radio_rx unheard = { .freq_mhz = home->freq_mhz };
	uint8_t id[8];

	for (size_t i = 0; i < e->list_count && !line->draining; i++) {
		struct unit *u = unit_of_mac(line, e->list[i]);

		unit_id_of_mac(e->list[i], id);
		if (!u && !(u = admission_newcomer(line, id, e->list[i], &unheard)))
			continue;
		if (u->settled || u->session || u->waiting)
			continue;
		if (u->first_heard_us == 0)
			unit_greet(line, u, &unheard);
		admission_enqueue(line, u, home);
	}
	admission_fill_channel(line, home);
}

struct unit *admission_newcomer(struct line *line, const uint8_t device_id[static 8], const uint8_t mac[static 6],
				const struct radio_rx *rx)
{
	const struct job *job = line->job;
	struct unit *other = unit_of_mac(line, mac);
	bool valid = unit_id_valid(device_id, mac);
	static const char weak[] = "weak";
	const char *wrong = NULL;

	if (valid && other) { /* one address is that of one unit */
		unit_shares_address(line, other, rx);
		return NULL;
	}
	if (!valid) /* the record takes no such identity */
		wrong = "bad-identity";
	else if (rx->rssi_dbm != 0 && rx->rssi_dbm < job->min_rssi_dbm) /* 0: it has not been heard */
		wrong = weak;
	else if (job->expect_file[0] && !expected_has(&line->expected, device_id, mac))
		wrong = "not-expected";
	else if (line->named >= job->quantity)
		wrong = "beyond-quantity";
	if (!wrong)
		return unit_meet(line, device_id, mac);
	/* A device calls again 10 s after a call in vain; once each, so that one that stays away holds nobody. */
	if (wrong == weak && !map_get(&line->stranger_map, map_key_mac(mac)))
		line->weak_until_us = loop_now_us(line->loop) + job->lease_us + LINE_RECALL_US;
	line_stranger(line, mac, rx, wrong);
	return NULL;
}
