package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/notifyrun/notifyrun/schema"
)

// addresses are those of all jobs that are declared, applied or paused.
func addresses(cfg *schema.Config, state *State) []string {
	var known []string
	if cfg != nil {
		for _, j := range cfg.Jobs {
			known = append(known, j.Address)
		}
	}
	if state != nil {
		known = slices.AppendSeq(known, maps.Keys(state.Jobs))
		known = slices.AppendSeq(known, maps.Keys(state.Pauses))
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// FindJobs returns the addresses of the jobs that are declared or applied at an
// address, which may be that of a block with all its instances, or an error that
// says which one may have been meant. The configuration may be nil.
func FindJobs(cfg *schema.Config, state *State, address string) ([]string, error) {
	return jobsAt(address, addresses(cfg, state))
}

// jobsAt returns those of the known addresses that are at one, or an error that says
// which one may have been meant.
func jobsAt(address string, known []string) ([]string, error) {
	var found []string
	for _, job := range known {
		if schema.Within(job, address) {
			found = append(found, job)
		}
	}
	if len(found) == 0 {
		return nil, unknownAddress(address, known)
	}
	return found, nil
}

// FindJob returns the job at an address, or an error that says which one may
// have been meant.
func FindJob(cfg *schema.Config, address string) (*schema.Job, error) {
	for _, j := range cfg.Jobs {
		if j.Address == address {
			return j, nil
		}
	}
	return nil, unknownAddress(address, addresses(cfg, nil))
}

// unknownAddress says that no job has the address, and which have one that is
// nearly it: the instances of a block, or another spelling, which may be that of a
// block or of a module.
func unknownAddress(address string, known []string) error {
	const shown = 5
	var instances []string
	best, distance := "", 4
	seen := map[string]bool{}
	for _, k := range known {
		if strings.HasPrefix(k, address+"[") {
			instances = append(instances, k)
		}
		for _, at := range schema.Containers(k) {
			if seen[at] {
				continue
			}
			seen[at] = true
			if d := levenshtein.Distance(address, at, nil); d < distance {
				best, distance = at, d
			}
		}
	}
	switch n := len(instances); {
	case n > shown:
		return fmt.Errorf("it has %d instances; name one of them, such as %s", n, strings.Join(instances[:shown], ", "))
	case n > 0:
		return fmt.Errorf("it has instances; name one of them: %s", strings.Join(instances, ", "))
	case best != "":
		return fmt.Errorf("there is no such job. Did you mean %s?", best)
	}
	return errors.New("there is no such job")
}
