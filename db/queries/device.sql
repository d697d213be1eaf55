-- A device by serial number, MAC, device id or a certificate's number.
WITH meant AS (
	SELECT unit FROM unit WHERE serial = :what
	UNION SELECT unit FROM unit WHERE hex(mac) = upper(replace(replace(:what, '-', ''), ':', ''))
	UNION SELECT unit FROM unit WHERE hex(device_id) = upper(:what)
	UNION SELECT unit FROM cert WHERE serial_hex IN (upper(replace(:what, ':', '')), lower(replace(:what, ':', ''))))
SELECT unit, lot, serial, mac, device_id, product, hw_rev, firmware, state, cause, attempts, cert_serial, cert_state, sealed,
	CASE WHEN agentless THEN 'no agent of ours' || coalesce(': ' || not_proven, '') END AS not_proven, seen, state_since
FROM v_unit
WHERE unit IN (SELECT unit FROM meant)
ORDER BY unit;
