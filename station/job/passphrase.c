/*
 * The network's passphrase, by reference. Errors name the reference, never the value.
 */
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/base/reach.h"
#include "station/base/secret_file.h"
#include "station/roster/roster.h"
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

static int from_file(const struct reach *reach, const char *path, char out[static 65], char *error, size_t error_len)
{
	char *text = NULL;
	size_t room = 0, len;
	int result = secret_file_read(reach, path, 126, "write the passphrase there as one line", &text, &room, error,
				      error_len);

	if (result != 0)
		return result;
	len = room;
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (!roster_passphrase_valid(text, len)) {
		result = refuse(error, error_len,
				"%s: not a passphrase: 8 to 63 printable ASCII characters or 64 hexadecimal "
				"digits, on one line",
				path);
	} else {
		memcpy(out, text, len);
		out[len] = '\0';
	}
	OPENSSL_clear_free(text, room);
	return result;
}

int job_scheme_key(const struct job *job, struct mr_smart_settings *settings, char *error, size_t error_len)
{
	char *text = NULL;
	size_t room = 0, len;
	int result = 0;

	settings->key_len = 0;
	if (!*job->scheme_key_file)
		return 0;
	result = secret_file_read(job->reach, job->scheme_key_file, MR_SMART_KEY_MAX + 2,
				  "write the key there as one line", &text, &room, error, error_len);
	if (result != 0)
		return result;
	len = strcspn(text, "\r\n");
	if (len == 0 || len > MR_SMART_KEY_MAX)
		result = refuse(error, error_len, "%s: a key of %zu characters; allowed: 1 to %d, on one line",
				job->scheme_key_file, len, MR_SMART_KEY_MAX);
	else
		memcpy(settings->key, text, settings->key_len = (uint8_t)len);
	OPENSSL_clear_free(text, room);
	return result;
}

static int from_environment(const struct reach *reach, const char *name, char out[static 65], char *error,
			    size_t error_len)
{
	const char *text = reach_environment(reach, name, error, error_len);

	if (!text)
		return -MR_CAUSE_BAD_REQUEST;
	if (!roster_passphrase_valid(text, strnlen(text, 65)))
		return refuse(error, error_len,
			      "environment variable %s is not a passphrase: 8 to 63 printable ASCII "
			      "characters or 64 hexadecimal digits",
			      name);
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
		return from_file(job->reach, job->passphrase_file, out, error, error_len);
	if (*job->passphrase_env)
		return from_environment(job->reach, job->passphrase_env, out, error, error_len);
	if (!job->radios_simulated || !job->test)
		return refuse(error, error_len, "the job names no passphrase; set credentials.passphrase");
	for (size_t i = 0; i < sizeof(seed); i++) /* a simulated batch: nothing secret, and the same for a seed */
		seed[i] = (uint8_t)(job->sim_seed >> (8 * i));
	if (!mr_hmac_sha256(label, sizeof(label) - 1, seed, sizeof(seed), hash))
		return refuse(error, error_len, "no memory");
	for (size_t i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
	return 0;
}
