/*
 * direct_sniffer: action frames, and broadcasts of the network.
 *
 * room: direct sniffer
 * no room: wifi pin https
 * server: none
 */
#include "tests/agent-size/board.h"

const struct mr_method *const image_methods[] = { &mr_method_direct, &mr_method_sniffer, NULL };
const size_t image_channels = 1;
const enum mr_ap_method image_ap = MR_AP_NONE;
