/*
 * The settings that the schemes of smartconfig.h carry, and what a listener keeps of one message until it is whole.
 * Layout is ours, except for the settings. All of it contains secrets.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MR_SMART_SSID_MAX 32
#define MR_SMART_PASSPHRASE_MAX 64
#define MR_SMART_RESERVED_MAX 64
#define MR_SMART_KEY_MAX 32

/* What is sent, and what was heard. Contains secrets: wiped by its owner. */
struct mr_smart_settings {
	uint8_t ssid[MR_SMART_SSID_MAX], passphrase[MR_SMART_PASSPHRASE_MAX], reserved[MR_SMART_RESERVED_MAX];
	uint8_t ssid_len, passphrase_len, reserved_len; /* reserved: esptouch-v2 */
	uint8_t bssid[6];				/* of the network; esptouch, and for ezconnect's frames */
	uint8_t ip[4];		       /* esptouch-v1: where the acknowledgement goes; zeros: broadcast */
	uint8_t key[MR_SMART_KEY_MAX]; /* shared; esptouch-v2 and cc3000: 16 octets, ezconnect: 1 to 32 */
	uint8_t key_len;	       /* 0: in clear */
	/* The first octet of the acknowledgement. airkiss: a random one, given by the sender; esptouch-v2: the port
	 * index, 0..3; esptouch-v1: set by mr_smart_begin and the listener. */
	uint8_t token;
	uint8_t iv[20]; /* esptouch-v2 with a key: random octets, given by the sender; all zeros: without an IV */
};

/*
 * A cell is a value of which it is known whether it was heard, and whether that is sure: a frame that stands behind its
 * predecessor without a gap in the sequence numbers is sure of its place, and so is what was heard twice.
 */
#define MR_SMART_CELLS(n) (((n) + 7) / 8)

#define MR_ESPTOUCH1_UNITS (9 + MR_SMART_PASSPHRASE_MAX + MR_SMART_SSID_MAX + 6)
struct mr_esptouch1_state {
	uint8_t octets[MR_ESPTOUCH1_UNITS];
	uint8_t have[MR_SMART_CELLS(MR_ESPTOUCH1_UNITS)], sure[MR_SMART_CELLS(MR_ESPTOUCH1_UNITS)];
	uint8_t heard;	      /* of the unit that is coming: 0 to 2 frames */
	uint8_t first, index; /* they were these */
	bool loose;	      /* there was a gap between them */
};

/* The head; 144 octets of ciphertext in fives; an IV; an SSID in fives. */
#define MR_ESPTOUCH2_GROUPS (1 + 29 + 4 + 7)
struct mr_esptouch2_state {
	uint8_t planes[MR_ESPTOUCH2_GROUPS][8]; /* 6 bits; 0x40: heard, 0x80: sure */
	uint8_t groups;				/* as they were counted; 0: not heard */
	uint8_t group;				/* 1 + the one that is coming; 0: not known */
	uint8_t planes_heard;			/* 1 + the last plane of it; 0: none yet */
	uint8_t since;				/* frames since what came last of it; UINT8_MAX: not known */
};

#define MR_AIRKISS_PIECES ((MR_SMART_PASSPHRASE_MAX + 1 + MR_SMART_SSID_MAX + 3) / 4)
#define MR_AIRKISS_CELLS (5 * MR_AIRKISS_PIECES) /* of each its CRC and four octets */
struct mr_airkiss_state {
	uint8_t cells[MR_AIRKISS_CELLS];
	uint8_t have[MR_SMART_CELLS(MR_AIRKISS_CELLS)], sure[MR_SMART_CELLS(MR_AIRKISS_CELLS)];
	uint8_t fields[3]; /* octets of the message, CRC of its SSID, octets of the passphrase */
	uint8_t have_field, sure_field;
	uint8_t kind, count, coming[4]; /* of a magic or a prefix: enum in airkiss.c, its codes so far */
	uint8_t place;			/* of the last code in the pieces, six to each; UINT8_MAX: not known */
	uint8_t header;			/* the last code, when it was a CRC or a number; else 0 */
	bool begun;
	bool shared; /* the sequence numbers count other frames, too */
	bool placed; /* the place is sure */
	bool loose;  /* there was a gap in the magic or prefix */
};

struct mr_cc3000_field {
	uint8_t codes[64], have[8], sure[8];
	uint8_t len, have_len, sure_len; /* octets */
};
struct mr_cc3000_state {
	struct mr_cc3000_field fields[2]; /* SSID, passphrase */
	uint8_t field;			  /* 1 + the one that is coming; 0: not known */
	uint8_t place;			  /* of the last code: 0 the tag, 1 the length, 2.. nibbles; UINT8_MAX: lost */
	uint8_t furthest;		  /* the last place that was known */
	uint8_t previous;		  /* the last code's lower half */
	uint8_t separators;		  /* heard since, in order: 0 to 2; 3: not in order */
	uint16_t since;			  /* frames since the last code, by sequence numbers; UINT16_MAX: not known */
	bool shared;			  /* the sequence numbers count other frames, too */
};

#define MR_EZCONNECT_PAIRS(octets) (3u + ((octets) + 1u) / 2)
struct mr_ezconnect_state {
	uint8_t ssid[2 * MR_EZCONNECT_PAIRS(MR_SMART_SSID_MAX)];
	uint8_t passphrase[2 * MR_EZCONNECT_PAIRS(MR_SMART_PASSPHRASE_MAX)];
	uint8_t have_ssid[MR_SMART_CELLS(MR_EZCONNECT_PAIRS(MR_SMART_SSID_MAX))];
	uint8_t have_passphrase[MR_SMART_CELLS(MR_EZCONNECT_PAIRS(MR_SMART_PASSPHRASE_MAX))];
};

union mr_smart_state {
	struct mr_esptouch1_state esptouch1;
	struct mr_esptouch2_state esptouch2;
	struct mr_airkiss_state airkiss;
	struct mr_cc3000_state cc3000;
	struct mr_ezconnect_state ezconnect;
	struct mr_smart_settings settings;
};
