-- The latest time in the chain: a simulated clock goes on from there. A session that has ended is not younger than its end.
SELECT max(at_us) FROM (
	SELECT at_us FROM (SELECT at_us FROM audit ORDER BY seq DESC LIMIT 1)
	UNION ALL SELECT coalesce(s.ended_us, (SELECT max(a.at_us) FROM audit AS a WHERE a.session = s.session)) FROM session AS s);
