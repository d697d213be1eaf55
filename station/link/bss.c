#include "station/link/bss.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/wire/channel.h"
#include "agent/wire/cause.h"
#include "agent/wire/message.h"
#include "station/ip/dotted.h"
#include "station/wifi/sta.h"

#define ADDRESS_US 8000000u /* at least: servers ping an address for 1 to 3 s before they offer it */
#define ANSWER_US 20000u    /* about when a device answers a packet */

static uint64_t now_of(const struct bss *b) { return loop_now_us(b->station->loop); }

/* --- stages --- */

#define BIT(stage) (1u << (stage))

static const char *const names[] = {
	[BSS_AWAY] = "away", [BSS_KEYING] = "keying", [BSS_JOINING] = "joining", [BSS_ADDRESSING] = "addressing",
	[BSS_UP] = "up",     [BSS_OVER] = "over"
};

/* What may follow a stage. From each one it may leave, and be over. */
static const uint8_t follows[] = {
	[BSS_AWAY] = BIT(BSS_KEYING),
	[BSS_KEYING] = BIT(BSS_JOINING) | BIT(BSS_AWAY) | BIT(BSS_OVER),
	[BSS_JOINING] = BIT(BSS_ADDRESSING) | BIT(BSS_AWAY) | BIT(BSS_OVER),
	[BSS_ADDRESSING] = BIT(BSS_UP) | BIT(BSS_AWAY) | BIT(BSS_OVER),
	[BSS_UP] = BIT(BSS_AWAY) | BIT(BSS_OVER),
	[BSS_OVER] = BIT(BSS_AWAY),
};

static void enter(struct bss *b, enum bss_stage stage, const char *why, ...) __attribute__((format(printf, 3, 4)));

/* The only writer of `stage`. The STA has deadlines of its own, and what is up the floor above watches. */
static void enter(struct bss *b, enum bss_stage stage, const char *why, ...)
{
	bool waits = stage == BSS_KEYING || stage == BSS_ADDRESSING;
	va_list args;

	assert(follows[b->stage] & BIT(stage));
	assert(stage != BSS_JOINING || !b->sta);
	assert(stage != BSS_ADDRESSING || (b->sta && b->net));
	assert(stage != BSS_UP || b->address != 0);
	va_start(args, why);
	log_vchange(b->tag, LOG_BSS, LOG_DEBUG, names[b->stage], names[stage], why, args);
	va_end(args);
	b->stage = stage;
	b->stage_us = now_of(b);
	b->deadline_us = waits ? b->stage_us + b->patience_us : UINT64_MAX;
	if (stage == BSS_ADDRESSING && b->patience_us < ADDRESS_US)
		b->deadline_us = b->stage_us + ADDRESS_US;
}

/* It is over; whoever found the reason has said it. */
static void end(struct bss *b, int cause)
{
	assert(cause > 0);
	if (b->stage == BSS_AWAY || b->stage == BSS_OVER)
		return;
	enter(b, BSS_OVER, "%s", mr_cause_name(cause));
	b->events->ended(b->ctx, cause);
}

static uint32_t stage_took_us(const struct bss *b)
{
	uint64_t us = now_of(b) - b->stage_us;

	assert(now_of(b) >= b->stage_us);
	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* --- IP --- */

static void on_output(void *ctx, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload, size_t len)
{
	struct bss *b = ctx;

	if (b->sta)
		(void)sta_send(b->sta, dst, ethertype, payload, len); /* a full queue is a lost frame */
	b->events->changed(b->ctx);
}

static void on_address(void *ctx, int result, const struct ip_lease *lease)
{
	struct bss *b = ctx;

	if (result != 0) {
		end(b, -result);
		return;
	}
	if (b->stage != BSS_ADDRESSING)
		return; /* renewed */
	b->address_us = stage_took_us(b);
	/* The link has two ends: the device is who answered, whatever it says of gateways. */
	b->address = lease->from ? lease->from : lease->server ? lease->server : lease->router;
	enter(b, BSS_UP, "the device is " DOTTED, DOTTED_OF(b->address));
	b->events->up(b->ctx);
}

/*
 * On an ad-hoc network there is no server of addresses: the device has a link-local one made of its MAC (RFC 3927), and
 * we the one beside it. docs/protocol.md, "HTTP".
 */
static void take_static_address(struct bss *b)
{
	const uint8_t *mac = b->peer;
	uint32_t host = 0x0100u + ((uint32_t)mac[4] << 8 | mac[5]) % 0xfe00u;

	b->address = 0xa9fe0000u | host;
	ip_if_static(b->net, 0xa9fe0000u | (host ^ 1u), 0xffff0000u, 0);
	enter(b, BSS_UP, "an ad-hoc network: the device is " DOTTED, DOTTED_OF(b->address));
	b->events->up(b->ctx);
}

static void on_associated(struct bss *b)
{
	static const struct ip_if_events events = { on_output, on_address };

	b->join_us = stage_took_us(b);
	assert(!b->net);
	b->net = ip_if_create(b->station->ip, b->station->mac, &events, b);
	if (!b->net) {
		end(b, MR_CAUSE_NO_MEMORY);
		return;
	}
	ip_if_log(b->net, b->tag);
	enter(b, BSS_ADDRESSING, "joined after %u ms", b->join_us / 1000);
	if (b->network.ibss)
		take_static_address(b);
	else
		ip_if_dhcp(b->net, b->deadline_us);
	b->events->changed(b->ctx);
}

/* --- 802.11 --- */

static void associate(struct bss *b)
{
	const struct ieee80211_network *n = &b->network;
	struct sta_config config = { .ssid_len = n->ssid_len,
				     .freq_mhz = n->freq_mhz,
				     .rates = n->rates,
				     .ibss = n->ibss,
				     .secure = b->secure,
				     .rsn = n->rsn,
				     .patience_us = b->patience_us,
				     .entropy = b->station->entropy,
				     .sequence = b->station->sequence,
				     .tag = b->tag };

	memcpy(config.own, b->station->mac, 6);
	memcpy(config.bssid, n->bssid, 6);
	memcpy(config.peer, b->peer, 6);
	memcpy(config.ssid, n->ssid, sizeof(config.ssid));
	memcpy(config.pmk, b->psk, 32);
	enter(b, BSS_JOINING, "%s", b->secure ? "the key of its passphrase is there" : "an open network needs no key");
	b->sta = sta_create(&config, now_of(b));
	OPENSSL_cleanse(&config, sizeof(config));
	if (!b->sta)
		end(b, MR_CAUSE_NO_MEMORY);
	b->events->changed(b->ctx);
}

static void on_psk(void *ctx, const uint8_t psk[static 32])
{
	struct bss *b = ctx;

	memcpy(b->psk, psk, 32);
	if (b->stage == BSS_KEYING)
		associate(b);
}

/* Our keys are for access points: an ad-hoc network may only be open. */
static bool has_key_for(const struct bss *b, const struct ieee80211_network *n)
{
	return b->secure ? !n->ibss && (n->security == IEEE80211_WPA2_PSK || n->security == IEEE80211_WPA2_WPA3)
			 : n->security == IEEE80211_OPEN;
}

bool bss_binding(const struct bss *b, uint8_t out[static 32])
{
	const struct mr_digest_field fields[] = { { b->network.ssid, b->network.ssid_len },
						  { b->passphrase, strlen(b->passphrase) } };

	assert(b->secure && b->stage == BSS_UP);
	return mr_digest(out, "millrace wpa2", fields, 2);
}

const char *bss_security(const struct bss *b)
{
	return !b->secure ? "open" : sta_protects(&b->network.rsn) ? "wpa2+pmf" : "wpa2";
}

int bss_join(struct bss *b, const struct ieee80211_network *network, const uint8_t peer[static 6])
{
	char ssid[4 * IEEE80211_SSID_MAX + 1] = "";

	bss_leave(b);
	assert(network->ssid_len <= IEEE80211_SSID_MAX);
	b->network = *network;
	b->join_us = b->address_us = 0;
	memcpy(b->peer, peer, 6);
	if (!has_key_for(b, network)) {
		log_write(b->tag, LOG_BSS, LOG_INFO, "unsupported: the network is %s%s, and we have %s",
			  network->ibss ? "ad-hoc and " : "",
			  ieee80211_security_name((enum ieee80211_security)network->security),
			  b->secure ? "a passphrase of WPA2" : "no passphrase");
		return -MR_CAUSE_UNSUPPORTED;
	}
	if (log_wants(b->tag, LOG_BSS, LOG_DEBUG))
		log_escape(ssid, sizeof(ssid), network->ssid, network->ssid_len);
	enter(b, BSS_KEYING, "\"%s\", %s, channel %u, %d dBm", ssid, bss_security(b),
	      mr_mhz_to_channel(network->freq_mhz), network->rssi_dbm);
	if (network->odd)
		log_write(b->tag, LOG_BSS, LOG_INFO, "elements of its announcements that are odd, skipped: %u",
			  network->odd);
	if (b->secure)
		psk_ask(b->station->psk, &b->psk_request, network->ssid, network->ssid_len, b->passphrase);
	else
		associate(b);
	return 0;
}

void bss_receive(struct bss *b, struct mr_rd mpdu, const struct radio_rx *rx, uint64_t now_us)
{
	struct sta_out out;
	int result;

	if (!b->sta)
		return;
	result = sta_receive(b->sta, mpdu, rx, &out, now_us);
	if (result < 0) {
		end(b, -result);
		return;
	}
	switch (out.event) {
	case STA_NOTHING:
	case STA_DOWN: /* it joins again by itself, and TCP goes on where it was */ break;
	case STA_UP:
		if (b->stage == BSS_JOINING)
			on_associated(b);
		break;
	case STA_MSDU:
		if (b->net)
			ip_if_input(b->net, out.dst, out.ethertype, out.payload.at, out.payload.left);
		break;
	}
	OPENSSL_cleanse(&out, sizeof(out));
}

/* --- life --- */

void bss_init(struct bss *b, const struct bss_station *station, bool secure, const char *passphrase,
	      uint64_t patience_us, const struct bss_events *events, void *ctx)
{
	*b = (struct bss){ .station = station,
			   .secure = secure,
			   .patience_us = patience_us,
			   .events = events,
			   .ctx = ctx,
			   .psk_request = { .done = on_psk, .ctx = b },
			   .deadline_us = UINT64_MAX };
	if (!secure)
		return;
	assert(passphrase && strlen(passphrase) < sizeof(b->passphrase));
	memcpy(b->passphrase, passphrase, strlen(passphrase));
}

void bss_leave(struct bss *b)
{
	ip_if_destroy(b->net);
	b->net = NULL;
	sta_destroy(b->sta);
	b->sta = NULL;
	psk_cancel(b->station->psk, &b->psk_request);
	b->address = 0;
	if (b->stage != BSS_AWAY)
		enter(b, BSS_AWAY, "left");
}

void bss_wipe(struct bss *b)
{
	bss_leave(b);
	OPENSSL_cleanse(b, sizeof(*b));
}

/* --- for the link --- */

size_t bss_pull(struct bss *b, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what, uint64_t now_us)
{
	return b->sta ? sta_pull(b->sta, frame, hold, what, now_us) : 0;
}

size_t bss_farewell(struct bss *b, uint8_t frame[static RADIO_FRAME_MAX], uint64_t now_us)
{
	uint8_t what;

	if (!b->sta)
		return 0;
	sta_leave(b->sta, now_us);
	return sta_pull(b->sta, frame, false, &what, now_us);
}

bool bss_ready(const struct bss *b) { return b->sta && b->stage != BSS_OVER && sta_ready(b->sta); }

void bss_sent(struct bss *b, uint8_t what, bool acked, unsigned tries, uint64_t now_us)
{
	if (b->sta)
		sta_sent(b->sta, what, acked, tries, now_us);
}

void bss_park(struct bss *b, uint64_t now_us)
{
	if (b->sta)
		sta_park(b->sta, now_us);
}

void bss_resume(struct bss *b, uint64_t now_us)
{
	if (b->sta)
		sta_resume(b->sta, now_us);
	/* Silence while nobody listened is not the device's. */
	if (b->stage == BSS_ADDRESSING && b->deadline_us < now_us + b->patience_us)
		b->deadline_us = now_us + b->patience_us;
}

uint64_t bss_deadline_us(const struct bss *b)
{
	uint64_t sta_us = b->sta && b->stage != BSS_OVER ? sta_deadline_us(b->sta) : UINT64_MAX;

	return sta_us < b->deadline_us ? sta_us : b->deadline_us;
}

int bss_expire(struct bss *b, uint64_t now_us)
{
	int result = 0;

	if (b->sta && now_us >= sta_deadline_us(b->sta))
		result = sta_expire(b->sta, now_us);
	if (result >= 0 && now_us >= b->deadline_us) {
		log_state_at(b->tag, LOG_BSS, LOG_INFO, names[b->stage], mr_cause_name(MR_CAUSE_NO_ANSWER),
			     "for %llu ms", (unsigned long long)(now_us - b->stage_us) / 1000);
		result = -MR_CAUSE_NO_ANSWER;
	}
	return result < 0 ? result : 0;
}

uint64_t bss_due_us(const struct bss *b)
{
	switch (b->stage) {
	case BSS_JOINING: return b->sta ? sta_due_us(b->sta) : UINT64_MAX;
	case BSS_ADDRESSING: return b->stage_us + ANSWER_US;
	case BSS_AWAY:
	case BSS_KEYING:
	case BSS_UP:
	case BSS_OVER: break;
	}
	return UINT64_MAX;
}

bool bss_unsafe(const struct bss *b) { return b->stage == BSS_JOINING && b->sta && sta_unsafe(b->sta, now_of(b)); }
size_t bss_memory(const struct bss *b) { return b->sta ? sta_memory(b->sta) : 0; }
