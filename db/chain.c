#include "db/chain.h"

#include <assert.h>
#include <string.h>

#include <openssl/evp.h>

bool chain_sha_init(struct chain_sha *sha)
{
	sha->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	sha->ctx = EVP_MD_CTX_new();
	return sha->md && sha->ctx;
}

void chain_sha_wipe(struct chain_sha *sha)
{
	EVP_MD_free(sha->md);
	EVP_MD_CTX_free(sha->ctx);
	*sha = (struct chain_sha){ 0 };
}

bool chain_sha_begin(struct chain_sha *sha)
{
	assert(sha->ctx && sha->md);
	return EVP_DigestInit_ex2(sha->ctx, sha->md, NULL) == 1;
}

bool chain_sha_add(struct chain_sha *sha, const void *bytes, size_t len)
{
	return len == 0 || EVP_DigestUpdate(sha->ctx, bytes, len) == 1;
}

bool chain_sha_end(struct chain_sha *sha, uint8_t out[static CHAIN_HASH_LEN])
{
	return EVP_DigestFinal_ex(sha->ctx, out, NULL) == 1;
}

bool chain_sha256(struct chain_sha *sha, const void *bytes, size_t len, uint8_t out[static CHAIN_HASH_LEN])
{
	return chain_sha_begin(sha) && chain_sha_add(sha, bytes, len) && chain_sha_end(sha, out);
}

static void put_be(uint8_t *out, size_t len, uint64_t value)
{
	assert(len <= sizeof(value));
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(value >> 8 * (len - 1 - i));
}

static bool add_be(struct chain_sha *sha, size_t len, uint64_t value)
{
	uint8_t octets[8];

	put_be(octets, len, value);
	return chain_sha_add(sha, octets, len);
}

static bool add_counted(struct chain_sha *sha, const void *bytes, size_t len)
{
	return add_be(sha, 4, len) && chain_sha_add(sha, bytes, len);
}

bool chain_hash(struct chain_sha *sha, const struct chain_row *row, const uint8_t prev[static CHAIN_HASH_LEN],
		uint8_t out[static CHAIN_HASH_LEN])
{
	static const char tag[] = "millrace audit 1";
	const char *texts[] = { row->actor, row->action, row->subject, row->body };

	assert(row->seq > 0);
	if (!chain_sha_begin(sha) || !chain_sha_add(sha, tag, sizeof(tag) - 1) || !add_be(sha, 8, row->seq) ||
	    !chain_sha_add(sha, prev, CHAIN_HASH_LEN) || !add_be(sha, 8, (uint64_t)row->at_us) ||
	    !add_be(sha, 8, (uint64_t)row->session))
		return false;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert(texts[i]);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!add_counted(sha, texts[i], strlen(texts[i])))
			return false;
	return chain_sha_end(sha, out);
}

static bool add_column(struct chain_sha *sha, sqlite3_stmt *statement, int column)
{
	uint64_t bits;
	double real;

	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_INTEGER:
		return chain_sha_add(sha, "i", 1) && add_be(sha, 8, (uint64_t)sqlite3_column_int64(statement, column));
	case SQLITE_FLOAT:
		real = sqlite3_column_double(statement, column);
		memcpy(&bits, &real, sizeof(bits));
		return chain_sha_add(sha, "r", 1) && add_be(sha, 8, bits);
	case SQLITE_TEXT:
		return chain_sha_add(sha, "t", 1) && add_counted(sha, sqlite3_column_text(statement, column),
								 (size_t)sqlite3_column_bytes(statement, column));
	case SQLITE_BLOB:
		return chain_sha_add(sha, "b", 1) && add_counted(sha, sqlite3_column_blob(statement, column),
								 (size_t)sqlite3_column_bytes(statement, column));
	default: return chain_sha_add(sha, "n", 1);
	}
}

int chain_sha_rows(struct chain_sha *sha, sqlite3_stmt *statement)
{
	int columns = sqlite3_column_count(statement), rc;

	assert(columns > 0 && !sqlite3_stmt_busy(statement));
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		for (int column = 0; column < columns; column++)
			if (!add_column(sha, statement, column))
				rc = SQLITE_NOMEM;
		if (rc != SQLITE_ROW || !chain_sha_add(sha, ".", 1)) {
			rc = SQLITE_NOMEM;
			break;
		}
	}
	sqlite3_reset(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
