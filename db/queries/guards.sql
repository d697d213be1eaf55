SELECT g.session, strftime('%Y-%m-%dT%H:%M:%fZ', g.at_us / 1e6, 'unixepoch') AS at, g.guard, g.detail
FROM guard AS g JOIN session AS s ON s.session = g.session JOIN batch AS b ON b.batch = s.batch
WHERE b.lot = :lot ORDER BY g.guard_id;
