/*
 * A device against whatever comes: the input is a script of raw frames, changed true frames, requests with any
 * plaintext from a station that holds the keys, time, lost acknowledgements, failing ports and restarts. At the end
 * the device's storage must still be one it can start from, and its stage never goes backwards but by a fault.
 *
 * links: agent/port/linux/crypto_openssl.c tests/support/board.c tests/support/methods_all.c
 * links: tests/support/peer.c agent/libmr.a
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const uint8_t batch_key[32] = { 0xba };

/* `take` octets of the script, fewer at its end. */
static struct mr_rd part(struct mr_rd *script, size_t take)
{
	return mr_rd_sub(script, take < script->left ? take : script->left);
}

static size_t true_frame(struct peer *p, uint8_t kind, uint8_t *frame)
{
	static const uint8_t request[] = { MR_OP_STATUS };

	switch (kind & 3) {
	case 0: return peer_build_call(p, MR_CALL_INVENTORY | MR_CALL_PRESENT, 3, 100, frame);
	case 1: return peer_build_invite(p, 2437, frame);
	case 2: return peer_build_poll(p, p->seq ? p->seq : 1, 0, frame);
	default: return peer_build_data(p, request, sizeof(request), (uint16_t)(p->seq + 1), 0, 0, frame);
	}
}

static void one_step(struct peer *p, struct mr_rd *script)
{
	struct board *b = p->board;
	uint8_t kind = mr_rd_u8(script), size = mr_rd_u8(script);
	uint8_t frame[MR_FRAME_MAX], request[2 * MR_MESSAGE_MAX];
	struct mr_rd octets;
	struct mr_wr w;
	size_t len;

	switch (kind % 8) {
	case 0:
		octets = part(script, size);
		board_hear(b, octets.at, octets.left);
		break;
	case 1:
		len = true_frame(p, size, frame);
		octets = part(script, size >> 4);
		for (size_t i = 0; i < octets.left; i++)
			frame[(size_t)octets.at[i] * 7 % len] ^= (uint8_t)(1 << i % 8);
		board_hear(b, frame, size & 4 ? len / 2 : len);
		break;
	case 2: (void)board_wait(b, (uint64_t)size * size * 1000); break;
	case 3: (void)board_take(b, size & 1); break;
	case 4: (void)peer_connects(p); break;
	case 5: /* a request of a station with the keys: any octets at all */
		octets = part(script, (size_t)size * 8);
		w = mr_wr_over(request, sizeof(request));
		mr_wr_u8(&w, (uint8_t)(1 + kind / 8 % 11));
		mr_wr_bytes(&w, octets.at, octets.left);
		(void)peer_asks(p, &w);
		break;
	case 6: (void)board_start(b); break;
	case 7:
		b->write_fails = size & 1;
		b->random_fails = size & 2;
		b->queue_full = size & 4;
		b->tune_fails = size & 8;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct board *b = malloc(sizeof(*b));
	struct peer *p = malloc(sizeof(*p));
	struct mr_rd script = mr_rd_over(bytes, len);

	assert(b && p);
	peer_make(p, 1, batch_key);
	board_make(b, 7, p->s_pub, batch_key);
	p->board = b;
	(void)board_start(b);
	while (script.left > 0) {
		uint8_t before = mr_agent_stage(&b->agent);

		one_step(p, &script);
		assert((mr_agent_stage(&b->agent) & before) == before);
		assert(mr_agent_deadline_us(&b->agent) > 0);
	}
	b->tune_fails = false;
	assert(board_start(b));
	free(p);
	free(b);
	return 0;
}
