#include "station/ip/arp.h"

#include <assert.h>
#include <string.h>

#include "station/ip/dotted.h"

#define RETRY_US 60000u

/* RFC 826: hardware Ethernet, protocol IPv4, the two lengths. */
#define ETHERNET 1u
#define IPV4 0x0800u
#define REQUEST 1u
#define REPLY 2u

static const uint8_t nobody[6], everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

void arp_init(struct arp *arp, const uint8_t mac[static 6])
{
	*arp = (struct arp){ 0 };
	memcpy(arp->mac, mac, 6);
}

static void write_packet(const struct arp *arp, uint16_t operation, const uint8_t mac[static 6], uint32_t address,
			 struct mr_wr *out)
{
	mr_wr_be16(out, ETHERNET);
	mr_wr_be16(out, IPV4);
	mr_wr_u8(out, 6);
	mr_wr_u8(out, 4);
	mr_wr_be16(out, operation);
	mr_wr_bytes(out, arp->mac, 6);
	mr_wr_be32(out, arp->address);
	mr_wr_bytes(out, mac, 6);
	mr_wr_be32(out, address);
}

static struct arp_peer *find(struct arp *arp, uint32_t address)
{
	for (size_t i = 0; i < ARP_PEERS; i++)
		if (arp->peer[i].state != ARP_FREE && arp->peer[i].address == address)
			return &arp->peer[i];
	return NULL;
}

/*
 * A free place. Else, while half of them are only asked about, the first of those: addresses that nobody answers for do
 * not drive out all that do. Else the next one that is known, in turn.
 */
static struct arp_peer *place(struct arp *arp)
{
	struct arp_peer *asking = NULL;
	size_t count = 0;

	for (size_t i = 0; i < ARP_PEERS; i++) {
		if (arp->peer[i].state == ARP_FREE)
			return &arp->peer[i];
		if (arp->peer[i].state != ARP_ASKING)
			continue;
		count++;
		asking = asking ? asking : &arp->peer[i];
	}
	if (count >= ARP_PEERS / 2)
		return asking;
	do
		arp->turn = (arp->turn + 1) % ARP_PEERS;
	while (arp->peer[arp->turn].state != ARP_KNOWN);
	return &arp->peer[arp->turn];
}

/* The only writer of a place, and of its state. Known again: only another `mac` is worth a line. */
static void enter(const struct arp *arp, struct arp_peer *p, enum arp_state state, uint32_t address,
		  const uint8_t mac[static 6], uint64_t deadline_us, const char *why)
{
	static const char *const names[] = { [ARP_FREE] = "free", [ARP_ASKING] = "asking", [ARP_KNOWN] = "known" };
	enum arp_state from = p->address == address ? p->state : ARP_FREE;
	bool news = from != state || !mr_equal(p->mac, mac, 6);

	assert(state != ARP_FREE || (p->state == ARP_ASKING && p->tries == ARP_TRIES_MAX));
	if (news)
		log_state(arp->tag, LOG_IP, names[from], names[state], "ARP: " DOTTED " %s", DOTTED_OF(address), why);
	*p = (struct arp_peer){ .state = state, .address = address, .deadline_us = deadline_us };
	memcpy(p->mac, mac, 6);
}

bool arp_find(struct arp *arp, uint32_t address, uint8_t mac[static 6], uint64_t now_us)
{
	struct arp_peer *p = find(arp, address);

	if (!p) {
		p = place(arp);
		enter(arp, p, ARP_ASKING, address, nobody, now_us, "is asked for");
	}
	if (p->state != ARP_KNOWN)
		return false;
	memcpy(mac, p->mac, 6);
	return true;
}

/* Answered for, or heard asking for us: RFC 826 "merge". Strangers get no place. */
static bool learn(struct arp *arp, uint32_t address, const uint8_t mac[static 6], bool asks_us)
{
	struct arp_peer *p = find(arp, address);

	if (!p && !asks_us)
		return false;
	if (!p)
		p = place(arp);
	enter(arp, p, ARP_KNOWN, address, mac, UINT64_MAX, asks_us ? "asked for us" : "has answered");
	return true;
}

struct arp_result arp_receive(struct arp *arp, struct mr_rd in, struct mr_wr *out)
{
	struct arp_result r = { .event = ARP_NOTHING };
	uint16_t hardware = mr_rd_be16(&in), protocol = mr_rd_be16(&in);
	uint8_t hardware_len = mr_rd_u8(&in), protocol_len = mr_rd_u8(&in);
	uint16_t operation = mr_rd_be16(&in);
	const uint8_t *sender = mr_rd_take(&in, 6);
	uint32_t sender_address = mr_rd_be32(&in);
	uint32_t target_address;

	mr_rd_skip(&in, 6);
	target_address = mr_rd_be32(&in);
	if (in.bad || hardware != ETHERNET || protocol != IPV4 || hardware_len != 6 || protocol_len != 4)
		return r;
	/* Group addresses speak for nobody; a probe (RFC 5227) has no address yet; our own comes from an echo or a
	 * clash. */
	if ((sender[0] & 1) || sender_address == arp->address || arp->address == 0)
		return r;
	bool for_us = target_address == arp->address;

	r.address = sender_address;
	memcpy(r.mac, sender, 6);
	if (sender_address != 0 && learn(arp, sender_address, sender, for_us && operation == REQUEST))
		r.event = ARP_FOUND;
	if (for_us && operation == REQUEST) {
		write_packet(arp, REPLY, sender, sender_address, out);
		r.event = ARP_SEND;
	}
	return r;
}

uint64_t arp_deadline_us(const struct arp *arp)
{
	uint64_t at = UINT64_MAX;

	for (size_t i = 0; i < ARP_PEERS; i++)
		if (arp->peer[i].state == ARP_ASKING && arp->peer[i].deadline_us < at)
			at = arp->peer[i].deadline_us;
	return at;
}

struct arp_result arp_expire(struct arp *arp, uint64_t now_us, struct mr_wr *out)
{
	for (size_t i = 0; i < ARP_PEERS; i++) {
		struct arp_peer *p = &arp->peer[i];
		struct arp_result r = { .event = ARP_SEND, .address = p->address };

		if (p->state != ARP_ASKING || p->deadline_us > now_us)
			continue;
		if (p->tries == ARP_TRIES_MAX) {
			enter(arp, p, ARP_FREE, p->address, nobody, UINT64_MAX, "does not answer");
			r.event = ARP_ABSENT;
			return r;
		}
		p->deadline_us = now_us + ((uint64_t)RETRY_US << p->tries++);
		memcpy(r.mac, everybody, 6);
		write_packet(arp, REQUEST, nobody, p->address, out);
		return r;
	}
	return (struct arp_result){ .event = ARP_NOTHING };
}
