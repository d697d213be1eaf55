#include "agent/port/sim/mfi_model.h"

#define PAGE 128u

enum {
	DEVICE_VERSION = 0x00,
	AUTHENTICATION = 0x01,
	MAJOR = 0x02,
	MINOR = 0x03,
	DEVICE_ID = 0x04,
	ERROR = 0x05,
	CONTROL = 0x10,
	RESPONSE_LEN = 0x11,
	RESPONSE = 0x12,
	CHALLENGE_LEN = 0x20,
	CHALLENGE = 0x21,
	CERTIFICATE_LEN = 0x30,
	CERTIFICATE = 0x31,
};

static bool is_old(const struct mr_mfi_model *m) { return m->config.generation == 2; }
static size_t digest_len(const struct mr_mfi_model *m) { return is_old(m) ? 20 : 32; }
static size_t pages(const struct mr_mfi_model *m) { return is_old(m) ? 10 : 5; }
static uint64_t now(const struct mr_mfi_model *m) { return m->config.now_us(m->config.ctx); }

static void sign(struct mr_mfi_model *m)
{
	m->control = 0;
	if (is_old(m) && m->response_len != MR_MFI_RSA_LEN) {
		m->error = MR_MFI_BAD_RESPONSE_LEN;
	} else if (is_old(m) && m->challenge_len != 20) {
		m->error = MR_MFI_BAD_CHALLENGE_LEN;
	} else if (!m->has_challenge) {
		m->error = MR_MFI_OUT_OF_SEQUENCE;
	} else if (!m->config.sign(m->config.ctx, m->challenge, digest_len(m), m->response)) {
		m->error = MR_MFI_SIGNING;
	} else {
		m->control = 0x10;
		m->response_len = is_old(m) ? MR_MFI_RSA_LEN : MR_MFI_ECDSA_LEN;
	}
	m->has_challenge = false;
	m->busy_until_us = now(m) + m->config.sign_us;
}

/* Octets for the register that was chosen. */
static void take(struct mr_mfi_model *m, const uint8_t *bytes, size_t len)
{
	struct mr_rd in = mr_rd_over(bytes, len);
	uint16_t number = len == 2 ? mr_rd_be16(&in) : 0;

	if (m->reg == CHALLENGE_LEN && is_old(m)) {
		m->challenge_len = number;
	} else if (m->reg == RESPONSE_LEN && is_old(m)) {
		m->response_len = number;
	} else if (m->reg == CHALLENGE && len == digest_len(m)) {
		mr_copy(m->challenge, bytes, len);
		m->has_challenge = true;
	} else if (m->reg == CHALLENGE) {
		m->error = MR_MFI_BAD_CHALLENGE_LEN;
	} else if (m->reg == CONTROL && len == 1 && bytes[0] == 1) {
		sign(m);
	} else {
		m->error = m->reg == CONTROL ? MR_MFI_BAD_CONTROL : MR_MFI_BAD_REGISTER;
	}
}

static enum mr_mfi_bus_result on_write(void *ctx, const uint8_t *bytes, size_t len)
{
	struct mr_mfi_model *m = ctx;

	if (now(m) < m->busy_until_us || len == 0)
		return MR_MFI_BUS_NAK;
	m->busy_until_us = now(m) + m->config.access_us;
	m->reg = bytes[0];
	m->addressed = true;
	if (len > 1)
		take(m, bytes + 1, len - 1);
	return MR_MFI_BUS_OK;
}

static void put_page(struct mr_mfi_model *m, struct mr_wr *w)
{
	struct mr_rd rest = m->config.certificate;

	mr_rd_skip(&rest, (size_t)(m->reg - CERTIFICATE) * PAGE);
	if (!rest.bad)
		mr_wr_bytes(w, rest.at, rest.left < PAGE ? rest.left : PAGE);
}

static void put_register(struct mr_mfi_model *m, struct mr_wr *w)
{
	switch (m->reg) {
	case DEVICE_VERSION: mr_wr_u8(w, is_old(m) ? 0x05 : 0x07); return;
	case AUTHENTICATION: mr_wr_u8(w, is_old(m) ? 0x01 : 0x00); return;
	case MAJOR: mr_wr_u8(w, m->config.generation); return;
	case MINOR: mr_wr_u8(w, 0); return;
	case DEVICE_ID: mr_wr_be32(w, is_old(m) ? 0x200 : 0x300); return;
	case ERROR:
		mr_wr_u8(w, m->error);
		m->error = MR_MFI_NO_ERROR;
		return;
	case CONTROL: mr_wr_u8(w, m->control); return;
	case RESPONSE_LEN: mr_wr_be16(w, m->response_len); return;
	case RESPONSE: mr_wr_bytes(w, m->response, m->response_len); return;
	case CHALLENGE_LEN: mr_wr_be16(w, (uint16_t)digest_len(m)); return;
	case CHALLENGE: mr_wr_bytes(w, m->challenge, digest_len(m)); return;
	case CERTIFICATE_LEN: mr_wr_be16(w, (uint16_t)m->config.certificate.left); return;
	default: break;
	}
	if (m->reg >= CERTIFICATE && m->reg < CERTIFICATE + pages(m))
		put_page(m, w);
	else
		m->error = MR_MFI_BAD_READ;
}

static enum mr_mfi_bus_result on_read(void *ctx, uint8_t *out, size_t len)
{
	struct mr_mfi_model *m = ctx;
	uint8_t octets[MR_MFI_RSA_LEN];
	struct mr_wr w = mr_wr_over(octets, sizeof(octets));

	if (now(m) < m->busy_until_us || !m->addressed)
		return MR_MFI_BUS_NAK;
	put_register(m, &w);
	for (size_t i = 0; i < len; i++)
		out[i] = i < w.len ? octets[i] : 0xff;
	return MR_MFI_BUS_OK;
}

struct mr_mfi_bus mr_mfi_model_open(struct mr_mfi_model *m, const struct mr_mfi_model_config *config)
{
	*m = (struct mr_mfi_model){ .config = *config };
	return (struct mr_mfi_bus){ .ctx = m, .write = on_write, .read = on_read };
}
