package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// shownJob is all that is known of one job.
type shownJob struct {
	plan      *engine.JobPlan
	applied   []engine.Attr // nil: never
	revisions *revisionCounts
	runs      []engine.RunSummary // the last ones
	missed    []engine.Missed     // likewise
}

// revisionCounts says how many targets of a job have had its present revision.
type revisionCounts struct {
	Current int `json:"current"` // accepted in the present revision
	Older   int `json:"older"`   // an older one is the last they had
	Never   int `json:"never"`
	Unknown int `json:"unknown"` // may have had the present one; held unless on_unknown = "resend"
}

// showJob shows the job at an address, or all instances of the block there.
func (a *app) showJob(ctx context.Context, address, path string, v values) error {
	const lastRuns = 5
	l, err := a.loadKept(ctx, path, v)
	if err != nil {
		return err
	}
	led, err := a.reader(ctx, l.state)
	if err != nil {
		return err
	}
	defer led.Close()
	state, err := led.State(ctx)
	if err != nil {
		return err
	}
	p, diags, err := a.makePlan(ctx, l, state, engine.Options{Target: []string{address}})
	if err != nil {
		return err
	}
	jobs := []*shownJob{}
	for _, jp := range p.Jobs {
		j := &shownJob{plan: jp}
		if was, ok := p.State.Jobs[jp.Address]; ok {
			if err := json.Unmarshal(was.Spec, &j.applied); err != nil {
				return fmt.Errorf("show %s: read what was applied: %w", address, err)
			}
		}
		if jp.Job != nil {
			if j.revisions, err = a.countRevisions(l, jp.Job, p.State.Delivered[jp.Address]); err != nil {
				return err
			}
		}
		job := cmp.Or(jp.MovedFrom, jp.Address) // as the record knows it
		if j.runs, err = led.Runs(ctx, engine.RunQuery{Job: job, Limit: lastRuns}); err != nil {
			return err
		}
		if j.missed, err = readMissed(ctx, led, engine.MissedQuery{Job: job, Limit: lastRuns}); err != nil {
			return err
		}
		jobs = append(jobs, j)
	}
	if a.json {
		return writeJSON(a.stdout, newShownJobsJSON(jobs))
	}
	a.warn(l.source, diags)
	for i, j := range jobs {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if err := a.jobView(j); err != nil {
			return err
		}
	}
	return nil
}

// countRevisions compares what each target had last with the present revision.
// It gives nil for a job without a change trigger.
func (a *app) countRevisions(l *loaded, j *schema.Job, had map[string]engine.Delivered) (*revisionCounts, error) {
	revisions, diags := engine.Revisions(j)
	if diags.HasErrors() {
		return nil, a.mistakes(l.source, diags)
	}
	if revisions == nil {
		return nil, nil
	}
	c := &revisionCounts{}
	for name, now := range revisions {
		switch d, ok := had[name]; {
		case !ok:
			c.Never++
		case d.Revision != now:
			c.Older++
		case d.Outcome.Good():
			c.Current++
		default:
			c.Unknown++
		}
	}
	return c, nil
}

// jobView writes a job for people.
func (a *app) jobView(j *shownJob) error {
	v := a.screen(a.stdout)
	jp := j.plan
	v.printf("%s\n", v.style.bold(printable(jp.Address)))
	switch jp.Op {
	case engine.Add:
		v.printf("  declared, not applied yet\n")
	case engine.Change:
		v.printf("  declared otherwise than it was last applied\n")
	case engine.Remove:
		v.printf("  no longer declared; what was last applied:\n")
	default:
		v.printf("  applied as it is declared\n")
	}
	if jp.Paused != nil {
		v.printf("  %s\n", v.style.yellow("paused "+printable(pausedBy(*jp.Paused))))
	}
	if n := len(jp.Waiting); n > 0 {
		v.line("      waiting for the end of that: %s (%s)", whom(jp.Job, n), names(jp.Waiting, itself))
	}
	if held := jp.Window.Held(); held != nil {
		v.printf("  %s\n", v.style.yellow(printable(heldText(held))))
		v.line("      waiting for it to open: %s (%s)", whom(jp.Job, len(jp.Window.Targets)), names(jp.Window.Targets, itself))
	}
	v.attrs(jp.Attrs)
	if jp.First.Action != "" {
		v.sent(jp.First)
	}
	if jp.Op == engine.Change {
		v.printf("  since it was applied\n")
		v.changes(jp.Changes)
	}
	if c := j.revisions; c != nil {
		v.printf("  present revision\n")
		v.line("      %s", revisionList(*c))
	}
	if len(jp.Held) > 0 {
		v.line("      held back, as it is not known whether they had it: %s", names(jp.Held, itself))
	}
	for i, d := range jp.Due {
		if i == 0 {
			v.printf("  next due\n")
		}
		v.line("      %s  %s  %s", dueTime(d), d.At.Location(), dueNote(d))
	}
	for i, w := range waitsOf(jp) {
		if i == 0 {
			v.printf("  when something happens\n")
		}
		v.line("      fires %s", w)
	}
	for i, m := range j.missed {
		if i == 0 {
			v.printf("  did not fire\n")
		}
		v.line("      %s  %s", localTime(m.At), missedText(m))
	}
	if len(j.runs) == 0 {
		v.printf("  no runs\n")
		return nil
	}
	v.printf("\n")
	return a.runTable(j.runs, nil)
}

func revisionList(c revisionCounts) string {
	text := ""
	for _, part := range []struct {
		n    int
		word string
	}{{c.Current, "had it"}, {c.Unknown, "may have had it"}, {c.Older, "had an older one"}, {c.Never, "never had any"}} {
		if part.n > 0 {
			if text != "" {
				text += ", "
			}
			text += thousands(part.n) + " " + part.word
		}
	}
	if text == "" {
		return "no targets"
	}
	return text
}

// shownJobsJSON is show -json of a job.
type shownJobsJSON struct {
	FormatVersion string         `json:"format_version"`
	Type          string         `json:"type"` // "jobs"
	Jobs          []shownJobJSON `json:"jobs"`
}

type shownJobJSON struct {
	Address   string          `json:"address"`
	Op        engine.Op       `json:"op"`       // what an apply would do
	Declared  []engine.Attr   `json:"declared"` // null if it is not declared any more
	Applied   []engine.Attr   `json:"applied"`  // null if it never was
	Changes   []changeJSON    `json:"changes,omitempty"`
	Revisions *revisionCounts `json:"revisions,omitempty"`
	Fires     int             `json:"fires"` // deliveries that an apply would begin
	Held      []string        `json:"held,omitempty"`
	Paused    *pauseJSON      `json:"paused,omitempty"`
	Waiting   []string        `json:"waiting,omitempty"`
	Window    *windowJSON     `json:"window,omitempty"`
	Due       []dueJSON       `json:"due,omitempty"`
	Waits     []waitJSON      `json:"waits,omitempty"`
	Runs      []runJSON       `json:"runs"`             // the last ones, newest first
	Missed    []missedJSON    `json:"missed,omitempty"` // likewise
}

func newShownJobsJSON(jobs []*shownJob) shownJobsJSON {
	out := shownJobsJSON{FormatVersion: formatVersion, Type: "jobs", Jobs: []shownJobJSON{}}
	for _, j := range jobs {
		plan := newJobJSON(j.plan)
		s := shownJobJSON{
			Address: plan.Address, Op: plan.Op, Declared: plan.Attributes, Applied: j.applied, Changes: plan.Changes,
			Revisions: j.revisions, Held: plan.Held, Paused: plan.Paused, Waiting: plan.Waiting, Window: plan.Window, Due: plan.Due, Waits: plan.Waits, Runs: []runJSON{},
		}
		if j.plan.Op == engine.Remove {
			s.Declared = nil
		}
		if j.plan.Fire != nil {
			s.Fires = len(j.plan.Fire.Deliveries)
		}
		for _, r := range j.runs {
			s.Runs = append(s.Runs, newRunJSON(r))
		}
		for _, m := range j.missed {
			s.Missed = append(s.Missed, newMissedJSON(m))
		}
		out.Jobs = append(out.Jobs, s)
	}
	return out
}
