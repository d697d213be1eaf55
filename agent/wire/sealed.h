/*
 * Sealed broadcasts: the network of a job, encrypted and authenticated under the batch key, to every device of the
 * batch that listens, at once. One transmission serves three kinds of chips, in the same frames:
 *
 *	by payload   the whole message is the payload of every frame: one frame that is heard is enough
 *	by address   7 bits of number and 16 bits of a coded symbol are the group address (01:00:5e)
 *	by length    where a chip tells nothing but lengths: a run of its own, when the job asks for it
 *
 * The code is systematic and rateless, over GF(2): a symbol is one of the message's, or the sum of those that its number
 * chooses. Whoever hops in at any time needs about two symbols more than the message has.
 *
 * A message says which broadcast it is (`issue`, which grows, and is part of what is authenticated). A device keeps the
 * newest as it came. It becomes the device's own only when the station names that issue in the device's session, so
 * neither a replay nor an old message provisions anybody; and it is forgotten after its lifetime.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/message.h"
#include "agent/wire/overheard.h"

#define MR_SEALED_PASSPHRASE_MAX 64
#define MR_SEALED_MAX 128 /* octets of a message */
#define MR_SEALED_PORT 7011

/* Contains secrets. */
struct mr_sealed {
	uint64_t issue;	     /* not 0; grows from one broadcast of a batch key to the next */
	uint16_t lifetime_s; /* a device forgets it so long after it was heard */
	uint8_t ssid[MR_SSID_MAX], ssid_len;
	uint8_t security; /* enum mr_security */
	uint8_t passphrase[MR_SEALED_PASSPHRASE_MAX], passphrase_len;
};

/* false: an SSID or passphrase that is too long or too short, or the library of cryptography failed. */
bool mr_sealed_seal(const uint8_t batch_key[static 32], const struct mr_sealed *in, uint8_t out[static MR_SEALED_MAX],
		    size_t *len);
/* false: not of this batch, or forged, or cut. */
bool mr_sealed_open(const uint8_t batch_key[static 32], const uint8_t *message, size_t len, struct mr_sealed *out);
/* Which one it is, without a key: a device that has it looks no further. false: no message of ours. */
bool mr_sealed_issue(const uint8_t *message, size_t len, uint64_t *issue);

/* --- sending --- */

enum mr_sealed_form { MR_SEALED_BY_HEADERS, MR_SEALED_BY_LENGTHS };

/* Layout is ours. */
struct mr_sealed_sender {
	uint8_t message[MR_SEALED_MAX];
	uint8_t len;
	enum mr_sealed_form form;
	uint32_t at, round;
};

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

/* Placed by its owner, zeroed; layout is in sealed.c's care. One source at a time: the first that begins, until it has
 * been silent for a second or its message failed. */
struct mr_sealed_listener;
