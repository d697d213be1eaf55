/*
 * The link to a device that answers no requests: it is up, and there is never anything to be said over it. What such a
 * device is given gets there by a delivery of its method (station/method/method.h).
 */
#pragma once

#include "station/link/link.h"

void link_none_init(struct link *link);
