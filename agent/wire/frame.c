#include "agent/wire/frame.h"

#include "agent/port/crypto.h"
#include "agent/wire/hkdf.h"

/*
 * IEEE 802.11-2020 9.2.4.1: type management, subtype action. Of the second octet, retry, power management and more
 * data may be set by the sender's hardware; the rest has no place in a frame of ours.
 */
#define FRAME_CONTROL 0xd0
#define FLAGS_MAY_BE_SET 0x38

#define HANDSHAKE_LEAST 48  /* an ephemeral key and a tag */
#define CATEGORY_VENDOR 127 /* table 9-51: vendor-specific */

static const uint8_t oui[] = MR_OUI;
static const uint8_t everyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

bool mr_batch_keys(const uint8_t batch_key[static 32], uint8_t call_key[static 32], uint8_t batch_tag[static 8])
{
	return mr_hkdf_sha256("", 0, batch_key, 32, "millrace call", 13, call_key, 32) &&
	       mr_hkdf_sha256("", 0, batch_key, 32, "millrace batch tag", 18, batch_tag, 8);
}

static void call_parse(struct mr_rd *in, struct mr_call *call)
{
	mr_rd_copy(in, call->station_id, 8);
	mr_rd_copy(in, call->batch_tag, 8);
	call->counter = mr_rd_le64(in);
	call->flags = mr_rd_u8(in);
	call->slots = mr_rd_le16(in);
	call->slot_us = mr_rd_le16(in);
}

static void call_build(struct mr_wr *out, const struct mr_call *call)
{
	mr_wr_bytes(out, call->station_id, 8);
	mr_wr_bytes(out, call->batch_tag, 8);
	mr_wr_le64(out, call->counter);
	mr_wr_u8(out, call->flags);
	mr_wr_le16(out, call->slots);
	mr_wr_le16(out, call->slot_us);
}

static void hello_parse(struct mr_rd *in, struct mr_hello *hello)
{
	mr_rd_copy(in, hello->batch_tag, 8);
	mr_rd_copy(in, hello->device_id, 8);
	hello->counter = mr_rd_le64(in);
	mr_rd_copy(in, hello->nonce, 8);
}

static void hello_build(struct mr_wr *out, const struct mr_hello *hello)
{
	mr_wr_bytes(out, hello->batch_tag, 8);
	mr_wr_bytes(out, hello->device_id, 8);
	mr_wr_le64(out, hello->counter);
	mr_wr_bytes(out, hello->nonce, 8);
}

static void invite_parse(struct mr_rd *in, struct mr_invite *invite)
{
	mr_rd_copy(in, invite->session_id, 8);
	mr_rd_copy(in, invite->nonce, 8);
	invite->freq_mhz = mr_rd_le16(in);
	invite->lease_s = mr_rd_le16(in);
}

static void invite_build(struct mr_wr *out, const struct mr_invite *invite)
{
	mr_wr_bytes(out, invite->session_id, 8);
	mr_wr_bytes(out, invite->nonce, 8);
	mr_wr_le16(out, invite->freq_mhz);
	mr_wr_le16(out, invite->lease_s);
}

/* The rest of the frame, which must be `least` to `most` octets. */
static struct mr_rd rest(struct mr_rd *in, size_t least, size_t most)
{
	if (in->left < least || in->left > most)
		in->bad = true;
	return mr_rd_sub(in, in->left);
}

static void data_parse(struct mr_rd *in, struct mr_data *data)
{
	data->session = mr_rd_le32(in);
	data->seq = mr_rd_le16(in);
	data->fragment = mr_rd_u8(in);
	data->fragments = mr_rd_u8(in);
	data->flags = mr_rd_u8(in);
}

static void data_header_build(struct mr_wr *out, const struct mr_data *data)
{
	mr_wr_le32(out, data->session);
	mr_wr_le16(out, data->seq);
	mr_wr_u8(out, data->fragment);
	mr_wr_u8(out, data->fragments);
	mr_wr_u8(out, data->flags);
}

static bool data_fits(const struct mr_data *data)
{
	return data->seq > 0 && data->fragments > 0 && data->fragments <= MR_FRAGMENTS_MAX &&
	       data->fragment < data->fragments && data->sealed.left > MR_TAG_LEN &&
	       data->sealed.left <= MR_FRAGMENT_MAX + MR_TAG_LEN &&
	       (data->fragment == data->fragments - 1 || data->sealed.left == MR_FRAGMENT_MAX + MR_TAG_LEN);
}

static void poll_parse(struct mr_rd *in, struct mr_poll *poll)
{
	poll->session = mr_rd_le32(in);
	poll->seq = mr_rd_le16(in);
	poll->have = mr_rd_u8(in);
}

static void poll_build(struct mr_wr *out, const struct mr_poll *poll)
{
	mr_wr_le32(out, poll->session);
	mr_wr_le16(out, poll->seq);
	mr_wr_u8(out, poll->have);
}

static void progress_parse(struct mr_rd *in, struct mr_progress *progress)
{
	progress->session = mr_rd_le32(in);
	progress->seq = mr_rd_le16(in);
	progress->state = mr_rd_u8(in);
	progress->have = mr_rd_u8(in);
	progress->remaining_ms = mr_rd_le16(in);
}

static void progress_build(struct mr_wr *out, const struct mr_progress *progress)
{
	mr_wr_le32(out, progress->session);
	mr_wr_le16(out, progress->seq);
	mr_wr_u8(out, progress->state);
	mr_wr_u8(out, progress->have);
	mr_wr_le16(out, progress->remaining_ms);
}

/* Where the mac of a frame of this type lies; NULL for those without one. */
static uint8_t *mac_of(struct mr_frame *frame)
{
	switch (frame->type) {
	case MR_CALL: return frame->call.mac;
	case MR_HELLO: return frame->hello.mac;
	case MR_INVITE: return frame->invite.mac;
	case MR_HANDSHAKE_1:
	case MR_HANDSHAKE_2:
	case MR_DATA:
	case MR_POLL:
	case MR_PROGRESS: return NULL;
	}
	return NULL;
}

static bool body_parse(struct mr_rd *in, struct mr_frame *out)
{
	switch (out->type) {
	case MR_CALL: call_parse(in, &out->call); return true;
	case MR_HELLO: hello_parse(in, &out->hello); return true;
	case MR_INVITE: invite_parse(in, &out->invite); return true;
	case MR_HANDSHAKE_1:
	case MR_HANDSHAKE_2:
		mr_rd_copy(in, out->handshake.session_id, 8);
		out->handshake.noise = rest(in, HANDSHAKE_LEAST, MR_FRAME_MAX);
		return true;
	case MR_DATA: data_parse(in, &out->data); return true;
	case MR_POLL: poll_parse(in, &out->poll); return out->poll.seq > 0;
	case MR_PROGRESS:
		progress_parse(in, &out->progress);
		return out->progress.state >= MR_PROGRESS_INCOMPLETE && out->progress.state <= MR_PROGRESS_UNKNOWN;
	}
	return false;
}

bool mr_frame_parse(struct mr_rd in, struct mr_frame *out)
{
	const uint8_t *fixed, *addr3;
	uint16_t sequence;
	struct mr_rd from;
	uint8_t *mac;

	*out = (struct mr_frame){ 0 };
	if (in.bad || in.left > MR_FRAME_MAX)
		return false;
	fixed = mr_rd_take(&in, 4); /* frame control, duration */
	mr_rd_copy(&in, out->header.receiver, 6);
	mr_rd_copy(&in, out->header.sender, 6);
	addr3 = mr_rd_take(&in, 6);
	sequence = mr_rd_le16(&in);
	if (in.bad || fixed[0] != FRAME_CONTROL || (fixed[1] & ~FLAGS_MAY_BE_SET) != 0 ||
	    !mr_equal(addr3, everyone, 6) || (sequence & 15) != 0)
		return false;
	out->header.sequence = sequence >> 4;
	fixed = mr_rd_take(&in, 4);
	if (!fixed || fixed[0] != CATEGORY_VENDOR || !mr_equal(fixed + 1, oui, sizeof(oui)))
		return false;
	from = in;
	if (mr_rd_u8(&in) != MR_VERSION)
		return false;
	out->type = (enum mr_frame_type)mr_rd_u8(&in);
	if (in.bad || !body_parse(&in, out) || in.bad)
		return false;
	out->authenticated = mr_rd_sub(&from, from.left - in.left);
	mac = mac_of(out);
	if (mac)
		mr_rd_copy(&in, mac, 8);
	if (out->type == MR_DATA) {
		out->data.sealed = mr_rd_sub(&in, in.left);
		if (!data_fits(&out->data))
			return false;
	}
	return !in.bad && in.left == 0;
}

static bool body_build(struct mr_wr *out, const struct mr_frame *frame)
{
	switch (frame->type) {
	case MR_CALL: call_build(out, &frame->call); return true;
	case MR_HELLO: hello_build(out, &frame->hello); return true;
	case MR_INVITE: invite_build(out, &frame->invite); return true;
	case MR_HANDSHAKE_1:
	case MR_HANDSHAKE_2:
		mr_wr_bytes(out, frame->handshake.session_id, 8);
		mr_wr_bytes(out, frame->handshake.noise.at, frame->handshake.noise.left);
		return !frame->handshake.noise.bad && frame->handshake.noise.left >= HANDSHAKE_LEAST;
	case MR_DATA:
		data_header_build(out, &frame->data);
		mr_wr_bytes(out, frame->data.sealed.at, frame->data.sealed.left);
		return !frame->data.sealed.bad && data_fits(&frame->data);
	case MR_POLL: poll_build(out, &frame->poll); return frame->poll.seq > 0;
	case MR_PROGRESS: progress_build(out, &frame->progress); return true;
	}
	return false;
}

bool mr_frame_build(struct mr_wr *out, const struct mr_frame *frame, const uint8_t *call_key)
{
	size_t start = out->len, from;
	bool ok;

	mr_wr_le16(out, FRAME_CONTROL);
	mr_wr_le16(out, 0); /* duration: the hardware's business */
	mr_wr_bytes(out, frame->header.receiver, 6);
	mr_wr_bytes(out, frame->header.sender, 6);
	mr_wr_bytes(out, everyone, 6);
	mr_wr_le16(out, (uint16_t)(frame->header.sequence << 4));
	mr_wr_u8(out, CATEGORY_VENDOR);
	mr_wr_bytes(out, oui, sizeof(oui));
	from = out->len;
	mr_wr_u8(out, MR_VERSION);
	mr_wr_u8(out, (uint8_t)frame->type);
	ok = body_build(out, frame);
	if (ok && (frame->type == MR_CALL || frame->type == MR_HELLO || frame->type == MR_INVITE)) {
		uint8_t mac[32];

		ok = !out->bad && call_key && mr_hmac_sha256(call_key, 32, out->buf + from, out->len - from, mac);
		mr_wr_bytes(out, mac, 8);
	}
	return ok && !out->bad && out->len - start <= MR_FRAME_MAX;
}

bool mr_frame_authentic(const struct mr_frame *frame, const uint8_t call_key[static 32])
{
	const uint8_t *claimed = NULL;
	uint8_t mac[32];

	if (frame->type == MR_CALL)
		claimed = frame->call.mac;
	else if (frame->type == MR_HELLO)
		claimed = frame->hello.mac;
	else if (frame->type == MR_INVITE)
		claimed = frame->invite.mac;
	return claimed && mr_hmac_sha256(call_key, 32, frame->authenticated.at, frame->authenticated.left, mac) &&
	       mr_equal_ct(mac, claimed, 8);
}

void mr_data_ad(const struct mr_data *data, uint8_t ad[static 2 + MR_DATA_HEADER_LEN])
{
	struct mr_wr w = mr_wr_over(ad, 2 + MR_DATA_HEADER_LEN);
	struct mr_data header = *data;

	header.flags = (uint8_t)(header.flags & ~MR_DATA_HOLD);
	mr_wr_u8(&w, MR_VERSION);
	mr_wr_u8(&w, MR_DATA);
	data_header_build(&w, &header);
}
