package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

// examineeOf makes an examinee of an open ledger.
func examineeOf(t *testing.T, s *SQLite) *examinee {
	return &examinee{T: t, DaemonLedger: s, open: func() engine.DaemonLedger { return s }}
}

// sound holds a state against all that Check knows.
func sound(t *testing.T, s *SQLite) {
	t.Helper()
	if err := s.Check(t.Context(), true); err != nil {
		t.Fatal(err)
	}
}

// past publishes a run and ends it, all deliveries at once.
func (e *examinee) past(r engine.NewRun, second int) engine.NewRun {
	e.Helper()
	e.publish(engine.Publication{Runs: []engine.NewRun{r}})
	b := engine.Batch{Ended: []string{r.ID}, Time: at(second)}
	for i := range r.Deliveries {
		b.Attempts = append(b.Attempts, attempt(r.ID, i, 1, engine.Accepted, second-1))
	}
	if len(r.Deliveries) > 0 {
		e.commit(claim(r.ID, 0, len(r.Deliveries)-1, 1, second-1))
	}
	e.commit(b)
	return r
}

func TestPrune(t *testing.T) {
	s := openWriter(t, filepath.Join(t.TempDir(), "notifyrun.db"))
	defer s.Close()
	e := examineeOf(t, s)
	own := func(r engine.NewRun, digest string) engine.NewRun {
		r.Messages = append(r.Messages, engine.StoredMessage{Digest: digest, Text: []byte(`{}`)})
		r.Deliveries[0].Message = digest
		return r
	}
	open := e.newRun("a", "", 2)
	e.publish(engine.Publication{Runs: []engine.NewRun{open}})
	oldest := e.past(own(e.newRun("a", "r1", 3), "of old ones"), 10)
	e.past(e.newRun("b", "", 0), 11)
	awaited := own(e.newRun("b", "r2", 2), "of an awaited one")
	awaited.Followers = []engine.TriggerKey{key("f", 0)}
	e.past(awaited, 12)
	late := e.past(e.newRun("a", "", 1), 50)
	older := e.past(own(e.newRun("a", "r1", 1), "of old ones"), 13) // after a later one
	newest := e.past(e.newRun("c", "", 1), 14)
	missed := func(second int) engine.Missed {
		return engine.Missed{TriggerKey: key("a", 0), Reason: engine.MissedLate, First: at(second), Last: at(second), At: at(second)}
	}
	e.fire(engine.Firings{Missed: []engine.Missed{missed(5), missed(20), missed(19)}})
	before := e.record()
	ids := func() (ids []string) {
		for _, r := range e.listRuns(engine.RunQuery{}) {
			ids = append(ids, r.ID)
		}
		return ids
	}
	able, err := s.Prunable(t.Context(), at(20))
	if err != nil || able.Runs != 3 || able.Deliveries != 4 || able.Missed != 2 || able.Newest.Before(able.Oldest) || able.Oldest.IsZero() {
		t.Errorf("prunable: %+v, %v", able, err)
	}
	var told []engine.Pruned
	pruned, err := s.Prune(t.Context(), at(20), func(p engine.Pruned) { told = append(told, p) })
	if err != nil {
		t.Fatal(err)
	}
	if len(told) == 0 {
		t.Fatal("progress is told nothing")
	}
	equal(t, "told", told[len(told)-1], pruned)
	able, err = s.Prunable(t.Context(), at(20))
	if err != nil {
		t.Error(err)
	}
	equal(t, "prunable after it", able, engine.Prunable{})
	equal(t, "pruned", pruned, engine.Pruned{Runs: 3, Deliveries: 4, Attempts: 4, Messages: 1, Missed: 2})
	equal(t, "runs", ids(), []string{newest.ID, late.ID, awaited.ID, open.ID})
	equal(t, "missed", e.missed(engine.MissedQuery{}), []engine.Missed{missed(20)})
	after := e.record()
	before.Missed, after.Missed = nil, nil
	equal(t, "what is not history", after, before)
	equal(t, "what a phone had", after.State.Delivered["a"][phone(0)].Run, oldest.ID)
	if _, err := s.Runs(t.Context(), engine.RunQuery{ID: older.ID}); !errors.Is(err, ErrNoRun) {
		t.Errorf("a run that is gone: %v", err)
	}
	for digest, want := range map[string]bool{"m1": true, "of old ones": false, "of an awaited one": true} {
		if m, err := s.Message(t.Context(), digest); (m != nil) != want || err != nil {
			t.Errorf("message %q: %q, %v", digest, m, err)
		}
	}
	equal(t, "history", len(e.history(engine.HistoryQuery{})), 2+1+1)
	sound(t, s)

	again, err := s.Prune(t.Context(), at(20), nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "pruned again", again, engine.Pruned{})
	e.fire(engine.Firings{Paid: []engine.Debt{{Run: awaited.ID, Follower: key("f", 0)}}})
	last := e.past(e.newRun("c", "", 1), 60)
	pruned, err = s.Prune(t.Context(), at(1000), nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "pruned", pruned, engine.Pruned{Runs: 3, Deliveries: 4, Attempts: 4, Messages: 1, Missed: 1})
	equal(t, "runs", ids(), []string{last.ID, open.ID})
	sound(t, s)
	e.send(open.ID, 1, 1, engine.Accepted, 70) // goes on as if nothing had been

	if size, err := s.Size(t.Context()); err != nil || size.Free < 0 || size.Bytes < 4096 || size.Free >= size.Bytes {
		t.Error(size, err)
	}
}

// aged fills a state with a history of some runs, among them a long one.
func aged(t testing.TB, s *SQLite, runs, long int) {
	t.Helper()
	var p engine.Publication
	var b engine.Batch
	for i := range runs {
		n := 1 + i%4
		if i == runs/2 {
			n = long
		}
		r := benchRun(fmt.Sprintf("01ARZ3NDEKTSV4RRFF%08d", i), n, 1)
		r.Job = fmt.Sprintf("job %d", i%50)
		p.Runs = append(p.Runs, r)
		for j := range n {
			b.Attempts = append(b.Attempts, attempt(r.ID, j, 1, engine.Accepted, i))
		}
		b.Ended = append(b.Ended, r.ID)
	}
	p.Time, b.Time = noon, at(runs)
	if err := s.Publish(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// TestPrune_stopped stops it after each slice: what is left is whole each time,
// and known to be left, and in the end all is gone as if it had never been stopped.
func TestPrune_stopped(t *testing.T) {
	s := openWriter(t, filepath.Join(t.TempDir(), "notifyrun.db"))
	defer s.Close()
	const runs, long = 1500, 8000
	aged(t, s, runs, long)
	state, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sum engine.Pruned
	stops := 0
	for {
		able, err := s.Prunable(t.Context(), at(2*runs))
		if err != nil || able == (engine.Prunable{}) {
			t.Fatalf("%+v is gone, and nobody would go on: %v", sum, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		p, err := s.Prune(ctx, at(2*runs), func(done engine.Pruned) {
			if done != (engine.Pruned{}) {
				cancel()
			}
		})
		cancel()
		sum = engine.Pruned{
			Runs: sum.Runs + p.Runs, Deliveries: sum.Deliveries + p.Deliveries, Attempts: sum.Attempts + p.Attempts,
			Messages: sum.Messages + p.Messages, Missed: sum.Missed + p.Missed,
		}
		sound(t, s)
		left := len(examineeOf(t, s).listRuns(engine.RunQuery{}))
		equal(t, "runs left", int64(left), runs-sum.Runs)
		if p.Runs > pruneRows || p.Attempts > pruneRows {
			t.Errorf("one slice took %+v", p)
		}
		if left == 1 && sum.Messages == runs-1 {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("it did not stop: %v", err)
		}
		if stops++; stops > 100 {
			t.Fatalf("it does not come to an end: %+v", sum)
		}
	}
	if stops < 3 {
		t.Errorf("stopped %d times", stops)
	}
	able, err := s.Prunable(t.Context(), at(2*runs))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "prunable in the end", able, engine.Prunable{})
	if _, err := s.Prune(t.Context(), at(2*runs), nil); err != nil {
		t.Fatal(err)
	}
	rows := int64(0)
	for i := range runs - 1 {
		rows += int64(1 + i%4)
	}
	rows += long - 1 - runs/2%4
	equal(t, "pruned", sum, engine.Pruned{Runs: runs - 1, Deliveries: rows, Attempts: rows, Messages: runs - 1})
	after, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "state", after, state)
	size, err := s.Size(t.Context())
	if err != nil || size.Free < size.Bytes/4 {
		t.Errorf("size %+v, %v", size, err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	small := openWriter(t, copied)
	defer small.Close()
	if packed, err := small.Size(t.Context()); err != nil || packed.Bytes >= size.Bytes/2 {
		t.Errorf("size of a copy %+v, %v", packed, err)
	}
}
