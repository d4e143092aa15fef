package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// NewFire plans one firing of a job by hand, whatever its triggers say: a plan
// that changes nothing else. With only, the run is over these of the job's
// targets. What a phone gets this way counts for the job's change trigger too.
func NewFire(cfg *schema.Config, state *State, now time.Time, address string, only []string) (*Plan, hcl.Diagnostics, error) {
	j, err := FindJob(cfg, address)
	if err != nil {
		return nil, nil, fmt.Errorf("fire %s: %w", address, err)
	}
	switch {
	case !j.Enabled:
		return nil, nil, fmt.Errorf("fire %s: the job is disabled (enabled = false)", address)
	}
	moved, _ := findMoved(cfg.Moves, state)
	present := state.renamed(moved)
	if p, ok := present.Pauses[address]; ok {
		return nil, nil, fmt.Errorf("fire %s: it is paused by %s since %s (%s); notifyrun resume lets it go on", address, p.By, p.Since.UTC().Format(time.RFC3339), p.Reason)
	}
	if state.Served {
		then := j
		if state.LastRead != nil {
			if then, err = FindJob(state.LastRead, address); err != nil {
				return nil, nil, fmt.Errorf("fire %s: it was not applied yet, as the data sources were then, and notifyrun serve, which is to send it, goes by what was applied; apply it first", address)
			}
		}
		diags, err := asApplied(then, state)
		if err != nil || diags.HasErrors() {
			return nil, diags, err
		}
	}
	byHand := schema.Fired{Kind: "fire"}
	j, diags := j.When(byHand)
	if diags.HasErrors() {
		return nil, diags, nil
	}
	prep, more := prepareJob(j)
	if diags = append(diags, more...); diags.HasErrors() {
		return nil, diags, nil
	}
	names := targetNames(j)
	for _, t := range only {
		if !slices.Contains(names, t) {
			return nil, nil, fmt.Errorf("fire %s: %s is not one of its %d targets", address, t, len(names))
		}
	}
	jp := &JobPlan{Address: address, Op: NoOp, Job: j, First: prep.first}
	jp.Fire = &Firing{Cause: Cause{Kind: "fire"}}
	if j.UsesTrigger() {
		jp.Fire.Cause.Fired = &byHand
	}
	for i, name := range names {
		if len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		if i >= len(prep.messages) {
			return nil, nil, fmt.Errorf("fire %s: its message is known only when a trigger fires it", address)
		}
		if reason := prep.skip[i]; reason != "" {
			jp.Fire.Skips = append(jp.Fire.Skips, Skip{name, reason})
			continue
		}
		d := Delivery{Seq: len(jp.Fire.Deliveries), Target: name, Message: prep.messages[i]}
		if prep.revisions != nil {
			d.Revision = prep.revisions[i]
		}
		jp.Fire.Deliveries = append(jp.Fire.Deliveries, d)
	}
	switch {
	case len(jp.Fire.Deliveries) > 0:
	case len(jp.Fire.Skips) > 0:
		return nil, nil, fmt.Errorf("fire %s: nothing is to be sent to %s: %s", address, jp.Fire.Skips[0].Target, jp.Fire.Skips[0].Reason)
	default:
		return nil, nil, fmt.Errorf("fire %s: it has no targets", address)
	}
	if !state.Served { // else the daemon's to write: it may be sending them
		jp.Cancel = supersede(present, jp.Fire, address)
	}
	jp.window(nil, now)
	jp.Fire.First = firstSent(j, jp.Fire.Deliveries[0].Target, prep)
	jp.tell(prep)
	return &Plan{Config: cfg, State: state, Now: now, Jobs: []*JobPlan{jp}, ByHand: true}, diags, nil
}

// asApplied refuses to fire a job that is not as it was applied: a daemon, which
// sends by what was applied, would end the run as one that applies no longer.
func asApplied(j *schema.Job, state *State) (hcl.Diagnostics, error) {
	prep, diags := prepareJob(j)
	if diags.HasErrors() {
		return diags, nil
	}
	was, known := state.Jobs[j.Address]
	switch now := applied(j.Address, spec(j, prep.first, digest(prep.messages...))); {
	case !known:
		return nil, fmt.Errorf("fire %s: it was never applied, and notifyrun serve, which is to send it, goes by what was applied; apply it first", j.Address)
	case was.Digest != now.Digest:
		return nil, fmt.Errorf("fire %s: it has been changed and not applied, and notifyrun serve, which is to send it, goes by what was applied; apply it first", j.Address)
	}
	return nil, nil
}

// supersede cancels what open runs of a job still have for the targets of a new
// firing, so that no phone is told twice: by this run, and by an apply that
// goes on with the others.
func supersede(state *State, f *Firing, address string) []Cancellation {
	fires := make(map[string]bool, len(f.Deliveries))
	for _, d := range f.Deliveries {
		fires[d.Target] = true
	}
	var cancels []Cancellation
	for _, r := range state.Open {
		if r.Job != address {
			continue
		}
		c := Cancellation{Run: r.RunHeader, Reason: "a later run sends to the same targets", Ends: true}
		for _, d := range r.Deliveries {
			switch {
			case d.Outcome.Final(), d.Outcome == InFlight: // unknown, once recovered
			case fires[d.Target]:
				c.Deliveries = append(c.Deliveries, d)
			default:
				c.Ends = false
			}
		}
		if len(c.Deliveries) > 0 {
			cancels = append(cancels, c)
		}
	}
	return cancels
}
