/*
 * A label of one unit, in dots of the printer: where each text, code and box lies, and what it says. Made from a
 * template and a unit; drawn as ZPL, SVG, PNG or text. All of these draw the same modules of the same codes.
 */
#pragma once

#include "station/label/template.h"

/* DejaVu Sans Mono: a line is 1.164 em high, its baseline 0.797 of that below the top, a character 0.517 of it wide. */
#define LAYOUT_EM_OF_LINE (1 / 1.164)
#define LAYOUT_BASELINE_OF_LINE 0.797
#define LAYOUT_ADVANCE_OF_LINE 0.517

struct layout_mark {
	const struct template_item *item;
	unsigned x, y, width, height; /* dots; of a code without its quiet zone */
	unsigned line;		      /* text: its height; box: its stroke; code: dots of a module */
	char *text;		      /* what it says; of a box NULL */
	struct label_code code;
};

struct label_layout {
	const struct label_template *template;
	char serial[40];
	unsigned width, height; /* dots */
	size_t count;
	struct layout_mark marks[TEMPLATE_ITEMS_MAX];
};

/*
 * true: wipe it with layout_wipe when it is drawn. false: `error` says with file, line and column what does not fit:
 * text beyond the edge, a code's quiet zone touched, what a code cannot say.
 */
bool layout_make(struct label_layout *layout, const struct label_template *template, const struct label_unit *unit,
		 char *error, size_t error_len);
void layout_wipe(struct label_layout *layout);
/* What its code says when it is scanned back; its serial number when it has none. */
const char *layout_scan_text(const struct label_layout *layout);

/* Each adds to `out`; out->bad: no memory is left. */
void layout_zpl(const struct label_layout *layout, struct label_buffer *out);
void layout_svg(const struct label_layout *layout, struct label_buffer *out);
/* Half blocks of UTF-8, or pure ASCII: every item in turn, codes as they are scanned, for terminals and tests. */
void layout_text(const struct label_layout *layout, bool ascii, struct label_buffer *out);
/* `font`: a TrueType file; NULL: DejaVu Sans Mono of the distribution. false: `error` says why. */
bool layout_png(const struct label_layout *layout, const char *font, struct label_buffer *out, char *error,
		size_t error_len);
