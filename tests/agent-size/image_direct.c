/*
 * direct: action frames alone.
 *
 * room: direct
 * no room: wifi pin https sniffer
 * server: none
 */
#include "tests/agent-size/board.h"

const struct mr_method *const image_methods[] = { &mr_method_direct, NULL };
const size_t image_channels = 1;
const enum mr_ap_method image_ap = MR_AP_NONE;
