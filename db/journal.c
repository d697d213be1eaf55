/*
 * The queue and the thread. Two queues take turns: the caller fills one while the thread writes the other into one
 * transaction. What comes while a commit waits for the disk is the next transaction, so groups grow with the load and
 * an idle journal adds no delay.
 */
#include "db/journal.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "db/check.h"
#include "db/resume.h"
#include "db/shape.h"
#include "db/store.h"
#include "db/write.h"

#define CHUNK_LEN 65536
#define CHUNKS_KEPT 64 /* per queue: 4 MiB stay, what a burst took beyond goes back */

struct chunk {
	struct chunk *next;
	size_t used, cap;
	_Alignas(max_align_t) uint8_t bytes[];
};

struct entry {
	struct entry *next;
	struct journal_record record; /* cut after the member that its kind uses */
};

struct queue {
	struct entry *first, **last;
	uint64_t tickets;	     /* of the last entry */
	struct chunk *chunk, *spare; /* being filled, first; emptied ones */
	size_t spare_count;
};

struct journal {
	struct store store;
	struct writer writer; /* under `connection` */
	struct finder finder; /* the caller's */
	pthread_mutex_t connection;
	pthread_t thread;
	enum journal_turn turn;
	bool started;
	int fd;

	pthread_mutex_t lock; /* all below but the atomics */
	pthread_cond_t filled, written;
	struct queue queues[2];
	unsigned filling;
	uint64_t submitted;
	unsigned waiters;
	bool idle, closing, held;

	_Atomic uint64_t durable;
	_Atomic(const char *) failed;
	char reason[480];
};

/* Memory of a queue: taken piece by piece, given back at once. */

static void *queue_take(struct queue *queue, size_t len)
{
	struct chunk *chunk = queue->chunk;
	size_t need = (len + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);

	if (!chunk || chunk->cap - chunk->used < need) {
		size_t cap = need > CHUNK_LEN ? need : CHUNK_LEN;

		if (cap == CHUNK_LEN && queue->spare) {
			chunk = queue->spare;
			queue->spare = chunk->next;
			queue->spare_count--;
		} else {
			chunk = malloc(sizeof(*chunk) + cap);
			if (!chunk)
				return NULL;
			chunk->cap = cap;
		}
		chunk->used = 0;
		chunk->next = queue->chunk;
		queue->chunk = chunk;
	}
	chunk->used += need;
	assert(chunk->used <= chunk->cap);
	return chunk->bytes + chunk->used - need;
}

static void queue_empty(struct queue *queue)
{
	while (queue->chunk) {
		struct chunk *chunk = queue->chunk;

		queue->chunk = chunk->next;
		if (chunk->cap != CHUNK_LEN || queue->spare_count >= CHUNKS_KEPT) {
			free(chunk);
			continue;
		}
		chunk->next = queue->spare;
		queue->spare = chunk;
		queue->spare_count++;
	}
	queue->first = NULL;
	queue->last = &queue->first;
	assert(queue->spare_count <= CHUNKS_KEPT && !queue->spare == (queue->spare_count == 0));
}

static void queue_destroy(struct queue *queue)
{
	queue_empty(queue);
	while (queue->spare) {
		struct chunk *chunk = queue->spare;

		queue->spare = chunk->next;
		free(chunk);
	}
}

static bool copy_text(struct queue *queue, uint8_t *record, size_t offset)
{
	const char *from;
	char *to;
	size_t len;

	memcpy(&from, record + offset, sizeof(from));
	if (!from)
		return true;
	len = strlen(from) + 1;
	to = queue_take(queue, len);
	if (!to)
		return false;
	memcpy(to, from, len);
	memcpy(record + offset, &to, sizeof(to));
	return true;
}

static bool copy_blob(struct queue *queue, uint8_t *record, size_t offset)
{
	struct journal_blob blob;
	void *to;

	memcpy(&blob, record + offset, sizeof(blob));
	if (blob.len == 0)
		return true;
	to = queue_take(queue, blob.len);
	if (!to)
		return false;
	memcpy(to, blob.at, blob.len);
	blob.at = to;
	memcpy(record + offset, &blob, sizeof(blob));
	return true;
}

static bool queue_add(struct queue *queue, const struct journal_record *record)
{
	const struct shape *shape = &shapes[record->kind];
	struct entry *entry = queue_take(queue, offsetof(struct entry, record) + shape->len);
	uint8_t *copy;

	if (!entry)
		return false;
	assert(shape->len > 0 && shape->len <= sizeof(*record));
	copy = (uint8_t *)&entry->record;
	memcpy(copy, record, shape->len);
	for (size_t i = 0; i < SHAPE_POINTERS_MAX && shape->texts[i]; i++)
		if (!copy_text(queue, copy, shape->texts[i] - 1))
			return false;
	for (size_t i = 0; i < SHAPE_POINTERS_MAX && shape->blobs[i]; i++)
		if (!copy_blob(queue, copy, shape->blobs[i] - 1))
			return false;
	entry->next = NULL;
	*queue->last = entry;
	queue->last = &entry->next;
	return true;
}

/* The thread */

static void tell(struct journal *journal)
{
	uint64_t one = 1;

	pthread_mutex_lock(&journal->lock);
	if (journal->waiters)
		pthread_cond_broadcast(&journal->written);
	pthread_mutex_unlock(&journal->lock);
	/* Full means that it is readable already. */
	if (write(journal->fd, &one, sizeof(one)) < 0)
		return;
}

/* The first reason stays: the thread may fail at a commit while the caller fails at a search. */
static void give_up(struct journal *journal, const char *reason)
{
	assert(*reason);
	pthread_mutex_lock(&journal->lock);
	if (!journal_failed(journal)) {
		snprintf(journal->reason, sizeof(journal->reason), "%s", reason);
		atomic_store_explicit(&journal->failed, journal->reason, memory_order_release);
	}
	pthread_mutex_unlock(&journal->lock);
}

/* One transaction. 0, or -1: rolled back, and the reason is kept. */
static int commit_queue(struct journal *journal, const struct queue *queue, bool last)
{
	struct writer *writer = &journal->writer;
	uint64_t put = 0;

	assert(sqlite3_get_autocommit(writer->db));
	if (writer_begin(writer) != 0)
		goto failed;
	for (const struct entry *entry = queue->first; entry; entry = entry->next, put++)
		if (writer_put(writer, &entry->record) != 0)
			goto failed;
	/* A ticket says that all before it are there too: none was lost between the queue and the table. */
	assert(put == 0 || queue->tickets == journal_durable(journal) + put);
	if (last && writer->session) {
		struct write_bind bind = write_bind(writer->statement[WRITE_session_end]);

		bind_int(&bind, writer->session);
		bind_int(&bind, writer->last_us);
		if (writer_run(writer, bound(&bind), "the end of the session") != 0)
			goto failed;
	}
	if (writer_commit(writer) != 0)
		goto failed;
	return 0;
failed:
	give_up(journal, writer->error);
	writer_rollback(writer);
	return -1;
}

/* Under the lock. */
static bool has_work(const struct journal *journal)
{
	if (journal->closing)
		return true;
	return !journal->held && journal->queues[journal->filling].first &&
	       (journal->turn == JOURNAL_AT_ONCE || journal->waiters > 0);
}

static void *run(void *ctx)
{
	struct journal *journal = ctx;
	bool last = false;

	while (!last) {
		struct queue *queue;
		int result;

		pthread_mutex_lock(&journal->lock);
		while (!has_work(journal)) {
			journal->idle = true;
			pthread_cond_wait(&journal->filled, &journal->lock);
		}
		journal->idle = false;
		last = journal->closing;
		queue = &journal->queues[journal->filling];
		journal->filling ^= 1;
		assert(!journal->queues[journal->filling].first); /* emptied the last time */
		pthread_mutex_unlock(&journal->lock);

		pthread_mutex_lock(&journal->connection);
		result = journal_failed(journal) ? -1 : commit_queue(journal, queue, last);
		pthread_mutex_unlock(&journal->connection);
		if (result == 0 && queue->first)
			atomic_store_explicit(&journal->durable, queue->tickets, memory_order_release);
		queue_empty(queue);
		tell(journal);
		if (result != 0)
			break;
	}
	return NULL;
}

/* The caller's side */

static int journal_prepare(struct journal *journal, const struct journal_options *options, char *error,
			   size_t error_len)
{
	const struct sql_migration *migrations;
	size_t count;
	int rc;

	journal->store.outside.lock = journal->store.outside.file = journal->store.outside.heads = -1;
	journal->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (size_t i = 0; i < 2; i++)
		journal->queues[i].last = &journal->queues[i].first;
	pthread_mutex_init(&journal->connection, NULL);
	pthread_mutex_init(&journal->lock, NULL);
	pthread_cond_init(&journal->filled, NULL);
	pthread_cond_init(&journal->written, NULL);
	if (journal->fd < 0) {
		snprintf(error, error_len, "the system gives no event descriptor: raise the limit of open files");
		return -STORE_UNAVAILABLE;
	}
	/* SQLite counts its memory under a lock, a tenth of our time, and nobody asks. Refused once it is in use: no
	 * harm. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	migrations = sql_migrations(&count);
	rc = store_open(&journal->store, options, options->simulated ? STORE_SIMULATED : STORE_REAL, migrations, count,
			error, error_len);
	if (rc != 0)
		return rc;
	if (writer_init(&journal->writer, &journal->store) != 0) {
		snprintf(error, error_len, "%s: %s", options->path, journal->writer.error);
		return -STORE_UNAVAILABLE;
	}
	journal->turn = options->turn;
	if (pthread_create(&journal->thread, NULL, run, journal) != 0) {
		snprintf(error, error_len, "the system gives no thread: raise the limit of processes");
		return -STORE_UNAVAILABLE;
	}
	journal->started = true;
	return 0;
}

int journal_open(struct journal **out, const struct journal_options *options, char *error, size_t error_len)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int rc;

	if (!journal) {
		snprintf(error, error_len, "no memory is left");
		return -STORE_UNAVAILABLE;
	}
	rc = journal_prepare(journal, options, error, error_len);
	if (rc != 0) {
		journal_close(journal);
		return rc;
	}
	*out = journal;
	return 0;
}

int journal_look(const struct journal_options *options, char *error, size_t error_len)
{
	return store_look(options, error, error_len);
}

int journal_begin(struct journal *journal, const struct journal_batch *batch, struct journal_start *start,
		  journal_resume_fn *unit, void *ctx, char *error, size_t error_len)
{
	const char *wrong = journal_check_batch(batch);
	char holder[80];
	int rc;

	if (wrong) {
		snprintf(error, error_len, "lot %.40s: its record is refused: %s", batch->lot, wrong);
		return -1;
	}
	pthread_mutex_lock(&journal->connection);
	assert(journal->writer.session == 0); /* one session for each journal */
	rc = resume_begin(&journal->writer, journal->store.simulated, batch, start, unit, ctx, error, error_len);
	/* Serial numbers count on from what is on record: the beginning of a record is not left to its log alone. */
	if (rc == 0 && start->session == 1)
		rc = store_settle(&journal->store, error, error_len);
	if (rc == 0 && finder_open(&journal->finder, &journal->writer, start) != 0) {
		snprintf(error, error_len, "%s", journal->finder.error);
		rc = -1;
	}
	pthread_mutex_unlock(&journal->connection);
	if (rc == 0) {
		snprintf(holder, sizeof(holder), "lot %s", batch->lot);
		outside_hold_as(&journal->store.outside, holder);
	}
	return rc;
}

int64_t journal_find(struct journal *journal, enum journal_find by, const void *key, size_t len)
{
	int64_t unit;

	if (journal_failed(journal))
		return -1;
	unit = finder_find(&journal->finder, by, key, len);
	if (unit < 0) {
		give_up(journal, journal->finder.error);
		tell(journal);
	}
	return unit;
}

int journal_read(struct journal *journal, int64_t number, journal_resume_fn *unit, void *ctx)
{
	if (journal_failed(journal))
		return -1;
	if (finder_read(&journal->finder, number, unit, ctx) == 0)
		return 0;
	give_up(journal, journal->finder.error);
	tell(journal);
	return -1;
}

uint64_t journal_submit(struct journal *journal, const struct journal_record *record)
{
	struct queue *queue;
	uint64_t ticket = 0;
	bool wake = false;

	if (journal_failed(journal) || journal_check(record))
		return 0;
	pthread_mutex_lock(&journal->lock);
	queue = &journal->queues[journal->filling];
	if (queue_add(queue, record)) {
		ticket = queue->tickets = ++journal->submitted;
		assert(ticket > journal_durable(journal));
		wake = journal->idle && journal->turn == JOURNAL_AT_ONCE && !journal->held;
		journal->idle = journal->idle && !wake;
	}
	pthread_mutex_unlock(&journal->lock);
	if (wake)
		pthread_cond_signal(&journal->filled);
	if (ticket && journal->turn == JOURNAL_ONE_BY_ONE && !journal->held)
		(void)journal_wait(journal, ticket);
	return ticket;
}

void journal_hold(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	assert(!journal->held);
	journal->held = true;
	pthread_mutex_unlock(&journal->lock);
}

void journal_release(struct journal *journal)
{
	uint64_t last;

	pthread_mutex_lock(&journal->lock);
	assert(journal->held);
	journal->held = false;
	last = journal->submitted;
	pthread_mutex_unlock(&journal->lock);
	if (journal->turn == JOURNAL_AT_ONCE)
		pthread_cond_signal(&journal->filled);
	else if (journal->turn == JOURNAL_ONE_BY_ONE)
		(void)journal_wait(journal, last);
}

uint64_t journal_durable(const struct journal *journal)
{
	return atomic_load_explicit(&journal->durable, memory_order_acquire);
}

int journal_wait(struct journal *journal, uint64_t ticket)
{
	pthread_mutex_lock(&journal->lock);
	assert(ticket <= journal->submitted && !journal->held);
	journal->waiters++;
	pthread_cond_signal(&journal->filled);
	while (journal_durable(journal) < ticket && !journal_failed(journal))
		pthread_cond_wait(&journal->written, &journal->lock);
	assert(journal->waiters > 0);
	journal->waiters--;
	pthread_mutex_unlock(&journal->lock);
	return journal_durable(journal) >= ticket ? 0 : -1;
}

int journal_fd(const struct journal *journal) { return journal->fd; }

const char *journal_failed(const struct journal *journal)
{
	return atomic_load_explicit(&journal->failed, memory_order_acquire);
}

uint64_t journal_cpu_us(const struct journal *journal)
{
	struct timespec used;
	clockid_t clock;

	if (pthread_getcpuclockid(journal->thread, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return 0;
	return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	if (journal->started) {
		pthread_mutex_lock(&journal->lock);
		journal->closing = true;
		pthread_cond_signal(&journal->filled);
		pthread_mutex_unlock(&journal->lock);
		pthread_join(journal->thread, NULL);
		assert(journal_failed(journal) || journal_durable(journal) == journal->submitted);
	}
	finder_close(&journal->finder);
	writer_wipe(&journal->writer);
	store_close(&journal->store);
	for (size_t i = 0; i < 2; i++)
		queue_destroy(&journal->queues[i]);
	if (journal->fd >= 0)
		close(journal->fd);
	pthread_mutex_destroy(&journal->lock);
	pthread_mutex_destroy(&journal->connection);
	pthread_cond_destroy(&journal->filled);
	pthread_cond_destroy(&journal->written);
	free(journal);
}

static int note_in(struct store *store, const struct journal_audit *note, char *error, size_t error_len)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	int rc = -1;

	if (!writer) {
		snprintf(error, error_len, "no memory is left");
		return -1;
	}
	if (writer_init(writer, store) == 0 && writer_begin(writer) == 0 &&
	    writer_audit(writer, note->at_us, 0, note->actor, note->action, note->subject, note->body) == 0)
		rc = writer_commit(writer);
	if (rc != 0) {
		snprintf(error, error_len, "%s", writer->error);
		writer_rollback(writer);
	}
	writer_wipe(writer);
	free(writer);
	return rc;
}

int journal_note(const struct journal_options *options, const struct journal_audit *note, char *error, size_t error_len)
{
	const struct sql_migration *migrations;
	const struct journal_record record = { .kind = JOURNAL_AUDIT, .audit = *note };
	const char *wrong = journal_check(&record);
	struct store store;
	size_t count;
	int rc;

	if (wrong) {
		snprintf(error, error_len, "the record refuses that: %s", wrong);
		return -1;
	}
	migrations = sql_migrations(&count);
	if (store_open(&store, options, STORE_WHICHEVER, migrations, count, error, error_len) != 0)
		return -1;
	rc = note_in(&store, note, error, error_len);
	store_close(&store);
	return rc;
}
