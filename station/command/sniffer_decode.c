/*
 * `millrace sniffer decode`: what a capture has of the published schemes of sniffer mode. Nobody needs a key to see
 * that somebody sends one, nor, of most, to read it: which is why a station wants to know of strangers that do.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <pcap/pcap.h>

#include "agent/wire/channel.h"
#include "agent/wire/smartconfig.h"
#include "station/base/secret_file.h"
#include "station/command/command.h"
#include "station/command/sniffer.h"
#include "station/radio/radiotap.h"

#define FINDINGS_MAX 256u /* chosen: senders in one capture; further ones are counted */

/* One sender, in one direction, with one scheme. Contains secrets. */
struct finding {
	struct mr_overheard who; /* its addresses and direction; of its newest frame */
	enum mr_smart_scheme scheme;
	unsigned channel; /* 0: not said */
	uint64_t first_us, last_us;
	unsigned frames, missed; /* by the gaps of its sequence numbers */
	unsigned have, of;
	bool complete;
	struct mr_smart_settings settings;
};

struct decode {
	const char *path, *key_path;
	bool json, show_secret;
	struct mr_smart_listener listeners[2]; /* without a key; with it */
	size_t listener_count;
	struct finding findings[FINDINGS_MAX];
	size_t count;
	unsigned packets, garbage, left_out;
	uint64_t begun_us;
};

static const struct mr_smart_coder *const coders[] = MR_SMART_CODERS_ALL;

/* --- what was heard --- */

static bool same_sender(const struct mr_overheard *a, const struct mr_overheard *b)
{
	return a->from_ds == b->from_ds && memcmp(a->bssid, b->bssid, 6) == 0 && memcmp(a->source, b->source, 6) == 0;
}

static struct finding *finding_of(struct decode *d, const struct mr_overheard *frame, enum mr_smart_scheme scheme)
{
	for (size_t i = 0; i < d->count; i++)
		if (same_sender(&d->findings[i].who, frame) && d->findings[i].scheme == scheme)
			return &d->findings[i];
	if (d->count == FINDINGS_MAX) {
		d->left_out++;
		return NULL;
	}
	d->findings[d->count] = (struct finding){ .who = *frame, .scheme = scheme };
	return &d->findings[d->count++];
}

/* The scheme that the sender of this frame was recognised by; NULL: by none. */
static const struct mr_smart_stream *stream_of(const struct mr_smart_listener *listener,
					       const struct mr_overheard *frame)
{
	for (int i = 0; i < MR_SMART_STREAMS; i++) {
		const struct mr_smart_stream *s = &listener->streams[i];

		if (s->used && s->coder && s->from_ds == frame->from_ds && memcmp(s->bssid, frame->bssid, 6) == 0 &&
		    memcmp(s->source, frame->source, 6) == 0)
			return s;
	}
	return NULL;
}

static void note(struct finding *f, const struct mr_overheard *frame, unsigned channel, uint64_t at_us)
{
	unsigned ahead = (frame->sequence - f->who.sequence) & 0xfff;

	if (f->frames > 0 && ahead > 1 && ahead < 256)
		f->missed += ahead - 1;
	if (f->frames++ == 0)
		f->first_us = at_us;
	f->last_us = at_us;
	f->channel = channel;
	f->who = *frame;
}

static void hear(struct decode *d, struct mr_smart_listener *listener, const struct mr_overheard *frame,
		 unsigned channel, uint64_t at_us)
{
	enum mr_smart_result result = mr_smart_hear(listener, frame, at_us);
	const struct mr_smart_stream *stream = stream_of(listener, frame);
	enum mr_smart_scheme scheme = stream ? mr_smart_scheme_of(stream, NULL, NULL) : MR_SMART_NONE;
	struct finding *f = stream ? finding_of(d, frame, scheme) : NULL;
	struct mr_smart_settings settings;

	if (f && (f->frames == 0 || f->last_us != at_us || f->who.sequence != frame->sequence))
		note(f, frame, channel, at_us);
	if (f && !f->complete && result != MR_SMART_COMPLETE)
		(void)mr_smart_scheme_of(stream, &f->have, &f->of);
	if (result != MR_SMART_COMPLETE)
		return;
	(void)mr_smart_take(listener, &settings);
	if (f) {
		f->complete = true;
		f->settings = settings;
	}
	OPENSSL_cleanse(&settings, sizeof(settings));
}

/* --- the capture --- */

static void packet(struct decode *d, int link, const struct pcap_pkthdr *header, const u_char *bytes)
{
	uint64_t at_us = (uint64_t)header->ts.tv_sec * 1000000u + (uint64_t)header->ts.tv_usec;
	struct mr_rd whole = mr_rd_over(bytes, header->caplen), frame = whole;
	struct radiotap radiotap = { 0 };
	struct mr_overheard overheard;

	d->packets++;
	d->begun_us = d->packets == 1 ? at_us : d->begun_us;
	if (link == DLT_IEEE802_11_RADIO && !radiotap_parse(whole, &radiotap, &frame)) {
		d->garbage++;
		return;
	}
	if (radiotap.bad_fcs || !mr_overheard_parse(frame, &overheard) ||
	    header->len - header->caplen > UINT16_MAX - (unsigned)overheard.octets)
		return;
	/* A capture may hold the beginning of each frame alone. */
	overheard.octets = (uint16_t)(overheard.octets + (header->len - header->caplen));
	for (size_t i = 0; i < d->listener_count; i++)
		hear(d, &d->listeners[i], &overheard, mr_mhz_to_channel(radiotap.freq_mhz), at_us - d->begun_us);
}

static int unusable(const char *path, const char *what)
{
	fprintf(stderr, "millrace sniffer decode: %s: %s\n", path, what);
	return EXIT_UNUSABLE;
}

/* -1: go on; else the exit status. */
static int read_capture(struct decode *d)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_open_offline(d->path, error);
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int link, got, status = -1;

	if (!pcap) { /* it names the file */
		fprintf(stderr, "millrace sniffer decode: %s\n", error);
		return EXIT_UNUSABLE;
	}
	link = pcap_datalink(pcap);
	if (link != DLT_IEEE802_11_RADIO && link != DLT_IEEE802_11)
		status = unusable(d->path, "no capture of 802.11; take one from a monitor interface");
	while (status < 0 && (got = pcap_next_ex(pcap, &header, &bytes)) == 1)
		packet(d, link, header, bytes);
	if (status < 0 && got == PCAP_ERROR)
		status = unusable(d->path, pcap_geterr(pcap));
	pcap_close(pcap);
	return status;
}

/* -1: go on; else the exit status. A line end behind the key is none of it. */
static int read_key(struct decode *d)
{
	char error[400], *text = NULL;
	size_t len = 0;

	d->listener_count = 1;
	d->listeners[0].coders = coders;
	if (!d->key_path)
		return -1;
	if (secret_file_read(NULL, d->key_path, MR_SMART_KEY_MAX + 2, "the key that the devices share", &text, &len,
			     error, sizeof(error)) != 0) {
		fprintf(stderr, "millrace sniffer decode: %s\n", error);
		return EXIT_UNUSABLE;
	}
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (len > 0 && len <= MR_SMART_KEY_MAX) {
		d->listeners[1].coders = coders;
		d->listeners[1].key_len = (uint8_t)len;
		memcpy(d->listeners[1].key, text, len);
		d->listener_count = 2;
	}
	OPENSSL_clear_free(text, len);
	return d->listener_count == 2 ? -1 : unusable(d->key_path, "a key has 1 to 32 octets");
}

/* --- what is said of it --- */

static const char *address(const uint8_t mac[static 6], char text[static 18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}

static double loss_percent(const struct finding *f)
{
	return 100.0 * f->missed / (f->frames + f->missed > 0 ? f->frames + f->missed : 1);
}

static json_t *as_object(const struct decode *d, const struct finding *f)
{
	char bssid[18], source[18], text[4 * MR_SMART_PASSPHRASE_MAX + 1];
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:f, s:i, s:f, s:i, s:i, s:b}", "scheme",
			      mr_smart_name(f->scheme), "direction", f->who.from_ds ? "from-ds" : "to-ds", "bssid",
			      address(f->who.bssid, bssid), "source", address(f->who.source, source), "channel",
			      (int)f->channel, "from_s", (double)f->first_us / 1e6, "to_s", (double)f->last_us / 1e6,
			      "frames", (int)f->frames, "loss_percent", loss_percent(f), "units", (int)f->have,
			      "units_of", (int)f->of, "complete", f->complete);

	if (!o || !f->complete)
		return o;
	json_object_set_new(o, "ssid",
			    json_string(log_escape(text, sizeof(text), f->settings.ssid, f->settings.ssid_len)));
	json_object_set_new(o, "passphrase_octets", json_integer(f->settings.passphrase_len));
	if (d->show_secret)
		json_object_set_new(o, "passphrase",
				    json_string(log_escape(text, sizeof(text), f->settings.passphrase,
							   f->settings.passphrase_len)));
	OPENSSL_cleanse(text, sizeof(text));
	return o;
}

static void print_finding(const struct decode *d, const struct finding *f)
{
	char bssid[18], source[18], text[4 * MR_SMART_PASSPHRASE_MAX + 1];

	printf("%s from %s in %s, %s", mr_smart_name(f->scheme), address(f->who.source, source),
	       address(f->who.bssid, bssid), f->who.from_ds ? "from DS" : "to DS");
	if (f->channel > 0)
		printf(", channel %u", f->channel);
	printf("\n  %.3f to %.3f s, %u frames, %.1f %% lost", (double)f->first_us / 1e6, (double)f->last_us / 1e6,
	       f->frames, loss_percent(f));
	if (!f->complete && f->of > 0)
		printf(", %u of %u units", f->have, f->of);
	else if (!f->complete)
		printf(", %u units", f->have);
	putchar('\n');
	if (!f->complete)
		return;
	printf("  SSID \"%s\", ", log_escape(text, sizeof(text), f->settings.ssid, f->settings.ssid_len));
	if (d->show_secret)
		printf("passphrase \"%s\"\n",
		       log_escape(text, sizeof(text), f->settings.passphrase, f->settings.passphrase_len));
	else
		printf("passphrase of %u octets\n", f->settings.passphrase_len);
	OPENSSL_cleanse(text, sizeof(text));
}

static int print_all(const struct decode *d)
{
	json_t *list = d->json ? json_array() : NULL;
	bool any = false;

	for (size_t i = 0; i < d->count; i++) {
		any = any || d->findings[i].complete;
		if (d->json)
			json_array_append_new(list, as_object(d, &d->findings[i]));
		else
			print_finding(d, &d->findings[i]);
	}
	if (d->json) {
		json_dumpf(list, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (d->count == 0) {
		printf("nothing of sniffer mode in %u packets\n", d->packets);
	}
	json_decref(list);
	if (d->garbage + d->left_out > 0)
		fprintf(stderr,
			"millrace sniffer decode: %u packets that cannot be read, %u frames of too many senders\n",
			d->garbage, d->left_out);
	return any ? EXIT_ALL_WELL : EXIT_NOT_ALL_WELL;
}

static const struct command decode_command = { "sniffer decode", "CAPTURE",
					       "what a capture of 802.11 has of the schemes of sniffer mode",
					       sniffer_decode };

int sniffer_decode(int argc, char **argv)
{
	struct decode *d = OPENSSL_zalloc(sizeof(*d));
	const struct option_row rows[] = {
		{ "--show-secret", NULL, "passphrases as they are; else their length", NULL,
		  d ? &d->show_secret : NULL },
		{ "--key-file", "FILE", "the key that the devices share, readable by its owner only",
		  d ? &d->key_path : NULL, NULL },
		{ "--json", NULL, "a list of objects", NULL, d ? &d->json : NULL },
		{ 0 },
	};
	size_t count = 0;
	int status;

	if (!d)
		return unusable("memory", "there is none left");
	status = command_options(&decode_command, rows, argc, argv, &d->path, 1, &count);
	if (status < 0 && count != 1)
		status = unusable("which capture?", "a file of pcap or pcapng");
	if (status < 0)
		status = read_key(d);
	if (status < 0)
		status = read_capture(d);
	if (status < 0)
		status = print_all(d);
	OPENSSL_clear_free(d, sizeof(*d));
	return status;
}
