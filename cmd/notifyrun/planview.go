package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// planView writes a plan for people.
type planView struct {
	screen
	args string // flags and path, for commands that are shown
	full bool   // every job, however many there are

	listed int // how many things of a kind an overview lists
	taken  int // rows of the two screens that something else needs
}

// write shows every job where that fits on two screens, and an overview of what
// would not, unless all is asked for. The sums come first where many phones are
// sent to.
func (v planView) write(p *engine.Plan) {
	const many = 1000
	c := p.Counts()
	whole := func(v planView) {
		if c.Phones >= many {
			v.sums(p, c)
		}
		v.every(p, c)
	}
	if v.full || v.fits(p, whole) {
		whole(v)
		return
	}
	v.overview(p, c)
}

func (v planView) every(p *engine.Plan, c engine.Counts) {
	v.moved(p)
	for _, jp := range p.Jobs {
		v.job(jp)
	}
	v.held(p)
	v.skips(p)
	v.paused(p)
	v.windows(p)
	v.summary(p, c)
	v.due(p)
	v.waits(p)
}

func targetOf(d engine.Delivery) string { return d.Target }

// shown tells whether anything becomes of a job.
func shown(jp *engine.JobPlan) bool {
	return jp.Op != engine.NoOp || jp.Fire != nil || len(jp.Resume)+len(jp.Cancel)+len(jp.Recorded) > 0
}

func (v planView) job(jp *engine.JobPlan) {
	if !shown(jp) {
		return
	}
	v.printf("  %s %s\n", v.sign(jp), v.style.bold(printable(jp.Address)))
	v.says(jp)
	if s, head := message(jp); s.Action != "" {
		if head != "" {
			v.line("      %s", head)
		}
		v.sent(s)
	}
	v.printf("\n")
}

// says tells all that happens to a job but the message.
func (v planView) says(jp *engine.JobPlan) {
	switch jp.Op {
	case engine.Add:
		v.attrs(jp.Attrs)
	case engine.Change:
		v.changes(jp.Changes)
	case engine.Remove:
		v.line("      no longer in the configuration; its history stays")
	}
	for _, n := range notes(jp) {
		if len(n.names) == 0 {
			v.folded(6, n.text)
			continue
		}
		v.line("      %s: %s", n.text, few(n.names, itself, v.room(8+utf8.RuneCountInString(n.text))))
	}
	if jp.Fire != nil {
		n := len(jp.Fire.Deliveries)
		v.line("      fires now%s: %s%s", forWhom(jp.Job, n), reason(jp.Fire), lasting(jp.Job, n))
		if jp.Job.Type == schema.SIPNotify {
			v.line("      to %s", few(jp.Fire.Deliveries, targetOf, v.room(9)))
		}
	}
}

// message is what is shown of what a job sends, and the line over it. Action is
// empty where there is nothing to show.
func message(jp *engine.JobPlan) (engine.Sent, string) {
	switch {
	case jp.Fire != nil:
		return jp.Fire.First, ""
	case jp.Op == engine.Add && jp.First.Action != "":
		return jp.First, "sends" + when(jp.Job) + ":"
	}
	return engine.Sent{}, ""
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

func (s screen) attrs(attrs []engine.Attr) {
	width := 0
	for _, a := range attrs {
		if !a.Sent {
			width = max(width, len(a.Name))
		}
	}
	for _, a := range attrs {
		if !a.Sent { // the message is shown as it goes out
			s.line("      %-*s = %s", width, a.Name, a.Value)
		}
	}
}

func (s screen) changes(changes []engine.AttrChange) {
	for _, c := range changes {
		switch {
		case c.Old == nil:
			s.line("      %s = %s", c.Name, *c.New)
		case c.New == nil:
			s.line("      %s = %s → (not set)", c.Name, *c.Old)
		case *c.Old == *c.New:
			s.line("      %s = %s (changed)", c.Name, *c.New)
		case s.width > 0 && utf8.RuneCountInString(c.Name+*c.Old+*c.New)+12 > s.width:
			s.line("      %s = %s", c.Name, *c.Old)
			s.line("      %*s → %s", utf8.RuneCountInString(c.Name), "", *c.New)
		default:
			s.line("      %s = %s → %s", c.Name, *c.Old, *c.New)
		}
	}
}

// sent shows an action as the other side gets it, line by line and unclipped,
// because what is shown is what will be sent.
func (s screen) sent(m engine.Sent) {
	s.printf("      %s %s\n", m.Action, printable(m.Target))
	row := func(name string, value schema.Text) {
		s.printf("        %s: %s\n", printable(name), printable(value.String()))
	}
	if m.Option != "" {
		s.printf("        (section %s of the server's notify configuration)\n", printable(m.Option))
	}
	if m.CallID != nil {
		row("(in the dialog of Call-ID", schema.Plain(m.CallID.String()+")"))
	}
	switch {
	case m.Channel == nil:
	case m.Action == "Originate":
		row("(raised by the dialplan, on channel", schema.Plain(m.Channel.String()+")"))
	default:
		row("(in the dialog of channel", schema.Plain(m.Channel.String()+")"))
	}
	for _, h := range m.Headers {
		row(h.Name, h.Value)
	}
	if m.Content != nil {
		s.printf("\n")
	}
	for _, line := range m.Content {
		s.printf("%s\n", strings.TrimRight("        "+printable(line.String()), " "))
	}
}

func (v planView) held(p *engine.Plan) {
	for _, jp := range p.Jobs {
		if n := len(jp.Held); n > 0 {
			v.printf("%s %s of %s: it is not known whether they got this revision (%s).\n", v.style.yellow("Held:"),
				whom(jp.Job, n), printable(jp.Address), printable(names(jp.Held, itself)))
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
			v.printf("  Waiting for the end of that: %s (%s)\n", whom(jp.Job, n), printable(names(jp.Waiting, itself)))
		}
		v.printf("  To let it go on: notifyrun resume %s%s\n\n", shellQuote(jp.Address), v.args)
	}
}

func (v planView) summary(p *engine.Plan, c engine.Counts) {
	if p.Empty() {
		rest := "is to be sent now."
		if slices.ContainsFunc(p.Jobs, func(jp *engine.JobPlan) bool { return len(jp.Held)+len(jp.Waiting) > 0 }) {
			rest = "but what is held is to be sent."
		}
		of := "What was applied"
		if p.Narrow { // of other jobs it is not known
			of = "Of the jobs that -target and -exclude leave, what was applied"
		}
		for i, l := range v.broken("No changes. " + of + " is what is declared, and nothing " + rest) {
			if i == 0 {
				l = v.style.green("No changes.") + strings.TrimPrefix(l, "No changes.")
			}
			v.printf("%s\n", v.style.bold(l))
		}
		return
	}
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

const otherRevision = "not yet sent in this revision"

func reason(f *engine.Firing) string {
	switch {
	case f.Cause.Kind == "fire":
		return "by hand"
	case f.Initial:
		return "never sent before"
	}
	return otherRevision
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
			return fmt.Sprintf(", about %s at %s", d.Round(time.Second), perSecond(j.PBX.RateLimit))
		}
	}
	return ""
}
