/*
 * Multicast DNS (RFC 6762) and DNS-based service discovery (RFC 6763), as far as one service on one link needs it: the
 * question for a service type, the answer with PTR, SRV, TXT and A in one message, and reading both. Messages are those
 * of RFC 1035 section 4; names are compared without regard to the case of ASCII letters.
 *
 * Not done: known answers, probing for a name, answers that come in parts; a service whose SRV or TXT is not in the
 * message that names it is not found.
 */
#pragma once

#include "agent/wire/cursor.h"

#define MR_MDNS_PORT 5353u
#define MR_MDNS_GROUP 0xe00000fbu /* 224.0.0.251 */
#define MR_MDNS_HOPS 255u	  /* RFC 6762 section 11 */
#define MR_MDNS_MESSAGE_MAX 1232u /* octets of ours and of theirs: a datagram that is not fragmented */
#define MR_MDNS_NAME_MAX 255u	  /* RFC 1035 section 3.1 */
#define MR_MDNS_LABEL_MAX 63u
#define MR_MDNS_RECORDS_MAX 64u /* of one message; what follows is not looked at */

enum mr_mdns_type { MR_MDNS_A = 1, MR_MDNS_PTR = 12, MR_MDNS_TXT = 16, MR_MDNS_SRV = 33, MR_MDNS_ANY = 255 };

/* Labels with their lengths in front, up to and with the empty one, in lower case. */
struct mr_mdns_name {
	uint8_t octets[MR_MDNS_NAME_MAX];
	uint8_t len;
};

struct mr_mdns_service {
	struct mr_rd instance; /* its label: `at` points into the message */
	uint16_t port;
	uint32_t address; /* of its host, in host order; 0: not in the message */
	struct mr_rd txt;
};

/* What a responder says of its one service. Texts end with NUL. */
struct mr_mdns_answer {
	const char *instance; /* one label, any octets */
	const char *service;  /* "_mfi-config._tcp" */
	const char *host;     /* one label: below .local */
	uint16_t port;
	uint32_t address;
	struct mr_rd txt;
	uint32_t ttl_s;
};

/* `unicast`: the answer may come to us alone (RFC 6762 section 5.4). */
void mr_mdns_query_build(const char *service, bool unicast, struct mr_wr *w);
/* Is this a query that asks for instances of the service? `unicast`: it wants its answer for itself. */
bool mr_mdns_asks(struct mr_rd message, const char *service, bool *unicast);
void mr_mdns_answer_build(const struct mr_mdns_answer *answer, struct mr_wr *w);
/* The `i`th instance of the service in a response; false: there are fewer, or it is no response that can be read. */
bool mr_mdns_find(struct mr_rd message, const char *service, unsigned i, struct mr_mdns_service *out);

/* RFC 6763 section 6: key=value, the first of that key counts; keys without regard to case. */
bool mr_mdns_txt_find(struct mr_rd txt, const char *key, struct mr_rd *value);
void mr_mdns_txt_put(struct mr_wr *w, const char *key, const char *value);

/*
 * The name at `in`, which is left behind it; `whole` is the message. Each compression pointer must lead to before the
 * place where the last one was followed from, so that following them ends. False: cut, too long, or no such pointer.
 */
bool mr_mdns_name_read(struct mr_rd whole, struct mr_rd *in, struct mr_mdns_name *out);
