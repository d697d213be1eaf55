-- Each commit lists the rows that it changed, and is signed; a record has an id. db/schema.sql explains. A CHECK of an added
-- column would stand elsewhere in the text of its table than in a new record, so that table is made anew.

CREATE TABLE record_before AS SELECT * FROM record;
DROP TABLE record;
CREATE TABLE record (
	one          INTEGER PRIMARY KEY CHECK (one = 1),
	simulated    INTEGER NOT NULL CHECK (simulated IN (0, 1)),
	views_sha256 BLOB,
	id           BLOB CHECK (length(id) = 16)
) STRICT;
INSERT INTO record (one, simulated, views_sha256) SELECT one, simulated, views_sha256 FROM record_before;
DROP TABLE record_before;

CREATE TABLE written (
	n         INTEGER PRIMARY KEY CHECK (n > 0),
	seq       INTEGER NOT NULL CHECK (seq >= 0),
	part      INTEGER NOT NULL CHECK (part >= 0),
	changes   BLOB NOT NULL,
	hash      BLOB NOT NULL CHECK (length(hash) = 32),
	signature BLOB,
	key_id    TEXT,
	CHECK ((signature IS NULL) = (key_id IS NULL))
) STRICT;

CREATE TRIGGER record_kind BEFORE UPDATE OF one, simulated ON record
BEGIN SELECT raise(ABORT, 'a database stays simulated or real'); END;
CREATE TRIGGER record_keep BEFORE DELETE ON record
BEGIN SELECT raise(ABORT, 'a database stays simulated or real'); END;
CREATE TRIGGER record_id BEFORE UPDATE OF id ON record WHEN OLD.id IS NOT NULL
BEGIN SELECT raise(ABORT, 'a record stays the one that it is'); END;
CREATE TRIGGER written_next BEFORE INSERT ON written WHEN NEW.n IS NOT (SELECT coalesce(max(n), 0) + 1 FROM written)
BEGIN SELECT raise(ABORT, 'commits are numbered without a gap'); END;
CREATE TRIGGER written_fixed BEFORE UPDATE ON written
BEGIN SELECT raise(ABORT, 'what a commit wrote never changes'); END;
CREATE TRIGGER written_keep BEFORE DELETE ON written
BEGIN SELECT raise(ABORT, 'what a commit wrote is never deleted'); END;
