package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// HolderOf returns who holds the lock of the state at path, nil if nobody does.
// It writes nothing.
func HolderOf(path string) (*Holder, error) {
	path, err := canonical(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no directory, no lock
	}
	if err == nil {
		var h *Holder
		if h, err = holderOf(path + ".lock"); err == nil {
			return h, nil
		}
	}
	return nil, fmt.Errorf("look who writes to state %s: %w", path, err)
}

func holderOf(lock string) (*Holder, error) {
	f, err := os.Open(lock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the last holder has removed it
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// One that was left behind by a crash is locked for a moment.
	if held, err := flock(f); err != nil || !held {
		return nil, err
	}
	h := &Holder{}
	if b, err := io.ReadAll(io.LimitReader(f, 4096)); err == nil && json.Unmarshal(b, h) != nil {
		*h = Holder{} // a half-written note leaves the holder unnamed
	}
	return h, nil
}
