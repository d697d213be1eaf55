/*
 * The codes that `labels scan` reads from its standard input, told apart by the rule of label/scanner.h: at a terminal,
 * where a scanner types and a person may, and from a pipe or a file, where a line is a code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "station/label/scanner.h"

/*
 * Until the input ends, Ctrl-C or Ctrl-D at a terminal, or `each` gives false. `text` is wiped behind it; `wrong`: half
 * a sentence, when what came was no code and nothing is to be done with it, else NULL.
 */
void label_codes_read(const struct scanner_setup *setup,
		      bool (*each)(void *ctx, const char *text, size_t len, const char *wrong), void *ctx);
