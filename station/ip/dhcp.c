#include "station/ip/dhcp.h"

#include <assert.h>
#include <string.h>

#include "agent/wire/cause.h"
#include "station/ip/dotted.h"

#define COOKIE 0x63825363u /* RFC 2131 section 3 */
#define BOOTREQUEST 1u
#define BOOTREPLY 2u
#define BROADCAST 0x8000u
#define SNAME_LEN 64u
#define FILE_LEN 128u
#define LEGACY_LEN (SNAME_LEN + FILE_LEN)
#define FILE_AT 108u	   /* octets before it: RFC 2131 figure 1 */
#define OPTIONS_AT 240u	   /* after the cookie */
#define BOOTP_LEN_MIN 300u /* RFC 1542 2.1: some servers drop shorter messages */

/* RFC 2132: the options we read.  name, number, shortest, longest (octets); routers come as a list, the best first. */
#define DHCP_OPTIONS(X)                                                                                                \
	X(MASK, 1, 4, 4)                                                                                               \
	X(ROUTER, 3, 4, 252)                                                                                           \
	X(REQUESTED, 50, 4, 4)                                                                                         \
	X(LEASE, 51, 4, 4)                                                                                             \
	X(TYPE, 53, 1, 1)                                                                                              \
	X(OVERLOAD, 52, 1, 1)                                                                                          \
	X(SERVER, 54, 4, 4)

enum dhcp_option {
#define OPTION_ENUM(name, number, shortest, longest) OPTION_##name = number,
	DHCP_OPTIONS(OPTION_ENUM)
#undef OPTION_ENUM
		OPTION_PAD = 0,
	OPTION_WANTED = 55, /* parameter request list */
	OPTION_END = 255,
};

static bool length_fits(uint8_t option, size_t len)
{
	switch (option) {
#define OPTION_LENGTH(name, number, shortest, longest)                                                                 \
	case number: return len >= (shortest) && len <= (longest);
		DHCP_OPTIONS(OPTION_LENGTH)
#undef OPTION_LENGTH
	default: return true;
	}
}

static void take_option(uint8_t option, struct mr_rd value, struct dhcp_message *out)
{
	switch (option) {
	case OPTION_MASK: out->mask = mr_rd_be32(&value); break;
	case OPTION_ROUTER: out->router = mr_rd_be32(&value); break;
	case OPTION_REQUESTED: out->requested = mr_rd_be32(&value); break;
	case OPTION_LEASE: out->lease_s = mr_rd_be32(&value); break;
	case OPTION_TYPE: out->type = (enum dhcp_type)mr_rd_u8(&value); break;
	case OPTION_OVERLOAD: break; /* read before the rest */
	case OPTION_SERVER: out->server = mr_rd_be32(&value); break;
	default: break;
	}
}

/* One of the three places of options. What is odd is skipped: RFC 2131 has nothing signed that could be lost by that.
 */
static void take_options(struct mr_rd in, struct dhcp_message *out, uint8_t *overload)
{
	while (in.left > 0) {
		uint8_t option = mr_rd_u8(&in);
		struct mr_rd value;

		if (option == OPTION_END)
			return;
		if (option == OPTION_PAD)
			continue;
		value = mr_rd_sub(&in, mr_rd_u8(&in));
		if (in.bad) {
			out->odd++;
			return;
		}
		if (!length_fits(option, value.left))
			out->odd++;
		else if (option == OPTION_OVERLOAD)
			*overload = mr_rd_u8(&value);
		else
			take_option(option, value, out);
	}
}

/* RFC 2131 figure 1, then the options; RFC 2132 9.3: in `file` (1) and `sname` (2) as well, in that order. */
bool dhcp_parse(struct mr_rd in, struct dhcp_message *out)
{
	uint8_t op = mr_rd_u8(&in), htype = mr_rd_u8(&in), hlen = mr_rd_u8(&in), overload = 0, nested;
	struct mr_rd sname, file;

	*out = (struct dhcp_message){ 0 };
	mr_rd_skip(&in, 1); /* hops */
	out->xid = mr_rd_be32(&in);
	mr_rd_skip(&in, 2); /* secs */
	out->broadcast = mr_rd_be16(&in) & BROADCAST;
	out->ciaddr = mr_rd_be32(&in);
	out->yiaddr = mr_rd_be32(&in);
	mr_rd_skip(&in, 8); /* siaddr, giaddr */
	mr_rd_copy(&in, out->chaddr, 6);
	mr_rd_skip(&in, 10);
	sname = mr_rd_sub(&in, SNAME_LEN);
	file = mr_rd_sub(&in, FILE_LEN);
	if (mr_rd_be32(&in) != COOKIE || in.bad || htype != 1 || hlen != 6)
		return false;
	take_options(in, out, &overload);
	if (overload & 1)
		take_options(file, out, &nested);
	if (overload & 2)
		take_options(sname, out, &nested);
	if (out->type < DHCP_DISCOVER || out->type > DHCP_RELEASE)
		return false;
	return op ==
	       (out->type == DHCP_OFFER || out->type == DHCP_ACK || out->type == DHCP_NAK ? BOOTREPLY : BOOTREQUEST);
}

static void put_option(struct mr_wr *out, enum dhcp_option option, uint32_t value)
{
	if (value == 0)
		return;
	mr_wr_u8(out, (uint8_t)option);
	mr_wr_u8(out, 4);
	mr_wr_be32(out, value);
}

void dhcp_build(const struct dhcp_message *m, struct mr_wr *out)
{
	static const uint8_t wanted[] = { OPTION_MASK, OPTION_ROUTER, OPTION_LEASE, OPTION_SERVER };
	static const uint8_t zeros[10 + LEGACY_LEN];
	bool reply = m->type == DHCP_OFFER || m->type == DHCP_ACK || m->type == DHCP_NAK;
	size_t from = out->len;

	mr_wr_u8(out, reply ? BOOTREPLY : BOOTREQUEST);
	mr_wr_u8(out, 1); /* htype: Ethernet */
	mr_wr_u8(out, 6); /* hlen */
	mr_wr_u8(out, 0); /* hops */
	mr_wr_be32(out, m->xid);
	mr_wr_be16(out, 0); /* secs */
	mr_wr_be16(out, m->broadcast ? BROADCAST : 0);
	mr_wr_be32(out, m->ciaddr);
	mr_wr_be32(out, m->yiaddr);
	mr_wr_be64(out, 0); /* siaddr, giaddr */
	mr_wr_bytes(out, m->chaddr, 6);
	mr_wr_bytes(out, zeros, sizeof(zeros));
	mr_wr_be32(out, COOKIE);
	mr_wr_u8(out, OPTION_TYPE);
	mr_wr_u8(out, 1);
	mr_wr_u8(out, (uint8_t)m->type);
	put_option(out, OPTION_MASK, m->mask);
	put_option(out, OPTION_ROUTER, m->router);
	put_option(out, OPTION_REQUESTED, m->requested);
	put_option(out, OPTION_LEASE, m->lease_s);
	put_option(out, OPTION_SERVER, m->server);
	if (!reply) {
		mr_wr_u8(out, OPTION_WANTED);
		mr_wr_u8(out, sizeof(wanted));
		mr_wr_bytes(out, wanted, sizeof(wanted));
	}
	mr_wr_u8(out, OPTION_END);
	while (!out->bad && out->len - from < BOOTP_LEN_MIN)
		mr_wr_u8(out, OPTION_PAD);
}

/* --- the client: RFC 2131 figure 5, without INIT-REBOOT --- */

#define FIRST_RETRY_US 60000u /* the first encrypted frame is often lost: the access point opens its port late */
#define RETRY_US 250000u
#define REQUESTS_MAX 5u /* 3.8 s: some servers take 3 s for a ping before they answer */
#define RETRY_MAX_US 2000000u
#define LEASE_DEFAULT_S 3600u	 /* an ACK without option 51: a session is over long before */
#define MASK_DEFAULT 0xffffff00u /* RFC 2131 lets a server leave the mask out */

static const char *const names[] = { [DHCP_IDLE] = "idle",
				     [DHCP_SELECTING] = "selecting",
				     [DHCP_REQUESTING] = "requesting",
				     [DHCP_LEASED] = "leased",
				     [DHCP_RENEWING] = "renewing" };

#define BIT(state) (1u << (state))

/* What may follow a state, RFC 2131 figure 5. Each gives up into IDLE at its time. */
static const uint8_t follows[] = {
	[DHCP_IDLE] = BIT(DHCP_SELECTING),
	[DHCP_SELECTING] = BIT(DHCP_REQUESTING) | BIT(DHCP_IDLE),
	[DHCP_REQUESTING] = BIT(DHCP_LEASED) | BIT(DHCP_SELECTING) | BIT(DHCP_IDLE),
	[DHCP_LEASED] = BIT(DHCP_RENEWING) | BIT(DHCP_IDLE),
	[DHCP_RENEWING] = BIT(DHCP_LEASED) | BIT(DHCP_IDLE),
};

/* The only writer of `state`; `address`: what the change is about, 0: nothing. To give up is worth an operator's line.
 */
static void enter(struct dhcp_client *c, enum dhcp_client_state state, uint64_t deadline_us, uint32_t address,
		  const char *why)
{
	enum log_level level = state == DHCP_IDLE ? LOG_INFO : LOG_DEBUG;

	assert(follows[c->state] & BIT(state));
	if (address)
		log_state_at(c->tag, LOG_IP, level, names[c->state], names[state], "%s, " DOTTED, why,
			     DOTTED_OF(address));
	else
		log_state_at(c->tag, LOG_IP, level, names[c->state], names[state], "%s", why);
	c->state = state;
	c->tries = 0;
	c->deadline_us = deadline_us;
}

static int gives_up(struct dhcp_client *c, const char *why)
{
	enter(c, DHCP_IDLE, UINT64_MAX, 0, why);
	return -MR_CAUSE_ADDRESS_TIMEOUT;
}

void dhcp_client_start(struct dhcp_client *c, const uint8_t mac[static 6], uint32_t xid, uint64_t give_up_us,
		       uint64_t now_us, const struct log_tag *tag)
{
	*c = (struct dhcp_client){ .xid = xid, .give_up_us = give_up_us, .tag = tag };
	memcpy(c->mac, mac, 6);
	enter(c, DHCP_SELECTING, now_us, 0, "asks for an address");
}

/* An address that a host on a link of its own can have: no group, no loopback, not the ends of its subnet, not the
 * server's. */
static bool usable(const struct dhcp_message *m)
{
	uint32_t a = m->yiaddr, mask = m->mask, net = a >> 24;

	if (net == 0 || net == 127 || net >= 224 || a == m->server)
		return false;
	if ((~mask & (~mask + 1)) != 0 || ~mask < 3)
		return false;
	return (a & ~mask) != 0 && (a | mask) != UINT32_MAX;
}

static void take_lease(struct dhcp_client *c, const struct dhcp_message *m, uint32_t from)
{
	c->lease = (struct ip_lease){ .address = m->yiaddr,
				      .mask = m->mask,
				      .router = m->router,
				      .server = m->server,
				      .from = from,
				      .lease_s = m->lease_s };
}

/* RFC 2131 4.4.5: asks again after half the lease. */
static int bound(struct dhcp_client *c, const struct dhcp_message *m, uint32_t from, uint64_t now_us)
{
	uint64_t lease_us = (uint64_t)m->lease_s * 1000000u;

	take_lease(c, m, from);
	enter(c, DHCP_LEASED, m->lease_s == UINT32_MAX ? UINT64_MAX : now_us + lease_us / 2, m->yiaddr, "ACK");
	c->give_up_us = m->lease_s == UINT32_MAX ? UINT64_MAX : now_us + lease_us;
	return DHCP_BOUND;
}

static int refused(struct dhcp_client *c, uint64_t now_us)
{
	if (c->state == DHCP_RENEWING)
		return gives_up(c, "NAK");
	/* Not at once: a server that always refuses must not be asked in a circle. */
	enter(c, DHCP_SELECTING, now_us + RETRY_US, 0, "NAK");
	return DHCP_NOTHING;
}

/* Who was asked is who answers: by option 54 where both have one, else by the address it comes from, where both have
 * one. */
static bool is_its_server(const struct dhcp_client *c, const struct dhcp_message *m, uint32_t from)
{
	if (m->server && c->lease.server)
		return m->server == c->lease.server;
	return !from || !c->lease.from || from == c->lease.from;
}

int dhcp_client_receive(struct dhcp_client *c, struct mr_rd in, uint32_t from, uint64_t now_us)
{
	struct dhcp_message m;

	if (!dhcp_parse(in, &m) || m.xid != c->xid || !mr_equal(m.chaddr, c->mac, 6))
		return DHCP_NOTHING;
	if (m.odd)
		log_write(c->tag, LOG_IP, LOG_INFO, "%u odd options of a DHCP message are skipped", m.odd);
	if (m.mask == 0)
		m.mask = MASK_DEFAULT;
	if (m.lease_s == 0)
		m.lease_s = LEASE_DEFAULT_S;
	switch (c->state) {
	case DHCP_SELECTING:
		if (m.type == DHCP_OFFER && usable(&m)) {
			take_lease(c, &m, from);
			enter(c, DHCP_REQUESTING, now_us, m.yiaddr, "OFFER");
		}
		return DHCP_NOTHING;
	case DHCP_REQUESTING:
	case DHCP_RENEWING:
		if (!is_its_server(c, &m, from))
			return DHCP_NOTHING;
		if (m.type == DHCP_NAK)
			return refused(c, now_us);
		if (m.type == DHCP_ACK && usable(&m) && m.yiaddr == c->lease.address)
			return bound(c, &m, from, now_us);
		return DHCP_NOTHING;
	case DHCP_IDLE:
	case DHCP_LEASED: return DHCP_NOTHING;
	}
	return DHCP_NOTHING;
}

uint64_t dhcp_client_deadline_us(const struct dhcp_client *c)
{
	if (c->state == DHCP_IDLE)
		return UINT64_MAX;
	return c->deadline_us < c->give_up_us ? c->deadline_us : c->give_up_us;
}

static uint64_t patience_us(unsigned tries)
{
	uint64_t us = RETRY_US << (tries < 4 ? tries : 4);

	return us < RETRY_MAX_US ? us : RETRY_MAX_US;
}

int dhcp_client_expire(struct dhcp_client *c, uint64_t now_us, struct mr_wr *out)
{
	struct dhcp_message m = { .type = DHCP_REQUEST, .xid = c->xid, .broadcast = true };

	if (now_us < dhcp_client_deadline_us(c))
		return DHCP_NOTHING;
	if (now_us >= c->give_up_us)
		return gives_up(c, c->state == DHCP_SELECTING	 ? "no server has offered an address"
				   : c->state == DHCP_REQUESTING ? "the server that offered an address does not answer"
								 : "the lease has ended");
	/* An offer that is not acknowledged after these requests is forgotten: its server may have left. */
	if (c->state == DHCP_REQUESTING && c->tries == REQUESTS_MAX)
		enter(c, DHCP_SELECTING, now_us, 0, "several requests without an answer");
	if (c->state == DHCP_LEASED)
		enter(c, DHCP_RENEWING, now_us, c->lease.address, "half of the lease is over");
	memcpy(m.chaddr, c->mac, 6);
	if (c->state == DHCP_SELECTING) {
		m.type = DHCP_DISCOVER;
	} else if (c->state == DHCP_REQUESTING) {
		m.requested = c->lease.address;
		m.server = c->lease.server ? c->lease.server : c->lease.from;
	} else {
		m.ciaddr = c->lease.address;
	}
	assert(c->state == DHCP_SELECTING || c->state == DHCP_REQUESTING || c->state == DHCP_RENEWING);
	dhcp_build(&m, out);
	c->deadline_us = now_us + (c->tries == 0 ? FIRST_RETRY_US : patience_us(c->tries - 1));
	c->tries++;
	return DHCP_NOTHING;
}

/* --- the server of a simulated device --- */

#define SLOW_US 3000000u /* dnsmasq's PING_WAIT */

void dhcp_server_init(struct dhcp_server *s, uint32_t address, uint32_t mask, uint32_t first, unsigned leases,
		      uint32_t lease_s)
{
	assert(leases <= DHCP_LEASES_MAX);
	*s = (struct dhcp_server){
		.address = address, .mask = mask, .first = first, .leases = leases, .lease_s = lease_s
	};
}

/* The place of this client: its old one, else a free one; -1: all are taken. */
static int lease_of(struct dhcp_server *s, const uint8_t mac[static 6])
{
	int free_one = -1;

	for (unsigned i = 0; i < s->leases; i++) {
		if (s->lease[i].taken && mr_equal(s->lease[i].mac, mac, 6))
			return (int)i;
		if (!s->lease[i].taken && free_one < 0)
			free_one = (int)i;
	}
	return free_one;
}

/* RFC 2132 9.3: what follows the type goes into `file`. */
static void overload(struct mr_wr *out, size_t from)
{
	uint8_t *message = out->buf + from;
	struct mr_wr file = mr_wr_over(message + FILE_AT, FILE_LEN), options = mr_wr_over(message + OPTIONS_AT, 8);
	size_t len = out->len - from;

	assert(len >= OPTIONS_AT + 8 && len <= DHCP_MESSAGE_MAX);
	mr_wr_bytes(&file, message + OPTIONS_AT + 3, 32); /* four numbers, the end and padding */
	mr_wr_u8(&options, OPTION_TYPE);
	mr_wr_u8(&options, 1);
	(void)mr_wr_room(&options, 1);
	mr_wr_u8(&options, OPTION_OVERLOAD);
	mr_wr_u8(&options, 1);
	mr_wr_u8(&options, 1);
	mr_wr_u8(&options, OPTION_END);
}

/* DHCP_SLOW: nobody may have that address, which takes 3 s to find out. */
static bool still_pings(struct dhcp_server *s)
{
	if (s->manner != DHCP_SLOW)
		return false;
	if (s->asked_us == 0)
		s->asked_us = s->now_us;
	return s->now_us < s->asked_us + SLOW_US;
}

bool dhcp_server_receive(struct dhcp_server *s, struct mr_rd in, struct mr_wr *out)
{
	struct dhcp_message m, answer;
	size_t from;
	int i;

	if (!dhcp_parse(in, &m) || (m.type != DHCP_DISCOVER && m.type != DHCP_REQUEST))
		return false;
	if (m.server != 0 && m.server != s->address)
		return false; /* it has chosen another server */
	i = lease_of(s, m.chaddr);
	if ((i < 0 || still_pings(s)) && m.type == DHCP_DISCOVER)
		return false;
	uint32_t address = i < 0 ? 0 : s->first + (uint32_t)i;
	uint32_t wanted = m.requested ? m.requested : m.ciaddr;

	answer = (struct dhcp_message){
		.type = DHCP_OFFER, .xid = m.xid, .broadcast = m.broadcast, .server = s->address
	};
	memcpy(answer.chaddr, m.chaddr, 6);
	if (m.type == DHCP_REQUEST)
		answer.type = address != 0 && wanted == address ? DHCP_ACK : DHCP_NAK;
	if (answer.type != DHCP_NAK) {
		answer.yiaddr = address;
		answer.mask = s->mask;
		answer.router = s->manner == DHCP_OTHER_GATEWAY ? s->address ^ 0xfe : s->address;
		answer.lease_s = s->manner == DHCP_TERSE ? 0 : s->lease_s;
		memcpy(s->lease[i].mac, m.chaddr, 6);
		s->lease[i].taken = true;
	}
	if (s->manner == DHCP_TERSE)
		answer.server = 0;
	from = out->len;
	dhcp_build(&answer, out);
	if (s->manner == DHCP_OVERLOADED && !out->bad)
		overload(out, from);
	return !out->bad;
}
