package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// TestSchedule_serve compares what the preview lists with what the daemon has
// recorded: each due time that it settled is listed, none is left out between
// them, and none fired before its share of the jitter.
func TestSchedule_serve(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.hcl", `
		pbx "demo" {
		  simulator {}
		}
		user_event "plain" {
		  pbx = pbx.demo
		  trigger "schedule" {
		    cron = "* * * * * *"
		  }
		}
		user_event "spread" {
		  pbx = pbx.demo
		  trigger "schedule" {
		    cron    = "*/2 * * * * *"
		    jitter  = "900ms"
		    overlap = "queue"
		  }
		}
		user_event "off" {
		  enabled = false
		  pbx     = pbx.demo
		  trigger "schedule" {
		    cron = "* * * * * *"
		  }
		}`)
	if code, out, errs := execute(t, "", nil, "apply", "-auto-approve", dir); code != exitOK {
		t.Fatalf("apply: exit code %d\n%s%s", code, out, errs)
	}
	s := startServer(t, dir, "-log-level", "info")
	jobs := []string{"user_event.plain", "user_event.spread"}
	for _, job := range jobs {
		for range 2 {
			s.wait("msg=\"run ended\"") // of either
		}
		s.wait("job=" + job)
	}
	s.stop()
	write(t, dir, "main.hcl", `pbx "other" {`) // what is applied counts, not what the files say
	r := recordOf(t, dir)
	for _, job := range jobs {
		settled := map[time.Time]time.Time{} // due times, and when they fired; zero: missed
		var first, last time.Time
		note := func(due, fired time.Time) {
			settled[due.UTC()] = fired
			if first.IsZero() || due.Before(first) {
				first = due
			}
			if due.After(last) {
				last = due
			}
		}
		for _, run := range r.runs(job) {
			note(run.Cause.Fired.Due, run.Created)
		}
		for _, reason := range []engine.MissedReason{engine.MissedLate, engine.MissedOverlap} {
			for _, m := range r.missed(reason) {
				if m.Job != job {
					continue
				}
				for due := m.First; !due.After(m.Last); due = due.Add(time.Second) { // more than there are, of every second one
					if _, fired := settled[due.UTC()]; !fired {
						note(due, time.Time{})
					}
				}
			}
		}
		code, out, errs := execute(t, "", nil, "schedule", "-applied", "-json", "-state", dir+"/notifyrun.db", "-job", job, "-from", first.UTC().Format(time.RFC3339), "-count", "60", dir)
		if code != exitOK {
			t.Fatalf("schedule: exit code %d\n%s%s", code, out, errs)
		}
		listed := 0
		for line := range strings.Lines(out) {
			var d struct{ Due, Fires time.Time }
			if err := json.Unmarshal([]byte(line), &d); err != nil {
				t.Fatal(err)
			}
			if d.Due.After(last) {
				break
			}
			listed++
			at, ok := settled[d.Due.UTC()]
			if fires := later(d.Due, d.Fires); !ok || !at.IsZero() && at.Before(fires) {
				t.Errorf("%s: the preview has %s, firing %s; the daemon fired at %s (known: %v)", job, d.Due, fires, at, ok)
			}
		}
		if listed < 2 {
			t.Errorf("%s: only %d due times to compare", job, listed)
		}
		if fired := len(r.runs(job)); fired > listed {
			t.Errorf("%s: %d runs, but %d due times are listed", job, fired, listed)
		}
	}
	if code, out, _ := execute(t, "", nil, "schedule", "-applied", "-state", dir+"/notifyrun.db", dir); code != exitOK || strings.Contains(out, "user_event.off") {
		t.Errorf("exit code %d, or a disabled job is listed:\n%s", code, out)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
