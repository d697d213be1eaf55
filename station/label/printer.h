/*
 * A label printer that speaks ZPL on a raw byte stream (TCP port 9100). Such a stream takes everything and promises
 * nothing, so the printer is asked: ~HS (host status) before and after, and how many labels it has printed in its
 * life, where it tells that. A printer that takes a label and never prints it is found out, and said.
 *
 *	printer_start -> { printer_output / printer_sent | printer_receive | printer_expire } ... -> printer_result
 *
 * Octets and time in, octets and a deadline out. One label at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The three strings of ~HS, as far as they matter. ZPL II programming guide, "~HS". */
struct printer_status {
	bool paper_out, paused, buffer_full, partial_format, ram_lost, too_cold, too_hot, head_open, ribbon_out,
		label_waiting;
	unsigned formats;	 /* in its receive buffer */
	unsigned long remaining; /* labels of the present format */
};

/* One answer: three strings, each STX ... ETX. The octets it took, 0: not yet whole, -1: no answer to ~HS. */
long printer_status_parse(const char *octets, size_t len, struct printer_status *out);
/* NULL, or why it cannot print now, with what to do. */
const char *printer_status_trouble(const struct printer_status *status);

enum printer_result {
	PRINTER_BUSY,	   /* go on */
	PRINTER_PRINTED,   /* by its own word */
	PRINTER_READY,	   /* it was asked, had no label to print, and could */
	PRINTER_SENT,	   /* without asking (blind): nobody knows */
	PRINTER_NOT_READY, /* it said why; nothing of the label was sent */
	PRINTER_SILENT,	   /* it did not answer; nothing of the label was sent */
	PRINTER_UNSURE,	   /* all or a part of the label was sent, and it was not printed, or nobody knows */
};

#define PRINTER_ANSWER_MAX 512 /* octets; chosen: some answers that arrive together */

/* layout is ours */
struct printer {
	enum { PRINTER_ASKING, PRINTER_SENDING, PRINTER_WAITING, PRINTER_OVER } state;
	const char *out;
	size_t out_len;
	char answer[PRINTER_ANSWER_MAX];
	size_t answer_len;
	const char *label;
	size_t label_len;
	uint64_t patience_us, deadline_us, poll_us;
	long long count_before, count; /* labels of its life; -1: it does not tell */
	bool asked, blind;
	struct printer_status status;
	enum printer_result result;
	char words[300];
};

/*
 * The label's octets stay the caller's until the end; NULL: only the question whether it could print. `blind`: no
 * questions. `patience_us`: silence, or no progress, of this length ends it.
 */
void printer_start(struct printer *printer, const char *label, size_t len, bool blind, uint64_t patience_us,
		   uint64_t now_us);
/* What to send now; 0 octets: nothing. Tell with printer_sent how much of it went. */
const char *printer_output(const struct printer *printer, size_t *len);
void printer_sent(struct printer *printer, size_t len, uint64_t now_us);
void printer_receive(struct printer *printer, const char *octets, size_t len, uint64_t now_us);
void printer_expire(struct printer *printer, uint64_t now_us);
/* The other side closed, or the connection failed: `why` in words. */
void printer_closed(struct printer *printer, const char *why);
uint64_t printer_deadline_us(const struct printer *printer);
/* BUSY until it is over; then `printer->words` says it in a sentence with what to do. */
enum printer_result printer_result(const struct printer *printer);

/* The same over TCP, waiting: "HOST" or "HOST:PORT" (9100). -1: no connection, `error` says why. */
int printer_connect(const char *address, uint64_t patience_us, char *error, size_t error_len);
/* One label, or the question, through a connected socket, to its end. */
enum printer_result printer_print(int fd, struct printer *printer, const char *label, size_t len, bool blind,
				  uint64_t patience_us);
