/*
 * A session over action frames: fragments of requests in, the sealed response out, again and again until it arrived.
 * Held (agent_layout.h) from mr_session_begin on until direct.c ends it: all of these need that.
 */
#pragma once

#include "agent/core/agent.h"

void mr_session_begin(struct mr_agent *agent, const struct mr_noise_keys *keys, uint16_t lease_s);
void mr_session_data(struct mr_agent *agent, const struct mr_frame *frame);
void mr_session_poll(struct mr_agent *agent, const struct mr_frame *frame);
/* Are these its first four octets? */
bool mr_session_is(const struct mr_agent *agent, uint32_t id);
/* The station is on the channel, and said so to all. */
void mr_session_present(struct mr_agent *agent);
void mr_session_sent(struct mr_agent *agent, bool acked);
void mr_session_expire(struct mr_agent *agent, uint64_t now_us);
uint64_t mr_session_deadline_us(const struct mr_agent *agent);
