/*
 * The configuration of millrace-agent: refused with a sentence, or one that an agent starts with: numbers in their
 * ranges, texts that end, pointers into the struct.
 *
 * links: agent/port/linux/config.c agent/wire/channel.c
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/linux/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool ends(const char *text, size_t room) { return strnlen(text, room) < room; }

static void check(const struct mr_linux_config *c)
{
	const struct mr_agent_config *a = &c->agent;

	assert(ends(c->product, sizeof(c->product)) && c->product[0] && ends(c->hw_rev, sizeof(c->hw_rev)) &&
	       ends(c->firmware, sizeof(c->firmware)) && ends(c->ssid, sizeof(c->ssid)) &&
	       ends(c->passphrase, sizeof(c->passphrase)) && ends(c->address, sizeof(c->address)) &&
	       ends(c->supplicant, sizeof(c->supplicant)) && ends(c->hostapd, sizeof(c->hostapd)));
	assert(a->product == c->product && a->station_key == c->station_key && a->channels == c->channels);
	assert(a->channel_count <= MR_CHANNELS_MAX && (a->channel_count > 0 || a->ap.method != MR_AP_NONE));
	for (size_t i = 0; i < a->channel_count; i++)
		assert(c->channels[i] >= 2412 && c->channels[i] < 6000);
	assert(!a->ap.pin || (a->ap.pin == &c->pin && c->pin.salt_len <= sizeof(c->pin.salt) && c->pin.iterations > 0));
	assert(a->ap.method == MR_AP_NONE || a->ap.freq_mhz >= 2412);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct mr_linux_config config;
	static FILE *nowhere;
	FILE *errors = stderr; /* what is wrong is said there */
	int fd = memfd_create("config", MFD_CLOEXEC);
	char path[32];

	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	assert(nowhere && fd >= 0 && write(fd, data, len) == (ssize_t)len && fchmod(fd, 0600) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	stderr = nowhere;
	if (mr_linux_config_read(&config, path))
		check(&config);
	stderr = errors;
	close(fd);
	return 0;
}
