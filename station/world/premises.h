/*
 * Devices that are reached through access points of their own, as a job's `simulation:` has them: each is built as
 * its label says, and around them are the network that they are to join and those of others.
 *
 *	premises_create -> { premises_configure -> device_create -> premises_placed } ... -> premises_destroy (after
 *		the devices)
 */
#pragma once

#include "station/air/air.h"
#include "station/world/device.h"
#include "station/world/network.h"
#include "station/roster/roster.h"
#include "station/job/job.h"

struct premises;

/*
 * `roster`: one row for each device, in their order, NULL: the devices are somebody else's, and there are only
 * networks; the job, the roster and `ip` outlive it. NULL with a sentence in `error`: no memory, too few labels, more
 * links at once than there are interfaces, or no passphrase of the network to join.
 */
struct premises *premises_create(struct air *air, const struct job *job, const struct roster *roster,
				 struct ip_stack *ip, uint64_t seed, char *error, size_t error_len);
void premises_destroy(struct premises *premises);

/* What the firmware of device `i` has; strings stay the premises'. false: its label is of no use, `error` says why. */
bool premises_configure(struct premises *premises, size_t i, struct device_config *config, char *error,
			size_t error_len);
/*
 * `count` access points on the channel of device `i` that bear its SSID and the end of its address, and have not its
 * secret. After the devices. false: no memory.
 */
bool premises_fakes(struct premises *premises, struct air *air, size_t i, unsigned count, uint64_t seed);
/* Those that cannot join are made known to the network. false: no memory. */
bool premises_placed(struct premises *premises, const struct device_config *config);
