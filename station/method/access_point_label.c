/*
 * Whoever copies a label's SSID looks like its device until he is asked for his secret: one label has several
 * candidates then. They take turns, the one that has failed least first, those of the manufacturer whose devices were
 * served before others, and the first that says who he is has the label. What is kept of them is bounded.
 */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "station/method/access_point.h"

#define TURN_US 300000u	   /* chosen: one that is not let in by then does not keep the next one waiting any longer */
#define RECENT_US 5000000u /* chosen: a candidate that was not heard for this long keeps nobody from his turn */

static bool is_over(const struct unit *u) { return u->settled || u->alias; }

/* It said who it is, and nothing speaks against it. */
static bool has_owner(const struct ap_label *l, const struct unit *but)
{
	return l->owner && l->owner != but && !(l->owner->settled && l->owner->state != UNIT_PASSED);
}

static struct ap_label *label_of(struct access_points *points, const void *key)
{
	struct ap_label *l = map_get(&points->by_label, (uint64_t)(uintptr_t)key);

	if (l || !(l = calloc(1, sizeof(*l))))
		return l;
	if (!map_put(&points->by_label, (uint64_t)(uintptr_t)key, l)) {
		free(l);
		return NULL;
	}
	l->points = points;
	l->next = points->labels;
	return points->labels = l;
}

/* Its address has the manufacturer (IEEE 802 OUI) of the devices of this run that have said who they are. */
static bool is_kin(const struct ap_label *l, const uint8_t mac[static 6])
{
	return l->points->has_kin && mr_equal(l->points->kin, mac, 3);
}

static bool in_hand(const struct unit *u) { return u->session || u->waiting; }

/* Its own place, a free one, or that of one that has failed more often; CANDIDATES_MAX: there is none. */
static size_t place_of(const struct ap_label *l, const struct unit *u, const uint8_t mac[static 6])
{
	unsigned failed = u ? u->handshakes_failed : 0;
	size_t best = CANDIDATES_MAX;

	for (size_t i = 0; i < CANDIDATES_MAX; i++) {
		const struct unit *other = l->of[i];

		if (u && other == u)
			return i;
		if (!other || is_over(other)) {
			best = i;
			failed = UINT_MAX;
		} else if (!in_hand(other) && other->handshakes_failed > failed) {
			best = i;
			failed = other->handshakes_failed;
		} else if (!in_hand(other) && best == CANDIDATES_MAX && is_kin(l, mac) && !is_kin(l, other->mac)) {
			best = i;
		}
	}
	return best;
}

const char *access_point_label(struct access_points *points, const void *key, const struct unit *u,
			       const uint8_t from[static 6], struct ap_label **label, size_t *place)
{
	struct ap_label *l = *label = label_of(points, key);

	if (!l)
		return "crowded";
	if (has_owner(l, u))
		return "label-taken";
	*place = place_of(l, u, from);
	return *place < CANDIDATES_MAX ? NULL : "crowded";
}

/* Does `other` come first? */
static bool comes_first(const struct ap_label *l, const struct unit *other, const struct unit *u, uint64_t now_us)
{
	if (other->unnamed && is_kin(l, u->mac) && !is_kin(l, other->mac) && u->handshakes_failed == 0)
		return false;
	if (other->waiting)
		return true;
	if (other->session)
		return !other->unnamed || now_us < other->session->begun_us + TURN_US;
	return other->handshakes_failed < u->handshakes_failed && now_us < access_of(other)->heard_us + RECENT_US;
}

bool access_point_turn(struct unit *u, uint64_t now_us)
{
	struct ap_label *l = access_of(u)->label;
	size_t place;

	if (!l)
		return true;
	place = place_of(l, u, u->mac);
	if (has_owner(l, u) || place == CANDIDATES_MAX)
		return false;
	for (size_t i = 0; i < CANDIDATES_MAX; i++)
		if (l->of[i] && l->of[i] != u && !is_over(l->of[i]) && l->of[i]->way &&
		    comes_first(l, l->of[i], u, now_us))
			return false;
	assert(!l->of[place] || l->of[place] == u || is_over(l->of[place]) || !in_hand(l->of[place]));
	l->of[place] = u;
	return true;
}

void access_point_named(struct session *s)
{
	struct access_points *points = line_state(s->line, &access_point_ops);
	struct access *a = access_of(s->unit);

	if (a->label && !a->label->owner)
		a->label->owner = s->unit;
	memcpy(points->kin, a->peer, 3);
	points->has_kin = true;
}

void access_point_labels_end(struct access_points *points)
{
	for (struct ap_label *l = points->labels, *next; l; l = next) {
		next = l->next;
		free(l);
	}
	points->labels = NULL;
	map_free(&points->by_label);
}
