/*
 * A method: one way in which a station or a person reaches the device. One row, and the files that it links. The board
 * lists the rows that its image carries in a constant table (struct mr_agent_config, `methods`), so the linker takes
 * their files and no others: the core knows a method through its row alone.
 *
 * Methods share parts, which are rows too, without a name: a table lists a part before the rows that need it. The order
 * counts twice: rows are started from first to last, and expire from last to first, because a row further down may take
 * the radio away from those above it.
 *
 *	a device that answers calls                  { &mr_method_direct, NULL }
 *	... that also hears broadcasts               { &mr_method_direct, &mr_method_sniffer, NULL }
 *	... that also has a WPA2 access point        { &mr_method_direct, &mr_part_wifi, &mr_part_api,
 *	                                               &mr_method_micro_ap, NULL }
 *	all that brings requests                     MR_METHODS_ALL
 */
#pragma once

#include "agent/core/agent.h"
#include "agent/wire/cause.h"
#include "agent/wire/sealed.h"

/* What a method needs of the board, bit by bit. A board that cannot give it does not start the agent. */
enum mr_wants {
	MR_WANTS_ACTION_FRAMES =
		1, /* hears and sends action frames, and tunes: port.send, port.tune, mr_agent_receive */
	MR_WANTS_ACCESS_POINT =
		2, /* an access point or ad-hoc network, with a server that runs the API (api.h) on it */
	MR_WANTS_OPEN_LINK =
		4, /* through the functions of action frames: any frame, and what is sent to the device acknowledged */
	MR_WANTS_GROUP_FRAMES = 8, /* hears data frames of others to groups, on the channel of action frames; of which
				      it may tell only headers, or lengths: docs/protocol.md */
};

/* What happens in the core or in one row and concerns others. */
enum mr_news {
	MR_NEWS_RESPONSE_LEFT, /* the other end has the response to the last request */
	MR_NEWS_FINISHED,      /* FINISH was carried out; its response is still to leave */
	MR_NEWS_RADIO_BACK,    /* the radio was on another network and is free again: tune it where it was */
	MR_NEWS_KEY_MADE,      /* the device has a key pair of its own from now on */
};

struct mr_endpoint; /* agent/core/endpoint.h */

/* Any function may be NULL: the row has nothing to say there. */
struct mr_method {
	const char *name;	       /* on record and in jobs; never reused. NULL: a part */
	const struct mr_method *needs; /* a row that comes before it in the table; NULL: none */
	bool has_room;		       /* MR_HAS_ROOM of its state */
	/* enum mr_wants: what it needs with this config. 0: it is not used with it, or its part is out of range. */
	unsigned (*wants)(const struct mr_agent_config *config);
	/* Is it open to people and stations now? Then GET /v1/device names it. */
	bool (*is_open)(const struct mr_agent *agent);

	bool (*start)(struct mr_agent *agent);			 /* at power-on. false: a port call failed */
	bool (*hear)(struct mr_agent *agent, struct mr_rd mpdu); /* true: taken, nobody else is asked */
	void (*sent)(struct mr_agent *agent, uint32_t cookie, bool acked);
	void (*expire)(struct mr_agent *agent); /* at any time; what is not due is left alone */
	uint64_t (*deadline_us)(const struct mr_agent *agent);
	void (*told)(struct mr_agent *agent, enum mr_news news);
	/* Carries out a request that is not the core's (operation.h). MR_CAUSE_UNSUPPORTED: nor is it this row's. */
	enum mr_cause (*run)(struct mr_agent *agent, const struct mr_message *request, struct mr_wr *response);
	/*
	 * The network of a broadcast that this row has heard. MR_CAUSE_NOT_HEARD: not that one, or not lately.
	 * MR_CAUSE_OK: the caller wipes `out`.
	 */
	enum mr_cause (*recall)(struct mr_agent *agent, uint64_t issue, struct mr_sealed *out);
	const struct mr_endpoint *endpoints; /* its paths in the API; the last has no path */
};

/* In direct.c, sniffer.c, micro_ap.c, pin.c, https.c, wps.c. */
extern const struct mr_method mr_method_direct;	  /* action frames */
extern const struct mr_method mr_method_sniffer;  /* sealed broadcasts; needs mr_method_direct */
extern const struct mr_method mr_method_micro_ap; /* needs mr_part_api */
extern const struct mr_method mr_method_pin;	  /* needs mr_part_api; on an ad-hoc network as well */
extern const struct mr_method mr_method_https;	  /* needs mr_part_api */
extern const struct mr_method mr_method_wps_pin;  /* needs mr_part_wps; credentials alone, from any registrar */
extern const struct mr_method mr_method_wps_pbc;

extern const struct mr_method mr_part_wps;  /* wps.c: finds a registrar, is its enrollee */
extern const struct mr_method mr_part_wifi; /* wifi.c: joins networks, is an access point */
extern const struct mr_method mr_part_api;  /* endpoint.c: requests over HTTP; needs mr_part_wifi */

#define MR_METHODS_ALL                                                                                                 \
	{                                                                                                              \
		&mr_method_direct, &mr_method_sniffer, &mr_part_wifi, &mr_part_api, &mr_method_micro_ap,               \
			&mr_method_https, &mr_method_pin, NULL                                                         \
	}

/* Is there room for this state in struct mr_agent? agent_layout.h says when there is none. */
#define MR_HAS_ROOM(state) (offsetof(struct mr_agent, state) < offsetof(struct mr_agent, buf))

/* --- in agent.c, for the rows --- */

/* Tells every row. */
void mr_agent_tell(struct mr_agent *agent, enum mr_news news);

/*
 * The buffer, and with it the room for the state of one exchange (`held`), has one holder at a time. true: it is yours,
 * `held` is all zeros. false: another exchange is going on; ask again later.
 */
bool mr_agent_hold(struct mr_agent *agent, enum mr_holder holder);
/* Wipes both. Nothing happens when somebody else holds them. */
void mr_agent_release(struct mr_agent *agent, enum mr_holder holder);

/* false: the radio refused; it is nowhere (`freq_mhz` 0). */
bool mr_agent_tune(struct mr_agent *agent, uint16_t freq_mhz);
/* Sends an MPDU, with the sequence number filled in; `cookie` (NULL: no matter) comes back in `sent`. false: the queue
 * is full. */
bool mr_agent_transmit(struct mr_agent *agent, uint8_t *frame, size_t len, uint32_t *cookie);
/* From 0 to `limit` - 1; 0 without entropy. */
uint32_t mr_agent_random_below(struct mr_agent *agent, uint32_t limit);
