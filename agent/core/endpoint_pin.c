/*
 * The paths of the API that need the PIN's code: the key agreement in hexadecimal, and operations sealed under its key.
 */
#include "agent/core/endpoint.h"
#include "agent/core/pin.h"

static void refuse_pin(struct mr_api *api, enum mr_pin_result result)
{
	struct mr_pin_status status = { .pause_s = 0 };
	char extra[32] = "Retry-After: ";
	struct mr_wr w = mr_wr_over(extra, sizeof(extra) - 1);
	struct mr_json number;

	switch (result) {
	case MR_PIN_OK: return;
	case MR_PIN_NONE: mr_api_refuse(api, 409, "no-pin", "this device has no PIN", NULL); return;
	case MR_PIN_LOCKED:
		mr_api_refuse(
			api, 423, "pin-locked",
			"too many wrong PINs: locked until the device is given a new identity over another channel",
			NULL);
		return;
	case MR_PIN_PAUSED:
		(void)mr_pin_status(api->agent, &status);
		(void)mr_wr_room(&w, 13);
		number = (struct mr_json){ .w = w };
		mr_json_number(&number, NULL, status.pause_s);
		mr_wr_bytes(&number.w, "\r\n", 3);
		mr_api_refuse(api, 429, "pin-paused", "several wrong PINs in a row: wait, then try again", extra);
		return;
	case MR_PIN_BAD_SHARE:
		mr_api_refuse(api, 400, "bad-share", "share: a point of P-256, 04 and 128 hexadecimal digits", NULL);
		return;
	case MR_PIN_REFUSED:
		mr_api_refuse(api, 403, "pin-refused", "the PIN is wrong: begin again with POST /v1/pin", NULL);
		return;
	case MR_PIN_NOT_OPEN:
		mr_api_refuse(api, 409, "pin-not-open", "no key has been agreed on: begin with POST /v1/pin", NULL);
		return;
	case MR_PIN_FAILED:
		mr_api_refuse(api, 500, "failed", "the device's storage or random generator failed", NULL);
		return;
	}
}

static void get_pin(struct mr_api *api)
{
	struct mr_pin_status status;
	struct mr_json j;

	if (!mr_pin_status(api->agent, &status)) {
		refuse_pin(api, MR_PIN_NONE);
		return;
	}
	j = mr_endpoint_json(api);
	mr_json_hex(&j, "salt", status.salt.at, status.salt.left);
	mr_json_number(&j, "iterations", status.iterations);
	mr_json_number(&j, "tries_left", status.tries_left);
	mr_json_bool(&j, "locked", status.tries_left == 0);
	mr_json_number(&j, "retry_after_s", status.pause_s);
	mr_endpoint_json_end(api, 200, &j);
}

/* `len` octets from twice as many digits. */
static bool read_hex(struct mr_api *api, const char *name, uint8_t *out, size_t len)
{
	uint8_t digits[2 * 65];
	size_t got;

	if (mr_form_get(mr_rd_over(api->agent->buf, api->http.body_len), name, digits, 2 * len, &got) != MR_FORM_OK ||
	    got != 2 * len)
		return false;
	for (size_t i = 0; i < got; i++) {
		uint8_t c = (uint8_t)(digits[i] | 0x20);
		bool number = digits[i] >= '0' && digits[i] <= '9';

		if (!number && (c < 'a' || c > 'f'))
			return false;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | (number ? digits[i] - '0' : c - 'a' + 10));
	}
	return true;
}

static void post_pin(struct mr_api *api)
{
	uint8_t theirs[65] = { 0 }, own[65], confirm[32];
	enum mr_pin_result result;
	struct mr_json j;

	if (!read_hex(api, "share", theirs, sizeof(theirs))) {
		refuse_pin(api, MR_PIN_BAD_SHARE);
		return;
	}
	result = mr_pin_share(api->agent, theirs, own, confirm);
	if (result != MR_PIN_OK) {
		refuse_pin(api, result);
		return;
	}
	j = mr_endpoint_json(api);
	mr_json_hex(&j, "share", own, sizeof(own));
	mr_json_hex(&j, "confirm", confirm, sizeof(confirm));
	mr_endpoint_json_end(api, 200, &j);
}

static void post_confirm(struct mr_api *api)
{
	uint8_t confirm[32] = { 0 };
	enum mr_pin_result result;

	if (!read_hex(api, "confirm", confirm, sizeof(confirm))) {
		mr_api_refuse(api, 400, "bad-form", "confirm: 64 hexadecimal digits", NULL);
		return;
	}
	result = mr_pin_confirm(api->agent, confirm);
	if (result == MR_PIN_OK)
		mr_api_answer(api, 204, NULL, 0, 0, 0);
	else
		refuse_pin(api, result);
}

static void post_sealed(struct mr_api *api)
{
	struct mr_agent *agent = api->agent;
	size_t len = api->http.body_len;
	struct mr_wr w = mr_wr_over(api->agent->buf + 8, sizeof(agent->buf) - MR_PIN_OVERHEAD);

	if (agent->pin.phase != MR_PIN_OPEN) {
		refuse_pin(api, MR_PIN_NOT_OPEN);
		return;
	}
	if (!mr_pin_open(agent, api->agent->buf, len)) {
		mr_api_refuse(api, 403, "not-authentic",
			      "not sealed under this session's key, or its counter is not new", NULL);
		return;
	}
	if (!mr_endpoint_hears(api, mr_rd_over(api->agent->buf + 8, len - MR_PIN_OVERHEAD)))
		return;
	mr_copy(agent->binding, agent->pin.binding, sizeof(agent->binding));
	(void)mr_endpoint_operate(api, mr_rd_over(api->agent->buf + 8, len - MR_PIN_OVERHEAD), &w);
	if (mr_pin_seal(agent, api->agent->buf, w.len))
		mr_api_answer(api, 200, "application/octet-stream", 0, w.len + MR_PIN_OVERHEAD,
			      w.len + MR_PIN_OVERHEAD);
	else
		refuse_pin(api, MR_PIN_FAILED);
}

const struct mr_endpoint mr_pin_endpoints[] = {
	{ "/v1/pin", MR_HTTP_GET, MR_HTTP_NO_TYPE, get_pin },
	{ "/v1/pin", MR_HTTP_POST, MR_HTTP_FORM, post_pin },
	{ "/v1/pin/confirm", MR_HTTP_POST, MR_HTTP_FORM, post_confirm },
	{ "/v1/pin/operation", MR_HTTP_POST, MR_HTTP_OCTETS, post_sealed },
	{ .path = NULL },
};
