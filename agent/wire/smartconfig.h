/*
 * The published schemes of sniffer mode, both ends. A sender gives one frame after the other, and how long to wait
 * behind it; a listener is shown what is overheard and says when to stay on a channel and when it has all. What they
 * carry can be read by every radio in reach, and nothing in them says who sends: see docs/methods.md.
 *
 *	esptouch-v1   Espressif, lengths                  esptouch1.c
 *	esptouch-v2   Espressif, lengths in bit planes    esptouch2.c
 *	airkiss       Tencent, lengths                    airkiss.c
 *	cc3000        TI SmartConfig of the CC3000        cc3000.c
 *	ezconnect     Marvell (2015), group addresses     ezconnect.c
 *
 * The names are their makers'; they say what a job is compatible with.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/overheard.h"

enum mr_smart_scheme {
	MR_SMART_NONE,
	MR_SMART_ESPTOUCH1,
	MR_SMART_ESPTOUCH2,
	MR_SMART_AIRKISS,
	MR_SMART_CC3000,
	MR_SMART_EZCONNECT,
	MR_SMART_COUNT
};

/* "esptouch-v1" ...; NULL outside of the table. */
const char *mr_smart_name(enum mr_smart_scheme scheme);
enum mr_smart_scheme mr_smart_named(const char *name, size_t len); /* MR_SMART_NONE: no such scheme */

#define MR_SMART_SSID_MAX 32
#define MR_SMART_PASSPHRASE_MAX 64
#define MR_SMART_RESERVED_MAX 64
#define MR_SMART_KEY_MAX 32

/* What is sent, and what was heard. Contains secrets: wiped by its owner. */
struct mr_smart_settings {
	uint8_t ssid[MR_SMART_SSID_MAX], passphrase[MR_SMART_PASSPHRASE_MAX], reserved[MR_SMART_RESERVED_MAX];
	uint8_t ssid_len, passphrase_len, reserved_len; /* reserved: esptouch-v2 */
	uint8_t bssid[6];				/* of the network; esptouch, and for ezconnect's frames */
	uint8_t ip[4];					/* esptouch-v1: where the acknowledgement goes; zeros: broadcast */
	uint8_t key[MR_SMART_KEY_MAX];			/* shared; esptouch-v2 and cc3000: 16 octets, ezconnect: 1 to 32 */
	uint8_t key_len;				/* 0: in clear */
	/* The first octet of the acknowledgement. airkiss: a random one, given by the sender; esptouch-v2: the port
	 * index, 0..3; esptouch-v1: set by mr_smart_begin and the listener. */
	uint8_t token;
	uint8_t iv[20]; /* esptouch-v2 with a key: random octets, given by the sender */
};

/* NULL: it can be sent; else why not, half a sentence ("an SSID of 32 octets is the longest"). */
const char *mr_smart_refuses(enum mr_smart_scheme scheme, const struct mr_smart_settings *settings);

/* One frame of a scheme: how long its UDP payload is, and to whom it goes. */
struct mr_smart_frame {
	uint16_t length;
	uint16_t port;		/* UDP destination */
	uint8_t destination[4]; /* IPv4: broadcast, or a group; zeros: the gateway, a unicast address (cc3000) */
	uint32_t gap_us;	/* until the next frame is due */
	bool ends_round;	/* with it every listener that missed nothing has all */
};

/* Layout is ours. Contains secrets. */
struct mr_smart_sender {
	enum mr_smart_scheme scheme;
	struct mr_smart_settings settings;
	uint8_t body[352]; /* the units of the scheme, made by mr_smart_begin */
	size_t body_len;
	uint32_t at, round; /* position in a round, by the scheme; rounds that are complete */
	uint64_t sent_us;   /* since the beginning, by the gaps that were asked for */
};

/* false: refused (mr_smart_refuses says why), or the library of cryptography failed. */
bool mr_smart_begin(struct mr_smart_sender *sender, enum mr_smart_scheme scheme,
		    const struct mr_smart_settings *settings);
/* Never ends: rounds follow rounds, guides and pauses as the scheme has them. */
void mr_smart_next(struct mr_smart_sender *sender, struct mr_smart_frame *out);

/* Where a device's acknowledgement goes, and how it begins. */
struct mr_smart_ack {
	uint16_t port;	    /* UDP; 0: the scheme has none */
	uint8_t token;	    /* its first octet; the MAC address of the device follows */
	size_t octets;	    /* 11: IPv4 address behind it; 7 */
	uint16_t wake_port; /* airkiss: a device waits for an octet there before it acknowledges; 0: it does not */
};
void mr_smart_ack_of(enum mr_smart_scheme scheme, const struct mr_smart_settings *settings, struct mr_smart_ack *out);

/* --- the listener --- */

enum mr_smart_result {
	MR_SMART_NOTHING,  /* not of interest */
	MR_SMART_GUIDE,	   /* a scheme's pattern: stay on this channel for a while */
	MR_SMART_PROGRESS, /* a unit that was not known yet: stay */
	MR_SMART_COMPLETE, /* mr_smart_take has the settings */
};

#define MR_SMART_STREAMS 4 /* senders and directions that are followed at a time; the one that was silent longest goes */

struct mr_smart_stream {
	uint8_t bssid[6], source[6];
	bool from_ds, qos, used, sequenced;
	uint16_t sequence;
	uint64_t heard_us;
	uint16_t last[8]; /* lengths, newest first: for the pattern */
	uint8_t last_count;
	enum mr_smart_scheme scheme; /* recognised; MR_SMART_NONE: not yet */
	uint16_t offset;	     /* octets of a frame above the payload's */
	uint32_t words[192];	     /* the scheme's decoder lies in here */
};

/* Placed by its owner; zeroed, then `schemes` and the key are set. Contains secrets. */
struct mr_smart_listener {
	unsigned schemes;	       /* 1 << enum mr_smart_scheme, or-ed: those that are listened for */
	uint8_t key[MR_SMART_KEY_MAX]; /* as in settings */
	uint8_t key_len;
	struct mr_smart_stream streams[MR_SMART_STREAMS];
	uint8_t complete; /* 1 + the stream that is complete; 0: none */
	/* For people and tests. */
	uint32_t frames, repeats, spoilt; /* overheard; dropped as repeated; complete ones whose check failed */
};

/* A frame that was overheard. */
enum mr_smart_result mr_smart_hear(struct mr_smart_listener *listener, const struct mr_overheard *frame,
				   uint64_t now_us);
/* After MR_SMART_COMPLETE. The scheme; MR_SMART_NONE: nothing is complete. The stream is wiped and begins anew. */
enum mr_smart_scheme mr_smart_take(struct mr_smart_listener *listener, struct mr_smart_settings *out);
/* The radio goes elsewhere: what was collected on this channel is forgotten. */
void mr_smart_forget(struct mr_smart_listener *listener);
/* How far the best stream is, for people: units heard, units there are (0: not known yet). */
void mr_smart_progress(const struct mr_smart_listener *listener, enum mr_smart_scheme *scheme, unsigned *have,
		       unsigned *of);
