-- The newest label of a lot; no row: it has none.
SELECT l.label FROM label AS l JOIN unit AS u ON u.unit = l.unit JOIN batch AS b ON b.batch = u.batch
WHERE b.lot = :lot ORDER BY l.label DESC LIMIT 1;
