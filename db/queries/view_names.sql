-- The views that there are.
SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name;
