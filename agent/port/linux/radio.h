/*
 * The device's own radio under Linux: a passive and an active monitor on one chip (in that order: kernel defect K1 of
 * docs/hardware.md), nl80211 without a library, a packet socket with a filter in the kernel. One per process.
 *
 *	mr_linux_radio_open -> { tune | send | wait for packet_fd or the deadline -> mr_linux_radio_work } ... ->
 *		mr_linux_radio_close
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"

#define MR_LINUX_RADIO_PENDING 16 /* frames without a report yet */
#define MR_LINUX_RADIO_OTHERS 4	  /* interfaces of the chip that were up before */

struct mr_linux_radio_events {
	void *ctx;
	void (*received)(void *ctx, struct mr_rd frame, int rssi_dbm);
	void (*sent)(void *ctx, uint32_t cookie, bool acked);
};

/* Layout is ours. */
struct mr_linux_radio {
	int netlink_fd, packet_fd;
	uint16_t family;
	uint32_t sequence, phy;
	char plain[16], active[16];
	char others[MR_LINUX_RADIO_OTHERS][16];
	size_t other_count;
	int plain_index, active_index;
	uint8_t mac[6];
	uint16_t freq_mhz; /* 0: nowhere */
	bool band_known, band_5ghz, may_send;
	struct {
		uint32_t cookie;
		uint64_t sent_us;
		uint8_t receiver[6], sequence[2];
		bool used;
	} pending[MR_LINUX_RADIO_PENDING];
	struct mr_linux_radio_events events;
	char error[160];
};

/* From now on data frames of others to groups are handed over too, in clear or not: broadcasts of networks. */
bool mr_linux_radio_hear_groups(struct mr_linux_radio *radio);

/* `name`: an interface (wlan0) or a chip (phy0). `mac`: NULL for the chip's own. false: the reason is in `error`. */
bool mr_linux_radio_open(struct mr_linux_radio *radio, const char *name, const uint8_t *mac);
/* Gives the interfaces back as they were. */
void mr_linux_radio_close(struct mr_linux_radio *radio);

/* false: not a channel of this chip, or the rules forbid it. */
bool mr_linux_radio_tune(struct mr_linux_radio *radio, uint16_t freq_mhz);
/* false: not here and now; nothing will be reported. */
bool mr_linux_radio_send(struct mr_linux_radio *radio, const uint8_t *frame, size_t len, uint32_t cookie,
			 uint64_t now_us);
/* Reads what has arrived and reports what is overdue. false: the radio is gone. */
bool mr_linux_radio_work(struct mr_linux_radio *radio, uint64_t now_us);
uint64_t mr_linux_radio_deadline_us(const struct mr_linux_radio *radio);
