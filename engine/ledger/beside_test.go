package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// TestBeside opens a state beside the one who drives its runs, and tries all
// that is his alone.
func TestBeside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	lock, err := Lock(path, "notifyrun serve")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	var locked *LockedError
	if _, err := Open(t.Context(), path, Beside); !errors.As(err, &locked) {
		t.Fatalf("made a state that another is about to make: %v", err)
	}
	driver := openWriter(t, path)
	defer driver.Close()
	beside := mustOpen(t, path, Beside)
	defer beside.Close()
	d, b := examineeOf(t, driver), examineeOf(t, beside)
	d.runs = 50 // whose ids are his own

	r := b.newRun("a", "", 2)
	b.publish(engine.Publication{Snapshot: []byte("x"), Jobs: []engine.AppliedJob{{Address: "a"}}, Runs: []engine.NewRun{r}})
	d.commit(claim(r.ID, 0, 0, 1, 1)) // drives what came from beside
	before := b.record()
	cancel := engine.Publication{Base: 1, Canceled: []engine.Attempt{attempt(r.ID, 1, 0, engine.Canceled, 1)}}
	for name, err := range map[string]error{
		"commit": beside.Commit(t.Context(), claim(r.ID, 1, 1, 1, 1)),
		"fire":   beside.Fire(t.Context(), engine.Firings{Base: 1}),
		"report": beside.Report(t.Context(), engine.DaemonStatus{PID: 1}),
		"cancel": beside.Publish(t.Context(), cancel),
		"end":    beside.Publish(t.Context(), engine.Publication{Base: 1, Ended: []string{r.ID}}),
	} {
		if !errors.Is(err, ErrBeside) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := beside.Recover(t.Context(), noon, "x"); !errors.Is(err, ErrBeside) {
		t.Errorf("recover: %v", err)
	}
	equal(t, "record", b.record(), before)

	if err := beside.Pause(t.Context(), engine.Pause{Job: "a"}); err != nil {
		t.Error(err)
	}
	if was, err := beside.Unpause(t.Context(), "a"); !was || err != nil {
		t.Error(was, err)
	}
	equal(t, "seen by the driver", d.version(), engine.Version{Serial: 1, Control: 2})
	b.publish(engine.Publication{Removed: []string{"a"}}) // its run goes on
	d.commit(engine.Batch{Attempts: []engine.Attempt{attempt(r.ID, 0, 1, engine.Accepted, 2), attempt(r.ID, 1, 0, engine.Canceled, 2)}, Ended: []string{r.ID}})
	d.past(d.newRun("b", "", 1), 3)
	if p, err := beside.Prune(t.Context(), at(10), nil); err != nil || p.Runs != 1 {
		t.Error(p, err)
	}
	sound(t, driver)
}

// TestBeside_first makes a state where there is none, and nobody at work.
func TestBeside_first(t *testing.T) {
	dir := t.TempDir()
	open := func() engine.DaemonLedger { return mustOpen(t, filepath.Join(dir, "notifyrun.db"), Beside) }
	e := &examinee{T: t, DaemonLedger: open(), open: open}
	examEmptyDaemon(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	equal(t, "files", len(files(t, dir)), 1)
}

// TestBeside_busy has a daemon fire, send and end runs in a loop, while others
// beside it publish runs, pause, prune and copy, and one looks: nothing is lost,
// nothing is seen by half, and nobody gets an error.
func TestBeside_busy(t *testing.T) {
	rounds := 30
	if testing.Short() {
		rounds /= 3
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "notifyrun.db")
	driver := openWriter(t, path)
	defer driver.Close()
	driver.patience = time.Minute // whatever else the machine does
	examineeOf(t, driver).publish(engine.Publication{Snapshot: []byte("0"), Jobs: []engine.AppliedJob{{Address: "a"}}})

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var others sync.WaitGroup
	beside := func(mode Mode, step func(s *SQLite, n int) error) *atomic.Int64 {
		s := mustOpen(t, path, mode)
		t.Cleanup(func() { s.Close() })
		s.patience = time.Minute
		n := new(atomic.Int64)
		others.Go(func() {
			for ; ctx.Err() == nil; n.Add(1) {
				if err := step(s, int(n.Load())); err != nil {
					t.Error(err)
					return
				}
			}
		})
		return n
	}
	run := func(kind string, n int) engine.NewRun {
		r := benchRun(fmt.Sprintf("01ARZ3NDEKTSV4RRF%s%08d", kind, n), 3, 1)
		r.Deliveries[0].Revision, r.Deliveries[1].Revision, r.Deliveries[2].Revision = "", "", ""
		return r
	}
	published := beside(Beside, func(s *SQLite, n int) error {
		state, err := s.State(t.Context())
		if err != nil {
			return err
		}
		// As an apply does: nobody else publishes, so the serial is right.
		return s.Publish(t.Context(), engine.Publication{Base: state.Serial, Time: noon, Runs: []engine.NewRun{run("P", n)}})
	})
	paused := beside(Beside, func(s *SQLite, n int) error {
		if err := s.Pause(t.Context(), engine.Pause{Job: "a", Reason: fmt.Sprint(n)}); err != nil {
			return err
		}
		was, err := s.Unpause(t.Context(), "a")
		if err == nil && !was {
			err = errors.New("the pause was lost")
		}
		return err
	})
	beside(Beside, func(s *SQLite, n int) error {
		_, err := s.Prune(t.Context(), at(-1), nil) // what ended long ago
		return err
	})
	beside(ReadOnly, func(s *SQLite, n int) error {
		if n%10 == 0 {
			if err := s.Backup(t.Context(), filepath.Join(dir, fmt.Sprint(n, ".db"))); err != nil {
				return err
			}
		}
		runs, err := s.Runs(t.Context(), engine.RunQuery{})
		for _, r := range runs {
			sum := 0
			for _, n := range r.Outcomes {
				sum += n
			}
			if sum != r.Total {
				return fmt.Errorf("run %s has %d deliveries: %v", r.ID, sum, r.Outcomes)
			}
		}
		return err
	})

	ended, n := 0, 0
	for done := false; !done; n++ {
		state, err := driver.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var claims, ends engine.Batch
		for _, o := range state.Open {
			claims.Claims = append(claims.Claims, engine.Claim{Run: o.ID, Last: 2, N: 1, At: noon})
			for i := range 3 {
				ends.Attempts = append(ends.Attempts, attempt(o.ID, i, 1, engine.Accepted, n))
			}
			ends.Ended = append(ends.Ended, o.ID)
		}
		ends.Time = noon
		for _, b := range []engine.Batch{claims, ends} {
			if err := driver.Commit(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		ended += len(state.Open)
		old := run("O", n) // for the prune
		old.Deliveries = nil
		f := engine.Firings{Base: 1, Time: at(-9), Runs: []engine.NewRun{run("F", n), old}, Settled: []engine.Settled{{TriggerKey: key("a", 0), Until: at(n)}}}
		if err := driver.Fire(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if done = t.Failed() || n+1 >= rounds && published.Load() > 0 && paused.Load() > 0; done {
			stop()
			others.Wait()
		}
	}
	e := examineeOf(t, driver)
	sound(t, driver)
	equal(t, "runs that have ended and are open", ended+len(e.state().Open), n+int(published.Load()))
	equal(t, "version", e.version(), engine.Version{Serial: uint64(1 + published.Load()), Control: uint64(2 * paused.Load())})
	equal(t, "settled", e.settled()[key("a", 0)], at(n-1))
}

// TestBeside_kept has another process keep the turn to write: who waits gives up
// after its patience, or when its context ends, and has written nothing.
func TestBeside_kept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	s := openWriter(t, path)
	defer s.Close()
	equal(t, "patience", s.patience, 10*time.Second)
	other := mustOpen(t, path, Beside)
	defer other.Close()
	if err := other.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	pause := func(ctx context.Context) (time.Duration, error) {
		began := time.Now()
		err := s.Pause(ctx, engine.Pause{Job: "a"})
		return time.Since(began), err
	}
	const moment = 50 * time.Millisecond
	s.patience = moment
	if took, err := pause(t.Context()); err == nil || !strings.Contains(err.Error(), "another program holds the file, let it finish") || took < moment {
		t.Errorf("gave up after %s: %v", took, err)
	}
	s.patience = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), moment)
	defer cancel()
	if took, err := pause(ctx); !errors.Is(err, context.DeadlineExceeded) || took < moment {
		t.Errorf("gave up after %s: %v", took, err)
	}
	if _, err := other.conn.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	equal(t, "pauses", len(examineeOf(t, s).pauses()), 0)
	if _, err := pause(t.Context()); err != nil {
		t.Error(err)
	}
}
