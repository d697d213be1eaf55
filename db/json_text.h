/*
 * Is a text one object in JSON? RFC 8259 to the letter, in UTF-8, nothing before or after it: stricter than SQLite's
 * json_valid(), so what is taken here is valid there too. Inside db/ only.
 */
#pragma once

#include <stdbool.h>

#define JSON_TEXT_DEPTH_MAX 8 /* objects and arrays within each other */

bool json_text_is_object(const char *text);
