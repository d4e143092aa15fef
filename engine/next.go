package engine

import (
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// nextDue is the next due time of each schedule trigger of a job.
func nextDue(j *schema.Job, now time.Time) []Due {
	var all []Due
	for _, t := range j.Triggers {
		if s, ok := t.(*schema.ScheduleTrigger); ok {
			times := NewDueTimes(s, j.Address)
			if d := times.Next(now); !d.IsZero() {
				all = append(all, d)
			}
		}
	}
	return all
}
