package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := openWriter(t, filepath.Join(dir, "notifyrun.db"))
	defer s.Close()
	e := examineeOf(t, s)
	e.publish(engine.Publication{Snapshot: []byte("files"), Jobs: []engine.AppliedJob{{Address: "a", Digest: "d"}}})
	e.fire(e.everything())
	e.commit(claim(e.state().Open[0].ID, 0, 0, 1, 1))
	want, reader := e.record(), mustOpen(t, filepath.Join(dir, "notifyrun.db"), ReadOnly)
	defer reader.Close()
	for name, from := range map[string]*SQLite{"größe 'x' 100%?#.db": s, "by a reader": reader} {
		copied := filepath.Join(t.TempDir(), name)
		if err := from.Backup(t.Context(), copied); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(copied)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		equal(t, "files", len(files(t, filepath.Dir(copied))), 1)
		for _, mode := range []Mode{ReadOnly, ReadWrite} {
			c := mustOpen(t, copied, mode)
			equal(t, "record", examineeOf(t, c).record(), want)
			sound(t, c)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		before := files(t, filepath.Dir(copied))
		if err := s.Backup(t.Context(), copied); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over an existing file: %v", err)
		}
		equal(t, "files", files(t, filepath.Dir(copied)), before)
	}
}

func TestBackup_refused(t *testing.T) {
	dir := t.TempDir()
	s := openWriter(t, filepath.Join(t.TempDir(), "notifyrun.db"))
	defer s.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(canceled, filepath.Join(dir, "copy.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if err := s.Backup(t.Context(), filepath.Join(dir, "no", "copy.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into no directory: %v", err)
	}
	if err := s.Backup(t.Context(), s.path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over itself: %v", err)
	}
	none := mustOpen(t, filepath.Join(dir, "notifyrun.db"), ReadOnly)
	if err := none.Backup(t.Context(), filepath.Join(dir, "copy.db")); err == nil {
		t.Error("a copy of nothing")
	}
	equal(t, "files", files(t, dir), map[string]string{})
}

// TestBackup_busy copies a state while a writer commits: each copy is the state
// after some commit, whole.
func TestBackup_busy(t *testing.T) {
	dir := t.TempDir()
	s := openWriter(t, filepath.Join(dir, "notifyrun.db"))
	defer s.Close()
	aged(t, s, 500, 2000)
	const group = 8
	r := benchRun("01ARZ3NDEKTSV4RRFFQ69G5FAV", 4000, 1)
	if err := s.Publish(t.Context(), engine.Publication{Base: 1, Runs: []engine.NewRun{r}}); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; i < 4000; i += group {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := s.Commit(context.Background(), claim(r.ID, i, i+group-1, 1, i)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	last := 0
	for _, name := range []string{"1.db", "2.db", "3.db"} {
		if err := s.Backup(t.Context(), filepath.Join(dir, name)); err != nil {
			t.Error(err)
			break
		}
		c := mustOpen(t, filepath.Join(dir, name), ReadOnly)
		sound(t, c)
		n := 0
		for _, d := range examineeOf(t, c).state().Open[0].Deliveries {
			if d.Outcome == engine.InFlight {
				n++
			}
		}
		if n%group != 0 || n < last {
			t.Errorf("%s: %d are in flight, %d before", name, n, last)
		}
		last = n
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
