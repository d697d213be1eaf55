-- Certificates, and the receipts that their keys signed, as octets: for checking the signatures.
SELECT k.cert, k.unit, u.serial, k.serial_hex, k.issuer, k.subject, k.spki_sha256, k.der, k.state, k.not_before_us, k.not_after_us,
	r.receipt, r.challenge, r.signature
FROM cert AS k JOIN unit AS u ON u.unit = k.unit
LEFT JOIN receipt AS r ON r.unit = k.unit AND k.void_us IS NULL AND k.revoked_us IS NULL
ORDER BY k.cert;
