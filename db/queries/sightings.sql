-- What was heard and became no unit, of one lot or (lot NULL) of all.
SELECT lot, session, mac, verdict, freq_mhz, rssi_dbm, count, first, last
FROM v_sighting WHERE lot BETWEEN coalesce(:lot, '') AND coalesce(:lot, char(1114111)) ORDER BY session, first, mac, verdict;
