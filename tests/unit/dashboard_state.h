/* A line in the middle of its day, as the station would send it, for the tests of desk and views. */
#pragma once

#include <stdio.h>

#include "station/dashboard/desk.h"

static inline enum mirror_took state_line(struct mirror *m, const char *text)
{
	json_t *o = json_loads(text, JSON_DECODE_ANY, NULL);
	enum mirror_took took;

	assert_non_null(o);
	took = mirror_take(m, o);
	json_decref(o);
	return took;
}

#define STATE "{\"millrace\":1,\"type\":\"state\",\"full\":false,\"more\":false,"

static const char *const state_day[] = {
	"{\"millrace\":1,\"type\":\"hello\",\"software\":\"millrace "
	"0.1.0\",\"station\":\"line3\",\"role\":\"operator\",\"actor\":\"0417 Ana\","
	"\"simulated\":true,\"serves\":false,\"rate_max\":60}",
	"{\"millrace\":1,\"type\":\"state\",\"full\":true,\"more\":false,\"now_us\":60000000,\"header\":{\"run\":{"
	"\"state\":\"running\",\"since_us\":0,"
	"\"by\":\"\",\"reason\":\"\",\"guard\":\"\",\"sentence\":\"\"},\"simulated\":true,\"pace\":1,\"lot\":\"2611-"
	"A07\",\"product\":\"AC-100\",\"hw_rev\":\"C\","
	"\"job_sha256\":\"0123456789abcdef\",\"test\":false,\"quantity\":480,\"operator\":\"0417\",\"counts\":{"
	"\"seen\":316,\"in_flight\":2,\"waiting\":1,"
	"\"passed\":310,\"failed\":1,\"quarantined\":2,\"held\":0,\"retries\":9},\"fpy\":0.968,\"final\":0.99,\"takt_"
	"us\":9000000,\"cadence_us\":7900000,"
	"\"eta_us\":60000000,\"utc_us\":1700000000000000,\"health\":{\"clock\":{\"state\":\"ok\"},\"database\":{"
	"\"state\":\"ok\"},\"ca\":{\"state\":\"ok\"},"
	"\"radios\":{\"state\":\"warn\",\"text\":\"radio3 lost\"}}},"
	"\"radios\":[{\"radio\":\"radio1\",\"path\":\"1-1.2\",\"driver\":\"mt76x2u\",\"state\":\"here\",\"channel\":6,"
	"\"sessions\":12,\"airtime\":0.38,"
	"\"sent\":1000,\"acked\":900,\"unacked\":10,\"rssi\":-50,\"passed\":98,\"failed\":2,\"switches\":3,\"switch_"
	"us\":45000,\"strip\":[6,6,0,1,6]},"
	"{\"radio\":\"radio2\",\"path\":\"1-1.3\",\"driver\":\"mt76x2u\",\"state\":\"tuning\",\"channel\":1,"
	"\"sessions\":9,\"airtime\":0.31,\"passed\":97,"
	"\"failed\":3,\"strip\":[1]},{\"radio\":\"radio3\",\"state\":\"lost\",\"channel\":0}],"
	"\"channels\":[{\"channel\":1,\"freq_mhz\":2412,\"radio\":\"radio2\",\"sessions\":9,\"waiting\":0,\"unheard\":"
	"4,\"cells\":[{\"radio\":\"radio1\","
	"\"passed\":10,\"failed\":0,\"rssi\":-50},{\"radio\":\"radio2\",\"passed\":50,\"failed\":30,\"rssi\":-61}]},{"
	"\"channel\":6,\"freq_mhz\":2437,"
	"\"radio\":\"\",\"sessions\":12,\"waiting\":1,\"unheard\":0,\"cells\":[]}],"
	"\"units\":[{\"unit\":1,\"serial\":\"AC10001312\",\"mac\":\"02:00:5e:10:3f:a1\",\"state\":\"active\",\"step\":"
	"\"verify\",\"done\":4,\"of\":6,\"attempt\":1,"
	"\"radio\":\"radio1\",\"channel\":6,\"rssi\":-48,\"first_us\":50000000,\"since_us\":56000000},"
	"{\"unit\":2,\"serial\":\"AC10001311\",\"mac\":\"02:00:5e:10:3f:9e\",\"state\":\"seen\",\"wait\":\"queued\","
	"\"step\":\"identity\",\"attempt\":1,"
	"\"cause\":\"no-answer\",\"side\":\"air\",\"sentence\":\"the device stopped answering\",\"remedy\":\"move it "
	"closer\",\"radio\":\"radio2\","
	"\"channel\":1,\"rssi\":-61,\"first_us\":49000000,\"since_us\":55000000},"
	"{\"unit\":3,\"serial\":\"AC10001310\",\"mac\":\"02:00:5e:10:3f:9b\",\"state\":\"passed\",\"step\":\"seal\","
	"\"done\":6,\"of\":6,\"attempt\":1,"
	"\"radio\":\"radio1\",\"channel\":6,\"rssi\":-50,\"first_us\":40000000,\"since_us\":45200000,\"took_us\":"
	"5200000},"
	"{\"unit\":4,\"serial\":\"AC10001309\",\"mac\":\"02:00:5e:10:3f:98\",\"state\":\"quarantined\",\"step\":"
	"\"identity\",\"attempt\":1,"
	"\"cause\":\"pin-refused\",\"side\":\"security\",\"sentence\":\"the PIN on record or label is not the "
	"device's\",\"remedy\":\"put it in the red bin\","
	"\"radio\":\"radio2\",\"channel\":1,\"rssi\":-55,\"first_us\":39000000,\"since_us\":41000000,\"took_us\":"
	"1900000},"
	"{\"unit\":5,\"serial\":\"AC10001308\",\"mac\":\"02:00:5e:10:3f:95\",\"state\":\"failed\",\"step\":"
	"\"selftest\",\"attempt\":3,"
	"\"cause\":\"no-answer\",\"side\":\"air\",\"sentence\":\"the device stopped answering\",\"remedy\":\"move it "
	"closer\","
	"\"radio\":\"radio1\",\"channel\":6,\"rssi\":-80,\"first_us\":30000000,\"since_us\":40500000,\"took_us\":"
	"10500000}],"
	"\"pareto\":[{\"side\":\"air\",\"step\":\"identity\",\"cause\":\"no-answer\",\"sentence\":\"the device stopped "
	"answering\",\"attempts\":4,\"units\":2,"
	"\"share\":0.8,\"cumulative\":0.8},{\"side\":\"security\",\"step\":\"identity\",\"cause\":\"pin-refused\","
	"\"sentence\":\"the PIN is not the device's\","
	"\"attempts\":1,\"units\":1,\"share\":0.2,\"cumulative\":1}],\"banners\":[],"
	"\"log\":[{\"n\":1,\"at_us\":41000000,\"level\":\"error\",\"text\":\"AC10001309 QUAR pin-refused\",\"unit\":4},"
	"{\"n\":2,\"at_us\":45200000,\"level\":\"info\",\"text\":\"AC10001310 PASS 5.20 s\",\"unit\":3}]}",
};

#define STATE_BANNER                                                                                                   \
	STATE "\"now_us\":61000000,\"banners\":[{\"banner\":7,\"kind\":\"security\",\"at_us\":60500000,\"cause\":"     \
	      "\"duplicate-key\","                                                                                     \
	      "\"sentence\":\"the device's public key is already on record\",\"remedy\":\"put it in the red "          \
	      "bin\",\"unit\":4,\"serial\":\"AC10001309\","                                                            \
	      "\"mac\":\"02:00:5e:10:3f:98\"}]}"

struct day {
	struct mirror *mirror;
	struct desk *desk;
	struct desk_out out;
	uint64_t now_us;
};

static inline void day_forget(struct day *d)
{
	for (unsigned i = 0; i < d->out.request_count; i++)
		json_decref(d->out.requests[i]);
	d->out = (struct desk_out){ 0 };
}

static inline int day_begin(void **state)
{
	struct day *d = calloc(1, sizeof(*d));

	if (!d)
		return -1;
	d->mirror = mirror_create();
	d->desk = desk_create();
	d->now_us = 1000000000;
	for (size_t i = 0; i < sizeof(state_day) / sizeof(state_day[0]); i++)
		(void)state_line(d->mirror, state_day[i]);
	desk_state(d->desk, d->mirror, d->now_us, &d->out);
	day_forget(d);
	*state = d;
	return 0;
}

static inline int day_end(void **state)
{
	struct day *d = *state;

	day_forget(d);
	desk_destroy(d->desk);
	mirror_destroy(d->mirror);
	free(d);
	return 0;
}

/* Time passes. */
static inline void day_wait(struct day *d, uint64_t us)
{
	uint64_t until_us = d->now_us + us;

	while (desk_deadline_us(d->desk, d->mirror) <= until_us) {
		uint64_t at_us = desk_deadline_us(d->desk, d->mirror);

		d->now_us = at_us > d->now_us ? at_us : d->now_us;
		desk_expire(d->desk, d->mirror, d->now_us, &d->out);
	}
	d->now_us = until_us;
}

/* A key as a person presses it: alone, and with time after it. */
static inline void day_key(struct day *d, uint32_t key)
{
	desk_key(d->desk, d->mirror, key, 0, d->now_us, &d->out);
	day_wait(d, SCANNER_GAP_US + KEYS_LATE_US);
}

static inline void day_type(struct day *d, const char *text)
{
	for (; *text; text++)
		day_key(d, *text == '\n' ? (uint32_t)KEYS_ENTER : (uint32_t)(unsigned char)*text);
}

/* As a terminal says that it was pasted. */
static inline void day_paste(struct day *d, const char *text)
{
	desk_key(d->desk, d->mirror, KEYS_PASTE, 0, d->now_us, &d->out);
	for (; *text; text++)
		desk_key(d->desk, d->mirror, (uint32_t)(unsigned char)*text, 0, d->now_us, &d->out);
	desk_key(d->desk, d->mirror, KEYS_PASTED, 0, d->now_us, &d->out);
}

/* As a scanner types, Enter included. */
static inline void day_scan(struct day *d, const char *text)
{
	for (; *text; text++, d->now_us += 1000)
		desk_key(d->desk, d->mirror, (uint32_t)(unsigned char)*text, 0, d->now_us, &d->out);
	desk_key(d->desk, d->mirror, KEYS_ENTER, 0, d->now_us, &d->out);
	d->now_us += 1000000;
	desk_expire(d->desk, d->mirror, d->now_us, &d->out);
}

static inline const char *day_asked(const struct day *d, unsigned i, const char *key)
{
	return i < d->out.request_count ? mirror_text(d->out.requests[i], key) : "nothing was asked";
}

/* The station's answer to the last request. */
static inline void day_answer(struct day *d, const char *rest)
{
	char line[2000];
	long long id;

	assert_true(d->out.request_count > 0);
	id = (long long)json_integer_value(json_object_get(d->out.requests[d->out.request_count - 1], "id"));
	day_forget(d);
	snprintf(line, sizeof(line), "{\"millrace\":1,\"type\":\"answer\",\"id\":%lld,%s}", id, rest);
	json_t *o = json_loads(line, 0, NULL);

	assert_non_null(o);
	assert_int_equal(mirror_take(d->mirror, o), MIRROR_ANSWER);
	desk_answer(d->desk, d->mirror, o, d->now_us, &d->out);
	json_decref(o);
}
