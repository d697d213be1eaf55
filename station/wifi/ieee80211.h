/*
 * 802.11 MPDUs as a plain 802.11g STA or access point meets them: headers, management bodies, elements, LLC/SNAP.
 * IEEE 802.11-2020 clause 9. Formats only; who may send what when is for sta.h and the access point.
 *
 * Frames begin with Frame Control and end before the FCS. Parsers take readers over octets that stay the caller's;
 * what they give out points into these octets. Builders append to a writer, whose `bad` says that it did not fit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/radio/radio.h"

#define IEEE80211_SSID_MAX 32
#define IEEE80211_HEADER_LEN 24 /* three addresses, no QoS */
#define IEEE80211_SNAP_LEN 8
#define IEEE80211_MSDU_MAX 2304 /* 9.2.4.7, LLC/SNAP included */
#define IEEE80211_ELEMENT_MAX 255

extern const uint8_t ieee80211_broadcast[6];

/* --- the header, 9.2 --- */

/* First octet of Frame Control: version 0, type, subtype; 9.2.4.1, table 9-1. */
enum ieee80211_kind {
	IEEE80211_ASSOCIATION_REQUEST = 0x00,
	IEEE80211_ASSOCIATION_RESPONSE = 0x10,
	IEEE80211_REASSOCIATION_REQUEST = 0x20,
	IEEE80211_REASSOCIATION_RESPONSE = 0x30,
	IEEE80211_PROBE_REQUEST = 0x40,
	IEEE80211_PROBE_RESPONSE = 0x50,
	IEEE80211_BEACON = 0x80,
	IEEE80211_DISASSOCIATION = 0xa0,
	IEEE80211_AUTHENTICATION = 0xb0,
	IEEE80211_DEAUTHENTICATION = 0xc0,
	IEEE80211_ACTION = 0xd0,
	IEEE80211_PS_POLL = 0xa4,
	IEEE80211_DATA = 0x08,
	IEEE80211_NULL = 0x48,
	IEEE80211_QOS_DATA = 0x88,
	IEEE80211_QOS_NULL = 0xc8,
};

/* Second octet of Frame Control. */
enum ieee80211_flags {
	IEEE80211_TO_DS = 0x01,
	IEEE80211_FROM_DS = 0x02,
	IEEE80211_MORE_FRAGMENTS = 0x04,
	IEEE80211_RETRY = 0x08,
	IEEE80211_POWER_MANAGEMENT = 0x10,
	IEEE80211_MORE_DATA = 0x20,
	IEEE80211_PROTECTED = 0x40,
	IEEE80211_ORDER = 0x80,
};

struct ieee80211_header {
	uint8_t kind;	   /* enum ieee80211_kind, or another subtype of management and data */
	uint8_t flags;	   /* enum ieee80211_flags */
	uint16_t duration; /* the AID, bits 14 and 15 set, in a PS-Poll */
	uint8_t address1[6], address2[6], address3[6],
		address4[6]; /* 3: none in a PS-Poll; 4: with TO_DS and FROM_DS */
	uint16_t sequence;   /* 0..4095 */
	uint8_t fragment;    /* 0..15 */
	uint16_t qos;	     /* QoS subtypes of data */
};

/* False: another version, a control frame other than PS-Poll, an extension frame, or cut. Leaves `in` at the body. */
bool ieee80211_header_parse(struct mr_rd *in, struct ieee80211_header *out);
void ieee80211_header_build(struct mr_wr *w, const struct ieee80211_header *header);

bool ieee80211_is_management(const struct ieee80211_header *header);
bool ieee80211_is_data(const struct ieee80211_header *header); /* of any subtype */
bool ieee80211_has_qos(const struct ieee80211_header *header);
bool ieee80211_has_amsdu(const struct ieee80211_header *header); /* the body is several MSDUs, 9.2.4.5.9 */
bool ieee80211_is_group(const uint8_t address[static 6]);	 /* broadcast or multicast */

/* Destination, source and BSSID by To DS and From DS, table 9-30; NULL where a frame has none. Point into `header`. */
const uint8_t *ieee80211_da(const struct ieee80211_header *header);
const uint8_t *ieee80211_sa(const struct ieee80211_header *header);
const uint8_t *ieee80211_bssid(const struct ieee80211_header *header);

/* --- LLC/SNAP: the first 8 octets of an MSDU (802.2, 802.1H; both RFC 1042 and bridge-tunnel encapsulation) --- */
bool ieee80211_snap_parse(struct mr_rd *in, uint16_t *ethertype);
void ieee80211_put_snap(struct mr_wr *w, uint16_t ethertype);

/* --- management bodies, 9.3.3: the same structs parsed and built --- */

/* 9.4.1.4 */
enum ieee80211_capability {
	IEEE80211_ESS = 0x0001,
	IEEE80211_IBSS = 0x0002,
	IEEE80211_PRIVACY = 0x0010,
	IEEE80211_SHORT_PREAMBLE = 0x0020,
	IEEE80211_SHORT_SLOT = 0x0400,
};

/* 9.4.1.9 */
enum ieee80211_status {
	IEEE80211_SUCCESS = 0,
	IEEE80211_REFUSED = 1,
	IEEE80211_UNKNOWN_ALGORITHM = 13,
	IEEE80211_TOO_MANY_STAS = 17,
	IEEE80211_TRY_AGAIN_LATER = 30,
	IEEE80211_REFUSED_PMF = 31, /* robust management frame policy violation */
	IEEE80211_INVALID_ELEMENT = 40,
	IEEE80211_INVALID_AKM = 43,
};

/* 9.4.1.7 */
enum ieee80211_reason {
	IEEE80211_UNSPECIFIED = 1,
	IEEE80211_INVALID_AUTHENTICATION = 2, /* "prior authentication not valid" */
	IEEE80211_LEAVING = 3,
	IEEE80211_INACTIVE = 4,
	IEEE80211_NOT_AUTHENTICATED = 6, /* class 2 frame from a STA that is not */
	IEEE80211_NOT_ASSOCIATED = 7,	 /* class 3 frame from a STA that is not */
	IEEE80211_MIC_FAILURE = 14,
	IEEE80211_4WAY_TIMEOUT = 15,
	IEEE80211_GROUP_TIMEOUT = 16,
	IEEE80211_8021X_FAILED = 23, /* hostapd ends WPS with it */
};

/* What numbers mean, for people: "too many STAs", "deauthentication"; "unknown" when none of ours is known. */
const char *ieee80211_reason_words(uint16_t reason); /* table 9-49 */
const char *ieee80211_status_words(uint16_t status); /* table 9-50 */
const char *ieee80211_kind_name(uint8_t kind);	     /* enum ieee80211_kind */

enum ieee80211_algorithm { IEEE80211_OPEN_SYSTEM = 0, IEEE80211_SHARED_KEY = 1, IEEE80211_SAE = 3 }; /* 9.4.1.1 */

/* Beacon 9.3.3.2 and Probe Response 9.3.3.10 */
struct ieee80211_beacon {
	uint64_t timestamp_us;
	uint16_t interval_tu, capability;
	struct mr_rd elements;
};

struct ieee80211_authentication {
	uint16_t algorithm, transaction, status;
	struct mr_rd rest;
};

struct ieee80211_association_request {
	uint16_t capability, listen_interval;
	bool again; /* Reassociation Request: has `current_ap` */
	uint8_t current_ap[6];
	struct mr_rd elements;
};

/* and Reassociation Response */
struct ieee80211_association_response {
	uint16_t capability, status, aid; /* aid without the two high bits */
	struct mr_rd elements;
};

bool ieee80211_beacon_parse(struct mr_rd body, struct ieee80211_beacon *out);
bool ieee80211_authentication_parse(struct mr_rd body, struct ieee80211_authentication *out);
bool ieee80211_association_request_parse(struct mr_rd body, bool again, struct ieee80211_association_request *out);
bool ieee80211_association_response_parse(struct mr_rd body, struct ieee80211_association_response *out);
bool ieee80211_reason_parse(struct mr_rd body, uint16_t *reason); /* Deauthentication, Disassociation */

/* Fixed fields, then `elements` or `rest` when there are any; more elements may be appended with ieee80211_put_*. */
void ieee80211_beacon_build(struct mr_wr *w, const struct ieee80211_beacon *body);
void ieee80211_authentication_build(struct mr_wr *w, const struct ieee80211_authentication *body);
void ieee80211_association_request_build(struct mr_wr *w, const struct ieee80211_association_request *body);
void ieee80211_association_response_build(struct mr_wr *w, const struct ieee80211_association_response *body);

/* --- elements, 9.4.2 --- */

/*
 * X(name, element id, shortest, longest): those that are looked at. One whose length is outside these bounds is odd,
 * and is skipped. An RSN is there whatever its length: a network that has one is never taken for one without.
 */
#define IEEE80211_ELEMENTS(X)                                                                                          \
	X(ssid, SSID, 0, 0, 32)                                                                                        \
	X(rates, RATES, 1, 0, 255)                                                                                     \
	X(ds, DS_PARAMETER, 3, 1, 1)                                                                                   \
	X(tim, TIM, 5, 1, 254)                                                                                         \
	X(ibss, IBSS_PARAMETER, 6, 2, 2)                                                                               \
	X(channel_switch, CHANNEL_SWITCH, 37, 3, 3)                                                                    \
	X(erp, ERP, 42, 1, 255)                                                                                        \
	X(rsn, RSN, 48, 0, 255)                                                                                        \
	X(extended_rates, EXTENDED_RATES, 50, 0, 255)                                                                  \
	X(extended_switch, EXTENDED_SWITCH, 60, 4, 4)                                                                  \
	X(timeout, TIMEOUT_INTERVAL, 56, 5, 5)

enum ieee80211_element {
#define IEEE80211_ELEMENT_ENUM(name, NAME, id, shortest, longest) IEEE80211_##NAME = id,
	IEEE80211_ELEMENTS(IEEE80211_ELEMENT_ENUM)
#undef IEEE80211_ELEMENT_ENUM
		IEEE80211_VENDOR = 221,
};

/* The first of each kind; `at` is NULL when there is none (an empty SSID has `at`). `wpa`: the body after 00:50:f2 1.
 */
struct ieee80211_elements {
#define IEEE80211_ELEMENT_MEMBER(name, NAME, id, shortest, longest) struct mr_rd name;
	IEEE80211_ELEMENTS(IEEE80211_ELEMENT_MEMBER)
#undef IEEE80211_ELEMENT_MEMBER
	struct mr_rd wpa;
	uint8_t odd; /* elements that were skipped: cut, or of an impossible length */
};

/*
 * Announcements are read as Linux reads them: what is whole is in `out`, whatever is beside it; what is odd is skipped
 * and counted, and the first that is cut (a tail, an FCS left on) ends the list. True: all of them were whole. Unknown
 * ones are skipped.
 */
bool ieee80211_elements_parse(struct mr_rd in, struct ieee80211_elements *out);
/* The first vendor element with this OUI and type (00:50:f2 4 is WSC): its body after them; `at` NULL when there is
 * none. */
struct mr_rd ieee80211_vendor(struct mr_rd elements, const uint8_t oui[static 3], uint8_t type);

void ieee80211_put_element(struct mr_wr *w, uint8_t id, const void *bytes, size_t len);
/* The bit of a rate in sets of rates, in order of speed; 0: none of 802.11b, a or g. `rate`: 500 kb/s, bit 7 ignored.
 */
uint16_t ieee80211_rate_bit(uint8_t rate);
/* The fastest of `set` that is not faster than `wanted`, else its slowest; `wanted` when the set is empty. */
uint8_t ieee80211_rate_of(uint16_t set, uint8_t wanted);
void ieee80211_put_ssid(struct mr_wr *w, const uint8_t *ssid, size_t len);
/* Supported Rates and, where they need it, Extended Supported Rates: 802.11g below 3 GHz, 802.11a above. */
void ieee80211_put_rates(struct mr_wr *w, uint16_t freq_mhz);
/* The same, of those that are in `set`: what an access point has too. An empty set: all. */
void ieee80211_put_rates_of(struct mr_wr *w, uint16_t freq_mhz, uint16_t set);
/* WMM (the Wi-Fi Alliance's part of 802.11e, 00:50:f2 2), with which QoS data begins: in announcements with the
 * parameters of the four access categories, in requests without. */
void ieee80211_put_wmm(struct mr_wr *w, bool announcement);
bool ieee80211_has_wmm(struct mr_rd elements);
void ieee80211_put_ds(struct mr_wr *w, uint16_t freq_mhz); /* nothing above 3 GHz */
/* A TIM, 9.4.2.5. `bitmap`: 251 octets, one bit for each AID, or NULL for nobody; `group`: group frames wait. */
void ieee80211_put_tim(struct mr_wr *w, uint8_t dtim_count, uint8_t dtim_period, bool group, const uint8_t *bitmap);
/* Does this TIM say that something waits for `aid` (0: group frames)? */
bool ieee80211_tim_has(struct mr_rd tim, uint16_t aid);

/* --- RSN element, 9.4.2.24 --- */

/* suite types of OUI 00-0F-AC, table 9-149 */
enum ieee80211_cipher {
	IEEE80211_CIPHER_GROUP = 0,
	IEEE80211_CIPHER_WEP40 = 1,
	IEEE80211_CIPHER_TKIP = 2,
	IEEE80211_CIPHER_CCMP = 4,
	IEEE80211_CIPHER_WEP104 = 5,
	IEEE80211_CIPHER_BIP_CMAC = 6,
	IEEE80211_CIPHER_NO_GROUP = 7,
	IEEE80211_CIPHER_UNKNOWN = 31,
};

const char *ieee80211_cipher_name(uint8_t cipher); /* "TKIP"; "unknown" */

/* table 9-151 */
enum ieee80211_akm {
	IEEE80211_AKM_8021X = 1,
	IEEE80211_AKM_PSK = 2,
	IEEE80211_AKM_FT_PSK = 4,
	IEEE80211_AKM_8021X_SHA256 = 5,
	IEEE80211_AKM_PSK_SHA256 = 6,
	IEEE80211_AKM_SAE = 8,
	IEEE80211_AKM_FT_SAE = 9,
	IEEE80211_AKM_OWE = 18,
	IEEE80211_AKM_UNKNOWN = 31,
};

#define IEEE80211_BIT(suite) (1u << (suite))
#define IEEE80211_MFPR 0x0040 /* RSN capabilities, figure 9-289 */
#define IEEE80211_MFPC 0x0080

struct ieee80211_rsn {
	uint8_t group;		  /* enum ieee80211_cipher */
	uint8_t group_management; /* BIP_CMAC unless said otherwise */
	uint32_t pairwise, akm;	  /* IEEE80211_BIT of each; other OUIs and types above 30 give the bit UNKNOWN */
	uint16_t capabilities;
	bool odd; /* what follows the AKMs is cut: as if it had been left out */
};

/*
 * `body` without id and length. Fields left out have the standard's defaults. False: of another version than 1, or cut
 * before the end of the AKMs: what it demands is not known.
 */
bool ieee80211_rsn_parse(struct mr_rd body, struct ieee80211_rsn *out);
/* The whole element, as short as it may be: group management only with MFPC and another suite than the default. */
void ieee80211_put_rsn(struct mr_wr *w, const struct ieee80211_rsn *rsn);

/* --- a network, as its beacons and probe responses describe it --- */

enum ieee80211_security {
	IEEE80211_OPEN,
	IEEE80211_WEP,
	IEEE80211_WPA,	     /* the element of before RSN only: TKIP as a rule */
	IEEE80211_WPA2_PSK,  /* also beside WPA */
	IEEE80211_WPA2_WPA3, /* PSK and SAE, "transition mode" */
	IEEE80211_WPA3_SAE,
	IEEE80211_OWE,
	IEEE80211_ENTERPRISE, /* 802.1X, any kind */
	IEEE80211_OTHER,      /* an RSN that we cannot name */
};

struct ieee80211_network {
	uint8_t bssid[6];
	uint8_t sender[6];		  /* the BSSID too, but in an IBSS the address of one of its STAs */
	uint8_t ssid[IEEE80211_SSID_MAX]; /* any octets */
	uint8_t ssid_len;
	bool hidden;		      /* no SSID, or zeros in its place; `ssid_len` is 0 then */
	bool ibss, privacy, wsc, wmm; /* `wsc`, `wmm`: such an element is there */
	bool pmf_capable, pmf_required;
	uint8_t security;  /* enum ieee80211_security */
	bool wpa;	   /* a WPA element is there: mixed mode when `rsn.akm` is not 0 too */
	uint16_t freq_mhz; /* by its own DS parameter; else where it was heard */
	uint16_t interval_tu;
	uint64_t tsf_us;	/* its clock: it begins again when the access point does, 11.1.3 */
	uint16_t switch_mhz;	/* 0: it stays; else it goes there, 9.4.2.18 and 9.4.2.52 */
	uint8_t switch_beacons; /* after so many more beacons; 0: at any moment */
	uint16_t rates, basic;	/* of the BSS, as ieee80211_rate_bit; zeros: it says none that we know */
	int8_t rssi_dbm;
	struct ieee80211_rsn rsn; /* zeros without an RSN element, or with one that cannot be read: security OTHER */
	uint8_t odd;		  /* elements that were skipped, and an RSN that was cut */
	uint64_t heard_us;
};

/* From a Beacon or Probe Response; false: it is neither, or its header or fixed fields are cut. */
bool ieee80211_network_of(struct mr_rd mpdu, const struct radio_rx *rx, struct ieee80211_network *out);
const char *ieee80211_security_name(enum ieee80211_security security); /* "open", "wpa2-psk" ... */
