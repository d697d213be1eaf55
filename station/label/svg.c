/* SVG in millimetres, for office printers and for looking at. Text is text: it can be searched and read aloud. */
#include "station/label/layout.h"

/* Each run of black modules of a row is one rectangle of the path. */
static void add_code(struct label_buffer *out, const struct layout_mark *mark)
{
	const struct label_code *code = &mark->code;
	unsigned tall = code->rows == 1 ? mark->height : mark->line;

	buffer_text(out, "<path shape-rendering=\"crispEdges\" d=\"");
	for (unsigned row = 0; row < code->rows; row++)
		for (unsigned column = 0, run; column < code->columns; column += run) {
			for (run = 0; code_is_black(code, column + run, row); run++)
				;
			if (run)
				buffer_print(out, "M%u %uh%uv%uh-%uz", mark->x + column * mark->line,
					     mark->y + row * mark->line, run * mark->line, tall, run * mark->line);
			run = run ? run : 1;
		}
	buffer_text(out, "\"/>\n");
}

static void add_text(struct label_buffer *out, const struct layout_mark *mark)
{
	if (!*mark->text)
		return;
	buffer_print(out,
		     "<text x=\"%u\" y=\"%.1f\" font-size=\"%.2f\" textLength=\"%u\" lengthAdjust=\"spacingAndGlyphs\" "
		     "xml:space=\"preserve\">",
		     mark->x, mark->y + LAYOUT_BASELINE_OF_LINE * mark->line, LAYOUT_EM_OF_LINE * mark->line,
		     mark->width);
	buffer_xml(out, mark->text);
	buffer_text(out, "</text>\n");
}

static void add_box(struct label_buffer *out, const struct layout_mark *mark)
{
	double half = mark->line / 2.0;
	bool solid = 2 * mark->line >= mark->width || 2 * mark->line >= mark->height;

	if (solid)
		buffer_print(out, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"/>\n", mark->x, mark->y,
			     mark->width, mark->height);
	else
		buffer_print(out,
			     "<rect x=\"%.1f\" y=\"%.1f\" width=\"%u\" height=\"%u\" fill=\"none\" stroke=\"#000\" "
			     "stroke-width=\"%u\"/>\n",
			     mark->x + half, mark->y + half, mark->width - mark->line, mark->height - mark->line,
			     mark->line);
}

void layout_svg(const struct label_layout *layout, struct label_buffer *out)
{
	double dots = layout->template->dots_per_mm;

	buffer_print(out,
		     "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.2fmm\" height=\"%.2fmm\" viewBox=\"0 0 %u "
		     "%u\" role=\"img\" "
		     "font-family=\"'DejaVu Sans Mono', monospace\">\n<title>Label ",
		     layout->width / dots, layout->height / dots, layout->width, layout->height);
	buffer_xml(out, layout->template->name);
	buffer_text(out, " of ");
	buffer_xml(out, layout->serial);
	buffer_print(out, "</title>\n<rect width=\"%u\" height=\"%u\" fill=\"#fff\"/>\n", layout->width,
		     layout->height);
	for (size_t i = 0; i < layout->count; i++)
		switch (layout->marks[i].item->kind) {
		case ITEM_TEXT: add_text(out, &layout->marks[i]); break;
		case ITEM_QR:
		case ITEM_CODE128: add_code(out, &layout->marks[i]); break;
		case ITEM_BOX: add_box(out, &layout->marks[i]); break;
		}
	buffer_text(out, "</svg>\n");
}
