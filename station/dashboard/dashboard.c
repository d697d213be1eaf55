#include "station/dashboard/dashboard.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "station/base/loop.h"
#include "station/dashboard/client.h"
#include "station/dashboard/desk.h"
#include "station/dashboard/draw.h"
#include "station/dashboard/mirror.h"
#include "station/dashboard/rescue.h"
#include "station/dashboard/view.h"

#define FRAME_US 33000u	 /* no frame sooner after the last one, whatever comes */
#define FRAME_SHARE 10u	 /* a frame that takes long is followed by a pause of so many times its time */
#define TWICE_US 400000u /* two clicks on one place */
#define KEYS_MAX 64u	 /* in one turn: then signals, the station and the clock have theirs */
#define EMPTY_MAX 8u	 /* so many times in a row something was to be read, and nothing was there */

struct dashboard {
	struct loop *loop;
	struct client *client;
	struct mirror *mirror;
	struct desk *desk;
	struct draw *draw;
	struct view view;
	struct loop_timer frame, expire, more;	   /* more: keys that were read from the terminal, and wait */
	bool ascii, dirty, of_run, run_over, over; /* over: nothing more is to be read */
	bool ended;				   /* the station said goodbye because the run is over */
	unsigned empty;
	int told_fd; /* readable: told to end; -1: none */
	uint64_t drawn_us, gap_us, clicked_us;
	unsigned clicked_row;
};

static void wants(struct dashboard *d, struct desk_out *out)
{
	for (unsigned i = 0; i < out->request_count; i++)
		if (!client_send(d->client, out->requests[i]))
			desk_note(d->desk, MEANS_BAD, loop_now_us(d->loop), "could not be sent: no connection");
	if (out->bell)
		draw_bell(d->draw);
	if (out->redraw)
		draw_all_anew(d->draw);
	/* As the terminal would have done: everybody who has it in hand hears of it, this screen too (on_signal). */
	if (out->interrupt)
		kill(0, SIGINT);
	if (out->quit)
		loop_stop(d->loop);
}

static void draw_now(struct dashboard *d)
{
	uint64_t from_us = loop_now_us(d->loop);
	unsigned rows, cols;

	rescue_turn();
	d->dirty = false;
	draw_size(d->draw, &rows, &cols);
	if (view_build(&d->view, d->desk, d->mirror, rows, cols, d->ascii))
		draw_show(d->draw, &d->view);
	d->drawn_us = loop_now_us(d->loop);
	d->gap_us = (d->drawn_us - from_us) * FRAME_SHARE;
	d->gap_us = d->gap_us < FRAME_US ? FRAME_US : d->gap_us;
}

static void on_frame(void *ctx, uint64_t now_us)
{
	(void)now_us;
	draw_now(ctx);
}

/* Something changed: draws at once, or when the last frame is old enough. */
static void changed(struct dashboard *d)
{
	uint64_t now_us = loop_now_us(d->loop), at_us = d->drawn_us + d->gap_us;

	loop_at(d->loop, &d->expire, desk_deadline_us(d->desk, d->mirror));
	if (d->dirty)
		return;
	d->dirty = true;
	loop_at(d->loop, &d->frame, at_us > now_us ? at_us : now_us);
}

static void click(struct dashboard *d, unsigned row, unsigned col, bool twice, struct desk_out *out)
{
	uint64_t now_us = loop_now_us(d->loop), arg;
	uint32_t key = view_click(&d->view, row, col, &arg);

	if (key == KEYS_ROW && (twice || (d->clicked_row == row && now_us - d->clicked_us < TWICE_US)))
		key = KEYS_ROW_TWICE;
	d->clicked_row = row;
	d->clicked_us = now_us;
	if (key != KEYS_NONE)
		desk_click(d->desk, d->mirror, key, arg, now_us, out);
}

/* The keys that wait, so many at most. How many there were. */
static unsigned take_keys(struct dashboard *d)
{
	unsigned row = 0, col = 0, keys = 0;
	bool twice = false;
	uint32_t key;

	while (!d->over && keys < KEYS_MAX && (key = draw_key(d->draw, &row, &col, &twice)) != KEYS_NONE) {
		struct desk_out out = { 0 };

		keys++;
		if (key == KEYS_MOUSE)
			click(d, row, col, twice, &out);
		else if (key != KEYS_RESIZE) /* the next frame asks for the size in any case */
			desk_key(d->desk, d->mirror, key, 0, loop_now_us(d->loop), &out);
		d->over = out.quit;
		wants(d, &out);
	}
	/* The rest may be in the library's queue already, where nobody sees that it waits. */
	if (keys == KEYS_MAX)
		loop_at(d->loop, &d->more, loop_now_us(d->loop));
	return keys;
}

static void on_expire(void *ctx, uint64_t now_us)
{
	struct dashboard *d = ctx;
	struct desk_out out = { 0 };

	rescue_turn();
	/* What was typed before this moment counts before it: a letter with more behind it is no command. */
	(void)take_keys(d);
	now_us = loop_now_us(d->loop);
	desk_expire(d->desk, d->mirror, now_us, &out);
	wants(d, &out);
	changed(d);
}

static void on_keys(void *ctx, uint32_t events)
{
	struct dashboard *d = ctx;
	unsigned keys;

	rescue_turn();
	keys = take_keys(d);
	d->empty = keys > 0 ? 0 : d->empty + 1;
	/* Readable without a key: the terminal is gone. Not every one says so, and this would go on for ever. */
	if (keys == 0 && (events & (EPOLLHUP | EPOLLERR) || d->empty >= EMPTY_MAX))
		loop_stop(d->loop);
	changed(d);
}

static void on_more(void *ctx, uint64_t now_us)
{
	struct dashboard *d = ctx;

	(void)now_us;
	rescue_turn();
	(void)take_keys(d);
	changed(d);
}

static void on_told(void *ctx, uint32_t events)
{
	struct dashboard *d = ctx;

	(void)events;
	loop_stop(d->loop);
}

static void on_signal(void *ctx, int number)
{
	struct dashboard *d = ctx;

	rescue_turn();
	if (number == SIGWINCH) {
		changed(d);
	} else if (number == SIGINT && d->of_run && !d->run_over) {
		/* It was for the run, which has it too: the first drains, the second stops at once. */
		desk_note(d->desk, MEANS_WARN, loop_now_us(d->loop),
			  "Ctrl-C: the devices in hand finish; once more to stop now");
		changed(d);
	} else {
		loop_stop(d->loop); /* a terminal that takes nothing any more (SIGPIPE), too */
	}
}

static void subscribe(struct dashboard *d)
{
	json_t *request = json_pack("{s:i, s:s, s:i}", "id", 0, "do", "subscribe", "rate", DASHBOARD_RATE);

	(void)client_send(d->client,
			  json_pack("{s:i, s:s, s:s}", "id", 0, "do", "hello", "client", "millrace dashboard"));
	(void)client_send(d->client, request);
}

static void on_bye(struct dashboard *d, const json_t *line)
{
	const char *sentence = mirror_text(line, "sentence"), *reason = mirror_text(line, "reason");
	char why[200];

	snprintf(why, sizeof(why), "the station says: %s", *sentence ? sentence : *reason ? reason : "goodbye");
	d->ended = strcmp(reason, "ended") == 0;
	d->run_over = d->of_run && d->ended;
	client_hang_up(d->client, why);
}

static void on_line(void *ctx, const json_t *line)
{
	struct dashboard *d = ctx;
	uint64_t now_us = loop_now_us(d->loop);
	struct desk_out out = { 0 };

	rescue_turn();
	desk_heard(d->desk, now_us);
	switch (mirror_take(d->mirror, line)) {
	case MIRROR_STRANGE: client_hang_up(d->client, "what answers there does not speak as a station does"); break;
	case MIRROR_VERSION:
		client_hang_up(
			d->client,
			"the station speaks another version of the protocol; use the dashboard that came with it");
		break;
	case MIRROR_HELLO:
		d->ended = false;
		client_greeted(d->client);
		subscribe(d);
		break;
	case MIRROR_STATE: desk_state(d->desk, d->mirror, now_us, &out); break;
	case MIRROR_ANSWER: desk_answer(d->desk, d->mirror, line, now_us, &out); break;
	case MIRROR_BYE: on_bye(d, line); break;
	case MIRROR_PART:
	case MIRROR_IGNORED: return;
	}
	wants(d, &out);
	changed(d);
}

static void on_lost(void *ctx, const char *why, uint64_t wait_us, bool nobody)
{
	struct dashboard *d = ctx;
	char text[320];

	/* It may be back in a moment: what happened stays to be read. */
	if (d->mirror->greeted && !d->ended)
		desk_note(d->desk, MEANS_BAD, loop_now_us(d->loop), "connection lost: %s", why);
	mirror_disconnected(d->mirror);
	d->run_over |= d->of_run && nobody;
	if (d->run_over) {
		client_rest(d->client);
		snprintf(text, sizeof(text), "the run is over: q shows its summary");
	} else {
		snprintf(text, sizeof(text), "%strying again in %.1f s: %s", d->ended ? "the run has ENDED; " : "",
			 (double)wait_us / 1e6, why);
	}
	desk_lost(d->desk, text, d->ended || d->run_over);
	changed(d);
}

static int open_parts(struct dashboard *d, const struct dashboard_options *options, char *error, size_t error_len)
{
	const struct client_options client = { d->loop, options->socket, d, on_line, on_lost };

	d->mirror = mirror_create();
	d->desk = desk_create();
	if (!d->loop || !d->mirror || !d->desk) {
		snprintf(error, error_len, "no memory");
		return -1;
	}
	d->desk->scanner.setup = options->scanner;
	if (loop_signals(d->loop, on_signal, d) == 0)
		d->told_fd = rescue_begin();
	d->draw = draw_open(options->palette, error, error_len);
	if (!d->draw)
		return -1;
	d->client = client_create(&client);
	if (!d->client || d->told_fd < 0 || loop_watch(d->loop, STDIN_FILENO, EPOLLIN, on_keys, d) < 0 ||
	    loop_watch(d->loop, d->told_fd, EPOLLIN, on_told, d) < 0) {
		snprintf(error, error_len, "the terminal cannot be waited for");
		return -1;
	}
	return 0;
}

int dashboard_run(const struct dashboard_options *options, char *error, size_t error_len)
{
	struct dashboard d = {
		.loop = loop_create_real(), .of_run = options->of_run, .gap_us = FRAME_US, .told_fd = -1
	};
	int result;

	setlocale(LC_CTYPE, "");
	d.ascii = options->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	d.frame = (struct loop_timer){ .fn = on_frame, .ctx = &d, .at_us = LOOP_NEVER };
	d.expire = (struct loop_timer){ .fn = on_expire, .ctx = &d, .at_us = LOOP_NEVER };
	d.more = (struct loop_timer){ .fn = on_more, .ctx = &d, .at_us = LOOP_NEVER };
	result = open_parts(&d, options, error, error_len);
	if (result == 0) {
		changed(&d);
		loop_run(d.loop);
	}
	client_destroy(d.client);
	draw_close(d.draw);
	rescue_end();
	view_free(&d.view);
	desk_destroy(d.desk);
	mirror_destroy(d.mirror);
	loop_destroy(d.loop);
	return result;
}
