/* Both ends of links in one process: an interface of the station, one of the device, and a wire with delay and loss. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "station/ip/ip_stream.h"

struct end {
	struct ip_if *net;
	struct wire *wire;
	struct end *other;
	uint8_t mac[6];
	unsigned lose_next; /* this many frames of this end are lost */
	int address_result;
	struct ip_lease lease;
	unsigned leases;
	void (*on_address)(struct end *end);
	struct ip_stream *s; /* the test's */
};

struct wire {
	struct loop *loop;
	struct entropy *chance;
	struct end station, device;
	uint64_t delay_us;
	unsigned loss_percent;
	size_t longest;
	unsigned frames;
	EVP_MD_CTX *digest; /* of all frames with their times; NULL: none */
	void (*tap)(struct end *from, uint16_t ethertype, uint8_t *payload, size_t len);
};

struct flight {
	struct loop_timer timer;
	struct flight *next, **link;
	struct loop *loop;
	struct end *to;
	uint8_t dst[6];
	uint16_t ethertype;
	size_t len;
	uint8_t payload[];
};

static struct flight *flights;

static void flight_end(struct flight *f)
{
	loop_cancel(f->loop, &f->timer);
	*f->link = f->next;
	if (f->next)
		f->next->link = f->link;
	free(f);
}

static void on_arrival(void *ctx, uint64_t now_us)
{
	struct flight *f = ctx;

	(void)now_us;
	if (f->to->net)
		ip_if_input(f->to->net, f->dst, f->ethertype, f->payload, f->len);
	flight_end(f);
}

static void wire_output(void *ctx, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload, size_t len)
{
	struct end *end = ctx;
	struct wire *w = end->wire;
	struct flight *f;
	uint64_t now_us = loop_now_us(w->loop);

	w->frames++;
	if (len > w->longest)
		w->longest = len;
	if (w->digest) {
		EVP_DigestUpdate(w->digest, &now_us, sizeof(now_us));
		EVP_DigestUpdate(w->digest, dst, 6);
		EVP_DigestUpdate(w->digest, payload, len);
	}
	if (end->lose_next > 0) {
		end->lose_next--;
		return;
	}
	if (w->loss_percent && entropy_below(w->chance, 100) < w->loss_percent)
		return;
	f = calloc(1, sizeof(*f) + len);
	f->timer = (struct loop_timer){ .fn = on_arrival, .ctx = f };
	f->loop = w->loop;
	f->next = flights;
	f->link = &flights;
	if (flights)
		flights->link = &f->next;
	flights = f;
	f->to = end->other;
	f->ethertype = ethertype;
	f->len = len;
	memcpy(f->dst, dst, 6);
	memcpy(f->payload, payload, len);
	if (w->tap)
		w->tap(end, ethertype, f->payload, len);
	loop_at(w->loop, &f->timer, now_us + w->delay_us);
}

static void wire_address(void *ctx, int result, const struct ip_lease *lease)
{
	struct end *end = ctx;

	end->address_result = result;
	end->lease = *lease;
	end->leases++;
	if (end->on_address)
		end->on_address(end);
}

static const struct ip_if_events wire_events = { wire_output, wire_address };

/* Nothing is under way any more, on this wire or (NULL) on any. */
static void wire_cut(const struct wire *w)
{
	for (struct flight *f = flights, *next; f; f = next) {
		next = f->next;
		if (!w || f->to->wire == w)
			flight_end(f);
	}
}

static void wire_up(struct wire *w, struct loop *loop, struct ip_stack *stack, unsigned number)
{
	struct end *ends[] = { &w->station, &w->device };

	w->loop = loop;
	w->delay_us = 2000;
	for (unsigned i = 0; i < 2; i++) {
		struct end *end = ends[i];

		end->wire = w;
		end->other = ends[!i];
		memcpy(end->mac, (uint8_t[]){ 0x02, (uint8_t)i, 0, 0, (uint8_t)(number >> 8), (uint8_t)number }, 6);
		end->address_result = 1;
		end->net = ip_if_create(stack, end->mac, &wire_events, end);
	}
	if (w->device.net)
		ip_if_static(w->device.net, 0xc0a80401, 0xffffff00, 0);
}
