-- Every commit in its order, with the hash of the chain's row that it ends at.
SELECT w.n, w.seq, w.part, w.changes, w.hash, w.signature, w.key_id, a.hash FROM main.written AS w LEFT JOIN main.audit AS a ON a.seq = w.seq
ORDER BY w.n;
