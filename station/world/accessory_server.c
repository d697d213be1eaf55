#include "station/world/accessory_server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/http.h"
#include "agent/core/mfi_cp.h"
#include "agent/port/crypto.h"
#include "agent/wire/mdns.h"
#include "agent/wire/mfi_sap.h"

#define OUT_MAX 2048u
#define TTL_S 120u
/* RFC 6762 section 6: answers of which several hosts have one wait for 20 to 120 ms. */
#define DELAY_US 20000u
#define DELAY_SPREAD_US 100000u

struct accessory_server {
	struct accessory_server_config config;
	struct loop_timer timer, answer;
	uint32_t ask_address; /* who is to be answered; the group for all */
	uint16_t ask_port;
	struct ip_listener *listener;
	struct ip_stream *stream; /* NULL: nobody is connected */
	struct mr_http http;
	uint8_t body[MR_WAC_BODY_MAX];
	uint8_t out[OUT_MAX];
	size_t out_len, out_at;
	bool silent; /* it goes no further */
	struct mr_mfi_cp cp;
	bool has_certificate, busy; /* busy: the chip works for a request */
	bool secured, settled;	    /* settled: /config was taken */
	uint8_t public_key[32], client[32];
	struct mr_mfi_stream keys, first;
};

static bool reaches(struct accessory_server *s, enum accessory_step step)
{
	if (!s->silent && !s->config.step(s->config.ctx, step))
		s->silent = true;
	return !s->silent;
}

/* --- mDNS --- */

static void put_txt(const struct accessory_server *s, struct mr_wr *w)
{
	char seed[12];

	snprintf(seed, sizeof(seed), "%u", s->config.seed);
	mr_mdns_txt_put(w, "deviceid", s->config.device_id);
	mr_mdns_txt_put(w, "features", "0x04");
	mr_mdns_txt_put(w, "flags", s->config.configured ? "0" : "2");
	mr_mdns_txt_put(w, "protovers", "1.0");
	mr_mdns_txt_put(w, "seed", seed);
	mr_mdns_txt_put(w, "srcvers", "1.22");
}

static void tell(struct accessory_server *s, uint32_t to, uint16_t port)
{
	uint8_t text[200], octets[MR_MDNS_MESSAGE_MAX];
	struct mr_wr txt = mr_wr_over(text, sizeof(text)), w = mr_wr_over(octets, sizeof(octets));

	put_txt(s, &txt);
	mr_mdns_answer_build(&(struct mr_mdns_answer){ .instance = s->config.instance,
						       .service = MR_WAC_SERVICE,
						       .host = s->config.host,
						       .port = s->config.port,
						       .address = ip_if_address(s->config.net),
						       .txt = mr_wr_written(&txt),
						       .ttl_s = TTL_S },
			     &w);
	assert(!w.bad && !txt.bad);
	(void)ip_udp_send(s->config.net, to, port, MR_MDNS_PORT, mr_wr_written(&w));
}

void accessory_server_announce(struct accessory_server *s)
{
	if (!s->silent)
		tell(s, MR_MDNS_GROUP, MR_MDNS_PORT);
}

static void on_answer(void *ctx, uint64_t now_us)
{
	struct accessory_server *s = ctx;

	(void)now_us;
	tell(s, s->ask_address, s->ask_port);
}

static void on_datagram(void *ctx, uint32_t from, uint16_t from_port, struct mr_rd datagram)
{
	struct accessory_server *s = ctx;
	bool unicast;

	if (!mr_mdns_asks(datagram, MR_WAC_SERVICE, &unicast) ||
	    !reaches(s, s->config.configured ? ACCESSORY_ASKED_AGAIN : ACCESSORY_ASKED_FOR))
		return;
	unicast = unicast || from_port != MR_MDNS_PORT; /* section 6.7 */
	s->ask_address = unicast ? from : MR_MDNS_GROUP;
	s->ask_port = unicast ? from_port : MR_MDNS_PORT;
	loop_at(s->config.loop, &s->answer,
		loop_now_us(s->config.loop) + DELAY_US + entropy_below(s->config.entropy, DELAY_SPREAD_US));
}

/* --- answers --- */

static void flush(void *ctx)
{
	struct accessory_server *s = ctx;

	if (s->stream && s->out_at < s->out_len)
		s->out_at += ip_stream_write(s->stream, s->out + s->out_at, s->out_len - s->out_at);
}

static void say(struct accessory_server *s, uint16_t status, const char *type, struct mr_rd body)
{
	struct mr_wr w = mr_wr_over(s->out, sizeof(s->out));

	mr_http_head(&w, status, type, body.left, true, NULL);
	mr_wr_bytes(&w, body.at, body.left);
	assert(!w.bad);
	s->out_len = w.len;
	s->out_at = 0;
	mr_http_begin(&s->http);
	flush(s);
}

static void refuse(struct accessory_server *s)
{
	s->secured = false;
	mr_wipe(&s->keys, sizeof(s->keys));
	say(s, 400, "text/plain", mr_rd_over(NULL, 0));
}

/* --- /auth-setup --- */

static void give_signature(struct accessory_server *s)
{
	uint8_t octets[MR_MFI_RESPONSE_MAX], signature[MR_MFI_RSA_LEN];
	bool other = s->config.lie == ACCESSORY_SHOWS_OTHER;
	static const uint8_t zeros[32];
	struct mr_mfi_response r = { .public_key = s->config.lie == ACCESSORY_HAS_NO_KEY ? zeros : s->public_key,
				     .certificate = other ? s->config.other_certificate
							  : mr_rd_over(s->cp.certificate, s->cp.certificate_len),
				     .signature = mr_rd_over(signature, s->cp.signature_len) };
	struct mr_wr w = mr_wr_over(octets, sizeof(octets));

	if (!mr_mfi_crypt(&s->keys, s->cp.signature, s->cp.signature_len, signature))
		abort(); /* the simulation's own cryptography has failed */
	mr_mfi_response_build(&r, &w);
	s->secured = true;
	if (reaches(s, ACCESSORY_SIGNED))
		say(s, 200, "application/octet-stream", mr_wr_written(&w));
}

static void sign(struct accessory_server *s, uint64_t now_us)
{
	uint8_t message[MR_MFI_MESSAGE_LEN];

	if (s->config.lie == ACCESSORY_SIGNS_OTHER)
		mr_mfi_message(s->client, s->public_key, message);
	else
		mr_mfi_message(s->public_key, s->client, message);
	mr_mfi_cp_sign(&s->cp, message, now_us);
}

/* The chip's certificate first, once; then the signature. */
static void on_chip(void *ctx, uint64_t now_us)
{
	struct accessory_server *s = ctx;
	bool signing = s->has_certificate;

	switch (mr_mfi_cp_run(&s->cp, now_us)) {
	case MR_MFI_BUSY: break;
	case MR_MFI_DONE:
		s->has_certificate = true;
		s->busy = !signing;
		if (signing)
			give_signature(s);
		else
			sign(s, now_us);
		break;
	case MR_MFI_IDLE:
	case MR_MFI_FAILED:
		s->busy = false;
		if (s->stream)
			say(s, 500, "text/plain", mr_rd_over(NULL, 0));
		break;
	}
	loop_at(s->config.loop, &s->timer, s->cp.deadline_us);
}

static void auth_setup(struct accessory_server *s, struct mr_rd body)
{
	uint64_t now_us = loop_now_us(s->config.loop);
	uint8_t private[32], shared[32];
	const uint8_t *client;
	bool good;

	if (!reaches(s, ACCESSORY_AUTHENTICATES))
		return;
	if (s->busy || s->settled || !mr_mfi_request_parse(body, &client)) {
		refuse(s);
		return;
	}
	memcpy(s->client, client, 32);
	entropy_fill(s->config.entropy, private, sizeof(private));
	good = mr_x25519_public(private, s->public_key) && mr_x25519(private, s->client, shared) &&
	       mr_mfi_keys(shared, &s->keys);
	s->first = s->keys;
	mr_wipe(private, sizeof(private));
	mr_wipe(shared, sizeof(shared));
	if (!good) { /* a key of low order */
		refuse(s);
		return;
	}
	s->busy = true;
	if (s->has_certificate)
		sign(s, now_us);
	else
		mr_mfi_cp_certificate(&s->cp, now_us);
	loop_at(s->config.loop, &s->timer, now_us);
}

/* --- /config, /configured --- */

static void restart_stream(struct accessory_server *s)
{
	if (s->config.lie == ACCESSORY_RESTARTS_STREAM)
		s->keys = s->first;
}

static struct mr_rd text(const char *t) { return mr_rd_over(t, strlen(t)); }

static void answer_config(struct accessory_server *s)
{
	uint8_t octets[MR_WAC_BODY_MAX];
	struct mr_wr w = mr_wr_over(octets, sizeof(octets));
	struct mr_wac_response r = { .name = text(s->config.instance),
				     .model = text(s->config.model),
				     .serial = text(s->config.serial),
				     .firmware = text("1.0"),
				     .hardware = text("A") };

	mr_wac_response_build(&r, &w);
	restart_stream(s);
	if (w.bad || !mr_mfi_crypt(&s->keys, octets, w.len, octets))
		abort();
	say(s, 200, "application/x-tlv8", mr_wr_written(&w));
	(void)reaches(s, ACCESSORY_ANSWERED);
}

static void config(struct accessory_server *s, struct mr_rd body)
{
	struct mr_wac_request request;
	size_t len = body.left;

	if (!reaches(s, ACCESSORY_CONFIGURES))
		return;
	restart_stream(s);
	if (!s->secured || s->settled || !mr_mfi_crypt(&s->keys, s->body, len, s->body) ||
	    !mr_wac_request_parse(mr_rd_over(s->body, len), &request) || s->config.lie == ACCESSORY_REFUSES) {
		refuse(s);
		return;
	}
	s->settled = true;
	s->config.config(s->config.ctx, &request);
	mr_wipe(s->body, len);
	answer_config(s);
}

static void configured(struct accessory_server *s)
{
	if (!s->config.configured)
		refuse(s);
	else if (reaches(s, ACCESSORY_CONFIRMED))
		say(s, 200, "text/plain", mr_rd_over(NULL, 0));
}

static void dispatch(struct accessory_server *s)
{
	struct mr_rd body = mr_rd_over(s->body, s->http.body_len);
	bool posts = s->http.method == MR_HTTP_POST;

	if (posts && strcmp(s->http.path, "/auth-setup") == 0 && !s->config.configured)
		auth_setup(s, body);
	else if (posts && strcmp(s->http.path, "/config") == 0 && !s->config.configured)
		config(s, body);
	else if (posts && strcmp(s->http.path, "/configured") == 0)
		configured(s);
	else
		say(s, 404, "text/plain", mr_rd_over(NULL, 0));
}

/* --- TCP --- */

static void hang_up(struct accessory_server *s)
{
	ip_stream_abort(s->stream);
	s->stream = NULL;
}

static void on_received(void *ctx, const uint8_t *bytes, size_t len)
{
	struct accessory_server *s = ctx;

	while (len > 0 && s->stream && !s->silent && !s->busy) {
		size_t taken = mr_http_receive(&s->http, bytes, len);

		bytes += taken;
		len -= taken;
		if (s->http.state == MR_HTTP_HEAD && s->http.body_len <= sizeof(s->body))
			mr_http_body(&s->http, s->body);
		else if (s->http.state == MR_HTTP_HEAD || s->http.state == MR_HTTP_BAD)
			hang_up(s);
		if (s->stream && s->http.state == MR_HTTP_WHOLE)
			dispatch(s);
	}
}

static void on_closed(void *ctx, int cause)
{
	struct accessory_server *s = ctx;

	(void)cause;
	ip_stream_close(s->stream);
	s->stream = NULL;
}

static const struct ip_stream_events stream_events = { NULL, on_received, flush, on_closed };

static void on_accepted(void *ctx, struct ip_stream *stream)
{
	struct accessory_server *s = ctx;

	if (s->stream && s->busy) { /* somebody else's request is at work */
		ip_stream_abort(stream);
		return;
	}
	hang_up(s);
	s->stream = stream;
	s->out_len = s->out_at = 0;
	mr_http_begin(&s->http);
	ip_stream_use(stream, &stream_events, s);
}

/* --- from cradle to grave --- */

struct accessory_server *accessory_server_create(const struct accessory_server_config *config)
{
	struct accessory_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	s->timer = (struct loop_timer){ .fn = on_chip, .ctx = s, .at_us = LOOP_NEVER };
	s->answer = (struct loop_timer){ .fn = on_answer, .ctx = s, .at_us = LOOP_NEVER };
	mr_mfi_cp_open(&s->cp, &config->bus);
	ip_udp_listen(config->net, MR_MDNS_PORT, on_datagram, s);
	s->listener = ip_listen(config->net, config->port, on_accepted, s);
	if (s->listener)
		return s;
	accessory_server_destroy(s);
	return NULL;
}

void accessory_server_destroy(struct accessory_server *s)
{
	if (!s)
		return;
	loop_cancel(s->config.loop, &s->timer);
	loop_cancel(s->config.loop, &s->answer);
	hang_up(s);
	ip_listener_close(s->listener);
	mr_mfi_cp_close(&s->cp);
	mr_wipe(s, sizeof(*s));
	free(s);
}
