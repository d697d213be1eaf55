/*
 * https: an open network, and TLS.
 *
 * room: wifi https
 * no room: direct pin sniffer
 * server: https
 */
#include "tests/agent-size/board.h"

const struct mr_method *const image_methods[] = { &mr_part_wifi, &mr_part_api, &mr_method_https, NULL };
const size_t image_channels = 0;
const enum mr_ap_method image_ap = MR_AP_TLS;
