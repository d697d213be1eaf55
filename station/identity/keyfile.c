#include "station/identity/keyfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/crypto.h"

enum { PRIVATE_MODE = 0600, PUBLIC_MODE = 0644 };

bool keyfile_complain(const struct keyfile_error *error, const char *format, ...)
{
	va_list args;

	assert(error->text || error->cap == 0);
	va_start(args, format);
	(void)vsnprintf(error->text, error->cap, format, args);
	va_end(args);
	ERR_clear_error();
	return false;
}

bool keyfile_path(char path[static PATH_MAX], const char *dir, const char *name, const struct keyfile_error *error)
{
	int len = snprintf(path, PATH_MAX, "%s/%s", dir, name);

	return (len > 0 && len < PATH_MAX) || keyfile_complain(error, "%s/%s: the path is too long", dir, name);
}

static bool owner_is_trusted(const struct stat *st) { return st->st_uid == geteuid() || st->st_uid == 0; }

bool keyfile_check_dir(const char *dir, const struct keyfile_error *error)
{
	struct stat st;

	if (stat(dir, &st) != 0 && errno == ENOENT)
		return keyfile_complain(error,
					"%s: there is no such folder; make the factory's keys with "
					"`millrace ca init --dir %s`",
					dir, dir);
	if (stat(dir, &st) != 0)
		return keyfile_complain(error, "%s: %s; check the path and its folders' modes", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return keyfile_complain(error, "%s: is not a folder; name the folder that `millrace ca init` made",
					dir);
	if (!owner_is_trusted(&st))
		return keyfile_complain(error,
					"%s: belongs to another user (uid %u), who could exchange the keys; "
					"run `chown %u %s`",
					dir, (unsigned)st.st_uid, (unsigned)geteuid(), dir);
	if (st.st_mode & S_IWOTH)
		return keyfile_complain(error, "%s: everybody may write into it (mode %04o); run `chmod 700 %s`", dir,
					(unsigned)(st.st_mode & 07777), dir);
	return true;
}

static bool check_private(const char *path, const struct stat *st, const struct keyfile_error *error)
{
	if (!owner_is_trusted(st))
		return keyfile_complain(error, "%s: belongs to another user (uid %u); run `chown %u %s`", path,
					(unsigned)st->st_uid, (unsigned)geteuid(), path);
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return keyfile_complain(error, "%s: mode %04o opens a private key to others; run `chmod 600 %s`", path,
					(unsigned)(st->st_mode & 07777), path);
	return true;
}

static bool cannot_open(const char *path, const struct keyfile_error *error)
{
	if (errno == ENOENT && strstr(path, "/batch/"))
		return keyfile_complain(error,
					"%s: there is no such batch key; make it with "
					"`millrace ca new-batch-key NAME --dir %s`",
					path, error->dir);
	if (errno == ENOENT)
		return keyfile_complain(error,
					"%s: is missing; bring it back from the backup, or make the factory's keys "
					"with `millrace ca init --dir %s`",
					path, error->dir);
	if (errno == EACCES)
		return keyfile_complain(error,
					"%s: may not be read by this user (uid %u); run as the owner of the keys", path,
					(unsigned)geteuid());
	return keyfile_complain(error, "%s: %s", path, strerror(errno));
}

/* The whole file; `room` is KEYFILE_MAX octets. The checks are made on the open file, not on its name. */
static bool read_file(const char *path, bool private, uint8_t *room, size_t *len, const struct keyfile_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	bool ok = false;

	*len = 0;
	if (fd < 0)
		return cannot_open(path, error);
	if (fstat(fd, &st) != 0)
		(void)keyfile_complain(error, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		(void)keyfile_complain(error, "%s: is not a regular file", path);
	else if (st.st_size == 0 || st.st_size > KEYFILE_MAX)
		(void)keyfile_complain(
			error, "%s: its size of %lld octets is not that of a key; bring it back from the backup", path,
			(long long)st.st_size);
	else
		ok = !private || check_private(path, &st, error);
	while (ok && *len < KEYFILE_MAX) {
		ssize_t n = read(fd, room + *len, KEYFILE_MAX - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ok = keyfile_complain(error, "%s: %s", path, strerror(errno));
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	(void)close(fd);
	assert(*len <= KEYFILE_MAX);
	return ok;
}

/* Never asks the terminal. */
static int no_password(char *buf, int size, int writing, void *ctx)
{
	(void)buf, (void)size, (void)writing, (void)ctx;
	return -1;
}

bool keyfile_point(const EVP_PKEY *key, uint8_t point[static 65])
{
	char group[32] = "";
	size_t len = 0;

	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       strcmp(group, "prime256v1") == 0 &&
	       EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &len) == 1 && len == 65 &&
	       point[0] == 4;
}

EVP_PKEY *keyfile_private_key(const char *dir, const char *name, const char *type, const struct keyfile_error *error)
{
	char path[PATH_MAX];
	uint8_t room[KEYFILE_MAX], point[65];
	size_t len = 0;
	BIO *bio = NULL;
	EVP_PKEY *key = NULL;
	bool ok;

	ok = keyfile_path(path, dir, name, error) && read_file(path, true, room, &len, error);
	if (ok)
		bio = BIO_new_mem_buf(room, (int)len);
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	OPENSSL_cleanse(room, sizeof(room));
	BIO_free(bio);
	if (ok && !key)
		ok = keyfile_complain(error,
				      "%s: is not an unencrypted private key in PEM (PKCS #8); bring it back from "
				      "the backup",
				      path);
	if (ok && (!EVP_PKEY_is_a(key, type) || (strcmp(type, "EC") == 0 && !keyfile_point(key, point))))
		ok = keyfile_complain(error,
				      "%s: holds another kind of key than %s; bring the right file back from the "
				      "backup",
				      path, strcmp(type, "EC") == 0 ? "EC P-256" : type);
	if (ok)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

bool keyfile_public_point(const char *dir, const char *name, uint8_t point[static 65],
			  const struct keyfile_error *error)
{
	char path[PATH_MAX];
	uint8_t room[KEYFILE_MAX];
	size_t len = 0;
	BIO *bio = NULL;
	EVP_PKEY *key = NULL;
	bool ok;

	ok = keyfile_path(path, dir, name, error) && read_file(path, false, room, &len, error);
	if (ok)
		bio = BIO_new_mem_buf(room, (int)len);
	if (bio)
		key = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
	if (ok && (!key || !keyfile_point(key, point)))
		ok = keyfile_complain(error, "%s: is not a P-256 public key in PEM; bring it back from the backup",
				      path);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ok;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool keyfile_secret(const char *dir, const char *name, uint8_t secret[static 32], const struct keyfile_error *error)
{
	char path[PATH_MAX];
	uint8_t room[KEYFILE_MAX];
	size_t len = 0;
	bool ok;

	ok = keyfile_path(path, dir, name, error) && read_file(path, true, room, &len, error);
	while (ok && len > 64 && (room[len - 1] == '\n' || room[len - 1] == '\r'))
		len--;
	if (ok && len != 64)
		ok = keyfile_complain(error, "%s: is not 64 hexadecimal digits; bring it back from the backup", path);
	for (size_t i = 0; ok && i < 32; i++) {
		int high = hex_digit(room[2 * i]), low = hex_digit(room[2 * i + 1]);

		if (high < 0 || low < 0)
			ok = keyfile_complain(error, "%s: is not 64 hexadecimal digits; bring it back from the backup",
					      path);
		else
			secret[i] = (uint8_t)(high << 4 | low);
	}
	OPENSSL_cleanse(room, sizeof(room));
	if (!ok)
		OPENSSL_cleanse(secret, 32);
	return ok;
}

X509 *keyfile_certificate(const char *dir, const char *name, const struct keyfile_error *error)
{
	char path[PATH_MAX];
	uint8_t room[KEYFILE_MAX];
	size_t len = 0;
	BIO *bio = NULL;
	X509 *certificate = NULL;

	if (!keyfile_path(path, dir, name, error) || !read_file(path, false, room, &len, error))
		return NULL;
	bio = BIO_new_mem_buf(room, (int)len);
	if (bio)
		certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (!certificate)
		(void)keyfile_complain(error, "%s: is not a certificate in PEM; bring it back from the backup", path);
	return certificate;
}

bool keyfile_sync_dir(const char *dir, const struct keyfile_error *error)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (!ok)
		(void)keyfile_complain(error, "%s: %s", dir, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static bool rename_new(const char *from, const char *to, const struct keyfile_error *error)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno == EEXIST)
		return keyfile_complain(error, "%s: exists already and is left alone; move it away first", to);
	return keyfile_complain(error, "%s: %s", to, strerror(errno));
}

/* `name` may hold one folder ("batch/x.key"): the folder to sync is the one that the file is in. */
static bool sync_parent(const char *path, const struct keyfile_error *error)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');

	assert(slash); /* keyfile_path has put one in */
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	return keyfile_sync_dir(parent, error);
}

static bool write_file(const char *dir, const char *name, const void *bytes, size_t len, mode_t mode,
		       const struct keyfile_error *error)
{
	const uint8_t *from = bytes;
	char path[PATH_MAX], temporary[PATH_MAX];
	char suffixed[NAME_MAX];
	int fd;
	bool ok = true;

	assert(len > 0 && (mode == PRIVATE_MODE || mode == PUBLIC_MODE));
	assert(strlen(name) + sizeof(".new") <= sizeof(suffixed)); /* our own names, and batch keys' of 32 characters */
	(void)snprintf(suffixed, sizeof(suffixed), "%s.new", name);
	if (!keyfile_path(path, dir, name, error) || !keyfile_path(temporary, dir, suffixed, error))
		return false;
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0 && errno == EEXIST)
		return keyfile_complain(error, "%s: left by an interrupted run; remove it and repeat", temporary);
	if (fd < 0)
		return keyfile_complain(error, "%s: %s", temporary, strerror(errno));
	for (size_t done = 0; ok && done < len;) {
		ssize_t n = write(fd, from + done, len - done);

		if (n < 0 && errno != EINTR)
			ok = false;
		if (n > 0)
			done += (size_t)n;
	}
	/* fchmod: the mode is ours to say, not the umask's. */
	ok = ok && fchmod(fd, mode) == 0 && fsync(fd) == 0;
	if (!ok)
		(void)keyfile_complain(error, "%s: %s", temporary, strerror(errno));
	if (close(fd) != 0 && ok)
		ok = keyfile_complain(error, "%s: %s", temporary, strerror(errno));
	ok = ok && rename_new(temporary, path, error);
	if (!ok)
		(void)unlink(temporary);
	return ok && sync_parent(path, error);
}

/* What `bio` holds, to a file; wipes and frees it. */
static bool write_bio(const char *dir, const char *name, BIO *bio, bool encoded, mode_t mode,
		      const struct keyfile_error *error)
{
	char *bytes = NULL;
	long len = encoded ? BIO_get_mem_data(bio, &bytes) : 0;
	bool ok;

	if (len > 0)
		ok = write_file(dir, name, bytes, (size_t)len, mode, error);
	else
		ok = keyfile_complain(error, "%s/%s: could not be encoded: no memory", dir, name);
	BIO_free(bio); /* a BIO of secure memory wipes itself */
	return ok;
}

bool keyfile_write_private_key(const char *dir, const char *name, EVP_PKEY *key, const struct keyfile_error *error)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	bool encoded = bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, no_password, NULL) == 1;

	return write_bio(dir, name, bio, encoded, PRIVATE_MODE, error);
}

bool keyfile_write_public_key(const char *dir, const char *name, EVP_PKEY *key, const struct keyfile_error *error)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool encoded = bio && PEM_write_bio_PUBKEY(bio, key) == 1;

	return write_bio(dir, name, bio, encoded, PUBLIC_MODE, error);
}

bool keyfile_write_certificate(const char *dir, const char *name, X509 *certificate, const struct keyfile_error *error)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool encoded = bio && PEM_write_bio_X509(bio, certificate) == 1;

	return write_bio(dir, name, bio, encoded, PUBLIC_MODE, error);
}

bool keyfile_write_secret(const char *dir, const char *name, const uint8_t secret[static 32],
			  const struct keyfile_error *error)
{
	char text[66];
	bool ok;

	for (size_t i = 0; i < 32; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", secret[i]);
	text[64] = '\n';
	ok = write_file(dir, name, text, 65, PRIVATE_MODE, error);
	OPENSSL_cleanse(text, sizeof(text));
	return ok;
}

void keyfile_discard(const char *dir, const char *name)
{
	const struct keyfile_error quiet = { .cap = 0 };
	char path[PATH_MAX];

	if (keyfile_path(path, dir, name, &quiet))
		(void)unlink(path);
}

bool keyfile_supersede(const char *dir, const char *name, const char *next, const char *aside,
		       const struct keyfile_error *error)
{
	char now[PATH_MAX], new[PATH_MAX], old[PATH_MAX];

	assert(strcmp(next, name) != 0 && strcmp(aside, name) != 0 && strcmp(aside, next) != 0);
	if (!keyfile_path(now, dir, name, error) || !keyfile_path(new, dir, next, error) ||
	    !keyfile_path(old, dir, aside, error))
		return false;
	if (link(now, old) != 0)
		return keyfile_complain(error, "%s: cannot be kept: %s; nothing was changed", old, strerror(errno));
	if (rename(new, now) != 0)
		return keyfile_complain(error, "%s: %s", now, strerror(errno));
	return sync_parent(now, error);
}

bool keyfile_id(const char *prefix, const uint8_t *bytes, size_t len, char id[24])
{
	uint8_t hash[32];
	int used;

	if (!mr_sha256(bytes, len, hash))
		return false;
	used = snprintf(id, 24, "%s", prefix);
	assert(used >= 0 && used + 16 < 24);
	for (size_t i = 0; i < 8; i++)
		used += snprintf(id + used, 24 - (size_t)used, "%02x", hash[i]);
	return true;
}
