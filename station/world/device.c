#include "station/world/device.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/method.h"
#include "agent/port/crypto.h"
#include "agent/port/sim/chip.h"
#include "station/world/chip_wifi.h"
#include "station/wifi/ieee80211.h"

#define GROUP_QUEUE 4u	       /* further ones, for frames of others to groups: these push out no others */
#define RX_QUEUE 8u	       /* frames the chip's driver holds while the core is busy; more are lost, though ACKed */
#define TX_QUEUE 16u	       /* frames its driver takes */
#define TX_QUEUE_WIFI 48u      /* with the buffers of a TCP/IP stack */
#define RATE_6M 12u	       /* 6 Mb/s, in 500 kb/s */
#define MAC_RETRIES 7u	       /* dot11ShortRetryLimit's default, 802.11-2020 annex C */
#define WEAK_DB 28.0	       /* chosen: heard below the default of admission.min_rssi */
#define FAR_DB 48.0	       /* chosen: heard, and below admission.min_rssi, on a floor of a few metres */
#define RESTART_OFF_US 500000u /* between a hand's off and on */

static const struct mr_method *const image[] = MR_METHODS_ALL;

/* What waits for the core (frames heard, reports) and what waits for the instant when the core comes to it (frames,
 * tunes, what the radio is told to do), each in order. */
enum item_kind { ITEM_FRAME, ITEM_SENT, ITEM_TUNE, ITEM_AP_UP, ITEM_AP_DOWN, ITEM_SCAN, ITEM_JOIN, ITEM_LEAVE };
struct item {
	struct item *next;
	enum item_kind kind;
	uint64_t at_us;
	uint32_t cookie;
	bool acked;
	uint16_t freq_mhz;
	size_t len;
	uint8_t bytes[];
};
struct fifo {
	struct item *head, *tail;
};

struct device {
	struct loop *loop;
	struct air_node *node;
	struct device_config config;
	struct loop_timer timer, power;
	struct mr_chip chip;
	uint8_t (*flash)[MR_STORE_MAX]; /* its own, or NULL */
	struct mr_agent agent;
	struct fifo in, out;
	unsigned frames_waiting, groups_waiting;
	bool hears_groups; /* its agent wants what others send to groups */
	uint64_t busy_us, ready_us, draws, epoch;
	bool on, up;		     /* powered; booted */
	bool tuning;		     /* frames wait until the radio is there */
	uint16_t freq_mhz, next_mhz; /* where the radio is; where it tunes next (0: it stays) */
	uint16_t agent_mhz;	     /* where the agent wants it for action frames; 0: it does not care */
	struct chip_wifi *wifi;	     /* NULL: action frames only */
	bool serving;		     /* the core is at work for the HTTP API */
	bool strikes;		     /* AP_DEAUTH or CHANNEL_SWITCH has not struck yet */
	struct mr_access_point *ap;  /* OTHER_SECURITY: what it will be */
	uint64_t strike_us;
	uint16_t last_control; /* of the last frame heard: the MAC drops repeats (802.11-2020 10.3.2.14) */
	uint8_t last_sender[6];
};

static void put(struct fifo *f, struct item *item)
{
	item->next = NULL;
	if (f->tail)
		f->tail->next = item;
	else
		f->head = item;
	f->tail = item;
}

static struct item *take(struct fifo *f)
{
	struct item *item = f->head;

	if (item) {
		f->head = item->next;
		if (!f->head)
			f->tail = NULL;
	}
	return item;
}

static void empty(struct fifo *f)
{
	for (struct item *item; (item = take(f));)
		free(item);
}

static struct item *make(enum item_kind kind, const uint8_t *bytes, size_t len)
{
	struct item *item = calloc(1, sizeof(*item) + len);

	if (!item)
		abort(); /* the simulation itself has run out of memory: nothing sensible is left to do */
	item->kind = kind;
	item->len = len;
	if (len)
		memcpy(item->bytes, bytes, len);
	return item;
}

/* --- the chip's outside --- */

static void sink_frame(void *ctx, const uint8_t *frame, size_t len, uint32_t cookie, uint64_t at_us)
{
	struct device *d = ctx;
	struct item *item = make(ITEM_FRAME, frame, len);

	item->cookie = cookie;
	item->at_us = at_us;
	put(&d->out, item);
}

static void sink_tune(void *ctx, uint16_t freq_mhz, uint64_t at_us)
{
	struct device *d = ctx;
	struct item *item = make(ITEM_TUNE, NULL, 0);

	item->freq_mhz = freq_mhz;
	item->at_us = at_us;
	put(&d->out, item);
}

static void sink_verdict(void *ctx, int verdict) { (void)ctx, (void)verdict; } /* nobody watches its LED */

/*
 * SHA-256 in counter mode over the device's seed: reproducible, and ten thousand of them cost no memory. The day on
 * which the simulation begins is part of it, so that a batch that is continued another time draws other nonces.
 */
static void sink_random(void *ctx, uint8_t *out, size_t len)
{
	struct device *d = ctx;
	uint64_t block[3] = { d->config.seed, 0, d->epoch };
	uint8_t hash[32];

	while (len > 0) {
		size_t n = len < sizeof(hash) ? len : sizeof(hash);

		block[1] = d->draws++;
		(void)mr_sha256(block, sizeof(block), hash);
		memcpy(out, hash, n);
		out += n;
		len -= n;
	}
}

/* --- what the agent wants of the radio beyond frames: done when the core has come to it --- */

static void order(struct device *d, enum item_kind kind, const void *what, size_t len)
{
	struct item *item = make(kind, what, len);

	item->at_us = mr_chip_now_us(&d->chip);
	put(&d->out, item);
}

static bool wifi_access_point_up(void *ctx, const struct mr_access_point *ap)
{
	order(ctx, ITEM_AP_UP, (const void *)ap, sizeof(*ap));
	return true;
}

static void wifi_access_point_down(void *ctx) { order(ctx, ITEM_AP_DOWN, NULL, 0); }

static bool wifi_scan(void *ctx, const uint8_t *ssid, size_t ssid_len)
{
	struct device *d = ctx;

	if (!chip_wifi_order_scan(d->wifi, ssid, ssid_len))
		return false;
	order(d, ITEM_SCAN, NULL, 0);
	return true;
}

static bool wifi_network(void *ctx, unsigned i, struct mr_network *out)
{
	return chip_wifi_network(((struct device *)ctx)->wifi, i, out);
}

static bool wifi_scanning(void *ctx) { return chip_wifi_is_scanning(((struct device *)ctx)->wifi); }

static bool wifi_join(void *ctx, const struct mr_network_choice *network)
{
	struct chip_wifi_choice choice = { .ssid_len = (uint8_t)network->ssid_len,
					   .security = network->security,
					   .chosen = network->bssid != NULL };

	if (network->ssid_len > sizeof(choice.ssid) || network->passphrase_len >= sizeof(choice.passphrase))
		return false;
	memcpy(choice.ssid, network->ssid, network->ssid_len);
	if (network->passphrase_len)
		memcpy(choice.passphrase, network->passphrase, network->passphrase_len);
	if (network->bssid)
		memcpy(choice.bssid, network->bssid, 6);
	order(ctx, ITEM_JOIN, (const void *)&choice, sizeof(choice));
	mr_wipe(&choice, sizeof(choice));
	return true;
}

static void wifi_join_state(void *ctx, struct mr_join *out) { chip_wifi_join_state(((struct device *)ctx)->wifi, out); }
static void wifi_leave(void *ctx) { order(ctx, ITEM_LEAVE, NULL, 0); }

static const struct mr_wifi wifi_of_device = { wifi_access_point_up,
					       wifi_access_point_down,
					       wifi_scan,
					       wifi_network,
					       wifi_scanning,
					       wifi_join,
					       wifi_join_state,
					       wifi_leave,
					       NULL };

static void tune_to(struct device *d, uint16_t freq_mhz)
{
	if (d->tuning) {
		d->next_mhz = freq_mhz;
		return;
	}
	d->next_mhz = 0;
	d->tuning = air_tune(d->node, freq_mhz) == 0;
}

static void on_wifi_tune(void *ctx, uint16_t freq_mhz) { tune_to(ctx, freq_mhz); }

/* For those who ask afterwards whether it did. */
static void has_struck(struct device *d)
{
	static_assert(DEVICE_FAULT_COUNT < 128, "a fault has seven bits");

	if (d->config.placed)
		*d->config.placed = (uint8_t)(1 | d->config.fault << 1);
}

static void on_operation(void *ctx, uint8_t operation, uint64_t at_us)
{
	struct device *d = ctx;

	if ((d->chip.storage_fails && operation == d->config.fault_operation) ||
	    ((d->chip.selftest_fails || d->chip.no_temperature) && operation == MR_OP_SELFTEST))
		has_struck(d);
	if (d->strikes && operation == d->config.fault_operation) {
		d->strikes = false;
		d->strike_us = at_us + d->config.fault_delay_us;
	}
}

/* --- the core --- */

/* The agent's frames and tunes wait while its radio is on the way, or elsewhere; what concerns that is done at once. */
static bool can_leave(const struct device *d, const struct item *item)
{
	return item->kind >= ITEM_AP_UP || (!d->tuning && !(d->wifi && chip_wifi_is_away(d->wifi)));
}

static bool served(const struct device *d, uint64_t now_us) { return d->wifi && chip_wifi_wants_core(d->wifi, now_us); }

/* The next instant at which something is due. */
static void rearm(struct device *d)
{
	uint64_t at_us = LOOP_NEVER, deadline_us;

	if (d->up) {
		deadline_us = mr_agent_deadline_us(&d->agent);
		if (d->wifi && chip_wifi_core_deadline_us(d->wifi) < deadline_us)
			deadline_us = chip_wifi_core_deadline_us(d->wifi);
		at_us = d->in.head || d->serving || deadline_us < d->busy_us || served(d, d->busy_us) ? d->busy_us
												      : deadline_us;
		if (d->out.head && can_leave(d, d->out.head) && d->out.head->at_us < at_us)
			at_us = d->out.head->at_us;
		if (d->strike_us < at_us)
			at_us = d->strike_us;
	}
	if (d->on && d->chip.dead_us < at_us)
		at_us = d->chip.dead_us;
	if (d->timer.at_us != at_us || d->timer.slot == 0)
		loop_at(d->loop, &d->timer, at_us);
}

static void forget_ap(struct device *d)
{
	if (d->ap)
		mr_wipe(d->ap, sizeof(*d->ap));
	free(d->ap);
	d->ap = NULL;
}

static void power_off(struct device *d)
{
	bool again = d->config.fault == DEVICE_FAULT_POWER_CUT;

	d->on = d->up = d->tuning = d->serving = false;
	d->freq_mhz = d->next_mhz = d->agent_mhz = 0;
	d->strike_us = UINT64_MAX;
	if (d->wifi)
		chip_wifi_power_off(d->wifi);
	empty(&d->in);
	empty(&d->out);
	d->frames_waiting = d->groups_waiting = 0;
	d->chip.dead_us = UINT64_MAX;
	forget_ap(d);
	mr_wipe(&d->agent, sizeof(d->agent)); /* RAM */
	memset(d->last_sender, 0, sizeof(d->last_sender));
	d->last_control = 0;
	air_power(d->node, false);
	loop_cancel(d->loop, &d->timer);
	if (again)
		loop_at(d->loop, &d->power, loop_now_us(d->loop) + d->config.off_us);
}

void device_restart(struct device *d)
{
	if (!d->up)
		return;
	power_off(d);
	loop_at(d->loop, &d->power, loop_now_us(d->loop) + RESTART_OFF_US);
}

static void leave_frame(struct device *d, const struct item *item)
{
	struct radio_tx tx = {
		.rate_500kbps = RATE_6M, .retries = MAC_RETRIES, .priority = RADIO_NORMAL, .cookie = item->cookie
	};

	if (air_send(d->node, mr_rd_over(item->bytes, item->len), &tx) != 0) {
		struct item *report = make(ITEM_SENT, NULL, 0);

		report->cookie = item->cookie;
		put(&d->in, report);
	}
}

/* With other-security, until that has struck: what it ought to be is kept for then. An ad-hoc network is always open.
 */
static void put_up(struct device *d, struct mr_access_point *ap)
{
	bool other = d->config.fault == DEVICE_FAULT_OTHER_SECURITY && d->strike_us != UINT64_MAX && !ap->ibss;

	forget_ap(d);
	if (other && (d->ap = malloc(sizeof(*d->ap)))) {
		*d->ap = *ap;
		ap->security = ap->security == MR_SECURITY_OPEN ? MR_SECURITY_WPA2 : MR_SECURITY_OPEN;
		memcpy(ap->passphrase, "of nobody", sizeof("of nobody"));
	}
	chip_wifi_access_point_up(d->wifi, ap, d->agent_mhz);
}

static void come_right(struct device *d)
{
	if (d->ap)
		chip_wifi_access_point_anew(d->wifi, d->ap, d->agent_mhz);
	forget_ap(d);
}

static void leave(struct device *d, struct item *item)
{
	struct chip_wifi_choice choice;
	struct mr_access_point ap;

	switch (item->kind) {
	case ITEM_FRAME: leave_frame(d, item); break;
	case ITEM_TUNE:
		d->agent_mhz = item->freq_mhz;
		tune_to(d, item->freq_mhz);
		break;
	case ITEM_AP_UP:
		memcpy(&ap, item->bytes, sizeof(ap));
		put_up(d, &ap);
		mr_wipe(&ap, sizeof(ap));
		break;
	case ITEM_AP_DOWN:
		forget_ap(d);
		chip_wifi_access_point_down(d->wifi);
		break;
	case ITEM_SCAN: chip_wifi_scan(d->wifi); break;
	case ITEM_JOIN:
		memcpy(&choice, item->bytes, sizeof(choice));
		chip_wifi_join(d->wifi, &choice);
		mr_wipe(&choice, sizeof(choice));
		break;
	case ITEM_LEAVE: chip_wifi_leave(d->wifi); break;
	case ITEM_SENT: break;
	}
	mr_wipe(item->bytes, item->len); /* passphrases */
}

/* A device without anything on its mind takes what it hears at once, without a copy: most hear little but calls. */
static bool idle(const struct device *d, uint64_t now_us)
{
	return !d->in.head && !d->serving && now_us >= d->busy_us && now_us < d->chip.dead_us;
}

static void hear(struct device *d, struct mr_rd frame, uint64_t now_us)
{
	mr_chip_begin(&d->chip, now_us);
	mr_agent_receive(&d->agent, frame);
	d->busy_us = mr_chip_end(&d->chip);
}

/* Data, from an access point to a group: what STAs send to their access point, none but that one hears. */
static bool is_to_group(struct mr_rd frame)
{
	return frame.left > IEEE80211_HEADER_LEN && (frame.at[0] & 0x7f) == IEEE80211_DATA && (frame.at[4] & 1);
}

static unsigned *waiting(struct device *d, struct mr_rd frame)
{
	return is_to_group(frame) ? &d->groups_waiting : &d->frames_waiting;
}

/* The agent's frames and reports first, then its clock, then the HTTP API: each may wait for the core, none for ever.
 */
static void work(struct device *d, uint64_t now_us)
{
	struct item *item = take(&d->in);

	if (item && item->kind == ITEM_FRAME) {
		*waiting(d, mr_rd_over(item->bytes, item->len)) -= 1;
		hear(d, mr_rd_over(item->bytes, item->len), now_us);
	} else {
		mr_chip_begin(&d->chip, now_us);
		if (item)
			mr_agent_sent(&d->agent, item->cookie, item->acked);
		else if (now_us >= mr_agent_deadline_us(&d->agent))
			mr_agent_expire(&d->agent);
		else
			chip_wifi_work(d->wifi);
		d->serving = !item && d->wifi;
		d->busy_us = mr_chip_end(&d->chip);
	}
	free(item);
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct device *d = ctx;

	if (now_us >= d->chip.dead_us) {
		has_struck(d);
		power_off(d);
		return;
	}
	if (now_us >= d->strike_us) {
		d->strike_us = UINT64_MAX;
		has_struck(d);
		if (d->config.fault == DEVICE_FAULT_CHANNEL_SWITCH)
			chip_wifi_switch(d->wifi, d->config.switch_mhz);
		else if (d->config.fault == DEVICE_FAULT_NEARER)
			air_set_loss(d->node, 0);
		else if (d->config.fault == DEVICE_FAULT_OTHER_SECURITY)
			come_right(d);
		else
			chip_wifi_dismiss(d->wifi);
	}
	while (d->out.head && d->out.head->at_us <= now_us && can_leave(d, d->out.head)) {
		struct item *item = take(&d->out);

		leave(d, item);
		free(item);
	}
	if (now_us >= d->busy_us && d->serving) {
		d->serving = false;
		chip_wifi_release(d->wifi);
	}
	if (now_us >= d->busy_us && (d->in.head || now_us >= mr_agent_deadline_us(&d->agent) || served(d, now_us)))
		work(d, now_us);
	rearm(d);
}

static void on_power(void *ctx, uint64_t now_us)
{
	struct device *d = ctx;
	struct mr_port port;

	if (!d->on) { /* it has power; the chip boots */
		if (d->config.placed && *d->config.placed == 0)
			*d->config.placed = 1;
		d->on = true;
		loop_at(d->loop, &d->power, now_us + d->chip.profile->boot_us);
		return;
	}
	air_power(d->node, true);
	d->hears_groups = mr_agent_wants(&d->config.agent) & MR_WANTS_GROUP_FRAMES;
	if (d->chip.cut && d->chip.fault_operation == 0) { /* a cut by the clock, in any state */
		d->chip.cut = false;
		d->chip.dead_us = now_us + d->chip.fault_delay_us;
	}
	if (d->strikes && d->config.fault_operation == 0) {
		d->strikes = false;
		d->strike_us = now_us + d->config.fault_delay_us;
	}
	mr_chip_port(&d->chip, &port);
	mr_chip_begin(&d->chip, now_us);
	d->up = mr_agent_init(&d->agent, &d->config.agent, &port);
	d->busy_us = mr_chip_end(&d->chip);
	rearm(d);
}

/* --- the air --- */

/* Does a fault that the device has from birth show now? */
static bool meets(const struct device *d, struct mr_rd frame)
{
	switch (d->config.fault) {
	case DEVICE_FAULT_NONE:
	case DEVICE_FAULT_SELFTEST:
	case DEVICE_FAULT_STORAGE:
	case DEVICE_FAULT_VANISH:
	case DEVICE_FAULT_POWER_CUT:
	case DEVICE_FAULT_AP_DEAUTH:
	case DEVICE_FAULT_CHANNEL_SWITCH:
	case DEVICE_FAULT_NEARER:
	case DEVICE_FAULT_NO_READING:
	case DEVICE_FAULT_COUNT: return false; /* they strike at an instant */
	case DEVICE_FAULT_WRONG_BATCH_KEY:
	case DEVICE_FAULT_WEAK_SIGNAL: return true;
	case DEVICE_FAULT_WRONG_PRODUCT:
	case DEVICE_FAULT_CLONE:
	case DEVICE_FAULT_WRONG_SECRET:
	case DEVICE_FAULT_NO_JOIN:
	case DEVICE_FAULT_BUSY:
	case DEVICE_FAULT_HANGS_UP:
	case DEVICE_FAULT_TRICKLES:
	case DEVICE_FAULT_FORGED:
	case DEVICE_FAULT_MANY_ROUNDS:
	case DEVICE_FAULT_OTHER_GATEWAY:
	case DEVICE_FAULT_DHCP_TERSE:
	case DEVICE_FAULT_DHCP_OVERLOAD:
	case DEVICE_FAULT_DHCP_SLOW:
	case DEVICE_FAULT_BLANK_LINE:
	case DEVICE_FAULT_OLD_FIRMWARE:
	case DEVICE_FAULT_ZERO_ID:
	case DEVICE_FAULT_SAME_ADDRESS:
	case DEVICE_FAULT_OTHER_SECURITY:
	case DEVICE_FAULT_HIDDEN: break;
	}
	return frame.left > IEEE80211_HEADER_LEN && mr_equal(frame.at + 4, d->config.agent.mac, 6);
}

/* Action frames are the agent's, but for SA Query (category 8) and what is sealed; the rest is the WiFi stack's. */
static bool is_agents(struct mr_rd frame)
{
	return frame.left > IEEE80211_HEADER_LEN && frame.at[0] == IEEE80211_ACTION &&
	       !(frame.at[1] & IEEE80211_PROTECTED) && frame.at[IEEE80211_HEADER_LEN] != 8;
}

/* The core gets it at once, or when it has time. */
static void hand_over(struct device *d, struct mr_rd frame, uint64_t now_us)
{
	if (idle(d, now_us)) {
		hear(d, frame, now_us);
	} else if (*waiting(d, frame) < (is_to_group(frame) ? GROUP_QUEUE : RX_QUEUE)) {
		*waiting(d, frame) += 1;
		put(&d->in, make(ITEM_FRAME, frame.at, frame.left));
	}
	rearm(d);
}

/* What the chip tells of it. */
static void overhear(struct device *d, struct mr_rd frame, uint64_t now_us)
{
	uint8_t told[RADIO_FRAME_MAX];

	if (frame.left > sizeof(told))
		return;
	memcpy(told, frame.at, frame.left);
	if (d->config.ears != DEVICE_HEARS_FRAMES)
		memset(told + IEEE80211_HEADER_LEN, 0, frame.left - IEEE80211_HEADER_LEN);
	if (d->config.ears == DEVICE_HEARS_LENGTHS)
		memset(told + 4, 0xff, 6); /* address 1 */
	hand_over(d, mr_rd_over(told, frame.left), now_us);
}

static void on_received(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	struct device *d = ctx;
	struct mr_rd r = frame;
	uint8_t sender[6];
	uint16_t fc, control;

	if (d->up && meets(d, frame))
		has_struck(d);
	if (d->up && d->hears_groups && is_to_group(frame))
		overhear(d, frame, rx->time_us);
	if (d->wifi && d->up && !is_agents(frame)) {
		chip_wifi_receive(d->wifi, frame, rx);
		return;
	}
	fc = mr_rd_le16(&r);
	mr_rd_skip(&r, 8);
	mr_rd_copy(&r, sender, 6);
	mr_rd_skip(&r, 6);
	control = mr_rd_le16(&r);
	if (!d->up || r.bad || frame.left > MR_FRAME_MAX || (fc & 0xff) != 0xd0)
		return; /* the driver passes action frames on, nothing else */
	if ((fc & 0x0800) && control == d->last_control && mr_equal(sender, d->last_sender, 6))
		return;
	d->last_control = control;
	memcpy(d->last_sender, sender, 6);
	hand_over(d, frame, rx->time_us);
}

static void on_tuned(void *ctx, uint16_t freq_mhz)
{
	struct device *d = ctx;

	d->tuning = false;
	d->freq_mhz = freq_mhz;
	if (d->next_mhz != 0 && d->next_mhz != freq_mhz) {
		tune_to(d, d->next_mhz);
	} else {
		d->next_mhz = 0;
		if (d->wifi)
			chip_wifi_tuned(d->wifi, freq_mhz);
	}
	rearm(d);
}

static void on_wifi_changed(void *ctx)
{
	struct device *d = ctx;

	if (d->up)
		rearm(d);
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct device *d = ctx;
	struct item *item;

	if (!d->up || (d->wifi && chip_wifi_sent(d->wifi, cookie, acked, tries)))
		return;
	item = make(ITEM_SENT, NULL, 0);
	item->cookie = (uint32_t)cookie;
	item->acked = acked;
	put(&d->in, item);
	rearm(d);
}

/* The parts that are only there when the agent has an access point. */
static bool add_wifi(struct device *d)
{
	struct chip_wifi_config c = { .hidden = d->config.fault == DEVICE_FAULT_HIDDEN,
				      .loop = d->loop,
				      .node = d->node,
				      .ip = d->config.ip,
				      .chip = &d->chip,
				      .agent = &d->agent,
				      .seed = d->config.seed ^ d->epoch,
				      .five_ghz = d->config.five_ghz,
				      .odd = d->config.odd_network,
				      .fault = d->config.fault,
				      .ctx = d,
				      .tune = on_wifi_tune,
				      .changed = on_wifi_changed };

	memcpy(c.mac, d->config.agent.mac, 6);
	d->wifi = chip_wifi_create(&c);
	d->chip.wifi = &wifi_of_device;
	d->strikes = d->strikes || d->config.fault == DEVICE_FAULT_AP_DEAUTH ||
		     d->config.fault == DEVICE_FAULT_CHANNEL_SWITCH;
	return d->wifi != NULL;
}

static double loss_of(enum device_fault fault)
{
	return fault == DEVICE_FAULT_WEAK_SIGNAL ? WEAK_DB : fault == DEVICE_FAULT_NEARER ? FAR_DB : 0;
}

struct device *device_create(struct air *air, struct loop *loop, const struct device_config *config)
{
	static const uint8_t wrong_key[32] = { 0x77 };
	const struct mr_chip_profile *profile = mr_chip_profile_named(config->chip);
	struct device *d;
	struct air_node_config node = { .x_m = config->x_m,
					.y_m = config->y_m,
					.tx_dbm = config->tx_dbm,
					.acknowledges = true,
					.received = on_received,
					.status = on_status,
					.tuned = on_tuned };

	if (!profile || (config->agent.ap.method != MR_AP_NONE && !config->ip)) {
		errno = EINVAL;
		return NULL;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->loop = loop;
	d->epoch = loop_utc_us(loop);
	if (!config->flash) {
		d->flash = malloc(sizeof(uint8_t[MR_STORE_SLOTS][MR_STORE_MAX]));
		if (!d->flash) {
			free(d);
			return NULL;
		}
		mr_chip_erase(d->flash);
	}
	d->config = *config;
	d->config.agent.methods = image;
	d->timer = (struct loop_timer){ .fn = on_timer, .ctx = d, .at_us = LOOP_NEVER };
	d->power = (struct loop_timer){ .fn = on_power, .ctx = d, .at_us = LOOP_NEVER };
	mr_chip_init(&d->chip, profile, &(struct mr_chip_sink){ d, sink_frame, sink_tune, sink_verdict, sink_random },
		     config->flash ? config->flash : d->flash);
	d->chip.vbat_mv = 3250 + (int32_t)(config->seed % 100);
	d->chip.temperature_c = 21 + (int32_t)(config->seed / 100 % 12);
	d->chip.selftest_fails = config->fault == DEVICE_FAULT_SELFTEST;
	d->chip.no_temperature = config->fault == DEVICE_FAULT_NO_READING;
	d->chip.storage_fails = config->fault == DEVICE_FAULT_STORAGE;
	d->chip.began = on_operation;
	d->chip.cut = config->fault == DEVICE_FAULT_VANISH || config->fault == DEVICE_FAULT_POWER_CUT;
	d->chip.fault_operation = config->fault_operation;
	d->chip.fault_delay_us = config->fault_delay_us;
	if (config->fault == DEVICE_FAULT_WRONG_BATCH_KEY)
		d->config.agent.batch_key = wrong_key;
	if (config->fault == DEVICE_FAULT_WRONG_PRODUCT)
		d->config.agent.product = "another product";
	node.extra_loss_db = loss_of(config->fault);
	d->strikes = config->fault == DEVICE_FAULT_NEARER || config->fault == DEVICE_FAULT_OTHER_SECURITY;
	node.ctx = d;
	node.tx_queue_max = config->agent.ap.method != MR_AP_NONE ? TX_QUEUE_WIFI : TX_QUEUE;
	node.switch_us = profile->tune_us;
	memcpy(node.mac, config->agent.mac, 6);
	d->node = air_add_node(air, &node);
	d->strike_us = UINT64_MAX;
	if (!d->node || (config->agent.ap.method != MR_AP_NONE && !add_wifi(d))) {
		if (d->node)
			air_node_detach(d->node);
		free(d->flash);
		free(d);
		return NULL;
	}
	air_skip_beacons(d->node, true);
	air_power(d->node, false);
	d->ready_us = config->power_on_us + profile->boot_us;
	loop_at(loop, &d->power, config->power_on_us);
	return d;
}

void device_destroy(struct device *d)
{
	if (!d)
		return;
	chip_wifi_destroy(d->wifi);
	air_node_detach(d->node);
	loop_cancel(d->loop, &d->timer);
	loop_cancel(d->loop, &d->power);
	empty(&d->in);
	empty(&d->out);
	forget_ap(d);
	mr_wipe(&d->agent, sizeof(d->agent));
	free(d->flash);
	free(d);
}

const struct mr_agent *device_agent(const struct device *d) { return &d->agent; }
uint64_t device_ready_us(const struct device *d) { return d->ready_us; }
const uint8_t *device_mac(const struct device *d) { return d->config.agent.mac; }
bool device_powered(const struct device *d) { return d->on; }
size_t device_size(void) { return sizeof(struct device) + sizeof(uint8_t[MR_STORE_SLOTS][MR_STORE_MAX]); }

const uint8_t *device_store(const struct device *d, unsigned slot, size_t *len)
{
	*len = MR_STORE_MAX;
	return d->chip.flash[slot];
}
