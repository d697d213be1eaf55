/*
 * Job files: what is refused and with which words, what is taken and with which defaults.
 *
 * links: station/method/method.c station/job/device_fault.c agent/port/sim/profile.c
 * links: station/yaml/complaint.c station/job/contradictions.c station/job/job.c station/job/keys.c
 * links: station/job/passphrase.c station/yaml/tree.c station/yaml/value.c station/yaml/words.c
 * links: station/identity/serial.c agent/wire/channel.c station/base/log.c station/base/loop.c
 * links: station/base/secret_file.c station/base/map.c station/roster/roster.c
 * links: agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 * links: agent/wire/smartconfig.c agent/wire/smartconfig_send.c agent/wire/crc.c agent/wire/cc3000.c
 * links: agent/wire/esptouch1.c agent/wire/esptouch2.c agent/wire/airkiss.c agent/wire/ezconnect.c
 * links: agent/port/linux/crypto_wsc_openssl.c agent/port/linux/crypto_smart_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/base/reach.h"
#include "station/job/keys.h"
#include "station/yaml/tree.h"
#include "station/method/method.h"
#include "tests/unit/job_doubles.h"

#define FORMAT "format: 1\n"
#define BATCH "batch: {lot: a, product: P, quantity: 2, test: true}\n"
#define IDENTITY "identity: {serial: {pattern: \"A{04}\"}}\n"
#define CREDENTIALS "credentials: {ssid: net}\n"
#define RADIOS "radios: {simulated: 2}\n"
#define GOOD FORMAT BATCH IDENTITY CREDENTIALS RADIOS

static const struct malformed {
	const char *yaml, *messages;
} malformed[] = {
	{ GOOD "chanels: [1]\n",
	  "job.yaml:6:1: unknown key \"chanels\"; allowed: format, batch, identity, credentials, "
	  "recipe, radios, channels, schedule, admission, attempts, limits, guards, simulation; "
	  "did you mean \"channels\"?" },
	{ FORMAT "batch: {lot: a, product: P, quantitiy: 2, test: true}\n" IDENTITY CREDENTIALS RADIOS,
	  "job.yaml:2:1: batch.quantity is missing; allowed: 1 to 1000000\n"
	  "job.yaml:2:29: unknown key \"quantitiy\" in batch; allowed: lot, product, hw_rev, "
	  "work_order, quantity, takt, test; did you mean \"quantity\"?" },
	{ GOOD "max_in_flight: 3\n",
	  "job.yaml:6:1: unknown key \"max_in_flight\"; allowed: format, batch, identity, "
	  "credentials, recipe, radios, channels, schedule, admission, attempts, limits, guards, "
	  "simulation; did you mean \"admission.max_in_flight\"?" },
	{ GOOD FORMAT, "job.yaml:6:1: key \"format\" is here twice, first in line 1; allowed: once" },
	{ GOOD "attempts:\n"
	       "  max: 2\n"
	       "  max: 3\n",
	  "job.yaml:8:3: key \"max\" is here twice, first in line 7; allowed: once" },
	{ GOOD "channels: &c [1, 6]\n", "job.yaml:6:11: anchor \"&c\"; allowed: values written out where they belong" },
	{ GOOD "channels: &c [1]\n"
	       "limits: *c\n",
	  "job.yaml:6:11: anchor \"&c\"; allowed: values written out where they belong\n"
	  "job.yaml:7:9: alias \"*c\"; allowed: values written out where they belong" },
	{ GOOD "attempts: {max: !!int 3}\n",
	  "job.yaml:6:17: tag \"tag:yaml.org,2002:int\"; allowed: plain values, their key decides "
	  "the type" },
	{ GOOD "---\n" FORMAT, "job.yaml:6:1: a second document begins; allowed: one job per file" },
	{ FORMAT "batch:\n"
		 "\tlot: a\n",
	  "job.yaml:3:1: a tab; allowed: spaces to indent" },
	{ GOOD "channels: [1, 6\n",
	  "job.yaml:7:1: did not find expected ',' or ']' while parsing a flow sequence that began "
	  "in line 6; allowed: YAML" },
	{ FORMAT "batch: {lot: \"a, product: P, quantity: 2, test: true}\n" IDENTITY CREDENTIALS RADIOS,
	  "job.yaml:3:31: did not find expected ',' or '}' while parsing a flow mapping that began "
	  "in line 2; allowed: YAML" },
	{ FORMAT "batch: {lot: a, product: P}\n" IDENTITY CREDENTIALS RADIOS,
	  "job.yaml:2:1: batch.quantity is missing; allowed: 1 to 1000000\n"
	  "job.yaml:5:21: radios.simulated: simulated radios make nothing that ships; allowed: "
	  "batch.test: true, or radios: auto" },
	{ FORMAT BATCH IDENTITY CREDENTIALS,
	  "job.yaml:1:1: radios is missing; allowed: list, or map of simulated, profile, or auto" },
	{ BATCH IDENTITY CREDENTIALS RADIOS, "job.yaml:1:1: format is missing; allowed: 1" },
	{ "format: 2\n" BATCH IDENTITY CREDENTIALS RADIOS, "job.yaml:1:9: format: unknown word \"2\"; allowed: 1" },
	{ GOOD "attempts: {patience: 30}\n",
	  "job.yaml:6:22: attempts.patience: \"30\" has no unit; allowed: us, ms, s, min, h; did you "
	  "mean \"30s\"?" },
	{ GOOD "attempts: {patience: 30msec}\n",
	  "job.yaml:6:22: attempts.patience: \"30msec\" has an unknown unit; allowed: us, ms, s, "
	  "min, h; did you mean \"30s\"?" },
	{ GOOD "admission: {min_rssi: -60dbm}\n",
	  "job.yaml:6:23: admission.min_rssi: \"-60dbm\" has an unknown unit; allowed: dBm; did you "
	  "mean \"-60dBm\"?" },
	{ GOOD "attempts: {max: 3x}\n",
	  "job.yaml:6:17: attempts.max: \"3x\" has a unit; allowed: 1 to 20, without unit" },
	{ GOOD "attempts: {patience: 2h}\n",
	  "job.yaml:6:22: attempts.patience: 2h is out of range; allowed: 100ms to 10min" },
	{ FORMAT "batch: {lot: a, product: P, quantity: 0, test: true}\n" IDENTITY CREDENTIALS RADIOS,
	  "job.yaml:2:39: batch.quantity: 0 is out of range; allowed: 1 to 1000000" },
	{ GOOD "attempts: {patience: 18446744073709551615h}\n",
	  "job.yaml:6:22: attempts.patience: 18446744073709551615h is out of range; allowed: 100ms "
	  "to 10min" },
	{ GOOD "attempts: {max: 99999999999999999999999}\n",
	  "job.yaml:6:17: attempts.max: 99999999999999999999999 is out of range; allowed: 1 to 20" },
	{ GOOD "attempts: {patience: 200000.5us}\n",
	  "job.yaml:6:22: attempts.patience: 200000.5us is not a whole number of microseconds; "
	  "allowed: 100ms to 10min" },
	{ GOOD "attempts: {max: three}\n", "job.yaml:6:17: attempts.max: \"three\" is not a count; allowed: 1 to 20" },
	{ GOOD "attempts: {max: [3]}\n",
	  "job.yaml:6:17: attempts.max: a list where a count belongs; allowed: 1 to 20" },
	{ GOOD "attempts: {max: {a: 3}}\n",
	  "job.yaml:6:17: attempts.max: a map where a count belongs; allowed: 1 to 20" },
	{ GOOD "attempts: 3\n", "job.yaml:6:11: attempts: a single value where a map of keys belongs; allowed: map of "
				"max, patience" },
	{ GOOD "channels: 6\n",
	  "job.yaml:6:11: channels: a single value where a list belongs; allowed: list of 1 to 32" },
	{ GOOD "attempts: {max: }\n", "job.yaml:6:17: attempts.max: nothing where a count belongs; allowed: 1 to 20" },
	{ FORMAT "batch: {lot: a, product: P, quantity: 2, test: yes}\n" IDENTITY CREDENTIALS RADIOS,
	  "job.yaml:2:48: batch.test: \"yes\" is not true or false; allowed: true, false; did you "
	  "mean \"true\"?" },
	{ GOOD "schedule: {policy: roundrobin}\n",
	  "job.yaml:6:20: schedule.policy: unknown word \"roundrobin\"; allowed: pex, round-robin; "
	  "did you mean \"round-robin\"?" },
	{ GOOD "simulation: {chips: [{profile: esp23, share: 100%}]}\n",
	  "job.yaml:6:32: simulation.chips[].profile: unknown word \"esp23\"; allowed: esp32, "
	  "esp32-c3, cortex-m4, cortex-m3, instant; did you mean \"esp32\"?" },
	{ FORMAT BATCH IDENTITY "credentials:\n  ssid: |\n    net\n" RADIOS,
	  "job.yaml:5:9: credentials.ssid: \"net\\x0a\" has a line end in it; allowed: one line, in quotes or behind "
	  "|-" },
	{ FORMAT BATCH "identity: {serial: {pattern: \"{06}\", first: 0}}\n" CREDENTIALS RADIOS,
	  "job.yaml:3:30: identity.serial.pattern: the serial pattern \"{06}\" starts with a number of zeros, which "
	  "goes "
	  "on no record; set serial.first to 1; allowed: A-Z a-z 0-9 . _ - and one counter" },
	{ GOOD "simulation: {faults: [{kind: power_cut}]}\n",
	  "job.yaml:6:30: simulation.faults[].kind: unknown word \"power_cut\"; allowed: selftest, "
	  "storage, vanish, power-cut, wrong-batch-key, weak-signal, wrong-product, clone, wrong-secret, ap-deauth, "
	  "no-join, busy, hangs-up, trickles, forged, many-rounds, other-gateway, dhcp-terse, dhcp-overload, "
	  "dhcp-slow, blank-line, "
	  "old-firmware, zero-id, same-address, hidden, channel-switch, nearer, no-reading, other-security, "
	  "radio-lost, garbage, rogue-station, replay, fake-ap, forged-deauth; did you mean \"power-cut\"?" },
	{ GOOD "simulation: {faults: [{kind: selftest, operation: verify}]}\n",
	  "job.yaml:6:23: simulation.faults: selftest has no operation; allowed: with vanish, "
	  "power-cut, storage, ap-deauth, channel-switch" },
	{ GOOD "simulation: {faults: [{kind: no-join}]}\n",
	  "job.yaml:6:23: simulation.faults: no-join needs an access point; allowed: with "
	  "credentials.method micro-ap, pin, https" },
	{ GOOD "simulation: {faults: [{kind: vanish, off: 2s}]}\n",
	  "job.yaml:6:23: simulation.faults: vanish does not come back; allowed: off with "
	  "power-cut, radio-lost" },
	{ GOOD "simulation: {faults: [{kind: radio-lost, count: 2}]}\n",
	  "job.yaml:6:23: simulation.faults: radio-lost strikes one radio, not 2; allowed: a row "
	  "for each" },
	{ GOOD "simulation: {faults: [{kind: storage}]}\n",
	  "job.yaml:6:23: simulation.faults: storage without operation; allowed: key, identity, "
	  "credentials, commit, seal: the request whose write fails" },
	{ GOOD "simulation: {faults: [{kind: vanish, count: 3}]}\n",
	  "job.yaml:6:22: simulation.faults: they strike 3 devices of 2; allowed: one fault per "
	  "device" },
	{ GOOD "simulation:\n"
	       "  chips:\n"
	       "    - {profile: esp32, share: 60%}\n"
	       "    - {profile: esp32-c3, share: 30%}\n",
	  "job.yaml:8:5: simulation.chips: the shares add up to 90%; allowed: 100%" },
	{ GOOD "simulation: {loss: 0.05}\n",
	  "job.yaml:6:20: simulation.loss: \"0.05\" has no unit; allowed: %; did you mean \"5%\"?" },
	{ GOOD "recipe: [identify, credentials, identity]\n",
	  "job.yaml:6:33: recipe: identity stands after credentials; allowed: each step once, in "
	  "this order: identify, selftest, identity, credentials, verify, seal" },
	{ GOOD "recipe: [identify, identity, identity, credentials]\n",
	  "job.yaml:6:30: recipe: identity stands again after identity; allowed: each step once, "
	  "in this order: identify, selftest, identity, credentials, verify, seal" },
	{ GOOD "recipe: [selftest, identity, credentials]\n",
	  "job.yaml:6:10: recipe: it begins with selftest; allowed: identify first" },
	{ GOOD "recipe: [identify, credentials, seal]\n",
	  "job.yaml:6:33: recipe: seal without identity: the device has no key to sign it with; "
	  "allowed: identity before it" },
	{ GOOD "recipe: [identify, identity]\n",
	  "job.yaml:4:1: credentials: the recipe has no such step; allowed: the step in the "
	  "recipe, or no credentials" },
	{ FORMAT BATCH IDENTITY RADIOS, "job.yaml:1:1: credentials is missing, for the recipe has that step; allowed: "
					"credentials: {ssid: ...}, or a recipe without it" },
	{ FORMAT "batch: {lot: a, product: P, quantity: 2}\n" IDENTITY CREDENTIALS RADIOS,
	  "job.yaml:5:21: radios.simulated: simulated radios make nothing that ships; allowed: "
	  "batch.test: true, or radios: auto" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, security: open}\n"
				"radios: auto\n"
				"simulation: {seed: 3}\n",
	  "job.yaml:6:1: simulation: the radios are real ones; allowed: radios: {simulated: ...}, "
	  "or no simulation" },
	{ FORMAT BATCH IDENTITY CREDENTIALS "radios: {simulated: 2, profile: mt7601u}\n"
					    "channels: [1, 36]\n",
	  "job.yaml:6:15: channels: a mt7601u has no 5 GHz and so no channel 36; allowed: 1 to 13" },
	{ GOOD "channels: [1, 52]\n",
	  "job.yaml:6:15: channels[]: 52 is a radar channel, on which a station may not call; "
	  "allowed: 1 to 13, 32 to 48, 149 to 177 in steps of 4" },
	{ GOOD "channels: [1, 35]\n",
	  "job.yaml:6:15: channels[]: there is no channel 35 for 802.11g; allowed: 1 to 13, 32 to "
	  "48, 149 to 177 in steps of 4" },
	{ GOOD "channels: [14]\n",
	  "job.yaml:6:12: channels[]: there is no channel 14 for 802.11g; allowed: 1 to 13, 32 to "
	  "48, 149 to 177 in steps of 4" },
	{ GOOD "channels: [1, 6, 1]\n", "job.yaml:6:18: channels: 1 is here twice; allowed: once" },
	{ GOOD "channels: []\n", "job.yaml:6:11: channels: 0 in the list; allowed: list of 1 to 32" },
	{ FORMAT "batch: {lot: a, product: P, quantity: 20, test: true}\n"
		 "identity: {serial: {pattern: \"A{01}\"}}\n" CREDENTIALS RADIOS,
	  "job.yaml:3:30: identity.serial.pattern: 9 serial numbers are left for 20 devices; "
	  "allowed: a longer counter or a lower first" },
	{ FORMAT BATCH "identity: {serial: {pattern: \"A%04d\"}}\n" CREDENTIALS RADIOS,
	  "job.yaml:3:30: identity.serial.pattern: the serial pattern \"A%04d\" has no counter in "
	  "braces; an example: AC1{07}; allowed: A-Z a-z 0-9 . _ - and one counter" },
	{ FORMAT BATCH CREDENTIALS RADIOS,
	  "job.yaml:1:1: identity.serial has neither pattern nor file; allowed: serial: {pattern: "
	  "\"AC1{07}\"}, or serial: {file: serials.csv}" },
	{ FORMAT BATCH "identity: {serial: {pattern: \"A{04}\", file: s.csv}}\n" CREDENTIALS RADIOS,
	  "job.yaml:3:45: identity.serial: both pattern and file; allowed: one of the two" },
	{ FORMAT BATCH "identity: {serial: {pattern: \"A{04}\"}, pin: 12345670}\n" CREDENTIALS RADIOS,
	  "job.yaml:3:45: identity.pin: a PIN in the job would be every device's; allowed: map of "
	  "digits, wps_checksum, iterations, or none" },
	{ FORMAT BATCH
	  "identity: {serial: {pattern: \"A{04}\"}, pin: {digits: 6, wps_checksum: true}}\n" CREDENTIALS RADIOS,
	  "job.yaml:3:71: identity.pin.wps_checksum: a PIN of 6 digits has none; allowed: digits: "
	  "8, or wps_checksum: false" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, passphrase: hunter2hunter2}\n" RADIOS,
	  "job.yaml:4:38: credentials.passphrase: a passphrase in the job would go on record with "
	  "it; allowed: map of file, env" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, passphrase: {file: a, env: B}}\n" RADIOS,
	  "job.yaml:4:53: credentials.passphrase: both file and env; allowed: one of the two" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, passphrase: {}}\n" RADIOS,
	  "job.yaml:4:38: credentials.passphrase: neither file nor env; allowed: one of the two" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, security: open, passphrase: {env: B}}\n" RADIOS,
	  "job.yaml:4:54: credentials.passphrase: an open network has none; allowed: security: "
	  "wpa2 or wpa3, or no passphrase" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, method: micro_ap}\n" RADIOS,
	  "job.yaml:4:34: credentials.method: unknown word \"micro_ap\"; allowed: direct, micro-ap, pin, https, "
	  "wps-pin, wps-pbc, sniffer, wac; did "
	  "you mean \"micro-ap\"?" },
	/* What devices of that method can be asked is not known: no word about the recipe. */
	{ FORMAT BATCH
	  "credentials: {ssid: net, method: wps-pbx, weak-ok: true}\nrecipe: [credentials, verify]\n" RADIOS,
	  "job.yaml:3:34: credentials.method: unknown word \"wps-pbx\"; allowed: direct, micro-ap, pin, https, "
	  "wps-pin, wps-pbc, sniffer, wac; did you mean \"wps-pbc\"?" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, method: sniffer, scheme: airkis, weak-ok: true, expect: 2}\n"
				"recipe: [credentials, verify]\n" RADIOS,
	  "job.yaml:4:51: credentials.scheme: unknown word \"airkis\"; allowed: sealed, esptouch-v1, esptouch-v2, "
	  "airkiss, cc3000, ezconnect; did you mean \"airkiss\"?" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, method: sniffer, scheme: airkiss, expect: 2}\n"
				"recipe: [credentials, verify]\n" RADIOS,
	  "job.yaml:4:34: credentials.method: sniffer is weak: name and passphrase of the network, without effort; "
	  "allowed: weak-ok: true beside it, or a method that is not weak" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, method: sniffer, scheme: airkiss, weak-ok: true}\n"
				"recipe: [credentials, verify]\n" RADIOS,
	  "job.yaml:4:51: credentials.expect is missing, for devices of airkiss do not say who they are; allowed: "
	  "admission: {expect: FILE} with their addresses, or credentials: {expect: 2}, and whoever joins the network "
	  "meanwhile counts" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, method: sniffer, scheme: airkiss, weak-ok: true, expect: 3}\n"
				"recipe: [credentials, verify]\n" RADIOS,
	  "job.yaml:4:83: credentials.expect: 3 of a batch of 2; allowed: 1 to 2, or a larger quantity" },
	{ FORMAT BATCH IDENTITY
	  "credentials: {ssid: net, method: sniffer, scheme: airkiss, weak-ok: true, expect: 2, scheme_key: k}\n"
	  "recipe: [credentials, verify]\n" RADIOS,
	  "job.yaml:4:98: credentials.scheme_key: airkiss encrypts nothing; allowed: esptouch-v2, cc3000 or ezconnect, "
	  "or no key" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, method: sniffer, expect: 2}\n" RADIOS,
	  "job.yaml:4:51: credentials.expect: a sealed broadcast has none, for its devices say who they are, and its "
	  "key is the batch key; allowed: a published scheme, or nothing" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, method: direct, scheme: airkiss}\n" RADIOS,
	  "job.yaml:4:50: credentials.scheme: the method direct broadcasts nothing; allowed: method: sniffer, or no "
	  "scheme" },
	{ FORMAT BATCH IDENTITY
	  "credentials: {ssid: net, method: wps-pbc, weak-ok: true, wps: {role: external-registrar}}\n"
	  "recipe: [credentials, verify]\nadmission: {expect: list}\n" RADIOS,
	  "job.yaml:4:70: credentials.wps.role: an access point is set up by its PIN, and wps-pbc has none; allowed: "
	  "method: wps-pin, or role: registrar" },
	{ FORMAT "batch: {lot: a, product: P, quantity: 2}\n"
		 "credentials: {ssid: net, security: open, method: wac, weak-ok: true, wac: {accept: test-ca}}\n"
		 "recipe: [credentials, verify]\nadmission: {expect: list}\nradios: auto\n",
	  "job.yaml:3:84: credentials.wac.accept: an emulated coprocessor, or any signature, proves nothing about an "
	  "accessory that ships; allowed: mfi, or batch.test: true" },
	{ FORMAT "batch: {lot: a, product: P, quantity: 2}\n"
		 "credentials: {ssid: net, security: open, method: wac, weak-ok: true}\n"
		 "recipe: [credentials, verify]\nadmission: {expect: list}\nradios: auto\n",
	  "job.yaml:3:1: credentials.wac.trust is missing: Millrace brings no authority of Apple's; allowed: trust: "
	  "FILE.pem with those that you have installed" },
	{ FORMAT BATCH "credentials: {ssid: net, method: wac, weak-ok: true, wac: {accept: mfi, trust: a.pem}}\n"
		       "recipe: [credentials, verify]\n" RADIOS,
	  "job.yaml:3:59: credentials.wac.accept: simulated accessories have emulated coprocessors, which mfi refuses; "
	  "allowed: accept: test-ca" },
	{ FORMAT BATCH "credentials: {ssid: net, method: wac, weak-ok: true, wac: {coprocessor: usb}}\n"
		       "recipe: [credentials, verify]\n" RADIOS,
	  "job.yaml:3:73: credentials.wac.coprocessor: \"usb\" is no coprocessor; allowed: emulated, or "
	  "i2c:/dev/i2c-N" },
	{ FORMAT BATCH "credentials: {ssid: net, method: wac, wac: {accept: test-ca}}\n"
		       "recipe: [credentials, verify]\n" RADIOS,
	  "job.yaml:3:34: credentials.method: wac is weak: who the accessory is; a stranger in its place, with any "
	  "such coprocessor, has the credentials; allowed: weak-ok: true beside it, or a method that is not weak" },
	{ FORMAT BATCH "credentials: {ssid: net, method: wac, security: wpa3, weak-ok: true, wac: {accept: test-ca}}\n"
		       "recipe: [credentials, verify]\n" RADIOS,
	  "job.yaml:3:49: credentials.security: the station has to join the network to confirm an accessory, and does "
	  "not join wpa3; allowed: wpa2 or open" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, wac: {accept: test-ca}}\n" RADIOS,
	  "job.yaml:4:26: credentials.wac: the method direct has none; allowed: method: wac, or no wac" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, method: pin}\n" RADIOS,
	  "job.yaml:4:34: credentials.access_point is missing, for pin goes through it; allowed: access_point: "
	  "{ssid: ...}" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, access_point: {ssid: A}}\n" RADIOS,
	  "job.yaml:4:26: credentials.access_point: the method direct has none; allowed: method: micro-ap, pin, "
	  "https, or no access_point" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, method: pin, access_point: {ssid: \"A-{pin}\"}}\n" RADIOS,
	  "job.yaml:4:60: credentials.access_point.ssid: what stands in braces is neither serial nor mac; allowed: "
	  "as AC-{serial}, AC-{mac} or one name for all" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, security: open, method: pin, access_point: {ssid: A}}\n"
				"radios: auto\n",
	  "job.yaml:4:69: credentials.access_point.labels is missing; allowed: labels: FILE.csv, or secrets: record" },
	{ FORMAT BATCH IDENTITY
	  "credentials: {ssid: net, method: pin, access_point: {ssid: A, secrets: record, labels: l}}\n" RADIOS,
	  "job.yaml:4:88: credentials.access_point.labels: the secrets come from the record; allowed: secrets: labels, "
	  "or no labels" },
	{ FORMAT BATCH IDENTITY CREDENTIALS "radios: auto\n",
	  "job.yaml:4:1: credentials.passphrase is missing; allowed: file: NAME, env: NAME, or "
	  "security: open" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}\n" RADIOS,
	  "job.yaml:4:21: credentials.ssid: 33 octets are too many; allowed: 1 to 32 octets of "
	  "UTF-8" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: \"\"}\n" RADIOS,
	  "job.yaml:4:21: credentials.ssid: 0 octets are too few; allowed: 1 to 32 octets of UTF-8" },
	{ FORMAT "batch: {lot: a, product: P, quantity: 2}\n"
		 "identity: {serial: {pattern: \"A{04}\"}, emulated_hsm: 80ms}\n"
		 "credentials: {ssid: net, security: open}\n"
		 "radios: auto\n",
	  "job.yaml:3:54: identity.emulated_hsm: not in a batch that ships; allowed: none, or "
	  "batch.test: true" },
	{ GOOD "admission: {lease: 2s}\n",
	  "job.yaml:6:20: attempts.patience: longer than admission.lease, after which the device "
	  "is gone; allowed: a patience below the lease" },
	{ GOOD "admission: {quiet: none}\n",
	  "job.yaml:6:20: admission.quiet: nobody can bring a missing simulated device; allowed: 1s to "
	  "24h with simulated radios" },
	{ GOOD "limits: [{name: v, low: 3, high: 2}, {name: w}, {name: v, low: 1}]\n",
	  "job.yaml:6:10: limits: low of \"v\" is above its high; allowed: low below high\n"
	  "job.yaml:6:38: limits: \"w\" has neither low nor high; allowed: one or both\n"
	  "job.yaml:6:49: limits: \"v\" is here twice; allowed: once" },
	{ GOOD "recipe: [identify, identity, credentials]\nlimits: [{name: rssi, low: -60}, {name: v, low: 1}]\n",
	  "job.yaml:7:34: limits: \"v\" is never measured; allowed: rssi, or a recipe with selftest" },
	{ GOOD "limits: [{name: a, low: 1}, {name: b, low: 1}, {name: c, low: 1}, {name: rssi, low: -60}, "
	       "{name: d, low: 1}, {name: e, low: 1}, {name: f, low: 1}, {name: g, low: 1}, {name: h, low: 1}, "
	       "{name: i, low: 1}]\n",
	  "job.yaml:6:186: limits: a self-test has at most 8 measurements; allowed: as many limits, and rssi" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, security: open}\n"
				"radios: [wlan1, wlan1, auto]\n",
	  "job.yaml:5:17: radios: \"wlan1\" is here twice; allowed: once\n"
	  "job.yaml:5:24: radios: auto is one of a list; allowed: radios: auto, alone" },
	{ FORMAT BATCH IDENTITY "credentials: {ssid: net, security: open}\n"
				"radios: wlan0\n",
	  "job.yaml:5:9: radios: a single value where a map of keys belongs; allowed: list, or map "
	  "of simulated, profile, or auto" },
	{ FORMAT BATCH "identity: {serial: {pattern: \"A{04}\"}, batch_key: ../x}\n" CREDENTIALS RADIOS,
	  "job.yaml:3:51: identity.batch_key: \"../x\" is not a name; allowed: 1 to 32 of A-Z a-z "
	  "0-9 . _ -" },
	{ FORMAT BATCH "identity: {serial: {pattern: \"A{04}\"}, certificate: {hw_type: 1.3.x}}\n" CREDENTIALS RADIOS,
	  "job.yaml:3:63: identity.certificate.hw_type: \"1.3.x\" is not an object identifier; "
	  "allowed: numbers with dots, as 1.3.6.1.4.1.99999.1" },
	{ GOOD "? [a]\n"
	       ": 1\n",
	  "job.yaml:6:3: a key is a word, not a list; allowed: name: value" },
	{ "- format: 1\n", "job.yaml:1:1: a list where the keys of a job belong; allowed: format: 1, batch: ..., as "
			   "in config/jobs/minimal.yaml" },
	{ "hello\n", "job.yaml:1:1: a single value where the keys of a job belong; allowed: format: 1, batch: "
		     "..., as in config/jobs/minimal.yaml" },
	{ "", "job.yaml:1:1: the file is empty; allowed: a job, as in config/jobs/minimal.yaml" },
	{ "# nothing\n", "job.yaml:1:1: the file is empty; allowed: a job, as in config/jobs/minimal.yaml" },
	{ GOOD "limits: [[[[[[[[[[1]]]]]]]]]]\n", "job.yaml:6:16: nested too deeply; allowed: 8 levels" },
	{ FORMAT "batch: {lot: \"a\\0b\", product: P, quantity: 2, test: true}\n" IDENTITY CREDENTIALS RADIOS,
	  "job.yaml:2:14: batch.lot: \"a\\x00b\" is not a text; allowed: 1 to 32 characters, "
	  "printable ASCII" },
	{ GOOD "<<: {a: 1}\n",
	  "job.yaml:6:1: unknown key \"<<\"; allowed: format, batch, identity, credentials, recipe, "
	  "radios, channels, schedule, admission, attempts, limits, guards, simulation" },
	{ GOOD "limits[]: {a: 1}\n",
	  "job.yaml:6:1: unknown key \"limits[]\"; allowed: format, batch, identity, credentials, "
	  "recipe, radios, channels, schedule, admission, attempts, limits, guards, simulation; "
	  "did you mean \"limits\"?" },
};

static struct job *parse(const char *yaml, struct job_errors *errors)
{
	return job_parse("job.yaml", yaml, strlen(yaml), errors);
}

static struct job *parse_good(const char *yaml)
{
	struct job_errors errors;
	struct job *job = parse(yaml, &errors);

	if (!job)
		fail_msg("%s", errors.text[0]);
	return job;
}

static void join(const struct job_errors *errors, char *out, size_t size)
{
	*out = '\0';
	for (size_t i = 0; i < errors->count; i++) {
		size_t len = strlen(out);

		snprintf(out + len, size - len, "%s%s", i ? "\n" : "", errors->text[i]);
	}
}

static void a_malformed_job_is_refused_with_place_and_remedy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		static char text[20 * 480];
		struct job_errors errors;

		assert_null(parse(malformed[i].yaml, &errors));
		join(&errors, text, sizeof(text));
		assert_string_equal(text, malformed[i].messages);
	}
}

static void octets_that_are_no_text_are_refused_where_they_stand(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *message;
	} rows[] = {
		{ "format: 1\nbatch: \xff\n", 19,
		  "job.yaml:2:8: octet 0xff is not UTF-8; allowed: a text file in UTF-8" },
		{ "a\xc3", 2, "job.yaml:1:2: octet 0xc3 is not UTF-8; allowed: a text file in UTF-8" },
		{ "\xc0\x80", 2, "job.yaml:1:1: octet 0xc0 is not UTF-8; allowed: a text file in UTF-8" },
		{ "a\xed\xa0\x80", 4, "job.yaml:1:2: octet 0xed is not UTF-8; allowed: a text file in UTF-8" },
		{ "a: \xf4\x90\x80\x80", 7, "job.yaml:1:4: octet 0xf4 is not UTF-8; allowed: a text file in UTF-8" },
		{ "a: \0", 4, "job.yaml:1:4: character U+0000; allowed: text, spaces and line ends" },
		{ "a: \xc3\xbc\x1b[31m", 10, "job.yaml:1:5: character U+001B; allowed: text, spaces and line ends" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job_errors errors;

		assert_null(job_parse("job.yaml", rows[i].bytes, rows[i].len, &errors));
		assert_int_equal(errors.count, 1);
		assert_string_equal(errors.text[0], rows[i].message);
	}
}

static void a_file_is_not_larger_than_a_mebibyte(void **state)
{
	size_t len = TREE_OCTETS_MAX + 1;
	char *bytes = malloc(len);
	struct job_errors errors;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, ' ', len);
	memcpy(bytes, GOOD, strlen(GOOD));
	assert_null(job_parse("job.yaml", bytes, len, &errors));
	assert_string_equal(errors.text[0], "job.yaml:1:1: the file has 1048577 octets; allowed: 1048576");
	job_destroy(job_parse("job.yaml", bytes, len - 1, &errors));
	assert_int_equal(errors.count, 0);
	free(bytes);
}

static void twenty_errors_are_shown_in_the_order_of_the_file(void **state)
{
	char yaml[2000] = "";
	struct job_errors errors;

	(void)state;
	for (int i = 0; i < 30; i++)
		snprintf(yaml + strlen(yaml), sizeof(yaml) - strlen(yaml), "x%d: 1\n", i);
	assert_null(parse(yaml, &errors));
	assert_int_equal(errors.count, 20);
	for (size_t i = 1; i < errors.count; i++) {
		unsigned line[2] = { 0, 0 };

		assert_int_equal(sscanf(errors.text[i - 1], "job.yaml:%u:", &line[0]), 1);
		assert_int_equal(sscanf(errors.text[i], "job.yaml:%u:", &line[1]), 1);
		assert_true(line[0] <= line[1]);
	}
}

static void too_many_values_are_refused(void **state)
{
	size_t size = 100000;
	char *yaml = malloc(size);
	struct job_errors errors;

	(void)state;
	assert_non_null(yaml);
	snprintf(yaml, size, GOOD "channels: [");
	for (int i = 0; i < 9000; i++)
		strcat(yaml, "1, ");
	strcat(yaml, "1]\n");
	assert_null(parse(yaml, &errors));
	assert_int_equal(errors.count, 1);
	assert_non_null(strstr(errors.text[0], "too many values; allowed: 4096 in one file"));
	free(yaml);
}

static void a_passphrase_that_stands_in_the_job_is_not_repeated(void **state)
{
	struct job_errors errors;

	(void)state;
	assert_null(
		parse(FORMAT BATCH IDENTITY "credentials: {ssid: net, passphrase: hunter2hunter2}\n" RADIOS, &errors));
	for (size_t i = 0; i < errors.count; i++)
		assert_null(strstr(errors.text[i], "hunter2"));
}

static void the_defaults_are_those_of_the_table(void **state)
{
	struct job *job = parse_good(GOOD);

	(void)state;
	assert_string_equal(job->lot, "a");
	assert_string_equal(job->hw_rev, "");
	assert_int_equal(job->takt_us, 0);
	assert_string_equal(job->keys, "keys");
	assert_string_equal(job->batch_key, "default");
	assert_int_equal(job->serial_first, 1);
	assert_true(job->has_pin);
	assert_int_equal(job->pin.digits, 8);
	assert_false(job->pin.wps_checksum);
	assert_int_equal(job->pin.iterations, 2000);
	assert_int_equal(job->validity_s, 0);
	assert_int_equal(job->signer_us, 0);
	assert_int_equal(strcmp(job->method->name, "direct"), 0);
	assert_int_equal(job->ssid_len, 3);
	assert_memory_equal(job->ssid, "net", 3);
	assert_int_equal(job->security, MR_SECURITY_WPA2);
	assert_int_equal(job->recipe_len, JOB_STEP_COUNT);
	for (size_t i = 0; i < JOB_STEP_COUNT; i++)
		assert_int_equal(job->recipe[i], i);
	assert_true(job->radios_simulated);
	assert_false(job->radios_auto);
	assert_int_equal(job->radio_count, 2);
	assert_string_equal(job->radio_profile, "mt7612u");
	assert_int_equal(job->channel_count, 3);
	assert_int_equal(job->channels[0], 2412);
	assert_int_equal(job->channels[2], 2462);
	assert_string_equal(job->policy, "pex");
	assert_true(job->steer);
	assert_int_equal(job->max_in_flight, 64);
	assert_int_equal(job->min_rssi_dbm, -85);
	assert_int_equal(job->quiet_us, 10000000);
	assert_int_equal(job->lease_us, 60000000);
	assert_int_equal(job->attempts_max, 3);
	assert_int_equal(job->patience_us, 4000000);
	assert_int_equal(job->limit_count, 0);
	assert_int_equal(job->guard_consecutive_fail, 10);
	assert_int_equal(job->guard_disk_free, 256u << 20);
	assert_int_equal(job->sim_devices, 2);
	assert_int_equal(job->sim_seed, 1);
	assert_int_equal(job->sim_arrival_us, 0);
	assert_true(job->sim_loss == 0.0);
	assert_true(job->sim_loss_burst == 1.0);
	assert_true(job->sim_floor_m == 12.0);
	assert_int_equal(job->sim_chip_count, 1);
	assert_string_equal(job->sim_chips[0].profile, "esp32");
	assert_int_equal(job->sim_chips[0].percent, 100);
	job_destroy(job);
}

static void what_is_written_arrives_in_base_units(void **state)
{
	struct job *job = parse_good(
		FORMAT
		"batch: {lot: \"L 1\", product: P, hw_rev: C, work_order: W, quantity: 10, takt: 1.5s, test: true}\n"
		"identity:\n  batch_key: k2\n  serial: {pattern: \"X{03}-Z\", first: 900}\n  pin: none\n"
		"  certificate: {organization: \"M\xc3\xbchle\", validity: 20years, hw_type: 1.3.6.1.4.1.99999.1}\n"
		"  emulated_hsm: 80ms\n"
		"credentials: {ssid: \"\\x01 caf\\u00e9\", security: wpa3}\n"
		"recipe: [identify, selftest, identity, credentials]\n"
		"radios: {simulated: 3, profile: ideal}\nchannels: [13, 36, 165]\n"
		"schedule: {policy: round-robin, steer: false}\n"
		"admission: {max_in_flight: 7, min_rssi: -60dBm, quiet: 1min, lease: 2min}\n"
		"limits:\n  - {name: rssi, unit: dBm, low: -65}\n  - {name: supply, unit: V, low: 3.2, high: 3.4}\n"
		"guards: {consecutive_fail: off, disk_free: 1.5GiB}\n"
		"simulation:\n  devices: 9\n  seed: 18446744073709551615\n  arrival: 250us\n  loss: 2.5%\n  floor: 7.5 "
		"m\n"
		"  chips: [{profile: esp32, share: 60%}, {profile: instant, share: 40%}]\n"
		"  faults:\n    - {kind: vanish, count: 2, operation: credentials, after: 5ms}\n"
		"    - {kind: radio-lost, off: 3s}\n");

	(void)state;
	assert_int_equal(job->takt_us, 1500000);
	assert_string_equal(job->work_order, "W");
	assert_string_equal(job->batch_key, "k2");
	assert_int_equal(job->serial_first, 900);
	assert_false(job->has_pin);
	assert_string_equal(job->organization, "M\xc3\xbchle");
	assert_int_equal(job->validity_s, INT64_C(20) * 365 * 86400);
	assert_string_equal(job->hw_type_oid, "1.3.6.1.4.1.99999.1");
	assert_int_equal(job->signer_us, 80000);
	assert_int_equal(job->ssid_len, 7);
	assert_memory_equal(job->ssid, "\x01 caf\xc3\xa9", 7);
	assert_int_equal(job->security, MR_SECURITY_WPA3);
	assert_int_equal(job->recipe_len, 4);
	assert_int_equal(job->recipe[3], JOB_CREDENTIALS);
	assert_int_equal(job->channels[0], 2472);
	assert_int_equal(job->channels[2], 5825);
	assert_string_equal(job->policy, "round-robin");
	assert_false(job->steer);
	assert_int_equal(job->min_rssi_dbm, -60);
	assert_int_equal(job->quiet_us, 60000000);
	assert_int_equal(job->lease_us, 120000000);
	assert_int_equal(job->limit_count, 2);
	assert_true(job->limits[0].has_low);
	assert_false(job->limits[0].has_high);
	assert_true(job->limits[1].high == 3.4);
	assert_int_equal(job->guard_consecutive_fail, 0);
	assert_int_equal(job->guard_disk_free, 3u << 29);
	assert_int_equal(job->sim_devices, 9);
	assert_true(job->sim_seed == UINT64_MAX);
	assert_int_equal(job->sim_arrival_us, 250);
	assert_true(job->sim_loss == 0.025);
	assert_true(job->sim_floor_m == 7.5);
	assert_int_equal(job->sim_chips[1].percent, 40);
	assert_int_equal(job->sim_faults[0].operation, MR_OP_CREDENTIALS);
	assert_int_equal(job->sim_faults[0].after_us, 5000);
	assert_int_equal(job->sim_faults[1].count, 1);
	assert_int_equal(job->sim_faults[1].operation, 0);
	assert_int_equal(job->sim_faults[1].off_us, 3000000);
	job_destroy(job);
}

static void radios_are_auto_or_a_list_or_simulated(void **state)
{
	struct job *job = parse_good(FORMAT BATCH IDENTITY "credentials: {ssid: n, security: open}\nradios: auto\n");

	(void)state;
	assert_true(job->radios_auto);
	assert_false(job->radios_simulated);
	assert_int_equal(job->sim_devices, 0);
	assert_int_equal(job->quiet_us, 0); /* a line waits for its devices */
	job_destroy(job);
	job = parse_good(FORMAT BATCH IDENTITY "credentials: {ssid: n, security: open}\nradios: auto\n"
					       "admission: {quiet: 5min}\n");
	assert_int_equal(job->quiet_us, 300000000);
	job_destroy(job);
	job = parse_good(FORMAT BATCH IDENTITY
			 "credentials: {ssid: n, security: open}\nradios: [1-1.2, \"02:00:5e:10:00:01\"]\n");
	assert_false(job->radios_auto);
	assert_int_equal(job->radio_name_count, 2);
	assert_string_equal(job->radio_names[1], "02:00:5e:10:00:01");
	job_destroy(job);
}

static void both_ends_of_every_range_are_good_and_beyond_is_not(void **state)
{
	static const struct {
		const char *format, *good[2], *bad[2];
	} rows[] = {
		{ GOOD "attempts: {max: %s}\n", { "1", "20" }, { "0", "21" } },
		{ GOOD "admission: {min_rssi: %s}\n", { "-100dBm", "-20dBm" }, { "-101dBm", "-19dBm" } },
		{ GOOD "admission: {lease: %s}\n", { "4s", "60min" }, { "999ms", "3600.000001s" } },
		{ GOOD "admission: {quiet: %s}\n", { "1s", "24h" }, { "999ms", "none" } },
		{ GOOD "guards: {disk_free: %s}\n", { "1MiB", "1024GiB" }, { "1023KiB", "1025GiB" } },
		{ GOOD "simulation: {loss: %s}\n", { "0%", "90%" }, { "-0.1%", "90.1%" } },
		{ GOOD "simulation: {floor: %s}\n", { "0.5m", "500m" }, { "0.4m", "501m" } },
		{ GOOD "limits: [{name: v, low: %s}]\n", { "-1000000000", "1000000000" }, { "-1000000001", "1e9" } },
		{ GOOD "channels: [%s]\n", { "1", "177" }, { "0", "4294967297" } },
		{ GOOD "simulation: {seed: %s}\n", { "0", "18446744073709551615" }, { "-1", "18446744073709551616" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t end = 0; end < 2; end++) {
			char yaml[512];
			struct job_errors errors;

			snprintf(yaml, sizeof(yaml), rows[i].format, rows[i].good[end]);
			job_destroy(parse_good(yaml));
			snprintf(yaml, sizeof(yaml), rows[i].format, rows[i].bad[end]);
			assert_null(parse(yaml, &errors));
			assert_int_equal(errors.count, 1);
		}
	}
}

static void the_exact_octets_and_their_digest_are_kept(void **state)
{
	static const char yaml[] = GOOD "# a comment is part of the record \xe2\x9c\x93\n\n";
	struct job *job = parse_good(yaml);
	uint8_t digest[32];

	(void)state;
	assert_int_equal(job->len, sizeof(yaml) - 1);
	assert_memory_equal(job->bytes, yaml, sizeof(yaml));
	assert_true(mr_sha256(yaml, sizeof(yaml) - 1, digest));
	assert_memory_equal(job->sha256, digest, 32);
	job_destroy(job);
}

static void paths_are_relative_to_the_job_file(void **state)
{
	static const char yaml[] = FORMAT BATCH "identity: {keys: ../k, serial: {file: s.csv}}\n"
						"credentials: {ssid: n, passphrase: {file: /etc/p}}\n" RADIOS
						"admission: {expect: e.txt}\n";
	struct job_errors errors;
	struct job *job = job_parse("line/3/job.yaml", yaml, strlen(yaml), &errors);

	(void)state;
	assert_non_null(job);
	assert_string_equal(job->keys, "line/3/../k");
	assert_string_equal(job->serial_file, "line/3/s.csv");
	assert_string_equal(job->passphrase_file, "/etc/p");
	assert_string_equal(job->expect_file, "line/3/e.txt");
	job_destroy(job);
	job = job_parse("job.yaml", yaml, strlen(yaml), &errors);
	assert_string_equal(job->keys, "../k");
	job_destroy(job);
}

static void a_path_that_gets_too_long_is_refused(void **state)
{
	char path[300];
	struct job_errors errors;
	static const char yaml[] = FORMAT BATCH
		"identity: {keys: k, serial: {pattern: \"A{04}\"}}\n" CREDENTIALS RADIOS;

	(void)state;
	memset(path, 'd', sizeof(path));
	memcpy(path + 280, "/job.yaml", 10);
	assert_null(job_parse(path, yaml, strlen(yaml), &errors));
	assert_non_null(strstr(errors.text[0],
			       "identity.keys: with the job's folder before it the name is too long; allowed: 255"));
}

static char *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *bytes = malloc(TREE_OCTETS_MAX);

	assert_non_null(f);
	assert_non_null(bytes);
	*len = fread(bytes, 1, TREE_OCTETS_MAX - 1, f);
	bytes[*len] = '\0';
	fclose(f);
	return bytes;
}

/* An example is copied: a limit of it on what the agents here do not report would hold the copier's line. */
static void its_limits_are_measured(const char *path, const struct job *job)
{
	static const char *const reported[] = { "rssi", "vbat_mv", "temperature_c", "flash_ok" };
	unsigned known = 0;

	for (size_t i = 0; i < job->limit_count; i++)
		for (size_t k = 0; k < sizeof(reported) / sizeof(reported[0]); k++)
			known += strcmp(job->limits[i].name, reported[k]) == 0;
	if (known != job->limit_count)
		fail_msg("%s has a limit that no device measures", path);
}

static void the_examples_are_good(void **state)
{
	static const char *const paths[] = { "config/jobs/minimal.yaml",       "config/jobs/demo.yaml",
					     "config/jobs/line.yaml",	       "config/jobs/micro-ap.yaml",
					     "config/jobs/wps-pin.yaml",       "config/jobs/wps-pbc.yaml",
					     "config/jobs/wps-outside.yaml",   "config/jobs/sniffer.yaml",
					     "config/jobs/sniffer-sealed.yaml" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct job_errors errors;
		struct job *job = job_load(paths[i], &errors);

		if (!job)
			fail_msg("%s", errors.text[0]);
		its_limits_are_measured(paths[i], job);
		job_destroy(job);
	}
}

static void the_demo_is_two_hundred_devices_on_four_radios(void **state)
{
	struct job_errors errors;
	struct job *job = job_load("config/jobs/demo.yaml", &errors);

	(void)state;
	assert_non_null(job);
	assert_int_equal(job->quantity, 200);
	assert_int_equal(job->sim_devices, 200);
	assert_int_equal(job->radio_count, 4);
	assert_true(job->test);
	assert_true(job->sim_loss == 0.05);
	job_destroy(job);
}

/* Where a cut job is good all the same (after a comment's first letters, say) it must hold what its octets say. */
static void a_job_cut_anywhere_is_refused_or_sound(void **state)
{
	size_t len, good = 0;
	char *bytes = slurp("config/jobs/demo.yaml", &len);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		struct job_errors errors;
		char *exact = malloc(cut ? cut : 1); /* so that a read past its end is seen */
		struct job *job;

		assert_non_null(exact);
		memcpy(exact, bytes, cut);
		job = job_parse("cut.yaml", exact, cut, &errors);
		free(exact);
		assert_int_equal(job == NULL, errors.count > 0);
		for (size_t i = 0; i < errors.count; i++)
			assert_int_equal(strncmp(errors.text[i], "cut.yaml:", 9), 0);
		if (job)
			assert_int_equal(job->len, cut);
		good += job != NULL;
		job_destroy(job);
	}
	assert_true(good < len / 2);
	free(bytes);
}

static void a_byte_order_mark_and_other_line_ends_change_nothing(void **state)
{
	(void)state;
	job_destroy(parse_good("\xef\xbb\xbf" GOOD));
	job_destroy(parse_good("format: 1\r\n"
			       "batch: {lot: a, product: P, quantity: 2, test: true}\r\n" IDENTITY CREDENTIALS RADIOS));
}

static void a_file_that_cannot_be_read_is_an_error_with_its_reason(void **state)
{
	struct job_errors errors;

	(void)state;
	assert_null(job_load("/nonexistent/job.yaml", &errors));
	assert_string_equal(
		errors.text[0],
		"/nonexistent/job.yaml:1:1: cannot be read: No such file or directory; allowed: a YAML file");
	assert_null(job_load("/", &errors));
	assert_string_equal(errors.text[0], "/:1:1: cannot be read: Is a directory; allowed: a YAML file");
}

static void every_default_of_the_table_is_within_its_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < job_key_count; i++) {
		struct job job;

		memset(&job, 0, sizeof(job));
		if (job_keys[i].type != KEY_LIST && job_keys[i].type != KEY_SECTION && job_keys[i].fallback)
			assert_true(job_key_default(&job_keys[i], &job));
	}
}

static void the_reference_has_every_row_of_the_table(void **state)
{
	size_t len;
	char *page = slurp("docs/jobs.md", &len);

	(void)state;
	for (size_t i = 0; i < job_key_count; i++)
		if (!strstr(page, job_key_reference(&job_keys[i]).text))
			fail_msg("docs/jobs.md lacks: %s", job_key_reference(&job_keys[i]).text);
	free(page);
}

static void no_text_of_the_table_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < job_key_count; i++) {
		struct key_row row = job_key_reference(&job_keys[i]);

		assert_true(strlen(job_key_allowed(&job_keys[i]).text) < sizeof(struct key_text) - 1);
		assert_true(strlen(row.text) < sizeof(row.text) - 1);
		assert_string_equal(row.text + strlen(row.text) - 2, " |");
	}
}

/*
 * Passphrases.
 */
static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void a_passphrase_is_read_from_a_file_that_only_its_owner_reads(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *out, *error; /* error after the file's name */
	} rows[] = {
		{ "correct horse\n", 0600, "correct horse", "" },
		{ "correct horse\r\n", 0400, "correct horse", "" },
		{ "12345678", 0600, "12345678", "" },
		{ "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF\n", 0600,
		  "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF", "" },
		{ "g123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF\n", 0600, "",
		  ": not a passphrase" },
		{ "correct horse\n", 0640, "", ": others may read it (mode 640); chmod 600 " },
		{ "1234567\n", 0600, "", ": not a passphrase: 8 to 63 printable ASCII characters" },
		{ "two\nlines\n", 0600, "", ": not a passphrase" },
		{ "", 0600, "", ": not a passphrase" },
	};
	char dir[] = "/tmp/millrace-job-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/p", dir);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job *job = parse_good(GOOD);
		char out[65], error[300];
		int result;

		snprintf(job->passphrase_file, sizeof(job->passphrase_file), "%s", path);
		unlink(path);
		write_file(path, rows[i].text, rows[i].mode);
		result = job_passphrase(job, out, error, sizeof(error));
		assert_int_equal(result == 0, *rows[i].error == '\0');
		assert_string_equal(out, rows[i].out);
		if (result != 0) {
			assert_int_equal(strncmp(error, path, strlen(path)), 0);
			assert_int_equal(strncmp(error + strlen(path), rows[i].error, strlen(rows[i].error)), 0);
			assert_null(strstr(error, "horse"));
		}
		job_destroy(job);
	}
	unlink(path);
	rmdir(dir);
}

static void a_passphrase_is_read_from_the_environment(void **state)
{
	struct job *job = parse_good(FORMAT BATCH IDENTITY
				     "credentials: {ssid: n, passphrase: {env: MILLRACE_TEST_PASS}}\n" RADIOS);
	const struct reach narrow = { .folder = { "/srv/jobs" }, .count = 1 };
	char out[65], error[200];

	(void)state;
	unsetenv("MILLRACE_TEST_PASS");
	assert_int_equal(job_passphrase(job, out, error, sizeof(error)), -MR_CAUSE_BAD_REQUEST);
	assert_string_equal(error, "environment variable MILLRACE_TEST_PASS is not set");
	setenv("MILLRACE_TEST_PASS", "short", 1);
	assert_int_equal(job_passphrase(job, out, error, sizeof(error)), -MR_CAUSE_BAD_REQUEST);
	assert_null(strstr(error, "short"));
	setenv("MILLRACE_TEST_PASS", "long enough", 1);
	assert_int_equal(job_passphrase(job, out, error, sizeof(error)), 0);
	assert_string_equal(out, "long enough");
	/* A job of a station whose settings name folders: what is in the station's environment is not for it. */
	job->reach = &narrow;
	assert_int_equal(job_passphrase(job, out, error, sizeof(error)), -MR_CAUSE_BAD_REQUEST);
	assert_string_equal(out, "");
	assert_string_equal(error, "environment variable MILLRACE_TEST_PASS: none that jobs may read; with "
				   "control.job_files its name begins with MILLRACE_JOB_");
	strcpy(job->passphrase_env, "MILLRACE_JOB_PASS");
	assert_int_equal(job_passphrase(job, out, error, sizeof(error)), -MR_CAUSE_BAD_REQUEST);
	assert_string_equal(error, "environment variable MILLRACE_JOB_PASS is not set");
	setenv("MILLRACE_JOB_PASS", "long enough too", 1);
	assert_int_equal(job_passphrase(job, out, error, sizeof(error)), 0);
	assert_string_equal(out, "long enough too");
	unsetenv("MILLRACE_JOB_PASS");
	job_destroy(job);
}

static void a_simulated_batch_makes_up_the_same_passphrase_for_the_same_seed(void **state)
{
	struct job *job = parse_good(GOOD);
	char first[65], second[65], other[65], error[200];

	(void)state;
	assert_int_equal(job_passphrase(job, first, error, sizeof(error)), 0);
	assert_int_equal(job_passphrase(job, second, error, sizeof(error)), 0);
	job->sim_seed = 2;
	assert_int_equal(job_passphrase(job, other, error, sizeof(error)), 0);
	assert_string_equal(first, second);
	assert_string_not_equal(first, other);
	assert_int_equal(strlen(first), 32);
	job->radios_simulated = false;
	assert_int_equal(job_passphrase(job, first, error, sizeof(error)), -MR_CAUSE_BAD_REQUEST);
	job_destroy(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_malformed_job_is_refused_with_place_and_remedy),
		cmocka_unit_test(octets_that_are_no_text_are_refused_where_they_stand),
		cmocka_unit_test(a_file_is_not_larger_than_a_mebibyte),
		cmocka_unit_test(twenty_errors_are_shown_in_the_order_of_the_file),
		cmocka_unit_test(too_many_values_are_refused),
		cmocka_unit_test(a_passphrase_that_stands_in_the_job_is_not_repeated),
		cmocka_unit_test(the_defaults_are_those_of_the_table),
		cmocka_unit_test(what_is_written_arrives_in_base_units),
		cmocka_unit_test(radios_are_auto_or_a_list_or_simulated),
		cmocka_unit_test(both_ends_of_every_range_are_good_and_beyond_is_not),
		cmocka_unit_test(the_exact_octets_and_their_digest_are_kept),
		cmocka_unit_test(paths_are_relative_to_the_job_file),
		cmocka_unit_test(a_path_that_gets_too_long_is_refused),
		cmocka_unit_test(the_examples_are_good),
		cmocka_unit_test(the_demo_is_two_hundred_devices_on_four_radios),
		cmocka_unit_test(a_job_cut_anywhere_is_refused_or_sound),
		cmocka_unit_test(a_byte_order_mark_and_other_line_ends_change_nothing),
		cmocka_unit_test(a_file_that_cannot_be_read_is_an_error_with_its_reason),
		cmocka_unit_test(every_default_of_the_table_is_within_its_range),
		cmocka_unit_test(the_reference_has_every_row_of_the_table),
		cmocka_unit_test(no_text_of_the_table_is_cut),
		cmocka_unit_test(a_passphrase_is_read_from_a_file_that_only_its_owner_reads),
		cmocka_unit_test(a_passphrase_is_read_from_the_environment),
		cmocka_unit_test(a_simulated_batch_makes_up_the_same_passphrase_for_the_same_seed),
	};

	return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
