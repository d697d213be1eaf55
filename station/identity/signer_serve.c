/*
 * The process that holds the keys, from its first instruction to its end: nothing is left open but its channels, the
 * keys are opened when the station says which, then it gives up what it needs no more, and answers until a channel
 * ends. Its state is worth nothing, so it may be ended at any time.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "station/identity/signer_confine.h"
#include "station/identity/signer_desk.h"
#include "station/identity/signer_process.h"

struct serve {
	struct signer_desk desk;
	pid_t parent;
	bool own, confined;
	uint8_t request[SIGNER_MESSAGE_MAX], answer[SIGNER_MESSAGE_MAX];
};

/* The keys are open: from here on no file is. False: they do not work. */
static bool confine(struct serve *s, struct mr_wr *answer)
{
	char note[CONFINE_NOTE_MAX];

	if (!signer_desk_try(&s->desk))
		return false;
	confine_end(s->parent, s->own, note);
	signer_put_text(answer, note);
	s->confined = true;
	return !answer->bad;
}

/* False: the station is gone, or is no station. */
static bool serve_one(struct serve *s, enum signer_channel channel)
{
	struct mr_wr answer = mr_wr_over(s->answer, sizeof(s->answer));
	int fd = SIGNER_FD + (int)channel;
	ssize_t len;
	bool ok;

	do
		len = recv(fd, s->request, sizeof(s->request), 0);
	while (len < 0 && errno == EINTR);
	ok = len > 0 && signer_desk_answer(&s->desk, channel, mr_rd_over(s->request, (size_t)len), &answer);
	if (ok && s->desk.signer && !s->confined)
		ok = confine(s, &answer);
	ok = ok && send(fd, answer.buf, answer.len, MSG_NOSIGNAL) == (ssize_t)answer.len;
	OPENSSL_cleanse(s->request, len > 0 ? (size_t)len : 0);
	OPENSSL_cleanse(s->answer, answer.len);
	return ok;
}

void signer_serve(pid_t parent, bool own)
{
	struct pollfd wait[SIGNER_CHANNELS];
	struct serve s = { .parent = parent, .own = own };
	bool ok = true;

	confine_begin(parent, SIGNER_FD + SIGNER_CHANNELS);
	confine_heap();
	entropy_lend_to_openssl(NULL); /* the parent's, after a fork */
	signer_desk_init(&s.desk);
	for (int i = 0; i < SIGNER_CHANNELS; i++)
		wait[i] = (struct pollfd){ .fd = SIGNER_FD + i, .events = POLLIN };
	while (ok) {
		ok = poll(wait, SIGNER_CHANNELS, -1) >= 0 || errno == EINTR;
		for (unsigned i = 0; ok && i < SIGNER_CHANNELS; i++)
			ok = wait[i].revents == 0 || serve_one(&s, (enum signer_channel)i);
	}
	signer_desk_wipe(&s.desk);
	_exit(0);
}

int signer_main(void)
{
	for (int i = 0; i < SIGNER_CHANNELS; i++) {
		int type = 0;
		socklen_t len = sizeof(type);

		if (getsockopt(SIGNER_FD + i, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET)
			continue;
		fprintf(stderr,
			"millrace " SIGNER_WORD ": run and serve start it, to hold the keys; it is not for hands\n");
		return 2;
	}
	signer_serve(getppid(), true);
}
