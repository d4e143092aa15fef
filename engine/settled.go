package engine

import (
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// settled are the schedules of a job that an apply makes, or makes due at other
// times: they have missed nothing before. Those that stay keep what is settled,
// so that an apply is no way to lose a due time.
func (jp *JobPlan) settled(had map[string]AppliedJob, now time.Time) []Settled {
	if jp.Job == nil || !jp.Job.Enabled || jp.Op == NoOp {
		return nil
	}
	var was map[int]string
	if jp.Op == Change {
		was = appliedSchedules(decodeSpec(had[jp.Address]))
	}
	var all []Settled
	for i, t := range jp.Job.Triggers {
		if t, ok := t.(*schema.ScheduleTrigger); ok && was[i] != scheduleText(t) {
			all = append(all, Settled{TriggerKey{jp.Address, i}, now})
		}
	}
	return all
}

// scheduleText is what a spec has of when a schedule is due.
func scheduleText(t *schema.ScheduleTrigger) string { return t.Cron + " " + t.Zone.String() }

// Schedules are the schedules that were applied of the job, with their zones, by
// their index among its triggers.
func (j AppliedJob) Schedules() map[int]string {
	if j.Spec == nil {
		return nil
	}
	return appliedSchedules(decodeSpec(j))
}

// leads are the attributes of which each trigger has one, its first.
var leads = map[string]bool{"on change of": true, "schedule": true, "event": true, "after": true}

// appliedSchedules finds the schedules in a spec, by their index among the
// triggers. A job that was disabled had none.
func appliedSchedules(spec []Attr) map[int]string {
	all := map[int]string{}
	n := 0
	for _, a := range spec {
		switch {
		case a.Sent: // may have any name
			continue
		case a.Name == "enabled" && a.Value == "false":
			return nil
		case !leads[a.Name]:
			continue
		case a.Name == "schedule":
			all[n] = a.Value
		}
		n++
	}
	return all
}
