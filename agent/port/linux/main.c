/*
 * millrace-agent: the device agent as a daemon on a Linux device with a radio of its own.
 *
 * The configuration is lines of `key = value`; # starts a comment. It holds the batch key: mode 0600.
 *   station_key, batch_key   64 hexadecimal digits
 *   product, hw_rev, firmware
 *   device_id                16 hexadecimal digits; without it: from the radio's burnt-in address
 *   channels                 numbers, the first is home: 1 6 11
 *   roam_ms                  without a call this long, the next channel; 0: stay home
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/agent.h"
#include "agent/port/linux/radio.h"
#include "agent/port/linux/state.h"

enum { EXIT_DONE = 0, EXIT_NOT_PASSED = 1, EXIT_NO_START = 2 };

#define TEXT_MAX 64

struct board {
	struct mr_agent agent;
	struct linux_radio radio;
	struct state_folder state;
	char product[TEXT_MAX], hw_rev[TEXT_MAX], firmware[TEXT_MAX];
	uint8_t station_key[32], batch_key[32];
	uint16_t channels[MR_CHANNELS_MAX];
	struct mr_agent_config config;
	bool has_station, has_batch, has_id;
	int rssi_dbm, verdict;
	const char *state_path;
};

/* --- configuration ------------------------------------------------------------------------------------------------ */

static bool from_hex(const char *text, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned octet;

		/* Two digits each: sscanf alone would take one, a sign or a space. */
		if (!strchr("0123456789abcdefABCDEF", text[2 * i]) || text[2 * i] == '\0' ||
		    !strchr("0123456789abcdefABCDEF", text[2 * i + 1]) || text[2 * i + 1] == '\0' ||
		    sscanf(text + 2 * i, "%2x", &octet) != 1)
			return false;
		out[i] = (uint8_t)octet;
	}
	return text[2 * len] == '\0';
}

/* IEEE 802.11-2020 annex E. 0: no such channel. */
static uint16_t freq_of(unsigned long channel)
{
	if (channel >= 1 && channel <= 13)
		return (uint16_t)(2407 + 5 * channel);
	if (channel == 14)
		return 2484;
	if (channel >= 36 && channel <= 177)
		return (uint16_t)(5000 + 5 * channel);
	return 0;
}

static bool take_channels(struct board *board, const char *text)
{
	char *end;

	board->config.channel_count = 0;
	while (*text) {
		uint16_t freq_mhz = freq_of(strtoul(text, &end, 10));

		if (end == text || freq_mhz == 0 || board->config.channel_count == MR_CHANNELS_MAX)
			return false;
		board->channels[board->config.channel_count++] = freq_mhz;
		text = end + strspn(end, " \t,");
	}
	return board->config.channel_count > 0;
}

static bool take_text(char *out, const char *text, size_t longest)
{
	(void)snprintf(out, TEXT_MAX, "%s", text);
	return strlen(text) <= longest;
}

static bool take_setting(struct board *board, const char *key, const char *value)
{
	char *end;

	if (strcmp(key, "station_key") == 0)
		return board->has_station = from_hex(value, board->station_key, 32);
	if (strcmp(key, "batch_key") == 0)
		return board->has_batch = from_hex(value, board->batch_key, 32);
	if (strcmp(key, "device_id") == 0)
		return board->has_id = from_hex(value, board->config.device_id, 8);
	if (strcmp(key, "product") == 0)
		return take_text(board->product, value, 32);
	if (strcmp(key, "hw_rev") == 0)
		return take_text(board->hw_rev, value, 16);
	if (strcmp(key, "firmware") == 0)
		return take_text(board->firmware, value, 32);
	if (strcmp(key, "channels") == 0)
		return take_channels(board, value);
	if (strcmp(key, "roam_ms") == 0) {
		board->config.roam_us = strtoull(value, &end, 10) * 1000;
		return *value && *end == '\0';
	}
	return false;
}

static bool read_config(struct board *board, const char *path)
{
	FILE *from = fopen(path, "r");
	char line[256];
	unsigned number = 0;
	struct stat at;

	if (!from) {
		fprintf(stderr, "millrace-agent: %s: %s\n", path, strerror(errno));
		return false;
	}
	if (fstat(fileno(from), &at) == 0 && (at.st_mode & 077))
		fprintf(stderr, "millrace-agent: %s holds the batch key and others can read it: chmod 600\n", path);
	while (fgets(line, sizeof(line), from)) {
		char *key = line + strspn(line, " \t"), *value, *end;

		number++;
		key[strcspn(key, "#\r\n")] = '\0';
		if (*key == '\0')
			continue;
		value = key + strcspn(key, "=");
		if (*value)
			*value++ = '\0';
		for (end = key + strlen(key); end > key && (end[-1] == ' ' || end[-1] == '\t');)
			*--end = '\0';
		value += strspn(value, " \t");
		for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
			*--end = '\0';
		if (!take_setting(board, key, value)) {
			fprintf(stderr, "millrace-agent: %s:%u: \"%s\" is unknown or its value does not fit\n", path, number, key);
			fclose(from);
			mr_wipe(line, sizeof(line));
			return false;
		}
	}
	fclose(from);
	mr_wipe(line, sizeof(line));
	if (!board->has_station || !board->has_batch || board->config.channel_count == 0 || board->product[0] == '\0') {
		fprintf(stderr, "millrace-agent: %s lacks station_key, batch_key, product or channels\n", path);
		return false;
	}
	return true;
}

/* --- what the board gives the agent ------------------------------------------------------------------------------- */

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

	return linux_radio_send(&board->radio, frame, len, cookie, board_now_us(board));
}

static bool board_tune(void *ctx, uint16_t freq_mhz)
{
	struct board *board = ctx;

	return linux_radio_tune(&board->radio, freq_mhz);
}

static bool board_read(void *ctx, unsigned slot, uint8_t *out, size_t len)
{
	struct board *board = ctx;

	return state_read(&board->state, slot, out, len);
}

static bool board_write(void *ctx, unsigned slot, const uint8_t *bytes, size_t len)
{
	struct board *board = ctx;

	return state_write(&board->state, slot, bytes, len);
}

static bool board_selftest(void *ctx, unsigned item, const char **name, int32_t *value, bool *passed)
{
	struct board *board = ctx;
	struct statvfs disk;

	switch (item) {
	case 0:
		*name = "rssi";
		*value = board->rssi_dbm;
		*passed = board->rssi_dbm < 0;
		return true;
	case 1:
		*name = "storage-free-kib";
		*passed = statvfs(board->state_path, &disk) == 0;
		uint64_t free_kib = *passed ? (uint64_t)disk.f_bavail * disk.f_frsize / 1024 : 0;

		*value = free_kib > INT32_MAX ? INT32_MAX : (int32_t)free_kib;
		*passed = *passed && free_kib >= 64;
		return true;
	default:
		return false;
	}
}

static void board_indicate(void *ctx, int verdict)
{
	static const char *const names[] = { "none", "pass", "retry", "fail", "quarantine" };
	struct board *board = ctx;

	board->verdict = verdict;
	printf("verdict %s %s\n", verdict >= 0 && verdict < 5 ? names[verdict] : "unknown", mr_agent_serial(&board->agent));
	(void)fflush(stdout);
}

static void on_received(void *ctx, struct mr_rd frame, int rssi_dbm)
{
	struct board *board = ctx;

	board->rssi_dbm = rssi_dbm;
	mr_agent_receive(&board->agent, frame);
}

static void on_sent(void *ctx, uint32_t cookie, bool acked)
{
	struct board *board = ctx;

	mr_agent_sent(&board->agent, cookie, acked);
}

/* --- the daemon --------------------------------------------------------------------------------------------------- */

static int timeout_ms(const struct board *board, uint64_t now_us)
{
	uint64_t at_us = mr_agent_deadline_us(&board->agent), radio_us = linux_radio_deadline_us(&board->radio);

	if (radio_us < at_us)
		at_us = radio_us;
	if (at_us == UINT64_MAX)
		return -1;
	if (at_us <= now_us)
		return 0;
	at_us = (at_us - now_us + 999) / 1000;
	return at_us > 60000 ? 60000 : (int)at_us;
}

static int serve(struct board *board, int signals, bool once)
{
	for (;;) {
		struct pollfd fds[2] = { { .fd = board->radio.packet_fd, .events = POLLIN },
					 { .fd = signals, .events = POLLIN } };

		if (poll(fds, 2, timeout_ms(board, board_now_us(board))) < 0 && errno != EINTR)
			return EXIT_NO_START;
		if (fds[1].revents)
			return EXIT_DONE;
		if (!linux_radio_work(&board->radio, board_now_us(board))) {
			fprintf(stderr, "millrace-agent: %s\n", board->radio.error);
			return EXIT_NO_START;
		}
		if (mr_agent_deadline_us(&board->agent) <= board_now_us(board))
			mr_agent_expire(&board->agent);
		if (once && mr_agent_finished(&board->agent) && linux_radio_deadline_us(&board->radio) == UINT64_MAX &&
		    mr_agent_deadline_us(&board->agent) == UINT64_MAX)
			return board->verdict == MR_VERDICT_PASS ? EXIT_DONE : EXIT_NOT_PASSED;
	}
}

static int take_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int start(struct board *board, const char *interface, bool once)
{
	const struct mr_port port = {
		.ctx = board, .now_us = board_now_us, .work = board_work, .random = board_random, .send = board_send,
		.tune = board_tune, .store_read = board_read, .store_write = board_write,
		.selftest = board_selftest, .indicate = board_indicate,
	};
	int signals = take_signals();

	if (signals < 0 || !linux_radio_open(&board->radio, interface, NULL)) {
		fprintf(stderr, "millrace-agent: %s\n", signals < 0 ? strerror(errno) : board->radio.error);
		return EXIT_NO_START;
	}
	board->radio.events = (struct linux_radio_events){ board, on_received, on_sent };
	memcpy(board->config.mac, board->radio.mac, 6);
	if (!board->has_id)
		memcpy(board->config.device_id, board->radio.mac, 6);
	board->config.product = board->product;
	board->config.hw_rev = board->hw_rev;
	board->config.firmware = board->firmware;
	board->config.station_key = board->station_key;
	board->config.batch_key = board->batch_key;
	board->config.channels = board->channels;
	if (!mr_agent_init(&board->agent, &board->config, &port)) {
		fprintf(stderr, "millrace-agent: the configuration is out of range, or the radio or the storage failed\n");
		return EXIT_NO_START;
	}
	return serve(board, signals, once);
}

static int usage(FILE *to, int status)
{
	fprintf(to, "usage: millrace-agent --interface NAME|PHY --config FILE --state FOLDER [--once]\n"
		    "The device agent as a daemon, with a radio of its own. Needs CAP_NET_ADMIN and CAP_NET_RAW.\n\n"
		    "  --interface NAME   the radio: an interface (wlan0) or a chip (phy0)\n"
		    "  --config FILE      keys, product, channels; see config/millrace-agent.conf\n"
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
	board->state_path = state;
	result = EXIT_NO_START;
	if (read_config(board, config)) {
		if (state_open(&board->state, state))
			result = start(board, interface, once);
		else
			fprintf(stderr, "millrace-agent: %s\n", board->state.error);
	}
	linux_radio_close(&board->radio);
	state_close(&board->state);
	mr_wipe(board, sizeof(*board));
	free(board);
	return result;
}
