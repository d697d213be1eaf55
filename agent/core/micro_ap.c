/* The method `micro-ap`: a WPA2 network with the device's own passphrase, which protects the API on it. */
#include "agent/core/method.h"
#include "agent/core/wifi.h"

static unsigned wants(const struct mr_agent_config *config)
{
	return config->ap.method == MR_AP_WPA2 ? mr_wifi_wants(&config->ap) : 0;
}

static bool is_open(const struct mr_agent *agent) { return agent->config.ap.method == MR_AP_WPA2; }

const struct mr_method mr_method_micro_ap = {
	.name = "micro-ap", .needs = &mr_part_api, .has_room = true, .wants = wants, .is_open = is_open
};
