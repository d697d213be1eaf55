/*
 * Will the database take a record? The twin of every CHECK, NOT NULL and length in db/schema.sql, so that a record
 * which the schema refuses is refused before it is queued: one unit ends, and not the journal. journal_submit asks it
 * first; the line may ask before it does anything else with what a device said. tests/unit/journal_check.c holds the
 * two together.
 *
 * What needs the database to know is not asked here. The caller holds these by its own maps (journal_begin gives what
 * is on record), and breaking one fails the journal:
 *
 *	unit		number, device id and MAC are no other unit's; its serial number is no other's and never changes
 *	attempt		the unit is on record; number is new; (unit, batch, n) is new
 *	attempt_end	the attempt is on record and open
 *	step, measurement  the attempt is on record and open; (attempt, seq) is new
 *	identity	the unit is on record; (PIN lookup, product) is no other unit's
 *	identity	(number, issuer) of the certificate is new; its key is in none that is not void
 *	identity	the unit has no living certificate
 *	cert_state	the unit has a living certificate
 *	transaction	the number belongs to no other unit or operation
 *	transaction	PREPARED and COMMITTED come after INTENT
 *	receipt		unit, attempt and transaction are on record; (unit, attempt, transaction) is new
 *	link		the attempt is on record; (attempt, n) is new
 *	delivery	the attempt is on record
 *	network		the attempt is on record, and this is its first
 *	label		the unit has passed; number and (unit, template, copy) are new; the copy before is void
 *	label_state	the label is that unit's; its state goes forward
 *	label_scan	number is new; batch, units and label are on record
 */
#pragma once

#include "db/journal.h"

/*
 * NULL: no rule of the schema refuses it. Else half a sentence about what is wrong, to follow "its record is
 * refused:"; lives for ever. Reads what the record points to, changes nothing, on any thread.
 */
const char *journal_check(const struct journal_record *record);

/* The same for a lot, which journal_begin asks: half a sentence, or NULL. */
const char *journal_check_batch(const struct journal_batch *batch);
