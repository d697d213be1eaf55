/* What the server does on a request. Looking is answered at once; an order when it is on record and has taken effect.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/control/control_internal.h"

/* An order under way, or several for one request. The client may be gone when they are done. */
struct pending {
	struct control *control;
	uint64_t client;
	json_t *id;
	enum request_kind kind;
	int64_t banner;
	size_t left, done;
	json_t *refused;
	struct refusal first; /* of the refused */
	struct slot {
		struct pending *pending;
		int64_t unit;
	} slots[];
};

void client_grant(struct client *client, json_t *id, json_t *result)
{
	client_say(client, json_pack("{s:i, s:s, s:O, s:b, s:o}", "millrace", 1, "type", "answer", "id", id, "ok", 1,
				     "result", result ? result : json_object()));
}

static json_t *error_object(const struct refusal *why)
{
	json_t *sentence = json_string(why->sentence);

	return json_pack("{s:s, s:o, s:s}", "name", why->name, "sentence", sentence ? sentence : json_string("refused"),
			 "remedy", why->remedy);
}

void client_refuse(struct client *client, json_t *id, const struct refusal *why)
{
	client_say(client, json_pack("{s:i, s:s, s:O?, s:b, s:o}", "millrace", 1, "type", "answer", "id", id, "ok", 0,
				     "error", error_object(why)));
}

/* --- orders --- */

static void explain(struct refusal *why, int result, const char *because)
{
	switch (result) {
	case LINE_NO_UNIT: refuse(why, "no-unit", "find lists what is there", "this lot has no such unit"); return;
	case LINE_NO_RECORD:
		refuse(why, "no-record", "free disk space or repair the database",
		       "the database does not take the record of it");
		return;
	case LINE_NO_MEMORY: refuse(why, "busy", "try again", "no memory is left"); return;
	default: refuse(why, "not-now", "", "%s", because); return;
	}
}

static void add_refused(struct pending *p, int64_t unit, const struct refusal *why)
{
	json_t *o = error_object(why);

	if (!p->first.name)
		p->first = *why;
	if (o && unit)
		(void)json_object_set_new(o, "unit", json_integer(unit));
	(void)json_array_append_new(p->refused, o);
}

static void settle(struct pending *p)
{
	struct client *client;
	json_t *result;

	if (p->left > 0)
		return;
	client = control_client(p->control, p->client);
	if (client && p->done == 0 && p->first.name) {
		client_refuse(client, p->id, &p->first);
	} else if (client) {
		result = json_pack("{s:I}", "done", (json_int_t)p->done);
		if (result && json_array_size(p->refused) > 0)
			(void)json_object_set(result, "refused", p->refused);
		client_grant(client, p->id, result);
	}
	json_decref(p->id);
	json_decref(p->refused);
	free(p);
}

static void on_done(void *ctx, int result)
{
	struct slot *slot = ctx;
	struct pending *p = slot->pending;
	struct refusal why = { 0 };

	p->left--;
	if (result == LINE_DONE) {
		p->done++;
		if (p->kind == REQUEST_ACK)
			model_acknowledge(p->control->model, p->banner);
	} else {
		explain(&why, result, "something else was quicker: look at its state again");
		add_refused(p, slot->unit, &why);
	}
	settle(p);
}

static enum line_order_kind order_of(enum request_kind kind)
{
	switch (kind) {
	case REQUEST_RESUME: return LINE_ORDER_RESUME;
	case REQUEST_STOP: return LINE_ORDER_STOP;
	case REQUEST_ABORT: return LINE_ORDER_ABORT;
	case REQUEST_RETRY: return LINE_ORDER_RETRY;
	case REQUEST_QUARANTINE: return LINE_ORDER_QUARANTINE;
	case REQUEST_RELEASE: return LINE_ORDER_RELEASE;
	case REQUEST_ACK: return LINE_ORDER_ACKNOWLEDGE;
	case REQUEST_BADGE: return LINE_ORDER_BADGE;
	default: return LINE_ORDER_PAUSE;
	}
}

static void give(struct pending *p, size_t i, const struct line_order *order)
{
	struct refusal why = { 0 };
	const char *because;
	int result;

	result = line_order(p->control->line, order);
	if (result == LINE_DONE)
		return; /* on_done may have been called only later: orders wait for a commit */
	(void)line_order_check(p->control->line, order, &because);
	explain(&why, result, because);
	p->left--;
	add_refused(p, p->slots[i].unit, &why);
}

/* `units` NULL: an order to the line. */
static void order(struct client *client, const struct request *r, const int64_t *units, size_t count,
		  const char *subject, int64_t about)
{
	struct pending *p = calloc(1, sizeof(*p) + (count ? count : 1) * sizeof(p->slots[0]));
	struct refusal why = { 0 };

	if (!p || !(p->refused = json_array())) {
		free(p);
		explain(&why, LINE_NO_MEMORY, "");
		client_refuse(client, r->id, &why);
		return;
	}
	p->control = client->control;
	p->client = client->number;
	p->id = json_incref(r->id);
	p->kind = r->kind;
	p->banner = r->number;
	/* One more than there are, so that it stays until all have been given. */
	p->left = (count ? count : 1) + 1;
	for (size_t i = 0; i < (count ? count : 1); i++) {
		p->slots[i] = (struct slot){ p, units ? units[i] : 0 };
		give(p, i,
		     &(struct line_order){ .kind = order_of(r->kind),
					   .unit = units ? units[i] : about,
					   .actor = client->actor,
					   .reason = r->reason ? r->reason : "",
					   .subject = subject,
					   .done = on_done,
					   .ctx = &p->slots[i] });
	}
	p->left--;
	settle(p);
	control_stand(client->control); /* a clock that has stopped must move for the record */
}

static void order_units(struct client *client, const struct request *r)
{
	const char *name = r->serial ? r->serial : r->mac;
	const struct unit *unit = name ? model_by_name(client->control->model, name) : NULL;
	struct refusal why = { 0 };
	int64_t id;

	if (!name) {
		order(client, r, r->units, r->unit_count, NULL, 0);
		return;
	}
	if (!unit) {
		explain(&why, LINE_NO_UNIT, "");
		client_refuse(client, r->id, &why);
		return;
	}
	id = line_unit_id(unit);
	order(client, r, &id, 1, NULL, 0);
}

static void resume(struct client *client, const struct request *r)
{
	struct refusal why = { 0 };
	struct line_view view;

	line_look(client->control->line, &view);
	if (view.guard && model_guard_unseen(client->control->model))
		refuse(&why, "not-now", "acknowledge the banner first",
		       "the guard %s was tripped, and nobody has acknowledged it", view.guard);
	else if (view.guard && !r->reason)
		refuse(&why, "no-reason", "say why, for the record", "this overrides the guard %s", view.guard);
	if (why.name)
		client_refuse(client, r->id, &why);
	else
		order(client, r, NULL, 0, NULL, 0);
}

static void acknowledge(struct client *client, const struct request *r)
{
	struct refusal why = { 0 };
	char subject[80];
	int64_t unit;

	if (!model_banner(client->control->model, r->number, subject, &unit)) {
		refuse(&why, "no-banner", "somebody else may have acknowledged it", "there is no banner %lld",
		       (long long)r->number);
		client_refuse(client, r->id, &why);
		return;
	}
	order(client, r, NULL, 0, subject, unit);
}

/* --- who --- */

static void badge(struct client *client, const struct request *r)
{
	struct control *c = client->control;
	const struct settings_badge *b = r->text[0] ? settings_badge(c->o.settings, r->text) : NULL;
	struct refusal why = { 0 };
	uint64_t now_us = control_now_us();

	if (r->text[0] && now_us < client->badges_pause_us)
		refuse(&why, "busy", "scan it again in a few seconds", "too many unknown badges, one after the other");
	else if (r->text[0] && !b)
		refuse(&why, "unknown-badge", "scan again, or have it entered in the station's settings",
		       "the settings of this station know no such badge");
	if (why.name) {
		client_refuse(client, r->id, &why);
		if (now_us >= client->badges_pause_us && ++client->badges_wrong % BADGES_WRONG_MAX == 0)
			client->badges_pause_us = now_us + BADGES_PAUSE_US;
		return;
	}
	if (b)
		client->badges_wrong = 0;
	client->role = b && b->role > client->own_role ? b->role : client->own_role;
	if (b) {
		char name[2 * SETTINGS_NAME_MAX + 2];

		snprintf(name, sizeof(name), "%s %s", b->badge, b->name);
		text_cut(client->actor, LINE_ACTOR_MAX, name);
	} else
		memcpy(client->actor, client->own_actor, sizeof(client->actor));
	if (b && c->line)
		(void)line_order(c->line, &(struct line_order){ .kind = LINE_ORDER_BADGE,
								.actor = client->actor,
								.reason = role_name(client->role) });
	client_grant(client, r->id, json_pack("{s:s, s:s}", "role", role_name(client->role), "actor", client->actor));
	control_stand(c);
}

/* --- looking --- */

static void subscribe(struct client *client, const struct request *r)
{
	client->rate = r->rate ? r->rate : 10;
	client->parts = r->parts ? r->parts : MODEL_ALL;
	client->cursor = (struct model_cursor){ .seq = client->cursor.seq };
	client_grant(client, r->id, json_pack("{s:i}", "rate", (int)client->rate));
	client->subscribed = true;
	client->told_us = 0;
	model_sample(client->control->model);
	control_turn(client->control);
}

static void device(struct client *client, const struct request *r)
{
	struct model *m = client->control->model;
	const struct unit *unit = r->unit_count ? model_unit(m, r->units[0])
						: model_by_name(m, r->serial ? r->serial : r->mac);
	struct refusal why = { 0 };

	if (unit) {
		client_grant(client, r->id, model_device(m, unit));
		return;
	}
	explain(&why, LINE_NO_UNIT, "");
	client_refuse(client, r->id, &why);
}

/* --- jobs --- */

static void run(struct client *client, const struct request *r)
{
	struct control *c = client->control;
	struct refusal why = { 0 };
	char error[400] = "";
	int64_t job;

	if (!c->o.run) {
		refuse(&why, "no-job", "millrace serve takes jobs", "this station runs one job and takes no others");
	} else if (r->text[0] != '/') {
		refuse(&why, "wrong-value", "", "\"job\" is an absolute path");
	} else {
		job = c->o.run(c->o.ctx, r->text, r->db, r->stay, client->actor, error, sizeof(error));
		if (job >= 0) {
			client_grant(client, r->id, json_pack("{s:I}", "job", (json_int_t)job));
			control_jobs_changed(c);
			return;
		}
		refuse(&why, "no-job", "millrace check tells more", "%s", error);
	}
	client_refuse(client, r->id, &why);
}

static void cancel(struct client *client, const struct request *r)
{
	struct control *c = client->control;
	struct refusal why = { 0 };

	if (c->o.cancel && c->o.cancel(c->o.ctx, r->number)) {
		client_grant(client, r->id, json_pack("{s:i}", "done", 1));
		control_jobs_changed(c);
		return;
	}
	refuse(&why, "no-job", "stop or abort end the one that runs", "no job %lld waits", (long long)r->number);
	client_refuse(client, r->id, &why);
}

/* --- all of them --- */

static bool needs_line(enum request_kind kind)
{
	return (request_role(kind) > ROLE_OBSERVER && kind != REQUEST_RUN && kind != REQUEST_CANCEL) ||
	       kind == REQUEST_DEVICE;
}

static bool allowed(const struct client *client, const struct request *r, struct refusal *why)
{
	enum role role = request_role(r->kind);

	if (client->role < role)
		refuse(why, "role", role == ROLE_LEAD ? "scan a lead's badge" : "scan an operator's badge",
		       "an %s may not %s", role_name(client->role), request_name(r->kind));
	else if (needs_line(r->kind) && !client->control->line)
		refuse(why, "no-run", "queue a job: millrace ctl run JOB.yaml", "no run is in progress");
	return !why->name;
}

static void printer(struct client *client, const struct request *r)
{
	struct refusal why = { 0 };

	if (model_printer(client->control->model, client->number, r->state, r->text ? r->text : "")) {
		client_grant(client, r->id, NULL);
		control_turn(client->control);
		return;
	}
	refuse(&why, "wrong-value", "", "\"state\" is ok, warn, bad or none");
	client_refuse(client, r->id, &why);
}

static void act(struct client *client, struct request *r)
{
	struct control *c = client->control;
	json_t *o;

	switch (r->kind) {
	case REQUEST_HELLO:
		o = control_hello(c, client);
		(void)json_object_del(o, "type");
		(void)json_object_del(o, "millrace");
		client_grant(client, r->id, o);
		return;
	case REQUEST_BADGE: badge(client, r); return;
	case REQUEST_STATUS: client_grant(client, r->id, model_status(c->model)); return;
	case REQUEST_SUBSCRIBE: subscribe(client, r); return;
	case REQUEST_UNSUBSCRIBE:
		client->subscribed = false;
		client->cursor = (struct model_cursor){ .seq = client->cursor.seq };
		client_grant(client, r->id, NULL);
		return;
	case REQUEST_DEVICE: device(client, r); return;
	case REQUEST_FIND: client_grant(client, r->id, model_find(c->model, r->text)); return;
	case REQUEST_PAUSE:
	case REQUEST_STOP:
	case REQUEST_ABORT: order(client, r, NULL, 0, NULL, 0); return;
	case REQUEST_RESUME: resume(client, r); return;
	case REQUEST_RETRY:
	case REQUEST_QUARANTINE:
	case REQUEST_RELEASE: order_units(client, r); return;
	case REQUEST_ACK: acknowledge(client, r); return;
	case REQUEST_SCAN:
	case REQUEST_LABEL:
	case REQUEST_LABELLED: posting_request(client, r); return;
	case REQUEST_PRINTER: printer(client, r); return;
	case REQUEST_RUN: run(client, r); return;
	case REQUEST_CANCEL: cancel(client, r); return;
	case REQUEST_JOBS:
		o = c->o.jobs ? c->o.jobs(c->o.ctx) : json_array();
		client_grant(client, r->id, json_pack("{s:o}", "jobs", o ? o : json_array()));
		return;
	case REQUEST_COUNT: return;
	}
}

void client_request(struct client *client, const char *line, size_t len)
{
	struct request r;
	struct refusal why;
	bool fatal;

	if (!request_parse(line, len, &r, &why, &fatal)) {
		client_refuse(client, r.id, &why);
		if (fatal)
			client_bye(client, "garbage", "that is not the language of this socket: docs/control.md");
	} else if (!allowed(client, &r, &why)) {
		client_refuse(client, r.id, &why);
	} else {
		act(client, &r);
	}
	request_free(&r);
}
