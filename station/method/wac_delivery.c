/*
 * One accessory's exchange: association and address, its service by mDNS, /auth-setup with the signature of its
 * coprocessor, /config; then it leaves for its network, where the station finds it again with another seed and
 * confirms. Events of links and connections come from inside their own turns, so that whatever ends the exchange waits
 * for the session's timer.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/port/crypto.h"
#include "agent/wire/mdns.h"
#include "agent/wire/wac.h"
#include "station/ip/dotted.h"
#include "station/ip/http_client.h"
#include "station/line/lane.h"
#include "station/method/wac_way.h"

#define ASSOCIATE_US 30000000u /* association and address, which have limits of their own */
#define FAREWELL_US 100000u    /* for our last frame */
#define ASK_FIRST_US 1000000u  /* RFC 6762 section 5.2: questions are repeated after 1 s, 2 s, 4 s */
#define ASK_MOST_US 4000000u
#define RECONNECT_US 500000u
#define REJOIN_US 1000000u
#define RATE_6M 12u

/* RETURNING: it goes to its network, where it is looked for. */
enum state { ASSOCIATING, FINDING, AUTHENTICATING, CONFIGURING, LEAVING, RETURNING, CONFIRMING, OVER };

enum pulled { PULLED_NOTHING, PULLED_OWN, PULLED_FAREWELL, PULLED_MEMBER };

struct run {
	struct wac_said said;
	enum state state;
	int result; /* of OVER */
	uint64_t until_us, ask_us, connect_us;
	uint32_t pause_us; /* between questions */
	struct bss bss;
	struct http_client http;
	uint32_t address;
	uint16_t port;
	uint8_t private[32], public_key[32];
	struct mr_mfi_stream keys;
	enum pulled pulled;
	uint8_t what;
};

/* A job's words are those of mfi_chain.h. */
_Static_assert((int)JOB_MFI_REAL == MFI_ACCEPT_MFI && (int)JOB_MFI_TEST_CA == MFI_ACCEPT_TEST_CA &&
		       (int)JOB_MFI_ANY == MFI_ACCEPT_ANY,
	       "one list of words");

static struct wac *wac_of(const struct session *s) { return line_state(s->line, &wac_ops); }

static const char *state_name(enum state state)
{
	static const char *const names[] = { "associating", "finding",	 "authenticating", "configuring",
					     "leaving",	    "returning", "confirming",	   "over" };

	return names[state];
}

/* The only writer of `state`, and of how long it may last. */
static void enter(struct session *s, enum state state, uint64_t for_us, const char *why)
{
	struct run *run = s->delivery.state;

	assert(state >= run->state);
	log_state(&s->tag, LOG_WAC, state_name(run->state), state_name(state), "%s", why);
	run->state = state;
	run->until_us = for_us == UINT64_MAX ? UINT64_MAX : session_now(s) + for_us;
	run->ask_us = run->connect_us = UINT64_MAX;
}

/* The session takes it up by its own timer. */
static void finish(struct session *s, int result, const char *why)
{
	struct run *run = s->delivery.state;

	if (run->state == OVER)
		return;
	run->result = result;
	enter(s, OVER, 0, why);
	session_touch(s);
}

struct session *wac_session_of(const struct unit *u)
{
	struct session *s = u ? u->session : NULL;

	return s && s->delivery.ops == &wac_delivery && s->delivery.state ? s : NULL;
}

/* --- its service --- */

static struct ip_if *net_of(const struct session *s)
{
	const struct run *run = s->delivery.state;

	return run->state >= RETURNING ? member_net(&wac_of(s)->member) : run->bss.net;
}

/* For an answer to ourselves first: what is sent to all is not acknowledged. */
static void ask(struct session *s)
{
	struct run *run = s->delivery.state;
	uint8_t octets[64];
	struct mr_wr w = mr_wr_over(octets, sizeof(octets));
	struct ip_if *net = net_of(s);

	run->ask_us = session_now(s) + run->pause_us;
	run->pause_us = 2 * run->pause_us < ASK_MOST_US ? 2 * run->pause_us : ASK_MOST_US;
	if (!net)
		return;
	mr_mdns_query_build(MR_WAC_SERVICE, true, &w);
	(void)ip_udp_send(net, MR_MDNS_GROUP, MR_MDNS_PORT, MR_MDNS_PORT, mr_wr_written(&w));
}

static void begin_asking(struct session *s)
{
	struct run *run = s->delivery.state;

	run->pause_us = ASK_FIRST_US;
	ask(s);
	session_touch(s);
}

static int hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* "AA:BB:CC:DD:EE:FF" */
static bool read_device_id(struct mr_rd text, uint8_t mac[static 6])
{
	for (size_t i = 0; i < 6; i++) {
		int high = hex_digit(mr_rd_u8(&text)), low = hex_digit(mr_rd_u8(&text));

		if (text.bad || high < 0 || low < 0 || (i < 5 && mr_rd_u8(&text) != ':'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return text.left == 0;
}

/* A decimal number; it is compared as it is written. */
static bool read_seed(struct mr_rd text, char seed[static 12])
{
	size_t len = text.left;

	if (len < 1 || len > 10)
		return false;
	for (size_t i = 0; i < len; i++) {
		seed[i] = (char)mr_rd_u8(&text);
		if (seed[i] < '0' || seed[i] > '9')
			return false;
	}
	seed[len] = '\0';
	return true;
}

/* The service of an accessory: whose, its seed, that it takes TLV, and where it is. */
static bool read_service(struct mr_rd datagram, unsigned i, uint32_t from, struct mr_mdns_service *service,
			 uint8_t mac[static 6], char seed[static 12], bool *more)
{
	struct mr_rd value;

	*more = mr_mdns_find(datagram, MR_WAC_SERVICE, i, service);
	if (!*more || !mr_mdns_txt_find(service->txt, "deviceid", &value) || !read_device_id(value, mac) ||
	    !mr_mdns_txt_find(service->txt, "seed", &value) || !read_seed(value, seed) || service->port == 0)
		return false;
	if (service->address == 0)
		service->address = from;
	return true;
}

static void connect(struct session *s)
{
	struct run *run = s->delivery.state;
	struct ip_if *net = net_of(s);

	http_client_drop(&run->http);
	run->connect_us = UINT64_MAX;
	if (!net || !http_client_connect(&run->http, net, run->address, run->port))
		run->connect_us = session_now(s) + RECONNECT_US;
	session_touch(s);
}

static void found(struct session *s, const struct mr_mdns_service *service, const char *seed)
{
	struct run *run = s->delivery.state;

	log_write(&s->tag, LOG_WAC, LOG_DEBUG, "its service is at " DOTTED ":%u, seed %s", DOTTED_OF(service->address),
		  service->port, seed);
	run->address = service->address;
	run->port = service->port;
	if (run->state == FINDING) {
		memcpy(run->said.seed, seed, sizeof(run->said.seed));
		enter(s, AUTHENTICATING, MR_WAC_EXCHANGE_US, "its service was found");
	} else if (strcmp(run->said.seed, seed) == 0) {
		log_write(&s->tag, LOG_WAC, LOG_DEBUG, "its seed is that of before: it was not configured");
		return;
	} else {
		memcpy(run->said.seed_after, seed, sizeof(run->said.seed_after));
		enter(s, CONFIRMING, MR_WAC_EXCHANGE_US, "it is there with another seed");
	}
	connect(s);
}

/* On the accessory's own network there is nobody else, by its own word. */
static void on_own_datagram(void *ctx, uint32_t from, uint16_t from_port, struct mr_rd datagram)
{
	struct session *s = ctx;
	const struct run *run = s->delivery.state;
	struct mr_mdns_service service;
	uint8_t mac[6];
	char seed[12];
	bool more = true;

	(void)from_port;
	for (unsigned i = 0; more && run->state == FINDING; i++)
		if (read_service(datagram, i, from, &service, mac, seed, &more) && mr_equal(mac, s->unit->mac, 6))
			found(s, &service, seed);
}

/* On the network there are many, some of them awaited. */
static void on_member_datagram(void *ctx, uint32_t from, uint16_t from_port, struct mr_rd datagram)
{
	struct wac *wac = ctx;
	struct mr_mdns_service service;
	uint8_t mac[6];
	char seed[12];
	bool more = true;

	(void)from_port;
	for (unsigned i = 0; more; i++) {
		struct session *s;

		if (!read_service(datagram, i, from, &service, mac, seed, &more))
			continue;
		s = wac_session_of(map_get(&wac->line->by_mac, map_key_mac(mac)));
		if (s && ((struct run *)s->delivery.state)->state == RETURNING)
			found(s, &service, seed);
	}
}

/* --- the three requests --- */

static bool post(struct session *s, const char *target, const char *type, struct mr_rd body)
{
	struct run *run = s->delivery.state;
	const struct http_field fields[] = { { "Content-Type", type } };
	char host[24];

	snprintf(host, sizeof(host), DOTTED ":%u", DOTTED_OF(run->address), run->port);
	return http_client_ask(&run->http, &(struct http_request){ .method = "POST",
								   .host = host,
								   .target = target,
								   .fields = fields,
								   .field_count = type ? 1 : 0,
								   .body = body });
}

static bool ask_authentication(struct session *s)
{
	struct run *run = s->delivery.state;
	uint8_t octets[MR_MFI_REQUEST_LEN];
	struct mr_wr w = mr_wr_over(octets, sizeof(octets));

	entropy_fill(s->line->o.entropy, run->private, sizeof(run->private));
	if (!mr_x25519_public(run->private, run->public_key))
		return false;
	mr_mfi_request_build(run->public_key, &w);
	return post(s, "/auth-setup", "application/octet-stream", mr_wr_written(&w));
}

static bool ask_configuration(struct session *s)
{
	struct run *run = s->delivery.state;
	const struct job *job = s->line->job;
	size_t passphrase_len = strlen(s->line->passphrase);
	uint8_t octets[128];
	struct mr_wr w = mr_wr_over(octets, sizeof(octets));
	struct mr_wac_request request = { .ssid = mr_rd_over(job->ssid, job->ssid_len) };
	bool good;

	if (passphrase_len > 0)
		request.passphrase = mr_rd_over(s->line->passphrase, passphrase_len);
	mr_wac_request_build(&request, &w);
	good = !w.bad && mr_mfi_crypt(&run->keys, octets, w.len, octets) &&
	       post(s, "/config", "application/x-tlv8", mr_wr_written(&w));
	mr_wipe(octets, sizeof(octets));
	return good;
}

/* --- /auth-setup is answered --- */

static bool agree(struct run *run, const struct mr_mfi_response *r)
{
	uint8_t shared[32];
	bool good = mr_x25519(run->private, r->public_key, shared) && mr_mfi_keys(shared, &run->keys);

	mr_wipe(shared, sizeof(shared));
	mr_wipe(run->private, sizeof(run->private));
	return good;
}

static bool verify(struct session *s, const struct mr_mfi_response *r)
{
	struct run *run = s->delivery.state;
	uint8_t message[MR_MFI_MESSAGE_LEN], signature[MR_MFI_RSA_LEN];
	bool good;

	mr_mfi_message(r->public_key, run->public_key, message);
	good = mr_mfi_crypt(&run->keys, r->signature.at, r->signature.left, signature) &&
	       mfi_verify(wac_of(s)->trust, (enum mfi_accept)s->line->job->wac_accept, r->certificate, message,
			  mr_rd_over(signature, r->signature.left), &run->said.verdict);
	log_write(&s->tag, LOG_WAC, good ? LOG_DEBUG : LOG_INFO, "certificate \"%s\" of \"%s\", serial %s%s%s",
		  run->said.verdict.subject, run->said.verdict.issuer, run->said.verdict.serial,
		  run->said.verdict.why[0] ? ": " : "", run->said.verdict.why);
	return good;
}

/* Nobody vouches for what comes over an open network: nothing of it is the device's fault. */
static void on_authentication(struct session *s, struct mr_rd body)
{
	struct run *run = s->delivery.state;
	struct mr_mfi_response r;

	if (!mr_mfi_response_parse(body, &r) || !agree(run, &r)) {
		finish(s, -MR_CAUSE_DISTURBED, "its answer to /auth-setup cannot be read");
		return;
	}
	if (!verify(s, &r)) {
		finish(s, -MR_CAUSE_CERTIFICATE_REFUSED, "its coprocessor is not what the job demands");
		return;
	}
	enter(s, CONFIGURING, MR_WAC_EXCHANGE_US, "its signature is right");
	if (!http_client_connected(&run->http))
		connect(s);
	else if (!ask_configuration(s))
		finish(s, -MR_CAUSE_NO_MEMORY, "no memory");
}

/* --- /config is answered --- */

static void keep_text(char out[static WAC_TEXT_MAX + 1], struct mr_rd text)
{
	size_t len = text.left < WAC_TEXT_MAX ? text.left : WAC_TEXT_MAX;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = mr_rd_u8(&text);

		out[i] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
	}
	out[len] = '\0';
}

/* It says who it is; nothing hangs on it. */
static void keep_said(struct session *s, struct mr_rd body)
{
	struct run *run = s->delivery.state;
	uint8_t octets[MR_WAC_BODY_MAX];
	struct mr_wac_response r;

	if (body.left > sizeof(octets) || !mr_mfi_crypt(&run->keys, body.at, body.left, octets) ||
	    !mr_wac_response_parse(mr_rd_over(octets, body.left), &r)) {
		log_write(&s->tag, LOG_WAC, LOG_INFO, "its answer to /config cannot be read");
		return;
	}
	keep_text(run->said.name, r.name);
	keep_text(run->said.model, r.model);
	keep_text(run->said.serial, r.serial);
	keep_text(run->said.firmware, r.firmware);
}

/* It has them, or may have them. We leave, and look for it where it goes. */
static void leave(struct session *s, const char *why)
{
	enter(s, LEAVING, FAREWELL_US, why);
	session_touch(s);
}

/* --- events of the connection --- */

static void on_connected(void *ctx)
{
	struct session *s = ctx;
	const struct run *run = s->delivery.state;
	bool good = true;

	if (run->state == AUTHENTICATING)
		good = ask_authentication(s);
	else if (run->state == CONFIGURING)
		good = ask_configuration(s);
	else if (run->state == CONFIRMING)
		good = post(s, "/configured", NULL, mr_rd_over(NULL, 0));
	if (!good)
		finish(s, -MR_CAUSE_NO_MEMORY, "no memory");
}

static void on_answered(void *ctx, unsigned status, struct mr_rd body)
{
	struct session *s = ctx;
	const struct run *run = s->delivery.state;

	if (status / 100 != 2) {
		log_write(&s->tag, LOG_WAC, LOG_INFO, "it answers with status %u", status);
		finish(s, -MR_CAUSE_BUSY, "it refuses");
		return;
	}
	if (run->state == AUTHENTICATING) {
		on_authentication(s, body);
	} else if (run->state == CONFIGURING) {
		keep_said(s, body);
		leave(s, "it has taken them");
	} else if (run->state == CONFIRMING) {
		finish(s, DELIVERY_DONE, "it is confirmed");
	}
}

/* Before /config there is nothing to lose; with it under way the accessory may have it, and be gone. */
static void on_lost(struct session *s, const char *why)
{
	struct run *run = s->delivery.state;

	log_write(&s->tag, LOG_WAC, LOG_DEBUG, "the connection is over: %s", why);
	if (run->state == CONFIGURING && http_client_heard(&run->http)) {
		leave(s, "it has gone without an answer");
		return;
	}
	if (run->state == AUTHENTICATING || run->state == CONFIGURING || run->state == CONFIRMING)
		run->connect_us = session_now(s) + RECONNECT_US;
	session_touch(s);
}

static void on_closed(void *ctx, int cause)
{
	struct session *s = ctx;
	struct run *run = s->delivery.state;

	if (cause == 0 && http_client_finish(&run->http))
		return;
	on_lost(s, cause ? mr_cause_name(-cause) : "closed");
}

static void on_failed(void *ctx, int cause, const char *why)
{
	(void)cause;
	on_lost(ctx, why);
}

static void on_heard(void *ctx) { (void)ctx; }
static void on_secured(void *ctx) { (void)ctx; }
static void on_changed(void *ctx) { session_touch(ctx); }

static const struct http_client_events http_events = { on_connected, on_secured, on_heard,  on_answered,
						       on_closed,    on_failed,	 on_changed };

/* --- events of its own BSS --- */

static void on_up(void *ctx)
{
	struct session *s = ctx;
	struct run *run = s->delivery.state;

	enter(s, FINDING, MR_WAC_FIND_US, "there is an address");
	ip_udp_listen(run->bss.net, MR_MDNS_PORT, on_own_datagram, s);
	begin_asking(s);
}

static void on_ended(void *ctx, int cause)
{
	struct session *s = ctx;
	const struct run *run = s->delivery.state;

	if (run->state == CONFIGURING)
		leave(s, "it has gone without an answer");
	else if (run->state < LEAVING)
		finish(s, -cause, "the link is over");
}

/* --- the network that it goes to --- */

static bool waits(const struct session *s)
{
	const struct run *run = s->delivery.state;

	return s->delivery.ops == &wac_delivery && run && (run->state == RETURNING || run->state == CONFIRMING);
}

/* Calls `what` for each session that is at the network, of any channel. */
static void for_each_waiting(struct wac *wac, void (*what)(struct session *s))
{
	for (size_t i = 0; i < wac->line->channel_count; i++)
		for (struct session *s = wac->line->channels[i].sessions, *next; s; s = next) {
			next = s->next;
			if (waits(s))
				what(s);
		}
}

static bool anybody_waits(const struct wac *wac)
{
	for (size_t i = 0; i < wac->line->channel_count; i++)
		for (const struct session *s = wac->line->channels[i].sessions; s; s = s->next)
			if (waits(s))
				return true;
	return false;
}

static void pump_member(struct wac *wac)
{
	const struct ieee80211_network *target = &wac->line->target.network;

	if (!member_away(&wac->member) || target->heard_us == 0 || loop_now_us(wac->line->loop) < wac->again_us ||
	    !anybody_waits(wac))
		return;
	wac->again_us = loop_now_us(wac->line->loop) + REJOIN_US;
	(void)member_join(&wac->member, target);
}

/* Where its network is heard its radio has to be. */
static void go_there(struct session *s)
{
	struct channel *there = joining_channel(s);

	if (there && lane_move(s, there)) {
		lanes_kick(s->line);
		lane_speak(there, &wac_ops);
	}
}

void wac_network_heard(struct wac *wac)
{
	for_each_waiting(wac, go_there);
	pump_member(wac);
}

bool wac_holds_radio(const struct session *s)
{
	return s->delivery.ops == &wac_delivery && s->delivery.state && (!waits(s) || s->channel == joining_channel(s));
}

static void ask_if_returning(struct session *s)
{
	if (((struct run *)s->delivery.state)->state == RETURNING)
		begin_asking(s);
}

void wac_member_up(void *ctx)
{
	struct wac *wac = ctx;

	ip_udp_listen(member_net(&wac->member), MR_MDNS_PORT, on_member_datagram, wac);
	for_each_waiting(wac, ask_if_returning);
}

void wac_member_changed(void *ctx) { for_each_waiting(ctx, session_touch); }

/* Connections over it are gone with it. */
static void drop_confirmation(struct session *s)
{
	struct run *run = s->delivery.state;

	if (run->state != CONFIRMING)
		return;
	http_client_drop(&run->http);
	run->connect_us = session_now(s) + REJOIN_US;
}

void wac_member_ended(void *ctx, int cause)
{
	struct wac *wac = ctx;

	log_write(LOG_STATION(wac->line->o.log), LOG_WAC, LOG_INFO, "the station is out of the network: %s",
		  mr_cause_name(cause));
	for_each_waiting(wac, drop_confirmation);
	member_leave(&wac->member);
	wac->again_us = loop_now_us(wac->line->loop) + REJOIN_US;
}

static void part_from_accessory(struct run *run)
{
	http_client_drop(&run->http);
	bss_leave(&run->bss);
}

/* Its radio goes where the accessory will be. */
static void look_for_it(struct session *s)
{
	struct run *run = s->delivery.state;

	part_from_accessory(run);
	enter(s, RETURNING, MR_WAC_RETURN_US, "we have left");
	run->pause_us = ASK_FIRST_US;
	run->ask_us = session_now(s) + run->pause_us;
	go_there(s);
	pump_member(wac_of(s));
	session_touch(s);
}

/* It was awaited for as long as that may take. What the station cannot reach itself it cannot confirm. */
static void did_not_return(struct session *s)
{
	struct run *run = s->delivery.state;
	bool seen = s->joining.observed != OBSERVED_NO;

	if (s->line->target.network.heard_us == 0) {
		run->said.unconfirmed = "its network was not heard on a channel of this job";
		finish(s, DELIVERY_DONE, run->said.unconfirmed);
	} else if (seen) {
		finish(s, -MR_CAUSE_NO_ANSWER, "it has joined, and does not say that it is configured");
	} else {
		finish(s, -MR_CAUSE_JOIN_TIMEOUT, "nobody saw it come to its network");
	}
}

/* --- for the session --- */

static int receive(struct session *s, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct run *run = s->delivery.state;

	if (run->state < LEAVING)
		bss_receive(&run->bss, mpdu, rx, session_now(s));
	session_touch(s);
	return DELIVERY_GOES_ON;
}

static bool ready(const struct session *s)
{
	const struct run *run = s->delivery.state;

	if (run->pulled != PULLED_NOTHING)
		return false;
	if (run->state < LEAVING)
		return bss_ready(&run->bss);
	return run->state == LEAVING || (waits(s) && member_ready(&wac_of(s)->member));
}

static size_t pull(struct session *s, uint8_t *frame, struct radio_tx *tx)
{
	struct run *run = s->delivery.state;
	struct wac *wac = wac_of(s);
	const struct ieee80211_network *n = &run->bss.network;
	size_t len = 0;

	if (!ready(s))
		return 0;
	if (run->state < LEAVING) {
		len = bss_pull(&run->bss, frame, false, &run->what, session_now(s));
		run->pulled = PULLED_OWN;
	} else if (run->state == LEAVING) {
		len = bss_farewell(&run->bss, frame, session_now(s));
		run->pulled = PULLED_FAREWELL;
	} else {
		len = member_pull(&wac->member, s, frame, session_now(s));
		run->pulled = PULLED_MEMBER;
		n = &wac->member.bss.network;
	}
	if (len == 0) {
		if (run->pulled == PULLED_FAREWELL)
			run->until_us = session_now(s);
		run->pulled = PULLED_NOTHING;
		return 0;
	}
	tx->rate_500kbps = ieee80211_rate_of((frame[0] & 0x0c) == 0 ? n->basic : n->rates, RATE_6M);
	return len;
}

static void sent(struct session *s, bool acked, unsigned tries)
{
	struct run *run = s->delivery.state;
	enum pulled pulled = run->pulled;

	run->pulled = PULLED_NOTHING;
	switch (pulled) {
	case PULLED_NOTHING: return;
	case PULLED_OWN:
		if (run->state <= LEAVING)
			bss_sent(&run->bss, run->what, acked, tries, session_now(s));
		return;
	case PULLED_FAREWELL:
		if (run->state == LEAVING)
			run->until_us = session_now(s);
		return;
	case PULLED_MEMBER: member_sent(&wac_of(s)->member, s, acked, tries, session_now(s)); return;
	}
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t deadline_us(const struct session *s)
{
	const struct run *run = s->delivery.state;
	const struct wac *wac = wac_of(s);
	uint64_t at_us = earlier(run->until_us, earlier(run->ask_us, run->connect_us));

	if (run->state < LEAVING)
		at_us = earlier(at_us, bss_deadline_us(&run->bss));
	if (waits(s))
		at_us = earlier(at_us, member_deadline_us(&wac->member));
	return at_us;
}

/* The time of the state is over. */
static void state_is_over(struct session *s)
{
	struct run *run = s->delivery.state;

	switch (run->state) {
	case ASSOCIATING: finish(s, -MR_CAUSE_NO_ANSWER, "it does not let us in"); return;
	case FINDING: finish(s, -MR_CAUSE_NO_ANSWER, "its service is not found"); return;
	case AUTHENTICATING: finish(s, -MR_CAUSE_NO_ANSWER, "it does not authenticate itself"); return;
	case CONFIGURING: leave(s, "it has not answered"); return;
	case LEAVING: look_for_it(s); return;
	case RETURNING: did_not_return(s); return;
	case CONFIRMING: finish(s, -MR_CAUSE_NO_ANSWER, "it does not let itself be confirmed"); return;
	case OVER: return;
	}
}

static int expire(struct session *s, uint64_t now_us)
{
	struct run *run = s->delivery.state;
	int result = 0;

	if (run->state < LEAVING)
		result = bss_expire(&run->bss, now_us);
	if (result < 0)
		on_ended(s, -result);
	if (waits(s)) {
		member_expire(&wac_of(s)->member, now_us);
		pump_member(wac_of(s));
	}
	if (run->state != OVER && now_us >= run->until_us)
		state_is_over(s);
	if (now_us >= run->connect_us)
		connect(s);
	if (now_us >= run->ask_us)
		ask(s);
	return run->state == OVER ? run->result : DELIVERY_GOES_ON;
}

static size_t evidence(const struct session *s, char *out, size_t cap)
{
	return wac_evidence(s, &((const struct run *)s->delivery.state)->said, out, cap);
}

/* --- its beginning and end --- */

static int deliver(struct session *s)
{
	static const struct bss_events events = { on_up, on_changed, on_ended };
	const struct wac_way *way = s->unit->way;
	struct run *run = calloc(1, sizeof(*run));
	int result;

	if (!run || !way) {
		free(run);
		return -MR_CAUSE_NO_MEMORY;
	}
	s->delivery.state = run;
	run->ask_us = run->connect_us = UINT64_MAX;
	run->until_us = session_now(s) + ASSOCIATE_US;
	http_client_init(&run->http, HTTP_CLIENT_BODY_MAX, &http_events, s);
	run->http.tag = &s->tag;
	bss_init(&run->bss, &wac_of(s)->station, false, NULL, s->line->job->patience_us, &events, s);
	run->bss.tag = &s->tag;
	result = bss_join(&run->bss, &way->network, way->network.bssid);
	if (result < 0)
		return result;
	lane_speak(s->channel, &wac_ops);
	return DELIVERY_GOES_ON;
}

static void ends(struct session *s)
{
	struct run *run = s->delivery.state;
	struct wac *wac = wac_of(s);
	struct wac_way *way = s->unit->way;

	if (!run)
		return;
	if (way)
		way->again_us = session_now(s) + WAC_AGAIN_US;
	part_from_accessory(run);
	member_carrier_gone(&wac->member, s, session_now(s));
	s->delivery.state = NULL;
	bss_wipe(&run->bss);
	mr_wipe(run, sizeof(*run));
	free(run);
	if (anybody_waits(wac))
		wac_member_changed(wac);
	else
		member_leave(&wac->member);
}

const struct delivery_ops wac_delivery = { .begin = deliver,
					   .receive = receive,
					   .expire = expire,
					   .deadline_us = deadline_us,
					   .ready = ready,
					   .pull = pull,
					   .sent = sent,
					   .evidence = evidence,
					   .end = ends };
