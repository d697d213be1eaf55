#include <assert.h>
#include <stdlib.h>

#include "station/schedule/schedule.h"

static int by_release_descending(const void *a, const void *b)
{
	const struct schedule_bound_unit *x = a, *y = b;

	return (x->release_us < y->release_us) - (x->release_us > y->release_us);
}

struct schedule_bound schedule_lower_bound(struct schedule_bound_unit *units, size_t count, size_t radios,
					   size_t channels)
{
	size_t lanes = radios < channels ? radios : channels;
	struct schedule_bound b = { 0 };
	uint64_t air_us = 0;

	if (count > 1)
		qsort(units, count, sizeof(*units), by_release_descending);
	for (size_t i = 0; i < count; i++) {
		uint64_t end_us = units[i].release_us + units[i].chain_us;

		if (end_us > b.chain_us)
			b.chain_us = end_us;
		air_us += units[i].air_us;
		if (lanes > 0 && units[i].release_us + air_us / lanes > b.air_us)
			b.air_us = units[i].release_us + air_us / lanes;
	}
	assert(count < 2 || units[0].release_us >= units[count - 1].release_us);
	b.bound_us = b.chain_us > b.air_us ? b.chain_us : b.air_us;
	return b;
}
