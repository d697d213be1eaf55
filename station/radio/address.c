/*
 * Addresses that an adapter can acknowledge beside its own. What the drivers of Linux do with the address of a further
 * interface:
 *   mt76x2u, mt76x0u  mt76x02_util.c, mt76x02_add_interface: eight slots, chosen by bits 2 to 4 of the first octet of
 *                     a locally administered address; in all other bits it must be the address of the first interface.
 *                     A globally administered address has slot 0, a locally administered one the slot of its bits, 1
 *                     or more, and slot 8 is refused (-EBUSY): eight addresses, seven when the station's own is local
 *   mt7601u           main.c, mt7601u_add_interface: one slot; a second interface is refused (-ENOSPC)
 *   mt7921u           mt7921/main.c, mt7921_add_interface: four interfaces, of any address
 *   ath9k             a mask of the bits in which the addresses differ: it answers to all addresses within the mask,
 *                     so few bits should differ
 *   ath9k_htc         the same mask; its firmware has two interfaces (htc.h, ATH9K_HTC_MAX_VIF)
 *   rtw88             mac80211.c, rtw_vif_port: an address for each of five ports, of which its combinations let one
 *                     or two be used
 *   mac80211_hwsim    whatever interface is up
 * Bits 2 to 4 of the first octet, counted up, suit all of them.
 */
#include "station/radio/radio.h"

#include <assert.h>
#include <string.h>

#define GROUP 1u
#define LOCAL 2u
#define SHIFT 2

void radio_address(const uint8_t mac[static 6], size_t n, uint8_t out[static 6])
{
	assert(n >= 1 && n < RADIO_ADDRESSES_MAX);
	memcpy(out, mac, 6);
	/* Setting the local bit makes it another address already, so that the first of them needs no other bit. */
	if (!(mac[0] & LOCAL))
		n--;
	out[0] = (uint8_t)((mac[0] | LOCAL) ^ n << SHIFT);
}

bool radio_addresses_have(const struct radio_addresses *own, const uint8_t address[static 6])
{
	for (size_t i = 0; i < own->count; i++)
		if (memcmp(own->at[i], address, 6) == 0)
			return true;
	return false;
}

void radio_addresses_set(struct radio_addresses *own, const uint8_t mac[static 6], const uint8_t (*addresses)[6],
			 size_t count)
{
	struct radio_addresses set = { .count = 1 };

	assert(count < RADIO_ADDRESSES_MAX);
	memcpy(set.at[0], mac, 6);
	for (size_t i = 0; i < count; i++) {
		assert(!(addresses[i][0] & GROUP) && !radio_addresses_have(&set, addresses[i]));
		memcpy(set.at[set.count++], addresses[i], 6);
	}
	*own = set;
}
