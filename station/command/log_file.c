/* The log of a station, as --log, --log-level and --debug ask for it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db/private_file.h"
#include "station/command/command.h"

static uint64_t clock_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static uint64_t since_us(const void *file)
{
	return clock_us(CLOCK_MONOTONIC) - ((const struct log_file *)file)->begun_us;
}

static uint64_t utc_us(const void *file)
{
	(void)file;
	return clock_us(CLOCK_REALTIME);
}

static FILE *open_file(const char *path)
{
	int fd = private_file_open(path, O_WRONLY | O_APPEND);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "a");

	if (fd >= 0 && !file)
		close(fd);
	return file;
}

bool command_log_list(const struct log_words *words)
{
	if (!words->levels || strcmp(words->levels, "list") != 0)
		return false;
	for (unsigned i = 0; i < LOG_MODULE_COUNT; i++)
		printf("%-10s%s\n", log_module_name((enum log_module)i), log_module_sentence((enum log_module)i));
	return true;
}

int command_log(const char *self, const struct log_words *words, struct log_file *out)
{
	char error[LOG_ERROR_MAX];

	*out = (struct log_file){ .begun_us = clock_us(CLOCK_MONOTONIC) };
	out->log = (struct log){ .now_us = since_us, .utc_us = utc_us, .clock = out };
	log_level_all(&out->log, words->debug ? LOG_DEBUG : LOG_INFO);
	if (words->levels && words->debug) {
		fprintf(stderr, "millrace %s: --debug is --log-level debug: give one of the two\n", self);
		return EXIT_UNUSABLE;
	}
	if (words->levels && !log_levels_parse(&out->log, words->levels, LOG_INFO, error, sizeof(error))) {
		fprintf(stderr, "millrace %s: --log-level: %s\n", self, error);
		return EXIT_UNUSABLE;
	}
	if (!words->path && (words->levels || words->debug)) {
		fprintf(stderr,
			"millrace %s: %s says what is logged, not where: add --log FILE, or --log=- for standard "
			"error\n",
			self, words->debug ? "--debug" : "--log-level");
		return EXIT_UNUSABLE;
	}
	if (!words->path)
		return -1;
	out->log.to = strcmp(words->path, "-") == 0 ? stderr : open_file(words->path);
	if (!out->log.to) {
		fprintf(stderr, "millrace %s: %s: cannot be written; name another file with --log\n", self,
			words->path);
		return EXIT_UNUSABLE;
	}
	/* Whoever follows the file has each line when it is written, and a process that dies leaves none unwritten. */
	setvbuf(out->log.to, NULL, _IOLBF, 0);
	return -1;
}

void command_log_close(struct log_file *file)
{
	if (file->log.to && file->log.to != stderr)
		fclose(file->log.to);
	file->log.to = NULL;
}
