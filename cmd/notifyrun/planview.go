package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// planView writes a plan for people.
type planView struct {
	w     io.Writer
	style style
	width int    // 0: no limit
	args  string // flags and path, for commands that are shown
}

const maxNames = 5 // targets named in full before "and N more"

func (v planView) write(p *engine.Plan) {
	for _, jp := range p.Jobs {
		v.job(jp, p.Now)
	}
	v.held(p)
	v.paused(p)
	v.summary(p)
	v.due(p)
	v.waits(p)
}

func (v planView) printf(format string, args ...any) { fmt.Fprintf(v.w, format, args...) }

// line writes one line, clipped to the width of a terminal.
func (v planView) line(format string, args ...any) {
	text := printable(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", `\n`))
	if v.width > 0 {
		text = clip(text, v.width)
	}
	v.printf("%s\n", text)
}

func (v planView) job(jp *engine.JobPlan, now time.Time) {
	if jp.Op == engine.NoOp && jp.Fire == nil && len(jp.Resume)+len(jp.Cancel)+len(jp.Recorded) == 0 {
		return
	}
	v.printf("  %s %s\n", v.sign(jp), v.style.bold(printable(jp.Address)))
	switch jp.Op {
	case engine.Add:
		v.attrs(jp.Attrs)
		if jp.Fire == nil && jp.First.Action != "" {
			v.line("      sends%s:", when(jp.Job))
			v.sent(jp.First)
		}
	case engine.Change:
		v.changes(jp.Changes)
	case engine.Remove:
		v.line("      no longer in the configuration; its history stays")
	}
	if n := len(jp.Recorded); n > 0 {
		v.line("      takes today's value as delivered for %s (initial = \"record\")", count(n, "phone"))
	}
	for _, c := range jp.Cancel {
		if len(c.Deliveries) > 0 {
			v.line("      cancels %s of run %s: %s", count(len(c.Deliveries), "delivery"), c.Run.ID, c.Reason)
		}
	}
	for _, r := range jp.Resume {
		v.line("      goes on with run %s: %s left%s", r.Run.ID, whom(jp.Job, len(r.Deliveries)), lasting(jp.Job, len(r.Deliveries)))
	}
	if jp.Fire != nil {
		v.fire(jp)
	}
	v.printf("\n")
}

// sign is the job's mark: what happens to the declaration, or ! where only
// something is sent.
func (v planView) sign(jp *engine.JobPlan) string {
	switch jp.Op {
	case engine.Add:
		return v.style.green("+")
	case engine.Change:
		return v.style.yellow("~")
	case engine.Remove:
		return v.style.red("-")
	}
	return v.style.bold("!")
}

func (v planView) attrs(attrs []engine.Attr) {
	width := 0
	for _, a := range attrs {
		if !a.Sent {
			width = max(width, len(a.Name))
		}
	}
	for _, a := range attrs {
		if !a.Sent { // the message is shown as it goes out
			v.line("      %-*s = %s", width, a.Name, a.Value)
		}
	}
}

func (v planView) changes(changes []engine.AttrChange) {
	for _, c := range changes {
		switch {
		case c.Old == nil:
			v.line("      %s = %s", c.Name, *c.New)
		case c.New == nil:
			v.line("      %s = %s → (not set)", c.Name, *c.Old)
		case *c.Old == *c.New:
			v.line("      %s = %s (changed)", c.Name, *c.New)
		case v.width > 0 && utf8.RuneCountInString(c.Name+*c.Old+*c.New)+12 > v.width:
			v.line("      %s = %s", c.Name, *c.Old)
			v.line("      %*s → %s", utf8.RuneCountInString(c.Name), "", *c.New)
		default:
			v.line("      %s = %s → %s", c.Name, *c.Old, *c.New)
		}
	}
}

func (v planView) fire(jp *engine.JobPlan) {
	n := len(jp.Fire.Deliveries)
	v.line("      fires now%s: %s%s", forWhom(jp.Job, n), reason(jp.Fire), lasting(jp.Job, n))
	if jp.Job.Type == schema.SIPNotify {
		v.line("      to %s", names(jp.Fire.Deliveries, func(d engine.Delivery) string { return d.Target }))
	}
	v.sent(jp.Fire.First)
}

// sent shows an action as the other side gets it, line by line and unclipped,
// because what is shown is what will be sent.
func (v planView) sent(s engine.Sent) {
	v.printf("      %s %s\n", s.Action, printable(s.Target))
	row := func(name string, value schema.Text) {
		v.printf("        %s: %s\n", printable(name), printable(value.String()))
	}
	if s.Option != "" {
		v.printf("        (section %s of the server's notify configuration)\n", printable(s.Option))
	}
	if s.CallID != nil {
		row("(in the dialog of Call-ID", schema.Plain(s.CallID.String()+")"))
	}
	switch {
	case s.Channel == nil:
	case s.Action == "Originate":
		row("(raised by the dialplan, on channel", schema.Plain(s.Channel.String()+")"))
	default:
		row("(in the dialog of channel", schema.Plain(s.Channel.String()+")"))
	}
	for _, h := range s.Headers {
		row(h.Name, h.Value)
	}
	if s.Content != nil {
		v.printf("\n")
	}
	for _, line := range s.Content {
		v.printf("%s\n", strings.TrimRight("        "+printable(line.String()), " "))
	}
}

func (v planView) held(p *engine.Plan) {
	for _, jp := range p.Jobs {
		if n := len(jp.Held); n > 0 {
			v.printf("%s %s of %s: it is not known whether they got this revision (%s).\n", v.style.yellow("Held:"),
				whom(jp.Job, n), printable(jp.Address), printable(names(jp.Held, func(s string) string { return s })))
			v.printf("  They are not sent to again by themselves. To send: %s\n\n", fireCommandLine(jp.Address, jp.Held, v.args))
		}
	}
}

// paused lists what is held by hand, with what waits for its end.
func (v planView) paused(p *engine.Plan) {
	for _, jp := range p.Jobs {
		if jp.Paused == nil {
			continue
		}
		v.printf("%s %s\n", v.style.yellow("Paused:"), printable(jp.Address+", "+pausedBy(*jp.Paused)))
		if n := len(jp.Waiting); n > 0 {
			v.printf("  Waiting for the end of that: %s (%s)\n", whom(jp.Job, n), printable(names(jp.Waiting, func(s string) string { return s })))
		}
		v.printf("  To let it go on: notifyrun resume %s%s\n\n", shellQuote(jp.Address), v.args)
	}
}

func (v planView) summary(p *engine.Plan) {
	if p.Empty() {
		rest := " What was applied is what is declared, and nothing is to be sent now."
		if slices.ContainsFunc(p.Jobs, func(jp *engine.JobPlan) bool { return len(jp.Held)+len(jp.Waiting) > 0 }) {
			rest = " What was applied is what is declared, and nothing but what is held is to be sent."
		}
		v.printf("%s\n", v.style.bold(v.style.green("No changes.")+rest))
		return
	}
	c := p.Counts()
	v.printf("%s %d to add, %d to change, %d to remove; %d to fire%s.\n", v.style.bold("Plan:"), c.Add, c.Change, c.Remove, c.Fire, toHowMany(c))
}

// toHowMany says to how many a plan sends; a user event goes to a PBX alone.
func toHowMany(c engine.Counts) string {
	switch {
	case c.Phones > 0:
		return fmt.Sprintf(" (%s on %s)", count(c.Phones, "phone"), count(c.PBXs, "PBX"))
	case c.PBXs > 0:
		return fmt.Sprintf(" (on %s)", count(c.PBXs, "PBX"))
	}
	return ""
}

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

// whom words the receivers of n deliveries of a job.
func whom(j *schema.Job, n int) string {
	if j != nil && j.Type == schema.UserEvent {
		return count(n, "user event")
	}
	return count(n, "phone")
}

func forWhom(j *schema.Job, n int) string {
	if j.Type == schema.UserEvent {
		return " on " + j.PBX.Address
	}
	return " for " + count(n, "phone")
}

func reason(f *engine.Firing) string {
	switch {
	case f.Cause.Kind == "fire":
		return "by hand"
	case f.Initial:
		return "never sent before"
	}
	return "not yet sent in this revision"
}

// when says what makes a job send that does not fire now.
func when(j *schema.Job) string {
	switch {
	case !j.Enabled:
		return " nothing while it is disabled; then"
	case len(j.Triggers) == 0:
		return " when fired by hand"
	case slices.ContainsFunc(j.Triggers, func(t schema.Trigger) bool { _, ok := t.(*schema.ScheduleTrigger); return ok }):
		return " at its due times"
	case slices.ContainsFunc(j.Triggers, func(t schema.Trigger) bool { _, ok := t.(*schema.EventTrigger); return ok }):
		return " when its event comes"
	case slices.ContainsFunc(j.Triggers, func(t schema.Trigger) bool { _, ok := t.(*schema.AfterTrigger); return ok }):
		return " after other jobs"
	}
	return " at the next change"
}

// lasting says how long n deliveries take at the rate of the job's PBX, where
// that is worth saying.
func lasting(j *schema.Job, n int) string {
	if rate := float64(j.PBX.RateLimit); rate > 0 {
		if d := time.Duration(float64(n) / rate * float64(time.Second)); d >= 2*time.Second {
			return fmt.Sprintf(", about %s at %g/s", d.Round(time.Second), rate)
		}
	}
	return ""
}

// names lists the first few of many.
func names[T any](all []T, name func(T) string) string {
	var b strings.Builder
	for i, x := range all {
		if i == maxNames {
			fmt.Fprintf(&b, " and %s more", thousands(len(all)-i))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name(x))
	}
	return b.String()
}

func detail(c engine.Cause) string {
	if c.Detail == "" {
		return ""
	}
	return " (" + c.Detail + ")"
}
