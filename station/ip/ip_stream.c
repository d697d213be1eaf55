/* lwIP's callbacks only note what happened; the interface's turn tells the owner. */
#include "station/ip/ip_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lwip/priv/tcp_priv.h>

#include "agent/wire/cause.h"
#include "station/ip/dotted.h"
#include "station/ip/ip_private.h"

/* TCP's slow timer is 500 ms. RFC 6298 2.1 begins with 1 s; lwIP with 3, and its variance keeps that for many segments.
 */
#define RTO_TICKS 2

/* ENDED: the peer has sent all that it wanted to, and may still read. GONE: there is no pcb any more. */
enum state { CONNECTING, OPEN, ENDED, GONE };

struct ip_stream {
	enum state state;
	struct ip_if *net;
	struct tcp_pcb *pcb; /* NULL: gone on the side of lwIP */
	struct ip_stream *next;
	const struct ip_stream_events *events;
	void *ctx;
	struct ip_listener *accepted_by; /* not yet handed over */
	struct pbuf *received;
	bool tell_connected, tell_sent, tell_closed, short_of_room;
	int cause;
};

struct ip_listener {
	struct ip_if *net;
	struct tcp_pcb *pcb;
	struct ip_listener *next;
	void (*accepted)(void *ctx, struct ip_stream *s);
	void *ctx;
};

#define BIT(state) (1u << (state))

/* The only writer of `state`. */
static void enter(struct ip_stream *s, enum state state, const char *why)
{
	static const char *const names[] = {
		[CONNECTING] = "connecting", [OPEN] = "open", [ENDED] = "ended", [GONE] = "gone"
	};
	static const uint8_t follows[] = { [CONNECTING] = BIT(OPEN) | BIT(ENDED) | BIT(GONE),
					   [OPEN] = BIT(ENDED) | BIT(GONE),
					   [ENDED] = 0,
					   [GONE] = 0 };

	assert(follows[s->state] & BIT(state));
	log_state(s->net->tag, LOG_TCP, names[s->state], names[state], "%s", why);
	s->state = state;
}

/* --- lwIP calls --- */

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct ip_stream *s = arg;

	(void)pcb;
	(void)err;
	enter(s, OPEN, "connected");
	s->tell_connected = true;
	ip_if_wake(s->net);
	return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct ip_stream *s = arg;

	(void)pcb;
	(void)err;
	if (!p && s->state < ENDED) {
		enter(s, ENDED, "the peer has sent all");
		s->tell_closed = true;
	}
	if (p && s->received)
		pbuf_cat(s->received, p);
	else if (p)
		s->received = p;
	ip_if_wake(s->net);
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct ip_stream *s = arg;

	(void)pcb;
	(void)len;
	if (s->short_of_room)
		s->tell_sent = true;
	s->short_of_room = false;
	ip_if_wake(s->net);
	return ERR_OK;
}

/* The pcb is gone. */
static void on_error(void *arg, err_t err)
{
	struct ip_stream *s = arg;

	s->pcb = NULL;
	if (s->state == ENDED)
		return;
	s->tell_closed = true;
	if (s->state == CONNECTING)
		s->cause = -MR_CAUSE_CONNECT_FAILED;
	else if (err == ERR_RST)
		s->cause = -MR_CAUSE_LINK_LOST;
	else if (err != ERR_CLSD)
		s->cause = -MR_CAUSE_NO_ANSWER;
	enter(s, GONE, s->cause ? mr_cause_name(-s->cause) : "closed");
	ip_if_wake(s->net);
}

static struct ip_stream *stream_create(struct ip_if *net, struct tcp_pcb *pcb)
{
	struct ip_stream *s = calloc(1, sizeof(*s)), **end = &net->streams;

	if (!s)
		return NULL;
	s->net = net;
	s->pcb = pcb;
	while (*end)
		end = &(*end)->next;
	*end = s;
	tcp_arg(pcb, s);
	tcp_recv(pcb, on_recv);
	tcp_sent(pcb, on_sent);
	tcp_err(pcb, on_error);
	tcp_nagle_disable(pcb);
	pcb->rto = pcb->sv = RTO_TICKS;
	return s;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct ip_listener *listener = arg;
	struct ip_stream *s = err == ERR_OK && pcb ? stream_create(listener->net, pcb) : NULL;

	if (!s)
		return ERR_MEM; /* lwIP resets the connection */
	s->accepted_by = listener;
	enter(s, OPEN, "accepted");
	ip_if_wake(s->net);
	return ERR_OK;
}

/* --- the interface's turn --- */

static bool pending(const struct ip_stream *s)
{
	return s->accepted_by || s->tell_connected || s->received || s->tell_sent || s->tell_closed;
}

bool ip_streams_pending(const struct ip_if *net)
{
	for (const struct ip_stream *s = net->streams; s; s = s->next)
		if (pending(s))
			return true;
	return false;
}

/* All that has come; the window opens before the owner answers, and the answer carries the acknowledgement. */
static bool tell_received(struct ip_stream *s)
{
	struct ip_stack *stack = s->net->stack;
	struct pbuf *all = s->received;

	assert(all);
	s->received = NULL;
	for (unsigned left = all->tot_len; s->pcb && left > 0;) {
		u16_t n = (u16_t)(left < UINT16_MAX ? left : UINT16_MAX);

		tcp_recved(s->pcb, n);
		left -= n;
	}
	for (struct pbuf *p = all; p && stack->telling == s; p = p->next)
		if (s->events->received)
			s->events->received(s->ctx, p->payload, p->len);
	pbuf_free(all);
	if (stack->telling != s)
		return false;
	/* Not answered: acknowledged now, for a device that waits for it before the rest (Nagle) would lose a quarter
	 * of a second. */
	if (s->pcb && (s->pcb->flags & TF_ACK_DELAY)) {
		tcp_ack_now(s->pcb);
		(void)tcp_output(s->pcb);
	}
	return true;
}

/* False: the stream was ended by its owner. */
static bool tell(struct ip_stream *s)
{
	struct ip_stack *stack = s->net->stack;

	if (s->accepted_by) {
		struct ip_listener *listener = s->accepted_by;

		s->accepted_by = NULL;
		listener->accepted(listener->ctx, s);
		if (stack->telling != s)
			return false;
		assert(s->events); /* taken, or ended */
	}
	if (s->tell_connected) {
		s->tell_connected = false;
		if (s->events->connected)
			s->events->connected(s->ctx);
	}
	if (stack->telling == s && s->received && !tell_received(s))
		return false;
	if (stack->telling == s && s->tell_sent) {
		s->tell_sent = false;
		if (s->events->sent)
			s->events->sent(s->ctx);
	}
	if (stack->telling == s && s->tell_closed) {
		s->tell_closed = false;
		if (s->events->closed)
			s->events->closed(s->ctx, s->cause);
	}
	return stack->telling == s;
}

bool ip_streams_turn(struct ip_if *net)
{
	struct ip_stack *stack = net->stack;
	struct ip_stream *s = net->streams;

	while (s) {
		if (!pending(s)) {
			s = s->next;
			continue;
		}
		assert(s->net == net && !stack->telling);
		stack->telling = s;
		bool alive = tell(s);

		stack->telling = NULL;
		if (stack->turning != net)
			return false;
		s = alive ? s->next : net->streams; /* the list has changed: those already told have nothing pending */
	}
	return true;
}

/* --- the owner calls --- */

/*
 * RFC 9293 3.4.1, RFC 6528: a sequence number that nobody can guess. lwIP 2.1.3 has one counter for the process, which
 * it advances by tcp_ticks at each use; with ticks of our choice it goes where we want it. Two runs in one process are
 * alike.
 */
static void draw_sequence_number(struct tcp_pcb *pcb, struct entropy *entropy)
{
	u32_t ticks = tcp_ticks, wanted = (u32_t)entropy_below(entropy, UINT64_C(1) << 32);

	tcp_ticks = 0;
	tcp_ticks = wanted - tcp_next_iss(pcb);
	(void)tcp_next_iss(pcb);
	tcp_ticks = ticks;
}

static bool bind_to(struct tcp_pcb *pcb, struct ip_if *net, uint32_t address, uint16_t port)
{
	ip_addr_t own = IPADDR4_INIT(lwip_htonl(address));

	/* lwIP compares ports without regard to interfaces, unless both sides allow it; SOF_REUSEADDR is only set for
	 * that. */
	tcp_bind_netif(pcb, &net->netif);
	ip_set_option(pcb, SOF_REUSEADDR);
	if (tcp_bind(pcb, &own, port) != ERR_OK)
		return false;
	ip_reset_option(pcb, SOF_REUSEADDR);
	return true;
}

static uint16_t take_port(struct ip_if *net)
{
	uint16_t port = net->port;

	net->port = port == UINT16_MAX ? IP_PORT_FIRST : (uint16_t)(port + 1);
	return port;
}

struct ip_stream *ip_connect(struct ip_if *net, uint32_t address, uint16_t port, const struct ip_stream_events *events,
			     void *ctx)
{
	uint32_t own = ip_if_address(net), first = address >> 24;
	ip_addr_t to = IPADDR4_INIT(lwip_htonl(address));
	struct ip_stream *s;
	struct tcp_pcb *pcb;

	/* lwIP must not be asked to talk to itself: its loopback needs a thread of its own. */
	if (own == 0 || address == own || first == 0 || first == 127 || first >= 224)
		return NULL;
	pcb = tcp_new();
	s = pcb ? stream_create(net, pcb) : NULL;
	if (!s) {
		if (pcb)
			tcp_abort(pcb);
		return NULL;
	}
	s->events = events;
	s->ctx = ctx;
	draw_sequence_number(pcb, net->stack->entropy);
	if (!bind_to(pcb, net, own, take_port(net)) || tcp_connect(pcb, &to, port, on_connected) != ERR_OK) {
		ip_stream_abort(s);
		return NULL;
	}
	ip_set_option(pcb, SOF_REUSEADDR);
	log_write(net->tag, LOG_TCP, LOG_DEBUG, "connects to " DOTTED ":%u", DOTTED_OF(address), port);
	ip_if_wake(net);
	return s;
}

size_t ip_stream_write(struct ip_stream *s, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	size_t taken = 0;

	while (s->pcb && taken < len) {
		size_t n = len - taken < tcp_sndbuf(s->pcb) ? len - taken : tcp_sndbuf(s->pcb);

		if (n > UINT16_MAX)
			n = UINT16_MAX;
		if (n == 0 || tcp_write(s->pcb, from + taken, (u16_t)n, TCP_WRITE_FLAG_COPY) != ERR_OK)
			break;
		taken += n;
	}
	s->short_of_room = taken < len;
	if (s->pcb && s->state != CONNECTING)
		(void)tcp_output(s->pcb);
	ip_if_wake(s->net);
	return taken;
}

size_t ip_stream_unacked(const struct ip_stream *s) { return s->pcb ? s->pcb->snd_lbb - s->pcb->lastack : 0; }
bool ip_stream_unsent(const struct ip_stream *s) { return s->pcb && s->pcb->unsent; }

/* The owner's handle ends here; `close` decides what becomes of the pcb. */
static void stream_end(struct ip_stream *s, err_t (*end)(struct tcp_pcb *pcb))
{
	struct ip_if *net = s->net;
	struct tcp_pcb *pcb = s->pcb;
	struct ip_stream **link = &net->streams;

	while (*link && *link != s)
		link = &(*link)->next;
	assert(*link); /* a stream is in the list of its interface until it ends */
	*link = s->next;
	if (net->stack->telling == s)
		net->stack->telling = NULL;
	if (s->received && pcb)
		tcp_recved(pcb, s->received->tot_len); /* or tcp_close would reset */
	if (s->received)
		pbuf_free(s->received);
	if (pcb) {
		tcp_arg(pcb, NULL);
		tcp_recv(pcb, NULL);
		tcp_sent(pcb, NULL);
		tcp_err(pcb, NULL);
		(void)end(pcb);
	}
	free(s);
	ip_if_wake(net);
}

static err_t reset(struct tcp_pcb *pcb)
{
	tcp_abort(pcb);
	return ERR_OK;
}

static err_t forget(struct tcp_pcb *pcb)
{
	tcp_abandon(pcb, 0);
	return ERR_OK;
}

void ip_stream_close(struct ip_stream *s)
{
	if (s)
		stream_end(s, tcp_close);
}

void ip_stream_abort(struct ip_stream *s)
{
	if (s)
		stream_end(s, reset);
}

void ip_stream_use(struct ip_stream *s, const struct ip_stream_events *events, void *ctx)
{
	s->events = events;
	s->ctx = ctx;
}

struct ip_listener *ip_listen(struct ip_if *net, uint16_t port, void (*accepted)(void *ctx, struct ip_stream *s),
			      void *ctx)
{
	struct ip_listener *listener;
	struct tcp_pcb *pcb, *listening;

	for (listener = net->listeners; listener; listener = listener->next)
		if (listener->pcb->local_port == port)
			return NULL;
	listener = calloc(1, sizeof(*listener));
	pcb = tcp_new();
	if (!listener || !pcb || !bind_to(pcb, net, ip_if_address(net), port) ||
	    !(listening = tcp_listen_with_backlog(pcb, TCP_DEFAULT_LISTEN_BACKLOG))) {
		if (pcb)
			tcp_abort(pcb);
		free(listener);
		return NULL;
	}
	*listener = (struct ip_listener){
		.net = net, .pcb = listening, .next = net->listeners, .accepted = accepted, .ctx = ctx
	};
	net->listeners = listener;
	ip_set_option(listening, SOF_REUSEADDR);
	tcp_arg(listening, listener);
	tcp_accept(listening, on_accept);
	return listener;
}

void ip_listener_close(struct ip_listener *listener)
{
	struct ip_listener **link;

	if (!listener)
		return;
	for (struct ip_stream *s = listener->net->streams, *next; s; s = next) {
		next = s->next;
		if (s->accepted_by == listener)
			ip_stream_abort(s);
	}
	link = &listener->net->listeners;
	while (*link != listener)
		link = &(*link)->next;
	*link = listener->next;
	tcp_arg(listener->pcb, NULL);
	tcp_accept(listener->pcb, NULL);
	(void)tcp_close(listener->pcb);
	free(listener);
}

/* Also those that were closed by their owners and live on in lwIP, up to two minutes in TIME-WAIT: the number of the
 * interface will belong to another one. */
static void forget_all(struct tcp_pcb **list, u8_t index)
{
	for (struct tcp_pcb *pcb = *list, *next; pcb; pcb = next) {
		next = pcb->next;
		if (pcb->netif_idx == index)
			tcp_abandon(pcb, 0);
	}
}

void ip_streams_destroy(struct ip_if *net)
{
	u8_t index = netif_get_index(&net->netif);

	while (net->listeners)
		ip_listener_close(net->listeners);
	while (net->streams)
		stream_end(net->streams, forget);
	forget_all(&tcp_active_pcbs, index);
	forget_all(&tcp_tw_pcbs, index);
}
