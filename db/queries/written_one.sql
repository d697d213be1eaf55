-- One commit by its number (NULL: it is not there), the newest number, and the record's id.
SELECT w.hash, w.signature, w.key_id, (SELECT coalesce(max(n), 0) FROM main.written), r.id
FROM main.record AS r LEFT JOIN main.written AS w ON w.n = ?1;
