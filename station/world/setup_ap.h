/*
 * A foreign device on the simulated air that is an access point in setup, and takes the settings of another one
 * from an external registrar of Wi-Fi Simple Configuration. As hostapd 2.10 it begins again with them 100 ms after
 * M8, whatever it still had to say, and locks itself after wrong PINs; as slow as a small chip.
 *
 *	setup_ap_create -> loop_run -> setup_ap_destroy (before air_destroy)
 */
#pragma once

#include "station/world/enrollee.h"

struct setup_ap;

/* NULL: no memory. `button` is not for it, ENROLLEE_NO_JOIN begins again as it was. It stays on the first channel. */
struct setup_ap *setup_ap_create(struct air *air, const struct enrollee_config *config);
void setup_ap_destroy(struct setup_ap *ap);

/* As if so many wrong PINs had been tried: three lock it for a minute, ten for good. */
void setup_ap_lock(struct setup_ap *ap, unsigned failures);
/* It is locked for good, and its announcements do not say so, as those of some do not: only its NACK does. */
void setup_ap_lock_silently(struct setup_ap *ap);
