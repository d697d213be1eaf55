/*
 * The printer's protocol in virtual time, then over TCP against a printer of our own on the loopback: ready, out of
 * paper, silent, one that takes labels and never prints them, one that dies in the middle.
 *
 * links: station/label/printer.c station/label/printer_tcp.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "station/label/printer.h"
#include "tests/unit/fake_printer.h"

#define S UINT64_C(1000000)
static const char label[] = "^XA^FO10,10^FDhello^FS^XZ";

/* --- ~HS --- */

static void a_status_is_read_whole_or_not_at_all(void **state)
{
	struct printer_status status;
	const size_t len = sizeof(READY) - 1;

	(void)state;
	/* Without the last line end it is whole already: the ETX ends it. */
	for (size_t cut = 0; cut < len - 2; cut++)
		assert_int_equal(printer_status_parse(READY, cut, &status), 0);
	assert_int_equal(printer_status_parse(READY, len, &status), len);
	assert_null(printer_status_trouble(&status));
	assert_int_equal(status.formats, 0);
	assert_int_equal(printer_status_parse(HOLDS_ONE, len, &status), len);
	assert_int_equal(status.formats, 1);
	assert_int_equal(status.remaining, 1);
}

static void what_is_no_status_is_refused(void **state)
{
	static const char *const cases[] = {
		"030,0,0",
		"\002030,0,0\003\r\n",
		"\002hello\003",
		"\002030,-1,0,1245,000,0,0,0,000,0,0,0\003",
		"\00299999999999,0,0,0,0,0,0,0,0,0,0,0\003",
		"\002030,0,0,1245,000,0,0,0,000,0,0,0\003\r\nX",
	};
	struct printer_status status;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(printer_status_parse(cases[i], strlen(cases[i]), &status), -1);
}

static void each_trouble_has_its_remedy(void **state)
{
	static const struct {
		const char *octets, *words;
	} cases[] = { { PAPER_OUT, "no paper" }, { PAUSED, "pause key" }, { HEAD_OPEN, "close it" } };
	struct printer_status status;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(printer_status_parse(cases[i].octets, strlen(cases[i].octets), &status) > 0);
		assert_non_null(strstr(printer_status_trouble(&status), cases[i].words));
	}
}

/* --- virtual time --- */

/* Everything that it wants to send goes; what it was. */
static void send_all(struct printer *printer, uint64_t now_us, char *out, size_t cap)
{
	size_t len;
	const char *octets = printer_output(printer, &len);

	assert_true(len < cap);
	memcpy(out, octets ? octets : "", len);
	out[len] = '\0';
	printer_sent(printer, len, now_us);
}

static void answer(struct printer *printer, const char *octets, uint64_t now_us)
{
	for (; *octets; octets++) /* one at a time, as slow as a line can be */
		printer_receive(printer, octets, 1, now_us);
}

/* Asked, answered ready, the label sent, asked again. */
static void bring_to_waiting(struct printer *printer, const char *first_answer)
{
	char sent[400];

	printer_start(printer, label, sizeof(label) - 1, false, 10 * S, 0);
	send_all(printer, 0, sent, sizeof(sent));
	assert_non_null(strstr(sent, "~HS"));
	answer(printer, first_answer, 1);
	send_all(printer, 2, sent, sizeof(sent));
	assert_string_equal(sent, label);
	send_all(printer, 3, sent, sizeof(sent));
	assert_non_null(strstr(sent, "~HS"));
}

static void a_label_is_printed_when_the_printer_says_so(void **state)
{
	struct printer printer;
	char sent[400];

	(void)state;
	bring_to_waiting(&printer, READY);
	answer(&printer, HOLDS_ONE, 4);
	assert_int_equal(printer_result(&printer), PRINTER_BUSY);
	printer_expire(&printer, S / 10);
	assert_int_equal(printer_result(&printer), PRINTER_BUSY);
	printer_expire(&printer, S);
	send_all(&printer, S, sent, sizeof(sent));
	assert_non_null(strstr(sent, "~HS"));
	answer(&printer, READY, S + 1);
	assert_int_equal(printer_result(&printer), PRINTER_PRINTED);
	assert_int_equal(printer_deadline_us(&printer), UINT64_MAX);
}

static void a_count_that_stays_is_no_print(void **state)
{
	struct printer printer;
	char sent[400];

	(void)state;
	bring_to_waiting(&printer, "\"1041\"\r\n" READY);
	answer(&printer, "\"1041\"\r\n" READY, 4);
	assert_int_equal(printer_result(&printer), PRINTER_BUSY);
	for (uint64_t now = S; now < 10 * S; now += S) {
		printer_expire(&printer, now);
		send_all(&printer, now, sent, sizeof(sent));
		answer(&printer, "\"1041\"\r\n" READY, now);
		assert_int_equal(printer_result(&printer), PRINTER_BUSY);
	}
	printer_expire(&printer, 10 * S + 3);
	assert_int_equal(printer_result(&printer), PRINTER_UNSURE);
	assert_non_null(strstr(printer.words, "took the label and never printed it"));
	/* And one that moves is. */
	bring_to_waiting(&printer, "\"1041\"\r\n" READY);
	answer(&printer, "\"1042\"\r\n" READY, 4);
	assert_int_equal(printer_result(&printer), PRINTER_PRINTED);
	assert_non_null(strstr(printer.words, "counted"));
	/* "?": this printer has no such count. */
	bring_to_waiting(&printer, "\"?\"" READY);
	answer(&printer, "\"?\"" READY, 4);
	assert_int_equal(printer_result(&printer), PRINTER_PRINTED);
}

static void a_printer_that_cannot_print_gets_no_label(void **state)
{
	static const char *const cases[] = { PAPER_OUT, PAUSED, HEAD_OPEN };
	struct printer printer;
	char sent[400];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		printer_start(&printer, label, sizeof(label) - 1, false, 10 * S, 0);
		send_all(&printer, 0, sent, sizeof(sent));
		answer(&printer, cases[i], 1);
		assert_int_equal(printer_result(&printer), PRINTER_NOT_READY);
		(void)printer_output(&printer, &len);
		assert_int_equal(len, 0);
	}
	/* Nor one that says nothing, or only noise. */
	printer_start(&printer, label, sizeof(label) - 1, false, 10 * S, 0);
	send_all(&printer, 0, sent, sizeof(sent));
	answer(&printer, "login: \002hello\003\r\n", 1);
	printer_expire(&printer, 10 * S);
	assert_int_equal(printer_result(&printer), PRINTER_SILENT);
	assert_non_null(strstr(printer.words, "does not answer"));
}

static void trouble_after_sending_leaves_doubt(void **state)
{
	struct printer printer;

	(void)state;
	bring_to_waiting(&printer, READY);
	answer(&printer, PAPER_OUT, 4);
	assert_int_equal(printer_result(&printer), PRINTER_UNSURE);
	assert_non_null(strstr(printer.words, "no paper"));
	bring_to_waiting(&printer, READY);
	printer_expire(&printer, 11 * S);
	assert_int_equal(printer_result(&printer), PRINTER_UNSURE);
	assert_non_null(strstr(printer.words, "does not answer since"));
	bring_to_waiting(&printer, READY);
	answer(&printer, HOLDS_ONE, 4);
	printer_expire(&printer, 11 * S);
	assert_non_null(strstr(printer.words, "1 in its buffer"));
	bring_to_waiting(&printer, READY);
	printer_closed(&printer, "it closed");
	assert_int_equal(printer_result(&printer), PRINTER_UNSURE);
	printer_start(&printer, label, sizeof(label) - 1, false, 10 * S, 0);
	printer_closed(&printer, "it closed");
	assert_int_equal(printer_result(&printer), PRINTER_SILENT);
}

static void noise_never_runs_over(void **state)
{
	struct printer printer;
	char noise[4000];

	(void)state;
	memset(noise, '\002', sizeof(noise));
	for (unsigned kind = 0; kind < 3; kind++) {
		bring_to_waiting(&printer, READY);
		memset(noise, kind == 0 ? '\002' : kind == 1 ? '"' : '1', sizeof(noise));
		noise[0] = '\002';
		printer_receive(&printer, noise, sizeof(noise), 4);
		assert_int_equal(printer_result(&printer), PRINTER_BUSY);
		/* A question that follows is answered all the same, once the half answer is out of the way. */
		answer(&printer, "\003\"" READY, 5);
	}
}

/* --- over TCP --- */

static enum printer_result put_on(struct fake *fake, enum behaviour behaviour, struct printer *printer, bool blind,
				  bool asking)
{
	enum printer_result result;
	char error[300] = "";
	int fd;

	fake_start(fake, behaviour);
	fd = printer_connect(fake->address, S, error, sizeof(error));
	if (fd < 0)
		fail_msg("%s", error);
	result = asking ? printer_print(fd, printer, NULL, 0, false, S / 2)
			: printer_print(fd, printer, label, sizeof(label) - 1, blind, S / 2);
	close(fd);
	fake_stop(fake);
	return result;
}

static enum printer_result print_on(struct fake *fake, enum behaviour behaviour, struct printer *printer, bool blind)
{
	return put_on(fake, behaviour, printer, blind, false);
}

/* It is only asked: it gets nothing that it could print. */
static void a_printer_is_asked_how_it_is(void **state)
{
	struct fake fake;
	struct printer printer;

	(void)state;
	assert_int_equal(put_on(&fake, PRINTS, &printer, false, true), PRINTER_READY);
	assert_non_null(strstr(fake.got, "~HS"));
	assert_null(strstr(fake.got, "^XA"));
	assert_int_equal(put_on(&fake, NO_PAPER, &printer, false, true), PRINTER_NOT_READY);
	assert_non_null(strstr(printer.words, "no paper"));
	assert_int_equal(put_on(&fake, SILENT, &printer, false, true), PRINTER_SILENT);
}

static void printers_of_every_kind_are_told_apart_over_tcp(void **state)
{
	struct fake fake;
	struct printer printer;

	(void)state;
	assert_int_equal(print_on(&fake, NO_PAPER, &printer, false), PRINTER_NOT_READY);
	assert_null(strstr(fake.got, "^XA"));
	assert_int_equal(print_on(&fake, SILENT, &printer, false), PRINTER_SILENT);
	assert_null(strstr(fake.got, "^XA"));
	assert_int_equal(print_on(&fake, NEVER_PRINTS, &printer, false), PRINTER_UNSURE);
	assert_non_null(strstr(printer.words, "never printed it"));
	assert_int_equal(print_on(&fake, DIES, &printer, false), PRINTER_UNSURE);
	assert_non_null(strstr(printer.words, "connection to the printer was lost"));
	assert_int_equal(print_on(&fake, SILENT, &printer, true), PRINTER_SENT);
	assert_string_equal(fake.got, label);
	assert_int_equal(print_on(&fake, PRINTS, &printer, false), PRINTER_PRINTED);
	assert_non_null(strstr(fake.got, label));
}

static void an_address_that_is_none_is_said(void **state)
{
	static const char *const cases[][2] = {
		{ "", "is no address" },
		{ "host:", "is no address" },
		{ "host:abc", "is no address" },
		{ "[::1", "is not found" },
		{ "127.0.0.1:1", "takes no connection" },
	};
	char error[300];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(printer_connect(cases[i][0], S, error, sizeof(error)), -1);
		if (!strstr(error, cases[i][1]))
			fail_msg("\"%s\": \"%s\" does not say \"%s\"", cases[i][0], error, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status_is_read_whole_or_not_at_all),
		cmocka_unit_test(what_is_no_status_is_refused),
		cmocka_unit_test(each_trouble_has_its_remedy),
		cmocka_unit_test(a_label_is_printed_when_the_printer_says_so),
		cmocka_unit_test(a_count_that_stays_is_no_print),
		cmocka_unit_test(a_printer_that_cannot_print_gets_no_label),
		cmocka_unit_test(trouble_after_sending_leaves_doubt),
		cmocka_unit_test(noise_never_runs_over),
		cmocka_unit_test(a_printer_is_asked_how_it_is),
		cmocka_unit_test(printers_of_every_kind_are_told_apart_over_tcp),
		cmocka_unit_test(an_address_that_is_none_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
