/* What goes to the station, and what its answers mean to the person. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "station/dashboard/desk.h"
#include "station/dashboard/text.h"

static const struct {
	enum act act;
	const char *verb, *done;
} verbs[] = {
	{ ACT_PAUSE, "pause", "paused" },
	{ ACT_BACK, "resume", "resumed" },
	{ ACT_STOP, "stop", "stopping: those in hand finish" },
	{ ACT_ABORT, "abort", "ended" },
	{ ACT_RETRY, "retry", "to be tried again: switch them off and on" },
	{ ACT_QUARANTINE, "quarantine", "put aside" },
	{ ACT_RELEASE, "release", "released: switch them off and on" },
	{ ACT_ACK, "ack", "acknowledged" }, /* talk_ack */
};

#define FOUND_MAX 50u /* as many as a station lists */

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* Takes the object; gives the place where its answer is waited for, or NULL when it could not be sent. */
static struct pending *send_request(struct desk *d, json_t *request, enum act act, struct desk_out *out)
{
	struct pending *p = NULL;

	for (unsigned i = 0; i < DESK_PENDING_MAX && !p; i++)
		if (d->pending[i].id == 0)
			p = &d->pending[i];
	if (!request || !p || out->request_count == DESK_REQUESTS_MAX ||
	    json_object_set_new(request, "id", json_integer((json_int_t)d->next_id)) != 0) {
		json_decref(request);
		return NULL;
	}
	*p = (struct pending){ .id = d->next_id++, .act = act };
	out->requests[out->request_count++] = request;
	return p;
}

int64_t talk_banner(const struct mirror *mirror) { return mirror->banner_count > 0 ? mirror->banners[0].banner : 0; }

void talk_ack(struct desk *d, const struct mirror *mirror, int64_t banner, uint64_t now_us, struct desk_out *out)
{
	bool there = false;

	for (unsigned i = 0; i < mirror->banner_count; i++)
		there |= mirror->banners[i].banner == banner;
	if (there)
		send_request(d, json_pack("{s:s, s:I}", "do", "ack", "banner", (json_int_t)banner), ACT_ACK, out);
	else
		desk_note(d, MEANS_PLAIN, now_us, banner ? "that banner is gone already" : "there is no banner");
}

void talk_act(struct desk *d, enum act act, const int64_t *units, size_t unit_count, const char *reason,
	      struct desk_out *out)
{
	json_t *request = NULL, *list;

	for (size_t i = 0; i < VERBS; i++)
		if (verbs[i].act == act)
			request = json_pack("{s:s}", "do", verbs[i].verb);
	if (unit_count > 0) {
		list = json_array();
		for (size_t i = 0; i < unit_count && i < DESK_UNITS_MAX; i++)
			json_array_append_new(list, json_integer((json_int_t)units[i]));
		json_object_set_new(request, "units", list);
	}
	if (reason && *reason)
		json_object_set_new(request, "reason", json_string(reason));
	send_request(d, request, act, out);
}

void talk_device(struct desk *d, int64_t unit, uint64_t now_us, struct desk_out *out)
{
	struct pending *p;

	d->asked_us = now_us;
	for (unsigned i = 0; i < DESK_PENDING_MAX; i++)
		if (d->pending[i].id && d->pending[i].act == ACT_DEVICE && d->pending[i].unit == unit)
			return;
	if (!d->up)
		return;
	p = send_request(d, json_pack("{s:s, s:I}", "do", "device", "unit", (json_int_t)unit), ACT_DEVICE, out);
	if (p)
		p->unit = unit;
}

void talk_badge(struct desk *d, const char *badge, struct desk_out *out)
{
	struct pending *p = send_request(d, json_pack("{s:s, s:s}", "do", "badge", "badge", badge), ACT_NONE, out);

	if (p)
		p->badge = true;
}

const struct unit_row *talk_known(const struct mirror *m, const char *text)
{
	const struct unit_row *alike = NULL;
	unsigned count = 0;
	char mac[18];
	bool is_mac = scan_mac(text, mac);

	if (!*text)
		return NULL;
	for (size_t i = 0; i < m->unit_count; i++) {
		const struct unit_row *u = &m->units[i];

		if (strcmp(u->serial, text) == 0 || (is_mac && strcasecmp(u->mac, mac) == 0))
			return u;
		if (strcasecmp(u->serial, text) == 0) {
			alike = u;
			count++;
		}
	}
	return count == 1 ? alike : NULL;
}

/* The line screen goes to its row, every other one shows it in full. */
static void show_unit(struct desk *d, struct mirror *mirror, const struct unit_row *u, uint64_t now_us,
		      struct desk_out *out)
{
	char what[500];

	column_text(COL_RESULT, mirror, u, true, what, sizeof(what));
	desk_note(d, unit_meaning(u), now_us, "%s: %s", *u->serial ? u->serial : u->mac, what);
	desk_select(d, mirror, u->unit);
	if (d->screen == SCREEN_LINE)
		return;
	d->device = u->unit;
	if (d->screen == SCREEN_DEVICE)
		talk_device(d, u->unit, now_us, out);
	else
		desk_goto(d, mirror, SCREEN_DEVICE, now_us, out);
}

static void find(struct desk *d, const char *text, uint64_t now_us, struct desk_out *out)
{
	struct pending *p = send_request(d, json_pack("{s:s, s:s}", "do", "find", "text", text), ACT_NONE, out);

	if (p) {
		p->find = true;
		text_copy(p->text, sizeof(p->text), text);
	} else {
		desk_note(d, MEANS_WARN, now_us, "nothing can be looked for now");
	}
}

const struct unit_row *talk_hand(const struct desk *d, const struct mirror *mirror)
{
	return d->hand ? mirror_unit(mirror, d->hand) : NULL;
}

/* Its own number was read: from now on it is the unit in hand, if its label could be scanned next. */
static void take_in_hand(struct desk *d, const struct unit_row *u, uint64_t now_us)
{
	d->hand = u->state == UNIT_IS_PASSED && *u->serial ? u->unit : 0;
	d->hand_until_us = now_us + DESK_HAND_US;
}

/* The station looks at its record; what it says is in scanned_back(). False: it could not be sent. */
static bool scan_back(struct desk *d, const char *text, const struct unit_row *hand, struct desk_out *out)
{
	json_t *request = json_pack("{s:s, s:s}", "do", "scan", "text", text);
	struct pending *p;

	if (request && hand)
		json_object_set_new(request, "serial", json_string(hand->serial));
	p = send_request(d, request, ACT_NONE, out);
	if (p)
		p->scan = true;
	return p;
}

static void label(struct desk *d, struct mirror *mirror, const char *text, uint64_t now_us, struct desk_out *out)
{
	const struct unit_row *hand = talk_hand(d, mirror), *u = NULL;
	bool judged = mirror->role >= ROLE_OPERATOR;
	char serial[48] = "";

	if (scan_label_serial(text, serial, sizeof(serial)))
		u = talk_known(mirror, serial);
	if (u)
		show_unit(d, mirror, u, now_us, out);
	d->hand = 0;
	if (judged && !scan_back(d, text, hand, out))
		desk_note(d, MEANS_WARN, now_us, "that was not sent: scan again");
	else if (!judged && !*serial)
		desk_note(d, MEANS_WARN, now_us, "a label is checked against the record with an operator's badge");
	else if (!judged && !u)
		find(d, serial, now_us, out);
}

void talk_scanned(struct desk *d, struct mirror *mirror, const char *text, uint64_t now_us, struct desk_out *out)
{
	const struct unit_row *u = talk_known(mirror, text);
	enum scan_kind kind = scan_route(text);
	char mac[18];

	if (!d->up) {
		desk_note(d, MEANS_BAD, now_us, "no connection to the station: the scan was not used");
		out->bell = !d->mute;
		return;
	}
	if (u) {
		show_unit(d, mirror, u, now_us, out);
		take_in_hand(d, u, now_us);
		/* It may be the code of its label, and no more than that. */
		if (mirror->role >= ROLE_OPERATOR && kind == SCAN_SERIAL && u->state == UNIT_IS_PASSED)
			(void)scan_back(d, text, NULL, out);
		return;
	}
	switch (kind) {
	case SCAN_BADGE: talk_badge(d, scan_badge(text), out); break;
	case SCAN_LABEL: label(d, mirror, text, now_us, out); break;
	case SCAN_MAC: find(d, scan_mac(text, mac) ? mac : text, now_us, out); break;
	case SCAN_SERIAL: find(d, text, now_us, out); break;
	case SCAN_NOTHING: break;
	}
}

/* --- answers --- */

static void refused(struct desk *d, const json_t *error, uint64_t now_us, struct desk_out *out)
{
	const char *remedy = mirror_text(error, "remedy");

	desk_note(d, MEANS_BAD, now_us, "%s%s%s", mirror_text(error, "sentence"), *remedy ? "; " : "", remedy);
	out->bell = !d->mute;
}

/* What the station says of a code that was read. A wrong one raises a banner there, and that rings. */
static void scanned_back(struct desk *d, struct mirror *mirror, const json_t *result, uint64_t now_us,
			 struct desk_out *out)
{
	const struct unit_row *u = mirror_unit(mirror, (int64_t)json_integer_value(json_object_get(result, "unit")));
	const char *verdict = mirror_text(result, "verdict");

	if (strcmp(mirror_text(result, "is"), "unit") == 0) {
		if (u && u->unit != d->hand)
			show_unit(d, mirror, u, now_us, out);
	} else if (strcmp(verdict, "right") == 0) {
		if (u)
			desk_select(d, mirror, u->unit);
		desk_note(d, MEANS_GOOD, now_us, "LABEL RIGHT: %s", mirror_text(result, "serial"));
		d->hand = 0;
	} else {
		desk_note(d, MEANS_BAD, now_us, "LABEL WRONG: %s: %s", mirror_text(result, "sentence"),
			  mirror_text(result, "remedy"));
		out->bell = !d->mute;
	}
}

static void told(struct desk *d, const struct pending *p, const json_t *result, uint64_t now_us, struct desk_out *out)
{
	const json_t *list = json_object_get(result, "refused"), *first = json_array_get(list, 0);
	long long count = (long long)json_integer_value(json_object_get(result, "done"));
	const char *word = "done";

	for (size_t i = 0; i < VERBS; i++)
		if (verbs[i].act == p->act)
			word = verbs[i].done;
	if (first) {
		desk_note(d, MEANS_WARN, now_us, "%lld %s, %zu refused: %s; %s", count, word, json_array_size(list),
			  mirror_text(first, "sentence"), mirror_text(first, "remedy"));
		out->bell = !d->mute;
	} else if (p->act == ACT_RETRY || p->act == ACT_QUARANTINE || p->act == ACT_RELEASE) {
		desk_note(d, MEANS_GOOD, now_us, "%lld %s", count, word);
	} else {
		desk_note(d, MEANS_GOOD, now_us, "%s", word);
	}
}

/* The station lists whoever begins or ends so; only a whole number is an answer to a scan. */
static void found(struct desk *d, struct mirror *mirror, const char *text, const json_t *result, uint64_t now_us,
		  struct desk_out *out)
{
	size_t count = json_array_size(json_object_get(result, "units"));
	const struct unit_row *u = talk_known(mirror, text);

	if (u) {
		show_unit(d, mirror, u, now_us, out);
		return;
	}
	if (count > 0)
		desk_note(d, MEANS_WARN, now_us, "%zu%s device%s begin%s or end%s so: the whole number is wanted",
			  count, count >= FOUND_MAX ? " or more" : "", count == 1 ? "" : "s", count == 1 ? "s" : "",
			  count == 1 ? "s" : "");
	else
		desk_note(d, MEANS_WARN, now_us, "nobody of this lot has that number");
	out->bell = !d->mute;
}

void desk_answer(struct desk *d, struct mirror *mirror, const json_t *line, uint64_t now_us, struct desk_out *out)
{
	const json_t *id = json_object_get(line, "id"), *result = json_object_get(line, "result");
	struct pending p = { 0 };

	for (unsigned i = 0; i < DESK_PENDING_MAX; i++)
		if (json_is_integer(id) && d->pending[i].id == (int64_t)json_integer_value(id) && d->pending[i].id) {
			p = d->pending[i];
			d->pending[i].id = 0;
			break;
		}
	if (p.id == 0)
		return;
	if (!json_is_true(json_object_get(line, "ok"))) {
		if (p.act == ACT_DEVICE)
			mirror->detail.known = false;
		refused(d, json_object_get(line, "error"), now_us, out);
	} else if (p.badge) {
		mirror_take_role(mirror, result);
		desk_note(d, MEANS_GOOD, now_us, "%s: %s", mirror->actor, mirror_role_name(mirror->role));
	} else if (p.scan) {
		scanned_back(d, mirror, result, now_us, out);
	} else if (p.find) {
		found(d, mirror, p.text, result, now_us, out);
	} else if (p.act == ACT_DEVICE) {
		if (p.unit == d->device) {
			unsigned *cursor = &d->places[SCREEN_DEVICE].cursor;

			if (*cursor + 1 >= mirror->detail.moments)
				*cursor = UINT32_MAX; /* it stays at the end, as moments come */
			mirror_take_device(mirror, result);
			d->seen_of_device = mirror->changes;
		}
	} else {
		told(d, &p, result, now_us, out);
	}
}
