package ledger

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// oldState makes a state of format 1, with rows in each of its tables, and a few
// thousand more deliveries where long.
func oldState(t *testing.T, path string, long bool) {
	t.Helper()
	now := migrations
	defer func() { migrations = now }()
	migrations = []string{format1}
	if err := create(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	us := func(seconds int) int64 { return at(seconds).UnixMicro() }
	script := fmt.Sprintf(`
		UPDATE state SET lineage = 'LINEAGE', serial = 3, applied_at = %d;
		INSERT INTO snapshot VALUES (2, x'66696c6573');
		INSERT INTO job VALUES ('a', 'd1', '{"x":1}'), ('b', 'd2', '');
		INSERT INTO revision VALUES ('a', 'PJSIP/1001', 'r1', 'accepted', '01ARZ3NDEKTSV4RRFFQ69G5F01', 1);
		INSERT INTO run VALUES
			(1, '01ARZ3NDEKTSV4RRFFQ69G5F01', 'a', 'pbx.hq', 'change', 'firmware', 1, %d, 2, %d, '{"accepted":1,"rejected":1}'),
			(2, '01ARZ3NDEKTSV4RRFFQ69G5F02', 'b', 'pbx.hq', 'fire', '', 3, %d, 3, NULL, NULL);
		INSERT INTO message VALUES (1, 'm1', '{"event":"check-sync"}');
		INSERT INTO delivery VALUES (1, 0, 'PJSIP/1001', 1, 'r1'), (1, 1, 'PJSIP/1002', 1, 'r1'),
			(2, 0, 'PJSIP/1001', 1, ''), (2, 1, 'PJSIP/1002', 1, ''), (2, 2, 'PJSIP/1003', NULL, '');
		INSERT INTO attempt VALUES (1, 0, 1, 'accepted', 'sent', %d, %d), (1, 1, 1, 'rejected', 'no', %d, %d), (2, 0, 1, 'accepted', 'sent', %d, %d);
		INSERT INTO claim VALUES (2, 1, 0, 1, %d);`,
		us(1), us(1), us(9), us(20), us(2), us(3), us(4), us(5), us(21), us(22), us(21))
	if long {
		script += `
			WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
			INSERT INTO run SELECT i, printf('01ARZ3NDEKTSV4RRFFQ6900%08d', i), 'a', 'pbx.hq', 'fire', '', 3, i, 0, i, '{}' FROM n;`
	}
	execute(t, path, script)
}

// kept holds a state against all that oldState has put there.
func kept(t *testing.T, s *SQLite, long bool) {
	t.Helper()
	e := examineeOf(t, s)
	sound(t, s)
	first := engine.RunHeader{ID: "01ARZ3NDEKTSV4RRFFQ69G5F01", Job: "a", PBX: "pbx.hq", Cause: engine.Cause{Kind: "change", Detail: "firmware"}, Created: at(1)}
	second := engine.RunHeader{ID: "01ARZ3NDEKTSV4RRFFQ69G5F02", Job: "b", PBX: "pbx.hq", Cause: engine.Cause{Kind: "fire"}, Created: at(20)}
	to := func(seq int, message string) engine.Delivery {
		return engine.Delivery{Seq: seq, Target: phone(seq), Message: message}
	}
	equal(t, "state", e.state(), &engine.State{Lineage: "LINEAGE", Serial: 3, Newest: 2, AppliedAt: at(1), Pauses: map[string]engine.Pause{},
		Jobs:      map[string]engine.AppliedJob{"a": {Address: "a", Digest: "d1", Spec: json.RawMessage(`{"x":1}`)}, "b": {Address: "b", Digest: "d2"}},
		Delivered: delivered{"a": {phone(0): {Revision: "r1", Outcome: engine.Accepted, Run: first.ID}}},
		Open: []engine.OpenRun{{RunHeader: second, Serial: 3, Deliveries: []engine.DeliveryState{
			{Delivery: to(0, "m1"), Outcome: engine.Accepted, Attempts: 1}, {Delivery: to(1, "m1"), Outcome: engine.InFlight, Attempts: 1}, {Delivery: to(2, ""), Outcome: engine.Pending}}}},
	})
	for id, want := range map[string]engine.RunSummary{
		first.ID:  {RunHeader: first, Serial: 1, Ended: at(9), Total: 2, Outcomes: map[engine.Outcome]int{engine.Accepted: 1, engine.Rejected: 1}},
		second.ID: {RunHeader: second, Serial: 3, Total: 3, Outcomes: map[engine.Outcome]int{engine.Accepted: 1, engine.InFlight: 1, engine.Pending: 1}},
	} {
		equal(t, "run", e.listRuns(engine.RunQuery{ID: id}), []engine.RunSummary{want})
	}
	runs := 2
	if long {
		runs = 2500
	}
	equal(t, "runs", len(e.listRuns(engine.RunQuery{})), runs)
	var history []string
	for _, h := range e.history(engine.HistoryQuery{}) {
		history = append(history, fmt.Sprint(h.Run[24:], h.Target, h.Outcome, h.Text, h.Started.Sub(noon), h.Message))
	}
	equal(t, "history", history, []string{"01PJSIP/1001acceptedsent2sm1", "01PJSIP/1002rejectedno4sm1", "02PJSIP/1001acceptedsent21sm1", "02PJSIP/1002in_flight21sm1"})
	equal(t, "applied", e.applied(), &engine.Applied{Serial: 2, Snapshots: map[uint64][]byte{2: []byte("files")}, Jobs: map[string]uint64{"a": 2, "b": 2}})
	equal(t, "version", e.version(), engine.Version{Serial: 3})
	equal(t, "settled", e.settled(), map[engine.TriggerKey]time.Time{})
}

// formatOf reads the format of a file, its log included.
func formatOf(t *testing.T, path string) int {
	t.Helper()
	db, err := connect(t.Context(), path, "mode=rw")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	f, err := format(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestMigrate_format1(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "notifyrun.db")
	oldState(t, path, false)
	before := files(t, dir)
	if _, err := Open(t.Context(), path, ReadOnly); err == nil || !strings.Contains(err.Error(), "older format 1") {
		t.Errorf("read an older state: %v", err)
	}
	equal(t, "files after a reader", files(t, dir)["notifyrun.db"], before["notifyrun.db"])
	for range 2 {
		s := openWriter(t, path)
		kept(t, s, false)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	bak := path + ".format1.bak"
	if info, err := os.Stat(bak); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the copy: %v, %v", info, err)
	}
	equal(t, "files", len(files(t, dir)), 2)
	equal(t, "format of the copy", formatOf(t, bak), 1)

	// The way back, and forth again: what is done anew does not hinder it.
	if err := os.Rename(bak, path); err != nil {
		t.Fatal(err)
	}
	execute(t, path, `UPDATE state SET serial = 3`)
	s := openWriter(t, path)
	defer s.Close()
	kept(t, s, false)
	e := examineeOf(t, s)
	e.publish(engine.Publication{Snapshot: []byte("new"), Selected: []string{"b"}})
	equal(t, "applied", e.applied().Jobs, map[string]uint64{"a": 2, "b": 4})
}

// TestMigrate_beside opens an older state beside whoever holds the lock, and
// where nobody does.
func TestMigrate_beside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "notifyrun.db")
	oldState(t, path, false)
	lock, err := Lock(path, "notifyrun serve")
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := Open(t.Context(), path, Beside); !errors.As(err, &locked) || !strings.Contains(err.Error(), "notifyrun serve") || !strings.Contains(err.Error(), "format 1") {
		t.Errorf("beside a daemon: %v", err)
	}
	equal(t, "format", formatOf(t, path), 1)
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, path, Beside)
	defer s.Close()
	kept(t, s, false)
	if lock, err = Lock(path, "test"); err != nil {
		t.Fatal("the lock was kept:", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}

	// A later notifyrun takes over meanwhile.
	execute(t, path, fmt.Sprintf(`PRAGMA user_version = %d`, len(migrations)+1))
	before := examineeOf(t, s).record()
	if err := s.Publish(t.Context(), engine.Publication{Base: 3}); !errors.Is(err, ErrNewer) {
		t.Errorf("publish in a newer format: %v", err)
	}
	equal(t, "record", examineeOf(t, s).record(), before)
}

// TestMigrate_cut cuts the log that a migration wrote at many lengths: the state
// has one format or the other, and goes on from there with all that it had.
func TestMigrate_cut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	oldState(t, path, false)
	s := openWriter(t, path) // with an open log
	defer s.Close()
	db, err1 := os.ReadFile(path)
	wal, err2 := os.ReadFile(path + "-wal")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for n := len(wal); n >= 0; n = min(n-1, n-len(wal)/15) {
		copied := filepath.Join(t.TempDir(), "notifyrun.db")
		if err := errors.Join(os.WriteFile(copied, db, 0o600), os.WriteFile(copied+"-wal", wal[:n], 0o600)); err != nil {
			t.Fatal(err)
		}
		seen[formatOf(t, copied)] = true
		s := openWriter(t, copied)
		kept(t, s, false)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "formats", seen, map[int]bool{1: true, len(migrations): true})
}

func childMigrate(path string) {
	fmt.Println("opening")
	s, err := Open(context.Background(), path, ReadWrite)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Println("open")
	io.Copy(io.Discard, os.Stdin)
	s.Close()
}

// TestMigrate_killed kills the migration of a state at various points.
func TestMigrate_killed(t *testing.T) {
	// Each waits for a sign that the child has got so far.
	sign := func(name string) func(string, *bufio.Scanner) {
		return func(dir string, _ *bufio.Scanner) {
			for {
				entries, err := os.ReadDir(dir)
				if err != nil {
					t.Fatal(err)
				}
				if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.Contains(e.Name(), name) }) {
					return
				}
			}
		}
	}
	for name, wait := range map[string]func(string, *bufio.Scanner){
		"at once":          func(_ string, lines *bufio.Scanner) { lines.Scan() },
		"log":              sign(".db-wal"),
		"copying":          sign(".new-"),
		"copied":           sign(".format1.bak"),
		"just when opened": func(_ string, lines *bufio.Scanner) { lines.Scan(); lines.Scan() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "notifyrun.db")
			oldState(t, path, true)
			cmd, lines := startChild(t, "migrate", path)
			wait(dir, lines)
			kill(t, cmd)
			f := formatOf(t, path)
			if _, err := os.Stat(path + ".format1.bak"); f == len(migrations) && err != nil {
				t.Error("no copy of the older format:", err)
			}
			s := openWriter(t, path)
			defer s.Close()
			kept(t, s, true)
		})
	}
}
