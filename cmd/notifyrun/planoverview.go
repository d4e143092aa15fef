package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// twoScreens is how many rows a plan may have before it is shown as an
// overview, and what an overview keeps to: those of two terminals of 24.
const twoScreens = 48

// screenWidth is by how many columns rows are counted where the output is no
// terminal, and nothing is clipped.
const screenWidth = 80

// fits tells whether what whole writes of a plan fits on two screens.
func (v planView) fits(p *engine.Plan, whole func(planView)) bool {
	jobs := 0
	for _, jp := range p.Jobs {
		if shown(jp) {
			jobs++
		}
	}
	if 3*jobs > twoScreens-v.taken { // a job has that many rows at least
		return false
	}
	return v.rowsOf(v.lines(whole)) <= twoScreens-v.taken
}

// lines are those that write writes.
func (v planView) lines(write func(planView)) []string {
	var b bytes.Buffer
	v.w = &b
	write(v)
	if b.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// rows is how many rows of a terminal a line takes.
func (v planView) rows(line string) int {
	width := cmp.Or(v.width, screenWidth)
	return max(1, (columnsOf(line)+width-1)/width)
}

func (v planView) rowsOf(lines []string) int {
	n := 0
	for _, l := range lines {
		n += v.rows(l)
	}
	return n
}

// columnsOf counts what is seen of a line: not what colours it.
func columnsOf(line string) int {
	n := 0
	for line != "" {
		before, rest, colour := strings.Cut(line, "\x1b[")
		n += utf8.RuneCountInString(before)
		if !colour {
			break
		}
		_, line, _ = strings.Cut(rest, "m")
	}
	return n
}

// overview shows on two screens what is too much to be shown job by job: the
// sums, the jobs in groups, what is held and paused, and what comes next.
func (v planView) overview(p *engine.Plan, c engine.Counts) {
	const forGroups = 16 // rows that are worth to name less of the rest
	head := v.lines(func(v planView) {
		v.sums(p, c)
		v.manyMoved(p)
	})
	var tail []string
	for _, v.listed = range []int{4, 2, 1} {
		tail = v.lines(func(v planView) {
			v.manyHeld(p)
			v.manyPaused(p)
			v.manyWindows(p)
			v.manyDue(p)
			v.manyWaits(p)
			v.line("This is an overview; -full shows each job, -json each phone.")
			v.summary(p, c)
		})
		if v.rowsOf(head)+v.rowsOf(tail)+forGroups <= twoScreens-v.taken {
			break
		}
	}
	middle := v.groups(groupJobs(p), twoScreens-v.taken-v.rowsOf(head)-v.rowsOf(tail))
	for _, l := range slices.Concat(head, middle, tail) {
		v.printf("%s\n", l)
	}
}

// sums is what an operator of many phones wants to know first. Whatever else is
// to be said of a plan as a whole has its place here.
func (v planView) sums(p *engine.Plan, c engine.Counts) {
	v.summary(p, c)
	for _, l := range sendsWhat(p) {
		v.line("  %s", l)
	}
	var held, waiting, paused, windows, silent, canceled, recorded, same, unknown int
	for _, jp := range p.Jobs {
		unknown += len(jp.Skips)
		held += len(jp.Held)
		waiting += len(jp.Waiting)
		recorded += len(jp.Recorded)
		silent += len(jp.NoContact)
		for _, c := range jp.Cancel {
			canceled += len(c.Deliveries)
		}
		if jp.Paused != nil {
			paused++
		}
		if jp.Window.Held() != nil {
			windows += len(jp.Window.Targets)
		}
		if !shown(jp) {
			same++
		}
	}
	line := ""
	flush := func() {
		if line != "" {
			v.line("  %s", strings.ToUpper(line[:1])+line[1:])
		}
		line = ""
	}
	for _, besides := range []struct {
		what string
		n    int
		noun string
	}{
		{"held", held, "delivery"}, {"paused", paused, "job"}, {"waiting for the end of that", waiting, "delivery"},
		{"held by windows", windows, "delivery"},
		{"without contact", silent, "delivery"}, {"canceled", canceled, "delivery"}, {"taken as delivered", recorded, "phone"},
		{"skipped", unknown, engine.UnknownPhone}, {"as applied", same, "job"},
	} {
		if besides.n == 0 {
			continue
		}
		text := besides.what + ": " + count(besides.n, besides.noun)
		if line != "" && utf8.RuneCountInString(line+text)+6 > cmp.Or(v.width, screenWidth) {
			flush()
		}
		if line != "" {
			line += "; "
		}
		line += text
	}
	flush()
	v.printf("\n")
}

// load is what a plan sends through one PBX.
type load struct {
	pbx     *schema.PBX
	notify  int
	events  int
	lasting time.Duration
}

// loads are those of the PBXs that a plan sends to, the longest first.
func loads(p *engine.Plan) []*load {
	byPBX := map[*schema.PBX]*load{}
	var all []*load
	for _, jp := range p.Jobs {
		n := group{{JobPlan: jp}}.deliveries()
		if n == 0 {
			continue
		}
		l := byPBX[jp.Job.PBX]
		if l == nil {
			l = &load{pbx: jp.Job.PBX}
			byPBX[l.pbx] = l
			all = append(all, l)
		}
		if jp.Job.Type == schema.UserEvent {
			l.events += n
		} else {
			l.notify += n
		}
	}
	for _, l := range all {
		if rate := float64(l.pbx.RateLimit); rate > 0 {
			l.lasting = time.Duration(float64(l.notify+l.events) / rate * float64(time.Second)).Round(time.Second)
		}
	}
	slices.SortStableFunc(all, func(a, b *load) int {
		return cmp.Or(cmp.Compare(b.lasting, a.lasting), cmp.Compare(b.notify+b.events, a.notify+a.events))
	})
	return all
}

// what words what is sent through a PBX.
func (l load) what() string {
	var words []string
	if l.notify > 0 {
		words = append(words, count(l.notify, "NOTIFY"))
	}
	if l.events > 0 {
		words = append(words, count(l.events, "user event"))
	}
	return strings.Join(words, " and ")
}

func (l load) pace() string {
	switch {
	case l.pbx.RateLimit <= 0:
		return "without a limit of rate"
	case l.lasting < 2*time.Second:
		return "at " + perSecond(l.pbx.RateLimit)
	}
	return fmt.Sprintf("about %s at %s", l.lasting, perSecond(l.pbx.RateLimit))
}

// perSecond writes a rate, which may be a fraction or a million.
func perSecond(r schema.Rate) string { return strconv.FormatFloat(float64(r), 'f', -1, 64) + "/s" }

// sendsWhat says how much is sent and how long it takes, PBX by PBX where they
// are few.
func sendsWhat(p *engine.Plan) []string {
	const listed = 3
	all := loads(p)
	switch {
	case len(all) == 0:
		return nil
	case len(all) <= listed:
		lines := make([]string, len(all))
		for i, l := range all {
			lines[i] = fmt.Sprintf("Sends %s through %s, %s", l.what(), named(l.pbx), l.pace())
		}
		return lines
	}
	var sum load
	for _, l := range all {
		sum.notify += l.notify
		sum.events += l.events
	}
	first := all[0]
	return []string{
		fmt.Sprintf("Sends %s through %s at the same time", sum.what(), count(len(all), "PBX")),
		fmt.Sprintf("The last to be done is %s: %s, %s", named(first.pbx), first.what(), first.pace()),
	}
}

func named(p *schema.PBX) string {
	if p.Simulator != nil {
		return p.Address + " (simulated)"
	}
	return p.Address
}

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
	if v.width > 0 {
		text = clip(text, v.width-4)
	}
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
	sums := map[string]note{}
	var order []string
	for _, t := range g {
		for _, n := range notes(t.JobPlan) {
			sum, ok := sums[n.many]
			if !ok {
				order, sum = append(order, n.many), n
				sum.n = 0
			}
			sum.n += n.n
			sums[n.many] = sum
		}
	}
	for _, many := range order {
		v.line("      %s", strings.Replace(many, "%s", count(sums[many].n, sums[many].noun), 1))
	}
	v.firesAll(g)
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
		lines = v.cut(lines, room-1)
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

// cut shortens a message to so many rows.
func (v planView) cut(lines []string, room int) []string {
	if v.rowsOf(lines) <= room {
		return lines
	}
	room-- // to say so
	for i, l := range lines {
		rows := v.rows(l)
		if rows > room {
			out := slices.Clone(lines[:i])
			if room > 0 {
				out = append(out, clip(l, room*cmp.Or(v.width, screenWidth)))
				i++
			}
			what := "the rest of this line"
			if n := len(lines) - i; n > 0 {
				what = count(n, "more line")
			}
			return append(out, "        … and "+what+" of the message")
		}
		room -= rows
	}
	return lines
}

// manyHeld names the jobs that hold phones back: in full where they are few.
func (v planView) manyHeld(p *engine.Plan) {
	held, n := jobsWith(p, func(jp *engine.JobPlan) int { return len(jp.Held) })
	if len(held) <= 1 {
		v.held(p)
		return
	}
	v.printf("%s %s of %s: it is not known whether they got this revision.\n", v.style.yellow("Held:"), count(n, "delivery"), count(len(held), "job"))
	for _, jp := range held[:min(v.listed, len(held))] {
		v.list(jp.Address+": ", jp.Held)
	}
	v.more(len(held)-v.listed, "more job")
	v.printf("  They are not sent to again by themselves. To send to one: %s\n\n", fireCommandLine(held[0].Address, held[0].Held[:1], v.args))
}

// manyPaused names the jobs that are held by hand: in full where they are few.
func (v planView) manyPaused(p *engine.Plan) {
	paused, _ := jobsWith(p, func(jp *engine.JobPlan) int {
		if jp.Paused == nil {
			return 0
		}
		return 1
	})
	_, waiting := jobsWith(p, func(jp *engine.JobPlan) int { return len(jp.Waiting) })
	if len(paused) <= 1 {
		v.paused(p)
		return
	}
	v.printf("%s %s; what waits for the end of that: %s.\n", v.style.yellow("Paused:"), count(len(paused), "job"), cmp.Or(deliveries(waiting), "nothing"))
	for _, jp := range paused[:min(v.listed, len(paused))] {
		waits := ""
		if n := len(jp.Waiting); n > 0 {
			waits = fmt.Sprintf(" (%s)", whom(jp.Job, n))
		}
		v.line("  %s%s, %s", jp.Address, waits, pausedBy(*jp.Paused))
	}
	v.more(len(paused)-v.listed, "more job")
	v.printf("  To let one go on: notifyrun resume %s%s\n\n", shellQuote(paused[0].Address), v.args)
}

func deliveries(n int) string {
	if n == 0 {
		return ""
	}
	return count(n, "delivery")
}

// jobsWith are the jobs of which there is something to count, and the sum.
func jobsWith(p *engine.Plan, n func(*engine.JobPlan) int) (jobs []*engine.JobPlan, sum int) {
	for _, jp := range p.Jobs {
		if k := n(jp); k > 0 {
			jobs, sum = append(jobs, jp), sum+k
		}
	}
	return jobs, sum
}

// list writes the first of many names behind what they are of.
func (v planView) list(of string, all []string) {
	v.line("  %s%s", of, few(all, itself, v.room(2+utf8.RuneCountInString(of))))
}

func (v planView) more(n int, noun string) {
	if n > 0 {
		v.line("  … and %s", count(n, noun))
	}
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
