-- Whose label that is, and how far it is.
SELECT unit, state FROM label WHERE label = :label;
