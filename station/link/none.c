#include "station/link/none.h"

#include "agent/wire/cause.h"

static size_t none_pull(struct link *l, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what,
			uint64_t now_us)
{
	(void)l, (void)frame, (void)hold, (void)what, (void)now_us;
	return 0;
}
static bool never(const struct link *l) { return (void)l, false; }
static bool always(const struct link *l) { return (void)l, true; }
static void none_sent(struct link *l, uint8_t what, bool acked, unsigned tries, uint64_t now_us)
{
	(void)l, (void)what, (void)acked, (void)tries, (void)now_us;
}
static int none_request(struct link *l, struct mr_rd message, uint64_t expect_us, uint64_t now_us)
{
	(void)l, (void)message, (void)expect_us, (void)now_us;
	return -MR_CAUSE_UNSUPPORTED;
}
static void nothing_at(struct link *l, uint64_t now_us) { (void)l, (void)now_us; }
static uint64_t no_time(const struct link *l) { return (void)l, UINT64_MAX; }
static int none_expire(struct link *l, uint64_t now_us) { return (void)l, (void)now_us, 0; }
static size_t no_memory(const struct link *l) { return (void)l, 0; }
static void none_wipe(struct link *l) { *l = (struct link){ 0 }; }

void link_none_init(struct link *link)
{
	static const struct link_ops ops = { .pull = none_pull,
					     .ready = never,
					     .sent = none_sent,
					     .up = always,
					     .idle = never,
					     .request = none_request,
					     .park = nothing_at,
					     .resume = nothing_at,
					     .deadline_us = no_time,
					     .expire = none_expire,
					     .due_us = no_time,
					     .unsafe = never,
					     .memory = no_memory,
					     .wipe = none_wipe };

	*link = (struct link){ .ops = &ops };
}
