-- Attempts that bear the job's method although a label named another for their device: programs of schema versions below 5 wrote
-- them so, and what is chained stays. v_attempt and v_links have the device's own.
SELECT b.lot, a.method, count(DISTINCT a.attempt) AS attempts
FROM link AS l JOIN attempt AS a ON a.attempt = l.attempt JOIN batch AS b ON b.batch = a.batch JOIN session AS s ON s.session = a.session
WHERE l.method <> a.method AND s.schema_version < 5
GROUP BY b.batch, a.method ORDER BY b.batch, a.method;
