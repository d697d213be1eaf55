#include "agent/port/linux/netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define HEADERS (NLMSG_HDRLEN + GENL_HDRLEN)
#define ATTRIBUTE_HEAD sizeof(struct nlattr)
#define ATTRIBUTE_TYPE 0x3fffu
#define ANSWER_MAX 16384
#define PADDED(n) (((n) + 3u) & ~(size_t)3)

int mr_netlink_open(void)
{
	struct sockaddr_nl here = { .nl_family = AF_NETLINK };
	struct timeval timeout = { .tv_sec = 5 };
	int on = 1, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&here, sizeof(here)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return fd;
}

void mr_netlink_begin(struct mr_netlink_request *request, uint16_t family, uint8_t command, uint16_t flags)
{
	struct nlmsghdr header = { .nlmsg_type = family, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags) };
	struct genlmsghdr generic = { .cmd = command, .version = 1 };

	request->bad = false;
	memset(request->bytes, 0, HEADERS);
	memcpy(request->bytes, &header, sizeof(header));
	memcpy(request->bytes + NLMSG_HDRLEN, &generic, sizeof(generic));
	request->len = HEADERS;
}

void mr_netlink_put(struct mr_netlink_request *request, uint16_t type, const void *value, size_t len)
{
	struct nlattr head = { .nla_len = (uint16_t)(ATTRIBUTE_HEAD + len), .nla_type = type };
	size_t whole = ATTRIBUTE_HEAD + PADDED(len);

	if (len > MR_NETLINK_REQUEST_MAX || whole > MR_NETLINK_REQUEST_MAX - request->len) {
		request->bad = true;
		return;
	}
	memset(request->bytes + request->len, 0, whole);
	memcpy(request->bytes + request->len, &head, sizeof(head));
	if (len > 0)
		memcpy(request->bytes + request->len + ATTRIBUTE_HEAD, value, len);
	request->len += whole;
}

void mr_netlink_put_u32(struct mr_netlink_request *request, uint16_t type, uint32_t value)
{
	mr_netlink_put(request, type, &value, sizeof(value));
}

bool mr_netlink_next(const uint8_t **at, size_t *left, struct mr_netlink_attribute *out)
{
	struct nlattr head;
	size_t step;

	if (*left < ATTRIBUTE_HEAD)
		return false;
	memcpy(&head, *at, sizeof(head));
	if (head.nla_len < ATTRIBUTE_HEAD || head.nla_len > *left)
		return false;
	out->type = head.nla_type & ATTRIBUTE_TYPE;
	out->value = *at + ATTRIBUTE_HEAD;
	out->len = (size_t)head.nla_len - ATTRIBUTE_HEAD;
	step = PADDED((size_t)head.nla_len);
	if (step > *left)
		step = *left;
	*at += step;
	*left -= step;
	return true;
}

uint32_t mr_netlink_u32(const struct mr_netlink_attribute *attribute)
{
	uint32_t value = 0;

	if (attribute->len >= sizeof(value))
		memcpy(&value, attribute->value, sizeof(value));
	return value;
}

/* One datagram of answers. 1: more to come; 0 or -errno: the end. */
static int take_answers(const uint8_t *at, size_t left, uint32_t sequence, mr_netlink_fn *fn, void *ctx)
{
	while (left >= NLMSG_HDRLEN) {
		struct nlmsghdr header;
		size_t step;

		memcpy(&header, at, sizeof(header));
		if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > left)
			return -EBADMSG;
		if (header.nlmsg_seq == sequence) {
			int error = 0;

			if (header.nlmsg_type == NLMSG_DONE)
				return 0;
			if (header.nlmsg_type == NLMSG_ERROR) {
				if (header.nlmsg_len >= NLMSG_HDRLEN + sizeof(error))
					memcpy(&error, at + NLMSG_HDRLEN, sizeof(error));
				return error;
			}
			if (fn && header.nlmsg_len >= HEADERS)
				fn(ctx, at[NLMSG_HDRLEN], at + HEADERS, header.nlmsg_len - HEADERS);
		}
		step = PADDED((size_t)header.nlmsg_len);
		if (step > left)
			step = left;
		at += step;
		left -= step;
	}
	return 1;
}

int mr_netlink_call(int fd, uint32_t *sequence, struct mr_netlink_request *request, mr_netlink_fn *fn, void *ctx)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	uint8_t answer[ANSWER_MAX];
	struct nlmsghdr header;
	int result = 1;

	if (request->bad)
		return -EMSGSIZE;
	memcpy(&header, request->bytes, sizeof(header));
	header.nlmsg_len = (uint32_t)request->len;
	header.nlmsg_seq = ++*sequence;
	memcpy(request->bytes, &header, sizeof(header));
	if (sendto(fd, request->bytes, request->len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	while (result == 1) {
		ssize_t got = recv(fd, answer, sizeof(answer), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		result = take_answers(answer, (size_t)got, *sequence, fn, ctx);
	}
	return result;
}

static void on_family(void *ctx, uint8_t command, const uint8_t *attributes, size_t len)
{
	struct mr_netlink_attribute attribute;
	uint16_t number;

	(void)command;
	while (mr_netlink_next(&attributes, &len, &attribute))
		if (attribute.type == CTRL_ATTR_FAMILY_ID && attribute.len >= sizeof(number)) {
			memcpy(&number, attribute.value, sizeof(number));
			*(int *)ctx = number;
		}
}

int mr_netlink_nl80211(int fd, uint32_t *sequence)
{
	struct mr_netlink_request request;
	int family = -ENOENT, error;

	mr_netlink_begin(&request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	mr_netlink_put(&request, CTRL_ATTR_FAMILY_NAME, "nl80211", sizeof("nl80211"));
	error = mr_netlink_call(fd, sequence, &request, on_family, &family);
	return error < 0 ? error : family;
}
