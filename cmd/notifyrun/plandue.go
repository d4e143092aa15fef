package main

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

func (v planView) due(p *engine.Plan) {
	const shown = 10
	rows := dueRows(p)
	for i, r := range rows {
		if i == 0 {
			v.printf("\nNext due times:\n")
		}
		if i == shown {
			v.printf("  … and %s; notifyrun schedule lists them\n", count(len(rows)-shown, "more schedule"))
			break
		}
		v.line("  %s  %s  %s%s", r.when, r.zone, r.job, r.note)
	}
}

// waits lists what makes jobs fire that have no due time: events, and the ends
// of other jobs' runs.
func (v planView) waits(p *engine.Plan) {
	const shown = 10
	n := 0
	for _, jp := range p.Jobs {
		for _, w := range waitsOf(jp) {
			if n++; n == 1 {
				v.printf("\nFires when something happens:\n")
			}
			if n <= shown {
				if jp.Paused != nil {
					w += " (paused)"
				}
				v.line("  %s fires %s", jp.Address, w)
			}
		}
	}
	if n > shown {
		v.printf("  … and %s; plan -json lists them\n", count(n-shown, "more trigger"))
	}
}

// waitsOf words what the event and after triggers of a job wait for.
func waitsOf(jp *engine.JobPlan) []string {
	if jp.Job == nil || !jp.Job.Enabled {
		return nil
	}
	var all []string
	for _, t := range jp.Job.Triggers {
		switch t := t.(type) {
		case *schema.EventTrigger:
			all = append(all, "on "+t.String())
		case *schema.AfterTrigger:
			all = append(all, t.String())
		}
	}
	return all
}

type dueRow struct {
	at                    time.Time
	when, zone, job, note string
}

func dueRows(p *engine.Plan) []dueRow {
	var rows []dueRow
	for _, jp := range p.Jobs {
		for _, d := range jp.Due {
			note := dueNote(d)
			if jp.Paused != nil {
				note = "paused"
			} else if held := engine.HeldBack(jp.Job, d.Fires); held != nil {
				note = withNote(note, heldText(held))
			}
			if note != "" {
				note = "  " + note
			}
			rows = append(rows, dueRow{d.At, dueTime(d), d.At.Location().String(), jp.Address, note})
		}
	}
	slices.SortStableFunc(rows, func(a, b dueRow) int { return a.at.Compare(b.at) })
	return rows
}

// manyDue lists the next due times, the jobs that are due at one time in one line.
func (v planView) manyDue(p *engine.Plan) {
	rows := dueRows(p)
	if len(rows) == 0 {
		return
	}
	type instant struct{ when, zone string }
	var order []instant
	jobs := map[instant][]dueRow{}
	for _, r := range rows {
		at := instant{r.when, r.zone}
		if jobs[at] == nil {
			order = append(order, at)
		}
		jobs[at] = append(jobs[at], r)
	}
	v.printf("Next due times:\n")
	for _, at := range order[:min(v.listed, len(order))] {
		row := fmt.Sprintf("%s  %s  ", at.when, at.zone)
		v.line("  %s%s", row, few(jobs[at], func(r dueRow) string { return r.job + r.note }, v.room(2+utf8.RuneCountInString(row))))
	}
	left := 0
	for _, at := range order[min(v.listed, len(order)):] {
		left += len(jobs[at])
	}
	v.more(left, "more schedule")
	v.printf("\n")
}

// manyWaits lists what jobs without due time wait for. Instances of a block that
// wait for the same, or each for its own instance of another, share a line.
func (v planView) manyWaits(p *engine.Plan) {
	type key struct{ block, waits string }
	type trigger struct{ job, waits string }
	var order []key
	jobs := map[key][]trigger{}
	for _, jp := range p.Jobs {
		for _, w := range waitsOf(jp) {
			block, _ := blockOf(jp.Address)
			over, _ := blockOf(w)
			k := key{block, over}
			if jobs[k] == nil {
				order = append(order, k)
			}
			jobs[k] = append(jobs[k], trigger{jp.Address, w})
		}
	}
	if len(order) == 0 {
		return
	}
	v.printf("Fires when something happens:\n")
	for _, k := range order[:min(v.listed, len(order))] {
		first := jobs[k][0]
		if len(jobs[k]) == 1 {
			v.line("  %s fires %s", first.job, first.waits)
			continue
		}
		waits := first.waits
		if slices.ContainsFunc(jobs[k], func(t trigger) bool { return t.waits != waits }) {
			waits = k.waits
		}
		v.line("  %s  %s fire %s", k.block, count(len(jobs[k]), "instance"), waits)
	}
	left := 0
	for _, k := range order[min(v.listed, len(order)):] {
		left += len(jobs[k])
	}
	v.more(left, "more trigger")
	v.printf("\n")
}
