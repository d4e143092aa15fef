package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// fire fires by the newest configuration.
func (e *examinee) fire(f engine.Firings) {
	e.Helper()
	f.Base = e.applied().Serial
	if f.Time.IsZero() {
		f.Time = noon
	}
	if err := e.Fire(e.Context(), f); err != nil {
		e.Fatal(err)
	}
}

func (e *examinee) applied() *engine.Applied {
	e.Helper()
	a, err := e.Applied(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	return a
}

func (e *examinee) settled() map[engine.TriggerKey]time.Time {
	e.Helper()
	m, err := e.Settled(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	return m
}

func (e *examinee) owed() []engine.Owed {
	e.Helper()
	o, err := e.Owed(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	return o
}

func (e *examinee) missed(q engine.MissedQuery) []engine.Missed {
	e.Helper()
	var all []engine.Missed
	for m, err := range e.Missed(e.Context(), q) {
		if err != nil {
			e.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func (e *examinee) pauses() map[string]engine.Pause {
	e.Helper()
	p, err := e.Pauses(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	return p
}

func (e *examinee) listened() map[string]time.Time {
	e.Helper()
	l, err := e.Listened(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	return l
}

func (e *examinee) version() engine.Version {
	e.Helper()
	v, err := e.Version(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	return v
}

func key(job string, number int) engine.TriggerKey { return engine.TriggerKey{Job: job, Index: number} }

func examEmptyDaemon(t *testing.T, e *examinee) {
	for range 2 {
		equal(t, "applied", e.applied(), &engine.Applied{Snapshots: map[uint64][]byte{}, Jobs: map[string]uint64{}})
		equal(t, "settled", e.settled(), map[engine.TriggerKey]time.Time{})
		equal(t, "owed", e.owed(), nil)
		equal(t, "missed", e.missed(engine.MissedQuery{}), nil)
		equal(t, "pauses", e.pauses(), map[string]engine.Pause{})
		equal(t, "listened", e.listened(), map[string]time.Time{})
		equal(t, "version", e.version(), engine.Version{})
		if s, err := e.Reported(t.Context()); s != nil || err != nil {
			t.Error(s, err)
		}
		e.reopen()
	}
}

// examCause holds a run's whole cause against what each way of reading gives: the
// history gives its kind and detail alone.
func examCause(t *testing.T, e *examinee) {
	causes := []engine.Cause{
		{Kind: "change", Detail: "firmware"},
		{Kind: "schedule", Detail: "0 4 * * *", Trigger: 2, Fired: &schema.Fired{Kind: "schedule", Due: at(7)}},
		{Kind: "after", Depth: 3, Fired: &schema.Fired{Kind: "after", Job: "sip_notify.a", Run: "01ARZ3NDEKTSV4RRFFQ69G5F01"}},
		{Kind: "event", Trigger: 1, Depth: 1, Fired: &schema.Fired{Kind: "event", Event: schema.EventHeaders{{Name: "Event", Value: "UserEvent"}, {Name: "X", Value: "ü\n"}, {Name: "X", Value: ""}}}},
		{Kind: "fire"},
	}
	var p engine.Publication
	var f engine.Firings
	for i, c := range causes {
		r := e.newRun("a", "", 1)
		if r.Cause = c; i == 0 {
			p.Runs = append(p.Runs, r)
		} else {
			f.Runs = append(f.Runs, r)
		}
	}
	e.publish(p)
	e.fire(f)
	check := func(open bool) {
		t.Helper()
		history, runs := e.history(engine.HistoryQuery{}), e.listRuns(engine.RunQuery{})
		equal(t, "runs", len(runs), len(causes))
		for i, c := range causes {
			if open {
				equal(t, "open", e.state().Open[i].Cause, c)
			} else {
				equal(t, "history", history[i].Cause, engine.Cause{Kind: c.Kind, Detail: c.Detail})
			}
			equal(t, "runs", runs[len(runs)-1-i].Cause, c)
		}
	}
	check(true)
	e.reopen()
	check(true)
	for i, r := range append(p.Runs, f.Runs...) {
		e.commit(claim(r.ID, 0, 0, 1, i))
	}
	check(false) // in flight
	for i, r := range append(p.Runs, f.Runs...) {
		e.commit(engine.Batch{Attempts: []engine.Attempt{attempt(r.ID, 0, 1, engine.Accepted, i)}, Ended: []string{r.ID}})
	}
	check(false)
}

func examFire(t *testing.T, e *examinee) {
	e.publish(engine.Publication{Snapshot: []byte("s"), Jobs: []engine.AppliedJob{{Address: "a"}, {Address: "b"}}})
	e.publish(engine.Publication{}) // by hand: the configuration is that of serial 1 still
	var f engine.Firings
	for i := range 13 {
		r := e.newRun("a", "", 1+i%3)
		r.Messages = append(r.Messages, engine.StoredMessage{Digest: fmt.Sprint("own ", i), Text: json.RawMessage(`{}`)})
		r.Deliveries[0].Message = fmt.Sprint("own ", i)
		f.Runs = append(f.Runs, r)
	}
	none := e.newRun("b", "", 0)
	f.Runs = append(f.Runs, none)
	f.Base, f.Time = 1, at(9)
	if err := e.Fire(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		st := e.state()
		if st.Serial != 2 || len(st.Open) != 13 {
			t.Fatalf("serial %d, %d open runs", st.Serial, len(st.Open))
		}
		for i, o := range st.Open {
			want := engine.OpenRun{RunHeader: f.Runs[i].RunHeader, Serial: 2}
			for _, d := range f.Runs[i].Deliveries {
				want.Deliveries = append(want.Deliveries, engine.DeliveryState{Delivery: d, Outcome: engine.Pending})
			}
			equal(t, "open", o, want)
		}
		equal(t, "without deliveries", e.listRuns(engine.RunQuery{ID: none.ID}),
			[]engine.RunSummary{{RunHeader: none.RunHeader, Serial: 2, Ended: at(9), Outcomes: map[engine.Outcome]int{}}})
	}
	check()
	e.reopen()
	check()
	for _, r := range f.Runs[:13] {
		var b engine.Batch
		for i := range r.Deliveries {
			e.commit(claim(r.ID, i, i, 1, 1))
			b.Attempts = append(b.Attempts, attempt(r.ID, i, 1, engine.Accepted, 1))
		}
		b.Ended = []string{r.ID}
		e.commit(b)
	}
	equal(t, "open", len(e.state().Open), 0)
	e.fire(engine.Firings{Runs: []engine.NewRun{e.newRun("a", "", 1)}})
	equal(t, "newest", e.listRuns(engine.RunQuery{Limit: 1})[0].ID, e.state().Open[0].ID)
}

// everything is a firing of all sorts.
func (e *examinee) everything() engine.Firings {
	r := e.newRun("a", "", 2)
	r.Followers = []engine.TriggerKey{key("f", 1)}
	return engine.Firings{Time: noon, Runs: []engine.NewRun{r},
		Settled:  []engine.Settled{{TriggerKey: key("a", 0), Until: at(60)}},
		Missed:   []engine.Missed{{TriggerKey: key("a", 0), Reason: engine.MissedLate, Count: 1, First: at(1), Last: at(1), At: at(2)}},
		Listened: map[string]time.Time{"pbx.hq": at(3)},
	}
}

// record is all that a firing may change.
type record struct {
	State    *engine.State
	Settled  map[engine.TriggerKey]time.Time
	Owed     []engine.Owed
	Missed   []engine.Missed
	Listened map[string]time.Time
	Version  engine.Version
}

func (e *examinee) record() record {
	e.Helper()
	return record{e.state(), e.settled(), e.owed(), e.missed(engine.MissedQuery{}), e.listened(), e.version()}
}

func examFireStale(t *testing.T, e *examinee) {
	e.publish(engine.Publication{Snapshot: []byte("1")})
	e.publish(engine.Publication{Snapshot: []byte("2")})
	e.publish(engine.Publication{})
	before := e.record()
	for _, base := range []uint64{0, 1, 3} {
		f := e.everything()
		f.Base = base
		if err := e.Fire(t.Context(), f); !errors.Is(err, engine.ErrStale) {
			t.Errorf("fire by serial %d: %v, want ErrStale", base, err)
		}
	}
	equal(t, "record", e.record(), before)
	e.fire(e.everything())
}

func examAtomicFire(t *testing.T, e *examinee) {
	e.publish(engine.Publication{Snapshot: []byte("1")})
	e.fire(e.everything())
	before := e.record()
	for name, spoil := range map[string]func(f *engine.Firings){
		"the same run twice":     func(f *engine.Firings) { f.Runs = append(f.Runs, f.Runs[0]) },
		"a run that is there":    func(f *engine.Firings) { f.Runs[0].ID = before.State.Open[0].ID },
		"a gap":                  func(f *engine.Firings) { f.Runs[0].Deliveries[1].Seq = 2 },
		"a message from nowhere": func(f *engine.Firings) { f.Runs[0].Deliveries[1].Message = "nowhere" },
		"a follower twice":       func(f *engine.Firings) { f.Runs[0].Followers = append(f.Runs[0].Followers, key("f", 1)) },
	} {
		f := e.everything()
		f.Base = 1
		f.Settled[0].Until = at(120)
		f.Paid = []engine.Debt{{Run: before.State.Open[0].ID, Follower: key("f", 1)}}
		spoil(&f)
		if err := e.Fire(t.Context(), f); err == nil {
			t.Errorf("%s: fired", name)
		}
		equal(t, name, e.record(), before)
	}
	e.fire(e.everything())
}

// examApplied applies all and parts, and looks which configuration each job
// goes by.
func examApplied(t *testing.T, e *examinee) {
	job := func(addresses ...string) (jobs []engine.AppliedJob) {
		for _, a := range addresses {
			jobs = append(jobs, engine.AppliedJob{Address: a, Digest: "d"})
		}
		return jobs
	}
	type jobs = map[string]uint64
	for i, step := range []struct {
		p         engine.Publication
		snapshots []uint64
		jobs      jobs
	}{
		{engine.Publication{Snapshot: []byte("1"), Jobs: job("a", "b", "c")}, []uint64{1}, jobs{"a": 1, "b": 1, "c": 1}},
		{engine.Publication{}, []uint64{1}, jobs{"a": 1, "b": 1, "c": 1}},
		{engine.Publication{Snapshot: []byte("3"), Selected: []string{"b"}}, []uint64{1, 3}, jobs{"a": 1, "b": 3, "c": 1}},
		{engine.Publication{Snapshot: []byte("4"), Selected: []string{"c", "nowhere", "d"}, Jobs: job("d")}, []uint64{1, 3, 4}, jobs{"a": 1, "b": 3, "c": 4, "d": 4}},
		{engine.Publication{Snapshot: []byte("5"), Selected: []string{"b"}, Removed: []string{"a"}}, []uint64{4, 5}, jobs{"b": 5, "c": 4, "d": 4}},
		{engine.Publication{Snapshot: []byte("6"), Selected: []string{}}, []uint64{4, 5, 6}, jobs{"b": 5, "c": 4, "d": 4}},
		{engine.Publication{Snapshot: []byte("7"), Selected: []string{"c"}, Jobs: job("c")}, []uint64{4, 5, 7}, jobs{"b": 5, "c": 7, "d": 4}},
		{engine.Publication{Jobs: job("e")}, []uint64{4, 5, 7}, jobs{"b": 5, "c": 7, "d": 4, "e": 7}},
		{engine.Publication{Removed: []string{"b"}}, []uint64{4, 7}, jobs{"c": 7, "d": 4, "e": 7}},
		{engine.Publication{Snapshot: []byte("10")}, []uint64{10}, jobs{"c": 10, "d": 10, "e": 10}},
		{engine.Publication{Snapshot: []byte("11"), Removed: []string{"c", "d", "e"}}, []uint64{11}, jobs{}},
	} {
		e.publish(step.p)
		want := &engine.Applied{Serial: step.snapshots[len(step.snapshots)-1], Snapshots: map[uint64][]byte{}, Jobs: step.jobs}
		for _, serial := range step.snapshots {
			want.Snapshots[serial] = []byte(fmt.Sprint(serial))
		}
		if i%4 == 0 {
			e.reopen()
		}
		equal(t, fmt.Sprint("after publication ", i+1), e.applied(), want)
	}
}

func examSettled(t *testing.T, e *examinee) {
	type settled = map[engine.TriggerKey]time.Time
	settle := func(job string, number, second int) engine.Settled {
		return engine.Settled{TriggerKey: key(job, number), Until: at(second)}
	}
	e.publish(engine.Publication{Snapshot: []byte("1"), Settled: []engine.Settled{settle("a", 0, 5), settle("a", 1, 6), settle("b", 0, 7)}})
	equal(t, "published", e.settled(), settled{key("a", 0): at(5), key("a", 1): at(6), key("b", 0): at(7)})
	e.fire(engine.Firings{Settled: []engine.Settled{settle("a", 0, 10), settle("a", 1, 4), settle("c", 2, 1)}})
	want := settled{key("a", 0): at(10), key("a", 1): at(6), key("b", 0): at(7), key("c", 2): at(1)}
	equal(t, "fired", e.settled(), want)
	// One that has other due times now begins anew, wherever it was.
	e.publish(engine.Publication{Settled: []engine.Settled{settle("a", 0, 8)}})
	want[key("a", 0)] = at(8)
	e.reopen()
	equal(t, "published again", e.settled(), want)
}

// examSettledOrder fires in any order, many of one trigger in one firing too:
// what is settled never goes back.
func examSettledOrder(t *testing.T, e *examinee) {
	random := rand.New(rand.NewPCG(1, 2))
	want := map[engine.TriggerKey]time.Time{}
	for range 50 {
		var f engine.Firings
		for range random.IntN(20) {
			s := engine.Settled{TriggerKey: key(fmt.Sprint("job ", random.IntN(8)), random.IntN(2)), Until: at(random.IntN(1000) - 500)}
			if s.Until.After(want[s.TriggerKey]) {
				want[s.TriggerKey] = s.Until
			}
			f.Settled = append(f.Settled, s)
		}
		e.fire(f)
		equal(t, "settled", e.settled(), want)
	}
}

func examOwed(t *testing.T, e *examinee) {
	first, second, third := e.newRun("a", "", 1), e.newRun("b", "", 1), e.newRun("a", "", 2)
	first.Followers = []engine.TriggerKey{key("g", 0), key("f", 2), key("f", 1)}
	second.Followers = []engine.TriggerKey{key("f", 1)}
	third.Followers = []engine.TriggerKey{key("f", 1)}
	first.Cause = engine.Cause{Kind: "after", Depth: 4}
	e.publish(engine.Publication{Runs: []engine.NewRun{first, second}})
	e.fire(engine.Firings{Runs: []engine.NewRun{third}})
	owed := func(r engine.NewRun, follower engine.TriggerKey, ended time.Time, outcomes map[engine.Outcome]int) engine.Owed {
		return engine.Owed{Debt: engine.Debt{Run: r.ID, Follower: follower}, Job: r.Job, Depth: r.Cause.Depth, Ended: ended, Outcomes: outcomes}
	}
	firsts := []engine.Owed{owed(first, key("f", 1), time.Time{}, nil), owed(first, key("f", 2), time.Time{}, nil), owed(first, key("g", 0), time.Time{}, nil)}
	seconds, thirds := owed(second, key("f", 1), time.Time{}, nil), owed(third, key("f", 1), time.Time{}, nil)
	equal(t, "all open", e.owed(), []engine.Owed{firsts[0], firsts[1], firsts[2], seconds, thirds})

	end := func(r engine.NewRun, o engine.Outcome, second int) map[engine.Outcome]int {
		b := engine.Batch{Ended: []string{r.ID}, Time: at(second)}
		for i := range r.Deliveries {
			b.Attempts = append(b.Attempts, attempt(r.ID, i, 0, o, second))
		}
		e.commit(b)
		return map[engine.Outcome]int{o: len(r.Deliveries)}
	}
	counts := end(third, engine.Skipped, 20)
	thirds = owed(third, key("f", 1), at(20), counts)
	equal(t, "the last has ended", e.owed(), []engine.Owed{thirds, firsts[0], firsts[1], firsts[2], seconds})
	counts = end(first, engine.Canceled, 30)
	for i := range firsts {
		firsts[i].Ended, firsts[i].Outcomes = at(30), counts
	}
	e.reopen()
	equal(t, "the first too", e.owed(), []engine.Owed{thirds, firsts[0], firsts[1], firsts[2], seconds})
	e.fire(engine.Firings{Paid: []engine.Debt{thirds.Debt, firsts[1].Debt, thirds.Debt, {Run: "01NONE", Follower: key("f", 1)}}})
	equal(t, "paid", e.owed(), []engine.Owed{firsts[0], firsts[2], seconds})
	e.publish(engine.Publication{Removed: []string{"f", "b"}}) // of b's runs the ends are still of interest
	equal(t, "a follower is removed", e.owed(), []engine.Owed{firsts[2]})
}

func examMissed(t *testing.T, e *examinee) {
	m := []engine.Missed{
		{TriggerKey: key("a", 1), Reason: engine.MissedLate, Count: 3, First: at(1), Last: at(3), At: at(10)},
		{PBX: "pbx.hq", Reason: engine.MissedDisconnected, First: at(4), Last: at(6), Detail: "ü\x00\"", At: at(11)},
		{TriggerKey: key("b", 0), Reason: engine.MissedRefused, Count: 1, First: at(5), Last: at(5), Detail: "no header Device", At: at(11)},
		{TriggerKey: key("a", 0), Reason: engine.MissedDepth, Count: 1 << 40, First: at(5), Last: at(5), At: at(12)},
	}
	e.fire(engine.Firings{Missed: m[:2]})
	e.fire(engine.Firings{Missed: m[2:]})
	e.reopen()
	for name, c := range map[string]struct {
		q    engine.MissedQuery
		want []engine.Missed
	}{
		"all":         {engine.MissedQuery{}, []engine.Missed{m[3], m[2], m[1], m[0]}},
		"of a job":    {engine.MissedQuery{Job: "a"}, []engine.Missed{m[3], m[0]}},
		"since":       {engine.MissedQuery{Since: at(11)}, []engine.Missed{m[3], m[2], m[1]}},
		"limit":       {engine.MissedQuery{Limit: 2}, []engine.Missed{m[3], m[2]}},
		"all of that": {engine.MissedQuery{Job: "a", Since: at(9), Limit: 1}, []engine.Missed{m[3]}},
		"none":        {engine.MissedQuery{Job: "c"}, nil},
	} {
		equal(t, name, e.missed(c.q), c.want)
	}
	for got, err := range e.Missed(t.Context(), engine.MissedQuery{}) { // left early
		equal(t, "first", got, m[3])
		if err != nil {
			t.Error(err)
		}
		break
	}
}

func examListened(t *testing.T, e *examinee) {
	e.fire(engine.Firings{Listened: map[string]time.Time{"pbx.a": at(5), "pbx.b": at(6)}})
	e.fire(engine.Firings{Listened: map[string]time.Time{"pbx.a": at(7)}})
	e.reopen()
	equal(t, "listened", e.listened(), map[string]time.Time{"pbx.a": at(7), "pbx.b": at(6)})
}

func examPause(t *testing.T, e *examinee) {
	pause := func(p engine.Pause) {
		t.Helper()
		if err := e.Pause(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	unpause := func(job string, want bool) {
		t.Helper()
		if was, err := e.Unpause(t.Context(), job); was != want || err != nil {
			t.Errorf("unpause %s: %v, %v", job, was, err)
		}
	}
	a := engine.Pause{Job: "a", Reason: "fire drill", By: "ann", Since: at(1)}
	b := engine.Pause{Job: "b", Since: at(2)}
	pause(a)
	pause(b)
	a.Reason, a.By, a.Since = "still", "bob", at(3)
	pause(a)
	e.publish(engine.Publication{Snapshot: []byte("x"), Jobs: []engine.AppliedJob{{Address: "a"}}})
	e.reopen()
	equal(t, "paused", e.pauses(), map[string]engine.Pause{"a": a, "b": b})
	equal(t, "paused in the state", e.state().Pauses, map[string]engine.Pause{"a": a, "b": b})
	equal(t, "version", e.version(), engine.Version{Serial: 1, Control: 3})
	unpause("b", true)
	unpause("b", false)
	unpause("c", false)
	equal(t, "paused", e.pauses(), map[string]engine.Pause{"a": a})
	equal(t, "version", e.version(), engine.Version{Serial: 1, Control: 4})
}

// examRemovedDaemon removes a job: what a daemon keeps of it goes, its history
// stays.
func examRemovedDaemon(t *testing.T, e *examinee) {
	leader := e.newRun("b", "", 1)
	leader.Followers = []engine.TriggerKey{key("a", 0), key("b", 1)}
	e.publish(engine.Publication{Jobs: []engine.AppliedJob{{Address: "a"}, {Address: "b"}}, Runs: []engine.NewRun{leader}})
	missed := engine.Missed{TriggerKey: key("a", 0), Reason: engine.MissedLate, First: at(1), Last: at(1), At: at(1)}
	e.fire(engine.Firings{Missed: []engine.Missed{missed}, Settled: []engine.Settled{
		{TriggerKey: key("a", 0), Until: at(5)}, {TriggerKey: key("a", 1), Until: at(5)}, {TriggerKey: key("b", 0), Until: at(6)}}})
	for _, job := range []string{"a", "b"} {
		if err := e.Pause(t.Context(), engine.Pause{Job: job, Since: at(1)}); err != nil {
			t.Fatal(err)
		}
	}
	// What is settled of a job that takes its place is not touched.
	e.publish(engine.Publication{Removed: []string{"a"}, Settled: []engine.Settled{{TriggerKey: key("c", 0), Until: at(9)}}})
	equal(t, "settled", e.settled(), map[engine.TriggerKey]time.Time{key("b", 0): at(6), key("c", 0): at(9)})
	equal(t, "owed", e.owed(), []engine.Owed{{Debt: engine.Debt{Run: leader.ID, Follower: key("b", 1)}, Job: "b"}})
	equal(t, "pauses", e.pauses(), map[string]engine.Pause{"b": {Job: "b", Since: at(1)}})
	equal(t, "missed", e.missed(engine.MissedQuery{}), []engine.Missed{missed})
}

func examReport(t *testing.T, e *examinee) {
	for _, want := range []engine.DaemonStatus{
		{PID: 7, Host: "hq", Started: at(1), Serial: 3, Problem: "no secret"},
		{PID: 8, Host: "hq", Started: at(2), Stopped: at(3), Serial: 4},
	} {
		if err := e.Report(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		e.reopen()
		got, err := e.Reported(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "reported", got, &want)
	}
}

// examVersion tells what others do from what the daemon does.
func examVersion(t *testing.T, e *examinee) {
	e.publish(engine.Publication{Snapshot: []byte("1")})
	equal(t, "after an apply", e.version(), engine.Version{Serial: 1})
	e.publish(engine.Publication{})
	equal(t, "after a fire by hand", e.version(), engine.Version{Serial: 2})
	e.fire(e.everything())
	run := e.state().Open[0].ID
	e.commit(claim(run, 0, 1, 1, 1))
	if err := e.Report(t.Context(), engine.DaemonStatus{PID: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Recover(t.Context(), at(9), "ended"); err != nil {
		t.Fatal(err)
	}
	equal(t, "after all that a daemon does", e.version(), engine.Version{Serial: 2})
}

// examAnswered has answered count as accepted where it is asked what a phone has
// had.
func examAnswered(t *testing.T, e *examinee) {
	first := e.start("a", "r1", 1)
	e.send(first, 0, 1, engine.Answered, 1)
	e.commit(engine.Batch{Ended: []string{first}})
	want := delivered{"a": {phone(0): {Revision: "r1", Outcome: engine.Answered, Run: first}}}
	equal(t, "delivered", e.state().Delivered, want)
	second := e.start("a", "r1", 1)
	e.send(second, 0, 1, engine.Unknown, 2)
	equal(t, "unknown later, still open", e.state().Delivered, want)
	e.commit(engine.Batch{Ended: []string{second}})
	equal(t, "unknown later", e.state().Delivered, want)
	equal(t, "counts", e.listRuns(engine.RunQuery{ID: first})[0].Outcomes, map[engine.Outcome]int{engine.Answered: 1})
}
