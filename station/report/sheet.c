#include "station/report/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "station/base/log.h"

#define CELL_MAX 4096

struct cell {
	char *text;
	bool number;
};

struct sheet {
	int columns;
	struct cell *cells; /* the head first, then row by row */
	size_t count, cap;
};

static void sheet_wipe(struct sheet *sheet)
{
	for (size_t i = 0; i < sheet->count; i++)
		free(sheet->cells[i].text);
	free(sheet->cells);
}

static bool sheet_add(struct sheet *sheet, const char *text, bool number)
{
	if (sheet->count == sheet->cap) {
		size_t cap = sheet->cap ? 2 * sheet->cap : 256;
		struct cell *grown = realloc(sheet->cells, cap * sizeof(*grown));

		if (!grown)
			return false;
		sheet->cells = grown;
		sheet->cap = cap;
	}
	sheet->cells[sheet->count] = (struct cell){ strdup(text), number };
	return sheet->cells[sheet->count].text && ++sheet->count;
}

static bool is_time(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && strcmp(name + len - 3, "_us") == 0 && strcmp(name, "at_us") != 0;
}

/* 950 us, 12.3 ms, 4.21 s, 12 min 05 s */
static void time_text(char *out, size_t cap, sqlite3_int64 us)
{
	double value = (double)us;

	if (us < 1000)
		snprintf(out, cap, "%lld us", us);
	else if (us < 1000000)
		snprintf(out, cap, "%.1f ms", value / 1e3);
	else if (us < 600000000)
		snprintf(out, cap, "%.2f s", value / 1e6);
	else
		snprintf(out, cap, "%lld min %02lld s", us / 60000000, us / 1000000 % 60);
}

static void hex_text(char *out, size_t cap, const void *at, size_t len)
{
	const unsigned char *octets = at;

	*out = '\0';
	for (size_t i = 0; i < len && 2 * i + 2 < cap; i++)
		snprintf(out + 2 * i, 3, "%02x", octets[i]);
}

static bool add_cell(struct sheet *sheet, sqlite3_stmt *row, int column)
{
	char text[CELL_MAX] = "-";

	switch (sqlite3_column_type(row, column)) {
	case SQLITE_INTEGER:
		if (is_time(sqlite3_column_name(row, column)))
			time_text(text, sizeof(text), sqlite3_column_int64(row, column));
		else
			snprintf(text, sizeof(text), "%lld", sqlite3_column_int64(row, column));
		return sheet_add(sheet, text, true);
	case SQLITE_FLOAT:
		snprintf(text, sizeof(text), "%.6g", sqlite3_column_double(row, column));
		return sheet_add(sheet, text, true);
	case SQLITE_BLOB:
		hex_text(text, sizeof(text), sqlite3_column_blob(row, column),
			 (size_t)sqlite3_column_bytes(row, column));
		return sheet_add(sheet, text, false);
	case SQLITE_TEXT:
		log_escape(text, sizeof(text), sqlite3_column_text(row, column),
			   (size_t)sqlite3_column_bytes(row, column));
		return sheet_add(sheet, text, false);
	default: return sheet_add(sheet, text, false);
	}
}

static bool sheet_read(struct sheet *sheet, sqlite3_stmt *statement)
{
	int rc;

	sheet->columns = sqlite3_column_count(statement);
	for (int i = 0; i < sheet->columns; i++) {
		const char *name = sqlite3_column_name(statement, i);
		char head[CELL_MAX];
		size_t len = strlen(name);

		log_escape(head, sizeof(head), name, is_time(name) ? len - 3 : len);
		if (!sheet_add(sheet, head, false))
			return false;
	}
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
		for (int i = 0; i < sheet->columns; i++)
			if (!add_cell(sheet, statement, i))
				return false;
	return rc == SQLITE_DONE;
}

static void print_line(FILE *to, const struct sheet *sheet, const size_t *widths, const bool *numbers, size_t first)
{
	for (int i = 0; i < sheet->columns; i++) {
		const char *text = sheet->cells[first + (size_t)i].text;
		int width = (int)widths[i];

		if (numbers[i])
			fprintf(to, "%s%*s", i ? "  " : "", width, text);
		else if (i + 1 < sheet->columns)
			fprintf(to, "%s%-*s", i ? "  " : "", width, text);
		else
			fprintf(to, "%s%s", i ? "  " : "", text);
	}
	fputc('\n', to);
}

static void print_table(FILE *to, const struct sheet *sheet, size_t *widths, bool *numbers, bool bold)
{
	size_t columns = (size_t)sheet->columns;

	for (size_t i = 0; i < sheet->count; i++) {
		size_t len = strlen(sheet->cells[i].text);

		if (len > widths[i % columns])
			widths[i % columns] = len;
		numbers[i % columns] |= sheet->cells[i].number;
	}
	for (size_t first = 0; first < sheet->count; first += columns) {
		if (bold && first == 0)
			fputs("\033[1m", to);
		print_line(to, sheet, widths, numbers, first);
		if (bold && first == 0)
			fputs("\033[0m", to);
	}
}

long sheet_print(FILE *to, sqlite3_stmt *statement, bool bold)
{
	struct sheet sheet = { 0 };
	size_t *widths = calloc((size_t)sqlite3_column_count(statement), sizeof(*widths));
	bool *numbers = calloc((size_t)sqlite3_column_count(statement), sizeof(*numbers));
	long rows = -1;

	if (widths && numbers && sheet_read(&sheet, statement)) {
		print_table(to, &sheet, widths, numbers, bold);
		rows = (long)(sheet.count / (size_t)sheet.columns) - 1;
	}
	free(widths);
	free(numbers);
	sheet_wipe(&sheet);
	return rows;
}

long sheet_print_fields(FILE *to, sqlite3_stmt *statement, bool bold)
{
	struct sheet sheet = { 0 };
	size_t width = 0, columns;
	long rows = -1;

	if (sheet_read(&sheet, statement)) {
		columns = (size_t)sheet.columns;
		rows = (long)(sheet.count / columns) - 1;
		for (size_t i = 0; i < columns; i++)
			if (strlen(sheet.cells[i].text) > width)
				width = strlen(sheet.cells[i].text);
		for (size_t i = columns; i < sheet.count; i++) {
			if (i > columns && i % columns == 0)
				fputc('\n', to);
			fprintf(to, "%s%-*s%s  %s\n", bold ? "\033[1m" : "", (int)width, sheet.cells[i % columns].text,
				bold ? "\033[0m" : "", sheet.cells[i].text);
		}
	}
	sheet_wipe(&sheet);
	return rows;
}

void sheet_html_text(FILE *to, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&': fputs("&amp;", to); break;
		case '<': fputs("&lt;", to); break;
		case '>': fputs("&gt;", to); break;
		case '"': fputs("&quot;", to); break;
		case '\'': fputs("&#39;", to); break;
		default: fputc(*text, to);
		}
}

static void html_cell(FILE *to, const struct cell *cell, bool head, bool number)
{
	char name[CELL_MAX];

	fprintf(to, head ? "<th scope=\"col\"%s>" : "<td%s>", number ? " class=\"n\"" : "");
	snprintf(name, sizeof(name), "%s", cell->text);
	for (char *c = name; head && *c; c++)
		if (*c == '_')
			*c = ' ';
	sheet_html_text(to, name);
	fputs(head ? "</th>" : "</td>", to);
}

long sheet_html(FILE *to, sqlite3_stmt *statement, const char *caption)
{
	struct sheet sheet = { 0 };
	bool *numbers = calloc((size_t)sqlite3_column_count(statement), sizeof(*numbers));
	long rows = -1;

	if (numbers && sheet_read(&sheet, statement)) {
		size_t columns = (size_t)sheet.columns;

		rows = (long)(sheet.count / columns) - 1;
		for (size_t i = 0; i < sheet.count; i++)
			numbers[i % columns] |= sheet.cells[i].number;
		fputs("<div class=\"wide\"><table><caption>", to);
		sheet_html_text(to, caption);
		fputs("</caption>\n<thead>", to);
		for (size_t i = 0; i < sheet.count; i++) {
			if (i % columns == 0)
				fputs("<tr>", to);
			html_cell(to, &sheet.cells[i], i < columns, numbers[i % columns]);
			if (i % columns + 1 == columns)
				fputs(i < columns ? "</tr></thead>\n<tbody>\n" : "</tr>\n", to);
		}
		fputs("</tbody></table></div>\n", to);
	}
	free(numbers);
	sheet_wipe(&sheet);
	return rows;
}

long sheet_html_fields(FILE *to, sqlite3_stmt *statement)
{
	struct sheet sheet = { 0 };
	long rows = -1;

	if (sheet_read(&sheet, statement)) {
		size_t columns = (size_t)sheet.columns;

		rows = (long)(sheet.count / columns) - 1;
		fputs("<dl class=\"pairs\">\n", to);
		for (size_t i = columns; i < sheet.count; i++) {
			fputs("<dt>", to);
			for (const char *c = sheet.cells[i % columns].text; *c; c++)
				fputc(*c == '_' ? ' ' : *c, to);
			fputs("</dt><dd>", to);
			sheet_html_text(to, sheet.cells[i].text);
			fputs("</dd>\n", to);
		}
		fputs("</dl>\n", to);
	}
	sheet_wipe(&sheet);
	return rows;
}

/* RFC 4180 section 2: fields with a comma, a quote or a line break are quoted, quotes are doubled. */
static void csv_field(FILE *to, const char *text, size_t len)
{
	bool quote = len == 0;

	for (size_t i = 0; i < len; i++)
		quote |= strchr(",\"\r\n", text[i]) != NULL;
	if (quote)
		fputc('"', to);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			fputc('"', to);
		fputc(text[i], to);
	}
	if (quote)
		fputc('"', to);
}

static void csv_cell(FILE *to, sqlite3_stmt *row, int column)
{
	char text[CELL_MAX];

	switch (sqlite3_column_type(row, column)) {
	case SQLITE_NULL: break;
	case SQLITE_BLOB:
		hex_text(text, sizeof(text), sqlite3_column_blob(row, column),
			 (size_t)sqlite3_column_bytes(row, column));
		fputs(text, to);
		break;
	case SQLITE_TEXT:
		log_escape(text, sizeof(text), sqlite3_column_text(row, column),
			   (size_t)sqlite3_column_bytes(row, column));
		csv_field(to, text, strlen(text));
		break;
	default: fputs((const char *)sqlite3_column_text(row, column), to); break;
	}
}

long sheet_csv(FILE *to, sqlite3_stmt *statement)
{
	int columns = sqlite3_column_count(statement), rc;
	long rows = 0;

	for (int i = 0; i < columns; i++) {
		const char *name = sqlite3_column_name(statement, i);

		fputs(i ? "," : "", to);
		csv_field(to, name, strlen(name));
	}
	fputs("\r\n", to);
	for (; (rc = sqlite3_step(statement)) == SQLITE_ROW; rows++) {
		for (int i = 0; i < columns; i++) {
			fputs(i ? "," : "", to);
			csv_cell(to, statement, i);
		}
		fputs("\r\n", to);
	}
	return rc == SQLITE_DONE ? rows : -1;
}

json_t *sheet_json_text(const char *text, size_t len)
{
	json_t *value = json_stringn(text, len);
	char *escaped;

	if (value || len > 1 << 20)
		return value;
	escaped = malloc(4 * len + 1);
	if (!escaped)
		return NULL;
	log_escape(escaped, 4 * len + 1, text, len);
	value = json_string(escaped);
	free(escaped);
	return value;
}

static json_t *json_blob(const void *at, size_t len)
{
	char *text = malloc(2 * len + 3);
	json_t *value;

	if (!text)
		return NULL;
	hex_text(text, 2 * len + 3, at, len);
	value = json_string(text);
	free(text);
	return value;
}

static json_t *json_cell(sqlite3_stmt *row, int column)
{
	switch (sqlite3_column_type(row, column)) {
	case SQLITE_INTEGER: return json_integer(sqlite3_column_int64(row, column));
	case SQLITE_FLOAT: return json_real(sqlite3_column_double(row, column));
	case SQLITE_BLOB: return json_blob(sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column));
	case SQLITE_TEXT:
		return sheet_json_text((const char *)sqlite3_column_text(row, column),
				       (size_t)sqlite3_column_bytes(row, column));
	default: return json_null();
	}
}

json_t *sheet_json(sqlite3_stmt *statement)
{
	json_t *rows = json_array();
	int columns = sqlite3_column_count(statement), rc = SQLITE_DONE;

	while (rows && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		json_t *row = json_object();
		bool bad = !row;

		for (int i = 0; !bad && i < columns; i++)
			bad = json_object_set_new(row, sqlite3_column_name(statement, i), json_cell(statement, i)) != 0;
		/* json_array_append_new takes the row even when it fails. */
		if (json_array_append_new(rows, row) != 0 || bad)
			break;
	}
	if (rc == SQLITE_DONE)
		return rows;
	json_decref(rows);
	return NULL;
}
