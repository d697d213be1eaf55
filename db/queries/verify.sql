-- Do the tables say what the chain says, and the other way round? No row: they do. One row for each contradiction.
-- `millrace audit verify` runs this; it brings sha256(octets) and evidence(attempt), which hashes as db/chain.h has it.
WITH link AS MATERIALIZED (
	SELECT seq, session, action, subject, CAST(substr(subject, 6) AS INTEGER) AS unit,
		CASE WHEN json_valid(body) THEN body ELSE '{}' END AS body
	FROM audit WHERE session IS NOT NULL
		AND action IN ('batch-begin', 'batch-resume', 'unit', 'identity', 'attempt', 'receipt', 'outcome', 'certificate', 'link',
			'delivery', 'network')),
opening AS MATERIALIZED (
	SELECT seq, session, subject AS lot, json_extract(body, '$.batch') AS batch, json_extract(body, '$.job') AS job,
		action = 'batch-begin' AS first
	FROM link WHERE action IN ('batch-begin', 'batch-resume')),
without_agent AS MATERIALIZED (
	SELECT seq, unit, json_extract(body, '$.mac') AS mac, json_extract(body, '$.device_id') AS device_id
	FROM link WHERE action = 'unit'),
given AS MATERIALIZED (
	SELECT seq, unit, json_extract(body, '$.serial') AS serial, json_extract(body, '$.certificate') AS certificate,
		json_extract(body, '$.spki') AS spki, json_extract(body, '$.pin_lookup') AS pin_lookup
	FROM link WHERE action = 'identity'),
closed AS MATERIALIZED (
	SELECT seq, unit, json_extract(body, '$.attempt') AS attempt, json_extract(body, '$.evidence') AS evidence
	FROM link WHERE action = 'attempt'),
sealed AS MATERIALIZED (
	SELECT seq, unit, json_extract(body, '$.attempt') AS attempt, json_extract(body, '$.transaction') AS txn,
		json_extract(body, '$.receipt') AS receipt, json_extract(body, '$.challenge') AS challenge,
		json_extract(body, '$.signature') AS signature
	FROM link WHERE action = 'receipt'),
outcome AS MATERIALIZED (
	SELECT max(seq) AS seq, unit, json_extract(body, '$.state') AS state FROM link WHERE action = 'outcome' GROUP BY unit),
-- Labels are also written outside sessions. (CAST: a column without a type is found by no index.)
about_label AS MATERIALIZED (
	SELECT seq, action, CAST(CASE WHEN subject LIKE 'unit %' THEN substr(subject, 6) END AS INTEGER) AS unit,
		CASE WHEN json_valid(body) THEN body ELSE '{}' END AS body
	FROM audit WHERE action IN ('label', 'label-state', 'label-scan')),
labelled AS MATERIALIZED (
	SELECT seq, unit, json_extract(body, '$.label') AS label, json_extract(body, '$.digest') AS digest,
		json_extract(body, '$.copy') AS copy, json_extract(body, '$.reason') AS reason
	FROM about_label WHERE action = 'label'),
label_went AS MATERIALIZED (
	SELECT seq, unit, CAST(json_extract(body, '$.label') AS INTEGER) AS label, json_extract(body, '$.state') AS state
	FROM about_label WHERE action = 'label-state'),
label_read AS MATERIALIZED (
	SELECT seq, unit, CAST(json_extract(body, '$.scan') AS INTEGER) AS scan, json_extract(body, '$.verdict') AS verdict,
		json_extract(body, '$.label') AS label
	FROM about_label WHERE action = 'label-scan'),
linked AS MATERIALIZED (
	SELECT seq, unit, json_extract(body, '$.attempt') AS attempt, json_extract(body, '$.n') AS n,
		json_extract(body, '$.method') AS method, json_extract(body, '$.bssid') AS bssid,
		json_extract(body, '$.cipher') AS cipher, json_extract(body, '$.certificate') AS certificate,
		json_extract(body, '$.evidence') AS evidence
	FROM link WHERE action = 'link'),
delivered AS MATERIALIZED (
	SELECT l.seq, l.unit, json_extract(l.body, '$.attempt') AS attempt, json_extract(l.body, '$.n') AS n,
		json_extract(l.body, '$.method') AS method, json_extract(l.body, '$.evidence') AS evidence, a.at_us
	FROM link AS l JOIN audit AS a ON a.seq = l.seq WHERE l.action = 'delivery'),
went_in AS MATERIALIZED (
	SELECT seq, unit, json_extract(body, '$.attempt') AS attempt, json_extract(body, '$.ssid') AS ssid,
		json_extract(body, '$.observed') AS observed, json_extract(body, '$.reported') AS reported
	FROM link WHERE action = 'network'),
ended AS MATERIALIZED (
	SELECT seq, unit, json_extract(body, '$.state') AS state FROM link WHERE action = 'certificate')
SELECT 'job' AS kind, printf('batch %d (lot %s): the job file is not the one that its hash says', batch, lot) AS what
FROM batch WHERE job_sha256 IS NOT sha256(job)
UNION ALL
SELECT 'job', printf('batch %d (lot %s): the chain does not begin it with this job file', b.batch, b.lot)
FROM batch AS b LEFT JOIN opening AS o ON o.batch = b.batch AND o.first AND o.lot = b.lot AND o.job = lower(hex(b.job_sha256))
WHERE o.seq IS NULL
UNION ALL
SELECT 'session', printf('session %d: the chain does not open it for this batch and job', s.session)
FROM session AS s JOIN batch AS b ON b.batch = s.batch
LEFT JOIN opening AS o ON o.session = s.session AND o.batch = s.batch AND o.job = lower(hex(b.job_sha256))
WHERE o.seq IS NULL
UNION ALL
SELECT 'session', printf('chain row %d: its session %d is not in the table', o.seq, o.session)
FROM opening AS o LEFT JOIN session AS s ON s.session = o.session WHERE s.session IS NULL
UNION ALL
SELECT 'certificate', printf('certificate %s of unit %d: its octets are not those that its hash says', serial_hex, unit)
FROM cert WHERE sha256 IS NOT sha256(der)
UNION ALL
SELECT 'certificate', printf('certificate %s of unit %d: the chain does not issue it as it is stored', k.serial_hex, k.unit)
FROM cert AS k
LEFT JOIN given AS g ON g.unit = k.unit AND g.certificate = lower(hex(k.sha256)) AND g.spki = lower(hex(k.spki_sha256))
WHERE g.seq IS NULL
UNION ALL
SELECT 'certificate', printf('chain row %d: the certificate that it issues to unit %d is not in the table', g.seq, g.unit)
FROM given AS g LEFT JOIN cert AS k ON k.unit = g.unit AND lower(hex(k.sha256)) = g.certificate
WHERE g.certificate IS NOT NULL AND k.cert IS NULL
UNION ALL
SELECT 'certificate', printf('certificate %s of unit %d is %s, and the chain does not say so', k.serial_hex, k.unit, k.state)
FROM cert AS k LEFT JOIN ended AS e ON e.unit = k.unit AND e.state = k.state
WHERE k.state IN ('revoked', 'void') AND e.seq IS NULL
UNION ALL
SELECT 'certificate', printf('chain row %d: the certificate of unit %d is %s, and the table does not say so', e.seq, e.unit, e.state)
FROM ended AS e LEFT JOIN cert AS k ON k.unit = e.unit AND k.state IN ('revoked', 'void') AND k.state = e.state
WHERE k.cert IS NULL
UNION ALL
SELECT 'unit', printf('unit %d is one without an agent, and the chain does not say so', u.unit)
FROM unit AS u LEFT JOIN without_agent AS w ON w.unit = u.unit AND w.mac = lower(hex(u.mac))
	AND w.device_id IS nullif(lower(hex(u.device_id)), '')
WHERE u.agentless AND w.seq IS NULL
UNION ALL
SELECT 'unit', printf('chain row %d: unit %d is one without an agent, and the table does not say so', w.seq, w.unit)
FROM without_agent AS w LEFT JOIN unit AS u ON u.unit = w.unit AND u.agentless WHERE u.unit IS NULL
UNION ALL
SELECT 'serial', printf('unit %d: the chain does not give it the serial number %s', u.unit, u.serial)
FROM unit AS u LEFT JOIN given AS g ON g.unit = u.unit AND g.serial = u.serial
WHERE u.serial IS NOT NULL AND g.seq IS NULL
UNION ALL
SELECT 'serial', printf('chain row %d: unit %d does not have the serial number %s', g.seq, g.unit, g.serial)
FROM given AS g LEFT JOIN unit AS u ON u.unit = g.unit AND u.serial = g.serial WHERE u.unit IS NULL
UNION ALL
SELECT 'pin', printf('unit %d: the chain does not give it the PIN that is stored', p.unit)
FROM pin AS p LEFT JOIN given AS g ON g.unit = p.unit AND g.pin_lookup = lower(hex(p.lookup)) WHERE g.seq IS NULL
UNION ALL
SELECT 'pin', printf('chain row %d: the PIN that it gives to unit %d is not in the table', g.seq, g.unit)
FROM given AS g LEFT JOIN pin AS p ON p.unit = g.unit AND lower(hex(p.lookup)) = g.pin_lookup
WHERE g.pin_lookup IS NOT NULL AND p.pin IS NULL
UNION ALL
SELECT 'attempt', printf('attempt %d of unit %d: %s', a.attempt, a.unit, CASE WHEN c.seq IS NULL THEN 'the chain does not close it'
	ELSE printf('it, a step or a measurement of it is not what chain row %d says', c.seq) END)
FROM attempt AS a LEFT JOIN closed AS c ON c.attempt = a.attempt AND c.unit = a.unit
WHERE a.outcome IS NOT NULL AND (c.seq IS NULL OR c.evidence IS NOT lower(hex(evidence(a.attempt))))
UNION ALL
SELECT 'attempt', printf('chain row %d: the attempt %d that it closes is not in the table, or open', c.seq, c.attempt)
FROM closed AS c LEFT JOIN attempt AS a ON a.attempt = c.attempt AND a.outcome IS NOT NULL WHERE a.attempt IS NULL
UNION ALL
SELECT 'receipt', printf('receipt of unit %d: the chain does not have it as it is stored', r.unit)
FROM receipt AS r LEFT JOIN sealed AS s ON s.unit = r.unit AND s.attempt = r.attempt AND s.txn = r.txn
	AND s.receipt = lower(hex(sha256(r.receipt))) AND s.challenge = lower(hex(sha256(r.challenge)))
	AND s.signature = lower(hex(sha256(r.signature)))
WHERE s.seq IS NULL
UNION ALL
SELECT 'receipt', printf('chain row %d: the receipt of unit %d is not in the table', s.seq, s.unit)
FROM sealed AS s LEFT JOIN receipt AS r ON r.unit = s.unit AND r.attempt = s.attempt AND r.txn = s.txn WHERE r.unit IS NULL
UNION ALL
SELECT 'outcome', printf('unit %d is %s, and the chain says %s', u.unit, u.state, coalesce(o.state, 'nothing'))
FROM unit AS u LEFT JOIN outcome AS o ON o.unit = u.unit
WHERE (u.state IN ('passed', 'failed', 'quarantined') AND o.state IS NOT u.state)
	OR (o.state = 'passed' AND u.state <> 'passed')
UNION ALL
SELECT 'outcome', printf('chain row %d: its unit %d is not in the table', o.seq, o.unit)
FROM outcome AS o LEFT JOIN unit AS u ON u.unit = o.unit WHERE u.unit IS NULL
UNION ALL
SELECT 'link', printf('link %d of attempt %d: the chain does not have it as it is stored', l.n, l.attempt)
FROM main.link AS l JOIN attempt AS a ON a.attempt = l.attempt
LEFT JOIN linked AS c ON c.attempt = l.attempt AND c.n = l.n AND c.unit = a.unit AND c.method = l.method
	AND c.bssid = lower(hex(l.bssid)) AND c.cipher = l.cipher AND ifnull(c.certificate, '') = lower(hex(l.certificate_sha256))
	AND c.evidence IS CASE WHEN l.evidence IS NOT NULL THEN lower(hex(sha256(l.evidence))) END
WHERE c.seq IS NULL
UNION ALL
SELECT 'link', printf('chain row %d: link %d of attempt %d is not in the table', c.seq, c.n, c.attempt)
FROM linked AS c LEFT JOIN main.link AS l ON l.attempt = c.attempt AND l.n = c.n WHERE l.n IS NULL
UNION ALL
SELECT 'link', printf('link %d of attempt %d: its evidence is no object in JSON', n, attempt)
FROM main.link WHERE evidence IS NOT NULL AND NOT (json_valid(evidence) AND json_type(evidence) = 'object')
UNION ALL
SELECT 'link', printf('attempt %d of unit %d says the method %s, and its link %d says %s', a.attempt, a.unit, a.method, l.n, l.method)
FROM main.link AS l JOIN attempt AS a ON a.attempt = l.attempt JOIN session AS s ON s.session = a.session
WHERE l.method <> a.method AND s.schema_version >= 5
UNION ALL
SELECT 'delivery', printf('delivery %d of attempt %d: the chain does not have it as it is stored', d.n, d.attempt)
FROM delivery AS d JOIN attempt AS a ON a.attempt = d.attempt
LEFT JOIN delivered AS c ON c.attempt = d.attempt AND c.n = d.n AND c.unit = a.unit AND c.method = d.method
	AND c.evidence = lower(hex(sha256(d.evidence))) AND c.at_us = d.at_us
WHERE c.seq IS NULL
UNION ALL
SELECT 'delivery', printf('chain row %d: delivery %d of attempt %d is not in the table', c.seq, c.n, c.attempt)
FROM delivered AS c LEFT JOIN delivery AS d ON d.attempt = c.attempt AND d.n = c.n WHERE d.n IS NULL
UNION ALL
SELECT 'delivery', printf('delivery %d of attempt %d: its evidence is no object in JSON', n, attempt)
FROM delivery WHERE NOT (json_valid(evidence) AND json_type(evidence) = 'object')
UNION ALL
SELECT 'network', printf('network of attempt %d: the chain does not have it as it is stored', t.attempt)
FROM network AS t JOIN attempt AS a ON a.attempt = t.attempt
LEFT JOIN went_in AS c ON c.attempt = t.attempt AND c.unit = a.unit AND c.ssid = lower(hex(t.ssid)) AND c.observed = t.observed
	AND c.reported = t.reported
WHERE c.seq IS NULL
UNION ALL
SELECT 'network', printf('chain row %d: the network of attempt %d is not in the table', c.seq, c.attempt)
FROM went_in AS c LEFT JOIN network AS t ON t.attempt = c.attempt WHERE t.attempt IS NULL
UNION ALL
SELECT 'label', printf('label %d of unit %d: the chain does not have it as it is stored', l.label, l.unit)
FROM label AS l LEFT JOIN labelled AS c ON c.label = l.label AND c.unit = l.unit AND c.digest = lower(hex(l.digest))
	AND c.copy = l.copy AND c.reason IS l.reason
WHERE c.seq IS NULL
UNION ALL
SELECT 'label', printf('chain row %d: the label of unit %d is not in the table', c.seq, c.unit)
FROM labelled AS c LEFT JOIN label AS l ON l.label = c.label AND l.unit = c.unit WHERE l.label IS NULL
UNION ALL
SELECT 'label', printf('label %d of unit %d is %s, and the chain does not say so', l.label, l.unit, s.state)
FROM label AS l CROSS JOIN (SELECT 'sent' AS state UNION ALL SELECT 'printed' UNION ALL SELECT 'scanned' UNION ALL SELECT 'void') AS s
	ON CASE s.state WHEN 'sent' THEN l.sent_us WHEN 'printed' THEN l.printed_us WHEN 'scanned' THEN l.scanned_us
		ELSE l.void_us END IS NOT NULL
LEFT JOIN label_went AS w ON w.label = l.label AND w.unit = l.unit AND w.state = s.state
WHERE w.seq IS NULL
UNION ALL
SELECT 'label', printf('chain row %d: label %d of unit %d is %s, and the table does not say so', w.seq, w.label, w.unit, w.state)
FROM label_went AS w LEFT JOIN label AS l ON l.label = w.label AND l.unit = w.unit
WHERE CASE w.state WHEN 'sent' THEN l.sent_us WHEN 'printed' THEN l.printed_us WHEN 'scanned' THEN l.scanned_us
	WHEN 'void' THEN l.void_us END IS NULL
UNION ALL
SELECT 'label', printf('scan %d: the chain does not have it as it is stored', t.scan)
FROM label_scan AS t LEFT JOIN label_read AS r ON r.scan = t.scan AND r.verdict = t.verdict AND r.unit IS t.unit
	AND r.label IS t.label
WHERE r.seq IS NULL
UNION ALL
SELECT 'label', printf('chain row %d: its scan %d is not in the table', r.seq, r.scan)
FROM label_read AS r LEFT JOIN label_scan AS t ON t.scan = r.scan WHERE t.scan IS NULL
UNION ALL
SELECT 'twice', printf('serial number %s: on %d units', serial, count(*)) FROM unit WHERE serial IS NOT NULL
GROUP BY serial HAVING count(*) > 1
UNION ALL
SELECT 'twice', printf('device id %s: on %d units', lower(hex(device_id)), count(*)) FROM unit WHERE device_id IS NOT NULL
GROUP BY device_id HAVING count(*) > 1
UNION ALL
SELECT 'twice', printf('one PIN of product %s: on units %s', product, group_concat(unit, ', ')) FROM pin
GROUP BY product, lookup HAVING count(*) > 1
UNION ALL
SELECT 'twice', printf('one public key: in certificates %s', group_concat(serial_hex, ', ')) FROM cert WHERE void_us IS NULL
GROUP BY spki_sha256 HAVING count(*) > 1
UNION ALL
SELECT 'twice', printf('certificate number %s of %s: on %d certificates', serial_hex, issuer, count(*)) FROM cert
GROUP BY issuer, serial_hex HAVING count(*) > 1
UNION ALL
SELECT 'orphan', printf('lot %s, unit %d: %s', lot, unit, what) FROM v_orphan WHERE batch_state = 'done';
