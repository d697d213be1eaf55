#include "station/job/keys.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/port/sim/profile.h"
#include "agent/wire/channel.h"
#include "station/air/air.h"
#include "station/job/device_fault.h"
#include "station/method/method.h"
#include "station/yaml/value.h"
#include "station/yaml/words.h"
#include "station/radio/radio.h"

/*
 * The words of the table.
 */
static const char *format_word(size_t i) { return i == 0 ? "1" : NULL; }

static const char *secrets_word(size_t i) /* enum job_secrets */
{
	static const char *const words[] = { "labels", "record" };

	return i < sizeof(words) / sizeof(words[0]) ? words[i] : NULL;
}

static const char *wps_role_word(size_t i) /* enum job_wps_role */
{
	static const char *const words[] = { "registrar", "external-registrar" };

	return i < sizeof(words) / sizeof(words[0]) ? words[i] : NULL;
}

static const char *carrier_word(size_t i) /* enum job_carrier */
{
	static const char *const words[] = { "headers", "lengths" };

	return i < sizeof(words) / sizeof(words[0]) ? words[i] : NULL;
}

static const char *scheme_word(size_t i)
{
	return i == 0 ? "sealed" : mr_smart_name((enum mr_smart_scheme)i); /* enum mr_smart_scheme begins with none */
}

static const char *mfi_word(size_t i) /* enum job_mfi */
{
	static const char *const words[] = { "mfi", "test-ca", "any-signature" };

	return i < sizeof(words) / sizeof(words[0]) ? words[i] : NULL;
}

static const char *certificate_word(size_t i) /* enum job_certificate */
{
	static const char *const words[] = { "factory-ca", "pinned" };

	return i < sizeof(words) / sizeof(words[0]) ? words[i] : NULL;
}

static const char *security_word(size_t i) /* enum mr_security */
{
	static const char *const words[] = { "open", "wpa2", "wpa3" };

	return i < sizeof(words) / sizeof(words[0]) ? words[i] : NULL;
}

static const char *step_word(size_t i) { return i < JOB_STEP_COUNT ? job_step_name((enum job_step)i) : NULL; }

static const char *policy_word(size_t i)
{
	static const char *const words[] = { "pex", "round-robin" };

	return i < sizeof(words) / sizeof(words[0]) ? words[i] : NULL;
}

static const char *operation_word(size_t i) /* enum mr_operation counts from 1 without a hole */
{
	static const char *const words[] = {
#define OPERATION_WORD(name, number, text) [(number)-1] = (text),
		MR_OPERATIONS(OPERATION_WORD)
#undef OPERATION_WORD
	};

	return i < sizeof(words) / sizeof(words[0]) ? words[i] : NULL;
}

static const char *chip_word(size_t i)
{
	const struct mr_chip_profile *profile = mr_chip_profile(i);

	return profile ? profile->name : NULL;
}

static const char *fault_word(size_t i)
{
	static const char *const of_the_line[] = { "radio-lost", "garbage", "rogue-station",
						   "replay",	 "fake-ap", "forged-deauth" };
	size_t of_devices = DEVICE_FAULT_COUNT - 1;

	if (i < of_devices)
		return device_fault_name((enum device_fault)(i + 1));
	i -= of_devices;
	return i < sizeof(of_the_line) / sizeof(of_the_line[0]) ? of_the_line[i] : NULL;
}

const char *job_step_name(enum job_step step)
{
	switch (step) {
	case JOB_IDENTIFY: return "identify";
	case JOB_SELFTEST: return "selftest";
	case JOB_IDENTITY: return "identity";
	case JOB_CREDENTIALS: return "credentials";
	case JOB_VERIFY: return "verify";
	case JOB_SEAL: return "seal";
	case JOB_STEP_COUNT: break;
	}
	return "unknown";
}

/*
 * The table.
 */
#define IN(field) .at = offsetof(struct job, field), .size = sizeof(((struct job *)0)->field)
#define OF(type, field) .at = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field)
#define ITEMS(field, count)                                                                                            \
	.at = offsetof(struct job, field), .size = sizeof(((struct job *)0)->field[0]),                                \
	.count_at = offsetof(struct job, count)
#define FLAG(field) .flag_at = offsetof(struct job, field) + 1

const struct key job_keys[] = {
	{ "format", KEY_WORD, .required = true, .words = format_word, .sentence = "the version of this file format" },

	{ "batch", KEY_SECTION, .required = true, .sentence = "what is made" },
	{ "batch.lot", KEY_TEXT, .required = true, .low = "1", .high = "32", IN(lot),
	  .sentence = "name of the batch; running the same job again continues it, a changed job needs a new lot" },
	{ "batch.product", KEY_TEXT, .required = true, .low = "1", .high = "32", IN(product),
	  .sentence = "product as the devices' firmware names it; devices of another one go to the red bin" },
	{ "batch.hw_rev", KEY_TEXT, .fallback = "", .low = "0", .high = "16", IN(hw_rev),
	  .sentence = "hardware revision, for the record" },
	{ "batch.work_order", KEY_TEXT, .fallback = "", .low = "0", .high = "32", IN(work_order),
	  .sentence = "work order, for the record" },
	{ "batch.quantity", KEY_COUNT, .required = true, .low = "1", .high = "1000000", IN(quantity),
	  .sentence = "devices to make" },
	{ "batch.takt", KEY_DURATION, .fallback = "none", .none = "none", .low = "1ms", .high = "24h", IN(takt_us),
	  .sentence = "time per device that the line needs; shown beside the actual one" },
	{ "batch.test", KEY_YESNO, .fallback = "false", IN(test),
	  .sentence = "a batch that is never shipped: simulated radios, faults and an emulated HSM are allowed" },

	{ "identity", KEY_SECTION, .sentence = "who the devices become" },
	{ "identity.keys", KEY_PATH, .otherwise = "`keys` in the current folder", IN(keys),
	  .sentence = "folder made by `millrace ca init`" },
	{ "identity.batch_key", KEY_NAME, .fallback = "default", .low = "1", .high = "32", IN(batch_key),
	  .sentence =
		  "key that this batch's firmware shares with the station: `batch/NAME.key` in the folder of keys" },
	{ "identity.serial", KEY_SECTION, .otherwise = "required by the step `identity`",
	  .sentence = "where serial numbers come from: a pattern or a file" },
	{ "identity.serial.pattern", KEY_TEXT, .otherwise = "`file` is given", .low = "1", .high = "39",
	  IN(serial_pattern),
	  .sentence = "serial number with its counter: `AC1{07}` gives AC10000001, AC10000002, ..." },
	{ "identity.serial.first", KEY_COUNT, .fallback = "1", .low = "0", .high = "999999999999999999",
	  IN(serial_first), .sentence = "where the counter of the pattern starts" },
	{ "identity.serial.file", KEY_PATH, .otherwise = "`pattern` is given", IN(serial_file),
	  .sentence = "one serial number a line, or a CSV whose column `serial` has them" },
	{ "identity.pin", KEY_SECTION, .none = "none", .otherwise = "as its keys say", FLAG(has_pin),
	  .refusal = "a PIN in the job would be every device's",
	  .sentence = "a PIN per device, drawn at random, sealed on record; the device stores a verifier only" },
	{ "identity.pin.digits", KEY_COUNT, .fallback = "8", .low = "6", .high = "16", IN(pin.digits),
	  .sentence = "how many" },
	{ "identity.pin.wps_checksum", KEY_YESNO, .fallback = "false", IN(pin.wps_checksum),
	  .sentence = "the last of 8 digits is the checksum of WSC 2.0.5 section 7.4.1" },
	{ "identity.pin.iterations", KEY_COUNT, .fallback = "2000", .low = "1000", .high = "1000000",
	  IN(pin.iterations),
	  .sentence = "PBKDF2 rounds of the verifier, and the most that a device may ask for; each costs the station "
		      "time" },
	{ "identity.certificate", KEY_SECTION, .sentence = "the IDevID certificate, IEEE 802.1AR" },
	{ "identity.certificate.organization", KEY_UTF8, .fallback = "", .low = "0", .high = "64", IN(organization),
	  .sentence = "O of the subject; CN is the product, serialNumber the serial" },
	{ "identity.certificate.validity", KEY_VALIDITY, .fallback = "forever", .none = "forever", .low = "1days",
	  .high = "99years", IN(validity_s),
	  .sentence =
		  "from issue to notAfter; forever is 99991231235959Z (RFC 5280 section 4.1.2.5); a year is 365 days" },
	{ "identity.certificate.subject_key_identifier", KEY_YESNO, .fallback = "false", IN(subject_key_identifier),
	  .sentence = "adds that extension, which IEEE 802.1AR does not recommend" },
	{ "identity.certificate.hw_type", KEY_OID, .fallback = "", .low = "0", .high = "63", IN(hw_type_oid),
	  .sentence = "object identifier of hardwareModuleName (RFC 4108), under your own arc" },
	{ "identity.emulated_hsm", KEY_DURATION, .fallback = "none", .none = "none", .low = "1ms", .high = "60s",
	  IN(signer_us),
	  .sentence = "for planning, in test batches: signatures take this long, one at a time, as an HSM's do" },

	{ "credentials", KEY_SECTION, .otherwise = "required by the step `credentials`",
	  .sentence = "the network that the devices are to join" },
	{ "credentials.method", KEY_WORD, .fallback = "direct", .words = method_name, IN(method_word),
	  .sentence = "how they get there" },
	{ "credentials.ssid", KEY_OCTETS, .required = true, .low = "1", .high = "32", IN(ssid),
	  .count_at = offsetof(struct job, ssid_len), .sentence = "name of the network, any UTF-8" },
	{ "credentials.security", KEY_ENUM, .fallback = "wpa2", .words = security_word, IN(security),
	  .sentence = "security of the network" },
	{ "credentials.passphrase", KEY_SECTION, .otherwise = "required unless `open`; simulated batches make one up",
	  .refusal = "a passphrase in the job would go on record with it",
	  .sentence = "where the passphrase is; never the passphrase itself, for the job goes on record" },
	{ "credentials.passphrase.file", KEY_PATH, .otherwise = "`env` is given", IN(passphrase_file),
	  .sentence = "file of one line, readable by its owner only (0600 or 0400)" },
	{ "credentials.passphrase.env", KEY_NAME, .otherwise = "`file` is given", .low = "1", .high = "63",
	  IN(passphrase_env), .sentence = "environment variable" },
	{ "credentials.join", KEY_YESNO, .fallback = "true", IN(join),
	  .sentence =
		  "the device joins the network and is seen there before it passes; `direct` does not do that yet" },
	{ "credentials.weak-ok", KEY_YESNO, .fallback = "false", IN(weak_ok),
	  .sentence = "needed by methods with which others in reach can read or guess what is delivered" },
	{ "credentials.scheme", KEY_WORD, .fallback = "sealed", .words = scheme_word, IN(scheme_word),
	  .sentence =
		  "of sniffer: how the broadcast is coded. sealed is our own, under the batch key; the published ones "
		  "are for devices that know no other, and anyone can read them" },
	{ "credentials.carrier", KEY_ENUM, .fallback = "headers", .words = carrier_word, IN(carrier),
	  .sentence =
		  "of sniffer's sealed broadcast: short frames whose payload and group address carry it; or, for chips "
		  "that tell nothing but lengths, frames of many lengths, which take three times the air" },
	{ "credentials.expect", KEY_COUNT, .otherwise = "the devices of `admission.expect`", .low = "1",
	  .high = "100000", IN(expect),
	  .sentence =
		  "of sniffer's published schemes, instead of a list: so many devices that join the network while it "
		  "is broadcast are taken for the job's" },
	{ "credentials.scheme_key", KEY_PATH, .otherwise = "in clear", IN(scheme_key_file),
	  .sentence = "of sniffer's published schemes: file with the key that all devices share, one line, readable by "
		      "its owner only (0600 or 0400); esptouch-v2 and cc3000: 16 characters, ezconnect: up to 32" },
	{ "credentials.access_point", KEY_SECTION, .otherwise = "required by methods of access points",
	  .sentence = "the access points that the devices make themselves" },
	{ "credentials.access_point.ssid", KEY_TEXT, .required = true, .low = "1", .high = "40", IN(ap_ssid),
	  .sentence = "their names: `AC-{serial}`, `AC-{mac}` (last six digits of the BSSID), or one name for all" },
	{ "credentials.access_point.secrets", KEY_ENUM, .fallback = "labels", .words = secrets_word, IN(ap_secrets),
	  .sentence = "where a device's passphrase or PIN comes from: its label, or what an earlier step has put on "
		      "record" },
	{ "credentials.access_point.labels", KEY_PATH, .otherwise = "simulated batches make labels up", IN(ap_labels),
	  .sentence =
		  "CSV with the columns serial, mac, ssid, method, passphrase, pin, as many as there are; readable by "
		  "its owner only (0600 or 0400)" },
	{ "credentials.access_point.certificate", KEY_ENUM, .fallback = "factory-ca", .words = certificate_word,
	  IN(ap_certificate),
	  .sentence = "what a device's TLS server must show: a certificate of the factory's CA with its serial number, "
		      "or any "
		      "one, which is then put on record" },

	{ "credentials.wps", KEY_SECTION, .otherwise = "simulated batches make labels up",
	  .sentence = "Wi-Fi Simple Configuration: wps-pin and wps-pbc" },
	{ "credentials.wps.role", KEY_ENUM, .fallback = "registrar", .words = wps_role_word, IN(wps_role),
	  .sentence = "the station is the access point that devices enrol with; or each device is one, and the station "
		      "sets "
		      "it up from outside" },
	{ "credentials.wps.labels", KEY_PATH, .otherwise = "simulated batches make labels up", IN(wps_labels),
	  .sentence =
		  "CSV with the columns serial, mac, method, pin: which devices there are, and their PINs of 8 digits "
		  "with check digit, or of 4; readable by its owner only (0600 or 0400)" },

	{ "credentials.wac", KEY_SECTION, .otherwise = "as its keys say",
	  .sentence = "Apple's Wireless Accessory Configuration: wac" },
	{ "credentials.wac.accept", KEY_ENUM, .fallback = "mfi", .words = mfi_word, IN(wac_accept),
	  .sentence = "what an accessory's coprocessor must show: a chain up to an authority of `trust`; the same, "
		      "emulations too, or any signature at all, both in test batches only" },
	{ "credentials.wac.trust", KEY_PATH, .otherwise = "with `test-ca` the one in the folder of keys", IN(wac_trust),
	  .sentence = "PEM file with the authorities of coprocessors, which the operator has installed" },
	{ "credentials.wac.coprocessor", KEY_TEXT, .fallback = "emulated", .low = "1", .high = "63",
	  IN(wac_coprocessor),
	  .sentence = "what simulated accessories sign with: `emulated`, or a chip on a bus of this machine, "
		      "`i2c:/dev/i2c-1`" },

	{ "recipe", KEY_LIST, .fallback = "[identify, selftest, identity, credentials, verify, seal]", .low = "1",
	  .high = "6", ITEMS(recipe, recipe_len),
	  .sentence = "the steps, in this order; identify is always there, seal is irreversible" },
	{ "recipe[]", KEY_ENUM, .words = step_word, .size = sizeof(enum job_step), .sentence = "a step" },

	{ "radios", KEY_SECTION, .required = true, .none = "auto", .flag_of_none = true, FLAG(radios_auto),
	  .sentence = "`auto` takes every adapter that passes its test; or a list; or simulated ones" },
	{ "radios", KEY_LIST, .required = true, .low = "1", .high = "32", ITEMS(radio_names, radio_name_count),
	  .sentence = "adapters by interface name, MAC, phy or USB path" },
	{ "radios[]", KEY_TEXT, .low = "1", .high = "31", .size = sizeof(((struct job *)0)->radio_names[0]),
	  .sentence = "`wlan1`, `02:00:5e:10:00:01`, `phy3` or `1-1.2`" },
	{ "radios.simulated", KEY_COUNT, .required = true, .low = "1", .high = "32", IN(radio_count),
	  FLAG(radios_simulated), .sentence = "how many simulated radios; test batches only" },
	{ "radios.profile", KEY_WORD, .fallback = "mt7612u", .words = radio_simulated_profile, IN(radio_profile),
	  .sentence = "which adapter they behave like" },
	{ "channels", KEY_LIST, .fallback = "[1, 6, 11]", .low = "1", .high = "32", ITEMS(channels, channel_count),
	  .sentence = "channels to serve, by number; more channels than radios are shared out over time" },
	{ "channels[]", KEY_CHANNEL, .size = sizeof(uint16_t),
	  .sentence = "a channel of 2.4 or 5 GHz, without those of radar" },

	{ "schedule", KEY_SECTION, .sentence = "which radio sits where, and for how long" },
	{ "schedule.policy", KEY_WORD, .fallback = "pex", .words = policy_word, IN(policy),
	  .sentence = "pex weighs expected useful work; round-robin is there to compare with" },
	{ "schedule.steer", KEY_YESNO, .fallback = "true", IN(steer),
	  .sentence = "devices may be called over to another channel" },

	{ "admission", KEY_SECTION, .sentence = "which devices are taken on, and how many at once" },
	{ "admission.max_in_flight", KEY_COUNT, .fallback = "64", .low = "1", .high = "10000", IN(max_in_flight),
	  .sentence = "sessions at once, over all radios" },
	{ "admission.min_rssi", KEY_SIGNAL, .fallback = "-85dBm", .low = "-100dBm", .high = "-20dBm", IN(min_rssi_dbm),
	  .sentence = "devices heard more weakly are left alone: they stand on another line" },
	{ "admission.expect", KEY_PATH, .otherwise = "any device with the batch key", IN(expect_file),
	  .sentence = "file of the device ids or MACs of this batch, one a line" },
	{ "admission.quiet", KEY_DURATION,
	  .otherwise = "`none`; with simulated radios `10s`, `60s` for devices that listen", .none = "none",
	  .low = "1s", .high = "24h", IN(quiet_us),
	  .sentence =
		  "nobody new for so long, and the rest of the quantity is missing; none waits for it until Ctrl-C" },
	{ "admission.lease", KEY_DURATION, .fallback = "60s", .low = "1s", .high = "1h", IN(lease_us),
	  .sentence = "how long a device stays this station's without hearing from it" },

	{ "attempts", KEY_SECTION, .sentence = "how often, how long" },
	{ "attempts.max", KEY_COUNT, .fallback = "3", .low = "1", .high = "20", IN(attempts_max),
	  .sentence = "attempts per device" },
	{ "attempts.patience", KEY_DURATION, .fallback = "4s", .low = "100ms", .high = "10min", IN(patience_us),
	  .sentence = "silence of a device that ends an attempt" },

	{ "limits", KEY_LIST, .otherwise = "none", .low = "0", .high = "32", ITEMS(limits, limit_count),
	  .sentence = "measurements that must lie between limits" },
	{ "limits[]", KEY_SECTION, .sentence = "a limit" },
	{ "limits[].name", KEY_TEXT, .required = true, .low = "1", .high = "34", OF(job_limit, name),
	  .sentence = "a self-test item as the firmware names it, or `rssi`" },
	{ "limits[].unit", KEY_UTF8, .fallback = "", .low = "0", .high = "7", OF(job_limit, unit),
	  .sentence = "unit of both limits, for people" },
	{ "limits[].low", KEY_DECIMAL, .otherwise = "no lower limit", .low = "-1000000000", .high = "1000000000",
	  OF(job_limit, low), .flag_at = offsetof(struct job_limit, has_low) + 1, .sentence = "lowest good value" },
	{ "limits[].high", KEY_DECIMAL, .otherwise = "no upper limit", .low = "-1000000000", .high = "1000000000",
	  OF(job_limit, high), .flag_at = offsetof(struct job_limit, has_high) + 1, .sentence = "highest good value" },

	{ "guards", KEY_SECTION, .sentence = "what stops admission; devices in flight finish" },
	{ "guards.consecutive_fail", KEY_COUNT, .fallback = "10", .none = "off", .low = "1", .high = "1000",
	  IN(guard_consecutive_fail), .sentence = "so many devices in a row that did not pass" },
	{ "guards.disk_free", KEY_SIZE, .fallback = "256MiB", .low = "1MiB", .high = "1TiB", IN(guard_disk_free),
	  .sentence = "less than this left where the database is" },

	{ "simulation", KEY_SECTION, .sentence = "the devices and the air of simulated radios" },
	{ "simulation.devices", KEY_COUNT, .otherwise = "as `batch.quantity`", .low = "1", .high = "1000000",
	  IN(sim_devices), .sentence = "devices put on the line" },
	{ "simulation.seed", KEY_COUNT, .fallback = "1", .low = "0", .high = "18446744073709551615", IN(sim_seed),
	  .sentence = "the same seed gives the same run, to the octet" },
	{ "simulation.arrival", KEY_DURATION, .fallback = "together", .none = "together", .low = "1us", .high = "1h",
	  IN(sim_arrival_us), .sentence = "time between two devices put on the line" },
	{ "simulation.loss", KEY_SHARE, .fallback = "0%", .low = "0%", .high = "90%", IN(sim_loss),
	  .sentence = "frames lost beyond what distance and collisions cost; an open floor has 5% to 10%" },
	{ "simulation.loss_burst", KEY_DECIMAL, .fallback = "1", .low = "1", .high = "1000", IN(sim_loss_burst),
	  .sentence = "frames that a burst of losses lasts, on average; 1 is no bursts" },
	{ "simulation.bystanders", KEY_SHARE, .fallback = "0%", .low = "0%", .high = "90%", IN(sim_bystander_share),
	  .sentence = "share of the air of each channel that strangers' networks take" },
	{ "simulation.floor", KEY_METRES, .fallback = "12m", .low = "0.5m", .high = "500m", IN(sim_floor_m),
	  .sentence = "side of the square on which devices and radios stand" },
	{ "simulation.network", KEY_CHANNEL, .otherwise = "the first of `channels`", .low = "1", .high = "177",
	  IN(sim_network_mhz), .sentence = "channel of the network that the devices are to join" },
	{ "simulation.neighbours", KEY_COUNT, .fallback = "3", .low = "0", .high = "200", IN(sim_neighbours),
	  .sentence = "other networks that the devices find when they scan" },
	{ "simulation.odd_networks", KEY_SHARE, .fallback = "0%", .low = "0%", .high = "100%", IN(sim_odd_share),
	  .sentence = "share of the devices whose access points are as odd ones in the field are: WMM, 802.11n, PMF, "
		      "802.11b only, "
		      "long beacon intervals, TKIP to all, new keys, odd elements, one STA at a time, never down" },
	{ "simulation.chips", KEY_LIST, .otherwise = "esp32 100%", .low = "1", .high = "8",
	  ITEMS(sim_chips, sim_chip_count), .sentence = "the chips of the devices; shares add up to 100%" },
	{ "simulation.chips[]", KEY_SECTION, .sentence = "a kind of chip" },
	{ "simulation.chips[].profile", KEY_WORD, .required = true, .words = chip_word, OF(job_chip_share, profile),
	  .sentence = "decides how long the device computes" },
	{ "simulation.chips[].share", KEY_PERCENT, .required = true, .low = "1%", .high = "100%",
	  OF(job_chip_share, percent), .sentence = "how many of the devices" },
	{ "simulation.faults", KEY_LIST, .otherwise = "none", .low = "0", .high = "32",
	  ITEMS(sim_faults, sim_fault_count), .sentence = "what goes wrong" },
	{ "simulation.faults[]", KEY_SECTION, .sentence = "a fault" },
	{ "simulation.faults[].kind", KEY_WORD, .required = true, .words = fault_word, OF(job_fault, kind),
	  .sentence = "which" },
	{ "simulation.faults[].count", KEY_COUNT, .fallback = "1", .low = "1", .high = "100000", OF(job_fault, count),
	  .sentence = "how many devices it strikes; garbage, replay, forged-deauth: frames, rogue-station: times "
		      "twenty calls; "
		      "fake-ap: access points" },
	{ "simulation.faults[].operation", KEY_ENUM,
	  .otherwise = "vanish, power-cut, ap-deauth, channel-switch: `after` it starts; required by storage",
	  .words = operation_word, .first = 1, OF(job_fault, operation),
	  .sentence = "request during which vanish, power-cut, storage, ap-deauth and channel-switch strike" },
	{ "simulation.faults[].after", KEY_DURATION, .fallback = "0ms", .low = "0ms", .high = "1h",
	  OF(job_fault, after_us),
	  .sentence =
		  "how long after that request; clone and same-address: after the device would have come; for what is "
		  "no device's: after the start" },
	{ "simulation.faults[].off", KEY_DURATION, .fallback = "2s", .low = "1ms", .high = "1h", OF(job_fault, off_us),
	  .sentence = "how long the power of a power-cut, or the radio of radio-lost, is away" },
};

const size_t job_key_count = sizeof(job_keys) / sizeof(job_keys[0]);

/*
 * What each type is called, how it is written, and how a text becomes one.
 */
struct type_row {
	const char *name;		/* with its article, for messages */
	const struct value_unit *units; /* NULL: not a number */
	bool decimal;
};

static const struct type_row types[KEY_TYPE_COUNT] = {
	[KEY_SECTION] = { "a map of keys", NULL, false },
	[KEY_LIST] = { "a list", NULL, false },
	[KEY_TEXT] = { "a text", NULL, false },
	[KEY_UTF8] = { "a text", NULL, false },
	[KEY_OCTETS] = { "a text", NULL, false },
	[KEY_NAME] = { "a name", NULL, false },
	[KEY_OID] = { "an object identifier", NULL, false },
	[KEY_PATH] = { "a file name", NULL, false },
	[KEY_WORD] = { "a word", NULL, false },
	[KEY_ENUM] = { "a word", NULL, false },
	[KEY_YESNO] = { "true or false", NULL, false },
	[KEY_COUNT] = { "a count", value_none, false },
	[KEY_CHANNEL] = { "a channel number", value_none, false },
	[KEY_DURATION] = { "a duration", value_durations, false },
	[KEY_VALIDITY] = { "a validity", value_validities, false },
	[KEY_SIGNAL] = { "a signal level", value_signals, false },
	[KEY_SHARE] = { "a share", value_percents, true },
	[KEY_PERCENT] = { "a share", value_percents, false },
	[KEY_SIZE] = { "a size", value_sizes, false },
	[KEY_METRES] = { "a distance", value_metres, true },
	[KEY_DECIMAL] = { "a number", value_none, true },
};

const struct key *job_key(const char *path, enum node_kind kind)
{
	const struct key *same_place = NULL;

	for (size_t i = 0; i < job_key_count; i++) {
		const struct key *key = &job_keys[i];

		if (strcmp(key->path, path) != 0)
			continue;
		if ((key->type == KEY_LIST) == (kind == NODE_LIST) && (key->type == KEY_SECTION) == (kind == NODE_MAP))
			return key;
		if (!same_place || key->none)
			same_place = key;
	}
	return same_place;
}

/* "us, ms, s, min, h"; "": none */
static const char *units_of(enum key_type type)
{
	switch (type) {
	case KEY_DURATION: return "us, ms, s, min, h";
	case KEY_VALIDITY: return "days, years";
	case KEY_SIGNAL: return "dBm";
	case KEY_SHARE:
	case KEY_PERCENT: return "%";
	case KEY_SIZE: return "KiB, MiB, GiB, TiB";
	case KEY_METRES: return "m";
	case KEY_SECTION:
	case KEY_LIST:
	case KEY_TEXT:
	case KEY_UTF8:
	case KEY_OCTETS:
	case KEY_NAME:
	case KEY_OID:
	case KEY_PATH:
	case KEY_WORD:
	case KEY_ENUM:
	case KEY_YESNO:
	case KEY_COUNT:
	case KEY_CHANNEL:
	case KEY_DECIMAL:
	case KEY_TYPE_COUNT: break;
	}
	return "";
}

static void add(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(char *text, size_t size, const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + len, size - len, format, args);
	va_end(args);
}

struct key_text job_key_allowed(const struct key *key)
{
	struct key_text out = { "" };
	char *t = out.text;
	size_t size = sizeof(out.text), len = strlen(key->path);
	const char *before = "";

	switch (key->type) {
	case KEY_SECTION:
		add(t, size, "%smap of ", job_key(key->path, NODE_LIST)->type == KEY_LIST ? "list, or " : "");
		for (size_t i = 0; i < job_key_count; i++) {
			const char *below = job_keys[i].path;

			if (strncmp(below, key->path, len) != 0 || below[len] != '.' || strpbrk(below + len + 1, ".["))
				continue;
			add(t, size, "%s%s", before, below + len + 1);
			before = ", ";
		}
		break;
	case KEY_LIST: add(t, size, "list of %s to %s", key->low, key->high); break;
	case KEY_TEXT: add(t, size, "%s to %s characters, printable ASCII", key->low, key->high); break;
	case KEY_UTF8:
	case KEY_OCTETS: add(t, size, "%s to %s octets of UTF-8", key->low, key->high); break;
	case KEY_NAME: add(t, size, "%s to %s of A-Z a-z 0-9 . _ -", key->low, key->high); break;
	case KEY_OID: add(t, size, "numbers with dots, as 1.3.6.1.4.1.99999.1"); break;
	case KEY_PATH: add(t, size, "a file name, relative to the job file"); break;
	case KEY_WORD:
	case KEY_ENUM:
		for (size_t i = 0; key->words(i); i++)
			add(t, size, "%s%s", i ? ", " : "", key->words(i));
		break;
	case KEY_YESNO: add(t, size, "true, false"); break;
	case KEY_CHANNEL: add(t, size, "1 to 13, 32 to 48, 149 to 177 in steps of 4"); break;
	case KEY_COUNT:
	case KEY_DURATION:
	case KEY_VALIDITY:
	case KEY_SIGNAL:
	case KEY_SHARE:
	case KEY_PERCENT:
	case KEY_SIZE:
	case KEY_METRES:
	case KEY_DECIMAL: add(t, size, "%s to %s", key->low, key->high); break;
	case KEY_TYPE_COUNT: break;
	}
	if (key->none)
		add(t, size, ", or %s", key->none);
	return out;
}

struct key_row job_key_reference(const struct key *key)
{
	struct key_row out = { "" };
	const char *fallback = key->fallback && *key->fallback ? key->fallback : NULL;

	snprintf(out.text, sizeof(out.text), "| `%s` | %s | %s | %s%s%s | %s |", key->path, types[key->type].name,
		 job_key_allowed(key).text, fallback ? "`" : "",
		 fallback	  ? fallback
		 : key->fallback  ? "empty"
		 : key->required  ? "required"
		 : key->otherwise ? key->otherwise
				  : "",
		 fallback ? "`" : "", key->sentence);
	return out;
}

/*
 * A scalar into its place.
 */
struct storing {
	const struct key *key;
	const struct node *node;
	char *place;
	void *base;
	struct complaints *c;
};

static void set_flag(const struct key *key, void *base, bool value)
{
	if (key->flag_at)
		*(bool *)((char *)base + key->flag_at - 1) = value;
}

static void store_integer(const struct key *key, char *place, __int128 value)
{
	switch (key->size) {
	case 1: *(uint8_t *)place = (uint8_t)value; return;
	case 2: memcpy(place, &(uint16_t){ (uint16_t)value }, 2); return;
	case 4:
		if (value < 0)
			memcpy(place, &(int32_t){ (int32_t)value }, 4);
		else
			memcpy(place, &(uint32_t){ (uint32_t)value }, 4);
		return;
	case 8: memcpy(place, &(uint64_t){ (uint64_t)value }, 8); return;
	default: abort(); /* no field of the table has another size */
	}
}

static bool complain_range(const struct storing *s)
{
	complain(s->c, s->node->line, s->node->column, "%s: %s is out of range; allowed: %s", s->key->path,
		 quoted(s->node->text, s->node->len).text, job_key_allowed(s->key).text);
	return false;
}

/* "did you mean" for a number without its unit, or with a wrong one: the unit of the default, or the first of all. */
static void complain_number(const struct storing *s, enum value_result result)
{
	const struct key *key = s->key;
	const struct node *node = s->node;
	struct quoted q = quoted(node->text, node->len);
	const char *units = units_of(key->type);
	struct value_number n = { 0 }, like = { 0 };
	const char *example = key->fallback && strcmp(key->fallback, key->none ? key->none : "") != 0 ? key->fallback
												      : key->low;

	switch (result) {
	case VALUE_GOOD: return;
	case VALUE_NO_NUMBER:
		complain(s->c, node->line, node->column, "%s: \"%s\" is not %s; allowed: %s", key->path, q.text,
			 types[key->type].name, job_key_allowed(key).text);
		return;
	case VALUE_NO_UNIT:
	case VALUE_WRONG_UNIT:
		if (!*units) {
			complain(s->c, node->line, node->column, "%s: \"%s\" has a unit; allowed: %s, without unit",
				 key->path, q.text, job_key_allowed(key).text);
			return;
		}
		value_number_parse(node->text, node->len, &n);
		value_number_parse(example, strlen(example), &like);
		if (key->type == KEY_SHARE && result == VALUE_NO_UNIT && strncmp(node->text, "0.", 2) == 0) {
			double share = 0;

			value_decimal(node->text, node->len, value_none, &share);
			complain(s->c, node->line, node->column,
				 "%s: \"%s\" has no unit; allowed: %s; did you mean \"%g%%\"?", key->path, q.text,
				 units, 100 * share);
			return;
		}
		complain(s->c, node->line, node->column, "%s: \"%s\" has %s; allowed: %s; did you mean \"%.*s%.*s\"?",
			 key->path, q.text, result == VALUE_NO_UNIT ? "no unit" : "an unknown unit", units,
			 (int)(n.unit - node->text - (n.unit > node->text && n.unit[-1] == ' ')), node->text,
			 (int)like.unit_len, like.unit);
		return;
	case VALUE_TOO_BIG: complain_range(s); return;
	case VALUE_TOO_FINE:
		complain(s->c, node->line, node->column, "%s: %s is not a whole number of %s; allowed: %s", key->path,
			 q.text,
			 key->type == KEY_DURATION ? "microseconds"
			 : key->type == KEY_SIZE   ? "octets"
			 : *units		   ? units
						   : "units",
			 job_key_allowed(key).text);
		return;
	}
}

static bool store_number(const struct storing *s)
{
	const struct key *key = s->key;
	const struct value_unit *units = types[key->type].units;
	enum value_result result;

	if (types[key->type].decimal) {
		double value = 0, low = 0, high = 0;

		result = value_decimal(s->node->text, s->node->len, units, &value);
		value_decimal(key->low, strlen(key->low), units, &low);
		value_decimal(key->high, strlen(key->high), units, &high);
		if (result == VALUE_GOOD && (value < low || value > high))
			return complain_range(s);
		if (key->type == KEY_SHARE)
			value /= 100;
		if (result == VALUE_GOOD)
			memcpy(s->place, &value, sizeof(value));
	} else {
		__int128 value = 0, low = 0, high = 0;

		result = value_integer(s->node->text, s->node->len, units, &value);
		value_integer(key->low, strlen(key->low), units, &low);
		value_integer(key->high, strlen(key->high), units, &high);
		if (result == VALUE_GOOD && (value < low || value > high))
			return complain_range(s);
		if (result == VALUE_GOOD)
			store_integer(key, s->place, value);
	}
	complain_number(s, result);
	return result == VALUE_GOOD;
}

/* Radar channels (IEEE 802.11-2020 11.9) are never transmitted on by us; 14 carries no OFDM (annex E). */
static bool store_channel(const struct storing *s)
{
	__int128 number = 0;
	uint16_t freq_mhz;
	enum value_result result = value_integer(s->node->text, s->node->len, value_none, &number);

	if (result != VALUE_GOOD) {
		complain_number(s, result);
		return false;
	}
	if (number < 0 || number > 200)
		return complain_range(s);
	freq_mhz = mr_channel_to_mhz((unsigned)number);
	if (freq_mhz >= 5260 && freq_mhz <= 5720) {
		complain(s->c, s->node->line, s->node->column,
			 "%s: %u is a radar channel, on which a station may not call; "
			 "allowed: %s",
			 s->key->path, (unsigned)number, job_key_allowed(s->key).text);
		return false;
	}
	if (freq_mhz == 0 || number == 14) {
		complain(s->c, s->node->line, s->node->column, "%s: there is no channel %u for 802.11g; allowed: %s",
			 s->key->path, (unsigned)number, job_key_allowed(s->key).text);
		return false;
	}
	store_integer(s->key, s->place, freq_mhz);
	return true;
}

static bool store_word(const struct storing *s)
{
	const char *nearest = NULL;
	size_t nearest_distance = SIZE_MAX, i = 0;
	const char *text = s->node->text;
	struct quoted q;

	for (; s->key->words(i); i++) {
		size_t distance = words_distance(text, s->key->words(i));

		if (strcmp(text, s->key->words(i)) == 0 && strlen(text) == s->node->len)
			break;
		if (distance < nearest_distance) {
			nearest = s->key->words(i);
			nearest_distance = distance;
		}
	}
	if (s->key->words(i)) {
		if (s->key->type == KEY_ENUM)
			store_integer(s->key, s->place, (int)i + s->key->first);
		else if (s->key->size)
			snprintf(s->place, s->key->size, "%s", text);
		return true;
	}
	q = quoted(text, s->node->len);
	if (nearest && words_near(text, nearest_distance))
		complain(s->c, s->node->line, s->node->column,
			 "%s: unknown word \"%s\"; allowed: %s; did you mean \"%s\"?", s->key->path, q.text,
			 job_key_allowed(s->key).text, nearest);
	else
		complain(s->c, s->node->line, s->node->column, "%s: unknown word \"%s\"; allowed: %s", s->key->path,
			 q.text, job_key_allowed(s->key).text);
	return false;
}

static bool store_yesno(const struct storing *s)
{
	static const char *const yes[] = { "yes", "on", "True", "TRUE", "1", "y", NULL };
	static const char *const no[] = { "no", "off", "False", "FALSE", "0", "n", NULL };
	const char *text = s->node->text;

	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		*(bool *)s->place = text[0] == 't';
		return true;
	}
	complain(s->c, s->node->line, s->node->column, "%s: \"%s\" is not true or false; allowed: true, false%s",
		 s->key->path, quoted(text, s->node->len).text,
		 words_nearest(text, yes)  ? "; did you mean \"true\"?"
		 : words_nearest(text, no) ? "; did you mean \"false\"?"
					   : "");
	return false;
}

static bool is_name(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' ||
	       c == '-';
}

static bool is_oid(const char *text, size_t len)
{
	bool after_digit = false;
	size_t dots = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' ? !after_digit : text[i] < '0' || text[i] > '9')
			return false;
		dots += text[i] == '.';
		after_digit = text[i] != '.';
	}
	return len == 0 || (after_digit && dots > 0 && text[0] <= '2' && text[1] == '.');
}

static bool characters_fit(enum key_type type, const char *text, size_t len)
{
	bool name = type == KEY_NAME, ascii = type == KEY_TEXT || type == KEY_WORD;

	if (type == KEY_OID)
		return is_oid(text, len);
	if (name && len > 0 && (text[0] == '.' || text[0] == '-'))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (name    ? !is_name(text[i])
		    : ascii ? c < 0x20 || c > 0x7e
			    : type != KEY_OCTETS && (c < 0x20 || c == 0x7f))
			return false;
	}
	return true;
}

/* An SSID may have any octets, and what a block scalar (`|`) ends with was hardly meant. */
static bool has_line_end(const struct node *node)
{
	return memchr(node->text, '\n', node->len) || memchr(node->text, '\r', node->len);
}

static bool store_text(const struct storing *s)
{
	const struct key *key = s->key;
	const struct node *node = s->node;
	bool octets = key->type == KEY_OCTETS;
	size_t low = key->low ? (size_t)strtoul(key->low, NULL, 10) : 1;
	size_t high = key->high ? (size_t)strtoul(key->high, NULL, 10) : key->size - 1;

	assert(high + !octets <= key->size);
	if (node->len < low || node->len > high) {
		complain(s->c, node->line, node->column, "%s: %zu %s are too %s; allowed: %s", key->path, node->len,
			 octets || key->type == KEY_UTF8 ? "octets" : "characters", node->len < low ? "few" : "many",
			 job_key_allowed(key).text);
		return false;
	}
	if (!characters_fit(key->type, node->text, node->len)) {
		complain(s->c, node->line, node->column, "%s: \"%s\" is not %s; allowed: %s", key->path,
			 quoted(node->text, node->len).text, types[key->type].name, job_key_allowed(key).text);
		return false;
	}
	if (octets && has_line_end(node)) {
		complain(s->c, node->line, node->column,
			 "%s: \"%s\" has a line end in it; allowed: one line, in quotes or behind |-", key->path,
			 quoted(node->text, node->len).text);
		return false;
	}
	memset(s->place, 0, key->size);
	memcpy(s->place, node->text, node->len);
	if (octets)
		memcpy((char *)s->base + key->count_at, &node->len, sizeof(node->len));
	return true;
}

static bool store(const struct storing *s)
{
	switch (s->key->type) {
	case KEY_TEXT:
	case KEY_UTF8:
	case KEY_OCTETS:
	case KEY_NAME:
	case KEY_OID:
	case KEY_PATH: return store_text(s);
	case KEY_WORD:
	case KEY_ENUM: return store_word(s);
	case KEY_YESNO: return store_yesno(s);
	case KEY_CHANNEL: return store_channel(s);
	case KEY_COUNT:
	case KEY_DURATION:
	case KEY_VALIDITY:
	case KEY_SIGNAL:
	case KEY_SHARE:
	case KEY_PERCENT:
	case KEY_SIZE:
	case KEY_METRES:
	case KEY_DECIMAL: return store_number(s);
	case KEY_SECTION:
	case KEY_LIST:
	case KEY_TYPE_COUNT: break;
	}
	return false;
}

static bool is_empty(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->plain &&
	       (node->len == 0 || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

/* In words, "a list"; "nothing" for an empty plain scalar. */
static const char *kind_of(const struct node *node)
{
	return is_empty(node)		 ? "nothing"
	       : node->kind == NODE_LIST ? "a list"
	       : node->kind == NODE_MAP	 ? "a map"
					 : "a single value";
}

bool job_key_store(const struct key *key, const struct node *node, void *base, struct complaints *c)
{
	struct storing s = { .key = key, .node = node, .place = (char *)base + key->at, .base = base, .c = c };
	bool scalar = key->type != KEY_SECTION && key->type != KEY_LIST;

	if (node->kind == NODE_SCALAR && key->none && strcmp(node->text, key->none) == 0) {
		if (scalar)
			memset(s.place, 0, key->size);
		else
			set_flag(key, base, key->flag_of_none);
		return true;
	}
	if (node->kind == NODE_SCALAR && key->refusal && !is_empty(node)) {
		complain(c, node->line, node->column, "%s: %s; allowed: %s", key->path, key->refusal,
			 job_key_allowed(key).text);
		return false;
	}
	if (node->kind != NODE_SCALAR || !scalar || is_empty(node)) {
		complain(c, node->line, node->column, "%s: %s where %s belongs; allowed: %s", key->path, kind_of(node),
			 types[key->type].name, job_key_allowed(key).text);
		return false;
	}
	if (!store(&s))
		return false;
	set_flag(key, base, true);
	return true;
}

bool job_key_default(const struct key *key, void *base)
{
	struct job_errors errors;
	struct complaints c;
	struct node node = { .kind = NODE_SCALAR, .text = key->fallback };
	bool good;

	if (!key->fallback)
		return false;
	node.len = strlen(node.text);
	complaints_init(&c, "default", &errors);
	good = job_key_store(key, &node, base, &c);
	assert(good);
	return good;
}
