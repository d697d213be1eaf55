#include "station/world/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/port/crypto.h"
#include "agent/wire/wsc.h"
#include "station/world/accessory.h"
#include "station/world/enrollee.h"
#include "station/world/i2c_bus.h"
#include "station/world/listener.h"
#include "station/world/premises.h"
#include "station/world/setup_ap.h"
#include "station/world/flash.h"
#include "station/base/map.h"
#include "station/method/method.h"

#define CELL_MAX 600	/* octets of an attacker's frame */
#define REPLAYS 32	/* frames that an attacker remembers; chosen */
#define ATTACK_US 7000u /* between two frames of an attacker */

/* A stranger on the floor. */
struct attacker {
	struct world *world;
	struct air_node *node;
	struct loop_timer timer;
	const struct job_fault *fault;
	struct radio *victim; /* radio-lost */
	unsigned left;
	uint64_t counter;
	uint16_t freq_mhz;
	struct {
		uint8_t bytes[CELL_MAX];
		size_t len;
	} heard[REPLAYS];
	size_t heard_count;
};

struct world {
	struct loop *loop;
	const struct job *job;
	struct air *air;
	struct entropy *entropy;
	struct radio *radios[64];
	size_t radio_count;
	struct device **devices;
	size_t device_count;
	struct enrollee **enrollees; /* foreign devices of Wi-Fi Simple Configuration */
	size_t enrollee_count;
	struct setup_ap **setup_aps; /* those that are access points */
	size_t setup_ap_count;
	struct listener **listeners; /* foreign devices of sniffer mode's published schemes */
	size_t listener_count;
	struct accessory **accessories; /* of Wireless Accessory Configuration */
	size_t accessory_count;
	struct mfi_test_chip *chips[2]; /* their coprocessors, of generations 2 and 3 */
	struct i2c_bus i2c;		/* a real one, in their place */
	bool has_i2c;
	uint16_t (*plans)[MR_CHANNELS_MAX];
	struct flash *flash;
	uint8_t id[32];		   /* roster_simulated_id */
	struct premises *premises; /* NULL: method direct */
	struct map ready;
	struct attacker *attackers;
	size_t attacker_count;
};

static double uniform(struct world *w) { return (double)entropy_below(w->entropy, 1u << 30) / (double)(1u << 30); }

/* --- attackers --- */

static void tell(struct attacker *a, struct mr_rd frame)
{
	struct radio_tx tx = { .rate_500kbps = 12, .priority = RADIO_NORMAL };

	(void)air_send(a->node, frame, &tx);
}

static void garbage(struct attacker *a)
{
	static const uint8_t prefix[] = { 127, 0x02, 0x4d, 0x52, MR_VERSION };
	uint8_t frame[CELL_MAX];
	size_t len = MR_HEADER_LEN + 8 + (size_t)entropy_below(a->world->entropy, CELL_MAX - MR_HEADER_LEN - 8);

	entropy_fill(a->world->entropy, frame, len);
	frame[0] = 0xd0;
	frame[1] = 0;
	memcpy(frame + 4, a->world->radios[0]->caps.mac, 6);
	frame[10] &= 0xfe;
	if (a->left % 2) {
		memcpy(frame + MR_HEADER_LEN, prefix, sizeof(prefix));
		frame[MR_HEADER_LEN + 5] = (uint8_t)(1 + entropy_below(a->world->entropy, 8));
	}
	tell(a, mr_rd_over(frame, len));
}

/* A station with a batch key of its own calls, in the name of ours. */
static void rogue_station(struct attacker *a)
{
	struct mr_frame f = { .type = MR_CALL };
	uint8_t buf[128], key[32] = { 0x66 }, call_key[32], tag[8];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	mr_batch_keys(key, call_key, tag);
	memset(f.header.receiver, 0xff, 6);
	memcpy(f.header.sender, a->world->radios[0]->caps.mac, 6);
	f.header.sequence = (uint16_t)(a->counter & 0xfff);
	memcpy(f.call.batch_tag, tag, 8);
	f.call.counter = UINT64_MAX - 1000000 + a->counter++;
	f.call.flags = MR_CALL_PRESENT | MR_CALL_INVENTORY;
	f.call.slots = 16;
	f.call.slot_us = 400;
	if (mr_frame_build(&w, &f, call_key))
		tell(a, mr_wr_written(&w));
}

/* A device's access point sends the station away, or the station says that it leaves; neither has said so. */
static void forged_deauth(struct attacker *a)
{
	struct world *w = a->world;
	const uint8_t *device = device_mac(w->devices[entropy_below(w->entropy, w->device_count)]);
	const uint8_t *station = w->radios[0]->caps.mac;
	struct ieee80211_header header = { .kind = IEEE80211_DEAUTHENTICATION,
					   .sequence = (uint16_t)(a->counter++ & 0xfff) };
	uint8_t buf[64];
	struct mr_wr out = mr_wr_over(buf, sizeof(buf));

	memcpy(header.address1, a->left % 2 ? device : station, 6);
	memcpy(header.address2, a->left % 2 ? station : device, 6);
	memcpy(header.address3, device, 6);
	ieee80211_header_build(&out, &header);
	mr_wr_le16(&out, IEEE80211_LEAVING);
	tell(a, mr_wr_written(&out));
}

static void replay(struct attacker *a)
{
	size_t i;

	if (a->heard_count == 0)
		return;
	i = (size_t)entropy_below(a->world->entropy, a->heard_count);
	tell(a, mr_rd_over(a->heard[i].bytes, a->heard[i].len));
}

static void overheard(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	struct attacker *a = ctx;
	struct mr_frame f;
	size_t i = a->heard_count < REPLAYS ? a->heard_count : (size_t)entropy_below(a->world->entropy, REPLAYS);

	(void)rx;
	if (frame.left > CELL_MAX || !mr_frame_parse(frame, &f))
		return;
	memcpy(a->heard[i].bytes, frame.at, frame.left);
	a->heard[i].len = frame.left;
	if (a->heard_count < REPLAYS)
		a->heard_count++;
}

static void on_attack(void *ctx, uint64_t now_us)
{
	struct attacker *a = ctx;
	const char *kind = a->fault->kind;

	if (strcmp(kind, "radio-lost") == 0) {
		if (a->left == 2)
			radio_simulated_unplug(a->victim);
		else
			radio_simulated_replug(a->victim);
		if (--a->left > 0 && a->fault->off_us)
			loop_at(a->world->loop, &a->timer, now_us + a->fault->off_us);
		return;
	}
	if (strcmp(kind, "garbage") == 0)
		garbage(a);
	else if (strcmp(kind, "rogue-station") == 0)
		rogue_station(a);
	else if (strcmp(kind, "forged-deauth") == 0)
		forged_deauth(a);
	else
		replay(a);
	if (--a->left > 0)
		loop_at(a->world->loop, &a->timer, now_us + ATTACK_US);
}

static bool is_attack(const char *kind)
{
	return strcmp(kind, "garbage") == 0 || strcmp(kind, "rogue-station") == 0 || strcmp(kind, "replay") == 0 ||
	       strcmp(kind, "radio-lost") == 0 || strcmp(kind, "forged-deauth") == 0;
}

static bool is_of_devices(const char *kind) { return !is_attack(kind) && strcmp(kind, "fake-ap") != 0; }

static bool attack(struct world *w, const struct job_fault *fault, size_t i)
{
	struct attacker *a = &w->attackers[w->attacker_count++];
	struct air_node_config node = { .x_m = w->job->sim_floor_m / 2, .y_m = 1, .tx_dbm = 17, .ctx = a };

	a->world = w;
	a->fault = fault;
	a->timer = (struct loop_timer){ .fn = on_attack, .ctx = a, .at_us = LOOP_NEVER };
	if (strcmp(fault->kind, "radio-lost") == 0) {
		a->victim = w->radios[i % w->radio_count];
		a->left = 2;
	} else {
		node.mac[0] = 0x0a;
		node.mac[5] = (uint8_t)i;
		node.promiscuous = true;
		if (strcmp(fault->kind, "replay") == 0)
			node.received = overheard;
		a->node = air_add_node(w->air, &node);
		if (!a->node || air_tune(a->node, w->job->channels[i % w->job->channel_count]) != 0)
			return false;
		/* A rogue station calls twenty times; the others count frames. */
		a->left = strcmp(fault->kind, "rogue-station") == 0 ? fault->count * 20 : fault->count;
	}
	loop_at(w->loop, &a->timer, fault->after_us);
	return true;
}

/* --- devices --- */

static enum device_fault fault_named(const char *kind)
{
	for (int f = 0; f < DEVICE_FAULT_COUNT; f++)
		if (strcmp(device_fault_name((enum device_fault)f), kind) == 0)
			return (enum device_fault)f;
	return DEVICE_FAULT_NONE;
}

/* What a fault has that is no device's. false: no memory. */
static bool begin_trouble(struct world *w, const struct job_fault *fault, size_t i, uint64_t seed)
{
	if (strcmp(fault->kind, "fake-ap") == 0)
		return w->device_count == 0 || !w->premises ||
		       premises_fakes(w->premises, w->air, (size_t)entropy_below(w->entropy, w->device_count),
				      fault->count, seed * 1000003 + i * 1000);
	if (strcmp(fault->kind, "forged-deauth") == 0 && w->device_count == 0)
		return true;
	return !is_attack(fault->kind) || attack(w, fault, i);
}

/* Which device has which fault: spread over the batch by the seed, one fault a device. */
static bool spread(struct world *w, const struct job_fault **of)
{
	for (size_t i = 0; i < w->job->sim_fault_count; i++) {
		const struct job_fault *f = &w->job->sim_faults[i];

		for (unsigned n = 0; is_of_devices(f->kind) && n < f->count; n++) {
			size_t at = (size_t)entropy_below(w->entropy, w->job->sim_devices), tries = 0;

			while (of[at] && tries++ < w->job->sim_devices)
				at = (at + 1) % w->job->sim_devices;
			if (of[at])
				return false;
			of[at] = f;
		}
	}
	return true;
}

static const char *chip(struct world *w)
{
	uint64_t roll = entropy_below(w->entropy, 100), sum = 0;

	for (size_t i = 0; i < w->job->sim_chip_count; i++) {
		sum += w->job->sim_chips[i].percent;
		if (roll < sum)
			return w->job->sim_chips[i].profile;
	}
	return "esp32";
}

static bool place_device(struct world *w, struct identity *identity, size_t i, const struct job_fault *fault,
			 uint64_t seed, char *error, size_t error_len)
{
	const struct job *job = w->job;
	struct device_config c = { .chip = chip(w),
				   .tx_dbm = 15,
				   .seed = seed * 1000003 + i,
				   .x_m = uniform(w) * job->sim_floor_m,
				   .y_m = uniform(w) * job->sim_floor_m,
				   .power_on_us = i * job->sim_arrival_us };
	uint16_t *plan = w->plans[i];
	size_t count = job->channel_count < MR_CHANNELS_MAX ? job->channel_count : MR_CHANNELS_MAX;
	size_t id = i;

	for (size_t k = 0; k < count; k++)
		plan[k] = job->channels[(i + k) % job->channel_count];
	if (fault) {
		c.fault = fault_named(fault->kind);
		c.fault_operation = fault->operation;
		c.fault_delay_us = fault->after_us;
		c.off_us = fault->off_us ? fault->off_us : 1000000;
		if (c.fault == DEVICE_FAULT_CLONE && i > 0)
			id = i - 1;
		if (c.fault == DEVICE_FAULT_CLONE || c.fault == DEVICE_FAULT_SAME_ADDRESS)
			c.power_on_us += fault->after_us;
	}
	c.agent = (struct mr_agent_config){ .device_id = { 0xd0, w->id[0], w->id[1], 0, (uint8_t)(id >> 24),
							   (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id },
					    .product = job->product,
					    .hw_rev = job->hw_rev,
					    .firmware = "1.0.0",
					    .station_key = identity_station_public(identity),
					    .batch_key = identity_batch_key(identity),
					    .channels = plan,
					    .channel_count = count };
	if (c.fault == DEVICE_FAULT_ZERO_ID)
		memset(c.agent.device_id, i % 2 ? 0xff : 0, 8);
	roster_simulated_mac(w->id, i, c.agent.mac);
	if (w->premises && !premises_configure(w->premises, i, &c, error, error_len))
		return false;
	if (c.fault == DEVICE_FAULT_SAME_ADDRESS && i > 0)
		memcpy(c.agent.mac, device_mac(w->devices[i - 1]), 6);
	c.flash = flash_of(w->flash, i);
	c.placed = flash_placed(w->flash, i);
	if (*c.placed)
		c.power_on_us = 0;
	w->devices[i] = device_create(w->air, w->loop, &c);
	if (!w->devices[i])
		return false;
	w->device_count++;
	if (w->premises && !premises_placed(w->premises, &c))
		return false;
	return map_put(&w->ready, map_key_octets(c.agent.device_id), w->devices[i]);
}

/* What a fault of the job is to an enrollee; what is of other devices only leaves it as it is. */
static enum enrollee_fault enrollee_fault_of(const struct job_fault *fault)
{
	switch (fault ? fault_named(fault->kind) : DEVICE_FAULT_NONE) {
	case DEVICE_FAULT_WRONG_SECRET: return ENROLLEE_WRONG_FIRST;
	case DEVICE_FAULT_VANISH:
	case DEVICE_FAULT_POWER_CUT: return ENROLLEE_VANISHES;
	case DEVICE_FAULT_BUSY: return ENROLLEE_REFUSES;
	case DEVICE_FAULT_HANGS_UP: return ENROLLEE_STALLS;
	case DEVICE_FAULT_NO_JOIN: return ENROLLEE_NO_JOIN;
	default: return ENROLLEE_FINE;
	}
}

static bool place_enrollee(struct world *w, size_t i, const struct job_fault *fault, uint64_t seed,
			   const struct roster *roster)
{
	const struct job *job = w->job;
	const struct roster_row *row = roster && i < roster_count(roster) ? roster_row(roster, i) : NULL;
	const struct method *method = row && row->method ? row->method : job->method;
	struct enrollee_config c = { .button = !(method->needs & METHOD_NEEDS_PIN),
				     .fault = enrollee_fault_of(fault),
				     .at_message = MR_WSC_M4,
				     .once = fault && fault_named(fault->kind) == DEVICE_FAULT_POWER_CUT,
				     .channels = job->channels,
				     .channel_count = job->channel_count,
				     .power_on_us = i * job->sim_arrival_us,
				     .x_m = uniform(w) * job->sim_floor_m,
				     .y_m = uniform(w) * job->sim_floor_m,
				     .tx_dbm = 15,
				     .extra_loss_db = fault && fault_named(fault->kind) == DEVICE_FAULT_WEAK_SIGNAL ? 60
														    : 0,
				     .seed = seed * 1000003 + i };

	roster_simulated_mac(w->id, i, c.mac);
	if (row && row->has_mac)
		memcpy(c.mac, row->mac, sizeof(c.mac));
	if (row) {
		snprintf(c.pin, sizeof(c.pin), "%.8s", row->pin);
		snprintf(c.serial, sizeof(c.serial), "%s", row->serial);
	}
	if (job->method->flags & METHOD_BECOMES_AP) {
		c.channels += i % job->channel_count; /* it stays on one */
		c.channel_count = 1;
		w->setup_aps[i] = setup_ap_create(w->air, &c);
		w->setup_ap_count += w->setup_aps[i] != NULL;
		return w->setup_aps[i] != NULL;
	}
	w->enrollees[i] = enrollee_create(w->air, &c);
	w->enrollee_count += w->enrollees[i] != NULL;
	return w->enrollees[i] != NULL;
}

/* What a fault of the job is to a listener; what is of other devices only leaves it as it is. */
static enum listener_fault listener_fault_of(const struct job_fault *fault)
{
	switch (fault ? fault_named(fault->kind) : DEVICE_FAULT_NONE) {
	case DEVICE_FAULT_VANISH:
	case DEVICE_FAULT_POWER_CUT: return LISTENER_VANISHES;
	case DEVICE_FAULT_HANGS_UP: return LISTENER_DEAF;
	case DEVICE_FAULT_NO_JOIN: return LISTENER_NO_JOIN;
	default: return LISTENER_FINE;
	}
}

static bool place_listener(struct world *w, size_t i, const struct job_fault *fault, uint64_t seed)
{
	const struct job *job = w->job;
	struct listener_config c = { .scheme = job->scheme,
				     .fault = listener_fault_of(fault),
				     .once = fault && fault_named(fault->kind) == DEVICE_FAULT_POWER_CUT,
				     .channels = job->channels,
				     .channel_count = job->channel_count,
				     .first = i % job->channel_count,
				     .power_on_us = i * job->sim_arrival_us,
				     .x_m = uniform(w) * job->sim_floor_m,
				     .y_m = uniform(w) * job->sim_floor_m,
				     .tx_dbm = 15,
				     .extra_loss_db = fault && fault_named(fault->kind) == DEVICE_FAULT_WEAK_SIGNAL ? 60
														    : 0,
				     .seed = seed * 1000003 + i };
	struct mr_smart_settings key = { 0 };
	char error[256];

	if (job_scheme_key(job, &key, error, sizeof(error)) != 0)
		return false;
	memcpy(c.key, key.key, sizeof(c.key));
	c.key_len = key.key_len;
	roster_simulated_mac(w->id, i, c.mac);
	w->listeners[i] = listener_create(w->air, &c);
	w->listener_count += w->listeners[i] != NULL;
	mr_wipe(&c, sizeof(c));
	mr_wipe(&key, sizeof(key));
	return w->listeners[i] != NULL;
}

/* --- accessories --- */

static bool open_chips(struct world *w, const struct world_accessories *a, char *error, size_t error_len)
{
	if (strcmp(w->job->wac_coprocessor, "emulated") != 0)
		return w->has_i2c = i2c_bus_open(&w->i2c, w->job->wac_coprocessor, error, error_len);
	for (unsigned i = 0; i < 2; i++)
		if (!(w->chips[i] = mfi_test_open(a->mfi, 2 + i, error, error_len)))
			return false;
	return true;
}

/* What a fault of the job is to an accessory; what is of other devices only leaves it as it is. */
static void spoil_accessory(struct accessory_config *c, const struct job_fault *fault)
{
	switch (fault ? fault_named(fault->kind) : DEVICE_FAULT_NONE) {
	case DEVICE_FAULT_WRONG_SECRET: c->lie = ACCESSORY_SIGNS_OTHER; return;
	case DEVICE_FAULT_BUSY: c->lie = ACCESSORY_REFUSES; return;
	case DEVICE_FAULT_VANISH:
	case DEVICE_FAULT_POWER_CUT:
		c->fault = ACCESSORY_VANISHES;
		c->at_step = ACCESSORY_AUTHENTICATES;
		c->once = fault_named(fault->kind) == DEVICE_FAULT_POWER_CUT;
		return;
	case DEVICE_FAULT_HANGS_UP:
		c->fault = ACCESSORY_STALLS;
		c->at_step = ACCESSORY_AUTHENTICATES;
		return;
	case DEVICE_FAULT_NO_JOIN: c->fault = ACCESSORY_NO_JOIN; return;
	case DEVICE_FAULT_WEAK_SIGNAL: c->extra_loss_db = 60; return;
	default: return;
	}
}

/* Where it looks for its network: on the job's channels, and on that network's own. */
static size_t plan_of(const struct job *job, uint16_t plan[static MR_CHANNELS_MAX])
{
	size_t count = 0;

	if (job->sim_network_mhz)
		plan[count++] = job->sim_network_mhz;
	for (size_t i = 0; i < job->channel_count && count < MR_CHANNELS_MAX; i++)
		if (job->channels[i] != job->sim_network_mhz)
			plan[count++] = job->channels[i];
	return count;
}

static bool place_accessory(struct world *w, size_t i, const struct job_fault *fault, uint64_t seed,
			    struct ip_stack *ip, const struct world_accessories *with)
{
	const struct job *job = w->job;
	struct accessory_config c = { .other_bssid = i % 2,
				      .name = "Smart Plug",
				      .chip = w->chips[i % 2],
				      .other_chip = w->chips[1 - i % 2],
				      .generation = 2 + i % 2,
				      .bus = w->has_i2c ? &w->i2c.bus : NULL,
				      .ip = ip,
				      .freq_mhz = job->channels[i % job->channel_count],
				      .channels = w->plans[i],
				      .channel_count = plan_of(job, w->plans[i]),
				      .power_on_us = i * job->sim_arrival_us,
				      .x_m = uniform(w) * job->sim_floor_m,
				      .y_m = uniform(w) * job->sim_floor_m,
				      .tx_dbm = 15,
				      .seed = seed * 1000003 + i };

	roster_simulated_mac(w->id, i, c.mac);
	spoil_accessory(&c, fault);
	if (with->adjust)
		with->adjust(with->ctx, i, &c);
	w->accessories[i] = accessory_create(w->air, &c);
	w->accessory_count += w->accessories[i] != NULL;
	return w->accessories[i] != NULL;
}

static bool open_radios(struct world *w, unsigned radios, char *error, size_t error_len)
{
	static const uint8_t mac[6] = { 0x02, 0x4d, 0x53, 0, 0, 1 }; /* one address serves all radios */
	const struct job *job = w->job;
	size_t count = radios ? radios : job->radio_count;

	if (count < 1 || count > sizeof(w->radios) / sizeof(w->radios[0])) {
		snprintf(error, error_len, "%zu simulated radios; 1 to 64 are possible", count);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		char name[RADIO_NAME_MAX];

		snprintf(name, sizeof(name), "radio%zu", i + 1);
		w->radios[i] = radio_open_simulated(w->air, name, job->radio_profile, mac,
						    job->sim_floor_m / 2 + 0.3 * (double)i, job->sim_floor_m / 2, NULL);
		if (!w->radios[i]) {
			snprintf(error, error_len, "no radio profile \"%s\"", job->radio_profile);
			return false;
		}
		w->radio_count++;
	}
	return true;
}

struct world *world_create(struct loop *loop, const struct job *job, struct identity *identity, uint64_t seed,
			   unsigned radios, const char *flash, const struct roster *roster, struct ip_stack *ip,
			   const struct world_accessories *accessories, char *error, size_t error_len)
{
	struct world *w = calloc(1, sizeof(*w));
	enum loop_side side = loop_enter(loop, LOOP_WORLD); /* its timers and what they arm are the world's */
	struct air_config air = { .seed = seed, .frame_loss = job->sim_loss, .loss_burst_frames = job->sim_loss_burst };
	const struct job_fault **of = calloc(job->sim_devices + 1u, sizeof(*of));
	bool ok;

	snprintf(error, error_len, "no memory for a simulation of %u devices; lower simulation.devices",
		 job->sim_devices);
	if (!w || !of) {
		free(w);
		free(of);
		(void)loop_enter(loop, side);
		return NULL;
	}
	w->loop = loop;
	w->job = job;
	w->entropy = entropy_create_seeded(seed, "world");
	w->air = air_create(loop, &air);
	w->devices = calloc(job->sim_devices + 1u, sizeof(struct device *));
	w->plans = calloc(job->sim_devices + 1u, sizeof(*w->plans));
	w->enrollees = calloc(job->sim_devices + 1u, sizeof(*w->enrollees));
	w->setup_aps = calloc(job->sim_devices + 1u, sizeof(*w->setup_aps));
	w->listeners = calloc(job->sim_devices + 1u, sizeof(struct listener *));
	w->accessories = calloc(job->sim_devices + 1u, sizeof(*w->accessories));
	w->attackers = calloc(job->sim_fault_count + 1, sizeof(*w->attackers));
	ok = w->entropy && w->air && w->devices && w->enrollees && w->setup_aps && w->listeners && w->accessories &&
	     w->plans && w->attackers && roster_simulated_id(job->product, seed, job->sim_devices, w->id);
	ok = ok && open_radios(w, radios, error, error_len);
	for (size_t i = 0; ok && job->sim_bystander_share > 0 && i < job->channel_count; i++)
		ok = air_add_bystander(w->air, job->channels[i], job->sim_bystander_share, 900, 48) == 0;
	if (ok && !spread(w, of)) {
		snprintf(error, error_len, "simulation.faults: more faulty devices than devices");
		ok = false;
	}
	if (ok) {
		/* The same devices are on the line again, with what they have stored: in a lot that is continued, and
		 * in the next stage of a line. */
		w->flash = flash_open(flash, w->id, job->sim_devices, error, error_len);
		ok = w->flash != NULL;
	}
	if (ok && job->method->hears & RADIO_HEAR_JOINS) {
		w->premises = premises_create(w->air, job, roster, ip, seed, error, error_len);
		ok = w->premises != NULL;
	}
	/* Devices that carry no agent of ours are for those to place who have some: batch_options.populate. */
	for (size_t i = 0; ok && job->method->devices == METHOD_AGENTS && i < job->sim_devices; i++)
		ok = place_device(w, identity, i, of[i], seed, error, error_len);
	for (size_t i = 0; ok && job->method->devices == METHOD_ENROLLEES && i < job->sim_devices; i++)
		ok = place_enrollee(w, i, of[i], seed, roster);
	for (size_t i = 0; ok && job->method->devices == METHOD_LISTENERS && i < job->sim_devices; i++)
		ok = place_listener(w, i, of[i], seed);
	if (ok && job->method->devices == METHOD_ACCESSORIES)
		ok = open_chips(w, accessories, error, error_len);
	for (size_t i = 0; ok && job->method->devices == METHOD_ACCESSORIES && i < job->sim_devices; i++)
		ok = place_accessory(w, i, of[i], seed, ip, accessories);
	for (size_t i = 0; ok && i < job->sim_fault_count; i++)
		ok = begin_trouble(w, &job->sim_faults[i], i, seed);
	free(of);
	(void)loop_enter(loop, side);
	if (!ok) {
		world_destroy(w);
		return NULL;
	}
	error[0] = '\0';
	return w;
}

void world_destroy(struct world *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->attacker_count; i++)
		loop_cancel(w->loop, &w->attackers[i].timer);
	for (size_t i = 0; i < w->device_count; i++)
		device_destroy(w->devices[i]);
	for (size_t i = 0; i < w->enrollee_count; i++)
		enrollee_destroy(w->enrollees[i]);
	for (size_t i = 0; i < w->setup_ap_count; i++)
		setup_ap_destroy(w->setup_aps[i]);
	for (size_t i = 0; i < w->listener_count; i++)
		listener_destroy(w->listeners[i]);
	for (size_t i = 0; i < w->accessory_count; i++)
		accessory_destroy(w->accessories[i]);
	mfi_test_close(w->chips[0]);
	mfi_test_close(w->chips[1]);
	if (w->has_i2c)
		i2c_bus_close(&w->i2c);
	for (size_t i = 0; i < w->radio_count; i++)
		radio_close(w->radios[i]);
	premises_destroy(w->premises);
	if (w->air)
		air_destroy(w->air);
	map_free(&w->ready);
	entropy_destroy(w->entropy);
	flash_close(w->flash);
	free(w->attackers);
	free(w->plans);
	free(w->devices);
	free(w->enrollees);
	free(w->setup_aps);
	free(w->listeners);
	free(w->accessories);
	free(w);
}

struct radio **world_radios(struct world *w, size_t *count)
{
	*count = w->radio_count;
	return w->radios;
}

struct air *world_air(struct world *w) { return w->air; }

uint64_t world_release_us(void *ctx, const uint8_t device_id[static 8])
{
	const struct world *w = ctx;
	const struct device *d = map_get(&w->ready, map_key_octets(device_id));

	return d ? device_ready_us(d) : UINT64_MAX;
}

void world_restart(struct world *w, const uint8_t mac[static 6])
{
	enum loop_side side = loop_enter(w->loop, LOOP_WORLD);

	for (size_t i = 0; i < w->device_count; i++)
		if (memcmp(device_mac(w->devices[i]), mac, 6) == 0)
			device_restart(w->devices[i]);
	(void)loop_enter(w->loop, side);
}
