/*
 * The device: answers calls, keeps one session, carries out requests, survives power cuts. No heap, no static data
 * that changes, no clock but the port's. One struct mr_agent placed by the board; its layout is ours.
 *
 *	mr_agent_init -> { mr_agent_receive | mr_agent_sent | mr_agent_expire } ... (power off at any point)
 */
#pragma once

#include "agent/core/store.h"
#include "agent/port/port.h"
#include "agent/wire/cursor.h"
#include "agent/wire/frame.h"
#include "agent/wire/message.h"
#include "agent/wire/noise.h"

#define MR_CHANNELS_MAX 16
/* MR_STORE_MAX, octets of one storage slot: agent/core/store.h. MR_MESSAGE_MAX: agent/wire/frame.h. */

/* What the firmware image is built with; the pointers must outlive the agent. */
struct mr_agent_config {
	uint8_t mac[6];
	uint8_t device_id[8];			/* chip id; MR_AT_DEVICE_ID */
	const char *product, *hw_rev, *firmware;	/* ASCII, 32, 16, 32 octets at most */
	const uint8_t *station_key;		/* 32 octets, X25519 public */
	const uint8_t *batch_key;		/* 32 octets */
	const uint16_t *channels;		/* plan, MHz: the first is home; INVITE may name any of them */
	size_t channel_count;
	uint64_t roam_us;			/* without a CALL this long: next channel of the plan; 0: stay home */
};

struct mr_agent;

/* Reads the storage, tunes to the home channel, waits for a CALL. false: a port call failed or the config is
 * out of range: the board should indicate a fault. */
bool mr_agent_init(struct mr_agent *agent, const struct mr_agent_config *config, const struct mr_port *port);
/* One MPDU heard (any; what is not ours is ignored). */
void mr_agent_receive(struct mr_agent *agent, struct mr_rd frame);
/* The MAC's report on a frame sent with `cookie`. */
void mr_agent_sent(struct mr_agent *agent, uint32_t cookie, bool acked);
/* Call at (or after) the deadline. */
void mr_agent_expire(struct mr_agent *agent);
uint64_t mr_agent_deadline_us(const struct mr_agent *agent);

/* What a dump of the device would say, for tests and displays. */
uint8_t mr_agent_stage(const struct mr_agent *agent);		/* enum mr_stage bits, committed */
const char *mr_agent_serial(const struct mr_agent *agent);	/* "" before IDENTITY is committed */
bool mr_agent_finished(const struct mr_agent *agent);		/* had FINISH; silent until restarted */

#include "agent/core/agent_layout.h"
