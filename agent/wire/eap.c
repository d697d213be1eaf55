#include "agent/wire/eap.h"

enum code { REQUEST = 1, RESPONSE = 2, SUCCESS = 3, FAILURE = 4 }; /* RFC 3748 section 4 */
enum type { IDENTITY = 1, EXPANDED = 254 };			   /* section 5 */
enum flags { MORE_FRAGMENTS = 1, LENGTH_FIELD = 2 };

enum sent { SENT_NOTHING, SENT_IDENTITY, SENT_FRAGMENT, SENT_FRAGMENT_ACK, SENT_FAILURE };

#define HEADER_LEN 4

static const uint8_t vendor[7] = { 0x00, 0x37, 0x2a, 0x00, 0x00, 0x00, 0x01 };

static const struct {
	const char *text;
	uint8_t len;
} identities[] = {
	[MR_EAP_ENROLLEE] = { "WFA-SimpleConfig-Enrollee-1-0", 29 },
	[MR_EAP_REGISTRAR] = { "WFA-SimpleConfig-Registrar-1-0", 30 },
};

void mr_eap_init(struct mr_eap *eap, bool server, enum mr_eap_role role, uint16_t fragment_max)
{
	mr_zero(eap, sizeof(*eap));
	eap->server = server;
	eap->role = (uint8_t)(server ? MR_EAP_STRANGER : role);
	eap->fragment_max = fragment_max == 0 || fragment_max > MR_EAP_FRAGMENT_MAX ? MR_EAP_FRAGMENT_MAX
			    : fragment_max < MR_EAP_FRAGMENT_MIN		    ? MR_EAP_FRAGMENT_MIN
										    : fragment_max;
}

void mr_eap_wipe(struct mr_eap *eap) { mr_wipe(eap, sizeof(*eap)); }

/* --- out --- */

/* A packet of this end: the code is its role's. Its length is filled in by close(). */
static void open_packet(const struct mr_eap *eap, struct mr_wr *reply)
{
	mr_wr_u8(reply, eap->server ? REQUEST : RESPONSE);
	mr_wr_u8(reply, eap->id);
	(void)mr_wr_open16(reply);
}

static void close_packet(struct mr_wr *reply)
{
	if (reply->bad || reply->len > MR_EAP_PACKET_MAX) {
		reply->bad = true;
		return;
	}
	reply->buf[2] = (uint8_t)(reply->len >> 8);
	reply->buf[3] = (uint8_t)reply->len;
}

static void put_wsc(struct mr_wr *reply, uint8_t op, uint8_t flags)
{
	mr_wr_u8(reply, EXPANDED);
	mr_wr_bytes(reply, vendor, sizeof(vendor));
	mr_wr_u8(reply, op);
	mr_wr_u8(reply, flags);
}

static void put_fragment(const struct mr_eap *eap, struct mr_wr *reply)
{
	bool first = eap->out_at == 0, more = eap->out_next < eap->out_len;

	put_wsc(reply, eap->out_op, (uint8_t)((more ? MORE_FRAGMENTS : 0) | (more && first ? LENGTH_FIELD : 0)));
	if (more && first)
		mr_wr_be16(reply, eap->out_len);
	if (eap->out_next > eap->out_at) /* START has nothing behind its header */
		mr_wr_bytes(reply, eap->out + eap->out_at, (size_t)(eap->out_next - eap->out_at));
}

void mr_eap_repeat(const struct mr_eap *eap, struct mr_wr *reply)
{
	switch ((enum sent)eap->sent) {
	case SENT_NOTHING: return;
	case SENT_IDENTITY:
		open_packet(eap, reply);
		mr_wr_u8(reply, IDENTITY);
		if (!eap->server)
			mr_wr_bytes(reply, identities[eap->role].text, identities[eap->role].len);
		break;
	case SENT_FRAGMENT:
		open_packet(eap, reply);
		put_fragment(eap, reply);
		break;
	case SENT_FRAGMENT_ACK:
		open_packet(eap, reply);
		put_wsc(reply, MR_EAP_FRAGMENT_ACK, 0);
		break;
	case SENT_FAILURE:
		mr_wr_u8(reply, FAILURE);
		mr_wr_u8(reply, eap->id);
		(void)mr_wr_open16(reply);
		break;
	}
	close_packet(reply);
}

/* A server's packet is a request of its own, so its identifier is a new one. */
static void send_packet(struct mr_eap *eap, enum sent what, struct mr_wr *reply)
{
	if (eap->server && what != SENT_FAILURE)
		eap->id++;
	eap->sent = (uint8_t)what;
	mr_eap_repeat(eap, reply);
}

static void send_fragment(struct mr_eap *eap, uint16_t at, struct mr_wr *reply)
{
	uint16_t left = (uint16_t)(eap->out_len - at);

	eap->out_at = at;
	eap->out_next = (uint16_t)(at + (left < eap->fragment_max ? left : eap->fragment_max));
	send_packet(eap, SENT_FRAGMENT, reply);
}

void mr_eap_start(struct mr_eap *eap, struct mr_wr *reply) { send_packet(eap, SENT_IDENTITY, reply); }

void mr_eap_fail(struct mr_eap *eap, struct mr_wr *reply) { send_packet(eap, SENT_FAILURE, reply); }

void mr_eap_send(struct mr_eap *eap, enum mr_eap_op op, struct mr_rd message, struct mr_wr *reply)
{
	if (message.left > MR_WSC_MESSAGE_MAX) {
		reply->bad = true;
		return;
	}
	eap->out_op = (uint8_t)op;
	eap->out = message.at;
	eap->out_len = (uint16_t)message.left;
	send_fragment(eap, 0, reply);
}

/* --- in --- */

static uint8_t role_of(struct mr_rd identity)
{
	for (uint8_t role = MR_EAP_ENROLLEE; role <= MR_EAP_REGISTRAR; role++)
		if (identity.left == identities[role].len &&
		    mr_equal(identity.at, identities[role].text, identity.left))
			return role;
	return MR_EAP_STRANGER;
}

/* The other end has our fragment and waits for the next one. */
static enum mr_eap_event on_fragment_ack(struct mr_eap *eap, struct mr_wr *reply)
{
	if (eap->sent != SENT_FRAGMENT || eap->out_next >= eap->out_len)
		return MR_EAP_IGNORED;
	send_fragment(eap, eap->out_next, reply);
	return MR_EAP_ANSWERED;
}

/* Where no length was given, a single packet is the whole. */
static enum mr_eap_event on_part(struct mr_eap *eap, uint8_t op, uint8_t flags, struct mr_rd body,
				 struct mr_eap_message *message, struct mr_wr *reply)
{
	bool more = flags & MORE_FRAGMENTS, first = !eap->in_more;
	uint16_t total = flags & LENGTH_FIELD ? mr_rd_be16(&body) : 0;

	if (body.bad || (more && first && total == 0) || (!first && op != eap->in_op))
		return MR_EAP_IGNORED;
	if (first) {
		eap->in_op = op;
		eap->in_len = 0;
		eap->in_total = more ? total : (uint16_t)(body.left < MR_WSC_MESSAGE_MAX ? body.left : UINT16_MAX);
	}
	if (eap->in_total > MR_WSC_MESSAGE_MAX || body.left > (size_t)(eap->in_total - eap->in_len)) {
		eap->in_more = false;
		return MR_EAP_IGNORED;
	}
	mr_copy(eap->in + eap->in_len, body.at, body.left);
	eap->in_len = (uint16_t)(eap->in_len + body.left);
	eap->in_more = more;
	if (more) {
		send_packet(eap, SENT_FRAGMENT_ACK, reply);
		return MR_EAP_ANSWERED;
	}
	if (eap->in_len != eap->in_total)
		return MR_EAP_IGNORED;
	*message = (struct mr_eap_message){ .op = op, .message = mr_rd_over(eap->in, eap->in_len) };
	return MR_EAP_MESSAGE;
}

static enum mr_eap_event on_wsc(struct mr_eap *eap, struct mr_rd body, struct mr_eap_message *message,
				struct mr_wr *reply)
{
	const uint8_t *who = mr_rd_take(&body, sizeof(vendor));
	uint8_t op = mr_rd_u8(&body), flags = mr_rd_u8(&body);

	if (!who || body.bad || !mr_equal(who, vendor, sizeof(vendor)) || op < MR_EAP_START ||
	    op > MR_EAP_FRAGMENT_ACK || (op == MR_EAP_START && eap->server))
		return MR_EAP_IGNORED;
	return op == MR_EAP_FRAGMENT_ACK ? on_fragment_ack(eap, reply) : on_part(eap, op, flags, body, message, reply);
}

static enum mr_eap_event on_request(struct mr_eap *eap, uint8_t id, uint8_t type, struct mr_rd body,
				    struct mr_eap_message *message, struct mr_wr *reply)
{
	if (eap->sent != SENT_NOTHING && id == eap->id && type != IDENTITY) {
		mr_eap_repeat(eap, reply);
		return MR_EAP_ANSWERED;
	}
	eap->id = id;
	if (type == IDENTITY) {
		send_packet(eap, SENT_IDENTITY, reply);
		return MR_EAP_IDENTITY;
	}
	return type == EXPANDED ? on_wsc(eap, body, message, reply) : MR_EAP_IGNORED;
}

static enum mr_eap_event on_response(struct mr_eap *eap, uint8_t id, uint8_t type, struct mr_rd body,
				     struct mr_eap_message *message, struct mr_wr *reply)
{
	if (eap->sent == SENT_NOTHING || eap->sent == SENT_FAILURE || id != eap->id)
		return MR_EAP_IGNORED;
	if (type == IDENTITY && eap->sent == SENT_IDENTITY) {
		eap->role = role_of(body);
		return MR_EAP_IDENTITY;
	}
	return type == EXPANDED && eap->sent != SENT_IDENTITY ? on_wsc(eap, body, message, reply) : MR_EAP_IGNORED;
}

enum mr_eap_event mr_eap_receive(struct mr_eap *eap, struct mr_rd packet, struct mr_eap_message *message,
				 struct mr_wr *reply)
{
	uint8_t code = mr_rd_u8(&packet), id = mr_rd_u8(&packet), type;
	uint16_t len = mr_rd_be16(&packet);
	struct mr_rd body;

	if (packet.bad || len < HEADER_LEN || (size_t)(len - HEADER_LEN) > packet.left)
		return MR_EAP_IGNORED;
	body = mr_rd_sub(&packet, (size_t)(len - HEADER_LEN));
	if (code == FAILURE && !eap->server)
		return MR_EAP_OVER;
	if (code != (eap->server ? RESPONSE : REQUEST))
		return MR_EAP_IGNORED;
	type = mr_rd_u8(&body);
	if (body.bad)
		return MR_EAP_IGNORED;
	return eap->server ? on_response(eap, id, type, body, message, reply)
			   : on_request(eap, id, type, body, message, reply);
}
