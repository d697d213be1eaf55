SELECT step, n, p50_us, p95_us, max_us, mean_us FROM v_cycle WHERE lot = :lot;
