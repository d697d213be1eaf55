/*
 * The API on the kernel's sockets, over the loopback interface: one connection and a second one, TLS, joining when the
 * kernel says that the response has been acknowledged, half-closed and broken connections. And the configuration file.
 *
 * links: agent/port/linux/server.c agent/port/linux/tls_openssl.c agent/port/linux/config.c
 * links: agent/port/linux/crypto_openssl.c tests/support/board.c tests/support/methods_all.c agent/libmr.a
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/linux/config.h"
#include "agent/port/linux/server.h"
#include "tests/support/board.h"

static const uint8_t station_key[32] = { 9 }, batch_key[32] = { 0xba };
static const char get[] = "GET /v1/device HTTP/1.1\r\nHost: a\r\n\r\n";

struct stall {
	struct board board;
	struct mr_linux_server server;
	uint16_t port;
	int fd;
	char text[8192];
	size_t len;
};

static int stall_make(void **state)
{
	struct stall *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	board_make(&s->board, 7, station_key, batch_key);
	board_give_wifi(&s->board);
	s->board.config.channel_count = 0;
	s->board.config.ap = (struct mr_ap_config){
		.method = MR_AP_WPA2, .ssid = "AC-", .passphrase = "as it was built", .freq_mhz = 2412
	};
	assert_true(board_start(&s->board));
	s->server.fd = s->server.listen_fd = s->fd = -1;
	*state = s;
	return 0;
}

static int stall_wipe(void **state)
{
	struct stall *s = *state;

	mr_linux_server_close(&s->server);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
	return 0;
}

/* A port that nobody else has at the moment. */
static uint16_t free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

static void listen_at(struct stall *s, enum mr_link link)
{
	bool ok;

	s->port = free_port();
	ok = mr_linux_server_open(&s->server, &s->board.agent, link, "127.0.0.1", s->port);
	if (!ok)
		fail_msg("%s", s->server.error);
}

static int dial(const struct stall *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(s->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* One turn of the daemon's loop, when something is ready or the clock has moved on. */
static void turn(struct stall *s)
{
	struct pollfd fds[MR_LINUX_SERVER_FDS];
	size_t count = mr_linux_server_fds(&s->server, fds);

	(void)poll(fds, (nfds_t)count, 1);
	s->board.now_us += 1000;
	mr_linux_server_work(&s->server, s->board.now_us);
	if (mr_agent_deadline_us(&s->board.agent) <= s->board.now_us)
		mr_agent_expire(&s->board.agent);
}

/* Turns until `want` octets have come over `fd`, or it has ended, or `turns` are over. */
static size_t hear(struct stall *s, int fd, size_t want, unsigned turns)
{
	s->len = 0;
	while (turns-- > 0 && s->len < want) {
		ssize_t got;

		turn(s);
		got = recv(fd, s->text + s->len, sizeof(s->text) - 1 - s->len, MSG_DONTWAIT);
		if (got == 0)
			break;
		if (got > 0)
			s->len += (size_t)got;
		s->text[s->len] = '\0';
		if (strstr(s->text, "}\n"))
			break;
	}
	s->text[s->len] = '\0';
	return s->len;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static bool ended(struct stall *s, int fd, unsigned turns)
{
	char c;

	while (turns-- > 0) {
		turn(s);
		if (recv(fd, &c, 1, MSG_DONTWAIT) == 0)
			return true;
	}
	return false;
}

static void a_connection_stays_open_for_several_requests(void **state)
{
	struct stall *s = *state;

	listen_at(s, MR_LINK_WPA2);
	s->fd = dial(s);
	for (int i = 0; i < 3; i++) {
		say(s->fd, get);
		assert_true(hear(s, s->fd, sizeof(s->text), 1000) > 0);
		assert_memory_equal(s->text, "HTTP/1.1 200 OK\r\n", 17);
	}
	say(s->fd, "GET /v1/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_true(hear(s, s->fd, sizeof(s->text), 1000) > 0);
	assert_true(ended(s, s->fd, 1000));
	close(s->fd);
	s->fd = dial(s);
	say(s->fd, get);
	assert_true(hear(s, s->fd, sizeof(s->text), 1000) > 0);
}

static void a_second_connection_is_told_to_come_back_and_then_served(void **state)
{
	struct stall *s = *state;
	int second;

	listen_at(s, MR_LINK_WPA2);
	s->fd = dial(s);
	say(s->fd, "GET /v1/dev");
	turn(s);
	second = dial(s);
	say(second, get);
	assert_true(hear(s, second, sizeof(s->text), 1000) > 0);
	assert_memory_equal(s->text, "HTTP/1.1 503 ", 13);
	assert_true(ended(s, second, 1000));
	close(second);
	say(s->fd, "ice HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(hear(s, s->fd, sizeof(s->text), 1000) > 0);
	assert_memory_equal(s->text, "HTTP/1.1 200 ", 13);
	close(s->fd);
	for (int i = 0; i < 20; i++)
		turn(s);
	s->fd = dial(s);
	say(s->fd, get);
	assert_true(hear(s, s->fd, sizeof(s->text), 1000) > 0);
	assert_memory_equal(s->text, "HTTP/1.1 200 ", 13);
}

static void a_connection_that_is_only_kept_open_locks_nobody_out(void **state)
{
	struct stall *s = *state;
	int second;

	listen_at(s, MR_LINK_WPA2);
	s->fd = dial(s);
	say(s->fd, get);
	assert_true(hear(s, s->fd, sizeof(s->text), 1000) > 0);
	for (int i = 0; i < 20; i++)
		turn(s);
	second = dial(s);
	say(second, get);
	assert_true(hear(s, second, sizeof(s->text), 1000) > 0);
	assert_memory_equal(s->text, "HTTP/1.1 200 ", 13);
	assert_true(ended(s, s->fd, 1000));
	close(second);
}

static void a_client_that_has_said_all_is_answered(void **state)
{
	struct stall *s = *state;

	listen_at(s, MR_LINK_WPA2);
	s->fd = dial(s);
	say(s->fd, get);
	assert_int_equal(shutdown(s->fd, SHUT_WR), 0);
	assert_true(hear(s, s->fd, sizeof(s->text), 1000) > 0);
	assert_memory_equal(s->text, "HTTP/1.1 200 ", 13);
	assert_true(ended(s, s->fd, 1000));
	assert_int_equal(s->server.fd, -1);
}

static void the_answer_to_what_is_too_long_arrives_all_the_same(void **state)
{
	struct stall *s = *state;
	char much[1000];

	listen_at(s, MR_LINK_WPA2);
	s->fd = dial(s);
	say(s->fd, "POST /v1/credentials HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
	memset(much, 'a', sizeof(much));
	for (int i = 0; i < 5; i++)
		assert_int_equal(send(s->fd, much, sizeof(much), MSG_NOSIGNAL), sizeof(much));
	assert_true(hear(s, s->fd, sizeof(s->text), 1000) > 0);
	assert_memory_equal(s->text, "HTTP/1.1 413 ", 13);
	assert_true(ended(s, s->fd, 1000));
}

static void a_device_joins_when_the_answer_has_been_acknowledged(void **state)
{
	struct stall *s = *state;

	listen_at(s, MR_LINK_WPA2);
	s->fd = dial(s);
	say(s->fd, "POST /v1/credentials HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		   "Content-Length: 30\r\n\r\nssid=mill&security=open&join=1");
	assert_true(hear(s, s->fd, sizeof(s->text), 1000) > 0);
	assert_memory_equal(s->text, "HTTP/1.1 202 ", 13);
	assert_true(s->board.ap_up);
	for (int i = 0; i < 300 && !s->board.joins;
	     i++) /* a third of a second, far from the two that an unheard answer takes */
		turn(s);
	assert_true(s->board.joins);
	mr_linux_server_hang_up(&s->server);
	/* Away: who calls now is not heard. */
	close(s->fd);
	s->fd = dial(s);
	assert_true(ended(s, s->fd, 1000));
}

static void silence_and_half_a_handshake_end(void **state)
{
	struct stall *s = *state;

	listen_at(s, MR_LINK_WPA2);
	s->fd = dial(s);
	turn(s);
	s->board.now_us += MR_API_IDLE_US;
	assert_true(ended(s, s->fd, 1000));
	close(s->fd);
	mr_linux_server_close(&s->server);
	listen_at(s, MR_LINK_TLS);
	s->fd = dial(s);
	say(s->fd, "\x16\x03\x01");
	turn(s);
	assert_true(mr_linux_server_deadline_us(&s->server) < s->board.now_us + 11000000);
	s->board.now_us += 11000000;
	assert_true(ended(s, s->fd, 1000));
	close(s->fd);
	s->fd = dial(s);
	say(s->fd, get); /* in clear: an alert or nothing, and the end */
	assert_true(ended(s, s->fd, 1000));
}

static void tls_is_spoken_where_the_access_point_is_open(void **state)
{
	struct stall *s = *state;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	uint8_t theirs[32];
	size_t got = 0;

	listen_at(s, MR_LINK_TLS);
	s->fd = dial(s);
	(void)fcntl(s->fd, F_SETFL, O_NONBLOCK);
	SSL_set_fd(ssl, s->fd);
	for (int i = 0; i < 1000 && SSL_connect(ssl) != 1; i++)
		turn(s);
	assert_true(SSL_is_init_finished(ssl));
	assert_int_equal(SSL_write(ssl, get, sizeof(get) - 1), sizeof(get) - 1);
	for (int i = 0; i < 1000 && got == 0; i++) {
		turn(s);
		(void)SSL_read_ex(ssl, s->text, sizeof(s->text) - 1, &got);
	}
	s->text[got] = '\0';
	assert_memory_equal(s->text, "HTTP/1.1 200 ", 13);
	assert_int_equal(SSL_export_keying_material(ssl, theirs, 32, "EXPORTER-Channel-Binding", 24, theirs, 0, 1), 1);
	assert_memory_equal(s->server.api.binding, theirs, 32);
	(void)SSL_shutdown(ssl);
	for (int i = 0; i < 100 && s->server.fd >= 0; i++)
		turn(s);
	assert_int_equal(s->server.fd, -1);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void an_address_that_is_none_is_reported(void **state)
{
	struct stall *s = *state;

	assert_false(mr_linux_server_open(&s->server, &s->board.agent, MR_LINK_WPA2, "not an address", 1));
	assert_non_null(strstr(s->server.error, "not an address"));
	assert_int_equal(mr_linux_server_deadline_us(&s->server), UINT64_MAX);
}

/* ---- the configuration ---- */

#define KEYS                                                                                                           \
	"station_key = 0101010101010101010101010101010101010101010101010101010101010101\n"                             \
	"batch_key=0202020202020202020202020202020202020202020202020202020202020202\n # secrets end\nproduct = "       \
	"AC-100\n"
#define POINT                                                                                                          \
	"040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404" \
	"0404040404040404040404"

static bool reads(struct mr_linux_config *config, const char *text)
{
	char path[] = "/tmp/millrace-config.XXXXXX";
	int fd = mkstemp(path), error = dup(2), nowhere = open("/dev/null", O_WRONLY);
	bool ok;

	assert_true(fd >= 0 && error >= 0 && nowhere >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	dup2(nowhere, 2);
	ok = mr_linux_config_read(config, path);
	dup2(error, 2);
	close(error);
	close(nowhere);
	unlink(path);
	return ok;
}

static void a_configuration_is_read_with_every_setting(void **state)
{
	static struct mr_linux_config c;

	(void)state;
	assert_true(reads(&c, KEYS "  channels = 1 6,36 \n\n# nothing\nroam_ms = 250\n"));
	assert_int_equal(c.agent.channel_count, 3);
	assert_int_equal(c.agent.channels[2], 5180);
	assert_int_equal(c.agent.roam_us, 250000);
	assert_int_equal(c.agent.ap.method, MR_AP_NONE);
	assert_null(c.agent.ap.pin);
	assert_true(
		reads(&c, KEYS
		      "access_point = ibss\nssid = one name\nchannel = 14\naddress = ::1\nport = 8080\njoin_s = 20\n"
		      "grace_s = 5\npin_salt = 00112233445566778899aabbccddeeff\npin_iterations = 1000\n"
		      "pin_w0 = 0303030303030303030303030303030303030303030303030303030303030303\npin_l = " POINT "\n"
		      "wpa_supplicant = /run/wpa_supplicant/wlan0\nhostapd = /run/hostapd/ap0\npassphrase =  of eight "
		      "# or \"more\" \n"));
	assert_int_equal(c.agent.ap.method, MR_AP_IBSS);
	assert_true(c.agent.ap.ssid_is_whole && c.agent.ap.pin && c.agent.ap.freq_mhz == 2484 && c.port == 8080);
	assert_string_equal(c.agent.ap.ssid, "one name");
	assert_string_equal(c.agent.ap.passphrase, "of eight # or \"more\"");
	assert_int_equal(c.agent.ap.pin->salt_len, 16);
	assert_int_equal(c.agent.ap.join_us, 20000000);
	assert_int_equal(c.agent.ap.grace_us, 5000000);
	assert_string_equal(c.hostapd, "/run/hostapd/ap0");
}

static void a_configuration_that_lacks_or_mistakes_something_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		KEYS,
		"product = a\nchannels = 1\n",
		KEYS "channels = 0\n",
		KEYS "channels = 15\n",
		KEYS "channels = x\n",
		KEYS "channels = 1\nroam_ms = -1\n",
		KEYS "channels = 1\nroam_ms = \n",
		KEYS "channels = 1\nnonsense = 1\n",
		KEYS "access_point = wpa2\n",
		KEYS "access_point = wep\nchannel = 1\n",
		KEYS "access_point = pin\nchannel = 200\n",
		KEYS "channels = 1\nport = 0\n",
		KEYS "channels = 1\nport = 65536\n",
		KEYS "channels = 1\nssid = \n",
		KEYS "channels = 1\nssid = 123456789012345678901234567890123\n",
		KEYS "channels = 1\ndevice_id = 00\n",
		KEYS "channels = 1\npin_salt = 00112233445566778899aabbccddeeff\n",
		KEYS "channels = 1\npin_iterations = 999\n",
		KEYS "channels = 1\npin_salt = 0011\n",
		KEYS "channels = 1\nhostapd = /run/hostapd/ap0\n",
		KEYS "channels = 1\nbatch_key = 02020202020202020202020202020202020202020202020202020202020202zz\n",
		"a line\n" KEYS "channels = 1\n",
	};
	static struct mr_linux_config c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (reads(&c, bad[i]))
			fail_msg("taken: %s", bad[i]);
	assert_false(mr_linux_config_read(&c, "/tmp/millrace-no-such-file"));
}

int main(void)
{
#define AT_A_STALL(test) cmocka_unit_test_setup_teardown(test, stall_make, stall_wipe)
	const struct CMUnitTest tests[] = {
		AT_A_STALL(a_connection_stays_open_for_several_requests),
		AT_A_STALL(a_second_connection_is_told_to_come_back_and_then_served),
		AT_A_STALL(a_connection_that_is_only_kept_open_locks_nobody_out),
		AT_A_STALL(a_client_that_has_said_all_is_answered),
		AT_A_STALL(the_answer_to_what_is_too_long_arrives_all_the_same),
		AT_A_STALL(a_device_joins_when_the_answer_has_been_acknowledged),
		AT_A_STALL(silence_and_half_a_handshake_end),
		AT_A_STALL(tls_is_spoken_where_the_access_point_is_open),
		AT_A_STALL(an_address_that_is_none_is_reported),
		cmocka_unit_test(a_configuration_is_read_with_every_setting),
		cmocka_unit_test(a_configuration_that_lacks_or_mistakes_something_is_refused),
	};

	return cmocka_run_group_tests_name("linux_server", tests, NULL, NULL);
}
