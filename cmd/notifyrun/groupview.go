package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// groups shows groups in so many rows: each has a line at least, and those that
// send the most are shown with all that is to be said of them first.
func (v planView) groups(all []group, room int) []string {
	if len(all) == 0 {
		return nil
	}
	room -= 2 // the line that says how many are left out, and a blank one
	short := make([]string, 0, len(all))
	for i, g := range all {
		line := v.lines(func(v planView) { v.briefly(g) })[0]
		if room -= v.rows(line); room < 0 {
			jobs := 0
			for _, g := range all[i:] {
				jobs += len(g)
			}
			more := fmt.Sprintf("  … and %s", count(jobs, "more job"))
			return append(v.spread(all[:i], short, room+v.rows(line)), more, "")
		}
		short = append(short, line)
	}
	return append(v.spread(all, short, room+1), "")
}

// spread gives the rows that are left to the groups.
func (v planView) spread(all []group, short []string, room int) []string {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(all[b].deliveries(), all[a].deliveries()), cmp.Compare(len(all[b]), len(all[a])))
	})
	long := make([][]string, len(all))
	told := map[string]string{}
	for _, i := range order {
		g := all[i]
		head := v.lines(func(v planView) { v.head(g) })
		text := append(head, v.lines(func(v planView) { v.saysAll(g) })...)
		left := room + v.rows(short[i]) - v.rowsOf(text) - 2 // a blank line before it and behind it
		if left < 0 {
			continue
		}
		said := v.lines(func(v planView) { v.messages(g, told, left) })
		long[i] = append(append(text, said...), "")
		room += v.rows(short[i]) - v.rowsOf(long[i]) - 1
	}
	var out []string
	for i := range all {
		if long[i] == nil {
			out = append(out, short[i])
			continue
		}
		if i > 0 && long[i-1] == nil {
			out = append(out, "")
		}
		out = append(out, long[i]...)
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// head is the line over a group.
func (v planView) head(g group) {
	name, members := g.title()
	text := printable(name)
	if members != nil {
		text += printable(": " + members(v.room(6+utf8.RuneCountInString(name))))
	}
	text = v.clip(text, 4)
	title, rest := text, ""
	if members != nil && len(printable(name)) < len(text) {
		title, rest = text[:len(printable(name))], text[len(printable(name)):]
	}
	v.printf("  %s %s%s\n", v.sign(g[0].JobPlan), v.style.bold(title), rest)
}

// briefly is a group in one line.
func (v planView) briefly(g group) {
	var does []string
	if n := g.deliveries(); n > 0 {
		sends := "sends to "
		if j := g[0].Job; j != nil && j.Type == schema.UserEvent {
			sends = "sends "
		}
		does = append(does, sends+whom(g[0].Job, n))
		does = append(does, g.add(effectNotes)...)
	}
	if len(g) == 1 {
		for _, n := range waitsNote(g[0].JobPlan) {
			does = append(does, n.text)
		}
	}
	switch first := g[0]; {
	case first.Op == engine.Change:
		for _, r := range g.changes() {
			does = append(does, r.name+" = "+r.text(len(g), 0))
		}
	case first.Op == engine.Add && first.Fire == nil:
		does = append(does, "sends"+when(first.Job))
	}
	name, members := g.title()
	text := printable(strings.Join(does, "; "))
	if members != nil {
		if text != "" {
			text += "; "
		}
		text += printable(members(v.room(8 + utf8.RuneCountInString(name+text))))
	}
	if text != "" {
		text = ": " + text
	}
	title := printable(name)
	if v.width > 0 {
		title = clip(title, v.width-4)
		text = clip(text, max(v.width-4-utf8.RuneCountInString(title), 0))
	}
	v.printf("  %s %s%s\n", v.sign(g[0].JobPlan), v.style.bold(title), text)
}

// changes are what a group's jobs change.
func (g group) changes() []*row {
	return g.rows(func(t *traits, say func(name, value string)) {
		for _, c := range t.Changes {
			say(c.Name, changeText(c))
		}
	})
}

// saysAll tells what happens to the jobs of a group, as says does of one.
func (v planView) saysAll(g group) {
	if len(g) == 1 {
		v.says(g[0].JobPlan)
		return
	}
	var rows []*row
	switch first := g[0]; first.Op {
	case engine.Add:
		rows = g.rows(func(t *traits, say func(name, value string)) {
			for _, a := range t.Attrs {
				if !a.Sent && a.Name != "message" {
					say(a.Name, a.Value)
				}
			}
		})
	case engine.Change:
		rows = g.changes()
	case engine.Remove:
		v.line("      no longer in the configuration; their history stays")
	}
	width := 0
	for _, r := range rows {
		width = max(width, utf8.RuneCountInString(r.name))
	}
	for _, r := range rows {
		text := r.text(len(g), v.room(9+width))
		if r.name == "targets" {
			text = cmp.Or(g.targetsText(), text)
		}
		v.line("      %-*s = %s", width, r.name, text)
	}
	for _, text := range g.add(notes) {
		v.folded(6, text)
	}
	v.firesAll(g)
}

// add adds up what is noted of the jobs of a group, those notes that say the same.
func (g group) add(of func(*engine.JobPlan) []note) []string {
	type said struct{ many, noun string }
	sums := map[said]int{}
	var order []said
	for _, t := range g {
		for _, n := range of(t.JobPlan) {
			what := said{n.many, n.noun}
			if _, ok := sums[what]; !ok {
				order = append(order, what)
			}
			sums[what] += n.n
		}
	}
	var texts []string
	for _, what := range order {
		texts = append(texts, strings.Replace(what.many, "%s", count(sums[what], what.noun), 1))
	}
	return texts
}

// firesAll says how many a group sends to now, and why.
func (v planView) firesAll(g group) {
	var reasons []string
	var first []engine.Delivery
	p := &engine.Plan{}
	jobs, n, least, most := 0, 0, 0, 0
	for _, t := range g {
		if t.Fire == nil {
			continue
		}
		p.Jobs = append(p.Jobs, &engine.JobPlan{Job: t.Job, Fire: t.Fire})
		k := len(t.Fire.Deliveries)
		if jobs++; jobs == 1 || k < least {
			least = k
		}
		n, most = n+k, max(most, k)
		first = append(first, t.Fire.Deliveries[:min(len(t.Fire.Deliveries), maxNames)]...)
		r := reason(t.Fire)
		if r == otherRevision {
			r = "revision not sent yet" // no line has room for more
		}
		if !slices.Contains(reasons, r) {
			reasons = append(reasons, r)
		}
	}
	if jobs == 0 {
		return
	}
	some, each, lasts := "", "", ""
	if jobs < len(g) {
		some = thousands(jobs) + " of them "
	}
	if l := loads(p)[0]; l.lasting >= 2*time.Second {
		lasts = ", about " + l.lasting.String()
	}
	if g[0].Job.Type == schema.UserEvent {
		v.line("      %sfire now, %s%s: %s", some, count(n, "user event"), lasts, strings.Join(reasons, " or "))
		return
	}
	switch {
	case most > least:
		each = fmt.Sprintf(" (%s to %s each)", thousands(least), thousands(most))
	case most > 1:
		each = fmt.Sprintf(" (%s each)", thousands(most))
	}
	v.line("      %sfire now for %s%s%s: %s", some, count(n, "phone"), each, lasts, strings.Join(reasons, " or "))
	// The first of many jobs are named, and how many more there are of all.
	v.line("      to %s", fewOf(n, first, targetOf, v.room(9)))
}

// messages shows the messages of a group, each once, as the first that gets it
// does, in so many rows. told has those that were shown before, and for whom.
func (v planView) messages(g group, told map[string]string, room int) {
	const listed = 2
	all := map[string]bool{}
	for _, t := range g {
		if t.Fire != nil {
			for _, d := range t.Fire.Deliveries {
				all[d.Message] = true
			}
		}
	}
	own := map[string]string{}
	for _, t := range g {
		s, head := message(t.JobPlan)
		key := messageKey(t.JobPlan, s)
		if s.Action == "" || own[key] != "" {
			continue
		}
		if len(own) == listed || room < 2 || room < 4 && told[key] == "" {
			break
		}
		own[key] = s.Target
		lines := v.lines(func(v planView) {
			if head != "" {
				v.line("      %s", head)
			}
			if who := told[key]; who != "" {
				v.line("      the same message as %s", who)
			} else {
				v.sent(s)
			}
		})
		for lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		lines = v.cut(lines, room-1, " of the message")
		room -= v.rowsOf(lines)
		for _, l := range lines {
			v.printf("%s\n", l)
		}
	}
	for key, who := range own {
		if told[key] == "" {
			told[key] = who
		}
	}
	switch more := len(all) - len(own); {
	case more <= 0 || room <= 0:
	case len(own) == 0:
		v.line("      with %s, which -full shows", count(more, "message"))
	default:
		v.line("      and %s", count(more, "other message"))
	}
}

// messageKey is the same for messages that look the same.
func messageKey(jp *engine.JobPlan, s engine.Sent) string {
	if jp.Fire != nil {
		return s.Action + jp.Fire.Deliveries[0].Message
	}
	return fmt.Sprint(s.Action, s.Headers, s.Content, s.Option, s.CallID, s.Channel)
}
