/*
 * The step `credentials`: the network is chosen from the device's scan list where it has one, the intent goes on
 * record, then the credentials get there: by the CREDENTIALS request, or by the delivery of the method.
 */
#pragma once

#include "station/line/session.h"

int credentials_begin(struct session *s);
int credentials_build_networks(struct session *s, struct mr_wr *w);
int credentials_on_networks(struct session *s, const struct mr_message *m);
int credentials_recorded(struct session *s); /* the intent is durable */
int credentials_build(struct session *s, struct mr_wr *w);
int credentials_on_stored(struct session *s, const struct mr_message *m);
int credentials_build_commit(struct session *s, struct mr_wr *w); /* of COMMIT, and of JOIN */
int credentials_on_committed(struct session *s, const struct mr_message *m);
int credentials_turn(struct session *s);      /* it may begin an exclusive delivery now */
int credentials_delivered(struct session *s); /* by the method's own way */
