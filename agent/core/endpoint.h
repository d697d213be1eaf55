/*
 * What the paths of the API do. The request is whole: head in `api->http`, body in the agent's buffer; the response is
 * written over it. docs/protocol.md, "HTTP". Which paths there are, the rows of the image's table say (method.h).
 */
#pragma once

#include "agent/core/api.h"
#include "agent/core/json.h"

struct mr_endpoint {
	const char *path; /* NULL ends a list */
	enum mr_http_method method;
	enum mr_http_type type; /* of a POST's body; another is refused */
	void (*run)(struct mr_api *api);
};
extern const struct mr_endpoint mr_pin_endpoints[]; /* in endpoint_pin.c */

/* Answers the request through mr_api_answer or mr_api_refuse. */
void mr_endpoint_run(struct mr_api *api);
/* The body so far has been taken: writes its next part. false: that was all. */
bool mr_endpoint_more(struct mr_api *api);

/* --- in endpoint.c, for the paths of other files --- */

/* An object over the whole buffer, from which the request is wiped. */
struct mr_json mr_endpoint_json(struct mr_api *api);
void mr_endpoint_json_end(struct mr_api *api, uint16_t status, struct mr_json *j);
/* Carries out a request that lies in the agent's buffer or elsewhere; returns the cause. */
uint16_t mr_endpoint_operate(struct mr_api *api, struct mr_rd request, struct mr_wr *w);
/* false: the device is finished, and has said so. Then it hears nothing but FINISH again, from somebody whose answer
 * was lost. */
bool mr_endpoint_hears(struct mr_api *api, struct mr_rd request);

/* --- in api.c --- */

/* The body is octets `from` to `to` of the agent's buffer, or begins with them and has `whole` in all. */
void mr_api_answer(struct mr_api *api, uint16_t status, const char *type, size_t from, size_t to, size_t whole);
/* {"error": ..., "message": ...}; `extra`: further headers, each with its CR LF, or NULL. */
void mr_api_refuse(struct mr_api *api, uint16_t status, const char *error, const char *message, const char *extra);
