/*
 * What an accessory proves with its authentication coprocessor: its certificate chains up to an authority that the
 * operator named, and its key has signed both keys of the exchange. We bring no authority of our own; the certificates
 * of Apple's are the operator's to install.
 */
#pragma once

#include "agent/wire/mfi_sap.h"

/* What a job accepts. */
enum mfi_accept {
	MFI_ACCEPT_MFI,	    /* a chain up to an authority of the trust file, and no emulation in it */
	MFI_ACCEPT_TEST_CA, /* the same, emulations too */
	MFI_ACCEPT_ANY,	    /* any certificate, if its key has signed */
};

#define MFI_TEXT_MAX 120 /* octets of a name, in the form of RFC 2253; longer ones are cut */

struct mfi_verdict {
	bool chains;	    /* up to an authority of the trust file */
	bool emulated;	    /* a certificate of the chain says so itself */
	bool signed_;	    /* the key of the certificate has signed */
	uint8_t generation; /* of the coprocessor, by the kind of its key: 2 or 3; 0: of neither */
	char subject[MFI_TEXT_MAX + 1], issuer[MFI_TEXT_MAX + 1], authority[MFI_TEXT_MAX + 1];
	char serial[65]; /* hexadecimal, of the certificate */
	uint8_t sha256[32];
	char why[160]; /* in words, where something is not so; else empty */
};

struct mfi_trust;

/* A PEM file with one or more certificates, each of them an authority. NULL: with a sentence in `error`. */
struct mfi_trust *mfi_trust_open(const char *path, char *error, size_t error_len);
/* Without any authority, for MFI_ACCEPT_ANY. */
struct mfi_trust *mfi_trust_none(void);
void mfi_trust_close(struct mfi_trust *trust);

/*
 * `certificate`: PKCS #7 with exactly one; `signature`: in the clear, over `message`. Chains are looked at for the
 * instant at which the certificate begins, because the authority of generation 2 has ended. True: it is what `accept`
 * asks for; `out` is filled as far as could be read in any case.
 */
bool mfi_verify(const struct mfi_trust *trust, enum mfi_accept accept, struct mr_rd certificate,
		const uint8_t message[static MR_MFI_MESSAGE_LEN], struct mr_rd signature, struct mfi_verdict *out);
