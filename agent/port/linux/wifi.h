/*
 * struct mr_wifi (agent/port/port.h) by programs that a Linux device runs anyway: wpa_supplicant looks around and
 * joins; the access point is hostapd's, or, without one, wpa_supplicant's own. Somebody else has started them; we talk
 * to them through their control sockets. Networks that wpa_supplicant knows by itself are left alone.
 *
 *	mr_linux_wifi_open -> { wait for mr_linux_wifi_fd -> mr_linux_wifi_work | the functions of mr_wifi } ... ->
 *		mr_linux_wifi_close
 */
#pragma once

#include "agent/port/linux/ctrl_iface.h"
#include "agent/port/port.h"

#define MR_LINUX_WIFI_NETWORKS 32

/* Layout is ours. */
struct mr_linux_wifi {
	struct mr_ctrl supplicant, events, hostapd;
	bool has_hostapd;
	int ap_id, join_id; /* networks made in wpa_supplicant; -1: none */
	bool scanning;
	uint64_t scan_end_us;	     /* a scan whose end nobody tells is over then */
	uint8_t wanted[MR_SSID_MAX]; /* the name that it is for */
	size_t wanted_len;
	struct mr_network networks[MR_LINUX_WIFI_NETWORKS];
	size_t network_count;
	struct mr_join join;
	unsigned not_found; /* times that the network was not there */
};

/* `hostapd`: "" for none. false: a program is not there; errno says why. */
bool mr_linux_wifi_open(struct mr_linux_wifi *w, const char *supplicant, const char *hostapd);
void mr_linux_wifi_close(struct mr_linux_wifi *w);   /* takes back what it made */
int mr_linux_wifi_fd(const struct mr_linux_wifi *w); /* readable: there is work */
void mr_linux_wifi_work(struct mr_linux_wifi *w);

bool mr_linux_wifi_up(struct mr_linux_wifi *w, const struct mr_access_point *ap, uint64_t now_us);
void mr_linux_wifi_down(struct mr_linux_wifi *w);
bool mr_linux_wifi_scan(struct mr_linux_wifi *w, const uint8_t *ssid, size_t ssid_len, uint64_t now_us);
bool mr_linux_wifi_scanning(struct mr_linux_wifi *w, uint64_t now_us);
bool mr_linux_wifi_network(const struct mr_linux_wifi *w, unsigned i, struct mr_network *out);
bool mr_linux_wifi_join(struct mr_linux_wifi *w, const struct mr_network_choice *network);
/* The address of wpa_supplicant's interface. false: it does not answer. */
bool mr_linux_wifi_sta_address(struct mr_linux_wifi *w, uint8_t mac[static 6]);
void mr_linux_wifi_join_state(struct mr_linux_wifi *w, struct mr_join *out);
void mr_linux_wifi_leave(struct mr_linux_wifi *w);
