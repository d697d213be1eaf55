/* What the files of the air share: nodes, channels, transmissions. Nobody else includes this. */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#include "station/air/air.h"
#include "station/air/phy.h"

/* Intrusive ring; an element that is in none has next NULL. */
struct link {
	struct link *next, *prev;
};

#define LINK_OF(at, type, member) ((type *)(void *)((char *)(at)-offsetof(type, member)))
#define LINK_EACH(at, ring) for (struct link *at = (ring)->next; at != (ring); at = at->next)
/* The body may take `at` out of the ring. */
#define LINK_EACH_SAFE(at, ring)                                                                                       \
	for (struct link *at = (ring)->next, *at##_next = at->next; at != (ring); at = at##_next, at##_next = at->next)

static inline void link_init(struct link *ring) { ring->next = ring->prev = ring; }
static inline bool link_in(const struct link *at) { return at->next != NULL; }

static inline void link_add(struct link *ring, struct link *at)
{
	at->next = ring;
	at->prev = ring->prev;
	ring->prev->next = at;
	ring->prev = at;
}

static inline void link_remove(struct link *at)
{
	if (!at->next)
		return;
	at->prev->next = at->next;
	at->next->prev = at->prev;
	at->next = at->prev = NULL;
}

/* A copy of what was given to air_send. */
struct air_frame {
	struct air_frame *next;
	uint64_t cookie;
	uint16_t len, tries;
	uint8_t size_class, refs, retries, rate, priority;
	bool expects_ack;
	uint8_t bytes[];
};

struct frame_queue {
	struct air_frame *first, *last;
};

struct air_node {
	struct air *air;
	struct air_node_config config;
	uint32_t id;
	bool powered, bad_state; /* bad_state: of the Gilbert-Elliott model */
	bool skips_beacons;

	struct channel *channel; /* NULL: untuned or on the way */
	uint64_t tuned_since_us;
	uint16_t tuning_mhz;		   /* not 0: a tune is accepted */
	bool switching;			   /* has left its channel */
	struct link on_channel, attentive; /* attentive: asked about every frame */
	struct air_node *same_hash;	   /* by the MAC of its config */
	struct radio_addresses own;

	struct frame_queue queue[3];  /* by enum radio_priority */
	size_t queued;		      /* in the queues and `current` */
	struct air_frame *current;    /* chosen for the next try, or being tried */
	struct transmission *sending; /* on the air now */
	bool in_exchange, awaiting_ack;
	unsigned acks_due;
	uint16_t tx_freq_mhz; /* of the last transmission, ACKs included */
	uint64_t tx_from_us, tx_until_us;
	struct loop_timer timer; /* ACK timeout, or arrival on a new channel */

	struct link contender; /* of its channel: has a frame, or still counts its post-backoff down */
	struct phy_times times;
	uint8_t last_rate;
	uint16_t cw, slots;
	bool backing_off;
	unsigned busy;			 /* transmissions that it senses */
	uint64_t count_from_us, plan_us; /* LOOP_NEVER: frozen */

	struct frame_queue reports; /* to be told in report_timer */
	struct loop_timer report_timer;
	struct radio_health health;
};

struct transmission {
	struct link link; /* channel.heard */
	struct channel *channel;
	struct air_node *from;
	struct air_frame *frame; /* NULL: an ACK */
	struct air_node *ack_to;
	uint8_t ack[PHY_ACK_LEN];
	uint8_t rate;
	bool on_air, aborted, overlapped;
	uint64_t start_us, end_us;
	struct loop_timer timer;
	struct transmission *next_free;
};

/* How a transmission that ended is remembered for nodes that begin to contend soon after. */
struct ended {
	const struct air_node *from;
	uint64_t end_us;
	uint32_t defer_us; /* NAV, or the part of EIFS above DIFS, for others than its sender */
};
#define ENDED_MAX 4

struct channel {
	struct air *air;
	uint16_t freq_mhz;
	double loss_at_1m_db;
	struct link nodes, contenders;
	struct link attentive; /* of the nodes: promiscuous ones, and those of several addresses */
	struct link heard;     /* transmissions on the air, and ended ones that overlapped those */
	struct link acks_due;  /* waiting for their SIFS */
	unsigned on_air;
	struct ended ended[ENDED_MAX];
	unsigned ended_next;
	struct loop_timer timer; /* the next node's turn */
};

struct reception {
	struct air_node *node;
	int8_t rssi_dbm;
};

struct bystander {
	struct bystander *next;
	struct air *air;
	struct air_node *from, *to;
	struct loop_timer timer;
	double mean_gap_us;
	uint64_t sent;
	uint16_t freq_mhz;
	uint8_t rate;
	size_t frame_len;
	uint8_t frame[];
};

#define FRAME_CLASSES 3
#define DRAWS 256
#define MAC_BUCKETS 16384

struct air {
	struct loop *loop;
	struct air_config config;
	struct entropy *entropy;
	uint64_t shadow_key;
	uint64_t draws[DRAWS];
	size_t draws_used;

	struct air_node **nodes;
	size_t node_count, node_room;
	struct air_node *by_mac[MAC_BUCKETS];
	struct air_node **clustered;
	size_t clustered_count;
	struct channel *channels[256]; /* by channel number */

	struct air_frame *free_frames[FRAME_CLASSES];
	struct transmission *free_transmissions;
	struct reception *receptions; /* scratch, as many as nodes */
	struct bystander *bystanders;
	uint32_t bystander_count;
	struct capture *captures;
	struct air_totals totals;
};

/* air.c */
uint64_t air_draw(struct air *air);
double air_draw_unit(struct air *air); /* [0, 1) */
uint64_t air_draw_below(struct air *air, uint64_t bound);
struct phy_options air_phy_options(const struct air *air);
void air_frame_put(struct air *air, struct air_frame *frame);
/* Tunes away if that was asked for and nothing is left to send. */
void air_try_switch(struct air_node *node);
struct air_frame *queue_pop(struct frame_queue *queue);

/* medium.c */
double medium_received_dbm(const struct channel *channel, const struct air_node *from, const struct air_node *to);
bool medium_senses(const struct air_node *node, const struct transmission *tx);
void medium_send(struct air_node *node); /* puts node->current on the air now */
void medium_break_off(struct air_node *node);
void medium_ack_timeout(struct air_node *node);

/* dcf.c */
void dcf_contend(struct air_node *node); /* has a frame, or a post-backoff to count down */
void dcf_leave(struct air_node *node);
void dcf_busy(struct channel *channel, const struct transmission *tx);
void dcf_idle(struct channel *channel, const struct transmission *tx, uint32_t defer_us);
void dcf_turn(void *channel, uint64_t now_us);
/* The exchange of node->current is over. */
void dcf_succeeded(struct air_node *node, bool acked);
void dcf_failed(struct air_node *node);

/* capture.c */
void capture_write(struct air *air, const struct transmission *tx);
void capture_destroy_all(struct air *air);

/* bystander.c */
void bystander_destroy_all(struct air *air);
