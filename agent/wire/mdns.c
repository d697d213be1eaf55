#include "agent/wire/mdns.h"

#define RESPONSE 0x8000u
#define AUTHORITATIVE 0x0400u
#define OPCODE_AND_RCODE 0x780fu
#define INTERNET 1u
#define TOP_BIT 0x8000u /* of a class: unicast wanted in a question, the cache is flushed by a record */
#define POINTER 0xc0u

struct record {
	struct mr_mdns_name name;
	uint16_t type;
	uint32_t ttl_s;
	struct mr_rd data;
};

/* A message, read from its first record on. */
struct reader {
	struct mr_rd whole, at;
	uint16_t flags, questions;
	unsigned left; /* records */
};

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c; }

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

/* --- names --- */

static bool name_add(struct mr_mdns_name *name, const uint8_t *label, uint8_t len)
{
	if (len > MR_MDNS_LABEL_MAX || (size_t)name->len + 1 + len > sizeof(name->octets))
		return false;
	name->octets[name->len++] = len;
	for (uint8_t i = 0; i < len; i++)
		name->octets[name->len++] = lower(label[i]);
	return true;
}

/* Where a pointer leads: before `limit`, which it becomes. */
static bool follow(struct mr_rd whole, uint16_t to, size_t *limit, struct mr_rd *at)
{
	if (to >= *limit)
		return false;
	*limit = to;
	*at = whole;
	mr_rd_skip(at, to);
	return !at->bad;
}

bool mr_mdns_name_read(struct mr_rd whole, struct mr_rd *in, struct mr_mdns_name *out)
{
	size_t limit = whole.left - in->left;
	struct mr_rd jumped = { 0 }, *at = in;

	out->len = 0;
	for (;;) {
		uint8_t len = mr_rd_u8(at);
		const uint8_t *label;

		if (at->bad)
			return false;
		if ((len & POINTER) == POINTER) {
			uint16_t to = (uint16_t)((len & ~POINTER) << 8 | mr_rd_u8(at));

			if (at->bad || !follow(whole, to, &limit, &jumped))
				return false;
			at = &jumped;
			continue;
		}
		label = mr_rd_take(at, len);
		if (at->bad || !name_add(out, label, len))
			return false;
		if (len == 0)
			return true;
	}
}

/* "_mfi-config._tcp" and the like, below .local. */
static void name_of(const char *dotted, struct mr_mdns_name *out)
{
	static const uint8_t local[] = { 'l', 'o', 'c', 'a', 'l' };
	size_t from = 0, end = length(dotted);

	out->len = 0;
	for (size_t i = 0; i <= end; i++)
		if (i == end || dotted[i] == '.') {
			(void)name_add(out, (const uint8_t *)dotted + from, (uint8_t)(i - from));
			from = i + 1;
		}
	(void)name_add(out, local, sizeof(local));
	(void)name_add(out, local, 0);
}

static bool same(const struct mr_mdns_name *a, const struct mr_mdns_name *b)
{
	return a->len == b->len && mr_equal(a->octets, b->octets, a->len);
}

/* One label, and then that name. */
static bool is_below(const struct mr_mdns_name *name, const struct mr_mdns_name *top)
{
	size_t label = name->len > 0 ? name->octets[0] + 1u : 0;

	return label > 1 && name->len == label + top->len && mr_equal(name->octets + label, top->octets, top->len);
}

/* --- reading --- */

static bool question(struct reader *r, struct mr_mdns_name *name, uint16_t *type, uint16_t *class)
{
	bool good = mr_mdns_name_read(r->whole, &r->at, name);

	*type = mr_rd_be16(&r->at);
	*class = mr_rd_be16(&r->at);
	return good && !r->at.bad;
}

/* RFC 6762 section 18: other operations and errors are ignored. */
static bool open(struct mr_rd message, struct reader *r)
{
	*r = (struct reader){ .whole = message, .at = message };
	mr_rd_skip(&r->at, 2);
	r->flags = mr_rd_be16(&r->at);
	r->questions = mr_rd_be16(&r->at);
	for (size_t i = 0; i < 3; i++)
		r->left += mr_rd_be16(&r->at);
	if (r->left > MR_MDNS_RECORDS_MAX)
		r->left = MR_MDNS_RECORDS_MAX;
	return !r->at.bad && !(r->flags & OPCODE_AND_RCODE) && r->questions <= MR_MDNS_RECORDS_MAX;
}

static bool open_response(struct mr_rd message, struct reader *r)
{
	struct mr_mdns_name name;
	uint16_t type, class;

	if (!open(message, r) || !(r->flags & RESPONSE))
		return false;
	for (; r->questions > 0; r->questions--)
		if (!question(r, &name, &type, &class))
			return false;
	return true;
}

/* The next record of class IN that is to live; false: there is none, or it is cut. */
static bool next(struct reader *r, struct record *out)
{
	while (r->left > 0) {
		uint16_t class;

		r->left--;
		if (!mr_mdns_name_read(r->whole, &r->at, &out->name))
			return false;
		out->type = mr_rd_be16(&r->at);
		class = mr_rd_be16(&r->at) & (uint16_t)~TOP_BIT;
		out->ttl_s = mr_rd_be32(&r->at);
		out->data = mr_rd_sub(&r->at, mr_rd_be16(&r->at));
		if (r->at.bad || out->data.bad)
			return false;
		if (class == INTERNET && out->ttl_s > 0) /* 0: it says good-bye, section 10.1 */
			return true;
	}
	return false;
}

/* The first record of that name and type. */
static bool record_of(struct mr_rd message, const struct mr_mdns_name *name, uint16_t type, struct record *out)
{
	struct reader r;

	if (!open_response(message, &r))
		return false;
	while (next(&r, out))
		if (out->type == type && same(&out->name, name))
			return true;
	return false;
}

/* The message from there on: names in the data of a record may point back into it. */
static struct mr_rd from_data(struct mr_rd message, struct mr_rd data)
{
	mr_rd_skip(&message, (size_t)(data.at - message.at));
	return message;
}

/* RFC 2782: priority, weight, port, target. */
static bool read_srv(struct mr_rd message, struct mr_rd data, struct mr_mdns_service *out, struct mr_mdns_name *host)
{
	struct mr_rd within = from_data(message, data);

	if (data.left < 7)
		return false;
	mr_rd_skip(&within, 4);
	out->port = mr_rd_be16(&within);
	return mr_mdns_name_read(message, &within, host);
}

/* The label as it is written, not in lower case; empty where it is a pointer. */
static struct mr_rd label_at(struct mr_rd at)
{
	uint8_t len = mr_rd_u8(&at);

	return len > 0 && len <= MR_MDNS_LABEL_MAX ? mr_rd_sub(&at, len) : (struct mr_rd){ 0 };
}

static struct mr_rd instance_of(struct mr_rd message, const struct mr_mdns_name *type, const struct mr_mdns_name *name)
{
	struct reader r;
	struct record record;

	if (!open_response(message, &r))
		return (struct mr_rd){ 0 };
	while (next(&r, &record)) {
		struct mr_rd within = from_data(message, record.data), written = within;
		struct mr_mdns_name named;

		if (record.type == MR_MDNS_PTR && same(&record.name, type) &&
		    mr_mdns_name_read(message, &within, &named) && same(&named, name))
			return label_at(written);
	}
	return (struct mr_rd){ 0 };
}

bool mr_mdns_find(struct mr_rd message, const char *service, unsigned i, struct mr_mdns_service *out)
{
	struct mr_mdns_name type, host;
	struct reader r;
	struct record srv, other;

	*out = (struct mr_mdns_service){ 0 };
	name_of(service, &type);
	if (!open_response(message, &r))
		return false;
	do {
		if (!next(&r, &srv))
			return false;
	} while (srv.type != MR_MDNS_SRV || !is_below(&srv.name, &type) || i-- > 0);
	if (!read_srv(message, srv.data, out, &host) || !record_of(message, &srv.name, MR_MDNS_TXT, &other))
		return false;
	out->txt = other.data;
	out->instance = instance_of(message, &type, &srv.name);
	if (record_of(message, &host, MR_MDNS_A, &other) && other.data.left == 4)
		out->address = mr_rd_be32(&other.data);
	return true;
}

bool mr_mdns_asks(struct mr_rd message, const char *service, bool *unicast)
{
	struct mr_mdns_name wanted, name;
	struct reader r;
	uint16_t type, class;

	name_of(service, &wanted);
	if (!open(message, &r) || r.flags & RESPONSE)
		return false;
	for (; r.questions > 0 && question(&r, &name, &type, &class); r.questions--)
		if ((type == MR_MDNS_PTR || type == MR_MDNS_ANY) && (class & ~TOP_BIT) == INTERNET &&
		    same(&name, &wanted)) {
			*unicast = class & TOP_BIT;
			return true;
		}
	return false;
}

/* --- writing --- */

static void put_label(struct mr_wr *w, const char *label, size_t len)
{
	if (len == 0 || len > MR_MDNS_LABEL_MAX)
		w->bad = true;
	mr_wr_u8(w, (uint8_t)len);
	mr_wr_bytes(w, label, len);
}

/* `instance` as one label (NULL: none), then the dotted name below .local. */
static void put_name(struct mr_wr *w, const char *instance, const char *dotted)
{
	size_t from = 0, end = length(dotted);

	if (instance)
		put_label(w, instance, length(instance));
	for (size_t i = 0; i <= end; i++)
		if (i == end || dotted[i] == '.') {
			put_label(w, dotted + from, i - from);
			from = i + 1;
		}
	put_label(w, "local", 5);
	mr_wr_u8(w, 0);
}

static void put_header(struct mr_wr *w, uint16_t flags, uint16_t questions, uint16_t answers)
{
	mr_wr_be16(w, 0);
	mr_wr_be16(w, flags);
	mr_wr_be16(w, questions);
	mr_wr_be16(w, answers);
	mr_wr_be32(w, 0);
}

void mr_mdns_query_build(const char *service, bool unicast, struct mr_wr *w)
{
	put_header(w, 0, 1, 0);
	put_name(w, NULL, service);
	mr_wr_be16(w, MR_MDNS_PTR);
	mr_wr_be16(w, (uint16_t)(INTERNET | (unicast ? TOP_BIT : 0u)));
}

static size_t open_record(struct mr_wr *w, enum mr_mdns_type type, uint32_t ttl_s)
{
	mr_wr_be16(w, (uint16_t)type);
	/* PTR is shared by all who offer the service; the others are ours alone, section 10.2. */
	mr_wr_be16(w, (uint16_t)(INTERNET | (type == MR_MDNS_PTR ? 0u : TOP_BIT)));
	mr_wr_be32(w, ttl_s);
	return mr_wr_open16(w);
}

void mr_mdns_answer_build(const struct mr_mdns_answer *a, struct mr_wr *w)
{
	size_t mark;

	put_header(w, RESPONSE | AUTHORITATIVE, 0, 4);
	put_name(w, NULL, a->service);
	mark = open_record(w, MR_MDNS_PTR, a->ttl_s);
	put_name(w, a->instance, a->service);
	mr_wr_close_be16(w, mark);
	put_name(w, a->instance, a->service);
	mark = open_record(w, MR_MDNS_SRV, a->ttl_s);
	mr_wr_be32(w, 0); /* priority, weight */
	mr_wr_be16(w, a->port);
	put_name(w, NULL, a->host);
	mr_wr_close_be16(w, mark);
	put_name(w, a->instance, a->service);
	mark = open_record(w, MR_MDNS_TXT, a->ttl_s);
	mr_wr_bytes(w, a->txt.at, a->txt.left);
	if (a->txt.left == 0) /* RFC 6763 section 6.1: at least one string, which may be empty */
		mr_wr_u8(w, 0);
	mr_wr_close_be16(w, mark);
	put_name(w, NULL, a->host);
	mark = open_record(w, MR_MDNS_A, a->ttl_s);
	mr_wr_be32(w, a->address);
	mr_wr_close_be16(w, mark);
}

/* --- TXT --- */

static bool is_key(struct mr_rd text, const char *key, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (i >= text.left || lower(text.at[i]) != lower((uint8_t)key[i]))
			return false;
	return text.left > len && text.at[len] == '=';
}

bool mr_mdns_txt_find(struct mr_rd txt, const char *key, struct mr_rd *value)
{
	size_t len = length(key);

	while (txt.left > 0) {
		struct mr_rd text = mr_rd_sub(&txt, mr_rd_u8(&txt));

		if (txt.bad || text.bad)
			return false;
		if (!is_key(text, key, len))
			continue;
		mr_rd_skip(&text, len + 1);
		*value = text;
		return true;
	}
	return false;
}

void mr_mdns_txt_put(struct mr_wr *w, const char *key, const char *value)
{
	size_t key_len = length(key), value_len = length(value);

	if (key_len + 1 + value_len > 255)
		w->bad = true;
	mr_wr_u8(w, (uint8_t)(key_len + 1 + value_len));
	mr_wr_bytes(w, key, key_len);
	mr_wr_u8(w, '=');
	mr_wr_bytes(w, value, value_len);
}
