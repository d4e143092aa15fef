package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
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

// unnamedPatience is how long Lock waits for a holder to say who it is.
const unnamedPatience = 100 * time.Millisecond

// Lock takes the lock of the state at path for this process, without waiting for
// its holder. There need be no state yet. The command is shown to others that want
// it. It returns a *LockedError if another process, or another part of this one,
// holds it.
func Lock(path, command string) (*WriterLock, error) {
	path, err := canonical(path)
	if err != nil {
		return nil, fmt.Errorf("lock state %s: %w", path, err)
	}
	text, err := note(command) // before the lock: names may take long to find
	if err != nil {
		return nil, fmt.Errorf("lock state %s: %w", path, err)
	}
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		l, holder, err := tryLock(path + ".lock")
		switch {
		case err != nil:
			return nil, fmt.Errorf("lock state %s: %w", path, explain(err))
		case l != nil:
			if _, err := l.file.WriteAt(text, 0); err != nil {
				err = fmt.Errorf("lock state %s: %w", path, explain(err))
				return nil, errors.Join(err, l.Unlock())
			}
			return l, nil
		case holder != nil && (holder.PID != 0 || time.Since(began) > unnamedPatience):
			return nil, &LockedError{Path: path, Holder: *holder}
		}
	}
}

// tryLock takes the lock by its file, and leaves the file empty. It returns the
// holder if there is one, and neither where somebody was just looking, trying, or
// giving it back.
//
// The note of a dead holder must be gone before the lock is taken, or others would
// read it as ours. That he is dead is sure from the moment that a shared lock is
// given: a living one leaves no room for it.
func tryLock(path string) (l *WriterLock, h *Holder, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if l == nil {
			f.Close()
		}
	}()
	if held, err := flock(f, shared); err != nil {
		return nil, nil, err
	} else if held {
		return nil, readHolder(f), nil
	}
	if err := f.Truncate(0); err != nil {
		return nil, nil, err
	}
	if held, err := flock(f, exclusive); err != nil || held {
		return nil, nil, err
	}
	// The last holder removes the file: one that was removed between our opening
	// and locking it locks nothing.
	if same, err := current(f); err != nil || !same {
		return nil, nil, err
	}
	// Between the two locks another one may have held it, and died.
	if err := f.Truncate(0); err != nil {
		return nil, nil, err
	}
	return &WriterLock{f}, nil, nil
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

// current tells whether a locked file is still the one of its name.
func current(f *os.File) (bool, error) {
	ours, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(ours, named), err
}

// note is what a holder writes into the lock file.
func note(command string) ([]byte, error) {
	h := Holder{PID: os.Getpid(), Command: command, Since: time.Now().UTC().Truncate(time.Second)}
	h.Host, _ = os.Hostname() // for people; unknown is no reason to fail
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	b, err := json.Marshal(h)
	return append(b, '\n'), err
}

// Unlock gives the lock back and removes its file.
func (l *WriterLock) Unlock() error {
	// Removed while still held, so that nobody else's file can be hit.
	return errors.Join(os.Remove(l.file.Name()), l.file.Close())
}
