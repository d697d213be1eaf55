/*
 * Any octets as a radiotap header: what is accepted lies inside the input.
 *
 * links: station/radio/radiotap.c
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "station/radio/radiotap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct radiotap r;
	struct mr_rd frame;

	if (!radiotap_parse(mr_rd_over(data, size), &r, &frame))
		return 0;
	if (frame.bad || frame.at < data + 8 || frame.left > size || frame.at + frame.left > data + size)
		abort();
	return 0;
}
