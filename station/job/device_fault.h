/*
 * What a job can have go wrong with simulated devices. station/world/device.c does it to them.
 */
#pragma once

enum device_fault {
	DEVICE_FAULT_NONE,
	DEVICE_FAULT_SELFTEST,	/* a self-test item fails */
	DEVICE_FAULT_STORAGE,	/* a storage write fails */
	DEVICE_FAULT_VANISH,	/* power is lost for good during `step` */
	DEVICE_FAULT_POWER_CUT, /* power is lost for off_us during `step`, storage torn if it was being written */
	DEVICE_FAULT_WRONG_BATCH_KEY,
	DEVICE_FAULT_WEAK_SIGNAL, /* extra path loss */
	DEVICE_FAULT_WRONG_PRODUCT,
	DEVICE_FAULT_CLONE,	   /* answers with the id of another device, which its config has */
	DEVICE_FAULT_WRONG_SECRET, /* passphrase or PIN are not the label's: its config has others
				    */
	DEVICE_FAULT_AP_DEAUTH,	   /* its access point throws its STAs out, once, during `step` */
	DEVICE_FAULT_NO_JOIN,	   /* the target network refuses it (network_refuse) */
	DEVICE_FAULT_BUSY,	   /* its server answers 503, always */
	DEVICE_FAULT_HANGS_UP,	   /* its server closes each connection as soon as it is asked */
	DEVICE_FAULT_TRICKLES,	   /* its server answers each request with headers that never end, an octet at a time */
	DEVICE_FAULT_FORGED,	   /* a stranger's 403 answers the first request of each of its access point's lives */
	DEVICE_FAULT_MANY_ROUNDS,  /* its PIN's verifier is of 150,000 rounds */
	DEVICE_FAULT_OTHER_GATEWAY, /* no fault, only odd, as the next three: enum dhcp_manner */
	DEVICE_FAULT_DHCP_TERSE,
	DEVICE_FAULT_DHCP_OVERLOAD,
	DEVICE_FAULT_DHCP_SLOW,
	DEVICE_FAULT_BLANK_LINE,     /* its server begins each answer with an empty line */
	DEVICE_FAULT_OLD_FIRMWARE,   /* its STATUS is without PROTOCOL; behind WPA2 only */
	DEVICE_FAULT_ZERO_ID,	     /* says an id of zeros, or of ones */
	DEVICE_FAULT_SAME_ADDRESS,   /* has the address of another device, which its config has */
	DEVICE_FAULT_HIDDEN,	     /* its access point does not say its name */
	DEVICE_FAULT_CHANNEL_SWITCH, /* its access point says that it changes its channel, once, and does */
	DEVICE_FAULT_NEARER,	     /* weak at first, not any more after some time */
	DEVICE_FAULT_NO_READING,     /* its self-test leaves an item out, and says nothing about it */
	DEVICE_FAULT_OTHER_SECURITY, /* its access point is open for some time where it should have WPA2, or the reverse
				      */
	DEVICE_FAULT_COUNT
};
const char *device_fault_name(enum device_fault fault); /* "selftest", "storage", "vanish", ... as in job files */
