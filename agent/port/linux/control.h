/*
 * The control socket of hostapd or wpa_supplicant: commands and answers as text, one datagram each. Waits up to two
 * seconds for an answer, which comes at once from a program that is alive. After a restart of theirs the next command
 * finds it again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_PATH_MAX 108
#define CONTROL_TEXT_MAX 512 /* of a command */

/* Layout is ours. */
struct control {
	int fd;
	char path[CONTROL_PATH_MAX];
	bool events;
};

/* `events`: attached as a listener, for control_event only. false: nobody is there; errno says why. */
bool control_open(struct control *c, const char *path, bool events);
void control_close(struct control *c);

/* The answer, ended with NUL. false: none came. Wipes nothing: the caller owns the text of the command. */
bool control_ask(struct control *c, const char *command, char *answer, size_t cap);
/* true: the answer is OK. Wipes the text it makes, which may hold a passphrase. */
bool control_do(struct control *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For a listener: attaches again if the program was started anew. Its "PONG" comes as an event. */
bool control_revive(struct control *c);
/* The next event that has come, without its level ("<3>"). false: none. */
bool control_event(struct control *c, char *out, size_t cap);
