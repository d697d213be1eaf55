/*
 * EAP as Wi-Fi Simple Configuration uses it: RFC 3748 packets, the expanded type of the WFA (section 5.7), its
 * operation codes and its fragmentation. Both ends: the server asks (the access point), the peer answers (the STA).
 * EAPOL, the 802.1X header before it, is the caller's.
 *
 *	server   mr_eap_start -> { mr_eap_receive -> MR_EAP_IDENTITY, MR_EAP_MESSAGE -> mr_eap_send } ... -> mr_eap_fail
 *	peer     { mr_eap_receive -> MR_EAP_IDENTITY, MR_EAP_MESSAGE -> mr_eap_send } ... -> MR_EAP_OVER
 *
 * An exchange always ends with EAP-Failure, on success too. One packet is under way at a time; the caller repeats its
 * last one (mr_eap_repeat) when its time is up, and a peer's repeat is answered by the same octets again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "agent/wire/wsc.h"

#define MR_EAP_PACKET_MAX 1400 /* octets that one EAPOL frame takes */
#define MR_EAP_FRAGMENT_MIN 64 /* of a WSC message in one packet */
#define MR_EAP_FRAGMENT_MAX (MR_EAP_PACKET_MAX - 16)

/* Op-Code of EAP-WSC. */
enum mr_eap_op { MR_EAP_START = 1, MR_EAP_ACK, MR_EAP_NACK, MR_EAP_MSG, MR_EAP_DONE, MR_EAP_FRAGMENT_ACK };

enum mr_eap_role { MR_EAP_ENROLLEE, MR_EAP_REGISTRAR, MR_EAP_STRANGER };

/* What a packet that was received means. */
enum mr_eap_event {
	MR_EAP_IGNORED,	 /* not for this state, or malformed: drop it */
	MR_EAP_ANSWERED, /* `reply` holds what is to be sent: a repeat, a fragment, an acknowledgement of one */
	MR_EAP_IDENTITY, /* server: the peer's `role` is known, send the first message. Peer: `reply` holds its identity
			  */
	MR_EAP_MESSAGE,	 /* `op` and `message` hold a whole one; answer with mr_eap_send */
	MR_EAP_OVER,	 /* peer: EAP-Failure. No more is to come */
};

/* Layout is ours. */
struct mr_eap {
	bool server;
	uint8_t role;  /* enum mr_eap_role: peer: its own; server: what the peer says */
	uint8_t id;    /* of the last request */
	uint8_t sent;  /* the last packet of ours, to be made again: enum in eap.c */
	uint8_t in_op; /* being put together */
	uint16_t in_len, in_total;
	bool in_more;
	uint8_t out_op;
	const uint8_t *out;		    /* the message being sent: the caller's, until the next one */
	uint16_t out_len, out_at, out_next; /* the fragment under way */
	uint16_t fragment_max;
	uint8_t in[MR_WSC_MESSAGE_MAX];
};

struct mr_eap_message {
	uint8_t op;	      /* enum mr_eap_op */
	struct mr_rd message; /* inside struct mr_eap, until the next packet */
};

/* `role` of a peer; a server learns it. `fragment_max`: 0 is MR_EAP_FRAGMENT_MAX. */
void mr_eap_init(struct mr_eap *eap, bool server, enum mr_eap_role role, uint16_t fragment_max);
void mr_eap_wipe(struct mr_eap *eap);

/* Server: asks for the identity, anew when the peer said EAPOL-Start. Into `reply`, empty. */
void mr_eap_start(struct mr_eap *eap, struct mr_wr *reply);
/* One EAP packet; octets behind its length are padding. `reply` is empty and has MR_EAP_PACKET_MAX octets. */
enum mr_eap_event mr_eap_receive(struct mr_eap *eap, struct mr_rd packet, struct mr_eap_message *message,
				 struct mr_wr *reply);
/* The next message, of at most MR_WSC_MESSAGE_MAX octets, which stay where they are until the next one. */
void mr_eap_send(struct mr_eap *eap, enum mr_eap_op op, struct mr_rd message, struct mr_wr *reply);
/* The last packet again; nothing when there was none. */
void mr_eap_repeat(const struct mr_eap *eap, struct mr_wr *reply);
/* Server: EAP-Failure, by which it ends in any case. */
void mr_eap_fail(struct mr_eap *eap, struct mr_wr *reply);
