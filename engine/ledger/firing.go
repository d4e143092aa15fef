package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// Applied implements engine.DaemonLedger.
func (s *SQLite) Applied(ctx context.Context) (*engine.Applied, error) {
	a := &engine.Applied{Snapshots: map[uint64][]byte{}, Jobs: map[string]uint64{}}
	if s.read == nil {
		return a, nil
	}
	err := s.view(ctx, func(q querier) error {
		err := each(ctx, q, func(rows *sql.Rows) error {
			var serial uint64
			var content []byte
			err := rows.Scan(&serial, &content)
			a.Serial, a.Snapshots[serial] = serial, content
			return err
		}, `SELECT serial, content FROM snapshot ORDER BY serial`)
		if err != nil {
			return err
		}
		if a.Moved, err = readMoved(ctx, q); err != nil {
			return err
		}
		return each(ctx, q, func(rows *sql.Rows) error {
			var address string
			serial := a.Serial
			err := rows.Scan(&address, &serial)
			a.Jobs[address] = serial
			return err
		}, `SELECT address, coalesce(snapshot, ?) FROM job`, a.Serial)
	})
	if err != nil {
		return nil, fmt.Errorf("read what is applied: %w", err)
	}
	return a, nil
}

// Settled implements engine.DaemonLedger.
func (s *SQLite) Settled(ctx context.Context) (map[engine.TriggerKey]time.Time, error) {
	settled := map[engine.TriggerKey]time.Time{}
	if s.read == nil {
		return settled, nil
	}
	err := s.view(ctx, func(q querier) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var key engine.TriggerKey
			var until int64
			err := rows.Scan(&key.Job, &key.Index, &until)
			settled[key] = fromMicro(until)
			return err
		}, `SELECT job, number, until FROM settled`)
	})
	if err != nil {
		return nil, fmt.Errorf("read settled due times: %w", err)
	}
	return settled, nil
}

// Owed implements engine.DaemonLedger.
func (s *SQLite) Owed(ctx context.Context) ([]engine.Owed, error) {
	if s.read == nil {
		return nil, nil
	}
	var all []engine.Owed
	err := s.view(ctx, func(q querier) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			o, err := scanOwed(rows)
			all = append(all, o)
			return err
		}, `SELECT r.ulid, o.job, o.number, r.job,
				CASE WHEN r.cause_rest = '' THEN 0 WHEN json_valid(r.cause_rest) THEN coalesce(json_extract(r.cause_rest, '$.depth'), 0) END,
				r.ended, r.outcomes
			FROM owed o JOIN run r ON r.id = o.run
			ORDER BY r.ended IS NULL, r.ended, r.id, o.job, o.number`)
	})
	if err != nil {
		return nil, fmt.Errorf("read what is owed: %w", err)
	}
	return all, nil
}

func scanOwed(rows *sql.Rows) (engine.Owed, error) {
	var o engine.Owed
	var depth, ended sql.NullInt64
	var outcomes sql.NullString
	if err := rows.Scan(&o.Run, &o.Follower.Job, &o.Follower.Index, &o.Job, &depth, &ended, &outcomes); err != nil {
		return o, err
	}
	if !depth.Valid {
		return o, fmt.Errorf("cause of run %s: %w", o.Run, ErrDamaged)
	}
	o.Depth = int(depth.Int64)
	if ended.Valid {
		o.Ended = fromMicro(ended.Int64)
		if err := json.Unmarshal([]byte(outcomes.String), &o.Outcomes); err != nil {
			return o, fmt.Errorf("counts of run %s: %w (%w)", o.Run, ErrDamaged, err)
		}
	}
	return o, nil
}

// Listened implements engine.DaemonLedger.
func (s *SQLite) Listened(ctx context.Context) (map[string]time.Time, error) {
	listened := map[string]time.Time{}
	if s.read == nil {
		return listened, nil
	}
	err := s.view(ctx, func(q querier) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var pbx string
			var until int64
			err := rows.Scan(&pbx, &until)
			listened[pbx] = fromMicro(until)
			return err
		}, `SELECT pbx, until FROM listened`)
	})
	if err != nil {
		return nil, fmt.Errorf("read until when was listened: %w", err)
	}
	return listened, nil
}

// Missed implements engine.DaemonLedger.
func (s *SQLite) Missed(ctx context.Context, q engine.MissedQuery) iter.Seq2[engine.Missed, error] {
	if s.read == nil {
		return func(func(engine.Missed, error) bool) {}
	}
	limit := -1
	if q.Limit > 0 {
		limit = q.Limit
	}
	return stream(ctx, s, "read what was missed", scanMissed, func(tx querier) (string, []any, error) {
		where, args := `TRUE`, []any{}
		if q.Job != "" {
			of, its, err := ofJob(ctx, tx, q.Job, `job`, `id`, `missed`)
			if err != nil {
				return "", nil, err
			}
			where, args = where+` AND `+of, append(args, its...)
		}
		if !q.Since.IsZero() {
			where, args = where+` AND at >= ?`, append(args, q.Since.UnixMicro())
		}
		return `SELECT job, number, pbx, reason, count, first, last, detail, at FROM missed
			WHERE ` + where + ` ORDER BY at DESC, id DESC LIMIT ?`, append(args, limit), nil
	})
}

func scanMissed(rows *sql.Rows) (engine.Missed, error) {
	var m engine.Missed
	var first, last, at int64
	err := rows.Scan(&m.Job, &m.Index, &m.PBX, &m.Reason, &m.Count, &first, &last, &m.Detail, &at)
	m.First, m.Last, m.At = fromMicro(first), fromMicro(last), fromMicro(at)
	return m, err
}
