/*
 * Wi-Fi Simple Configuration on the station's side. `make bench`; wps OUT.json [PREFIX]: appends to OUT.json.
 *
 *   wps.station_cpu_ratio   a whole run of the registrar over the operations in the group, HMACs and AES that it cannot
 * do without wps.run_octets          memory of one open run: registrar, EAP and its place at the BSS wps.per_minute_N
 * devices a minute on the simulated air, one radio and one channel, with at most N in hand; beacons included
 *   wps.buttons_per_minute  the same by push button, 32 in hand
 *   wps.outside.per_minute_N  the same of access points that are set up from outside, their restart included
 *
 * Simulated devices need 250 ms for each of their two operations in the group, as small chips do.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/wsc_enrollee.h"
#include "agent/port/crypto.h"
#include "station/identity/ceremony.h"
#include "station/method/wps_bss.h"
#include "station/run/batch.h"
#include "station/wifi/ieee80211.h"
#include "tests/support/figures.h"

#define RUNS 400u
#define DEVICES 64u

static const struct mr_wsc_device us = { .uuid = { 1 }, .manufacturer = "M", .model_name = "station", .rf_bands = 1 };

static void die(const char *what)
{
	fprintf(stderr, "bench: wps: %s\n", what);
	exit(2);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool draw(void *ctx, uint8_t *out, size_t len)
{
	entropy_fill(ctx, out, len);
	return true;
}

/* CPU of the registrar alone, in a run with an enrollee. */
static uint64_t run_ns(struct entropy *entropy)
{
	static const struct mr_wsc_credential network = { .ssid = "net",
							  .ssid_len = 3,
							  .authentication = MR_WSC_WPA2_PSK,
							  .encryption = MR_WSC_AES,
							  .key = "passphrase",
							  .key_len = 10 };
	struct mr_wsc_enrollee_config config = {
		.device = &us, .mac = { 2 }, .pin = "12345670", .random = draw, .random_ctx = entropy
	};
	static struct mr_wsc_enrollee enrollee;
	struct mr_wsc_answer theirs;
	struct wps_answer ours;
	uint64_t begun, all = 0;
	struct wps_registrar *r;
	bool over = false;

	if (!mr_wsc_enrollee_begin(&enrollee, &config, &theirs))
		die("no enrollee");
	begun = cpu_ns();
	r = wps_registrar_create(&us, false, entropy, NULL);
	all += cpu_ns() - begun;
	while (r && !over) {
		begun = cpu_ns();
		switch (wps_registrar_receive(r, theirs.op, theirs.message, &ours)) {
		case WPS_ASKED: over = !wps_registrar_admit(r, "12345670", &network, &ours); break;
		case WPS_ANSWER: break;
		case WPS_DONE:
		case WPS_FAILED:
		case WPS_IGNORED: over = true; break;
		}
		all += cpu_ns() - begun;
		if (!over)
			(void)mr_wsc_enrollee_receive(&enrollee, ours.op, ours.message, &theirs);
	}
	if (enrollee.state != MR_WSC_HAS_CREDENTIALS)
		die("a run did not end with the credentials");
	begun = cpu_ns();
	wps_registrar_destroy(r);
	return all + (cpu_ns() - begun);
}

/* What such a run cannot do without: two operations in the group, a hash, 4 + 2 + 4 + 7 + 3 + 2 HMACs, 5 messages of
 * CBC. */
static uint64_t bare_ns(struct entropy *entropy)
{
	static uint8_t message[416], peer[MR_MODP1536_LEN];
	uint8_t priv[32], pub[MR_MODP1536_LEN], shared[MR_MODP1536_LEN], key[32], hash[32], iv[16] = { 0 };
	uint64_t begun;
	bool ok = true;

	entropy_fill(entropy, priv, sizeof(priv));
	if (!mr_modp1536_public(priv, peer))
		die("no group");
	entropy_fill(entropy, priv, sizeof(priv));
	begun = cpu_ns();
	ok = mr_modp1536_public(priv, pub) && mr_modp1536(priv, peer, shared) && mr_sha256(shared, sizeof(shared), key);
	for (unsigned i = 0; ok && i < 22; i++)
		ok = mr_hmac_sha256(key, sizeof(key), message, i < 6 ? 44 : sizeof(message), hash);
	for (unsigned i = 0; ok && i < 5; i++)
		ok = mr_aes128_cbc_encrypt(key, iv, message, i == 4 ? 128 : 48, message);
	if (!ok)
		die("the cryptography failed");
	return cpu_ns() - begun;
}

static void measure_cpu(struct figures *f)
{
	struct entropy *entropy = entropy_create_seeded(1, "bench");
	static double ratios[9];

	for (size_t round = 0; round < 9; round++) {
		uint64_t run = 0, bare = 0;

		for (unsigned i = 0; i < RUNS / 9; i++) {
			run += run_ns(entropy);
			bare += bare_ns(entropy);
		}
		ratios[round] = (double)run / (double)bare;
	}
	entropy_destroy(entropy);
	figures_sort(ratios, 9);
	figures_report(f, "wps.station_cpu_ratio", ratios[4], "times", 1.5, true);
}

static void nothing_asked(void *ctx, const uint8_t mac[static 6], const struct wps_enrollee *e)
{
	(void)ctx, (void)mac, (void)e;
}
static void nothing_ended(void *ctx, const uint8_t mac[static 6], const struct wps_bss_end *e)
{
	(void)ctx, (void)mac, (void)e;
}
static bool no_button(void *ctx, const uint8_t mac[static 6]) { return (void)ctx, (void)mac, false; }
static void nothing_probed(void *ctx, const uint8_t mac[static 6], bool b) { (void)ctx, (void)mac, (void)b; }

static void associate(struct wps_bss *bss, uint8_t last)
{
	static const uint8_t wsc[] = { 0x00, 0x50, 0xf2, 4, 0x10, 0x4a, 0, 1, 0x10, 0x10, 0x3a, 0, 1, 1 };
	const uint8_t ap[6] = { 2 }, sta[6] = { 2, 0, 0, 0, 1, last };
	struct ieee80211_header h = { .kind = IEEE80211_AUTHENTICATION };
	struct ieee80211_authentication a = { .transaction = 1 };
	struct ieee80211_association_request r = { .capability = 1 };
	uint8_t buf[256];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	memcpy(h.address1, ap, 6);
	memcpy(h.address2, sta, 6);
	memcpy(h.address3, ap, 6);
	ieee80211_header_build(&w, &h);
	ieee80211_authentication_build(&w, &a);
	wps_bss_receive(bss, mr_wr_written(&w), 1);
	w = mr_wr_over(buf, sizeof(buf));
	h.kind = IEEE80211_ASSOCIATION_REQUEST;
	ieee80211_header_build(&w, &h);
	ieee80211_association_request_build(&w, &r);
	ieee80211_put_ssid(&w, (const uint8_t *)"s", 1);
	ieee80211_put_element(&w, IEEE80211_VENDOR, wsc, sizeof(wsc));
	wps_bss_receive(bss, mr_wr_written(&w), 1);
}

static void measure_memory(struct figures *f)
{
	struct entropy *entropy = entropy_create_seeded(1, "bench");
	struct wps_bss_config config = { .mac = { 2 },
					 .ssid = "s",
					 .ssid_len = 1,
					 .freq_mhz = 2437,
					 .pins = true,
					 .device = &us,
					 .entropy = entropy };
	const struct wps_bss_events events = { NULL, nothing_asked, nothing_ended, no_button, nothing_probed, NULL };
	struct wps_bss *bss = wps_bss_create(&config, &events, 0);
	size_t before;

	if (!bss)
		die("no memory");
	before = wps_bss_memory(bss);
	for (uint8_t i = 0; i < 32; i++)
		associate(bss, i);
	if (wps_bss_runs(bss) != 32)
		die("a device was not let in");
	wps_bss_pause(bss);
	figures_report(f, "wps.run_octets", (double)(wps_bss_memory(bss) - before) / 32, "octets", -1, true);
	wps_bss_destroy(bss);
	entropy_destroy(entropy);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

/* `name`: of its record; `method`: with what belongs to it in the job. */
static double per_minute(const char *dir, const char *name, const char *method, unsigned in_hand)
{
	static const char text[] = "format: 1\n"
				   "batch: {lot: \"b\", product: \"Lamp\", quantity: %u, test: true}\n"
				   "credentials: {method: %s, weak-ok: true, ssid: \"hall\", security: wpa2}\n"
				   "recipe: [credentials, verify]\n"
				   "radios: {simulated: 1, profile: ideal}\nchannels: [6]\n"
				   "admission: {max_in_flight: %u}\n"
				   "guards: {consecutive_fail: off, disk_free: 1MiB}\n"
				   "simulation: {devices: %u, seed: 1, loss: 2%%}\n";
	struct job_errors errors = { 0 };
	struct batch_result result = { 0 };
	char job[1000], db[128], keys[128], error[512];
	struct batch_options o = { .db = db, .keys = keys, .operator= "bench" };

	snprintf(job, sizeof(job), text, DEVICES, method, in_hand, DEVICES);
	snprintf(db, sizeof(db), "%s/%s-%u.db", dir, name, in_hand);
	snprintf(keys, sizeof(keys), "%s/keys", dir);
	o.job = job_parse("bench.yaml", job, strlen(job), &errors);
	if (!o.job)
		die(errors.text[0]);
	if (batch_run(&o, &result, error, sizeof(error)) != 0)
		die(error);
	job_destroy((struct job *)(uintptr_t)o.job);
	if (result.summary.passed < DEVICES)
		die("a device did not pass");
	return DEVICES * 60e6 / (double)result.summary.makespan_us;
}

static void measure_air(struct figures *f)
{
	char dir[] = "/tmp/millrace-bench-wps-XXXXXX", keys[80], name[40], error[512];
	struct entropy *entropy = entropy_create_kernel();
	struct ceremony c = { .dir = keys,
			      .organization = "Bench",
			      .root_days = 3650,
			      .issuing_days = 3650,
			      .utc_us = BATCH_SIM_UTC_US };

	if (!mkdtemp(dir))
		die("no folder can be made");
	snprintf(keys, sizeof(keys), "%s/keys", dir);
	if (ceremony_init(&c, entropy, error, sizeof(error)) != 0)
		die(error);
	for (unsigned n = 1; n <= 32; n *= 2) {
		snprintf(name, sizeof(name), "wps.per_minute_%u", n);
		figures_report(f, name, per_minute(dir, "pin", "wps-pin", n), "devices/min", -1, false);
	}
	figures_report(f, "wps.buttons_per_minute", per_minute(dir, "pbc", "wps-pbc", 32), "devices/min", -1, false);
	for (unsigned n = 1; n <= 8; n *= 2) {
		snprintf(name, sizeof(name), "wps.outside.per_minute_%u", n);
		figures_report(f, name, per_minute(dir, "outside", "wps-pin, wps: {role: external-registrar}", n),
			       "devices/min", -1, false);
	}
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	entropy_destroy(entropy);
}

int main(int argc, char **argv)
{
	struct figures f;

	if (argc < 2)
		die("usage: wps OUT.json [PREFIX]");
	figures_go_on(&f, argv[1], argc > 2 ? argv[2] : "");
	if (figures_wanted(&f, "wps.station") || figures_wanted(&f, "wps.cpu"))
		measure_cpu(&f);
	if (figures_wanted(&f, "wps.run"))
		measure_memory(&f);
	if (figures_wanted(&f, "wps.per") || figures_wanted(&f, "wps.buttons") || figures_wanted(&f, "wps.outside"))
		measure_air(&f);
	return figures_end(&f) ? 0 : 2;
}
