#include "station/wifi/defragment.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/crypto.h>

void defragment_drop(struct defragment *d)
{
	if (d->bytes)
		OPENSSL_cleanse(d->bytes, d->len);
	free(d->bytes);
	*d = (struct defragment){ 0 };
}

static bool begin(struct defragment *d, const struct ieee80211_header *h, uint64_t pn, uint64_t now_us)
{
	defragment_drop(d);
	d->bytes = malloc(IEEE80211_MSDU_MAX);
	d->sequence = h->sequence;
	d->sealed = pn != 0;
	d->until_us = now_us + DEFRAGMENT_LIFETIME_US;
	return d->bytes != NULL;
}

static bool continues(const struct defragment *d, const struct ieee80211_header *h, uint64_t pn, uint64_t now_us)
{
	return d->bytes && h->sequence == d->sequence && h->fragment == d->next && now_us <= d->until_us &&
	       (d->sealed ? pn == d->pn + 1 : pn == 0);
}

bool defragment_add(struct defragment *d, const struct ieee80211_header *h, uint64_t pn, struct mr_rd *body,
		    uint64_t now_us)
{
	bool more = h->flags & IEEE80211_MORE_FRAGMENTS;

	if (h->fragment == 0 && !more)
		return true;
	if (ieee80211_is_group(h->address1) ||
	    !(h->fragment == 0 ? begin(d, h, pn, now_us) : continues(d, h, pn, now_us)) ||
	    body->left > (size_t)IEEE80211_MSDU_MAX - d->len) {
		defragment_drop(d);
		return false;
	}
	assert(d->bytes && d->len + body->left <= IEEE80211_MSDU_MAX);
	mr_copy(d->bytes + d->len, body->at, body->left);
	d->len = (uint16_t)(d->len + body->left);
	d->next++;
	d->pn = pn;
	*body = mr_rd_over(d->bytes, d->len);
	if (!more)
		d->until_us = 0; /* given out once; the octets stay until the next call */
	return !more;
}
