SELECT session, at, guard, detail FROM v_guard WHERE lot = :lot ORDER BY after_us;
