-- What is asked of a large record is found by index: the rows of one lot, of one unit, of one session, and what a dead session
-- left open. db/schema.sql has each beside its table.
CREATE INDEX session_batch ON session (batch);
CREATE INDEX unit_batch ON unit (batch);
CREATE INDEX unit_active ON unit (batch) WHERE state = 'active';
CREATE INDEX attempt_batch ON attempt (batch, unit);
CREATE INDEX attempt_open ON attempt (unit) WHERE outcome IS NULL;
CREATE INDEX txn_unit ON txn (unit, operation);
CREATE INDEX cert_unit ON cert (unit);
CREATE INDEX label_scan_batch ON label_scan (batch);
CREATE INDEX label_scan_unit ON label_scan (unit) WHERE unit IS NOT NULL;
CREATE INDEX audit_session ON audit (session);
CREATE INDEX audit_subject ON audit (subject);
