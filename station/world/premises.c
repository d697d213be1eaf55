#include "station/world/premises.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/wire/channel.h"
#include "station/ip/ip.h"
#include "station/method/method.h"
#include "station/wifi/wpa.h"

#define MANY_ITERATIONS 150000u
#define ITERATIONS                                                                                                     \
	1000u /* of the PIN's verifier, when the job says nothing about PINs: the least that identity.pin takes */
#define NETWORK_DBM 20.0      /* 100 mW, the limit of ETSI EN 300 328 at 2.4 GHz */
#define NEIGHBOUR_CHANNELS 3u /* 1, 6 and 11 */

/* What firmware is built with, and the label says. */
struct label {
	char ssid[33], passphrase[64];
	struct mr_pin_verifier pin;
};

struct premises {
	const struct job *job;
	const struct roster *roster;
	struct ip_stack *ip;
	struct entropy *entropy;
	struct label *labels;
	size_t label_count;
	struct network *network;
	struct network **neighbours;
	size_t neighbour_count;
	struct network **fakes;
	size_t fake_count;
	uint16_t channels[JOB_LIST_MAX + NEIGHBOUR_CHANNELS]; /* of the neighbours */
	size_t channel_count;
	bool five_ghz;
};

/* --- the networks around --- */

static enum ieee80211_security security_of(enum mr_security security)
{
	switch (security) {
	case MR_SECURITY_OPEN: return IEEE80211_OPEN;
	case MR_SECURITY_WPA2: return IEEE80211_WPA2_PSK;
	case MR_SECURITY_WPA3: return IEEE80211_WPA3_SAE;
	case MR_SECURITY_OTHER: break;
	}
	return IEEE80211_OTHER;
}

static bool make_psk(const struct job *job, uint8_t psk[static 32], char *error, size_t error_len)
{
	char passphrase[65];
	size_t len = 0;
	bool ok;

	if (job->security != MR_SECURITY_WPA2)
		return true;
	if (job_passphrase(job, passphrase, error, error_len) != 0)
		return false;
	ok = strlen(passphrase) == 64 ? OPENSSL_hexstr2buf_ex(psk, 32, &len, passphrase, '\0') == 1 && len == 32
				      : wpa_psk(passphrase, job->ssid, job->ssid_len, psk);
	OPENSSL_cleanse(passphrase, sizeof(passphrase));
	if (!ok)
		snprintf(error, error_len,
			 "credentials: the passphrase makes no key; allowed: 8 to 63 characters, or 64 hexadecimal "
			 "digits");
	return ok;
}

static bool make_network(struct premises *a, struct air *air, uint64_t seed, char *error, size_t error_len)
{
	const struct job *job = a->job;
	struct network_config c = {
		.x_m = job->sim_floor_m / 2,
		.y_m = job->sim_floor_m + 2,
		.tx_dbm = NETWORK_DBM,
		.seed = seed,
		.ip = job->method->devices == METHOD_ACCESSORIES ? a->ip : NULL /* they are met there again */
	};
	struct soft_ap_config *bss = &c.bss;

	if (job->ssid_len == 0)
		return true;
	*bss = (struct soft_ap_config){ .mac = { 0x02, 0x4d, 0x54, 0, 0, 1 },
					.ssid_len = (uint8_t)job->ssid_len,
					.security = (uint8_t)security_of(job->security),
					.pmf_capable = seed % 2, /* offered, as new routers do; and not, as old ones */
					.wmm = true,		 /* every network of 802.11n or newer has it */
					.ht = job->sim_odd_share > 0,
					.stas_max = SOFT_AP_STAS_MAX,
					.freq_mhz = job->sim_network_mhz ? job->sim_network_mhz : job->channels[0] };
	memcpy(bss->ssid, job->ssid, job->ssid_len);
	if (!make_psk(job, bss->psk, error, error_len))
		return false;
	a->network = network_create(air, &c);
	OPENSSL_cleanse(&c, sizeof(c));
	return a->network != NULL;
}

/* Neighbours are where everybody is, the devices' channels included. */
static bool make_neighbours(struct premises *a, struct air *air, uint64_t seed)
{
	static const uint16_t usual[NEIGHBOUR_CHANNELS] = { 2412, 2437, 2462 };

	memcpy(a->channels, usual, sizeof(usual));
	memcpy(a->channels + NEIGHBOUR_CHANNELS, a->job->channels, a->job->channel_count * sizeof(a->channels[0]));
	a->channel_count = NEIGHBOUR_CHANNELS + a->job->channel_count;
	a->neighbours = calloc(a->job->sim_neighbours + 1u, sizeof(struct network *));
	for (unsigned i = 0; a->neighbours && i < a->job->sim_neighbours; i++) {
		struct network_config c;

		network_neighbour(&c, seed * 1000003, i, a->channels, a->channel_count, a->job->sim_floor_m);
		a->neighbours[i] = network_create(air, &c);
		if (!a->neighbours[i])
			return false;
		a->neighbour_count++;
	}
	return a->neighbours != NULL;
}

/* --- devices --- */

static bool bad_label(size_t i, const char *what, char *error, size_t error_len)
{
	snprintf(error, error_len, "label %zu: %s", i + 1, what);
	return false;
}

/* What the access point is called: as on the label, else by the job's pattern. The agent's names are printable. */
static bool name(const struct premises *a, const struct roster_row *row, const uint8_t mac[static 6], struct label *out,
		 bool *whole)
{
	static const char place[] = "{serial}";
	const char *pattern = a->job->ap_ssid;
	size_t len = row->ssid_len, prefix = strlen(pattern) - strlen(place);
	uint8_t ssid[32];

	/* A device puts the serial number that it has been given at the end by itself. */
	*whole = len > 0 || row->serial[0] || strlen(pattern) <= strlen(place) || strcmp(pattern + prefix, place) != 0;
	if (len > 0)
		memcpy(ssid, row->ssid, len);
	else if (!*whole)
		memcpy(ssid, pattern, len = prefix < sizeof(ssid) ? prefix : sizeof(ssid));
	else
		len = roster_ssid_make(a->job->ap_ssid, row->serial, mac, ssid);
	for (size_t i = 0; i < len; i++)
		if (ssid[i] < 0x20 || ssid[i] > 0x7e)
			return false;
	memcpy(out->ssid, ssid, len);
	return len > 0;
}

static void verifier(struct premises *a, const char *pin, bool many, struct mr_pin_verifier *out)
{
	out->salt_len = 16;
	out->iterations = many ? MANY_ITERATIONS : a->job->has_pin ? a->job->pin.iterations : ITERATIONS;
	entropy_fill(a->entropy, out->salt, out->salt_len);
	/* Before IDENTITY a device has no serial number to be told apart by: docs/protocol.md, "HTTP". */
	if (pin_verifier(pin, "", out->salt, out->iterations, out->w0, out->l) != 0)
		abort(); /* the simulation's own cryptography has failed */
}

/* Another secret of the same shape. */
static void change(char *secret) { secret[0] = secret[0] == '1' ? '2' : '1'; }

bool premises_configure(struct premises *a, size_t i, struct device_config *c, char *error, size_t error_len)
{
	const struct roster_row *row = roster_row(a->roster, i);
	const struct method *method = row->method ? row->method : a->job->method;
	struct mr_ap_config *ap = &c->agent.ap;
	struct label *label = &a->labels[i];
	char pin[sizeof(row->pin)];

	if (row->has_mac)
		memcpy(c->agent.mac, row->mac, 6);
	*ap = (struct mr_ap_config){ .ssid = label->ssid, .freq_mhz = a->job->channels[i % a->job->channel_count] };
	c->switch_mhz = a->job->channels[(i + 1) % a->job->channel_count];
	c->ip = a->ip;
	c->five_ghz = a->five_ghz;
	c->odd_network = (double)(i * 61 % 100) < 100 * a->job->sim_odd_share; /* spread over the lot */
	c->agent.channel_count = 0;
	if (!name(a, row, c->agent.mac, label, &ap->ssid_is_whole))
		return bad_label(i, "a simulated access point needs a name of printable ASCII", error, error_len);
	switch (method->protection) {
	case METHOD_BY_WPA2:
		if (strlen(row->passphrase) < 8 || strlen(row->passphrase) >= sizeof(label->passphrase))
			return bad_label(i, "a simulated access point needs a passphrase of 8 to 63 characters", error,
					 error_len);
		memcpy(label->passphrase, row->passphrase, strlen(row->passphrase) + 1);
		if (c->fault == DEVICE_FAULT_WRONG_SECRET)
			change(label->passphrase);
		ap->method = MR_AP_WPA2;
		ap->passphrase = label->passphrase;
		return true;
	case METHOD_BY_PIN:
		if (!row->pin[0])
			return bad_label(i, "a simulated device of method pin needs a PIN", error, error_len);
		memcpy(pin, row->pin, sizeof(pin));
		if (c->fault == DEVICE_FAULT_WRONG_SECRET)
			change(pin);
		verifier(a, pin, c->fault == DEVICE_FAULT_MANY_ROUNDS, &label->pin);
		OPENSSL_cleanse(pin, sizeof(pin));
		ap->method = MR_AP_PIN;
		ap->pin = &label->pin;
		return true;
	case METHOD_BY_TLS: ap->method = MR_AP_TLS; return true;
	case METHOD_BY_FRAMES:
	case METHOD_BY_NOTHING: break;
	}
	return bad_label(i, "no method of an access point", error, error_len);
}

bool premises_placed(struct premises *a, const struct device_config *c)
{
	return c->fault != DEVICE_FAULT_NO_JOIN || !a->network || network_refuse(a->network, c->agent.mac);
}

bool premises_fakes(struct premises *a, struct air *air, size_t i, unsigned count, uint64_t seed)
{
	const struct roster_row *row = roster_row(a->roster, i);
	const struct method *method = row->method ? row->method : a->job->method;
	struct network **fakes = realloc(a->fakes, (a->fake_count + count) * sizeof(struct network *));
	size_t len = strlen(a->labels[i].ssid);

	if (!fakes)
		return false;
	a->fakes = fakes;
	for (unsigned n = 0; n < count; n++) {
		struct network_config c = { .x_m = (double)entropy_below(a->entropy, 100) * a->job->sim_floor_m / 100,
					    .y_m = -1,
					    .tx_dbm = 15,
					    .seed = seed + n };
		struct soft_ap_config *bss = &c.bss;

		*bss = (struct soft_ap_config){ .mac = { 0x0e, (uint8_t)(i >> 8), (uint8_t)n, row->mac[3], row->mac[4],
							 row->mac[5] },
						.ssid_len = (uint8_t)len,
						.security = IEEE80211_OPEN,
						.stas_max = SOFT_AP_STAS_MAX,
						.freq_mhz = a->job->channels[i % a->job->channel_count] };
		memcpy(bss->ssid, a->labels[i].ssid, len);
		if (method->protection == METHOD_BY_WPA2)
			bss->security = IEEE80211_WPA2_PSK;
		a->fakes[a->fake_count] = network_create(air, &c);
		if (!a->fakes[a->fake_count])
			return false;
		a->fake_count++;
	}
	return true;
}

/* --- from cradle to grave --- */

static bool has_room(const struct job *job, const struct roster *roster, char *error, size_t error_len)
{
	if (job->method->flags & METHOD_DEVICE_AP && roster_count(roster) < job->sim_devices) {
		snprintf(error, error_len,
			 "%zu labels for %u simulated devices; lower simulation.devices, or list more",
			 roster_count(roster), job->sim_devices);
		return false;
	}
	/* Both ends of a link are in this process; of the network that accessories are met on, too. */
	unsigned most = (IP_IFS_MAX - (job->method->devices == METHOD_ACCESSORIES ? 2 : 0)) / 2;

	if (job->max_in_flight > most) {
		snprintf(error, error_len, "admission.max_in_flight: %u; allowed with simulated access points: 1 to %u",
			 job->max_in_flight, most);
		return false;
	}
	return true;
}

struct premises *premises_create(struct air *air, const struct job *job, const struct roster *roster,
				 struct ip_stack *ip, uint64_t seed, char *error, size_t error_len)
{
	struct premises *a;

	if ((roster || ip) && !has_room(job, roster, error, error_len))
		return NULL;
	snprintf(error, error_len, "no memory for the networks of a simulation");
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->job = job;
	a->roster = roster;
	a->ip = ip;
	a->label_count = roster ? job->sim_devices : 0;
	a->labels = OPENSSL_zalloc((a->label_count + 1) * sizeof(*a->labels));
	a->entropy = entropy_create_seeded(seed, "labels");
	a->five_ghz = mr_band(job->sim_network_mhz) == MR_BAND_5GHZ;
	for (size_t i = 0; i < job->channel_count; i++)
		a->five_ghz = a->five_ghz || mr_band(job->channels[i]) == MR_BAND_5GHZ;
	if (a->labels && a->entropy && make_network(a, air, seed, error, error_len) && make_neighbours(a, air, seed))
		return a;
	premises_destroy(a);
	return NULL;
}

void premises_destroy(struct premises *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->neighbour_count; i++)
		network_destroy(a->neighbours[i]);
	for (size_t i = 0; i < a->fake_count; i++)
		network_destroy(a->fakes[i]);
	free(a->fakes);
	network_destroy(a->network);
	entropy_destroy(a->entropy);
	if (a->labels)
		OPENSSL_clear_free(a->labels, (a->label_count + 1) * sizeof(*a->labels));
	free(a->neighbours);
	free(a);
}
