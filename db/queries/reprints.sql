SELECT serial, template, copy, reason, actor, queued, state FROM v_reprints WHERE lot = :lot ORDER BY label;
