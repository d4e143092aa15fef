package ledger

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

func TestSQLite(t *testing.T) {
	exam(t, func(t *testing.T) func() engine.DaemonLedger {
		path := filepath.Join(t.TempDir(), "notifyrun.db")
		return func() engine.DaemonLedger { return openWriter(t, path) }
	})
}

func openWriter(t testing.TB, path string) *SQLite {
	t.Helper()
	return mustOpen(t, path, ReadWrite)
}

func mustOpen(t testing.TB, path string, mode Mode) *SQLite {
	t.Helper()
	s, err := Open(t.Context(), path, mode)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSQLite_snapshot looks at what the daemon is to run one day: the last
// applied configuration, which a fire leaves alone.
func TestSQLite_snapshot(t *testing.T) {
	s := openWriter(t, filepath.Join(t.TempDir(), "notifyrun.db"))
	defer s.Close()
	for serial, snapshot := range [][]byte{[]byte("first"), []byte("second\x00"), nil} {
		if err := s.Publish(t.Context(), engine.Publication{Base: uint64(serial), Time: noon, Snapshot: snapshot}); err != nil {
			t.Fatal(err)
		}
	}
	var serial, rows int
	var content []byte
	if err := s.read.QueryRow(`SELECT serial, content, count(*) FROM snapshot`).Scan(&serial, &content, &rows); err != nil {
		t.Fatal(err)
	}
	if serial != 2 || string(content) != "second\x00" || rows != 1 {
		t.Errorf("serial %d, %q, %d rows", serial, content, rows)
	}
}

// TestMigrate brings a state to a format that is to come, and back here.
func TestMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	s := openWriter(t, path)
	if err := s.Publish(t.Context(), engine.Publication{Time: noon, Runs: []engine.NewRun{benchRun("01A", 2, 1)}}); err != nil {
		t.Fatal(err)
	}
	want, err := s.State(t.Context())
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	now := migrations
	defer func() { migrations = now }()

	migrations = append(slices.Clone(now), `ALTER TABLE run ADD COLUMN note TEXT`, `this is not SQL`)
	if s, err := Open(t.Context(), path, ReadWrite); err == nil {
		s.Close()
		t.Error("a step that failed was overlooked")
	}
	migrations = now
	s = openWriter(t, path) // as it was
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	migrations = append(slices.Clone(now), `ALTER TABLE run ADD COLUMN note TEXT`)
	if s, err := Open(t.Context(), path, ReadOnly); err == nil {
		s.Close()
		t.Error("read a state of an older format")
	}
	s = openWriter(t, path)
	if _, err := s.read.Exec(`SELECT note FROM run`); err != nil {
		t.Error(err)
	}
	got, err := s.State(t.Context())
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	equal(t, "state", got, want)
	migrations = now
	for _, err := range openBoth(t, path) {
		if !errors.Is(err, ErrNewer) {
			t.Errorf("%v, want ErrNewer", err)
		}
	}
}
