/*
 * What a record of each kind is made of: how long it is, where its texts and blobs are. Inside db/ only.
 */
#pragma once

#include <assert.h>
#include <stddef.h>

#include "db/journal.h"

#define SHAPE_POINTERS_MAX 8
struct shape {
	size_t len;
	size_t texts[SHAPE_POINTERS_MAX], blobs[SHAPE_POINTERS_MAX]; /* offset + 1 in the record; 0 ends */
};

#define AT(member) (offsetof(struct journal_record, member) + 1)
#define UPTO(member) (offsetof(struct journal_record, member) + sizeof(((struct journal_record *)0)->member))

static const struct shape shapes[] = {
	[JOURNAL_UNIT] = { UPTO(unit), { AT(unit.product), AT(unit.hw_rev), AT(unit.firmware) }, { 0 } },
	[JOURNAL_UNIT_STATE] = { UPTO(unit_state), { AT(unit_state.cause.name), AT(unit_state.cause.side) }, { 0 } },
	[JOURNAL_ATTEMPT] = { UPTO(attempt), { AT(attempt.radio), AT(attempt.method) }, { 0 } },
	[JOURNAL_ATTEMPT_END] = { UPTO(attempt_end),
				  { AT(attempt_end.cause.name), AT(attempt_end.cause.side), AT(attempt_end.step),
				    AT(attempt_end.detail) },
				  { 0 } },
	[JOURNAL_STEP] = { UPTO(step), { AT(step.name), AT(step.cause.name), AT(step.cause.side) }, { 0 } },
	[JOURNAL_MEASUREMENT] = { UPTO(measurement), { AT(measurement.name), AT(measurement.unit) }, { 0 } },
	[JOURNAL_IDENTITY] = { UPTO(identity),
			       { AT(identity.serial), AT(identity.pin_kind), AT(identity.kek_id), AT(identity.issuer),
				 AT(identity.serial_hex), AT(identity.subject) },
			       { AT(identity.pin_sealed), AT(identity.pin_salt), AT(identity.certificate) } },
	[JOURNAL_CERT_STATE] = { UPTO(cert_state), { 0 }, { 0 } },
	[JOURNAL_TRANSACTION] = { UPTO(transaction), { AT(transaction.operation) }, { 0 } },
	[JOURNAL_RECEIPT] = { UPTO(receipt),
			      { 0 },
			      { AT(receipt.receipt), AT(receipt.challenge), AT(receipt.signature) } },
	[JOURNAL_SIGHTING] = { UPTO(sighting), { AT(sighting.verdict) }, { 0 } },
	[JOURNAL_RADIO] = { UPTO(radio), { AT(radio.radio), AT(radio.path), AT(radio.driver) }, { 0 } },
	[JOURNAL_GUARD] = { UPTO(guard), { AT(guard.guard), AT(guard.detail) }, { 0 } },
	[JOURNAL_LINK] = { UPTO(link),
			   { AT(link.method), AT(link.kind), AT(link.security), AT(link.secret), AT(link.cipher),
			     AT(link.evidence) },
			   { AT(link.ssid) } },
	[JOURNAL_DELIVERY] = { UPTO(delivery), { AT(delivery.method), AT(delivery.evidence) }, { 0 } },
	[JOURNAL_NETWORK] = { UPTO(network), { AT(network.security), AT(network.reason) }, { AT(network.ssid) } },
	[JOURNAL_LABEL] = { UPTO(label),
			    { AT(label.kind), AT(label.template), AT(label.key_id), AT(label.reason), AT(label.actor) },
			    { 0 } },
	[JOURNAL_LABEL_STATE] = { UPTO(label_state), { AT(label_state.actor) }, { 0 } },
	[JOURNAL_LABEL_SCAN] = { UPTO(label_scan), { AT(label_scan.verdict), AT(label_scan.actor) }, { 0 } },
	[JOURNAL_AUDIT] = { UPTO(audit),
			    { AT(audit.actor), AT(audit.action), AT(audit.subject), AT(audit.body) },
			    { 0 } },
	[JOURNAL_BATCH_END] = { UPTO(batch_end), { AT(batch_end.state), AT(batch_end.policy) }, { 0 } },
};
#undef AT
#undef UPTO

static_assert(sizeof(shapes) / sizeof(shapes[0]) == JOURNAL_KINDS, "each kind of record has its shape");
