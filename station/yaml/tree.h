/*
 * A YAML file as a tree of scalars, lists and maps, each with its place in the file. libyaml finds the syntax; what it
 * lets through and a job must not contain is refused here: duplicate keys, anchors, aliases, tags, a second document,
 * deep nesting. Scalars stay text (no octal numbers, no surprising booleans).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "station/yaml/complaint.h"

#define TREE_OCTETS_MAX (1u << 20) /* chosen: files that people write have some KiB */
#define TREE_DEPTH_MAX 8	   /* levels; chosen: a job has four */
#define TREE_NODES_MAX 4096	   /* values; chosen: above a job whose lists are all full */

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	unsigned line, column; /* from 1 */
	bool plain;	       /* a scalar without quotes */
	bool refused;	       /* already complained about: look no further */
	const char *text;      /* scalars and keys: ends with NUL, may contain some */
	size_t len;
	size_t count; /* lists, maps */
	struct node *child, *next;
	struct node *key; /* children of maps */
};

struct tree;

/* NULL: not even a tree; complaints are in `c`. There may be complaints beside a tree, too. */
struct tree *tree_parse(const char *bytes, size_t len, struct complaints *c);
void tree_destroy(struct tree *tree);
struct node *tree_root(const struct tree *tree); /* a map */

/* The value of `name` in a map; NULL: none. */
struct node *tree_value(const struct node *map, const char *name, size_t name_len);
/* By path, "identity.pin.digits"; NULL: none. */
struct node *tree_find(const struct node *root, const char *path);
