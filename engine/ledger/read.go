package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
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

// stream yields what scan makes of each row of a query, and then an error, if there
// was one. While it is iterated over, the write-ahead log cannot be taken over into
// the file: it grows, but does no other harm.
func stream[T any](ctx context.Context, s *SQLite, verb string, scan func(*sql.Rows) (T, error), query func(querier) (string, []any, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		enough := errors.New("enough")
		err := s.view(ctx, func(q querier) error {
			text, args, err := query(q)
			if err != nil {
				return err
			}
			return each(ctx, q, func(rows *sql.Rows) error {
				v, err := scan(rows)
				if err == nil && !yield(v, nil) {
					err = enough
				}
				return err
			}, text, args...)
		})
		if err != nil && err != enough {
			var none T
			yield(none, fmt.Errorf("%s: %w", verb, err))
		}
	}
}

func fromMicro(us int64) time.Time { return time.UnixMicro(us).UTC() }

// State implements engine.Ledger.
func (s *SQLite) State(ctx context.Context) (*engine.State, error) {
	st := &engine.State{Jobs: map[string]engine.AppliedJob{}, Delivered: map[string]map[string]engine.Delivered{}, Pauses: map[string]engine.Pause{}}
	if s.read == nil {
		return st, nil
	}
	err := s.view(ctx, func(q querier) error {
		var applied int64
		if err := q.QueryRowContext(ctx, `SELECT lineage, serial, coalesce((SELECT max(serial) FROM snapshot), 0), applied_at FROM state`).Scan(&st.Lineage, &st.Serial, &st.Newest, &applied); err != nil {
			return err
		}
		st.AppliedAt = fromMicro(applied)
		if err := readJobs(ctx, q, st); err != nil {
			return err
		}
		if err := readRevisions(ctx, q, st); err != nil {
			return err
		}
		if err := readPauses(ctx, q, st.Pauses); err != nil {
			return err
		}
		var err error
		if st.Moved, err = readMoved(ctx, q); err != nil {
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
	position := make(map[int]int) // in st.Open, by row
	err := each(ctx, q, func(rows *sql.Rows) error {
		var o engine.OpenRun
		var row, total int
		var created int64
		var rest string
		if err := rows.Scan(&row, &total, &o.Serial, &o.ID, &o.Job, &o.PBX, &o.Cause.Kind, &o.Cause.Detail, &rest, &created); err != nil {
			return err
		}
		if err := readCause(&o.Cause, rest); err != nil {
			return fmt.Errorf("cause of run %s: %w", o.ID, err)
		}
		o.Created = fromMicro(created)
		o.Deliveries = make([]engine.DeliveryState, 0, total)
		position[row] = len(st.Open)
		st.Open = append(st.Open, o)
		return nil
	}, `SELECT id, total, serial, ulid, job, pbx, cause_kind, cause_detail, cause_rest, created FROM run WHERE ended IS NULL ORDER BY id`)
	if err != nil || len(st.Open) == 0 {
		return err
	}
	if err := readDeliveries(ctx, q, st.Open, position); err != nil {
		return err
	}
	waits, err := readWaits(ctx, q)
	if err != nil {
		return err
	}
	for row, on := range waits {
		if i, ok := position[row]; ok {
			st.Open[i].Waits = on
		}
	}
	type key struct {
		position int
		target   string
	}
	later := make(map[key]bool) // have had what came by a later publication
	err = each(ctx, q, func(rows *sql.Rows) error {
		var row int
		var target string
		err := rows.Scan(&row, &target)
		later[key{position[row], target}] = true
		return err
	}, `SELECT r.id, v.target FROM run r JOIN revision v ON v.job = r.job WHERE r.ended IS NULL AND v.serial > r.serial`)
	if err != nil {
		return err
	}
	for i := range st.Open {
		run := &st.Open[i]
		for _, d := range run.Deliveries {
			if d.Revision == "" || !d.Outcome.Reached() || later[key{i, d.Target}] {
				continue
			}
			targets := st.Delivered[run.Job]
			if targets == nil {
				targets = make(map[string]engine.Delivered)
				st.Delivered[run.Job] = targets
			}
			if had := targets[d.Target]; had.Revision == d.Revision && had.Outcome.Good() {
				continue
			}
			targets[d.Target] = engine.Delivered{Revision: d.Revision, Outcome: d.Outcome, Run: run.ID}
		}
	}
	return nil
}

// readWaits reads for which runs the open ones wait, by row. Those that wait for the
// same ones share a slice.
func readWaits(ctx context.Context, q querier) (map[int][]engine.Waited, error) {
	barriers := make(map[int64][]engine.Waited)
	err := each(ctx, q, func(rows *sql.Rows) error {
		var id int64
		var w engine.Waited
		var outcomes sql.NullString
		if err := rows.Scan(&id, &w.Run, &w.Job, &outcomes); err != nil {
			return err
		}
		if w.Ended = outcomes.Valid; w.Ended {
			var counts map[engine.Outcome]int
			if err := json.Unmarshal([]byte(outcomes.String), &counts); err != nil {
				return fmt.Errorf("counts of run %s: %w (%w)", w.Run, ErrDamaged, err)
			}
			if engine.Succeeded(counts) {
				return nil
			}
		}
		barriers[id] = append(barriers[id], w)
		return nil
	}, `SELECT b.id, r.ulid, r.job, r.outcomes FROM barrier b JOIN run r ON r.id = b.run ORDER BY b.id, b.run`)
	if err != nil || len(barriers) == 0 {
		return nil, err
	}
	waits := make(map[int][]engine.Waited)
	err = each(ctx, q, func(rows *sql.Rows) error {
		var row int
		var id int64
		err := rows.Scan(&row, &id)
		if on := barriers[id]; len(on) > 0 {
			waits[row] = on
		}
		return err
	}, `SELECT id, barrier FROM run WHERE barrier IS NOT NULL AND ended IS NULL`)
	return waits, err
}

// readDeliveries reads the deliveries of the open runs and how far each has
// got.
func readDeliveries(ctx context.Context, q querier, open []engine.OpenRun, position map[int]int) error {
	err := each(ctx, q, func(rows *sql.Rows) error {
		var row int
		d := engine.DeliveryState{Outcome: engine.Pending}
		if err := rows.Scan(&row, &d.Seq, &d.Target, &d.Message, &d.Revision); err != nil {
			return err
		}
		run := &open[position[row]]
		if d.Seq != len(run.Deliveries) || d.Seq == cap(run.Deliveries) {
			return fmt.Errorf("run %s has a delivery %d where %d was to be: %w", run.ID, d.Seq, len(run.Deliveries), ErrDamaged)
		}
		run.Deliveries = append(run.Deliveries, d)
		return nil
	}, `SELECT d.run, d.seq, d.target, coalesce(m.digest, ''), d.revision
		FROM run r JOIN delivery d ON d.run = r.id LEFT JOIN message m ON m.id = d.message
		WHERE r.ended IS NULL ORDER BY d.run, d.seq`)
	if err != nil {
		return err
	}
	delivery := func(row, seq int) (*engine.DeliveryState, error) {
		i, ok := position[row]
		if !ok || seq < 0 || seq >= len(open[i].Deliveries) {
			return nil, fmt.Errorf("run %d has no delivery %d: %w", row, seq, ErrDamaged)
		}
		return &open[i].Deliveries[seq], nil
	}
	// The same rule as lastOutcomes.
	err = each(ctx, q, func(rows *sql.Rows) error {
		var row, seq, n int
		var outcome engine.Outcome
		if err := rows.Scan(&row, &seq, &n, &outcome); err != nil {
			return err
		}
		d, err := delivery(row, seq)
		if err != nil {
			return err
		}
		d.Attempts = n
		if outcome != engine.NotSent {
			d.Outcome = outcome
		}
		return nil
	}, `SELECT a.run, a.seq, a.n, a.outcome FROM run r JOIN attempt a ON a.run = r.id
		WHERE r.ended IS NULL ORDER BY a.run, a.seq, a.n`)
	if err != nil {
		return err
	}
	return each(ctx, q, func(rows *sql.Rows) error {
		var row, seq, n int
		if err := rows.Scan(&row, &seq, &n); err != nil {
			return err
		}
		d, err := delivery(row, seq)
		if err != nil {
			return err
		}
		d.Attempts, d.Outcome = n, engine.InFlight
		return nil
	}, `SELECT run, seq, n FROM (`+inFlight+`)`)
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
