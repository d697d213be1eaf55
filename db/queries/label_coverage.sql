SELECT template, passed, queued, sent, printed, scanned, without FROM v_label_coverage WHERE lot = :lot ORDER BY template;
