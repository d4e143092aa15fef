// Package ledger keeps the durable record of runs, deliveries and attempts.
//
// SQLite is the ledger in one file, for one machine. Its write-ahead log is
// synced at every commit, so what a method has written survives the death of
// the process and of the machine, whole or not at all. One process writes,
// under a Lock that dies with it; any number read beside it.
package ledger

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// SQLite is a ledger in an SQLite file. Its methods may be called from several
// goroutines.
type SQLite struct {
	path   string
	access string // how path is opened
	mode   Mode

	read  *sql.DB // nil: there is no file, and nothing in the ledger
	write *sql.DB // nil: for reading only

	patience time.Duration // how long a transaction waits for those of other processes

	mu   sync.Mutex         // one writing transaction at a time
	conn *conn              // of write, the one that is used
	runs map[string]openRun // runs that Commit has met, by id
}

var _ engine.DaemonLedger = (*SQLite)(nil)

// openRun is what a commit must know of a run that is open.
type openRun struct {
	row, total int
	folds      bool // some of its deliveries may have a revision, of which its end is to be remembered
}

// openWriter brings the file to the present format and prepares to write.
func (s *SQLite) openWriter(ctx context.Context, path string) (err error) {
	// The log is taken over into the file every 16 MB, and cut to 32 MB where a
	// large publication or a slow reader has let it grow beyond. Measured with
	// BenchmarkFire: a firing touches many pages once, which a smaller log or cache
	// would have written again and again.
	s.write, err = connect(ctx, path, "mode=rw", "journal_mode(WAL)", "wal_autocheckpoint(4000)", "cache_size(-32768)", "journal_size_limit(33554432)")
	if err != nil {
		return err
	}
	if err := s.bring(ctx); err != nil {
		return err
	}
	if err := contradiction(ctx, s.write, briefChecks); err != nil {
		return err
	}
	c, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	// What waits after this is begin.
	if _, err := c.ExecContext(ctx, `PRAGMA busy_timeout = 5`); err != nil {
		return errors.Join(err, c.Close())
	}
	s.conn, s.runs = &conn{c, make(map[string]*sql.Stmt)}, make(map[string]openRun)
	return nil
}

// Close closes the ledger. It is to be called once,
// when no other method is running.
func (s *SQLite) Close() error {
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// begin waits for its turn. SQLite has no queue: each that waits looks now and
// then. By itself it would look ever more seldom, down to ten times a second, so
// that others who write without a pause could keep one out for long.
func (s *SQLite) begin(ctx context.Context) error {
	for began := time.Now(); ; {
		// Its end must not be taken for a failure where it has begun.
		_, err := s.conn.ExecContext(context.WithoutCancel(ctx), `BEGIN IMMEDIATE`)
		if err == nil || !busy(err) || time.Since(began) > s.patience {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// drive is transact for what only the process that drives the runs may do.
func (s *SQLite) drive(ctx context.Context, fn func(context.Context) error) error {
	if s.mode == Beside {
		return ErrBeside
	}
	return s.transact(ctx, fn)
}

// transact runs fn within one transaction on the writing connection. A context
// that ends later does not cut it short: it is over in a moment, and the caller
// is to know whether it happened.
func (s *SQLite) transact(ctx context.Context, fn func(context.Context) error) (err error) {
	if s.write == nil {
		return ErrReadOnly
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx); err != nil {
		return explain(err)
	}
	ctx = context.WithoutCancel(ctx)
	if s.mode == Beside {
		err = s.sameFormat(ctx)
	}
	if err == nil {
		err = fn(ctx)
	}
	if err == nil {
		_, err = s.conn.ExecContext(ctx, `COMMIT`)
	}
	if err != nil {
		_, _ = s.conn.ExecContext(ctx, `ROLLBACK`) // where the disk is full, SQLite has done so already
	}
	return explain(err)
}
