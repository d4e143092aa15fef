package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/engine"
)

// TestMain is also the child that the tests kill.
func TestMain(m *testing.M) {
	path := os.Getenv("LEDGER_TEST_PATH")
	switch os.Getenv("LEDGER_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "hold":
		childHold(path)
	case "write":
		childWrite(path)
	case "fire":
		childFire(path)
	case "move":
		childMove(path)
	case "prune":
		childPrune(path)
	case "migrate":
		childMigrate(path)
	}
	os.Exit(1)
}

func childHold(path string) {
	l, err := Lock(path, "child")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Println("held")
	io.Copy(io.Discard, os.Stdin) // until killed, or until the test itself has ended
	l.Unlock()
}

const childGroup = 8 // deliveries that the child claims and ends at a time

// childWrite opens a state anew or again, and commits without end; after each
// commit it prints how many deliveries that had ended.
func childWrite(path string) {
	ctx := context.Background()
	s, lock := childOpen(path)
	defer lock.Unlock()
	if _, err := s.Recover(ctx, noon, "killed"); err != nil {
		childFail(err)
	}
	st, err := s.State(ctx)
	if err != nil {
		childFail(err)
	}
	if st.Serial == 0 {
		r := benchRun("01ARZ3NDEKTSV4RRFFQ69G5FAV", 8000, 1)
		if err := s.Publish(ctx, engine.Publication{Time: noon, Runs: []engine.NewRun{r}}); err != nil {
			childFail(err)
		}
		if st, err = s.State(ctx); err != nil {
			childFail(err)
		}
	}
	fmt.Println(0)
	deliveries := st.Open[0].Deliveries
	next := slices.IndexFunc(deliveries, func(d engine.DeliveryState) bool { return d.Outcome == engine.Pending })
	for i := next; i+childGroup <= len(deliveries); i += childGroup {
		b := engine.Batch{Claims: []engine.Claim{{Run: st.Open[0].ID, First: i, Last: i + childGroup - 1, N: 1, At: noon}}}
		if err := s.Commit(ctx, b); err != nil {
			childFail(err)
		}
		b = engine.Batch{}
		for j := range childGroup {
			b.Attempts = append(b.Attempts, attempt(st.Open[0].ID, i+j, 1, engine.Accepted, 0))
		}
		if err := s.Commit(ctx, b); err != nil {
			childFail(err)
		}
		fmt.Println(i + childGroup)
	}
	io.Copy(io.Discard, os.Stdin)
}

// TestKill kills a writer with SIGKILL again and again, in the midst of its
// commits: all that had returned is there, nothing is there by half, and the
// next writer goes on.
func TestKill(t *testing.T) {
	killRounds(t, "write", 12, 3, func(round, committed int, e *examinee) {
		deliveries := e.state().Open[0].Deliveries
		for i, d := range deliveries {
			// Whole groups, one after the other.
			first := deliveries[i-i%childGroup].Outcome
			if i < committed && d.Outcome == engine.Pending || d.Outcome != first {
				t.Fatalf("round %d: delivery %d is %s, its group is %s; %d had been committed", round, i, d.Outcome, first, committed)
			}
			if i > 0 && d.Outcome != engine.Pending && deliveries[i-1].Outcome == engine.Pending {
				t.Fatalf("round %d: delivery %d is %s, the one before is pending", round, i, d.Outcome)
			}
		}
	})
}

// TestCut copies a live state and cuts its write-ahead log at many lengths, as
// a stop of the machine may: what opens is always the state after some commit,
// and never an earlier one for a longer log.
func TestCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	s := openWriter(t, path)
	defer s.Close()
	r := benchRun("01ARZ3NDEKTSV4RRFFQ69G5FAV", 12, 2)
	var states []record // after each commit
	look := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, examineeOf(t, s).record())
	}
	look(nil)
	look(s.Publish(t.Context(), engine.Publication{Time: noon, Snapshot: []byte("files"), Jobs: []engine.AppliedJob{{Address: r.Job, Digest: "d"}}, Runs: []engine.NewRun{r}}))
	for i := 0; i < 12; i += 4 {
		look(s.Commit(t.Context(), claim(r.ID, i, i+3, 1, i)))
		b := engine.Batch{Time: noon}
		for j := range 4 {
			b.Attempts = append(b.Attempts, attempt(r.ID, i+j, 1, engine.Accepted, i))
		}
		if i == 8 {
			b.Ended = []string{r.ID}
		}
		look(s.Commit(t.Context(), b))
	}
	for range 2 {
		f := examineeOf(t, s).everything()
		f.Base, f.Runs[0].ID = 1, fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ69G6F%02d", len(states))
		look(s.Fire(t.Context(), f))
	}
	look(s.Pause(t.Context(), engine.Pause{Job: "a"}))
	db, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const frame = 24 + 4096 // a page and its header
	step := 997
	if testing.Short() {
		step *= 7
	}
	last := 0
	seen := map[int]bool{}
	cut := func(n int, spoil bool) {
		copied := filepath.Join(t.TempDir(), "notifyrun.db")
		tail := slices.Clone(wal[:n])
		if spoil { // the last sectors were promised and never written
			clear(tail[max(0, n-512):])
		}
		if err := errors.Join(os.WriteFile(copied, db, 0o600), os.WriteFile(copied+"-wal", tail, 0o600)); err != nil {
			t.Fatal(err)
		}
		reader, err := Open(t.Context(), copied, ReadOnly)
		if err != nil {
			t.Fatalf("cut at %d of %d bytes: %v", n, len(wal), err)
		}
		defer reader.Close()
		got := examineeOf(t, reader).record()
		which := slices.IndexFunc(states, func(r record) bool { return cmp.Equal(r, got) })
		if which < 0 {
			t.Fatalf("cut at %d of %d bytes: the state after no commit: %+v", n, len(wal), got)
		}
		if !spoil && which < last {
			t.Fatalf("cut at %d of %d bytes: commit %d, with fewer bytes it was %d", n, len(wal), which, last)
		}
		if !spoil {
			last = which
		}
		seen[which] = true
	}
	for n := 0; n <= len(wal); n += step {
		cut(n, false)
	}
	cut(len(wal), false)
	for n := 32 + frame; n <= len(wal); n += frame {
		cut(n, true)
	}
	if len(seen) != len(states) {
		t.Errorf("saw %d of %d states", len(seen), len(states))
	}
}

// TestCut_Checkpoint stops the copying of the log into the file at every page,
// as a full disk or a stop of the machine may: with the log beside it, the
// state is whole.
func TestCut_Checkpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	s := openWriter(t, path)
	r := benchRun("01ARZ3NDEKTSV4RRFFQ69G5FAV", 500, 2)
	if err := s.Publish(t.Context(), engine.Publication{Time: noon, Runs: []engine.NewRun{r}}); err != nil {
		t.Fatal(err)
	}
	want, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before, err1 := os.ReadFile(path)
	wal, err2 := os.ReadFile(path + "-wal")
	err3 := s.Close() // copies the log into the file
	after, err4 := os.ReadFile(path)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	if len(after) <= len(before) {
		t.Fatalf("the file did not grow: %d bytes, then %d", len(before), len(after))
	}
	for n := 0; n <= len(after); n += 4096 {
		half := slices.Concat(after[:n], before[min(n, len(before)):])
		copied := filepath.Join(t.TempDir(), "notifyrun.db")
		if err := errors.Join(os.WriteFile(copied, half, 0o600), os.WriteFile(copied+"-wal", wal, 0o600)); err != nil {
			t.Fatal(err)
		}
		reader, err := Open(t.Context(), copied, ReadOnly)
		if err != nil {
			t.Fatalf("stopped after %d of %d bytes: %v", n, len(after), err)
		}
		got, err := reader.State(t.Context())
		if err := errors.Join(err, reader.Close()); err != nil {
			t.Fatalf("stopped after %d of %d bytes: %v", n, len(after), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("stopped after %d of %d bytes:\n%s", n, len(after), diff)
		}
	}
}
