#include "agent/wire/channel.h"
#include "station/command/check.h"

#include <stdio.h>
#include <string.h>

#include "station/air/air.h"
#include "station/base/loop.h"
#include "station/method/method.h"
#include "station/radio/adapters.h"
#include "station/radio/quirks.h"

static const struct radio_channel *channel_of(const struct radio_channel *list, size_t count, uint16_t freq_mhz)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].freq_mhz == freq_mhz)
			return &list[i];
	return NULL;
}

/* Foreign devices join a BSS of the station, and repeat whatever is not acknowledged there. */
static bool needs_acknowledging(const struct job *job) { return job->method->flags & METHOD_OWN_BSS; }

/* What proves a foreign device is that it is heard to talk to its network; one that becomes a network is heard anyway.
 */
static bool needs_others(const struct job *job)
{
	return job->method->flags & METHOD_NO_REQUESTS && !(job->method->flags & METHOD_BECOMES_AP) &&
	       job_has_step(job, JOB_VERIFY);
}

static void check_simulated_foreign(const struct check_context *c, const struct radio_caps *caps)
{
	if (needs_acknowledging(c->job) && !caps->acknowledges)
		check_add(c->report, "wps", CHECK_WARN, "choose mt7612u",
			  "a simulated %s acknowledges nothing: devices of %s that join the station's BSS repeat every "
			  "frame, and few of them are enrolled",
			  c->job->radio_profile, c->job->method->name);
	if (needs_others(c->job) && !caps->hears_others)
		check_add(c->report, "wps", CHECK_FAIL, "choose mt7612u, or take verify out of the recipe",
			  "a simulated %s hears nothing that others say to each other: no device of %s is seen to join",
			  c->job->radio_profile, c->job->method->name);
}

/* One of them is opened on an air of its own, and asked. */
static void check_simulated(const struct check_context *c)
{
	static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, 1 };
	const struct job *job = c->job;
	struct loop *loop = loop_create_virtual(0);
	struct air_config config = { .seed = 1 };
	struct air *air = loop ? air_create(loop, &config) : NULL;
	struct radio *radio = air ? radio_open_simulated(air, "check", job->radio_profile, mac, 0, 0, NULL) : NULL;
	size_t wrong = 0;

	for (size_t i = 0; radio && i < job->channel_count; i++) {
		const struct radio_channel *channel = channel_of(radio->caps.channels, radio->caps.channel_count,
								 job->channels[i]);

		if (channel && channel->flags == 0)
			continue;
		wrong++;
		check_add(c->report, "radios", CHECK_FAIL, "take it out of channels, or choose another radios.profile",
			  "a simulated %s does not speak on channel %u", job->radio_profile,
			  mr_mhz_to_channel(job->channels[i]));
	}
	if (!radio)
		check_add(c->report, "radios", CHECK_FAIL, "choose another radios.profile",
			  "a simulated %s does not open", job->radio_profile);
	else if (!wrong)
		check_add(c->report, "radios", radio->caps.acknowledges ? CHECK_OK : CHECK_WARN,
			  radio->caps.acknowledges
				  ? NULL
				  : "devices repeat what they send to it; choose mt7612u for a fast line",
			  "%u simulated %s%s, channel change %.1f ms%s", job->radio_count, job->radio_profile,
			  job->radio_count == 1 ? "" : "s", radio->caps.switch_us / 1000.0,
			  radio->caps.acknowledges ? "" : ", acknowledges nothing");
	if (radio) {
		check_simulated_foreign(c, &radio->caps);
		radio_close(radio);
	}
	air_destroy(air);
	loop_destroy(loop);
}

struct taken {
	struct adapter list[ADAPTERS_MAX];
	bool use[ADAPTERS_MAX];
	size_t count;
};

/* An adapter that will serve the job, by what is known of its driver. */
static void check_foreign(const struct check_context *c, const struct adapter *adapter, const char *called)
{
	if (!needs_acknowledging(c->job) || (adapter->phy.active_monitor && !(adapter->quirks & QUIRK_NO_ACTIVE)))
		return;
	check_add(c->report, "wps", CHECK_WARN, "take one of those that docs/hardware.md recommends",
		  "%s: %s does not acknowledge in monitor mode: devices of %s that join the station's BSS repeat every "
		  "frame, and few of them are enrolled",
		  called, adapter->where.driver, c->job->method->name);
}

static void check_adapter(const struct check_context *c, struct taken *t, size_t i, const char *called, bool named)
{
	const struct adapter *adapter = &t->list[i];
	const char *where = adapter->where.path;

	switch (adapter->verdict) {
	case ADAPTER_GOOD:
		check_add(c->report, "radio", CHECK_OK, NULL, "%s: %s at %s", called, adapter->where.driver, where);
		break;
	case ADAPTER_LIMITED:
		check_add(c->report, "radio", CHECK_WARN, adapter->remedy, "%s: %s at %s: %s", called,
			  adapter->where.driver, where, adapter->reason);
		break;
	case ADAPTER_BUSY:
		check_add(c->report, "radio", CHECK_WARN, adapter->remedy, "%s: %s at %s: %s", called,
			  adapter->where.driver, where, adapter->reason);
		break;
	case ADAPTER_UNUSABLE:
		check_add(c->report, "radio", named ? CHECK_FAIL : CHECK_WARN, adapter->remedy, "%s: %s at %s: %s",
			  called, adapter->where.driver, where, adapter->reason);
		break;
	}
	t->use[i] = adapter->verdict == ADAPTER_GOOD || adapter->verdict == ADAPTER_LIMITED ||
		    (named && adapter->verdict == ADAPTER_BUSY);
	if (t->use[i])
		check_foreign(c, adapter, called);
}

static void check_named(const struct check_context *c, struct taken *t)
{
	for (size_t n = 0; n < c->job->radio_name_count; n++) {
		const char *name = c->job->radio_names[n];
		size_t at = 0;

		while (at < t->count && !adapter_is_named(&t->list[at], name))
			at++;
		if (at == t->count)
			check_add(c->report, "radio", CHECK_FAIL,
				  "plug it in, or correct radios; millrace radios lists them",
				  "no adapter is called %s", name);
		else if (t->use[at])
			check_add(c->report, "radio", CHECK_FAIL, "name each adapter once",
				  "%s is an adapter already named", name);
		else
			check_adapter(c, t, at, name, true);
	}
}

/* Each channel of the job wants a radio that may transmit there under the regulatory domain in force. */
static void check_channels(const struct check_context *c, const struct taken *t, const char *country)
{
	for (size_t i = 0; i < c->job->channel_count; i++) {
		const struct radio_channel *best = NULL;

		for (size_t a = 0; a < t->count; a++) {
			const struct radio_channel *channel =
				channel_of(t->list[a].phy.channels, t->list[a].phy.channel_count, c->job->channels[i]);

			if (t->use[a] && channel && (!best || channel->flags == 0))
				best = channel;
		}
		if (best && best->flags == 0)
			continue;
		check_add(c->report, "channels", CHECK_FAIL,
			  "take it out of channels, or set the country: iw reg set CC", "channel %u: %s (country %s)",
			  mr_mhz_to_channel(c->job->channels[i]),
			  !best				 ? "no radio of this job has it"
			  : best->flags & RADIO_DISABLED ? "not allowed here"
			  : best->flags & RADIO_RADAR	 ? "a radar channel"
							 : "listen-only here",
			  country);
	}
}

static void check_real(struct check_context *c)
{
	struct taken t = { .count = 0 };
	char country[3] = "", error[400] = "";
	size_t usable = 0;
	int count = adapters_list(t.list, ADAPTERS_MAX, country, error, sizeof(error));

	if (count < 0) {
		check_add(c->report, "radios", CHECK_FAIL, "plug an adapter in; millrace radios tells more", "%s",
			  error);
		return;
	}
	t.count = (size_t)count;
	if (c->job->radios_auto)
		for (size_t i = 0; i < t.count; i++)
			check_adapter(c, &t, i, t.list[i].where.name, false);
	else
		check_named(c, &t);
	for (size_t i = 0; i < t.count; i++)
		usable += t.use[i];
	if (usable == 0)
		check_add(c->report, "radios", CHECK_FAIL, "plug an adapter in; docs/hardware.md says which",
			  "no adapter can serve this job");
	else
		check_channels(c, &t, country);
	c->radios = usable;
	if (!adapters_permitted(error, sizeof(error)))
		check_add(c->report, "permission", CHECK_FAIL, NULL, "%s", error);
}

void check_radios(struct check_context *context)
{
	context->radios = context->job->radio_count;
	if (context->job->radios_simulated)
		check_simulated(context);
	else
		check_real(context);
}
