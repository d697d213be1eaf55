#include "agent/port/linux/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/wire/channel.h"
#include "agent/wire/wsc_pin.h"

#define FILE_MAX 16384u /* octets; chosen: the example, with its comments, has 3,000 */

static bool from_hex(const char *text, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned octet;

		/* Two digits each: sscanf alone would take one, a sign or a space. */
		if (!strchr("0123456789abcdefABCDEF", text[2 * i]) || text[2 * i] == '\0' ||
		    !strchr("0123456789abcdefABCDEF", text[2 * i + 1]) || text[2 * i + 1] == '\0' ||
		    sscanf(text + 2 * i, "%2x", &octet) != 1)
			return false;
		out[i] = (uint8_t)octet;
	}
	return text[2 * len] == '\0';
}

/* 0: there is no such channel. */
static uint16_t freq_of(unsigned long channel) { return channel <= 177 ? mr_channel_to_mhz((unsigned)channel) : 0; }

static bool take_channels(struct mr_linux_config *c, const char *text)
{
	char *end;

	c->agent.channel_count = 0;
	while (*text) {
		uint16_t freq_mhz = freq_of(strtoul(text, &end, 10));

		if (end == text || freq_mhz == 0 || c->agent.channel_count == MR_CHANNELS_MAX)
			return false;
		c->channels[c->agent.channel_count++] = freq_mhz;
		text = end + strspn(end, " \t,");
	}
	return c->agent.channel_count > 0;
}

static bool take_number(const char *text, unsigned long most, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *out <= most;
}

static bool take_roam(struct mr_linux_config *c, const char *text)
{
	unsigned long ms;
	bool ok = take_number(text, 3600000, &ms);

	c->agent.roam_us = (uint64_t)ms * 1000;
	return ok;
}

static bool take_method(struct mr_linux_config *c, const char *text)
{
	static const char *const words[] = { "none", "wpa2", "pin", "ibss", "https" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], text) != 0)
			continue;
		c->agent.ap.method = (enum mr_ap_method)i;
		return true;
	}
	return false;
}

static bool take_whole_ssid(struct mr_linux_config *c, const char *text)
{
	c->agent.ap.ssid_is_whole = true;
	(void)snprintf(c->ssid, sizeof(c->ssid), "%s", text);
	return strlen(text) >= 1 && strlen(text) <= MR_SSID_MAX;
}

static bool take_channel(struct mr_linux_config *c, const char *text)
{
	unsigned long channel;

	c->agent.ap.freq_mhz = take_number(text, 177, &channel) ? freq_of(channel) : 0;
	return c->agent.ap.freq_mhz != 0;
}

static bool take_port(struct mr_linux_config *c, const char *text)
{
	unsigned long port;
	bool ok = take_number(text, 65535, &port) && port > 0;

	c->port = (uint16_t)port;
	return ok;
}

static bool take_seconds(const char *text, uint64_t *us)
{
	unsigned long s;
	bool ok = take_number(text, 3600, &s) && s > 0;

	*us = (uint64_t)s * 1000000;
	return ok;
}

static bool take_join(struct mr_linux_config *c, const char *text) { return take_seconds(text, &c->agent.ap.join_us); }
static bool take_grace(struct mr_linux_config *c, const char *text)
{
	return take_seconds(text, &c->agent.ap.grace_us);
}

static bool take_salt(struct mr_linux_config *c, const char *text)
{
	c->pin.salt_len = strlen(text) / 2;
	return c->pin.salt_len >= 16 && c->pin.salt_len <= sizeof(c->pin.salt) &&
	       from_hex(text, c->pin.salt, c->pin.salt_len);
}

static bool take_iterations(struct mr_linux_config *c, const char *text)
{
	unsigned long n;
	bool ok = take_number(text, UINT32_MAX, &n) && n >= 1000;

	c->pin.iterations = (uint32_t)n;
	return ok;
}

static bool take_station_key(struct mr_linux_config *c, const char *text)
{
	return c->has_station = from_hex(text, c->station_key, 32);
}

static bool take_batch_key(struct mr_linux_config *c, const char *text)
{
	return c->has_batch = from_hex(text, c->batch_key, 32);
}

static bool take_id(struct mr_linux_config *c, const char *text)
{
	return c->has_id = from_hex(text, c->agent.device_id, 8);
}

static bool take_wps_pin(struct mr_linux_config *c, const char *text)
{
	(void)snprintf(c->wps_pin, sizeof(c->wps_pin), "%s", text);
	return mr_wsc_pin_valid(text, strlen(text));
}

static bool take_wps_button(struct mr_linux_config *c, const char *text)
{
	c->wps_button = strcmp(text, "yes") == 0;
	return c->wps_button || strcmp(text, "no") == 0;
}

static bool take_wps_fragment(struct mr_linux_config *c, const char *text)
{
	unsigned long octets;
	bool ok = take_number(text, MR_EAP_FRAGMENT_MAX, &octets) && octets >= MR_EAP_FRAGMENT_MIN;

	c->wps.fragment_max = (uint16_t)octets;
	return ok;
}

static bool take_w0(struct mr_linux_config *c, const char *text) { return c->has_w0 = from_hex(text, c->pin.w0, 32); }
static bool take_l(struct mr_linux_config *c, const char *text) { return c->has_l = from_hex(text, c->pin.l, 65); }

#define TEXT(member, longest) .at = offsetof(struct mr_linux_config, member), .most = longest
static const struct {
	const char *key;
	bool (*take)(struct mr_linux_config *c, const char *value); /* NULL: a text */
	size_t at, most;
} settings[] = {
	{ "station_key", take_station_key, 0, 0 },
	{ "batch_key", take_batch_key, 0, 0 },
	{ "device_id", take_id, 0, 0 },
	{ "product", NULL, TEXT(product, 32) },
	{ "hw_rev", NULL, TEXT(hw_rev, 16) },
	{ "firmware", NULL, TEXT(firmware, 32) },
	{ "channels", take_channels, 0, 0 },
	{ "roam_ms", take_roam, 0, 0 },
	{ "access_point", take_method, 0, 0 },
	{ "ssid", take_whole_ssid, 0, 0 },
	{ "ssid_prefix", NULL, TEXT(ssid, MR_SSID_MAX) },
	{ "passphrase", NULL, TEXT(passphrase, 63) },
	{ "channel", take_channel, 0, 0 },
	{ "address", NULL, TEXT(address, MR_LINUX_CONFIG_TEXT - 1) },
	{ "port", take_port, 0, 0 },
	{ "join_s", take_join, 0, 0 },
	{ "grace_s", take_grace, 0, 0 },
	{ "pin_salt", take_salt, 0, 0 },
	{ "pin_iterations", take_iterations, 0, 0 },
	{ "pin_w0", take_w0, 0, 0 },
	{ "pin_l", take_l, 0, 0 },
	{ "wps_pin", take_wps_pin, 0, 0 },
	{ "wps_button", take_wps_button, 0, 0 },
	{ "wps_fragment", take_wps_fragment, 0, 0 },
	{ "manufacturer", NULL, TEXT(manufacturer, MR_WSC_MANUFACTURER_MAX) },
	{ "wpa_supplicant", NULL, TEXT(supplicant, MR_CTRL_PATH_MAX - 1) },
	{ "hostapd", NULL, TEXT(hostapd, MR_CTRL_PATH_MAX - 1) },
};

static bool take_setting(struct mr_linux_config *c, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (strcmp(settings[i].key, key) != 0)
			continue;
		if (settings[i].take)
			return settings[i].take(c, value);
		if (strlen(value) > settings[i].most)
			return false;
		memcpy((char *)c + settings[i].at, value, strlen(value) + 1);
		return true;
	}
	return false;
}

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t");
	for (end = text + strlen(text); end > text && (end[-1] == ' ' || end[-1] == '\t');)
		*--end = '\0';
	return text;
}

static bool take_line(struct mr_linux_config *c, char *line, const char *path, unsigned number)
{
	char *key = line, *value = line + strcspn(line, "=");

	if (*value)
		*value++ = '\0';
	key = trim(key);
	if (*key == '\0' || *key == '#') /* only at the beginning: passphrases may have one */
		return true;
	if (take_setting(c, key, trim(value)))
		return true;
	fprintf(stderr, "millrace-agent: %s:%u: \"%s\" is unknown or its value does not fit\n", path, number, key);
	return false;
}

static bool read_lines(struct mr_linux_config *c, char *text, const char *path)
{
	char *line, *rest = text;
	bool ok = true;

	for (unsigned number = 1; ok && (line = strsep(&rest, "\n")); number++) {
		line[strcspn(line, "\r")] = '\0';
		ok = take_line(c, line, path, number);
	}
	return ok;
}

/* The whole file, with a NUL behind it. Not by stdio, whose buffer nobody wipes. false: it was said why not. */
static bool read_file(const char *path, char out[static FILE_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat at;
	size_t len = 0;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &at) == 0 && (at.st_mode & 077))
		fprintf(stderr, "millrace-agent: %s holds the batch key and others can read it: chmod 600\n", path);
	while (fd >= 0 && len < FILE_MAX && (n = read(fd, out + len, FILE_MAX - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		fprintf(stderr, "millrace-agent: %s: %s\n", path, strerror(errno));
	else if (len == FILE_MAX || memchr(out, 0, len))
		fprintf(stderr, "millrace-agent: %s is no text of less than %u octets\n", path, FILE_MAX);
	if (fd >= 0)
		close(fd);
	if (n < 0 || len == FILE_MAX || memchr(out, 0, len))
		return false;
	out[len] = '\0';
	return true;
}

static bool is_whole(struct mr_linux_config *c, const char *path)
{
	const struct mr_ap_config *ap = &c->agent.ap;
	bool pin = c->pin.salt_len > 0;
	const char *lacks = NULL;

	if (!c->has_station || !c->has_batch || c->product[0] == '\0')
		lacks = "station_key, batch_key or product";
	else if (c->agent.channel_count == 0 && ap->method == MR_AP_NONE)
		lacks = "channels, or an access_point";
	else if (ap->method != MR_AP_NONE && ap->freq_mhz == 0)
		lacks = "channel, of the access point";
	else if (c->has_w0 != pin || c->has_l != pin || (c->pin.iterations > 0) != pin)
		lacks = "one of pin_salt, pin_iterations, pin_w0 and pin_l";
	else if ((c->wps_pin[0] || c->wps_button) && c->agent.channel_count == 0)
		lacks = "channels, where a registrar may be";
	else if (c->wps_pin[0] && c->wps_button)
		lacks = "a choice between wps_pin and wps_button";
	else if (c->hostapd[0] && !c->supplicant[0])
		lacks = "wpa_supplicant, which looks around and joins where hostapd is the access point";
	if (lacks)
		fprintf(stderr, "millrace-agent: %s lacks %s\n", path, lacks);
	return !lacks;
}

bool mr_linux_config_read(struct mr_linux_config *c, const char *path)
{
	char text[FILE_MAX];
	bool ok;

	memset(c, 0, sizeof(*c));
	ok = read_file(path, text) && read_lines(c, text, path) && is_whole(c, path);
	mr_wipe(text, sizeof(text));
	c->agent.product = c->product;
	c->agent.hw_rev = c->hw_rev;
	c->agent.firmware = c->firmware;
	c->agent.station_key = c->station_key;
	c->agent.batch_key = c->batch_key;
	c->agent.channels = c->channels;
	c->agent.ap.ssid = c->ssid;
	c->agent.ap.passphrase = c->passphrase[0] ? c->passphrase : NULL;
	c->wps.pin = c->wps_pin[0] ? c->wps_pin : NULL;
	c->wps.manufacturer = c->manufacturer;
	c->agent.wps = c->wps_pin[0] || c->wps_button ? &c->wps : NULL;
	c->agent.ap.pin = c->pin.salt_len > 0 ? &c->pin : NULL;
	return ok;
}
