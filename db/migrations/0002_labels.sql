-- Labels and what was read back from them. db/schema.sql has the explanation.

CREATE TABLE label (
	label      INTEGER PRIMARY KEY,
	unit       INTEGER NOT NULL REFERENCES unit,
	copy       INTEGER NOT NULL CHECK (copy > 0),
	kind       TEXT NOT NULL CHECK (kind IN ('file', 'print')),
	template   TEXT NOT NULL CHECK (template <> ''),
	digest     BLOB NOT NULL CHECK (length(digest) = 32 AND digest <> zeroblob(32)),
	key_id     TEXT,
	reason     TEXT CHECK (reason <> ''),
	actor      TEXT NOT NULL CHECK (actor <> ''),
	queued_us  INTEGER NOT NULL,
	sent_us    INTEGER,
	printed_us INTEGER,
	scanned_us INTEGER,
	void_us    INTEGER,
	state      TEXT AS (CASE WHEN void_us IS NOT NULL THEN 'void' WHEN scanned_us IS NOT NULL THEN 'scanned'
		WHEN printed_us IS NOT NULL THEN 'printed' WHEN sent_us IS NOT NULL THEN 'sent' ELSE 'queued' END) VIRTUAL,
	UNIQUE (unit, template, copy),
	CHECK (copy = 1 OR reason IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX label_live ON label (unit, template) WHERE void_us IS NULL;
CREATE INDEX label_digest ON label (digest);

CREATE TABLE label_scan (
	scan     INTEGER PRIMARY KEY,
	batch    INTEGER NOT NULL REFERENCES batch,
	expected INTEGER REFERENCES unit,
	unit     INTEGER REFERENCES unit,
	label    INTEGER REFERENCES label,
	verdict  TEXT NOT NULL CHECK (verdict IN ('right', 'wrong-unit', 'wrong-lot', 'not-passed', 'void', 'duplicate',
		'unknown')),
	actor    TEXT NOT NULL CHECK (actor <> ''),
	at_us    INTEGER NOT NULL,
	CHECK ((label IS NULL) = (verdict = 'unknown'))
) STRICT;

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
