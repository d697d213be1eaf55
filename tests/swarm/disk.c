#include "tests/swarm/disk.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#define SECTOR 512u /* octets that a disk writes whole, or not at all */

/* A file as the power cut would leave it. */
struct image {
	struct image *next;
	char *path;
	enum disk_place place;
	bool there;
	uint8_t *bytes;
	size_t len, room;
};

/* Written or cut short, and not synced yet; in the order of all files. */
struct change {
	struct change *next;
	struct image *image;
	bool truncate;
	bool promised; /* a sync has said yes to it */
	size_t at, len;
	uint8_t bytes[];
};

struct disk {
	sqlite3_vfs vfs, *below;
	struct disk_fault fault;
	struct disk_news *news;
	void (*off)(void *ctx);
	void *ctx;
	pthread_mutex_t lock; /* of all below: the line and its journal are two threads */
	struct image *images;
	struct change *first, **last;
	uint64_t dice;
	unsigned lies;
};

struct file {
	sqlite3_file base;
	struct disk *disk;
	struct image *image; /* NULL: of no interest */
	sqlite3_file *real;
};

static const char *const kind_names[] = {
#define DISK_NAME(NAME, name) name,
	DISK_KINDS(DISK_NAME)
#undef DISK_NAME
};

const char *disk_kind_name(enum disk_kind kind) { return kind_names[kind]; }
const char *disk_place_name(enum disk_place place) { return place == DISK_LOG ? "log" : "file"; }

/* xorshift64* (Vigna 2014): the same seed, the same cut; nothing here is secret. */
static uint64_t roll(struct disk *disk, uint64_t below)
{
	disk->dice ^= disk->dice >> 12;
	disk->dice ^= disk->dice << 25;
	disk->dice ^= disk->dice >> 27;
	return (disk->dice * 0x2545f4914f6cdd1du >> 16) % below;
}

static void *must(void *memory)
{
	if (!memory)
		abort(); /* a test without memory has no result */
	return memory;
}

/* --- what is on the disk for good --- */

static void reach(struct image *image, size_t len)
{
	if (len > image->room) {
		image->room = 2 * len;
		image->bytes = must(realloc(image->bytes, image->room));
	}
	if (len > image->len) {
		memset(image->bytes + image->len, 0, len - image->len);
		image->len = len;
	}
}

static void apply(struct change *change, size_t from, size_t to)
{
	struct image *image = change->image;

	if (change->truncate) {
		reach(image, change->at);
		image->len = change->at;
		return;
	}
	reach(image, change->at + to);
	memcpy(image->bytes + change->at + from, change->bytes + from, to - from);
}

static void keep_whole(struct change *change) { apply(change, 0, change->len); }

/* The first sectors of it, at least none and not all. */
static void keep_part(struct disk *disk, struct change *change)
{
	size_t sectors = (change->len + SECTOR - 1) / SECTOR;

	if (!change->truncate && sectors > 1)
		apply(change, 0, SECTOR * (size_t)roll(disk, sectors));
}

static void keep_any_sectors(struct disk *disk, struct change *change)
{
	if (change->truncate) {
		if (roll(disk, 2))
			keep_whole(change);
		return;
	}
	for (size_t at = 0; at < change->len; at += SECTOR)
		if (roll(disk, 2))
			apply(change, at, at + SECTOR < change->len ? at + SECTOR : change->len);
}

static bool put_back(const struct image *image)
{
	int fd = open(image->path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && ftruncate(fd, (off_t)image->len) == 0;

	for (size_t at = 0; done && at < image->len;) {
		ssize_t n = pwrite(fd, image->bytes + at, image->len - at, (off_t)at);

		done = n > 0;
		at += done ? (size_t)n : 0;
	}
	return fd >= 0 && close(fd) == 0 && done;
}

/* How many changes survive a cut that keeps their order. */
static size_t survivors(struct disk *disk)
{
	size_t count = 0;

	for (const struct change *c = disk->first; c; c = c->next)
		count++;
	return count ? (size_t)roll(disk, count + 1) : 0;
}

static void cut(struct disk *disk)
{
	bool any = disk->fault.kind == DISK_REORDERED;
	size_t whole = any ? 0 : survivors(disk), n = 0;

	for (struct change *c = disk->first; c; c = c->next, n++) {
		if (any)
			keep_any_sectors(disk, c);
		else if (n < whole)
			keep_whole(c);
		else if (n == whole)
			keep_part(disk, c);
		disk->news->lost = disk->news->lost || (c->promised && n >= whole);
	}
	for (const struct image *image = disk->images; image; image = image->next)
		if (image->there && !put_back(image))
			abort();
}

void disk_power_off(struct disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	cut(disk);
	pthread_mutex_unlock(&disk->lock);
}

static void forget(struct disk *disk, const struct image *image, bool keep)
{
	for (struct change **at = &disk->first; *at;) {
		struct change *change = *at;

		if (change->image != image) {
			at = &change->next;
			continue;
		}
		if (keep)
			keep_whole(change);
		*at = change->next;
		free(change);
	}
	disk->last = &disk->first;
	while (*disk->last)
		disk->last = &(*disk->last)->next;
}

static void note(struct file *file, bool truncate, const void *bytes, size_t len, sqlite3_int64 at)
{
	struct disk *disk = file->disk;
	struct change *change = must(calloc(1, sizeof(*change) + len));

	change->image = file->image;
	change->truncate = truncate;
	change->at = (size_t)at;
	change->len = len;
	if (len)
		memcpy(change->bytes, bytes, len);
	*disk->last = change;
	disk->last = &change->next;
}

/* --- the faults --- */

/* Counts one more; is it the nth, of this kind and place? */
static bool strikes(struct disk *disk, const struct image *image, enum disk_kind kind, const unsigned *count)
{
	bool now = disk->fault.kind == kind && disk->fault.place == image->place &&
		   count[image->place] == disk->fault.nth;

	disk->news->struck = disk->news->struck || now;
	return now;
}

static bool full(struct disk *disk, const struct image *image, sqlite3_int64 end, sqlite3_int64 size)
{
	bool after = disk->fault.kind == DISK_FULL && disk->news->writes[disk->fault.place] >= disk->fault.nth;

	(void)image;
	if (!after || end <= size)
		return false;
	disk->news->struck = true;
	return true;
}

static _Noreturn void power_goes(struct disk *disk)
{
	cut(disk);
	disk->off(disk->ctx);
	abort();
}

/* Between the lock and its end; does not come back when the power goes. */
static int sync_image(struct disk *disk, struct image *image)
{
	struct disk_news *news = disk->news;
	bool lying = disk->fault.kind == DISK_LYING && news->struck;

	news->syncs[image->place]++;
	if (strikes(disk, image, DISK_TORN, news->syncs) || strikes(disk, image, DISK_REORDERED, news->syncs) ||
	    (lying && disk->lies++ >= disk->fault.more))
		power_goes(disk);
	if (strikes(disk, image, DISK_SYNC_ERROR, news->syncs)) {
		forget(disk, image, false);
		return SQLITE_IOERR_FSYNC;
	}
	if (lying || strikes(disk, image, DISK_LYING, news->syncs)) {
		for (struct change *c = disk->first; c; c = c->next)
			c->promised = c->promised || c->image == image;
		return SQLITE_OK;
	}
	forget(disk, image, true);
	return SQLITE_OK;
}

/* --- sqlite3_io_methods --- */

static struct file *file_of(sqlite3_file *base) { return (struct file *)(void *)base; }
static const sqlite3_io_methods *below(const struct file *file) { return file->real->pMethods; }

static int x_close(sqlite3_file *base)
{
	struct file *file = file_of(base);

	return below(file)->xClose(file->real);
}

static int x_read(sqlite3_file *base, void *to, int len, sqlite3_int64 at)
{
	struct file *file = file_of(base);
	bool fails;

	if (!file->image)
		return below(file)->xRead(file->real, to, len, at);
	pthread_mutex_lock(&file->disk->lock);
	file->disk->news->reads[file->image->place]++;
	fails = strikes(file->disk, file->image, DISK_READ_ERROR, file->disk->news->reads);
	pthread_mutex_unlock(&file->disk->lock);
	return fails ? SQLITE_IOERR_READ : below(file)->xRead(file->real, to, len, at);
}

static int x_write(sqlite3_file *base, const void *from, int len, sqlite3_int64 at)
{
	struct file *file = file_of(base);
	struct disk *disk = file->disk;
	sqlite3_int64 size = 0;
	int rc;

	if (!file->image)
		return below(file)->xWrite(file->real, from, len, at);
	pthread_mutex_lock(&disk->lock);
	disk->news->writes[file->image->place]++;
	if (strikes(disk, file->image, DISK_CUT, disk->news->writes))
		power_goes(disk);
	rc = disk->fault.kind == DISK_FULL ? below(file)->xFileSize(file->real, &size) : SQLITE_OK;
	if (rc == SQLITE_OK && strikes(disk, file->image, DISK_WRITE_ERROR, disk->news->writes))
		rc = SQLITE_IOERR_WRITE;
	if (rc == SQLITE_OK && full(disk, file->image, at + len, size))
		rc = SQLITE_FULL;
	if (rc == SQLITE_OK)
		rc = below(file)->xWrite(file->real, from, len, at);
	if (rc == SQLITE_OK)
		note(file, false, from, (size_t)len, at);
	pthread_mutex_unlock(&disk->lock);
	return rc;
}

static int x_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct file *file = file_of(base);
	int rc = below(file)->xTruncate(file->real, size);

	if (rc != SQLITE_OK || !file->image)
		return rc;
	pthread_mutex_lock(&file->disk->lock);
	note(file, true, NULL, 0, size);
	pthread_mutex_unlock(&file->disk->lock);
	return rc;
}

/* The real disk is not asked: the process may be killed, the machine is not. */
static int x_sync(sqlite3_file *base, int flags)
{
	struct file *file = file_of(base);
	int rc = SQLITE_OK;

	(void)flags;
	if (!file->image)
		return SQLITE_OK;
	pthread_mutex_lock(&file->disk->lock);
	rc = sync_image(file->disk, file->image);
	pthread_mutex_unlock(&file->disk->lock);
	return rc;
}

static int x_size(sqlite3_file *base, sqlite3_int64 *size)
{
	return below(file_of(base))->xFileSize(file_of(base)->real, size);
}
static int x_lock(sqlite3_file *base, int level) { return below(file_of(base))->xLock(file_of(base)->real, level); }
static int x_unlock(sqlite3_file *base, int level) { return below(file_of(base))->xUnlock(file_of(base)->real, level); }
static int x_reserved(sqlite3_file *base, int *out)
{
	return below(file_of(base))->xCheckReservedLock(file_of(base)->real, out);
}
static int x_control(sqlite3_file *base, int what, void *with)
{
	return below(file_of(base))->xFileControl(file_of(base)->real, what, with);
}
static int x_sector(sqlite3_file *base) { return below(file_of(base))->xSectorSize(file_of(base)->real); }
static int x_traits(sqlite3_file *base) { return below(file_of(base))->xDeviceCharacteristics(file_of(base)->real); }
static int x_shm_map(sqlite3_file *base, int page, int size, int extend, void volatile **out)
{
	return below(file_of(base))->xShmMap(file_of(base)->real, page, size, extend, out);
}
static int x_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
	return below(file_of(base))->xShmLock(file_of(base)->real, offset, n, flags);
}
static void x_shm_barrier(sqlite3_file *base) { below(file_of(base))->xShmBarrier(file_of(base)->real); }
static int x_shm_unmap(sqlite3_file *base, int remove)
{
	return below(file_of(base))->xShmUnmap(file_of(base)->real, remove);
}

/* Version 2: no memory-mapped reading, so that each read is counted. */
static const sqlite3_io_methods methods = { .iVersion = 2,
					    .xClose = x_close,
					    .xRead = x_read,
					    .xWrite = x_write,
					    .xTruncate = x_truncate,
					    .xSync = x_sync,
					    .xFileSize = x_size,
					    .xLock = x_lock,
					    .xUnlock = x_unlock,
					    .xCheckReservedLock = x_reserved,
					    .xFileControl = x_control,
					    .xSectorSize = x_sector,
					    .xDeviceCharacteristics = x_traits,
					    .xShmMap = x_shm_map,
					    .xShmLock = x_shm_lock,
					    .xShmBarrier = x_shm_barrier,
					    .xShmUnmap = x_shm_unmap };

/* --- sqlite3_vfs --- */

static struct image *image_of(struct disk *disk, const char *path)
{
	struct image *image = disk->images;

	while (image && strcmp(image->path, path) != 0)
		image = image->next;
	return image;
}

/* What an earlier life of the station has left there is on the disk. */
static struct image *image_new(struct disk *disk, const char *path, enum disk_place place, struct file *file)
{
	struct image *image = must(calloc(1, sizeof(*image)));
	sqlite3_int64 size = 0;

	image->path = must(strdup(path));
	image->place = place;
	if (below(file)->xFileSize(file->real, &size) == SQLITE_OK && size > 0) {
		reach(image, (size_t)size);
		if (below(file)->xRead(file->real, image->bytes, (int)size, 0) != SQLITE_OK)
			abort();
	}
	image->next = disk->images;
	disk->images = image;
	return image;
}

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out_flags)
{
	const int logs = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
	struct disk *disk = vfs->pAppData;
	struct file *file = file_of(base);
	int rc;

	*file = (struct file){ .disk = disk, .real = (sqlite3_file *)(void *)(file + 1) };
	rc = disk->below->xOpen(disk->below, name, file->real, flags, out_flags);
	if (rc != SQLITE_OK)
		return rc;
	file->base.pMethods = &methods;
	if (!name || !(flags & (logs | SQLITE_OPEN_MAIN_DB)))
		return SQLITE_OK;
	pthread_mutex_lock(&disk->lock);
	file->image = image_of(disk, name);
	if (!file->image)
		file->image = image_new(disk, name, flags & logs ? DISK_LOG : DISK_FILE, file);
	file->image->there = true;
	pthread_mutex_unlock(&disk->lock);
	return SQLITE_OK;
}

static int x_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	struct disk *disk = vfs->pAppData;
	int rc = disk->below->xDelete(disk->below, name, sync);
	struct image *image;

	pthread_mutex_lock(&disk->lock);
	image = rc == SQLITE_OK ? image_of(disk, name) : NULL;
	if (image) {
		forget(disk, image, false);
		image->there = false;
		image->len = 0;
	}
	pthread_mutex_unlock(&disk->lock);
	return rc;
}

struct disk *disk_create(const struct disk_fault *fault, struct disk_news *news, void (*off)(void *ctx), void *ctx)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	if (!disk)
		return NULL;
	disk->fault = *fault;
	disk->news = news;
	disk->off = off;
	disk->ctx = ctx;
	disk->dice = fault->seed * 2 + 1; /* xorshift knows no zero */
	disk->last = &disk->first;
	disk->below = sqlite3_vfs_find(NULL);
	assert(disk->below && disk->below->szOsFile > 0);
	disk->vfs = *disk->below;
	disk->vfs.zName = "failing-disk";
	disk->vfs.szOsFile = (int)sizeof(struct file) + disk->below->szOsFile;
	disk->vfs.pNext = NULL;
	disk->vfs.pAppData = disk;
	disk->vfs.xOpen = x_open;
	disk->vfs.xDelete = x_delete;
	if (pthread_mutex_init(&disk->lock, NULL) == 0 && sqlite3_vfs_register(&disk->vfs, 1) == SQLITE_OK)
		return disk;
	free(disk);
	return NULL;
}

void disk_destroy(struct disk *disk)
{
	if (!disk)
		return;
	sqlite3_vfs_unregister(&disk->vfs);
	while (disk->first) {
		struct change *next = disk->first->next;

		free(disk->first);
		disk->first = next;
	}
	while (disk->images) {
		struct image *next = disk->images->next;

		free(disk->images->path);
		free(disk->images->bytes);
		free(disk->images);
		disk->images = next;
	}
	pthread_mutex_destroy(&disk->lock);
	free(disk);
}
