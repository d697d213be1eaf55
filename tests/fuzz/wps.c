/*
 * Wi-Fi Simple Configuration: an exchange of the real enrollee with the real registrar goes well up to a message that
 * the input chooses; from there on one side hears the input instead: octets as they come, or the true message changed
 * in some places. Also EAP packets, elements and credentials as they come. Nobody comes to credentials by it, nothing
 * crashes.
 *
 * links: agent/wire/wsc.c agent/wire/eap.c agent/wire/cause.c agent/core/wsc_enrollee.c station/method/wps_registrar.c
 * links: station/base/log.c station/base/entropy.c
 * links: agent/port/linux/crypto_openssl.c agent/port/linux/crypto_wsc_openssl.c
 */
#include <assert.h>
#include <string.h>

#include "agent/core/wsc_enrollee.h"
#include "agent/wire/eap.h"
#include "station/method/wps_registrar.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct mr_wsc_device us = { .uuid = { 1 }, .manufacturer = "M", .model_name = "station", .rf_bands = 1 };
static const struct mr_wsc_credential network = { .ssid = "net",
						  .ssid_len = 3,
						  .authentication = MR_WSC_WPA2_PSK,
						  .encryption = MR_WSC_AES,
						  .key = "passphrase",
						  .key_len = 10 };

static bool draw(void *ctx, uint8_t *out, size_t len)
{
	entropy_fill(ctx, out, len);
	return true;
}

/* The true message with octets of the input in places that the input names, or the input as it is. */
static struct mr_rd spoil(struct mr_rd truth, struct mr_rd in, uint8_t room[static MR_WSC_MESSAGE_MAX])
{
	bool whole = mr_rd_u8(&in) & 1;

	if (in.bad || truth.left > MR_WSC_MESSAGE_MAX)
		return in;
	if (whole || truth.left == 0)
		return in;
	memcpy(room, truth.at, truth.left);
	while (in.left >= 3) {
		uint16_t at = mr_rd_be16(&in);

		room[at % truth.left] ^= mr_rd_u8(&in);
	}
	return mr_rd_over(room, truth.left);
}

static void exchange(struct mr_rd in)
{
	uint8_t when = mr_rd_u8(&in), op = mr_rd_u8(&in), room[MR_WSC_MESSAGE_MAX];
	struct entropy *entropy = entropy_create_seeded(5, "fuzz");
	struct wps_registrar *registrar = wps_registrar_create(&us, false, entropy, NULL);
	struct mr_wsc_enrollee_config config = {
		.device = &us, .pin = "12345670", .random = draw, .random_ctx = entropy
	};
	struct mr_wsc_enrollee enrollee;
	struct mr_wsc_answer theirs = { 0 };
	struct wps_answer ours = { 0 };
	bool to_enrollee = when & 1, clean = true;
	unsigned step = 0;

	config.mac[0] = 2;
	assert(entropy && registrar && mr_wsc_enrollee_begin(&enrollee, &config, &theirs));
	for (; step < 5; step++) {
		struct mr_rd message = theirs.message;
		uint8_t its_op = theirs.op;

		if (step == when >> 1 && !to_enrollee) {
			message = spoil(message, in, room);
			its_op = (uint8_t)(op % 8);
			clean = false;
		}
		switch (wps_registrar_receive(registrar, its_op, message, &ours)) {
		case WPS_ASKED:
			if (!wps_registrar_admit(registrar, "12345670", &network, &ours))
				goto over; /* a key outside the group */
			break;
		case WPS_DONE: assert(clean || step == 4); goto over;
		case WPS_FAILED: assert(wps_registrar_cause(registrar) != 0); goto over;
		case WPS_IGNORED: goto over;
		case WPS_ANSWER: break;
		}
		message = ours.message;
		its_op = ours.op;
		if (step == when >> 1 && to_enrollee) {
			message = spoil(message, in, room);
			its_op = (uint8_t)(op % 8);
			clean = false;
		}
		if (mr_wsc_enrollee_receive(&enrollee, its_op, message, &theirs) == MR_WSC_CREDENTIALS)
			assert(enrollee.credential.key_len == network.key_len &&
			       !memcmp(enrollee.credential.key, network.key, network.key_len));
	}
over:
	mr_wsc_enrollee_wipe(&enrollee);
	wps_registrar_destroy(registrar);
	entropy_destroy(entropy);
}

static void packets(struct mr_rd in, bool server)
{
	uint8_t out[MR_EAP_PACKET_MAX];
	struct mr_eap_message message;
	struct mr_eap eap;
	struct mr_wr reply = mr_wr_over(out, sizeof(out));

	mr_eap_init(&eap, server, MR_EAP_ENROLLEE, 100);
	if (server)
		mr_eap_start(&eap, &reply);
	while (in.left >= 2) {
		struct mr_rd packet = mr_rd_sub(&in, mr_rd_be16(&in));

		if (packet.bad)
			break;
		reply = mr_wr_over(out, sizeof(out));
		if (mr_eap_receive(&eap, packet, &message, &reply) == MR_EAP_MESSAGE) {
			assert(message.message.left <= MR_WSC_MESSAGE_MAX);
			mr_eap_send(&eap, MR_EAP_MSG, message.message, &reply);
		}
		assert(!reply.bad && reply.len <= MR_EAP_PACKET_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct mr_rd in = mr_rd_over(bytes, len);
	struct mr_wsc_credential credential;
	struct mr_wsc message;

	switch (mr_rd_u8(&in) % 4) {
	case 0: exchange(in); break;
	case 1: packets(in, true); break;
	case 2: packets(in, false); break;
	default:
		if (mr_wsc_parse(in, &message))
			assert(message.unsigned_len <= in.left);
		if (mr_wsc_credential(in, &credential))
			assert(credential.ssid_len > 0 && credential.ssid_len <= 32 && credential.key_len <= 64);
	}
	return 0;
}
