/* What the files of line/ share; nobody else includes it. Layouts are ours. */
#pragma once

#include "agent/wire/cause.h"
#include "station/base/map.h"
#include "station/roster/expected.h"
#include "station/line/line.h"
#include "station/link/action.h"
#include "station/link/bss.h"
#include "station/method/method.h"
#include "station/wifi/psk.h"
#include "station/wifi/wpa.h"

#define CHANNELS_MAX 64
#define RADIOS_MAX 64
#define LANE_QUEUE 2 /* frames handed to a radio before its report: few, so that the choice stays ours */

struct channel;

/* The access point of a device, and what opens it. Wiped and freed when the unit is settled. */
struct access {
	struct ieee80211_network network; /* as last heard */
	uint8_t peer[6];		  /* the device's own address: the BSSID, but in an ad-hoc network */
	const struct method *method;
	char passphrase[65], pin[17];
	bool from_record;	/* the secret; else from the label */
	bool named, other_name; /* hidden: its label has the SSID; the SSID that was tried last was not it */
	uint64_t again_us;	/* no attempt before this instant */
};

/* What is known of the network that a device was given, and of its way into it. */
struct joining {
	bool asked; /* the device has a scan list */
	unsigned heard, candidates, asks;
	bool picked;
	struct mr_network network;
	const char *reason;
	uint8_t address[6];	     /* that the device joins from */
	bool watched;		     /* it is in line.by_witness */
	struct wpa_witness *witness; /* NULL: no pre-shared key to be checked */
	enum journal_observed observed;
	bool returning; /* nothing more is to be seen: it is awaited where it was */
	bool reported, recorded;
	struct mr_join report;
	uint64_t asked_us, away_us, heard_us; /* JOIN answered; until it was back; its last beacon since */
	uint64_t retry_us;		      /* it was tried and was not back, or not well heard; 0: not yet */
};

/* A device that is known to this batch. Lives as long as the line. */
struct unit {
	int64_t id;
	uint8_t device_id[8], mac[6];
	enum journal_unit_state state;
	unsigned attempts, counted, device_faults;
	char serial[IDENTITY_SERIAL_MAX + 1];
	uint64_t identity_txn, credentials_txn, seal_txn;
	bool on_record, same_batch, has_certificate, has_receipt, recorded, settled;
	uint8_t spki_sha256[32];
	uint8_t *certificate; /* of an earlier attempt */
	uint16_t certificate_len;
	uint8_t pin_sealed[PIN_SEALED_MAX], pin_salt[16];
	uint8_t pin_sealed_len;
	uint32_t pin_iterations;
	int8_t rssi_dbm;
	uint8_t hello_nonce[8];
	uint64_t hello_us;
	struct channel *home;
	unsigned handshakes_failed, refusals;
	struct access *access; /* NULL: reached by action frames */
	struct unit *alias;    /* this is an access point of that unit */
	bool waiting;	       /* in the queue of its home channel */
	struct unit *next_waiting;
	struct session *session;
	int last_cause;
	enum journal_attempt_kind next_kind;
	uint64_t return_by_us; /* it is to call again by then; 0: not awaited */
	struct unit *next_absent;
	/* for the lower bound */
	uint64_t first_heard_us, release_us, air_us, device_us, prescribed_us, outcome_us;
};

/* of a session; the order is the recipe's */
enum phase {
	PHASE_INVITED,
	PHASE_WELCOMED,
	PHASE_ASK_STATUS,
	PHASE_ASK_SELFTEST,
	PHASE_ASK_KEY,
	PHASE_SIGNING,
	PHASE_RECORDING_IDENTITY,
	PHASE_ASK_IDENTITY,
	PHASE_COMMIT_IDENTITY,
	PHASE_ASK_NETWORKS,
	PHASE_RECORDING_CREDENTIALS,
	PHASE_ASK_CREDENTIALS,
	PHASE_COMMIT_CREDENTIALS,
	PHASE_ASK_VERIFY,
	PHASE_ASK_JOIN,
	PHASE_JOINING,	/* it is away, in its network */
	PHASE_RETURNED, /* it stands as an access point again */
	PHASE_ASK_JOINED,
	PHASE_RECORDING_SEAL,
	PHASE_ASK_SEAL,
	PHASE_RECORDING_OUTCOME,
	PHASE_ASK_FINISH,
	PHASE_COUNT
};

struct session {
	struct line *line;
	struct unit *unit;
	struct channel *channel;     /* where its frames go */
	struct session *prev, *next; /* in the channel's list */
	struct loop_timer timer;
	uint32_t number;   /* of the session, in cookies and in `by_session` */
	struct link *link; /* &action.base, or of the device's BSS */
	struct action_link action;
	bool by_access; /* through the device's BSS */
	unsigned links; /* that came up in this attempt */
	struct joining joining;
	uint64_t again_us; /* ask once more at this instant; 0: no */
	enum phase phase;
	size_t recipe_at;
	bool overdue; /* its deadline passed while no radio was there */
	bool open;    /* the attempt is on record */
	int64_t attempt;
	uint64_t call_counter; /* of the line when the session began */
	uint64_t ticket;       /* of the journal: go on when durable */
	struct session *next_ticket;
	unsigned step_seq;
	uint64_t begun_us, step_us, asked_us, ready_us, wait_us;
	uint32_t device_us, step_device_us, step_misses;
	uint32_t wait_radio_us, wait_ca_us, wait_journal_us;
	uint8_t stage; /* of the device, by its own word */
	uint8_t device_key_id[32];
	bool device_has_key;
	uint8_t public_key[65];
	bool has_public_key;
	uint8_t identity_digest[32], credentials_digest[32], challenge[32];
	bool has_identity_digest, has_credentials_digest;
	char pin[IDENTITY_PIN_MAX];
	uint8_t verdict;
	bool signing; /* the signer has it: wait for its answer before it is freed */
	bool dead;
};

struct channel {
	size_t index;
	uint16_t freq_mhz;
	struct lane *lane; /* whose radio is here and tuned; NULL: none */
	struct session *sessions;
	size_t session_count;
	uint64_t left_us, window_end_us, next_call_us;
	unsigned window_answers, slots;
	unsigned absent;		     /* units whose home this is and that are to call again */
	struct unit *waiting, *waiting_tail; /* callers without a session, first come first */
	unsigned waiting_count;
};

enum lane_state { LANE_LOST, LANE_UNTUNED, LANE_TUNING, LANE_HERE, LANE_LEAVING };

/* One radio and what it does. */
struct lane {
	struct line *line;
	struct radio *radio;
	size_t index;
	enum lane_state state;
	struct channel *channel; /* where it is or goes */
	struct channel *go;	 /* LEAVING: where next */
	unsigned in_flight;
	bool leave_said;
	uint64_t arrived_us, asked_us;
	uint64_t channels;	 /* mask */
	struct loop_timer timer; /* look at the schedule again, call again */
	uint64_t look_us;
	uint64_t switches;
};

struct stranger {
	uint8_t mac[6];
	const char *verdict;
	uint16_t freq_mhz;
	int rssi_dbm;
	unsigned count;
	uint64_t first_us, last_us;
	struct stranger *next;
};

/* What people have ordered, and what came of it (control.c). */
struct order;
struct line_control {
	struct order *orders, *orders_tail; /* not durable yet, in ticket order */
	bool paused;
	char by[LINE_ACTOR_MAX + 1], reason[LINE_REASON_MAX + 1]; /* of the pause or stop */
	uint64_t run_us;					  /* since when the run has the state it has */
	int hold_cause;
	char hold_detail[200];
};

struct line {
	struct line_options o;
	const struct job *job;
	struct loop *loop;
	struct action_station station;
	struct journal_start start;
	struct lane *lanes;
	size_t lane_count;
	struct channel channels[CHANNELS_MAX];
	size_t channel_count;
	struct map by_device, by_mac, by_session, pins, keys, stranger_map;
	struct map by_bssid;   /* transmitter address of a device's network -> unit */
	struct map by_witness; /* address that a device joins its network from -> session */
	struct bss_station bss;
	struct ieee80211_network target; /* the network of the job as last heard; heard_us 0: never */
	uint8_t target_psk[32];
	bool has_target_psk;
	struct psk_request target_request;
	struct expected expected; /* of job.expect_file */
	struct unit **units;
	size_t unit_count, unit_room;
	struct unit *absent;
	unsigned homeless; /* of the absent: from an earlier session, they may call on any channel */
	size_t session_count;
	struct stranger *strangers;
	int64_t next_unit, next_attempt;
	uint64_t next_txn, call_counter;
	uint64_t ticket;			/* the last one submitted */
	struct session *tickets, *tickets_tail; /* waiting for durability, in ticket order */
	struct loop_timer ticket_timer, watch_timer, end_timer, hold_timer;
	bool draining, stopping, ended, held_up;
	const char *guard; /* the one that stopped admission */
	unsigned consecutive_fail;
	uint64_t disk_us; /* when the disk is looked at next */
	unsigned settled, passed, failed, quarantined, held, first_pass, retries, seen;
	uint64_t started_us, last_outcome_us, last_new_us;
	struct serial_pool *serials;
	char passphrase[65];
	struct identity_profile profile;
	uint64_t think_us[PHASE_COUNT]; /* learned 80 % quantile of the device's work per request */
	uint64_t join_us, away_us;	/* how long devices take to join their network, and are away for it: learned */
	unsigned joins;
	uint64_t *chains; /* session times of passed units, for the percentiles */
	size_t chain_count;
	uint8_t scratch[MR_MESSAGE_MAX], answer[MR_MESSAGE_MAX];
	size_t session_octets;
	uint64_t frames, octets;
	struct line_control control;
};

/* line.c */
void line_event(struct line *line, const struct line_event *event);
uint64_t line_submit(struct line *line, const struct journal_record *record);
void line_await(struct session *s); /* go on when everything submitted so far is durable */
/* A unit that the record does not know yet goes on it; `m` is what the device says of itself, NULL: nothing so far. */
void line_record_unit(struct line *line, struct unit *unit, const struct mr_message *m);
void line_record_state(struct line *line, struct unit *unit, enum journal_unit_state state, int cause);
void line_await_commit(struct line *line); /* virtual clock: look at what is durable after the next commit */
void line_settle(struct line *line, struct unit *unit, enum journal_unit_state state, int cause);
void line_absent(struct line *line, struct unit *unit, uint64_t by_us);
void line_returned(struct line *line, struct unit *unit);
void line_stranger(struct line *line, const uint8_t mac[static 6], const struct radio_rx *rx, const char *verdict);
/* A unit that never came as far as an attempt has no row: that it was refused, and why, is a sighting. */
void line_refused(struct line *line, struct unit *unit, const char *why);
void line_hold(struct line *line, int cause, const char *detail);
void line_check_end(struct line *line);
struct unit *line_unit_new(struct line *line, const uint8_t device_id[static 8]); /* NULL: no memory */
void line_forget_ticket(struct line *line, struct session *s);
struct unit *line_unit(struct line *line, const uint8_t device_id[static 8]);
struct journal_cause line_cause(int cause);
int64_t line_utc_us(const struct line *line);

/* control.c */
void orders_durable(struct line *line, uint64_t durable); /* those up to this ticket take effect */
void orders_fail(struct line *line, int result);	  /* none of those that wait will */
bool control_may_end(const struct line *line);
void control_guard(struct line *line); /* a guard was tripped: pause or drain */

/* admission.c */
void admission_hello(struct line *line, struct lane *lane, const struct mr_frame *frame, const struct radio_rx *rx);
void admission_fill(struct line *line);
double admission_unheard(const struct line *line, const struct channel *channel);
bool admission_open(const struct line *line);

/* networks.c */
/* A beacon or probe response: a device's network, that of the job, or somebody's. */
void networks_heard(struct line *line, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx);
/* What a hidden access point is called: it says nothing, and devices take their serial number into it when they have
 * one. */
void networks_name(struct line *line, struct unit *unit);
void networks_forget(struct unit *unit); /* what opens its access point is wiped */
void admission_enqueue(struct unit *unit, struct channel *home);
void admission_greet(struct line *line, struct unit *unit, const struct radio_rx *rx);

/* access.c: sessions through a device's BSS */
int access_prepare(struct line *line, char *error, size_t error_len);
void access_end(struct line *line);
struct session *access_session(struct line *line, struct unit *unit, struct channel *channel);
void access_receive(struct session *s, struct mr_rd mpdu, const struct radio_rx *rx);
void access_network(struct session *s, const struct ieee80211_network *network,
		    const struct radio_rx *rx);				   /* its beacon */
int access_identify(struct session *s, const uint8_t device_id[static 8]); /* it says who it is; 0 or a cause */
void access_opened(struct session *s); /* the attempt is on record: so is the link that it came by */
int access_pick(struct session *s, const struct mr_message *m);	 /* of the device's scan list; 0 or a cause */
void access_join(struct session *s, const struct mr_message *m); /* the device says that it will join, and goes */
int access_expired(struct session *s, int cause); /* its deadline has passed: 0: it goes on; else the cause */
void access_witness(struct line *line, struct mr_rd mpdu, const struct radio_rx *rx); /* frames between others */
int access_joined(struct session *s, const struct mr_message *m); /* it is back: what it says of it; 0 or a cause */
void access_record(struct session *s);				  /* the network that it was given and how it joined */
void access_forget(struct session *s);				  /* the session ends */

/* guards.c */
void guard_outcome(struct line *line, bool bad);     /* of each unit that is settled */
void guard_disk(struct line *line, uint64_t now_us); /* as often as one likes */

/* session.c */
struct session *session_create(struct line *line, struct unit *unit, struct channel *channel, uint16_t steer_mhz);
void session_destroy(struct session *s);
bool session_move(struct session *s, struct channel *to);
struct session *session_create_over(struct line *line, struct unit *unit, struct channel *channel, struct link *link);
void session_answer(struct session *s, struct mr_rd message); /* a response of the device, however it came */
void session_receive(struct session *s, const struct mr_frame *frame, const struct radio_rx *rx);
void session_sent(struct session *s, uint8_t what, bool acked, unsigned tries);
void session_end(struct session *s, int cause); /* the attempt is over */
void session_abort(struct session *s);		/* the run is stopped now */
void session_rearm(struct session *s);
uint64_t session_remaining_us(const struct session *s);

/* session.c, for the recipe */
void session_event(struct session *s, struct line_event e);
void session_touch(struct session *s); /* the link may have something to say, or another deadline */
void session_account(struct session *s);
void session_release(struct session *s); /* after session_destroy, when the signer has let go of it */
void session_record_step(struct session *s, enum journal_outcome outcome, int cause);
void session_record_end(struct session *s, enum journal_outcome outcome, int cause);
void session_say_verdict(struct session *s, uint8_t verdict);

/* recipe.c */
enum mr_operation recipe_operation(enum phase phase); /* 0: the phase asks nothing of the device */
enum job_step recipe_step(enum phase phase);
void recipe_welcome(struct session *s, const struct mr_message *m); /* what the device says it is */
void recipe_stands(struct session *s);				    /* the link is up: it asks what is next */
void recipe_linked(struct session *s);				    /* the same, through a BSS */
void recipe_again(struct session *s);				    /* the time for asking once more has come */
void recipe_response(struct session *s, const struct mr_message *m);
void recipe_durable(struct session *s); /* what it waited for is on the disk */

/* proof.c: causes are positive here, 0 is proved */
struct verifier {
	uint8_t w0[32], l[65], iterations[4];
	bool has;
};
int proof_verifier(struct session *s, struct verifier *v); /* 0 or -(cause); wipe it after use */
bool proof_identity_digest(struct session *s, const struct verifier *v, uint8_t out[static 32]);
bool proof_credentials_digest(struct session *s, uint8_t out[static 32]);
bool proof_recompute(struct session *s); /* the digests that a resuming device has behind it */
int proof_digest(const struct mr_message *m, const uint8_t want[static 32]);
int proof_signature(struct session *s, const struct mr_message *m, const char *label,
		    const struct mr_digest_field *fields, size_t count);
int proof_verify(struct session *s, const struct mr_message *m);  /* the answer to VERIFY */
int proof_receipt(struct session *s, const struct mr_message *m); /* the answer to SEAL */

/* lane.c */
int lanes_create(struct line *line, char *error, size_t error_len);
void lanes_start(struct line *line);
void lane_pump(struct lane *lane);
void lane_kick(struct lane *lane); /* something changed: look at the schedule soon */
void lanes_record(struct line *line);
struct channel *lane_place(struct line *line, struct channel *home);
struct channel *lane_channel(struct line *line, uint16_t freq_mhz); /* NULL: not of this job */
