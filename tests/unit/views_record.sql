-- A record with a bit of everything that may be in one, and of what must not be: 48 units of three lots and a lot without any, made by
-- arithmetic, so that each kind of row has neighbours that differ in one thing. tests/unit/views.c asks every view and every query
-- about it. No chain holds it together, and triggers are off: the views are to show what must not be.
INSERT INTO record (one, simulated) VALUES (1, 1);
INSERT INTO batch (batch, lot, product, hw_rev, work_order, quantity, test, job, job_sha256, state, opened_us, closed_us) VALUES
	(1, 'A', 'AC-100', 'C', 'W1', 16, 1, x'61', unhex(printf('%064X', 1)), 'done', 1700000000000000, 1700003600000000),
	(2, 'B', 'AC-200', 'D', '', 20, 0, x'62', unhex(printf('%064X', 2)), 'open', 1700010000000000, NULL),
	(3, 'C', 'AC-100', 'C', 'W3', 16, 0, x'63', unhex(printf('%064X', 3)), 'stopped', 1700020000000000, 1700021000000000),
	(4, 'D', 'AC-100', 'C', '', 5, 1, x'64', unhex(printf('%064X', 4)), 'done', 1700030000000000, 1700030000500000);
INSERT INTO session (session, batch, simulated, software, schema_version, job_path, policy, operator, seed, clock_ok, host, boot_id,
	started_us, ended_us, end_kind, makespan_us, lower_bound_us) VALUES
	(1, 1, 1, 'millrace 1', 4, 'a.yaml', 'pex', 'Ana', 7, 1, NULL, NULL, 1700000000000000, 1700001000000000, 'interrupted', 900000000, 500000000),
	(2, 1, 1, 'millrace 2', 5, 'a.yaml', 'round-robin', 'Rui', -1, 0, NULL, NULL, 1700002000000000, 1700003600000000, 'clean', 1500000000, 700000000),
	(3, 2, 1, 'millrace 2', 5, 'b.yaml', 'pex', 'Eve', 9, 1, NULL, NULL, 1700010000000000, 1700011000000000, 'power', NULL, NULL),
	(4, 2, 1, 'millrace 2', 5, 'b.yaml', 'pex', 'Eve', 10, 1, NULL, NULL, 1700012000000000, NULL, NULL, NULL, NULL),
	(5, 3, 1, 'millrace 2', 4, 'c.yaml', 'pex', 'Ana', 11, 1, NULL, NULL, 1700020000000000, 1700021000000000, 'clean', 800000000, 400000000);

CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 48) SELECT i FROM n;
INSERT INTO unit (unit, batch, device_id, mac, serial, product, hw_rev, firmware, agentless, state, state_us, cause, cause_name, side, seen_us)
SELECT i, 1 + i % 3, CASE WHEN i % 16 <> 0 THEN unhex(printf('%016X', i)) END, unhex(printf('02AABBCCDD%02X', i)),
	CASE WHEN i % 9 <> 0 THEN printf('A%03d', i) END, iif(i % 3 = 1, 'AC-200', 'AC-100'), 'C', '1.' || (i % 4), i % 8 = 0, state,
	1700000000000000 + i * 61000000, iif(state IN ('failed', 'quarantined', 'held'), 1 + i % 5, NULL),
	iif(state IN ('failed', 'quarantined', 'held'), 'cause-' || (i % 5), NULL),
	iif(state IN ('failed', 'quarantined', 'held'), iif(i % 5 = 1, 'air', 'device'), NULL), 1700000000000000 + i * 60000000
FROM (SELECT i, CASE i % 10 WHEN 1 THEN 'failed' WHEN 2 THEN 'quarantined' WHEN 3 THEN 'held' WHEN 4 THEN 'seen' WHEN 5 THEN 'active'
	ELSE 'passed' END AS state FROM n);

-- None to three attempts of each; the third in another lot, as rework is.
INSERT INTO attempt (attempt, unit, batch, session, n, kind, radio, freq_mhz, rssi_dbm, method, started_us, ended_us, outcome, cause,
	cause_name, side, step, detail, active_us, device_us, wait_radio_us, wait_ca_us, wait_journal_us, frames_sent, frames_received,
	retries, octets)
SELECT a, u, b, CASE b WHEN 1 THEN 1 + j % 2 WHEN 2 THEN 3 + j % 2 ELSE 5 END, iif(j = 3, 1, j), iif(j = 1, 'first', 'auto-retry'),
	iif(u % 7 = 0, '', 'radio' || (u % 2)), 2412 + 5 * (u % 3), -40 - u % 20, iif(u % 2, 'micro-ap', 'direct'), at_us,
	iif(outcome IS NULL, NULL, at_us + 500000 + u * 1000), outcome, iif(outcome IS NULL OR outcome = 'pass', NULL, 1 + a % 5),
	iif(outcome IS NULL OR outcome = 'pass' OR a % 17 = 0, NULL, 'cause-' || (a % 3)),
	CASE WHEN outcome IS NULL OR outcome = 'pass' THEN NULL ELSE CASE a % 6 WHEN 0 THEN 'air' WHEN 1 THEN 'device' WHEN 2 THEN 'security'
		WHEN 3 THEN 'station' WHEN 4 THEN 'power' ELSE 'operator' END END,
	iif(outcome IS NULL OR outcome = 'pass', NULL, iif(a % 4, 'identity', 'verify')), iif(a % 19 = 0, 'in words', NULL),
	500000 + u * 1000, 100000 + a * 10, 20000 + a, 3000 + a, 4000 + a, 10 + a, 9 + a, a % 4, 1000 + a
FROM (SELECT i * 3 + j AS a, i AS u, j, iif(j = 3, 1 + (i + 1) % 3, 1 + i % 3) AS b, 1700000000000000 + iif(j = 3, (i + 1) % 3, i % 3) * 10000000000 + i * 6200000 + j * 700000 AS at_us,
		CASE WHEN i % 13 = 0 AND j = i % 4 THEN NULL WHEN unit.state = 'passed' AND j = i % 4 AND i % 11 THEN 'pass'
			WHEN i % 12 = 4 AND j = 1 THEN 'pass' WHEN j = 2 THEN 'timeout' ELSE 'fail' END AS outcome
	FROM n JOIN unit ON unit.unit = n.i JOIN (SELECT 1 AS j UNION SELECT 2 UNION SELECT 3) ON j <= i % 4);
INSERT INTO step (attempt, seq, name, tries, started_us, duration_us, device_us, outcome, cause, cause_name, side)
SELECT attempt, s, iif(s = 1, 'identify', 'identity'), 1 + ((attempt + s) % 4 = 0), started_us + s * 1000, 1000 * s + attempt, 500 + s,
	iif(s = 2 AND outcome <> 'pass', 'fail', 'pass'), iif(s = 2 AND outcome <> 'pass', 3, NULL), iif(s = 2 AND outcome <> 'pass', 'cause-3', NULL),
	iif(s = 2 AND outcome <> 'pass', 'air', NULL)
FROM attempt JOIN (SELECT 1 AS s UNION SELECT 2) WHERE attempt % 5 <> 0;
INSERT INTO measurement (attempt, name, n, value, unit, low, high, passed)
SELECT attempt, iif(attempt % 2, 'vbat', 'rssi'), 1, attempt * 1.5, 'mV', NULL, 100, attempt % 4 <> 3 FROM attempt WHERE attempt % 3 = 0;
INSERT INTO txn (txn, unit, attempt, operation, intent_us, prepared_us, committed_us)
SELECT 3 * i + o, i, i * 3 + 1, CASE o WHEN 0 THEN 'identity' WHEN 1 THEN 'credentials' ELSE 'seal' END, 1700000000000000 + i * 1000000 + o,
	iif(i % 5 = o, 1700000000100000 + i * 1000000, NULL), iif(i % 4 <> o, 1700000000200000 + i * 1000000, NULL)
FROM n JOIN (SELECT 0 AS o UNION SELECT 1 UNION SELECT 2) WHERE i % 4 > 0 AND (o < 2 OR i % 3 > 0);
INSERT INTO pin (unit, attempt, product, lookup, kind, sealed, kek_id, salt, iterations, set_us)
SELECT i, i * 3 + 1, iif(i % 3 = 1, 'AC-200', 'AC-100'), unhex(printf('%062X%02X', i, k)), 'digits', unhex(printf('00%02X', i)), 'kek-' || (i % 2),
	x'0102', 2000, 1700000000000000 + i * 1000 + k
FROM n JOIN (SELECT 1 AS k UNION SELECT 2) WHERE i % 4 > 0 AND (k = 1 OR i % 12 = 5);
-- Each second one has an earlier certificate that is void; some are revoked, some got as far as nothing.
INSERT INTO cert (cert, unit, attempt, serial_hex, issuer, subject, spki_sha256, der, sha256, not_before_us, not_after_us, issued_us,
	installed_us, verified_us, revoked_us, void_us)
SELECT i * 2 + v, i, i * 3 + 1, printf('%04X', i * 2 + v), 'CN=ca' || (i % 2), 'CN=A' || i, unhex(printf('%064X', i * 2 + v)),
	unhex(printf('%02X', i)), unhex(printf('%064X', i + 100)), 1700000000000000, iif(i % 4 = 1, 1800000000000000, NULL),
	1700000001000000 + i, iif(i % 6 > 0, 1700000002000000 + i, NULL), iif(i % 6 > 1, 1700000003000000 + i, NULL),
	iif(i % 10 = 7 OR i = 20, 1700000004000000 + i, NULL), iif(v = 0, 1700000005000000 + i, NULL)
FROM n JOIN (SELECT 0 AS v UNION SELECT 1) WHERE i % 5 > 0 AND (v = 1 OR i % 2 = 0) AND NOT (v = 1 AND i = 26);
INSERT INTO receipt (unit, attempt, txn, receipt, challenge, signature, at_us)
SELECT i, i * 3 + 1, 3 * i + 2, zeroblob(60 + i % 9), zeroblob(32), zeroblob(64), 1700000009000000 + i FROM n WHERE i % 3 <> 1 OR i = 13;
INSERT INTO link (attempt, n, method, kind, bssid, ssid, freq_mhz, security, secret, cipher, certificate_sha256, join_us, address_us, connect_us,
	secure_us, evidence, at_us)
SELECT attempt, k, iif(attempt % 4 = k, 'pin', 'https'), 'infrastructure', unhex(printf('02AABBCCEE%02X', unit)), CAST('AC-' || unit AS BLOB), freq_mhz,
	iif(k = 1, 'open', 'wpa2'), 'label', 'AES', iif(attempt % 3 = 1, unhex(printf('%064X', 7)), NULL), 10040 * k, iif(k = 1, 20060, NULL), 5000, 7,
	iif(attempt % 6 = 1, '{"seen":1}', NULL), started_us + k
FROM attempt JOIN (SELECT 1 AS k UNION SELECT 2) WHERE unit % 2 AND (k = 1 OR attempt % 2);
INSERT INTO delivery (attempt, n, method, evidence, at_us)
SELECT attempt, k, iif(k = 1, 'wps', 'dpp'), '{}', started_us + k FROM attempt JOIN (SELECT 1 AS k UNION SELECT 2) WHERE attempt % 3 = 1 AND (k = 1 OR unit % 4 = 2);
INSERT INTO network (attempt, ssid, security, heard, candidates, bssid, freq_mhz, rssi_dbm, reason, joined_us, observed, reported, at_us)
SELECT attempt, CAST('hall' || (unit % 2) AS BLOB), 'wpa2', 3 + unit % 3, unit % 3, iif(unit % 3, x'02AABBCCFF01', NULL), 2412, -50, 'the strongest',
	iif(attempt % 4, 1234567, NULL), CASE unit % 3 WHEN 0 THEN 'no' WHEN 1 THEN 'seen' ELSE 'key-verified' END, attempt % 2, started_us + 100
FROM attempt WHERE attempt % 5 < 3;
INSERT INTO sighting (session, mac, device_id, verdict, freq_mhz, rssi_dbm, count, first_us, last_us)
SELECT 1 + i % 5, unhex(printf('0213579BDF%02X', i)), zeroblob(8), iif(i % 2, 'weak', 'not-expected'), 2412, -80 - i, i,
	1700000000000000 + (50 - i) * 1000000, 1700000100000000 + i FROM n WHERE i <= 9;
INSERT INTO radio (session, radio, path, driver, mac, simulated, sent, acked, unacked, retries, received, dropped, garbage, switches, airtime_us,
	switch_us)
SELECT s, 'radio' || r, 'usb' || r, 'mt76', x'000000000001', 1, 100 * s + r, 80 * s * (s < 5), 20 * r * (s < 5), 5, 90, 1, 2, 3, 4000, 50
FROM (SELECT 1 AS s UNION SELECT 2 UNION SELECT 3 UNION SELECT 5) JOIN (SELECT 0 AS r UNION SELECT 2);
INSERT INTO guard (session, guard, detail, at_us) VALUES (1, 'disk_free', '1 MiB', 1700000500000000),
	(3, 'consecutive_fail', '3 in a row', 1700010400000000), (1, 'consecutive_fail', '9 in a row', 1700000400000000);

-- Labels of three templates: each further, some void, some printed again.
INSERT INTO label (label, unit, copy, kind, template, digest, key_id, reason, actor, queued_us, sent_us, printed_us, scanned_us, void_us)
SELECT i * 4 + c, i, c, iif(i % 2, 'file', 'print'), 't' || (i % 4), unhex(printf('%062X%02X', i, 1 + (i % 7 > 0) * c)), iif(i % 5, 'key-1', NULL),
	iif(c > 1, 'smeared ' || c, NULL), iif(i % 2, 'Ana', 'Rui'), 1700001000000000 + i * 10 + c, iif(i % 4 > 0, 1700001100000000 + i, NULL),
	iif(i % 4 > 1, 1700001200000000 + i, NULL), iif(i % 4 > 2, 1700001300000000 + i, NULL), iif(c < 1 + (i % 6 = 0) OR i = 46, 1700001400000000 + i, NULL)
FROM n JOIN (SELECT 1 AS c UNION SELECT 2) WHERE i % 10 > 5 AND (c = 1 OR i % 6 = 0) OR i IN (1, 12, 24) AND c = 1;
INSERT INTO label_scan (scan, batch, expected, unit, label, verdict, actor, at_us)
SELECT i, 1 + i % 3, iif(i % 2, i, NULL), iif(i % 4, 6, NULL), iif(i % 4, 25, NULL), CASE i % 4 WHEN 0 THEN 'unknown' WHEN 1 THEN 'right' WHEN 2
	THEN 'duplicate' ELSE 'wrong-lot' END, 'Ana', 1700002000000000 + i FROM n WHERE i <= 8;

INSERT INTO audit (seq, at_us, session, actor, action, subject, body, prev, hash)
SELECT row_number() OVER (), at_us, session, actor, action, subject, body, zeroblob(32), zeroblob(32) FROM (
	SELECT 1700000000000000 AS at_us, 1 AS session, 'Ana' AS actor, 'batch-begin' AS action, 'A' AS subject, '{}' AS body
	UNION ALL VALUES (1700000010000000, 1, 'Ana', 'line-pause', 'batch 1', '{"reason":"lunch"}'),
	(1700000011000000, 1, 'Ana', 'line-pause', 'batch 1', '{"outcome":"the line is paused already","reason":"lunch again"}'),
	(1700000012000000, 1, 'Rui', 'line-resume', 'batch 1', '{"outcome":"the line is not paused","reason":"too soon"}'),
	(1700000020000000, 1, 'Rui', 'line-resume', 'batch 1', '{"reason":"back"}'),
	(1700000030000000, 1, 'station', 'guard', 'consecutive_fail', '{"detail":"9 in a row"}'),
	(1700000035000000, 3, 'Eve', 'line-resume', 'batch 2', '{"reason":"another session"}'),
	(1700000040000000, 1, 'Rui', 'guard-override', 'batch 1', '{"reason":"looked at it"}'),
	(1700000050000000, 1, 'station', 'unit', 'unit 6', '{"device":"6"}'),
	(1700000060000000, 1, '0417 Ana', 'unit-quarantine', 'unit 12', '{"state":"passed","reason":"a \"scratch\" on C:\\cover"}'),
	(1700000061000000, 1, '0417 Ana', 'unit-retry', 'unit 1', '{"state":"failed","cause":"cause-1","reason":"moved closer"}'),
	(1700000062000000, 1, '0417 Ana', 'unit-release', 'unit 2', '{"state":"quarantined","cause":"cause-2","outcome":"overtaken","reason":"polished"}'),
	(1700000063000000, 1, '0417 Ana', 'badge', 'batch 1', '{"reason":""}'),
	(1700000064000000, 1, '0417 Ana', 'banner-acknowledge', 'guard disk_free', '{"reason":"seen"}'),
	(1700000065000000, 1, 'station', 'outcome', 'unit 6', '{"state":"passed"}'),
	(1700000066000000, 1, 'station', 'outcome', 'unit 11', '{"state":"failed","cause":"cause-1"}'),
	(1700000067000000, 1, 'station', 'identity', 'unit 12', '{}'), (1700000067000001, 1, 'station', 'attempt', 'unit 12', '{}'),
	(1700000067000002, 1, 'station', 'receipt', 'unit 12', '{}'), (1700000067000003, 1, 'station', 'certificate', 'unit 12', '{}'),
	(1700000067000004, 1, 'station', 'link', 'unit 12', '{}'), (1700000067000005, 1, 'station', 'delivery', 'unit 12', '{}'),
	(1700000067000006, 1, 'station', 'network', 'unit 12', '{}'), (1700000067000007, 1, 'station', 'label', 'unit 12', '{}'),
	(1700000067000008, 1, 'station', 'label-state', 'unit 12', '{}'), (1700000067000009, 1, 'station', 'label-scan', 'unit 12', '{}'),
	(1700000068000000, 1, 'station', 'something new', 'unit 12', '{"said":1}'), (1700000069000000, 1, 'station', 'unit', 'unit 12', '{}'),
	(1700000070000000, 1, 'Ana', 'line-stop', 'batch 1', '{"reason":"end of shift"}'),
	(1700000080000000, 1, 'station', 'batch-end', 'batch 1', '{}'),
	(1700000090000000, NULL, 'auditor', 'pin-reveal', 'unit 7', '{"serial":"A007","reason":"the label is lost"}'),
	(1700000091000000, NULL, 'auditor', 'pin-reveal', 'unit 13', '{"reason":"x"}'),
	(1700002000000000, 2, 'Rui', 'line-pause', 'batch 1', '{"reason":"tea"}'),
	(1700002010000000, 2, 'Rui', 'line-abort', 'batch 1', '{"reason":"fire alarm"}'),
	(1700010000000000, 3, 'Eve', 'line-pause', 'batch 2', '{"reason":"for good"}'),
	(1700020000000000, 5, 'Ana', 'batch-begin', 'C', '{}'),
	(1700020010000000, 5, 'station', 'guard', 'disk_free', '{"detail":"1 MiB"}'),
	(1700021000000000, 5, 'station', 'batch-end', 'batch 3', '{}'));
INSERT INTO anchor (seq, head, signature, key_id) VALUES (30, zeroblob(32), x'01', 'k1'), (36, unhex(printf('%064X', 2)), x'02', 'k2');
