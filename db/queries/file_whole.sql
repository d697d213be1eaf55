-- SQLite's own look at the file: one row for each thing that is wrong.
SELECT 'file' AS kind, integrity_check AS what FROM pragma_integrity_check WHERE integrity_check <> 'ok';
