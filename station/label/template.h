/*
 * A label as somebody wrote it: config/labels/NAME.yaml, described in docs/labels.md. What is wrong is said with file,
 * line, column, what is allowed and the nearest right word, as for jobs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/label/code.h"
#include "station/label/fields.h"
#include "station/yaml/complaint.h"

#define TEMPLATE_TEXT_MAX 200	  /* octets; chosen: more fits on no label */
#define TEMPLATE_ITEMS_MAX 32	  /* chosen: more fit on no label */
#define TEMPLATE_FROM_SERIAL 4096 /* one above the largest discriminator, which has 12 bits */
#define TEMPLATE_PAYLOADS_MAX 8	  /* chosen: above the formats that there are */

enum template_payload_kind {
	TEMPLATE_TEXT,
	TEMPLATE_WIFI,
	TEMPLATE_DPP,
	TEMPLATE_ESP,
	TEMPLATE_MATTER,
	TEMPLATE_HOMEKIT
};

struct template_payload {
	char name[33];
	enum template_payload_kind kind;
	unsigned line, column;
	bool secret;						     /* a PIN is part of it */
	char text[TEMPLATE_TEXT_MAX];				     /* text */
	char ssid[TEMPLATE_TEXT_MAX], passphrase[TEMPLATE_TEXT_MAX]; /* wifi; "" : an open network */
	bool hidden;
	char channels[TEMPLATE_TEXT_MAX], information[TEMPLATE_TEXT_MAX]; /* dpp */
	bool mac;
	char device[TEMPLATE_TEXT_MAX], username[TEMPLATE_TEXT_MAX], pop[TEMPLATE_TEXT_MAX]; /* esp */
	int transport;
	uint32_t vendor, product; /* matter */
	int flow;
	uint32_t discovery;	       /* MATTER_* */
	uint32_t discriminator;	       /* or TEMPLATE_FROM_SERIAL */
	uint32_t category, transports; /* homekit; HOMEKIT_* */
	char setup_id[TEMPLATE_TEXT_MAX];
};

enum template_item_kind { ITEM_TEXT, ITEM_QR, ITEM_CODE128, ITEM_BOX };
enum template_align { ALIGN_LEFT, ALIGN_CENTER, ALIGN_RIGHT };

/* lengths in micrometres */
struct template_item {
	enum template_item_kind kind;
	unsigned line, column;
	uint32_t x, y, width, height;
	uint32_t size, module, stroke;
	int align, correction;
	bool scan;   /* this code is the one that is scanned back */
	int payload; /* place among the payloads; -1: `text` */
	char text[TEMPLATE_TEXT_MAX];
};

struct label_template {
	char *path;
	char name[33];
	uint32_t width, height; /* micrometres */
	unsigned dots_per_mm;	/* 8 (203 dpi), 12 (300 dpi), 24 (600 dpi) */
	bool secret;		/* a PIN is on it: keys, a name and a reason are needed */
	size_t payload_count, item_count;
	struct template_payload payloads[TEMPLATE_PAYLOADS_MAX];
	struct template_item items[TEMPLATE_ITEMS_MAX];
	int scan_item; /* whose text is scanned back; -1: the label has no code */
};

/* NULL: see errors. */
struct label_template *template_load(const char *path, struct job_errors *errors);
struct label_template *template_parse(const char *path, const char *bytes, size_t len, struct job_errors *errors);
void template_destroy(struct label_template *template);
/* The one that is part of the program: serial number and its code, nothing secret. config/labels/serial.yaml. */
struct label_template *template_built_in(void);

/* What an item says about a unit, into `out`; false: `fault` says what cannot be said. */
bool template_say(const struct label_template *template, const struct template_item *item,
		  const struct label_unit *unit, struct label_buffer *out, struct fields_fault *fault);

/* The reference of docs/labels.md, Markdown, a line for each key. `line` counts from 0; false: no more. */
bool template_reference(size_t line, char *out, size_t cap);
