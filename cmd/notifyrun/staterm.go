package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
	"github.com/notifyrun/notifyrun/schema"
)

var stateRmCommand = &command{
	name: "state rm", args: "ADDRESS… [PATH]",
	short: "forget jobs, so that the next apply sends to everyone again",
	long: `Forgets what was applied of the jobs at these addresses, what their targets have
had, and their pauses. The history of their runs stays. It sends nothing; but
the next apply takes a job that is still declared for a new one, whose change
trigger fires for all of its targets.

A job with open runs is refused, and so is all of it while notifyrun serve is
running, which goes by what was applied.`,
	run: (*app).stateRm,
}

// stateRmJSON is state rm -json.
type stateRmJSON struct {
	FormatVersion string        `json:"format_version"`
	Type          string        `json:"type"` // "state rm"
	State         string        `json:"state"`
	DryRun        bool          `json:"dry_run"`
	Removed       []removedJSON `json:"removed"`
}

type removedJSON struct {
	Address   string `json:"address"`
	Delivered int    `json:"delivered"` // targets whose revision is forgotten
}

func (a *app) stateRm(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	dry := a.flags.Bool("dry-run", false, "say what would be forgotten, and forget nothing")
	addresses, path, err := a.parseAddresses(args)
	if err != nil {
		return err
	}
	if len(addresses) == 0 {
		return errors.New("state rm needs the address of a job, as in: notifyrun state rm sip_notify.reboot")
	}
	out := stateRmJSON{FormatVersion: formatVersion, Type: "state rm", DryRun: *dry, Removed: []removedJSON{}}
	out.State, _, err = a.editState(ctx, path, v, *dry, func(state *engine.State) (engine.Publication, error) {
		jobs, err := a.findKnown(state, addresses)
		if err != nil {
			return engine.Publication{}, err
		}
		for _, job := range jobs {
			if err := state.Idle(job); err != nil {
				return engine.Publication{}, fmt.Errorf("state rm: %w", err)
			}
			out.Removed = append(out.Removed, removedJSON{job, len(state.Delivered[job])})
		}
		return engine.Publication{Removed: jobs}, nil
	})
	if err != nil {
		return err
	}
	if a.json {
		return writeJSON(a.stdout, out)
	}
	verb := "Forgotten:"
	if *dry {
		verb = "Would be forgotten:"
	}
	targets := 0
	for _, r := range out.Removed {
		had := ""
		if r.Delivered > 0 {
			had = ", with what " + count(r.Delivered, "target") + " had"
		}
		targets += r.Delivered
		fmt.Fprintf(a.stdout, "%s %s%s\n", verb, printable(r.Address), had)
	}
	if targets > 0 {
		fmt.Fprintln(a.stdout)
		a.screen(a.stdout).note("While it is declared, the next apply takes such a job for a new one, and sends to all of its targets again; initial = \"record\" in its change trigger takes what they have for delivered.")
	}
	return nil
}

// editState publishes what edit makes of the state of the configuration at path,
// unless it is dry, and tells where that lies and what is configured, see stateAt. It does so under the lock: a daemon
// would go on with what it has read before.
func (a *app) editState(ctx context.Context, path string, v values, dry bool, edit func(*engine.State) (engine.Publication, error)) (place string, cfg *schema.Config, err error) {
	place, cfg, err = a.stateAt(ctx, path, v)
	if err != nil {
		return "", nil, err
	}
	if !exists(place) {
		return "", nil, fmt.Errorf("%s: there is no state at %s yet", a.cmd.name, place)
	}
	lock, err := ledger.Lock(place, a.cmd.name)
	var locked *ledger.LockedError
	if errors.As(err, &locked) && locked.Holder.Command == serveCommand.name {
		return "", nil, fmt.Errorf("%s: notifyrun serve (process %d on %s) goes by what was applied. To rename a job, write a moved block and apply; to forget one, take it out of the configuration and apply; or stop notifyrun serve first", a.cmd.name, locked.Holder.PID, locked.Holder.Host)
	}
	if err != nil {
		return "", nil, err
	}
	defer lock.Unlock()
	led, err := ledger.Open(ctx, place, ledger.ReadWrite)
	if err != nil {
		return "", nil, err
	}
	defer led.Close()
	state, err := led.State(ctx)
	if err != nil {
		return "", nil, err
	}
	p, err := edit(state)
	if err != nil || dry {
		return place, cfg, err
	}
	p.Base, p.Time = state.Serial, time.Now()
	return place, cfg, led.Publish(ctx, p)
}
