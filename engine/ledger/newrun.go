package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

var (
	runRows      = newInsertion(`INSERT OR ROLLBACK INTO run (id, ulid, job, pbx, cause_kind, cause_detail, cause_rest, serial, created, total, ended, outcomes, barrier)`, 13)
	deliveryRows = newInsertion(`INSERT OR ROLLBACK INTO delivery (run, seq, target, message, revision)`, 5)
	barrierRows  = newInsertion(`INSERT OR ROLLBACK INTO barrier (id, run)`, 2)
	owedRows     = newInsertion(`INSERT OR ROLLBACK INTO owed (run, job, number)`, 3)
)

// insertRuns records new runs with their messages, deliveries and followers. One
// without deliveries has ended at once. It returns the others by their ids, for
// remember.
//
// Rows are counted here and not asked for one by one. No number comes twice,
// since Prune leaves the newest run alone.
func (s *SQLite) insertRuns(ctx context.Context, runs []engine.NewRun, serial uint64, now time.Time) (map[string]openRun, error) {
	if len(runs) == 0 {
		return nil, nil
	}
	var newest int
	if err := s.conn.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM run`).Scan(&newest); err != nil {
		return nil, err
	}
	into := runTables{s.conn, messageTable{s.conn, make(map[string]int64)}, runRows.collect(), deliveryRows.collect(), owedRows.collect()}
	barriers, err := s.insertBarriers(ctx, runs, newest)
	if err != nil {
		return nil, err
	}
	begun := make(map[string]openRun, len(runs))
	for i := range runs {
		r := &runs[i]
		row := newest + 1 + i
		if err := into.add(ctx, r, row, barriers[i], serial, now); err != nil {
			return nil, fmt.Errorf("record run %s: %w", r.ID, err)
		}
		if len(r.Deliveries) > 0 {
			begun[r.ID] = openRun{row, len(r.Deliveries), slices.ContainsFunc(r.Deliveries, func(d engine.Delivery) bool { return d.Revision != "" })}
		}
	}
	if err := into.flush(ctx); err != nil {
		return nil, fmt.Errorf("record runs: %w", err)
	}
	return begun, nil
}

// insertBarriers records for which runs new ones wait, and gives the barrier of
// each. Runs with the same slice of ids share one.
func (s *SQLite) insertBarriers(ctx context.Context, runs []engine.NewRun, newest int) ([]sql.NullInt64, error) {
	barriers := make([]sql.NullInt64, len(runs))
	if !slices.ContainsFunc(runs, func(r engine.NewRun) bool { return len(r.Waits) > 0 }) {
		return barriers, nil
	}
	rows := make(map[string]int, len(runs))
	for i := range runs {
		rows[runs[i].ID] = newest + 1 + i
	}
	var last int64
	if err := s.conn.QueryRowContext(ctx, `SELECT max((SELECT coalesce(max(id), 0) FROM barrier), (SELECT coalesce(max(barrier), 0) FROM run WHERE barrier IS NOT NULL AND ended IS NULL))`).Scan(&last); err != nil {
		return nil, err
	}
	into := barrierRows.collect()
	known := make(map[*string]int64)
	for i, r := range runs {
		if len(r.Waits) == 0 || len(r.Deliveries) == 0 {
			continue
		}
		if id, ok := known[&r.Waits[0]]; ok {
			barriers[i] = sql.NullInt64{Int64: id, Valid: true}
			continue
		}
		last++
		known[&r.Waits[0]] = last
		barriers[i] = sql.NullInt64{Int64: last, Valid: true}
		for _, on := range r.Waits {
			row, ok := rows[on]
			if !ok {
				// It was open when that was planned, and may have ended since.
				err := s.conn.QueryRowContext(ctx, `SELECT id FROM run WHERE ulid = ?`, on).Scan(&row)
				if errors.Is(err, sql.ErrNoRows) {
					err = ErrNoRun
				}
				if err != nil {
					return nil, fmt.Errorf("wait for run %s: %w", on, err)
				}
			}
			if err := into.add(ctx, s.conn, last, row); err != nil {
				return nil, fmt.Errorf("wait for run %s: %w", on, err)
			}
		}
	}
	return barriers, into.flush(ctx, s.conn)
}

// remember spares Commit a look at runs that this ledger has just begun.
func (s *SQLite) remember(begun map[string]openRun) {
	if s.mode == Beside {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, run := range begun {
		s.runs[id] = run
	}
}

// runTables are where new runs go.
type runTables struct {
	conn                   *conn
	messages               messageTable
	runs, deliveries, owed *rows
}

func (t runTables) add(ctx context.Context, r *engine.NewRun, row int, barrier sql.NullInt64, serial uint64, now time.Time) error {
	rest, err := causeRest(r.Cause)
	if err != nil {
		return fmt.Errorf("write cause: %w", err)
	}
	var ended, outcomes any
	if len(r.Deliveries) == 0 {
		ended, outcomes = now.UnixMicro(), "{}"
	}
	err = t.runs.add(ctx, t.conn, row, r.ID, r.Job, r.PBX, r.Cause.Kind, r.Cause.Detail, rest, serial, r.Created.UnixMicro(), len(r.Deliveries), ended, outcomes, barrier)
	if err != nil {
		return err
	}
	for _, m := range r.Messages {
		if err := t.messages.add(ctx, m); err != nil {
			return err
		}
	}
	for i, d := range r.Deliveries {
		if d.Seq != i {
			return fmt.Errorf("delivery %d has position %d", i, d.Seq)
		}
		message, err := t.messages.row(ctx, d.Message)
		if err != nil {
			return fmt.Errorf("delivery %d: %w", i, err)
		}
		if err := t.deliveries.add(ctx, t.conn, row, d.Seq, d.Target, message, d.Revision); err != nil {
			return err
		}
	}
	for _, f := range r.Followers {
		if err := t.owed.add(ctx, t.conn, row, f.Job, f.Index); err != nil {
			return fmt.Errorf("owe its end to %s: %w", f.Job, err)
		}
	}
	return nil
}

func (t runTables) flush(ctx context.Context) error {
	for _, r := range []*rows{t.runs, t.deliveries, t.owed} {
		if err := r.flush(ctx, t.conn); err != nil {
			return err
		}
	}
	return nil
}

// messageTable stores each message once and knows its row by its digest.
type messageTable struct {
	conn *conn
	rows map[string]int64
}

func (t messageTable) add(ctx context.Context, m engine.StoredMessage) error {
	if _, ok := t.rows[m.Digest]; ok {
		return nil
	}
	r, err := t.conn.ExecContext(ctx, `INSERT INTO message (digest, text) VALUES (?, ?) ON CONFLICT DO NOTHING`, m.Digest, string(m.Text))
	if err != nil {
		return fmt.Errorf("store message %s: %w", m.Digest, err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err // it was there; row finds it
	}
	t.rows[m.Digest], err = r.LastInsertId()
	return err
}

// row gives the row of a message; NULL for a delivery that has none.
func (t messageTable) row(ctx context.Context, digest string) (sql.NullInt64, error) {
	if digest == "" {
		return sql.NullInt64{}, nil
	}
	id, ok := t.rows[digest]
	if !ok {
		if err := t.conn.QueryRowContext(ctx, `SELECT id FROM message WHERE digest = ?`, digest).Scan(&id); errors.Is(err, sql.ErrNoRows) {
			return sql.NullInt64{}, fmt.Errorf("message %s is not stored", digest)
		} else if err != nil {
			return sql.NullInt64{}, err
		}
		t.rows[digest] = id
	}
	return sql.NullInt64{Int64: id, Valid: true}, nil
}
