#include "station/method/wps_way.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "agent/wire/wsc_pin.h"
#include "station/line/admission.h"
#include "station/line/events.h"
#include "station/roster/roster.h"

#define EXPOSURES_MAX 2u /* of the first half: one retry, for radios lose frames */

/* --- whom the list names --- */

const struct roster_row *wps_row(const struct line *line, const uint8_t mac[static 6], const char *serial,
				 bool *by_serial)
{
	const struct roster_row *row = line->o.roster ? roster_find(line->o.roster, mac, NULL, 0, serial) : NULL;

	*by_serial = row && !(row->has_mac && mr_equal(row->mac, mac, 6));
	return row;
}

const struct method *wps_method(const struct line *line, const struct roster_row *row)
{
	const struct method *method = row ? row->method : NULL;

	if (method && line->job->wps_role == JOB_WPS_EXTERNAL && method->variant)
		method = method->variant;
	return method ? method : line->job->method;
}

bool wps_is_listed(const struct line *line, const uint8_t mac[static 6], const struct roster_row *row)
{
	static const uint8_t no_id[8];

	return row || expected_has(&line->expected, no_id, mac);
}

bool wps_has_pin(const struct roster_row *row) { return row && mr_wsc_pin_valid(row->pin, strlen(row->pin)); }

struct unit *wps_unit(struct line *line, const uint8_t mac[static 6], const struct roster_row *row,
		      const struct radio_rx *rx)
{
	struct unit *u = map_get(&line->by_mac, map_key_mac(mac));
	uint8_t id[8];

	unit_id_of_mac(mac, id);
	if (!u && rx && (u = admission_newcomer(line, id, mac, rx)))
		u->method = wps_method(line, row);
	return u;
}

/* --- the way --- */

struct wps_way *wps_way(struct unit *u)
{
	if (!u->way)
		u->way = calloc(1, sizeof(struct wps_way));
	return u->way;
}

void wps_way_forget(struct unit *u)
{
	if (u->way)
		OPENSSL_cleanse(u->way, sizeof(struct wps_way));
	free(u->way);
	u->way = NULL;
}

void wps_shown(struct session *s, unsigned exposed)
{
	struct wps_way *way = s->unit->way;

	if (!*way->pin || way->shown == exposed)
		return;
	way->shown = exposed;
	line_submit(s->line, &(struct journal_record){ .kind = JOURNAL_MEASUREMENT,
						       .measurement = { .attempt = s->attempt,
									.name = "pin-halves-shown",
									.value = exposed,
									.unit = "",
									.passed = true } });
}

void wps_account(struct unit *u, unsigned exposed, const char *weakness)
{
	struct wps_way *way = u->way;

	way->shown = 0; /* of the next run */
	if (*way->pin) {
		u->pin_shown[0] += (exposed & WPS_HALF_1) != 0;
		u->pin_shown[1] += (exposed & WPS_HALF_2) != 0;
	}
	if (weakness)
		snprintf(way->weakness, sizeof(way->weakness), "%s", weakness);
}

bool wps_pin_is_dead(const struct unit *u)
{
	const struct wps_way *way = u->way;

	return *way->pin && (u->pin_shown[1] > 0 || u->pin_shown[0] >= EXPOSURES_MAX);
}

/* --- what is said --- */

bool wps_station(const struct line *line, struct mr_wsc_device *out)
{
	static const uint8_t access_point[8] = { 0, 6, 0x00, 0x50, 0xf2, 4, 0, 1 };

	*out = (struct mr_wsc_device){ .manufacturer = "Millrace",
				       .model_name = "station",
				       .model_number = "1",
				       .serial = "1",
				       .name = "Millrace station",
				       .methods = MR_WSC_LABEL | MR_WSC_DISPLAY | MR_WSC_KEYPAD | MR_WSC_PUSH_BUTTON,
				       .rf_bands = 3 };
	memcpy(out->device_type, access_point, sizeof(access_point));
	return mr_wsc_uuid(line->station.mac, out->uuid);
}

void wps_credential(const struct line *line, struct mr_wsc_credential *out)
{
	size_t key_len = strlen(line->passphrase);

	assert(key_len <= sizeof(out->key) && line->job->ssid_len <= sizeof(out->ssid));
	*out = (struct mr_wsc_credential){ .ssid_len = (uint8_t)line->job->ssid_len,
					   .authentication = MR_WSC_OPEN,
					   .encryption = MR_WSC_NONE };
	memcpy(out->ssid, line->job->ssid, line->job->ssid_len);
	if (key_len == 0)
		return;
	out->authentication = MR_WSC_WPA2_PSK;
	out->encryption = MR_WSC_AES;
	out->key_len = (uint8_t)key_len;
	memcpy(out->key, line->passphrase, key_len);
}

/* Octets of a stranger as UTF-8: printable ASCII, the rest as question marks. */
static json_t *text(const char *said)
{
	char out[MR_WSC_MANUFACTURER_MAX + 1];
	size_t len = 0;

	for (; len < sizeof(out) - 1 && said[len]; len++)
		out[len] = said[len] >= 0x20 && said[len] < 0x7f ? said[len] : '?';
	out[len] = '\0';
	return json_string(out);
}

size_t wps_evidence(const struct session *s, char *out, size_t cap)
{
	const struct wps_way *way = s->unit->way;
	bool by_button = !(s->unit->method->needs & METHOD_NEEDS_PIN);
	char uuid[33];
	json_t *claims = json_object(), *o = json_object();
	size_t len = 0;

	for (size_t i = 0; i < 16; i++)
		snprintf(uuid + 2 * i, 3, "%02x", way->said.uuid[i]);
	json_object_set_new(claims, "manufacturer", text(way->said.manufacturer));
	json_object_set_new(claims, "model", text(way->said.model));
	json_object_set_new(claims, "serial", text(way->said.serial));
	json_object_set_new(claims, "uuid", json_string(uuid));
	json_object_set_new(o, "proved", json_string(by_button ? "nothing" : "pin"));
	json_object_set_new(o, "protocol", json_string("WSC 2.0.5"));
	if (s->unit->method->flags & METHOD_BECOMES_AP)
		json_object_set_new(o, "role", json_string("external-registrar"));
	json_object_set_new(o, "known_by", json_string(way->by_serial ? "serial" : "address"));
	json_object_set_new(o, "weak", json_true());
	if (*way->weakness)
		json_object_set_new(o, "weakness", json_string(way->weakness));
	json_object_set_new(o, "claims", claims);
	len = json_dumpb(o, out, cap - 1, JSON_COMPACT);
	json_decref(o);
	assert(len > 0 && len < cap);
	out[len] = '\0';
	return len;
}
