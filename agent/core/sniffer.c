/*
 * The method `sniffer`: a device in factory mode listens to data frames that are not for it, and keeps the newest
 * sealed broadcast of its batch (agent/wire/sealed.h), sealed as it came. It does nothing with it by itself: the
 * network becomes the device's own when a CREDENTIALS request, in a session of whatever kind, names the broadcast.
 */
#include "agent/core/assert.h"
#include "agent/core/method.h"

#define HKDF_HASHED (4 * 64) /* octets that go through SHA-256 for the key */

static uint64_t now(const struct mr_agent *agent) { return agent->port.now_us(agent->port.ctx); }

static bool is_in_factory(const struct mr_agent *agent)
{
	return !mr_store_has(&agent->store, MR_SECTION_SEAL) && !mr_agent_finished(agent);
}

static bool open_it(struct mr_agent *agent, struct mr_rd message, struct mr_sealed *out)
{
	agent->port.work(agent->port.ctx, MR_WORK_HASH, HKDF_HASHED);
	agent->port.work(agent->port.ctx, MR_WORK_AEAD, message.left);
	return mr_sealed_open(agent->config.batch_key, message.at, message.left, out);
}

/* An older one than was ever heard is somebody's replay. The same one is opened again only when half of its time is up:
 * then that begins anew, for it is still on the air. */
static bool is_wanted(const struct mr_sniffer_state *s, uint64_t issue, uint64_t now_us)
{
	return issue > s->issue || (issue == s->issue && now_us >= s->renew_us);
}

static void keep(struct mr_agent *agent, struct mr_rd message)
{
	struct mr_sniffer_state *s = &agent->sniffer;
	struct mr_sealed heard;
	uint64_t issue;

	if (!mr_sealed_issue(message.at, message.left, &issue) || !is_wanted(s, issue, now(agent)))
		return;
	if (!open_it(agent, message, &heard)) {
		mr_sealed_refuse(&s->listener, message);
		return;
	}
	MR_ASSERT(message.left <= sizeof(s->message));
	mr_copy(s->message, message.at, message.left);
	s->len = message.left;
	s->issue = heard.issue;
	s->until_us = now(agent) + heard.lifetime_s * (uint64_t)1000000;
	s->renew_us = now(agent) + heard.lifetime_s * (uint64_t)500000;
	mr_wipe(&heard, sizeof(heard));
}

static bool hear(struct mr_agent *agent, struct mr_rd mpdu)
{
	struct mr_sniffer_state *s = &agent->sniffer;
	struct mr_overheard frame;
	struct mr_rd message;

	if (!is_in_factory(agent) || !mr_overheard_parse(mpdu, &frame))
		return false;
	switch (mr_sealed_hear(&s->listener, &frame, now(agent), &message)) {
	case MR_SEALED_FOREIGN: return false;
	case MR_SEALED_PART: break;
	case MR_SEALED_MESSAGE: keep(agent, message); break;
	}
	agent->port.work(agent->port.ctx, MR_WORK_ERASURE, s->listener.halves[0].have + s->listener.halves[1].have);
	return true;
}

static enum mr_cause recall(struct mr_agent *agent, uint64_t issue, struct mr_sealed *out)
{
	const struct mr_sniffer_state *s = &agent->sniffer;

	if (s->len == 0 || s->issue != issue || now(agent) >= s->until_us)
		return MR_CAUSE_NOT_HEARD;
	return open_it(agent, mr_rd_over(s->message, s->len), out) ? MR_CAUSE_OK : MR_CAUSE_CRYPTO_FAILED;
}

static void told(struct mr_agent *agent, enum mr_news news)
{
	if (news == MR_NEWS_FINISHED)
		mr_wipe(&agent->sniffer, sizeof(agent->sniffer));
}

static unsigned wants(const struct mr_agent_config *config)
{
	return config->channel_count > 0 ? MR_WANTS_GROUP_FRAMES : 0;
}

const struct mr_method mr_method_sniffer = { .name = "sniffer",
					     .needs = &mr_method_direct,
					     .has_room = MR_HAS_ROOM(sniffer),
					     .wants = wants,
					     .hear = hear,
					     .recall = recall,
					     .told = told };
