-- The views that there are: the program's own, which readers have on their connection (db/schema.h).
SELECT name FROM temp.sqlite_schema WHERE type = 'view' ORDER BY name;
