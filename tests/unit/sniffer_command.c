/*
 * `millrace sniffer decode` over captures that are made here.
 *
 * links: all
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "agent/wire/smartconfig.h"
#include "station/command/command.h"

static char folder[] = "/tmp/sniffer.XXXXXX";
static char said[65536];

static const char *path_of(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* `lost`: every so many frames, one is not in the capture; 0: none. `snap`: octets kept of each. */
static void capture(const char *name, enum mr_smart_scheme scheme, const char *key, unsigned frames, unsigned lost,
		    unsigned snap)
{
	/* version 0, 14 octets, channel: 2437 MHz in 2.4 GHz; rate and TX flags are not there */
	static const uint8_t radiotap[12] = { 0, 0, 12, 0, 0x08, 0, 0, 0, 0x85, 0x09, 0xa0, 0 };
	struct mr_smart_settings s = { .ssid = "factory-net",
				       .ssid_len = 11,
				       .passphrase = "correct horse",
				       .passphrase_len = 13,
				       .bssid = { 2, 1 } };
	pcap_t *dead = pcap_open_dead(DLT_IEEE802_11_RADIO, 65535);
	pcap_dumper_t *dumper = pcap_dump_open(dead, path_of(name));
	struct mr_smart_sender sender;
	uint64_t at_us = 1000000;

	s.key_len = (uint8_t)strlen(key);
	memcpy(s.key, key, s.key_len);
	assert_non_null(dumper);
	assert_true(mr_smart_begin(&sender, scheme, &s));
	for (unsigned i = 0; i < frames; i++) {
		struct mr_overheard_out out = { .bssid = { 2, 1 }, .source = { 2, 2 }, .from_ds = true };
		struct mr_smart_frame frame;
		uint8_t bytes[1700];
		struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
		struct pcap_pkthdr header = { 0 };

		mr_smart_next(&sender, &frame);
		out.length = frame.length;
		out.sequence = i & 0xfff;
		mr_overheard_group(frame.destination, out.destination);
		mr_wr_bytes(&w, radiotap, sizeof(radiotap));
		assert_true(mr_overheard_build(&w, &out));
		header.ts.tv_sec = (time_t)(at_us / 1000000);
		header.ts.tv_usec = (suseconds_t)(at_us % 1000000);
		header.len = (bpf_u_int32)w.len;
		header.caplen = header.len < snap ? header.len : snap;
		at_us += frame.gap_us;
		if (lost == 0 || i % lost != lost - 1)
			pcap_dump((u_char *)dumper, &header, bytes);
	}
	pcap_dump_close(dumper);
	pcap_close(dead);
}

/* What it prints is in `said`. */
static int run(const char *const *words)
{
	char copies[8][80], *argv[8];
	int argc = 0, out = dup(STDOUT_FILENO), file = open(path_of("said"), O_RDWR | O_CREAT | O_TRUNC, 0600), status;
	ssize_t len;

	for (; words[argc]; argc++) {
		snprintf(copies[argc], sizeof(copies[argc]), "%s", words[argc]);
		argv[argc] = copies[argc];
	}
	fflush(stdout);
	assert_true(dup2(file, STDOUT_FILENO) >= 0);
	status = command_sniffer(argc, argv);
	fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	close(out);
	len = pread(file, said, sizeof(said) - 1, 0);
	close(file);
	said[len > 0 ? len : 0] = '\0';
	return status;
}

static int decode(const char *name, const char *option, const char *value)
{
	char capture_path[80], value_path[80];

	snprintf(capture_path, sizeof(capture_path), "%s", path_of(name));
	snprintf(value_path, sizeof(value_path), "%s", value ? path_of(value) : "");
	return run((const char *const[]){ "sniffer", "decode", capture_path, option, value ? value_path : NULL, NULL });
}

static void has(const char *text)
{
	if (!strstr(said, text))
		fail_msg("\"%s\" is not in:\n%s", text, said);
}

static void a_passphrase_is_shown_on_demand_only(void **state)
{
	(void)state;
	capture("v1", MR_SMART_ESPTOUCH1, "", 252 + 117, 0, 65535);
	assert_int_equal(decode("v1", NULL, NULL), EXIT_ALL_WELL);
	has("esptouch-v1 from 02:02:00:00:00:00 in 02:01:00:00:00:00, from DS, channel 6");
	has("0.0 % lost");
	has("SSID \"factory-net\", passphrase of 13 octets");
	assert_null(strstr(said, "correct horse"));
	assert_int_equal(decode("v1", "--show-secret", NULL), EXIT_ALL_WELL);
	has("passphrase \"correct horse\"");
	assert_int_equal(decode("v1", "--json", NULL), EXIT_ALL_WELL);
	has("\"ssid\": \"factory-net\"");
	has("\"passphrase_octets\": 13");
	assert_null(strstr(said, "correct horse"));
}

static void what_is_not_whole_is_counted(void **state)
{
	double lost;

	(void)state;
	capture("part", MR_SMART_ESPTOUCH1, "", 252 + 90, 0, 65535);
	assert_int_equal(decode("part", NULL, NULL), EXIT_NOT_ALL_WELL);
	has("30 of 39 units");
	assert_null(strstr(said, "SSID"));
	capture("lossy", MR_SMART_ESPTOUCH1, "", 252 + 501 + 252 + 501, 10, 65535);
	assert_int_equal(decode("lossy", NULL, NULL), EXIT_ALL_WELL);
	has(" % lost");
	lost = strtod(strstr(said, "frames, ") + strlen("frames, "), NULL);
	assert_true(lost > 8 && lost < 12);
	has("factory-net");
}

/* A capture of the first octets of each frame is enough: lengths are in its own headers. */
static void a_capture_of_headers_is_enough(void **state)
{
	(void)state;
	capture("short", MR_SMART_AIRKISS, "", 250, 0, 12 + 40);
	assert_int_equal(decode("short", NULL, NULL), EXIT_ALL_WELL);
	has("airkiss");
	has("factory-net");
}

static void a_key_opens_what_was_sent_with_it(void **state)
{
	FILE *key;

	(void)state;
	capture("keyed", MR_SMART_ESPTOUCH2, "0123456789abcdef", 200, 0, 65535);
	assert_int_equal(decode("keyed", NULL, NULL), EXIT_NOT_ALL_WELL);
	has("esptouch-v2");
	assert_null(strstr(said, "SSID"));
	key = fopen(path_of("key"), "w");
	assert_non_null(key);
	fputs("0123456789abcdef\n", key);
	fclose(key);
	assert_int_equal(chmod(path_of("key"), 0644), 0);
	assert_int_equal(decode("keyed", "--key-file", "key"), EXIT_UNUSABLE);
	assert_int_equal(chmod(path_of("key"), 0600), 0);
	assert_int_equal(decode("keyed", "--key-file", "key"), EXIT_ALL_WELL);
	has("passphrase of 13 octets");
}

static void what_is_no_capture_is_refused(void **state)
{
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *dumper = pcap_dump_open(dead, path_of("ethernet"));

	(void)state;
	pcap_dump_close(dumper);
	pcap_close(dead);
	assert_int_equal(decode("none", NULL, NULL), EXIT_UNUSABLE);
	assert_int_equal(decode("ethernet", NULL, NULL), EXIT_UNUSABLE);
	assert_int_equal(run((const char *const[]){ "sniffer", "decode", NULL }), EXIT_UNUSABLE);
	assert_int_equal(run((const char *const[]){ "sniffer", "decod", NULL }), EXIT_UNUSABLE);
	assert_int_equal(run((const char *const[]){ "sniffer", NULL }), EXIT_UNUSABLE);
	assert_int_equal(run((const char *const[]){ "sniffer", "--help", NULL }), EXIT_ALL_WELL);
	has("decode");
	assert_int_equal(run((const char *const[]){ "sniffer", "decode", "--help", NULL }), EXIT_ALL_WELL);
	has("--show-secret");
	capture("silence", MR_SMART_ESPTOUCH1, "", 2, 0, 65535);
	assert_int_equal(decode("silence", NULL, NULL), EXIT_NOT_ALL_WELL);
	has("nothing of sniffer mode in 2 packets");
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "v1",  "part",	"lossy",   "short", "keyed",
					     "key", "ethernet", "silence", "said" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path_of(names[i]));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_passphrase_is_shown_on_demand_only),
		cmocka_unit_test(what_is_not_whole_is_counted),
		cmocka_unit_test(a_capture_of_headers_is_enough),
		cmocka_unit_test(a_key_opens_what_was_sent_with_it),
		cmocka_unit_test(what_is_no_capture_is_refused),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
