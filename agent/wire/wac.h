/*
 * What a controller and an accessory say to each other in POST /config of Apple's Wireless Accessory Configuration: an
 * exchange of TLV8 (tlv8.h), encrypted with the stream of mfi_sap.h. There is no public specification: elements that no
 * openly licensed implementation names are skipped when they come and never sent.
 */
#pragma once

#include "agent/wire/cursor.h"

#define MR_WAC_SERVICE "_mfi-config._tcp"
#define MR_WAC_BODY_MAX 1024u /* octets, of request and response */
#define MR_WAC_SSID_MAX 32u
#define MR_WAC_PASSPHRASE_MIN 8u
#define MR_WAC_PASSPHRASE_MAX 63u
#define MR_WAC_FEATURE_TLV 4u /* of `features` in the service's TXT record */

/* How long a controller waits: for the service, for each exchange, for the accessory on its network. */
#define MR_WAC_FIND_US 20000000u
#define MR_WAC_EXCHANGE_US 20000000u
#define MR_WAC_RETURN_US 60000000u

/* Request: type, name, shortest, longest value. */
#define MR_WAC_REQUEST(X)                                                                                              \
	X(0x08, name, 0, 255)                                                                                          \
	X(0x09, play_password, 0, 255)                                                                                 \
	X(0x0b, passphrase, MR_WAC_PASSPHRASE_MIN, MR_WAC_PASSPHRASE_MAX)                                              \
	X(0x0c, ssid, 1, MR_WAC_SSID_MAX)

/* Response, in the order in which it is written. */
#define MR_WAC_RESPONSE(X)                                                                                             \
	X(0x08, name, 0, 255)                                                                                          \
	X(0x07, model, 0, 255)                                                                                         \
	X(0x0a, serial, 0, 255)                                                                                        \
	X(0x02, firmware, 0, 255)                                                                                      \
	X(0x03, hardware, 0, 255)                                                                                      \
	X(0x01, bundle_seed, 0, 255)

/* `at` is NULL where an element is absent. The request is secret. */
#define MR_WAC_MEMBER(type, name, shortest, longest) struct mr_rd name;
struct mr_wac_request {
	MR_WAC_REQUEST(MR_WAC_MEMBER)
};
struct mr_wac_response {
	MR_WAC_RESPONSE(MR_WAC_MEMBER)
};
#undef MR_WAC_MEMBER

/* In the clear. An accessory's name, the network, its passphrase unless it is open. */
void mr_wac_request_build(const struct mr_wac_request *request, struct mr_wr *w);
/* False: cut, an element twice, of an impossible length, or no SSID: all of it is refused. */
bool mr_wac_request_parse(struct mr_rd in, struct mr_wac_request *out);
void mr_wac_response_build(const struct mr_wac_response *response, struct mr_wr *w);
/* An empty one is whole. False: cut, or an element twice. */
bool mr_wac_response_parse(struct mr_rd in, struct mr_wac_response *out);
