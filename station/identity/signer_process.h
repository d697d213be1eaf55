/*
 * The station's end of the signer's process: the process itself and its three channels. Whatever is wrong with it (it
 * ended, it does not answer within the patience, it answers what is no answer) ends it for good; there is no second
 * start. The line sees that in identity_trouble and admits nobody any more; whoever waits is told signer-unavailable.
 */
#pragma once

#include <stdatomic.h>
#include <sys/types.h>

#include "station/identity/private.h"
#include "station/identity/signer_wire.h"

#define SIGNER_FD 3 /* of the first channel, in the signer */

struct signer_process {
	struct apart apart; /* first: what the identity calls */
	pid_t pid;	    /* 0: ended, and reaped */
	int fd[SIGNER_CHANNELS];
	uint32_t number[SIGNER_CHANNELS]; /* of the last request */
	unsigned patience_ms;
	/* The journal's thread cannot end the process; it says why, shuts the channels, and the line's thread does. */
	_Atomic(const char *) record_trouble;
	char gone[160], note[200];
	/* Certificates under way are told; NULL: none are asked for. */
	void (*on_gone)(void *ctx);
	void *ctx;
};

/* One request and its answer, in one place that signer_ask_wait wipes. */
struct signer_ask {
	struct signer_process *process;
	enum signer_channel channel;
	struct signer_head head;
	uint8_t room[SIGNER_MESSAGE_MAX];
	struct mr_wr out;
	size_t used; /* octets to wipe */
};

/* Then write the body to `out`. */
void signer_ask_begin(struct signer_ask *ask, struct signer_process *process, enum signer_channel channel,
		      enum signer_kind kind);
/* 0: `answer` is its body, until signer_ask_wipe. -(cause): refused, with `error`, where wanted;
 * -MR_CAUSE_SIGNER_UNAVAILABLE also when nobody answers. */
int signer_ask_wait(struct signer_ask *ask, struct mr_rd *answer, char *error, size_t error_len);
void signer_ask_wipe(struct signer_ask *ask);

/* `why` NULL: a channel has ended. The line's thread only. */
void signer_process_end(struct signer_process *process, const char *why);
extern const char signer_garbage[], signer_silent[];

struct signer *signer_create_apart(struct apart *apart, struct loop *loop);
/* In the new process; does not return. */
/* `own`: all memory of this process is the signer's. */
void signer_serve(pid_t parent, bool own) __attribute__((noreturn));
