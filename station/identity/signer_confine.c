#include "station/identity/signer_confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534
/* Chosen: the keys take 2 KiB at rest, computing with them a few more; a container may lock 64 KiB. */
#define HEAP 32768
#define HEAP_SMALLEST 32

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#elif defined(__i386__)
#define ARCH AUDIT_ARCH_I386
#endif

/* Dies with its parent, also when that one died between fork and here. */
static void die_with(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(0);
}

void confine_begin(pid_t parent, int keep)
{
	sigset_t all;

	/* Ctrl-C, and systemd's signals to the whole unit, are the station's; when it ends, we do. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)prctl(PR_SET_NAME, "millrace-signer", 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	die_with(parent);
	closefrom(keep);
}

void confine_heap(void)
{
	if (!CRYPTO_secure_malloc_initialized())
		(void)CRYPTO_secure_malloc_init(HEAP, HEAP_SMALLEST);
}

static void add_note(char note[static CONFINE_NOTE_MAX], const char *what)
{
	size_t len = strlen(note);

	(void)snprintf(note + len, CONFINE_NOTE_MAX - len, "%s%s", len > 0 ? "; " : "", what);
}

/* All pages, where the limit allows it; else the heap of the keys alone. */
static void lock_memory(bool all, char note[static CONFINE_NOTE_MAX])
{
#if !defined(__SANITIZE_ADDRESS__) /* its shadow is larger than the machine */
	void *page;

	if (all && mlockall(MCL_CURRENT) == 0)
		return;
	/* Whether OpenSSL could lock its heap: it does not say, so we ask the system for as much. */
	page = mmap(NULL, HEAP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mlock(page, HEAP) != 0)
		add_note(note, "keys may be swapped out (raise the limit of locked memory to 128 KiB)");
	if (page != MAP_FAILED)
		(void)munmap(page, HEAP);
#else
	(void)all, (void)note;
#endif
}

/* The station, as root, opens the files of root; what is left to do afterwards needs nobody's rights. */
static void drop_root(char note[static CONFINE_NOTE_MAX])
{
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
		add_note(note, "it runs as root");
}

#ifdef ARCH

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define IF_NOT(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define GIVE(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define ALLOW(call) IF_NOT((call), 1), GIVE(SECCOMP_RET_ALLOW)
/* Memory, as long as it cannot be executed. The argument with PROT_ is the third of each; all of these are
 * little-endian. */
#define ALLOW_DATA(call)                                                                                               \
	IF_NOT((call), 5), LOAD(args[2]), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_EXEC), IF_NOT(0, 1),                \
		GIVE(SECCOMP_RET_ALLOW), GIVE(SECCOMP_RET_ERRNO | EPERM)

static bool filter_calls(void)
{
	const struct sock_filter rules[] = {
		LOAD(arch), IF_NOT(ARCH, 1), BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), GIVE(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		/* its channels */
		ALLOW(SYS_read), ALLOW(SYS_write), ALLOW(SYS_recvfrom), ALLOW(SYS_sendto), ALLOW(SYS_ppoll),
#ifdef SYS_poll
		ALLOW(SYS_poll),
#endif
#ifdef SYS_ppoll_time64
		ALLOW(SYS_ppoll_time64), ALLOW(SYS_futex_time64), ALLOW(SYS_clock_gettime64),
#endif
#ifdef SYS_recv
		ALLOW(SYS_recv), ALLOW(SYS_send),
#endif
		ALLOW(SYS_close),
		/* memory */
		ALLOW(SYS_brk), ALLOW(SYS_munmap), ALLOW(SYS_mremap), ALLOW(SYS_madvise), ALLOW_DATA(SYS_mprotect),
#ifdef SYS_mmap2
		ALLOW_DATA(SYS_mmap2),
#else
		ALLOW_DATA(SYS_mmap),
#endif
		/* what the C library and OpenSSL do by themselves */
		ALLOW(SYS_futex), ALLOW(SYS_getrandom), ALLOW(SYS_clock_gettime), ALLOW(SYS_getpid), ALLOW(SYS_gettid),
		ALLOW(SYS_rt_sigprocmask), ALLOW(SYS_rt_sigaction), ALLOW(SYS_rt_sigreturn), ALLOW(SYS_restart_syscall),
		ALLOW(SYS_sigaltstack),
		/* the end: exit, and abort of a failed assertion, which signals itself alone */
		ALLOW(SYS_exit), ALLOW(SYS_exit_group), IF_NOT(SYS_tgkill, 4), LOAD(args[0]),
		IF_NOT((uint32_t)getpid(), 1), GIVE(SECCOMP_RET_ALLOW), GIVE(SECCOMP_RET_ERRNO | EPERM),
		GIVE(SECCOMP_RET_ERRNO | EPERM)
	};
	struct sock_filter copy[sizeof(rules) / sizeof(rules[0])];

	memcpy(copy, rules, sizeof(rules));
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
		     &(struct sock_fprog){ .len = sizeof(rules) / sizeof(rules[0]), .filter = copy }, 0, 0) == 0;
}

#else

static bool filter_calls(void) { return false; }

#endif

void confine_end(pid_t parent, bool all, char note[static CONFINE_NOTE_MAX])
{
	note[0] = '\0';
	lock_memory(all, note);
	drop_root(note);
	/* Another user: the kernel has taken back what was said before. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	die_with(parent);
	if (!filter_calls())
		add_note(note, "its system calls are not filtered (this kernel or processor does not offer it)");
}
