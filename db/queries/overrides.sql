-- What people ordered by hand, of one lot or (lot NULL) of all.
SELECT lot, at, actor, action, coalesce(serial, subject) AS what, reason, was, cause, overtaken
FROM v_override WHERE lot BETWEEN coalesce(:lot, '') AND coalesce(:lot, char(1114111)) ORDER BY +seq;
