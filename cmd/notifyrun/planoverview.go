package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/engine"
)

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
	return linesOf(b.String())
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
	var held, waiting, paused, windows, silent, canceled, recorded, same int
	var skips []engine.Skip
	for _, jp := range p.Jobs {
		skips = append(skips, jp.Skips...)
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
		{"skipped", len(skips), skipNoun(skips)}, {"as applied", same, "job"},
	} {
		if besides.n == 0 {
			continue
		}
		text := besides.what + ": " + count(besides.n, besides.noun)
		if line != "" && utf8.RuneCountInString(line+text)+6 > v.columns() {
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
