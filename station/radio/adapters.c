#include "station/radio/adapters.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/nl80211.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/wire/cause.h"
#include "station/base/log.h"
#include "station/radio/claim.h"
#include "station/radio/monitor.h"
#include "station/radio/quirks.h"
#include "station/radio/selftest.h"

const char *adapter_verdict_name(enum adapter_verdict verdict)
{
	switch (verdict) {
	case ADAPTER_GOOD: return "good";
	case ADAPTER_LIMITED: return "limited";
	case ADAPTER_BUSY: return "in use";
	case ADAPTER_UNUSABLE: return "unusable";
	}
	return "?";
}

bool adapters_permitted(char *error, size_t error_len)
{
	unsigned long long effective = 0, wanted = 1ull << CAP_NET_ADMIN | 1ull << CAP_NET_RAW;
	char line[128], program[128];
	ssize_t got;
	FILE *from = fopen("/proc/self/status", "r");

	while (from && fgets(line, sizeof(line), from))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	if (from)
		fclose(from);
	if ((effective & wanted) == wanted)
		return true;
	got = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[got > 0 ? got : 0] = '\0';
	snprintf(
		error, error_len,
		"driving radios needs the capabilities CAP_NET_ADMIN and CAP_NET_RAW; as root: "
		"setcap cap_net_admin,cap_net_raw+ep %s, or run the job as a service: config/systemd/millrace@.service",
		program[0] ? program : "THE-PROGRAM");
	return false;
}

/* --- who else uses it --------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void add_user(struct adapter *adapter, const char *format, ...)
{
	size_t used = strlen(adapter->users);
	va_list args;

	if (used > 0 && used + 3 < sizeof(adapter->users)) {
		strcat(adapter->users, ", ");
		used += 2;
	}
	va_start(args, format);
	vsnprintf(adapter->users + used, sizeof(adapter->users) - used, format, args);
	va_end(args);
}

static bool file_has(const char *path, const char *word)
{
	char line[256];
	bool has = false;
	FILE *from = fopen(path, "r");

	while (from && !has && fgets(line, sizeof(line), from))
		has = strstr(line, word) != NULL;
	if (from)
		fclose(from);
	return has;
}

/* Arguments are separated by NULs; "-iwlan0" counts as well as "wlan0". */
static bool argument_names(const char *pid, const char *interface)
{
	char path[300], text[4096];
	size_t got = 0, len = strlen(interface);
	FILE *from;

	snprintf(path, sizeof(path), "/proc/%.200s/cmdline", pid);
	from = fopen(path, "r");
	if (from) {
		got = fread(text, 1, sizeof(text) - 1, from);
		fclose(from);
	}
	text[got] = '\0';
	for (size_t at = 0; at < got; at += strlen(text + at) + 1) {
		size_t own = strlen(text + at);

		if (own >= len && strcmp(text + at + own - len, interface) == 0 &&
		    (own == len || (own == len + 2 && strncmp(text + at, "-i", 2) == 0)))
			return true;
	}
	return false;
}

static void find_supplicants(struct adapter *adapter, const char *interface)
{
	static const char *const names[] = { "wpa_supplicant", "hostapd", "iwd" };
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	while (dir && (entry = readdir(dir))) {
		char path[300], name[32] = "";
		FILE *from;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.200s/comm", entry->d_name);
		from = fopen(path, "r");
		if (!from)
			continue;
		if (!fgets(name, sizeof(name), from))
			name[0] = '\0';
		fclose(from);
		name[strcspn(name, "\n")] = '\0';
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strcmp(name, names[i]) == 0 && argument_names(entry->d_name, interface))
				add_user(adapter, "%s on %s", name, interface);
	}
	if (dir)
		closedir(dir);
}

static void find_users(struct adapter *adapter)
{
	char path[128];

	adapter->holder = claim_holder(adapter->where.path);
	if (adapter->holder > 0)
		add_user(adapter, "process %d as its radio", adapter->holder);
	for (size_t i = 0; i < adapter->interface_count; i++) {
		const struct nl80211_interface *about = &adapter->interfaces[i].about;

		if (adapter->holder > 0 && strncmp(about->name, "mr", 2) == 0)
			continue;
		find_supplicants(adapter, about->name);
		snprintf(path, sizeof(path), "/run/wpa_supplicant/%s", about->name);
		if (access(path, F_OK) == 0 && !strstr(adapter->users, "wpa_supplicant"))
			add_user(adapter, "wpa_supplicant on %s", about->name);
		snprintf(path, sizeof(path), "/run/NetworkManager/devices/%d", about->ifindex);
		if (file_has(path, "managed=true"))
			add_user(adapter, "NetworkManager on %s", about->name);
		snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", about->name);
		if (adapter->interfaces[i].up && about->type == NL80211_IFTYPE_MONITOR)
			add_user(adapter, "monitor %s", about->name);
		else if (adapter->interfaces[i].up && about->type == NL80211_IFTYPE_AP)
			add_user(adapter, "access point %s", about->name);
		else if (adapter->interfaces[i].up && file_has(path, "up"))
			add_user(adapter, "a connection on %s", about->name);
	}
}

/* --- verdict ------------------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 4, 5))) static void judge(struct adapter *adapter, enum adapter_verdict verdict,
							const char *remedy, const char *reason, ...)
{
	va_list args;

	adapter->verdict = verdict;
	va_start(args, reason);
	vsnprintf(adapter->reason, sizeof(adapter->reason), reason, args);
	va_end(args);
	snprintf(adapter->remedy, sizeof(adapter->remedy), "%s", remedy);
}

static bool may_send_anywhere(const struct nl80211_phy *phy)
{
	for (size_t i = 0; i < phy->channel_count; i++)
		if (phy->channels[i].flags == 0)
			return true;
	return false;
}

static void find_verdict(struct adapter *adapter, unsigned kernel)
{
	const struct nl80211_phy *phy = &adapter->phy;

	if (adapter->quirks & QUIRK_REFUSE)
		judge(adapter, ADAPTER_UNUSABLE, "boot another kernel", "%s",
		      quirk_with(QUIRK_REFUSE, &adapter->where, kernel)->sentence);
	else if (!phy->monitor)
		judge(adapter, ADAPTER_UNUSABLE, "use an adapter of docs/hardware.md",
		      "its driver has no monitor mode");
	else if (!phy->inject)
		judge(adapter, ADAPTER_UNUSABLE, "use an adapter of docs/hardware.md",
		      "its firmware does 802.11 by itself and lets nobody send frames of one's own");
	else if (adapter->where.rfkill_hard)
		judge(adapter, ADAPTER_UNUSABLE, "turn the radio switch or key of this machine on",
		      "blocked by its switch");
	else if (adapter->where.rfkill_soft)
		judge(adapter, ADAPTER_UNUSABLE, "rfkill unblock wifi", "blocked by rfkill");
	else if (!may_send_anywhere(phy))
		judge(adapter, ADAPTER_UNUSABLE, "set the country: iw reg set CC",
		      "the rules in force let it send on no channel");
	else if (adapter->holder > 0)
		judge(adapter, ADAPTER_BUSY, "stop that process, or leave the adapter to it", "used by %s",
		      adapter->users);
	else if (adapter->users[0])
		judge(adapter, ADAPTER_BUSY,
		      "stop it, or have it leave adapters for the line alone: config/NetworkManager/millrace.conf; "
		      "an adapter named in the job is taken all the same",
		      "used by %s", adapter->users);
	else if (adapter->quirks & QUIRK_STATUS_LIES)
		judge(adapter, ADAPTER_LIMITED, "use an adapter of docs/hardware.md", "%s",
		      quirk_with(QUIRK_STATUS_LIES, &adapter->where, kernel)->sentence);
	else if (!setup_rung_possible(SETUP_ACTIVE, phy, adapter->quirks, kernel))
		judge(adapter, ADAPTER_LIMITED, "prove it with: millrace radios test",
		      phy->access_point ? "no active monitor mode; it may acknowledge as an anchor access point"
					: "no active monitor mode: devices send every frame several times");
}

/* --- listing ------------------------------------------------------------------------------------------------------ */

static void take_interfaces(struct adapter *adapter, const struct nl80211_interface *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].phy != adapter->where.index || list[i].ifindex == 0 ||
		    adapter->interface_count == ADAPTER_INTERFACES_MAX)
			continue;
		adapter->interfaces[adapter->interface_count].about = list[i];
		adapter->interfaces[adapter->interface_count++].up = interface_is_up(list[i].name) == 1;
	}
}

static int fill(struct nl80211 *nl, struct adapter *out, const struct sysfs_phy *wheres, size_t count, char *error,
		size_t error_len)
{
	struct nl80211_phy *phys = calloc(NL80211_PHYS_MAX, sizeof(*phys));
	struct nl80211_interface *interfaces = calloc(NL80211_INTERFACES_MAX, sizeof(*interfaces));
	unsigned kernel = kernel_version();
	size_t filled = 0;
	int result = -ENOMEM, phy_count = 0, interface_count = 0;

	if (phys && interfaces) {
		phy_count = nl80211_phys(nl, UINT32_MAX, phys, NL80211_PHYS_MAX);
		interface_count = nl80211_interfaces(nl, interfaces, NL80211_INTERFACES_MAX);
		result = phy_count < 0 ? phy_count : interface_count < 0 ? interface_count : 0;
	}
	if (result < 0)
		snprintf(error, error_len, "can't list the radios: %s", strerror(-result));
	for (size_t i = 0; i < count && result == 0; i++)
		for (int k = 0; k < phy_count; k++) {
			if (phys[k].index != wheres[i].index)
				continue;
			struct adapter *adapter = &out[filled++];

			*adapter = (struct adapter){ .where = wheres[i], .phy = phys[k] };
			adapter->quirks = quirks_of(&wheres[i], kernel);
			take_interfaces(adapter, interfaces, (size_t)interface_count);
			find_users(adapter);
			find_verdict(adapter, kernel);
		}
	free(phys);
	free(interfaces);
	return result < 0 ? result : (int)filled;
}

int adapters_list(struct adapter *out, size_t max, char country[static 3], char *error, size_t error_len)
{
	struct sysfs_phy *wheres = calloc(max, sizeof(*wheres));
	struct nl80211 *nl;
	int result;

	if (!wheres)
		return -ENOMEM;
	memcpy(country, "00", 3);
	result = nl80211_open(&nl);
	if (result == -ENOENT) {
		free(wheres);
		return 0; /* no wireless stack is loaded: nothing is plugged in */
	}
	if (result < 0) {
		snprintf(error, error_len, "can't reach the wireless stack: %s", strerror(-result));
	} else {
		(void)nl80211_country(nl, country);
		result = fill(nl, out, wheres, sysfs_phys(wheres, max), error, error_len);
		nl80211_close(nl);
	}
	free(wheres);
	return result;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

bool adapter_is_named(const struct adapter *adapter, const char *name)
{
	const uint8_t *m = adapter->where.mac;
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	if (strcasecmp(name, mac) == 0 || strcmp(name, adapter->where.name) == 0 ||
	    strcmp(name, adapter->where.path) == 0)
		return true;
	for (size_t i = 0; i < adapter->interface_count; i++)
		if (strcmp(name, adapter->interfaces[i].about.name) == 0)
			return true;
	return false;
}

/* Puts the chosen ones first in `list`, in the order of their names. How many, or -1 with a sentence. */
static int choose(struct adapter *list, size_t count, const char *const *names, size_t name_count,
		  const struct log *log, char *error, size_t error_len)
{
	bool any = name_count == 0 || (name_count == 1 && strcmp(names[0], "auto") == 0);
	size_t chosen = 0;

	for (size_t n = 0; !any && n < name_count; n++) {
		size_t at = chosen;

		while (at < count && !adapter_is_named(&list[at], names[n]))
			at++;
		if (at == count) {
			snprintf(error, error_len, "no adapter is called %.64s; millrace radios lists them", names[n]);
			return -1;
		}
		if (list[at].verdict == ADAPTER_UNUSABLE || list[at].holder > 0) {
			snprintf(error, error_len, "%.64s: %s; %s", names[n], list[at].reason, list[at].remedy);
			return -1;
		}
		if (list[at].verdict != ADAPTER_GOOD)
			log_write(LOG_STATION(log), LOG_RADIO, LOG_WARN, "%s (%s): %s", names[n], list[at].where.driver,
				  list[at].reason);
		struct adapter swap = list[chosen];

		list[chosen++] = list[at];
		list[at] = swap;
	}
	for (size_t i = 0; any && i < count; i++) {
		if (list[i].verdict > ADAPTER_LIMITED) {
			log_write(LOG_STATION(log), LOG_RADIO, LOG_INFO, "%s (%s) not taken: %s", list[i].where.name,
				  list[i].where.driver, list[i].reason);
			continue;
		}
		if (chosen != i)
			list[chosen] = list[i];
		chosen++;
	}
	if (chosen == 0)
		snprintf(error, error_len,
			 count == 0 ? "no wireless adapter is plugged in"
				    : "none of the adapters can be used; millrace radios says why");
	assert(chosen <= count);
	return chosen > 0 ? (int)chosen : -1;
}

static unsigned rungs_of(const struct adapter *adapter, unsigned kernel)
{
	unsigned rungs = 0;

	for (unsigned rung = 0; rung < SETUP_RUNGS; rung++)
		if (setup_rung_possible((enum setup_rung)rung, &adapter->phy, adapter->quirks, kernel))
			rungs |= 1u << rung;
	return rungs;
}

static struct radio *open_one(struct loop *loop, const struct log *log, const struct adapter *adapter, unsigned rungs,
			      const uint8_t mac[static 6], size_t number, char *error, size_t error_len)
{
	struct monitor_options options = {
		.loop = loop, .log = log, .where = adapter->where, .quirks = adapter->quirks
	};
	char name[RADIO_NAME_MAX];
	struct radio *radio = NULL;
	int result = -ENODEV;

	snprintf(name, sizeof(name), "radio%zu", number);
	options.name = name;
	memcpy(options.mac, mac, 6);
	for (unsigned rung = 0; rung < SETUP_RUNGS && result < 0 && result != -EBUSY; rung++) {
		if (!(rungs >> rung & 1))
			continue;
		options.rung = (enum setup_rung)rung;
		result = monitor_open(&radio, &options, error, error_len);
	}
	return result < 0 ? NULL : radio;
}

static void tell_restored(void *ctx, const char *interface, int error)
{
	const struct log *log = ctx;

	log_write(LOG_STATION(log), LOG_RADIO, error < 0 ? LOG_WARN : LOG_INFO, "%s: %s", interface,
		  error < 0 ? strerror(-error) : "given back, taken by a station that was killed");
}

int adapters_restore(const struct log *log) { return claims_restore(tell_restored, (void *)(uintptr_t)log); }

static void tell_proofs(const struct log *log, struct radio *const *radios, const struct selftest_proof *proofs,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct radio_caps *caps = &radios[i]->caps;

		log_write(LOG_STATION(log), LOG_RADIO, LOG_INFO,
			  "%s: %s (%s), %s, acknowledges %u address%s%s, status %s, switch %u us", caps->name,
			  caps->path, caps->driver, proofs[i].rung, caps->acknowledged_max,
			  caps->acknowledged_max == 1 ? "" : "es",
			  proofs[i].judged ? "" : " (untested: one adapter alone)",
			  caps->truthful_status ? "truthful" : "not to be believed", caps->switch_us);
	}
}

int adapters_open(struct loop *loop, const struct log *log, const struct adapters_wanted *wanted, struct radio **out,
		  size_t *count, char *error, size_t error_len)
{
	const char *const *names = wanted->names;
	size_t name_count = wanted->name_count;
	struct adapter *list = calloc(ADAPTERS_MAX, sizeof(*list));
	struct selftest_proof proofs[ADAPTERS_MAX];
	unsigned rungs[ADAPTERS_MAX], kernel = kernel_version();
	size_t opened = 0;
	int chosen = -1;
	char country[3];
	bool fatal = false, any = name_count == 0 || strcmp(names[0], "auto") == 0;

	error[0] = '\0';
	if (!list)
		snprintf(error, error_len, "no memory");
	else if (adapters_permitted(error, error_len)) {
		adapters_restore(log);
		chosen = adapters_list(list, ADAPTERS_MAX, country, error, error_len);
		if (chosen >= 0)
			chosen = choose(list, (size_t)chosen, names, name_count, log, error, error_len);
	}
	for (int i = 0; i < chosen && opened < *count && !fatal; i++) {
		rungs[opened] = rungs_of(&list[i], kernel);
		out[opened] = open_one(loop, log, &list[i], rungs[opened],
				       wanted->mac ? wanted->mac : list[0].where.mac, opened + 1, error, error_len);
		if (out[opened])
			opened++;
		else if (any)
			log_write(LOG_STATION(log), LOG_RADIO, LOG_WARN, "%s (%s): %s", list[i].where.name,
				  list[i].where.driver, error);
		else
			fatal = true;
	}
	free(list);
	if (fatal)
		while (opened > 0)
			radio_close(out[--opened]);
	*count = opened;
	if (opened == 0)
		return -MR_CAUSE_RADIO_GONE;
	selftest_prove(out, rungs, opened, wanted->addresses, proofs);
	tell_proofs(log, out, proofs, opened);
	return 0;
}
