/*
 * What work costs a kind of chip: a row each. Sources in profile.c. Jobs name them, so this knows nothing of the agent.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct mr_chip_profile {
	const char *name;
	uint32_t boot_us, tune_us;
	uint32_t x25519_us, keygen_us, sign_us, verify_us;
	uint32_t aead_ns, hash_ns;	      /* per octet */
	uint32_t erasure_ns;		      /* per symbol and symbol before it */
	uint32_t erase_us, write_ns, read_ns; /* per store write; per octet */
	uint32_t selftest_us;
	uint32_t pbkdf2_us, tls_us, modp1536_us;
};
const struct mr_chip_profile *mr_chip_profile(size_t i);	       /* NULL ends the table */
const struct mr_chip_profile *mr_chip_profile_named(const char *name); /* NULL: none */
