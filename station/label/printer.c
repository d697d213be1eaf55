#include "station/label/printer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STX '\002'
#define ETX '\003'
#define POLL_US 200000 /* chosen: five questions a second, less than a label takes */

/* First the count, then the status: when the status has arrived, so has the count, if the printer sends one at all. (An
 * unknown SGD name is answered with "?"; printers without SGD ignore the line.) */
static const char questions[] = "! U1 getvar \"odometer.total_label_count\"\r\n~HS\r\n";

/* One string of the answer: its comma-separated numbers. The octets it took, 0: not whole, -1: none. */
static long read_string(const char *octets, size_t len, unsigned long *fields, size_t want)
{
	size_t at = 1, field = 0, digits = 0;

	if (len == 0)
		return 0;
	if (octets[0] != STX)
		return -1;
	memset(fields, 0, want * sizeof(*fields));
	for (; at < len && octets[at] != ETX; at++) {
		if (octets[at] == ',') {
			field++;
			digits = 0;
		} else if (octets[at] >= '0' && octets[at] <= '9' && digits++ < 9) {
			if (field < want)
				fields[field] = 10 * fields[field] + (unsigned long)(octets[at] - '0');
		} else {
			return -1;
		}
	}
	if (at == len)
		return 0;
	if (field + 1 < want)
		return -1;
	for (at++; at < len && (octets[at] == '\r' || octets[at] == '\n'); at++)
		;
	return (long)at;
}

long printer_status_parse(const char *octets, size_t len, struct printer_status *out)
{
	unsigned long first[12], second[9], third[2];
	long used = read_string(octets, len, first, 12), more;

	*out = (struct printer_status){ 0 };
	if (used <= 0)
		return used;
	more = read_string(octets + used, len - (size_t)used, second, 9);
	if (more <= 0)
		return more;
	used += more;
	more = read_string(octets + used, len - (size_t)used, third, 1);
	if (more <= 0)
		return more;
	out->paper_out = first[1] != 0;
	out->paused = first[2] != 0;
	out->formats = (unsigned)first[4];
	out->buffer_full = first[5] != 0;
	out->partial_format = first[7] != 0;
	out->ram_lost = first[9] != 0;
	out->too_cold = first[10] != 0;
	out->too_hot = first[11] != 0;
	out->head_open = second[2] != 0;
	out->ribbon_out = second[3] != 0;
	out->label_waiting = second[7] != 0;
	out->remaining = second[8];
	return used + more;
}

const char *printer_status_trouble(const struct printer_status *status)
{
	if (status->paper_out)
		return "it has no paper: put a new roll in";
	if (status->ribbon_out)
		return "it has no ribbon: put a new one in";
	if (status->head_open)
		return "its head is open: close it";
	if (status->paused)
		return "it is paused: press its pause key";
	if (status->too_hot)
		return "its head is too hot: wait until it has cooled";
	if (status->too_cold)
		return "its head is too cold: wait until it is warm";
	if (status->ram_lost)
		return "it has lost its configuration: load it again";
	if (status->buffer_full)
		return "its buffer is full: look what it is printing, or switch it off and on";
	return NULL;
}

static void say(struct printer *printer, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct printer *printer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(printer->words, sizeof(printer->words), format, args);
	va_end(args);
}

static void end(struct printer *printer, enum printer_result result)
{
	printer->state = PRINTER_OVER;
	printer->result = result;
	printer->out_len = 0;
}

static void ask(struct printer *printer)
{
	printer->out = questions;
	printer->out_len = sizeof(questions) - 1;
	printer->asked = true;
}

static void send_label(struct printer *printer, uint64_t now_us)
{
	printer->state = PRINTER_SENDING;
	printer->out = printer->label;
	printer->out_len = printer->label_len;
	printer->deadline_us = now_us + printer->patience_us;
}

void printer_start(struct printer *printer, const char *label, size_t len, bool blind, uint64_t patience_us,
		   uint64_t now_us)
{
	*printer = (struct printer){ .label = label,
				     .label_len = len,
				     .blind = blind,
				     .patience_us = patience_us,
				     .deadline_us = now_us + patience_us,
				     .poll_us = UINT64_MAX,
				     .count_before = -1,
				     .count = -1 };
	if (blind)
		send_label(printer, now_us);
	else
		ask(printer);
}

const char *printer_output(const struct printer *printer, size_t *len)
{
	*len = printer->out_len;
	return printer->out;
}

void printer_sent(struct printer *printer, size_t len, uint64_t now_us)
{
	printer->out += len;
	printer->out_len -= len;
	if (len && printer->state == PRINTER_SENDING)
		printer->deadline_us = now_us + printer->patience_us; /* it takes it, slowly */
	if (printer->out_len || printer->state != PRINTER_SENDING)
		return;
	if (printer->blind) {
		say(printer, "sent; nobody asked the printer: scan the label back");
		end(printer, PRINTER_SENT);
		return;
	}
	printer->state = PRINTER_WAITING;
	printer->deadline_us = now_us + printer->patience_us;
	ask(printer);
}

/* Still printing is progress: the clock starts anew when fewer are left. */
static void on_waiting(struct printer *printer, const struct printer_status *before, uint64_t now_us)
{
	const struct printer_status *status = &printer->status;
	bool idle = status->formats == 0 && !status->partial_format && status->remaining == 0;
	bool counts = printer->count_before >= 0 && printer->count >= 0;

	if (counts && printer->count > printer->count_before) {
		say(printer, "printed: it has counted it");
		end(printer, PRINTER_PRINTED);
		return;
	}
	if (printer_status_trouble(status)) {
		say(printer,
		    "the label was sent, and the printer stopped: %s; it may still print it then, so scan before "
		    "printing again",
		    printer_status_trouble(status));
		end(printer, PRINTER_UNSURE);
		return;
	}
	if (!counts && idle) {
		say(printer, "printed, by the printer's word");
		end(printer, PRINTER_PRINTED);
		return;
	}
	if (status->formats < before->formats || status->remaining < before->remaining)
		printer->deadline_us = now_us + printer->patience_us;
	printer->poll_us = now_us + POLL_US;
}

static void on_status(struct printer *printer, uint64_t now_us)
{
	struct printer_status before = printer->status;
	long used = printer_status_parse(printer->answer, printer->answer_len, &printer->status);

	if (used == 0) {
		printer->status = before;
		return;
	}
	if (used < 0) {
		printer->answer_len = 0; /* noise; the next question is answered anew, or patience ends */
		printer->status = before;
		return;
	}
	memmove(printer->answer, printer->answer + used, printer->answer_len - (size_t)used);
	printer->answer_len -= (size_t)used;
	printer->asked = false;
	if (printer->state == PRINTER_WAITING) {
		on_waiting(printer, &before, now_us);
	} else if (printer_status_trouble(&printer->status)) {
		say(printer, "the printer does not print: %s", printer_status_trouble(&printer->status));
		end(printer, PRINTER_NOT_READY);
	} else if (!printer->label) {
		say(printer, "the printer is ready");
		end(printer, PRINTER_READY);
	} else {
		printer->count_before = printer->count;
		send_label(printer, now_us);
	}
}

/* Answers to getvar are texts in quotes: a count, or "?". Takes them out before a status. */
static bool take_count(struct printer *printer)
{
	char *quote, *last, number[24] = "";
	size_t len;

	if (printer->answer_len == 0 || printer->answer[0] != '"')
		return false;
	quote = printer->answer + 1;
	last = memchr(quote, '"', printer->answer_len - 1);
	if (!last)
		return false;
	len = (size_t)(last - quote);
	if (len > 0 && len < 19 && len < sizeof(number)) {
		memcpy(number, quote, len);
		if (strspn(number, "0123456789") == len)
			printer->count = strtoll(number, NULL, 10);
	}
	len = (size_t)(last + 1 - printer->answer);
	memmove(printer->answer, printer->answer + len, printer->answer_len - len);
	printer->answer_len -= len;
	return true;
}

/* Between answers: line ends, and other octets that are no answer. */
static void skip_noise(struct printer *printer)
{
	size_t skip = 0;

	while (skip < printer->answer_len && printer->answer[skip] != STX && printer->answer[skip] != '"')
		skip++;
	memmove(printer->answer, printer->answer + skip, printer->answer_len - skip);
	printer->answer_len -= skip;
}

void printer_receive(struct printer *printer, const char *octets, size_t len, uint64_t now_us)
{
	for (size_t i = 0; i < len && printer->state != PRINTER_OVER; i++) {
		if (printer->answer_len == sizeof(printer->answer))
			printer->answer_len = 0; /* no answer is that long */
		printer->answer[printer->answer_len++] = octets[i];
		skip_noise(printer);
		if (!take_count(printer) && printer->answer_len && printer->answer[0] == STX && printer->asked)
			on_status(printer, now_us);
	}
}

static void give_up(struct printer *printer)
{
	bool counts = printer->count_before >= 0 && printer->count >= 0;

	switch (printer->state) {
	case PRINTER_ASKING:
		say(printer, "the printer does not answer when it is asked for its status: no paper, no ribbon, an "
			     "open head, or no ZPL "
			     "printer at that address (--blind sends without asking)");
		end(printer, PRINTER_SILENT);
		break;
	case PRINTER_SENDING:
		say(printer, "the printer stopped taking the label in the middle: switch it off and on, and scan "
			     "before printing again");
		end(printer, PRINTER_UNSURE);
		break;
	case PRINTER_WAITING:
		if (printer->asked)
			say(printer, "the printer took the label and does not answer since: no paper, no ribbon or an "
				     "open head; it may still "
				     "print it, so scan before printing again");
		else if (counts && printer->status.formats == 0)
			say(printer,
			    "the printer took the label and never printed it: it is idle, and its count of labels "
			    "stays at %lld; look "
			    "at its settings (ZPL mode, size), then print again",
			    printer->count);
		else
			say(printer,
			    "the printer took the label and does not print it: %u in its buffer; look at the printer, "
			    "and scan before "
			    "printing again",
			    printer->status.formats);
		end(printer, PRINTER_UNSURE);
		break;
	case PRINTER_OVER: break;
	}
}

void printer_expire(struct printer *printer, uint64_t now_us)
{
	if (printer->state == PRINTER_OVER)
		return;
	if (now_us >= printer->deadline_us) {
		give_up(printer);
	} else if (now_us >= printer->poll_us) {
		printer->poll_us = UINT64_MAX;
		ask(printer);
	}
}

void printer_closed(struct printer *printer, const char *why)
{
	if (printer->state == PRINTER_OVER)
		return;
	if (printer->state == PRINTER_ASKING) {
		say(printer, "the printer ended the connection before the label was sent: %s", why);
		end(printer, PRINTER_SILENT);
		return;
	}
	say(printer,
	    "the connection to the printer was lost after the label was sent or while it was: %s; scan before printing "
	    "again",
	    why);
	end(printer, PRINTER_UNSURE);
}

uint64_t printer_deadline_us(const struct printer *printer)
{
	if (printer->state == PRINTER_OVER)
		return UINT64_MAX;
	return printer->poll_us < printer->deadline_us ? printer->poll_us : printer->deadline_us;
}

enum printer_result printer_result(const struct printer *printer)
{
	return printer->state == PRINTER_OVER ? printer->result : PRINTER_BUSY;
}
