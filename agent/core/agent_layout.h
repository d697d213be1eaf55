/*
 * struct mr_agent, visible because the board places it. Layout is ours: use the functions of agent.h.
 *
 * A method's state is either lasting, in a struct of its own, or that of one exchange, in the union `held`. What may be
 * lasting in one image at a time is more than one method's: a device listens for calls while its access point is up and
 * a session under its PIN is open. So lasting states lie side by side, and an image has room for those that it carries.
 */
#pragma once

#include "agent/core/agent.h"
#include "agent/wire/sealed.h"

/* --- lasting states --- */

enum mr_direct_phase {
	MR_DIRECT_LISTENING = 1, /* waits for a CALL */
	MR_DIRECT_SLOT,		 /* was called, waits for its slot */
	MR_DIRECT_HELLO_SENT,	 /* waits for the MAC's report on its HELLO */
	MR_DIRECT_HELLO_HEARD,	 /* the station's radio has the HELLO: waits for the INVITE */
	MR_DIRECT_HANDSHAKE,	 /* sent message 1, waits for message 2 */
	MR_DIRECT_SESSION,	 /* answers requests until FINISH or the end of the lease */
	MR_DIRECT_SILENT,	 /* finished: until restarted, or for good */
};

/* Calls and invitations (direct.c). */
struct mr_direct_state {
	enum mr_direct_phase phase;
	uint64_t deadline_us; /* of the phase */
	size_t channel;	      /* index into the plan while nobody calls */
	uint64_t roam_us;     /* when to look on the next channel */
	bool called;	      /* since power-on */
	uint64_t call_counter;
	bool invitable; /* `nonce` is of a HELLO that was sent and not yet used up */
	uint8_t nonce[8];
	uint8_t station_mac[6];
	uint32_t awaited;    /* the cookie of the frame whose report matters; 0: none */
	uint64_t unknown_us; /* when those PROGRESS (UNKNOWN) that were sent will have been paid for */
};

/* What is being collected of broadcasts, and the newest one that opened, sealed (sniffer.c). */
struct mr_sniffer_state {
	struct mr_sealed_listener listener;
	uint8_t message[MR_SEALED_MAX];
	size_t len;	   /* 0: none yet */
	uint64_t issue;	   /* of the newest since power-on */
	uint64_t until_us; /* it is forgotten then */
	uint64_t renew_us; /* before, its like is not opened again */
};

/* An access point of its own, joining a network, coming back (wifi.c). */
enum mr_wifi_phase {
	MR_WIFI_HOME = 1,  /* on its own: an access point, if one is wanted */
	MR_WIFI_DEPARTING, /* was told to join: waits until the response has left */
	MR_WIFI_JOINING,
	MR_WIFI_GRACE,	 /* joined: stays a while, for others to see it */
	MR_WIFI_CLOSING, /* finished: waits until the response has left */
};

struct mr_wifi_state {
	enum mr_wifi_phase phase;
	bool up;				 /* the access point */
	uint64_t deadline_us;			 /* of the phase; of the next try to put the access point up */
	uint64_t began_us;			 /* joining */
	uint64_t scan_us;			 /* when to look around */
	uint64_t looked_us;			 /* when it last began to; 0: never */
	uint8_t wanted[MR_SSID_MAX], wanted_len; /* that was asked for last */
	bool chosen;				 /* the JOIN named a BSSID */
	uint8_t bssid[6];
	uint8_t binding[32]; /* WPA2: of the name and passphrase that the access point came up with */
};

/* The PIN's key agreement and the session under its key (pin.c). Contains secrets. */
enum mr_pin_phase { MR_PIN_CLOSED, MR_PIN_SHARED, MR_PIN_OPEN };
struct mr_pin_state {
	enum mr_pin_phase phase;
	uint64_t counter;     /* of the last request */
	uint64_t deadline_us; /* MR_PIN_SHARED, MR_PIN_OPEN: closed then */
	uint64_t pause_us;    /* no attempt before this instant */
	uint8_t confirm[32];  /* that the other end must send */
	uint8_t request_key[32], response_key[32], binding[32];
};

/* The TLS server's key while the device has none of its own (https.c); until power-off. */
struct mr_https_state {
	uint8_t key[32];
	bool has_key;
};

/*
 * For whose state there is room: all of them, unless the board's build says otherwise. A board whose image carries
 * `direct` alone compiles the agent with -D'MR_ROOM(X)=X(direct)' and -D'MR_NO_ROOM(X)=X(wifi) X(pin) X(https)
 * X(sniffer)': each name in one of the two lists. The states without room lie over the buffer, so that every file
 * compiles for every image; mr_agent_init refuses a table with a row that needs one of them.
 */
#ifndef MR_ROOM
#define MR_ROOM(X) X(direct) X(wifi) X(pin) X(https) X(sniffer)
#define MR_NO_ROOM(X)
#endif
#define MR_STATE(name) struct mr_##name##_state name;

/* --- the state of one exchange --- */

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

/* Over action frames, from the INVITE to the end of the lease (direct.c, session.c). Contains secrets. */
struct mr_session {
	uint8_t id[8];
	unsigned tries; /* of message 1 */
	union {
		struct mr_noise noise;	   /* MR_DIRECT_HANDSHAKE */
		struct mr_noise_keys keys; /* MR_DIRECT_SESSION */
	} secret;
	uint64_t lease_us, lease_end_us;
	struct mr_exchange exchange;
};

/* Over HTTP, from a request's head to the last octet of its response (api.c, endpoint.c). */
struct mr_response {
	size_t from, to;	  /* in the buffer: what is still to be pulled of the body */
	size_t networks, network; /* GET /v1/networks: how many, and the next one to be written */
	size_t list_len;	  /* octets of the NETWORKS response at the start of the buffer */
};

enum mr_holder {
	MR_HELD_BY_NOBODY,
	MR_HELD_BY_SESSION, /* held.session; the buffer: message 1; the request's octets, then the whole answer frame */
	MR_HELD_BY_REQUEST, /* held.response; the buffer: the request's body, then the response's */
	MR_HELD_BY_ENROLMENT, /* the radio too (wps.c); the buffer: the frame that leaves, or a request of its own */
};

struct mr_agent {
	struct mr_agent_config config;
	struct mr_port port;
	uint8_t call_key[32], batch_tag[8], station_id[8];

	uint16_t freq_mhz; /* where the radio is; 0: it refused to tune */
	bool away;	   /* the radio is on another network: nothing is heard or sent here */
	uint32_t cookie;   /* the last one given out */
	uint16_t sequence;

	uint8_t binding[32]; /* of the channel in use: what STATUS and VERIFY sign. Set by whoever opens it */
	int verdict;	     /* enum mr_verdict of FINISH */
	uint32_t restarts;
	char serial[33];
	struct mr_join join; /* how the last JOIN went; IDLE: there was none */

	struct {
		MR_ROOM(MR_STATE)
	};
	enum mr_holder holder;
	union {
		struct mr_session session;
		struct mr_response response;
	} held;
	struct mr_store store;
	union {
		uint8_t buf[MR_MESSAGE_MAX];
		struct {
			uint8_t nothing;
			MR_NO_ROOM(MR_STATE)
		};
	};
};
