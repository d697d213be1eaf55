/*
 * Whoever copies a label's SSID looks like its device until he is asked for his secret: one label has several
 * candidates then. They take turns, the one that has failed least first, and the first that says who he is has the
 * label. What is kept of them is bounded.
 */
#include <stdlib.h>

#include "station/method/access_point.h"

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
	l->next = points->labels;
	return points->labels = l;
}

const char *access_point_label(struct access_points *points, const void *key, const struct unit *u,
			       struct ap_label **label, size_t *place)
{
	struct ap_label *l = *label = label_of(points, key);

	if (!l)
		return "crowded";
	if (has_owner(l, u))
		return "label-taken";
	for (*place = 0; *place < CANDIDATES_MAX; ++*place)
		if (!l->of[*place] || l->of[*place] == u || is_over(l->of[*place]))
			return NULL;
	return "crowded";
}

bool access_point_turn(const struct unit *u, uint64_t now_us)
{
	const struct ap_label *l = access_of(u)->label;

	if (l && has_owner(l, u))
		return false;
	for (size_t i = 0; l && i < CANDIDATES_MAX; i++) {
		const struct unit *other = l->of[i];

		if (!other || other == u || is_over(other) || !other->way)
			continue;
		if (other->session || other->waiting)
			return false;
		if (other->handshakes_failed < u->handshakes_failed && now_us < access_of(other)->heard_us + RECENT_US)
			return false;
	}
	return true;
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
