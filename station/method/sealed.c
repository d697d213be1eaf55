/*
 * Sniffer mode, sealed: the network of the job, under the batch key, to all its devices that listen. The reach is that
 * of direct; this is a voice beside it. A device keeps what it has heard, and the session makes it the device's own:
 * the step `credentials` names the issue instead of sending the network (credentials_step.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/wire/sealed.h"
#include "station/line/events.h"
#include "station/line/private.h"
#include "station/line/session.h"
#include "station/line/units.h"

#define RATE_6M 12u	 /* radiotap units of 500 kb/s: the lowest of OFDM, which every device hears */
#define LIFETIME_S 3600u /* a device that has heard it may wait so long for its session */
#define RENEW_US (LIFETIME_S / 2 * UINT64_C(1000000))
#define IDLE_US 1000000u /* nobody is expected: looked at again */

/* One for all channels: who hops hears parts of the same message. */
struct sealed_cast {
	struct mr_sealed_sender sender;
	uint64_t due_us, issued_us;
	uint16_t sequence;
};

/*
 * The next issue: milliseconds of UTC, which grow from one session to the next, and 20 random bits, so that two
 * stations of one batch that begin in the same millisecond, or one whose clock was put back, seal nothing else under
 * the same number.
 */
static uint64_t next_issue(const struct line *line)
{
	return loop_utc_us(line->loop) / 1000 << 20 | entropy_below(line->o.entropy, 1u << 20);
}

static bool issue(struct line *line, struct sealed_cast *cast)
{
	const struct job *job = line->job;
	struct mr_sealed what = { .issue = next_issue(line),
				  .lifetime_s = LIFETIME_S,
				  .ssid_len = (uint8_t)job->ssid_len,
				  .security = (uint8_t)job->security,
				  .passphrase_len = (uint8_t)strlen(line->passphrase) };
	uint8_t message[MR_SEALED_MAX];
	size_t len = 0;
	bool good;

	memcpy(what.ssid, job->ssid, job->ssid_len);
	memcpy(what.passphrase, line->passphrase, what.passphrase_len);
	good = mr_sealed_seal(line->station.batch_key, &what, message, &len);
	if (good) {
		mr_sealed_begin(&cast->sender, message, len,
				job->carrier == JOB_CARRIER_LENGTHS ? MR_SEALED_BY_LENGTHS : MR_SEALED_BY_HEADERS);
		cast->issued_us = loop_now_us(line->loop);
		line->cast_issue = what.issue;
	}
	OPENSSL_cleanse(&what, sizeof(what));
	return good;
}

static int begin(struct line *line, void **state, char *error, size_t error_len)
{
	struct sealed_cast *cast = calloc(1, sizeof(*cast));

	*state = cast;
	if (cast && issue(line, cast))
		return 0;
	snprintf(error, error_len,
		 cast ? "the network of the job cannot be sealed: repair the installation of OpenSSL"
		      : "no memory is left for a broadcast");
	return cast ? -MR_CAUSE_CRYPTO_FAILED : -MR_CAUSE_NO_MEMORY;
}

static void end(struct line *line, void *state)
{
	(void)line;
	free(state);
}

/* Somebody on this channel has not got that far yet, or is still to come. */
static bool somebody_listens(const struct line *line, const struct channel *c)
{
	if (line->draining || line->control.paused)
		return false;
	if (units_unheard(line, c) > 0)
		return true;
	for (const struct session *s = c->sessions; s; s = s->next)
		if (!s->unit->settled && !(s->committed & MR_STAGE_CREDENTIALS))
			return true;
	return false;
}

static void speak(struct line *line, void *state, struct channel *c, enum method_occasion why, struct mr_wr *out,
		  struct radio_tx *tx, uint64_t *next_us)
{
	struct sealed_cast *cast = state;
	uint64_t now_us = loop_now_us(line->loop);
	struct mr_sealed_frame f;
	struct mr_overheard_out o = { .from_ds = true, .port = MR_SEALED_PORT, .source_port = MR_SEALED_PORT };

	*next_us = now_us + IDLE_US;
	if (why == METHOD_LEAVING || !somebody_listens(line, c))
		return;
	*next_us = cast->due_us;
	if (now_us < cast->due_us)
		return;
	if (now_us >= cast->issued_us + RENEW_US && !issue(line, cast))
		return;
	mr_sealed_next(&cast->sender, &f);
	memcpy(o.bssid, line->station.mac, 6);
	memcpy(o.source, line->station.mac, 6);
	memcpy(o.destination_ip, f.destination, 4);
	mr_overheard_group(f.destination, o.destination);
	o.sequence = cast->sequence;
	cast->sequence = (cast->sequence + 1) & 0xfff;
	o.payload = f.payload;
	o.payload_len = f.payload_len;
	o.length = (uint16_t)f.length;
	(void)mr_overheard_build(out, &o);
	tx->rate_500kbps = RATE_6M;
	cast->due_us = now_us + f.gap_us;
	*next_us = cast->due_us;
}

const struct method_ops sealed_ops = { .begin = begin, .end = end, .speak = speak };
