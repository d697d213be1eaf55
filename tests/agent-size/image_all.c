/*
 * all: every method there is.
 *
 * room: direct wifi pin https sniffer
 * no room:
 * server: https
 */
#include "tests/agent-size/board.h"

const struct mr_method *const image_methods[] = MR_METHODS_ALL;
const size_t image_channels = 1;
const enum mr_ap_method image_ap = MR_AP_TLS;
