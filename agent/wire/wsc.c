#include "agent/wire/wsc.h"

#include "agent/port/crypto.h"

#define VERSION_1 0x10u /* of every message, also of version 2 */
#define VERSION_2 0x20u
#define VENDOR_EXTENSION 0x1049u
#define ESS 1u
#define BLOCK 16u /* of AES */
#define KDF_BITS 640u

/* WFA vendor extension, section 12 */
enum extension { EXT_VERSION2 = 0, EXT_AUTHORIZED_MACS = 1, EXT_REQUEST_TO_ENROLL = 3 };

static const uint8_t wfa_oui[3] = { 0x00, 0x37, 0x2a };

static const struct {
	uint16_t id, min, max;
} attributes[MR_WSC_COUNT] = {
#define MR_WSC_ROW(name, id, min, max) { id, min, max },
	MR_WSC_ATTRIBUTES(MR_WSC_ROW)
#undef MR_WSC_ROW
};

/* --- attributes --- */

static int find(uint16_t id)
{
	for (int i = 0; i < (int)MR_WSC_COUNT; i++)
		if (attributes[i].id == id)
			return i;
	return -1;
}

/* Sub-elements that we do not know are skipped; a cut one ends the extension and spoils nothing before it. */
static void parse_extension(struct mr_rd in, struct mr_wsc *out)
{
	const uint8_t *oui = mr_rd_take(&in, sizeof(wfa_oui));

	if (!oui || !mr_equal(oui, wfa_oui, sizeof(wfa_oui)))
		return;
	while (in.left >= 2) {
		uint8_t id = mr_rd_u8(&in);
		struct mr_rd value = mr_rd_sub(&in, mr_rd_u8(&in));

		if (in.bad || value.bad)
			return;
		if (id == EXT_VERSION2 && value.left == 1)
			out->version2 = mr_rd_u8(&value);
		else if (id == EXT_AUTHORIZED_MACS && value.left % 6 == 0 && value.left <= 6u * MR_WSC_AUTHORIZED_MAX)
			out->authorized = value;
		else if (id == EXT_REQUEST_TO_ENROLL && value.left == 1)
			out->wants_to_enroll = mr_rd_u8(&value) == 1;
	}
}

bool mr_wsc_parse(struct mr_rd in, struct mr_wsc *out)
{
	const size_t len = in.left;

	*out = (struct mr_wsc){ .unsigned_len = len };
	while (in.left > 0) {
		size_t before = len - in.left;
		uint16_t id = mr_rd_be16(&in);
		struct mr_rd value = mr_rd_sub(&in, mr_rd_be16(&in));
		int i = find(id);

		if (in.bad || value.bad)
			return false;
		if (id == VENDOR_EXTENSION)
			parse_extension(value, out);
		if (i < 0)
			continue;
		if (value.left < attributes[i].min || value.left > attributes[i].max)
			return false;
		out->value[i] = value;
		if (i == MR_WSC_AUTHENTICATOR) {
			out->unsigned_len = before;
			return in.left == 0;
		}
	}
	return !in.bad;
}

uint32_t mr_wsc_number(const struct mr_wsc *message, enum mr_wsc_attribute which, uint32_t otherwise)
{
	struct mr_rd value = message->value[which];

	return value.at ? (uint32_t)mr_rd_be(&value, value.left) : otherwise;
}

uint8_t mr_wsc_type(const struct mr_wsc *message) { return (uint8_t)mr_wsc_number(message, MR_WSC_MESSAGE_TYPE, 0); }

bool mr_wsc_is(const struct mr_wsc *message, enum mr_wsc_attribute which, const void *value, size_t len)
{
	const struct mr_rd *there = &message->value[which];

	return there->at && there->left == len && mr_equal(there->at, value, len);
}

bool mr_wsc_public_key(const struct mr_wsc *message, uint8_t out[static MR_WSC_KEY_LEN])
{
	const struct mr_rd *value = &message->value[MR_WSC_PUBLIC_KEY];
	size_t missing = MR_WSC_KEY_LEN - value->left;

	if (!value->at || value->left > MR_WSC_KEY_LEN)
		return false;
	mr_zero(out, missing);
	mr_copy(out + missing, value->at, value->left);
	return true;
}

const char *mr_wsc_type_name(uint8_t type)
{
	static const char *const names[] = { "m1", "m2", "m2d", "m3",  "m4",   "m5",
					     "m6", "m7", "m8",	"ack", "nack", "done" };

	return type >= MR_WSC_M1 && type <= MR_WSC_DONE ? names[type - MR_WSC_M1] : "no message";
}

/* --- writing --- */

void mr_wsc_put(struct mr_wr *w, enum mr_wsc_attribute which, const void *value, size_t len)
{
	if (len < attributes[which].min || len > attributes[which].max)
		w->bad = true;
	mr_wr_be16(w, attributes[which].id);
	mr_wr_be16(w, (uint16_t)len);
	mr_wr_bytes(w, value, len);
}

void mr_wsc_put_number(struct mr_wr *w, enum mr_wsc_attribute which, uint32_t value)
{
	mr_wr_be16(w, attributes[which].id);
	mr_wr_be16(w, attributes[which].max);
	mr_wr_be(w, value, attributes[which].max);
}

void mr_wsc_begin(struct mr_wr *w, enum mr_wsc_type type)
{
	mr_wsc_put_number(w, MR_WSC_VERSION, VERSION_1);
	mr_wsc_put_number(w, MR_WSC_MESSAGE_TYPE, (uint32_t)type);
}

void mr_wsc_put_version2(struct mr_wr *w, const uint8_t *authorized, size_t authorized_count, bool enroll)
{
	size_t mark;

	if (authorized_count > MR_WSC_AUTHORIZED_MAX)
		w->bad = true;
	mr_wr_be16(w, VENDOR_EXTENSION);
	mark = mr_wr_open16(w);
	mr_wr_bytes(w, wfa_oui, sizeof(wfa_oui));
	mr_wr_u8(w, EXT_VERSION2);
	mr_wr_u8(w, 1);
	mr_wr_u8(w, VERSION_2);
	if (authorized_count > 0) {
		mr_wr_u8(w, EXT_AUTHORIZED_MACS);
		mr_wr_u8(w, (uint8_t)(6 * authorized_count));
		mr_wr_bytes(w, authorized, 6 * authorized_count);
	}
	if (enroll) {
		mr_wr_u8(w, EXT_REQUEST_TO_ENROLL);
		mr_wr_u8(w, 1);
		mr_wr_u8(w, 1);
	}
	mr_wr_close_be16(w, mark);
}

static void put_text(struct mr_wr *w, enum mr_wsc_attribute which, const char *text)
{
	size_t len = 0;

	while (text && text[len] && len < attributes[which].max)
		len++;
	/* An empty text is a space: old peers refuse length 0. */
	mr_wsc_put(w, which, len ? text : " ", len ? len : 1);
}

void mr_wsc_put_abilities(struct mr_wr *w, const struct mr_wsc_device *device, uint8_t state)
{
	mr_wsc_put_number(w, MR_WSC_AUTHENTICATION_FLAGS, MR_WSC_OPEN | MR_WSC_WPA2_PSK);
	mr_wsc_put_number(w, MR_WSC_ENCRYPTION_FLAGS, MR_WSC_NONE | MR_WSC_AES);
	mr_wsc_put_number(w, MR_WSC_CONNECTION_FLAGS, ESS);
	mr_wsc_put_number(w, MR_WSC_CONFIG_METHODS, device->methods);
	if (state)
		mr_wsc_put_number(w, MR_WSC_STATE, state);
}

void mr_wsc_put_names(struct mr_wr *w, const struct mr_wsc_device *device)
{
	put_text(w, MR_WSC_MANUFACTURER, device->manufacturer);
	put_text(w, MR_WSC_MODEL_NAME, device->model_name);
	put_text(w, MR_WSC_MODEL_NUMBER, device->model_number);
	put_text(w, MR_WSC_SERIAL_NUMBER, device->serial);
	mr_wsc_put(w, MR_WSC_DEVICE_TYPE, device->device_type, sizeof(device->device_type));
	put_text(w, MR_WSC_DEVICE_NAME, device->name);
}

bool mr_wsc_uuid(const uint8_t mac[static 6], uint8_t out[static 16])
{
	static const char label[] = "millrace wsc uuid";
	const struct mr_piece pieces[] = { { label, sizeof(label) - 1 }, { mac, 6 } };
	uint8_t hash[32];
	bool ok = mr_sha256_pieces(pieces, 2, hash);

	mr_copy(out, hash, 16);
	out[6] = (uint8_t)((out[6] & 0x0f) | 0x80);
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
	return ok;
}

/* --- keys --- */

bool mr_wsc_derive(const uint8_t shared[static MR_WSC_KEY_LEN], const uint8_t enrollee_nonce[static 16],
		   const uint8_t mac[static 6], const uint8_t registrar_nonce[static 16], struct mr_wsc_keys *keys)
{
	static const char label[36] = "Wi-Fi Easy and Secure Key Derivation";
	uint8_t dhkey[32], kdk[32], salt[16 + 6 + 16], input[4 + sizeof(label) + 4], out[96];
	struct mr_wr w = mr_wr_over(salt, sizeof(salt));
	bool ok;

	mr_wr_bytes(&w, enrollee_nonce, 16);
	mr_wr_bytes(&w, mac, 6);
	mr_wr_bytes(&w, registrar_nonce, 16);
	ok = mr_sha256(shared, MR_WSC_KEY_LEN, dhkey) && mr_hmac_sha256(dhkey, sizeof(dhkey), salt, sizeof(salt), kdk);
	for (uint32_t i = 1; ok && i <= 3; i++) {
		w = mr_wr_over(input, sizeof(input));
		mr_wr_be32(&w, i);
		mr_wr_bytes(&w, label, sizeof(label));
		mr_wr_be32(&w, KDF_BITS);
		ok = mr_hmac_sha256(kdk, sizeof(kdk), input, sizeof(input), out + (i - 1) * 32);
	}
	if (ok) {
		mr_copy(keys->auth, out, 32);
		mr_copy(keys->wrap, out + 32, 16);
		mr_copy(keys->emsk, out + 48, 32);
	} else {
		mr_wipe(keys, sizeof(*keys));
	}
	mr_wipe(dhkey, sizeof(dhkey));
	mr_wipe(kdk, sizeof(kdk));
	mr_wipe(out, sizeof(out));
	return ok;
}

bool mr_wsc_psk(const struct mr_wsc_keys *keys, const char *pin, size_t pin_len, uint8_t psk1[static 16],
		uint8_t psk2[static 16])
{
	size_t first = (pin_len + 1) / 2;
	uint8_t hash[2][32];
	bool ok = mr_hmac_sha256(keys->auth, sizeof(keys->auth), pin, first, hash[0]) &&
		  mr_hmac_sha256(keys->auth, sizeof(keys->auth), pin + first, pin_len - first, hash[1]);

	mr_copy(psk1, hash[0], 16);
	mr_copy(psk2, hash[1], 16);
	mr_wipe(hash, sizeof(hash));
	return ok;
}

bool mr_wsc_commit(const struct mr_wsc_keys *keys, const uint8_t snonce[static 16], const uint8_t psk[static 16],
		   const uint8_t enrollee_key[static MR_WSC_KEY_LEN],
		   const uint8_t registrar_key[static MR_WSC_KEY_LEN], uint8_t out[static MR_WSC_HASH_LEN])
{
	uint8_t input[16 + 16 + 2 * MR_WSC_KEY_LEN];
	struct mr_wr w = mr_wr_over(input, sizeof(input));
	bool ok;

	mr_wr_bytes(&w, snonce, 16);
	mr_wr_bytes(&w, psk, 16);
	mr_wr_bytes(&w, enrollee_key, MR_WSC_KEY_LEN);
	mr_wr_bytes(&w, registrar_key, MR_WSC_KEY_LEN);
	ok = mr_hmac_sha256(keys->auth, sizeof(keys->auth), input, sizeof(input), out);
	mr_wipe(input, 32);
	return ok;
}

/* --- what protects a message --- */

static bool authenticator(const struct mr_wsc_keys *keys, struct mr_rd previous, const uint8_t *octets, size_t len,
			  uint8_t out[static 8])
{
	uint8_t hash[32];
	bool ok = mr_hmac_sha256_2(keys->auth, sizeof(keys->auth), previous.at, previous.left, octets, len, hash);

	mr_copy(out, hash, 8);
	mr_wipe(hash, sizeof(hash));
	return ok;
}

void mr_wsc_sign(struct mr_wr *w, const struct mr_wsc_keys *keys, struct mr_rd previous)
{
	uint8_t value[8];

	mr_wsc_put_version2(w, NULL, 0, false);
	if (w->bad || !authenticator(keys, previous, w->buf, w->len, value))
		w->bad = true;
	mr_wsc_put(w, MR_WSC_AUTHENTICATOR, value, sizeof(value));
}

bool mr_wsc_verify(const struct mr_wsc *message, struct mr_rd octets, const struct mr_wsc_keys *keys,
		   struct mr_rd previous)
{
	const struct mr_rd *there = &message->value[MR_WSC_AUTHENTICATOR];
	uint8_t value[8];

	return there->at && message->unsigned_len <= octets.left &&
	       authenticator(keys, previous, octets.at, message->unsigned_len, value) &&
	       mr_equal_ct(value, there->at, sizeof(value));
}

void mr_wsc_put_settings(struct mr_wr *w, const struct mr_wsc_keys *keys, const uint8_t iv[static 16],
			 struct mr_wr *plain)
{
	const struct mr_rd none = { 0 };
	uint8_t value[8], pad, *to;

	if (plain->bad || !authenticator(keys, none, plain->buf, plain->len, value))
		w->bad = true;
	mr_wsc_put(plain, MR_WSC_KEY_WRAP_AUTHENTICATOR, value, sizeof(value));
	/* RFC 5652 section 6.3: 1 to 16 octets that say how many they are. */
	pad = (uint8_t)(BLOCK - plain->len % BLOCK);
	for (uint8_t i = 0; i < pad; i++)
		mr_wr_u8(plain, pad);
	if (plain->bad)
		w->bad = true;
	mr_wr_be16(w, attributes[MR_WSC_ENCRYPTED_SETTINGS].id);
	mr_wr_be16(w, (uint16_t)(BLOCK + plain->len));
	mr_wr_bytes(w, iv, BLOCK);
	to = mr_wr_room(w, plain->len);
	if (to && !mr_aes128_cbc_encrypt(keys->wrap, iv, plain->buf, plain->len, to))
		w->bad = true;
	mr_wipe(plain->buf, plain->len);
}

bool mr_wsc_open_settings(const struct mr_wsc *message, const struct mr_wsc_keys *keys, uint8_t *plain,
			  struct mr_wsc *out)
{
	struct mr_rd value = message->value[MR_WSC_ENCRYPTED_SETTINGS];
	const uint8_t *iv = mr_rd_take(&value, BLOCK);
	const struct mr_rd none = { 0 };
	const struct mr_rd *wrapped;
	uint8_t pad, truth[8];
	size_t len = value.left;

	if (!iv || len == 0 || len % BLOCK != 0 || len > MR_WSC_SETTINGS_MAX ||
	    !mr_aes128_cbc_decrypt(keys->wrap, iv, value.at, len, plain))
		return false;
	pad = plain[len - 1];
	/* The Authenticator of the message was true, so its padding tells nobody anything. */
	if (pad == 0 || pad > BLOCK || !mr_wsc_parse(mr_rd_over(plain, len - pad), out))
		return false;
	wrapped = &out->value[MR_WSC_KEY_WRAP_AUTHENTICATOR];
	if (!wrapped->at || wrapped->at + wrapped->left != plain + len - pad)
		return false;
	out->unsigned_len = (size_t)(wrapped->at - plain) - 4;
	return authenticator(keys, none, plain, out->unsigned_len, truth) &&
	       mr_equal_ct(truth, wrapped->at, sizeof(truth));
}

/* --- credentials --- */

static void put_settings_of(struct mr_wr *w, const struct mr_wsc_credential *credential)
{
	mr_wsc_put_number(w, MR_WSC_NETWORK_INDEX, 1);
	mr_wsc_put(w, MR_WSC_SSID, credential->ssid, credential->ssid_len);
	mr_wsc_put_number(w, MR_WSC_AUTHENTICATION_TYPE, credential->authentication);
	mr_wsc_put_number(w, MR_WSC_ENCRYPTION_TYPE, credential->encryption);
	mr_wsc_put(w, MR_WSC_NETWORK_KEY, credential->key, credential->key_len);
	mr_wsc_put(w, MR_WSC_MAC_ADDRESS, credential->mac, sizeof(credential->mac));
}

void mr_wsc_put_credential(struct mr_wr *w, const struct mr_wsc_credential *credential, bool to_access_point)
{
	uint8_t buf[256];
	struct mr_wr inner = mr_wr_over(buf, sizeof(buf));

	if (to_access_point) {
		put_settings_of(w, credential);
		return;
	}
	put_settings_of(&inner, credential);
	if (inner.bad)
		w->bad = true;
	mr_wsc_put(w, MR_WSC_CREDENTIAL, buf, inner.len);
	mr_wipe(buf, sizeof(buf));
}

/* As wpa_supplicant judges: WPA2-PSK may come with WPA-PSK beside it, and no control character is part of a key. */
static bool take_credential(const struct mr_wsc *settings, struct mr_wsc_credential *out)
{
	const struct mr_rd *ssid = &settings->value[MR_WSC_SSID], *key = &settings->value[MR_WSC_NETWORK_KEY];
	uint32_t authentication = mr_wsc_number(settings, MR_WSC_AUTHENTICATION_TYPE, 0),
		 encryption = mr_wsc_number(settings, MR_WSC_ENCRYPTION_TYPE, 0);
	struct mr_rd mac = settings->value[MR_WSC_MAC_ADDRESS];
	bool wpa2 = (authentication & MR_WSC_WPA2_PSK) && (encryption & MR_WSC_AES),
	     open = authentication == MR_WSC_OPEN && encryption == MR_WSC_NONE;

	if (!ssid->at || ssid->left == 0 || (!wpa2 && !open))
		return false;
	if (wpa2 && (!key->at || key->left < 8))
		return false;
	for (size_t i = 0; wpa2 && i < key->left; i++)
		if (key->at[i] < 0x20 || key->at[i] == 0x7f)
			return false;
	*out = (struct mr_wsc_credential){ .ssid_len = (uint8_t)ssid->left,
					   .authentication = wpa2 ? MR_WSC_WPA2_PSK : MR_WSC_OPEN,
					   .encryption = wpa2 ? MR_WSC_AES : MR_WSC_NONE,
					   .key_len = wpa2 ? (uint8_t)key->left : 0 };
	mr_copy(out->ssid, ssid->at, ssid->left);
	mr_copy(out->key, key->at, out->key_len);
	if (mac.at)
		mr_rd_copy(&mac, out->mac, sizeof(out->mac));
	return true;
}

bool mr_wsc_credential(struct mr_rd settings, struct mr_wsc_credential *out)
{
	struct mr_rd in = settings;
	struct mr_wsc inner;

	while (in.left > 0) {
		uint16_t id = mr_rd_be16(&in);
		struct mr_rd value = mr_rd_sub(&in, mr_rd_be16(&in));

		if (in.bad || value.bad)
			return false;
		if (id == attributes[MR_WSC_CREDENTIAL].id && mr_wsc_parse(value, &inner) &&
		    take_credential(&inner, out))
			return true;
	}
	return mr_wsc_parse(settings, &inner) && take_credential(&inner, out);
}
