/*
 * The accessory's side of Wireless Accessory Configuration over an interface that has its address: the answer to
 * questions for its service, and the three requests. What signs is a coprocessor behind its bus; the formats are those
 * of agent/wire. One controller at a time: the first one whose keys were signed has the session.
 *
 *	accessory_server_create -> { questions, requests } ... -> accessory_server_destroy
 */
#pragma once

#include "agent/port/mfi_bus.h"
#include "agent/wire/wac.h"
#include "station/base/entropy.h"
#include "station/base/loop.h"
#include "station/ip/ip_stream.h"

/* How far a controller has come with an accessory. */
enum accessory_step {
	ACCESSORY_NOWHERE,
	ACCESSORY_ASSOCIATED,
	ACCESSORY_ASKED_FOR,	 /* its service was asked for */
	ACCESSORY_AUTHENTICATES, /* /auth-setup has come */
	ACCESSORY_SIGNED,	 /* the answer is about to leave */
	ACCESSORY_CONFIGURES,	 /* /config has come */
	ACCESSORY_ANSWERED,	 /* its answer has left */
	ACCESSORY_JOINED,
	ACCESSORY_ASKED_AGAIN, /* its service, on the network */
	ACCESSORY_CONFIRMED,   /* /configured has come */
	ACCESSORY_STEPS,
};

enum accessory_lie {
	ACCESSORY_TRUE,
	ACCESSORY_SIGNS_OTHER,	   /* the client's key first */
	ACCESSORY_SHOWS_OTHER,	   /* a certificate that is not its chip's */
	ACCESSORY_RESTARTS_STREAM, /* it begins the key stream anew for each message */
	ACCESSORY_REFUSES,	   /* 400 at /config */
	ACCESSORY_HAS_NO_KEY,	   /* its key of the exchange is zeros */
};

struct accessory_server_config {
	struct loop *loop;
	struct entropy *entropy;
	struct ip_if *net;
	struct mr_mfi_bus bus;
	enum accessory_lie lie;
	struct mr_rd other_certificate; /* of ACCESSORY_SHOWS_OTHER */
	const char *instance, *host, *device_id, *model, *serial;
	uint16_t port;
	unsigned seed;
	bool configured; /* it is on its network, and awaits to be told that it is found there */
	void *ctx;
	/* false: it goes no further: nothing more is said. */
	bool (*step)(void *ctx, enum accessory_step step);
	/* What /config said; the answer leaves when this has returned. */
	void (*config)(void *ctx, const struct mr_wac_request *request);
};

struct accessory_server;

struct accessory_server *accessory_server_create(const struct accessory_server_config *config);
void accessory_server_destroy(struct accessory_server *server); /* before its interface */
/* It says that it is there, without being asked. */
void accessory_server_announce(struct accessory_server *server);
