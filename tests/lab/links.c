/*
 * Links to real access points from one radio: `links INTERFACE FREQ SECONDS AWAY NAME=PASSPHRASE...` joins all these
 * networks at once (no passphrase: open, ad-hoc ones too), finds 192.168.4.1 behind each, sends it echo requests for
 * SECONDS, parks for AWAY seconds on another channel (0: not at all), sends some more, and leaves. NAME!=PASSPHRASE
 * expects the passphrase to be refused. One sentence for each network. As root, inside tests/lab/vm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/cause.h"
#include "station/base/log.h"
#include "station/base/loop.h"
#include "station/wifi/sta.h"
#include "station/wifi/wpa.h"
#include "station/radio/adapters.h"

#define LINKS_MAX 32
#define ECHO_EVERY_US 150000u /* the emulated machine does all the cryptography of both sides */
#define ECHO_LEN 1200u
#define ELSEWHERE_MHZ 2412
#define JOIN_US 30000000u

static const uint8_t own_mac[6] = { 0x02, 0x4d, 0x52, 0, 0, 0xa };

struct link {
	char name[33];
	const char *passphrase;
	bool refused; /* expected */
	uint8_t pmk[32], gateway[6];
	struct sta *sta;
	unsigned index, ups, downs, sent, answered, answered_after, tries;
	bool found;
	uint64_t next_us, begun_us, up_us, found_us;
	int over;
};

enum phase { SCANNING, MOVING_DATA, PARKING, AWAY, BACK, LEAVING, DONE };

static struct hall {
	struct loop *loop;
	struct radio *radio;
	struct entropy *entropy;
	struct loop_timer timer;
	struct link link[LINKS_MAX];
	unsigned count, in_air;
	uint16_t sequence, freq_mhz;
	enum phase phase;
	uint64_t phase_us, seconds, away;
	struct sta_out out;
} hall;

static void enter(enum phase phase, uint64_t us)
{
	hall.phase = phase;
	hall.phase_us = loop_now_us(hall.loop) + us;
}

/* --- frames out --- */

static void pump(uint64_t now_us)
{
	for (unsigned i = 0; i < hall.count; i++) {
		uint8_t frame[RADIO_FRAME_MAX], what;
		struct link *l = &hall.link[i];
		struct radio_tx tx = { .rate_500kbps = 24, .retries = 5, .priority = RADIO_NORMAL };
		size_t len = l->sta && !l->over && hall.phase != AWAY ? sta_pull(l->sta, frame, false, &what, now_us)
								      : 0;

		if (len == 0)
			continue;
		tx.cookie = i << 8 | what;
		if (frame[0] != IEEE80211_DATA && frame[0] != IEEE80211_NULL)
			tx.rate_500kbps = 2;
		if (frame[4] & 1)
			tx.retries = 0;
		hall.in_air++;
		if (radio_send(hall.radio, mr_rd_over(frame, len), &tx) < 0) {
			hall.in_air--;
			sta_sent(l->sta, what, false, 0, now_us);
		}
	}
}

static void put_ip(struct mr_wr *w, uint8_t last)
{
	const uint8_t address[4] = { 192, 168, 4, last };

	mr_wr_bytes(w, address, 4);
}

static void send_arp(struct link *l, bool reply)
{
	uint8_t bytes[28];
	struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));

	mr_wr_bytes(&w, "\x00\x01\x08\x00\x06\x04\x00", 7);
	mr_wr_u8(&w, reply ? 2 : 1);
	mr_wr_bytes(&w, own_mac, 6);
	put_ip(&w, (uint8_t)(100 + l->index));
	mr_wr_bytes(&w, l->gateway, 6);
	put_ip(&w, 1);
	(void)sta_send(l->sta, reply ? l->gateway : ieee80211_broadcast, 0x0806, bytes, w.len);
}

static uint16_t checksum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void send_echo(struct link *l)
{
	uint8_t ip[20 + ECHO_LEN] = { 0x45, 0, (20 + ECHO_LEN) >> 8, (20 + ECHO_LEN) & 255, 0, 0, 0, 0, 64, 1 };
	struct mr_wr w = mr_wr_over(ip + 12, 8);
	uint16_t sum;

	put_ip(&w, (uint8_t)(100 + l->index));
	put_ip(&w, 1);
	sum = checksum(ip, 20);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	ip[20] = 8;
	ip[26] = (uint8_t)(l->sent >> 8);
	ip[27] = (uint8_t)l->sent;
	sum = checksum(ip + 20, ECHO_LEN);
	ip[22] = (uint8_t)(sum >> 8);
	ip[23] = (uint8_t)sum;
	if (sta_send(l->sta, l->gateway, 0x0800, ip, sizeof(ip)) == 0)
		l->sent++;
}

/* --- frames in --- */

static void on_msdu(struct link *l, uint64_t now_us)
{
	struct mr_rd p = hall.out.payload;

	if (hall.out.ethertype == 0x0806 && p.left >= 28 && p.at[7] == 2 && p.at[17] == 1) {
		memcpy(l->gateway, p.at + 8, 6);
		l->found_us = l->found ? l->found_us : now_us;
		l->found = true;
	} else if (hall.out.ethertype == 0x0806 && p.left >= 28 && p.at[7] == 1 && p.at[27] == 100 + l->index) {
		memcpy(l->gateway, p.at + 8, 6);
		send_arp(l, true);
	} else if (hall.out.ethertype == 0x0800 && p.left >= 20 + ECHO_LEN && p.at[9] == 1 && p.at[20] == 0) {
		l->answered++;
		l->answered_after += hall.phase == BACK;
	}
}

static void note(struct link *l, int result, enum sta_event event, uint64_t now_us)
{
	if (result < 0) {
		l->over = result;
		return;
	}
	if (event == STA_UP && l->ups++ == 0)
		l->up_us = now_us;
	l->downs += event == STA_DOWN;
	if (event == STA_MSDU)
		on_msdu(l, now_us);
}

static void begin(struct link *l, const struct ieee80211_network *n, uint64_t now_us)
{
	struct sta_config c = { .secure = l->passphrase[0] != 0,
				.ibss = n->ibss,
				.rsn = n->rsn,
				.freq_mhz = n->freq_mhz,
				.patience_us = 10000000,
				.entropy = hall.entropy,
				.sequence = &hall.sequence };

	memcpy(c.own, own_mac, 6);
	memcpy(c.bssid, n->bssid, 6);
	memcpy(c.peer, n->sender, 6);
	memcpy(c.ssid, n->ssid, n->ssid_len);
	c.ssid_len = n->ssid_len;
	memcpy(c.pmk, l->pmk, 32);
	l->begun_us = now_us;
	l->sta = sta_create(&c, now_us);
}

static void on_received(void *ctx, struct radio *radio, struct mr_rd frame, const struct radio_rx *rx)
{
	uint64_t now_us = loop_now_us(hall.loop);
	struct ieee80211_network n;
	bool named;

	(void)ctx;
	(void)radio;
	if (rx->freq_mhz != hall.freq_mhz)
		return;
	named = ieee80211_network_of(frame, rx, &n) && !n.hidden;
	for (unsigned i = 0; i < hall.count; i++) {
		struct link *l = &hall.link[i];

		if (!l->sta && named && hall.phase == MOVING_DATA && n.ssid_len == strlen(l->name) &&
		    !memcmp(n.ssid, l->name, n.ssid_len))
			begin(l, &n, now_us);
		if (l->sta && !l->over) {
			int result = sta_receive(l->sta, frame, rx, &hall.out, now_us);

			note(l, result, hall.out.event, now_us);
		}
	}
	pump(now_us);
}

static void on_status(void *ctx, struct radio *radio, uint64_t cookie, bool acked, unsigned tries)
{
	uint64_t now_us = loop_now_us(hall.loop);
	struct link *l = &hall.link[cookie >> 8];

	(void)ctx;
	(void)radio;
	if (cookie == UINT64_MAX)
		return;
	hall.in_air--;
	if (l->sta)
		sta_sent(l->sta, (uint8_t)cookie, acked, tries, now_us);
	pump(now_us);
}

static void on_tuned(void *ctx, struct radio *radio, uint16_t freq_mhz, int cause)
{
	uint64_t now_us = loop_now_us(hall.loop);

	(void)ctx;
	(void)radio;
	if (cause < 0)
		exit(1);
	if (freq_mhz != hall.freq_mhz)
		return;
	if (hall.phase == SCANNING)
		enter(MOVING_DATA, JOIN_US + hall.seconds * 1000000u);
	if (hall.phase != AWAY)
		return;
	enter(BACK, 3000000);
	for (unsigned i = 0; i < hall.count; i++)
		if (hall.link[i].sta && !hall.link[i].over)
			sta_resume(hall.link[i].sta, now_us);
}

static void on_gone(void *ctx, struct radio *radio)
{
	(void)ctx;
	(void)radio;
	exit(1);
}

static void on_back(void *ctx, struct radio *radio)
{
	(void)ctx;
	(void)radio;
}

/* --- time --- */

/* Its name is asked for until it is heard: hidden networks say it only then. */
static void look_for(struct link *l, uint64_t now_us)
{
	struct ieee80211_header h = { .kind = IEEE80211_PROBE_REQUEST, .sequence = hall.sequence };
	struct radio_tx tx = { .rate_500kbps = 2, .cookie = UINT64_MAX };
	uint8_t frame[128];
	struct mr_wr w = mr_wr_over(frame, sizeof(frame));

	hall.sequence = (hall.sequence + 1) & 0xfff;
	memcpy(h.address1, ieee80211_broadcast, 6);
	memcpy(h.address2, own_mac, 6);
	memcpy(h.address3, ieee80211_broadcast, 6);
	ieee80211_header_build(&w, &h);
	ieee80211_put_ssid(&w, (const uint8_t *)l->name, strlen(l->name));
	ieee80211_put_rates(&w, hall.freq_mhz);
	(void)radio_send(hall.radio, mr_wr_written(&w), &tx);
	l->next_us = now_us + 200000;
}

static void serve(struct link *l, uint64_t now_us)
{
	if (!l->sta) {
		if (now_us >= l->next_us)
			look_for(l, now_us);
		return;
	}
	if (l->over)
		return;
	if (now_us >= sta_deadline_us(l->sta)) {
		int result = sta_expire(l->sta, now_us);

		note(l, result, result > 0 ? (enum sta_event)result : STA_NOTHING, now_us);
	}
	if (l->over || !sta_up(l->sta) || (hall.phase != MOVING_DATA && hall.phase != BACK) || now_us < l->next_us)
		return;
	if (l->found)
		send_echo(l);
	else
		send_arp(l, false);
	l->next_us = now_us + (l->found ? ECHO_EVERY_US : 60000);
}

static void next_phase(uint64_t now_us)
{
	for (unsigned i = 0; i < hall.count && (hall.phase == MOVING_DATA || hall.phase == BACK); i++) {
		struct link *l = &hall.link[i];

		if (!l->sta || l->over)
			continue;
		if (hall.phase == MOVING_DATA && hall.away == 0)
			continue;
		if (hall.phase == MOVING_DATA)
			sta_park(l->sta, now_us);
		else
			sta_leave(l->sta, now_us);
	}
	switch (hall.phase) {
	case SCANNING: break;
	case MOVING_DATA:
		if (hall.away > 0)
			enter(PARKING, 300000);
		else
			enter(BACK, 3000000);
		break;
	case PARKING:
		enter(AWAY, hall.away * 1000000u);
		(void)radio_tune(hall.radio, ELSEWHERE_MHZ);
		break;
	case AWAY:
		hall.phase_us = UINT64_MAX;
		(void)radio_tune(hall.radio, hall.freq_mhz);
		break;
	case BACK: enter(LEAVING, 500000); break;
	case LEAVING: enter(DONE, 0); break;
	case DONE: loop_stop(hall.loop); break;
	}
}

/* All that are expected to stand have stood for as long as was asked. */
static bool served_long_enough(uint64_t now_us)
{
	for (unsigned i = 0; i < hall.count; i++) {
		const struct link *l = &hall.link[i];

		if (l->refused ? !l->over : !l->over && (!l->found || now_us < l->found_us + hall.seconds * 1000000u))
			return false;
	}
	return true;
}

static void on_tick(void *ctx, uint64_t now_us)
{
	(void)ctx;
	for (unsigned i = 0; i < hall.count && hall.phase != SCANNING && hall.phase != AWAY; i++)
		serve(&hall.link[i], now_us);
	if (now_us >= hall.phase_us || (hall.phase == MOVING_DATA && served_long_enough(now_us)))
		next_phase(now_us);
	pump(now_us);
	loop_at(hall.loop, &hall.timer, now_us + 2000);
}

/* --- the verdict --- */

static bool good(const struct link *l)
{
	if (l->refused)
		return l->over == -MR_CAUSE_PASSPHRASE_REFUSED;
	return l->over == 0 && l->ups == 1 && l->downs == 0 && l->found && l->answered > 0 && l->answered_after > 0 &&
	       l->answered * 100 >= l->sent * 95;
}

static int report(void)
{
	int bad = 0;

	for (unsigned i = 0; i < hall.count; i++) {
		const struct link *l = &hall.link[i];
		const struct sta_counts none = { 0 }, *c = l->sta ? sta_counts(l->sta) : &none;

		printf("%s %u - \"%s\" %s\n", good(l) ? "ok" : "not ok", i + 1, l->name,
		       l->refused  ? "refuses a wrong passphrase, and we say so"
		       : hall.away ? "is joined, moves data, and keeps it while we are away"
				   : "is joined and moves data");
		if (!l->found) {
			printf("#   %s, up %u, down %u\n", l->sta ? mr_cause_name(-l->over) : "never heard", l->ups,
			       l->downs);
			bad += !good(l);
			continue;
		}
		printf("#   %s, up %u, down %u, joined in %.0f ms, found in %.0f ms, echoes %u of %u (%u after being "
		       "away), sent %u, "
		       "again %u, duplicates %u, replays %u, undecrypted %u, ignored %u, lost %u\n",
		       mr_cause_name(-l->over), l->ups, l->downs, (double)(l->up_us - l->begun_us) / 1000,
		       (double)(l->found_us - l->begun_us) / 1000, l->answered, l->sent, l->answered_after, c->sent,
		       c->retries, c->duplicates, c->replays, c->undecrypted, c->ignored, c->lost);
		bad += !good(l);
	}
	return bad > 0;
}

static bool parse(int argc, char **argv)
{
	for (int i = 5; i < argc && hall.count < LINKS_MAX; i++) {
		struct link *l = &hall.link[hall.count];
		char *equals = strchr(argv[i], '=');

		if (!equals)
			return false;
		l->refused = equals > argv[i] && equals[-1] == '!';
		(void)snprintf(l->name, sizeof(l->name), "%.*s", (int)(equals - argv[i] - l->refused), argv[i]);
		l->passphrase = equals + 1;
		l->index = hall.count++;
		if (l->passphrase[0] && !wpa_psk(l->passphrase, (const uint8_t *)l->name, strlen(l->name), l->pmk))
			return false;
	}
	return hall.count > 0;
}

int main(int argc, char **argv)
{
	struct log log = { .to = stderr };
	char error[256] = "";
	size_t count = 1;
	const char *name = argc > 5 ? argv[1] : "";
	int bad;

	if (argc < 6 || !parse(argc, argv)) {
		fprintf(stderr, "usage: links INTERFACE FREQ SECONDS AWAY NAME=PASSPHRASE...\n");
		return 2;
	}
	log_level_all(&log, LOG_WARN);
	hall.freq_mhz = (uint16_t)strtoul(argv[2], NULL, 10);
	hall.seconds = strtoul(argv[3], NULL, 10);
	hall.away = strtoul(argv[4], NULL, 10);
	hall.loop = loop_create_real();
	hall.entropy = entropy_create_kernel();
	if (adapters_open(hall.loop, &log, &(struct adapters_wanted){ .names = &name, .name_count = 1, .mac = own_mac },
			  &hall.radio, &count, error, sizeof(error)) != 0) {
		fprintf(stderr, "links: %s\n", error);
		return 1;
	}
	hall.radio->events = (struct radio_events){ NULL, on_received, on_status, on_tuned, on_gone, on_back, NULL };
	hall.phase_us = UINT64_MAX;
	hall.timer = (struct loop_timer){ .fn = on_tick, .at_us = LOOP_NEVER };
	(void)radio_tune(hall.radio, hall.freq_mhz);
	loop_at(hall.loop, &hall.timer, 0);
	loop_run(hall.loop);
	bad = report();
	for (unsigned i = 0; i < hall.count; i++)
		sta_destroy(hall.link[i].sta);
	radio_close(hall.radio);
	entropy_destroy(hall.entropy);
	loop_destroy(hall.loop);
	return bad;
}
