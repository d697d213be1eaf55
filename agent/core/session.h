/*
 * The session of a device: fragments of requests in, the sealed response out, again and again until it is through.
 */
#pragma once

#include "agent/core/agent.h"

void mr_session_begin(struct mr_agent *agent, const struct mr_noise_keys *keys, uint16_t lease_s);
void mr_session_data(struct mr_agent *agent, const struct mr_frame *frame);
void mr_session_poll(struct mr_agent *agent, const struct mr_frame *frame);
/* The station is present on the channel and says so to all. */
void mr_session_present(struct mr_agent *agent);
void mr_session_sent(struct mr_agent *agent, bool acked);
void mr_session_expire(struct mr_agent *agent, uint64_t now_us);
uint64_t mr_session_deadline_us(const struct mr_agent *agent);

/* In agent.c, for the session: sends what is built, filling in the sequence number. false: the queue is full. */
bool mr_agent_transmit(struct mr_agent *agent, uint8_t *frame, size_t len, uint32_t *cookie);
uint32_t mr_agent_random_below(struct mr_agent *agent, uint32_t limit);
/* The session is over: forget its keys; go home, or be silent. */
void mr_agent_end_session(struct mr_agent *agent);
