-- Simulated runs and real ones never share a record.
SELECT simulated FROM record;
