-- The PIN of one unit, for its label, without reading those of all others.
CREATE INDEX pin_unit ON pin (unit);
