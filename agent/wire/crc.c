#include "agent/wire/crc.h"

uint8_t mr_crc8(uint8_t crc, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++) {
		crc ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (uint8_t)(crc >> 1 ^ (crc & 1 ? 0x8c : 0));
	}
	return crc;
}

uint32_t mr_crc32(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < len; i++) {
		crc ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}
