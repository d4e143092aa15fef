package engine

import (
	"strings"

	"github.com/notifyrun/notifyrun/schema"
)

// How the reasons begin for which a run leaves out a phone.
const (
	UnknownPhone = "unknown phone"                            // preset_for has nothing for it, and unknown_phone = "skip"
	OddContact   = "the URI of the contact cannot be sent to" // which a phone has registered
)

// Skip is a phone that a run leaves out: it is on record with the run, and is sent
// nothing.
type Skip struct{ Target, Reason string }

// SkippedForGood tells whether a delivery was skipped for such a reason, so that to try it again
// is for nothing.
func SkippedForGood(cause string) bool {
	return strings.HasPrefix(cause, UnknownPhone+":") || strings.HasPrefix(cause, OddContact+":")
}

// skips lists those that a run of a job leaves out.
func (p prepared) skips(j *schema.Job) []Skip {
	if len(p.skip) == 0 {
		return nil
	}
	var all []Skip
	for i, t := range j.Targets {
		if reason := p.skip[i]; reason != "" {
			all = append(all, Skip{t.String(), reason})
		}
	}
	return all
}
