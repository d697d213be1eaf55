-- Whose label a code belongs to, by its digests (plain and, with the key, keyed): the one that counts before void ones.
SELECT l.label, l.unit, l.template, l.copy, l.state, u.serial, u.state AS unit_state, l.sent_us IS NOT NULL AS sent,
	strftime('%Y-%m-%dT%H:%M:%SZ', l.scanned_us / 1000000, 'unixepoch') AS scanned,
	EXISTS (SELECT 1 FROM batch AS b WHERE b.lot = :lot AND
		(b.batch = u.batch OR EXISTS (SELECT 1 FROM attempt AS a WHERE a.unit = u.unit AND a.batch = b.batch))) AS in_lot
FROM label AS l JOIN unit AS u ON u.unit = l.unit
WHERE (l.digest = :plain AND l.key_id IS NULL) OR (l.digest = :keyed AND l.key_id = :key_id)
ORDER BY l.void_us IS NOT NULL, in_lot DESC, l.label DESC LIMIT 1;
