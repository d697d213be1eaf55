/*
 * An authentication coprocessor of Apple's accessories, generations 2.0C and 3.0: its register map as openly licensed
 * code has it, above any bus. It gives its certificate and signs a message of 64 octets; what else it can do is not
 * needed. Time in, a deadline out: a chip that is busy does not acknowledge, and is asked again.
 *
 *	mr_mfi_cp_open -> { mr_mfi_cp_certificate | mr_mfi_cp_sign -> { mr_mfi_cp_run at deadline_us } } ...
 *		-> mr_mfi_cp_close
 */
#pragma once

#include "agent/port/mfi_bus.h"
#include "agent/wire/mfi_sap.h"

#define MR_MFI_RETRY_US 500u
#define MR_MFI_TRIES_MAX 1000u	    /* of one transfer */
#define MR_MFI_SIGN_TRIES_MAX 4000u /* chosen: 2 s, while it signs */

enum mr_mfi_result { MR_MFI_IDLE, MR_MFI_BUSY, MR_MFI_DONE, MR_MFI_FAILED };

/* Why it has failed. */
enum mr_mfi_trouble {
	MR_MFI_FINE,
	MR_MFI_SILENT,	/* it did not acknowledge for longer than it may */
	MR_MFI_BROKEN,	/* the bus */
	MR_MFI_UNKNOWN, /* neither of the two generations */
	MR_MFI_ABSURD,	/* a length beyond what a chip of that generation has */
	MR_MFI_REFUSED, /* it says so itself: `code` */
};

struct mr_mfi_step;

/* Layout is ours; what is marked is for reading. */
struct mr_mfi_cp {
	struct mr_mfi_bus bus;
	enum mr_mfi_result result;   /* read it */
	enum mr_mfi_trouble trouble; /* read it */
	uint8_t code;		     /* read it: its error register, once it has failed or is done */
	uint8_t generation;	     /* read it: 2 or 3; 0: not known yet */
	uint64_t deadline_us;	     /* read it: when to run next; UINT64_MAX: nothing is under way */
	uint8_t signature[MR_MFI_RSA_LEN];
	size_t signature_len; /* read both, once a signature is done */
	uint8_t certificate[MR_MFI_CERTIFICATE_MAX];
	size_t certificate_len; /* read both, once the certificate is done */
	const struct mr_mfi_step *step;
	uint8_t message[MR_MFI_MESSAGE_LEN], digest[32];
	bool addressed; /* the register is chosen, its octets are still to be read */
	unsigned tries;
	size_t read_len, certificate_at;
	uint8_t version, in[128];
};

void mr_mfi_cp_open(struct mr_mfi_cp *cp, const struct mr_mfi_bus *bus);
void mr_mfi_cp_close(struct mr_mfi_cp *cp);
/* One at a time: what is under way is forgotten. */
void mr_mfi_cp_certificate(struct mr_mfi_cp *cp, uint64_t now_us);
void mr_mfi_cp_sign(struct mr_mfi_cp *cp, const uint8_t message[static MR_MFI_MESSAGE_LEN], uint64_t now_us);
/* At its deadline. BUSY: again at the next one. */
enum mr_mfi_result mr_mfi_cp_run(struct mr_mfi_cp *cp, uint64_t now_us);
