-- The register of certificates, of one lot or (lot NULL) of all.
SELECT serial, cert_serial, issuer, state, loose, unit_state, not_before, not_after, key_sha256
FROM v_cert_register WHERE lot BETWEEN coalesce(:lot, '') AND coalesce(:lot, char(1114111)) ORDER BY cert;
