#include "station/line/guards.h"

#include <stdio.h>
#include <sys/statvfs.h>

#include "station/line/events.h"

#define LOOK_US 1000000u /* the disk and the signer are looked at this often */

/* Where somebody attends to the line it waits for a person, else it ends when the devices in hand have finished. */
static void stop_admission(struct line *line)
{
	if (line->draining)
		return;
	line->control.run_us = loop_now_us(line->loop);
	line->control.by[0] = line->control.reason[0] = '\0';
	if (line->o.attended && line->o.attended(line->o.ctx))
		line->control.paused = true;
	else
		line->draining = true;
}

static void trip(struct line *line, const char *guard, const char *reason)
{
	line->guard = guard;
	stop_admission(line);
	log_write(LOG_STATION(line->o.log), LOG_LINE, LOG_ERROR, "guard %s: %s", guard, reason);
	line_submit(line, &(struct journal_record){
				  .kind = JOURNAL_GUARD,
				  .guard = { .guard = guard, .detail = reason, .at_us = line_utc_us(line) } });
	line_event(line, &(struct line_event){ .kind = LINE_GUARD, .detail = guard, .reason = reason });
}

void guard_outcome(struct line *line, bool bad)
{
	char reason[80];

	line->consecutive_fail = bad ? line->consecutive_fail + 1 : 0;
	if (line->guard || line->job->guard_consecutive_fail == 0 ||
	    line->consecutive_fail < line->job->guard_consecutive_fail)
		return;
	snprintf(reason, sizeof(reason), "%u devices in a row did not pass", line->consecutive_fail);
	trip(line, "consecutive_fail", reason);
}

/* A disk that cannot be asked is no reason to stop: the journal notices when it cannot write. */
void guard_disk(struct line *line, uint64_t now_us)
{
	uint64_t free_octets, wanted = line->job->guard_disk_free;
	struct statvfs fs;
	char reason[120];

	if (line->guard || !line->o.record_path || now_us < line->disk_us)
		return;
	line->disk_us = now_us + LOOK_US;
	if (statvfs(line->o.record_path, &fs) != 0)
		return;
	free_octets = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_octets >= wanted)
		return;
	snprintf(reason, sizeof(reason), "%llu MiB are free where the record is, %llu MiB are wanted; free some",
		 (unsigned long long)(free_octets >> 20), (unsigned long long)(wanted >> 20));
	trip(line, "disk_free", reason);
}

/* Whoever needs the keys meanwhile is told signer-unavailable, which holds the line as well; this is for when nobody
 * does. */
void guard_signer(struct line *line, uint64_t now_us)
{
	const char *trouble;
	char reason[240];

	if (line->guard || now_us < line->signer_us)
		return;
	line->signer_us = now_us + LOOK_US;
	trouble = identity_trouble(line->o.identity);
	if (!trouble)
		return;
	snprintf(reason, sizeof(reason), "%s; stop this run and run the job again, which starts another", trouble);
	trip(line, "signer", reason);
}
