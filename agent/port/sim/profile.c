#include "agent/port/sim/profile.h"

#include <stdbool.h>

/*
 * Cryptography: instruction counts of BearSSL's m31 code on Cortex-M3 as measured under QEMU (P-256 key 4.4 M, ECDH 6.3
 * M, sign 5.6 M, verify 11.4 M; SHA-256 42 and AES-GCM about 360 per octet) times 1.77 cycles per instruction (a
 * published 145 ms for 8.2 M at 100 MHz) over the clock. X25519 is charged as the P-256 ECDH, its upper bound. PBKDF2
 * of a WPA passphrase 37.5 M with BearSSL; a TLS server's handshake 18.9 M in all: key, ECDH, signature and 2.6 M.
 * The 1536-bit exponentiation of WPS 22.6 M: chosen, 250 ms at 160 MHz.
 * cortex-m3: the m15 code (8.2, 12.2, 10.8, 22.3 M), which does not count on a constant-time multiplier.
 * Erasure code: counted in the listing of erasure.c for Cortex-M3, 6 multiplications of 134 for each symbol before.
 * Storage: erase of one 4 KiB sector 45 ms and 0.7 ms per 256 octets for serial NOR (Winbond W25Q, typical), one page
 * 85 ms and 41 us per word on nRF52840-class internal flash. Boot: order of magnitude of vendors' start-up figures.
 */
#define US(million, mhz) ((uint32_t)((million)*1000000.0 * 1.77 / (mhz)))
#define NS(per_octet, mhz) ((uint32_t)((per_octet)*1000.0 * 1.77 / (mhz)))
#define CORE(mhz, ecdh, key, sign, verify)                                                                             \
	.x25519_us = US(ecdh, mhz), .keygen_us = US(key, mhz), .sign_us = US(sign, mhz), .verify_us = US(verify, mhz), \
	.aead_ns = NS(360, mhz), .hash_ns = NS(42, mhz), .erasure_ns = NS(820, mhz), .pbkdf2_us = US(37.5, mhz),       \
	.tls_us = US((ecdh) + (key) + (sign) + 2.6, mhz), .modp1536_us = US(22.6, mhz)
#define NOR .erase_us = 45000, .write_ns = 2700, .read_ns = 50
#define INTERNAL .erase_us = 85000, .write_ns = 10250, .read_ns = 16

static const struct mr_chip_profile profiles[] = {
	{ .name = "esp32",
	  .boot_us = 300000,
	  .tune_us = 3000,
	  CORE(240, 6.3, 4.4, 5.6, 11.4),
	  NOR,
	  .selftest_us = 60000 },
	{ .name = "esp32-c3",
	  .boot_us = 300000,
	  .tune_us = 3000,
	  CORE(160, 6.3, 4.4, 5.6, 11.4),
	  NOR,
	  .selftest_us = 60000 },
	{ .name = "cortex-m4",
	  .boot_us = 120000,
	  .tune_us = 3000,
	  CORE(64, 6.3, 4.4, 5.6, 11.4),
	  INTERNAL,
	  .selftest_us = 80000 },
	{ .name = "cortex-m3",
	  .boot_us = 120000,
	  .tune_us = 3000,
	  CORE(80, 12.2, 8.2, 10.8, 22.3),
	  INTERNAL,
	  .selftest_us = 80000 },
	{ .name = "instant" },
};

const struct mr_chip_profile *mr_chip_profile(size_t i)
{
	return i < sizeof(profiles) / sizeof(profiles[0]) ? &profiles[i] : NULL;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

const struct mr_chip_profile *mr_chip_profile_named(const char *name)
{
	for (size_t i = 0; mr_chip_profile(i); i++)
		if (same(profiles[i].name, name))
			return &profiles[i];
	return NULL;
}
