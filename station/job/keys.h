/*
 * The table of everything that a job may say: one row per key. It parses, complains, gives the defaults and is the
 * reference of docs/jobs.md (`millrace check --keys-reference` prints it, a test holds the page to it).
 *
 * A path names a place: "identity.pin.digits"; "channels[]" is an item of a list, "limits[].name" a key of such an
 * item.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/job/job.h"
#include "station/yaml/tree.h"

enum key_type {
	KEY_SECTION, /* a map of further keys */
	KEY_LIST,
	KEY_TEXT,     /* char[], printable ASCII, `low` to `high` octets */
	KEY_UTF8,     /* char[], any text */
	KEY_OCTETS,   /* uint8_t[] with its length beside it: the SSID */
	KEY_NAME,     /* char[], letters, digits, . _ - : part of a file name */
	KEY_OID,      /* char[], 1.3.6.1.4.1.99999.1 */
	KEY_PATH,     /* char[], relative to the job file */
	KEY_WORD,     /* char[], one of `words` */
	KEY_ENUM,     /* place in `words` counted from `first`, an integer of 1 or 4 octets */
	KEY_YESNO,    /* bool */
	KEY_COUNT,    /* unsigned or uint64_t */
	KEY_CHANNEL,  /* uint16_t, MHz */
	KEY_DURATION, /* uint64_t or uint32_t, microseconds */
	KEY_VALIDITY, /* int64_t, seconds */
	KEY_SIGNAL,   /* int, dBm */
	KEY_SHARE,    /* double, 0..1 */
	KEY_PERCENT,  /* unsigned, 0..100 */
	KEY_SIZE,     /* uint64_t, octets */
	KEY_METRES,   /* double */
	KEY_DECIMAL,  /* double */
	KEY_TYPE_COUNT
};

struct key {
	const char *path;
	enum key_type type;
	bool required;
	const char *fallback;		/* the default, as it would be written; NULL: none */
	const char *otherwise;		/* what holds then, for the reference */
	const char *low, *high;		/* as they would be written; texts and lists: how long */
	const char *(*words)(size_t i); /* NULL ends */
	const char *none; /* a word that may be given instead: 0, or the section's flag is `flag_of_none` */
	bool flag_of_none;
	const char *refusal; /* sections: what to say to a single value, which is not shown then */
	int first;
	size_t at, size; /* the place in struct job, or in the item of a list */
	size_t count_at; /* KEY_LIST, KEY_OCTETS: place of the length (size_t) */
	size_t flag_at;	 /* plus one: a bool that says whether the key is there */
	const char *sentence;
};

extern const struct key job_keys[];
extern const size_t job_key_count;

/* The row of a path, or NULL. Two shapes of one place are two rows: a list and something else. */
const struct key *job_key(const char *path, enum node_kind kind);

/* "1 to 32 characters", "10ms to 1h, or none", "direct". */
struct key_text {
	char text[520];
};
struct key_text job_key_allowed(const struct key *key);
/* One line of the reference, Markdown. */
struct key_row {
	char text[700];
};
struct key_row job_key_reference(const struct key *key);

/*
 * One scalar into its place below `base` (a struct job, or an item of a list). `c` receives what is wrong: the place in
 * the file is the node's, the name in messages the key's.
 */
bool job_key_store(const struct key *key, const struct node *node, void *base, struct complaints *c);
/* The default of a row. true: there was one. Asserts that it is good. */
bool job_key_default(const struct key *key, void *base);
