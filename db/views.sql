-- The audit interface: views, not tables. docs/audit.md explains each with its columns and an example.
-- Made anew whenever this file has changed. Times are UTC; a column *_us is microseconds.
--
-- Most are asked for one lot, of a record that may hold a thousand. SQLite (3.40) carries `lot = ...` down into a subquery that has a
-- column `lot`: past joins that are not outer ones, past UNION, past windows that are partitioned by lot, and past one GROUP BY
-- that has it, over tables. Not into a WITH that is used twice. So that is how they are written; tests/unit/record_scale.c
-- holds that a lot of a large record costs what it costs in a small one.

-- Units, one row each. `agentless`: a foreign device, which no agent of ours answers for; `not_proven`: what is therefore not
-- known about it, from what is really absent. NULL: a unit that our agent answered for, whose columns say what there is.
CREATE VIEW v_unit AS
SELECT u.unit, b.lot, u.serial,
	lower(printf('%s:%s:%s:%s:%s:%s', substr(hex(u.mac), 1, 2), substr(hex(u.mac), 3, 2), substr(hex(u.mac), 5, 2),
		substr(hex(u.mac), 7, 2), substr(hex(u.mac), 9, 2), substr(hex(u.mac), 11, 2))) AS mac,
	nullif(lower(hex(u.device_id)), '') AS device_id, u.product, u.hw_rev, u.firmware, u.state, u.cause_name AS cause, u.side,
	(SELECT count(*) FROM attempt AS a WHERE a.unit = u.unit) AS attempts,
	k.serial_hex AS cert_serial, k.state AS cert_state,
	EXISTS (SELECT 1 FROM receipt AS r WHERE r.unit = u.unit) AS sealed,
	strftime('%Y-%m-%dT%H:%M:%fZ', u.seen_us / 1e6, 'unixepoch') AS seen,
	strftime('%Y-%m-%dT%H:%M:%fZ', u.state_us / 1e6, 'unixepoch') AS state_since, u.agentless,
	CASE WHEN u.agentless THEN nullif(substr(
		CASE WHEN k.verified_us IS NULL AND NOT EXISTS (SELECT 1 FROM receipt AS r WHERE r.unit = u.unit) THEN ', no key'
			ELSE '' END ||
		CASE WHEN k.cert IS NULL THEN ', no certificate' ELSE '' END ||
		CASE WHEN NOT EXISTS (SELECT 1 FROM receipt AS r WHERE r.unit = u.unit) THEN ', no receipt' ELSE '' END ||
		CASE WHEN NOT EXISTS (SELECT 1 FROM network AS t JOIN attempt AS a ON a.attempt = t.attempt
			WHERE a.unit = u.unit AND t.observed <> 'no') THEN ', not seen to join' ELSE '' END, 3), '') END AS not_proven
FROM unit AS u JOIN batch AS b ON b.batch = u.batch
LEFT JOIN cert AS k ON k.unit = u.unit AND k.void_us IS NULL AND k.revoked_us IS NULL;

-- Attempts, one row each: what happened each time that a unit was taken in hand. `method` is the device's own: that of its
-- links, else of its delivery, else the word of the row; `method_recorded` is that word, which older programs took from the job.
CREATE VIEW v_attempt AS
SELECT a.attempt, b.lot, a.unit, u.serial, u.mac, a.n, a.kind, a.session, a.radio, a.freq_mhz, a.rssi_dbm,
	coalesce((SELECT l.method FROM link AS l WHERE l.attempt = a.attempt ORDER BY l.n LIMIT 1),
		(SELECT d.method FROM delivery AS d WHERE d.attempt = a.attempt ORDER BY d.n LIMIT 1), a.method) AS method,
	a.method AS method_recorded,
	strftime('%Y-%m-%dT%H:%M:%fZ', a.started_us / 1e6, 'unixepoch') AS started,
	strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_us / 1e6, 'unixepoch') AS ended,
	a.outcome, a.cause_name AS cause, a.side, a.step, a.detail,
	a.active_us, a.device_us, a.wait_radio_us, a.wait_ca_us, a.wait_journal_us,
	a.frames_sent, a.frames_received, a.retries, a.octets
FROM attempt AS a JOIN batch AS b ON b.batch = a.batch JOIN v_unit AS u ON u.unit = a.unit;

-- What each unit did in each batch that worked on it. An attempt that ended for a cause on the station's, a person's or the
-- mains' side says nothing about the product: it is not finished.
CREATE VIEW v_unit_batch AS
SELECT b.batch, b.lot, u.unit, u.serial, u.batch <> b.batch AS rework,
	(SELECT count(*) FROM attempt AS a WHERE a.unit = u.unit AND a.batch = b.batch) AS attempts,
	f.outcome AS first_outcome,
	(SELECT max(tries) FROM step WHERE step.attempt = f.attempt) AS first_step_tries,
	CASE WHEN coalesce(l.batch, u.batch) = b.batch THEN u.state
		WHEN EXISTS (SELECT 1 FROM attempt AS a WHERE a.unit = u.unit AND a.batch = b.batch AND a.outcome = 'pass') THEN 'passed'
		ELSE 'failed' END AS state
FROM batch AS b
CROSS JOIN unit AS u ON u.unit IN (SELECT unit FROM unit WHERE batch = b.batch UNION SELECT unit FROM attempt WHERE batch = b.batch)
LEFT JOIN attempt AS l ON l.attempt = (SELECT max(attempt) FROM attempt AS a WHERE a.unit = u.unit)
LEFT JOIN attempt AS f ON f.attempt = (SELECT min(attempt) FROM attempt AS a WHERE a.unit = u.unit AND a.batch = b.batch
	AND (a.outcome = 'pass' OR a.side IN ('air', 'device', 'security')));

-- Batches, one row each.
CREATE VIEW v_batch AS
SELECT b.batch, b.lot, b.product, b.hw_rev, b.work_order, b.quantity, b.state,
	m.units, m.passed, m.failed, m.quarantined, m.unfinished,
	s.sessions, s.makespan_us, s.lower_bound_us, s.policy, s.operator, s.software, printf('%u', s.seed) AS seed,
	(SELECT simulated FROM record) AS simulated, b.test,
	strftime('%Y-%m-%dT%H:%M:%fZ', b.opened_us / 1e6, 'unixepoch') AS opened,
	strftime('%Y-%m-%dT%H:%M:%fZ', b.closed_us / 1e6, 'unixepoch') AS closed,
	lower(hex(b.job_sha256)) AS job_sha256
FROM batch AS b
JOIN (SELECT lot, count(*) AS units, sum(state = 'passed') AS passed, sum(state = 'failed') AS failed,
		sum(state = 'quarantined') AS quarantined, sum(state NOT IN ('passed', 'failed', 'quarantined')) AS unfinished
	FROM v_unit_batch GROUP BY lot
	UNION ALL SELECT lot, 0, NULL, NULL, NULL, NULL FROM batch AS e WHERE NOT EXISTS (SELECT 1 FROM unit WHERE batch = e.batch)
		AND NOT EXISTS (SELECT 1 FROM attempt WHERE batch = e.batch)) AS m ON m.lot = b.lot
LEFT JOIN (SELECT batch, count(*) AS sessions, sum(makespan_us) AS makespan_us, sum(lower_bound_us) AS lower_bound_us,
		policy, operator, software, seed, max(session) FROM session GROUP BY batch) AS s ON s.batch = b.batch
ORDER BY b.batch;

-- Yields, as fractions. FPY: units whose first finished attempt passed / units with a first finished attempt; a unit counts
-- in the batch of its first attempt. Clean pass: that attempt had no step tried twice. Final: passed / started.
-- Report yield: passed attempts / closed attempts; it speaks of the station, never of the product.
CREATE VIEW v_batch_yield AS
SELECT m.lot, m.started, m.finished, m.first_passed, round(1.0 * m.first_passed / m.finished, 4) AS fpy,
	round(1.0 * m.clean / m.finished, 4) AS clean_pass,
	m.passed, round(1.0 * m.passed / m.started, 4) AS final_yield, m.failed, m.quarantined, m.rework,
	nullif(a.attempts, 0) AS attempts, a.passed AS attempts_passed, round(1.0 * a.passed / a.attempts, 4) AS report_yield
FROM (
	SELECT lot, sum(attempts > 0) AS started, sum(NOT rework AND first_outcome IS NOT NULL) AS finished,
		sum(NOT rework AND first_outcome IS 'pass') AS first_passed,
		sum(NOT rework AND first_outcome IS 'pass' AND coalesce(first_step_tries, 1) <= 1) AS clean,
		sum(attempts > 0 AND state = 'passed') AS passed, sum(attempts > 0 AND state = 'failed') AS failed,
		sum(attempts > 0 AND state = 'quarantined') AS quarantined, sum(rework) AS rework
	FROM v_unit_batch GROUP BY lot
	UNION ALL SELECT lot, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM batch AS e
		WHERE NOT EXISTS (SELECT 1 FROM unit WHERE batch = e.batch) AND NOT EXISTS (SELECT 1 FROM attempt WHERE batch = e.batch)) AS m
JOIN (
	SELECT b.lot, b.batch, count(t.outcome) AS attempts, sum(t.outcome = 'pass') AS passed
	FROM batch AS b LEFT JOIN attempt AS t ON t.batch = b.batch GROUP BY b.lot) AS a ON a.lot = m.lot
ORDER BY a.batch;

-- What goes wrong most: attempts that did not pass, by side, step and cause.
CREATE VIEW v_pareto AS
WITH failure AS (
	SELECT b.lot, b.batch, coalesce(a.side, '') AS side, coalesce(a.step, '') AS step, coalesce(a.cause_name, a.outcome) AS cause,
		count(*) AS attempts, count(DISTINCT a.unit) AS units
	FROM batch AS b JOIN attempt AS a ON a.batch = b.batch WHERE a.outcome <> 'pass' GROUP BY 1, 2, 3, 4, 5)
SELECT f.lot, f.side, f.step, f.cause, f.attempts, f.units,
	round(1.0 * f.attempts / sum(f.attempts) OVER (PARTITION BY f.lot), 4) AS share,
	round(1.0 * sum(f.attempts) OVER (PARTITION BY f.lot ORDER BY f.attempts DESC, f.side, f.step, f.cause) /
		sum(f.attempts) OVER (PARTITION BY f.lot), 4) AS cumulative
FROM failure AS f
ORDER BY f.batch, f.attempts DESC, f.side, f.step, f.cause;

-- How long it takes: passed steps by name, and passed attempts as a whole and by what they waited for. Nearest rank.
CREATE VIEW v_cycle AS
WITH sample (lot, batch, part, step, value_us) AS (
	SELECT b.lot, b.batch, 2, s.name, s.duration_us
		FROM batch AS b JOIN attempt AS a ON a.batch = b.batch JOIN step AS s ON s.attempt = a.attempt
		WHERE s.outcome = 'pass'
	UNION ALL SELECT b.lot, b.batch, w.part, w.step, CASE w.step WHEN '(attempt)' THEN a.active_us WHEN '(device works)' THEN a.device_us
			WHEN '(waits for radio)' THEN a.wait_radio_us WHEN '(waits for CA)' THEN a.wait_ca_us ELSE a.wait_journal_us END
		FROM batch AS b JOIN attempt AS a ON a.batch = b.batch CROSS JOIN (SELECT 1 AS part, '(attempt)' AS step
			UNION ALL SELECT 3, '(device works)' UNION ALL SELECT 3, '(waits for radio)' UNION ALL SELECT 3, '(waits for CA)'
			UNION ALL SELECT 3, '(waits for record)') AS w
		WHERE a.outcome = 'pass'),
ranked AS (
	SELECT *, row_number() OVER (PARTITION BY lot, step ORDER BY value_us) AS rank, count(*) OVER (PARTITION BY lot, step) AS n
	FROM sample),
-- One row of each step stands for all.
summed AS (
	SELECT lot, batch, part, step, rank, n,
		min(CASE WHEN 100 * rank >= 50 * n THEN value_us END) OVER (PARTITION BY lot, step) AS p50_us,
		min(CASE WHEN 100 * rank >= 95 * n THEN value_us END) OVER (PARTITION BY lot, step) AS p95_us,
		max(value_us) OVER (PARTITION BY lot, step) AS max_us, avg(value_us) OVER (PARTITION BY lot, step) AS mean_us
	FROM ranked)
SELECT lot, step, n, p50_us, p95_us, max_us, CAST(mean_us AS INTEGER) AS mean_us
FROM summed WHERE rank = n ORDER BY batch, part, step;

-- Radios, one row for each session. A yield far below the other radios' points at the adapter, its place or its channel.
CREATE VIEW v_radio_health AS
WITH worked (lot, session, radio, outcome, side, rssi_dbm) AS (
	SELECT b.lot, r.session, r.radio, NULL, NULL, NULL
		FROM batch AS b JOIN session AS s ON s.batch = b.batch JOIN radio AS r ON r.session = s.session
	UNION ALL SELECT b.lot, a.session, a.radio, a.outcome, a.side, CASE WHEN a.outcome IS NOT NULL THEN a.rssi_dbm END
		FROM batch AS b JOIN attempt AS a ON a.batch = b.batch WHERE a.radio <> ''),
-- One row of each radio stands for all.
summed AS (
	SELECT lot, session, radio, row_number() OVER (PARTITION BY lot, session, radio) AS nth,
		count(outcome) OVER (PARTITION BY lot, session, radio) AS attempts,
		sum(outcome = 'pass') OVER (PARTITION BY lot, session, radio) AS passed,
		sum(outcome <> 'pass' AND side = 'air') OVER (PARTITION BY lot, session, radio) AS air_failures,
		round(avg(rssi_dbm) OVER (PARTITION BY lot, session, radio), 1) AS rssi_mean_dbm
	FROM worked)
SELECT n.lot, n.session, n.radio, r.driver, r.path, n.attempts, coalesce(n.passed, 0) AS passed,
	round(1.0 * n.passed / n.attempts, 4) AS report_yield, coalesce(n.air_failures, 0) AS air_failures, n.rssi_mean_dbm,
	r.sent, r.acked, r.unacked, round(1.0 * r.acked / nullif(r.acked + r.unacked, 0), 4) AS acked_share, r.retries,
	r.received, r.dropped, r.garbage, r.switches, r.switch_us, r.airtime_us
FROM summed AS n LEFT JOIN radio AS r ON r.session = n.session AND r.radio = n.radio
WHERE n.nth = 1;

-- All that is on record about one unit, in the order of time: WHERE serial = '...' ORDER BY at_us, step.
CREATE VIEW v_unit_life AS
WITH event (unit, at_us, place, event, detail) AS (
	SELECT unit, seen_us, 0, 'seen', printf('%s rev %s firmware %s%s', product, hw_rev, firmware,
		CASE WHEN agentless THEN ', no agent of ours answers' ELSE '' END) FROM unit
	UNION ALL SELECT a.unit, a.started_us, 1, 'attempt ' || a.n, printf('%s by %s, %s on %d MHz at %d dBm', a.kind, v.method, a.radio,
		a.freq_mhz, a.rssi_dbm) FROM attempt AS a JOIN v_attempt AS v ON v.attempt = a.attempt
	UNION ALL SELECT a.unit, s.started_us + s.duration_us, 4, 'step ' || s.name, printf('%s%s, %.1f ms%s', s.outcome,
		coalesce(' ' || s.cause_name, ''), s.duration_us / 1e3, CASE WHEN s.tries > 1 THEN ', ' || s.tries || ' tries'
		ELSE '' END) FROM step AS s JOIN attempt AS a ON a.attempt = s.attempt
	UNION ALL SELECT a.unit, coalesce(a.ended_us, a.started_us), 5, 'measured ' || m.name, printf('%g %s%s', m.value, m.unit,
		CASE WHEN m.passed THEN '' ELSE ', outside its limits' END)
		FROM measurement AS m JOIN attempt AS a ON a.attempt = m.attempt
	UNION ALL SELECT unit, intent_us, 2, operation || ' intended', 'transaction ' || txn FROM txn
	UNION ALL SELECT unit, prepared_us, 3, operation || ' prepared', 'transaction ' || txn FROM txn
		WHERE prepared_us IS NOT NULL
	UNION ALL SELECT unit, committed_us, 3, operation || ' committed', 'transaction ' || txn FROM txn
		WHERE committed_us IS NOT NULL
	UNION ALL SELECT unit, set_us, 2, 'PIN drawn', printf('%s, sealed under %s', kind, kek_id) FROM pin
	UNION ALL SELECT unit, issued_us, 2, 'certificate issued', printf('%s by %s', serial_hex, issuer) FROM cert
	UNION ALL SELECT unit, installed_us, 3, 'certificate installed', serial_hex FROM cert WHERE installed_us IS NOT NULL
	UNION ALL SELECT unit, verified_us, 3, 'certificate verified', serial_hex FROM cert WHERE verified_us IS NOT NULL
	UNION ALL SELECT unit, revoked_us, 3, 'certificate revoked', serial_hex FROM cert WHERE revoked_us IS NOT NULL
	UNION ALL SELECT unit, void_us, 3, 'certificate void', serial_hex FROM cert WHERE void_us IS NOT NULL
	UNION ALL SELECT unit, at_us, 3, 'sealed', printf('receipt of %d octets, transaction %d', length(receipt), txn)
		FROM receipt
	UNION ALL SELECT unit, ended_us, 6, 'attempt ' || n || ' ended', outcome || coalesce(', ' || cause_name || ' (' || side ||
		')', '') || coalesce(' at ' || step, '') || coalesce(': ' || detail, '') FROM attempt WHERE ended_us IS NOT NULL
	UNION ALL SELECT a.unit, l.at_us, 2, 'link ' || l.n || ' up', printf('%s, %s, %s, BSSID %s on %d MHz%s', l.method, l.security,
		l.cipher, lower(hex(l.bssid)), l.freq_mhz, coalesce(', certificate ' || nullif(lower(hex(l.certificate_sha256)), ''), ''))
		FROM link AS l JOIN attempt AS a ON a.attempt = l.attempt
	UNION ALL SELECT a.unit, d.at_us, 3, 'credentials delivered', printf('%s: %s', d.method, d.evidence)
		FROM delivery AS d JOIN attempt AS a ON a.attempt = d.attempt
	UNION ALL SELECT a.unit, t.at_us, 3, CASE WHEN t.joined_us IS NULL THEN 'network given' ELSE 'network joined' END,
		printf('%s; on the air: %s; by its own signed word: %s', t.reason, t.observed,
		CASE WHEN t.reported THEN 'yes' ELSE 'no' END) FROM network AS t JOIN attempt AS a ON a.attempt = t.attempt
	UNION ALL SELECT unit, queued_us, 7, printf('label %s %d queued', template, copy), printf('%s by %s%s', kind, actor,
		coalesce(', again: ' || reason, '')) FROM label
	UNION ALL SELECT unit, sent_us, 8, printf('label %s %d sent', template, copy), kind FROM label WHERE sent_us IS NOT NULL
	UNION ALL SELECT unit, printed_us, 9, printf('label %s %d printed', template, copy), 'by the printer''s word' FROM label
		WHERE printed_us IS NOT NULL
	UNION ALL SELECT unit, void_us, 9, printf('label %s %d void', template, copy), 'it counts no longer' FROM label
		WHERE void_us IS NOT NULL
	UNION ALL SELECT unit, at_us, 10, 'label scanned', printf('%s, by %s', verdict, actor) FROM label_scan WHERE unit IS NOT NULL
	UNION ALL SELECT u.unit, c.at_us, 7, c.action,
		CASE c.action WHEN 'outcome' THEN replace(replace(replace(c.body, '{"state":"', ''), '","cause":"', ', '), '"}', '')
		ELSE c.body END || ' (chain ' || c.seq || ', ' || c.actor || ')'
		FROM unit AS u JOIN audit AS c ON c.subject = 'unit ' || u.unit
		WHERE c.action NOT IN ('unit', 'identity', 'attempt', 'receipt', 'certificate', 'link', 'delivery',
			'network', 'label', 'label-state', 'label-scan'))
SELECT e.unit, u.serial, u.mac, u.device_id, e.at_us, e.place AS step,
	strftime('%Y-%m-%dT%H:%M:%fZ', e.at_us / 1e6, 'unixepoch') AS at, e.event, e.detail
FROM event AS e JOIN v_unit AS u ON u.unit = e.unit;

-- The CA's register: every certificate that was ever issued. `loose`: it lives, and its unit did not pass.
CREATE VIEW v_cert_register AS
SELECT u.serial, k.serial_hex AS cert_serial, k.issuer, k.subject, k.state,
	k.state IN ('issued', 'installed', 'verified') AND u.state <> 'passed' AS loose, u.state AS unit_state, u.lot, u.mac,
	strftime('%Y-%m-%dT%H:%M:%SZ', k.not_before_us / 1000000, 'unixepoch') AS not_before,
	coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', k.not_after_us / 1000000, 'unixepoch'), 'never') AS not_after,
	strftime('%Y-%m-%dT%H:%M:%fZ', k.issued_us / 1e6, 'unixepoch') AS issued,
	strftime('%Y-%m-%dT%H:%M:%fZ', k.verified_us / 1e6, 'unixepoch') AS verified,
	lower(hex(k.spki_sha256)) AS key_sha256, lower(hex(k.sha256)) AS cert_sha256, k.unit, k.cert
FROM cert AS k JOIN v_unit AS u ON u.unit = k.unit;

-- Units that have an identity, and their PINs. `duplicates`: PINs of the product that more than one unit has; always 0.
CREATE VIEW v_pin_coverage AS
SELECT b.lot, b.product, count(u.unit) AS identified, count(p.unit) AS with_pin, count(u.unit) - count(p.unit) AS without_pin,
	coalesce(d.duplicates, 0) AS duplicates
FROM batch AS b LEFT JOIN unit AS u ON u.batch = b.batch AND u.serial IS NOT NULL
LEFT JOIN pin AS p ON p.pin = (SELECT max(pin) FROM pin AS q WHERE q.unit = u.unit)
LEFT JOIN (SELECT product, count(*) AS duplicates
	FROM (SELECT product FROM pin GROUP BY lookup, product HAVING count(DISTINCT unit) > 1) GROUP BY product)
	AS d ON d.product = b.product
GROUP BY b.batch;

-- What people ordered, from the chain. Its body is {"state":...,"cause":...,"outcome":...,"reason":...}, the first three not always;
-- taken apart without JSON functions, which a view may not use where the schema is not trusted.
CREATE VIEW v_order AS
SELECT a.seq, a.at_us, a.session, b.lot, strftime('%Y-%m-%dT%H:%M:%fZ', a.at_us / 1e6, 'unixepoch') AS at, a.actor, a.action,
	a.subject, CASE WHEN a.subject LIKE 'unit %' THEN CAST(substr(a.subject, 6) AS INTEGER) END AS unit,
	replace(replace(substr(a.body, instr(a.body, '"reason":"') + 10, length(a.body) - instr(a.body, '"reason":"') - 11),
		'\"', '"'), '\\', '\') AS reason,
	CASE WHEN a.body LIKE '{"state":"%' THEN substr(a.body, 11, instr(substr(a.body, 11), '"') - 1) END AS was,
	CASE WHEN instr(a.body, ',"cause":"') THEN substr(substr(a.body, instr(a.body, ',"cause":"') + 10), 1,
		instr(substr(a.body, instr(a.body, ',"cause":"') + 10), '"') - 1) END AS cause,
	CASE WHEN instr(a.body, '"outcome":"') THEN substr(substr(a.body, instr(a.body, '"outcome":"') + 11), 1,
		instr(substr(a.body, instr(a.body, '"outcome":"') + 11), '"') - 1) END AS overtaken
FROM audit AS a JOIN session AS s ON s.session = a.session JOIN batch AS b ON b.batch = s.batch
WHERE a.action IN ('line-pause', 'line-resume', 'line-stop', 'line-abort', 'unit-retry', 'unit-quarantine', 'unit-release',
	'guard-override', 'banner-acknowledge', 'badge');

-- What was ordered against the usual way, and for which unit. `was`, `cause`: of the unit before. `overtaken`: why it did not
-- take effect, because something else was quicker.
CREATE VIEW v_override AS
SELECT o.lot, o.session, o.at, o.actor, o.action, u.serial,
	CASE WHEN u.unit IS NOT NULL THEN lower(printf('%s:%s:%s:%s:%s:%s', substr(hex(u.mac), 1, 2), substr(hex(u.mac), 3, 2),
		substr(hex(u.mac), 5, 2), substr(hex(u.mac), 7, 2), substr(hex(u.mac), 9, 2), substr(hex(u.mac), 11, 2))) END AS mac,
	o.reason, o.was, o.cause, o.overtaken, o.subject, o.unit, o.seq
FROM v_order AS o LEFT JOIN unit AS u ON u.unit = o.unit
WHERE o.action NOT IN ('line-pause', 'line-resume', 'badge');

-- When no device was admitted: by a person's order or a guard, until somebody resumed or the session ended.
CREATE VIEW v_pause AS
WITH went (lot, seq, at_us, session, actor, action, reason, off) AS (
	SELECT b.lot, a.seq, a.at_us, a.session, a.actor, a.action, 'guard ' || a.subject, a.action = 'guard'
		FROM batch AS b JOIN session AS s ON s.batch = b.batch JOIN audit AS a ON a.session = s.session
		WHERE a.action IN ('guard', 'batch-end')
	UNION ALL SELECT lot, seq, at_us, session, actor, action, reason, action = 'line-pause' FROM v_order
		WHERE action IN ('line-pause', 'line-resume', 'guard-override', 'line-stop', 'line-abort') AND overtaken IS NULL),
-- To each row, the next one that is no pause.
until AS (
	SELECT *, min(CASE WHEN NOT off THEN seq END) OVER (PARTITION BY lot, session ORDER BY seq DESC
		ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until_seq
	FROM went)
SELECT o.lot, o.session, strftime('%Y-%m-%dT%H:%M:%fZ', o.at_us / 1e6, 'unixepoch') AS since,
	strftime('%Y-%m-%dT%H:%M:%fZ', k.at_us / 1e6, 'unixepoch') AS until, k.at_us - o.at_us AS pause_us, o.actor, o.reason,
	k.action AS ended_by, k.actor AS ended_actor, o.seq
FROM until AS o LEFT JOIN audit AS k ON k.seq = o.until_seq
WHERE o.off;

-- What must not be when a batch is done. Empty, or somebody has to look.
CREATE VIEW v_orphan AS
WITH found (lot, unit, kind, what) AS (
	SELECT b.lot, a.unit, 'open-attempt', 'attempt ' || a.attempt || ' never ended' FROM attempt AS a JOIN batch AS b ON b.batch = a.batch
		WHERE a.outcome IS NULL
	UNION ALL SELECT b.lot, u.unit, 'unfinished', 'the unit is ' || u.state FROM batch AS b JOIN unit AS u ON u.batch = b.batch
		WHERE u.state IN ('seen', 'active') AND b.state = 'done'
	UNION ALL SELECT b.lot, p.unit, 'passed-unverified', 'passed, and its certificate ' || k.serial_hex || ' is ' || k.state
		FROM batch AS b JOIN unit AS p ON p.batch = b.batch JOIN cert AS k ON k.unit = p.unit
		WHERE p.state = 'passed' AND k.state IN ('issued', 'installed')
	UNION ALL SELECT b.lot, p.unit, 'passed-uncertified', 'passed, and every certificate that it had is void or revoked'
		FROM batch AS b JOIN unit AS p ON p.batch = b.batch WHERE p.state = 'passed'
		AND EXISTS (SELECT 1 FROM cert AS k WHERE k.unit = p.unit)
		AND NOT EXISTS (SELECT 1 FROM cert AS k WHERE k.unit = p.unit AND k.state NOT IN ('void', 'revoked'))
	UNION ALL SELECT b.lot, p.unit, 'passed-unsealed', 'passed, was to be sealed, and there is no receipt'
		FROM batch AS b JOIN unit AS p ON p.batch = b.batch WHERE p.state = 'passed'
		AND EXISTS (SELECT 1 FROM txn AS t WHERE t.unit = p.unit AND t.operation = 'seal')
		AND NOT EXISTS (SELECT 1 FROM receipt AS r WHERE r.unit = p.unit)
	UNION ALL SELECT b.lot, p.unit, 'passed-unproved', 'passed, and no attempt of it did'
		FROM batch AS b JOIN unit AS p ON p.batch = b.batch WHERE p.state = 'passed'
		AND NOT EXISTS (SELECT 1 FROM attempt AS a WHERE a.unit = p.unit AND a.outcome = 'pass')
	UNION ALL SELECT b.lot, p.unit, 'passed-unseen', 'passed without an agent of ours, and was not seen to join'
		FROM batch AS b JOIN unit AS p ON p.batch = b.batch WHERE p.state = 'passed' AND p.agentless AND NOT EXISTS (SELECT 1 FROM attempt AS a
			JOIN network AS t ON t.attempt = a.attempt WHERE a.unit = p.unit AND t.observed <> 'no')
	UNION ALL SELECT b.lot, u.unit, 'sealed-unpassed', 'the device is sealed, and the unit is ' || u.state
		FROM batch AS b JOIN unit AS u ON u.batch = b.batch WHERE u.state NOT IN ('passed', 'quarantined')
		AND EXISTS (SELECT 1 FROM receipt AS r WHERE r.unit = u.unit)
	UNION ALL SELECT b.lot, u.unit, 'seal-unanswered', 'it was told to seal itself and gave no receipt; the unit is ' || u.state
		FROM batch AS b JOIN unit AS u ON u.batch = b.batch WHERE u.state IN ('failed', 'held')
		AND EXISTS (SELECT 1 FROM txn AS t WHERE t.unit = u.unit AND t.operation = 'seal' AND t.prepared_us IS NOT NULL)
		AND NOT EXISTS (SELECT 1 FROM receipt AS r WHERE r.unit = u.unit)
		AND EXISTS (SELECT 1 FROM cert AS k WHERE k.unit = u.unit AND k.void_us IS NULL AND k.revoked_us IS NULL)
	UNION ALL SELECT b.lot, u.unit, 'labelled-unpassed', 'it has the label ' || l.template || ', and the unit is ' || u.state
		FROM batch AS b JOIN unit AS u ON u.batch = b.batch JOIN label AS l ON l.unit = u.unit
		WHERE u.state <> 'passed' AND l.void_us IS NULL)
SELECT f.kind, f.lot, b.state AS batch_state, f.unit, u.serial, u.mac, f.what
FROM found AS f JOIN batch AS b ON b.lot = f.lot JOIN v_unit AS u ON u.unit = f.unit;

-- Sessions, one row for each run of the station on a lot.
CREATE VIEW v_session AS
SELECT b.lot, s.session, s.operator, s.policy, s.software, s.clock_ok,
	strftime('%Y-%m-%dT%H:%M:%fZ', s.started_us / 1e6, 'unixepoch') AS started,
	strftime('%Y-%m-%dT%H:%M:%fZ', s.ended_us / 1e6, 'unixepoch') AS ended, s.end_kind,
	s.ended_us - s.started_us AS lasted_us, s.makespan_us, s.lower_bound_us, s.started_us - b.opened_us AS after_us
FROM session AS s JOIN batch AS b ON b.batch = s.batch;

-- Passes in the order of time: what cadence is counted from. `after_us`: since the lot began; `running_us`:
-- the same without the time between sessions; `gap_us`: since the pass before it in the same session.
CREATE VIEW v_pass AS
SELECT b.lot, a.session, u.serial, a.radio, row_number() OVER (PARTITION BY b.lot ORDER BY a.ended_us, a.attempt) AS nth,
	strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_us / 1e6, 'unixepoch') AS at, a.ended_us - b.opened_us AS after_us,
	a.ended_us - s.started_us + coalesce((SELECT sum(p.ended_us - p.started_us) FROM session AS p WHERE p.batch = a.batch
		AND p.session < a.session), 0) AS running_us,
	CASE WHEN lag(a.session) OVER timely = a.session THEN a.ended_us - lag(a.ended_us) OVER timely END AS gap_us
FROM attempt AS a JOIN batch AS b ON b.batch = a.batch JOIN session AS s ON s.session = a.session JOIN unit AS u ON u.unit = a.unit
WHERE a.outcome = 'pass'
WINDOW timely AS (PARTITION BY b.lot ORDER BY a.session, a.ended_us, a.attempt);

-- How fast units pass, one row for each lot. Cadence: running time up to the last pass / passes; it is what compares to takt.
CREATE VIEW v_cadence AS
WITH ranked AS (
	SELECT lot, running_us, gap_us, row_number() OVER (PARTITION BY lot ORDER BY gap_us) AS place,
		count(*) OVER (PARTITION BY lot) AS passed, count(gap_us) OVER (PARTITION BY lot) AS n
	FROM v_pass),
-- The first pass of a session has no gap, which comes before all gaps. One row of each lot stands for all.
summed AS (
	SELECT lot, place, passed, max(running_us) OVER (PARTITION BY lot) AS running_us,
		min(CASE WHEN 100 * (place - passed + n) >= 50 * n THEN gap_us END) OVER (PARTITION BY lot) AS p50,
		min(CASE WHEN 100 * (place - passed + n) >= 95 * n THEN gap_us END) OVER (PARTITION BY lot) AS p95,
		max(gap_us) OVER (PARTITION BY lot) AS longest
	FROM ranked)
SELECT lot, passed, running_us, running_us / passed AS cadence_us, p50 AS gap_p50_us, p95 AS gap_p95_us, longest AS gap_max_us
FROM summed WHERE place = passed;

-- What stopped the admission of devices.
CREATE VIEW v_guard AS
SELECT b.lot, g.session, strftime('%Y-%m-%dT%H:%M:%fZ', g.at_us / 1e6, 'unixepoch') AS at, g.guard, g.detail,
	g.at_us - b.opened_us AS after_us
FROM guard AS g JOIN session AS s ON s.session = g.session JOIN batch AS b ON b.batch = s.batch;

-- Heard, and no unit: strangers, refused devices, access points without a secret. `verdict`: a cause, or why it was left alone.
CREATE VIEW v_sighting AS
SELECT b.lot, g.session, lower(printf('%s:%s:%s:%s:%s:%s', substr(hex(g.mac), 1, 2), substr(hex(g.mac), 3, 2), substr(hex(g.mac), 5, 2),
		substr(hex(g.mac), 7, 2), substr(hex(g.mac), 9, 2), substr(hex(g.mac), 11, 2))) AS mac, g.verdict, g.freq_mhz, g.rssi_dbm,
	g.count, strftime('%Y-%m-%dT%H:%M:%fZ', g.first_us / 1e6, 'unixepoch') AS first,
	strftime('%Y-%m-%dT%H:%M:%fZ', g.last_us / 1e6, 'unixepoch') AS last
FROM sighting AS g JOIN session AS s ON s.session = g.session JOIN batch AS b ON b.batch = s.batch;

-- Who opened whose PIN, and why. (Plain text functions: the shell does not trust JSON's in views. The reason comes last.)
CREATE VIEW v_pin_openings AS
SELECT u.lot, u.serial, u.unit, strftime('%Y-%m-%dT%H:%M:%fZ', c.at_us / 1e6, 'unixepoch') AS at, c.actor,
	substr(c.body, instr(c.body, '"reason":"') + 10, length(c.body) - instr(c.body, '"reason":"') - 11) AS reason,
	c.seq AS chain_row
FROM audit AS c JOIN v_unit AS u ON c.subject = 'unit ' || u.unit
WHERE c.action = 'pin-reveal';

-- Labels, one row for each copy.
CREATE VIEW v_labels AS
SELECT u.lot, u.serial, l.template, l.copy, l.kind, l.state, l.reason, l.actor,
	strftime('%Y-%m-%dT%H:%M:%fZ', l.queued_us / 1e6, 'unixepoch') AS queued,
	strftime('%Y-%m-%dT%H:%M:%fZ', l.sent_us / 1e6, 'unixepoch') AS sent,
	strftime('%Y-%m-%dT%H:%M:%fZ', l.printed_us / 1e6, 'unixepoch') AS printed,
	strftime('%Y-%m-%dT%H:%M:%fZ', l.scanned_us / 1e6, 'unixepoch') AS scanned,
	strftime('%Y-%m-%dT%H:%M:%fZ', l.void_us / 1e6, 'unixepoch') AS void,
	l.key_id IS NOT NULL AS keyed, lower(hex(l.digest)) AS digest, u.state AS unit_state, l.unit, l.label
FROM label AS l JOIN v_unit AS u ON u.unit = l.unit;

-- Labels that were printed again: who, and why.
CREATE VIEW v_reprints AS
SELECT lot, serial, template, copy, reason, actor, queued, state, unit, label FROM v_labels WHERE copy > 1;

-- What was read back from units. `serial`: whose label it is; `expected`: the unit in hand, when that was said.
CREATE VIEW v_label_scans AS
SELECT b.lot, strftime('%Y-%m-%dT%H:%M:%fZ', t.at_us / 1e6, 'unixepoch') AS at, t.verdict, u.serial, e.serial AS expected,
	l.template, l.copy, t.actor, t.scan
FROM label_scan AS t JOIN batch AS b ON b.batch = t.batch
LEFT JOIN unit AS u ON u.unit = t.unit LEFT JOIN unit AS e ON e.unit = t.expected LEFT JOIN label AS l ON l.label = t.label;

-- How far a lot is labelled, by template: units that passed, and how many of them have such a label in each state.
CREATE VIEW v_label_coverage AS
WITH counted AS (
	SELECT b.lot, l.template,
		(SELECT count(*) FROM unit AS p WHERE p.batch = b.batch AND p.state = 'passed') AS passed,
		sum(u.state = 'passed' AND l.state = 'queued') AS queued, sum(u.state = 'passed' AND l.state = 'sent') AS sent,
		sum(u.state = 'passed' AND l.state = 'printed') AS printed, sum(u.state = 'passed' AND l.state = 'scanned') AS scanned,
		sum(u.state = 'passed' AND l.state <> 'void') AS live
	FROM batch AS b JOIN unit AS u ON u.batch = b.batch JOIN label AS l ON l.unit = u.unit
	GROUP BY b.lot, b.batch, l.template)
SELECT lot, template, passed, queued, sent, printed, scanned, passed - live AS without FROM counted;

-- How devices were reached through a BSS, their own or ours. Times in milliseconds, each from the stage before it; NULL: the
-- method has no such stage. `evidence`: what else the method saw, in JSON (docs/audit.md has the shapes).
CREATE VIEW v_links AS
SELECT b.lot, u.serial, a.n AS attempt_n, l.n, l.method, l.kind,
	lower(printf('%s:%s:%s:%s:%s:%s', substr(hex(l.bssid), 1, 2), substr(hex(l.bssid), 3, 2), substr(hex(l.bssid), 5, 2),
		substr(hex(l.bssid), 7, 2), substr(hex(l.bssid), 9, 2), substr(hex(l.bssid), 11, 2))) AS bssid,
	hex(l.ssid) AS ssid_hex, CAST(l.ssid AS TEXT) AS ssid, l.freq_mhz, l.security, l.secret, l.cipher,
	nullif(lower(hex(l.certificate_sha256)), '') AS certificate_sha256, round(l.join_us / 1e3, 1) AS join_ms,
	round(l.address_us / 1e3, 1) AS address_ms, round(l.connect_us / 1e3, 1) AS connect_ms,
	round(l.secure_us / 1e3, 1) AS secure_ms, strftime('%Y-%m-%dT%H:%M:%fZ', l.at_us / 1e6, 'unixepoch') AS at, a.unit, l.attempt,
	l.evidence
FROM link AS l JOIN attempt AS a ON a.attempt = l.attempt JOIN batch AS b ON b.batch = a.batch JOIN v_unit AS u ON u.unit = a.unit;

-- How credentials reached devices by methods of their own, beside our CREDENTIALS request.
CREATE VIEW v_deliveries AS
SELECT b.lot, u.serial, u.mac, a.n AS attempt_n, d.n, d.method, d.evidence,
	strftime('%Y-%m-%dT%H:%M:%fZ', d.at_us / 1e6, 'unixepoch') AS at, a.unit, d.attempt
FROM delivery AS d JOIN attempt AS a ON a.attempt = d.attempt JOIN batch AS b ON b.batch = a.batch JOIN v_unit AS u ON u.unit = a.unit;

-- Which network each device was given, out of how many, why, and how it is known to have joined it.
CREATE VIEW v_networks AS
SELECT b.lot, u.serial, a.n AS attempt_n, hex(t.ssid) AS ssid_hex, CAST(t.ssid AS TEXT) AS ssid, t.security, t.heard, t.candidates,
	lower(hex(t.bssid)) AS bssid, t.freq_mhz, t.rssi_dbm, t.reason, round(t.joined_us / 1e3, 1) AS joined_ms, t.observed,
	t.reported, strftime('%Y-%m-%dT%H:%M:%fZ', t.at_us / 1e6, 'unixepoch') AS at, a.unit, t.attempt
FROM network AS t JOIN attempt AS a ON a.attempt = t.attempt JOIN batch AS b ON b.batch = a.batch JOIN v_unit AS u ON u.unit = a.unit;
