-- The highest numbers of labels and of scans so far.
SELECT (SELECT coalesce(max(label), 0) FROM label), (SELECT coalesce(max(scan), 0) FROM label_scan);
