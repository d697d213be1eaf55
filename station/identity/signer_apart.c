/*
 * The signer seam over the channel of certificates. On the real clock the loop never waits: requests go out, up to
 * SIGNER_WINDOW at a time, and the loop brings the answers; the oldest has the patience of the process. The virtual
 * clock stands still meanwhile, as it does for the disk, so a run repeats to the byte.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/wire/cause.h"
#include "station/base/loop.h"
#include "station/identity/signer_process.h"

struct request {
	struct request *next;
	signer_done_fn *done;
	void *ctx;
	uint32_t number; /* 0: not sent yet */
	uint64_t sent_us;
	size_t len;
	uint8_t tbs[];
};

struct signer_apart {
	struct signer signer; /* first: the seam */
	struct signer_process *process;
	struct loop *loop;
	struct loop_timer timer; /* the patience with the oldest; with a process that is gone, now */
	struct request *first, **last, *unsent;
	unsigned sent;
};

static struct request *pop(struct signer_apart *s)
{
	struct request *r = s->first;

	assert(r);
	s->first = r->next;
	if (!s->first)
		s->last = &s->first;
	if (s->unsent == r)
		s->unsent = r->next;
	if (r->number) {
		assert(s->sent > 0);
		s->sent--;
	}
	return r;
}

/* Answers the oldest. Nothing of ours may be touched afterwards: its owner may have closed us. */
static void answer(struct request *r, int result, const uint8_t *sig, size_t len)
{
	r->done(r->ctx, result, sig, len);
	free(r);
}

static void set_timer(struct signer_apart *s)
{
	if (!s->first)
		loop_cancel(s->loop, &s->timer);
	else if (s->process->pid == 0)
		loop_at(s->loop, &s->timer, loop_now_us(s->loop));
	else
		loop_at(s->loop, &s->timer, s->first->sent_us + s->process->patience_ms * UINT64_C(1000));
}

static bool send_one(struct signer_apart *s, struct request *r)
{
	uint8_t room[IDENTITY_CERT_MAX + 16];
	struct mr_wr out = mr_wr_over(room, sizeof(room));
	struct signer_head head = { .kind = SIGNER_CERTIFICATE };

	head.number = ++s->process->number[SIGNER_CERTIFICATES];
	if (head.number == 0) /* which says that it was not sent */
		head.number = ++s->process->number[SIGNER_CERTIFICATES];
	signer_put_head(&out, &head);
	mr_wr_bytes(&out, r->tbs, r->len);
	assert(!out.bad);
	if (send(s->process->fd[SIGNER_CERTIFICATES], out.buf, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    (ssize_t)out.len)
		return false;
	r->number = head.number;
	r->sent_us = loop_now_us(s->loop);
	return true;
}

static void send_more(struct signer_apart *s)
{
	while (s->process->pid != 0 && s->unsent && s->sent < SIGNER_WINDOW) {
		if (!send_one(s, s->unsent)) {
			signer_process_end(s->process, errno == EAGAIN ? signer_silent : NULL);
			break;
		}
		s->unsent = s->unsent->next;
		s->sent++;
	}
	set_timer(s);
}

static void on_gone(void *ctx)
{
	struct signer_apart *s = ctx;

	if (loop_is_virtual(s->loop))
		return;
	loop_unwatch(s->loop, s->process->fd[SIGNER_CERTIFICATES]);
	set_timer(s);
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct signer_apart *s = ctx;
	struct request *r;

	(void)now_us;
	signer_process_end(s->process, signer_silent); /* no second time */
	r = pop(s);
	set_timer(s);
	answer(r, -MR_CAUSE_SIGNER_UNAVAILABLE, NULL, 0);
}

/* One answer for each call: the loop calls again while there are more. */
static void on_readable(void *ctx, uint32_t events)
{
	struct signer_apart *s = ctx;
	uint8_t room[256];
	struct signer_head head;
	struct mr_rd in;
	struct request *r;
	ssize_t len = recv(s->process->fd[SIGNER_CERTIFICATES], room, sizeof(room), MSG_DONTWAIT);

	(void)events;
	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (len <= 0) {
		signer_process_end(s->process, NULL);
		return;
	}
	in = mr_rd_over(room, (size_t)len);
	if (!signer_get_answer(&in, &head) || head.kind != SIGNER_CERTIFICATE || !s->first || s->first->number == 0 ||
	    head.number != s->first->number || (head.cause == 0 && (in.left == 0 || in.left > SIGNATURE_MAX))) {
		signer_process_end(s->process, signer_garbage);
		return;
	}
	r = pop(s);
	send_more(s);
	if (head.cause == 0)
		answer(r, 0, in.at, in.left);
	else
		answer(r, -MR_CAUSE_SIGNER_UNAVAILABLE, NULL, 0);
}

static int sign_at_once(struct signer_apart *s, const uint8_t *tbs, size_t len, signer_done_fn *done, void *ctx)
{
	uint8_t sig[SIGNATURE_MAX];
	struct signer_ask ask;
	size_t sig_len;
	struct mr_rd in;
	int result;

	signer_ask_begin(&ask, s->process, SIGNER_CERTIFICATES, SIGNER_CERTIFICATE);
	mr_wr_bytes(&ask.out, tbs, len);
	result = signer_ask_wait(&ask, &in, NULL, 0);
	sig_len = result == 0 ? in.left : 0;
	if (result == 0 && (sig_len == 0 || sig_len > sizeof(sig))) {
		signer_process_end(s->process, signer_garbage);
		result = -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	if (result == 0)
		mr_rd_copy(&in, sig, sig_len);
	signer_ask_wipe(&ask);
	if (result != 0)
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	done(ctx, 0, sig, sig_len);
	return 0;
}

static int sign(struct signer *signer, const uint8_t *tbs, size_t len, signer_done_fn *done, void *ctx)
{
	struct signer_apart *s = (struct signer_apart *)signer;
	struct request *r;

	assert(len > 0 && len <= IDENTITY_CERT_MAX);
	if (s->process->pid == 0)
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	if (loop_is_virtual(s->loop))
		return sign_at_once(s, tbs, len, done, ctx);
	r = malloc(sizeof(*r) + len);
	if (!r)
		return -MR_CAUSE_NO_MEMORY;
	*r = (struct request){ .done = done, .ctx = ctx, .len = len };
	mr_copy(r->tbs, tbs, len);
	*s->last = r;
	s->last = &r->next;
	if (!s->unsent)
		s->unsent = r;
	send_more(s);
	return 0;
}

static void close_apart(struct signer *signer)
{
	struct signer_apart *s = (struct signer_apart *)signer;

	s->process->on_gone = NULL;
	loop_cancel(s->loop, &s->timer);
	if (s->process->pid != 0 && !loop_is_virtual(s->loop))
		loop_unwatch(s->loop, s->process->fd[SIGNER_CERTIFICATES]);
	while (s->first)
		answer(pop(s), -MR_CAUSE_STOPPED, NULL, 0);
	free(s);
}

struct signer *signer_create_apart(struct apart *apart, struct loop *loop)
{
	struct signer_process *process = (struct signer_process *)apart;
	struct signer_apart *s = calloc(1, sizeof(*s));

	assert(!process->on_gone); /* one at a time */
	if (!s)
		return NULL;
	s->signer = (struct signer){ .sign = sign, .close = close_apart, .kind = "apart" };
	s->process = process;
	s->loop = loop;
	s->timer = (struct loop_timer){ .fn = on_timer, .ctx = s, .at_us = LOOP_NEVER };
	s->last = &s->first;
	if (!loop_is_virtual(loop) &&
	    loop_watch(loop, process->fd[SIGNER_CERTIFICATES], EPOLLIN, on_readable, s) != 0) {
		free(s);
		return NULL;
	}
	process->on_gone = on_gone;
	process->ctx = s;
	return &s->signer;
}
