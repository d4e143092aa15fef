package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// bring brings the state to the present format. There is no way back, so a copy
// of the state as it was is kept beside it first. Beside another process it needs
// the lock: nobody who drives runs may find another format under his feet.
func (s *SQLite) bring(ctx context.Context) error {
	old, err := format(ctx, s.write)
	if err != nil || old == len(migrations) {
		return err
	}
	step := func() error {
		f, err := format(ctx, s.write) // somebody may have brought it meanwhile
		if err != nil || f == len(migrations) {
			return err
		}
		name := fmt.Sprintf("%s.format%d.bak", s.path, f)
		if err := s.copyTo(ctx, name, replace); err != nil {
			return fmt.Errorf("keep a copy as %s: %w", name, err)
		}
		return migrate(ctx, s.write, f)
	}
	if s.mode == Beside {
		err = locked(s.path, step)
	} else {
		err = step()
	}
	if err != nil {
		return fmt.Errorf("bring it from format %d to format %d: %w", old, len(migrations), err)
	}
	return nil
}

// locked runs fn under the lock of a state.
func locked(path string, fn func() error) error {
	lock, err := Lock(path, "notifyrun")
	if err != nil {
		return err
	}
	return errors.Join(fn(), lock.Unlock())
}

// besideNobody runs fn, which is to open a state. Beside, where there is none,
// it does so under the lock: only one makes it.
func besideNobody(path string, mode Mode, fn func() error) error {
	if _, err := os.Stat(path); mode == Beside && errors.Is(err, fs.ErrNotExist) {
		return locked(path, fn)
	}
	return fn()
}

// sameFormat finds out a later notifyrun that has brought the state to its own
// format since this ledger was opened. It is to be asked within a transaction.
func (s *SQLite) sameFormat(ctx context.Context) error {
	var f int
	if err := s.conn.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&f); err != nil {
		return err
	}
	if f != len(migrations) {
		return fmt.Errorf("it has format %d since a moment ago, this program knows formats up to %d: %w", f, len(migrations), ErrNewer)
	}
	return nil
}

// migrate brings a state from a format to the present one, in one transaction.
func migrate(ctx context.Context, db *sql.DB, from int) error {
	if from == len(migrations) {
		return nil
	}
	script := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		strings.Join(migrations[from:], ";\n"), applicationID, len(migrations))
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, script); err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`) // SQLite may have done so already
		return err
	}
	return nil
}
