/*
 * Any octets as a message: what parses builds back to a message that parses to the same.
 *
 * links: agent/wire/message.c agent/port/linux/crypto_openssl.c
 */
#include <assert.h>
#include <string.h>

#include "agent/wire/frame.h"
#include "agent/wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint8_t again[2 * MR_MESSAGE_MAX];
	struct mr_wr w = mr_wr_over(again, sizeof(again));
	struct mr_message m, n;
	struct mr_welcome welcome;

	if (mr_welcome_parse(mr_rd_over(bytes, len), &welcome))
		assert(len >= MR_WELCOME_LEN);
	if (len > MR_MESSAGE_MAX || !mr_message_parse(mr_rd_over(bytes, len), &m))
		return 0;
	if (m.response)
		mr_response_begin(&w, (enum mr_operation)m.operation);
	else
		mr_request_begin(&w, (enum mr_operation)m.operation);
	for (int id = 1; id < MR_AT_COUNT; id++)
		if (m.has[id] && id != MR_AT_SELFTEST_ITEM && id != MR_AT_NETWORK)
			mr_attribute_add(&w, (enum mr_attribute)id, m.value[id].at, m.value[id].left);
	for (size_t i = 0; i < m.item_count; i++)
		mr_selftest_item_add(&w, &m.items[i]);
	for (size_t i = 0; i < m.network_count; i++) {
		struct mr_network network;

		assert(mr_network_read(m.networks[i], &network));
		mr_network_add(&w, &network);
	}
	if (m.response)
		mr_response_end(&w, m.cause, m.busy_us);
	assert(!w.bad && w.len <= len && mr_message_parse(mr_wr_written(&w), &n));
	assert(n.operation == m.operation && n.response == m.response && n.cause == m.cause && n.busy_us == m.busy_us &&
	       n.item_count == m.item_count && n.network_count == m.network_count &&
	       !memcmp(n.has, m.has, sizeof(m.has)));
	for (int id = 1; id < MR_AT_COUNT; id++)
		assert(n.value[id].left == m.value[id].left &&
		       (n.value[id].left == 0 || !memcmp(n.value[id].at, m.value[id].at, m.value[id].left)));
	for (size_t i = 0; i < m.network_count; i++)
		assert(n.networks[i].left == m.networks[i].left &&
		       !memcmp(n.networks[i].at, m.networks[i].at, m.networks[i].left));
	for (size_t i = 0; i < m.item_count; i++)
		assert(n.items[i].index == m.items[i].index && n.items[i].passed == m.items[i].passed &&
		       n.items[i].value == m.items[i].value && !strcmp(n.items[i].name, m.items[i].name));
	return 0;
}
