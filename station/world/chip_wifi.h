/*
 * What a chip's WiFi stack does beyond action frames, on the air node of a simulated device: is an access point
 * (or begins an ad-hoc network) with addresses and the HTTP API behind it, looks around, joins a network. struct
 * mr_wifi, but for the instants: the device calls these functions when its core has come to them.
 *
 * Real: 802.11 frames and their protection, DHCP, TCP, TLS, HTTP. Simulated: that all but TLS and HTTP run beside the
 * application and take no time of the core, as in SDKs where they are tasks of higher priority or another core's.
 *
 * One radio: while it looks around or is on another network the access point is off the air. An access point has
 * 192.168.4.1; an ad-hoc device 169.254.x.y, with x.y = 0x0100 + (the last two octets of its MAC, big-endian) mod
 * 0xfe00: RFC 3927 without probing, and a client of it takes the address that differs in the last bit.
 *
 * An IP interface exists from the first STA on until 10 s after the last one went: lwIP has IP_IFS_MAX of them in a
 * process, for the station and all devices. When none is left a device refuses associations.
 */
#pragma once

#include "agent/core/agent.h"
#include "agent/port/sim/chip.h"
#include "station/job/device_fault.h"
#include "station/air/air.h"
#include "station/ip/ip.h"

struct chip_wifi;

struct chip_wifi_config {
	bool hidden; /* its access point does not say its name */
	struct loop *loop;
	struct air_node *node;
	struct ip_stack *ip;
	struct mr_chip *chip;
	struct mr_agent *agent;
	uint8_t mac[6];
	uint64_t seed;
	bool odd; /* its access point is one of the odd ones of the field, by its MAC: chip_wifi.c has the list */
	enum device_fault fault; /* what is of its access point is done here */
	bool five_ghz;		 /* its radio looks around there too */
	void *ctx;
	void (*tune)(void *ctx, uint16_t freq_mhz); /* chip_wifi_tuned follows, unless power is lost */
	void (*changed)(void *ctx); /* it may want the core, or is done with the radio; from the loop only */
};

struct chip_wifi *chip_wifi_create(const struct chip_wifi_config *config); /* NULL: no memory */
void chip_wifi_destroy(struct chip_wifi *wifi);				   /* NULL is fine */
void chip_wifi_power_off(struct chip_wifi *wifi);			   /* everything is lost, and nobody was told */

/* --- what the core orders, at the instant when it has come to it --- */

/* `freq_mhz` 0: on that of `ap`. */
void chip_wifi_access_point_up(struct chip_wifi *wifi, const struct mr_access_point *ap, uint16_t freq_mhz);
/* The same, also with one that stays up while its radio is elsewhere. */
void chip_wifi_access_point_anew(struct chip_wifi *wifi, const struct mr_access_point *ap, uint16_t freq_mhz);
void chip_wifi_access_point_down(struct chip_wifi *wifi);
/*
 * It is ordered, for networks of that name before others (MR_SSID_MAX octets at most): chip_wifi_is_scanning from now
 * on, and chip_wifi_scan must follow. false: the radio is in use.
 */
bool chip_wifi_order_scan(struct chip_wifi *wifi, const uint8_t *ssid, size_t ssid_len);
void chip_wifi_scan(struct chip_wifi *wifi);

/* struct mr_network_choice, kept */
struct chip_wifi_choice {
	uint8_t ssid[MR_SSID_MAX], ssid_len, security;
	char passphrase[65];
	bool chosen;
	uint8_t bssid[6];
};
void chip_wifi_join(struct chip_wifi *wifi, const struct chip_wifi_choice *choice);
void chip_wifi_leave(struct chip_wifi *wifi);

/* --- what the core asks, at once --- */
bool chip_wifi_network(const struct chip_wifi *wifi, unsigned i, struct mr_network *out);
void chip_wifi_join_state(const struct chip_wifi *wifi, struct mr_join *out);
bool chip_wifi_is_scanning(const struct chip_wifi *wifi);

/* --- the radio --- */

/* The radio is in use elsewhere: neither action frames nor tunes of the agent now. */
bool chip_wifi_is_away(const struct chip_wifi *wifi);
void chip_wifi_receive(struct chip_wifi *wifi, struct mr_rd frame, const struct radio_rx *rx);
/* The report on a frame of its own; false: it is somebody else's. */
bool chip_wifi_sent(struct chip_wifi *wifi, uint64_t cookie, bool acked, unsigned tries);
void chip_wifi_tuned(struct chip_wifi *wifi, uint16_t freq_mhz); /* after each tune, whichever side asked for it */

/* --- the HTTP API: work for the core --- */
bool chip_wifi_wants_core(const struct chip_wifi *wifi, uint64_t now_us);
uint64_t chip_wifi_core_deadline_us(const struct chip_wifi *wifi);
void chip_wifi_work(struct chip_wifi *wifi);	/* between mr_chip_begin and mr_chip_end */
void chip_wifi_release(struct chip_wifi *wifi); /* the core has come to the end of it */

/* Trouble: its access point sends its STAs away. */
void chip_wifi_dismiss(struct chip_wifi *wifi);
/* Trouble: its access point says that it goes to another channel, and goes. It is back where it was when it comes up
 * anew. */
void chip_wifi_switch(struct chip_wifi *wifi, uint16_t freq_mhz);
