-- How devices were reached through their own access points, and how they joined their network. db/schema.sql explains.

CREATE TABLE link (
	attempt            INTEGER NOT NULL REFERENCES attempt,
	n                  INTEGER NOT NULL CHECK (n > 0),
	method             TEXT NOT NULL CHECK (method IN ('micro-ap', 'pin', 'https')),
	kind               TEXT NOT NULL CHECK (kind IN ('infrastructure', 'ad-hoc')),
	bssid              BLOB NOT NULL CHECK (length(bssid) = 6),
	ssid               BLOB NOT NULL CHECK (length(ssid) <= 32),
	freq_mhz           INTEGER NOT NULL,
	security           TEXT NOT NULL,
	secret             TEXT NOT NULL CHECK (secret IN ('label', 'record', 'none')),
	cipher             TEXT NOT NULL,
	certificate_sha256 BLOB CHECK (length(certificate_sha256) = 32),
	join_us            INTEGER NOT NULL,
	address_us         INTEGER NOT NULL,
	connect_us         INTEGER NOT NULL,
	secure_us          INTEGER NOT NULL,
	at_us              INTEGER NOT NULL,
	PRIMARY KEY (attempt, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE network (
	attempt    INTEGER PRIMARY KEY REFERENCES attempt,
	ssid       BLOB NOT NULL CHECK (length(ssid) BETWEEN 1 AND 32),
	security   TEXT NOT NULL,
	heard      INTEGER NOT NULL,
	candidates INTEGER NOT NULL,
	bssid      BLOB CHECK (length(bssid) = 6),
	freq_mhz   INTEGER,
	rssi_dbm   INTEGER,
	reason     TEXT NOT NULL,
	joined_us  INTEGER,
	observed   TEXT NOT NULL CHECK (observed IN ('no', 'seen', 'key-verified')),
	reported   INTEGER NOT NULL CHECK (reported IN (0, 1)),
	at_us      INTEGER NOT NULL
) STRICT;

CREATE TRIGGER link_fixed BEFORE UPDATE ON link
BEGIN SELECT raise(ABORT, 'a link on record never changes'); END;
CREATE TRIGGER link_keep BEFORE DELETE ON link
BEGIN SELECT raise(ABORT, 'a link is never deleted'); END;
CREATE TRIGGER network_fixed BEFORE UPDATE ON network
BEGIN SELECT raise(ABORT, 'how a device joined its network never changes'); END;
CREATE TRIGGER network_keep BEFORE DELETE ON network
BEGIN SELECT raise(ABORT, 'how a device joined its network is never deleted'); END;
