/*
 * The one source of random octets. On the line: the kernel's. On the simulated air: a generator keyed by the
 * seed (AES-256-CTR, NIST SP 800-38A 6.5), so that a run repeats to the byte; its output is not secret.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct entropy;

struct entropy *entropy_create_kernel(void);
/* `label` separates streams of one seed: "station", "air", "device 17". NULL: no memory. */
struct entropy *entropy_create_seeded(uint64_t seed, const char *label);
void entropy_destroy(struct entropy *entropy);

/* Fills `out`; never fails: a kernel without entropy ends the process, for nothing secret may be made then. */
void entropy_fill(struct entropy *entropy, void *out, size_t len);
/* Uniform in [0, bound), by rejection; bound > 0. */
uint64_t entropy_below(struct entropy *entropy, uint64_t bound);

/*
 * Simulated runs only: makes OpenSSL draw from `entropy` too (ECDSA nonces, key generation), process-wide, because
 * OpenSSL's generator is process-wide. NULL gives OpenSSL its own generator back.
 */
void entropy_lend_to_openssl(struct entropy *entropy);
/* What OpenSSL draws on this thread from here on is the kernel's, until it is resumed: for what a repeated run may
 * differ in, so that it shifts nothing else. */
struct entropy *entropy_lent_pause(void);
void entropy_lent_resume(struct entropy *paused);
