/*
 * What a batch costs: wall time, CPU, memory, air. `make bench`; main OUT.json [PREFIX [LAB]].
 *
 * main.station_cpu_ratio is what the station spends on a device over the floor: the least that any station must,
 * which is the same cryptography on the same library alone, in a loop. Both are measured in this process, one after
 * the other, by the thread's CPU clock.
 *   above the line  the loop's thread while it is the station (loop_meter: the simulated radio and each timer change
 *                   sides, so the air and the devices are not counted; the two system calls of each crossing are, on
 *                   both sides) and the journal's thread with SQLite, the hash chain and its fsync calls
 *   the floor       for each device: 3 X25519 and the HKDFs of the handshake, HMACs of HELLO and INVITE, AES-GCM over
 *                   each request and response at its size, the check of the CSR, the certificate's signature, seal,
 *                   lookup and SPAKE2+ verifier of the PIN (PBKDF2, the job's 2000 iterations), 2 signature checks,
 *                   the digests
 * PBKDF2 is a large part of both and says little about the station; ..._without_pbkdf2 leaves it out of both.
 *
 * main.session_octets is the session object at its largest with its link's buffers, by the line's own count.
 * main.session_heap_octets is the allocator's view: growth of the heap from the first session on to the fullest
 * moment over the sessions open then, SQLite's own memory left out. It holds everything that grows with a batch: the
 * unit records with their certificates, maps, the journal's queue, and the simulated devices' frames under way.
 *
 * record.signer_cpu is the CPU of station, journal and signer's process for each device over that with the keys in the
 * station, where there is no such process; its start is in it. record.signer_round_trip is what the way there and back
 * costs whoever waits.
 *
 * radio.*, microap.lab.* and outside.first_attempt_* are measured in the lab, on kernel radios in a virtual machine
 * (tests/lab); its suites leave them in files, LAB/SUITE/figures, a line each: name, value, unit, lower or higher,
 * target or -. The CPU there is an emulated one.
 */
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <sqlite3.h>

#include "agent/core/csr.h"
#include "agent/port/crypto.h"
#include "agent/wire/frame.h"
#include "agent/wire/noise.h"
#include "station/run/batch.h"
#include "station/control/control.h"
#include "station/control/remote.h"
#include "station/dashboard/dashboard.h"
#include "station/identity/ceremony.h"
#include "tests/support/figures.h"

#define FLOOR_DEVICES 300
#define ITERATIONS 2000u
#define HOSTILE_SEEDS 10u

struct bench {
	char dir[64], keys[80];
	struct figures figures;
	unsigned batches;
};

static uint64_t clock_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(2);
}

/* --- batches --- */

struct shape {
	unsigned devices, radios, in_flight;
	const char *channels, *profile, *arrival, *loss;
	const char *credentials; /* the section, in braces */
	unsigned strangers;	 /* devices beyond the quantity */
	const char *faults;	 /* lines of the list, with their indent */
	bool no_steer;
	bool keys_inside; /* no process of their own */
	unsigned seed;
};

/* crosses a pipe from the child that ran the batch */
struct outcome {
	bool ok;
	unsigned passed, settled;
	uint64_t makespan_us, bound_us, station_cpu_us, world_cpu_us, journal_cpu_us, signer_cpu_us, air_octets,
		wall_us, switches;
	uint64_t sessions_peak, heap_octets;
	size_t session_octets, rss_octets, device_octets;
};

struct watch {
	struct line *line;
	size_t heap_before, calls, sessions_peak, heap_peak;
};

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd - (size_t)sqlite3_memory_used();
}

static void on_began(void *ctx, struct line *line, bool simulated, uint64_t seed)
{
	struct watch *w = ctx;

	(void)simulated, (void)seed;
	w->line = line;
	w->heap_before = heap();
}

static void on_event(void *ctx, const struct line_event *event)
{
	struct watch *w = ctx;
	struct line_summary sum;

	(void)event;
	if (w->calls++ % 8 != 0)
		return;
	line_summarize(w->line, &sum);
	if (sum.in_flight > w->sessions_peak) {
		w->sessions_peak = sum.in_flight;
		w->heap_peak = heap();
	}
}

static void run_here(struct bench *b, const struct job *job, const char *policy, bool meter, bool watched,
		     bool keys_inside, struct outcome *out)
{
	char db[120], error[512];
	struct watch watch = { 0 };
	struct batch_result r;
	struct batch_options o = { .job = job,
				   .db = db,
				   .keys = b->keys,
				   .policy = policy,
				   .operator= "bench",
				   .meter = meter,
				   .keys_inside = keys_inside,
				   .ctx = &watch };
	struct rusage usage;
	uint64_t from_us = clock_us(CLOCK_MONOTONIC);

	if (watched) {
		o.began = on_began;
		o.event = on_event;
	}
	snprintf(db, sizeof(db), "%s/%u.db", b->dir, b->batches);
	if (batch_run(&o, &r, error, sizeof(error)) != 0) {
		fprintf(stderr, "bench: %s\n", error);
		return;
	}
	getrusage(RUSAGE_SELF, &usage);
	*out = (struct outcome){
		.ok = true,
		.passed = r.summary.passed,
		.settled = r.summary.passed + r.summary.failed + r.summary.quarantined,
		.makespan_us = r.summary.makespan_us,
		.bound_us = r.summary.bound.bound_us,
		.station_cpu_us = r.station_cpu_us,
		.world_cpu_us = r.world_cpu_us,
		.journal_cpu_us = r.journal_cpu_us,
		.signer_cpu_us = r.signer_cpu_us,
		.air_octets = r.air_octets,
		.wall_us = clock_us(CLOCK_MONOTONIC) - from_us,
		.switches = r.summary.switches,
		.session_octets = r.summary.session_octets,
		.rss_octets = (size_t)usage.ru_maxrss * 1024,
		.device_octets = r.device_octets,
		.sessions_peak = watch.sessions_peak,
		.heap_octets = watch.heap_peak > watch.heap_before ? watch.heap_peak - watch.heap_before : 0,
	};
}

static struct job *job_of(struct bench *b, const struct shape *s)
{
	struct job_errors errors = { 0 };
	char text[2000];
	int len = snprintf(
		text, sizeof(text),
		"format: 1\n"
		"batch: {lot: \"bench-%u\", product: \"AC-100\", hw_rev: \"C\", quantity: %u, test: true}\n"
		"identity:\n  serial: {pattern: \"B{07}\", first: 1}\n  pin: {digits: 8, wps_checksum: true, "
		"iterations: %u}\n"
		"  certificate: {organization: \"Bench\", validity: forever}\n"
		"credentials: %s\n"
		"recipe: [identify, selftest, identity, credentials, verify, seal]\n"
		"radios: {simulated: %u, profile: %s}\nchannels: [%s]\nschedule: {policy: pex, steer: %s}\n"
		"admission: {max_in_flight: %u, min_rssi: -82dBm, lease: 5s}\nattempts: {max: 3, patience: 4s}\n"
		"guards: {consecutive_fail: off, disk_free: 1MiB}\n"
		"simulation:\n  devices: %u\n  seed: %u\n  arrival: %s\n  loss: %s\n%s%s",
		b->batches, s->devices, ITERATIONS,
		s->credentials ? s->credentials : "{method: direct, ssid: \"bench\", security: wpa2}", s->radios,
		s->profile ? s->profile : "mt7612u", s->channels, s->no_steer ? "false" : "true",
		s->in_flight ? s->in_flight : 96, s->devices + s->strangers, s->seed ? s->seed : 1,
		s->arrival ? s->arrival : "together", s->loss ? s->loss : "0%", s->faults ? "  faults:\n" : "",
		s->faults ? s->faults : "");
	struct job *job = job_parse("bench", text, (size_t)len, &errors);

	if (!job)
		die(errors.text[0]);
	return job;
}

/* In a child of its own: its peak memory is its own too. `shape` NULL: the demo job. */
static struct outcome run(struct bench *b, const struct shape *shape, const char *policy, bool meter, bool watched)
{
	struct outcome out = { 0 };
	int ends[2], status;
	pid_t child = -1;

	b->batches++;
	if (pipe(ends) != 0 || (child = fork()) < 0)
		die("no pipe or process");
	if (child == 0) {
		struct job_errors errors = { 0 };
		struct job *job = shape ? job_of(b, shape) : job_load("config/jobs/demo.yaml", &errors);

		if (!job)
			die(errors.text[0]);
		run_here(b, job, policy, meter, watched, shape && shape->keys_inside, &out);
		job_destroy(job);
		_exit(write(ends[1], &out, sizeof(out)) == (ssize_t)sizeof(out) ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], &out, sizeof(out)) != (ssize_t)sizeof(out))
		out.ok = false;
	close(ends[0]);
	if (waitpid(child, &status, 0) != child || status != 0 || !out.ok)
		die("a batch did not run");
	return out;
}

/* --- the floor --- */

static void must(bool ok)
{
	if (!ok)
		die("an operation of the floor failed");
}

struct floor_side {
	struct identity *identity;
	struct signer *signer;
	struct entropy *entropy;
	uint8_t prologue[MR_PROLOGUE_LEN], first[256];
	size_t first_len;
	uint8_t csr[400];
	size_t csr_len;
	uint8_t priv[32], pub[65], hash[32], sig[64];
};

static void on_issued(void *ctx, int result, const struct identity_certificate *c)
{
	(void)ctx, (void)c;
	must(result == 0);
}

/* The device's part, made once: a first handshake message, a request, a signature. */
static void floor_open(struct bench *b, struct floor_side *f)
{
	static const uint8_t id[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, mac[6] = { 2 };
	uint8_t e[32], payload[90] = { 0 };
	struct mr_wr first = mr_wr_over(f->first, sizeof(f->first)), csr = mr_wr_over(f->csr, sizeof(f->csr));
	struct mr_noise noise;
	char error[512];

	if (identity_open(&f->identity, b->keys, "default", BATCH_SIM_UTC_US, error, sizeof(error)) != 0)
		die(error);
	f->signer = signer_create_file(f->identity);
	f->entropy = entropy_create_seeded(1, "floor");
	must(f->signer && f->entropy);
	mr_noise_prologue(f->prologue, id, id, id, mac);
	entropy_fill(f->entropy, e, sizeof(e));
	must(mr_noise_init(&noise, f->prologue, sizeof(f->prologue), identity_station_public(f->identity)) &&
	     mr_noise_write_1(&noise, identity_batch_key(f->identity), e, identity_station_public(f->identity),
			      mr_rd_over(payload, sizeof(payload)), &first));
	f->first_len = first.len;
	do
		entropy_fill(f->entropy, f->priv, sizeof(f->priv));
	while (!mr_p256_public(f->priv, f->pub));
	must(mr_csr_write(&csr, "AC-100", id, f->priv, f->pub));
	f->csr_len = csr.len;
	entropy_fill(f->entropy, f->hash, sizeof(f->hash));
	must(mr_p256_sign(f->priv, f->hash, f->sig));
}

static void floor_close(struct floor_side *f)
{
	f->signer->close(f->signer);
	identity_close(f->identity);
	entropy_destroy(f->entropy);
}

static void floor_handshake(struct floor_side *f)
{
	uint8_t payload[256], second[256], welcome[10] = { 0 }, e[32], hello[43] = { 0 }, mac[32], shared[32];
	struct mr_wr in = mr_wr_over(payload, sizeof(payload)), out = mr_wr_over(second, sizeof(second));
	struct mr_noise_keys keys;
	struct mr_noise noise;

	must(mr_hmac_sha256(f->prologue, 32, hello, sizeof(hello), mac) && /* HELLO */
	     mr_hmac_sha256(f->prologue, 32, hello, 26, mac));		   /* INVITE */
	entropy_fill(f->entropy, e, sizeof(e));
	must(mr_noise_init(&noise, f->prologue, sizeof(f->prologue), identity_station_public(f->identity)) &&
	     identity_agree(f->identity, f->first, shared) == 0 &&
	     mr_noise_read_1_agreed(&noise, identity_batch_key(f->identity), shared, mr_rd_over(f->first, f->first_len),
				    &in) &&
	     mr_noise_write_2(&noise, e, mr_rd_over(welcome, sizeof(welcome)), &out, &keys));
	mr_noise_wipe(&noise);
	mr_wipe(&keys, sizeof(keys));
}

/* Octets of each message in the order of the recipe; requests are sealed, responses opened. */
static void floor_messages(struct floor_side *f)
{
	static const size_t requests[] = { 4, 37, 1290, 12, 60, 12, 37, 48, 6 };
	static const size_t responses[] = { 130, 280, 44, 12, 44, 12, 110, 200, 8 };
	static const uint8_t iv[12] = { 0 }, ad[11] = { 0 };
	uint8_t buf[1400] = { 0 };

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		must(mr_aes_gcm_seal(f->prologue, iv, ad, sizeof(ad), buf, requests[i], buf));
	for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
		memset(buf, 0, responses[i]);
		must(mr_aes_gcm_seal(f->prologue, iv, ad, sizeof(ad), buf, responses[i], buf) &&
		     mr_aes_gcm_open(f->prologue, iv, ad, sizeof(ad), buf, responses[i] + 16, buf));
	}
}

static uint64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Sealing a response is the device's work, but there is nothing to open without it: measured alone and taken off. */
static uint64_t floor_response_seals_ns(struct floor_side *f)
{
	static const size_t responses[] = { 130, 280, 44, 12, 44, 12, 110, 200, 8 };
	static const uint8_t iv[12] = { 0 }, ad[11] = { 0 };
	uint64_t from_ns = thread_ns();
	uint8_t buf[1400] = { 0 };

	for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++)
		must(mr_aes_gcm_seal(f->prologue, iv, ad, sizeof(ad), buf, responses[i], buf));
	return thread_ns() - from_ns;
}

static void floor_identity(struct floor_side *f, unsigned n)
{
	struct identity_profile profile = { .organization = "Bench", .common_name = "AC-100" };
	struct pin_policy policy = { .digits = 8, .wps_checksum = true, .iterations = ITERATIONS };
	struct identity_csr csr;
	uint8_t lookup[32], sealed[PIN_SEALED_MAX];
	char serial[16], pin[IDENTITY_PIN_MAX];
	size_t len;

	snprintf(serial, sizeof(serial), "B%07u", n);
	must(identity_csr_check(f->csr, f->csr_len, &csr) == 0 &&
	     identity_issue(f->identity, f->signer, f->entropy, &profile, &csr, serial, BATCH_SIM_UTC_US, on_issued,
			    f) == 0);
	pin_generate(f->entropy, &policy, pin);
	must(pin_lookup(f->identity, "AC-100", pin, lookup) == 0 &&
	     pin_seal(f->identity, f->entropy, "AC-100", serial, pin, sealed, &len) == 0);
}

static void floor_digests(struct floor_side *f)
{
	static const uint8_t certificate[1400] = { 0 };
	const struct mr_digest_field identity[] = { { certificate, 1290 } }, small[] = { { certificate, 60 } };
	uint8_t out[32];

	must(mr_digest(out, "millrace identity", identity, 1));
	for (int i = 0; i < 5; i++) /* credentials, state twice, what is signed by verify and by the receipt */
		must(mr_digest(out, "millrace state", small, 1));
	must(identity_verify(f->pub, f->hash, f->sig) && identity_verify(f->pub, f->hash, f->sig));
}

static void measure_floor(struct bench *b, double *without_us, double *pbkdf2_us)
{
	struct floor_side f = { 0 };
	uint8_t w0[32], l[65];
	uint64_t from_ns, ns = 0, pbkdf2_ns;

	floor_open(b, &f);
	for (unsigned i = 0; i < FLOOR_DEVICES; i++) {
		from_ns = thread_ns();
		floor_handshake(&f);
		floor_messages(&f);
		floor_identity(&f, i);
		floor_digests(&f);
		ns += thread_ns() - from_ns - floor_response_seals_ns(&f);
	}
	from_ns = thread_ns();
	for (unsigned i = 0; i < FLOOR_DEVICES; i++)
		must(pin_verifier("12345670", "B0000001", f.hash, ITERATIONS, w0, l) == 0);
	pbkdf2_ns = thread_ns() - from_ns;
	floor_close(&f);
	*without_us = (double)ns / 1000.0 / FLOOR_DEVICES;
	*pbkdf2_us = (double)pbkdf2_ns / 1000.0 / FLOOR_DEVICES;
}

/* --- what is measured --- */

#define AP_DEVICES 64u
#define SIGNER_PAIRS 5
#define SIGNER_ROUNDS 2000
#define VIA(method)                                                                                                    \
	"{method: " method ", ssid: \"bench\", security: wpa2, access_point: {ssid: \"AC-{mac}\", certificate: "       \
	"pinned}}"

/* The loop while it is the station, the journal, the process that holds the keys. */
static double cpu_per_device_us(const struct outcome *o)
{
	return (double)(o->station_cpu_us + o->journal_cpu_us + o->signer_cpu_us) / o->passed;
}

/* Keys differ from run to run, and with them when devices come: the middle one of three, which all must pass. */
static struct outcome median_run(struct bench *b, const struct shape *shape)
{
	struct outcome o[3], swap;

	for (size_t i = 0; i < 3; i++) {
		o[i] = run(b, shape, NULL, true, false);
		for (size_t k = i; k > 0 && o[k].makespan_us < o[k - 1].makespan_us; k--) {
			swap = o[k];
			o[k] = o[k - 1];
			o[k - 1] = swap;
		}
	}
	for (size_t i = 0; i < 3; i++)
		if (o[i].passed < o[1].passed)
			o[1].passed = o[i].passed;
	return o[1];
}

/* Devices that are access points, all switched on, on one channel with one radio: how many of them at a time? */
static void bench_access(struct bench *b)
{
	static const unsigned at_once[] = { 1, 2, 4, 8, 16, 32, 64 };
	static const struct {
		const char *name, *credentials;
	} methods[] = { { "pin", VIA("pin") }, { "https", VIA("https") } };
	struct shape shape = { .devices = AP_DEVICES, .radios = 1, .channels = "6", .credentials = VIA("micro-ap") };
	char name[60];
	struct outcome o;

	if (!figures_wanted(&b->figures, "microap.sim"))
		return;
	for (size_t i = 0; i < sizeof(at_once) / sizeof(at_once[0]); i++) {
		shape.in_flight = at_once[i];
		o = median_run(b, &shape);
		snprintf(name, sizeof(name), "microap.sim.per_minute_%u", at_once[i]);
		figures_report(&b->figures, name, 60e6 * o.passed / (double)o.makespan_us, "devices/min", -1, false);
		snprintf(name, sizeof(name), "microap.sim.passed_%u", at_once[i]);
		figures_report(&b->figures, name, o.passed, "devices", AP_DEVICES, false);
	}
	figures_report(&b->figures, "microap.sim.station_cpu", cpu_per_device_us(&o), "us/device", -1, true);
	figures_report(&b->figures, "microap.sim.session_octets", (double)o.session_octets, "octets", -1, true);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		shape.in_flight = 32;
		shape.credentials = methods[i].credentials;
		o = median_run(b, &shape);
		snprintf(name, sizeof(name), "microap.sim.%s_per_minute_32", methods[i].name);
		figures_report(&b->figures, name, 60e6 * o.passed / (double)o.makespan_us, "devices/min", -1, false);
	}
	/* One radio that takes 450 ms to change its channel, and three channels. */
	shape = (struct shape){
		.devices = 24, .radios = 1, .channels = "1, 6, 11", .in_flight = 24, .credentials = VIA("micro-ap")
	};
	o = median_run(b, &shape);
	figures_report(&b->figures, "microap.sim.makespan_24_three_channels", (double)o.makespan_us / 1e6,
		       "s (virtual)", 15, true);
}

static void bench_cpu(struct bench *b)
{
	const struct shape shape = { .devices = 1000, .radios = 4, .channels = "1, 6, 11, 36, 44, 149" };
	double without_us, pbkdf2_us, spent_us;
	struct outcome o;

	if (!figures_wanted(&b->figures, "main.station_cpu"))
		return;
	measure_floor(b, &without_us, &pbkdf2_us);
	o = run(b, &shape, NULL, true, false);
	spent_us = cpu_per_device_us(&o);
	figures_report(&b->figures, "main.station_cpu_floor", without_us + pbkdf2_us, "us/device", -1, true);
	figures_report(&b->figures, "main.station_cpu", spent_us, "us/device", -1, true);
	figures_report(&b->figures, "main.station_cpu_journal", (double)o.journal_cpu_us / o.passed, "us/device", -1,
		       true);
	figures_report(&b->figures, "main.station_cpu_ratio", spent_us / (without_us + pbkdf2_us), "ratio", 2.0, true);
	figures_report(&b->figures, "main.station_cpu_ratio_without_pbkdf2", (spent_us - pbkdf2_us) / without_us,
		       "ratio", -1, true);
	figures_report(&b->figures, "main.world_cpu", (double)o.world_cpu_us / o.passed, "us/device", -1, true);
}

static double median(double *values, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t k = i; k > 0 && values[k] < values[k - 1]; k--) {
			double swap = values[k];

			values[k] = values[k - 1];
			values[k - 1] = swap;
		}
	return values[count / 2];
}

/* One question and its answer; what the keys cost here is taken in the same way. */
static double lookup_us(struct identity *identity)
{
	static double us[SIGNER_ROUNDS];
	uint8_t value[32];

	for (size_t i = 0; i < SIGNER_ROUNDS; i++) {
		uint64_t from_ns = wall_ns();

		must(pin_lookup(identity, "AC-100", "48151623", value) == 0);
		us[i] = (double)(wall_ns() - from_ns) / 1000;
	}
	return median(us, SIGNER_ROUNDS);
}

static double signature_us(struct identity *identity)
{
	static double us[SIGNER_ROUNDS];
	uint8_t hash[32] = { 0 }, sig[80];
	size_t len;

	for (size_t i = 0; i < SIGNER_ROUNDS; i++) {
		uint64_t from_ns = wall_ns();

		must(identity_sign_record(identity, hash, sig, &len) == 0);
		us[i] = (double)(wall_ns() - from_ns) / 1000;
	}
	return median(us, SIGNER_ROUNDS);
}

static void bench_round_trip(struct bench *b)
{
	const struct identity_profile profile = { .common_name = "AC-100" };
	const struct identity_apart how = { .dir = b->keys,
					    .utc_us = BATCH_SIM_UTC_US,
					    .profile = &profile,
					    .product = "AC-100",
					    .patience_ms = SIGNER_MS };
	struct identity *here = NULL, *apart = NULL;
	char error[512];

	if (identity_open(&here, b->keys, "default", BATCH_SIM_UTC_US, error, sizeof(error)) != 0 ||
	    identity_open_public(&apart, b->keys, "default", BATCH_SIM_UTC_US, error, sizeof(error)) != 0 ||
	    identity_part(apart, &how, error, sizeof(error)) != 0)
		die(error);
	figures_report(&b->figures, "record.signer_round_trip", lookup_us(apart) - lookup_us(here), "us", -1, true);
	figures_report(&b->figures, "record.signer_signature", signature_us(here), "us", -1, true);
	figures_report(&b->figures, "record.signer_signature_apart", signature_us(apart), "us", -1, true);
	identity_close(apart);
	identity_close(here);
}

/* The keys apart against the keys inside, in turn: the middle of the ratios. */
static void bench_signer(struct bench *b)
{
	struct shape shape = { .devices = 500, .radios = 4, .channels = "1, 6, 11, 36, 44, 149" };
	double ratio[SIGNER_PAIRS], signer[SIGNER_PAIRS];

	if (!figures_wanted(&b->figures, "record.signer"))
		return;
	bench_round_trip(b);
	for (size_t i = 0; i < SIGNER_PAIRS; i++) {
		struct outcome inside, apart;

		shape.keys_inside = true;
		inside = run(b, &shape, NULL, true, false);
		shape.keys_inside = false;
		apart = run(b, &shape, NULL, true, false);
		ratio[i] = cpu_per_device_us(&apart) / cpu_per_device_us(&inside);
		signer[i] = (double)apart.signer_cpu_us / apart.passed;
	}
	figures_report(&b->figures, "record.signer_cpu", median(ratio, SIGNER_PAIRS), "ratio", 1.1, true);
	figures_report(&b->figures, "record.signer_cpu_process", median(signer, SIGNER_PAIRS), "us/device", -1, true);
}

static void bench_memory(struct bench *b)
{
	const struct shape shape = { .devices = 400, .radios = 4, .channels = "1, 6, 11, 36", .in_flight = 200 };
	struct outcome o;

	if (!figures_wanted(&b->figures, "main.session"))
		return;
	o = run(b, &shape, NULL, false, true);
	figures_report(&b->figures, "main.session_octets", (double)o.session_octets, "octets", 8192, true);
	figures_report(&b->figures, "main.sessions_at_once", (double)o.sessions_peak, "sessions", -1, false);
	figures_report(&b->figures, "main.session_heap_octets",
		       o.sessions_peak ? (double)o.heap_octets / (double)o.sessions_peak : 0, "octets", -1, true);
}

static void bench_makespan(struct bench *b)
{
	static const struct {
		const char *name;
		struct shape shape;
	} workloads[] = {
		{ "burst", { .devices = 200, .radios = 4, .channels = "1, 6, 11, 36, 44, 149" } },
		{ "feed",
		  { .devices = 200,
		    .radios = 4,
		    .channels = "1, 6, 11, 36, 44, 149",
		    .arrival = "100ms",
		    .loss = "5%" } },
		{ "one_radio_six_channels", { .devices = 60, .radios = 1, .channels = "1, 6, 11, 36, 44, 149" } },
		{ "one_radio_six_channels_no_steer",
		  { .devices = 60, .radios = 1, .channels = "1, 6, 11, 36, 44, 149", .no_steer = true } },
	};
	static const char *const policies[] = { "pex", "round-robin" };
	char name[100];

	if (!figures_wanted(&b->figures, "main.makespan_ratio"))
		return;
	for (size_t w = 0; w <= sizeof(workloads) / sizeof(workloads[0]); w++)
		for (size_t p = 0; p < 2; p++) {
			const char *what = w == 0 ? "demo" : workloads[w - 1].name;
			struct outcome o;

			snprintf(name, sizeof(name), "main.makespan_ratio.%s.%s", what, policies[p]);
			if (!figures_wanted(&b->figures, name))
				continue;
			o = run(b, w == 0 ? NULL : &workloads[w - 1].shape, policies[p], false, false);
			figures_report(&b->figures, name, (double)o.makespan_us / (double)o.bound_us, "ratio",
				       w == 0 && p == 0 ? 1.3 : -1, true);
		}
}

static void bench_large(struct bench *b)
{
	const struct shape shape = { .devices = 10000,
				     .radios = 8,
				     .in_flight = 400,
				     .loss = "2%",
				     .channels = "1, 6, 11, 36, 40, 44, 48, 149, 153, 157, 161, 165" };
	struct outcome o;

	if (!figures_wanted(&b->figures, "main.devices_10000"))
		return;
	o = run(b, &shape, NULL, false, false);
	figures_report(&b->figures, "main.devices_10000_passed", o.passed, "devices", 10000, false);
	figures_report(&b->figures, "main.devices_10000_wall", (double)o.wall_us / 1e6, "s", -1, true);
	figures_report(&b->figures, "main.devices_10000_makespan", (double)o.makespan_us / 1e6, "s (virtual)", -1,
		       true);
	figures_report(&b->figures, "main.devices_10000_makespan_ratio", (double)o.makespan_us / (double)o.bound_us,
		       "ratio", -1, true);
	figures_report(&b->figures, "main.devices_10000_rss", (double)o.rss_octets / 1048576, "MiB", -1, true);
	figures_report(&b->figures, "main.devices_10000_rss_beside_devices",
		       ((double)o.rss_octets - (double)o.device_octets * 10000) / 1048576, "MiB", -1, true);
	figures_report(&b->figures, "main.devices_10000_air_octets", (double)o.air_octets / o.passed, "octets/device",
		       -1, true);
}

static size_t collect_file(struct bench *b, const char *path)
{
	char line[200], name[64], unit[32], better[8], target[24];
	FILE *f = fopen(path, "r");
	size_t count = 0;
	double value;

	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %lf %31s %7s %23s", name, &value, unit, better, target) != 5)
			die(path);
		figures_report(&b->figures, name, value, unit, strcmp(target, "-") == 0 ? -1 : strtod(target, NULL),
			       strcmp(better, "lower") == 0);
		count++;
	}
	fclose(f);
	return count;
}

/* 0, or 1 when the lab left none: no figure at all is a failure too. */
static int collect_lab(struct bench *b, const char *lab)
{
	char pattern[300];
	size_t count = 0;
	glob_t found;

	if ((!figures_wanted(&b->figures, "radio") && !figures_wanted(&b->figures, "microap.lab") &&
	     !figures_wanted(&b->figures, "outside.first_attempt")) ||
	    !lab)
		return 0;
	snprintf(pattern, sizeof(pattern), "%s/*/figures", lab);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			count += collect_file(b, found.gl_pathv[i]);
		globfree(&found);
	}
	if (count == 0)
		fprintf(stderr, "bench: the lab left no figures; make test-lab tells why\n");
	return count == 0;
}

/* --- people who look on --- */

#define WATCHED_MAX 4096
#define RATE_MOST 60
#define ONLOOKERS_MAX 8

/* What a run with onlookers shares with them: when each unit passed, and when the first of them was told. */
struct theatre {
	char path[120];
	struct control *control;
	int rate; /* updates that each asks for, per second */
	_Atomic uint64_t passed_us[WATCHED_MAX], told_us[WATCHED_MAX];
	_Atomic uint64_t octets, lines;
};

struct show {
	bool ok;
	unsigned passed;
	uint64_t station_cpu_us, onlookers_cpu_us, journal_cpu_us, wall_us, octets, lines;
	double told_p50_ms, told_p95_ms;
};

static void *look_on(void *ctx)
{
	struct theatre *t = ctx;
	char error[300];
	struct remote *r = remote_open(t->path, error, sizeof(error));
	json_t *line, *row;
	size_t i;

	if (!r)
		return NULL;
	(void)remote_send(r, json_pack("{s:i, s:s, s:i}", "id", 1, "do", "subscribe", "rate", t->rate));
	while ((line = remote_read(r, -1)) != NULL) {
		uint64_t now_us = clock_us(CLOCK_MONOTONIC);
		char *text = json_dumps(line, JSON_COMPACT);

		t->octets += text ? strlen(text) + 1 : 0;
		t->lines++;
		free(text);
		json_array_foreach(json_object_get(line, "units"), i, row)
		{
			json_int_t unit = json_integer_value(json_object_get(row, "unit"));
			const char *state = json_string_value(json_object_get(row, "state"));
			uint64_t none = 0;

			if (unit < WATCHED_MAX && state && strcmp(state, "passed") == 0)
				(void)atomic_compare_exchange_strong(&t->told_us[unit], &none, now_us);
		}
		json_decref(line);
	}
	remote_close(r);
	return NULL;
}

static void on_passed(void *ctx, const struct line_event *e)
{
	struct theatre *t = ctx;

	if (e->kind == LINE_UNIT_STATE && e->state == UNIT_PASSED && e->unit < WATCHED_MAX)
		t->passed_us[e->unit] = clock_us(CLOCK_MONOTONIC);
}

static void latencies(const struct theatre *t, struct show *out)
{
	static double ms[WATCHED_MAX];
	size_t n = 0;

	for (size_t i = 0; i < WATCHED_MAX; i++)
		if (t->passed_us[i] && t->told_us[i] >= t->passed_us[i])
			ms[n++] = (double)(t->told_us[i] - t->passed_us[i]) / 1000;
	if (n == 0)
		return;
	figures_sort(ms, n);
	out->told_p50_ms = ms[n / 2];
	out->told_p95_ms = ms[n * 95 / 100];
}

static void show_here(struct bench *b, const struct job *job, unsigned clients, int rate, double pace, struct show *out)
{
	static struct theatre t;
	struct settings settings;
	pthread_t threads[ONLOOKERS_MAX];
	char db[120], error[512];
	struct batch_result r;
	struct control_options c = { .settings = &settings, .path = t.path, .software = "bench" };
	struct batch_options o = { .job = job,
				   .db = db,
				   .keys = b->keys,
				   .operator= "bench",
				   .meter = true,
				   .pace = pace,
				   .ctx = &t,
				   .event = on_passed };
	uint64_t from_us;

	settings_default(&settings);
	t.rate = rate;
	snprintf(t.path, sizeof(t.path), "%s/%u.sock", b->dir, b->batches);
	snprintf(db, sizeof(db), "%s/%u.db", b->dir, b->batches);
	if (control_open(&t.control, &c, error, sizeof(error)) != 0)
		die(error);
	o.control = t.control;
	for (unsigned i = 0; i < clients; i++)
		if (pthread_create(&threads[i], NULL, look_on, &t) != 0)
			die("no thread");
	from_us = clock_us(CLOCK_MONOTONIC);
	if (batch_run(&o, &r, error, sizeof(error)) != 0)
		die(error);
	out->wall_us = clock_us(CLOCK_MONOTONIC) - from_us;
	control_close(t.control, "ended", "measured");
	for (unsigned i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	*out = (struct show){ .ok = true,
			      .passed = r.summary.passed,
			      .station_cpu_us = r.station_cpu_us,
			      .onlookers_cpu_us = r.onlookers_cpu_us,
			      .journal_cpu_us = r.journal_cpu_us,
			      .wall_us = out->wall_us,
			      .octets = t.octets,
			      .lines = t.lines };
	latencies(&t, out);
}

/* A batch with `clients` onlookers, all subscribed to everything, in a child of its own. */
static struct show show(struct bench *b, const struct shape *shape, unsigned clients, int rate, double pace)
{
	struct show out = { 0 };
	int ends[2], status;
	pid_t child = -1;

	b->batches++;
	if (pipe(ends) != 0 || (child = fork()) < 0)
		die("no pipe or process");
	if (child == 0) {
		struct job *job = job_of(b, shape);

		show_here(b, job, clients, rate, pace, &out);
		job_destroy(job);
		_exit(write(ends[1], &out, sizeof(out)) == (ssize_t)sizeof(out) ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], &out, sizeof(out)) != (ssize_t)sizeof(out))
		out.ok = false;
	close(ends[0]);
	if (waitpid(child, &status, 0) != child || status != 0 || !out.ok)
		die("a watched batch did not run");
	return out;
}

/* At the pace of a real line: which share of one core does it cost to be watched, sixty times a second? */
static void bench_watched_line(struct bench *b)
{
	const struct shape line = { .devices = 2000,
				    .radios = 16,
				    .in_flight = 400,
				    .arrival = "50ms",
				    .channels = "1, 6, 11, 36, 40, 44, 48, 149, 153, 157, 161, 165" };
	static const unsigned counts[] = { 0, 1, 8 };
	char name[80];

	for (size_t i = 0; i < 3; i++) {
		struct show s = show(b, &line, counts[i], RATE_MOST, 2);

		snprintf(name, sizeof(name), "operator.station_share_%u_clients", counts[i]);
		figures_report(&b->figures, name, 100 * (double)s.station_cpu_us / (double)s.wall_us, "% of a core", -1,
			       true);
		snprintf(name, sizeof(name), "operator.station_share_of_%u_clients", counts[i]);
		figures_report(&b->figures, name, 100 * (double)s.onlookers_cpu_us / (double)s.wall_us, "% of a core",
			       2, true);
		if (counts[i] == 0)
			continue;
		snprintf(name, sizeof(name), "operator.station_octets_%u_clients", counts[i]);
		figures_report(&b->figures, name, (double)s.octets / ((double)s.wall_us / 1e6) / counts[i], "octets/s",
			       -1, true);
		snprintf(name, sizeof(name), "operator.station_told_p95_%u_clients", counts[i]);
		figures_report(&b->figures, name, s.told_p95_ms, "ms", 100, true);
	}
}

/*
 * As fast as the simulation goes, some hundred devices each second: how much more work is it for the station when our
 * dashboards look on?
 */
static void bench_watched_rush(struct bench *b)
{
	const struct shape rush = { .devices = 2000,
				    .radios = 16,
				    .in_flight = 400,
				    .arrival = "10ms",
				    .channels = "1, 6, 11, 36, 40, 44, 48, 149, 153, 157, 161, 165" };
	static const unsigned counts[] = { 0, 1, 8 };
	char name[80];

	for (size_t i = 0; i < 3; i++) {
		struct show s = show(b, &rush, counts[i], DASHBOARD_RATE, 0);

		snprintf(name, sizeof(name), "operator.station_slowdown_%u_clients", counts[i]);
		figures_report(&b->figures, name,
			       100 * (double)s.onlookers_cpu_us / (double)(s.station_cpu_us + s.journal_cpu_us), "%", 2,
			       true);
	}
}

static void bench_operator(struct bench *b)
{
	if (!figures_wanted(&b->figures, "operator.station"))
		return;
	bench_watched_line(b);
	bench_watched_rush(b);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

/*
 * A lot of 50 behind labels that anybody can copy, alone and among strangers: tests/line/hostile.c has each kind. The
 * mean of several seeds, and the worst of what is served: where devices and strangers are makes half of the time.
 */
static void bench_outside(struct bench *b)
{
	static const char faults[] = "    - {kind: fake-ap, count: 20}\n    - {kind: fake-ap, count: 4}\n"
				     "    - {kind: clone, count: 2, after: 2s}\n    - {kind: zero-id, count: 2}\n"
				     "    - {kind: wrong-secret, count: 2}\n"
				     "    - {kind: forged-deauth, count: 40, after: 1s}\n"
				     "    - {kind: garbage, count: 200, after: 500ms}\n";
	struct shape shape = { .devices = 50, .radios = 2, .channels = "1, 6, 11", .in_flight = 32 };
	unsigned served = shape.devices;
	char path[100], credentials[300];
	double times = 0;
	int fd;

	if (!figures_wanted(&b->figures, "outside.hostile"))
		return;
	snprintf(path, sizeof(path), "%s/labels.csv", b->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		die(path);
	dprintf(fd, "ssid,passphrase\n");
	for (unsigned i = 0; i < 56; i++)
		dprintf(fd, "AC-%06u,the secret of %u\n", i, i);
	close(fd);
	snprintf(credentials, sizeof(credentials),
		 "{method: micro-ap, ssid: \"bench\", security: wpa2, access_point: {ssid: \"AC-{serial}\", labels: "
		 "\"%s\"}}",
		 path);
	shape.credentials = credentials;
	for (shape.seed = 1; shape.seed <= HOSTILE_SEEDS; shape.seed++) {
		struct shape hostile = shape;
		struct outcome alone = run(b, &shape, "pex", false, false), among;

		hostile.strangers = 6;
		hostile.faults = faults;
		among = run(b, &hostile, "pex", false, false);
		served = among.passed < served ? among.passed : served;
		times += (double)among.makespan_us / (double)alone.makespan_us / HOSTILE_SEEDS;
	}
	figures_report(&b->figures, "outside.hostile_served", served, "devices of 50", 50, false);
	figures_report(&b->figures, "outside.hostile_time", times, "times", 1.3, true);
}

int main(int argc, char **argv)
{
	struct bench b = { .dir = "/tmp/millrace-bench-XXXXXX" };
	struct ceremony ceremony = {
		.organization = "Bench", .root_days = 3650, .issuing_days = 3650, .utc_us = BATCH_SIM_UTC_US
	};
	struct entropy *entropy = entropy_create_kernel();
	char error[512];
	int status = 0;

	if (argc < 2)
		die("usage: main OUT.json [PREFIX [LAB]]");
	figures_begin(&b.figures, argv[1], argc > 2 ? argv[2] : "");
	if (!entropy || !mkdtemp(b.dir))
		die("no memory or no temporary folder");
	snprintf(b.keys, sizeof(b.keys), "%s/keys", b.dir);
	ceremony.dir = b.keys;
	if (ceremony_init(&ceremony, entropy, error, sizeof(error)) != 0)
		die(error);
	entropy_destroy(entropy);
	bench_cpu(&b);
	bench_signer(&b);
	bench_memory(&b);
	bench_makespan(&b);
	bench_large(&b);
	bench_access(&b);
	bench_outside(&b);
	status = collect_lab(&b, argc > 3 ? argv[3] : NULL);
	bench_operator(&b);
	if (!figures_end(&b.figures))
		status = 2;
	nftw(b.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}
