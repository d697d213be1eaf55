/*
 * A batch job: what the engineer's YAML says, validated. docs/jobs.md is the reference, made from the same table
 * (job/keys.c) that parses, complains and helps. Unknown or duplicate keys, aliases, tags and numbers without their
 * unit are errors that name file, line, column, what is allowed and the nearest right word.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/message.h"
#include "agent/wire/smartconfig.h"
#include "station/base/reach.h"
#include "station/identity/identity.h"
#include "station/roster/roster.h"
#include "station/yaml/complaint.h"

#define JOB_LIST_MAX 32 /* entries of a list; chosen: above the channels and radios of a line */

enum job_step { JOB_IDENTIFY, JOB_SELFTEST, JOB_IDENTITY, JOB_CREDENTIALS, JOB_VERIFY, JOB_SEAL, JOB_STEP_COUNT };
const char *job_step_name(enum job_step step);

enum job_secrets { JOB_SECRETS_LABELS, JOB_SECRETS_RECORD };
/* Who is the access point of an enrolment: the station, or the device, whose settings are then given to it. */
enum job_wps_role { JOB_WPS_REGISTRAR, JOB_WPS_EXTERNAL };     /* the source of passphrase or PIN of an access point */
enum job_carrier { JOB_CARRIER_HEADERS, JOB_CARRIER_LENGTHS }; /* what devices see of a sealed broadcast */
enum job_mfi { JOB_MFI_REAL, JOB_MFI_TEST_CA, JOB_MFI_ANY };   /* what an accessory must prove: identity/mfi_chain.h */
enum job_certificate { JOB_CERTIFICATE_CA, JOB_CERTIFICATE_PINNED }; /* what a TLS server must show */

#define JOB_LIMIT_RSSI "rssi" /* the one measurement of the station's own */

/* on a self-test item, or on "rssi" */
struct job_limit {
	char name[35];
	char unit[8];
	bool has_low, has_high;
	double low, high;
};

struct job_chip_share {
	char profile[32];
	unsigned percent;
};

struct job_fault {
	char kind[16];	/* device_fault_name (device_fault.h), or "radio-lost", "garbage", "rogue-station", "replay" */
	unsigned count; /* devices; "radio-lost": 1 */
	uint8_t operation; /* enum mr_operation; 0: not given, the clock decides */
	uint64_t after_us, off_us;
};

struct job {
	char *path;
	char *bytes; /* exactly as read; for the record */
	size_t len;
	uint8_t sha256[32];
	const struct reach *reach; /* where the files that it names may lie: the caller's, set after it was read */

	/* batch */
	char lot[33], product[33], hw_rev[17], work_order[33];
	unsigned quantity;
	uint64_t takt_us; /* 0: none */
	bool test;	  /* simulated radios and test values are allowed */

	/* identity */
	char keys[256]; /* folder of millrace ca; "keys" in the current folder when the job is silent */
	char batch_key[33];
	char serial_pattern[40]; /* one of the two */
	uint64_t serial_first;
	char serial_file[256];
	bool has_pin;
	struct pin_policy pin;
	char organization[65];
	int64_t validity_s;
	bool subject_key_identifier;
	char hw_type_oid[64];
	uint32_t signer_us; /* signer: slow; 0: the key file */

	/* credentials */
	char method_word[24]; /* as the job writes it */
	const struct method *method;
	bool weak_ok; /* the job knows that others may read or guess what its method delivers */
	uint8_t ssid[32];
	size_t ssid_len;
	enum mr_security security;
	char passphrase_file[256], passphrase_env[64]; /* a reference, never the secret */
	bool join; /* the device joins the network before it passes; methods whose reach lets it go there */

	/* Wi-Fi Simple Configuration: methods with METHOD_ENROLLEES */
	enum job_wps_role wps_role;
	char wps_labels[256]; /* CSV, roster.h; "": a simulated batch makes labels up */

	/* Sniffer mode: methods with METHOD_BROADCAST */
	char scheme_word[16];	     /* as the job writes it */
	enum mr_smart_scheme scheme; /* MR_SMART_NONE: sealed, our own */
	enum job_carrier carrier;    /* of the sealed one */
	unsigned expect;	   /* without a list, so many that join while it is broadcast are the job's; 0: none */
	char scheme_key_file[256]; /* a shared key that a published scheme encrypts with; "": in clear */

	/* Wireless Accessory Configuration: methods with METHOD_ACCESSORIES */
	enum job_mfi wac_accept;
	char wac_trust[256];	  /* PEM; "": of a test authority, that of the folder of keys */
	char wac_coprocessor[64]; /* of simulated accessories: "emulated", or "i2c:/dev/i2c-N" */

	/* the devices' own access points: methods with METHOD_DEVICE_AP */
	char ap_ssid[41]; /* pattern, roster.h */
	enum job_secrets ap_secrets;
	char ap_labels[256]; /* CSV, roster.h; "": a simulated batch makes labels up */
	enum job_certificate ap_certificate;

	/* recipe: identify first, seal last */
	enum job_step recipe[JOB_STEP_COUNT];
	size_t recipe_len;

	/* radios, channels */
	bool radios_simulated, radios_auto;
	unsigned radio_count; /* simulated */
	char radio_profile[32];
	char radio_names[JOB_LIST_MAX][32]; /* by name, MAC or USB path */
	size_t radio_name_count;
	uint16_t channels[JOB_LIST_MAX]; /* MHz */
	size_t channel_count;
	char policy[16]; /* "pex" */
	bool steer;	 /* devices may be called over to another channel */

	/* admission, attempts, limits, guards */
	unsigned max_in_flight; /* sessions over all radios */
	int min_rssi_dbm;
	char expect_file[256]; /* list of device ids or MACs; "" any */
	uint64_t quiet_us;     /* nobody new for this long ends the batch; 0: it waits for its quantity */
	uint64_t lease_us;
	unsigned attempts_max; /* per unit */
	uint64_t patience_us;  /* silence of a device that ends an attempt */
	struct job_limit limits[JOB_LIST_MAX];
	size_t limit_count;
	unsigned guard_consecutive_fail; /* 0: off */
	uint64_t guard_disk_free;	 /* octets */

	/* simulation: only with simulated radios */
	unsigned sim_devices;
	uint64_t sim_seed;
	uint64_t sim_arrival_us; /* between two devices put on the line; 0: all at once */
	double sim_loss, sim_loss_burst;
	double sim_bystander_share;
	double sim_floor_m; /* devices are spread over a square of this side */
	struct job_chip_share sim_chips[8];
	size_t sim_chip_count;
	struct job_fault sim_faults[JOB_LIST_MAX];
	size_t sim_fault_count;
	uint16_t sim_network_mhz; /* where the network of the credentials is; 0: the first of `channels` */
	double sim_odd_share;	  /* of the devices, whose access points are odd */
	unsigned sim_neighbours;  /* networks of others in the devices' scan lists */
};

/* NULL: see errors. Only the file itself is read; `millrace check` looks at what it names. Paths in the result
 * are ready to open: those of the job are relative to its file. */
struct job *job_load(const char *path, struct job_errors *errors);
struct job *job_parse(const char *path, const char *bytes, size_t len, struct job_errors *errors);
bool job_has_step(const struct job *job, enum job_step step); /* in its recipe */
/* Of its devices' certificates; the texts are the job's. */
struct identity_profile job_profile(const struct job *job);
void job_destroy(struct job *job);

/* Reads the passphrase through its reference into `out` (65 octets, NUL-terminated); wipe it after use. 0 or -(cause).
 */
int job_passphrase(const struct job *job, char out[static 65], char *error, size_t error_len);
/* The shared key of its scheme into settings->key, none if the job names none; wipe it after use. 0 or -(cause). */
int job_scheme_key(const struct job *job, struct mr_smart_settings *settings, char *error, size_t error_len);
