package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"time"
)

// Holder is who holds the lock of a state, as written in the lock file.
type Holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	User    string    `json:"user"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// LockedError is returned when another process writes to the state.
type LockedError struct {
	Path   string // of the state
	Holder Holder // zero if it could not be read
}

func (e *LockedError) Error() string {
	h := e.Holder
	if h.PID == 0 {
		return fmt.Sprintf("lock state %s: another process is writing to it; wait until it has ended, then try again", e.Path)
	}
	return fmt.Sprintf("lock state %s: %q (process %d of user %s on %s) has been writing to it since %s; wait until it has ended, or stop it, then try again",
		e.Path, h.Command, h.PID, h.User, h.Host, h.Since.Format(time.RFC3339))
}

// WriterLock is the right to write to a state. The kernel takes it back when
// its holder dies, however it dies, so a lock file that remains means nothing
// by itself.
type WriterLock struct{ file *os.File }

// Lock takes the lock of the state at path for this process, without waiting.
// There need be no state yet. The command is shown to others that want it. It returns a *LockedError if
// another process, or another part of this one, holds it.
func Lock(path, command string) (*WriterLock, error) {
	path, err := canonical(path)
	if err != nil {
		return nil, fmt.Errorf("lock state %s: %w", path, err)
	}
	for {
		f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock state %s: %w", path, explain(err))
		}
		if held, err := flock(f); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock state %s: %w", path, err)
		} else if held {
			locked := &LockedError{Path: path}
			if b, err := io.ReadAll(io.LimitReader(f, 4096)); err == nil {
				// A half-written note leaves the holder unnamed.
				if json.Unmarshal(b, &locked.Holder) != nil {
					locked.Holder = Holder{}
				}
			}
			f.Close()
			return nil, locked
		}
		l := &WriterLock{file: f}
		// The last holder removes the file: one that was removed between our
		// opening and locking it locks nothing.
		if same, err := l.current(); err != nil || !same {
			f.Close()
			if err != nil {
				return nil, fmt.Errorf("lock state %s: %w", path, err)
			}
			continue
		}
		if err := l.note(command); err != nil {
			err = fmt.Errorf("lock state %s: %w", path, explain(err))
			return nil, errors.Join(err, l.Unlock())
		}
		return l, nil
	}
}

// canonical gives a state one name, so that it has one lock, whatever symbolic
// links lead to it.
func canonical(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path, err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return path, err
	}
	return filepath.Join(dir, filepath.Base(abs)), nil
}

// current tells whether the locked file is still the one of that name.
func (l *WriterLock) current() (bool, error) {
	ours, err := l.file.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(l.file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(ours, named), err
}

// note writes who we are into the lock file.
func (l *WriterLock) note(command string) error {
	h := Holder{PID: os.Getpid(), Command: command, Since: time.Now().UTC().Truncate(time.Second)}
	h.Host, _ = os.Hostname() // for people; unknown is no reason to fail
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(append(b, '\n'), 0)
	return err
}

// Unlock gives the lock back and removes its file.
func (l *WriterLock) Unlock() error {
	// Removed while still held, so that nobody else's file can be hit.
	return errors.Join(os.Remove(l.file.Name()), l.file.Close())
}
