#include "station/report/plot.h"

#include <math.h>
#include <string.h>

#include "station/report/sheet.h"

#define WIDTH 720

static double highest(const struct plot *plot)
{
	double top = 0;

	for (size_t i = 0; i < plot->count; i++) {
		top = fmax(top, plot->bars[i].value);
		if (!isnan(plot->bars[i].second))
			top = fmax(top, plot->bars[i].second);
	}
	return top > 0 ? top : 1;
}

static void begin(FILE *to, const struct plot *plot, unsigned height)
{
	fprintf(to,
		"<figure>\n<svg viewBox=\"0 0 %d %u\" role=\"img\" aria-labelledby=\"%s-t %s-d\">\n<title id=\"%s-t\">",
		WIDTH, height, plot->id, plot->id, plot->id);
	sheet_html_text(to, plot->title);
	fprintf(to, "</title>\n<desc id=\"%s-d\">", plot->id);
	sheet_html_text(to, plot->words);
	fputs("</desc>\n", to);
}

static void end(FILE *to, const struct plot *plot)
{
	fputs("</svg>\n<figcaption>", to);
	sheet_html_text(to, plot->title);
	fputs(". ", to);
	sheet_html_text(to, plot->words);
	fputs("</figcaption>\n</figure>\n", to);
}

void plot_lying(FILE *to, const struct plot *plot)
{
	static const double left = 200, right = 110, row = 24;
	double scale = (WIDTH - left - right) / highest(plot);

	begin(to, plot, (unsigned)(row * (double)plot->count) + 4);
	for (size_t i = 0; i < plot->count; i++) {
		const struct plot_bar *bar = &plot->bars[i];
		double y = row * (double)i + 2, length = bar->value * scale, far = length;

		fprintf(to, "<text class=\"name\" x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">", left - 8, y + 14);
		sheet_html_text(to, bar->name);
		fprintf(to, "</text><rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"16\" rx=\"2\"/>",
			left, y + 2, fmax(length, 1));
		if (!isnan(bar->second)) {
			far = fmax(far, bar->second * scale);
			fprintf(to, "<path class=\"mark\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv16\"/>", left + length, y + 10,
				left + bar->second * scale, left + bar->second * scale, y + 2);
		}
		fprintf(to, "<text class=\"value\" x=\"%.1f\" y=\"%.1f\">", left + far + 6, y + 14);
		sheet_html_text(to, bar->label);
		fputs("</text>\n", to);
	}
	end(to, plot);
}

/* 1, 2 or 5 times a power of ten: about four of them up to `top`. */
static double step_for(double top)
{
	double raw = top / 4, power = pow(10, floor(log10(raw))), first = raw / power;

	return power * (first <= 1 ? 1 : first <= 2 ? 2 : first <= 5 ? 5 : 10);
}

void plot_standing(FILE *to, const struct plot *plot, double span, const char *unit, const char *each)
{
	static const double left = 46, bottom = 36, top = 22, height = 220;
	double area = WIDTH - left - 12, tall = height - bottom - top, most = highest(plot);
	double wide = area / (double)(plot->count ? plot->count : 1), step = fmax(step_for(most), 1);

	begin(to, plot, (unsigned)height);
	for (double y = 0; y <= most + step / 1000; y += step)
		fprintf(to,
			"<path class=\"grid\" d=\"M%.0f %.1fh%.0f\"/><text class=\"axis\" x=\"%.0f\" y=\"%.1f\" "
			"text-anchor=\"end\">%g</text>\n",
			left, height - bottom - y / most * tall, area, left - 6, height - bottom - y / most * tall + 4,
			y);
	for (size_t i = 0; i < plot->count; i++)
		if (plot->bars[i].value > 0)
			fprintf(to, "<rect class=\"bar\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
				left + wide * (double)i + 1, height - bottom - plot->bars[i].value / most * tall,
				fmax(wide - 2, 1), plot->bars[i].value / most * tall);
	step = step_for(span);
	for (double x = 0; x <= span + step / 1000; x += step)
		fprintf(to, "<text class=\"axis\" x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%g</text>\n",
			left + x / span * area, height - bottom + 16, x);
	fprintf(to,
		"<text class=\"axis\" x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">%s</text><text class=\"axis\" "
		"x=\"%.0f\" y=\"13\">%s</text>\n",
		left + area, height - 4, unit, left, each);
	end(to, plot);
}

void plot_print(FILE *to, const struct plot *plot)
{
	static const char full[] = "########################################";
	double most = highest(plot);
	int name = 0;

	for (size_t i = 0; i < plot->count; i++)
		name = (int)strlen(plot->bars[i].name) > name ? (int)strlen(plot->bars[i].name) : name;
	for (size_t i = 0; i < plot->count; i++) {
		const struct plot_bar *bar = &plot->bars[i];

		fprintf(to, "%*s  %-40.*s  %s\n", name, bar->name, (int)(bar->value / most * 40 + 0.5), full,
			bar->label);
	}
}
