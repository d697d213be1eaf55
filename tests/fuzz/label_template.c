/*
 * Any octets as a label template: refused with file, line and column, or a label that can be drawn or says why not.
 *
 * links: station/label/template.c station/label/say.c station/label/fields.c station/label/buffer.c
 * links: station/label/payload.c station/label/matter.c station/label/homekit.c station/label/layout.c
 * links: station/label/zpl.c station/label/svg.c station/label/preview.c station/label/code128.c
 * links: station/label/qr.c station/yaml/tree.c station/yaml/complaint.c station/yaml/value.c
 * links: station/yaml/words.c station/base/log.c
 *
 * Seeds: config/labels (tests/fuzz/seeds/label_template).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "station/label/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw(const struct label_template *template)
{
	struct label_unit unit = { .serial = "AC10000175",
				   .lot = "2611-A07",
				   .product = "AC-100",
				   .hw_rev = "C",
				   .firmware = "1.0.0",
				   .mac = { 2, 0x4d, 0x52, 0, 0, 0xc2 },
				   .passed_us = 1790000000000000,
				   .pin = "51808582",
				   .key = { 4 } };
	struct label_layout layout;
	struct label_buffer out = { 0 };
	char error[700];

	if (!layout_make(&layout, template, &unit, error, sizeof(error))) {
		assert(strncmp(error, "fuzz.yaml:", 10) == 0);
		return;
	}
	for (size_t i = 0; i < layout.count; i++)
		assert(layout.marks[i].x + layout.marks[i].width <= layout.width &&
		       layout.marks[i].y + layout.marks[i].height <= layout.height);
	assert(layout_scan_text(&layout));
	layout_text(&layout, true, &out);
	layout_svg(&layout, &out);
	/* What a printer takes for itself stands only where it was put. */
	buffer_wipe(&out);
	layout_zpl(&layout, &out);
	assert(!memchr(out.at, '~', out.len));
	buffer_wipe(&out);
	layout_wipe(&layout);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char none[1];
	struct job_errors errors;
	struct label_template *template = template_parse("fuzz.yaml", size ? (const char *)data : none, size, &errors);

	assert((template == NULL) == (errors.count > 0));
	for (size_t i = 0; i < errors.count; i++)
		assert(strncmp(errors.text[i], "fuzz.yaml:", 10) == 0);
	if (template)
		draw(template);
	template_destroy(template);
	return 0;
}
