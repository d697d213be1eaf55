#include "station/radio/sysfs.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS "/sys/class/ieee80211"
#define SYSFS_PHYS_MAX 256

static bool read_line(const char *path, char *out, size_t cap)
{
	FILE *from = fopen(path, "r");
	bool got;

	out[0] = '\0';
	if (!from)
		return false;
	got = fgets(out, (int)cap, from) != NULL;
	fclose(from);
	out[strcspn(out, "\n")] = '\0';
	return got;
}

static bool read_below(const char *folder, const char *file, char *out, size_t cap)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, file) >= sizeof(path))
		return false;
	return read_line(path, out, cap);
}

static void last_part(const char *path, char *out, size_t cap)
{
	const char *slash = strrchr(path, '/');

	snprintf(out, cap, "%.*s", (int)cap - 1, slash ? slash + 1 : path);
}

static bool linked_name(const char *folder, const char *link, char *out, size_t cap)
{
	char path[PATH_MAX], real[PATH_MAX];

	out[0] = '\0';
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, link) >= sizeof(path) || !realpath(path, real))
		return false;
	last_part(real, out, cap);
	return true;
}

static void take_rfkill(const char *folder, struct sysfs_phy *phy)
{
	struct dirent *entry;
	DIR *dir = opendir(folder);

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		char path[PATH_MAX], value[8];

		if (strncmp(entry->d_name, "rfkill", 6) != 0)
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= sizeof(path))
			continue;
		phy->rfkill_soft |= read_below(path, "soft", value, sizeof(value)) && value[0] == '1';
		phy->rfkill_hard |= read_below(path, "hard", value, sizeof(value)) && value[0] == '1';
	}
	closedir(dir);
}

static void take_usb(char *device, struct sysfs_phy *phy)
{
	char value[64], maker[32], product[32];
	char *slash = strrchr(device, '/');

	/* The driver sits on an interface of the device: 1-1.2:1.0. */
	if (slash && strchr(slash, ':'))
		*slash = '\0';
	last_part(device, phy->path, sizeof(phy->path));
	if (read_below(device, "idVendor", value, sizeof(value)))
		phy->usb_vendor = (uint16_t)strtoul(value, NULL, 16);
	if (read_below(device, "idProduct", value, sizeof(value)))
		phy->usb_product = (uint16_t)strtoul(value, NULL, 16);
	read_below(device, "manufacturer", maker, sizeof(maker));
	if (read_below(device, "product", product, sizeof(product)))
		snprintf(phy->chipset, sizeof(phy->chipset), "%s%s%s", maker, maker[0] ? " " : "", product);
}

static bool take_phy(const char *name, struct sysfs_phy *phy)
{
	char folder[PATH_MAX], device[PATH_MAX], text[32], subsystem[32];
	unsigned m[6];

	*phy = (struct sysfs_phy){ 0 };
	snprintf(phy->name, sizeof(phy->name), "%s", name);
	snprintf(folder, sizeof(folder), CLASS "/%.64s", name);
	if (!read_below(folder, "index", text, sizeof(text)))
		return false;
	phy->index = (uint32_t)strtoul(text, NULL, 10);
	if (!read_below(folder, "macaddress", text, sizeof(text)) ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
		return false;
	for (size_t i = 0; i < 6; i++)
		phy->mac[i] = (uint8_t)m[i];
	take_rfkill(folder, phy);
	linked_name(folder, "device/driver", phy->driver, sizeof(phy->driver));
	linked_name(folder, "device/driver/module", phy->module, sizeof(phy->module));
	snprintf(folder, sizeof(folder), CLASS "/%.64s/device", name);
	if (!realpath(folder, device))
		return true;
	if (linked_name(folder, "subsystem", subsystem, sizeof(subsystem)) && strcmp(subsystem, "usb") == 0)
		take_usb(device, phy);
	else
		last_part(device, phy->path, sizeof(phy->path));
	return true;
}

static int by_index(const void *a, const void *b)
{
	const struct sysfs_phy *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

size_t sysfs_phys(struct sysfs_phy *out, size_t max)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *dir = opendir(CLASS);

	if (!dir)
		return 0;
	while (count < max && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && take_phy(entry->d_name, &out[count]))
			count++;
	closedir(dir);
	qsort(out, count, sizeof(*out), by_index);
	return count;
}

bool sysfs_find(const char *path, const uint8_t mac[static 6], struct sysfs_phy *out)
{
	struct sysfs_phy *list = calloc(SYSFS_PHYS_MAX, sizeof(*list));
	size_t count = list ? sysfs_phys(list, SYSFS_PHYS_MAX) : 0, same = 0;
	const struct sysfs_phy *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (memcmp(list[i].mac, mac, 6) != 0)
			continue;
		same++;
		if (!found || strcmp(list[i].path, path) == 0)
			found = &list[i];
	}
	if (found && same > 1 && strcmp(found->path, path) != 0)
		found = NULL;
	if (found)
		*out = *found;
	free(list);
	return found != NULL;
}
