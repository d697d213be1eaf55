#include "tests/support/board.h"

#include <assert.h>
#include <string.h>

static uint64_t port_now_us(void *ctx)
{
	struct board *b = ctx;

	return b->now_us;
}

static void port_work(void *ctx, enum mr_work kind, size_t n)
{
	struct board *b = ctx;

	(void)n;
	b->work[kind]++;
	b->now_us += kind == MR_WORK_P256_SIGN ? 1000 : 1;
}

/* splitmix64: no cryptography needed here, only other octets each time and the same ones each run. */
static bool port_random(void *ctx, uint8_t *out, size_t len)
{
	struct board *b = ctx;

	for (size_t i = 0; i < len; i++) {
		uint64_t z = b->random_state += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		out[i] = (uint8_t)(z >> 56);
	}
	return !b->random_fails;
}

static bool port_send(void *ctx, const uint8_t *frame, size_t len, uint32_t cookie)
{
	struct board *b = ctx;
	struct board_frame *f = &b->sent[(b->first + b->count) % BOARD_QUEUE];

	if (b->queue_full || b->count == BOARD_QUEUE)
		return false;
	assert(len <= sizeof(f->bytes));
	memcpy(f->bytes, frame, len);
	f->len = len;
	f->cookie = cookie;
	f->at_us = b->now_us;
	b->count++;
	return true;
}

static bool port_tune(void *ctx, uint16_t freq_mhz)
{
	struct board *b = ctx;

	if (b->tune_fails)
		return false;
	b->freq_mhz = freq_mhz;
	return true;
}

static bool port_store_read(void *ctx, unsigned slot, uint8_t *out, size_t len)
{
	struct board *b = ctx;

	assert(slot < MR_STORE_SLOTS && len <= MR_STORE_MAX);
	if (b->written[slot])
		memcpy(out, b->slot[slot], len);
	return b->written[slot];
}

static bool port_store_write(void *ctx, unsigned slot, const uint8_t *bytes, size_t len)
{
	struct board *b = ctx;
	jmp_buf *power = b->power;

	assert(slot < MR_STORE_SLOTS && len <= MR_STORE_MAX);
	b->writes++;
	b->last_write_len = len;
	if (b->write_fails)
		return false;
	b->written[slot] = true;
	if (power) {
		b->power = NULL;
		memset(b->slot[slot], 0xff, MR_STORE_MAX); /* erased, then written in part */
		memcpy(b->slot[slot], bytes, b->power_cut_at < len ? b->power_cut_at : len);
		longjmp(*power, 1);
	}
	memcpy(b->slot[slot], bytes, len);
	return true;
}

static bool port_selftest(void *ctx, unsigned item, const char **name, int32_t *value, bool *passed)
{
	static const struct {
		const char *name;
		int32_t value;
	} items[] = { { "supply_mv", 3301 }, { "flash", 0 }, { "antenna_rssi_dbm", -41 } };
	struct board *b = ctx;

	if (item >= sizeof(items) / sizeof(items[0]))
		return false;
	*name = items[item].name;
	*value = items[item].value;
	*passed = !(b->selftest_fails && item == 2);
	return true;
}

static void port_indicate(void *ctx, int verdict)
{
	struct board *b = ctx;

	b->verdict = verdict;
}

static bool wifi_up(void *ctx, const struct mr_access_point *ap)
{
	struct board *b = ctx;

	assert(!b->ap_up && !b->joins);
	b->ap = *ap;
	b->ap_up = !b->ap_fails;
	b->ap_ups++;
	return b->ap_up;
}

static void wifi_down(void *ctx)
{
	struct board *b = ctx;

	assert(b->ap_up);
	b->ap_up = false;
}

static bool wifi_scan(void *ctx, const uint8_t *ssid, size_t ssid_len)
{
	struct board *b = ctx;

	assert(ssid_len <= MR_SSID_MAX);
	memcpy(b->scan_ssid, ssid, ssid_len);
	b->scan_ssid_len = ssid_len;
	b->scanning = !b->scan_fails;
	b->scans++;
	return b->scanning;
}

static bool wifi_scanning(void *ctx) { return ((struct board *)ctx)->scanning; }

static bool wifi_network(void *ctx, unsigned i, struct mr_network *out)
{
	struct board *b = ctx;

	if (i < b->network_count)
		*out = b->networks[i];
	return i < b->network_count;
}

static bool wifi_join(void *ctx, const struct mr_network_choice *network)
{
	struct board *b = ctx;

	assert(!b->ap_up && !b->joins && network->ssid_len <= MR_SSID_MAX && network->passphrase_len <= 64);
	memcpy(b->join_ssid, network->ssid, network->ssid_len);
	b->join_ssid_len = network->ssid_len;
	if (network->passphrase_len)
		memcpy(b->join_passphrase, network->passphrase, network->passphrase_len);
	b->join_passphrase_len = network->passphrase_len;
	b->join_security = network->security;
	b->join_chosen = network->bssid != NULL;
	if (network->bssid)
		memcpy(b->join_bssid, network->bssid, 6);
	b->join = (struct mr_join){ .state = MR_JOIN_JOINING };
	b->joins = !b->join_fails;
	return b->joins;
}

static void wifi_join_state(void *ctx, struct mr_join *out) { *out = ((struct board *)ctx)->join; }
static void wifi_leave(void *ctx) { ((struct board *)ctx)->joins = false; }

void board_give_wifi(struct board *b)
{
	b->wifi = (struct mr_wifi){ wifi_up,   wifi_down,	wifi_scan,  wifi_network, wifi_scanning,
				    wifi_join, wifi_join_state, wifi_leave, NULL };
	b->port.wifi = &b->wifi;
}

void board_make(struct board *b, uint8_t number, const uint8_t station_key[static 32],
		const uint8_t batch_key[static 32])
{
	static const uint16_t channels[] = { 2412, 2437, 5180 };

	memset(b, 0, sizeof(*b));
	memcpy(b->station_key, station_key, 32);
	memcpy(b->batch_key, batch_key, 32);
	memcpy(b->channels, channels, sizeof(channels));
	b->random_state = number;
	b->config = (struct mr_agent_config){
		.methods = board_methods,
		.mac = { 0x02, 0x4d, 0x52, 0, 0, number },
		.device_id = { 0xd0, 1, 2, 3, 4, 5, 6, number },
		.product = "Brook lamp",
		.hw_rev = "B2",
		.firmware = "1.4.0",
		.station_key = b->station_key,
		.batch_key = b->batch_key,
		.channels = b->channels,
		.channel_count = 3,
	};
	b->port = (struct mr_port){ .ctx = b,
				    .now_us = port_now_us,
				    .work = port_work,
				    .random = port_random,
				    .send = port_send,
				    .tune = port_tune,
				    .store_read = port_store_read,
				    .store_write = port_store_write,
				    .selftest = port_selftest,
				    .indicate = port_indicate };
}

bool board_start(struct board *b)
{
	memset(&b->agent, 0xa5, sizeof(b->agent));
	b->count = 0;
	b->ap_up = b->joins = b->scanning = false;
	return mr_agent_init(&b->agent, &b->config, &b->port);
}

void board_hear(struct board *b, const void *frame, size_t len) { mr_agent_receive(&b->agent, mr_rd_over(frame, len)); }

bool board_wait(struct board *b, uint64_t us)
{
	uint64_t until_us = b->now_us + us;

	while (b->count == 0 && mr_agent_deadline_us(&b->agent) <= until_us) {
		if (b->now_us < mr_agent_deadline_us(&b->agent))
			b->now_us = mr_agent_deadline_us(&b->agent);
		mr_agent_expire(&b->agent);
	}
	if (b->count == 0 && b->now_us < until_us)
		b->now_us = until_us;
	return b->count > 0;
}

const struct board_frame *board_take(struct board *b, bool acked)
{
	const struct board_frame *f = &b->sent[b->first];

	if (b->count == 0)
		return NULL;
	b->first = (b->first + 1) % BOARD_QUEUE;
	b->count--;
	mr_agent_sent(&b->agent, f->cookie, acked);
	return f;
}
