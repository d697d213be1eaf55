/* A label in a terminal: its items in turn. A dark module is a dark character, as on paper. */
#include <string.h>

#include "station/label/layout.h"

static void add_qr(struct label_buffer *out, const struct label_code *code, bool ascii)
{
	static const char *const halves[4] = { " ", "\xe2\x96\x84", "\xe2\x96\x80",
					       "\xe2\x96\x88" }; /* lower, upper, both */
	unsigned side = code->columns + 2 * code->quiet;

	/* Two rows to a line of half blocks; columns left of the code wrap to huge numbers, which are white. */
	for (unsigned y = 0; y < side; y += ascii ? 1 : 2) {
		for (unsigned x = 0; x < side; x++) {
			bool upper = code_is_black(code, x - code->quiet, y - code->quiet);
			bool lower = code_is_black(code, x - code->quiet, y + 1 - code->quiet);

			if (ascii)
				buffer_text(out, upper ? "##" : "  ");
			else
				buffer_text(out, halves[2 * upper + lower]);
		}
		buffer_text(out, "\n");
	}
}

static void add_bars(struct label_buffer *out, const struct label_code *code, bool ascii)
{
	static const char *const halves[4] = { " ", "\xe2\x96\x90", "\xe2\x96\x8c",
					       "\xe2\x96\x88" }; /* right, left, both */

	for (unsigned line = 0; line < 3; line++) {
		buffer_text(out, "    ");
		for (unsigned x = 0; x < code->columns; x += ascii ? 1 : 2) {
			bool left = code_is_black(code, x, 0), right = code_is_black(code, x + 1, 0);

			buffer_text(out, ascii ? left ? "|" : " " : halves[2 * left + right]);
		}
		buffer_text(out, "\n");
	}
}

static void add_printable(struct label_buffer *out, const char *text, bool ascii)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f || (ascii && c > 0x7f))
			buffer_print(out, "\\x%02x", c);
		else
			buffer_add(out, text, 1);
	}
	buffer_text(out, "\n");
}

void layout_text(const struct label_layout *layout, bool ascii, struct label_buffer *out)
{
	for (size_t i = 0; i < layout->count; i++) {
		const struct layout_mark *mark = &layout->marks[i];

		switch (mark->item->kind) {
		case ITEM_TEXT: add_printable(out, mark->text, ascii); break;
		case ITEM_QR:
			buffer_text(out, "QR code: ");
			add_printable(out, mark->text, ascii);
			add_qr(out, &mark->code, ascii);
			break;
		case ITEM_CODE128:
			buffer_text(out, "Code 128: ");
			add_printable(out, mark->text, ascii);
			add_bars(out, &mark->code, ascii);
			break;
		case ITEM_BOX: break;
		}
	}
}
