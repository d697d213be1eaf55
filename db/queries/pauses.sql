-- When no device was admitted, of one lot or (lot NULL) of all.
SELECT lot, since, until, pause_us, actor, reason, ended_by, ended_actor
FROM v_pause WHERE :lot IS NULL OR lot = :lot ORDER BY seq;
