/*
 * IEEE 802.11-2020 9.2.4.1.3: the first octet of a frame is version, type and subtype. An EAPOL frame is a data frame
 * whose body begins with the LLC and SNAP headers of RFC 1042 and the Ethernet type 0x888e; what is encrypted does not
 * show its type.
 */
#include "station/radio/hearing.h"

#include <assert.h>
#include <stdio.h>

enum {
	ASSOCIATION_REQUEST = 0x00,
	ASSOCIATION_RESPONSE = 0x10,
	REASSOCIATION_REQUEST = 0x20,
	REASSOCIATION_RESPONSE = 0x30,
	PROBE_REQUEST = 0x40,
	PROBE_RESPONSE = 0x50,
	BEACON = 0x80,
	DISASSOCIATION = 0xa0,
	AUTHENTICATION = 0xb0,
	DEAUTHENTICATION = 0xc0,
	ACTION = 0xd0,
	DATA = 0x08,
	QOS_DATA = 0x88,
};
#define TYPE_MASK 0x0c
#define TYPE_CONTROL 0x04
#define TYPE_DATA 0x08
#define HEAD_LEN 24
#define QOS_HEAD_LEN 26
#define HTC_HEAD_LEN 30 /* with HT Control, which +HTC says, 9.2.4.1.10 */
#define ORDER 0x80
#define MEMBER_MASK 0x43 /* Protected Frame, From DS, To DS */
#define MEMBER 0x41

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t eapol[8] = { 0xaa, 0xaa, 0x03, 0, 0, 0, 0x88, 0x8e };

static bool is_eapol(struct mr_rd frame)
{
	size_t head_len = frame.at[0] != QOS_DATA ? HEAD_LEN : frame.at[1] & ORDER ? HTC_HEAD_LEN : QOS_HEAD_LEN;

	return (frame.at[0] == DATA || frame.at[0] == QOS_DATA) && frame.left >= head_len + sizeof(eapol) &&
	       mr_equal(frame.at + head_len, eapol, sizeof(eapol));
}

bool hearing_wants(const struct radio_addresses *own, unsigned hear, struct mr_rd frame)
{
	bool group;

	assert(own->count >= 1 && own->count <= RADIO_ADDRESSES_MAX);
	if (frame.left < HEAD_LEN || (frame.at[0] & TYPE_MASK) == TYPE_CONTROL ||
	    radio_addresses_have(own, frame.at + 10))
		return false;
	if (radio_addresses_have(own, frame.at + 4))
		return true;
	group = frame.at[4] & 1;
	switch (frame.at[0]) {
	case ACTION: return mr_equal(frame.at + 4, broadcast, 6);
	case BEACON:
	case PROBE_RESPONSE: return hear & RADIO_HEAR_NETWORKS;
	case PROBE_REQUEST: return (hear & RADIO_HEAR_NETWORKS) && group;
	case AUTHENTICATION:
	case ASSOCIATION_REQUEST:
	case ASSOCIATION_RESPONSE:
	case REASSOCIATION_REQUEST:
	case REASSOCIATION_RESPONSE:
	case DISASSOCIATION:
	case DEAUTHENTICATION: return hear & RADIO_HEAR_JOINS;
	case DATA:
	case QOS_DATA:
		if ((hear & RADIO_HEAR_MEMBERS) && (frame.at[1] & MEMBER_MASK) == MEMBER)
			return true;
		__attribute__((fallthrough));
	default:
		return ((hear & RADIO_HEAR_GROUP) && group && (frame.at[0] & TYPE_MASK) == TYPE_DATA) ||
		       ((hear & RADIO_HEAR_JOINS) && is_eapol(frame));
	}
}

/* libpcap has words for most of this, but not for action frames; and for each type it looks up where addresses are. */
void hearing_filter(char *out, size_t out_len, const struct radio_addresses *own, unsigned hear)
{
	size_t used;

	assert(own->count >= 1 && own->count <= RADIO_ADDRESSES_MAX && out_len >= HEARING_FILTER_MAX);
	used = (size_t)snprintf(out, out_len, "wlan[0] & 0x0c != 0x04 and (");
	for (size_t i = 0; i < own->count; i++) {
		const uint8_t *m = own->at[i];
		char name[18];

		snprintf(name, sizeof(name), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
		used += (size_t)snprintf(out + used, out_len - used, "wlan addr1 %s or wlan addr2 %s or ", name, name);
	}
	used += (size_t)snprintf(
		out + used, out_len - used, "(wlan[0] = 0xd0 and wlan addr1 ff:ff:ff:ff:ff:ff)%s%s%s%s)",
		hear & RADIO_HEAR_NETWORKS
			? " or wlan[0] = 0x80 or wlan[0] = 0x50 or (wlan[0] = 0x40 and wlan[4] & 1 = 1)"
			: "",
		hear & RADIO_HEAR_GROUP ? " or (wlan[0] & 0x0c = 0x08 and wlan[4] & 1 = 1)" : "",
		hear & RADIO_HEAR_MEMBERS ? " or (wlan[0] & 0x7f = 0x08 and wlan[1] & 0x43 = 0x41)" : "",
		hear & RADIO_HEAR_JOINS
			? " or wlan[0] = 0xb0 or wlan[0] & 0xcf = 0x00 or wlan[0] = 0xa0 or wlan[0] = 0xc0"
			  " or (wlan[0] = 0x08 and wlan[24:4] = 0xaaaa0300 and wlan[28:4] = 0x0000888e)"
			  " or (wlan[0] = 0x88 and wlan[1] & 0x80 = 0 and wlan[26:4] = 0xaaaa0300 and wlan[30:4] = "
			  "0x0000888e)"
			  " or (wlan[0] = 0x88 and wlan[1] & 0x80 != 0 and wlan[30:4] = 0xaaaa0300 and wlan[34:4] = "
			  "0x0000888e)"
			: "");
	assert(used < out_len);
}
