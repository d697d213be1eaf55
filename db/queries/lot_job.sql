-- Has the lot this job file, and how many of its units passed? No row: the lot is new.
SELECT b.job_sha256 = :job_sha256, (SELECT count(*) FROM unit AS u WHERE u.batch = b.batch AND u.state = 'passed')
FROM batch AS b WHERE b.lot = :lot;
