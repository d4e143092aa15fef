package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// eventually waits until what has been said is so. It is for what happens in
// other processes, where no channel tells.
func eventually(t *testing.T, within time.Duration, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// record is the state of a daemon, as others read it.
type record struct {
	t   *testing.T
	led *ledger.SQLite
}

func recordOf(t *testing.T, dir string) record {
	t.Helper()
	led, err := ledger.Open(t.Context(), filepath.Join(dir, "notifyrun.db"), ledger.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { led.Close() })
	return record{t, led}
}

// runs are those of a job, oldest first.
func (r record) runs(job string) []engine.RunSummary {
	r.t.Helper()
	runs, err := r.led.Runs(r.t.Context(), engine.RunQuery{Job: job})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Reverse(runs)
	return runs
}

// ended waits until a job has so many runs, and all of them have ended.
func (r record) ended(job string, n int) []engine.RunSummary {
	r.t.Helper()
	var runs []engine.RunSummary
	eventually(r.t, 30*time.Second, fmt.Sprintf("%d ended runs of %s", n, job), func() bool {
		runs = r.runs(job)
		return len(runs) >= n && !slices.ContainsFunc(runs, func(s engine.RunSummary) bool { return s.Ended.IsZero() })
	})
	if len(runs) != n {
		r.t.Fatalf("%s has %d runs, want %d", job, len(runs), n)
	}
	return runs
}

// attempts are those of a job, or of all jobs.
func (r record) attempts(job string) []engine.HistoryEntry {
	r.t.Helper()
	var all []engine.HistoryEntry
	for e, err := range r.led.History(r.t.Context(), engine.HistoryQuery{Job: job}) {
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// missed is what did not fire for a reason.
func (r record) missed(reason engine.MissedReason) []engine.Missed {
	r.t.Helper()
	var all []engine.Missed
	for m, err := range r.led.Missed(r.t.Context(), engine.MissedQuery{}) {
		if err != nil {
			r.t.Fatal(err)
		}
		if m.Reason == reason {
			all = append(all, m)
		}
	}
	return all
}
