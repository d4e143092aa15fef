package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// heldText says what holds something back: held by window.nights until
// 2026-11-22 22:00 CET.
func heldText(h *engine.Held) string { return "held by " + heldBy(h) }

func heldBy(h *engine.Held) string { return h.Window + " until " + zonedTime(h.Until) }

// zonedTime writes when a window opens or closes, by the clock of its zone.
func zonedTime(t time.Time) string {
	if t.Second() != 0 {
		return t.Format("2006-01-02 15:04:05 MST")
	}
	return t.Format("2006-01-02 15:04 MST")
}

// heldJSON is what holds something back.
type heldJSON struct {
	Window string  `json:"window"`
	Until  *string `json:"until"`
}

func newHeldJSON(h *engine.Held) *heldJSON {
	if h == nil {
		return nil
	}
	return &heldJSON{h.Window, timeJSON(h.Until)}
}

// windowJSON is what the window of a job has to do with what a plan sends of it.
type windowJSON struct {
	Window  string   `json:"window"`
	Hours   string   `json:"hours"`
	Open    bool     `json:"open"`
	Until   *string  `json:"until"` // null: for ever
	Targets []string `json:"targets"`
	Done    *string  `json:"done,omitempty"`
}

func newWindowJSON(w *engine.Windowed) *windowJSON {
	if w == nil {
		return nil
	}
	return &windowJSON{w.Address, w.Hours, w.Open, timeJSON(w.Until), w.Targets, timeJSON(w.Done)}
}

// windows lists what closed windows hold back, and what will not be done before
// a window closes.
func (v planView) windows(p *engine.Plan) {
	for _, jp := range p.Jobs {
		if inWindow(jp) {
			v.window(jp, p.Now)
		}
	}
}

// inWindow tells whether there is anything to be said of the window of a job.
func inWindow(jp *engine.JobPlan) bool {
	w := jp.Window
	return w.Held() != nil || w != nil && !w.Until.IsZero() && w.Done.After(w.Until)
}

func (v planView) window(jp *engine.JobPlan, begins time.Time) {
	w := jp.Window
	waiting := fmt.Sprintf("%s (%s)", whom(jp.Job, len(w.Targets)), names(w.Targets, itself))
	if held := w.Held(); held != nil {
		begins = held.Until
		v.titled("Held back:", fmt.Sprintf("%s, by %s", jp.Address, heldBy(held)))
		v.line("  It is open %s. Waiting for that: %s", w.Hours, waiting)
	} else {
		v.titled("Not done in time:", fmt.Sprintf("%s, by %s, which closes at %s", jp.Address, w.Address, zonedTime(w.Until)))
		v.line("  It is open %s. What is left of %s then goes on when it opens next.", w.Hours, waiting)
	}
	if w.Done.Sub(begins) >= time.Minute {
		v.line("  At the rate of the PBX all of it is sent by %s.", zonedTime(w.Done))
	}
	v.printf("\n")
}

// manyWindows sums up what windows have to do with many jobs, by window; in full
// where they are few.
func (v planView) manyWindows(p *engine.Plan) {
	jobs, _ := jobsWith(p, func(jp *engine.JobPlan) int {
		if inWindow(jp) {
			return 1
		}
		return 0
	})
	if len(jobs) <= 1 {
		v.windows(p)
		return
	}
	type sum struct {
		*engine.Windowed
		jobs, deliveries int
	}
	var sums []*sum
	of := map[string]*sum{}
	for _, jp := range jobs {
		key := jp.Window.Address + jp.Window.Hours
		s := of[key]
		if s == nil {
			s = &sum{Windowed: jp.Window}
			of[key], sums = s, append(sums, s)
		}
		s.jobs, s.deliveries = s.jobs+1, s.deliveries+len(jp.Window.Targets)
	}
	for _, s := range sums[:min(v.listed, len(sums))] {
		what := fmt.Sprintf("%s of %s", count(s.deliveries, "delivery"), count(s.jobs, "job"))
		if held := s.Held(); held != nil {
			v.titled("Held back:", fmt.Sprintf("%s, by %s", what, heldBy(held)))
		} else {
			v.titled("Not done in time:", fmt.Sprintf("%s, by %s, which closes at %s", what, s.Address, zonedTime(s.Until)))
		}
		v.line("  It is open %s.", s.Hours)
	}
	v.more(len(sums)-v.listed, "more window")
	v.printf("\n")
}

// heldWorks tells what holds back works of which something is left, if that is
// all of them: the window that opens first. Otherwise it is nil.
func heldWorks(works []*engine.Work, left func(i int) bool, now time.Time) *engine.Held {
	var first *engine.Held
	for i, w := range works {
		if !left(i) {
			continue
		}
		held := engine.HeldBack(w.Job, now)
		if held == nil {
			return nil
		}
		if first == nil || held.Until.Before(first.Until) {
			first = held
		}
	}
	return first
}

// heldRuns says what holds back open runs, each job once.
func heldRuns(runs []engine.RunSummary, now time.Time) []string {
	lines := map[string]string{}
	for _, r := range runs {
		if held := engine.HeldRun(r, now); held != nil {
			lines[r.Job] = fmt.Sprintf("%s is %s", r.Job, heldText(held))
		}
	}
	all := make([]string, 0, len(lines))
	for _, job := range slices.Sorted(maps.Keys(lines)) {
		all = append(all, lines[job])
	}
	return all
}
