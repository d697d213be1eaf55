SELECT passed, running_us, cadence_us, gap_p50_us, gap_p95_us, gap_max_us FROM v_cadence WHERE lot = :lot;
