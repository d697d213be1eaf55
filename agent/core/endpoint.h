/*
 * What the paths of the API do. The request is whole: head in `api->http`, body in the agent's buffer; the response is
 * written over it. docs/protocol.md, "HTTP".
 */
#pragma once

#include "agent/core/api.h"

/* Answers the request through mr_api_answer or mr_api_refuse. */
void mr_endpoint_run(struct mr_api *api);
/* The body so far has been taken: writes its next part. false: that was all. */
bool mr_endpoint_more(struct mr_api *api);

/* In api.c. The body is octets `from` to `to` of the agent's buffer, or begins with them and has `whole` in all. */
void mr_api_answer(struct mr_api *api, uint16_t status, const char *type, size_t from, size_t to, size_t whole);
/* {"error": ..., "message": ...}; `extra`: further headers, each with its CR LF, or NULL. */
void mr_api_refuse(struct mr_api *api, uint16_t status, const char *error, const char *message, const char *extra);
