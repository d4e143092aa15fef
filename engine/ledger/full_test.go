//go:build linux

package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

// smallDisk mounts a file system of that many kilobytes.
func smallDisk(t *testing.T, kilobytes string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small disk needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+kilobytes+"k"); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all room that is left, to the last byte, and gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	return fillBut(t, dir, 0)
}

// fillBut leaves that many kilobytes.
func fillBut(t *testing.T, dir string, kilobytes int) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if kilobytes > 0 {
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(max(0, info.Size()-int64(kilobytes)*1024)); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDisk fills the disk of a state that is in use: what was committed
// stays, what has no room is refused whole, and all goes on once there is room.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "2048")
	path := filepath.Join(dir, "notifyrun.db")
	s := openWriter(t, path)
	r := benchRun("01ARZ3NDEKTSV4RRFFQ69G5FAV", 1000, 1)
	if err := s.Publish(t.Context(), engine.Publication{Time: noon, Runs: []engine.NewRun{r}}); err != nil {
		t.Fatal(err)
	}
	next := 0
	step := func() error {
		b := claim(r.ID, next, next, 1, next)
		if next > 0 {
			b.Attempts = []engine.Attempt{attempt(r.ID, next-1, 1, engine.Accepted, next)}
		}
		err := s.Commit(t.Context(), b)
		if err == nil {
			next++
		}
		return err
	}
	check := func() {
		t.Helper()
		st, err := s.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range st.Open[0].Deliveries {
			want := engine.Pending
			if i == next-1 {
				want = engine.InFlight
			} else if i < next {
				want = engine.Accepted
			}
			if d.Outcome != want {
				t.Fatalf("after %d commits delivery %d is %s, want %s", next, i, d.Outcome, want)
			}
		}
	}
	for round := range 3 {
		for range 5 {
			if err := step(); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		free := fill(t, dir)
		refused := 0
		for tries := 0; refused < 3 && tries < 900; tries++ { // the log may have room within itself
			if err := step(); errors.Is(err, ErrDiskFull) {
				refused++
			} else if err != nil {
				t.Fatalf("round %d, full: %v", round, err)
			}
		}
		if refused == 0 {
			t.Fatalf("round %d: the disk never was full", round)
		}
		check()
		if err := s.Publish(t.Context(), engine.Publication{Base: 1, Runs: []engine.NewRun{benchRun("01ARZ3NDEKTSV4RRFFQ69G5FB0", 5000, 1)}}); !errors.Is(err, ErrDiskFull) {
			t.Errorf("round %d: publish on a full disk: %v", round, err)
		}
		check()
		free()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWriter(t, path)
	defer s.Close()
	check()
	if err := step(); err != nil {
		t.Error(err)
	}
}

// TestFullDisk_fire has a daemon go on firing on a full disk: what is not
// recorded has not fired, by no part of it.
func TestFullDisk_fire(t *testing.T) {
	dir := smallDisk(t, "2048")
	s := openWriter(t, filepath.Join(dir, "notifyrun.db"))
	defer s.Close()
	e := examineeOf(t, s)
	next := 0
	step := func() error {
		r := benchRun(fmt.Sprintf("01ARZ3NDEKTSV4RRFF%08d", next), 20, 1)
		r.Followers = []engine.TriggerKey{key("f", 0)}
		err := s.Fire(t.Context(), engine.Firings{Runs: []engine.NewRun{r}, Settled: []engine.Settled{{TriggerKey: key("a", 0), Until: at(next)}},
			Missed: []engine.Missed{{TriggerKey: key("a", 0), Reason: engine.MissedLate, At: at(next)}}})
		if err == nil {
			next++
		}
		return err
	}
	check := func() {
		t.Helper()
		if open, owed, missed := len(e.state().Open), len(e.owed()), len(e.missed(engine.MissedQuery{})); open != next || owed != next || missed != next {
			t.Fatalf("after %d firings: %d open runs, %d owed, %d missed", next, open, owed, missed)
		}
		equal(t, "settled", e.settled()[key("a", 0)], at(next-1))
		sound(t, s)
	}
	for round := range 3 {
		for range 5 {
			if err := step(); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		free := fill(t, dir)
		refused := 0
		for tries := 0; refused < 3 && tries < 900; tries++ { // the log may have room within itself
			if err := step(); errors.Is(err, ErrDiskFull) {
				refused++
			} else if err != nil {
				t.Fatalf("round %d, full: %v", round, err)
			}
		}
		if refused == 0 {
			t.Fatalf("round %d: the disk never was full", round)
		}
		check()
		free()
	}
	if err := step(); err != nil {
		t.Fatal(err)
	}
	check()
}

// TestFullDisk_prune prunes and backs up on a full disk: to make room in the
// state takes some room too.
func TestFullDisk_prune(t *testing.T) {
	const runs = 1500
	dir := smallDisk(t, "8192")
	s := openWriter(t, filepath.Join(dir, "notifyrun.db"))
	defer s.Close()
	aged(t, s, runs, 1000)
	// The log is to have no room within itself.
	if _, err := s.conn.ExecContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		t.Fatal(err)
	}
	before := len(files(t, dir))
	free := fill(t, dir)
	if err := s.Backup(t.Context(), filepath.Join(dir, "copy.db")); !errors.Is(err, ErrDiskFull) {
		t.Errorf("a copy on a full disk: %v", err)
	}
	p, err := s.Prune(t.Context(), at(2*runs), nil)
	if !errors.Is(err, ErrDiskFull) || p != (engine.Pruned{}) {
		t.Errorf("%+v, %v", p, err)
	}
	sound(t, s)
	equal(t, "runs", len(examineeOf(t, s).listRuns(engine.RunQuery{})), runs)
	free()
	equal(t, "files", len(files(t, dir)), before)
	if p, err = s.Prune(t.Context(), at(2*runs), nil); err != nil || p.Runs != runs-1 {
		t.Errorf("%+v, %v", p, err)
	}
	sound(t, s)
}

// TestFullDisk_create makes states where there is less room than one needs: it
// is refused with the reason, and nothing remains.
func TestFullDisk_create(t *testing.T) {
	made := false
	for _, kilobytes := range []string{"4", "8", "16", "32", "48", "64", "96", "128", "160", "192", "256", "512"} {
		dir := smallDisk(t, kilobytes)
		path := filepath.Join(dir, "notifyrun.db")
		s, err := Open(t.Context(), path, ReadWrite)
		if err == nil {
			made = true
			if err := s.Close(); err != nil {
				t.Errorf("%s kB: %v", kilobytes, err)
			}
			continue
		}
		if !errors.Is(err, ErrDiskFull) {
			t.Errorf("%s kB: %v", kilobytes, err)
		}
		equal(t, kilobytes+" kB: files", files(t, dir), map[string]string{})
	}
	if !made {
		t.Error("no disk was large enough")
	}
}

// TestMigrate_full has less and less room for a migration: it takes place, or
// leaves the state as it was.
func TestMigrate_full(t *testing.T) {
	refused := 0
	for room := 64; room <= 2560; room += 256 {
		dir := smallDisk(t, "8192")
		path := filepath.Join(dir, "notifyrun.db")
		oldState(t, path, true)
		free := fillBut(t, dir, room)
		s, err := Open(t.Context(), path, ReadWrite)
		if err == nil {
			kept(t, s, true)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		refused++
		if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), fmt.Sprintf("from format 1 to format %d", len(migrations))) {
			t.Errorf("%d kB: %v", room, err)
		}
		free()
		equal(t, "format", formatOf(t, path), 1)
		for name := range files(t, dir) {
			if name != "notifyrun.db" && name != "notifyrun.db.format1.bak" {
				t.Errorf("%d kB: %s remains", room, name)
			}
		}
		s = openWriter(t, path)
		kept(t, s, true)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if refused == 0 {
		t.Error("there was always room")
	}
}
