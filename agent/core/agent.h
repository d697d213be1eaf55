/*
 * The device: is reached by one method or several (agent/core/method.h), carries out requests one at a time, survives
 * power cuts. No heap, no static data that changes, no clock but the port's. One struct mr_agent placed by the board;
 * its layout is ours.
 *
 *	mr_agent_wants -> mr_agent_init -> { mr_agent_receive | mr_agent_sent | mr_agent_expire } ... (power off at any
 *	point)
 *
 * A device with an access point of its own also serves HTTP there: agent/core/api.h.
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

/* The network of its own on which a device is reached when no station is near, and what protects the API on it. */
enum mr_ap_method {
	MR_AP_NONE,
	MR_AP_WPA2, /* a WPA2 network with the device's own passphrase; plain HTTP */
	MR_AP_PIN,  /* an open network; HTTP, changes under the PIN only */
	MR_AP_IBSS, /* the same on an ad-hoc network */
	MR_AP_TLS,  /* an open network; HTTPS */
};

/* RFC 9383 section 3.2: what the device keeps of its PIN. */
struct mr_pin_verifier {
	uint8_t salt[32];
	size_t salt_len; /* 16 to 32 */
	uint32_t iterations;
	uint8_t w0[32], l[65];
};

struct mr_ap_config {
	enum mr_ap_method method;
	const char *ssid;	/* printable ASCII, 32 at most */
	bool ssid_is_whole;	/* else the serial number follows, before there is one the last 3 octets of the MAC */
	const char *passphrase; /* 8 to 63 characters, until IDENTITY brings another; NULL: none from the factory */
	const struct mr_pin_verifier *pin; /* until IDENTITY brings another; NULL: none from the factory */
	uint16_t freq_mhz;
	uint64_t join_us;  /* joining takes at most this long; 0: 30 s */
	uint64_t grace_us; /* stays joined for others to see it; 0: 1 s */
};

struct mr_method;
struct mr_wps;

/* What the firmware image is built with; the pointers must outlive the agent. */
struct mr_agent_config {
	const struct mr_method *const *methods; /* what the image carries, see agent/core/method.h; ends with NULL */
	uint8_t mac[6];
	uint8_t device_id[8];			 /* chip id; MR_AT_DEVICE_ID */
	const char *product, *hw_rev, *firmware; /* ASCII, 32, 16, 32 octets at most */
	const uint8_t *station_key;		 /* 32 octets, X25519 public */
	const uint8_t *batch_key;		 /* 32 octets */
	const uint16_t *channels;		 /* plan, MHz: the first is home; INVITE may name any of them */
	size_t channel_count;			 /* 0: no action frames; then `ap` has a method */
	uint64_t roam_us;			 /* without a CALL this long: next channel of the plan; 0: stay home */
	struct mr_ap_config ap;
	struct mr_wps *wps; /* agent/core/wps.h: enrols itself with a registrar; NULL: does not */
};

struct mr_agent;

/* What the board must give the agent with this config: bits of enum mr_wants (agent/core/method.h). 0: nothing that
 * the image carries is used; mr_agent_init would refuse it. */
unsigned mr_agent_wants(const struct mr_agent_config *config);
/* Reads the storage and opens the methods that the config asks for: tunes to the home channel and waits for a CALL,
 * puts the access point up. false: a port call failed, the config is out of range, or it asks for a method that the
 * image does not carry: the board should indicate a fault. */
bool mr_agent_init(struct mr_agent *agent, const struct mr_agent_config *config, const struct mr_port *port);
/* One MPDU that was heard, without FCS. Any will do: what is not ours is ignored. */
void mr_agent_receive(struct mr_agent *agent, struct mr_rd frame);
/* The MAC's report on a frame sent with `cookie`. */
void mr_agent_sent(struct mr_agent *agent, uint32_t cookie, bool acked);
/* Call at (or after) the deadline. */
void mr_agent_expire(struct mr_agent *agent);
uint64_t mr_agent_deadline_us(const struct mr_agent *agent);

/*
 * The access point that the device wants to be up now; false: none (no method, finished, or it is joining a network).
 * The agent has the port's `wifi` put it up and down; this function is for boards without one, and for the board's HTTP
 * server. What IDENTITY changes (serial number in the name, passphrase) holds from the next time it comes up. Only for
 * images that carry mr_part_wifi.
 */
bool mr_agent_access_point(const struct mr_agent *agent, struct mr_access_point *out);
/* The response to the last request has reached the other end: its link acknowledged it, or whoever asked has left the
 * network since, and nothing more comes from there. What was put off until then is done. */
void mr_agent_response_left(struct mr_agent *agent);

/* What a dump of the device would say, for tests and displays. */
uint8_t mr_agent_stage(const struct mr_agent *agent);	   /* enum mr_stage bits, committed */
const char *mr_agent_serial(const struct mr_agent *agent); /* "" before IDENTITY is committed */
bool mr_agent_finished(const struct mr_agent *agent);	   /* had FINISH; silent until restarted */

#include "agent/core/agent_layout.h"
