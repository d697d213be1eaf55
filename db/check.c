#include "db/check.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "db/json_text.h"
#include "db/shape.h"
#include "db/text.h"

static bool all_octets(const uint8_t *octets, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++)
		if (octets[i] != value)
			return false;
	return true;
}

static bool is_empty(const char *text) { return !text || !*text; }

/* A text that says more than zeros and blanks: trim(text, '0 ') <> ''. */
static bool says_something(const char *text, const char *besides)
{
	return text && text[strspn(text, besides)] != '\0';
}

static bool one_of(const char *text, const char *const *words)
{
	for (; text && *words; words++)
		if (strcmp(*words, text) == 0)
			return true;
	return false;
}

static bool is_outcome(enum journal_outcome outcome) { return (unsigned)outcome <= OUTCOME_INTERRUPTED; }

/* Of a two-phase write: CHECK (txn > 0), in 64 bits with a sign. */
static bool is_transaction(uint64_t number) { return number > 0 && number <= INT64_MAX; }

/* length(word) BETWEEN 1 AND 32, in characters: 32 octets are never more. */
static bool is_word(const char *word)
{
	return !is_empty(word) && strnlen(word, JOURNAL_WORD_MAX + 1) <= JOURNAL_WORD_MAX;
}

static const char *check_evidence(const char *evidence)
{
	if (strnlen(evidence, JOURNAL_EVIDENCE_MAX + 1) > JOURNAL_EVIDENCE_MAX)
		return "the evidence of its method is too long";
	return json_text_is_object(evidence) ? NULL : "the evidence of its method is no object in JSON";
}

static bool is_by_somebody(const char *actor) { return !is_empty(actor) && !text_wrong(actor, TEXT_ACTOR_MAX); }

/* Every text of a record can be shown as it is stored. Evidence has a rule of its own: blanks of JSON may be in it. */
static const char *check_texts(const struct journal_record *record)
{
	const struct shape *shape = &shapes[record->kind];
	const char *evidence = record->kind == JOURNAL_LINK	  ? record->link.evidence
			       : record->kind == JOURNAL_DELIVERY ? record->delivery.evidence
								  : NULL;

	for (size_t i = 0; i < SHAPE_POINTERS_MAX && shape->texts[i]; i++) {
		size_t at = shape->texts[i] - 1;
		const char *text;

		memcpy(&text, (const uint8_t *)record + at, sizeof(text));
		if (text && text != evidence && text_wrong(text, TEXT_MAX))
			return "a text of it is too long, is not UTF-8, or has characters that do not show";
	}
	return NULL;
}

/* One function for each kind of record */

static const char *check_unit(const struct journal_unit *unit)
{
	bool none = all_octets(unit->device_id, sizeof(unit->device_id), 0);

	if ((none && !unit->agentless) || all_octets(unit->device_id, sizeof(unit->device_id), 0xff))
		return "its device id is all zeros or all ones";
	if (all_octets(unit->mac, sizeof(unit->mac), 0) || (unit->mac[0] & 1))
		return "its MAC address is zeros, or a group's";
	return NULL;
}

static const char *check_unit_state(const struct journal_unit_state_change *change)
{
	return (unsigned)change->state <= UNIT_HELD ? NULL : "its state is none that there is";
}

static const char *check_attempt(const struct journal_attempt *attempt)
{
	if (attempt->n == 0)
		return "the number of its attempt is zero";
	return (unsigned)attempt->kind <= ATTEMPT_RESUME ? NULL : "the kind of its attempt is none that there is";
}

static const char *check_attempt_end(const struct journal_attempt_end *end)
{
	return is_outcome(end->outcome) ? NULL : "the outcome of its attempt is none that there is";
}

static const char *check_step(const struct journal_step *step)
{
	if (step->seq == 0)
		return "the number of its step is zero";
	return is_outcome(step->outcome) ? NULL : "the outcome of its step is none that there is";
}

/* SQLite stores NaN as NULL. */
static const char *check_measurement(const struct journal_measurement *measurement)
{
	if (isnan(measurement->value))
		return "what it measured is no number";
	if ((measurement->has_low && isnan(measurement->low)) || (measurement->has_high && isnan(measurement->high)))
		return "a limit of what it measured is no number";
	return NULL;
}

static const char *check_identity(const struct journal_identity *identity)
{
	if (!says_something(identity->serial, "0 "))
		return "its serial number is empty, or nothing but zeros";
	if (identity->transaction && !is_transaction(identity->transaction))
		return "the number of its transaction is out of range";
	if (identity->pin_sealed.len && all_octets(identity->pin_lookup, sizeof(identity->pin_lookup), 0))
		return "the lookup value of its PIN is zeros";
	if (identity->certificate.len == 0)
		return NULL;
	if (!says_something(identity->serial_hex, "0"))
		return "the number of its certificate is empty, or nothing but zeros";
	if (all_octets(identity->spki_sha256, sizeof(identity->spki_sha256), 0))
		return "the hash of its public key is zeros";
	return NULL;
}

static const char *check_cert_state(const struct journal_cert_state_change *change)
{
	return (unsigned)change->state <= CERT_VOID ? NULL : "the state of its certificate is none that there is";
}

static const char *check_transaction(const struct journal_transaction *transaction)
{
	if (!is_transaction(transaction->transaction))
		return "the number of its transaction is out of range";
	return (unsigned)transaction->phase <= PHASE_COMMITTED ? NULL
							       : "the phase of its transaction is none that there is";
}

static const char *check_receipt(const struct journal_receipt *receipt)
{
	if (!is_transaction(receipt->transaction))
		return "the number of its transaction is out of range";
	return receipt->receipt.len ? NULL : "its receipt is empty";
}

/* Texts that may be empty, numbers that may be any. */
static const char *check_sighting(const struct journal_sighting *sighting) { return (void)sighting, NULL; }
static const char *check_radio(const struct journal_radio *radio) { return (void)radio, NULL; }
static const char *check_guard(const struct journal_guard *guard) { return (void)guard, NULL; }

static const char *check_link(const struct journal_link *link)
{
	if (link->n == 0)
		return "the number of its link is zero";
	if (!is_word(link->method) || (link->kind && !is_word(link->kind)) || !is_word(link->security) ||
	    !is_word(link->secret))
		return "method, kind, security or secret of its link is empty or too long";
	if (link->ssid.len > 32)
		return "the SSID of its link is longer than 32 octets";
	return link->evidence ? check_evidence(link->evidence) : NULL;
}

static const char *check_delivery(const struct journal_delivery *delivery)
{
	if (!is_word(delivery->method))
		return "the method of its delivery is empty or too long";
	return delivery->evidence ? check_evidence(delivery->evidence) : "its delivery has no evidence";
}

static const char *check_network(const struct journal_network *network)
{
	if (network->ssid.len < 1 || network->ssid.len > 32)
		return "the SSID of its network has not 1 to 32 octets";
	return (unsigned)network->observed <= OBSERVED_KEY_VERIFIED
		       ? NULL
		       : "what was seen of its joining is no word that there is";
}

static const char *check_label(const struct journal_label *label)
{
	static const char *const kinds[] = { "file", "print", NULL };

	if (label->copy == 0)
		return "the number of its label's copy is zero";
	if (!one_of(label->kind, kinds) || is_empty(label->template) || is_empty(label->actor))
		return "kind, template or actor of its label is missing";
	if (all_octets(label->digest, sizeof(label->digest), 0))
		return "the digest of its label is zeros";
	if (!is_by_somebody(label->actor))
		return "the actor of its label is too long, or cannot be shown";
	if (label->reason ? !*label->reason : label->copy > 1)
		return "its label is printed again without a reason";
	if (label->reason && text_wrong(label->reason, TEXT_REASON_MAX))
		return "the reason of its label is too long, or cannot be shown";
	return NULL;
}

static const char *check_label_state(const struct journal_label_state_change *change)
{
	if ((unsigned)change->state > LABEL_VOID)
		return "the state of its label is none that there is";
	return is_by_somebody(change->actor) ? NULL : "the actor of its label is missing, or cannot be shown";
}

static const char *check_label_scan(const struct journal_label_scan *scan)
{
	static const char *const verdicts[] = { "right", "wrong-unit", "wrong-lot", "not-passed",
						"void",	 "duplicate",  "unknown",   NULL };

	if (!one_of(scan->verdict, verdicts) || !is_by_somebody(scan->actor))
		return "verdict or actor of the scan is missing, or cannot be shown";
	if ((scan->label == 0) != (strcmp(scan->verdict, "unknown") == 0))
		return "a scan is unknown, or it has a label: one of the two";
	return NULL;
}

static const char *check_audit(const struct journal_audit *audit)
{
	if (!is_by_somebody(audit->actor) || is_empty(audit->action) || is_empty(audit->subject))
		return "actor, action or subject of what was done is missing, or cannot be shown";
	if (is_empty(audit->body) || text_wrong(audit->body, TEXT_MAX) || !json_text_is_object(audit->body))
		return "what was done is no object in JSON, is too long, or cannot be shown";
	return NULL;
}

static const char *check_batch_end(const struct journal_batch_end *end)
{
	static const char *const states[] = { "open", "done", "stopped", "interrupted", NULL };

	return one_of(end->state, states) ? NULL : "the state of the lot is none that there is";
}

static const char *check_kind(const struct journal_record *record)
{
	switch (record->kind) {
#define CHECK_KIND(NAME, name)                                                                                         \
	case JOURNAL_##NAME: return check_##name(&record->name);
		JOURNAL_RECORDS(CHECK_KIND)
	}
	return "its kind is none that there is";
}

const char *journal_check(const struct journal_record *record)
{
	const char *wrong;

	assert(record);
	wrong = check_kind(record);
	return wrong ? wrong : check_texts(record);
}

const char *journal_check_batch(const struct journal_batch *batch)
{
	const char *const texts[] = { batch->lot,      batch->product,	batch->hw_rev, batch->work_order,
				      batch->job_path, batch->software, batch->policy };

	if (batch->operator&& text_wrong(batch->operator, TEXT_ACTOR_MAX))
		return "the name of who runs it is too long, is not UTF-8, or has characters that do not show";
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i] && text_wrong(texts[i], TEXT_MAX))
			return "a text of it is too long, is not UTF-8, or has characters that do not show";
	return NULL;
}
