#include "station/job/job.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/crypto.h"
#include "station/job/reading.h"
#include "station/method/method.h"
#include "station/yaml/tree.h"
#include "station/yaml/words.h"

#define PATH_TEXT_MAX 160	  /* octets of a key's path in a message; chosen: the longest has 43 */
#define SIM_QUIET_US 10000000u	  /* on the simulated air nobody is late */
#define SIM_LISTENING_US 60000000 /* a scheme at 40 % loss takes half of that until the first has it */

/*
 * The tree, by the table.
 */
static size_t row_of(const struct key *key) { return (size_t)(key - job_keys); }

/* The last part of a row's path when the row lies directly below `path` ("": the top), else NULL. */
static const char *directly_below(const struct key *key, const char *path)
{
	size_t len = strlen(path);
	const char *name = key->path;

	if (len > 0) {
		if (strncmp(name, path, len) != 0 || name[len] != '.')
			return NULL;
		name += len + 1;
	}
	return strpbrk(name, ".[") ? NULL : name;
}

static void complain_unknown_key(struct reading *r, const struct node *name, const char *path)
{
	const char *siblings[KEYS_MAX] = { NULL }, *nearest, *elsewhere = NULL;
	char allowed[160] = "";
	size_t count = 0, len = 0;

	for (size_t i = 0; i < job_key_count; i++) {
		const char *below = directly_below(&job_keys[i], path);
		const char *dot = strrchr(job_keys[i].path, '.');

		if (dot && !elsewhere && strcmp(dot + 1, name->text) == 0)
			elsewhere = job_keys[i].path;
		if (!below || (count > 0 && strcmp(siblings[count - 1], below) == 0))
			continue;
		siblings[count++] = below;
		len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s%s", len ? ", " : "", below);
		assert(len < sizeof(allowed));
	}
	nearest = words_nearest(name->text, siblings);
	if (!nearest)
		nearest = elsewhere;
	complain(r->c, name->line, name->column, "unknown key \"%s\"%s%s; allowed: %s%s%s%s",
		 quoted(name->text, name->len).text, *path ? " in " : "", path, allowed,
		 nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static void read_value(struct reading *r, const struct key *key, const struct node *node, void *base);

static void read_map(struct reading *r, const struct node *map, const char *path, void *base)
{
	for (const struct node *value = map->child; value; value = value->next) {
		char at[PATH_TEXT_MAX];
		const struct key *key = NULL;

		if (value->key->refused)
			continue;
		if ((size_t)snprintf(at, sizeof(at), "%s%s%s", path, *path ? "." : "", value->key->text) < sizeof(at) &&
		    strlen(value->key->text) == value->key->len && !strpbrk(value->key->text, ".["))
			key = job_key(at, value->kind);
		if (key)
			read_value(r, key, value, base);
		else
			complain_unknown_key(r, value->key, path);
	}
	for (size_t i = 0; i < job_key_count; i++) {
		const char *name = directly_below(&job_keys[i], path);
		const struct node *at = map->key ? map->key : map;

		if (!name || !job_keys[i].required || (i > 0 && strcmp(job_keys[i].path, job_keys[i - 1].path) == 0) ||
		    tree_value(map, name, strlen(name)))
			continue;
		r->bad[i] = true;
		complain(r->c, at->line, at->column, "%s%s%s is missing; allowed: %s", path, *path ? "." : "", name,
			 job_key_allowed(&job_keys[i]).text);
	}
}

/* The defaults of the rows below `path` (not those of items further down). */
static void set_defaults(const char *path, void *base)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < job_key_count; i++) {
		const struct key *key = &job_keys[i];

		if (strncmp(key->path, path, len) != 0 || strchr(key->path + len, '['))
			continue;
		if (key->type == KEY_SECTION && key->none && key->flag_at)
			*(bool *)((char *)base + key->flag_at - 1) = !key->flag_of_none && !key->required;
		if (key->type != KEY_LIST)
			job_key_default(key, base);
	}
}

static void read_list(struct reading *r, const struct key *key, const struct node *list, void *base)
{
	size_t count = 0, most = (size_t)strtoul(key->high, NULL, 10), least = (size_t)strtoul(key->low, NULL, 10);
	char path[PATH_TEXT_MAX];

	if (list->count > most || list->count < least) {
		complain(r->c, list->line, list->column, "%s: %zu in the list; allowed: %s", key->path, list->count,
			 job_key_allowed(key).text);
		r->bad[row_of(key)] = true;
		return;
	}
	snprintf(path, sizeof(path), "%s[]", key->path);
	for (const struct node *item = list->child; item; item = item->next, count++) {
		char *place = (char *)base + key->at + count * key->size;
		size_t before = r->c->errors->count;

		snprintf(path + strlen(key->path) + 2, sizeof(path) - strlen(key->path) - 2, ".");
		set_defaults(path, place);
		path[strlen(key->path) + 2] = '\0';
		read_value(r, job_key(path, item->kind), item, place);
		if (r->c->errors->count != before || item->refused)
			r->bad[row_of(key)] = true;
	}
	memcpy((char *)base + key->count_at, &count, sizeof(count));
}

static void read_value(struct reading *r, const struct key *key, const struct node *node, void *base)
{
	if (node->refused) {
		r->bad[row_of(key)] = true;
		return;
	}
	if (key->type == KEY_SECTION && node->kind == NODE_MAP)
		read_map(r, node, key->path, base);
	else if (key->type == KEY_LIST && node->kind == NODE_LIST)
		read_list(r, key, node, base);
	else if (!job_key_store(key, node, base, r->c))
		r->bad[row_of(key)] = true;
}

/* "[a, b]" of the table, for lists that the job leaves out. */
static void set_list_default(struct reading *r, const struct key *key)
{
	char text[160], *rest = text, path[PATH_TEXT_MAX];
	size_t count = 0;

	snprintf(text, sizeof(text), "%.*s", (int)strlen(key->fallback) - 2, key->fallback + 1);
	snprintf(path, sizeof(path), "%s[]", key->path);
	for (char *word; (word = strsep(&rest, ",")) != NULL; count++) {
		struct node node = { .kind = NODE_SCALAR, .text = word + (*word == ' ') };
		bool good;

		node.len = strlen(node.text);
		good = job_key_store(job_key(path, NODE_SCALAR), &node, (char *)r->job + key->at + count * key->size,
				     r->c);
		assert(good);
	}
	memcpy((char *)r->job + key->count_at, &count, sizeof(count));
}

/*
 * Paths: relative to the job file.
 */
static void resolve(struct reading *r, const char *path, char *value, size_t size)
{
	const char *slash = strrchr(r->job->path, '/');
	const struct node *node = tree_find(r->root, path);
	char joined[512];
	int len;

	if (!*value || *value == '/' || !slash)
		return;
	len = snprintf(joined, sizeof(joined), "%.*s/%s", (int)(slash - r->job->path), r->job->path, value);
	if (len < 0 || (size_t)len >= size) {
		complain(r->c, node ? node->line : 1, node ? node->column : 1,
			 "%s: with the job's folder before it the name "
			 "is too long; allowed: %zu characters in all",
			 path, size - 1);
		return;
	}
	memcpy(value, joined, (size_t)len + 1);
}

static void resolve_paths(struct reading *r)
{
	struct job *job = r->job;

	if (!*job->keys) /* the default is the user's own folder, not the job's */
		snprintf(job->keys, sizeof(job->keys), "keys");
	else
		resolve(r, "identity.keys", job->keys, sizeof(job->keys));
	resolve(r, "identity.serial.file", job->serial_file, sizeof(job->serial_file));
	resolve(r, "credentials.passphrase.file", job->passphrase_file, sizeof(job->passphrase_file));
	resolve(r, "credentials.access_point.labels", job->ap_labels, sizeof(job->ap_labels));
	resolve(r, "credentials.wps.labels", job->wps_labels, sizeof(job->wps_labels));
	resolve(r, "credentials.wac.trust", job->wac_trust, sizeof(job->wac_trust));
	resolve(r, "credentials.scheme_key", job->scheme_key_file, sizeof(job->scheme_key_file));
	resolve(r, "admission.expect", job->expect_file, sizeof(job->expect_file));
}

/* The roles turned round, or a published scheme. */
static void choose_variant(struct job *job)
{
	const struct method *variant = job->method ? job->method->variant : NULL;

	if (variant &&
	    (variant->flags & METHOD_BROADCAST ? job->scheme != MR_SMART_NONE : job->wps_role == JOB_WPS_EXTERNAL))
		job->method = variant;
}

static void read_tree(struct reading *r)
{
	struct job *job = r->job;
	bool listens;

	assert(job_key_count <= KEYS_MAX);
	set_defaults("", job);
	read_map(r, r->root, "", job);
	for (size_t i = 0; i < job_key_count; i++)
		if (job_keys[i].type == KEY_LIST && job_keys[i].fallback && !tree_find(r->root, job_keys[i].path))
			set_list_default(r, &job_keys[i]);
	resolve_paths(r);
	job->method = method_find(job->method_word, strlen(job->method_word));
	job->scheme = mr_smart_named(job->scheme_word, strlen(job->scheme_word));
	choose_variant(job);
	listens = job->method && job->method->devices == METHOD_LISTENERS;
	if (job->radios_simulated && !tree_find(r->root, "simulation.devices"))
		job->sim_devices = job->quantity;
	if (job->radios_simulated && !tree_find(r->root, "admission.quiet"))
		job->quiet_us = listens ? SIM_LISTENING_US : SIM_QUIET_US;
	if (job->radios_simulated && job->sim_chip_count == 0 && !tree_find(r->root, "simulation.chips")) {
		job->sim_chips[0] = (struct job_chip_share){ .profile = "esp32", .percent = 100 };
		job->sim_chip_count = 1;
	}
	job_find_contradictions(r);
}

struct job *job_parse(const char *path, const char *bytes, size_t len, struct job_errors *errors)
{
	struct complaints c;
	struct reading r = { .c = &c };
	struct tree *tree;

	complaints_init(&c, path, errors);
	tree = tree_parse(bytes, len, &c);
	if (tree) {
		r.root = tree_root(tree);
		r.job = calloc(1, sizeof(*r.job));
		if (r.job) {
			r.job->path = strdup(path);
			r.job->bytes = malloc(len + 1);
		}
		if (!r.job || !r.job->path || !r.job->bytes || !mr_sha256(bytes, len, r.job->sha256)) {
			complain(&c, 1, 1, "no memory to read the file");
		} else {
			memcpy(r.job->bytes, bytes, len);
			r.job->bytes[len] = '\0';
			r.job->len = len;
			read_tree(&r);
		}
	}
	tree_destroy(tree);
	complaints_sort(&c);
	if (errors->count == 0)
		return r.job;
	job_destroy(r.job);
	return NULL;
}

/* The whole file, or NULL with errno. */
static char *read_file(int fd, size_t *len)
{
	char *bytes = malloc(TREE_OCTETS_MAX + 1);

	*len = 0;
	while (bytes && *len <= TREE_OCTETS_MAX) {
		ssize_t n = read(fd, bytes + *len, TREE_OCTETS_MAX + 1 - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(bytes);
			return NULL;
		}
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return bytes;
}

struct job *job_load(const char *path, struct job_errors *errors)
{
	struct complaints c;
	struct job *job = NULL;
	char *bytes = NULL;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		bytes = read_file(fd, &len);
	if (bytes) {
		job = job_parse(path, bytes, len, errors);
	} else {
		int why = errno;

		complaints_init(&c, path, errors);
		complain(&c, 1, 1, "cannot be read: %s; allowed: a YAML file", strerror(why));
	}
	free(bytes);
	if (fd >= 0)
		close(fd);
	return job;
}

bool job_has_step(const struct job *job, enum job_step step)
{
	for (size_t i = 0; i < job->recipe_len; i++)
		if (job->recipe[i] == step)
			return true;
	return false;
}

struct identity_profile job_profile(const struct job *job)
{
	return (struct identity_profile){ .organization = job->organization[0] ? job->organization : NULL,
					  .common_name = job->product,
					  .validity_s = job->validity_s,
					  .subject_key_identifier = job->subject_key_identifier,
					  .hw_type_oid = job->hw_type_oid[0] ? job->hw_type_oid : NULL };
}

void job_destroy(struct job *job)
{
	if (!job)
		return;
	free(job->path);
	free(job->bytes);
	free(job);
}
