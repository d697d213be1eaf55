/*
 * A station, or whatever has taken its place at the control socket, says anything: hello, answers and lines of its own,
 * in pieces. A client ends, with words when it could not begin; what it takes for an answer has its id.
 *
 * The first octet says what is asked; then the lines.
 *
 * links: station/control/remote.c
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "station/control/place.h"
#include "station/control/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t *said;
static size_t said_len;

/* In place of place.c: the other end has said all and has shut its side. */
int place_connect(const char *path, char *error, size_t error_len)
{
	int ends[2], room = 1 << 20;

	(void)path, (void)error, (void)error_len;
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	(void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	assert(send(ends[1], said, said_len, MSG_DONTWAIT) == (ssize_t)said_len || said_len == 0);
	close(ends[1]);
	return ends[0];
}

static void ask(struct remote *r, uint8_t how)
{
	json_t *answer = remote_ask(r, json_pack("{s:s}", "cmd", "status"), how & 2 ? 0 : 1000);

	if (answer)
		assert(strcmp(json_string_value(json_object_get(answer, "type")), "answer") == 0);
	else if (!(how & 2))
		assert(remote_ended(r));
	json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t how = len ? data[0] : 0;
	char error[200] = "";
	struct remote *r;
	json_t *line;

	if (len > 65536)
		return -1;
	said = data + (len > 0);
	said_len = len - (len > 0);
	r = remote_open("fuzz", error, sizeof(error));
	assert(!r == (error[0] != '\0'));
	if (!r)
		return 0;
	assert(json_is_object(remote_hello(r)));
	if (how & 1)
		ask(r, how);
	while ((line = remote_read(r, 1000)))
		json_decref(line);
	assert(remote_ended(r));
	assert(!remote_send(r, json_pack("{s:s}", "cmd", "jobs")));
	remote_close(r);
	return 0;
}
