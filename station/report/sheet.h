/*
 * The answer of a query on paper: aligned for people, JSON or CSV for programs. Octets that came from outside are
 * escaped.
 *
 * For people a column `*_us` loses its suffix and is shown in the unit that suits; JSON and CSV keep the numbers as
 * they are. Blobs are hexadecimal everywhere, NULL is "-" on paper, null in JSON, empty in CSV.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>
#include <sqlite3.h>

/* All of these step the statement to its end and leave it to the caller. The number of rows, or -1: sqlite3_errmsg. */
long sheet_print(FILE *to, sqlite3_stmt *statement, bool bold);
/* One row as name and value, line by line; a blank line between rows. */
long sheet_print_fields(FILE *to, sqlite3_stmt *statement, bool bold);
/* A table of HTML, with a caption. Names lose their underscores. */
long sheet_html(FILE *to, sqlite3_stmt *statement, const char *caption);
/* Rows as names and values, in a list of pairs. */
long sheet_html_fields(FILE *to, sqlite3_stmt *statement);
/* Text as HTML content or in an attribute: escaped, and what is not UTF-8 as in the log. */
void sheet_html_text(FILE *to, const char *text);
/* RFC 4180: a head line, CR LF. */
long sheet_csv(FILE *to, sqlite3_stmt *statement);
/* An array of objects; NULL: sqlite3_errmsg, or no memory. */
json_t *sheet_json(sqlite3_stmt *statement);
/* Text from anywhere: UTF-8 as it is, else escaped as in the log. */
json_t *sheet_json_text(const char *text, size_t len);
