/*
 * What a scanner has read, made plain: the one rule for the dashboard, `labels scan` and the station. What scanners put
 * around a code is taken off: blanks, line ends, STX before and ETX or EOT behind, a symbology identifier
 * (ISO/IEC 15424: "]C1"). What is not one code is refused: fields with a separator between them (GS1) would otherwise
 * become another number.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The code within `text`: `*from` and `*len` are its place there, nothing is copied. NULL, or half a sentence on what
 * is wrong: then it is shown, and nothing is done with what was read.
 */
const char *scan_plain(const char *text, size_t text_len, size_t *from, size_t *len);

/*
 * Exchanges small and capital letters: what a keyboard with Caps Lock makes of a scanner's text. Writes `len` octets
 * and a zero. False: there is no letter in it, so there is nothing to exchange.
 */
bool scan_caps_lock(const char *text, size_t len, char *out);
