/*
 * Enrollee and registrar of Wi-Fi Simple Configuration through EAP, in both settings: the station as access point, and
 * the device as one. Whole runs, by PIN and by button, in fragments, with every packet lost once; wrong halves of the
 * PIN; who refuses when; what a registrar has shown to somebody who proved nothing.
 *
 * links: agent/wire/wsc.c agent/wire/eap.c agent/wire/cause.c agent/core/wsc_enrollee.c station/method/wps_registrar.c
 * links: station/base/log.c station/base/entropy.c
 * links: agent/port/linux/crypto_openssl.c agent/port/linux/crypto_wsc_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/wsc_enrollee.h"
#include "agent/wire/cause.h"
#include "agent/wire/eap.h"
#include "station/base/entropy.h"
#include "station/method/wps_registrar.h"

#define PIN "12345670"

static const struct mr_wsc_device station = { .uuid = { 1 },
					      .manufacturer = "Millrace",
					      .model_name = "station",
					      .model_number = "1",
					      .serial = "0001",
					      .name = "line 1",
					      .device_type = { 0, 6, 0, 0x50, 0xf2, 4, 0, 1 },
					      .methods = MR_WSC_LABEL | MR_WSC_DISPLAY | MR_WSC_KEYPAD |
							 MR_WSC_PUSH_BUTTON,
					      .rf_bands = 1 },
				  lamp = { .uuid = { 2 },
					   .manufacturer = "Acme",
					   .model_name = "L3",
					   .model_number = "3",
					   .serial = "G-77",
					   .name = "Lamp",
					   .device_type = { 0, 11, 0, 0x50, 0xf2, 4, 0, 1 },
					   .methods = MR_WSC_LABEL,
					   .rf_bands = 3 };
static const struct mr_wsc_credential network = { .ssid = "Target",
						  .ssid_len = 6,
						  .authentication = MR_WSC_WPA2_PSK,
						  .encryption = MR_WSC_AES,
						  .key = "correct horse 42",
						  .key_len = 16 },
				      setup = { .ssid = "Lamp-SETUP",
						.ssid_len = 10,
						.authentication = MR_WSC_OPEN,
						.encryption = MR_WSC_NONE };

struct world {
	struct entropy *entropy;
	struct mr_wsc_enrollee enrollee;
	struct wps_registrar *registrar;
	struct mr_eap server, peer;
	bool device_is_ap, button, decline;
	const char *pin, *their_pin;
	uint16_t fragment;
	unsigned lose;	  /* the n-th packet is lost and sent again; 0: none */
	unsigned packets; /* so far */
	bool done, over;
	int failed; /* cause, of the registrar */
	enum mr_wsc_enrollee_event last;
};

static bool draw(void *ctx, uint8_t *out, size_t len)
{
	entropy_fill(ctx, out, len);
	return true;
}

static void init(struct world *w)
{
	w->entropy = entropy_create_seeded(7, "wps");
	w->registrar = wps_registrar_create(&station, w->device_is_ap, w->entropy, NULL);
	assert_non_null(w->registrar);
	if (!w->pin)
		w->pin = PIN;
	if (!w->their_pin)
		w->their_pin = PIN;
	mr_eap_init(&w->server, true, MR_EAP_STRANGER, w->fragment);
	mr_eap_init(&w->peer, false, w->device_is_ap ? MR_EAP_REGISTRAR : MR_EAP_ENROLLEE, w->fragment);
}

static void wipe(struct world *w)
{
	wps_registrar_destroy(w->registrar);
	entropy_destroy(w->entropy);
}

/* The device's half of the conversation: which of the two ends of EAP it has depends on who is the access point. */
static bool enrollee_begins(struct world *w, struct mr_wsc_answer *answer)
{
	struct mr_wsc_enrollee_config config = { .device = &lamp,
						 .mac = { 2, 0, 0, 0, 0, 9 },
						 .pin = w->their_pin,
						 .button = w->button,
						 .own_bss = w->device_is_ap ? &setup : NULL,
						 .state = MR_WSC_UNCONFIGURED,
						 .random = draw,
						 .random_ctx = w->entropy };

	return mr_wsc_enrollee_begin(&w->enrollee, &config, answer);
}

static struct mr_wsc_answer to_enrollee(struct world *w, const struct mr_eap_message *m)
{
	struct mr_wsc_answer answer = { 0 };

	if (m->op == MR_EAP_START)
		assert_true(enrollee_begins(w, &answer));
	else
		w->last = mr_wsc_enrollee_receive(&w->enrollee, m->op, m->message, &answer);
	return answer;
}

static struct wps_answer to_registrar(struct world *w, const struct mr_eap_message *m)
{
	struct wps_answer answer = { 0 };

	switch (wps_registrar_receive(w->registrar, m->op, m->message, &answer)) {
	case WPS_ASKED:
		if (w->decline)
			wps_registrar_decline(w->registrar, MR_WSC_LOCKED, &answer);
		else
			assert_true(wps_registrar_admit(w->registrar, w->button ? NULL : w->pin, &network, &answer));
		break;
	case WPS_DONE: w->done = true; break;
	case WPS_FAILED: w->failed = wps_registrar_cause(w->registrar); break;
	case WPS_IGNORED:
	case WPS_ANSWER: break;
	}
	return answer;
}

/* One packet to one end: what it sends next is in `out`; false: nothing. */
static bool deliver(struct world *w, struct mr_eap *to, struct mr_rd packet, struct mr_wr *out)
{
	bool is_device = (to == &w->server) == w->device_is_ap;
	struct mr_eap_message m = { 0 };
	struct mr_wsc_answer mine = { 0 };
	struct wps_answer theirs = { 0 };

	switch (mr_eap_receive(to, packet, &m, out)) {
	case MR_EAP_IGNORED: return false;
	case MR_EAP_ANSWERED: return true;
	case MR_EAP_OVER: w->over = true; return false;
	case MR_EAP_IDENTITY:
		if (to == &w->peer)
			return true;
		assert_int_equal(to->role, w->device_is_ap ? MR_EAP_REGISTRAR : MR_EAP_ENROLLEE);
		if (w->device_is_ap)
			assert_true(enrollee_begins(w, &mine));
		else
			mine.op = MR_EAP_START;
		mr_eap_send(to, (enum mr_eap_op)mine.op, mine.message, out);
		return true;
	case MR_EAP_MESSAGE: break;
	}
	if (is_device)
		mine = to_enrollee(w, &m);
	else
		theirs = to_registrar(w, &m);
	if (is_device ? mine.op != 0 : theirs.op != 0)
		mr_eap_send(to, (enum mr_eap_op)(is_device ? mine.op : theirs.op),
			    is_device ? mine.message : theirs.message, out);
	/* The server closes when the registrar has ended, or the enrollee knows its verdict. */
	if (to == &w->server &&
	    (w->device_is_ap ? m.op == MR_EAP_ACK || m.op == MR_EAP_NACK : w->done || w->failed != MR_CAUSE_OK)) {
		out->len = 0;
		mr_eap_fail(to, out);
	}
	return out->len > 0;
}

static void converse(struct world *w)
{
	uint8_t buf[2][MR_EAP_PACKET_MAX];
	struct mr_wr out = mr_wr_over(buf[0], sizeof(buf[0]));
	bool to_server = false;

	mr_eap_start(&w->server, &out);
	while (!w->over && w->packets < 200) {
		struct mr_wr next = mr_wr_over(buf[!to_server], sizeof(buf[0]));

		assert_false(out.bad);
		if (++w->packets == w->lose) { /* who sent it sends it again */
			struct mr_wr again = mr_wr_over(out.buf, sizeof(buf[0]));

			mr_eap_repeat(to_server ? &w->peer : &w->server, &again);
			assert_int_equal(again.len, out.len);
		}
		if (!deliver(w, to_server ? &w->server : &w->peer, mr_wr_written(&out), &next))
			break;
		/* A packet that was repeated although it had arrived: the same answer, and nothing happens twice. */
		if (w->packets + 1 == w->lose) {
			uint8_t spare[MR_EAP_PACKET_MAX];
			struct mr_wr twice = mr_wr_over(spare, sizeof(spare));

			if (deliver(w, to_server ? &w->server : &w->peer, mr_wr_written(&out), &twice) && !to_server) {
				assert_int_equal(twice.len, next.len);
				assert_memory_equal(spare, next.buf, next.len);
			}
		}
		out = next;
		to_server = !to_server;
	}
}

static void has_the_network(const struct world *w)
{
	assert_true(w->done);
	assert_int_equal(w->failed, MR_CAUSE_OK);
	assert_int_equal(w->enrollee.state, MR_WSC_HAS_CREDENTIALS);
	assert_int_equal(w->enrollee.credential.ssid_len, network.ssid_len);
	assert_memory_equal(w->enrollee.credential.ssid, network.ssid, network.ssid_len);
	assert_int_equal(w->enrollee.credential.key_len, network.key_len);
	assert_memory_equal(w->enrollee.credential.key, network.key, network.key_len);
	assert_int_equal(wps_registrar_exposed(w->registrar), 0);
	assert_null(wps_registrar_weakness(w->registrar));
}

static void a_run_ends_with_the_credentials(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 16; kind++) {
		struct world w = { .device_is_ap = kind & 1,
				   .button = (kind & 2) != 0,
				   .fragment = kind & 4 ? 100 : 0,
				   .pin = kind & 8 ? "4711" : PIN,
				   .their_pin = kind & 8 ? "4711" : PIN };

		init(&w);
		converse(&w);
		has_the_network(&w);
		assert_true(w.over);
		assert_string_equal(wps_registrar_enrollee(w.registrar)->serial, "G-77");
		assert_int_equal(wps_registrar_enrollee(w.registrar)->button, w.button);
		wipe(&w);
	}
}

static void any_packet_may_be_lost_or_come_twice(void **state)
{
	unsigned last = 1;

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++)
		for (unsigned lose = 1; lose <= last; lose++) {
			struct world w = { .device_is_ap = kind & 1, .fragment = kind & 2 ? 100 : 0, .lose = lose };

			init(&w);
			converse(&w);
			has_the_network(&w);
			last = w.packets;
			wipe(&w);
		}
	assert_true(last > 30);
}

static void a_wrong_half_is_refused_by_the_device_and_counted_by_us(void **state)
{
	static const struct {
		const char *pin;
		unsigned exposed;
	} wrong[] = { { "11115670", WPS_HALF_1 }, { "12340000", WPS_HALF_2 } };

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct world w = { .device_is_ap = kind & 1, .pin = wrong[kind / 2].pin };

		init(&w);
		converse(&w);
		assert_false(w.done);
		assert_int_equal(w.failed, MR_CAUSE_WPS_REFUSED);
		assert_int_equal(w.enrollee.state, MR_WSC_HAS_FAILED);
		assert_int_equal(w.enrollee.error, MR_WSC_PASSWORD);
		assert_int_equal(wps_registrar_exposed(w.registrar), wrong[kind / 2].exposed);
		wipe(&w);
	}
}

static void a_declined_device_learns_why(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 2; kind++) {
		struct world w = { .device_is_ap = kind, .decline = true };

		init(&w);
		converse(&w);
		assert_int_equal(w.enrollee.error, MR_WSC_LOCKED);
		assert_int_equal(w.failed, MR_CAUSE_NOT_EXPECTED);
		assert_int_equal(wps_registrar_exposed(w.registrar), 0);
		wipe(&w);
	}
}

/* A device goes silent behind each of our messages: what we have shown by then is told, whatever it says later. */
static void silence_exposes_what_was_shown(void **state)
{
	static const unsigned exposed[] = { 0, 0, WPS_HALF_1, WPS_HALF_2, 0 }; /* after M1, M2, M4, M6, M8 */
	struct world w = { 0 };
	struct mr_wsc_answer theirs;
	struct wps_answer ours;

	(void)state;
	init(&w);
	assert_true(enrollee_begins(&w, &theirs));
	assert_int_equal(wps_registrar_receive(w.registrar, theirs.op, theirs.message, &ours), WPS_ASKED);
	assert_int_equal(wps_registrar_exposed(w.registrar), exposed[0]);
	assert_true(wps_registrar_admit(w.registrar, PIN, &network, &ours));
	for (unsigned step = 1; step < 5; step++) {
		assert_int_equal(wps_registrar_exposed(w.registrar), exposed[step]);
		(void)mr_wsc_enrollee_receive(&w.enrollee, ours.op, ours.message, &theirs);
		(void)wps_registrar_receive(w.registrar, theirs.op, theirs.message, &ours);
	}
	wipe(&w);
}

/* Messages of another run, at each moment: both ends go on as if nothing had come. */
static void another_run_s_messages_change_nothing(void **state)
{
	struct world w = { 0 }, other = { 0 };
	struct mr_wsc_answer theirs[2] = { 0 }, spare;
	struct wps_answer ours[2] = { 0 }, none;

	(void)state;
	init(&w);
	init(&other);
	entropy_destroy(other.entropy);
	other.entropy = entropy_create_seeded(8, "other");
	assert_true(enrollee_begins(&w, &theirs[0]) && enrollee_begins(&other, &theirs[1]));
	wps_registrar_destroy(other.registrar);
	other.registrar = wps_registrar_create(&station, false, other.entropy, NULL);
	(void)wps_registrar_receive(w.registrar, theirs[0].op, theirs[0].message, &ours[0]);
	(void)wps_registrar_receive(other.registrar, theirs[1].op, theirs[1].message, &ours[1]);
	assert_true(wps_registrar_admit(w.registrar, PIN, &network, &ours[0]));
	assert_true(wps_registrar_admit(other.registrar, PIN, &network, &ours[1]));
	for (unsigned step = 0; step < 4; step++) {
		/* Beside the run's own, twice: the first time by a stranger, the second time a replay. */
		assert_int_equal(mr_wsc_enrollee_receive(&w.enrollee, ours[1].op, ours[1].message, &spare),
				 MR_WSC_IGNORED);
		(void)mr_wsc_enrollee_receive(&w.enrollee, ours[0].op, ours[0].message, &theirs[0]);
		assert_int_equal(mr_wsc_enrollee_receive(&w.enrollee, ours[0].op, ours[0].message, &spare),
				 MR_WSC_IGNORED);
		(void)mr_wsc_enrollee_receive(&other.enrollee, ours[1].op, ours[1].message, &theirs[1]);
		assert_int_equal(wps_registrar_receive(w.registrar, theirs[1].op, theirs[1].message, &none),
				 WPS_IGNORED);
		(void)wps_registrar_receive(w.registrar, theirs[0].op, theirs[0].message, &ours[0]);
		(void)wps_registrar_receive(other.registrar, theirs[1].op, theirs[1].message, &ours[1]);
	}
	assert_int_equal(w.enrollee.state, MR_WSC_HAS_CREDENTIALS);
	assert_int_equal(other.enrollee.state, MR_WSC_HAS_CREDENTIALS);
	wipe(&w);
	wipe(&other);
}

/* Under a new identifier EAP does not know it for a repeat: the registrar says again what it said, and opens no more.
 */
static void a_message_that_comes_again_has_the_same_answer(void **state)
{
	struct world w = { .device_is_ap = true };
	struct mr_wsc_answer theirs = { 0 };
	struct wps_answer ours = { 0 }, again;
	uint8_t said[MR_WSC_MESSAGE_MAX];

	(void)state;
	init(&w);
	assert_true(enrollee_begins(&w, &theirs));
	assert_int_equal(wps_registrar_receive(w.registrar, theirs.op, theirs.message, &ours), WPS_ASKED);
	assert_true(wps_registrar_admit(w.registrar, PIN, &network, &ours));
	for (unsigned step = 0; step < 4; step++) {
		unsigned exposed = wps_registrar_exposed(w.registrar);

		memcpy(said, ours.message.at, ours.message.left);
		assert_int_equal(wps_registrar_receive(w.registrar, theirs.op, theirs.message, &again), WPS_ANSWER);
		assert_int_equal(again.op, ours.op);
		assert_int_equal(again.message.left, ours.message.left);
		assert_memory_equal(again.message.at, said, again.message.left);
		assert_int_equal(wps_registrar_exposed(w.registrar), exposed);
		(void)mr_wsc_enrollee_receive(&w.enrollee, ours.op, ours.message, &theirs);
		(void)wps_registrar_receive(w.registrar, theirs.op, theirs.message, &ours);
	}
	assert_int_equal(w.enrollee.state, MR_WSC_HAS_CREDENTIALS);
	wipe(&w);
}

/* Nonces, keys and secret nonces are fresh in each run: what Pixie Dust lives on is not there. */
static void two_runs_have_nothing_in_common(void **state)
{
	struct world w = { 0 };
	struct mr_wsc_enrollee first;
	struct mr_wsc_answer answer;

	(void)state;
	init(&w);
	assert_true(enrollee_begins(&w, &answer));
	first = w.enrollee;
	assert_true(enrollee_begins(&w, &answer));
	assert_memory_not_equal(first.nonce, w.enrollee.nonce, 16);
	assert_memory_not_equal(first.public_key, w.enrollee.public_key, MR_WSC_KEY_LEN);
	assert_memory_not_equal(first.snonce[0], w.enrollee.snonce[0], 16);
	assert_memory_not_equal(first.snonce[1], w.enrollee.snonce[1], 16);
	assert_memory_not_equal(first.snonce[0], first.snonce[1], 16);
	assert_memory_not_equal(first.snonce[0], first.nonce, 16);
	wipe(&w);
}

static bool no_entropy(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx, (void)out, (void)len;
	return false;
}

static bool zeros(void *ctx, uint8_t *out, size_t len)
{
	/* A key that works, secrets that do not: what a chip without a generator gives. */
	memset(out, 0, len);
	if (len == 32)
		entropy_fill(ctx, out, len);
	return true;
}

static void a_device_without_entropy_does_not_begin(void **state)
{
	struct mr_wsc_enrollee_config config = { .device = &lamp, .pin = PIN, .random = no_entropy };
	struct mr_wsc_enrollee enrollee;
	struct mr_wsc_answer answer;

	(void)state;
	assert_false(mr_wsc_enrollee_begin(&enrollee, &config, &answer));
}

static void a_device_with_zeros_for_secrets_is_told_of(void **state)
{
	struct world w = { 0 };
	struct mr_wsc_answer theirs;
	struct wps_answer ours;

	(void)state;
	init(&w);
	assert_true(mr_wsc_enrollee_begin(&w.enrollee,
					  &(struct mr_wsc_enrollee_config){ .device = &lamp,
									    .mac = { 2, 0, 0, 0, 0, 9 },
									    .pin = PIN,
									    .random = zeros,
									    .random_ctx = w.entropy },
					  &theirs));
	(void)wps_registrar_receive(w.registrar, theirs.op, theirs.message, &ours);
	assert_true(wps_registrar_admit(w.registrar, PIN, &network, &ours));
	for (unsigned step = 0; step < 2; step++) {
		(void)mr_wsc_enrollee_receive(&w.enrollee, ours.op, ours.message, &theirs);
		(void)wps_registrar_receive(w.registrar, theirs.op, theirs.message, &ours);
	}
	assert_string_equal(wps_registrar_weakness(w.registrar), "its secret nonce is zero");
	wipe(&w);
}

/* Our own key sent back: both commitments would be alike, and neither end would have proved anything. */
static void a_key_that_is_reflected_is_refused(void **state)
{
	struct world w = { 0 };
	struct mr_wsc_answer theirs;
	struct wps_answer ours;
	struct mr_wsc m;
	uint8_t octets[MR_WSC_MESSAGE_MAX];
	size_t at;

	(void)state;
	init(&w);
	assert_true(enrollee_begins(&w, &theirs));
	(void)wps_registrar_receive(w.registrar, theirs.op, theirs.message, &ours);
	assert_true(wps_registrar_admit(w.registrar, PIN, &network, &ours));
	memcpy(octets, ours.message.at, ours.message.left);
	assert_true(mr_wsc_parse(mr_rd_over(octets, ours.message.left), &m));
	at = (size_t)(m.value[MR_WSC_PUBLIC_KEY].at - octets);
	memcpy(octets + at, w.enrollee.public_key, MR_WSC_KEY_LEN);
	assert_int_equal(
		mr_wsc_enrollee_receive(&w.enrollee, MR_EAP_MSG, mr_rd_over(octets, ours.message.left), &theirs),
		MR_WSC_ANSWER);
	assert_int_equal(theirs.op, MR_EAP_NACK);
	assert_int_equal(w.enrollee.state, MR_WSC_HAS_FAILED);
	wipe(&w);
}

static void a_length_that_no_message_has_ends_a_reassembly(void **state)
{
	static const uint8_t huge[] = { 2, 1, 0, 20, 254, 0, 0x37, 0x2a, 0, 0, 0, 1, 4, 3, 0xff, 0xff, 1, 2, 3, 4 },
			     cut[] = { 2, 1, 0, 200, 254, 0, 0x37, 0x2a }, none[] = { 2, 1, 0, 4 },
			     more[] = { 2, 1, 0, 18, 254, 0, 0x37, 0x2a, 0, 0, 0, 1, 4, 1, 1, 2, 3, 4 };
	struct mr_eap server;
	struct mr_eap_message m;
	uint8_t buf[MR_EAP_PACKET_MAX];

	(void)state;
	mr_eap_init(&server, true, MR_EAP_STRANGER, 0);
	server.id = 1;
	server.sent = 2; /* a fragment of ours is out */
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *packet = (const uint8_t *[]){ huge, cut, none, more }[i];
		size_t len = (const size_t[]){ sizeof(huge), sizeof(cut), sizeof(none), sizeof(more) }[i];
		struct mr_wr reply = mr_wr_over(buf, sizeof(buf));

		assert_int_equal(mr_eap_receive(&server, mr_rd_over(packet, len), &m, &reply), MR_EAP_IGNORED);
		assert_int_equal(reply.len, 0);
	}
}

static void a_stranger_s_identity_is_no_enrollee(void **state)
{
	static const uint8_t stranger[] = { 2, 1, 0, 10, 1, 's', 'o', 'm', 'e', '1' };
	struct mr_eap server;
	struct mr_eap_message m;
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr reply = mr_wr_over(buf, sizeof(buf));

	(void)state;
	mr_eap_init(&server, true, MR_EAP_STRANGER, 0);
	mr_eap_start(&server, &reply);
	assert_int_equal(server.id, 1);
	assert_int_equal(mr_eap_receive(&server, mr_rd_over(stranger, sizeof(stranger)), &m, &reply), MR_EAP_IDENTITY);
	assert_int_equal(server.role, MR_EAP_STRANGER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_ends_with_the_credentials),
		cmocka_unit_test(any_packet_may_be_lost_or_come_twice),
		cmocka_unit_test(a_wrong_half_is_refused_by_the_device_and_counted_by_us),
		cmocka_unit_test(a_declined_device_learns_why),
		cmocka_unit_test(silence_exposes_what_was_shown),
		cmocka_unit_test(another_run_s_messages_change_nothing),
		cmocka_unit_test(a_message_that_comes_again_has_the_same_answer),
		cmocka_unit_test(two_runs_have_nothing_in_common),
		cmocka_unit_test(a_device_without_entropy_does_not_begin),
		cmocka_unit_test(a_device_with_zeros_for_secrets_is_told_of),
		cmocka_unit_test(a_key_that_is_reflected_is_refused),
		cmocka_unit_test(a_length_that_no_message_has_ends_a_reassembly),
		cmocka_unit_test(a_stranger_s_identity_is_no_enrollee),
	};

	return cmocka_run_group_tests_name("wps", tests, NULL, NULL);
}
