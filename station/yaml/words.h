/*
 * The nearest right word, for everything that a person types: keys, values, subcommands, options.
 * Edit distance with neighbours swapped (optimal string alignment); near is one change in three characters.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Changes (insert, delete, replace, swap of neighbours) from one to the other, capital letters as small ones; a word
 * longer than 63 characters is far from everything (SIZE_MAX). */
size_t words_distance(const char *a, const char *b);
/* Whether `distance` changes are few enough for a word of this length to be meant. */
bool words_near(const char *word, size_t distance);
/* The nearest of a NULL-ended list, the first of equals, or NULL when none is near. */
const char *words_nearest(const char *word, const char *const *list);
