/*
 * The configuration of millrace-agent: lines of `key = value`; # begins a comment. It holds keys: mode 0600. What there
 * is to set stands in config/millrace-agent.conf, with its meaning.
 */
#pragma once

#include "agent/core/agent.h"
#include "agent/port/linux/control.h"

#define LINUX_CONFIG_TEXT 72

struct linux_config {
	struct mr_agent_config agent; /* its pointers point into this struct: it must not move */
	struct mr_pin_verifier pin;
	char product[LINUX_CONFIG_TEXT], hw_rev[LINUX_CONFIG_TEXT], firmware[LINUX_CONFIG_TEXT];
	char ssid[LINUX_CONFIG_TEXT], passphrase[LINUX_CONFIG_TEXT], address[LINUX_CONFIG_TEXT];
	char supplicant[CONTROL_PATH_MAX], hostapd[CONTROL_PATH_MAX]; /* "": none */
	uint8_t station_key[32], batch_key[32];
	uint16_t channels[MR_CHANNELS_MAX];
	uint16_t port; /* of the API; 0: that of the method */
	bool has_station, has_batch, has_id, has_w0, has_l;
};

/* false: it has been said what is wrong, on standard error. Wipe what is there. */
bool linux_config_read(struct linux_config *config, const char *path);
