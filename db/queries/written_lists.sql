-- The lists of changes that the present rows follow from: from the last list of all rows on.
SELECT n, changes FROM main.written WHERE n >= coalesce((SELECT max(n) FROM main.written WHERE part = 1), 0) ORDER BY n;
