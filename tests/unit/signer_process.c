/*
 * The process that holds the keys, and the station's end of it: what it can still do, what it gives, and what becomes
 * of those who wait when it dies, is silent or talks nonsense.
 *
 * links: station/identity/signer_process.c station/identity/signer_serve.c station/identity/signer_confine.c
 * links: station/identity/signer_apart.c station/identity/signer_desk.c station/identity/signer_slow.c
 * links: station/identity/signer_file.c station/identity/certificate.c
 * links: station/identity/identity.c station/identity/keyfile.c station/identity/ceremony.c
 * links: station/identity/pin.c station/identity/serial.c station/base/entropy.c station/base/loop.c
 * links: station/base/log.c agent/wire/hkdf.c agent/wire/cause.c agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/base/loop.h"
#include "station/identity/ceremony.h"
#include "station/identity/signer_confine.h"
#include "station/identity/signer_process.h"

#define NOW_US (INT64_C(1795426245) * 1000000)
#define PRODUCT "AC-100"
#define PATIENCE_MS 20000 /* of those that answer: longer than any machine is busy */
#define SHORT_MS 60	  /* of those that do not */
#define NOBODY 65534

static const struct identity_profile profile = { .organization = "Acme", .common_name = PRODUCT };

struct bench {
	char dir[64], error[SIGNER_SENTENCE_MAX];
	struct entropy *entropy;
	struct identity *here;	/* the same keys in this process: the judge */
	struct identity *apart; /* of the test */
	struct identity_csr csr;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	const struct ceremony plan = { .dir = b->dir, .root_days = 20, .issuing_days = 10, .utc_us = NOW_US };
	uint8_t private[32];

	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/millrace-process-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->entropy = entropy_create_seeded(1, "process");
	if (ceremony_init(&plan, b->entropy, b->error, sizeof(b->error)) != 0 ||
	    identity_open(&b->here, b->dir, "default", NOW_US, b->error, sizeof(b->error)) != 0)
		fail_msg("%s", b->error);
	entropy_fill(b->entropy, private, sizeof(private));
	assert_true(mr_p256_public(private, b->csr.public_key));
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	identity_close(b->here);
	entropy_destroy(b->entropy);
	(void)nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}

static struct identity_apart how(const struct bench *b, unsigned patience_ms)
{
	return (struct identity_apart){ .dir = b->dir,
					.utc_us = NOW_US,
					.profile = &profile,
					.product = PRODUCT,
					.label = "test",
					.patience_ms = patience_ms };
}

static int part(struct bench *b, const struct identity_apart *wanted)
{
	if (identity_open_public(&b->apart, b->dir, "default", NOW_US, b->error, sizeof(b->error)) != 0)
		fail_msg("%s", b->error);
	return identity_part(b->apart, wanted, b->error, sizeof(b->error));
}

static void start(struct bench *b)
{
	struct identity_apart wanted = how(b, PATIENCE_MS);

	if (part(b, &wanted) != 0)
		fail_msg("%s", b->error);
}

static void stop(struct bench *b)
{
	identity_close(b->apart);
	b->apart = NULL;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- what it gives --- */

struct issued {
	struct loop *loop; /* stopped when the last has come */
	unsigned calls, waiting;
	int result;
	struct identity_certificate certificate;
};

static void on_issued(void *ctx, int result, const struct identity_certificate *certificate)
{
	struct issued *issued = ctx;

	issued->calls++;
	issued->result = result;
	if (certificate)
		issued->certificate = *certificate;
	if (--issued->waiting == 0 && issued->loop)
		loop_stop(issued->loop);
}

static bool verifies(const struct identity_certificate *certificate, const struct identity *identity)
{
	const uint8_t *at = certificate->der, *issuer_at = identity->issuer_der;
	X509 *x = d2i_X509(NULL, &at, (long)certificate->len);
	X509 *issuer = d2i_X509(NULL, &issuer_at, (long)identity->issuer_der_len);
	bool ok = x && issuer && X509_verify(x, X509_get0_pubkey(issuer)) == 1;

	X509_free(x);
	X509_free(issuer);
	return ok;
}

static int issue(struct bench *b, struct signer *signer, struct issued *issued)
{
	issued->waiting++;
	return identity_issue(b->apart, signer, b->entropy, &profile, &b->csr, "A", NOW_US, on_issued, issued);
}

static void keys_in_another_process_do_what_keys_here_do(void **state)
{
	struct bench *b = *state;
	uint8_t sealed[PIN_SEALED_MAX], there[32], here[32], sig[SIGNATURE_MAX], public_key[65], hash[32] = { 4 };
	char pin[IDENTITY_PIN_MAX];
	size_t len = 0;

	start(b);
	assert_null(identity_trouble(b->apart));
	assert_null(b->apart->issuing_key);
	assert_string_equal(identity_kek_id(b->apart), identity_kek_id(b->here));
	assert_string_equal(identity_record_key_id(b->apart), identity_record_key_id(b->here));
	assert_int_equal(pin_seal(b->apart, b->entropy, PRODUCT, "A", "48151623", sealed, &len), 0);
	assert_int_equal(pin_open(b->here, PRODUCT, "A", sealed, len, pin), 0);
	assert_string_equal(pin, "48151623");
	memset(pin, 0, sizeof(pin));
	assert_int_equal(pin_open(b->apart, PRODUCT, "A", sealed, len, pin), 0);
	assert_string_equal(pin, "48151623");
	assert_int_equal(pin_open(b->apart, PRODUCT, "B", sealed, len, pin), -MR_CAUSE_DIGEST_MISMATCH);
	assert_string_equal(pin, "");
	assert_int_equal(pin_open(b->apart, "AC-101", "A", sealed, len, pin), -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_int_equal(pin_lookup(b->apart, PRODUCT, "48151623", there), 0);
	assert_int_equal(pin_lookup(b->here, PRODUCT, "48151623", here), 0);
	assert_memory_equal(here, there, 32);
	assert_int_equal(pin_label_digest(b->apart, "label", 5, there), 0);
	assert_int_equal(pin_label_digest(b->here, "label", 5, here), 0);
	assert_memory_equal(here, there, 32);
	assert_int_equal(identity_record_public(b->dir, public_key, NULL, b->error, sizeof(b->error)), 0);
	assert_int_equal(identity_sign_record(b->apart, hash, sig, &len), 0);
	assert_true(identity_record_verify(public_key, hash, sig, len));
	assert_memory_equal(identity_station_public(b->apart), identity_station_public(b->here), 32);
	assert_int_equal(identity_agree(b->apart, hash, there), 0);
	assert_int_equal(identity_agree(b->here, hash, here), 0);
	assert_memory_equal(here, there, 32);
	assert_int_equal(identity_agree(b->apart, (const uint8_t[32]){ 0 }, there), -MR_CAUSE_BAD_SIGNATURE);
	assert_null(identity_trouble(b->apart)); /* a refusal ends nothing */
	stop(b);
}

static void texts_of_any_length_are_digested_or_refused(void **state)
{
	struct bench *b = *state;
	static char text[SIGNER_MESSAGE_MAX + 100];
	uint8_t there[32], here[32];

	start(b);
	memset(text, 'x', sizeof(text));
	for (size_t len = 0; len < sizeof(text); len += 97) {
		int result = pin_label_digest(b->apart, text, len, there);

		assert_int_equal(result, len <= SIGNER_TEXT_MAX ? 0 : -MR_CAUSE_TOO_LONG);
		if (result == 0) {
			assert_int_equal(pin_label_digest(b->here, text, len, here), 0);
			assert_memory_equal(here, there, 32);
		}
	}
	assert_null(identity_trouble(b->apart));
	stop(b);
}

/* On the virtual clock before sign returns; the emulated HSM stands before it as before a file. */
static void on_the_virtual_clock_certificates_come_at_once(void **state)
{
	struct bench *b = *state;
	struct loop *loop = loop_create_virtual((uint64_t)NOW_US);
	struct issued issued = { 0 }, slow = { 0 };
	struct signer *signer;

	start(b);
	signer = signer_create(b->apart, loop);
	assert_string_equal(signer->kind, "apart");
	assert_int_equal(issue(b, signer, &issued), 0);
	assert_int_equal(issued.calls, 1);
	assert_true(verifies(&issued.certificate, b->here));
	signer->close(signer);
	signer = signer_create_slow(b->apart, loop, 700000);
	assert_int_equal(issue(b, signer, &slow), 0);
	assert_int_equal(slow.calls, 0);
	loop_run(loop);
	assert_int_equal(loop_now_us(loop), 700000);
	assert_true(verifies(&slow.certificate, b->here));
	signer->close(signer);
	stop(b);
	loop_destroy(loop);
}

#define MANY 100 /* over the window, and over what a socket holds */

static void on_the_real_clock_the_loop_brings_them(void **state)
{
	struct bench *b = *state;
	struct loop *loop = loop_create_real();
	struct issued issued[MANY] = { 0 };
	struct signer *signer;

	start(b);
	signer = signer_create(b->apart, loop);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(issue(b, signer, &issued[i]), 0);
		assert_int_equal(issued[i].calls, 0); /* nobody waits here */
	}
	issued[MANY - 1].loop = loop; /* in the order in which they were asked for */
	loop_run(loop);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(issued[i].calls, 1);
		assert_int_equal(issued[i].result, 0);
		assert_true(verifies(&issued[i].certificate, b->here));
	}
	signer->close(signer);
	stop(b);
	loop_destroy(loop);
}

struct thread {
	struct identity *identity;
	const uint8_t *public_key;
	unsigned verified;
};

static void *sign_records(void *ctx)
{
	struct thread *t = ctx;
	uint8_t hash[32] = { 0 }, sig[SIGNATURE_MAX];
	size_t len;

	for (unsigned i = 0; i < 200; i++) {
		hash[0] = (uint8_t)i;
		if (identity_sign_record(t->identity, hash, sig, &len) == 0)
			t->verified += identity_record_verify(t->public_key, hash, sig, len);
	}
	return NULL;
}

static void the_journals_thread_signs_while_the_line_asks(void **state)
{
	struct bench *b = *state;
	uint8_t public_key[65], value[32], first[32];
	struct thread thread = { .public_key = public_key };
	pthread_t id;

	assert_int_equal(identity_record_public(b->dir, public_key, NULL, b->error, sizeof(b->error)), 0);
	start(b);
	thread.identity = b->apart;
	assert_int_equal(pin_lookup(b->here, PRODUCT, "48151623", first), 0);
	assert_int_equal(pthread_create(&id, NULL, sign_records, &thread), 0);
	for (unsigned i = 0; i < 400; i++) {
		assert_int_equal(pin_lookup(b->apart, PRODUCT, "48151623", value), 0);
		assert_memory_equal(value, first, 32);
	}
	pthread_join(id, NULL);
	assert_int_equal(thread.verified, 200);
	stop(b);
}

static void a_key_file_that_does_not_open_is_named(void **state)
{
	static const char *const names[] = { "issuing.key", "record.key", "pin.key", "station.key" };
	struct bench *b = *state;
	struct identity_apart wanted = how(b, PATIENCE_MS);
	char path[128], aside[160];

	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", b->dir, names[i]);
		(void)snprintf(aside, sizeof(aside), "%s.aside", path);
		assert_int_equal(rename(path, aside), 0);
		assert_int_equal(part(b, &wanted), -MR_CAUSE_SIGNER_UNAVAILABLE);
		assert_non_null(strstr(b->error, path));
		assert_non_null(strstr(b->error, "is missing; bring it back from the backup"));
		stop(b);
		assert_int_equal(chmod(aside, 0644), 0);
		assert_int_equal(rename(aside, path), 0);
		assert_int_equal(part(b, &wanted), -MR_CAUSE_SIGNER_UNAVAILABLE);
		assert_non_null(strstr(b->error, "run `chmod 600"));
		stop(b);
		assert_int_equal(chmod(path, 0600), 0);
	}
	start(b);
	stop(b);
}

/* --- what it can still do --- */

/* The value of a line of /proc/PID/status. */
static bool says(int pid, const char *name, char *value, size_t cap)
{
	char path[64], line[256];
	size_t len = strlen(name);
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (!found && fgets(line, sizeof(line), f))
		if (strncmp(line, name, len) == 0 && line[len] == ':') {
			(void)snprintf(value, cap, "%s", line + len + 1 + strspn(line + len + 1, " \t"));
			value[strcspn(value, "\n")] = '\0';
			found = true;
		}
	(void)fclose(f);
	return found;
}

static void it_has_no_rights_left(void **state)
{
	struct bench *b = *state;
	char text[256];
	int pid;

	start(b);
	pid = identity_apart_pid(b->apart);
	assert_true(pid > 0 && pid != getpid());
	assert_true(says(pid, "Name", text, sizeof(text)));
	assert_string_equal(text, "millrace-signer");
	assert_true(says(pid, "CapEff", text, sizeof(text)));
	assert_string_equal(text, "0000000000000000");
	assert_true(says(pid, "CapPrm", text, sizeof(text)));
	assert_string_equal(text, "0000000000000000");
	assert_true(says(pid, "NoNewPrivs", text, sizeof(text)));
	assert_string_equal(text, "1");
	assert_true(says(pid, "Seccomp", text, sizeof(text)));
	assert_string_equal(text, "2"); /* SECCOMP_MODE_FILTER */
	assert_true(says(pid, "Uid", text, sizeof(text)));
	assert_int_equal(strtol(text, NULL, 10), geteuid() == 0 ? NOBODY : geteuid());
	if (geteuid() == 0) { /* only root sees the descriptors of a process that may not be looked into */
		char path[64], target[64];

		for (int fd = 0; fd < 64; fd++) {
			ssize_t n;

			(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
			n = readlink(path, target, sizeof(target) - 1);
			assert_int_equal(n > 0, fd < SIGNER_FD + SIGNER_CHANNELS);
			target[n > 0 ? n : 0] = '\0';
			if (fd >= SIGNER_FD && n > 0)
				assert_int_equal(strncmp(target, "socket:", 7), 0);
			if (fd < 2)
				assert_string_equal(target, "/dev/null");
		}
	}
	stop(b);
}

/* Each gives 0 when the system has let it happen. */
static int try_open(void) { return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : errno; }
static int try_create(void) { return open("/tmp/millrace-signer-was-here", O_WRONLY | O_CREAT, 0600) >= 0 ? 0 : errno; }
static int try_socket(void) { return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : errno; }
static int try_unix(void) { return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : errno; }
static int try_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid > 0 ? 0 : errno;
}
static int try_exec(void) { return execv("/bin/true", (char *[]){ NULL }), errno; }
static int try_kill(void) { return kill(getppid(), 0) == 0 ? 0 : errno; }
static int try_tgkill(void) { return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 ? 0 : errno; }
static int try_ptrace(void) { return syscall(SYS_ptrace, 16, INT32_MAX, 0, 0) == 0 ? 0 : errno; }
static int try_peek(void) { return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0) == 0 ? 0 : errno; }
static int try_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at != MAP_FAILED ? 0 : errno;
}
static int try_mprotect(void)
{
	static _Alignas(4096) char page[4096];

	return mprotect(page, sizeof(page), PROT_READ | PROT_WRITE | PROT_EXEC) == 0 ? 0 : errno;
}
static int try_setuid(void) { return syscall(SYS_setresuid, 0, 0, 0) == 0 ? 0 : errno; }

static int (*const tries[])(void) = { try_open,	  try_create, try_socket, try_unix, try_fork,	  try_exec,  try_kill,
				      try_tgkill, try_ptrace, try_peek,	  try_code, try_mprotect, try_setuid };

/* In a child: each call twice, before and after, so that a call which this machine refuses anyway does not count. */
static void confined(pid_t parent, int report)
{
	uint8_t before[32], after[32], seen[64];
	char note[CONFINE_NOTE_MAX];
	size_t n = sizeof(tries) / sizeof(tries[0]);

	for (size_t i = 0; i < n; i++)
		before[i] = tries[i] == try_exec ? 0 : (uint8_t)tries[i]();
	if (dup2(report, SIGNER_FD) < 0)
		_exit(9);
	confine_begin(parent, SIGNER_FD + 1);
	confine_end(parent, false, note);
	for (size_t i = 0; i < n; i++)
		after[i] = (uint8_t)tries[i]();
	memcpy(seen, before, n);
	memcpy(seen + n, after, n);
	_exit(write(SIGNER_FD, seen, 2 * n) == (ssize_t)(2 * n) ? 0 : 8);
}

static void files_sockets_processes_and_code_are_refused(void **state)
{
	size_t n = sizeof(tries) / sizeof(tries[0]);
	pid_t parent = getpid(), pid;
	int ends[2], status;
	uint8_t seen[64];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		confined(parent, ends[1]);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], seen, sizeof(seen)), 2 * n);
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	(void)unlink("/tmp/millrace-signer-was-here");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(seen[i], 0); /* files and sockets were to be had before */
	for (size_t i = 0; i < n; i++)
		if (seen[n + i] != EPERM)
			fail_msg("call %zu: %d before, %d afterwards, not EPERM", i, seen[i], seen[n + i]);
}

static void give_folder(const struct bench *b, uid_t to)
{
	static const char *const names[] = { "",       "/issuing.key",	    "/record.key", "/pin.key", "/station.key",
					     "/batch", "/batch/default.key" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", b->dir, names[i]);
		assert_int_equal(chown(path, to, to), 0);
	}
}

/* A user with nothing, who may lock no memory at all. 0: it works, and says what is missing. */
static int work_unlocked(struct bench *b)
{
	const struct rlimit none = { 0, 0 };
	struct identity_apart wanted = how(b, PATIENCE_MS);
	uint8_t value[32];
	bool said;

	if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0))
		return 2;
	if (part(b, &wanted) != 0)
		return 3;
	if (pin_lookup(b->apart, PRODUCT, "48151623", value) != 0)
		return 4;
	said = strstr(identity_apart_note(b->apart), "keys may be swapped out") != NULL;
	identity_close(b->apart);
#if defined(__SANITIZE_ADDRESS__)
	return said ? 5 : 0; /* nothing is locked under it, and nothing said */
#else
	return said ? 0 : 5;
#endif
}

/* As in a container without CAP_IPC_LOCK: a note, and everything works. */
static void without_locked_memory_it_works_and_says_so(void **state)
{
	struct bench *b = *state;
	bool root = geteuid() == 0;
	int status;
	pid_t pid;

	if (root)
		give_folder(b, NOBODY);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(work_unlocked(b));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (root)
		give_folder(b, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The station is killed: its signer does not outlive it. */
static void it_ends_with_the_station(void **state)
{
	struct bench *b = *state;
	struct pollfd wait = { .events = POLLIN };
	int ends[2], signer = 0, status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		start(b);
		signer = identity_apart_pid(b->apart);
		if (write(ends[1], &signer, sizeof(signer)) != sizeof(signer))
			_exit(2);
		for (;;)
			(void)pause();
	}
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &signer, sizeof(signer)), sizeof(signer));
	wait.fd = (int)syscall(SYS_pidfd_open, signer, 0);
	assert_true(wait.fd >= 0);
	assert_int_equal(poll(&wait, 1, 0), 0); /* it lives */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
	(void)close(wait.fd);
	(void)close(ends[0]);
}

/* --- its death --- */

static void unavailable(struct bench *b)
{
	uint8_t sealed[PIN_SEALED_MAX], value[32], sig[SIGNATURE_MAX];
	uint64_t from = now_ms();
	size_t len;

	assert_int_equal(pin_seal(b->apart, b->entropy, PRODUCT, "A", "48151623", sealed, &len),
			 -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_int_equal(pin_lookup(b->apart, PRODUCT, "48151623", value), -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_int_equal(identity_agree(b->apart, identity_station_public(b->here), value),
			 -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_int_not_equal(identity_sign_record(b->apart, value, sig, &len), 0);
	assert_true(now_ms() - from < 10000);
}

static void killed_it_is_not_started_again_and_says_why(void **state)
{
	struct bench *b = *state;
	uint8_t value[32];
	int pid;

	start(b);
	pid = identity_apart_pid(b->apart);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(pin_lookup(b->apart, PRODUCT, "48151623", value), -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_non_null(strstr(identity_trouble(b->apart), "ended by signal 9 (Killed)"));
	unavailable(b);
	assert_int_equal(identity_apart_pid(b->apart), 0);
	stop(b);
}

/* Nobody asks it anything: who looks sees it all the same. */
static void a_death_that_nobody_meets_is_seen(void **state)
{
	struct bench *b = *state;
	siginfo_t info;
	int pid;

	start(b);
	pid = identity_apart_pid(b->apart);
	assert_null(identity_trouble(b->apart));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0); /* it is dead, and not reaped */
	assert_non_null(strstr(identity_trouble(b->apart), "signal 9"));
	stop(b);
}

static void certificates_under_way_end_with_it(void **state)
{
	struct bench *b = *state;
	struct loop *loop = loop_create_real();
	struct issued issued[MANY] = { 0 };
	struct signer *signer;
	unsigned failed = 0;

	start(b);
	signer = signer_create(b->apart, loop);
	assert_int_equal(kill(identity_apart_pid(b->apart), SIGSTOP), 0);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(issue(b, signer, &issued[i]), 0);
	assert_int_equal(kill(identity_apart_pid(b->apart), SIGKILL), 0);
	issued[MANY - 1].loop = loop;
	loop_run(loop);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(issued[i].calls, 1);
		failed += issued[i].result == -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	assert_int_equal(failed, MANY);
	assert_int_equal(issue(b, signer, &issued[0]), -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_int_equal(issued[0].calls, 1);
	signer->close(signer);
	stop(b);
	loop_destroy(loop);
}

static void closing_answers_what_is_under_way(void **state)
{
	struct bench *b = *state;
	struct loop *loop = loop_create_real();
	struct issued issued[20] = { 0 };
	struct signer *signer;

	start(b);
	signer = signer_create(b->apart, loop);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(issue(b, signer, &issued[i]), 0);
	signer->close(signer);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(issued[i].calls, 1);
		assert_int_equal(issued[i].result, -MR_CAUSE_STOPPED);
	}
	stop(b);
	loop_destroy(loop);
}

/* --- others at its end of the channels --- */

/* As a good one answers a set-up; then `more`. */
static void greet(const int channels[static SIGNER_CHANNELS])
{
	uint8_t room[SIGNER_MESSAGE_MAX];
	struct mr_wr out = mr_wr_over(room, sizeof(room));
	struct signer_head head = { .kind = SIGNER_SET_UP, .number = 1 };

	if (recv(channels[SIGNER_LINE], room, sizeof(room), 0) <= 0)
		_exit(0);
	signer_put_answer(&out, &head);
	signer_put_text(&out, "pin-0000000000000000");
	signer_put_text(&out, "record-0000000000000000");
	mr_wr_bytes(&out, (const uint8_t[32]){ 9 }, 32);
	signer_put_text(&out, "");
	if (send(channels[SIGNER_LINE], out.buf, out.len, MSG_NOSIGNAL) < 0)
		_exit(0);
}

/* Until the station has had enough; no pause, for it must not end before. */
static void is_silent(const int channels[static SIGNER_CHANNELS])
{
	greet(channels);
	for (;;)
		(void)pause();
}

static void never_greets(const int channels[static SIGNER_CHANNELS])
{
	(void)channels;
	for (;;)
		(void)pause();
}

static void leaves_at_once(const int channels[static SIGNER_CHANNELS])
{
	(void)channels;
	_exit(3);
}

static void babbles_at_once(const int channels[static SIGNER_CHANNELS])
{
	(void)send(channels[SIGNER_LINE], "hello", 5, MSG_NOSIGNAL);
	never_greets(channels);
}

/* What it answers to each request, after a right greeting: `variant` by variant. */
static void babble(const int channels[static SIGNER_CHANNELS], unsigned variant)
{
	struct signer_head head;
	uint8_t room[SIGNER_MESSAGE_MAX];

	greet(channels);
	for (;;)
		for (unsigned i = 0; i < SIGNER_CHANNELS; i++) {
			struct mr_rd in;
			struct mr_wr out;
			ssize_t n = recv(channels[i], room, sizeof(room), MSG_DONTWAIT);

			if (n < 0)
				continue;
			if (n == 0)
				_exit(0);
			in = mr_rd_over(room, (size_t)n);
			(void)signer_get_head(&in, &head);
			out = mr_wr_over(room, sizeof(room));
			head.number += variant == 0;
			head.kind ^= (uint8_t)(variant == 1);
			signer_put_answer(&out, &head);
			if (variant == 2)
				room[0] ^= 0xff; /* the version */
			else if (variant == 3)
				(void)mr_wr_room(&out, 4000);
			else if (variant == 4)
				out.len = 5;
			/* 5: nothing behind the head */
			(void)send(channels[i], out.buf, out.len, MSG_NOSIGNAL);
		}
}

static void babbles_number(const int channels[static SIGNER_CHANNELS]) { babble(channels, 0); }
static void babbles_kind(const int channels[static SIGNER_CHANNELS]) { babble(channels, 1); }
static void babbles_version(const int channels[static SIGNER_CHANNELS]) { babble(channels, 2); }
static void babbles_long(const int channels[static SIGNER_CHANNELS]) { babble(channels, 3); }
static void babbles_short(const int channels[static SIGNER_CHANNELS]) { babble(channels, 4); }
static void babbles_nothing(const int channels[static SIGNER_CHANNELS]) { babble(channels, 5); }

static void a_set_up_without_an_answer_is_an_error_with_words(void **state)
{
	static const struct {
		void (*stand_in)(const int channels[static SIGNER_CHANNELS]);
		const char *words;
	} rows[] = {
		{ never_greets, "it did not answer in time" },
		{ leaves_at_once, "it ended with status 3" },
		{ babbles_at_once, "it answered what is no answer" },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity_apart wanted = how(b, rows[i].stand_in == never_greets ? SHORT_MS : PATIENCE_MS);
		uint64_t from = now_ms();

		wanted.stand_in = rows[i].stand_in;
		wanted.start_ms = wanted.patience_ms;
		assert_int_equal(part(b, &wanted), -MR_CAUSE_SIGNER_UNAVAILABLE);
		assert_non_null(strstr(b->error, rows[i].words));
		assert_true(now_ms() - from < 10000);
		stop(b);
	}
}

static void start_stand_in(struct bench *b, void (*stand_in)(const int channels[static SIGNER_CHANNELS]), unsigned ms)
{
	struct identity_apart wanted = how(b, PATIENCE_MS);

	wanted.stand_in = stand_in;
	if (part(b, &wanted) != 0)
		fail_msg("%s", b->error);
	((struct signer_process *)b->apart->apart)->patience_ms = ms; /* it has greeted, however busy the machine is */
}

/* Whoever asks first waits for the patience, once; everybody after that is told at once. */
static void one_that_is_silent_is_ended(void **state)
{
	struct bench *b = *state;
	uint8_t value[32];
	uint64_t from;
	int pid;

	start_stand_in(b, is_silent, SHORT_MS);
	pid = identity_apart_pid(b->apart);
	from = now_ms();
	assert_int_equal(pin_lookup(b->apart, PRODUCT, "48151623", value), -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_true(now_ms() - from >= SHORT_MS - 1);
	assert_non_null(strstr(identity_trouble(b->apart), "it did not answer in time"));
	assert_true(kill(pid, 0) < 0 && errno == ESRCH);
	unavailable(b);
	stop(b);
}

static void one_that_is_silent_to_the_loop_is_ended(void **state)
{
	struct bench *b = *state;
	struct loop *loop = loop_create_real();
	struct issued issued[3] = { 0 };
	struct signer *signer;

	start_stand_in(b, is_silent, SHORT_MS);
	signer = signer_create(b->apart, loop);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(issue(b, signer, &issued[i]), 0);
	issued[2].loop = loop;
	loop_run(loop);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(issued[i].calls, 1);
		assert_int_equal(issued[i].result, -MR_CAUSE_SIGNER_UNAVAILABLE);
	}
	assert_true(loop_now_us(loop) >= SHORT_MS * 1000);
	assert_non_null(strstr(identity_trouble(b->apart), "it did not answer in time"));
	signer->close(signer);
	stop(b);
	loop_destroy(loop);
}

/* The journal's thread ends no process: it says why, and the line's thread does. */
static void one_that_is_silent_to_the_journal_is_ended_by_the_line(void **state)
{
	struct bench *b = *state;
	uint8_t hash[32] = { 0 }, sig[SIGNATURE_MAX];
	size_t len;

	start_stand_in(b, is_silent, SHORT_MS);
	assert_int_not_equal(identity_sign_record(b->apart, hash, sig, &len), 0);
	assert_true(identity_apart_pid(b->apart) > 0);
	assert_int_not_equal(identity_sign_record(b->apart, hash, sig, &len), 0);
	assert_non_null(strstr(identity_trouble(b->apart), "it did not answer in time"));
	assert_int_equal(identity_apart_pid(b->apart), 0);
	stop(b);
}

static void one_that_babbles_is_ended(void **state)
{
	static void (*const rows[])(const int channels[static SIGNER_CHANNELS]) = { babbles_number,  babbles_kind,
										    babbles_version, babbles_long,
										    babbles_short,   babbles_nothing };
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct loop *virtual = loop_create_virtual((uint64_t)NOW_US), *real = loop_create_real();
		struct issued issued = { 0 };
		uint8_t value[32], sig[SIGNATURE_MAX], hash[32] = { 0 };
		struct signer *signer;
		size_t len;

		start_stand_in(b, rows[i], PATIENCE_MS);
		assert_int_equal(pin_lookup(b->apart, PRODUCT, "48151623", value), -MR_CAUSE_SIGNER_UNAVAILABLE);
		assert_non_null(strstr(identity_trouble(b->apart), "it answered what is no answer"));
		stop(b);
		start_stand_in(b, rows[i], PATIENCE_MS);
		assert_int_not_equal(identity_sign_record(b->apart, hash, sig, &len), 0);
		assert_int_equal(len, 0);
		stop(b);
		start_stand_in(b, rows[i], PATIENCE_MS);
		signer = signer_create(b->apart, virtual);
		assert_int_equal(issue(b, signer, &issued), -MR_CAUSE_SIGNER_UNAVAILABLE);
		assert_int_equal(issued.calls, 0);
		signer->close(signer);
		stop(b);
		start_stand_in(b, rows[i], PATIENCE_MS);
		signer = signer_create(b->apart, real);
		issued = (struct issued){ .loop = real };
		assert_int_equal(issue(b, signer, &issued), 0);
		loop_run(real);
		assert_int_equal(issued.calls, 1);
		assert_int_equal(issued.result, -MR_CAUSE_SIGNER_UNAVAILABLE);
		signer->close(signer);
		stop(b);
		loop_destroy(virtual);
		loop_destroy(real);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_in_another_process_do_what_keys_here_do),
		cmocka_unit_test(texts_of_any_length_are_digested_or_refused),
		cmocka_unit_test(on_the_virtual_clock_certificates_come_at_once),
		cmocka_unit_test(on_the_real_clock_the_loop_brings_them),
		cmocka_unit_test(the_journals_thread_signs_while_the_line_asks),
		cmocka_unit_test(a_key_file_that_does_not_open_is_named),
		cmocka_unit_test(it_has_no_rights_left),
		cmocka_unit_test(files_sockets_processes_and_code_are_refused),
		cmocka_unit_test(without_locked_memory_it_works_and_says_so),
		cmocka_unit_test(it_ends_with_the_station),
		cmocka_unit_test(killed_it_is_not_started_again_and_says_why),
		cmocka_unit_test(a_death_that_nobody_meets_is_seen),
		cmocka_unit_test(certificates_under_way_end_with_it),
		cmocka_unit_test(closing_answers_what_is_under_way),
		cmocka_unit_test(a_set_up_without_an_answer_is_an_error_with_words),
		cmocka_unit_test(one_that_is_silent_is_ended),
		cmocka_unit_test(one_that_is_silent_to_the_loop_is_ended),
		cmocka_unit_test(one_that_is_silent_to_the_journal_is_ended_by_the_line),
		cmocka_unit_test(one_that_babbles_is_ended),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
