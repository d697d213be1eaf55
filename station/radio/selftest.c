#include "station/radio/selftest.h"

#include <assert.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "station/radio/monitor.h"

#define RATE_6MBPS 12
#define WAIT_US 300000 /* for the last status and the last frame */
#define TRIAL_FRAMES 6
#define SWITCHES 6
#define SWITCHES_US 1000000 /* slow adapters are asked fewer times */
#define HEADER_LEN 24

/* A receiver that nobody has: locally administered, from the range of this project's frames. */
static const uint8_t nobody[6] = { 0x02, 0x4d, 0x52, 0xff, 0xff, 0xfe };

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

struct end {
	struct radio *radio;
	const uint8_t *receiver;
	bool sender;
	unsigned count;
	struct selftest_result *out;
};

static void on_frame(void *ctx, const struct radiotap *about, struct mr_rd frame)
{
	struct end *end = ctx;
	unsigned sequence;

	/* A Null frame from our address to the receiver asked. */
	if (frame.left < HEADER_LEN || frame.at[0] != 0x48 || !mr_equal(frame.at + 4, end->receiver, 6) ||
	    !mr_equal(frame.at + 10, end->radio->caps.mac, 6))
		return;
	sequence = (unsigned)(frame.at[22] | frame.at[23] << 8) >> 4;
	if (about->status) {
		if (end->sender) {
			end->out->reported++;
			end->out->renumbered += sequence == 0 || sequence > end->count;
			end->out->acked += !about->failed;
			end->out->retries += about->retries;
		}
		return;
	}
	if (end->sender)
		return;
	end->out->received++;
	end->out->wrong_sequence += sequence == 0 || sequence > end->count;
	end->out->wrong_rate += about->rate_500kbps != RATE_6MBPS;
	end->out->wrong_channel += about->freq_mhz != 0 && about->freq_mhz != monitor_setup(end->radio)->freq_mhz;
}

static int put_frame(struct radio *from, const uint8_t receiver[static 6], unsigned sequence)
{
	uint8_t buf[HEADER_LEN];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	/* IEEE 802.11-2020 9.3.2.1: Null, neither to nor from a distribution system. */
	mr_wr_le16(&w, 0x0048);
	mr_wr_le16(&w, 0);
	mr_wr_bytes(&w, receiver, 6);
	mr_wr_bytes(&w, from->caps.mac, 6);
	mr_wr_bytes(&w, receiver, 6);
	mr_wr_le16(&w, (uint16_t)(sequence << 4));
	return packet_send(monitor_packet(from), mr_wr_written(&w), RATE_6MBPS, 0);
}

static void listen_both(struct end *a, struct end *b, int timeout_ms)
{
	struct pollfd fds[2] = { { .fd = packet_fd(monitor_packet(a->radio)), .events = POLLIN }, { .fd = -1 } };

	if (b->radio)
		fds[1] = (struct pollfd){ .fd = packet_fd(monitor_packet(b->radio)), .events = POLLIN };
	(void)poll(fds, 2, timeout_ms);
	(void)packet_read(monitor_packet(a->radio), 64, on_frame, a);
	if (b->radio)
		(void)packet_read(monitor_packet(b->radio), 64, on_frame, b);
}

void selftest_send(struct radio *from, struct radio *to, const uint8_t receiver[static 6], unsigned count,
		   struct selftest_result *out)
{
	struct selftest_result before = { 0 };
	struct end a = { from, receiver, true, count, &before }, b = { to, receiver, false, count, &before };
	uint64_t until_us;

	/* What is still in the ring belongs to earlier tests. */
	listen_both(&a, &b, 0);
	*out = (struct selftest_result){ 0 };
	a.out = b.out = out;
	for (unsigned i = 1; i <= count; i++)
		if (put_frame(from, receiver, i) == 0)
			out->sent++;
	until_us = clock_us() + WAIT_US;
	while ((out->reported < out->sent || (to && out->received < out->sent)) && clock_us() < until_us)
		listen_both(&a, &b, 10);
}

/* Between two channels; 0: it can't switch. Ends on `a`. */
static uint32_t mean_switch_us(struct radio *radio, uint16_t a_mhz, uint16_t b_mhz)
{
	uint64_t start_us = clock_us();
	unsigned done = 0;

	while (done < SWITCHES && clock_us() - start_us < SWITCHES_US) {
		if (setup_tune(monitor_setup(radio), b_mhz) < 0 || setup_tune(monitor_setup(radio), a_mhz) < 0)
			return 0;
		done += 2;
	}
	uint64_t mean_us = (clock_us() - start_us) / done;

	return mean_us == 0 ? 1 : (uint32_t)mean_us;
}

uint32_t selftest_settle_us(struct radio *from, struct radio *to, uint16_t here_mhz, uint16_t away_mhz)
{
	struct selftest_result result = { 0 };
	struct end a = { from, nobody, true, 4095, &result }, b = { to, to->caps.mac, false, 4095, &result };
	uint64_t start_us;
	unsigned sequence = 0;

	a.receiver = to->caps.mac;
	if (setup_tune(monitor_setup(from), here_mhz) < 0 || setup_tune(monitor_setup(to), away_mhz) < 0)
		return UINT32_MAX;
	listen_both(&a, &b, 0);
	if (setup_tune(monitor_setup(to), here_mhz) < 0)
		return UINT32_MAX;
	result = (struct selftest_result){ 0 };
	start_us = clock_us();
	while (result.received == 0 && clock_us() - start_us < WAIT_US) {
		(void)put_frame(from, to->caps.mac, ++sequence);
		listen_both(&a, &b, 2);
	}
	return result.received > 0 ? (uint32_t)(clock_us() - start_us) : UINT32_MAX;
}

static bool all_may_send(struct radio *const *radios, size_t count, uint16_t freq_mhz)
{
	for (size_t i = 0; i < count; i++) {
		bool may = false;

		for (size_t k = 0; k < radios[i]->caps.channel_count; k++)
			may |= radios[i]->caps.channels[k].freq_mhz == freq_mhz &&
			       radios[i]->caps.channels[k].flags == 0;
		if (!may)
			return false;
	}
	return count > 0;
}

bool selftest_channels(struct radio *const *radios, size_t count, uint16_t out_mhz[static 2])
{
	/* Far apart first; not the first channel, where the kernel leaves every new monitor (K3). */
	static const uint16_t wanted[] = { 2437, 2462, 2452, 2427, 5180, 5220, 5745, 5785 };
	size_t found = 0;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]) && found < 2; i++)
		if (all_may_send(radios, count, wanted[i]))
			out_mhz[found++] = wanted[i];
	return found == 2;
}

/* An adapter that says "not acknowledged" of a frame to nobody is believed when it says the contrary. */
static void prove_status(struct radio *radio, const uint16_t mhz[static 2], struct selftest_proof *proof)
{
	struct selftest_result result;

	if (setup_tune(monitor_setup(radio), mhz[0]) < 0)
		return;
	selftest_send(radio, NULL, nobody, TRIAL_FRAMES, &result);
	proof->reports = result.reported > 0;
	if (result.renumbered > 0)
		monitor_match_by_receiver(radio);
	radio->caps.truthful_status = result.reported > 0 && result.acked == 0;
	radio->caps.switch_us = mean_switch_us(radio, mhz[0], mhz[1]);
	(void)setup_tune(monitor_setup(radio), mhz[1]);
}

static bool answers_to(struct radio *judge, const uint8_t address[static 6])
{
	struct selftest_result result = { 0 };

	selftest_send(judge, NULL, address, TRIAL_FRAMES, &result);
	/* One frame may be lost on a real floor. */
	return result.acked + 1 >= TRIAL_FRAMES;
}

static bool proves_acks(struct radio *judge, struct radio *radio, const uint16_t mhz[static 2])
{
	bool proved = setup_tune(monitor_setup(radio), mhz[0]) == 0 && setup_tune(monitor_setup(judge), mhz[0]) == 0 &&
		      answers_to(judge, radio->caps.mac);

	(void)setup_tune(monitor_setup(judge), mhz[1]);
	(void)setup_tune(monitor_setup(radio), mhz[1]);
	return proved;
}

static void prove_acks(struct radio *judge, struct radio *radio, unsigned rungs, const uint16_t mhz[static 2])
{
	char error[160];

	radio->caps.acknowledges = proves_acks(judge, radio, mhz);
	for (unsigned rung = monitor_setup(radio)->rung + 1u; !radio->caps.acknowledges && rung < SETUP_RUNGS; rung++) {
		if (!(rungs >> rung & 1) || monitor_change_rung(radio, (enum setup_rung)rung, error, sizeof(error)) < 0)
			continue;
		radio->caps.acknowledges = rung != SETUP_PLAIN && proves_acks(judge, radio, mhz);
	}
}

/*
 * To how many addresses it answers, up to `max` and its own included: interfaces as long as the adapter takes them,
 * then frames to each address in turn. So an adapter is found out that takes an interface and does not answer for it.
 */
static unsigned count_addresses(struct radio *judge, struct radio *radio, unsigned max, const uint16_t mhz[static 2])
{
	struct setup *setup = monitor_setup(radio);
	struct radio_addresses own;
	unsigned count = 1;

	radio_addresses_set(&own, radio->caps.mac, NULL, 0);
	if (setup_tune(setup, mhz[0]) == 0 && setup_tune(monitor_setup(judge), mhz[0]) == 0) {
		bool taken = true;

		while (taken && own.count < max) {
			radio_address(radio->caps.mac, own.count, own.at[own.count]);
			own.count++;
			taken = setup_acknowledge(setup, &own) == 0;
		}
		own.count -= !taken;
		while (count < own.count && answers_to(judge, own.at[count]))
			count++;
	}
	own.count = 1;
	(void)setup_acknowledge(setup, &own);
	(void)setup_tune(monitor_setup(judge), mhz[1]);
	(void)setup_tune(setup, mhz[1]);
	return count;
}

static void prove_addresses(struct radio *judge, struct radio *radio, unsigned max, const uint16_t mhz[static 2])
{
	struct radio_caps *caps = &radio->caps;

	if (max > RADIO_ADDRESSES_MAX)
		max = RADIO_ADDRESSES_MAX;
	caps->acknowledged_max = !caps->acknowledges ? 0 : max > 1 ? count_addresses(judge, radio, max, mhz) : 1;
	assert(caps->acknowledged_max <= RADIO_ADDRESSES_MAX);
}

void selftest_prove(struct radio *const *radios, const unsigned *rungs, size_t count, unsigned addresses,
		    struct selftest_proof *proofs)
{
	uint16_t mhz[2];

	memset(proofs, 0, count * sizeof(*proofs));
	if (selftest_channels(radios, count, mhz)) {
		for (size_t i = 0; i < count; i++)
			(void)setup_tune(monitor_setup(radios[i]), mhz[1]);
		for (size_t i = 0; i < count; i++)
			prove_status(radios[i], mhz, &proofs[i]);
		for (size_t i = 0; i < count; i++) {
			struct radio *judge = NULL;

			for (size_t k = 0; k < count && !judge; k++)
				if (k != i && radios[k]->caps.truthful_status)
					judge = radios[k];
			proofs[i].judged = judge != NULL;
			if (judge) {
				prove_acks(judge, radios[i], rungs[i], mhz);
				prove_addresses(judge, radios[i], addresses, mhz);
			}
		}
	}
	for (size_t i = 0; i < count; i++)
		proofs[i].rung = setup_rung_name(monitor_setup(radios[i])->rung);
}
