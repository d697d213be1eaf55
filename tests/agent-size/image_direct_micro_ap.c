/*
 * direct, micro-ap: action frames, and a WPA2 network.
 *
 * room: direct wifi
 * no room: pin https sniffer
 * server: http
 */
#include "tests/agent-size/board.h"

const struct mr_method *const image_methods[] = { &mr_method_direct, &mr_part_wifi, &mr_part_api, &mr_method_micro_ap,
						  NULL };
const size_t image_channels = 1;
const enum mr_ap_method image_ap = MR_AP_WPA2;
