package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

var stateMvCommand = &command{
	name: "state mv", args: "FROM TO [PATH]",
	short: "give a job another address, with all that it has had",
	long: `Has what the state knows of a job be that of another address, for a job that was
or will be renamed in the configuration: what was applied and delivered, up to
when its due times are settled, its pause. So the new name sends to nobody
again. The address of a block moves all its instances, that of a module all that
is in it. Runs that have ended keep the address that they were sent under, and
are found by either.

A moved block in the configuration does the same for everyone who applies it,
and beside notifyrun serve too. This is refused while notifyrun serve is
running, and for a job with open runs.`,
	run: (*app).stateMv,
}

// stateMvJSON is state mv -json.
type stateMvJSON struct {
	FormatVersion string      `json:"format_version"`
	Type          string      `json:"type"` // "state mv"
	State         string      `json:"state"`
	DryRun        bool        `json:"dry_run"`
	Moved         []movedJSON `json:"moved"`
}

type movedJSON struct {
	From string `json:"from"`
	To   string `json:"to"`
}

func (a *app) stateMv(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	dry := a.flags.Bool("dry-run", false, "say what would be moved, and move nothing")
	rest, err := a.parse(args)
	if err != nil {
		return err
	}
	if len(rest) < 2 {
		return errors.New("state mv needs two addresses, as in: notifyrun state mv sip_notify.reboot sip_notify.nightly_reboot")
	}
	path, err := a.path(rest[2:])
	if err != nil {
		return err
	}
	move, err := schema.ParseMove(rest[0], rest[1])
	if err != nil {
		return fmt.Errorf("state mv: %w", err)
	}
	out := stateMvJSON{FormatVersion: formatVersion, Type: "state mv", DryRun: *dry, Moved: []movedJSON{}}
	var cfg *schema.Config
	out.State, cfg, err = a.editState(ctx, path, v, *dry, func(state *engine.State) (engine.Publication, error) {
		moved, err := state.Move(move)
		if err != nil {
			return engine.Publication{}, fmt.Errorf("state mv %s %s: %w", move.From, move.To, err)
		}
		for _, m := range moved {
			out.Moved = append(out.Moved, movedJSON{m.From, m.To})
		}
		return engine.Publication{Moved: moved}, nil
	})
	if err != nil {
		return err
	}
	if a.json {
		return writeJSON(a.stdout, out)
	}
	verb := "Moved"
	if *dry {
		verb = "Would move"
	}
	for _, m := range out.Moved {
		fmt.Fprintf(a.stdout, "%s %s to %s\n", verb, printable(m.From), printable(m.To))
	}
	if undeclared := out.undeclared(cfg); len(undeclared) > 0 {
		fmt.Fprintln(a.stdout)
		a.screen(a.stdout).note(fmt.Sprintf("The configuration does not declare %s: until it does, a plan removes what it does not declare.", names(undeclared, itself)))
	}
	return nil
}

// undeclared are the new addresses that a configuration has not; nil: it is not
// known.
func (out stateMvJSON) undeclared(cfg *schema.Config) (all []string) {
	if cfg == nil {
		return nil
	}
	for _, m := range out.Moved {
		if !slices.ContainsFunc(cfg.Jobs, func(j *schema.Job) bool { return j.Address == m.To }) {
			all = append(all, m.To)
		}
	}
	return all
}
