package ledger

// applicationID marks an SQLite file as a notifyrun state ("nfrn"); it stands
// at byte 68 of the file, so that file(1) and we can tell it from any other.
const applicationID = 0x6e66726e

// migrations lead from an empty file to the present format. The number of
// those that a file has had is its format, in PRAGMA user_version. A released
// step is never edited: a change is a new step.
var migrations = []string{format1}

// format1 keeps each fact once. What a delivery has come to follows from its
// attempts and claims, so that the hot path only ever appends: a claim is one
// row for many deliveries, an attempt is one row when it ends. Times are
// microseconds since 1970 in UTC; the zero time.Time survives the trip.
const format1 = `
-- One row: what is published.
CREATE TABLE state (
	lineage    TEXT    NOT NULL,
	serial     INTEGER NOT NULL,
	applied_at INTEGER NOT NULL
) STRICT;

-- At most one row: the applied configuration, by the serial that brought it.
CREATE TABLE snapshot (
	serial  INTEGER PRIMARY KEY,
	content BLOB NOT NULL
) STRICT;

CREATE TABLE job (
	address TEXT PRIMARY KEY,
	digest  TEXT NOT NULL,
	spec    TEXT NOT NULL
) STRICT;

-- What each target last had from a job's change trigger, by runs that have
-- ended; run is empty where it was recorded without sending. Serial is that of
-- the publication it came by: a later one is never undone by an earlier.
CREATE TABLE revision (
	job      TEXT    NOT NULL,
	target   TEXT    NOT NULL,
	revision TEXT    NOT NULL,
	outcome  TEXT    NOT NULL,
	run      TEXT    NOT NULL,
	serial   INTEGER NOT NULL,
	PRIMARY KEY (job, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
	id           INTEGER PRIMARY KEY,
	ulid         TEXT    NOT NULL COLLATE NOCASE UNIQUE,
	job          TEXT    NOT NULL,
	pbx          TEXT    NOT NULL,
	cause_kind   TEXT    NOT NULL,
	cause_detail TEXT    NOT NULL,
	serial       INTEGER NOT NULL,
	created      INTEGER NOT NULL,
	total        INTEGER NOT NULL,
	ended        INTEGER,          -- NULL while open
	outcomes     TEXT              -- JSON object of counts, once ended
) STRICT;
CREATE INDEX run_job ON run (job);
CREATE INDEX run_open ON run (id) WHERE ended IS NULL;

CREATE TABLE message (
	id     INTEGER PRIMARY KEY,
	digest TEXT NOT NULL UNIQUE,
	text   TEXT NOT NULL
) STRICT;

CREATE TABLE delivery (
	run      INTEGER NOT NULL,
	seq      INTEGER NOT NULL,
	target   TEXT    NOT NULL,
	message  INTEGER,
	revision TEXT    NOT NULL,
	PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_target ON delivery (target);

-- Deliveries first to last of an open run are in flight as attempt n, except
-- those whose attempt n has a row: that one has ended.
CREATE TABLE claim (
	run   INTEGER NOT NULL,
	n     INTEGER NOT NULL,
	first INTEGER NOT NULL,
	last  INTEGER NOT NULL,
	at    INTEGER NOT NULL,
	PRIMARY KEY (run, n, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
	run      INTEGER NOT NULL,
	seq      INTEGER NOT NULL,
	n        INTEGER NOT NULL,     -- 0: ended without being sent
	outcome  TEXT    NOT NULL,
	text     TEXT    NOT NULL,
	started  INTEGER NOT NULL,
	finished INTEGER NOT NULL,
	PRIMARY KEY (run, seq, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_started ON attempt (started);
`
