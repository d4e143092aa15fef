package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// Commit implements engine.Ledger. It writes one row for each attempt and one
// for each claim; only the end of a run costs what the run is long.
func (s *SQLite) Commit(ctx context.Context, b engine.Batch) error {
	err := s.drive(ctx, func(ctx context.Context) error {
		if err := s.insertAttempts(ctx, b.Attempts); err != nil {
			return err
		}
		claims := claimRows.collect()
		for _, c := range b.Claims {
			run, err := s.openRun(ctx, c.Run)
			if err != nil {
				return fmt.Errorf("claim deliveries: %w", err)
			}
			if c.First < 0 || c.Last < c.First || c.Last >= run.total || c.N < 1 {
				return fmt.Errorf("claim deliveries %d to %d of run %s as attempt %d: it has %d deliveries", c.First, c.Last, c.Run, c.N, run.total)
			}
			if err := claims.add(ctx, s.conn, run.row, c.N, c.First, c.Last, c.At.UnixMicro()); err != nil {
				return fmt.Errorf("claim deliveries %d to %d of run %s: %w", c.First, c.Last, c.Run, err)
			}
		}
		if err := claims.flush(ctx, s.conn); err != nil {
			return fmt.Errorf("claim deliveries: %w", err)
		}
		return s.endRuns(ctx, b.Ended, b.Attempts, b.Time)
	})
	if err != nil {
		return fmt.Errorf("record attempts: %w", err)
	}
	return nil
}

var claimRows = newInsertion(`INSERT OR ROLLBACK INTO claim (run, n, first, last, at)`, 5)

var attemptRows = newInsertion(`INSERT OR ROLLBACK INTO attempt (run, seq, n, outcome, text, started, finished)`, 7)

func (s *SQLite) insertAttempts(ctx context.Context, attempts []engine.Attempt) error {
	values := make([]any, 0, len(attempts)*attemptRows.columns)
	for _, a := range attempts {
		run, err := s.openRun(ctx, a.Run)
		if err != nil {
			return fmt.Errorf("end delivery: %w", err)
		}
		if a.Seq < 0 || a.Seq >= run.total || a.N < 0 {
			return fmt.Errorf("end delivery %d of run %s, attempt %d: it has %d deliveries", a.Seq, a.Run, a.N, run.total)
		}
		values = append(values, run.row, a.Seq, a.N, string(a.Outcome), a.Text, a.Started.UnixMicro(), a.Finished.UnixMicro())
	}
	if err := attemptRows.run(ctx, s.conn, values); err != nil {
		return fmt.Errorf("end deliveries: %w", err)
	}
	return nil
}

var errEnded = errors.New("ended")

// openRun finds a run that has not ended.
func (s *SQLite) openRun(ctx context.Context, id string) (openRun, error) {
	if run, ok := s.runs[id]; ok {
		return run, nil
	}
	var run openRun
	var ended sql.NullInt64
	err := s.conn.QueryRowContext(ctx, `SELECT id, total, ended, EXISTS (SELECT 1 FROM delivery WHERE run = run.id AND revision <> '') FROM run WHERE ulid = ?`, id).
		Scan(&run.row, &run.total, &ended, &run.folds)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return run, fmt.Errorf("run %q: %w", id, ErrNoRun)
	case err != nil:
		return run, err
	case ended.Valid:
		return run, fmt.Errorf("run %s %w at %s", id, errEnded, fromMicro(ended.Int64).Format(time.RFC3339))
	}
	s.runs[id] = run
	return run, nil
}

// lastOutcomes selects how far each delivery of run ?1 has got that has got
// anywhere: by its last attempt whose bytes may have left. Attempt 0 counts
// only where there is none such, so that what a phone may have had is never
// forgotten.
const lastOutcomes = `SELECT seq, outcome, max(n) FROM attempt WHERE run = ?1 AND outcome <> 'not_sent' GROUP BY seq`

// foldRun takes over what the targets of run ?1 have had into what they last
// had, unless that came by a later publication, or would make less certain that
// they had the same.
const foldRun = `
INSERT INTO revision (job, target, revision, outcome, run, serial)
SELECT r.job, d.target, d.revision, o.outcome, r.ulid, r.serial
FROM run r JOIN delivery d ON d.run = r.id JOIN (` + lastOutcomes + `) o ON o.seq = d.seq
WHERE r.id = ?1 AND d.revision <> '' AND o.outcome IN ('accepted', 'answered', 'unknown')
` + keepRevision

// keepRevision is the rule by which a revision row takes the place of another.
const keepRevision = `
ON CONFLICT (job, target) DO UPDATE
SET revision = excluded.revision, outcome = excluded.outcome, run = excluded.run, serial = excluded.serial
WHERE excluded.serial >= serial AND NOT (excluded.revision = revision AND outcome IN ('accepted', 'answered'))`

// endRuns ends runs: their counts are stored and their claims are dropped. One
// that has ended already stays as it is. The attempts are those that the same
// transaction has recorded: of most runs, all that there are.
func (s *SQLite) endRuns(ctx context.Context, ids []string, attempts []engine.Attempt, now time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	tallies := make(map[string]*tally, len(ids))
	for _, id := range ids {
		tallies[id] = &tally{}
	}
	for _, a := range attempts {
		if t := tallies[a.Run]; t != nil {
			t.add(a)
		}
	}
	for _, id := range ids {
		run, err := s.openRun(ctx, id)
		switch {
		case errors.Is(err, errEnded):
			continue
		case err == nil:
			err = s.endRun(ctx, run, tallies[id], now)
		}
		if err != nil {
			return fmt.Errorf("end run %s: %w", id, err)
		}
		delete(s.runs, id)
	}
	return nil
}

// tally counts first attempts that are the last ones too.
type tally struct {
	outcomes map[engine.Outcome]int
	n        int
	others   bool // there are others
}

func (t *tally) add(a engine.Attempt) {
	if t.outcomes == nil {
		t.outcomes = map[engine.Outcome]int{}
	}
	t.outcomes[a.Outcome]++
	t.n++
	t.others = t.others || a.N != 1 || !a.Outcome.Final()
}

func (s *SQLite) endRun(ctx context.Context, run openRun, t *tally, now time.Time) error {
	outcomes := t.outcomes
	if t.n != run.total || t.others {
		var err error
		if outcomes, err = countOutcomes(ctx, s.conn, run); err != nil {
			return err
		}
	}
	if n := outcomes[engine.Pending] + outcomes[engine.InFlight]; n > 0 {
		return fmt.Errorf("%d of its %d deliveries have not", n, run.total)
	}
	counts, err := json.Marshal(outcomes)
	if err != nil {
		return err
	}
	if run.folds {
		if _, err := s.conn.ExecContext(ctx, foldRun, run.row); err != nil {
			return err
		}
	}
	if _, err := s.conn.ExecContext(ctx, `DELETE FROM claim WHERE run = ?`, run.row); err != nil {
		return err
	}
	var barrier sql.NullInt64
	err = s.conn.QueryRowContext(ctx, `UPDATE run SET ended = ?, outcomes = ? WHERE id = ? RETURNING barrier`, now.UnixMicro(), string(counts), run.row).Scan(&barrier)
	if err != nil || !barrier.Valid {
		return err
	}
	_, err = s.conn.ExecContext(ctx, `
		DELETE FROM barrier WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM run WHERE barrier = ?1 AND barrier IS NOT NULL AND ended IS NULL)`, barrier.Int64)
	return err
}

// Recover implements engine.Ledger.
func (s *SQLite) Recover(ctx context.Context, now time.Time, reason string) (int, error) {
	var n int64
	err := s.drive(ctx, func(ctx context.Context) error {
		r, err := s.conn.ExecContext(ctx, `
			INSERT INTO attempt (run, seq, n, outcome, text, started, finished)
			SELECT run, seq, n, 'unknown', ?, at, ? FROM (`+inFlight+`)`, reason, now.UnixMicro())
		if err != nil {
			return err
		}
		if n, err = r.RowsAffected(); err != nil {
			return err
		}
		_, err = s.conn.ExecContext(ctx, `DELETE FROM claim`)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("recover deliveries: %w", err)
	}
	return int(n), nil
}

// inFlight selects what was claimed and has no end.
const inFlight = `
SELECT c.run, d.seq, c.n, c.at FROM claim c JOIN delivery d ON d.run = c.run AND d.seq BETWEEN c.first AND c.last
WHERE NOT EXISTS (SELECT 1 FROM attempt a WHERE a.run = c.run AND a.seq = d.seq AND a.n = c.n)`
