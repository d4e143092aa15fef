package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/engine"
)

// noon is when the exam's first publication happens.
var noon = time.Date(2026, 3, 8, 12, 0, 0, 123456000, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// exam holds every ledger to what engine.DaemonLedger promises. The first call of
// open makes a new, empty ledger; each further call opens the same one again,
// as after the death of the process that had it.
func exam(t *testing.T, bench func(t *testing.T) (open func() engine.DaemonLedger)) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, e *examinee)
	}{
		{"empty", examEmpty},
		{"publish", examPublish},
		{"stale", examStale},
		{"failed publish leaves nothing", examAtomicPublish},
		{"failed commit leaves nothing", examAtomicCommit},
		{"outcomes", examOutcomes},
		{"not sent is pending again", examNotSent},
		{"retry after unknown", examRetry},
		{"recover", examRecover},
		{"end of run", examEnd},
		{"unfinished run does not end", examUnfinished},
		{"overlay", examOverlay},
		{"unknown does not overwrite accepted", examCertain},
		{"older run does not overwrite", examOlder},
		{"recorded", examRecorded},
		{"removed job", examRemoved},
		{"canceled", examCanceled},
		{"run without deliveries", examNoDeliveries},
		{"runs", examRuns},
		{"history", examHistory},
		{"names", examNames},
		{"message", examMessage},
		{"reading while writing", examConcurrent},
		{"empty for a daemon", examEmptyDaemon},
		{"cause", examCause},
		{"fire", examFire},
		{"fire, stale", examFireStale},
		{"failed fire leaves nothing", examAtomicFire},
		{"applied", examApplied},
		{"settled", examSettled},
		{"settled, any order", examSettledOrder},
		{"owed", examOwed},
		{"missed", examMissed},
		{"listened", examListened},
		{"pause", examPause},
		{"removed job of a daemon", examRemovedDaemon},
		{"report", examReport},
		{"version", examVersion},
		{"answered", examAnswered},
		{"waits", examWaits},
		{"waits for earlier runs", examWaitsEarlier},
		{"moved", examMoved},
		{"moved on", examMovedOn},
		{"moved onto what is known", examMovedOnto},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &examinee{T: t, open: bench(t)}
			e.DaemonLedger = e.open()
			t.Cleanup(func() {
				if err := e.DaemonLedger.Close(); err != nil {
					t.Error(err)
				}
			})
			c.run(t, e)
		})
	}
}

// examinee is a ledger under exam. Its methods fail the test on any error.
type examinee struct {
	*testing.T
	engine.DaemonLedger
	open func() engine.DaemonLedger
	runs int
}

func (e *examinee) reopen() {
	e.Helper()
	if err := e.Close(); err != nil {
		e.Fatal(err)
	}
	e.DaemonLedger = e.open()
}

func (e *examinee) state() *engine.State {
	e.Helper()
	st, err := e.State(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	return st
}

func (e *examinee) publish(p engine.Publication) {
	e.Helper()
	if p.Time.IsZero() {
		p.Time = noon
	}
	p.Base = e.state().Serial
	if err := e.Publish(e.Context(), p); err != nil {
		e.Fatal(err)
	}
}

func (e *examinee) commit(b engine.Batch) {
	e.Helper()
	if b.Time.IsZero() {
		b.Time = noon
	}
	if err := e.Commit(e.Context(), b); err != nil {
		e.Fatal(err)
	}
}

// newRun makes a run of a job to phones 1, 2, …, all of one revision.
func (e *examinee) newRun(job, revision string, phones int) engine.NewRun {
	e.runs++
	r := engine.NewRun{
		RunHeader: engine.RunHeader{ID: fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ69G5F%02d", e.runs), Job: job, PBX: "pbx.hq",
			Cause: engine.Cause{Kind: "change", Detail: "firmware"}, Created: noon},
		Messages: []engine.StoredMessage{{Digest: "m1", Text: json.RawMessage(`{"event":"check-sync"}`)}},
	}
	for i := range phones {
		r.Deliveries = append(r.Deliveries, engine.Delivery{Seq: i, Target: phone(i), Message: "m1", Revision: revision})
	}
	return r
}

func phone(i int) string { return fmt.Sprintf("PJSIP/%d", 1001+i) }

// start publishes one run and returns its id.
func (e *examinee) start(job, revision string, phones int) string {
	e.Helper()
	r := e.newRun(job, revision, phones)
	e.publish(engine.Publication{Jobs: []engine.AppliedJob{{Address: job, Digest: "d"}}, Runs: []engine.NewRun{r}})
	return r.ID
}

func claim(run string, first, last, n, second int) engine.Batch {
	return engine.Batch{Claims: []engine.Claim{{Run: run, First: first, Last: last, N: n, At: at(second)}}}
}

func attempt(run string, seq, n int, o engine.Outcome, second int) engine.Attempt {
	return engine.Attempt{Run: run, Seq: seq, N: n, Outcome: o, Text: "text of " + string(o), Started: at(second), Finished: at(second + 1)}
}

// send claims a delivery and ends it.
func (e *examinee) send(run string, seq, n int, o engine.Outcome, second int) {
	e.Helper()
	if n > 0 {
		e.commit(claim(run, seq, seq, n, second))
	}
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(run, seq, n, o, second)}})
}

// progress is the outcome and number of attempts of each delivery of the only
// open run.
func (e *examinee) progress() []string {
	e.Helper()
	st := e.state()
	if len(st.Open) != 1 {
		e.Fatalf("%d open runs, want 1", len(st.Open))
	}
	var p []string
	for i, d := range st.Open[0].Deliveries {
		if d.Seq != i {
			e.Errorf("delivery %d has seq %d", i, d.Seq)
		}
		p = append(p, fmt.Sprint(d.Outcome, " ", d.Attempts))
	}
	return p
}

func (e *examinee) history(q engine.HistoryQuery) []engine.HistoryEntry {
	e.Helper()
	var all []engine.HistoryEntry
	for h, err := range e.History(e.Context(), q) {
		if err != nil {
			e.Fatal(err)
		}
		all = append(all, h)
	}
	return all
}

func (e *examinee) listRuns(q engine.RunQuery) []engine.RunSummary {
	e.Helper()
	runs, err := e.Runs(e.Context(), q)
	if err != nil {
		e.Fatal(err)
	}
	return runs
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

type delivered = map[string]map[string]engine.Delivered

func examEmpty(t *testing.T, e *examinee) {
	st := e.state()
	if st.Lineage == "" {
		t.Error("no lineage")
	}
	equal(t, "state", st, &engine.State{Lineage: st.Lineage, Jobs: map[string]engine.AppliedJob{}, Delivered: delivered{}, Pauses: map[string]engine.Pause{}})
	e.reopen()
	equal(t, "lineage", e.state().Lineage, st.Lineage)
	equal(t, "runs", len(e.listRuns(engine.RunQuery{})), 0)
	equal(t, "history", len(e.history(engine.HistoryQuery{})), 0)
	if n, err := e.Recover(t.Context(), noon, "crash"); n != 0 || err != nil {
		t.Error(n, err)
	}
}

func examPublish(t *testing.T, e *examinee) {
	lineage := e.state().Lineage
	run := e.newRun("sip_notify.a", "r1", 2)
	run.Created = noon.Add(-time.Second)
	jobs := []engine.AppliedJob{{Address: "sip_notify.a", Digest: "d1", Spec: json.RawMessage(`{"event": "x"}`)}, {Address: "user_event.b", Digest: "d2"}}
	e.publish(engine.Publication{Time: at(5), Snapshot: []byte("files"), Jobs: jobs, Runs: []engine.NewRun{run}})
	want := &engine.State{
		Pauses:  map[string]engine.Pause{},
		Lineage: lineage, Serial: 1, Newest: 1, AppliedAt: at(5),
		Jobs:      map[string]engine.AppliedJob{"sip_notify.a": jobs[0], "user_event.b": jobs[1]},
		Delivered: delivered{},
		Open: []engine.OpenRun{{RunHeader: run.RunHeader, Serial: 1, Deliveries: []engine.DeliveryState{
			{Delivery: run.Deliveries[0], Outcome: engine.Pending}, {Delivery: run.Deliveries[1], Outcome: engine.Pending}}}},
	}
	equal(t, "state", e.state(), want)
	e.reopen()
	equal(t, "state after reopening", e.state(), want)

	// A fire: no snapshot, no jobs. The others stay as they were applied.
	second := e.newRun("user_event.b", "", 1)
	e.publish(engine.Publication{Time: at(9), Runs: []engine.NewRun{second}})
	want.Serial = 2
	want.Open = append(want.Open, engine.OpenRun{RunHeader: second.RunHeader, Serial: 2, Deliveries: []engine.DeliveryState{{Delivery: second.Deliveries[0], Outcome: engine.Pending}}})
	equal(t, "state after a fire", e.state(), want)

	changed := engine.AppliedJob{Address: "sip_notify.a", Digest: "d3", Spec: json.RawMessage(`{}`)}
	e.publish(engine.Publication{Time: at(10), Snapshot: []byte{}, Jobs: []engine.AppliedJob{changed}})
	want.Serial, want.Newest, want.AppliedAt, want.Jobs["sip_notify.a"] = 3, 3, at(10), changed
	equal(t, "state after a change", e.state(), want)
}

func examStale(t *testing.T, e *examinee) {
	e.publish(engine.Publication{})
	before := e.state()
	for _, base := range []uint64{0, 2} {
		p := engine.Publication{Base: base, Time: noon, Jobs: []engine.AppliedJob{{Address: "a"}}, Runs: []engine.NewRun{e.newRun("a", "r", 1)}}
		if err := e.Publish(t.Context(), p); !errors.Is(err, engine.ErrStale) {
			t.Errorf("publish on serial %d: %v, want ErrStale", base, err)
		}
	}
	equal(t, "state", e.state(), before)
}

func examAtomicPublish(t *testing.T, e *examinee) {
	open := e.start("a", "r0", 1)
	before := e.state()
	good, gap, unstored := e.newRun("a", "r1", 3), e.newRun("a", "r2", 3), e.newRun("a", "r3", 1)
	gap.Deliveries[1].Seq = 2
	unstored.Deliveries[0].Message = "nowhere"
	for _, bad := range []engine.NewRun{gap, unstored, good} { // good twice: the same id
		err := e.Publish(t.Context(), engine.Publication{Base: before.Serial, Time: noon, Jobs: []engine.AppliedJob{{Address: "b"}}, Removed: []string{"a"}, Moved: []engine.Moved{{From: "a", To: "c"}},
			Recorded: []engine.Recorded{{Job: "b", Target: "x", Revision: "r"}},
			Canceled: []engine.Attempt{attempt(open, 0, 0, engine.Canceled, 1)}, Ended: []string{open}, Runs: []engine.NewRun{good, bad}})
		if err == nil {
			t.Fatal("published")
		}
		equal(t, "state", e.state(), before)
	}
	e.publish(engine.Publication{Runs: []engine.NewRun{good}}) // nothing is in its way
}

func examAtomicCommit(t *testing.T, e *examinee) {
	run := e.start("a", "r1", 3)
	e.send(run, 0, 1, engine.Accepted, 1)
	before, history := e.state(), e.history(engine.HistoryQuery{})
	good := attempt(run, 1, 0, engine.Skipped, 2)
	for name, b := range map[string]engine.Batch{
		"attempt of no run":      {Attempts: []engine.Attempt{good, attempt("01NONE", 0, 1, engine.Accepted, 2)}},
		"attempt of no delivery": {Attempts: []engine.Attempt{good, attempt(run, 3, 1, engine.Accepted, 2)}},
		"attempt ended twice":    {Attempts: []engine.Attempt{good, attempt(run, 0, 1, engine.Accepted, 2)}},
		"claim of no delivery":   {Attempts: []engine.Attempt{good}, Claims: claim(run, 2, 3, 1, 2).Claims},
		"claim backwards":        {Attempts: []engine.Attempt{good}, Claims: claim(run, 2, 1, 1, 2).Claims},
		"claim of attempt 0":     {Attempts: []engine.Attempt{good}, Claims: claim(run, 2, 2, 0, 2).Claims},
		"end of no run":          {Attempts: []engine.Attempt{good}, Ended: []string{"01NONE"}},
		"end too early":          {Attempts: []engine.Attempt{good}, Ended: []string{run}},
	} {
		if err := e.Commit(t.Context(), b); err == nil {
			t.Errorf("%s: committed", name)
		}
		equal(t, name+": state", e.state(), before)
		equal(t, name+": history", e.history(engine.HistoryQuery{}), history)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Commit(ctx, engine.Batch{Attempts: []engine.Attempt{good}}); !errors.Is(err, context.Canceled) {
		t.Errorf("commit with a context that has ended: %v", err)
	}
	e.commit(engine.Batch{Attempts: []engine.Attempt{good}})
}

func examOutcomes(t *testing.T, e *examinee) {
	run := e.start("a", "r1", 6)
	e.commit(claim(run, 0, 4, 1, 1))
	equal(t, "claimed", e.progress(), []string{"in_flight 1", "in_flight 1", "in_flight 1", "in_flight 1", "in_flight 1", "pending 0"})
	e.commit(engine.Batch{
		Attempts: []engine.Attempt{attempt(run, 1, 1, engine.Accepted, 1), attempt(run, 2, 1, engine.Rejected, 1), attempt(run, 4, 1, engine.Unknown, 1)},
		Claims:   claim(run, 5, 5, 1, 2).Claims,
	})
	want := []string{"in_flight 1", "accepted 1", "rejected 1", "in_flight 1", "unknown 1", "in_flight 1"}
	equal(t, "some ended", e.progress(), want)
	e.reopen()
	equal(t, "reopened", e.progress(), want)
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(run, 0, 0, engine.Skipped, 3)}})
}

func examNotSent(t *testing.T, e *examinee) {
	run := e.start("a", "r1", 2)
	e.send(run, 0, 1, engine.NotSent, 1)
	equal(t, "once", e.progress(), []string{"pending 1", "pending 0"})
	equal(t, "delivered", e.state().Delivered, delivered{})
	e.commit(claim(run, 0, 1, 2, 3))
	equal(t, "claimed again", e.progress(), []string{"in_flight 2", "in_flight 2"})
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(run, 0, 2, engine.NotSent, 3), attempt(run, 1, 2, engine.Accepted, 3)}})
	equal(t, "twice", e.progress(), []string{"pending 2", "accepted 2"})
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(run, 0, 0, engine.Skipped, 5)}, Ended: []string{run}})
	equal(t, "counts", e.listRuns(engine.RunQuery{})[0].Outcomes, map[engine.Outcome]int{engine.Skipped: 1, engine.Accepted: 1})
}

func examRetry(t *testing.T, e *examinee) {
	run := e.start("a", "r1", 2)
	e.send(run, 0, 1, engine.Unknown, 1)
	e.send(run, 1, 1, engine.Unknown, 1)
	e.send(run, 0, 2, engine.Accepted, 2)
	equal(t, "answered", e.progress(), []string{"accepted 2", "unknown 1"})
	// What may have reached the phone is not forgotten by what did not.
	e.send(run, 1, 2, engine.NotSent, 3)
	equal(t, "not sent", e.progress(), []string{"accepted 2", "unknown 2"})
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(run, 1, 0, engine.Canceled, 4)}, Ended: []string{run}})
	equal(t, "delivered", e.state().Delivered, delivered{"a": {
		phone(0): {Revision: "r1", Outcome: engine.Accepted, Run: run}, phone(1): {Revision: "r1", Outcome: engine.Unknown, Run: run}}})
}

func examRecover(t *testing.T, e *examinee) {
	first, second := e.start("a", "r1", 4), e.start("b", "", 2)
	e.commit(claim(first, 0, 2, 1, 1))
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(first, 1, 1, engine.NotSent, 1)}, Claims: claim(first, 1, 1, 2, 2).Claims})
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(first, 0, 1, engine.Accepted, 1)}, Claims: claim(second, 1, 1, 1, 3).Claims})
	e.reopen()
	for i, want := range []int{3, 0} {
		n, err := e.Recover(t.Context(), at(60), "crash")
		if err != nil || n != want {
			t.Fatalf("recovery %d: %d deliveries, %v; want %d", i, n, err, want)
		}
	}
	st := e.state()
	var got []string
	for _, o := range st.Open {
		for _, d := range o.Deliveries {
			got = append(got, fmt.Sprint(d.Outcome, " ", d.Attempts))
		}
	}
	equal(t, "outcomes", got, []string{"accepted 1", "unknown 2", "unknown 1", "pending 0", "pending 0", "unknown 1"})
	h := e.history(engine.HistoryQuery{Run: second})
	equal(t, "entry", h, []engine.HistoryEntry{{Run: second, Job: "b", PBX: "pbx.hq", Target: phone(1), Cause: engine.Cause{Kind: "change", Detail: "firmware"},
		Attempt: 1, ActionID: second + "-1-1", Outcome: engine.Unknown, Text: "crash", Message: "m1", Started: at(3), Finished: at(60)}})
	e.send(second, 0, 1, engine.Accepted, 61) // and on it goes
	e.commit(engine.Batch{Ended: []string{second}})
}

func examEnd(t *testing.T, e *examinee) {
	run := e.start("a", "r1", 5)
	for i, o := range []engine.Outcome{engine.Accepted, engine.Unknown, engine.Rejected, engine.Accepted} {
		e.send(run, i, 1, o, i)
	}
	before := e.state().Delivered
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(run, 4, 0, engine.Skipped, 9)}, Ended: []string{run}, Time: at(10)})
	st := e.state()
	equal(t, "open", st.Open, nil)
	equal(t, "delivered", st.Delivered, delivered{"a": {
		phone(0): {Revision: "r1", Outcome: engine.Accepted, Run: run},
		phone(1): {Revision: "r1", Outcome: engine.Unknown, Run: run},
		phone(3): {Revision: "r1", Outcome: engine.Accepted, Run: run}}})
	equal(t, "delivered, before and after the end", st.Delivered, before)
	e.reopen()
	equal(t, "delivered, reopened", e.state().Delivered, before)
	equal(t, "ended", e.listRuns(engine.RunQuery{})[0].Ended, at(10))

	e.commit(engine.Batch{Ended: []string{run}, Time: at(20)}) // again: nothing
	equal(t, "ended again", e.listRuns(engine.RunQuery{})[0].Ended, at(10))
	if err := e.Commit(t.Context(), claim(run, 2, 2, 2, 20)); err == nil {
		t.Error("claimed a delivery of a run that has ended")
	}
}

func examUnfinished(t *testing.T, e *examinee) {
	run := e.start("a", "r1", 2)
	e.send(run, 0, 1, engine.Unknown, 1)
	e.send(run, 1, 1, engine.NotSent, 1)
	if err := e.Commit(t.Context(), engine.Batch{Ended: []string{run}}); err == nil {
		t.Error("ended with one not sent")
	}
	e.send(run, 1, 2, engine.Accepted, 2)
	e.commit(claim(run, 0, 0, 2, 2))
	if err := e.Commit(t.Context(), engine.Batch{Ended: []string{run}}); err == nil {
		t.Error("ended with one in flight again")
	}
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(run, 0, 2, engine.Accepted, 3)}, Ended: []string{run}})
}

func examOverlay(t *testing.T, e *examinee) {
	old := e.start("a", "r1", 3)
	for i := range 3 {
		e.send(old, i, 1, engine.Accepted, 1)
	}
	e.commit(engine.Batch{Ended: []string{old}})
	run := e.start("a", "r2", 6)
	e.commit(claim(run, 0, 0, 1, 2))
	e.send(run, 1, 1, engine.Rejected, 2)
	e.send(run, 3, 1, engine.Unknown, 2)
	e.send(run, 4, 1, engine.NotSent, 2)
	by := e.start("by_hand", "", 1) // no change trigger: leaves no revision
	e.send(by, 0, 1, engine.Accepted, 2)
	equal(t, "delivered", e.state().Delivered, delivered{"a": {
		phone(0): {Revision: "r2", Outcome: engine.InFlight, Run: run},
		phone(1): {Revision: "r1", Outcome: engine.Accepted, Run: old},
		phone(2): {Revision: "r1", Outcome: engine.Accepted, Run: old},
		phone(3): {Revision: "r2", Outcome: engine.Unknown, Run: run}}})
	e.commit(engine.Batch{Ended: []string{by}})
	if _, ok := e.state().Delivered["by_hand"]; ok {
		t.Error("a run by hand left a revision")
	}
}

func examCertain(t *testing.T, e *examinee) {
	first := e.start("a", "r1", 2)
	e.send(first, 0, 1, engine.Accepted, 1)
	e.send(first, 1, 1, engine.Unknown, 1)
	e.commit(engine.Batch{Ended: []string{first}})
	second := e.start("a", "r1", 2)
	e.send(second, 0, 1, engine.Unknown, 2)
	e.send(second, 1, 1, engine.Accepted, 2)
	want := delivered{"a": {phone(0): {Revision: "r1", Outcome: engine.Accepted, Run: first}, phone(1): {Revision: "r1", Outcome: engine.Accepted, Run: second}}}
	equal(t, "delivered, open", e.state().Delivered, want)
	e.commit(engine.Batch{Ended: []string{second}})
	equal(t, "delivered, ended", e.state().Delivered, want)
	third := e.start("a", "r2", 1)
	e.send(third, 0, 1, engine.Unknown, 3)
	e.commit(engine.Batch{Ended: []string{third}})
	want["a"][phone(0)] = engine.Delivered{Revision: "r2", Outcome: engine.Unknown, Run: third}
	equal(t, "delivered, another revision", e.state().Delivered, want)
}

func examOlder(t *testing.T, e *examinee) {
	older, newer := e.start("a", "r1", 2), e.start("a", "r2", 1)
	e.send(newer, 0, 1, engine.Accepted, 1)
	e.commit(engine.Batch{Ended: []string{newer}})
	e.send(older, 0, 1, engine.Accepted, 2)
	e.send(older, 1, 1, engine.Accepted, 2)
	want := delivered{"a": {phone(0): {Revision: "r2", Outcome: engine.Accepted, Run: newer}, phone(1): {Revision: "r1", Outcome: engine.Accepted, Run: older}}}
	equal(t, "delivered, open", e.state().Delivered, want)
	e.commit(engine.Batch{Ended: []string{older}})
	equal(t, "delivered, ended", e.state().Delivered, want)
}

func examRecorded(t *testing.T, e *examinee) {
	run := e.start("a", "r1", 2)
	e.send(run, 0, 1, engine.Accepted, 1)
	e.send(run, 1, 1, engine.Rejected, 1)
	e.commit(engine.Batch{Ended: []string{run}})
	e.publish(engine.Publication{Recorded: []engine.Recorded{{Job: "a", Target: phone(0), Revision: "r2"}, {Job: "a", Target: phone(1), Revision: "r1"}, {Job: "b", Target: phone(0), Revision: "r9"}}})
	equal(t, "delivered", e.state().Delivered, delivered{
		"a": {phone(0): {Revision: "r2", Outcome: engine.Accepted}, phone(1): {Revision: "r1", Outcome: engine.Accepted}},
		"b": {phone(0): {Revision: "r9", Outcome: engine.Accepted}}})
	equal(t, "history", len(e.history(engine.HistoryQuery{})), 2)
}

func examRemoved(t *testing.T, e *examinee) {
	done, open, other := e.start("a", "r1", 1), e.start("a", "r2", 2), e.start("b", "r1", 1)
	for _, run := range []string{done, other} {
		e.send(run, 0, 1, engine.Accepted, 1)
	}
	e.commit(engine.Batch{Ended: []string{done, other}})
	e.commit(claim(open, 1, 1, 1, 1))
	e.publish(engine.Publication{Removed: []string{"a"}, Canceled: []engine.Attempt{attempt(open, 0, 0, engine.Canceled, 2)}})
	st := e.state()
	want := delivered{"b": {phone(0): {Revision: "r1", Outcome: engine.Accepted, Run: other}}}
	equal(t, "jobs", slices.Collect(maps.Keys(st.Jobs)), []string{"b"})
	equal(t, "delivered", st.Delivered, want)
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(open, 1, 1, engine.Accepted, 1)}, Ended: []string{open}})
	equal(t, "delivered, after its last run", e.state().Delivered, want)
	equal(t, "history", len(e.history(engine.HistoryQuery{Job: "a"})), 3)
	again := e.start("a", "r1", 1)
	equal(t, "progress of the job made anew", e.progress(), []string{"pending 0"})
	e.send(again, 0, 1, engine.Accepted, 5)
	want["a"] = map[string]engine.Delivered{phone(0): {Revision: "r1", Outcome: engine.Accepted, Run: again}}
	equal(t, "delivered, made anew", e.state().Delivered, want)
}

func examCanceled(t *testing.T, e *examinee) {
	run := e.start("a", "r1", 3)
	e.send(run, 0, 1, engine.Accepted, 1)
	e.send(run, 1, 1, engine.NotSent, 2)
	next := e.newRun("a", "r2", 1)
	e.publish(engine.Publication{Time: at(5), Ended: []string{run}, Runs: []engine.NewRun{next},
		Canceled: []engine.Attempt{attempt(run, 1, 0, engine.Canceled, 5), attempt(run, 2, 0, engine.Canceled, 5)}})
	st := e.state()
	equal(t, "open runs", len(st.Open), 1)
	equal(t, "delivered", st.Delivered, delivered{"a": {phone(0): {Revision: "r1", Outcome: engine.Accepted, Run: run}}})
	got := e.listRuns(engine.RunQuery{ID: run})[0]
	equal(t, "counts", got.Outcomes, map[engine.Outcome]int{engine.Accepted: 1, engine.Canceled: 2})
	equal(t, "ended", got.Ended, at(5))
}

func examNoDeliveries(t *testing.T, e *examinee) {
	r := e.newRun("a", "r1", 0)
	r.Messages = nil
	e.publish(engine.Publication{Time: at(1), Runs: []engine.NewRun{r}})
	equal(t, "open", e.state().Open, nil)
	equal(t, "runs", e.listRuns(engine.RunQuery{}), []engine.RunSummary{{RunHeader: r.RunHeader, Serial: 1, Ended: at(1), Outcomes: map[engine.Outcome]int{}}})
	e.commit(engine.Batch{Ended: []string{r.ID}})
}

func examRuns(t *testing.T, e *examinee) {
	a, b, c := e.start("a", "r1", 2), e.start("b", "", 1), e.start("a", "r2", 3)
	e.send(a, 0, 1, engine.Accepted, 1)
	e.send(a, 1, 1, engine.Rejected, 1)
	e.commit(engine.Batch{Ended: []string{a}, Time: at(9)})
	e.commit(claim(c, 0, 1, 1, 2))
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(c, 1, 1, engine.NotSent, 2)}})

	header := func(id, job string) engine.RunHeader {
		return engine.RunHeader{ID: id, Job: job, PBX: "pbx.hq", Cause: engine.Cause{Kind: "change", Detail: "firmware"}, Created: noon}
	}
	first := engine.RunSummary{RunHeader: header(a, "a"), Serial: 1, Ended: at(9), Total: 2, Outcomes: map[engine.Outcome]int{engine.Accepted: 1, engine.Rejected: 1}}
	second := engine.RunSummary{RunHeader: header(b, "b"), Serial: 2, Total: 1, Outcomes: map[engine.Outcome]int{engine.Pending: 1}}
	third := engine.RunSummary{RunHeader: header(c, "a"), Serial: 3, Total: 3, Outcomes: map[engine.Outcome]int{engine.Pending: 2, engine.InFlight: 1}}
	for name, q := range map[string]struct {
		query engine.RunQuery
		want  []engine.RunSummary
	}{
		"all":              {engine.RunQuery{}, []engine.RunSummary{third, second, first}},
		"newest two":       {engine.RunQuery{Limit: 2}, []engine.RunSummary{third, second}},
		"of a job":         {engine.RunQuery{Job: "a"}, []engine.RunSummary{third, first}},
		"newest of a job":  {engine.RunQuery{Job: "a", Limit: 1}, []engine.RunSummary{third}},
		"of no job":        {engine.RunQuery{Job: "c"}, nil},
		"by id":            {engine.RunQuery{ID: b}, []engine.RunSummary{second}},
		"by ids":           {engine.RunQuery{IDs: []string{b, "none", a}}, []engine.RunSummary{second, first}},
		"by ids and job":   {engine.RunQuery{IDs: []string{b, a}, Job: "a"}, []engine.RunSummary{first}},
		"by no ids":        {engine.RunQuery{IDs: []string{}}, nil},
		"by id and job":    {engine.RunQuery{ID: b, Job: "a"}, nil},
		"by prefix, lower": {engine.RunQuery{ID: "01arz3ndektsv4rrffq69g5f02"}, []engine.RunSummary{second}},
	} {
		equal(t, name, e.listRuns(q.query), q.want)
	}
	// An open run brings what its job says as it was last applied.
	spec := json.RawMessage(`[{"name":"window"}]`)
	e.publish(engine.Publication{Base: 3, Time: at(10), Jobs: []engine.AppliedJob{{Address: "a", Digest: "d", Spec: spec}}})
	third.Spec = spec
	equal(t, "once its job is applied", e.listRuns(engine.RunQuery{}), []engine.RunSummary{third, second, first})
	for _, id := range []string{"02", "01ARZ%", "01ARZ3NDEKTSV4RRFFQ69G5F029", "~", "é"} {
		if _, err := e.Runs(t.Context(), engine.RunQuery{ID: id}); !errors.Is(err, ErrNoRun) {
			t.Errorf("run %q: %v, want ErrNoRun", id, err)
		}
	}
	if _, err := e.Runs(t.Context(), engine.RunQuery{ID: "01ARZ"}); err == nil || errors.Is(err, ErrNoRun) {
		t.Errorf("an ambiguous prefix: %v", err)
	}
}

func examHistory(t *testing.T, e *examinee) {
	a, b := e.start("a", "r1", 3), e.start("b", "", 2)
	e.send(a, 1, 1, engine.Accepted, 10)
	e.send(b, 0, 1, engine.Rejected, 5)
	e.send(a, 0, 1, engine.NotSent, 7)
	e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(b, 1, 0, engine.Skipped, 20)}, Ended: []string{b}})
	e.send(a, 0, 2, engine.Unknown, 15)
	e.commit(claim(a, 2, 2, 1, 12))

	entry := func(run, job string, seq, n int, o engine.Outcome, second int) engine.HistoryEntry {
		h := engine.HistoryEntry{Run: run, Job: job, PBX: "pbx.hq", Target: phone(seq), Cause: engine.Cause{Kind: "change", Detail: "firmware"},
			Attempt: n, ActionID: engine.ActionID(run, seq, n), Outcome: o, Text: "text of " + string(o), Message: "m1", Started: at(second), Finished: at(second + 1)}
		if n == 0 {
			h.ActionID = ""
		}
		if o == engine.InFlight {
			h.Text, h.Finished = "", time.Time{}
		}
		return h
	}
	all := []engine.HistoryEntry{
		entry(b, "b", 0, 1, engine.Rejected, 5),
		entry(a, "a", 0, 1, engine.NotSent, 7),
		entry(a, "a", 1, 1, engine.Accepted, 10),
		entry(a, "a", 2, 1, engine.InFlight, 12),
		entry(a, "a", 0, 2, engine.Unknown, 15),
		entry(b, "b", 1, 0, engine.Skipped, 20),
	}
	pick := func(i ...int) (p []engine.HistoryEntry) {
		for _, i := range i {
			p = append(p, all[i])
		}
		return p
	}
	for name, c := range map[string]struct {
		query engine.HistoryQuery
		want  []engine.HistoryEntry
	}{
		"all":              {engine.HistoryQuery{}, all},
		"of a run":         {engine.HistoryQuery{Run: a}, pick(1, 2, 3, 4)},
		"of a job":         {engine.HistoryQuery{Job: "b"}, pick(0, 5)},
		"of a target":      {engine.HistoryQuery{Target: phone(0)}, pick(0, 1, 4)},
		"with an outcome":  {engine.HistoryQuery{Outcome: engine.Accepted}, pick(2)},
		"in flight":        {engine.HistoryQuery{Outcome: engine.InFlight}, pick(3)},
		"since":            {engine.HistoryQuery{Since: at(12)}, pick(3, 4, 5)},
		"newest three":     {engine.HistoryQuery{Limit: 3}, pick(3, 4, 5)},
		"newest of target": {engine.HistoryQuery{Target: phone(0), Limit: 2}, pick(1, 4)},
		"newest of a job":  {engine.HistoryQuery{Job: "a", Limit: 1}, pick(4)},
		"everything": {engine.HistoryQuery{Run: a, Job: "a", Target: phone(0), Outcome: engine.Unknown, Since: at(15), Limit: 9},
			pick(4)},
		"nothing": {engine.HistoryQuery{Run: a, Job: "b"}, nil},
	} {
		equal(t, name, e.history(c.query), c.want)
	}
	for h, err := range e.History(t.Context(), engine.HistoryQuery{}) { // left early
		equal(t, "first", h, all[0])
		if err != nil {
			t.Error(err)
		}
		break
	}
	for _, err := range e.History(t.Context(), engine.HistoryQuery{Run: "01NONE"}) {
		if !errors.Is(err, ErrNoRun) {
			t.Errorf("history of no run: %v", err)
		}
	}
}

func examNames(t *testing.T, e *examinee) {
	const job = `sip_notify.größe["Zürich\"'; --"]`
	targets := []string{"PJSIP/übung", "PJSIP/Übung", "PJSIP/ubung", "sip:1001@[2001:db8::1]:5061;transport=tcp", "PJSIP/日本", "%", "_", "'; DROP TABLE run; --", ""}
	r := e.newRun(job, "ré\x00v", 0)
	for i, target := range targets {
		r.Deliveries = append(r.Deliveries, engine.Delivery{Seq: i, Target: target, Message: "m1", Revision: "ré\x00v"})
	}
	e.publish(engine.Publication{Jobs: []engine.AppliedJob{{Address: job}}, Runs: []engine.NewRun{r}})
	want := map[string]engine.Delivered{}
	var b engine.Batch
	for i, target := range targets {
		e.commit(claim(r.ID, i, i, 1, i))
		b.Attempts = append(b.Attempts, attempt(r.ID, i, 1, engine.Accepted, i))
		want[target] = engine.Delivered{Revision: "ré\x00v", Outcome: engine.Accepted, Run: r.ID}
	}
	b.Ended = []string{r.ID}
	e.commit(b)
	e.reopen()
	equal(t, "delivered", e.state().Delivered, delivered{job: want})
	for _, target := range targets[:len(targets)-1] {
		h := e.history(engine.HistoryQuery{Target: target, Job: job})
		if len(h) != 1 || h[0].Target != target {
			t.Errorf("history of %q: %v", target, h)
		}
	}
}

func examMessage(t *testing.T, e *examinee) {
	r := e.newRun("a", "", 1)
	r.Messages = append(r.Messages, engine.StoredMessage{Digest: "m2", Text: json.RawMessage(`{"x": "ü"}`)})
	e.publish(engine.Publication{Runs: []engine.NewRun{r}})
	again := e.newRun("a", "", 1) // the same message once more, not given again
	again.Messages = nil
	e.publish(engine.Publication{Runs: []engine.NewRun{again}})
	for digest, want := range map[string]string{"m1": `{"event":"check-sync"}`, "m2": `{"x": "ü"}`, "m3": "", "": ""} {
		got, err := e.Message(t.Context(), digest)
		if err != nil || string(got) != want || (want == "") != (got == nil) {
			t.Errorf("message %q: %q, %v; want %q", digest, got, err, want)
		}
	}
}

// examConcurrent reads while batches are written: each look must show the
// commits up to some point, whole.
func examConcurrent(t *testing.T, e *examinee) {
	const batches, size = 40, 8
	run := e.start("a", "r1", batches*size)
	done := make(chan error, 1)
	go func() {
		for i := range batches {
			var b engine.Batch
			if i > 0 {
				for j := range size {
					b.Attempts = append(b.Attempts, attempt(run, (i-1)*size+j, 1, engine.Accepted, i))
				}
			}
			b.Claims = claim(run, i*size, i*size+size-1, 1, i).Claims
			if err := e.Commit(t.Context(), b); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	seen := 0
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		count := map[engine.Outcome]int{}
		for _, d := range e.state().Open[0].Deliveries {
			count[d.Outcome]++
		}
		reached := count[engine.Accepted] + count[engine.InFlight]
		if reached < seen || reached%size != 0 || reached > 0 && count[engine.InFlight] != size {
			t.Fatalf("saw half a commit: %v after %d", count, seen)
		}
		seen = reached
		if h := e.history(engine.HistoryQuery{}); len(h) < seen {
			t.Fatalf("history has %d entries after %d were seen", len(h), seen)
		}
	}
	equal(t, "claimed in the end", seen, batches*size)
}
