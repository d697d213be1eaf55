/*
 * The steps `verify` and `seal`: the device proves that it holds its key and has stored what it was sent, joins its
 * network and is seen to, locks itself and signs a receipt.
 */
#pragma once

#include "station/line/session.h"

/*
 * A foreign device may join as soon as it has heard enough: it is watched from the beginning of its delivery. 0, or
 * -(cause): another device with its address is watched.
 */
int verify_watch(struct session *s);
int verify_begin(struct session *s);
int verify_build(struct session *s, struct mr_wr *w); /* STATUS, VERIFY and SEAL: a challenge */
int verify_on_proof(struct session *s, const struct mr_message *m);
int verify_on_join(struct session *s, const struct mr_message *m);
int verify_on_joined(struct session *s, const struct mr_message *m);
int verify_expired(struct session *s); /* nothing more is waited for of a foreign device: it was seen to join, or not */
int seal_begin(struct session *s);
int seal_recorded(struct session *s);
int seal_on_receipt(struct session *s, const struct mr_message *m);
