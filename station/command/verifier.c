/*
 * `millrace ca pin-verifier`: what firmware keeps of the PIN on a device's label until the station gives it another, as
 * lines of millrace-agent's configuration. The PIN is read from standard input, because everybody can see arguments.
 */
#include "station/command/verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "station/base/entropy.h"
#include "station/command/command.h"
#include "station/identity/identity.h"

static const struct command self = { "ca pin-verifier", "",
				     "what firmware keeps of a PIN; the PIN comes from standard input", NULL };

static int unusable(const char *sentence)
{
	fprintf(stderr, "millrace %s: %s\n", self.name, sentence);
	return EXIT_UNUSABLE;
}

static bool read_pin(char pin[static IDENTITY_PIN_MAX])
{
	char line[IDENTITY_PIN_MAX + 2];
	size_t len;
	bool ok;

	if (isatty(STDIN_FILENO))
		fprintf(stderr, "PIN: ");
	(void)setvbuf(stdin, NULL, _IONBF, 0); /* else the PIN stays in a buffer that nobody wipes */
	ok = fgets(line, sizeof(line), stdin) != NULL;
	len = ok ? strcspn(line, "\r\n") : 0;
	ok = len >= 4 && len < IDENTITY_PIN_MAX && strspn(line, "0123456789") == len;
	if (ok) {
		memcpy(pin, line, len);
		pin[len] = '\0';
	}
	OPENSSL_cleanse(line, sizeof(line));
	return ok;
}

static void print_hex(const char *name, const uint8_t *octets, size_t len)
{
	printf("%s = ", name);
	for (size_t i = 0; i < len; i++)
		printf("%02x", octets[i]);
	printf("\n");
}

static int print_verifier(const char *pin, uint32_t iterations)
{
	struct entropy *entropy = entropy_create_kernel();
	uint8_t salt[16], w0[32], l[65];
	int result = -1;

	if (entropy) {
		entropy_fill(entropy, salt, sizeof(salt));
		entropy_destroy(entropy);
		/* Before IDENTITY a device has no serial number to be told apart by: docs/protocol.md, "HTTP". */
		result = pin_verifier(pin, "", salt, iterations, w0, l);
	}
	if (result == 0) {
		printf("# Who has these four can try PINs: they belong to the device alone.\n");
		print_hex("pin_salt", salt, sizeof(salt));
		printf("pin_iterations = %u\n", iterations);
		print_hex("pin_w0", w0, sizeof(w0));
		print_hex("pin_l", l, sizeof(l));
	}
	OPENSSL_cleanse(w0, sizeof(w0));
	OPENSSL_cleanse(l, sizeof(l));
	return result == 0 ? EXIT_ALL_WELL : unusable("no random octets, or no memory");
}

int ca_pin_verifier(int argc, char **argv)
{
	const char *text = "2000";
	const struct option_row rows[] = {
		{ "--iterations", "N", "rounds of PBKDF2, 1000 to 1000000 (default: 2000)", &text, NULL },
		{ 0 },
	};
	char pin[IDENTITY_PIN_MAX], *end;
	unsigned long iterations;
	int status = command_options(&self, rows, argc, argv, NULL, 0, NULL);

	if (status >= 0)
		return status;
	iterations = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || iterations < IDENTITY_PIN_ITERATIONS_MIN ||
	    iterations > IDENTITY_PIN_ITERATIONS_MAX)
		return unusable("--iterations: a number from 1000 to 1000000");
	if (!read_pin(pin))
		return unusable("standard input has no PIN of 4 to 16 digits in its first line");
	status = print_verifier(pin, (uint32_t)iterations);
	OPENSSL_cleanse(pin, sizeof(pin));
	return status;
}
