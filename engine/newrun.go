package engine

import (
	"errors"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// deliveries are those of a firing over all targets of the job that p was
// prepared from.
func (p prepared) deliveries(j *schema.Job) []Delivery {
	names := targetNames(j)
	all := make([]Delivery, 0, min(len(names), len(p.messages)))
	for i := range cap(all) {
		if p.skip[i] != "" {
			continue
		}
		d := Delivery{Seq: len(all), Target: names[i], Message: p.messages[i]}
		if p.revisions != nil {
			d.Revision = p.revisions[i]
		}
		all = append(all, d)
	}
	return all
}

// newRun makes the run of a firing over all targets of a job.
func newRun(j *schema.Job, prep prepared, cause Cause, followers []TriggerKey, now time.Time) (NewRun, *Work) {
	jp := &JobPlan{Address: j.Address, Job: j, Fire: &Firing{Cause: cause, First: prep.first, Deliveries: prep.deliveries(j), Skips: prep.skips(j)}}
	run, work := jp.start(now)
	run.Followers = followers
	return run, work
}

// prepareFired evaluates a job for what made it fire. The error says why
// nothing can be sent: what an event says comes from outside, and may be
// anything.
func prepareFired(j *schema.Job, f schema.Fired) (*schema.Job, prepared, error) {
	when, diags := j.When(f)
	if diags.HasErrors() {
		return nil, prepared{}, refusal(diags)
	}
	prep, diags := prepareJob(when)
	if diags.HasErrors() {
		return nil, prepared{}, refusal(diags)
	}
	if len(prep.messages) < len(targetNames(when)) {
		return nil, prepared{}, errors.New("its message is not known even now")
	}
	return when, prep, nil
}

// refusal says in a line what diagnostics say.
func refusal(diags hcl.Diagnostics) error {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			return errors.New(strings.Join(strings.Fields(d.Summary+": "+d.Detail), " "))
		}
	}
	return errors.New("it cannot be evaluated")
}
