-- The number of a lot's batch; no row: there is no such lot.
SELECT batch FROM batch WHERE lot = :lot;
