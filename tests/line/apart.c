/*
 * The keys apart, in whole lots: the station's memory is searched for every private key while it works, and the process
 * that holds them is killed at any point of a lot. MILLRACE_SEED replaces the seeds.
 */
#include "tests/line/hall.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/sha.h>
#include <signal.h>

#include "station/identity/private.h"
#include "station/line/private.h"

#define DEVICES 12
#define SECRET_LEN 32
#define CHUNK (1U << 20)

static const struct shape plain = { .devices = DEVICES, .radios = 2, .channels = "1, 6, 11", .loss = "5%" };

/* What is searched for, without having it: four octets to find a place quickly, and what all of it hashes to. */
struct needle {
	char name[32];
	bool held; /* while the keys are in this process, it is in its memory */
	uint8_t first[4], sha256[32];
};

#define NEEDLES 10
struct apart_hall {
	struct hall hall; /* first: what hall.h takes */
	struct needle needles[NEEDLES];
};

static void add(struct apart_hall *h, size_t *n, const char *name, bool held, const uint8_t secret[static SECRET_LEN])
{
	struct needle *needle = &h->needles[(*n)++];

	snprintf(needle->name, sizeof(needle->name), "%s", name);
	needle->held = held;
	memcpy(needle->first, secret, sizeof(needle->first));
	SHA256(secret, SECRET_LEN, needle->sha256);
}

/* As octets of the standards, and as OpenSSL has it in memory. */
static void add_key(struct apart_hall *h, size_t *n, const char *name, EVP_PKEY *key)
{
	uint8_t big[SECRET_LEN], little[SECRET_LEN];
	BIGNUM *private = NULL;
	char text[32];

	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &private), 1);
	assert_int_equal(BN_bn2binpad(private, big, SECRET_LEN), SECRET_LEN);
	assert_int_equal(BN_bn2lebinpad(private, little, SECRET_LEN), SECRET_LEN);
	BN_clear_free(private);
	add(h, n, name, false, big);
	snprintf(text, sizeof(text), "%s, in memory", name);
	add(h, n, text, true, little);
}

/* In a child, so that the test itself has never seen a key: makes the folder, and says what to look for. */
static void make_hall(int to)
{
	struct apart_hall h = { 0 };
	struct identity *identity;
	uint8_t secret[SECRET_LEN];
	char error[512], path[120], hex[65] = "";
	size_t n = 0;
	void *hall;
	FILE *f;

	if (hall_open(&hall) != 0)
		_exit(2);
	h.hall = *(struct hall *)hall;
	if (identity_open(&identity, h.hall.keys, "default", BATCH_SIM_UTC_US, error, sizeof(error)) != 0)
		_exit(3);
	add_key(&h, &n, "issuing.key", identity->issuing_key);
	add_key(&h, &n, "record.key", identity->record_key);
	add(&h, &n, "station.key", true, identity->station_private);
	add(&h, &n, "what seals PINs", true, identity->pin_seal_key);
	add(&h, &n, "what looks PINs up", true, identity->pin_lookup_key);
	add(&h, &n, "what digests labels", true, identity->label_key);
	snprintf(path, sizeof(path), "%s/pin.key", h.hall.keys);
	f = fopen(path, "r");
	if (!f || fread(hex, 1, 64, f) != 64)
		_exit(4);
	fclose(f);
	add(&h, &n, "pin.key, as text", false, (const uint8_t *)hex);
	for (size_t i = 0; i < SECRET_LEN; i++)
		secret[i] = (uint8_t)strtoul((char[3]){ hex[2 * i], hex[2 * i + 1], 0 }, NULL, 16);
	add(&h, &n, "pin.key", false, secret);
	_exit(n == NEEDLES && write(to, &h, sizeof(h)) == sizeof(h) ? 0 : 5);
}

static int open_hall(void **state)
{
	struct apart_hall *h = calloc(1, sizeof(*h));
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		make_hall(ends[1]);
	close(ends[1]);
	assert_int_equal(read(ends[0], h, sizeof(*h)), sizeof(*h));
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	*state = h;
	return 0;
}

/* --- what lies in memory --- */

struct search {
	const struct apart_hall *hall;
	unsigned found[NEEDLES], searches;
	size_t octets;
};

static void search_octets(struct search *s, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < NEEDLES; i++) {
		const struct needle *needle = &s->hall->needles[i];
		const uint8_t *at = bytes;
		uint8_t hash[32];

		while ((at = memmem(at, len - (size_t)(at - bytes), needle->first, sizeof(needle->first)))) {
			if ((size_t)(at - bytes) + SECRET_LEN <= len &&
			    memcmp(SHA256(at, SECRET_LEN, hash), needle->sha256, sizeof(hash)) == 0)
				s->found[i]++;
			at++;
		}
	}
}

static void search_region(struct search *s, int mem, uint8_t *room, uint64_t from, uint64_t to)
{
	while (from + SECRET_LEN <= to) {
		size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
		ssize_t got = pread(mem, room, want, (off_t)from);

		if (got < SECRET_LEN)
			return; /* a page that nobody has */
		search_octets(s, room, (size_t)got);
		s->octets += (size_t)got;
		from += (uint64_t)got - (SECRET_LEN - 1);
		if (to - from < SECRET_LEN)
			return;
	}
}

/* All memory of this process that can be read, but for what the kernel lends and what a sanitizer reserves. */
static void search_memory(struct search *s)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int mem = open("/proc/self/mem", O_RDONLY);
	uint8_t *room = malloc(CHUNK);
	char line[512];

	assert_true(maps && mem >= 0 && room);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long long from, to;
		char mode[5];

		assert_int_equal(sscanf(line, "%llx-%llx %4s", &from, &to, mode), 3);
		if (mode[0] == 'r' && to - from < (1ULL << 28) && !strstr(line, "[vvar") && !strstr(line, "[vsyscall"))
			search_region(s, mem, room, from, to);
	}
	OPENSSL_cleanse(room, CHUNK);
	free(room);
	close(mem);
	fclose(maps);
	s->searches++;
}

/* Now and then, and when the first units have passed: certificates and PINs are under way. */
static void on_event(void *ctx, const struct line_event *event)
{
	struct search *s = ctx;

	if (event->kind == LINE_UNIT_STATE && event->state == UNIT_PASSED && s->searches < 4)
		search_memory(s);
}

static void search_a_lot(struct apart_hall *h, bool inside, struct search *s)
{
	struct batch_options o;
	struct run run;

	*s = (struct search){ .hall = h };
	hall_job(&h->hall, &run, &plain, hall_seed(1100));
	o = hall_options(&h->hall, &run);
	o.keys_inside = inside;
	o.ctx = s;
	o.event = on_event;
	assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), 0);
	hall_all_passed(&h->hall, &run, DEVICES);
	search_memory(s);
	assert_true(s->searches > 2 && s->octets > 1000000);
	hall_done(&run);
}

/* First, while nothing has been here yet that the other test leaves behind. */
static void no_private_key_is_ever_in_the_stations_memory(void **state)
{
	struct apart_hall *h = *state;
	struct search s;

	search_a_lot(h, false, &s);
	for (size_t i = 0; i < NEEDLES; i++)
		if (s.found[i])
			fail_msg("%s: found %u times in %zu octets", h->needles[i].name, s.found[i], s.octets);
}

static void the_search_finds_them_where_they_are(void **state)
{
	struct apart_hall *h = *state;
	struct search s;

	search_a_lot(h, true, &s);
	for (size_t i = 0; i < NEEDLES; i++)
		if (h->needles[i].held && !s.found[i])
			fail_msg("%s: not found in %zu octets", h->needles[i].name, s.octets);
}

/* --- the process dies --- */

struct doom {
	struct line *line;
	unsigned left, guards, holds;
	bool killed;
};

static void on_began(void *ctx, struct line *line, bool simulated, uint64_t seed)
{
	(void)simulated, (void)seed;
	((struct doom *)ctx)->line = line;
}

static void kill_signer(void *ctx, const struct line_event *event)
{
	struct doom *doom = ctx;
	int pid;

	doom->guards += event->kind == LINE_GUARD && strcmp(event->detail, "signer") == 0;
	doom->holds += event->kind == LINE_HOLD;
	if (doom->left == 0 || --doom->left > 0)
		return;
	pid = identity_apart_pid(doom->line->o.identity);
	assert_true(pid > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	doom->killed = true;
}

static void run_doomed(struct apart_hall *h, struct run *run, struct doom *doom)
{
	struct batch_options o = hall_options(&h->hall, run);

	o.keys_inside = false;
	o.ctx = doom;
	o.began = on_began;
	o.event = kill_signer;
	assert_int_equal(batch_run(&o, &run->result, run->error, sizeof(run->error)), 0);
}

/* On record; or, where the record cannot go on without a signature, in the words with which it ends. */
static void stopped_with_words(const struct run *run, unsigned guards)
{
	if (run->result.failure[0]) {
		assert_non_null(strstr(run->result.failure, "sign"));
		return;
	}
	assert_int_equal(guards, 1);
	assert_int_equal(
		hall_ask(run, "SELECT count(*) FROM guard WHERE guard = 'signer' AND detail LIKE '%ended by signal 9 "
			      "(Killed); stop this run and run the job again%'"),
		1);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM audit WHERE action = 'guard' AND subject = 'signer'"), 1);
}

/* Our trouble and nobody else's: no device is blamed, the line stops, the record says why, and the next run goes on. */
static void killed_at_any_event_it_stops_the_line_and_no_device_pays(void **state)
{
	struct apart_hall *h = *state;
	uint64_t seed = hall_seed(1101);
	unsigned stopped = 0;

	for (unsigned at = 1; at < 80; at += 6) {
		struct doom doom = { .left = at };
		struct run run;

		hall_job(&h->hall, &run, &plain, seed);
		run_doomed(h, &run, &doom);
		assert_true(doom.killed);
		assert_int_equal(run.result.summary.failed + run.result.summary.quarantined, 0);
		if (run.result.summary.passed < DEVICES) { /* somebody still needed a key */
			stopped++;
			stopped_with_words(&run, doom.guards);
		}
		hall_run(&h->hall, &run);
		hall_all_passed(&h->hall, &run, DEVICES);
		hall_done(&run);
	}
	assert_true(stopped >= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_private_key_is_ever_in_the_stations_memory),
		cmocka_unit_test(the_search_finds_them_where_they_are),
		cmocka_unit_test(killed_at_any_event_it_stops_the_line_and_no_device_pays),
	};

	return cmocka_run_group_tests(tests, open_hall, hall_close);
}
