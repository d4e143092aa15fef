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
	// Who looks disturbs nobody else who does, and is not taken for a holder.
	if held, err := flock(f, shared); err != nil || !held {
		return nil, err
	}
	return readHolder(f), nil
}

// readHolder reads the note of a lock that is held. A half-written one leaves the
// holder unnamed.
func readHolder(f *os.File) *Holder {
	h := &Holder{}
	if b, err := io.ReadAll(io.LimitReader(f, 4096)); err == nil && json.Unmarshal(b, h) != nil {
		*h = Holder{}
	}
	return h
}
