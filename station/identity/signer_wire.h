/*
 * What a station and its signer say to each other: one message in a packet, on one of SIGNER_CHANNELS socket pairs.
 *
 *	request   version 1   kind 1   number 4   body
 *	answer    version 1   kind 1   number 4   cause 2   body (cause 0: of the kind; else a sentence)
 *
 * Numbers are little-endian; a text has its length before it, 2 octets. Each kind is taken on one channel only, the
 * numbers of requests are the station's choice, and answers come in the order of the requests. No answer holds a key,
 * and nothing is signed that the signer has not read.
 *
 *	kind          on            request -> answer
 *	SET_UP        LINE, first   struct identity_apart -> kek_id, record_key_id, the public half of station.key,
 *	                            what protections are missing
 *	AGREE         LINE          32 octets, an X25519 public key -> the 32 octets that it and station.key agree on
 *	SEAL          LINE          product, serial, PIN -> the sealed PIN
 *	OPEN          LINE          product, serial, the sealed PIN -> the PIN
 *	LOOKUP        LINE          product, PIN -> 32 octets
 *	DIGEST        LINE          a text -> 32 octets
 *	CERTIFICATE   CERTIFICATES  TBSCertificate of the profile -> ECDSA signature, DER
 *	SIGN_RECORD   RECORD        32 octets, a head of the record -> ECDSA signature, DER
 */
#pragma once

#include <string.h>

#include "agent/wire/cursor.h"
#include "station/identity/identity.h"

#define SIGNER_VERSION 1
#define SIGNER_MESSAGE_MAX 8192	 /* octets; chosen: a set-up with the longest path */
#define SIGNER_TEXT_MAX 2048	 /* octets of a text whose digest is asked for; chosen: labels say up to 600 */
#define SIGNER_SENTENCE_MAX 1024 /* octets of what is wrong with a key file, its path included */
#define SIGNER_WINDOW 8		 /* certificates under way; chosen: as many delay a PIN, by 0.5 ms */

enum signer_kind {
	SIGNER_SET_UP = 1,
	SIGNER_SEAL,
	SIGNER_OPEN,
	SIGNER_LOOKUP,
	SIGNER_DIGEST,
	SIGNER_CERTIFICATE,
	SIGNER_SIGN_RECORD,
	SIGNER_AGREE
};

struct signer_head {
	uint8_t kind;
	uint32_t number;
	uint16_t cause; /* of an answer */
};

static inline void signer_put_head(struct mr_wr *out, const struct signer_head *head)
{
	mr_wr_u8(out, SIGNER_VERSION);
	mr_wr_u8(out, head->kind);
	mr_wr_le32(out, head->number);
}

static inline void signer_put_answer(struct mr_wr *out, const struct signer_head *head)
{
	signer_put_head(out, head);
	mr_wr_le16(out, head->cause);
}

static inline bool signer_get_head(struct mr_rd *in, struct signer_head *head)
{
	uint8_t version = mr_rd_u8(in);

	*head = (struct signer_head){ .kind = mr_rd_u8(in), .number = mr_rd_le32(in) };
	return !in->bad && version == SIGNER_VERSION;
}

static inline bool signer_get_answer(struct mr_rd *in, struct signer_head *head)
{
	bool ok = signer_get_head(in, head);

	head->cause = mr_rd_le16(in);
	return ok && !in->bad;
}

static inline void signer_put_text(struct mr_wr *out, const char *text)
{
	size_t len = strlen(text);

	if (len > UINT16_MAX) {
		out->bad = true;
		return;
	}
	mr_wr_le16(out, (uint16_t)len);
	mr_wr_bytes(out, text, len);
}

/* Into `cap` octets, its NUL included; `bad` when it is longer, or has a NUL in it. */
static inline void signer_get_text(struct mr_rd *in, char *text, size_t cap)
{
	size_t len = mr_rd_le16(in);

	text[0] = '\0';
	if (len >= cap) {
		in->bad = true;
		return;
	}
	mr_rd_copy(in, text, len);
	text[len] = '\0';
	if (strlen(text) != len)
		in->bad = true;
}
