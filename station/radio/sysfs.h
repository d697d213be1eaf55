/*
 * What sysfs says of each radio chip: where it is plugged in, which driver has it, whether rfkill blocks it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSFS_NAME_MAX 32

struct sysfs_phy {
	uint32_t index;
	char name[SYSFS_NAME_MAX]; /* "phy0" */
	char path[SYSFS_NAME_MAX]; /* USB "1-1.2", PCI "0000:03:00.0", else the device's name */
	char driver[SYSFS_NAME_MAX];
	char module[SYSFS_NAME_MAX];	  /* that has the driver; "" when it is built in */
	char chipset[64];		  /* the USB product's own words, else "" */
	uint16_t usb_vendor, usb_product; /* 0: not USB */
	uint8_t mac[6];			  /* burnt in */
	bool rfkill_soft, rfkill_hard;
};

/* How many (at most `max`), in order of their index. */
size_t sysfs_phys(struct sysfs_phy *out, size_t max);
/* The chip with this address at this path, else the only one with this address (moved to another port). */
bool sysfs_find(const char *path, const uint8_t mac[static 6], struct sysfs_phy *out);
