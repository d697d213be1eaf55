SELECT kind, serial, mac, what FROM v_orphan WHERE lot = :lot ORDER BY unit, kind;
