/*
 * The reader of label templates: what is wrong is said with its place, what is allowed and the nearest word; nothing
 * secret goes where it does not belong. Then fields, and the reference of docs/labels.md.
 *
 * links: station/label/template.c station/label/say.c station/label/fields.c station/label/buffer.c
 * links: station/label/payload.c station/label/matter.c
 * links: station/label/homekit.c station/yaml/tree.c station/yaml/complaint.c station/yaml/value.c
 * links: station/yaml/words.c
 * links: station/base/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/label/template.h"

#define HEAD "format: 1\nlabel: {name: t, width: 30mm, height: 20mm}\n"
#define QR "items:\n- {kind: qr, x: 2mm, y: 2mm, payload: \"{serial}\"}\n"

static struct job_errors errors;

static struct label_template *parse(const char *text) { return template_parse("t.yaml", text, strlen(text), &errors); }

static const struct {
	const char *text, *words;
} mistakes[] = {
	{ "", "t.yaml:1:1: the file is empty; allowed: a label template, as in config/labels/serial.yaml" },
	{ "[1]", "t.yaml:1:1: a list where the keys of a label template belong" },
	{ QR, "t.yaml:1:1: format is missing; allowed: 1" },
	{ "format: 2\n" QR, "t.yaml:1:9: format is another; allowed: 1" },
	{ "format: 1\n" QR, "label is missing" },
	{ HEAD, "items is missing; allowed: a list of 1 to 32" },
	{ HEAD "items: []\n", "t.yaml:3:8: items is an empty list" },
	{ HEAD "itms: []\n" QR,
	  "t.yaml:3:1: a key is \"itms\"; allowed: format, label, payloads, items; did you mean \"items\"?" },
	{ "format: 1\nlabel: {name: t, width: 30, height: 20mm}\n" QR,
	  "t.yaml:2:25: width is \"30\", a number without its unit; allowed: 5mm to 220mm" },
	{ "format: 1\nlabel: {name: t, width: 900mm, height: 20mm}\n" QR,
	  "t.yaml:2:25: width is \"900mm\"; allowed: 5mm to 220mm" },
	{ "format: 1\nlabel: {name: t, height: 20mm}\n" QR, "t.yaml:2:8: width is missing: across the web" },
	{ "format: 1\nlabel: {name: t, width: 30mm, heigth: 20mm}\n" QR, "did you mean \"height\"?" },
	{ "format: 1\nlabel: {name: t, width: 30mm, height: 20mm, resolution: 204dpi}\n" QR,
	  "resolution is \"204dpi\"; allowed: 203dpi, 300dpi, 600dpi; did you mean \"203dpi\"?" },
	{ HEAD "items:\n- {kind: code, x: 2mm, y: 2mm}\n",
	  "t.yaml:4:10: kind is \"code\"; allowed: text, qr, code128, box" },
	{ HEAD "items:\n- {x: 2mm, y: 2mm}\n", "t.yaml:4:3: kind is missing; allowed: text, qr, code128, box" },
	{ HEAD "items:\n- hello\n", "t.yaml:4:3: an item is a value" },
	{ HEAD "items:\n- {kind: text, x: 2mm, y: 2mm, text: \"SN {serail}\"}\n",
	  "t.yaml:4:42: text: there is no field \"serail\"; allowed: serial, mac" },
	{ HEAD "items:\n- {kind: text, x: 2mm, y: 2mm, text: \"SN {serial\"}\n",
	  "t.yaml:4:42: text: a brace opens and none closes it" },
	{ HEAD "items:\n- {kind: text, x: 2mm, y: 2mm, text: \"SN }\"}\n",
	  "t.yaml:4:42: text: a brace closes and none is open" },
	{ HEAD "items:\n- {kind: text, x: 2mm, y: 2mm, text: \"{serial:x}\"}\n",
	  "after the colon; allowed: {serial:-4}" },
	{ HEAD "items:\n- {kind: text, x: 2mm, y: 2mm, text: \"{serial:-0}\"}\n", "after the colon" },
	{ HEAD "items:\n- {kind: text, x: 2mm, y: 2mm, text: \"{:4}\"}\n", "a field has a name" },
	{ HEAD "items:\n- {kind: text, x: 2mm, y: 2mm, text: \"a\\x01b\"}\n", "text without control characters" },
	{ HEAD "items:\n- {kind: qr, x: 2mm, y: 2mm, payload: x, module: 0.3mm}\n",
	  "t.yaml:4:3: module is 0.3mm, 2.4 dots of this printer; allowed: whole dots, 0.25mm or 0.375mm" },
	{ HEAD "items:\n- {kind: qr, x: 2mm, y: 2mm, payload: x, scan: yes}\n",
	  "scan is \"yes\"; allowed: true, false" },
	{ HEAD "items:\n- {kind: qr, x: 2mm, y: 2mm, payload: x, scan: true}\n- {kind: qr, x: 2mm, y: 12mm, "
	       "payload: x, scan: true}\n",
	  "t.yaml:5:3: scan is true in two items" },
	{ HEAD "payloads: {p: {kind: wfi, ssid: x}}\n" QR,
	  "t.yaml:3:22: kind is \"wfi\"; allowed: text, wifi, dpp, esp, matter, homekit; did "
	  "you mean \"wifi\"?" },
	{ HEAD "payloads: {serial: {kind: text, text: x}}\n" QR,
	  "t.yaml:3:12: a payload is named as the field {serial}" },
	{ HEAD "payloads: {p: {kind: wifi, ssid: x, passphrase: secret99}}\n" QR,
	  "t.yaml:3:15: passphrase is the same on every device; allowed: one with {pin} in it" },
	{ HEAD "payloads: {p: {kind: wifi, ssid: \"x{pin}\"}}\n" QR,
	  "ssid has the PIN in it, and is sent through the air" },
	{ HEAD "payloads: {p: {kind: esp, name: \"x{pin}\"}}\n" QR, "name or username has the PIN in it" },
	{ HEAD "payloads: {p: {kind: esp, name: x, pop: abcd1234}}\n" QR, "pop is the same on every device" },
	{ HEAD "payloads: {p: {kind: homekit, category: 5, setup_id: \"{pin:-4}\"}}\n" QR,
	  "setup_id has the PIN in it" },
	{ HEAD "payloads: {p: {kind: dpp, information: \"{pin}\"}}\n" QR, "DPP needs no secret" },
	{ HEAD "payloads: {p: {kind: matter, vendor: 0x10000, product: 1}}\n" QR,
	  "vendor is \"0x10000\"; allowed: 1 to 65535, decimal or 0x" },
	{ HEAD "payloads: {p: {kind: matter, vendor: 1, product: 1, discovery: []}}\n" QR,
	  "discovery is an empty list; allowed: a list of "
	  "softap, ble, ip" },
	{ HEAD "payloads: {p: {kind: matter, vendor: 1, product: 1, discriminator: 4096}}\n" QR,
	  "allowed: 0 to 4095 or serial" },
	{ HEAD "payloads: {p: {kind: text, text: x}}\nitems:\n- {kind: text, x: 1mm, y: 1mm, text: "
	       "\"{p.manual}\"}\n",
	  "that payload has no such part" },
	{ HEAD "payloads: {p: {kind: text, text: \"{q}\"}, q: {kind: text, text: x}}\n" QR, "there is no field \"q\"" },
	{ HEAD "items:\n- &a {kind: box}\n- *a\n", "anchor" },
};

static void every_mistake_is_said_with_its_place_and_remedy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		bool said = false;

		assert_null(parse(mistakes[i].text));
		assert_true(errors.count > 0);
		for (size_t n = 0; n < errors.count; n++)
			said |= strstr(errors.text[n], mistakes[i].words) != NULL;
		if (!said)
			fail_msg("\"%s\": \"%s\" does not say \"%s\"", mistakes[i].text, errors.text[0],
				 mistakes[i].words);
	}
}

static void a_template_is_secret_when_a_pin_is_on_it(void **state)
{
	static const struct {
		const char *text;
		bool secret;
	} cases[] = {
		{ HEAD QR, false },
		{ HEAD "items:\n- {kind: text, x: 1mm, y: 1mm, text: \"{pin}\"}\n", true },
		{ HEAD "items:\n- {kind: text, x: 1mm, y: 1mm, text: \"{{pin}}\"}\n", false },
		{ HEAD "payloads: {w: {kind: wifi, ssid: x, passphrase: \"{pin}\"}}\n" QR, false }, /* not used */
		{ HEAD "payloads: {w: {kind: wifi, ssid: x, passphrase: \"{pin}\"}}\nitems:\n- {kind: qr, x: 1mm, y: "
		       "1mm, payload: w}\n",
		  true },
		{ HEAD "payloads: {w: {kind: wifi, ssid: x}}\nitems:\n- {kind: qr, x: 1mm, y: 1mm, payload: w}\n",
		  false },
		{ HEAD "payloads: {m: {kind: matter, vendor: 1, product: 1}}\nitems:\n- {kind: text, x: 1mm, y: 1mm, "
		       "text: \"{m.manual:4}\"}\n",
		  true },
		{ HEAD "payloads: {t: {kind: text, text: \"a{pin}\"}}\nitems:\n- {kind: text, x: 1mm, y: 1mm, text: "
		       "\"x {t}\"}\n",
		  true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct label_template *template = parse(cases[i].text);

		if (!template)
			fail_msg("%s", errors.text[0]);
		if (template->secret != cases[i].secret)
			fail_msg("\"%s\" is %s", cases[i].text, template->secret ? "secret" : "public");
		template_destroy(template);
	}
}

static void expect_field(const char *text, const char *expected)
{
	struct label_unit unit = { .serial = "AC10000175",
				   .lot = "L",
				   .product = "W\xc3\xa4rme",
				   .hw_rev = "C",
				   .firmware = "1.0",
				   .mac = { 2, 0x4d, 0x52, 0, 0, 0xc2 },
				   .device_id = { 1, 2, 3, 4, 5, 6, 7, 8 },
				   .passed_us = 1790000000000000,
				   .pin = "12345670" };
	struct label_buffer out = { 0 };
	struct fields_fault fault;

	if (!fields_expand(text, &unit, NULL, NULL, &out, &fault))
		fail_msg("%s: %s", text, fault.words);
	assert_string_equal(out.at ? out.at : "", expected);
	buffer_wipe(&out);
}

static void fields_say_what_the_unit_is(void **state)
{
	struct label_unit unit = { .serial = "A", .lot = "L", .product = "P", .hw_rev = "", .firmware = "" };
	struct label_buffer out = { 0 };
	struct fields_fault fault;

	(void)state;
	expect_field("SN {serial}!", "SN AC10000175!");
	expect_field("{serial:-4}", "0175");
	expect_field("{serial:-32}", "AC10000175");
	expect_field("{pin:4}", "1234 5670");
	expect_field("{pin:3}", "123 456 70");
	expect_field("{mac} {mac_plain} {mac_plain:-6}", "02:4d:52:00:00:c2 024D520000C2 0000C2");
	expect_field("{device_id}", "0102030405060708");
	expect_field("{lot}{hw_rev}{firmware}", "LC1.0");
	expect_field("{date} {week}", "2026-09-21 26W39");
	expect_field("{{{serial:-1}}}", "{5}");
	expect_field("{product:-4} {product:2}", "\xc3\xa4rme W\xc3\xa4 rm e");
	expect_field("", "");
	assert_false(fields_expand("{pin}", &unit, NULL, NULL, &out, &fault));
	assert_non_null(strstr(fault.words, "the unit has no PIN on record"));
	buffer_wipe(&out);
}

static void the_manual_has_every_key(void **state)
{
	FILE *file = fopen("docs/labels.md", "r");
	char *page = calloc(1, 100000), line[400];

	(void)state;
	assert_true(file && page);
	assert_true(fread(page, 1, 99999, file) > 1000);
	fclose(file);
	for (size_t i = 0; template_reference(i, line, sizeof(line)); i++)
		if (!strstr(page, line))
			fail_msg("docs/labels.md lacks: %s", line);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_said_with_its_place_and_remedy),
		cmocka_unit_test(a_template_is_secret_when_a_pin_is_on_it),
		cmocka_unit_test(fields_say_what_the_unit_is),
		cmocka_unit_test(the_manual_has_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
