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
#include "agent/wire/smartconfig_state.h"

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
	MR_SMART_COMPLETE, /* mr_smart_take has the settings; until then nothing else is looked at */
};

/*
 * What a listener knows of a scheme. An image names those that it listens for in a constant table that ends with NULL,
 * so the linker takes their files and no others. The sender (smartconfig_send.c) knows all of them.
 */
struct mr_smart_coder; /* smartconfig_coder.h */
extern const struct mr_smart_coder mr_smart_esptouch1, mr_smart_esptouch2, mr_smart_airkiss, mr_smart_cc3000,
	mr_smart_ezconnect;

#define MR_SMART_CODERS_ALL                                                                                            \
	{                                                                                                              \
		&mr_smart_esptouch1, &mr_smart_esptouch2, &mr_smart_airkiss, &mr_smart_cc3000, &mr_smart_ezconnect,    \
			NULL                                                                                           \
	}

#define MR_SMART_STREAMS                                                                                               \
	4 /* senders and directions that are followed at a time; the one that was silent longest goes */

/* One sender as it is heard in one direction: the packet of a phone comes once from it and once from its access point.
 */
struct mr_smart_stream {
	uint8_t bssid[6], source[6];
	uint8_t destination[6]; /* of the newest */
	bool used, from_ds, qos, protected, group;
	bool numbered;	   /* its sequence numbers count */
	uint16_t sequence; /* the newest */
	uint32_t window;   /* of it and the 31 before: heard? */
	uint8_t stride; /* between frames of it when none is lost; networks of one access point may share its numbers */
	uint16_t last[8]; /* octets of its frames, newest first: for the pattern */
	uint8_t steps[8]; /* by how much their sequence numbers were above the ones before; 0: not known */
	uint8_t last_count;
	uint16_t offset; /* octets of a frame above the payload's */
	uint64_t heard_us, useful_us;
	const struct mr_smart_coder *coder; /* recognised; NULL: not yet */
	union mr_smart_state state;	    /* of its decoder; then the settings */
};

/*
 * Placed by its owner; zeroed, then `coders` and the key are set. Contains secrets. With a key, whatever came in clear
 * is refused, and schemes that have no keys are not listened for.
 */
struct mr_smart_listener {
	const struct mr_smart_coder *const *coders; /* NULL at the end */
	uint8_t key[MR_SMART_KEY_MAX];		    /* as in settings */
	uint8_t key_len;
	struct mr_smart_stream streams[MR_SMART_STREAMS];
	uint8_t complete; /* 1 + the stream that is complete; 0: none */
	/* For people and tests. */
	uint32_t frames, repeats, spoilt; /* overheard; dropped as repeated; complete ones whose check failed */
};

/* A frame that was overheard. */
enum mr_smart_result mr_smart_hear(struct mr_smart_listener *listener, const struct mr_overheard *frame,
				   uint64_t now_us);
/* After MR_SMART_COMPLETE. The scheme; MR_SMART_NONE: nothing is complete. A BSSID of zeros: it is not known. The
 * stream is wiped and begins anew. */
enum mr_smart_scheme mr_smart_take(struct mr_smart_listener *listener, struct mr_smart_settings *out);
/* The radio goes elsewhere: what was collected on this channel is forgotten. */
void mr_smart_forget(struct mr_smart_listener *listener);
/* How far the best stream is, for people: units heard, units there are (0: not known yet). */
void mr_smart_progress(const struct mr_smart_listener *listener, enum mr_smart_scheme *scheme, unsigned *have,
		       unsigned *of);
/* The same of one stream; MR_SMART_NONE: not recognised. `have` and `of` may be NULL. Not of a stream that is complete.
 */
enum mr_smart_scheme mr_smart_scheme_of(const struct mr_smart_stream *stream, unsigned *have, unsigned *of);
