-- Lots that are not done, and their loose ends so far.
SELECT b.lot, b.state, (SELECT count(*) FROM v_orphan AS o WHERE o.lot = b.lot) FROM batch AS b WHERE b.state <> 'done';
