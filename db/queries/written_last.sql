-- The newest commit, and the record that it is of.
SELECT w.n, w.hash, w.signature, w.key_id, w.seq, r.id FROM main.record AS r LEFT JOIN main.written AS w ON w.n = (SELECT max(n) FROM main.written);
