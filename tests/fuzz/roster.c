/*
 * Lists of labels: what is accepted is whole and valid in each row, and each row is found again by what names it.
 *
 * links: station/method/method.c
 * links: station/roster/roster.c station/identity/serial.c station/base/secret_file.c station/base/map.c
 * links: station/base/log.c station/base/loop.c agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <stdlib.h>
#include <string.h>

#include "station/roster/roster.h"
#include "station/method/method.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct roster *roster, const struct roster_row *row)
{
	const uint8_t nobody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	bool ok = (row->serial[0] || row->has_mac || row->ssid_len > 0) && row->ssid_len <= sizeof(row->ssid) &&
		  strnlen(row->serial, sizeof(row->serial)) < sizeof(row->serial) &&
		  strnlen(row->pin, sizeof(row->pin)) < sizeof(row->pin) &&
		  (!row->passphrase[0] ||
		   roster_passphrase_valid(row->passphrase, strnlen(row->passphrase, sizeof(row->passphrase))));

	if (!ok || !roster_find(roster, row->has_mac ? row->mac : nobody, row->ssid, row->ssid_len, row->serial))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char error[300] = "", serial[33];
	struct roster *roster = NULL;
	int result = roster_parse(&roster, "fuzz.csv", (const char *)data, len, error, sizeof(error));

	if ((result == 0) != (roster != NULL) || (result != 0) != (error[0] != '\0'))
		abort();
	for (size_t i = 0; roster && i < roster_count(roster); i++)
		check(roster, roster_row(roster, i));
	if (roster && len >= 6) { /* names from the air */
		(void)roster_find(roster, data, data, len < 32 ? len : 32, "");
		(void)roster_ssid_match("AC-{serial}", data, len < 32 ? len : 32, data, serial);
		(void)roster_ssid_match("AC-{mac}-x", data, len < 32 ? len : 32, data, serial);
	}
	roster_destroy(roster);
	return 0;
}
