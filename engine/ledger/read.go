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

// querier is what reads: a transaction, or the connection that writes.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// view runs fn on what is committed now, whatever is written meanwhile.
func (s *SQLite) view(ctx context.Context, fn func(querier) error) error {
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	defer tx.Rollback() // nothing was written
	return explain(fn(tx))
}

// each calls fn for every row of a query, for it to scan.
func each(ctx context.Context, q querier, fn func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func fromMicro(us int64) time.Time { return time.UnixMicro(us).UTC() }

// State implements engine.Ledger.
func (s *SQLite) State(ctx context.Context) (*engine.State, error) {
	st := &engine.State{Jobs: map[string]engine.AppliedJob{}, Delivered: map[string]map[string]engine.Delivered{}}
	if s.read == nil {
		return st, nil
	}
	err := s.view(ctx, func(q querier) error {
		var applied int64
		if err := q.QueryRowContext(ctx, `SELECT lineage, serial, applied_at FROM state`).Scan(&st.Lineage, &st.Serial, &applied); err != nil {
			return err
		}
		st.AppliedAt = fromMicro(applied)
		if err := readJobs(ctx, q, st); err != nil {
			return err
		}
		if err := readRevisions(ctx, q, st); err != nil {
			return err
		}
		return readOpen(ctx, q, st)
	})
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	return st, nil
}

func readJobs(ctx context.Context, q querier, st *engine.State) error {
	return each(ctx, q, func(rows *sql.Rows) error {
		var j engine.AppliedJob
		var spec string
		if err := rows.Scan(&j.Address, &j.Digest, &spec); err != nil {
			return err
		}
		j.Spec = rawJSON(spec)
		st.Jobs[j.Address] = j
		return nil
	}, `SELECT address, digest, spec FROM job`)
}

func rawJSON(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

func readRevisions(ctx context.Context, q querier, st *engine.State) error {
	var job string
	var targets map[string]engine.Delivered
	return each(ctx, q, func(rows *sql.Rows) error {
		var j, target string
		var d engine.Delivered
		if err := rows.Scan(&j, &target, &d.Revision, &d.Outcome, &d.Run); err != nil {
			return err
		}
		if targets == nil || j != job {
			job, targets = j, make(map[string]engine.Delivered)
			st.Delivered[job] = targets
		}
		targets[target] = d
		return nil
	}, `SELECT job, target, revision, outcome, run FROM revision ORDER BY job`)
}

// readOpen reads the open runs, and lays what they have delivered over what
// was delivered before, by the rule of foldRun.
func readOpen(ctx context.Context, q querier, st *engine.State) error {
	type row struct {
		openRun
		serial uint64
	}
	var runs []row
	err := each(ctx, q, func(rows *sql.Rows) error {
		var r row
		var o engine.OpenRun
		var created int64
		if err := rows.Scan(&r.row, &r.total, &r.serial, &o.ID, &o.Job, &o.PBX, &o.Cause.Kind, &o.Cause.Detail, &created); err != nil {
			return err
		}
		o.Created = fromMicro(created)
		runs, st.Open = append(runs, r), append(st.Open, o)
		return nil
	}, `SELECT id, total, serial, ulid, job, pbx, cause_kind, cause_detail, created FROM run WHERE ended IS NULL ORDER BY id`)
	if err != nil {
		return err
	}
	for i, r := range runs {
		o := &st.Open[i]
		if o.Deliveries, err = readDeliveries(ctx, q, r.openRun); err != nil {
			return err
		}
		later := map[string]bool{} // targets that have had a later publication's
		if err := each(ctx, q, func(rows *sql.Rows) error {
			var target string
			err := rows.Scan(&target)
			later[target] = true
			return err
		}, `SELECT target FROM revision WHERE job = ? AND serial > ?`, o.Job, r.serial); err != nil {
			return err
		}
		overlay(st.Delivered, o, later)
	}
	return nil
}

func overlay(delivered map[string]map[string]engine.Delivered, run *engine.OpenRun, later map[string]bool) {
	for _, d := range run.Deliveries {
		if d.Revision == "" || !d.Outcome.Reached() || later[d.Target] {
			continue
		}
		targets := delivered[run.Job]
		if targets == nil {
			targets = make(map[string]engine.Delivered)
			delivered[run.Job] = targets
		}
		if had := targets[d.Target]; had.Revision == d.Revision && had.Outcome == engine.Accepted {
			continue
		}
		targets[d.Target] = engine.Delivered{Revision: d.Revision, Outcome: d.Outcome, Run: run.ID}
	}
}

// readDeliveries reads the deliveries of an open run and how far each has got.
func readDeliveries(ctx context.Context, q querier, run openRun) ([]engine.DeliveryState, error) {
	deliveries := make([]engine.DeliveryState, 0, run.total)
	err := each(ctx, q, func(rows *sql.Rows) error {
		d := engine.DeliveryState{Outcome: engine.Pending}
		if err := rows.Scan(&d.Seq, &d.Target, &d.Message, &d.Revision); err != nil {
			return err
		}
		if d.Seq != len(deliveries) {
			return fmt.Errorf("delivery %d of run %d is missing: %w", len(deliveries), run.row, ErrDamaged)
		}
		deliveries = append(deliveries, d)
		return nil
	}, `SELECT d.seq, d.target, coalesce(m.digest, ''), d.revision
		FROM delivery d LEFT JOIN message m ON m.id = d.message WHERE d.run = ? ORDER BY d.seq`, run.row)
	if err != nil {
		return nil, err
	}
	if len(deliveries) != run.total {
		return nil, fmt.Errorf("run %d has %d of its %d deliveries: %w", run.row, len(deliveries), run.total, ErrDamaged)
	}
	// The same rule as lastOutcomes.
	err = each(ctx, q, func(rows *sql.Rows) error {
		var seq, n int
		var outcome engine.Outcome
		if err := rows.Scan(&seq, &n, &outcome); err != nil {
			return err
		}
		d := &deliveries[seq]
		d.Attempts = n
		if outcome != engine.NotSent {
			d.Outcome = outcome
		}
		return nil
	}, `SELECT seq, n, outcome FROM attempt WHERE run = ? ORDER BY seq, n`, run.row)
	if err != nil {
		return nil, err
	}
	err = each(ctx, q, func(rows *sql.Rows) error {
		var seq, n int
		if err := rows.Scan(&seq, &n); err != nil {
			return err
		}
		deliveries[seq].Attempts, deliveries[seq].Outcome = n, engine.InFlight
		return nil
	}, `SELECT seq, n FROM (`+inFlight+`) WHERE run = ?`, run.row)
	return deliveries, err
}

// countOutcomes counts the deliveries of an open run by how far they have got.
func countOutcomes(ctx context.Context, q querier, run openRun) (map[engine.Outcome]int, error) {
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

// Message implements engine.Ledger.
func (s *SQLite) Message(ctx context.Context, digest string) (json.RawMessage, error) {
	if s.read == nil {
		return nil, nil
	}
	var text string
	err := s.read.QueryRowContext(ctx, `SELECT text FROM message WHERE digest = ?`, digest).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read message %s: %w", digest, explain(err))
	}
	return rawJSON(text), nil
}

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
	if query.Job != "" {
		where, args = where+` AND job = ?`, append(args, query.Job)
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
		if err := r.Scan(&row, &s.Total, &s.Serial, &s.ID, &s.Job, &s.PBX, &s.Cause.Kind, &s.Cause.Detail, &created, &ended, &outcomes); err != nil {
			return err
		}
		s.Created = fromMicro(created)
		if ended.Valid {
			s.Ended = fromMicro(ended.Int64)
			if err := json.Unmarshal([]byte(outcomes.String), &s.Outcomes); err != nil {
				return fmt.Errorf("counts of run %s: %w (%w)", s.ID, ErrDamaged, err)
			}
		} else {
			open, rows = append(open, len(runs)), append(rows, openRun{row, s.Total})
		}
		runs = append(runs, s)
		return nil
	}, `SELECT id, total, serial, ulid, job, pbx, cause_kind, cause_detail, created, ended, outcomes
		FROM run WHERE `+where+` ORDER BY id DESC LIMIT ?`, append(args, limit)...)
	for i, pos := range open {
		if err == nil {
			runs[pos].Outcomes, err = countOutcomes(ctx, q, rows[i])
		}
	}
	return runs, err
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
