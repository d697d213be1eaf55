-- Attempts that did not pass, of one lot or (lot NULL) of all.
SELECT lot, coalesce(serial, '') AS serial, mac, n, radio, freq_mhz, rssi_dbm, ended, outcome, cause, side, step, detail
FROM v_attempt WHERE outcome <> 'pass' AND lot BETWEEN coalesce(:lot, '') AND coalesce(:lot, char(1114111)) ORDER BY attempt;
