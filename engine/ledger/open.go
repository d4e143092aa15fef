package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Mode tells what a ledger is opened for.
type Mode int

const (
	// ReadOnly opens any number of readers, beside a writer too. Each call
	// sees what was committed when it began.
	ReadOnly Mode = iota
	// ReadWrite opens the one writer that drives the runs. Its process must hold
	// the Lock.
	ReadWrite
	// Beside opens a state for writing that another process may hold the Lock of
	// and drive the runs of: for Publish, Pause, Unpause, Prune and Backup. It
	// takes no Lock but for the moment in which it makes a state, or brings one to
	// the present format; where another process holds it, it returns a
	// *LockedError instead.
	Beside
)

// Open opens the state at path. If there is none, ReadWrite creates it (mode
// 0600, in a directory that must be there), while ReadOnly gives an empty
// ledger and creates nothing.
//
// It returns an error that wraps ErrNotState, ErrNewer, ErrDamaged or
// ErrDiskFull where these apply. A creation that fails leaves no file behind;
// an existing file is never replaced, and what is not a state stays as it is
// to the last byte.
func Open(ctx context.Context, path string, mode Mode) (*SQLite, error) {
	var s *SQLite
	err := besideNobody(path, mode, func() (err error) {
		s, err = open(ctx, path, mode)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open state %s: %w", path, explain(err))
	}
	return s, nil
}

func open(ctx context.Context, path string, mode Mode) (s *SQLite, err error) {
	s = &SQLite{path: path, mode: mode, patience: 10 * time.Second}
	write := mode != ReadOnly
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !write:
		return s, nil
	case errors.Is(err, fs.ErrNotExist):
		if err := create(ctx, path); err != nil {
			return nil, err
		}
		defer func() { // there may have been room for the file, and none to use it
			if err != nil {
				err = errors.Join(err, remove(path))
			}
		}()
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("it is not a regular file: %w", ErrNotState)
	default:
		if err := inspect(ctx, path); err != nil {
			return nil, err
		}
	}
	s.access = "mode=rw"
	s.read, err = connect(ctx, path, s.access, "query_only(1)")
	if err == nil && write {
		err = s.openWriter(ctx, path)
	}
	if err == nil {
		err = s.current(ctx)
	}
	if err != nil && !write && readOnlyPlace(err, path) {
		s.Close()
		s.access = "mode=ro&immutable=1"
		if s.read, err = connect(ctx, path, s.access); err == nil {
			err = s.current(ctx)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// current tells whether the state has the present format, now with what stands
// in the write-ahead log in view.
func (s *SQLite) current(ctx context.Context) error {
	format, err := format(ctx, s.read)
	if err == nil && format < len(migrations) {
		err = &OldFormatError{format, len(migrations)}
	}
	return err
}

// OldFormatError is why a reader refuses a state that an earlier version has
// written. Who opens it ReadWrite brings it to the present format.
type OldFormatError struct{ Format, Present int }

func (e *OldFormatError) Error() string {
	return fmt.Sprintf("it has the older format %d; run notifyrun apply once to bring it to format %d", e.Format, e.Present)
}

// remove removes an SQLite file that we have made, and what stands beside it.
func remove(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// readOnlyPlace tells whether a state could not be opened because nothing can be
// written where it lies, and has no write-ahead log: it can be read as it is,
// since nobody can be writing to it there.
func readOnlyPlace(err error, path string) bool {
	var s *sqlite.Error
	if !errors.As(err, &s) {
		return false
	}
	switch s.Code() & 0xff {
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		_, wal := os.Stat(path + "-wal")
		return errors.Is(wal, fs.ErrNotExist)
	}
	return false
}

// connect opens a pool of connections to an SQLite file. SQLite alone may ever
// open the file: a descriptor of our own, closed, would take away the locks
// that this process has on it.
func connect(ctx context.Context, path, query string, pragmas ...string) (*sql.DB, error) {
	// A full sync at every commit is what the ledger promises. A file from
	// somebody else must not run what its schema says.
	for _, p := range append([]string{"busy_timeout(10000)", "synchronous(FULL)", "trusted_schema(OFF)"}, pragmas...) {
		query += "&_pragma=" + url.QueryEscape(p)
	}
	name := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// inspect tells whether a file is a state that we can open. It leaves the file
// and its directory alone: "immutable" neither recovers nor checkpoints.
//
// It does not see the write-ahead log either. A file into which the log was
// being copied when the machine stopped or the disk was full looks damaged
// without it, and is whole with it; open finds out.
func inspect(ctx context.Context, path string) error {
	err := func() error {
		db, err := connect(ctx, path, "mode=ro&immutable=1")
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = format(ctx, db)
		return err
	}()
	if errors.Is(explain(err), ErrDamaged) {
		if wal, e := os.Stat(path + "-wal"); e == nil && wal.Size() > 0 {
			return nil
		}
	}
	return err
}

// format reads the format of a state. It returns an error if the file is not
// one, or is newer than this program.
func format(ctx context.Context, db *sql.DB) (int, error) {
	var id uint32
	if err := db.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id); err != nil {
		return 0, err
	}
	if id != applicationID {
		return 0, fmt.Errorf("it is empty or belongs to another program: %w", ErrNotState)
	}
	var format int
	if err := db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&format); err != nil {
		return 0, err
	}
	if format > len(migrations) {
		return 0, fmt.Errorf("it has format %d, this program knows formats up to %d: %w", format, len(migrations), ErrNewer)
	}
	if format < 1 {
		return 0, fmt.Errorf("it has format %d: %w", format, ErrDamaged)
	}
	return format, nil
}

// create makes a new state: whole in a file beside it first, which then gets
// the name. Whenever it fails, or the machine stops, there is no file at path.
func create(ctx context.Context, path string) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	tmp := f.Name()
	defer func() { err = errors.Join(err, remove(tmp)) }()
	if err := f.Close(); err != nil {
		return err
	}
	db, err := connect(ctx, tmp, "mode=rw")
	if err != nil {
		return err
	}
	err = migrate(ctx, db, 0)
	if err == nil {
		_, err = db.ExecContext(ctx, `INSERT INTO state (lineage, serial, applied_at) VALUES (?, 0, ?)`, rand.Text(), time.Time{}.UnixMicro())
	}
	if err == nil {
		_, err = db.ExecContext(ctx, `PRAGMA journal_mode = WAL`)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return place(tmp, path)
}

// place gives a file, that is whole and on disk, its name, and makes that last.
// It never replaces what has that name.
func place(tmp, path string) error {
	// A link does not replace what has come to be there since we looked.
	if err := os.Link(tmp, path); errors.Is(err, fs.ErrExist) {
		return err
	} else if err != nil {
		// Some file systems have no links.
		if _, e := os.Lstat(path); !errors.Is(e, fs.ErrNotExist) {
			return err
		}
		return replace(tmp, path)
	}
	return syncDir(filepath.Dir(path))
}

// replace does so too, and replaces what has that name.
func replace(tmp, path string) error {
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
