-- Units that did not pass, and those whose outcome is open.
SELECT lot, coalesce(serial, '') AS serial, mac, device_id, state, cause, side, attempts, cert_state, state_since
FROM v_unit WHERE state <> 'passed' AND lot BETWEEN coalesce(:lot, '') AND coalesce(:lot, char(1114111)) ORDER BY unit;
