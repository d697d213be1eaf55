-- The base. db/schema.sql is the same with its explanation; tests/unit/journal.c holds the two together.

CREATE TABLE record (
	one          INTEGER PRIMARY KEY CHECK (one = 1),
	simulated    INTEGER NOT NULL CHECK (simulated IN (0, 1)),
	views_sha256 BLOB
) STRICT;

CREATE TABLE batch (
	batch      INTEGER PRIMARY KEY,
	lot        TEXT NOT NULL UNIQUE CHECK (lot <> ''),
	product    TEXT NOT NULL,
	hw_rev     TEXT NOT NULL,
	work_order TEXT NOT NULL,
	quantity   INTEGER NOT NULL CHECK (quantity >= 0),
	test       INTEGER NOT NULL CHECK (test IN (0, 1)),
	job        BLOB NOT NULL,
	job_sha256 BLOB NOT NULL CHECK (length(job_sha256) = 32),
	state      TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'stopped', 'interrupted')),
	opened_us  INTEGER NOT NULL,
	closed_us  INTEGER
) STRICT;

CREATE TABLE session (
	session        INTEGER PRIMARY KEY,
	batch          INTEGER NOT NULL REFERENCES batch,
	simulated      INTEGER NOT NULL CHECK (simulated IN (0, 1)),
	software       TEXT NOT NULL,
	schema_version INTEGER NOT NULL,
	job_path       TEXT NOT NULL,
	policy         TEXT NOT NULL,
	operator       TEXT NOT NULL,
	seed           INTEGER NOT NULL,
	clock_ok       INTEGER NOT NULL CHECK (clock_ok IN (0, 1)),
	host           TEXT,
	boot_id        TEXT,
	started_us     INTEGER NOT NULL,
	ended_us       INTEGER,
	end_kind       TEXT CHECK (end_kind IN ('clean', 'interrupted', 'power')),
	makespan_us    INTEGER,
	lower_bound_us INTEGER
) STRICT;

CREATE TABLE unit (
	unit       INTEGER PRIMARY KEY,
	batch      INTEGER NOT NULL REFERENCES batch,
	device_id  BLOB NOT NULL UNIQUE CHECK (length(device_id) = 8 AND device_id <> zeroblob(8)
		AND device_id <> x'ffffffffffffffff'),
	mac        BLOB NOT NULL UNIQUE CHECK (length(mac) = 6 AND mac <> zeroblob(6)
		AND instr('13579BDF', substr(hex(mac), 2, 1)) = 0),
	serial     TEXT CHECK (trim(serial, '0 ') <> ''),
	product    TEXT NOT NULL,
	hw_rev     TEXT NOT NULL,
	firmware   TEXT NOT NULL,
	state      TEXT NOT NULL CHECK (state IN ('expected', 'seen', 'active', 'passed', 'failed', 'quarantined', 'held')),
	state_us   INTEGER NOT NULL,
	cause      INTEGER,
	cause_name TEXT,
	side       TEXT,
	seen_us    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX unit_serial ON unit (serial) WHERE serial IS NOT NULL;

CREATE TABLE attempt (
	attempt         INTEGER PRIMARY KEY,
	unit            INTEGER NOT NULL REFERENCES unit,
	batch           INTEGER NOT NULL REFERENCES batch,
	session         INTEGER NOT NULL REFERENCES session,
	n               INTEGER NOT NULL CHECK (n > 0),
	kind            TEXT NOT NULL CHECK (kind IN ('first', 'auto-retry', 'operator-retry', 'resume')),
	radio           TEXT NOT NULL,
	freq_mhz        INTEGER NOT NULL,
	rssi_dbm        INTEGER NOT NULL,
	method          TEXT NOT NULL,
	started_us      INTEGER NOT NULL,
	ended_us        INTEGER,
	outcome         TEXT CHECK (outcome IN ('pass', 'fail', 'error', 'timeout', 'aborted', 'interrupted')),
	cause           INTEGER,
	cause_name      TEXT,
	side            TEXT,
	step            TEXT,
	detail          TEXT,
	active_us       INTEGER,
	device_us       INTEGER,
	wait_radio_us   INTEGER,
	wait_ca_us      INTEGER,
	wait_journal_us INTEGER,
	frames_sent     INTEGER,
	frames_received INTEGER,
	retries         INTEGER,
	octets          INTEGER,
	UNIQUE (unit, batch, n),
	CHECK ((outcome IS NULL) = (ended_us IS NULL))
) STRICT;

CREATE TABLE step (
	attempt     INTEGER NOT NULL REFERENCES attempt,
	seq         INTEGER NOT NULL CHECK (seq > 0),
	name        TEXT NOT NULL,
	tries       INTEGER NOT NULL,
	started_us  INTEGER NOT NULL,
	duration_us INTEGER NOT NULL,
	device_us   INTEGER NOT NULL,
	outcome     TEXT NOT NULL CHECK (outcome IN ('pass', 'fail', 'error', 'timeout', 'aborted', 'interrupted')),
	cause       INTEGER,
	cause_name  TEXT,
	side        TEXT,
	PRIMARY KEY (attempt, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE measurement (
	attempt INTEGER NOT NULL REFERENCES attempt,
	name    TEXT NOT NULL,
	n       INTEGER NOT NULL,
	value   REAL NOT NULL,
	unit    TEXT NOT NULL,
	low     REAL,
	high    REAL,
	passed  INTEGER NOT NULL CHECK (passed IN (0, 1)),
	PRIMARY KEY (attempt, name, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE txn (
	txn          INTEGER PRIMARY KEY CHECK (txn > 0),
	unit         INTEGER NOT NULL REFERENCES unit,
	attempt      INTEGER NOT NULL REFERENCES attempt,
	operation    TEXT NOT NULL,
	intent_us    INTEGER NOT NULL,
	prepared_us  INTEGER,
	committed_us INTEGER
) STRICT;

CREATE TABLE pin (
	pin        INTEGER PRIMARY KEY,
	unit       INTEGER NOT NULL REFERENCES unit,
	attempt    INTEGER NOT NULL REFERENCES attempt,
	product    TEXT NOT NULL,
	lookup     BLOB NOT NULL CHECK (length(lookup) = 32 AND lookup <> zeroblob(32)),
	kind       TEXT NOT NULL,
	sealed     BLOB NOT NULL,
	kek_id     TEXT NOT NULL,
	salt       BLOB NOT NULL,
	iterations INTEGER NOT NULL,
	set_us     INTEGER NOT NULL,
	UNIQUE (lookup, product)
) STRICT;

CREATE TABLE cert (
	cert          INTEGER PRIMARY KEY,
	unit          INTEGER NOT NULL REFERENCES unit,
	attempt       INTEGER NOT NULL REFERENCES attempt,
	serial_hex    TEXT NOT NULL CHECK (trim(serial_hex, '0') <> ''),
	issuer        TEXT NOT NULL,
	subject       TEXT NOT NULL,
	spki_sha256   BLOB NOT NULL CHECK (length(spki_sha256) = 32 AND spki_sha256 <> zeroblob(32)),
	der           BLOB NOT NULL CHECK (length(der) > 0),
	sha256        BLOB NOT NULL CHECK (length(sha256) = 32),
	not_before_us INTEGER NOT NULL,
	not_after_us  INTEGER,
	issued_us     INTEGER NOT NULL,
	installed_us  INTEGER,
	verified_us   INTEGER,
	revoked_us    INTEGER,
	void_us       INTEGER,
	state         TEXT AS (CASE WHEN void_us IS NOT NULL THEN 'void' WHEN revoked_us IS NOT NULL THEN 'revoked'
		WHEN verified_us IS NOT NULL THEN 'verified' WHEN installed_us IS NOT NULL THEN 'installed'
		ELSE 'issued' END) VIRTUAL,
	UNIQUE (serial_hex, issuer)
) STRICT;
CREATE UNIQUE INDEX cert_spki ON cert (spki_sha256) WHERE void_us IS NULL;
CREATE UNIQUE INDEX cert_live ON cert (unit) WHERE void_us IS NULL AND revoked_us IS NULL;

CREATE TABLE receipt (
	unit      INTEGER NOT NULL REFERENCES unit,
	attempt   INTEGER NOT NULL REFERENCES attempt,
	txn       INTEGER NOT NULL REFERENCES txn,
	receipt   BLOB NOT NULL CHECK (length(receipt) > 0),
	challenge BLOB NOT NULL,
	signature BLOB NOT NULL,
	at_us     INTEGER NOT NULL,
	PRIMARY KEY (unit, attempt, txn)
) STRICT, WITHOUT ROWID;

CREATE TABLE sighting (
	session   INTEGER NOT NULL REFERENCES session,
	mac       BLOB NOT NULL CHECK (length(mac) = 6),
	device_id BLOB NOT NULL CHECK (length(device_id) = 8),
	verdict   TEXT NOT NULL,
	freq_mhz  INTEGER NOT NULL,
	rssi_dbm  INTEGER NOT NULL,
	count     INTEGER NOT NULL,
	first_us  INTEGER NOT NULL,
	last_us   INTEGER NOT NULL,
	PRIMARY KEY (session, mac, device_id, verdict)
) STRICT, WITHOUT ROWID;

CREATE TABLE radio (
	session    INTEGER NOT NULL REFERENCES session,
	radio      TEXT NOT NULL,
	path       TEXT NOT NULL,
	driver     TEXT NOT NULL,
	mac        BLOB NOT NULL CHECK (length(mac) = 6),
	simulated  INTEGER NOT NULL CHECK (simulated IN (0, 1)),
	sent       INTEGER NOT NULL,
	acked      INTEGER NOT NULL,
	unacked    INTEGER NOT NULL,
	retries    INTEGER NOT NULL,
	received   INTEGER NOT NULL,
	dropped    INTEGER NOT NULL,
	garbage    INTEGER NOT NULL,
	switches   INTEGER NOT NULL,
	airtime_us INTEGER NOT NULL,
	switch_us  INTEGER NOT NULL,
	PRIMARY KEY (session, radio)
) STRICT, WITHOUT ROWID;

CREATE TABLE guard (
	guard_id INTEGER PRIMARY KEY,
	session  INTEGER NOT NULL REFERENCES session,
	guard    TEXT NOT NULL,
	detail   TEXT NOT NULL,
	at_us    INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
	seq     INTEGER PRIMARY KEY,
	at_us   INTEGER NOT NULL,
	session INTEGER REFERENCES session,
	actor   TEXT NOT NULL,
	action  TEXT NOT NULL,
	subject TEXT NOT NULL,
	body    TEXT NOT NULL,
	prev    BLOB NOT NULL CHECK (length(prev) = 32),
	hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE anchor (
	seq       INTEGER PRIMARY KEY REFERENCES audit,
	head      BLOB NOT NULL CHECK (length(head) = 32),
	signature BLOB NOT NULL,
	key_id    TEXT NOT NULL
) STRICT;

CREATE TRIGGER record_kind BEFORE UPDATE OF one, simulated ON record
BEGIN SELECT raise(ABORT, 'a database stays simulated or real'); END;
CREATE TRIGGER record_keep BEFORE DELETE ON record
BEGIN SELECT raise(ABORT, 'a database stays simulated or real'); END;

CREATE TRIGGER batch_fixed BEFORE UPDATE OF batch, lot, product, hw_rev, work_order, quantity, test, job, job_sha256, opened_us
ON batch
BEGIN SELECT raise(ABORT, 'the job of a batch never changes'); END;
CREATE TRIGGER batch_keep BEFORE DELETE ON batch
BEGIN SELECT raise(ABORT, 'a batch is never deleted'); END;

CREATE TRIGGER session_kind BEFORE INSERT ON session WHEN NEW.simulated IS NOT (SELECT simulated FROM record)
BEGIN SELECT raise(ABORT, 'simulated and real sessions do not share a database'); END;
CREATE TRIGGER session_fixed BEFORE UPDATE ON session WHEN OLD.ended_us IS NOT NULL
BEGIN SELECT raise(ABORT, 'a session that has ended never changes'); END;
CREATE TRIGGER session_keep BEFORE DELETE ON session
BEGIN SELECT raise(ABORT, 'a session is never deleted'); END;

CREATE TRIGGER unit_fixed BEFORE UPDATE OF unit, batch, device_id, mac, product, hw_rev, firmware, seen_us ON unit
BEGIN SELECT raise(ABORT, 'the identity of a unit never changes'); END;
CREATE TRIGGER unit_serial_once BEFORE UPDATE OF serial ON unit
WHEN OLD.serial IS NOT NULL AND OLD.serial IS NOT NEW.serial
BEGIN SELECT raise(ABORT, 'the serial number of a unit never changes'); END;
CREATE TRIGGER unit_keep BEFORE DELETE ON unit
BEGIN SELECT raise(ABORT, 'a unit is never deleted'); END;

CREATE TRIGGER attempt_once BEFORE INSERT ON attempt WHEN EXISTS (SELECT 1 FROM attempt WHERE attempt = NEW.attempt)
BEGIN SELECT raise(ABORT, 'an attempt is never replaced'); END;
CREATE TRIGGER attempt_closed BEFORE UPDATE ON attempt WHEN OLD.outcome IS NOT NULL
BEGIN SELECT raise(ABORT, 'a closed attempt never changes'); END;
CREATE TRIGGER attempt_fixed BEFORE UPDATE OF attempt, unit, batch, session, n, kind, radio, freq_mhz, rssi_dbm, method,
	started_us ON attempt
BEGIN SELECT raise(ABORT, 'an attempt may only be closed'); END;
CREATE TRIGGER attempt_keep BEFORE DELETE ON attempt
BEGIN SELECT raise(ABORT, 'an attempt is never deleted'); END;

CREATE TRIGGER step_open BEFORE INSERT ON step
WHEN (SELECT outcome FROM attempt WHERE attempt = NEW.attempt) IS NOT NULL
BEGIN SELECT raise(ABORT, 'a closed attempt never changes'); END;
CREATE TRIGGER step_fixed BEFORE UPDATE ON step
BEGIN SELECT raise(ABORT, 'a step never changes'); END;
CREATE TRIGGER step_keep BEFORE DELETE ON step
BEGIN SELECT raise(ABORT, 'a step is never deleted'); END;

CREATE TRIGGER measurement_open BEFORE INSERT ON measurement
WHEN (SELECT outcome FROM attempt WHERE attempt = NEW.attempt) IS NOT NULL
BEGIN SELECT raise(ABORT, 'a closed attempt never changes'); END;
CREATE TRIGGER measurement_fixed BEFORE UPDATE ON measurement
BEGIN SELECT raise(ABORT, 'a measurement never changes'); END;
CREATE TRIGGER measurement_keep BEFORE DELETE ON measurement
BEGIN SELECT raise(ABORT, 'a measurement is never deleted'); END;

CREATE TRIGGER txn_fixed BEFORE UPDATE OF txn, unit, operation, intent_us ON txn
BEGIN SELECT raise(ABORT, 'a transaction keeps its unit and operation'); END;
CREATE TRIGGER txn_forward BEFORE UPDATE OF prepared_us, committed_us ON txn
WHEN (OLD.prepared_us IS NOT NULL AND NEW.prepared_us IS NOT OLD.prepared_us)
	OR (OLD.committed_us IS NOT NULL AND NEW.committed_us IS NOT OLD.committed_us)
BEGIN SELECT raise(ABORT, 'a transaction only goes forward'); END;
CREATE TRIGGER txn_keep BEFORE DELETE ON txn
BEGIN SELECT raise(ABORT, 'a transaction is never deleted'); END;

CREATE TRIGGER pin_fixed BEFORE UPDATE ON pin
BEGIN SELECT raise(ABORT, 'a PIN on record never changes'); END;
CREATE TRIGGER pin_keep BEFORE DELETE ON pin
BEGIN SELECT raise(ABORT, 'a PIN is never deleted'); END;

CREATE TRIGGER cert_fixed BEFORE UPDATE OF cert, unit, attempt, serial_hex, issuer, subject, spki_sha256, der, sha256,
	not_before_us, not_after_us, issued_us ON cert
BEGIN SELECT raise(ABORT, 'a certificate on record never changes'); END;
CREATE TRIGGER cert_forward BEFORE UPDATE OF installed_us, verified_us, revoked_us, void_us ON cert
WHEN (OLD.installed_us IS NOT NULL AND NEW.installed_us IS NOT OLD.installed_us)
	OR (OLD.verified_us IS NOT NULL AND NEW.verified_us IS NOT OLD.verified_us)
	OR (OLD.revoked_us IS NOT NULL AND NEW.revoked_us IS NOT OLD.revoked_us)
	OR (OLD.void_us IS NOT NULL AND NEW.void_us IS NOT OLD.void_us)
BEGIN SELECT raise(ABORT, 'the state of a certificate only goes forward'); END;
CREATE TRIGGER cert_keep BEFORE DELETE ON cert
BEGIN SELECT raise(ABORT, 'a certificate is never deleted'); END;

CREATE TRIGGER receipt_fixed BEFORE UPDATE ON receipt
BEGIN SELECT raise(ABORT, 'a receipt never changes'); END;
CREATE TRIGGER receipt_keep BEFORE DELETE ON receipt
BEGIN SELECT raise(ABORT, 'a receipt is never deleted'); END;

CREATE TRIGGER audit_next BEFORE INSERT ON audit WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN SELECT raise(ABORT, 'the audit chain only grows at its end'); END;
CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit chain never changes'); END;
CREATE TRIGGER audit_keep BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit chain never shrinks'); END;
CREATE TRIGGER anchor_once BEFORE INSERT ON anchor WHEN EXISTS (SELECT 1 FROM anchor WHERE seq >= NEW.seq)
BEGIN SELECT raise(ABORT, 'an anchor is never replaced'); END;
CREATE TRIGGER anchor_fixed BEFORE UPDATE ON anchor
BEGIN SELECT raise(ABORT, 'an anchor never changes'); END;
CREATE TRIGGER anchor_keep BEFORE DELETE ON anchor
BEGIN SELECT raise(ABORT, 'an anchor is never deleted'); END;
