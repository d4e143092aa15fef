package main

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// TestHistoryPrune deletes what is older than asked for, beside a process that
// holds the state, and only after a yes.
func TestHistoryPrune(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "notifyrun.db")
	write(t, dir, "main.hcl", "")
	lock, err := ledger.Lock(state, "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	led, err := ledger.Open(t.Context(), state, ledger.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	snapshot := `{"dir":".","configuration":["main.hcl"],"files":{"main.hcl":"bm90aWZ5cnVuIHsKICByZXRlbnRpb24gPSAiMzBkIgp9Cg=="}}` // notifyrun { retention = "30d" }
	if err := led.Publish(t.Context(), engine.Publication{Time: time.Now(), Snapshot: []byte(snapshot)}); err != nil {
		t.Fatal(err)
	}
	day := func(n int) time.Time { return time.Now().Add(time.Duration(-n) * 24 * time.Hour) }
	for i, days := range []int{90, 60, 10, 1} {
		header := engine.RunHeader{ID: "01ARZ3NDEKTSV4RRFFQ69G5F0" + string(rune('1'+i)), Job: "user_event.a", PBX: "pbx.hq", Cause: engine.Cause{Kind: "schedule"}, Created: day(days)}
		f := engine.Firings{
			Base: 1, Time: day(days),
			Runs:   []engine.NewRun{{RunHeader: header, Deliveries: []engine.Delivery{{Target: "pbx.hq"}}}},
			Missed: []engine.Missed{{TriggerKey: engine.TriggerKey{Job: "user_event.a"}, Reason: engine.MissedLate, Count: 1, First: day(days), Last: day(days), At: day(days)}},
		}
		if err := led.Fire(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		end := engine.Batch{Time: day(days), Ended: []string{header.ID}, Attempts: []engine.Attempt{{Run: header.ID, Outcome: engine.Canceled, Started: day(days), Finished: day(days)}}}
		if err := led.Commit(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	left := func() int {
		runs, err := led.Runs(t.Context(), engine.RunQuery{})
		if err != nil {
			t.Fatal(err)
		}
		return len(runs)
	}
	for _, c := range []struct {
		stdin, args string
		code, left  int
		want        string
	}{
		{"", "-dry-run", exitOK, 4, ": 2 runs with 2 deliveries, begun from "},
		{"", "-dry-run -older-than 80d -json", exitOK, 4, `"runs":1,"deliveries":1,"messages":0,"missed":1,"deleted":false}`},
		{"no\n", "", exitError, 4, "nothing was deleted"},
		{"yes\n", "-older-than 12w", exitOK, 3, "Deleted: 1 run, 1 delivery, 1 attempt, 1 record of what did not fire."},
		{"", "-auto-approve -json", exitOK, 2, `"runs":1,"deliveries":1,"messages":0,"missed":1,"deleted":true}`},
		{"", "-auto-approve", exitOK, 2, "Nothing to delete: nothing ended before "},
		{"", "-auto-approve -older-than 1h", exitOK, 1, "Deleted: 1 run, 1 delivery, 1 attempt, 2 records of what did not fire."}, // the newest stays
	} {
		code, out, errs := execute(t, c.stdin, nil, append([]string{"history", "prune", dir}, strings.Fields(c.args)...)...)
		if n := left(); code != c.code || !strings.Contains(out+errs, c.want) || n != c.left {
			t.Errorf("%s: exit code %d, want %d; %d runs left, want %d; want %q:\n%s%s", c.args, code, c.code, n, c.left, c.want, out, errs)
		}
	}
}

// TestHistoryPrune_stopped stops a prune after each of its steps. The next one goes
// on, also where no run is left that could be deleted, until the state is as small
// as if none had been stopped.
func TestHistoryPrune_stopped(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "notifyrun.db")
	write(t, dir, "main.hcl", "")
	led, err := ledger.Open(t.Context(), state, ledger.Beside)
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	old := time.Now().Add(-90 * 24 * time.Hour)
	long := engine.NewRun{RunHeader: engine.RunHeader{ID: "01ARZ3NDEKTSV4RRFFQ69G5F01", Job: "sip_notify.a", PBX: "pbx.hq", Created: old}}
	for i := range 1200 {
		digest := strconv.Itoa(i % 7)
		long.Messages = append(long.Messages, engine.StoredMessage{Digest: digest, Text: []byte(`{}`)})
		long.Deliveries = append(long.Deliveries, engine.Delivery{Seq: i, Target: "PJSIP/" + strconv.Itoa(i), Message: digest})
	}
	newest := engine.NewRun{RunHeader: engine.RunHeader{ID: "01ARZ3NDEKTSV4RRFFQ69G5F02", Job: "sip_notify.a", PBX: "pbx.hq", Created: old}}
	if err := led.Publish(t.Context(), engine.Publication{Time: old, Runs: []engine.NewRun{long, newest}}); err != nil {
		t.Fatal(err)
	}
	driver, err := ledger.Open(t.Context(), state, ledger.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close()
	end := engine.Batch{Time: old, Ended: []string{long.ID}}
	for i := range long.Deliveries {
		end.Attempts = append(end.Attempts, engine.Attempt{Run: long.ID, Seq: i, Outcome: engine.Canceled, Started: old, Finished: old})
	}
	if err := driver.Commit(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	stop := func(enough func(engine.Pruned) bool) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := led.Prune(ctx, old.Add(time.Hour), func(p engine.Pruned) {
			if enough(p) {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("not stopped: %v", err)
		}
	}
	prune := func(want, flags string) {
		t.Helper()
		args := append([]string{"history", "prune", dir, "-older-than", "1d"}, strings.Fields(flags)...)
		if code, out, errs := execute(t, "", nil, args...); code != exitOK || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, want %q:\n%s%s", flags, code, want, out, errs)
		}
	}
	stop(func(p engine.Pruned) bool { return p.Runs == 1 })
	prune(`"oldest":null,"newest":null,"runs":0,"deliveries":1200,"messages":0,"missed":0,"deleted":false}`, "-dry-run -json")
	prune("no runs; the rest of what a prune that was stopped has begun to delete.", "-dry-run")
	stop(func(p engine.Pruned) bool { return p.Deliveries == 1200 })
	prune(`"runs":0,"deliveries":0,"messages":7,"missed":0,"deleted":false}`, "-dry-run -json")
	prune("no runs; the rest of what a prune that was stopped has begun to delete.", "-dry-run")
	prune(`"runs":0,"deliveries":0,"messages":7,"missed":0,"deleted":true}`, "-auto-approve -json")
	prune("Nothing to delete: nothing ended before ", "-auto-approve")
	if m, err := led.Message(t.Context(), "3"); m != nil || err != nil {
		t.Errorf("a message that nobody refers to: %s, %v", m, err)
	}
}
