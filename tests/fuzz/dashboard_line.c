/*
 * Lines of a hostile station: taken, drawn on every screen, in a size that the input chooses. No crash, no control
 * character on a screen.
 *
 * links: station/dashboard/view.c station/dashboard/view_line.c station/dashboard/view_radios.c
 * links: station/dashboard/view_channels.c station/dashboard/view_failures.c station/dashboard/view_device.c
 * links: station/dashboard/view_log.c station/dashboard/view_help.c station/dashboard/view_over.c
 * links: station/dashboard/canvas.c station/dashboard/desk.c station/dashboard/ask.c station/dashboard/talk.c
 * links: station/dashboard/keys.c station/dashboard/scan.c station/dashboard/columns.c
 * links: station/dashboard/mirror.c station/dashboard/atoms.c station/dashboard/text.c
 * links: station/dashboard/palette.c station/base/map.c
 * links: station/label/scan.c station/label/scanner.c
 */
#include <assert.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "station/dashboard/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw(struct desk *d, struct mirror *m, struct view *v, unsigned rows, unsigned cols, bool ascii)
{
	for (unsigned s = 0; s < SCREENS; s++) {
		d->screen = (enum screen_kind)s;
		d->device = 1;
		if (!view_build(v, d, m, rows, cols, ascii))
			continue;
		for (unsigned i = 0; i < v->base.rows * v->base.cols; i++)
			for (const char *c = v->base.cells[i].text; *c; c++)
				assert((unsigned char)*c >= ' ' && *c != 0x7f);
	}
}

/* Lines of the input, after two octets that give the size; what is no JSON is an answer's text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mirror *m = mirror_create();
	struct desk *d = desk_create();
	struct desk_out out = { 0 };
	struct view v = { 0 };
	unsigned rows = size > 0 ? data[0] : 24, cols = size > 1 ? data[1] : 80;

	setlocale(LC_CTYPE, "C.UTF-8");
	for (size_t at = 2; at < size;) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t len = end ? (size_t)(end - (data + at)) : size - at;
		json_t *line = json_loadb((const char *)data + at, len, JSON_REJECT_DUPLICATES, NULL);
		enum mirror_took took = line ? mirror_take(m, line) : MIRROR_STRANGE;

		if (took == MIRROR_STATE)
			desk_state(d, m, at * 1000, &out);
		if (took == MIRROR_ANSWER) {
			desk_answer(d, m, line, at * 1000, &out);
			mirror_take_device(m, json_object_get(line, "result"));
			mirror_take_role(m, json_object_get(line, "result"));
		}
		json_decref(line);
		at += len + 1;
	}
	draw(d, m, &v, rows, cols, rows & 1);
	for (unsigned i = 0; i < out.request_count; i++)
		json_decref(out.requests[i]);
	view_free(&v);
	desk_destroy(d);
	mirror_destroy(m);
	return 0;
}
