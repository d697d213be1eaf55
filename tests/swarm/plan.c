#include "tests/swarm/plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "station/base/entropy.h"

#define DEVICES_MIN 20
#define DEVICES_MAX 50
#define EVENTS 9u   /* of the line, for a device that passes */
#define COMMITS 4u  /* of the record, for a device, when it shares them */
#define RECORDS 30u /* for a device, each a commit when it does not */
#define WRITES 40u  /* to the log, for a device */

const char *const plan_methods[] = { "direct",	"micro-ap", "pin",	 "https", "mixed", "wps-pin",
				     "wps-pbc", "sealed",   "listeners", "wac",	  NULL };
/* Of listeners, by the seed. */
static const char *const schemes[] = { "esptouch-v1", "esptouch-v2", "airkiss", "cc3000", "ezconnect" };
static const char *const profiles[] = { "ideal", "mt7612u", "mt7610u", "mt7601u", "rt2800usb", "ath9k_htc", NULL };
static const char *const chips[] = { "esp32", "esp32", "esp32-c3", "cortex-m4", "instant", NULL };
static const char *const channels[] = { "6", "1, 11", "1, 6, 11", "1, 6, 36", NULL };

#define BY_AP "micro-ap pin https mixed"
#define IN_FLIGHT "status selftest key identity credentials commit verify seal finish"

const struct plan_fault_kind plan_fault_kinds[] = {
	{ "selftest", OF_DEVICES, NULL, NULL, false, 3, 0, 1, false },
	{ "storage", OF_DEVICES, NULL, "key identity credentials commit seal", false, 3, 0, 1, false },
	{ "vanish", OF_DEVICES, NULL, "? " IN_FLIGHT, false, 3, 200, 1, true },
	{ "power-cut", OF_DEVICES, NULL, "? " IN_FLIGHT, true, 6, 200, 1, true },
	{ "wrong-batch-key", OF_DEVICES, "direct sealed", NULL, false, 3, 0, 1, false },
	{ "weak-signal", OF_DEVICES, NULL, NULL, false, 3, 0, 1, true },
	{ "wrong-product", OF_DEVICES, NULL, NULL, false, 3, 0, 1, false },
	{ "clone", OF_DEVICES, NULL, NULL, false, 2, 6000, 2, false },
	{ "same-address", OF_DEVICES, NULL, NULL, false, 2, 6000, 2, false },
	{ "zero-id", OF_DEVICES, NULL, NULL, false, 2, 0, 1, false },
	{ "nearer", OF_DEVICES, NULL, NULL, false, 3, 4000, 1, false },
	{ "wrong-secret", OF_DEVICES, "micro-ap pin mixed wps-pin wac", NULL, false, 3, 0, 1, false },
	{ "ap-deauth", OF_DEVICES, BY_AP, "? " IN_FLIGHT " networks join", false, 4, 200, 1, false },
	{ "channel-switch", OF_DEVICES, BY_AP, "? " IN_FLIGHT " networks join", false, 4, 200, 1, false },
	{ "no-join", OF_DEVICES, BY_AP, NULL, false, 3, 0, 1, true },
	{ "busy", OF_DEVICES, BY_AP, NULL, false, 3, 0, 1, true },
	{ "hangs-up", OF_DEVICES, BY_AP, NULL, false, 3, 0, 1, true },
	{ "trickles", OF_DEVICES, BY_AP, NULL, false, 3, 0, 1, false },
	{ "forged", OF_DEVICES, "pin https mixed", NULL, false, 3, 0, 1, false },
	{ "many-rounds", OF_DEVICES, "pin mixed", NULL, false, 2, 0, 1, false },
	{ "old-firmware", OF_DEVICES, "micro-ap mixed", NULL, false, 3, 0, 1, false },
	{ "other-gateway", OF_DEVICES, BY_AP, NULL, false, 4, 0, 0, false },
	{ "dhcp-terse", OF_DEVICES, BY_AP, NULL, false, 4, 0, 0, false },
	{ "dhcp-overload", OF_DEVICES, BY_AP, NULL, false, 4, 0, 0, false },
	{ "dhcp-slow", OF_DEVICES, BY_AP, NULL, false, 4, 0, 0, false },
	{ "blank-line", OF_DEVICES, "micro-ap pin mixed", NULL, false, 4, 0, 0, false },
	{ "hidden", OF_DEVICES, BY_AP, NULL, false, 4, 0, 1, false },
	{ "no-reading", OF_DEVICES, NULL, NULL, false, 4, 0, 0, false },
	{ "other-security", OF_DEVICES, BY_AP, NULL, false, 4, 4000, 0, false },
	{ "radio-lost", OF_NEIGHBOURS, NULL, NULL, true, 1, 5000, 0, false },
	{ "garbage", OF_NEIGHBOURS, NULL, NULL, false, 60, 3000, 0, false },
	{ "rogue-station", OF_NEIGHBOURS, NULL, NULL, false, 4, 3000, 0, false },
	{ "replay", OF_NEIGHBOURS, NULL, NULL, false, 60, 3000, 0, false },
	{ "fake-ap", OF_NEIGHBOURS, BY_AP, NULL, false, 20, 0, 0, false },
	{ "forged-deauth", OF_NEIGHBOURS, BY_AP, NULL, false, 60, 3000, 0, false },
};
const size_t plan_fault_kind_count = sizeof(plan_fault_kinds) / sizeof(plan_fault_kinds[0]);

const char *plan_life_name(enum plan_life_kind kind)
{
	static const char *const names[] = {
#define PLAN_LIFE(NAME, name) name,
		PLAN_LIVES(PLAN_LIFE)
#undef PLAN_LIFE
	};

	return names[kind];
}

/* --- drawn --- */

static unsigned below(struct entropy *dice, unsigned bound) { return (unsigned)entropy_below(dice, bound); }

/* 1 to `bound`, each power of two as likely as the next: what is early in a life is as thick with events as its end. */
static unsigned early(struct entropy *dice, unsigned bound)
{
	unsigned powers = 0;

	while ((2u << powers) <= bound)
		powers++;
	powers = below(dice, powers + 1);
	powers = (1u << powers) + below(dice, 1u << powers);
	return powers < bound ? powers : bound;
}

static void pick(struct entropy *dice, char *out, size_t len, const char *const *words)
{
	unsigned count = 0;

	while (words[count])
		count++;
	snprintf(out, len, "%s", words[below(dice, count)]);
}

/* One of the words between spaces; "?": none. */
static void pick_operation(struct entropy *dice, char out[static 16], const char *words)
{
	unsigned count = 1, i = 0;

	for (const char *at = words; (at = strchr(at, ' ')); at++)
		count++;
	for (count = below(dice, count); count > 0; count--)
		words = strchr(words, ' ') + 1;
	for (; words[i] && words[i] != ' ' && i < 15; i++)
		out[i] = words[i];
	out[i] = '\0';
	if (strcmp(out, "?") == 0)
		out[0] = '\0';
}

static bool listens(const struct plan *plan) { return strcmp(plan->method, "listeners") == 0; }
static bool is_accessory(const struct plan *plan) { return strcmp(plan->method, "wac") == 0; }

bool plan_is_foreign(const struct plan *plan)
{
	return strncmp(plan->method, "wps-", 4) == 0 || listens(plan) || is_accessory(plan);
}

static bool is_for(const struct plan_fault_kind *kind, const struct plan *plan)
{
	if (kind->methods && strstr(kind->methods, plan->method))
		return true;
	if (listens(plan) && strcmp(kind->kind, "busy") == 0) /* it answers nobody in any case */
		return false;
	if (plan_is_foreign(plan))
		return kind->foreign || (!kind->methods && kind->whose == OF_NEIGHBOURS);
	return !kind->methods;
}

static void draw_fault(struct entropy *dice, const struct plan *plan, struct plan_fault *fault)
{
	do
		fault->kind = &plan_fault_kinds[below(dice, (unsigned)plan_fault_kind_count)];
	while (!is_for(fault->kind, plan));
	fault->count = 1 + below(dice, fault->kind->count_max);
	fault->operation[0] = '\0';
	if (fault->kind->operations)
		pick_operation(dice, fault->operation, fault->kind->operations);
	fault->after_ms = fault->kind->after_max_ms ? below(dice, fault->kind->after_max_ms) : 0;
	/* Without an operation it strikes by the clock: somewhere in the first seconds. */
	if (fault->kind->operations && !fault->operation[0])
		fault->after_ms *= 20;
	fault->off_ms = fault->kind->off ? 100 + below(dice, 3000) : 0;
}

static void draw_disk(struct entropy *dice, const struct plan *plan, struct disk_fault *disk)
{
	unsigned commits = plan->devices * (plan->one_by_one ? RECORDS : COMMITS);

	*disk = (struct disk_fault){ .kind = (enum disk_kind)(1 + below(dice, DISK_KIND_COUNT - 1)),
				     .place = below(dice, 4) ? DISK_LOG : DISK_FILE,
				     .seed = entropy_below(dice, 1u << 30) };
	switch (disk->kind) {
	case DISK_SOUND:
	case DISK_KIND_COUNT:
	case DISK_TORN:
	case DISK_REORDERED:
	case DISK_SYNC_ERROR: disk->nth = disk->place == DISK_LOG ? early(dice, commits) : 1 + below(dice, 3); break;
	case DISK_LYING:
		disk->place = DISK_LOG;
		disk->nth = early(dice, commits);
		disk->more = early(dice, commits) - 1;
		break;
	case DISK_CUT:
	case DISK_FULL:
	case DISK_WRITE_ERROR:
		disk->nth = disk->place == DISK_LOG ? early(dice, plan->devices * WRITES) : early(dice, 100);
		break;
	case DISK_READ_ERROR: disk->nth = early(dice, 40); break;
	}
}

static void draw_life(struct entropy *dice, const struct plan *plan, struct plan_life *life)
{
	static const enum plan_life_kind kinds[] = { LIFE_KILLED, LIFE_KILLED, LIFE_STOPPED, LIFE_ABORTED,
						     LIFE_DISK,	  LIFE_DISK,   LIFE_DISK,    LIFE_DISK };

	*life = (struct plan_life){ .kind = kinds[below(dice, sizeof(kinds) / sizeof(kinds[0]))] };
	if (life->kind == LIFE_DISK)
		draw_disk(dice, plan, &life->disk);
	else
		life->at = below(dice, 2) ? early(dice, plan->devices * EVENTS)
					  : 1 + below(dice, plan->devices * EVENTS);
}

void plan_draw(struct plan *plan, uint64_t seed)
{
	static const unsigned arrivals_ms[] = { 0, 0, 20, 50, 200, 400 };
	struct entropy *dice = entropy_create_seeded(seed, "swarm");
	unsigned struck = 0, faults;

	*plan = (struct plan){ .seed = seed };
	pick(dice, plan->method, sizeof(plan->method), plan_methods);
	plan->devices = DEVICES_MIN + below(dice, DEVICES_MAX - DEVICES_MIN + 1);
	plan->radios = 1 + below(dice, 3);
	do {
		pick(dice, plan->channels, sizeof(plan->channels), channels);
		pick(dice, plan->profile, sizeof(plan->profile), profiles);
	} while (strstr(plan->channels, "36") &&
		 !strstr("ideal mt7612u mt7610u", plan->profile)); /* the others have no 5 GHz */
	pick(dice, plan->chip, sizeof(plan->chip), chips);
	plan->loss = below(dice, 2) ? below(dice, 21) : 0;
	plan->burst = below(dice, 4) ? 1 : 2 + below(dice, 8);
	plan->arrival_ms = arrivals_ms[below(dice, sizeof(arrivals_ms) / sizeof(arrivals_ms[0]))];
	plan->attempts = 2 + below(dice, 5);
	plan->odd = below(dice, 2) ? below(dice, 41) : 0;
	plan->one_by_one = below(dice, 4) == 0;
	faults = below(dice, PLAN_FAULTS_MAX + 1);
	for (unsigned i = 0; i < faults; i++) {
		struct plan_fault *fault = &plan->faults[plan->fault_count];

		draw_fault(dice, plan, fault);
		if (fault->kind->whose == OF_DEVICES && (struck += fault->count) > plan->devices)
			break; /* each device has one fault */
		plan->fault_count++;
	}
	for (unsigned lives = below(dice, PLAN_LIVES_MAX); plan->life_count < lives; plan->life_count++)
		draw_life(dice, plan, &plan->lives[plan->life_count]);
	plan->lives[plan->life_count++] = (struct plan_life){ .kind = LIFE_WHOLE };
	entropy_destroy(dice);
}

unsigned plan_whole_devices(const struct plan *plan)
{
	unsigned spoilt = 0;

	for (size_t i = 0; i < plan->fault_count; i++)
		spoilt += plan->faults[i].kind->spoils * plan->faults[i].count;
	return spoilt < plan->devices ? plan->devices - spoilt : 0;
}

/* --- written and read --- */

struct key {
	const char *name;
	size_t at, len; /* in struct plan; len 0: a number */
};
#define NUMBER(key, member)                                                                                            \
	{                                                                                                              \
		key, offsetof(struct plan, member), 0                                                                  \
	}
#define TEXT(key, member)                                                                                              \
	{                                                                                                              \
		key, offsetof(struct plan, member), sizeof(((struct plan *)0)->member)                                 \
	}
static const struct key plan_keys[] = {
	TEXT("method", method),	      NUMBER("devices", devices), NUMBER("radios", radios),
	TEXT("channels", channels),   TEXT("profile", profile),	  TEXT("chip", chip),
	NUMBER("loss", loss),	      NUMBER("burst", burst),	  NUMBER("arrival", arrival_ms),
	NUMBER("attempts", attempts), NUMBER("odd", odd),	  NUMBER("one-by-one", one_by_one),
};

static void *member(struct plan *plan, const struct key *key) { return (char *)plan + key->at; }
static unsigned number(const struct plan *plan, const struct key *key)
{
	return *(const unsigned *)(const void *)((const char *)plan + key->at);
}

void plan_write(const struct plan *plan, FILE *to)
{
	fprintf(to, "lot\nseed %llu\n", (unsigned long long)plan->seed);
	for (size_t i = 0; i < sizeof(plan_keys) / sizeof(plan_keys[0]); i++) {
		const struct key *key = &plan_keys[i];

		if (key->len)
			fprintf(to, "%s %s\n", key->name, (const char *)plan + key->at);
		else
			fprintf(to, "%s %u\n", key->name, number(plan, key));
	}
	for (size_t i = 0; i < plan->fault_count; i++) {
		const struct plan_fault *fault = &plan->faults[i];

		fprintf(to, "fault %s count %u operation %s after %u off %u\n", fault->kind->kind, fault->count,
			fault->operation[0] ? fault->operation : "-", fault->after_ms, fault->off_ms);
	}
	for (size_t i = 0; i < plan->life_count; i++) {
		const struct plan_life *life = &plan->lives[i];

		if (life->kind == LIFE_DISK)
			fprintf(to, "life disk %s %s %u more %u seed %llu\n", disk_kind_name(life->disk.kind),
				disk_place_name(life->disk.place), life->disk.nth, life->disk.more,
				(unsigned long long)life->disk.seed);
		else if (life->kind == LIFE_WHOLE)
			fprintf(to, "life whole\n");
		else
			fprintf(to, "life %s at %u\n", plan_life_name(life->kind), life->at);
	}
	fprintf(to, "end\n");
}

static bool read_fault(struct plan *plan, const char *line)
{
	struct plan_fault *fault = &plan->faults[plan->fault_count];
	char kind[16];
	size_t i = 0;

	if (plan->fault_count == PLAN_FAULTS_MAX ||
	    sscanf(line, "%15s count %u operation %15s after %u off %u", kind, &fault->count, fault->operation,
		   &fault->after_ms, &fault->off_ms) != 5)
		return false;
	if (strcmp(fault->operation, "-") == 0)
		fault->operation[0] = '\0';
	while (i < plan_fault_kind_count && strcmp(plan_fault_kinds[i].kind, kind) != 0)
		i++;
	if (i == plan_fault_kind_count)
		return false;
	fault->kind = &plan_fault_kinds[i];
	plan->fault_count++;
	return true;
}

static bool read_disk(struct disk_fault *disk, const char *line)
{
	char kind[16], place[8];
	unsigned long long seed;
	int k = 0, p = 0;

	if (sscanf(line, "disk %15s %7s %u more %u seed %llu", kind, place, &disk->nth, &disk->more, &seed) != 5)
		return false;
	while (k < DISK_KIND_COUNT && strcmp(disk_kind_name((enum disk_kind)k), kind) != 0)
		k++;
	while (p < DISK_PLACES && strcmp(disk_place_name((enum disk_place)p), place) != 0)
		p++;
	if (k == DISK_KIND_COUNT || p == DISK_PLACES)
		return false;
	disk->kind = (enum disk_kind)k;
	disk->place = (enum disk_place)p;
	disk->seed = seed;
	return true;
}

static bool read_life(struct plan *plan, const char *line)
{
	struct plan_life *life = &plan->lives[plan->life_count];
	char kind[16];
	int k = 0;

	if (plan->life_count == PLAN_LIVES_MAX || sscanf(line, "%15s", kind) != 1)
		return false;
	while (k < LIFE_KIND_COUNT && strcmp(plan_life_name((enum plan_life_kind)k), kind) != 0)
		k++;
	if (k == LIFE_KIND_COUNT)
		return false;
	*life = (struct plan_life){ .kind = (enum plan_life_kind)k };
	plan->life_count++;
	if (life->kind == LIFE_DISK)
		return read_disk(&life->disk, line);
	return life->kind == LIFE_WHOLE || sscanf(line, "%*s at %u", &life->at) == 1;
}

static bool read_key(struct plan *plan, const char *name, const char *value)
{
	char *end;

	for (size_t i = 0; i < sizeof(plan_keys) / sizeof(plan_keys[0]); i++) {
		const struct key *key = &plan_keys[i];

		if (strcmp(key->name, name) != 0)
			continue;
		if (key->len)
			return (size_t)snprintf(member(plan, key), key->len, "%s", value) < key->len;
		*(unsigned *)member(plan, key) = (unsigned)strtoul(value, &end, 10);
		return *value && !*end;
	}
	return false;
}

static bool is_whole(const struct plan *plan)
{
	return plan->devices > 0 && plan->radios > 0 && plan->method[0] && plan->channels[0] && plan->life_count > 0 &&
	       plan->lives[plan->life_count - 1].kind == LIFE_WHOLE;
}

int plan_read(struct plan *plan, FILE *from, unsigned *number_of_line)
{
	char line[200];
	bool inside = false;

	*plan = (struct plan){ .burst = 1, .attempts = 3 };
	while (fgets(line, sizeof(line), from)) {
		char *value = line + strcspn(line, " \n");

		++*number_of_line;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (*value)
			*value++ = '\0';
		if (!inside && strcmp(line, "lot") != 0)
			return -1;
		if (inside && strcmp(line, "end") == 0)
			return is_whole(plan) ? 1 : -1;
		if (inside && !(strcmp(line, "seed") == 0    ? sscanf(value, "%ju", &plan->seed) == 1
				: strcmp(line, "fault") == 0 ? read_fault(plan, value)
				: strcmp(line, "life") == 0  ? read_life(plan, value)
							     : read_key(plan, line, value)))
			return -1;
		inside = true;
	}
	return inside ? -1 : 0;
}

/* --- its job --- */

void plan_mixed_mac(const struct plan *plan, size_t i, uint8_t mac[static 6])
{
	const uint8_t octets[6] = { 0x06, 0x4d, (uint8_t)plan->seed, 0, (uint8_t)(i >> 8), (uint8_t)(i + 1) };

	memcpy(mac, octets, 6);
}

/* A third of the devices each; the seed of the job may repeat, so the secrets are of the seed too. */
static bool write_labels(const struct plan *plan, const char *path)
{
	static const char *const methods[] = { "micro-ap", "pin", "https" };
	FILE *f = fopen(path, "w");

	if (!f)
		return false;
	(void)fchmod(fileno(f), 0600);
	fprintf(f, "mac,ssid,method,passphrase,pin\n");
	for (size_t i = 0; i < plan->devices; i++) {
		const char *method = methods[(i + plan->seed) % 3];
		uint8_t mac[6];

		plan_mixed_mac(plan, i, mac);
		fprintf(f, "%02x:%02x:%02x:%02x:%02x:%02x,AC-%02x%02x%02x,%s,", mac[0], mac[1], mac[2], mac[3], mac[4],
			mac[5], mac[3], mac[4], mac[5], method);
		if (method == methods[0])
			fprintf(f, "secret of label %zu,\n", i + 1);
		else if (method == methods[1])
			fprintf(f, ",%08u\n", (unsigned)(30471125 + 1000003 * (i + plan->seed % 60)) % 100000000u);
		else
			fprintf(f, ",\n");
	}
	return fclose(f) == 0;
}

static void write_faults(const struct plan *plan, FILE *f)
{
	for (size_t i = 0; i < plan->fault_count; i++) {
		const struct plan_fault *fault = &plan->faults[i];

		fprintf(f, "%s    - {kind: %s, count: %u, after: %ums", i ? "" : "  faults:\n", fault->kind->kind,
			fault->count, fault->after_ms);
		if (fault->operation[0])
			fprintf(f, ", operation: %s", fault->operation);
		if (fault->off_ms)
			fprintf(f, ", off: %ums", fault->off_ms);
		fprintf(f, "}\n");
	}
}

static void write_credentials(const struct plan *plan, const char *labels, FILE *f)
{
	bool mixed = strcmp(plan->method, "mixed") == 0, sealed = strcmp(plan->method, "sealed") == 0;

	fprintf(f, "credentials: {method: %s, ssid: \"swarm\", security: wpa2",
		mixed			  ? "micro-ap"
		: sealed || listens(plan) ? "sniffer"
					  : plan->method);
	if (plan_is_foreign(plan))
		fprintf(f, ", weak-ok: true%s", is_accessory(plan) ? ", wac: {accept: test-ca}" : "");
	if (listens(plan))
		fprintf(f, ", scheme: %s, expect: %u", schemes[plan->seed % (sizeof(schemes) / sizeof(schemes[0]))],
			plan->devices);
	else if (sealed)
		fprintf(f, ", carrier: %s", plan->seed % 4 ? "headers" : "lengths");
	else if (!plan_is_foreign(plan) && strcmp(plan->method, "direct") != 0)
		fprintf(f, ", access_point: {ssid: \"AC-{mac}\", certificate: pinned%s%s}", mixed ? ", labels: " : "",
			mixed ? labels : "");
	fprintf(f, "}\n");
}

bool plan_write_job(const struct plan *plan, const char *path, const char *labels)
{
	const char *name = strrchr(labels, '/');
	FILE *f;

	if (strcmp(plan->method, "mixed") == 0 && !write_labels(plan, labels))
		return false;
	f = fopen(path, "w");
	if (!f)
		return false;
	fprintf(f,
		"format: 1\n"
		"batch: {lot: \"swarm-%llu\", product: \"AC-100\", hw_rev: \"C\", quantity: %u, test: true}\n%s",
		(unsigned long long)plan->seed, plan->devices,
		plan_is_foreign(plan)
			? "recipe: [credentials, verify]\n"
			: "identity:\n  serial: {pattern: \"T{06}\", first: 1}\n  pin: {digits: 8, wps_checksum: true, "
			  "iterations: 1000}\n"
			  "  certificate: {organization: \"Swarm\", validity: forever}\n");
	write_credentials(plan, name ? name + 1 : labels, f);
	fprintf(f,
		"radios: {simulated: %u, profile: %s}\nchannels: [%s]\n"
		"admission: {max_in_flight: 96, min_rssi: -82dBm, lease: 5s}\n"
		"attempts: {max: %u, patience: 4s}\nguards: {consecutive_fail: off, disk_free: 1MiB}\n"
		"simulation:\n  devices: %u\n  seed: %llu\n  arrival: ",
		plan->radios, plan->profile, plan->channels, plan->attempts, plan->devices,
		(unsigned long long)plan->seed);
	if (plan->arrival_ms)
		fprintf(f, "%ums\n", plan->arrival_ms);
	else
		fprintf(f, "together\n");
	fprintf(f, "  loss: %u%%\n  loss_burst: %u\n  odd_networks: %u%%\n  chips: [{profile: %s, share: 100%%}]\n",
		plan->loss, plan->burst, plan->odd, plan->chip);
	write_faults(plan, f);
	return fclose(f) == 0;
}
