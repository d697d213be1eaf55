/*
 * The station's settings: what belongs to the machine and its people, not to a batch. YAML, read as strictly as a job;
 * config/station.yaml is an example, docs/control.md the manual.
 */
#pragma once

#include <sys/types.h>

#include "station/base/reach.h"
#include "station/control/request.h"
#include "station/label/scanner.h"
#include "station/yaml/complaint.h"

#define SETTINGS_PATH "/etc/millrace/station.yaml"
#define SETTINGS_LIST_MAX 256 /* users, groups, badges; chosen: of one station */
#define SETTINGS_NAME_MAX 64  /* octets; chosen: Linux has user names of 32 */

struct settings_rule {
	unsigned id; /* uid or gid */
	enum role role;
	char name[SETTINGS_NAME_MAX + 1];
};

struct settings_badge {
	char badge[SETTINGS_NAME_MAX + 1], name[SETTINGS_NAME_MAX + 1];
	enum role role;
};

struct settings {
	char socket[108]; /* "": the usual place; "none" */
	bool has_group;
	gid_t group;		   /* of the socket */
	enum role others;	   /* whom no rule names */
	char jobs[REACH_PATH_MAX]; /* folder that jobs must lie in; "": any, and serve takes none */
	bool has_job_files;	   /* `files` binds whoever runs a job, not only serve */
	struct reach files;	   /* folders that the files of jobs must lie in: job_files, and `jobs` */
	char metrics[64];	   /* ADDRESS:PORT, "": none */
	struct scanner_setup scanner;
	struct settings_rule users[SETTINGS_LIST_MAX], groups[SETTINGS_LIST_MAX];
	size_t user_count, group_count;
	struct settings_badge badges[SETTINGS_LIST_MAX];
	size_t badge_count;
};

/* Without a file: this user and root are leads, the others observers. */
void settings_default(struct settings *out);
/* false: what is wrong is in `errors`, a line each, with file, line and column. */
bool settings_parse(const char *path, const char *bytes, size_t len, struct settings *out, struct job_errors *errors);
/* `path` NULL: SETTINGS_PATH if it is there, else the default. */
bool settings_load(const char *path, struct settings *out, struct job_errors *errors);

/* Of a peer, by user and groups. `name`: the user's name in the settings, or NULL. */
enum role settings_role(const struct settings *settings, uid_t uid, const gid_t *gids, size_t gid_count,
			const char **name);
/* Small and capital letters alike: a keyboard may have Caps Lock. NULL: no such badge. */
const struct settings_badge *settings_badge(const struct settings *settings, const char *badge);
