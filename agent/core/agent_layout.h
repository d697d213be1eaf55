/*
 * struct mr_agent, visible because the board places it. Layout is ours: use the functions of agent.h.
 */
#pragma once

#include "agent/core/agent.h"

enum mr_agent_state {
	MR_AGENT_LISTENING = 1,		/* waits for a CALL */
	MR_AGENT_SLOT,			/* was called, waits for its slot */
	MR_AGENT_HELLO_SENT,		/* waits for the MAC's report on its HELLO */
	MR_AGENT_HELLO_HEARD,		/* the station's radio has the HELLO: waits for the INVITE */
	MR_AGENT_HANDSHAKE,		/* sent message 1, waits for message 2 */
	MR_AGENT_SESSION,		/* answers requests until FINISH or the end of the lease */
	MR_AGENT_SILENT,		/* finished: until restarted, or for good */
};

/* The one request that is in work, and its answer. */
struct mr_exchange {
	uint16_t seq;			/* 0: none yet */
	uint8_t fragments, have;	/* of the request; bit i: fragment i is in the buffer */
	size_t last_len;		/* octets of the last fragment */
	bool answered, delivered;	/* the buffer holds the answer; the station's radio has acknowledged it */
	size_t frame_len;		/* the answer, ready to be sent, at the start of the buffer */
	unsigned tries;
	uint64_t send_us;		/* when to send it again, or to give up on the MAC's report */
};

struct mr_agent {
	struct mr_agent_config config;
	struct mr_port port;
	uint8_t call_key[32], batch_tag[8], station_id[8];

	enum mr_agent_state state;
	uint64_t deadline_us;		/* of the state */
	uint16_t freq_mhz;		/* where the radio is; 0: it refused to tune */
	size_t channel;			/* index into the plan while nobody calls */
	uint64_t roam_us;		/* when to look on the next channel */

	bool called;			/* since power-on */
	uint64_t call_counter;
	bool invitable;			/* `nonce` is of a HELLO that was sent and not yet used up */
	uint8_t nonce[8];
	uint8_t session_id[8], station_mac[6];
	unsigned tries;			/* of message 1 */
	union {
		struct mr_noise noise;		/* MR_AGENT_HANDSHAKE */
		struct mr_noise_keys keys;	/* MR_AGENT_SESSION */
	} secret;
	uint64_t lease_us, lease_end_us;
	struct mr_exchange exchange;

	int verdict;			/* enum mr_verdict of FINISH */
	uint32_t restarts;
	uint32_t cookie, awaited;	/* the last one given out; the one whose report matters */
	uint16_t sequence;
	uint64_t unknown_us;		/* when those PROGRESS (UNKNOWN) that were sent will have been paid for */
	char serial[33];
	struct mr_store store;
	uint8_t buf[MR_MESSAGE_MAX];	/* the request's octets, then the whole frame of the answer; or message 1 */
};
