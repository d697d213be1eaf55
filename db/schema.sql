-- The record as it is: the sum of db/migrations, with its explanation (tests/unit/journal.c compares the two).
-- application_id 0x4d494c4c ("MILL"), user_version 7, WAL, synchronous=FULL, foreign_keys. docs/audit.md is the manual.
--
-- Times *_us are microseconds since 1970 in UTC, or durations. Causes are those of agent/wire/cause.h, as number, name and
-- class ("side"). A row is written once; what may change, and how far, the triggers at the end say. Every CHECK has its twin in
-- db/check.c, which refuses a record before it is queued (tests/unit/journal_check.c holds the two together).

-- One row: what kind of database this is. Simulated runs and real ones never share one.
CREATE TABLE record (
	one          INTEGER PRIMARY KEY CHECK (one = 1),
	simulated    INTEGER NOT NULL CHECK (simulated IN (0, 1)),
	-- of db/views.sql: views are made anew when it changed
	views_sha256 BLOB,
	-- drawn when the record was begun (or came to schema version 7): what is kept outside the file is about this one
	id           BLOB CHECK (length(id) = 16)
) STRICT;

-- A lot and the exact octets of the job file that describes it.
CREATE TABLE batch (
	batch      INTEGER PRIMARY KEY,
	lot        TEXT NOT NULL UNIQUE CHECK (lot <> ''),
	product    TEXT NOT NULL,
	hw_rev     TEXT NOT NULL,
	work_order TEXT NOT NULL,
	quantity   INTEGER NOT NULL CHECK (quantity >= 0),
	-- 1: nothing of this lot ships
	test       INTEGER NOT NULL CHECK (test IN (0, 1)),
	-- the octets of the job file
	job        BLOB NOT NULL,
	job_sha256 BLOB NOT NULL CHECK (length(job_sha256) = 32),
	-- open while a session runs or after it died
	state      TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'stopped', 'interrupted')),
	opened_us  INTEGER NOT NULL,
	closed_us  INTEGER
) STRICT;

-- One run of the station on a batch. A killed run ends when the next one begins.
CREATE TABLE session (
	session        INTEGER PRIMARY KEY,
	batch          INTEGER NOT NULL REFERENCES batch,
	simulated      INTEGER NOT NULL CHECK (simulated IN (0, 1)),
	software       TEXT NOT NULL,
	-- user_version at its time
	schema_version INTEGER NOT NULL,
	job_path       TEXT NOT NULL,
	policy         TEXT NOT NULL,
	operator       TEXT NOT NULL,
	-- 0 on real radios; unsigned 64 bits as signed
	seed           INTEGER NOT NULL,
	-- the system clock was known to be right
	clock_ok       INTEGER NOT NULL CHECK (clock_ok IN (0, 1)),
	-- NULL in simulated sessions, which repeat to the byte anywhere
	host           TEXT,
	-- tells a power cut from a killed process
	boot_id        TEXT,
	started_us     INTEGER NOT NULL,
	ended_us       INTEGER,
	-- NULL: runs, or died and nobody has looked yet
	end_kind       TEXT CHECK (end_kind IN ('clean', 'interrupted', 'power')),
	makespan_us    INTEGER,
	lower_bound_us INTEGER
) STRICT;
CREATE INDEX session_batch ON session (batch);

-- A device, from the moment that it proved who it is; or a foreign one, which no agent of ours answers for, from the moment
-- that it was matched to the list that names it. What a foreign device says about itself is proved by nothing.
CREATE TABLE unit (
	unit       INTEGER PRIMARY KEY,
	-- the batch that saw it first
	batch      INTEGER NOT NULL REFERENCES batch,
	-- NULL: a foreign device, which has none
	device_id  BLOB UNIQUE CHECK (length(device_id) = 8 AND device_id <> zeroblob(8) AND device_id <> x'ffffffffffffffff'),
	mac        BLOB NOT NULL UNIQUE CHECK (length(mac) = 6 AND mac <> zeroblob(6)
		AND instr('13579BDF', substr(hex(mac), 2, 1)) = 0),
	-- given with its first identity; then used for good
	serial     TEXT CHECK (trim(serial, '0 ') <> ''),
	product    TEXT NOT NULL,
	hw_rev     TEXT NOT NULL,
	firmware   TEXT NOT NULL,
	-- 1: a foreign device: no agent of ours, so no key, certificate or receipt is to be had (v_unit.not_proven)
	agentless  INTEGER NOT NULL DEFAULT 0 CHECK (agentless IN (0, 1)),
	state      TEXT NOT NULL CHECK (state IN ('expected', 'seen', 'active', 'passed', 'failed', 'quarantined', 'held')),
	state_us   INTEGER NOT NULL,
	-- of the present state; NULL: none
	cause      INTEGER,
	cause_name TEXT,
	side       TEXT,
	seen_us    INTEGER NOT NULL,
	CHECK (agentless = 1 OR device_id IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX unit_serial ON unit (serial) WHERE serial IS NOT NULL;
CREATE INDEX unit_batch ON unit (batch);
-- What a dead session left in hand.
CREATE INDEX unit_active ON unit (batch) WHERE state = 'active';

-- Each time that a unit is taken in hand. A closed attempt never changes; a verdict is never overwritten.
CREATE TABLE attempt (
	attempt         INTEGER PRIMARY KEY,
	unit            INTEGER NOT NULL REFERENCES unit,
	-- the batch that worked on it, maybe a later one than the unit's
	batch           INTEGER NOT NULL REFERENCES batch,
	session         INTEGER NOT NULL REFERENCES session,
	-- 1, 2, ... of this unit in this batch
	n               INTEGER NOT NULL CHECK (n > 0),
	kind            TEXT NOT NULL CHECK (kind IN ('first', 'auto-retry', 'operator-retry', 'resume')),
	radio           TEXT NOT NULL,
	freq_mhz        INTEGER NOT NULL,
	rssi_dbm        INTEGER NOT NULL,
	-- how it was reached: a word of the table of methods. Sessions of schema versions below 5 may bear the job's word
	-- where a label named another for this device; v_attempt gives the device's own
	method          TEXT NOT NULL,
	started_us      INTEGER NOT NULL,
	ended_us        INTEGER,
	-- NULL: open
	outcome         TEXT CHECK (outcome IN ('pass', 'fail', 'error', 'timeout', 'aborted', 'interrupted')),
	cause           INTEGER,
	cause_name      TEXT,
	side            TEXT,
	-- where it ended; NULL when passed
	step            TEXT,
	detail          TEXT,
	active_us       INTEGER,
	-- the device worked, by its own clock
	device_us       INTEGER,
	wait_radio_us   INTEGER,
	wait_ca_us      INTEGER,
	-- waited for this database
	wait_journal_us INTEGER,
	frames_sent     INTEGER,
	frames_received INTEGER,
	retries         INTEGER,
	octets          INTEGER,
	UNIQUE (unit, batch, n),
	CHECK ((outcome IS NULL) = (ended_us IS NULL))
) STRICT;
CREATE INDEX attempt_batch ON attempt (batch, unit);
-- What a dead session left open.
CREATE INDEX attempt_open ON attempt (unit) WHERE outcome IS NULL;

-- What an attempt did, step by step of the recipe.
CREATE TABLE step (
	attempt     INTEGER NOT NULL REFERENCES attempt,
	seq         INTEGER NOT NULL CHECK (seq > 0),
	name        TEXT NOT NULL,
	-- 1: at once
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

-- What the self-test and the station measured, with the limits that were in force.
CREATE TABLE measurement (
	attempt INTEGER NOT NULL REFERENCES attempt,
	name    TEXT NOT NULL,
	-- 1, 2, ... of this name in this attempt
	n       INTEGER NOT NULL,
	value   REAL NOT NULL,
	unit    TEXT NOT NULL,
	low     REAL,
	high    REAL,
	passed  INTEGER NOT NULL CHECK (passed IN (0, 1)),
	PRIMARY KEY (attempt, name, n)
) STRICT, WITHOUT ROWID;

-- Two-phase writes to a device. The intent is on disk before anything is sent, so a unit resumes where it stopped.
CREATE TABLE txn (
	txn          INTEGER PRIMARY KEY CHECK (txn > 0),
	unit         INTEGER NOT NULL REFERENCES unit,
	attempt      INTEGER NOT NULL REFERENCES attempt,
	-- identity, credentials, seal
	operation    TEXT NOT NULL,
	intent_us    INTEGER NOT NULL,
	prepared_us  INTEGER,
	committed_us INTEGER
) STRICT;
CREATE INDEX txn_unit ON txn (unit, operation);

-- PINs, sealed with a key that is not in here: AES-256-GCM, with product, serial number and kind as associated data.
CREATE TABLE pin (
	pin        INTEGER PRIMARY KEY,
	unit       INTEGER NOT NULL REFERENCES unit,
	attempt    INTEGER NOT NULL REFERENCES attempt,
	product    TEXT NOT NULL,
	-- keyed HMAC of the PIN: equal PINs of one product are refused, and nobody without the key can try digits
	lookup     BLOB NOT NULL CHECK (length(lookup) = 32 AND lookup <> zeroblob(32)),
	kind       TEXT NOT NULL,
	sealed     BLOB NOT NULL,
	kek_id     TEXT NOT NULL,
	-- of the verifier on the device (RFC 9383)
	salt       BLOB NOT NULL,
	iterations INTEGER NOT NULL,
	set_us     INTEGER NOT NULL,
	UNIQUE (lookup, product)
) STRICT;
CREATE INDEX pin_unit ON pin (unit);

-- Every certificate that was ever issued: issued before it is sent, never deleted.
CREATE TABLE cert (
	cert          INTEGER PRIMARY KEY,
	unit          INTEGER NOT NULL REFERENCES unit,
	attempt       INTEGER NOT NULL REFERENCES attempt,
	-- as openssl x509 -serial prints it
	serial_hex    TEXT NOT NULL CHECK (trim(serial_hex, '0') <> ''),
	issuer        TEXT NOT NULL,
	subject       TEXT NOT NULL,
	-- SHA-256 of SubjectPublicKeyInfo: one key, one device
	spki_sha256   BLOB NOT NULL CHECK (length(spki_sha256) = 32 AND spki_sha256 <> zeroblob(32)),
	der           BLOB NOT NULL CHECK (length(der) > 0),
	sha256        BLOB NOT NULL CHECK (length(sha256) = 32),
	not_before_us INTEGER NOT NULL,
	-- NULL: 99991231235959Z, no expiry
	not_after_us  INTEGER,
	issued_us     INTEGER NOT NULL,
	-- the device has stored it
	installed_us  INTEGER,
	-- the device has proved its key with it
	verified_us   INTEGER,
	revoked_us    INTEGER,
	-- never reached a device, or was replaced before use
	void_us       INTEGER,
	state         TEXT AS (CASE WHEN void_us IS NOT NULL THEN 'void' WHEN revoked_us IS NOT NULL THEN 'revoked'
		WHEN verified_us IS NOT NULL THEN 'verified' WHEN installed_us IS NOT NULL THEN 'installed'
		ELSE 'issued' END) VIRTUAL,
	UNIQUE (serial_hex, issuer)
) STRICT;
CREATE INDEX cert_unit ON cert (unit);
-- One key is never certified for two devices.
CREATE UNIQUE INDEX cert_spki ON cert (spki_sha256) WHERE void_us IS NULL;
-- One certificate of a unit lives at a time.
CREATE UNIQUE INDEX cert_live ON cert (unit) WHERE void_us IS NULL AND revoked_us IS NULL;

-- What a sealed device says and signs with the key of its certificate.
CREATE TABLE receipt (
	unit      INTEGER NOT NULL REFERENCES unit,
	attempt   INTEGER NOT NULL REFERENCES attempt,
	txn       INTEGER NOT NULL REFERENCES txn,
	receipt   BLOB NOT NULL CHECK (length(receipt) > 0),
	-- drawn by the station; signature covers SHA-256("millrace receipt", challenge, receipt)
	challenge BLOB NOT NULL,
	-- r || s, by the key of the certificate
	signature BLOB NOT NULL,
	at_us     INTEGER NOT NULL,
	PRIMARY KEY (unit, attempt, txn)
) STRICT, WITHOUT ROWID;

-- Heard, and no unit: strangers, refused devices, failures before an identity was known.
CREATE TABLE sighting (
	session   INTEGER NOT NULL REFERENCES session,
	mac       BLOB NOT NULL CHECK (length(mac) = 6),
	-- zeros: unknown
	device_id BLOB NOT NULL CHECK (length(device_id) = 8),
	verdict   TEXT NOT NULL,
	freq_mhz  INTEGER NOT NULL,
	rssi_dbm  INTEGER NOT NULL,
	count     INTEGER NOT NULL,
	first_us  INTEGER NOT NULL,
	last_us   INTEGER NOT NULL,
	PRIMARY KEY (session, mac, device_id, verdict)
) STRICT, WITHOUT ROWID;

-- Totals of each radio in a session.
CREATE TABLE radio (
	session    INTEGER NOT NULL REFERENCES session,
	radio      TEXT NOT NULL,
	path       TEXT NOT NULL,
	driver     TEXT NOT NULL,
	mac        BLOB NOT NULL CHECK (length(mac) = 6),
	simulated  INTEGER NOT NULL CHECK (simulated IN (0, 1)),
	sent       INTEGER NOT NULL,
	-- frames that a device acknowledged
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

-- A link to a device through a BSS, its own or ours, each time that it came up in an attempt. Durations are from one stage to
-- the next; NULL: the method has no such stage. The words of a method are open lists: a new method needs no migration, and a
-- test holds what is written to the table of methods.
CREATE TABLE link (
	attempt            INTEGER NOT NULL REFERENCES attempt,
	n                  INTEGER NOT NULL CHECK (n > 0),
	-- micro-ap, pin, https, ...
	method             TEXT NOT NULL CHECK (length(method) BETWEEN 1 AND 32),
	-- infrastructure, ad-hoc, ...
	kind               TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
	bssid              BLOB NOT NULL CHECK (length(bssid) = 6),
	ssid               BLOB NOT NULL CHECK (length(ssid) <= 32),
	freq_mhz           INTEGER NOT NULL,
	-- of the BSS: open, wpa2, wpa2+pmf, ...
	security           TEXT NOT NULL CHECK (length(security) BETWEEN 1 AND 32),
	-- where its passphrase or PIN came from: label, record, none, ...
	secret             TEXT NOT NULL CHECK (length(secret) BETWEEN 1 AND 32),
	-- what protects requests and responses
	cipher             TEXT NOT NULL,
	-- of the device's TLS server; NULL: none was shown
	certificate_sha256 BLOB CHECK (length(certificate_sha256) = 32),
	-- authentication, association, 4-way handshake; then DHCP; then TCP; then TLS or SPAKE2+
	join_us            INTEGER,
	address_us         INTEGER,
	connect_us         INTEGER,
	secure_us          INTEGER,
	-- what else the method saw: an object in JSON, of the shape that docs/audit.md has for it, without secrets; NULL: nothing.
	-- Not json_valid(evidence): SQLite 3.40 counts that as unsafe in a schema that is not trusted, and would not open the
	-- file. db/check.c reads every object before it is written, and `millrace audit verify` does so again.
	evidence           TEXT CHECK (substr(evidence, 1, 1) = '{' AND substr(evidence, -1) = '}' AND length(evidence) <= 4096),
	at_us              INTEGER NOT NULL,
	PRIMARY KEY (attempt, n)
) STRICT, WITHOUT ROWID;

-- How credentials reached a device by a method of its own, beside our CREDENTIALS request: WPS, DPP, ... A row for each time in
-- an attempt that the method says they are there.
CREATE TABLE delivery (
	attempt  INTEGER NOT NULL REFERENCES attempt,
	n        INTEGER NOT NULL CHECK (n > 0),
	-- as link.method
	method   TEXT NOT NULL CHECK (length(method) BETWEEN 1 AND 32),
	-- as link.evidence
	evidence TEXT NOT NULL CHECK (substr(evidence, 1, 1) = '{' AND substr(evidence, -1) = '}' AND length(evidence) <= 4096),
	at_us    INTEGER NOT NULL,
	PRIMARY KEY (attempt, n)
) STRICT, WITHOUT ROWID;

-- Which network of its scan list a device was given, why, and how it is known to have joined it.
CREATE TABLE network (
	attempt    INTEGER PRIMARY KEY REFERENCES attempt,
	ssid       BLOB NOT NULL CHECK (length(ssid) BETWEEN 1 AND 32),
	security   TEXT NOT NULL,
	-- networks in the scan list, and those of them that are the one of the job
	heard      INTEGER NOT NULL,
	candidates INTEGER NOT NULL,
	-- of the one that was picked; NULL: the device has no scan list, or joined another access point of it unseen
	bssid      BLOB CHECK (length(bssid) = 6),
	freq_mhz   INTEGER,
	rssi_dbm   INTEGER,
	reason     TEXT NOT NULL,
	-- by the device's own clock, from JOIN to joined; NULL: it was not to join
	joined_us  INTEGER,
	-- by the station, on the air: its frames, or also that it holds the network's key (MIC of message 2)
	observed   TEXT NOT NULL CHECK (observed IN ('no', 'seen', 'key-verified')),
	-- by the device, signed with the key of its certificate
	reported   INTEGER NOT NULL CHECK (reported IN (0, 1)),
	at_us      INTEGER NOT NULL
) STRICT;

-- What stopped the admission of devices, and why.
CREATE TABLE guard (
	guard_id INTEGER PRIMARY KEY,
	session  INTEGER NOT NULL REFERENCES session,
	guard    TEXT NOT NULL,
	detail   TEXT NOT NULL,
	at_us    INTEGER NOT NULL
) STRICT;

-- Labels, a row for each copy that was asked for. What is printed on it is not in here, only a digest of the code that is
-- scanned back: SHA-256, or HMAC-SHA256 under a key beside pin.key when a PIN is part of it (a hash of eight digits is no secret).
CREATE TABLE label (
	label      INTEGER PRIMARY KEY,
	unit       INTEGER NOT NULL REFERENCES unit,
	-- 1, 2, ... of this unit and template; from 2 on a reprint
	copy       INTEGER NOT NULL CHECK (copy > 0),
	-- file: written into a folder; print: sent to a printer
	kind       TEXT NOT NULL CHECK (kind IN ('file', 'print')),
	template   TEXT NOT NULL CHECK (template <> ''),
	digest     BLOB NOT NULL CHECK (length(digest) = 32 AND digest <> zeroblob(32)),
	-- NULL: the digest is a plain SHA-256
	key_id     TEXT,
	-- why it was printed again
	reason     TEXT CHECK (reason <> ''),
	actor      TEXT NOT NULL CHECK (actor <> ''),
	queued_us  INTEGER NOT NULL,
	-- written, or all octets taken by the printer
	sent_us    INTEGER,
	-- by the printer's own word
	printed_us INTEGER,
	-- read back from the unit: the only proof
	scanned_us INTEGER,
	-- replaced by a later copy, or its unit is no longer a passed one
	void_us    INTEGER,
	state      TEXT AS (CASE WHEN void_us IS NOT NULL THEN 'void' WHEN scanned_us IS NOT NULL THEN 'scanned'
		WHEN printed_us IS NOT NULL THEN 'printed' WHEN sent_us IS NOT NULL THEN 'sent' ELSE 'queued' END) VIRTUAL,
	UNIQUE (unit, template, copy),
	CHECK (copy = 1 OR reason IS NOT NULL)
) STRICT;
-- One copy of a label counts at a time.
CREATE UNIQUE INDEX label_live ON label (unit, template) WHERE void_us IS NULL;
CREATE INDEX label_digest ON label (digest);

-- What was read back from units, right or wrong. Not the code itself: a PIN may be part of it, and of a foreign one even a hash
-- would give it away.
CREATE TABLE label_scan (
	scan     INTEGER PRIMARY KEY,
	-- the lot in hand
	batch    INTEGER NOT NULL REFERENCES batch,
	-- the unit in hand, when that was said
	expected INTEGER REFERENCES unit,
	-- whose label it is; NULL: nobody's
	unit     INTEGER REFERENCES unit,
	label    INTEGER REFERENCES label,
	verdict  TEXT NOT NULL CHECK (verdict IN ('right', 'wrong-unit', 'wrong-lot', 'not-passed', 'void', 'duplicate',
		'unknown')),
	actor    TEXT NOT NULL CHECK (actor <> ''),
	at_us    INTEGER NOT NULL,
	CHECK ((label IS NULL) = (verdict = 'unknown'))
) STRICT;
CREATE INDEX label_scan_batch ON label_scan (batch);
CREATE INDEX label_scan_unit ON label_scan (unit) WHERE unit IS NOT NULL;

-- The hash chain (db/chain.h). It carries hashes of what the other tables hold.
CREATE TABLE audit (
	seq     INTEGER PRIMARY KEY,
	at_us   INTEGER NOT NULL,
	-- NULL: outside sessions, as when a PIN is opened
	session INTEGER REFERENCES session,
	-- station, or a person
	actor   TEXT NOT NULL,
	action  TEXT NOT NULL,
	-- unit 12, a lot, ...
	subject TEXT NOT NULL,
	-- JSON
	body    TEXT NOT NULL,
	-- hash of the row before; zeros before the first
	prev    BLOB NOT NULL CHECK (length(prev) = 32),
	hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_session ON audit (session);
CREATE INDEX audit_subject ON audit (subject);

-- Signatures of schema versions below 7 (ECDSA P-256, DER) over the hash of one row: each holds that row and all before it.
-- What is signed since is in `written`.
CREATE TABLE anchor (
	seq       INTEGER PRIMARY KEY REFERENCES audit,
	-- audit.hash of row seq
	head      BLOB NOT NULL CHECK (length(head) = 32),
	signature BLOB NOT NULL,
	-- which record key
	key_id    TEXT NOT NULL
) STRICT;

-- One row for each transaction that changed anything: the list of the rows that it changed, each with the SHA-256 of the whole
-- row before and after (db/changes.h), and the station's signature. So no value of any table changes unnoticed, and every
-- row that is there was written by a station.
CREATE TABLE written (
	n         INTEGER PRIMARY KEY CHECK (n > 0),
	-- the chain's last row at that time; 0: it had none
	seq       INTEGER NOT NULL CHECK (seq >= 0),
	-- 0: of a transaction; 1, 2, ...: a list of all rows, in so many parts, made when the schema got a new version
	part      INTEGER NOT NULL CHECK (part >= 0),
	changes   BLOB NOT NULL,
	-- over all of this row but the signature, the hash and signature of the row before, and audit.hash of row seq (db/written.h)
	hash      BLOB NOT NULL CHECK (length(hash) = 32),
	-- ECDSA P-256, DER, over `hash`; NULL: written by a program that had no key
	signature BLOB,
	-- which record key
	key_id    TEXT,
	CHECK ((signature IS NULL) = (key_id IS NULL))
) STRICT;

-- What never changes. Triggers stop accidents; for what they cannot stop there is the chain.

CREATE TRIGGER record_kind BEFORE UPDATE OF one, simulated ON record
BEGIN SELECT raise(ABORT, 'a database stays simulated or real'); END;
CREATE TRIGGER record_keep BEFORE DELETE ON record
BEGIN SELECT raise(ABORT, 'a database stays simulated or real'); END;
CREATE TRIGGER record_id BEFORE UPDATE OF id ON record WHEN OLD.id IS NOT NULL
BEGIN SELECT raise(ABORT, 'a record stays the one that it is'); END;

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

CREATE TRIGGER unit_fixed BEFORE UPDATE OF unit, batch, device_id, mac, product, hw_rev, firmware, agentless, seen_us ON unit
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

CREATE TRIGGER link_once BEFORE INSERT ON link WHEN EXISTS (SELECT 1 FROM link WHERE attempt = NEW.attempt AND n = NEW.n)
BEGIN SELECT raise(ABORT, 'a link is never replaced'); END;
CREATE TRIGGER link_fixed BEFORE UPDATE ON link
BEGIN SELECT raise(ABORT, 'a link on record never changes'); END;
CREATE TRIGGER link_keep BEFORE DELETE ON link
BEGIN SELECT raise(ABORT, 'a link is never deleted'); END;
CREATE TRIGGER delivery_once BEFORE INSERT ON delivery
WHEN EXISTS (SELECT 1 FROM delivery WHERE attempt = NEW.attempt AND n = NEW.n)
BEGIN SELECT raise(ABORT, 'a delivery is never replaced'); END;
CREATE TRIGGER delivery_fixed BEFORE UPDATE ON delivery
BEGIN SELECT raise(ABORT, 'a delivery on record never changes'); END;
CREATE TRIGGER delivery_keep BEFORE DELETE ON delivery
BEGIN SELECT raise(ABORT, 'a delivery is never deleted'); END;
CREATE TRIGGER network_fixed BEFORE UPDATE ON network
BEGIN SELECT raise(ABORT, 'how a device joined its network never changes'); END;
CREATE TRIGGER network_keep BEFORE DELETE ON network
BEGIN SELECT raise(ABORT, 'how a device joined its network is never deleted'); END;

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
CREATE TRIGGER written_next BEFORE INSERT ON written WHEN NEW.n IS NOT (SELECT coalesce(max(n), 0) + 1 FROM written)
BEGIN SELECT raise(ABORT, 'commits are numbered without a gap'); END;
CREATE TRIGGER written_fixed BEFORE UPDATE ON written
BEGIN SELECT raise(ABORT, 'what a commit wrote never changes'); END;
CREATE TRIGGER written_keep BEFORE DELETE ON written
BEGIN SELECT raise(ABORT, 'what a commit wrote is never deleted'); END;

CREATE TRIGGER label_passed BEFORE INSERT ON label WHEN (SELECT state FROM unit WHERE unit = NEW.unit) IS NOT 'passed'
BEGIN SELECT raise(ABORT, 'only a unit that passed gets a label'); END;
CREATE TRIGGER label_once BEFORE INSERT ON label WHEN EXISTS (SELECT 1 FROM label WHERE label = NEW.label)
BEGIN SELECT raise(ABORT, 'a label is never replaced'); END;
CREATE TRIGGER label_fixed BEFORE UPDATE OF label, unit, copy, kind, template, digest, key_id, reason, actor, queued_us ON label
BEGIN SELECT raise(ABORT, 'a label on record never changes'); END;
CREATE TRIGGER label_forward BEFORE UPDATE OF sent_us, printed_us, scanned_us, void_us ON label
WHEN (OLD.sent_us IS NOT NULL AND NEW.sent_us IS NOT OLD.sent_us)
	OR (OLD.printed_us IS NOT NULL AND NEW.printed_us IS NOT OLD.printed_us)
	OR (OLD.scanned_us IS NOT NULL AND NEW.scanned_us IS NOT OLD.scanned_us)
	OR OLD.void_us IS NOT NULL
BEGIN SELECT raise(ABORT, 'the state of a label only goes forward'); END;
CREATE TRIGGER label_keep BEFORE DELETE ON label
BEGIN SELECT raise(ABORT, 'a label is never deleted'); END;
CREATE TRIGGER label_scan_once BEFORE INSERT ON label_scan WHEN EXISTS (SELECT 1 FROM label_scan WHERE scan = NEW.scan)
BEGIN SELECT raise(ABORT, 'a scan is never replaced'); END;
CREATE TRIGGER label_scan_fixed BEFORE UPDATE ON label_scan
BEGIN SELECT raise(ABORT, 'a scan never changes'); END;
CREATE TRIGGER label_scan_keep BEFORE DELETE ON label_scan
BEGIN SELECT raise(ABORT, 'a scan is never deleted'); END;
