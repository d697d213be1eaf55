#include "station/run/batch.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "agent/wire/cause.h"
#include "db/private_file.h"
#include "db/sql.h"
#include "station/world/world.h"
#include "station/base/version.h"
#include "station/control/control.h"
#include "station/identity/ceremony.h"
#include "station/identity/mfi_test.h"
#include "station/identity/record_keys.h"
#include "station/ip/ip.h"
#include "station/method/method.h"
#include "station/radio/adapters.h"

#define SIGNER_SIM_MS 30000 /* in virtual time nobody waits meanwhile */

struct batch {
	const struct batch_options *o;
	struct loop *loop;
	struct identity *identity;
	struct record_keys *record_keys;
	struct signer *signer;
	struct entropy *entropy;
	struct journal *journal;
	struct roster *roster; /* labels of devices with access points */
	struct ip_stack *ip;
	struct world *world;
	struct line *line;
	struct log log; /* the caller's, with the loop's time */
	struct radio *radios[ADAPTERS_MAX];
	size_t radio_count;
	FILE *pcap;
	unsigned interrupts;
	uint64_t seed;
	char keys[PATH_MAX];	       /* the folder */
	char mfi[PATH_MAX];	       /* the folder of emulated coprocessors; "": none is wanted */
	char mfi_trust[PATH_MAX + 16]; /* whom accessories' coprocessors must chain up to; "": nobody */
	char label[48];		       /* of this session's random numbers, on the simulated air */
	bool adapters, first;	       /* first: there was no database */
	bool made_keys;		       /* for this database, by a simulated run */
};

static uint64_t cpu_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static uint64_t signer_cpu_us(const struct identity *identity)
{
	clockid_t clock;
	int pid = identity_apart_pid(identity);

	return pid && clock_getcpuclockid(pid, &clock) == 0 ? cpu_us(clock) : 0;
}

static int64_t real_utc_us(void) { return (int64_t)cpu_us(CLOCK_REALTIME); }

/* A simulated clock continues where the record of the last session ends. */
static int64_t last_utc_us(const char *path)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	int64_t last = 0;

	if (access(path, R_OK) == 0 && sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    (stmt = sql_prepare(db, "last_time")) && sqlite3_step(stmt) == SQLITE_ROW)
		last = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return last;
}

/* The simulated day is the same for the same keys, and never before the CA was made. */
static int64_t first_utc_us(const struct identity *identity)
{
	size_t len;
	const uint8_t *der = identity_issuer_der(identity, &len);
	X509 *issuer = d2i_X509(NULL, &der, (long)len);
	int64_t made_us = issuer ? identity_time_us(X509_get0_notBefore(issuer)) : 0;

	X509_free(issuer);
	return made_us > BATCH_SIM_UTC_US ? made_us : BATCH_SIM_UTC_US;
}

static const char *why_of(int signal)
{
	switch (signal) {
	case SIGINT: return "interrupted at the terminal";
	case SIGHUP: return "the terminal was closed";
	case SIGPIPE: return "nobody reads the output any more";
	default: return "told to end by a signal";
	}
}

static void on_signal(void *ctx, int signal)
{
	struct batch *b = ctx;
	bool person = signal == SIGINT || signal == SIGTERM;

	/*
	 * A terminal that is closed, and an output that nobody reads, are the first Ctrl-C and never the second: a
	 * shell that hangs up sends its SIGHUP beside the terminal's, and each further line of output another SIGPIPE.
	 */
	if (!person && (b->interrupts > 0 || (signal != SIGHUP && signal != SIGPIPE)))
		return;
	b->interrupts++;
	/* The first is recorded like any other order; the second waits for nothing. */
	if (b->interrupts > 1 || line_order(b->line, &(struct line_order){
		.kind = LINE_ORDER_STOP, .actor = b->o->operator && b->o->operator[0] ? b->o->operator : "signal",
		.reason = why_of(signal) }) != LINE_DONE)
		line_stop(b->line, b->interrupts > 1);
	if (b->o->control)
		control_stand(b->o->control);
	if (b->o->interrupted)
		b->o->interrupted(b->o->ctx, b->interrupts);
}

static uint64_t log_now_us(const void *loop) { return loop_now_us(loop); }
static uint64_t log_utc_us(const void *loop) { return loop_utc_us(loop); }

/* The first line of a run says whose lines follow: a file may hold those of many runs. */
static void say_begin(const struct batch *b)
{
	const struct job *job = b->o->job;

	log_write(LOG_STATION(&b->log), LOG_RUN, LOG_INFO,
		  "begins: millrace " MILLRACE_VERSION
		  ", lot %s, %u devices of %s, method %s, policy %s, %s, seed %llu",
		  job->lot, job->quantity, job->product, job->method->name, b->o->policy ? b->o->policy : job->policy,
		  job->radios_simulated ? "simulated air" : "real radios", (unsigned long long)b->seed);
}

static void say_end(const struct batch *b, const struct line_summary *s)
{
	log_write(LOG_STATION(&b->log), LOG_RUN, s->failure ? LOG_ERROR : LOG_INFO,
		  "ends: %u passed, %u failed, %u quarantined, %u held, %u unfinished, %u missing, %u strangers%s%s",
		  s->passed, s->failed, s->quarantined, s->held, s->unfinished, s->missing, s->strangers,
		  s->failure ? "; the record: " : "", s->failure ? s->failure : "");
}

static void on_ended(void *ctx) { loop_stop(((struct batch *)ctx)->loop); }

static void on_event(void *ctx, const struct line_event *event)
{
	struct batch *b = ctx;
	bool again = event->kind == LINE_ORDER && event->unit && event->state == UNIT_SEEN;

	/* A device that had its verdict is silent until somebody switches it off and on. */
	if (again && b->world)
		world_restart(b->world, event->mac);
	if (b->o->control)
		control_event(b->o->control, event);
	if (b->o->event)
		b->o->event(b->o->ctx, event);
}

static bool attended(void *ctx)
{
	const struct batch *b = ctx;

	return b->o->control && control_attended(b->o->control);
}

static int attach(struct batch *b, char *error, size_t error_len)
{
	struct control_run run = { .job = b->o->job,
				   .line = b->line,
				   .simulated = b->world != NULL,
				   .pace = b->o->pace,
				   .record_path = b->o->db,
				   .pins = b->identity,
				   .log = &b->log };

	loop_pace(b->loop, b->o->pace);
	if (!b->o->control)
		return 0;
	if (control_attach(b->o->control, b->loop) == 0 && control_begin(b->o->control, &run) == 0)
		return 0;
	snprintf(error, error_len, "control socket: no memory or no file descriptors are left");
	return -MR_CAUSE_NO_MEMORY;
}

static uint64_t release_us(void *ctx, const uint8_t device_id[static 8])
{
	return world_release_us(((struct batch *)ctx)->world, device_id);
}

/* A CA for play, made beside the database when a simulated job finds no keys. */
static int open_keys(struct batch *b, char *error, size_t error_len)
{
	const struct job *job = b->o->job;
	const char *dir = b->o->keys ? b->o->keys : job->keys;
	const char *batch_key = job->batch_key[0] ? job->batch_key : "default";
	char made[512];

	if (access(dir, F_OK) != 0 && job->radios_simulated && !b->o->keys) {
		struct ceremony c = { .dir = made,
				      .organization = "SIMULATED, for no product",
				      .root_days = 3650,
				      .issuing_days = 3650,
				      .utc_us = BATCH_SIM_UTC_US };
		struct entropy *kernel = entropy_create_kernel();
		const char *name = job->batch_key;
		int result = 0;

		snprintf(made, sizeof(made), "%s.simulated-keys", b->o->db);
		c.batch_keys = &name;
		c.batch_key_count = name[0] && strcmp(name, "default") != 0 ? 1 : 0;
		if (access(made, F_OK) != 0)
			result = kernel ? ceremony_init(&c, kernel, error, error_len) : -MR_CAUSE_NO_MEMORY;
		entropy_destroy(kernel);
		if (result)
			return result;
		dir = made;
		b->made_keys = true;
	}
	if (snprintf(b->keys, sizeof(b->keys), "%s", dir) >= (int)sizeof(b->keys)) {
		snprintf(error, error_len, "the name of the folder of keys is too long: %s", dir);
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	return (b->o->keys_inside ? identity_open : identity_open_public)(&b->identity, dir, batch_key, real_utc_us(),
									  error, error_len);
}

/* Every frame of a factory's air, for its own eyes. */
static FILE *open_pcap(const char *path)
{
	int fd = private_file_open(path, O_WRONLY | O_TRUNC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");

	if (fd >= 0 && !file)
		close(fd);
	return file;
}

static int open_radios(struct batch *b, char *error, size_t error_len)
{
	const struct job *job = b->o->job;
	const char *names[JOB_LIST_MAX];
	char flash[512];
	struct radio **radios;
	size_t count = ADAPTERS_MAX;
	int result;

	if (job->radios_simulated) {
		snprintf(flash, sizeof(flash), "%s.simulated-flash", b->o->db);
		if (b->first) /* a new record: devices of another one are not its own */
			(void)unlink(flash);
		struct world_accessories accessories = { .mfi = b->mfi, .ctx = b->o->ctx, .adjust = b->o->accessory };

		b->world = world_create(b->loop, job, b->identity, b->seed, b->o->radios, flash, b->roster, b->ip,
					&accessories, error, error_len);
		if (!b->world)
			return -MR_CAUSE_NO_MEMORY;
		if (b->o->populate) {
			enum loop_side side = loop_enter(b->loop, LOOP_WORLD);

			b->o->populate(b->o->ctx, world_air(b->world));
			(void)loop_enter(b->loop, side);
		}
		radios = world_radios(b->world, &b->radio_count);
		memcpy(b->radios, radios, b->radio_count * sizeof(radios[0]));
		if (b->o->pcap) {
			b->pcap = open_pcap(b->o->pcap);
			if (!b->pcap || air_capture(world_air(b->world), b->pcap, 0) != 0) {
				snprintf(error, error_len, "%s: %s; name a file that can be written with --pcap",
					 b->o->pcap, strerror(errno));
				return -MR_CAUSE_BAD_REQUEST;
			}
		}
		return 0;
	}
	if (b->o->pcap) {
		snprintf(error, error_len,
			 "--pcap is of the simulated air; on real radios use tcpdump on the monitor interface");
		return -MR_CAUSE_BAD_REQUEST;
	}
	for (size_t i = 0; i < job->radio_name_count; i++)
		names[i] = job->radio_names[i];
	(void)adapters_restore(&b->log);
	b->adapters = true;
	result = adapters_open(
		b->loop, &b->log,
		&(struct adapters_wanted){ .names = names,
					   .name_count = job->radios_auto ? 0 : job->radio_name_count,
					   /* One of our own for every BSS that a method may want. */
					   .addresses = job->method->flags & METHOD_OWN_BSS ? RADIO_ADDRESSES_MAX : 0 },
		b->radios, &count, error, error_len);
	if (result == 0)
		b->radio_count = count;
	return result;
}

/* The list of labels, where the method goes by one. */
static int open_labels(struct batch *b, char *error, size_t error_len)
{
	const struct job *job = b->o->job;
	const char *file = job->method->flags & METHOD_DEVICE_AP ? job->ap_labels : job->wps_labels;
	int result = 0;

	if (file[0])
		result = roster_load(&b->roster, job->reach, file, error, error_len);
	else if (job->radios_simulated && !(b->roster = roster_simulated(job->product, b->seed, job->sim_devices)))
		result = -MR_CAUSE_NO_MEMORY;
	return result;
}

/*
 * Whose coprocessors are accepted. A simulated batch without an authority for tests in its folder of keys has one made
 * up beside its record, from its seed, so that it repeats to the octet.
 */
static int open_mfi(struct batch *b, char *error, size_t error_len)
{
	const struct job *job = b->o->job;
	struct entropy *seeded;
	int result = 0;

	if (job->wac_trust[0])
		snprintf(b->mfi_trust, sizeof(b->mfi_trust), "%s", job->wac_trust);
	if (snprintf(b->mfi, sizeof(b->mfi), "%s/" MFI_TEST_FOLDER, b->keys) >= (int)sizeof(b->mfi))
		b->mfi[0] = '\0';
	if (access(b->mfi, F_OK) != 0 && job->radios_simulated) {
		snprintf(b->mfi, sizeof(b->mfi), "%s.simulated-mfi", b->o->db);
		seeded = entropy_create_seeded(b->seed, "emulated coprocessors");
		if (!seeded)
			return -MR_CAUSE_NO_MEMORY;
		entropy_lend_to_openssl(seeded);
		if (access(b->mfi, F_OK) != 0)
			result = mfi_test_make(b->mfi, BATCH_SIM_UTC_US, error, error_len);
		entropy_lend_to_openssl(b->entropy);
		entropy_destroy(seeded);
	}
	if (job->wac_accept == JOB_MFI_TEST_CA && !job->wac_trust[0])
		snprintf(b->mfi_trust, sizeof(b->mfi_trust), "%s/" MFI_TEST_CA, b->mfi);
	return result;
}

/* What devices that are access points or enrollees need beside radios. */
static int open_access(struct batch *b, char *error, size_t error_len)
{
	const struct job *job = b->o->job;
	bool device_ap = job->method->flags & METHOD_DEVICE_AP;
	bool accessories = job->method->devices == METHOD_ACCESSORIES;
	int result = accessories ? open_mfi(b, error, error_len) : 0;

	if (device_ap || job->method->devices == METHOD_ENROLLEES)
		result = open_labels(b, error, error_len);
	if (result || !(device_ap || accessories))
		return result;
	b->ip = ip_stack_create(b->loop, b->entropy, IP_IFS_MAX);
	if (!b->ip) {
		snprintf(error, error_len, "no memory for IP links");
		return -MR_CAUSE_NO_MEMORY;
	}
	return 0;
}

/* Where the clock of this session starts, and what it draws: after all that the record has. */
static int open_time(struct batch *b, char *error, size_t error_len)
{
	const struct batch_options *o = b->o;
	const struct job *job = o->job;
	int64_t start_us = o->utc_us ? o->utc_us : first_utc_us(b->identity), last_us = 0;

	(void)snprintf(b->label, sizeof(b->label), "station");

	if (job->radios_simulated)
		last_us = last_utc_us(o->db);
	if (!o->utc_us && last_us >= start_us)
		start_us = last_us + 1000000;
	/* A batch that is continued draws other numbers than the session before it: nothing is drawn twice. */
	if (last_us > 0)
		snprintf(b->label, sizeof(b->label), "station, after %lld", (long long)last_us);
	b->seed = o->seed ? o->seed : job->sim_seed;
	b->loop = job->radios_simulated ? loop_create_virtual((uint64_t)start_us) : loop_create_real();
	b->entropy = job->radios_simulated ? entropy_create_seeded(b->seed, b->label) : entropy_create_kernel();
	if (!b->loop || !b->entropy) {
		snprintf(error, error_len, "no memory or no file descriptors are left");
		return -MR_CAUSE_NO_MEMORY;
	}
	if (o->log) {
		b->log = *o->log;
		b->log.now_us = log_now_us;
		b->log.utc_us = log_utc_us;
		b->log.clock = b->loop;
	}
	return 0;
}

/* The private keys go where no frame is read: a process of its own, started before the first thread and the first
 * frame. */
static int part_keys(struct batch *b, char *error, size_t error_len)
{
	const struct job *job = b->o->job;
	const struct identity_profile profile = job_profile(job);
	const struct identity_apart how = { .dir = b->keys,
					    .utc_us = real_utc_us(),
					    .profile = &profile,
					    .product = job->product,
					    .simulated = job->radios_simulated,
					    .seed = b->seed,
					    .label = b->label,
					    .patience_ms = job->radios_simulated ? SIGNER_SIM_MS : SIGNER_MS };
	int result = identity_part(b->identity, &how, error, error_len);
	const char *note = identity_apart_note(b->identity);

	if (result == 0)
		log_write(LOG_STATION(&b->log), LOG_RUN, note[0] ? LOG_WARN : LOG_INFO,
			  "the keys are in process %d, apart from the radios%s%s", identity_apart_pid(b->identity),
			  note[0] ? "; " : "", note);
	return result;
}

static int open_signer(struct batch *b, char *error, size_t error_len)
{
	const struct job *job = b->o->job;
	int result = b->o->keys_inside ? 0 : part_keys(b, error, error_len);

	if (result)
		return result;
	b->signer = job->signer_us ? signer_create_slow(b->identity, b->loop, job->signer_us)
				   : signer_create(b->identity, b->loop);
	if (b->signer)
		return 0;
	snprintf(error, error_len, "the signer does not open");
	return -MR_CAUSE_SIGNER_UNAVAILABLE;
}

/* 16 octets; a simulated run repeats to the octet, and what it draws elsewhere does not depend on this. */
static const uint8_t *record_id(const struct batch *b, uint8_t id[static 16])
{
	struct entropy *seeded = b->o->job->radios_simulated ? entropy_create_seeded(b->seed, "record") : NULL;

	if (!seeded)
		return NULL;
	entropy_fill(seeded, id, 16);
	entropy_destroy(seeded);
	return id;
}

static int open_journal(struct batch *b, char *error, size_t error_len)
{
	enum journal_turn virtual_turn = b->o->one_by_one ? JOURNAL_ONE_BY_ONE : JOURNAL_AWAITED;
	uint8_t id[16];
	struct journal_options journal = { .path = b->o->db,
					   .simulated = b->o->job->radios_simulated,
					   .sign = identity_sign_record,
					   .sign_ctx = b->identity,
					   .sign_key_id = identity_record_key_id(b->identity),
					   .check = record_keys_check,
					   .id = record_id(b, id),
					   .turn = loop_is_virtual(b->loop) ? virtual_turn : JOURNAL_AT_ONCE };
	int result = record_keys_open(&b->record_keys, b->keys, error, error_len);

	if (result)
		return result;
	journal.check_ctx = b->record_keys;
	/* Two records for play that have one seed have one id: they share no folder for their heads. */
	if (!journal.simulated || b->made_keys)
		journal.heads = record_keys_heads(b->record_keys);
	return journal_open(&b->journal, &journal, error, error_len);
}

static int open_line(struct batch *b, char *error, size_t error_len)
{
	const struct batch_options *o = b->o;
	const struct job *job = o->job;
	struct line_options line = { .loop = b->loop,
				     .log = &b->log,
				     .job = job,
				     .identity = b->identity,
				     .signer = b->signer,
				     .entropy = b->entropy,
				     .journal = b->journal,
				     .record_path = o->db,
				     .operator= o->operator,
				     .software = "millrace " MILLRACE_VERSION,
				     .seed = job->radios_simulated ? b->seed : 0,
				     .clock_ok = real_utc_us() > IDENTITY_CLOCK_MIN_US,
				     .radios = b->radios,
				     .radio_count = b->radio_count,
				     .roster = b->roster,
				     .ip = b->ip,
				     .mfi_trust = b->mfi_trust[0] ? b->mfi_trust : NULL,
				     .policy = schedule_policy(o->policy ? o->policy : job->policy),
				     .release_us = b->world ? release_us : NULL,
				     .ctx = b,
				     .event = on_event,
				     .ended = on_ended,
				     .attended = attended,
				     .stay = o->stay };

	if (!line.policy) {
		snprintf(error, error_len, "no policy \"%s\"; allowed: pex, round-robin",
			 o->policy ? o->policy : job->policy);
		return -MR_CAUSE_BAD_REQUEST;
	}
	return line_create(&b->line, &line, error, error_len);
}

static int begin(struct batch *b, char *error, size_t error_len)
{
	const struct batch_options *o = b->o;
	int result = open_keys(b, error, error_len);

	b->first = access(o->db, F_OK) != 0;
	if (!result)
		result = open_time(b, error, error_len);
	if (result)
		return result;
	say_begin(b);
	/* Before the first thread, which inherits that they are blocked: else a signal to it would end the process. */
	if (o->signals)
		(void)loop_signals(b->loop, on_signal, b);
	if (o->job->radios_simulated)
		entropy_lend_to_openssl(b->entropy);
	result = open_signer(b, error, error_len);
	if (!result)
		result = open_journal(b, error, error_len);
	if (!result)
		result = open_access(b, error, error_len);
	if (!result)
		result = open_radios(b, error, error_len);
	if (!result)
		result = open_line(b, error, error_len);
	return result ? result : attach(b, error, error_len);
}

static void end(struct batch *b, struct batch_result *r)
{
	struct air_totals t;

	if (b->line && b->journal && r) {
		line_finish(b->line);
		line_summarize(b->line, &r->summary);
		say_end(b, &r->summary);
		if (r->summary.failure)
			snprintf(r->failure, sizeof(r->failure), "%s", r->summary.failure);
		r->journal_cpu_us = journal_cpu_us(b->journal);
		r->signer_cpu_us = signer_cpu_us(b->identity);
		r->station_cpu_us = loop_cpu_ns(b->loop, LOOP_STATION) / 1000;
		r->onlookers_cpu_us = loop_cpu_ns(b->loop, LOOP_ONLOOKERS) / 1000;
		r->world_cpu_us = loop_cpu_ns(b->loop, LOOP_WORLD) / 1000;
		r->simulated = b->world != NULL;
		r->interrupted = b->interrupts > 0;
		r->seed = b->seed;
		r->device_octets = device_size();
		if (b->world) {
			air_totals(world_air(b->world), &t);
			r->air_octets = t.octets;
			r->air_frames = t.frames;
			r->air_airtime_us = t.airtime_us;
			r->air_collisions = t.collisions;
		}
	}
	if (b->o->control && b->line)
		control_ended(b->o->control);
	line_destroy(b->line);
	if (b->o->control) {
		control_end(b->o->control);
		control_detach(b->o->control);
	}
	if (b->world && b->o->depopulate)
		b->o->depopulate(b->o->ctx);
	world_destroy(b->world);
	ip_stack_destroy(b->ip);
	roster_destroy(b->roster);
	if (b->adapters) {
		for (size_t i = 0; i < b->radio_count; i++)
			radio_close(b->radios[i]);
		(void)adapters_restore(&b->log);
	}
	if (b->pcap)
		fclose(b->pcap);
	if (b->journal)
		journal_close(b->journal);
	if (b->signer)
		b->signer->close(b->signer);
	if (b->identity)
		identity_close(b->identity);
	record_keys_close(b->record_keys);
	entropy_lend_to_openssl(NULL);
	entropy_destroy(b->entropy);
	loop_destroy(b->loop);
}

static void check_line(void *ctx) { line_check(((struct batch *)ctx)->line); }

int batch_run(const struct batch_options *options, struct batch_result *result, char *error, size_t error_len)
{
	struct batch b = { .o = options };
	int cause;

	*result = (struct batch_result){ 0 };
	error[0] = '\0';
	cause = begin(&b, error, error_len);
	if (cause) {
		end(&b, NULL);
		return cause;
	}
	if (options->meter)
		loop_meter(b.loop);
	if (options->check && b.world)
		loop_each_turn(b.loop, check_line, &b);
	if (options->began)
		options->began(options->ctx, b.line, b.world != NULL, b.seed);
	line_start(b.line);
	loop_run(b.loop);
	end(&b, result);
	return 0;
}
