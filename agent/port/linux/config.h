/*
 * The configuration of millrace-agent: lines of `key = value`; # begins a comment. It holds keys: mode 0600.
 * config/millrace-agent.conf has every key, with its meaning.
 */
#pragma once

#include "agent/core/wps.h"
#include "agent/port/linux/ctrl_iface.h"

#define MR_LINUX_CONFIG_TEXT 72

struct mr_linux_config {
	struct mr_agent_config agent; /* its pointers point into this struct: it must not move */
	struct mr_pin_verifier pin;
	struct mr_wps wps;
	char product[MR_LINUX_CONFIG_TEXT], hw_rev[MR_LINUX_CONFIG_TEXT], firmware[MR_LINUX_CONFIG_TEXT];
	char ssid[MR_LINUX_CONFIG_TEXT], passphrase[MR_LINUX_CONFIG_TEXT], address[MR_LINUX_CONFIG_TEXT];
	char supplicant[MR_CTRL_PATH_MAX], hostapd[MR_CTRL_PATH_MAX]; /* "": none */
	char wps_pin[MR_LINUX_CONFIG_TEXT], manufacturer[MR_LINUX_CONFIG_TEXT];
	uint8_t station_key[32], batch_key[32];
	uint16_t channels[MR_CHANNELS_MAX];
	uint16_t port; /* of the API; 0: that of the method */
	bool has_station, has_batch, has_id, has_w0, has_l, wps_button;
};

/* false: it has been said what is wrong, on standard error. Wipe what is there. */
bool mr_linux_config_read(struct mr_linux_config *config, const char *path);
