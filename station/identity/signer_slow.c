/*
 * An emulated HSM: one session, a fixed time per signature, requests wait in line. For planning a line whose
 * CA key lives in a token (a USB token may take 700 ms), and for tests of what happens while it takes its
 * time.
 */
#include <assert.h>
#include <stdlib.h>

#include "agent/wire/cause.h"
#include "agent/wire/cursor.h"
#include "station/base/loop.h"
#include "station/identity/identity.h"

struct job {
	struct job *next;
	signer_done_fn *done;
	void *ctx;
	size_t len;
	uint8_t tbs[];
};

struct signer_slow {
	struct signer signer; /* first: the seam */
	struct signer *behind;
	struct loop *loop;
	struct loop_timer timer;
	uint32_t signature_us;
	struct job *first, **last;
	bool closing;
};

static struct job *pop(struct signer_slow *slow)
{
	struct job *job = slow->first;

	assert(job);
	slow->first = job->next;
	if (!slow->first)
		slow->last = &slow->first;
	return job;
}

static void on_signature(void *ctx, uint64_t now_us)
{
	struct signer_slow *slow = ctx;
	struct job *job = pop(slow);
	int result;

	assert(!slow->closing);
	/* Before the callback, which may queue more or close us. */
	if (slow->first)
		loop_at(slow->loop, &slow->timer, now_us + slow->signature_us);
	result = slow->behind->sign(slow->behind, job->tbs, job->len, job->done, job->ctx);
	if (result != 0)
		job->done(job->ctx, result, NULL, 0);
	free(job);
}

static int sign(struct signer *signer, const uint8_t *tbs, size_t len, signer_done_fn *done, void *ctx)
{
	struct signer_slow *slow = (struct signer_slow *)signer;
	struct job *job = slow->closing ? NULL : malloc(sizeof(*job) + len);
	bool idle = !slow->first && slow->timer.slot == 0;

	if (slow->closing)
		return -MR_CAUSE_STOPPED;
	if (!job)
		return -MR_CAUSE_NO_MEMORY;
	*job = (struct job){ .done = done, .ctx = ctx, .len = len };
	mr_copy(job->tbs, tbs, len);
	assert(!*slow->last && (slow->first || slow->last == &slow->first));
	*slow->last = job;
	slow->last = &job->next;
	if (idle)
		loop_at(slow->loop, &slow->timer, loop_now_us(slow->loop) + slow->signature_us);
	return 0;
}

static void close_slow(struct signer *signer)
{
	struct signer_slow *slow = (struct signer_slow *)signer;

	slow->closing = true;
	loop_cancel(slow->loop, &slow->timer);
	while (slow->first) {
		struct job *job = pop(slow);

		job->done(job->ctx, -MR_CAUSE_STOPPED, NULL, 0);
		free(job);
	}
	assert(slow->last == &slow->first);
	slow->behind->close(slow->behind);
	free(slow);
}

struct signer *signer_create_slow(struct identity *identity, struct loop *loop, uint32_t signature_us)
{
	struct signer_slow *slow = calloc(1, sizeof(*slow));

	if (!slow)
		return NULL;
	slow->behind = signer_create(identity, loop);
	if (!slow->behind) {
		free(slow);
		return NULL;
	}
	slow->signer = (struct signer){ .sign = sign, .close = close_slow, .kind = "slow" };
	slow->loop = loop;
	slow->signature_us = signature_us;
	slow->timer = (struct loop_timer){ .fn = on_signature, .ctx = slow };
	slow->last = &slow->first;
	return &slow->signer;
}
