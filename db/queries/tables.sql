-- The tables whose rows commits list (db/tables.h): all but SQLite's own and the two that hold the rest together.
SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT IN ('audit', 'written')
ORDER BY name;
