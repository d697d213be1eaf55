#include "station/base/map.h"

#include <stdlib.h>

/* Finalizer of SplitMix64 (Steele, Lea, Flood 2014): spreads sequential MACs and ids. Not for hostile keys. */
static size_t place(const struct map *map, uint64_t key)
{
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
	key = (key ^ key >> 27) * 0x94d049bb133111ebu;
	return (size_t)(key ^ key >> 31) & (map->room - 1);
}

static struct map_slot *find(const struct map *map, uint64_t key)
{
	size_t i = place(map, key);

	while (map->slots[i].value && map->slots[i].key != key)
		i = (i + 1) & (map->room - 1);
	return &map->slots[i];
}

void *map_get(const struct map *map, uint64_t key) { return map->room ? find(map, key)->value : NULL; }

static bool grow(struct map *map)
{
	struct map bigger = { .room = map->room ? map->room * 2 : 32 };

	bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < map->room; i++)
		if (map->slots[i].value)
			*find(&bigger, map->slots[i].key) = map->slots[i];
	free(map->slots);
	map->slots = bigger.slots;
	map->room = bigger.room;
	return true;
}

bool map_put(struct map *map, uint64_t key, void *value)
{
	if ((map->count + 1) * 4 > map->room * 3 && !grow(map))
		return false;
	struct map_slot *slot = find(map, key);

	map->count += !slot->value;
	*slot = (struct map_slot){ key, value };
	return true;
}

void map_remove(struct map *map, uint64_t key)
{
	if (!map->room)
		return;
	struct map_slot *slot = find(map, key);

	if (!slot->value)
		return;
	slot->value = NULL;
	map->count--;
	/* Close the gap: entries that were probed past it move up (Knuth 6.4, algorithm R). */
	size_t gap = (size_t)(slot - map->slots);

	for (size_t i = (gap + 1) & (map->room - 1); map->slots[i].value; i = (i + 1) & (map->room - 1)) {
		size_t home = place(map, map->slots[i].key);

		if (((i - home) & (map->room - 1)) >= ((i - gap) & (map->room - 1))) {
			map->slots[gap] = map->slots[i];
			map->slots[i].value = NULL;
			gap = i;
		}
	}
}

void map_free(struct map *map)
{
	free(map->slots);
	*map = (struct map){ 0 };
}
