#include "agent/wire/message.h"

#include "agent/port/crypto.h"
#include "agent/wire/frame.h"

#define RESPONSE_BIT 0x80

struct attribute {
	uint8_t id;
	uint16_t shortest, longest;
};

static const struct attribute attributes[] = {
#define ATTRIBUTE_ROW(name, id, shortest, longest) { id, shortest, longest },
	MR_ATTRIBUTES(ATTRIBUTE_ROW)
#undef ATTRIBUTE_ROW
};

static const struct {
	uint8_t number;
	const char *name;
} operations[] = {
#define OPERATION_ROW(name, number, text) { number, text },
	MR_OPERATIONS(OPERATION_ROW)
#undef OPERATION_ROW
};

static const struct attribute *attribute_find(uint8_t id)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (attributes[i].id == id)
			return &attributes[i];
	return NULL;
}

static bool operation_known(uint8_t operation)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (operations[i].number == operation)
			return true;
	return false;
}

const char *mr_operation_name(uint8_t operation)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (operations[i].number == operation)
			return operations[i].name;
	return "unknown";
}

static bool item_parse(struct mr_rd in, struct mr_selftest_item *item)
{
	size_t len;

	item->index = mr_rd_u8(&in);
	item->passed = mr_rd_u8(&in) != 0;
	item->value = (int32_t)mr_rd_le32(&in);
	len = in.left;
	if (in.bad || len >= sizeof(item->name))
		return false;
	mr_rd_copy(&in, item->name, len);
	item->name[len] = 0;
	for (size_t i = 0; i < len; i++)
		if (item->name[i] < ' ' || item->name[i] > '~')
			return false;
	return true;
}

static bool attribute_parse(struct mr_rd *in, struct mr_message *out)
{
	uint8_t id = mr_rd_u8(in);
	struct mr_rd value = mr_rd_sub(in, mr_rd_le16(in));
	const struct attribute *row = attribute_find(id);

	if (in->bad)
		return false;
	if (!row)
		return true; /* a newer peer's */
	if (value.left < row->shortest || value.left > row->longest)
		return false;
	if (id == MR_AT_SELFTEST_ITEM) {
		out->has[id] = true;
		return out->item_count < MR_SELFTEST_ITEMS_MAX && item_parse(value, &out->items[out->item_count++]);
	}
	if (id == MR_AT_NETWORK) {
		out->has[id] = true;
		if (out->network_count == MR_NETWORKS_MAX)
			return false;
		out->networks[out->network_count++] = value;
		return true;
	}
	if (out->has[id])
		return false;
	out->has[id] = true;
	out->value[id] = value;
	return true;
}

bool mr_message_parse(struct mr_rd in, struct mr_message *out)
{
	uint8_t operation = mr_rd_u8(&in);
	struct mr_rd all;

	*out = (struct mr_message){ .operation = operation & (RESPONSE_BIT - 1),
				    .response = (operation & RESPONSE_BIT) != 0 };
	if (in.bad || !operation_known(out->operation))
		return false;
	if (out->response) {
		out->cause = mr_rd_le16(&in);
		out->busy_us = mr_rd_le32(&in);
	}
	all = in;
	while (!in.bad && in.left > 0) {
		bool had = out->has[MR_AT_SIGNATURE];
		size_t before = all.left - in.left;

		if (!attribute_parse(&in, out))
			return false;
		if (out->response && !had && out->has[MR_AT_SIGNATURE] && in.left == 0)
			out->before_signature = mr_rd_sub(&all, before);
	}
	return !in.bad;
}

void mr_request_begin(struct mr_wr *w, enum mr_operation operation) { mr_wr_u8(w, (uint8_t)operation); }

void mr_response_begin(struct mr_wr *w, enum mr_operation operation)
{
	mr_wr_u8(w, (uint8_t)(operation | RESPONSE_BIT));
	mr_wr_le16(w, 0);
	mr_wr_le32(w, 0);
}

void mr_response_end(struct mr_wr *w, uint16_t cause, uint32_t busy_us)
{
	struct mr_wr head = mr_wr_over(w->buf, w->bad || w->len < MR_RESPONSE_HEAD_LEN ? 0 : MR_RESPONSE_HEAD_LEN);

	(void)mr_wr_room(&head, 1);
	mr_wr_le16(&head, cause);
	mr_wr_le32(&head, busy_us);
}

/* The id and room for `len` octets of value; a length that no peer would accept is refused here already. */
static void attribute_open(struct mr_wr *w, enum mr_attribute id, size_t len)
{
	const struct attribute *row = attribute_find((uint8_t)id);

	if (!row || len < row->shortest || len > row->longest)
		w->bad = true;
	mr_wr_u8(w, (uint8_t)id);
	mr_wr_le16(w, (uint16_t)len);
}

void mr_attribute_add(struct mr_wr *w, enum mr_attribute id, const void *value, size_t len)
{
	attribute_open(w, id, len);
	mr_wr_bytes(w, value, len);
}

void mr_attribute_add_u8(struct mr_wr *w, enum mr_attribute id, uint8_t value)
{
	attribute_open(w, id, 1);
	mr_wr_u8(w, value);
}

void mr_attribute_add_u32(struct mr_wr *w, enum mr_attribute id, uint32_t value)
{
	attribute_open(w, id, 4);
	mr_wr_le32(w, value);
}

void mr_attribute_add_u64(struct mr_wr *w, enum mr_attribute id, uint64_t value)
{
	attribute_open(w, id, 8);
	mr_wr_le64(w, value);
}

void mr_selftest_item_add(struct mr_wr *w, const struct mr_selftest_item *item)
{
	size_t len = 0;

	while (len < sizeof(item->name) - 1 && item->name[len] >= ' ' && item->name[len] <= '~')
		len++;
	attribute_open(w, MR_AT_SELFTEST_ITEM, 6 + len);
	mr_wr_u8(w, item->index);
	mr_wr_u8(w, item->passed ? 1 : 0);
	mr_wr_le32(w, (uint32_t)item->value);
	mr_wr_bytes(w, item->name, len);
}

void mr_network_add(struct mr_wr *w, const struct mr_network *network)
{
	attribute_open(w, MR_AT_NETWORK, (size_t)10 + network->ssid_len);
	mr_wr_bytes(w, network->bssid, 6);
	mr_wr_le16(w, network->freq_mhz);
	mr_wr_u8(w, (uint8_t)network->rssi_dbm);
	mr_wr_u8(w, network->security);
	mr_wr_bytes(w, network->ssid, network->ssid_len < MR_SSID_MAX ? network->ssid_len : MR_SSID_MAX);
}

bool mr_network_read(struct mr_rd value, struct mr_network *out)
{
	mr_rd_copy(&value, out->bssid, 6);
	out->freq_mhz = mr_rd_le16(&value);
	out->rssi_dbm = (int8_t)mr_rd_u8(&value);
	out->security = mr_rd_u8(&value);
	out->ssid_len = (uint8_t)(value.left <= MR_SSID_MAX ? value.left : 0);
	mr_zero(out->ssid, sizeof(out->ssid));
	mr_rd_copy(&value, out->ssid, out->ssid_len);
	return !value.bad && value.left == 0;
}

void mr_join_add(struct mr_wr *w, const struct mr_join *join)
{
	attribute_open(w, MR_AT_JOIN, 15);
	mr_wr_u8(w, join->state);
	mr_wr_le16(w, join->cause);
	mr_wr_bytes(w, join->bssid, 6);
	mr_wr_le16(w, join->freq_mhz);
	mr_wr_le32(w, join->took_ms);
}

bool mr_join_read(struct mr_rd value, struct mr_join *out)
{
	out->state = mr_rd_u8(&value);
	out->cause = mr_rd_le16(&value);
	mr_rd_copy(&value, out->bssid, 6);
	out->freq_mhz = mr_rd_le16(&value);
	out->took_ms = mr_rd_le32(&value);
	return !value.bad && value.left == 0;
}

bool mr_welcome_parse(struct mr_rd in, struct mr_welcome *out)
{
	out->lease_s = mr_rd_le16(&in);
	out->utc_us = mr_rd_le64(&in);
	return !in.bad;
}

void mr_welcome_build(struct mr_wr *w, const struct mr_welcome *welcome)
{
	mr_wr_le16(w, welcome->lease_s);
	mr_wr_le64(w, welcome->utc_us);
}

bool mr_digest(uint8_t out[static 32], const char *label, const struct mr_digest_field *fields, size_t count)
{
	struct mr_piece pieces[2 * (MR_DIGEST_FIELDS_MAX + 1)];
	uint8_t lengths[2 * (MR_DIGEST_FIELDS_MAX + 1)];
	struct mr_wr w = mr_wr_over(lengths, sizeof(lengths));
	size_t total = 0, label_len = 0;

	while (label[label_len])
		label_len++;
	if (count > MR_DIGEST_FIELDS_MAX)
		return false;
	for (size_t i = 0; i <= count; i++) {
		struct mr_piece field = { label, label_len };

		if (i > 0)
			field = (struct mr_piece){ fields[i - 1].bytes, fields[i - 1].len };
		if (field.len > MR_MESSAGE_MAX - total)
			return false;
		total += field.len;
		mr_wr_le16(&w, (uint16_t)field.len);
		pieces[2 * i] = (struct mr_piece){ lengths + 2 * i, 2 };
		pieces[2 * i + 1] = field;
	}
	return mr_sha256_pieces(pieces, 2 * (count + 1), out);
}
