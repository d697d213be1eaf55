/*
 * The network's passphrase, by reference. The file is opened once and judged by what was opened (no race between the look
 * and the read). Errors name the reference, never the value.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/job/job.h"

static int refuse(char *error, size_t error_len, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int refuse(char *error, size_t error_len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, error_len, format, args);
	va_end(args);
	return -MR_CAUSE_BAD_REQUEST;
}

/* IEEE 802.11-2020 J.4.1: 8 to 63 printable ASCII characters, or the key itself as 64 hexadecimal digits. */
static bool is_passphrase(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
		if (len == 64 && !strchr("0123456789abcdefABCDEF", text[i]))
			return false;
	}
	return len >= 8 && len <= 64;
}

/* Reads up to `cap` octets; -1 with errno. */
static ssize_t read_all(int fd, char *to, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, to + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int from_file(const char *path, char out[static 65], char *error, size_t error_len)
{
	char text[128];
	struct stat st;
	ssize_t len;
	int result = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return refuse(error, error_len, "%s: %s; write the passphrase there as one line", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		result = refuse(error, error_len, "%s: not a regular file; write the passphrase there as one line", path);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		result = refuse(error, error_len, "%s: belongs to another user; chown it to yourself", path);
	else if (st.st_mode & 077)
		result = refuse(error, error_len, "%s: others may read it (mode %03o); chmod 600 %s", path,
				(unsigned)st.st_mode & 0777, path);
	if (result != 0) {
		close(fd);
		return result;
	}
	len = read_all(fd, text, sizeof(text));
	if (len < 0)
		result = refuse(error, error_len, "%s: %s", path, strerror(errno));
	close(fd);
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (result == 0 && !is_passphrase(text, (size_t)len))
		result = refuse(error, error_len, "%s: not a passphrase: 8 to 63 printable ASCII characters or 64 hexadecimal "
				"digits, on one line", path);
	if (result == 0) {
		memcpy(out, text, (size_t)len);
		out[len] = '\0';
	}
	OPENSSL_cleanse(text, sizeof(text));
	return result;
}

static int from_environment(const char *name, char out[static 65], char *error, size_t error_len)
{
	const char *text = getenv(name);

	if (!text)
		return refuse(error, error_len, "environment variable %s is not set", name);
	if (!is_passphrase(text, strnlen(text, 65)))
		return refuse(error, error_len, "environment variable %s is not a passphrase: 8 to 63 printable ASCII "
			      "characters or 64 hexadecimal digits", name);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

int job_passphrase(const struct job *job, char out[static 65], char *error, size_t error_len)
{
	static const char label[] = "millrace simulated passphrase";
	uint8_t seed[8], hash[32];

	memset(out, 0, 65);
	if (error_len > 0)
		error[0] = '\0';
	if (job->security == MR_SECURITY_OPEN)
		return 0;
	if (*job->passphrase_file)
		return from_file(job->passphrase_file, out, error, error_len);
	if (*job->passphrase_env)
		return from_environment(job->passphrase_env, out, error, error_len);
	if (!job->radios_simulated || !job->test)
		return refuse(error, error_len, "the job names no passphrase; set credentials.passphrase");
	for (size_t i = 0; i < sizeof(seed); i++)	/* a simulated batch: nothing secret, and the same for a seed */
		seed[i] = (uint8_t)(job->sim_seed >> (8 * i));
	if (!mr_hmac_sha256(label, sizeof(label) - 1, seed, sizeof(seed), hash))
		return refuse(error, error_len, "no memory");
	for (size_t i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
	return 0;
}
