package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/notifyrun/notifyrun/engine"
)

// Publish implements engine.Ledger. A run without deliveries has ended as soon
// as it is there.
func (s *SQLite) Publish(ctx context.Context, p engine.Publication) error {
	err := s.transact(ctx, func(ctx context.Context) error {
		var serial uint64
		if err := s.conn.QueryRowContext(ctx, `SELECT serial FROM state`).Scan(&serial); err != nil {
			return err
		}
		if serial != p.Base {
			return engine.ErrStale
		}
		serial++
		if err := s.insertAttempts(ctx, p.Canceled); err != nil {
			return err
		}
		if err := s.endRuns(ctx, p.Ended, p.Time); err != nil {
			return err
		}
		if err := s.publishJobs(ctx, p, serial); err != nil {
			return err
		}
		if err := s.publishRuns(ctx, p, serial); err != nil {
			return err
		}
		if p.Snapshot != nil {
			if _, err := s.conn.ExecContext(ctx, `DELETE FROM snapshot`); err != nil {
				return err
			}
			if _, err := s.conn.ExecContext(ctx, `INSERT INTO snapshot (serial, content) VALUES (?, ?)`, serial, p.Snapshot); err != nil {
				return err
			}
			if _, err := s.conn.ExecContext(ctx, `UPDATE state SET applied_at = ?`, p.Time.UnixMicro()); err != nil {
				return err
			}
		}
		_, err := s.conn.ExecContext(ctx, `UPDATE state SET serial = ?`, serial)
		return err
	})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

const upsertJob = `
INSERT INTO job (address, digest, spec) VALUES (?, ?, ?)
ON CONFLICT (address) DO UPDATE SET digest = excluded.digest, spec = excluded.spec`

const recordRevision = `
INSERT INTO revision (job, target, revision, outcome, run, serial) VALUES (?, ?, ?, 'accepted', '', ?)` + keepRevision

// publishJobs records what jobs there are now and what their targets are taken
// to have had.
func (s *SQLite) publishJobs(ctx context.Context, p engine.Publication, serial uint64) error {
	for _, address := range p.Removed {
		for _, query := range []string{
			`DELETE FROM job WHERE address = ?`,
			`DELETE FROM revision WHERE job = ?`,
			// Its open runs are to leave none either when they end.
			`UPDATE delivery SET revision = '' WHERE run IN (SELECT id FROM run WHERE ended IS NULL AND job = ?)`,
		} {
			if _, err := s.conn.ExecContext(ctx, query, address); err != nil {
				return fmt.Errorf("remove job %s: %w", address, err)
			}
		}
	}
	for _, j := range p.Jobs {
		if _, err := s.conn.ExecContext(ctx, upsertJob, j.Address, j.Digest, string(j.Spec)); err != nil {
			return fmt.Errorf("record job %s: %w", j.Address, err)
		}
	}
	for _, r := range p.Recorded {
		if _, err := s.conn.ExecContext(ctx, recordRevision, r.Job, r.Target, r.Revision, serial); err != nil {
			return fmt.Errorf("record %s of job %s: %w", r.Target, r.Job, err)
		}
	}
	return nil
}

// publishRuns records new runs with their messages and deliveries.
func (s *SQLite) publishRuns(ctx context.Context, p engine.Publication, serial uint64) error {
	messages := messageTable{s.conn, make(map[string]int64)}
	for _, r := range p.Runs {
		if err := s.publishRun(ctx, r, serial, messages); err != nil {
			return fmt.Errorf("record run %s: %w", r.ID, err)
		}
		if len(r.Deliveries) == 0 {
			if err := s.endRuns(ctx, []string{r.ID}, p.Time); err != nil {
				return err
			}
		}
	}
	return nil
}

var deliveryRows = newInsertion(`INSERT OR ROLLBACK INTO delivery (run, seq, target, message, revision)`, 5)

func (s *SQLite) publishRun(ctx context.Context, r engine.NewRun, serial uint64, messages messageTable) error {
	result, err := s.conn.ExecContext(ctx, `
		INSERT INTO run (ulid, job, pbx, cause_kind, cause_detail, serial, created, total) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Job, r.PBX, r.Cause.Kind, r.Cause.Detail, serial, r.Created.UnixMicro(), len(r.Deliveries))
	if err != nil {
		return err
	}
	run, err := result.LastInsertId()
	if err != nil {
		return err
	}
	for _, m := range r.Messages {
		if err := messages.add(ctx, m); err != nil {
			return err
		}
	}
	// In slices, so that the values of a long run need not all be there at once.
	values := make([]any, 0, deliveryRows.columns*insertionRows)
	for i, d := range r.Deliveries {
		if d.Seq != i {
			return fmt.Errorf("delivery %d has position %d", i, d.Seq)
		}
		message, err := messages.row(ctx, d.Message)
		if err != nil {
			return fmt.Errorf("delivery %d: %w", i, err)
		}
		values = append(values, run, d.Seq, d.Target, message, d.Revision)
		if len(values) == cap(values) || i == len(r.Deliveries)-1 {
			if err := deliveryRows.run(ctx, s.conn, values); err != nil {
				return err
			}
			values = values[:0]
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
