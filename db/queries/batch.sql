-- One lot: .parameter set :lot "'2611-A07'"
SELECT * FROM v_batch WHERE lot = :lot;
