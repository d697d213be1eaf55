/*
 * direct, wps-pin: action frames, and credentials from any registrar of WPS.
 *
 * room: direct
 * no room: wifi pin https sniffer
 * server: none
 */
#include "agent/core/wps.h"
#include "tests/agent-size/board.h"

const struct mr_method *const image_methods[] = { &mr_method_direct, &mr_part_wps, &mr_method_wps_pin,
						  &mr_method_wps_pbc, NULL };
const size_t image_channels = 1;
const enum mr_ap_method image_ap = MR_AP_NONE;
struct mr_wps wps = { .pin = "12345670" };
struct mr_wps *image_wps = &wps;
