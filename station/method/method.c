#include "station/method/method.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "station/radio/radio.h"

/*
 * Weak, so that a program that only reads jobs and labels (unit tests, fuzz targets) links no radio, no session and no
 * TCP/IP: there the rows have names and no operations. line_create asserts that they have.
 */
extern const struct method_ops direct_ops __attribute__((weak));
extern const struct method_ops access_point_ops __attribute__((weak));
extern const struct method_ops wps_ops __attribute__((weak));
extern const struct delivery_ops wps_delivery __attribute__((weak));
extern const struct method_ops wps_outside_ops __attribute__((weak));
extern const struct delivery_ops wps_outside_delivery __attribute__((weak));
extern const struct method_ops wac_ops __attribute__((weak));
extern const struct delivery_ops wac_delivery __attribute__((weak));
extern const struct method_ops sniffer_ops __attribute__((weak));
extern const struct delivery_ops sniffer_delivery __attribute__((weak));
extern const struct method_ops sealed_ops __attribute__((weak));

/* A foreign device joins once, and has no word of its own if that was missed: what it sends later tells as well. */
#define HEARS_FOREIGN (RADIO_HEAR_NETWORKS | RADIO_HEAR_JOINS | RADIO_HEAR_MEMBERS)
#define HEARS_NETWORKS (RADIO_HEAR_NETWORKS | RADIO_HEAR_JOINS | RADIO_HEAR_GROUP)

const struct method method_direct = {
	.name = "direct",
	.flags = METHOD_STEERED,
	.protection = METHOD_BY_FRAMES,
	.reach = "vendor action frames, no association; the device listens for our calls",
	.device_to_station = "the batch key in the Noise handshake, then the device's own certificate",
	.station_to_device = "the station's key, which the firmware knows",
	.listener = "that devices are called",
	.ops = &direct_ops,
};

static const struct method micro_ap = {
	.name = "micro-ap",
	.hears = HEARS_NETWORKS,
	.flags = METHOD_DEVICE_AP,
	.needs = METHOD_NEEDS_PASSPHRASE,
	.protection = METHOD_BY_WPA2,
	.reach = "the device's own WPA2 access point, DHCP, HTTP",
	.device_to_station = "the device knows its passphrase",
	.station_to_device = "the station knows the passphrase",
	.listener = "the 4-way handshake, with which passphrases can be tried off-line",
	.ops = &access_point_ops,
};

static const struct method pin = {
	.name = "pin",
	.hears = HEARS_NETWORKS,
	.flags = METHOD_DEVICE_AP,
	.needs = METHOD_NEEDS_PIN,
	.protection = METHOD_BY_PIN,
	.reach = "the device's open access point or ad-hoc network, SPAKE2+ from its PIN over HTTP",
	.device_to_station = "the device has the verifier of its PIN",
	.station_to_device = "the station knows the PIN",
	.listener = "names of networks, and that an exchange took place; nothing to try PINs with",
	.ops = &access_point_ops,
};

static const struct method https = {
	.name = "https",
	.hears = HEARS_NETWORKS,
	.flags = METHOD_DEVICE_AP,
	.protection = METHOD_BY_TLS,
	.reach = "the device's open access point and its TLS server",
	.device_to_station = "a certificate of the factory's CA; or, pinned, whichever it shows first",
	.station_to_device = "nothing: whoever comes first may provision a device that is not sealed",
	.listener = "sizes of what is sent",
	.ops = &access_point_ops,
};

/* Not a row of the table: a job reaches it by its role, and it goes on record under the same name. */
static const struct method wps_pin_outside = {
	.name = "wps-pin",
	.hears = RADIO_HEAR_NETWORKS,
	.flags = METHOD_NO_REQUESTS | METHOD_WEAK | METHOD_BECOMES_AP,
	.needs = METHOD_NEEDS_PIN,
	.protection = METHOD_BY_NOTHING,
	.devices = METHOD_ENROLLEES,
	.reach = "the device's own access point in setup; the station is its external WPS registrar",
	.device_to_station = "the device knows the PIN of its label",
	.station_to_device = "the station knows the PIN",
	.listener = "who the device says it is; a stranger in its place has the PIN in three runs",
	.ops = &wps_outside_ops,
	.delivery = &wps_outside_delivery,
};

static const struct method wps_pin = {
	.name = "wps-pin",
	.hears = HEARS_FOREIGN,
	.flags = METHOD_OWN_BSS | METHOD_NO_REQUESTS | METHOD_WEAK,
	.needs = METHOD_NEEDS_PIN,
	.protection = METHOD_BY_NOTHING,
	.devices = METHOD_ENROLLEES,
	.reach = "a BSS of the station with a WPS registrar; the device is a foreign enrollee",
	.device_to_station = "the device knows the PIN of its label",
	.station_to_device = "the station knows the PIN",
	.listener = "who the device says it is; a stranger who takes part has the PIN in three runs",
	.ops = &wps_ops,
	.delivery = &wps_delivery,
	.variant = &wps_pin_outside,
};

static const struct method wps_pbc = {
	.name = "wps-pbc",
	.hears = HEARS_FOREIGN,
	.flags = METHOD_OWN_BSS | METHOD_NO_REQUESTS | METHOD_WEAK,
	.protection = METHOD_BY_NOTHING,
	.devices = METHOD_ENROLLEES,
	.reach = "a BSS of the station with a WPS registrar; the device's button is pressed",
	.device_to_station = "nothing: an address can be copied",
	.station_to_device = "nothing: the device takes the first registrar that it sees",
	.listener = "who the device says it is; a stranger with a listed address has the credentials",
	.ops = &wps_ops,
	.delivery = &wps_delivery,
};

/* Not a row of the table: a job reaches it by its scheme, and it goes on record under the same name. */
static const struct method sniffer_published = {
	.name = "sniffer",
	.hears = HEARS_FOREIGN,
	.flags = METHOD_BROADCAST | METHOD_NO_REQUESTS | METHOD_WEAK,
	.protection = METHOD_BY_NOTHING,
	.devices = METHOD_LISTENERS,
	.reach = "none: lengths or addresses of frames that every device in reach overhears",
	.device_to_station = "nothing: an address can be copied",
	.station_to_device = "nothing: the device takes the first sender that it hears",
	.listener = "name and passphrase of the network, without effort",
	.ops = &sniffer_ops,
	.delivery = &sniffer_delivery,
};

static const struct method sniffer = {
	.name = "sniffer",
	.flags = METHOD_BROADCAST | METHOD_STEERED,
	.protection = METHOD_BY_FRAMES,
	.reach = "a broadcast sealed under the batch key, to all that listen; then action frames, as direct",
	.device_to_station = "the batch key in the Noise handshake, then the device's own certificate",
	.station_to_device = "the batch key on the broadcast, and the station's key in the session that takes it up",
	.listener = "that credentials are broadcast; sizes, and nothing of what they are",
	.ops = &direct_ops,
	.cast = &sealed_ops,
	.variant = &sniffer_published,
};

static const struct method wac = {
	.name = "wac",
	.hears = HEARS_FOREIGN | RADIO_HEAR_GROUP,
	.flags = METHOD_NO_REQUESTS | METHOD_WEAK,
	.protection = METHOD_BY_NOTHING,
	.devices = METHOD_ACCESSORIES,
	.reach = "the accessory's open access point, mDNS and HTTP; then the station finds it on its network",
	.device_to_station = "a coprocessor of Apple's signs; in whose accessory it is, nobody proves",
	.station_to_device = "nothing: whoever comes first may configure it",
	.listener = "who the accessory is; a stranger in its place, with any such coprocessor, has the credentials",
	.ops = &wac_ops,
	.delivery = &wac_delivery,
};

__attribute__((weak)) const struct method *const method_table[] = { &method_direct, &micro_ap, &pin, &https, &wps_pin,
								    &wps_pbc,	    &sniffer,  &wac, NULL };

const char *method_name(size_t i)
{
	for (size_t n = 0; n < i; n++)
		if (!method_table[n])
			return NULL;
	return method_table[i] ? method_table[i]->name : NULL;
}

const struct method *method_find(const char *name, size_t len)
{
	for (size_t i = 0; method_table[i]; i++)
		if (strlen(method_table[i]->name) == len && memcmp(method_table[i]->name, name, len) == 0)
			return method_table[i];
	return NULL;
}

const char *method_names(unsigned flags, char *out, size_t cap)
{
	size_t n = 0;

	assert(cap > 0);
	out[0] = '\0';
	for (size_t i = 0; method_table[i] && n < cap; i++)
		if (method_table[i]->flags & flags)
			n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? ", " : "", method_table[i]->name);
	return out;
}
