SELECT started, finished, first_passed, fpy, clean_pass, passed, final_yield, failed, quarantined, rework, attempts,
	attempts_passed, report_yield
FROM v_batch_yield WHERE lot = :lot;
