/*
 * What a session needs of the way to its device: requests down, responses up, over action frames (action.h) or through
 * the device's own BSS (api.h). A link is pulled: whoever serves the channel asks for the next frame when the radio has
 * room, so a session costs nothing while its radio is away.
 *
 *	action_init | api_create -> { link_pull -> link_sent } ... up -> { link_request -> ... response } ... ->
 *		link_wipe
 *
 * How frames come in and events go out differs with the kind; each header says it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/base/log.h"
#include "station/radio/radio.h"

struct link;

struct link_ops {
	size_t (*pull)(struct link *link, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what,
		       uint64_t now_us);
	bool (*ready)(const struct link *link);
	void (*sent)(struct link *link, uint8_t what, bool acked, unsigned tries, uint64_t now_us);
	bool (*up)(const struct link *link);
	bool (*idle)(const struct link *link);
	int (*request)(struct link *link, struct mr_rd message, uint64_t expect_us, uint64_t now_us);
	void (*park)(struct link *link, uint64_t now_us);
	void (*resume)(struct link *link, uint64_t now_us);
	uint64_t (*deadline_us)(const struct link *link);
	int (*expire)(struct link *link, uint64_t now_us);
	uint64_t (*due_us)(const struct link *link);
	bool (*unsafe)(const struct link *link);
	size_t (*memory)(const struct link *link);
	size_t (*farewell)(struct link *link, uint8_t frame[static RADIO_FRAME_MAX], uint64_t now_us); /* NULL: none */
	void (*wipe)(struct link *link);
};

/* Kinds embed this as their first member. */
struct link {
	const struct link_ops *ops;
	const struct log_tag *tag; /* of the device: the owner sets it as soon as the link is made. NULL: silent */
	const uint8_t *binding;	   /* 32 octets that only the two ends of this session share or know; once it is up */
	uint64_t patience_us;	   /* silence of the device that ends the session */
	uint16_t rates, basic;	   /* of its BSS, ieee80211_rate_bit; 0: any that 802.11a and g have */
	unsigned misses;	   /* frames in a row that got no answer: send the next one slowly */
	uint32_t frames_sent, frames_received, retries, octets;
	uint32_t air_us_once; /* each distinct frame once, without backoff: for the lower bound */
};

/* The next frame to be sent now, 0 when there is none. `hold`: the radio is about to leave the channel. `what` comes
 * back in link_sent. Call after each change and when the radio has room. */
static inline size_t link_pull(struct link *l, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what,
			       uint64_t now_us)
{
	return l->ops->pull(l, frame, hold, what, now_us);
}
static inline bool link_ready(const struct link *l) { return l->ops->ready(l); } /* link_pull would give something */
/* The radio's report on the frame `what`. */
static inline void link_sent(struct link *l, uint8_t what, bool acked, unsigned tries, uint64_t now_us)
{
	l->ops->sent(l, what, acked, tries, now_us);
}
static inline bool link_up(const struct link *l) { return l->ops->up(l); } /* the device is authenticated, or joined */
static inline bool link_idle(const struct link *l) { return l->ops->idle(l); } /* it takes a request now */
/* Asks; idle only. `expect_us`: how long the device will probably work. The message is copied. 0 or -(cause). */
static inline int link_request(struct link *l, struct mr_rd message, uint64_t expect_us, uint64_t now_us)
{
	return l->ops->request(l, message, expect_us, now_us);
}
/* The radio is about to leave the channel: a device that has to be told is told by the frames that are pulled next. */
static inline void link_park(struct link *l, uint64_t now_us) { l->ops->park(l, now_us); }
/* The radio is on the channel again: what is due is asked for at once. */
static inline void link_resume(struct link *l, uint64_t now_us) { l->ops->resume(l, now_us); }
static inline uint64_t link_deadline_us(const struct link *l) { return l->ops->deadline_us(l); }
/* At the deadline, with the radio there: asks again, or gives up (-(cause)). */
static inline int link_expire(struct link *l, uint64_t now_us) { return l->ops->expire(l, now_us); }
/* When the device will probably have its answer ready; UINT64_MAX when nothing is awaited. */
static inline uint64_t link_due_us(const struct link *l) { return l->ops->due_us(l); }
/* Leaving the channel now would cost the session: a handshake is open. */
static inline bool link_unsafe(const struct link *l) { return l->ops->unsafe(l); }
static inline size_t link_memory(const struct link *l) { return l->ops->memory(l); } /* octets it holds now */
/* The last frame before link_wipe, 0: the device holds nothing for us that it should forget. Best effort: no link_sent
 * follows, and nothing is pulled or received any more. */
static inline size_t link_farewell(struct link *l, uint8_t frame[static RADIO_FRAME_MAX], uint64_t now_us)
{
	return l->ops && l->ops->farewell ? l->ops->farewell(l, frame, now_us) : 0;
}
/* The end: all that the link holds is wiped and freed. A link of zeros has nothing to wipe. */
static inline void link_wipe(struct link *l)
{
	if (l->ops)
		l->ops->wipe(l);
}
