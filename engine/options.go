package engine

import (
	"fmt"
	"slices"

	"github.com/notifyrun/notifyrun/schema"
)

// Options narrow a plan down.
type Options struct {
	Target  []string `json:"target,omitempty"`  // addresses; only these jobs, if any are given
	Exclude []string `json:"exclude,omitempty"` // addresses; not these
}

// selects tells whether a job takes part. The address of a block selects all
// instances of it, and that of a module all that is in it.
//
// A job that is moved has two addresses, and either will do.
func (o Options) selects(addresses ...string) bool {
	match := func(pattern string) bool {
		return slices.ContainsFunc(addresses, func(a string) bool { return schema.Within(a, pattern) })
	}
	if slices.ContainsFunc(o.Exclude, match) {
		return false
	}
	return len(o.Target) == 0 || slices.ContainsFunc(o.Target, match)
}

// Validate refuses addresses that select nothing, which are most likely
// misspelt: leaving a job out by mistake can mean a lost notify.
func (o Options) Validate(cfg *schema.Config, state *State) error {
	known := addresses(cfg, state)
	for _, pattern := range slices.Concat(o.Target, o.Exclude) {
		if _, err := jobsAt(pattern, known); err != nil {
			return fmt.Errorf("select %s: %w", pattern, err)
		}
	}
	return nil
}
