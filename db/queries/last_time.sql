-- When the last row of the chain was written: a simulated clock goes on from there.
SELECT max(at_us) FROM audit;
