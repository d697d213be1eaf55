/*
 * The Linux device's WiFi against a wpa_supplicant and a hostapd that are threads here: they answer from a script and
 * note what they are asked. What their true selves make of it is the lab's to find out.
 *
 * links: agent/port/linux/wifi.c agent/port/linux/ctrl_iface.c agent/wire/channel.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/port/linux/wifi.h"
#include "agent/wire/cause.h"

#define HEARD_MAX 8192

struct daemon {
	char path[64];
	int fd, stop[2];
	pthread_t thread;
	pthread_mutex_t lock;			/* of what follows: the test reads and changes it */
	char heard[HEARD_MAX];			/* commands, one a line */
	const char *status, *results, *refuses; /* answers; a command that gets FAIL */
	struct sockaddr_un listener;
	socklen_t listener_len;
};

static const char *answer_to(struct daemon *d, const char *command)
{
	if (d->refuses && strncmp(command, d->refuses, strlen(d->refuses)) == 0)
		return "FAIL\n";
	if (strcmp(command, "ADD_NETWORK") == 0)
		return "3\n";
	if (strcmp(command, "STATUS") == 0)
		return d->status;
	if (strcmp(command, "SCAN_RESULTS") == 0)
		return d->results;
	return strcmp(command, "PING") == 0 ? "PONG\n" : "OK\n";
}

static void *serve(void *ctx)
{
	struct daemon *d = ctx;
	struct pollfd fds[2] = { { .fd = d->fd, .events = POLLIN }, { .fd = d->stop[0], .events = POLLIN } };

	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		char command[1024];
		struct sockaddr_un from;
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(d->fd, command, sizeof(command) - 1, 0, (struct sockaddr *)&from, &from_len);
		const char *answer;

		if (len < 0)
			continue;
		command[len] = '\0';
		pthread_mutex_lock(&d->lock);
		if (strcmp(command, "ATTACH") == 0) {
			d->listener = from;
			d->listener_len = from_len;
		}
		snprintf(d->heard + strlen(d->heard), HEARD_MAX - strlen(d->heard), "%s\n", command);
		answer = answer_to(d, command);
		pthread_mutex_unlock(&d->lock);
		(void)sendto(d->fd, answer, strlen(answer), 0, (struct sockaddr *)&from, from_len);
	}
	return NULL;
}

static void daemon_start(struct daemon *d)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", d->path);
	d->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(d->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(pipe(d->stop), 0);
	assert_int_equal(pthread_create(&d->thread, NULL, serve, d), 0);
}

static void daemon_stop(struct daemon *d)
{
	assert_int_equal(write(d->stop[1], "x", 1), 1);
	pthread_join(d->thread, NULL);
	close(d->fd);
	close(d->stop[0]);
	close(d->stop[1]);
	unlink(d->path);
}

static void event(struct daemon *d, const char *text)
{
	assert_int_equal(sendto(d->fd, text, strlen(text), 0, (struct sockaddr *)&d->listener, d->listener_len),
			 strlen(text));
}

struct house {
	struct daemon supplicant, hostapd;
	struct mr_linux_wifi wifi;
	char folder[40];
};

static int house_make(void **state)
{
	struct house *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	snprintf(h->folder, sizeof(h->folder), "/tmp/millrace-wifi.XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	snprintf(h->supplicant.path, sizeof(h->supplicant.path), "%s/wlan0", h->folder);
	snprintf(h->hostapd.path, sizeof(h->hostapd.path), "%s/ap0", h->folder);
	h->supplicant.status = h->supplicant.results = h->hostapd.status = h->hostapd.results = "";
	pthread_mutex_init(&h->supplicant.lock, NULL);
	pthread_mutex_init(&h->hostapd.lock, NULL);
	daemon_start(&h->supplicant);
	daemon_start(&h->hostapd);
	*state = h;
	return 0;
}

static int house_wipe(void **state)
{
	struct house *h = *state;

	mr_linux_wifi_close(&h->wifi);
	daemon_stop(&h->supplicant);
	daemon_stop(&h->hostapd);
	assert_int_equal(rmdir(h->folder), 0);
	free(h);
	return 0;
}

static void open_wifi(struct house *h, bool with_hostapd)
{
	assert_true(mr_linux_wifi_open(&h->wifi, h->supplicant.path, with_hostapd ? h->hostapd.path : ""));
	h->supplicant.heard[0] = '\0';
}

static void assert_heard(struct daemon *d, const char *want)
{
	pthread_mutex_lock(&d->lock);
	assert_string_equal(d->heard, want);
	d->heard[0] = '\0';
	pthread_mutex_unlock(&d->lock);
}

static const struct mr_access_point wpa2_ap = { "AC-\xff 1", 6, MR_SECURITY_WPA2, false, false, "say \"when\"", 2437 };

static void programs_that_are_not_there_are_reported(void **state)
{
	struct house *h = *state;

	assert_false(mr_linux_wifi_open(&h->wifi, "/tmp/millrace-nobody-here", ""));
	mr_linux_wifi_close(&h->wifi);
	assert_false(mr_linux_wifi_open(&h->wifi, h->supplicant.path, "/tmp/millrace-nobody-here"));
	mr_linux_wifi_close(&h->wifi);
	assert_false(
		mr_linux_wifi_open(&h->wifi,
				   "/tmp/a-name-that-is-longer-than-what-fits-into-an-address-of-a-unix-socket-which-"
				   "is-one-hundred-and-eight-octets-long",
				   ""));
}

static void hostapd_stands_as_the_access_point(void **state)
{
	struct house *h = *state;
	struct mr_access_point open_ap = { "AC-2", 4, MR_SECURITY_OPEN, false, false, "", 5180 };

	open_wifi(h, true);
	assert_true(mr_linux_wifi_up(&h->wifi, &wpa2_ap, 0));
	assert_heard(&h->hostapd,
		     "DISABLE\nSET start_disabled 0\nSET ssid2 41432dff2031\nSET hw_mode g\nSET channel 6\nSET wpa 2\n"
		     "SET wpa_key_mgmt WPA-PSK\nSET rsn_pairwise CCMP\nSET wpa_passphrase say \"when\"\nENABLE\n");
	mr_linux_wifi_down(&h->wifi);
	assert_heard(&h->hostapd, "DISABLE\n");
	assert_true(mr_linux_wifi_up(&h->wifi, &open_ap, 0));
	assert_heard(&h->hostapd, "DISABLE\nSET start_disabled 0\nSET ssid2 41432d32\nSET hw_mode a\nSET channel "
				  "36\nSET wpa 0\nENABLE\n");
	assert_heard(&h->supplicant, "");
	h->hostapd.refuses = "ENABLE";
	assert_false(mr_linux_wifi_up(&h->wifi, &open_ap, 0));
	h->hostapd.refuses = "SET channel";
	assert_false(mr_linux_wifi_up(&h->wifi, &open_ap, 0));
}

static void without_hostapd_wpa_supplicant_does(void **state)
{
	struct house *h = *state;
	struct mr_access_point ibss = { "AC-2", 4, MR_SECURITY_OPEN, true, false, "", 2412 };

	open_wifi(h, false);
	assert_true(mr_linux_wifi_up(&h->wifi, &wpa2_ap, 0));
	assert_heard(
		&h->supplicant,
		"ADD_NETWORK\nSET_NETWORK 3 ssid 41432dff2031\nSET_NETWORK 3 mode 2\nSET_NETWORK 3 frequency 2437\n"
		"SET_NETWORK 3 key_mgmt WPA-PSK\nSET_NETWORK 3 proto RSN\nSET_NETWORK 3 pairwise CCMP\n"
		"SET_NETWORK 3 group CCMP\nSET_NETWORK 3 psk \"say \"when\"\"\nSELECT_NETWORK 3\n");
	mr_linux_wifi_down(&h->wifi);
	assert_heard(&h->supplicant, "REMOVE_NETWORK 3\n");
	assert_true(mr_linux_wifi_up(&h->wifi, &ibss, 0));
	assert_heard(&h->supplicant,
		     "ADD_NETWORK\nSET_NETWORK 3 ssid 41432d32\nSET_NETWORK 3 mode 1\nSET_NETWORK 3 frequency 2412\n"
		     "SET_NETWORK 3 key_mgmt NONE\nSELECT_NETWORK 3\n");
	mr_linux_wifi_down(&h->wifi);
	h->supplicant.refuses = "SELECT_NETWORK";
	assert_heard(&h->supplicant, "REMOVE_NETWORK 3\n");
	assert_false(mr_linux_wifi_up(&h->wifi, &ibss, 0));
	pthread_mutex_lock(&h->supplicant.lock);
	assert_non_null(strstr(h->supplicant.heard, "REMOVE_NETWORK 3\n")); /* nothing half made is left behind */
	pthread_mutex_unlock(&h->supplicant.lock);
}

static void the_scan_list_is_read_strongest_first(void **state)
{
	struct house *h = *state;
	struct mr_network n;

	open_wifi(h, false);
	h->supplicant.results = "bssid / frequency / signal level / flags / ssid\n"
				"02:00:00:00:00:01\t2412\t-71\t[WPA2-PSK-CCMP][ESS]\tmill hall\n"
				"02:00:00:00:00:02\t5180\t-41\t[WPA2-SAE-CCMP][ESS]\tm\\xc3\\xbchl \\\"1\\\"\\\\\\t\n"
				"02:00:00:00:00:03\t2437\t-55\t[ESS]\t\n"
				"02:00:00:00:00:04\t2437\t-90\t[WPA-PSK-TKIP][ESS]\told\n"
				"02:00:00:00:00:05\t2437\t-60\t[WPA2-PSK+SAE-CCMP][ESS]\tboth\n"
				"02:00:00:00:00:06\t2437\t-61\t[WPA2-EAP-CCMP][ESS]\toffice\n"
				"02:00:00:00:00:07\t2437\t-62\t[IBSS]\tnot a network to join\n"
				"02:00:00:00:00:08\t2437\n"
				"not a line\n"
				"02:00:00:00:00:09\t2437\t-63\t[ESS]\tbroken\\\n"
				"02:00:00:00:00:0a\t2437\t-64\t[ESS]\tan SSID that is longer than it may be\n";
	assert_true(mr_linux_wifi_scan(&h->wifi, NULL, 0, 0));
	assert_true(mr_linux_wifi_scanning(&h->wifi, 1));
	assert_false(mr_linux_wifi_network(&h->wifi, 0, &n));
	assert_false(mr_linux_wifi_up(&h->wifi, &wpa2_ap, 1)); /* the scan would be cut short */
	event(&h->supplicant, "<3>CTRL-EVENT-SCAN-RESULTS ");
	mr_linux_wifi_work(&h->wifi);
	assert_false(mr_linux_wifi_scanning(&h->wifi, 2));
	assert_int_equal(h->wifi.network_count, 8);
	assert_true(mr_linux_wifi_network(&h->wifi, 0, &n));
	assert_int_equal(n.bssid[5], 2);
	assert_int_equal(n.freq_mhz, 5180);
	assert_int_equal(n.rssi_dbm, -41);
	assert_int_equal(n.security, MR_SECURITY_WPA3);
	assert_int_equal(n.ssid_len, 11);
	assert_memory_equal(n.ssid, "m\xc3\xbchl \"1\"\\\t", 11);
	assert_true(mr_linux_wifi_network(&h->wifi, 1, &n));
	assert_true(n.bssid[5] == 3 && n.security == MR_SECURITY_OPEN && n.ssid_len == 0);
	assert_true(mr_linux_wifi_network(&h->wifi, 2, &n));
	assert_true(n.bssid[5] == 5 && n.security == MR_SECURITY_WPA2);
	assert_true(mr_linux_wifi_network(&h->wifi, 3, &n));
	assert_true(n.bssid[5] == 6 && n.security == MR_SECURITY_OTHER);
	assert_true(mr_linux_wifi_network(&h->wifi, 7, &n));
	assert_true(n.bssid[5] == 4 && n.security == MR_SECURITY_OTHER);
	assert_false(mr_linux_wifi_network(&h->wifi, 8, &n));
	/* One that nobody ends is over after a while; one that failed at once. */
	assert_true(mr_linux_wifi_scan(&h->wifi, NULL, 0, 0));
	assert_false(mr_linux_wifi_scanning(&h->wifi, 15000000));
	assert_true(mr_linux_wifi_scan(&h->wifi, NULL, 0, 0));
	event(&h->supplicant, "<3>CTRL-EVENT-SCAN-FAILED ret=-16");
	mr_linux_wifi_work(&h->wifi);
	assert_false(mr_linux_wifi_scanning(&h->wifi, 1));
	h->supplicant.refuses = "SCAN";
	assert_false(mr_linux_wifi_scan(&h->wifi, NULL, 0, 0));
}

static void more_networks_than_there_is_room_leave_the_strongest(void **state)
{
	struct house *h = *state;
	static char list[8000] = "head\n";
	struct mr_network n;

	for (int i = 0; i < 60; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
			 "02:00:00:00:00:%02x\t2412\t%d\t[ESS]\tn%d\n", i, -90 + i, i);
	open_wifi(h, false);
	h->supplicant.results = list;
	event(&h->supplicant, "<3>CTRL-EVENT-SCAN-RESULTS");
	mr_linux_wifi_work(&h->wifi);
	assert_int_equal(h->wifi.network_count, MR_LINUX_WIFI_NETWORKS);
	for (unsigned i = 0; i < MR_LINUX_WIFI_NETWORKS; i++) {
		assert_true(mr_linux_wifi_network(&h->wifi, i, &n));
		assert_int_equal(n.rssi_dbm, -31 - (int)i);
	}
}

/* In a hall of sixty that are stronger. */
static void the_network_that_is_looked_for_is_asked_by_name_and_kept_however_weak(void **state)
{
	struct house *h = *state;
	static char list[8000] = "head\n02:00:00:00:01:00\t2412\t-99\t[ESS]\tmill hall\n";
	struct mr_network n;

	for (int i = 0; i < 60; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
			 "02:00:00:00:00:%02x\t2412\t%d\t[ESS]\tn%d\n", i, -90 + i, i);
	snprintf(list + strlen(list), sizeof(list) - strlen(list), "02:00:00:00:01:01\t2437\t-98\t[ESS]\tmill hall\n");
	open_wifi(h, false);
	h->supplicant.results = list;
	assert_true(mr_linux_wifi_scan(&h->wifi, (const uint8_t *)"mill hall", 9, 0));
	assert_heard(&h->supplicant, "PING\nSCAN ssid 6d696c6c2068616c6c\n");
	event(&h->supplicant, "<3>CTRL-EVENT-SCAN-RESULTS");
	mr_linux_wifi_work(&h->wifi);
	assert_int_equal(h->wifi.network_count, MR_LINUX_WIFI_NETWORKS);
	for (unsigned i = 0; i < MR_LINUX_WIFI_NETWORKS - 2; i++) {
		assert_true(mr_linux_wifi_network(&h->wifi, i, &n));
		assert_int_equal(n.rssi_dbm, -31 - (int)i);
	}
	assert_true(mr_linux_wifi_network(&h->wifi, MR_LINUX_WIFI_NETWORKS - 2, &n));
	assert_true(n.bssid[4] == 1 && n.bssid[5] == 1 && n.rssi_dbm == -98);
	assert_true(mr_linux_wifi_network(&h->wifi, MR_LINUX_WIFI_NETWORKS - 1, &n));
	assert_true(n.bssid[4] == 1 && n.bssid[5] == 0 && n.rssi_dbm == -99);
}

static void a_network_is_joined_and_left(void **state)
{
	static const uint8_t bssid[6] = { 2, 0, 0, 0, 0, 9 };
	struct house *h = *state;
	struct mr_network_choice wpa2 = { (const uint8_t *)"mill",	   4,  MR_SECURITY_WPA2,
					  (const uint8_t *)"by the wheel", 12, bssid };
	struct mr_join join;

	open_wifi(h, true);
	assert_true(mr_linux_wifi_join(&h->wifi, &wpa2));
	assert_heard(&h->supplicant,
		     "PING\nADD_NETWORK\nSET_NETWORK 3 ssid 6d696c6c\nSET_NETWORK 3 scan_ssid 1\n"
		     "SET_NETWORK 3 bssid 02:00:00:00:00:09\nSET_NETWORK 3 key_mgmt WPA-PSK WPA-PSK-SHA256\n"
		     "SET_NETWORK 3 proto RSN\nSET_NETWORK 3 ieee80211w 1\nSET_NETWORK 3 psk \"by the "
		     "wheel\"\nSELECT_NETWORK 3\n");
	h->supplicant.status = "wpa_state=SCANNING\np2p_device_address=02:00:00:00:00:01\n";
	mr_linux_wifi_join_state(&h->wifi, &join);
	assert_int_equal(join.state, MR_JOIN_JOINING);
	h->supplicant.status = "bssid=02:00:00:00:00:08\nfreq=2412\nssid=another\nid=1\nwpa_state=COMPLETED\n";
	mr_linux_wifi_join_state(&h->wifi, &join);
	assert_int_equal(join.state, MR_JOIN_JOINING); /* of a network that it knew before */
	h->supplicant.status =
		"bssid=02:00:00:00:00:09\nfreq=2437\nssid=mill\nid=3\nmode=station\nwpa_state=COMPLETED\n";
	mr_linux_wifi_join_state(&h->wifi, &join);
	assert_int_equal(join.state, MR_JOIN_JOINED);
	assert_int_equal(join.freq_mhz, 2437);
	assert_memory_equal(join.bssid, bssid, 6);
	assert_heard(&h->supplicant, "STATUS\nSTATUS\nSTATUS\n");
	mr_linux_wifi_leave(&h->wifi);
	assert_heard(&h->supplicant, "REMOVE_NETWORK 3\n");
}

static void every_security_has_its_settings(void **state)
{
	static const char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	struct house *h = *state;
	struct mr_network_choice open = { (const uint8_t *)"m", 1, MR_SECURITY_OPEN, NULL, 0, NULL };
	struct mr_network_choice wpa3 = {
		(const uint8_t *)"m", 1, MR_SECURITY_WPA3, (const uint8_t *)"by the wheel", 12, NULL
	};
	struct mr_network_choice psk = { (const uint8_t *)"m", 1, MR_SECURITY_WPA2, (const uint8_t *)key, 64, NULL };

	open_wifi(h, false);
	assert_true(mr_linux_wifi_join(&h->wifi, &open));
	assert_heard(&h->supplicant, "PING\nADD_NETWORK\nSET_NETWORK 3 ssid 6d\nSET_NETWORK 3 scan_ssid 1\nSET_NETWORK "
				     "3 key_mgmt NONE\nSELECT_NETWORK 3\n");
	assert_true(mr_linux_wifi_join(&h->wifi, &wpa3));
	assert_heard(&h->supplicant,
		     "PING\nADD_NETWORK\nSET_NETWORK 3 ssid 6d\nSET_NETWORK 3 scan_ssid 1\nSET_NETWORK 3 key_mgmt SAE\n"
		     "SET_NETWORK 3 ieee80211w 2\nSET_NETWORK 3 sae_password \"by the wheel\"\nSELECT_NETWORK 3\n");
	assert_true(mr_linux_wifi_join(&h->wifi, &psk));
	pthread_mutex_lock(&h->supplicant.lock);
	assert_non_null(strstr(h->supplicant.heard,
			       "SET_NETWORK 3 psk 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"));
	pthread_mutex_unlock(&h->supplicant.lock);
	h->supplicant.refuses = "SET_NETWORK 3 psk";
	assert_false(mr_linux_wifi_join(&h->wifi, &psk));
	assert_int_equal(h->wifi.join_id, -1);
}

static void why_joining_fails_is_taken_from_the_events(void **state)
{
	struct house *h = *state;
	struct mr_network_choice open = { (const uint8_t *)"m", 1, MR_SECURITY_OPEN, NULL, 0, NULL };
	struct mr_join join;

	open_wifi(h, false);
	h->supplicant.status = "wpa_state=SCANNING\n";
	assert_true(mr_linux_wifi_join(&h->wifi, &open));
	for (int i = 0; i < 3; i++) {
		mr_linux_wifi_join_state(&h->wifi, &join);
		assert_int_equal(join.state, MR_JOIN_JOINING);
		event(&h->supplicant, "<3>CTRL-EVENT-NETWORK-NOT-FOUND ");
	}
	mr_linux_wifi_join_state(&h->wifi, &join);
	assert_int_equal(join.state, MR_JOIN_FAILED);
	assert_int_equal(join.cause, MR_CAUSE_NETWORK_NOT_SEEN);
	mr_linux_wifi_leave(&h->wifi);
	assert_true(mr_linux_wifi_join(&h->wifi, &open));
	event(&h->supplicant,
	      "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=3 ssid=\"m\" auth_failures=1 duration=10 reason=WRONG_KEY");
	mr_linux_wifi_join_state(&h->wifi, &join);
	assert_int_equal(join.state, MR_JOIN_FAILED);
	assert_int_equal(join.cause, MR_CAUSE_JOIN_FAILED);
}

static void a_program_that_was_started_anew_is_found_again(void **state)
{
	struct house *h = *state;
	struct mr_network_choice open = { (const uint8_t *)"m", 1, MR_SECURITY_OPEN, NULL, 0, NULL };
	struct mr_join join;

	open_wifi(h, false);
	daemon_stop(&h->supplicant);
	assert_false(mr_linux_wifi_scan(&h->wifi, NULL, 0, 0));
	assert_false(mr_linux_wifi_join(&h->wifi, &open));
	daemon_start(&h->supplicant);
	h->supplicant.status = "wpa_state=SCANNING\n";
	assert_true(mr_linux_wifi_join(&h->wifi, &open));
	event(&h->supplicant, "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=3");
	mr_linux_wifi_join_state(&h->wifi, &join);
	assert_int_equal(join.state, MR_JOIN_FAILED);
}

int main(void)
{
#define IN_A_HOUSE(test) cmocka_unit_test_setup_teardown(test, house_make, house_wipe)
	const struct CMUnitTest tests[] = {
		IN_A_HOUSE(programs_that_are_not_there_are_reported),
		IN_A_HOUSE(hostapd_stands_as_the_access_point),
		IN_A_HOUSE(without_hostapd_wpa_supplicant_does),
		IN_A_HOUSE(the_scan_list_is_read_strongest_first),
		IN_A_HOUSE(more_networks_than_there_is_room_leave_the_strongest),
		IN_A_HOUSE(the_network_that_is_looked_for_is_asked_by_name_and_kept_however_weak),
		IN_A_HOUSE(a_network_is_joined_and_left),
		IN_A_HOUSE(every_security_has_its_settings),
		IN_A_HOUSE(why_joining_fails_is_taken_from_the_events),
		IN_A_HOUSE(a_program_that_was_started_anew_is_found_again),
	};

	return cmocka_run_group_tests_name("linux_wifi", tests, NULL, NULL);
}
