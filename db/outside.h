/*
 * What is known of a record outside its file: who may hold it, which file it is, how far it had come. Inside db/ only.
 *
 * One station at a time: an flock(2) on FILE.lock, whose first line says who, and one on the database itself, so that
 * no second name of the file leads around the first. The kernel drops both with the process; FILE.lock stays.
 *
 * Behind that line FILE.lock has the newest commit, and so has KEYS/heads/ID for a station whose folder of keys is at
 * hand: number, hash and signature, and what stat(2) said of the database and its log when nobody had touched them
 * since. Two places are written in turn, each with a check of its own, so a write that was torn leaves the one before.
 * They are written after a commit is durable: they may be behind the file and never ahead of it.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "db/written.h"

/* As it is written: texts without blanks, "-" for none. */
struct outside_head {
	unsigned long long n; /* 0: nothing is known */
	char id[33], hash[65], signature[2 * WRITTEN_SIGNATURE_MAX + 1], file[120], log[120];
};

struct outside {
	char path[PATH_MAX - 48]; /* of the database, without links */
	int lock, file, heads;	  /* descriptors; -1: none */
	struct stat opened[3];	  /* of the database, its log and the log's index; st_ino 0: not looked at yet */
	char file_was[120], log_was[120]; /* before SQLite opened them */
	bool touched;			  /* by somebody else since the newest head was kept, or nobody can say */
	struct outside_head head;	  /* of the lock */
	struct outside_head key_head;	  /* of the folder of keys */
	uint8_t id[16];
	bool known; /* id is the record's */
};

/*
 * Takes both locks. `must_exist`: no new file is made. 0, or -1 with a sentence: it is held, it has a second name, or
 * it is missing and FILE.lock or the folder of keys knows a record there. What lies at `path` now belongs to `outside`.
 */
int outside_open(struct outside *outside, const char *path, bool must_exist, const char *heads, char *error,
		 size_t error_len);
/* What another station reads when it is refused: "lot 2611-A07, process 4711 on line3". */
void outside_hold_as(struct outside *outside, const char *text);
/* The id of this record: opens its place in the folder of keys (NULL: none). 0, or -1 with a sentence: another record
 * is known at this path, or the folder cannot be written. */
int outside_know(struct outside *outside, const uint8_t id[static 16], const char *heads, char *error,
		 size_t error_len);
/* From now on these are the files: the database, its log and the log's index. */
void outside_take(struct outside *outside);
/* Are they still? 0, or -1 with a sentence: deleted, replaced, or given a second name. */
int outside_still(struct outside *outside, char *error, size_t error_len);
/* Keeps the newest commit, which is durable. */
void outside_keep(struct outside *outside, const struct written_head *head);
/* Nothing comes after it for now, and SQLite has let go: kept so that it survives a power cut, unless somebody else
 * touched the files. */
void outside_rest(struct outside *outside);
void outside_close(struct outside *outside);

/* For verify: what FILE.lock, or KEYS/heads/ID, knows. n 0: nothing. */
void outside_read_lock(const char *path, struct outside_head *out);
void outside_read_heads(const char *heads, const uint8_t id[static 16], struct outside_head *out);
/* Has the record come as far as `head`, and the same way? False with half a sentence in `what`; `where`: who knows. */
bool outside_matches(const struct outside_head *head, const char *where, sqlite3 *db, char *what, size_t what_len);
