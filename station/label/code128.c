/*
 * Code 128. Each symbol character is three bars and three spaces, eleven modules wide; a start character chooses the
 * set (A: capitals and control characters; B: capitals and small letters; C: two digits each), the check character is
 * the sum of all values, each times its place, modulo 103.
 *
 * Which set to be in is decided from the end of the text backwards: for each place and set the fewest characters that
 * the rest takes. Shift (one character of the other of A and B) counts too.
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "station/label/code.h"

enum { SET_A, SET_B, SET_C, SET_COUNT };
enum { SHIFT = 98, STOP = 106, START = 103 };

/* ISO/IEC 15417 table 1: widths of bars and spaces in turn. */
static const char *const widths[107] = {
	"212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312",	 "132212", "221213", "221312",
	"231212", "112232", "122132", "122231", "113222", "123122", "123221", "223211",	 "221132", "221231", "213212",
	"223112", "312131", "311222", "321122", "321221", "312212", "322112", "322211",	 "212123", "212321", "232121",
	"111323", "131123", "131321", "112313", "132113", "132311", "211313", "231113",	 "231311", "112133", "112331",
	"132131", "113123", "113321", "133121", "313121", "211331", "231131", "213113",	 "213311", "213131", "311123",
	"311321", "331121", "312113", "312311", "332111", "314111", "221411", "431111",	 "111224", "111422", "121124",
	"121421", "141122", "141221", "112214", "112412", "122114", "122411", "142112",	 "142211", "241211", "221114",
	"413111", "241112", "134111", "111242", "121142", "121241", "114212", "124112",	 "124211", "411212", "421112",
	"421211", "212141", "214121", "412121", "111143", "111341", "131141", "114113",	 "114311", "411113", "411311",
	"113141", "114131", "311141", "411131", "211412", "211214", "211232", "2331112",
};

/* The value of an octet in set A or B; -1: it is not in there. */
static int value_in(int set, unsigned char c)
{
	if (set == SET_A)
		return c < 32 ? c + 64 : c < 96 ? c - 32 : -1;
	return c >= 32 && c < 128 ? c - 32 : -1;
}

/* The character that changes from one set to another. */
static uint8_t change_to(int set)
{
	static const uint8_t codes[SET_COUNT] = { 101, 100, 99 };

	return codes[set];
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

enum act { ACT_NONE, ACT_ONE, ACT_SHIFT, ACT_PAIR, ACT_TO_A, ACT_TO_B, ACT_TO_C };

struct plan {
	unsigned cost[CODE128_TEXT_MAX + 1][SET_COUNT];
	uint8_t act[CODE128_TEXT_MAX + 1][SET_COUNT];
};

/* What the octets from `at` on cost in `set` when the set does not change before the next character. */
static void plan_stay(struct plan *plan, const char *text, size_t len, size_t at, int set)
{
	unsigned best = UINT32_MAX;
	uint8_t act = ACT_NONE;

	if (set == SET_C) {
		if (at + 1 < len && is_digit(text[at]) && is_digit(text[at + 1]) &&
		    plan->cost[at + 2][SET_C] != UINT32_MAX) {
			best = 1 + plan->cost[at + 2][SET_C];
			act = ACT_PAIR;
		}
	} else if (value_in(set, (unsigned char)text[at]) >= 0) {
		best = 1 + plan->cost[at + 1][set];
		act = ACT_ONE;
	} else {
		best = 2 + plan->cost[at + 1][set];
		act = ACT_SHIFT;
	}
	plan->cost[at][set] = best;
	plan->act[at][set] = act;
}

static void plan_text(struct plan *plan, const char *text, size_t len)
{
	memset(plan, 0, sizeof(*plan));
	for (size_t at = len; at-- > 0;) {
		unsigned stay[SET_COUNT];

		for (int set = 0; set < SET_COUNT; set++)
			plan_stay(plan, text, len, at, set);
		memcpy(stay, plan->cost[at], sizeof(stay));
		for (int set = 0; set < SET_COUNT; set++)
			for (int to = 0; to < SET_COUNT; to++)
				if (to != set && stay[to] != UINT32_MAX && stay[to] + 1 < plan->cost[at][set]) {
					plan->cost[at][set] = stay[to] + 1;
					plan->act[at][set] = (uint8_t)(ACT_TO_A + to);
				}
	}
}

size_t code128_characters(const char *text, size_t len, uint8_t out[static 2 * CODE128_TEXT_MAX + 3])
{
	struct plan plan;
	int set = SET_B;
	size_t count = 0;
	unsigned sum;

	if (len == 0 || len > CODE128_TEXT_MAX)
		return 0;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] > 127)
			return 0;
	plan_text(&plan, text, len);
	for (int other = 0; other < SET_COUNT; other++)
		if (plan.cost[0][other] < plan.cost[0][set])
			set = other;
	out[count++] = (uint8_t)(START + set);
	for (size_t at = 0; at < len;)
		switch (plan.act[at][set]) {
		case ACT_PAIR:
			out[count++] = (uint8_t)(10 * (text[at] - '0') + text[at + 1] - '0');
			at += 2;
			break;
		case ACT_SHIFT:
			out[count++] = SHIFT;
			out[count++] = (uint8_t)value_in(set == SET_A ? SET_B : SET_A, (unsigned char)text[at++]);
			break;
		case ACT_ONE: out[count++] = (uint8_t)value_in(set, (unsigned char)text[at++]); break;
		default:
			set = plan.act[at][set] - ACT_TO_A;
			out[count++] = change_to(set);
			break;
		}
	sum = out[0];
	for (size_t i = 1; i < count; i++)
		sum += (unsigned)i * out[i];
	out[count++] = (uint8_t)(sum % 103);
	out[count++] = STOP;
	OPENSSL_cleanse(&plan, sizeof(plan));
	return count;
}

bool code_128(struct label_code *code, const char *text, size_t len)
{
	uint8_t characters[2 * CODE128_TEXT_MAX + 3];
	size_t count = code128_characters(text, len, characters);
	unsigned column = 0;

	*code = (struct label_code){ 0 };
	if (count == 0)
		return false;
	code->columns = 11 * (unsigned)(count - 1) + 13;
	code->rows = 1;
	code->quiet = 10;
	code->black = calloc(code->columns, 1);
	for (size_t i = 0; code->black && i < count; i++)
		for (const char *width = widths[characters[i]]; *width; width++)
			for (int n = 0; n < *width - '0'; n++)
				code->black[column++] = (width - widths[characters[i]]) % 2 == 0;
	OPENSSL_cleanse(characters, sizeof(characters));
	return code->black != NULL;
}
