/*
 * What a scanner types, and what a printer answers: any octets. A line is refused or is a code without control
 * characters; a printer's answers in any pieces end in a result or leave it waiting.
 *
 * links: station/label/book.c station/label/scan.c station/label/scanner.c station/label/printer.c
 * links: station/identity/serial.c station/identity/pin.c
 * links: station/identity/certificate.c station/identity/identity.c station/identity/keyfile.c
 * links: station/identity/subject_key.c station/identity/signer_file.c station/identity/ceremony.c
 * links: station/base/entropy.c station/base/log.c agent/wire/hkdf.c agent/wire/cause.c agent/wire/message.c
 * links: agent/port/linux/crypto_openssl.c db/sql.c
 * links: station/base/reach.c
 */
#include <assert.h>
#include <string.h>

#include "station/label/book.h"
#include "station/label/printer.h"
#include "station/label/scanner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan(const char *line, size_t len)
{
	struct scan out;
	const char *wrong = scan_parse(line, len, &out);

	assert(!*out.expected || serial_is_valid(out.expected));
	if (wrong)
		return;
	assert(out.len > 0 && out.len <= SCAN_TEXT_MAX && strlen(out.text) == out.len);
	for (size_t i = 0; i < out.len; i++)
		assert((unsigned char)out.text[i] >= 0x20 && out.text[i] != 0x7f);
}

/* Octets as keys, each with a time before it: they come to an end, within the text. */
static void keys(const uint8_t *octets, size_t len)
{
	struct scanner s = { 0 };
	uint64_t now_us = 1;

	if (len > 0)
		s.setup = (struct scanner_setup){ .prefix = "~", .suffix = "#", .silence = octets[0] & 1 };
	for (size_t i = 1; i + 1 < len; i += 2) {
		uint32_t key;
		bool again = true;

		s.typing = octets[i] & 1;
		now_us += (uint64_t)octets[i] * octets[i] * 20;
		while (scanner_deadline_us(&s) <= now_us)
			if (scanner_expire(&s, &key, now_us) == SCANNER_READY)
				scanner_clear(&s);
		while (again) {
			key = octets[i + 1] > 250 ? SCANNER_NO_CHARACTER + octets[i + 1] - 250u : octets[i + 1];
			if (scanner_key(&s, &key, now_us, &again) == SCANNER_READY)
				scanner_clear(&s);
			assert(s.len < SCANNER_MAX && s.from <= s.len);
		}
	}
}

static void answer(const char *octets, size_t len)
{
	static const char label[] = "^XA^XZ";
	struct printer printer;
	struct printer_status status;
	uint64_t now_us = 0;

	assert(printer_status_parse(octets, len, &status) <= (long)len);
	printer_start(&printer, label, sizeof(label) - 1, false, 1000000, now_us);
	for (size_t at = 0; at < len && printer_result(&printer) == PRINTER_BUSY;) {
		size_t out_len, piece = 1 + (unsigned char)octets[at] % 17;

		(void)printer_output(&printer, &out_len);
		printer_sent(&printer, out_len, now_us);
		if (piece > len - at)
			piece = len - at;
		printer_receive(&printer, octets + at, piece, now_us);
		at += piece;
		now_us += 50000;
		printer_expire(&printer, now_us);
	}
	printer_expire(&printer, UINT64_MAX - 1);
	assert(printer_result(&printer) != PRINTER_BUSY && *printer.words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scan((const char *)data, size);
	keys(data, size);
	answer((const char *)data, size);
	return 0;
}
