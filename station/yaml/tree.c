#include "station/yaml/tree.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "station/base/text_file.h"

struct tree {
	struct node *nodes; /* TREE_NODES_MAX of them */
	size_t node_count;
	char *text; /* all scalars: a scalar is never longer than what it was written with */
	size_t text_used, text_size;
	struct node *root;
};

struct builder {
	struct tree *tree;
	struct complaints *c;
	struct open_node {
		struct node *node, *last, *key;
	} open[TREE_DEPTH_MAX];
	size_t depth;
	unsigned documents;
};

/* YAML 1.2 section 5.1: the characters a file may contain. libyaml refuses the others too, but does not say where. */
static bool is_allowed(unsigned long c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0x7e) || c == 0x85 ||
	       (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd && c != 0xfeff) ||
	       (c >= 0x10000 && c <= 0x10ffff);
}

/* RFC 3629 section 3. The length of the character at `at`, 0 when it is none; its number in `out`. */
static size_t utf8(const unsigned char *at, size_t left, unsigned long *out)
{
	static const unsigned long shortest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = at[0] < 0x80		     ? 1
		     : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
		     : (at[0] & 0xf0u) == 0xe0	     ? 3
		     : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
						     : 0;
	unsigned long c = len == 1 ? at[0] : len ? at[0] & (0x7fu >> len) : 0;

	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0u) != 0x80)
			return 0;
		c = c << 6 | (at[i] & 0x3fu);
	}
	if (c < shortest[len] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*out = c;
	return len;
}

static bool characters_are_good(const char *bytes, size_t len, struct complaints *c)
{
	const unsigned char *at = (const unsigned char *)bytes;
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < len;) {
		unsigned long character = 0;
		size_t n = utf8(at + i, len - i, &character);

		if (n == 0) {
			complain(c, line, column, "octet 0x%02x is not UTF-8; allowed: a text file in UTF-8", at[i]);
			return false;
		}
		if (!is_allowed(character)) {
			complain(c, line, column, "character U+%04lX; allowed: text, spaces and line ends", character);
			return false;
		}
		i += n;
		column++;
		if (character == '\n') {
			line++;
			column = 1;
		}
	}
	return true;
}

static struct node *new_node(struct builder *b, enum node_kind kind, const yaml_mark_t *mark)
{
	struct node *node;

	if (b->tree->node_count == TREE_NODES_MAX)
		return NULL;
	node = &b->tree->nodes[b->tree->node_count++];
	*node = (struct node){ .kind = kind, .line = (unsigned)mark->line + 1, .column = (unsigned)mark->column + 1 };
	return node;
}

static bool hold_text(struct tree *tree, struct node *node, const void *text, size_t len)
{
	char *to = tree->text + tree->text_used;

	if (len + 1 > tree->text_size - tree->text_used)
		return false;
	memcpy(to, text, len);
	to[len] = '\0';
	tree->text_used += len + 1;
	node->text = to;
	node->len = len;
	return true;
}

/* Puts a node where the file has it: the root, an item of a list, a key or the value of a map. */
static void place(struct builder *b, struct node *node)
{
	struct open_node *in;

	if (b->depth == 0) {
		b->tree->root = node;
		return;
	}
	in = &b->open[b->depth - 1];
	if (in->node->kind == NODE_MAP && !in->key) {
		in->key = node;
		if (node->kind != NODE_SCALAR) {
			complain(b->c, node->line, node->column, "a key is a word, not a %s; allowed: name: value",
				 node->kind == NODE_LIST ? "list" : "map");
			node->text = ""; /* whoever reads the map compares the words of its keys */
			node->refused = true;
			return;
		}
		for (struct node *other = in->node->child; other; other = other->next) {
			if (other->key->kind == NODE_SCALAR && other->key->len == node->len &&
			    memcmp(other->key->text, node->text, node->len) == 0) {
				complain(b->c, node->line, node->column,
					 "key \"%s\" is here twice, first in line %u; "
					 "allowed: once",
					 quoted(node->text, node->len).text, other->key->line);
				node->refused = true;
				return;
			}
		}
		return;
	}
	if (in->node->kind == NODE_MAP) {
		node->key = in->key;
		node->refused |= in->key->refused;
		in->key = NULL;
	}
	if (in->last)
		in->last->next = node;
	else
		in->node->child = node;
	in->last = node;
	in->node->count++;
}

static void refuse_anchor_and_tag(struct builder *b, struct node *node, const yaml_char_t *anchor,
				  const yaml_char_t *tag)
{
	if (anchor)
		complain(b->c, node->line, node->column,
			 "anchor \"&%s\"; allowed: values written out where they belong",
			 quoted((const char *)anchor, strlen((const char *)anchor)).text);
	if (tag)
		complain(b->c, node->line, node->column,
			 "tag \"%s\"; allowed: plain values, their key decides the type",
			 quoted((const char *)tag, strlen((const char *)tag)).text);
	node->refused |= anchor || tag;
}

/* What one event adds; false: nothing after it can be read. */
static bool on_event(struct builder *b, const yaml_event_t *e)
{
	struct node *node = NULL;

	switch (e->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT: return true;
	case YAML_DOCUMENT_START_EVENT:
		if (++b->documents == 1)
			return true;
		complain(b->c, (unsigned)e->start_mark.line + 1, (unsigned)e->start_mark.column + 1,
			 "a second document begins; allowed: one %s per file", b->c->what);
		return false;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: b->depth--; return true;
	case YAML_ALIAS_EVENT:
		node = new_node(b, NODE_SCALAR, &e->start_mark);
		if (node && hold_text(b->tree, node, "", 0)) {
			complain(b->c, node->line, node->column,
				 "alias \"*%s\"; allowed: values written out where they belong",
				 quoted((const char *)e->data.alias.anchor, strlen((const char *)e->data.alias.anchor))
					 .text);
			node->refused = true;
		}
		break;
	case YAML_SCALAR_EVENT:
		node = new_node(b, NODE_SCALAR, &e->start_mark);
		if (node && hold_text(b->tree, node, e->data.scalar.value, e->data.scalar.length)) {
			node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
			refuse_anchor_and_tag(b, node, e->data.scalar.anchor, e->data.scalar.tag);
		}
		break;
	case YAML_SEQUENCE_START_EVENT:
		node = new_node(b, NODE_LIST, &e->start_mark);
		if (node)
			refuse_anchor_and_tag(b, node, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		node = new_node(b, NODE_MAP, &e->start_mark);
		if (node)
			refuse_anchor_and_tag(b, node, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		break;
	}
	if (!node || (node->kind == NODE_SCALAR && !node->text)) {
		complain(b->c, (unsigned)e->start_mark.line + 1, (unsigned)e->start_mark.column + 1,
			 "too many values; allowed: %u in one file", TREE_NODES_MAX);
		return false;
	}
	place(b, node);
	if (node->kind == NODE_SCALAR)
		return true;
	if (b->depth == TREE_DEPTH_MAX) {
		complain(b->c, node->line, node->column, "nested too deeply; allowed: %u levels", TREE_DEPTH_MAX);
		return false;
	}
	b->open[b->depth++] = (struct open_node){ .node = node };
	return true;
}

static char octet_at(const char *bytes, size_t len, size_t line, size_t column)
{
	size_t i = 0;

	for (; line > 0 && i < len; i++)
		if (bytes[i] == '\n')
			line--;
	for (; column > 0 && i < len && bytes[i] != '\n'; i++)
		if (((unsigned char)bytes[i] & 0xc0u) != 0x80)
			column--;
	return i < len ? bytes[i] : '\0';
}

static void complain_syntax(struct complaints *c, const yaml_parser_t *parser, const char *bytes, size_t len)
{
	const yaml_mark_t *mark = &parser->problem_mark;
	unsigned line = (unsigned)mark->line + 1, column = (unsigned)mark->column + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		complain(c, line, column, "no memory to read the file");
	else if (octet_at(bytes, len, mark->line, mark->column) == '\t')
		complain(c, line, column, "a tab; allowed: spaces to indent");
	else if (parser->context && parser->context_mark.line != mark->line)
		complain(c, line, column, "%s %s that began in line %zu; allowed: YAML", parser->problem,
			 parser->context, parser->context_mark.line + 1);
	else
		complain(c, line, column, "%s%s%s; allowed: YAML", parser->problem ? parser->problem : "not YAML",
			 parser->context ? " " : "", parser->context ? parser->context : "");
}

/* false: the tree is cut short, and the reason is in the complaints. */
static bool read_events(struct builder *b, const char *bytes, size_t len)
{
	yaml_parser_t parser;
	bool good = true;

	if (!yaml_parser_initialize(&parser)) {
		complain(b->c, 1, 1, "no memory to read the file");
		return false;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, len);
	for (bool more = true; good && more;) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			complain_syntax(b->c, &parser, bytes, len);
			good = false;
			break;
		}
		more = event.type != YAML_STREAM_END_EVENT;
		good = on_event(b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return good;
}

struct tree *tree_parse(const char *bytes, size_t len, struct complaints *c)
{
	struct builder b = { .c = c };
	size_t mark = text_mark_len(bytes, len);

	bytes += mark;
	len -= mark;
	if (len > TREE_OCTETS_MAX) {
		complain(c, 1, 1, "the file has %zu octets; allowed: %u", len, TREE_OCTETS_MAX);
		return NULL;
	}
	if (!characters_are_good(bytes, len, c))
		return NULL;
	b.tree = calloc(1, sizeof(*b.tree));
	if (b.tree) {
		b.tree->nodes = calloc(TREE_NODES_MAX, sizeof(*b.tree->nodes));
		/* An escape such as "\P" makes three octets out of two; a NUL ends each. */
		b.tree->text_size = 2 * len + 2 * TREE_NODES_MAX;
		b.tree->text = malloc(b.tree->text_size);
	}
	if (!b.tree || !b.tree->nodes || !b.tree->text) {
		complain(c, 1, 1, "no memory to read the file");
		tree_destroy(b.tree);
		return NULL;
	}
	if (!read_events(&b, bytes, len)) {
		tree_destroy(b.tree);
		return NULL;
	}
	if (!b.tree->root || (b.tree->root->kind == NODE_SCALAR && b.tree->root->len == 0 && b.tree->root->plain &&
			      !b.tree->root->refused)) {
		complain(c, 1, 1, "the file is empty; allowed: a %s, as in %s", c->what, c->example);
		tree_destroy(b.tree);
		return NULL;
	}
	if (b.tree->root->kind != NODE_MAP) {
		complain(c, b.tree->root->line, b.tree->root->column,
			 "a %s where the keys of a %s belong; allowed: "
			 "format: 1, %s: ..., as in %s",
			 b.tree->root->kind == NODE_LIST ? "list" : "single value", c->what, c->first_key, c->example);
		tree_destroy(b.tree);
		return NULL;
	}
	return b.tree;
}

void tree_destroy(struct tree *tree)
{
	if (!tree)
		return;
	free(tree->nodes);
	free(tree->text);
	free(tree);
}

struct node *tree_root(const struct tree *tree) { return tree->root; }

struct node *tree_value(const struct node *map, const char *name, size_t name_len)
{
	if (map->kind != NODE_MAP)
		return NULL;
	for (struct node *value = map->child; value; value = value->next)
		if (value->key->kind == NODE_SCALAR && value->key->len == name_len &&
		    memcmp(value->key->text, name, name_len) == 0)
			return value;
	return NULL;
}

struct node *tree_find(const struct node *root, const char *path)
{
	const struct node *in = root;
	struct node *value = NULL;

	while (*path) {
		size_t len = strcspn(path, ".");

		value = tree_value(in, path, len);
		if (!value)
			return NULL;
		in = value;
		path += len + (path[len] == '.');
	}
	return value;
}
