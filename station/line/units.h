/*
 * Who is known to this run: units by device id and by address, who is awaited, what became of each. A unit is in one
 * place at a time: settled, in a session, in the queue of its home channel, awaited, or (an access point that has said
 * whose it is) the alias of another. line_check() (check.h) holds that.
 */
#pragma once

#include "station/line/private.h"

/* A device that is known to this run. Lives as long as the line. Layout is ours. */
struct unit {
	int64_t id;
	const struct method *method; /* by which it is reached, and its credentials get there */
	void *way;		     /* what the method knows of the way to it, secrets among it; its ops forget it */
	uint8_t device_id[8], mac[6];
	enum journal_unit_state state;
	unsigned attempts, counted, device_faults;
	char serial[IDENTITY_SERIAL_MAX + 1];
	uint64_t identity_txn, credentials_txn, seal_txn;
	uint64_t earlier_credentials_txn; /* of another lot: what a device that is sealed keeps */
	bool on_record, same_batch, has_certificate, has_receipt, settled;
	bool sealed_elsewhere; /* it says so, and this lot has given it no credentials */
	bool seal_asked;       /* SEAL may have reached it: on record before it was sent */
	unsigned reopened;     /* times that this session has looked again whether it is sealed */
	bool shared_address;   /* another device was heard with its address */
	bool told;	       /* it has answered its verdict */
	bool delivered;	       /* a foreign device has its credentials, by its method's word in this run */
	bool unnamed;	       /* known by its address only: it has not said yet who it is */
	/* Attempts that have left a half of its PIN with somebody who did not prove it. */
	unsigned pin_shown[2];
	uint8_t spki_sha256[32];
	uint8_t *certificate; /* of an earlier attempt */
	uint16_t certificate_len;
	uint8_t pin_sealed[PIN_SEALED_MAX], pin_salt[16];
	uint8_t pin_sealed_len;
	uint32_t pin_iterations;
	int8_t rssi_dbm;
	uint8_t hello_nonce[8]; /* of its last call */
	uint64_t hello_us;	/* when it was last heard to want a session */
	struct channel *home;
	unsigned handshakes_failed, refusals; /* refusals: of a secret, by what cannot be authenticated */
	struct unit *alias;		      /* this is an access point of that unit */
	bool waiting;			      /* in the queue of its home channel */
	struct unit *next_waiting;
	struct session *session;
	int last_cause;
	enum journal_attempt_kind next_kind;
	uint64_t return_by_us; /* it is to call again by then; 0: not awaited */
	uint64_t absent_us;    /* since when it is awaited */
	struct unit *next_absent;
	/* for the lower bound */
	uint64_t first_heard_us, release_us, air_us, device_us, prescribed_us, outcome_us;
};

/* For a device that nobody has met: it gets a number, and the job's method. The caller has looked that there is none.
 * NULL: no memory. */
struct unit *unit_meet(struct line *line, const uint8_t device_id[static 8], const uint8_t mac[static 6]);
/*
 * Who has this id, address or serial number: of those known to this run, or in the record, where units of other lots
 * stay until one of them arrives (journal_find: microseconds). NULL: nobody. A serial number is not empty.
 */
struct unit *unit_of_id(struct line *line, const uint8_t device_id[static 8]);
struct unit *unit_of_mac(struct line *line, const uint8_t mac[static 6]);
struct unit *unit_of_serial(struct line *line, const char *serial);
/* Has the key of that hash been certified for another unit? */
bool unit_key_taken(const struct line *line, const struct unit *unit, const uint8_t spki[static 32]);
/* A journal_resume_fn: a unit as the record has it becomes known to this run; `line` is a struct line. */
void units_resume(void *line, const struct journal_resume *unit);
void unit_id_of_mac(const uint8_t mac[static 6], uint8_t id[static 8]);
/* Would the record take this identity? (db/schema.sql: no group address, neither zeros nor ff.) */
bool unit_id_valid(const uint8_t device_id[static 8], const uint8_t mac[static 6]);
/* It says who it is: takes the id as its own. false: no memory. */
bool unit_rename(struct line *line, struct unit *unit, const uint8_t device_id[static 8]);
void unit_free(struct unit *unit);
void unit_forget(struct unit *unit); /* what opens its device is wiped */

const char *unit_state_name(enum journal_unit_state state);
/* First heard in this run. */
void unit_greet(struct line *line, struct unit *unit, const struct radio_rx *rx);
/* It is to announce itself again by `by_us`, else it fails. */
void unit_absent(struct line *line, struct unit *unit, uint64_t by_us);
/* It has announced itself: it is not awaited any more. */
void unit_returned(struct line *line, struct unit *unit);
/* Out of the queue of its home channel, where it may be. */
void unit_unqueue(struct unit *unit);
/*
 * The one way into a session: it leaves all lists of those without one. Whoever gives unit.session its value has called
 * this.
 */
void unit_take(struct line *line, struct unit *unit);
/* It passed and has its receipt, and yet it calls: it has not heard so. */
bool unit_asks_again(const struct unit *unit);
/*
 * It failed behind SEAL, and nobody knows whether it is sealed: the certificate that it may carry for good lives. Where
 * it is heard again it is taken up once more, and the receipt that it gives is what it has given or would have given.
 */
bool unit_is_unanswered(const struct unit *unit);
/* The same, when it is heard. false: it is over, or it is not the time. */
bool unit_reopen(struct line *line, struct unit *unit);
/* One look at all that are awaited: those whose time has passed fail. */
void units_look(struct line *line, uint64_t now_us);
/* Another device has its address: says so on record, and in the cause of what goes wrong on the air from now on. */
void unit_shares_address(struct line *line, struct unit *unit, const struct radio_rx *rx);
/* The cause of what has gone wrong with it, when that is `cause` by itself. */
int unit_cause(const struct unit *unit, int cause);
void unit_settle(struct line *line, struct unit *unit, enum journal_unit_state state, int cause);
void unit_unsettle(struct line *line, struct unit *unit);

/*
 * On record, if it is not yet; `m` is what the device says of itself, NULL: nothing so far. false: the record does not
 * take it (an id of zeros, say): no other record may name this unit.
 */
bool unit_record(struct line *line, struct unit *unit, const struct mr_message *m);
void unit_record_state(struct line *line, struct unit *unit, enum journal_unit_state state, int cause);

/* May anybody get a session now? */
bool units_admitted(const struct line *line);
/* May this one? Sessions that a broadcast serves cost no air, and have no limit. */
bool units_room_for(const struct line *line, const struct unit *unit);
/* Is anybody still to get a turn who was heard and has not said who it is? */
bool units_pending(const struct line *line);
/* How many are expected to announce themselves on the channel. */
double units_unheard(const struct line *line, const struct channel *channel);
