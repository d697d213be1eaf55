#include "db/outside.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "db/private_file.h"
#include "db/text.h"
#include "db/sql.h"

#define HEADER_LEN 4608 /* who holds it, or where it lies: one line */
#define PLACE_LEN 1024	/* of a head; there are two */

static const char *const beside[3] = { "", "-wal", "-shm" };

__attribute__((format(printf, 3, 4))) static int refuse(char *error, size_t error_len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, error_len, format, args);
	va_end(args);
	return -1;
}

static void hex(char *out, const uint8_t *octets, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[octets[i] >> 4];
		out[2 * i + 1] = digits[octets[i] & 15];
	}
	out[2 * len] = '\0';
}

/* Heads, as they are written */

/* The end of a line shows that all of it is there. */
static bool check_of(const char *line, size_t len, char out[static 17])
{
	uint8_t hash[CHAIN_HASH_LEN];
	struct chain_sha sha;
	bool good = chain_sha_init(&sha) && chain_sha256(&sha, line, len, hash);

	chain_sha_wipe(&sha);
	if (good)
		hex(out, hash, 8);
	return good;
}

static bool read_place(const char *place, struct outside_head *out)
{
	char line[PLACE_LEN + 1], check[17] = "", expected[17];
	char *last;

	memcpy(line, place, PLACE_LEN);
	line[PLACE_LEN] = '\0';
	*out = (struct outside_head){ 0 };
	last = strrchr(line, ' ');
	if (!last ||
	    sscanf(line, "%llu %32s %64s %512s %119s %119s %16s", &out->n, out->id, out->hash, out->signature,
		   out->file, out->log, check) != 7 ||
	    !check_of(line, (size_t)(last - line), expected) || strcmp(check, expected) != 0)
		*out = (struct outside_head){ 0 };
	return out->n > 0;
}

static void read_heads(int fd, struct outside_head *out)
{
	char places[2 * PLACE_LEN];
	struct outside_head other;

	*out = (struct outside_head){ 0 };
	if (fd < 0 || pread(fd, places, sizeof(places), HEADER_LEN) < PLACE_LEN)
		return;
	(void)read_place(places, out);
	if (read_place(places + PLACE_LEN, &other) && other.n > out->n)
		*out = other;
}

static void read_heads_of(const char *name, struct outside_head *out)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	read_heads(fd, out);
	if (fd >= 0)
		close(fd);
}

void outside_read_lock(const char *path, struct outside_head *out)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "%s.lock", path);
	read_heads_of(name, out);
}

static bool heads_name(char out[static PATH_MAX], const char *heads, const uint8_t id[static 16])
{
	char name[33];

	hex(name, id, 16);
	return snprintf(out, PATH_MAX, "%s/%s", heads, name) < PATH_MAX;
}

void outside_read_heads(const char *heads, const uint8_t id[static 16], struct outside_head *out)
{
	char name[PATH_MAX];

	*out = (struct outside_head){ 0 };
	if (heads_name(name, heads, id))
		read_heads_of(name, out);
}

/* What stat(2) says of a file that nobody has touched. */
static void stat_text(const char *path, char out[static 120])
{
	struct stat st;

	if (stat(path, &st) != 0)
		snprintf(out, 120, "-");
	else
		snprintf(out, 120, "%llx.%llx.%llx.%llx.%lx.%llx.%lx", (unsigned long long)st.st_dev,
			 (unsigned long long)st.st_ino, (unsigned long long)st.st_size,
			 (unsigned long long)st.st_mtim.tv_sec, (unsigned long)st.st_mtim.tv_nsec,
			 (unsigned long long)st.st_ctim.tv_sec, (unsigned long)st.st_ctim.tv_nsec);
}

static void names_beside(const struct outside *outside, size_t which, char out[static PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s%s", outside->path, beside[which]);
}

static void write_place(int fd, const char *place, unsigned long long n, bool last)
{
	if (fd < 0)
		return;
	/* Behind the file it may be; what is not written here is found at the next start. */
	if (pwrite(fd, place, PLACE_LEN, (off_t)(HEADER_LEN + PLACE_LEN * (n & 1))) == PLACE_LEN && last)
		(void)fsync(fd);
}

static void write_heads(struct outside *outside, bool last)
{
	char place[PLACE_LEN], name[PATH_MAX];
	struct outside_head *now = &outside->head;
	int len;

	stat_text(outside->path, now->file);
	names_beside(outside, 1, name);
	stat_text(name, now->log);
	memset(place, '\n', sizeof(place));
	len = snprintf(place, sizeof(place), "%llu %s %s %s %s %s", now->n, now->id, now->hash, now->signature,
		       now->file, now->log);
	assert(len > 0 && (size_t)len + 19 < sizeof(place));
	place[len] = ' ';
	if (!check_of(place, (size_t)len, place + len + 1))
		return;
	place[len + 17] = '\n';
	write_place(outside->lock, place, now->n, last);
	write_place(outside->heads, place, now->n, last);
}

void outside_keep(struct outside *outside, const struct written_head *head)
{
	struct outside_head *now = &outside->head;

	assert(outside->known && head->n > 0);
	now->n = head->n;
	hex(now->id, outside->id, sizeof(outside->id));
	hex(now->hash, head->hash, sizeof(head->hash));
	strcpy(now->signature, "-");
	if (head->signature_len)
		hex(now->signature, head->signature, head->signature_len);
	write_heads(outside, false);
}

void outside_rest(struct outside *outside)
{
	if (outside->known && outside->head.n > 0 && !outside->touched)
		write_heads(outside, true);
}

bool outside_matches(const struct outside_head *head, const char *where, sqlite3 *db, char *what, size_t what_len)
{
	sqlite3_stmt *row = sql_prepare(db, "written_one");
	char hash[65] = "", signature[2 * WRITTEN_SIGNATURE_MAX + 1] = "-", id[33] = "";
	struct written_head there = { 0 };
	unsigned long long newest = 0;

	if (row)
		sqlite3_bind_int64(row, 1, (int64_t)head->n);
	if (row && sqlite3_step(row) == SQLITE_ROW) {
		newest = (unsigned long long)sqlite3_column_int64(row, 3);
		if (sqlite3_column_bytes(row, 4) == 16)
			hex(id, sqlite3_column_blob(row, 4), 16);
		if (written_head_read(row, 0, &there)) {
			hex(hash, there.hash, sizeof(there.hash));
			if (there.signature_len)
				hex(signature, there.signature, there.signature_len);
		}
	}
	sqlite3_finalize(row);
	if (strcmp(id, head->id) != 0)
		snprintf(what, what_len, "it is another record (%.8s) than the one that %s knows there (%.8s)",
			 *id ? id : "without an id", where, head->id);
	else if (newest < head->n)
		snprintf(what, what_len,
			 "it ends at commit %llu, and %s knows commit %llu: it was cut or emptied, its -wal file was "
			 "lost, "
			 "or it is an older copy",
			 newest, where, head->n);
	else if (strcmp(hash, head->hash) != 0 || strcmp(signature, head->signature) != 0)
		snprintf(what, what_len, "its commit %llu is not the one that %s knows: it was written anew", head->n,
			 where);
	else
		return true;
	return false;
}

/* The lock */

static void write_header(int fd, const char *line)
{
	char header[HEADER_LEN];

	memset(header, ' ', sizeof(header));
	header[sizeof(header) - 1] = '\n';
	memcpy(header, line, strnlen(line, sizeof(header) - 2));
	header[strnlen(line, sizeof(header) - 2)] = '\n';
	/* Only a courtesy to the one who is refused: the lock holds without it. */
	if (pwrite(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return;
}

void outside_hold_as(struct outside *outside, const char *text)
{
	char line[200], host[65];

	assert(outside->lock >= 0);
	text_host(host);
	snprintf(line, sizeof(line), "%.80s%sprocess %ld on %s", text, *text ? ", " : "", (long)getpid(), host);
	write_header(outside->lock, line);
}

static int in_use(int fd, const char *path, char *error, size_t error_len)
{
	char holder[200] = "";
	ssize_t got = fd < 0 ? 0 : pread(fd, holder, sizeof(holder) - 1, 0);

	holder[got > 0 ? got : 0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	return refuse(error, error_len,
		      "%s is in use by another station (%s); one station writes at a time: stop that one, "
		      "or choose another file with --db",
		      path, *holder ? holder : "just starting");
}

static int lock_take(struct outside *outside, const char *path, char *error, size_t error_len)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "%s.lock", outside->path);
	outside->lock = private_file_open(name, O_RDWR);
	if (outside->lock < 0)
		return refuse(error, error_len,
			      "%s: cannot write beside it: %s; make its folder writable for this user, or "
			      "choose another file with --db",
			      path, strerror(errno));
	if (flock(outside->lock, LOCK_EX | LOCK_NB) != 0)
		return in_use(outside->lock, path, error, error_len);
	read_heads(outside->lock, &outside->head);
	outside_hold_as(outside, "");
	return 0;
}

/* The file */

/* Without links in it, so that what lies beside the file has one name. A file that is not there yet has its folder's.
 */
static bool resolve(const char *path, char *out, size_t cap)
{
	char whole[PATH_MAX], folder[PATH_MAX];
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	if (realpath(path, whole))
		return snprintf(out, cap, "%s", whole) < (int)cap;
	if (snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".") >=
	    (int)sizeof(folder))
		return false;
	if (!realpath(folder, whole))
		return snprintf(out, cap, "%s", path) < (int)cap;
	return snprintf(out, cap, "%s/%s", strcmp(whole, "/") == 0 ? "" : whole, base) < (int)cap;
}

static int refuse_missing(const char *path, const char *where, unsigned long long n, const char *id, char *error,
			  size_t error_len)
{
	return refuse(
		error, error_len,
		"%s is missing, and %s knows a record there with %llu commits (%.8s): bring back its newest copy; to "
		"begin a new record, choose another file with --db",
		path, where, n, id);
}

/* Is a record known at that path whose id is another? `out`: its head and where it is known. */
static bool known_there(const struct outside *outside, const char *heads, const char *own, struct outside_head *out,
			char where[static PATH_MAX])
{
	DIR *folder = heads ? opendir(heads) : NULL;
	struct dirent *entry;
	bool found = false;

	while (folder && !found && (entry = readdir(folder))) {
		char header[HEADER_LEN + 1];
		ssize_t got;
		int fd;

		if (strlen(entry->d_name) != 32 || strcmp(entry->d_name, own) == 0 ||
		    snprintf(where, PATH_MAX, "%s/%s", heads, entry->d_name) >= PATH_MAX ||
		    (fd = open(where, O_RDONLY | O_CLOEXEC)) < 0)
			continue;
		got = pread(fd, header, HEADER_LEN, 0);
		header[got > 0 ? got : 0] = '\0';
		header[strcspn(header, "\n")] = '\0';
		read_heads(fd, out);
		found = strcmp(header, outside->path) == 0 && out->n > 0;
		close(fd);
	}
	if (folder)
		closedir(folder);
	return found;
}

static int open_file(struct outside *outside, const char *path, bool must_exist, const char *heads, char *error,
		     size_t error_len)
{
	char where[PATH_MAX];
	struct outside_head other;
	struct stat st;

	outside->file = open(outside->path, O_RDWR | O_CLOEXEC);
	if (outside->file < 0 && errno == ENOENT) {
		if (outside->head.n > 0)
			return refuse_missing(path, "FILE.lock", outside->head.n, outside->head.id, error, error_len);
		if (known_there(outside, heads, "", &other, where))
			return refuse_missing(path, where, other.n, other.id, error, error_len);
		if (must_exist)
			return refuse(error, error_len, "%s: %s; name the database with --db", path, strerror(ENOENT));
		outside->file = private_file_open(outside->path, O_RDWR | O_EXCL);
	}
	if (outside->file < 0)
		return refuse(error, error_len,
			      "%s is read-only (%s): make it writable for this user, or choose another file with --db",
			      path, strerror(errno));
	if (fstat(outside->file, &st) != 0 || st.st_nlink != 1)
		return refuse(
			error, error_len,
			"%s has a second name (%lu links): its log would lie beside one of them and be missed at the "
			"other; remove the other names",
			path, (unsigned long)st.st_nlink);
	/* SQLite's locks are of another kind (fcntl), and go when any descriptor of the file is closed: so this one is
	 * closed after SQLite's. */
	if (flock(outside->file, LOCK_EX | LOCK_NB) != 0)
		return in_use(-1, path, error, error_len);
	return 0;
}

static bool untouched(const struct outside *outside, const struct outside_head *head)
{
	return head->n > 0 && strcmp(outside->file_was, head->file) == 0 && strcmp(outside->log_was, head->log) == 0;
}

int outside_open(struct outside *outside, const char *path, bool must_exist, const char *heads, char *error,
		 size_t error_len)
{
	char log[PATH_MAX];
	struct stat st;

	*outside = (struct outside){ .lock = -1, .file = -1, .heads = -1 };
	if (!resolve(path, outside->path, sizeof(outside->path)))
		return refuse(error, error_len, "the name of the database is too long: %s", path);
	if (stat(outside->path, &st) == 0 && S_ISDIR(st.st_mode))
		return refuse(error, error_len, "%s is a folder; name a file with --db", path);
	if (must_exist && stat(outside->path, &st) != 0) {
		/* No lock is left beside a name that was mistyped. */
		outside_read_lock(outside->path, &outside->head);
		return outside->head.n > 0
			       ? refuse_missing(path, "FILE.lock", outside->head.n, outside->head.id, error, error_len)
			       : refuse(error, error_len, "%s: %s; name the database with --db", path, strerror(errno));
	}
	if (lock_take(outside, path, error, error_len) != 0 ||
	    open_file(outside, path, must_exist, heads, error, error_len) != 0)
		return -1;
	names_beside(outside, 1, log);
	stat_text(outside->path, outside->file_was);
	stat_text(log, outside->log_was);
	outside->touched = !untouched(outside, &outside->head);
	return 0;
}

int outside_know(struct outside *outside, const uint8_t id[static 16], const char *heads, char *error, size_t error_len)
{
	char name[PATH_MAX], where[PATH_MAX], own[33];
	struct outside_head other;

	memcpy(outside->id, id, sizeof(outside->id));
	outside->known = true;
	if (!heads)
		return 0;
	hex(own, id, 16);
	if (known_there(outside, heads, own, &other, where))
		return refuse(
			error, error_len,
			"%s is another record (%.8s) than the one that %s knows there: bring that one back, or choose "
			"another file with --db; when it was moved away on purpose, move %s away too",
			outside->path, own, where, where);
	if (mkdir(heads, 0700) != 0 && errno != EEXIST)
		return refuse(error, error_len, "%s: %s; make its folder writable for this user", heads,
			      strerror(errno));
	if (!heads_name(name, heads, id))
		return refuse(error, error_len, "the name of the folder of keys is too long: %s", heads);
	outside->heads = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (outside->heads < 0)
		return refuse(error, error_len, "%s: %s; make it writable for this user", name, strerror(errno));
	read_heads(outside->heads, &outside->key_head);
	write_header(outside->heads, outside->path);
	outside->touched = outside->touched || !untouched(outside, &outside->key_head);
	return 0;
}

void outside_take(struct outside *outside)
{
	char name[PATH_MAX];

	for (size_t i = 0; i < 3; i++) {
		names_beside(outside, i, name);
		if (stat(name, &outside->opened[i]) != 0)
			outside->opened[i] = (struct stat){ 0 };
	}
}

int outside_still(struct outside *outside, char *error, size_t error_len)
{
	char name[PATH_MAX];

	for (size_t i = 0; i < 3; i++) {
		const struct stat *then = &outside->opened[i];
		struct stat now;

		if (then->st_ino == 0)
			continue;
		names_beside(outside, i, name);
		if (stat(name, &now) != 0)
			return refuse(
				error, error_len,
				"%s is gone (%s): the record is no longer where it was, so nothing more is told to be "
				"on it; find out who took it away, bring it back, then run the job again",
				name, strerror(errno));
		if (now.st_ino != then->st_ino || now.st_dev != then->st_dev)
			return refuse(
				error, error_len,
				"%s is another file than the one that was opened: the record is no longer where it "
				"was, so nothing more is told to be on it; bring it back, then run the job again",
				name);
		if (now.st_nlink != 1)
			return refuse(
				error, error_len,
				"%s has got a second name (%lu links): remove the other names, then run the job again",
				name, (unsigned long)now.st_nlink);
	}
	return 0;
}

void outside_close(struct outside *outside)
{
	/* The text goes first, the lock with the descriptor; a text that stays misleads nobody, for the lock decides.
	 */
	if (outside->lock >= 0) {
		write_header(outside->lock, "");
		close(outside->lock);
	}
	if (outside->file >= 0)
		close(outside->file);
	if (outside->heads >= 0)
		close(outside->heads);
	*outside = (struct outside){ .lock = -1, .file = -1, .heads = -1 };
}
