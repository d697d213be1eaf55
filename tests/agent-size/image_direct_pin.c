/*
 * direct, pin: action frames, and an open or ad-hoc network under the PIN.
 *
 * room: direct wifi pin
 * no room: https sniffer
 * server: http
 */
#include "tests/agent-size/board.h"

const struct mr_method *const image_methods[] = { &mr_method_direct, &mr_part_wifi, &mr_part_api, &mr_method_pin,
						  NULL };
const size_t image_channels = 1;
const enum mr_ap_method image_ap = MR_AP_PIN;
