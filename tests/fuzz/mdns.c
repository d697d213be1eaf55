/*
 * Any octets as a message of multicast DNS: whatever is found in it lies in it, questions and answers exclude each
 * other, a name that is read is one of RFC 1035; and an answer of ours with texts of the input is understood again.
 *
 * links: agent/wire/mdns.c
 */
#include <assert.h>
#include <string.h>

#include "agent/wire/mdns.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool within(const uint8_t *bytes, size_t len, struct mr_rd part)
{
	return part.left == 0 || (part.at >= bytes && part.at + part.left <= bytes + len);
}

static void read_message(const uint8_t *bytes, size_t len)
{
	struct mr_rd message = mr_rd_over(bytes, len), value;
	struct mr_mdns_service s;
	bool unicast, asks = mr_mdns_asks(message, "_mfi-config._tcp", &unicast);

	for (unsigned i = 0; mr_mdns_find(message, "_mfi-config._tcp", i, &s); i++) {
		assert(!asks && i < MR_MDNS_RECORDS_MAX);
		assert(within(bytes, len, s.instance) && within(bytes, len, s.txt));
		assert(s.instance.left <= MR_MDNS_LABEL_MAX);
		if (mr_mdns_txt_find(s.txt, "seed", &value))
			assert(within(s.txt.at, s.txt.left, value));
	}
}

static void read_names(const uint8_t *bytes, size_t len)
{
	for (size_t from = 0; from < len && from < 64; from++) {
		struct mr_rd in = mr_rd_over(bytes + from, len - from);
		struct mr_mdns_name name;
		size_t at = 0;

		if (!mr_mdns_name_read(mr_rd_over(bytes, len), &in, &name))
			continue;
		while (name.octets[at] != 0)
			at += name.octets[at] + 1u;
		assert(at + 1 == name.len);
	}
}

static void write_answer(const uint8_t *bytes, size_t len)
{
	uint8_t octets[MR_MDNS_MESSAGE_MAX], text[300];
	struct mr_wr w = mr_wr_over(octets, sizeof(octets)), txt = mr_wr_over(text, sizeof(text));
	char instance[64] = "x";
	struct mr_mdns_service s;
	struct mr_rd seed;

	for (size_t i = 0; i < len && i < 63 && bytes[i]; i++)
		instance[i] = (char)bytes[i];
	mr_mdns_txt_put(&txt, "seed", instance);
	mr_mdns_answer_build(&(struct mr_mdns_answer){ .instance = instance,
						       .service = "_mfi-config._tcp",
						       .host = "h",
						       .port = 80,
						       .address = 1,
						       .txt = mr_wr_written(&txt),
						       .ttl_s = 1 },
			     &w);
	assert(!w.bad && mr_mdns_find(mr_wr_written(&w), "_mfi-config._tcp", 0, &s));
	assert(s.instance.left == strlen(instance) && memcmp(s.instance.at, instance, s.instance.left) == 0);
	assert(mr_mdns_txt_find(s.txt, "seed", &seed) && seed.left == strlen(instance));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	read_message(bytes, len);
	read_names(bytes, len);
	write_answer(bytes, len);
	return 0;
}
