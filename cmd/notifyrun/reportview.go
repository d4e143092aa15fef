package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// showReport says what came of an apply or a fire: each run in a line, the
// failures named and grouped by cause, and how to go on.
func (a *app) showReport(r *engine.Report, took time.Duration, next commandLines) {
	if a.json {
		writeJSON(a.stdout, newReportJSON(r))
		return
	}
	reportView{a.screen(a.stdout), a.full}.write(r, took, next)
}

// reportNothing ends an apply that had something to record but nothing to send.
func (a *app) reportNothing() {
	if a.json {
		writeJSON(a.stdout, newReportJSON(&engine.Report{}))
		return
	}
	fmt.Fprintf(a.stdout, "\n%s recorded; nothing was to be sent.\n", a.style(a.stdout).green("Apply complete:"))
}

type reportView struct {
	screen
	full bool // every run and every cause, however many there are
}

// write tells of every run and of every cause of failure where that fits on two
// screens, and sums them up otherwise.
func (v reportView) write(r *engine.Report, took time.Duration, next commandLines) {
	shown := v
	var b bytes.Buffer
	shown.w = &b
	shown.every(r, took, next)
	for listed := 6; !v.full && listed > 0 && v.rowsOf(linesOf(b.String())) > twoScreens; listed-- {
		b.Reset()
		shown.overview(r, took, next, listed)
	}
	v.w.Write(b.Bytes())
}

func (v reportView) every(r *engine.Report, took time.Duration, next commandLines) {
	fmt.Fprintln(v.w)
	for _, run := range r.Runs {
		v.run(run)
	}
	for _, run := range r.Runs {
		for _, f := range run.Failures {
			v.failure(run, f)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(r.Lost)) {
		v.lost(address, r.Lost[address])
	}
	v.end(r, took)
	v.next(r, next, len(r.Runs))
}

func (v reportView) run(run *engine.RunReport) {
	held := ""
	if run.Held != nil {
		held = "; " + heldText(run.Held)
	}
	if len(run.Waits) > 0 {
		held += "; " + waitsText(run.Waits)
	}
	fmt.Fprintf(v.w, "Run %s  %s: %s%s\n", run.ID, printable(run.Job), outcomesAndRest(run.Outcomes, run.Left), printable(held))
}

func (v reportView) lost(address string, err error) {
	fmt.Fprintf(v.w, "\n%s %s was lost and did not come back:\n%s\n", v.style.red("Error:"), printable(address), indent(printable(err.Error()), "  "))
}

// end is the line that sums a report up.
func (v reportView) end(r *engine.Report, took time.Duration) {
	sum := map[engine.Outcome]int{}
	left := 0
	for _, run := range r.Runs {
		for o, n := range run.Outcomes {
			sum[o] += n
		}
		left += run.Left
	}
	head := v.style.green("Complete:")
	switch {
	case r.Interrupted:
		head = v.style.yellow("Interrupted:")
	case r.Failed:
		head = v.style.red("Not all on record:")
	case onlyHeld(r):
		head = v.style.yellow("Held back:")
	case !r.Complete():
		head = v.style.red("Incomplete:")
	}
	fmt.Fprintf(v.w, "\n%s %s in %s.\n", head, outcomesAndRest(sum, left), took.Round(10*time.Millisecond))
}

// next says how to go on: an apply goes on with what is pending, and tries
// again where a change trigger asks for it; the rest is sent by hand, of which so
// many jobs are named.
func (v reportView) next(r *engine.Report, next commandLines, jobs int) {
	left, more := 0, 0
	for _, run := range r.Runs {
		left += run.Left
	}
	applies := left > 0 && !next.served
	for _, run := range r.Runs {
		var byHand []string
		for _, f := range run.Failures {
			if f.Outcome == engine.Skipped && engine.SkippedForGood(f.Cause) {
				continue // trying again helps nothing
			}
			switch again := f.Outcome == engine.Rejected || f.Outcome == engine.Skipped; {
			case (again || f.Outcome == engine.Canceled && strings.Contains(f.Cause, engine.DependencyFailed)) && run.Cause.Kind == "change":
				applies = true
			case again, f.Outcome == engine.Unknown:
				byHand = append(byHand, f.Targets...)
			}
		}
		switch {
		case len(byHand) == 0:
		case jobs > 0:
			jobs--
			fmt.Fprintf(v.w, "To send again by hand: %s\n", fireCommandLine(run.Job, byHand, next.args))
		default:
			more++
		}
	}
	if more > 0 {
		fmt.Fprintf(v.w, "… and so for %s\n", count(more, "more job"))
	}
	if opens := firstOpening(r); opens != nil && !next.served {
		fmt.Fprintf(v.w, "%s opens at %s. notifyrun serve would send then what it holds back, but none runs on this state.\n", printable(opens.Window), zonedTime(opens.Until))
	}
	if left > 0 && next.served {
		fmt.Fprintf(v.w, "notifyrun serve goes on with the rest; to see how far it is: notifyrun runs%s\n", next.args)
	}
	switch {
	case applies && onlyHeld(r):
		fmt.Fprintf(v.w, "To send it by hand once it is open: %s\n", next.resume)
	case applies:
		fmt.Fprintf(v.w, "To send to the rest: %s\n", next.resume)
	}
}

// onlyHeld tells whether closed windows are all that kept a report from being
// complete.
func onlyHeld(r *engine.Report) bool {
	for _, run := range r.Runs {
		if run.Left > 0 && run.Held == nil && len(run.Waits) == 0 || len(run.Failures) > 0 {
			return false
		}
	}
	return len(r.Lost) == 0 && firstOpening(r) != nil
}

// firstOpening is what holds back runs of a report: the window that opens first.
func firstOpening(r *engine.Report) *engine.Held {
	var first *engine.Held
	for _, run := range r.Runs {
		if run.Held != nil && (first == nil || run.Held.Until.Before(first.Until)) {
			first = run.Held
		}
	}
	return first
}

// fireCommandLine is the command that sends a job to some of its targets: to
// the first of them where they are too many for one line.
func fireCommandLine(address string, targets []string, args string) string {
	const shown = 3
	line := "notifyrun fire"
	for _, t := range targets[:min(shown, len(targets))] {
		line += " -only " + shellQuote(t)
	}
	line = printable(line + " " + shellQuote(address) + args)
	if more := len(targets) - shown; more > 0 {
		line += fmt.Sprintf("   (and -only for each of %s more)", thousands(more))
	}
	return line
}

// failure names the phones that one cause kept from accepting.
func (v reportView) failure(run *engine.RunReport, f engine.Failure) {
	const shown = 20
	fmt.Fprintf(v.w, "\n%s %s of %s:\n%s\n", v.style.red(strings.ToUpper(string(f.Outcome[:1]))+string(f.Outcome[1:])+":"),
		thousands(len(f.Targets)), printable(run.Job), indent(printable(f.Cause), "  "))
	list := strings.Join(f.Targets[:min(shown, len(f.Targets))], " ")
	if more := len(f.Targets) - shown; more > 0 {
		list += fmt.Sprintf(" and %s more; notifyrun show %s lists them all", thousands(more), run.ID)
	}
	fmt.Fprintf(v.w, "    %s\n", printable(list))
}

// shownOutcomes is the order in which reports list outcomes.
var shownOutcomes = []engine.Outcome{engine.Answered, engine.Accepted, engine.Rejected, engine.Unknown, engine.Skipped, engine.Canceled, engine.InFlight, engine.Pending}

// outcomeList words counts by outcome: "20 accepted, 3 rejected".
func outcomeList(counts map[engine.Outcome]int) string {
	return strings.Join(outcomeWords(counts), ", ")
}

// outcomesToMind is outcomeList with the good ones last, for a narrow column
// that must not hide the others.
func outcomesToMind(counts map[engine.Outcome]int) string {
	words, good := outcomeWords(counts), 0
	for o, n := range counts {
		if n > 0 && o.Good() {
			good++
		}
	}
	return strings.Join(slices.Concat(words[good:], words[:good]), ", ")
}

func outcomeWords(counts map[engine.Outcome]int) []string {
	var words []string
	for _, o := range shownOutcomes {
		if n := counts[o]; n > 0 {
			words = append(words, thousands(n)+" "+strings.ReplaceAll(string(o), "_", " "))
		}
	}
	if words == nil {
		return []string{"none sent"}
	}
	return words
}

func outcomesAndRest(counts map[engine.Outcome]int, left int) string {
	if left == 0 {
		return outcomeList(counts)
	}
	counts = maps.Clone(counts)
	counts[engine.Pending] += left
	return outcomeList(counts)
}

// reportJSON ends apply -json and fire -json.
type reportJSON struct {
	FormatVersion string            `json:"format_version"`
	Type          string            `json:"type"` // "report"
	Complete      bool              `json:"complete"`
	Interrupted   bool              `json:"interrupted"`
	Runs          []runReportJSON   `json:"runs"`
	Lost          map[string]string `json:"lost,omitempty"` // by PBX
}

type runReportJSON struct {
	Run      string                 `json:"run"`
	Job      string                 `json:"job"`
	PBX      string                 `json:"pbx"`
	Outcomes map[engine.Outcome]int `json:"outcomes"`
	Pending  int                    `json:"pending"`
	Failures []failureJSON          `json:"failures,omitempty"`
	Held     *heldJSON              `json:"held,omitempty"`
	WaitsFor []engine.Waited        `json:"waits_for,omitempty"`
}

type failureJSON struct {
	Outcome engine.Outcome `json:"outcome"`
	Cause   string         `json:"cause"`
	Targets []string       `json:"targets"`
}

func newReportJSON(r *engine.Report) reportJSON {
	out := reportJSON{FormatVersion: formatVersion, Type: "report", Complete: r.Complete(), Interrupted: r.Interrupted, Runs: []runReportJSON{}}
	for _, run := range r.Runs {
		j := runReportJSON{Run: run.ID, Job: run.Job, PBX: run.PBX, Outcomes: run.Outcomes, Pending: run.Left, Held: newHeldJSON(run.Held), WaitsFor: run.Waits}
		for _, f := range run.Failures {
			j.Failures = append(j.Failures, failureJSON(f))
		}
		out.Runs = append(out.Runs, j)
	}
	for address, err := range r.Lost {
		if out.Lost == nil {
			out.Lost = map[string]string{}
		}
		out.Lost[address] = err.Error()
	}
	return out
}
