-- Everything that a schema consists of, in one order: compared with what the program's own migrations make (db/schema.h).
SELECT type, name, tbl_name, coalesce(sql, '') FROM main.sqlite_schema WHERE type <> 'view' OR ?1 ORDER BY type, name;
