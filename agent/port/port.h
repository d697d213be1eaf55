/*
 * What a board gives the agent. Everything is called from inside mr_agent_* calls and returns at once;
 * `ctx` is the board's. The agent keeps no pointer into the board beyond this struct.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/message.h"

/* Work that takes a microcontroller's time. The agent names it before it does it: a board may feed its watchdog,
 * the simulated chip charges the time of its profile. */
enum mr_work {
	MR_WORK_X25519, /* one scalar multiplication, base or variable point */
	MR_WORK_P256_KEYGEN,
	MR_WORK_P256_SIGN,
	MR_WORK_P256_VERIFY,
	MR_WORK_AEAD,	     /* n octets of AES-GCM */
	MR_WORK_HASH,	     /* n octets of SHA-256 (HMAC and HKDF included) */
	MR_WORK_STORE_READ,  /* n octets */
	MR_WORK_STORE_WRITE, /* n octets, erase included */
	MR_WORK_SELFTEST,
	MR_WORK_P256_MUL, /* one scalar multiplication of any point */
	MR_WORK_PBKDF2,	  /* a passphrase to a key: 4096 rounds of HMAC-SHA1, twice (802.11-2016 J.4.1) */
	MR_WORK_TLS,	  /* a whole handshake as the server; named by the board, which runs TLS */
	MR_WORK_MODP1536, /* one exponentiation in the group of RFC 3526 section 2 */
	MR_WORK_ERASURE,  /* a symbol of a broadcast, after n others */
	MR_WORK_COUNT
};

#define MR_STORE_SLOTS 2 /* two copies, written in turn: a torn write loses the newer, never both */

/* The network of its own that the agent wants from the board. */
struct mr_access_point {
	uint8_t ssid[MR_SSID_MAX];
	uint8_t ssid_len;
	uint8_t security;    /* MR_SECURITY_OPEN or MR_SECURITY_WPA2 */
	bool ibss;	     /* an ad-hoc network instead; then open */
	bool tls;	     /* the API is at port 443 under TLS, not at port 80 */
	char passphrase[64]; /* WPA2: 8 to 63 characters, ends with NUL */
	uint16_t freq_mhz;
};

/* A network to join. The pointers hold during the call. */
struct mr_network_choice {
	const uint8_t *ssid;
	size_t ssid_len;
	uint8_t security;	   /* enum mr_security, not OTHER */
	const uint8_t *passphrase; /* 8 to 63 characters, or 64 hexadecimal digits: the key itself */
	size_t passphrase_len;
	const uint8_t *bssid; /* this access point and no other; NULL: any */
};

/*
 * A board whose radio does more than action frames. One radio, so one thing at a time: the agent takes the access point
 * down before it joins, and leaves the network before the access point comes up again. `ctx` is the port's.
 */
struct mr_wifi {
	bool (*access_point_up)(void *ctx, const struct mr_access_point *ap); /* false: not now; tried again */
	void (*access_point_down)(void *ctx);
	/*
	 * Starts looking around; the access point may pause for it. The networks of that name are asked for by it, and
	 * are kept before stronger ones; `ssid_len` 0: none in particular. false: not now.
	 */
	bool (*scan)(void *ctx, const uint8_t *ssid, size_t ssid_len);
	/* Network `i` of the last finished scan, strongest first; false: no more. */
	bool (*network)(void *ctx, unsigned i, struct mr_network *out);
	bool (*scanning)(void *ctx);
	/* Starts to join; join_state then tells, up to `leave`. false: not now. */
	bool (*join)(void *ctx, const struct mr_network_choice *network);
	void (*join_state)(void *ctx, struct mr_join *out); /* took_ms is the agent's */
	void (*leave)(void *ctx);
	/* The address that it joins from. NULL, or false: the device's own. */
	bool (*sta_address)(void *ctx, uint8_t mac[static 6]);
};

struct mr_port {
	void *ctx;
	/* Monotonic microseconds. Moves on while the agent works, so the agent can tell how long it worked. */
	uint64_t (*now_us)(void *ctx);
	void (*work)(void *ctx, enum mr_work kind, size_t n);
	/* Cryptographically strong octets. false: no entropy; the agent then refuses to make keys. */
	bool (*random)(void *ctx, uint8_t *out, size_t len);
	/* Queues one MPDU on the present channel, sequence number filled in by the agent; `cookie` comes back in
	 * mr_agent_sent. false: queue full. */
	bool (*send)(void *ctx, const uint8_t *frame, size_t len, uint32_t cookie);
	bool (*tune)(void *ctx, uint16_t freq_mhz);
	/* One of MR_STORE_SLOTS areas of MR_STORE_MAX (store.h) octets. A write may be torn by a power cut; the agent
	 * notices. false: the medium failed. A slot never written reads as false or as any octets. */
	bool (*store_read)(void *ctx, unsigned slot, uint8_t *out, size_t len);
	bool (*store_write)(void *ctx, unsigned slot, const uint8_t *bytes, size_t len);
	/* Self-test item 0, 1, 2, ...: false when there is no such item. `passed` and a value in the item's own unit.
	 */
	bool (*selftest)(void *ctx, unsigned item, const char **name, int32_t *value, bool *passed);
	/* An enum mr_operation begins: for a display, a watchdog, a test. May be NULL. */
	void (*operation)(void *ctx, uint8_t operation);
	/* The verdict for a LED or display: an enum mr_verdict. */
	void (*indicate)(void *ctx, int verdict);
	const struct mr_wifi *wifi; /* NULL: action frames only; or its access point is somebody else's business */
};
