/*
 * The step `identity`: the device makes its key, the station checks its CSR, takes a serial number, draws the PIN, has
 * the certificate signed, puts all of it on record, and sends it. Rows of the recipe's table; results are those of
 * session_program.next.
 */
#pragma once

#include "station/line/session.h"

int identity_build_key(struct session *s, struct mr_wr *w);
int identity_on_key(struct session *s, const struct mr_message *m);
int identity_recorded(struct session *s);
int identity_build(struct session *s, struct mr_wr *w);
int identity_on_stored(struct session *s, const struct mr_message *m);
int identity_build_commit(struct session *s, struct mr_wr *w);
int identity_on_committed(struct session *s, const struct mr_message *m);
/* The next serial number of the pool that no unit has, passing by those that one has; NULL: none is left. */
const char *identity_next_serial(struct line *line);
