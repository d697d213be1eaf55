-- The first lines of the shift report.
SELECT product, state, quantity, units, coalesce(passed, 0), coalesce(failed, 0), coalesce(quarantined, 0), coalesce(unfinished, 0),
	simulated, test, makespan_us / 1e6, lower_bound_us / 1e6
FROM v_batch WHERE lot = :lot;
