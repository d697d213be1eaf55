#include "station/label/payload.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/label/buffer.h"

/* To the caller's place, whole or not at all. */
static const char *hand_over(struct label_buffer *text, char *out, size_t cap)
{
	const char *wrong = NULL;

	*out = '\0';
	if (text->bad)
		wrong = "no memory is left";
	else if (text->len >= cap)
		wrong = "is too long for a label";
	else
		memcpy(out, text->at, text->len + 1);
	buffer_wipe(text);
	return wrong;
}

static bool is_hexadecimal(const char *text) { return strspn(text, "0123456789abcdefABCDEF") == strlen(text); }

static void add_escaped(struct label_buffer *to, const char *text)
{
	/* Readers take "ABCD" for the octets ab cd unless quotes say that it is a name. */
	bool quoted = is_hexadecimal(text);

	if (quoted)
		buffer_text(to, "\"");
	for (; *text; text++) {
		if (strchr("\\;,:\"", *text))
			buffer_text(to, "\\");
		buffer_add(to, text, 1);
	}
	if (quoted)
		buffer_text(to, "\"");
}

const char *payload_wifi(const char *ssid, const char *passphrase, bool hidden, char *out, size_t cap)
{
	struct label_buffer text = { 0 };
	size_t len = strlen(ssid), secret_len = passphrase ? strlen(passphrase) : 0;

	*out = '\0';
	if (len < 1 || len > 32)
		return "an SSID has 1 to 32 octets";
	if (passphrase && (secret_len < 8 || secret_len > 63))
		return "a passphrase has 8 to 63 characters";
	for (size_t i = 0; i < secret_len; i++)
		if (passphrase[i] < 0x20 || passphrase[i] > 0x7e)
			return "a passphrase has printable ASCII characters only";
	buffer_text(&text, passphrase ? "WIFI:T:WPA;S:" : "WIFI:T:nopass;S:");
	add_escaped(&text, ssid);
	if (passphrase) {
		buffer_text(&text, ";P:");
		/* Quotes belong to the SSID's rule only: a passphrase of 64 hexadecimal digits is a key, shorter ones
		 * are not. */
		for (const char *at = passphrase; *at; at++) {
			if (strchr("\\;,:\"", *at))
				buffer_text(&text, "\\");
			buffer_add(&text, at, 1);
		}
	}
	if (hidden)
		buffer_text(&text, ";H:true");
	buffer_text(&text, ";;");
	return hand_over(&text, out, cap);
}

/* Wi-Fi Easy Connect 2.0 section 5.2.1: class "/" channel, with commas between. */
static bool channels_are_good(const char *channels)
{
	const char *at = channels;

	while (*at) {
		size_t class_len = strspn(at, "0123456789");
		size_t channel_len = at[class_len] == '/' ? strspn(at + class_len + 1, "0123456789") : 0;

		if (class_len < 1 || class_len > 3 || channel_len < 1 || channel_len > 3)
			return false;
		at += class_len + 1 + channel_len;
		if (*at == ',' && at[1])
			at++;
		else if (*at)
			return false;
	}
	return true;
}

const char *payload_dpp(const char *channels, const uint8_t mac[6], const char *information,
			const uint8_t key[static 65], char *out, size_t cap)
{
	/* RFC 5480 section 2: id-ecPublicKey, prime256v1, the point as BIT STRING. */
	static const uint8_t head[] = { 0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
					0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x22, 0x00 };
	uint8_t der[sizeof(head) + 33], base64[4 * ((sizeof(der) + 2) / 3) + 1];
	struct label_buffer text = { 0 };

	*out = '\0';
	if (key[0] != 4)
		return "the device's key is no uncompressed point of P-256";
	if (!channels_are_good(channels))
		return "channels are written as class/channel, as 81/1,115/36";
	for (const char *at = information; *at; at++)
		if (*at < 0x20 || *at > 0x7e || *at == ';')
			return "its information has printable ASCII characters without \";\"";
	memcpy(der, head, sizeof(head));
	der[sizeof(head)] = (uint8_t)(2 + (key[64] & 1));
	memcpy(der + sizeof(head) + 1, key + 1, 32);
	EVP_EncodeBlock(base64, der, sizeof(der));
	buffer_text(&text, "DPP:");
	if (*channels)
		buffer_print(&text, "C:%s;", channels);
	if (*information)
		buffer_print(&text, "I:%s;", information);
	if (mac)
		buffer_print(&text, "M:%02x%02x%02x%02x%02x%02x;", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	buffer_print(&text, "K:%s;;", (const char *)base64);
	return hand_over(&text, out, cap);
}

const char *payload_esp(const char *name, const char *username, const char *pop, const char *transport, char *out,
			size_t cap)
{
	json_t *object = json_object();
	struct label_buffer text = { 0 };
	char *dump;

	*out = '\0';
	/* Members in the order of Espressif's own examples: their applications are known to read those. */
	if (json_object_set_new(object, "ver", json_string("v1")) != 0 ||
	    json_object_set_new(object, "name", json_string(name)) != 0 ||
	    (*username && json_object_set_new(object, "username", json_string(username)) != 0) ||
	    (*pop && json_object_set_new(object, "pop", json_string(pop)) != 0) ||
	    json_object_set_new(object, "transport", json_string(transport)) != 0) {
		json_decref(object);
		return "a value of it is not UTF-8";
	}
	dump = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	if (!dump)
		return "no memory is left";
	buffer_text(&text, dump);
	OPENSSL_cleanse(dump, strlen(dump));
	free(dump);
	return hand_over(&text, out, cap);
}
