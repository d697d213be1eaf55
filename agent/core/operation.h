/*
 * What a device does when asked: the operations of agent/wire/message.h. A request comes in as octets that lie in
 * the agent's buffer; the answer is written over them, after everything that is needed from them has been used.
 */
#pragma once

#include "agent/core/agent.h"
#include "agent/wire/cause.h"

#define KEY_DRAWS_MAX 8 /* one draw in 2^32 falls outside of the curve's order */

/* Carries out one request and writes the response, cause and time included. `w` may lie over the request. */
void mr_operation_run(struct mr_agent *agent, struct mr_rd request, struct mr_wr *w);

/* What the device is, as a STATUS response without a signature: the payload of handshake message 1. */
void mr_operation_introduce(struct mr_agent *agent, struct mr_wr *w);

/* Takes over from the store what other parts look at. */
void mr_operation_refresh(struct mr_agent *agent);

/* Every change of the store is written through here: with it goes the count of restarts. */
enum mr_cause mr_operation_save(struct mr_agent *agent);

/* --- for the rows that carry out requests (method.h, `run`) --- */

/* From here on the request is gone: what it held is wiped, and the response grows in its place. */
void mr_operation_answer(struct mr_agent *agent, const struct mr_message *m, struct mr_wr *w);
/* Does the request name a transaction? Eight zeros are none. */
bool mr_operation_has_txn(const struct mr_message *m);
/* Is it the transaction under which section `type` was stored? */
bool mr_operation_is_of_txn(const struct mr_agent *agent, enum mr_section type, const struct mr_message *m);
