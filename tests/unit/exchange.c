/*
 * The example exchange of docs/protocol.md, octet for octet: who writes another agent or station has these figures to
 * compare with, so they are compared here with what the code does. Run from the top of the tree.
 *
 * links: agent/port/linux/crypto_openssl.c tests/support/board.c tests/support/methods_direct.c
 * links: tests/support/peer.c agent/libmr.a
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/board.h"

#include <cmocka.h>

#include "tests/support/peer.h"

#define DOCUMENT "docs/protocol.md"

struct example {
	char *text;  /* the document */
	int missing; /* lines that are not there as they should be */
};

/* The document must have the line "NAME HEX", the digits in groups at will and continued on indented lines. */
static bool document_says(const char *text, const char *name, const uint8_t *octets, size_t len)
{
	char key[40];
	const char *at;

	snprintf(key, sizeof(key), "\n%s ", name);
	at = strstr(text, key);
	if (!at)
		return false;
	at += strlen(key);
	for (size_t i = 0; i < 2 * len; i++) {
		uint8_t nibble = (uint8_t)(i % 2 ? octets[i / 2] & 15 : octets[i / 2] >> 4);

		while (*at == ' ' || (*at == '\n' && at[1] == ' '))
			at++;
		if (*at++ != "0123456789abcdef"[nibble])
			return false;
	}
	while (*at == ' ')
		at++;
	return *at == '\n' && at[1] != ' ';
}

static void check(struct example *x, const char *name, const void *octets, size_t len)
{
	const uint8_t *from = octets;

	if (document_says(x->text, name, from, len))
		return;
	x->missing++;
	printf("%s has not this line:\n%-17s", DOCUMENT, name);
	for (size_t i = 0; i < len; i++)
		printf("%s%02x", i > 0 && i % 48 == 0 ? "\n                 " : "", from[i]);
	printf("\n");
}

static char *read_all(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = calloc(1, 1 << 20);

	assert_non_null(text);
	if (file) {
		assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
		fclose(file);
	}
	return text;
}

static void the_example_in_the_document_is_what_the_code_does(void **state)
{
	uint8_t batch_key[32], e[32], frame[MR_FRAME_MAX], request[1] = { MR_OP_SELFTEST };
	struct board board;
	struct peer p;
	struct peer ahead;
	struct board_frame one, two;
	struct example x = { .text = read_all(DOCUMENT) };
	struct mr_frame parsed;
	size_t len;

	(void)state;
	for (uint8_t i = 0; i < 32; i++)
		batch_key[i] = i;
	peer_make(&p, 0x5eed, batch_key);
	board_make(&board, 1, p.s_pub, batch_key);
	p.board = &board;
	assert_true(board_start(&board));
	check(&x, "batch_key", batch_key, 32);
	check(&x, "call_key", p.call_key, 32);
	check(&x, "batch_tag", p.batch_tag, 8);
	check(&x, "station_private", p.s_priv, 32);
	check(&x, "station_public", p.s_pub, 32);
	check(&x, "station_id", p.station_id, 8);

	p.counter = 1760000000000000 - 1;
	len = peer_build_call(&p, MR_CALL_PRESENT | MR_CALL_INVENTORY, 1, 1200, frame);
	check(&x, "call", frame, len);
	board_hear(&board, frame, len);
	assert_true(board_wait(&board, 0));
	one = *board_take(&board, true);
	check(&x, "hello", one.bytes, one.len);
	assert_true(mr_frame_parse(mr_rd_over(one.bytes, one.len), &parsed));
	p.hello = parsed.hello;

	peer_random(&p, p.session_id, 8);
	len = peer_build_invite(&p, 2437, frame);
	check(&x, "invite", frame, len);
	board_hear(&board, frame, len);
	check(&x, "device_e", board.agent.held.session.secret.noise.e, 32);
	assert_true(board_wait(&board, 0));
	one = *board_take(&board, true);
	ahead = p;
	peer_random(&ahead, e, 32);
	assert_true(peer_accepts(&p, &one));
	check(&x, "payload_1", p.introduction, p.introduction_len);
	check(&x, "handshake_1", one.bytes, one.len);
	check(&x, "station_e", e, 32);
	check(&x, "handshake_2", p.handshake_2.bytes, p.handshake_2.len);
	check(&x, "to_station", p.keys.to_station, 32);
	check(&x, "to_device", p.keys.to_device, 32);
	check(&x, "handshake_hash", p.keys.handshake_hash, 32);

	p.seq = 1;
	len = peer_build_data(&p, request, sizeof(request), p.seq, 0, 0, frame);
	check(&x, "plain_request", request, sizeof(request));
	check(&x, "data_request", frame, len);
	board_hear(&board, frame, len);
	assert_true(peer_hears(&p, 0));
	two = p.raw;
	assert_true(mr_frame_parse(mr_rd_over(two.bytes, two.len), &parsed));
	check(&x, "plain_response", p.answer, parsed.data.sealed.left - MR_TAG_LEN);
	check(&x, "data_response", two.bytes, two.len);
	free(x.text);
	assert_int_equal(x.missing, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_in_the_document_is_what_the_code_does),
	};

	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
