package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/notifyrun/notifyrun/engine"
)

// Runs implements engine.Ledger. It returns an error that wraps ErrNoRun where
// q.ID names none; one that names several is an error too.
func (s *SQLite) Runs(ctx context.Context, q engine.RunQuery) ([]engine.RunSummary, error) {
	if s.read == nil {
		if q.ID != "" {
			return nil, fmt.Errorf("list runs: run %q: %w", q.ID, ErrNoRun)
		}
		return nil, nil
	}
	var runs []engine.RunSummary
	err := s.view(ctx, func(tx querier) (err error) {
		runs, err = readRuns(ctx, tx, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return runs, nil
}

func readRuns(ctx context.Context, q querier, query engine.RunQuery) ([]engine.RunSummary, error) {
	where, args := `TRUE`, []any{}
	if query.ID != "" {
		row, err := findRun(ctx, q, query.ID)
		if err != nil {
			return nil, err
		}
		where, args = where+` AND id = ?`, append(args, row)
	}
	if query.IDs != nil {
		ids, err := json.Marshal(query.IDs)
		if err != nil {
			return nil, err
		}
		where, args = where+` AND ulid IN (SELECT value FROM json_each(?))`, append(args, string(ids))
	}
	if query.Job != "" {
		of, its, err := ofJob(ctx, q, query.Job, `job`, `id`, `run`)
		if err != nil {
			return nil, err
		}
		where, args = where+` AND `+of, append(args, its...)
	}
	limit := -1
	if query.Limit > 0 {
		limit = query.Limit
	}
	var runs []engine.RunSummary
	var open []int     // positions in runs
	var rows []openRun // of the open ones
	err := each(ctx, q, func(r *sql.Rows) error {
		var s engine.RunSummary
		var row int
		var created int64
		var ended sql.NullInt64
		var outcomes sql.NullString
		var rest string
		if err := r.Scan(&row, &s.Total, &s.Serial, &s.ID, &s.Job, &s.PBX, &s.Cause.Kind, &s.Cause.Detail, &rest, &created, &ended, &outcomes); err != nil {
			return err
		}
		if err := readCause(&s.Cause, rest); err != nil {
			return fmt.Errorf("cause of run %s: %w", s.ID, err)
		}
		s.Created = fromMicro(created)
		if ended.Valid {
			s.Ended = fromMicro(ended.Int64)
			if err := json.Unmarshal([]byte(outcomes.String), &s.Outcomes); err != nil {
				return fmt.Errorf("counts of run %s: %w (%w)", s.ID, ErrDamaged, err)
			}
		} else {
			open, rows = append(open, len(runs)), append(rows, openRun{row: row, total: s.Total})
		}
		runs = append(runs, s)
		return nil
	}, `SELECT id, total, serial, ulid, job, pbx, cause_kind, cause_detail, cause_rest, created, ended, outcomes
		FROM run WHERE `+where+` ORDER BY id DESC LIMIT ?`, append(args, limit)...)
	var waits map[int][]engine.Waited
	if err == nil && len(open) > 0 {
		waits, err = readWaits(ctx, q)
	}
	for i, pos := range open {
		runs[pos].Waits = waits[rows[i].row]
		if err == nil {
			runs[pos].Outcomes, err = countOutcomes(ctx, q, rows[i])
		}
		if err == nil {
			runs[pos].Spec, err = specOf(ctx, q, runs[pos].Job)
		}
	}
	return runs, err
}

// specOf is what a job that is applied says; nil: it is not applied.
func specOf(ctx context.Context, q querier, job string) (json.RawMessage, error) {
	var spec string
	err := q.QueryRowContext(ctx, `SELECT spec FROM job WHERE address = ?`, job).Scan(&spec)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return rawJSON(spec), err
}

// findRun gives the row of the run with that id, or with the only id that
// begins so.
func findRun(ctx context.Context, q querier, prefix string) (row int64, err error) {
	var ids []string
	err = each(ctx, q, func(rows *sql.Rows) error {
		var id string
		if err := rows.Scan(&row, &id); err != nil {
			return err
		}
		ids = append(ids, id)
		return nil
	}, `SELECT id, ulid FROM run WHERE ulid >= ?1 AND ulid < ?1 || '~' ORDER BY ulid LIMIT 2`, prefix)
	switch {
	case err != nil:
		return 0, err
	case len(ids) == 0:
		return 0, fmt.Errorf("run %q: %w", prefix, ErrNoRun)
	case len(ids) == 2 && len(ids[0]) != len(prefix):
		return 0, fmt.Errorf("run %q could be %s or %s, or more; write more of the id", prefix, ids[0], ids[1])
	}
	return row, nil
}

// countOutcomes counts the deliveries of an open run by how far they have got.
func countOutcomes(ctx context.Context, q querier, run openRun) (map[engine.Outcome]int, error) {
	if outcomes, err := countSimple(ctx, q, run); outcomes != nil || err != nil {
		return outcomes, err
	}
	outcomes := make(map[engine.Outcome]int)
	pending := run.total
	err := each(ctx, q, func(rows *sql.Rows) error {
		var outcome engine.Outcome
		var n int
		if err := rows.Scan(&outcome, &n); err != nil {
			return err
		}
		if n > 0 {
			outcomes[outcome] += n
			pending -= n
		}
		return nil
	}, `WITH flying AS (SELECT seq FROM (`+inFlight+`) WHERE run = ?1)
		SELECT outcome, count(*) FROM (`+lastOutcomes+`) WHERE seq NOT IN flying GROUP BY outcome
		UNION ALL SELECT 'in_flight', count(*) FROM flying`, run.row)
	if pending > 0 {
		outcomes[engine.Pending] = pending
	}
	return outcomes, err
}

// countSimple counts a run whose every delivery ended in its first attempt, as
// most do, at a fraction of what countOutcomes costs. It gives nil where the run
// is not such a one.
func countSimple(ctx context.Context, q querier, run openRun) (map[engine.Outcome]int, error) {
	outcomes := make(map[engine.Outcome]int)
	left, simple := run.total, true
	err := each(ctx, q, func(rows *sql.Rows) error {
		var outcome engine.Outcome
		var n, least, most int
		if err := rows.Scan(&outcome, &n, &least, &most); err != nil {
			return err
		}
		if least != 1 || most != 1 || !outcome.Final() {
			simple = false
		}
		outcomes[outcome] = n
		left -= n
		return nil
	}, `SELECT outcome, count(*), min(n), max(n) FROM attempt WHERE run = ? GROUP BY outcome`, run.row)
	if err != nil || left != 0 || !simple {
		return nil, err
	}
	return outcomes, nil
}
