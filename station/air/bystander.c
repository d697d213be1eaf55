/*
 * Somebody else's network: a station that sends CCMP-protected data frames to its access point, far enough from the
 * line to be only in the way. The frames are well-formed (802.11-2020 9.3.2.1, 12.5.3.2); what they carry is noise.
 */
#include "agent/wire/channel.h"
#include "station/air/air_internal.h"

#include <math.h>
#include <string.h>

#include "agent/wire/cause.h"

#define HEADER_LEN 24
#define CCMP_LEN 16 /* header 8, MIC 8 */
#define DISTANCE_M 15.0
#define TX_DBM 15.0
#define RETRIES 6 /* dot11ShortRetryLimit 7 counts tries */

/* Poisson arrivals. */
static uint64_t gap_us(const struct bystander *b)
{
	return 1 + (uint64_t)(-b->mean_gap_us * log1p(-air_draw_unit(b->air)));
}

static void on_arrival(void *ctx, uint64_t now_us)
{
	struct bystander *b = ctx;
	struct mr_wr pn = mr_wr_over(b->frame + HEADER_LEN, 8);
	const struct radio_tx tx = { .rate_500kbps = b->rate, .retries = RETRIES, .priority = RADIO_NORMAL };

	b->sent++;
	b->frame[22] = (uint8_t)(b->sent << 4);
	b->frame[23] = (uint8_t)(b->sent >> 4);
	mr_wr_le16(&pn, (uint16_t)b->sent);
	mr_wr_le16(&pn, 0x2000); /* reserved octet, then Ext IV and key 0 */
	mr_wr_le32(&pn, (uint32_t)(b->sent >> 16));
	(void)air_send(b->from, mr_rd_over(b->frame, b->frame_len), &tx); /* a full queue drops it, as there */
	loop_at(b->air->loop, &b->timer, now_us + gap_us(b));
}

static void on_tuned(void *ctx, uint16_t freq_mhz)
{
	struct bystander *b = ctx;

	(void)freq_mhz;
	loop_at(b->air->loop, &b->timer, loop_now_us(b->air->loop) + gap_us(b));
}

int air_add_bystander(struct air *air, uint16_t freq_mhz, double share, size_t frame_len, uint8_t rate_500kbps)
{
	struct air_node_config config = { .tx_dbm = TX_DBM, .acknowledges = true, .name = "bystander" };
	uint8_t rate = phy_usable_rate(freq_mhz, rate_500kbps);
	uint32_t n = air->bystander_count;
	double angle = 6.283185307179586 * air_draw_unit(air);
	struct bystander *b;
	struct phy_times times;

	if (mr_mhz_to_channel(freq_mhz) == 0 || !(share > 0 && share <= 1) || frame_len < HEADER_LEN + CCMP_LEN ||
	    frame_len > RADIO_FRAME_MAX)
		return -MR_CAUSE_BAD_REQUEST;
	b = calloc(1, sizeof(*b) + frame_len);
	if (!b)
		return -MR_CAUSE_NO_MEMORY;
	memcpy(config.mac, (uint8_t[6]){ 0x0a, 0x42, 0x59, (uint8_t)(n >> 8), (uint8_t)n, 1 }, 6);
	config.x_m = DISTANCE_M * cos(angle);
	config.y_m = DISTANCE_M * sin(angle);
	b->to = air_add_node(air, &config);
	config.mac[5] = 2;
	config.x_m += 3;
	config.ctx = b;
	config.tuned = on_tuned;
	b->from = b->to ? air_add_node(air, &config) : NULL;
	if (!b->from) {
		free(b);
		return -MR_CAUSE_NO_MEMORY;
	}
	b->air = air;
	b->timer = (struct loop_timer){ .fn = on_arrival, .ctx = b };
	b->freq_mhz = freq_mhz;
	b->rate = rate;
	b->frame_len = frame_len;
	b->frame[0] = 0x08; /* data */
	b->frame[1] = 0x41; /* to the DS, protected */
	memcpy(b->frame + 4, b->to->config.mac, 6);
	memcpy(b->frame + 10, b->from->config.mac, 6);
	memcpy(b->frame + 16, (uint8_t[6]){ 0x0a, 0x42, 0x59, (uint8_t)(n >> 8), (uint8_t)n, 3 }, 6);
	for (size_t i = HEADER_LEN + 8; i < frame_len; i++)
		b->frame[i] = (uint8_t)air_draw(air);
	phy_times(freq_mhz, rate, air_phy_options(air), &times);
	b->mean_gap_us = (phy_frame_us(freq_mhz, rate, frame_len, air_phy_options(air)) + times.sifs_us +
			  phy_frame_us(freq_mhz, phy_ack_rate(rate), PHY_ACK_LEN, air_phy_options(air))) /
			 share;
	b->next = air->bystanders;
	air->bystanders = b;
	air->bystander_count++;
	(void)air_tune(b->to, freq_mhz);
	(void)air_tune(b->from, freq_mhz);
	return 0;
}

void bystander_destroy_all(struct air *air)
{
	for (struct bystander *b = air->bystanders, *next; b; b = next) {
		next = b->next;
		loop_cancel(air->loop, &b->timer);
		free(b);
	}
	air->bystanders = NULL;
}
