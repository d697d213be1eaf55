-- The yields in the head of the shift report, and seconds for each unit.
SELECT fpy, clean_pass, final_yield, report_yield, (SELECT cadence_us / 1e6 FROM v_cadence WHERE lot = :lot)
FROM v_batch_yield WHERE lot = :lot;
