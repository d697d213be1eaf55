/*
 * The phases of a session, in the order of the recipe: what each asks of the device, to which step it belongs, what
 * people call it. What is done in a phase is the recipe's (recipe.c).
 */
#pragma once

#include "agent/wire/message.h"
#include "station/job/job.h"

/* NAME, what is asked of the device (0: nothing), step, words */
#define PHASES(X)                                                                                                      \
	X(INVITED, 0, JOB_IDENTIFY, "invited")                                                                         \
	X(WELCOMED, 0, JOB_IDENTIFY, "handshake")                                                                      \
	X(ASK_STATUS, MR_OP_STATUS, JOB_IDENTIFY, "status")                                                            \
	X(ASK_SELFTEST, MR_OP_SELFTEST, JOB_SELFTEST, "selftest")                                                      \
	X(ASK_KEY, MR_OP_KEY, JOB_IDENTITY, "key")                                                                     \
	X(SIGNING, 0, JOB_IDENTITY, "signing")                                                                         \
	X(RECORDING_IDENTITY, 0, JOB_IDENTITY, "recording identity")                                                   \
	X(ASK_IDENTITY, MR_OP_IDENTITY, JOB_IDENTITY, "identity")                                                      \
	X(COMMIT_IDENTITY, MR_OP_COMMIT, JOB_IDENTITY, "commit identity")                                              \
	X(ASK_NETWORKS, MR_OP_NETWORKS, JOB_CREDENTIALS, "networks")                                                   \
	X(RECORDING_CREDENTIALS, 0, JOB_CREDENTIALS, "recording credentials")                                          \
	X(ASK_CREDENTIALS, MR_OP_CREDENTIALS, JOB_CREDENTIALS, "credentials")                                          \
	X(COMMIT_CREDENTIALS, MR_OP_COMMIT, JOB_CREDENTIALS, "commit credentials")                                     \
	X(AWAITING_TURN, 0, JOB_CREDENTIALS, "awaiting its turn") /* of an exclusive delivery */                       \
	X(DELIVERING, 0, JOB_CREDENTIALS, "delivering")		  /* by the method's own way */                        \
	X(ASK_VERIFY, MR_OP_VERIFY, JOB_VERIFY, "verify")                                                              \
	X(ASK_JOIN, MR_OP_JOIN, JOB_VERIFY, "join")                                                                    \
	X(JOINING, 0, JOB_VERIFY, "joining")   /* it is away, in its network */                                        \
	X(RETURNED, 0, JOB_VERIFY, "returned") /* its access point is up again */                                      \
	X(ASK_JOINED, MR_OP_STATUS, JOB_VERIFY, "joined")                                                              \
	X(RECORDING_SEAL, 0, JOB_SEAL, "recording seal")                                                               \
	X(ASK_SEAL, MR_OP_SEAL, JOB_SEAL, "seal")                                                                      \
	X(RECORDING_OUTCOME, 0, JOB_SEAL, "recording outcome")                                                         \
	X(ASK_FINISH, MR_OP_FINISH, JOB_SEAL, "verdict")

enum phase {
#define PHASE_ENUM(NAME, operation, step, words) PHASE_##NAME,
	PHASES(PHASE_ENUM)
#undef PHASE_ENUM
		PHASE_COUNT
};

enum mr_operation phase_operation(enum phase phase); /* 0: it asks nothing of the device */
enum job_step phase_step(enum phase phase);
const char *phase_name(enum phase phase);
/* The device has nothing to do with how long this lasts: the record, the signer, a turn. */
bool phase_waits_for_us(enum phase phase);
