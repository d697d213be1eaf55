-- Words of methods are open lists, stages may be absent, a method leaves evidence, a delivery has a row of its own, and a
-- device without an agent of ours can be a unit. db/schema.sql explains. SQLite cannot drop a CHECK, so two tables are made
-- anew; what refers to them stays (the program looks at every reference before it commits).

CREATE TABLE unit_before AS SELECT * FROM unit;
DROP TABLE unit;
CREATE TABLE unit (
	unit       INTEGER PRIMARY KEY,
	batch      INTEGER NOT NULL REFERENCES batch,
	device_id  BLOB UNIQUE CHECK (length(device_id) = 8 AND device_id <> zeroblob(8) AND device_id <> x'ffffffffffffffff'),
	mac        BLOB NOT NULL UNIQUE CHECK (length(mac) = 6 AND mac <> zeroblob(6)
		AND instr('13579BDF', substr(hex(mac), 2, 1)) = 0),
	serial     TEXT CHECK (trim(serial, '0 ') <> ''),
	product    TEXT NOT NULL,
	hw_rev     TEXT NOT NULL,
	firmware   TEXT NOT NULL,
	agentless  INTEGER NOT NULL DEFAULT 0 CHECK (agentless IN (0, 1)),
	state      TEXT NOT NULL CHECK (state IN ('expected', 'seen', 'active', 'passed', 'failed', 'quarantined', 'held')),
	state_us   INTEGER NOT NULL,
	cause      INTEGER,
	cause_name TEXT,
	side       TEXT,
	seen_us    INTEGER NOT NULL,
	CHECK (agentless = 1 OR device_id IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX unit_serial ON unit (serial) WHERE serial IS NOT NULL;
INSERT INTO unit (unit, batch, device_id, mac, serial, product, hw_rev, firmware, state, state_us, cause, cause_name, side, seen_us)
SELECT unit, batch, device_id, mac, serial, product, hw_rev, firmware, state, state_us, cause, cause_name, side, seen_us
FROM unit_before ORDER BY unit;
DROP TABLE unit_before;

CREATE TRIGGER unit_fixed BEFORE UPDATE OF unit, batch, device_id, mac, product, hw_rev, firmware, agentless, seen_us ON unit
BEGIN SELECT raise(ABORT, 'the identity of a unit never changes'); END;
CREATE TRIGGER unit_serial_once BEFORE UPDATE OF serial ON unit
WHEN OLD.serial IS NOT NULL AND OLD.serial IS NOT NEW.serial
BEGIN SELECT raise(ABORT, 'the serial number of a unit never changes'); END;
CREATE TRIGGER unit_keep BEFORE DELETE ON unit
BEGIN SELECT raise(ABORT, 'a unit is never deleted'); END;

CREATE TABLE link_before AS SELECT * FROM link;
DROP TABLE link;
CREATE TABLE link (
	attempt            INTEGER NOT NULL REFERENCES attempt,
	n                  INTEGER NOT NULL CHECK (n > 0),
	method             TEXT NOT NULL CHECK (length(method) BETWEEN 1 AND 32),
	kind               TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
	bssid              BLOB NOT NULL CHECK (length(bssid) = 6),
	ssid               BLOB NOT NULL CHECK (length(ssid) <= 32),
	freq_mhz           INTEGER NOT NULL,
	security           TEXT NOT NULL CHECK (length(security) BETWEEN 1 AND 32),
	secret             TEXT NOT NULL CHECK (length(secret) BETWEEN 1 AND 32),
	cipher             TEXT NOT NULL,
	certificate_sha256 BLOB CHECK (length(certificate_sha256) = 32),
	join_us            INTEGER,
	address_us         INTEGER,
	connect_us         INTEGER,
	secure_us          INTEGER,
	evidence           TEXT CHECK (substr(evidence, 1, 1) = '{' AND substr(evidence, -1) = '}' AND length(evidence) <= 4096),
	at_us              INTEGER NOT NULL,
	PRIMARY KEY (attempt, n)
) STRICT, WITHOUT ROWID;
INSERT INTO link (attempt, n, method, kind, bssid, ssid, freq_mhz, security, secret, cipher, certificate_sha256, join_us, address_us,
	connect_us, secure_us, at_us)
SELECT attempt, n, method, kind, bssid, ssid, freq_mhz, security, secret, cipher, certificate_sha256, join_us, address_us,
	connect_us, secure_us, at_us
FROM link_before ORDER BY attempt, n;
DROP TABLE link_before;

CREATE TRIGGER link_once BEFORE INSERT ON link WHEN EXISTS (SELECT 1 FROM link WHERE attempt = NEW.attempt AND n = NEW.n)
BEGIN SELECT raise(ABORT, 'a link is never replaced'); END;
CREATE TRIGGER link_fixed BEFORE UPDATE ON link
BEGIN SELECT raise(ABORT, 'a link on record never changes'); END;
CREATE TRIGGER link_keep BEFORE DELETE ON link
BEGIN SELECT raise(ABORT, 'a link is never deleted'); END;

CREATE TABLE delivery (
	attempt  INTEGER NOT NULL REFERENCES attempt,
	n        INTEGER NOT NULL CHECK (n > 0),
	method   TEXT NOT NULL CHECK (length(method) BETWEEN 1 AND 32),
	evidence TEXT NOT NULL CHECK (substr(evidence, 1, 1) = '{' AND substr(evidence, -1) = '}' AND length(evidence) <= 4096),
	at_us    INTEGER NOT NULL,
	PRIMARY KEY (attempt, n)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER delivery_once BEFORE INSERT ON delivery
WHEN EXISTS (SELECT 1 FROM delivery WHERE attempt = NEW.attempt AND n = NEW.n)
BEGIN SELECT raise(ABORT, 'a delivery is never replaced'); END;
CREATE TRIGGER delivery_fixed BEFORE UPDATE ON delivery
BEGIN SELECT raise(ABORT, 'a delivery on record never changes'); END;
CREATE TRIGGER delivery_keep BEFORE DELETE ON delivery
BEGIN SELECT raise(ABORT, 'a delivery is never deleted'); END;
