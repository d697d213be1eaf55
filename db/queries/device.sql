-- A device by serial number, MAC, device id or a certificate's number.
SELECT unit, lot, serial, mac, device_id, product, hw_rev, firmware, state, cause, attempts, cert_serial, cert_state, sealed,
	CASE WHEN agentless THEN 'no agent of ours' || coalesce(': ' || not_proven, '') END AS not_proven, seen, state_since
FROM v_unit
WHERE serial = :what OR mac = lower(replace(:what, '-', ':')) OR device_id = lower(:what)
	OR unit IN (SELECT unit FROM cert WHERE serial_hex = upper(replace(:what, ':', ''))
		OR serial_hex = lower(replace(:what, ':', '')))
ORDER BY unit;
