/*
 * A real radio behind the seam of radio.h: libpcap for frames, nl80211 on a control thread of its own for what
 * blocks, a transmit queue with priorities. Tells gone when the adapter is unplugged, blocked or silent, looks for
 * it and tells back.
 *
 *	monitor_open -> (tests by monitor_setup and monitor_packet, before the loop runs) -> radio_* -> radio_close
 */
#pragma once

#include "station/radio/packet.h"
#include "station/radio/radio.h"
#include "station/radio/setup.h"
#include "station/radio/sysfs.h"

struct log;
struct loop;

struct monitor_options {
	struct loop *loop;
	const struct log *log;
	const char *name; /* for the operator: "radio1" */
	struct sysfs_phy where;
	unsigned quirks; /* enum quirk_flags */
	enum setup_rung rung;
	uint8_t mac[6]; /* the address that it acknowledges and sends from */
};

/* Takes the adapter and makes it ready; blocks. 0, or -errno with the reason in `error`. */
int monitor_open(struct radio **out, const struct monitor_options *options, char *error, size_t error_len);

/* The following only while the loop does not run: for the tests that decide on the rung. */
int monitor_change_rung(struct radio *radio, enum setup_rung rung, char *error, size_t error_len);
/* Its statuses come with sequence numbers of the adapter's own (QUIRK_OWN_SEQUENCE), whatever its driver is called. */
void monitor_match_by_receiver(struct radio *radio);
struct setup *monitor_setup(struct radio *radio);
struct packet *monitor_packet(struct radio *radio);
