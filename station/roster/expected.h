/*
 * The job's list of expected devices (admission.expect): device ids (16 hexadecimal digits) or MACs (six pairs with
 * colons), one a line; blank lines and lines that begin with # are skipped.
 */
#pragma once

#include "station/base/reach.h"
#include "station/base/map.h"

/* zero it to begin; layout is ours */
struct expected {
	struct map ids, macs;
	uint8_t (*list)[6]; /* the MACs in the order of the file */
	size_t list_count, list_room;
};

/* 0, or -(enum mr_cause): `error` names file, line and what is allowed. Free it in any case. */
int expected_load(struct expected *expected, const struct reach *reach, const char *path, char *error,
		  size_t error_len);
bool expected_has(const struct expected *expected, const uint8_t device_id[static 8], const uint8_t mac[static 6]);
void expected_free(struct expected *expected);
