/*
 * Generic netlink to nl80211 without a library: requests of a few attributes, answers walked in place. In the host's
 * byte order, as the kernel has it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_NETLINK_REQUEST_MAX 256

struct mr_netlink_request {
	uint8_t bytes[MR_NETLINK_REQUEST_MAX];
	size_t len;
	bool bad;
};

/* An attribute in an answer; walk with mr_netlink_next. */
struct mr_netlink_attribute {
	uint16_t type;
	const uint8_t *value;
	size_t len;
};

typedef void mr_netlink_fn(void *ctx, uint8_t command, const uint8_t *attributes, size_t len);

/* A socket for generic netlink, or -errno. */
int mr_netlink_open(void);
/* The number of the family nl80211, or -errno. */
int mr_netlink_nl80211(int fd, uint32_t *sequence);

void mr_netlink_begin(struct mr_netlink_request *request, uint16_t family, uint8_t command, uint16_t flags);
void mr_netlink_put(struct mr_netlink_request *request, uint16_t type, const void *value, size_t len);
void mr_netlink_put_u32(struct mr_netlink_request *request, uint16_t type, uint32_t value);
/* Sends it and hands each answer to `fn` (may be NULL). 0, or -errno. */
int mr_netlink_call(int fd, uint32_t *sequence, struct mr_netlink_request *request, mr_netlink_fn *fn, void *ctx);

bool mr_netlink_next(const uint8_t **at, size_t *left, struct mr_netlink_attribute *out);
uint32_t mr_netlink_u32(const struct mr_netlink_attribute *attribute);
