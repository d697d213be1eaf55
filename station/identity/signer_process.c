#include "station/identity/signer_process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/wire/cause.h"
#include "station/identity/signer_confine.h"

__attribute__((weak)) const char *signer_program(void) { return NULL; }

#define NOT_EXECUTED 127 /* exit status, as a shell has it */

const char signer_garbage[] = "it answered what is no answer";
const char signer_silent[] = "it did not answer in time";

/* --- its end --- */

static void how_it_ended(int status, char *text, size_t cap)
{
	if (WIFSIGNALED(status))
		(void)snprintf(text, cap, "it was ended by signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_EXECUTED)
		(void)snprintf(text, cap, "it could not be executed (/proc must be there)");
	else
		(void)snprintf(text, cap, "it ended with status %d", WIFEXITED(status) ? WEXITSTATUS(status) : status);
}

void signer_process_end(struct signer_process *p, const char *why)
{
	char how[80] = "it is gone";
	int status;

	if (p->pid == 0)
		return;
	/* One that is ending already keeps its status. */
	(void)kill(p->pid, SIGKILL);
	while (waitpid(p->pid, &status, 0) < 0)
		if (errno != EINTR)
			goto reaped;
	how_it_ended(status, how, sizeof(how));
reaped:
	p->pid = 0;
	if (!why)
		why = atomic_load(&p->record_trouble);
	(void)snprintf(p->gone, sizeof(p->gone), "the process that holds the keys: %s", why ? why : how);
	for (size_t i = 0; i < SIGNER_CHANNELS; i++)
		(void)shutdown(p->fd[i], SHUT_RDWR);
	if (p->on_gone)
		p->on_gone(p->ctx);
}

/* --- a question --- */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

void signer_ask_begin(struct signer_ask *ask, struct signer_process *process, enum signer_channel channel,
		      enum signer_kind kind)
{
	ask->process = process;
	ask->channel = channel;
	ask->used = 0;
	ask->head = (struct signer_head){ .kind = (uint8_t)kind, .number = ++process->number[channel] };
	ask->out = mr_wr_over(ask->room, sizeof(ask->room));
	signer_put_head(&ask->out, &ask->head);
}

/* What comes next on the channel, to `room`. NULL, or why not. */
static const char *receive(struct signer_ask *ask, uint64_t until_ms, size_t *len)
{
	struct pollfd wait = { .fd = ask->process->fd[ask->channel], .events = POLLIN };
	ssize_t got;

	for (;;) {
		uint64_t now = now_ms();
		int ready = poll(&wait, 1, now < until_ms ? (int)(until_ms - now) : 0);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			return signer_silent;
		got = recv(wait.fd, ask->room, sizeof(ask->room), MSG_DONTWAIT);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			return "";
		*len = (size_t)got;
		if (*len > ask->used)
			ask->used = *len;
		return NULL;
	}
}

/* NULL, or why not; "" when the channel has ended. */
static const char *exchange(struct signer_ask *ask, struct signer_head *head, struct mr_rd *answer)
{
	int fd = ask->process->fd[ask->channel];
	uint64_t until_ms = now_ms() + ask->process->patience_ms;
	const char *why;
	size_t len;

	ask->used = ask->out.len;
	if (send(fd, ask->room, ask->out.len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)ask->out.len)
		return errno == EAGAIN ? signer_silent : "";
	why = receive(ask, until_ms, &len);
	if (why)
		return why;
	*answer = mr_rd_over(ask->room, len);
	return signer_get_answer(answer, head) && head->number == ask->head.number && head->kind == ask->head.kind
		       ? NULL
		       : signer_garbage;
}

static void take_sentence(struct mr_rd *answer, char *error, size_t error_len)
{
	char sentence[SIGNER_SENTENCE_MAX];

	signer_get_text(answer, sentence, sizeof(sentence));
	(void)snprintf(error, error_len, "%s", sentence);
}

int signer_ask_wait(struct signer_ask *ask, struct mr_rd *answer, char *error, size_t error_len)
{
	struct signer_process *p = ask->process;
	struct signer_head head;
	const char *why;

	if (ask->out.bad)
		return -MR_CAUSE_TOO_LONG;
	if (ask->channel != SIGNER_RECORD && p->pid == 0)
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	why = exchange(ask, &head, answer);
	if (!why && head.cause == 0)
		return 0;
	if (!why) {
		if (error)
			take_sentence(answer, error, error_len);
		return -(int)head.cause;
	}
	if (ask->channel != SIGNER_RECORD) {
		signer_process_end(p, *why ? why : NULL);
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	if (*why)
		atomic_store(&p->record_trouble, why);
	for (size_t i = 0; i < SIGNER_CHANNELS; i++)
		(void)shutdown(p->fd[i], SHUT_RDWR);
	return -MR_CAUSE_SIGNER_UNAVAILABLE;
}

void signer_ask_wipe(struct signer_ask *ask)
{
	OPENSSL_cleanse(ask->room, ask->used > ask->out.len ? ask->used : ask->out.len);
}

/* --- what the identity asks --- */

/* Exactly `len` octets. */
static int take_octets(struct signer_process *p, struct mr_rd *answer, uint8_t *out, size_t len)
{
	mr_rd_copy(answer, out, len);
	if (!answer->bad && answer->left == 0)
		return 0;
	signer_process_end(p, signer_garbage);
	return -MR_CAUSE_SIGNER_UNAVAILABLE;
}

/* Up to `cap`. */
static int take_some(struct signer_process *p, struct mr_rd *answer, uint8_t *out, size_t cap, size_t *len)
{
	*len = answer->left;
	if (*len > 0 && *len <= cap)
		return take_octets(p, answer, out, *len);
	*len = 0;
	signer_process_end(p, signer_garbage);
	return -MR_CAUSE_SIGNER_UNAVAILABLE;
}

/* A refusal that says something of the value; all others say that the signer is of no use. */
static int of_value(int result)
{
	bool said = result == 0 || result == -MR_CAUSE_DIGEST_MISMATCH || result == -MR_CAUSE_TOO_LONG ||
		    result == -MR_CAUSE_BAD_SIGNATURE;

	return said ? result : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

static int seal(struct apart *apart, const char *product, const char *serial, const char *pin,
		uint8_t out[static PIN_SEALED_MAX], size_t *len)
{
	struct signer_process *p = (struct signer_process *)apart;
	struct mr_rd answer;
	struct signer_ask ask;
	int result;

	signer_ask_begin(&ask, p, SIGNER_LINE, SIGNER_SEAL);
	signer_put_text(&ask.out, product);
	signer_put_text(&ask.out, serial);
	signer_put_text(&ask.out, pin);
	result = of_value(signer_ask_wait(&ask, &answer, NULL, 0));
	if (result == 0)
		result = take_some(p, &answer, out, PIN_SEALED_MAX - 1, len);
	signer_ask_wipe(&ask);
	return result;
}

static int open_pin(struct apart *apart, const char *product, const char *serial, const uint8_t *sealed, size_t len,
		    char pin[static IDENTITY_PIN_MAX])
{
	struct signer_process *p = (struct signer_process *)apart;
	struct mr_rd answer;
	size_t pin_len = 0;
	struct signer_ask ask;
	int result;

	signer_ask_begin(&ask, p, SIGNER_LINE, SIGNER_OPEN);
	signer_put_text(&ask.out, product);
	signer_put_text(&ask.out, serial);
	mr_wr_bytes(&ask.out, sealed, len);
	result = of_value(signer_ask_wait(&ask, &answer, NULL, 0));
	if (result == 0)
		result = take_some(p, &answer, (uint8_t *)pin, IDENTITY_PIN_MAX - 1, &pin_len);
	pin[pin_len] = '\0';
	signer_ask_wipe(&ask);
	return result;
}

static int lookup(struct apart *apart, const char *product, const char *pin, uint8_t out[static 32])
{
	struct signer_process *p = (struct signer_process *)apart;
	struct mr_rd answer;
	struct signer_ask ask;
	int result;

	signer_ask_begin(&ask, p, SIGNER_LINE, SIGNER_LOOKUP);
	signer_put_text(&ask.out, product);
	signer_put_text(&ask.out, pin);
	result = of_value(signer_ask_wait(&ask, &answer, NULL, 0));
	if (result == 0)
		result = take_octets(p, &answer, out, 32);
	if (result != 0)
		mr_zero(out, 32);
	signer_ask_wipe(&ask);
	return result;
}

static int digest(struct apart *apart, const char *text, size_t len, uint8_t out[static 32])
{
	struct signer_process *p = (struct signer_process *)apart;
	struct mr_rd answer;
	struct signer_ask ask;
	int result;

	signer_ask_begin(&ask, p, SIGNER_LINE, SIGNER_DIGEST);
	mr_wr_bytes(&ask.out, text, len);
	result = of_value(signer_ask_wait(&ask, &answer, NULL, 0));
	if (result == 0)
		result = take_octets(p, &answer, out, 32);
	if (result != 0)
		mr_zero(out, 32);
	signer_ask_wipe(&ask);
	return result;
}

static int agree(struct apart *apart, const uint8_t peer[static 32], uint8_t shared[static 32])
{
	struct signer_process *p = (struct signer_process *)apart;
	struct mr_rd answer;
	struct signer_ask ask;
	int result;

	signer_ask_begin(&ask, p, SIGNER_LINE, SIGNER_AGREE);
	mr_wr_bytes(&ask.out, peer, 32);
	result = of_value(signer_ask_wait(&ask, &answer, NULL, 0));
	if (result == 0)
		result = take_octets(p, &answer, shared, 32);
	signer_ask_wipe(&ask);
	return result;
}

/* On the journal's thread: nothing here ends the process. */
static int sign_record(struct apart *apart, const uint8_t hash[static 32], uint8_t *sig, size_t *sig_len)
{
	struct mr_rd answer;
	struct signer_ask ask;
	int result;

	*sig_len = 0;
	signer_ask_begin(&ask, (struct signer_process *)apart, SIGNER_RECORD, SIGNER_SIGN_RECORD);
	mr_wr_bytes(&ask.out, hash, 32);
	result = signer_ask_wait(&ask, &answer, NULL, 0);
	if (result == 0 && answer.left > 0 && answer.left <= SIGNATURE_MAX) {
		*sig_len = answer.left;
		mr_rd_copy(&answer, sig, *sig_len);
	}
	signer_ask_wipe(&ask);
	return *sig_len > 0 ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

/* Looks whether it has ended meanwhile: nobody may have asked it anything. */
static const char *trouble(struct apart *apart)
{
	struct signer_process *p = (struct signer_process *)apart;
	struct pollfd look = { .fd = p->fd[SIGNER_LINE], .events = POLLIN | POLLRDHUP };

	if (p->pid != 0 && poll(&look, 1, 0) > 0)
		signer_process_end(p, look.revents & (POLLHUP | POLLRDHUP | POLLERR) ? NULL : signer_garbage);
	return p->pid == 0 ? p->gone : NULL;
}

static void close_process(struct apart *apart)
{
	struct signer_process *p = (struct signer_process *)apart;

	assert(!p->on_gone); /* its signer is closed first */
	signer_process_end(p, NULL);
	for (size_t i = 0; i < SIGNER_CHANNELS; i++)
		if (p->fd[i] >= 0)
			(void)close(p->fd[i]);
	free(p);
}

/* --- its beginning --- */

static void write_set_up(struct mr_wr *out, const struct identity_apart *how)
{
	const struct identity_profile *profile = how->profile;

	signer_put_text(out, how->dir);
	mr_wr_le64(out, (uint64_t)how->utc_us);
	signer_put_text(out, profile->organization ? profile->organization : "");
	signer_put_text(out, profile->common_name ? profile->common_name : "");
	signer_put_text(out, profile->hw_type_oid ? profile->hw_type_oid : "");
	mr_wr_le64(out, (uint64_t)profile->validity_s);
	mr_wr_u8(out, profile->subject_key_identifier);
	signer_put_text(out, how->product);
	mr_wr_u8(out, how->simulated);
	mr_wr_le64(out, how->seed);
	signer_put_text(out, how->label ? how->label : "");
}

static int set_up(struct signer_process *p, struct identity *identity, const struct identity_apart *how, char *error,
		  size_t error_len)
{
	char record_key_id[KEY_ID_MAX];
	struct mr_rd answer;
	struct signer_ask ask;
	int result;

	error[0] = '\0';
	signer_ask_begin(&ask, p, SIGNER_LINE, SIGNER_SET_UP);
	write_set_up(&ask.out, how);
	result = signer_ask_wait(&ask, &answer, error, error_len);
	if (result == 0) {
		signer_get_text(&answer, identity->kek_id, sizeof(identity->kek_id));
		signer_get_text(&answer, record_key_id, sizeof(record_key_id));
		mr_rd_copy(&answer, identity->station_public, sizeof(identity->station_public));
		signer_get_text(&answer, p->note, sizeof(p->note));
		if (answer.bad || answer.left > 0 || identity->kek_id[0] == '\0' || record_key_id[0] == '\0')
			signer_process_end(p, signer_garbage);
		else
			memcpy(identity->record_key_id, record_key_id, sizeof(record_key_id));
	}
	signer_ask_wipe(&ask);
	if (p->pid == 0) {
		result = -MR_CAUSE_SIGNER_UNAVAILABLE;
		(void)snprintf(error, error_len, "%s; run the job again", p->gone);
	}
	return result;
}

/* In the new process. The channels may lie where they are to go: first out of the way, then to their places. */
static void become(const struct identity_apart *how, int channels[static SIGNER_CHANNELS], pid_t parent)
{
	char program[] = "millrace", word[] = SIGNER_WORD;
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < SIGNER_CHANNELS; i++)
		channels[i] = fcntl(channels[i], F_DUPFD, SIGNER_FD + SIGNER_CHANNELS);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(126);
	for (int i = 0; i < SIGNER_CHANNELS; i++)
		if (dup2(channels[i], SIGNER_FD + i) < 0)
			_exit(126);
	if (signer_program() && !how->stand_in) {
		confine_begin(parent, SIGNER_FD + SIGNER_CHANNELS);
		execv(signer_program(), (char *[]){ program, word, NULL });
		_exit(NOT_EXECUTED);
	}
	if (how->stand_in) {
		for (int i = 0; i < SIGNER_CHANNELS; i++)
			channels[i] = SIGNER_FD + i;
		closefrom(SIGNER_FD + SIGNER_CHANNELS);
		how->stand_in(channels);
		_exit(0);
	}
	signer_serve(parent, false);
}

static bool start(struct signer_process *p, const struct identity_apart *how)
{
	int theirs[SIGNER_CHANNELS] = { -1, -1, -1 }, pair[2];
	pid_t parent = getpid(), pid = -1;
	bool ok = true;

	for (size_t i = 0; i < SIGNER_CHANNELS && ok; i++) {
		ok = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0;
		p->fd[i] = ok ? pair[0] : -1;
		theirs[i] = ok ? pair[1] : -1;
	}
	if (ok)
		pid = fork();
	if (pid == 0)
		become(how, theirs, parent);
	for (size_t i = 0; i < SIGNER_CHANNELS; i++)
		if (theirs[i] >= 0)
			(void)close(theirs[i]);
	p->pid = pid > 0 ? pid : 0;
	return p->pid != 0;
}

int identity_part(struct identity *identity, const struct identity_apart *how, char *error, size_t error_len)
{
	struct signer_process *p = calloc(1, sizeof(*p));
	int result = -MR_CAUSE_NO_MEMORY;

	static_assert(SIGNER_CHANNELS == 3, "start has so many");
	assert(!identity->apart && !identity->issuing_key && how->patience_ms > 0);
	(void)snprintf(error, error_len, "no memory, process or file descriptor is left for the signer");
	if (!p)
		return result;
	*p = (struct signer_process){ .apart = { .seal = seal,
						 .open = open_pin,
						 .lookup = lookup,
						 .digest = digest,
						 .agree = agree,
						 .sign_record = sign_record,
						 .signer = signer_create_apart,
						 .trouble = trouble,
						 .close = close_process },
				      .fd = { -1, -1, -1 },
				      .patience_ms = how->start_ms ? how->start_ms : SIGNER_START_MS };
	if (start(p, how))
		result = set_up(p, identity, how, error, error_len);
	p->patience_ms = how->patience_ms;
	if (result == 0)
		identity->apart = &p->apart;
	else
		close_process(&p->apart);
	return result;
}

int identity_apart_pid(const struct identity *identity)
{
	return identity->apart ? ((const struct signer_process *)identity->apart)->pid : 0;
}

const char *identity_apart_note(const struct identity *identity)
{
	return identity->apart ? ((const struct signer_process *)identity->apart)->note : NULL;
}
