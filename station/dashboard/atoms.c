#include "station/dashboard/atoms.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "station/dashboard/text.h"

#define ROOM 8192u /* a power of two, twice the most that is kept */
#define KEPT_MAX 4096u
#define LENGTH_MAX 240u

struct atoms {
	char *kept[ROOM];
	unsigned count;
};

struct atoms *atoms_create(void) { return calloc(1, sizeof(struct atoms)); }

void atoms_destroy(struct atoms *a)
{
	for (unsigned i = 0; a && i < ROOM; i++)
		free(a->kept[i]);
	free(a);
}

const char *atoms_get(struct atoms *a, const char *text)
{
	char cut[LENGTH_MAX + 1];
	uint32_t hash = 2166136261u; /* FNV-1a */
	unsigned at;

	if (!text || !*text)
		return "";
	text_copy(cut, sizeof(cut), text);
	for (const char *c = cut; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	for (at = hash % ROOM; a->kept[at]; at = (at + 1) % ROOM)
		if (strcmp(a->kept[at], cut) == 0)
			return a->kept[at];
	if (a->count == KEPT_MAX || !(a->kept[at] = strdup(cut)))
		return "?";
	a->count++;
	return a->kept[at];
}
