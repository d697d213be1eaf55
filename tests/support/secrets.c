#include "tests/support/secrets.h"

#include <assert.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define SECRETS_MAX 8192
#define SECRET_MAX 128
#define FOUND_MAX 4096
#define MASK 0xa5
#define MASK64 0xa5a5a5a5a5a5a5a5ull
#define PIECE_MIN 8
#define PAGE 4096u
#define CHUNK_PAGES 16u
#define CHUNK (CHUNK_PAGES * PAGE)
#define OVERLAP SECRET_MAX
#define STACK (256u << 10)
#define BITS 18

struct secret {
	const char *what;
	uint8_t masked[SECRET_MAX];
	size_t len;
	enum secret_life life;
	unsigned turn;
};

/* A half, or a whole that is too short for halves; `next` of those with equal hashes, plus 1. */
struct piece {
	uint64_t first; /* octets, masked */
	unsigned secret, from, len, next;
};

struct hit {
	unsigned secret;
	uintptr_t at;
};

/* All that belongs to the search, in one mapping that it does not look at. */
struct secrets {
	struct secret list[SECRETS_MAX];
	size_t count;
	struct piece pieces[2 * SECRETS_MAX + 1];
	unsigned piece_count, heads[1u << BITS];
	struct hit hits[FOUND_MAX];
	size_t hit_count;
	uint8_t chunk[CHUNK + OVERLAP];
	char map[64u << 10];
	sem_t look, looked;
	uintptr_t stack_end, here; /* of the stack that is looked at: its lowest address, and where it is now */
	ucontext_t above, below;
	bool over;
	pthread_t thread;
	int memory, pages;
	uint8_t stack[STACK] __attribute__((aligned(4096))), own_stack[STACK] __attribute__((aligned(4096)));
};

static struct secrets *all;

static unsigned hash(uint64_t masked) { return (unsigned)(masked * 0x9e3779b97f4a7c15ull >> (64 - BITS)); }

static uint64_t load(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static void add_piece(unsigned secret, size_t from, size_t len)
{
	struct piece *p = &all->pieces[++all->piece_count];
	unsigned h;

	*p = (struct piece){ load(all->list[secret].masked + from), secret, (unsigned)from, (unsigned)len, 0 };
	h = hash(p->first);
	p->next = all->heads[h];
	all->heads[h] = all->piece_count;
}

static bool hardly_any(const uint8_t *at, size_t len)
{
	size_t different = 0;

	for (size_t i = 0; i < len; i++) {
		size_t j = 0;

		while (j < i && at[j] != at[i])
			j++;
		different += j == i;
	}
	return different < (len < 12 ? 3 : 6);
}

void secrets_note(const char *what, const void *at, size_t len, enum secret_life life, unsigned turn)
{
	const volatile uint8_t *octets = at;
	struct secret *s;

	if (!all || len < PIECE_MIN || len > SECRET_MAX || hardly_any(at, len))
		return;
	assert(all->count < SECRETS_MAX);
	s = &all->list[all->count];
	for (size_t i = 0; i < len; i++)
		s->masked[i] = octets[i] ^ MASK;
	for (unsigned n = all->heads[hash(load(s->masked))]; n; n = all->pieces[n].next) {
		struct secret *old = &all->list[all->pieces[n].secret];

		if (old->len == len && memcmp(old->masked, s->masked, len) == 0) {
			old->life = life > old->life ? life : old->life;
			return;
		}
	}
	s->what = what;
	s->len = len;
	s->life = life;
	s->turn = turn;
	all->count++;
	if (len < 2 * PIECE_MIN) {
		add_piece((unsigned)(s - all->list), 0, len);
	} else {
		add_piece((unsigned)(s - all->list), 0, len / 2);
		add_piece((unsigned)(s - all->list), len / 2, len - len / 2);
	}
}

void secrets_forget(void)
{
	all->count = all->piece_count = 0;
	memset(all->heads, 0, sizeof(all->heads));
}

size_t secrets_count(void) { return all->count; }

/* --- looking --- */

static void look_at_octets(const uint8_t *octets, size_t starts, size_t len, uintptr_t at)
{
	for (size_t i = 0; i < starts && i + PIECE_MIN <= len; i++) {
		uint64_t first = load(octets + i) ^ MASK64;

		for (unsigned n = all->heads[hash(first)]; n; n = all->pieces[n].next) {
			const struct piece *p = &all->pieces[n];
			const uint8_t *masked = all->list[p->secret].masked + p->from;
			size_t same = 0;

			if (p->first != first || i + p->len > len)
				continue;
			while (same < p->len && (octets[i + same] ^ MASK) == masked[same])
				same++;
			if (same == p->len && all->hit_count < FOUND_MAX)
				all->hits[all->hit_count++] = (struct hit){ p->secret, at + i };
		}
	}
}

/* Pages that nobody has touched have nothing to tell, and there are many: stacks of threads have 8 MiB. */
static bool is_touched(uintptr_t at, size_t len)
{
	uint64_t entries[CHUNK_PAGES + 1]; /* Linux: Documentation/admin-guide/mm/pagemap.rst */
	size_t count = (len + PAGE - 1) / PAGE;
	ssize_t got = pread(all->pages, entries, count * 8, (off_t)(at / PAGE * 8));

	for (size_t i = 0; i < count && got == (ssize_t)(count * 8); i++)
		if (entries[i] >> 62)
			return true;
	return got != (ssize_t)(count * 8);
}

static void look_at_mapping(uintptr_t from, uintptr_t to)
{
	for (uintptr_t at = from; at < to; at += CHUNK) {
		size_t want = to - at < CHUNK + OVERLAP ? to - at : CHUNK + OVERLAP;
		ssize_t n = is_touched(at, want < CHUNK ? want : CHUNK)
				    ? pread(all->memory, all->chunk, want, (off_t)at)
				    : 0;

		if (n > 0)
			look_at_octets(all->chunk, CHUNK, (size_t)n, at);
	}
}

/* Not by stdio, which would have a buffer of its own among what is looked at. */
static void read_map(void)
{
	int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	assert(maps >= 0);
	while ((n = read(maps, all->map + len, sizeof(all->map) - 1 - len)) > 0)
		len += (size_t)n;
	assert(len < sizeof(all->map) - 1);
	all->map[len] = '\0';
	close(maps);
}

static void look(void)
{
	read_map();
	for (const char *line = all->map; *line; line += strcspn(line, "\n") + 1) {
		unsigned long from, to;
		char access[5];

		if (sscanf(line, "%lx-%lx %4s", &from, &to, access) == 3 && access[0] == 'r' && access[1] == 'w' &&
		    !(from < (uintptr_t)(all + 1) && to > (uintptr_t)all))
			look_at_mapping(from, to);
	}
}

static void *looker(void *ctx)
{
	(void)ctx;
	for (;;) {
		while (sem_wait(&all->look) != 0)
			;
		if (all->over)
			return NULL;
		all->hit_count = 0;
		look();
		sem_post(&all->looked);
	}
}

void secrets_begin(void)
{
	pthread_attr_t attr;

	/* Between pages that cannot be read, so that no mapping of others is joined to it. */
	uint8_t *room = mmap(NULL, sizeof(*all) + 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			     0);

	assert(room != MAP_FAILED);
	all = (struct secrets *)(void *)(room + 4096);
	assert(mprotect(all, (sizeof(*all) + 4095) / 4096 * 4096, PROT_READ | PROT_WRITE) == 0);
	all->memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	all->pages = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	assert(all->memory >= 0 && all->pages >= 0);
	assert(sem_init(&all->look, 0, 0) == 0 && sem_init(&all->looked, 0, 0) == 0);
	assert(pthread_attr_init(&attr) == 0 && pthread_attr_setstack(&attr, all->stack, STACK) == 0);
	assert(pthread_create(&all->thread, &attr, looker, NULL) == 0);
	pthread_attr_destroy(&attr);
}

void secrets_end(void)
{
	all->over = true;
	sem_post(&all->look);
	pthread_join(all->thread, NULL);
	close(all->memory);
	close(all->pages);
	munmap((uint8_t *)all - 4096, sizeof(*all) + 3 * 4096);
	all = NULL;
}

static void place(uintptr_t at, char *out, size_t cap)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[600], name[300] = "";
	unsigned long from = 0, to;
	Dl_info info;

	while (maps && fgets(line, sizeof(line), maps)) {
		name[0] = '\0';
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %299[^\n]", &from, &to, name) >= 2 && at >= from && at < to)
			break;
	}
	if (maps)
		fclose(maps);
	if (dladdr((void *)at, &info) && info.dli_sname)
		snprintf(out, cap, "%s of %.100s", info.dli_sname, name);
	else
		snprintf(out, cap, "%.100s + %#lx, at %#lx", name[0] ? name : "memory without a name",
			 (unsigned long)at - from, (unsigned long)at);
}

static void tell(void (*found)(void *ctx, const struct secret_found *found), void *ctx)
{
	for (size_t i = 0; i < all->hit_count; i++) {
		const struct secret *s = &all->list[all->hits[i].secret];
		struct secret_found f = { s->what, s->turn, s->life, all->hits[i].at, "" };

		place(f.at, f.where, sizeof(f.where));
		found(ctx, &f);
	}
}

void secrets_look(void (*found)(void *ctx, const struct secret_found *found), void *ctx)
{
	sem_post(&all->look);
	while (sem_wait(&all->looked) != 0)
		;
	tell(found, ctx);
}

/* Pages of the stack are there from the deepest one that was ever used on. */
static uintptr_t deepest_page(uintptr_t from)
{
	unsigned char there;

	while (mincore((void *)(from - PAGE), PAGE, &there) == 0)
		from -= PAGE;
	return from;
}

/* On a stack of its own, so that it does not step on what it looks for. */
static void look_below(void)
{
	uint8_t there;

	if (!all->stack_end || mincore((void *)(all->stack_end - PAGE), PAGE, &there) == 0)
		all->stack_end = deepest_page(all->here / PAGE * PAGE);
	all->hit_count = 0;
	look_at_octets((const uint8_t *)all->stack_end, all->here - all->stack_end, all->here - all->stack_end,
		       all->stack_end);
}

void secrets_look_below(void (*found)(void *ctx, const struct secret_found *found), void *ctx)
{
	all->here = (uintptr_t)__builtin_frame_address(0);
	(void)getcontext(&all->below);
	all->below.uc_stack.ss_sp = all->own_stack;
	all->below.uc_stack.ss_size = STACK;
	all->below.uc_link = &all->above;
	makecontext(&all->below, look_below, 0);
	(void)swapcontext(&all->above, &all->below);
	if (all->hit_count > 0)
		tell(found, ctx);
}
