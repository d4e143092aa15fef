package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/notifyrun/notifyrun/schema"
)

// Options narrow a plan down.
type Options struct {
	Target  []string `json:"target,omitempty"`  // addresses; only these jobs, if any are given
	Exclude []string `json:"exclude,omitempty"` // addresses; not these
}

// selects tells whether a job takes part. The address of a block selects all
// instances of it.
func (o Options) selects(address string) bool {
	match := func(pattern string) bool {
		return address == pattern || strings.HasPrefix(address, pattern+"[")
	}
	if slices.ContainsFunc(o.Exclude, match) {
		return false
	}
	return len(o.Target) == 0 || slices.ContainsFunc(o.Target, match)
}

// Validate refuses addresses that select nothing, which are most likely
// misspelt: leaving a job out by mistake can mean a lost notify.
func (o Options) Validate(cfg *schema.Config, state *State) error {
	for _, pattern := range slices.Concat(o.Target, o.Exclude) {
		one := Options{Target: []string{pattern}}
		found := slices.ContainsFunc(cfg.Jobs, func(j *schema.Job) bool { return one.selects(j.Address) })
		for address := range state.Jobs {
			found = found || one.selects(address)
		}
		if !found {
			return fmt.Errorf("select %s: there is no such job in the configuration or the state", pattern)
		}
	}
	return nil
}
