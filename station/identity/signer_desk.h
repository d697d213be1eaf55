/*
 * The signer's side of signer_wire.h: a request in, an answer out, nothing else. It holds the keys, reads what it is
 * asked to sign, and does no more than its set-up allows; so a station that somebody else commands gets certificates of
 * the job's profile and PINs of its product while it lasts, and no key.
 *
 *	signer_desk_init -> { signer_desk_answer } -> signer_desk_wipe
 */
#pragma once

#include <limits.h>

#include "station/identity/signer_wire.h"

struct signer_desk {
	struct identity *identity; /* NULL: not set up yet */
	struct signer *signer;
	struct entropy *entropy[SIGNER_CHANNELS]; /* a stream each: the order between channels must not matter */
	bool simulated;
	struct identity_profile profile; /* its texts are those below */
	char organization[IDENTITY_NAME_MAX + 1], common_name[IDENTITY_NAME_MAX + 1], hw_type_oid[128], product[256];
};

void signer_desk_init(struct signer_desk *desk);
void signer_desk_wipe(struct signer_desk *desk);
/* Each key once: what libraries load late is loaded while files may be opened, and a key that does not work is found.
 */
bool signer_desk_try(struct signer_desk *desk);
/*
 * `answer`: room for SIGNER_MESSAGE_MAX, empty. False: that was no request of this version, and whoever sent it is not
 * our station: end. `request` may hold a PIN and `answer` too: wipe both when they are done with.
 */
bool signer_desk_answer(struct signer_desk *desk, enum signer_channel channel, struct mr_rd request,
			struct mr_wr *answer);
