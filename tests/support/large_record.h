/*
 * A record of many lots, written by the station's own journal: for tests and benchmarks of what is asked of a large
 * one. Its rows are those that lots leave: most units pass at once, some at the second try, some never; methods, links,
 * deliveries, foreign devices, labels with reprints and scans, orders, guards, strangers. The octets of certificates
 * and receipts are those of a counter, so their signatures say nothing, and nothing else is made up: same numbers, same
 * file.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "db/journal.h"

#define LARGE_T0 INT64_C(1790000000000000) /* 2026-09-21, microseconds */

struct large_record {
	const char *path;
	unsigned lots;	/* "L0001", "L0002", ...: each is done */
	unsigned units; /* of each lot */
	journal_sign_fn *sign;
	void *sign_ctx;
	const char *sign_key_id;
};

/* The batch that lot `n` (1, 2, ...) of such a record begins with, `at_us` of its first session. Its texts live in
 * `lot`. */
#define LARGE_LOT_MAX 16
struct journal_batch large_record_batch(unsigned n, unsigned units, char lot[static LARGE_LOT_MAX]);
/* 0, or -1 with a sentence in `error`. */
int large_record_write(const struct large_record *want, char *error, size_t error_len);
