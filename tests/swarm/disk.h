/*
 * A disk that fails as disks do, below SQLite: a VFS that becomes the process's default one. Files are where they are,
 * and this process reads what it has written; beside them the disk keeps what would be there if the power went now.
 * A power cut puts that in their place and calls `off`, which ends the process.
 *
 *	disk_create -> sqlite3_open ... -> disk_destroy (when all is closed)
 *
 * What is not simulated: a file that is created or deleted is so at once, without a sync of its folder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, "name"): torn to lying end in a power cut, the others are errors that SQLite is told. */
#define DISK_KINDS(X)                                                                                                  \
	X(SOUND, "sound")                                                                                              \
	/* The power goes before the nth sync: what was not synced is there in the order in which it was written, up   \
	 * to somewhere, the last of it in part. */                                                                    \
	X(TORN, "torn")                                                                                                \
	/* The same before the nth write, whether or not anybody ever syncs. */                                        \
	X(CUT, "cut")                                                                                                  \
	/* As torn, but any of the 512 octets that were not synced may be there, whichever came before. */             \
	X(REORDERED, "reordered")                                                                                      \
	/* From the nth sync on, syncs say yes and do nothing; `more` of them later the power goes, as with torn. */   \
	X(LYING, "lying")                                                                                              \
	/* From the nth write on no file grows any more. */                                                            \
	X(FULL, "full")                                                                                                \
	X(WRITE_ERROR, "write-error") /* the nth write fails, once */                                                  \
	X(READ_ERROR, "read-error")   /* the nth read fails, once */                                                   \
	/* The nth sync fails, once; what it should have kept is lost when the power goes (disk_power_off), although a \
	 * later sync says yes: as Linux did it to PostgreSQL. */                                                      \
	X(SYNC_ERROR, "sync-error")

enum disk_kind {
#define DISK_ENUM(NAME, name) DISK_##NAME,
	DISK_KINDS(DISK_ENUM)
#undef DISK_ENUM
		DISK_KIND_COUNT
};
const char *disk_kind_name(enum disk_kind kind);

/* Where the nth is counted: the write-ahead log (and the rollback journal before there is one), or the database. */
enum disk_place { DISK_LOG, DISK_FILE, DISK_PLACES };
const char *disk_place_name(enum disk_place place);

struct disk_fault {
	enum disk_kind kind;
	enum disk_place place;
	unsigned nth, more;
	uint64_t seed; /* of what survives */
};

/* What has happened, for whoever looks on from another process: zero it, in memory that is shared. Layout is open. */
struct disk_news {
	bool struck; /* the fault happened */
	bool lost;   /* something is gone that a sync had said yes to */
	unsigned syncs[DISK_PLACES], writes[DISK_PLACES], reads[DISK_PLACES];
};

struct disk;

/* Registered as SQLite's default. `off` is called when the power has gone, and does not return. NULL: no memory. */
struct disk *disk_create(const struct disk_fault *fault, struct disk_news *news, void (*off)(void *ctx), void *ctx);
/* The power goes now: returns, for the caller to end the process. */
void disk_power_off(struct disk *disk);
void disk_destroy(struct disk *disk);
