/*
 * Which radio sits on which channel, and for how long: a decision from a view of the line, without memory of its own,
 * so that the planner, the simulated air and real radios all ask the same code.
 *
 * The view is the line's; a policy reads it and answers. Rules 1 to 8 of docs/architecture.md, "Scheduling".
 *
 * A view changes between two decisions. The line asks again at `look_again_us` at the latest, and at once when a radio
 * is gone or back, when a step becomes exclusive or ends, and when `attend_by_us` is set to an earlier instant: a
 * radio that is pinned to its channel looks again only when it is asked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_NONE SIZE_MAX
#define SCHEDULE_NEVER UINT64_MAX

struct schedule_channel {
	uint16_t freq_mhz;
	size_t owner;		 /* index of the radio that is there or on its way; SCHEDULE_NONE */
	size_t sessions;	 /* whose channel this is */
	size_t ready;		 /* of them: something is to be sent to the device now */
	uint64_t ready_air_us;	 /* airtime of that */
	uint64_t ready_since_us; /* the longest wait among them; SCHEDULE_NEVER: none */
	uint64_t next_due_us;	 /* earliest predicted answer of the others; SCHEDULE_NEVER: none */
	uint64_t remaining_us;	 /* longest remaining critical path of a session here */
	bool unsafe;		 /* leaving now would cost a session: a handshake is open */
	uint64_t window_end_us;	 /* devices may still answer the last call until then */
	uint64_t left_us;	 /* when a radio last left; 0: never visited */
	double unheard;		 /* devices expected to call here */
	/*
	 * A radio must be on this channel by then at the latest: a parked device gives up, a beacon is due, a walk time
	 * ends. Loop time; 0 or SCHEDULE_NEVER: none. The line sets the next instant, or none, when a radio has been
	 * here and has done what was due. An instant that is past asks for a radio only while none is here.
	 */
	uint64_t attend_by_us;
	/*
	 * A step is under way here that no radio may leave and that no second one of its kind may disturb, on whatever
	 * channel: a push button. Begun after schedule_may_begin_exclusive; the line bounds it in time and clears this.
	 */
	bool exclusive;
	/*
	 * How many devices the ready work serves at once: one broadcast, all its listeners. The broadcast counts as one
	 * in `ready` and once in `ready_air_us`, and the index counts this channel's ready work that many times. 0 and
	 * 1 alike: ready work is for one device each.
	 */
	unsigned serves;
};

struct schedule_radio {
	bool usable; /* plugged in and able to send */
	bool moving;
	uint16_t freq_mhz; /* where it is; 0: nowhere yet */
	uint64_t arrived_us;
	uint32_t switch_us;
	uint64_t channels; /* bit per index of view.channels that it may transmit on */
};

struct schedule_view {
	uint64_t now_us;
	const struct schedule_channel *channels;
	size_t channel_count; /* up to 64 */
	const struct schedule_radio *radios;
	size_t radio_count;
	bool steer; /* devices can be called over to another channel */
};

struct schedule_decision {
	size_t go;		/* index of a channel; SCHEDULE_NONE: stay */
	uint64_t look_again_us; /* at the latest; sooner when the view changes */
	const char *reason;	/* for the log and the channel strip: "pinned", "ready-work", "scout", ... */
};

struct schedule_policy {
	const char *name;
	struct schedule_decision (*decide)(const struct schedule_view *view, size_t radio);
	/* The channel on which a device that called on `home` is to have its session: index, perhaps home itself. */
	size_t (*place)(const struct schedule_view *view, size_t home);
};

/*
 * "pex": patient, parking, exhaustive, by index. "round-robin": fixed dwell over each radio's own share of the list,
 * the baseline. Both keep to deadlines and to exclusive steps. NULL: no such policy.
 */
const struct schedule_policy *schedule_policy(const char *name);
extern const struct schedule_policy schedule_pex, schedule_round_robin;

/*
 * Whether an exclusive step may begin on a channel (index) and last until `until_us`; SCHEDULE_NEVER: no end is known.
 * true: set `exclusive` of that channel in the same turn of the loop. false: ask again when a step has ended, a radio
 * has arrived or a deadline has been met. It begins only where a radio is, only while no other one is under way on any
 * channel, and only when every channel that must be attended before its end has a radio or another one to send.
 */
bool schedule_may_begin_exclusive(const struct schedule_view *view, size_t channel, uint64_t until_us);

/*
 * A makespan that no schedule can beat (docs/architecture.md, "The lower bound"):
 *   L1  the longest of: release + airtime + the device's own work + waits that the job prescribes
 *   L2  the latest of: release t + airtime of all devices released at or after t, spread evenly over the channels
 *       that can be served at once
 * Backoff, collisions, losses, retries, discovery, channel switches and commits are left out.
 */
struct schedule_bound_unit {
	uint64_t release_us, chain_us, air_us; /* chain: airtime, work and prescribed waits one after another */
};
struct schedule_bound {
	uint64_t chain_us, air_us, bound_us; /* L1, L2, the larger */
};
/* Sorts `units`. */
struct schedule_bound schedule_lower_bound(struct schedule_bound_unit *units, size_t count, size_t radios,
					   size_t channels);
