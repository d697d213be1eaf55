/*
 * struct mr_agent, visible because the board places it. Layout is ours: use the functions of agent.h.
 */
#pragma once

#include "agent/core/agent.h"

enum mr_agent_state {
	MR_AGENT_LISTENING = 1, /* waits for a CALL */
	MR_AGENT_SLOT,		/* was called, waits for its slot */
	MR_AGENT_HELLO_SENT,	/* waits for the MAC's report on its HELLO */
	MR_AGENT_HELLO_HEARD,	/* the station's radio has the HELLO: waits for the INVITE */
	MR_AGENT_HANDSHAKE,	/* sent message 1, waits for message 2 */
	MR_AGENT_SESSION,	/* answers requests until FINISH or the end of the lease */
	MR_AGENT_SILENT,	/* finished: until restarted, or for good */
};

/* The one request that is in work, and its answer. */
struct mr_exchange {
	uint16_t seq;		  /* 0: none yet */
	uint8_t fragments, have;  /* of the request; bit i: fragment i is in the buffer */
	size_t last_len;	  /* octets of the last fragment */
	bool answered, delivered; /* the buffer holds the answer; the station's radio has acknowledged it */
	size_t frame_len;	  /* the answer, ready to be sent, at the start of the buffer */
	unsigned tries;
	uint64_t send_us; /* when to send it again, or to give up on the MAC's report */
};

/* Standing as an access point, joining a network, coming back (wifi.c). */
enum mr_wifi_phase {
	MR_WIFI_STANDING = 1, /* as an access point, if one is wanted */
	MR_WIFI_DEPARTING,    /* was told to join: waits until the response has left */
	MR_WIFI_JOINING,
	MR_WIFI_GRACE,	 /* joined: stays a while, for others to see it */
	MR_WIFI_CLOSING, /* finished: waits until the response has left */
};

struct mr_wifi_state {
	enum mr_wifi_phase phase;
	bool up;	      /* the access point */
	uint64_t deadline_us; /* of the phase; of the next try to put the access point up */
	uint64_t began_us;    /* joining */
	uint64_t scan_us;     /* when to look around */
	uint64_t looked_us;   /* when it last did; 0: never */
	bool chosen;	      /* the JOIN named a BSSID */
	uint8_t bssid[6];
	struct mr_join join; /* of the last JOIN; IDLE: none */
};

/* The PIN's key agreement and the session under its key (pin.c). Contains secrets. */
enum mr_pin_state { MR_PIN_CLOSED, MR_PIN_SHARED, MR_PIN_OPEN };
struct mr_pin {
	enum mr_pin_state state;
	uint64_t counter;     /* of the last request */
	uint64_t deadline_us; /* MR_PIN_SHARED, MR_PIN_OPEN: closed then */
	uint64_t pause_us;    /* no attempt before this instant */
	uint8_t confirm[32];  /* that the other end must send */
	uint8_t request_key[32], response_key[32], binding[32];
};

struct mr_agent {
	struct mr_agent_config config;
	struct mr_port port;
	uint8_t call_key[32], batch_tag[8], station_id[8];

	enum mr_agent_state state;
	uint64_t deadline_us; /* of the state */
	uint16_t freq_mhz;    /* where the radio is; 0: it refused to tune */
	size_t channel;	      /* index into the plan while nobody calls */
	uint64_t roam_us;     /* when to look on the next channel */

	bool called; /* since power-on */
	uint64_t call_counter;
	bool invitable; /* `nonce` is of a HELLO that was sent and not yet used up */
	uint8_t nonce[8];
	uint8_t session_id[8], station_mac[6];
	unsigned tries; /* of message 1 */
	union {
		struct mr_noise noise;	   /* MR_AGENT_HANDSHAKE */
		struct mr_noise_keys keys; /* MR_AGENT_SESSION */
	} secret;
	uint8_t binding[32]; /* of the channel in use: what STATUS and VERIFY sign. Set by whoever opens it */
	uint64_t lease_us, lease_end_us;
	struct mr_exchange exchange;

	int verdict; /* enum mr_verdict of FINISH */
	uint32_t restarts;
	uint32_t cookie, awaited; /* the last one given out; the one whose report matters */
	uint16_t sequence;
	uint64_t unknown_us; /* when those PROGRESS (UNKNOWN) that were sent will have been paid for */
	char serial[33];
	struct mr_wifi_state wifi;
	struct mr_pin pin;
	uint8_t tls_key[32]; /* of the TLS server while the device has no key of its own; until power-off */
	bool has_tls_key;
	bool borrowed; /* `buf` is in use for a request over HTTP */
	struct mr_store store;
	uint8_t buf[MR_MESSAGE_MAX]; /* the request's octets, then the whole frame of the answer; or message 1 */
};
