package engine

import "github.com/notifyrun/notifyrun/schema"

// Resumption is the rest of an open run that an apply goes on with.
type Resumption struct {
	Run        RunHeader
	Job        *schema.Job // as it was when it fired
	Deliveries []DeliveryState
	Waits      []Waited // runs that have to succeed before
}

// Cancellation is the part of an open run that no longer applies.
type Cancellation struct {
	Run        RunHeader
	Deliveries []DeliveryState
	Reason     string
	Ends       bool // nothing of the run is left
}

// wanted is what a target is to get now.
type wanted struct{ message, revision, skip string }

// reopenRun is resume for a run that may have been fired by something that its
// targets and messages go by.
func reopenRun(j *schema.Job, r OpenRun, now map[string]wanted) (Resumption, []Cancellation) {
	if r.Cause.Fired == nil || !j.UsesTrigger() {
		return resume(j, r, now)
	}
	when, prep, err := prepareFired(j, *r.Cause.Fired)
	if err == nil {
		return resume(when, r, index(when, prep))
	}
	c := Cancellation{Run: r.RunHeader, Deliveries: pending(r), Reason: "it can be sent no longer: " + err.Error()}
	return Resumption{Run: r.RunHeader, Job: j}, []Cancellation{c}
}

// resume splits what is left of an open run into what still applies and what
// does not. It sees in-flight deliveries as Recover will leave them: unknown.
func resume(j *schema.Job, r OpenRun, now map[string]wanted) (Resumption, []Cancellation) {
	res := Resumption{Run: r.RunHeader, Job: j}
	byReason := map[string]*Cancellation{}
	var cancels []*Cancellation
	for _, d := range r.Deliveries {
		unknown := d.Outcome == Unknown || d.Outcome == InFlight
		if d.Outcome.Final() && !unknown || unknown && j.OnUnknown == schema.Hold {
			continue
		}
		reason := ""
		want, ok := now[d.Target]
		switch {
		case !j.Enabled:
			reason = "the job is disabled"
		case r.PBX != j.PBX.Address:
			reason = "the job has moved to " + j.PBX.Address
		case !ok:
			reason = "the target is no longer in the configuration"
		case want.message != d.Message:
			reason = "the message has changed since"
		case want.revision != d.Revision: // the change trigger sends it anew
			reason = "the revision has changed since"
		}
		if reason == "" {
			d.Skip = want.skip
			res.Deliveries = append(res.Deliveries, d)
			continue
		}
		c := byReason[reason]
		if c == nil {
			c = &Cancellation{Run: r.RunHeader, Reason: reason}
			byReason[reason] = c
			cancels = append(cancels, c)
		}
		c.Deliveries = append(c.Deliveries, d)
	}
	if len(cancels) == 0 && len(res.Deliveries) == 0 {
		// Everything is final but the run was not ended: the writer died between the two.
		cancels = append(cancels, &Cancellation{Run: r.RunHeader})
	}
	out := make([]Cancellation, len(cancels))
	for i, c := range cancels {
		out[i] = *c
	}
	return res, out
}
