#include "agent/port/sim/chip.h"

void mr_chip_init(struct mr_chip *chip, const struct mr_chip_profile *profile, const struct mr_chip_sink *sink,
		  uint8_t flash[static MR_STORE_SLOTS][MR_STORE_MAX])
{
	mr_zero(chip, sizeof(*chip));
	chip->profile = profile;
	chip->sink = *sink;
	chip->flash = flash;
	chip->dead_us = UINT64_MAX;
}

void mr_chip_erase(uint8_t flash[static MR_STORE_SLOTS][MR_STORE_MAX])
{
	for (size_t slot = 0; slot < MR_STORE_SLOTS; slot++)
		for (size_t i = 0; i < MR_STORE_MAX; i++)
			flash[slot][i] = 0xff; /* erased NOR */
}

static uint64_t instant(const struct mr_chip *chip) { return chip->began_us + chip->worked_ns / 1000; }
static bool dead(const struct mr_chip *chip) { return instant(chip) >= chip->dead_us; }

void mr_chip_begin(struct mr_chip *chip, uint64_t now_us)
{
	chip->began_us = now_us;
	chip->worked_ns = 0;
	chip->operation = 0;
}

uint64_t mr_chip_end(struct mr_chip *chip)
{
	chip->operation = 0;
	return dead(chip) ? chip->dead_us : instant(chip);
}

uint64_t mr_chip_now_us(const struct mr_chip *chip) { return instant(chip); }
static uint64_t port_now_us(void *ctx) { return instant(ctx); }

static uint64_t cost_ns(const struct mr_chip_profile *p, enum mr_work kind, size_t n)
{
	switch (kind) {
	case MR_WORK_X25519: return (uint64_t)p->x25519_us * 1000;
	case MR_WORK_P256_KEYGEN: return (uint64_t)p->keygen_us * 1000;
	case MR_WORK_P256_SIGN: return (uint64_t)p->sign_us * 1000;
	case MR_WORK_P256_VERIFY: return (uint64_t)p->verify_us * 1000;
	case MR_WORK_AEAD: return (uint64_t)p->aead_ns * n;
	case MR_WORK_HASH: return (uint64_t)p->hash_ns * n;
	case MR_WORK_STORE_READ: return (uint64_t)p->read_ns * n;
	case MR_WORK_STORE_WRITE: return 0; /* charged where the octets are written, so that a cut tears them */
	case MR_WORK_SELFTEST: return (uint64_t)p->selftest_us * 1000;
	case MR_WORK_P256_MUL: return (uint64_t)p->x25519_us * 1000; /* charged as the ECDH, above */
	case MR_WORK_PBKDF2: return (uint64_t)p->pbkdf2_us * 1000;
	case MR_WORK_TLS: return (uint64_t)p->tls_us * 1000;
	case MR_WORK_MODP1536: return (uint64_t)p->modp1536_us * 1000;
	case MR_WORK_ERASURE: return (uint64_t)p->erasure_ns * n;
	case MR_WORK_COUNT: break;
	}
	return 0;
}

static void port_work(void *ctx, enum mr_work kind, size_t n)
{
	struct mr_chip *chip = ctx;

	chip->worked_ns += cost_ns(chip->profile, kind, n);
}

static void port_operation(void *ctx, uint8_t operation)
{
	struct mr_chip *chip = ctx;

	chip->operation = operation;
	if (chip->began && !dead(chip))
		chip->began(chip->sink.ctx, operation, instant(chip));
	if (chip->cut && operation == chip->fault_operation) {
		chip->cut = false;
		chip->dead_us = instant(chip) + chip->fault_delay_us;
	}
}

static bool port_random(void *ctx, uint8_t *out, size_t len)
{
	struct mr_chip *chip = ctx;

	chip->sink.random(chip->sink.ctx, out, len);
	return true;
}

static bool port_send(void *ctx, const uint8_t *frame, size_t len, uint32_t cookie)
{
	struct mr_chip *chip = ctx;

	if (!dead(chip))
		chip->sink.frame(chip->sink.ctx, frame, len, cookie, instant(chip));
	return true;
}

static bool port_tune(void *ctx, uint16_t freq_mhz)
{
	struct mr_chip *chip = ctx;

	if (!dead(chip))
		chip->sink.tune(chip->sink.ctx, freq_mhz, instant(chip));
	return true;
}

static bool port_store_read(void *ctx, unsigned slot, uint8_t *out, size_t len)
{
	struct mr_chip *chip = ctx;

	if (slot >= MR_STORE_SLOTS || len > MR_STORE_MAX)
		return false;
	mr_copy(out, chip->flash[slot], len);
	return true;
}

/* Erase, then write octet by octet: a cut leaves the sector erased, or the octets up to it. */
static bool port_store_write(void *ctx, unsigned slot, const uint8_t *bytes, size_t len)
{
	struct mr_chip *chip = ctx;
	uint64_t write_ns = chip->profile->write_ns;

	if (slot >= MR_STORE_SLOTS || len > MR_STORE_MAX)
		return false;
	if (chip->storage_fails && chip->operation == chip->fault_operation)
		return false;
	if (dead(chip))
		return true;
	chip->worked_ns += (uint64_t)chip->profile->erase_us * 1000;
	for (size_t i = 0; i < MR_STORE_MAX; i++)
		chip->flash[slot][i] = 0xff;
	for (size_t i = 0; i < len && !dead(chip); i++) {
		chip->worked_ns += write_ns;
		chip->flash[slot][i] = bytes[i];
	}
	return true;
}

static bool port_selftest(void *ctx, unsigned item, const char **name, int32_t *value, bool *passed)
{
	struct mr_chip *chip = ctx;

	switch (chip->no_temperature && item > 0 ? item + 1 : item) {
	case 0:
		*name = "vbat_mv";
		*value = chip->selftest_fails ? 2410 : chip->vbat_mv;
		*passed = *value >= 3000;
		return true;
	case 1:
		*name = "temperature_c";
		*value = chip->temperature_c;
		*passed = true;
		return true;
	case 2:
		*name = "flash_ok";
		*value = 1;
		*passed = true;
		return true;
	default: return false;
	}
}

static void port_indicate(void *ctx, int verdict)
{
	struct mr_chip *chip = ctx;

	if (!dead(chip))
		chip->sink.verdict(chip->sink.ctx, verdict);
}

/* --- wifi: the sink's, while there is power --- */

static bool wifi_access_point_up(void *ctx, const struct mr_access_point *ap)
{
	struct mr_chip *chip = ctx;

	return dead(chip) || chip->wifi->access_point_up(chip->sink.ctx, ap);
}

static void wifi_access_point_down(void *ctx)
{
	struct mr_chip *chip = ctx;

	if (!dead(chip))
		chip->wifi->access_point_down(chip->sink.ctx);
}

static bool wifi_scan(void *ctx, const uint8_t *ssid, size_t ssid_len)
{
	struct mr_chip *chip = ctx;

	return dead(chip) || chip->wifi->scan(chip->sink.ctx, ssid, ssid_len);
}

static bool wifi_network(void *ctx, unsigned i, struct mr_network *out)
{
	struct mr_chip *chip = ctx;

	return chip->wifi->network(chip->sink.ctx, i, out);
}

static bool wifi_scanning(void *ctx)
{
	struct mr_chip *chip = ctx;

	return chip->wifi->scanning(chip->sink.ctx);
}

static bool wifi_join(void *ctx, const struct mr_network_choice *network)
{
	struct mr_chip *chip = ctx;

	return dead(chip) || chip->wifi->join(chip->sink.ctx, network);
}

static void wifi_join_state(void *ctx, struct mr_join *out)
{
	struct mr_chip *chip = ctx;

	chip->wifi->join_state(chip->sink.ctx, out);
}

static void wifi_leave(void *ctx)
{
	struct mr_chip *chip = ctx;

	if (!dead(chip))
		chip->wifi->leave(chip->sink.ctx);
}

static const struct mr_wifi wifi = { wifi_access_point_up,
				     wifi_access_point_down,
				     wifi_scan,
				     wifi_network,
				     wifi_scanning,
				     wifi_join,
				     wifi_join_state,
				     wifi_leave,
				     NULL };

void mr_chip_port(struct mr_chip *chip, struct mr_port *port)
{
	*port = (struct mr_port){ .ctx = chip,
				  .now_us = port_now_us,
				  .work = port_work,
				  .random = port_random,
				  .send = port_send,
				  .tune = port_tune,
				  .store_read = port_store_read,
				  .store_write = port_store_write,
				  .selftest = port_selftest,
				  .indicate = port_indicate,
				  .operation = port_operation,
				  .wifi = chip->wifi ? &wifi : NULL };
}
