/*
 * The control socket of hostapd or wpa_supplicant: commands and answers as text, one datagram each. Waits up to two
 * seconds for an answer, which comes at once from a program that is alive. After a restart of theirs the next command
 * finds it again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define MR_CTRL_PATH_MAX 108
#define MR_CTRL_TEXT_MAX 512 /* of a command */

/* Layout is ours. */
struct mr_ctrl {
	int fd;
	char path[MR_CTRL_PATH_MAX];
	bool events;
};

/* `events`: attached as a listener, for mr_ctrl_event only. false: nobody is there; errno says why. */
bool mr_ctrl_open(struct mr_ctrl *c, const char *path, bool events);
void mr_ctrl_close(struct mr_ctrl *c);

/* The answer, ended with NUL. false: none came. Wipes nothing: the caller owns the text of the command. */
bool mr_ctrl_ask(struct mr_ctrl *c, const char *command, char *answer, size_t cap);
/* true: the answer is OK. Wipes the text it makes, which may hold a passphrase. */
bool mr_ctrl_do(struct mr_ctrl *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For a listener: attaches again if the program was started anew. Its "PONG" comes as an event. */
bool mr_ctrl_revive(struct mr_ctrl *c);
/* The next event that has come, without its level ("<3>"). false: none. */
bool mr_ctrl_event(struct mr_ctrl *c, char *out, size_t cap);
