-- The yields in the head of the shift report, and seconds for each unit.
SELECT y.fpy, y.clean_pass, y.final_yield, y.report_yield, c.cadence_us / 1e6
FROM v_batch_yield AS y LEFT JOIN v_cadence AS c ON c.lot = y.lot WHERE y.lot = :lot;
