/*
 * wpa_supplicant and hostapd, as a Linux device meets them, answer and tell anything. What the agent is told of the
 * networks around, of its address and of a join is in range, and each command that it makes has no line break.
 *
 * The input: steps (one octet: what the agent does), each followed by the texts that it meets, with their length before
 * them.
 *
 * links: agent/port/linux/wifi.c agent/wire/channel.c
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/port/linux/wifi.h"
#include "agent/wire/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct mr_rd script;

/* --- in place of ctrl_iface.c --- */

static bool next_text(char *out, size_t cap)
{
	size_t most = mr_rd_le16(&script) % 2048u, len = most < script.left ? most : script.left;
	struct mr_rd text = mr_rd_sub(&script, len);

	len = len < cap ? len : cap - 1;
	mr_rd_copy(&text, (uint8_t *)out, len);
	out[len] = '\0';
	return !script.bad && most > 0;
}

bool mr_ctrl_open(struct mr_ctrl *c, const char *path, bool events)
{
	*c = (struct mr_ctrl){ .fd = 0, .events = events };
	return path[0] != '\0';
}

void mr_ctrl_close(struct mr_ctrl *c) { c->fd = -1; }
bool mr_ctrl_revive(struct mr_ctrl *c) { return c->fd == 0; }

bool mr_ctrl_ask(struct mr_ctrl *c, const char *command, char *answer, size_t cap)
{
	assert(c->fd == 0 && command[0] && !strchr(command, '\n'));
	return next_text(answer, cap);
}

bool mr_ctrl_do(struct mr_ctrl *c, const char *format, ...)
{
	char command[MR_CTRL_TEXT_MAX];
	va_list values;
	int len;

	va_start(values, format);
	len = vsnprintf(command, sizeof(command), format, values);
	va_end(values);
	assert(c->fd == 0 && len > 0 && (size_t)len < sizeof(command) && !strchr(command, '\n'));
	return mr_rd_u8(&script) % 8 != 0;
}

bool mr_ctrl_event(struct mr_ctrl *c, char *out, size_t cap)
{
	assert(c->events);
	return script.left > 0 && next_text(out, cap);
}

/* --- the agent --- */

static void look_at_networks(const struct mr_linux_wifi *w)
{
	struct mr_network n;
	int8_t before = 0;
	unsigned i = 0;

	for (; mr_linux_wifi_network(w, i, &n); i++) {
		assert(n.ssid_len <= sizeof(n.ssid) && n.rssi_dbm <= 0 && (i == 0 || n.rssi_dbm <= before));
		before = n.rssi_dbm;
	}
	assert(i <= MR_LINUX_WIFI_NETWORKS);
}

static void join(struct mr_linux_wifi *w, uint8_t how)
{
	static const uint8_t bssid[6] = { 2, 0, 0, 0, 1, 1 };
	static const char key[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	const struct mr_network_choice choice = { .ssid = (const uint8_t *)"Hall",
						  .ssid_len = 4,
						  .security = (uint8_t)(how >> 2 & 3),
						  .passphrase = (const uint8_t *)key,
						  .passphrase_len = how & 1 ? 64 : 12,
						  .bssid = how & 2 ? bssid : NULL };

	if (!mr_linux_wifi_join(w, &choice))
		assert(w->join_id == -1);
}

static void step(struct mr_linux_wifi *w, uint64_t *now_us)
{
	uint8_t act = mr_rd_u8(&script);
	struct mr_join seen;
	struct mr_access_point ap = { .ssid = "AC-1", .ssid_len = 4, .freq_mhz = 2437, .passphrase = "correct horse" };
	uint8_t mac[6];

	switch (act % 8) {
	case 0: (void)mr_linux_wifi_scan(w, (const uint8_t *)"hall", act & 8 ? 4 : 0, *now_us); break;
	case 1: mr_linux_wifi_work(w); break;
	case 2: join(w, act >> 3); break;
	case 3:
		mr_linux_wifi_join_state(w, &seen);
		assert(seen.state <= MR_JOIN_FAILED && (seen.state != MR_JOIN_FAILED || seen.cause != 0));
		break;
	case 4: mr_linux_wifi_leave(w); break;
	case 5: (void)mr_linux_wifi_sta_address(w, mac); break;
	case 6:
		ap.security = act & 0x40 ? MR_SECURITY_WPA2 : MR_SECURITY_OPEN;
		ap.ibss = act & 0x80;
		(void)mr_linux_wifi_up(w, &ap, *now_us);
		break;
	case 7:
		*now_us += 1000000u * (act >> 3);
		if (!mr_linux_wifi_scanning(w, *now_us))
			mr_linux_wifi_down(w);
		break;
	}
	look_at_networks(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mr_linux_wifi w;
	uint64_t now_us = 0;

	script = mr_rd_over(data, len);
	assert(mr_linux_wifi_open(&w, "supplicant", mr_rd_u8(&script) & 1 ? "hostapd" : ""));
	while (script.left > 0)
		step(&w, &now_us);
	mr_linux_wifi_close(&w);
	return 0;
}
