/*
 * The method `direct`, for the session that it opens (session.c).
 */
#pragma once

#include "agent/core/agent.h"

/* The session is over: forgets its keys, then goes home, or is silent when the device is finished. */
void mr_direct_end_session(struct mr_agent *agent);
