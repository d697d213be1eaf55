/*
 * The way to a device's access point: what it is called, what opens it, and that both are forgotten.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "station/method/access_point.h"

void access_point_forget(struct unit *u)
{
	if (!u->way)
		return;
	OPENSSL_cleanse(u->way, sizeof(struct access));
	free(u->way);
	u->way = NULL;
}

/* The pattern of devices that bear the end of their address until they have a serial number. */
static size_t name_by_serial(const char *pattern, const char *serial, uint8_t ssid[static 32])
{
	static const uint8_t none[6];
	const char *place = strstr(pattern, "{mac}");
	char text[64];

	if (!place)
		return 0;
	snprintf(text, sizeof(text), "%.*s{serial}%s", (int)(place - pattern), pattern, place + strlen("{mac}"));
	return roster_ssid_make(text, serial, none, ssid);
}

void access_point_name(struct line *line, struct unit *u)
{
	struct access *a = access_of(u);
	bool serial = (u->serial[0] != '\0') != a->other_name;
	size_t len;

	assert(a);
	if (!a->network.hidden || a->named)
		return;
	len = serial ? name_by_serial(line->job->ap_ssid, u->serial, a->network.ssid)
		     : roster_ssid_make(line->job->ap_ssid, u->serial, a->peer, a->network.ssid);
	if (len > 0)
		a->network.ssid_len = (uint8_t)len;
}

void access_point_give_pin(const struct session *s)
{
	const struct line *line = s->line;
	const struct unit *u = s->unit;
	char pin[IDENTITY_PIN_MAX];

	if (u->method->needs & METHOD_NEEDS_PIN && u->pin_sealed_len > 0 &&
	    pin_open(line->o.identity, line->job->product, u->serial, u->pin_sealed, u->pin_sealed_len, pin) == 0)
		api_issued(s->link, u->serial, pin);
	OPENSSL_cleanse(pin, sizeof(pin));
}
