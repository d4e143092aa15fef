package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
	"github.com/notifyrun/notifyrun/schema"
)

var stateListCommand = &command{
	name: "state list", args: "[ADDRESS…] [PATH]",
	short: "list the jobs that the state knows of",
	long: `Lists the addresses of the jobs that the state has anything of: what was
applied, what phones have had, or a pause. With addresses, only the jobs there:
of a block all its instances, of a module all that is in it. What is no address
is the PATH.`,
	run: (*app).stateList,
}

// stateListJSON is state list -json.
type stateListJSON struct {
	FormatVersion string           `json:"format_version"`
	Type          string           `json:"type"` // "state list"
	State         string           `json:"state"`
	Serial        uint64           `json:"serial"`
	Jobs          []listedJobsJSON `json:"jobs"`
}

type listedJobsJSON struct {
	Address   string `json:"address"`
	Applied   bool   `json:"applied"`
	Delivered int    `json:"delivered"` // targets that have had a revision
	OpenRuns  int    `json:"open_runs"`
	Paused    bool   `json:"paused"`
}

func (a *app) stateList(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	addresses, path, err := a.parseAddresses(args)
	if err != nil {
		return err
	}
	led, place, state, err := a.readKnown(ctx, path, v)
	if err != nil {
		return err
	}
	defer led.Close()
	jobs := state.Addresses()
	if len(addresses) > 0 {
		if jobs, err = a.findKnown(state, addresses); err != nil {
			return err
		}
	}
	if !a.json {
		for _, job := range jobs {
			fmt.Fprintln(a.stdout, printable(job))
		}
		return nil
	}
	open := map[string]int{}
	for _, r := range state.Open {
		open[r.Job]++
	}
	out := stateListJSON{formatVersion, "state list", place, state.Serial, []listedJobsJSON{}}
	for _, job := range jobs {
		_, applied := state.Jobs[job]
		_, paused := state.Pauses[job]
		out.Jobs = append(out.Jobs, listedJobsJSON{job, applied, len(state.Delivered[job]), open[job], paused})
	}
	return writeJSON(a.stdout, out)
}

// parseAddresses is parse for the commands that take addresses and then a path:
// what is no address is the path.
func (a *app) parseAddresses(args []string) (addresses []string, path string, err error) {
	rest, err := a.parse(args)
	if err != nil {
		return nil, "", err
	}
	path = "."
	for i, arg := range rest {
		address, err := schema.ParseAddress(arg)
		switch {
		case err == nil:
			addresses = append(addresses, address)
		case i == len(rest)-1 && exists(arg):
			path = arg
		default:
			return nil, "", fmt.Errorf("%s: %w", a.cmd.name, err)
		}
	}
	return addresses, path, nil
}

// readKnown reads the state of the configuration at path, which must be there.
func (a *app) readKnown(ctx context.Context, path string, v values) (led *ledger.SQLite, place string, state *engine.State, err error) {
	place, _, err = a.stateAt(ctx, path, v)
	if err != nil {
		return nil, "", nil, err
	}
	if !exists(place) {
		return nil, "", nil, fmt.Errorf("%s: there is no state at %s yet", a.cmd.name, place)
	}
	led, err = a.reader(ctx, place)
	if err != nil {
		return nil, "", nil, err
	}
	if state, err = led.State(ctx); err != nil {
		led.Close()
		return nil, "", nil, err
	}
	return led, place, state, nil
}

// findKnown finds the jobs of a state that are at any of some addresses.
func (a *app) findKnown(state *engine.State, addresses []string) ([]string, error) {
	all := map[string]bool{}
	for _, address := range addresses {
		jobs, err := state.Find(address)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", a.cmd.name, address, err)
		}
		for _, job := range jobs {
			all[job] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}
