/*
 * Settings that are good alone and wrong together. Each check asks first whether what it reasons on was read without a
 * complaint, so that one slip gives one message.
 */
#include <stdio.h>
#include <string.h>

#include "agent/wire/channel.h"
#include "station/job/reading.h"
#include "station/method/method.h"
#include "station/radio/radio.h"

/* The place in the file that is to blame: the key's value, or what lies nearest above it, or the start. */
static const struct node *place_of(const struct reading *r, const char *path)
{
	static const struct node start = { .line = 1, .column = 1 };
	char above[96];
	const struct node *node = tree_find(r->root, path);

	snprintf(above, sizeof(above), "%s", path);
	while (!node && strrchr(above, '.')) {
		*strrchr(above, '.') = '\0';
		node = tree_find(r->root, above);
		if (node)
			return node->key;
	}
	return node ? node : &start;
}

static const struct node *item_of(const struct reading *r, const char *path, size_t i)
{
	const struct node *list = tree_find(r->root, path),
			  *item = list && list->kind == NODE_LIST ? list->child : NULL;

	for (; item && i > 0; i--)
		item = item->next;
	return item ? item : place_of(r, path);
}

#define CONTRADICTION(r, node, ...) complain((r)->c, (node)->line, (node)->column, __VA_ARGS__)

static bool given(const struct reading *r, const char *path) { return tree_find(r->root, path) != NULL; }

/* Neither the key nor a section above it was complained about. */
static bool usable(const struct reading *r, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < job_key_count; i++) {
		size_t n = strlen(job_keys[i].path);

		if (r->bad[i] && n <= len && strncmp(job_keys[i].path, path, n) == 0 &&
		    (path[n] == '\0' || path[n] == '.'))
			return false;
	}
	return true;
}

/* A device that answers no requests can be given credentials and be seen to join; there is nothing else to do with it.
 */
static void check_foreign(const struct reading *r)
{
	const struct job *job = r->job;

	if (job->recipe_len != 2 || job->recipe[0] != JOB_CREDENTIALS || job->recipe[1] != JOB_VERIFY)
		CONTRADICTION(r, place_of(r, "recipe"),
			      "recipe: devices of the method %s answer no requests; allowed: [credentials, verify]",
			      job->method->name);
	if (!*job->expect_file && !*job->wps_labels && usable(r, "admission.expect") &&
	    !((job->method->devices == METHOD_ENROLLEES || job->method->devices == METHOD_ACCESSORIES) &&
	      job->radios_simulated) &&
	    job->method->devices != METHOD_LISTENERS) /* check_listeners */
		CONTRADICTION(r, place_of(r, "credentials.method"),
			      "admission.expect is missing, for devices of the method %s cannot say who they are; "
			      "allowed: admission: {expect: FILE} with their addresses",
			      job->method->name);
	if (!job->join && usable(r, "credentials.join"))
		CONTRADICTION(r, place_of(r, "credentials.join"),
			      "credentials.join: the only proof of the method %s is that the device is seen to join; "
			      "allowed: true, or nothing",
			      job->method->name);
}

/* Its name was read, and so were the keys that choose a form of it. */
static bool method_is_sure(const struct reading *r)
{
	return usable(r, "credentials.method") && usable(r, "credentials.scheme") && usable(r, "credentials.wps.role");
}

static void check_recipe(const struct reading *r)
{
	const struct job *job = r->job;
	static const enum job_step signed_steps[] = { JOB_VERIFY, JOB_SEAL };
	bool foreign = job->method && job->method->flags & METHOD_NO_REQUESTS;

	if (!usable(r, "recipe"))
		return;
	for (size_t i = 1; i < job->recipe_len; i++) {
		if (job->recipe[i] > job->recipe[i - 1])
			continue;
		CONTRADICTION(r, item_of(r, "recipe", i),
			      "recipe: %s stands %s %s; allowed: each step once, in this order: "
			      "identify, selftest, identity, credentials, verify, seal",
			      job_step_name(job->recipe[i]),
			      job->recipe[i] == job->recipe[i - 1] ? "again after" : "after",
			      job_step_name(job->recipe[i - 1]));
		return;
	}
	if (!method_is_sure(r)) /* which steps are wanted is a question of the method */
		return;
	if (foreign) {
		check_foreign(r);
		return;
	}
	if (job->recipe[0] != JOB_IDENTIFY)
		CONTRADICTION(r, item_of(r, "recipe", 0), "recipe: it begins with %s; allowed: identify first",
			      job_step_name(job->recipe[0]));
	for (size_t i = 0; i < job->recipe_len; i++)
		for (size_t s = 0; s < sizeof(signed_steps) / sizeof(signed_steps[0]); s++)
			if (job->recipe[i] == signed_steps[s] && !job_has_step(job, JOB_IDENTITY))
				CONTRADICTION(r, item_of(r, "recipe", i),
					      "recipe: %s without identity: the device has no key "
					      "to sign it with; allowed: identity before it",
					      job_step_name(job->recipe[i]));
}

static void check_credentials(const struct reading *r)
{
	const struct job *job = r->job;
	bool reference = *job->passphrase_file || *job->passphrase_env;

	if (job->method && job->method->flags & METHOD_WEAK && !job->weak_ok && usable(r, "credentials.method") &&
	    usable(r, "credentials.weak-ok"))
		CONTRADICTION(r, place_of(r, "credentials.method"),
			      "credentials.method: %s is weak: %s; allowed: weak-ok: true beside it, or a method that "
			      "is not weak",
			      job->method->name, job->method->listener);
	if (usable(r, "recipe") && usable(r, "credentials")) {
		if (job_has_step(job, JOB_CREDENTIALS) && !given(r, "credentials"))
			CONTRADICTION(r, place_of(r, "recipe"),
				      "credentials is missing, for the recipe has that step; allowed: "
				      "credentials: {ssid: ...}, or a recipe without it");
		if (!job_has_step(job, JOB_CREDENTIALS) && given(r, "credentials"))
			CONTRADICTION(r, place_of(r, "credentials")->key,
				      "credentials: the recipe has no such step; allowed: "
				      "the step in the recipe, or no credentials");
	}
	if (!given(r, "credentials") || !usable(r, "credentials.passphrase") || !usable(r, "credentials.security"))
		return;
	if (*job->passphrase_file && *job->passphrase_env)
		CONTRADICTION(r, place_of(r, "credentials.passphrase.env"),
			      "credentials.passphrase: both file and env; "
			      "allowed: one of the two");
	if (given(r, "credentials.passphrase") && !reference && usable(r, "credentials.passphrase.file") &&
	    usable(r, "credentials.passphrase.env"))
		CONTRADICTION(r, place_of(r, "credentials.passphrase"),
			      "credentials.passphrase: neither file nor env; "
			      "allowed: one of the two");
	if (job->security == MR_SECURITY_OPEN && reference)
		CONTRADICTION(r, place_of(r, "credentials.passphrase"),
			      "credentials.passphrase: an open network has none; "
			      "allowed: security: wpa2 or wpa3, or no passphrase");
	if (job->security != MR_SECURITY_OPEN && !given(r, "credentials.passphrase") && usable(r, "radios") &&
	    !job->radios_simulated)
		CONTRADICTION(r, place_of(r, "credentials.passphrase"),
			      "credentials.passphrase is missing; allowed: "
			      "file: NAME, env: NAME, or security: open");
}

static void check_access_point(const struct reading *r)
{
	const struct job *job = r->job;
	const struct node *ssid = place_of(r, "credentials.access_point.ssid");
	bool device_ap = job->method && job->method->flags & METHOD_DEVICE_AP;
	const char *wrong;
	char names[120];

	if (!job->method || !usable(r, "credentials.method") || !usable(r, "credentials.access_point"))
		return;
	if (!device_ap && given(r, "credentials.access_point"))
		CONTRADICTION(
			r, place_of(r, "credentials.access_point")->key,
			"credentials.access_point: the method %s has none; allowed: method: %s, or no access_point",
			job->method->name, method_names(METHOD_DEVICE_AP, names, sizeof(names)));
	if (device_ap && given(r, "credentials") && !given(r, "credentials.access_point"))
		CONTRADICTION(r, place_of(r, "credentials.method"),
			      "credentials.access_point is missing, for %s goes through "
			      "it; allowed: access_point: {ssid: ...}",
			      job->method->name);
	if (!device_ap || !given(r, "credentials.access_point"))
		return;
	if (given(r, "credentials.access_point.ssid") && usable(r, "credentials.access_point.ssid") &&
	    (wrong = roster_ssid_valid(job->ap_ssid)))
		CONTRADICTION(
			r, ssid,
			"credentials.access_point.ssid: %s; allowed: as AC-{serial}, AC-{mac} or one name for all",
			wrong);
	if (job->ap_secrets == JOB_SECRETS_LABELS && !*job->ap_labels && usable(r, "radios") && !job->radios_simulated)
		CONTRADICTION(r, place_of(r, "credentials.access_point"),
			      "credentials.access_point.labels is missing; allowed: "
			      "labels: FILE.csv, or secrets: record");
	if (job->ap_secrets == JOB_SECRETS_RECORD && *job->ap_labels)
		CONTRADICTION(r, place_of(r, "credentials.access_point.labels"),
			      "credentials.access_point.labels: the secrets "
			      "come from the record; allowed: secrets: labels, or no labels");
}

static void check_wps(const struct reading *r)
{
	const struct job *job = r->job;
	bool wps = job->method && job->method->devices == METHOD_ENROLLEES;

	if (!job->method || !usable(r, "credentials.method") || !usable(r, "credentials.wps"))
		return;
	if (!wps && given(r, "credentials.wps"))
		CONTRADICTION(r, place_of(r, "credentials.wps")->key,
			      "credentials.wps: the method %s has none; allowed: method: wps-pin or wps-pbc, or no wps",
			      job->method->name);
	if (!wps)
		return;
	if (job->wps_role == JOB_WPS_EXTERNAL && !(job->method->flags & METHOD_BECOMES_AP) &&
	    usable(r, "credentials.wps.role"))
		CONTRADICTION(r, place_of(r, "credentials.wps.role"),
			      "credentials.wps.role: an access point is set up by its PIN, and %s has none; allowed: "
			      "method: wps-pin, or role: registrar",
			      job->method->name);
	if (job->method->needs & METHOD_NEEDS_PIN && !*job->wps_labels && !job->radios_simulated &&
	    usable(r, "radios") && given(r, "credentials"))
		CONTRADICTION(r, place_of(r, "credentials.method"),
			      "credentials.wps.labels is missing, for %s needs the PIN of each device; allowed: wps: "
			      "{labels: FILE.csv}",
			      job->method->name);
	if (job->security == MR_SECURITY_WPA3 && usable(r, "credentials.security"))
		CONTRADICTION(
			r, place_of(r, "credentials.security"),
			"credentials.security: WPS has no words for wpa3; allowed: wpa2 or open, or another method");
}

/* What belongs to a published scheme alone. */
static void check_scheme(const struct reading *r)
{
	static const char *const own[] = { "credentials.expect", "credentials.scheme_key" };
	const struct job *job = r->job;
	bool keyed = job->scheme == MR_SMART_ESPTOUCH2 || job->scheme == MR_SMART_CC3000 ||
		     job->scheme == MR_SMART_EZCONNECT;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (job->scheme == MR_SMART_NONE && given(r, own[i]))
			CONTRADICTION(
				r, place_of(r, own[i]),
				"%s: a sealed broadcast has none, for its devices say who they are, and its key is "
				"the batch key; allowed: a published scheme, or nothing",
				own[i]);
	if (job->scheme != MR_SMART_NONE && given(r, "credentials.carrier"))
		CONTRADICTION(r, place_of(r, "credentials.carrier"),
			      "credentials.carrier: %s has its own; allowed: scheme: sealed, or no carrier",
			      job->scheme_word);
	if (job->scheme != MR_SMART_NONE && !keyed && *job->scheme_key_file)
		CONTRADICTION(r, place_of(r, "credentials.scheme_key"),
			      "credentials.scheme_key: %s encrypts nothing; allowed: esptouch-v2, cc3000 or ezconnect, "
			      "or no key",
			      job->scheme_word);
}

/* Who are the devices of a published scheme? They do not say. */
static void check_listeners(const struct reading *r)
{
	const struct job *job = r->job;

	if (!usable(r, "admission.expect") || !usable(r, "credentials.expect"))
		return;
	if (!*job->expect_file && !job->expect)
		CONTRADICTION(
			r, place_of(r, "credentials.scheme"),
			"credentials.expect is missing, for devices of %s do not say who they are; allowed: "
			"admission: {expect: FILE} with their addresses, or credentials: {expect: %u}, and whoever "
			"joins the network meanwhile counts",
			job->scheme_word, job->quantity);
	else if (*job->expect_file && job->expect)
		CONTRADICTION(r, place_of(r, "credentials.expect"),
			      "credentials.expect: admission.expect names the devices; allowed: one of the two");
	else if (job->expect > job->quantity)
		CONTRADICTION(r, place_of(r, "credentials.expect"),
			      "credentials.expect: %u of a batch of %u; allowed: 1 to %u, or a larger quantity",
			      job->expect, job->quantity, job->quantity);
}

static bool is_bus(const char *coprocessor) { return strncmp(coprocessor, "i2c:/dev/", 9) == 0; }

/* What proves nothing of Apple's is for batches that are never shipped. */
static void check_accept(const struct reading *r)
{
	const struct job *job = r->job;
	bool emulated = job->radios_simulated && !is_bus(job->wac_coprocessor);

	if (job->wac_accept != JOB_MFI_REAL && !job->test && usable(r, "batch.test"))
		CONTRADICTION(r, place_of(r, "credentials.wac.accept"),
			      "credentials.wac.accept: an emulated coprocessor, or any signature, proves nothing about "
			      "an accessory that ships; allowed: mfi, or batch.test: true");
	if (job->wac_accept == JOB_MFI_REAL && emulated && usable(r, "credentials.wac.accept") && usable(r, "radios"))
		CONTRADICTION(r, place_of(r, "credentials.wac"),
			      "credentials.wac.accept: simulated accessories have emulated coprocessors, which mfi "
			      "refuses; allowed: accept: test-ca");
	if (job->wac_accept != JOB_MFI_ANY && !*job->wac_trust && !(job->wac_accept == JOB_MFI_TEST_CA) && !emulated)
		CONTRADICTION(r, place_of(r, "credentials.wac"),
			      "credentials.wac.trust is missing: Millrace brings no authority of Apple's; allowed: "
			      "trust: FILE.pem with those that you have installed");
}

static void check_wac(const struct reading *r)
{
	const struct job *job = r->job;
	bool wac = job->method && job->method->devices == METHOD_ACCESSORIES;

	if (!job->method || !usable(r, "credentials.method") || !usable(r, "credentials.wac"))
		return;
	if (!wac && given(r, "credentials.wac"))
		CONTRADICTION(r, place_of(r, "credentials.wac")->key,
			      "credentials.wac: the method %s has none; allowed: method: wac, or no wac",
			      job->method->name);
	if (!wac || !given(r, "credentials"))
		return;
	if (strcmp(job->wac_coprocessor, "emulated") != 0 && !is_bus(job->wac_coprocessor) &&
	    usable(r, "credentials.wac.coprocessor"))
		CONTRADICTION(r, place_of(r, "credentials.wac.coprocessor"),
			      "credentials.wac.coprocessor: \"%s\" is no coprocessor; allowed: emulated, or "
			      "i2c:/dev/i2c-N",
			      job->wac_coprocessor);
	else
		check_accept(r);
	if (given(r, "credentials.wac.coprocessor") && !job->radios_simulated && usable(r, "radios"))
		CONTRADICTION(
			r, place_of(r, "credentials.wac.coprocessor"),
			"credentials.wac.coprocessor: real accessories bring their own; allowed: simulated radios, "
			"or no coprocessor");
	if (job->security == MR_SECURITY_WPA3 && usable(r, "credentials.security"))
		CONTRADICTION(r, place_of(r, "credentials.security"),
			      "credentials.security: the station has to join the network to confirm an accessory, and "
			      "does not join wpa3; allowed: wpa2 or open");
}

static void check_sniffer(const struct reading *r)
{
	static const char *const keys[] = { "credentials.scheme", "credentials.carrier", "credentials.expect",
					    "credentials.scheme_key" };
	const struct job *job = r->job;
	struct mr_smart_settings settings = { .ssid_len = (uint8_t)job->ssid_len };
	const char *refused;

	if (!job->method || !usable(r, "credentials.method") || !usable(r, "credentials.scheme"))
		return;
	if (!(job->method->flags & METHOD_BROADCAST)) {
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (given(r, keys[i]))
				CONTRADICTION(
					r, place_of(r, keys[i]),
					"%s: the method %s broadcasts nothing; allowed: method: sniffer, or no %s",
					keys[i], job->method->name, strchr(keys[i], '.') + 1);
		return;
	}
	check_scheme(r);
	if (job->scheme == MR_SMART_NONE)
		return;
	check_listeners(r);
	memcpy(settings.ssid, job->ssid, job->ssid_len);
	refused = given(r, "credentials.ssid") && usable(r, "credentials.ssid")
			  ? mr_smart_refuses(job->scheme, &settings)
			  : NULL;
	if (refused)
		CONTRADICTION(r, place_of(r, "credentials.ssid"),
			      "credentials.ssid: %s cannot carry it: %s; allowed: "
			      "another name, or another scheme",
			      job->scheme_word, refused);
}

static void check_identity(const struct reading *r)
{
	const struct job *job = r->job;
	struct serial_pool *pool;
	char why[160];

	if (usable(r, "recipe") && usable(r, "identity.serial") && usable(r, "identity.serial.pattern") &&
	    usable(r, "identity.serial.file")) {
		if (*job->serial_pattern && *job->serial_file)
			CONTRADICTION(r, place_of(r, "identity.serial.file"),
				      "identity.serial: both pattern and file; allowed: "
				      "one of the two");
		else if (job_has_step(job, JOB_IDENTITY) && !*job->serial_pattern && !*job->serial_file)
			CONTRADICTION(r, place_of(r, "identity.serial"),
				      "identity.serial has neither pattern nor file; allowed: "
				      "serial: {pattern: \"AC1{07}\"}, or serial: {file: serials.csv}");
	}
	if (*job->serial_pattern && usable(r, "identity.serial.first") && usable(r, "batch.quantity")) {
		pool = serial_pool_pattern(job->serial_pattern, job->serial_first, why, sizeof(why));
		if (!pool)
			CONTRADICTION(r, place_of(r, "identity.serial.pattern"),
				      "identity.serial.pattern: %s; allowed: "
				      "A-Z a-z 0-9 . _ - and one counter",
				      why);
		else if (serial_pool_left(pool) < job->quantity)
			CONTRADICTION(r, place_of(r, "identity.serial.pattern"),
				      "identity.serial.pattern: %llu serial numbers "
				      "are left for %u devices; allowed: a longer counter or a lower first",
				      (unsigned long long)serial_pool_left(pool), job->quantity);
		serial_pool_destroy(pool);
	}
	if (job->pin.wps_checksum && job->pin.digits != 8 && usable(r, "identity.pin.digits"))
		CONTRADICTION(r, place_of(r, "identity.pin.wps_checksum"),
			      "identity.pin.wps_checksum: a PIN of %u digits has "
			      "none; allowed: digits: 8, or wps_checksum: false",
			      job->pin.digits);
	if (job->signer_us && !job->test && usable(r, "batch.test"))
		CONTRADICTION(r, place_of(r, "identity.emulated_hsm"),
			      "identity.emulated_hsm: not in a batch that ships; "
			      "allowed: none, or batch.test: true");
}

/* Simulated radios do not hear what the adapters they copy do not. */
static bool hears_5ghz(const char *profile)
{
	return strcmp(profile, "mt7601u") != 0 && strcmp(profile, "ath9k_htc") != 0 &&
	       strcmp(profile, "rt2800usb") != 0;
}

static void check_radios(const struct reading *r)
{
	const struct job *job = r->job;

	if (usable(r, "channels")) {
		for (size_t i = 0; i < job->channel_count; i++) {
			unsigned channel = mr_mhz_to_channel(job->channels[i]);

			for (size_t j = 0; j < i; j++)
				if (job->channels[j] == job->channels[i])
					CONTRADICTION(r, item_of(r, "channels", i),
						      "channels: %u is here twice; allowed: once", channel);
			if (job->radios_simulated && usable(r, "radios.profile") &&
			    mr_band(job->channels[i]) == MR_BAND_5GHZ && !hears_5ghz(job->radio_profile))
				CONTRADICTION(r, item_of(r, "channels", i),
					      "channels: a %s has no 5 GHz and so no channel %u; "
					      "allowed: 1 to 13",
					      job->radio_profile, channel);
		}
	}
	if (!usable(r, "radios"))
		return;
	for (size_t i = 0; i < job->radio_name_count; i++) {
		if (strcmp(job->radio_names[i], "auto") == 0)
			CONTRADICTION(r, item_of(r, "radios", i),
				      "radios: auto is one of a list; allowed: radios: auto, alone");
		for (size_t j = 0; j < i; j++)
			if (strcmp(job->radio_names[i], job->radio_names[j]) == 0)
				CONTRADICTION(r, item_of(r, "radios", i), "radios: \"%s\" is here twice; allowed: once",
					      job->radio_names[i]);
	}
	if (job->radios_simulated && !job->test && usable(r, "batch.test"))
		CONTRADICTION(r, place_of(r, "radios.simulated"),
			      "radios.simulated: simulated radios make nothing that ships; "
			      "allowed: batch.test: true, or radios: auto");
	if (!job->radios_simulated && given(r, "simulation") && given(r, "radios"))
		CONTRADICTION(r, place_of(r, "simulation")->key,
			      "simulation: the radios are real ones; allowed: "
			      "radios: {simulated: ...}, or no simulation");
}

/* A limit on what nobody measures would be one that everything passes. */
static void check_limits(const struct reading *r)
{
	const struct job *job = r->job;
	size_t of_selftest = 0;

	for (size_t i = 0; i < job->limit_count; i++) {
		const struct job_limit *limit = &job->limits[i];

		if (!limit->has_low && !limit->has_high)
			CONTRADICTION(r, item_of(r, "limits", i),
				      "limits: \"%s\" has neither low nor high; allowed: one or both", limit->name);
		if (limit->has_low && limit->has_high && limit->low > limit->high)
			CONTRADICTION(r, item_of(r, "limits", i),
				      "limits: low of \"%s\" is above its high; allowed: low below high", limit->name);
		if (strcmp(limit->name, JOB_LIMIT_RSSI) != 0) {
			if (usable(r, "recipe") && !job_has_step(job, JOB_SELFTEST))
				CONTRADICTION(
					r, item_of(r, "limits", i),
					"limits: \"%s\" is never measured; allowed: rssi, or a recipe with selftest",
					limit->name);
			else if (++of_selftest == MR_SELFTEST_ITEMS_MAX + 1)
				CONTRADICTION(
					r, item_of(r, "limits", i),
					"limits: a self-test has at most %d measurements; allowed: as many limits, "
					"and rssi",
					MR_SELFTEST_ITEMS_MAX);
		}
		for (size_t j = 0; j < i; j++)
			if (strcmp(limit->name, job->limits[j].name) == 0)
				CONTRADICTION(r, item_of(r, "limits", i), "limits: \"%s\" is here twice; allowed: once",
					      limit->name);
	}
}

static void check_attempts(const struct reading *r)
{
	const struct job *job = r->job;

	if (usable(r, "attempts.patience") && usable(r, "admission.lease") && job->patience_us > job->lease_us)
		CONTRADICTION(
			r, place_of(r, given(r, "attempts.patience") ? "attempts.patience" : "admission.lease"),
			"attempts.patience: longer than admission.lease, after which the device is gone; allowed: "
			"a patience below the lease");
	if (usable(r, "limits"))
		check_limits(r);
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* Devices without our agent have faults of their own. */
static const struct foreign_kind {
	enum method_devices devices;
	const char *what, *allowed, *faults[8];
} foreign_kinds[] = {
	{ METHOD_ENROLLEES,
	  "are enrolled by WPS",
	  "wrong-secret, vanish, power-cut, hangs-up, busy, no-join, weak-signal",
	  { "wrong-secret", "vanish", "power-cut", "hangs-up", "busy", "no-join", "weak-signal", NULL } },
	{ METHOD_LISTENERS,
	  "listen in sniffer mode",
	  "vanish, power-cut, hangs-up, no-join, weak-signal",
	  { "vanish", "power-cut", "hangs-up", "no-join", "weak-signal", NULL } },
	{ METHOD_ACCESSORIES,
	  "are configured by WAC",
	  "wrong-secret, vanish, power-cut, hangs-up, busy, no-join, weak-signal",
	  { "wrong-secret", "vanish", "power-cut", "hangs-up", "busy", "no-join", "weak-signal", NULL } },
};

static const struct foreign_kind *foreign_kind(enum method_devices devices)
{
	for (size_t i = 0; i < sizeof(foreign_kinds) / sizeof(foreign_kinds[0]); i++)
		if (foreign_kinds[i].devices == devices)
			return &foreign_kinds[i];
	return NULL;
}

static void check_faults(const struct reading *r)
{
	static const char *const with_operation[] = { "vanish",	   "power-cut",	     "storage",
						      "ap-deauth", "channel-switch", NULL };
	static const char *const of_access_points[] = {
		"wrong-secret", "ap-deauth",	 "no-join",	   "busy",	     "hangs-up",
		"trickles",	"forged",	 "old-firmware",   "many-rounds",    "other-gateway",
		"dhcp-terse",	"dhcp-overload", "dhcp-slow",	   "blank-line",     "hidden",
		"fake-ap",	"forged-deauth", "channel-switch", "other-security", NULL
	};
	static const char *const with_off[] = { "power-cut", "radio-lost", NULL };
	static const char *const of_the_line[] = { "radio-lost",    "garbage", "rogue-station", "replay", "fake-ap",
						   "forged-deauth", NULL };
	const struct foreign_kind *foreign;
	const struct job *job = r->job;
	uint64_t struck = 0;
	char names[120];

	if (!usable(r, "simulation.faults"))
		return;
	for (size_t i = 0; i < job->sim_fault_count; i++) {
		const struct job_fault *fault = &job->sim_faults[i];
		const struct node *item = item_of(r, "simulation.faults", i);

		if (tree_value(item, "operation", 9) && !is_one_of(fault->kind, with_operation))
			CONTRADICTION(
				r, item,
				"simulation.faults: %s has no operation; allowed: with vanish, power-cut, storage, "
				"ap-deauth, channel-switch",
				fault->kind);
		if (strcmp(fault->kind, "storage") == 0 && !fault->operation)
			CONTRADICTION(
				r, item,
				"simulation.faults: storage without operation; allowed: key, identity, credentials, "
				"commit, seal: the request whose write fails");
		foreign = job->method && method_is_sure(r) ? foreign_kind(job->method->devices) : NULL;
		if (foreign) {
			if (!is_one_of(fault->kind, of_the_line) && !is_one_of(fault->kind, foreign->faults))
				CONTRADICTION(r, item, "simulation.faults: devices that %s know no %s; allowed: %s",
					      foreign->what, fault->kind, foreign->allowed);
		} else if (is_one_of(fault->kind, of_access_points) && job->method &&
			   !(job->method->flags & METHOD_DEVICE_AP) && method_is_sure(r))
			CONTRADICTION(r, item,
				      "simulation.faults: %s needs an access point; allowed: with credentials.method "
				      "%s",
				      fault->kind, method_names(METHOD_DEVICE_AP, names, sizeof(names)));
		if (tree_value(item, "off", 3) && !is_one_of(fault->kind, with_off))
			CONTRADICTION(
				r, item,
				"simulation.faults: %s does not come back; allowed: off with power-cut, radio-lost",
				fault->kind);
		if (strcmp(fault->kind, "radio-lost") == 0 && fault->count != 1)
			CONTRADICTION(
				r, item,
				"simulation.faults: radio-lost strikes one radio, not %u; allowed: a row for each",
				fault->count);
		if (!is_one_of(fault->kind, of_the_line))
			struck += fault->count;
	}
	if (struck > job->sim_devices && usable(r, "simulation.devices") && usable(r, "batch.quantity"))
		CONTRADICTION(r, place_of(r, "simulation.faults"),
			      "simulation.faults: they strike %llu devices of %u; allowed: "
			      "one fault per device",
			      (unsigned long long)struck, job->sim_devices);
}

static void check_simulation(const struct reading *r)
{
	const struct job *job = r->job;
	unsigned percent = 0;

	if (!job->radios_simulated)
		return;
	check_faults(r);
	if (job->quiet_us == 0 && usable(r, "admission.quiet"))
		CONTRADICTION(r, place_of(r, "admission.quiet"),
			      "admission.quiet: nobody can bring a missing simulated device; "
			      "allowed: 1s to 24h with simulated radios");
	if (!usable(r, "simulation.chips"))
		return;
	for (size_t i = 0; i < job->sim_chip_count; i++)
		percent += job->sim_chips[i].percent;
	if (percent != 100)
		CONTRADICTION(r, place_of(r, "simulation.chips"),
			      "simulation.chips: the shares add up to %u%%; allowed: 100%%", percent);
}

void job_find_contradictions(struct reading *r)
{
	check_recipe(r);
	check_credentials(r);
	check_access_point(r);
	check_wps(r);
	check_wac(r);
	check_sniffer(r);
	check_identity(r);
	check_radios(r);
	check_attempts(r);
	check_simulation(r);
}
