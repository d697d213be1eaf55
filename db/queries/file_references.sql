-- Rows that refer to rows that are not there.
SELECT 'file' AS kind, printf('row %d of table %s refers to a row of %s that is not there', rowid, "table", parent) AS what
FROM pragma_foreign_key_check;
