SELECT at, event, detail FROM v_unit_life WHERE unit = :unit ORDER BY at_us, step, event;
