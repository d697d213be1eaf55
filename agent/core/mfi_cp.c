#include "agent/core/mfi_cp.h"

#include "agent/port/crypto.h"
#include "agent/port/crypto_wac.h"

#define ERROR 0x05u
#define CONTROL 0x10u
#define SIGN 1u
#define SIGNED 0x10u /* what the control register reads after it went well */
#define PAGE 128u    /* octets of a register of the certificate, and of one read */

/* What is next: octets for a register, or octets from it. Steps of the other generation are left out. */
struct mr_mfi_step {
	uint8_t reg, generation;			   /* generation 0: of both */
	size_t (*put)(struct mr_mfi_cp *cp, uint8_t *out); /* NULL: it reads */
	size_t read_len;				   /* 0: cp->read_len */
	bool (*take)(struct mr_mfi_cp *cp);		   /* what was read; false: it has failed */
};

static void end(struct mr_mfi_cp *cp, enum mr_mfi_result result, enum mr_mfi_trouble trouble)
{
	cp->result = result;
	cp->trouble = trouble;
	cp->step = NULL;
	cp->deadline_us = UINT64_MAX;
	mr_wipe(cp->in, sizeof(cp->in));
}

static bool fail(struct mr_mfi_cp *cp, enum mr_mfi_trouble trouble)
{
	end(cp, MR_MFI_FAILED, trouble);
	return false;
}

/* --- what is read --- */

static uint16_t be16(const uint8_t *at)
{
	struct mr_rd in = mr_rd_over(at, 2);

	return mr_rd_be16(&in);
}

static bool old_error(struct mr_mfi_cp *cp) { return (void)cp, true; } /* reading clears it */

static bool device_version(struct mr_mfi_cp *cp)
{
	cp->version = cp->in[0];
	return true;
}

static bool protocol(struct mr_mfi_cp *cp)
{
	cp->generation = cp->version == 0x05 && cp->in[0] == 2 ? 2 : cp->version == 0x07 && cp->in[0] == 3 ? 3 : 0;
	return cp->generation || fail(cp, MR_MFI_UNKNOWN);
}

static bool certificate_len(struct mr_mfi_cp *cp)
{
	cp->certificate_len = be16(cp->in);
	cp->certificate_at = 0;
	cp->read_len = cp->certificate_len < PAGE ? cp->certificate_len : PAGE;
	return (cp->certificate_len > 0 && cp->certificate_len <= MR_MFI_CERTIFICATE_MAX) || fail(cp, MR_MFI_ABSURD);
}

static bool page(struct mr_mfi_cp *cp)
{
	size_t left;

	mr_copy(cp->certificate + cp->certificate_at, cp->in, cp->read_len);
	cp->certificate_at += cp->read_len;
	left = cp->certificate_len - cp->certificate_at;
	cp->read_len = left < PAGE ? left : PAGE;
	if (left > 0)
		cp->step--; /* once more, from the next register */
	return true;
}

static bool signature_len(struct mr_mfi_cp *cp)
{
	cp->signature_len = cp->read_len = be16(cp->in);
	return cp->signature_len == (cp->generation == 2 ? MR_MFI_RSA_LEN : MR_MFI_ECDSA_LEN) ||
	       fail(cp, MR_MFI_ABSURD);
}

static bool signature(struct mr_mfi_cp *cp)
{
	mr_copy(cp->signature, cp->in, cp->signature_len);
	return true;
}

static bool last_error(struct mr_mfi_cp *cp)
{
	cp->code = cp->in[0];
	return cp->code == 0 || fail(cp, MR_MFI_REFUSED);
}

static bool refused(struct mr_mfi_cp *cp)
{
	cp->code = cp->in[0];
	return fail(cp, MR_MFI_REFUSED);
}

static bool status(struct mr_mfi_cp *cp);

static const struct mr_mfi_step after_signing[] = {
	{ CONTROL, 0, NULL, 1, status },
	{ ERROR, 0, NULL, 1, refused },
	{ 0 },
};

/* What went wrong is in another register. */
static bool status(struct mr_mfi_cp *cp)
{
	if (cp->in[0] != SIGNED)
		cp->step = after_signing;
	return true;
}

/* --- what is written --- */

static size_t challenge_len(struct mr_mfi_cp *cp, uint8_t *out)
{
	(void)cp;
	out[0] = 0;
	out[1] = 20;
	return 2;
}

static size_t challenge(struct mr_mfi_cp *cp, uint8_t *out)
{
	size_t len = cp->generation == 2 ? 20 : 32;
	bool good = cp->generation == 2 ? mr_sha1(cp->message, sizeof(cp->message), cp->digest)
					: mr_sha256(cp->message, sizeof(cp->message), cp->digest);

	mr_copy(out, cp->digest, len);
	return good ? len : 0; /* a register without octets is only chosen, and what follows is out of sequence */
}

static size_t response_len(struct mr_mfi_cp *cp, uint8_t *out)
{
	(void)cp;
	out[0] = 0;
	out[1] = MR_MFI_RSA_LEN;
	return 2;
}

static size_t begin_signing(struct mr_mfi_cp *cp, uint8_t *out)
{
	(void)cp;
	out[0] = SIGN;
	return 1;
}

static const struct mr_mfi_step signing[] = {
	{ ERROR, 0, NULL, 1, old_error },	{ 0x00, 0, NULL, 1, device_version },
	{ 0x02, 0, NULL, 1, protocol },		{ 0x20, 2, challenge_len, 0, NULL },
	{ 0x21, 0, challenge, 0, NULL },	{ 0x11, 2, response_len, 0, NULL },
	{ CONTROL, 0, begin_signing, 0, NULL }, { CONTROL, 0, NULL, 1, status },
	{ 0x11, 0, NULL, 2, signature_len },	{ 0x12, 0, NULL, 0, signature },
	{ ERROR, 0, NULL, 1, last_error },	{ 0 },
};

static const struct mr_mfi_step reading_certificate[] = {
	{ ERROR, 0, NULL, 1, old_error },
	{ 0x00, 0, NULL, 1, device_version },
	{ 0x02, 0, NULL, 1, protocol },
	{ 0x30, 0, NULL, 2, certificate_len },
	{ 0x31, 0, NULL, 0, page },
	{ ERROR, 0, NULL, 1, last_error },
	{ 0 },
};

/* --- transfers --- */

static enum mr_mfi_bus_result transfer(struct mr_mfi_cp *cp)
{
	const struct mr_mfi_step *step = cp->step;
	uint8_t out[1 + 32];
	enum mr_mfi_bus_result result;

	out[0] = step->reg;
	if (step->take == page)
		out[0] = (uint8_t)(out[0] + cp->certificate_at / PAGE);
	if (step->put)
		return cp->bus.write(cp->bus.ctx, out, 1 + step->put(cp, out + 1));
	if (!cp->addressed) {
		result = cp->bus.write(cp->bus.ctx, out, 1);
		if (result != MR_MFI_BUS_OK)
			return result;
		cp->addressed = true;
		cp->tries = 0;
	}
	return cp->bus.read(cp->bus.ctx, cp->in, step->read_len ? step->read_len : cp->read_len);
}

static bool ends(const struct mr_mfi_step *step) { return !step->put && !step->take; }

/* The transfer went well. */
static void advance(struct mr_mfi_cp *cp)
{
	cp->addressed = false;
	cp->tries = 0;
	if (cp->step->take && !cp->step->take(cp))
		return;
	do
		cp->step++;
	while (cp->step->generation && cp->step->generation != cp->generation);
	if (ends(cp->step))
		end(cp, MR_MFI_DONE, MR_MFI_FINE);
}

/* Reading the control register is what waits for a signature. */
static unsigned tries_max(const struct mr_mfi_cp *cp)
{
	return cp->step->reg == CONTROL && !cp->step->put ? MR_MFI_SIGN_TRIES_MAX : MR_MFI_TRIES_MAX;
}

enum mr_mfi_result mr_mfi_cp_run(struct mr_mfi_cp *cp, uint64_t now_us)
{
	while (cp->result == MR_MFI_BUSY) {
		switch (transfer(cp)) {
		case MR_MFI_BUS_OK: advance(cp); continue;
		case MR_MFI_BUS_FAILED: (void)fail(cp, MR_MFI_BROKEN); continue;
		case MR_MFI_BUS_NAK: break;
		}
		if (++cp->tries > tries_max(cp)) {
			(void)fail(cp, MR_MFI_SILENT);
			continue;
		}
		cp->deadline_us = now_us + MR_MFI_RETRY_US;
		break;
	}
	return cp->result;
}

static void begin(struct mr_mfi_cp *cp, const struct mr_mfi_step *steps, uint64_t now_us)
{
	cp->result = MR_MFI_BUSY;
	cp->trouble = MR_MFI_FINE;
	cp->code = 0;
	cp->step = steps;
	cp->addressed = false;
	cp->tries = 0;
	cp->deadline_us = now_us;
}

void mr_mfi_cp_certificate(struct mr_mfi_cp *cp, uint64_t now_us)
{
	cp->certificate_len = 0;
	begin(cp, reading_certificate, now_us);
}

void mr_mfi_cp_sign(struct mr_mfi_cp *cp, const uint8_t message[static MR_MFI_MESSAGE_LEN], uint64_t now_us)
{
	mr_copy(cp->message, message, MR_MFI_MESSAGE_LEN);
	cp->signature_len = 0;
	begin(cp, signing, now_us);
}

void mr_mfi_cp_open(struct mr_mfi_cp *cp, const struct mr_mfi_bus *bus)
{
	*cp = (struct mr_mfi_cp){ .bus = *bus, .deadline_us = UINT64_MAX };
}

void mr_mfi_cp_close(struct mr_mfi_cp *cp) { mr_wipe(cp, sizeof(*cp)); }
