/*
 * Networks that are heard: those that devices make are admitted like devices that call; that of the job is remembered,
 * for a device that joins it is to be seen there. Others are nobody's business.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "station/line/internal.h"

#define AGAIN_US 1000000u /* a device whose link failed is left alone for so long */

static bool same_ssid(const struct ieee80211_network *n, const uint8_t *ssid, size_t len)
{
	return n->ssid_len == len && memcmp(n->ssid, ssid, len) == 0;
}

void networks_forget(struct unit *u)
{
	if (!u->access)
		return;
	OPENSSL_cleanse(u->access, sizeof(*u->access));
	free(u->access);
	u->access = NULL;
}

static bool security_fits(const struct method *method, const struct ieee80211_network *n)
{
	if (method->protection == METHOD_BY_WPA2)
		return n->security == IEEE80211_WPA2_PSK || n->security == IEEE80211_WPA2_WPA3;
	return n->security == IEEE80211_OPEN;
}

/* What opens this access point, by its label. NULL: it opens; else what is wrong, for the list of sightings. */
static const char *by_label(struct line *line, const uint8_t from[static 6], const struct ieee80211_network *n,
			    const char *serial, struct access *out, const char **label_serial)
{
	const struct roster_row *row = line->o.roster ? roster_find(line->o.roster, from, n->ssid, n->ssid_len, serial)
						      : NULL;

	if (!row)
		return "not-on-label-list";
	out->method = row->method ? row->method : line->job->method;
	if (out->method->protection == METHOD_BY_WPA2 && !row->passphrase[0])
		return "no-passphrase";
	if (out->method->needs & METHOD_NEEDS_PIN && !row->pin[0])
		return "no-pin";
	memcpy(out->passphrase, row->passphrase, sizeof(out->passphrase));
	memcpy(out->pin, row->pin, sizeof(out->pin));
	*label_serial = row->serial;
	if (n->hidden) {
		out->network.ssid_len = row->ssid_len;
		memcpy(out->network.ssid, row->ssid, row->ssid_len);
		if (!row->ssid_len)
			out->network.ssid_len = (uint8_t)roster_ssid_make(line->job->ap_ssid, row->serial, from,
									  out->network.ssid);
		out->named = row->ssid_len > 0;
	}
	return NULL;
}

/* The pattern of devices that bear the end of their address until they have a serial number. */
static size_t name_by_serial(const char *pattern, const char *serial, uint8_t ssid[static 32])
{
	static const uint8_t none[6];
	const char *place = strstr(pattern, "{mac}");
	char text[64];

	if (!place)
		return 0;
	snprintf(text, sizeof(text), "%.*s{serial}%s", (int)(place - pattern), pattern, place + strlen("{mac}"));
	return roster_ssid_make(text, serial, none, ssid);
}

void networks_name(struct line *line, struct unit *u)
{
	struct access *a = u->access;
	bool serial = (u->serial[0] != '\0') != a->other_name;
	size_t len;

	if (!a->network.hidden || a->named)
		return;
	len = serial ? name_by_serial(line->job->ap_ssid, u->serial, a->network.ssid)
		     : roster_ssid_make(line->job->ap_ssid, u->serial, a->peer, a->network.ssid);
	if (len > 0)
		a->network.ssid_len = (uint8_t)len;
}

/* What opens it, by what an earlier step has put on record under the serial number in its SSID. */
static const char *by_record(struct line *line, struct unit *u, struct access *out)
{
	out->method = line->job->method;
	out->from_record = true;
	if (out->method->needs == 0)
		return NULL;
	if (out->method->protection == METHOD_BY_WPA2 || u->pin_sealed_len == 0)
		return "no-secret-on-record";
	if (pin_open(line->o.identity, line->job->product, u->serial, u->pin_sealed, u->pin_sealed_len, out->pin) != 0)
		return "secret-does-not-open";
	return NULL;
}

/* IEEE 802 EUI-64 of the BSSID: the id of a device until it says its own. */
static void provisional_id(const uint8_t bssid[static 6], uint8_t id[static 8])
{
	memcpy(id, bssid, 3);
	id[3] = 0xff;
	id[4] = 0xfe;
	memcpy(id + 5, bssid + 3, 3);
}

static struct unit *unit_of(struct line *line, const uint8_t bssid[static 6], const char *serial)
{
	struct unit *u = map_get(&line->by_mac, map_key_mac(bssid));
	uint8_t id[8];

	if (u)
		return u;
	for (size_t i = 0; serial[0] && i < line->unit_count; i++)
		if (strcmp(line->units[i]->serial, serial) == 0)
			return line->units[i];
	provisional_id(bssid, id);
	u = line_unit_new(line, id);
	if (!u)
		return NULL;
	u->id = line->next_unit++;
	memcpy(u->mac, bssid, 6);
	(void)map_put(&line->by_mac, map_key_mac(bssid), u);
	return u;
}

/* A network that is named like a device's, heard for the first time. NULL: no device of ours. */
static struct unit *newcomer(struct line *line, const uint8_t from[static 6], const struct ieee80211_network *n,
			     const struct radio_rx *rx)
{
	const struct job *job = line->job;
	bool record = job->ap_secrets == JOB_SECRETS_RECORD;
	struct access a = { .network = *n };
	const char *wrong = NULL, *label_serial = "";
	char serial[33] = "";
	struct unit *u = NULL;

	if (n->hidden && record)
		return NULL;
	if (!n->hidden && !roster_ssid_match(job->ap_ssid, n->ssid, n->ssid_len, from, serial))
		return NULL;
	if (!record)
		wrong = by_label(line, from, n, serial, &a, &label_serial);
	if (wrong && n->hidden)
		return NULL; /* somebody's */
	if (!wrong && rx->rssi_dbm < job->min_rssi_dbm)
		wrong = "weak";
	if (!wrong)
		u = unit_of(line, from, serial[0] ? serial : label_serial);
	if (u && record)
		wrong = by_record(line, u, &a);
	if (!wrong && !security_fits(a.method, n))
		wrong = "other-security";
	if (!wrong && u && !u->same_batch && line->seen >= job->quantity)
		wrong = "beyond-quantity";
	if (!wrong && u && (u->access = malloc(sizeof(*u->access))))
		*u->access = a;
	if (!wrong && u && u->access)
		memcpy(u->access->peer, from, 6);
	OPENSSL_cleanse(&a, sizeof(a));
	if (wrong)
		line_stranger(line, from, rx, wrong);
	if (wrong || !u || !u->access || !map_put(&line->by_bssid, map_key_mac(from), u))
		return NULL;
	return u;
}

/* The network that devices are given: where it is decides where they are looked for. */
static void note_target(struct line *line, const struct ieee80211_network *n)
{
	if (line->target.heard_us == 0 || n->rssi_dbm > line->target.rssi_dbm ||
	    memcmp(n->bssid, line->target.bssid, 6) == 0)
		line->target = *n;
}

static bool may_come(const struct line *line, const struct unit *u, uint64_t now_us)
{
	return !u->session && !u->settled && !u->waiting && u->access && now_us >= u->access->again_us &&
	       !line->draining;
}

void networks_heard(struct line *line, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx)
{
	uint64_t now_us = loop_now_us(line->loop);
	struct mr_rd in = mpdu;
	struct ieee80211_header header;
	struct ieee80211_network n;
	struct unit *u;

	if (!ieee80211_header_parse(&in, &header) || !ieee80211_network_of(mpdu, rx, &n) || n.freq_mhz != rx->freq_mhz)
		return;
	if (same_ssid(&n, line->job->ssid, line->job->ssid_len) && !n.ibss)
		note_target(line, &n);
	u = map_get(&line->by_bssid, map_key_mac(header.address2));
	if (!u && !map_get(&line->stranger_map, map_key_mac(header.address2)))
		u = newcomer(line, header.address2, &n, rx);
	if (!u)
		return;
	if (u->alias)
		u = u->alias;
	if (u->settled)
		return;
	u->rssi_dbm = rx->rssi_dbm;
	if (u->first_heard_us == 0)
		admission_greet(line, u, rx);
	if (u->session) {
		if (u->session->by_access)
			access_network(u->session, &n, rx);
		return;
	}
	if (!may_come(line, u, now_us))
		return;
	if (!n.hidden) {
		u->access->network = n;
	} else {
		u->access->other_name ^= u->last_cause == MR_CAUSE_ASSOCIATION_REFUSED;
		networks_name(line, u);
	}
	u->access->again_us = now_us + AGAIN_US;
	u->hello_us = now_us;
	line_returned(line, u);
	u->home = lane->channel;
	admission_enqueue(u, lane->channel);
	admission_fill(line);
}
