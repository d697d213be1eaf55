-- The columns of one table, in its order: name, type, place in the primary key, above 1 when it is a generated one.
SELECT name, type, pk, hidden FROM pragma_table_xinfo(?1, 'main') ORDER BY cid;
