#include <string.h>

#include "station/schedule/schedule.h"

const struct schedule_policy *schedule_policy(const char *name)
{
	static const struct schedule_policy *const all[] = { &schedule_pex, &schedule_round_robin };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}
