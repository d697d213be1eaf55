#include "agent/port/linux/wifi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/cause.h"
#include "agent/wire/channel.h"

#define ANSWER_MAX 8192 /* wpa_supplicant answers with 4096 octets at most */
#define SCAN_US 15000000
#define NOT_FOUND_MAX 3 /* scans for a network that was not in them */

bool mr_linux_wifi_open(struct mr_linux_wifi *w, const char *supplicant, const char *hostapd)
{
	*w = (struct mr_linux_wifi){
		.supplicant.fd = -1, .events.fd = -1, .hostapd.fd = -1, .ap_id = -1, .join_id = -1
	};
	w->has_hostapd = hostapd[0] != '\0';
	return mr_ctrl_open(&w->supplicant, supplicant, false) && mr_ctrl_open(&w->events, supplicant, true) &&
	       (!w->has_hostapd || mr_ctrl_open(&w->hostapd, hostapd, false));
}

void mr_linux_wifi_close(struct mr_linux_wifi *w)
{
	if (w->supplicant.fd >= 0) {
		mr_linux_wifi_leave(w);
		mr_linux_wifi_down(w);
	}
	mr_ctrl_close(&w->supplicant);
	mr_ctrl_close(&w->events);
	mr_ctrl_close(&w->hostapd);
}

int mr_linux_wifi_fd(const struct mr_linux_wifi *w) { return w->events.fd; }

static void to_hex(const uint8_t *octets, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", octets[i]);
	out[2 * len] = '\0';
}

/* --- networks of our own in wpa_supplicant --- */

static int add_network(struct mr_linux_wifi *w)
{
	char answer[32], *end;
	long id;

	if (!mr_ctrl_ask(&w->supplicant, "ADD_NETWORK", answer, sizeof(answer)))
		return -1;
	id = strtol(answer, &end, 10);
	return end != answer && *end == '\n' && id >= 0 && id < 10000 ? (int)id : -1;
}

static void remove_network(struct mr_linux_wifi *w, int *id)
{
	if (*id >= 0)
		(void)mr_ctrl_do(&w->supplicant, "REMOVE_NETWORK %d", *id);
	*id = -1;
}

static bool set(struct mr_linux_wifi *w, int id, const char *name, const char *value)
{
	return mr_ctrl_do(&w->supplicant, "SET_NETWORK %d %s %s", id, name, value);
}

/* A text in quotes: theirs ends at the last one, so that quotes inside need no escape. */
static bool set_quoted(struct mr_linux_wifi *w, int id, const char *name, const uint8_t *text, size_t len)
{
	return mr_ctrl_do(&w->supplicant, "SET_NETWORK %d %s \"%.*s\"", id, name, (int)len, (const char *)text);
}

static bool set_ssid(struct mr_linux_wifi *w, int id, const uint8_t *ssid, size_t len)
{
	char hex[2 * MR_SSID_MAX + 1];

	to_hex(ssid, len, hex);
	return set(w, id, "ssid", hex);
}

/* --- the access point --- */

static bool up_by_hostapd(struct mr_linux_wifi *w, const struct mr_access_point *ap)
{
	struct mr_ctrl *c = &w->hostapd;
	char hex[2 * MR_SSID_MAX + 1];
	bool wpa2 = ap->security == MR_SECURITY_WPA2;

	to_hex(ap->ssid, ap->ssid_len, hex);
	(void)mr_ctrl_do(c, "DISABLE"); /* it may be down already */
	/* A hostapd that was to wait for us has been started with start_disabled=1: enabled like that it sends no
	 * beacons. */
	return mr_ctrl_do(c, "SET start_disabled 0") && mr_ctrl_do(c, "SET ssid2 %s", hex) &&
	       mr_ctrl_do(c, "SET hw_mode %s", mr_band(ap->freq_mhz) == MR_BAND_2GHZ ? "g" : "a") &&
	       mr_ctrl_do(c, "SET channel %u", mr_mhz_to_channel(ap->freq_mhz)) &&
	       mr_ctrl_do(c, "SET wpa %d", wpa2 ? 2 : 0) &&
	       (!wpa2 || (mr_ctrl_do(c, "SET wpa_key_mgmt WPA-PSK") && mr_ctrl_do(c, "SET rsn_pairwise CCMP") &&
			  mr_ctrl_do(c, "SET wpa_passphrase %s", ap->passphrase))) &&
	       mr_ctrl_do(c, "ENABLE");
}

static bool up_by_supplicant(struct mr_linux_wifi *w, const struct mr_access_point *ap)
{
	bool wpa2 = ap->security == MR_SECURITY_WPA2;
	char freq_mhz[8];
	int id = add_network(w);

	w->ap_id = id;
	(void)snprintf(freq_mhz, sizeof(freq_mhz), "%u", ap->freq_mhz);
	if (id >= 0 && set_ssid(w, id, ap->ssid, ap->ssid_len) && set(w, id, "mode", ap->ibss ? "1" : "2") &&
	    set(w, id, "frequency", freq_mhz) && set(w, id, "key_mgmt", wpa2 ? "WPA-PSK" : "NONE") &&
	    (!wpa2 || (set(w, id, "proto", "RSN") && set(w, id, "pairwise", "CCMP") && set(w, id, "group", "CCMP") &&
		       set_quoted(w, id, "psk", (const uint8_t *)ap->passphrase, strlen(ap->passphrase)))) &&
	    mr_ctrl_do(&w->supplicant, "SELECT_NETWORK %d", id))
		return true;
	remove_network(w, &w->ap_id);
	return false;
}

bool mr_linux_wifi_up(struct mr_linux_wifi *w, const struct mr_access_point *ap, uint64_t now_us)
{
	if (w->has_hostapd && !ap->ibss)
		return up_by_hostapd(w, ap);
	return !mr_linux_wifi_scanning(w, now_us) && up_by_supplicant(w, ap); /* a scan would be cut short */
}

void mr_linux_wifi_down(struct mr_linux_wifi *w)
{
	if (w->has_hostapd)
		(void)mr_ctrl_do(&w->hostapd, "DISABLE");
	remove_network(w, &w->ap_id);
}

/* --- looking around --- */

/* Asked for by name only that network answers; of the others it hears the beacons. */
bool mr_linux_wifi_scan(struct mr_linux_wifi *w, const uint8_t *ssid, size_t ssid_len, uint64_t now_us)
{
	char hex[2 * MR_SSID_MAX + 1];

	if (ssid_len > 0)
		memcpy(w->wanted, ssid, ssid_len);
	w->wanted_len = ssid_len;
	to_hex(w->wanted, ssid_len, hex);
	w->scanning = mr_ctrl_revive(&w->events) &&
		      mr_ctrl_do(&w->supplicant, ssid_len > 0 ? "SCAN ssid %s" : "SCAN%s", hex);
	w->scan_end_us = now_us + SCAN_US;
	return w->scanning;
}

bool mr_linux_wifi_scanning(struct mr_linux_wifi *w, uint64_t now_us)
{
	w->scanning = w->scanning && now_us < w->scan_end_us;
	return w->scanning;
}

bool mr_linux_wifi_network(const struct mr_linux_wifi *w, unsigned i, struct mr_network *out)
{
	if (i >= w->network_count)
		return false;
	*out = w->networks[i];
	return true;
}

/* printf_encode's way of writing an SSID: \\ \" \e \n \r \t \xNN. Returns how many octets; more than room: none. */
static size_t unescape(const char *text, uint8_t *out, size_t cap)
{
	static const char letters[] = "\\\"enrt", octets[] = "\\\"\033\n\r\t";
	size_t len = 0;

	while (*text && len < cap) {
		const char *letter;
		unsigned octet;
		int used = 0;

		if (text[0] != '\\') {
			out[len++] = (uint8_t)*text++;
		} else if (text[1] == 'x' && sscanf(text + 2, "%2x%n", &octet, &used) == 1 && used == 2) {
			out[len++] = (uint8_t)octet;
			text += 4;
		} else if (text[1] != '\0' && (letter = strchr(letters, text[1]))) {
			out[len++] = (uint8_t)octets[letter - letters];
			text += 2;
		} else {
			return 0;
		}
	}
	return *text ? 0 : len;
}

static uint8_t security_of(const char *flags)
{
	if (strstr(flags, "[WPA2-PSK") || strstr(flags, "[RSN-PSK"))
		return MR_SECURITY_WPA2;
	if (strstr(flags, "SAE"))
		return MR_SECURITY_WPA3;
	if (strstr(flags, "WPA") || strstr(flags, "RSN") || strstr(flags, "WEP") || strstr(flags, "OWE"))
		return MR_SECURITY_OTHER;
	return MR_SECURITY_OPEN;
}

static bool is_wanted(const struct mr_linux_wifi *w, const struct mr_network *n)
{
	return w->wanted_len > 0 && n->ssid_len == w->wanted_len && memcmp(n->ssid, w->wanted, w->wanted_len) == 0;
}

/* The last of those that nobody wants is dropped for `n`. false: it is no better than they are. */
static bool make_room(struct mr_linux_wifi *w, const struct mr_network *n)
{
	size_t at = w->network_count;

	if (w->network_count < MR_LINUX_WIFI_NETWORKS)
		return true;
	while (at > 0 && is_wanted(w, &w->networks[at - 1]))
		at--;
	if (at == 0 || !(is_wanted(w, n) || n->rssi_dbm > w->networks[at - 1].rssi_dbm))
		return false;
	w->network_count--;
	memmove(&w->networks[at - 1], &w->networks[at], (w->network_count - at + 1) * sizeof(*n));
	return true;
}

/* "bssid \t frequency \t signal level \t flags \t ssid". Kept in order, the strongest first. */
static void take_network(struct mr_linux_wifi *w, const char *line)
{
	struct mr_network n = { .freq_mhz = 0 };
	unsigned mac[6], freq_mhz;
	char flags[200];
	int level, used = 0;
	size_t at;

	if (sscanf(line, "%2x:%2x:%2x:%2x:%2x:%2x\t%u\t%d\t%199[^\t]\t%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		   &mac[5], &freq_mhz, &level, flags, &used) != 9 ||
	    used == 0 || freq_mhz > UINT16_MAX || strstr(flags, "[IBSS]"))
		return;
	for (size_t i = 0; i < 6; i++)
		n.bssid[i] = (uint8_t)mac[i];
	n.freq_mhz = (uint16_t)freq_mhz;
	n.rssi_dbm = (int8_t)(level < -128 ? -128 : level > 0 ? 0 : level);
	n.security = security_of(flags);
	n.ssid_len = (uint8_t)unescape(line + used, n.ssid, sizeof(n.ssid));
	if (!make_room(w, &n))
		return;
	at = w->network_count++;
	while (at > 0 && w->networks[at - 1].rssi_dbm < n.rssi_dbm)
		at--;
	memmove(&w->networks[at + 1], &w->networks[at], (w->network_count - at - 1) * sizeof(n));
	w->networks[at] = n;
}

static void take_results(struct mr_linux_wifi *w)
{
	char text[ANSWER_MAX], *line, *rest = text;

	w->scanning = false;
	if (!mr_ctrl_ask(&w->supplicant, "SCAN_RESULTS", text, sizeof(text)))
		return;
	w->network_count = 0;
	(void)strsep(&rest, "\n"); /* the names of the columns */
	while ((line = strsep(&rest, "\n")))
		if (*line)
			take_network(w, line);
}

/* --- joining --- */

static bool choose(struct mr_linux_wifi *w, int id, const struct mr_network_choice *n)
{
	const uint8_t *b = n->bssid;
	bool key = n->passphrase_len == 64;
	char text[65];

	if (!set_ssid(w, id, n->ssid, n->ssid_len) || !set(w, id, "scan_ssid", "1"))
		return false;
	if (b && !mr_ctrl_do(&w->supplicant, "SET_NETWORK %d bssid %02x:%02x:%02x:%02x:%02x:%02x", id, b[0], b[1], b[2],
			     b[3], b[4], b[5]))
		return false;
	if (n->security == MR_SECURITY_OPEN)
		return set(w, id, "key_mgmt", "NONE");
	if (n->security == MR_SECURITY_WPA3)
		return set(w, id, "key_mgmt", "SAE") && set(w, id, "ieee80211w", "2") &&
		       set_quoted(w, id, "sae_password", n->passphrase, n->passphrase_len);
	if (!set(w, id, "key_mgmt", "WPA-PSK WPA-PSK-SHA256") || !set(w, id, "proto", "RSN") ||
	    !set(w, id, "ieee80211w", "1"))
		return false;
	if (!key)
		return set_quoted(w, id, "psk", n->passphrase, n->passphrase_len);
	memcpy(text, n->passphrase, 64);
	text[64] = '\0';
	key = set(w, id, "psk", text);
	mr_wipe(text, sizeof(text));
	return key;
}

bool mr_linux_wifi_join(struct mr_linux_wifi *w, const struct mr_network_choice *network)
{
	w->join = (struct mr_join){ .state = MR_JOIN_JOINING };
	w->not_found = 0;
	(void)mr_ctrl_revive(&w->events);
	w->join_id = add_network(w);
	if (w->join_id >= 0 && choose(w, w->join_id, network) &&
	    mr_ctrl_do(&w->supplicant, "SELECT_NETWORK %d", w->join_id))
		return true;
	remove_network(w, &w->join_id);
	return false;
}

/* "name=value" of a STATUS answer; NULL: not there. Ends at the line's end. */
static const char *value_of(const char *status, const char *name)
{
	size_t len = strlen(name);

	while (status) {
		if (strncmp(status, name, len) == 0 && status[len] == '=')
			return status + len + 1;
		status = strchr(status, '\n');
		status = status ? status + 1 : NULL;
	}
	return NULL;
}

static bool is_our_network(struct mr_linux_wifi *w, const char *status)
{
	const char *id = value_of(status, "id");

	return id && atoi(id) == w->join_id;
}

static bool read_mac_of(const char *text, uint8_t mac[static 6])
{
	unsigned octets[6];

	if (!text || sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &octets[0], &octets[1], &octets[2], &octets[3], &octets[4],
			    &octets[5]) != 6)
		return false;
	for (size_t i = 0; i < 6; i++)
		mac[i] = (uint8_t)octets[i];
	return true;
}

bool mr_linux_wifi_sta_address(struct mr_linux_wifi *w, uint8_t mac[static 6])
{
	char status[ANSWER_MAX];

	return mr_ctrl_ask(&w->supplicant, "STATUS", status, sizeof(status)) &&
	       read_mac_of(value_of(status, "address"), mac);
}

void mr_linux_wifi_join_state(struct mr_linux_wifi *w, struct mr_join *out)
{
	char status[ANSWER_MAX];
	const char *state, *bssid, *freq;

	mr_linux_wifi_work(w);
	if (w->join.state == MR_JOIN_JOINING && mr_ctrl_ask(&w->supplicant, "STATUS", status, sizeof(status))) {
		state = value_of(status, "wpa_state");
		bssid = value_of(status, "bssid");
		freq = value_of(status, "freq");
		if (state && strncmp(state, "COMPLETED\n", 10) == 0 && is_our_network(w, status))
			w->join.state = MR_JOIN_JOINED;
		(void)read_mac_of(bssid, w->join.bssid);
		if (freq)
			w->join.freq_mhz = (uint16_t)atoi(freq);
	}
	*out = w->join;
}

void mr_linux_wifi_leave(struct mr_linux_wifi *w)
{
	remove_network(w, &w->join_id);
	w->join.state = MR_JOIN_IDLE;
}

/* --- events --- */

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static void on_event(struct mr_linux_wifi *w, const char *event)
{
	bool joining = w->join.state == MR_JOIN_JOINING;

	if (begins(event, "CTRL-EVENT-SCAN-RESULTS")) {
		take_results(w);
	} else if (begins(event, "CTRL-EVENT-SCAN-FAILED")) {
		w->scanning = false;
	} else if (joining && begins(event, "CTRL-EVENT-NETWORK-NOT-FOUND")) {
		if (++w->not_found < NOT_FOUND_MAX)
			return;
		w->join.state = MR_JOIN_FAILED;
		w->join.cause = MR_CAUSE_NETWORK_NOT_SEEN;
	} else if (joining && begins(event, "CTRL-EVENT-SSID-TEMP-DISABLED")) { /* wrong key, refused, given up on */
		w->join.state = MR_JOIN_FAILED;
		w->join.cause = MR_CAUSE_JOIN_FAILED;
	}
}

void mr_linux_wifi_work(struct mr_linux_wifi *w)
{
	char event[ANSWER_MAX];

	while (mr_ctrl_event(&w->events, event, sizeof(event)))
		on_event(w, event);
}
