/*
 * What an image of `make agent-size` says about itself: one of the image_*.c, and a server_*.c. The Makefile reads from
 * the comment of an image for which states it has room (agent/core/agent_layout.h) and which server it has.
 */
#pragma once

#include "agent/core/method.h"

extern struct mr_agent agent;

extern const struct mr_method *const image_methods[];
extern const size_t image_channels; /* 1 or 0 */
extern const enum mr_ap_method image_ap;
extern struct mr_wps *image_wps; /* NULL, unless the image says otherwise */

/* What a board does with the octets of a connection. */
void image_serve(uint8_t *octets, size_t len);
