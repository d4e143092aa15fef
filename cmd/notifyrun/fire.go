package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

var fireCommand = &command{
	name: "fire", args: "ADDRESS [PATH]",
	short: "send one job by hand, now",
	long: `Fires the job at ADDRESS (as in sip_notify.reboot, or sip_notify.reboot["hq"])
over all its targets, or over those given by -only, whatever its triggers say.
Jobs without a trigger are sent only this way. It asks nothing: naming the job
is the approval. What a phone gets counts for the job's change trigger too.`,
	run: (*app).fire,
}

func (a *app) fire(ctx context.Context, args []string) error {
	var v values
	var only list
	a.flagSet()
	a.valueFlags(&v)
	a.refreshFlag(&v)
	a.fullFlag()
	a.logFlags("warn")
	a.flags.Var(&only, "only", "only to this `target`, as PJSIP/1001; may be repeated")
	address, path, err := a.parseOne(args, "the address of a job, as in: notifyrun fire sip_notify.reboot")
	if err != nil {
		return err
	}
	targets, err := dialNotation(only)
	if err != nil {
		return err
	}
	l, err := a.loadRead(ctx, path, v, true)
	if err != nil {
		return err
	}
	s, state, err := a.begin(ctx, l, "fire")
	if err != nil {
		return err
	}
	defer s.end()
	var warnings hcl.Diagnostics
	plan := func(state *engine.State) (*engine.Plan, error) {
		if err := a.asLastRead(ctx, l, v, state); err != nil {
			return nil, err
		}
		var p *engine.Plan
		var diags hcl.Diagnostics
		var err error
		if ended := unlessInterrupted(ctx, func() { p, diags, err = engine.NewFire(l.config, state, time.Now(), address, targets) }); ended != nil {
			return nil, ended
		}
		switch {
		case err != nil:
			a.warn(l.source, l.notRead(nil))
		case p != nil:
			diags = append(diags, l.notRead(p)...)
		}
		if err == nil && diags.HasErrors() {
			err = a.mistakes(l.source, diags)
		}
		warnings = slices.Concat(l.diags, diags)
		return p, err
	}
	p, err := plan(state)
	if err != nil {
		return err
	}
	a.showPlan(l, p, warnings)
	return s.execute(ctx, p, plan, "notifyrun apply -target "+shellQuote(address))
}

// dialNotation reads targets as given by hand and writes them as the plan does.
func dialNotation(only []string) ([]string, error) {
	all := make([]string, len(only))
	for i, s := range only {
		t, err := schema.ParseTarget(s)
		if err != nil {
			return nil, fmt.Errorf("read -only %s: %w", s, err)
		}
		all[i] = t.String()
	}
	return all, nil
}
