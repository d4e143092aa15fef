package schema

import (
	"time"

	"github.com/hashicorp/hcl/v2"
)

// AfterTrigger fires a job when runs of other jobs have ended.
type AfterTrigger struct {
	Jobs      []string // addresses, sorted; it fires when a run of each has ended as On asks, since it last fired
	On        AfterOn
	Delay     time.Duration // from the end of the last of them
	DeclRange hcl.Range
}

// AfterOn says which ends of a run count.
type AfterOn string

const (
	AfterSuccess AfterOn = "success" // every delivery was accepted, or better (the default)
	AfterFailure AfterOn = "failure" // at least one was not
	AfterDone    AfterOn = "done"
)
