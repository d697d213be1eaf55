/*
 * Any octets as a job file: refused with a message, or a job that holds them exactly and reads the same again.
 *
 * links: station/method/method.c station/job/device_fault.c agent/port/sim/profile.c
 * links: station/yaml/complaint.c station/job/contradictions.c station/job/job.c station/job/keys.c
 * links: station/job/passphrase.c station/yaml/tree.c station/yaml/value.c station/yaml/words.c
 * links: station/identity/serial.c agent/wire/channel.c station/base/log.c station/base/loop.c
 * links: station/base/secret_file.c station/base/map.c station/roster/roster.c
 * links: agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 * links: agent/wire/smartconfig.c agent/wire/smartconfig_send.c agent/wire/crc.c agent/wire/cc3000.c
 * links: agent/wire/esptouch1.c agent/wire/esptouch2.c agent/wire/airkiss.c agent/wire/ezconnect.c
 * links: agent/port/linux/crypto_wsc_openssl.c agent/port/linux/crypto_smart_openssl.c
 *
 * Dictionary: tests/fuzz/job.dict (-dict=), the words of the table and YAML's own; seeds: config/jobs.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "station/job/job.h"
#include "station/method/method.h"
#include "tests/unit/job_doubles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clear_pointers(struct job *job)
{
	free(job->path);
	free(job->bytes);
	job->path = job->bytes = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char none[1];
	struct job_errors errors;
	const char *bytes = size ? (const char *)data : none;
	struct job *job = job_parse("folder/fuzz.yaml", bytes, size, &errors), *again;

	assert((job == NULL) == (errors.count > 0));
	for (size_t i = 0; i < errors.count; i++)
		assert(strncmp(errors.text[i], "folder/fuzz.yaml:", 17) == 0 &&
		       strlen(errors.text[i]) < sizeof(errors.text[i]));
	if (!job)
		return 0;
	assert(job->len == size && memcmp(job->bytes, bytes, size) == 0);
	assert(job->quantity >= 1 && job->recipe_len >= 1 && job->recipe[0] == JOB_IDENTIFY && job->channel_count >= 1);
	assert(job->ssid_len <= sizeof(job->ssid) && job->limit_count <= JOB_LIST_MAX &&
	       job->sim_fault_count <= JOB_LIST_MAX);
	assert(!job->radios_simulated || job->test);
	again = job_parse("folder/fuzz.yaml", job->bytes, job->len, &errors);
	assert(again);
	clear_pointers(job);
	clear_pointers(again);
	assert(memcmp(job, again, sizeof(*job)) == 0);
	job_destroy(job);
	job_destroy(again);
	return 0;
}
