/* The four functions that a freestanding compiler expects of everybody, for images without a C library. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *at, int octet, size_t len);
int memcmp(const void *a, const void *b, size_t len);

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (t < f)
		return memcpy(to, from, len);
	while (len-- > 0)
		t[len] = f[len];
	return to;
}

void *memset(void *at, int octet, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)at)[i] = (uint8_t)octet;
	return at;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *l = a, *r = b;

	for (size_t i = 0; i < len; i++)
		if (l[i] != r[i])
			return l[i] < r[i] ? -1 : 1;
	return 0;
}
