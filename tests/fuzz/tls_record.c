/*
 * A device that answers with anything. First octet: as the answer to the ClientHello; laid by exclusive or over a true
 * answer; or after a true handshake. Whatever it is, nothing is read that the device did not send.
 *
 * links: station/ip/tls.c station/base/entropy.c station/base/log.c agent/wire/cause.c
 */
#include <assert.h>

#include "station/base/entropy.h"
#include "station/ip/tls.h"
#include "tests/unit/tls_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static uint8_t buffer[65536];

static size_t answer(struct tls *tls, struct tls_server *server)
{
	size_t n = tls_take(tls, buffer, sizeof(buffer));

	server_receive(server, buffer, n);
	return server_take(server, buffer, sizeof(buffer));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct tls_server server;
	static struct maker maker;
	struct tls_policy policy = { .utc_us = 0 };
	struct entropy *e = entropy_create_seeded(1, "fuzz");
	struct tls_trust *trust;
	struct tls *tls;
	uint8_t kind, got[1024];
	size_t n, taken;
	bool true_handshake;

	if (len == 0)
		return entropy_destroy(e), 0;
	kind = *bytes++;
	len--;
	entropy_lend_to_openssl(e);
	if (!maker.cert)
		maker = make((struct cert_wish){ "device", NULL, NULL, NULL, false, 0, 1, NULL });
	trust = tls_trust_create(mr_rd_over("", 0));
	server_open(&server, &maker, NULL, kind & 4 ? TLS1_2_VERSION : TLS1_3_VERSION);
	tls = tls_create(trust, &policy);
	assert(trust && tls);
	true_handshake = (kind & 3) == 2;
	if (kind & 3) {
		n = answer(tls, &server);
		for (size_t i = 0; i < n && i < len && !true_handshake; i++)
			buffer[i] ^= bytes[i];
		(void)tls_receive(tls, buffer, n);
		while (true_handshake && (n = answer(tls, &server)) > 0)
			(void)tls_receive(tls, buffer, n);
		assert(!true_handshake || server.up);
	}
	if (true_handshake || !(kind & 3))
		(void)tls_receive(tls, bytes, len);
	assert(tls_read(tls, got, sizeof(got), &n) <= TLS_CLOSED && n == 0);
	(void)tls_write(tls, "x", 1, &taken);
	(void)tls_end(tls);
	tls_destroy(tls);
	tls_trust_destroy(trust);
	server_close(&server);
	entropy_lend_to_openssl(NULL);
	entropy_destroy(e);
	return 0;
}
