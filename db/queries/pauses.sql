-- When no device was admitted, of one lot or (lot NULL) of all.
SELECT lot, since, until, pause_us, actor, reason, ended_by, ended_actor
FROM v_pause WHERE lot BETWEEN coalesce(:lot, '') AND coalesce(:lot, char(1114111)) ORDER BY seq;
