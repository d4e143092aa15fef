package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// pruneRows is about how many rows one transaction of a Prune deletes: few enough
// for others that write to wait only for a moment.
const pruneRows = 1000

// Prunable implements engine.DaemonLedger. For the messages it takes a look at all
// deliveries, as Prune does.
func (s *SQLite) Prunable(ctx context.Context, before time.Time) (engine.Prunable, error) {
	var p engine.Prunable
	if s.read == nil {
		return p, nil
	}
	err := s.view(ctx, func(q querier) error {
		var deliveries, oldest, newest sql.NullInt64
		err := q.QueryRowContext(ctx, `
			SELECT count(*), sum(total), min(created), max(created) FROM run WHERE `+prunable, before.UnixMicro()).
			Scan(&p.Runs, &deliveries, &oldest, &newest)
		if err != nil {
			return err
		}
		if p.Deliveries = deliveries.Int64; p.Runs > 0 {
			p.Oldest, p.Newest = fromMicro(oldest.Int64), fromMicro(newest.Int64)
		}
		var left int64
		err = q.QueryRowContext(ctx, `
			SELECT (SELECT count(*) FROM delivery WHERE run IN (SELECT run FROM pruned)),
				(SELECT count(*) FROM (`+unusedMessages+`)), (SELECT count(*) FROM missed WHERE at < ?)`, before.UnixMicro()).
			Scan(&left, &p.Messages, &p.Missed)
		p.Deliveries += left
		return err
	})
	if err != nil {
		return p, fmt.Errorf("look what can be pruned: %w", err)
	}
	return p, nil
}

// Prune deletes the history from before a time: runs that ended before it, with
// all that is kept of them, what was missed before it, and messages that no run
// refers to any more. Open runs stay, ended ones that an after trigger has yet to
// look at or for which an open run waits, and the newest of all. So does what each target last had, however long
// ago: a change trigger is never to send it again.
//
// It works in many short transactions, and leaves others that write as much time
// in between as it takes. It may be stopped at any point; the next one goes on.
// It returns what it has deleted, also with an error.
//
// The file does not become smaller. Its free pages are used by what comes; a
// Backup does not have them.
func (s *SQLite) Prune(ctx context.Context, before time.Time, progress func(engine.Pruned)) (engine.Pruned, error) {
	p := pruning{SQLite: s, before: before.UnixMicro(), progress: progress}
	for _, slice := range []func(context.Context, *engine.Pruned) (bool, error){p.runs, p.missed} {
		if err := p.all(ctx, slice); err != nil {
			return p.done, fmt.Errorf("prune history: %w", err)
		}
	}
	if err := p.messages(ctx); err != nil {
		return p.done, fmt.Errorf("prune history: %w", err)
	}
	return p.done, nil
}

// pruning is a Prune under way.
type pruning struct {
	*SQLite
	before   int64
	progress func(engine.Pruned) // nil: none
	done     engine.Pruned       // committed
}

// all runs slices, each in one transaction, until there is nothing more to do.
// A slice adds what it has deleted to its engine.Pruned.
func (p *pruning) all(ctx context.Context, slice func(context.Context, *engine.Pruned) (more bool, err error)) error {
	for {
		began := time.Now()
		var more bool
		done := p.done
		err := p.transact(ctx, func(ctx context.Context) (err error) {
			more, err = slice(ctx, &done)
			return err
		})
		if err != nil {
			return err
		}
		p.done = done
		if p.progress != nil {
			p.progress(done)
		}
		if !more {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Since(began)):
		}
	}
}

// remove runs a statement that deletes, and adds how many rows to n.
func (p *pruning) remove(ctx context.Context, n *int64, query string, args ...any) error {
	r, err := p.conn.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	rows, err := r.RowsAffected()
	*n += rows
	return err
}

// prunable selects runs that may go. The newest one stays, so that the number of
// its row never comes again.
const prunable = `ended < ? AND id < (SELECT max(id) FROM run) AND NOT EXISTS (SELECT 1 FROM owed WHERE owed.run = run.id)
	AND NOT EXISTS (SELECT 1 FROM barrier WHERE barrier.run = run.id)`

// runs deletes runs. Short ones go whole; a long one goes first, so that nobody
// sees half of it, and then what it had.
func (p *pruning) runs(ctx context.Context, done *engine.Pruned) (more bool, err error) {
	var long sql.NullInt64
	if err := p.conn.QueryRowContext(ctx, `SELECT min(run) FROM pruned`).Scan(&long); err != nil {
		return false, err
	}
	if long.Valid {
		return true, p.rest(ctx, long.Int64, done)
	}
	var ids []int64
	cost, full := 0, false
	err = each(ctx, p.conn, func(r *sql.Rows) error {
		var id int64
		var total int
		err := r.Scan(&id, &total)
		if full = full || len(ids) > 0 && cost+1+2*total > pruneRows; !full {
			cost, ids = cost+1+2*total, append(ids, id)
		}
		return err
	}, `SELECT id, total FROM run WHERE `+prunable+` ORDER BY ended LIMIT ?`, p.before, pruneRows/3)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return false, err
	}
	if err := p.remove(ctx, &done.Runs, `DELETE FROM run WHERE id IN (SELECT value FROM json_each(?))`, string(list)); err != nil {
		return false, err
	}
	if cost > pruneRows { // it is alone
		_, err := p.conn.ExecContext(ctx, `INSERT INTO pruned (run) VALUES (?)`, ids[0])
		return true, err
	}
	if err := p.remove(ctx, &done.Attempts, `DELETE FROM attempt WHERE run IN (SELECT value FROM json_each(?))`, string(list)); err != nil {
		return false, err
	}
	return true, p.remove(ctx, &done.Deliveries, `DELETE FROM delivery WHERE run IN (SELECT value FROM json_each(?))`, string(list))
}

// rest deletes a slice of what a long run had.
func (p *pruning) rest(ctx context.Context, run int64, done *engine.Pruned) error {
	var end int64
	if err := p.conn.QueryRowContext(ctx, `SELECT coalesce(min(seq), 0) + ? FROM delivery WHERE run = ?`, pruneRows/2, run).Scan(&end); err != nil {
		return err
	}
	if err := p.remove(ctx, &done.Attempts, `DELETE FROM attempt WHERE run = ? AND seq < ?`, run, end); err != nil {
		return err
	}
	if err := p.remove(ctx, &done.Deliveries, `DELETE FROM delivery WHERE run = ? AND seq < ?`, run, end); err != nil {
		return err
	}
	_, err := p.conn.ExecContext(ctx, `DELETE FROM pruned WHERE run = ?1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE run = ?1)`, run)
	return err
}

func (p *pruning) missed(ctx context.Context, done *engine.Pruned) (more bool, err error) {
	had := done.Missed
	err = p.remove(ctx, &done.Missed, `DELETE FROM missed WHERE id IN (SELECT id FROM missed WHERE at < ? ORDER BY at LIMIT ?)`, p.before, pruneRows)
	return done.Missed-had == pruneRows, err
}

const unusedMessages = `SELECT id FROM message WHERE id NOT IN (SELECT message FROM delivery WHERE message IS NOT NULL)`

// messages deletes those that no delivery refers to. To find them takes a look
// at all deliveries, during which others write; so what came meanwhile is looked
// at once more when they are deleted. Deliveries come with their run alone, and
// the numbers of runs only grow.
func (p *pruning) messages(ctx context.Context) error {
	var unused []int64
	var newest int64
	err := p.view(ctx, func(q querier) error {
		if err := q.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM run`).Scan(&newest); err != nil {
			return err
		}
		return each(ctx, q, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			unused = append(unused, id)
			return err
		}, unusedMessages)
	})
	if err != nil {
		return err
	}
	return p.all(ctx, func(ctx context.Context, done *engine.Pruned) (bool, error) {
		n := min(len(unused), pruneRows)
		list, err := json.Marshal(unused[:n])
		if err != nil || n == 0 {
			return false, err
		}
		unused = unused[n:]
		return len(unused) > 0, p.remove(ctx, &done.Messages, `
			DELETE FROM message WHERE id IN (SELECT value FROM json_each(?))
				AND id NOT IN (SELECT message FROM delivery WHERE run > ? AND message IS NOT NULL)`, string(list), newest)
	})
}

// Size is the room that a state takes on its disk.
type Size struct {
	Bytes int64 // of the file, without its write-ahead log
	Free  int64 // of these; used by what comes next
}

// Size returns the size of the state.
func (s *SQLite) Size(ctx context.Context) (Size, error) {
	var size Size
	if s.read == nil {
		return size, nil
	}
	err := s.read.QueryRowContext(ctx, `
		SELECT page_size * page_count, page_size * freelist_count
		FROM pragma_page_size, pragma_page_count, pragma_freelist_count`).Scan(&size.Bytes, &size.Free)
	if err != nil {
		return size, fmt.Errorf("read size of state: %w", explain(err))
	}
	return size, nil
}
