package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/notifyrun/notifyrun/engine"
)

// Version implements engine.DaemonLedger. It reads one row.
func (s *SQLite) Version(ctx context.Context) (engine.Version, error) {
	var v engine.Version
	if s.read == nil {
		return v, nil
	}
	if err := s.read.QueryRowContext(ctx, `SELECT serial, control FROM state`).Scan(&v.Serial, &v.Control); err != nil {
		return v, fmt.Errorf("read version: %w", explain(err))
	}
	return v, nil
}

const upsertPause = `
INSERT INTO pause (job, reason, who, since) VALUES (?, ?, ?, ?)
ON CONFLICT (job) DO UPDATE SET reason = excluded.reason, who = excluded.who, since = excluded.since`

const countControl = `UPDATE state SET control = control + 1`

// Pause implements engine.DaemonLedger.
func (s *SQLite) Pause(ctx context.Context, p engine.Pause) error {
	err := s.transact(ctx, func(ctx context.Context) error {
		if _, err := s.conn.ExecContext(ctx, upsertPause, p.Job, p.Reason, p.By, p.Since.UnixMicro()); err != nil {
			return err
		}
		_, err := s.conn.ExecContext(ctx, countControl)
		return err
	})
	if err != nil {
		return fmt.Errorf("pause %s: %w", p.Job, err)
	}
	return nil
}

// Unpause implements engine.DaemonLedger.
func (s *SQLite) Unpause(ctx context.Context, job string) (was bool, err error) {
	err = s.transact(ctx, func(ctx context.Context) error {
		r, err := s.conn.ExecContext(ctx, `DELETE FROM pause WHERE job = ?`, job)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		was = true
		_, err = s.conn.ExecContext(ctx, countControl)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("resume %s: %w", job, err)
	}
	return was, nil
}

// Pauses implements engine.DaemonLedger.
func (s *SQLite) Pauses(ctx context.Context) (map[string]engine.Pause, error) {
	if s.read == nil {
		return map[string]engine.Pause{}, nil
	}
	pauses := map[string]engine.Pause{}
	err := s.view(ctx, func(q querier) error { return readPauses(ctx, q, pauses) })
	if err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	return pauses, nil
}

func readPauses(ctx context.Context, q querier, pauses map[string]engine.Pause) error {
	return each(ctx, q, func(rows *sql.Rows) error {
		var p engine.Pause
		var since int64
		err := rows.Scan(&p.Job, &p.Reason, &p.By, &since)
		p.Since = fromMicro(since)
		pauses[p.Job] = p
		return err
	}, `SELECT job, reason, who, since FROM pause`)
}

// Report implements engine.DaemonLedger.
func (s *SQLite) Report(ctx context.Context, status engine.DaemonStatus) error {
	text, err := json.Marshal(status)
	if err == nil {
		err = s.drive(ctx, func(ctx context.Context) error {
			_, err := s.conn.ExecContext(ctx, `INSERT INTO daemon (id, status) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status`, string(text))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("report on the daemon: %w", err)
	}
	return nil
}

// Reported implements engine.DaemonLedger.
func (s *SQLite) Reported(ctx context.Context) (*engine.DaemonStatus, error) {
	if s.read == nil {
		return nil, nil
	}
	var text string
	err := s.read.QueryRowContext(ctx, `SELECT status FROM daemon`).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	status := &engine.DaemonStatus{}
	if err == nil {
		if err = json.Unmarshal([]byte(text), status); err != nil {
			err = fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read how the daemon is: %w", explain(err))
	}
	return status, nil
}
