package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes the state as it is at this moment into a new file at path (mode
// 0600), packed, and opens like any other state. Who writes to the state goes on
// meanwhile; its write-ahead log is taken over into the file when the copy is
// done. What is at path already is never replaced, and a copy that fails leaves
// nothing behind; where the machine stops in the midst, a file of that name with
// ".new-" and a number may remain.
func (s *SQLite) Backup(ctx context.Context, path string) error {
	err := s.backup(ctx, path)
	if err != nil {
		return fmt.Errorf("back up state to %s: %w", path, explain(err))
	}
	return nil
}

func (s *SQLite) backup(ctx context.Context, path string) error {
	if s.read == nil {
		return errors.New("there is no state yet")
	}
	if _, err := os.Lstat(path); err == nil { // place would find out, but late
		return fs.ErrExist
	}
	return s.copyTo(ctx, path, place)
}

// copyTo copies what is committed now into a file that gets its name when it is
// whole and on disk, by place or replace.
func (s *SQLite) copyTo(ctx context.Context, path string, name func(tmp, path string) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	tmp := f.Name()
	defer func() { err = errors.Join(err, remove(tmp)) }()
	if err := f.Close(); err != nil {
		return err
	}
	db, err := connect(ctx, s.path, s.access)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, tmp)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if f, err = os.OpenFile(tmp, os.O_RDWR, 0); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return name(tmp, path)
}
