/*
 * Plants one fault in a file of C or SQL.
 *
 *	plant choose SEED FILE...	"FILE NUMBER KIND LINE" of every fault there is, in the order of a draw:
 *					first a kind, each as likely as the others, then one of its faults
 *	plant FILE NUMBER		the file with that fault, to standard output
 */
#include "tests/mutate/faults.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS_MAX 20
#define LINES "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n" /* no statement is longer */

/* --- the list of faults --- */

void faults_add(struct faults *f, const struct tokens *t, const char *kind, size_t first, size_t last,
		const char *format, ...)
{
	const struct token *a = &t->list[first], *b = &t->list[last];
	const char *from = a->at, *to = b->at + b->len;
	va_list args;
	char *words = NULL, *text = NULL;
	int lines = 0;

	va_start(args, format);
	if (vasprintf(&words, format, args) < 0)
		abort();
	va_end(args);
	/* As many lines as before: what follows keeps its number, and its object file is the same where nothing else
	 * changed. */
	for (const char *p = from; p < to; p++)
		lines += *p == '\n';
	for (const char *p = words; *p; p++)
		lines -= *p == '\n';
	if (asprintf(&text, "%s%.*s", words, lines > 0 ? lines : 0, LINES) < 0)
		abort();
	free(words);
	if (f->count == f->room) {
		f->room = f->room ? f->room * 2 : 256;
		f->list = realloc(f->list, f->room * sizeof(*f->list));
		if (!f->list)
			abort();
	}
	f->list[f->count++] = (struct fault){
		.kind = kind, .at = (size_t)(from - t->text), .len = (size_t)(to - from), .replacement = text
	};
}

void faults_free(struct faults *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->list[i].replacement);
	free(f->list);
}

/* Small ones are limits and counts: one more. Large ones are sizes and times: twice as much. */
void faults_number(struct faults *f, const struct tokens *t, size_t i)
{
	char *suffix;
	unsigned long long n = strtoull(t->list[i].at, &suffix, 0);
	size_t digits = (size_t)(suffix - t->list[i].at);

	if (digits == 0 || digits > t->list[i].len || *suffix == '.')
		return;
	faults_add(f, t, "constant", i, i, "%llu%.*s", n < 1000 ? n + 1 : n * 2, (int)(t->list[i].len - digits),
		   suffix);
}

/* --- files --- */

struct file {
	const char *path;
	char *text;
	size_t len;
	struct tokens tokens;
	struct faults faults;
};

static void load(struct file *file, const char *path)
{
	size_t path_len = strlen(path);
	bool sql = path_len > 4 && strcmp(path + path_len - 4, ".sql") == 0;
	FILE *in = fopen(path, "r");

	*file = (struct file){ .path = path };
	if (!in || fseek(in, 0, SEEK_END) != 0) {
		perror(path);
		exit(2);
	}
	file->len = (size_t)ftell(in);
	file->text = calloc(1, file->len + 1);
	rewind(in);
	if (!file->text || fread(file->text, 1, file->len, in) != file->len) {
		perror(path);
		exit(2);
	}
	fclose(in);
	file->tokens = tokens_of(file->text, file->len, sql);
	if (sql)
		faults_in_sql(&file->tokens, &file->faults);
	else
		faults_in_c(&file->tokens, &file->faults);
}

static void unload(struct file *file)
{
	faults_free(&file->faults);
	free(file->tokens.list);
	free(file->text);
}

static int plant(const char *path, size_t number)
{
	struct file file;
	const struct fault *fault;

	load(&file, path);
	if (number >= file.faults.count) {
		fprintf(stderr, "%s: there are %zu faults\n", path, file.faults.count);
		return 2;
	}
	fault = &file.faults.list[number];
	fwrite(file.text, 1, fault->at, stdout);
	fputs(fault->replacement, stdout);
	fwrite(file.text + fault->at + fault->len, 1, file.len - fault->at - fault->len, stdout);
	unload(&file);
	return 0;
}

/* --- the draw --- */

struct choice {
	const struct file *file;
	size_t number;
};

struct kind {
	const char *name;
	struct choice *list;
	size_t count, room;
};

/* xorshift64*: the same draw everywhere. */
static uint64_t draw(uint64_t *state, uint64_t below)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * UINT64_C(2685821657736338717) >> 11) % below;
}

static void sort_in(struct kind *kinds, size_t *count, const struct file *file, size_t number)
{
	const char *name = file->faults.list[number].kind;
	struct kind *k = kinds;

	while (k < kinds + *count && strcmp(k->name, name) != 0)
		k++;
	if (k == kinds + *count) {
		if (*count == KINDS_MAX)
			abort();
		k->name = name;
		++*count;
	}
	if (k->count == k->room) {
		k->room = k->room ? k->room * 2 : 64;
		k->list = realloc(k->list, k->room * sizeof(*k->list));
		if (!k->list)
			abort();
	}
	k->list[k->count++] = (struct choice){ file, number };
}

static size_t line_of(const struct file *file, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at; i++)
		line += file->text[i] == '\n';
	return line;
}

static int choose(uint64_t seed, char **paths, size_t count)
{
	struct kind kinds[KINDS_MAX] = { 0 };
	struct file *files = calloc(count, sizeof(*files));
	uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	size_t kind_count = 0;

	if (!files)
		return 2;
	for (size_t i = 0; i < count; i++) {
		load(&files[i], paths[i]);
		for (size_t n = 0; n < files[i].faults.count; n++)
			sort_in(kinds, &kind_count, &files[i], n);
	}
	while (kind_count > 0) {
		struct kind *k = &kinds[draw(&state, kind_count)];
		size_t at = draw(&state, k->count);
		const struct choice c = k->list[at];

		printf("%s %zu %s %zu\n", c.file->path, c.number, k->name,
		       line_of(c.file, c.file->faults.list[c.number].at));
		k->list[at] = k->list[--k->count];
		if (k->count == 0) {
			free(k->list);
			*k = kinds[--kind_count];
		}
	}
	for (size_t i = 0; i < count; i++)
		unload(&files[i]);
	free(files);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && strcmp(argv[1], "choose") == 0)
		return choose(strtoull(argv[2], NULL, 0), argv + 3, (size_t)argc - 3);
	if (argc == 3)
		return plant(argv[1], strtoul(argv[2], NULL, 0));
	fprintf(stderr, "usage: plant choose SEED FILE... | plant FILE NUMBER\n");
	return 2;
}
