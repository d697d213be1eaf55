/*
 * A board for tests: the agent, its port on plain memory, a clock that moves only when told. Storage writes can be
 * made to fail, or to lose power after any number of octets.
 */
#pragma once

#include <setjmp.h>

#include "agent/core/agent.h"

#define BOARD_QUEUE 64

struct board_frame {
	uint8_t bytes[MR_FRAME_MAX];
	size_t len;
	uint32_t cookie;
	uint64_t at_us;
};

struct board {
	struct mr_agent agent;
	struct mr_agent_config config;
	struct mr_port port;
	uint8_t station_key[32], batch_key[32];
	uint16_t channels[3];

	uint64_t now_us, random_state;
	bool random_fails, selftest_fails, queue_full, tune_fails;
	uint16_t freq_mhz;
	int verdict;
	unsigned work[MR_WORK_COUNT];

	uint8_t slot[MR_STORE_SLOTS][MR_STORE_MAX];
	bool written[MR_STORE_SLOTS];
	unsigned writes; /* since board_make */
	size_t last_write_len;
	bool write_fails; /* the next ones, without effect */
	jmp_buf *power;	  /* set: the next write stops after `power_cut_at` octets and jumps there */
	size_t power_cut_at;

	/* with board_give_wifi: what the agent asked for, and what the air is to answer */
	struct mr_wifi wifi;
	struct mr_access_point ap;
	bool ap_up, ap_fails, scan_fails, scanning, joins, join_fails;
	unsigned ap_ups, scans;
	uint8_t scan_ssid[MR_SSID_MAX]; /* that the last look was for */
	size_t scan_ssid_len;
	struct mr_network networks[20];
	size_t network_count;
	uint8_t join_ssid[MR_SSID_MAX], join_passphrase[64], join_bssid[6];
	size_t join_ssid_len, join_passphrase_len;
	uint8_t join_security;
	bool join_chosen;
	struct mr_join join; /* what the port says of it */

	struct board_frame sent[BOARD_QUEUE];
	size_t first, count;
};

/* What its image carries: tests/support/methods_all.c or methods_direct.c, whichever the test links. */
extern const struct mr_method *const board_methods[];

/* A device as it leaves the assembly: blank storage. `number` makes MAC, id and random octets. */
void board_make(struct board *b, uint8_t number, const uint8_t station_key[static 32],
		const uint8_t batch_key[static 32]);
/* Makes it a device that can be an access point; the config still says whether it does. */
void board_give_wifi(struct board *b);
/* Power on; what was in RAM is gone. */
bool board_start(struct board *b);

void board_hear(struct board *b, const void *frame, size_t len);
/* Lets time pass, up to `us`, with every timer of the agent at its time; stops early when a frame was sent. */
bool board_wait(struct board *b, uint64_t us);
/* The oldest frame sent and not yet taken, reported to the agent as acked or not; NULL: none. Valid until the
 * queue goes round. */
const struct board_frame *board_take(struct board *b, bool acked);
