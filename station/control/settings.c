#include "station/control/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "db/text.h"
#include "station/yaml/complaint.h"
#include "station/yaml/tree.h"
#include "station/yaml/words.h"

struct reader {
	struct settings *s;
	struct complaints *c;
};

static void wrong(struct reader *r, const struct node *node, const char *what, const char *allowed)
{
	complain(r->c, node->line, node->column, "%s \"%s\"; allowed: %s", what,
		 node->kind == NODE_SCALAR ? quoted(node->text, node->len).text : "a list or a map", allowed);
}

/* A scalar of 1 to max octets without control characters, into `out`. */
static bool text(struct reader *r, const struct node *node, const char *name, char *out, size_t max)
{
	bool good = node->kind == NODE_SCALAR && node->len > 0 && node->len == strnlen(node->text, node->len);

	if (!good || text_wrong(node->text, max)) {
		complain(r->c, node->line, node->column,
			 "%s is a text of 1 to %zu octets without characters that do not show", name, max);
		return false;
	}
	memcpy(out, node->text, node->len);
	out[node->len] = '\0';
	return true;
}

static bool role(struct reader *r, const struct node *node, enum role *out)
{
	char word[16];

	if (node->kind == NODE_SCALAR && node->len < sizeof(word)) {
		memcpy(word, node->text, node->len);
		word[node->len] = '\0';
		if (role_parse(word, out))
			return true;
	}
	wrong(r, node, "there is no role", "none, observer, operator, lead");
	return false;
}

/* A number, or a name that the machine knows. */
static bool user_id(const char *name, unsigned *out)
{
	const struct passwd *p;
	char *end;

	errno = 0;
	*out = (unsigned)strtoul(name, &end, 10);
	if (name[0] >= '0' && name[0] <= '9' && *end == '\0' && errno == 0)
		return true;
	p = getpwnam(name);
	if (p)
		*out = p->pw_uid;
	return p != NULL;
}

static bool group_id(const char *name, unsigned *out)
{
	const struct group *g;
	char *end;

	errno = 0;
	*out = (unsigned)strtoul(name, &end, 10);
	if (name[0] >= '0' && name[0] <= '9' && *end == '\0' && errno == 0)
		return true;
	g = getgrnam(name);
	if (g)
		*out = g->gr_gid;
	return g != NULL;
}

static void rules(struct reader *r, const struct node *map, struct settings_rule *list, size_t *count,
		  bool (*id)(const char *, unsigned *))
{
	if (map->kind != NODE_MAP) {
		wrong(r, map, "not a map:", "NAME: ROLE");
		return;
	}
	for (const struct node *n = map->child; n; n = n->next) {
		struct settings_rule rule = { 0 };

		if (*count == SETTINGS_LIST_MAX) {
			complain(r->c, n->line, n->column, "at most %d are allowed", SETTINGS_LIST_MAX);
			return;
		}
		if (!text(r, n->key, "a name", rule.name, SETTINGS_NAME_MAX) || !role(r, n, &rule.role))
			continue;
		if (!id(rule.name, &rule.id))
			complain(r->c, n->key->line, n->key->column,
				 "this machine does not know \"%s\"; allowed: a name it "
				 "knows, or a number",
				 quoted(rule.name, strlen(rule.name)).text);
		else
			list[(*count)++] = rule;
	}
}

static void unknown(struct reader *r, const struct node *key, const char *const *names)
{
	const char *nearest = words_nearest(key->text, names);

	complain(r->c, key->line, key->column, "unknown key \"%s\"%s%s%s", quoted(key->text, key->len).text,
		 nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static void badge(struct reader *r, const struct node *item)
{
	static const char *const names[] = { "badge", "name", "role", NULL };
	const struct node *number, *name, *is;
	struct settings_badge b = { 0 };

	if (item->kind != NODE_MAP) {
		wrong(r, item, "not a badge:", "{badge: \"0417\", name: \"Ana\", role: operator}");
		return;
	}
	for (const struct node *n = item->child; n; n = n->next)
		if (strcmp(n->key->text, "badge") != 0 && strcmp(n->key->text, "name") != 0 &&
		    strcmp(n->key->text, "role") != 0)
			unknown(r, n->key, names);
	number = tree_value(item, "badge", 5);
	name = tree_value(item, "name", 4);
	is = tree_value(item, "role", 4);
	if (!number || !name || !is) {
		complain(r->c, item->line, item->column, "a badge has the keys badge, name and role");
		return;
	}
	if (!text(r, number, "badge", b.badge, SETTINGS_NAME_MAX) ||
	    !text(r, name, "name", b.name, SETTINGS_NAME_MAX) || !role(r, is, &b.role))
		return;
	if (settings_badge(r->s, b.badge))
		complain(r->c, number->line, number->column, "this badge is there twice");
	else if (r->s->badge_count == SETTINGS_LIST_MAX)
		complain(r->c, item->line, item->column, "at most %d badges are allowed", SETTINGS_LIST_MAX);
	else
		r->s->badges[r->s->badge_count++] = b;
}

static void add_folder(struct reader *r, const struct node *node, const char *folder)
{
	struct reach *files = &r->s->files;

	if (folder[0] != '/')
		complain(r->c, node->line, node->column,
			 "\"%s\" is no place for everybody; allowed: a name that begins "
			 "with /",
			 quoted(folder, strlen(folder)).text);
	else if (files->count == REACH_FOLDERS_MAX)
		complain(r->c, node->line, node->column, "at most %d folders are allowed, control.jobs among them",
			 REACH_FOLDERS_MAX);
	else
		snprintf(files->folder[files->count++], REACH_PATH_MAX, "%s", folder);
}

/* Where passphrases, labels and lists may lie, beside the folder of the jobs. */
static void job_files(struct reader *r, const struct node *list)
{
	char folder[REACH_PATH_MAX];

	r->s->has_job_files = true;
	if (list->kind != NODE_LIST) {
		wrong(r, list, "not a list:", "[/etc/millrace/lists]");
		return;
	}
	for (const struct node *n = list->child; n; n = n->next)
		if (text(r, n, "a folder", folder, sizeof(folder) - 1))
			add_folder(r, n, folder);
}

static void control(struct reader *r, const struct node *map)
{
	static const char *const names[] = {
		"socket", "group", "others", "jobs", "users", "groups", "job_files", NULL
	};
	char name[SETTINGS_NAME_MAX + 1];
	unsigned id;

	if (map->kind != NODE_MAP) {
		wrong(r, map, "not a map:", "socket, group, others, jobs, job_files, users, groups");
		return;
	}
	for (const struct node *n = map->child; n; n = n->next) {
		const char *key = n->key->text;

		if (strcmp(key, "socket") == 0) {
			(void)text(r, n, "socket", r->s->socket, sizeof(r->s->socket) - 1);
		} else if (strcmp(key, "group") == 0) {
			r->s->has_group = text(r, n, "group", name, SETTINGS_NAME_MAX) && group_id(name, &id);
			if (r->s->has_group)
				r->s->group = id;
			else
				complain(r->c, n->line, n->column, "this machine has no such group");
		} else if (strcmp(key, "others") == 0) {
			(void)role(r, n, &r->s->others);
		} else if (strcmp(key, "jobs") == 0) {
			if (text(r, n, "jobs", r->s->jobs, sizeof(r->s->jobs) - 1))
				add_folder(r, n, r->s->jobs);
		} else if (strcmp(key, "job_files") == 0) {
			job_files(r, n);
		} else if (strcmp(key, "users") == 0) {
			rules(r, n, r->s->users, &r->s->user_count, user_id);
		} else if (strcmp(key, "groups") == 0) {
			rules(r, n, r->s->groups, &r->s->group_count, group_id);
		} else {
			unknown(r, n->key, names);
		}
	}
}

/* What scanners send before or behind a code, by its name or as it is. False: it was complained about. */
static bool affix(struct reader *r, const struct node *node, const char *name, const char *const words[][2],
		  char out[static SCANNER_AFFIX_MAX + 1])
{
	for (size_t i = 0; node->kind == NODE_SCALAR && words[i][0]; i++)
		if (strcmp(node->text, words[i][0]) == 0) {
			snprintf(out, SCANNER_AFFIX_MAX + 1, "%s", words[i][1]);
			return true;
		}
	return text(r, node, name, out, SCANNER_AFFIX_MAX);
}

static void scanner(struct reader *r, const struct node *map)
{
	static const char *const names[] = { "prefix", "suffix", NULL };
	static const char *const before[][2] = { { "none", "" }, { "stx", "" }, { "soh", "\001" }, { NULL, NULL } };
	/* Enter, Tab, ETX and EOT end a scan in any case; "none" is its own. */
	static const char *const behind[][2] = { { "enter", "" }, { "tab", "\t" }, { "etx", "" },
						 { "eot", "" },	  { "none", "" },  { NULL, NULL } };
	struct scanner_setup *s = &r->s->scanner;

	if (map->kind != NODE_MAP) {
		wrong(r, map, "not a map:", "prefix, suffix");
		return;
	}
	for (const struct node *n = map->child; n; n = n->next) {
		if (strcmp(n->key->text, "prefix") == 0)
			(void)affix(r, n, "prefix (none, stx, soh, or itself)", before, s->prefix);
		else if (strcmp(n->key->text, "suffix") == 0 &&
			 affix(r, n, "suffix (enter, tab, etx, eot, none, or itself)", behind, s->suffix))
			s->silence = strcmp(n->text, "none") == 0;
		else if (strcmp(n->key->text, "suffix") != 0)
			unknown(r, n->key, names);
	}
}

static void root(struct reader *r, const struct node *map)
{
	static const char *const names[] = { "format", "control", "badges", "metrics", "scanner", NULL };
	const struct node *format = tree_value(map, "format", 6);

	if (!format || format->kind != NODE_SCALAR || strcmp(format->text, "1") != 0)
		complain(r->c, format ? format->line : 1, format ? format->column : 1, "format: 1 is wanted");
	for (const struct node *n = map->child; n; n = n->next) {
		const char *key = n->key->text;

		if (strcmp(key, "control") == 0)
			control(r, n);
		else if (strcmp(key, "scanner") == 0)
			scanner(r, n);
		else if (strcmp(key, "metrics") == 0)
			(void)text(r, n, "metrics", r->s->metrics, sizeof(r->s->metrics) - 1);
		else if (strcmp(key, "badges") == 0 && n->kind == NODE_LIST)
			for (const struct node *item = n->child; item; item = item->next)
				badge(r, item);
		else if (strcmp(key, "badges") == 0)
			wrong(r, n, "not a list:", "- {badge: \"0417\", name: \"Ana\", role: operator}");
		else if (strcmp(key, "format") != 0)
			unknown(r, n->key, names);
	}
}

void settings_default(struct settings *out)
{
	const struct passwd *me = getpwuid(geteuid());

	*out = (struct settings){ .others = ROLE_OBSERVER,
				  .user_count = 1,
				  .users = { { .id = 0, .role = ROLE_LEAD, .name = "root" } } };
	if (geteuid() == 0)
		return;
	out->users[out->user_count] = (struct settings_rule){ .id = geteuid(), .role = ROLE_LEAD };
	snprintf(out->users[out->user_count++].name, SETTINGS_NAME_MAX + 1, "%s", me ? me->pw_name : "");
}

bool settings_parse(const char *path, const char *bytes, size_t len, struct settings *out, struct job_errors *errors)
{
	struct complaints c;
	struct reader r = { out, &c };
	struct tree *tree;

	*out = (struct settings){ .others = ROLE_OBSERVER };
	complaints_init(&c, path, errors);
	tree = tree_parse(bytes, len, &c);
	if (tree)
		root(&r, tree_root(tree));
	tree_destroy(tree);
	complaints_sort(&c);
	return errors->count == 0;
}

bool settings_load(const char *path, struct settings *out, struct job_errors *errors)
{
	struct complaints c;
	char *bytes = malloc(TREE_OCTETS_MAX);
	size_t len = 0;
	FILE *f;

	complaints_init(&c, path ? path : SETTINGS_PATH, errors);
	f = fopen(path ? path : SETTINGS_PATH, "re");
	if (!f && !path && errno == ENOENT) {
		settings_default(out);
		free(bytes);
		return true;
	}
	if (!f || !bytes) {
		complain(&c, 1, 1, "cannot be read: %s; allowed: a YAML file", strerror(errno));
	} else {
		len = fread(bytes, 1, TREE_OCTETS_MAX, f);
		(void)settings_parse(path ? path : SETTINGS_PATH, bytes, len, out, errors);
	}
	if (f)
		fclose(f);
	free(bytes);
	return errors->count == 0;
}

enum role settings_role(const struct settings *s, uid_t uid, const gid_t *gids, size_t gid_count, const char **name)
{
	enum role best = ROLE_NONE;
	bool named = false;

	*name = NULL;
	for (size_t i = 0; i < s->user_count; i++)
		if (s->users[i].id == uid) {
			named = true;
			best = s->users[i].role > best ? s->users[i].role : best;
			*name = s->users[i].name[0] ? s->users[i].name : NULL;
		}
	for (size_t i = 0; i < s->group_count; i++)
		for (size_t k = 0; k < gid_count; k++)
			if (s->groups[i].id == gids[k]) {
				named = true;
				best = s->groups[i].role > best ? s->groups[i].role : best;
			}
	return named ? best : s->others;
}

const struct settings_badge *settings_badge(const struct settings *s, const char *number)
{
	for (size_t i = 0; i < s->badge_count; i++)
		if (strcasecmp(s->badges[i].badge, number) == 0)
			return &s->badges[i];
	return NULL;
}
