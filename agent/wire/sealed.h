/*
 * Sealed broadcasts: the network of a job, encrypted and authenticated under the batch key, to every device of the
 * batch that listens, at once. One transmission serves three kinds of chips, in the same frames:
 *
 *	by payload   the whole message is the payload of every frame: one frame that is heard is enough
 *	by address   7 bits of number and 16 bits of a coded symbol are the group address (01:00:5e)
 *	by length    where a chip tells nothing but lengths: a run of its own, when the job asks for it. Its frames have
 *	             the addresses and, where they are long enough, the payload of the others
 *
 * The code (erasure.h) makes of k symbols as many as there are numbers: any k of them are the message. So who hops in
 *at any time needs as many frames as the message has symbols, and an announcement.
 *
 *	message   0x10 | octets / 32 - 1 (u8: version 1), issue le64, lifetime_s le16     11 octets, in clear
 *	          security u8, length of SSID u8, of passphrase u8, SSID, passphrase, 0 ...    encrypted
 *	          tag of AES-256-GCM over all of it                                       16 octets
 *
 * It is padded to 64, 96 or 128 octets, so that who cannot open it learns of SSID and passphrase that both together are
 * up to 34, 66 or 98 octets, and when the network of the batch changes. 64 is enough for most; 32 octets between the
 * steps, for smaller ones would tell more and save a fifth of a second. Key: HKDF-SHA256(batch key, "", "millrace
 * sealed"); IV: four zeros, issue be64; what is in clear is associated data.
 *
 * A message says which broadcast it is (`issue`, which grows, and is part of what is authenticated). A device keeps the
 * newest as it came. It becomes the device's own only when the station names that issue in the device's session, so
 * neither a replay nor an old message provisions anybody; and it is forgotten after its lifetime.
 *
 * What an attacker can do: whoever sends in the name of the source spoils what is being collected, one forged symbol
 *for each collection, and so delays it, as noise on the channel would. What has been spoiled fails at its tag and is
 * collected anew. The payload form is immune: each frame stands for itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/erasure.h"
#include "agent/wire/message.h"
#include "agent/wire/overheard.h"

#define MR_SEALED_PASSPHRASE_MAX 64
#define MR_SEALED_MAX 128 /* octets of a message */
#define MR_SEALED_PORT 7011

/* Contains secrets. */
struct mr_sealed {
	uint64_t issue;	     /* not 0; grows from one broadcast of a batch key to the next */
	uint16_t lifetime_s; /* a device forgets it so long after it was heard; not 0 */
	uint8_t ssid[MR_SSID_MAX], ssid_len;
	uint8_t security;					      /* enum mr_security */
	uint8_t passphrase[MR_SEALED_PASSPHRASE_MAX], passphrase_len; /* 8 to 64; MR_SECURITY_OPEN: 0 */
};

/*
 * The IV comes from `issue`: the caller never seals two different contents with one issue under one batch key, over
 * restarts of the station and on all stations of the batch. To seal the same contents again is harmless. false: an SSID
 * or passphrase that is too long or too short, or the library of cryptography failed.
 */
bool mr_sealed_seal(const uint8_t batch_key[static 32], const struct mr_sealed *in, uint8_t out[static MR_SEALED_MAX],
		    size_t *len);
/* false: not of this batch, or forged, or cut; `out` is zeros. */
bool mr_sealed_open(const uint8_t batch_key[static 32], const uint8_t *message, size_t len, struct mr_sealed *out);
/* Which one it is, without a key: a device that has it looks no further. false: no message of ours. */
bool mr_sealed_issue(const uint8_t *message, size_t len, uint64_t *issue);

/* --- sending --- */

/*
 * Frames of a round by headers: 131, of which each 33rd, from the first on, is an announcement (number 127): octets of
 * the message / 32 - 2 (2 bits) and the first 14 bits of its tag, which bind symbols to one message. The others have
 * the numbers 0 to 126, in order, and are points of GF(256): two octets each.
 *
 * A round by lengths: 264 frames in 8 groups of 33, each of which begins with a frame of 1472 octets, from which a
 * listener learns how many octets are in front of the payload. The 17th of a group says which group it is: 1408 +
 * 8 (octets / 32 - 2) + group. The others carry 7 bits each: 128 (number of the frame in the round mod 11) + symbol;
 * 802.11 has sequence numbers, but drivers give others. The 31 symbols of each group, 248 in all, are points 0 to 123
 * of GF(128), twice; a message of more than 64 octets is in two halves, and symbols are of one and of the other in
 * turn.
 */
enum mr_sealed_form { MR_SEALED_BY_HEADERS, MR_SEALED_BY_LENGTHS };

#define MR_SEALED_GAP_US 5000 /* between two frames */

/* Layout is ours. */
struct mr_sealed_sender {
	uint8_t message[MR_SEALED_MAX];
	uint8_t len;
	enum mr_sealed_form form;
	uint8_t symbols[2 * MR_ERASURE_SYMBOLS_MAX]; /* by lengths: the message in pieces of 7 bits */
	uint32_t at;				     /* frame of the round by headers */
	uint32_t round;				     /* by lengths: frame of the round */
};

/* A message of mr_sealed_seal; one source address for each that is on the air at a time. */
void mr_sealed_begin(struct mr_sealed_sender *sender, const uint8_t *message, size_t len, enum mr_sealed_form form);

struct mr_sealed_frame {
	uint8_t destination[4];	    /* IPv4 */
	const uint8_t *payload;	    /* points into the sender */
	size_t payload_len, length; /* octets of UDP payload: of ours, and in all */
	uint32_t gap_us;	    /* until the next */
	bool ends_round;
};
void mr_sealed_next(struct mr_sealed_sender *sender, struct mr_sealed_frame *out);

/* --- listening --- */

#define MR_SEALED_RAW_MAX 48   /* frames that are kept until it is known where in the round they are */
#define MR_SEALED_PASSED_MAX 4 /* sources */

/*
 * Placed by its owner, zeroed. Layout is ours. One source at a time, in one direction and form: the first that begins,
 * until it is silent for a second, or until another speaks after it has brought nothing new for a round, or after two
 * messages of it in a row have failed; then it is passed over for two seconds.
 */
struct mr_sealed_listener {
	struct {
		uint8_t address[6], bssid[6];
		bool taken, from_ds, qos, protected;
		enum mr_sealed_form form;
	} source;
	uint64_t heard_us; /* the last frame of that source */
	uint64_t done_us;  /* its message was given out; it is looked at again then. 0: being collected */
	unsigned frames, idle, failures;

	uint8_t size;	/* octets / 32 - 1 of its message; 0: not known yet */
	uint16_t check; /* by headers: of the announcement */
	uint16_t base;	/* by lengths: what is in front of the payload; 0: not known yet */
	bool placed;	/* by lengths: `position` is that of the last frame in the round */
	uint16_t position, octets, sequence, raw_count;
	uint16_t raw[MR_SEALED_RAW_MAX]; /* while it is not placed: lengths of frames, the oldest first */
	struct mr_erasure halves[2];	 /* by headers: the first alone */

	struct {
		uint8_t address[6];
		uint64_t until_us;
	} passed[MR_SEALED_PASSED_MAX]; /* whose messages are not for us */
	uint8_t refused[MR_SEALED_MAX]; /* the last payload that was not for us */
};

enum mr_sealed_heard {
	MR_SEALED_FOREIGN, /* no part of a broadcast, as far as can be told */
	MR_SEALED_PART,	   /* of one: stay on this channel */
	MR_SEALED_MESSAGE, /* a whole one: compare its issue, open it, and call mr_sealed_refuse if it does not open */
};

/*
 * A frame that was overheard, also one of which only a length or addresses are known (a destination that is no group
 * 01:00:5e says nothing; then its length counts). `message` points into the listener or the frame, and holds until the
 * next call. One that was collected is given out once in ten seconds while it is on the air, as a payload each time.
 */
enum mr_sealed_heard mr_sealed_hear(struct mr_sealed_listener *listener, const struct mr_overheard *frame,
				    uint64_t now_us, struct mr_rd *message);
/* `message`, as it was given out, does not open: it is not of this batch, or was spoiled. */
void mr_sealed_refuse(struct mr_sealed_listener *listener, struct mr_rd message);
