package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// History implements engine.Ledger. HistoryQuery.Run may be a unique prefix; an
// unknown one is an error that wraps ErrNoRun.
func (s *SQLite) History(ctx context.Context, q engine.HistoryQuery) iter.Seq2[engine.HistoryEntry, error] {
	if s.read == nil {
		return func(yield func(engine.HistoryEntry, error) bool) {
			if q.Run != "" {
				yield(engine.HistoryEntry{}, fmt.Errorf("read history: run %q: %w", q.Run, ErrNoRun))
			}
		}
	}
	return stream(ctx, s, "read history", scanEntry, func(tx querier) (string, []any, error) { return historyQuery(ctx, tx, q) })
}

// historyQuery makes the query of all entries: what has ended, and what is in
// flight. Each part is read in order of its start, so nothing long is sorted
// unless a filter has chosen it.
func historyQuery(ctx context.Context, tx querier, q engine.HistoryQuery) (string, []any, error) {
	where, args := ``, []any{}
	filter := func(condition string, value any) {
		where, args = where+` AND `+condition, append(args, value)
	}
	if q.Run != "" {
		row, err := findRun(ctx, tx, q.Run)
		if err != nil {
			return "", nil, err
		}
		filter(`a.run = ?`, row)
	}
	if q.Job != "" {
		of, its, err := ofJob(ctx, tx, q.Job, `r.job`, `r.id`, `run`)
		if err != nil {
			return "", nil, err
		}
		where, args = where+` AND `+of, append(args, its...)
	}
	if q.Target != "" {
		filter(`d.target = ?`, q.Target)
	}
	if !q.Since.IsZero() {
		filter(`a.started >= ?`, q.Since.UnixMicro())
	}
	if q.Outcome != "" {
		filter(`a.outcome = ?`, string(q.Outcome))
	}
	part := func(attempts string) string {
		return `
			SELECT a.started AS started, a.run AS run, a.seq AS seq, a.n AS n, a.outcome, a.text, a.finished,
				d.target, r.ulid, r.job, r.pbx, r.cause_kind, r.cause_detail, coalesce(m.digest, '')
			FROM ` + attempts + ` a JOIN run r ON r.id = a.run
				JOIN delivery d ON d.run = a.run AND d.seq = a.seq LEFT JOIN message m ON m.id = d.message
			WHERE TRUE` + where
	}
	flying := `(SELECT run, seq, n, 'in_flight' AS outcome, '' AS text, at AS started, ? AS finished FROM (` + inFlight + `))`
	query := part(`attempt`) + ` UNION ALL ` + part(flying)
	never := time.Time{}.UnixMicro()
	args = slices.Concat(args, []any{never}, args)
	if q.Limit > 0 {
		query = `SELECT * FROM (` + query + ` ORDER BY started DESC, run DESC, seq DESC, n DESC LIMIT ?)`
		args = append(args, q.Limit)
	}
	return query + ` ORDER BY started, run, seq, n`, args, nil
}

func scanEntry(rows *sql.Rows) (engine.HistoryEntry, error) {
	var e engine.HistoryEntry
	var started, finished int64
	var run, seq int
	err := rows.Scan(&started, &run, &seq, &e.Attempt, &e.Outcome, &e.Text, &finished,
		&e.Target, &e.Run, &e.Job, &e.PBX, &e.Cause.Kind, &e.Cause.Detail, &e.Message)
	e.Started, e.Finished = fromMicro(started), fromMicro(finished)
	if e.Attempt > 0 {
		e.ActionID = engine.ActionID(e.Run, seq, e.Attempt)
	}
	return e, err
}
