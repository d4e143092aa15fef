package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/notifyrun/notifyrun/engine"
)

var applyCommand = &command{
	name: "apply", args: "[PATH | PLANFILE]",
	short: "do what the plan shows: record it, send it, log every result",
	long: `Makes a plan as notifyrun plan does, asks for approval, records what is to be
sent, sends it, and records what comes of each delivery. Applying again sends
only to the phones that have not had the present revision, and goes on with
runs that were interrupted. With a file made by plan -out it does exactly that
plan, without asking, or refuses if the state, or what data sources say of the
phones, has moved since.

The first Ctrl-C stops sending, records the answers still due and says how to
resume; the second ends the program at once. Beside notifyrun serve, which does
the sending then, it ends the watching alone.`,
	run: (*app).apply,
}

// applyFlags are those of the commands that send.
type applyFlags struct {
	values values
	opts   engine.Options
	yes    bool
}

func (a *app) apply(ctx context.Context, args []string) error {
	var f applyFlags
	a.flagSet()
	a.valueFlags(&f.values)
	a.refreshFlag(&f.values)
	a.planFlags(&f.opts)
	a.fullFlag()
	a.logFlags("warn")
	a.flags.BoolVar(&f.yes, "auto-approve", false, "do not ask")
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	saved, err := readPlan(path)
	if err != nil {
		return err
	}
	if saved != nil {
		return a.applySaved(ctx, path, saved, f)
	}
	if a.json && !f.yes {
		return errors.New("apply -json cannot ask for approval; add -auto-approve, or apply a file made by plan -out")
	}
	l, err := a.loadRead(ctx, path, f.values, narrowed(f.opts) != "")
	if err != nil {
		return err
	}
	s, state, err := a.begin(ctx, l, "apply")
	if err != nil {
		return err
	}
	defer s.end()
	p, warnings, err := a.makePlan(ctx, l, state, f.opts)
	if err != nil {
		return err
	}
	a.showPlan(l, p, warnings)
	if p.Empty() {
		return s.republish(ctx, p)
	}
	if !f.yes {
		if err := a.approve(ctx, "notifyrun will record and send what is shown above.", "apply canceled: nothing was recorded and nothing was sent"); err != nil {
			return err
		}
	}
	return s.execute(ctx, p, func(state *engine.State) (*engine.Plan, error) {
		p, _, err := a.makePlan(ctx, l, state, f.opts)
		return p, err
	}, "notifyrun apply"+narrowed(f.opts))
}

// applySaved does what a saved plan says, and nothing else.
func (a *app) applySaved(ctx context.Context, file string, saved *planFile, f applyFlags) error {
	if len(f.opts.Target)+len(f.opts.Exclude) > 0 {
		return errors.New("apply of a saved plan takes no -target and no -exclude: the plan has them already")
	}
	for _, given := range f.values.assignments {
		if given.File == "" && !slices.Contains(saved.Snapshot.Sensitive, given.Name) {
			return fmt.Errorf("apply of a saved plan takes no -var %s: the plan has the values of all variables but the sensitive ones; plan again to change one", given.Name)
		}
	}
	read, kept := a.live(ctx, false), fromSnapshot(saved.Snapshot, "Plan again.")
	var missed []unread
	switch {
	case f.values.stale:
		read = kept
	case narrowed(saved.Options) != "":
		read = a.liveOr(ctx, kept, &missed)
	}
	l, err := a.loadData(ctx, saved.Snapshot.Source(), nil, f.values, read)
	if err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	l.args, l.unread = arguments(saved.Path, f.values, saved.Snapshot.Sensitive), missed
	if f.values.state == "" {
		l.state = saved.State
	}
	if f.values.stale {
		a.noteAge(l)
	}
	s, state, err := a.begin(ctx, l, "apply")
	if err != nil {
		return err
	}
	defer s.end()
	again := func(state *engine.State) (*engine.Plan, error) {
		p, _, err := a.makePlan(ctx, l, state, saved.Options)
		if err != nil {
			return nil, err
		}
		switch {
		case state.Serial != saved.Serial || state.Lineage != saved.Lineage && saved.Lineage != "":
			return nil, fmt.Errorf("apply %s: the plan is stale: the state has been applied to since it was made (serial %d then, %d now); plan again", file, saved.Serial, state.Serial)
		case p.Digest() != saved.Digest:
			if err := a.movedSince(ctx, saved, l, p, f.values, kept); err != nil {
				return nil, fmt.Errorf("apply %s: the plan is stale: %w; plan again", file, err)
			}
			return nil, fmt.Errorf("apply %s: the plan is stale: it would no longer do what it did when it was made (deliveries, variables or the plan file have changed); plan again", file)
		}
		return p, nil
	}
	p, err := again(state)
	if err != nil {
		return err
	}
	a.showPlan(l, p, l.notRead(p))
	if p.Empty() {
		return s.republish(ctx, p)
	}
	return s.execute(ctx, p, again, "notifyrun apply"+narrowed(saved.Options))
}

// approve asks for the word yes. Ctrl-C at the prompt is a no.
func (a *app) approve(ctx context.Context, what, canceled string) error {
	fmt.Fprintf(a.stdout, "\n%s\n  %s\n  Only \"yes\" is taken as approval.\n\n  %s ",
		a.style(a.stdout).bold("Do you want to do this?"), what, a.style(a.stdout).bold("Enter a value:"))
	var text string
	ended := unlessInterrupted(ctx, func() { text, _ = bufio.NewReader(a.stdin).ReadString('\n') })
	fmt.Fprintln(a.stdout)
	switch {
	case ended != nil:
		return ended
	case strings.TrimSpace(text) == "yes":
		return nil
	}
	return errors.New(canceled)
}
