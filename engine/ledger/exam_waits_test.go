package ledger

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

// waits is for what each open run waits, by its id.
func (e *examinee) waits() map[string][]engine.Waited {
	e.Helper()
	all := map[string][]engine.Waited{}
	for _, r := range e.state().Open {
		all[r.ID] = r.Waits
	}
	for _, r := range e.listRuns(engine.RunQuery{}) {
		if on, open := all[r.ID]; open || len(r.Waits) > 0 {
			equal(e.T, "what the summary waits for", r.Waits, on)
		}
	}
	return all
}

// Runs of one publication wait for others of it, until these have succeeded.
func examWaits(t *testing.T, e *examinee) {
	a, b, c, d := e.newRun("a", "r", 2), e.newRun("b", "r", 1), e.newRun("c", "r", 1), e.newRun("d", "r", 1)
	d.Waits = []string{a.ID, b.ID}
	c.Waits = d.Waits
	b.Waits = []string{a.ID}
	e.publish(engine.Publication{Runs: []engine.NewRun{d, c, b, a}}) // in whatever order
	on := func(ended bool, runs ...engine.NewRun) (all []engine.Waited) {
		for _, r := range runs {
			all = append(all, engine.Waited{Run: r.ID, Job: r.Job, Ended: ended})
		}
		return all
	}
	for range 2 {
		equal(t, "before", e.waits(), map[string][]engine.Waited{a.ID: nil, b.ID: on(false, a), c.ID: on(false, b, a), d.ID: on(false, b, a)})
		e.reopen()
	}
	e.send(a.ID, 0, 1, engine.Accepted, 1)
	e.send(a.ID, 1, 1, engine.Answered, 1)
	e.commit(engine.Batch{Ended: []string{a.ID}, Time: at(2)})
	equal(t, "once one has succeeded", e.waits(), map[string][]engine.Waited{b.ID: nil, c.ID: on(false, b), d.ID: on(false, b)})
	e.send(b.ID, 0, 1, engine.Rejected, 3)
	e.commit(engine.Batch{Ended: []string{b.ID}, Time: at(4)})
	for range 2 {
		equal(t, "once one has failed", e.waits(), map[string][]engine.Waited{c.ID: on(true, b), d.ID: on(true, b)})
		e.reopen()
	}
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(c.ID, 0, 0, engine.Canceled, 5)}, Ended: []string{c.ID}, Time: at(5)})
	equal(t, "while one is left", e.waits(), map[string][]engine.Waited{d.ID: on(true, b)})
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(d.ID, 0, 0, engine.Canceled, 5)}, Ended: []string{d.ID}, Time: at(5)})
	equal(t, "in the end", e.waits(), map[string][]engine.Waited{})
	// What was not sent counts as not delivered.
	equal(t, "delivered", len(e.state().Delivered["c"]), 0)
}

// Runs also wait for those of before, and for one that has ended since that was
// planned. They cannot wait for one that is not there.
func examWaitsEarlier(t *testing.T, e *examinee) {
	a, b := e.start("a", "r", 1), e.start("b", "r", 1)
	e.send(b, 0, 1, engine.Unknown, 1)
	e.commit(engine.Batch{Ended: []string{b}, Time: at(1)})
	none := e.newRun("c", "r", 1)
	none.Waits = []string{"01ARZ3NDEKTSV4RRFFQ69G5FZZ"}
	before := e.state()
	if err := e.Publish(e.Context(), engine.Publication{Base: before.Serial, Time: at(2), Runs: []engine.NewRun{none}}); !errors.Is(err, ErrNoRun) {
		t.Errorf("wait for a run that is not there: %v", err)
	}
	equal(t, "state", e.state(), before)
	c := e.newRun("c", "r", 1)
	c.Waits = []string{a, b}
	e.publish(engine.Publication{Runs: []engine.NewRun{c}})
	equal(t, "waits", e.waits()[c.ID], []engine.Waited{{Run: a, Job: "a"}, {Run: b, Job: "b", Ended: true}})
	empty := e.newRun("d", "r", 0)
	empty.Waits = []string{a}
	e.publish(engine.Publication{Runs: []engine.NewRun{empty}}) // it has ended
	equal(t, "open", len(e.state().Open), 2)
}

// A run for which an open one waits is not pruned, and then it is. No number of
// what runs wait for comes twice while one has it.
func TestPrune_waited(t *testing.T) {
	s := openWriter(t, filepath.Join(t.TempDir(), "notifyrun.db"))
	defer s.Close()
	e := examineeOf(t, s)
	a := e.past(e.newRun("a", "r", 1), 1)
	b := e.newRun("b", "r", 1)
	b.Waits = []string{a.ID}
	e.publish(engine.Publication{Runs: []engine.NewRun{b}})
	sound(t, s)
	prune := func(want int64) {
		t.Helper()
		able, err := s.Prunable(t.Context(), at(100))
		if err != nil {
			t.Fatal(err)
		}
		done, err := s.Prune(t.Context(), at(100), nil)
		if err != nil || done.Runs != want || able.Runs != want {
			t.Errorf("pruned %+v, prunable %+v, %v, want %d runs", done, able, err, want)
		}
		sound(t, s)
	}
	prune(0)
	equal(t, "waits", len(e.waits()[b.ID]), 0)
	c, d := e.newRun("c", "r", 1), e.newRun("d", "r", 1)
	d.Waits = []string{c.ID}
	e.publish(engine.Publication{Runs: []engine.NewRun{c, d}})
	e.send(b.ID, 0, 1, engine.Accepted, 2)
	e.commit(engine.Batch{Ended: []string{b.ID}, Time: at(2)})
	sound(t, s)
	prune(2)
	f := e.newRun("f", "r", 1)
	f.Waits = []string{d.ID}
	e.publish(engine.Publication{Runs: []engine.NewRun{f}})
	sound(t, s)
	equal(t, "waits", e.waits(), map[string][]engine.Waited{c.ID: nil, d.ID: {{Run: c.ID, Job: "c"}}, f.ID: {{Run: d.ID, Job: "d"}}})
}
