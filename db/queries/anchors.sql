-- Each anchor, and the hash of the row that it signs; NULL: that row is not there.
SELECT n.seq, n.head, n.signature, n.key_id, a.hash FROM anchor AS n LEFT JOIN audit AS a ON a.seq = n.seq ORDER BY n.seq;
