package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/engine"
)

var planCommand = &command{
	name: "plan", args: "[PATH]",
	short: "show what an apply would change and send",
	long: `Compares the configuration at PATH (a directory or a file, default ".") with its
state and shows what would change, which phones would be notified with which
exact message, and when schedules are due next. It sends nothing and changes
nothing.`,
	run: (*app).plan,
}

// fullFlag is of the commands that show what may be too much for a screen.
func (a *app) fullFlag() {
	a.flags.BoolVar(&a.full, "full", false, "show each job, however many there are")
}

// planFlags narrow a plan down.
func (a *app) planFlags(opts *engine.Options) {
	a.flags.Var((*list)(&opts.Target), "target", "only the job at this `address`; may be repeated")
	a.flags.Var((*list)(&opts.Exclude), "exclude", "not the job at this `address`; may be repeated")
}

// narrowed are those flags as an operator types them.
func narrowed(opts engine.Options) string {
	var b strings.Builder
	for _, address := range opts.Target {
		b.WriteString(" -target " + shellQuote(address))
	}
	for _, address := range opts.Exclude {
		b.WriteString(" -exclude " + shellQuote(address))
	}
	return b.String()
}

func (a *app) plan(ctx context.Context, args []string) error {
	var v values
	var opts engine.Options
	a.flagSet()
	a.valueFlags(&v)
	a.refreshFlag(&v)
	a.planFlags(&opts)
	a.fullFlag()
	out := a.flags.String("out", "", "save the plan to a `file` for notifyrun apply")
	detailed := a.flags.Bool("detailed-exitcode", false, "exit with 2 if there is something to do")
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	if *out != "" {
		if err := planWritable(*out); err != nil {
			return err
		}
	}
	l, err := a.loadRead(ctx, path, v, narrowed(opts) != "")
	if err != nil {
		return err
	}
	state, err := a.readState(ctx, l)
	if err != nil {
		return err
	}
	p, diags, err := a.makePlan(ctx, l, state, opts)
	if err != nil {
		return err
	}
	if *out != "" {
		if err := savePlan(*out, path, l, p, opts); err != nil {
			return err
		}
	}
	a.showPlan(l, p, diags)
	if *out != "" && !a.json {
		fmt.Fprintf(a.stdout, "\nSaved to %s. To do exactly this: notifyrun apply %s\n", *out, *out)
		if secrets := l.config.Snapshot.Sensitive; len(secrets) > 0 {
			fmt.Fprintf(a.stdout, "It holds no sensitive values, defaults neither: apply needs those of %s again, from the environment, -var or -var-file.\n", strings.Join(secrets, ", "))
		}
	}
	if *detailed && (!p.Empty() || len(p.Moved) > 0) {
		return exitCode(exitChanges)
	}
	return nil
}

// readState reads the state beside others that may be writing it.
func (a *app) readState(ctx context.Context, l *loaded) (*engine.State, error) {
	led, err := a.reader(ctx, l.state)
	if err != nil {
		return nil, err
	}
	defer led.Close()
	state, err := led.State(ctx)
	if err != nil {
		return nil, err
	}
	state.Served = serves(l.state)
	return state, nil
}

// makePlan plans l against state; the diagnostics are warnings.
func (a *app) makePlan(ctx context.Context, l *loaded, state *engine.State, opts engine.Options) (*engine.Plan, hcl.Diagnostics, error) {
	if err := opts.Validate(l.config, state); err != nil {
		a.warn(l.source, l.notRead(nil)) // the job may be there by what could not be read
		return nil, nil, err
	}
	var p *engine.Plan
	var diags hcl.Diagnostics
	if err := unlessInterrupted(ctx, func() { p, diags = engine.NewPlan(l.config, state, time.Now(), opts) }); err != nil {
		return nil, nil, err
	}
	diags = append(l.diags, diags...)
	if p != nil {
		diags = append(diags, l.notRead(p)...)
	}
	if diags.HasErrors() {
		return nil, nil, a.mistakes(l.source, diags)
	}
	return p, diags, nil
}

func (a *app) showPlan(l *loaded, p *engine.Plan, warnings hcl.Diagnostics) {
	warnings = append(warnings, leftOut(p)...)
	if a.json {
		var files map[string]*hcl.File
		if len(warnings) > 0 { // to find the secrets in large files takes a while
			files = l.source.Files()
		}
		writePlanJSON(a.stdout, p, l.dataJSON(), toDiagnosticJSON(files, warnings))
		return
	}
	if !a.full {
		warnings = fewWarnings(warnings)
	}
	a.warn(l.source, warnings)
	v := planView{screen: a.screen(a.stdout), args: l.args, full: a.full}
	outputs := l.config.Outputs
	if p.ByHand {
		outputs = nil
	}
	if v.full {
		v.write(p)
		v.outputs(outputs, math.MaxInt)
		return
	}
	v.taken = v.rowsOf(v.lines(func(v planView) { v.outputs(outputs, fewOutputs) }))
	lines := v.lines(func(v planView) { v.write(p) })
	for _, line := range lines {
		v.printf("%s\n", line)
	}
	v.outputs(outputs, max(fewOutputs, twoScreens-v.rowsOf(lines)))
}

// fewWarnings leaves out those of many warnings of a kind that would push the plan
// off the screen, and says how many.
func fewWarnings(warnings hcl.Diagnostics) hcl.Diagnostics {
	const shown = 3 // of a kind
	kinds := map[string]int{}
	for _, d := range warnings {
		kinds[d.Summary]++
	}
	left := maps.Clone(kinds)
	var few hcl.Diagnostics
	for _, d := range warnings {
		all := kinds[d.Summary]
		left[d.Summary]--
		switch told := all - left[d.Summary]; {
		case all > shown+1 && told == shown:
			more := *d
			more.Detail = fmt.Sprintf("%s There are %s; -full shows them.", strings.TrimSpace(d.Detail), count(all-shown, "more such warning"))
			few = append(few, &more)
		case all <= shown+1 || told < shown:
			few = append(few, d)
		}
	}
	return few
}
