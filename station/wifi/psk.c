#include "station/wifi/psk.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "agent/port/crypto.h"
#include "agent/wire/cursor.h"
#include "station/base/map.h"

#define ROUNDS 4096
#define REMEMBERED_MAX 65536u /* then all is forgotten and worked out anew */

struct entry {
	uint8_t key[32], psk[32]; /* key: SHA-256 of SSID and passphrase */
};

struct psk_pool {
	struct loop *loop;
	struct loop_timer timer; /* deliver what is done */
	struct map known;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool threaded, stop;
	int done_fd;
	struct psk_request *queue, *queue_tail; /* under `lock` */
	struct psk_request *working;		/* under `lock`; cancelled: NULL, the thread drops its result */
	struct psk_request *done, *done_tail;	/* under `lock` */
};

static void append(struct psk_request **head, struct psk_request **tail, struct psk_request *r)
{
	r->next = NULL;
	if (*head)
		(*tail)->next = r;
	else
		*head = r;
	*tail = r;
}

static void take_out(struct psk_request **head, struct psk_request **tail, struct psk_request *r)
{
	struct psk_request *before = NULL;

	for (struct psk_request *at = *head; at; before = at, at = at->next) {
		if (at != r)
			continue;
		*(before ? &before->next : head) = r->next;
		if (*tail == r)
			*tail = before;
		return;
	}
}

/* The only writer of `state`, under `lock`. The thread writes no log: its owner tells what it waits for. */
static void enter(struct psk_request *r, enum psk_state state)
{
	static const uint8_t follows[] = {
		[PSK_IDLE] = 1u << PSK_IDLE | 1u << PSK_QUEUED | 1u << PSK_DONE,
		[PSK_QUEUED] = 1u << PSK_WORKING | 1u << PSK_IDLE,
		[PSK_WORKING] = 1u << PSK_DONE | 1u << PSK_IDLE,
		[PSK_DONE] = 1u << PSK_IDLE,
	};

	assert(follows[r->state] & 1u << state);
	r->state = state;
}

static int digit(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

static void derive(const uint8_t *ssid, size_t ssid_len, const char *passphrase, uint8_t psk[static 32])
{
	size_t len = strlen(passphrase);

	if (len == 64) {
		for (size_t i = 0; i < 32; i++)
			psk[i] = (uint8_t)(digit(passphrase[2 * i]) << 4 | digit(passphrase[2 * i + 1]));
		return;
	}
	/* Fails without memory only; a key of zeros then fails the handshake, as a wrong passphrase does. */
	if (PKCS5_PBKDF2_HMAC(passphrase, (int)len, ssid, (int)ssid_len, ROUNDS, EVP_sha1(), 32, psk) != 1)
		memset(psk, 0, 32);
}

static void derive_for(struct psk_request *r)
{
	if (r->rounds == 0)
		derive(r->ssid, r->ssid_len, r->passphrase, r->psk);
	else if (PKCS5_PBKDF2_HMAC((const char *)r->text, (int)r->text_len, r->ssid, (int)r->ssid_len, (int)r->rounds,
				   EVP_sha256(), PSK_WIDE_LEN, r->psk) != 1)
		memset(r->psk, 0, PSK_WIDE_LEN);
}

static void wipe(struct psk_request *r)
{
	OPENSSL_cleanse(r->psk, sizeof(r->psk));
	OPENSSL_cleanse(r->passphrase, sizeof(r->passphrase));
	OPENSSL_cleanse(r->text, sizeof(r->text));
}

static void key_of(const struct psk_request *r, uint8_t key[static 32])
{
	const struct mr_piece pieces[] = { { &r->ssid_len, sizeof(r->ssid_len) },
					   { r->ssid, r->ssid_len },
					   { r->passphrase, strlen(r->passphrase) } };

	(void)mr_sha256_pieces(pieces, 3, key);
}

static void forget(struct psk_pool *pool)
{
	for (size_t i = 0; i < pool->known.room; i++)
		OPENSSL_clear_free(pool->known.slots[i].value, sizeof(struct entry));
	map_free(&pool->known);
	pool->known = (struct map){ 0 };
}

static void remember(struct psk_pool *pool, const struct psk_request *r)
{
	struct entry *e;

	if (pool->known.count >= REMEMBERED_MAX)
		forget(pool);
	e = OPENSSL_malloc(sizeof(*e));
	if (!e)
		return;
	key_of(r, e->key);
	memcpy(e->psk, r->psk, 32);
	assert(pool->known.count < REMEMBERED_MAX);
	if (map_get(&pool->known, map_key_octets(e->key)) || !map_put(&pool->known, map_key_octets(e->key), e))
		OPENSSL_clear_free(e, sizeof(*e));
}

static bool recall(const struct psk_pool *pool, struct psk_request *r)
{
	uint8_t key[32];
	const struct entry *e;

	key_of(r, key);
	e = map_get(&pool->known, map_key_octets(key));
	if (!e || !mr_equal_ct(e->key, key, 32))
		return false;
	memcpy(r->psk, e->psk, 32);
	return true;
}

static void *work(void *ctx)
{
	struct psk_pool *pool = ctx;

	pthread_mutex_lock(&pool->lock);
	while (!pool->stop) {
		struct psk_request *r = pool->queue;
		struct psk_request own;
		uint64_t one = 1;

		if (!r) {
			pthread_cond_wait(&pool->wake, &pool->lock);
			continue;
		}
		take_out(&pool->queue, &pool->queue_tail, r);
		enter(r, PSK_WORKING);
		pool->working = r;
		own = *r;
		pthread_mutex_unlock(&pool->lock);
		derive_for(&own);
		pthread_mutex_lock(&pool->lock);
		if (pool->working) {
			memcpy(r->psk, own.psk, sizeof(own.psk));
			enter(r, PSK_DONE);
			append(&pool->done, &pool->done_tail, r);
			pool->working = NULL;
			(void)!write(pool->done_fd, &one, sizeof(one));
		}
		wipe(&own);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void deliver(struct psk_pool *pool)
{
	for (;;) {
		struct psk_request *r;
		uint8_t psk[PSK_WIDE_LEN];

		pthread_mutex_lock(&pool->lock);
		r = pool->done;
		if (r) {
			take_out(&pool->done, &pool->done_tail, r);
			enter(r, PSK_IDLE);
		}
		pthread_mutex_unlock(&pool->lock);
		if (!r)
			return;
		if (r->rounds == 0)
			remember(pool, r);
		memcpy(psk, r->psk, sizeof(psk));
		wipe(r);
		r->done(r->ctx, psk); /* may ask again, or free the request */
		OPENSSL_cleanse(psk, sizeof(psk));
	}
}

static void on_timer(void *ctx, uint64_t now_us)
{
	(void)now_us;
	deliver(ctx);
}

static void on_done(void *ctx, uint32_t events)
{
	struct psk_pool *pool = ctx;
	uint64_t n;

	(void)events;
	(void)!read(pool->done_fd, &n, sizeof(n));
	deliver(pool);
}

struct psk_pool *psk_create(struct loop *loop)
{
	struct psk_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->loop = loop;
	pool->done_fd = -1;
	pool->timer = (struct loop_timer){ .fn = on_timer, .ctx = pool, .at_us = LOOP_NEVER };
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	if (loop_is_virtual(loop))
		return pool;
	pool->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->done_fd >= 0 && loop_watch(loop, pool->done_fd, EPOLLIN, on_done, pool) == 0 &&
	    pthread_create(&pool->thread, NULL, work, pool) == 0) {
		pool->threaded = true;
		return pool;
	}
	psk_destroy(pool);
	return NULL;
}

void psk_destroy(struct psk_pool *pool)
{
	if (!pool)
		return;
	if (pool->threaded) {
		pthread_mutex_lock(&pool->lock);
		pool->stop = true;
		pool->working = NULL;
		pthread_cond_signal(&pool->wake);
		pthread_mutex_unlock(&pool->lock);
		pthread_join(pool->thread, NULL);
	}
	if (pool->done_fd >= 0) {
		loop_unwatch(pool->loop, pool->done_fd);
		close(pool->done_fd);
	}
	loop_cancel(pool->loop, &pool->timer);
	forget(pool);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static void submit(struct psk_pool *pool, struct psk_request *r, bool known)
{
	if (known || !pool->threaded) {
		if (!known)
			derive_for(r);
		pthread_mutex_lock(&pool->lock);
		enter(r, PSK_DONE);
		append(&pool->done, &pool->done_tail, r);
		pthread_mutex_unlock(&pool->lock);
		loop_at(pool->loop, &pool->timer, loop_now_us(pool->loop));
		return;
	}
	pthread_mutex_lock(&pool->lock);
	enter(r, PSK_QUEUED);
	append(&pool->queue, &pool->queue_tail, r);
	pthread_cond_signal(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
}

void psk_ask(struct psk_pool *pool, struct psk_request *r, const uint8_t *ssid, size_t ssid_len, const char *passphrase)
{
	assert(r->state == PSK_IDLE && ssid_len <= sizeof(r->ssid) && strlen(passphrase) < sizeof(r->passphrase));
	memset(r->ssid, 0, sizeof(r->ssid));
	memcpy(r->ssid, ssid, ssid_len);
	r->ssid_len = ssid_len;
	memset(r->passphrase, 0, sizeof(r->passphrase));
	memcpy(r->passphrase, passphrase, strlen(passphrase));
	r->rounds = 0;
	submit(pool, r, recall(pool, r));
}

void psk_stretch(struct psk_pool *pool, struct psk_request *r, struct mr_rd text, struct mr_rd salt, uint32_t rounds)
{
	assert(r->state == PSK_IDLE && salt.left <= sizeof(r->ssid) && text.left <= sizeof(r->text) && rounds > 0);
	memcpy(r->ssid, salt.at, salt.left);
	memcpy(r->text, text.at, text.left);
	r->ssid_len = salt.left;
	r->text_len = text.left;
	r->rounds = rounds;
	submit(pool, r, false);
}

void psk_cancel(struct psk_pool *pool, struct psk_request *r)
{
	pthread_mutex_lock(&pool->lock);
	switch (r->state) {
	case PSK_IDLE: break;
	case PSK_QUEUED: take_out(&pool->queue, &pool->queue_tail, r); break;
	case PSK_WORKING: pool->working = NULL; break;
	case PSK_DONE: take_out(&pool->done, &pool->done_tail, r); break;
	}
	enter(r, PSK_IDLE);
	pthread_mutex_unlock(&pool->lock);
	wipe(r);
}
