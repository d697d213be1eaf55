/*
 * What a scanner types, and what a printer answers: any octets. A line is refused or is a code without control
 * characters; a printer's answers in any pieces end in a result or leave it waiting.
 *
 * links: station/label/book.c station/label/printer.c station/identity/serial.c station/identity/pin.c
 * links: station/identity/certificate.c station/identity/identity.c station/identity/keyfile.c
 * links: station/identity/subject_key.c station/identity/signer_file.c station/identity/ceremony.c
 * links: station/base/entropy.c station/base/log.c agent/wire/hkdf.c agent/wire/cause.c agent/wire/message.c
 * links: agent/port/linux/crypto_openssl.c db/sql.c
 */
#include <assert.h>
#include <string.h>

#include "station/label/book.h"
#include "station/label/printer.h"

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
	answer((const char *)data, size);
	return 0;
}
