/*
 * The terminal: shows canvases through ncurses and its panels, and gives keys. Only what differs from what stands there
 * is written. The one place that knows ncurses, which keeps one screen per process.
 */
#pragma once

#include "station/dashboard/canvas.h"
#include "station/dashboard/view.h"

struct draw;

/*
 * Takes the terminal on standard input and output. NULL with a sentence and a remedy in `error`: it is no terminal, or
 * one that ncurses does not know or that cannot place its cursor. `palette` becomes mono where there are no colours.
 */
struct draw *draw_open(enum palette palette, char *error, size_t error_len);
void draw_close(struct draw *draw); /* gives the terminal back as it was */
/* The terminal's size now, asked for each time: not every terminal tells when it changes. */
void draw_size(struct draw *draw, unsigned *rows, unsigned *cols);
void draw_all_anew(struct draw *draw);
void draw_show(struct draw *draw, const struct view *view);
void draw_bell(struct draw *draw);
/* The next key that waits, KEYS_NONE when none does. Of the mouse: KEYS_MOUSE with its place, `twice` for two clicks.
 */
uint32_t draw_key(struct draw *draw, unsigned *row, unsigned *col, bool *twice);
