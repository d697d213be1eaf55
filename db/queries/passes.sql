-- Passes in the order of time, for the plot of the cadence.
SELECT running_us FROM v_pass WHERE lot = :lot ORDER BY nth;
