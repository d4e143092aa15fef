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
// paused jobs stay as they are.
func (s *Serving) reopen(open []OpenRun, paused map[string]Pause, now time.Time) ([]*Work, Batch) {
	var works []*Work // oldest first, as open is
	b := Batch{Time: now}
	last := map[string]int{} // the last run of jobs whose runs cancel the previous ones
	for i, r := range open {
		if j := s.Jobs[r.Job]; j != nil && overlap(j, r.Cause) == schema.OverlapCancelPrevious {
			last[r.Job] = i
		}
	}
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
			for _, d := range r.Deliveries {
				if !d.Outcome.Final() && d.Outcome != InFlight {
					b.Attempts = append(b.Attempts, canceled(r.ID, d.Seq, reason, now))
				}
			}
			b.Ended = append(b.Ended, r.ID)
		}
		j, prep, err := s.prepared(r)
		switch {
		case j == nil:
			cancel("the job was removed")
			continue
		case err != nil:
			cancel("it can be sent no longer: " + err.Error())
			continue
		case last[r.Job] > i:
			cancel(supersededReason)
			continue
		}
		res, cancels := resume(j, r, index(j, prep))
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
			RunHeader: r.RunHeader, Job: j, Deliveries: res.Deliveries,
			Queued: overlap(j, r.Cause) == schema.OverlapQueue,
		})
	}
	return works, b
}

// supersededReason is why overlap = "cancel_previous" ends a run.
const supersededReason = "a later run of the job began"

func canceled(run string, seq int, reason string, now time.Time) Attempt {
	return Attempt{Run: run, Seq: seq, Outcome: Canceled, Text: reason, Started: now, Finished: now}
}

// prepared gives the job of an open run as it was when it fired.
func (s *Serving) prepared(r OpenRun) (*schema.Job, prepared, error) {
	j := s.Jobs[r.Job]
	if j == nil {
		return nil, prepared{}, nil
	}
	if r.Cause.Fired == nil || j.TriggerDigest() == "" {
		return j, s.prep[r.Job], nil
	}
	when, prep, err := prepareFired(j, *r.Cause.Fired)
	if err != nil {
		return j, prep, err
	}
	return when, prep, nil
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
