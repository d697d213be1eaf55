/*
 * The device's radio beyond action frames (mr_part_wifi): is an access point, looks around, joins a network and comes
 * back, so that whoever told it to join can ask how it went. All of it at the pace of mr_agent_expire.
 */
#pragma once

#include "agent/core/agent.h"

/* For the rows of methods that need an access point: MR_WANTS_ACCESS_POINT, or 0 when this config is out of range. */
unsigned mr_wifi_wants(const struct mr_ap_config *ap);
