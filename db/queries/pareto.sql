SELECT side, step, cause, attempts, units, share, cumulative FROM v_pareto WHERE lot = :lot;
