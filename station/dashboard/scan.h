/* What was scanned: what kind of text it is, and how much of it may be shown. How it is told from typing:
 * label/scanner.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/label/scanner.h"

#define SCAN_MAX SCANNER_MAX

enum scan_kind {
	SCAN_NOTHING,
	SCAN_BADGE,
	SCAN_SERIAL,
	SCAN_MAC,
	SCAN_LABEL,
};

/* What a text is: by its pattern alone. Words of a standard also as Caps Lock writes them. */
enum scan_kind scan_route(const char *text);
/* A MAC in any of the usual ways of writing, as "02:00:5e:10:00:01". */
bool scan_mac(const char *text, char out[static 18]);
/*
 * What may be shown of it: labels carry PINs, so of everything that is no plain badge, serial number or MAC only the
 * first word is shown, of payloads not even that, and of digits alone the first four.
 */
void scan_shown(const char *text, char *out, size_t cap);
/* The number behind BADGE:, or the text itself. */
const char *scan_badge(const char *text);
/* The serial number on a label payload: its first word if it is plain text. False: it has none that we know to find. */
bool scan_label_serial(const char *text, char *out, size_t cap);
