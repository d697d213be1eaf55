/*
 * A map from 64-bit keys to pointers: open addressing, linear probing. Iteration order is the slot order, which
 * depends on keys alone, never on addresses, so that a simulated run repeats. Key and value belong to the caller.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	uint64_t key;
	void *value; /* NULL: free */
};

/* zero it to begin; layout is ours */
struct map {
	struct map_slot *slots;
	size_t room, count;
};

void *map_get(const struct map *map, uint64_t key);
bool map_put(struct map *map, uint64_t key, void *value); /* replaces; false: no memory */
void map_remove(struct map *map, uint64_t key);
void map_free(struct map *map);

/* The first 8 octets as a key: device ids, and hashes of which 64 bits tell them apart. */
static inline uint64_t map_key_octets(const uint8_t octets[static 8])
{
	uint64_t k = 0;

	for (int i = 0; i < 8; i++)
		k = k << 8 | octets[i];
	return k;
}

/* Octets 0..5 as a key. */
static inline uint64_t map_key_mac(const uint8_t mac[static 6])
{
	uint64_t k = 0;

	for (int i = 0; i < 6; i++)
		k = k << 8 | mac[i];
	return k;
}
