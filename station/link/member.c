#include "station/link/member.h"

#include <string.h>

static void on_up(void *ctx)
{
	struct member *m = ctx;

	m->events->up(m->ctx);
}

static void on_changed(void *ctx)
{
	struct member *m = ctx;

	m->events->changed(m->ctx);
}

static void on_ended(void *ctx, int cause)
{
	struct member *m = ctx;

	m->events->ended(m->ctx, cause);
}

void member_init(struct member *m, const struct bss_station *station, const char *passphrase, uint64_t patience_us,
		 const struct member_events *events, void *ctx)
{
	static const struct bss_events bss_events = { on_up, on_changed, on_ended };
	bool secure = passphrase && passphrase[0];

	*m = (struct member){ .events = events, .ctx = ctx };
	bss_init(&m->bss, station, secure, secure ? passphrase : NULL, patience_us, &bss_events, m);
}

void member_wipe(struct member *m)
{
	if (m->events)
		bss_wipe(&m->bss);
	m->events = NULL;
}

int member_join(struct member *m, const struct ieee80211_network *network)
{
	return bss_join(&m->bss, network, network->bssid);
}

void member_leave(struct member *m)
{
	bss_leave(&m->bss);
	m->carrier = NULL;
}

bool member_away(const struct member *m) { return m->bss.stage == BSS_AWAY || m->bss.stage == BSS_OVER; }

struct ip_if *member_net(const struct member *m) { return m->bss.stage == BSS_UP ? m->bss.net : NULL; }

bool member_hears(const struct member *m, const uint8_t transmitter[static 6])
{
	return !member_away(m) && mr_equal(m->bss.network.bssid, transmitter, 6);
}

void member_receive(struct member *m, struct mr_rd mpdu, const struct radio_rx *rx, uint64_t now_us)
{
	bss_receive(&m->bss, mpdu, rx, now_us);
}

bool member_ready(const struct member *m) { return !m->carrier && bss_ready(&m->bss); }

size_t member_pull(struct member *m, const void *carrier, uint8_t frame[static RADIO_FRAME_MAX], uint64_t now_us)
{
	size_t len = m->carrier ? 0 : bss_pull(&m->bss, frame, false, &m->what, now_us);

	if (len > 0)
		m->carrier = carrier;
	return len;
}

void member_sent(struct member *m, const void *carrier, bool acked, unsigned tries, uint64_t now_us)
{
	if (m->carrier != carrier)
		return; /* of a membership that is over */
	m->carrier = NULL;
	bss_sent(&m->bss, m->what, acked, tries, now_us);
}

void member_carrier_gone(struct member *m, const void *carrier, uint64_t now_us)
{
	member_sent(m, carrier, false, 0, now_us);
}

uint64_t member_deadline_us(const struct member *m) { return member_away(m) ? UINT64_MAX : bss_deadline_us(&m->bss); }

void member_expire(struct member *m, uint64_t now_us)
{
	int result = 0;

	if (!member_away(m) && now_us >= bss_deadline_us(&m->bss))
		result = bss_expire(&m->bss, now_us);
	if (result < 0)
		m->events->ended(m->ctx, -result);
}
