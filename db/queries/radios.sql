SELECT session, radio, attempts, passed, report_yield, air_failures, rssi_mean_dbm, acked_share, retries, switches, airtime_us
FROM v_radio_health WHERE lot = :lot ORDER BY session, radio;
