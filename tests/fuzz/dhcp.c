/*
 * Any octets as DHCP messages. First octet: parse and build back; else pieces (length first) to a client and to a
 * server.
 *
 * links: station/ip/dhcp.c agent/wire/cause.c
 * links: station/base/log.c
 */
#include <assert.h>
#include <string.h>

#include "station/ip/dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void parse_and_build(struct mr_rd in)
{
	struct dhcp_message m, back;
	uint8_t built[DHCP_MESSAGE_MAX];
	struct mr_wr w = mr_wr_over(built, sizeof(built));

	if (!dhcp_parse(in, &m))
		return;
	dhcp_build(&m, &w);
	assert(!w.bad && dhcp_parse(mr_wr_written(&w), &back));
	assert(back.type == m.type && back.xid == m.xid && back.yiaddr == m.yiaddr && back.mask == m.mask &&
	       back.router == m.router && back.server == m.server && back.lease_s == m.lease_s &&
	       !memcmp(back.chaddr, m.chaddr, 6));
}

/* The fuzzer need not guess cookie, numbers and addresses of hardware: they are laid over. */
static struct mr_rd made_likely(struct mr_rd in, uint8_t likely[static DHCP_MESSAGE_MAX], uint8_t op,
				const uint8_t mac[static 6])
{
	struct mr_wr w = mr_wr_over(likely, DHCP_MESSAGE_MAX);

	mr_wr_u8(&w, op);
	mr_wr_be(&w, 0x010600, 3);
	mr_wr_be32(&w, 7);
	mr_wr_be64(&w, 0);
	mr_wr_be32(&w, (uint32_t)(0xc0a80400u + mr_rd_u8(&in)));
	mr_wr_be64(&w, 0);
	mr_wr_bytes(&w, mac, 6);
	while (w.len < 236)
		mr_wr_u8(&w, 0);
	mr_wr_be32(&w, 0x63825363);
	mr_wr_bytes(&w, in.at, in.left);
	return mr_wr_written(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	uint8_t likely[DHCP_MESSAGE_MAX], answer[DHCP_MESSAGE_MAX];
	struct mr_rd in = mr_rd_over(bytes, len);
	struct dhcp_client client;
	struct dhcp_server server;
	uint64_t now_us = 0;
	int result;

	if (mr_rd_u8(&in) & 1) {
		parse_and_build(in);
		return 0;
	}
	dhcp_client_start(&client, mac, 7, 30000000, now_us, NULL);
	dhcp_server_init(&server, 0xc0a80401, 0xffffff00, 0xc0a80402, 2, 60);
	while (in.left > 0) {
		struct mr_rd piece = mr_rd_sub(&in, mr_rd_u8(&in));
		struct mr_wr out = mr_wr_over(answer, sizeof(answer));

		now_us = dhcp_client_deadline_us(&client) < UINT64_MAX ? dhcp_client_deadline_us(&client) : now_us;
		result = dhcp_client_expire(&client, now_us, &out);
		assert(result <= 0 && !out.bad);
		result = dhcp_client_receive(&client, made_likely(piece, likely, 2, mac), 0xc0a80401, now_us);
		if (result == DHCP_BOUND) {
			uint32_t a = client.lease.address, mask = client.lease.mask;

			assert(a >> 24 != 0 && a >> 24 != 127 && a >> 24 < 224 && (a & ~mask) != 0 &&
			       (a | mask) != UINT32_MAX);
			assert(client.lease.server != a && client.lease.from == 0xc0a80401);
		}
		out = mr_wr_over(answer, sizeof(answer));
		(void)dhcp_server_receive(
			&server, made_likely(piece, likely, 1, (const uint8_t[6]){ 2, 0, 0, 0, 0, (uint8_t)len }),
			&out);
		assert(!out.bad);
	}
	return 0;
}
