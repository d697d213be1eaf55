/*
 * Any octets as the station's settings: refused with file, line and column, or whole, and read the same again. Who no
 * rule names has the role of all others.
 *
 * links: station/control/settings.c station/control/request.c station/control/place.c station/base/log.c
 * links: station/yaml/words.c station/yaml/tree.c station/yaml/complaint.c
 */
#include <assert.h>
#include <string.h>

#include "station/control/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct settings settings, again; /* 100 KiB each */

static bool is_text(const char *at, size_t room)
{
	size_t len = strnlen(at, room);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f)
			return false;
	return len < room;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *bytes = len ? (const char *)data : "", *name = NULL;
	struct job_errors errors = { 0 };
	gid_t nobodys = 4294967000u;
	enum role role;

	memset(&settings, 0, sizeof(settings));
	memset(&again, 0, sizeof(again));
	if (!settings_parse("fuzz.yaml", bytes, len, &settings, &errors)) {
		assert(errors.count > 0);
		for (size_t i = 0; i < errors.count; i++)
			assert(strncmp(errors.text[i], "fuzz.yaml:", 10) == 0 &&
			       strlen(errors.text[i]) < sizeof(errors.text[i]));
		return 0;
	}
	assert(errors.count == 0);
	assert(settings.user_count <= SETTINGS_LIST_MAX && settings.group_count <= SETTINGS_LIST_MAX &&
	       settings.badge_count <= SETTINGS_LIST_MAX);
	assert(is_text(settings.socket, sizeof(settings.socket)) && is_text(settings.jobs, sizeof(settings.jobs)) &&
	       is_text(settings.metrics, sizeof(settings.metrics)));
	for (size_t i = 0; i < settings.badge_count; i++) {
		const struct settings_badge *badge = &settings.badges[i];

		assert(badge->badge[0] && is_text(badge->badge, sizeof(badge->badge)) &&
		       is_text(badge->name, sizeof(badge->name)));
		assert(settings_badge(&settings, badge->badge) == badge);
	}
	role = settings_role(&settings, 4294967001u, &nobodys, 1, &name);
	assert(role == settings.others || name || settings.user_count + settings.group_count > 0);
	assert(settings_parse("fuzz.yaml", bytes, len, &again, &errors));
	assert(memcmp(&settings, &again, sizeof(settings)) == 0);
	return 0;
}
