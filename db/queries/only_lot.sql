-- The only lot that there is needs no name; no row: there is none, or more than one.
SELECT lot FROM batch WHERE (SELECT count(*) FROM batch) = 1;
