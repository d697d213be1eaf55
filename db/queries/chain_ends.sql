-- The last row of sessions that ended cleanly, and the last row of all.
SELECT coalesce((SELECT max(a.seq) FROM audit AS a JOIN session AS s ON s.session = a.session WHERE s.end_kind = 'clean'), 0),
	coalesce((SELECT max(seq) FROM audit), 0);
