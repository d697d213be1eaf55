/*
 * What the payloads of a template say about a unit.
 */
#include "station/label/say.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/label/payload.h"

int say_find(const struct label_template *template, const char *name)
{
	for (size_t i = 0; i < template->payload_count; i++)
		if (strcmp(template->payloads[i].name, name) == 0)
			return (int)i;
	return -1;
}

static bool has_part(const struct template_payload *p, const char *part)
{
	return !*part || (p->kind == TEMPLATE_MATTER && strcmp(part, "manual") == 0) ||
	       (p->kind == TEMPLATE_HOMEKIT && strcmp(part, "code") == 0);
}

/* The serial number's last digits, which neighbours on a line do not share. */
static uint16_t discriminator_of(const char *serial)
{
	size_t len = strlen(serial), from = len;
	uint32_t number = 0;

	while (from > 0 && len - from < 9 && serial[from - 1] >= '0' && serial[from - 1] <= '9')
		from--;
	for (; from < len; from++)
		number = 10 * number + (uint32_t)(serial[from] - '0');
	return (uint16_t)(number % 4096);
}

static bool eight_digits(const char *pin, uint32_t *out)
{
	if (strlen(pin) != 8 || strspn(pin, "0123456789") != 8)
		return false;
	*out = (uint32_t)strtoul(pin, NULL, 10);
	return true;
}

static const char *expand(const char *text, const struct label_unit *unit, char *out, size_t cap)
{
	struct label_buffer buffer = { 0 };
	struct fields_fault fault;
	const char *why = NULL;

	*out = '\0';
	if (!fields_expand(text, unit, NULL, NULL, &buffer, &fault))
		why = strstr(fault.words, "PIN") ? "the unit has no PIN on record" : "a field of it has no value";
	else if (buffer.len >= cap)
		why = "is too long for a label";
	else if (buffer.at)
		memcpy(out, buffer.at, buffer.len + 1);
	buffer_wipe(&buffer);
	return why;
}

static const char *say_matter(const struct template_payload *p, const char *part, const struct label_unit *unit,
			      char *out)
{
	struct matter_setup setup = { .vendor = (uint16_t)p->vendor,
				      .product = (uint16_t)p->product,
				      .flow = (uint8_t)p->flow,
				      .discovery = (uint8_t)p->discovery,
				      .discriminator = (uint16_t)p->discriminator };
	const char *why = "Matter wants a PIN of eight digits";

	if (p->discriminator == TEMPLATE_FROM_SERIAL)
		setup.discriminator = discriminator_of(unit->serial);
	if (eight_digits(unit->pin, &setup.passcode))
		why = *part ? payload_matter_manual(&setup, out, PAYLOAD_MAX)
			    : payload_matter(&setup, out, PAYLOAD_MAX);
	OPENSSL_cleanse(&setup, sizeof(setup));
	return why;
}

static const char *say_homekit(const struct template_payload *p, const char *part, const struct label_unit *unit,
			       char *out)
{
	struct homekit_setup setup = { .category = (uint8_t)p->category, .flags = (uint8_t)p->transports };
	const char *why = "HomeKit wants a PIN of eight digits";

	if (eight_digits(unit->pin, &setup.code)) {
		why = expand(p->setup_id, unit, setup.id, sizeof(setup.id));
		if (why)
			why = "a setup id has four characters of 0-9 A-Z";
		else
			why = *part ? payload_homekit_code(setup.code, out, PAYLOAD_MAX)
				    : payload_homekit(&setup, out, PAYLOAD_MAX);
	}
	OPENSSL_cleanse(&setup, sizeof(setup));
	return why;
}

static const char *say_payload(const struct template_payload *p, const char *part, const struct label_unit *unit,
			       char *out)
{
	char first[PAYLOAD_MAX], second[PAYLOAD_MAX], third[PAYLOAD_MAX];
	const char *why = NULL;

	*out = '\0';
	switch (p->kind) {
	case TEMPLATE_TEXT: return expand(p->text, unit, out, PAYLOAD_MAX);
	case TEMPLATE_WIFI:
		why = expand(p->ssid, unit, first, sizeof(first));
		if (!why)
			why = expand(p->passphrase, unit, second, sizeof(second));
		if (!why)
			why = payload_wifi(first, *p->passphrase ? second : NULL, p->hidden, out, PAYLOAD_MAX);
		break;
	case TEMPLATE_DPP:
		if (!unit->key[0])
			return "the unit has no certificate, and so no key, on record";
		why = expand(p->information, unit, first, sizeof(first));
		return why ? why
			   : payload_dpp(p->channels, p->mac ? unit->mac : NULL, first, unit->key, out, PAYLOAD_MAX);
	case TEMPLATE_ESP:
		why = expand(p->device, unit, first, sizeof(first));
		if (!why)
			why = expand(p->pop, unit, second, sizeof(second));
		if (!why)
			why = expand(p->username, unit, third, sizeof(third));
		if (!why)
			why = payload_esp(first, third, second, p->transport ? "ble" : "softap", out, PAYLOAD_MAX);
		break;
	case TEMPLATE_MATTER: return say_matter(p, part, unit, out);
	case TEMPLATE_HOMEKIT: return say_homekit(p, part, unit, out);
	}
	OPENSSL_cleanse(second, sizeof(second));
	return why;
}

/* {NAME} in a text; "": there is none of that name. */
const char *say_field(const void *ctx, const char *name, const char *part, const struct label_unit *unit,
		      struct label_buffer *out)
{
	const struct label_template *template = ctx;
	int found = say_find(template, name);
	char text[PAYLOAD_MAX];
	const char *why;

	if (found < 0)
		return "";
	if (!has_part(&template->payloads[found], part))
		return "that payload has no such part; allowed: .manual of matter, .code of homekit";
	if (!unit)
		return NULL;
	why = say_payload(&template->payloads[found], part, unit, text);
	if (!why)
		buffer_text(out, text);
	OPENSSL_cleanse(text, sizeof(text));
	return why;
}

bool template_say(const struct label_template *template, const struct template_item *item,
		  const struct label_unit *unit, struct label_buffer *out, struct fields_fault *fault)
{
	const char *why;
	char text[PAYLOAD_MAX];

	if (item->payload < 0)
		return fields_expand(item->text, unit, say_field, template, out, fault);
	why = say_payload(&template->payloads[item->payload], "", unit, text);
	if (!why)
		buffer_text(out, text);
	OPENSSL_cleanse(text, sizeof(text));
	if (why)
		*fault = (struct fields_fault){ 0 };
	if (why)
		snprintf(fault->words, sizeof(fault->words), "payload %s: %s", template->payloads[item->payload].name,
			 why);
	return !why;
}
