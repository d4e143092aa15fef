package ledger

import (
	"context"
	"fmt"

	"github.com/notifyrun/notifyrun/engine"
)

// Publish implements engine.Ledger. A run without deliveries has ended as soon
// as it is there.
func (s *SQLite) Publish(ctx context.Context, p engine.Publication) error {
	transact := s.transact
	if len(p.Canceled)+len(p.Ended) > 0 {
		transact = s.drive
	}
	var begun map[string]openRun
	err := transact(ctx, func(ctx context.Context) error {
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
		if err := s.endRuns(ctx, p.Ended, p.Canceled, p.Time); err != nil {
			return err
		}
		if err := s.publishJobs(ctx, p, serial); err != nil {
			return err
		}
		var err error
		if begun, err = s.insertRuns(ctx, p.Runs, serial, p.Time); err != nil {
			return err
		}
		if p.Snapshot != nil {
			if err := s.publishSnapshot(ctx, p, serial); err != nil {
				return err
			}
		}
		if err := s.dropSnapshots(ctx); err != nil {
			return err
		}
		_, err = s.conn.ExecContext(ctx, `UPDATE state SET serial = ?`, serial)
		return err
	})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	s.remember(begun)
	return nil
}

// publishSnapshot makes a configuration the newest one, and moves the jobs to it
// that are to go by it. Those that are not stay at the one that they went by.
func (s *SQLite) publishSnapshot(ctx context.Context, p engine.Publication, serial uint64) error {
	if p.Selected == nil {
		if _, err := s.conn.ExecContext(ctx, `UPDATE job SET snapshot = NULL WHERE snapshot IS NOT NULL`); err != nil {
			return err
		}
	} else {
		if _, err := s.conn.ExecContext(ctx, `UPDATE job SET snapshot = (SELECT max(serial) FROM snapshot) WHERE snapshot IS NULL`); err != nil {
			return err
		}
		for _, address := range p.Selected {
			if _, err := s.conn.ExecContext(ctx, `UPDATE job SET snapshot = NULL WHERE address = ?`, address); err != nil {
				return err
			}
		}
	}
	if _, err := s.conn.ExecContext(ctx, `INSERT INTO snapshot (serial, content) VALUES (?, ?)`, serial, p.Snapshot); err != nil {
		return err
	}
	_, err := s.conn.ExecContext(ctx, `UPDATE state SET applied_at = ?`, p.Time.UnixMicro())
	return err
}

// dropSnapshots deletes the configurations that no job goes by any more. The
// newest one stays, whether there are jobs or not.
func (s *SQLite) dropSnapshots(ctx context.Context) error {
	_, err := s.conn.ExecContext(ctx, `
		DELETE FROM snapshot WHERE serial < (SELECT max(serial) FROM snapshot)
			AND NOT EXISTS (SELECT 1 FROM job WHERE job.snapshot = snapshot.serial)`)
	return err
}

const upsertJob = `
INSERT INTO job (address, digest, spec) VALUES (?, ?, ?)
ON CONFLICT (address) DO UPDATE SET digest = excluded.digest, spec = excluded.spec`

var settleRows = newUpsert(`INSERT INTO settled (job, number, until)`, 3, ` ON CONFLICT (job, number) DO UPDATE SET until = excluded.until`)

const recordRevision = `
INSERT INTO revision (job, target, revision, outcome, run, serial) VALUES (?, ?, ?, 'accepted', '', ?)` + keepRevision

// publishJobs records what jobs there are now and what their targets are taken
// to have had.
func (s *SQLite) publishJobs(ctx context.Context, p engine.Publication, serial uint64) error {
	if err := s.moveJobs(ctx, p.Moved, serial, p.Time); err != nil {
		return err
	}
	for _, address := range p.Removed {
		for _, query := range []string{
			`DELETE FROM job WHERE address = ?`,
			`DELETE FROM revision WHERE job = ?`,
			`DELETE FROM settled WHERE job = ?`,
			`DELETE FROM owed WHERE job = ?`,
			`DELETE FROM pause WHERE job = ?`,
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
	if err := s.settle(ctx, settleRows, p.Settled); err != nil {
		return fmt.Errorf("settle due times: %w", err)
	}
	for _, r := range p.Recorded {
		if _, err := s.conn.ExecContext(ctx, recordRevision, r.Job, r.Target, r.Revision, serial); err != nil {
			return fmt.Errorf("record %s of job %s: %w", r.Target, r.Job, err)
		}
	}
	return nil
}
