-- Lots that are not done, and their loose ends so far.
SELECT b.lot, b.state, coalesce(o.ends, 0) FROM batch AS b LEFT JOIN (SELECT lot, count(*) AS ends FROM v_orphan GROUP BY lot) AS o
	ON o.lot = b.lot
WHERE b.state <> 'done' ORDER BY b.batch;
