/* `millrace radios`: the adapters of this machine and what hinders them. `radios test`: what they really do. */
#include <errno.h>
#include <linux/nl80211.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent/wire/channel.h"
#include "station/base/log.h"
#include "station/base/loop.h"
#include "station/command/command.h"
#include "station/radio/adapters.h"
#include "station/radio/monitor.h"
#include "station/radio/quirks.h"
#include "station/radio/selftest.h"

#define TEXT_MAX 512   /* octets of a line; chosen */
#define PAIR_FRAMES 20 /* chosen: an honest pair of radios loses one in twenty at most */

static const struct command list_command = { "radios", "[test]",
					     "The adapters of this machine: what they can do, what "
					     "stands in their way",
					     NULL };
static const struct command test_command = { "radios test", "[ADAPTER...]",
					     "Adapters send to one another and report: "
					     "delivery, acknowledgements, rates, the time of a channel change",
					     NULL };

/* --- listing ------------------------------------------------------------------------------------------------------ */

static void mac_text(char out[static 18], const uint8_t mac[static 6])
{
	snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static const char *bands_text(uint8_t bands)
{
	switch (bands & (NL80211_2GHZ | NL80211_5GHZ)) {
	case NL80211_2GHZ: return "2.4 GHz";
	case NL80211_5GHZ: return "5 GHz";
	case NL80211_2GHZ | NL80211_5GHZ: return "2.4 and 5 GHz";
	default: return "none";
	}
}

/* "1-11, 36, 40": neighbours of the 2.4 GHz raster are drawn together. */
static void channels_text(char *out, size_t cap, const struct nl80211_phy *phy, bool sends)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < phy->channel_count; i++) {
		unsigned first = mr_mhz_to_channel(phy->channels[i].freq_mhz), last = first;

		if (first == 0 || (phy->channels[i].flags & RADIO_DISABLED) || (phy->channels[i].flags == 0) != sends)
			continue;
		while (first < 14 && i + 1 < phy->channel_count && !(phy->channels[i + 1].flags & RADIO_DISABLED) &&
		       (phy->channels[i + 1].flags == 0) == sends &&
		       mr_mhz_to_channel(phy->channels[i + 1].freq_mhz) == last + 1) {
			last++;
			i++;
		}
		if (used + 12 >= cap)
			return;
		used += (size_t)snprintf(out + used, cap - used, first == last ? "%s%u" : "%s%u-%u", used ? ", " : "",
					 first, last);
	}
}

static const char *interface_type(uint32_t type)
{
	switch (type) {
	case NL80211_IFTYPE_STATION: return "managed";
	case NL80211_IFTYPE_AP: return "access point";
	case NL80211_IFTYPE_MONITOR: return "monitor";
	case NL80211_IFTYPE_ADHOC: return "ad-hoc";
	default: return "other";
	}
}

static const char *rfkill_text(const struct adapter *a)
{
	return a->where.rfkill_hard ? "switched off" : a->where.rfkill_soft ? "blocked" : "free";
}

static const char *active_text(const struct adapter *a)
{
	return !a->phy.active_monitor ? "no" : a->quirks & QUIRK_NO_ACTIVE ? "said, but does not work" : "yes";
}

static void print_adapter(const struct adapter *a, bool colour)
{
	static const char *const colours[] = { "\x1b[32m", "\x1b[33m", "\x1b[33m", "\x1b[31m" };
	char mac[18], text[TEXT_MAX];

	mac_text(mac, a->where.mac);
	printf("%s  %s  %s", a->where.path, a->interface_count > 0 ? a->interfaces[0].about.name : a->where.name, mac);
	printf("  %s%s%s\n", colour ? colours[a->verdict] : "", adapter_verdict_name(a->verdict),
	       colour ? "\x1b[0m" : "");
	if (a->reason[0])
		printf("  because       %s\n", a->reason);
	if (a->remedy[0])
		printf("  remedy        %s\n", a->remedy);
	printf("  driver        %s%s%s%s\n", a->where.driver, a->where.chipset[0] ? ", " : "", a->where.chipset,
	       quirk_recommended(&a->where) ? " (recommended)" : "");
	if (a->where.usb_vendor)
		printf("  USB id        %04x:%04x\n", a->where.usb_vendor, a->where.usb_product);
	printf("  bands         %s\n", bands_text(a->phy.bands));
	channels_text(text, sizeof(text), &a->phy, true);
	printf("  may send      %s\n", text[0] ? text : "nowhere");
	channels_text(text, sizeof(text), &a->phy, false);
	printf("  listens only  %s\n", text[0] ? text : "-");
	printf("  monitor       %s, active %s, injection %s\n", a->phy.monitor ? "yes" : "no", active_text(a),
	       a->phy.inject ? "yes" : "no");
	printf("  combinations  %s\n", a->phy.combinations[0] ? a->phy.combinations : "not said");
	printf("  addresses     %u claimed; millrace radios test counts those that it acknowledges\n",
	       a->phy.addresses);
	printf("  rfkill        %s\n", rfkill_text(a));
	for (size_t i = 0; i < a->interface_count; i++)
		printf("  interface     %s, %s, %s\n", a->interfaces[i].about.name,
		       interface_type(a->interfaces[i].about.type), a->interfaces[i].up ? "up" : "down");
	printf("  used by       %s\n", a->users[0] ? a->users : "nobody");
	for (const struct quirk *q = NULL; (q = quirk_next(q, &a->where, kernel_version()));)
		printf("  note          %s (%s)\n", q->sentence, q->seen);
}

static json_t *channels_json(const struct nl80211_phy *phy)
{
	json_t *list = json_array();

	for (size_t i = 0; i < phy->channel_count; i++) {
		const struct radio_channel *c = &phy->channels[i];

		json_array_append_new(list,
				      json_pack("{s:i s:i s:b s:b s:b s:i}", "channel",
						(int)mr_mhz_to_channel(c->freq_mhz), "freq_mhz", (int)c->freq_mhz,
						"disabled", c->flags & RADIO_DISABLED, "no_ir", c->flags & RADIO_NO_IR,
						"radar", c->flags & RADIO_RADAR, "max_dbm", (int)c->max_dbm));
	}
	return list;
}

/* A driver's and a maker's words may hold anything: jansson takes UTF-8 only. */
static json_t *outside_text(const char *text)
{
	char out[TEXT_MAX];

	return json_string(log_escape(out, sizeof(out), text, strlen(text)));
}

static json_t *adapter_json(const struct adapter *a)
{
	json_t *interfaces = json_array(), *notes = json_array();
	char mac[18];

	mac_text(mac, a->where.mac);
	for (size_t i = 0; i < a->interface_count; i++)
		json_array_append_new(interfaces,
				      json_pack("{s:o s:s s:b}", "name", outside_text(a->interfaces[i].about.name),
						"type", interface_type(a->interfaces[i].about.type), "up",
						a->interfaces[i].up));
	for (const struct quirk *q = NULL; (q = quirk_next(q, &a->where, kernel_version()));)
		json_array_append_new(notes, json_pack("{s:s s:s}", "sentence", q->sentence, "seen", q->seen));
	return json_pack(
		"{s:o s:s s:s s:o s:o s:i s:i s:b s:b s:b s:b s:s s:s s:i s:o s:o s:o s:i s:s s:o s:o s:o s:s}", "path",
		outside_text(a->where.path), "phy", a->where.name, "mac", mac, "driver", outside_text(a->where.driver),
		"chipset", outside_text(a->where.chipset), "usb_vendor", (int)a->where.usb_vendor, "usb_product",
		(int)a->where.usb_product, "monitor", a->phy.monitor, "active_monitor", a->phy.active_monitor,
		"injection", a->phy.inject, "recommended", quirk_recommended(&a->where), "bands",
		bands_text(a->phy.bands), "combinations", a->phy.combinations, "addresses_claimed",
		(int)a->phy.addresses, "channels", channels_json(&a->phy), "interfaces", interfaces, "users",
		outside_text(a->users), "holder_pid", a->holder, "verdict", adapter_verdict_name(a->verdict), "reason",
		outside_text(a->reason), "remedy", outside_text(a->remedy), "notes", notes, "rfkill", rfkill_text(a));
}

static int print_json(json_t *object)
{
	int result = object ? json_dumpf(object, stdout, JSON_INDENT(2)) : -1;

	json_decref(object);
	putchar('\n');
	return result < 0 || fflush(stdout) != 0 ? -1 : 0;
}

static int run_list(int argc, char **argv)
{
	bool json = false;
	const struct option_row rows[] = {
		{ "--json", NULL, "for programs", NULL, &json },
		{ 0 },
	};
	struct adapter *list;
	char country[3], error[400];
	int count, usable = 0, status = command_options(&list_command, rows, argc, argv, NULL, 0, NULL);

	if (status >= 0)
		return status;
	list = calloc(ADAPTERS_MAX, sizeof(*list));
	count = list ? adapters_list(list, ADAPTERS_MAX, country, error, sizeof(error)) : -ENOMEM;
	if (count < 0) {
		fprintf(stderr, "millrace radios: %s\n", list ? error : "no memory");
		free(list);
		return EXIT_UNUSABLE;
	}
	json_t *all = json ? json_array() : NULL;

	for (int i = 0; i < count; i++) {
		usable += list[i].verdict <= ADAPTER_LIMITED;
		if (json)
			json_array_append_new(all, adapter_json(&list[i]));
		else
			print_adapter(&list[i], command_colour(stdout));
	}
	status = usable > 0 ? EXIT_ALL_WELL : EXIT_NOT_ALL_WELL;
	if (json && print_json(json_pack("{s:s s:o}", "country", country, "adapters", all)) < 0)
		status = EXIT_UNUSABLE;
	if (!json && count == 0)
		printf("No wireless adapter is plugged in. docs/hardware.md tells which to buy.\n");
	else if (!json)
		printf("%d of %d can be used. Rules in force: %s.%s\n", usable, count, country,
		       strcmp(country, "00") == 0 ? " Set the country for more channels: iw reg set CC" : "");
	if (!json && count > 0 && !adapters_permitted(error, sizeof(error)))
		printf("But %s.\n", error);
	free(list);
	return status;
}

/* --- testing ------------------------------------------------------------------------------------------------------ */

struct trial {
	struct radio *radios[ADAPTERS_MAX];
	size_t count;
	uint16_t mhz[2];
	bool json, all_well;
	json_t *pairs;
};

static void place(struct trial *t, size_t a, size_t b, unsigned here)
{
	for (size_t i = 0; i < t->count; i++)
		(void)setup_tune(monitor_setup(t->radios[i]), t->mhz[i == a || i == b ? here : !here]);
}

static void show_pair(struct trial *t, size_t a, size_t b, unsigned here, const struct selftest_result *r)
{
	bool well = r->reported == PAIR_FRAMES && r->received + 1 >= PAIR_FRAMES && r->wrong_rate == 0 &&
		    r->wrong_sequence == 0 && r->wrong_channel == 0;

	t->all_well &= well;
	if (t->json) {
		json_array_append_new(t->pairs,
				      json_pack("{s:s s:s s:i s:i s:i s:i s:i s:i s:i s:i s:i s:b}", "from",
						t->radios[a]->caps.name, "to", t->radios[b]->caps.name, "channel",
						(int)mr_mhz_to_channel(t->mhz[here]), "sent", (int)r->sent, "reported",
						(int)r->reported, "acked", (int)r->acked, "retries", (int)r->retries,
						"received", (int)r->received, "wrong_rate", (int)r->wrong_rate,
						"wrong_sequence", (int)r->wrong_sequence, "wrong_channel",
						(int)r->wrong_channel, "well", well));
		return;
	}
	printf("%s -> %s  channel %u: %u of %u heard, %u reported, %u acknowledged, %u retries%s%s%s\n",
	       t->radios[a]->caps.name, t->radios[b]->caps.name, mr_mhz_to_channel(t->mhz[here]), r->received, r->sent,
	       r->reported, r->acked, r->retries, r->wrong_rate ? ", at another rate than asked" : "",
	       r->wrong_sequence ? ", renumbered" : "", r->wrong_channel ? ", on another channel than asked" : "");
}

static void try_pairs(struct trial *t)
{
	struct selftest_result result;

	/* On two channels: an adapter that says it moved and stayed is found out (kernel defect K1). */
	for (unsigned here = 0; here < 2; here++)
		for (size_t a = 0; a < t->count; a++)
			for (size_t b = 0; b < t->count; b++) {
				if (a == b)
					continue;
				place(t, a, b, here);
				selftest_send(t->radios[a], t->radios[b], t->radios[b]->caps.mac, PAIR_FRAMES, &result);
				show_pair(t, a, b, here, &result);
			}
}

static void acknowledged_text(char *out, size_t cap, const struct radio_caps *caps)
{
	if (caps->acknowledged_max == 0)
		snprintf(out, cap, "nothing");
	else
		snprintf(out, cap, "%u address%s", caps->acknowledged_max, caps->acknowledged_max == 1 ? "" : "es");
}

static json_t *show_radio(struct trial *t, size_t i)
{
	const struct radio_caps *caps = &t->radios[i]->caps;
	char text[TEXT_MAX];
	uint32_t settle_us = UINT32_MAX;
	size_t other = i == 0 ? 1 : 0;

	if (t->count > 1) {
		place(t, i, other, 0);
		settle_us = selftest_settle_us(t->radios[other], t->radios[i], t->mhz[0], t->mhz[1]);
	}
	t->all_well &= caps->acknowledges && caps->truthful_status && caps->switch_us > 0;
	if (t->json)
		return json_pack("{s:s s:o s:o s:s s:b s:i s:b s:b s:i s:i}", "name", caps->name, "path",
				 outside_text(caps->path), "driver", outside_text(caps->driver), "set_up",
				 setup_rung_name(monitor_setup(t->radios[i])->rung), "acknowledges", caps->acknowledges,
				 "acknowledged_addresses", (int)caps->acknowledged_max, "proved", t->count > 1,
				 "truthful_status", caps->truthful_status, "switch_us", (int)caps->switch_us,
				 "settle_us", settle_us == UINT32_MAX ? -1 : (int)settle_us);
	acknowledged_text(text, sizeof(text), caps);
	printf("%s  %s (%s)  %s: acknowledges %s%s, reports %s, channel change %.2f ms", caps->name, caps->path,
	       caps->driver, setup_rung_name(monitor_setup(t->radios[i])->rung), text,
	       t->count > 1 ? "" : " (not proved: one adapter alone)",
	       caps->truthful_status ? "truthfully" : "what is not so", caps->switch_us / 1000.0);
	if (settle_us != UINT32_MAX)
		printf(", hears after %.2f ms", settle_us / 1000.0);
	putchar('\n');
	return NULL;
}

static int try_all(struct trial *t)
{
	json_t *radios = t->json ? json_array() : NULL;

	if (!selftest_channels(t->radios, t->count, t->mhz)) {
		fprintf(stderr, "millrace radios test: the adapters share no two channels on which they may send; "
				"set the country: iw reg set CC\n");
		json_decref(radios);
		return EXIT_UNUSABLE;
	}
	t->all_well = true;
	t->pairs = t->json ? json_array() : NULL;
	for (size_t i = 0; i < t->count; i++) {
		json_t *one = show_radio(t, i);

		if (one)
			json_array_append_new(radios, one);
	}
	try_pairs(t);
	if (t->json &&
	    print_json(json_pack("{s:o s:o s:b}", "radios", radios, "pairs", t->pairs, "well", t->all_well)) < 0)
		return EXIT_UNUSABLE;
	if (!t->json)
		printf("%s\n",
		       t->all_well ? "All is well." : "Not all is well: docs/hardware.md tells what each line means.");
	return t->all_well ? EXIT_ALL_WELL : EXIT_NOT_ALL_WELL;
}

static int run_test(int argc, char **argv)
{
	bool json = false, verbose = false;
	const struct option_row rows[] = {
		{ "--json", NULL, "for programs", NULL, &json },
		{ "--verbose", NULL, "says what is taken and why not", NULL, &verbose },
		{ 0 },
	};
	const char *names[ADAPTERS_MAX];
	char error[400];
	size_t name_count = 0;
	int status = command_options(&test_command, rows, argc, argv, names, ADAPTERS_MAX, &name_count);
	struct log log = { .to = stderr };
	struct trial *t;
	struct loop *loop;

	if (status >= 0)
		return status;
	log_level_all(&log, verbose ? LOG_INFO : LOG_WARN);
	t = calloc(1, sizeof(*t));
	loop = loop_create_real();
	status = EXIT_UNUSABLE;
	if (t && loop) {
		const struct adapters_wanted wanted = { .names = names,
							.name_count = name_count,
							.addresses = RADIO_ADDRESSES_MAX };

		t->json = json;
		t->count = ADAPTERS_MAX;
		if (adapters_open(loop, &log, &wanted, t->radios, &t->count, error, sizeof(error)) == 0)
			status = try_all(t);
		else
			fprintf(stderr, "millrace radios test: %s\n", error);
		while (t->count > 0)
			radio_close(t->radios[--t->count]);
	}
	loop_destroy(loop);
	free(t);
	return status;
}

int command_radios(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "test") == 0)
		return run_test(argc - 1, argv + 1);
	return run_list(argc, argv);
}
