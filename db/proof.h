/*
 * Do the rows that are there follow from the commits? Each commit's list is held to its hash, the hashes to the
 * signature; then each row is followed through the lists, from the commit that wrote it to what is there. Memory is
 * bounded: what is known of the rows on the way is a temporary table. Inside db/ only.
 */
#pragma once

#include <stddef.h>

#include <sqlite3.h>

#include "db/verify.h"

/* The commits, their order and signatures: fills in what `verify` answers about them. 0, or -1: could not look. */
int proof_commits(sqlite3 *db, struct verify *verify, char *error, size_t error_len);
/* The rows of all tables. 0, or -1 with a sentence: could not look. */
int proof_rows(sqlite3 *db, struct verify *verify, char *error, size_t error_len);
