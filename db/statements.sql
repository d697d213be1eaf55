-- The statements of the journal, by name. db/sql.c cuts this file at the lines that begin with "-- :".

-- :begin
BEGIN IMMEDIATE;
-- :commit
COMMIT;
-- :rollback
ROLLBACK;

-- :unit
INSERT INTO unit (unit, batch, device_id, mac, product, hw_rev, firmware, agentless, state, state_us, seen_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'seen', ?9, ?9);

-- :unit_state
UPDATE unit SET state = ?2, cause = ?3, cause_name = ?4, side = ?5, state_us = ?6 WHERE unit = ?1;

-- :unit_serial
UPDATE unit SET serial = ?2 WHERE unit = ?1;

-- :attempt
INSERT INTO attempt (attempt, unit, batch, session, n, kind, radio, freq_mhz, rssi_dbm, method, started_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- :attempt_end
UPDATE attempt SET outcome = ?2, cause = ?3, cause_name = ?4, side = ?5, step = ?6, detail = ?7, ended_us = ?8,
	active_us = ?9, device_us = ?10, wait_radio_us = ?11, wait_ca_us = ?12, wait_journal_us = ?13,
	frames_sent = ?14, frames_received = ?15, retries = ?16, octets = ?17
WHERE attempt = ?1 AND outcome IS NULL;

-- What the chain's row about an attempt covers: the attempt, its steps, its measurements, column by column.
-- :evidence_attempt
SELECT attempt, unit, batch, session, n, kind, radio, freq_mhz, rssi_dbm, method, started_us, ended_us, outcome, cause,
	cause_name, side, step, detail, active_us, device_us, wait_radio_us, wait_ca_us, wait_journal_us, frames_sent,
	frames_received, retries, octets
FROM attempt WHERE attempt = ?1;
-- :evidence_steps
SELECT seq, name, tries, started_us, duration_us, device_us, outcome, cause, cause_name, side
FROM step WHERE attempt = ?1 ORDER BY seq;
-- :evidence_measurements
SELECT name, n, value, unit, low, high, passed FROM measurement WHERE attempt = ?1 ORDER BY name, n;

-- :step
INSERT INTO step (attempt, seq, name, tries, started_us, duration_us, device_us, outcome, cause, cause_name, side)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- :measurement
INSERT INTO measurement (attempt, name, n, value, unit, low, high, passed)
VALUES (?1, ?2, (SELECT coalesce(max(n), 0) + 1 FROM measurement WHERE attempt = ?1 AND name = ?2), ?3, ?4, ?5, ?6, ?7);

-- A second identity of one unit may carry the PIN that the unit has; another unit's PIN is a UNIQUE violation.
-- :pin
INSERT INTO pin (unit, attempt, product, lookup, kind, sealed, kek_id, salt, iterations, set_us)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
WHERE NOT EXISTS (SELECT 1 FROM pin WHERE lookup = ?4 AND product = ?3 AND unit = ?1);

-- :cert
INSERT INTO cert (unit, attempt, serial_hex, issuer, subject, spki_sha256, der, sha256, not_before_us, not_after_us, issued_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- :cert_installed
UPDATE cert SET installed_us = coalesce(installed_us, ?2) WHERE unit = ?1 AND void_us IS NULL AND revoked_us IS NULL;
-- :cert_verified
UPDATE cert SET installed_us = coalesce(installed_us, ?2), verified_us = coalesce(verified_us, ?2)
WHERE unit = ?1 AND void_us IS NULL AND revoked_us IS NULL;
-- :cert_revoked
UPDATE cert SET revoked_us = ?2 WHERE unit = ?1 AND void_us IS NULL AND revoked_us IS NULL;
-- :cert_void
UPDATE cert SET void_us = ?2 WHERE unit = ?1 AND void_us IS NULL AND revoked_us IS NULL;

-- An intent that is repeated (the device restarted before it answered) moves to the attempt that repeats it.
-- :txn_intent
INSERT INTO txn (txn, unit, attempt, operation, intent_us) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (txn) DO UPDATE SET attempt = excluded.attempt WHERE unit = excluded.unit AND operation = excluded.operation;
-- :txn_prepared
UPDATE txn SET prepared_us = coalesce(prepared_us, ?3) WHERE txn = ?1 AND unit = ?2;
-- :txn_committed
UPDATE txn SET committed_us = coalesce(committed_us, ?3) WHERE txn = ?1 AND unit = ?2;

-- :receipt
INSERT INTO receipt (unit, attempt, txn, receipt, challenge, signature, at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- :sighting
INSERT INTO sighting (session, mac, device_id, verdict, freq_mhz, rssi_dbm, count, first_us, last_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT DO UPDATE SET count = count + excluded.count, freq_mhz = excluded.freq_mhz,
	rssi_dbm = max(rssi_dbm, excluded.rssi_dbm), first_us = min(first_us, excluded.first_us),
	last_us = max(last_us, excluded.last_us);

-- :radio
INSERT OR REPLACE INTO radio (session, radio, path, driver, mac, simulated, sent, acked, unacked, retries, received,
	dropped, garbage, switches, airtime_us, switch_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16);

-- :label
INSERT INTO label (label, unit, copy, kind, template, digest, key_id, reason, actor, queued_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);
-- :label_sent
UPDATE label SET sent_us = ?3 WHERE label = ?1 AND unit = ?2 AND sent_us IS NULL;
-- :label_printed
UPDATE label SET printed_us = ?3 WHERE label = ?1 AND unit = ?2 AND sent_us IS NOT NULL AND printed_us IS NULL;
-- :label_scanned
UPDATE label SET scanned_us = ?3 WHERE label = ?1 AND unit = ?2 AND sent_us IS NOT NULL AND scanned_us IS NULL;
-- :label_void
UPDATE label SET void_us = ?3 WHERE label = ?1 AND unit = ?2 AND void_us IS NULL;
-- :label_scan
INSERT INTO label_scan (scan, batch, expected, unit, label, verdict, actor, at_us)
VALUES (?1, ?2, nullif(?3, 0), nullif(?4, 0), nullif(?5, 0), ?6, ?7, ?8);
-- :link
INSERT INTO link (attempt, n, method, kind, bssid, ssid, freq_mhz, security, secret, cipher, certificate_sha256, join_us, address_us,
	connect_us, secure_us, evidence, at_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17);
-- :delivery
INSERT INTO delivery (attempt, n, method, evidence, at_us)
VALUES (?1, (SELECT coalesce(max(n), 0) + 1 FROM delivery WHERE attempt = ?1), ?2, ?3, ?4) RETURNING n;
-- :network
INSERT INTO network (attempt, ssid, security, heard, candidates, bssid, freq_mhz, rssi_dbm, reason, joined_us, observed, reported, at_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13);
-- :guard
INSERT INTO guard (session, guard, detail, at_us) VALUES (?1, ?2, ?3, ?4);

-- :batch_end
UPDATE batch SET state = ?2, closed_us = ?3 WHERE batch = ?1;
-- :session_result
UPDATE session SET makespan_us = ?2, lower_bound_us = ?3, policy = coalesce(?4, policy) WHERE session = ?1;
-- :session_end
UPDATE session SET ended_us = ?2, end_kind = 'clean' WHERE session = ?1;

-- :audit
INSERT INTO audit (seq, at_us, session, actor, action, subject, body, prev, hash)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
-- :written
INSERT INTO written (n, seq, part, changes, hash, signature, key_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
-- :head
SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1;
-- Rises when another connection has written.
-- :others
PRAGMA data_version;

-- The start of a session.
-- :batch_find
SELECT batch, job_sha256, product FROM batch WHERE lot = ?1;
-- :batch_new
INSERT INTO batch (lot, product, hw_rev, work_order, quantity, test, job, job_sha256, opened_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
-- :batch_reopen
UPDATE batch SET state = 'open', closed_us = NULL WHERE batch = ?1;
-- :sessions_dead
UPDATE session SET ended_us = ?1, end_kind = CASE WHEN boot_id IS NOT NULL AND boot_id <> ?2 THEN 'power'
	ELSE 'interrupted' END
WHERE ended_us IS NULL;
-- :session_new
INSERT INTO session (batch, simulated, software, schema_version, job_path, policy, operator, seed, clock_ok, host, boot_id,
	started_us)
VALUES (?1, ?2, ?3, (SELECT user_version FROM pragma_user_version), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);
-- :attempts_open
SELECT attempt, unit FROM attempt WHERE outcome IS NULL ORDER BY +attempt;
-- :attempt_interrupt
UPDATE attempt SET outcome = 'interrupted', cause = ?2, cause_name = ?3, side = ?4, ended_us = max(?5, started_us)
WHERE attempt = ?1 AND outcome IS NULL;
-- :units_inactive
UPDATE unit SET state = 'seen', state_us = ?1 WHERE state = 'active';
-- :next
SELECT coalesce((SELECT max(unit) FROM unit), 0) + 1, coalesce((SELECT max(attempt) FROM attempt), 0) + 1,
	coalesce((SELECT max(txn) FROM txn), 0) + 1,
	(SELECT count(*) FROM unit WHERE batch = ?1 AND state = 'passed');
-- Units to go on with, each found by index: ?2, or NULL: all of the lot. At its end, how many attempts have left which half of its
-- PIN shown, by the last word of each, since somebody gave the device back.
-- :resume
SELECT u.unit, u.device_id, u.mac, u.state,
	(SELECT count(*) FROM attempt AS a WHERE a.unit = u.unit AND a.batch = ?1),
	(SELECT count(*) FROM attempt AS a WHERE a.unit = u.unit AND a.batch = ?1 AND a.outcome <> 'pass' AND a.side IN ('air', 'device')),
	(SELECT count(*) FROM attempt AS a WHERE a.unit = u.unit AND a.batch = ?1 AND a.outcome <> 'pass' AND a.side = 'device'),
	u.serial, i.txn, i.phase, c.txn, c.phase, s.txn, s.phase, k.der, k.spki_sha256,
	EXISTS (SELECT 1 FROM receipt AS r WHERE r.unit = u.unit), p.sealed, p.salt, p.iterations, u.batch = ?1, u.agentless,
	(SELECT count(*) FROM attempt AS a JOIN measurement AS m ON m.attempt = a.attempt AND m.name = 'pin-halves-shown'
		WHERE a.unit = u.unit AND CAST(m.value AS INTEGER) & 1 AND m.n = (SELECT max(n) FROM measurement WHERE attempt = a.attempt AND name = m.name)
		AND NOT EXISTS (SELECT 1 FROM attempt AS o WHERE o.unit = u.unit AND o.kind = 'operator-retry' AND o.attempt > a.attempt)),
	(SELECT count(*) FROM attempt AS a JOIN measurement AS m ON m.attempt = a.attempt AND m.name = 'pin-halves-shown'
		WHERE a.unit = u.unit AND CAST(m.value AS INTEGER) & 2 AND m.n = (SELECT max(n) FROM measurement WHERE attempt = a.attempt AND name = m.name)
		AND NOT EXISTS (SELECT 1 FROM attempt AS o WHERE o.unit = u.unit AND o.kind = 'operator-retry' AND o.attempt > a.attempt))
FROM unit AS u
LEFT JOIN (SELECT txn, CASE WHEN committed_us IS NOT NULL THEN 2 WHEN prepared_us IS NOT NULL THEN 1 ELSE 0 END AS phase FROM txn) AS i
	ON i.txn = (SELECT max(txn) FROM txn WHERE unit = u.unit AND operation = 'identity')
LEFT JOIN (SELECT txn, CASE WHEN committed_us IS NOT NULL THEN 2 WHEN prepared_us IS NOT NULL THEN 1 ELSE 0 END AS phase FROM txn) AS c
	ON c.txn = (SELECT max(txn) FROM txn WHERE unit = u.unit AND operation = 'credentials')
LEFT JOIN (SELECT txn, CASE WHEN committed_us IS NOT NULL THEN 2 WHEN prepared_us IS NOT NULL THEN 1 ELSE 0 END AS phase FROM txn) AS s
	ON s.txn = (SELECT max(txn) FROM txn WHERE unit = u.unit AND operation = 'seal')
LEFT JOIN cert AS k ON k.unit = u.unit AND k.void_us IS NULL AND k.revoked_us IS NULL
LEFT JOIN pin AS p ON p.pin = (SELECT max(pin) FROM pin WHERE unit = u.unit)
WHERE u.unit IN (SELECT ?2 UNION SELECT unit FROM unit WHERE ?2 IS NULL AND batch = ?1)
ORDER BY u.unit;

-- Which unit has it? Numbers from ?2 on are of this session, whose station knows them, committed or not.
-- :find_device_id
SELECT unit FROM unit WHERE device_id = ?1 AND unit < ?2;
-- :find_mac
SELECT unit FROM unit WHERE mac = ?1 AND unit < ?2;
-- :find_serial
SELECT unit FROM unit WHERE serial = ?1 AND unit < ?2;
-- :find_key
SELECT unit FROM cert WHERE spki_sha256 = ?1 AND void_us IS NULL AND unit < ?2;
-- :find_pin
SELECT unit FROM pin WHERE lookup = ?1 AND product = ?3 AND unit < ?2;
