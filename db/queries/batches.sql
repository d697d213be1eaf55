-- Every lot, oldest first.
SELECT lot, product, state, quantity, units, passed, failed, quarantined, sessions, opened, closed FROM v_batch ORDER BY batch;
