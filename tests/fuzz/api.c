/*
 * A device's API against whatever comes: the input is a script of raw octets, requests with any path and body, calls
 * over action frames, time, joins that go any way, failing ports and restarts. Over an open network without the PIN
 * nothing is stored but counts of tries; a stage never goes backwards; the agent's buffer is given back.
 *
 * links: agent/port/linux/crypto_openssl.c tests/support/board.c tests/support/methods_all.c
 * links: tests/support/browser.c tests/support/peer.c agent/libmr.a
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/port/crypto.h"
#include "tests/support/browser.h"
#include "tests/support/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const uint8_t batch_key[32] = { 0xba };
static const uint8_t w1[32] = { 0x22, 3 };

struct scene {
	struct board board;
	struct browser browser;
	struct peer peer;
	struct mr_pin_verifier pin;
	enum mr_link link;
};

static struct mr_rd part(struct mr_rd *script, size_t take)
{
	return mr_rd_sub(script, take < script->left ? take : script->left);
}

static void request(struct scene *s, uint8_t kind, uint8_t which, struct mr_rd body)
{
	static const char *const paths[] = { "/v1/device",    "/v1/networks", "/v1/status",	 "/v1/credentials",
					     "/v1/operation", "/v1/pin",      "/v1/pin/confirm", "/v1/pin/operation" };
	static const char *const known[] = {
		"ssid=mill&security=wpa2&passphrase=by+the+wheel&join=1",
		"share="
		"04ef3bd051bf78a2234ec0df197f7828060fe9856503579bb1733009042c15c0c1de127727f418b5966afadfdd95a6e4591d17"
		"1056b333dab97a79c7193e341727",
		"confirm=926cc713504b9b4d76c9162ded04b5493e89109f6d89462cd33adc46fda27527",
	};
	const char *path = paths[which % 8];

	s->browser.piece = kind >> 4;
	switch (kind & 3) {
	case 0: (void)browser_get(&s->browser, path); break;
	case 1: (void)browser_post(&s->browser, path, "application/x-www-form-urlencoded", body.at, body.left); break;
	case 2: (void)browser_post(&s->browser, path, "application/octet-stream", body.at, body.left); break;
	case 3: (void)browser_form(&s->browser, path, known[which / 8 % 3]); break;
	}
}

static void start(struct scene *s)
{
	mr_api_close(&s->browser.api);
	if (board_start(&s->board))
		browser_open(&s->browser, &s->board, s->link, NULL);
}

static void one_step(struct scene *s, struct mr_rd *script)
{
	struct board *b = &s->board;
	uint8_t kind = mr_rd_u8(script), size = mr_rd_u8(script);
	struct mr_rd octets;

	switch (kind % 8) {
	case 0:
		octets = part(script, size);
		s->browser.piece = kind >> 4;
		(void)browser_send(&s->browser, octets.at, octets.left);
		break;
	case 1:
	case 2:
		octets = part(script, kind & 0x80 ? size : 0);
		request(s, (uint8_t)(kind >> 3), size, octets);
		break;
	case 3:
		(void)board_wait(b, (uint64_t)size * size * 1000);
		mr_api_expire(&s->browser.api);
		break;
	case 4:
		b->join = (struct mr_join){ .state = size & 3, .cause = size };
		b->scanning = size & 4;
		b->network_count = size >> 4;
		memset(b->networks, size, sizeof(b->networks));
		for (size_t i = 0; i < 20; i++)
			b->networks[i].ssid_len = (uint8_t)(size % 33);
		break;
	case 5:
		if (size & 1)
			start(s);
		mr_api_close(&s->browser.api);
		browser_open(&s->browser, b, s->link, NULL);
		break;
	case 6: (void)(size & 1 ? peer_connects(&s->peer) : peer_meets(&s->peer)); break;
	case 7:
		b->write_fails = size & 1;
		b->random_fails = size & 2;
		b->ap_fails = size & 4;
		b->join_fails = size & 8;
		b->scan_fails = size & 16;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct mr_rd script = mr_rd_over(bytes, len);
	uint8_t flags = mr_rd_u8(&script);

	assert(s);
	s->pin = (struct mr_pin_verifier){ .salt_len = 16, .iterations = 1000, .w0 = { 0x11, 2 } };
	assert(mr_p256_public(w1, s->pin.l));
	s->link = flags & 1 ? MR_LINK_WPA2 : MR_LINK_OPEN;
	peer_make(&s->peer, 1, batch_key);
	board_make(&s->board, 7, s->peer.s_pub, batch_key);
	s->peer.board = &s->board;
	board_give_wifi(&s->board);
	s->board.config.ap = (struct mr_ap_config){ .method = flags & 1 ? MR_AP_WPA2 : MR_AP_PIN,
						    .ssid = "AC-",
						    .passphrase = "as it was built",
						    .pin = flags & 2 ? &s->pin : NULL };
	start(s);
	while (script.left > 0) {
		uint8_t before = mr_agent_stage(&s->board.agent);

		one_step(s, &script);
		assert((mr_agent_stage(&s->board.agent) & before) == before);
		assert(s->link != MR_LINK_OPEN || mr_agent_stage(&s->board.agent) == 0);
		assert(mr_agent_deadline_us(&s->board.agent) > 0);
	}
	mr_api_close(&s->browser.api);
	assert(s->board.agent.holder != MR_HELD_BY_REQUEST);
	free(s);
	return 0;
}
