-- The chain, row by row, as it is hashed (db/chain.h).
SELECT seq, at_us, session, actor, action, subject, body, prev, hash FROM audit ORDER BY seq;
