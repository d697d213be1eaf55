-- The PIN of a unit as it is stored: sealed.
SELECT p.product, u.serial, p.sealed, p.kind, p.kek_id FROM pin AS p JOIN unit AS u ON u.unit = p.unit
WHERE p.unit = :unit ORDER BY p.pin DESC LIMIT 1;
