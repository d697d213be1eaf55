/*
 * The coprocessor's driver on a model of its registers: what it puts on the bus is what openly licensed code puts
 * there; chips that are slow, silent, broken, of a generation that nobody knows, or that give lengths they cannot have;
 * and the errors that the registers have for a driver that does it wrong.
 *
 * links: agent/core/mfi_cp.c agent/port/sim/mfi_model.c
 * links: agent/port/linux/crypto_openssl.c agent/port/linux/crypto_wac_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/mfi_cp.h"
#include "agent/port/crypto.h"
#include "agent/port/crypto_wac.h"
#include "agent/port/sim/mfi_model.h"

/* The model, what was put on its bus, and what stands between the two. */
struct bench {
	struct mr_mfi_model model;
	struct mr_mfi_bus inner;
	struct mr_mfi_cp cp;
	uint64_t now_us;
	bool fails;		  /* inside, when it signs */
	bool broken;		  /* the bus */
	uint8_t patched, with[2]; /* this register reads so */
	uint8_t last;		  /* register that was chosen */
	char trace[2000];
};

static uint8_t certificate[MR_MFI_CERTIFICATE_MAX];

static void note(struct bench *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct bench *b, const char *format, ...)
{
	size_t len = strlen(b->trace);
	va_list args;

	va_start(args, format);
	vsnprintf(b->trace + len, sizeof(b->trace) - len, format, args);
	va_end(args);
}

static enum mr_mfi_bus_result on_write(void *ctx, const uint8_t *bytes, size_t len)
{
	struct bench *b = ctx;
	enum mr_mfi_bus_result result = b->broken ? MR_MFI_BUS_FAILED : b->inner.write(b->inner.ctx, bytes, len);

	if (result != MR_MFI_BUS_OK)
		return result;
	b->last = bytes[0];
	note(b, "W%02x", bytes[0]);
	if (len > 3)
		note(b, "+%zu", len - 1);
	else
		for (size_t i = 1; i < len; i++)
			note(b, "%02x", bytes[i]);
	note(b, " ");
	return result;
}

static enum mr_mfi_bus_result on_read(void *ctx, uint8_t *out, size_t len)
{
	struct bench *b = ctx;
	enum mr_mfi_bus_result result = b->inner.read(b->inner.ctx, out, len);

	if (result != MR_MFI_BUS_OK)
		return result;
	note(b, "R%zu ", len);
	if (b->patched == b->last && (b->with[0] || b->with[1]))
		memcpy(out, b->with, len < 2 ? len : 2);
	return result;
}

static bool sign(void *ctx, const uint8_t *digest, size_t digest_len, uint8_t *signature)
{
	struct bench *b = ctx;

	for (size_t i = 0; i < 128; i++)
		signature[i] = (uint8_t)(digest[i % digest_len] + i);
	return !b->fails;
}

static uint64_t now(void *ctx) { return ((struct bench *)ctx)->now_us; }

static void set_up(struct bench *b, uint8_t generation, size_t certificate_len, uint32_t sign_us, uint32_t access_us)
{
	const struct mr_mfi_model_config config = { .generation = generation,
						    .certificate = mr_rd_over(certificate, certificate_len),
						    .sign_us = sign_us,
						    .access_us = access_us,
						    .sign = sign,
						    .now_us = now,
						    .ctx = b };
	const struct mr_mfi_bus bus = { b, on_write, on_read };

	for (size_t i = 0; i < sizeof(certificate); i++)
		certificate[i] = (uint8_t)(i * 7);
	memset(b, 0, sizeof(*b));
	b->inner = mr_mfi_model_open(&b->model, &config);
	mr_mfi_cp_open(&b->cp, &bus);
}

static enum mr_mfi_result run(struct bench *b)
{
	enum mr_mfi_result result;

	while ((result = mr_mfi_cp_run(&b->cp, b->now_us)) == MR_MFI_BUSY) {
		assert_true(b->cp.deadline_us > b->now_us);
		b->now_us = b->cp.deadline_us;
	}
	assert_int_equal(b->cp.deadline_us, UINT64_MAX);
	return result;
}

static enum mr_mfi_result signs(struct bench *b)
{
	static const uint8_t message[MR_MFI_MESSAGE_LEN] = { 1, 2, 3 };

	mr_mfi_cp_sign(&b->cp, message, b->now_us);
	return run(b);
}

static void signing_is_the_known_trace(void **state)
{
	static const uint8_t message[MR_MFI_MESSAGE_LEN] = { 1, 2, 3 };
	struct bench b;
	uint8_t digest[32], wanted[128];

	(void)state;
	set_up(&b, 3, 608, 0, 0);
	assert_int_equal(signs(&b), MR_MFI_DONE);
	assert_string_equal(b.trace, "W05 R1 W00 R1 W02 R1 W21+32 W1001 W10 R1 W11 R2 W12 R64 W05 R1 ");
	assert_int_equal(b.cp.signature_len, 64);
	assert_true(mr_sha256(message, sizeof(message), digest));
	sign(&b, digest, 32, wanted);
	assert_memory_equal(b.cp.signature, wanted, 64);

	set_up(&b, 2, 900, 0, 0);
	assert_int_equal(signs(&b), MR_MFI_DONE);
	assert_string_equal(b.trace,
			    "W05 R1 W00 R1 W02 R1 W200014 W21+20 W110080 W1001 W10 R1 W11 R2 W12 R128 W05 R1 ");
	assert_int_equal(b.cp.signature_len, 128);
	assert_true(mr_sha1(message, sizeof(message), digest));
	sign(&b, digest, 20, wanted);
	assert_memory_equal(b.cp.signature, wanted, 128);
	mr_mfi_cp_close(&b.cp);
	assert_int_equal(b.cp.signature[5], 0);
}

static void a_certificate_of_any_length_is_read_in_pages(void **state)
{
	static const size_t lengths[] = { 1, 127, 128, 129, 607, 608, 640, 641, 1279, 1280 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct bench b;

		set_up(&b, 2, lengths[i], 0, 0);
		mr_mfi_cp_certificate(&b.cp, 0);
		assert_int_equal(run(&b), MR_MFI_DONE);
		assert_int_equal(b.cp.certificate_len, lengths[i]);
		assert_memory_equal(b.cp.certificate, certificate, lengths[i]);
	}
	struct bench b;

	set_up(&b, 3, 300, 0, 0);
	mr_mfi_cp_certificate(&b.cp, 0);
	assert_int_equal(run(&b), MR_MFI_DONE);
	assert_string_equal(b.trace, "W05 R1 W00 R1 W02 R1 W30 R2 W31 R128 W32 R128 W33 R44 W05 R1 ");
}

static void a_busy_chip_is_asked_again(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b, 3, 608, 1000000, 700);
	assert_int_equal(signs(&b), MR_MFI_DONE);
	assert_true(b.now_us >= 1000000 && b.now_us < 1030000);
	assert_string_equal(b.trace, "W05 R1 W00 R1 W02 R1 W21+32 W1001 W10 R1 W11 R2 W12 R64 W05 R1 ");
	mr_mfi_cp_certificate(&b.cp, b.now_us);
	assert_int_equal(run(&b), MR_MFI_DONE);
	assert_memory_equal(b.cp.certificate, certificate, 608);
}

static void a_chip_that_stays_silent_has_failed(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b, 3, 608, 2100000, 0); /* longer than a signature may take */
	assert_int_equal(signs(&b), MR_MFI_FAILED);
	assert_int_equal(b.cp.trouble, MR_MFI_SILENT);
	set_up(&b, 3, 608, 0, 600000); /* longer than anything else may */
	assert_int_equal(signs(&b), MR_MFI_FAILED);
	assert_int_equal(b.cp.trouble, MR_MFI_SILENT);
	assert_in_range(b.now_us, 499000, 501000);
	set_up(&b, 3, 608, 0, 0);
	b.broken = true;
	assert_int_equal(signs(&b), MR_MFI_FAILED);
	assert_int_equal(b.cp.trouble, MR_MFI_BROKEN);
}

static void what_fails_inside_is_told_with_its_code(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b, 2, 608, 500000, 0);
	b.fails = true;
	assert_int_equal(signs(&b), MR_MFI_FAILED);
	assert_int_equal(b.cp.trouble, MR_MFI_REFUSED);
	assert_int_equal(b.cp.code, MR_MFI_SIGNING);
	assert_int_equal(b.cp.signature_len, 0);
	b.fails = false;
	assert_int_equal(signs(&b), MR_MFI_DONE);
	set_up(&b, 3, 608, 0, 0);
	b.patched = 0x05;
	b.with[0] = 6; /* an error after a signature that looks good */
	assert_int_equal(signs(&b), MR_MFI_FAILED);
	assert_int_equal(b.cp.trouble, MR_MFI_REFUSED);
	assert_int_equal(b.cp.code, 6);
}

static void registers_are_not_believed(void **state)
{
	static const struct {
		uint8_t reg, with[2];
		enum mr_mfi_trouble trouble;
	} rows[] = {
		{ 0x00, { 0x06, 0 }, MR_MFI_UNKNOWN },	 { 0x02, { 4, 0 }, MR_MFI_UNKNOWN },
		{ 0x02, { 2, 0 }, MR_MFI_UNKNOWN },	 { 0x11, { 0, 65 }, MR_MFI_ABSURD },
		{ 0x11, { 0xff, 0xff }, MR_MFI_ABSURD }, { 0x11, { 0, 128 }, MR_MFI_ABSURD },
		{ 0x10, { 0x20, 0 }, MR_MFI_REFUSED },
	};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(&b, 3, 608, 0, 0);
		b.patched = rows[i].reg;
		memcpy(b.with, rows[i].with, 2);
		assert_int_equal(signs(&b), MR_MFI_FAILED);
		assert_int_equal(b.cp.trouble, rows[i].trouble);
	}
	for (unsigned len = 1281; len < 65536; len += 4099) {
		set_up(&b, 3, 608, 0, 0);
		b.patched = 0x30;
		b.with[0] = (uint8_t)(len >> 8);
		b.with[1] = (uint8_t)len;
		mr_mfi_cp_certificate(&b.cp, 0);
		assert_int_equal(run(&b), MR_MFI_FAILED);
		assert_int_equal(b.cp.trouble, MR_MFI_ABSURD);
	}
	set_up(&b, 3, 0, 0, 0);
	mr_mfi_cp_certificate(&b.cp, 0);
	assert_int_equal(run(&b), MR_MFI_FAILED);
	assert_int_equal(b.cp.trouble, MR_MFI_ABSURD);
}

/* --- the model against a driver that does it wrong --- */

static uint8_t error_after(struct bench *b, const uint8_t *bytes, size_t len)
{
	uint8_t error;

	assert_int_equal(b->inner.write(b->inner.ctx, bytes, len), MR_MFI_BUS_OK);
	assert_int_equal(b->inner.write(b->inner.ctx, (const uint8_t[]){ 0x05 }, 1), MR_MFI_BUS_OK);
	assert_int_equal(b->inner.read(b->inner.ctx, &error, 1), MR_MFI_BUS_OK);
	return error;
}

#define ERROR_AFTER(b, ...) error_after(b, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void the_model_has_the_chips_errors(void **state)
{
	struct bench b;
	uint8_t challenge[21] = { 0x21 }, octet;

	(void)state;
	set_up(&b, 2, 608, 0, 0);
	assert_int_equal(b.inner.read(b.inner.ctx, &octet, 1), MR_MFI_BUS_NAK); /* no register was chosen */
	assert_int_equal(ERROR_AFTER(&b, 0x00, 1), MR_MFI_BAD_REGISTER);
	assert_int_equal(ERROR_AFTER(&b, 0x05), MR_MFI_NO_ERROR); /* reading has cleared it */
	assert_int_equal(ERROR_AFTER(&b, 0x10, 7), MR_MFI_BAD_CONTROL);
	assert_int_equal(ERROR_AFTER(&b, 0x10, 1), MR_MFI_BAD_RESPONSE_LEN);
	assert_int_equal(ERROR_AFTER(&b, 0x11, 0, 128), MR_MFI_NO_ERROR);
	assert_int_equal(ERROR_AFTER(&b, 0x10, 1), MR_MFI_BAD_CHALLENGE_LEN);
	assert_int_equal(ERROR_AFTER(&b, 0x20, 0, 20), MR_MFI_NO_ERROR);
	assert_int_equal(ERROR_AFTER(&b, 0x10, 1), MR_MFI_OUT_OF_SEQUENCE);
	assert_int_equal(ERROR_AFTER(&b, 0x21, 1, 2), MR_MFI_BAD_CHALLENGE_LEN);
	assert_int_equal(error_after(&b, challenge, sizeof(challenge)), MR_MFI_NO_ERROR);
	assert_int_equal(ERROR_AFTER(&b, 0x10, 1), MR_MFI_NO_ERROR);
	assert_int_equal(ERROR_AFTER(&b, 0x10, 1), MR_MFI_OUT_OF_SEQUENCE); /* a challenge is signed once */
	assert_int_equal(b.inner.write(b.inner.ctx, (const uint8_t[]){ 0x70 }, 1), MR_MFI_BUS_OK);
	assert_int_equal(b.inner.read(b.inner.ctx, &octet, 1), MR_MFI_BUS_OK);
	assert_int_equal(ERROR_AFTER(&b, 0x05), MR_MFI_BAD_READ);
	set_up(&b, 3, 608, 0, 0);
	assert_int_equal(ERROR_AFTER(&b, 0x11, 0, 64), MR_MFI_BAD_REGISTER); /* read only, there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signing_is_the_known_trace),
		cmocka_unit_test(a_certificate_of_any_length_is_read_in_pages),
		cmocka_unit_test(a_busy_chip_is_asked_again),
		cmocka_unit_test(a_chip_that_stays_silent_has_failed),
		cmocka_unit_test(what_fails_inside_is_told_with_its_code),
		cmocka_unit_test(registers_are_not_believed),
		cmocka_unit_test(the_model_has_the_chips_errors),
	};

	return cmocka_run_group_tests_name("mfi_cp", tests, NULL, NULL);
}
