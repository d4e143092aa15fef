package main

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/engine"
)

// leftOut warns of what a narrow plan sends without what it depends on.
func leftOut(p *engine.Plan) hcl.Diagnostics {
	left := p.LeftOut()
	if len(left) == 0 {
		return nil
	}
	first := left[0]
	detail := fmt.Sprintf("%s depends on %s, which -target or -exclude leaves out: it is sent without waiting for that.", first.Job.Address, first.On)
	if more := len(left) - 1; more > 0 {
		detail += fmt.Sprintf(" So it is with %s.", count(more, "other job"))
	}
	return hcl.Diagnostics{{Severity: hcl.DiagWarning, Summary: "Targeting is in effect", Detail: detail, Subject: first.Job.DeclRange.Ptr()}}
}

// waitsNote says that what a job sends comes after other jobs.
func waitsNote(jp *engine.JobPlan) []note {
	after, n := jp.After, 0
	if len(after) > 0 {
		n = len(jp.Fire.Deliveries)
	}
	for _, r := range jp.Resume {
		if len(r.Waits) > 0 {
			n += len(r.Deliveries)
			after = append(after, waitedJobs(r.Waits)...)
		}
	}
	if n == 0 {
		return nil
	}
	return []note{{text: "waits until " + jobsHave(after, "succeeded"), many: "%s that wait for other jobs", noun: "delivery", n: n}}
}

// waitedJobs are the jobs of runs that are waited for, each once.
func waitedJobs(waits []engine.Waited) []string {
	var jobs []string
	seen := map[string]bool{}
	for _, w := range waits {
		if !seen[w.Job] {
			seen[w.Job] = true
			jobs = append(jobs, w.Job)
		}
	}
	return jobs
}

// jobsHave words what one job has done, or several have.
func jobsHave(jobs []string, done string) string {
	const named = 2
	switch {
	case len(jobs) == 1:
		return jobs[0] + " has " + done
	case len(jobs) == named:
		return jobs[0] + " and " + jobs[1] + " have " + done
	}
	return fmt.Sprintf("%s and %s have %s", jobs[0], count(len(jobs)-1, "other job"), done)
}

// waitsText says for what a run waits: waits for sip_notify.a.
func waitsText(waits []engine.Waited) string {
	jobs := waitedJobs(waits)
	if len(jobs) == 1 {
		return "waits for " + jobs[0]
	}
	return fmt.Sprintf("waits for %s and %s", jobs[0], count(len(jobs)-1, "other job"))
}
