/*
 * What codes on labels say, format by format. Each function writes a text that ends with NUL into `out` (`cap` octets)
 * and gives NULL, or half a sentence that says what cannot be said in that format; nothing of a secret is in it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_MAX 600 /* octets; chosen: above the longest of these formats */

/*
 * Joining a network (the ZXing convention that phones read): WIFI:T:WPA;S:...;P:...;; with \ ; , : " escaped, and what
 * could be taken for hexadecimal digits in quotes. `passphrase` NULL: an open network. SSID 1 to 32 octets; passphrase
 * 8 to 63 printable ASCII characters (IEEE 802.11-2016 J.4.1).
 */
const char *payload_wifi(const char *ssid, const char *passphrase, bool hidden, char *out, size_t cap);

/*
 * Wi-Fi Easy Connect 2.0 section 5.2.1: DPP:C:...;M:...;I:...;K:...;; `channels`: "81/1,115/36" or ""; `mac` NULL:
 * none; `information`: printable ASCII without ";", "" none; the key is a point of P-256, 65 octets, and becomes a
 * compressed SubjectPublicKeyInfo (RFC 5480) in base64.
 */
const char *payload_dpp(const char *channels, const uint8_t mac[6], const char *information,
			const uint8_t key[static 65], char *out, size_t cap);

/* Espressif's unified provisioning: {"ver":"v1","name":...,"username":...,"pop":...,"transport":...}; "" leaves user or
 * proof of possession out. */
const char *payload_esp(const char *name, const char *username, const char *pop, const char *transport, char *out,
			size_t cap);

/* Matter core specification 1.x section 5.1: setup payload and manual pairing code. */
enum { MATTER_SOFTAP = 1, MATTER_BLE = 2, MATTER_IP = 4 }; /* discovery capabilities, table 39 */
struct matter_setup {
	uint16_t vendor, product;
	uint8_t flow;		/* 0 standard, 1 user intent, 2 custom */
	uint8_t discovery;	/* MATTER_*, together */
	uint16_t discriminator; /* 12 bits */
	uint32_t passcode;	/* 27 bits */
};
/* "MT:" and 19 digits of base 38. */
const char *payload_matter(const struct matter_setup *setup, char *out, size_t cap);
/* 11 digits, or 21 with vendor and product when the flow is not the standard one; the last is Verhoeff's check digit.
 */
const char *payload_matter_manual(const struct matter_setup *setup, char *out, size_t cap);
/* Verhoeff's check digit after `count` digits. */
char verhoeff_digit(const char *digits, size_t count);

/* HomeKit Accessory Protocol R13 section 4.3: X-HM://, nine digits of base 36 (version, category, flags, code), the
 * setup id. */
enum { HOMEKIT_IP = 2, HOMEKIT_BLE = 4, HOMEKIT_WAC = 8 };
struct homekit_setup {
	uint8_t category;
	uint8_t flags; /* HOMEKIT_*, together */
	uint32_t code; /* eight digits */
	char id[5];    /* four of 0-9 A-Z */
};
const char *payload_homekit(const struct homekit_setup *setup, char *out, size_t cap);
/* XXX-XX-XXX */
const char *payload_homekit_code(uint32_t code, char *out, size_t cap);
bool homekit_code_is_good(uint32_t code);
