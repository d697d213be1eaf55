#include "station/yaml/words.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 63 /* octets; chosen: a longer word is no slip of the hand */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t words_distance(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	size_t row[3][WORD_MAX + 1]; /* the last two rows of the matrix and the one being made */

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *now = row[i % 3], *before = row[(i - 1) % 3], *before_that = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);

			now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
				now[j] = least(now[j], before_that[j - 2] + 1);
		}
	}
	return row[a_len % 3][b_len];
}

bool words_near(const char *word, size_t distance)
{
	return distance <= (strlen(word) + 2) / 3 && distance < strlen(word);
}

const char *words_nearest(const char *word, const char *const *list)
{
	const char *nearest = NULL;
	size_t nearest_distance = SIZE_MAX;

	for (; *list; list++) {
		size_t distance = words_distance(word, *list);

		if (distance < nearest_distance) {
			nearest = *list;
			nearest_distance = distance;
		}
	}
	return nearest && words_near(word, nearest_distance) ? nearest : NULL;
}
