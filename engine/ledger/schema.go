package ledger

// applicationID marks an SQLite file as a notifyrun state ("nfrn"); it stands
// at byte 68 of the file, so that file(1) and we can tell it from any other.
const applicationID = 0x6e66726e

// migrations lead from an empty file to the present format. The number of
// those that a file has had is its format, in PRAGMA user_version. A released
// step is never edited: a change is a new step.
var migrations = []string{format1, format2, format3, format4}

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

// format2 is what a daemon needs beside the runs: what fires later, what did
// not, and what others want of it.
const format2 = `
-- Counts pauses and the like, as serial counts publications.
ALTER TABLE state ADD COLUMN control INTEGER NOT NULL DEFAULT 0;

-- The snapshot that a job goes by; NULL: the newest. So an apply of everything
-- need not write every job. From here on there may be several snapshots.
ALTER TABLE job ADD COLUMN snapshot INTEGER;
CREATE INDEX job_snapshot ON job (snapshot) WHERE snapshot IS NOT NULL;

-- What else there is to the cause, as a JSON object; empty: nothing.
ALTER TABLE run ADD COLUMN cause_rest TEXT NOT NULL DEFAULT '';
CREATE INDEX run_ended ON run (ended) WHERE ended IS NOT NULL;

-- Up to when the due times of a schedule are settled; number is its index among
-- the triggers of the job.
CREATE TABLE settled (
	job    TEXT    NOT NULL,
	number INTEGER NOT NULL,
	until  INTEGER NOT NULL,
	PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

-- An after trigger that a run owes a look at its end.
CREATE TABLE owed (
	run    INTEGER NOT NULL,
	job    TEXT    NOT NULL,
	number INTEGER NOT NULL,
	PRIMARY KEY (run, job, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX owed_job ON owed (job);

CREATE TABLE missed (
	id     INTEGER PRIMARY KEY,
	job    TEXT    NOT NULL,
	number INTEGER NOT NULL,
	pbx    TEXT    NOT NULL,
	reason TEXT    NOT NULL,
	count  INTEGER NOT NULL,
	first  INTEGER NOT NULL,
	last   INTEGER NOT NULL,
	detail TEXT    NOT NULL,
	at     INTEGER NOT NULL
) STRICT;
CREATE INDEX missed_at ON missed (at);
CREATE INDEX missed_job ON missed (job, at);

CREATE TABLE listened (
	pbx   TEXT    NOT NULL PRIMARY KEY,
	until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pause (
	job    TEXT    NOT NULL PRIMARY KEY,
	reason TEXT    NOT NULL,
	who    TEXT    NOT NULL,
	since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- At most one row: how the daemon is, as a JSON object.
CREATE TABLE daemon (
	id     INTEGER PRIMARY KEY CHECK (id = 1),
	status TEXT NOT NULL
) STRICT;

-- Runs that are gone, and whose deliveries and attempts go slice by slice.
CREATE TABLE pruned (run INTEGER PRIMARY KEY) STRICT;
`

// format3 knows jobs by their former addresses.
const format3 = `
-- A job that goes by another address since a publication. Its runs and missed
-- firings of before have the former one: those up to these.
CREATE TABLE moved (
	id     INTEGER PRIMARY KEY,
	job    TEXT    NOT NULL,
	was    TEXT    NOT NULL,
	serial INTEGER NOT NULL,
	run    INTEGER NOT NULL,
	missed INTEGER NOT NULL,
	at     INTEGER NOT NULL
) STRICT;
CREATE INDEX moved_job ON moved (job);
`

// format4 knows which runs wait for others.
const format4 = `
-- Runs for whose success others wait, which name them by the id: many wait for the
-- same ones. It goes with the last open run that names it.
CREATE TABLE barrier (
	id  INTEGER NOT NULL,
	run INTEGER NOT NULL,
	PRIMARY KEY (id, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX barrier_run ON barrier (run);

ALTER TABLE run ADD COLUMN barrier INTEGER; -- NULL: it waits for none
CREATE INDEX run_barrier ON run (barrier) WHERE barrier IS NOT NULL AND ended IS NULL;
`
