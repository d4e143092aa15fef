package engine

import (
	"strings"

	"github.com/notifyrun/notifyrun/schema"
)

// Report is what came of one Runner.Run.
type Report struct {
	Runs        []*RunReport     // in the order of the works
	Lost        map[string]error // by PBX address: why its lane gave up
	Interrupted bool             // the context ended before all was sent
	Failed      bool             // the ledger failed: what the report counts is not all on record
}

// RunReport is what came of one run.
type RunReport struct {
	RunHeader
	Outcomes map[Outcome]int // final ones
	Left     int             // still pending
	Failures []Failure       // in the order in which their causes appeared
	Waits    []Waited        // what is left of it waits for these; nil: it does not
	Held     *Held           // what is left of it is held back by this; nil: it is not

	byCause map[failureCause]int // index in Failures: causes may be as many as phones
}

type failureCause struct {
	outcome Outcome
	cause   string
}

// Failure is a group of deliveries that were not accepted for one and the
// same cause.
type Failure struct {
	Outcome Outcome
	Cause   string
	Targets []string
}

// Complete tells whether every delivery was accepted, or better.
func (r *Report) Complete() bool {
	if r.Failed {
		return false
	}
	for _, run := range r.Runs {
		if run.Left > 0 || len(run.Failures) > 0 {
			return false
		}
	}
	return true
}

func newReport(works []*Work) *Report {
	r := &Report{Lost: map[string]error{}}
	for _, w := range works {
		r.Runs = append(r.Runs, &RunReport{RunHeader: w.RunHeader, Outcomes: map[Outcome]int{}, Left: len(w.Deliveries)})
	}
	return r
}

func (r *Report) add(d *driver) {
	if d.lost != nil {
		r.Lost[d.pbx.Address] = d.lost
	}
	for _, run := range r.Runs {
		if own := d.reports[run.ID]; own != nil {
			*run = *own
		}
	}
}

// wait notes what the runs wait for that were not begun.
func (r *Report) wait(works []*Work) {
	left := map[string]bool{}
	for _, run := range r.Runs {
		left[run.ID] = run.Left > 0
	}
	for i, run := range r.Runs {
		if run.Left < len(works[i].Deliveries) {
			continue
		}
		for _, w := range works[i].Waits {
			if on, here := left[w.Run]; on || !here {
				run.Waits = append(run.Waits, w)
			}
		}
	}
}

// end counts a final outcome.
func (r *RunReport) end(o Outcome, target, cause string) {
	r.Left--
	r.Outcomes[o]++
	if !o.Good() {
		r.Fail(o, target, cause)
	}
}

// Fail adds a delivery to those that were not accepted, with what was said of it.
// What is said of many phones alike, but for their names, is one cause.
func (r *RunReport) Fail(o Outcome, target, cause string) {
	if endpoint, ok := strings.CutPrefix(target, string(schema.TechPJSIP)+"/"); ok {
		cause = strings.Replace(cause, " "+endpoint+`"`, ` …"`, 1)
	}
	i, ok := r.byCause[failureCause{o, cause}]
	if ok {
		r.Failures[i].Targets = append(r.Failures[i].Targets, target)
		return
	}
	if r.byCause == nil {
		r.byCause = map[failureCause]int{}
	}
	r.byCause[failureCause{o, cause}] = len(r.Failures)
	r.Failures = append(r.Failures, Failure{o, cause, []string{target}})
}
