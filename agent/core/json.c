#include "agent/core/json.h"

static const char digits[] = "0123456789abcdef";

struct mr_json mr_json_over(void *buf, size_t cap) { return (struct mr_json){ .w = mr_wr_over(buf, cap) }; }

static size_t text_len(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	return len;
}

static void begin(struct mr_json *j, const char *name)
{
	if (j->comma)
		mr_wr_u8(&j->w, ',');
	j->comma = true;
	if (!name)
		return;
	mr_wr_u8(&j->w, '"');
	mr_wr_bytes(&j->w, name, text_len(name));
	mr_wr_bytes(&j->w, "\":", 2);
}

void mr_json_open(struct mr_json *j, const char *name, char bracket)
{
	begin(j, name);
	mr_wr_u8(&j->w, (uint8_t)bracket);
	j->comma = false;
}

void mr_json_close(struct mr_json *j, char bracket)
{
	mr_wr_u8(&j->w, (uint8_t)bracket);
	j->comma = true;
}

void mr_json_number(struct mr_json *j, const char *name, int64_t value)
{
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char text[20];
	size_t at = sizeof(text);

	begin(j, name);
	do {
		text[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		mr_wr_u8(&j->w, '-');
	mr_wr_bytes(&j->w, text + at, sizeof(text) - at);
}

void mr_json_bool(struct mr_json *j, const char *name, bool value)
{
	begin(j, name);
	mr_wr_bytes(&j->w, value ? "true" : "false", value ? 4 : 5);
}

void mr_json_null(struct mr_json *j, const char *name)
{
	begin(j, name);
	mr_wr_bytes(&j->w, "null", 4);
}

static void put_hex(struct mr_wr *w, uint8_t octet)
{
	mr_wr_u8(w, (uint8_t)digits[octet >> 4]);
	mr_wr_u8(w, (uint8_t)digits[octet & 15]);
}

void mr_json_hex(struct mr_json *j, const char *name, const void *octets, size_t len)
{
	struct mr_rd in = mr_rd_over(octets, len);

	begin(j, name);
	mr_wr_u8(&j->w, '"');
	while (in.left > 0)
		put_hex(&j->w, mr_rd_u8(&in));
	mr_wr_u8(&j->w, '"');
}

void mr_json_mac(struct mr_json *j, const char *name, const uint8_t mac[static 6])
{
	begin(j, name);
	for (size_t i = 0; i < 6; i++) {
		mr_wr_u8(&j->w, i == 0 ? '"' : ':');
		put_hex(&j->w, mac[i]);
	}
	mr_wr_u8(&j->w, '"');
}

/* The octets of the next character of UTF-8; 0: none. RFC 3629 section 4. */
static size_t character(struct mr_rd in)
{
	uint8_t a = mr_rd_u8(&in), b;
	size_t more = a < 0x80		      ? 0
		      : a >= 0xc2 && a < 0xe0 ? 1
		      : a >= 0xe0 && a < 0xf0 ? 2
		      : a >= 0xf0 && a < 0xf5 ? 3
					      : 4;

	if (more == 0 || more > 3 || in.left < more)
		return more == 0;
	b = in.at[0];
	if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b >= 0xa0) || (a == 0xf0 && b < 0x90) || (a == 0xf4 && b >= 0x90))
		return 0;
	for (size_t i = 0; i < more; i++)
		if ((in.at[i] & 0xc0) != 0x80)
			return 0;
	return 1 + more;
}

static bool is_text(struct mr_rd in)
{
	while (in.left > 0) {
		size_t len = character(in);

		if (len == 0)
			return false;
		mr_rd_skip(&in, len);
	}
	return true;
}

void mr_json_text(struct mr_json *j, const char *name, const void *text, size_t len)
{
	struct mr_rd in = mr_rd_over(text, len);

	if (!is_text(in)) {
		mr_json_null(j, name);
		return;
	}
	begin(j, name);
	mr_wr_u8(&j->w, '"');
	while (in.left > 0) {
		uint8_t c = mr_rd_u8(&in);

		if (c == '"' || c == '\\') {
			mr_wr_u8(&j->w, '\\');
			mr_wr_u8(&j->w, c);
		} else if (c < ' ' || c == 0x7f) {
			mr_wr_bytes(&j->w, "\\u00", 4);
			put_hex(&j->w, c);
		} else {
			mr_wr_u8(&j->w, c);
		}
	}
	mr_wr_u8(&j->w, '"');
}

void mr_json_word(struct mr_json *j, const char *name, const char *text)
{
	mr_json_text(j, name, text, text_len(text));
}
