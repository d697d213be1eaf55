/* The sender: what all schemes refuse, and the table of all. */
#include "agent/wire/smartconfig_coder.h"

static const struct mr_smart_script *const scripts[] = {
	&mr_smart_esptouch1_script, &mr_smart_esptouch2_script, &mr_smart_airkiss_script,
	&mr_smart_cc3000_script,    &mr_smart_ezconnect_script,
};

static const struct mr_smart_script *script_of(enum mr_smart_scheme scheme)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (scripts[i]->scheme == scheme)
			return scripts[i];
	return NULL;
}

static const char *key_refused(const struct mr_smart_script *script, size_t len)
{
	if (len == 0 || (len >= script->key_min && len <= script->key_max))
		return NULL;
	if (script->key_max == 0)
		return "it has no keys";
	return script->key_min == script->key_max ? "its key has 16 octets" : "its key has 1 to 32 octets";
}

const char *mr_smart_refuses(enum mr_smart_scheme scheme, const struct mr_smart_settings *settings)
{
	const struct mr_smart_script *script = script_of(scheme);
	const char *why;

	if (!script)
		return "there is no such scheme";
	if (settings->ssid_len == 0)
		return "an SSID of no octets cannot be sent";
	if (settings->ssid_len > MR_SMART_SSID_MAX)
		return "an SSID of 32 octets is the longest";
	if (settings->passphrase_len > MR_SMART_PASSPHRASE_MAX)
		return "a passphrase of 64 octets is the longest";
	if (settings->reserved_len > 0 && scheme != MR_SMART_ESPTOUCH2)
		return "it has no reserved data";
	if (settings->reserved_len > MR_SMART_RESERVED_MAX)
		return "reserved data of 64 octets is the longest";
	why = key_refused(script, settings->key_len);
	return why || !script->refuses ? why : script->refuses(settings);
}

bool mr_smart_begin(struct mr_smart_sender *sender, enum mr_smart_scheme scheme,
		    const struct mr_smart_settings *settings)
{
	*sender = (struct mr_smart_sender){ .scheme = scheme };
	if (mr_smart_refuses(scheme, settings))
		return false;
	sender->settings = *settings;
	if (script_of(scheme)->begin(sender))
		return true;
	mr_wipe(sender, sizeof(*sender));
	return false;
}

void mr_smart_next(struct mr_smart_sender *sender, struct mr_smart_frame *out)
{
	*out = (struct mr_smart_frame){ .port = 7001, .destination = { 255, 255, 255, 255 } };
	script_of(sender->scheme)->next(sender, out);
	sender->sent_us += out->gap_us;
	sender->round += out->ends_round;
}
