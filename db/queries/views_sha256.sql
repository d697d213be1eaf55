-- Which views the file has: SHA-256 of db/views.sql when they were made.
SELECT views_sha256 FROM main.record;
