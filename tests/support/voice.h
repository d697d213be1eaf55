/*
 * A log in memory: what a machine says, for tests of its words. One per test.
 *
 *	voice_open -> (give `tag` to the machine) -> voice_says | voice_text ... -> voice_close
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/base/log.h"

#define VOICE __attribute__((unused)) static

struct voice {
	struct log log;
	struct log_tag tag;
	char *text;
	size_t len;
};

VOICE const struct log_tag *voice_open(struct voice *v, enum log_level level)
{
	*v = (struct voice){ .text = NULL };
	v->log.to = open_memstream(&v->text, &v->len);
	log_level_all(&v->log, level);
	v->tag.log = &v->log;
	return &v->tag;
}

/* All lines so far, without times: "sta: probing -> authenticating (...)\n". */
VOICE const char *voice_text(struct voice *v)
{
	fflush(v->log.to);
	return v->text;
}

VOICE bool voice_says(struct voice *v, const char *part) { return strstr(voice_text(v), part) != NULL; }

VOICE void voice_close(struct voice *v)
{
	fclose(v->log.to);
	free(v->text);
}
