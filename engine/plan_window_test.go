package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// byNight is a configuration of a job with a window from 22:00 to 05:00.
func byNight(t *testing.T, phones int, lines string) *schema.Config {
	t.Helper()
	return configure(t, fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		  rate_limit = "1/m"
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  window  = window.nights
		  targets = [for n in range(%d) : "SIP/${n}"]
		  message {
		    event = "x"
		  }
		  %s
		}
		window "nights" {
		  start = "22:00"
		  end   = "05:00"
		}`, phones, lines))
}

func TestNewPlan_window(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		phones int
		now    time.Time
		open   bool
		until  string
		done   string
	}{
		{"held", 1, noon, false, "22T22:00", "22T22:01"},
		{"open", 1, noon.Add(11 * time.Hour), true, "23T05:00", "22T23:01"},
		{"closes before it is done", 8 * 60, noon.Add(11 * time.Hour), true, "23T05:00", "24T00:00"},
		{"takes more than one opening", 15 * 60, noon, false, "22T22:00", "24T23:00"},
	} {
		p, diags := NewPlan(byNight(t, c.phones, `trigger "change" {}`), &State{}, c.now, Options{})
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		w := p.Jobs[0].Window
		if w == nil || w.Address != "window.nights" || w.Open != c.open || w.Until.Format("02T15:04") != c.until || w.Done.Format("02T15:04") != c.done || len(w.Targets) != c.phones {
			t.Errorf("%s: %+v", c.name, w)
		}
		if held := w.Held(); (held == nil) != c.open {
			t.Errorf("%s: held %+v", c.name, held)
		}
	}
	p, _ := NewPlan(byNight(t, 3, ""), &State{}, noon, Options{})
	if p.Jobs[0].Window != nil {
		t.Error("a job that sends nothing is held")
	}
}

// What an open run has left is held too, whoever drives it; a pause comes first.
func TestNewPlan_windowOfOpenRun(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	cfg := byNight(t, 3, `trigger "change" {}`)
	first, diags := NewPlan(cfg, &State{}, noon, Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	pub, _ := first.Publication(noon, nil)
	run := OpenRun{RunHeader: pub.Runs[0].RunHeader, Serial: 1}
	for _, d := range pub.Runs[0].Deliveries {
		run.Deliveries = append(run.Deliveries, DeliveryState{Delivery: d, Outcome: Pending})
	}
	run.Deliveries[0].Outcome = Accepted
	state := &State{Serial: 1, Jobs: map[string]AppliedJob{"sip_notify.x": pub.Jobs[0]}, Open: []OpenRun{run},
		Delivered: map[string]map[string]Delivered{"sip_notify.x": {"SIP/0": {Revision: run.Deliveries[0].Revision, Outcome: Accepted}}}}
	for _, served := range []bool{false, true} {
		state.Served = served
		p, diags := NewPlan(cfg, state, noon, Options{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		jp := p.Jobs[0]
		if w := jp.Window; w == nil || len(w.Targets) != 2 || w.Held() == nil || p.Empty() != served {
			t.Errorf("served %v: %+v, empty %v", served, jp.Window, p.Empty())
		}
	}
	state.Pauses = map[string]Pause{"sip_notify.x": {Job: "sip_notify.x"}}
	if p, _ := NewPlan(cfg, state, noon, Options{}); p.Jobs[0].Window != nil {
		t.Error("a paused job is said to wait for its window")
	}

	// The summary of the run says the same.
	summary := RunSummary{RunHeader: run.RunHeader, Outcomes: map[Outcome]int{Pending: 2, Accepted: 1}, Spec: pub.Jobs[0].Spec}
	if held := HeldRun(summary, noon); held == nil || held.Window != "window.nights" || !held.Until.Equal(noon.Add(10*time.Hour)) {
		t.Errorf("held %+v", held)
	}
	if held := HeldRun(summary, noon.Add(11*time.Hour)); held != nil {
		t.Errorf("when it is open it is held: %+v", held)
	}
	summary.Outcomes[InFlight] = 1
	if held := HeldRun(summary, noon); held != nil {
		t.Errorf("while one is in flight it is held: %+v", held)
	}
	delete(summary.Outcomes, InFlight)
	if summary.Ended = noon; HeldRun(summary, noon) != nil {
		t.Error("when it has ended it is held")
	}
}

// Another window is a change of the job, in each of its parts.
func TestNewPlan_windowChanges(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	config := func(window string) *schema.Config {
		return configure(t, "pbx \"hq\" {\n simulator {}\n}\nuser_event \"x\" {\n pbx = pbx.hq\n window = window.x\n}\nwindow \"x\" {\n"+window+"\n}\n")
	}
	const base = "start = \"22:00\"\nend = \"05:00\"\n"
	p, _ := NewPlan(config(base), &State{}, noon, Options{})
	pub, _ := p.Publication(noon, nil)
	state := &State{Serial: 1, Jobs: map[string]AppliedJob{"user_event.x": pub.Jobs[0]}}
	for window, want := range map[string]Op{
		base:                                  NoOp,
		"start = \"21:00\"\nend = \"05:00\"":  Change,
		"start = \"22:00\"\nend = \"05:01\"":  Change,
		base + "days = [\"mon\"]":             Change,
		base + "timezone = \"Europe/London\"": Change,
		base + "except = [\"2026-12-24\"]":    Change,
		base + "days = [\"mon\",\"tue\",\"wed\",\"thu\",\"fri\",\"sat\",\"sun\"]\ntimezone = \"UTC\"": NoOp,
	} {
		p, diags := NewPlan(config(window), state, noon, Options{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if jp := p.Jobs[0]; jp.Op != want || want == Change && (len(jp.Changes) != 1 || jp.Changes[0].Name != "window") {
			t.Errorf("%s: %s, %v", window, jp.Op, jp.Changes)
		}
	}
}

// A schedule that is never due while the window is open is a warning.
func TestNewPlan_neverOpen(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for cron, want := range map[string]string{
		`cron = "0 12 * * *"`:   "is due only while window.nights is closed (it is open 22:00–05:00 UTC), next at 2026-11-23 12:00 UTC. Its runs begin then and wait until it opens: that one until 2026-11-23 22:00 UTC.",
		`cron = "0 5 * * *"`:    "next at 2026-11-23 05:00 UTC",
		`cron = "* 6-21 * * *"`: "next at 2026-11-22 12:01 UTC",
		`cron = "0 12 1 1 *"`:   "next at 2027-01-01 12:00 UTC",
		`cron = "0 */6 * * *"`:  "",
		`cron = "59 4 29 2 *"`:  "",
		`cron = "@every 25h"`:   "",
		`cron = "0 22 * * *"`:   "",
	} {
		_, diags := NewPlan(byNight(t, 1, "trigger \"schedule\" {\n"+cron+"\n}"), &State{}, noon, Options{})
		if want == "" && len(diags) > 0 || want != "" && (len(diags) != 1 || !strings.Contains(diags[0].Detail, want)) {
			t.Errorf("%s: %v", cron, diags)
		}
	}
	if _, diags := NewPlan(byNight(t, 1, "enabled = false\ntrigger \"schedule\" {\ncron = \"0 12 * * *\"\n}"), &State{}, noon, Options{}); len(diags) > 0 {
		t.Errorf("a job that is disabled is told of: %v", diags)
	}
}
