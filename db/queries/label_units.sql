-- Units of a lot that passed and have a serial number, and how far each is labelled with one template: for `millrace labels`.
-- :unit is one of them, found without reading the others; NULL: all.
SELECT u.unit, u.serial, u.mac, u.device_id, b.lot, u.product, u.hw_rev, u.firmware, u.state_us, k.der,
	p.product AS pin_product, p.sealed, p.kek_id, l.label, l.state AS label_state, l.kind,
	(SELECT coalesce(max(copy), 0) FROM label AS c WHERE c.unit = u.unit AND c.template = :template) AS copies
FROM batch AS b
CROSS JOIN unit AS u ON u.unit IN (SELECT :unit UNION SELECT unit FROM unit WHERE :unit IS NULL AND batch = b.batch
		UNION SELECT unit FROM attempt WHERE :unit IS NULL AND batch = b.batch)
	AND (u.batch = b.batch OR EXISTS (SELECT 1 FROM attempt AS a WHERE a.unit = u.unit AND a.batch = b.batch))
LEFT JOIN cert AS k ON k.unit = u.unit AND k.void_us IS NULL AND k.revoked_us IS NULL
LEFT JOIN pin AS p ON p.pin = (SELECT max(pin) FROM pin AS q WHERE q.unit = u.unit)
LEFT JOIN label AS l ON l.unit = u.unit AND l.template = :template AND l.void_us IS NULL
WHERE b.lot = :lot AND u.state = 'passed' AND u.serial IS NOT NULL
ORDER BY u.serial, u.unit;
