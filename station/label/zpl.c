/*
 * ZPL II. Texts are the printer's own font 0; codes are graphics (^GF), so that what was checked here is what is
 * printed, whichever encoder a printer's firmware has. ^CI28 is UTF-8; ^FH writes what ZPL would take for itself as
 * _XX.
 */
#include "station/label/layout.h"

static void add_field_data(struct label_buffer *out, const char *text)
{
	buffer_text(out, "^FH^FD");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c > 0x7e || c == '^' || c == '~' || c == '_')
			buffer_print(out, "_%02X", c);
		else
			buffer_add(out, text, 1);
	}
	buffer_text(out, "^FS\n");
}

/* ^GFA: rows of octets in hexadecimal, the leftmost dot in the highest bit. */
static void add_code(struct label_buffer *out, const struct layout_mark *mark)
{
	unsigned row_octets = (mark->width + 7) / 8;

	buffer_print(out, "^GFA,%u,%u,%u,", row_octets * mark->height, row_octets * mark->height, row_octets);
	for (unsigned y = 0; y < mark->height; y++) {
		unsigned row = mark->code.rows == 1 ? 0 : y / mark->line;

		for (unsigned octet = 0; octet < row_octets; octet++) {
			unsigned bits = 0;

			for (unsigned bit = 0; bit < 8; bit++)
				bits = bits << 1 | code_is_black(&mark->code, (8 * octet + bit) / mark->line, row);
			buffer_print(out, "%02X", bits);
		}
	}
	buffer_text(out, "^FS\n");
}

void layout_zpl(const struct label_layout *layout, struct label_buffer *out)
{
	buffer_print(out, "^XA\n^CI28\n^PW%u\n^LL%u\n^LH0,0\n", layout->width, layout->height);
	for (size_t i = 0; i < layout->count; i++) {
		const struct layout_mark *mark = &layout->marks[i];

		buffer_print(out, "^FO%u,%u", mark->x, mark->y);
		switch (mark->item->kind) {
		case ITEM_TEXT:
			/* As wide as the layout has it: font 0 is proportional and would be narrower or wider. */
			buffer_print(out, "^A0N,%u,%u", mark->line, mark->line * 9 / 10);
			add_field_data(out, mark->text);
			break;
		case ITEM_QR:
		case ITEM_CODE128: add_code(out, mark); break;
		case ITEM_BOX: buffer_print(out, "^GB%u,%u,%u^FS\n", mark->width, mark->height, mark->line); break;
		}
	}
	buffer_text(out, "^PQ1\n^XZ\n");
}
