package ledger

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

func childFail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// childOpen opens a state as the only one who drives its runs.
func childOpen(path string) (*SQLite, *WriterLock) {
	lock, err := Lock(path, "child")
	if err != nil {
		childFail(err)
	}
	s, err := Open(context.Background(), path, ReadWrite)
	if err != nil {
		childFail(err)
	}
	return s, lock
}

// childFire fires without end, one due time of one schedule after the other;
// each firing also pays the debt of the one before. After each it prints how many
// there are.
func childFire(path string) {
	ctx := context.Background()
	s, lock := childOpen(path)
	defer lock.Unlock()
	runs, err := s.Runs(ctx, engine.RunQuery{})
	if err != nil {
		childFail(err)
	}
	for i := len(runs); ; i++ {
		r := benchRun(fmt.Sprintf("01ARZ3NDEKTSV4RRFF%08d", i), 1+i%9, 1)
		r.Followers = []engine.TriggerKey{key("f", 0)}
		f := engine.Firings{Time: at(i), Runs: []engine.NewRun{r}, Settled: []engine.Settled{{TriggerKey: key("a", 0), Until: at(i)}},
			Missed: []engine.Missed{{TriggerKey: key("a", 0), Reason: engine.MissedOverlap, At: at(i)}}}
		if i > 0 {
			f.Paid = []engine.Debt{{Run: fmt.Sprintf("01ARZ3NDEKTSV4RRFF%08d", i-1), Follower: key("f", 0)}}
		}
		if err := s.Fire(ctx, f); err != nil {
			childFail(err)
		}
		fmt.Println(i + 1)
	}
}

// killRounds kills a child in the midst of what it does without end, each time some
// more of its steps later. Then what it has left is looked at, with how many steps
// had returned by then, as it has printed.
func killRounds(t *testing.T, role string, rounds, more int, look func(round, done int, e *examinee)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	done := 0
	for round := range rounds {
		cmd, lines := startChild(t, role, path)
		done = max(done, lastNumber(lines, 1+more*round))
		kill(t, cmd)
		done = max(done, lastNumber(lines, math.MaxInt))
		s := mustOpen(t, path, ReadOnly)
		sound(t, s)
		look(round, done, examineeOf(t, s))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if done < rounds {
		t.Errorf("the children have done %d steps", done)
	}
}

// lastNumber reads some lines, or less if the child has ended, and gives the
// number on the last one.
func lastNumber(lines *bufio.Scanner, some int) (last int) {
	for ; some > 0 && lines.Scan(); some-- {
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			last = n
		}
	}
	return last
}

// TestKill_fire kills a daemon in the midst of its firings: each due time that it
// settled has its run, and each that had returned is settled.
func TestKill_fire(t *testing.T) {
	killRounds(t, "fire", 12, 4, func(round, fired int, e *examinee) {
		open, owed, missed := len(e.state().Open), e.owed(), len(e.missed(engine.MissedQuery{}))
		if open < fired || missed != open || len(owed) != 1 || owed[0].Run != e.state().Open[open-1].ID {
			t.Fatalf("round %d: %d runs after %d, %d missed, %v owed", round, open, fired, missed, owed)
		}
		equal(t, "settled", e.settled()[key("a", 0)], at(open-1))
	})
}

// told is a context that prints a line at each look at it.
type told struct{ context.Context }

func (c told) Err() error {
	fmt.Println("slice")
	return c.Context.Err()
}

func childPrune(path string) {
	s, err := Open(context.Background(), path, Beside)
	if err != nil {
		childFail(err)
	}
	if _, err := s.Prune(told{context.Background()}, at(1_000_000), nil); err != nil {
		childFail(err)
	}
}

// TestKill_prune kills a prune in mid-slice: runs are there whole or not at all,
// and the next one takes the rest.
func TestKill_prune(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	s := openWriter(t, path)
	defer s.Close()
	const runs = 1500
	aged(t, s, runs, 8000)
	state := examineeOf(t, s).state()
	left := runs
	for round := range 5 {
		cmd, lines := startChild(t, "prune", path)
		for n := 0; n < 1+round%3 && lines.Scan(); n++ {
		}
		kill(t, cmd)
		sound(t, s)
		now := len(examineeOf(t, s).listRuns(engine.RunQuery{}))
		if now > left || now < 1 {
			t.Fatalf("round %d: %d runs, there were %d", round, now, left)
		}
		left = now
	}
	if left == runs {
		t.Error("no child has pruned anything")
	}
	if _, err := s.Prune(t.Context(), at(1_000_000), nil); err != nil {
		t.Fatal(err)
	}
	sound(t, s)
	equal(t, "runs", len(examineeOf(t, s).listRuns(engine.RunQuery{})), 1)
	equal(t, "state", examineeOf(t, s).state(), state)
	for table, want := range map[string]int{"delivery": 1 + (runs-1)%4, "attempt": 1 + (runs-1)%4, "message": 1, "pruned": 0} {
		var n int
		if err := s.read.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil || n != want {
			t.Errorf("%d rows of %s are left, want %d, %v", n, table, want, err)
		}
	}
}

// childMove moves a job to and fro without end; in the same publication goes a run
// of it. After each it prints how many there are.
func childMove(path string) {
	ctx := context.Background()
	s, lock := childOpen(path)
	defer lock.Unlock()
	for {
		st, err := s.State(ctx)
		if err != nil {
			childFail(err)
		}
		i := int(st.Serial)
		from, to := movingJob(i), movingJob(i+1)
		p := engine.Publication{Base: st.Serial, Time: at(i), Snapshot: []byte(to), Moved: []engine.Moved{{From: from, To: to}}}
		if i == 0 {
			p.Moved, p.Jobs, p.Settled = nil, []engine.AppliedJob{{Address: to}}, []engine.Settled{{TriggerKey: key(to, 0), Until: at(0)}}
		}
		r := benchRun(fmt.Sprintf("01ARZ3NDEKTSV4RRFF%08d", i), 1, 1)
		r.Job, r.Followers = to, []engine.TriggerKey{key(to, 1)}
		p.Runs = []engine.NewRun{r}
		if err := s.Publish(ctx, p); err != nil {
			childFail(err)
		}
		fmt.Println(i + 1)
	}
}

func movingJob(i int) string { return []string{"here", "there"}[i%2] }

// TestKill_move kills a writer in the midst of moving a job: it is at one address
// with all that it has, and at no other.
func TestKill_move(t *testing.T) {
	killRounds(t, "move", 8, 3, func(round, moved int, e *examinee) {
		st := e.state()
		serial := int(st.Serial)
		if serial < moved {
			t.Fatalf("round %d: serial %d after %d publications", round, serial, moved)
		}
		job := movingJob(serial)
		if _, ok := st.Jobs[job]; !ok || len(st.Jobs) != 1 || len(st.Open) != serial || len(st.Moved) != serial-1 {
			t.Fatalf("round %d: %v after %d publications, %d runs, %d moves", round, st.Jobs, serial, len(st.Open), len(st.Moved))
		}
		for _, r := range st.Open {
			if r.Job != job {
				t.Fatalf("round %d: an open run of %s, the job is %s now", round, r.Job, job)
			}
		}
		for _, o := range e.owed() {
			if o.Job != job || o.Follower.Job != job {
				t.Fatalf("round %d: %s is owed a run of %s, the job is %s now", round, o.Follower.Job, o.Job, job)
			}
		}
		if _, ok := e.settled()[key(job, 0)]; !ok || len(e.settled()) != 1 {
			t.Fatalf("round %d: settled %v, the job is %s now", round, e.settled(), job)
		}
	})
}
