#include "agent/core/endpoint.h"

#include "agent/core/assert.h"
#include "agent/core/method.h"
#include "agent/core/operation.h"
#include "agent/wire/channel.h"

#define JSON "application/json"

static uint8_t *buffer(struct mr_api *api) { return api->agent->buf; }

/* --- JSON --- */

struct mr_json mr_endpoint_json(struct mr_api *api)
{
	struct mr_json j;

	mr_wipe(buffer(api), sizeof(api->agent->buf));
	j = mr_json_over(buffer(api), sizeof(api->agent->buf));
	mr_json_open(&j, NULL, '{');
	return j;
}

void mr_endpoint_json_end(struct mr_api *api, uint16_t status, struct mr_json *j)
{
	mr_json_close(j, '}');
	mr_wr_u8(&j->w, '\n');
	if (j->w.bad)
		mr_api_refuse(api, 500, "too-long", "the answer does not fit this device", NULL);
	else
		mr_api_answer(api, status, JSON, 0, j->w.len, j->w.len);
}

static void json_stage(const struct mr_agent *agent, struct mr_json *j)
{
	static const char *const names[] = { "key", "identity", "credentials", "sealed" };
	uint8_t stage = mr_agent_stage(agent);

	mr_json_open(j, "stage", '[');
	for (unsigned i = 0; i < 4; i++)
		if (stage >> i & 1)
			mr_json_word(j, NULL, names[i]);
	mr_json_close(j, ']');
	mr_json_bool(j, "sealed", stage & MR_STAGE_SEALED);
}

/* The names alone: the sentences of the table are for people at the station, and would fill a device's flash. */
static const char *cause_name(uint16_t cause)
{
	static const struct {
		uint16_t number;
		const char *name;
	} names[] = {
#define NAME_ROW(name, number, text, class, sentence, remedy) { number, text },
		MR_CAUSES(NAME_ROW)
#undef NAME_ROW
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == cause)
			return names[i].name;
	return "unknown";
}

static void json_ssid(struct mr_json *j, const uint8_t *ssid, size_t len)
{
	mr_json_text(j, "ssid", ssid, len); /* null when it is not text */
	mr_json_hex(j, "ssid_hex", ssid, len);
}

/* --- reading --- */

static void get_device(struct mr_api *api)
{
	const struct mr_agent *agent = api->agent;
	const struct mr_agent_config *config = &agent->config;
	struct mr_json j = mr_endpoint_json(api);

	mr_json_number(&j, "api", 1);
	mr_json_hex(&j, "device_id", config->device_id, 8);
	mr_json_word(&j, "product", config->product);
	mr_json_word(&j, "hw_rev", config->hw_rev);
	mr_json_word(&j, "firmware", config->firmware);
	if (agent->serial[0])
		mr_json_word(&j, "serial", agent->serial);
	else
		mr_json_null(&j, "serial");
	json_stage(agent, &j);
	mr_json_open(&j, "methods", '[');
	for (size_t i = 0; config->methods[i]; i++)
		if (config->methods[i]->is_open && config->methods[i]->is_open(agent))
			mr_json_word(&j, NULL, config->methods[i]->name);
	mr_json_close(&j, ']');
	mr_endpoint_json_end(api, 200, &j);
}

static void json_join(const struct mr_agent *agent, struct mr_json *j)
{
	static const char *const states[] = { "idle", "joining", "joined", "failed" };
	const struct mr_join *join = &agent->join;
	struct mr_rd ssid = mr_store_value(mr_store_find(&agent->store, MR_SECTION_CREDENTIALS), MR_AT_SSID);

	mr_json_open(j, "join", '{');
	mr_json_word(j, "state", states[join->state & 3]);
	if (join->state != MR_JOIN_IDLE) {
		mr_json_word(j, "cause", cause_name(join->cause));
		json_ssid(j, ssid.at, ssid.bad ? 0 : ssid.left);
		mr_json_mac(j, "bssid", join->bssid);
		mr_json_number(j, "freq_mhz", join->freq_mhz);
		mr_json_number(j, "took_ms", join->took_ms);
	}
	mr_json_close(j, '}');
}

static void get_status(struct mr_api *api)
{
	struct mr_json j = mr_endpoint_json(api);

	json_stage(api->agent, &j);
	json_join(api->agent, &j);
	mr_endpoint_json_end(api, 200, &j);
}

/*
 * The list of 16 with every SSID escaped may be longer than the buffer. So the NETWORKS response stays at the buffer's
 * start, the JSON of one network after the other is written behind it, and its length is known from writing it all once
 * before.
 */
static bool network_at(struct mr_api *api, size_t n, struct mr_network *out)
{
	struct mr_rd list = mr_rd_over(buffer(api), api->agent->held.response.list_len);

	mr_rd_skip(&list, MR_RESPONSE_HEAD_LEN);
	while (list.left > 0) {
		uint8_t id = mr_rd_u8(&list);
		struct mr_rd value = mr_rd_sub(&list, mr_rd_le16(&list));

		if (id == MR_AT_NETWORK && n-- == 0)
			return mr_network_read(value, out);
	}
	return false;
}

/* Part `n` of the body, behind the list; after the networks the end. Returns its length. */
static size_t write_network(struct mr_api *api, size_t n)
{
	static const char *const securities[] = { "open", "wpa2", "wpa3" };
	size_t list_len = api->agent->held.response.list_len;
	struct mr_json j = mr_json_over(buffer(api) + list_len, sizeof(api->agent->buf) - list_len);
	struct mr_network network;

	if (!network_at(api, n, &network)) {
		mr_wr_bytes(&j.w, "]}\n", 3);
		return j.w.len;
	}
	j.comma = n > 0;
	mr_json_open(&j, NULL, '{');
	json_ssid(&j, network.ssid, network.ssid_len);
	mr_json_mac(&j, "bssid", network.bssid);
	mr_json_number(&j, "channel", mr_mhz_to_channel(network.freq_mhz));
	mr_json_number(&j, "freq_mhz", network.freq_mhz);
	mr_json_number(&j, "rssi_dbm", network.rssi_dbm);
	mr_json_word(&j, "security", network.security < 3 ? securities[network.security] : "other");
	mr_json_close(&j, '}');
	return j.w.len;
}

bool mr_endpoint_more(struct mr_api *api)
{
	struct mr_response *r = &api->agent->held.response;

	if (r->network >= r->networks)
		return false;
	r->from = r->list_len;
	r->to = r->list_len + write_network(api, r->network++);
	return true;
}

static void get_networks(struct mr_api *api)
{
	static const uint8_t request[1] = { MR_OP_NETWORKS };
	struct mr_agent *agent = api->agent;
	struct mr_response *r = &agent->held.response;
	struct mr_wr w = mr_wr_over(buffer(api), sizeof(agent->buf));
	size_t whole, count = 0, first;
	struct mr_network network;
	struct mr_json j;

	if (mr_endpoint_operate(api, mr_rd_over(request, 1), &w) != MR_CAUSE_OK) {
		mr_api_refuse(api, 501, "unsupported", "this device cannot look around", NULL);
		return;
	}
	r->list_len = w.len;
	while (network_at(api, count, &network))
		count++;
	whole = 0;
	for (size_t i = 0; i <= count; i++)
		whole += write_network(api, i);
	j = mr_json_over(buffer(api) + r->list_len, sizeof(agent->buf) - r->list_len);
	mr_json_open(&j, NULL, '{');
	mr_json_bool(&j, "scanning", agent->wifi.scan_us != UINT64_MAX || agent->port.wifi->scanning(agent->port.ctx));
	mr_json_open(&j, "networks", '[');
	first = j.w.len;
	r->networks = count + 1;
	mr_api_answer(api, 200, JSON, r->list_len, r->list_len + first, first + whole);
}

/* --- operations --- */

uint16_t mr_endpoint_operate(struct mr_api *api, struct mr_rd request, struct mr_wr *w)
{
	struct mr_agent *agent = api->agent;
	struct mr_rd response;

	if (agent->verdict == MR_VERDICT_RETRY)
		agent->verdict = MR_VERDICT_NONE;
	mr_operation_run(agent, request, w);
	response = mr_wr_written(w);
	mr_rd_skip(&response, 1);
	return mr_rd_le16(&response);
}

static bool is_protected(struct mr_api *api)
{
	if (api->link != MR_LINK_OPEN)
		return true;
	mr_api_refuse(api, 403, "open-network",
		      "anybody can listen here: changes need the PIN on the device's label. Agree on a key with it: "
		      "GET and POST /v1/pin, POST /v1/pin/confirm, then POST /v1/pin/operation",
		      NULL);
	return false;
}

bool mr_endpoint_hears(struct mr_api *api, struct mr_rd request)
{
	if (!mr_agent_finished(api->agent) || mr_rd_u8(&request) == MR_OP_FINISH)
		return true;
	mr_api_refuse(api, 410, "finished", "this device is finished: its access point closes", NULL);
	return false;
}

static void post_operation(struct mr_api *api)
{
	struct mr_rd request = mr_rd_over(buffer(api), api->http.body_len);
	struct mr_wr w = mr_wr_over(buffer(api), sizeof(api->agent->buf));

	if (!is_protected(api) || !mr_endpoint_hears(api, request))
		return;
	mr_copy(api->agent->binding, api->binding, sizeof(api->binding));
	(void)mr_endpoint_operate(api, request, &w);
	mr_api_answer(api, 200, "application/octet-stream", 0, w.len, w.len);
}

/* --- credentials, for people --- */

struct credentials {
	uint8_t ssid[MR_SSID_MAX], passphrase[64], security;
	size_t ssid_len, passphrase_len;
	bool join;
};

static bool read_security(struct mr_rd form, uint8_t *security)
{
	static const char *const names[] = { "open", "wpa2", "wpa3" };
	uint8_t word[5];
	size_t len;

	if (mr_form_get(form, "security", word, sizeof(word), &len) != MR_FORM_OK || len != 4)
		return false;
	for (uint8_t i = 0; i < 3; i++) {
		*security = i;
		if (mr_equal(word, names[i], 4))
			return true;
	}
	return false;
}

/* NULL: they are whole; else what is wrong. */
static const char *read_credentials(struct mr_rd form, struct credentials *c)
{
	uint8_t yes[1];
	size_t len;
	enum mr_form join = mr_form_get(form, "join", yes, sizeof(yes), &len);
	enum mr_form passphrase = mr_form_get(form, "passphrase", c->passphrase, sizeof(c->passphrase),
					      &c->passphrase_len);

	if (mr_form_get(form, "ssid", c->ssid, sizeof(c->ssid), &c->ssid_len) != MR_FORM_OK || c->ssid_len == 0)
		return "ssid: 1 to 32 octets, percent-encoded";
	if (!read_security(form, &c->security))
		return "security: open, wpa2 or wpa3";
	if (passphrase == MR_FORM_BAD || (c->passphrase_len > 0) != (c->security != MR_SECURITY_OPEN))
		return "passphrase: 8 to 63 characters or 64 hexadecimal digits for wpa2 and wpa3, none for open";
	if (join == MR_FORM_BAD || (join == MR_FORM_OK && (len != 1 || (yes[0] != '0' && yes[0] != '1'))))
		return "join: 1 or 0";
	c->join = join == MR_FORM_OK && yes[0] == '1';
	return NULL;
}

/* One operation on `txn`, from the start: the request in the buffer, then the response over it. */
static uint16_t step(struct mr_api *api, enum mr_operation operation, const uint8_t txn[static 8],
		     const struct credentials *c)
{
	struct mr_wr request = mr_wr_over(buffer(api), sizeof(api->agent->buf));
	struct mr_wr w = mr_wr_over(buffer(api), sizeof(api->agent->buf));

	mr_request_begin(&request, operation);
	mr_attribute_add(&request, MR_AT_TXN, txn, 8);
	if (operation == MR_OP_CREDENTIALS) {
		mr_attribute_add(&request, MR_AT_SSID, c->ssid, c->ssid_len);
		mr_attribute_add_u8(&request, MR_AT_SECURITY, c->security);
		if (c->passphrase_len > 0)
			mr_attribute_add(&request, MR_AT_PASSPHRASE, c->passphrase, c->passphrase_len);
	}
	return request.bad ? MR_CAUSE_BAD_REQUEST : mr_endpoint_operate(api, mr_wr_written(&request), &w);
}

static void refuse_credentials(struct mr_api *api, uint16_t cause)
{
	bool theirs = cause == MR_CAUSE_BAD_REQUEST || cause == MR_CAUSE_TOO_LONG;

	mr_api_refuse(api,
		      theirs			       ? 400
		      : cause == MR_CAUSE_OUT_OF_ORDER ? 409
						       : 500,
		      cause_name(cause),
		      theirs ? "passphrase: 8 to 63 printable characters, or 64 hexadecimal digits"
			     : "the device could not store them",
		      NULL);
}

static void store_credentials(struct mr_api *api, const struct credentials *c)
{
	struct mr_agent *agent = api->agent;
	uint8_t txn[8];
	uint16_t cause = MR_CAUSE_CRYPTO_FAILED;
	struct mr_json j;

	if (agent->port.random(agent->port.ctx, txn, sizeof(txn))) {
		txn[0] |= 1; /* 0 is none */
		cause = step(api, MR_OP_CREDENTIALS, txn, c);
		if (cause == MR_CAUSE_OK)
			cause = step(api, MR_OP_COMMIT, txn, c);
		if (cause == MR_CAUSE_OK && c->join)
			cause = step(api, MR_OP_JOIN, txn, c);
	}
	if (cause != MR_CAUSE_OK) {
		refuse_credentials(api, cause);
		return;
	}
	j = mr_endpoint_json(api);
	mr_json_bool(&j, "stored", true);
	mr_json_bool(&j, "joins", c->join);
	json_ssid(&j, c->ssid, c->ssid_len);
	json_stage(agent, &j);
	mr_endpoint_json_end(api, 202, &j);
}

static void post_credentials(struct mr_api *api)
{
	struct mr_rd form = mr_rd_over(buffer(api), api->http.body_len);
	struct credentials c = { .join = false };
	const char *wrong;

	if (!is_protected(api) || !mr_endpoint_hears(api, (struct mr_rd){ .bad = true }))
		return;
	wrong = read_credentials(form, &c);
	if (wrong)
		mr_api_refuse(api, 400, "bad-form", wrong, NULL);
	else if (mr_agent_stage(api->agent) & MR_STAGE_SEALED)
		mr_api_refuse(api, 409, "sealed", "the device is sealed: it keeps the credentials that it has", NULL);
	else if (c.join && !api->agent->port.wifi)
		mr_api_refuse(api, 501, "unsupported", "this device does not join by itself: leave join=1 away", NULL);
	else
		store_credentials(api, &c);
	mr_wipe(&c, sizeof(c));
}

/* --- which is which --- */

static const struct mr_endpoint endpoints[] = {
	{ "/v1/device", MR_HTTP_GET, MR_HTTP_NO_TYPE, get_device },
	{ "/v1/networks", MR_HTTP_GET, MR_HTTP_NO_TYPE, get_networks },
	{ "/v1/status", MR_HTTP_GET, MR_HTTP_NO_TYPE, get_status },
	{ "/v1/credentials", MR_HTTP_POST, MR_HTTP_FORM, post_credentials },
	{ "/v1/operation", MR_HTTP_POST, MR_HTTP_OCTETS, post_operation },
	{ .path = NULL },
};
const struct mr_method mr_part_api = { .needs = &mr_part_wifi, .has_room = true, .endpoints = endpoints };

/* Endpoint `i` of all that the image carries; NULL: there are no more. */
static const struct mr_endpoint *endpoint_at(const struct mr_agent *agent, size_t i)
{
	for (size_t row = 0; agent->config.methods[row]; row++)
		for (const struct mr_endpoint *e = agent->config.methods[row]->endpoints; e && e->path; e++)
			if (i-- == 0)
				return e;
	return NULL;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static void refuse_type(struct mr_api *api, enum mr_http_type wanted)
{
	mr_api_refuse(api, 415, "bad-type",
		      wanted == MR_HTTP_FORM ? "Content-Type: application/x-www-form-urlencoded"
					     : "Content-Type: application/octet-stream",
		      NULL);
}

/* "GET /v1/device, /v1/networks": the paths that have this method. */
static void list_paths(struct mr_wr *w, const struct mr_agent *agent, enum mr_http_method method, const char *before)
{
	const struct mr_endpoint *e;

	for (size_t i = 0; (e = endpoint_at(agent, i)); i++) {
		if (e->method != method)
			continue;
		for (const char *c = before; *c; c++)
			mr_wr_u8(w, (uint8_t)*c);
		for (const char *c = e->path; *c; c++)
			mr_wr_u8(w, (uint8_t)*c);
		before = ", ";
	}
}

static void refuse_path(struct mr_api *api, bool has_get, bool has_post)
{
	char paths[256];
	struct mr_wr w = mr_wr_over(paths, sizeof(paths) - 1);

	if (api->http.method == MR_HTTP_OTHER)
		api->ends = true; /* a client that asked with HEAD reads no body: let nothing follow */
	if (has_get || has_post) {
		mr_api_refuse(api, 405, "wrong-method", "the Allow header names the methods of this path",
			      !has_post	 ? "Allow: GET\r\n"
			      : !has_get ? "Allow: POST\r\n"
					 : "Allow: GET, POST\r\n");
		return;
	}
	list_paths(&w, api->agent, MR_HTTP_GET, "GET ");
	list_paths(&w, api->agent, MR_HTTP_POST, "; POST ");
	MR_ASSERT(!w.bad);
	paths[w.len] = '\0';
	mr_api_refuse(api, 404, "unknown-path", paths, NULL);
}

void mr_endpoint_run(struct mr_api *api)
{
	const struct mr_http *http = &api->http;
	const struct mr_endpoint *e;
	bool has_get = false, has_post = false;

	for (size_t i = 0; (e = endpoint_at(api->agent, i)); i++) {
		if (!same(e->path, http->path))
			continue;
		has_get = has_get || e->method == MR_HTTP_GET;
		has_post = has_post || e->method == MR_HTTP_POST;
		if (e->method != http->method)
			continue;
		/* The device serves no pages: what carries an Origin is a page of somebody else's in the browser of a
		 * phone that happens to be on this network. */
		if (http->method == MR_HTTP_POST && http->has_origin)
			mr_api_refuse(api, 403, "cross-origin", "web pages may not change this device", NULL);
		else if (http->method == MR_HTTP_POST && http->type != e->type)
			refuse_type(api, e->type);
		else
			e->run(api);
		return;
	}
	refuse_path(api, has_get, has_post);
}
