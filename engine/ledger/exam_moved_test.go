package ledger

import (
	"slices"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// examMoved gives a job another address: what it has had, what is settled, its
// pause and its debts go along; its open run goes on under it, and runs that have
// ended keep theirs and are found by either.
func examMoved(t *testing.T, e *examinee) {
	ended, other := e.newRun("a", "r1", 2), e.newRun("c", "r1", 1)
	ended.Followers = []engine.TriggerKey{key("f", 0)}
	past := e.newRun("a", "r0", 1)
	e.publish(engine.Publication{Snapshot: []byte("1"), Runs: []engine.NewRun{past, ended, other}, Settled: []engine.Settled{{TriggerKey: key("a", 1), Until: at(5)}, {TriggerKey: key("c", 0), Until: at(6)}},
		Jobs: []engine.AppliedJob{{Address: "a", Digest: "d"}, {Address: "c"}, {Address: "f"}}})
	for _, r := range []engine.NewRun{past, ended} {
		for i := range r.Deliveries {
			e.send(r.ID, i, 1, engine.Accepted, 10+i)
		}
		e.commit(engine.Batch{Ended: []string{r.ID}, Time: at(20)})
	}
	open := e.newRun("a", "r2", 2)
	open.Followers = []engine.TriggerKey{key("a", 2)} // as if it followed itself: its debt is to a, of a run of a
	missed := engine.Missed{TriggerKey: key("a", 1), Reason: engine.MissedLate, At: at(21)}
	e.fire(engine.Firings{Runs: []engine.NewRun{open}, Missed: []engine.Missed{missed}})
	e.send(open.ID, 0, 1, engine.Accepted, 30)
	if err := e.Pause(t.Context(), engine.Pause{Job: "a", Reason: "fair", Since: at(1)}); err != nil {
		t.Fatal(err)
	}

	e.publish(engine.Publication{Snapshot: []byte("2"), Time: at(40), Moved: []engine.Moved{{From: "a", To: "b"}}})
	check := func() {
		t.Helper()
		st := e.state()
		equal(t, "jobs", st.Jobs, map[string]engine.AppliedJob{"b": {Address: "b", Digest: "d"}, "c": {Address: "c"}, "f": {Address: "f"}})
		equal(t, "delivered", st.Delivered, delivered{"b": {
			phone(0): {Revision: "r2", Outcome: engine.Accepted, Run: open.ID},
			phone(1): {Revision: "r1", Outcome: engine.Accepted, Run: ended.ID}}})
		equal(t, "moved", st.Moved, []engine.Moved{{From: "a", To: "b", Serial: 2}})
		equal(t, "pauses", st.Pauses, map[string]engine.Pause{"b": {Job: "b", Reason: "fair", Since: at(1)}})
		equal(t, "open runs", []string{st.Open[0].Job, st.Open[1].Job}, []string{"c", "b"})
		equal(t, "settled", e.settled(), map[engine.TriggerKey]time.Time{key("b", 1): at(5), key("c", 0): at(6)})
		equal(t, "applied", e.applied().Jobs, map[string]uint64{"b": 2, "c": 2, "f": 2})
		var owed []string
		for _, o := range e.owed() {
			owed = append(owed, o.Run+" of "+o.Job+" to "+o.Follower.Job)
		}
		equal(t, "owed", owed, []string{ended.ID + " of b to f", open.ID + " of b to b"})
	}
	check()
	e.reopen()
	check()
	e.send(open.ID, 1, 1, engine.Accepted, 50)
	e.commit(engine.Batch{Ended: []string{open.ID}, Time: at(51)})
	equal(t, "what the open run has brought", e.state().Delivered["b"][phone(1)], engine.Delivered{Revision: "r2", Outcome: engine.Accepted, Run: open.ID})

	// A job that takes the old address has a past of its own.
	again := e.newRun("a", "r9", 1)
	later := engine.Missed{TriggerKey: key("a", 0), Reason: engine.MissedLate, At: at(60)}
	e.publish(engine.Publication{Snapshot: []byte("3"), Jobs: []engine.AppliedJob{{Address: "a"}}, Runs: []engine.NewRun{again}})
	e.fire(engine.Firings{Missed: []engine.Missed{later}})
	for job, want := range map[string]struct{ runs, missed int }{"a": {2, 2}, "b": {3, 1}, "c": {1, 0}, "f": {0, 0}} {
		equal(t, "runs of "+job, len(e.listRuns(engine.RunQuery{Job: job})), want.runs)
		equal(t, "missed of "+job, len(e.missed(engine.MissedQuery{Job: job})), want.missed)
	}
	equal(t, "jobs of the runs", jobsOf(e.listRuns(engine.RunQuery{})), []string{"a", "b", "c", "b", "a"})
	equal(t, "history of a", len(e.history(engine.HistoryQuery{Job: "a"})), 1)
	equal(t, "history of b", len(e.history(engine.HistoryQuery{Job: "b"})), 5)
	equal(t, "the last two of b", len(e.history(engine.HistoryQuery{Job: "b", Limit: 2, Since: at(1)})), 2)
}

func jobsOf(runs []engine.RunSummary) []string {
	var jobs []string
	for _, r := range runs {
		jobs = append(jobs, r.Job)
	}
	return jobs
}

// examMovedOn moves a job on and on, and back to where it began.
func examMovedOn(t *testing.T, e *examinee) {
	var ids []string
	job := "a"
	for i, to := range []string{"b", "c", "a", "d"} {
		id := e.start(job, "r", 1)
		e.send(id, 0, 1, engine.Accepted, i)
		e.commit(engine.Batch{Ended: []string{id}})
		e.publish(engine.Publication{Moved: []engine.Moved{{From: job, To: to}}})
		ids, job = append(ids, id), to
		var found []string
		for _, r := range e.listRuns(engine.RunQuery{Job: to}) {
			found = append(found, r.ID)
		}
		slices.Reverse(found)
		equal(t, "runs of "+to, found, ids)
	}
	equal(t, "jobs", len(e.state().Jobs), 1)
	equal(t, "runs of b", jobsOf(e.listRuns(engine.RunQuery{Job: "b"})), []string{"b", "a"})
}

// examMovedOnto moves a job to where it was fired by hand and paused already: that
// is the later word. Where another job was applied it cannot go.
func examMovedOnto(t *testing.T, e *examinee) {
	old, byHand := e.newRun("a", "r1", 2), e.newRun("b", "r2", 1)
	e.publish(engine.Publication{Jobs: []engine.AppliedJob{{Address: "a"}, {Address: "x"}}, Runs: []engine.NewRun{old, byHand}})
	for _, r := range []engine.NewRun{old, byHand} {
		for i := range r.Deliveries {
			e.send(r.ID, i, 1, engine.Accepted, i)
		}
		e.commit(engine.Batch{Ended: []string{r.ID}})
	}
	for _, job := range []string{"a", "b"} {
		if err := e.Pause(t.Context(), engine.Pause{Job: job, Reason: job}); err != nil {
			t.Fatal(err)
		}
	}
	before := e.record()
	if err := e.Publish(t.Context(), engine.Publication{Base: before.State.Serial, Moved: []engine.Moved{{From: "a", To: "b"}, {From: "b", To: "x"}}}); err == nil {
		t.Error("a job was moved onto another one")
	}
	equal(t, "record", e.record(), before)
	e.publish(engine.Publication{Moved: []engine.Moved{{From: "a", To: "b"}}})
	equal(t, "delivered", e.state().Delivered, delivered{"b": {
		phone(0): {Revision: "r2", Outcome: engine.Accepted, Run: byHand.ID},
		phone(1): {Revision: "r1", Outcome: engine.Accepted, Run: old.ID}}})
	equal(t, "paused", e.pauses()["b"].Reason, "b")
	equal(t, "pauses", len(e.pauses()), 1)
}
