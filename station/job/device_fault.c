#include "station/job/device_fault.h"

#include <stddef.h>

const char *device_fault_name(enum device_fault fault)
{
	static const char *const names[] = {
		"none",		"selftest",	 "storage",	   "vanish",	   "power-cut",	   "wrong-batch-key",
		"weak-signal",	"wrong-product", "clone",	   "wrong-secret", "ap-deauth",	   "no-join",
		"busy",		"hangs-up",	 "trickles",	   "forged",	   "many-rounds",  "other-gateway",
		"dhcp-terse",	"dhcp-overload", "dhcp-slow",	   "blank-line",   "old-firmware", "zero-id",
		"same-address", "hidden",	 "channel-switch", "nearer",	   "no-reading",   "other-security"
	};

	return (size_t)fault < sizeof(names) / sizeof(names[0]) ? names[fault] : NULL;
}
