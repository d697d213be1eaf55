/* The two check sums of sniffer mode. Neither keeps anybody from anything: whoever can send can compute them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* CRC-8/MAXIM: reflected polynomial 0x8c, no final xor; 0xa1 for "123456789". Begins with `crc` 0, goes on with its
 * result. */
uint8_t mr_crc8(uint8_t crc, const void *bytes, size_t len);
/* IEEE 802.3, as zlib has it; 0xcbf43926 for "123456789". */
uint32_t mr_crc32(const void *bytes, size_t len);
