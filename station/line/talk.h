/*
 * What a session has to say, as the lane sees it: its link's frames, then those of its own delivery, one deadline for
 * both.
 */
#pragma once

#include "station/line/session.h"

/* What a report is about: the link's frame `what`, or one of the delivery. Part of the cookie. */
enum talk_kind { TALK_NONE, TALK_LINK, TALK_DELIVERY };

bool talk_ready(const struct session *s); /* talk_pull would give something */
/* The next frame, 0 octets: none. `hold`: the radio is about to leave; only links have something to say then. */
enum talk_kind talk_pull(struct session *s, uint8_t frame[static RADIO_FRAME_MAX], size_t *len, bool hold,
			 uint8_t *what, struct radio_tx *tx);
/* It was not taken by the radio: as if nobody had acknowledged it, so that it is sent again. */
void talk_not_sent(struct session *s, enum talk_kind kind, uint8_t what);
/* Its timer: at the earliest of its deadlines; not at all while a deadline passed that no radio was there for. */
void talk_rearm(struct session *s);
/* Notes since when it has had something to say, and rearms. */
void talk_touch(struct session *s);
/* When it ends in any case: this phase, or all of it. Waits for the record, the signer and a turn are not counted. */
uint64_t talk_until_us(const struct session *s);
/* How much work of its device is still ahead, as learned. */
uint64_t talk_remaining_us(const struct session *s);
