-- Scans that were not right.
SELECT at, verdict, serial, expected, template, actor FROM v_label_scans WHERE lot = :lot AND verdict <> 'right' ORDER BY scan;
