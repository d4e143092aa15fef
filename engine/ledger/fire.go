package ledger

import (
	"context"
	"fmt"

	"github.com/notifyrun/notifyrun/engine"
)

// A clock that was set back, or a daemon that was late, must not open again what
// was settled.
var keepSettledRows = newUpsert(`INSERT INTO settled (job, number, until)`, 3, ` ON CONFLICT (job, number) DO UPDATE SET until = max(until, excluded.until)`)

var missedRows = newInsertion(`INSERT OR ROLLBACK INTO missed (job, number, pbx, reason, count, first, last, detail, at)`, 9)

const upsertListened = `INSERT INTO listened (pbx, until) VALUES (?, ?) ON CONFLICT (pbx) DO UPDATE SET until = excluded.until`

const payDebt = `DELETE FROM owed WHERE run = (SELECT id FROM run WHERE ulid = ?) AND job = ? AND number = ?`

// Fire implements engine.DaemonLedger. It writes a few rows for each run, several
// with each statement, and asks for next to nothing.
func (s *SQLite) Fire(ctx context.Context, f engine.Firings) error {
	var begun map[string]openRun
	err := s.drive(ctx, func(ctx context.Context) error {
		var serial, newest uint64
		if err := s.conn.QueryRowContext(ctx, `SELECT serial, coalesce((SELECT max(serial) FROM snapshot), 0) FROM state`).Scan(&serial, &newest); err != nil {
			return err
		}
		if newest != f.Base {
			return engine.ErrStale
		}
		var err error
		if begun, err = s.insertRuns(ctx, f.Runs, serial, f.Time); err != nil {
			return err
		}
		if err := s.settle(ctx, keepSettledRows, f.Settled); err != nil {
			return fmt.Errorf("settle due times: %w", err)
		}
		if err := s.insertMissed(ctx, f.Missed); err != nil {
			return fmt.Errorf("record what was missed: %w", err)
		}
		for _, d := range f.Paid {
			if _, err := s.conn.ExecContext(ctx, payDebt, d.Run, d.Follower.Job, d.Follower.Index); err != nil {
				return fmt.Errorf("pay what run %s owes to %s: %w", d.Run, d.Follower.Job, err)
			}
		}
		for pbx, until := range f.Listened {
			if _, err := s.conn.ExecContext(ctx, upsertListened, pbx, until.UnixMicro()); err != nil {
				return fmt.Errorf("record that %s was listened to: %w", pbx, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record firings: %w", err)
	}
	s.remember(begun)
	return nil
}

// settle records up to when due times are settled, by keepSettledRows or settleRows.
func (s *SQLite) settle(ctx context.Context, rows insertion, settled []engine.Settled) error {
	into := rows.collect()
	for _, t := range settled {
		if err := into.add(ctx, s.conn, t.Job, t.Index, t.Until.UnixMicro()); err != nil {
			return err
		}
	}
	return into.flush(ctx, s.conn)
}

func (s *SQLite) insertMissed(ctx context.Context, missed []engine.Missed) error {
	into := missedRows.collect()
	for _, m := range missed {
		if err := into.add(ctx, s.conn, m.Job, m.Index, m.PBX, string(m.Reason), m.Count, m.First.UnixMicro(), m.Last.UnixMicro(), m.Detail, m.At.UnixMicro()); err != nil {
			return err
		}
	}
	return into.flush(ctx, s.conn)
}
