package ledger

import (
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrDiskFull is wrapped by every error that lack of room has caused.
	// Nothing of what was to be written is there; what was written before is,
	// and writing works again once there is room.
	ErrDiskFull = errors.New("no room left on the disk of the state; make room and try again")

	// ErrNotState is wrapped where a file is not a notifyrun state.
	ErrNotState = errors.New("not a notifyrun state; name another file in the state block, or move this one away")

	// ErrNewer is wrapped where a state was written by a later notifyrun.
	ErrNewer = errors.New("written by a newer notifyrun; use that version, or a later one")

	// ErrDamaged is wrapped where a state contradicts itself.
	ErrDamaged = errors.New("the state is damaged; keep a copy and bring back a backup")

	// ErrReadOnly is returned when writing to a ledger that is open for reading.
	ErrReadOnly = errors.New("the state is open for reading only")

	// ErrBeside is returned by what only the process that drives the runs may do.
	ErrBeside = errors.New("the state is open beside the process that drives its runs")

	// ErrNoRun is wrapped where no run has the id or prefix that was asked for.
	ErrNoRun = errors.New("no such run")
)

// busy tells whether another process holds what an operation needs.
func busy(err error) bool {
	var s *sqlite.Error
	return errors.As(err, &s) && s.Code()&0xff == sqlite3.SQLITE_BUSY
}

// explain gives SQLite's and the system's errors the sentinel that says what
// to do. It keeps the cause.
func explain(err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{ErrDiskFull, ErrNotState, ErrNewer, ErrDamaged, ErrReadOnly, ErrBeside, ErrNoRun} {
		if errors.Is(err, known) {
			return err
		}
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w (%w)", ErrDiskFull, err)
	}
	var s *sqlite.Error
	if !errors.As(err, &s) {
		return err
	}
	switch code := s.Code(); {
	// The index of the write-ahead log is a file of fixed steps: what fails to
	// grow it is lack of room.
	case code&0xff == sqlite3.SQLITE_FULL, code == sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w (%w)", ErrDiskFull, err)
	case code&0xff == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", ErrNotState, err)
	case code&0xff == sqlite3.SQLITE_CORRUPT, code == sqlite3.SQLITE_IOERR_SHORT_READ:
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	case code&0xff == sqlite3.SQLITE_CANTOPEN, code&0xff == sqlite3.SQLITE_READONLY, code&0xff == sqlite3.SQLITE_PERM:
		return fmt.Errorf("%w; check that this user may read and write the file and its directory", err)
	case code&0xff == sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%w; another program holds the file, let it finish", err)
	}
	return err
}
