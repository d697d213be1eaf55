/*
 * A model of the coprocessor's register file, behind the same bus as a chip: the registers that its driver uses, their
 * lengths, the error codes, and that it does not acknowledge while it is busy. What signs is its owner's.
 */
#pragma once

#include "agent/port/mfi_bus.h"
#include "agent/wire/mfi_sap.h"

/* Of the error register, as far as the model has them. */
enum mr_mfi_error {
	MR_MFI_NO_ERROR = 0,
	MR_MFI_BAD_READ = 1,
	MR_MFI_BAD_REGISTER = 2,
	MR_MFI_BAD_RESPONSE_LEN = 3,
	MR_MFI_BAD_CHALLENGE_LEN = 4,
	MR_MFI_SIGNING = 6,
	MR_MFI_BAD_CONTROL = 0x0a,
	MR_MFI_OUT_OF_SEQUENCE = 0x0b,
};

struct mr_mfi_model_config {
	uint8_t generation; /* 2 or 3 */
	struct mr_rd certificate;
	uint32_t sign_us;   /* that a signature takes */
	uint32_t access_us; /* that it is busy after each transfer of octets to it */
	/* A signature over 20 or 32 octets: 128 or 64 octets. false: it fails inside. */
	bool (*sign)(void *ctx, const uint8_t *digest, size_t digest_len, uint8_t *signature);
	uint64_t (*now_us)(void *ctx);
	void *ctx;
};

/* Layout is ours. */
struct mr_mfi_model {
	struct mr_mfi_model_config config;
	uint64_t busy_until_us;
	uint8_t reg;
	bool addressed, has_challenge;
	uint8_t error, control;
	uint16_t challenge_len, response_len;
	uint8_t challenge[32], response[MR_MFI_RSA_LEN];
};

/* The bus is the model's, and lives as long. */
struct mr_mfi_bus mr_mfi_model_open(struct mr_mfi_model *model, const struct mr_mfi_model_config *config);
