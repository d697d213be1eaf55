/*
 * millrace-agent: the device agent as a daemon on a Linux device. It answers a station's action frames on a radio of
 * its own, or serves the API on an access point that hostapd or wpa_supplicant makes, or both, as the configuration
 * says.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/method.h"
#include "agent/port/crypto.h"
#include "agent/port/linux/config.h"
#include "agent/port/linux/radio.h"
#include "agent/port/linux/server.h"
#include "agent/port/linux/state.h"
#include "agent/port/linux/wifi.h"

enum { EXIT_DONE = 0, EXIT_NOT_PASSED = 1, EXIT_NO_START = 2 };

struct board {
	struct mr_agent agent;
	struct mr_linux_radio radio;   /* for action frames */
	struct mr_linux_wifi wifi;     /* for the access point, scans, joining */
	struct mr_linux_server server; /* for the API */
	struct mr_state_folder state;
	struct mr_linux_config config;
	bool has_radio, has_wifi, has_credentials;
	bool ap_up;
	int rssi_dbm, verdict;
	const char *state_path;
};

/* --- what the board gives the agent ------------------------------------------------------------------------------- */

static const struct mr_method *const image[] = {
	&mr_method_direct, &mr_part_wifi, &mr_part_api,	      &mr_method_micro_ap, &mr_method_https,
	&mr_method_pin,	   &mr_part_wps,  &mr_method_wps_pin, &mr_method_wps_pbc,  NULL
};

static uint64_t board_now_us(void *ctx)
{
	struct timespec t;

	(void)ctx;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void board_work(void *ctx, enum mr_work kind, size_t n)
{
	/* Nothing to feed here: no watchdog, and Linux schedules by itself. */
	(void)ctx;
	(void)kind;
	(void)n;
}

static bool board_random(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	while (len > 0) {
		ssize_t got = getrandom(out, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		out += got;
		len -= (size_t)got;
	}
	return true;
}

static bool board_send(void *ctx, const uint8_t *frame, size_t len, uint32_t cookie)
{
	struct board *board = ctx;

	return mr_linux_radio_send(&board->radio, frame, len, cookie, board_now_us(board));
}

static bool board_tune(void *ctx, uint16_t freq_mhz)
{
	struct board *board = ctx;

	return mr_linux_radio_tune(&board->radio, freq_mhz);
}

static bool board_read(void *ctx, unsigned slot, uint8_t *out, size_t len)
{
	struct board *board = ctx;

	return mr_state_read(&board->state, slot, out, len);
}

static bool board_write(void *ctx, unsigned slot, const uint8_t *bytes, size_t len)
{
	struct board *board = ctx;

	return mr_state_write(&board->state, slot, bytes, len);
}

static bool board_selftest(void *ctx, unsigned item, const char **name, int32_t *value, bool *passed)
{
	struct board *board = ctx;
	struct statvfs disk;

	switch (item) {
	case 0: /* of the last frame heard; on an access point alone none is */
		*name = "rssi";
		*value = board->rssi_dbm;
		*passed = board->rssi_dbm < 0 || !board->has_radio;
		return true;
	case 1:
		*name = "storage-free-kib";
		*passed = statvfs(board->state_path, &disk) == 0;
		uint64_t free_kib = *passed ? (uint64_t)disk.f_bavail * disk.f_frsize / 1024 : 0;

		*value = free_kib > INT32_MAX ? INT32_MAX : (int32_t)free_kib;
		*passed = *passed && free_kib >= 64;
		return true;
	default: return false;
	}
}

static void board_indicate(void *ctx, int verdict)
{
	static const char *const names[] = { "none", "pass", "retry", "fail", "quarantine" };
	struct board *board = ctx;

	board->verdict = verdict;
	printf("verdict %s %s\n", verdict >= 0 && verdict < 5 ? names[verdict] : "unknown",
	       mr_agent_serial(&board->agent));
	(void)fflush(stdout);
}

static void on_received(void *ctx, struct mr_rd frame, int rssi_dbm)
{
	struct board *board = ctx;

	if ((frame.at[0] & 0x0c) != 0x08) /* data frames are those of others to groups */
		board->rssi_dbm = rssi_dbm;
	mr_agent_receive(&board->agent, frame);
}

static void on_sent(void *ctx, uint32_t cookie, bool acked)
{
	struct board *board = ctx;

	mr_agent_sent(&board->agent, cookie, acked);
}

static bool board_up(void *ctx, const struct mr_access_point *ap)
{
	struct board *board = ctx;

	board->ap_up = mr_linux_wifi_up(&board->wifi, ap, board_now_us(board));
	printf("access point %s\n", board->ap_up ? "up" : "does not come up");
	(void)fflush(stdout);
	return board->ap_up;
}

static void board_down(void *ctx)
{
	struct board *board = ctx;

	mr_linux_server_hang_up(&board->server);
	mr_linux_wifi_down(&board->wifi);
	board->ap_up = false;
	printf("access point down\n");
	(void)fflush(stdout);
}

static bool board_scan(void *ctx, const uint8_t *ssid, size_t ssid_len)
{
	return mr_linux_wifi_scan(&((struct board *)ctx)->wifi, ssid, ssid_len, board_now_us(ctx));
}

static bool board_scanning(void *ctx)
{
	return mr_linux_wifi_scanning(&((struct board *)ctx)->wifi, board_now_us(ctx));
}

static bool board_network(void *ctx, unsigned i, struct mr_network *out)
{
	return mr_linux_wifi_network(&((struct board *)ctx)->wifi, i, out);
}

static bool board_join(void *ctx, const struct mr_network_choice *network)
{
	return mr_linux_wifi_join(&((struct board *)ctx)->wifi, network);
}

static void board_join_state(void *ctx, struct mr_join *out)
{
	mr_linux_wifi_join_state(&((struct board *)ctx)->wifi, out);
}
static void board_leave(void *ctx) { mr_linux_wifi_leave(&((struct board *)ctx)->wifi); }

static bool board_sta_address(void *ctx, uint8_t mac[static 6])
{
	return mr_linux_wifi_sta_address(&((struct board *)ctx)->wifi, mac);
}

static const struct mr_wifi board_wifi = { board_up,   board_down,	 board_scan,  board_network,	board_scanning,
					   board_join, board_join_state, board_leave, board_sta_address };

/* --- the daemon --------------------------------------------------------------------------------------------------- */

static uint64_t deadline_us(const struct board *board)
{
	const uint64_t all[] = { mr_agent_deadline_us(&board->agent), mr_linux_radio_deadline_us(&board->radio),
				 mr_linux_server_deadline_us(&board->server) };
	uint64_t first_us = UINT64_MAX;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] < first_us)
			first_us = all[i];
	return first_us;
}

static int timeout_ms(const struct board *board, uint64_t now_us)
{
	uint64_t at_us = deadline_us(board);

	if (at_us == UINT64_MAX)
		return -1;
	if (at_us <= now_us)
		return 0;
	at_us = (at_us - now_us + 999) / 1000;
	return at_us > 60000 ? 60000 : (int)at_us;
}

/* Waits for whatever comes first. false: a signal, or poll has failed. */
static bool wait_for_work(struct board *board, int signals)
{
	struct pollfd fds[3 + MR_LINUX_SERVER_FDS] = { { .fd = signals, .events = POLLIN },
						       { .fd = board->radio.packet_fd, .events = POLLIN },
						       { .fd = board->has_wifi ? mr_linux_wifi_fd(&board->wifi) : -1,
							 .events = POLLIN } };
	size_t count = 3 + mr_linux_server_fds(&board->server, fds + 3);

	if (poll(fds, (nfds_t)count, timeout_ms(board, board_now_us(board))) < 0 && errno != EINTR)
		return false;
	return fds[0].revents == 0;
}

static bool is_through(const struct board *board)
{
	return mr_agent_finished(&board->agent) && !board->ap_up && deadline_us(board) == UINT64_MAX;
}

/* What a registrar gave it, or a station. */
static void note_credentials(struct board *board)
{
	bool has = mr_agent_stage(&board->agent) & MR_STAGE_CREDENTIALS;

	if (has && !board->has_credentials) {
		printf("credentials stored\n");
		(void)fflush(stdout);
	}
	board->has_credentials = has;
}

static int serve(struct board *board, int signals, bool once)
{
	while (wait_for_work(board, signals)) {
		if (board->has_radio && !mr_linux_radio_work(&board->radio, board_now_us(board))) {
			fprintf(stderr, "millrace-agent: %s\n", board->radio.error);
			return EXIT_NO_START;
		}
		if (board->has_wifi)
			mr_linux_wifi_work(&board->wifi);
		mr_linux_server_work(&board->server, board_now_us(board));
		if (mr_agent_deadline_us(&board->agent) <= board_now_us(board))
			mr_agent_expire(&board->agent);
		note_credentials(board);
		if (once && is_through(board))
			return board->verdict == MR_VERDICT_PASS ? EXIT_DONE : EXIT_NOT_PASSED;
	}
	return EXIT_DONE;
}

static bool is_ignored(int number)
{
	struct sigaction as;

	return sigaction(number, NULL, &as) == 0 && as.sa_handler == SIG_IGN;
}

/* A terminal that is closed and an output that nobody reads any more end it like SIGTERM: access points go down. */
static int take_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (!is_ignored(SIGHUP))
		(void)sigaddset(&set, SIGHUP);
	if (!is_ignored(SIGPIPE))
		(void)sigaddset(&set, SIGPIPE);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The burnt-in address of an interface, where no radio of ours is opened. */
static bool read_mac(const char *interface, uint8_t mac[static 6])
{
	char path[96];
	unsigned octets[6];
	FILE *from;
	bool ok;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%.32s/address", interface);
	from = fopen(path, "r");
	ok = from && fscanf(from, "%2x:%2x:%2x:%2x:%2x:%2x", &octets[0], &octets[1], &octets[2], &octets[3], &octets[4],
			    &octets[5]) == 6;
	if (from)
		fclose(from);
	for (size_t i = 0; ok && i < 6; i++)
		mac[i] = (uint8_t)octets[i];
	return ok;
}

static bool open_radio(struct board *board, const char *interface)
{
	struct mr_agent_config *config = &board->config.agent;

	board->has_radio = mr_agent_wants(config) & (MR_WANTS_ACTION_FRAMES | MR_WANTS_OPEN_LINK);
	if (!board->has_radio) {
		if (read_mac(interface, config->mac))
			return true;
		fprintf(stderr, "millrace-agent: %s is no interface\n", interface);
		return false;
	}
	if (!mr_linux_radio_open(&board->radio, interface, NULL) ||
	    ((mr_agent_wants(config) & MR_WANTS_GROUP_FRAMES) && !mr_linux_radio_hear_groups(&board->radio))) {
		fprintf(stderr, "millrace-agent: %s\n", board->radio.error);
		return false;
	}
	board->radio.events = (struct mr_linux_radio_events){ board, on_received, on_sent };
	memcpy(config->mac, board->radio.mac, 6);
	return true;
}

static bool open_wifi(struct board *board)
{
	const struct mr_linux_config *config = &board->config;

	if (config->supplicant[0] == '\0')
		return true;
	board->has_wifi = true;
	if (mr_linux_wifi_open(&board->wifi, config->supplicant, config->hostapd)) {
		(void)mr_linux_wifi_scan(&board->wifi, NULL, 0, board_now_us(board)); /* for the first one to ask */
		return true;
	}
	fprintf(stderr, "millrace-agent: %s%s%s: %s\n", config->supplicant, config->hostapd[0] ? " or " : "",
		config->hostapd, strerror(errno));
	return false;
}

static bool open_server(struct board *board)
{
	enum mr_ap_method method = board->config.agent.ap.method;
	enum mr_link link = method == MR_AP_TLS ? MR_LINK_TLS : method == MR_AP_WPA2 ? MR_LINK_WPA2 : MR_LINK_OPEN;

	if (!(mr_agent_wants(&board->config.agent) & MR_WANTS_ACCESS_POINT) ||
	    mr_linux_server_open(&board->server, &board->agent, link, board->config.address, board->config.port))
		return true;
	fprintf(stderr, "millrace-agent: %s\n", board->server.error);
	return false;
}

static int start(struct board *board, const char *interface, bool once)
{
	struct mr_agent_config *config = &board->config.agent;
	struct mr_port port = {
		.ctx = board,
		.now_us = board_now_us,
		.work = board_work,
		.random = board_random,
		.send = board_send,
		.tune = board_tune,
		.store_read = board_read,
		.store_write = board_write,
		.selftest = board_selftest,
		.indicate = board_indicate,
	};
	int signals = take_signals();

	config->methods = image;
	if (signals < 0) {
		fprintf(stderr, "millrace-agent: %s\n", strerror(errno));
		return EXIT_NO_START;
	}
	if (!open_radio(board, interface) || !open_wifi(board) || !open_server(board))
		return EXIT_NO_START;
	if (!board->config.has_id)
		memcpy(config->device_id, config->mac, 6);
	if (board->has_wifi)
		port.wifi = &board_wifi;
	if (!mr_agent_init(&board->agent, config, &port)) {
		fprintf(stderr,
			"millrace-agent: the configuration is out of range, or the radio or the storage failed\n");
		return EXIT_NO_START;
	}
	return serve(board, signals, once);
}

static int usage(FILE *to, int status)
{
	fprintf(to, "usage: millrace-agent --interface NAME|PHY --config FILE --state FOLDER [--once]\n"
		    "The device agent as a daemon, with a radio of its own, or an access point, or both. Needs "
		    "CAP_NET_ADMIN\n"
		    "and CAP_NET_RAW for the radio, CAP_NET_BIND_SERVICE for the access point's port.\n\n"
		    "  --interface NAME   the radio: an interface (wlan0) or, for action frames, a chip (phy0)\n"
		    "  --config FILE      keys, product, channels, access point; see config/millrace-agent.conf\n"
		    "  --state FOLDER     what survives a power cut\n"
		    "  --once             ends when the station has finished with it: 0 passed, 1 not\n");
	return status;
}

int main(int argc, char **argv)
{
	const char *interface = NULL, *config = NULL, *state = NULL;
	struct board *board;
	bool once = false;
	int result;

	(void)mr_crypto_wipe_freed();
	for (int i = 1; i < argc; i++) {
		const char **value = strcmp(argv[i], "--interface") == 0 || strcmp(argv[i], "--phy") == 0 ? &interface
				     : strcmp(argv[i], "--config") == 0				      ? &config
				     : strcmp(argv[i], "--state") == 0				      ? &state
												      : NULL;

		if (strcmp(argv[i], "--help") == 0)
			return usage(stdout, EXIT_DONE);
		if (strcmp(argv[i], "--once") == 0)
			once = true;
		else if (!value || i + 1 == argc)
			return usage(stderr, EXIT_NO_START);
		else
			*value = argv[++i];
	}
	if (!interface || !config || !state)
		return usage(stderr, EXIT_NO_START);
	board = calloc(1, sizeof(*board));
	if (!board)
		return EXIT_NO_START;
	board->radio.packet_fd = board->radio.netlink_fd = board->state.fd = board->state.lock_fd = -1;
	board->server.fd = board->server.listen_fd = -1;
	board->wifi = (struct mr_linux_wifi){
		.supplicant.fd = -1, .events.fd = -1, .hostapd.fd = -1, .ap_id = -1, .join_id = -1
	};
	board->state_path = state;
	result = EXIT_NO_START;
	if (mr_linux_config_read(&board->config, config)) {
		if (mr_state_open(&board->state, state))
			result = start(board, interface, once);
		else
			fprintf(stderr, "millrace-agent: %s\n", board->state.error);
	}
	mr_linux_server_close(&board->server);
	if (board->has_wifi)
		mr_linux_wifi_close(&board->wifi);
	mr_linux_radio_close(&board->radio);
	mr_state_close(&board->state);
	mr_wipe(board, sizeof(*board));
	free(board);
	return result;
}
