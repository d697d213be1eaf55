/*
 * What a device says in the exchange of the PIN method, JSON or not, and what it claims to have sealed: refused, or the
 * next step; nothing opens that was not sealed with our key.
 *
 * links: station/link/pin_session.c station/wifi/psk.c station/base/map.c station/identity/pin.c
 * links: station/identity/identity.c station/identity/keyfile.c station/identity/ceremony.c
 * links: station/identity/certificate.c station/identity/serial.c station/identity/signer_file.c
 * links: agent/wire/cause.c station/base/entropy.c station/base/log.c station/base/loop.c agent/wire/message.c
 * links: agent/wire/spake2plus.c agent/wire/hkdf.c agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <assert.h>

#include "agent/wire/message.h"
#include "station/link/pin_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const unsigned statuses[] = { 200, 403, 409, 423, 429, 501 };
	struct entropy *entropy = entropy_create_seeded(1, "fuzz");
	struct mr_rd in = mr_rd_over(data, len);
	uint8_t room[2048];
	struct pin_session p;
	int result = 0;

	pin_session_init(&p, "31946278", entropy);
	pin_session_issued(&p, "AC10000001", "82940175");
	while (result == 0 && in.left > 0 && p.step != PIN_SESSION_OPEN) {
		struct mr_wr body = mr_wr_over(room, sizeof(room));
		uint8_t status = mr_rd_u8(&in);
		size_t most = mr_rd_le16(&in);
		enum pin_session_step before = p.step;

		assert(pin_session_ask(&p, &body) && !body.bad);
		result = pin_session_take(&p, statuses[status % 6], mr_rd_sub(&in, most < in.left ? most : in.left));
		assert(result <= 0 && (result < 0 || p.step == before + 1));
	}
	assert(p.step != PIN_SESSION_OPEN); /* its confirmation is a MAC */
	{
		struct mr_wr message = mr_wr_over(room, sizeof(room));

		p.step = PIN_SESSION_OPEN;
		assert(!pin_session_unseal(&p, in, &message));
	}
	pin_session_wipe(&p);
	entropy_destroy(entropy);
	return 0;
}
