package engine

import (
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// unrecorded is why a delivery is unknown whose lane has ended without its end:
// the ledger could not be written then.
const unrecorded = "its end could not be recorded when it came"

// reopen gives what is to be driven of the open runs under a configuration, and
// what is to be recorded of those that no longer apply. No lane may be driving
// them: what is in flight has no one left who waits for its end. The runs of
// paused jobs stay as they are, and so do those that wait for others, unless these
// have failed. In read are jobs as they are with what was read for them.
func (s *Serving) reopen(open []OpenRun, read map[string]*reread, paused map[string]Pause, now time.Time) ([]*Work, Batch) {
	var works []*Work // oldest first, as open is
	b := Batch{Time: now}
	last := lastToCancel(open, func(r OpenRun) *schema.Job { return s.Jobs[r.Job] })
	for i, r := range open {
		for _, d := range r.Deliveries {
			if d.Outcome == InFlight {
				b.Attempts = append(b.Attempts, Attempt{Run: r.ID, Seq: d.Seq, N: d.Attempts, Outcome: Unknown, Text: unrecorded, Started: now, Finished: now})
			}
		}
		if _, ok := paused[r.Job]; ok {
			continue
		}
		cancel := func(reason string) {
			for _, d := range pending(r) {
				b.Attempts = append(b.Attempts, canceled(r.ID, d.Seq, reason, now))
			}
			b.Ended = append(b.Ended, r.ID)
		}
		j, prep := s.Jobs[r.Job], s.prep[r.Job]
		if now := read[r.Job]; now != nil && r.Cause.Kind != "change" {
			j, prep = now.now, now.prep
		}
		switch {
		case j == nil:
			cancel("the job was removed")
			continue
		case last[r.Job] > i:
			cancel(supersededReason)
			continue
		}
		if failed := failedWait(r.Waits); failed != nil {
			cancel(failed.reason())
			continue
		}
		if len(r.Waits) > 0 {
			continue
		}
		res, cancels := reopenRun(j, r, index(j, prep))
		for _, c := range cancels {
			for _, d := range c.Deliveries {
				b.Attempts = append(b.Attempts, canceled(r.ID, d.Seq, c.Reason, now))
			}
		}
		if len(res.Deliveries) == 0 {
			b.Ended = append(b.Ended, r.ID)
			continue
		}
		works = append(works, &Work{
			RunHeader: r.RunHeader, Job: res.Job, Deliveries: res.Deliveries,
			Queued: overlap(j, r.Cause) == schema.OverlapQueue,
		})
	}
	return works, b
}

// known are those of the open runs of a state that a daemon may drive or end by
// this configuration. What an apply has started by a newer one waits until the
// daemon goes by that: by this one it would be sent as it was never planned, or
// end as something that has changed since. So do the runs of jobs that were moved
// since, which would end as those of jobs that are no more.
func (s *Serving) known(open []OpenRun, newest uint64, moved []Moved) []OpenRun {
	to := movedSince(moved, s.renames)
	if newest <= s.Serial && len(to) == 0 {
		return open
	}
	renamed := map[string]bool{}
	for _, job := range to {
		renamed[job] = true
	}
	var known []OpenRun
	for _, r := range open {
		published := newest > s.Serial && r.Serial >= newest && (r.Cause.Kind == "change" || r.Cause.Kind == "fire")
		if !published && !renamed[r.Job] {
			known = append(known, r)
		}
	}
	return known
}

// pending are the deliveries of a run that nobody has sent.
func pending(r OpenRun) []DeliveryState {
	var left []DeliveryState
	for _, d := range r.Deliveries {
		if !d.Outcome.Final() && d.Outcome != InFlight {
			left = append(left, d)
		}
	}
	return left
}

// lastToCancel finds, by job, the place of the last of the open runs that ends
// those of its job before it.
func lastToCancel(open []OpenRun, job func(OpenRun) *schema.Job) map[string]int {
	last := map[string]int{}
	for i, r := range open {
		if j := job(r); j != nil && overlap(j, r.Cause) == schema.OverlapCancelPrevious {
			last[r.Job] = i
		}
	}
	return last
}

// supersededReason is why overlap = "cancel_previous" ends a run.
const supersededReason = "a later run of the job began"

func canceled(run string, seq int, reason string, now time.Time) Attempt {
	return Attempt{Run: run, Seq: seq, Outcome: Canceled, Text: reason, Started: now, Finished: now}
}

// overlap is what the schedule says that a run was fired by; "" if none did.
func overlap(j *schema.Job, c Cause) schema.Overlap {
	if c.Kind != "schedule" || c.Trigger >= len(j.Triggers) {
		return ""
	}
	if t, ok := j.Triggers[c.Trigger].(*schema.ScheduleTrigger); ok {
		return t.Overlap
	}
	return ""
}
