SELECT at, serial, actor, reason FROM v_pin_openings WHERE lot = :lot ORDER BY chain_row;
