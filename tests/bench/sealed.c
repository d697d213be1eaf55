/*
 * Sealed broadcasts: frames that a listener needs until it has the message, over the least that any code could do with:
 * symbols of the message / (1 - loss). Announcements and anchors are frames too. The listener hops in at any frame.
 * `make bench`; sealed OUT.json [PREFIX]: appends to OUT.json.
 *
 *   sniffer.sealed.headers_SIZE_LOSS     by address; SIZE typical: SSID of 11, passphrase of 13; largest: 32 and 64
 *   sniffer.sealed.lengths_SIZE_LOSS     by length
 *   ..._p99                              the same, of 99 in 100 listeners
 *   sniffer.sealed.gf2_SIZE_LOSS         by address with a systematic random linear code over GF(2) instead, announced
 *                                        in the same way
 *   sniffer.sealed.frame_ns_SIZE         CPU of the listener for each frame, until the message is there; here
 *   sniffer.sealed.listener_octets       memory
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/wire/sealed.h"
#include "tests/support/figures.h"

#define LISTENERS 1000u
#define FRAMES_MAX 20000u
#define CPU_RUNS 300u
#define BASE 76u /* CCMP */

static const uint8_t batch_key[32] = { 0xba };

static const struct size {
	const char *name;
	uint8_t ssid_len, passphrase_len;
	unsigned octets;
} sizes[] = { { "typical", 11, 13, 64 }, { "largest", 32, 64, 128 } };

static const unsigned losses[] = { 0, 5, 20, 40 };

static uint64_t state = 1;

/* splitmix64 */
static uint32_t draw(uint32_t limit)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((z >> 32) * limit >> 32);
}

static void die(const char *what)
{
	fprintf(stderr, "bench: sealed: %s\n", what);
	exit(2);
}

static size_t seal(const struct size *size, uint8_t message[static MR_SEALED_MAX])
{
	struct mr_sealed m = { .issue = draw(1000000) + 1, .lifetime_s = 60, .security = MR_SECURITY_WPA2 };
	size_t len;

	m.ssid_len = size->ssid_len;
	m.passphrase_len = size->passphrase_len;
	if (!mr_sealed_seal(batch_key, &m, message, &len) || len != size->octets)
		die("a message could not be sealed");
	return len;
}

static struct mr_overheard next(struct mr_sealed_sender *sender, uint16_t sequence)
{
	bool by_lengths = sender->form == MR_SEALED_BY_LENGTHS;
	struct mr_overheard o = { .from_ds = true, .source = { 2 }, .sequence = sequence & 0xfff };
	struct mr_sealed_frame frame;

	mr_sealed_next(sender, &frame);
	mr_overheard_group(frame.destination, o.destination);
	if (by_lengths)
		memset(o.destination, 0xff, 6);
	o.octets = (uint16_t)(BASE + frame.length);
	return o;
}

static unsigned frames_of(const struct size *size, enum mr_sealed_form form, unsigned loss)
{
	struct mr_sealed_listener l = { 0 };
	struct mr_sealed_sender sender;
	uint8_t message[MR_SEALED_MAX];
	size_t len = seal(size, message);
	struct mr_rd got;

	mr_sealed_begin(&sender, message, len, form);
	for (uint32_t skip = draw(264); skip > 0; skip--)
		(void)next(&sender, 0);
	for (unsigned n = 1; n < FRAMES_MAX; n++) {
		struct mr_overheard o = next(&sender, (uint16_t)n);

		if (draw(100) >= loss &&
		    mr_sealed_hear(&l, &o, 1000000 + n * (uint64_t)MR_SEALED_GAP_US, &got) == MR_SEALED_MESSAGE) {
			if (got.left != len || memcmp(got.at, message, len) != 0)
				die("another message came out");
			return n;
		}
	}
	die("a listener heard nothing");
	return 0;
}

/* --- the code that was not taken --- */

static uint64_t row_of(unsigned number, unsigned k)
{
	uint64_t z = number * 0x9e3779b97f4a7c15u, mask = k < 64 ? ((uint64_t)1 << k) - 1 : UINT64_MAX;

	if (number < k)
		return (uint64_t)1 << number;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) & mask;
}

/* A new row in a triangular matrix. true: it brought something new. */
static bool reduce(uint64_t rows[static 64], uint64_t row)
{
	while (row != 0) {
		int top = 63 - __builtin_clzll(row);

		if (rows[top] == 0) {
			rows[top] = row;
			return true;
		}
		row ^= rows[top];
	}
	return false;
}

/* As if 131 frames were a round and each 33rd an announcement, without which the rank is not known. */
static unsigned gf2_frames(unsigned k, unsigned loss)
{
	uint64_t rows[64] = { 0 };
	unsigned rank = 0, at = draw(131);
	bool announced = false;

	for (unsigned n = 1; n < FRAMES_MAX; n++, at = (at + 1) % 131) {
		if (draw(100) < loss)
			continue;
		if (at % 33 == 0)
			announced = true;
		else
			rank += reduce(rows, row_of(at - at / 33 - 1, k));
		if (announced && rank == k)
			return n;
	}
	die("a matrix has not its rank");
	return 0;
}

/* --- figures --- */

typedef unsigned measure_fn(const struct size *size, unsigned loss);

static unsigned by_headers(const struct size *size, unsigned loss)
{
	return frames_of(size, MR_SEALED_BY_HEADERS, loss);
}
static unsigned by_lengths(const struct size *size, unsigned loss)
{
	return frames_of(size, MR_SEALED_BY_LENGTHS, loss);
}
static unsigned by_gf2(const struct size *size, unsigned loss) { return gf2_frames(size->octets / 2, loss); }

static void measure(struct figures *f, const char *what, measure_fn *fn, const struct size *size, unsigned symbols,
		    unsigned loss)
{
	double *ratio = calloc(LISTENERS, sizeof(*ratio)), sum = 0, least = symbols / (1 - loss / 100.0);
	double target = strcmp(what, "gf2") == 0 ? -1 : loss == 20 ? 1.15 : loss == 40 ? 1.25 : -1;
	char name[60];

	if (!ratio)
		die("no memory");
	state = 1;
	for (size_t i = 0; i < LISTENERS; i++) {
		ratio[i] = fn(size, loss) / least;
		sum += ratio[i];
	}
	figures_sort(ratio, LISTENERS);
	snprintf(name, sizeof(name), "sniffer.sealed.%s_%s_%u", what, size->name, loss);
	figures_report(f, name, sum / LISTENERS, "ratio", target, true);
	snprintf(name, sizeof(name), "sniffer.sealed.%s_%s_%u_p99", what, size->name, loss);
	figures_report(f, name, ratio[LISTENERS * 99 / 100], "ratio", -1, true);
	free(ratio);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void measure_cpu(struct figures *f, const struct size *size)
{
	struct mr_overheard frames[131];
	struct mr_sealed_sender sender;
	uint8_t message[MR_SEALED_MAX];
	uint64_t from_ns, heard = 0;
	char name[60];

	mr_sealed_begin(&sender, message, seal(size, message), MR_SEALED_BY_HEADERS);
	for (size_t i = 0; i < 131; i++)
		frames[i] = next(&sender, (uint16_t)i);
	from_ns = cpu_ns();
	for (unsigned run = 0; run < CPU_RUNS; run++) {
		struct mr_sealed_listener l = { 0 };
		struct mr_rd got;
		size_t i = 0;

		while (i < 131 && mr_sealed_hear(&l, &frames[i], i * 1000, &got) != MR_SEALED_MESSAGE)
			i++;
		heard += i + 1;
	}
	snprintf(name, sizeof(name), "sniffer.sealed.frame_ns_%s", size->name);
	figures_report(f, name, (double)(cpu_ns() - from_ns) / (double)heard, "ns", -1, true);
}

int main(int argc, char **argv)
{
	struct figures f;

	if (argc < 2)
		die("usage: sealed OUT.json [PREFIX]");
	figures_go_on(&f, argv[1], argc > 2 ? argv[2] : "");
	if (figures_wanted(&f, "sniffer.sealed")) {
		for (size_t s = 0; s < 2; s++)
			for (size_t i = 0; i < 4; i++) {
				unsigned octets = sizes[s].octets;

				measure(&f, "headers", by_headers, &sizes[s], octets / 2, losses[i]);
				measure(&f, "lengths", by_lengths, &sizes[s], (8 * octets + 6) / 7, losses[i]);
				measure(&f, "gf2", by_gf2, &sizes[s], octets / 2, losses[i]);
			}
		measure_cpu(&f, &sizes[0]);
		measure_cpu(&f, &sizes[1]);
		figures_report(&f, "sniffer.sealed.listener_octets", sizeof(struct mr_sealed_listener), "octets", 1024,
			       true);
	}
	return figures_end(&f) ? 0 : 2;
}
