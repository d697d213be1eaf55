/*
 * A barcode scanner in virtual time, at a desk with a lot of units: generated codes, speeds and framings, and what came
 * of them. Nothing that it sends may do anything but find the unit with that number, log a badge in, or be told that it
 * is nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCANS_CODES 200u
#define SCANS_SPEEDS 12u
#define SCANS_FRAMINGS 5u
#define SCANS_WHERE 5u

/* From key to key, before the jitter of a fifth in both directions. */
extern const uint64_t scans_speeds_us[SCANS_SPEEDS];
extern const char *const scans_framings[SCANS_FRAMINGS];
/* What is on the screen when it comes: the line, or a question. */
extern const char *const scans_where[SCANS_WHERE];

struct scans_code {
	char octets[160]; /* as the scanner sends it, without the framing */
	size_t len;
	char unit[40]; /* serial number of the unit that is found; "": none is */
};

struct scans_result {
	unsigned scans;
	unsigned keys;	   /* taken for a person's */
	unsigned commands; /* that did something: asked the station, or changed what is on the screen */
	unsigned wrong;	   /* units that were found, and are not those of the code */
	unsigned to_find, found;
	char first[600]; /* the first that went wrong, in words; "" */
};

/* The same number, the same code. */
void scans_code(unsigned number, struct scans_code *out);
/* Sends one and lets time pass behind it; adds to the result. */
void scans_try(const struct scans_code *code, unsigned speed, unsigned framing, unsigned where,
	       struct scans_result *result);
/* Each code at each speed in each framing at each place; begins with a result of zeros, and ends them. */
void scans_all(struct scans_result *result);
/* Frees what all of them share. */
void scans_end(void);
