#include "station/label/layout.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rectangle {
	long left, top, right, bottom; /* right and bottom are outside */
};

__attribute__((format(printf, 4, 5))) static bool refuse(char *error, size_t error_len,
							 const struct template_item *item, const char *format, ...)
{
	va_list args;
	int len = snprintf(error, error_len, "%u:%u: ", item->line, item->column);

	va_start(args, format);
	if (len > 0 && (size_t)len < error_len)
		vsnprintf(error + len, error_len - (size_t)len, format, args);
	va_end(args);
	return false;
}

static unsigned to_dots(const struct label_template *template, uint32_t micrometres)
{
	return (unsigned)(((uint64_t)micrometres * template->dots_per_mm + 500) / 1000);
}

static size_t characters_in(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static void place_text(struct layout_mark *mark, const struct label_template *template)
{
	double advance = LAYOUT_ADVANCE_OF_LINE * mark->line;
	unsigned room = to_dots(template, mark->item->width);

	mark->width = (unsigned)((double)characters_in(mark->text) * advance + 0.5);
	mark->height = mark->line;
	if (room > mark->width && mark->item->align == ALIGN_CENTER)
		mark->x += (room - mark->width) / 2;
	if (room > mark->width && mark->item->align == ALIGN_RIGHT)
		mark->x += room - mark->width;
}

static bool place_code(struct layout_mark *mark, const struct label_template *template, char *error, size_t error_len)
{
	const struct template_item *item = mark->item;

	if (item->kind == ITEM_QR ? !code_qr(&mark->code, mark->text, (enum code_correction)item->correction)
				  : !code_128(&mark->code, mark->text, strlen(mark->text)))
		return refuse(error, error_len, item, "its payload has %zu octets and no code can say it; allowed: %s",
			      strlen(mark->text),
			      item->kind == ITEM_QR ? "a shorter payload" : "1 to 80 characters of ASCII");
	mark->width = mark->code.columns * mark->line;
	mark->height = item->kind == ITEM_QR ? mark->code.rows * mark->line : to_dots(template, item->height);
	return true;
}

static bool place(struct label_layout *layout, const struct template_item *item, const struct label_unit *unit,
		  char *error, size_t error_len)
{
	const struct label_template *template = layout->template;
	struct layout_mark *mark = &layout->marks[layout->count++];
	struct label_buffer text = { 0 };
	struct fields_fault fault;

	*mark = (struct layout_mark){ .item = item, .x = to_dots(template, item->x), .y = to_dots(template, item->y) };
	if (item->kind == ITEM_BOX) {
		mark->width = to_dots(template, item->width);
		mark->height = to_dots(template, item->height);
		mark->line = to_dots(template, item->stroke) ? to_dots(template, item->stroke) : 1;
		return true;
	}
	if (!template_say(template, item, unit, &text, &fault)) {
		buffer_wipe(&text);
		return refuse(error, error_len, item, "%s", fault.words);
	}
	mark->text = text.at ? text.at : calloc(1, 1); /* the layout owns the buffer's memory from now on */
	if (!mark->text || text.bad)
		return refuse(error, error_len, item, "no memory is left");
	mark->line = to_dots(template, item->kind == ITEM_TEXT ? item->size : item->module);
	if (item->kind != ITEM_TEXT)
		return place_code(mark, template, error, error_len);
	place_text(mark, template);
	return true;
}

static struct rectangle covered(const struct layout_mark *mark, bool with_quiet)
{
	long side = with_quiet ? (long)(mark->code.quiet * mark->line) : 0;
	long above = mark->item->kind == ITEM_QR ? side : 0; /* Code 128 is quiet at its ends only */

	return (struct rectangle){ (long)mark->x - side, (long)mark->y - above, (long)(mark->x + mark->width) + side,
				   (long)(mark->y + mark->height) + above };
}

static bool overlap(struct rectangle a, struct rectangle b)
{
	return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

static const char *const kind_names[] = { "the text", "the QR code", "the Code 128", "the box" };

static bool fits(const struct label_layout *layout, const struct layout_mark *mark, char *error, size_t error_len)
{
	double dots = layout->template->dots_per_mm;
	bool code = mark->item->kind == ITEM_QR || mark->item->kind == ITEM_CODE128;
	struct rectangle r = covered(mark, code);

	if (r.left < 0 || r.top < 0 || r.right > (long)layout->width || r.bottom > (long)layout->height)
		return refuse(error, error_len, mark->item,
			      "%s reaches from %.1f,%.1f to %.1f,%.1f mm%s, and the label is %.1f by %.1f mm: "
			      "move it, or make it smaller or shorter",
			      kind_names[mark->item->kind], (double)r.left / dots, (double)r.top / dots,
			      (double)r.right / dots, (double)r.bottom / dots, code ? " with its quiet zone" : "",
			      layout->width / dots, layout->height / dots);
	for (size_t i = 0; code && i < layout->count; i++) {
		const struct layout_mark *other = &layout->marks[i];

		if (other != mark && other->item->kind != ITEM_BOX && overlap(r, covered(other, false)))
			return refuse(error, error_len, other->item,
				      "%s touches the quiet zone of %s of line %u, which must stay white (%u "
				      "modules): move it",
				      kind_names[other->item->kind], kind_names[mark->item->kind], mark->item->line,
				      mark->code.quiet);
	}
	return true;
}

bool layout_make(struct label_layout *layout, const struct label_template *template, const struct label_unit *unit,
		 char *error, size_t error_len)
{
	int len = snprintf(error, error_len, "%s:", template->path);
	size_t used = len > 0 && (size_t)len < error_len ? (size_t)len : 0;
	bool good = true;

	*layout = (struct label_layout){ .template = template,
					 .width = to_dots(template, template->width),
					 .height = to_dots(template, template->height) };
	snprintf(layout->serial, sizeof(layout->serial), "%s", unit->serial);
	for (size_t i = 0; good && i < template->item_count; i++)
		good = place(layout, &template->items[i], unit, error + used, error_len - used);
	for (size_t i = 0; good && i < layout->count; i++)
		good = fits(layout, &layout->marks[i], error + used, error_len - used);
	if (good)
		*error = '\0';
	else
		layout_wipe(layout);
	return good;
}

void layout_wipe(struct label_layout *layout)
{
	for (size_t i = 0; i < layout->count; i++) {
		struct layout_mark *mark = &layout->marks[i];

		if (mark->text)
			OPENSSL_cleanse(mark->text, strlen(mark->text));
		free(mark->text);
		code_wipe(&mark->code);
	}
	layout->count = 0;
}

const char *layout_scan_text(const struct label_layout *layout)
{
	int at = layout->template->scan_item;

	return at < 0 ? layout->serial : layout->marks[at].text;
}
