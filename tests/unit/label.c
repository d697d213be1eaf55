/*
 * Labels drawn from the templates of config/labels, and their codes read back by zbar: from the PNG, from the SVG that
 * librsvg draws, and from the graphics of the ZPL. Then what a label cannot hold.
 *
 * links: station/label/template.c station/label/say.c station/label/fields.c station/label/buffer.c
 * links: station/label/payload.c station/label/matter.c
 * links: station/label/homekit.c station/label/code128.c station/label/qr.c station/label/layout.c
 * links: station/label/zpl.c
 * links: station/label/svg.c station/label/preview.c station/label/png.c station/label/built_in.c
 * links: station/yaml/tree.c
 * links: station/yaml/complaint.c station/yaml/value.c station/yaml/words.c station/base/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/label/layout.h"

struct place {
	char dir[64], path[100], error[700], out[4000];
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->dir, "/tmp/millrace-label-XXXXXX");
	*state = place;
	return mkdtemp(place->dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(place);
	return 0;
}

static struct label_unit a_unit(void)
{
	struct label_unit unit = { .unit = 7,
				   .serial = "AC10000175",
				   .lot = "2611-A07",
				   .product = "AC-100",
				   .hw_rev = "C",
				   .firmware = "1.0.0",
				   .mac = { 2, 0x4d, 0x52, 0, 0, 0xc2 },
				   .device_id = { 1, 2, 3, 4, 5, 6, 7, 8 },
				   .passed_us = 1790000000000000,
				   .pin = "51808582",
				   .key = { 4, 1, 2, 3 } };

	return unit;
}

static struct label_template *loaded(const char *path)
{
	struct job_errors errors;
	struct label_template *template = template_load(path, &errors);

	for (size_t i = 0; i < errors.count; i++)
		fail_msg("%s", errors.text[i]);
	return template;
}

static void write_octets(const char *path, const void *at, size_t len)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(at, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void run(struct place *place, const char *command)
{
	FILE *pipe = popen(command, "r");
	size_t len = fread(place->out, 1, sizeof(place->out) - 1, pipe);

	place->out[len] = '\0';
	if (pclose(pipe) != 0)
		fail_msg("%s: %s", command, place->out);
}

/* Every code of an image, each on a line. */
static void read_codes(struct place *place, const char *path)
{
	char command[600];

	snprintf(command, sizeof(command), "zbarimg --nodbus -q --raw %s 2>&1", path);
	run(place, command);
}

static bool has_line(const char *lines, const char *line)
{
	for (const char *at = lines; (at = strstr(at, line)); at++)
		if ((at == lines || at[-1] == '\n') && at[strlen(line)] == '\n')
			return true;
	return false;
}

/* PGM of the ^GFA fields of a label, each where ^FO puts it: what a printer would burn. Texts are left out. */
static void print_graphics(const char *zpl, const char *path)
{
	unsigned width = 0, height = 0, x = 0, y = 0;
	unsigned char *dots;
	FILE *file;

	assert_int_equal(sscanf(strstr(zpl, "^PW"), "^PW%u\n^LL%u", &width, &height), 2);
	dots = malloc((size_t)width * height);
	memset(dots, 255, (size_t)width * height);
	for (const char *at = zpl; (at = strstr(at, "^FO")); at++) {
		unsigned octets, total, row_octets;
		int used = 0;

		assert_int_equal(sscanf(at, "^FO%u,%u", &x, &y), 2);
		if (sscanf(at, "^FO%*u,%*u^GFA,%u,%u,%u,%n", &octets, &total, &row_octets, &used) != 3 || !used)
			continue;
		assert_int_equal(octets, total);
		for (unsigned i = 0; i < total; i++) {
			unsigned octet;

			assert_int_equal(sscanf(at + used + 2 * i, "%2x", &octet), 1);
			for (unsigned bit = 0; bit < 8; bit++)
				if (octet & 0x80u >> bit) {
					unsigned column = x + 8 * (i % row_octets) + bit, row = y + i / row_octets;

					assert_true(column < width && row < height);
					dots[row * width + column] = 0;
				}
		}
		assert_memory_equal(at + used + 2 * total, "^FS", 3);
	}
	file = fopen(path, "wb");
	fprintf(file, "P5\n%u %u\n255\n", width, height);
	assert_int_equal(fwrite(dots, 1, (size_t)width * height, file), (size_t)width * height);
	fclose(file);
	free(dots);
}

/* PNG, SVG and ZPL of one template; every code of the label must be among what zbar reads from each. */
static void check_template(struct place *place, const char *path, const char *const *codes)
{
	struct label_template *template = loaded(path);
	struct label_unit unit = a_unit();
	struct label_layout layout;
	struct label_buffer png = { 0 }, svg = { 0 }, zpl = { 0 };
	char file[3][120], command[400];

	if (!layout_make(&layout, template, &unit, place->error, sizeof(place->error)))
		fail_msg("%s", place->error);
	snprintf(file[0], sizeof(file[0]), "%s/label.png", place->dir);
	snprintf(file[1], sizeof(file[1]), "%s/svg.png", place->dir);
	snprintf(file[2], sizeof(file[2]), "%s/zpl.pgm", place->dir);
	if (!layout_png(&layout, NULL, &png, place->error, sizeof(place->error)))
		fail_msg("%s", place->error);
	write_octets(file[0], png.at, png.len);
	layout_svg(&layout, &svg);
	snprintf(place->path, sizeof(place->path), "%s/label.svg", place->dir);
	write_octets(place->path, svg.at, svg.len);
	snprintf(command, sizeof(command), "rsvg-convert -z 4 -o %s %s 2>&1", file[1], place->path);
	run(place, command);
	layout_zpl(&layout, &zpl);
	print_graphics(zpl.at, file[2]);
	for (size_t i = 0; i < 3; i++) {
		read_codes(place, file[i]);
		for (const char *const *code = codes; *code; code++)
			if (!has_line(place->out, *code))
				fail_msg("%s: zbar reads \"%s\" from %s, not \"%s\"", path, place->out, file[i], *code);
	}
	buffer_wipe(&png);
	buffer_wipe(&svg);
	buffer_wipe(&zpl);
	layout_wipe(&layout);
	template_destroy(template);
}

static void codes_of_every_example_are_read_back_from_png_svg_and_zpl(void **state)
{
	struct place *place = *state;

	check_template(place, "config/labels/serial.yaml", (const char *const[]){ "AC10000175", NULL });
	/* Discriminator 10000175 mod 4096 = 1839: MT: and the manual code of passcode 51808582. */
	check_template(place, "config/labels/micro-ap.yaml",
		       (const char *const[]){ "WIFI:T:WPA;S:AC-100-0175;P:51808582;;", "AC10000175", NULL });
	check_template(place, "config/labels/homekit.yaml", (const char *const[]){ "X-HM://007JNU5AE0175", NULL });
	check_template(place, "config/labels/esp.yaml",
		       (const char *const[]){ "{\"ver\":\"v1\",\"name\":\"PROV_0000C2\",\"username\":\"wifiprov\","
					      "\"pop\":\"51808582\",\"transport\":\"softap\"}",
					      NULL });
	check_template(place, "config/labels/dpp.yaml",
		       (const char *const[]){ "DPP:C:81/1,81/6,81/"
					      "11;I:SN=AC10000175;M:024d520000c2;K:"
					      "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACAQIDAAAAAAAAAAAAAAAAAAAA"
					      "AAAAAAAAAAAAAAAAAAA=;;",
					      NULL });
}

static void a_matter_label_says_the_same_in_both_codes(void **state)
{
	struct place *place = *state;
	struct label_template *template = loaded("config/labels/matter.yaml");
	struct label_unit unit = a_unit();
	struct label_layout layout;
	const char *manual;

	/* The published pair: discriminator 3840 is what a serial number that ends in 3840 gives. */
	unit.serial = "AC0003840";
	strcpy(unit.pin, "20202021");
	template->payloads[0].discovery = 2;
	if (!layout_make(&layout, template, &unit, place->error, sizeof(place->error)))
		fail_msg("%s", place->error);
	assert_string_equal(layout_scan_text(&layout), "MT:Y.K9042C00KA0648G00");
	manual = layout.marks[2].text;
	assert_string_equal(manual, "3497 0112 332");
	layout_wipe(&layout);
	check_template(place, "config/labels/matter.yaml", (const char *const[]){ NULL });
	assert_int_equal(strncmp(place->out, "MT:", 3), 0);
	template_destroy(template);
}

static struct label_template *parsed(const char *items, struct job_errors *errors)
{
	char text[3000];
	int len = snprintf(text, sizeof(text), "format: 1\nlabel: {name: t, width: 30mm, height: 20mm}\n%s", items);

	return template_parse("t.yaml", text, (size_t)len, errors);
}

static void expect_layout(struct place *place, const char *items, const char *serial, const char *words)
{
	struct job_errors errors;
	struct label_template *template = parsed(items, &errors);
	struct label_unit unit = a_unit();
	struct label_layout layout;

	if (!template)
		fail_msg("%s", errors.text[0]);
	unit.serial = serial;
	if (layout_make(&layout, template, &unit, place->error, sizeof(place->error)))
		fail_msg("\"%s\" should not fit", items);
	if (!strstr(place->error, words))
		fail_msg("\"%s\" does not say \"%s\"", place->error, words);
	template_destroy(template);
}

static void what_does_not_fit_is_named_with_its_place(void **state)
{
	struct place *place = *state;

	expect_layout(place, "items:\n- {kind: text, x: 1mm, y: 1mm, size: 3mm, text: \"{serial}\"}\n",
		      "AC123456789012345678901", "t.yaml:4:3: the text reaches from 1.0,1.0 to");
	expect_layout(place, "items:\n- {kind: qr, x: 1mm, y: 4mm, payload: \"{serial}\"}\n", "A",
		      "t.yaml:4:3: the QR code reaches");
	expect_layout(place,
		      "items:\n- {kind: qr, x: 2mm, y: 2mm, payload: \"{serial}\"}\n- {kind: text, x: 13mm, y: 2mm, "
		      "text: x}\n",
		      "A", "t.yaml:5:3: the text touches the quiet zone of the QR code of line 4");
	expect_layout(place, "items:\n- {kind: code128, x: 3mm, y: 2mm, payload: \"{serial}\"}\n", "\xc3\xa4",
		      "1 to 80 characters of ASCII");
	expect_layout(place, "items:\n- {kind: box, x: 3mm, y: 2mm, width: 28mm, height: 3mm}\n", "A",
		      "the box reaches");
	expect_layout(place,
		      "payloads: {w: {kind: wifi, ssid: \"{serial}\", passphrase: \"{pin:-4}\"}}\nitems:\n- {kind: qr, "
		      "x: 2mm, y: 2mm, "
		      "payload: w}\n",
		      "A", "t.yaml:5:3: payload w: a passphrase has 8 to 63 characters");
}

static void zpl_takes_nothing_of_a_text_for_itself(void **state)
{
	struct place *place = *state;
	struct job_errors errors;
	struct label_template *template = parsed("items:\n- {kind: text, x: 1mm, y: 1mm, text: \"{serial}\"}\n",
						 &errors);
	struct label_unit unit = a_unit();
	struct label_layout layout;
	struct label_buffer out = { 0 };

	unit.serial = "a^XZ~HS_\xc3\xa9";
	assert_true(layout_make(&layout, template, &unit, place->error, sizeof(place->error)));
	layout_zpl(&layout, &out);
	assert_string_equal(
		out.at,
		"^XA\n^CI28\n^PW240\n^LL160\n^LH0,0\n^FO8,8^A0N,20,18^FH^FDa_5EXZ_7EHS_5F_C3_A9^FS\n^PQ1\n^XZ\n");
	buffer_wipe(&out);
	unit.serial = "<&\">";
	layout_wipe(&layout);
	assert_true(layout_make(&layout, template, &unit, place->error, sizeof(place->error)));
	layout_svg(&layout, &out);
	assert_non_null(strstr(out.at, ">&lt;&amp;&quot;&gt;</text>"));
	buffer_wipe(&out);
	layout_wipe(&layout);
	template_destroy(template);
}

/* The ASCII preview of a QR code, made an image again. */
static void the_preview_can_be_scanned(void **state)
{
	struct place *place = *state;
	struct label_template *template = loaded("config/labels/micro-ap.yaml");
	struct label_unit unit = a_unit();
	struct label_layout layout;
	struct label_buffer out = { 0 };
	unsigned rows = 0, columns = 0;
	char *from;
	FILE *file;

	assert_true(layout_make(&layout, template, &unit, place->error, sizeof(place->error)));
	layout_text(&layout, true, &out);
	from = strchr(strstr(out.at, "QR code: "), '\n') + 1;
	columns = (unsigned)strcspn(from, "\n") / 2;
	rows = columns;
	snprintf(place->path, sizeof(place->path), "%s/ascii.pgm", place->dir);
	file = fopen(place->path, "wb");
	fprintf(file, "P5\n%u %u\n255\n", 4 * columns, 4 * rows);
	for (unsigned y = 0; y < 4 * rows; y++)
		for (unsigned x = 0; x < 4 * columns; x++)
			fputc(from[y / 4 * (2 * columns + 1) + 2 * (x / 4)] == '#' ? 0 : 255, file);
	fclose(file);
	read_codes(place, place->path);
	assert_string_equal(place->out, "WIFI:T:WPA;S:AC-100-0175;P:51808582;;\n");
	for (const char *c = out.at; *c; c++)
		assert_true((unsigned char)*c < 0x80);
	buffer_wipe(&out);
	layout_text(&layout, false, &out);
	assert_non_null(strstr(out.at, "\xe2\x96\x88\xe2\x96\x80"));
	buffer_wipe(&out);
	layout_wipe(&layout);
	template_destroy(template);
}

static void a_png_has_the_size_and_resolution_of_the_label(void **state)
{
	struct place *place = *state;
	struct label_template *template = loaded("config/labels/matter.yaml");
	struct label_unit unit = a_unit();
	struct label_layout layout;
	struct label_buffer out = { 0 };
	png_image image = { .version = PNG_IMAGE_VERSION };

	assert_true(layout_make(&layout, template, &unit, place->error, sizeof(place->error)));
	assert_false(layout_png(&layout, "/nowhere.ttf", &out, place->error, sizeof(place->error)));
	assert_non_null(strstr(place->error, "fonts-dejavu-core"));
	assert_true(layout_png(&layout, NULL, &out, place->error, sizeof(place->error)));
	assert_int_equal(png_image_begin_read_from_memory(&image, out.at, out.len), 1);
	assert_int_equal(image.width, 600);
	assert_int_equal(image.height, 300);
	png_image_free(&image);
	buffer_wipe(&out);
	layout_wipe(&layout);
	template_destroy(template);
}

static void the_built_in_label_is_good_and_public(void **state)
{
	struct label_template *template = template_built_in();

	(void)state;
	assert_non_null(template);
	assert_false(template->secret);
	assert_string_equal(template->name, "serial");
	template_destroy(template);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(codes_of_every_example_are_read_back_from_png_svg_and_zpl),
		TEST(a_matter_label_says_the_same_in_both_codes),
		TEST(what_does_not_fit_is_named_with_its_place),
		TEST(zpl_takes_nothing_of_a_text_for_itself),
		TEST(the_preview_can_be_scanned),
		TEST(a_png_has_the_size_and_resolution_of_the_label),
		TEST(the_built_in_label_is_good_and_public),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
