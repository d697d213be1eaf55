/*
 * What is known of devices before they are met: a CSV of their labels. One device a line, columns by their header, in
 * any order:
 *
 *   serial       of the label
 *   mac          02:4d:52:00:00:07, the address that the device's access point sends from (its BSSID)
 *   ssid         of its access point
 *   method       one whose devices make access points (station/method); empty: as the job says
 *   passphrase   of its access point, 8 to 63 characters or 64 hexadecimal digits
 *   pin          4 to 16 digits
 *
 * At least one of serial, mac and ssid tells which device it is. Fields may be quoted (RFC 4180). The file holds
 * secrets: nobody but its owner may read it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/base/reach.h"

#define ROSTER_MAX 100000 /* devices; chosen: ten times the lot that tests run */

struct method;

struct roster_row {
	char serial[33]; /* "": not given */
	bool has_mac;
	uint8_t mac[6];
	uint8_t ssid[32], ssid_len;   /* 0: not given */
	const struct method *method;  /* NULL: as the job says */
	char passphrase[65], pin[17]; /* "": not given */
};

struct roster;

/* 0, or -MR_CAUSE_BAD_REQUEST / -MR_CAUSE_NO_MEMORY with `file:line: what; remedy` in `error`. */
int roster_load(struct roster **out, const struct reach *reach, const char *path, char *error, size_t error_len);
int roster_parse(struct roster **out, const char *path, const char *text, size_t len, char *error, size_t error_len);
/*
 * Which simulated devices they are: those of the same product, seed and number are the same ones, others have other
 * addresses, so that a record may hold many such lots. false: no memory.
 */
bool roster_simulated_id(const char *product, uint64_t seed, size_t count, uint8_t id[static 32]);
void roster_simulated_mac(const uint8_t id[static 32], size_t i, uint8_t mac[static 6]);
/* For simulated devices without a file: `count` rows with such MACs, passphrases and PINs made from the seed. NULL: no
 * memory. */
struct roster *roster_simulated(const char *product, uint64_t seed, size_t count);
void roster_destroy(struct roster *roster); /* wipes it; NULL is fine */

size_t roster_count(const struct roster *roster);
const struct roster_row *roster_row(const struct roster *roster, size_t i);
/*
 * The row of a device by its access point: its SSID, else its BSSID, else the serial number that its SSID carries ("":
 * it carries none). NULL: not on the list.
 */
const struct roster_row *roster_find(const struct roster *roster, const uint8_t bssid[static 6], const uint8_t *ssid,
				     size_t ssid_len, const char *serial);

/*
 * SSIDs of a product: a text with at most one place that differs, "AC-{serial}" or "AC-{mac}" (the last six digits of
 * the BSSID). roster_ssid_valid says what is wrong with a pattern, NULL: nothing. roster_ssid_match: is it one of them?
 * `serial` (33 octets) takes the part at {serial}, "" otherwise. roster_ssid_make writes up to 32 octets.
 */
const char *roster_ssid_valid(const char *pattern);
bool roster_ssid_match(const char *pattern, const uint8_t *ssid, size_t len, const uint8_t bssid[static 6],
		       char serial[static 33]);
size_t roster_ssid_make(const char *pattern, const char *serial, const uint8_t mac[static 6], uint8_t ssid[static 32]);
/* 8 to 63 printable ASCII characters, or the key itself as 64 hexadecimal digits (IEEE 802.11-2020 J.4.1). */
bool roster_passphrase_valid(const char *text, size_t len);
