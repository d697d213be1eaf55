/*
 * The adapters of this machine: what is plugged in, what it can do, what hinders it; and opening them as
 * radios.
 *
 *	adapters_list -> look
 *	adapters_restore -> adapters_open -> radios ... -> radio_close each -> adapters_restore
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/radio/nl80211.h"
#include "station/radio/radio.h"
#include "station/radio/sysfs.h"

#define ADAPTERS_MAX 32

struct log;
struct loop;

enum adapter_verdict {
	ADAPTER_GOOD,
	ADAPTER_LIMITED, /* works, with what `reason` says */
	ADAPTER_BUSY,	 /* someone else uses it: taken only when named */
	ADAPTER_UNUSABLE,
};

#define ADAPTER_INTERFACES_MAX 8

struct adapter {
	struct sysfs_phy where;
	struct nl80211_phy phy;
	unsigned quirks; /* enum quirk_flags */
	size_t interface_count;
	struct {
		struct nl80211_interface about;
		bool up;
	} interfaces[ADAPTER_INTERFACES_MAX];
	char users[128]; /* who else has a hand on it, for the operator; "" nobody */
	int holder;	 /* process that holds it as its radio; 0: none */
	enum adapter_verdict verdict;
	char reason[192], remedy[256]; /* "" when all is well */
};

const char *adapter_verdict_name(enum adapter_verdict verdict);
/* Whether a job that says `name` means this one: an interface, a MAC, a phy or a USB path. */
bool adapter_is_named(const struct adapter *adapter, const char *name);

/* Everything plugged in; how many, or -errno with a sentence in `error`. Needs no privileges. */
int adapters_list(struct adapter *out, size_t max, char country[static 3], char *error, size_t error_len);
/* false: the process may not drive radios; `error` says what to do. */
bool adapters_permitted(char *error, size_t error_len);

struct adapters_wanted {
	/* Each an interface name (wlan1), a MAC (aa:bb:cc:dd:ee:ff), a phy (phy3) or a USB path (1-1.2); "auto" alone,
	 * or none: every adapter that passes. */
	const char *const *names;
	size_t name_count;
	const uint8_t *mac; /* the address that all of them answer to; NULL: that of the first adapter */
	/*
	 * To how many addresses, that one included, a radio is to answer (radio_acknowledge). So many are counted, no
	 * more: each takes an interface and some time, and some drivers do not bear a second one. 0 or 1: nothing is
	 * counted.
	 */
	unsigned addresses;
};

/*
 * Opens adapters as radios on the loop (real clock). `count`: room in `out` before, radios after. 0, or
 * -MR_CAUSE_RADIO_GONE with a sentence and its remedy in `error`; nothing is left open then.
 */
int adapters_open(struct loop *loop, const struct log *log, const struct adapters_wanted *wanted, struct radio **out,
		  size_t *count, char *error, size_t error_len);

/* Gives interfaces back what a killed station took from them (from the state file); returns how many. Needs no loop. */
int adapters_restore(const struct log *log);
