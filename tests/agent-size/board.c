/*
 * A board that does nothing, for `make agent-size`: what is measured is the agent alone. Its port refuses nearly
 * everything and its cryptography is empty. It runs as far as mr_agent_init, which judges the image's table.
 */
#include "tests/agent-size/board.h"

struct mr_agent agent;

static uint64_t now_us(void *ctx)
{
	(void)ctx;
	return 0;
}

static void work(void *ctx, enum mr_work kind, size_t n)
{
	(void)ctx;
	(void)kind;
	(void)n;
}

static bool random_octets(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	(void)out;
	return len == 0;
}

static bool send_frame(void *ctx, const uint8_t *frame, size_t len, uint32_t cookie)
{
	(void)ctx;
	(void)frame;
	return len == cookie;
}

static bool tune(void *ctx, uint16_t freq_mhz)
{
	(void)ctx;
	return freq_mhz != 0;
}

static bool store_read(void *ctx, unsigned slot, uint8_t *out, size_t len)
{
	(void)ctx;
	(void)out;
	return slot == len;
}

static bool store_write(void *ctx, unsigned slot, const uint8_t *octets, size_t len)
{
	(void)ctx;
	(void)octets;
	return slot == len;
}

static bool selftest(void *ctx, unsigned item, const char **name, int32_t *value, bool *passed)
{
	(void)ctx;
	(void)item;
	(void)name;
	(void)value;
	(void)passed;
	return false;
}

static void indicate(void *ctx, int verdict)
{
	(void)ctx;
	(void)verdict;
}

static bool up(void *ctx, const struct mr_access_point *ap)
{
	(void)ctx;
	return ap->ssid_len > 0;
}

static void down(void *ctx) { (void)ctx; }
static bool no(void *ctx) { return ctx != NULL; }

static bool network(void *ctx, unsigned i, struct mr_network *out)
{
	(void)ctx;
	(void)i;
	(void)out;
	return false;
}

static bool join(void *ctx, const struct mr_network_choice *choice)
{
	(void)ctx;
	(void)choice;
	return false;
}

static void join_state(void *ctx, struct mr_join *out)
{
	(void)ctx;
	(void)out;
}

static bool scan(void *ctx, const uint8_t *ssid, size_t ssid_len)
{
	(void)ctx;
	(void)ssid;
	(void)ssid_len;
	return false;
}

static const struct mr_wifi wifi = { up, down, scan, network, no, join, join_state, down, NULL };
static const struct mr_port port = { .now_us = now_us,
				     .work = work,
				     .random = random_octets,
				     .send = send_frame,
				     .tune = tune,
				     .store_read = store_read,
				     .store_write = store_write,
				     .selftest = selftest,
				     .indicate = indicate,
				     .wifi = &wifi };
__attribute__((weak)) struct mr_wps *image_wps;

static const uint8_t key[32];
static const uint16_t channels[] = { 2412 };

/* 0: the table is one with which the agent starts. The loop is never entered: it is there to be linked. */
int main(int count, char **words)
{
	static uint8_t octets[256];
	const struct mr_agent_config config = { .methods = image_methods,
						.product = "p",
						.hw_rev = "",
						.firmware = "",
						.station_key = key,
						.batch_key = key,
						.channels = channels,
						.channel_count = image_channels,
						.ap = { .method = image_ap, .ssid = "p" },
						.wps = image_wps };

	if (!mr_agent_init(&agent, &config, &port))
		return 1;
	while (count < 0) {
		mr_agent_receive(&agent, mr_rd_over(octets, sizeof(octets)));
		mr_agent_sent(&agent, 1, words == NULL);
		if (mr_agent_deadline_us(&agent) == 0)
			mr_agent_expire(&agent);
		image_serve(octets, sizeof(octets));
	}
	return 0;
}
